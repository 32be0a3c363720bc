//! `cargo xtask run --tour`: builds the player of the tour and starts it.
//!
//! What is played, and the pictures: `tests/tour/`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::node;
use crate::packages::{self, COMPILE, DESKTOP, PLAY, WATCH};
use crate::run::start;
use crate::shell::{Workspace, call};
use crate::test::{WEBDRIVER, programs};

/// The pictures that the README shows, light and dark.
const SHOWN: &[&str] = &["notification", "review", "key", "denied", "tampered"];
const PAGES: &str = "docs/tour";

// Without a group, whose name would be that of the arguments that these are a part of.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Play first light by itself in a throw-away profile, with a test key: pictures of every step,
    /// `ledger.vidimus` and its trust file go to `target/tour/`. With an X display it plays in one window there;
    /// your profile, notifications and keyring are never touched. Without a display nobody sees it
    #[arg(long)]
    tour: bool,
    /// Play it unseen, light and dark, and put the pictures that the README shows into `docs/tour/`
    #[arg(long, requires = "tour")]
    update_docs: bool,
}

impl Args {
    pub(crate) fn wanted(&self) -> bool {
        self.tour
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    // A window of ours on somebody's display would have the size that fits there.
    let watched =
        !args.update_docs && env::var_os("DISPLAY").is_some_and(|value| !value.is_empty());
    if watched {
        packages::ensure(&[COMPILE, DESKTOP, PLAY, WATCH])?;
    } else {
        packages::ensure(&[COMPILE, DESKTOP, PLAY])?;
    }
    node::ensure_packages(workspace)?;
    node::build_if_stale(workspace)?;
    call(
        workspace
            .cargo()
            .args(["build", "--locked", "--features", WEBDRIVER])
            .args(["--package", "vidimus-desktop", "--package", "vidimus-cli"])
            .args(["--bins", "--example", "tour"]),
    )?;
    if !args.update_docs {
        return start(player_command(workspace).args(watched.then_some("--window")));
    }
    call(&mut player_command(workspace))?;
    call(player_command(workspace).arg("--dark"))?;
    update(workspace)
}

/// The program that plays.
pub(crate) fn player(target: &Path) -> PathBuf {
    target.join("debug/examples/tour")
}

fn player_command(workspace: &Workspace) -> Command {
    let mut command = Command::new(player(&workspace.target));
    command.envs(programs(&workspace.target));
    command
}

/// Replaces the pictures of the README.
fn update(workspace: &Workspace) -> Result<()> {
    let pages = workspace.root.join(PAGES);
    fs::create_dir_all(&pages).with_context(|| format!("making {}", pages.display()))?;
    let played = workspace.root.join("target/tour");
    for name in SHOWN {
        let light = picture(&played, name)?;
        let dark = picture(&played.join("dark"), name)?;
        for (from, to) in [
            (light, format!("{name}.png")),
            (dark, format!("{name}-dark.png")),
        ] {
            fs::copy(&from, pages.join(to))
                .with_context(|| format!("copying {}", from.display()))?;
        }
    }
    println!("written: {PAGES}");
    Ok(())
}

/// The picture of a step, whatever its number is.
fn picture(folder: &Path, step: &str) -> Result<PathBuf> {
    let end = format!("-{step}.png");
    let listing = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    listing
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with(&end))
        .with_context(|| format!("no step `{step}` in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_what_the_tour_makes_and_nothing_else() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the xtask crate lies one folder below the root");
        let readme = fs::read_to_string(root.join("README.md")).expect("readable");
        let mut expected: Vec<String> = SHOWN
            .iter()
            .flat_map(|name| [format!("{name}-dark.png"), format!("{name}.png")])
            .collect();
        expected.sort();
        for name in &expected {
            assert!(readme.contains(&format!("\"{PAGES}/{name}\"")), "{name}");
        }
        let mut lies: Vec<String> = fs::read_dir(root.join(PAGES))
            .expect("readable")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        lies.sort();
        assert_eq!(lies, expected);
    }
}
