//! The repository's own rules over its text: length of files, open ends, and words that only mean something on
//! one person's computer.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::{Workspace, output};

/// A file longer than this holds more than one subject.
const MOST_LINES: usize = 1000;
/// Where the limit on lines counts.
const SOURCE: &[&str] = &[
    "crates/",
    "sdk/",
    "src-tauri/",
    "ui/src/",
    "xtask/src/",
    "tests/",
];
/// Written by `ts-rs`, not by people.
pub(crate) const BINDINGS: &str = "ui/src/lib/ipc/bindings";
/// Not judged: files that tools write, and this one, whose tests hold what it refuses.
const EXEMPT: &[&str] = &[
    "Cargo.lock",
    "sdk/python/tests/requirements.txt",
    "sdk/typescript/package-lock.json",
    "tests/mcp/package-lock.json",
    "ui/package-lock.json",
    "xtask/src/guards.rs",
];
/// Folders where build machines and hosted workspaces put a checkout. A path below one means nothing elsewhere.
const ONE_MACHINE: &[&str] = &["work", "workspace", "workspaces", "builds"];

/// Reads every text file that git knows or would add, and fails with all that break a rule.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let listing = output(workspace.git().args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))
    .context("the rules go over the files that git knows, so they need a git checkout")?;
    let mut broken = Vec::new();
    for path in listing.split('\0').filter(|path| !path.is_empty()) {
        let Ok(bytes) = fs::read(workspace.root.join(path)) else {
            continue; // Deleted but still in the index, or a link to nowhere.
        };
        if let Ok(text) = String::from_utf8(bytes) {
            broken.extend(violations(path, &text));
        }
    }
    if !broken.is_empty() {
        bail!(
            "rules of the repository are broken:\n  {}",
            broken.join("\n  ")
        );
    }
    Ok(())
}

fn violations(path: &str, text: &str) -> Vec<String> {
    if EXEMPT.contains(&path) || path.starts_with(BINDINGS) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES && SOURCE.iter().any(|folder| path.starts_with(folder)) {
        found.push(format!(
            "{path}: {lines} lines, at most {MOST_LINES}: split it by subject"
        ));
    }
    for (index, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", index + 1);
        if is_open_end(line) {
            found.push(format!(
                "{place}: a TODO needs its reason after a colon, in three words or more"
            ));
        }
        if let Some(outside) = leaves_the_repository(path, line) {
            found.push(format!("{place}: `{outside}` lies outside the repository"));
        }
        if let Some(reference) = issue_number(line) {
            found.push(format!(
                "{place}: `{reference}` sends the reader elsewhere: say it here"
            ));
        }
    }
    found
}

/// A `TODO` or `FIXME` that does not say why it is left open. In quotes or backticks it is only a word.
fn is_open_end(line: &str) -> bool {
    ["TODO", "FIXME"].iter().any(|marker| {
        line.match_indices(marker).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = &line[at + marker.len()..];
            let is_word = !before.is_some_and(|c| c.is_alphanumeric() || "_`\"'".contains(c))
                && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let has_reason = after
                .strip_prefix(':')
                .is_some_and(|reason| reason.split_whitespace().count() >= 3);
            is_word && !has_reason
        })
    })
}

/// The first path in the line that leads out of the checkout, by climbing or by naming one machine's folder.
fn leaves_the_repository<'a>(file: &str, line: &'a str) -> Option<&'a str> {
    line.split(|c: char| c.is_whitespace() || "\"'`()[]{}<>,;=|".contains(c))
        .find(|word| climbs_out(file, word) || is_on_one_machine(word))
}

fn climbs_out(file: &str, word: &str) -> bool {
    // A path may be relative to the file or to the root; only what leaves both ways leads outside. Code that
    // is told to climb (`..` alone, `../` in a test of refusals) names no place.
    let depth_of_file = Path::new(file).components().count() - 1;
    let mut depth = depth_of_file;
    let mut named_outside = false;
    let mut outside = false;
    for part in word.trim_start_matches("./").split('/') {
        match part {
            ".." if depth == 0 => outside = true,
            ".." => depth -= 1,
            "" | "." => {}
            _ if outside => named_outside = true,
            _ => depth += 1,
        }
    }
    named_outside
}

fn is_on_one_machine(word: &str) -> bool {
    word.strip_prefix('/').is_some_and(|rest| {
        rest.split_once('/')
            .is_some_and(|(top, below)| ONE_MACHINE.contains(&top) && !below.is_empty())
    })
}

/// `issue 12`, `Issue #12`: a number that only the tracker of one time and place can explain.
fn issue_number(line: &str) -> Option<&str> {
    let lower = line.to_ascii_lowercase();
    lower.match_indices("issue ").find_map(|(at, word)| {
        let starts_a_word = !lower[..at].ends_with(|c: char| c.is_alphanumeric());
        let number = lower[at + word.len()..].trim_start_matches('#');
        let digits = number.len()
            - number
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .len();
        let end = lower.len() - number.len() + digits;
        (starts_a_word && digits > 0).then(|| &line[at..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_thousand_lines_is_the_longest() {
        let longest = "x\n".repeat(MOST_LINES);
        assert!(violations("crates/a/src/lib.rs", &longest).is_empty());
        let longer = "x\n".repeat(MOST_LINES + 1);
        assert_eq!(violations("crates/a/src/lib.rs", &longer).len(), 1);
        assert_eq!(violations("ui/src/App.svelte", &longer).len(), 1);
        assert!(violations("ui/src/lib/ipc/bindings/View.ts", &longer).is_empty());
        assert!(violations("docs/LONG.md", &longer).is_empty());
    }

    #[test]
    fn an_open_end_needs_its_reason() {
        for bad in [
            "// TODO",
            "// TODO: later",
            "# FIXME",
            "// TODO(ana): make it faster",
        ] {
            assert!(is_open_end(bad), "{bad}");
        }
        for good in [
            "// TODO: wait for the release that answers this",
            "a `TODO` in prose",
            "let s = \"TODO\";",
            "AUTODOC",
            "TODOS_PER_PAGE",
        ] {
            assert!(!is_open_end(good), "{good}");
        }
    }

    #[test]
    fn paths_stay_inside_the_repository() {
        let outside = |file, line| leaves_the_repository(file, line).is_some();
        assert!(outside("README.md", "see ../elsewhere/NOTES.md"));
        assert!(outside("docs/A.md", "[notes](../../elsewhere/NOTES.md)"));
        assert!(outside("docs/A.md", "in `/work/somewhere/NOTES.md`"));
        assert!(outside("a.sh", "cd /builds/group/project"));

        assert!(!outside("docs/A.md", "[readme](../README.md)"));
        assert!(!outside("ui/src/lib/a.ts", "import '../../views/x'"));
        assert!(!outside(
            "README.md",
            "a folder name like .. or ../ is refused"
        ));
        assert!(!outside(
            "README.md",
            "/home/ana/infra, /usr/bin/env, https://example.org/work/x"
        ));
    }

    #[test]
    fn numbers_of_a_tracker_explain_nothing() {
        assert_eq!(issue_number("as in Issue #12, above"), Some("Issue #12"));
        assert_eq!(issue_number("wanted by issue 7"), Some("issue 7"));
        assert_eq!(issue_number("we issue 7-day permits"), Some("issue 7"));
        assert_eq!(issue_number("reissue 7"), None);
        assert_eq!(issue_number("an issue with the key"), None);
    }

    #[test]
    fn a_violation_names_file_and_line() {
        let found = violations("src-tauri/main.rs", "fine\n// TODO\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src-tauri/main.rs:2: "), "{found:?}");
    }
}
