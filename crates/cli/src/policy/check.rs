//! `vidimus policy check`: every mistake, or what the policies ask for.

use serde::Serialize;
use vidimus_policy::Rule;
use vidimus_protocol::entry::Profile;

use super::files::{self, Read};
use super::{count, line, profile, refuse};
use crate::args::CheckArgs;
use crate::out::{self, answer};
use crate::stop::Stop;

/// Runs `vidimus policy check`. Returns the exit code.
pub(super) fn run(args: &CheckArgs) -> Result<u8, Stop> {
    let profile = profile(args.personal);
    let read = match files::read(&args.paths, profile)? {
        Ok(read) => read,
        Err(problems) => return Ok(refuse(&problems, args.json)),
    };
    let cases = match read.cases() {
        Ok(cases) => cases.len(),
        Err(problems) => return Ok(refuse(&problems, args.json)),
    };
    if args.json {
        out::document(&Document::new(&read, cases));
    } else {
        for line in lines(&read, profile, cases) {
            answer(&line);
        }
    }
    Ok(0)
}

fn lines(read: &Read, profile: Profile, cases: usize) -> Vec<String> {
    let rules = in_order(read);
    let questions: Vec<String> = rules.iter().map(|rule| questions(rule)).collect();
    let wide = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
    let question = wide(&mut questions.iter().map(String::len));
    let id = wide(&mut rules.iter().map(|rule| rule.id.len()));
    let mut lines: Vec<String> = rules
        .iter()
        .zip(&questions)
        .map(|(rule, asked)| {
            let why = rule.why.as_deref().unwrap_or("(no @why)");
            format!(
                "{asked:question$}  {:id$}  {} — {}",
                rule.id,
                rule.words(),
                line(why)
            )
        })
        .collect();
    lines.push(String::new());
    let whose = match profile {
        Profile::Personal => "a log of your own",
        Profile::Team => "a team's log",
    };
    let tests = match cases {
        0 => "no tests".to_owned(),
        cases => count(cases, "test", "tests"),
    };
    lines.push(format!(
        "right for {whose}: {}, {tests}",
        count(rules.len(), "policy", "policies")
    ));
    lines
}

/// The policies as they stand in the files.
fn in_order(read: &Read) -> Vec<&Rule> {
    let mut rules: Vec<&Rule> = read.set.rules().collect();
    rules.sort_by_key(|rule| (&rule.file, rule.line));
    rules
}

fn questions(rule: &Rule) -> String {
    let words: Vec<&str> = rule.questions.iter().map(|one| one.as_str()).collect();
    words.join(", ")
}

#[derive(Serialize)]
struct Document<'a> {
    exit_code: u8,
    policies: Vec<RuleDocument<'a>>,
    tests: usize,
    r#type: &'static str,
    v: u64,
}

#[derive(Serialize)]
struct RuleDocument<'a> {
    does: String,
    effect: &'static str,
    file: String,
    id: &'a str,
    line: usize,
    questions: Vec<&'static str>,
    why: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn new(read: &'a Read, cases: usize) -> Self {
        let rule = |rule: &&'a Rule| RuleDocument {
            does: rule.words(),
            effect: if rule.permits { "permit" } else { "forbid" },
            file: read.place(&rule.file),
            id: &rule.id,
            line: rule.line,
            questions: rule.questions.iter().map(|one| one.as_str()).collect(),
            why: rule.why.as_deref(),
        };
        Self {
            exit_code: 0,
            policies: in_order(read).iter().map(rule).collect(),
            tests: cases,
            r#type: "vidimus-policy-check",
            v: 1,
        }
    }
}
