//! `vidimus policy replay`: what was proposed, evaluated under other policies.

use std::collections::HashMap;
use std::num::NonZero;
use std::thread;

use serde::Serialize;
use vidimus_console::render;
use vidimus_policy::{
    Approval, Counts, Inputs, PersonInput, Replayed, Set, Situation, decision_words, replay,
};
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::{Data, Decision, Entry, Evaluation, Proposed, VerdictGiven};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::{ActionId, State, Time};

use super::files;
use super::{count, line, log, refuse};
use crate::args::ReplayArgs;
use crate::out::{self, Colour, answer, paint};
use crate::stop::Stop;

/// Proposals that are evaluated together, by all processors.
const BATCH: usize = 2048;
/// Most characters of a title that are shown.
const TITLE: usize = 100;

/// Runs `vidimus policy replay`. Returns the exit code.
pub(super) fn run(args: &ReplayArgs) -> Result<u8, Stop> {
    let export = log::open(&args.log, args.trust.as_deref(), args.json)?;
    let since = match (args.since, args.last) {
        (Some(since), _) => since,
        (None, Some(seconds)) => {
            let back = seconds.saturating_mul(1000);
            Time::from_unix_ms(export.last.unix_ms().saturating_sub(back))
        }
        (None, None) => Time::default(),
    };
    let mut proposals = Proposals::new(since);
    let walked = export.walk(|before, entry| proposals.take(before, entry))?;
    let profile = log::profile_of(walked.state())?;
    let read = match files::read(&args.paths, profile)? {
        Ok(read) => read,
        Err(problems) => return Ok(refuse(&problems, args.json)),
    };
    let mut judging = Judging::new(&read.set, proposals);
    let took = walked.parts(|entry, name, bytes| judging.part(entry, name, &bytes));
    took.map_err(|why| export.unreadable(&why))?;
    let told = judging.finish();
    if args.json {
        out::document(&Document {
            exit_code: 0,
            since,
            told: &told,
            r#type: "vidimus-policy-replay",
            v: 1,
        });
    } else {
        print(&told);
    }
    Ok(0)
}

/// A proposal, as far as the entries tell.
struct Proposal {
    action: ActionId,
    agent: String,
    time: Time,
    before: Evaluation,
    /// What is known without the payload, where no policy was in force.
    situation: Option<Situation>,
    inputs: Option<Inputs>,
    title: String,
    approvals: Vec<Approval>,
}

/// What was proposed in the time that is looked at, by entry.
struct Proposals {
    since: Time,
    by_entry: HashMap<u64, Proposal>,
    entry_of: HashMap<ActionId, u64>,
}

impl Proposals {
    fn new(since: Time) -> Self {
        Self {
            since,
            by_entry: HashMap::new(),
            entry_of: HashMap::new(),
        }
    }

    /// Takes an entry, and names its parts that are wanted.
    fn take(&mut self, before: &State, entry: &Entry) -> &'static [&'static str] {
        match &entry.leaf.data {
            Data::ActionProposed(data) if entry.leaf.time >= self.since => {
                self.proposed(before, entry, data);
                &["inputs", "payload"]
            }
            Data::VerdictGiven(data) => {
                self.decided(before, entry, data);
                &[]
            }
            _ => &[],
        }
    }

    fn proposed(&mut self, before: &State, entry: &Entry, data: &Proposed) {
        let time = entry.leaf.time;
        let has_inputs = entry.leaf.part("inputs").is_some();
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
            time,
            before: data.evaluation.clone(),
            situation: (!has_inputs).then(situation).flatten(),
            inputs: None,
            title: String::new(),
            approvals: Vec::new(),
        };
        self.by_entry.insert(entry.index, proposal);
        self.entry_of.insert(data.action, entry.index);
    }

    fn decided(&mut self, before: &State, entry: &Entry, data: &VerdictGiven) {
        let item = &data.signed.item;
        let proposal = self
            .entry_of
            .get(&item.action)
            .and_then(|entry| self.by_entry.get_mut(entry));
        let person = before.reviewer(&data.signed.envelope.signer);
        if let (Some(proposal), Some(person), Verdict::Approve) = (proposal, person, item.verdict) {
            proposal.approvals.push(Approval {
                person: PersonInput::of(person),
                time: entry.leaf.time,
            });
        }
    }
}

/// Evaluates the proposals while their parts come in.
struct Judging<'a> {
    set: &'a Set,
    proposals: HashMap<u64, Proposal>,
    ready: Vec<(u64, Proposal, Inputs)>,
    told: Told,
}

/// What is told in the end.
#[derive(Default, Serialize)]
struct Told {
    after: Counts,
    before: Counts,
    /// Decisions that would differ, in order.
    differing: Vec<Row>,
    /// How many proposals were looked at.
    proposals: u64,
    /// What could not be evaluated, with why.
    unjudged: Vec<Unjudged>,
}

#[derive(Serialize)]
struct Row {
    action: ActionId,
    agent: String,
    before: Evaluation,
    #[serde(skip)]
    entry: u64,
    #[serde(flatten)]
    replayed: Replayed,
    time: Time,
    title: String,
}

#[derive(Serialize)]
struct Unjudged {
    action: ActionId,
    why: String,
}

#[derive(Serialize)]
struct Document<'a> {
    exit_code: u8,
    since: Time,
    #[serde(flatten)]
    told: &'a Told,
    r#type: &'static str,
    v: u64,
}

impl<'a> Judging<'a> {
    fn new(set: &'a Set, proposals: Proposals) -> Self {
        Self {
            set,
            proposals: proposals.by_entry,
            ready: Vec::with_capacity(BATCH),
            told: Told::default(),
        }
    }

    /// Takes a part: `payload` is the last of each proposal.
    fn part(&mut self, entry: u64, name: &str, bytes: &[u8]) {
        if name == "inputs" {
            if let Some(proposal) = self.proposals.get_mut(&entry) {
                proposal.inputs = Inputs::parse(bytes).ok();
            }
            return;
        }
        let Some(mut proposal) = self.proposals.remove(&entry) else {
            return;
        };
        let Ok(action) = Action::parse(bytes) else {
            self.unjudged(&proposal, "its payload cannot be read");
            return;
        };
        proposal.title = cut(&render::title(&action));
        let situation = proposal.situation.take();
        let inputs = proposal.inputs.take();
        match inputs.or_else(|| Some(situation?.with(&action))) {
            Some(inputs) => self.ready.push((entry, proposal, inputs)),
            None => self.unjudged(&proposal, "its inputs cannot be read"),
        }
        if self.ready.len() == BATCH {
            self.evaluate();
        }
    }

    fn unjudged(&mut self, proposal: &Proposal, why: &str) {
        self.told.unjudged.push(Unjudged {
            action: proposal.action,
            why: why.to_owned(),
        });
    }

    /// Evaluates what is ready, by all processors.
    fn evaluate(&mut self) {
        let ready = std::mem::take(&mut self.ready);
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
        for ((entry, proposal, _), replayed) in ready.into_iter().zip(judged) {
            self.told.note(entry, proposal, replayed);
        }
    }

    fn finish(mut self) -> Told {
        self.evaluate();
        for proposal in std::mem::take(&mut self.proposals).into_values() {
            self.unjudged(&proposal, "its payload is not in the export");
        }
        self.told.differing.sort_by_key(|row| row.entry);
        self.told
    }
}

fn judge(set: &Set, (_, proposal, inputs): &(u64, Proposal, Inputs)) -> Replayed {
    replay(set, inputs, &proposal.before, &proposal.approvals)
}

impl Told {
    fn note(&mut self, entry: u64, proposal: Proposal, replayed: Replayed) {
        self.proposals += 1;
        self.before.add(&proposal.before);
        self.after.add(&replayed.after);
        if replayed.differs() {
            self.differing.push(Row {
                action: proposal.action,
                agent: proposal.agent,
                before: proposal.before,
                entry,
                replayed,
                time: proposal.time,
                title: proposal.title,
            });
        }
    }
}

/// Enough of a title to know it by.
fn cut(title: &str) -> String {
    match title.char_indices().nth(TITLE) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title.to_owned(),
    }
}

fn print(told: &Told) {
    for row in &told.differing {
        print_row(row);
    }
    for one in &told.unjudged {
        answer(&format!("{}  not evaluated: {}", one.action, one.why));
    }
    answer(&summary(told));
    let counts = [
        ("asked people", told.before.asked, told.after.asked),
        ("released", told.before.released, told.after.released),
        ("refused", told.before.refused, told.after.refused),
    ];
    answer(&format!("{:14}{:>9}{:>9}", "", "was", "would be"));
    for (what, before, after) in counts {
        answer(&format!("  {what:12}{before:>9}{after:>9}"));
    }
}

fn summary(told: &Told) -> String {
    if told.proposals == 0 && told.unjudged.is_empty() {
        return "nothing was proposed in that time".to_owned();
    }
    let approvals: usize = told
        .differing
        .iter()
        .map(|row| row.replayed.not_permitted.len())
        .sum();
    let lost = match approvals {
        0 => String::new(),
        some => format!(
            "; {} would not have been permitted",
            count(some, "approval", "approvals")
        ),
    };
    let unjudged = match told.unjudged.len() {
        0 => String::new(),
        some => format!("; {some} could not be evaluated"),
    };
    let proposals = usize::try_from(told.proposals).unwrap_or(usize::MAX);
    format!(
        "{} of {} would be decided otherwise{lost}{unjudged}",
        told.differing.len(),
        count(proposals, "proposal", "proposals"),
    )
}

fn print_row(row: &Row) {
    let after = &row.replayed.after;
    answer(&format!(
        "{}  {}  {}  {}",
        row.time,
        row.action,
        line(&row.agent),
        line(&row.title)
    ));
    let colour = match after.decision {
        Decision::Ask => Colour::Yellow,
        Decision::Refuse => Colour::Red,
        Decision::Release => Colour::Green,
    };
    for difference in &row.replayed.differences {
        let words = format!(
            "{}: {} -> {}",
            difference.what, difference.before, difference.after
        );
        answer(&format!("    {}", paint(&line(&words), colour)));
    }
    if row.replayed.differences.is_empty() {
        answer(&format!("    {}, as before", decision_words(after)));
    }
    for refused in &row.replayed.not_permitted {
        let words = format!("{} approved it: {}", refused.name, refused.why);
        answer(&format!("    {}", paint(&line(&words), Colour::Red)));
    }
    if after.policies.is_empty() {
        for reason in &after.reasons {
            answer(&format!("    {}", line(reason)));
        }
    } else {
        answer(&format!("    by {}", after.policies.join(", ")));
    }
}
