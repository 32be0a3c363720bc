//! What waits out its grace time, and what is taken back.
#![allow(clippy::unwrap_used)]

use super::story::{Story, TTL_S, action, agent, ben, cleo, grant, permit};
use super::violations::policy::under_policy;
use crate::entry::{Data, Evaluation, Leaf, Resolution};
use crate::envelope::{Role, Verdict};
use crate::state::{Due, Effect};
use crate::time::Time;

/// Half as long again as a proposal waits.
const GRACE_S: u64 = TTL_S + TTL_S / 2;

fn asking(mut leaf: Leaf, change: impl FnOnce(&mut Evaluation)) -> Leaf {
    if let Data::ActionProposed(data) = &mut leaf.data {
        data.evaluation.grace_s = GRACE_S;
        data.evaluation.standing = true;
        change(&mut data.evaluation);
    }
    leaf
}

/// What waits for people, with a grace time.
fn proposed(change: impl FnOnce(&mut Evaluation)) -> Story {
    let mut story = under_policy();
    story.joins(cleo(), &[Role::Reviewer]);
    let leaf = asking(story.proposed(action(0)), change);
    story.take(leaf);
    story
}

fn decide(story: &mut Story, person: super::story::Person, verdict: Verdict) -> Option<Effect> {
    story.person = person;
    let leaf = story.verdict(action(0), verdict);
    story.take(leaf)
}

fn starts_at(story: &Story) -> Option<Time> {
    let known = story.state.action(&action(0)).unwrap();
    story.state.starts_at(known, story.now)
}

/// What is due now, which has to be what was said to be due first.
fn due(story: &Story) -> Vec<Due> {
    let due = story.state.due(story.now);
    let next = story.state.next_due(story.now);
    assert_eq!(due.is_empty(), next.is_none_or(|next| story.now < next));
    due
}

#[test]
fn what_has_its_quorum_waits_and_then_runs() {
    let mut story = proposed(|_| {});
    assert_eq!(starts_at(&story), None);
    story.later(1);
    assert_eq!(decide(&mut story, ben(), Verdict::Approve), None);
    let at = story.now.plus_seconds(GRACE_S);
    assert_eq!(starts_at(&story), Some(at));
    assert_eq!(story.state.next_due(story.now), Some(at));
    // Neither is it over at its expiry.
    story.later(GRACE_S - 1);
    assert_eq!(due(&story), []);
    story.later(1);
    assert_eq!(due(&story), [Due::Approve(action(0))]);
    let resolved = story.resolved(action(0), Resolution::Approved);
    assert_eq!(story.take(resolved), Some(Effect::IssuePermit(action(0))));
    let issued = story.issued(action(0), permit(0));
    story.take(issued);
    assert_eq!(due(&story), []);
    let redeemed = story.redeemed(action(0));
    story.take(redeemed);
}

#[test]
fn what_needs_no_grace_is_not_watched_for_it() {
    let story = proposed(|asked| asked.grace_s = 0);
    assert!(story.state.graces.is_empty());
}

#[test]
fn anybody_may_still_deny_it_and_whoever_approved_it_too() {
    for person in [cleo(), ben()] {
        let mut story = proposed(|_| {});
        decide(&mut story, ben(), Verdict::Approve);
        // Its expiry waits.
        story.later(GRACE_S - 1);
        let effect = decide(&mut story, person, Verdict::Deny);
        assert_eq!(effect, Some(Effect::Resolve(action(0), Resolution::Denied)));
        let resolved = story.resolved(action(0), Resolution::Denied);
        story.take(resolved);
        assert_eq!(due(&story), []);
    }
}

#[test]
fn what_is_taken_back_is_one_denial_and_no_approval() {
    let mut story = proposed(|asked| {
        asked.quorum = 2;
        asked.veto = Some(2);
        asked.grace_s = 0;
    });
    assert_eq!(decide(&mut story, ben(), Verdict::Approve), None);
    assert_eq!(decide(&mut story, ben(), Verdict::Deny), None);
    let now = story.now;
    let approved = |story: &Story| {
        let known = story.state.action(&action(0)).unwrap();
        story.state.approved_by(known, now).len()
    };
    assert_eq!(approved(&story), 0);
    // So another's is not the second.
    assert_eq!(decide(&mut story, cleo(), Verdict::Approve), None);
    assert_eq!(approved(&story), 1);
    let effect = decide(&mut story, cleo(), Verdict::Deny);
    assert_eq!(effect, Some(Effect::Resolve(action(0), Resolution::Denied)));
}

#[test]
fn what_loses_its_quorum_expires() {
    let mut story = proposed(|_| {});
    decide(&mut story, ben(), Verdict::Approve);
    story.later(TTL_S);
    assert_eq!(due(&story), []);
    story.person = super::story::ada();
    let revoked = story.revoked(ben());
    story.take(revoked);
    assert_eq!(starts_at(&story), None);
    assert_eq!(due(&story), [Due::Expire(action(0))]);
    let expired = story.resolved(action(0), Resolution::Expired);
    story.take(expired);
}

#[test]
fn a_grant_leaves_time_to_stop_it() {
    let mut story = proposed(|_| {});
    story.person = ben();
    let given = story.granted(grant(0), action(0));
    story.take(given);
    let leaf = asking(story.proposed_under(action(1), &[grant(0)]), |_| {});
    assert_eq!(story.take(leaf), None);
    let known = story.state.action(&action(1)).unwrap();
    let at = story.now.plus_seconds(GRACE_S);
    assert_eq!(story.state.starts_at(known, story.now), Some(at));
    let denial = story.verdict(action(1), Verdict::Deny);
    let denied = Some(Effect::Resolve(action(1), Resolution::Denied));
    assert_eq!(story.take(denial), denied);
}

#[test]
fn breaking_glass_does_not_wait() {
    let mut story = proposed(|asked| asked.break_glass = true);
    decide(&mut story, ben(), Verdict::Approve);
    let effect = decide(&mut story, ben(), Verdict::BreakGlass);
    assert_eq!(
        effect,
        Some(Effect::Resolve(action(0), Resolution::Approved))
    );
    let resolved = story.resolved(action(0), Resolution::Approved);
    story.take(resolved);
}

#[test]
fn what_waits_can_be_withdrawn_edited_and_stopped() {
    let approved = || {
        let mut story = proposed(|_| {});
        decide(&mut story, ben(), Verdict::Approve);
        story.later(TTL_S);
        story
    };
    let mut story = approved();
    assert_eq!(story.state.graces.len(), 1);
    let withdrawn = story.resolved(action(0), Resolution::Withdrawn);
    story.take(withdrawn);
    assert!(story.state.graces.is_empty());
    let mut story = approved();
    story.person = cleo();
    let edited = story.edited(action(0), action(1));
    story.take(edited);
    assert_eq!(due(&story), []);
    assert!(story.state.graces.is_empty());
    // What a pause has met does not start: it has expired.
    let mut story = approved();
    let paused = story.paused(None);
    story.take(paused);
    assert_eq!(story.state.to_withdraw(agent(), story.now), []);
    assert_eq!(due(&story), [Due::Expire(action(0))]);
}
