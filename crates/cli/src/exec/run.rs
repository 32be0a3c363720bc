//! Runs a plan: starts the held descriptors, hands output and signals through
//! and says how it ended.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    pumps: [Arc<Mutex<Pump>>; 2],
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
    let pumps = [
        pump(stdout, to_stdout, &tail),
        pump(stderr, to_stderr, &tail),
    ];
    Ok(Running {
        child,
        started,
        tail,
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
        let ended = Instant::now();
        loop {
            let over = self.pumps.iter().all(|pump| {
                let pump = lock(pump);
                let idle = pump.since.elapsed() >= SILENCE || ended.elapsed() >= CHATTER;
                pump.step == Step::Over || (pump.step == Step::Reading && idle)
            });
            if over {
                return;
            }
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

#[derive(Debug)]
struct Pump {
    step: Step,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Reading,
    Writing,
    Over,
}

/// Copies one stream, unbuffered, on a thread of its own: a terminal that is
/// stopped must stop nothing else.
fn pump(mut from: io::PipeReader, to: OwnedFd, tail: &Arc<Mutex<Tail>>) -> Arc<Mutex<Pump>> {
    let state = Arc::new(Mutex::new(Pump {
        step: Step::Reading,
        since: Instant::now(),
    }));
    let (shared, tail) = (Arc::clone(&state), Arc::clone(tail));
    std::thread::spawn(move || {
        let mut to = std::fs::File::from(to);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let got = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            set(&shared, Step::Writing);
            lock(&tail).push(&buffer[..got]);
            // Nobody reads ours any more: the command finds its own pipe
            // closed, as it would without us.
            if write_all(&mut to, &buffer[..got]).is_err() {
                break;
            }
            set(&shared, Step::Reading);
        }
        drop(from);
        set(&shared, Step::Over);
    });
    state
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

fn set(pump: &Mutex<Pump>, step: Step) {
    *lock(pump) = Pump {
        step,
        since: Instant::now(),
    };
}

/// Nothing panics while these are held, and what they hold stays sensible.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
