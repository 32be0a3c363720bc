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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testkit::{SoftKey, eddsa, encode, es256, mirrored, rs256};

    const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

    fn refused(bytes: &[u8]) -> CoseError {
        CoseKey::parse(bytes).expect_err("must be refused")
    }

    #[test]
    fn each_algorithm_verifies_its_own_signatures_only() {
        for algorithm in ALGORITHMS {
            let pair = SoftKey::from_seed(algorithm, &[3; 32]);
            let key = CoseKey::parse(&pair.public_key().0).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let signature = pair.sign(b"message").0;
            assert_eq!(key.verify(b"message", &signature), Ok(()));
            assert_eq!(key.verify(b"Message", &signature), Err(WrongSignature));
            for at in [0, signature.len() / 2, signature.len() - 1] {
                let mut broken = signature.clone();
                broken[at] ^= 1;
                assert_eq!(key.verify(b"message", &broken), Err(WrongSignature), "{at}");
            }
            let longer = [signature.as_slice(), &[0]].concat();
            assert_eq!(key.verify(b"message", &longer), Err(WrongSignature));
            assert_eq!(key.verify(b"message", &[]), Err(WrongSignature));
        }
    }

    /// ECDSA takes (r, n − s) wherever it takes (r, s). Nothing may take a
    /// signature for an identity: that an act counts once hangs on its nonce.
    #[test]
    fn a_mirrored_es256_signature_verifies_too() {
        let pair = SoftKey::from_seed(Algorithm::Es256, &[3; 32]);
        let key = CoseKey::parse(&pair.public_key().0).unwrap();
        let signature = pair.sign(b"message");
        let other = mirrored(&signature);
        assert_ne!(other, signature);
        assert_eq!(key.verify(b"message", &other.0), Ok(()));
    }

    #[test]
    fn each_rule_of_es256_keys_refuses() {
        let good = SoftKey::from_seed(Algorithm::Es256, &[3; 32])
            .public_key()
            .0;
        let (x, y) = (&good[10..42], &good[45..77]);
        assert_eq!(es256(x, y).0, good);
        let mut off_curve = y.to_vec();
        off_curve[31] ^= 1;
        assert_eq!(refused(&es256(x, &off_curve).0), CoseError::Invalid);
        assert_eq!(refused(&es256(x, &y[1..]).0), CoseError::Parameters);
        let compressed = encode(|out| {
            out.map(5)?.i8(1)?.i8(2)?.i8(3)?.i8(-7)?.i8(-1)?.i8(1)?;
            out.i8(-2)?.bytes(x)?.i8(-3)?.bool(true)?;
            Ok(())
        });
        assert_eq!(
            refused(&compressed.0),
            CoseError::Cbor(CborError::WrongType)
        );
        let surplus = encode(|out| {
            out.map(6)?.i8(1)?.i8(2)?.i8(3)?.i8(-7)?.i8(-1)?.i8(1)?;
            out.i8(-2)?.bytes(x)?.i8(-3)?.bytes(y)?.i8(-4)?.bytes(&[])?;
            Ok(())
        });
        assert_eq!(refused(&surplus.0), CoseError::Parameters);
        let unordered = encode(|out| {
            out.map(5)?.i8(3)?.i8(-7)?.i8(1)?.i8(2)?.i8(-1)?.i8(1)?;
            out.i8(-2)?.bytes(x)?.i8(-3)?.bytes(y)?;
            Ok(())
        });
        assert_eq!(refused(&unordered.0), CoseError::Cbor(CborError::KeyOrder));
        let trailing = [good.as_slice(), &[0]].concat();
        assert_eq!(refused(&trailing), CoseError::Cbor(CborError::Trailing));
        for (at, what) in [(2, "key type"), (4, "algorithm"), (6, "curve")] {
            let mut other = good.clone();
            other[at] = 0x08;
            assert_eq!(refused(&other), CoseError::Algorithm, "{what}");
        }
    }

    #[test]
    fn each_rule_of_the_other_keys_refuses() {
        let good = SoftKey::from_seed(Algorithm::EdDsa, &[3; 32])
            .public_key()
            .0;
        let x = &good[good.len() - 32..];
        assert_eq!(eddsa(x).0, good);
        assert_eq!(refused(&eddsa(&x[1..]).0), CoseError::Parameters);
        let mut x25519 = good.clone();
        x25519[6] = 0x04;
        assert_eq!(refused(&x25519), CoseError::Algorithm);
        let rsa = |bytes: usize, first: u8| {
            let mut n = vec![0xff; bytes];
            n[0] = first;
            rs256(&n, &[1, 0, 1]).0
        };
        assert!(CoseKey::parse(&rsa(256, 0x80)).is_ok());
        assert!(CoseKey::parse(&rsa(1024, 0x80)).is_ok());
        assert_eq!(refused(&rsa(256, 0x7f)), CoseError::Invalid);
        assert_eq!(refused(&rsa(255, 0x80)), CoseError::Invalid);
        assert_eq!(refused(&rsa(1025, 0x80)), CoseError::Invalid);
        assert_eq!(refused(&rsa(257, 0)), CoseError::Parameters);
        let n = vec![0xff; 256];
        assert_eq!(refused(&rs256(&n, &[0, 1, 0, 1]).0), CoseError::Parameters);
        assert_eq!(refused(&rs256(&n, &[]).0), CoseError::Parameters);
    }
}
