//! Coding agents that fire our hook: fetched in their pinned version, and run offline with a scripted model.

use std::fs;

use anyhow::{Context, Result};

use crate::shell::{Workspace, call};
use crate::test::WEBDRIVER;

/// Their names and sums.
const SOURCES: &str = "tests/hosts";
const PINNED: [&str; 2] = ["package.json", "package-lock.json"];
/// The program in its package for this machine.
const CLAUDE: &str = "node_modules/@anthropic-ai/claude-code-linux-x64/claude";

/// Has the real Claude Code fire the hook. Only the download needs the network.
pub(crate) fn claude(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("hosts");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut same = folder.join(CLAUDE).exists();
    for name in PINNED {
        let wanted = fs::read(workspace.root.join(SOURCES).join(name))
            .with_context(|| format!("reading {SOURCES}/{name}"))?;
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
    call(
        workspace
            .cargo()
            .env("VIDIMUS_CLAUDE", folder.join(CLAUDE))
            // As the programs and tests were built.
            .args(["test", "--locked", "--workspace", "--features", WEBDRIVER])
            .args(["--test", "hook", "--", "--ignored", "claude_code"]),
    )
}
