//! The reducer: what the log says, entry by entry.
//!
//! [`State::apply`] is a pure function of the state and the next entry; its
//! only clock is `entry.time`. It holds every rule that can be judged without
//! cryptography: order, references, ownership, quorum, deadlines, single use.
//! Hashes, proofs and signatures are `vidimus-verify`'s. [`State::due`] says
//! separately what time alone makes due.
//!
//! A refused entry leaves the state as it was. Spec: `docs/spec/lifecycle.md`.

mod actions;
mod delegations;
mod edits;
mod escalations;
mod glass;
mod grace;
mod grants;
mod keys;
mod notes;
mod pauses;
mod people;
mod permits;
mod policy;
mod recent;
mod verdicts;
mod violation;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

pub use actions::{ActionState, Life, PermitRecord, PermitStatus, Resolved, VerdictRecord};
pub use delegations::{Delegation, LONGEST_DELEGATION_S};
pub use edits::{Edit, MAX_EDITS};
pub use escalations::{Escalated, MAX_ESCALATIONS};
pub use glass::{MAX_UNREVIEWED, MIN_URGENT_REASON, Review};
pub use grace::LONGEST_GRACE_S;
pub use grants::{Grant, LONGEST_GRANT_S, MAX_GRANTS, MAX_USES};
pub use keys::{Credential, Standing};
pub use notes::{MAX_NOTES, Note, NoteKind};
pub use pauses::Pause;
pub use people::{
    Agent, Log, MAX_GROUPS, MAX_MODELS, MAX_QUORUM, Reviewer, Route, Rules, group_is_fit,
    identity_is_fit, name_is_fit, software_origin,
};
pub use policy::{ActivePolicy, MAX_DEMANDS, PolicyWord};
pub use recent::Recent;
pub use violation::Violation;

use crate::bytes::{Blob, Digest};
use crate::entry::{Data, Entry, Leaf, PartRef, Ref, Resolution};
use crate::envelope::{ActType, Envelope, MAX_ITEMS, MAX_SKEW_MS, Signed};
use crate::id::{ActionId, Actor, AgentId, DelegationId, GrantId, PermitId, ReviewerId};
use crate::time::Time;

/// Everything that the entries so far say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    size: u64,
    last_time: Time,
    log: Option<Log>,
    rules: Option<Rules>,
    policy: Option<Arc<ActivePolicy>>,
    policy_words: Vec<PolicyWord>,
    reviewers: HashMap<ReviewerId, Reviewer>,
    credentials: HashMap<Blob, Credential>,
    agents: HashMap<AgentId, Agent>,
    actions: HashMap<ActionId, Box<ActionState>>,
    grants: HashMap<GrantId, Grant>,
    delegations: HashMap<DelegationId, Delegation>,
    permits: HashSet<PermitId>,
    nonces: HashMap<Digest, UsedNonce>,
    /// Next deadline of each action that has one.
    deadlines: BTreeSet<(Time, ActionId)>,
    /// When which group is told of an action that still waits then.
    escalations: BTreeSet<(Time, ActionId, String)>,
    /// Actions that wait for people and have a grace time.
    graces: BTreeSet<ActionId>,
    /// Actions for which glass was broken, by that verdict's position, until
    /// somebody has reviewed it.
    unreviewed: BTreeMap<u64, ActionId>,
    /// How many unresolved actions each agent has, where it has any.
    pending: HashMap<AgentId, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct UsedNonce {
    /// An inclusion proof does not bind the number of leaves: under another
    /// count the same item could be shown at another position.
    count: u64,
    items_root: Digest,
    indexes: Vec<u64>,
}

/// What an entry asks the gateway to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The waiting is over: log `action.resolved`.
    Resolve(ActionId, Resolution),
    /// It is approved: log `permit.issued`.
    IssuePermit(ActionId),
    /// The agent was paused: log `action.resolved` for all that
    /// [`State::to_withdraw`] names.
    Withdraw(AgentId),
}

/// What time alone makes due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nobody decided so far: log `action.escalated` to that group.
    Escalate(ActionId, String),
    /// Its grace time is over: log `action.resolved` as approved.
    Approve(ActionId),
    /// Nobody decided: log `action.resolved` as expired.
    Expire(ActionId),
    /// Nobody redeemed: log `permit.lapsed`.
    Lapse(ActionId, PermitId),
}

impl State {
    /// The state of an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the next entry.
    ///
    /// # Errors
    /// [`Violation`] when the entry breaks a rule; the state is unchanged then.
    pub fn apply(&mut self, entry: &Entry) -> Result<Option<Effect>, Violation> {
        let Entry { index, leaf, .. } = entry;
        if *index != self.size {
            return Err(Violation::Order {
                expected: self.size,
                found: *index,
            });
        }
        if leaf.time < self.last_time {
            return Err(Violation::TimeRunsBackwards);
        }
        let effect = match &leaf.data {
            Data::LogOpened(data) => self.open(entry, data)?,
            Data::CredentialEnrolled(data) => self.enrol(entry, data)?,
            Data::CredentialAdmitted(data) => self.admit(entry, data)?,
            Data::CredentialRevoked(data) => self.revoke(entry, data)?,
            Data::ReviewerRegistered(data) => self.register_reviewer(entry, data)?,
            Data::ReviewerChanged(data) => self.change_reviewer(entry, data)?,
            Data::ReviewerRemoved(data) => self.remove_reviewer(entry, data)?,
            Data::RulesChanged(data) => self.change_rules(entry, data)?,
            Data::PolicyChanged(data) => self.change_policy(entry, data)?,
            Data::AgentRegistered(data) => self.register(entry, data)?,
            Data::AgentRevoked(data) => self.revoke_agent(entry, data)?,
            Data::AgentPaused(data) => self.pause(entry, data)?,
            Data::AgentResumed(data) => self.resume(entry, data)?,
            Data::ActionProposed(data) => self.propose(entry, data)?,
            Data::ActionTaken(data) => self.take(entry, data.action)?,
            Data::ActionAsked(data) => self.ask(entry, data.action)?,
            Data::ActionAnswered(data) => self.answer(entry, data.action)?,
            Data::ActionFlagged(data) => self.flag(entry, data.action)?,
            Data::ActionEdited(data) => self.edit(entry, data)?,
            Data::ActionEscalated(data) => self.escalate(entry, data)?,
            Data::VerdictGiven(data) => self.decide(entry, data)?,
            Data::VerdictRecognised(data) => self.recognise(entry, data)?,
            Data::VerdictReviewed(data) => self.review(entry, data)?,
            Data::GrantGiven(data) => self.give_grant(entry, data)?,
            Data::GrantRevoked(data) => self.revoke_grant(entry, data)?,
            Data::DelegationGiven(data) => self.delegate(entry, data)?,
            Data::DelegationRevoked(data) => self.revoke_delegation(entry, data)?,
            Data::ActionResolved(data) => self.resolve(entry, data)?,
            Data::PermitIssued(data) => self.issue(entry, data)?,
            Data::PermitLapsed(data) => self.lapse(entry, data)?,
            Data::PermitRedeemed(data) => self.redeem(entry, data)?,
            Data::ActionCompleted(data) => self.complete(entry, data)?,
        };
        self.size += 1;
        self.last_time = leaf.time;
        Ok(effect)
    }

    /// Goes on at `index`, for a proof bundle, which leaves entries out: what
    /// they said is unknown here. A whole log is never replayed like this.
    pub fn skip_to(&mut self, index: u64) {
        self.size = self.size.max(index);
    }

    /// What is due at `now`, what has been due longest first.
    #[must_use]
    pub fn due(&self, now: Time) -> Vec<Due> {
        let over = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        let over = over.filter_map(|(at, id)| {
            let action = self.actions.get(id)?;
            match action.live_permit() {
                Some(permit) => Some((*at, *id, Due::Lapse(*id, permit.id))),
                None if self.has_expired(action, now) => Some((*at, *id, Due::Expire(*id))),
                None => None,
            }
        });
        let start = self.starting(now).filter(|(at, _)| *at <= now);
        let start = start.map(|(at, id)| (at, id, Due::Approve(id)));
        let mut due: Vec<_> = self.to_escalate(now).chain(over).chain(start).collect();
        // Stable: the groups of one action stay sorted.
        due.sort_by_key(|(at, id, _)| (*at, *id));
        due.into_iter().map(|(.., due)| due).collect()
    }

    /// The earliest time at which [`State::due`] has something to say, as things
    /// stand at `now`.
    #[must_use]
    pub fn next_due(&self, now: Time) -> Option<Time> {
        let held = |id: &ActionId| {
            let action = self.action(id).filter(|_| self.graces.contains(id));
            action.is_some_and(|action| self.starts_at(action, now).is_some())
        };
        let over = self.deadlines.iter().find(|(_, id)| !held(id));
        let over = over.map(|(at, _)| *at);
        let step = self.escalations.first().map(|(at, ..)| *at);
        let start = self.starting(now).map(|(at, _)| at);
        over.into_iter().chain(step).chain(start).min()
    }

    /// Entries applied so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Time of the last entry.
    #[must_use]
    pub fn last_time(&self) -> Time {
        self.last_time
    }

    /// The log, once it was opened.
    #[must_use]
    pub fn log(&self) -> Option<&Log> {
        self.log.as_ref()
    }

    /// The credential with that id.
    #[must_use]
    pub fn credential(&self, id: &Blob) -> Option<&Credential> {
        self.credentials.get(id)
    }

    /// Every credential, in no order.
    pub fn credentials(&self) -> impl Iterator<Item = &Credential> {
        self.credentials.values()
    }

    /// The person with that id, also one who has left.
    #[must_use]
    pub fn reviewer(&self, id: &ReviewerId) -> Option<&Reviewer> {
        self.reviewers.get(id)
    }

    /// Every person, also those who have left, in no order.
    pub fn reviewers(&self) -> impl Iterator<Item = &Reviewer> {
        self.reviewers.values()
    }

    /// What keys and approvals must be like, once the log was opened.
    #[must_use]
    pub fn rules(&self) -> Option<&Rules> {
        self.rules.as_ref()
    }

    /// The agent with that id.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<&Agent> {
        self.agents.get(id)
    }

    /// Every agent, in no order.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    /// The action with that id.
    #[must_use]
    pub fn action(&self, id: &ActionId) -> Option<&ActionState> {
        self.actions.get(id).map(Box::as_ref)
    }

    /// Every action, in no order.
    pub fn actions(&self) -> impl Iterator<Item = &ActionState> {
        self.actions.values().map(Box::as_ref)
    }

    /// Actions that wait for people or hold a permit, what ends first on top.
    pub fn waiting(&self) -> impl Iterator<Item = &ActionState> {
        self.deadlines.iter().filter_map(|(_, id)| self.action(id))
    }

    /// How many actions of an agent wait for people.
    #[must_use]
    pub fn pending_of(&self, agent: &AgentId) -> usize {
        self.pending.get(agent).copied().unwrap_or_default()
    }

    fn opened(&self) -> Result<&Log, Violation> {
        self.log.as_ref().ok_or(Violation::NotOpened)
    }

    /// The rules that every signed act shares.
    fn check_act<I>(
        &self,
        entry: &Entry,
        signed: &Signed<I>,
        act: ActType,
        pinned_at_least: u64,
    ) -> Result<(), Violation> {
        let log = self.opened()?;
        let envelope = &signed.envelope;
        check_envelope(envelope, act, log.id, entry.leaf.time)?;
        if entry.leaf.actor != Actor::Reviewer(envelope.signer) {
            return Err(Violation::WrongActor);
        }
        if signed.count > MAX_ITEMS || signed.index >= signed.count {
            return Err(Violation::ItemCount);
        }
        if envelope.pinned_size.0 < pinned_at_least {
            return Err(Violation::StalePin);
        }
        if envelope.pinned_size.0 > entry.index {
            return Err(Violation::PinBeyond);
        }
        match self.nonces.get(&envelope.nonce) {
            Some(used)
                if used.items_root != envelope.items_root
                    || used.count != signed.count
                    || used.indexes.contains(&signed.index) =>
            {
                Err(Violation::NonceReused)
            }
            _ => Ok(()),
        }
    }

    fn use_nonce<I>(&mut self, signed: &Signed<I>) {
        let envelope = &signed.envelope;
        self.nonces
            .entry(envelope.nonce)
            .or_insert_with(|| UsedNonce {
                count: signed.count,
                items_root: envelope.items_root,
                indexes: Vec::new(),
            })
            .indexes
            .push(signed.index);
    }
}

/// The rules of an envelope that need no state: also asked before a ceremony.
///
/// # Errors
/// [`Violation`] names the broken rule.
pub fn check_envelope(
    envelope: &Envelope,
    act: ActType,
    log: Digest,
    now: Time,
) -> Result<(), Violation> {
    if envelope.r#type != act {
        return Err(Violation::WrongActType);
    }
    if envelope.log != log {
        return Err(Violation::OtherLog);
    }
    if envelope.issued_at.distance_ms(now) > MAX_SKEW_MS {
        return Err(Violation::Skew);
    }
    if now >= envelope.expires_at {
        return Err(Violation::EnvelopeExpired);
    }
    Ok(())
}

fn expect_refs(leaf: &Leaf, expected: &[Ref]) -> Result<(), Violation> {
    if leaf.refs == expected {
        Ok(())
    } else {
        Err(Violation::WrongReferences)
    }
}

fn expect_actor(leaf: &Leaf, expected: Actor) -> Result<(), Violation> {
    if leaf.actor == expected {
        Ok(())
    } else {
        Err(Violation::WrongActor)
    }
}

/// A part that an entry may or must have.
struct PartRule {
    name: &'static str,
    content_type: &'static str,
    most: usize,
    required: bool,
}

fn expect_parts(parts: &[PartRef], rules: &[PartRule]) -> Result<(), Violation> {
    if !parts.is_sorted_by(|one, next| one.name < next.name) {
        return Err(Violation::WrongParts);
    }
    let fits = |part: &PartRef| {
        rules.iter().any(|rule| {
            rule.name == part.name
                && rule.content_type == part.r#type
                && usize::try_from(part.size).is_ok_and(|size| size <= rule.most)
        })
    };
    let complete = rules
        .iter()
        .filter(|rule| rule.required)
        .all(|rule| parts.iter().any(|part| part.name == rule.name));
    if complete && parts.iter().all(fits) {
        Ok(())
    } else {
        Err(Violation::WrongParts)
    }
}

#[cfg(test)]
pub(crate) mod tests;
