//! An earlier checkpoint that an export must not fall behind: it catches a log
//! that was cut short or written anew.

use vidimus_ledger::checkpoint::{Checkpoint, CheckpointError};
use vidimus_ledger::note::Note;
use vidimus_ledger::tree::MemoryTree;
use vidimus_protocol::entry::LogOpened;
use vidimus_protocol::strict;

use super::leaves::open;
use super::{Header, MAX_HEADER, TYPE};

/// The checkpoint as somebody kept it, not believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtLeast {
    note: String,
    claimed: Checkpoint,
}

/// Why a file cannot serve as an earlier checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AtLeastError {
    /// Neither kind of file.
    #[error("neither a checkpoint nor an export")]
    Neither,
    /// A note that is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Why a log does not reach an earlier checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Behind {
    #[error(
        "it is a checkpoint of another log, `{found}`; this export is of `{here}`. Compare the right two files"
    )]
    OtherLog { found: String, here: String },
    #[error(
        "{0}. It was changed, or another log with the same name made it: take your copy of the checkpoint from where it was kept"
    )]
    Unsigned(CheckpointError),
    #[error(
        "the export ends after {here} entries and the log had signed {signed}: the last {} are missing. Get a newer export; if there is none, entries were removed", .signed - .here
    )]
    Older { here: u64, signed: u64 },
    #[error(
        "the log signed two histories: its first {size} entries were others when it signed the earlier checkpoint. Keep both files, they prove it, and trust neither"
    )]
    Fork { size: u64 },
}

impl AtLeast {
    /// How much of a file holds the checkpoint at most.
    pub const MAX_BYTES: usize = MAX_HEADER + 1;

    /// Reads a signed note, or the note in the first line of an export.
    ///
    /// # Errors
    /// [`AtLeastError`] when there is none.
    pub fn parse(file: &[u8]) -> Result<Self, AtLeastError> {
        let line = file.split(|byte| *byte == b'\n').next().unwrap_or(file);
        let note = match strict::parse::<Header>(line, MAX_HEADER) {
            Ok(header) if header.r#type == TYPE => header.checkpoint,
            _ => std::str::from_utf8(file)
                .map_err(|_| AtLeastError::Neither)?
                .to_owned(),
        };
        let parsed = Note::parse(&note).map_err(|_| AtLeastError::Neither)?;
        let claimed = Checkpoint::parse(parsed.text())?;
        Ok(Self { note, claimed })
    }

    /// Entries that it says the log had.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.claimed.size
    }

    /// Whether the entries of `tree` begin with what it covers.
    pub(super) fn check(&self, opened: &LogOpened, tree: &MemoryTree) -> Result<(), Behind> {
        let found = &self.claimed.origin;
        if *found != opened.origin {
            return Err(Behind::OtherLog {
                found: found.clone(),
                here: opened.origin.clone(),
            });
        }
        open(&self.note, opened).map_err(Behind::Unsigned)?;
        self.check_root(tree)
    }

    /// The same of size and root alone, whoever signed them.
    pub(super) fn check_root(&self, tree: &MemoryTree) -> Result<(), Behind> {
        let Checkpoint { size, root, .. } = self.claimed;
        match tree.root_at(size) {
            None => Err(Behind::Older {
                here: tree.size(),
                signed: size,
            }),
            Some(here) if here == root => Ok(()),
            Some(_) => Err(Behind::Fork { size }),
        }
    }
}
