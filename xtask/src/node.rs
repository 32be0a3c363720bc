//! The front end's tools: is Node there and new enough, are its packages those of the lockfile.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{Workspace, call, in_path, output};

/// What Vite 8 runs on.
const WANTED: &str = "20.19 or newer within 20, or 22.12 or newer";
/// A copy of the lockfile, laid beside the packages that were installed from it.
const STAMP: &str = "ui/node_modules/.installed-package-lock.json";

/// Checks Node and installs the front end's packages when the lockfile has changed since the last time.
pub(crate) fn ensure_packages(workspace: &Workspace) -> Result<()> {
    check_version()?;
    let lockfile = workspace.root.join("ui/package-lock.json");
    let lock = fs::read(&lockfile).with_context(|| format!("reading {}", lockfile.display()))?;
    let stamp = workspace.root.join(STAMP);
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    // Debian's Chromium drives the UI tests, so Playwright need not download one.
    call(
        workspace
            .npm()
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
            .args(["ci", "--no-audit", "--no-fund"]),
    )?;
    fs::write(&stamp, lock).with_context(|| format!("writing {}", stamp.display()))
}

/// Builds the front end; the desktop crate does not compile without it.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    call(workspace.npm().args(["run", "build"]))
}

fn check_version() -> Result<()> {
    if !(in_path("node") && in_path("npm")) {
        bail!(
            "Node and npm are needed to build the console's screens ({WANTED}); install them from https://nodejs.org or with your version manager, then start this task again"
        );
    }
    let version = output(Command::new("node").arg("--version"))?;
    let version = version.trim();
    let parsed = parse_version(version)
        .with_context(|| format!("`node --version` answered `{version}`, which is no version"))?;
    if !is_new_enough(parsed) {
        bail!(
            "Node {version} is too old for Vite: {WANTED} is needed; install one from https://nodejs.org or with your version manager, then start this task again"
        );
    }
    Ok(())
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix('v')?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    Some((major, minor))
}

fn is_new_enough((major, minor): (u32, u32)) -> bool {
    match major {
        20 => minor >= 19,
        22 => minor >= 12,
        _ => major > 22,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("v20.20.2"), Some((20, 20)));
        assert_eq!(parse_version("v24.0.0-nightly"), Some((24, 0)));
        for wrong in ["", "20.20.2", "v20", "vx.1", "v20.x"] {
            assert_eq!(parse_version(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn old_and_odd_releases_are_refused() {
        for good in [(20, 19), (20, 20), (22, 12), (23, 0), (24, 1)] {
            assert!(is_new_enough(good), "{good:?}");
        }
        for bad in [(18, 20), (20, 18), (21, 7), (22, 11)] {
            assert!(!is_new_enough(bad), "{bad:?}");
        }
    }
}
