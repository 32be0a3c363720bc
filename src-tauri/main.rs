//! The Vidimus desktop approval console.
fn main() {}
