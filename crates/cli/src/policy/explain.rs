//! `vidimus policy explain`: which policies ask for what about one action.

use std::fs;
use std::path::Path;

use serde::Serialize;
use vidimus_policy::fixtures;
use vidimus_policy::{Inputs, People, PolicyFile, Question, Rule, Set, demand_rows, missing};
use vidimus_protocol::entry::{Decision, Evaluation};

use super::files::{self, unreadable};
use super::{explain_action, line, profile, refuse};
use crate::args::ExplainArgs;
use crate::out::{self, Colour, answer, paint};
use crate::stop::{Stop, code};

/// Runs `vidimus policy explain`. Returns the exit code.
pub(super) fn run(args: &ExplainArgs) -> Result<u8, Stop> {
    if let Some(log) = &args.log {
        let action = args.action().map_err(|why| Stop::new(code::USAGE, why))?;
        return explain_action::run(args, log, action);
    }
    let read = match files::read(&args.paths, profile(args.personal))? {
        Ok(read) => read,
        Err(problems) => return Ok(refuse(&problems, args.json)),
    };
    let inputs = match args.inputs.as_deref() {
        Some(path) => read_inputs(path)?,
        None => {
            return Err(Stop::new(
                code::USAGE,
                "name what is proposed: `--inputs FILE`",
            ));
        }
    };
    let evaluation = read.set.evaluate(&inputs);
    if args.json {
        out::document(&Document {
            exit_code: 0,
            inputs: &inputs,
            missing: who_is_missing(&evaluation, &[]),
            policies: asked(&read.set, &evaluation)
                .map(RuleDocument::new)
                .collect(),
            evaluation,
            r#type: "vidimus-policy-explanation",
            v: 1,
        });
        return Ok(0);
    }
    tell(Some(&read.set), &evaluation);
    Ok(0)
}

/// Whom an evaluation still asks for, in words.
pub(super) fn who_is_missing(evaluation: &Evaluation, approved: &[&[String]]) -> String {
    missing(evaluation, approved).unwrap_or_else(|| "nobody".to_owned())
}

fn read_inputs(path: &Path) -> Result<Inputs, Stop> {
    let text = fs::read_to_string(path).map_err(|why| unreadable(path, &why))?;
    let file = PolicyFile {
        name: path.display().to_string(),
        text,
    };
    fixtures::read_inputs(&file).map_err(|problem| {
        let words = line(&problem.to_string());
        Stop::new(
            code::USAGE,
            format!(
                "{words}. It holds what is proposed, such as {{\"kind\": \"sql\", \"effects\": [\"destructive\"]}}: docs/spec/policy.md#tests"
            ),
        )
    })
}

#[derive(Serialize)]
struct Document<'a> {
    evaluation: Evaluation,
    exit_code: u8,
    inputs: &'a Inputs,
    missing: String,
    policies: Vec<RuleDocument<'a>>,
    r#type: &'static str,
    v: u64,
}

/// A policy that took part.
#[derive(Serialize)]
pub(super) struct RuleDocument<'a> {
    does: String,
    id: &'a str,
    text: &'a str,
    why: Option<&'a str>,
}

impl<'a> RuleDocument<'a> {
    pub(super) fn new(rule: &'a Rule) -> Self {
        Self {
            does: rule.words(),
            id: &rule.id,
            text: &rule.text,
            why: rule.why.as_deref(),
        }
    }
}

/// The policies that an evaluation names, as the set has them.
pub(super) fn asked<'a>(
    set: &'a Set,
    evaluation: &Evaluation,
) -> impl Iterator<Item = &'a Rule> + use<'a> {
    let ids = evaluation.policies.clone().into_iter();
    ids.filter_map(|id| set.rule(&id))
}

/// Says what an evaluation asks for, who asked, and why it is not more or less.
/// Without a set the built-in rules spoke.
pub(super) fn tell(set: Option<&Set>, evaluation: &Evaluation) {
    let (words, colour) = match evaluation.decision {
        Decision::Ask => (
            format!("It needs approval by {}.", People::of(evaluation).words()),
            Colour::Yellow,
        ),
        Decision::Refuse => ("It is refused.".to_owned(), Colour::Red),
        Decision::Release => ("It runs without a person.".to_owned(), Colour::Green),
    };
    answer(&paint(&words, colour));
    let Some(set) = set else {
        for reason in &evaluation.reasons {
            answer(&format!("  {}", line(reason)));
        }
        return;
    };
    let refused = evaluation.decision == Decision::Refuse;
    // Of a refusal the reasons say it all, also where a policy failed.
    for rule in asked(set, evaluation).filter(|_| !refused) {
        answer(&format!("  {} {}", rule.id, rule.words()));
        if let Some(why) = &rule.why {
            answer(&format!("      {}", line(why)));
        }
    }
    for reason in unsaid(set, evaluation) {
        answer(&format!("  {}", line(reason)));
    }
    match evaluation.decision {
        Decision::Ask => tell_demands(set, evaluation),
        Decision::Refuse if evaluation.policies.is_empty() => answer(&format!(
            "  Policies that permit something to be proposed: {}.",
            permitting(set, Question::Propose).join(", ")
        )),
        Decision::Refuse => answer("  As long as that is so, no approval helps."),
        Decision::Release => {}
    }
}

/// What an evaluation says beside what the policies that it names say.
fn unsaid<'a>(set: &Set, evaluation: &'a Evaluation) -> Vec<&'a str> {
    let said: Vec<String> = asked(set, evaluation).map(Rule::asks).collect();
    let unsaid = |reason: &&str| match evaluation.decision {
        Decision::Ask => !said.iter().any(|said| said == reason),
        Decision::Refuse => true,
        Decision::Release => false,
    };
    let reasons = evaluation.reasons.iter().map(String::as_str);
    reasons.filter(unsaid).collect()
}

fn tell_demands(set: &Set, evaluation: &Evaluation) {
    answer("");
    answer("Together:");
    for (what, words) in demand_rows(evaluation) {
        answer(&format!("  {what:10} {words}"));
    }
    answer("");
    answer(&match permitting(set, Question::Release).as_slice() {
        [] => "No policy lets anything run without a person.".to_owned(),
        ids => format!(
            "It is not released without a person. Policies that release something: {}.",
            ids.join(", ")
        ),
    });
}

/// The policies that permit something of that sort.
fn permitting(set: &Set, question: Question) -> Vec<&str> {
    let permits = |rule: &&Rule| rule.permits && rule.questions.contains(&question);
    let rules = set.rules().filter(permits);
    rules.map(|rule| rule.id.as_str()).collect()
}
