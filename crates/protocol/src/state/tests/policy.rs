//! Policies: who brings one in force, and what an approval under one needs.

use super::story::{Person, Story, action, ada, ben, ben_again, cleo};
use crate::entry::{Assurance, Data, Decision, Evaluation, FromGroup, Kind, Resolution};
use crate::envelope::{Role, Verdict};
use crate::id::ReviewerId;
use crate::state::policy::groups_are_met;
use crate::state::{Effect, Life, Violation};

fn change(story: &mut Story, person: Person, text: &str) {
    story.person = person;
    let leaf = story.policy_changed(text);
    story.take(leaf);
}

fn in_force(story: &Story) -> Option<usize> {
    story.state.policy().map(|policy| policy.signers.len())
}

/// A team under a policy, with an action that was evaluated like that.
fn proposed(change_it: impl FnOnce(&mut Evaluation)) -> (Story, Option<Effect>) {
    let mut story = Story::team_at_work();
    story.joins(cleo(), &[Role::Reviewer]);
    change(&mut story, ada(), "permit");
    let mut leaf = story.proposed(action(0));
    if let Data::ActionProposed(data) = &mut leaf.data {
        change_it(&mut data.evaluation);
    }
    let effect = story.take(leaf);
    (story, effect)
}

fn decide(story: &mut Story, person: Person, verdict: Verdict) -> Option<Effect> {
    story.person = person;
    let leaf = story.verdict(action(0), verdict);
    story.take(leaf)
}

#[test]
fn the_only_administrator_needs_nobody_else() {
    let mut story = Story::team_at_work();
    change(&mut story, ada(), "permit");
    assert_eq!(in_force(&story), Some(1));
    let first = story.state.policy().expect("in force").entry;
    change(&mut story, ada(), "forbid");
    assert_ne!(story.state.policy().expect("in force").entry, first);
}

#[test]
fn two_administrators_are_needed_where_there_are_several() {
    let mut story = Story::team_at_work();
    story.joins(cleo(), &[Role::Administrator]);
    change(&mut story, ada(), "permit");
    assert_eq!(in_force(&story), None);
    // Words for another policy do not add up.
    change(&mut story, cleo(), "forbid");
    assert_eq!(in_force(&story), None);
    assert_eq!(story.state.policy_words().len(), 2);
    change(&mut story, cleo(), "permit");
    assert_eq!(in_force(&story), Some(2));
    assert!(story.state.policy_words().is_empty());
}

#[test]
fn a_word_of_who_has_left_counts_no_more() {
    let mut story = Story::team_at_work();
    story.joins(cleo(), &[Role::Administrator]);
    change(&mut story, cleo(), "permit");
    story.person = ada();
    let removal = story.person_removed(cleo());
    story.take(removal);
    // Ada is the only one now, and cleo's word is not referred to.
    change(&mut story, ada(), "permit");
    assert_eq!(in_force(&story), Some(1));
}

#[test]
fn two_words_of_one_person_are_one() {
    // With a key that did not count for a while, and with another meanwhile.
    let mut story = Story::team_at_work();
    story.joins(cleo(), &[Role::Administrator]);
    change(&mut story, ada(), "permit");
    let word = story.state.policy_words()[0].clone();
    story.state.policy_words.push(word);
    story.person = ada();
    let again = story.policy_changed("permit");
    assert_eq!(
        story.try_take(again),
        Err(crate::state::Violation::DecidedAlready)
    );
    change(&mut story, cleo(), "permit");
    assert_eq!(in_force(&story), Some(2));
}

#[test]
fn what_is_released_runs_without_a_verdict() {
    let (mut story, effect) = proposed(|asked| {
        asked.decision = Decision::Release;
        asked.quorum = 0;
    });
    let id = action(0);
    assert_eq!(effect, Some(Effect::Resolve(id, Resolution::Released)));
    let leaf = story.resolved(id, Resolution::Released);
    assert_eq!(story.take(leaf), Some(Effect::IssuePermit(id)));
    assert_eq!(
        story.state.action(&id).map(|known| known.life()),
        Some(Life::Approved)
    );
    for kind in [
        Kind::PermitIssued,
        Kind::PermitRedeemed,
        Kind::ActionCompleted,
    ] {
        story.next(kind);
    }
}

#[test]
fn nobody_releases_what_was_asked_for() {
    let (mut story, _) = proposed(|_| {});
    let leaf = story.resolved(action(0), Resolution::Released);
    assert!(story.try_take(leaf).is_err());
}

/// An action that the policy releases, before it is resolved. A gateway writes
/// both in one commit; the log alone does not force it to.
fn to_be_released() -> Story {
    let (story, _) = proposed(|asked| {
        asked.decision = Decision::Release;
        asked.quorum = 0;
    });
    story
}

#[test]
fn what_somebody_denied_is_not_released() {
    let mut story = to_be_released();
    let id = action(0);
    assert_eq!(
        decide(&mut story, ben(), Verdict::Deny),
        Some(Effect::Resolve(id, Resolution::Denied))
    );
    let leaf = story.resolved(id, Resolution::Released);
    assert_eq!(story.try_take(leaf), Err(Violation::UnfoundedResolution));
    let leaf = story.resolved(id, Resolution::Denied);
    story.take(leaf);
}

#[test]
fn what_nobody_was_asked_about_is_not_called_approved() {
    let mut story = to_be_released();
    let id = action(0);
    let leaf = story.resolved(id, Resolution::Approved);
    assert_eq!(story.try_take(leaf), Err(Violation::UnfoundedResolution));
    // An approval that nobody asked for changes nothing of it.
    assert_eq!(
        decide(&mut story, ben(), Verdict::Approve),
        Some(Effect::Resolve(id, Resolution::Released))
    );
}

#[test]
fn a_pause_stops_what_was_released_too() {
    let (mut story, _) = proposed(|asked| {
        asked.decision = Decision::Release;
        asked.quorum = 0;
    });
    story.person = ben();
    let pause = story.paused(None);
    story.take(pause);
    let leaf = story.resolved(action(0), Resolution::Released);
    assert_eq!(story.try_take(leaf), Err(Violation::StoppedByPause));
}

#[test]
fn groups_give_each_their_people() {
    // Ben is in security and sre, Cleo in none.
    let asks = |groups: &[(&str, u64)], quorum| {
        let groups: Vec<_> = groups
            .iter()
            .map(|(group, people)| FromGroup {
                group: (*group).into(),
                people: *people,
            })
            .collect();
        proposed(move |asked| {
            asked.groups = groups;
            asked.quorum = quorum;
        })
        .0
    };
    let id = action(0);
    let mut story = asks(&[("sre", 1)], 1);
    assert_eq!(decide(&mut story, cleo(), Verdict::Approve), None);
    assert_eq!(
        decide(&mut story, ben(), Verdict::Approve),
        Some(Effect::Resolve(id, Resolution::Approved))
    );
    // One person is one person, however many groups they are in.
    let mut story = asks(&[("security", 1), ("sre", 1)], 2);
    assert_eq!(decide(&mut story, ben(), Verdict::Approve), None);
    assert_eq!(decide(&mut story, cleo(), Verdict::Approve), None);
}

#[test]
fn a_veto_may_need_several() {
    let (mut story, _) = proposed(|asked| {
        asked.veto = Some(2);
        asked.quorum = 2;
    });
    let id = action(0);
    assert_eq!(decide(&mut story, ben(), Verdict::Deny), None);
    let denied = story.resolved(id, Resolution::Denied);
    assert!(story.clone().try_take(denied).is_err());
    assert_eq!(
        decide(&mut story, cleo(), Verdict::Deny),
        Some(Effect::Resolve(id, Resolution::Denied))
    );
}

#[test]
fn what_the_policy_asks_of_an_approval_is_no_more() {
    // Ada's key has a model, Ben's cannot leave its device.
    let (mut story, _) = proposed(|asked| {
        asked.assurance = vec![Assurance::DeviceBound];
        asked.reason_required = true;
        asked.separate_s = 1_000_000;
    });
    assert!(decide(&mut story, ben(), Verdict::Approve).is_some());
    // To deny it any key and no reason is enough.
    let (mut story, _) = proposed(|asked| {
        asked.assurance = vec![Assurance::ProvenModel];
        asked.reason_required = true;
    });
    assert!(decide(&mut story, ben_again(), Verdict::Deny).is_some());
}

#[test]
fn what_was_seen_whole_is_approved_and_anything_is_denied() {
    let whole = || proposed(|asked| asked.full_review = true).0;
    assert!(decide(&mut whole(), ben(), Verdict::Approve).is_some());
    let mut story = whole();
    story.person = ben();
    let mut denial = story.verdict(action(0), Verdict::Deny);
    if let Data::VerdictGiven(data) = &mut denial.data {
        data.seen.full = false;
        data.signed.item.seen = data.seen.digest();
    }
    assert!(story.take(denial).is_some());
}

#[test]
fn a_policy_governs_what_was_proposed_under_it_to_its_end() {
    let (mut story, _) = proposed(|_| {});
    let before = story.state.policy().map(|policy| policy.entry);
    change(&mut story, ada(), "forbid");
    let known = story.state.action(&action(0)).expect("proposed");
    assert_eq!(known.policy.as_ref().map(|policy| policy.entry), before);
    assert!(decide(&mut story, ben(), Verdict::Approve).is_some());
}

/// Whether people can be told apart into slots, by trying every order.
fn by_trying(slots: &[usize], people: &[u8]) -> bool {
    let Some((slot, rest)) = slots.split_first() else {
        return true;
    };
    (0..people.len()).any(|at| {
        let mut others = people.to_vec();
        let groups = others.remove(at);
        groups & (1 << slot) != 0 && by_trying(rest, &others)
    })
}

#[test]
fn people_are_assigned_wherever_it_can_be_done() {
    // Up to four people, each in any of three groups; up to four slots.
    let names = ["a", "b", "c"];
    let mut cases = 0;
    for count in 0..=4_u32 {
        for code in 0..8_usize.pow(count) {
            let people: Vec<u8> = (0..count)
                .map(|at| u8::try_from(code / 8_usize.pow(at) % 8).expect("three bits"))
                .collect();
            for wanted in [
                [1, 0, 0],
                [1, 1, 0],
                [1, 1, 1],
                [2, 1, 0],
                [2, 0, 1],
                [2, 2, 0],
                [2, 1, 1],
            ] {
                let seats = seats(&people, &names);
                let asked = Evaluation {
                    groups: names
                        .iter()
                        .zip(wanted)
                        .filter(|(_, people)| *people > 0)
                        .map(|(group, people)| FromGroup {
                            group: (*group).into(),
                            people,
                        })
                        .collect(),
                    ..Evaluation::refusing("p")
                };
                let slots: Vec<usize> = wanted
                    .iter()
                    .enumerate()
                    .flat_map(|(group, people)| vec![group; usize::try_from(*people).expect("few")])
                    .collect();
                let found = groups_are_met(&asked, &seats);
                assert_eq!(
                    found,
                    by_trying(&slots, &people),
                    "{wanted:?} of {people:?}"
                );
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 7 * (1 + 8 + 64 + 512 + 4096));
}

/// As many people, in these groups.
fn seats(people: &[u8], names: &[&str]) -> Vec<(ReviewerId, Vec<String>)> {
    let seat = |(number, groups): (u8, &u8)| {
        let named = names.iter().enumerate();
        let theirs = named.filter(|(at, _)| groups & (1 << at) != 0);
        let groups = theirs.map(|(_, name)| (*name).to_owned()).collect();
        (ReviewerId::from_random([0xa0 + number; 16]), groups)
    };
    (0_u8..).zip(people).map(seat).collect()
}
