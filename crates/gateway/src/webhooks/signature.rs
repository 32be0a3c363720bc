//! Secrets and signatures as the Standard Webhooks specification (1.0.0) has
//! them: symmetric, `v1`.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What stands before a secret's base64.
const PREFIX: &str = "whsec_";
/// Bytes that the specification allows a secret to have.
const SIZES: std::ops::RangeInclusive<usize> = 24..=64;

/// What gateway and receiver share. It is written into `webhooks.json` and
/// shown once; nothing else prints it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(Vec<u8>);

/// Not a secret of this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret is `{PREFIX}` and the base64 of 24 to 64 bytes")]
pub struct SecretError;

impl Secret {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(crate::keys::random().0.to_vec())
    }

    /// As the receiver is told.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The `webhook-signature` of a message.
    pub(super) fn sign(&self, id: &str, unix_s: u64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut mac = hmac::Context::with_key(&key);
        mac.update(format!("{id}.{unix_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.sign()))
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let bytes = text
            .strip_prefix(PREFIX)
            .and_then(|base64| STANDARD.decode(base64).ok())
            .filter(|bytes| SIZES.contains(&bytes.len()));
        bytes.map(Self).ok_or(SecretError)
    }
}

impl TryFrom<String> for Secret {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, SecretError> {
        text.parse()
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.reveal()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_published_vector() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_long_enough_and_says_nothing() {
        let secret = Secret::generate();
        let shown = secret.reveal();
        assert_eq!(shown.parse::<Secret>().unwrap(), secret);
        assert_ne!(Secret::generate(), secret);
        assert!(!format!("{secret:?}").contains(&shown[6..12]));
        for bad in [
            "",
            "whsec_",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
        ] {
            assert_eq!(bad.parse::<Secret>(), Err(SecretError), "{bad}");
        }
        let long = format!("{PREFIX}{}", STANDARD.encode([1; 65]));
        assert_eq!(long.parse::<Secret>(), Err(SecretError));
    }
}
