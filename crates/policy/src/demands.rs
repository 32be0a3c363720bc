//! What the annotations of a policy ask for, and how several add up: the
//! strictest wins.

use std::collections::BTreeMap;
use std::time::Duration;

use vidimus_protocol::entry::{Assurance, Escalation, Evaluation, FromGroup};
use vidimus_protocol::state::{LONGEST_GRACE_S, MAX_QUORUM, group_is_fit};

use crate::builtin::{LONGEST_WAIT, USE_WITHIN};

const LONGEST_GRACE: Duration = Duration::from_secs(LONGEST_GRACE_S);
const LONGEST_SEPARATION: Duration = Duration::from_hours(365 * 24);

/// People who must approve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// How many, those of groups among them.
    pub all: u64,
    /// How many of each group.
    pub of: BTreeMap<String, u64>,
}

/// What a policy asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// `@assurance`.
    pub assurance: Vec<Assurance>,
    /// `@break_glass`.
    pub break_glass: bool,
    /// `@escalate`: which groups are told, after how long.
    pub escalate: BTreeMap<String, Duration>,
    /// `@review`.
    pub full_review: bool,
    /// `@grace`.
    pub grace: Duration,
    /// `@people`.
    pub people: People,
    /// `@reason`.
    pub reason: bool,
    /// `@separate`.
    pub separate: Duration,
    /// `@standing`.
    pub standing: bool,
    /// `@ttl`.
    pub ttl: Option<Duration>,
    /// `@use`.
    pub use_within: Option<Duration>,
    /// `@veto`.
    pub veto: Option<u64>,
}

impl Demands {
    /// Reads one annotation of a policy. `false`: there is none of that name.
    pub(crate) fn read(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "assurance" => self.assurance = assurance(value)?,
            "break_glass" => self.break_glass = allowed(value)?,
            "escalate" => self.escalate = BTreeMap::from([escalation(value)?]),
            "grace" => self.grace = duration(value, LONGEST_GRACE)?,
            "people" => self.people = People::parse(value)?,
            "reason" if value == "required" => self.reason = true,
            "reason" => return Err("it is \"required\", or not there".to_owned()),
            "review" if value == "full" => self.full_review = true,
            "review" => return Err("it is \"full\", or not there".to_owned()),
            "separate" => self.separate = duration(value, LONGEST_SEPARATION)?,
            "standing" => self.standing = allowed(value)?,
            "ttl" => self.ttl = Some(duration(value, LONGEST_WAIT)?),
            "use" => self.use_within = Some(duration(value, LONGEST_WAIT)?),
            "veto" => self.veto = Some(number(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Both at once. Where one says nothing, the usual holds for it: a veto is
    /// one person's, and nobody approves in advance or breaks glass, unless all say
    /// otherwise.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let least = |one: Option<Duration>, other: Option<Duration>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let mut assurance = self.assurance;
        assurance.extend(other.assurance);
        assurance.sort_unstable();
        assurance.dedup();
        let mut escalate = self.escalate;
        for (group, after) in other.escalate {
            let shortest = escalate.entry(group).or_insert(after);
            *shortest = after.min(*shortest);
        }
        Self {
            assurance,
            break_glass: self.break_glass && other.break_glass,
            escalate,
            full_review: self.full_review || other.full_review,
            grace: self.grace.max(other.grace),
            people: self.people.and(other.people),
            reason: self.reason || other.reason,
            separate: self.separate.max(other.separate),
            standing: self.standing && other.standing,
            ttl: least(self.ttl, other.ttl),
            use_within: least(self.use_within, other.use_within),
            veto: self.veto.zip(other.veto).map(|(one, other)| one.min(other)),
        }
    }

    /// How long an approved action may wait for its start.
    pub(crate) fn use_within(&self) -> Duration {
        self.use_within.unwrap_or(USE_WITHIN)
    }

    /// Who is told after how long, as an evaluation lists them.
    pub(crate) fn escalations(&self) -> Vec<Escalation> {
        let step = |(group, after): (&String, &Duration)| Escalation {
            after_s: after.as_secs(),
            group: group.clone(),
        };
        self.escalate.iter().map(step).collect()
    }

    /// What it asks for, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = vec![self.people.words()];
        for assurance in &self.assurance {
            words.push(match assurance {
                Assurance::DeviceBound => "with a key that cannot leave its device".to_owned(),
                Assurance::ProvenModel => "with a key whose model is proven".to_owned(),
            });
        }
        if self.reason {
            words.push("with a reason".to_owned());
        }
        if self.full_review {
            words.push("after a full review".to_owned());
        }
        if let Some(ttl) = self.ttl {
            words.push(format!("within {}", in_words(ttl)));
        }
        for (group, after) in &self.escalate {
            words.push(format!("escalated to {group} after {}", in_words(*after)));
        }
        if let Some(time) = self.use_within {
            words.push(format!("started within {} after", in_words(time)));
        }
        if !self.grace.is_zero() {
            let time = in_words(self.grace);
            words.push(format!("which can be stopped for {time} after"));
        }
        if !self.separate.is_zero() {
            let time = in_words(self.separate);
            words.push(format!(
                "none of whom changed the policy less than {time} ago"
            ));
        }
        if let Some(veto @ 2..) = self.veto {
            words.push(format!("ended only by {veto} denials"));
        }
        if self.standing {
            words.push("also in advance by a standing grant".to_owned());
        }
        if self.break_glass {
            words.push("in an emergency by one person who breaks glass".to_owned());
        }
        words.join(", ")
    }
}

impl People {
    /// Anybody, that many.
    #[must_use]
    pub fn anybody(all: u64) -> Self {
        Self {
            all,
            of: BTreeMap::new(),
        }
    }

    /// Reads `2`, `1 from sre` or `1 from sre and 1 from security`.
    ///
    /// # Errors
    /// Words that say what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut people = Self::default();
        for term in text.split(" and ") {
            let (count, group) = match term.split_once(" from ") {
                Some((count, group)) => (count, Some(group)),
                None => (term, None),
            };
            let count = number(count)?;
            people.all += count;
            let Some(group) = group else { continue };
            fit_group(group)?;
            if people.of.insert(group.to_owned(), count).is_some() {
                return Err(format!("it names `{group}` twice"));
            }
        }
        if people.all > MAX_QUORUM {
            return Err(format!("it asks for more than {MAX_QUORUM} people"));
        }
        Ok(people)
    }

    /// Those that an evaluation asks for.
    #[must_use]
    pub fn of(evaluation: &Evaluation) -> Self {
        let groups = evaluation.groups.iter();
        Self {
            all: evaluation.quorum,
            of: groups.map(|one| (one.group.clone(), one.people)).collect(),
        }
    }

    /// Both at once. Who is in two groups counts for one of them, so people of
    /// different groups are different people.
    fn and(self, other: Self) -> Self {
        let mut of = self.of;
        for (group, people) in other.of {
            let most = of.entry(group).or_default();
            *most = people.max(*most);
        }
        let all = self.all.max(other.all).max(of.values().sum());
        Self { all, of }
    }

    /// As an evaluation lists them.
    pub(crate) fn groups(&self) -> Vec<FromGroup> {
        let group = |(group, people): (&String, &u64)| FromGroup {
            group: group.clone(),
            people: *people,
        };
        self.of.iter().map(group).collect()
    }

    /// Who that is, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let named: u64 = self.of.values().sum();
        let mut words: Vec<String> = self
            .of
            .iter()
            .map(|(group, people)| format!("{people} from {group}"))
            .collect();
        match self.all.saturating_sub(named) {
            0 if named == 0 => words.push("nobody".to_owned()),
            0 => {}
            1 if named == 0 => words.push("1 person".to_owned()),
            more if named == 0 => words.push(format!("{more} people")),
            more => words.push(format!("{more} more")),
        }
        words.join(" and ")
    }
}

fn assurance(text: &str) -> Result<Vec<Assurance>, String> {
    let read = |word: &str| match word.trim() {
        "device-bound" => Ok(Assurance::DeviceBound),
        "proven-model" => Ok(Assurance::ProvenModel),
        other => Err(format!(
            "`{other}` is unknown: use `device-bound`, `proven-model`, or both with a comma"
        )),
    };
    let mut all: Vec<Assurance> = text.split(',').map(read).collect::<Result<_, _>>()?;
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn fit_group(group: &str) -> Result<(), String> {
    if group_is_fit(group) {
        return Ok(());
    }
    Err(format!(
        "`{group}` is no group: 1 to 40 of a-z, 0-9, `-`, `_` and `.`"
    ))
}

/// Reads `managers after 10m`.
fn escalation(text: &str) -> Result<(String, Duration), String> {
    let parts = text.split_once(" after ");
    let (group, after) = parts.ok_or_else(|| {
        format!("`{text}` is no group and time: use `managers after 10m`, one group in each policy")
    })?;
    fit_group(group)?;
    Ok((group.to_owned(), duration(after, LONGEST_WAIT)?))
}

fn allowed(text: &str) -> Result<bool, String> {
    if text == "allowed" {
        Ok(true)
    } else {
        Err("it is \"allowed\", or not there".to_owned())
    }
}

fn number(text: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number @ 1..=MAX_QUORUM) if digits && !text.starts_with('0') => Ok(number),
        _ => Err(format!("`{text}` is no number from 1 to {MAX_QUORUM}")),
    }
}

fn duration(text: &str, most: Duration) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: use 30s, 15m, 2h or 1d");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let count = &text[..text.len() - unit.len_utf8()];
    let digits = !count.starts_with('0') && count.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u64 = count.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    let time = Duration::from_secs(count.checked_mul(seconds).ok_or_else(wrong)?);
    if time.is_zero() || time > most {
        return Err(format!("`{text}` is not between 1s and {}", in_words(most)));
    }
    Ok(time)
}

/// The shortest of `90s`, `15m`, `2h`, `3d` that says it exactly.
pub(crate) fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60)] {
        if seconds > 0 && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn demands(annotations: &[(&str, &str)]) -> Demands {
        let mut demands = Demands::default();
        for (name, value) in annotations {
            assert!(demands.read(name, value).unwrap(), "{name}");
        }
        demands
    }

    #[test]
    fn people_are_read_as_written() {
        for (text, words) in [
            ("1", "1 person"),
            ("3", "3 people"),
            ("1 from sre", "1 from sre"),
            (
                "1 from sre and 1 from security",
                "1 from security and 1 from sre",
            ),
            ("2 from sre and 1", "2 from sre and 1 more"),
        ] {
            assert_eq!(People::parse(text).unwrap().words(), words, "{text}");
        }
        for bad in [
            "",
            "0",
            "01",
            "+1",
            "17",
            "one",
            "1 from",
            "1 from SRE",
            "1 from sre and",
            "1 from sre and 1 from sre",
            "9 from a and 8 from b",
            "1 from sre, 1 from security",
        ] {
            assert!(People::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_strictest_wins() {
        let one = demands(&[
            ("people", "2 from sre"),
            ("ttl", "1h"),
            ("use", "5m"),
            ("veto", "3"),
            ("standing", "allowed"),
            ("break_glass", "allowed"),
            ("grace", "30s"),
            ("assurance", "proven-model"),
        ]);
        let other = demands(&[
            ("people", "1 from sre and 1 from security"),
            ("ttl", "15m"),
            ("reason", "required"),
            ("review", "full"),
            ("separate", "2d"),
            ("grace", "2m"),
            ("assurance", "device-bound, proven-model"),
            ("veto", "2"),
            ("break_glass", "allowed"),
        ]);
        let both = one.clone().and(other.clone());
        assert_eq!(both, other.clone().and(one.clone()));
        assert_eq!(both.people.all, 3);
        assert_eq!(both.people.words(), "1 from security and 2 from sre");
        assert_eq!(both.ttl, Some(Duration::from_mins(15)));
        assert_eq!(both.use_within(), Duration::from_mins(5));
        assert_eq!(both.separate, Duration::from_hours(48));
        assert_eq!(both.grace, Duration::from_mins(2));
        assert!(both.reason && both.full_review);
        assert_eq!(both.veto, Some(2));
        assert!(both.break_glass);
        // What one wants seen whole is not approved in advance because another
        // lets it be.
        assert!(one.standing && !both.standing);
        assert!(one.clone().and(one).standing);
        assert_eq!(
            both.assurance,
            [Assurance::DeviceBound, Assurance::ProvenModel]
        );
        // Where one says nothing of it, one denial is enough, and nobody approves
        // in advance or breaks glass.
        let more = both.and(demands(&[("people", "5")]));
        assert_eq!(
            (more.veto, more.standing, more.break_glass),
            (None, false, false)
        );
    }

    #[test]
    fn each_group_is_told_after_its_shortest_time() {
        let one = demands(&[("escalate", "managers after 10m")]);
        let other = demands(&[("escalate", "managers after 1h")]);
        let third = demands(&[("escalate", "directors after 30m")]);
        let all = other.and(one.clone()).and(third.clone());
        assert_eq!(all, third.and(one));
        let words = "nobody, escalated to directors after 30m, escalated to managers after 10m";
        assert_eq!(all.words(), words);
        let steps = all.escalations();
        let steps = steps.iter().map(|step| (step.group.as_str(), step.after_s));
        assert_eq!(
            Vec::from_iter(steps),
            [("directors", 1800), ("managers", 600)]
        );
        for bad in [
            "",
            "managers",
            "10m",
            "Managers after 10m",
            "managers after 0s",
            "managers after 25h",
            "managers after 10m and directors after 20m",
            "managers  after 10m",
            " after 10m",
        ] {
            assert!(escalation(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn more_people_hold_those_of_groups() {
        let five = demands(&[("people", "5")]);
        let both = five.and(demands(&[("people", "1 from sre")]));
        assert_eq!(both.people.all, 5);
        assert_eq!(both.people.words(), "1 from sre and 4 more");
    }

    #[test]
    fn times_have_a_unit_and_a_bound() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86_400)] {
            let found = duration(text, LONGEST_WAIT).unwrap();
            assert_eq!(found.as_secs(), seconds);
            assert_eq!(in_words(found), text);
        }
        for bad in [
            "",
            "0s",
            "05m",
            "15",
            "m",
            "1.5h",
            "-1h",
            "25h",
            "2d",
            "1w",
            "99999999999999999999d",
            "1é",
        ] {
            assert!(duration(bad, LONGEST_WAIT).is_err(), "{bad}");
        }
    }
}
