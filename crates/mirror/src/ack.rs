//! Holding an acknowledgement against the log that was seen.

use vidimus_ledger::checkpoint::{self, CheckpointError};
use vidimus_ledger::proof::{ProofError, verify_inclusion};
use vidimus_ledger::tree::{Hash, leaf_hash};
use vidimus_protocol::api::Ack;

use crate::Mirror;

/// What an acknowledgement that holds says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckState {
    /// Its entries are in the log as it is here.
    Proven,
    /// So far nothing speaks against it; what it names is not here yet.
    NotYetSynced,
}

/// Why an acknowledgement does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// It acknowledges nothing.
    #[error("the acknowledgement names no entry")]
    Empty,
    /// Not a checkpoint that the log's key signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An entry is not in its own checkpoint.
    #[error("entry {index} is not in the acknowledgement's checkpoint: {why}")]
    NotIncluded {
        /// The entry.
        index: u64,
        /// What is wrong with the path.
        why: ProofError,
    },
    /// The log signed two histories.
    #[error(
        "the log has two histories: the acknowledgement's checkpoint is not of the one seen here"
    )]
    Fork {
        /// The note that was pinned.
        pinned: String,
        /// The note in the acknowledgement.
        shown: String,
    },
}

impl Mirror {
    /// Checks that every entry is in the acknowledgement's checkpoint, that
    /// the log's key signed it, and that all of it agrees with what is here.
    ///
    /// # Errors
    /// [`AckError`]
    pub fn check_ack(&self, ack: &Ack) -> Result<AckState, AckError> {
        if ack.entries.is_empty() {
            return Err(AckError::Empty);
        }
        // Before the first batch nothing says what key the log has.
        let (Some(key), Some(pin)) = (&self.key, &self.pin) else {
            return Ok(AckState::NotYetSynced);
        };
        let shown = checkpoint::open(&ack.checkpoint, &key.key, &key.origin)?.checkpoint;
        for entry in &ack.entries {
            let hash = leaf_hash(entry.leaf.as_bytes());
            let path: Vec<Hash> = entry.proof.iter().map(|node| node.0).collect();
            verify_inclusion(&hash, entry.index, shown.size, &path, &shown.root).map_err(
                |why| AckError::NotIncluded {
                    index: entry.index,
                    why,
                },
            )?;
        }
        let here = self.tree.root_at(shown.size);
        let contradicted = ack.entries.iter().any(|entry| {
            let hash = leaf_hash(entry.leaf.as_bytes());
            self.tree.leaf(entry.index).is_some_and(|ours| ours != hash)
        });
        if contradicted || here.is_some_and(|root| root != shown.root) {
            return Err(AckError::Fork {
                pinned: pin.note.clone(),
                shown: ack.checkpoint.clone(),
            });
        }
        Ok(match here {
            Some(_) => AckState::Proven,
            None => AckState::NotYetSynced,
        })
    }
}
