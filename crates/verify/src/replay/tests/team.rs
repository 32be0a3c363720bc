//! A team's log: what people do about each other, and each lie about it.

use vidimus_protocol::envelope::{Revocation, Role};

use super::*;
use crate::testkit::Member;

/// Everything that a team does, once.
pub(super) fn story() -> Story {
    // One of both is in `other`, the other's key signs next.
    let (mut story, mut other) = Story::team(1, Algorithm::Es256);
    let approved = story.propose();
    story.approve(approved);
    let draft = story.recognition(approved);
    story.write(draft);
    story.redeem(approved);
    story.complete(approved);
    // Ben enrols a further key and admits it with the one he has.
    let mut further = story.further_key(Algorithm::EdDsa);
    story.enrol(&mut further);
    let draft = story.admission(&further);
    story.write(draft);
    let draft = story.revocation(&further, Revocation::Lost);
    story.write(draft);
    // Ada takes Cleo in, and leaves her half of the work.
    story.swap(&mut other);
    let mut cleo = story.newcomer("Cleo", Algorithm::Rs256);
    story.join(&mut cleo);
    let draft = story.reviewer_change(&cleo, &[Role::Administrator], &["security", "sre"]);
    story.write(draft);
    let draft = story.rules(true, 365, 1);
    story.write(draft);
    story.swap(&mut other);
    story.run();
    let denied = story.propose();
    story.deny(denied);
    // What it asks for is edited, and decided by somebody else.
    let asked = story.propose();
    let edited = story.replace(asked, &crate::testkit::sample_action(99));
    story.swap(&mut other);
    let mut dora = story.newcomer("Dora", Algorithm::EdDsa);
    story.join(&mut dora);
    story.swap(&mut dora);
    story.approve(edited);
    story.redeem(edited);
    story.complete(edited);
    story.swap(&mut dora);
    let draft = story.removal(&dora);
    story.write(draft);
    story.swap(&mut other);
    // It is paused twice, of which one is lifted.
    let waits = story.propose();
    let draft = story.pause(None);
    let paused = story.write(draft);
    let draft = story.withdrawal_by(waits, paused);
    story.write(draft);
    story.swap(&mut other);
    let draft = story.pause("nightly-42".parse().ok());
    let of_a_run = story.write(draft);
    let draft = story.resumption(of_a_run);
    story.write(draft);
    let draft = story.agent_revocation();
    story.write(draft);
    let draft = story.removal(&other);
    story.write(draft);
    story
}

#[test]
fn a_good_log_passes() {
    let story = story();
    let replayed = replay(story.leaves()).unwrap();
    assert_eq!(replayed.upgrade(), None);
    let mut roles: Vec<_> = replayed
        .state()
        .reviewers()
        .map(|person| (person.name.as_str(), person.removed, person.roles.clone()))
        .collect();
    roles.sort();
    assert_eq!(
        roles,
        [
            ("Ada", false, vec![Role::Administrator, Role::Reviewer]),
            ("Ben", true, vec![Role::Reviewer]),
            ("Cleo", false, vec![Role::Administrator]),
            ("Dora", true, vec![Role::Reviewer]),
        ]
    );
}

/// Tells a story with one forged entry at its end. Ben's key signs next, Ada's
/// is given.
type Forgery = fn(&mut Story, &mut Member) -> Draft;
type Is = fn(&ReplayError) -> bool;

/// What the gateway can sign: a key of its own.
fn made_up(story: &mut Story) -> Member {
    story.newcomer("Mallory", Algorithm::Es256)
}

/// An assertion by a key that the gateway has, in the name of somebody else.
fn signed_by(story: &mut Story, mut key: Member, tell: impl FnOnce(&mut Story) -> Draft) -> Draft {
    std::mem::swap(&mut story.key, &mut key.key);
    let draft = tell(story);
    std::mem::swap(&mut story.key, &mut key.key);
    draft
}

/// What a reviewer makes of a proposal.
fn other_action() -> vidimus_protocol::action::Action {
    crate::testkit::sample_action(99)
}

fn is_a_wrong_signature(error: &ReplayError) -> bool {
    *error == ReplayError::Act(ActError::Assertion(AssertionError::Signature))
}

const FORGERIES: &[(&str, Forgery, Is)] = &[
    (
        "the gateway registers a person with a key of its own",
        |story, _| {
            let mut mallory = made_up(story);
            story.enrol(&mut mallory);
            story.swap(&mut mallory);
            let mut eve = made_up(story);
            story.enrol(&mut eve);
            story.reviewer_registration(&eve)
        },
        |error| violates(error, Violation::NotAdmitted),
    ),
    (
        "the gateway registers a person in the administrator's name",
        |story, ada| {
            let mut mallory = made_up(story);
            story.enrol(&mut mallory);
            story.swap(ada);
            let key = made_up(story);
            signed_by(story, key, |story| story.reviewer_registration(&mallory))
        },
        is_a_wrong_signature,
    ),
    (
        "the gateway enrols a second founder's key",
        |story, ada| {
            story.swap(ada);
            let mut further = story.further_key(Algorithm::Es256);
            story.enrol(&mut further);
            story.swap(&mut further);
            story.admission_of_own()
        },
        |error| violates(error, Violation::NotAdmitted),
    ),
    (
        "the gateway admits a key in the person's name",
        |story, _| {
            let mut further = story.further_key(Algorithm::Es256);
            story.enrol(&mut further);
            let key = made_up(story);
            signed_by(story, key, |story| story.admission(&further))
        },
        is_a_wrong_signature,
    ),
    (
        "the gateway gives a person another group",
        |story, ada| {
            story.swap(ada);
            let key = made_up(story);
            let ben = std::mem::replace(ada, made_up(story));
            signed_by(story, key, |story| {
                story.reviewer_change(&ben, &[Role::Administrator], &["security"])
            })
        },
        is_a_wrong_signature,
    ),
    (
        "the gateway loosens the rules",
        |story, ada| {
            story.swap(ada);
            let key = made_up(story);
            signed_by(story, key, |story| story.rules(false, 0, 1))
        },
        is_a_wrong_signature,
    ),
    (
        "a reviewer loosens the rules",
        |story, _| story.rules(false, 0, 1),
        |error| violates(error, Violation::NotAllowed),
    ),
    (
        "the gateway changes a group in a signed registration",
        |story, ada| {
            let mut cleo = story.newcomer("Cleo", Algorithm::Es256);
            story.enrol(&mut cleo);
            story.swap(ada);
            let mut draft = story.reviewer_registration(&cleo);
            let Data::ReviewerRegistered(data) = &mut draft.leaf.data else {
                unreachable!("it registers");
            };
            data.signed.item.groups = vec!["security".into()];
            draft
        },
        |error| matches!(error, ReplayError::Act(ActError::Item(_))),
    ),
    (
        "the gateway edits in the reviewer's name",
        |story, _| {
            let action = story.propose();
            let key = made_up(story);
            signed_by(story, key, |story| story.edit(action, &other_action()).0)
        },
        is_a_wrong_signature,
    ),
    (
        "the gateway proposes another payload than the edit names",
        |story, _| {
            let action = story.propose();
            let (draft, mut successor) = story.edit(action, &other_action());
            story.write(draft);
            let (_, other) = story.edit(action, &crate::testkit::sample_action(7));
            let signed = successor.action;
            successor = other;
            successor.action = signed;
            story.succession(action, &successor)
        },
        |error| violates(error, Violation::UnfoundedEdit),
    ),
    (
        "the gateway names another successor in a signed edit",
        |story, _| {
            let action = story.propose();
            let (mut draft, _) = story.edit(action, &other_action());
            let Data::ActionEdited(data) = &mut draft.leaf.data else {
                unreachable!("it edits");
            };
            data.signed.item.edited = ActionId::from_random([9; 16]);
            draft
        },
        |error| matches!(error, ReplayError::Act(ActError::Item(_))),
    ),
    (
        "who edited it approves it",
        |story, _| {
            let action = story.propose();
            let edited = story.replace(action, &other_action());
            story.verdict(edited, Verdict::Approve, "")
        },
        |error| violates(error, Violation::OwnEdit),
    ),
    (
        "the owner edits what his agent proposes",
        |story, ada| {
            let action = story.propose();
            story.swap(ada);
            story.edit(action, &other_action()).0
        },
        |error| violates(error, Violation::OwnAction),
    ),
    (
        "an approval of what was edited counts for what came of it",
        |story, ada| {
            // Cleo approves, Ben edits, and the gateway says that it is approved.
            let action = story.propose();
            story.swap(ada);
            let mut cleo = story.newcomer("Cleo", Algorithm::Es256);
            story.join(&mut cleo);
            story.swap(&mut cleo);
            let draft = story.verdict(action, Verdict::Approve, "");
            story.write(draft);
            story.swap(&mut cleo);
            story.swap(ada);
            let edited = story.replace(action, &other_action());
            story.resolution(edited, Resolution::Approved)
        },
        |error| violates(error, Violation::NoQuorum),
    ),
    (
        "the gateway supersedes what nobody edited",
        |story, _| {
            let action = story.propose();
            story.resolution(action, Resolution::Superseded)
        },
        |error| violates(error, Violation::UnfoundedResolution),
    ),
    (
        "the gateway lifts a pause in the reviewer's name",
        |story, _| {
            let draft = story.pause(None);
            let paused = story.write(draft);
            let key = made_up(story);
            signed_by(story, key, |story| story.resumption(paused))
        },
        is_a_wrong_signature,
    ),
    (
        "the owner lifts the reviewer's pause",
        |story, ada| {
            let draft = story.pause(None);
            let paused = story.write(draft);
            story.swap(ada);
            story.resumption(paused)
        },
        |error| violates(error, Violation::NotTheirPause),
    ),
    (
        "the gateway makes of a whole agent's pause that of a run",
        |story, _| {
            let mut draft = story.pause(None);
            let Data::AgentPaused(data) = &mut draft.leaf.data else {
                unreachable!("it pauses");
            };
            data.signed.item.run = "another".parse().ok();
            draft
        },
        |error| matches!(error, ReplayError::Act(ActError::Item(_))),
    ),
    (
        "the agent redeems what a pause stopped",
        |story, _| {
            let action = story.propose();
            story.approve(action);
            let draft = story.pause(None);
            story.write(draft);
            story.redemption(action)
        },
        |error| violates(error, Violation::StoppedByPause),
    ),
    (
        "the gateway withdraws what nobody paused",
        |story, _| {
            let action = story.propose();
            let draft = story.pause("another".parse().ok());
            let paused = story.write(draft);
            story.withdrawal_by(action, paused)
        },
        |error| violates(error, Violation::WrongActor),
    ),
    (
        "the owner approves what his agent proposes",
        |story, ada| {
            let action = story.propose();
            story.swap(ada);
            story.verdict(action, Verdict::Approve, "")
        },
        |error| violates(error, Violation::OwnAction),
    ),
    (
        "a software key signs in a team",
        |story, _| {
            story.origin = vidimus_protocol::state::software_origin(story.log.id);
            let action = story.propose();
            story.verdict(action, Verdict::Approve, "")
        },
        |error| {
            matches!(
                error,
                ReplayError::Act(ActError::Assertion(AssertionError::ClientData(
                    ClientDataError::Origin(_)
                )))
            )
        },
    ),
    (
        "a key that its owner revoked approves",
        |story, ada| {
            let mut further = story.further_key(Algorithm::Es256);
            story.enrol(&mut further);
            let draft = story.admission(&further);
            story.write(draft);
            let draft = story.revocation(&further, Revocation::Stolen);
            story.write(draft);
            let action = story.propose();
            story.swap(&mut further);
            *ada = further;
            story.verdict(action, Verdict::Approve, "")
        },
        |error| violates(error, Violation::KeyRevoked),
    ),
    (
        "a registration is said to be backed up that is not",
        |story, _| {
            let mut cleo = story.newcomer("Cleo", Algorithm::Es256);
            story.swap(&mut cleo);
            let mut draft = story.enrolment();
            let Data::CredentialEnrolled(data) = &mut draft.leaf.data else {
                unreachable!("it enrols");
            };
            data.signed.item.backup_eligible = true;
            draft
        },
        |error| *error == ReplayError::Enrolment(EnrolmentError::OtherKey),
    ),
    (
        "an envelope of one type is used as another",
        |story, ada| {
            story.swap(ada);
            let ben = std::mem::replace(ada, made_up(story));
            let mut draft = story.removal(&ben);
            let Data::ReviewerRemoved(data) = &mut draft.leaf.data else {
                unreachable!("it removes");
            };
            data.signed.envelope.r#type = ActType::ReviewerChanged;
            draft
        },
        |error| {
            matches!(
                error,
                ReplayError::Act(ActError::Assertion(AssertionError::ClientData(
                    ClientDataError::Challenge
                )))
            )
        },
    ),
    (
        "an envelope is relayed to a second gateway",
        |story, ada| {
            story.swap(ada);
            let own = std::mem::replace(&mut story.log.id, Digest([9; 32]));
            let draft = story.rules(false, 0, 1);
            story.log.id = own;
            draft
        },
        |error| violates(error, Violation::OtherLog),
    ),
];

#[test]
fn each_forgery_is_caught_at_its_entry_and_by_name() {
    for (what, tell, is) in FORGERIES {
        let (mut story, mut ada) = Story::team(1, Algorithm::Es256);
        let draft = tell(&mut story, &mut ada);
        let at = story.size();
        story.write(draft);
        let (index, error) = replay(story.leaves()).expect_err(what);
        assert!(is(&error), "{what}: {error:?}");
        assert_eq!(index, at, "{what}");
    }
}

/// Two of three administrators replace the keys of the third, one does not.
#[test]
fn administrators_recover_a_lost_key_together() {
    let mut story = Story::team_of_one(1, Algorithm::Es256);
    let mut others: Vec<Member> = ["Ben", "Cleo"]
        .into_iter()
        .map(|name| story.newcomer(name, Algorithm::EdDsa))
        .collect();
    for member in &mut others {
        story.join(member);
        let draft = story.reviewer_change(member, &[Role::Administrator, Role::Reviewer], &[]);
        story.write(draft);
    }
    let mut fresh = story.further_key(Algorithm::Es256);
    story.enrol(&mut fresh);
    for (member, counts) in others.iter_mut().zip([false, true]) {
        story.swap(member);
        let draft = story.admission(&fresh);
        story.write(draft);
        story.swap(member);
        let replayed = replay(story.leaves()).unwrap();
        let state = replayed.state();
        let key = state.credential(&fresh.credential_id).unwrap();
        assert_eq!(
            state.counts(key, story.now).is_ok(),
            counts,
            "{}",
            member.name
        );
    }
}
