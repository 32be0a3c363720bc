//! Webhooks, to a real receiver that checks them with another implementation.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use standardwebhooks::Webhook;
use support::{Held, World, leaf, serve};
use vidimus_gateway::webhooks::{Endpoints, ping};
use vidimus_gateway::{Clock, SystemClock};
use vidimus_protocol::api::{DeliveriesView, DeliveryState, DeliveryView};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::{ActionId, Time};

/// The machine's clocks, put forward by the test.
#[derive(Default)]
struct Ahead(Mutex<Duration>);

impl Ahead {
    fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for Ahead {
    fn wall(&self) -> Time {
        let ms = u64::try_from(self.0.lock().unwrap().as_millis()).unwrap();
        Time::from_unix_ms(SystemClock.wall().unix_ms() + ms)
    }

    fn boot(&self) -> Duration {
        SystemClock.boot() + *self.0.lock().unwrap()
    }
}

/// What a receiver got.
#[derive(Clone)]
struct Got {
    headers: HeaderMap,
    body: Bytes,
    /// What it answered.
    status: u16,
}

impl Got {
    fn id(&self) -> String {
        self.headers["webhook-id"].to_str().unwrap().to_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A receiver on loopback; its answers can be changed.
struct Receiver {
    port: u16,
    answer: Arc<Mutex<(u16, Duration)>>,
    got: Arc<Mutex<Vec<Got>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Receiver {
    async fn start(port: u16, status: u16) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(Mutex::new((status, Duration::ZERO)));
        let got = Arc::new(Mutex::new(Vec::new()));
        let state = (answer.clone(), got.clone());
        let app = Router::new()
            .route("/hook/{secret}", post(receive))
            .with_state(state);
        let server = tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        Self {
            port,
            answer,
            got,
            server,
        }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}/hook/path-secret", self.port)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    fn answers(&self, status: u16, after: Duration) {
        *self.answer.lock().unwrap() = (status, after);
    }
}

type Log = (Arc<Mutex<(u16, Duration)>>, Arc<Mutex<Vec<Got>>>);

async fn receive(State((answer, got)): State<Log>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (status, after) = *answer.lock().unwrap();
    got.lock().unwrap().push(Got {
        headers,
        body,
        status,
    });
    tokio::time::sleep(after).await;
    StatusCode::from_u16(status).unwrap()
}

/// Adds an endpoint as the command line does. Returns its secret.
fn add(dir: &Path, name: &str, url: &str, events: &[&str], now: Time) -> String {
    let mut endpoints = Endpoints::read(dir).unwrap();
    let events: Vec<_> = events.iter().map(|event| (*event).to_owned()).collect();
    let secret = endpoints
        .add(name, url, &events, now)
        .unwrap()
        .secret()
        .reveal();
    endpoints.write(dir).unwrap();
    secret
}

async fn told(world: &World, action: ActionId) -> DeliveriesView {
    let path = format!("/v1/actions/{action}/deliveries");
    world.get(&path, &world.session).await.json()
}

/// Waits until something holds of what was told.
async fn until(
    world: &World,
    action: ActionId,
    holds: impl Fn(&[DeliveryView]) -> bool,
) -> Vec<DeliveryView> {
    let mut last = Vec::new();
    for _ in 0..600 {
        last = told(world, action).await.deliveries;
        if holds(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come to that: {last:#?}");
}

fn all(state: DeliveryState) -> impl Fn(&[DeliveryView]) -> bool {
    move |told| !told.is_empty() && told.iter().all(|one| one.state == state)
}

async fn propose(world: &World, agent: &Held) -> ActionId {
    world
        .propose(agent, &["rm", "very-secret-argument"])
        .await
        .0
        .action
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_is_told_signed_and_holds_nothing_that_anybody_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, 204).await;
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let before = propose(&world, &agent).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let secret = add(folder.path(), "ops", &receiver.url(), &[], support::now());

    let (proposed, ack) = world.propose(&agent, &["rm", "very-secret-argument"]).await;
    let action = proposed.action;
    let decided = world
        .decide(&ack, Verdict::Approve, "very-secret-reason")
        .await;
    let done = until(&world, action, |told| {
        told.len() == 4 && told.iter().all(|one| one.state == DeliveryState::Arrived)
    })
    .await;
    let events: Vec<_> = done.iter().map(|one| one.event.as_str()).collect();
    let expected = [
        "action.proposed",
        "verdict.given",
        "action.resolved",
        "permit.issued",
    ];
    assert_eq!(events, expected);
    assert_eq!((done[0].tries, done[0].status), (1, Some(204)));
    assert_eq!(done[0].host, format!("localhost:{}", receiver.port));
    assert!(done[0].first_tried_at.is_some() && done[0].next_try_at.is_none());
    assert_eq!(
        told(&world, before).await.deliveries,
        [],
        "it was before the endpoint"
    );

    let checker = Webhook::new(&secret).unwrap();
    let other = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let got = receiver.got();
    assert_eq!(got.iter().map(Got::id).collect::<HashSet<_>>().len(), 4);
    for message in &got {
        checker.verify(&message.body, &message.headers).unwrap();
        assert!(other.verify(&message.body, &message.headers).is_err());
        let tampered = String::from_utf8(message.body.to_vec())
            .unwrap()
            .replace("entry", "entri");
        assert!(
            checker
                .verify(tampered.as_bytes(), &message.headers)
                .is_err()
        );
        let body = String::from_utf8(message.body.to_vec()).unwrap();
        let all = format!("{:?} {body}", message.headers);
        for word in [
            "very-secret",
            &secret,
            &secret[6..],
            &agent.token,
            &world.session,
        ] {
            assert!(!all.contains(word), "{word} in {all}");
        }
        let mut keys: Vec<_> = message.json()["data"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        keys.sort_unstable();
        if message.json()["type"] == "verdict.given" {
            assert_eq!(message.json()["data"]["verdict"], "approve");
            keys.retain(|key| key != "verdict");
        }
        let known = [
            "action",
            "agent",
            "entry",
            "expires_at",
            "kind",
            "leaf_hash",
            "link",
            "log",
            "page",
            "status",
        ];
        assert_eq!(keys, known, "a message says this and nothing else");
    }
    let first = got
        .iter()
        .find(|one| one.json()["type"] == "action.proposed")
        .unwrap()
        .json();
    let entry = leaf(&ack, 0);
    assert_eq!(first["timestamp"], entry.time.to_string());
    assert_eq!(first["data"]["log"], world.log.to_string());
    assert_eq!(first["data"]["action"], action.to_string());
    assert_eq!(first["data"]["agent"], agent.agent.to_string());
    assert_eq!(first["data"]["status"], "pending");
    assert_eq!(first["data"]["entry"], ack.entries[0].index);
    let named = format!("{}/{}/ops", world.log, ack.entries[0].index);
    let id = vidimus_protocol::sha256(&[b"vidimus/webhook/v1\0", named.as_bytes()]).to_string();
    assert_eq!(done[0].id, format!("msg_{}", &id[..32]));
    let hash = vidimus_ledger::tree::leaf_hash(ack.entries[0].leaf.as_bytes());
    assert_eq!(
        first["data"]["leaf_hash"],
        vidimus_protocol::Digest(hash).to_string()
    );
    assert_eq!(first["data"]["link"], format!("vidimus://action/{action}"));
    let resolved = got
        .iter()
        .find(|one| one.json()["type"] == "action.resolved")
        .unwrap()
        .json();
    assert_eq!(resolved["data"]["status"], "approved");
    assert_eq!(resolved["data"]["entry"], decided.entries[1].index);

    // What the gateway keeps and says of it has no secret in it.
    let said = String::from_utf8(
        world
            .get(&format!("/v1/actions/{action}/deliveries"), &world.session)
            .await
            .body,
    )
    .unwrap();
    assert!(
        !said.contains(&secret[6..]) && !said.contains("path-secret"),
        "{said}"
    );
    world.stop().await;
    for leaf in World::leaves(folder.path()) {
        assert!(!leaf.contains(&secret[6..]) && !leaf.contains("hook"));
    }
    for file in ["deliveries.db", "deliveries.db-wal"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap_or_default();
        for secret in [&secret[6..], "path-secret", "very-secret"] {
            assert!(
                !bytes
                    .windows(secret.len())
                    .any(|at| at == secret.as_bytes()),
                "{secret} in {file}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_down_is_told_again_across_a_restart_with_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Ahead::default());
    let receiver = Receiver::start(0, 500).await;
    let (port, url) = (receiver.port, receiver.url());
    let fresh = serve(support::config_with(folder.path(), clock.clone()));
    let mut world = fresh.found(clock.wall()).await;
    let agent = world.connect().await;
    let secret = add(
        folder.path(),
        "ops",
        &url,
        &["action.proposed"],
        clock.wall(),
    );
    let action = propose(&world, &agent).await;
    let failed = until(&world, action, all(DeliveryState::Failed)).await;
    assert_eq!((failed[0].status, failed[0].tries), (Some(500), 1));
    assert_eq!(failed[0].why.as_deref(), Some("it answered 500"));
    let wait = failed[0]
        .next_try_at
        .unwrap()
        .distance_ms(failed[0].last_tried_at.unwrap());
    assert!((5000..=5500).contains(&wait), "{wait}");

    // Now nobody listens at all.
    let before = receiver.got()[0].clone();
    receiver.server.abort();
    let _ = receiver.server.await;
    clock.pass(Duration::from_secs(6));
    let refused = until(&world, action, |told| told[0].tries == 2).await;
    assert_eq!(refused[0].status, None);
    assert_eq!(
        refused[0].why.as_deref(),
        Some("its connection was refused")
    );
    assert_eq!(refused[0].first_tried_at, failed[0].first_tried_at);

    let receiver = Receiver::start(port, 200).await;
    world = world
        .restart(support::config_with(folder.path(), clock.clone()))
        .await;
    clock.pass(Duration::from_mins(6));
    let arrived = until(&world, action, all(DeliveryState::Arrived)).await;
    assert_eq!((arrived[0].tries, arrived[0].why.clone()), (3, None));
    let got = receiver.got();
    assert_eq!(got.len(), 1, "it is told once");
    assert_eq!(got[0].id(), before.id());
    assert_eq!(got[0].body, before.body, "the same message at every try");
    assert_ne!(
        got[0].headers["webhook-timestamp"],
        before.headers["webhook-timestamp"]
    );
    let checker = Webhook::new(&secret).unwrap();
    checker.verify(&before.body, &before.headers).unwrap();
    // The receiver's clock is six minutes behind by now.
    assert!(checker.verify(&got[0].body, &got[0].headers).is_err());
    let at = got[0].headers["webhook-timestamp"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let signed = checker.sign(&got[0].id(), at, &got[0].body).unwrap();
    assert_eq!(got[0].headers["webhook-signature"], signed);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_holds_up_itself_alone_and_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Receiver::start(0, 200).await;
    slow.answers(200, Duration::from_hours(1));
    let quick = Receiver::start(0, 200).await;
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    add(
        folder.path(),
        "slow",
        &slow.url(),
        &["action.proposed"],
        support::now(),
    );
    add(
        folder.path(),
        "quick",
        &quick.url(),
        &["action.proposed"],
        support::now(),
    );
    let mut last = propose(&world, &agent).await;
    for _ in 0..7 {
        last = propose(&world, &agent).await;
    }
    let told = until(&world, last, |told| {
        told.iter()
            .any(|one| one.endpoint == "quick" && one.state == DeliveryState::Arrived)
    })
    .await;
    let waits = told.iter().find(|one| one.endpoint == "slow").unwrap();
    assert_eq!((waits.state, waits.tries), (DeliveryState::Waiting, 0));
    assert!(slow.got().len() <= 4, "at most four at a time");
    let begun = std::time::Instant::now();
    world.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_or_sends_elsewhere_or_was_removed_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Receiver::start(0, 410).await;
    let elsewhere = Receiver::start(0, 301).await;
    let removed = Receiver::start(0, 503).await;
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let events = ["action.proposed"];
    add(folder.path(), "gone", &gone.url(), &events, support::now());
    add(
        folder.path(),
        "elsewhere",
        &elsewhere.url(),
        &events,
        support::now(),
    );
    add(
        folder.path(),
        "removed",
        &removed.url(),
        &events,
        support::now(),
    );
    let action = propose(&world, &agent).await;
    let told = until(&world, action, |told| {
        told.len() == 3 && told.iter().all(|one| one.tries == 1)
    })
    .await;
    let of = |name: &str, told: &[DeliveryView]| {
        told.iter()
            .find(|one| one.endpoint == name)
            .unwrap()
            .clone()
    };
    assert_eq!(of("gone", &told).state, DeliveryState::GivenUp);
    assert!(of("gone", &told).why.unwrap().contains("410"));
    assert_eq!(of("elsewhere", &told).state, DeliveryState::Failed);
    assert!(of("elsewhere", &told).why.unwrap().contains("not followed"));
    assert_eq!(of("removed", &told).status, Some(503));

    let mut endpoints = Endpoints::read(folder.path()).unwrap();
    endpoints.remove("removed").unwrap();
    endpoints.write(folder.path()).unwrap();
    let second = propose(&world, &agent).await;
    let told = until(&world, action, |told| {
        of("removed", told).state == DeliveryState::GivenUp
    })
    .await;
    assert_eq!(
        of("removed", &told).why.as_deref(),
        Some("the endpoint was removed")
    );
    let told = until(&world, second, |told| {
        told.len() == 2 && of("elsewhere", told).tries == 1
    })
    .await;
    let silent = of("gone", &told);
    assert_eq!((silent.state, silent.tries), (DeliveryState::GivenUp, 0));
    assert_eq!(gone.got().len(), 1, "who is gone is left alone");

    // Added anew, it is told again; of what was before it is not.
    let mut endpoints = Endpoints::read(folder.path()).unwrap();
    endpoints.remove("gone").unwrap();
    endpoints.write(folder.path()).unwrap();
    gone.answers(200, Duration::ZERO);
    add(folder.path(), "gone", &gone.url(), &events, support::now());
    let third = propose(&world, &agent).await;
    until(&world, third, |told| {
        !told.is_empty() && of("gone", told).state == DeliveryState::Arrived
    })
    .await;
    assert_eq!(
        gone.got().iter().map(|got| got.status).collect::<Vec<_>>(),
        [410, 200]
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_others_can_read_is_refused_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(0, 200).await;
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let quiet = told(&world, propose(&world, &agent).await).await;
    assert_eq!(
        (quiet.endpoints, quiet.problem, quiet.deliveries.len()),
        (0, None, 0)
    );
    assert!(
        !folder.path().join("deliveries.db").exists(),
        "who tells nobody keeps no book"
    );

    // Written beside, so that the gateway never sees it while it is sound.
    let beside = tempfile::tempdir_in(folder.path()).unwrap();
    add(
        beside.path(),
        "ops",
        &receiver.url(),
        &["action.proposed"],
        support::now(),
    );
    let path = Endpoints::file(folder.path());
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&Endpoints::file(beside.path()), 0o644);
    std::fs::rename(Endpoints::file(beside.path()), &path).unwrap();
    let action = propose(&world, &agent).await;
    let refused = told(&world, action).await;
    assert!(refused.problem.unwrap().contains("chmod 600"));
    assert_eq!(refused.endpoints, 0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(receiver.got().is_empty());
    // A decision never waits for any of this.
    assert_eq!(world.status(&agent, action).await["status"], "pending");
    mode(&path, 0o600);
    until(&world, action, all(DeliveryState::Arrived)).await;
    assert_eq!(told(&world, action).await.endpoints, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_session_is_told_who_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let action = propose(&world, &agent).await;
    let path = format!("/v1/actions/{action}/deliveries");
    assert_eq!(world.get(&path, &agent.token).await.refused(), "forbidden");
    assert_eq!(world.get(&path, "nobody").await.refused(), "unauthorised");
    let unknown = ActionId::from_random([9; 16]);
    let path = format!("/v1/actions/{unknown}/deliveries");
    assert_eq!(
        world.get(&path, &world.session).await.refused(),
        "unknown_action"
    );
    let path = "/v1/actions/nonsense/deliveries";
    assert_eq!(world.get(path, &world.session).await.refused(), "malformed");
    world.stop().await;
}

#[tokio::test]
async fn a_test_message_is_signed_and_its_answer_comes_back() {
    let receiver = Receiver::start(0, 418).await;
    let mut endpoints = Endpoints::default();
    let endpoint = endpoints
        .add("ops", &receiver.url(), &[], support::now())
        .unwrap();
    let pong = ping(endpoint, support::now()).await.unwrap();
    assert_eq!((pong.status, pong.arrived), (418, false));
    let got = &receiver.got()[0];
    let checker = Webhook::new(&endpoint.secret().reveal()).unwrap();
    checker.verify(&got.body, &got.headers).unwrap();
    assert_eq!(got.json()["type"], "vidimus.ping");
}
