//! Every rule of the reducer, broken once by an entry that is right otherwise.
//! The cases stand in tables by subject.

use std::collections::BTreeSet;

use super::story::{PERMIT_S, Story, TTL_S, USE_S, action, agent, part, permit, stranger};
use crate::action::{ActionKind, CONTEXT_TYPE, MAX_PAYLOAD, PAYLOAD_TYPE};
use crate::bytes::{Blob, Digest};
use crate::entry::{Data, Decision, Entry, Kind, Leaf, Outcome, Ref, Resolution};
use crate::envelope::{ActType, Decimal, Envelope, Seen, SeenPart, Signed, Verdict};
use crate::id::{ActionId, Actor, AgentId, ExecutorId};
use crate::state::{State, Violation};
use crate::time::Time;

macro_rules! names {
    ($($name:ident,)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn name(violation: Violation) -> &'static str {
            match violation { $(Violation::$name { .. } => stringify!($name),)* }
        }
    };
}

names! {
    Order, TimeRunsBackwards, NotOpened, BadOpening, WrongActor, WrongReferences, WrongParts,
    WrongActType, OtherLog, Skew, EnvelopeExpired, ItemCount, StalePin, PinBeyond, NonceReused,
    UnknownCredential, ForeignCredential, NotTheFoundersKey, AgentExists, BadName, UnknownAgent,
    ActionExists, UnknownAction, BadEvaluation, WrongProposal, WrongReason, WrongSeen, NotSeenInFull, NotTheOwner,
    DecidedAlready, TooLate, NotPending, UnfoundedResolution, NoQuorum, NotApproved, PermitExists,
    BadPermit, NoSuchPermit, NotDue, NotRunning, UnknownReviewer, TooManyNotes, TakenAlready,
    NoSuchQuestion, WrongOutcome, NotItsOwnKey, NotAdmitted, KeyRevoked, KeyTooOld,
    NotDeviceBound, ModelNotAllowed, WrongStatement, NotAllowed, TeamOnly, ReviewerExists, OwnRecord,
    LastAdministrator, BadRoles, BadRules, AgentIsRevoked, OwnAction, NotHisVerdict,
    AgentIsPaused, StoppedByPause, PausedAlready, NotTheirPause,
    OwnEdit, UnfoundedEdit, UnfoundedEscalation, TooManyEdits, ReasonMissing, AssuranceMissing, OwnPolicy,
    ApprovedEnough, GraceStands, GlassStays, TooManyUnreviewed, WasDenied, GrantExists, UnknownGrant, GrantIsOver, BadGrant, TooManyGrants, NotGrantable, NotCovered,
    DelegationExists, UnknownDelegation, DelegationIsOver, BadDelegation, DelegatedAlready,
}

/// What breaks the rule, how, and at which step of the happy path.
type Case = (Violation, &'static str, Kind, fn(&mut Story, &mut Entry));

macro_rules! data {
    ($entry:expr, $kind:ident) => {
        match &mut $entry.leaf.data {
            Data::$kind(data) => data,
            other => panic!("another kind: {other:?}"),
        }
    };
}

/// A table of cases: violation, what is wrong, step of the happy path, change.
macro_rules! cases {
    ($table:ident: $($violation:ident, $what:literal, $kind:ident, $change:expr;)*) => {
        pub(super) const $table: &[Case] =
            &[$((Violation::$violation, $what, Kind::$kind, $change)),*];
    };
}

/// The signed part of a verdict.
macro_rules! verdict {
    ($entry:expr) => {
        data!($entry, VerdictGiven).signed
    };
}

mod acts;
pub(super) mod delegations;
mod edits;
mod escalations;
mod glass;
mod grace;
mod grants;
mod notes;
mod pauses;
mod people;
mod permits;
pub(super) mod policy;
mod proposals;

fn later(entry: &mut Entry, seconds: u64) {
    entry.leaf.time = entry.leaf.time.plus_seconds(seconds);
}

fn before(time: Time, ms: u64) -> Time {
    Time::from_unix_ms(time.unix_ms() - ms)
}

/// Writes `leaf` first; `entry` comes after it.
fn first(story: &mut Story, entry: &mut Entry, leaf: Leaf) {
    story.take(leaf);
    entry.index = story.state.size();
}

/// Puts another leaf in the entry's place, written in the story as it is now.
fn instead(story: &Story, entry: &mut Entry, leaf: Leaf) {
    *entry = story.entry(leaf);
}

fn elsewhere() -> Ref {
    Ref {
        index: 0,
        leaf: Digest([0xdd; 32]),
    }
}

fn anybody() -> Actor {
    Actor::Agent(AgentId::from_random([0x77; 16]))
}

fn tables() -> impl Iterator<Item = &'static Case> {
    [
        acts::ORDER,
        acts::ACTS,
        delegations::DELEGATIONS,
        delegations::SEATS,
        proposals::PROPOSALS,
        proposals::VERDICTS,
        notes::NOTES,
        pauses::PAUSES,
        edits::EDITS,
        escalations::ESCALATIONS,
        escalations::EVALUATIONS,
        people::KEYS,
        people::PEOPLE,
        people::TEAM,
        policy::POLICIES,
        policy::EVALUATIONS,
        policy::APPROVALS,
        glass::BROKEN,
        glass::REVIEWED,
        grace::GRACE,
        grants::GRANTS,
        grants::USES,
        permits::RESOLUTIONS,
        permits::PERMITS,
    ]
    .into_iter()
    .flatten()
}

/// Applies an entry that must be refused, and holds the state against the one
/// before.
#[track_caller]
fn refused(mut story: Story, entry: &Entry, expected: Violation, what: &str) {
    let unchanged = story.state.clone();
    let kind = entry.leaf.kind().as_str();
    assert_eq!(story.state.apply(entry), Err(expected), "{kind}: {what}");
    assert_eq!(story.state, unchanged, "{kind}: {what}");
}

#[test]
fn each_broken_rule_is_named_and_changes_nothing() {
    for &(expected, what, kind, break_it) in tables() {
        let mut story = Story::before(kind);
        let leaf = story.leaf(kind);
        let mut entry = story.entry(leaf);
        let unbroken = story.state.clone().apply(&entry);
        assert!(unbroken.is_ok(), "{}: {unbroken:?}", kind.as_str());
        break_it(&mut story, &mut entry);
        refused(story, &entry, expected, what);
    }
}

#[test]
fn entries_stand_in_order() {
    for kind in Kind::ALL {
        let mut story = Story::before(*kind);
        let leaf = story.leaf(*kind);
        let entry = story.entry(leaf);
        let expected = entry.index;
        for found in [expected + 1, expected.wrapping_sub(1)] {
            let entry = Entry {
                index: found,
                ..entry.clone()
            };
            refused(
                story.clone(),
                &entry,
                Violation::Order { expected, found },
                "order",
            );
        }
    }
}

#[test]
fn every_kind_has_its_writer_its_references_and_its_parts() {
    type Break = fn(&mut Leaf);
    let breaks: [(Violation, Break); 4] = [
        (Violation::WrongActor, |leaf| leaf.actor = anybody()),
        (Violation::WrongReferences, |leaf| {
            leaf.refs.push(elsewhere())
        }),
        (Violation::WrongReferences, |leaf| {
            if leaf.refs.pop().is_none() {
                leaf.refs.push(elsewhere());
            }
        }),
        (Violation::WrongParts, |leaf| {
            leaf.parts.push(part("surplus", "text/plain", ""));
        }),
    ];
    for kind in Kind::ALL {
        for (expected, break_it) in breaks {
            let mut story = Story::before(*kind);
            let leaf = story.leaf(*kind);
            let mut entry = story.entry(leaf);
            break_it(&mut entry.leaf);
            refused(story, &entry, expected, "frame");
        }
    }
}

#[test]
fn every_signed_kind_is_checked_as_its_own_act() {
    fn envelope(leaf: &mut Leaf) -> Option<&mut Envelope> {
        fn of<I>(signed: &mut Signed<I>) -> Option<&mut Envelope> {
            Some(&mut signed.envelope)
        }
        match &mut leaf.data {
            Data::CredentialEnrolled(data) => of(&mut data.signed),
            Data::AgentRegistered(data) => of(&mut data.signed),
            Data::VerdictGiven(data) => of(&mut data.signed),
            Data::AgentRevoked(data) => of(&mut data.signed),
            Data::AgentPaused(data) => of(&mut data.signed),
            Data::ActionEdited(data) => of(&mut data.signed),
            Data::AgentResumed(data) => of(&mut data.signed),
            Data::CredentialAdmitted(data) => of(&mut data.signed),
            Data::CredentialRevoked(data) => of(&mut data.signed),
            Data::ReviewerChanged(data) => of(&mut data.signed),
            Data::ReviewerRegistered(data) => of(&mut data.signed),
            Data::ReviewerRemoved(data) => of(&mut data.signed),
            Data::RulesChanged(data) => of(&mut data.signed),
            Data::PolicyChanged(data) => of(&mut data.signed),
            Data::VerdictRecognised(data) => of(&mut data.signed),
            Data::VerdictReviewed(data) => of(&mut data.signed),
            Data::GrantGiven(data) => of(&mut data.signed),
            Data::GrantRevoked(data) => of(&mut data.signed),
            Data::DelegationGiven(data) => of(&mut data.signed),
            Data::DelegationRevoked(data) => of(&mut data.signed),
            _ => None,
        }
    }
    let signed = ActType::ALL
        .iter()
        .filter_map(|act| Kind::from_text(act.as_str()));
    for kind in signed {
        let mut story = Story::before(kind);
        let leaf = story.leaf(kind);
        let mut entry = story.entry(leaf);
        envelope(&mut entry.leaf).expect("signed").r#type = ActType::SessionOpened;
        refused(story, &entry, Violation::WrongActType, "act type");
    }
}

#[test]
fn what_is_just_within_the_rules_is_accepted() {
    type Within = (&'static str, Kind, fn(&mut Story, &mut Entry));
    let accepted: [Within; 6] = [
        ("two minutes", Kind::VerdictGiven, |_, entry| {
            let envelope: &mut Envelope = &mut verdict!(entry).envelope;
            envelope.issued_at = before(envelope.issued_at, 120_000);
        }),
        ("the last of 256", Kind::VerdictGiven, |_, entry| {
            (verdict!(entry).count, verdict!(entry).index) = (256, 255);
        }),
        ("the last millisecond", Kind::VerdictGiven, |_, entry| {
            later(entry, TTL_S);
            entry.leaf.time = before(entry.leaf.time, 1);
        }),
        ("denied unseen", Kind::VerdictGiven, |_, entry| {
            proposals::resee(entry, |seen| seen.parts.clear());
            verdict!(entry).item.verdict = Verdict::Deny;
        }),
        (
            "the second item of a touch",
            Kind::VerdictGiven,
            |story, entry| acts::reuse_nonce(story, entry, 2, 1),
        ),
        (
            "no context, no output",
            Kind::ActionCompleted,
            |_, entry| {
                entry.leaf.parts.clear();
            },
        ),
    ];
    for (what, kind, change) in accepted {
        let mut story = Story::before(kind);
        let leaf = story.leaf(kind);
        let mut entry = story.entry(leaf);
        change(&mut story, &mut entry);
        assert!(story.state.apply(&entry).is_ok(), "{what}");
    }
}

/// Every violation that some test here expects.
fn expected() -> impl Iterator<Item = Violation> {
    let order = Violation::Order {
        expected: 0,
        found: 1,
    };
    let frame = [order, Violation::WrongActor, Violation::WrongReferences];
    tables().map(|(expected, ..)| *expected).chain(frame)
}

#[test]
fn every_violation_has_a_case() {
    let covered: BTreeSet<_> = expected().map(name).collect();
    assert_eq!(covered, NAMES.iter().copied().collect());
}

#[test]
fn the_specification_names_every_violation_with_its_text() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/lifecycle.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    for violation in expected() {
        let text = match violation {
            Violation::Order { .. } => "entry N stands where entry M belongs".to_owned(),
            violation => violation.to_string(),
        };
        let told = format!("`{}`: *{text}*", name(violation));
        assert!(page.contains(&told), "{told}");
    }
}
