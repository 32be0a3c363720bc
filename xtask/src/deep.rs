//! Long tests: too long for every change, so their last result is kept with the commit that it speaks for.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::shell::{Workspace, output, words};

/// What a deep result speaks about.
const COVERED: &[&str] = &["crates", "packaging", "src-tauri", "tests", "ui/src"];
const PAGE: &str = "docs/DEEP.md";
const COMMIT: &str = "Commit: `";

/// The commit that a deep run would speak for; an error while covered code is changed and not committed.
pub(crate) fn commit(workspace: &Workspace) -> Result<String> {
    let changed = output(
        workspace
            .git()
            .args(["status", "--porcelain", "--"])
            .args(COVERED),
    )?;
    if !changed.trim().is_empty() {
        bail!("a deep run names the commit that it tested; commit these first:\n{changed}");
    }
    Ok(output(workspace.git().args(["rev-parse", "HEAD"]))?
        .trim()
        .to_owned())
}

/// Runs the deep tests and writes `target/deep/report.json` and the page in docs, pass or fail.
pub(crate) fn run(
    workspace: &Workspace,
    commit: &str,
    programs: &[(&'static str, OsString)],
) -> Result<()> {
    let start = Instant::now();
    let mut command = workspace.cargo();
    command.envs(programs.iter().cloned()).args([
        "test",
        "--locked",
        "--workspace",
        "--features",
        crate::test::WEBDRIVER,
        "--no-fail-fast",
        "--",
        "--ignored",
        "deep",
    ]);
    let (results, succeeded) = watch(&mut command)?;
    let report = Report {
        commit: commit.to_owned(),
        date: output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?
            .trim()
            .to_owned(),
        seconds: start.elapsed().as_secs(),
        results,
    };
    if report.results.is_empty() {
        bail!("no test is ignored and has `deep` in its name, so there is nothing to report");
    }
    let folder = workspace.target.join("deep");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let file = folder.join("report.json");
    fs::write(&file, report.json()).with_context(|| format!("writing {}", file.display()))?;
    let page = workspace.root.join(PAGE);
    fs::write(&page, report.page()).with_context(|| format!("writing {}", page.display()))?;
    println!("written: {} and {PAGE}", file.display());
    if !succeeded || report.failed() > 0 {
        bail!(
            "{} of {} deep tests failed",
            report.failed(),
            report.results.len()
        );
    }
    Ok(())
}

/// One line about whether the last deep run still speaks for the code as it stands.
pub(crate) fn status(workspace: &Workspace) -> Result<String> {
    let Ok(page) = fs::read_to_string(workspace.root.join(PAGE)) else {
        return Ok("deep tests: never run (`cargo xtask test --deep`)".to_owned());
    };
    let commit = commit_of(&page).with_context(|| format!("{PAGE} names no commit"))?;
    // A commit that this clone does not hold makes git fail: that is as stale as one that differs.
    let current = workspace
        .git()
        .args(["diff", "--quiet", commit, "--"])
        .args(COVERED)
        .stderr(Stdio::null())
        .status()
        .context("starting `git diff`")?
        .success();
    let short = &commit[..commit.len().min(12)];
    Ok(if current {
        format!("deep tests: current, run at {short}")
    } else {
        format!("deep tests: stale, code has changed since {short} (`cargo xtask test --deep`)")
    })
}

struct Report {
    commit: String,
    date: String,
    seconds: u64,
    /// Test names and whether each passed.
    results: Vec<(String, bool)>,
}

impl Report {
    fn failed(&self) -> usize {
        self.results.iter().filter(|(_, passed)| !passed).count()
    }

    fn json(&self) -> String {
        let tests: Vec<_> = self
            .results
            .iter()
            .map(|(name, passed)| json!({"name": name, "passed": passed}))
            .collect();
        let report = json!({
            "commit": self.commit,
            "date": self.date,
            "seconds": self.seconds,
            "tests": tests,
        });
        format!("{report:#}\n")
    }

    fn page(&self) -> String {
        let rows: String = self
            .results
            .iter()
            .map(|(name, passed)| {
                format!(
                    "| `{name}` | {} |\n",
                    if *passed { "passed" } else { "**failed**" }
                )
            })
            .collect();
        format!(
            "# Deep tests\n\nWritten by `cargo xtask test --deep`. `cargo xtask test --deep-status` says whether it is stale.\n\nDate: {}\n\n{COMMIT}{}`\n\nTook: {} s\n\n| Test | Result |\n|---|---|\n{rows}",
            self.date, self.commit, self.seconds
        )
    }
}

/// Runs the command, shows what it says while it says it, and keeps the results of its tests.
fn watch(command: &mut Command) -> Result<(Vec<(String, bool)>, bool)> {
    println!("$ {}", words(command));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{}`", words(command)))?;
    let stdout = child.stdout.take().context("the child's output is piped")?;
    let mut results = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.with_context(|| format!("reading the output of `{}`", words(command)))?;
        println!("{line}");
        results.extend(result_of(&line));
    }
    Ok((results, child.wait()?.success()))
}

fn result_of(line: &str) -> Option<(String, bool)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    match result {
        "ok" => Some((name.to_owned(), true)),
        "FAILED" => Some((name.to_owned(), false)),
        _ => None,
    }
}

fn commit_of(page: &str) -> Option<&str> {
    let commit = page
        .lines()
        .find_map(|line| line.strip_prefix(COMMIT)?.strip_suffix('`'))?;
    (!commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_the_lines_of_the_test_harness() {
        assert_eq!(
            result_of("test a::deep_b ... ok"),
            Some(("a::deep_b".to_owned(), true))
        );
        assert_eq!(
            result_of("test deep_c ... FAILED"),
            Some(("deep_c".to_owned(), false))
        );
        assert_eq!(result_of("test d ... ignored"), None);
        assert_eq!(result_of("test result: ok. 1 passed; 0 failed"), None);
        assert_eq!(result_of("running 3 tests"), None);
    }

    #[test]
    fn the_page_names_the_commit_that_status_reads_back() {
        let report = Report {
            commit: "0123abcd".to_owned(),
            date: "2026-11-21".to_owned(),
            seconds: 9,
            results: vec![("deep_a".to_owned(), true), ("deep_b".to_owned(), false)],
        };
        let page = report.page();
        assert_eq!(commit_of(&page), Some("0123abcd"));
        assert!(page.contains("| `deep_b` | **failed** |"), "{page}");
        assert_eq!(report.failed(), 1);
    }

    #[test]
    fn what_is_no_commit_never_reaches_git() {
        assert_eq!(commit_of("Commit: `--output=x`\n"), None);
        assert_eq!(commit_of("Commit: ``\n"), None);
        assert_eq!(commit_of("nothing\n"), None);
    }
}
