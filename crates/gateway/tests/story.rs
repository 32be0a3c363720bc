//! The whole way once, over HTTP, with a passkey.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use support::{World, commit, leaf, serve};
use vidimus_protocol::Blob;
use vidimus_protocol::api::{Ack, FeedMessage};
use vidimus_protocol::entry::{Data, Kind, Outcome, Resolution};
use vidimus_protocol::envelope::{Verdict, token_hash};
use vidimus_verify::replay::Replay;

#[tokio::test(flavor = "multi_thread")]
async fn held_signed_released_once_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let session: Value = world.get("/v1/session", &world.session).await.json();
    assert_eq!(session["reviewer"], world.reviewer.to_string());

    let agent = world.connect().await;
    let view: Value = world.get("/v1/agent", &agent.token).await.json();
    assert_eq!(
        (view["name"].as_str(), view["owner"].as_str()),
        (Some("builder"), Some("Ada"))
    );

    let (propose, ack) = world.propose(&agent, &["deploy", "--now"]).await;
    assert_eq!(
        world.status(&agent, propose.action).await["status"],
        "pending"
    );
    let again: Ack = world
        .post("/v1/actions", &agent.token, &propose)
        .await
        .json();
    assert_eq!(
        again.entries[0].leaf, ack.entries[0].leaf,
        "a repeated proposal is the same one"
    );

    let decided = world.decide(&ack, Verdict::Approve, "looks right").await;
    let kinds: Vec<_> = (0..3).map(|at| leaf(&decided, at).kind()).collect();
    assert_eq!(
        kinds,
        [Kind::VerdictGiven, Kind::ActionResolved, Kind::PermitIssued]
    );
    assert_eq!(
        world.status(&agent, propose.action).await["status"],
        "approved"
    );

    let permit: Value = world.permit(&agent, propose.action).await.json();
    let redeem = json!({ "permit": permit["permit"], "action_digest": commit(&propose.payload) });
    let path = format!("/v1/actions/{}/redeem", propose.action);
    let bundle: Ack = world.post(&path, &agent.token, &redeem).await.json();
    world.proven(&bundle);
    let kinds: Vec<_> = (0..bundle.entries.len())
        .map(|at| leaf(&bundle, at).kind())
        .collect();
    assert_eq!(
        kinds,
        [
            Kind::LogOpened,
            Kind::CredentialEnrolled,
            Kind::AgentRegistered,
            Kind::ActionProposed,
            Kind::VerdictGiven,
            Kind::ActionResolved,
            Kind::PermitIssued,
            Kind::PermitRedeemed
        ]
    );

    let report = json!({
        "duration_ms": 12, "outcome": Outcome::Exited { code: 3 }, "output_omitted": 0,
        "output": support::content("application/octet-stream", b"done\n"),
    });
    let path = format!("/v1/actions/{}/outcome", propose.action);
    let reported: Ack = world.post(&path, &agent.token, &report).await.json();
    let again: Ack = world.post(&path, &agent.token, &report).await.json();
    assert_eq!(again.entries[0].leaf, reported.entries[0].leaf);
    assert_eq!(
        world.status(&agent, propose.action).await["outcome"],
        json!({ "exited": { "code": 3 } })
    );

    let second = world.sign_in().await;
    let output: Value = world
        .get(
            &format!("/v1/parts/{}/output", reported.entries[0].index),
            &second,
        )
        .await
        .json();
    assert_eq!(output["bytes"], "ZG9uZQo");
    assert_eq!(
        world
            .call(Method::DELETE, "/v1/session", Some(&second), None)
            .await
            .status,
        204
    );
    assert_eq!(
        world.get("/v1/session", &second).await.refused(),
        "unauthorised"
    );

    world.stop().await;
    let mut replay = Replay::new();
    for leaf in World::leaves(folder.path()) {
        replay.push(leaf.as_bytes()).unwrap();
    }
    assert_eq!(replay.state().size(), 9);
    assert_eq!(replay.signatures(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_withdrawn_and_expired_do_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;

    let (denied, ack) = world.propose(&agent, &["rm", "-rf", "/"]).await;
    world.decide(&ack, Verdict::Deny, "not on my watch").await;
    let view = world.status(&agent, denied.action).await;
    assert_eq!(view["status"], "denied");
    let reason: vidimus_protocol::api::Content =
        serde_json::from_value(view["reason"].clone()).unwrap();
    assert_eq!(reason.bytes.0, b"not on my watch");
    assert_eq!(
        world.permit(&agent, denied.action).await.refused(),
        "not_approved"
    );

    let (withdrawn, ack) = world.propose(&agent, &["late"]).await;
    let path = format!("/v1/actions/{}/withdraw", withdrawn.action);
    let gone: Ack = world
        .call(Method::POST, &path, Some(&agent.token), None)
        .await
        .json();
    assert!(
        matches!(leaf(&gone, 0).data, Data::ActionResolved(data) if data.resolution == Resolution::Withdrawn)
    );
    let draft = world.draft(&ack, Verdict::Approve, "").await;
    let late = world
        .act(
            Some(&world.session),
            &draft.start(),
            &support::Forgery::default(),
        )
        .await;
    assert_eq!(late.refused(), "not_pending");

    let short = vidimus_protocol::api::Propose {
        ttl_s: Some(1),
        ..support::proposal(&["short"])
    };
    let _: Ack = world.post("/v1/actions", &agent.token, &short).await.json();
    let waited: Value = world
        .get(
            &format!("/v1/actions/{}?wait=10", short.action),
            &agent.token,
        )
        .await
        .json();
    assert_eq!(waited["status"], "expired");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founding_that_is_cancelled_half_way_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = support::serve(support::config(folder.path()));
    let opens = |token: &str| vidimus_gateway::NewSession {
        token_hash: vidimus_protocol::envelope::token_hash(token),
        expires_at: support::now().plus_seconds(60),
    };
    // Wrong codes end it.
    let founding = fresh.gateway.found("Ada", opens("a")).unwrap();
    let path = format!("/v1/ceremonies/{}/code", founding.ceremony);
    let wrong = json!({ "code": if founding.code == "000000" { "000001" } else { "000000" } });
    for _ in 0..5 {
        assert_eq!(
            fresh
                .call(Method::POST, &path, Some(&wrong))
                .await
                .refused(),
            "forbidden"
        );
    }
    let right = json!({ "code": founding.code });
    assert_eq!(
        fresh
            .call(Method::POST, &path, Some(&right))
            .await
            .refused(),
        "out_of_order"
    );

    // Registered, then cancelled before the second prompt.
    let (key, session, base, request) = fresh.register(support::now()).await;
    fresh.call(Method::DELETE, &base, None).await;
    let challenge: vidimus_protocol::Blob =
        serde_json::from_value(request["challenge"].clone()).unwrap();
    let challenge = vidimus_protocol::Digest(challenge.0.try_into().unwrap());
    let assertion = support::assert_with(
        &key,
        &fresh.gateway.url(),
        challenge,
        &support::Forgery::default(),
    )
    .await;
    let path = format!("{base}/assertion");
    let late = fresh
        .call(
            Method::POST,
            &path,
            Some(&json!({ "assertion": assertion })),
        )
        .await;
    assert_eq!(late.refused(), "out_of_order");
    assert_eq!(fresh.gateway.log(), None);
    assert!(World::leaves(folder.path()).is_empty());
    let url = fresh.gateway.url();
    let signed_in = fresh
        .http
        .get(format!("{url}/v1/session"))
        .bearer_auth(session)
        .send()
        .await
        .unwrap();
    assert_eq!(signed_in.status(), 401);

    // A wrong second signature leaves nothing either, and it can be begun anew.
    let (key, _, base, _) = fresh.register(support::now()).await;
    let other = support::assert_with(
        &key,
        &url,
        support::random32(),
        &support::Forgery::default(),
    )
    .await;
    let refused = fresh
        .call(
            Method::POST,
            &format!("{base}/assertion"),
            Some(&json!({ "assertion": other })),
        )
        .await;
    assert_eq!(refused.refused(), "unverifiable");
    assert_eq!(fresh.gateway.log(), None);
    let world = fresh.found(support::now()).await;
    assert!(
        world.gateway.found("Eve", opens("b")).is_err(),
        "there is one founding"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_answers_its_own_challenge() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = serve(support::config(folder.path()));
    let opens = vidimus_gateway::NewSession {
        token_hash: token_hash("a"),
        expires_at: support::now().plus_seconds(60),
    };
    assert_eq!(
        fresh.gateway.found(" Ada", opens).unwrap_err().code,
        "bad_name"
    );
    let founding = fresh.gateway.found("Ada", opens).unwrap();
    let base = format!("/v1/ceremonies/{}", founding.ceremony);
    let code = json!({ "code": founding.code });
    let mut options: Value = fresh
        .call(Method::POST, &format!("{base}/code"), Some(&code))
        .await
        .json();
    options["publicKey"]["challenge"] = json!(Blob(vec![0; 32]).to_string());
    let created = support::register_with(&fresh.gateway.url(), options)
        .await
        .1;
    let path = format!("{base}/registration");
    let refused = fresh.call(Method::POST, &path, Some(&created)).await;
    assert_eq!(refused.refused(), "registration_refused");
    fresh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_with_its_session() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    // Whoever claims more than there is sees how much there is.
    let Some(FeedMessage::Batch { leaves, .. }) = world.gateway.batch(1000).await.unwrap() else {
        panic!("no batch")
    };
    assert!(leaves.is_empty());

    let session = world.sign_in().await;
    let port = world.gateway.port();
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!(
        "GET /v1/feed?from=0 HTTP/1.1\r\nHost: localhost:{port}\r\n\
         Authorization: Bearer {session}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    world
        .call(Method::DELETE, "/v1/session", Some(&session), None)
        .await;
    let told = tokio::task::spawn_blocking(move || {
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        while !all.ends_with(b"unauthorised") {
            match socket.read(&mut some) {
                Ok(0) | Err(_) => break,
                Ok(count) => all.extend(&some[..count]),
            }
        }
        all
    });
    assert!(told.await.unwrap().ends_with(b"unauthorised"));
    world.stop().await;
}
