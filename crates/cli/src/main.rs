//! The `vidimus` command.
fn main() {}
