//! Public keys of credentials: COSE keys (RFC 9052) of the three algorithms
//! that count.
//!
//! Out of scope: every other algorithm, and private keys.
//! Spec: `docs/spec/envelope.md`.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};

use crate::cbor::{self, CborError, Field};

/// A credential's public key, ready to verify.
#[derive(Clone, Debug)]
pub struct CoseKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

/// The algorithms that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (COSE −7).
    Es256,
    /// Ed25519 (COSE −8).
    EdDsa,
    /// RSA PKCS #1 v1.5 with SHA-256 (COSE −257), 2048 to 8192 bits.
    Rs256,
}

/// Why bytes are no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Not strict CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// An algorithm, key type or curve that does not count.
    #[error("the key is not of a supported algorithm (ES256, EdDSA, RS256)")]
    Algorithm,
    /// A parameter is missing, surplus or of the wrong size.
    #[error("the key does not have exactly the parameters of its algorithm")]
    Parameters,
    /// The numbers are no key: a point off the curve, a modulus out of range.
    #[error("the key's numbers are not a valid key")]
    Invalid,
}

/// The signature is not this key's over this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct WrongSignature;

const KEY_TYPE: i64 = 1;
const ALGORITHM: i64 = 3;
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P256: i64 = 1;
const CURVE_ED25519: i64 = 6;
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

impl CoseKey {
    /// Reads a COSE key that is all of `bytes`, in CTAP2's canonical form.
    ///
    /// # Errors
    /// [`CoseError`] names what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseError> {
        let fields = cbor::map(bytes)?;
        cbor::expect_canonical_order(&fields)?;
        let parameters = Parameters(&fields);
        let algorithm = match (
            parameters.integer(KEY_TYPE)?,
            parameters.integer(ALGORITHM)?,
        ) {
            (EC2, -7) => Algorithm::Es256,
            (OKP, -8) => Algorithm::EdDsa,
            (RSA, -257) => Algorithm::Rs256,
            _ => return Err(CoseError::Algorithm),
        };
        let key = match algorithm {
            Algorithm::Es256 => parameters.p256(),
            Algorithm::EdDsa => parameters.ed25519(),
            Algorithm::Rs256 => parameters.rsa(),
        }?;
        Ok(Self { algorithm, key })
    }

    /// Its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Verifies a signature. ES256 signatures are DER as in WebAuthn. ECDSA
    /// lets anybody turn a signature into a second valid one, so a signature
    /// is never an identity: single use hangs on the nonce.
    ///
    /// # Errors
    /// [`WrongSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        self.key
            .verify_sig(message, signature)
            .map_err(|_| WrongSignature)
    }
}

struct Parameters<'a>(&'a [Field<'a>]);

impl<'a> Parameters<'a> {
    fn field(&self, label: i64) -> Result<&Field<'a>, CoseError> {
        self.0
            .iter()
            .find(|field| field.key.integer() == Ok(label))
            .ok_or(CoseError::Parameters)
    }

    fn integer(&self, label: i64) -> Result<i64, CoseError> {
        Ok(self.field(label)?.value()?.integer()?)
    }

    fn bytes(&self, label: i64) -> Result<&'a [u8], CoseError> {
        Ok(self.field(label)?.value()?.bytes()?)
    }

    fn expect_count(&self, count: usize) -> Result<(), CoseError> {
        if self.0.len() == count {
            Ok(())
        } else {
            Err(CoseError::Parameters)
        }
    }

    fn expect_curve(&self, curve: i64) -> Result<(), CoseError> {
        if self.integer(-1)? == curve {
            Ok(())
        } else {
            Err(CoseError::Algorithm)
        }
    }

    fn p256(&self) -> Result<ParsedPublicKey, CoseError> {
        self.expect_curve(P256)?;
        self.expect_count(5)?;
        // A compressed point has a boolean for y, which is no byte string.
        let (x, y) = (self.bytes(-2)?, self.bytes(-3)?);
        if x.len() != 32 || y.len() != 32 {
            return Err(CoseError::Parameters);
        }
        let point = [&[0x04], x, y].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| CoseError::Invalid)
    }

    fn ed25519(&self) -> Result<ParsedPublicKey, CoseError> {
        self.expect_curve(CURVE_ED25519)?;
        self.expect_count(4)?;
        let x = self.bytes(-2)?;
        if x.len() != 32 {
            return Err(CoseError::Parameters);
        }
        ParsedPublicKey::new(&ED25519, x).map_err(|_| CoseError::Invalid)
    }

    fn rsa(&self) -> Result<ParsedPublicKey, CoseError> {
        self.expect_count(4)?;
        let (n, e) = (self.bytes(-1)?, self.bytes(-2)?);
        let plain = |number: &[u8]| number.first().is_some_and(|first| *first != 0);
        if !plain(n) || !plain(e) {
            return Err(CoseError::Parameters);
        }
        let short = n.len() == *RSA_MODULUS_BYTES.start() && n[0] < 0x80;
        if short || !RSA_MODULUS_BYTES.contains(&n.len()) {
            return Err(CoseError::Invalid);
        }
        RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| CoseError::Invalid)
    }
}
