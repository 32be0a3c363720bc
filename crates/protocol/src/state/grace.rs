//! Grace time: what has its quorum waits a while before it may run, so that
//! somebody can still stop it, also one of those who approved it.

use super::{ActionState, State};
use crate::entry::Decision;
use crate::id::ActionId;
use crate::time::Time;

/// Longest grace time, seconds.
pub const LONGEST_GRACE_S: u64 = 3600;

impl State {
    /// While its grace time stands: when an action is approved if nothing comes
    /// between. Nothing of an action that waits for people, and of one that
    /// somebody broke glass for.
    #[must_use]
    pub fn starts_at(&self, action: &ActionState, now: Time) -> Option<Time> {
        let asked = &action.evaluation;
        let waits = asked.grace_s > 0
            && asked.decision == Decision::Ask
            && action.resolved.is_none()
            && action.edit.is_none()
            && !action.vetoed();
        let may_run = || {
            self.working_agent(&action.agent).is_ok()
                && self.unstopped(action).is_ok()
                && self.has_quorum(action, now)
                && !self.glass_is_broken(action, now)
        };
        if !waits || !may_run() {
            return None;
        }
        let newest = self.approvals(action, now).map(|given| given.at).max()?;
        Some(newest.plus_seconds(asked.grace_s))
    }

    /// Whether nobody decided in time. The expiry of what waits out its grace time
    /// waits with it.
    #[must_use]
    pub fn has_expired(&self, action: &ActionState, now: Time) -> bool {
        now >= action.expires_at && self.starts_at(action, now).is_none()
    }

    /// What waits out its grace time, and until when.
    pub(super) fn starting(&self, now: Time) -> impl Iterator<Item = (Time, ActionId)> {
        self.graces.iter().filter_map(move |id| {
            let at = self.starts_at(self.action(id)?, now)?;
            Some((at, *id))
        })
    }
}
