//! The proxy's own requests to the server, and their answers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use vidimus_executor::{Stop, random};

use crate::message::{Id, notification, request};

/// What the server answered: texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Result(String),
    Error(String),
}

/// The server will not answer: why, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It never got the request.
    Before(String),
    /// It may have got the request.
    After(String),
}

impl Gone {
    fn before() -> Self {
        Self::Before("it has ended".into())
    }

    fn after() -> Self {
        Self::After("it ended before it answered".into())
    }
}

/// The way to the server.
#[derive(Debug)]
pub(crate) struct Link {
    to_server: mpsc::Sender<String>,
    /// In front of the numbers of our requests: no id of the client's is like it.
    prefix: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    next: u64,
    waiting: HashMap<Id, oneshot::Sender<Result<Reply, Gone>>>,
}

impl Link {
    pub(crate) fn new(to_server: mpsc::Sender<String>) -> Result<Self, Stop> {
        Ok(Self {
            to_server,
            prefix: format!("vidimus-{}", random::action()?),
            state: Mutex::default(),
        })
    }

    /// Passes a message on as it stands; `false` when the server is gone.
    pub(crate) async fn pass(&self, text: String) -> bool {
        self.to_server.send(text).await.is_ok()
    }

    /// Sends a request of our own.
    pub(crate) async fn ask(&self, method: &str, params: Option<&str>) -> Result<Asked<'_>, Gone> {
        let (sender, reply) = oneshot::channel();
        let id = self.own_id();
        {
            let mut state = self.state();
            if state.is_closed {
                return Err(Gone::before());
            }
            state.waiting.insert(id.clone(), sender);
        }
        let asked = Asked {
            link: self,
            id,
            reply,
        };
        let text = request(&asked.id, method, params);
        match self.to_server.send(text).await {
            Ok(()) => Ok(asked),
            Err(_) => Err(Gone::before()),
        }
    }

    /// An id for a request of our own.
    pub(crate) fn own_id(&self) -> Id {
        let mut state = self.state();
        state.next += 1;
        Id::Text(format!("{}-{}", self.prefix, state.next))
    }

    /// Takes an answer of the server's, if it is one to a request of ours.
    pub(crate) fn answered(&self, id: &Id, reply: impl FnOnce() -> Option<Reply>) -> bool {
        let Some(sender) = self.state().waiting.remove(id) else {
            return self.is_own(id);
        };
        if let Some(reply) = reply() {
            sender.send(Ok(reply)).ok();
        }
        true
    }

    /// No answer will come to this request, if it is one of ours.
    pub(crate) fn lost(&self, id: &Id, gone: Gone) {
        let sender = self.state().waiting.remove(id);
        if let Some(sender) = sender {
            sender.send(Err(gone)).ok();
        }
    }

    pub(crate) fn is_own(&self, id: &Id) -> bool {
        matches!(id, Id::Text(text) if text.starts_with(&self.prefix))
    }

    /// The server is gone: nothing that is asked will be answered.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.waiting.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that the server has, or is about to have.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    link: &'a Link,
    id: Id,
    reply: oneshot::Receiver<Result<Reply, Gone>>,
}

impl Asked<'_> {
    pub(crate) async fn reply(&mut self) -> Result<Reply, Gone> {
        (&mut self.reply)
            .await
            .unwrap_or_else(|_| Err(Gone::after()))
    }

    /// Tells the server that nobody waits any more.
    pub(crate) async fn cancel(&self) {
        let id: serde_json::Value = serde_json::from_str(&self.id.to_text()).unwrap_or_default();
        let params = serde_json::json!({"requestId": id});
        let told = notification("notifications/cancelled", &params);
        self.link.pass(told).await;
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.link.state().waiting.remove(&self.id);
    }
}
