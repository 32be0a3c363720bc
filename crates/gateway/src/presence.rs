//! For which actions a program waits or runs: a hint for screens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use vidimus_protocol::ActionId;

/// A waiter that comes back within this time was never away.
const GRACE: Duration = Duration::from_secs(5);

/// Counts waiters.
#[derive(Clone, Default)]
pub(crate) struct Presence(Arc<Mutex<HashMap<ActionId, Waiters>>>);

struct Waiters {
    here: usize,
    last_left: Instant,
}

/// A waiter; dropping it takes it away.
pub(crate) struct Waiter {
    presence: Presence,
    action: ActionId,
}

impl Presence {
    /// Counts one more waiter.
    pub(crate) fn arrive(&self, action: ActionId) -> Waiter {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(action)
            .or_insert(Waiters {
                here: 0,
                last_left: Instant::now(),
            })
            .here += 1;
        Waiter {
            presence: self.clone(),
            action,
        }
    }

    /// How many wait at this moment.
    pub(crate) fn here(&self) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|waiters| waiters.here).sum()
    }

    /// Actions that somebody waits for, sorted.
    pub(crate) fn list(&self) -> Vec<ActionId> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, waiters| waiters.here > 0 || waiters.last_left.elapsed() < GRACE);
        let mut list: Vec<_> = all.keys().copied().collect();
        list.sort_unstable();
        list
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut all = self
            .presence
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(waiters) = all.get_mut(&self.action) {
            waiters.here -= 1;
            waiters.last_left = Instant::now();
        }
    }
}
