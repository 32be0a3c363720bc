//! The one place of executors that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use vidimus_protocol::Time;

/// Now.
#[must_use]
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Time::from_unix_ms(u64::try_from(ms).unwrap_or(u64::MAX))
}
