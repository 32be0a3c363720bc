//! The trust file: the one thing that is passed out of band.

use serde::{Deserialize, Serialize};

use crate::bytes::Digest;
use crate::strict::{self, StrictError};

/// Anchors consoles, executors and `vidimus verify --trust`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustFile {
    /// Log id: leaf hash of `log.opened`.
    pub log: Digest,
    /// Always `vidimus-trust`.
    pub r#type: TrustType,
    /// Format version, 1.
    pub v: u64,
    /// How many witnesses must have cosigned. Witnesses are not part of this
    /// version: 0.
    pub witness_quorum: u64,
    /// Keys of witnesses. Empty in this version.
    pub witnesses: Vec<String>,
}

/// The type mark of a trust file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrustType {
    /// The only value.
    #[serde(rename = "vidimus-trust")]
    Trust,
}

/// Why a trust file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not a trust file.
    #[error("not a trust file: {0}")]
    Strict(#[from] StrictError),
    /// It asks for something this version cannot check.
    #[error("the trust file asks for {0}, which this version cannot check: upgrade Vidimus")]
    Newer(&'static str),
}

impl TrustFile {
    /// A trust file for `log`.
    #[must_use]
    pub fn new(log: Digest) -> Self {
        Self {
            log,
            r#type: TrustType::Trust,
            v: 1,
            witness_quorum: 0,
            witnesses: Vec::new(),
        }
    }

    /// Reads a trust file; one final line feed is allowed.
    ///
    /// # Errors
    /// [`TrustError`] when it is malformed or asks for more than this version
    /// can check.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let file: Self = strict::parse_canonical(bytes, 65_536)?;
        if file.v != 1 {
            return Err(TrustError::Newer("another format version"));
        }
        if file.witness_quorum != 0 || !file.witnesses.is_empty() {
            return Err(TrustError::Newer("witnesses"));
        }
        Ok(file)
    }

    /// The file's bytes, with a final line feed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = strict::canonical(self);
        bytes.push(b'\n');
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_refusals() {
        let file = TrustFile::new(Digest([9; 32]));
        assert_eq!(TrustFile::parse(&file.to_bytes()), Ok(file.clone()));
        let newer = TrustFile {
            v: 2,
            ..file.clone()
        };
        assert_eq!(
            TrustFile::parse(&newer.to_bytes()),
            Err(TrustError::Newer("another format version"))
        );
        let witnessed = TrustFile {
            witness_quorum: 1,
            ..file
        };
        assert_eq!(
            TrustFile::parse(&witnessed.to_bytes()),
            Err(TrustError::Newer("witnesses"))
        );
        assert!(matches!(
            TrustFile::parse(b"{}"),
            Err(TrustError::Strict(_))
        ));
    }
}
