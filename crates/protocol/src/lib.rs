//! Ids, actions, ledger entries, canonical bytes, digests and the lifecycle
//! reducer of Vidimus.
//!
//! Everything is pure: no I/O, no clock, no randomness. The gateway enforces,
//! the console shows and the verifier proves with this one crate.
//!
//! Out of scope: hashing of trees and parts (`vidimus-ledger`), signatures
//! (`vidimus-verify`), the network (`vidimus-client`, `vidimus-gateway`).
//!
//! The formats are written down in `docs/spec/`.

pub mod action;
pub mod api;
pub mod bytes;
pub mod diff;
pub mod edit;
pub mod entry;
pub mod envelope;
pub mod id;
pub mod model;
#[cfg(feature = "openapi")]
mod openapi;
pub mod permit;
pub mod shape;
pub mod state;
pub mod strict;
pub mod time;
pub mod trust;

pub use bytes::{Blob, Digest, sha256};
pub use entry::{Entry, Kind, Leaf};
pub use id::{
    ActionId, Actor, AgentId, DelegationId, ExecutorId, GrantId, PermitId, ReviewerId, RunId,
};
pub use model::{Aaguid, Model};
pub use state::{State, Violation};
pub use time::Time;
