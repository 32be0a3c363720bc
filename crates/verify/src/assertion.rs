//! The one checker of WebAuthn assertions, online and offline.
//!
//! Rules, in order: client data text, challenge, type, exact origin, no
//! foreign frame, authenticator data, RP ID hash, UP and UV, BE/BS sane,
//! signature. Out of scope: signature counters, which passkeys leave at zero.
//! Spec: `docs/spec/envelope.md`.

use vidimus_protocol::envelope::Assertion;
use vidimus_protocol::state::Route;
use vidimus_protocol::{Blob, Digest, sha256};

use crate::authenticator::{AuthenticatorData, AuthenticatorError};
use crate::client_data::{ClientData, ClientDataError};
use crate::cose::{CoseKey, WrongSignature};

/// What an assertion must be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The envelope's challenge.
    pub challenge: &'a Digest,
    /// RP ID of the log.
    pub rp_id: &'a str,
    /// Web origins of the log.
    pub origins: &'a [String],
    /// Origin of the log's software keys, where it takes them.
    pub software_origin: Option<&'a str>,
    /// The credential's key.
    pub public_key: &'a CoseKey,
}

/// Why an assertion does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Its client data is wrong.
    #[error(transparent)]
    ClientData(#[from] ClientDataError),
    /// Its authenticator data is wrong.
    #[error(transparent)]
    Authenticator(#[from] AuthenticatorError),
    /// The key did not sign this.
    #[error("the key's signature does not verify")]
    Signature,
}

impl From<WrongSignature> for AssertionError {
    fn from(_: WrongSignature) -> Self {
        Self::Signature
    }
}

/// Checks an assertion and says by which route the key was reached.
///
/// # Errors
/// [`AssertionError`] names the first broken rule.
pub fn check(assertion: &Assertion, expected: &Expected<'_>) -> Result<Route, AssertionError> {
    let client_data = ClientData::parse(&assertion.client_data_json.0)?;
    client_data.expect_challenge(&challenge_text(expected.challenge))?;
    client_data.expect_type("webauthn.get")?;
    let route = client_data.route(expected.origins, expected.software_origin)?;
    let data = AuthenticatorData::parse(&assertion.authenticator_data.0)?;
    if data.credential.is_some() {
        return Err(AuthenticatorError::Credential.into());
    }
    data.check(expected.rp_id)?;
    let mut message = assertion.authenticator_data.0.clone();
    message.extend(sha256(&[&assertion.client_data_json.0]).0);
    expected
        .public_key
        .verify(&message, &assertion.signature.0)?;
    Ok(route)
}

/// A challenge as client data writes it.
#[must_use]
pub fn challenge_text(challenge: &Digest) -> String {
    Blob(challenge.0.to_vec()).to_string()
}

#[cfg(test)]
mod tests;
