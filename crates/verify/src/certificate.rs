//! X.509 certificates (RFC 5280) and chains of them, as far as attestations
//! need them: signatures, issuers, lifetimes, who may issue.
//!
//! Out of scope: revocation, policies and names of hosts. A critical extension
//! that is not named here refuses its certificate.
//! Spec: `docs/spec/envelope.md`.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use vidimus_protocol::Time;
use x509_parser::der_parser::Oid;
use x509_parser::der_parser::oid;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

/// Most bytes of one certificate.
pub const MAX_CERTIFICATE: usize = 8 << 10;
/// Most certificates below an anchor.
pub const MAX_CHAIN: usize = 8;

const BASIC_CONSTRAINTS: Oid<'static> = oid!(2.5.29.19);
const KEY_USAGE: Oid<'static> = oid!(2.5.29.15);

/// Why a certificate or a chain of them proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// None, or more than [`MAX_CHAIN`].
    #[error("there must be 1 to {MAX_CHAIN} certificates")]
    Count,
    /// Larger than [`MAX_CERTIFICATE`].
    #[error("a certificate has more than {MAX_CERTIFICATE} bytes")]
    TooLong,
    /// No certificate in DER, or one with an extension twice.
    #[error("a certificate is malformed")]
    Malformed,
    /// An extension that must be understood and is not.
    #[error("a certificate has a critical extension that is not understood")]
    CriticalExtension,
    /// A signature of an algorithm, or by a key, that does not count.
    #[error("a certificate is signed in a way, or has a key, that is not supported")]
    Algorithm,
    /// The signature is not this key's.
    #[error("a signature by a certificate's key does not verify")]
    Signature,
    /// Not the next one's.
    #[error("a certificate names another issuer than the one that follows it")]
    OtherIssuer,
    /// Signed by one that may not.
    #[error("a certificate is issued by one that may not issue it")]
    NotAnIssuer,
    /// Before or after its life.
    #[error("a certificate is not valid at this time")]
    NotValid,
}

/// A signature algorithm; the curve is the key's matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// ECDSA with SHA-256.
    EcdsaSha256,
    /// ECDSA with SHA-384.
    EcdsaSha384,
    /// ECDSA with SHA-512.
    EcdsaSha512,
    /// RSA PKCS #1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    RsaSha384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    RsaSha512,
}

impl Scheme {
    fn of(oid: &Oid<'_>) -> Option<Self> {
        let known = [
            (oid!(1.2.840.10045.4.3.2), Self::EcdsaSha256),
            (oid!(1.2.840.10045.4.3.3), Self::EcdsaSha384),
            (oid!(1.2.840.10045.4.3.4), Self::EcdsaSha512),
            (oid!(1.2.840.113549.1.1.11), Self::RsaSha256),
            (oid!(1.2.840.113549.1.1.12), Self::RsaSha384),
            (oid!(1.2.840.113549.1.1.13), Self::RsaSha512),
        ];
        let found = known.into_iter().find(|(known, _)| known == oid);
        found.map(|(_, scheme)| scheme)
    }
}

/// One certificate.
#[derive(Debug)]
pub struct Certificate<'a> {
    certificate: X509Certificate<'a>,
    der: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate that is all of `der`.
    ///
    /// # Errors
    /// [`CertificateError`] names what is wrong.
    pub fn parse(der: &'a [u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(CertificateError::TooLong);
        }
        let Ok((&[], certificate)) = X509Certificate::from_der(der) else {
            return Err(CertificateError::Malformed);
        };
        let extensions = certificate.extensions_map();
        let extensions = extensions.map_err(|_| CertificateError::Malformed)?;
        let understood = [BASIC_CONSTRAINTS, KEY_USAGE];
        let surprise = |(oid, extension): (&Oid<'_>, &&x509_parser::prelude::X509Extension<'_>)| {
            extension.critical && !understood.contains(oid)
        };
        if extensions.iter().any(surprise) {
            return Err(CertificateError::CriticalExtension);
        }
        Ok(Self { certificate, der })
    }

    /// Whether its key made that signature.
    ///
    /// # Errors
    /// [`CertificateError::Algorithm`], [`CertificateError::Signature`].
    pub fn verify(
        &self,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CertificateError> {
        let key = self.certificate.public_key();
        let algorithm = self.verification(scheme)?;
        UnparsedPublicKey::new(algorithm, key.raw)
            .verify(message, signature)
            .map_err(|_| CertificateError::Signature)
    }

    fn verification(
        &self,
        scheme: Scheme,
    ) -> Result<&'static dyn VerificationAlgorithm, CertificateError> {
        const EC: Oid<'static> = oid!(1.2.840.10045.2.1);
        const P256: Oid<'static> = oid!(1.2.840.10045.3.1.7);
        const P384: Oid<'static> = oid!(1.3.132.0.34);
        const P521: Oid<'static> = oid!(1.3.132.0.35);
        const RSA: Oid<'static> = oid!(1.2.840.113549.1.1.1);
        let key = &self.certificate.public_key().algorithm;
        let kind = if key.algorithm == EC {
            let curve = key.parameters.as_ref().and_then(|any| any.as_oid().ok());
            curve.ok_or(CertificateError::Algorithm)?
        } else {
            key.algorithm.clone()
        };
        let is = |oid: Oid<'_>| kind == oid;
        Ok(match scheme {
            Scheme::EcdsaSha256 if is(P256) => &ECDSA_P256_SHA256_ASN1,
            Scheme::EcdsaSha256 if is(P384) => &ECDSA_P384_SHA256_ASN1,
            Scheme::EcdsaSha256 if is(P521) => &ECDSA_P521_SHA256_ASN1,
            Scheme::EcdsaSha384 if is(P256) => &ECDSA_P256_SHA384_ASN1,
            Scheme::EcdsaSha384 if is(P384) => &ECDSA_P384_SHA384_ASN1,
            Scheme::EcdsaSha384 if is(P521) => &ECDSA_P521_SHA384_ASN1,
            Scheme::EcdsaSha512 if is(P256) => &ECDSA_P256_SHA512_ASN1,
            Scheme::EcdsaSha512 if is(P384) => &ECDSA_P384_SHA512_ASN1,
            Scheme::EcdsaSha512 if is(P521) => &ECDSA_P521_SHA512_ASN1,
            Scheme::RsaSha256 if is(RSA) => &RSA_PKCS1_2048_8192_SHA256,
            Scheme::RsaSha384 if is(RSA) => &RSA_PKCS1_2048_8192_SHA384,
            Scheme::RsaSha512 if is(RSA) => &RSA_PKCS1_2048_8192_SHA512,
            _ => return Err(CertificateError::Algorithm),
        })
    }

    /// X.509 version 3, the only one with extensions.
    #[must_use]
    pub fn is_version_3(&self) -> bool {
        self.certificate.version() == X509Version::V3
    }

    /// Whether the subject has this organisational unit.
    #[must_use]
    pub fn has_unit(&self, unit: &str) -> bool {
        let mut units = self.certificate.subject().iter_organizational_unit();
        units.any(|found| found.as_str().is_ok_and(|found| found == unit))
    }

    /// The common names of its subject.
    pub fn common_names(&self) -> impl Iterator<Item = &str> {
        let names = self.certificate.subject().iter_common_name();
        names.filter_map(|name| name.as_str().ok())
    }

    /// The content of an extension.
    #[must_use]
    pub fn extension(&self, oid: &Oid<'_>) -> Option<&[u8]> {
        // No extension stands twice in what was parsed.
        let found = self.certificate.get_extension_unique(oid).ok()?;
        found.map(|extension| extension.value)
    }

    /// Whether its basic constraints make it a CA; `None` when it has none.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`].
    pub fn is_ca(&self) -> Result<Option<bool>, CertificateError> {
        let constraints = self.certificate.basic_constraints();
        let constraints = constraints.map_err(|_| CertificateError::Malformed)?;
        Ok(constraints.map(|constraints| constraints.value.ca))
    }

    /// Whether it may issue a certificate with that many intermediate ones
    /// below it. An anchor without constraints may: some are that old.
    fn may_issue(&self, below: usize, is_anchor: bool) -> Result<(), CertificateError> {
        let malformed = |_| CertificateError::Malformed;
        let constraints = self.certificate.basic_constraints().map_err(malformed)?;
        let usage = self.certificate.key_usage().map_err(malformed)?;
        let is_ca = constraints.map_or(is_anchor, |constraints| {
            let most = constraints.value.path_len_constraint;
            let enough = most.is_none_or(|most| usize::try_from(most).is_ok_and(|n| below <= n));
            constraints.value.ca && enough
        });
        if is_ca && usage.is_none_or(|usage| usage.value.key_cert_sign()) {
            Ok(())
        } else {
            Err(CertificateError::NotAnIssuer)
        }
    }

    fn check_life(&self, time: Time) -> Result<(), CertificateError> {
        let life = self.certificate.validity();
        let seconds = i64::try_from(time.unix_ms() / 1000).unwrap_or(i64::MAX);
        if (life.not_before.timestamp()..=life.not_after.timestamp()).contains(&seconds) {
            Ok(())
        } else {
            Err(CertificateError::NotValid)
        }
    }

    fn issued_by(&self, issuer: &Self) -> Result<(), CertificateError> {
        let certificate = &self.certificate;
        if certificate.issuer().as_raw() != issuer.certificate.subject().as_raw() {
            return Err(CertificateError::OtherIssuer);
        }
        let scheme = Scheme::of(&certificate.signature_algorithm.algorithm);
        issuer.verify(
            scheme.ok_or(CertificateError::Algorithm)?,
            certificate.tbs_certificate.as_ref(),
            &certificate.signature_value.data,
        )
    }
}

/// Demands that each certificate is issued by the next, and the last by the
/// anchor, or is the anchor; that all of them are valid at that time.
///
/// # Errors
/// [`CertificateError`] names what is wrong.
pub fn check_chain(
    chain: &[Certificate<'_>],
    anchor: &Certificate<'_>,
    time: Time,
) -> Result<(), CertificateError> {
    let (Some(last), 1..=MAX_CHAIN) = (chain.last(), chain.len()) else {
        return Err(CertificateError::Count);
    };
    let anchor = Some(anchor).filter(|anchor| anchor.der != last.der);
    let path: Vec<_> = chain.iter().chain(anchor).collect();
    for certificate in &path {
        certificate.check_life(time)?;
    }
    for (below, pair) in path.windows(2).enumerate() {
        pair[1].may_issue(below, below + 2 == path.len())?;
        pair[0].issued_by(pair[1])?;
    }
    Ok(())
}
