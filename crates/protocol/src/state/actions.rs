//! The life of an action: proposed, decided, permitted, redeemed, completed.

use std::collections::hash_map;
use std::sync::Arc;

use super::{
    ActivePolicy, Edit, Effect, Escalated, Note, PartRule, Review, State, Violation, expect_actor,
    expect_parts, expect_refs,
};
use crate::action::{self, ActionKind};
use crate::bytes::{Blob, Digest};
use crate::entry::{Completed, Decision, Entry, Evaluation, Proposed, Ref, Resolution};
use crate::envelope::Verdict;
use crate::id::{ActionId, Actor, AgentId, ExecutorId, GrantId, PermitId, ReviewerId, RunId};
use crate::time::Time;

const PAYLOAD: PartRule = PartRule {
    name: "payload",
    content_type: action::PAYLOAD_TYPE,
    most: action::MAX_PAYLOAD,
    required: true,
};
const CONTEXT: PartRule = PartRule {
    name: "context",
    content_type: action::CONTEXT_TYPE,
    most: action::MAX_CONTEXT,
    required: false,
};
/// There exactly when a policy was evaluated.
const INPUTS: PartRule = PartRule {
    name: "inputs",
    content_type: action::INPUTS_TYPE,
    most: action::MAX_INPUTS,
    required: true,
};
pub(super) const OUTPUT: PartRule = PartRule {
    name: "output",
    content_type: action::OUTPUT_TYPE,
    most: action::MAX_OUTPUT,
    required: false,
};

/// An action and everything that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionState {
    /// The action.
    pub id: ActionId,
    /// Sort of action.
    pub kind: ActionKind,
    /// Who proposed it.
    pub agent: AgentId,
    /// The run of the agent that it belongs to.
    pub run: Option<RunId>,
    /// Action digest: commit of the `payload` part.
    pub digest: Digest,
    /// Commit of the `context` part.
    pub context: Option<Digest>,
    /// Its `action.proposed`.
    pub proposal: Ref,
    /// When it was proposed.
    pub proposed_at: Time,
    /// When it expires if nobody decides.
    pub expires_at: Time,
    /// What the policy asked for.
    pub evaluation: Evaluation,
    /// The policy that was evaluated, which governs it to its end; none: the
    /// built-in rules.
    pub policy: Option<Arc<ActivePolicy>>,
    /// What was said beside deciding, in order.
    pub notes: Vec<Note>,
    /// The action that it is an edit of.
    pub edits: Option<ActionId>,
    /// Who edited it and what it came from, in order.
    pub editors: Vec<ReviewerId>,
    /// The edit that another action takes its place by.
    pub edit: Option<Edit>,
    /// The groups that were told since nobody decided, in order.
    pub escalated: Vec<Escalated>,
    /// Decisions, in order.
    pub verdicts: Vec<VerdictRecord>,
    /// How the waiting ended.
    pub resolved: Option<Resolved>,
    /// Permits, in order; only the last can be in force.
    pub permits: Vec<PermitRecord>,
    /// Its `permit.redeemed`, with the time.
    pub redeemed: Option<(Ref, Time)>,
    /// Its `action.completed`, with what it says.
    pub completed: Option<(Ref, Completed)>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictRecord {
    /// Who decided.
    pub reviewer: ReviewerId,
    /// With which key.
    pub credential_id: Blob,
    /// When; of one in advance, when the action was proposed.
    pub at: Time,
    /// What.
    pub verdict: Verdict,
    /// Its `verdict.given`, or the `grant.given` that approved it in advance.
    pub entry: Ref,
    /// The standing grant that it is a use of.
    pub grant: Option<GrantId>,
    /// Its `verdict.recognised`: the person has said that it is theirs.
    pub recognised: Option<Ref>,
    /// What an administrator found of it, where somebody broke glass with it.
    pub review: Option<Review>,
}

/// The end of waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// How.
    pub resolution: Resolution,
    /// Its `action.resolved`.
    pub entry: Ref,
    /// The pause that withdrew it.
    pub pause: Option<Ref>,
    /// Last moment to redeem, when approved.
    pub use_before: Option<Time>,
}

/// One permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermitRecord {
    /// The permit.
    pub id: PermitId,
    /// Its `permit.issued`.
    pub entry: Ref,
    /// Who may redeem it.
    pub audience: ExecutorId,
    /// The key that signs it.
    pub kid: String,
    /// When it was issued.
    pub issued_at: Time,
    /// End of its life.
    pub expires_at: Time,
    /// Where it stands.
    pub status: PermitStatus,
}

/// Where a permit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitStatus {
    /// May be redeemed.
    InForce,
    /// Ran out unused.
    Lapsed,
    /// Used.
    Redeemed,
}

/// Where an action stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Waits for people.
    Pending,
    /// Approved, or released; a permit may be in force.
    Approved,
    /// Denied, expired, withdrawn or refused.
    Over(Resolution),
    /// Redeemed, no outcome yet: it may be running, or nobody knows.
    Redeemed,
    /// It has an outcome.
    Completed,
}

impl ActionState {
    /// An action that is proposed right behind the entries that made `state`, of
    /// which nothing more is known: it has no claims, no editors, and the log's
    /// id stands for its entry's hash.
    #[must_use]
    pub fn proposed(state: &State, data: &Proposed, digest: Digest, time: Time) -> Self {
        Self {
            id: data.action,
            kind: data.action_kind,
            agent: data.agent,
            run: data.run.clone(),
            digest,
            context: None,
            proposal: Ref {
                index: state.size(),
                leaf: state.log().map_or(digest, |log| log.id),
            },
            proposed_at: time,
            expires_at: data.expires_at,
            evaluation: data.evaluation.clone(),
            policy: state.policy.clone(),
            notes: Vec::new(),
            edits: data.edits,
            editors: Vec::new(),
            edit: None,
            escalated: Vec::new(),
            verdicts: Vec::new(),
            resolved: None,
            permits: Vec::new(),
            redeemed: None,
            completed: None,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn life(&self) -> Life {
        match (&self.resolved, &self.redeemed, &self.completed) {
            (_, _, Some(_)) => Life::Completed,
            (_, Some(_), None) => Life::Redeemed,
            (
                Some(Resolved {
                    resolution: Resolution::Approved | Resolution::Released,
                    ..
                }),
                None,
                None,
            ) => Life::Approved,
            (Some(resolved), None, None) => Life::Over(resolved.resolution),
            (None, None, None) => Life::Pending,
        }
    }

    /// Whether as many people denied it as end it. A denial stays, whatever
    /// becomes of its key.
    #[must_use]
    pub fn vetoed(&self) -> bool {
        let denials = self.verdicts.iter();
        let denials = denials.filter(|given| given.verdict == Verdict::Deny);
        let enough = self.evaluation.veto.unwrap_or(1);
        u64::try_from(denials.count()).is_ok_and(|denials| denials >= enough)
    }

    /// The permit that may be redeemed.
    #[must_use]
    pub fn live_permit(&self) -> Option<&PermitRecord> {
        self.permits
            .last()
            .filter(|permit| permit.status == PermitStatus::InForce)
    }

    /// Commit of what a reviewer can see of it: a part of the proposal, or the
    /// text of a note under its [`Note::seen_name`].
    #[must_use]
    pub fn part(&self, name: &str) -> Option<Digest> {
        match name {
            "payload" => Some(self.digest),
            "context" => self.context,
            name => {
                let named = |note: &&Note| note.seen_name().as_deref() == Some(name);
                self.notes.iter().find(named)?.text
            }
        }
    }

    /// Its next deadline: the expiry while pending, the permit's end after.
    fn deadline(&self) -> Option<Time> {
        match self.life() {
            // What was edited waits for its successor and for nothing else.
            Life::Pending => Some(self.expires_at).filter(|_| self.edit.is_none()),
            Life::Approved => self.live_permit().map(|permit| permit.expires_at),
            Life::Over(_) | Life::Redeemed | Life::Completed => None,
        }
    }
}

impl State {
    pub(super) fn propose(
        &mut self,
        entry: &Entry,
        data: &Proposed,
    ) -> Result<Option<Effect>, Violation> {
        self.opened()?;
        let leaf = &entry.leaf;
        let agent = self.working_agent(&data.agent)?;
        let rules = self.rules.as_ref().ok_or(Violation::NotOpened)?;
        let edited = self.edited(data)?;
        let actor = edited.map_or(Actor::Agent(data.agent), |_| Actor::Gateway);
        expect_actor(leaf, actor)?;
        // The first rules stand in `log.opened`, on which everything builds.
        let changed = (rules.entry.index > 0).then_some(rules.entry);
        let edit = edited.map(|(_, edit)| edit.entry);
        let policy = self.policy.clone();
        let refs: Vec<Ref> = std::iter::once(agent.entry)
            .chain(changed)
            .chain(policy.as_ref().map(|policy| policy.entry))
            .chain(edit)
            .chain(
                self.grants_of(&data.grants)?
                    .iter()
                    .map(|grant| grant.entry),
            )
            .collect();
        expect_refs(leaf, &refs)?;
        match policy {
            Some(_) => expect_parts(&leaf.parts, &[PAYLOAD, CONTEXT, INPUTS])?,
            None => expect_parts(&leaf.parts, &[PAYLOAD, CONTEXT])?,
        }
        if agent.paused(data.run.as_ref()).next().is_some() {
            return Err(Violation::AgentIsPaused);
        }
        if self.actions.contains_key(&data.action) {
            return Err(Violation::ActionExists);
        }
        let evaluation = &data.evaluation;
        let in_time = data.expires_at > leaf.time
            && data.expires_at <= leaf.time.plus_seconds(evaluation.ttl_s);
        self.check_evaluation(evaluation, rules)?;
        if !in_time {
            return Err(Violation::BadEvaluation);
        }
        let digest = leaf.part("payload").ok_or(Violation::WrongParts)?.commit;
        let context = leaf.part("context").map(|part| part.commit);
        let mut editors = Vec::new();
        if let Some((old, edit)) = edited {
            let same = old.kind == data.action_kind && old.run == data.run;
            if !same || edit.digest != digest || old.context != context {
                return Err(Violation::UnfoundedEdit);
            }
            editors.clone_from(&old.editors);
            editors.push(edit.by);
        }
        let mut action = ActionState {
            context,
            proposal: entry.reference(),
            editors,
            ..ActionState::proposed(self, data, digest, leaf.time)
        };
        action.verdicts = self.approved_in_advance(&action, &data.grants)?;
        let effect = match evaluation.decision {
            Decision::Ask if self.is_decided(&action, leaf.time) => {
                Some(Effect::Resolve(data.action, Resolution::Approved))
            }
            Decision::Ask => None,
            Decision::Refuse => Some(Effect::Resolve(data.action, Resolution::Refused)),
            Decision::Release => Some(Effect::Resolve(data.action, Resolution::Released)),
        };
        self.deadlines.insert((action.expires_at, action.id));
        self.escalations.extend(action.open_escalations());
        if evaluation.grace_s > 0 {
            self.graces.insert(action.id);
        }
        *self.pending.entry(action.agent).or_default() += 1;
        if data.edits.is_none()
            && let Some(agent) = self.agents.get_mut(&data.agent)
        {
            agent.recent.note(leaf.time, data.action_kind);
        }
        self.use_grants(&data.grants, action.proposal);
        self.actions.insert(action.id, Box::new(action));
        Ok(effect)
    }

    pub(super) fn resolve(
        &mut self,
        entry: &Entry,
        data: &crate::entry::Resolved,
    ) -> Result<Option<Effect>, Violation> {
        let leaf = &entry.leaf;
        let successor = self.successor(data)?;
        let action = match successor {
            Some(_) => self.known(data.action)?,
            None => self.pending(data.action)?,
        };
        let expired = self.has_expired(action, leaf.time);
        let starts_at = self.starts_at(action, leaf.time);
        let denied = action.vetoed();
        let stopped = self.stopped_by(action).map(|pause| pause.entry);
        let (actor, founded) = match data.resolution {
            Resolution::Approved => {
                self.working_agent(&action.agent)?;
                self.unstopped(action)?;
                if denied || !self.has_quorum(action, leaf.time) {
                    return Err(Violation::NoQuorum);
                }
                if starts_at.is_some_and(|at| leaf.time < at) {
                    return Err(Violation::GraceStands);
                }
                // Where nobody is asked nobody approves, whatever was said.
                let asked = action.evaluation.decision == Decision::Ask;
                (Actor::Gateway, asked && !expired)
            }
            Resolution::Released => {
                self.working_agent(&action.agent)?;
                self.unstopped(action)?;
                let released = action.evaluation.decision == Decision::Release;
                (Actor::Gateway, released && !denied && !expired)
            }
            Resolution::Denied => (Actor::Gateway, denied),
            Resolution::Expired if starts_at.is_some() => return Err(Violation::GraceStands),
            Resolution::Expired => (Actor::Gateway, expired),
            Resolution::Withdrawn => {
                let by_pause = leaf.actor == Actor::Gateway && stopped.is_some();
                let agent = Actor::Agent(action.agent);
                let actor = if by_pause { Actor::Gateway } else { agent };
                (actor, !denied && !expired)
            }
            Resolution::Refused => (
                Actor::Gateway,
                action.evaluation.decision == Decision::Refuse,
            ),
            Resolution::Superseded => (Actor::Gateway, true),
        };
        expect_actor(leaf, actor)?;
        if !founded {
            return Err(Violation::UnfoundedResolution);
        }
        let withdrawn = data.resolution == Resolution::Withdrawn;
        let pause = stopped.filter(|_| withdrawn && actor == Actor::Gateway);
        let verdicts = action.verdicts.iter().map(|given| given.entry);
        let refs = std::iter::once(action.proposal).chain(verdicts);
        let refs: Vec<Ref> = refs.chain(pause).chain(successor).collect();
        expect_refs(leaf, &refs)?;
        expect_parts(&leaf.parts, &[])?;
        let runs = data.resolution.runs();
        let use_before = runs.then(|| leaf.time.plus_seconds(action.evaluation.use_s));
        if data.use_before != use_before {
            return Err(Violation::BadEvaluation);
        }
        let resolved = Resolved {
            resolution: data.resolution,
            entry: entry.reference(),
            pause,
            use_before,
        };
        self.change(data.action, |action| action.resolved = Some(resolved));
        Ok(runs.then_some(Effect::IssuePermit(data.action)))
    }

    pub(super) fn known(&self, id: ActionId) -> Result<&ActionState, Violation> {
        self.action(&id).ok_or(Violation::UnknownAction)
    }

    pub(super) fn pending(&self, id: ActionId) -> Result<&ActionState, Violation> {
        let action = self.known(id)?;
        if action.resolved.is_none() && action.edit.is_none() {
            Ok(action)
        } else {
            Err(Violation::NotPending)
        }
    }

    /// Changes an action and keeps its deadline and its agent's count in step.
    pub(super) fn change(&mut self, id: ActionId, change: impl FnOnce(&mut ActionState)) {
        let Some(action) = self.actions.get_mut(&id) else {
            return;
        };
        let before = action.deadline();
        let escalations = action.open_escalations();
        let was_pending = action.resolved.is_none();
        change(action);
        let after = action.deadline();
        if action.resolved.is_some() || action.edit.is_some() {
            self.graces.remove(&id);
        }
        let open = action.open_escalations();
        if escalations != open {
            for step in &escalations {
                self.escalations.remove(step);
            }
            self.escalations.extend(open);
        }
        if was_pending
            && action.resolved.is_some()
            && let hash_map::Entry::Occupied(mut pending) = self.pending.entry(action.agent)
        {
            *pending.get_mut() -= 1;
            if *pending.get() == 0 {
                pending.remove();
            }
        }
        if before != after {
            if let Some(at) = before {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = after {
                self.deadlines.insert((at, id));
            }
        }
    }
}

impl ActionState {
    pub(super) fn mark_permit(&mut self, status: PermitStatus) {
        if let Some(permit) = self.permits.last_mut() {
            permit.status = status;
        }
    }
}
