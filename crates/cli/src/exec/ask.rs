//! Proposes an action and waits for the decision.

use std::time::Duration;

use tokio::time::Instant;
use vidimus_client::ClientError;
use vidimus_protocol::api::{Ack, ActionStatus, ActionView, MAX_WAIT_S};
use vidimus_protocol::entry::{Data, Outcome, Parsed};
use vidimus_protocol::{ActionId, Digest, Leaf, Time};

use super::clock::now;
use super::saved::Saved;
use super::setup::Setup;
use super::signals::Stops;
use super::words::{seconds_until, span};
use crate::out::{self, visible};
use crate::stop::{Stop, code};

/// Waits before a request is made again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// How long after its expiry an action's end may still be on its way.
const GRACE_S: u64 = 10;

/// One action that is waited for.
pub(crate) struct Asking<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) saved: &'a Saved,
    /// Digest of what was proposed.
    pub(crate) digest: Digest,
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
    /// Proposes. The same bytes again are the same proposal, so a lost answer
    /// is asked for once more.
    pub(crate) async fn propose(&mut self) -> Result<Time, Stop> {
        let propose = self.saved.propose();
        let mut pauses = PAUSES.into_iter();
        loop {
            let sent = tokio::select! {
                sent = self.setup.gateway.propose(&propose) => sent,
                () = self.stops.next() => return Err(self.withdraw().await),
            };
            match (sent, pauses.next()) {
                (Ok(ack), _) => return self.acknowledged(&ack),
                (Err(ClientError::Unreachable { sent: true, .. }), Some(pause)) => {
                    tokio::time::sleep(pause).await;
                }
                (Err(error), _) => return Err(self.not_proposed(&error)),
            }
        }
    }

    /// What never arrived, or was refused, leaves nothing to resume.
    fn not_proposed(&self, error: &ClientError) -> Stop {
        let stop = self.setup.stop(error);
        let words = |rest: String| Stop {
            words: format!("{stop}. Nothing has run{rest}"),
            ..stop.clone()
        };
        match error {
            ClientError::Unreachable { sent: false, .. } => words(String::new()).over(),
            ClientError::Problem { status, .. } if *status < 500 => stop.over(),
            _ => words(format!(". Then go on with:\n  {}", self.resume)),
        }
    }

    /// The acknowledged entry must be ours. Whether it is in the trusted log
    /// is proven before anything runs.
    fn acknowledged(&self, ack: &Ack) -> Result<Time, Stop> {
        let first = ack.entries.first();
        let leaf = first.and_then(|proven| Leaf::parse(proven.leaf.as_bytes()).ok());
        if let Some(Parsed::Known(leaf)) = leaf
            && let Data::ActionProposed(proposed) = &leaf.data
            && proposed.action == self.saved.action
            && leaf.part("payload").map(|part| part.commit) == Some(self.digest)
        {
            return Ok(proposed.expires_at);
        }
        Err(Stop::new(
            code::UNPROVEN,
            "the gateway acknowledged something else than what was proposed: nothing will run",
        ))
    }

    /// Where the action stands, without waiting; `None` when the gateway has
    /// never heard of it.
    pub(crate) async fn look(&mut self) -> Result<Option<ActionView>, Stop> {
        match self.setup.gateway.action(self.saved.action, 0, None).await {
            Ok(view) => Ok(Some(view)),
            Err(ClientError::Problem { status: 404, .. }) => Ok(None),
            Err(error) => Err(self.setup.stop(&error)),
        }
    }

    /// Waits until it is approved, or another takes its place. Every other end is
    /// a [`Stop`].
    pub(crate) async fn approval(&mut self, expires_at: Time) -> Result<Decided, Stop> {
        let result = self.wait(expires_at).await;
        if out::on_terminal() {
            out::status("");
        }
        result
    }

    async fn wait(&mut self, expires_at: Time) -> Result<Decided, Stop> {
        let mut lost = false;
        loop {
            match self.poll(expires_at).await? {
                Ok(view) => {
                    if lost {
                        out::note("the gateway answers again");
                        lost = false;
                    }
                    if let Some(end) = decided(&view) {
                        return end;
                    }
                    self.hear(&view);
                }
                Err(ClientError::Unreachable { url, why, .. }) => {
                    if now() > expires_at.plus_seconds(GRACE_S) {
                        return Err(Stop::new(
                            code::UNREACHABLE,
                            format!(
                                "the gateway at {url} does not answer ({}), and the time for a decision is over. To see what came of it: {}",
                                visible(&why),
                                self.resume
                            ),
                        ));
                    }
                    if !lost {
                        out::note(&format!(
                            "the gateway at {url} does not answer ({}); trying again until {expires_at}",
                            visible(&why)
                        ));
                        lost = true;
                    }
                    self.pause(Duration::from_secs(2)).await?;
                }
                Err(error) => return Err(self.setup.stop(&error)),
            }
        }
    }

    /// Says the questions that are new.
    pub(crate) fn hear(&mut self, view: &ActionView) {
        hear(view, self.heard, self.answer);
        self.heard = view.questions.len();
    }

    /// One long-poll, unless something ends the waiting.
    async fn poll(&mut self, expires_at: Time) -> Result<Result<ActionView, ClientError>, Stop> {
        let known = Some(self.heard);
        let answer = self
            .setup
            .gateway
            .action(self.saved.action, MAX_WAIT_S, known);
        tokio::pin!(answer);
        loop {
            if out::on_terminal() {
                let left = span(seconds_until(expires_at, now()));
                out::status(&format!(
                    "vidimus: waiting for a decision, {left} left (Ctrl-C takes it back)"
                ));
            }
            let patience = self.patience;
            tokio::select! {
                view = &mut answer => return Ok(view),
                () = self.stops.next() => return Err(self.withdraw().await),
                () = until(patience) => return Err(self.pending()),
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    async fn pause(&mut self, pause: Duration) -> Result<(), Stop> {
        let patience = self.patience;
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.stops.next() => Err(self.withdraw().await),
            () = until(patience) => Err(self.pending()),
        }
    }

    fn pending(&self) -> Stop {
        Stop::new(
            code::PENDING,
            format!(
                "{} still waits for a decision. Nothing has run. Go on with:\n  {}",
                self.saved.action, self.resume
            ),
        )
    }

    /// Takes the action back. A second signal ends at once.
    pub(crate) async fn withdraw(&mut self) -> Stop {
        if out::on_terminal() {
            out::status("");
        }
        let id = self.saved.action;
        let answer = tokio::select! {
            answer = self.setup.gateway.withdraw(id) => answer,
            () = self.stops.next() => return Stop::new(
                code::WITHDRAWN,
                format!("stopped at once; whether {id} was withdrawn is not known. Nothing has run"),
            ),
        };
        match answer {
            Ok(_) => Stop::new(code::WITHDRAWN, "withdrawn; nothing has run").over(),
            Err(ClientError::Problem { status: 404, .. }) => Stop::new(
                code::WITHDRAWN,
                "stopped before it was proposed; nothing has run",
            )
            .over(),
            Err(ClientError::Problem {
                problem,
                status: 409 | 410,
            }) => Stop::new(
                code::WITHDRAWN,
                format!(
                    "stopped; nothing has run here. It was too late to withdraw {id}: {}. A permit that nobody uses lapses",
                    visible(&problem.detail)
                ),
            ),
            Err(error) => {
                let why = self.setup.stop(&error);
                Stop::new(
                    why.code,
                    format!("{id} could not be withdrawn, it will expire; nothing has run. {why}"),
                )
            }
        }
    }
}

/// Says the open questions but the first `heard`.
pub(crate) fn hear(view: &ActionView, heard: usize, answer: &str) {
    for question in view.questions.iter().skip(heard) {
        if question.answered {
            continue;
        }
        let text = visible(&String::from_utf8_lossy(&question.text.bytes.0));
        out::note(&format!(
            "the reviewer asks: {text}\n  answer with: {answer}"
        ));
    }
}

pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// What a pause means for whoever asks.
const PAUSED: &str = "Asking again is useless until somebody resumes the agent in the console";

/// What ends the waiting well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// It may run.
    Approved,
    /// A reviewer edited it: this one waits in its place.
    Superseded(ActionId),
}

/// What a status means for the waiting; `None` while it goes on.
pub(crate) fn decided(view: &ActionView) -> Option<Result<Decided, Stop>> {
    let stop = |code, words: String| Some(Err(Stop::new(code, words).over()));
    match view.status {
        ActionStatus::Pending => None,
        ActionStatus::Approved if view.paused => stop(
            code::WITHDRAWN,
            format!("approved, then stopped by a pause of the agent; nothing has run. {PAUSED}"),
        ),
        ActionStatus::Approved => Some(Ok(Decided::Approved)),
        ActionStatus::Superseded => {
            Some(view.superseded_by.map(Decided::Superseded).ok_or_else(|| {
                let why = "the gateway says that another action took its place, and not which";
                Stop::new(code::UNPROVEN, why)
            }))
        }
        ActionStatus::Denied => {
            let reason = view
                .reason
                .as_ref()
                .map(|reason| visible(&String::from_utf8_lossy(&reason.bytes.0)))
                .filter(|reason| !reason.is_empty());
            let words = reason.map_or_else(
                || "denied, without a reason".into(),
                |reason| format!("denied. The reviewer's reason: {reason}"),
            );
            stop(code::DENIED, words)
        }
        ActionStatus::Expired => stop(
            code::EXPIRED,
            "expired: nobody decided in time. Nothing has run".into(),
        ),
        ActionStatus::Withdrawn if view.paused => stop(
            code::WITHDRAWN,
            format!("withdrawn by a pause of the agent; nothing has run. {PAUSED}"),
        ),
        ActionStatus::Withdrawn => stop(code::WITHDRAWN, "withdrawn; nothing has run".into()),
        ActionStatus::Refused => {
            let why: Vec<_> = view.policy.iter().map(|line| visible(line)).collect();
            stop(
                code::REFUSED,
                format!("refused by policy: {}", why.join("; ")),
            )
        }
        ActionStatus::Redeemed => Some(Err(Stop::internal(format!(
            "{} was released already and has no outcome: its result is unknown. It will not be run again. Look at what it was to do, then propose it anew",
            view.action
        )))),
        ActionStatus::Completed => stop(
            code::INTERNAL,
            format!(
                "{} has run already: {}",
                view.action,
                ended(view.outcome.as_ref())
            ),
        ),
    }
}

pub(crate) fn ended(outcome: Option<&Outcome>) -> String {
    match outcome {
        Some(Outcome::Exited { code }) => format!("exit code {code}"),
        Some(Outcome::Signalled { signal }) => format!("ended by signal {signal}"),
        Some(Outcome::FailedToStart { why }) => format!("it did not start: {}", visible(why)),
        Some(Outcome::Succeeded {}) => "it succeeded".into(),
        Some(Outcome::Failed { why }) => format!("it failed: {}", visible(why)),
        None => "without an outcome".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_protocol::Blob;
    use vidimus_protocol::api::Content;

    fn view(status: ActionStatus) -> ActionView {
        ActionView {
            action: ActionId::from_random([0; 16]),
            edits: None,
            expires_at: Time::default(),
            outcome: Some(Outcome::Exited { code: 4 }),
            paused: false,
            policy: vec!["no \u{1b}[31mway".into()],
            questions: vec![],
            reason: Some(Content {
                bytes: Blob(b"too\x1b[2Jlate".to_vec()),
                salt: Digest([0; 32]),
                r#type: "text/plain".into(),
            }),
            status,
            superseded_by: None,
            use_before: None,
        }
    }

    #[test]
    fn each_end_has_its_own_code_and_words() {
        assert_eq!(decided(&view(ActionStatus::Pending)), None);
        assert_eq!(
            decided(&view(ActionStatus::Approved)),
            Some(Ok(Decided::Approved))
        );
        let superseded = ActionView {
            superseded_by: Some(ActionId::from_random([7; 16])),
            ..view(ActionStatus::Superseded)
        };
        let to = ActionId::from_random([7; 16]);
        assert_eq!(decided(&superseded), Some(Ok(Decided::Superseded(to))));
        let nowhere = decided(&view(ActionStatus::Superseded)).unwrap();
        assert_eq!(nowhere.unwrap_err().code, code::UNPROVEN);
        for (status, code, words) in [
            (ActionStatus::Denied, code::DENIED, r"too\u{1b}[2Jlate"),
            (ActionStatus::Expired, code::EXPIRED, "nobody decided"),
            (ActionStatus::Withdrawn, code::WITHDRAWN, "withdrawn"),
            (ActionStatus::Refused, code::REFUSED, r"no \u{1b}[31mway"),
            (ActionStatus::Redeemed, code::INTERNAL, "unknown"),
            (ActionStatus::Completed, code::INTERNAL, "exit code 4"),
        ] {
            let stop = decided(&view(status)).unwrap().unwrap_err();
            assert_eq!(stop.code, code);
            assert_eq!(stop.over, status != ActionStatus::Redeemed);
            assert!(stop.words.contains(words), "{}", stop.words);
        }
        for status in [ActionStatus::Withdrawn, ActionStatus::Approved] {
            let paused = ActionView {
                paused: true,
                ..view(status)
            };
            let stop = decided(&paused).unwrap().unwrap_err();
            assert_eq!((stop.code, stop.over), (code::WITHDRAWN, true));
            assert!(
                stop.words
                    .contains("by a pause of the agent; nothing has run")
            );
            assert!(stop.words.contains("useless until somebody resumes"));
        }
    }
}
