//! Bearer tokens: they reach the gateway and nothing else.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;
use vidimus_protocol::Blob;
use zeroize::Zeroizing;

/// Bytes of a token.
const BYTES: usize = 32;

/// 32 random bytes in base64url. Never printed, overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

/// Not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a token: 43 characters of base64url")]
pub struct TokenError;

impl Token {
    /// The text, to be stored where nobody else reads.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("Bearer {}", self.expose()));
        let mut value = HeaderValue::from_str(&text).expect("base64url is ASCII");
        value.set_sensitive(true);
        value
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = text.parse::<Blob>().map_err(|_| TokenError)?;
        let bytes = Zeroizing::new(bytes.0);
        if bytes.len() != BYTES {
            return Err(TokenError);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_32_bytes_and_shows_in_no_debug_output() {
        let text = Blob(vec![7; 32]).to_string();
        let token: Token = text.parse().unwrap();
        assert_eq!(token.expose(), text);
        assert!(!format!("{token:?}{:?}", token.header()).contains(&text));
        for bad in [String::new(), Blob(vec![7; 31]).to_string(), text + "\n"] {
            assert_eq!(bad.parse::<Token>(), Err(TokenError));
        }
    }
}
