//! Packed attestation statements with certificates (WebAuthn Level 3, section
//! 8.2): which model of authenticator made a key.
//!
//! Out of scope: every other format, and self attestation. They prove no
//! model; their keys are enrolled without one.
//! Spec: `docs/spec/envelope.md`.

use vidimus_protocol::{Aaguid, Model, Time, sha256};
use x509_parser::der_parser::{Oid, oid};

use crate::attestation::{self, AttestationError};
use crate::cbor::{self, CborError, Item};
use crate::certificate::{Certificate, CertificateError, Scheme, check_chain};

/// `id-fido-gen-ce-aaguid`: which model the certificate is for.
const AAGUID: Oid<'static> = oid!(1.3.6.1.4.1.45724.1.1.4);
const UNIT: &str = "Authenticator Attestation";

/// Why a registration proves no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// Its attestation object is wrong.
    #[error(transparent)]
    Attestation(#[from] AttestationError),
    /// Another format.
    #[error("the attestation's format is not `packed`")]
    Format,
    /// Not exactly `alg`, `sig` and `x5c`: self attestation has no `x5c`.
    #[error("the attestation statement does not have exactly `alg`, `sig` and `x5c`")]
    Members,
    /// An algorithm that does not count.
    #[error("the attestation is not signed by a supported algorithm (ES256, ES384, RS256)")]
    Algorithm,
    /// Its certificates prove nothing.
    #[error("in the attestation, {0}")]
    Certificate(#[from] CertificateError),
    /// The first certificate is not one of an authenticator.
    #[error("the attestation's certificate is not that of an authenticator: {0}")]
    Requirement(&'static str),
    /// The first certificate is for another model.
    #[error("the attestation's certificate does not name the model that the key says it is of")]
    OtherAaguid,
}

impl From<CborError> for PackedError {
    fn from(error: CborError) -> Self {
        Self::Attestation(error.into())
    }
}

/// The model that a registration proves: its attestation is signed by an
/// authenticator whose certificate leads to the anchor, all of them valid at
/// that time.
///
/// # Errors
/// [`PackedError`] names what is wrong.
pub fn check(
    attestation_object: &[u8],
    client_data_json: &[u8],
    anchor: &[u8],
    time: Time,
) -> Result<Model, PackedError> {
    let aaguid = attestation::parse(attestation_object)?.aaguid;
    let object = attestation::split(attestation_object)?;
    if object.fmt != "packed" {
        return Err(PackedError::Format);
    }
    let fields = cbor::map(object.statement)?;
    let member = |name: &str| {
        let field = fields.iter().find(|field| field.key == Item::Text(name));
        field.ok_or(PackedError::Members)
    };
    let scheme = match member("alg")?.value()?.integer()? {
        -7 => Scheme::EcdsaSha256,
        -35 => Scheme::EcdsaSha384,
        -257 => Scheme::RsaSha256,
        _ => return Err(PackedError::Algorithm),
    };
    let signature = member("sig")?.value()?.bytes()?;
    let x5c = cbor::byte_strings(member("x5c")?.raw_value())?;
    if fields.len() != 3 {
        return Err(PackedError::Members);
    }
    let chain = x5c
        .into_iter()
        .map(Certificate::parse)
        .collect::<Result<Vec<_>, _>>()?;
    let first = chain.first().ok_or(CertificateError::Count)?;
    let message = [object.authenticator_data, &sha256(&[client_data_json]).0].concat();
    first.verify(scheme, &message, signature)?;
    if !first.is_version_3() {
        return Err(PackedError::Requirement("its version is not 3"));
    }
    if !first.has_unit(UNIT) {
        return Err(PackedError::Requirement("its unit is another"));
    }
    if first.is_ca()? == Some(true) {
        return Err(PackedError::Requirement("it is a CA's"));
    }
    check_chain(&chain, &Certificate::parse(anchor)?, time)?;
    // The standard lets a certificate leave its model out. Then its vendor's
    // other models could say that they are this one.
    let named = [&[0x04, 16][..], &aaguid].concat();
    if first.extension(&AAGUID) != Some(&named) {
        return Err(PackedError::OtherAaguid);
    }
    Ok(Model {
        aaguid: Aaguid(aaguid),
        anchor: sha256(&[anchor]),
    })
}

#[cfg(test)]
mod tests;
