//! Proposes an action and waits for the decision, with somebody at the
//! terminal or nobody.

use std::time::Duration;

use tokio::time::Instant;
use vidimus_executor::clock::now;
use vidimus_executor::{Decided, Executor, News, Request};
use vidimus_protocol::api::{ActionView, Question};
use vidimus_protocol::{ActionId, Time};

use super::signals::Stops;
use super::words::{seconds_until, span, starts};
use crate::out::{self, visible};
use crate::stop::{Stop, code};

/// One action that is waited for.
pub(crate) struct Asking<'a> {
    pub(crate) executor: &'a Executor,
    pub(crate) request: &'a Request,
    /// The command line that goes on with it.
    pub(crate) resume: &'a str,
    /// The command line that answers a question.
    pub(crate) answer: &'a str,
    pub(crate) stops: &'a mut Stops,
    /// When to return with *pending*; nobody watches then.
    pub(crate) patience: Option<Instant>,
    /// Questions that were said already.
    pub(crate) heard: usize,
}

impl Asking<'_> {
    /// Proposes.
    pub(crate) async fn propose(&mut self) -> Result<Time, Stop> {
        let proposed = tokio::select! {
            proposed = self.executor.propose(self.request) => proposed,
            () = self.stops.next() => return Err(self.withdraw().await),
        };
        proposed.map_err(|stop| {
            let stop = Stop::from(stop);
            if stop.over || stop.code == code::UNPROVEN {
                return stop;
            }
            let words = format!("{stop}. Then go on with:\n  {}", self.resume);
            Stop { words, ..stop }
        })
    }

    /// Waits until it is approved, or another takes its place. Every other end is
    /// a [`Stop`].
    pub(crate) async fn approval(&mut self, expires_at: Time) -> Result<Decided, Stop> {
        let id = self.request.id();
        let answer = self.answer;
        let mut heard = self.heard;
        let waiting = self
            .executor
            .approval(id, expires_at, &mut heard, |news| match news {
                News::Lost { url, why } => out::note(&format!(
                    "the gateway at {url} does not answer ({why}); trying again until {expires_at}"
                )),
                News::Back => out::note("the gateway answers again"),
                News::Asked(question) => asked(question, answer),
            });
        let patience = self.patience;
        let ended = tokio::select! {
            ended = waiting => Some(ended),
            () = self.stops.next() => None,
            () = until(patience) => return Err(self.pending()),
            never = count_down(self.executor, id, expires_at, " (Ctrl-C takes it back)") => match never {},
        };
        clear();
        match ended {
            None => Err(self.withdraw().await),
            Some(Err(stop)) if stop.why.code() == code::UNREACHABLE && !stop.over => {
                Err(Stop::new(
                    code::UNREACHABLE,
                    format!("{stop}. To see what came of it: {}", self.resume),
                ))
            }
            Some(ended) => Ok(ended?),
        }
    }

    fn pending(&self) -> Stop {
        clear();
        Stop::new(
            code::PENDING,
            format!(
                "{} still waits for a decision. Nothing has run. Go on with:\n  {}",
                self.request.id(),
                self.resume
            ),
        )
    }

    /// Takes the action back. A second signal ends at once.
    async fn withdraw(&mut self) -> Stop {
        clear();
        let id = self.request.id();
        tokio::select! {
            stop = self.executor.withdraw(id) => stop.into(),
            () = self.stops.next() => Stop::new(
                code::WITHDRAWN,
                format!("stopped at once; whether {id} was withdrawn is not known. Nothing has run"),
            ),
        }
    }
}

fn clear() {
    if out::on_terminal() {
        out::status("");
    }
}

/// Says the open questions but the first `heard`.
pub(crate) fn hear(view: &ActionView, heard: usize, answer: &str) {
    let new = view.questions.iter().skip(heard);
    for question in new.filter(|question| !question.answered) {
        asked(question, answer);
    }
}

fn asked(question: &Question, answer: &str) {
    let text = visible(&String::from_utf8_lossy(&question.text.bytes.0));
    out::note(&format!(
        "the reviewer asks: {text}\n  answer with: {answer}"
    ));
}

/// How often it is looked whether what is watched waits out its grace time: no
/// news ends the waiting for that.
const LOOK: Duration = Duration::from_secs(5);

/// Says how long there is, where somebody watches.
pub(crate) async fn count_down(
    executor: &Executor,
    action: ActionId,
    expires_at: Time,
    more: &str,
) -> std::convert::Infallible {
    if !out::on_terminal() {
        return std::future::pending().await;
    }
    let mut looked = Instant::now();
    let mut starts_at = None;
    loop {
        let words = match starts_at {
            Some(at) => starts(at, now()),
            None => {
                let left = span(seconds_until(expires_at, now()));
                format!("waiting for a decision, {left} left")
            }
        };
        out::status(&format!("vidimus: {words}{more}"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            // Who waits beside this says what is wrong with the gateway.
            if let Ok(Some(view)) = executor.find(action).await {
                starts_at = view.starts_at;
            }
        }
    }
}

pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
