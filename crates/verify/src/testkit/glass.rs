//! Broken glass, and what is found of it.

use vidimus_policy::{Inputs, PolicyText};
use vidimus_protocol::ActionId;
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::entry::{Data, VerdictReviewed};
use vidimus_protocol::envelope::{ActType, Finding, ReviewItem, Verdict};

use super::{Draft, Story};

impl Story {
    /// `verdict.given` of who breaks glass, naming what lets them.
    ///
    /// # Panics
    /// When that policy is not right or does not let them.
    pub fn glass_under(&mut self, text: &PolicyText, action: ActionId, inputs: &Inputs) -> Draft {
        let why = "Checkout is down, and nobody else answers.";
        self.verdict_under(text, action, inputs, (Verdict::BreakGlass, why))
    }

    /// `verdict.reviewed` of an action's last verdict.
    pub fn glass_review(&mut self, action: ActionId, finding: Finding) -> Draft {
        self.glass_review_with(action, finding, "The pager was right.", |_| {})
    }

    /// The same with another reason, and a change before it is signed.
    ///
    /// # Panics
    /// When the action has no verdict.
    pub fn glass_review_with(
        &mut self,
        action: ActionId,
        finding: Finding,
        reason: &str,
        change: impl FnOnce(&mut ReviewItem),
    ) -> Draft {
        let verdict = *self.actions[&action].verdicts.last().expect("decided");
        let (content, part) = self.part("reason", TEXT_TYPE, reason.into());
        let item = ReviewItem {
            action,
            finding,
            reason_commit: part.commit,
            verdict: verdict.leaf,
        };
        let signed = self.sign(ActType::VerdictReviewed, item, |_, item| change(item));
        let data = Data::VerdictReviewed(Box::new(VerdictReviewed { signed }));
        let mut draft = self.with_key(verdict, data);
        draft.leaf.parts.push(part);
        draft.parts.push(("reason".into(), content));
        draft
    }
}
