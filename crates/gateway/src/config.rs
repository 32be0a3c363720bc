//! How a gateway is set up, and why one does not start.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::door::DoorError;
use crate::guard::GuardError;
use crate::keys::KeysError;
use crate::metadata::Metadata;
use crate::port::PortError;
use crate::public::Public;
use crate::store::StoreError;

/// How a gateway is set up.
pub struct Config {
    /// Its folder: ledger, keys, port. Made (0700) when missing.
    pub dir: PathBuf,
    /// Its clocks.
    pub clock: Arc<dyn Clock>,
    /// Where several people reach it; else only this computer does, at
    /// `http://localhost` and the port that its folder records.
    pub public: Option<Public>,
    /// The models of authenticators that it knows.
    pub metadata: Metadata,
}

impl Config {
    /// The personal profile in `dir`, with the machine's clocks.
    #[must_use]
    pub fn personal(dir: PathBuf) -> Self {
        Self {
            dir,
            clock: Arc::new(SystemClock),
            public: None,
            metadata: Metadata::default(),
        }
    }

    /// A team's profile in `dir`, with the machine's clocks.
    #[must_use]
    pub fn team(dir: PathBuf, public: Public) -> Self {
        Self {
            public: Some(public),
            ..Self::personal(dir)
        }
    }
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its folder cannot be used.
    #[error("`{path}` cannot be used: {why}")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        why: String,
    },
    /// Another gateway uses the folder.
    #[error("another Vidimus is running on `{path}`: use its window, or stop it first")]
    InUse {
        /// The folder.
        path: String,
    },
    /// It cannot listen.
    #[error(transparent)]
    Port(#[from] PortError),
    /// It cannot be reached.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Its log was opened at another address.
    #[error(
        "this log was opened at {founded} and stays there, not at {asked}: its keys are bound to that address. Start it with that address, or begin a new log in an empty folder"
    )]
    Moved {
        /// The address in the log.
        founded: String,
        /// The address that was asked for.
        asked: String,
    },
    /// A log keeps its profile.
    #[error("the log in this folder is {0}; a log never changes that")]
    OtherProfile(&'static str),
    /// Its keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Its ledger cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its ledger is not the newest.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Its ledger breaks a rule.
    #[error("the ledger is damaged at entry {entry}: {why}. Restore the newest copy")]
    Ledger {
        /// First wrong entry.
        entry: u64,
        /// What is wrong.
        why: String,
    },
}
