//! What others published to test verifiers with, and what this crate makes of it.

mod level_3;
mod wycheproof;
