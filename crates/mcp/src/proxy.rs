//! Who gets which message.
//!
//! Everything passes as it stands and in order, but for `tools/call`. From the
//! client nothing passes that was not read: what the proxy cannot read, a
//! server might.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use vidimus_executor::text::visible;
use vidimus_executor::{Executor, Request, Stop, Why};
use vidimus_protocol::ActionId;

use crate::attend::Waiter;
use crate::call::{Call, takes_links};
use crate::catalogue::Catalogue;
use crate::held::{Held, Made, Release};
use crate::json::{Object, elements, one_line};
use crate::kept::Kept;
use crate::link::{Gone, Link, Reply};
use crate::message::{CALL, Id, Kind, Message, Refused, answer, code, error};
use crate::options::Options;
use crate::pins::Pins;
use crate::pointing::pointed_to;
use crate::secrets::Salts;
use crate::server::Incoming;
use crate::told::{Form, Told};

/// Most requests of the client that wait for an answer.
const MAX_IN_FLIGHT: usize = 40_000;
/// How long is waited at the end for withdrawals and reports.
const AT_THE_END: Duration = Duration::from_secs(10);
/// How long the server may take then for answers that it owes.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Loads what asking the gateway takes.
pub(crate) type Connect = Box<dyn Fn() -> Result<Executor, Stop> + Send + Sync>;
/// Says something to whoever started the proxy.
pub(crate) type Say = Box<dyn Fn(&str) + Send + Sync>;

pub(crate) struct Proxy {
    pub(crate) options: Options,
    pub(crate) link: Link,
    pub(crate) pins: Mutex<Pins>,
    pub(crate) listing: tokio::sync::Mutex<()>,
    to_client: mpsc::Sender<String>,
    connect: Connect,
    executor: OnceCell<Arc<Executor>>,
    say: Say,
    state: Mutex<State>,
    running: Mutex<JoinSet<()>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Requests of the client that nobody has answered.
    in_flight: HashMap<Id, Flight>,
    pub(crate) held: Kept,
    pub(crate) catalogue: Catalogue,
    pub(crate) tasks: crate::tasks::Tasks,
    /// Whether the client can point its user to an address, as it said when
    /// its session began.
    pub(crate) takes_links: bool,
    /// Whether clients have heard of tasks of 2025-11-25.
    pub(crate) has_old_tasks: bool,
    /// Whether the server has such tasks of its own.
    pub(crate) server_has_tasks: bool,
    /// Whether nothing is held any more.
    is_ending: bool,
}

/// A request of the client's.
enum Flight {
    /// The server answers it.
    Passed { method: String },
    /// The proxy answers it.
    Held(Arc<Notify>),
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proxy").finish_non_exhaustive()
    }
}

impl Proxy {
    pub(crate) fn new(
        options: Options,
        pins: Pins,
        link: Link,
        to_client: mpsc::Sender<String>,
        connect: Connect,
        say: Say,
    ) -> Arc<Self> {
        Arc::new(Self {
            options,
            link,
            pins: Mutex::new(pins),
            listing: tokio::sync::Mutex::default(),
            to_client,
            connect,
            executor: OnceCell::new(),
            say,
            state: Mutex::default(),
            running: Mutex::default(),
        })
    }

    /// Takes a message of the client's; `false` when the server is gone.
    pub(crate) async fn take_from_client(self: &Arc<Self>, text: String) -> bool {
        let text = one_line(text);
        let message = match Message::of_client(&text) {
            Ok(message) => message,
            Err(refused) => {
                self.say(&format!(
                    "a message of the client is not passed on: {refused}"
                ));
                self.to_client(error(None, &refused)).await;
                return true;
            }
        };
        match &message.kind {
            Kind::Request { id, method } => {
                match self.request(id, method, message.params()).await {
                    Ok(true) => return self.link.pass(text).await,
                    Ok(false) => {}
                    Err((id, refused)) => {
                        self.to_client(error(id.as_ref(), &refused)).await;
                    }
                }
                true
            }
            // To a question of the proxy's own: it decides nothing.
            Kind::Answer { id } if self.link.is_own(id) => true,
            Kind::Notification { method } if method == CALL => {
                self.say(
                    "a call of a tool without an id is not passed on: nobody could get its result",
                );
                true
            }
            Kind::Notification { method }
                if method == "notifications/cancelled" && self.cancelled(message.params()) =>
            {
                true
            }
            _ => self.link.pass(text).await,
        }
    }

    /// Whether a request is to be passed on; the others are answered here.
    async fn request(
        self: &Arc<Self>,
        id: &Id,
        method: &str,
        params: Option<&str>,
    ) -> Result<bool, (Option<Id>, Refused)> {
        let with_id = |refused| (Some(id.clone()), refused);
        if self.link.is_own(id) || self.state().in_flight.contains_key(id) {
            let words = format!(
                "the id {} belongs to a request that is not answered yet",
                id.to_text()
            );
            self.say(&visible(&words));
            return Err((None, Refused::new(code::NO_REQUEST, words)));
        }
        if self.state().in_flight.len() >= MAX_IN_FLIGHT {
            let words = "too many requests wait for an answer already";
            return Err(with_id(Refused::new(code::NO_REQUEST, words)));
        }
        if method == CALL {
            let call = Call::read(params).map_err(with_id)?;
            if self.passes(&call).map_err(with_id)? {
                self.take_off(id, method);
                return Ok(true);
            }
            let waiter = self.waiter(id, &call);
            if call.tool == self.wait_name() {
                self.spawn(self.clone().wait(call, waiter));
            } else if call.input.is_some() {
                self.spawn(self.clone().call_again(call, waiter));
            } else {
                self.spawn(self.clone().hold(call, waiter));
            }
            return Ok(false);
        }
        if method == "tasks/result"
            && let Some(asked_for) = self.result_asked_for(params)
        {
            let (held, task) = asked_for.map_err(with_id)?;
            let waiter = self.waiter(id, &held.call);
            self.spawn(self.clone().task_result(held, task, waiter));
            return Ok(false);
        }
        if let Some(answered) = self.task_request(method, params) {
            let text = match answered {
                Ok(result) => answer(id, "result", &result),
                Err(refused) => error(Some(id), &refused),
            };
            self.to_client(text).await;
            return Ok(false);
        }
        if method == "initialize" {
            let params = params.and_then(|params| Object::read(params).ok());
            let capabilities = params.as_ref().and_then(|read| read.object("capabilities"));
            self.state().takes_links = capabilities.as_ref().is_some_and(takes_links);
        }
        self.take_off(id, method);
        Ok(true)
    }

    /// Whether a call needs nobody's approval.
    fn passes(&self, call: &Call) -> Result<bool, Refused> {
        if call.tool == self.wait_name() || !self.options.is_free(&call.tool) {
            if call.is_old_task && (call.tool == self.wait_name() || call.meta.is_stateless) {
                let words = "this is no task of 2025-11-25: call the tool without `task`";
                return Err(Refused::new(code::NO_METHOD, words));
            }
            return Ok(false);
        }
        // Nobody looks at these calls, so the definition must be the known one:
        // what is not is held, and refused there.
        let definition = (self.state().catalogue)
            .definition(&call.tool)
            .map(str::to_owned);
        let is_known = |definition: String| self.pinned(&call.tool, &definition).is_ok();
        Ok(definition.is_none_or(is_known))
    }

    fn waiter(&self, id: &Id, call: &Call) -> Waiter {
        let cancelled = Arc::new(Notify::new());
        let mut state = self.state();
        let flight = Flight::Held(cancelled.clone());
        state.in_flight.insert(id.clone(), flight);
        Waiter {
            id: id.clone(),
            meta: call.meta.clone(),
            came: Instant::now(),
            cancelled,
            takes_back: true,
            heard: 0,
            point_at: None,
            wants_task: call.is_old_task,
            has_schema: state.catalogue.has_output_schema(&call.tool),
        }
    }

    /// Holds a call until a person approved exactly it.
    async fn hold(self: Arc<Self>, call: Call, mut waiter: Waiter) {
        for member in call.meta.dropped() {
            self.say(&format!(
                "`{}` in `_meta` of a call of `{}` is not passed on: nobody approves it",
                visible(&member),
                visible(&call.tool)
            ));
        }
        let tool = call.tool.clone();
        let (made, request, executor) = match self.proposal(&call).await {
            Ok(ready) => ready,
            Err(stop) => return self.refuse(&tool, &waiter, &stop).await,
        };
        waiter.has_schema = self.state().catalogue.has_output_schema(&tool);
        let action = request.id();
        let (held, inputs) = Held::new(action, call, waiter.has_schema);
        if let Err(stop) = self.keep(&held) {
            return self.refuse(&tool, &waiter, &stop).await;
        }
        self.say(&format!(
            "`{}` waits for approval: {action}",
            visible(&tool)
        ));
        let proxy = self.clone();
        let same = held.clone();
        self.spawn(async move {
            let release = Release {
                executor: &executor,
                link: &proxy.link,
                held: &same,
                made: &made,
                request: &request,
                inputs,
                definition: || proxy.definition_now(&same.call.tool),
            };
            if let Some(unreported) = release.see_through().await {
                proxy.say(&unreported.words);
            }
            if same.is_taken_back() {
                proxy.forget(same.action);
            }
        });
        if waiter.meta.takes_tasks || waiter.wants_task {
            self.hand_out_task(&held, &waiter).await;
        } else {
            waiter.point_at = self.point_at(&waiter.meta);
            self.attend(&held, waiter).await;
        }
    }

    /// Keeps a call, unless there are too many or the session ends.
    fn keep(&self, held: &Arc<Held>) -> Result<(), Stop> {
        let mut state = self.state();
        if state.is_ending {
            return Err(Stop::new(Why::Withdrawn, "the session has ended"));
        }
        state.held.keep(held, Instant::now())
    }

    /// What is proposed of a call, and to whom.
    async fn proposal(&self, call: &Call) -> Result<(Made, Request, Arc<Executor>), Stop> {
        let definition = self.definition(&call.tool, &call.meta).await?;
        let made = Made {
            server: self.options.server.clone(),
            definition,
            salts: Salts::new(&self.options.secrets, &call.tool)?,
        };
        let action = made.action(call)?;
        if let Err(why) = vidimus_protocol::action::Action::parse(&action.to_bytes()) {
            let words = format!("nobody can be shown this call: {why}. Send less, or plainer JSON");
            return Err(Stop::new(Why::Usage, words));
        }
        let executor = self
            .executor
            .get_or_try_init(|| async { (self.connect)().map(Arc::new) });
        let executor = executor.await?.clone();
        let request = Request::new(action, None, None, self.options.ttl_s)?;
        Ok((made, request, executor))
    }

    /// Makes a call again with what the server asked for.
    async fn call_again(self: Arc<Self>, call: Call, waiter: Waiter) {
        let held = self.state().held.all();
        let input = call.input.clone().unwrap_or_default();
        let pointed_to = pointed_to(&call);
        let goes_on = held.into_iter().find(|held| {
            held.call.tool == call.tool
                && held.call.arguments == call.arguments
                && (pointed_to == Some(held.action) || held.go_on(&input))
        });
        match goes_on {
            Some(held) => self.attend(&held, waiter).await,
            None => {
                let words = "this goes on with a call that does not wait for it. Make the call anew, without `inputResponses` and `requestState`";
                let stop = Stop::new(Why::Refused, words);
                self.refuse(&call.tool, &waiter, &stop).await;
            }
        }
    }

    pub(crate) async fn refuse(&self, tool: &str, waiter: &Waiter, stop: &Stop) {
        self.say(&format!("`{}` is not called: {stop}", visible(tool)));
        let form = Form {
            has_schema: waiter.has_schema,
            is_stateless: waiter.meta.is_stateless,
        };
        let told = Told::stopped(tool, stop, None);
        self.landed(&waiter.id);
        let text = if waiter.wants_task {
            // A result would have to be a task.
            error(Some(&waiter.id), &Refused::new(code::INTERNAL, told.words))
        } else {
            answer(&waiter.id, "result", &told.to_result(form))
        };
        self.to_client(text).await;
    }

    /// Whether a cancellation was about something that waits here.
    fn cancelled(&self, params: Option<&str>) -> bool {
        let read = params.and_then(|params| Object::read(params).ok());
        let id = read.and_then(|params| Id::read(params.get("requestId")?));
        let Some(id) = id else {
            return false;
        };
        let mut state = self.state();
        if let Some(Flight::Held(cancelled)) = state.in_flight.get(&id) {
            cancelled.notify_one();
            return true;
        }
        state.in_flight.remove(&id);
        false
    }

    /// Takes what comes from the server; `false` when the client is gone.
    pub(crate) async fn take_from_server(&self, came: Incoming) -> bool {
        let text = match came {
            Incoming::Text(text) => one_line(text),
            Incoming::Lost { id, gone } => return self.lost(&id, gone).await,
        };
        if !text.trim_start().starts_with('[') {
            return self.take_one_from_server(&text).await;
        }
        // A batch (2025-03-26) is so many messages.
        let Some(each) = elements(&text) else {
            self.say("a batch of the server is not passed on: it cannot be read");
            return true;
        };
        for one in each {
            if !self.take_one_from_server(one).await {
                return false;
            }
        }
        true
    }

    async fn take_one_from_server(&self, text: &str) -> bool {
        let message = match Message::of_server(text) {
            Ok(message) => message,
            Err(refused) => {
                self.say(&format!(
                    "a message of the server is not passed on: {refused}"
                ));
                return true;
            }
        };
        match &message.kind {
            Kind::Answer { id } => {
                let of = |member| message.members.get(member).map(str::to_owned);
                let reply = || {
                    of("result")
                        .map(Reply::Result)
                        .or(of("error").map(Reply::Error))
                };
                if self.link.answered(id, reply) {
                    return true;
                }
                self.passed_back(id, &message, text).await
            }
            Kind::Notification { method } if method == "notifications/tools/list_changed" => {
                self.state().catalogue.is_stale = true;
                self.to_client(text.to_owned()).await
            }
            _ => self.to_client(text.to_owned()).await,
        }
    }

    /// Passes an answer back to the client, if it waits for it.
    async fn passed_back(&self, id: &Id, message: &Message<'_>, text: &str) -> bool {
        let flight = {
            let mut state = self.state();
            match state.in_flight.remove(id) {
                Some(Flight::Passed { method }) => Some(method),
                Some(held @ Flight::Held(_)) => {
                    state.in_flight.insert(id.clone(), held);
                    None
                }
                None => None,
            }
        };
        let Some(method) = flight else {
            self.say("the server answered what it was not asked, or what was cancelled: the answer is dropped");
            return true;
        };
        let changed = match (method.as_str(), message.members.get("result")) {
            ("initialize", Some(result)) => Ok(self.began(result)),
            ("tools/list", Some(result)) => self.listed(result),
            ("server/discover", Some(result)) => Ok(crate::tasks::offered(result)),
            _ => Ok(None),
        };
        let mut members = message.members.clone();
        // As the client wrote it.
        members.set("id", id.to_text());
        match changed {
            Ok(Some(result)) => members.set("result", result),
            Ok(None) if members == message.members => return self.to_client(text.to_owned()).await,
            Ok(None) => {}
            Err(why) => {
                let words = format!(
                    "Vidimus does not pass the server's list of tools on: {}",
                    visible(&why)
                );
                self.say(&words);
                let refused = Refused::new(code::INTERNAL, words);
                return self.to_client(error(Some(id), &refused)).await;
            }
        }
        self.to_client(members.to_text()).await
    }

    /// No answer will come to a request.
    async fn lost(&self, id: &Id, gone: Gone) -> bool {
        if self.link.is_own(id) {
            self.link.lost(id, gone);
            return true;
        }
        let words = match gone {
            Gone::Before(why) => format!("the MCP server cannot be reached: {why}"),
            Gone::After(why) => format!(
                "the MCP server did not answer ({why}): nobody knows whether it did what was asked"
            ),
        };
        self.landed(id);
        let refused = Refused::new(code::UNREACHABLE, words);
        self.to_client(error(Some(id), &refused)).await
    }

    /// Withdraws what waits, and waits until that is done. Answers that the
    /// server still gives may pass meanwhile.
    pub(crate) async fn end(&self, is_server_gone: bool) {
        let held = {
            let mut state = self.state();
            state.is_ending = true;
            state.held.all()
        };
        held.iter().for_each(|held| held.take_back());
        let over = async {
            loop {
                let mut running = std::mem::take(&mut *self.running());
                if running.join_next().await.is_none() {
                    break;
                }
                while running.join_next().await.is_some() {}
            }
        };
        if timeout(AT_THE_END, over).await.is_err() {
            self.say(
                "not everything that waits could be withdrawn; it will expire. Nothing of it runs",
            );
        }
        let begun = Instant::now();
        while !is_server_gone && self.is_waited_for() && begun.elapsed() < LAST_ANSWERS {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether the server owes answers.
    fn is_waited_for(&self) -> bool {
        let state = self.state();
        let mut flights = state.in_flight.values();
        flights.any(|flight| matches!(flight, Flight::Passed { .. }))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running();
        while running.try_join_next().is_some() {}
        running.spawn(task);
    }

    fn take_off(&self, id: &Id, method: &str) {
        let flight = Flight::Passed {
            method: method.to_owned(),
        };
        self.state().in_flight.insert(id.clone(), flight);
    }

    /// A request is answered, or nobody wants its answer.
    pub(crate) fn landed(&self, id: &Id) {
        self.state().in_flight.remove(id);
    }

    /// A call's result was given to whoever waited. That of a task may be asked
    /// for again.
    pub(crate) fn forget(&self, action: ActionId) {
        let mut state = self.state();
        if !state.tasks.is_one(action) {
            state.held.forget(action);
        }
    }

    pub(crate) fn wait_name(&self) -> String {
        self.state().catalogue.wait_name()
    }

    pub(crate) async fn to_client(&self, text: String) -> bool {
        self.to_client.send(text).await.is_ok()
    }

    pub(crate) fn executor(&self) -> Result<Arc<Executor>, Stop> {
        let executor = self.executor.get().cloned();
        executor.ok_or_else(|| Stop::internal("nothing was asked for yet"))
    }

    pub(crate) fn say(&self, words: &str) {
        (self.say)(words);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
