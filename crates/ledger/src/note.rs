//! Signed notes: a text, an empty line and signature lines, each naming its key.
//!
//! In scope: the note's form, verifier keys, and Ed25519 signatures (type `0x01`). Out of scope:
//! what the text means (see [`crate::checkpoint`]) and other signature types, which are kept as
//! bytes.
//!
//! Specification: C2SP signed-note v1.0.0 and `docs/spec/tree.md`.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use thiserror::Error;

use crate::tree::sha256;

/// The most bytes a note may have; room for 16 signatures of the largest known type.
pub const MAX_NOTE_BYTES: usize = 128 * 1024;
/// The most signature lines a note may have; the standard demands at least 16.
pub const MAX_SIGNATURES: usize = 32;
/// The most bytes the name of a key may have.
pub const MAX_NAME_BYTES: usize = 255;

/// The signature type of an Ed25519 signature over the note's text.
pub(crate) const ED25519_TYPE: u8 = 0x01;

const KEY_ID_BYTES: usize = 4;
const LINE_START: &str = "\u{2014} ";

/// Why bytes are not a signed note.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoteError {
    /// The note has more than [`MAX_NOTE_BYTES`].
    #[error("the note has {0} bytes, more than {MAX_NOTE_BYTES}")]
    TooLarge(usize),
    /// The note has more than [`MAX_SIGNATURES`].
    #[error("the note has more than {MAX_SIGNATURES} signature lines")]
    TooManySignatures,
    /// The note holds a control character other than newline.
    #[error("the note holds a control character")]
    ControlCharacter,
    /// The note lacks the empty line before its signatures, or any signature.
    #[error("the note has no signatures")]
    NoSignatures,
    /// The note's last line lacks its newline.
    #[error("the note does not end in a newline")]
    NoFinalNewline,
    /// A line after the text is not a signature line.
    #[error("`{0}` is not a signature line")]
    Line(String),
}

/// Why a name, a seed or a text does not give a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The key's name is empty, too long, or holds a space, a plus or a control character.
    #[error("`{}` cannot be the name of a key", .0.escape_debug())]
    Name(String),
    /// The seed was not taken as an Ed25519 private key.
    #[error("the seed is not an Ed25519 private key")]
    Seed,
    /// The text is not `name+id+key`.
    #[error("`{}` is not a verifier key", .0.escape_debug())]
    Malformed(String),
    /// The key is not of type `0x01` with 32 bytes.
    #[error("the verifier key of `{0}` is not an Ed25519 key")]
    Type(String),
    /// The key id in the text is not that of the key.
    #[error("the verifier key of `{0}` has the wrong key id")]
    Id(String),
}

/// A parsed note. Its text is to be ignored until a signature by a trusted key is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Parses a whole note, signature lines included.
    ///
    /// # Errors
    /// [`NoteError`] when `note` is not of the standard's form or exceeds a limit.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge(note.len()));
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::ControlCharacter);
        }
        let text_end = note.rfind("\n\n").ok_or(NoteError::NoSignatures)? + 1;
        let (text, lines) = note.split_at(text_end);
        let lines = &lines[1..];
        if lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoFinalNewline)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            let signature =
                NoteSignature::parse(line).ok_or_else(|| NoteError::Line(line.to_owned()))?;
            signatures.push(signature);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in the order of their lines.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: u32,
    bytes: Vec<u8>,
}

impl NoteSignature {
    pub(crate) fn new(name: &str, key_id: u32, bytes: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            key_id,
            bytes,
        }
    }

    /// The name of the key that is said to have signed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short id of that key and its signature type.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// The signature, without the key id.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        if !is_name(name) {
            return None;
        }
        let decoded = BASE64_STANDARD.decode(base64).ok()?;
        let (key_id, bytes) = decoded.split_first_chunk::<KEY_ID_BYTES>()?;
        if bytes.is_empty() {
            return None;
        }
        Some(Self::new(name, u32::from_be_bytes(*key_id), bytes.to_vec()))
    }
}

impl fmt::Display for NoteSignature {
    /// The signature line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id.to_be_bytes(), self.bytes.as_slice()].concat();
        let base64 = BASE64_STANDARD.encode(bytes);
        write!(f, "{LINE_START}{} {base64}", self.name)
    }
}

/// The public half of a named Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public_key: [u8; 32],
}

impl VerifierKey {
    /// Parses `name+id+key`: the key id in eight lower-case hexadecimal digits, and the base64 of
    /// the signature type `0x01` and the 32 bytes of the public key.
    ///
    /// # Errors
    /// [`KeyError`] when the text is of another form, or the id is not that of the key.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed(vkey.to_owned());
        let (name, rest) = vkey.split_once('+').ok_or_else(malformed)?;
        let (id, key) = rest.split_once('+').ok_or_else(malformed)?;
        let key = BASE64_STANDARD.decode(key).map_err(|_| malformed())?;
        check_name(name)?;
        let public_key = match key.split_first() {
            Some((&ED25519_TYPE, public_key)) => public_key.try_into().ok(),
            _ => None,
        };
        let key = Self {
            name: name.to_owned(),
            public_key: public_key.ok_or_else(|| KeyError::Type(name.to_owned()))?,
        };
        if id != const_hex::encode(key.key_id(ED25519_TYPE).to_be_bytes()) {
            return Err(KeyError::Id(name.to_owned()));
        }
        Ok(key)
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key as in RFC 8032.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    /// The id of this key when used for signatures of `signature_type`.
    pub(crate) fn key_id(&self, signature_type: u8) -> u32 {
        let [a, b, c, d, ..] = sha256(&[
            self.name.as_bytes(),
            b"\n",
            &[signature_type],
            &self.public_key,
        ]);
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether `signature` is this key's Ed25519 signature over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public_key)
            .verify(message, signature)
            .is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.key_id(ED25519_TYPE);
        let key = BASE64_STANDARD.encode([&[ED25519_TYPE], self.public_key.as_slice()].concat());
        write!(f, "{}+{id:08x}+{key}", self.name)
    }
}

/// A named Ed25519 private key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key named `name` whose RFC 8032 private key is `seed`.
    ///
    /// # Errors
    /// [`KeyError`] when `name` cannot be a key's name.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Seed)?;
        let public_key = pair
            .public_key()
            .as_ref()
            .try_into()
            .expect("an Ed25519 public key has 32 bytes");
        let verifier = VerifierKey {
            name: name.to_owned(),
            public_key,
        };
        Ok(Self { pair, verifier })
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.verifier.clone()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    /// Shows the public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

fn check_name(name: &str) -> Result<(), KeyError> {
    if is_name(name) {
        Ok(())
    } else {
        Err(KeyError::Name(name.to_owned()))
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The verifier keys, notes and (for the first) the private seed that the tests of Go's
    /// sumdb/note and the text of C2SP signed-note publish.
    const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
";
    const C2SP_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const C2SP_NOTE: &str = "This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
";

    #[test]
    fn published_notes_verify() {
        for (vkey, text) in [(GO_VKEY, GO_NOTE), (C2SP_VKEY, C2SP_NOTE)] {
            let key = VerifierKey::parse(vkey).unwrap();
            let note = Note::parse(text).unwrap();
            let line = &note.signatures()[0];
            assert_eq!(line.name(), key.name());
            assert_eq!(line.key_id(), key.key_id(ED25519_TYPE));
            assert!(key.verifies(note.text().as_bytes(), line.bytes()));
            assert!(!key.verifies(&note.text().as_bytes()[1..], line.bytes()));
        }
    }

    #[test]
    fn a_published_note_is_signed_alike() {
        let seed = BASE64_STANDARD.decode(GO_SEED).unwrap();
        let key = SigningKey::from_seed("PeterNeumann", seed[1..].try_into().unwrap()).unwrap();
        assert_eq!(key.verifier().to_string(), GO_VKEY);
        let text = Note::parse(GO_NOTE).unwrap().text().to_owned();
        let id = key.verifier().key_id(ED25519_TYPE);
        let line = NoteSignature::new("PeterNeumann", id, key.sign(text.as_bytes()));
        assert_eq!(format!("{text}\n{line}\n"), GO_NOTE);
    }

    /// A witness key of type `0x04` from the tests of transparency-dev/formats.
    #[test]
    fn a_published_cosigner_has_its_key_id() {
        let key = BASE64_STANDARD
            .decode("BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")
            .unwrap();
        let key = VerifierKey {
            name: "remora.n621.de".to_owned(),
            public_key: key[1..].try_into().unwrap(),
        };
        assert_eq!(key.key_id(0x04), 0xda77_ade7);
    }
}
