//! The gateway's own keys: one for the log's notes, one for permits.
//!
//! They are made when the folder is first used and written to `keys.json`
//! (0600). Losing them ends the log; whoever reads them can sign checkpoints
//! and permits, which verification catches (see `docs/THREAT_MODEL.md`).

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use vidimus_protocol::{Digest, strict};

/// Seeds of both keys and the nonce that names the log.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    /// Ed25519 seed of the key that signs checkpoints.
    pub(crate) log_seed: Digest,
    /// Nonce of `log.opened`; the checkpoint origin is made from it.
    pub(crate) nonce: Digest,
    /// Ed25519 seed of the key that signs permits.
    pub(crate) permit_seed: Digest,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read or written.
    #[error("`{path}` cannot be used: {why}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// Other users can read it.
    #[error(
        "`{path}` can be read by other users: run `chmod 600 {path}` and consider these keys known"
    )]
    Exposed {
        /// The file.
        path: String,
    },
    /// The ledger is there and its keys are not.
    #[error("`{path}` is missing although the ledger beside it is not: restore both together")]
    Missing {
        /// The file.
        path: String,
    },
}

impl Keys {
    /// Reads the keys, or makes them when there is no ledger yet.
    pub(crate) fn open(path: &Path, ledger_exists: bool) -> Result<Self, KeysError> {
        let shown = || path.display().to_string();
        let file = |error: &dyn std::fmt::Display| KeysError::File {
            path: shown(),
            why: error.to_string(),
        };
        if !path.exists() {
            if ledger_exists {
                return Err(KeysError::Missing { path: shown() });
            }
            let keys = Self {
                log_seed: random(),
                nonce: random(),
                permit_seed: random(),
            };
            write_private(path, &strict::canonical(&keys)).map_err(|error| file(&error))?;
            return Ok(keys);
        }
        let mode = std::fs::metadata(path)
            .map_err(|error| file(&error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(KeysError::Exposed { path: shown() });
        }
        let bytes = std::fs::read(path).map_err(|error| file(&error))?;
        strict::parse(&bytes, 4096).map_err(|error| file(&error))
    }

    /// Origin line of the log's checkpoints.
    pub(crate) fn origin(&self) -> String {
        format!("vidimus/{}", &self.nonce.to_string()[..16])
    }
}

/// Writes a file that is its owner's alone: whole or not at all, and durably.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// 32 bytes from the system's random number generator.
pub(crate) fn random() -> Digest {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random numbers");
    Digest(bytes)
}

/// 16 bytes from the system's random number generator.
pub(crate) fn random_id() -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&random().0[..16]);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn made_once_private_and_never_made_anew_beside_a_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        assert!(matches!(
            Keys::open(&path, true),
            Err(KeysError::Missing { .. })
        ));
        let first = Keys::open(&path, false).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(Keys::open(&path, true).unwrap().nonce, first.nonce);
        for mode in [0o640, 0o620, 0o604, 0o602] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(
                Keys::open(&path, true),
                Err(KeysError::Exposed { .. })
            ));
        }
    }
}
