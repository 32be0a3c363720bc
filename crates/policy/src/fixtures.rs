//! Tests of policies: the `.json` files that stand beside them. Each case says
//! what is proposed and what must come of it.
//!
//! Spec: `docs/spec/policy.md#tests`.

mod run;
mod short;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use vidimus_protocol::entry::{Assurance, Decision, Escalation};

pub use run::Outcome;
pub use short::ShortInputs;

use crate::demands::People;
use crate::inputs::{Inputs, PersonInput};
use crate::set::Problem;
use crate::text::{PolicyFile, PolicyText};
use short::ShortPerson;

/// Most characters of a case's name.
const MAX_NAME: usize = 200;

/// A case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The file that holds it.
    pub file: String,
    /// Its first line there, from 1.
    pub line: usize,
    /// What it is about, in words.
    pub name: String,
    /// What is proposed.
    pub inputs: Inputs,
    /// How long after the proposal people are asked, seconds.
    pub decided_after_s: u64,
    /// What must come of it.
    pub expect: Expect,
    /// Whom a policy must let approve it.
    pub may_approve: Vec<PersonInput>,
    /// Whom none may let.
    pub may_not_approve: Vec<PersonInput>,
}

/// What must come of a proposal. What is left out may be anything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What the keys must be like.
    #[serde(default)]
    pub assurance: Option<BTreeSet<Assurance>>,
    /// Whether one person may break glass for it.
    #[serde(default)]
    pub break_glass: Option<bool>,
    /// The answer.
    pub decision: Decision,
    /// Which groups are told when nobody decides, and no others.
    #[serde(default)]
    pub escalate: Option<BTreeSet<Escalation>>,
    /// Whether an approval must be of the whole of it.
    #[serde(default)]
    pub full_review: Option<bool>,
    /// How long what has its quorum can still be stopped, seconds.
    #[serde(default)]
    pub grace_s: Option<u64>,
    /// Who must approve, as in `@people`.
    #[serde(default)]
    pub people: Option<ExpectedPeople>,
    /// The policies that asked for this, and no others.
    #[serde(default)]
    pub policies: Option<BTreeSet<String>>,
    /// Whether an approval must say why.
    #[serde(default)]
    pub reason_required: Option<bool>,
    /// For how long those who changed the policy do not approve, seconds.
    #[serde(default)]
    pub separate_s: Option<u64>,
    /// Whether standing grants may approve it.
    #[serde(default)]
    pub standing: Option<bool>,
    /// Longest wait for a decision, seconds.
    #[serde(default)]
    pub ttl_s: Option<u64>,
    /// How long after the approval it may start, seconds.
    #[serde(default)]
    pub use_s: Option<u64>,
    /// How many denials end it.
    #[serde(default)]
    pub veto: Option<u64>,
}

/// People, written as in `@people`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ExpectedPeople(pub People);

impl TryFrom<String> for ExpectedPeople {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        People::parse(&text).map(Self)
    }
}

/// The cases of all `.json` files of a policy.
///
/// # Errors
/// What is wrong with each file that is none of tests.
pub fn cases(text: &PolicyText) -> Result<Vec<Case>, Vec<Problem>> {
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    for file in text.tests() {
        match read(file) {
            Ok(found) => cases.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(cases)
    } else {
        Err(problems)
    }
}

/// The cases of one file.
///
/// # Errors
/// Its first mistake.
pub fn read(file: &PolicyFile) -> Result<Vec<Case>, Problem> {
    let found: File = serde_json::from_str(&file.text).map_err(|error| problem(file, &error))?;
    let name = file.name.as_str();
    let case = |(case, line): (CaseText, usize)| Case {
        file: name.to_owned(),
        line,
        ..case.0
    };
    let cases = found.cases.0.into_iter().zip(lines(&file.text));
    Ok(cases.map(case).collect())
}

/// The first line of each case of a file that was read.
fn lines(text: &str) -> Vec<usize> {
    #[derive(Deserialize)]
    struct Places<'a> {
        #[serde(borrow)]
        cases: Vec<&'a RawValue>,
    }
    let cases = serde_json::from_str(text).map_or_else(|_| Vec::new(), |it: Places<'_>| it.cases);
    let mut from = 0;
    let line = |case: &RawValue| {
        // Between two cases there is but a comma and space.
        let start = from + text[from..].find(case.get()).unwrap_or_default();
        from = start + case.get().len();
        text[..start].matches('\n').count() + 1
    };
    cases.into_iter().map(line).collect()
}

/// Inputs, short or as they stand in a log.
///
/// # Errors
/// The first mistake, with its place in that file.
pub fn read_inputs(file: &PolicyFile) -> Result<Inputs, Problem> {
    let value: serde_json::Value =
        serde_json::from_str(&file.text).map_err(|error| problem(file, &error))?;
    // In the short form an agent is a name.
    let whole = value.get("agent").is_some_and(serde_json::Value::is_object);
    let inputs = if whole {
        serde_json::from_str(&file.text)
    } else {
        serde_json::from_str(&file.text).map(|short: ShortInputs| short.0)
    };
    inputs.map_err(|error| problem(file, &error))
}

fn problem(file: &PolicyFile, error: &serde_json::Error) -> Problem {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    let line = error.line().max(1);
    // There a column counts bytes.
    let text = file.text.lines().nth(line - 1).unwrap_or_default();
    let before = text.as_bytes().get(..error.column().saturating_sub(1));
    let column = before.map_or(error.column(), |bytes| {
        String::from_utf8_lossy(bytes).chars().count() + 1
    });
    Problem {
        file: file.name.clone(),
        line,
        column: column.max(1),
        policy: None,
        message: message.strip_suffix(&place).unwrap_or(&message).to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Cases,
}

/// At least one, each with another name.
#[derive(Deserialize)]
#[serde(try_from = "Vec<CaseText>")]
struct Cases(Vec<CaseText>);

impl TryFrom<Vec<CaseText>> for Cases {
    type Error = String;

    fn try_from(cases: Vec<CaseText>) -> Result<Self, String> {
        if cases.is_empty() {
            return Err("it has no cases".to_owned());
        }
        let mut names = BTreeSet::new();
        for CaseText(case) in &cases {
            if !names.insert(&case.name) {
                return Err(format!("two cases are called `{}`", case.name));
            }
        }
        Ok(Self(cases))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "CaseMembers")]
struct CaseText(Case);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseMembers {
    #[serde(default)]
    decided_after_s: u64,
    expect: Expect,
    #[serde(default)]
    inputs: Option<Inputs>,
    #[serde(default)]
    may_approve: Vec<ShortPerson>,
    #[serde(default)]
    may_not_approve: Vec<ShortPerson>,
    name: String,
    #[serde(default)]
    propose: Option<ShortInputs>,
}

impl TryFrom<CaseMembers> for CaseText {
    type Error = String;

    fn try_from(case: CaseMembers) -> Result<Self, String> {
        let name = case.name;
        let length = name.chars().count();
        if !(1..=MAX_NAME).contains(&length) || name.chars().any(char::is_control) {
            return Err(format!(
                "a case's `name` is one line of 1 to {MAX_NAME} characters"
            ));
        }
        let inputs = match (case.propose, case.inputs) {
            (Some(short), None) => short.0,
            (None, Some(inputs)) => inputs,
            (Some(_), Some(_)) => {
                return Err(format!(
                    "`{name}` has both `propose` and `inputs`: keep one"
                ));
            }
            (None, None) => {
                return Err(format!("`{name}` proposes nothing: add `propose`"));
            }
        };
        let people = |people: Vec<ShortPerson>| people.into_iter().map(PersonInput::from).collect();
        Ok(Self(Case {
            file: String::new(),
            line: 0,
            name,
            inputs,
            decided_after_s: case.decided_after_s,
            expect: case.expect,
            may_approve: people(case.may_approve),
            may_not_approve: people(case.may_not_approve),
        }))
    }
}

#[cfg(test)]
mod tests;
