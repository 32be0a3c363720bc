//! What standing grants do.
#![allow(clippy::unwrap_used)]

use super::story::{Story, action, agent, ben, cleo, grant};
use crate::entry::{Data, Kind, Resolution};
use crate::envelope::{Role, Verdict};
use crate::id::ActionId;
use crate::state::{Effect, Violation};

/// A team of which `quorum` must approve, with a grant of Ben's.
fn granted(quorum: u64) -> Story {
    let mut story = Story::team_before(Kind::ActionProposed);
    story.joins(cleo(), &[Role::Reviewer]);
    if quorum > 1 {
        let rules = story.ruled(quorum);
        story.take(rules);
    }
    let like = proposed(&story, action(0), quorum);
    story.take(like);
    story.person = ben();
    let given = story.granted(grant(0), action(0));
    story.take(given);
    story
}

fn proposed(story: &Story, id: ActionId, quorum: u64) -> crate::entry::Leaf {
    asking(story.proposed(id), quorum)
}

fn using(story: &Story, id: ActionId, quorum: u64) -> crate::entry::Leaf {
    asking(story.proposed_under(id, &[grant(0)]), quorum)
}

fn asking(mut leaf: crate::entry::Leaf, quorum: u64) -> crate::entry::Leaf {
    if let Data::ActionProposed(data) = &mut leaf.data {
        data.evaluation.quorum = quorum;
    }
    leaf
}

#[test]
fn a_grant_approves_what_it_covers_and_is_counted() {
    let mut story = granted(1);
    let left = story.state.grant(&grant(0)).unwrap().left();
    let leaf = using(&story, action(1), 1);
    let effect = story.take(leaf);
    assert_eq!(
        effect,
        Some(Effect::Resolve(action(1), Resolution::Approved))
    );
    assert_eq!(story.state.grant(&grant(0)).unwrap().left(), left - 1);
    let resolved = story.resolved(action(1), Resolution::Approved);
    let effect = story.take(resolved);
    assert_eq!(effect, Some(Effect::IssuePermit(action(1))));
    // What it is over waits for people as before.
    assert!(story.state.action(&action(0)).unwrap().resolved.is_none());
}

#[test]
fn a_grant_is_one_of_two_approvals() {
    let mut story = granted(2);
    let leaf = using(&story, action(1), 2);
    assert_eq!(story.take(leaf), None);
    let early = story.resolved(action(1), Resolution::Approved);
    assert_eq!(story.clone().try_take(early), Err(Violation::NoQuorum));
    // Ben's counts already.
    story.person = ben();
    let again = story.verdict(action(1), Verdict::Approve);
    assert_eq!(story.try_take(again), Err(Violation::DecidedAlready));
    story.person = cleo();
    let second = story.verdict(action(1), Verdict::Approve);
    let effect = story.take(second);
    assert_eq!(
        effect,
        Some(Effect::Resolve(action(1), Resolution::Approved))
    );
}

#[test]
fn grants_of_two_people_are_two_approvals() {
    let mut story = granted(2);
    story.person = cleo();
    let hers = story.granted(grant(1), action(0));
    story.take(hers);
    assert_eq!(story.state.grants().count(), 2);
    let leaf = asking(story.proposed_under(action(1), &[grant(0), grant(1)]), 2);
    let effect = story.take(leaf);
    assert_eq!(
        effect,
        Some(Effect::Resolve(action(1), Resolution::Approved))
    );
}

#[test]
fn a_grant_that_says_why_says_it_for_what_it_covers() {
    let mut story = super::violations::policy::under_policy();
    let wanted = |mut leaf: crate::entry::Leaf| {
        if let Data::ActionProposed(data) = &mut leaf.data {
            data.evaluation.standing = true;
            data.evaluation.reason_required = true;
        }
        leaf
    };
    let like = wanted(story.proposed(action(0)));
    story.take(like);
    story.person = ben();
    let given = story.granted(grant(0), action(0));
    story.take(given);
    let leaf = wanted(story.proposed_under(action(1), &[grant(0)]));
    let effect = story.take(leaf);
    assert_eq!(
        effect,
        Some(Effect::Resolve(action(1), Resolution::Approved))
    );
}

#[test]
fn whoever_gave_a_grant_may_still_deny() {
    let mut story = granted(2);
    let leaf = asking(using(&story, action(1), 2), 2);
    story.take(leaf);
    story.person = ben();
    let denial = story.verdict(action(1), Verdict::Deny);
    let effect = story.take(denial);
    assert_eq!(effect, Some(Effect::Resolve(action(1), Resolution::Denied)));
}

#[test]
fn a_denial_takes_back_an_approval_in_advance() {
    // Where two must deny, one denial of two approvals leaves one.
    let mut story = super::violations::policy::under_policy();
    story.joins(cleo(), &[Role::Reviewer]);
    let standing = |mut leaf: crate::entry::Leaf| {
        if let Data::ActionProposed(data) = &mut leaf.data {
            data.evaluation.standing = true;
            data.evaluation.quorum = 2;
            data.evaluation.veto = Some(2);
        }
        leaf
    };
    let like = standing(story.proposed(action(0)));
    story.take(like);
    story.person = ben();
    let given = story.granted(grant(0), action(0));
    story.take(given);
    let leaf = standing(story.proposed_under(action(1), &[grant(0)]));
    story.take(leaf);
    let now = story.now;
    let approved = |story: &Story| {
        let known = story.state.action(&action(1)).unwrap();
        story.state.approved_by(known, now).len()
    };
    assert_eq!(approved(&story), 1);
    let denial = story.verdict(action(1), Verdict::Deny);
    assert_eq!(story.take(denial), None);
    assert_eq!(approved(&story), 0);
    story.person = cleo();
    let second = story.verdict(action(1), Verdict::Approve);
    assert_eq!(story.take(second), None);
}

#[test]
fn a_grant_that_is_revoked_takes_its_approvals_back() {
    let mut story = granted(1);
    let leaf = using(&story, action(1), 1);
    story.take(leaf);
    let resolved = story.resolved(action(1), Resolution::Approved);
    story.take(resolved);
    story.person = cleo();
    let revoked = story.grant_revoked(grant(0));
    story.take(revoked);
    let issued = story.issued(action(1), super::story::permit(1));
    assert_eq!(story.try_take(issued), Err(Violation::NoQuorum));
    assert!(story.state.standing_grants(&agent(), story.now).is_empty());
}

#[test]
fn a_pause_of_one_run_leaves_grants_as_they_are() {
    let mut story = granted(1);
    let pause = story.paused(Some("another".parse().unwrap()));
    story.take(pause);
    assert_eq!(story.state.standing_grants(&agent(), story.now).len(), 1);
    let pause = story.paused(None);
    story.take(pause);
    assert!(story.state.standing_grants(&agent(), story.now).is_empty());
}

#[test]
fn nobody_recognises_a_grant_as_a_verdict() {
    let mut story = granted(2);
    let leaf = using(&story, action(1), 2);
    story.take(leaf);
    story.person = ben();
    let yes = story.recognised(action(1));
    assert_eq!(story.try_take(yes), Err(Violation::WrongStatement));
}
