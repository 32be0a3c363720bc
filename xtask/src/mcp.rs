//! The official MCP clients against public servers, with `vidimus mcp` between them.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::python;
use crate::shell::{Workspace, call};

const SOURCES: &str = "tests/mcp";
const REQUIREMENTS: &str = "tests/mcp/requirements.txt";
/// What npm installs from, and clients that find their packages beside themselves.
const FOR_NODE: &[&str] = &[
    "package.json",
    "package-lock.json",
    "old_client.mjs",
    "old_tasks.mjs",
];
/// A copy of the lockfile, laid beside the packages that were installed from it.
const STAMP: &str = "installed-package-lock.json";

/// Runs them against a real gateway with a software key. Needs the built programs and examples.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let python = python::ensure(workspace, "mcp", REQUIREMENTS)?;
    let folder = workspace.target.join("tools/mcp-node");
    let sources = workspace.root.join(SOURCES);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    for name in FOR_NODE {
        fs::copy(sources.join(name), folder.join(name))
            .with_context(|| format!("copying {name} to {}", folder.display()))?;
    }
    let lock = fs::read(folder.join("package-lock.json"))?;
    let stamp = folder.join(STAMP);
    if !fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        call(Command::new("npm").current_dir(&folder).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ]))?;
        fs::write(&stamp, lock).with_context(|| format!("writing {}", stamp.display()))?;
    }
    call(
        Command::new(workspace.target.join("debug/examples/api_lab"))
            .arg(python)
            // Leaves no compiled files among the sources.
            .arg("-B")
            .arg(sources.join("clients.py"))
            .arg(workspace.target.join("debug/vidimus"))
            .arg(folder.join("node_modules")),
    )
}
