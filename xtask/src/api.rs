//! The HTTP interface, asked from outside: schemathesis against the description, and the walk through it in
//! `docs/API.md`.

use std::process::Command;

use anyhow::Result;

use crate::python;
use crate::shell::{Workspace, call};

const REQUIREMENTS: &str = "tests/api/requirements.txt";

/// Runs schemathesis against a gateway of its own. Needs the built examples.
pub(crate) fn conformance(workspace: &Workspace) -> Result<()> {
    let python = python::ensure(workspace, "schemathesis", REQUIREMENTS)?;
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
