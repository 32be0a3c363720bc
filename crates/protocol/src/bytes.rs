//! Byte strings in text: 32-byte digests as hex, everything else as base64url.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A SHA-256 value, a salt or a nonce: 32 bytes, written as 64 lower-case hex
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// SHA-256 of the concatenation of `pieces`.
#[must_use]
pub fn sha256(pieces: &[&[u8]]) -> Digest {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for piece in pieces {
        context.update(piece);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    Digest(out)
}

/// A 32-byte value is written as 64 lower-case hex digits, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lower-case hex digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        // A prefix `0x` and upper case are other spellings.
        if text.len() != 64 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(DigestError);
        }
        let mut out = [0; 32];
        const_hex::decode_to_slice(text, &mut out).map_err(|_| DigestError)?;
        Ok(Self(out))
    }
}

impl Digest {
    fn text(&self) -> const_hex::Buffer<32> {
        const_hex::const_encode(&self.0)
    }

    /// A fingerprint that two people compare by voice: the first 64 bits as 20
    /// decimal digits, in groups of four.
    #[must_use]
    pub fn read_aloud(&self) -> String {
        let mut head = [0; 8];
        head.copy_from_slice(&self.0[..8]);
        let digits = format!("{:020}", u64::from_be_bytes(head));
        let groups: Vec<&str> = (0..20).step_by(4).map(|at| &digits[at..at + 4]).collect();
        groups.join(" ")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("64 lower-case hex digits"))
    }
}

/// Any other byte string: base64url without padding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob(pub Vec<u8>);

/// Not base64url without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected base64url without padding")]
pub struct BlobError;

impl FromStr for Blob {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        URL_SAFE_NO_PAD
            .decode(text)
            .map(Self)
            .map_err(|_| BlobError)
    }
}

impl Blob {
    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("base64url without padding"))
    }
}

/// Text that was written in ASCII.
pub(crate) fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("it was written in ASCII")
}

/// Reads any `FromStr` from a JSON string without allocating it first.
pub(crate) struct FromStrVisitor<T> {
    expecting: &'static str,
    value: std::marker::PhantomData<T>,
}

impl<T> FromStrVisitor<T> {
    pub(crate) fn new(expecting: &'static str) -> Self {
        Self {
            expecting,
            value: std::marker::PhantomData,
        }
    }
}

impl<T> de::Visitor<'_> for FromStrVisitor<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn digest_is_lower_case_hex_and_nothing_else() {
        let text = "00ff".repeat(16);
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        assert!("00FF".repeat(16).parse::<Digest>().is_err());
        assert!("00".repeat(31).parse::<Digest>().is_err());
        assert!("0g".repeat(32).parse::<Digest>().is_err());
        assert!(format!("0x{text}").parse::<Digest>().is_err());
        assert!(format!("0x{}", "00".repeat(31)).parse::<Digest>().is_err());
    }

    #[test]
    fn blob_refuses_padding_and_the_other_alphabet() {
        assert_eq!("_-8".parse::<Blob>().unwrap().0, [0xff, 0xef]);
        assert!("_-8=".parse::<Blob>().is_err());
        assert!("/+8".parse::<Blob>().is_err());
        assert!("_-9".parse::<Blob>().is_err(), "trailing bits must be zero");
    }
}
