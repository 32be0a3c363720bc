//! A gateway that lies, as only one with the log's key can: the test has it.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use vidimus_ledger::checkpoint::{self, Checkpoint};
use vidimus_ledger::note::SigningKey;
use vidimus_ledger::tree::{leaf_hash, root_of};
use vidimus_protocol::entry::{Parsed, Resolution, Resolved};
use vidimus_protocol::id::Actor;
use vidimus_protocol::{Leaf, Time};
use zeroize::Zeroizing;

#[path = "../../../gateway/tests/support/port.rs"]
mod port;

use super::*;
use crate::hooks::{About, NotificationRequest, PassphraseAsk};
use crate::secrets::NoKeyring;
use crate::view::{Phase, Route as View};

struct Typist;

#[async_trait]
impl Hooks for Typist {
    fn open_url(&self, _url: &str) -> Result<(), String> {
        Ok(())
    }

    async fn ask_passphrase(&self, _ask: PassphraseAsk) -> Option<Zeroizing<String>> {
        Some(Zeroizing::new("correct horse".into()))
    }

    fn notify(&self, _request: NotificationRequest) {}

    fn withdraw(&self, _about: &About) {}

    fn show_code(&self, _code: &str) {}
}

/// A core whose messages the test hands over one by one.
struct Bench {
    core: Core,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// Removed with the bench.
    _folder: tempfile::TempDir,
}

impl Bench {
    /// Set up with a software key; nothing of the feed was handed over.
    fn set_up(runtime: &tokio::runtime::Runtime) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        port::reserve(&home.gateway_dir());
        let (sender, inbox) = mpsc::unbounded_channel();
        let setting = Setting {
            id: crate::LOCAL.into(),
            files: Files::of(&home, None),
            home,
            hooks: Arc::new(Typist),
            secrets: Arc::new(NoKeyring),
            web: None,
            runtime: runtime.handle().clone(),
            inbox: sender,
            board: Board::new(),
        };
        let mut core = Core::new(setting, None);
        core.open();
        core.set_up("Ada", View::Software, &FrontId::Desktop)
            .unwrap();
        let mut bench = Self {
            core,
            inbox,
            _folder: folder,
        };
        bench.pump(
            |message| !matches!(message, Message::Feed { .. }),
            |core| {
                core.ceremony
                    .as_ref()
                    .is_some_and(|it| it.state != CeremonyState::Waiting)
            },
        );
        bench
    }

    /// Hands over what passes until the condition holds.
    fn pump(&mut self, passes: fn(&Message) -> bool, until: fn(&Core) -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !until(&self.core) {
            assert!(Instant::now() < end, "waited in vain");
            match self.inbox.try_recv() {
                Ok(message) if passes(&message) => self.core.handle(message),
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn state(&self) -> CeremonyState {
        self.core.ceremony.as_ref().unwrap().state.clone()
    }

    /// Everything from the feed, up to a live console.
    fn follow(&mut self) {
        self.pump(|_| true, |core| core.connection == Connection::Live);
    }

    /// A batch of these leaves, signed with the log's own key.
    fn lie(&mut self, forged: &[Vec<u8>]) {
        let base = self.core.base.as_ref().ok().unwrap();
        let size = base.mirror.size();
        let all: Vec<_> = base
            .mirror
            .leaves(0..size)
            .unwrap()
            .iter()
            .chain(forged)
            .map(|leaf| leaf_hash(leaf))
            .collect();
        let keys = std::fs::read(self.core.setting.home.gateway_dir().join("keys.json")).unwrap();
        let keys: serde_json::Value = serde_json::from_slice(&keys).unwrap();
        let seed: Digest = keys["log_seed"].as_str().unwrap().parse().unwrap();
        let origin = &base.state().log().unwrap().opened.origin;
        let key = SigningKey::from_seed(origin, &seed.0).unwrap();
        let checkpoint = Checkpoint {
            origin: origin.clone(),
            size: all.len() as u64,
            root: root_of(&all),
        };
        let mut tree = vidimus_ledger::MemoryTree::new();
        for leaf in &all {
            tree.push(*leaf);
        }
        let proof = tree.consistency_proof(size, checkpoint.size).unwrap();
        let fed = sync::Fed::Batch {
            checkpoint: checkpoint::sign(&checkpoint, &key, now().unix_ms() / 1000),
            consistency: proof.into_iter().map(Digest).collect(),
            from: size,
            leaves: forged
                .iter()
                .map(|leaf| String::from_utf8(leaf.clone()).unwrap())
                .collect(),
        };
        let generation = self.core.feeds;
        self.core.fed(generation, fed);
    }

    fn last_leaf(&self) -> Leaf {
        let base = self.core.base.as_ref().ok().unwrap();
        base.leaf(base.mirror.size() - 1).unwrap()
    }

    fn evidence(&self) -> PathBuf {
        match self.core.phase() {
            Phase::Frozen { evidence_path, .. } => evidence_path.into(),
            other => panic!("{other:?}"),
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

#[test]
fn what_is_not_proven_is_not_done_and_is_said_to_be_missing() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    assert_eq!(bench.state(), CeremonyState::Proving);
    bench.core.tick();
    assert_eq!(bench.state(), CeremonyState::Proving);
    let ceremony = bench.core.ceremony.as_mut().unwrap();
    let (_, since) = ceremony.unproven.as_mut().unwrap();
    *since = since.checked_sub(Duration::from_secs(15)).unwrap();
    bench.core.tick();
    let CeremonyState::Failed { problem } = bench.state() else {
        panic!("{:?}", bench.state())
    };
    assert_eq!(problem.code, "not_acknowledged");
    bench.core.close();
}

#[test]
fn the_feed_proves_it() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    bench.follow();
    assert_eq!(bench.state(), CeremonyState::Done);
    bench.core.close();
}

#[test]
fn an_entry_that_breaks_a_rule_freezes_although_the_log_signed_it() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    bench.follow();
    let forged = Leaf {
        actor: Actor::Gateway,
        data: vidimus_protocol::entry::Data::ActionResolved(Box::new(Resolved {
            action: ActionId::from_random([7; 16]),
            resolution: Resolution::Approved,
            use_before: Some(Time::from_unix_ms(u64::MAX)),
        })),
        refs: vec![],
        parts: vec![],
        ..bench.last_leaf()
    };
    bench.lie(&[forged.to_bytes()]);
    let evidence = std::fs::read_to_string(bench.evidence()).unwrap();
    assert!(
        evidence.contains("act_"),
        "the forged entry is kept: {evidence}"
    );
    assert!(evidence.contains("Entry 2"), "{evidence}");
    assert!(
        bench.core.feed.is_none(),
        "a frozen console follows nothing"
    );
    let refused = bench
        .core
        .connect_agent("builder", None, &FrontId::Desktop)
        .unwrap_err();
    assert_eq!(refused.code, "frozen");
    bench.core.close();
}

#[test]
fn a_second_enrolment_of_the_gateways_own_key_freezes() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    bench.follow();
    let again = bench.last_leaf();
    bench.lie(&[again.to_bytes()]);
    bench.evidence();
    bench.core.close();
}

#[test]
fn an_unknown_kind_asks_for_an_upgrade_and_blocks() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    bench.follow();
    let text = String::from_utf8(bench.last_leaf().to_bytes()).unwrap();
    let newer = text.replace(
        "credential.enrolled\",\"parts\"",
        "credential.blessed\",\"parts\"",
    );
    assert_ne!(newer, text);
    assert!(matches!(
        Leaf::parse(newer.as_bytes()),
        Ok(Parsed::Unknown { .. })
    ));
    bench.lie(&[newer.into_bytes()]);
    assert_eq!(bench.core.phase(), Phase::UpgradeNeeded { entry: 2 });
    let refused = bench
        .core
        .connect_agent("builder", None, &FrontId::Desktop)
        .unwrap_err();
    assert_eq!(refused.code, "upgrade_needed");
    assert!(bench.core.entry(2).unwrap().row.kind.contains("blessed"));
    bench.core.close();
}

#[test]
fn a_log_that_is_set_back_while_it_is_followed_freezes_with_both_checkpoints() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    bench.follow();
    // A checkpoint of fewer entries than were signed for since.
    let pinned = bench
        .core
        .base
        .as_ref()
        .ok()
        .unwrap()
        .mirror
        .pin_note()
        .unwrap()
        .to_owned();
    let text = String::from_utf8(bench.last_leaf().to_bytes()).unwrap();
    let other = text.replace(
        "credential.enrolled\",\"parts\"",
        "credential.other\",\"parts\"",
    );
    bench.lie(&[other.into_bytes()]);
    // Back to the first history, as if nothing had been.
    let base = bench.core.base.as_ref().ok().unwrap();
    let (leaves, generation) = (base.mirror.leaves(0..2).unwrap(), bench.core.feeds);
    let fed = sync::Fed::Batch {
        checkpoint: pinned.clone(),
        consistency: Vec::new(),
        from: 0,
        leaves: leaves
            .into_iter()
            .map(|leaf| String::from_utf8(leaf).unwrap())
            .collect(),
    };
    bench.core.fed(generation, fed);
    let evidence = std::fs::read_to_string(bench.evidence()).unwrap();
    let evidence: serde_json::Value = serde_json::from_str(&evidence).unwrap();
    let seen = evidence["seen"].as_array().unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1], serde_json::json!(pinned));
    bench.core.close();
}

/// The files of a policy that is right.
fn starter_files() -> Vec<crate::view::PolicyFileText> {
    let files = vidimus_policy::starter(vidimus_protocol::entry::Profile::Personal);
    files.iter().map(crate::policy_words::file).collect()
}

#[test]
fn a_replay_that_is_cancelled_says_so_and_one_at_a_time_goes_on() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    bench.follow();
    let span = crate::view::ReplaySpan::Week;
    let ask = |core: &mut Core| {
        let (reply, _told) = oneshot::channel();
        core.replay_policy(starter_files(), span, reply);
    };
    ask(&mut bench.core);
    assert!(bench.core.policy_replay.is_some());
    bench.core.stop_replay();
    assert!(bench.core.policy_replay.is_none());
    bench.pump(|_| true, |core| !core.answers.is_empty());
    let answers: Vec<_> = bench
        .core
        .answers
        .drain(..)
        .map(|(_, answer)| answer)
        .collect();
    assert_eq!(answers, [Ok(Reply::PolicyReplayed(None))]);
    assert!(bench.core.replayed.is_none());

    // A second one takes the place of the first.
    ask(&mut bench.core);
    ask(&mut bench.core);
    bench.pump(|_| true, |core| core.answers.len() == 2);
    let mut answers: Vec<_> = bench
        .core
        .answers
        .drain(..)
        .map(|(_, answer)| answer)
        .collect();
    answers.sort_by_key(|answer| matches!(answer, Ok(Reply::PolicyReplayed(Some(_)))));
    assert_eq!(answers[0], Ok(Reply::PolicyReplayed(None)));
    assert!(matches!(answers[1], Ok(Reply::PolicyReplayed(Some(_)))));
    assert!(bench.core.policy_replay.is_none() && bench.core.replayed.is_some());

    // A locked console tells nobody.
    ask(&mut bench.core);
    bench.core.lock();
    bench.pump(|_| true, |core| !core.answers.is_empty());
    let refused = bench.core.answers.pop().unwrap().1.unwrap_err();
    assert_eq!(refused.code, "locked");
    bench.core.close();
}

#[test]
fn a_frozen_console_begins_no_shadow_and_can_stop_one() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    bench.follow();
    bench.core.shadow_policy(starter_files()).unwrap();
    let again = bench.last_leaf().to_bytes();
    bench.lie(&[again]);
    assert!(matches!(bench.core.phase(), Phase::Frozen { .. }));
    let refused = bench.core.shadow_policy(starter_files()).unwrap_err();
    assert_eq!(refused.code, "frozen");
    assert!(bench.core.policy_shadow.is_some());
    bench.core.stop_shadow().unwrap();
    assert!(bench.core.policy_shadow.is_none());
    bench.core.close();
}

#[test]
fn a_replay_stops_where_it_is_told_to() {
    let runtime = runtime();
    let mut bench = Bench::set_up(&runtime);
    bench.follow();
    let text = vidimus_policy::PolicyText::new(vidimus_policy::starter(
        vidimus_protocol::entry::Profile::Personal,
    ));
    let set = vidimus_policy::Set::parse(
        &text.unwrap(),
        vidimus_protocol::entry::Profile::Personal,
        "typed",
    );
    let mirror = bench.core.setting.files.mirror();
    let span = crate::view::ReplaySpan::Day;
    let mut asked = 0;
    let stopped = crate::policy_replay::run(&mirror, &set.unwrap(), span, now(), |progress| {
        asked += 1;
        assert_eq!((progress.done, progress.total), (0, 2));
        false
    });
    assert_eq!((stopped.unwrap(), asked), (None, 1));
    bench.core.close();
}
