//! Checkpoints: the log's signed statement of its size and root at a time.
//!
//! A checkpoint is a signed note with two signatures by the log's own key: one over the body, as
//! every reader of C2SP checkpoints expects, and one timestamped cosignature, which alone says
//! when. Lines by other keys are ignored here.
//!
//! Out of scope: whether a checkpoint is consistent with another (see [`crate::proof`]), whether
//! it is fresh, and cosignatures of witnesses.
//!
//! Specification: C2SP tlog-checkpoint v1.0.0, tlog-cosignature v1.0.1 and `docs/spec/tree.md`.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use thiserror::Error;

use crate::{
    note::{ED25519_TYPE, Note, NoteError, NoteSignature, SigningKey, VerifierKey},
    tree::Hash,
};

/// The signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE_TYPE: u8 = 0x04;
/// The latest time that the cosignature format allows.
const MAX_TIME_UNIX_S: u64 = i64::MAX as u64;
const TIME_BYTES: usize = 8;

/// Why a note is not a checkpoint of the expected log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The bytes are not a signed note.
    #[error("the checkpoint is not a signed note")]
    Note(#[from] NoteError),
    /// The body is not exactly three lines, each ending in a newline.
    #[error("the checkpoint's body is not exactly three lines")]
    Lines,
    /// The origin line is empty or holds a control character.
    #[error("the checkpoint's origin is empty or holds a control character")]
    MalformedOrigin,
    /// The size line is not a canonical decimal number of 64 bits.
    #[error("`{}` is not a tree size", .0.escape_debug())]
    Size(String),
    /// The root line is not the base64 of 32 bytes.
    #[error("`{}` is not a root hash", .0.escape_debug())]
    Root(String),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of `{found}`, not of `{expected}`")]
    OtherOrigin {
        /// The origin asked for.
        expected: String,
        /// The origin found.
        found: String,
    },
    /// The log's key has not signed in this way.
    #[error("the checkpoint lacks the log's {0}")]
    MissingSignature(SignatureKind),
    /// The log's key has signed in this way more than once.
    #[error("the checkpoint has more than one {0} by the log")]
    DuplicateSignature(SignatureKind),
    /// The line is by the log's key, but does not verify.
    #[error("the checkpoint's {0} by the log is wrong")]
    WrongSignature(SignatureKind),
}

/// The two ways in which the log signs a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureKind {
    /// Ed25519 over the body, type `0x01`.
    Plain,
    /// Timestamped cosignature, type `0x04`.
    Timestamped,
}

impl fmt::Display for SignatureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain signature",
            Self::Timestamped => "timestamped signature",
        })
    }
}

/// A log's size and root. Its [`Display`](fmt::Display) is the note's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's identity: one line, not empty.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over these leaves.
    pub root: Hash,
}

impl Checkpoint {
    /// Parses the three-line body. Extension lines, which the standard leaves open, are refused:
    /// nothing in them could be audited.
    ///
    /// # Errors
    /// [`CheckpointError`] when the body has any other form than the one that
    /// [`Display`](fmt::Display) writes.
    pub fn parse(body: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = body
            .strip_suffix('\n')
            .ok_or(CheckpointError::Lines)?
            .splitn(4, '\n')
            .collect();
        let [origin, size, root] = lines[..] else {
            return Err(CheckpointError::Lines);
        };
        if !is_origin(origin) {
            return Err(CheckpointError::MalformedOrigin);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: parse_size(size).ok_or_else(|| CheckpointError::Size(size.to_owned()))?,
            root: parse_root(root).ok_or_else(|| CheckpointError::Root(root.to_owned()))?,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = BASE64_STANDARD.encode(self.root);
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

/// A checkpoint whose two signatures by the log's key have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// When, by the log's clock, in seconds since the Unix epoch.
    pub time_unix_s: u64,
}

/// Signs `checkpoint` with both signatures and returns the whole note.
///
/// # Panics
/// When the origin is empty or holds a control character, or the time is above 2^63 - 1: such a
/// note would not open, and both are the caller's own constants.
#[must_use]
pub fn sign(checkpoint: &Checkpoint, key: &SigningKey, time_unix_s: u64) -> String {
    assert!(
        is_origin(&checkpoint.origin),
        "a log's origin is one line, not empty"
    );
    assert!(
        time_unix_s <= MAX_TIME_UNIX_S,
        "a checkpoint's time is below 2^63 seconds"
    );
    sign_body(&checkpoint.to_string(), key, time_unix_s)
}

/// Opens a checkpoint of the log `origin`, signed by `key` in both ways.
///
/// # Errors
/// [`CheckpointError`] when the note or its body is malformed, is of another log, or lacks exactly
/// one valid signature of each kind by `key`.
pub fn open(
    note: &str,
    key: &VerifierKey,
    origin: &str,
) -> Result<SignedCheckpoint, CheckpointError> {
    let note = Note::parse(note)?;
    let plain = only_signature(&note, key, SignatureKind::Plain)?;
    if !key.verifies(note.text().as_bytes(), plain) {
        return Err(CheckpointError::WrongSignature(SignatureKind::Plain));
    }
    let timestamped = only_signature(&note, key, SignatureKind::Timestamped)?;
    let time_unix_s = verified_time(note.text(), key, timestamped)
        .ok_or(CheckpointError::WrongSignature(SignatureKind::Timestamped))?;
    let checkpoint = Checkpoint::parse(note.text())?;
    if checkpoint.origin != origin {
        return Err(CheckpointError::OtherOrigin {
            expected: origin.to_owned(),
            found: checkpoint.origin,
        });
    }
    Ok(SignedCheckpoint {
        checkpoint,
        time_unix_s,
    })
}

fn sign_body(body: &str, key: &SigningKey, time_unix_s: u64) -> String {
    let verifier = key.verifier();
    let line = |signature_type, bytes| {
        NoteSignature::new(verifier.name(), verifier.key_id(signature_type), bytes)
    };
    let plain = line(ED25519_TYPE, key.sign(body.as_bytes()));
    let mut timestamped = time_unix_s.to_be_bytes().to_vec();
    timestamped.extend(key.sign(&timestamped_message(time_unix_s, body)));
    let timestamped = line(COSIGNATURE_TYPE, timestamped);
    format!("{body}\n{plain}\n{timestamped}\n")
}

/// The bytes of the one signature of this kind by `key`. Two would leave it open which time holds.
fn only_signature<'a>(
    note: &'a Note,
    key: &VerifierKey,
    kind: SignatureKind,
) -> Result<&'a [u8], CheckpointError> {
    let key_id = key.key_id(match kind {
        SignatureKind::Plain => ED25519_TYPE,
        SignatureKind::Timestamped => COSIGNATURE_TYPE,
    });
    let mut found = note
        .signatures()
        .iter()
        .filter(|signature| signature.name() == key.name() && signature.key_id() == key_id);
    let signature = found
        .next()
        .ok_or(CheckpointError::MissingSignature(kind))?;
    if found.next().is_some() {
        return Err(CheckpointError::DuplicateSignature(kind));
    }
    Ok(signature.bytes())
}

fn verified_time(body: &str, key: &VerifierKey, signature: &[u8]) -> Option<u64> {
    let (time, signature) = signature.split_first_chunk::<TIME_BYTES>()?;
    let time_unix_s = u64::from_be_bytes(*time);
    let valid = time_unix_s <= MAX_TIME_UNIX_S
        && key.verifies(&timestamped_message(time_unix_s, body), signature);
    valid.then_some(time_unix_s)
}

fn timestamped_message(time_unix_s: u64, body: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_unix_s}\n{body}").into_bytes()
}

fn is_origin(origin: &str) -> bool {
    !origin.is_empty() && !origin.chars().any(char::is_control)
}

fn parse_size(size: &str) -> Option<u64> {
    let canonical = size == "0" || !size.starts_with(['0', '+']);
    canonical.then(|| size.parse().ok()).flatten()
}

fn parse_root(root: &str) -> Option<Hash> {
    BASE64_STANDARD.decode(root).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A log that signs a malformed body is refused for the body, not for its signatures.
    #[test]
    fn a_well_signed_malformed_body_is_refused() {
        let key = SigningKey::from_seed("log.example", &[1; 32]).unwrap();
        let root = BASE64_STANDARD.encode([0; 32]);
        let open_body =
            |body: &str| open(&sign_body(body, &key, 5), &key.verifier(), "log.example");
        assert!(open_body(&format!("log.example\n3\n{root}\n")).is_ok());
        assert_eq!(
            open_body(&format!("log.example\n3\n{root}\nextension\n")),
            Err(CheckpointError::Lines)
        );
        assert_eq!(
            open_body(&format!("log.example\n03\n{root}\n")),
            Err(CheckpointError::Size("03".to_owned()))
        );
    }

    /// The format's limit holds although the signature over the time is genuine.
    #[test]
    fn a_well_signed_time_beyond_the_format_is_refused() {
        let key = SigningKey::from_seed("log.example", &[1; 32]).unwrap();
        let root = BASE64_STANDARD.encode([0; 32]);
        let body = format!("log.example\n3\n{root}\n");
        assert_eq!(
            open(
                &sign_body(&body, &key, 1 << 63),
                &key.verifier(),
                "log.example"
            ),
            Err(CheckpointError::WrongSignature(SignatureKind::Timestamped))
        );
    }
}
