//! Files and folders that are nobody else's: 0600 and 0700, written whole or
//! not at all.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Why a private file or folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// There is no such file.
    #[error("`{path}` does not exist")]
    Missing {
        /// The file.
        path: String,
    },
    /// Other users can read it, or could put another file in its place.
    #[error("other users can get at `{path}`: run `chmod {mode} {path}`")]
    Exposed {
        /// The file or folder.
        path: String,
        /// What to set.
        mode: &'static str,
    },
    /// Something else than a plain file, or more bytes than the place takes.
    #[error("`{path}` is not a plain file of at most {limit} bytes")]
    NotAFile {
        /// The file.
        path: String,
        /// Bytes taken.
        limit: u64,
    },
    /// The system refused.
    #[error("`{path}` cannot be used: {why}")]
    System {
        /// The file or folder.
        path: String,
        /// What the system said.
        why: String,
    },
}

impl PrivateError {
    fn system(path: &Path, error: &io::Error) -> Self {
        Self::System {
            path: path.display().to_string(),
            why: error.to_string(),
        }
    }
}

/// Makes a folder and its missing parents, open to their owner alone. One that
/// is there already is refused when other users may write to it.
///
/// # Errors
/// [`PrivateError`]
pub fn private_folder(path: &Path) -> Result<(), PrivateError> {
    let system = |error: io::Error| PrivateError::system(path, &error);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(system)?;
    if std::fs::metadata(path).map_err(system)?.mode() & 0o022 != 0 {
        return Err(PrivateError::Exposed {
            path: path.display().to_string(),
            mode: "700",
        });
    }
    Ok(())
}

/// Writes a file (0600) whole or not at all, and durably: it replaces what
/// stood there once every byte is on the disk. Missing folders are made.
///
/// # Errors
/// [`PrivateError`]
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    private_folder(folder)?;
    let write = || {
        // Temporary files are 0600 from the start.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error: io::Error| PrivateError::system(path, &error))
}

/// Reads a file that must be its owner's alone.
///
/// # Errors
/// [`PrivateError`]
pub fn read_private(path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let shown = || path.display().to_string();
    let system = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => PrivateError::Missing { path: shown() },
        _ => PrivateError::system(path, &error),
    };
    let file = std::fs::OpenOptions::new()
        .read(true)
        // A pipe in its place must not block the program.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(system)?;
    let metadata = file.metadata().map_err(system)?;
    if !metadata.is_file() || metadata.len() > limit {
        return Err(PrivateError::NotAFile {
            path: shown(),
            limit,
        });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(PrivateError::Exposed {
            path: shown(),
            mode: "600",
        });
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(system)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_written_is_private_and_replaces_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(read_private(&path, 3).unwrap(), b"two");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.path().join("a")), 0o700);
        assert_eq!(mode(&folder.path().join("a/b")), 0o700);
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file stays");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_private(&path, b"one").unwrap();
        for exposed in [0o640, 0o604, 0o620] {
            set_mode(&path, exposed);
            let refused = read_private(&path, 3).unwrap_err();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o770);
        assert!(matches!(
            write_private(&folder.path().join("file"), b"one"),
            Err(PrivateError::Exposed { mode: "700", .. })
        ));
    }

    #[test]
    fn no_file_a_folder_and_too_many_bytes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(matches!(
            read_private(&path, 3),
            Err(PrivateError::Missing { .. })
        ));
        write_private(&path, b"four").unwrap();
        for path in [path.as_path(), folder.path()] {
            assert!(matches!(
                read_private(path, 3),
                Err(PrivateError::NotAFile { .. })
            ));
        }
    }
}
