//! Where the repository is, and how programs are started in it.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The checkout that the tasks work on.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds: `target`, or what `CARGO_TARGET_DIR` says.
    pub(crate) target: PathBuf,
    /// `cargo metadata` of our own packages, without their dependencies.
    pub(crate) metadata: Value,
}

impl Workspace {
    /// Finds the checkout that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let manifest_dir =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest_dir)
            .parent()
            .context("the xtask crate lies one folder below the workspace root")?
            .to_owned();
        let text = output(
            cargo_in(&root)
                .args(["metadata", "--format-version", "1", "--no-deps"])
                .stderr(Stdio::inherit()),
        )?;
        let metadata: Value =
            serde_json::from_str(&text).context("reading the output of `cargo metadata`")?;
        let target = metadata["target_directory"]
            .as_str()
            .context("`cargo metadata` names no target directory")?
            .into();
        Ok(Self {
            root,
            target,
            metadata,
        })
    }

    /// The folder of the front end.
    pub(crate) fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// A cargo command in the workspace root.
    pub(crate) fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }

    /// An npm command in the front end's folder.
    pub(crate) fn npm(&self) -> Command {
        self.npm_in("ui")
    }

    /// An npm command in a folder below the root.
    pub(crate) fn npm_in(&self, folder: &str) -> Command {
        let mut command = Command::new("npm");
        command.current_dir(self.root.join(folder));
        command
    }

    /// A git command in the workspace root.
    pub(crate) fn git(&self) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.root);
        command
    }
}

/// Runs the command with our own terminal and fails unless it succeeds.
pub(crate) fn call(command: &mut Command) -> Result<()> {
    println!("$ {}", words(command));
    let status = command
        .status()
        .with_context(|| format!("starting `{}`", words(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", words(command));
    }
    Ok(())
}

/// Runs the command and returns what it wrote to its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting `{}`", words(command)))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{}` ended with {}: {}",
            words(command),
            output.status,
            why.trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something other than UTF-8", words(command)))
}

/// Whether a program of this name lies in a folder of `PATH`.
pub(crate) fn in_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The command as a person would type it.
pub(crate) fn words(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

fn cargo_in(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    // `cargo run` describes the xtask package to us. Build scripts of several crates watch these variables,
    // so handing them on would rebuild those crates each time a task follows a plain `cargo build`.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes_the_running_package) {
            command.env_remove(name);
        }
    }
    command
}

fn describes_the_running_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || matches!(name, "CARGO" | "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_for_cargo_are_kept_and_descriptions_of_xtask_are_not() {
        assert!(describes_the_running_package("CARGO_PKG_VERSION"));
        assert!(describes_the_running_package("CARGO_MANIFEST_DIR"));
        for kept in [
            "CARGO_INCREMENTAL",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_JOBS",
        ] {
            assert!(!describes_the_running_package(kept), "{kept}");
        }
    }

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let error = call(Command::new("false").arg("now")).expect_err("`false` fails");
        assert!(error.to_string().contains("`false now`"), "{error}");
        let error = output(&mut Command::new("false")).expect_err("`false` fails");
        assert!(error.to_string().contains("`false`"), "{error}");
    }

    #[test]
    fn programs_are_looked_up_in_path() {
        assert!(in_path("sh"));
        assert!(!in_path("no-program-has-this-name"));
    }
}
