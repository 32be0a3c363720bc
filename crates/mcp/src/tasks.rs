//! Calls as tasks: the extension `io.modelcontextprotocol/tasks` of
//! 2026-07-28.
//!
//! A client that says with its request that it takes tasks gets one at once,
//! and polls. The server behind the proxy is not told of it, so that what it
//! answers is the outcome.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use vidimus_executor::clock::now;
use vidimus_protocol::{ActionId, Time};

use crate::attend::Waiter;
use crate::call::TASKS;
use crate::held::{Attending, End, Held, Stage};
use crate::json::{Object, quoted};
use crate::kept::{KEPT, Kept};
use crate::link::Reply;
use crate::message::{Refused, answer, code};
use crate::old_tasks::is_failed;
use crate::proxy::Proxy;
use crate::told::Form;

/// How often a client may ask, milliseconds.
const POLL_MS: u64 = 2_000;
/// In front of the action in a task's id.
const PREFIX: &str = "vidimus:";

const RUNS: &str = "approved; it runs";

/// The tasks that were handed out.
#[derive(Debug, Default)]
pub(crate) struct Tasks(HashMap<ActionId, Task>);

impl Tasks {
    /// With those that are still kept.
    fn add(&mut self, task: Task, kept: &Kept) {
        self.0.retain(|action, _| kept.find(*action).is_some());
        self.0.insert(task.held.action, task);
    }

    pub(crate) fn is_one(&self, action: ActionId) -> bool {
        self.0.contains_key(&action)
    }
}

#[derive(Debug)]
struct Task {
    held: Arc<Held>,
    created_at: Time,
    /// Of 2025-11-25.
    is_old: bool,
    /// A task runs once it is approved: somebody always waits for it.
    _attending: Attending,
}

impl Proxy {
    /// Answers a call with a task.
    pub(crate) async fn hand_out_task(&self, held: &Arc<Held>, waiter: &Waiter) {
        let task = Task {
            held: held.clone(),
            created_at: now(),
            is_old: waiter.wants_task,
            _attending: held.attend(&waiter.meta),
        };
        let mut result = task.base("working");
        if task.is_old {
            result = json!({"task": result});
        } else {
            result["resultType"] = "task".into();
        }
        {
            let state = &mut *self.state();
            state.tasks.add(task, &state.held);
        }
        self.landed(&waiter.id);
        self.to_client(answer(&waiter.id, "result", &result.to_string()))
            .await;
    }

    /// Answers a request about a task of the proxy's own; `None` for others.
    pub(crate) fn task_request(
        &self,
        method: &str,
        params: Option<&str>,
    ) -> Option<Result<String, Refused>> {
        if !matches!(method, "tasks/get" | "tasks/update" | "tasks/cancel") {
            return None;
        }
        let params = Object::read(params?).ok()?;
        let action = own_task(&params)?;
        let state = self.state();
        let Some(task) = action.and_then(|action| state.tasks.0.get(&action)) else {
            return Some(Err(unknown()));
        };
        Some(Ok(match method {
            "tasks/get" if task.is_old => task.told_old().to_string(),
            "tasks/get" => task.told(),
            "tasks/update" => {
                task.update(params.get("inputResponses"));
                done()
            }
            _ if task.is_old => {
                if matches!(&*task.held.stage.borrow(), Stage::Over(_)) || task.held.is_taken_back()
                {
                    let words = "this task is over already";
                    return Some(Err(Refused::new(code::BAD_PARAMS, words)));
                }
                task.held.take_back();
                task.told_old().to_string()
            }
            _ => {
                task.held.take_back();
                done()
            }
        }))
    }

    /// The call of a task of the proxy's own that `tasks/result` (2025-11-25) is
    /// about, and the task's id; `None` for others.
    pub(crate) fn result_asked_for(
        &self,
        params: Option<&str>,
    ) -> Option<Result<(Arc<Held>, String), Refused>> {
        let params = Object::read(params?).ok()?;
        let action = own_task(&params)?;
        let state = self.state();
        let task = action.and_then(|action| state.tasks.0.get(&action));
        Some(
            task.ok_or_else(unknown)
                .map(|task| (task.held.clone(), task.id())),
        )
    }
}

/// The action of a task of the proxy's own, as far as its id is one; `None` for
/// other tasks.
fn own_task(params: &Object<'_>) -> Option<Option<ActionId>> {
    let id = params.string("taskId")?;
    Some(id.strip_prefix(PREFIX)?.parse().ok())
}

fn unknown() -> Refused {
    let words = "this proxy has no such task: it was asked for in another session";
    Refused::new(code::BAD_PARAMS, words)
}

fn done() -> String {
    json!({"resultType": "complete"}).to_string()
}

impl Task {
    fn base(&self, status: &str) -> Value {
        let updated = now().max(self.created_at);
        let (ttl, poll) = if self.is_old {
            ("ttl", "pollInterval")
        } else {
            ("ttlMs", "pollIntervalMs")
        };
        json!({
            "taskId": self.id(),
            "status": status,
            "createdAt": self.created_at.to_string(),
            "lastUpdatedAt": updated.to_string(),
            // From its creation; unlimited while it is not over.
            ttl: self.ttl_ms(),
            poll: POLL_MS,
        })
    }

    fn id(&self) -> String {
        format!("{PREFIX}{}", self.held.action)
    }

    /// The task as 2025-11-25 has it. What is cancelled stays so.
    fn told_old(&self) -> Value {
        let stage = self.held.stage.borrow().clone();
        let (status, words) = match &stage {
            _ if self.held.is_taken_back() => ("cancelled", "it was cancelled".into()),
            Stage::Waiting { questions } => ("working", waiting(questions)),
            Stage::Approved | Stage::Running | Stage::Asked(_) => ("working", RUNS.into()),
            Stage::Over(end) if is_failed(end) => ("failed", String::new()),
            Stage::Over(_) => ("completed", String::new()),
        };
        let mut told = self.base(status);
        if !words.is_empty() {
            told["statusMessage"] = words.into();
        }
        told
    }

    fn ttl_ms(&self) -> Option<u64> {
        let (_, ended) = self.held.ended.get()?;
        let kept = ended.plus_seconds(KEPT.as_secs());
        Some(kept.unix_ms().saturating_sub(self.created_at.unix_ms()))
    }

    /// The result of a `tasks/get`.
    fn told(&self) -> String {
        let stage = self.held.stage.borrow().clone();
        let (status, words, payload) = match stage {
            Stage::Waiting { questions } => ("working", waiting(&questions), None),
            Stage::Approved | Stage::Running => ("working", RUNS.into(), None),
            Stage::Asked(result) => {
                let requests = Object::read(&result).ok();
                let requests =
                    requests.and_then(|result| Some(result.get("inputRequests")?.to_owned()));
                let requests = requests.unwrap_or_else(|| "{}".into());
                (
                    "input_required",
                    String::new(),
                    Some(("inputRequests", requests)),
                )
            }
            Stage::Over(end) => self.over(&end),
        };
        let mut base = self.base(status);
        base["resultType"] = "complete".into();
        if !words.is_empty() {
            base["statusMessage"] = words.into();
        }
        let text = base.to_string();
        let Some((member, value)) = payload else {
            return text;
        };
        // The server's own text, as it stands.
        format!("{},{}:{value}}}", &text[..text.len() - 1], quoted(member))
    }

    fn over(&self, end: &End) -> (&'static str, String, Option<(&'static str, String)>) {
        // It was cancelled in time.
        if let End::Stopped(stop) = end
            && self.held.is_taken_back()
        {
            return ("cancelled", stop.words.clone(), None);
        }
        let form = Form {
            has_schema: self.held.has_schema,
            is_stateless: true,
        };
        let (status, payload) = match end.reply(&self.held, form) {
            Reply::Result(text) => ("completed", ("result", text)),
            Reply::Error(text) => ("failed", ("error", text)),
        };
        (status, String::new(), Some(payload))
    }

    /// Goes on with what the client answers.
    fn update(&self, responses: Option<&str>) {
        let state = match &*self.held.stage.borrow() {
            Stage::Asked(result) => Object::read(result)
                .ok()
                .and_then(|result| Some(result.get("requestState")?.to_owned())),
            _ => return,
        };
        self.held.go_on(&crate::call::Input {
            responses: responses.map(str::to_owned),
            state,
        });
    }
}

fn waiting(questions: &[String]) -> String {
    let mut words = "waiting for a person's approval".to_owned();
    for question in questions {
        words += &format!(". The reviewer asks: {question}");
    }
    words
}

/// The result of a `server/discover` with the extension in it: the proxy has
/// it, whatever the server has.
pub(crate) fn offered(result: &str) -> Option<String> {
    let mut members = Object::read(result).ok()?;
    let mut capabilities = members.object("capabilities")?;
    capabilities.get("tools")?;
    let mut extensions = capabilities.object("extensions").unwrap_or_default();
    if extensions.get(TASKS).is_some() {
        return None;
    }
    extensions.set(TASKS, "{}");
    let extensions = extensions.to_text();
    capabilities.set("extensions", extensions);
    let capabilities = capabilities.to_text();
    members.set("capabilities", capabilities);
    Some(members.to_text())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_extension_is_offered_beside_the_servers_own() {
        let result = r#"{"capabilities":{"tools":{},"extensions":{"a/b":{"x":1.0}}},"y":1}"#;
        assert_eq!(
            offered(result).unwrap(),
            r#"{"capabilities":{"tools":{},"extensions":{"a/b":{"x":1.0},"io.modelcontextprotocol/tasks":{}}},"y":1}"#
        );
        assert_eq!(offered(r#"{"capabilities":{}}"#), None);
    }
}
