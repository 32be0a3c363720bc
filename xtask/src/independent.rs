//! The independent verifier: both implementations of docs/spec are asked the same questions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{Workspace, call};

const SOURCES: &str = "tests/independent";
/// A copy of the requirements, laid beside the packages that were installed from them.
const STAMP: &str = "installed-requirements.txt";

/// Writes the cases with the Rust verifier's answers, then lets the Python one answer them too.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let python = ensure_python(workspace)?;
    let cases = workspace.target.join("independent-cases");
    // Built with the tests: cargo would build it again with other features, and all below it.
    let example = workspace.target.join("debug/examples/independent_cases");
    call(Command::new(example).arg(&cases))?;
    let sources = workspace.root.join(SOURCES);
    call(
        Command::new(python)
            // Leaves no compiled files among the sources.
            .arg("-B")
            .arg(sources.join("agree.py"))
            .arg(&cases),
    )
}

/// An interpreter with the pinned packages, in a virtual environment of its own.
fn ensure_python(workspace: &Workspace) -> Result<PathBuf> {
    let environment = workspace.target.join("tools/python");
    let python = environment.join("bin/python");
    let requirements = workspace.root.join(SOURCES).join("requirements.txt");
    let wanted = read(&requirements)?;
    let stamp = environment.join(STAMP);
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    call(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )?;
    call(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--require-hashes"])
            .args(["--disable-pip-version-check", "--only-binary", ":all:"])
            .arg("--requirement")
            .arg(&requirements),
    )?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(python)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}
