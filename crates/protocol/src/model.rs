//! Models of authenticators: an AAGUID, which the authenticator says, with the
//! certificate at which its attestation ends, which proves it.
//! Spec: `docs/spec/entry.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes::{Digest, FromStrVisitor};

/// A model, as an attestation proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What the authenticator calls itself.
    pub aaguid: Aaguid,
    /// SHA-256 of the certificate, DER, at which its attestation ends.
    pub anchor: Digest,
}

/// Authenticator attestation GUID, written as a lower-case UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aaguid(pub [u8; 16]);

/// An AAGUID is written as a lower-case UUID with its four hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a UUID in lower case")]
pub struct AaguidError;

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl FromStr for Aaguid {
    type Err = AaguidError;

    fn from_str(text: &str) -> Result<Self, AaguidError> {
        let is_hyphen = |at: usize| HYPHENS.contains(&at);
        let fit = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match byte {
                b'-' => is_hyphen(at),
                b'0'..=b'9' | b'a'..=b'f' => !is_hyphen(at),
                _ => false,
            });
        let mut out = [0; 16];
        if fit && const_hex::decode_to_slice(text.replace('-', ""), &mut out).is_ok() {
            Ok(Self(out))
        } else {
            Err(AaguidError)
        }
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = const_hex::encode(self.0);
        let groups = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        f.write_str(&groups.join("-"))
    }
}

impl fmt::Debug for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Aaguid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Aaguid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("a UUID in lower case"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_aaguid_has_one_spelling() {
        let text = "876ca4f5-2071-c3e9-b255-09ef2cdf7ed6";
        let aaguid: Aaguid = text.parse().unwrap();
        assert_eq!(aaguid.0[..5], [0x87, 0x6c, 0xa4, 0xf5, 0x20]);
        assert_eq!(aaguid.to_string(), text);
        for bad in [
            "",
            "876ca4f52071c3e9b25509ef2cdf7ed6",
            "876CA4F5-2071-c3e9-b255-09ef2cdf7ed6",
            "876ca4f52-071-c3e9-b255-09ef2cdf7ed6",
            "876ca4f5-2071-c3e9-b255-09ef2cdf7ed",
            "876ca4f5-2071-c3e9-b255-09ef2cdf7ed66",
            "876ca4f5-2071-c3e9-b255-09ef2cdf7eg6",
            "876ca4f5-2071-c3e9-b255009ef2cdf7ed6",
            "{76ca4f5-2071-c3e9-b255-09ef2cdf7ed6",
        ] {
            assert_eq!(bad.parse::<Aaguid>(), Err(AaguidError), "{bad}");
        }
    }
}
