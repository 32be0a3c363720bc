//! Commitments to parts: salted digests of content that is kept outside the leaves.
//!
//! The salt makes a commitment to a guessable content useless to a guesser, and erasing it with
//! the content leaves nothing to check a guess against.
//!
//! Specification: `docs/spec/tree.md`.

use thiserror::Error;

use crate::tree::{Hash, sha256};

const DOMAIN: &[u8] = b"vidimus/part/v1\0";

/// Why no commitment could be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PartError {
    /// The content type is empty or not printable ASCII.
    #[error("content type `{}` is not printable ASCII, or is empty", .0.escape_debug())]
    ContentType(String),
}

/// The commitment to `bytes` of type `content_type` under `salt`: SHA-256 over the domain, the
/// salt, the length of `bytes` as 64 bits big-endian, the type, one zero byte and `bytes`.
///
/// # Errors
/// [`PartError::ContentType`] when the type is empty or not printable ASCII; a zero byte in it
/// would move the border between type and content.
pub fn commit(salt: &[u8; 32], content_type: &str, bytes: &[u8]) -> Result<Hash, PartError> {
    let printable = |byte: u8| (0x20..=0x7e).contains(&byte);
    if content_type.is_empty() || !content_type.bytes().all(printable) {
        return Err(PartError::ContentType(content_type.to_owned()));
    }
    let length = (bytes.len() as u64).to_be_bytes();
    Ok(sha256(&[
        DOMAIN,
        salt,
        &length,
        content_type.as_bytes(),
        &[0],
        bytes,
    ]))
}
