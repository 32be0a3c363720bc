//! The last-signed guard: notices a ledger that was restored from a backup.
//!
//! It stands outside the database and is written without a sync after each
//! signature, so it may lag behind the ledger and never leads it. A guard
//! ahead of the ledger means that entries, which others may hold proofs of,
//! are gone.

use std::path::Path;

use serde::{Deserialize, Serialize};
use vidimus_ledger::tree::MemoryTree;
use vidimus_protocol::{Digest, strict};

/// What was signed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastSigned {
    pub(crate) root: Digest,
    pub(crate) size: u64,
}

/// Why the gateway does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// The ledger lost entries.
    #[error(
        "the ledger has {ledger} entries, but {signed} were signed: an older copy was restored. Restore the newest copy; a shortened log is never continued"
    )]
    Restored {
        /// Entries in the ledger.
        ledger: u64,
        /// Entries that were signed.
        signed: u64,
    },
    /// The ledger was changed.
    #[error(
        "the ledger's first {signed} entries are not those that were signed: restore the newest copy"
    )]
    Changed {
        /// Entries that were signed.
        signed: u64,
    },
}

impl LastSigned {
    /// Writes in place: a torn record reads as none, and the record of one log
    /// only grows.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        file.write_all_at(&strict::ordered(self), 0)
    }

    /// Holds the ledger against the guard. A missing or torn guard lags
    /// behind everything.
    pub(crate) fn check(path: &Path, tree: &MemoryTree) -> Result<(), GuardError> {
        let Ok(bytes) = std::fs::read(path) else {
            return Ok(());
        };
        let Ok(Self { root, size }) = strict::parse(&bytes, 4096) else {
            return Ok(());
        };
        if size > tree.size() {
            return Err(GuardError::Restored {
                ledger: tree.size(),
                signed: size,
            });
        }
        if tree.root_at(size) != Some(root.0) {
            return Err(GuardError::Changed { signed: size });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_ledger::tree::leaf_hash;

    #[test]
    fn a_shorter_or_other_ledger_is_refused_and_a_longer_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-signed");
        let mut tree = MemoryTree::new();
        tree.push(leaf_hash(b"one"));
        tree.push(leaf_hash(b"two"));
        LastSigned {
            root: Digest(tree.root()),
            size: 2,
        }
        .write(&path)
        .unwrap();
        assert_eq!(LastSigned::check(&path, &tree), Ok(()));
        tree.push(leaf_hash(b"three"));
        assert_eq!(LastSigned::check(&path, &tree), Ok(()));
        tree.truncate(1);
        assert_eq!(
            LastSigned::check(&path, &tree),
            Err(GuardError::Restored {
                ledger: 1,
                signed: 2
            })
        );
        tree.push(leaf_hash(b"other"));
        assert_eq!(
            LastSigned::check(&path, &tree),
            Err(GuardError::Changed { signed: 2 })
        );
        std::fs::write(&path, b"{\"ro").unwrap();
        assert_eq!(LastSigned::check(&path, &tree), Ok(()));
    }
}
