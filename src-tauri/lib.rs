//! The Vidimus desktop approval console.
