//! What an agent has proposed lately, for policies that look at it.

use std::collections::VecDeque;

use crate::action::ActionKind;
use crate::time::Time;

const HOUR_MS: u64 = 3_600_000;

/// The proposals of an agent in the last hour, and the kinds that it has ever
/// proposed. What a reviewer's edit put in the place of one counts as none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    hour: VecDeque<(Time, ActionKind)>,
    kinds: Vec<ActionKind>,
}

impl Recent {
    pub(super) fn note(&mut self, at: Time, kind: ActionKind) {
        let over = |(then, _): &&(Time, ActionKind)| then.distance_ms(at) >= HOUR_MS;
        let over = self.hour.iter().take_while(over).count();
        self.hour.drain(..over);
        self.hour.push_back((at, kind));
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    /// Proposals in the hour before `now`, of one kind or of all.
    #[must_use]
    pub fn in_the_hour_before(&self, now: Time, kind: Option<ActionKind>) -> u64 {
        let recent = |(at, of): &&(Time, ActionKind)| {
            at.distance_ms(now) < HOUR_MS && kind.is_none_or(|kind| kind == *of)
        };
        let count = self.hour.iter().filter(recent).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// Whether it has ever proposed one of that kind.
    #[must_use]
    pub fn knows(&self, kind: ActionKind) -> bool {
        self.kinds.contains(&kind)
    }
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
        assert_eq!(recent.hour.len(), 2);
        assert!(recent.knows(ActionKind::Sql) && !recent.knows(ActionKind::Command));
    }
}
