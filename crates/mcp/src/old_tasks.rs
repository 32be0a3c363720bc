//! Calls as tasks of 2025-11-25: experimental there, and replaced by the
//! extension in 2026-07-28 ([`crate::tasks`]).
//!
//! A client adds `task` to a call of a tool that says it takes that. Tools that
//! are held say so to clients of that version, whatever they say themselves. A
//! tool that wants nothing but tasks gets one from the proxy, whose result is
//! then waited for.

use std::sync::Arc;

use serde_json::json;

use crate::attend::{Waiter, form};
use crate::held::{End, Held, Stage};
use crate::json::{Object, elements};
use crate::link::Reply;
use crate::message::{Refused, answer, code, error};
use crate::proxy::Proxy;

/// The version that has them.
const VERSION: &str = "2025-11-25";
const RELATED: &str = "io.modelcontextprotocol/related-task";

/// How a tool's definition stands to tasks.
fn support(definition: &Object<'_>) -> Option<String> {
    definition.object("execution")?.string("taskSupport")
}

/// Whether a tool runs as a task alone.
pub(crate) fn is_required(definition: &str) -> bool {
    let definition = Object::read(definition);
    definition.is_ok_and(|definition| support(&definition).as_deref() == Some("required"))
}

/// The id of the task that a server made of a call.
pub(crate) fn task_of(result: &str) -> Option<String> {
    Object::read(result).ok()?.object("task")?.string("taskId")
}

/// The result of an `initialize` with tasks in it, if it is of their version.
pub(crate) fn offered(result: &str) -> Option<String> {
    let mut members = Object::read(result).ok()?;
    let mut capabilities = members.object("capabilities")?;
    if members.string("protocolVersion")? != VERSION || capabilities.get("tools").is_none() {
        return None;
    }
    let mut tasks = capabilities.object("tasks").unwrap_or_default();
    let mut requests = tasks.object("requests").unwrap_or_default();
    let mut tools = requests.object("tools").unwrap_or_default();
    tools.set("call", "{}");
    let tools = tools.to_text();
    requests.set("tools", tools);
    let requests = requests.to_text();
    tasks.set("cancel", "{}");
    tasks.set("requests", requests);
    let tasks = tasks.to_text();
    capabilities.set("tasks", tasks);
    let capabilities = capabilities.to_text();
    members.set("capabilities", capabilities);
    Some(members.to_text())
}

/// Whether the server has tasks of its own for tools.
pub(crate) fn has_tasks(result: &str) -> bool {
    let has = |result: &Object<'_>| {
        let capabilities = result.object("capabilities")?;
        let tasks = capabilities.object("tasks")?;
        let requests = tasks.object("requests")?;
        let tools = requests.object("tools")?;
        tools.get("call").map(drop)
    };
    Object::read(result).is_ok_and(|result| has(&result).is_some())
}

/// A list of tools in which those that are held take tasks. Those that pass do
/// as the server has it.
pub(crate) fn with_support(
    result: &str,
    is_held: impl Fn(&str) -> bool,
    server_has_tasks: bool,
) -> Option<String> {
    let mut members = Object::read(result).ok()?;
    let mut tools = Vec::new();
    for text in elements(members.get("tools")?)? {
        let mut tool = Object::read(text).ok()?;
        let own = support(&tool);
        let said = if is_held(&tool.string("name")?) {
            (own.as_deref() != Some("required")).then_some("\"optional\"")
        } else {
            (own.is_some() && !server_has_tasks).then_some("\"forbidden\"")
        };
        if let Some(said) = said {
            let mut execution = tool.object("execution").unwrap_or_default();
            execution.set("taskSupport", said);
            let execution = execution.to_text();
            tool.set("execution", execution);
        }
        tools.push(if said.is_some() {
            tool.to_text()
        } else {
            text.to_owned()
        });
    }
    let tools = format!("[{}]", tools.join(","));
    members.set("tools", tools);
    Some(members.to_text())
}

/// Whether a call that ended so is a task that failed.
pub(crate) fn is_failed(end: &End) -> bool {
    match end {
        End::Answered(Reply::Result(result)) => crate::outcome::is_error(result),
        End::Answered(Reply::Error(_)) | End::Stopped(_) | End::Unknown(_) => true,
    }
}

impl Proxy {
    /// Answers a `tasks/result` once the task is over: as the call itself would
    /// have been.
    pub(crate) async fn task_result(
        self: Arc<Self>,
        held: Arc<Held>,
        task: String,
        waiter: Waiter,
    ) {
        let mut stage = held.stage.subscribe();
        let is_over = |stage: &Stage| matches!(stage, Stage::Over(_));
        let end = tokio::select! {
            over = stage.wait_for(is_over) => over.ok().map(|stage| stage.clone()),
            () = waiter.cancelled.notified() => None,
        };
        let Some(Stage::Over(end)) = end else {
            return self.landed(&waiter.id);
        };
        let text = match end.reply(&held, form(&waiter)) {
            Reply::Error(text) => answer(&waiter.id, "error", &text),
            Reply::Result(text) => match related(&text, &task) {
                Some(text) => answer(&waiter.id, "result", &text),
                None => {
                    let words = "the server's result is none that can be read";
                    error(Some(&waiter.id), &Refused::new(code::INTERNAL, words))
                }
            },
        };
        self.landed(&waiter.id);
        self.to_client(text).await;
    }
}

/// A result that says which task it is of.
fn related(result: &str, task: &str) -> Option<String> {
    let mut members = Object::read(result).ok()?;
    let mut meta = members.object("_meta").unwrap_or_default();
    let related = json!({"taskId": task}).to_string();
    meta.set(RELATED, related);
    let meta = meta.to_text();
    members.set("_meta", meta);
    Some(members.to_text())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tasks_are_offered_beside_what_the_server_has_and_in_their_version_alone() {
        let result = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"tasks":{"list":{},"requests":{"x":{}}}},"y":1.0}"#;
        let given = offered(result).unwrap();
        assert_eq!(
            given,
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"tasks":{"list":{},"requests":{"x":{},"tools":{"call":{}}},"cancel":{}}},"y":1.0}"#
        );
        assert!(!has_tasks(result) && has_tasks(&given));
        assert_eq!(offered(&result.replace("2025-11-25", "2025-06-18")), None);
        assert_eq!(offered(&result.replace(r#""tools":{},"#, "")), None);
    }

    #[test]
    fn what_is_held_takes_tasks() {
        let result = r#"{"tools":[{"name":"a", "x":1.0},{"name":"b","execution":{"taskSupport":"required"}},{"name":"c","execution":{"taskSupport":"optional"}}]}"#;
        let held = |tool: &str| tool != "c";
        assert_eq!(
            with_support(result, held, true).unwrap(),
            r#"{"tools":[{"name":"a","x":1.0,"execution":{"taskSupport":"optional"}},{"name":"b","execution":{"taskSupport":"required"}},{"name":"c","execution":{"taskSupport":"optional"}}]}"#
        );
        let without = with_support(result, held, false).unwrap();
        assert!(without.ends_with(r#"{"name":"c","execution":{"taskSupport":"forbidden"}}]}"#));
        assert!(is_required(r#"{"execution":{"taskSupport":"required"}}"#));
    }
}
