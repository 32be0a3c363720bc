//! Whether the gateway can acknowledge: what `GET /healthz` answers.
//!
//! The sequencer says here how it is, at least twice a second. Routes add what
//! only they know: that the gateway stops, or that the sequencer is gone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::problem::Refusal;

/// A sequencer that says nothing for that long waits for a disk that hangs.
const SILENCE: Duration = Duration::from_secs(10);

/// How the sequencer is.
pub(crate) struct Health(Mutex<Pulse>);

struct Pulse {
    last: Instant,
    trouble: Option<Refusal>,
}

impl Default for Health {
    fn default() -> Self {
        Self(Mutex::new(Pulse {
            last: Instant::now(),
            trouble: None,
        }))
    }
}

impl Health {
    /// The sequencer is there; `trouble` is why nothing can be logged.
    pub(crate) fn beat(&self, trouble: Option<Refusal>) {
        *self.pulse() = Pulse {
            last: Instant::now(),
            trouble,
        };
    }

    /// Whether an entry can be made at `now`, or why not.
    pub(crate) fn judge(&self, now: Instant) -> Result<(), Refusal> {
        let pulse = self.pulse();
        if now.saturating_duration_since(pulse.last) > SILENCE {
            return Err(Refusal::unavailable(
                "stalled",
                format!(
                    "the ledger has not moved for more than {} s: look at the disk. Nothing is acknowledged until it answers",
                    SILENCE.as_secs()
                ),
            ));
        }
        pulse.trouble.clone().map_or(Ok(()), Err)
    }

    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn trouble_is_told_until_it_is_over_and_silence_is_trouble() {
        let health = Health::default();
        let now = Instant::now();
        assert_eq!(health.judge(now), Ok(()));
        let full = Refusal::unavailable("disk_full", "the disk is full");
        health.beat(Some(full.clone()));
        assert_eq!(health.judge(Instant::now()), Err(full));
        let now = Instant::now();
        health.beat(None);
        assert_eq!(health.judge(now), Ok(()));
        assert_eq!(health.judge(now + SILENCE), Ok(()));
        let later = Instant::now() + SILENCE + Duration::from_secs(1);
        assert_eq!(health.judge(later).unwrap_err().code, "stalled");
    }
}
