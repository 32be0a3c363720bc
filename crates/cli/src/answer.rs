//! `vidimus answer`: answers a reviewer's question about a waiting action.
//!
//! The answer is a claim of the agent's, is logged, and decides nothing.

use vidimus_client::home::Home;
use vidimus_client::{ClientError, Gateway};
use vidimus_executor::{Executor, random};
use vidimus_protocol::action::{MAX_TEXT, TEXT_TYPE};
use vidimus_protocol::api::{ActionStatus, ActionView, Content, Question, WriteAnswer};
use vidimus_protocol::{ActionId, Blob};

use crate::args::AnswerArgs;
use crate::out::{say, visible};
use crate::stop::{Stop, code};

/// Runs `vidimus answer`. Returns the exit code.
pub(crate) async fn run(args: AnswerArgs, home: &Home) -> Result<u8, Stop> {
    if args.text.trim().is_empty() || args.text.len() > MAX_TEXT {
        return Err(Stop::new(
            code::USAGE,
            format!("an answer has 1 to {MAX_TEXT} bytes and is not blank"),
        ));
    }
    let executor = Executor::load(home, args.agent.as_deref(), args.tls_ca.as_deref())?;
    let view = executor.look(args.action).await?;
    let question = choose(&view, args.question)?;
    let answer = WriteAnswer {
        question: question.entry,
        text: Content {
            bytes: Blob(args.text.into_bytes()),
            salt: random::digest()?,
            r#type: TEXT_TYPE.into(),
        },
    };
    send(&executor.gateway, args.action, &answer)
        .await
        .map_err(|error| executor.stop(&error))?;
    say(&format!(
        "answered: {}",
        visible(&String::from_utf8_lossy(&question.text.bytes.0))
    ));
    Ok(0)
}

/// A lost answer is sent once more: the same text and salt are the same answer.
async fn send(
    gateway: &Gateway,
    action: ActionId,
    answer: &WriteAnswer,
) -> Result<(), ClientError> {
    match gateway.answer(action, answer).await {
        Err(ClientError::Unreachable { sent: true, .. }) => gateway.answer(action, answer).await,
        other => other,
    }
    .map(drop)
}

/// The question that is meant: the named one, or the oldest open one.
fn choose(view: &ActionView, wanted: Option<u64>) -> Result<&Question, Stop> {
    let usage = |words: String| Err(Stop::new(code::USAGE, words));
    if view.status != ActionStatus::Pending {
        return usage(format!("{} does not wait any more", view.action));
    }
    let mut open = view.questions.iter().filter(|question| !question.answered);
    let found = match wanted {
        Some(entry) => open.find(|question| question.entry == entry),
        None => open.next(),
    };
    match (found, wanted) {
        (Some(question), _) => Ok(question),
        (None, Some(entry)) => usage(format!("there is no open question at entry {entry}")),
        (None, None) => usage(format!("nobody has an open question about {}", view.action)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_protocol::{Digest, Time};

    fn view(status: ActionStatus, questions: &[(u64, bool)]) -> ActionView {
        let question = |&(entry, answered): &(u64, bool)| Question {
            answered,
            asked_at: Time::default(),
            entry,
            text: Content {
                bytes: Blob(b"why?".to_vec()),
                salt: Digest([0; 32]),
                r#type: TEXT_TYPE.into(),
            },
        };
        ActionView {
            action: ActionId::from_random([0; 16]),
            edits: None,
            expires_at: Time::default(),
            outcome: None,
            paused: false,
            policy: vec![],
            questions: questions.iter().map(question).collect(),
            reason: None,
            starts_at: None,
            status,
            superseded_by: None,
            use_before: None,
        }
    }

    #[test]
    fn the_oldest_open_question_is_meant_unless_one_is_named() {
        let view = view(ActionStatus::Pending, &[(4, true), (7, false), (9, false)]);
        assert_eq!(choose(&view, None).unwrap().entry, 7);
        assert_eq!(choose(&view, Some(9)).unwrap().entry, 9);
        let refused = |wanted| choose(&view, wanted).unwrap_err().words;
        assert!(refused(Some(4)).contains("no open question at entry 4"));
        assert!(refused(Some(1)).contains("no open question at entry 1"));
    }

    #[test]
    fn what_nobody_asks_or_waits_for_is_said() {
        let none = view(ActionStatus::Pending, &[(4, true)]);
        assert!(choose(&none, None).unwrap_err().words.contains("nobody"));
        let over = view(ActionStatus::Denied, &[(4, false)]);
        assert!(choose(&over, None).unwrap_err().words.contains("not wait"));
    }
}
