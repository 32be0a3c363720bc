//! Keys in memory that answer like an authenticator.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use minicbor::Encoder;
use vidimus_protocol::envelope::Assertion;
use vidimus_protocol::{Blob, Digest, sha256};

use crate::assertion::challenge_text;
use crate::cose::Algorithm;

/// UP and UV.
pub const FLAGS: u8 = 0x05;

/// A key of one of the algorithms that count.
#[derive(Debug)]
pub enum SoftKey {
    /// ECDSA on P-256.
    Es256(EcdsaKeyPair),
    /// Ed25519.
    EdDsa(Ed25519KeyPair),
    /// RSA of 2048 bits.
    Rs256(rsa::KeyPair),
}

impl SoftKey {
    /// A key made of `seed`; an RSA key is made anew each time, and slowly.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn from_seed(algorithm: Algorithm, seed: &[u8; 32]) -> Self {
        match algorithm {
            Algorithm::Es256 => {
                // ECPrivateKey of RFC 5915 on P-256, without the public key.
                let mut der = vec![0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
                der.extend(seed);
                der.extend([0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d]);
                der.extend([0x03, 0x01, 0x07]);
                let pair =
                    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &der);
                Self::Es256(pair.expect("almost every 32 bytes are a P-256 key"))
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed);
                Self::EdDsa(pair.expect("every 32 bytes are an Ed25519 key"))
            }
            Algorithm::Rs256 => {
                let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048);
                Self::Rs256(pair.expect("RSA keys can be made"))
            }
        }
    }

    /// The COSE key.
    ///
    /// # Panics
    /// Never: the pairs hold public keys of known form.
    #[must_use]
    pub fn public_key(&self) -> Blob {
        match self {
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                es256(&point[1..33], &point[33..])
            }
            Self::EdDsa(pair) => eddsa(pair.public_key().as_ref()),
            Self::Rs256(pair) => {
                let numbers = RsaNumbers::of(pair.public_key().as_ref());
                rs256(numbers.n, numbers.e)
            }
        }
    }

    /// Signs as the algorithm demands.
    ///
    /// # Panics
    /// When the system has no random numbers.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Blob {
        let random = SystemRandom::new();
        Blob(match self {
            Self::Es256(pair) => {
                let signature = pair.sign(&random, message);
                signature.expect("ES256 signs").as_ref().to_vec()
            }
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("RS256 signs");
                signature
            }
        })
    }

    /// An assertion over exactly these bytes.
    #[must_use]
    pub fn assert(
        &self,
        credential_id: &Blob,
        authenticator_data: Vec<u8>,
        client_data_json: Vec<u8>,
    ) -> Assertion {
        let mut message = authenticator_data.clone();
        message.extend(sha256(&[&client_data_json]).0);
        Assertion {
            signature: self.sign(&message),
            authenticator_data: Blob(authenticator_data),
            client_data_json: Blob(client_data_json),
            credential_id: credential_id.clone(),
        }
    }
}

/// Authenticator data without credential or extensions.
#[must_use]
pub fn authenticator_data(rp_id: &str, flags: u8) -> Vec<u8> {
    let mut data = sha256(&[rp_id.as_bytes()]).0.to_vec();
    data.push(flags);
    data.extend([0; 4]);
    data
}

/// Client data as browsers write it.
#[must_use]
pub fn client_data(r#type: &str, challenge: &Digest, origin: &str) -> Vec<u8> {
    let challenge = challenge_text(challenge);
    format!(
        r#"{{"type":"{type}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#
    )
    .into_bytes()
}

/// Authenticator data of a registration.
#[must_use]
pub fn registration_data(rp_id: &str, flags: u8, credential_id: &[u8], key: &Blob) -> Vec<u8> {
    let mut data = authenticator_data(rp_id, flags | 0x40);
    data.extend([0; 16]);
    let length = u16::try_from(credential_id.len()).unwrap_or(u16::MAX);
    data.extend(length.to_be_bytes());
    data.extend(credential_id);
    data.extend(&key.0);
    data
}

/// An attestation object of format `none`.
#[must_use]
pub fn attestation_object(authenticator_data: &[u8]) -> Blob {
    encode(|out| {
        out.map(3)?.str("fmt")?.str("none")?;
        out.str("attStmt")?.map(0)?;
        out.str("authData")?.bytes(authenticator_data)?;
        Ok(())
    })
}

pub(crate) fn es256(x: &[u8], y: &[u8]) -> Blob {
    encode(|out| {
        out.map(5)?.i8(1)?.i8(2)?.i8(3)?.i8(-7)?.i8(-1)?.i8(1)?;
        out.i8(-2)?.bytes(x)?.i8(-3)?.bytes(y)?;
        Ok(())
    })
}

pub(crate) fn eddsa(x: &[u8]) -> Blob {
    encode(|out| {
        out.map(4)?.i8(1)?.i8(1)?.i8(3)?.i8(-8)?.i8(-1)?.i8(6)?;
        out.i8(-2)?.bytes(x)?;
        Ok(())
    })
}

pub(crate) fn rs256(n: &[u8], e: &[u8]) -> Blob {
    encode(|out| {
        out.map(4)?.i8(1)?.i8(3)?.i8(3)?.i16(-257)?;
        out.i8(-1)?.bytes(n)?.i8(-2)?.bytes(e)?;
        Ok(())
    })
}

/// The order of P-256's group.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The second signature that anybody makes of an ES256 signature: (r, n − s)
/// of (r, s).
///
/// # Panics
/// When it is no ES256 signature.
#[must_use]
pub fn mirrored(signature: &Blob) -> Blob {
    let (numbers, _) = der_split(&signature.0);
    let (_, after_r) = der_split(numbers);
    let r = &numbers[..numbers.len() - after_r.len()];
    let (s, _) = der_split(after_r);
    let s = s.strip_prefix(&[0]).unwrap_or(s);
    let s = [vec![0; 32 - s.len()], s.to_vec()].concat();
    let mut mirrored = [0; 32];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i16::from(P256_ORDER[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(difference < 0);
        mirrored[at] = difference.rem_euclid(256).to_le_bytes()[0];
    }
    let mut digits: Vec<u8> = mirrored.into_iter().skip_while(|d| *d == 0).collect();
    if digits[0] >= 0x80 {
        digits.insert(0, 0);
    }
    let of = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).expect("two numbers of 33 bytes are short");
        [&[tag, length], content].concat()
    };
    Blob(of(0x30, &[r, &of(0x02, &digits)].concat()))
}

type Encoding = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

pub(crate) fn encode(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Encoding) -> Blob {
    let mut bytes = Vec::new();
    write(&mut Encoder::new(&mut bytes)).expect("memory takes everything");
    Blob(bytes)
}

/// The numbers of an RSA public key (RFC 8017, appendix A.1.1).
struct RsaNumbers<'a> {
    n: &'a [u8],
    e: &'a [u8],
}

impl<'a> RsaNumbers<'a> {
    fn of(der: &'a [u8]) -> Self {
        let (sequence, _) = der_split(der);
        let (n, rest) = der_split(sequence);
        let (e, _) = der_split(rest);
        Self {
            n: n.strip_prefix(&[0]).unwrap_or(n),
            e,
        }
    }
}

/// The content of the first DER item, and what follows it.
fn der_split(der: &[u8]) -> (&[u8], &[u8]) {
    let long = usize::from(der[1] & 0x7f);
    let (header, length) = if der[1] < 0x80 {
        (2, long)
    } else {
        let length = der[2..2 + long]
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        (2 + long, length)
    };
    der[header..].split_at(length)
}
