//! The tests beside a policy, run and said in words.

use vidimus_policy::fixtures::{self, Outcome};
use vidimus_policy::{Difference, PolicyText, Problem, Set};

use crate::act::sentence;
use crate::policy_words::{named, problem, short};
use crate::safe_text;
use crate::view::{OutcomeDifferenceView, PolicyTestView, PolicyTestsView};

/// Runs the tests of a policy. Without a set they are only read.
pub(crate) fn run(text: &PolicyText, set: Option<&Set>) -> PolicyTestsView {
    let cases = match fixtures::cases(text) {
        Ok(cases) => cases,
        Err(problems) => return unread(&problems),
    };
    let Some(set) = set else {
        return PolicyTestsView {
            words: match cases.len() {
                0 => NONE.to_owned(),
                _ => "The tests run once nothing is wrong with the policies.".to_owned(),
            },
            ..PolicyTestsView::default()
        };
    };
    let outcomes: Vec<Outcome> = cases.iter().map(|case| case.run(set)).collect();
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed())
        .map(|outcome| format!("“{}”", safe_text::flat(&outcome.case)))
        .collect();
    PolicyTestsView {
        words: words(outcomes.len(), &failed),
        alarm: !failed.is_empty(),
        failed: short(failed.len()),
        cases: outcomes.iter().map(case).collect(),
        problems: Vec::new(),
    }
}

const NONE: &str = "There are no tests.";

fn unread(problems: &[Problem]) -> PolicyTestsView {
    let mut files: Vec<&str> = problems.iter().map(|found| found.file.as_str()).collect();
    files.dedup();
    PolicyTestsView {
        words: format!(
            "The tests cannot be read, so none was run: {}.",
            named(&files)
        ),
        alarm: true,
        problems: problems.iter().map(problem).collect(),
        ..PolicyTestsView::default()
    }
}

fn words(all: usize, failed: &[String]) -> String {
    let names: Vec<&str> = failed.iter().map(String::as_str).collect();
    match (all, failed.len()) {
        (0, _) => NONE.to_owned(),
        (1, 0) => "The one test passes.".to_owned(),
        (all, 0) => format!("All {all} tests pass."),
        (1, _) => format!("The one test fails: {}.", named(&names)),
        (all, 1) => format!("1 of {all} tests fails: {}.", named(&names)),
        (all, some) => format!("{some} of {all} tests fail: {}.", named(&names)),
    }
}

fn case(outcome: &Outcome) -> PolicyTestView {
    let reasons = outcome.evaluation.reasons.iter();
    PolicyTestView {
        name: safe_text::prose(&outcome.case),
        file: outcome.file.clone(),
        line: short(outcome.line),
        differences: outcome.differences.iter().map(changed).collect(),
        reasons: reasons
            .filter(|_| !outcome.passed())
            .map(|reason| safe_text::prose(&sentence(reason)))
            .collect(),
    }
}

/// A difference, with what it is about called as people call it.
pub(crate) fn changed(difference: &Difference) -> OutcomeDifferenceView {
    let what = match difference.what.as_str() {
        "people" => "who must approve".to_owned(),
        "assurance" => "the key".to_owned(),
        "full review" | "full_review" => "seeing the whole of it".to_owned(),
        "grace" | "grace_s" => "can be stopped once it is approved, for".to_owned(),
        "separate" | "separate_s" => "distance to a change of the policy".to_owned(),
        "ttl" | "ttl_s" => "waits at most".to_owned(),
        "use" | "use_s" => "once approved, starts within".to_owned(),
        "veto" => "denials that end it".to_owned(),
        other => safe_text::flat(other),
    };
    OutcomeDifferenceView {
        what: crate::policy_words::capital(&what),
        before: safe_text::flat(&difference.before),
        after: safe_text::flat(&difference.after),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_policy::{PolicyFile, starter};
    use vidimus_protocol::entry::Profile;

    fn ran(change: impl Fn(&mut Vec<PolicyFile>)) -> PolicyTestsView {
        let mut files = starter(Profile::Team);
        change(&mut files);
        let text = PolicyText::new(files).unwrap();
        let set = Set::parse(&text, Profile::Team, "typed").ok();
        run(&text, set.as_ref())
    }

    #[test]
    fn the_starter_passes_its_own_tests() {
        let found = ran(|_| {});
        assert!(
            found.cases.len() > 4 && found.failed == 0 && !found.alarm,
            "{found:?}"
        );
        assert_eq!(
            found.words,
            format!("All {} tests pass.", found.cases.len())
        );
        assert!(
            found
                .cases
                .iter()
                .all(|case| case.file == "tests.json" && case.line > 1)
        );
    }

    #[test]
    fn a_test_that_fails_says_what_came_and_why() {
        let found = ran(|files| {
            files[0].text = files[0].text.replace("@reason(\"required\")\n", "");
        });
        assert!(found.alarm && found.failed > 0, "{found:?}");
        let failed = found
            .cases
            .iter()
            .find(|case| !case.differences.is_empty())
            .unwrap();
        let row = failed
            .differences
            .iter()
            .find(|row| row.what == "Reason")
            .unwrap();
        assert_eq!((&*row.before, &*row.after), ("required", "not required"));
        assert!(!failed.reasons.is_empty());
        assert!(
            found.words.contains("tests fail") && found.words.contains('“'),
            "{}",
            found.words
        );
    }

    #[test]
    fn tests_that_cannot_be_read_are_named_with_their_place() {
        let found = ran(|files| files[1].text = "{\"cases\": [\n  {\"name\": 3}\n]}".into());
        assert!(found.alarm && found.cases.is_empty());
        assert_eq!(
            found.words,
            "The tests cannot be read, so none was run: tests.json."
        );
        assert_eq!(
            (&*found.problems[0].file, found.problems[0].line),
            ("tests.json", 2)
        );
        assert!(found.problems[0].column > 1);
    }

    #[test]
    fn without_tests_or_policies_nothing_is_run() {
        assert_eq!(ran(|files| files.truncate(1)).words, "There are no tests.");
        let wrong = ran(|files| files[0].text.push_str("permit ("));
        assert!(wrong.cases.is_empty() && !wrong.alarm);
        assert!(
            wrong.words.starts_with("The tests run once"),
            "{}",
            wrong.words
        );
    }
}
