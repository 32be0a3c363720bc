//! Programs that are asked how things stand: never what is held back itself,
//! and with no more rights than it will have.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::env::Environment;
use super::open::{self, Folder};
use crate::out::visible;
use std::os::fd::AsFd as _;

/// Most bytes of an answer.
const MAX_ANSWER: usize = 64 << 20;
/// Most bytes of what it said when it failed.
const MAX_COMPLAINT: usize = 4 << 10;

/// A program in the folder and with the environment of a command.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// As on the command line.
    pub(crate) name: &'a str,
    pub(crate) cwd: &'a Path,
    pub(crate) environment: &'a Environment,
}

impl Asker<'_> {
    /// Runs it with `arguments`, and with `more` in its environment, for at
    /// most `patience`. Returns what it printed, or what went wrong in words.
    pub(crate) async fn ask(
        &self,
        arguments: &[&str],
        more: &[(&str, &str)],
        patience: Duration,
    ) -> Result<String, String> {
        let name = self.name;
        let mut command = tokio::process::Command::new(self.path()?);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.values())
            .envs(more.iter().copied())
            .current_dir(self.cwd)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let ran = tokio::time::timeout(patience, command.output()).await;
        let output = ran
            .map_err(|_| format!("`{name}` did not answer within {} s", patience.as_secs()))?
            .map_err(|why| format!("`{name}` cannot be started: {why}"))?;
        if !output.status.success() {
            let said = if output.stderr.is_empty() {
                output.stdout
            } else {
                output.stderr
            };
            let said = &said[..said.len().min(MAX_COMPLAINT)];
            let said = String::from_utf8_lossy(said);
            let lines: Vec<_> = said.trim().lines().map(visible).collect();
            return Err(format!(
                "`{name} {}` failed:\n  {}",
                arguments.join(" "),
                lines.join("\n  ")
            ));
        }
        if output.stdout.len() > MAX_ANSWER {
            return Err(format!("`{name}` printed more than 64 MiB"));
        }
        String::from_utf8(output.stdout).map_err(|_| format!("`{name}` printed what is no text"))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> Result<PathBuf, String> {
        let folder = Folder::open(self.cwd).map_err(|why| why.to_string())?;
        let search = self.environment.path().unwrap_or_default();
        let found = open::find(folder.as_fd(), self.name, search);
        found
            .map(|path| self.cwd.join(path))
            .ok_or_else(|| format!("`{}` was not found in `PATH` ({search})", self.name))
    }
}
