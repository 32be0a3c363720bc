//! A copy of the gateway's folder that a gateway can go on from.
//!
//! The ledger is copied as of one moment, while a gateway may write on; the
//! copy is read back by every rule before it counts. The last-signed guard is
//! not copied: it must stay where it is, so that an older ledger that is put
//! back is noticed (`guard.rs`). Sessions are not copied either: one that was
//! ended must not come back.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::OpenError;
use crate::store::{Store, StoreError};

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Entries of the ledger.
    pub entries: u64,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nothing is there to be copied.
    #[error("there is no ledger in `{path}`: set up a key first")]
    Missing {
        /// The gateway's folder.
        path: String,
    },
    /// A file cannot be read or written.
    #[error("cannot copy to `{path}`: {why}")]
    File {
        /// The file or folder that was being written.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy breaks a rule, and so does the ledger.
    #[error("the copy does not hold: {0}")]
    Ledger(#[from] OpenError),
}

/// Copies the gateway's folder `from` into the new folder `to`.
///
/// # Errors
/// [`BackupError`]; what was written until then stays and is no backup.
pub fn backup(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    let ledger = from.join("gateway.db");
    if !ledger.exists() {
        return Err(BackupError::Missing {
            path: from.display().to_string(),
        });
    }
    let file = |path: &Path, error: &dyn std::fmt::Display| BackupError::File {
        path: path.display().to_string(),
        why: error.to_string(),
    };
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(to)
        .map_err(|error| file(to, &error))?;
    for name in ["keys.json", "port"] {
        let copy = to.join(name);
        let original = from.join(name);
        if name == "port" && !original.exists() {
            // A gateway for several people has its port on the command line.
            continue;
        }
        // Keeps the mode: the keys are their owner's.
        std::fs::copy(original, &copy)
            .and_then(|_| File::open(&copy)?.sync_all())
            .map_err(|error| file(&copy, &error))?;
    }
    let copy = to.join("gateway.db");
    Store::open_reader(&ledger)?.copy_to(&copy)?;
    let entries = crate::rebuild(&Store::open_reader(&copy)?)?.tree().size();
    for path in [&copy, to] {
        File::open(path)
            .and_then(|written| written.sync_all())
            .map_err(|error| file(path, &error))?;
    }
    Ok(Copied { entries })
}
