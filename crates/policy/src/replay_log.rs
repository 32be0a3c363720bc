//! What was proposed in a log, replayed under another set.
//!
//! First come the entries: what was proposed, what came of it, and who approved
//! it stand there ([`Proposals`]). Then come the parts that they commit to, and
//! each proposal is evaluated anew, all at once here ([`LogReplay`]), or one by
//! one as they come ([`crate::Shadow`]). Out of scope: where entries and parts
//! come from, and that they are right.

use std::collections::HashMap;
use std::num::NonZero;
use std::thread;

use vidimus_protocol::action::{Action, ActionKind};
use vidimus_protocol::entry::{Data, Decision, Evaluation, Leaf, Proposed, VerdictGiven};
use vidimus_protocol::{ActionId, State, Time};

use crate::inputs::{Inputs, PersonInput, Situation};
use crate::replay::{Approval, Counts, Replayed, replay};
use crate::set::Set;

/// Proposals that are evaluated together, by all processors.
const BATCH: usize = 2048;
/// Most bytes of payloads that are evaluated at a time.
const BATCH_BYTES: usize = 16 << 20;
/// The parts that tell what was proposed. `payload` is the last of each entry.
const PARTS: [&str; 2] = ["inputs", "payload"];

/// A proposal, as far as the entries tell.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The action.
    pub action: ActionId,
    /// Its agent, by name.
    pub agent: String,
    /// What came of it.
    pub before: Evaluation,
    /// Its entry.
    pub entry: u64,
    /// Sort of action.
    pub kind: ActionKind,
    /// When.
    pub time: Time,
    pub(crate) approvals: Vec<Approval>,
    /// Whether its entry commits to what a policy looked at.
    pub(crate) has_inputs: bool,
    pub(crate) inputs: Option<Inputs>,
    /// What is known without the payload, where no policy was in force.
    situation: Option<Situation>,
}

/// What was proposed in the time that is looked at, by entry.
#[derive(Debug)]
pub struct Proposals {
    since: Time,
    from: u64,
    pub(crate) by_entry: HashMap<u64, Proposal>,
    entry_of: HashMap<ActionId, u64>,
}

impl Proposals {
    /// For proposals from that time on.
    #[must_use]
    pub fn since(since: Time) -> Self {
        Self {
            since,
            from: 0,
            by_entry: HashMap::new(),
            entry_of: HashMap::new(),
        }
    }

    /// For proposals from the entry at that position on.
    #[must_use]
    pub fn from_entry(from: u64) -> Self {
        Self {
            from,
            ..Self::since(Time::default())
        }
    }

    /// Takes the leaf of the entry at `index`, with what those before it say,
    /// and names its parts that are wanted.
    pub fn take(&mut self, before: &State, index: u64, leaf: &Leaf) -> &'static [&'static str] {
        match &leaf.data {
            Data::ActionProposed(data) if leaf.time >= self.since && index >= self.from => {
                self.proposed(before, index, leaf, data);
                &PARTS
            }
            Data::VerdictGiven(data) => {
                self.decided(before, leaf.time, data);
                &[]
            }
            _ => &[],
        }
    }

    /// Where an action was proposed, when that is looked at.
    pub(crate) fn entry_of(&self, action: &ActionId) -> Option<u64> {
        self.entry_of.get(action).copied()
    }

    /// Looks at the proposal of this entry no more.
    pub(crate) fn forget(&mut self, entry: u64) {
        if let Some(proposal) = self.by_entry.remove(&entry) {
            self.entry_of.remove(&proposal.action);
        }
    }

    /// Their entries, in order.
    #[must_use]
    pub fn entries(&self) -> Vec<u64> {
        let mut entries: Vec<u64> = self.by_entry.keys().copied().collect();
        entries.sort_unstable();
        entries
    }

    fn proposed(&mut self, before: &State, index: u64, leaf: &Leaf, data: &Proposed) {
        let time = leaf.time;
        let has_inputs = leaf.part("inputs").is_some();
        let situation = || {
            let (kind, run) = (data.action_kind, data.run.clone());
            // The built-in rules give exactly the time that the agent wished.
            let asked = data.evaluation.decision == Decision::Ask;
            let wait = asked.then_some(data.evaluation.ttl_s);
            Situation::of(before, &data.agent, kind, run, wait, time)
        };
        let agent = before.agent(&data.agent);
        let proposal = Proposal {
            action: data.action,
            agent: agent.map(|agent| agent.name.clone()).unwrap_or_default(),
            approvals: in_advance(before, data, time),
            before: data.evaluation.clone(),
            entry: index,
            has_inputs,
            inputs: None,
            kind: data.action_kind,
            situation: (!has_inputs).then(situation).flatten(),
            time,
        };
        self.by_entry.insert(index, proposal);
        self.entry_of.insert(data.action, index);
    }

    fn decided(&mut self, before: &State, time: Time, data: &VerdictGiven) {
        let item = &data.signed.item;
        let proposal = self
            .entry_of
            .get(&item.action)
            .and_then(|entry| self.by_entry.get_mut(entry));
        let signer = data.signed.envelope.signer;
        let action = before.action(&item.action);
        let person = action.and_then(|one| PersonInput::approving(before, one, signer, time));
        let (Some(proposal), Some(person)) = (proposal, person) else {
            return;
        };
        if item.verdict.approves() {
            proposal.approvals.push(Approval { person, time });
        } else {
            // Whoever denies takes back what they approved.
            let kept = |given: &Approval| given.person.id != person.id;
            proposal.approvals.retain(kept);
        }
    }
}

impl Proposal {
    /// What a policy looks at, now that the payload is there, beside what is
    /// kept of the action.
    pub(crate) fn read<T>(
        &mut self,
        payload: &[u8],
        about: fn(&Action) -> T,
    ) -> Result<(T, Inputs), (Option<T>, WhyNot)> {
        let Ok(action) = Action::parse(payload) else {
            return Err((None, WhyNot::PayloadUnreadable));
        };
        let about = about(&action);
        let (inputs, situation) = (self.inputs.take(), self.situation.take());
        match inputs.or_else(|| Some(situation?.with(&action))) {
            Some(inputs) => Ok((about, inputs)),
            None => Err((Some(about), WhyNot::InputsUnreadable)),
        }
    }
}

/// Who approved a proposal by a standing grant, for what they were then.
fn in_advance(before: &State, data: &Proposed, time: Time) -> Vec<Approval> {
    let grants = data.grants.iter();
    let grants = grants.filter_map(|using| before.grant(&using.grant));
    let people = grants.filter_map(|grant| before.reviewer(&grant.by));
    let approval = |person| Approval {
        person: PersonInput::of(person),
        time,
    };
    people.map(approval).collect()
}

/// Why nothing can be said about a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// Its payload is not there.
    PayloadMissing,
    /// Its payload cannot be read.
    PayloadUnreadable,
    /// Its inputs are not there, or cannot be read.
    InputsUnreadable,
}

/// A proposal, and what would have come of it.
#[derive(Debug)]
pub struct Row<T> {
    /// What was told of the action; `None`: its payload could not be read.
    pub about: Option<T>,
    /// The proposal.
    pub proposal: Proposal,
    /// What would have come of it.
    pub result: Result<Replayed, WhyNot>,
}

impl<T> Row<T> {
    /// Whether anybody would notice, or nobody can tell.
    #[must_use]
    pub fn stands_out(&self) -> bool {
        self.result.as_ref().map_or(true, Replayed::differs)
    }
}

/// What came of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What came of those that were evaluated.
    pub before: Counts,
    /// What would have come of them.
    pub after: Counts,
    /// How many were evaluated.
    pub proposals: u64,
    /// How many of them would be decided otherwise.
    pub differing: u64,
    /// Approvals that would not have been permitted.
    pub not_permitted: u64,
    /// How many could not be evaluated.
    pub unjudged: u64,
}

/// Evaluates proposals while their parts come in, and hands out each with what
/// came of it.
pub struct LogReplay<'a, T, F: FnMut(Row<T>)> {
    set: &'a Set,
    proposals: HashMap<u64, Proposal>,
    about: fn(&Action) -> T,
    each: F,
    ready: Vec<(Proposal, T, Inputs)>,
    /// Bytes of the parts that these come from, about.
    held: usize,
    tally: Tally,
}

impl<'a, T: Sync, F: FnMut(Row<T>)> LogReplay<'a, T, F> {
    /// A replay of these under `set`. `about` is what is kept of each action.
    pub fn new(set: &'a Set, proposals: Proposals, about: fn(&Action) -> T, each: F) -> Self {
        Self {
            set,
            proposals: proposals.by_entry,
            about,
            each,
            ready: Vec::new(),
            held: 0,
            tally: Tally::default(),
        }
    }

    /// Takes a part that is wanted.
    pub fn part(&mut self, entry: u64, name: &str, bytes: &[u8]) {
        if name == "inputs" {
            if let Some(proposal) = self.proposals.get_mut(&entry) {
                proposal.inputs = Inputs::parse(bytes).ok();
            }
            return;
        }
        let Some(mut proposal) = self.proposals.remove(&entry) else {
            return;
        };
        match proposal.read(bytes, self.about) {
            Ok((about, inputs)) => self.ready.push((proposal, about, inputs)),
            Err((about, why)) => self.unjudged(proposal, about, why),
        }
        // The inputs hold what the payload says up to three times.
        self.held = self.held.saturating_add(bytes.len());
        if self.ready.len() >= BATCH || self.held >= BATCH_BYTES {
            self.evaluate();
        }
    }

    /// Evaluates what is left. What has no payload by now has none.
    pub fn finish(mut self) -> Tally {
        self.evaluate();
        let mut left: Vec<Proposal> = std::mem::take(&mut self.proposals).into_values().collect();
        left.sort_by_key(|proposal| proposal.entry);
        for proposal in left {
            self.unjudged(proposal, None, WhyNot::PayloadMissing);
        }
        self.tally
    }

    fn unjudged(&mut self, proposal: Proposal, about: Option<T>, why: WhyNot) {
        self.tally.unjudged += 1;
        (self.each)(Row {
            about,
            proposal,
            result: Err(why),
        });
    }

    /// Evaluates what is ready, by all processors.
    fn evaluate(&mut self) {
        let ready = std::mem::take(&mut self.ready);
        self.held = 0;
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let set = self.set;
        let judged: Vec<Replayed> = thread::scope(|scope| {
            let chunks = ready.chunks(ready.len().div_ceil(threads).max(1));
            let running: Vec<_> = chunks
                .map(|chunk| scope.spawn(move || chunk.iter().map(|one| judge(set, one)).collect()))
                .collect();
            let judged = running.into_iter().map(|one| match one.join() {
                Ok(judged) => judged,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            judged
                .collect::<Vec<Vec<Replayed>>>()
                .into_iter()
                .flatten()
                .collect()
        });
        for ((proposal, about, _), replayed) in ready.into_iter().zip(judged) {
            self.tally.note(&proposal, &replayed);
            (self.each)(Row {
                about: Some(about),
                proposal,
                result: Ok(replayed),
            });
        }
    }
}

fn judge<T>(set: &Set, (proposal, _, inputs): &(Proposal, T, Inputs)) -> Replayed {
    replay(set, inputs, &proposal.before, &proposal.approvals)
}

impl Tally {
    pub(crate) fn note(&mut self, proposal: &Proposal, replayed: &Replayed) {
        self.proposals += 1;
        self.before.add(&proposal.before);
        self.after.add(&replayed.after);
        self.differing += u64::from(replayed.differs());
        self.not_permitted += approvals(replayed);
    }

    /// The same proposal came to something else: an approval was given, or
    /// taken back. What the set says of it stays.
    pub(crate) fn amend(&mut self, last: &Replayed, replayed: &Replayed) {
        self.differing -= u64::from(last.differs());
        self.differing += u64::from(replayed.differs());
        self.not_permitted -= approvals(last);
        self.not_permitted += approvals(replayed);
    }
}

fn approvals(replayed: &Replayed) -> u64 {
    u64::try_from(replayed.not_permitted.len()).unwrap_or(u64::MAX)
}
