//! Writes an export line by line.

use std::io::{self, Write};

use aws_lc_rs::digest;
use serde::Serialize;
use vidimus_protocol::api::Content;
use vidimus_protocol::{Digest, strict};

use super::{Header, PartLine, TYPE, Trailer, VERSION};

/// Why an export cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file cannot be written.
    #[error("the export cannot be written: {0}")]
    Io(#[from] io::Error),
    /// Other lines than were announced, or in another order.
    #[error("the export was announced with {announced} leaves and parts and got others")]
    Lines {
        /// Lines announced.
        announced: u64,
    },
}

/// Writes an export: the leaf hashes at once, then all leaves, then all parts
/// sorted by entry and name.
pub struct Writer<W> {
    out: W,
    hash: digest::Context,
    leaves: u64,
    parts: u64,
    announced: u64,
}

impl<W: Write> Writer<W> {
    /// Starts an export of the leaves with these `hashes`, which `checkpoint`
    /// covers, with `parts` parts.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn new(
        out: W,
        log: Digest,
        checkpoint: &str,
        hashes: &[Digest],
        parts: u64,
    ) -> Result<Self, WriteError> {
        let size = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        let mut writer = Self {
            out,
            hash: digest::Context::new(&digest::SHA256),
            leaves: size,
            parts,
            announced: size.saturating_add(parts),
        };
        writer.json(&Header {
            checkpoint: checkpoint.to_owned(),
            log,
            parts,
            size,
            r#type: TYPE.to_owned(),
            v: VERSION,
        })?;
        for hash in hashes {
            writer.json(hash)?;
        }
        Ok(writer)
    }

    /// Writes the next leaf.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn leaf(&mut self, leaf: &[u8]) -> Result<(), WriteError> {
        self.leaves = self.leaves.checked_sub(1).ok_or(self.surplus())?;
        self.line(leaf)
    }

    /// Writes the next part.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn part(&mut self, index: u64, name: &str, content: &Content) -> Result<(), WriteError> {
        self.parts = match (self.leaves, self.parts.checked_sub(1)) {
            (0, Some(left)) => left,
            _ => return Err(self.surplus()),
        };
        self.json(&PartLine {
            bytes: content.bytes.clone(),
            index,
            name: name.to_owned(),
            salt: content.salt,
            r#type: content.r#type.clone(),
        })
    }

    /// Writes the digest over everything and gives the file back.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish(mut self) -> Result<W, WriteError> {
        if self.leaves != 0 || self.parts != 0 {
            return Err(self.surplus());
        }
        let mut sha256 = Digest([0; 32]);
        sha256
            .0
            .copy_from_slice(self.hash.clone().finish().as_ref());
        self.json(&Trailer { sha256 })?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn json<T: Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        self.line(&strict::canonical(value))
    }

    fn line(&mut self, line: &[u8]) -> Result<(), WriteError> {
        for bytes in [line, b"\n"] {
            self.hash.update(bytes);
            self.out.write_all(bytes)?;
        }
        Ok(())
    }

    fn surplus(&self) -> WriteError {
        WriteError::Lines {
            announced: self.announced,
        }
    }
}
