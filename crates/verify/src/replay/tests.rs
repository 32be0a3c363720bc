//! Good logs pass; each forgery is caught at its entry and by its name.
#![allow(clippy::unwrap_used)]

mod beginnings;
mod fields;
mod forgeries;
mod shadow;
mod team;

use serde_json::Value;
use vidimus_ledger::proof::ProofError;
use vidimus_protocol::entry::{Data, Resolution};
use vidimus_protocol::envelope::{ActType, Decimal, Verdict};
use vidimus_protocol::{ActionId, Actor, AgentId, Blob, ReviewerId, Time, Violation, strict};

use super::*;
use crate::ClientDataError;
use crate::act::ActError;
use crate::assertion::AssertionError;
use crate::cose::Algorithm;
use crate::testkit::{AGENT_TOKEN, Draft, SoftKey, Story, client_data};

type Refusal = (u64, ReplayError);

/// Replays in both ways, which must agree.
fn replay<L: AsRef<[u8]> + Sync>(leaves: &[L]) -> Result<Replay, Refusal> {
    let mut at_once = Replay::new();
    let mut seen = Vec::new();
    let result = at_once.push_all(leaves, |pushed| seen.push(pushed));
    let mut one_by_one = Replay::new();
    for (index, leaf) in leaves.iter().enumerate() {
        let index = u64::try_from(index).unwrap();
        match one_by_one.push(leaf.as_ref()) {
            Ok(pushed) => assert_eq!(Some(&pushed), seen.get(pushed.leaf_index())),
            Err(error) => {
                assert_eq!(result, Err((index, error)));
                break;
            }
        }
    }
    assert_eq!(at_once.tree().root(), one_by_one.tree().root());
    assert_eq!(at_once.state(), one_by_one.state());
    assert_eq!(at_once.upgrade(), one_by_one.upgrade());
    result.map(|()| at_once)
}

impl Pushed {
    fn leaf_index(&self) -> usize {
        usize::try_from(self.index).unwrap()
    }
}

fn story() -> Story {
    let mut story = Story::new(1, Algorithm::Es256);
    story.run();
    let denied = story.propose();
    story.deny(denied);
    let lapsing = story.propose();
    story.approve(lapsing);
    story.pass(300);
    let draft = story.lapse(lapsing);
    story.write(draft);
    let again = story.permit(lapsing);
    story.write(again);
    story.redeem(lapsing);
    story.complete(lapsing);
    story
}

#[test]
fn good_logs_pass_for_each_algorithm() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let mut story = Story::new(1, algorithm);
        story.run_until(120);
        let replayed = replay(story.leaves()).unwrap();
        assert_eq!(replayed.tree().root(), story.tree().root());
        assert_eq!(replayed.signatures(), 2 + 19);
        assert_eq!(replayed.state().size(), 120);
        assert_eq!(replayed.upgrade(), None);
    }
    assert!(replay(story().leaves()).is_ok());
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let told = |seed| {
        let mut story = Story::new(seed, Algorithm::EdDsa);
        story.run_until(30);
        story.export()
    };
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}

#[test]
fn a_browser_key_and_a_software_key_take_different_routes() {
    let mut story = Story::open(1, Algorithm::Es256);
    let software = story.enrolment();
    story.origin = crate::testkit::ORIGIN.into();
    let browser = story.enrolment();
    for (draft, route) in [(software, Route::Software), (browser, Route::Browser)] {
        let mut replay = Replay::new();
        replay.push(&story.leaves()[0]).unwrap();
        let (bytes, pushed) = replay.push_new(&draft.leaf).unwrap();
        assert_eq!(bytes, draft.leaf.to_bytes());
        assert_eq!(pushed.route, Some(route));
    }
}

fn violates(error: &ReplayError, violation: Violation) -> bool {
    *error == ReplayError::Violation(violation)
}

fn leaf_of(bytes: &[u8]) -> Leaf {
    match Leaf::parse(bytes) {
        Ok(vidimus_protocol::entry::Parsed::Known(leaf)) => leaf,
        other => panic!("no leaf: {other:?}"),
    }
}

#[test]
fn an_unknown_kind_ends_the_judgement_and_not_the_hashing() {
    for unknown in [
        &br#"{"kind":"agent.renamed","v":1}"#[..],
        br#"{"kind":"action.proposed","v":2}"#,
    ] {
        let mut story = Story::new(1, Algorithm::Es256);
        story.run_until(30);
        let mut leaves = story.leaves().to_vec();
        leaves.insert(20, unknown.to_vec());
        let replayed = replay(&leaves).unwrap();
        assert_eq!(replayed.upgrade(), Some(20));
        assert_eq!(replayed.state().size(), 20);
        assert_eq!(replayed.tree().size(), 31);
        let hashes: Vec<_> = leaves
            .iter()
            .map(|leaf| vidimus_ledger::tree::leaf_hash(leaf))
            .collect();
        assert_eq!(
            replayed.tree().root(),
            vidimus_ledger::tree::root_of(&hashes)
        );
    }
}
