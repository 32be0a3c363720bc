//! Grace times that are too long, cut short or prolonged, and what was taken back.

use super::super::story::{ben, cleo};
use super::policy::under_policy;
use super::*;
use crate::entry::Evaluation;
use crate::envelope::Role;

/// A proposal under a policy with a grace time that ends behind its expiry.
fn evaluated(story: &mut Story, change: impl FnOnce(&mut Evaluation)) -> Leaf {
    *story = under_policy();
    story.joins(cleo(), &[Role::Reviewer]);
    let mut leaf = story.proposed(action(0));
    if let Data::ActionProposed(data) = &mut leaf.data {
        data.evaluation.grace_s = TTL_S;
        change(&mut data.evaluation);
    }
    leaf
}

/// What Ben approved, so many seconds ago.
fn approved(story: &mut Story, ago: u64, change: impl FnOnce(&mut Evaluation)) {
    let leaf = evaluated(story, change);
    story.take(leaf);
    story.later(1);
    let leaf = story.approved_by(ben());
    story.take(leaf);
    story.later(ago);
}

fn proposed(story: &mut Story, entry: &mut Entry, change: impl FnOnce(&mut Evaluation)) {
    let leaf = evaluated(story, change);
    instead(story, entry, leaf);
}

fn resolved(story: &Story, entry: &mut Entry, resolution: Resolution) {
    let leaf = story.resolved(action(0), resolution);
    instead(story, entry, leaf);
}

cases! { GRACE:
    BadEvaluation, "a grace time where no policy is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.grace_s = 1;
    };
    BadEvaluation, "a grace time of more than an hour", ActionProposed, |story, entry| {
        proposed(story, entry, |asked| asked.grace_s = 3601);
    };
    BadEvaluation, "a grace time of what is released", ActionProposed, |story, entry| {
        proposed(story, entry, |asked| {
            asked.decision = Decision::Release;
            asked.quorum = 0;
        });
    };
    BadEvaluation, "a grace time of what is refused", ActionProposed, |story, entry| {
        proposed(story, entry, |asked| asked.decision = Decision::Refuse);
    };
    GraceStands, "approved a moment too early", ActionResolved, |story, entry| {
        approved(story, TTL_S - 1, |_| {});
        story.now = before(story.now.plus_seconds(1), 1);
        resolved(story, entry, Resolution::Approved);
    };
    GraceStands, "expired while it is waited for", ActionResolved, |story, entry| {
        approved(story, TTL_S - 1, |_| {});
        resolved(story, entry, Resolution::Expired);
    };
    GraceStands, "expired when it is due", ActionResolved, |story, entry| {
        approved(story, TTL_S, |_| {});
        resolved(story, entry, Resolution::Expired);
    };
    ApprovedEnough, "approved by another", VerdictGiven, |story, entry| {
        approved(story, 1, |_| {});
        let leaf = story.approved_by(cleo());
        instead(story, entry, leaf);
    };
    TooLate, "glass broken behind the expiry", VerdictGiven, |story, entry| {
        approved(story, TTL_S - 1, |asked| asked.break_glass = true);
        story.person = cleo();
        let leaf = story.verdict(action(0), Verdict::BreakGlass);
        instead(story, entry, leaf);
    };
    TooLate, "denied behind the expiry when the quorum is lost", VerdictGiven, |story, entry| {
        approved(story, TTL_S - 1, |_| {});
        story.person = super::super::story::ada();
        let leaf = story.revoked(ben());
        story.take(leaf);
        story.person = cleo();
        let leaf = story.verdict(action(0), Verdict::Deny);
        instead(story, entry, leaf);
    };
    DecidedAlready, "approved again after it was taken back", VerdictGiven, |story, entry| {
        approved(story, 1, |asked| asked.veto = Some(2));
        let leaf = story.verdict(action(0), Verdict::Deny);
        story.take(leaf);
        let leaf = story.approved_by(ben());
        instead(story, entry, leaf);
    };
    NoQuorum, "approved after it was taken back", ActionResolved, |story, entry| {
        approved(story, 1, |asked| asked.veto = Some(2));
        let leaf = story.verdict(action(0), Verdict::Deny);
        story.take(leaf);
        story.later(TTL_S - 5);
        resolved(story, entry, Resolution::Approved);
    };
}
