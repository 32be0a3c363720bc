//! Runs a plan: starts the held descriptors, hands output and signals through
//! and says how it ended.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Pid;
use vidimus_protocol::entry::Outcome;

use super::plan::Plan;
use super::signals::Forwarded;
use super::tail::Tail;

/// How long a silent descendant may keep the output open after the command
/// itself has ended.
const SILENCE: Duration = Duration::from_millis(250);
/// How long a talking one may.
const CHATTER: Duration = Duration::from_secs(5);

/// A command that was started.
pub(crate) struct Running {
    child: tokio::process::Child,
    started: Instant,
    tail: Arc<Mutex<Tail>>,
    /// Set once the command itself has ended.
    over: Arc<AtomicBool>,
    pumps: [JoinHandle<()>; 2],
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long it ran.
    pub(crate) duration: Duration,
    /// The end of what it printed.
    pub(crate) output: Vec<u8>,
    /// Bytes before that.
    pub(crate) output_omitted: u64,
    /// What `vidimus exec` exits with.
    pub(crate) exit_code: u8,
}

/// Our own standard output and standard error.
pub(crate) fn own_output() -> io::Result<[OwnedFd; 2]> {
    Ok([
        rustix::io::dup(rustix::stdio::stdout())?,
        rustix::io::dup(rustix::stdio::stderr())?,
    ])
}

/// Starts a plan; what it prints goes to `output`.
pub(crate) fn start(plan: &Plan, output: [OwnedFd; 2]) -> io::Result<Running> {
    let [to_stdout, to_stderr] = output;
    let (mut command, inherited) = plan.command()?;
    let (stdout, stdout_end) = io::pipe()?;
    let (stderr, stderr_end) = io::pipe()?;
    command.stdout(stdout_end).stderr(stderr_end);
    let mut command = tokio::process::Command::from(command);
    let child = command.spawn()?;
    let started = Instant::now();
    // Our copies of the pipes' ends and of the script go with these, so that
    // the end of output shows.
    drop((command, inherited));
    let tail = Arc::new(Mutex::new(Tail::default()));
    let over = Arc::new(AtomicBool::new(false));
    let pumps = [
        pump(stdout, to_stdout, &tail, &over),
        pump(stderr, to_stderr, &tail, &over),
    ];
    Ok(Running {
        child,
        started,
        tail,
        over,
        pumps,
    })
}

impl Running {
    /// Waits for the end; what `signals` gives goes to the command.
    pub(crate) async fn finish(mut self, signals: &mut Forwarded<'_>) -> io::Result<Ran> {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status?,
                signal = signals.next() => {
                    if let Some(pid) = pid {
                        // Not reaped yet, so the id is still its own. The only
                        // failure left is that it has just ended.
                        rustix::process::kill_process(pid, signal).ok();
                    }
                }
            }
        };
        let duration = self.started.elapsed();
        self.drain().await;
        let (output, output_omitted) = std::mem::take(&mut *lock(&self.tail)).finish();
        let (outcome, exit_code) = ended(status);
        Ok(Ran {
            outcome,
            duration,
            output,
            output_omitted,
            exit_code,
        })
    }

    /// Waits until everything that was printed has been handed on. A
    /// descendant that keeps the pipes open does not hold this up for ever.
    async fn drain(&self) {
        self.over.store(true, Ordering::Release);
        while !self.pumps.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// How a run ended, for the ledger and as an exit code.
fn ended(status: ExitStatus) -> (Outcome, u8) {
    match (status.code(), status.signal()) {
        (Some(code), _) => {
            let code = u8::try_from(code & 0xff).expect("eight bits");
            (Outcome::Exited { code }, code)
        }
        (None, signal) => {
            let signal = u8::try_from(signal.unwrap_or_default()).unwrap_or_default();
            (Outcome::Signalled { signal }, 128_u8.wrapping_add(signal))
        }
    }
}

/// Copies one stream, unbuffered, on a thread of its own: a terminal that is
/// stopped must stop nothing else.
fn pump(
    from: io::PipeReader,
    to: OwnedFd,
    tail: &Arc<Mutex<Tail>>,
    over: &Arc<AtomicBool>,
) -> JoinHandle<()> {
    let (tail, over) = (Arc::clone(tail), Arc::clone(over));
    std::thread::spawn(move || {
        // There is nobody to tell: the command finds its own pipe closed, as
        // it would without us.
        copy(from, to.into(), &tail, &over).ok();
    })
}

/// Copies until the end of the stream. Once the command itself has ended,
/// whatever lay in the pipe then is copied, and after that only what a
/// descendant says without a long silence, for a while.
fn copy(
    mut from: io::PipeReader,
    mut to: std::fs::File,
    tail: &Mutex<Tail>,
    over: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut left: Option<u64> = None;
    let mut since = None;
    loop {
        let over = over.load(Ordering::Acquire);
        if over && left.is_none() {
            left = Some(rustix::io::ioctl_fionread(&from)?);
        }
        if !readable(&from)? {
            if over {
                return Ok(());
            }
            continue;
        }
        let got = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(got) => got,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        lock(tail).push(&buffer[..got]);
        write_all(&mut to, &buffer[..got])?;
        if let Some(left) = &mut left {
            *left = left.saturating_sub(u64::try_from(got).expect("a buffer's length"));
            let since = since.get_or_insert_with(Instant::now);
            if *left == 0 && since.elapsed() >= CHATTER {
                return Ok(());
            }
        }
    }
}

/// Whether there is something to read, or the end, before [`SILENCE`] is over.
fn readable(from: &io::PipeReader) -> io::Result<bool> {
    let mut wanted = [PollFd::new(from, PollFlags::IN)];
    let silence = Timespec::try_from(SILENCE).expect("a part of a second");
    loop {
        match rustix::event::poll(&mut wanted, Some(&silence)) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

fn write_all(to: &mut std::fs::File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            // Somebody else has set our standard output to non-blocking.
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// Nothing panics while these are held, and what they hold stays sensible.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
