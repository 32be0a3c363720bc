//! Proves what a log says: WebAuthn assertions, signed acts, permits, the
//! replay of whole logs, proof bundles and exports.
//!
//! No async, no network, no clock, no trust in whoever handed the bytes over.
//! Out of scope: trees and notes (`vidimus-ledger`), the rules that need no
//! cryptography (`vidimus-protocol`).
//!
//! The rules are written down in `docs/spec/`.

pub mod act;
pub mod assertion;
pub mod attestation;
mod authenticator;
pub mod bundle;
mod cbor;
pub mod certificate;
mod client_data;
pub mod cose;
mod evaluations;
pub mod export;
mod judge;
mod opening;
pub mod packed;
mod parallel;
pub mod permit;
pub mod replay;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
#[cfg(test)]
mod vectors;

pub use authenticator::{AuthenticatorError, Flags};
pub use cbor::CborError;
pub use client_data::ClientDataError;
