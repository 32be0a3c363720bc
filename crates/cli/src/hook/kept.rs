//! What a hook leaves for the next one, in files that only their owner can
//! read: a call that waits, by what it is, and one that was released, by the
//! host's name for it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::FlockOperation::NonBlockingLockExclusive;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vidimus_client::private::{PrivateError, private_folder, read_private, write_private};
use vidimus_protocol::api::Propose;
use vidimus_protocol::{ActionId, Digest, strict};

/// Most bytes of a file: a payload and a context in base64, and some more.
const MAX: usize = 2 << 20;
/// How long files are kept that nobody came back for.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// A call that was proposed and is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    /// Name of the agent's profile.
    pub(crate) agent: String,
    /// Questions that the agent was told.
    pub(crate) heard: u64,
    /// The proposal, the same every time.
    pub(crate) propose: Propose,
    pub(crate) v: u64,
}

/// A call that was released to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Released {
    /// The action.
    pub(crate) action: ActionId,
    /// Name of the agent's profile.
    pub(crate) agent: String,
    /// What the tool was to get.
    pub(crate) input: Digest,
    pub(crate) v: u64,
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Shelf(PathBuf);

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    #[error(transparent)]
    File(#[from] PrivateError),
    #[error("`{path}` cannot be used: {why}")]
    Malformed { path: String, why: String },
    #[error("the same call is being decided right now: make it again once that is over")]
    Busy,
}

/// The place of one call, locked as long as this lives.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    lock: PathBuf,
    _locked: File,
}

impl Shelf {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The place of a call that waits or is about to.
    pub(crate) fn place(&self, key: Digest) -> Result<Place, KeptError> {
        private_folder(&self.0)?;
        let lock = self.0.join(format!("{key}.lock"));
        let locked = lock_file(&lock)?;
        Ok(Place {
            path: self.0.join(format!("{key}.json")),
            lock,
            _locked: locked,
        })
    }

    /// Remembers a release.
    pub(crate) fn release(&self, call: Digest, released: &Released) -> Result<(), KeptError> {
        let path = self.released(call);
        Ok(write_private(&path, &strict::canonical(released))?)
    }

    /// Takes a release off the shelf: its outcome is reported once.
    pub(crate) fn take(&self, call: Digest) -> Result<Option<Released>, KeptError> {
        let path = self.released(call);
        let found = read(&path)?;
        if found.is_some() {
            fs::remove_file(&path).map_err(|why| malformed(&path, &why))?;
        }
        Ok(found)
    }

    fn released(&self, call: Digest) -> PathBuf {
        self.0.join("released").join(format!("{call}.json"))
    }

    /// Removes what nobody came back for.
    pub(crate) fn tidy(&self) {
        let Some(before) = SystemTime::now().checked_sub(KEPT) else {
            return;
        };
        for folder in [self.0.clone(), self.0.join("released")] {
            for file in fs::read_dir(folder).into_iter().flatten().flatten() {
                let old = file.metadata().is_ok_and(|metadata| {
                    metadata.is_file() && metadata.modified().is_ok_and(|at| at < before)
                });
                if old {
                    fs::remove_file(file.path()).ok();
                }
            }
        }
    }
}

impl Place {
    /// What waits there.
    pub(crate) fn read(&self) -> Result<Option<Waiting>, KeptError> {
        read(&self.path)
    }

    pub(crate) fn write(&self, waiting: &Waiting) -> Result<(), KeptError> {
        Ok(write_private(&self.path, &strict::canonical(waiting))?)
    }

    /// The call is over.
    pub(crate) fn clear(&self) -> Result<(), KeptError> {
        match fs::remove_file(&self.path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(malformed(&self.path, &why)),
            _ => Ok(()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // While it is still locked: whoever waits for this very file finds
        // out that it is gone.
        fs::remove_file(&self.lock).ok();
    }
}

/// Locks a file that stays under its name.
fn lock_file(path: &Path) -> Result<File, KeptError> {
    let failed = |why: io::Error| malformed(path, &why);
    let mut options = File::options();
    options.create(true).truncate(false).write(true).mode(0o600);
    loop {
        let file = options.open(path).map_err(failed)?;
        match rustix::fs::flock(&file, NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(KeptError::Busy),
            Err(why) => return Err(failed(why.into())),
        }
        let held = file.metadata().map_err(failed)?.ino();
        if fs::metadata(path).is_ok_and(|named| named.ino() == held) {
            return Ok(file);
        }
    }
}

fn read<T: DeserializeOwned + Serialize>(path: &Path) -> Result<Option<T>, KeptError> {
    let bytes = match read_private(path, MAX as u64) {
        Err(PrivateError::Missing { .. }) => return Ok(None),
        other => other?,
    };
    let kept = strict::parse_canonical(&bytes, MAX);
    kept.map(Some).map_err(|why| malformed(path, &why))
}

fn malformed(path: &Path, why: &dyn std::fmt::Display) -> KeptError {
    KeptError::Malformed {
        path: path.display().to_string(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_hook_at_a_time_has_a_call() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path().join("hook"));
        let place = shelf.place(Digest([1; 32])).unwrap();
        assert_eq!(place.read().unwrap(), None);
        assert!(matches!(shelf.place(Digest([1; 32])), Err(KeptError::Busy)));
        shelf.place(Digest([2; 32])).unwrap();
        drop(place);
        shelf.place(Digest([1; 32])).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("hook")).unwrap().count(), 0);
    }

    #[test]
    fn a_release_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path().join("hook"));
        let released = Released {
            action: ActionId::from_random([1; 16]),
            agent: "coder".into(),
            input: Digest([3; 32]),
            v: 1,
        };
        shelf.release(Digest([1; 32]), &released).unwrap();
        assert_eq!(shelf.take(Digest([2; 32])).unwrap(), None);
        assert_eq!(shelf.take(Digest([1; 32])).unwrap(), Some(released));
        assert_eq!(shelf.take(Digest([1; 32])).unwrap(), None);
    }

    #[test]
    fn what_is_old_goes() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path().into());
        for name in ["old.json", "new.json"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let long_ago = SystemTime::now() - KEPT - Duration::from_secs(60);
        let old = File::options()
            .write(true)
            .open(folder.path().join("old.json"));
        old.unwrap().set_modified(long_ago).unwrap();
        shelf.tidy();
        assert!(!folder.path().join("old.json").exists());
        assert!(folder.path().join("new.json").exists());
    }
}
