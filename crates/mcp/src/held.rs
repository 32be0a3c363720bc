//! One governed call, from its proposal to its outcome.
//!
//! It is sent to the server in one place ([`Release::send`]), behind the
//! redemption of its permit, and once. It needs somebody who waits for its
//! result: approved alone it does not run.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use vidimus_executor::clock::now;
use vidimus_executor::text::visible;
use vidimus_executor::{Decided, Executor, News, Report, Request, Stop, Subject, Why};
use vidimus_protocol::action::{Action, ActionKind, Payload, Target, ToolCall};
use vidimus_protocol::{ActionId, Time};

use crate::call::{Call, Input, Meta};
use crate::link::{Gone, Link, Reply};
use crate::message::CALL;
use crate::old_tasks::{is_required, task_of};
use crate::outcome::{is_question, report};
use crate::secrets::Salts;
use crate::told::{Form, Told};

/// How long a server may take to answer a call that was cancelled.
const AFTER_CANCEL: Duration = Duration::from_secs(5);
/// How long a client may take to answer what the server asks in between.
const FOR_INPUT: Duration = Duration::from_secs(10 * 60);

/// How far it is.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// A decision is waited for.
    Waiting {
        /// What the reviewer asks and nobody has answered.
        questions: Vec<String>,
    },
    /// It was approved, and nobody waits for its result.
    Approved,
    /// It is released.
    Running,
    /// The server asks for something before it goes on: its result.
    Asked(Arc<str>),
    /// It is over.
    Over(Arc<End>),
}

/// How it ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The server's answer.
    Answered(Reply),
    /// The tool was not called.
    Stopped(Stop),
    /// It was called, and nobody knows what came of it.
    Unknown(String),
}

/// A call that is held, as those see it who wait for it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) action: ActionId,
    pub(crate) call: Call,
    /// See [`crate::told::Form`].
    pub(crate) has_schema: bool,
    pub(crate) expires_at: Mutex<Option<Time>>,
    pub(crate) stage: watch::Sender<Stage>,
    /// When it was over.
    pub(crate) ended: OnceLock<(Instant, Time)>,
    attending: watch::Sender<usize>,
    taken_back: watch::Sender<bool>,
    /// `_meta` of whoever waits.
    meta: Mutex<Meta>,
    input: mpsc::Sender<Input>,
}

impl End {
    /// What the call is answered with.
    pub(crate) fn reply(&self, held: &Held, form: Form) -> Reply {
        let tool = held.call.tool.as_str();
        match self {
            Self::Answered(reply) => reply.clone(),
            Self::Stopped(stop) => {
                Reply::Result(Told::stopped(tool, stop, Some(held.action)).to_result(form))
            }
            Self::Unknown(words) => {
                Reply::Result(Told::unknown(tool, words, held.action).to_result(form))
            }
        }
    }
}

impl Held {
    /// With the other end of its input.
    pub(crate) fn new(
        action: ActionId,
        call: Call,
        has_schema: bool,
    ) -> (Arc<Self>, mpsc::Receiver<Input>) {
        let (input, inputs) = mpsc::channel(1);
        let stage = Stage::Waiting {
            questions: Vec::new(),
        };
        let held = Self {
            action,
            meta: Mutex::new(call.meta.clone()),
            call,
            has_schema,
            expires_at: Mutex::new(None),
            stage: watch::Sender::new(stage),
            ended: OnceLock::new(),
            attending: watch::Sender::new(0),
            taken_back: watch::Sender::new(false),
            input,
        };
        (Arc::new(held), inputs)
    }

    /// Somebody waits for the result until this is dropped.
    pub(crate) fn attend(self: &Arc<Self>, meta: &Meta) -> Attending {
        self.meta
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(meta);
        self.attending.send_modify(|count| *count += 1);
        Attending(self.clone())
    }

    /// Nobody wants it any more: what is not sent yet is withdrawn.
    pub(crate) fn take_back(&self) {
        self.taken_back.send_replace(true);
    }

    /// Goes on with what the server asked for, if this is what the client was
    /// told to make again.
    pub(crate) fn go_on(&self, input: &Input) -> bool {
        let mut goes = false;
        self.stage.send_if_modified(|stage| {
            if let Stage::Asked(result) = stage
                && state_of(result) == input.state
            {
                goes = self.input.try_send(input.clone()).is_ok();
                if goes {
                    *stage = Stage::Running;
                }
            }
            goes
        });
        goes
    }

    fn meta(&self) -> Meta {
        let meta = self.meta.lock().unwrap_or_else(PoisonError::into_inner);
        meta.clone()
    }

    pub(crate) fn is_taken_back(&self) -> bool {
        *self.taken_back.borrow()
    }

    async fn when_taken_back(&self) {
        self.taken_back
            .subscribe()
            .wait_for(|back| *back)
            .await
            .ok();
    }

    async fn when_attended(&self) {
        let mut attending = self.attending.subscribe();
        attending.wait_for(|count| *count > 0).await.ok();
    }
}

/// The `requestState` of a result that asks for something.
fn state_of(result: &str) -> Option<String> {
    let result = crate::json::Object::read(result).ok()?;
    result.get("requestState").map(str::to_owned)
}

/// Somebody who waits.
#[derive(Debug)]
pub(crate) struct Attending(Arc<Held>);

impl Drop for Attending {
    fn drop(&mut self) {
        self.0.attending.send_modify(|count| *count -= 1);
    }
}

/// What the action of a call is made of.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) server: String,
    pub(crate) definition: String,
    pub(crate) salts: Salts,
}

impl Made {
    pub(crate) fn action(&self, call: &Call) -> Result<Action, Stop> {
        let shown = self.salts.hide(&call.arguments)?;
        Ok(Action {
            payload: Payload::McpToolCall(Box::new(ToolCall {
                arguments: shown.arguments,
                definition: self.definition.clone(),
                secrets: shown.secrets,
                server: self.server.clone(),
                tool: call.tool.clone(),
            })),
            target: Target {
                environment: "mcp".into(),
                resource: call.tool.clone(),
                system: self.server.clone(),
            },
        })
    }
}

/// Everything that releasing a call takes.
pub(crate) struct Release<'a, D> {
    pub(crate) executor: &'a Executor,
    pub(crate) link: &'a Link,
    pub(crate) held: &'a Held,
    pub(crate) made: &'a Made,
    pub(crate) request: &'a Request,
    pub(crate) inputs: mpsc::Receiver<Input>,
    /// The pinned definition of the tool, as far as the server still says so.
    pub(crate) definition: D,
}

impl<D: Fn() -> Result<String, Stop> + Sync> Subject for Release<'_, D> {
    async fn now(&self) -> Result<Action, Vec<String>> {
        let gone = |stop: Stop| vec![stop.words];
        let definition = (self.definition)().map_err(gone)?;
        if definition != self.made.definition {
            return Err(vec!["the tool's definition".into()]);
        }
        self.made.action(&self.held.call).map_err(gone)
    }
}

impl<D: Fn() -> Result<String, Stop> + Sync> Release<'_, D> {
    /// From the proposal to the outcome, which is reported once whoever waits
    /// can have it.
    pub(crate) async fn see_through(mut self) -> Option<Stop> {
        let begun;
        let (end, report) = match self.released().await {
            Err(stop) => (End::Stopped(stop), None),
            Ok(()) => {
                begun = Instant::now();
                self.send(begun).await
            }
        };
        self.held.ended.set((Instant::now(), now())).ok();
        self.held.stage.send_replace(Stage::Over(Arc::new(end)));
        let reported = self.executor.report(self.held.action, &report?).await;
        reported.err()
    }

    /// Once this returns, the call may be sent, once.
    async fn released(&self) -> Result<(), Stop> {
        let held = self.held;
        tokio::select! {
            approved = self.approved() => approved?,
            () = held.when_taken_back() => return Err(self.executor.withdraw(held.action).await),
        }
        held.stage.send_replace(Stage::Approved);
        tokio::select! {
            () = held.when_attended() => {}
            () = held.when_taken_back() => return Err(self.executor.withdraw(held.action).await),
        }
        let permit = self.executor.permit(self.request, self).await?;
        if held.is_taken_back() {
            return Err(self.executor.withdraw(held.action).await);
        }
        let _released = self.executor.redeem(self.request, permit, self).await?;
        if held.is_taken_back() {
            let stop = Stop::new(
                Why::Withdrawn,
                "cancelled after the permit was redeemed; the tool was not called",
            );
            return Err(self.executor.not_started(self.request, stop).await);
        }
        held.stage.send_replace(Stage::Running);
        Ok(())
    }

    async fn approved(&self) -> Result<(), Stop> {
        let expires_at = self.executor.propose(self.request).await?;
        *(self.held.expires_at.lock()).unwrap_or_else(PoisonError::into_inner) = Some(expires_at);
        let mut heard = 0;
        let hear = |news: News<'_>| {
            if let News::Asked(question) = news {
                let text = visible(&String::from_utf8_lossy(&question.text.bytes.0));
                self.held.stage.send_modify(|stage| {
                    if let Stage::Waiting { questions } = stage {
                        questions.push(text);
                    }
                });
            }
        };
        let decided = self
            .executor
            .approval(self.held.action, expires_at, &mut heard, hear)
            .await?;
        match decided {
            Decided::Approved => Ok(()),
            // The client gets the result of its own call, or none.
            Decided::Superseded(to) => Err(self.executor.decline_edit(self.request, to).await),
        }
    }

    /// Sends the call to the server: the one place that does.
    async fn send(&mut self, begun: Instant) -> (End, Option<Report>) {
        let mut input = None;
        loop {
            let meta = self.held.meta();
            let as_task = !meta.is_stateless && is_required(&self.made.definition);
            let params = (self.held.call).to_params(&meta, input.as_ref(), as_task);
            let task = |reply: &Reply| match reply {
                Reply::Result(result) if as_task => task_of(result),
                _ => None,
            };
            let reply = match self.answer(CALL, &params).await {
                Ok(reply) => match task(&reply) {
                    Some(task) => self.result_of(&task).await,
                    None => Ok(reply),
                },
                gone => gone,
            };
            let reply = match reply {
                Ok(reply) => reply,
                Err(Gone::Before(why)) if input.is_none() => {
                    let words =
                        format!("the server cannot be reached ({why}); the tool was not called");
                    let stop = Stop::new(Why::Unreachable, words);
                    let report = Report::not_started(ActionKind::McpToolCall, &stop.words);
                    return (End::Stopped(stop.over()), Some(report));
                }
                Err(_) if self.held.is_taken_back() => {
                    return unknown("it was cancelled after it was sent", begun);
                }
                Err(Gone::Before(why) | Gone::After(why)) => {
                    return unknown(&format!("the server did not answer ({why})"), begun);
                }
            };
            match &reply {
                Reply::Result(result) if is_question(result) => {
                    match self.input(result.as_str().into()).await {
                        Some(more) => input = Some(more),
                        None => {
                            return unknown(
                                "the server asked for more and the client did not answer",
                                begun,
                            );
                        }
                    }
                }
                _ => {
                    let secrets = self.made.salts.values(&self.held.call.arguments);
                    let report = report(&reply, begun.elapsed(), &secrets);
                    return (End::Answered(reply), Some(report));
                }
            }
        }
    }

    /// The result of the task that the server made of the call.
    async fn result_of(&self, task: &str) -> Result<Reply, Gone> {
        let params = json!({"taskId": task}).to_string();
        let reply = self.answer("tasks/result", &params).await;
        if reply.is_err() && self.held.is_taken_back() {
            let cancelled = async {
                let mut asked = self.link.ask("tasks/cancel", Some(&params)).await?;
                asked.reply().await
            };
            timeout(AFTER_CANCEL, cancelled).await.ok();
        }
        // The call itself has been sent.
        reply.map_err(|(Gone::Before(why) | Gone::After(why))| Gone::After(why))
    }

    async fn answer(&self, method: &str, params: &str) -> Result<Reply, Gone> {
        let mut asked = self.link.ask(method, Some(params)).await?;
        tokio::select! {
            reply = asked.reply() => return reply,
            () = self.held.when_taken_back() => {}
            never = self.executor.be_present(self.held.action) => match never {},
        }
        asked.cancel().await;
        let late = timeout(AFTER_CANCEL, asked.reply()).await;
        late.unwrap_or_else(|_| Err(Gone::After("it was cancelled".into())))
    }

    /// What the client answers to the server's question.
    async fn input(&mut self, question: Arc<str>) -> Option<Input> {
        self.held.stage.send_replace(Stage::Asked(question));
        tokio::select! {
            input = timeout(FOR_INPUT, self.inputs.recv()) => input.ok().flatten(),
            () = self.held.when_taken_back() => None,
        }
    }
}

fn unknown(words: &str, begun: Instant) -> (End, Option<Report>) {
    let report = Report::failed(
        &format!("{words}; nobody knows what the tool did"),
        begun.elapsed(),
    );
    (End::Unknown(words.into()), Some(report))
}
