//! Policies as files: a folder, or files by name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use vidimus_policy::fixtures::{self, Case};
use vidimus_policy::{PolicyFile, PolicyText, Problem, Set};
use vidimus_protocol::entry::Profile;

use crate::stop::{Stop, code};

/// Policies that were read, and are right.
pub(super) struct Read {
    pub(super) set: Set,
    pub(super) text: PolicyText,
    places: Places,
}

/// Where the files are, by the name that they have in a policy.
#[derive(Default)]
struct Places(BTreeMap<String, PathBuf>);

/// Reads and checks policies, without their tests.
///
/// The outer error: they cannot be read. The inner one: they are wrong.
pub(super) fn read(
    paths: &[PathBuf],
    profile: Profile,
) -> Result<Result<Read, Vec<Problem>>, Stop> {
    let mut problems = Vec::new();
    let (files, places) = files(paths, &mut problems)?;
    if files.is_empty() && problems.is_empty() {
        let shown = paths.iter().map(|path| format!("`{}`", path.display()));
        return Err(Stop::new(
            code::USAGE,
            format!(
                "there are no policies in {}: they are files that end in .cedar. `vidimus policy starter` writes some to begin with",
                shown.collect::<Vec<_>>().join(", ")
            ),
        ));
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let text = match PolicyText::new(files) {
        Ok(text) => text,
        Err(error) => return Ok(Err(vec![whole(paths, &error.to_string())])),
    };
    let set = Set::parse(&text, profile, "these files");
    Ok(match set {
        Ok(set) => Ok(Read { set, text, places }),
        Err(problems) => Err(places.named(problems)),
    })
}

impl Read {
    /// The tests that stand beside the policies.
    pub(super) fn cases(&self) -> Result<Vec<Case>, Vec<Problem>> {
        fixtures::cases(&self.text).map_err(|problems| self.places.named(problems))
    }

    /// A file of the set as whoever named it calls it.
    pub(super) fn place(&self, file: &str) -> String {
        self.places.of(file)
    }
}

impl Places {
    fn of(&self, file: &str) -> String {
        let path = self.0.get(file);
        path.map_or_else(|| file.to_owned(), |path| path.display().to_string())
    }

    fn named(&self, problems: Vec<Problem>) -> Vec<Problem> {
        let named = |problem: Problem| Problem {
            file: self.of(&problem.file),
            ..problem
        };
        problems.into_iter().map(named).collect()
    }
}

fn files(
    paths: &[PathBuf],
    problems: &mut Vec<Problem>,
) -> Result<(Vec<PolicyFile>, Places), Stop> {
    let mut files = Vec::new();
    let mut places = Places::default();
    for path in found(paths)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = fs::read(&path).map_err(|why| unreadable(&path, &why))?;
        let Ok(text) = String::from_utf8(bytes) else {
            problems.push(about(&path, "it is no text in UTF-8"));
            continue;
        };
        let file = PolicyFile {
            name: name.into_owned(),
            text,
        };
        if let Err(error) = PolicyText::new(vec![file.clone()]) {
            problems.push(about(&path, &error.to_string()));
        } else if let Some(other) = places.0.insert(file.name.clone(), path.clone()) {
            let why = format!(
                "`{}` has the same name: in a policy each file has another",
                other.display()
            );
            problems.push(about(&path, &why));
        } else {
            files.push(file);
        }
    }
    Ok((files, places))
}

/// The files themselves: of a folder those that belong to a policy.
fn found(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let listed = fs::read_dir(path).and_then(|entries| {
            let paths = entries.map(|entry| Ok(entry?.path()));
            paths.collect::<io::Result<Vec<PathBuf>>>()
        });
        let listed = listed.map_err(|why| unreadable(path, &why))?;
        let mut inside: Vec<PathBuf> = listed.into_iter().filter(|path| belongs(path)).collect();
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

fn belongs(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let of_policy = path
        .extension()
        .and_then(|end| end.to_str())
        .is_some_and(|end| matches!(end, "cedar" | "ics" | "json"));
    of_policy && !hidden && path.is_file()
}

fn about(path: &Path, why: &str) -> Problem {
    Problem {
        file: path.display().to_string(),
        line: 1,
        column: 1,
        policy: None,
        message: why.to_owned(),
    }
}

fn whole(paths: &[PathBuf], why: &str) -> Problem {
    about(paths.first().map_or(Path::new("."), PathBuf::as_path), why)
}

pub(super) fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Stop {
    Stop::new(
        code::USAGE,
        format!("cannot read `{}`: {why}", path.display()),
    )
}
