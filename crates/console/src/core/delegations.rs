//! Delegations: lending groups to a colleague while one is away, and taking them
//! back.

use vidimus_protocol::envelope::{ActType, DelegationItem, DelegationRevocationItem};
use vidimus_protocol::id::ReviewerId;
use vidimus_protocol::state::{ActionState, Delegation, LONGEST_DELEGATION_S};
use vidimus_protocol::{DelegationId, State, Violation};

use super::{Core, now};
use crate::act::{item, random, sentence};
use crate::inbox::reviewer_name;
use crate::render::time_words;
use crate::safe_text;
use crate::view::{DelegationView, Problem};

impl Core {
    /// What lends groups of this reviewer's.
    pub(super) fn delegate(
        &self,
        to: &str,
        groups: &[String],
        hours: u32,
    ) -> Result<(ActType, String, String), Problem> {
        let state = self.base()?.state();
        let me = self.reviewer().ok_or_else(super::acts::not_synced)?;
        let to = self.person(to)?.id;
        let now = now();
        let seconds = u64::from(hours) * 3600;
        // The gateway's clock may be behind this one.
        if seconds >= LONGEST_DELEGATION_S {
            let most = LONGEST_DELEGATION_S / 3600 / 24;
            return Err(wrong(&format!("a delegation lasts less than {most} days")));
        }
        let mut groups = groups.to_vec();
        groups.sort_unstable();
        groups.dedup();
        let signed = DelegationItem {
            delegation: DelegationId::from_random(random()),
            groups,
            to,
            until: now.plus_seconds(seconds),
        };
        state
            .may_delegate(&signed, me, now)
            .map_err(|why| refused(&why))?;
        let words = format!(
            "{} decides for {} in my place, until {}.",
            reviewer_name(state, to),
            signed.groups.join(", "),
            time_words(signed.until)
        );
        Ok((ActType::DelegationGiven, item(&signed), words))
    }

    /// What ends a delegation.
    pub(super) fn end_delegation(&self, id: &str) -> Result<(ActType, String, String), Problem> {
        let state = self.base()?.state();
        let me = self.reviewer().ok_or_else(super::acts::not_synced)?;
        let id = id.parse::<DelegationId>().ok();
        let lent = id.and_then(|id| state.delegation(&id)).ok_or_else(|| {
            Problem::new(
                "unknown_delegation",
                "There is no such delegation in this log.",
                "Look at the list of people again.",
            )
        })?;
        if lent.revoked.is_some() {
            return Err(Problem::new(
                "overtaken",
                "This delegation was ended already.",
                "Look at the list of people again.",
            ));
        }
        state
            .may_revoke_delegation(lent, me)
            .map_err(|why| refused(&why))?;
        let words = format!(
            "{} no longer decides for {} in the place of {}.",
            reviewer_name(state, lent.item.to),
            lent.item.groups.join(", "),
            reviewer_name(state, lent.by)
        );
        let signed = item(&DelegationRevocationItem {
            delegation: lent.item.delegation,
            given: lent.entry.leaf,
        });
        Ok((ActType::DelegationRevoked, signed, words))
    }

    /// The delegations that stand and are this reviewer's, or for them.
    pub(super) fn own_delegations(&self) -> Vec<DelegationView> {
        let (Ok(base), Some(me)) = (self.base(), self.reviewer()) else {
            return Vec::new();
        };
        let mut standing = standing(base.state(), Some(me));
        standing.retain(|view| view.by_me || view.to_me);
        standing
    }
}

/// The delegations that stand, in order, as `me` sees them.
pub(super) fn standing(state: &State, me: Option<ReviewerId>) -> Vec<DelegationView> {
    let now = now();
    let lent = state.delegations();
    let mut lent: Vec<&Delegation> = lent.filter(|lent| state.lends(lent, now).is_ok()).collect();
    lent.sort_unstable_by_key(|lent| lent.entry.index);
    let view = |lent: &Delegation| DelegationView {
        id: lent.item.delegation.to_string(),
        by: lent.by.to_string(),
        by_name: reviewer_name(state, lent.by),
        by_me: me == Some(lent.by),
        to: lent.item.to.to_string(),
        to_name: reviewer_name(state, lent.item.to),
        to_me: me == Some(lent.item.to),
        groups: lent.item.groups.clone(),
        until_unix_ms: lent.item.until.unix_ms(),
        may_end: me.is_some_and(|me| state.may_revoke_delegation(lent, me).is_ok()),
    };
    lent.into_iter().map(view).collect()
}

/// A person and the groups that they count for among those that are asked for;
/// what is lent to them says so.
pub(super) fn seat(
    state: &State,
    action: &ActionState,
    (person, groups): &(ReviewerId, Vec<String>),
) -> String {
    let name = reviewer_name(state, *person);
    let own = state.reviewer(person);
    let asked = (action.evaluation.groups.iter()).map(|demand| &demand.group);
    let counts = asked.filter(|group| groups.contains(group));
    let words = counts.map(|group| match own.is_some_and(|own| own.has(group)) {
        true => group.clone(),
        false => format!("{group}, lent to them"),
    });
    let words: Vec<String> = words.map(|group| safe_text::flat(&group)).collect();
    match words.as_slice() {
        [] => name,
        groups => format!("{name} ({})", groups.join(", ")),
    }
}

fn refused(why: &Violation) -> Problem {
    let hint = match why {
        Violation::DelegatedAlready => "End that delegation first, or choose the same person.",
        Violation::NotAllowed => "Ask an administrator.",
        Violation::UnknownReviewer => "Choose somebody else.",
        _ => "Correct it, then try again.",
    };
    Problem::new("bad_delegation", sentence(&why.to_string()), hint)
}

fn wrong(why: &str) -> Problem {
    Problem::new(
        "bad_delegation",
        sentence(why),
        "Correct it, then try again.",
    )
}
