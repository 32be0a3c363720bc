//! The independent verifier: both implementations of docs/spec are asked the same questions.

use std::process::Command;

use anyhow::Result;

use crate::python;
use crate::shell::{Workspace, call};

const SOURCES: &str = "tests/independent";
const REQUIREMENTS: &str = "tests/independent/requirements.txt";

/// Writes the cases with the Rust verifier's answers, then lets the Python one answer them too.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let python = python::ensure(workspace, "python", REQUIREMENTS)?;
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
