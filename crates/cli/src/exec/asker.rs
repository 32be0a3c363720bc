//! Programs that are asked how things stand, before anybody has approved
//! anything: with the environment that they are given here, for a bounded time
//! and a bounded answer.

use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::env::Environment;
use super::open::{self, Folder};
use super::plan::Wanted;
use super::signals::Stops;
use crate::out::visible;

/// Most bytes of an answer.
const MAX_ANSWER: usize = 64 << 20;
/// Most bytes of what it said when it failed.
const MAX_COMPLAINT: usize = 4 << 10;
/// How long a program that is interrupted may take to put things in order,
/// such as giving back a lock.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 20 });

/// A program in the folder and with the environment of a command.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// As on the command line.
    pub(crate) name: &'a str,
    pub(crate) cwd: &'a Path,
    pub(crate) environment: &'a Environment,
}

impl<'a> Asker<'a> {
    /// The program that is wanted.
    pub(crate) fn of(wanted: &'a Wanted) -> Self {
        Self {
            name: &wanted.argv[0],
            cwd: &wanted.cwd,
            environment: &wanted.environment,
        }
    }

    /// Runs it with `arguments`, and with `more` in its environment, for at
    /// most `patience`. Returns what it printed, or what went wrong in words,
    /// which name no argument: one may be a secret.
    pub(crate) async fn ask(
        &self,
        arguments: &[&str],
        more: &[(&str, &str)],
        patience: Duration,
    ) -> Result<String, String> {
        let mut stops = Stops::listen().map_err(|why| why.to_string())?;
        self.until(stops.next(), arguments, more, patience).await
    }

    async fn until(
        &self,
        stop: impl Future<Output = ()>,
        arguments: &[&str],
        more: &[(&str, &str)],
        patience: Duration,
    ) -> Result<String, String> {
        let name = self.name;
        let mut command = tokio::process::Command::new(self.path()?);
        // A group of its own, so that what it starts can be ended with it.
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.values())
            .envs(more.iter().copied())
            .current_dir(self.cwd)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let started = |why| format!("`{name}` cannot be started: {why}");
        let mut child = command.spawn().map_err(started)?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let stdout = child.stdout.take().expect("a pipe");
        let stderr = child.stderr.take().expect("a pipe");
        let mut ended = std::pin::pin!(async {
            let said = tokio::try_join!(read(stdout, MAX_ANSWER), read(stderr, MAX_COMPLAINT))?;
            io::Result::Ok((child.wait().await?, said))
        });
        let why = tokio::select! {
            ended = &mut ended => {
                let (status, said) = ended.map_err(|why| format!("`{name}`: {why}"))?;
                return self.answer(status, said);
            }
            () = tokio::time::sleep(patience) => {
                format!("`{name}` did not answer within {} s", patience.as_secs())
            }
            () = stop => format!("`{name}` was stopped before it had answered"),
        };
        // Whoever is not there any more needs no signal.
        let signal = |signal| group.and_then(|group| kill_process_group(group, signal).ok());
        signal(Signal::INT);
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            signal(Signal::KILL);
        }
        Err(why)
    }

    fn answer(&self, status: ExitStatus, said: (Vec<u8>, Vec<u8>)) -> Result<String, String> {
        let name = self.name;
        let (answer, complaint) = said;
        if !status.success() {
            let said = match complaint.is_empty() {
                true => &answer[..answer.len().min(MAX_COMPLAINT)],
                false => &complaint,
            };
            let said = String::from_utf8_lossy(said);
            let lines: Vec<_> = said.trim().lines().map(visible).collect();
            return Err(format!("`{name}` failed:\n  {}", lines.join("\n  ")));
        }
        if answer.len() > MAX_ANSWER {
            return Err(format!("`{name}` printed more than 64 MiB"));
        }
        String::from_utf8(answer).map_err(|_| format!("`{name}` printed what is no text"))
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

/// The first bytes of a stream, one more than `most` when there are more, and
/// the rest to nowhere, so that nobody waits for a reader.
async fn read(mut stream: impl AsyncRead + Unpin, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).map_or(u64::MAX, |most| most.saturating_add(1));
    (&mut stream).take(limit).read_to_end(&mut bytes).await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Instant;

    async fn until(
        stop: impl Future<Output = ()>,
        script: &str,
        patience: Duration,
    ) -> Result<String, String> {
        let path = |name: &str| (name == "PATH").then(|| "/usr/bin:/bin".into());
        let asker = Asker {
            name: "sh",
            cwd: Path::new("/"),
            environment: &Environment::pick(&[], &[], path, || None).unwrap(),
        };
        let more = [("MORE", "more")];
        asker.until(stop, &["-c", script], &more, patience).await
    }

    async fn sh(script: &str) -> Result<String, String> {
        until(std::future::pending(), script, LONG).await
    }

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn an_answer_is_what_was_printed_and_a_failure_names_no_argument() {
        assert_eq!(sh("echo $MORE; echo x >&2").await.unwrap(), "more\n");
        let chatty = sh("set -e; head -c 1000000 /dev/zero >&2; echo done").await;
        assert_eq!(chatty.unwrap(), "done\n", "nobody stopped it");
        let why = sh("echo no >&2; exit 3 # hunter2").await.unwrap_err();
        assert_eq!(why, "`sh` failed:\n  no");
        let why = sh("echo said; exit 3").await.unwrap_err();
        assert_eq!(why, "`sh` failed:\n  said");
        let why = sh("printf '\\377'").await.unwrap_err();
        assert!(why.contains("no text"), "{why}");
    }

    #[tokio::test]
    async fn too_long_an_answer_is_refused_and_a_long_complaint_is_cut() {
        let why = sh("head -c 67108865 /dev/zero").await.unwrap_err();
        assert!(why.contains("64 MiB"), "{why}");
        let whole = sh("head -c 67108864 /dev/zero").await.unwrap();
        assert_eq!(whole.len(), MAX_ANSWER);
        let why = sh("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1").await;
        assert!(why.unwrap_err().len() < 2 * MAX_COMPLAINT);
    }

    #[tokio::test]
    async fn patience_or_a_signal_ends_it_and_everything_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // A shell lets what it starts in the background ignore an interrupt. One that
        // comes just before a `wait` would be seen only after it.
        let script = format!(
            "trap 'echo > {}; exit' INT; sleep 600 & echo $! > {}; while :; do sleep 0.01; done",
            at("tidy").display(),
            at("pid").display()
        );
        let written = async {
            while !std::fs::read(at("pid")).is_ok_and(|pid| pid.ends_with(b"\n")) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let lives = |pid: &str| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        let why = until(written, &script, LONG).await.unwrap_err();
        assert_eq!(why, "`sh` was stopped before it had answered");
        assert!(at("tidy").exists(), "it could put things in order");
        let pid = std::fs::read_to_string(at("pid")).unwrap();
        let begun = Instant::now();
        while lives(&pid) {
            assert!(begun.elapsed() < LONG, "{pid} lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let short = Duration::from_millis(50);
        let why = until(std::future::pending(), "sleep 600", short).await;
        assert_eq!(why.unwrap_err(), "`sh` did not answer within 0 s");
    }
}
