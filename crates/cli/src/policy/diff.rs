//! `vidimus policy diff`: what changes from one set to another.

use std::path::{Path, PathBuf};

use serde::Serialize;
use similar::TextDiff;
use vidimus_policy::{Change, Difference, FileChange, PolicyText, Rule, Set, diff, diff_tests};

use super::files::{self, Read};
use super::{count, line, log, profile, refuse};
use crate::args::DiffArgs;
use crate::out::{self, Colour, answer, paint, visible};
use crate::stop::{Stop, code};

/// Runs `vidimus policy diff`. Returns the exit code.
pub(super) fn run(args: &DiffArgs) -> Result<u8, Stop> {
    let (old, new) = match (&args.log, args.paths.as_slice()) {
        (None, [old, new]) => (Some(old), new),
        (Some(_), [new]) => (None, new),
        (None, _) => {
            return Err(Stop::new(
                code::USAGE,
                "name two: the old and the new policies; or `--log EXPORT` and the new ones",
            ));
        }
        (Some(_), _) => {
            return Err(Stop::new(
                code::USAGE,
                "with `--log` name the new policies alone: the old ones are those in force",
            ));
        }
    };
    let profile = match &args.log {
        None => profile(args.personal),
        Some(path) => return of_log(args, path, new),
    };
    let read = |path| files::read(std::slice::from_ref(path), profile);
    let old = match old.map(read).transpose()? {
        Some(Err(problems)) => return Ok(refuse(&problems, args.json)),
        Some(Ok(old)) => Some((old.text, old.set)),
        None => None,
    };
    match read(new)? {
        Ok(new) => tell(args, old.as_ref(), &new),
        Err(problems) => return Ok(refuse(&problems, args.json)),
    }
    Ok(0)
}

fn of_log(args: &DiffArgs, log: &Path, new: &PathBuf) -> Result<u8, Stop> {
    let export = log::open(log, args.trust.as_deref(), args.json)?;
    let walked = export.walk(|_, _| &["policy"])?;
    let profile = log::profile_of(walked.state())?;
    let in_force = walked.state().policy().map(|policy| policy.entry.index);
    let mut found = None;
    let took = walked.parts(|entry, _, bytes| {
        if Some(entry) == in_force {
            found = Some((entry, bytes));
        }
    });
    took.map_err(|why| export.unreadable(&why))?;
    let old = found.map(|(entry, bytes)| log::set_of(entry, &bytes, profile));
    let old = old.transpose()?;
    match files::read(std::slice::from_ref(new), profile)? {
        Ok(new) => tell(args, old.as_ref(), &new),
        Err(problems) => return Ok(refuse(&problems, args.json)),
    }
    Ok(0)
}

fn tell(args: &DiffArgs, old: Option<&(PolicyText, Set)>, new: &Read) {
    let changes = diff(old.map(|(_, set)| set), &new.set);
    let tests = diff_tests(old.map(|(text, _)| text), &new.text);
    if args.json {
        out::document(&Document {
            exit_code: 0,
            from_built_in: old.is_none(),
            policies: changes.iter().map(ChangeDocument::new).collect(),
            tests: tests
                .into_iter()
                .map(|(file, change)| TestsDocument { change, file })
                .collect(),
            r#type: "vidimus-policy-diff",
            v: 1,
        });
        return;
    }
    if old.is_none() {
        answer("no policy is in force: people are asked about everything. All of this is new:");
        answer("");
    }
    for change in &changes {
        print(change);
    }
    for (file, change) in &tests {
        let words = match change {
            FileChange::Added => "are new",
            FileChange::Changed => "are changed",
            FileChange::Removed => "are gone",
        };
        answer(&format!("the tests in {} {words}", visible(file)));
    }
    let of = |kind: fn(&Change) -> bool| changes.iter().filter(|change| kind(change)).count();
    let added = of(|change| matches!(change, Change::Added(_)));
    let removed = of(|change| matches!(change, Change::Removed(_)));
    let changed = changes.len() - added - removed;
    if changes.is_empty() {
        answer("no policy changes");
    } else {
        answer(&format!(
            "{added} added, {changed} changed, {removed} removed, {} as before",
            count(
                new.set.rules().len() - added - changed,
                "policy",
                "policies"
            )
        ));
    }
}

fn print(change: &Change) {
    match change {
        Change::Added(rule) => {
            answer(&paint(&format!("added {}", rule.id), Colour::Green));
            about(rule);
            text("", &rule.text);
        }
        Change::Removed(rule) => {
            answer(&paint(&format!("removed {}", rule.id), Colour::Red));
            about(rule);
            text(&rule.text, "");
        }
        Change::Changed {
            before,
            after,
            differences,
        } => {
            answer(&paint(&format!("changed {}", after.id), Colour::Yellow));
            if differences.is_empty() {
                answer(&format!(
                    "  still {}; its conditions or words have changed",
                    after.words()
                ));
            }
            for row in differences {
                answer(&line(&format!("  {}: {}", row.what, row.before)));
                answer(&line(&format!(
                    "  {:>1$} {2}",
                    "now",
                    row.what.len() + 1,
                    row.after
                )));
            }
            text(&before.text, &after.text);
        }
    }
    answer("");
}

fn about(rule: &Rule) {
    answer(&format!("  {}", rule.words()));
    if let Some(why) = &rule.why {
        answer(&format!("  {}", line(why)));
    }
}

/// The lines that differ, with those around them.
fn text(before: &str, after: &str) {
    for (mark, line) in diff_lines(before, after) {
        let line = format!("    {mark} {}", visible(&line));
        answer(&match mark {
            '+' => paint(&line, Colour::Green),
            '-' => paint(&line, Colour::Red),
            _ => line,
        });
    }
}

fn diff_lines(before: &str, after: &str) -> Vec<(char, String)> {
    let diff = TextDiff::from_lines(before.trim(), after.trim());
    let changes = diff.iter_all_changes().map(|change| {
        let mark = match change.tag() {
            similar::ChangeTag::Delete => '-',
            similar::ChangeTag::Insert => '+',
            similar::ChangeTag::Equal => ' ',
        };
        (mark, change.value().trim_end_matches('\n').to_owned())
    });
    changes.collect()
}

#[derive(Serialize)]
struct Document<'a> {
    exit_code: u8,
    from_built_in: bool,
    policies: Vec<ChangeDocument<'a>>,
    tests: Vec<TestsDocument>,
    r#type: &'static str,
    v: u64,
}

#[derive(Serialize)]
struct TestsDocument {
    change: FileChange,
    file: String,
}

#[derive(Serialize)]
struct ChangeDocument<'a> {
    after: Option<RuleDocument<'a>>,
    before: Option<RuleDocument<'a>>,
    change: FileChange,
    differences: &'a [Difference],
    id: &'a str,
}

#[derive(Serialize)]
struct RuleDocument<'a> {
    does: String,
    text: &'a str,
    why: Option<&'a str>,
}

impl<'a> ChangeDocument<'a> {
    fn new(change: &'a Change<'a>) -> Self {
        let rule = |rule: &'a Rule| RuleDocument {
            does: rule.words(),
            text: &rule.text,
            why: rule.why.as_deref(),
        };
        let (before, after, differences, kind) = match change {
            Change::Added(after) => (None, Some(*after), &[][..], FileChange::Added),
            Change::Removed(before) => (Some(*before), None, &[][..], FileChange::Removed),
            Change::Changed {
                before,
                after,
                differences,
            } => (
                Some(*before),
                Some(*after),
                differences.as_slice(),
                FileChange::Changed,
            ),
        };
        Self {
            after: after.map(rule),
            before: before.map(rule),
            change: kind,
            differences,
            id: change.id(),
        }
    }
}
