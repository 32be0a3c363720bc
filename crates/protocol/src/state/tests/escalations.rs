//! What escalates, when.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::story::{Story, TTL_S, action, ben};
use super::violations::policy::under_policy;
use crate::entry::{Data, Escalation, Resolution};
use crate::envelope::Verdict;
use crate::state::Due;

/// A proposal that escalates like that.
fn escalating(steps: &[(&str, u64)]) -> Story {
    let mut story = under_policy();
    let mut leaf = story.proposed(action(0));
    if let Data::ActionProposed(data) = &mut leaf.data {
        let step = |(group, after_s): &(&str, u64)| Escalation {
            after_s: *after_s,
            group: (*group).to_owned(),
        };
        data.evaluation.escalate = steps.iter().map(step).collect();
    }
    story.take(leaf);
    story.person = ben();
    story
}

fn to(group: &str) -> Due {
    Due::Escalate(action(0), group.to_owned())
}

#[test]
fn each_group_is_told_once_in_its_time() {
    let mut story = escalating(&[("directors", 30), ("late", TTL_S), ("managers", 10)]);
    let proposed_at = story.now;
    let second = |at| proposed_at.plus_seconds(at);
    assert_eq!(story.state.next_due(story.now), Some(second(10)));
    story.now = second(10);
    assert_eq!(story.state.due(story.now), [to("managers")]);
    story.take(story.escalated(action(0), "managers"));
    assert_eq!(story.state.due(story.now), []);
    assert_eq!(story.state.next_due(story.now), Some(second(30)));
    // Whoever was away meanwhile still tells.
    story.now = second(TTL_S - 1);
    assert_eq!(story.state.due(story.now), [to("directors")]);
    story.take(story.escalated(action(0), "directors"));
    // What comes with the expiry never comes.
    assert_eq!(story.state.next_due(story.now), Some(second(TTL_S)));
    assert_eq!(story.state.due(second(TTL_S)), [Due::Expire(action(0))]);
    let known = story.state.action(&action(0)).unwrap();
    let told: Vec<_> = known
        .escalated
        .iter()
        .map(|told| (told.group.as_str(), told.at))
        .collect();
    assert_eq!(
        told,
        [("managers", second(10)), ("directors", second(TTL_S - 1))]
    );
    // It stands in the list of what waits by its expiry, once.
    assert_eq!(story.state.waiting().count(), 1);
}

#[test]
fn what_was_decided_or_edited_escalates_no_more() {
    let decided = escalating(&[("managers", 10)]);
    let mut edited = decided.clone();
    let mut decided = decided;
    let denial = decided.verdict(action(0), Verdict::Deny);
    decided.take(denial);
    let resolved = decided.resolved(action(0), Resolution::Denied);
    decided.take(resolved);
    let leaf = edited.edited(action(0), action(1));
    edited.take(leaf);
    for story in [decided, edited] {
        assert_eq!(story.state.due(story.now.plus_seconds(20)), []);
        assert_eq!(story.state.next_due(story.now), None);
    }
}

#[test]
fn what_expired_meanwhile_is_told_to_nobody() {
    let story = escalating(&[("managers", 10)]);
    let late = story.now.plus_seconds(TTL_S);
    assert_eq!(story.state.due(late), [Due::Expire(action(0))]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Exactly what is due can be written, and whoever writes it is done.
    #[test]
    fn what_is_due_is_what_is_accepted(
        steps in prop::collection::btree_map("[a-d]", 1..2 * TTL_S, 0..4),
        waits in prop::collection::vec(0..TTL_S * 700, 1..6),
    ) {
        let named: Vec<(&str, u64)> = steps.iter().map(|(group, at)| (group.as_str(), *at)).collect();
        let mut story = escalating(&named);
        let (proposed_at, end) = (story.now, story.now.plus_seconds(TTL_S));
        for wait in waits {
            story.now = crate::time::Time::from_unix_ms(story.now.unix_ms() + wait);
            for group in ["a", "b", "c", "d"] {
                let accepted = story.clone().try_take(story.escalated(action(0), group)).is_ok();
                let due = story.state.due(story.now).contains(&to(group));
                prop_assert_eq!(accepted, due);
                let told = story.state.action(&action(0)).unwrap().escalated.iter()
                    .any(|told| told.group == group);
                let named = steps.get(group).is_some_and(|after| {
                    proposed_at.plus_seconds(*after) <= story.now
                });
                prop_assert_eq!(due, named && !told && story.now < end);
            }
            let due = story.state.due(story.now);
            prop_assert_eq!(due.is_empty(), story.state.next_due(story.now).is_none_or(|at| story.now < at));
            if story.now >= end {
                prop_assert_eq!(due, [Due::Expire(action(0))]);
                break;
            }
            for due in due {
                let Due::Escalate(id, group) = due else { continue };
                story.take(story.escalated(id, &group));
            }
            prop_assert_eq!(story.state.due(story.now), []);
        }
    }
}
