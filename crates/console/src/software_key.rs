//! The software key: a P-256 key in an encrypted file, for whoever has no
//! passkey and no security key.
//!
//! It speaks WebAuthn like any authenticator (attestation format `none`, zero
//! AAGUID, UP and UV set), under the origin `vidimus-software:<log id>`, which
//! no browser page can produce. Its assurance is the lowest there is: any
//! program of the same user that learns the passphrase can sign.
//!
//! File: PKCS#8 in PEM, encrypted with PBES2 (scrypt, AES-256-CBC), mode 0600.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use pkcs8::der::pem::LineEnding;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};
use vidimus_gateway::Registration;
use vidimus_protocol::envelope::Assertion;
use vidimus_protocol::{Blob, Digest, sha256};
use zeroize::Zeroizing;

/// Fewest characters of a passphrase.
pub const MIN_PASSPHRASE: usize = 8;

const LABEL: &str = "ENCRYPTED PRIVATE KEY";
const MAX_FILE: u64 = 16 << 10;

/// User present.
const UP: u8 = 0x01;
/// User verified.
const UV: u8 = 0x04;
/// Attested credential data follows.
const AT: u8 = 0x40;

/// An unlocked software key.
pub struct SoftwareKey {
    pair: EcdsaKeyPair,
    credential_id: Blob,
    public_key: Blob,
}

impl std::fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftwareKey")
            .field("credential_id", &self.credential_id)
            .finish_non_exhaustive()
    }
}

/// Why there is no software key.
#[derive(Debug, thiserror::Error)]
pub enum SoftwareKeyError {
    /// No file.
    #[error("there is no software key at `{}`", .0.display())]
    Missing(PathBuf),
    /// A file that others may read.
    #[error("`{path}` can be read by others (mode {mode:o}): run `chmod 600 {path}`")]
    Exposed {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// Not an encrypted key.
    #[error("`{}` is not an encrypted key", .0.display())]
    Malformed(PathBuf),
    /// Wrong passphrase.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// A passphrase that is too short.
    #[error("a passphrase has at least {MIN_PASSPHRASE} characters")]
    ShortPassphrase,
    /// There is a key already, which a new one would replace.
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
    /// The file could not be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The cryptographic library refused.
    #[error("the key could not be made")]
    Library,
}

impl SoftwareKey {
    /// Makes a new key. It is in memory only, until [`UnstoredKey::store`].
    ///
    /// # Errors
    /// [`SoftwareKeyError::Library`] when there is no randomness.
    pub fn generate() -> Result<(Self, UnstoredKey), SoftwareKeyError> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
                .map_err(|_| SoftwareKeyError::Library)?;
        let key = Self::from_pkcs8(document.as_ref()).ok_or(SoftwareKeyError::Library)?;
        Ok((key, UnstoredKey(Zeroizing::new(document.as_ref().to_vec()))))
    }

    /// Reads and decrypts a key file. Takes about half a second: scrypt.
    ///
    /// # Errors
    /// [`SoftwareKeyError`].
    pub fn load(path: &Path, passphrase: &str) -> Result<Self, SoftwareKeyError> {
        let file_error = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => SoftwareKeyError::Missing(path.into()),
            _ => SoftwareKeyError::File {
                path: path.into(),
                source,
            },
        };
        let malformed = || SoftwareKeyError::Malformed(path.into());
        let facts = fs::metadata(path).map_err(file_error)?;
        let mode = facts.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SoftwareKeyError::Exposed {
                path: path.display().to_string(),
                mode,
            });
        }
        if facts.len() > MAX_FILE {
            return Err(malformed());
        }
        let pem = Zeroizing::new(fs::read_to_string(path).map_err(file_error)?);
        let (label, document) = SecretDocument::from_pem(&pem).map_err(|_| malformed())?;
        if label != LABEL {
            return Err(malformed());
        }
        let encrypted =
            EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| malformed())?;
        // CBC has no tag: a wrong passphrase shows as bad padding, or as bytes
        // that are no key.
        let clear = encrypted
            .decrypt(passphrase)
            .map_err(|_| SoftwareKeyError::WrongPassphrase)?;
        Self::from_pkcs8(clear.as_bytes()).ok_or(SoftwareKeyError::WrongPassphrase)
    }

    fn from_pkcs8(document: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document).ok()?;
        let public_key = cose_key(pair.public_key().as_ref())?;
        let credential_id = sha256(&[b"vidimus/software-key/v1\0", &public_key]);
        Some(Self {
            pair,
            credential_id: Blob(credential_id.0.to_vec()),
            public_key: Blob(public_key),
        })
    }

    /// Its credential id, which follows from the public key.
    #[must_use]
    pub fn credential_id(&self) -> &Blob {
        &self.credential_id
    }

    /// Its COSE key.
    #[must_use]
    pub fn public_key(&self) -> &Blob {
        &self.public_key
    }

    /// The attestation object of its registration.
    #[must_use]
    pub fn attestation_object(&self, rp_id: &str) -> Blob {
        let mut data = authenticator_data(rp_id, UP | UV | AT);
        data.extend([0; 16]);
        let length = u16::try_from(self.credential_id.0.len()).expect("32 bytes");
        data.extend(length.to_be_bytes());
        data.extend(&self.credential_id.0);
        data.extend(&self.public_key.0);
        let mut out = minicbor::Encoder::new(Vec::new());
        out.map(3)
            .and_then(|out| {
                out.str("fmt")?
                    .str("none")?
                    .str("attStmt")?
                    .map(0)?
                    .str("authData")?
                    .bytes(&data)
            })
            .expect("a vector takes everything");
        Blob(out.into_writer())
    }

    /// Signs a challenge.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    pub fn assert(&self, rp_id: &str, origin: &str, challenge: &Digest) -> Assertion {
        let client_data_json = client_data("webauthn.get", challenge, origin);
        let authenticator_data = authenticator_data(rp_id, UP | UV);
        let message = [
            authenticator_data.as_slice(),
            &sha256(&[&client_data_json.0]).0,
        ]
        .concat();
        let signature = self
            .pair
            .sign(&SystemRandom::new(), &message)
            .expect("the key is sound and the system has randomness");
        Assertion {
            authenticator_data: Blob(authenticator_data),
            client_data_json,
            credential_id: self.credential_id.clone(),
            signature: Blob(signature.as_ref().to_vec()),
        }
    }
}

impl vidimus_gateway::SoftwareKey for SoftwareKey {
    fn credential_id(&self) -> Blob {
        self.credential_id.clone()
    }

    fn public_key(&self) -> Blob {
        self.public_key.clone()
    }

    fn register(&self, rp_id: &str, origin: &str, challenge: Digest) -> Registration {
        Registration {
            attestation_object: self.attestation_object(rp_id),
            client_data_json: client_data("webauthn.create", &challenge, origin),
        }
    }

    fn assert(&self, rp_id: &str, origin: &str, challenge: Digest) -> Assertion {
        Self::assert(self, rp_id, origin, &challenge)
    }
}

/// A new key that is not in a file yet.
pub struct UnstoredKey(Zeroizing<Vec<u8>>);

impl UnstoredKey {
    /// Encrypts the key and writes its file, 0600, never over another one.
    ///
    /// # Errors
    /// [`SoftwareKeyError`].
    pub fn store(&self, path: &Path, passphrase: &str) -> Result<(), SoftwareKeyError> {
        if passphrase.chars().count() < MIN_PASSPHRASE {
            return Err(SoftwareKeyError::ShortPassphrase);
        }
        let pem = PrivateKeyInfoRef::try_from(self.0.as_slice())
            .ok()
            .and_then(|info| info.encrypt(passphrase).ok())
            .and_then(|encrypted| encrypted.to_pem(LABEL, LineEnding::LF).ok())
            .ok_or(SoftwareKeyError::Library)?;
        let file_error = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AlreadyExists => SoftwareKeyError::Exists(path.into()),
            _ => SoftwareKeyError::File {
                path: path.into(),
                source,
            },
        };
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(file_error)?;
        file.write_all(pem.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(file_error)
    }
}

/// Client data in the serialisation that WebAuthn §5.8.1.1 prescribes.
#[must_use]
pub fn client_data(r#type: &str, challenge: &Digest, origin: &str) -> Blob {
    let challenge = Blob(challenge.0.to_vec());
    Blob(
        format!(
            r#"{{"type":"{}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#,
            r#type
        )
        .into_bytes(),
    )
}

fn authenticator_data(rp_id: &str, flags: u8) -> Vec<u8> {
    let mut data = sha256(&[rp_id.as_bytes()]).0.to_vec();
    data.push(flags);
    // No signature counter: nothing here could keep one honestly.
    data.extend([0; 4]);
    data
}

/// `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`.
fn cose_key(point: &[u8]) -> Option<Vec<u8>> {
    let (form, point) = point.split_first()?;
    if *form != 4 || point.len() != 64 {
        return None;
    }
    let (x, y) = point.split_at(32);
    let mut out = minicbor::Encoder::new(Vec::new());
    out.map(5)
        .and_then(|out| {
            out.i8(1)?.i8(2)?.i8(3)?.i8(-7)?.i8(-1)?.i8(1)?;
            out.i8(-2)?.bytes(x)?.i8(-3)?.bytes(y)
        })
        .ok()?;
    Some(out.into_writer())
}

/// Checks a signature with the plain public key; a self-test for tests.
#[cfg(test)]
fn verifies(key: &SoftwareKey, message: &[u8], signature: &[u8]) -> bool {
    aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1,
        key.pair.public_key().as_ref(),
    )
    .verify(message, signature)
    .is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_only_its_passphrase_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let (key, unstored) = SoftwareKey::generate().unwrap();
        unstored.store(&path, "correct horse").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let pem = fs::read_to_string(&path).unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));

        let again = SoftwareKey::load(&path, "correct horse").unwrap();
        assert_eq!(again.credential_id(), key.credential_id());
        assert_eq!(again.public_key(), key.public_key());
        assert!(matches!(
            SoftwareKey::load(&path, "correct house"),
            Err(SoftwareKeyError::WrongPassphrase)
        ));
        assert!(matches!(
            unstored.store(&path, "another one"),
            Err(SoftwareKeyError::Exists(_))
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            SoftwareKey::load(&path, "correct horse"),
            Err(SoftwareKeyError::Exposed { mode: 0o640, .. })
        ));
    }

    #[test]
    fn refuses_a_short_passphrase_and_what_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let (_, unstored) = SoftwareKey::generate().unwrap();
        assert!(matches!(
            unstored.store(&path, "1234567"),
            Err(SoftwareKeyError::ShortPassphrase)
        ));
        assert!(!path.exists());
        assert!(matches!(
            SoftwareKey::load(&path, "whatever"),
            Err(SoftwareKeyError::Missing(_))
        ));
        fs::write(&path, "hello").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(
            SoftwareKey::load(&path, "whatever"),
            Err(SoftwareKeyError::Malformed(_))
        ));
    }

    #[test]
    fn an_assertion_signs_exactly_its_data() {
        let (key, _) = SoftwareKey::generate().unwrap();
        let challenge = Digest([9; 32]);
        let made = key.assert("localhost", "vidimus-software:x", &challenge);
        assert_eq!(
            String::from_utf8(made.client_data_json.0.clone()).unwrap(),
            format!(
                r#"{{"type":"webauthn.get","challenge":"{}","origin":"vidimus-software:x","crossOrigin":false}}"#,
                Blob(vec![9; 32])
            )
        );
        let mut message = made.authenticator_data.0.clone();
        assert_eq!(message.len(), 37);
        assert_eq!(message[32], UP | UV);
        message.extend(sha256(&[&made.client_data_json.0]).0);
        assert!(verifies(&key, &message, &made.signature.0));
        message[0] ^= 1;
        assert!(!verifies(&key, &message, &made.signature.0));
    }
}
