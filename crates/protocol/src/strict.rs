//! Strict JSON ingress: everything from outside passes here before it is typed.
//!
//! `serde_json` alone would let through duplicate keys (last one wins) and
//! numbers that change on the way. Both end here, as typed errors, with depth
//! and size. Unknown fields end in the types (`deny_unknown_fields`).

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::io;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, de::DeserializeOwned};

/// Greatest integer that survives every JSON reader: 2^53 − 1.
pub const MAX_SAFE: u64 = (1 << 53) - 1;
/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;

/// Why bytes are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrictError {
    /// More bytes than the place takes.
    #[error("too long: {size} bytes, at most {limit} are taken")]
    TooLong {
        /// Bytes given.
        size: usize,
        /// Bytes taken.
        limit: usize,
    },
    /// A key stands twice in one object.
    #[error("the key `{0}` stands twice in one object")]
    DuplicateKey(String),
    /// A number that is not an integer between 0 and 2^53 − 1.
    #[error("the number `{0}` is not an integer between 0 and 2^53 - 1")]
    UnsafeNumber(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but not of this shape (unknown, missing or wrong field).
    #[error("not of the expected shape: {0}")]
    Shape(String),
    /// Not the one canonical spelling (RFC 8785).
    #[error("not in canonical form (RFC 8785)")]
    NotCanonical,
}

/// Reads a request body or file: strict JSON, then typed.
///
/// # Errors
/// Any [`StrictError`] but `NotCanonical`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, StrictError> {
    check(bytes, limit)?;
    serde_json::from_slice(bytes).map_err(|error| StrictError::Shape(error.to_string()))
}

/// Reads bytes that must be canonical, such as a payload: what is hashed is
/// what every reader understands.
///
/// # Errors
/// Any [`StrictError`].
pub fn parse_canonical<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    limit: usize,
) -> Result<T, StrictError> {
    let value: T = parse(bytes, limit)?;
    if canonical(&value) != bytes {
        return Err(StrictError::NotCanonical);
    }
    Ok(value)
}

/// [`parse_canonical`] for a type whose fields stand in alphabetical order and
/// whose integers are checked by the caller: then bytes that equal its plain
/// serialisation are canonical, and only others need the long way.
///
/// # Errors
/// Any [`StrictError`].
pub fn parse_ordered<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    limit: usize,
) -> Result<T, StrictError> {
    if bytes.len() <= limit
        && let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(value) = serde_json::from_str::<T>(text)
        && is_ordered(&value, bytes)
    {
        return Ok(value);
    }
    parse_canonical(bytes, limit)
}

/// Whether `bytes` are the plain serialisation of `value`.
pub(crate) fn is_ordered<T: Serialize>(value: &T, bytes: &[u8]) -> bool {
    struct Rest<'a>(&'a [u8]);

    impl io::Write for Rest<'_> {
        fn write(&mut self, written: &[u8]) -> io::Result<usize> {
            let rest = self.0.strip_prefix(written);
            self.0 = rest.ok_or(io::ErrorKind::InvalidData)?;
            Ok(written.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut rest = Rest(bytes);
    serde_json::to_writer(&mut rest, value).is_ok() && rest.0.is_empty()
}

/// The RFC 8785 bytes of a value of ours.
///
/// # Panics
/// Never for the types of this crate: they hold strings, booleans and safe
/// integers only.
#[must_use]
pub fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("our types hold only what JSON can write")
}

/// [`canonical`] for a type whose fields stand in alphabetical order: its plain
/// serialisation. A tenth of the time; tests hold each such type against
/// [`canonical`].
///
/// # Panics
/// Never for the types of this crate.
#[must_use]
pub fn ordered<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("our types hold only what JSON can write")
}

/// Checks size, syntax, duplicate keys, numbers and depth.
///
/// # Errors
/// Any [`StrictError`] but `Shape` and `NotCanonical`.
pub fn check(bytes: &[u8], limit: usize) -> Result<(), StrictError> {
    walk(bytes, limit, false)
}

/// [`check`] for JSON that stays text, so that its numbers may be any.
///
/// # Errors
/// Any [`StrictError`] but `Shape`, `NotCanonical` and `UnsafeNumber`.
pub fn check_text(bytes: &[u8], limit: usize) -> Result<(), StrictError> {
    walk(bytes, limit, true)
}

fn walk(bytes: &[u8], limit: usize, any_number: bool) -> Result<(), StrictError> {
    if bytes.len() > limit {
        return Err(StrictError::TooLong {
            size: bytes.len(),
            limit,
        });
    }
    let refused = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let walked = Walk {
        any_number,
        depth: 0,
        refused: &refused,
    }
    .deserialize(&mut reader)
    .and_then(|()| reader.end());
    match (refused.take(), walked) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(StrictError::NotJson(error.to_string())),
        (None, Ok(())) => Ok(()),
    }
}

/// Walks a value without keeping it. The reason of a refusal goes out by the
/// cell, since serde's errors are text.
#[derive(Clone, Copy)]
struct Walk<'a> {
    any_number: bool,
    depth: usize,
    refused: &'a Cell<Option<StrictError>>,
}

impl Walk<'_> {
    fn refuse<T, E: de::Error>(self, why: StrictError) -> Result<T, E> {
        let error = E::custom(&why);
        self.refused.set(Some(why));
        Err(error)
    }

    fn number<E: de::Error>(self, safe: bool, number: &impl fmt::Display) -> Result<(), E> {
        if safe || self.any_number {
            return Ok(());
        }
        self.refuse(StrictError::UnsafeNumber(number.to_string()))
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return self.refuse(StrictError::TooDeep);
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.number(number <= MAX_SAFE, &number)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.number(false, &number)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.number(false, &number)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            if seen.contains(&key) {
                return self.refuse(StrictError::DuplicateKey(key));
            }
            seen.insert(key);
            fields.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> StrictError {
        check(text.as_bytes(), 1000).expect_err(text)
    }

    #[test]
    fn takes_plain_json() {
        for text in [
            "null",
            "true",
            "\"a\"",
            "0",
            "9007199254740991",
            r#"{"a":[{"a":1},{"a":2}]}"#,
        ] {
            assert_eq!(check(text.as_bytes(), 1000), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_duplicate_keys_however_they_are_written() {
        assert_eq!(
            refused(r#"{"a":1,"a":2}"#),
            StrictError::DuplicateKey("a".into())
        );
        assert_eq!(
            refused(r#"[{"x":{"a":1,"\u0061":2}}]"#),
            StrictError::DuplicateKey("a".into())
        );
    }

    #[test]
    fn refuses_numbers_that_change_on_the_way() {
        for number in [
            "9007199254740992",
            "9007199254740993",
            "-1",
            "1.0",
            "1e3",
            "0.1",
            "-0",
            "18446744073709551616",
        ] {
            assert!(
                matches!(refused(number), StrictError::UnsafeNumber(_)),
                "{number}"
            );
        }
    }

    #[test]
    fn numbers_of_a_text_may_be_any() {
        for text in ["-1", "0.1", "1e3", "9007199254740993", "[-0.5]"] {
            assert_eq!(check_text(text.as_bytes(), 100), Ok(()), "{text}");
        }
        assert!(check_text(br#"{"a":-1,"a":-1}"#, 100).is_err());
        assert!(check_text(b"NaN", 100).is_err());
    }

    #[test]
    fn refuses_depth_and_size() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(check(nested(MAX_DEPTH).as_bytes(), 1000), Ok(()));
        assert_eq!(refused(&nested(MAX_DEPTH + 1)), StrictError::TooDeep);
        assert_eq!(
            check(b"null", 3),
            Err(StrictError::TooLong { size: 4, limit: 3 })
        );
    }

    #[test]
    fn refuses_what_is_no_json() {
        for text in ["", "{", "nul", "1 2", "'a'", "NaN", "{a:1}", "\u{feff}1"] {
            assert!(matches!(refused(text), StrictError::NotJson(_)), "{text}");
        }
        assert!(matches!(
            check(b"\"\xff\"", 10),
            Err(StrictError::NotJson(_))
        ));
    }

    #[test]
    fn canonical_bytes_only() {
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Two {
            b: u64,
            a: String,
        }
        assert!(parse_canonical::<Two>(br#"{"a":"x","b":1}"#, 100).is_ok());
        for (text, wanted) in [
            (r#"{"b":1,"a":"x"}"#, "order"),
            (r#"{"a":"x", "b":1}"#, "space"),
            (r#"{"a":"\u0078","b":1}"#, "escape"),
        ] {
            assert_eq!(
                parse_canonical::<Two>(text.as_bytes(), 100).err(),
                Some(StrictError::NotCanonical),
                "{wanted}"
            );
        }
        assert!(matches!(
            parse_canonical::<Two>(br#"{"a":"x","b":1,"c":2}"#, 100),
            Err(StrictError::Shape(_))
        ));
    }
}
