//! Raw attestation objects, as a registration makes them (WebAuthn Level 3,
//! section 6.5).
//!
//! Out of scope: the attestation statement, which stays opaque here
//! ([`crate::packed`] checks those that prove a model).
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

/// The members of an attestation object.
pub(crate) struct Object<'a> {
    pub(crate) fmt: &'a str,
    /// A CBOR map, not looked into.
    pub(crate) statement: &'a [u8],
    pub(crate) authenticator_data: &'a [u8],
}

pub(crate) fn split(bytes: &[u8]) -> Result<Object<'_>, AttestationError> {
    if bytes.len() > MAX_ATTESTATION_OBJECT {
        return Err(AttestationError::TooLong(bytes.len()));
    }
    let fields = cbor::map(bytes)?;
    let member = |name: &str| {
        fields
            .iter()
            .find(|field| field.key == Item::Text(name))
            .ok_or(AttestationError::Members)
    };
    let fmt = member("fmt")?.value()?.text()?;
    let statement = member("attStmt")?;
    let Item::Map(_) = statement.value()? else {
        return Err(AttestationError::Members);
    };
    let authenticator_data = member("authData")?.value()?.bytes()?;
    if fields.len() != 3 {
        return Err(AttestationError::Members);
    }
    Ok(Object {
        fmt,
        statement: statement.raw_value(),
        authenticator_data,
    })
}

fn parse_with_data(bytes: &[u8]) -> Result<(Attested, AuthenticatorData<'_>), AttestationError> {
    let object = split(bytes)?;
    let data = AuthenticatorData::parse(object.authenticator_data)?;
    let credential = data.credential.ok_or(AuthenticatorError::Credential)?;
    let attested = Attested {
        rp_id_hash: data.rp_id_hash,
        flags: data.flags,
        aaguid: credential.aaguid,
        credential_id: credential.id.to_vec(),
        public_key: credential.public_key.to_vec(),
        fmt: object.fmt.to_owned(),
    };
    Ok((attested, data))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cose::Algorithm;
    use crate::testkit::{FLAGS, SoftKey, attestation_object, encode, registration_data};
    use vidimus_protocol::Blob;

    fn key() -> Blob {
        SoftKey::from_seed(Algorithm::Es256, &[3; 32]).public_key()
    }

    fn data(flags: u8) -> Vec<u8> {
        registration_data("localhost", flags, &[1, 2, 3], &key())
    }

    #[test]
    fn reads_what_a_registration_makes() {
        let attested = check(&attestation_object(&data(FLAGS)).0, "localhost").unwrap();
        assert_eq!(attested.credential_id, [1, 2, 3]);
        assert_eq!(attested.public_key, key().0);
        assert_eq!(attested.fmt, "none");
        assert_eq!(attested.aaguid, [0; 16]);
        let extended = [data(FLAGS | 0x80).as_slice(), &[0xa0]].concat();
        let attested = parse(&attestation_object(&extended).0).unwrap();
        assert_eq!(attested.public_key, key().0);
    }

    #[test]
    fn each_rule_refuses() {
        let object = |data: &[u8]| attestation_object(data).0;
        let members = |names: [&str; 3]| {
            encode(|out| {
                out.map(3)?.str(names[0])?.str("none")?;
                out.str(names[1])?
                    .map(0)?
                    .str(names[2])?
                    .bytes(&data(FLAGS))?;
                Ok(())
            })
            .0
        };
        let surplus = encode(|out| {
            out.map(4)?
                .str("fmt")?
                .str("none")?
                .str("attStmt")?
                .map(0)?;
            out.str("authData")?
                .bytes(&data(FLAGS))?
                .str("ep")?
                .bool(true)?;
            Ok(())
        });
        let no_map = encode(|out| {
            out.map(3)?.str("fmt")?.str("none")?.str("attStmt")?.u8(0)?;
            out.str("authData")?.bytes(&data(FLAGS))?;
            Ok(())
        });
        let no_id = registration_data("localhost", FLAGS, &[], &key());
        let long_id = registration_data("localhost", FLAGS, &[1; 1024], &key());
        let refused = [
            (
                object(&data(FLAGS))[1..].to_vec(),
                CborError::Trailing.into(),
            ),
            (
                members(["fmt", "attStmt", "data"]),
                AttestationError::Members,
            ),
            (
                members(["fmt", "stmt", "authData"]),
                AttestationError::Members,
            ),
            (surplus.0, AttestationError::Members),
            (no_map.0, AttestationError::Members),
            (
                object(&crate::testkit::authenticator_data("localhost", FLAGS)),
                AuthenticatorError::Credential.into(),
            ),
            (object(&no_id), AuthenticatorError::CredentialId.into()),
            (object(&long_id), AuthenticatorError::CredentialId.into()),
            (object(&data(FLAGS)[..40]), AuthenticatorError::Short.into()),
            (
                object(&[data(FLAGS).as_slice(), &[0]].concat()),
                AuthenticatorError::Trailing.into(),
            ),
            (
                object(&data(0x04)),
                AuthenticatorError::NoUserPresence.into(),
            ),
            (
                object(&data(0x01)),
                AuthenticatorError::NoUserVerification.into(),
            ),
            (
                object(&data(FLAGS | 0x10)),
                AuthenticatorError::BackupState.into(),
            ),
            (
                vec![0; MAX_ATTESTATION_OBJECT + 1],
                AttestationError::TooLong(MAX_ATTESTATION_OBJECT + 1),
            ),
        ];
        for (bytes, expected) in refused {
            let result = check(&bytes, "localhost");
            if let AttestationError::Cbor(_) = expected {
                assert!(matches!(result, Err(AttestationError::Cbor(_))));
            } else {
                assert_eq!(result, Err(expected));
            }
        }
        assert_eq!(
            check(&object(&data(FLAGS)), "localhos"),
            Err(AuthenticatorError::OtherRelyingParty.into())
        );
    }
}
