//! Points in time: RFC 3339, UTC, milliseconds, always 24 characters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes::FromStrVisitor;

/// Milliseconds since the Unix epoch, written like `2026-11-21T09:30:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

/// The last millisecond of the year 9999, the last that RFC 3339 can write.
const LAST: u64 = 253_402_300_799_999;

impl Time {
    /// From milliseconds since the Unix epoch; capped at the end of year 9999.
    #[must_use]
    pub fn from_unix_ms(ms: u64) -> Self {
        Self(ms.min(LAST))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn unix_ms(self) -> u64 {
        self.0
    }

    /// This time and `seconds` more.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self::from_unix_ms(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Distance to `other` in milliseconds, either way round.
    #[must_use]
    pub fn distance_ms(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

/// Not a time in the one accepted form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a UTC time like 2026-11-21T09:30:00.000Z")]
pub struct TimeError;

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let parsed = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| TimeError)?;
        let ms = u64::try_from(parsed.timestamp_millis()).map_err(|_| TimeError)?;
        let time = Self(ms);
        // One time, one spelling: leap seconds, offsets and other precisions end here.
        if ms > LAST || time.to_string() != text {
            return Err(TimeError);
        }
        Ok(time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 / 86_400_000;
        let in_day = self.0 % 86_400_000;
        let date =
            chrono::NaiveDate::from_epoch_days(i32::try_from(days).expect("before year 10000"))
                .expect("before year 10000");
        let (seconds, ms) = (in_day / 1000, in_day % 1000);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        use chrono::Datelike as _;
        write!(
            f,
            "{:04}-{:02}-{:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z",
            date.year(),
            date.month(),
            date.day(),
        )
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new(
            "a UTC time like 2026-11-21T09:30:00.000Z",
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_time_has_one_spelling() {
        let time = Time::from_unix_ms(1_795_253_400_000);
        assert_eq!(time.to_string(), "2026-11-21T09:30:00.000Z");
        assert_eq!("2026-11-21T09:30:00.000Z".parse(), Ok(time));
        for other in [
            "2026-11-21T09:30:00Z",
            "2026-11-21T09:30:00.0000Z",
            "2026-11-21T10:30:00.000+01:00",
            "2026-11-21t09:30:00.000z",
            "2026-11-21T09:30:60.000Z",
            "1969-12-31T23:59:59.999Z",
            "",
        ] {
            assert_eq!(other.parse::<Time>(), Err(TimeError), "{other}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(ms in 0..=LAST) {
            let time = Time::from_unix_ms(ms);
            prop_assert_eq!(time.to_string().parse::<Time>(), Ok(time));
        }
    }
}
