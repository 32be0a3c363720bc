//! The client libraries: types and lints, and their tests against a real gateway with a person.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::shell::{Workspace, call};
use crate::{node, python};

const PYTHON: &str = "sdk/python";
const TYPESCRIPT: &str = "sdk/typescript";
/// The frameworks too, so that types and tests mean the real ones.
const REQUIREMENTS: &str = "sdk/python/tests/requirements.txt";

/// Format, lints and types of the Python client.
pub(crate) fn check_python(workspace: &Workspace) -> Result<()> {
    let python = python::ensure(workspace, "sdk", REQUIREMENTS)?;
    for tool in [
        &["ruff", "format", "--check"][..],
        &["ruff", "check"],
        &["mypy"],
    ] {
        call(in_python(workspace, &python).arg("-m").args(tool))?;
    }
    Ok(())
}

/// Types of the TypeScript client.
pub(crate) fn check_typescript(workspace: &Workspace) -> Result<()> {
    node::ensure_packages_in(workspace, TYPESCRIPT)?;
    call(workspace.npm_in(TYPESCRIPT).args(["run", "check"]))
}

/// Builds the Python package and runs its tests. Needs the built examples.
pub(crate) fn test_python(workspace: &Workspace) -> Result<()> {
    let python = python::ensure(workspace, "sdk", REQUIREMENTS)?;
    call(
        in_python(workspace, &python)
            .args([
                "-m",
                "hatchling",
                "build",
                "--target",
                "wheel",
                "--directory",
            ])
            .arg(workspace.target.join("sdk")),
    )?;
    call(
        in_python(workspace, &python)
            // Leaves no compiled files among the sources.
            .args(["-B", "-m", "pytest", "--quiet"])
            .env("PYTHONPATH", "src")
            .env("VIDIMUS_SDK_LAB", lab(workspace)),
    )
}

/// Builds the TypeScript package and runs its tests. Needs the built examples.
pub(crate) fn test_typescript(workspace: &Workspace) -> Result<()> {
    node::ensure_packages_in(workspace, TYPESCRIPT)?;
    call(
        workspace
            .npm_in(TYPESCRIPT)
            .arg("test")
            .env("VIDIMUS_SDK_LAB", lab(workspace)),
    )
}

fn in_python(workspace: &Workspace, python: &PathBuf) -> Command {
    let mut command = Command::new(python);
    command.current_dir(workspace.root.join(PYTHON));
    command
}

/// A gateway with a person, built with the tests.
fn lab(workspace: &Workspace) -> PathBuf {
    workspace.target.join("debug/examples/sdk_lab")
}
