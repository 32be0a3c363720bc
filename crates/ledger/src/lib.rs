//! The ledger's bytes: RFC 6962 tree, proofs, signed notes, checkpoints and part commitments.
//!
//! In scope: hashing leaves, growing a tree, making and checking proofs, signing and opening
//! checkpoints, committing to parts. Out of scope: what a leaf means, storage, clocks and key
//! custody; leaves arrive as bytes, times and keys as arguments.
//!
//! Specification: `docs/spec/tree.md`.

pub mod checkpoint;
pub mod note;
pub mod part;
pub mod proof;
pub mod tree;

pub use proof::ProofError;
pub use tree::{Hash, MemoryTree};
