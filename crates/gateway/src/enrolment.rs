//! Keys after the first: of people who are invited, and further ones of those
//! who are here.
//!
//! A key says in the log whose it is, and counts once somebody admits it.
//! Invitations are kept nowhere: each is sealed with a key of the gateway and
//! names the person that it makes, so the log itself shows which were used.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use vidimus_ledger::tree::{self, MemoryTree};
use vidimus_protocol::entry::{CredentialEnrolled, Data, Leaf, Ref};
use vidimus_protocol::envelope::{ActType, Assertion, Decimal, EnrolmentItem, Envelope, Signed};
use vidimus_protocol::id::{Actor, ReviewerId};
use vidimus_protocol::{Blob, Digest, State, Time, sha256, strict};

use crate::keys::random;
use crate::problem::Refusal;
use crate::relying_party::Registered;

/// Life of a claim's envelope, seconds.
const LIFE_S: u64 = 120;
/// Life of an invitation, seconds.
const INVITATION_S: u64 = 24 * 3600;
/// Most bytes of an invitation's text.
const MAX_INVITATION: usize = 2048;

/// Whose key it will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimant {
    pub(crate) reviewer: ReviewerId,
    pub(crate) name: String,
    pub(crate) label: String,
}

/// `credential.enrolled`, drafted; only the signature is missing.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) envelope: Envelope,
    item: EnrolmentItem,
    anchor: Option<Blob>,
    attestation_object: Blob,
    client_data_json: Blob,
    log: Digest,
}

impl Claim {
    pub(crate) fn new(
        claimant: &Claimant,
        registered: Registered,
        log: Digest,
        tree: &MemoryTree,
        now: Time,
    ) -> Self {
        let item = EnrolmentItem {
            attestation: sha256(&[&registered.registration.attestation_object.0]),
            backup_eligible: registered.backup_eligible,
            credential_id: registered.credential_id,
            label: claimant.label.clone(),
            model: registered.proven.as_ref().map(|proven| proven.model),
            name: claimant.name.clone(),
            public_key: registered.public_key,
            reviewer: claimant.reviewer,
        };
        let envelope = Envelope {
            expires_at: now.plus_seconds(LIFE_S),
            issued_at: now,
            items_root: Digest(tree::leaf_hash(&strict::canonical(&item))),
            log,
            nonce: random(),
            pinned_root: Digest(tree.root()),
            pinned_size: Decimal(tree.size()),
            signer: claimant.reviewer,
            r#type: ActType::CredentialEnrolled,
        };
        Self {
            envelope,
            item,
            anchor: registered.proven.map(|proven| proven.anchor),
            attestation_object: registered.registration.attestation_object,
            client_data_json: registered.registration.client_data_json,
            log,
        }
    }

    /// The key that must sign it.
    pub(crate) fn credential_id(&self) -> Blob {
        self.item.credential_id.clone()
    }

    pub(crate) fn into_leaf(self, assertion: Assertion, time: Time) -> Leaf {
        let signer = self.envelope.signer;
        let signed = Signed {
            assertion,
            count: 1,
            envelope: self.envelope,
            index: 0,
            item: self.item,
            path: Vec::new(),
        };
        let opening = Ref {
            index: 0,
            leaf: self.log,
        };
        Leaf {
            time,
            actor: Actor::Reviewer(signer),
            refs: vec![opening],
            data: Data::CredentialEnrolled(Box::new(CredentialEnrolled {
                anchor: self.anchor,
                attestation_object: self.attestation_object,
                client_data_json: self.client_data_json,
                signed,
            })),
            parts: Vec::new(),
        }
    }
}

/// Whom an invitation makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invitation {
    pub(crate) expires_at: Time,
    pub(crate) log: Digest,
    pub(crate) name: String,
    /// Whether they were here when it was made, and have lost their keys.
    pub(crate) returns: bool,
    pub(crate) reviewer: ReviewerId,
}

/// Seals and opens invitations.
pub(crate) struct Invitations(hmac::Key);

impl Invitations {
    /// `seed` is a secret of this gateway.
    pub(crate) fn new(seed: &Digest) -> Self {
        let key = sha256(&[b"vidimus/invitation/v1\0", &seed.0]);
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key.0))
    }

    /// The text that the invited person gives back, and its end.
    pub(crate) fn seal(
        &self,
        log: Digest,
        (reviewer, returns): (ReviewerId, bool),
        name: String,
        now: Time,
    ) -> (String, Time) {
        let invitation = Invitation {
            expires_at: now.plus_seconds(INVITATION_S),
            log,
            name,
            returns,
            reviewer,
        };
        let bytes = strict::canonical(&invitation);
        let seal = hmac::sign(&self.0, &bytes);
        let text = format!("{}.{}", Blob(bytes), Blob(seal.as_ref().to_vec()));
        (text, invitation.expires_at)
    }

    /// Opens an invitation that was not used and is not over. One that lets a
    /// person come back after losing their keys is good for several: each waits
    /// for the administrators.
    pub(crate) fn open(&self, text: &str, state: &State, now: Time) -> Result<Invitation, Refusal> {
        let refused = used_invitation;
        if text.len() > MAX_INVITATION {
            return Err(refused());
        }
        let (bytes, seal) = text.trim().split_once('.').ok_or_else(refused)?;
        let bytes: Blob = bytes.parse().map_err(|_| refused())?;
        let seal: Blob = seal.parse().map_err(|_| refused())?;
        hmac::verify(&self.0, &bytes.0, &seal.0).map_err(|_| refused())?;
        let invitation: Invitation =
            strict::parse_canonical(&bytes.0, MAX_INVITATION).map_err(|_| refused())?;
        let of_this_log = state.log().is_some_and(|log| log.id == invitation.log);
        let person = state.reviewer(&invitation.reviewer);
        let mut keys = state.credentials();
        let used = !invitation.returns && keys.any(|key| key.reviewer == invitation.reviewer);
        let left = person.is_some_and(|person| person.removed);
        if !of_this_log || used || left || now >= invitation.expires_at {
            return Err(refused());
        }
        Ok(invitation)
    }
}

/// Which of the three it is, is nobody's to learn.
pub(crate) fn used_invitation() -> Refusal {
    Refusal::forbidden(
        "this invitation is unknown, over or used: ask the administrator for another",
    )
}

/// The code of a founding: 128 random bits.
pub(crate) struct FoundingCode(String);

impl Default for FoundingCode {
    fn default() -> Self {
        let text = Digest(random().0).to_string();
        let groups: Vec<&str> = (0..32).step_by(4).map(|at| &text[at..at + 4]).collect();
        Self(groups.join("-"))
    }
}

impl FoundingCode {
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Whether somebody was told it.
    pub(crate) fn is(&self, typed: &str) -> bool {
        let typed = typed.trim().to_ascii_lowercase();
        verify_slices_are_equal(typed.as_bytes(), self.0.as_bytes()).is_ok()
    }
}
