//! The one task that turns entries into messages and sees to it that they are
//! tried. It reads what is committed; nothing waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::task::JoinSet;
use vidimus_protocol::api::DeliveryState;
use vidimus_protocol::entry::{Leaf, Parsed};
use vidimus_protocol::{Digest, Time};

use super::courier::{Answered, Courier, Failure};
use super::endpoints::{Endpoint, Endpoints};
use super::event::Event;
use super::queue::{Due, Message, QueueError, Tried};
use super::schedule;
use crate::Gateway;
use crate::clock::Clock;
use crate::problem::Refusal;

/// Tries to one endpoint at a time: a slow one holds up itself alone.
const MOST_TRIES: usize = 4;
/// Entries that are read at a time, and bytes of them.
const MOST_LEAVES: u64 = 1000;
const MOST_BYTES: usize = 1 << 20;
/// Commits that come within this are read together.
const GATHER: Duration = Duration::from_millis(50);
/// How often the clock is looked at while something waits for its time.
const LOOK: Duration = Duration::from_secs(1);
/// The pause after the queue could not be used.
const PAUSE: Duration = Duration::from_secs(30);
const DAY_MS: u64 = 86_400_000;

const GONE: &str = "it answered 410: it wants no more messages. Add it anew to tell it again";
const REMOVED: &str = "the endpoint was removed";

/// Works until the gateway stops. A try that is cut off then is made again
/// when the gateway runs again.
pub(crate) async fn run(gateway: Gateway) {
    let mut changes = gateway.0.shared.follow();
    let stopped = gateway.stopped();
    tokio::pin!(stopped);
    let mut worker = Worker {
        gateway,
        courier: Arc::new(Courier::new()),
        known: None,
        in_flight: HashMap::new(),
        tries: JoinSet::new(),
        pruned_at: None,
        trouble: None,
    };
    loop {
        let next = worker.look().await;
        tokio::select! {
            () = &mut stopped => return,
            Some(ended) = worker.tries.join_next() => {
                // A task that panicked has said so; its message is tried again
                // after a restart.
                if let Ok(ended) = ended {
                    worker.settle(ended).await;
                }
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::time::sleep(GATHER).await;
            }
            () = until(worker.gateway.0.clock.as_ref(), next) => {}
        }
    }
}

struct Worker {
    gateway: Gateway,
    courier: Arc<Courier>,
    /// The endpoints as they were last seen.
    known: Option<Endpoints>,
    /// Endpoints by the message that is on its way to them.
    in_flight: HashMap<String, String>,
    tries: JoinSet<Ended>,
    pruned_at: Option<Time>,
    /// What was in the way last, and until when nothing is tried for it.
    trouble: Option<(String, Instant)>,
}

/// A try that came to its end.
struct Ended {
    endpoint: Endpoint,
    due: Due,
    result: Result<Answered, Failure>,
}

/// When to look again, if nothing happens before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing is left to do.
    Never,
    /// Something waits for this time.
    At(Time),
    /// There are entries that were not read yet.
    Now,
}

/// What is in the way.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Endpoints(#[from] super::EndpointsError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Ledger(#[from] Refusal),
}

/// What the files say.
struct Survey {
    endpoints: Endpoints,
    due: Vec<(Endpoint, Due)>,
    next: Next,
}

impl Worker {
    /// Reads what is new and starts what is due.
    async fn look(&mut self) -> Next {
        if !self.gateway.0.webhooks.are_used() {
            return Next::Never;
        }
        let now = self.gateway.0.clock.wall();
        if let Some((_, until)) = &self.trouble
            && Instant::now() < *until
        {
            return Next::At(now);
        }
        let prune = self
            .pruned_at
            .is_none_or(|pruned| now.distance_ms(pruned) >= DAY_MS);
        let (gateway, known) = (self.gateway.clone(), self.known.clone());
        let in_flight = self.in_flight.clone();
        let survey =
            off_the_async_threads(move || survey(&gateway, known.as_ref(), &in_flight, now, prune));
        match survey.await {
            Some(Ok(survey)) => {
                self.trouble = None;
                self.known = Some(survey.endpoints);
                self.pruned_at = prune.then_some(now).or(self.pruned_at);
                for (endpoint, due) in survey.due {
                    self.start(endpoint, due, now);
                }
                survey.next
            }
            Some(Err(trouble)) => {
                self.in_trouble(&trouble);
                Next::At(now)
            }
            None => Next::At(now),
        }
    }

    fn start(&mut self, endpoint: Endpoint, due: Due, now: Time) {
        self.in_flight
            .insert(due.id.clone(), endpoint.name().to_owned());
        let courier = self.courier.clone();
        self.tries.spawn(async move {
            let unix_s = now.unix_ms() / 1000;
            let result = courier.carry(&endpoint, &due.id, unix_s, &due.body).await;
            Ended {
                endpoint,
                due,
                result,
            }
        });
    }

    /// Writes down what a try came to.
    async fn settle(&mut self, ended: Ended) {
        let Ended {
            endpoint,
            due,
            result,
        } = ended;
        self.in_flight.remove(&due.id);
        let now = self.gateway.0.clock.wall();
        let tried = judge(&due, &result, now, crate::keys::random().0[0]);
        let gone = matches!(&result, Ok(answered) if answered.status == StatusCode::GONE);
        if tried.state == DeliveryState::GivenUp {
            let why = tried.why.as_deref().unwrap_or_default();
            tracing::warn!(
                endpoint = endpoint.name(),
                id = due.id,
                why,
                "a webhook message is given up"
            );
        }
        let gateway = self.gateway.clone();
        let written = off_the_async_threads(move || {
            gateway.0.webhooks.queue(|queue| {
                queue.tried(&due.id, &tried)?;
                if gone {
                    queue.disable(endpoint.name(), endpoint.added_at())?;
                    queue.give_up(endpoint.name(), None, GONE)?;
                }
                Ok(())
            })
        });
        if let Some(Err(error)) = written.await {
            // Otherwise it would be tried over and over.
            self.in_trouble(&error.into());
        }
    }

    /// Says it once and pauses.
    fn in_trouble(&mut self, trouble: &Trouble) {
        let words = trouble.to_string();
        if self.trouble.as_ref().is_none_or(|(said, _)| *said != words) {
            tracing::error!(why = words, "webhook messages wait");
        }
        let pause = match trouble {
            // Somebody may be mending it right now.
            Trouble::Endpoints(_) => Duration::ZERO,
            Trouble::Queue(_) | Trouble::Ledger(_) => PAUSE,
        };
        self.trouble = Some((words, Instant::now() + pause));
    }
}

/// Resolves when it is time to look again. The clock is looked at anew each
/// time: a timer knows nothing of a closed lid.
async fn until(clock: &dyn Clock, next: Next) {
    match next {
        Next::Now => {}
        Next::Never => std::future::pending().await,
        Next::At(at) => {
            tokio::time::sleep(LOOK).await;
            while clock.wall() < at {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// What a try came to.
fn judge(due: &Due, result: &Result<Answered, Failure>, now: Time, jitter: u8) -> Tried {
    let status = result.as_ref().ok().map(|answered| answered.status);
    let tried = |state, next_at, why| Tried {
        at: now,
        state,
        next_at,
        status: status.map(|status| status.as_u16()),
        why,
    };
    let (why, asked) = match result {
        Ok(answered) if answered.status.is_success() => {
            return tried(DeliveryState::Arrived, None, None);
        }
        Ok(answered) if answered.status == StatusCode::GONE => {
            return tried(DeliveryState::GivenUp, None, Some(GONE.to_owned()));
        }
        Ok(answered) if answered.status.is_redirection() => (
            format!(
                "it answered {} and sent us elsewhere, which is not followed",
                answered.status.as_u16()
            ),
            None,
        ),
        Ok(answered) => (
            format!("it answered {}", answered.status.as_u16()),
            answered.retry_after,
        ),
        Err(failure) => (failure.to_string(), None),
    };
    match schedule::wait(due.tries + 1, jitter, asked) {
        Some(wait) => {
            let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            let next = Time::from_unix_ms(now.unix_ms().saturating_add(ms));
            tried(DeliveryState::Failed, Some(next), Some(why))
        }
        None => tried(DeliveryState::GivenUp, None, Some(why)),
    }
}

/// Reads the files. Blocking.
fn survey(
    gateway: &Gateway,
    known: Option<&Endpoints>,
    in_flight: &HashMap<String, String>,
    now: Time,
    prune: bool,
) -> Result<Survey, Trouble> {
    let webhooks = &gateway.0.webhooks;
    let endpoints = Endpoints::read(&webhooks.dir)?;
    if known != Some(&endpoints) {
        webhooks.queue(|queue| {
            for name in queue.awaited()? {
                let until = endpoints.named(&name).ok().map(Endpoint::added_at);
                queue.give_up(&name, until, REMOVED)?;
            }
            Ok(())
        })?;
    }
    let more = take_in(gateway, &endpoints)?;
    let mut due = Vec::new();
    let next_at = webhooks.queue(|queue| {
        if prune {
            queue.prune(now)?;
        }
        for endpoint in endpoints.iter() {
            let name = endpoint.name();
            let busy = in_flight.values().filter(|other| *other == name).count();
            let ready = queue.due(name, now, MOST_TRIES + busy)?;
            let ready = ready
                .into_iter()
                .filter(|due| !in_flight.contains_key(&due.id));
            let room = MOST_TRIES.saturating_sub(busy);
            due.extend(ready.take(room).map(|due| (endpoint.clone(), due)));
        }
        queue.next_at(now)
    })?;
    let next = match (more, next_at) {
        (true, _) => Next::Now,
        (false, Some(at)) => Next::At(at),
        (false, None) => Next::Never,
    };
    Ok(Survey {
        endpoints,
        due,
        next,
    })
}

/// Makes messages of committed, signed entries. Whether there are more.
fn take_in(gateway: &Gateway, endpoints: &Endpoints) -> Result<bool, Trouble> {
    let webhooks = &gateway.0.webhooks;
    let size = gateway.0.shared.read().tree.size();
    let from = webhooks.queue(|queue| queue.position())?.unwrap_or(0);
    if from >= size {
        return Ok(false);
    }
    if endpoints.iter().next().is_none() {
        // Who comes later is not told of what was before.
        webhooks.queue(|queue| queue.take_in(&[], size))?;
        return Ok(false);
    }
    let most = MOST_LEAVES.min(size - from);
    let leaves = gateway
        .0
        .shared
        .store()
        .leaves(from, most, MOST_BYTES)
        .map_err(Refusal::from)?;
    let mut messages = Vec::new();
    let mut next = from;
    for text in &leaves {
        messages.extend(told(gateway, endpoints, next, text)?);
        next += 1;
    }
    webhooks.queue(|queue| queue.take_in(&messages, next))?;
    Ok(next > from && next < size)
}

/// The messages of one entry.
fn told(
    gateway: &Gateway,
    endpoints: &Endpoints,
    index: u64,
    text: &str,
) -> Result<Vec<Message>, Trouble> {
    // Of a kind that this version does not know there is nothing to tell.
    let Ok(Parsed::Known(leaf)) = Leaf::parse(text.as_bytes()) else {
        return Ok(Vec::new());
    };
    let hash = Digest(vidimus_ledger::tree::leaf_hash(text.as_bytes()));
    let event = {
        let committed = gateway.0.shared.read();
        Event::of(&leaf, index, hash, &committed.state, &gateway.url())
    };
    let Some(event) = event else {
        return Ok(Vec::new());
    };
    let mut messages = Vec::new();
    for endpoint in endpoints
        .iter()
        .filter(|one| one.wants(event.kind, event.at))
    {
        let (name, added_at) = (endpoint.name(), endpoint.added_at());
        let disabled = gateway
            .0
            .webhooks
            .queue(|queue| queue.is_disabled(name, added_at))?;
        messages.push(Message {
            id: event.id(name),
            action: event.action,
            endpoint: name.to_owned(),
            host: endpoint.host(),
            event: event.kind.as_str(),
            entry: event.entry,
            event_at: event.at,
            body: event.body.clone(),
            never: disabled.then_some(GONE),
        });
    }
    Ok(messages)
}

/// `None` when the runtime stops.
async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
