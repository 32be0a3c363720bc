//! Judges one entry after another: form, signatures, then the reducer's rules.
//! Shared by the whole-log [`crate::replay`] and the excerpts of
//! [`crate::bundle`].

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use vidimus_ledger::tree::{Hash, leaf_hash};
use vidimus_protocol::entry::{CredentialEnrolled, Data, Entry, Leaf, LeafError, Parsed};
use vidimus_protocol::envelope::{Envelope, Signed};
use vidimus_protocol::state::{Effect, Log, Route};
use vidimus_protocol::{Blob, Digest, State, Time, Violation};

use crate::act::{self, ActError};
use crate::attestation::{self, AttestationError};
use crate::client_data::{self, ClientDataError};
use crate::cose::CoseKey;
use crate::opening::{self, OpeningError};
use crate::packed::{self, PackedError};

/// Why an entry cannot stand where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// Its bytes are no leaf.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// It opens the log in a way that nothing can be checked against.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// The registration that it enrols a key with is wrong.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The signed act that it holds does not count.
    #[error(transparent)]
    Act(#[from] ActError),
    /// It breaks a rule of the log.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// Why a registration does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    /// Its attestation object is wrong.
    #[error(transparent)]
    Attestation(#[from] AttestationError),
    /// Its client data is wrong.
    #[error("in the registration, {0}")]
    ClientData(#[from] ClientDataError),
    /// The registration made another key than the one that is enrolled.
    #[error("the registration made another key than the one that is enrolled")]
    OtherKey,
    /// Its attestation does not prove a model.
    #[error("the key's model is not proven: {0}")]
    Packed(#[from] PackedError),
    /// Its attestation proves another model than the one that is enrolled, or
    /// one of both is missing.
    #[error("the attestation does not prove the model that the key was enrolled with")]
    OtherModel,
    /// Registered by one route, signed by another.
    #[error("the key was registered by one route and signed by another")]
    OtherRoute,
}

/// The state, and the keys of its credentials ready to verify.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) state: State,
    keys: Arc<Keys>,
    pub(crate) signatures: u64,
}

/// What signatures are verified with: the log and its keys so far. A key that
/// is in here stays what it is, so leaves can be read ahead of their turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    log: Option<Log>,
    keys: HashMap<Blob, CoseKey>,
}

/// A leaf on which everything is done that needs no order: several can be
/// read at a time.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) leaf_hash: Hash,
    parsed: Result<Parsed, LeafError>,
    /// `None` when its key was not known yet.
    act: Option<Result<Option<Route>, ReplayError>>,
}

/// What an entry turned out to be.
#[derive(Debug)]
pub(crate) enum Judged {
    /// It follows from the ones before.
    Known {
        leaf: Leaf,
        effect: Option<Effect>,
        route: Option<Route>,
    },
    /// Of a version or kind that this program cannot judge.
    Unknown,
}

impl Read {
    /// What it says, if this version knows its kind.
    pub(crate) fn leaf(&self) -> Option<&Leaf> {
        match &self.parsed {
            Ok(Parsed::Known(leaf)) => Some(leaf),
            _ => None,
        }
    }
}

impl Judge {
    /// The keys so far.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// Judges the entry at `index`; a refused one changes nothing. `root_at`
    /// answers for the pins of signed acts.
    pub(crate) fn judge(
        &mut self,
        index: u64,
        read: Read,
        check_pin: impl Fn(&Envelope) -> Result<(), ActError>,
    ) -> Result<Judged, ReplayError> {
        let leaf = match read.parsed? {
            Parsed::Known(leaf) => leaf,
            Parsed::Unknown { .. } => return Ok(Judged::Unknown),
        };
        let route = match read.act {
            Some(known) => known?,
            None => self.keys.check_act(&leaf)?,
        };
        if let Some(envelope) = envelope_of(&leaf.data) {
            check_pin(envelope)?;
        }
        let entry = Entry {
            index,
            leaf_hash: Digest(read.leaf_hash),
            leaf,
        };
        let effect = self.state.apply(&entry)?;
        match &entry.leaf.data {
            Data::LogOpened(_) => Arc::make_mut(&mut self.keys).log = self.state.log().cloned(),
            Data::CredentialEnrolled(data) => {
                let item = &data.signed.item;
                let key = CoseKey::parse(&item.public_key.0).map_err(ActError::from)?;
                let keys = &mut Arc::make_mut(&mut self.keys).keys;
                keys.insert(item.credential_id.clone(), key);
            }
            _ => {}
        }
        self.signatures += u64::from(route.is_some());
        Ok(Judged::Known {
            leaf: entry.leaf,
            effect,
            route,
        })
    }
}

impl Keys {
    pub(crate) fn read(&self, leaf: &[u8]) -> Read {
        self.check(leaf, Leaf::parse(leaf))
    }

    /// Everything about a leaf, read as `parsed`, that needs no order.
    pub(crate) fn check(&self, leaf: &[u8], parsed: Result<Parsed, LeafError>) -> Read {
        let act = match &parsed {
            Ok(Parsed::Known(leaf)) => match self.check_act(leaf) {
                Err(ReplayError::Violation(_)) => None,
                known => Some(known),
            },
            _ => None,
        };
        Read {
            leaf_hash: leaf_hash(leaf),
            parsed,
            act,
        }
    }

    /// Everything about an entry that hangs on cryptography and not on order.
    fn check_act(&self, leaf: &Leaf) -> Result<Option<Route>, ReplayError> {
        let route = match &leaf.data {
            Data::LogOpened(data) => {
                opening::check(data)?;
                return Ok(None);
            }
            Data::CredentialEnrolled(data) => check_enrolment(data, self.log()?, leaf.time)?,
            Data::CredentialAdmitted(data) => self.signed(&data.signed)?,
            Data::CredentialRevoked(data) => self.signed(&data.signed)?,
            Data::ReviewerRegistered(data) => self.signed(&data.signed)?,
            Data::ReviewerChanged(data) => self.signed(&data.signed)?,
            Data::ReviewerRemoved(data) => self.signed(&data.signed)?,
            Data::RulesChanged(data) => self.signed(&data.signed)?,
            Data::PolicyChanged(data) => self.signed(&data.signed)?,
            Data::AgentRegistered(data) => self.signed(&data.signed)?,
            Data::AgentRevoked(data) => self.signed(&data.signed)?,
            Data::AgentPaused(data) => self.signed(&data.signed)?,
            Data::ActionEdited(data) => self.signed(&data.signed)?,
            Data::AgentResumed(data) => self.signed(&data.signed)?,
            Data::VerdictGiven(data) => self.signed(&data.signed)?,
            Data::VerdictRecognised(data) => self.signed(&data.signed)?,
            Data::VerdictReviewed(data) => self.signed(&data.signed)?,
            Data::GrantGiven(data) => self.signed(&data.signed)?,
            Data::GrantRevoked(data) => self.signed(&data.signed)?,
            Data::DelegationGiven(data) => self.signed(&data.signed)?,
            Data::DelegationRevoked(data) => self.signed(&data.signed)?,
            Data::ActionProposed(_)
            | Data::ActionTaken(_)
            | Data::ActionAsked(_)
            | Data::ActionAnswered(_)
            | Data::ActionFlagged(_)
            | Data::ActionEscalated(_)
            | Data::ActionResolved(_)
            | Data::PermitIssued(_)
            | Data::PermitLapsed(_)
            | Data::PermitRedeemed(_)
            | Data::ActionCompleted(_) => return Ok(None),
        };
        Ok(Some(route))
    }

    fn signed<I: Serialize>(&self, signed: &Signed<I>) -> Result<Route, ReplayError> {
        let key = self.key(&signed.assertion.credential_id)?;
        Ok(act::check_with(signed, self.log()?, key)?)
    }

    fn log(&self) -> Result<&Log, Violation> {
        self.log.as_ref().ok_or(Violation::NotOpened)
    }

    fn key(&self, credential: &Blob) -> Result<&CoseKey, Violation> {
        self.keys
            .get(credential)
            .ok_or(Violation::UnknownCredential)
    }
}

fn check_enrolment(data: &CredentialEnrolled, log: &Log, time: Time) -> Result<Route, ReplayError> {
    let item = &data.signed.item;
    let attested = attestation::check(&data.attestation_object.0, &log.opened.rp_id)
        .map_err(EnrolmentError::from)?;
    let same = attested.credential_id == item.credential_id.0
        && attested.public_key == item.public_key.0
        && attested.flags.backup_eligible() == item.backup_eligible;
    if !same {
        return Err(EnrolmentError::OtherKey.into());
    }
    let (object, client_data) = (&data.attestation_object.0, &data.client_data_json.0);
    let proven = data
        .anchor
        .as_ref()
        .map(|anchor| packed::check(object, client_data, &anchor.0, time))
        .transpose()
        .map_err(EnrolmentError::from)?;
    if proven != item.model {
        return Err(EnrolmentError::OtherModel.into());
    }
    let registered = client_data::check_registration(
        &data.client_data_json.0,
        &log.opened,
        log.software_origin().as_deref(),
    )
    .map_err(EnrolmentError::from)?;
    let route = act::check(&data.signed, log, &item.public_key)?;
    if registered == route {
        Ok(route)
    } else {
        Err(EnrolmentError::OtherRoute.into())
    }
}

pub(crate) fn envelope_of(data: &Data) -> Option<&Envelope> {
    match data {
        Data::CredentialEnrolled(data) => Some(&data.signed.envelope),
        Data::CredentialAdmitted(data) => Some(&data.signed.envelope),
        Data::CredentialRevoked(data) => Some(&data.signed.envelope),
        Data::ReviewerRegistered(data) => Some(&data.signed.envelope),
        Data::ReviewerChanged(data) => Some(&data.signed.envelope),
        Data::ReviewerRemoved(data) => Some(&data.signed.envelope),
        Data::RulesChanged(data) => Some(&data.signed.envelope),
        Data::PolicyChanged(data) => Some(&data.signed.envelope),
        Data::AgentRegistered(data) => Some(&data.signed.envelope),
        Data::AgentRevoked(data) => Some(&data.signed.envelope),
        Data::AgentPaused(data) => Some(&data.signed.envelope),
        Data::ActionEdited(data) => Some(&data.signed.envelope),
        Data::AgentResumed(data) => Some(&data.signed.envelope),
        Data::VerdictGiven(data) => Some(&data.signed.envelope),
        Data::VerdictRecognised(data) => Some(&data.signed.envelope),
        Data::VerdictReviewed(data) => Some(&data.signed.envelope),
        Data::GrantGiven(data) => Some(&data.signed.envelope),
        Data::GrantRevoked(data) => Some(&data.signed.envelope),
        Data::DelegationGiven(data) => Some(&data.signed.envelope),
        Data::DelegationRevoked(data) => Some(&data.signed.envelope),
        Data::LogOpened(_)
        | Data::ActionProposed(_)
        | Data::ActionTaken(_)
        | Data::ActionAsked(_)
        | Data::ActionAnswered(_)
        | Data::ActionFlagged(_)
        | Data::ActionEscalated(_)
        | Data::ActionResolved(_)
        | Data::PermitIssued(_)
        | Data::PermitLapsed(_)
        | Data::PermitRedeemed(_)
        | Data::ActionCompleted(_) => None,
    }
}
