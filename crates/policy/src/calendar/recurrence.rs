//! When something happens, by the clock on the wall: RFC 5545, section 3.3.10.

use chrono::{NaiveDate, NaiveDateTime};
use rrule::{RRule, RRuleSet, Tz, Unvalidated};

use super::lines::{Line, Wrong};

/// Most that a date names: also what a rule is followed to.
const MAX_COUNT: u32 = 99_999;
const MAX_INTERVAL: u32 = 999;
/// Weeks of a month, and of a year: from the beginning, and from the end.
const MONTH: (u32, u32) = (5, 4);
const YEAR: (u32, u32) = (53, 52);

/// Local times: the first, those that follow by a rule, and those beside.
#[derive(Clone, Debug)]
pub(super) struct Recurrence {
    start: NaiveDateTime,
    /// As if the wall were in UTC, which no clock change disturbs.
    rule: Option<Box<RRuleSet>>,
    more: Vec<NaiveDateTime>,
}

impl Recurrence {
    /// `local` turns the end of a rule into local time.
    pub(super) fn new(
        start: NaiveDateTime,
        rule: Option<&Line>,
        more: Vec<NaiveDateTime>,
        local: impl Fn(&Line, &str) -> Result<NaiveDateTime, Wrong>,
    ) -> Result<Self, Wrong> {
        let rule = rule.map(|line| read(line, start, local)).transpose()?;
        Ok(Self {
            start,
            rule: rule.flatten().map(Box::new),
            more,
        })
    }

    /// Those in between, in order.
    pub(super) fn between(&self, from: NaiveDateTime, until: NaiveDateTime) -> Vec<NaiveDateTime> {
        let mut all = match &self.rule {
            Some(rule) => by_rule(rule, from, until),
            None => Vec::new(),
        };
        all.push(self.start);
        all.extend(&self.more);
        all.retain(|time| (from..=until).contains(time));
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn by_rule(rule: &RRuleSet, from: NaiveDateTime, until: NaiveDateTime) -> Vec<NaiveDateTime> {
    let (from, until) = (wall(from), wall(until));
    let times = rule.clone().limit().into_iter();
    times
        .skip_while(|time| *time < from)
        .take_while(|time| *time <= until)
        .map(|time| time.naive_utc())
        .collect()
}

fn wall(time: NaiveDateTime) -> chrono::DateTime<Tz> {
    time.and_utc().with_timezone(&Tz::UTC)
}

/// The rule, if it gives more than its beginning.
fn read(
    line: &Line,
    start: NaiveDateTime,
    local: impl Fn(&Line, &str) -> Result<NaiveDateTime, Wrong>,
) -> Result<Option<RRuleSet>, Wrong> {
    let parts: Vec<(&str, &str)> = (line.value.split(';'))
        .map(|part| part.split_once('=').unwrap_or_default())
        .collect();
    let value = |name: &str| {
        let found = parts.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| *value)
    };
    let frequency = value("FREQ").unwrap_or_default();
    if !matches!(frequency, "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY") {
        return Err(line.wrong("its FREQ is not DAILY, WEEKLY, MONTHLY or YEARLY"));
    }
    let by_month = value("BYMONTH").is_some();
    // Where days are counted, and how many of a weekday there are at most.
    let weeks = match frequency {
        "MONTHLY" => Some(MONTH),
        "YEARLY" if by_month => Some(MONTH),
        "YEARLY" => Some(YEAR),
        _ => None,
    };
    for (at, (name, value)) in parts.iter().enumerate() {
        if parts[..at].iter().any(|(other, _)| other == name) {
            return Err(line.wrong(format!("`{name}` stands here twice")));
        }
        let fits = match *name {
            "FREQ" | "UNTIL" => true,
            "INTERVAL" => is_number(value, MAX_INTERVAL),
            "COUNT" => is_number(value, MAX_COUNT),
            "WKST" => is_weekday(value),
            "BYDAY" => {
                each(value, is_weekday)
                    || weeks.is_some_and(|weeks| each(value, |day| is_counted_day(day, weeks)))
            }
            "BYMONTH" => each(value, |month| is_number(month, 12)),
            "BYMONTHDAY" => frequency != "WEEKLY" && each(value, |day| is_place(day, 31)),
            "BYSETPOS" => weeks.is_some() && each(value, |place| is_place(place, 31)),
            _ => false,
        };
        if !fits {
            return Err(line.wrong(format!(
                "`{name}={value}` is none of what Vidimus follows in a FREQ={frequency}: INTERVAL, COUNT or UNTIL, BYDAY, BYMONTH, BYMONTHDAY, BYSETPOS, WKST"
            )));
        }
    }
    let of_days = by_month || value("BYDAY").is_some() || value("BYMONTHDAY").is_some();
    if value("BYSETPOS").is_some() && !of_days {
        return Err(line.wrong("there is nothing of which BYSETPOS takes some"));
    }
    let until = value("UNTIL").map(|until| local(line, until)).transpose()?;
    let count: Option<u32> = value("COUNT").and_then(|count| count.parse().ok());
    if until.is_some() && count.is_some() {
        return Err(line.wrong("it has a COUNT and an UNTIL: use one"));
    }
    if until.is_some_and(|until| until < start) {
        return Err(line.wrong("it ends before it begins"));
    }
    let kept = parts.iter().filter(|(name, _)| *name != "UNTIL");
    let kept: Vec<String> = kept
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let unfit = |error: &dyn std::fmt::Display| line.wrong(error.to_string());
    let rule: RRule<Unvalidated> = kept.join(";").parse().map_err(|error| unfit(&error))?;
    let rule = match until {
        Some(until) => rule.until(wall(until)),
        None => rule,
    };
    let build = |rule: RRule<Unvalidated>| rule.build(wall(start)).map_err(|error| unfit(&error));
    let all = build(rule.clone())?;
    let Some(count) = count else {
        return Ok(Some(all));
    };
    // The beginning is one of them, whatever the rule says of it.
    let begins = all.limit().into_iter().next() == Some(wall(start));
    match count - u32::from(!begins) {
        0 => Ok(None),
        more => Ok(Some(build(rule.count(more))?)),
    }
}

fn each(list: &str, fits: impl Fn(&str) -> bool) -> bool {
    list.split(',').all(fits)
}

fn is_number(text: &str, most: u32) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    digits
        && text
            .parse()
            .is_ok_and(|number| (1..=most).contains(&number))
}

/// Counted from the beginning, or with `-` from the end.
fn is_place(text: &str, most: u32) -> bool {
    is_number(text.strip_prefix('-').unwrap_or(text), most)
}

fn is_weekday(text: &str) -> bool {
    matches!(text, "MO" | "TU" | "WE" | "TH" | "FR" | "SA" | "SU")
}

/// A weekday with its number, from the beginning or from the end.
fn is_counted_day(text: &str, (most, most_back): (u32, u32)) -> bool {
    let place = text.len().checked_sub(2);
    let Some((place, day)) = place.and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    is_weekday(day)
        && match place.strip_prefix('-') {
            Some(place) => is_number(place, most_back),
            None => is_number(place, most),
        }
}

/// Reads `20261123`.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |from: usize, until: usize| text.get(from..until)?.parse::<u32>().ok();
    let year = i32::try_from(number(0, 4)?).ok().filter(|_| digits)?;
    NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?).filter(|_| year > 0)
}

/// Reads `20261123T091500`.
pub(super) fn date_time(text: &str) -> Option<NaiveDateTime> {
    let (day, time) = text.split_once('T')?;
    let digits = time.len() == 6 && time.bytes().all(|byte| byte.is_ascii_digit());
    let number = |from: usize| time.get(from..from + 2)?.parse::<u32>().ok();
    let (hour, minute, second) = (number(0)?, number(2)?, number(4)?);
    date(day)?
        .and_hms_opt(hour, minute, second)
        .filter(|_| digits)
}
