//! The newest checkpoint of a log that an executor on this computer has seen:
//! a log that goes back, or shows another history of the same size, ends here.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vidimus_client::private::{PrivateError, private_folder, read_private, write_private};
use vidimus_ledger::checkpoint::Checkpoint;
use vidimus_protocol::{Digest, strict};

/// Most bytes of the file.
const MAX: usize = 4096;

/// Where it is kept.
#[derive(Debug)]
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

    /// Remembers a checkpoint, unless a newer one is remembered: releases
    /// overlap. Another history of the same size is an error.
    pub(crate) fn advance(&self, seen: &Checkpoint) -> Result<(), String> {
        let _locked = self
            .lock()
            .map_err(|why| format!("`{}` cannot be locked: {why}", self.path.display()))?;
        match self.read()? {
            Some(known) if known.size > seen.size => Ok(()),
            Some(known) if known.size == seen.size && known.root != seen.root => Err(format!(
                "the log shows two histories of {} entries",
                seen.size
            )),
            _ => self.write(seen),
        }
    }

    /// Held until the file is dropped.
    fn lock(&self) -> std::io::Result<File> {
        if let Some(folder) = self.path.parent() {
            private_folder(folder).map_err(std::io::Error::other)?;
        }
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options.open(self.path.with_extension("lock"))?;
        file.lock()?;
        Ok(file)
    }

    fn write(&self, seen: &Checkpoint) -> Result<(), String> {
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
        newest.advance(&seen).unwrap();
        assert_eq!(newest.read(), Ok(Some(seen.clone())));
        let older = Checkpoint {
            size: 6,
            root: [3; 32],
            ..seen.clone()
        };
        newest.advance(&older).unwrap();
        assert_eq!(newest.read(), Ok(Some(seen.clone())));
        let other = Checkpoint {
            root: [3; 32],
            ..seen.clone()
        };
        assert!(
            newest
                .advance(&other)
                .unwrap_err()
                .contains("two histories")
        );
        assert_eq!(newest.read(), Ok(Some(seen)));
        std::fs::write(&newest.path, b"").unwrap();
        assert!(newest.read().is_err());
    }
}
