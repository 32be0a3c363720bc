//! A closed lid, a quiet weekend, and clocks that lie, by an injected clock.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Forgery, World, commit, leaf, serve};
use vidimus_gateway::Clock;
use vidimus_protocol::Time;
use vidimus_protocol::api::Ack;
use vidimus_protocol::entry::Kind;
use vidimus_protocol::envelope::{ActType, SessionItem, Verdict, token_hash};

/// A clock whose hands the test moves.
struct Hands(Mutex<(u64, Duration)>);

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new((
            support::now().unix_ms(),
            Duration::from_secs(1000),
        ))))
    }

    /// Time passes, awake or asleep.
    fn pass(&self, time: Duration) {
        let mut hands = self.0.lock().unwrap();
        hands.0 += u64::try_from(time.as_millis()).unwrap();
        hands.1 += time;
    }

    /// Somebody turns the wall clock.
    fn turn(&self, ms: i64) {
        let mut hands = self.0.lock().unwrap();
        hands.0 = hands.0.checked_add_signed(ms).unwrap();
    }
}

impl Clock for Hands {
    fn wall(&self) -> Time {
        Time::from_unix_ms(self.0.lock().unwrap().0)
    }

    fn boot(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_eight_hours_of_suspend_and_three_idle_days_a_proposal_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let hands = Hands::new();
    let fresh = serve(support::config_with(folder.path(), hands.clone()));
    let world = fresh.found(hands.wall()).await;
    // The session of the founding lasts an hour; the agent stays.
    let agent = connect(&world, &hands).await;
    for gap in [Duration::from_hours(8), Duration::from_hours(72)] {
        let (stale, _) = world.propose(&agent, &["before"]).await;
        hands.pass(gap);
        let view: Value = world
            .get(
                &format!("/v1/actions/{}?wait=5", stale.action),
                &agent.token,
            )
            .await
            .json();
        assert_eq!(view["status"], "expired");
        let (propose, ack) = world.propose(&agent, &["after"]).await;
        assert_eq!(leaf(&ack, 0).kind(), Kind::ActionProposed);
        assert_eq!(
            world.status(&agent, propose.action).await["status"],
            "pending"
        );
    }
    world.stop().await;
}

async fn connect(world: &World, hands: &Hands) -> support::Held {
    // The support crate's envelopes use the real clock, which these hands
    // started from.
    assert!(hands.wall().distance_ms(support::now()) < 60_000);
    world.connect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_verdict_and_a_late_redemption_are_refused_and_a_permit_lapses_once() {
    let folder = tempfile::tempdir().unwrap();
    let hands = Hands::new();
    let fresh = serve(support::config_with(folder.path(), hands.clone()));
    let world = fresh.found(hands.wall()).await;
    let agent = connect(&world, &hands).await;

    let (late, late_ack) = world.propose(&agent, &["late"]).await;
    let (propose, ack) = world.propose(&agent, &["deploy"]).await;
    world.decide(&ack, Verdict::Approve, "").await;
    let first: Value = world.permit(&agent, propose.action).await.json();

    // Five minutes: the permit lapses, the approval holds.
    hands.pass(Duration::from_secs(301));
    let redeem = |permit: &Value| json!({ "permit": permit["permit"], "action_digest": commit(&propose.payload) });
    let path = format!("/v1/actions/{}/redeem", propose.action);
    let refused = world
        .post(&path, &agent.token, &redeem(&first))
        .await
        .refused();
    assert!(
        ["bad_permit", "permit_not_in_force"].contains(&refused.as_str()),
        "{refused}"
    );
    let second: Value = world.permit(&agent, propose.action).await.json();
    assert_ne!(first["permit"], second["permit"]);
    assert_eq!(
        world
            .post(&path, &agent.token, &redeem(&first))
            .await
            .refused(),
        "bad_permit"
    );
    let _: Ack = world
        .post(&path, &agent.token, &redeem(&second))
        .await
        .json();

    // Fifteen minutes: the other proposal expired.
    hands.pass(Duration::from_secs(600));
    let draft = world
        .draft_at(&late_ack, Verdict::Approve, "", hands.wall())
        .await;
    let reply = world
        .act(
            Some(&world.session),
            &draft.start(),
            &support::Forgery::default(),
        )
        .await;
    assert!(["too_late", "not_pending"].contains(&reply.refused().as_str()));
    assert_eq!(world.status(&agent, late.action).await["status"], "expired");

    // An approval that nobody used runs out for good.
    let (unused, ack) = world.propose(&agent, &["unused"]).await;
    let draft = world
        .draft_at(&ack, Verdict::Approve, "", hands.wall())
        .await;
    let _: Value = world
        .act(
            Some(&world.session),
            &draft.start(),
            &support::Forgery::default(),
        )
        .await
        .json();
    hands.pass(Duration::from_secs(901));
    assert_eq!(
        world.permit(&agent, unused.action).await.refused(),
        "too_late"
    );

    world.stop().await;
    let mut replay = vidimus_verify::replay::Replay::new();
    for leaf in World::leaves(folder.path()) {
        replay.push(leaf.as_bytes()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turned_clock_stops_signing_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let hands = Hands::new();
    let fresh = serve(support::config_with(folder.path(), hands.clone()));
    let world = fresh.found(hands.wall()).await;
    let agent = connect(&world, &hands).await;
    let checkpoint =
        async || -> Value { world.call(Method::GET, "/v1/log", None, None).await.json() };
    for turned in [-3_600_000, 3_600_000] {
        let signed = checkpoint().await;
        hands.turn(turned);
        let propose = support::proposal(&["x"]);
        assert_eq!(
            world
                .post("/v1/actions", &agent.token, &propose)
                .await
                .refused(),
            "clock",
            "{turned}"
        );
        // It is old by either clock, and not signed anew.
        assert_eq!(checkpoint().await, signed, "{turned}");
        hands.turn(-turned);
        let _: Ack = world
            .post("/v1/actions", &agent.token, &propose)
            .await
            .json();
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_a_nonce_run_out() {
    let folder = tempfile::tempdir().unwrap();
    let hands = Hands::new();
    let fresh = serve(support::config_with(folder.path(), hands.clone()));
    let world = fresh.found(hands.wall()).await;
    let agent = connect(&world, &hands).await;
    let (_, ack) = world.propose(&agent, &["deploy"]).await;
    let mut draft = world
        .draft_at(&ack, Verdict::Approve, "", hands.wall())
        .await;

    hands.pass(Duration::from_secs(301));
    draft.envelope.issued_at = hands.wall();
    draft.envelope.expires_at = hands.wall().plus_seconds(120);
    let late = world
        .act(Some(&world.session), &draft.start(), &Forgery::default())
        .await;
    assert_eq!(late.refused(), "nonce_used");

    // An envelope that runs out between page and key.
    let item = SessionItem {
        expires_at: hands.wall().plus_seconds(1000),
        token_hash: token_hash("late"),
    };
    let mut start = world.one(ActType::SessionOpened, &item).await;
    start.envelope.issued_at = hands.wall();
    start.envelope.expires_at = hands.wall().plus_seconds(60);
    let prompt = world.begin(None, &start).await.ok().unwrap();
    hands.pass(Duration::from_secs(61));
    let answer = world.answer(&world.key, &start, &Forgery::default()).await;
    let path = format!("{prompt}/assertion");
    let late = world.call(Method::POST, &path, None, Some(&answer)).await;
    assert_eq!(late.refused(), "envelope_expired");

    // Unused nonces make room again.
    let nonce = async || world.call(Method::POST, "/v1/nonces", None, None).await;
    for _ in 0..1000 {
        nonce().await;
    }
    assert_eq!(nonce().await.refused(), "too_many_nonces");
    hands.pass(Duration::from_secs(301));
    assert_eq!(nonce().await.status, 200);

    let session: Value = world.get("/v1/session", &world.session).await.json();
    assert!(session["expires_at"].is_string());
    hands.pass(Duration::from_hours(1));
    assert_eq!(
        world.get("/v1/session", &world.session).await.refused(),
        "unauthorised"
    );
    world.stop().await;
}
