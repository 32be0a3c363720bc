//! Time, injected so that suspend and long pauses can be tested.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use vidimus_protocol::Time;

/// Two clocks that must agree within one run.
pub trait Clock: Send + Sync {
    /// Wall clock, UTC.
    fn wall(&self) -> Time;
    /// Time since boot, suspended time included (`CLOCK_BOOTTIME`).
    fn boot(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Time {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Time::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn boot(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
    }
}

/// Farthest that the wall clock may lie behind the last entry, or drift from
/// the boot clock within one run.
pub const BOUND: Duration = Duration::from_secs(120);

/// Gives entry times and refuses when the clocks contradict each other.
pub(crate) struct Timekeeper {
    clock: std::sync::Arc<dyn Clock>,
    /// Wall time minus boot time when this run began, milliseconds.
    offset_ms: i128,
}

/// Why no entry can be timed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClockFault {
    /// Behind the last entry.
    #[error(
        "the computer's clock is more than {} s behind the last ledger entry: set the clock right",
        BOUND.as_secs()
    )]
    Behind,
    /// The wall clock was moved while the gateway ran.
    #[error(
        "the computer's clock was moved by more than {} s while the gateway ran: set it right, or restart the gateway if it is right now",
        BOUND.as_secs()
    )]
    Moved,
}

impl Timekeeper {
    pub(crate) fn new(clock: std::sync::Arc<dyn Clock>) -> Self {
        let offset_ms = offset(clock.as_ref());
        Self { clock, offset_ms }
    }

    /// The wall clock, unchecked: for lifetimes of things that are not logged.
    pub(crate) fn wall(&self) -> Time {
        self.clock.wall()
    }

    /// The time of the next entry: never before `last`.
    pub(crate) fn entry_time(&self, last: Time) -> Result<Time, ClockFault> {
        let now = self.clock.wall();
        let bound = BOUND.as_millis();
        if now < last && u128::from(now.distance_ms(last)) > bound {
            return Err(ClockFault::Behind);
        }
        if (offset(self.clock.as_ref()) - self.offset_ms).unsigned_abs() > bound {
            return Err(ClockFault::Moved);
        }
        Ok(now.max(last))
    }
}

fn offset(clock: &dyn Clock) -> i128 {
    let boot = i128::try_from(clock.boot().as_millis()).unwrap_or(i128::MAX);
    i128::from(clock.wall().unix_ms()) - boot
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    struct Hands(Mutex<(u64, u64)>);

    impl Clock for Hands {
        fn wall(&self) -> Time {
            Time::from_unix_ms(self.0.lock().expect("test").0)
        }
        fn boot(&self) -> Duration {
            Duration::from_millis(self.0.lock().expect("test").1)
        }
    }

    #[test]
    fn a_long_gap_is_normal_and_a_moved_clock_is_not() {
        let start = 1_795_000_000_000;
        let hands = Arc::new(Hands(Mutex::new((start, 5_000))));
        let keeper = Timekeeper::new(hands.clone());
        let last = Time::from_unix_ms(start);
        let set = |wall: u64, boot: u64| *hands.0.lock().expect("test") = (wall, boot);

        let three_days = 3 * 86_400_000;
        set(start + three_days, 5_000 + three_days);
        assert_eq!(
            keeper.entry_time(last),
            Ok(Time::from_unix_ms(start + three_days))
        );

        set(start - 1000, 6_000);
        assert_eq!(keeper.entry_time(last), Ok(last), "a small step back waits");
        set(start - 121_000, 5_000);
        assert_eq!(keeper.entry_time(last), Err(ClockFault::Behind));
        set(start + 121_000, 5_000);
        assert_eq!(keeper.entry_time(last), Err(ClockFault::Moved));
    }
}
