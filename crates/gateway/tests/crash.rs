//! `kill -9` at random moments under load: nothing acknowledged is lost.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::{World, proposal, serve};
use vidimus_gateway::{Gateway, GuardError, OpenError};
use vidimus_protocol::api::Ack;
use vidimus_verify::replay::Replay;

const FOLDER: &str = "VIDIMUS_TEST_GATEWAY_FOLDER";

/// Not a test of its own: the program that the test below kills.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let gateway = Gateway::open(support::config(folder.as_ref())).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\nready {}", gateway.url()).unwrap();
    out.flush().unwrap();
    gateway
        .serve(axum::Router::new(), std::future::pending())
        .await
        .unwrap();
}

fn spawn(folder: &std::path::Path) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let url = out
        .lines()
        .map(Result::unwrap)
        .find_map(|line| line.strip_prefix("ready ").map(str::to_owned))
        .expect("the gateway starts");
    (child, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let log_key = world.log_key.clone();
    let http = world.http.clone();
    world.stop().await;

    let acknowledged: Arc<Mutex<Vec<Ack>>> = Arc::default();
    for round in 0..8u64 {
        let (mut child, url) = wait_for_lock(folder.path());
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (http, url, token) = (http.clone(), url.clone(), agent.token.clone());
            let acknowledged = acknowledged.clone();
            clients.spawn(async move {
                loop {
                    let sent = http
                        .post(format!("{url}/v1/actions"))
                        .bearer_auth(&token)
                        .json(&proposal(&["x"]))
                        .send()
                        .await;
                    let Ok(reply) = sent else { return };
                    let Ok(bytes) = reply.bytes().await else {
                        return;
                    };
                    let Ok(ack) = serde_json::from_slice(&bytes) else {
                        return;
                    };
                    acknowledged.lock().unwrap().push(ack);
                }
            });
        }
        // A moment that differs from round to round.
        tokio::time::sleep(Duration::from_millis(40 + round * 37 % 200)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        clients.abort_all();
        while clients.join_next().await.is_some() {}
    }

    let leaves = World::leaves(folder.path());
    let mut replay = Replay::new();
    for leaf in &leaves {
        replay.push(leaf.as_bytes()).unwrap();
    }
    let acknowledged = acknowledged.lock().unwrap();
    assert!(
        acknowledged.len() > 20,
        "there was load: {}",
        acknowledged.len()
    );
    for ack in acknowledged.iter() {
        let entry = &ack.entries[0];
        let at = usize::try_from(entry.index).unwrap();
        assert_eq!(
            leaves.get(at),
            Some(&entry.leaf),
            "entry {at} was acknowledged and is gone"
        );
        let signed = vidimus_ledger::checkpoint::open(&ack.checkpoint, &log_key, log_key.name())
            .unwrap()
            .checkpoint;
        assert_eq!(
            replay.tree().root_at(signed.size),
            Some(signed.root),
            "a signed checkpoint was taken back"
        );
    }
}

/// The kernel frees the lock of a killed process a moment later.
fn wait_for_lock(folder: &std::path::Path) -> (Child, String) {
    std::thread::sleep(Duration::from_millis(50));
    spawn(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_and_a_second_gateway_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let second = Gateway::open(support::config(folder.path()));
    assert!(
        matches!(second, Err(OpenError::InUse { .. })),
        "{:?}",
        second.err()
    );
    let agent = world.connect().await;
    world.stop().await;
    let store = rusqlite::Connection::open(folder.path().join("gateway.db")).unwrap();
    store
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(store);
    let copy = std::fs::read(folder.path().join("gateway.db")).unwrap();

    let fresh = serve(support::config(folder.path()));
    let reply = fresh
        .http
        .post(format!("{}/v1/actions", fresh.gateway.url()))
        .bearer_auth(&agent.token)
        .json(&proposal(&["x"]))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 201);
    fresh.stop().await;

    for name in ["gateway.db-wal", "gateway.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(name));
    }
    std::fs::write(folder.path().join("gateway.db"), copy).unwrap();
    match Gateway::open(support::config(folder.path())) {
        Err(OpenError::Guard(GuardError::Restored {
            ledger: 3,
            signed: 4,
        })) => {}
        other => panic!("{:?}", other.err()),
    }

    // A leaf changed on disk is named.
    std::fs::remove_file(folder.path().join("last-signed")).unwrap();
    let store = rusqlite::Connection::open(folder.path().join("gateway.db")).unwrap();
    store
        .execute("UPDATE leaves SET leaf = CAST(replace(CAST(leaf AS TEXT), 'builder', 'burglar') AS BLOB) WHERE idx = 2", [])
        .unwrap();
    drop(store);
    match Gateway::open(support::config(folder.path())) {
        Err(OpenError::Ledger { entry: 2, .. }) => {}
        other => panic!("{:?}", other.err()),
    }
}
