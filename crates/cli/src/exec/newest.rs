//! The newest checkpoint of a log that an executor on this computer has seen:
//! a log that goes back, or shows another history of the same size, ends here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vidimus_client::private::{PrivateError, read_private, write_private};
use vidimus_ledger::checkpoint::Checkpoint;
use vidimus_protocol::{Digest, strict};

/// Most bytes of the file.
const MAX: usize = 4096;

/// Where it is kept.
pub(crate) struct Newest {
    path: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    origin: String,
    root: Digest,
    size: u64,
}

impl Newest {
    /// A file in `folder`, one for each log.
    pub(crate) fn of(folder: PathBuf, log: Digest) -> Self {
        Self {
            path: folder.join(format!("{log}.json")),
        }
    }

    /// What was seen; `None` before the first time. A file that cannot be
    /// read is an error, since taking it for *none* would forget what was seen.
    pub(crate) fn read(&self) -> Result<Option<Checkpoint>, String> {
        let limit = u64::try_from(MAX).expect("a small number");
        let bytes = match read_private(&self.path, limit) {
            Err(PrivateError::Missing { .. }) => return Ok(None),
            other => other.map_err(|why| why.to_string())?,
        };
        let kept: Kept = strict::parse_canonical(&bytes, MAX)
            .map_err(|why| format!("`{}`: {why}", self.path.display()))?;
        Ok(Some(Checkpoint {
            origin: kept.origin,
            size: kept.size,
            root: kept.root.0,
        }))
    }

    /// Remembers a checkpoint that was checked against what was seen.
    pub(crate) fn write(&self, seen: &Checkpoint) -> Result<(), String> {
        let kept = Kept {
            origin: seen.origin.clone(),
            root: Digest(seen.root),
            size: seen.size,
        };
        write_private(&self.path, &strict::canonical(&kept)).map_err(|why| why.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_seen_is_remembered_and_never_taken_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let newest = Newest::of(folder.path().join("logs"), Digest([1; 32]));
        assert_eq!(newest.read(), Ok(None));
        let seen = Checkpoint {
            origin: "vidimus/x".into(),
            size: 7,
            root: [2; 32],
        };
        newest.write(&seen).unwrap();
        assert_eq!(newest.read(), Ok(Some(seen)));
        std::fs::write(&newest.path, b"").unwrap();
        assert!(newest.read().is_err());
    }
}
