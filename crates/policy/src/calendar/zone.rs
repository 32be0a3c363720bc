//! Time zones as their calendar describes them: RFC 5545, section 3.6.5. No
//! table of zones is read, so a policy means the same wherever it is evaluated.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::lines::{Component, Line, Wrong};
use super::recurrence::{Recurrence, date_time};

/// From this year on clocks are not changed any more.
const LAST_YEAR: i32 = 2100;
const MAX_TURNS: usize = 20_000;

/// The clock on the wall of a zone.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) id: String,
    /// In the order of their local time.
    turns: Vec<Turn>,
}

/// A change of clocks.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Local time, by the offset before.
    at: NaiveDateTime,
    /// Seconds east of Greenwich before.
    before: i64,
    /// And after.
    after: i64,
}

impl Zone {
    pub(super) fn read(zone: &Component) -> Result<Self, Wrong> {
        let id = zone.must("TZID")?.value.clone();
        let mut turns = Vec::new();
        for part in &zone.parts {
            if !matches!(part.name.as_str(), "STANDARD" | "DAYLIGHT") {
                continue;
            }
            turns.extend(read(part)?);
            if turns.len() > MAX_TURNS {
                return Err(Wrong::new(part.number, "it changes its clocks too often"));
            }
        }
        if turns.is_empty() {
            let why = "it has no STANDARD and no DAYLIGHT: export the calendar with its time zones";
            return Err(Wrong::new(zone.number, why));
        }
        turns.sort_by_key(|turn| (turn.at, turn.before, turn.after));
        Ok(Self { id, turns })
    }

    /// When it is that time on the wall. A time that a change leaves out is by the
    /// offset before, one that comes twice is its first.
    pub(super) fn instant(&self, local: NaiveDateTime) -> i64 {
        let wall = local.and_utc().timestamp();
        wall - self.offset(|turn| {
            let skipped = (turn.after - turn.before).max(0);
            wall >= turn.at.and_utc().timestamp() + skipped
        })
    }

    /// The time on the wall at that instant.
    pub(super) fn local(&self, instant: i64) -> Option<NaiveDateTime> {
        let offset = self.offset(|turn| instant >= turn.at.and_utc().timestamp() - turn.before);
        let wall = chrono::DateTime::from_timestamp(instant.checked_add(offset)?, 0)?;
        Some(wall.naive_utc())
    }

    /// After the last change that was before; else before the first.
    fn offset(&self, was: impl Fn(&Turn) -> bool) -> i64 {
        let last = self.turns.iter().rfind(|turn| was(turn));
        let first = self.turns.first().map_or(0, |turn| turn.before);
        last.map_or(first, |turn| turn.after)
    }
}

fn read(part: &Component) -> Result<Vec<Turn>, Wrong> {
    let start = part.must("DTSTART")?;
    let start = local(start, &start.value)?;
    let mut more = Vec::new();
    for line in part.all("RDATE") {
        for value in line.value.split(',') {
            more.push(local(line, value)?);
        }
    }
    let before = offset(part.must("TZOFFSETFROM")?)?;
    let after = offset(part.must("TZOFFSETTO")?)?;
    // The end of a rule is in UTC here, as the times that it gives are by the offset
    // before.
    let until = |line: &Line, value: &str| match value.strip_suffix('Z') {
        Some(utc) => Ok(local(line, utc)? + TimeDelta::seconds(before)),
        None => local(line, value),
    };
    let times = Recurrence::new(start, part.one("RRULE")?, more, until)?;
    let last = NaiveDate::from_ymd_opt(LAST_YEAR, 1, 1).unwrap_or_default();
    let times = times.between(start, last.and_hms_opt(0, 0, 0).unwrap_or_default());
    let turn = |at| Turn { at, before, after };
    Ok(times.into_iter().map(turn).collect())
}

fn local(line: &Line, value: &str) -> Result<NaiveDateTime, Wrong> {
    date_time(value).ok_or_else(|| line.wrong(format!("`{value}` is no time: 20261123T091500")))
}

/// Reads `+0100`, also with seconds.
fn offset(line: &Line) -> Result<i64, Wrong> {
    let wrong = || line.wrong("it is no offset: +0100");
    let text = line.value.as_str();
    let sign = match text.get(..1) {
        Some("+") => 1,
        Some("-") => -1,
        _ => return Err(wrong()),
    };
    let digits = &text[1..];
    let fits = matches!(digits.len(), 4 | 6) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = |from: usize| {
        digits
            .get(from..from + 2)
            .map_or(Some(0), |two| two.parse().ok())
    };
    let parts: Option<(i64, i64, i64)> = Some(())
        .filter(|()| fits)
        .and_then(|()| Some((number(0)?, number(2)?, number(4)?)));
    match parts {
        Some((hours @ 0..=23, minutes @ 0..=59, seconds @ 0..=59)) => {
            Ok(sign * (hours * 3600 + minutes * 60 + seconds))
        }
        _ => Err(wrong()),
    }
}
