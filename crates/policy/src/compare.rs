//! What differs between two evaluations, in words.

use std::time::Duration;

use serde::Serialize;
use vidimus_protocol::entry::{Assurance, Decision, Escalation, Evaluation};

use crate::demands::{People, in_words};

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What there is of the other: the new, or what was found.
    pub after: String,
    /// What there is of the one: the old, or what was expected.
    pub before: String,
    /// What differs.
    pub what: String,
}

impl Difference {
    pub(crate) fn new(
        what: impl Into<String>,
        before: impl Into<String>,
        after: impl Into<String>,
    ) -> Self {
        Self {
            after: after.into(),
            before: before.into(),
            what: what.into(),
        }
    }
}

/// What people would notice of two evaluations of one proposal. Their reasons
/// and the policies that asked are not compared.
#[must_use]
pub fn differences(before: &Evaluation, after: &Evaluation) -> Vec<Difference> {
    let asks = |one: &Evaluation| one.decision == Decision::Ask;
    if before.decision != after.decision {
        let words = |one| decision_words(one);
        return vec![Difference::new("decision", words(before), words(after))];
    }
    if !asks(before) {
        return Vec::new();
    }
    let rows = demand_rows(before).into_iter().zip(demand_rows(after));
    rows.filter(|(before, after)| before != after)
        .map(|((what, before), (_, after))| Difference::new(what, before, after))
        .collect()
}

/// An evaluation in one line.
#[must_use]
pub fn decision_words(evaluation: &Evaluation) -> String {
    match evaluation.decision {
        Decision::Ask => format!("ask {}", People::of(evaluation).words()),
        Decision::Refuse => "refuse".to_owned(),
        Decision::Release => "release".to_owned(),
    }
}

/// Everything that an evaluation which asks people asks for, by name.
#[must_use]
pub fn demand_rows(asked: &Evaluation) -> [(&'static str, String); 12] {
    [
        ("people", People::of(asked).words()),
        ("reason", required(asked.reason_required)),
        ("full review", required(asked.full_review)),
        ("assurance", assurance_words(&asked.assurance)),
        ("break glass", allowed(asked.break_glass)),
        ("escalate", escalation_words(&asked.escalate)),
        ("grace", seconds(asked.grace_s)),
        ("separate", seconds(asked.separate_s)),
        ("standing", allowed(asked.standing)),
        ("ttl", seconds(asked.ttl_s)),
        ("use", seconds(asked.use_s)),
        ("veto", asked.veto.unwrap_or(1).to_string()),
    ]
}

pub(crate) fn required(required: bool) -> String {
    if required { "required" } else { "not required" }.to_owned()
}

pub(crate) fn allowed(allowed: bool) -> String {
    if allowed { "allowed" } else { "not allowed" }.to_owned()
}

pub(crate) fn seconds(seconds: u64) -> String {
    if seconds == 0 {
        return "none".to_owned();
    }
    in_words(Duration::from_secs(seconds))
}

pub(crate) fn assurance_words(wanted: &[Assurance]) -> String {
    let word = |one: &Assurance| match one {
        Assurance::DeviceBound => "device-bound",
        Assurance::ProvenModel => "proven-model",
    };
    let words: Vec<&str> = wanted.iter().map(word).collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}

pub(crate) fn escalation_words<'a>(steps: impl IntoIterator<Item = &'a Escalation>) -> String {
    let words = |step: &Escalation| format!("{} after {}", step.group, seconds(step.after_s));
    let mut words: Vec<String> = steps.into_iter().map(words).collect();
    words.sort_unstable();
    match words.as_slice() {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(quorum: u64, ttl_s: u64) -> Evaluation {
        Evaluation {
            decision: Decision::Ask,
            quorum,
            ttl_s,
            ..Evaluation::refusing("a")
        }
    }

    #[test]
    fn what_people_would_notice_is_named() {
        let found = differences(&asked(1, 900), &asked(2, 60));
        let expected = [
            Difference::new("people", "1 person", "2 people"),
            Difference::new("ttl", "15m", "1m"),
        ];
        assert_eq!(found, expected);
        let other_words = Evaluation {
            reasons: vec!["other".into()],
            policies: vec!["b".into()],
            ..asked(1, 900)
        };
        assert_eq!(differences(&asked(1, 900), &other_words), []);
    }

    #[test]
    fn another_escalation_is_noticed() {
        let to = |group: &str, after_s| Escalation {
            after_s,
            group: group.into(),
        };
        let before = Evaluation {
            escalate: vec![to("directors", 1800), to("managers", 600)],
            ..asked(1, 900)
        };
        let both = "directors after 30m, managers after 10m";
        assert_eq!(
            differences(&before, &asked(1, 900)),
            [Difference::new("escalate", both, "none")]
        );
    }

    #[test]
    fn another_decision_is_one_difference() {
        let refused = Evaluation::refusing("a");
        let found = differences(&asked(2, 900), &refused);
        assert_eq!(
            found,
            [Difference::new("decision", "ask 2 people", "refuse")]
        );
        let released = Evaluation {
            decision: Decision::Release,
            ..refused.clone()
        };
        let found = differences(&released, &refused);
        assert_eq!(found, [Difference::new("decision", "release", "refuse")]);
        let slower = Evaluation {
            ttl_s: 9,
            ..refused.clone()
        };
        assert_eq!(differences(&slower, &refused), [], "nobody waits for it");
    }
}
