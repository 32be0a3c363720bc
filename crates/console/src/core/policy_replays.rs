//! Replays of what was proposed lately under a policy that was typed: one at a
//! time, beside the core, which hears how far it is and can stop it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use vidimus_policy::{PolicyText, Set};
use vidimus_protocol::Time;
use vidimus_protocol::entry::Profile;

use super::policies::read_typed;
use super::{Answer, Core, Message, locked_problem, now};
use crate::policy_replay;
use crate::view::{
    PolicyFileText, PolicyReplayView, Problem, ReplayProgress, ReplaySpan, ReplayStep, Reply,
};

/// The screen is told this often.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// How a replay goes.
pub(crate) enum Told {
    /// It is here.
    At(ReplayProgress),
    /// It is over.
    Over {
        reply: Answer,
        result: Result<Option<Done>, Problem>,
    },
}

/// A replay that came to its end, and of which text.
pub(crate) struct Done {
    text: PolicyText,
    view: Box<PolicyReplayView>,
}

/// The replay under way.
pub(super) struct Running {
    serial: u64,
    stop: Arc<AtomicBool>,
    pub(super) progress: ReplayProgress,
}

/// What the last one found, and of which text.
pub(super) struct Found {
    text: PolicyText,
    words: String,
}

impl Core {
    /// Replays what was proposed in that time under these files.
    pub(super) fn replay_policy(
        &mut self,
        files: Vec<PolicyFileText>,
        span: ReplaySpan,
        reply: Answer,
    ) {
        let profile = match self.profile() {
            Ok(profile) => profile,
            Err(problem) => return self.answers.push((reply, Err(problem))),
        };
        // Whoever asks anew looks at another text.
        self.stop_replay();
        self.policy_replays += 1;
        let stop = Arc::new(AtomicBool::new(false));
        self.policy_replay = Some(Running {
            serial: self.policy_replays,
            stop: Arc::clone(&stop),
            progress: ReplayProgress {
                step: ReplayStep::Reading,
                done: 0,
                total: self.base().map_or(0, |base| base.mirror.size()),
            },
        });
        let (serial, console) = (self.policy_replays, self.setting.inbox.clone());
        let tell = move |told| {
            // The console may have stopped meanwhile.
            let _stopped = console.send(Message::PolicyReplay { serial, told });
        };
        let job = Job {
            files,
            profile,
            mirror: self.setting.files.mirror(),
            span,
            since: span.since(now()),
            stop,
        };
        self.setting.runtime.spawn_blocking(move || {
            let result = job.run(|progress| tell(Told::At(progress)));
            tell(Told::Over { reply, result });
        });
    }

    /// Stops the replay under way, if there is one. Who asked for it is told
    /// that it was cancelled.
    pub(super) fn stop_replay(&mut self) {
        if let Some(running) = self.policy_replay.take() {
            running.stop.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn replay_told(&mut self, serial: u64, told: Told) {
        let current = |running: &&mut Running| running.serial == serial;
        let running = self.policy_replay.as_mut().filter(current);
        match told {
            Told::At(progress) => {
                if let Some(running) = running {
                    running.progress = progress;
                }
            }
            Told::Over { reply, result } => {
                // What was stopped in its last moment is not told any more.
                let stopped = running.is_none();
                if !stopped {
                    self.policy_replay = None;
                }
                let result = match result {
                    _ if self.is_locked() => Err(locked_problem()),
                    Ok(_) if stopped => Ok(None),
                    result => result,
                };
                let result = result.map(|done| {
                    Reply::PolicyReplayed(done.map(|done| {
                        self.replayed = Some(Found {
                            text: done.text,
                            words: done.view.words.clone(),
                        });
                        done.view
                    }))
                });
                self.answers.push((reply, result));
            }
        }
    }

    /// What a replay of this very text found, if there was one.
    pub(super) fn replayed_words(&self, text: &PolicyText) -> Option<String> {
        let found = self.replayed.as_ref()?;
        (found.text == *text).then(|| found.words.clone())
    }
}

struct Job {
    files: Vec<PolicyFileText>,
    profile: Profile,
    mirror: PathBuf,
    span: ReplaySpan,
    since: Time,
    stop: Arc<AtomicBool>,
}

impl Job {
    fn run(self, tell: impl Fn(ReplayProgress)) -> Result<Option<Done>, Problem> {
        let (text, set): (PolicyText, Set) = read_typed(self.files, self.profile)?;
        let mut told = Instant::now();
        let view = policy_replay::run(&self.mirror, &set, self.span, self.since, |progress| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(progress);
            }
            !self.stop.load(Ordering::Relaxed)
        })
        .map_err(|error| Problem::local("The replay could not be run", error))?;
        Ok(view.map(|view| Done {
            text,
            view: Box::new(view),
        }))
    }
}
