//! Python for the tests: pinned packages in virtual environments below `target/tools`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{Workspace, call};

/// A copy of the requirements, laid beside the packages that were installed from them.
const STAMP: &str = "installed-requirements.txt";

/// The interpreter of the environment `name`, made anew whenever `requirements` (a path below the
/// root) has changed.
pub(crate) fn ensure(workspace: &Workspace, name: &str, requirements: &str) -> Result<PathBuf> {
    let environment = workspace.target.join("tools").join(name);
    let python = environment.join("bin/python");
    let stamp = environment.join(STAMP);
    let requirements = workspace.root.join(requirements);
    let wanted =
        fs::read(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
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
