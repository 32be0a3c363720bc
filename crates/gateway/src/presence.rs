//! Who waits for which actions: woken when something happens to one of them,
//! and a hint for screens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use vidimus_protocol::{ActionId, Entry};

/// A waiter that comes back within this time was never away.
const GRACE: Duration = Duration::from_secs(5);

/// Programs that wait, by what they wait for.
#[derive(Clone, Default)]
pub(crate) struct Presence(Arc<Mutex<HashMap<ActionId, Waiters>>>);

struct Waiters {
    here: Vec<Arc<Notify>>,
    last_left: Instant,
}

/// A waiter; dropping it takes it away.
pub(crate) struct Waiter {
    presence: Presence,
    actions: Vec<ActionId>,
    news: Arc<Notify>,
}

impl Presence {
    /// Counts one more waiter. What happened before is for the caller to look
    /// at, afterwards.
    pub(crate) fn arrive(&self, actions: Vec<ActionId>) -> Waiter {
        let news = Arc::new(Notify::new());
        let mut all = self.all();
        for action in &actions {
            let waiters = all.entry(*action).or_insert_with(|| Waiters {
                here: Vec::new(),
                last_left: Instant::now(),
            });
            waiters.here.push(news.clone());
        }
        drop(all);
        Waiter {
            presence: self.clone(),
            actions,
            news,
        }
    }

    /// Wakes those who wait for what entries are about.
    pub(crate) fn tell(&self, entries: &[Entry]) {
        let all = self.all();
        for entry in entries {
            match entry.leaf.data.action() {
                Some(action) => wake(all.get(&action)),
                // A pause is about many.
                None => wake(all.values()),
            }
        }
    }

    /// How many actions are waited for at this moment, each as often as that.
    pub(crate) fn here(&self) -> usize {
        self.all().values().map(|waiters| waiters.here.len()).sum()
    }

    /// Actions that somebody waits for, sorted.
    pub(crate) fn list(&self) -> Vec<ActionId> {
        let mut all = self.all();
        all.retain(|_, waiters| !waiters.here.is_empty() || waiters.last_left.elapsed() < GRACE);
        let mut list: Vec<_> = all.keys().copied().collect();
        list.sort_unstable();
        list
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ActionId, Waiters>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake<'a>(waiters: impl IntoIterator<Item = &'a Waiters>) {
    for news in waiters.into_iter().flat_map(|waiters| &waiters.here) {
        news.notify_one();
    }
}

impl Waiter {
    /// Returns once something happened to one of its actions since it arrived,
    /// or since this returned.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut all = self.presence.all();
        for action in &self.actions {
            if let Some(waiters) = all.get_mut(action) {
                waiters.here.retain(|news| !Arc::ptr_eq(news, &self.news));
                waiters.last_left = Instant::now();
            }
        }
    }
}
