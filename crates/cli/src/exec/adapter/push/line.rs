//! The command line of a `git push`.

use vidimus_protocol::action::{PUSH_OPTIONS, RefUpdate, push_words};

use crate::out::visible;

/// A command line that is known in full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Options of git itself.
    pub(super) global: Vec<String>,
    /// Options that stay.
    kept: Vec<String>,
    /// Everything behind `push`, as it was given.
    pub(super) push: Vec<String>,
    /// The remote, if one is named.
    pub(super) remote: Option<String>,
}

/// Options that choose what moves: it is spelled out instead.
const CHOOSE: &[&str] = &[
    "--all",
    "--branches",
    "--delete",
    "--follow-tags",
    "--force",
    "--force-if-includes",
    "--force-with-lease",
    "--mirror",
    "--prune",
    "--set-upstream",
    "--tags",
];
/// What stands in what runs.
const NO_MORE: [&str; 2] = ["--no-follow-tags", "--no-recurse-submodules"];
const NO_OPTIONS: &str = "push.pushOption=";

impl Line {
    /// `None` when it is no push.
    pub(super) fn read(argv: &[String]) -> Result<Option<Self>, String> {
        let mut words = argv.iter().skip(1);
        let mut global = Vec::new();
        loop {
            let Some(word) = words.next() else {
                return Ok(None);
            };
            match word.as_str() {
                "push" => break,
                "-C" => {
                    global.push(word.clone());
                    global.extend(words.next().cloned());
                }
                "-c" => match words.next() {
                    // As in what runs.
                    Some(setting) if setting == NO_OPTIONS => {}
                    _ => return Err(unknown(word)),
                },
                "--no-pager" | "--literal-pathspecs" => global.push(word.clone()),
                _ if word.starts_with("--git-dir=") || word.starts_with("--work-tree=") => {
                    global.push(word.clone());
                }
                _ => return Ok(None),
            }
        }
        let push: Vec<_> = words.cloned().collect();
        let mut line = Self {
            global,
            kept: Vec::new(),
            push,
            remote: None,
        };
        let mut options_end = false;
        for word in line.push.clone() {
            match word.as_str() {
                "--dry-run" | "-n" if !options_end => return Ok(None),
                "--" if !options_end => options_end = true,
                word if !options_end && word.starts_with('-') => line.option(word)?,
                word if line.remote.is_none() => line.remote = Some(word.to_owned()),
                // References: git itself says what they mean.
                _ => {}
            }
        }
        Ok(Some(line))
    }

    fn option(&mut self, word: &str) -> Result<(), String> {
        let name = word.split('=').next().unwrap_or_default();
        if CHOOSE.contains(&name) || is_short(word) {
            return Ok(());
        }
        if NO_MORE.contains(&word) {
            return Ok(());
        }
        if PUSH_OPTIONS.contains(&word) {
            self.kept.push(word.to_owned());
            return Ok(());
        }
        Err(unknown(word))
    }

    /// The command line that pushes exactly these.
    pub(super) fn exact(&self, git: &str, url: &str, refs: &[RefUpdate]) -> Vec<String> {
        let mut argv = vec![git.to_owned()];
        argv.extend(self.global.iter().cloned());
        argv.extend(push_words(&self.kept, url, refs));
        argv
    }
}

fn unknown(word: &str) -> String {
    format!(
        "what `{}` does to a push is not known here: leave it out, or hold the push as a plain command with `--plain`",
        visible(word)
    )
}

/// Short options that only choose what moves or how much is said.
fn is_short(word: &str) -> bool {
    let letters = word.strip_prefix('-').unwrap_or_default();
    !letters.is_empty() && letters.chars().all(|letter| "fudqv".contains(letter))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(line: &str) -> Result<Option<Line>, String> {
        let argv: Vec<_> = line.split(' ').map(str::to_owned).collect();
        Line::read(&argv)
    }

    #[test]
    fn only_a_push_that_is_known_in_full_is_adapted() {
        let line = read("git -C /srv push -fu --atomic origin main:x");
        let line = line.unwrap().unwrap();
        assert_eq!(line.global, ["-C", "/srv"]);
        assert_eq!(line.kept, ["--atomic"]);
        assert_eq!(line.remote.as_deref(), Some("origin"));
        assert_eq!(line.push, ["-fu", "--atomic", "origin", "main:x"]);
        for plain in [
            "git status",
            "git",
            "git --exec-path=/x push",
            "git push --dry-run",
            "git push -n o",
        ] {
            assert_eq!(read(plain), Ok(None), "{plain}");
        }
        for unknown in [
            "git -c a.b=c push",
            "git -c",
            "git push --receive-pack=/x o",
            "git push -o x o",
            "git push --repo=x",
            "git push -x",
            "git push -",
        ] {
            assert!(read(unknown).unwrap_err().contains("--plain"), "{unknown}");
        }
    }

    #[test]
    fn what_runs_names_objects_and_where_each_reference_was() {
        let line = read("git -C /srv push --force-with-lease -q --atomic").unwrap();
        let update = |name: &str, old: Option<&str>, new: Option<&str>| RefUpdate {
            commits: vec![],
            lost: 0,
            more: 0,
            name: name.into(),
            new: new.map(Into::into),
            old: old.map(Into::into),
        };
        let refs = [
            update("refs/heads/a", Some("o1"), Some("n1")),
            update("refs/heads/gone", Some("o2"), None),
            update("refs/heads/new", None, Some("n3")),
        ];
        let exact = line.unwrap().exact("git", "/srv/x.git", &refs);
        assert_eq!(
            exact.join(" "),
            "git -C /srv -c push.pushOption= push --atomic --no-follow-tags --no-recurse-submodules --force-with-lease=refs/heads/a:o1 --force-with-lease=refs/heads/gone:o2 --force-with-lease=refs/heads/new: -- /srv/x.git n1:refs/heads/a :refs/heads/gone n3:refs/heads/new"
        );
        // What runs can be read again: that is how it is looked at anew.
        let again = Line::read(&exact).unwrap().unwrap();
        assert_eq!(again.remote.as_deref(), Some("/srv/x.git"));
        assert_eq!(again.exact("git", "/srv/x.git", &refs), exact);
    }
}
