//! Escalation at a real gateway: by its clock, told to whoever listens, and a
//! policy that lets the second group decide from then on.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/people.rs"]
mod people;
#[path = "support/policies.rs"]
mod policies;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use people::{ack, joined};
use policies::{in_force, proves, redeemed, verdict_by};
use serde_json::Value;
use support::{World, serve};
use vidimus_gateway::webhooks::Endpoints;
use vidimus_gateway::{Clock, Config, SystemClock};
use vidimus_protocol::api::{DeliveriesView, DeliveryState};
use vidimus_protocol::envelope::{Role, Verdict};
use vidimus_protocol::{ActionId, Time};

/// Everybody who joins is in `sre`.
const POLICY: &str = r#"
@id("anything") @ttl("5m") @escalate("sre after 1m")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("sre-later")
permit (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource)
when { context.time.durationSince(context.proposed) >= duration("1m") };
"#;

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

type Got = Arc<Mutex<Vec<Value>>>;

/// A receiver on loopback, and what it got.
async fn receiver() -> (String, Got) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let got = Got::default();
    let take = |State(got): State<Got>, body: String| async move {
        got.lock()
            .unwrap()
            .push(serde_json::from_str(&body).unwrap());
    };
    let app = Router::new().route("/hook", post(take));
    let app = app.with_state(got.clone());
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    (url, got)
}

async fn escalation(world: &World, action: ActionId) -> Option<DeliveryState> {
    let path = format!("/v1/actions/{action}/deliveries");
    let told: DeliveriesView = world.get(&path, &world.session).await.json();
    let mut told = told.deliveries.into_iter();
    let told = told.find(|one| one.event == "action.escalated");
    told.map(|one| one.state)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_group_is_told_in_its_time_and_decides_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Ahead::default());
    let config = Config {
        clock: clock.clone(),
        ..people::team(dir.path())
    };
    let mut world = serve(config).found_team(support::now()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (url, got) = receiver().await;
    let mut endpoints = Endpoints::read(dir.path()).unwrap();
    endpoints.add("ops", &url, &[], support::now()).unwrap();
    endpoints.write(dir.path()).unwrap();

    let (propose, proposed) = world.propose(&agent, &["deploy"]).await;
    clock.pass(Duration::from_secs(55));
    let early = verdict_by(&mut world, &mut ben, &proposed, Verdict::Approve, "").await;
    assert_eq!(early.refused(), "not_permitted");
    clock.pass(Duration::from_secs(6));
    for _ in 0..600 {
        world.status(&agent, propose.action).await;
        if escalation(&world, propose.action).await == Some(DeliveryState::Arrived) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told: Vec<Value> = got.lock().unwrap().clone();
    let told: Vec<&Value> = told
        .iter()
        .filter(|one| one["type"] == "action.escalated")
        .collect();
    let [told] = told.as_slice() else {
        panic!("told so often: {told:?}");
    };
    assert_eq!(told["data"]["group"], "sre");
    assert_eq!(told["data"]["status"], "pending");
    assert_eq!(told["data"]["people"], serde_json::json!([ben.reviewer]));
    let verdict = verdict_by(&mut world, &mut ben, &proposed, Verdict::Approve, "").await;
    world.proven(&ack(&verdict));
    let bundle = redeemed(&world, &agent, &propose).await;
    assert!(proves(&world, &propose, &bundle).is_ok());
}
