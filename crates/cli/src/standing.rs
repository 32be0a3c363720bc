//! Where an action stands, as one JSON document.
//!
//! Spec: `docs/spec/action.md`.

use serde::Serialize;
use vidimus_protocol::api::{ActionStatus, ActionView};
use vidimus_protocol::entry::Outcome;
use vidimus_protocol::{ActionId, Time};

use crate::out;

/// Texts are as they were written: whoever shows them takes care of what hides
/// in them.
#[derive(Serialize)]
struct Document<'a> {
    action: ActionId,
    agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    edits: Option<ActionId>,
    exit_code: u8,
    expires_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a Outcome>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
    policy: &'a [String],
    questions: Vec<Open<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The command line that goes on with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<Time>,
    status: ActionStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<ActionId>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_before: Option<Time>,
    v: u64,
}

/// A question that nobody has answered.
#[derive(Serialize)]
struct Open<'a> {
    /// The command line that answers it, but for the text.
    answer: &'a str,
    entry: u64,
    text: String,
}

/// Who asks, and how the own command lines read that go on with it.
pub(crate) struct Words<'a> {
    pub(crate) agent: &'a str,
    pub(crate) answer: &'a str,
    /// Where what it takes is kept here.
    pub(crate) resume: Option<&'a str>,
}

/// Prints it.
pub(crate) fn print(view: &ActionView, words: &Words<'_>, exit_code: u8) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let goes_on =
        matches!(view.status, ActionStatus::Pending | ActionStatus::Approved) && !view.paused;
    let questions = view.questions.iter().filter(|question| !question.answered);
    out::document(&Document {
        action: view.action,
        agent: words.agent,
        edits: view.edits,
        exit_code,
        expires_at: view.expires_at,
        outcome: view.outcome.as_ref(),
        paused: view.paused,
        policy: &view.policy,
        questions: questions
            .map(|question| Open {
                answer: words.answer,
                entry: question.entry,
                text: text(&question.text.bytes.0),
            })
            .collect(),
        reason: view.reason.as_ref().map(|reason| text(&reason.bytes.0)),
        resume: words.resume.filter(|_| goes_on),
        starts_at: view.starts_at,
        status: view.status,
        superseded_by: view.superseded_by,
        r#type: "vidimus-action",
        use_before: view.use_before,
        v: 1,
    });
}
