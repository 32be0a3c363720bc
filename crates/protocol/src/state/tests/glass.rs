//! What breaking glass does.
#![allow(clippy::unwrap_used)]

use super::story::{Story, action, ben, cleo, dan, permit};
use super::violations::policy::under_policy;
use crate::entry::{Data, FromGroup, Resolution};
use crate::envelope::{Finding, Role, Verdict};
use crate::state::{Effect, Violation};

/// A team that is asked for two people of a group that has none, or in an
/// emergency for one.
fn urgent() -> Story {
    let mut story = under_policy();
    story.joins(cleo(), &[Role::Reviewer]);
    story.joins(dan(), &[Role::Administrator]);
    let mut leaf = story.proposed_urgent(action(0));
    if let Data::ActionProposed(data) = &mut leaf.data {
        data.evaluation.veto = Some(2);
        data.evaluation.groups = vec![FromGroup {
            group: "nobody".into(),
            people: 2,
        }];
    }
    story.take(leaf);
    story.person = ben();
    story
}

fn approved() -> Option<Effect> {
    Some(Effect::Resolve(action(0), Resolution::Approved))
}

fn unreviewed(story: &Story) -> usize {
    story.state.unreviewed().count()
}

#[test]
fn one_person_is_enough_and_a_review_stays_open() {
    let mut story = urgent();
    let leaf = story.verdict(action(0), Verdict::BreakGlass);
    assert_eq!(story.take(leaf), approved());
    let resolved = story.resolved(action(0), Resolution::Approved);
    assert_eq!(story.take(resolved), Some(Effect::IssuePermit(action(0))));
    let issued = story.issued(action(0), permit(0));
    story.take(issued);
    let redeemed = story.redeemed(action(0));
    story.take(redeemed);
    let completed = story.completed(action(0));
    story.take(completed);
    assert_eq!(unreviewed(&story), 1);
    story.person = dan();
    let review = story.reviewed(action(0), Finding::Unjustified);
    assert_eq!(story.take(review), None);
    assert_eq!(unreviewed(&story), 0);
    let known = story.state.action(&action(0)).unwrap();
    let review = known.broken_glass().last().unwrap().review.unwrap();
    assert_eq!(
        (review.by, review.finding),
        (dan().id, Finding::Unjustified)
    );
}

#[test]
fn who_waits_for_others_breaks_glass() {
    let mut story = urgent();
    let leaf = story.verdict(action(0), Verdict::Approve);
    assert_eq!(story.take(leaf), None);
    let leaf = story.verdict(action(0), Verdict::BreakGlass);
    assert_eq!(story.take(leaf), approved());
}

#[test]
fn a_denial_in_between_keeps_it_from_running() {
    // The gateway writes the resolution at once; the log alone does not force it
    // to.
    let mut story = urgent();
    let leaf = story.verdict(action(0), Verdict::BreakGlass);
    story.take(leaf);
    story.person = cleo();
    let denial = story.verdict(action(0), Verdict::Deny);
    assert_eq!(story.take(denial), None);
    let resolved = story.resolved(action(0), Resolution::Approved);
    assert_eq!(story.try_take(resolved), Err(Violation::NoQuorum));
}

#[test]
fn glass_is_whole_again_when_its_key_counts_no_more() {
    let mut story = urgent();
    let leaf = story.verdict(action(0), Verdict::BreakGlass);
    story.take(leaf);
    let revoked = story.revoked(ben());
    story.take(revoked);
    let resolved = story.resolved(action(0), Resolution::Approved);
    assert_eq!(story.try_take(resolved), Err(Violation::NoQuorum));
    // It was broken all the same.
    assert_eq!(unreviewed(&story), 1);
}

#[test]
fn three_wait_for_their_review_and_no_fourth() {
    let mut story = under_policy();
    for number in 0..4 {
        let leaf = story.proposed_urgent(action(number));
        story.take(leaf);
    }
    story.person = ben();
    for number in 0..3 {
        let leaf = story.verdict(action(number), Verdict::BreakGlass);
        story.take(leaf);
    }
    let fourth = story.verdict(action(3), Verdict::BreakGlass);
    let refused = story.clone().try_take(fourth);
    assert_eq!(refused, Err(Violation::TooManyUnreviewed));
    // One that is reviewed makes room; the founder is the only administrator.
    story.person = super::story::ada();
    let review = story.reviewed(action(1), Finding::Justified);
    story.take(review);
    story.person = ben();
    let fourth = story.verdict(action(3), Verdict::BreakGlass);
    story.take(fourth);
    let open = story.state.unreviewed();
    let order: Vec<_> = open.map(|(known, _)| known.id).collect();
    assert_eq!(order, [action(0), action(2), action(3)]);
}
