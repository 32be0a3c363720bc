//! A verified local copy of one log: bytes and proofs, no judgement.
//!
//! What is in here was signed for by the log's key, in this order, with nothing
//! in between. A checkpoint is pinned with what it covers, and whatever is read
//! is held against the tree again.
//!
//! Out of scope: what entries mean (`vidimus-verify`), where they come from
//! (`vidimus-client`), and freshness.
//!
//! Specification: `docs/spec/feed.md` and `docs/spec/tree.md`.

mod ack;
mod journal;
mod open;
mod parts;
mod sync;

use std::fs::File;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension as _, params};
use vidimus_ledger::MemoryTree;
use vidimus_ledger::checkpoint::{self, SignedCheckpoint};
use vidimus_ledger::note::VerifierKey;
use vidimus_ledger::tree::leaf_hash;
use vidimus_protocol::Digest;
use vidimus_protocol::entry::{Data, Leaf, LogOpened, Parsed};

pub use ack::{AckError, AckState};
pub use open::{LookError, OpenError};
pub use parts::PartError;
pub use sync::{AdoptError, Applied, SyncError};

/// The copy, one owner at a time; [`Mirror::open_read_only`] gives others a
/// look.
#[derive(Debug)]
pub struct Mirror {
    db: Connection,
    /// The leaves that are stored.
    tree: MemoryTree,
    /// Which log it is, from its adoption on.
    log: Option<Digest>,
    /// Known from the first checkpoint on.
    key: Option<LogKey>,
    /// Never behind `tree`; ahead of it only when the entries could not be stored.
    pin: Option<Pin>,
    /// Held as long as this mirror writes.
    _lock: Option<File>,
}

/// The newest checkpoint that was proven.
#[derive(Clone, Debug)]
struct Pin {
    note: String,
    signed: SignedCheckpoint,
}

/// What signs checkpoints, as `log.opened` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LogKey {
    origin: String,
    key: VerifierKey,
}

/// Why the copy cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error("the copy of the log cannot be read or written: {0}")]
    Database(#[from] rusqlite::Error),
    /// What is read is not what was stored.
    #[error("entry {0} of the copy of the log was changed on this disk")]
    Changed(u64),
}

impl Mirror {
    /// Which log it follows, if it follows one.
    #[must_use]
    pub fn log(&self) -> Option<Digest> {
        self.log
    }

    /// The newest checkpoint that was proven. What it covers may still have to
    /// come: see [`Mirror::size`].
    #[must_use]
    pub fn pin(&self) -> Option<&SignedCheckpoint> {
        self.pin.as_ref().map(|pin| &pin.signed)
    }

    /// The pin as the signed note it came as.
    #[must_use]
    pub fn pin_note(&self) -> Option<&str> {
        self.pin.as_ref().map(|pin| pin.note.as_str())
    }

    /// Entries that are here. The feed goes on from this position.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root over the first `size` entries; none beyond [`Mirror::size`].
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        self.tree.root_at(size).map(Digest)
    }

    /// The leaf hash of an entry.
    #[must_use]
    pub fn leaf_hash(&self, index: u64) -> Option<Digest> {
        self.tree.leaf(index).map(Digest)
    }

    /// The inclusion path of an entry in the tree of [`Mirror::size`] entries.
    #[must_use]
    pub fn path(&self, index: u64) -> Option<Vec<Digest>> {
        let path = self.tree.inclusion_proof(index, self.size()).ok()?;
        Some(path.into_iter().map(Digest).collect())
    }

    /// The bytes of an entry.
    ///
    /// # Errors
    /// [`StoreError`], also when the bytes are no longer what was stored.
    pub fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        if index >= self.size() {
            return Ok(None);
        }
        let leaf: Option<Vec<u8>> = self
            .db
            .prepare_cached("SELECT leaf FROM leaves WHERE idx = ?1")?
            .query_row(params![index], |row| row.get(0))
            .optional()?;
        let leaf = leaf.ok_or(StoreError::Changed(index))?;
        self.unchanged(index, &leaf)?;
        Ok(Some(leaf))
    }

    /// The bytes of the entries of a range, as far as they are here.
    ///
    /// # Errors
    /// [`StoreError`], also when the bytes are no longer what was stored.
    pub fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let end = range.end.min(self.size());
        let mut statement = self.db.prepare_cached(
            "SELECT idx, leaf FROM leaves WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
        )?;
        let mut rows = statement.query(params![range.start.min(end), end])?;
        let mut leaves = Vec::new();
        let mut next = range.start;
        while let Some(row) = rows.next()? {
            let (index, leaf): (u64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            if index != next {
                return Err(StoreError::Changed(next));
            }
            self.unchanged(index, &leaf)?;
            leaves.push(leaf);
            next += 1;
        }
        if next < end {
            return Err(StoreError::Changed(next));
        }
        Ok(leaves)
    }

    /// Opens a note by the key of this log; none when another key, or this one
    /// for another log, signed it.
    #[must_use]
    pub fn open_note(&self, note: &str) -> Option<SignedCheckpoint> {
        let key = self.key.as_ref()?;
        checkpoint::open(note, &key.key, &key.origin).ok()
    }

    fn unchanged(&self, index: u64, leaf: &[u8]) -> Result<(), StoreError> {
        if self.tree.leaf(index) == Some(leaf_hash(leaf)) {
            Ok(())
        } else {
            Err(StoreError::Changed(index))
        }
    }
}

impl LogKey {
    fn of(opened: &LogOpened) -> Result<Self, String> {
        Self::parse(&opened.log_key, opened.origin.clone())
    }

    fn parse(key: &str, origin: String) -> Result<Self, String> {
        match VerifierKey::parse(key) {
            Ok(key) => Ok(Self { origin, key }),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// What `log.opened` says, if these bytes are one.
fn log_opened(leaf: &[u8]) -> Result<Box<LogOpened>, String> {
    match Leaf::parse(leaf) {
        Ok(Parsed::Known(Leaf {
            data: Data::LogOpened(opened),
            ..
        })) => Ok(opened),
        Ok(_) => Err("it is of another kind".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
