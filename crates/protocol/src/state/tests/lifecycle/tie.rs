//! The reducer beside the model: each step of the model is tried on it.
//!
//! Both must accept or both must refuse, ask for the same next entry, and
//! afterwards say the same of every action. What is refused must leave no trace.

use std::collections::HashSet;

use super::super::story::{
    Person, Story, action, ada, agent, ben, ben_again, cleo, dan, delegation, grant, part, permit,
    run,
};
use super::explore::Companion;
use super::rules::{Next, Overdue, Rules};
use super::world::{
    Action, Answer, Asked, End, Group, Key, LASTS, LENT, PERMIT, Record, SEPARATE, Scene, Scope,
    Step, USE, WAIT, Who, World, groups,
};
use crate::action::TEXT_TYPE;
use crate::bytes::sha256;
use crate::entry::{
    Assurance, Data, Decision, Entry, Escalation, Evaluation, FromGroup, Kind, Leaf, Resolution,
};
use crate::envelope::{Role, Verdict};
use crate::id::{ActionId, ReviewerId, RunId};
use crate::state::{ActionState, Due, Effect, Life, State};
use crate::time::Time;

/// A tick. All of a scene is shorter than an envelope's life.
const TICK_S: u64 = 10;

/// A story of the reducer that has come as far as a world of the model.
#[derive(Clone)]
pub(super) struct Tied {
    story: Story,
    asked: Asked,
    policy: bool,
    opened_at: Time,
}

impl Tied {
    /// The people, keys, agent and policy that a scene begins with.
    pub(super) fn first(scene: &Scene) -> Self {
        let mut story = Story::team();
        story.swift = true;
        story.next(Kind::LogOpened);
        story.next(Kind::CredentialEnrolled);
        let others = [(ben(), Who::Ben), (cleo(), Who::Cleo), (dan(), Who::Dan)];
        for (person, who) in others {
            if who == Who::Dan && !scene.dan {
                continue;
            }
            let claim = story.enrolled_by(person);
            story.take(claim);
            story.person = ada();
            let mut leaf = story.person_registered(person);
            if let Data::ReviewerRegistered(data) = &mut leaf.data {
                data.signed.item.roles = roles(who, Record::First);
                data.signed.item.groups = names(who, Record::First);
            }
            story.take(leaf);
        }
        let claim = story.enrolled_by(ben_again());
        story.take(claim);
        story.person = ben();
        let admission = story.admitted(ben_again());
        story.take(admission);
        story.person = ada();
        let registered = story.registered();
        story.take(registered);
        for author in [ada(), cleo()].into_iter().filter(|_| scene.policy) {
            story.person = author;
            let word = story.policy_changed("permit");
            story.take(word);
        }
        Self {
            opened_at: story.now,
            story,
            asked: scene.asked,
            policy: scene.policy,
        }
    }

    fn at(&self, tick: u8) -> Time {
        self.opened_at.plus_seconds(u64::from(tick) * TICK_S)
    }

    fn after(&self, ticks: u8) -> Time {
        self.story.now.plus_seconds(u64::from(ticks) * TICK_S)
    }

    /// The entry of a step, as whoever writes it would write it now.
    fn entry(&mut self, step: Step) -> Entry {
        let leaf = self.leaf(step);
        let index = self.story.state.size();
        // The reducer takes the hash as given: what matters is that it is new.
        let leaf_hash = sha256(&[b"leaf", &index.to_be_bytes()]);
        Entry {
            index,
            leaf_hash,
            leaf,
        }
    }

    fn leaf(&mut self, step: Step) -> Leaf {
        match step {
            Step::Tick => unreachable!("time is no entry"),
            Step::Propose(number) => {
                let leaf = self.story.proposed(id(number));
                self.evaluated(leaf)
            }
            Step::ProposeUnder(number) => {
                let leaf = self.story.proposed_under(id(number), &[grant(0)]);
                self.evaluated(leaf)
            }
            Step::Succeed(number) => {
                let leaf = self.story.successor(id(number - 1));
                self.evaluated(leaf)
            }
            Step::Decide {
                action,
                key,
                approves,
                says_why,
            } => self.decided(action, key, approves, says_why),
            Step::Break(number, key) => {
                self.story.person = person(key);
                self.story.verdict(id(number), Verdict::BreakGlass)
            }
            Step::Escalate(number, group) => self.story.escalated(id(number), name(group)),
            Step::Resolve(number, end) => self.resolved(number, end),
            Step::Edit(..)
            | Step::Grant(_)
            | Step::EndGrant(_)
            | Step::Lend
            | Step::LendOn
            | Step::EndLoan(_)
            | Step::RevokeKey(_)
            | Step::Change(..)
            | Step::Remove(_)
            | Step::EndAgent
            | Step::DeviceBound(_)
            | Step::Pause(..)
            | Step::Resume(_) => self.signed(step),
            Step::WithdrawStopped(number) => self.story.withdrawn_by_pause(id(number)),
            Step::Issue(number) => self.issued(number, false),
            Step::IssueBeyond(number) => self.issued(number, true),
            Step::Lapse(number) => self.story.lapsed(id(number)),
            Step::Redeem(number) => self.story.redeemed(id(number)),
            Step::RedeemFirst(number) => {
                let mut leaf = self.story.redeemed(id(number));
                let first = &self.story.state.actions[&id(number)].permits[0];
                leaf.refs = vec![first.entry];
                if let Data::PermitRedeemed(data) = &mut leaf.data {
                    data.permit = first.id;
                }
                leaf
            }
            Step::Complete(number) => self.story.completed(id(number)),
        }
    }

    fn evaluated(&self, mut leaf: Leaf) -> Leaf {
        let expires_at = self.after(WAIT);
        if let Data::ActionProposed(data) = &mut leaf.data {
            data.expires_at = expires_at;
            data.evaluation = evaluation(&self.asked, &data.evaluation);
            data.evaluation.standing = self.policy && data.evaluation.decision == Decision::Ask;
        }
        leaf
    }

    fn decided(&mut self, number: usize, key: Key, approves: bool, says_why: bool) -> Leaf {
        let verdict = if approves {
            Verdict::Approve
        } else {
            Verdict::Deny
        };
        self.story.person = person(key);
        let mut leaf = self.story.verdict(id(number), verdict);
        if let (Data::VerdictGiven(data), false) = (&mut leaf.data, says_why) {
            let nothing = part("reason", TEXT_TYPE, "");
            data.signed.item.reason_commit = nothing.commit;
            leaf.parts = vec![nothing];
        }
        leaf
    }

    fn resolved(&self, number: usize, end: End) -> Leaf {
        let mut leaf = match end {
            End::Superseded => self.story.superseded(id(number)),
            end => self.story.resolved(id(number), resolution(end)),
        };
        let use_before = self.after(USE);
        if let Data::ActionResolved(data) = &mut leaf.data {
            data.use_before = end.runs().then_some(use_before);
        }
        leaf
    }

    fn issued(&self, number: usize, beyond: bool) -> Leaf {
        let known = self.story.state.action(&id(number));
        let before = known.map_or(0, |known| known.permits.len());
        let new = permit(u8::try_from(number * 16 + before).expect("few permits"));
        let mut leaf = self.story.issued(id(number), new);
        let resolved = known.and_then(|known| known.resolved.as_ref());
        let use_before = resolved.and_then(|resolved| resolved.use_before);
        let life = self.after(PERMIT);
        if let Data::PermitIssued(data) = &mut leaf.data {
            data.expires_at = match use_before {
                Some(end) if beyond => end.plus_seconds(TICK_S),
                Some(end) => end.min(life),
                None => life,
            };
        }
        leaf
    }

    fn signed(&mut self, step: Step) -> Leaf {
        self.story.person = match step {
            Step::Edit(_, key) | Step::Grant(key) => person(key),
            Step::EndGrant(who) | Step::EndLoan(who) => person(who.key()),
            Step::Lend | Step::LendOn => ben(),
            Step::Remove(Who::Ada) => cleo(),
            Step::Pause(who, _) | Step::Resume(who) => person(who.key()),
            _ => ada(),
        };
        let (until, back) = (self.after(LASTS), self.after(LENT));
        let story = &mut self.story;
        match step {
            Step::Grant(_) => {
                let mut leaf = story.granted(grant(0), id(0));
                if let Data::GrantGiven(data) = &mut leaf.data {
                    data.signed.item.until = until;
                    data.signed.item.uses = 1;
                }
                leaf
            }
            Step::EndGrant(_) => story.grant_revoked(grant(0)),
            Step::Lend | Step::LendOn => {
                let (number, to) = match step {
                    Step::Lend => (0, dan()),
                    _ => (1, ada()),
                };
                let mut leaf = story.delegated(delegation(number), to, &["sre"]);
                if let Data::DelegationGiven(data) = &mut leaf.data {
                    data.signed.item.until = back;
                }
                leaf
            }
            Step::EndLoan(_) => story.delegation_revoked(delegation(0)),
            Step::Edit(number, _) => story.edited(id(number), id(number + 1)),
            Step::RevokeKey(key) => story.revoked(person(key)),
            Step::Change(who, record) => {
                let mut leaf = story.person_changed(person(who.key()));
                if let Data::ReviewerChanged(data) = &mut leaf.data {
                    data.signed.item.roles = roles(who, record);
                    data.signed.item.groups = names(who, record);
                }
                leaf
            }
            Step::Remove(who) => story.person_removed(person(who.key())),
            Step::EndAgent => story.agent_revoked(),
            Step::DeviceBound(wanted) => {
                let mut leaf = story.ruled(1);
                if let Data::RulesChanged(data) = &mut leaf.data {
                    data.signed.item.device_bound = wanted;
                }
                leaf
            }
            Step::Pause(_, Scope::Agent) => story.paused(None),
            Step::Pause(_, Scope::Run) => story.paused(Some(run())),
            Step::Pause(_, Scope::OtherRun) => story.paused(Some(other_run())),
            _ => story.resumed(),
        }
    }

    /// Whether both say the same of everything that people see.
    fn agrees(&self, world: &World, rules: &Rules<'_>) -> Result<(), String> {
        let (state, now) = (&self.story.state, self.story.now);
        let same = |what: &str, model: String, reducer: String| {
            let text = format!("{what}: the model says {model}, the reducer {reducer}");
            (model == reducer).then_some(()).ok_or(text)
        };
        let expected: Vec<Due> = rules
            .due(world)
            .into_iter()
            .map(|due| self.due(due))
            .collect();
        same(
            "due",
            format!("{expected:?}"),
            format!("{:?}", state.due(now)),
        )?;
        let pending = world.actions.iter().filter(|known| known.end.is_none());
        let pending = pending.count().to_string();
        same("pending", pending, state.pending_of(&agent()).to_string())?;
        let count = world.actions.len().to_string();
        same("actions", count, state.actions().count().to_string())?;
        for (number, model) in world.actions.iter().enumerate() {
            let known = state.action(&id(number)).ok_or("an action is missing")?;
            let model = self.seen_in_model(model, rules, world);
            same(
                "action",
                format!("{model:?}"),
                format!("{:?}", seen(state, known, now)),
            )?;
        }
        Ok(())
    }

    fn seen_in_model(&self, known: &Action, rules: &Rules<'_>, world: &World) -> Seen {
        let people = rules.approved_by(world, known);
        let mut approved_by: Vec<ReviewerId> =
            people.into_iter().map(|who| person(who.key()).id).collect();
        approved_by.sort_unstable();
        Seen {
            life: match known.end {
                None => Life::Pending,
                Some(_) if known.completed => Life::Completed,
                Some(_) if known.redeemed > 0 => Life::Redeemed,
                Some(end) if end.runs() => Life::Approved,
                Some(end) => Life::Over(resolution(end)),
            },
            end: known.end.map(resolution),
            expires_at: self.at(known.proposed_at + WAIT),
            use_before: known
                .end
                .filter(|end| end.runs())
                .map(|_| self.at(known.use_before)),
            verdicts: known.verdicts.len()
                + known.broken.len()
                + usize::from(known.granted.is_some()),
            approved_by,
            has_quorum: rules.has_quorum(world, known),
            starts_at: rules.starts_at(world, known).map(|at| self.at(at)),
            vetoed: rules.vetoed(known),
            met: known.met,
            edited: known.edited,
            escalated: usize::from(known.escalated),
            permits: usize::from(known.permits),
            permit: known.permit.map(|end| self.at(end)),
        }
    }

    fn due(&self, (number, what): (usize, Overdue)) -> Due {
        let known = self.story.state.action(&id(number));
        match (what, known.and_then(ActionState::live_permit)) {
            (Overdue::Escalates, _) => Due::Escalate(id(number), name(Group::Sre).to_owned()),
            (Overdue::Starts, _) => Due::Approve(id(number)),
            (Overdue::Lapses, Some(live)) => Due::Lapse(id(number), live.id),
            _ => Due::Expire(id(number)),
        }
    }
}

impl Companion for Tied {
    fn take(
        &self,
        step: Step,
        after: &World,
        next: Next,
        rules: &Rules<'_>,
    ) -> Result<Self, String> {
        let mut tied = self.clone();
        if step == Step::Tick {
            tied.story.later(TICK_S);
        } else {
            let entry = tied.entry(step);
            let effect = tied.story.state.apply(&entry);
            let effect = effect.map_err(|violation| format!("the reducer refuses: {violation}"))?;
            let expected = effect_of(next);
            if effect != expected {
                return Err(format!(
                    "the reducer asks for {effect:?}, the model for {expected:?}"
                ));
            }
        }
        tied.agrees(after, rules)?;
        Ok(tied)
    }

    fn refuse(&self, steps: &[Step]) -> Result<(), String> {
        let mut tied = self.clone();
        for step in steps {
            let entry = tied.entry(*step);
            if tied.story.state.apply(&entry).is_ok() {
                return Err(format!("the reducer accepts {step:?}"));
            }
        }
        if tied.story.state == self.story.state {
            Ok(())
        } else {
            Err("what the reducer refused left a trace".into())
        }
    }
}

/// What people see of an action.
#[derive(Debug)]
#[expect(dead_code, reason = "compared as text, which a failure shows")]
struct Seen {
    life: Life,
    end: Option<Resolution>,
    expires_at: Time,
    use_before: Option<Time>,
    verdicts: usize,
    approved_by: Vec<ReviewerId>,
    has_quorum: bool,
    starts_at: Option<Time>,
    vetoed: bool,
    met: bool,
    edited: bool,
    escalated: usize,
    permits: usize,
    permit: Option<Time>,
}

fn seen(state: &State, known: &ActionState, now: Time) -> Seen {
    let people: HashSet<ReviewerId> = state.approved_by(known, now);
    let mut approved_by: Vec<ReviewerId> = people.into_iter().collect();
    approved_by.sort_unstable();
    Seen {
        life: known.life(),
        end: known.resolved.as_ref().map(|resolved| resolved.resolution),
        expires_at: known.expires_at,
        use_before: known
            .resolved
            .as_ref()
            .and_then(|resolved| resolved.use_before),
        verdicts: known.verdicts.len(),
        approved_by,
        has_quorum: state.has_quorum(known, now),
        starts_at: state.starts_at(known, now),
        vetoed: known.vetoed(),
        met: state.stopped_by(known).is_some(),
        edited: known.edit.is_some(),
        escalated: known.escalated.len(),
        permits: known.permits.len(),
        permit: known.live_permit().map(|permit| permit.expires_at),
    }
}

fn id(number: usize) -> ActionId {
    action(u8::try_from(number).expect("few actions"))
}

fn other_run() -> RunId {
    "another".parse().expect("visible ASCII")
}

fn person(key: Key) -> Person {
    match key {
        Key::Ada => ada(),
        Key::Ben => ben(),
        Key::Synced => ben_again(),
        Key::Cleo => cleo(),
        Key::Dan => dan(),
    }
}

fn roles(who: Who, record: Record) -> Vec<Role> {
    match (who, record) {
        (_, Record::NoReviewer) => vec![Role::Administrator],
        (Who::Ada | Who::Cleo, _) => vec![Role::Administrator, Role::Reviewer],
        _ => vec![Role::Reviewer],
    }
}

fn names(who: Who, record: Record) -> Vec<String> {
    let groups = groups(who, record).iter();
    groups.map(|group| name(*group).to_owned()).collect()
}

fn name(group: Group) -> &'static str {
    match group {
        Group::Security => "security",
        Group::Sre => "sre",
    }
}

fn resolution(end: End) -> Resolution {
    match end {
        End::Approved => Resolution::Approved,
        End::Released => Resolution::Released,
        End::Denied => Resolution::Denied,
        End::Expired => Resolution::Expired,
        End::Withdrawn => Resolution::Withdrawn,
        End::Refused => Resolution::Refused,
        End::Superseded => Resolution::Superseded,
    }
}

fn effect_of(next: Next) -> Option<Effect> {
    match next {
        Next::Nothing => None,
        Next::Resolve(number, end) => Some(Effect::Resolve(id(number), resolution(end))),
        Next::Permit(number) => Some(Effect::IssuePermit(id(number))),
        Next::Withdraw => Some(Effect::Withdraw(agent())),
    }
}

/// The evaluation that asks for that, from one that the story wrote.
fn evaluation(asked: &Asked, written: &Evaluation) -> Evaluation {
    let of = |group: &str, people: usize| FromGroup {
        group: group.into(),
        people: people as u64,
    };
    let demands = [of("security", asked.security), of("sre", asked.sre)];
    let told = |after| Escalation {
        after_s: u64::from(after) * TICK_S,
        group: name(Group::Sre).into(),
    };
    let released = asked.answer == Answer::Release;
    Evaluation {
        decision: match asked.answer {
            Answer::Ask => Decision::Ask,
            Answer::Refuse => Decision::Refuse,
            Answer::Release => Decision::Release,
        },
        quorum: if released { 0 } else { asked.quorum as u64 },
        groups: demands
            .into_iter()
            .filter(|demand| demand.people > 0)
            .collect(),
        veto: (asked.veto > 1).then_some(asked.veto as u64),
        assurance: asked
            .careful
            .then_some(Assurance::DeviceBound)
            .into_iter()
            .collect(),
        break_glass: asked.glass,
        escalate: asked.escalate.map(told).into_iter().collect(),
        grace_s: u64::from(asked.grace) * TICK_S,
        reason_required: asked.careful,
        separate_s: u64::from(asked.careful) * u64::from(SEPARATE) * TICK_S,
        ttl_s: u64::from(WAIT) * TICK_S,
        use_s: u64::from(USE) * TICK_S,
        ..written.clone()
    }
}
