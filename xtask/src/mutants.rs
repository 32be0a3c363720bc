//! `cargo xtask mutants`: changes the code of what must not be wrong, one small thing at a time, and sees whether a
//! test fails. It takes hours, so each file's row is written when it is done and stands while the file is the same.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::shell::{Workspace, call, output, words};

/// Pinned, so that a new release of a tool cannot change what is found.
const TOOLS: [(&str, &str); 2] = [("cargo-mutants", "27.1.0"), ("cargo-nextest", "0.9.151")];
/// Ledger entries and lifecycle, what a policy says, what a verifier says.
const PACKAGES: [&str; 3] = ["vidimus-protocol", "vidimus-policy", "vidimus-verify"];
const PAGE: &str = "docs/MUTANTS.md";
/// A test that takes longer than all of them by this factor hangs, which is noticed too.
const PATIENCE: u64 = 6;
const HEAD: &str = "# Mutants

Written by `cargo xtask mutants`, which changes one small thing of a file (an operator, a result, an arm of a match) and runs the tests of its package, for everything that [cargo-mutants](https://mutants.rs) knows to change. *Caught*: a test failed, or hung. *Unfit*: it did not compile. *Survived*: no test noticed. What is not changed, and why, stands in `.cargo/mutants.toml`. A row speaks for the file as it was then: where its blob is another now, the row is stale and the next run makes it anew.
";
const COLUMNS: &str = "
| File | Blob | Mutants | Caught | Unfit | Survived |
|---|---|---:|---:|---:|---:|
";
const SURVIVORS: &str = "
## Survivors

";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these files (a part of their path is enough), also where their rows are not stale
    files: Vec<String>,
    /// Begin no other file after so many minutes
    #[arg(long, value_name = "MINUTES")]
    within: Option<u64>,
}

impl Args {
    /// All that is stale.
    pub(crate) fn stale(within: Option<u64>) -> Self {
        Self {
            files: Vec::new(),
            within,
        }
    }
}

/// One line about whether the rows still speak for the code as it was committed last.
pub(crate) fn status(workspace: &Workspace) -> Result<String> {
    let Ok(text) = fs::read_to_string(workspace.root.join(PAGE)) else {
        return Ok("mutants: never run (`cargo xtask mutants`)".to_owned());
    };
    let rows = rows_of(&text);
    let stale = |(path, row): &(&String, &Row)| {
        // A file that is gone has no blob.
        blob(workspace, path).is_ok_and(|blob| blob != row.blob)
    };
    let stale = rows.iter().filter(stale).count();
    Ok(format!(
        "mutants: rows of {} files, {stale} of them stale (`cargo xtask mutants`)",
        rows.len()
    ))
}

/// The file as the last commit has it.
fn blob(workspace: &Workspace, path: &str) -> Result<String> {
    let name = format!("HEAD:{path}");
    let blob = output(workspace.git().args(["rev-parse", "--short=12", &name]))?;
    Ok(blob.trim().to_owned())
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let start = Instant::now();
    let lab = Lab::new(workspace)?;
    let page = workspace.root.join(PAGE);
    let mut rows = match fs::read_to_string(&page) {
        Ok(text) => rows_of(&text),
        Err(_) => BTreeMap::new(),
    };
    let all = lab.files()?;
    rows.retain(|path, _| all.iter().any(|file| file.path == *path));
    let stale = |rows: &BTreeMap<String, Row>, file: &File| {
        rows.get(&file.path).is_none_or(|row| row.blob != file.blob)
    };
    let mut timeouts = BTreeMap::new();
    for file in &all {
        let wanted = if args.files.is_empty() {
            stale(&rows, file)
        } else {
            args.files.iter().any(|part| file.path.contains(part))
        };
        let late = args
            .within
            .is_some_and(|minutes| start.elapsed().as_secs() > minutes * 60);
        if !wanted || late {
            continue;
        }
        let timeout = match timeouts.get(&file.package) {
            Some(timeout) => *timeout,
            None => lab.baseline(&file.package)?,
        };
        timeouts.insert(&file.package, timeout);
        let row = Row::of(&file.blob, &lab.mutate(file, timeout)?)?;
        rows.insert(file.path.clone(), row);
        let text = text_of(&rows);
        fs::write(&page, text).with_context(|| format!("writing {}", page.display()))?;
    }
    let stale = all.iter().filter(|file| stale(&rows, file)).count();
    println!(
        "{PAGE}: {} files, {stale} of them without a row of today",
        all.len()
    );
    let survivors: usize = rows.values().map(|row| row.survivors.len()).sum();
    ensure!(
        survivors == 0,
        "{survivors} mutants survived: {PAGE} names them"
    );
    Ok(())
}

/// What is changed.
struct File {
    package: String,
    path: String,
    blob: String,
}

/// A checkout of the last commit that is changed and built apart from ours.
struct Lab<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    tree: PathBuf,
}

impl<'a> Lab<'a> {
    fn new(workspace: &'a Workspace) -> Result<Self> {
        for (tool, version) in TOOLS {
            call(
                workspace
                    .cargo()
                    .env("CARGO_PROFILE_DEV_DEBUG", "0")
                    .args(["install", "--quiet", "--locked", "--debug", "--root"])
                    .arg(workspace.target.join("tools"))
                    .args([tool, "--version", version]),
            )
            .with_context(|| format!("installing {tool}"))?;
        }
        let folder = workspace.target.join("mutants");
        let tree = folder.join("tree");
        if !tree.join(".git").exists() {
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
            let clone = ["clone", "--quiet", "--shared", "--no-checkout", "."];
            call(workspace.git().args(clone).arg(&tree))?;
        }
        let commit = output(workspace.git().args(["rev-parse", "HEAD"]))?;
        let here = |args: &[&str]| {
            let mut git = workspace.git();
            git.current_dir(&tree).args(args);
            call(&mut git)
        };
        here(&["fetch", "--quiet", "origin"])?;
        // Also undoes the change in which an earlier run was stopped.
        here(&["reset", "--quiet", "--hard", commit.trim()])?;
        Ok(Self {
            workspace,
            folder,
            tree,
        })
    }

    /// Cargo in the tree, with our tools.
    fn cargo(&self) -> Result<std::process::Command> {
        let tools = self.workspace.target.join("tools/bin");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(std::iter::once(tools).chain(env::split_paths(&path)));
        let mut cargo = self.workspace.cargo();
        cargo
            .current_dir(&self.tree)
            .env("PATH", path.context("a folder of `PATH` has a colon")?)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .env("NEXTEST_PROFILE", "mutants");
        Ok(cargo)
    }

    /// Every file that has something to change.
    fn files(&self) -> Result<Vec<File>> {
        let mut cargo = self.cargo()?;
        cargo.args(["mutants", "--list-files", "--json"]);
        for package in PACKAGES {
            cargo.args(["--package", package]);
        }
        let files: Vec<Value> = serde_json::from_str(&output(&mut cargo)?)
            .with_context(|| format!("reading the output of `{}`", words(&cargo)))?;
        let text = |file: &Value, name: &str| {
            let text = file[name].as_str().map(str::to_owned);
            text.with_context(|| format!("a file has no {name}"))
        };
        let file = |file: &Value| {
            let path = text(file, "path")?;
            Ok(File {
                package: text(file, "package")?,
                blob: blob(self.workspace, &path)?,
                path,
            })
        };
        files.iter().map(file).collect()
    }

    /// Builds and runs the tests as they are. Returns how many seconds a mutant's may take.
    fn baseline(&self, package: &str) -> Result<u64> {
        let nextest = |more: &[&str]| -> Result<()> {
            let mut cargo = self.cargo()?;
            cargo.args(["nextest", "run", "--package", package, "--lib", "--tests"]);
            call(cargo.args(more))
        };
        nextest(&["--no-run"])?;
        let start = Instant::now();
        nextest(&[]).context("the tests fail without any change")?;
        Ok((start.elapsed().as_secs() * PATIENCE).max(30))
    }

    /// Changes one thing of the file after the other. Returns what cargo-mutants says of each.
    fn mutate(&self, file: &File, timeout: u64) -> Result<Value> {
        let mut cargo = self.cargo()?;
        cargo
            .args(["mutants", "--in-place", "--baseline", "skip"])
            .args(["--package", &file.package, "--file", &file.path])
            .args(["--timeout", &timeout.to_string(), "--output"])
            .arg(&self.folder);
        println!("$ {}", words(&cargo));
        let status = cargo
            .status()
            .with_context(|| format!("starting `{}`", words(&cargo)))?;
        // 0: all caught, 2: some survived, 3: some hung. https://mutants.rs/exit-codes.html
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            bail!("`{}` ended with {status}", words(&cargo));
        }
        read_json(&self.folder.join("mutants.out/outcomes.json"))
    }
}

fn read_json(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
}

/// What became of the mutants of one file.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    blob: String,
    caught: usize,
    unfit: usize,
    survivors: Vec<String>,
}

impl Row {
    fn of(blob: &str, outcomes: &Value) -> Result<Self> {
        let mut row = Self {
            blob: blob.to_owned(),
            caught: 0,
            unfit: 0,
            survivors: Vec::new(),
        };
        let outcomes = outcomes["outcomes"].as_array();
        for outcome in outcomes.context("there are no outcomes")? {
            let name = outcome["scenario"]["Mutant"]["name"].as_str();
            match outcome["summary"].as_str() {
                Some("CaughtMutant" | "Timeout") => row.caught += 1,
                Some("Unviable") => row.unfit += 1,
                Some("MissedMutant") => {
                    row.survivors
                        .push(name.context("a mutant has no name")?.to_owned());
                }
                other => bail!("cargo-mutants says {other:?} of {name:?}"),
            }
        }
        Ok(row)
    }
}

fn text_of(rows: &BTreeMap<String, Row>) -> String {
    let lines = rows.iter().map(|(file, row)| {
        let survived = row.survivors.len();
        let all = row.caught + row.unfit + survived;
        format!(
            "| `{file}` | `{}` | {all} | {} | {} | {survived} |\n",
            row.blob, row.caught, row.unfit
        )
    });
    let lines: String = lines.collect();
    let survivors = rows.values().flat_map(|row| &row.survivors);
    let survivors: String = survivors.map(|name| format!("- `{name}`\n")).collect();
    let survivors = if survivors.is_empty() {
        String::new()
    } else {
        format!("{SURVIVORS}{survivors}")
    };
    format!("{HEAD}{COLUMNS}{lines}{survivors}")
}

fn rows_of(page: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'))
            .collect();
        if let [file, blob, _, caught, unfit, _] = cells.as_slice()
            && let (Ok(caught), Ok(unfit)) = (caught.parse(), unfit.parse())
        {
            let row = Row {
                blob: (*blob).to_owned(),
                caught,
                unfit,
                survivors: Vec::new(),
            };
            rows.insert((*file).to_owned(), row);
        }
        let survivor = line.strip_prefix("- `").and_then(|it| it.strip_suffix('`'));
        if let Some(name) = survivor
            && let Some((file, _)) = name.split_once(':')
            && let Some(row) = rows.get_mut(file)
        {
            row.survivors.push(name.to_owned());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(summary: &str, name: &str) -> Value {
        json!({"scenario": {"Mutant": {"name": name}}, "summary": summary})
    }

    #[test]
    fn a_row_counts_and_names_who_survived() {
        let name = "crates/a/src/b.rs:7:9: replace == with != in c";
        let outcomes = json!({"outcomes": [
            outcome("CaughtMutant", "x"),
            outcome("Timeout", "x"),
            outcome("Unviable", "x"),
            outcome("MissedMutant", name),
        ]});
        let row = Row::of("0123", &outcomes).expect("outcomes");
        assert_eq!((row.caught, row.unfit), (2, 1));
        assert_eq!(row.survivors, [name]);
        let strange = json!({"outcomes": [outcome("Failure", "x")]});
        assert!(Row::of("", &strange).is_err());
        assert!(Row::of("", &json!({})).is_err());
    }

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let row = |survivors: &[&str]| Row {
            blob: "0123".to_owned(),
            caught: 3,
            unfit: 1,
            survivors: survivors.iter().map(ToString::to_string).collect(),
        };
        let rows = BTreeMap::from([
            ("a.rs".to_owned(), row(&[])),
            (
                "b.rs".to_owned(),
                row(&["b.rs:1:2: replace a | b with a ^ b"]),
            ),
        ]);
        let page = text_of(&rows);
        assert!(
            page.contains("| `b.rs` | `0123` | 5 | 3 | 1 | 1 |"),
            "{page}"
        );
        assert_eq!(rows_of(&page), rows);
        assert_eq!(rows_of(""), BTreeMap::new());
    }
}
