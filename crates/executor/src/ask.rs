//! Proposes an action and waits for the decision.

use std::time::Duration;

use vidimus_client::ClientError;
use vidimus_protocol::api::{Ack, ActionStatus, ActionView, Known, Question};
use vidimus_protocol::entry::{Data, Outcome, Parsed};
use vidimus_protocol::{ActionId, Leaf, Time};

use crate::clock::now;
use crate::request::Request;
use crate::setup::Executor;
use crate::stop::{Stop, Why};
use crate::text::visible;

/// Waits before a request is made again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// Wait before a gateway that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(2);
/// How long after its expiry an action's end may still be on its way.
const GRACE_S: u64 = 10;

/// What happens while a decision is waited for.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// The gateway does not answer; it is asked again until the time is over.
    Lost {
        /// Its address.
        url: &'a str,
        /// What failed, as the system said it.
        why: &'a str,
    },
    /// It answers again.
    Back,
    /// The reviewer asks something.
    Asked(&'a Question),
}

impl Executor {
    /// Proposes, and returns when the time for a decision is over. The same
    /// bytes again are the same proposal, so a lost answer is asked for once
    /// more.
    ///
    /// # Errors
    /// A [`Stop`], [`over`](Stop::over) when nothing was proposed.
    pub async fn propose(&self, request: &Request) -> Result<Time, Stop> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let sent = self.gateway.propose(&request.propose).await;
            match (sent, pauses.next()) {
                (Ok(ack), _) => return acknowledged(request, &ack),
                (Err(ClientError::Unreachable { sent: true, .. }), Some(pause)) => {
                    tokio::time::sleep(pause).await;
                }
                (Err(error), _) => return Err(self.not_proposed(&error)),
            }
        }
    }

    /// What never arrived, or was refused, leaves nothing to go on with.
    fn not_proposed(&self, error: &ClientError) -> Stop {
        let stop = self.stop(error);
        let nothing_ran = |stop: Stop| Stop {
            words: format!("{stop}. Nothing has run"),
            ..stop
        };
        match error {
            ClientError::Unreachable { sent: false, .. } => nothing_ran(stop).over(),
            ClientError::Problem { status, .. } if *status < 500 => stop.over(),
            _ => nothing_ran(stop),
        }
    }

    /// Waits until it is approved, or another takes its place; every other end
    /// is a [`Stop`]. To stop waiting, drop it. `heard` counts the questions that were told.
    ///
    /// # Errors
    /// A [`Stop`] that says how it ended.
    pub async fn approval(
        &self,
        action: ActionId,
        expires_at: Time,
        heard: &mut usize,
        mut tell: impl FnMut(News<'_>),
    ) -> Result<Decided, Stop> {
        let mut lost = false;
        loop {
            let known = Known {
                action,
                questions: u64::try_from(*heard).unwrap_or(u64::MAX),
                status: ActionStatus::Pending,
            };
            match self.waits.news(known).await {
                Ok(view) => {
                    if std::mem::take(&mut lost) {
                        tell(News::Back);
                    }
                    let Some(view) = view else { continue };
                    if let Some(end) = decided(&view) {
                        return end;
                    }
                    for question in view.questions.iter().skip(*heard) {
                        if !question.answered {
                            tell(News::Asked(question));
                        }
                    }
                    *heard = view.questions.len();
                }
                Err(ClientError::Unreachable { url, why, .. }) => {
                    let (url, why) = (url.to_string(), visible(&why));
                    if now() > expires_at.plus_seconds(GRACE_S) {
                        return Err(Stop::new(
                            Why::Unreachable,
                            format!(
                                "the gateway at {url} does not answer ({why}), and the time for a decision is over"
                            ),
                        ));
                    }
                    if !std::mem::replace(&mut lost, true) {
                        tell(News::Lost {
                            url: &url,
                            why: &why,
                        });
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(self.stop(&error)),
            }
        }
    }

    /// Takes the action back, and says what became of it.
    pub async fn withdraw(&self, action: ActionId) -> Stop {
        match self.gateway.withdraw(action).await {
            Ok(_) => Stop::new(Why::Withdrawn, "withdrawn; nothing has run").over(),
            Err(ClientError::Problem { status: 404, .. }) => Stop::new(
                Why::Withdrawn,
                "stopped before it was proposed; nothing has run",
            )
            .over(),
            Err(ClientError::Problem {
                problem,
                status: 409 | 410,
            }) => Stop::new(
                Why::Withdrawn,
                format!(
                    "stopped; nothing has run here. It was too late to withdraw {action}: {}. A permit that nobody uses lapses",
                    visible(&problem.detail)
                ),
            ),
            Err(error) => {
                let stop = self.stop(&error);
                Stop::new(
                    stop.why,
                    format!(
                        "{action} could not be withdrawn, it will expire; nothing has run. {stop}"
                    ),
                )
            }
        }
    }
}

/// The acknowledged entry must be ours. Whether it is in the trusted log is
/// proven before anything runs.
fn acknowledged(request: &Request, ack: &Ack) -> Result<Time, Stop> {
    let first = ack.entries.first();
    let leaf = first.and_then(|proven| Leaf::parse(proven.leaf.as_bytes()).ok());
    if let Some(Parsed::Known(leaf)) = leaf
        && let Data::ActionProposed(proposed) = &leaf.data
        && proposed.action == request.id()
        && leaf.part("payload").map(|part| part.commit) == Some(request.digest)
    {
        return Ok(proposed.expires_at);
    }
    Err(Stop::new(
        Why::Unproven,
        "the gateway acknowledged something else than what was proposed: nothing will run",
    ))
}

/// What a pause means for whoever asks.
const PAUSED: &str = "Asking again is useless until somebody resumes the agent in the console";

/// What ends the waiting well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It may run.
    Approved,
    /// A reviewer edited it: this one waits in its place.
    Superseded(ActionId),
}

/// What a status means for the waiting; `None` while it goes on.
#[must_use]
pub fn decided(view: &ActionView) -> Option<Result<Decided, Stop>> {
    let stop = |why, words: String| Some(Err(Stop::new(why, words).over()));
    match view.status {
        ActionStatus::Pending => None,
        ActionStatus::Approved if view.paused => stop(
            Why::Withdrawn,
            format!("approved, then stopped by a pause of the agent; nothing has run. {PAUSED}"),
        ),
        ActionStatus::Approved => Some(Ok(Decided::Approved)),
        ActionStatus::Superseded => {
            Some(view.superseded_by.map(Decided::Superseded).ok_or_else(|| {
                let words = "the gateway says that another action took its place, and not which";
                Stop::new(Why::Unproven, words)
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
            stop(Why::Denied, words)
        }
        ActionStatus::Expired => stop(
            Why::Expired,
            "expired: nobody decided in time. Nothing has run".into(),
        ),
        ActionStatus::Withdrawn if view.paused => stop(
            Why::Withdrawn,
            format!("withdrawn by a pause of the agent; nothing has run. {PAUSED}"),
        ),
        ActionStatus::Withdrawn => stop(Why::Withdrawn, "withdrawn; nothing has run".into()),
        ActionStatus::Refused => {
            let why: Vec<_> = view.policy.iter().map(|line| visible(line)).collect();
            stop(
                Why::Refused,
                format!("refused by policy: {}", why.join("; ")),
            )
        }
        ActionStatus::Redeemed => Some(Err(Stop::internal(format!(
            "{} was released already and has no outcome: its result is unknown. It will not be run again. Look at what it was to do, then propose it anew",
            view.action
        )))),
        ActionStatus::Completed => stop(
            Why::Internal,
            format!(
                "{} has run already: {}",
                view.action,
                ended(view.outcome.as_ref())
            ),
        ),
    }
}

/// How a run ended, in words.
#[must_use]
pub fn ended(outcome: Option<&Outcome>) -> String {
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
    use vidimus_protocol::api::Content;
    use vidimus_protocol::{Blob, Digest};

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
            starts_at: None,
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
        assert_eq!(nowhere.unwrap_err().why, Why::Unproven);
        for (status, why, words) in [
            (ActionStatus::Denied, Why::Denied, r"too\u{1b}[2Jlate"),
            (ActionStatus::Expired, Why::Expired, "nobody decided"),
            (ActionStatus::Withdrawn, Why::Withdrawn, "withdrawn"),
            (ActionStatus::Refused, Why::Refused, r"no \u{1b}[31mway"),
            (ActionStatus::Redeemed, Why::Internal, "unknown"),
            (ActionStatus::Completed, Why::Internal, "exit code 4"),
        ] {
            let stop = decided(&view(status)).unwrap().unwrap_err();
            assert_eq!(stop.why, why);
            assert_eq!(stop.over, status != ActionStatus::Redeemed);
            assert!(stop.words.contains(words), "{}", stop.words);
        }
        for status in [ActionStatus::Withdrawn, ActionStatus::Approved] {
            let paused = ActionView {
                paused: true,
                ..view(status)
            };
            let stop = decided(&paused).unwrap().unwrap_err();
            assert_eq!((stop.why, stop.over), (Why::Withdrawn, true));
            assert!(
                stop.words
                    .contains("by a pause of the agent; nothing has run")
            );
            assert!(stop.words.contains("useless until somebody resumes"));
        }
    }
}
