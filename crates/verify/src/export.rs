//! Exports: a whole log with its parts in one file, in one encoding.
//!
//! [`Writer`] makes one, [`verify`] checks one with nothing else at hand but a
//! trust file, and names the place of what is wrong. Out of scope: where the bytes come from and go to.
//! Spec: `docs/spec/export.md`.

mod at_least;
mod facts;
mod hashes;
mod leaves;
mod lines;
mod parts;
mod report;
mod verify;
mod walk;
mod writer;

use serde::{Deserialize, Serialize};
use vidimus_ledger::note::MAX_NOTE_BYTES;
use vidimus_protocol::action::MAX_INPUTS;
use vidimus_protocol::{Blob, Digest};

pub use at_least::{AtLeast, AtLeastError};
pub use report::{
    Actions, Bytes, Check, Conclusion, Decider, Finding, Report, Row, Section, TimeRange, Wrong,
};
pub use verify::{Given, Progress, verify};
pub use walk::{WalkError, Walked, walk};
pub use writer::{WriteError, Writer};

/// Format version.
const VERSION: u64 = 1;
const TYPE: &str = "vidimus-export";
/// Longest header: a note with every byte escaped, and the rest.
const MAX_HEADER: usize = 6 * MAX_NOTE_BYTES + 512;
/// Longest part line: the largest part in base64, and the rest.
const MAX_PART_LINE: usize = MAX_INPUTS / 3 * 4 + 1024;
const MAX_TRAILER: usize = 128;

/// First line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// A signed note over exactly the leaves in this file.
    checkpoint: String,
    /// Log id: hash of the first leaf.
    log: Digest,
    /// Number of part lines.
    parts: u64,
    /// Number of hash lines and of leaf lines.
    size: u64,
    r#type: String,
    v: u64,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartLine {
    bytes: Blob,
    /// The entry that commits to it.
    index: u64,
    name: String,
    salt: Digest,
    r#type: String,
}

/// Last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    /// SHA-256 of every byte before this line.
    sha256: Digest,
}

#[cfg(test)]
mod tests;
