//! Waiting for many actions with few requests: a connection for each of ten
//! thousand would be more than a gateway takes.
//!
//! One request is *open*: whoever comes while it waits joins it, by making it
//! anew. A full one is let wait to its end. Everybody is told at the end of a
//! request and asks again, so what is left of several joins in one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use vidimus_client::{ClientError, Gateway};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::{ActionView, Known, MAX_WAIT_S, MAX_WAITED, WaitFor, WaitNews};

/// How long others may come before the open request is made anew.
const GATHER: Duration = Duration::from_millis(20);

/// What there is to tell: `None` when the time is over.
type Told = Result<Option<ActionView>, ClientError>;

/// Everybody who waits with one executor.
#[derive(Debug)]
pub(crate) struct Waits {
    gateway: Gateway,
    open: Mutex<Option<mpsc::UnboundedSender<Wait>>>,
}

#[derive(Debug)]
struct Wait {
    known: Known,
    told: oneshot::Sender<Told>,
}

impl Waits {
    pub(crate) fn of(gateway: Gateway) -> Self {
        Self {
            gateway,
            open: Mutex::default(),
        }
    }

    /// Waits until an action is not as it is known; `None` when it is time to
    /// ask again.
    pub(crate) async fn news(&self, known: Known) -> Told {
        let (told, news) = oneshot::channel();
        self.join(Wait { known, told });
        // Whoever was to tell is gone with the runtime.
        news.await.unwrap_or(Ok(None))
    }

    fn join(&self, wait: Wait) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = match &*open {
            Some(sender) => match sender.send(wait) {
                Ok(()) => return,
                Err(mpsc::error::SendError(wait)) => wait,
            },
            None => wait,
        };
        let (sender, more) = mpsc::unbounded_channel();
        tokio::spawn(take_in(self.gateway.clone(), vec![wait], more));
        *open = Some(sender);
    }
}

/// Asks for whoever comes, until it is full.
async fn take_in(gateway: Gateway, mut waits: Vec<Wait>, mut more: mpsc::UnboundedReceiver<Wait>) {
    loop {
        while let Ok(wait) = more.try_recv() {
            waits.push(wait);
        }
        waits.retain(|wait| !wait.told.is_closed());
        if waits.len() >= MAX_WAITED {
            // Nobody joins any more; who did in between is taken along.
            more.close();
            while let Ok(wait) = more.try_recv() {
                waits.push(wait);
            }
            break;
        }
        if waits.is_empty() {
            let Some(wait) = more.recv().await else {
                return;
            };
            waits.push(wait);
        }
        tokio::select! {
            news = news(&gateway, &waits) => tell(&gateway, std::mem::take(&mut waits), news).await,
            Some(wait) = more.recv() => {
                waits.push(wait);
                tokio::time::sleep(GATHER).await;
            }
        }
    }
    while !waits.is_empty() {
        let one = waits.split_off(waits.len().saturating_sub(MAX_WAITED));
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let news = news(&gateway, &one).await;
            tell(&gateway, one, news).await;
        });
    }
}

async fn news(gateway: &Gateway, waits: &[Wait]) -> Result<WaitNews, ClientError> {
    let asked = WaitFor {
        actions: waits.iter().map(|wait| wait.known).collect(),
        wait_s: MAX_WAIT_S,
    };
    gateway.news(&asked).await
}

async fn tell(gateway: &Gateway, waits: Vec<Wait>, news: Result<WaitNews, ClientError>) {
    let news = match news {
        Ok(news) => news,
        Err(error) => {
            for wait in waits {
                // An error here and below: nobody waits any more.
                wait.told.send(Err(error.clone())).ok();
            }
            return;
        }
    };
    let views = news.actions.into_iter().map(|view| (view.action, view));
    let views: HashMap<ActionId, ActionView> = views.collect();
    for wait in waits {
        let action = wait.known.action;
        let told = if news.unknown.contains(&action) {
            // In the gateway's own words.
            gateway.action(action, 0, None).await.map(Some)
        } else {
            Ok(views.get(&action).cloned())
        };
        wait.told.send(told).ok();
    }
}
