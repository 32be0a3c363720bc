//! The founding: the first key, before there is a log.
//!
//! Registration tells the key; from it `log.opened` is drafted, whose leaf
//! hash is the log id; then the new key signs its own enrolment together with
//! the first session. Both entries are committed after that second prompt, or
//! nothing is.

use vidimus_ledger::tree;
use vidimus_protocol::entry::{Data, Founder, Leaf, LogOpened, PermitKey, Profile, Ref};
use vidimus_protocol::envelope::{
    ActType, Assertion, Decimal, EnrolmentItem, Envelope, SessionItem, Signed,
};
use vidimus_protocol::id::{Actor, ReviewerId};
use vidimus_protocol::state::software_origin;
use vidimus_protocol::{Blob, Digest, Time, sha256, strict};

use crate::keys::{random, random_id};
use crate::relying_party::Proven;

/// Name of the first key, which nobody is asked for.
const FIRST_LABEL: &str = "First key";
/// Life of the founding envelope, seconds.
const LIFE_S: u64 = 120;

/// A session that an act opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// `vidimus_protocol::envelope::token_hash` of its token.
    pub token_hash: Digest,
    /// Its end.
    pub expires_at: Time,
}

/// What a registration yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The raw attestation object.
    pub attestation_object: Blob,
    /// The exact client data.
    pub client_data_json: Blob,
}

/// A key that answers in this process instead of a browser: the software key.
pub trait SoftwareKey {
    /// Its id.
    fn credential_id(&self) -> Blob;
    /// Its COSE key.
    fn public_key(&self) -> Blob;
    /// Registers itself for a log.
    fn register(&self, rp_id: &str, origin: &str, challenge: Digest) -> Registration;
    /// Answers a challenge.
    fn assert(&self, rp_id: &str, origin: &str, challenge: Digest) -> Assertion;
}

/// What `log.opened` says beside its founder.
#[derive(Clone)]
pub(crate) struct Premises {
    pub(crate) log_key: String,
    pub(crate) nonce: Digest,
    pub(crate) origin: String,
    pub(crate) profile: Profile,
    pub(crate) rp_id: String,
    pub(crate) web_origin: String,
    pub(crate) permit_key: PermitKey,
}

/// `log.opened`, drafted.
#[derive(Clone)]
pub(crate) struct Opening {
    founder: Founder,
    leaf: Leaf,
    log: Digest,
}

/// Both entries, drafted; only the signature is missing.
#[derive(Clone)]
pub(crate) struct FoundingDraft {
    pub(crate) opened: Leaf,
    pub(crate) anchor: Option<Blob>,
    pub(crate) attestation_object: Blob,
    pub(crate) client_data_json: Blob,
    pub(crate) session: NewSession,
    pub(crate) envelope: Envelope,
    item: EnrolmentItem,
    path: Vec<Digest>,
    log: Digest,
}

impl Opening {
    pub(crate) fn new(
        premises: &Premises,
        name: &str,
        credential_id: Blob,
        public_key: Blob,
        now: Time,
    ) -> Self {
        let founder = Founder {
            credential_id,
            name: name.to_owned(),
            public_key,
            reviewer: ReviewerId::from_random(random_id()),
        };
        let Premises {
            log_key,
            nonce,
            origin,
            profile,
            rp_id,
            web_origin,
            permit_key,
        } = premises.clone();
        let opened = LogOpened {
            founders: vec![founder.clone()],
            log_key,
            nonce,
            origin,
            origins: vec![web_origin],
            permit_keys: vec![permit_key],
            profile,
            rp_id,
        };
        let leaf = Leaf {
            time: now,
            actor: Actor::Gateway,
            refs: Vec::new(),
            data: Data::LogOpened(Box::new(opened)),
            parts: Vec::new(),
        };
        let log = Digest(tree::leaf_hash(&leaf.to_bytes()));
        Self { founder, leaf, log }
    }

    /// The log id that this opening gives.
    pub(crate) fn log(&self) -> Digest {
        self.log
    }

    /// The origin that a software key writes for this log.
    pub(crate) fn software_origin(&self) -> String {
        software_origin(self.log)
    }

    pub(crate) fn enrol(
        self,
        registration: Registration,
        backup_eligible: bool,
        proven: Option<Proven>,
        session: NewSession,
        now: Time,
    ) -> FoundingDraft {
        let Registration {
            attestation_object,
            client_data_json,
        } = registration;
        let item = EnrolmentItem {
            attestation: sha256(&[&attestation_object.0]),
            backup_eligible,
            credential_id: self.founder.credential_id,
            label: FIRST_LABEL.to_owned(),
            model: proven.as_ref().map(|proven| proven.model),
            name: self.founder.name,
            public_key: self.founder.public_key,
            reviewer: self.founder.reviewer,
        };
        let session_item = SessionItem {
            expires_at: session.expires_at,
            token_hash: session.token_hash,
        };
        let leaves = [
            tree::leaf_hash(&strict::canonical(&item)),
            tree::leaf_hash(&strict::canonical(&session_item)),
        ];
        let envelope = Envelope {
            expires_at: now.plus_seconds(LIFE_S),
            issued_at: now,
            items_root: Digest(tree::root_of(&leaves)),
            log: self.log,
            nonce: random(),
            pinned_root: self.log,
            pinned_size: Decimal(1),
            signer: self.founder.reviewer,
            r#type: ActType::CredentialEnrolled,
        };
        FoundingDraft {
            opened: self.leaf,
            anchor: proven.map(|proven| proven.anchor),
            attestation_object,
            client_data_json,
            session,
            envelope,
            item,
            path: vec![Digest(leaves[1])],
            log: self.log,
        }
    }
}

impl FoundingDraft {
    pub(crate) fn log_reference(&self) -> Ref {
        Ref {
            index: 0,
            leaf: self.log,
        }
    }

    /// The key that must sign it.
    pub(crate) fn credential_id(&self) -> Blob {
        self.item.credential_id.clone()
    }

    pub(crate) fn signed(&self, assertion: Assertion) -> Signed<EnrolmentItem> {
        Signed {
            assertion,
            count: 2,
            envelope: self.envelope.clone(),
            index: 0,
            item: self.item.clone(),
            path: self.path.clone(),
        }
    }
}
