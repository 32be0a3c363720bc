//! `cargo xtask run`: from a fresh checkout to an open console.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::packages::{self, COMPILE, DESKTOP, SESSION};
use crate::shell::{Workspace, call, words};
use crate::{node, tour};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    tour: tour::Args,
    /// Build with optimisations: slower to build, faster to run
    #[arg(long, conflicts_with = "tour")]
    release: bool,
    /// Passed on to the program that is started
    #[arg(last = true, conflicts_with = "tour")]
    arguments: Vec<String>,
}

/// Installs, builds and starts. Returns only when something failed, or on a system without `exec`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.tour.wanted() {
        return tour::run(workspace, &args.tour);
    }
    let display = has_display(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    if display {
        packages::ensure(&[COMPILE, DESKTOP, SESSION])?;
    } else {
        println!(
            "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so the personal gateway starts instead of the console."
        );
        packages::ensure(&[COMPILE])?;
    }
    node::ensure_packages(workspace)?;
    node::build_if_stale(workspace)?;

    let mut build = workspace.cargo();
    build.args(["build", "--package", "vidimus-cli"]);
    if display {
        build.args(["--package", "vidimus-desktop"]);
    }
    if args.release {
        build.arg("--release");
    }
    call(&mut build)?;

    let profile = if args.release { "release" } else { "debug" };
    start(program(&workspace.target.join(profile), display).args(&args.arguments))
}

/// The program to start: the console beside the command-line tool, or that tool as the personal gateway.
fn program(folder: &Path, display: bool) -> Command {
    if display {
        return Command::new(folder.join("vidimus-console"));
    }
    let mut gateway = Command::new(folder.join("vidimus"));
    gateway.args(["gateway", "--personal"]);
    gateway
}

fn has_display(is_set: impl Fn(&str) -> bool) -> bool {
    // Elsewhere than on Unix desktops with X or Wayland a window needs no variable.
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Becomes the program, so that signals and the exit code are its own.
#[cfg(unix)]
pub(crate) fn start(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;

    use anyhow::Context;

    println!("$ {}", words(command));
    let error = command.exec();
    Err(error).with_context(|| format!("starting `{}`", words(command)))
}

#[cfg(not(unix))]
pub(crate) fn start(command: &mut Command) -> Result<()> {
    call(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn either_display_variable_is_enough() {
        assert!(has_display(|name| name == "DISPLAY"));
        assert!(has_display(|name| name == "WAYLAND_DISPLAY"));
        assert!(!has_display(|_| false));
    }

    #[test]
    fn without_a_display_the_personal_gateway_starts() {
        let folder = Path::new("/build");
        assert_eq!(
            words(&program(folder, false)),
            "/build/vidimus gateway --personal"
        );
        assert_eq!(words(&program(folder, true)), "/build/vidimus-console");
    }
}
