//! The calls that a session knows: those that wait, and those whose result
//! somebody may still ask for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vidimus_executor::{Stop, Why};
use vidimus_protocol::ActionId;

use crate::held::Held;

/// Most calls at once.
const MAX: usize = 20_000;
/// How long the result of a call is kept for whoever asks for it.
pub(crate) const KEPT: Duration = Duration::from_secs(60 * 60);

/// The calls, by their actions.
#[derive(Debug, Default)]
pub(crate) struct Kept(HashMap<ActionId, Arc<Held>>);

impl Kept {
    /// Keeps a call; those that are over make room.
    pub(crate) fn keep(&mut self, held: &Arc<Held>, now: Instant) -> Result<(), Stop> {
        self.0.retain(|_, held| !is_old(held, now));
        if self.0.len() >= MAX {
            let over = self
                .0
                .values()
                .filter_map(|held| Some((held.ended.get()?, held.action)));
            let oldest = over.min_by_key(|((ended, _), _)| *ended);
            let Some((_, action)) = oldest else {
                let words =
                    "too many calls wait already: cancel some, or wait until they are decided";
                return Err(Stop::new(Why::Refused, words));
            };
            self.0.remove(&action);
        }
        self.0.insert(held.action, held.clone());
        Ok(())
    }

    pub(crate) fn forget(&mut self, action: ActionId) {
        self.0.remove(&action);
    }

    pub(crate) fn find(&self, action: ActionId) -> Option<Arc<Held>> {
        self.0.get(&action).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Held>> {
        self.0.values().cloned().collect()
    }
}

/// Whether its result has been there for long.
fn is_old(held: &Held, now: Instant) -> bool {
    let ended = held.ended.get();
    ended.is_some_and(|(ended, _)| now.duration_since(*ended) > KEPT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::call::Call;
    use vidimus_protocol::Time;

    fn held(number: usize) -> Arc<Held> {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let call = Call::read(Some(r#"{"name":"t"}"#)).unwrap();
        Held::new(ActionId::from_random(id), call, false).0
    }

    #[test]
    fn what_is_over_makes_room_and_what_waits_does_not() {
        let mut kept = Kept::default();
        let now = Instant::now();
        kept.0 = (0..MAX)
            .map(|number| (held(number).action, held(number)))
            .collect();
        let all = [held(7), held(3)];
        for held in &all {
            kept.0.insert(held.action, held.clone());
        }
        assert_eq!(kept.keep(&held(MAX), now).unwrap_err().why, Why::Refused);
        for (held, after) in all.iter().zip([0, 1]) {
            let ended = now + Duration::from_secs(after);
            held.ended.set((ended, Time::default())).unwrap();
        }
        kept.keep(&held(MAX), now).unwrap();
        assert!(kept.find(all[0].action).is_none(), "the oldest end");
        assert!(kept.find(all[1].action).is_some());
    }

    #[test]
    fn a_result_is_kept_for_a_while() {
        let mut kept = Kept::default();
        let (old, now) = (held(0), Instant::now());
        kept.keep(&old, now).unwrap();
        old.ended.set((now, Time::default())).unwrap();
        kept.keep(&held(1), now + KEPT).unwrap();
        assert!(kept.find(old.action).is_some());
        let later = now + KEPT + Duration::from_secs(1);
        kept.keep(&held(2), later).unwrap();
        assert!(kept.find(old.action).is_none());
    }
}
