//! Calendars of a policy: `.ics` files that say when something holds and who is
//! on duty. They are read strictly, since an evaluation hangs on them: what is
//! not understood is a mistake, not left out.
//!
//! Spec: `docs/spec/calendars.md`.

mod lines;
mod recurrence;
#[cfg(test)]
mod tests;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta};
use vidimus_protocol::Time;

pub(crate) use lines::Wrong;
use lines::{Component, Line};
use recurrence::{Recurrence, date, date_time};
use zone::Zone;

/// Most events of all calendars of a set.
pub const MAX_EVENTS: usize = 500;
/// Longest event, days.
const MAX_DAYS: i64 = 366;
const DAY: i64 = 86_400;
/// What is worked out at once: repetitions are counted from their beginning.
const WINDOW: i64 = 32 * DAY;

/// A calendar that policies can ask.
#[derive(Debug)]
pub struct Calendar {
    name: String,
    zones: Vec<Zone>,
    events: Vec<Event>,
    /// The spans that touch the window of the last question.
    window: Mutex<Arc<Window>>,
}

/// What is going on at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Whether anything is.
    pub on: bool,
    /// Who takes part: identities.
    pub people: BTreeSet<String>,
}

/// An event at one of its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// When it begins.
    pub from: Time,
    /// When it is over.
    pub until: Time,
    /// Who takes part: identities.
    pub people: BTreeSet<String>,
}

#[derive(Debug)]
struct Event {
    line: usize,
    uid: String,
    times: Recurrence,
    zone: Clock,
    length: Length,
    /// Starts at which it does not happen.
    gone: BTreeSet<i64>,
    /// The start of another's that it takes the place of.
    replaces: Option<i64>,
    cancelled: bool,
    people: BTreeSet<String>,
}

/// Whose clock local times are by.
#[derive(Clone, Copy, Debug)]
enum Clock {
    Utc,
    /// That zone of the calendar.
    Zone(usize),
}

/// How long: days by the clock on the wall, then seconds.
#[derive(Clone, Copy, Debug)]
struct Length {
    days: i64,
    seconds: i64,
}

/// When it is, and which form its text has.
#[derive(Clone, Copy, Debug)]
struct When {
    local: NaiveDateTime,
    clock: Clock,
    whole_day: bool,
}

#[derive(Debug, Default)]
struct Window {
    from: i64,
    until: i64,
    spans: Vec<Span>,
}

#[derive(Debug)]
struct Span {
    from: i64,
    until: i64,
    event: usize,
}

impl Calendar {
    /// Reads the text of the file `name.ics`.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, Wrong> {
        let whole = Component::read(text)?;
        let mut zones: Vec<Zone> = Vec::new();
        for part in whole.parts.iter().filter(|part| part.name == "VTIMEZONE") {
            let zone = Zone::read(part)?;
            if zones.iter().any(|other| other.id == zone.id) {
                return Err(Wrong::new(
                    part.number,
                    "there is another zone of this TZID",
                ));
            }
            zones.push(zone);
        }
        let mut calendar = Self {
            name: name.to_owned(),
            zones,
            events: Vec::new(),
            window: Mutex::default(),
        };
        for part in whole.parts.iter().filter(|part| part.name == "VEVENT") {
            if calendar.events.len() == MAX_EVENTS {
                let why = format!("there are more than {MAX_EVENTS} events: join some by an RRULE");
                return Err(Wrong::new(part.number, why));
            }
            let event = calendar.event(part)?;
            calendar.events.push(event);
        }
        calendar.replace()?;
        Ok(calendar)
    }

    /// How policies call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many events it has.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// What is going on at that time.
    #[must_use]
    pub fn at(&self, time: Time) -> Now {
        let time = seconds(time);
        let window = self.window(time);
        let mut now = Now::default();
        for span in &window.spans {
            if (span.from..span.until).contains(&time) {
                now.on = true;
                let people = self.events.get(span.event).map(|event| &event.people);
                now.people.extend(people.into_iter().flatten().cloned());
            }
        }
        now
    }

    /// The first `most` that end after that time and begin less than 32 days later.
    #[must_use]
    pub fn next(&self, time: Time, most: usize) -> Vec<Occurrence> {
        let from = seconds(time);
        let mut spans = self.spans(from, from.saturating_add(WINDOW)).spans;
        spans.sort_by_key(|span| (span.from, span.until, span.event));
        let time =
            |at: i64| Time::from_unix_ms(u64::try_from(at).unwrap_or(0).saturating_mul(1000));
        let people = |event: usize| self.events.get(event).map(|event| event.people.clone());
        let occurrence = |span: Span| Occurrence {
            from: time(span.from),
            until: time(span.until),
            people: people(span.event).unwrap_or_default(),
        };
        spans.into_iter().take(most).map(occurrence).collect()
    }

    fn window(&self, time: i64) -> Arc<Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if !(window.from..window.until).contains(&time) {
            let from = time.div_euclid(WINDOW) * WINDOW;
            *window = Arc::new(self.spans(from, from.saturating_add(WINDOW)));
        }
        Arc::clone(&window)
    }

    /// The spans that touch this time.
    fn spans(&self, from: i64, until: i64) -> Window {
        let mut spans = Vec::new();
        // A clock on the wall is less than two days away from UTC.
        let wall = |time: i64| {
            let time = DateTime::from_timestamp(time, 0).unwrap_or_default();
            time.naive_utc()
        };
        let last = wall(until.saturating_add(2 * DAY));
        for (number, event) in self.events.iter().enumerate() {
            if event.cancelled {
                continue;
            }
            let Length { days, seconds } = event.length;
            let first = wall(from.saturating_sub((days + 3) * DAY + seconds));
            for local in event.times.between(first, last) {
                let Some(span) = self.span(local, number) else {
                    continue;
                };
                let is_in = span.from < until && span.until > from;
                if is_in && !event.gone.contains(&span.from) {
                    spans.push(span);
                }
            }
        }
        Window { from, until, spans }
    }

    fn span(&self, local: NaiveDateTime, number: usize) -> Option<Span> {
        let event = self.events.get(number)?;
        let end = local.checked_add_signed(TimeDelta::days(event.length.days))?;
        Some(Span {
            from: self.instant(local, event.zone),
            until: self.instant(end, event.zone) + event.length.seconds,
            event: number,
        })
    }

    fn instant(&self, local: NaiveDateTime, clock: Clock) -> i64 {
        match clock {
            Clock::Zone(zone) if zone < self.zones.len() => self.zones[zone].instant(local),
            Clock::Zone(_) | Clock::Utc => local.and_utc().timestamp(),
        }
    }

    fn event(&self, part: &Component) -> Result<Event, Wrong> {
        if let Some(line) = part.all("EXRULE").next() {
            return Err(line.wrong("Vidimus does not follow it: use EXDATE"));
        }
        let uid = part.must("UID")?.value.clone();
        let start = self.one_time(part.must("DTSTART")?)?;
        let length = self.length(part, start)?;
        let same = |line: &Line, value: &str| {
            let time = self.time(line, value)?;
            if time.whole_day == start.whole_day {
                Ok(self.instant(time.local, time.clock))
            } else {
                Err(line.wrong("it is a date and DTSTART a time, or the other way round"))
            }
        };
        let mut more = Vec::new();
        for line in part.all("RDATE") {
            for value in line.value.split(',') {
                let instant = same(line, value)?;
                more.push(self.local(instant, start.clock).ok_or_else(|| late(line))?);
            }
        }
        let mut gone = BTreeSet::new();
        for line in part.all("EXDATE") {
            for value in line.value.split(',') {
                gone.insert(same(line, value)?);
            }
        }
        let replaces = part.one("RECURRENCE-ID")?;
        if let Some(line) = replaces {
            let alone = ["RRULE", "RDATE", "EXDATE"];
            let alone = alone.iter().all(|name| part.all(name).next().is_none());
            if line.param("RANGE").is_some() || !alone {
                return Err(line.wrong(
                    "Vidimus follows what takes the place of one time, not of all that follow",
                ));
            }
        }
        let replaces = replaces.map(|line| same(line, &line.value)).transpose()?;
        let until = |line: &Line, value: &str| match value.strip_suffix('Z') {
            Some(utc) => {
                let utc = date_time(utc).ok_or_else(|| no_time(line, value))?;
                let local = self.local(utc.and_utc().timestamp(), start.clock);
                local.ok_or_else(|| late(line))
            }
            None if start.whole_day => {
                let day = date(value).ok_or_else(|| no_time(line, value))?;
                Ok(day.and_hms_opt(0, 0, 0).unwrap_or_default())
            }
            None => date_time(value).ok_or_else(|| no_time(line, value)),
        };
        let times = Recurrence::new(start.local, part.one("RRULE")?, more, until)?;
        let status = part.one("STATUS")?;
        Ok(Event {
            line: part.number,
            uid,
            times,
            zone: start.clock,
            length,
            gone,
            replaces,
            cancelled: status.is_some_and(|line| line.value.eq_ignore_ascii_case("CANCELLED")),
            people: part.all("ATTENDEE").filter_map(attendee).collect(),
        })
    }

    /// What takes the place of one time of another event, takes it away there.
    fn replace(&mut self) -> Result<(), Wrong> {
        let mut of_uid: BTreeMap<String, usize> = BTreeMap::new();
        let mut taken: BTreeSet<(&str, i64)> = BTreeSet::new();
        for (number, event) in self.events.iter().enumerate() {
            let is_new = match event.replaces {
                Some(start) => taken.insert((&event.uid, start)),
                None => of_uid.insert(event.uid.clone(), number).is_none(),
            };
            if !is_new {
                let why = format!(
                    "there is another event with UID:{} at this place",
                    event.uid
                );
                return Err(Wrong::new(event.line, why));
            }
        }
        let taken: Vec<(usize, i64)> = taken
            .into_iter()
            .filter_map(|(uid, start)| Some((*of_uid.get(uid)?, start)))
            .collect();
        for (number, start) in taken {
            if let Some(event) = self.events.get_mut(number) {
                event.gone.insert(start);
            }
        }
        Ok(())
    }

    fn length(&self, part: &Component, start: When) -> Result<Length, Wrong> {
        let (end, duration) = (part.one("DTEND")?, part.one("DURATION")?);
        let length = match (end, duration) {
            (Some(line), None) => {
                let end = self.one_time(line)?;
                if end.whole_day != start.whole_day {
                    return Err(
                        line.wrong("it is a date and DTSTART a time, or the other way round")
                    );
                }
                if start.whole_day {
                    let days = (end.local - start.local).num_days();
                    Length { days, seconds: 0 }
                } else {
                    let end = self.instant(end.local, end.clock);
                    let seconds = end - self.instant(start.local, start.clock);
                    Length { days: 0, seconds }
                }
            }
            (None, Some(line)) => read_duration(line)?,
            (None, None) if start.whole_day => Length {
                days: 1,
                seconds: 0,
            },
            (None, None) => {
                let why = "this VEVENT takes no time: give it a DTEND or a DURATION";
                return Err(Wrong::new(part.number, why));
            }
            (Some(_), Some(line)) => return Err(line.wrong("there is a DTEND too")),
        };
        let Length { days, seconds } = length;
        let fits = (0..=MAX_DAYS).contains(&days) && (0..=MAX_DAYS * DAY).contains(&seconds);
        if fits && days + seconds > 0 {
            Ok(length)
        } else {
            let why =
                format!("this VEVENT does not end within {MAX_DAYS} days after its beginning");
            Err(Wrong::new(part.number, why))
        }
    }

    fn one_time(&self, line: &Line) -> Result<When, Wrong> {
        self.time(line, &line.value)
    }

    fn time(&self, line: &Line, value: &str) -> Result<When, Wrong> {
        let zone = line.param("TZID");
        let whole_day = match line.param("VALUE") {
            Some(kind) if kind.eq_ignore_ascii_case("DATE") => true,
            Some(kind) if !kind.eq_ignore_ascii_case("DATE-TIME") => {
                return Err(line.wrong(format!("Vidimus follows no VALUE={kind}")));
            }
            _ => false,
        };
        if whole_day {
            let day = date(value).ok_or_else(|| no_time(line, value))?;
            return Ok(When {
                local: day.and_hms_opt(0, 0, 0).unwrap_or_default(),
                clock: self.floating(line)?,
                whole_day,
            });
        }
        let (text, clock) = match (value.strip_suffix('Z'), zone) {
            (Some(text), None) => (text, Clock::Utc),
            (None, Some(id)) => (value, self.zone(line, id)?),
            (None, None) => (value, self.floating(line)?),
            (Some(_), Some(_)) => return Err(line.wrong("it is in UTC and has a TZID")),
        };
        let local = date_time(text).ok_or_else(|| no_time(line, value))?;
        Ok(When {
            local,
            clock,
            whole_day,
        })
    }

    fn zone(&self, line: &Line, id: &str) -> Result<Clock, Wrong> {
        let found = self.zones.iter().position(|zone| zone.id == id);
        found.map(Clock::Zone).ok_or_else(|| {
            line.wrong(format!(
                "there is no VTIMEZONE with TZID:{id}: export the calendar with its time zones"
            ))
        })
    }

    /// Whose clock a date has, and a time without a zone.
    fn floating(&self, line: &Line) -> Result<Clock, Wrong> {
        match self.zones.len() {
            0 => Ok(Clock::Utc),
            1 => Ok(Clock::Zone(0)),
            _ => Err(line.wrong("its time zone is open: the calendar has several")),
        }
    }

    fn local(&self, instant: i64, clock: Clock) -> Option<NaiveDateTime> {
        let zone = match clock {
            Clock::Zone(zone) => self.zones.get(zone),
            Clock::Utc => None,
        };
        match zone {
            Some(zone) => zone.local(instant),
            None => Some(DateTime::from_timestamp(instant, 0)?.naive_utc()),
        }
        .filter(|local| (1..=9999).contains(&local.year()))
    }
}

fn seconds(time: Time) -> i64 {
    i64::try_from(time.unix_ms() / 1000).unwrap_or(i64::MAX)
}

/// Who takes part, unless they said that they do not.
fn attendee(line: &Line) -> Option<String> {
    let declined = line.param("PARTSTAT");
    if declined.is_some_and(|status| status.eq_ignore_ascii_case("DECLINED")) {
        return None;
    }
    let (scheme, address) = line.value.split_once(':')?;
    scheme
        .eq_ignore_ascii_case("mailto")
        .then(|| address.to_lowercase())
}

/// Reads `PT8H`, `P1D`, `P1DT12H` or `P1W`.
fn read_duration(line: &Line) -> Result<Length, Wrong> {
    let wrong = || line.wrong("it is no length: PT8H, P1D, P1W");
    let text = line.value.strip_prefix('P').ok_or_else(wrong)?;
    let (days, time) = match text.split_once('T') {
        Some((_, "")) => return Err(wrong()),
        Some((days, time)) => (days, time),
        None => (text, ""),
    };
    let terms = |text: &str, units: &[(char, i64)]| -> Option<i64> {
        let (mut sum, mut rest, mut units) = (0, text, units.iter());
        while !rest.is_empty() {
            let at = rest
                .find(|c: char| !c.is_ascii_digit())
                .filter(|at| (1..=8).contains(at))?;
            let unit = rest[at..].chars().next()?;
            let (_, length) = units.find(|(name, _)| *name == unit)?;
            sum += rest[..at].parse::<i64>().ok()? * length;
            rest = &rest[at + 1..];
        }
        Some(sum)
    };
    let days = terms(days, &[('W', 7), ('D', 1)]).ok_or_else(wrong)?;
    let seconds = terms(time, &[('H', 3600), ('M', 60), ('S', 1)]).ok_or_else(wrong)?;
    Ok(Length { days, seconds })
}

fn no_time(line: &Line, value: &str) -> Wrong {
    line.wrong(format!(
        "`{value}` is no time: 20261123T091500, with Z at its end in UTC, or with VALUE=DATE 20261123"
    ))
}

fn late(line: &Line) -> Wrong {
    line.wrong("it lies beyond the year 9999")
}
