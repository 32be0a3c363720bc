//! The three questions.

use std::sync::LazyLock;
use std::time::Duration;

use cedar_policy::{Authorizer, Decision as Answer, PolicyId, Response};
use vidimus_protocol::Time;
use vidimus_protocol::entry::{Decision, Evaluation};
use vidimus_protocol::state::{MAX_ESCALATIONS, MAX_QUORUM};

use crate::bounds::on_deep_stack;
use crate::builtin::{plain, wait_of};
use crate::demands::Demands;
use crate::inputs::{Inputs, PersonInput};
use crate::request::{Asked, Unanswered};
use crate::set::{Rule, Set};

/// Most policies that give one answer.
pub const MAX_ANSWERING: usize = 256;
/// Most policies whose words stand in an evaluation.
const MOST_NAMED: usize = 8;

/// What a policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// May this agent propose it?
    Propose,
    /// May it run without a person?
    Release,
    /// May this person approve it?
    Decide,
}

impl Question {
    /// Every question.
    pub const ALL: &[Self] = &[Self::Propose, Self::Release, Self::Decide];

    /// Its action in Cedar.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Release => "release",
            Self::Decide => "decide",
        }
    }
}

/// Why a person may not approve an action, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPermitted(pub String);

/// Cedar's answer, by the ids of the policies that gave it.
enum Found {
    /// Permitted by these.
    Permitted(Vec<String>),
    /// Forbidden by these, or by none: nothing permits it.
    Forbidden(Vec<String>),
    /// These could not be evaluated, so nothing can be said.
    Failed(Vec<String>),
}

static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(Authorizer::new);

impl Set {
    /// Judges a proposal. A pure function of set and inputs.
    #[must_use]
    pub fn evaluate(&self, inputs: &Inputs) -> Evaluation {
        on_deep_stack(|| self.judge(inputs))
    }

    fn judge(&self, inputs: &Inputs) -> Evaluation {
        let refused = |policies: Vec<String>, reason: String| Evaluation {
            policies,
            reasons: vec![reason],
            ..plain(self.name())
        };
        let Some(wait) = wait_of(inputs.wait_s.map(Duration::from_secs)) else {
            return refused(Vec::new(), "It leaves no time to decide.".to_owned());
        };
        let asked = match Asked::of_agent(inputs, self.calendars()) {
            Ok(asked) => asked,
            Err(error) => return refused(Vec::new(), format!("Refused: {error}.")),
        };
        let permitting = match self.ask(Question::Propose, &asked) {
            Ok(Found::Permitted(ids)) => ids,
            Ok(Found::Forbidden(ids)) if ids.is_empty() => {
                let why = "No policy permits this agent to propose it.".to_owned();
                return refused(ids, why);
            }
            Ok(Found::Forbidden(ids)) => {
                let why = format!("Forbidden: {}", self.words(&ids));
                return refused(ids, why);
            }
            Ok(Found::Failed(ids)) => {
                let why = failed(&ids);
                return refused(ids, why);
            }
            Err(error) => return refused(Vec::new(), format!("Refused: {error}.")),
        };
        let released = self.ask(Question::Release, &asked);
        let asks = |id: &String| self.rule(id).map_or_else(|| id.clone(), Rule::asks);
        let mut reasons = some(&permitting, asks);
        let demands = permitting
            .iter()
            .filter_map(|id| Some(self.rule(id)?.demands.clone()))
            .reduce(Demands::and)
            .unwrap_or_default();
        let ttl = demands.ttl.map_or(wait, |ttl| ttl.min(wait));
        let evaluation = Evaluation {
            ttl_s: ttl.as_secs().max(1),
            use_s: demands.use_within().as_secs(),
            ..plain(self.name())
        };
        match released {
            Ok(Found::Permitted(ids)) => {
                let why = format!("Released without a person: {}", self.words(&ids));
                return Evaluation {
                    decision: Decision::Release,
                    policies: ids,
                    reasons: vec![why],
                    ..evaluation
                };
            }
            Ok(Found::Forbidden(_)) => {}
            Ok(Found::Failed(ids)) => reasons.push(failed(&ids)),
            Err(error) => reasons.push(format!("Not released: {error}.")),
        }
        let quorum = demands.people.all.max(inputs.quorum);
        if quorum > MAX_QUORUM {
            let why = format!(
                "Together {} ask for {quorum} people, and {MAX_QUORUM} can be asked.",
                listed(&permitting)
            );
            return refused(Vec::new(), why);
        }
        let escalate = demands.escalations();
        if escalate.len() > MAX_ESCALATIONS {
            let why = format!(
                "Together {} escalate it to {} groups, and {MAX_ESCALATIONS} can be told.",
                listed(&permitting),
                escalate.len()
            );
            return refused(Vec::new(), why);
        }
        Evaluation {
            assurance: demands.assurance,
            decision: Decision::Ask,
            break_glass: demands.break_glass,
            escalate,
            full_review: demands.full_review,
            grace_s: demands.grace.as_secs(),
            groups: demands.people.groups(),
            policies: permitting,
            quorum,
            reason_required: demands.reason,
            reasons,
            separate_s: demands.separate.as_secs(),
            standing: demands.standing,
            veto: demands.veto.filter(|veto| *veto > 1),
            ..evaluation
        }
    }

    /// The policies that let this person approve what was proposed with these
    /// inputs, at that time. A pure function.
    ///
    /// # Errors
    /// [`NotPermitted`] when none does, or one forbids it.
    pub fn may_approve(
        &self,
        person: &PersonInput,
        inputs: &Inputs,
        time: Time,
    ) -> Result<Vec<String>, NotPermitted> {
        on_deep_stack(|| self.permitting(person, inputs, time))
    }

    fn permitting(
        &self,
        person: &PersonInput,
        inputs: &Inputs,
        time: Time,
    ) -> Result<Vec<String>, NotPermitted> {
        let who = &person.name;
        let asked = Asked::of_person(person, inputs, time, self.calendars());
        let why = match asked.and_then(|asked| self.ask(Question::Decide, &asked)) {
            Ok(Found::Permitted(ids)) => return Ok(ids),
            Ok(Found::Forbidden(ids)) if ids.is_empty() => {
                format!("no policy lets {who} approve it")
            }
            Ok(Found::Forbidden(ids)) => {
                format!(
                    "a policy forbids that {who} approves it: {}",
                    self.words(&ids)
                )
            }
            Ok(Found::Failed(ids)) => failed(&ids),
            Err(error) => error.to_string(),
        };
        Err(NotPermitted(why))
    }

    fn ask(&self, question: Question, asked: &Asked) -> Result<Found, Unanswered> {
        let slice = self
            .slices(question)
            .slice(&asked.principals, &asked.resources);
        // Nothing permits it, whatever forbids it. Who forbids to propose is told.
        if question != Question::Propose && !slice.permits {
            return Ok(Found::Forbidden(Vec::new()));
        }
        let request = asked.request(question)?;
        let response = AUTHORIZER.is_authorized(&request, &slice.policies, &asked.entities);
        let found = found(&response);
        let (Found::Permitted(ids) | Found::Forbidden(ids) | Found::Failed(ids)) = &found;
        if ids.len() > MAX_ANSWERING {
            return Err(Unanswered::TooMany(ids.len()));
        }
        Ok(found)
    }

    /// These policies, each with what it says of itself.
    fn words(&self, ids: &[String]) -> String {
        let words = |id: &String| match self.rule(id).and_then(|rule| rule.why.as_ref()) {
            Some(why) => format!("{why} ({id})"),
            None => id.clone(),
        };
        some(ids, words).join("; ")
    }
}

/// Some of these in words, and how many more there are: an entry has a bound.
fn some(ids: &[String], words: impl Fn(&String) -> String) -> Vec<String> {
    let more = ids.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("and {more} more"));
    ids.iter().take(MOST_NAMED).map(words).chain(more).collect()
}

fn listed(ids: &[String]) -> String {
    some(ids, Clone::clone).join(", ")
}

fn found(response: &Response) -> Found {
    fn sorted<'a>(ids: impl Iterator<Item = &'a PolicyId>) -> Vec<String> {
        let mut ids: Vec<String> = ids.map(ToString::to_string).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
    let diagnostics = response.diagnostics();
    // Cedar skips what fails; here it means no.
    let failed = diagnostics.errors().map(|error| match error {
        cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id(),
    });
    let failed = sorted(failed);
    if !failed.is_empty() {
        return Found::Failed(failed);
    }
    let determining = sorted(diagnostics.reason());
    match response.decision() {
        Answer::Allow => Found::Permitted(determining),
        Answer::Deny => Found::Forbidden(determining),
    }
}

fn failed(ids: &[String]) -> String {
    format!("Could not be evaluated, which means no: {}.", listed(ids))
}

impl Rule {
    /// How an evaluation says what it asks for.
    #[must_use]
    pub fn asks(&self) -> String {
        let words = self.demands.words();
        let why = self.why.as_deref().map(|why| format!(": {why}"));
        format!("{} asks for {words}{}", self.id, why.unwrap_or_default())
    }
}
