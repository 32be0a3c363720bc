//! Each refusal on the way to a decision or a run: one thing forged at a time.
#![allow(clippy::unwrap_used)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Draft, Forgery, World, commit, content, now, random16, random32};
use vidimus_ledger::tree::{leaf_hash, root_of};
use vidimus_protocol::api::{Ack, Propose};
use vidimus_protocol::envelope::{ActType, Assertion, Decimal, SessionItem, Verdict, token_hash};
use vidimus_protocol::{ActionId, Blob, Digest, ReviewerId, Time};

struct Case {
    what: &'static str,
    forge: fn(Draft) -> Draft,
    forgery: Forgery,
    code: &'static str,
}

fn case(what: &'static str, code: &'static str, forge: fn(Draft) -> Draft) -> Case {
    Case {
        what,
        forge,
        forgery: Forgery::default(),
        code,
    }
}

fn key_case(what: &'static str, client_data: fn(&mut Value), verifies: bool) -> Case {
    Case {
        what,
        forge: |draft| draft,
        forgery: Forgery {
            client_data,
            verifies,
        },
        code: "unverifiable",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_forged_verdict_is_refused_and_the_action_stays_pending() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world.propose(&agent, &["deploy"]).await;
    let cases = [
        case("changed reason", "wrong_reason", |mut draft| {
            draft.extras.reason = content("text/plain;charset=utf-8", b"something else");
            draft
        }),
        case("changed digest", "wrong_proposal", |mut draft| {
            draft.item.action_digest = random32();
            draft.root()
        }),
        case("another proposal's leaf", "wrong_proposal", |mut draft| {
            draft.item.proposal_leaf = random32();
            draft.root()
        }),
        case("another expiry", "wrong_proposal", |mut draft| {
            draft.item.expires_at = draft.item.expires_at.plus_seconds(1);
            draft.root()
        }),
        case("item not under the root", "wrong_items", |mut draft| {
            draft.envelope.items_root = random32();
            draft
        }),
        case("another log", "other_log", |mut draft| {
            draft.envelope.log = random32();
            draft
        }),
        case("invented nonce", "nonce_used", |mut draft| {
            draft.envelope.nonce = random32();
            draft
        }),
        case("invented pin", "unverifiable", |mut draft| {
            draft.envelope.pinned_root = random32();
            draft
        }),
        case("pin beyond the log", "unverifiable", |mut draft| {
            draft.envelope.pinned_size = Decimal(1_000);
            draft
        }),
        case("issued long ago", "clock_skew", |mut draft| {
            draft.envelope.issued_at = Time::from_unix_ms(now().unix_ms() - 130_000);
            draft
        }),
        case("envelope expired", "envelope_expired", |mut draft| {
            draft.envelope.expires_at = draft.envelope.issued_at;
            draft
        }),
        case("payload not seen", "wrong_seen", |mut draft| {
            draft
                .extras
                .seen
                .parts
                .retain(|part| part.name != "payload");
            draft.seal()
        }),
        case("context not seen", "wrong_seen", |mut draft| {
            draft
                .extras
                .seen
                .parts
                .retain(|part| part.name != "context");
            draft.seal()
        }),
        case("seen changed after signing", "wrong_seen", |mut draft| {
            draft.extras.seen.renderer = "liar/1".into();
            draft
        }),
        case("unknown action", "unknown_action", |mut draft| {
            draft.item.action = ActionId::from_random(random16());
            draft.root()
        }),
        case("somebody else signs", "foreign_credential", |mut draft| {
            draft.envelope.signer = ReviewerId::from_random(random16());
            draft
        }),
        key_case(
            "wrong origin",
            |data| data["origin"] = json!("http://localhost:1"),
            true,
        ),
        key_case(
            "origin with a path",
            |data| data["origin"] = json!(format!("{}/", data["origin"].as_str().unwrap())),
            true,
        ),
        key_case(
            "cross-origin",
            |data| data["crossOrigin"] = json!(true),
            true,
        ),
        key_case(
            "top origin",
            |data| data["topOrigin"] = json!("http://evil.example"),
            true,
        ),
        key_case(
            "registration instead of assertion",
            |data| data["type"] = json!("webauthn.create"),
            true,
        ),
        key_case(
            "another challenge",
            |data| data["challenge"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            true,
        ),
        key_case("no user verification", |_| {}, false),
    ];
    for Case {
        what,
        forge,
        forgery,
        code,
    } in cases
    {
        let draft = forge(world.draft(&ack, Verdict::Approve, "fine").await);
        let reply = world
            .act(Some(&world.session), &draft.start(), &forgery)
            .await;
        assert_eq!(reply.refused(), code, "{what}");
        assert_eq!(
            world.status(&agent, propose.action).await["status"],
            "pending",
            "{what}"
        );
    }
    // A pin that is true and older than the proposal.
    let mut draft = world.draft(&ack, Verdict::Approve, "").await;
    let leaves: Vec<_> = World::leaves(folder.path())
        .iter()
        .take(2)
        .map(|leaf| leaf_hash(leaf.as_bytes()))
        .collect();
    draft.envelope.pinned_size = Decimal(2);
    draft.envelope.pinned_root = Digest(root_of(&leaves));
    let reply = world
        .act(Some(&world.session), &draft.start(), &Forgery::default())
        .await;
    assert_eq!(reply.refused(), "stale_pin");

    // The same draft without a forgery is accepted: the cases above failed for
    // their own reason.
    world.decide(&ack, Verdict::Approve, "fine").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_has_one_try_and_one_type() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (_, ack) = world.propose(&agent, &["deploy"]).await;

    // A nonce is gone after one try, even a failed one.
    let draft = world.draft(&ack, Verdict::Deny, "").await;
    let failing = Forgery {
        verifies: false,
        ..Forgery::default()
    };
    assert_eq!(
        world
            .act(Some(&world.session), &draft.start(), &failing)
            .await
            .refused(),
        "unverifiable"
    );
    let replayed = world
        .act(Some(&world.session), &draft.start(), &Forgery::default())
        .await;
    assert_eq!(replayed.refused(), "nonce_used");

    // A sign-in cannot be used as a verdict, nor a verdict as a sign-in.
    let mut start = world.draft(&ack, Verdict::Approve, "").await.start();
    start.envelope.r#type = ActType::SessionOpened;
    assert_eq!(
        world.act(None, &start, &Forgery::default()).await.refused(),
        "malformed"
    );
    let item = SessionItem {
        expires_at: now().plus_seconds(60),
        token_hash: token_hash("x"),
    };
    let mut start = world.one(ActType::SessionOpened, &item).await;
    start.envelope.r#type = ActType::VerdictGiven;
    assert_eq!(
        world
            .act(Some(&world.session), &start, &Forgery::default())
            .await
            .refused(),
        "malformed"
    );

    // An assertion made for one type does not verify under another.
    let mut start = world.one(ActType::SessionOpened, &item).await;
    let challenge = start.envelope.challenge();
    start.envelope.r#type = ActType::AgentRegistered;
    assert_ne!(challenge, start.envelope.challenge());

    // A second enrolment is not for asking.
    let mut start = world.one(ActType::SessionOpened, &item).await;
    start.envelope.r#type = ActType::CredentialEnrolled;
    assert_eq!(
        world
            .act(Some(&world.session), &start, &Forgery::default())
            .await
            .refused(),
        "forbidden"
    );

    // Too long a session.
    let item = SessionItem {
        expires_at: now().plus_seconds(13 * 3600),
        token_hash: token_hash("y"),
    };
    let start = world.one(ActType::SessionOpened, &item).await;
    assert_eq!(
        world.act(None, &start, &Forgery::default()).await.refused(),
        "session_too_long"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_key_decides_nothing() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::new(one.path()).await;
    let other = World::new(two.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world.propose(&agent, &["deploy"]).await;
    let draft = world.draft(&ack, Verdict::Approve, "").await;
    let reply = world
        .act_with(
            &other.key,
            Some(&world.session),
            &draft.start(),
            &Forgery::default(),
        )
        .await;
    assert_eq!(reply.refused(), "unknown_credential");

    // Another key under the right key's id.
    let draft = world.draft(&ack, Verdict::Approve, "").await;
    let body = serde_json::to_value(draft.start()).unwrap();
    let started: Value = world
        .call(
            Method::POST,
            "/v1/ceremonies",
            Some(&world.session),
            Some(&body),
        )
        .await
        .json();
    let signed = support::assert_with(
        &other.key,
        &world.gateway.url(),
        draft.envelope.challenge(),
        &Forgery::default(),
    )
    .await;
    let forged = Assertion {
        credential_id: Blob(world.key.credential_id.to_vec()),
        ..signed
    };
    let path = format!(
        "/v1/ceremonies/{}/assertion",
        started["ceremony"].as_str().unwrap()
    );
    let reply = world
        .call(
            Method::POST,
            &path,
            None,
            Some(&json!({ "assertion": forged })),
        )
        .await;
    assert_eq!(reply.refused(), "unverifiable");

    // An envelope made for the other gateway's log.
    let (_, foreign_ack) = other.propose(&other.connect().await, &["deploy"]).await;
    let mut draft = other.draft(&foreign_ack, Verdict::Approve, "").await;
    draft.envelope.signer = world.reviewer;
    let nonce: Value = world
        .call(Method::POST, "/v1/nonces", None, None)
        .await
        .json();
    draft.envelope.nonce = nonce["nonce"].as_str().unwrap().parse().unwrap();
    draft.item.action = propose.action;
    let relayed = world
        .act(
            Some(&world.session),
            &draft.root().start(),
            &Forgery::default(),
        )
        .await;
    assert_eq!(relayed.refused(), "other_log");
    world.stop().await;
    other.stop().await;
}

async fn approved(world: &World, agent: &support::Held) -> (Propose, Value) {
    let (propose, ack) = world.propose(agent, &["deploy"]).await;
    world.decide(&ack, Verdict::Approve, "").await;
    let permit: Value = world.permit(agent, propose.action).await.json();
    (propose, permit["permit"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_runs_one_thing_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, permit) = approved(&world, &agent).await;
    let (other, other_permit) = approved(&world, &agent).await;
    let redeem = |propose: &Propose, permit: &Value| {
        (
            format!("/v1/actions/{}/redeem", propose.action),
            json!({ "permit": permit, "action_digest": commit(&propose.payload) }),
        )
    };
    // While a permit is in force, asking again gives the same one.
    let same: Value = world.permit(&agent, propose.action).await.json();
    assert_eq!(same["permit"], permit);

    let (path, good) = redeem(&propose, &permit);
    let refused = [
        (
            "other bytes",
            json!({ "permit": permit, "action_digest": random32() }),
            "wrong_digest",
        ),
        (
            "another action's permit",
            json!({ "permit": other_permit, "action_digest": good["action_digest"] }),
            "bad_permit",
        ),
        (
            "a torn permit",
            json!({ "permit": &permit.as_str().unwrap()[..40], "action_digest": good["action_digest"] }),
            "bad_permit",
        ),
        (
            "a changed signature",
            json!({ "permit": format!("{}AAAA", &permit.as_str().unwrap()[..permit.as_str().unwrap().len() - 4]), "action_digest": good["action_digest"] }),
            "bad_permit",
        ),
    ];
    for (what, body, code) in refused {
        assert_eq!(
            world.post(&path, &agent.token, &body).await.refused(),
            code,
            "{what}"
        );
    }
    // Another agent's token does not even see the action.
    let stranger = world.connect().await;
    assert_eq!(
        world.post(&path, &stranger.token, &good).await.refused(),
        "unknown_action"
    );

    let bundle: Ack = world.post(&path, &agent.token, &good).await.json();
    assert_eq!(bundle.entries.len(), 8);
    assert_eq!(
        world.post(&path, &agent.token, &good).await.refused(),
        "permit_not_in_force"
    );
    assert_eq!(
        world.permit(&agent, propose.action).await.refused(),
        "permit_exists"
    );
    let withdraw = format!("/v1/actions/{}/withdraw", propose.action);
    assert_eq!(
        world
            .call(Method::POST, &withdraw, Some(&agent.token), None)
            .await
            .refused(),
        "not_pending"
    );

    // An outcome needs a redemption, and is told once.
    let report =
        json!({ "duration_ms": 1, "outcome": { "exited": { "code": 0 } }, "output_omitted": 0 });
    let early = format!("/v1/actions/{}/outcome", other.action);
    assert_eq!(
        world.post(&early, &agent.token, &report).await.refused(),
        "not_running"
    );
    let path = format!("/v1/actions/{}/outcome", propose.action);
    let _: Ack = world.post(&path, &agent.token, &report).await.json();
    let changed =
        json!({ "duration_ms": 1, "outcome": { "exited": { "code": 1 } }, "output_omitted": 0 });
    assert_eq!(
        world.post(&path, &agent.token, &changed).await.refused(),
        "not_running"
    );
    world.stop().await;
}
