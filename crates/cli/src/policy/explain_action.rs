//! `vidimus policy explain --log`: what was asked for about an action of a log,
//! under which policies, who may decide, and who did.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;
use vidimus_console::render;
use vidimus_policy::{Inputs, PersonInput, Set};
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::{Data, Decision, Entry, Evaluation, Resolution};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::state::{ActionState, Escalated};
use vidimus_protocol::{ActionId, ReviewerId, State, Time};

use super::explain::{RuleDocument, asked, tell, who_is_missing};
use super::{line, log};
use crate::args::ExplainArgs;
use crate::out::{self, answer, visible};
use crate::stop::{Stop, code};

/// Runs `vidimus policy explain --log`. Returns the exit code.
pub(super) fn run(args: &ExplainArgs, path: &Path, id: ActionId) -> Result<u8, Stop> {
    let export = log::open(path, args.trust.as_deref(), args.json)?;
    let mut watch = Watch::new(id);
    let walked = export.walk(|before, entry| watch.take(before, entry))?;
    let profile = log::profile_of(walked.state())?;
    let known = walked.state().action(&id);
    let policy = known.and_then(|action| Some(action.policy.as_ref()?.entry.index));
    if known.is_none() {
        let path = path.display();
        return Err(Stop::new(
            code::USAGE,
            format!("`{path}` has no action {id}: it may be newer than the export"),
        ));
    }
    let mut parts: HashMap<(u64, String), Vec<u8>> = HashMap::new();
    let state = walked
        .parts(|entry, name, bytes| {
            if name != "policy" || Some(entry) == policy {
                parts.insert((entry, name.to_owned()), bytes);
            }
        })
        .map_err(|why| export.unreadable(&why))?;
    let set = match policy {
        None => None,
        Some(entry) => {
            let bytes = parts.get(&(entry, "policy".to_owned()));
            let bytes = bytes.ok_or_else(|| Stop::internal("the export lacks the policy"))?;
            Some(log::set_of(entry, bytes, profile)?.1)
        }
    };
    let action = state
        .action(&id)
        .ok_or_else(|| Stop::internal("the action is gone"))?;
    let part = |entry, name: &str| parts.get(&(entry, name.to_owned()));
    let proposal = action.proposal.index;
    let inputs = part(proposal, "inputs").and_then(|bytes| Inputs::parse(bytes).ok());
    let payload = part(proposal, "payload").and_then(|bytes| Action::parse(bytes).ok());
    // As long as it waits, what holds is how things stand at the end.
    if watch.people.is_empty() {
        watch.look_at_people(&state);
    }
    let given = |name: &str, entry| {
        let text = part(entry, name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        text.unwrap_or_default()
    };
    let told = Told {
        action,
        at: watch.ended.unwrap_or(state.last_time()),
        inputs,
        people: watch.people,
        policy: policy.map(|entry| format!("policy/{entry}")),
        set,
        starts_at: state.starts_at(action, state.last_time()),
        title: payload.as_ref().map(render::title).unwrap_or_default(),
        target: payload
            .as_ref()
            .map(render::target_line)
            .unwrap_or_default(),
        verdicts: watch
            .verdicts
            .into_iter()
            .map(|verdict| Given {
                reason: given("reason", verdict.entry),
                ..verdict
            })
            .collect(),
        agent: state
            .agent(&action.agent)
            .map(|agent| agent.name.clone())
            .unwrap_or_default(),
    };
    if args.json {
        out::document(&told.document());
    } else {
        told.print();
    }
    Ok(0)
}

/// Watches one action go by.
struct Watch {
    id: ActionId,
    verdicts: Vec<Given>,
    /// Everybody, as they were just before the waiting ended.
    people: Vec<Person>,
    ended: Option<Time>,
}

/// Somebody who might decide.
struct Person {
    input: PersonInput,
    /// Whether an approval of theirs counts.
    approved: bool,
    /// Whether the log's rules let them decide, or why not.
    rules: Result<(), String>,
}

/// A decision that was given.
#[derive(Clone, Serialize)]
struct Given {
    #[serde(skip)]
    by: ReviewerId,
    #[serde(skip)]
    entry: u64,
    /// Entry of the standing grant that approved it in advance.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<u64>,
    name: String,
    policies: Vec<String>,
    reason: String,
    time: Time,
    verdict: Verdict,
}

impl Watch {
    fn new(id: ActionId) -> Self {
        Self {
            id,
            verdicts: Vec::new(),
            people: Vec::new(),
            ended: None,
        }
    }

    fn take(&mut self, before: &State, entry: &Entry) -> &'static [&'static str] {
        if let Data::PolicyChanged(_) = entry.leaf.data {
            return &["policy"];
        }
        if entry.leaf.data.action() != Some(self.id) {
            return &[];
        }
        match &entry.leaf.data {
            Data::ActionProposed(data) => {
                for using in &data.grants {
                    let grant = before.grant(&using.grant);
                    let person = grant.and_then(|grant| before.reviewer(&grant.by));
                    if let (Some(grant), Some(person)) = (grant, person) {
                        self.verdicts.push(Given {
                            by: person.id,
                            entry: entry.index,
                            grant: Some(grant.entry.index),
                            name: person.name.clone(),
                            policies: using.policies.clone(),
                            reason: String::new(),
                            time: entry.leaf.time,
                            verdict: Verdict::Approve,
                        });
                    }
                }
                &["inputs", "payload"]
            }
            Data::VerdictGiven(data) => {
                if let Some(person) = before.reviewer(&data.signed.envelope.signer) {
                    self.verdicts.push(Given {
                        by: person.id,
                        entry: entry.index,
                        grant: None,
                        name: person.name.clone(),
                        policies: data.policies.clone(),
                        reason: String::new(),
                        time: entry.leaf.time,
                        verdict: data.signed.item.verdict,
                    });
                }
                &["reason"]
            }
            Data::ActionResolved(_) => {
                self.ended = Some(entry.leaf.time);
                self.look_at_people(before);
                &[]
            }
            _ => &[],
        }
    }

    fn look_at_people(&mut self, state: &State) {
        let Some(action) = state.action(&self.id) else {
            return;
        };
        let now = state.last_time();
        let seats = state.seats(action, now);
        let seat = |person: ReviewerId| {
            let mut seats = seats.iter();
            let seat = seats.find(|(approved, _)| *approved == person)?;
            Some(seat.1.clone())
        };
        let there = state.reviewers().filter(|person| !person.removed);
        self.people = there
            .filter_map(|person| {
                let mut input = PersonInput::approving(state, action, person.id, now)?;
                let seat = seat(person.id);
                let approved = seat.is_some();
                // Who approved counts for what was lent to them then.
                input.groups = seat.unwrap_or(input.groups);
                let rules = state.could_approve(action, person.id, now);
                Some(Person {
                    input,
                    approved,
                    rules: rules.map_err(|why| why.to_string()),
                })
            })
            .collect();
        let name = |person: &Person| person.input.name.clone();
        self.people.sort_by_key(name);
    }
}

/// What is told of it.
struct Told<'a> {
    action: &'a ActionState,
    agent: String,
    /// When it was looked who may decide.
    at: Time,
    inputs: Option<Inputs>,
    people: Vec<Person>,
    policy: Option<String>,
    set: Option<Set>,
    /// The end of the grace time that stands.
    starts_at: Option<Time>,
    target: String,
    title: String,
    verdicts: Vec<Given>,
}

impl Told<'_> {
    fn evaluation(&self) -> &Evaluation {
        &self.action.evaluation
    }

    /// Whether they may approve, by the log's rules and by the policy.
    fn may_approve(&self, person: &Person) -> Result<(), String> {
        person.rules.clone()?;
        match (&self.set, &self.inputs) {
            (Some(set), Some(inputs)) => set
                .may_approve(&person.input, inputs, self.at)
                .map(|_| ())
                .map_err(|why| why.to_string()),
            _ => Ok(()),
        }
    }

    fn missing(&self) -> String {
        let approved = self.people.iter().filter(|person| person.approved);
        let groups: Vec<&[String]> = approved
            .map(|person| person.input.groups.as_slice())
            .collect();
        who_is_missing(self.evaluation(), &groups)
    }

    fn state_words(&self) -> String {
        match self.action.resolved.as_ref().map(|end| end.resolution) {
            None => match self.starts_at {
                Some(at) => format!("It is approved and starts {at} unless somebody denies it."),
                None => "It still waits.".to_owned(),
            },
            Some(Resolution::Approved) => "It was approved.".to_owned(),
            Some(Resolution::Denied) => "It was denied.".to_owned(),
            Some(Resolution::Expired) => "It expired: too few people decided in time.".to_owned(),
            Some(Resolution::Withdrawn) => "It was withdrawn.".to_owned(),
            Some(Resolution::Refused) => "It was refused when it was proposed.".to_owned(),
            Some(Resolution::Released) => "It was released without a person.".to_owned(),
            Some(Resolution::Superseded) => {
                "A reviewer edited it: another action took its place.".to_owned()
            }
        }
    }

    fn print(&self) {
        let action = self.action;
        answer(&format!("{}  {}", action.id, line(&self.title)));
        answer(&format!(
            "proposed {} by {}, on {}",
            action.proposed_at,
            line(&self.agent),
            line(&self.target)
        ));
        answer(&match &self.policy {
            Some(policy) => format!("under {policy}"),
            None => format!("under the built-in rules ({})", self.evaluation().policy),
        });
        answer("");
        tell(self.set.as_ref(), self.evaluation());
        answer("");
        self.print_decisions();
        if let Some(set) = &self.set {
            answer("");
            answer("The policies that it names, as they stand in the log:");
            for rule in asked(set, self.evaluation()) {
                answer("");
                for line in rule.text.trim().lines() {
                    answer(&format!("    {}", visible(line)));
                }
            }
        }
    }

    /// Whether whoever denied it approved it before.
    fn takes_back(&self, denial: &Given) -> bool {
        let mut given = self.verdicts.iter();
        given.any(|given| given.by == denial.by && given.verdict.approves())
    }

    fn print_decisions(&self) {
        for given in &self.verdicts {
            let did = match given.verdict {
                Verdict::Approve => "approved",
                Verdict::Deny if self.takes_back(given) => "took the approval back and denied",
                Verdict::Deny => "denied",
                Verdict::BreakGlass => "broke glass for",
            };
            let by = match given.policies.as_slice() {
                [] => String::new(),
                ids => format!(" (permitted by {})", ids.join(", ")),
            };
            let reason = match given.reason.as_str() {
                "" => String::new(),
                reason => format!(": {}", line(reason)),
            };
            let name = line(&given.name);
            let when = given
                .grant
                .map(|grant| format!(" in advance, by the grant of entry {grant}"));
            let when = when.unwrap_or_default();
            answer(&format!("{} {name} {did} it{when}{by}{reason}", given.time));
        }
        for told in &self.action.escalated {
            answer(&format!(
                "{} escalated to {}, since nobody had decided",
                told.at,
                line(&told.group)
            ));
        }
        answer(&self.state_words());
        if self.evaluation().decision != Decision::Ask {
            return;
        }
        let missing = self.missing();
        match self.action.resolved.as_ref().map(|end| end.resolution) {
            Some(Resolution::Approved) => {}
            None if self.starts_at.is_some() => {}
            None => answer(&format!("Missing: {missing}.")),
            Some(_) => answer(&format!("To be approved it still needed {missing}.")),
        }
        answer("");
        answer(&format!("Who might approve it, as of {}:", self.at));
        for person in &self.people {
            let groups = match person.input.groups.as_slice() {
                [] => String::new(),
                groups => format!(" ({})", groups.join(", ")),
            };
            let may = match self.may_approve(person) {
                _ if person.approved => "has approved it".to_owned(),
                Ok(()) => "yes".to_owned(),
                Err(why) => format!("no: {}", line(&why)),
            };
            answer(&format!("  {}{groups}: {may}", line(&person.input.name)));
        }
    }

    fn document(&self) -> Document<'_> {
        let resolved = self.action.resolved.as_ref();
        Document {
            action: self.action.id,
            agent: &self.agent,
            escalated: self
                .action
                .escalated
                .iter()
                .map(ToldDocument::new)
                .collect(),
            evaluation: self.evaluation(),
            exit_code: 0,
            missing: self.missing(),
            people: self
                .people
                .iter()
                .map(|person| PersonDocument {
                    approved: person.approved,
                    groups: &person.input.groups,
                    name: &person.input.name,
                    why_not: self.may_approve(person).err(),
                })
                .collect(),
            policies: self
                .set
                .iter()
                .flat_map(|set| asked(set, self.evaluation()))
                .map(RuleDocument::new)
                .collect(),
            policy: self.policy.as_deref(),
            proposed_at: self.action.proposed_at,
            resolution: resolved.map(|end| end.resolution),
            starts_at: self.starts_at,
            title: &self.title,
            r#type: "vidimus-policy-action",
            v: 1,
            verdicts: &self.verdicts,
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    action: ActionId,
    agent: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    escalated: Vec<ToldDocument<'a>>,
    evaluation: &'a Evaluation,
    exit_code: u8,
    missing: String,
    people: Vec<PersonDocument<'a>>,
    policies: Vec<RuleDocument<'a>>,
    policy: Option<&'a str>,
    proposed_at: Time,
    resolution: Option<Resolution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<Time>,
    title: &'a str,
    r#type: &'static str,
    v: u64,
    verdicts: &'a [Given],
}

/// A group that was told.
#[derive(Serialize)]
struct ToldDocument<'a> {
    entry: u64,
    group: &'a str,
    time: Time,
}

impl<'a> ToldDocument<'a> {
    fn new(told: &'a Escalated) -> Self {
        Self {
            entry: told.entry.index,
            group: &told.group,
            time: told.at,
        }
    }
}

/// A person, and why they might not approve it.
#[derive(Serialize)]
struct PersonDocument<'a> {
    approved: bool,
    groups: &'a [String],
    name: &'a str,
    why_not: Option<String>,
}
