//! Tells others what happened: signed messages over HTTPS, tried again until
//! they arrive. Format, schedule and what is never in one:
//! `docs/spec/webhooks.md`.
//!
//! Messages are made from entries that are committed and signed, and nothing
//! waits for them: no commit, no decision. Who is told stands in
//! `webhooks.json` (`endpoints.rs`), what came of it in `deliveries.db`
//! (`queue.rs`), which is the gateway's word and no evidence of the log.
//!
//! Out of scope: proxies, and asymmetric signatures.

mod courier;
mod endpoints;
mod event;
mod queue;
mod schedule;
mod signature;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use vidimus_protocol::api::DeliveriesView;
use vidimus_protocol::{ActionId, Time};

pub use endpoints::{Endpoint, Endpoints, EndpointsError, event_names};
pub use signature::{Secret, SecretError};
pub(crate) use worker::run;

use courier::Courier;
use queue::{Queue, QueueError};

/// A gateway's messages.
pub(crate) struct Webhooks {
    dir: PathBuf,
    /// Opened when there is somebody to tell.
    queue: Mutex<Option<Queue>>,
}

impl Webhooks {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            queue: Mutex::new(None),
        }
    }

    /// Whether anybody is or was to be told. Cheap.
    fn are_used(&self) -> bool {
        Endpoints::file(&self.dir).exists() || self.deliveries().exists()
    }

    fn deliveries(&self) -> PathBuf {
        self.dir.join("deliveries.db")
    }

    /// Works on the queue. Blocking.
    fn queue<T>(
        &self,
        work: impl FnOnce(&mut Queue) -> Result<T, QueueError>,
    ) -> Result<T, QueueError> {
        let mut held = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = match held.take() {
            Some(queue) => queue,
            None => Queue::open(&self.deliveries())?,
        };
        work(held.insert(queue))
    }

    /// Who was told about an action. Blocking.
    pub(crate) fn about(&self, action: ActionId) -> DeliveriesView {
        let (endpoints, mut problem) = match Endpoints::read(&self.dir) {
            Ok(endpoints) => (endpoints.iter().count(), None),
            Err(error) => (0, Some(error.to_string())),
        };
        let mut deliveries = Vec::new();
        if self.deliveries().exists() {
            match self.queue(|queue| queue.of(action)) {
                Ok(told) => deliveries = told,
                Err(error) => problem = Some(error.to_string()),
            }
        }
        DeliveriesView {
            deliveries,
            endpoints: u64::try_from(endpoints).unwrap_or(u64::MAX),
            problem,
        }
    }
}

/// What an endpoint said to a test message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pong {
    /// HTTP status.
    pub status: u16,
    /// Whether a message would count as arrived.
    pub arrived: bool,
    /// The beginning of its answer. Untrusted.
    pub said: String,
}

/// Sends a test message, once.
///
/// # Errors
/// Why there is no answer, in words.
pub async fn ping(endpoint: &Endpoint, now: Time) -> Result<Pong, String> {
    let id = format!("msg_{}", &crate::keys::random().to_string()[..32]);
    let body = event::ping(endpoint.name(), now);
    let unix_s = now.unix_ms() / 1000;
    let (status, said) = Courier::new()
        .carry_and_read(endpoint, &id, unix_s, &body)
        .await
        .map_err(|failure| failure.to_string())?;
    Ok(Pong {
        status: status.as_u16(),
        arrived: status.is_success(),
        said: String::from_utf8_lossy(&said).into_owned(),
    })
}
