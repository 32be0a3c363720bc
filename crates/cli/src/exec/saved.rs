//! What `--resume` needs, kept in a file that only its owner can read: the
//! proposal's exact bytes and the salts. Values of secrets are not in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vidimus_protocol::api::{Content, Propose};
use vidimus_protocol::strict::{self, StrictError};
use vidimus_protocol::{ActionId, Digest, RunId};

/// Most bytes of the file: a payload and a context in base64, and some more.
const MAX: usize = 2 << 20;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saved {
    /// The action.
    pub(crate) action: ActionId,
    /// Name of the agent's profile.
    pub(crate) agent: String,
    /// The claims.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) context: Option<Content>,
    /// Actions whose place it took by an edit, the first one first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) earlier: Vec<ActionId>,
    /// The plan that was made for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) made: Option<Made>,
    /// Whether an edit of a reviewer ends it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) no_edits: bool,
    /// What is proposed.
    pub(crate) payload: Content,
    /// The run that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) run: Option<RunId>,
    /// Whether a script is handed over by its name.
    pub(crate) script_by_name: bool,
    /// Salts of the secrets, by name.
    pub(crate) secrets: BTreeMap<String, Digest>,
    /// Longest wait asked for, seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) ttl_s: Option<u64>,
    r#type: SavedType,
    v: u64,
}

/// A plan that an adapter made: the file holds secrets and goes with the action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    /// The file.
    pub(crate) file: PathBuf,
    /// The options with which it can be made once more.
    pub(crate) options: Vec<String>,
}

impl Made {
    /// Writes the file.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut options = File::options();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.file)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            self.remove()?;
        }
        written
    }

    /// Removes the file. One that is gone is no failure.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.file) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum SavedType {
    #[serde(rename = "vidimus-exec")]
    Exec,
}

/// Why there is nothing to resume.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedError {
    #[error(
        "nothing is kept here about `{0}`: it was proposed on another computer or by another user, or it is over"
    )]
    Unknown(ActionId),
    #[error("another `vidimus exec` is at work on `{0}`")]
    Busy(ActionId),
    #[error("`{}`: {why}", path.display())]
    Io { path: PathBuf, why: io::Error },
    #[error("`{}`: {why}", path.display())]
    Malformed { path: PathBuf, why: StrictError },
    #[error("`{}` was written by another version of Vidimus or belongs to another action", .0.display())]
    Other(PathBuf),
}

/// The file, locked as long as this lives: one `vidimus exec` per action.
#[derive(Debug)]
pub(crate) struct SavedFile {
    path: PathBuf,
    _locked: File,
}

impl Saved {
    pub(crate) fn new(propose: Propose, agent: &str) -> Self {
        Self {
            action: propose.action,
            earlier: Vec::new(),
            made: None,
            no_edits: false,
            run: propose.run,
            agent: agent.into(),
            context: propose.context,
            payload: propose.payload,
            script_by_name: false,
            secrets: BTreeMap::new(),
            ttl_s: propose.ttl_s,
            r#type: SavedType::Exec,
            v: 1,
        }
    }

    /// The same for what a reviewer made of it.
    pub(crate) fn edited(&self, action: ActionId, payload: Content) -> Self {
        let mut earlier = self.earlier.clone();
        earlier.push(self.action);
        Self {
            action,
            earlier,
            payload,
            ..self.clone()
        }
    }

    /// The proposal, the same every time.
    pub(crate) fn propose(&self) -> Propose {
        Propose {
            action: self.action,
            context: self.context.clone(),
            payload: self.payload.clone(),
            run: self.run.clone(),
            ttl_s: self.ttl_s,
        }
    }

    /// Writes a new file and locks it; bound standard input goes into a file
    /// beside it.
    pub(crate) fn write(&self, path: &Path, input: Option<&[u8]>) -> Result<SavedFile, SavedError> {
        let io = |why| SavedError::Io {
            path: path.into(),
            why,
        };
        if let Some(folder) = path.parent() {
            let mut builder = fs::DirBuilder::new();
            builder
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(io)?;
        }
        if path.exists() {
            return Err(io(io::ErrorKind::AlreadyExists.into()));
        }
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        if let Some(input) = input {
            // Alone it belongs to nobody: whoever wrote it came no further.
            let mut file = options.open(input_path(path)).map_err(io)?;
            file.write_all(input).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        let mut file = options.create_new(true).open(path).map_err(io)?;
        let locked = self.lock(path, &file);
        file.write_all(&strict::canonical(self)).map_err(io)?;
        file.sync_all().map_err(io)?;
        locked?;
        Ok(SavedFile {
            path: path.into(),
            _locked: file,
        })
    }

    /// Reads and locks the file of an action.
    pub(crate) fn read(action: ActionId, path: &Path) -> Result<(Self, SavedFile), SavedError> {
        let io = |why: io::Error| SavedError::Io {
            path: path.into(),
            why,
        };
        let file = match File::open(path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                return Err(SavedError::Unknown(action));
            }
            other => other.map_err(io)?,
        };
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX).expect("two MiB") + 1;
        (&file).take(limit).read_to_end(&mut bytes).map_err(io)?;
        let saved: Self =
            strict::parse_canonical(&bytes, MAX).map_err(|why| SavedError::Malformed {
                path: path.into(),
                why,
            })?;
        if saved.v != 1 || saved.action != action {
            return Err(SavedError::Other(path.into()));
        }
        saved.lock(path, &file)?;
        let kept = SavedFile {
            path: path.into(),
            _locked: file,
        };
        Ok((saved, kept))
    }

    fn lock(&self, path: &Path, file: &File) -> Result<(), SavedError> {
        use rustix::fs::FlockOperation::NonBlockingLockExclusive;
        match rustix::fs::flock(file, NonBlockingLockExclusive) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(SavedError::Busy(self.action)),
            Err(why) => Err(SavedError::Io {
                path: path.into(),
                why: why.into(),
            }),
        }
    }
}

impl SavedFile {
    /// Removes the file and what stands beside it: the action is over. So are
    /// those whose place it took.
    pub(crate) fn remove(self, earlier: &[PathBuf]) -> io::Result<()> {
        for path in earlier.iter().chain([&self.path]) {
            for path in [&input_path(path), path] {
                match fs::remove_file(path) {
                    Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Where bound standard input is kept, beside the file of its action.
pub(crate) fn input_path(path: &Path) -> PathBuf {
    path.with_extension("stdin")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use vidimus_protocol::{Blob, action};

    fn sample() -> Saved {
        let propose = Propose {
            action: ActionId::from_random([1; 16]),
            context: None,
            payload: Content {
                bytes: Blob(b"{}".to_vec()),
                salt: Digest([2; 32]),
                r#type: action::PAYLOAD_TYPE.into(),
            },
            run: "r1".parse().ok(),
            ttl_s: Some(60),
        };
        let secrets = BTreeMap::from([("TOKEN".into(), Digest([3; 32]))]);
        Saved {
            script_by_name: true,
            secrets,
            ..Saved::new(propose, "claude")
        }
    }

    #[test]
    fn round_trip_private_and_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/exec/x.json");
        let saved = sample();
        let input = input_path(&path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
        // An earlier one came no further than this.
        let mut options = File::options();
        let mut half = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&input)
            .unwrap();
        half.write_all(b"a half of something").unwrap();
        let kept = saved.write(&path, Some(b"y\n")).unwrap();
        assert_eq!(fs::read(&input).unwrap(), b"y\n");
        let mode = fs::metadata(&input).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let folder_mode = fs::metadata(path.parent().unwrap())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(folder_mode & 0o777, 0o700);
        assert!(matches!(
            Saved::read(saved.action, &path),
            Err(SavedError::Busy(_))
        ));
        drop(kept);
        let (read, kept) = Saved::read(saved.action, &path).unwrap();
        assert_eq!(read, saved);
        assert_eq!(read.propose().payload, saved.payload);
        kept.remove(&[]).unwrap();
        assert!(!input.exists());
        assert!(matches!(
            Saved::read(saved.action, &path),
            Err(SavedError::Unknown(_))
        ));
    }

    #[test]
    fn another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        drop(sample().write(&path, None).unwrap());
        let other = ActionId::from_random([9; 16]);
        assert!(matches!(
            Saved::read(other, &path),
            Err(SavedError::Other(_))
        ));
        fs::write(&path, b"{}").unwrap();
        assert!(matches!(
            Saved::read(sample().action, &path),
            Err(SavedError::Malformed { .. })
        ));
        assert!(
            matches!(sample().write(&path, None), Err(SavedError::Io { .. })),
            "exists"
        );
    }
}
