//! What a console does not believe.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Computer, Front, copy_folder};
use vidimus_console::view::{
    Command, Connection, ConsoleView, DoubtView, Phase, Reply, VerdictChoice,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_was_set_back_freezes_the_console_for_good() {
    let computer = Computer::new();
    let front = computer.set_up().await;
    front
        .until(|view| view.gateway.connection == Connection::Live)
        .await;
    front.0.stop().await;
    let (gateway, kept) = (
        computer.home().gateway_dir(),
        computer.folder.path().join("kept"),
    );
    copy_folder(&gateway, &kept);

    let front = computer.start().await;
    front
        .until(|view| view.gateway.connection == Connection::Live)
        .await;
    front.connect("builder").await;
    front.0.stop().await;
    std::fs::remove_dir_all(&gateway).unwrap();
    copy_folder(&kept, &gateway);

    let front = computer.start().await;
    let view = front
        .until(|view| matches!(view.phase, Phase::Frozen { .. }))
        .await;
    let Phase::Frozen {
        evidence_path,
        problem,
    } = view.phase
    else {
        unreachable!()
    };
    assert!(problem.message.contains("set back"), "{problem:?}");
    let evidence: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&evidence_path).unwrap()).unwrap();
    let seen = evidence["seen"].as_array().unwrap();
    assert_eq!(seen.len(), 2, "both checkpoints: {evidence}");
    let refused = front
        .ask(Command::ConnectAgent {
            name: "other".into(),
            owner: None,
        })
        .await
        .unwrap_err();
    assert_eq!(refused.code, "frozen");
    front.0.stop().await;

    // A restart does not make it good.
    let front = computer.start().await;
    let phase = front.view().phase;
    assert!(matches!(phase, Phase::Frozen { .. }), "{phase:?}");
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyring_remembers_a_log_when_all_files_are_set_back() {
    let computer = Computer::new();
    let front = computer.set_up().await;
    front
        .until(|view| view.gateway.connection == Connection::Live)
        .await;
    front.0.stop().await;
    let data = computer.home().data().to_owned();
    let kept = computer.folder.path().join("kept");
    copy_folder(&data, &kept);

    let front = computer.start().await;
    front.connect_when_live().await;
    tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while !computer.keyring.pin_has_size(3) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap();
    front.0.stop().await;
    std::fs::remove_dir_all(&data).unwrap();
    copy_folder(&kept, &data);

    let front = computer.start().await;
    let view = front
        .until(|view| matches!(view.phase, Phase::Frozen { .. }))
        .await;
    let Phase::Frozen { problem, .. } = view.phase else {
        unreachable!()
    };
    assert!(problem.message.contains("keyring"), "{problem:?}");
    front.0.stop().await;
}

/// The console again without its journal, and the first doubt that comes of it.
async fn forgotten(computer: &Computer, front: Front) -> (Front, DoubtView) {
    front.0.stop().await;
    let mirror = rusqlite::Connection::open(computer.home().mirror_file()).unwrap();
    mirror.execute("DELETE FROM journal", []).unwrap();
    drop(mirror);
    let front = computer.start().await;
    let view = front
        .until(|view| !view.doubts.is_empty() && view.gateway.connection == Connection::Live)
        .await;
    (front, view.doubts.into_iter().next().unwrap())
}

/// A console with a verdict of its key that its journal knows nothing of, as if
/// it had been given elsewhere.
async fn decided_elsewhere(computer: &Computer, verdict: VerdictChoice) -> (Front, DoubtView) {
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("whose").await;
    front.until(|view| view.inbox.len() == 1).await;
    front.open(action).await;
    front.decide(action, verdict, "").await.unwrap();
    front.done().await;
    let (front, doubt) = forgotten(computer, front).await;
    assert_eq!(doubt.action, action.to_string());
    assert_eq!(doubt.verdict, verdict);
    (front, doubt)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_was_not_asked_for_here_is_pointed_out() {
    let computer = Computer::new();
    let (front, doubt) = decided_elsewhere(&computer, VerdictChoice::Approve).await;
    // Yes: a second signature says so, for ever.
    front
        .ask(Command::Recognise { entry: doubt.entry })
        .await
        .unwrap();
    front.done().await;
    front.until(|view| view.doubts.is_empty()).await;
    let again = front.ask(Command::Recognise { entry: doubt.entry }).await;
    assert_eq!(again.unwrap_err().code, "no_doubt");
    front.0.stop().await;
    let front = computer.start().await;
    front
        .until(|view| view.gateway.connection == Connection::Live)
        .await;
    assert!(front.view().doubts.is_empty());
    front.0.stop().await;
}

/// A standing grant is worth many verdicts: it is asked about too.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_was_not_asked_for_here_is_pointed_out() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("whose").await;
    front.until(|view| view.inbox.len() == 1).await;
    front.open(action).await;
    let grant = Command::Grant {
        action: action.to_string(),
        open: Vec::new(),
        uses: 3,
        hours: 1,
        reason: "every night".into(),
    };
    front.ask(grant).await.unwrap();
    front.done().await;
    let Reply::Grants(grants) = front.ask(Command::Grants).await.unwrap() else {
        panic!("no grants");
    };
    assert_eq!(grants.len(), 1);
    assert!(front.view().doubts.is_empty());
    let (front, doubt) = forgotten(&computer, front).await;
    assert!(doubt.grant && doubt.entry == grants[0].entry);
    // It was: that is remembered here, and nothing is signed for it.
    let entry = doubt.entry;
    front.ask(Command::Recognise { entry }).await.unwrap();
    front.until(|view| view.doubts.is_empty()).await;
    front.0.stop().await;
    let front = computer.start().await;
    front
        .until(|view| view.gateway.connection == Connection::Live)
        .await;
    assert!(front.view().doubts.is_empty());
    front.0.stop().await;
}

/// No: the evidence is exported and nothing of the gateway is believed. The
/// only key of a log cannot be revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_is_disowned_ends_all_belief() {
    let computer = Computer::new();
    let (front, doubt) = decided_elsewhere(&computer, VerdictChoice::Deny).await;
    let entry = doubt.entry;
    let Reply::Exported { path, .. } = front.ask(Command::Disown { entry }).await.unwrap() else {
        panic!("no export");
    };
    assert!(std::path::Path::new(&path).exists());
    let frozen = |view: &ConsoleView| matches!(view.phase, Phase::Frozen { .. });
    front.until(frozen).await;
    front.0.stop().await;
    // It stays so.
    let front = computer.start().await;
    front.until(frozen).await;
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_changed_on_the_disk_is_not_shown() {
    let computer = Computer::new();
    let front = computer.set_up().await;
    front
        .until(|view| view.gateway.connection == Connection::Live)
        .await;
    front.0.stop().await;
    let mirror = rusqlite::Connection::open(computer.home().mirror_file()).unwrap();
    mirror
        .execute(
            "UPDATE leaves SET leaf = CAST(replace(CAST(leaf AS TEXT), 'Ada', 'Eve') AS BLOB) WHERE idx = 1",
            [],
        )
        .unwrap();
    drop(mirror);
    let front = computer.start().await;
    let view = front.view();
    let Phase::Failed { problem } = view.phase else {
        panic!("{:?}", view.phase)
    };
    assert_eq!(problem.code, "copy_damaged", "{problem:?}");
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_copy_is_made_anew_and_holds_nothing_against_its_owner() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("lost").await;
    front.until(|view| view.inbox.len() == 1).await;
    front.open(action).await;
    front.decide(action, VerdictChoice::Deny, "").await.unwrap();
    front.done().await;
    front.ask(Command::SignOut).await.unwrap();
    front.0.stop().await;
    for file in ["mirror.db", "mirror.db-wal", "mirror.db-shm"] {
        let file = computer.home().console_dir().join(file);
        assert!(std::fs::remove_file(&file).is_ok() || !file.exists());
    }

    let front = computer.start().await;
    let view = front.until(|view| view.reviewer.is_some()).await;
    assert_eq!(view.phase, Phase::SignedOut);
    front.ask(Command::SignIn).await.unwrap();
    front.done().await;
    let view = front
        .until(|view| view.gateway.connection == Connection::Live && view.recent.len() == 1)
        .await;
    assert_eq!(view.doubts, []);
    front.0.stop().await;
}
