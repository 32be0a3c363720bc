//! Programs of a test: each in a process group of its own that is gone when its
//! guard is.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// A running program. Dropping it ends its whole group.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it with its output in a file.
    pub fn start(mut command: Command, log: PathBuf) -> Self {
        let file = File::create(&log).unwrap();
        let child = command
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log }
    }

    /// Starts it with its errors in a file and its output on a pipe.
    pub fn piped(mut command: Command, log: PathBuf) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log }
    }

    /// Reads one line that it prints; it was started with a pipe.
    pub fn line(&mut self) -> String {
        use std::io::{BufRead as _, BufReader};
        let mut line = String::new();
        let output = self.child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// What it printed so far.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub async fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + super::PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it does not end: {}",
                self.printed()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it to end, and waits.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.end().await
    }

    fn signal(&self, signal: Signal) {
        let Some(group) = Pid::from_raw(self.child.id().cast_signed()) else {
            return;
        };
        // It may be gone already.
        let _gone = kill_process_group(group, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal(Signal::KILL);
        let _gone = self.child.wait();
    }
}
