//! What an agent has proposed lately, for policies that look at it.

use std::collections::{HashMap, VecDeque};

use crate::action::ActionKind;
use crate::time::Time;

const HOUR_MS: u64 = 3_600_000;

/// The proposals of an agent in the last hour, and the kinds that it has ever
/// proposed. What a reviewer's edit put in the place of one counts as none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// When, of each kind, the latest last: the times of a log never fall.
    kinds: HashMap<ActionKind, VecDeque<Time>>,
}

impl Recent {
    pub(super) fn note(&mut self, at: Time, kind: ActionKind) {
        self.kinds.entry(kind).or_default().push_back(at);
        for times in self.kinds.values_mut() {
            times.drain(..over(times, at));
        }
    }

    /// Proposals in the hour before `now`, of one kind or of all.
    #[must_use]
    pub fn in_the_hour_before(&self, now: Time, kind: Option<ActionKind>) -> u64 {
        let kinds = self.kinds.iter();
        let kinds = kinds.filter(|(of, _)| kind.is_none_or(|kind| kind == **of));
        let count: usize = kinds.map(|(_, times)| times.len() - over(times, now)).sum();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Whether it has ever proposed one of that kind.
    #[must_use]
    pub fn knows(&self, kind: ActionKind) -> bool {
        self.kinds.contains_key(&kind)
    }
}

/// How many of these are an hour ago and more.
fn over(times: &VecDeque<Time>, now: Time) -> usize {
    times.partition_point(|then| then.distance_ms(now) >= HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_an_hour() {
        let at = |seconds| Time::default().plus_seconds(seconds);
        let mut recent = Recent::default();
        recent.note(at(0), ActionKind::Sql);
        recent.note(at(1800), ActionKind::Json);
        let sql = |recent: &Recent, now| recent.in_the_hour_before(now, Some(ActionKind::Sql));
        assert_eq!(recent.in_the_hour_before(at(3599), None), 2);
        assert_eq!(recent.in_the_hour_before(at(3600), None), 1);
        assert_eq!((sql(&recent, at(3599)), sql(&recent, at(3600))), (1, 0));
        recent.note(at(3600), ActionKind::Json);
        let kept: usize = recent.kinds.values().map(VecDeque::len).sum();
        assert_eq!(kept, 2);
        assert!(recent.knows(ActionKind::Sql) && !recent.knows(ActionKind::Command));
    }

    #[test]
    fn what_is_counted_is_what_was_proposed_however_much_it_is() {
        let at = |ms| Time::from_unix_ms(ms);
        let kinds = [ActionKind::Sql, ActionKind::Json, ActionKind::Command];
        let mut recent = Recent::default();
        let mut naive: Vec<(u64, ActionKind)> = Vec::new();
        // As many in two hours as a token can make that never stops.
        for number in 0..400_000_u64 {
            let (now, kind) = (number * 18, kinds[usize::try_from(number % 3).unwrap_or(0)]);
            recent.note(at(now), kind);
            naive.push((now, kind));
            let all = recent.in_the_hour_before(at(now), None);
            let of_kind = recent.in_the_hour_before(at(now), Some(kind));
            if number % 40_000 == 39_999 {
                let counted = |only: Option<ActionKind>| {
                    let fits = |(then, of): &&(u64, ActionKind)| {
                        now - then < HOUR_MS && only.is_none_or(|only| only == *of)
                    };
                    naive.iter().filter(fits).count() as u64
                };
                assert_eq!((all, of_kind), (counted(None), counted(Some(kind))));
            }
        }
    }
}
