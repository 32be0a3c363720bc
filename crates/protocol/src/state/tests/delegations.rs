//! Delegations: what an approval counts for with groups that were lent.

use super::story::{Story, action, ada, ben, cleo, dan, delegation};
use super::violations::delegations::{SOON_S, by, changed, lent, lent_with, soon_over, wants_sre};
use crate::entry::{Data, Resolution};
use crate::envelope::{Role, Verdict};
use crate::state::{Effect, State};

fn seats(story: &Story) -> Vec<(crate::id::ReviewerId, Vec<String>)> {
    let known = story.state.action(&action(0)).expect("proposed");
    story.state.seats(known, story.now)
}

/// Whether sre is asked for and there: the resolution would be accepted now.
fn is_decided(story: &Story) -> bool {
    let leaf = story.resolved(action(0), Resolution::Approved);
    let entry = story.entry(leaf);
    story.state.clone().apply(&entry).is_ok()
}

fn cleo_approves(story: &mut Story) -> Option<Effect> {
    story.person = cleo();
    let leaf = story.verdict(action(0), Verdict::Approve);
    story.take(leaf)
}

fn propose(story: &mut Story) {
    let leaf = wants_sre(story, action(0));
    story.take(leaf);
}

#[test]
fn who_was_lent_a_group_counts_for_it() {
    let mut story = lent();
    propose(&mut story);
    let resolve = Effect::Resolve(action(0), Resolution::Approved);
    assert_eq!(cleo_approves(&mut story), Some(resolve));
    assert_eq!(seats(&story), [(cleo().id, vec!["sre".to_owned()])]);
    assert!(is_decided(&story));
}

#[test]
fn what_was_approved_in_time_still_counts_when_the_time_is_over() {
    let mut story = lent_with(soon_over);
    propose(&mut story);
    cleo_approves(&mut story);
    story.later(SOON_S);
    let lent = story.state.delegation(&delegation(0)).expect("given");
    assert!(story.state.lends(lent, story.now).is_err());
    assert!(is_decided(&story));
    // Given anew to the same person, the seat is where it was.
    by(&mut story, ben(), |story| {
        story.delegated(delegation(1), cleo(), &["sre"])
    });
    assert!(is_decided(&story));
}

#[test]
fn what_is_approved_when_the_time_is_over_has_no_group() {
    let mut story = lent_with(soon_over);
    propose(&mut story);
    story.later(SOON_S);
    let lent = story.state.delegation(&delegation(0)).expect("given");
    assert_eq!(lent.item.until, story.now);
    assert_eq!(cleo_approves(&mut story), None);
    assert_eq!(seats(&story), [(cleo().id, Vec::new())]);
}

#[test]
fn whoever_decides_themselves_brings_the_group_and_lends_none() {
    let mut story = lent();
    propose(&mut story);
    cleo_approves(&mut story);
    story.person = ben();
    let leaf = story.verdict(action(0), Verdict::Approve);
    story.take(leaf);
    let own = vec!["security".to_owned(), "sre".to_owned()];
    let mut expected = [(ben().id, own), (cleo().id, Vec::new())];
    expected.sort_unstable();
    assert_eq!(seats(&story), expected);
    assert!(is_decided(&story));
}

#[test]
fn a_group_that_came_back_may_be_lent_again() {
    let mut story = lent();
    by(&mut story, ada(), |story| {
        story.delegation_revoked(delegation(0))
    });
    by(&mut story, ben(), |story| {
        story.delegated(delegation(1), dan(), &["security", "sre"])
    });
    propose(&mut story);
    cleo_approves(&mut story);
    assert!(!is_decided(&story));
    story.person = dan();
    let leaf = story.verdict(action(0), Verdict::Approve);
    assert!(story.take(leaf).is_some());
}

#[test]
fn what_a_group_is_told_is_for_those_who_have_it_now() {
    let mut story = lent_with(soon_over);
    let told = |state: &State, now| {
        let people = [ben(), cleo(), dan()];
        people.map(|person| state.told_as(person.id, "sre", now))
    };
    assert_eq!(told(&story.state, story.now), [true, true, false]);
    let over = story.now.plus_seconds(SOON_S);
    assert_eq!(told(&story.state, over), [true, false, false]);
    assert!(!story.state.told_as(cleo().id, "security", story.now));
    by(&mut story, ada(), |story| {
        let mut leaf = story.person_changed(ben());
        if let Data::ReviewerChanged(data) = &mut leaf.data {
            data.signed.item.groups = vec!["security".into()];
        }
        leaf
    });
    assert_eq!(told(&story.state, story.now), [false, false, false]);
}

#[test]
fn the_policy_sees_what_would_count() {
    let mut story = lent();
    propose(&mut story);
    let known = story.state.action(&action(0)).expect("proposed");
    let groups = |story: &Story, person| story.state.groups_for(known, person, story.now);
    assert_eq!(groups(&story, cleo().id), ["sre"]);
    assert!(groups(&story, dan().id).is_empty());
}

#[test]
fn whoever_lends_and_reviews_no_more_lends_nothing() {
    let mut story = lent();
    by(&mut story, ada(), |story| {
        changed(story, ben(), &[Role::Administrator])
    });
    assert!(!story.state.told_as(cleo().id, "sre", story.now));
    let lent = story.state.delegation(&delegation(0)).expect("given");
    assert!(story.state.lends(lent, story.now).is_err());
}

#[test]
fn the_same_person_may_get_more_and_others_lend_what_is_theirs() {
    let mut story = lent();
    by(&mut story, ben(), |story| {
        story.delegated(delegation(1), cleo(), &["security"])
    });
    by(&mut story, ada(), |story| {
        changed(story, ada(), &[Role::Administrator, Role::Reviewer])
    });
    by(&mut story, ada(), |story| {
        story.delegated(delegation(2), dan(), &["sre"])
    });
    propose(&mut story);
    let known = story.state.action(&action(0)).expect("proposed");
    let groups = |person| story.state.groups_for(known, person, story.now);
    assert_eq!(groups(cleo().id), ["security", "sre"]);
    // Hers is the agent.
    assert!(groups(dan().id).is_empty());
}
