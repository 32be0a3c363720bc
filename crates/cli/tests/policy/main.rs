//! The built command: `vidimus policy`.
#![allow(clippy::unwrap_used)]

mod files;
mod logs;
mod shadow;
mod world;
