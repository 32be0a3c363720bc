//! Taking in what the feed brings: proven first, then pinned and stored.

use std::ops::Range;

use rusqlite::params;
use vidimus_ledger::checkpoint::{self, CheckpointError, SignedCheckpoint};
use vidimus_ledger::proof::{self, ProofError};
use vidimus_ledger::tree::{Hash, leaf_hash};
use vidimus_protocol::Digest;

use crate::{LogKey, Mirror, Pin, StoreError, log_opened};

/// Why a log is not adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It follows another one already, for ever.
    #[error("this copy follows log {ours}, not log {theirs}")]
    OtherLog {
        /// The log that it follows.
        ours: Digest,
        /// The log that was to be adopted.
        theirs: Digest,
    },
    /// The copy itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a batch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Positions of the entries that are new; empty for a mere checkpoint.
    pub new: Range<u64>,
    /// The checkpoint that covers them.
    pub checkpoint: SignedCheckpoint,
}

/// Why a batch is refused. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// No log was adopted.
    #[error("no log is followed here yet")]
    NotAdopted,
    /// It begins beyond what is here: ask again from there.
    #[error("the entries begin at {from}, but only {size} are here")]
    Gap {
        /// Where it begins.
        from: u64,
        /// Entries that are here.
        size: u64,
    },
    /// The first entry does not open a log.
    #[error("the first entry does not open a log: {0}")]
    NoOpening(String),
    /// The first entry opens another log.
    #[error("the entries are of log {found}, not of log {expected}")]
    OtherLog {
        /// The log that is followed.
        expected: Digest,
        /// The log that came.
        found: Digest,
    },
    /// Not a checkpoint that the log's key signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The log signed fewer entries than it had signed before.
    #[error("the log was set back: it has signed for fewer entries than it had before")]
    Rollback {
        /// The note that was pinned.
        pinned: String,
        /// The note that came.
        shown: String,
    },
    /// The log signed two histories, or cannot show that it did not.
    #[error("the log has two histories: its new checkpoint does not continue the one seen before")]
    Fork {
        /// The note that was pinned.
        pinned: String,
        /// The note that came.
        shown: String,
    },
    /// The entries do not end where the checkpoint does.
    #[error("the entries end at {end}, the checkpoint at {size}")]
    Uneven {
        /// End of the entries.
        end: u64,
        /// Size in the checkpoint.
        size: u64,
    },
    /// The checkpoint continues the log, but these are not its entries.
    #[error("the entries are not those that the checkpoint covers")]
    WrongLeaves,
    /// The consistency proof, not the log, is wrong.
    #[error("the consistency proof is wrong: {0}")]
    Consistency(ProofError),
    /// The copy itself: nothing is held against the log.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Mirror {
    /// Chooses the log that is followed from now on, for ever.
    ///
    /// # Errors
    /// [`AdoptError`]
    pub fn adopt(&mut self, log: Digest) -> Result<(), AdoptError> {
        match self.log {
            Some(ours) if ours == log => Ok(()),
            Some(ours) => Err(AdoptError::OtherLog { ours, theirs: log }),
            None => {
                self.db
                    .execute(
                        "INSERT INTO identity (one, log) VALUES (1, ?1)",
                        params![log.0],
                    )
                    .map_err(StoreError::from)?;
                self.log = Some(log);
                Ok(())
            }
        }
    }

    /// Takes in the entries from position `from` on and the checkpoint that
    /// they end at. Entries that are here already are compared.
    ///
    /// The checkpoint is pinned, durably, together with the entries. When they
    /// find no room it is pinned alone: the next batch brings them again.
    ///
    /// # Errors
    /// [`SyncError`]. [`SyncError::Fork`] and [`SyncError::Rollback`] carry the
    /// notes that prove it.
    pub fn apply(
        &mut self,
        from: u64,
        leaves: &[impl AsRef<[u8]>],
        note: &str,
        consistency: &[Digest],
    ) -> Result<Applied, SyncError> {
        let (checkpoint, key) = self.prove_signed(from, leaves, note)?;
        let shown = Pin {
            note: note.to_owned(),
            signed: checkpoint.clone(),
        };
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf.as_ref())).collect();
        let size = self.size();
        let kept = self.swap(from, hashes);
        if let Err(refused) = self.prove_grown(from, &shown, consistency) {
            self.restore(from, kept);
            return Err(refused);
        }
        let new = size..self.size();
        // From here on the tree is ahead of what is stored.
        let stored = self.store(&shown, key.as_ref(), from, new.clone(), leaves);
        if let Err(error) = stored {
            self.tree.truncate(size);
            // The pin alone may still find room.
            if self.pin_alone(&shown, key.as_ref()).is_ok() {
                self.pinned(shown, key);
            }
            return Err(error.into());
        }
        self.pinned(shown, key);
        Ok(Applied { new, checkpoint })
    }

    /// The checkpoint was signed by the key of the log that is followed.
    fn prove_signed(
        &self,
        from: u64,
        leaves: &[impl AsRef<[u8]>],
        note: &str,
    ) -> Result<(SignedCheckpoint, Option<LogKey>), SyncError> {
        let expected = self.log.ok_or(SyncError::NotAdopted)?;
        let size = self.size();
        if from > size {
            return Err(SyncError::Gap { from, size });
        }
        let opening = match &self.key {
            Some(_) => None,
            None => Some(first_key(expected, leaves.first().map(AsRef::as_ref))?),
        };
        let key = self
            .key
            .as_ref()
            .or(opening.as_ref())
            .expect("one is there");
        let checkpoint = checkpoint::open(note, &key.key, &key.origin)?;
        Ok((checkpoint, opening))
    }

    /// The tree with the new leaves is what the checkpoint says, and goes on
    /// where the pin is.
    fn prove_grown(&self, from: u64, shown: &Pin, consistency: &[Digest]) -> Result<(), SyncError> {
        let Pin { note, signed } = shown;
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root);
        let pinned = self.pin.as_ref();
        if let Some(pinned) = pinned {
            let evidence = || (pinned.note.clone(), note.clone());
            if size < pinned.signed.checkpoint.size {
                let (pinned, shown) = evidence();
                return Err(SyncError::Rollback { pinned, shown });
            }
            if size == pinned.signed.checkpoint.size && root != pinned.signed.checkpoint.root {
                let (pinned, shown) = evidence();
                return Err(SyncError::Fork { pinned, shown });
            }
        }
        let end = self.size();
        if end != size {
            return Err(SyncError::Uneven { end, size });
        }
        let path: Vec<Hash> = consistency.iter().map(|node| node.0).collect();
        let before = self.tree.root_at(from).expect("`from` is within the tree");
        let proven = proof::verify_consistency(from, &before, size, &root, &path);
        let complete = self.tree.root() == root;
        match (complete, &proven, pinned) {
            // An empty past is continued by everything: it proves nothing.
            (false, Err(_), Some(pinned)) if from > 0 => {
                return Err(SyncError::Fork {
                    pinned: pinned.note.clone(),
                    shown: note.clone(),
                });
            }
            (false, ..) => return Err(SyncError::WrongLeaves),
            (true, ..) => {}
        }
        // The leaves are those that were signed for. What was pinned must be
        // their beginning; what is stored is part of that.
        if let Some(pinned) = pinned {
            let old = &pinned.signed.checkpoint;
            if self.tree.root_at(old.size) != Some(old.root) {
                return Err(SyncError::Fork {
                    pinned: pinned.note.clone(),
                    shown: note.clone(),
                });
            }
        }
        proven.map_err(SyncError::Consistency)
    }

    /// Puts other leaves in the place of those from `from` on, which it returns.
    fn swap(&mut self, from: u64, leaves: Vec<Hash>) -> Vec<Hash> {
        let kept = (from..self.size())
            .map(|index| self.tree.leaf(index).expect("within the tree"))
            .collect();
        self.restore(from, leaves);
        kept
    }

    fn restore(&mut self, from: u64, leaves: Vec<Hash>) {
        self.tree.truncate(from);
        self.tree.extend(leaves);
    }

    /// Whether a checkpoint says more than the pin, or the same later.
    fn is_newer(&self, shown: &Pin) -> bool {
        self.pin.as_ref().is_none_or(|pin| {
            pin.signed.checkpoint != shown.signed.checkpoint
                || pin.signed.time_unix_s < shown.signed.time_unix_s
        })
    }

    /// What is pinned on the disk is pinned here.
    fn pinned(&mut self, shown: Pin, key: Option<LogKey>) {
        if self.is_newer(&shown) {
            self.key = key.or(self.key.take());
            self.pin = Some(shown);
        }
    }

    /// Stores the entries `new` of a batch that begins at `from` and pins the
    /// checkpoint that covers them, durably: both or nothing.
    fn store(
        &self,
        shown: &Pin,
        key: Option<&LogKey>,
        from: u64,
        new: Range<u64>,
        leaves: &[impl AsRef<[u8]>],
    ) -> Result<(), StoreError> {
        if new.is_empty() {
            return self.pin_alone(shown, key);
        }
        let skipped = usize::try_from(new.start - from).expect("a batch is in memory");
        let change = self.db.unchecked_transaction()?;
        self.write_newest(&change, shown, key)?;
        for (index, leaf) in new.zip(&leaves[skipped..]) {
            self.store_leaf(&change, index, leaf.as_ref())?;
        }
        write_pin(&change, "covered", &shown.note)?;
        Ok(change.commit()?)
    }

    fn pin_alone(&self, shown: &Pin, key: Option<&LogKey>) -> Result<(), StoreError> {
        if !self.is_newer(shown) {
            return Ok(());
        }
        let change = self.db.unchecked_transaction()?;
        self.write_newest(&change, shown, key)?;
        Ok(change.commit()?)
    }

    /// A note that was signed earlier than the pin and says the same does not
    /// replace it.
    fn write_newest(
        &self,
        change: &rusqlite::Transaction<'_>,
        shown: &Pin,
        key: Option<&LogKey>,
    ) -> Result<(), StoreError> {
        if !self.is_newer(shown) {
            return Ok(());
        }
        if let Some(key) = key {
            change.execute(
                "UPDATE identity SET key = ?1, origin = ?2",
                params![key.key.to_string(), key.origin],
            )?;
        }
        write_pin(change, "newest", &shown.note)?;
        Ok(())
    }

    fn store_leaf(
        &self,
        change: &rusqlite::Transaction<'_>,
        index: u64,
        leaf: &[u8],
    ) -> Result<(), StoreError> {
        let hash = self.tree.leaf(index).expect("the tree has it");
        let known = crate::parts::expect_parts(change, index, leaf)?;
        change
            .prepare_cached("INSERT INTO leaves (idx, known, leaf) VALUES (?1, ?2, ?3)")?
            .execute(params![index, known, leaf])?;
        change
            .prepare_cached("INSERT INTO hashes (idx, hash) VALUES (?1, ?2)")?
            .execute(params![index, hash])?;
        Ok(())
    }
}

fn write_pin(db: &rusqlite::Connection, role: &str, note: &str) -> rusqlite::Result<usize> {
    db.execute(
        "INSERT INTO pins (role, note) VALUES (?1, ?2)
         ON CONFLICT (role) DO UPDATE SET note = excluded.note",
        params![role, note],
    )
}

/// The key that the first entry names, when it opens the log that is followed.
fn first_key(expected: Digest, leaf: Option<&[u8]>) -> Result<LogKey, SyncError> {
    let leaf = leaf.ok_or_else(|| SyncError::NoOpening("there is none".to_owned()))?;
    let found = Digest(leaf_hash(leaf));
    if found != expected {
        return Err(SyncError::OtherLog { expected, found });
    }
    log_opened(leaf)
        .and_then(|opened| LogKey::of(&opened))
        .map_err(SyncError::NoOpening)
}
