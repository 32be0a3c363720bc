//! What is unusual in an action, by what its agent proposed before: context for
//! whoever decides, and no more than that.

use vidimus_protocol::Time;
use vidimus_protocol::action::ActionKind;

/// Proposals before which nobody can say what is usual for an agent.
const ENOUGH: usize = 20;
/// Days from which they are, at least.
const DAYS: usize = 5;
/// As many in an hour are worth a word.
const MANY: usize = 10;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// An earlier proposal of the same agent.
#[derive(Clone, Debug)]
pub(crate) struct Earlier<'a> {
    pub(crate) kind: ActionKind,
    pub(crate) time: Time,
    /// What it acted on, where that is known here.
    pub(crate) target: Option<&'a str>,
}

/// What is unusual in a proposal, one sentence each.
pub(crate) fn unusual(this: &Earlier<'_>, agent: &str, before: &[Earlier<'_>]) -> Vec<String> {
    if before.is_empty() {
        return vec![format!("It is the first that {agent} proposes.")];
    }
    let mut words = Vec::new();
    if before.iter().all(|earlier| earlier.kind != this.kind) {
        let kind = this.kind.as_str();
        words.push(format!("{agent} has never proposed a {kind} before."));
    }
    let known: Vec<&str> = before.iter().filter_map(|earlier| earlier.target).collect();
    if let Some(target) = this.target
        && !known.is_empty()
        && !known.contains(&target)
    {
        words.push(format!(
            "{agent} has not acted on this before, in the last {} that this computer looked at.",
            known.len()
        ));
    }
    if is_odd_hour(this.time, before) {
        words.push(format!(
            "{agent} has never proposed anything within an hour of this time of day, in {} times.",
            before.len()
        ));
    }
    let in_the_hour = before
        .iter()
        .filter(|earlier| earlier.time.distance_ms(this.time) < HOUR_MS)
        .count();
    if in_the_hour >= MANY {
        words.push(format!(
            "{agent} proposed {in_the_hour} others in the hour before."
        ));
    }
    words
}

fn is_odd_hour(now: Time, before: &[Earlier<'_>]) -> bool {
    let of_day = |time: Time| time.unix_ms() % DAY_MS;
    let apart = |one: u64, other: u64| {
        let apart = one.abs_diff(other);
        apart.min(DAY_MS - apart)
    };
    let mut days: Vec<u64> = before
        .iter()
        .map(|earlier| earlier.time.unix_ms() / DAY_MS)
        .collect();
    days.sort_unstable();
    days.dedup();
    before.len() >= ENOUGH
        && days.len() >= DAYS
        && before
            .iter()
            .all(|earlier| apart(of_day(earlier.time), of_day(now)) > HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_NINE: u64 = 20_000 * DAY_MS + 9 * HOUR_MS;

    fn at<'a>(ms: u64, target: &'a str) -> Earlier<'a> {
        Earlier {
            kind: ActionKind::Sql,
            time: Time::from_unix_ms(ms),
            target: Some(target),
        }
    }

    /// Once a day at nine.
    fn days(count: u64) -> Vec<Earlier<'static>> {
        (0..count)
            .map(|day| at(AT_NINE + day * DAY_MS, "shop"))
            .collect()
    }

    fn told(this: &Earlier<'_>, before: &[Earlier<'_>]) -> String {
        unusual(this, "nightly", before).join(" ")
    }

    #[test]
    fn the_usual_is_not_told() {
        assert_eq!(told(&at(AT_NINE + 30 * DAY_MS, "shop"), &days(30)), "");
        assert_eq!(
            told(&at(AT_NINE, "shop"), &[]),
            "It is the first that nightly proposes."
        );
    }

    #[test]
    fn a_kind_and_a_target_are_new_once() {
        let mut before = days(3);
        let this = Earlier {
            kind: ActionKind::Command,
            ..at(AT_NINE + 30 * DAY_MS, "host")
        };
        let words = told(&this, &before);
        assert!(words.contains("never proposed a command before"), "{words}");
        assert!(words.contains("in the last 3 that"), "{words}");
        before.push(this.clone());
        assert_eq!(told(&this, &before), "");
        // What is not known here is not told of.
        before.iter_mut().for_each(|one| one.target = None);
        assert_eq!(told(&this, &before), "");
    }

    #[test]
    fn an_hour_is_odd_once_there_is_something_to_compare() {
        let odd = |this: u64, before: &[Earlier<'_>]| {
            told(&at(this, "shop"), before).contains("time of day")
        };
        let night = AT_NINE + 40 * DAY_MS + 16 * HOUR_MS;
        assert!(odd(night, &days(20)));
        assert!(!odd(night, &days(19)));
        assert!(!odd(AT_NINE + 40 * DAY_MS + HOUR_MS, &days(20)));
        assert!(odd(AT_NINE + 40 * DAY_MS + HOUR_MS + 1, &days(20)));
        // Midnight is near midnight.
        let late: Vec<_> = (0..20)
            .map(|day| at(20_000 * DAY_MS + day * DAY_MS - 60_000, "shop"))
            .collect();
        assert!(!odd(20_100 * DAY_MS + 60_000, &late));
        // All on one day say nothing of days.
        let once: Vec<_> = (0..30).map(|n| at(AT_NINE + n * 1000, "shop")).collect();
        assert!(!odd(night, &once));
    }

    #[test]
    fn many_in_an_hour_are_told() {
        let now = AT_NINE + 40 * DAY_MS;
        let before = |count: u64, apart: u64| -> Vec<Earlier<'static>> {
            (1..=count).map(|n| at(now - n * apart, "shop")).collect()
        };
        let words = told(&at(now, "shop"), &before(12, 60_000));
        assert_eq!(words, "nightly proposed 12 others in the hour before.");
        assert_eq!(told(&at(now, "shop"), &before(9, 60_000)), "");
        assert_eq!(told(&at(now, "shop"), &before(12, HOUR_MS / 9)), "");
    }
}
