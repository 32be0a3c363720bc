//! Each refusal on the way to a decision or a run: one thing forged at a time.
#![allow(clippy::unwrap_used)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Draft, Forgery, World, content, now, random16, random32};
use vidimus_ledger::tree::{leaf_hash, root_of};
use vidimus_protocol::api::StartCeremony;
use vidimus_protocol::envelope::{ActType, Decimal, Envelope, SessionItem, Verdict, token_hash};
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
        case("a reason that is no text", "wrong_reason", |mut draft| {
            draft.extras.reason = content("text/plain;charset=utf-8", b"\xff");
            draft.seal()
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

    // A prompt is answered once, and what is done cannot be cancelled.
    let item = SessionItem {
        expires_at: now().plus_seconds(60),
        token_hash: token_hash("once"),
    };
    let start = world.one(ActType::SessionOpened, &item).await;
    let prompt = world.begin(None, &start).await.ok().unwrap();
    let answer = world.answer(&world.key, &start, &Forgery::default()).await;
    let path = format!("{prompt}/assertion");
    let done: Value = world
        .call(Method::POST, &path, None, Some(&answer))
        .await
        .json();
    assert_eq!(done["state"], "done");
    let again = world.call(Method::POST, &path, None, Some(&answer)).await;
    assert_eq!(again.refused(), "out_of_order");
    world.call(Method::DELETE, &prompt, None, None).await;
    let still: Value = world.call(Method::GET, &prompt, None, None).await.json();
    assert_eq!(still["state"], "done");

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

/// Sessions do not stand in the ledger, so nobody but the gateway checks a sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_sign_in_opens_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    world.connect().await;
    let first = leaf_hash(World::leaves(folder.path())[0].as_bytes());
    let good = || SessionItem {
        expires_at: now().plus_seconds(3600),
        token_hash: token_hash("forged"),
    };
    let over = SessionItem {
        expires_at: now(),
        ..good()
    };
    let forged = |client_data: fn(&mut Value), verifies| Forgery {
        client_data,
        verifies,
    };
    let honest = Forgery::default;
    let elsewhere: fn(&mut Value) = |data| data["origin"] = json!("http://localhost:1");
    type Forge<'a> = &'a dyn Fn(&mut Envelope);
    let cases: [(&str, &str, SessionItem, Forge<'_>, Forgery); 10] = [
        (
            "not verified",
            "unverifiable",
            good(),
            &|_| {},
            forged(|_| {}, false),
        ),
        (
            "wrong origin",
            "unverifiable",
            good(),
            &|_| {},
            forged(elsewhere, true),
        ),
        ("over already", "session_too_long", over, &|_| {}, honest()),
        (
            "for somebody else",
            "foreign_credential",
            good(),
            &|envelope| envelope.signer = ReviewerId::from_random(random16()),
            honest(),
        ),
        (
            "pinned before its key",
            "stale_pin",
            good(),
            &|envelope| {
                envelope.pinned_size = Decimal(1);
                envelope.pinned_root = Digest(root_of(&[first]));
            },
            honest(),
        ),
        (
            "invented pin",
            "unverifiable",
            good(),
            &|envelope| envelope.pinned_root = random32(),
            honest(),
        ),
        (
            "pin beyond the log",
            "unverifiable",
            good(),
            &|envelope| envelope.pinned_size = Decimal(1000),
            honest(),
        ),
        (
            "another log",
            "other_log",
            good(),
            &|envelope| envelope.log = random32(),
            honest(),
        ),
        (
            "invented nonce",
            "nonce_used",
            good(),
            &|envelope| envelope.nonce = random32(),
            honest(),
        ),
        (
            "envelope expired",
            "envelope_expired",
            good(),
            &|envelope| envelope.expires_at = envelope.issued_at,
            honest(),
        ),
    ];
    for (what, code, item, forge, forgery) in cases {
        let mut start = world.one(ActType::SessionOpened, &item).await;
        forge(&mut start.envelope);
        let refused = world.act(None, &start, &forgery).await.refused();
        assert_eq!(refused, code, "{what}");
    }
    assert_eq!(
        world.get("/v1/session", "forged").await.refused(),
        "unauthorised"
    );

    // A session that ended stays over, and an open one open, after a restart.
    let (open, ended) = (world.sign_in().await, world.sign_in().await);
    let gone = world.call(Method::DELETE, "/v1/session", Some(&ended), None);
    assert_eq!(gone.await.status, 204);
    world.stop().await;
    let fresh = support::serve(support::config(folder.path()));
    for (token, status) in [(&open, 200), (&ended, 401)] {
        let url = format!("{}/v1/session", fresh.gateway.url());
        let reply = fresh.http.get(url).bearer_auth(token).send().await;
        assert_eq!(reply.unwrap().status(), status);
    }
    fresh.stop().await;
}

/// What the page would show is checked before there is a page.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_count_is_not_shown_to_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (_, ack) = world.propose(&agent, &["deploy"]).await;
    let good = world.draft(&ack, Verdict::Approve, "fine").await;
    let start = async |what: &str, start: &StartCeremony, code: &str| {
        let begun = world.begin(Some(&world.session), start).await;
        assert_eq!(begun.err().unwrap().refused(), code, "{what}");
    };

    let mut draft = good.clone();
    draft.envelope.signer = ReviewerId::from_random(random16());
    start("somebody else", &draft.start(), "foreign_credential").await;
    let mut draft = good.clone();
    draft.item.action_digest = random32();
    start("another payload", &draft.root().start(), "wrong_proposal").await;
    let mut draft = good.clone();
    draft.extras.reason = content("text/plain;charset=utf-8", b"other");
    start("another reason", &draft.start(), "wrong_reason").await;
    let mut draft = good.clone();
    draft.extras.seen.renderer = "liar/1".into();
    start("something else seen", &draft.start(), "wrong_seen").await;
    let mut several = good.start();
    several.items.push(several.items[0].clone());
    start("two items", &several, "item_count").await;
    several.items.clear();
    start("no item", &several, "item_count").await;
    for act in [ActType::AgentRegistered, ActType::SessionOpened] {
        let wrong = world.one(act, &json!({ "name": "x" })).await;
        start("an item of another shape", &wrong, "malformed").await;
    }
    // An agent does not sign in.
    let item = SessionItem {
        expires_at: now().plus_seconds(60),
        token_hash: token_hash("x"),
    };
    let sign_in = world.one(ActType::SessionOpened, &item).await;
    let by_agent = world
        .act(Some(&agent.token), &sign_in, &Forgery::default())
        .await;
    assert_eq!(by_agent.refused(), "forbidden");

    world.decide(&ack, Verdict::Deny, "no").await;
    let late = world.draft(&ack, Verdict::Approve, "").await.start();
    start("decided already", &late, "not_pending").await;
    let opens = vidimus_gateway::NewSession {
        token_hash: token_hash("y"),
        expires_at: now().plus_seconds(60),
    };
    let again = world.gateway.found("Eve", opens).err().unwrap();
    assert_eq!(again.code, "already_set_up");
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
    let start = world.draft(&ack, Verdict::Approve, "").await.start();
    let prompt = world
        .begin(Some(&world.session), &start)
        .await
        .ok()
        .unwrap();
    let mut forged = world.answer(&other.key, &start, &Forgery::default()).await;
    forged["assertion"]["credential_id"] = json!(Blob(world.key.credential_id.to_vec()));
    let path = format!("{prompt}/assertion");
    let reply = world.call(Method::POST, &path, None, Some(&forged)).await;
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
