//! What people sign: the founding, sessions, verdicts, and statements about
//! people, keys, rules and agents.
//!
//! A nonce is taken out of storage before anything is verified: an envelope
//! has one try.

use serde::Serialize;
use serde::de::DeserializeOwned;
use vidimus_ledger::tree;
use vidimus_policy::{Inputs, PersonInput, Set};
use vidimus_protocol::api::{Content, StartCeremony};
use vidimus_protocol::entry::{
    AgentPaused, AgentRegistered, AgentResumed, AgentRevoked, CredentialAdmitted,
    CredentialEnrolled, CredentialRevoked, Data, DelegationGiven, DelegationRevoked, GrantGiven,
    GrantRevoked, Leaf, PolicyChanged, Ref, ReviewerChanged, ReviewerRegistered, ReviewerRemoved,
    RulesChanged, VerdictGiven, VerdictRecognised, VerdictReviewed,
};
use vidimus_protocol::envelope::{
    ActType, AdmissionItem, AgentItem, AgentRevocationItem, Assertion, DelegationItem,
    DelegationRevocationItem, GrantItem, GrantRevocationItem, PauseItem, PolicyItem,
    RecognitionItem, RemovalItem, ResumptionItem, ReviewItem, ReviewerChangeItem, ReviewerItem,
    RevocationItem, RulesItem, SessionItem, Signed, VerdictItem,
};
use vidimus_protocol::id::Actor;
use vidimus_protocol::state::check_envelope;
use vidimus_protocol::strict::{self, StrictError};
use vidimus_protocol::{Digest, State, Time, Violation};
use vidimus_verify::act;

use super::{Part, Refusal, Sequencer, Wanted};
use crate::enrolment::{Claim, used_invitation};
use crate::founding::FoundingDraft;
use crate::grants::{self, Covered};
use crate::policies;
use crate::store::Session;

/// Longest session.
const LONGEST_SESSION_MS: u64 = 12 * 3600 * 1000;
/// Most bytes of one item: rules that name every model that they may.
const MAX_ITEM: usize = 40 << 10;

impl Sequencer {
    /// Commits `log.opened` and the founder's `credential.enrolled` together.
    pub(super) fn found(
        &mut self,
        draft: FoundingDraft,
        assertion: Assertion,
    ) -> Result<Wanted, Refusal> {
        if self.replay.state().size() != 0 || !self.batch.leaves.is_empty() {
            return Err(Refusal::conflict(
                "already_set_up",
                "this gateway has its first key already: sign in with it",
            ));
        }
        let signed = draft.signed(assertion);
        let reviewer = signed.envelope.signer;
        let enrolled = |time| Leaf {
            time,
            actor: Actor::Reviewer(reviewer),
            refs: vec![draft.log_reference()],
            data: Data::CredentialEnrolled(Box::new(CredentialEnrolled {
                anchor: draft.anchor.clone(),
                attestation_object: draft.attestation_object.clone(),
                client_data_json: draft.client_data_json.clone(),
                signed: signed.clone(),
            })),
            parts: Vec::new(),
        };
        let (opened, _) = self.append(&draft.opened, Vec::new())?;
        let time = self.now()?;
        let (entry, _) = self.append(&enrolled(time), Vec::new())?;
        self.batch.sessions.push(Session {
            token_hash: draft.session.token_hash,
            reviewer,
            credential_id: draft.credential_id(),
            opened_at: time,
            expires_at: draft.session.expires_at,
        });
        Ok(Wanted::Entries(vec![opened.index, entry.index]))
    }

    /// Commits what a new key says about itself. It does not count yet.
    pub(super) fn enrol(&mut self, claim: Claim, assertion: Assertion) -> Result<Wanted, Refusal> {
        // Two prompts may have begun on one invitation: the first key is it.
        let (state, who) = (self.replay.state(), claim.envelope.signer);
        let newcomer = state.reviewer(&who).is_none();
        if newcomer && state.credentials().any(|key| key.reviewer == who) {
            return Err(used_invitation());
        }
        let leaf = claim.into_leaf(assertion, self.now()?);
        let (entry, _) = self.append(&leaf, Vec::new())?;
        Ok(Wanted::Entries(vec![entry.index]))
    }

    pub(super) fn act(
        &mut self,
        start: StartCeremony,
        set: Option<Box<Set>>,
        assertion: Assertion,
    ) -> Result<Wanted, Refusal> {
        let taken = self.nonces.remove(&start.envelope.nonce);
        if taken.is_none_or(|nonce| self.keeper.wall() >= nonce.expires_at) {
            return Err(Violation::NonceReused.into());
        }
        match start.envelope.r#type {
            ActType::CredentialEnrolled => Err(Refusal::forbidden(
                "a key is enrolled on the gateway's own page",
            )),
            ActType::SessionOpened => self.open_session(&start, &assertion),
            ActType::VerdictGiven => self.decide(start, &assertion),
            ActType::ActionEdited => self.edit(start, &assertion),
            ActType::AgentRegistered => self.statement(
                &start,
                &assertion,
                |_, _: &AgentItem| None,
                |signed| Data::AgentRegistered(Box::new(AgentRegistered { signed })),
            ),
            ActType::AgentRevoked => self.statement(
                &start,
                &assertion,
                |state, item: &AgentRevocationItem| Some(state.agent(&item.agent)?.entry),
                |signed| Data::AgentRevoked(Box::new(AgentRevoked { signed })),
            ),
            ActType::AgentPaused => self.statement(
                &start,
                &assertion,
                |state, item: &PauseItem| Some(state.agent(&item.agent)?.entry),
                |signed| Data::AgentPaused(Box::new(AgentPaused { signed })),
            ),
            ActType::AgentResumed => self.statement(
                &start,
                &assertion,
                |state, item: &ResumptionItem| {
                    let mut pauses = state.agent(&item.agent)?.pauses.iter();
                    Some(pauses.find(|pause| pause.entry.leaf == item.pause)?.entry)
                },
                |signed| Data::AgentResumed(Box::new(AgentResumed { signed })),
            ),
            ActType::CredentialAdmitted => self.statement(
                &start,
                &assertion,
                |state, item: &AdmissionItem| Some(state.credential_of(item.credential)?.entry),
                |signed| Data::CredentialAdmitted(Box::new(CredentialAdmitted { signed })),
            ),
            ActType::CredentialRevoked => self.statement(
                &start,
                &assertion,
                |state, item: &RevocationItem| Some(state.credential_of(item.credential)?.entry),
                |signed| Data::CredentialRevoked(Box::new(CredentialRevoked { signed })),
            ),
            ActType::ReviewerRegistered => self.statement(
                &start,
                &assertion,
                |state, item: &ReviewerItem| Some(state.credential_of(item.credential)?.entry),
                |signed| Data::ReviewerRegistered(Box::new(ReviewerRegistered { signed })),
            ),
            ActType::ReviewerChanged => self.statement(
                &start,
                &assertion,
                |state, item: &ReviewerChangeItem| Some(state.reviewer(&item.reviewer)?.entry),
                |signed| Data::ReviewerChanged(Box::new(ReviewerChanged { signed })),
            ),
            ActType::ReviewerRemoved => self.statement(
                &start,
                &assertion,
                |state, item: &RemovalItem| Some(state.reviewer(&item.reviewer)?.entry),
                |signed| Data::ReviewerRemoved(Box::new(ReviewerRemoved { signed })),
            ),
            ActType::RulesChanged => self.statement(
                &start,
                &assertion,
                |state, _: &RulesItem| Some(state.rules()?.entry),
                |signed| Data::RulesChanged(Box::new(RulesChanged { signed })),
            ),
            ActType::PolicyChanged => self.change_policy(start, set, &assertion),
            ActType::GrantGiven => self.give_grant(start, &assertion),
            ActType::GrantRevoked => self.statement(
                &start,
                &assertion,
                |state, item: &GrantRevocationItem| Some(state.grant(&item.grant)?.entry),
                |signed| Data::GrantRevoked(Box::new(GrantRevoked { signed })),
            ),
            ActType::DelegationGiven => self.statement(
                &start,
                &assertion,
                |state, item: &DelegationItem| Some(state.reviewer(&item.to)?.entry),
                |signed| Data::DelegationGiven(Box::new(DelegationGiven { signed })),
            ),
            ActType::DelegationRevoked => self.statement(
                &start,
                &assertion,
                |state, item: &DelegationRevocationItem| {
                    Some(state.delegation(&item.delegation)?.entry)
                },
                |signed| Data::DelegationRevoked(Box::new(DelegationRevoked { signed })),
            ),
            ActType::VerdictRecognised => self.statement(
                &start,
                &assertion,
                |state, item: &RecognitionItem| {
                    let given = &state.action(&item.action)?.verdicts;
                    let verdict = given
                        .iter()
                        .find(|given| given.entry.leaf == item.verdict)?;
                    Some(verdict.entry)
                },
                |signed| Data::VerdictRecognised(Box::new(VerdictRecognised { signed })),
            ),
            ActType::VerdictReviewed => self.review(start, &assertion),
        }
    }

    /// Logs what an administrator found of a broken glass.
    fn review(&mut self, start: StartCeremony, assertion: &Assertion) -> Result<Wanted, Refusal> {
        let signed: Signed<ReviewItem> = only(signed_items(&start, assertion)?)?;
        let reason = start.review.ok_or_else(no_review)?.reason;
        check_text(&reason)?;
        let state = self.replay.state();
        let key = state
            .credential(&assertion.credential_id)
            .ok_or(Violation::UnknownCredential)?
            .entry;
        let action = self.known(signed.item.action)?;
        let verdict = action.waits_for_review(signed.item.verdict)?.entry;
        let actor = Actor::Reviewer(signed.envelope.signer);
        let data = Data::VerdictReviewed(Box::new(VerdictReviewed { signed }));
        let parts = vec![Part::new("reason", reason)?];
        let (entry, _) = self.write(actor, vec![key, verdict], data, parts)?;
        Ok(Wanted::Entries(vec![entry.index]))
    }

    /// Logs one signed statement, which refers to its key and to what it is
    /// about.
    fn statement<I: DeserializeOwned + Serialize>(
        &mut self,
        start: &StartCeremony,
        assertion: &Assertion,
        about: impl FnOnce(&State, &I) -> Option<Ref>,
        wrap: impl FnOnce(Signed<I>) -> Data,
    ) -> Result<Wanted, Refusal> {
        let signed: Signed<I> = only(signed_items(start, assertion)?)?;
        let state = self.replay.state();
        let key = state
            .credential(&assertion.credential_id)
            .ok_or(Violation::UnknownCredential)?
            .entry;
        // What it is about and is not there, the reducer misses by name.
        let refs = [Some(key), about(state, &signed.item)];
        let actor = Actor::Reviewer(signed.envelope.signer);
        let refs = refs.into_iter().flatten().collect();
        let (entry, effect) = self.write(actor, refs, wrap(signed), Vec::new())?;
        self.follow(effect)?;
        Ok(Wanted::Entries(vec![entry.index]))
    }

    /// Logs an administrator's word for a policy, after every part of it was
    /// read and found right.
    fn change_policy(
        &mut self,
        start: StartCeremony,
        set: Option<Box<Set>>,
        assertion: &Assertion,
    ) -> Result<Wanted, Refusal> {
        let signed: Signed<PolicyItem> = only(signed_items(&start, assertion)?)?;
        let time = self.now()?;
        let state = self.replay.state();
        let set = set.ok_or_else(policies::no_policy)?;
        let key = state
            .credential(&assertion.credential_id)
            .ok_or(Violation::UnknownCredential)?
            .entry;
        let base = state.policy_base().ok_or(Violation::NotOpened)?;
        let words = state.words_for(signed.item.policy, time);
        let refs = [key, base].into_iter().chain(words.map(|word| word.entry));
        let refs = refs.collect();
        let content = start.policy.ok_or_else(policies::no_policy)?.policy;
        let actor = Actor::Reviewer(signed.envelope.signer);
        let data = Data::PolicyChanged(Box::new(PolicyChanged { signed }));
        let (entry, _) = self.write(actor, refs, data, vec![Part::new("policy", content)?])?;
        let in_force = self.replay.state().policy();
        if in_force.is_some_and(|policy| policy.entry == entry) {
            self.policies.keep(entry.index, *set);
        }
        Ok(Wanted::Entries(vec![entry.index]))
    }

    /// Logs a standing grant, after what it covers was read and found right.
    fn give_grant(
        &mut self,
        start: StartCeremony,
        assertion: &Assertion,
    ) -> Result<Wanted, Refusal> {
        let signed: Signed<GrantItem> = only(signed_items(&start, assertion)?)?;
        let extras = start.grant.ok_or_else(grants::no_grant)?;
        let proposal = self.known(signed.item.action)?.proposal;
        let covered = Covered::read(&self.shared, proposal.index, &signed.item, &extras)?;
        let id = signed.item.grant;
        let state = self.replay.state();
        let key = state
            .credential(&assertion.credential_id)
            .ok_or(Violation::UnknownCredential)?
            .entry;
        let actor = Actor::Reviewer(signed.envelope.signer);
        let data = Data::GrantGiven(Box::new(GrantGiven {
            seen: extras.seen,
            signed,
        }));
        let parts = vec![
            Part::new("reason", extras.reason)?,
            Part::new("shape", extras.shape)?,
        ];
        let (entry, _) = self.write(actor, vec![proposal, key], data, parts)?;
        self.grants.keep(id, covered);
        let now = self.now()?;
        self.grants.keep_standing(self.replay.state(), now);
        Ok(Wanted::Entries(vec![entry.index]))
    }

    fn open_session(
        &mut self,
        start: &StartCeremony,
        assertion: &Assertion,
    ) -> Result<Wanted, Refusal> {
        let signed: Signed<SessionItem> = only(signed_items(start, assertion)?)?;
        let now = self.now()?;
        let state = self.replay.state();
        let log = state.log().ok_or(Violation::NotOpened)?;
        let envelope = &signed.envelope;
        check_envelope(envelope, ActType::SessionOpened, log.id, now)?;
        let key = state
            .credential(&assertion.credential_id)
            .ok_or(Violation::UnknownCredential)?;
        if key.reviewer != envelope.signer {
            return Err(Violation::ForeignCredential.into());
        }
        state.in_force(key)?;
        if envelope.pinned_size.0 <= key.entry.index {
            return Err(Violation::StalePin.into());
        }
        let item = &signed.item;
        may_last(item.expires_at, now)?;
        act::check_pin(envelope, |size| self.replay.tree().root_at(size)).map_err(unverified)?;
        act::check(&signed, log, &key.public_key).map_err(unverified)?;
        let session = Session {
            token_hash: item.token_hash,
            reviewer: envelope.signer,
            credential_id: assertion.credential_id.clone(),
            opened_at: now,
            expires_at: item.expires_at,
        };
        let over = self.shared.sessions_over(now);
        self.batch.ended_sessions.extend(over);
        self.batch.sessions.push(session);
        Ok(Wanted::Nothing)
    }

    fn decide(&mut self, start: StartCeremony, assertion: &Assertion) -> Result<Wanted, Refusal> {
        let signed: Signed<VerdictItem> = only(signed_items(&start, assertion)?)?;
        let extras = start
            .verdict
            .ok_or_else(|| Refusal::malformed("a verdict needs `verdict`"))?;
        let state = self.replay.state();
        let action = state
            .action(&signed.item.action)
            .ok_or(Violation::UnknownAction)?;
        let key = state
            .credential(&assertion.credential_id)
            .ok_or(Violation::UnknownCredential)?
            .entry;
        let refs = vec![action.proposal, key];
        let actor = Actor::Reviewer(signed.envelope.signer);
        check_text(&extras.reason)?;
        let policies = self.permitting(&signed)?;
        let data = Data::VerdictGiven(Box::new(VerdictGiven {
            policies,
            seen: extras.seen,
            signed,
        }));
        let (entry, effect) =
            self.write(actor, refs, data, vec![Part::new("reason", extras.reason)?])?;
        self.follow(effect)?;
        // Verdict, resolution and permit are one commit.
        Ok(Wanted::Entries(
            (entry.index..self.replay.state().size()).collect(),
        ))
    }
}

impl Sequencer {
    /// The policies that let the signer approve it: of the policy under which it
    /// was proposed, for them as they are now.
    fn permitting(&mut self, signed: &Signed<VerdictItem>) -> Result<Vec<String>, Refusal> {
        let time = self.now()?;
        let state = self.replay.state();
        let action = self.known(signed.item.action)?;
        let policy = action.policy.as_ref().map(|policy| policy.entry.index);
        let (Some(policy), true) = (policy, signed.item.verdict.approves()) else {
            return Ok(Vec::new());
        };
        let profile = state.log().ok_or(Violation::NotOpened)?.opened.profile;
        let person = PersonInput::approving(state, action, signed.envelope.signer, time)
            .ok_or(Violation::UnknownReviewer)?;
        let inputs = self.shared.store().part(action.proposal.index, "inputs")?;
        let inputs = inputs.ok_or_else(|| Refusal::not_found("part"))?;
        let inputs = Inputs::parse(&inputs.bytes.0).map_err(|_| crate::unexpected())?;
        let set = self.policies.get(policy, profile, &self.shared)?;
        set.may_approve(&person, &inputs, time)
            .map_err(|why| Refusal::new(403, "not_permitted", format!("{why}: {ELSE}")))
    }
}

/// What somebody may do whom a policy does not let approve.
const ELSE: &str = "you can deny it, or leave it to others";

/// A reason is text.
pub(crate) fn check_text(reason: &Content) -> Result<(), Refusal> {
    std::str::from_utf8(&reason.bytes.0)
        .map(|_| ())
        .map_err(|_| Refusal::not_acceptable("wrong_reason", "the reason is not UTF-8 text"))
}

/// Nothing to review it with.
pub(crate) fn no_review() -> Refusal {
    Refusal::malformed("a review needs `review`")
}

/// Whether a session may last until then.
pub(crate) fn may_last(expires_at: Time, now: Time) -> Result<(), Refusal> {
    if expires_at <= now || expires_at.distance_ms(now) > LONGEST_SESSION_MS {
        return Err(Refusal::not_acceptable(
            "session_too_long",
            "a session lasts at most 12 hours",
        ));
    }
    Ok(())
}

/// The items of a touch, each with its path.
pub(super) fn signed_items<I: DeserializeOwned + Serialize>(
    start: &StartCeremony,
    assertion: &Assertion,
) -> Result<Vec<Signed<I>>, Refusal> {
    let leaves: Vec<_> = start
        .items
        .iter()
        .map(|item| tree::leaf_hash(item.as_bytes()))
        .collect();
    let count = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
    let malformed = |error: StrictError| Refusal::malformed(format!("an item: {error}"));
    start
        .items
        .iter()
        .zip(0..)
        .map(|(text, index)| {
            let path = tree::path_of(&leaves, index).unwrap_or_default();
            Ok(Signed {
                assertion: assertion.clone(),
                count,
                envelope: start.envelope.clone(),
                index,
                item: strict::parse_canonical(text.as_bytes(), MAX_ITEM).map_err(malformed)?,
                path: path.into_iter().map(Digest).collect(),
            })
        })
        .collect()
}

/// Several items in one touch come with grouped review; here it is one.
pub(super) fn only<I>(items: Vec<Signed<I>>) -> Result<Signed<I>, Refusal> {
    let [item] = <[_; 1]>::try_from(items).map_err(|items: Vec<_>| {
        Refusal::not_acceptable(
            "item_count",
            format!("one item can be signed at a time, not {}", items.len()),
        )
    })?;
    Ok(item)
}

fn unverified(error: impl std::fmt::Display) -> Refusal {
    Refusal::not_acceptable(
        "unverifiable",
        format!("the key's answer is refused: {error}"),
    )
}
