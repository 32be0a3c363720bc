//! The HTTP interface, asked from outside: schemathesis against the description, and the walk through it in
//! `docs/API.md`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{Workspace, call};

const REQUIREMENTS: &str = "tests/api/requirements.txt";

/// Runs schemathesis against a gateway of its own. Needs the built examples.
pub(crate) fn conformance(workspace: &Workspace) -> Result<()> {
    let python = schemathesis(workspace)?;
    call(lab(workspace).arg(python).arg("tests/api/conformance.py"))
}

/// Runs the blocks of `docs/API.md` against a gateway of their own. Needs the built examples.
pub(crate) fn walk(workspace: &Workspace) -> Result<()> {
    call(lab(workspace).args(["python3", "tests/api/walk.py", "docs/API.md"]))
}

/// A gateway with people and agents, and a program that is run against it.
fn lab(workspace: &Workspace) -> Command {
    let mut lab = Command::new(workspace.target.join("debug/examples/api_lab"));
    lab.current_dir(&workspace.root);
    lab
}

/// The Python that has schemathesis, made anew whenever the pinned packages have changed.
fn schemathesis(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("tools/schemathesis");
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    let wanted = fs::read(workspace.root.join(REQUIREMENTS))
        .with_context(|| format!("reading {REQUIREMENTS}"))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    call(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )?;
    call(
        Command::new(&python)
            .current_dir(&workspace.root)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args([
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--requirement",
                REQUIREMENTS,
            ]),
    )?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(python)
}
