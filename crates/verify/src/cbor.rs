//! The subset of CBOR (RFC 8949) that WebAuthn structures are made of, read
//! strictly: definite lengths, shortest heads, each map key once.
//!
//! Out of scope: tags, floating point numbers and `undefined`, which no
//! structure of WebAuthn needs, and writing.

/// Deepest nesting of arrays and maps.
const MAX_DEPTH: usize = 8;
/// Most keys of one map.
const MAX_KEYS: u64 = 64;

/// Why bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// They end inside an item.
    #[error("CBOR ends inside an item")]
    Truncated,
    /// There are more of them than the item has.
    #[error("CBOR has bytes after its item")]
    Trailing,
    /// A number or length is not written in its shortest form.
    #[error("CBOR has a number or length that is not in its shortest form")]
    NotShortest,
    /// A string, array or map of indefinite length.
    #[error("CBOR has an item of indefinite length")]
    Indefinite,
    /// A tag, a floating point number, or a reserved head.
    #[error("CBOR has a tag, a floating point number or a reserved value")]
    Unsupported,
    /// A text that is not UTF-8.
    #[error("CBOR has a text that is not UTF-8")]
    NotUtf8,
    /// A key stands twice in one map.
    #[error("CBOR has a key twice in one map")]
    DuplicateKey,
    /// The keys of a map that must be canonical are out of order.
    #[error("CBOR has map keys out of their canonical order")]
    KeyOrder,
    /// Nested too deep, or a map of too many keys.
    #[error(
        "CBOR is nested deeper than {MAX_DEPTH} levels or has a map of more than {MAX_KEYS} keys"
    )]
    TooLarge,
    /// Another type than the one that belongs there.
    #[error("CBOR has an item of another type than belongs there")]
    WrongType,
}

/// The head of an item, with the content of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    Unsigned(u64),
    /// The number −1 − n.
    Negative(u64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(u64),
    Map(u64),
    /// `false`, `true` or `null`.
    Simple,
}

impl<'a> Item<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8], CborError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(CborError::WrongType),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, CborError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(CborError::WrongType),
        }
    }

    /// A number that fits; everything else is no COSE label or algorithm.
    pub(crate) fn integer(self) -> Result<i64, CborError> {
        let small = |number: u64| i64::try_from(number).map_err(|_| CborError::WrongType);
        match self {
            Self::Unsigned(number) => small(number),
            Self::Negative(number) => small(number).map(|number| -1 - number),
            _ => Err(CborError::WrongType),
        }
    }
}

/// One entry of a map: its key, and the bytes of its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    raw_key: &'a [u8],
    pub(crate) key: Item<'a>,
    value: &'a [u8],
}

impl<'a> Field<'a> {
    /// The head of the value, with the content of strings.
    pub(crate) fn value(&self) -> Result<Item<'a>, CborError> {
        Reader { rest: self.value }.head()
    }

    /// The bytes of the value.
    pub(crate) fn raw_value(&self) -> &'a [u8] {
        self.value
    }
}

/// Reads one array of byte strings that is all of `bytes`.
pub(crate) fn byte_strings(bytes: &[u8]) -> Result<Vec<&[u8]>, CborError> {
    let mut reader = Reader { rest: bytes };
    let Item::Array(length) = reader.head()? else {
        return Err(CborError::WrongType);
    };
    let strings = (0..length).map(|_| reader.head()?.bytes()).collect();
    match reader.rest {
        [] => strings,
        _ => Err(CborError::Trailing),
    }
}

/// Reads one map that is all of `bytes`.
pub(crate) fn map(bytes: &[u8]) -> Result<Vec<Field<'_>>, CborError> {
    match map_at_start(bytes)? {
        (fields, []) => Ok(fields),
        _ => Err(CborError::Trailing),
    }
}

/// Reads one map at the start of `bytes`; returns what follows it, too.
pub(crate) fn map_at_start(bytes: &[u8]) -> Result<(Vec<Field<'_>>, &[u8]), CborError> {
    let mut reader = Reader { rest: bytes };
    let Item::Map(length) = reader.head()? else {
        return Err(CborError::WrongType);
    };
    let fields = reader.fields(length, MAX_DEPTH - 1)?;
    Ok((fields, reader.rest))
}

/// Demands CTAP2's canonical order of keys: shorter first, then bytewise.
pub(crate) fn expect_canonical_order(fields: &[Field<'_>]) -> Result<(), CborError> {
    let place = |field: &Field<'_>| (field.raw_key.len(), field.raw_key.to_vec());
    if fields.is_sorted_by(|one, next| place(one) < place(next)) {
        Ok(())
    } else {
        Err(CborError::KeyOrder)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let length = usize::try_from(length).map_err(|_| CborError::Truncated)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads a head and, for strings, the content.
    fn head(&mut self) -> Result<Item<'a>, CborError> {
        let first = self.take(1)?[0];
        let (major, low) = (first >> 5, first & 0x1f);
        if major == 7 {
            return match low {
                20..=22 => Ok(Item::Simple),
                _ => Err(CborError::Unsupported),
            };
        }
        let argument = self.argument(low)?;
        Ok(match major {
            0 => Item::Unsigned(argument),
            1 => Item::Negative(argument),
            2 => Item::Bytes(self.take(argument)?),
            3 => {
                let text = std::str::from_utf8(self.take(argument)?);
                Item::Text(text.map_err(|_| CborError::NotUtf8)?)
            }
            4 => Item::Array(argument),
            5 => Item::Map(argument),
            _ => return Err(CborError::Unsupported),
        })
    }

    fn argument(&mut self, low: u8) -> Result<u64, CborError> {
        let (bytes, least) = match low {
            0..=23 => return Ok(u64::from(low)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            31 => return Err(CborError::Indefinite),
            _ => return Err(CborError::Unsupported),
        };
        let argument = self
            .take(bytes)?
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        if argument < least {
            Err(CborError::NotShortest)
        } else {
            Ok(argument)
        }
    }

    fn fields(&mut self, length: u64, depth: usize) -> Result<Vec<Field<'a>>, CborError> {
        if length > MAX_KEYS {
            return Err(CborError::TooLarge);
        }
        let mut fields: Vec<Field<'a>> = Vec::new();
        for _ in 0..length {
            let raw_key = self.walk(depth)?;
            // Shortest form makes equal keys equal bytes.
            if fields.iter().any(|field| field.raw_key == raw_key) {
                return Err(CborError::DuplicateKey);
            }
            let key = Reader { rest: raw_key }.head()?;
            let value = self.walk(depth)?;
            fields.push(Field {
                raw_key,
                key,
                value,
            });
        }
        Ok(fields)
    }

    /// Walks over one item with all that it holds and returns its bytes.
    fn walk(&mut self, depth: usize) -> Result<&'a [u8], CborError> {
        let start = self.rest;
        match self.head()? {
            Item::Array(_) | Item::Map(_) if depth == 0 => return Err(CborError::TooLarge),
            Item::Array(length) => {
                for _ in 0..length {
                    self.walk(depth - 1)?;
                }
            }
            Item::Map(length) => {
                self.fields(length, depth - 1)?;
            }
            _ => {}
        }
        Ok(&start[..start.len() - self.rest.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_webauthn_writes() {
        let bytes = [
            0xa4, 0x01, 0x02, 0x03, 0x26, 0x20, 0x42, 0xaa, 0xbb, 0x61, b'x', 0x82, 0xf5, 0xa0,
        ];
        let fields = map(&bytes).expect("well-formed");
        let keys: Vec<_> = fields.iter().map(|field| field.key).collect();
        assert_eq!(
            keys,
            [
                Item::Unsigned(1),
                Item::Unsigned(3),
                Item::Negative(0),
                Item::Text("x")
            ]
        );
        assert_eq!(fields[1].value().and_then(Item::integer), Ok(-7));
        assert_eq!(fields[2].value(), Ok(Item::Bytes(&[0xaa, 0xbb])));
        assert_eq!(expect_canonical_order(&fields), Ok(()));
    }

    #[test]
    fn each_rule_refuses() {
        let cases: &[(&[u8], CborError)] = &[
            (&[], CborError::Truncated),
            (&[0xa1, 0x01], CborError::Truncated),
            (&[0xa1, 0x01, 0x42, 0x00], CborError::Truncated),
            (
                &[0xa1, 0x01, 0x5b, 255, 255, 255, 255, 255, 255, 255, 255],
                CborError::Truncated,
            ),
            (&[0xa0, 0x00], CborError::Trailing),
            (&[0xa1, 0x18, 0x17, 0x00], CborError::NotShortest),
            (&[0xa1, 0x19, 0x00, 0xff, 0x00], CborError::NotShortest),
            (&[0xa1, 0x01, 0x58, 0x01, 0x00], CborError::NotShortest),
            (&[0xbf, 0xff], CborError::Indefinite),
            (&[0xa1, 0x01, 0x9f, 0xff], CborError::Indefinite),
            (&[0xa1, 0x01, 0xc0, 0x00], CborError::Unsupported),
            (&[0xa1, 0x01, 0xf9, 0x00, 0x00], CborError::Unsupported),
            (&[0xa1, 0x01, 0xf7], CborError::Unsupported),
            (&[0xa1, 0x01, 0x61, 0xff], CborError::NotUtf8),
            (&[0xa2, 0x01, 0x00, 0x01, 0x00], CborError::DuplicateKey),
            (
                &[0xa1, 0x01, 0xa2, 0x01, 0x00, 0x01, 0x00],
                CborError::DuplicateKey,
            ),
            (
                &[0xa1, 0, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0],
                CborError::TooLarge,
            ),
            (&[0xb8, 65], CborError::TooLarge),
            (&[0x80], CborError::WrongType),
        ];
        for (bytes, expected) in cases {
            assert_eq!(map(bytes).err(), Some(*expected), "{bytes:02x?}");
        }
        let unordered = [0xa2, 0x03, 0x00, 0x01, 0x00];
        assert_eq!(
            map(&unordered).and_then(|fields| expect_canonical_order(&fields)),
            Err(CborError::KeyOrder)
        );
    }
}
