//! Second opinions: other WebAuthn libraries are asked about the acts in our exports, and the test vectors of
//! WebAuthn Level 3 are computed anew.

use std::process::Command;

use anyhow::Result;

use crate::python;
use crate::shell::{Workspace, call};

const SOURCES: &str = "tests/opinions";
const REQUIREMENTS: &str = "tests/opinions/requirements.txt";

/// Writes exports and cases with our verifier's answers, then lets the libraries answer them too.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let python = python::ensure(workspace, "opinions", REQUIREMENTS)?;
    let sources = workspace.root.join(SOURCES);
    let script = |name: &str| {
        let mut command = Command::new(&python);
        // Leaves no compiled files among the sources.
        command.arg("-B").arg(sources.join(name));
        command
    };
    call(&mut script("level3.py"))?;
    let cases = workspace.target.join("opinion-cases");
    // Built with the tests, as the independent verifier's cases are.
    call(Command::new(workspace.target.join("debug/examples/opinion_cases")).arg(&cases))?;
    call(script("opinions.py").arg(&cases))
}
