//! Raw attestation objects, as a registration makes them (WebAuthn Level 3,
//! section 6.5).
//!
//! Out of scope: the attestation statement, which stays opaque here. What
//! makes a key count is that `log.opened` names it.
//! Spec: `docs/spec/envelope.md`.

use vidimus_protocol::Digest;

use crate::authenticator::{AuthenticatorData, AuthenticatorError, Flags};
use crate::cbor::{self, CborError, Item};

/// Most bytes of an attestation object: it must fit in a leaf.
pub const MAX_ATTESTATION_OBJECT: usize = 16 << 10;

/// What an attestation object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// SHA-256 of the RP ID.
    pub rp_id_hash: Digest,
    /// Flags of the authenticator data.
    pub flags: Flags,
    /// Model of the authenticator.
    pub aaguid: [u8; 16],
    /// The new key's id.
    pub credential_id: Vec<u8>,
    /// The new key, a COSE key, verbatim.
    pub public_key: Vec<u8>,
    /// Format of the attestation statement.
    pub fmt: String,
}

/// Why an attestation object is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// Larger than [`MAX_ATTESTATION_OBJECT`].
    #[error("the attestation object has {0} bytes, more than {MAX_ATTESTATION_OBJECT}")]
    TooLong(usize),
    /// Not strict CBOR.
    #[error("the attestation object is wrong: {0}")]
    Cbor(#[from] CborError),
    /// Not exactly `fmt`, `attStmt` and `authData`.
    #[error("the attestation object does not have exactly `fmt`, `attStmt` and `authData`")]
    Members,
    /// Its authenticator data is wrong.
    #[error(transparent)]
    Authenticator(#[from] AuthenticatorError),
}

/// Reads an attestation object, whatever its format.
///
/// # Errors
/// [`AttestationError`] names what is wrong.
pub fn parse(bytes: &[u8]) -> Result<Attested, AttestationError> {
    let (attested, _) = parse_with_data(bytes)?;
    Ok(attested)
}

/// Reads an attestation object and demands what a registration for `rp_id`
/// must have: presence, verification, sane backup flags.
///
/// # Errors
/// [`AttestationError`] names what is wrong.
pub fn check(bytes: &[u8], rp_id: &str) -> Result<Attested, AttestationError> {
    let (attested, data) = parse_with_data(bytes)?;
    data.check(rp_id)?;
    Ok(attested)
}

fn parse_with_data(bytes: &[u8]) -> Result<(Attested, AuthenticatorData<'_>), AttestationError> {
    if bytes.len() > MAX_ATTESTATION_OBJECT {
        return Err(AttestationError::TooLong(bytes.len()));
    }
    let fields = cbor::map(bytes)?;
    let member = |name: &str| {
        fields
            .iter()
            .find(|field| field.key == Item::Text(name))
            .ok_or(AttestationError::Members)?
            .value()
            .map_err(AttestationError::Cbor)
    };
    let fmt = member("fmt")?.text()?;
    let Item::Map(_) = member("attStmt")? else {
        return Err(AttestationError::Members);
    };
    let data = AuthenticatorData::parse(member("authData")?.bytes()?)?;
    if fields.len() != 3 {
        return Err(AttestationError::Members);
    }
    let credential = data.credential.ok_or(AuthenticatorError::Credential)?;
    let attested = Attested {
        rp_id_hash: data.rp_id_hash,
        flags: data.flags,
        aaguid: credential.aaguid,
        credential_id: credential.id.to_vec(),
        public_key: credential.public_key.to_vec(),
        fmt: fmt.to_owned(),
    };
    Ok((attested, data))
}
