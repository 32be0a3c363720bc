//! Groups that are told of what nobody has decided for a while.
//!
//! It changes nothing of who may decide. A policy that lets a second group decide
//! after a time says so in words of its own.

use super::{ActionState, Due, Effect, State, Violation, expect_actor, expect_parts, expect_refs};
use crate::entry::{Entry, Ref};
use crate::id::{ActionId, Actor};
use crate::time::Time;

/// Most groups of an evaluation that are told.
pub const MAX_ESCALATIONS: usize = 16;

/// A group that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalated {
    /// The group.
    pub group: String,
    /// The `action.escalated`.
    pub entry: Ref,
    /// When.
    pub at: Time,
}

impl State {
    pub(super) fn escalate(
        &mut self,
        entry: &Entry,
        data: &crate::entry::Escalated,
    ) -> Result<Option<Effect>, Violation> {
        let leaf = &entry.leaf;
        expect_actor(leaf, Actor::Gateway)?;
        expect_parts(&leaf.parts, &[])?;
        let action = self.pending(data.action)?;
        expect_refs(leaf, &[action.proposal])?;
        let at = action
            .escalates_at(&data.group)
            .ok_or(Violation::UnfoundedEscalation)?;
        if leaf.time < at {
            return Err(Violation::NotDue);
        }
        if leaf.time >= action.expires_at {
            return Err(Violation::TooLate);
        }
        let escalated = Escalated {
            group: data.group.clone(),
            entry: entry.reference(),
            at: leaf.time,
        };
        self.change(data.action, |action| action.escalated.push(escalated));
        Ok(None)
    }

    /// Whom to tell by `now`: what has expired meanwhile is told to nobody.
    pub(super) fn to_escalate(&self, now: Time) -> impl Iterator<Item = (Time, ActionId, Due)> {
        let steps = self.escalations.iter();
        let steps = steps.take_while(move |(at, ..)| *at <= now);
        steps.filter_map(move |(at, id, group)| {
            let waits = now < self.action(id)?.expires_at;
            waits.then(|| (*at, *id, Due::Escalate(*id, group.clone())))
        })
    }
}

impl ActionState {
    /// When that group is to be told, unless it was.
    fn escalates_at(&self, group: &str) -> Option<Time> {
        if self.escalated.iter().any(|told| told.group == group) {
            return None;
        }
        let mut steps = self.evaluation.escalate.iter();
        let step = steps.find(|step| step.group == group)?;
        Some(self.proposed_at.plus_seconds(step.after_s))
    }

    /// The groups that will be told if it waits so long, and when.
    pub(super) fn open_escalations(&self) -> Vec<(Time, ActionId, String)> {
        if self.resolved.is_some() || self.edit.is_some() {
            return Vec::new();
        }
        let steps = self.evaluation.escalate.iter();
        let steps = steps.filter_map(|step| {
            let at = self.escalates_at(&step.group)?;
            // What would come too late never comes.
            (at < self.expires_at).then(|| (at, self.id, step.group.clone()))
        });
        steps.collect()
    }
}
