//! Authenticator data: what the authenticator itself says (WebAuthn Level 3,
//! section 6.1).

use vidimus_protocol::Digest;

use crate::cbor::{self, CborError};

const FIXED: usize = 37;
const UP: u8 = 1 << 0;
const UV: u8 = 1 << 2;
const BE: u8 = 1 << 3;
const BS: u8 = 1 << 4;
const AT: u8 = 1 << 6;
const ED: u8 = 1 << 7;
/// WebAuthn's limit on the length of a credential id.
pub(crate) const MAX_CREDENTIAL_ID: usize = 1023;

/// The flags of authenticator data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// Somebody was there (UP).
    #[must_use]
    pub fn user_present(self) -> bool {
        self.0 & UP != 0
    }

    /// The authenticator knew who (UV).
    #[must_use]
    pub fn user_verified(self) -> bool {
        self.0 & UV != 0
    }

    /// The key may be copied to other devices (BE).
    #[must_use]
    pub fn backup_eligible(self) -> bool {
        self.0 & BE != 0
    }

    /// The key is copied to other devices (BS).
    #[must_use]
    pub fn backed_up(self) -> bool {
        self.0 & BS != 0
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flags({:#010b})", self.0)
    }
}

/// Why authenticator data is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticatorError {
    /// Fewer bytes than its flags say.
    #[error("the authenticator data is too short")]
    Short,
    /// More bytes than its flags say.
    #[error("the authenticator data has bytes that its flags do not announce")]
    Trailing,
    /// A new credential where none belongs, or none where one does.
    #[error("the authenticator data announces a credential where none belongs, or lacks it")]
    Credential,
    /// Its extensions or its credential's key are not strict CBOR.
    #[error("the authenticator data is wrong: {0}")]
    Cbor(#[from] CborError),
    /// The credential id is empty or longer than 1023 bytes.
    #[error("the credential id is empty or longer than {MAX_CREDENTIAL_ID} bytes")]
    CredentialId,
    /// Nobody was there.
    #[error("user presence (UP) is missing")]
    NoUserPresence,
    /// The authenticator did not verify who was there.
    #[error("user verification (UV) is missing")]
    NoUserVerification,
    /// A key that is backed up though it cannot be.
    #[error("the key claims to be backed up (BS) though it is not eligible for it (BE)")]
    BackupState,
    /// Made for another relying party.
    #[error("the RP ID hash is that of another relying party")]
    OtherRelyingParty,
}

/// Authenticator data, split into its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthenticatorData<'a> {
    pub(crate) rp_id_hash: Digest,
    pub(crate) flags: Flags,
    pub(crate) credential: Option<NewCredential<'a>>,
}

/// The credential that a registration made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewCredential<'a> {
    pub(crate) aaguid: [u8; 16],
    pub(crate) id: &'a [u8],
    /// COSE key, verbatim.
    pub(crate) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Splits authenticator data; every byte belongs to a field.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, AuthenticatorError> {
        let (fixed, mut rest) = bytes
            .split_first_chunk::<FIXED>()
            .ok_or(AuthenticatorError::Short)?;
        let mut rp_id_hash = Digest([0; 32]);
        rp_id_hash.0.copy_from_slice(&fixed[..32]);
        let flags = Flags(fixed[32]);
        let credential = if flags.0 & AT == 0 {
            None
        } else {
            let credential;
            (credential, rest) = NewCredential::parse(rest)?;
            Some(credential)
        };
        if flags.0 & ED != 0 {
            (_, rest) = cbor::map_at_start(rest)?;
        }
        if !rest.is_empty() {
            return Err(AuthenticatorError::Trailing);
        }
        Ok(Self {
            rp_id_hash,
            flags,
            credential,
        })
    }

    /// The rules that registrations and assertions share.
    pub(crate) fn check(&self, rp_id: &str) -> Result<(), AuthenticatorError> {
        if self.rp_id_hash != vidimus_protocol::sha256(&[rp_id.as_bytes()]) {
            return Err(AuthenticatorError::OtherRelyingParty);
        }
        if !self.flags.user_present() {
            return Err(AuthenticatorError::NoUserPresence);
        }
        if !self.flags.user_verified() {
            return Err(AuthenticatorError::NoUserVerification);
        }
        if self.flags.backed_up() && !self.flags.backup_eligible() {
            return Err(AuthenticatorError::BackupState);
        }
        Ok(())
    }
}

impl<'a> NewCredential<'a> {
    fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), AuthenticatorError> {
        let (aaguid, rest) = bytes
            .split_first_chunk::<16>()
            .ok_or(AuthenticatorError::Short)?;
        let (length, rest) = rest
            .split_first_chunk::<2>()
            .ok_or(AuthenticatorError::Short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !(1..=MAX_CREDENTIAL_ID).contains(&length) {
            return Err(AuthenticatorError::CredentialId);
        }
        let (id, rest) = rest
            .split_at_checked(length)
            .ok_or(AuthenticatorError::Short)?;
        let (_, after) = cbor::map_at_start(rest)?;
        let credential = Self {
            aaguid: *aaguid,
            id,
            public_key: &rest[..rest.len() - after.len()],
        };
        Ok((credential, after))
    }
}
