//! Coding agents that fire our hook: fetched in their pinned version, and run offline with a scripted model.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell::{Workspace, call};
use crate::test::WEBDRIVER;

/// Their names and sums, and the folder below `target` in which they are put.
const SOURCES: (&str, &str) = ("tests/hosts", "hosts");
/// Those that take hundreds of megabytes.
const DEEP: (&str, &str) = ("tests/hosts/deep", "hosts-deep");
const PINNED: [&str; 2] = ["package.json", "package-lock.json"];
/// The programs in their packages for this machine.
const CLAUDE: &str = "node_modules/@anthropic-ai/claude-code-linux-x64/claude";
const CODEX: &str =
    "node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex";
const COPILOT: &str = "node_modules/@github/copilot-linux-x64/copilot";

/// Has the real Claude Code fire the hook. Only the download needs the network.
pub(crate) fn claude(workspace: &Workspace) -> Result<()> {
    let folder = fetch(workspace, SOURCES, CLAUDE)?;
    call(
        workspace
            .cargo()
            .env("VIDIMUS_CLAUDE", folder.join(CLAUDE))
            // As the programs and tests were built.
            .args(["test", "--locked", "--workspace", "--features", WEBDRIVER])
            .args(["--test", "hook", "--", "--ignored", "claude_code"]),
    )
}

/// The hosts of the deep tests, and the variables that name them.
pub(crate) fn deep(workspace: &Workspace) -> Result<Vec<(&'static str, OsString)>> {
    let folder = fetch(workspace, DEEP, CODEX)?;
    Ok(vec![
        ("VIDIMUS_CODEX", folder.join(CODEX).into()),
        ("VIDIMUS_COPILOT", folder.join(COPILOT).into()),
    ])
}

/// Installs what is pinned, unless it is there. Returns the folder.
fn fetch(workspace: &Workspace, (sources, folder): (&str, &str), probe: &str) -> Result<PathBuf> {
    let folder = workspace.target.join(folder);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut same = folder.join(probe).exists();
    for name in PINNED {
        let wanted = fs::read(workspace.root.join(sources).join(name))
            .with_context(|| format!("reading {sources}/{name}"))?;
        let there = folder.join(name);
        same &= fs::read(&there).is_ok_and(|there| there == wanted);
        fs::write(&there, wanted).with_context(|| format!("writing {}", there.display()))?;
    }
    if !same {
        // Nothing of the packages runs while they are installed.
        let mut npm = workspace.npm();
        npm.current_dir(&folder);
        call(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    }
    Ok(folder)
}
