//! When a failed message is tried again: the example schedule of the Standard
//! Webhooks specification, ten tries in about three days.

use std::time::Duration;

/// What follows the first, second, … failed try.
const DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// Longest wait that a receiver may ask for.
const LONGEST: Duration = Duration::from_hours(24);

/// The wait after `tries` failed tries, or `None` when it is over. `jitter`
/// adds up to a tenth; `asked` is the receiver's `Retry-After`.
pub(super) fn wait(tries: u64, jitter: u8, asked: Option<Duration>) -> Option<Duration> {
    let at = usize::try_from(tries).ok()?.checked_sub(1)?;
    let delay = *DELAYS.get(at)?;
    let spread = delay / 10 * u32::from(jitter) / u32::from(u8::MAX);
    Some((delay + spread).max(asked.unwrap_or_default().min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_tries_in_about_three_days() {
        let total = |jitter| -> Duration { (1..=9).filter_map(|n| wait(n, jitter, None)).sum() };
        let hours = Duration::from_hours(75) + Duration::from_secs(35 * 60 + 5);
        assert_eq!(total(0), hours);
        assert!(total(u8::MAX) <= hours * 11 / 10 && total(u8::MAX) > hours);
        assert_eq!(wait(1, 0, None), Some(Duration::from_secs(5)));
        assert_eq!(wait(10, 0, None), None);
        assert_eq!(wait(u64::MAX, 0, None), None);
        assert_eq!(wait(0, 0, None), None);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
        let asks = |seconds| wait(1, 0, Some(Duration::from_secs(seconds)));
        assert_eq!(asks(1), Some(Duration::from_secs(5)));
        assert_eq!(asks(600), Some(Duration::from_mins(10)));
        assert_eq!(asks(u64::MAX), Some(LONGEST));
    }
}
