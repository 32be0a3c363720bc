//! Points in time: RFC 3339, UTC, milliseconds, always 24 characters.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, Timelike as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes::{FromStrVisitor, ascii};

/// Milliseconds since the Unix epoch, written like `2026-11-21T09:30:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

/// The last millisecond of the year 9999, the last that RFC 3339 can write.
const LAST: u64 = 253_402_300_799_999;

/// The one spelling, with its digits as zeros, and where each number stands.
const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
const YEAR: Range<usize> = 0..4;
const MONTH: Range<usize> = 5..7;
const DAY: Range<usize> = 8..10;
const HOUR: Range<usize> = 11..13;
const MINUTE: Range<usize> = 14..16;
const SECOND: Range<usize> = 17..19;
const MS: Range<usize> = 20..23;

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
        let text = text.as_bytes();
        let fits = |(given, form): (&u8, &u8)| match form {
            b'0' => given.is_ascii_digit(),
            form => given == form,
        };
        if text.len() != FORM.len() || !text.iter().zip(FORM).all(fits) {
            return Err(TimeError);
        }
        let number = |at: Range<usize>| {
            let digits = text[at].iter().map(|digit| u32::from(digit - b'0'));
            digits.fold(0, |number, digit| number * 10 + digit)
        };
        let year = i32::try_from(number(YEAR)).map_err(|_| TimeError)?;
        NaiveDate::from_ymd_opt(year, number(MONTH), number(DAY))
            .and_then(|date| {
                date.and_hms_milli_opt(number(HOUR), number(MINUTE), number(SECOND), number(MS))
            })
            .and_then(|time| u64::try_from(time.and_utc().timestamp_millis()).ok())
            .map(Self)
            .ok_or(TimeError)
    }
}

impl Time {
    fn text(self) -> [u8; FORM.len()] {
        let ms = i64::try_from(self.0).expect("before year 10000");
        let time = DateTime::from_timestamp_millis(ms).expect("before year 10000");
        let mut text = *FORM;
        let mut put = |at: Range<usize>, mut number: u32| {
            for digit in text[at].iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).expect("one digit");
                number /= 10;
            }
        };
        put(YEAR, time.year().unsigned_abs());
        put(MONTH, time.month());
        put(DAY, time.day());
        put(HOUR, time.hour());
        put(MINUTE, time.minute());
        put(SECOND, time.second());
        put(MS, time.timestamp_subsec_millis());
        text
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ascii(&self.text()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(ascii(&self.text()))
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
            "2026-02-29T09:30:00.000Z",
            "2026-11-21T24:00:00.000Z",
            "+026-11-21T09:30:00.000Z",
            "2026-11-21T09:30:00.0é",
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
