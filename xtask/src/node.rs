//! Node's tools: is Node there and new enough, are the packages those of the lockfile, is the front end built.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::shell::{Workspace, call, in_path, output};

/// What Vite 8 runs on.
const WANTED: &str = "20.19 or newer within 20, or 22.12 or newer";
/// A copy of the lockfile, laid beside the packages that were installed from it.
const STAMP: &str = "node_modules/.installed-package-lock.json";
/// What of `ui/` is not a source: results, and tests with their helpers.
const NO_SOURCE: &[&str] = &["dist", "node_modules", "e2e"];

/// Checks Node and installs the front end's packages when the lockfile has changed since the last time.
pub(crate) fn ensure_packages(workspace: &Workspace) -> Result<()> {
    ensure_packages_in(workspace, "ui")
}

/// The same for the packages of another folder below the root.
pub(crate) fn ensure_packages_in(workspace: &Workspace, folder: &str) -> Result<()> {
    check_version()?;
    let lockfile = workspace.root.join(folder).join("package-lock.json");
    let lock = fs::read(&lockfile).with_context(|| format!("reading {}", lockfile.display()))?;
    let stamp = workspace.root.join(folder).join(STAMP);
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    // Debian's Chromium drives the UI tests, so Playwright need not download one.
    call(
        workspace
            .npm_in(folder)
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
            .args(["ci", "--no-audit", "--no-fund"]),
    )?;
    fs::write(&stamp, lock).with_context(|| format!("writing {}", stamp.display()))
}

/// Builds the front end; the desktop crate does not compile without it.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    call(workspace.npm().args(["run", "build"]))
}

/// Builds the front end unless the last build is newer than every source: each build makes cargo link again.
pub(crate) fn build_if_stale(workspace: &Workspace) -> Result<()> {
    let ui = workspace.ui();
    let built = fs::metadata(ui.join("dist/index.html")).and_then(|page| page.modified());
    let changed =
        newest_source(&ui).with_context(|| format!("looking through {}", ui.display()))?;
    if built.is_ok_and(|built| built > changed) {
        return Ok(());
    }
    build(workspace)
}

/// When a source of the front end last changed. Folders count too: they change when a file goes.
fn newest_source(ui: &Path) -> io::Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut waiting: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(ui)? {
        let entry = entry?;
        if !NO_SOURCE.iter().any(|name| entry.file_name() == *name) {
            waiting.push(entry.path());
        }
    }
    while let Some(path) = waiting.pop() {
        let metadata = fs::metadata(&path)?;
        newest = newest.max(metadata.modified()?);
        if metadata.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
    }
    Ok(newest)
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn sources_count_and_results_do_not() {
        let ui = std::env::temp_dir().join(format!("xtask-node-{}", std::process::id()));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let touch = |path: &str, seconds| {
            let path = ui.join(path);
            if path.extension().is_some() {
                fs::create_dir_all(path.parent().expect("below ui")).expect("made");
                fs::write(&path, "").expect("written");
            }
            let file = fs::File::open(&path).expect("opened");
            file.set_modified(at(seconds)).expect("dated");
        };
        touch("src/lib/a.ts", 10);
        touch("dist/index.html", 99);
        touch("node_modules/b/c.js", 99);
        touch("src/lib", 10);
        touch("src", 10);
        assert_eq!(newest_source(&ui).expect("readable"), at(10));
        touch("src/lib/a.ts", 20);
        assert_eq!(newest_source(&ui).expect("readable"), at(20));
        touch("src/lib", 30);
        assert_eq!(newest_source(&ui).expect("readable"), at(30));
        fs::remove_dir_all(&ui).expect("removed");
    }

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
