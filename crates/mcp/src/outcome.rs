//! How a call ended, for the ledger.

use std::time::Duration;

use serde_json::Value;
use vidimus_executor::{Report, text::visible};
use vidimus_protocol::entry::Outcome;

use crate::json::Object;
use crate::link::Reply;
use crate::secrets::masked;

/// Most bytes of what a tool said that are kept: the end of it.
const MAX_SAID: usize = 64 << 10;

/// The report about an answer of the server's, without the secrets that the
/// tool was given.
pub(crate) fn report(reply: &Reply, took: Duration, secrets: &[String]) -> Report {
    let (outcome, said) = match reply {
        Reply::Result(result) => {
            let said = masked(&said(result), secrets);
            if is_task(result) {
                let words = "the server goes on with it as a task, which nobody asked for; nobody knows what becomes of it";
                (Report::failed(words, took), said)
            } else if is_error(result) {
                (failed(&said, took), said)
            } else {
                (Report::of(Outcome::Succeeded {}, took), said)
            }
        }
        Reply::Error(error) => {
            let read = Object::read(error).ok();
            let message = read.and_then(|error| error.string("message"));
            let words = masked(&message.unwrap_or_else(|| error.clone()), secrets);
            (failed(&words, took), masked(error, secrets))
        }
    };
    let omitted = beginning_beyond(&said, MAX_SAID);
    Report {
        output: said.as_bytes()[omitted..].to_vec(),
        output_omitted: u64::try_from(omitted).unwrap_or(u64::MAX),
        ..outcome
    }
}

fn failed(words: &str, took: Duration) -> Report {
    let words = if words.trim().is_empty() {
        "the tool said that it failed, and not why".into()
    } else {
        visible(words)
    };
    Report::failed(&words, took)
}

pub(crate) fn is_error(result: &str) -> bool {
    let result = Object::read(result);
    result.is_ok_and(|result| result.get("isError") == Some("true"))
}

/// Whether the server has but begun, though it was not told that somebody
/// takes tasks: of 2026-07-28 or 2025-11-25.
fn is_task(result: &str) -> bool {
    Object::read(result).is_ok_and(|result| {
        let task = result.object("task");
        result.string("resultType").as_deref() == Some("task")
            || task.is_some_and(|task| task.get("taskId").is_some())
    })
}

/// Whether the server asks for something before it goes on (2026-07-28).
pub(crate) fn is_question(result: &str) -> bool {
    let result = Object::read(result);
    result.is_ok_and(|result| result.string("resultType").as_deref() == Some("input_required"))
}

/// What a tool said: the texts of its content, or all of its result.
fn said(result: &str) -> String {
    let read: Option<Value> = serde_json::from_str(result).ok();
    let texts = read.and_then(|result| {
        let content = result.get("content")?.as_array()?;
        let texts = content
            .iter()
            .map(|part| part.get("text").and_then(Value::as_str).map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    });
    match texts {
        Some(texts) if !texts.is_empty() => texts.join("\n"),
        _ => result.to_owned(),
    }
}

/// Where the last `most` bytes begin, between two characters.
fn beginning_beyond(text: &str, most: usize) -> usize {
    let mut start = text.len().saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    start
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(reply: &Reply) -> (Outcome, String) {
        let report = report(reply, Duration::ZERO, &["hunter2".into()]);
        (report.outcome, String::from_utf8(report.output).unwrap())
    }

    #[test]
    fn a_tool_succeeds_or_fails_in_its_own_words_without_secrets() {
        let text = r#"{"content":[{"type":"text","text":"a hunter2"},{"type":"text","text":"b"}]}"#;
        assert_eq!(
            of(&Reply::Result(text.into())),
            (Outcome::Succeeded {}, "a (bound, not shown)\nb".into())
        );
        let failed = |why: &str| Outcome::Failed { why: why.into() };
        let text = r#"{"content":[{"type":"text","text":"no\u001b[2J hunter2"}],"isError":true}"#;
        let (outcome, _) = of(&Reply::Result(text.into()));
        assert_eq!(outcome, failed(r"no\u{1b}[2J (bound, not shown)"));
        let error = r#"{"code":-32602,"message":"unknown tool hunter2"}"#;
        let (outcome, said) = of(&Reply::Error(error.into()));
        assert_eq!(outcome, failed("unknown tool (bound, not shown)"));
        assert!(!said.contains("hunter2"));
        let image = r#"{"content":[{"type":"image","data":"AAAA"}],"isError":true}"#;
        assert_eq!(of(&Reply::Result(image.into())).1, image);
    }

    #[test]
    fn the_end_of_a_long_result_is_kept() {
        let long = format!("{{\"x\":\"{}end\"}}", "é".repeat(MAX_SAID));
        let report = report(&Reply::Result(long.clone()), Duration::ZERO, &[]);
        assert!(report.output.len() <= MAX_SAID && report.output.ends_with(b"end\"}"));
        assert_eq!(
            report.output.len() as u64 + report.output_omitted,
            long.len() as u64
        );
        assert!(String::from_utf8(report.output).is_ok());
    }

    #[test]
    fn a_task_is_no_outcome() {
        for result in [
            r#"{"resultType":"task","taskId":"x","status":"working"}"#,
            r#"{"task":{"taskId":"x","status":"working"}}"#,
        ] {
            let (outcome, _) = of(&Reply::Result(result.into()));
            assert!(
                matches!(&outcome, Outcome::Failed { why } if why.contains("nobody knows")),
                "{outcome:?}"
            );
        }
        let result = r#"{"content":[],"structuredContent":{"task":{"taskId":"x"}}}"#;
        assert_eq!(of(&Reply::Result(result.into())).0, Outcome::Succeeded {});
    }

    #[test]
    fn a_server_that_asks_is_not_done() {
        assert!(is_question(
            r#"{"resultType":"input_required","requestState":"x"}"#
        ));
        assert!(!is_question(r#"{"resultType":"complete","content":[]}"#));
    }
}
