//! What agents ask for: propose, withdraw, permit, redeem, report.

use std::collections::BTreeSet;
use std::time::Duration;

use vidimus_policy::{Inputs, PersonInput, builtin};
use vidimus_protocol::action::{Action, ActionKind, Context, INPUTS_TYPE, MAX_INPUTS, OUTPUT_TYPE};
use vidimus_protocol::api::{Content, Propose, Redeem, ReportOutcome};
use vidimus_protocol::entry::{
    Completed, Data, Escalated, Evaluation, GrantUse, Leaf, MAX_WHY, Parsed, PermitIssued,
    PermitLapsed, PermitRedeemed, Proposed, Ref, Resolution, Resolved,
};
use vidimus_protocol::id::{ActionId, Actor, AgentId, PermitId, RunId};
use vidimus_protocol::permit::MAX_LIFE_S;
use vidimus_protocol::state::{ActionState, Effect};
use vidimus_protocol::{Blob, Digest, Violation};

use super::{Part, Refusal, Sequencer, Wanted, edits};
use crate::keys::{random, random_id};

/// Most actions of one agent that wait at a time.
const MOST_PENDING: usize = 1000;

/// A proposal with all that can be said of it without the log: everybody waits
/// for the one writer, so this is done before.
pub(crate) struct ReadProposal {
    pub(super) id: ActionId,
    pub(super) action: Action,
    pub(super) payload: Part,
    pub(super) context: Option<Part>,
    pub(super) run: Option<RunId>,
    /// Longest wait for a decision that is wished for.
    pub(super) wait: Option<Duration>,
}

impl ReadProposal {
    pub(crate) fn new(propose: Propose) -> Result<Self, Refusal> {
        let action = Action::parse(&propose.payload.bytes.0).map_err(|error| {
            Refusal::not_acceptable("bad_payload", format!("the payload is refused: {error}"))
        })?;
        if let Some(content) = &propose.context {
            Context::parse(&content.bytes.0).map_err(|error| {
                Refusal::not_acceptable("bad_context", format!("the context is refused: {error}"))
            })?;
        }
        let context = propose.context.map(|content| Part::new("context", content));
        Ok(Self {
            id: propose.action,
            action,
            payload: Part::new("payload", propose.payload)?,
            context: context.transpose()?,
            run: propose.run,
            wait: propose.ttl_s.map(Duration::from_secs),
        })
    }
}

/// A proposal that was judged: what is left is to log it.
pub(super) struct Judged {
    id: ActionId,
    agent: AgentId,
    kind: ActionKind,
    run: Option<RunId>,
    evaluation: Evaluation,
    /// The standing grants that approve it, each with its entry.
    grants: Vec<(GrantUse, Ref)>,
    parts: Vec<Part>,
}

impl Sequencer {
    pub(super) fn propose(&mut self, id: AgentId, read: ReadProposal) -> Result<Wanted, Refusal> {
        if let Some(known) = self.replay.state().action(&read.id) {
            let same = known.agent == id
                && known.digest == read.payload.commit()
                && known.context == read.context.as_ref().map(Part::commit)
                && known.run == read.run;
            let again = if same {
                Ok(Wanted::Entries(vec![known.proposal.index]))
            } else {
                Err(Violation::ActionExists.into())
            };
            return again;
        }
        if self.replay.state().pending_of(&id) >= MOST_PENDING {
            return Err(Refusal::new(
                429,
                "too_many_pending",
                format!(
                    "{MOST_PENDING} actions of this agent wait already: wait for decisions, or withdraw some"
                ),
            ));
        }
        let judged = self.judge_proposal(id, read, None)?;
        let (proposal, effect) = self.write_proposal(judged, None)?;
        self.follow(effect)?;
        Ok(Wanted::Entries(vec![proposal.index]))
    }

    /// Logs a proposal: of its agent, or of the gateway, which makes it `of` an
    /// action that was edited and the entry that says so.
    pub(super) fn write_proposal(
        &mut self,
        judged: Judged,
        of: Option<(ActionId, Ref)>,
    ) -> Result<(Ref, Option<Effect>), Refusal> {
        let leaf = self.proposal_leaf(&judged, of)?;
        self.append(&leaf, judged.parts)
    }

    /// Whether a proposal can be logged behind an edit, which is written first
    /// and could not be taken back.
    pub(super) fn check_successor(
        &mut self,
        judged: &Judged,
        edited: ActionId,
    ) -> Result<(), Refusal> {
        let state = self.replay.state();
        let agent = state.agent(&judged.agent).ok_or(Violation::UnknownAgent)?;
        if agent.paused(judged.run.as_ref()).next().is_some() {
            return Err(Violation::AgentIsPaused.into());
        }
        // As long as the entry of the edit will be.
        let edit = Ref {
            index: state.size(),
            leaf: Digest([0; 32]),
        };
        let leaf = self.proposal_leaf(judged, Some((edited, edit)))?;
        match leaf.written().1 {
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::not_acceptable("unverifiable", error.to_string())),
        }
    }

    fn proposal_leaf(
        &mut self,
        judged: &Judged,
        of: Option<(ActionId, Ref)>,
    ) -> Result<Leaf, Refusal> {
        let time = self.now()?;
        let state = self.replay.state();
        let agent = judged.agent;
        let registered = state.agent(&agent).ok_or(Violation::UnknownAgent)?.entry;
        let newest = state.rules().ok_or(Violation::NotOpened)?.entry;
        let policy = state.policy().map(|policy| policy.entry);
        let data = Proposed {
            action: judged.id,
            action_kind: judged.kind,
            agent,
            edits: of.map(|(edited, _)| edited),
            evaluation: judged.evaluation.clone(),
            expires_at: time.plus_seconds(judged.evaluation.ttl_s),
            grants: judged
                .grants
                .iter()
                .map(|(using, _)| using.clone())
                .collect(),
            run: judged.run.clone(),
        };
        let actor = if of.is_some() {
            Actor::Gateway
        } else {
            Actor::Agent(agent)
        };
        let refs = std::iter::once(registered)
            .chain((newest.index > 0).then_some(newest))
            .chain(policy)
            .chain(of.map(|(_, edit)| edit))
            .chain(judged.grants.iter().map(|(_, entry)| *entry));
        let parts = judged.parts.iter().map(|part| part.reference.clone());
        Ok(Leaf {
            time,
            actor,
            refs: refs.collect(),
            data: Data::ActionProposed(Box::new(data)),
            parts: parts.collect(),
        })
    }

    /// A proposal with what comes of it; `edits` is what it takes the place of.
    pub(super) fn judge_proposal(
        &mut self,
        agent: AgentId,
        read: ReadProposal,
        edits: Option<ActionId>,
    ) -> Result<Judged, Refusal> {
        let (evaluation, inputs) = self.evaluate(&agent, &read)?;
        let time = self.now()?;
        let data = Proposed {
            action: read.id,
            action_kind: read.action.kind(),
            agent,
            edits,
            expires_at: time.plus_seconds(evaluation.ttl_s),
            evaluation,
            grants: Vec::new(),
            run: read.run,
        };
        // As it will stand in the log, for whoever asks whether it is approved.
        let digest = read.payload.commit();
        let proposal = ActionState::proposed(self.replay.state(), &data, digest, time);
        let looked_at = inputs.as_ref().map(|(inputs, _)| inputs);
        let grants = self.approving_grants(&proposal, &read.action, looked_at)?;
        // In the order of their names.
        let inputs = inputs.map(|(_, part)| part);
        let parts = read.context.into_iter().chain(inputs);
        Ok(Judged {
            id: read.id,
            agent,
            kind: read.action.kind(),
            run: data.run,
            evaluation: data.evaluation,
            grants,
            parts: parts.chain([read.payload]).collect(),
        })
    }

    /// What the policy in force says of a proposal, with the inputs that it
    /// looked at; without one, what the built-in rules say.
    fn evaluate(
        &mut self,
        agent: &AgentId,
        read: &ReadProposal,
    ) -> Result<(Evaluation, Option<(Inputs, Part)>), Refusal> {
        let time = self.now()?;
        let state = self.replay.state();
        let profile = state.log().ok_or(Violation::NotOpened)?.opened.profile;
        let Some(policy) = state.policy().map(|policy| policy.entry.index) else {
            let least = state.rules().ok_or(Violation::NotOpened)?.quorum;
            let evaluation = builtin::evaluate(profile, &read.action, read.wait, least);
            return Ok((evaluation, None));
        };
        let set = self.policies.get(policy, profile, &self.shared)?;
        let (run, wait) = (read.run.clone(), read.wait.map(|wait| wait.as_secs()));
        let inputs = Inputs::new(state, agent, &read.action, run, wait, time)
            .ok_or(Violation::UnknownAgent)?;
        let bytes = inputs.to_bytes();
        if bytes.len() > MAX_INPUTS {
            return Err(Refusal::not_acceptable(
                "refused",
                format!(
                    "what a policy sees of it is longer than {MAX_INPUTS} bytes: propose less at a time"
                ),
            ));
        }
        let content = Content {
            bytes: Blob(bytes),
            salt: random(),
            r#type: INPUTS_TYPE.to_owned(),
        };
        let evaluation = set.evaluate(&inputs);
        Ok((evaluation, Some((inputs, Part::new("inputs", content)?))))
    }

    /// The standing grants that approve a proposal, each with its entry: one of
    /// each person whose covers it.
    fn approving_grants(
        &mut self,
        proposal: &ActionState,
        action: &Action,
        inputs: Option<&Inputs>,
    ) -> Result<Vec<(GrantUse, Ref)>, Refusal> {
        let (state, time) = (self.replay.state(), proposal.proposed_at);
        let set = match &proposal.policy {
            Some(policy) => {
                let profile = state.log().ok_or(Violation::NotOpened)?.opened.profile;
                let index = policy.entry.index;
                Some(self.policies.get(index, profile, &self.shared)?)
            }
            None => None,
        };
        let mut people = BTreeSet::new();
        let mut approving = Vec::new();
        for grant in state.standing_grants(&proposal.agent, time) {
            let counts = state.grant_counts(grant, proposal, time).is_ok();
            if people.contains(&grant.by) || !counts {
                continue;
            }
            if !self.grants.covers(grant, action, &self.shared)? {
                continue;
            }
            let person = state.reviewer(&grant.by).map(PersonInput::of);
            let policies = match (&set, inputs, person) {
                (None, ..) => Vec::new(),
                (Some(set), Some(inputs), Some(person)) => {
                    match set.may_approve(&person, inputs, time) {
                        Ok(policies) => policies,
                        Err(_) => continue,
                    }
                }
                (Some(_), ..) => continue,
            };
            people.insert(grant.by);
            let grant_use = GrantUse {
                grant: grant.item.grant,
                policies,
            };
            approving.push((grant_use, grant.entry));
        }
        Ok(approving)
    }

    pub(super) fn withdraw(&mut self, agent: AgentId, action: ActionId) -> Result<Wanted, Refusal> {
        self.own(agent, action)?;
        let resolved = self.resolve(action, Resolution::Withdrawn, Actor::Agent(agent))?;
        Ok(Wanted::Entries(vec![resolved.index]))
    }

    pub(super) fn permit(&mut self, agent: AgentId, action: ActionId) -> Result<Wanted, Refusal> {
        let known = self.own(agent, action)?;
        // One in force that cannot be redeemed any more is not handed out.
        if known.live_permit().is_some() && self.replay.state().stopped_by(known).is_some() {
            return Err(Violation::StoppedByPause.into());
        }
        if known.live_permit().is_none() {
            self.issue(action)?;
        }
        Ok(Wanted::Permit(action))
    }

    pub(super) fn redeem(
        &mut self,
        agent: AgentId,
        action: ActionId,
        redeem: &Redeem,
    ) -> Result<Wanted, Refusal> {
        let known = self.own(agent, action)?;
        if redeem.action_digest != known.digest {
            return Err(Refusal::not_acceptable(
                "wrong_digest",
                "what is about to run is not what was approved: propose it anew",
            ));
        }
        let keys = &self
            .replay
            .state()
            .log()
            .ok_or(Violation::NotOpened)?
            .opened
            .permit_keys;
        let audience = self
            .replay
            .state()
            .agent(&agent)
            .ok_or(Violation::UnknownAgent)?
            .executor;
        let now = self.keeper.wall().unix_ms() / 1000;
        let claims = vidimus_verify::permit::check(&redeem.permit, keys, now, &audience).map_err(
            |error| {
                Refusal::not_acceptable("bad_permit", format!("the permit is refused: {error}"))
            },
        )?;
        if claims.approval.id != action || claims.authorization_details[0].digest != known.digest {
            return Err(Refusal::not_acceptable(
                "bad_permit",
                "the permit is for another action",
            ));
        }
        let live = known
            .live_permit()
            .filter(|live| live.id == claims.jti)
            .ok_or(Violation::NoSuchPermit)?;
        let issued = live.entry;
        let mut chain = self.chain(known)?;
        // A key, a person or a rule may have changed since the permit was issued.
        chain.push(issued.index);
        chain.sort_unstable();
        let (redeemed, _) = self.write(
            Actor::Agent(agent),
            vec![issued],
            Data::PermitRedeemed(Box::new(PermitRedeemed {
                action,
                permit: claims.jti,
            })),
            Vec::new(),
        )?;
        chain.push(redeemed.index);
        Ok(Wanted::Bundle(action, chain))
    }

    pub(super) fn report(
        &mut self,
        agent: AgentId,
        action: ActionId,
        report: ReportOutcome,
    ) -> Result<Wanted, Refusal> {
        let known = self.own(agent, action)?;
        let redeemed = known.redeemed.ok_or(Violation::NotRunning)?.0;
        if let Some((entry, completed)) = &known.completed {
            // The same report again gets the same answer.
            let same =
                completed.outcome == report.outcome && completed.duration_ms == report.duration_ms;
            return if same {
                Ok(Wanted::Entries(vec![entry.index]))
            } else {
                Err(Violation::NotRunning.into())
            };
        }
        if report.outcome.why().is_some_and(|why| why.len() > MAX_WHY) {
            return Err(Refusal::not_acceptable(
                "why_too_long",
                format!("`why` has at most {MAX_WHY} bytes: shorten it"),
            ));
        }
        if report
            .output
            .as_ref()
            .is_some_and(|output| output.r#type != OUTPUT_TYPE)
        {
            return Err(Violation::WrongParts.into());
        }
        let data = Completed {
            action,
            duration_ms: report.duration_ms,
            outcome: report.outcome,
            output_omitted: report.output_omitted,
        };
        let output = report.output.map(|output| Part::new("output", output));
        let parts = output.transpose()?.into_iter().collect();
        let (completed, _) = self.write(
            Actor::Agent(agent),
            vec![redeemed],
            Data::ActionCompleted(Box::new(data)),
            parts,
        )?;
        Ok(Wanted::Entries(vec![completed.index]))
    }

    /// Logs what an entry brings with it.
    pub(super) fn follow(&mut self, effect: Option<Effect>) -> Result<(), Refusal> {
        match effect {
            Some(Effect::Resolve(action, resolution)) => {
                self.resolve(action, resolution, Actor::Gateway)?;
            }
            Some(Effect::IssuePermit(action)) => {
                self.issue(action)?;
            }
            Some(Effect::Withdraw(agent)) => {
                let now = self.now()?;
                for action in self.replay.state().to_withdraw(agent, now) {
                    self.resolve(action, Resolution::Withdrawn, Actor::Gateway)?;
                }
            }
            None => {}
        }
        Ok(())
    }

    pub(super) fn resolve(
        &mut self,
        id: ActionId,
        resolution: Resolution,
        actor: Actor,
    ) -> Result<Ref, Refusal> {
        let now = self.now()?;
        let action = self.known(id)?;
        let successor = edits::successor(self.replay.state(), id)
            .filter(|_| resolution == Resolution::Superseded);
        // The gateway withdraws what a pause met, and nothing else.
        let by_pause = resolution == Resolution::Withdrawn && actor == Actor::Gateway;
        let pause = self.replay.state().stopped_by(action);
        let pause = pause.filter(|_| by_pause).map(|pause| pause.entry);
        let refs = std::iter::once(action.proposal)
            .chain(action.verdicts.iter().map(|given| given.entry))
            .chain(pause)
            .chain(successor)
            .collect();
        let use_s = action.evaluation.use_s;
        let use_before = resolution.runs().then(|| now.plus_seconds(use_s));
        let data = Data::ActionResolved(Box::new(Resolved {
            action: id,
            resolution,
            use_before,
        }));
        let (entry, effect) = self.write(actor, refs, data, Vec::new())?;
        self.follow(effect)?;
        Ok(entry)
    }

    fn issue(&mut self, id: ActionId) -> Result<Ref, Refusal> {
        let now = self.now()?;
        let action = self.known(id)?;
        let resolved = action.resolved.as_ref().ok_or(Violation::NotApproved)?;
        let use_before = resolved.use_before.ok_or(Violation::NotApproved)?;
        let refs = vec![resolved.entry];
        let agent = self
            .replay
            .state()
            .agent(&action.agent)
            .ok_or(Violation::UnknownAgent)?;
        if now >= use_before {
            return Err(Refusal::new(
                410,
                "too_late",
                "the approval has run out: propose the action anew",
            ));
        }
        let data = PermitIssued {
            action: id,
            audience: agent.executor,
            expires_at: now.plus_seconds(MAX_LIFE_S).min(use_before),
            kid: self.permit_key.key().kid.clone(),
            permit: PermitId::from_random(random_id()),
        };
        let (entry, _) = self.write(
            Actor::Gateway,
            refs,
            Data::PermitIssued(Box::new(data)),
            Vec::new(),
        )?;
        Ok(entry)
    }

    pub(super) fn escalate(&mut self, action: ActionId, group: String) -> Result<Ref, Refusal> {
        let refs = vec![self.known(action)?.proposal];
        let data = Data::ActionEscalated(Box::new(Escalated { action, group }));
        Ok(self.write(Actor::Gateway, refs, data, Vec::new())?.0)
    }

    pub(super) fn lapse(&mut self, action: ActionId, permit: PermitId) -> Result<Ref, Refusal> {
        let live = self
            .known(action)?
            .live_permit()
            .ok_or(Violation::NoSuchPermit)?;
        let refs = vec![live.entry];
        let data = Data::PermitLapsed(Box::new(PermitLapsed { action, permit }));
        Ok(self.write(Actor::Gateway, refs, data, Vec::new())?.0)
    }

    /// The permit in force as a token.
    pub(super) fn signed_permit(&self, id: ActionId) -> Result<String, Refusal> {
        let state = self.replay.state();
        let action = self.known(id)?;
        let permit = action.live_permit().ok_or(Violation::NoSuchPermit)?;
        let claims =
            vidimus_verify::permit::claims(state, action, permit).ok_or_else(crate::unexpected)?;
        Ok(self.permit_key.sign(&claims))
    }

    /// What an entry of the log says.
    pub(super) fn leaf(&self, index: u64) -> Result<Leaf, Refusal> {
        let stored = self.shared.store().leaves(index, 1, usize::MAX)?;
        match stored.first().map(|leaf| Leaf::parse(leaf.as_bytes())) {
            Some(Ok(Parsed::Known(leaf))) => Ok(leaf),
            _ => Err(crate::unexpected()),
        }
    }

    pub(super) fn known(&self, id: ActionId) -> Result<&ActionState, Refusal> {
        Ok(self
            .replay
            .state()
            .action(&id)
            .ok_or(Violation::UnknownAction)?)
    }

    /// The agent's own action. Another agent's does not exist for it.
    pub(super) fn own(&self, agent: AgentId, id: ActionId) -> Result<&ActionState, Refusal> {
        let action = self.known(id)?;
        if action.agent == agent {
            Ok(action)
        } else {
            Err(Violation::UnknownAction.into())
        }
    }
}
