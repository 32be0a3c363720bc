//! Who may ask what, requests that are hostile, and what must not leak.
#![allow(clippy::unwrap_used)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{World, commit, leaf};
use vidimus_protocol::api::Propose;
use vidimus_protocol::envelope::Verdict;

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_token_decides_nothing_and_a_session_proposes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world.propose(&agent, &["deploy"]).await;
    let start = world.draft(&ack, Verdict::Approve, "").await.start();
    let body = serde_json::to_value(&start).unwrap();
    let started: Value = world
        .call(
            Method::POST,
            "/v1/ceremonies",
            Some(&world.session),
            Some(&body),
        )
        .await
        .json();
    let ceremony = format!("/v1/ceremonies/{}", started["ceremony"].as_str().unwrap());
    let deciding = [
        (Method::POST, "/v1/nonces".to_owned(), None),
        (
            Method::POST,
            "/v1/ceremonies".to_owned(),
            Some(body.clone()),
        ),
        (Method::GET, ceremony.clone(), None),
        (Method::GET, format!("{ceremony}/page"), None),
        (Method::DELETE, ceremony.clone(), None),
        (
            Method::POST,
            format!("{ceremony}/code"),
            Some(json!({ "code": "1" })),
        ),
        (
            Method::POST,
            format!("{ceremony}/registration"),
            Some(json!({})),
        ),
        (
            Method::POST,
            format!("{ceremony}/assertion"),
            Some(json!({})),
        ),
        (Method::GET, "/v1/session".to_owned(), None),
        (Method::DELETE, "/v1/session".to_owned(), None),
        (
            Method::GET,
            format!("/v1/parts/{}/payload", ack.entries[0].index),
            None,
        ),
    ];
    for (method, path, body) in deciding {
        let reply = world
            .call(method.clone(), &path, Some(&agent.token), body.as_ref())
            .await;
        assert_eq!(reply.refused(), "forbidden", "{method} {path}");
    }
    let feed = world
        .http
        .get(format!("{}/v1/feed?from=0", world.gateway.url()))
        .bearer_auth(&agent.token)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(feed.send().await.unwrap().status(), 403);

    let action = propose.action;
    for (method, path) in [
        (Method::POST, "/v1/actions".to_owned()),
        (Method::GET, format!("/v1/actions/{action}")),
        (Method::POST, format!("/v1/actions/{action}/withdraw")),
        (Method::POST, format!("/v1/actions/{action}/permit")),
        (Method::POST, format!("/v1/actions/{action}/redeem")),
        (Method::POST, format!("/v1/actions/{action}/outcome")),
        (Method::GET, "/v1/agent".to_owned()),
    ] {
        for token in [None, Some(world.session.as_str()), Some("nonsense")] {
            let reply = world.call(method.clone(), &path, token, None).await;
            assert_eq!(reply.refused(), "unauthorised", "{method} {path} {token:?}");
        }
    }
    // Nobody without a session begins a verdict.
    assert_eq!(
        world
            .call(Method::POST, "/v1/ceremonies", None, Some(&body))
            .await
            .refused(),
        "unauthorised"
    );
    assert_eq!(world.status(&agent, action).await["status"], "pending");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let url = world.gateway.url();
    let good = serde_json::to_string(&support::proposal(&["x"])).unwrap();
    let send = |body: String| {
        world
            .http
            .post(format!("{url}/v1/actions"))
            .bearer_auth(&agent.token)
            .header("content-type", "application/json")
            .body(body)
    };
    for (what, body, status) in [
        (
            "duplicate key",
            good.replacen('{', r#"{"ttl_s":1,"ttl_s":2,"#, 1),
            400,
        ),
        (
            "unknown field",
            good.replacen('{', r#"{"approved":true,"#, 1),
            400,
        ),
        (
            "unsafe number",
            good.replacen('{', r#"{"ttl_s":9007199254740993,"#, 1),
            400,
        ),
        ("float", good.replacen('{', r#"{"ttl_s":1.5,"#, 1), 400),
        ("no JSON", "hello".to_owned(), 400),
        (
            "deep",
            format!("{}{}", "[".repeat(100), "]".repeat(100)),
            400,
        ),
    ] {
        assert_eq!(send(body).send().await.unwrap().status(), status, "{what}");
    }
    let typed = world
        .http
        .post(format!("{url}/v1/actions"))
        .bearer_auth(&agent.token)
        .header("content-type", "text/plain")
        .body(good);
    assert_eq!(typed.send().await.unwrap().status(), 415);
    for (what, spoil) in [
        (
            "not canonical",
            (|bytes: &mut Vec<u8>| bytes.push(b' ')) as fn(&mut Vec<u8>),
        ),
        ("not an action", |bytes| *bytes = b"{}".to_vec()),
    ] {
        let mut propose = support::proposal(&["x"]);
        spoil(&mut propose.payload.bytes.0);
        assert_eq!(
            world
                .post("/v1/actions", &agent.token, &propose)
                .await
                .refused(),
            "bad_payload",
            "{what}"
        );
    }
    // What the framework refuses has the one form of errors too.
    let action = support::proposal(&["x"]).action;
    for (method, path) in [
        (Method::GET, format!("/v1/actions/{action}?wait=soon")),
        (Method::GET, format!("/v1/actions/{action}?until=1")),
        (Method::GET, "/v1/actions/nonsense".to_owned()),
    ] {
        let reply = world.call(method, &path, Some(&agent.token), None).await;
        assert_eq!(reply.refused(), "malformed", "{path}");
    }
    // The same id for something else.
    let (propose, _) = world.propose(&agent, &["x"]).await;
    let other = Propose {
        action: propose.action,
        ..support::proposal(&["y"])
    };
    assert_eq!(
        world
            .post("/v1/actions", &agent.token, &other)
            .await
            .refused(),
        "action_exists"
    );

    // The same proposal of another agent, and with another context.
    let stranger = world.connect().await;
    let same = world.post("/v1/actions", &stranger.token, &propose).await;
    assert_eq!(same.refused(), "action_exists");
    for other in [
        Propose {
            context: None,
            ..propose.clone()
        },
        Propose {
            payload: support::proposal(&["y"]).payload,
            ..propose.clone()
        },
        Propose {
            run: "other".parse().ok(),
            ..propose.clone()
        },
    ] {
        let other = world.post("/v1/actions", &agent.token, &other).await;
        assert_eq!(other.refused(), "action_exists");
    }
    let mut torn = support::proposal(&["x"]);
    torn.context.as_mut().unwrap().bytes.0.push(b' ');
    let torn = world.post("/v1/actions", &agent.token, &torn).await;
    assert_eq!(torn.refused(), "bad_context");

    // Pages of other origins, and names that resolve here.
    for (header, value, status) in [
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("host", "evil.example", 421),
        ("host", "localhost", 421),
    ] {
        let reply = world
            .http
            .get(format!("{url}/v1/log"))
            .header(header, value)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), status, "{header}: {value}");
    }
    let own = world
        .http
        .get(format!("{url}/v1/log"))
        .header("origin", &url)
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_not_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world
        .propose(&agent, &["deploy", "--marker-in-payload"])
        .await;
    world
        .decide(&ack, Verdict::Approve, "marker-in-reason")
        .await;
    let permit: Value = world.permit(&agent, propose.action).await.json();
    let leaves = World::leaves(folder.path()).join("\n");
    for secret in [
        &world.session,
        &agent.token,
        permit["permit"].as_str().unwrap(),
        "--marker-in-payload",
        "marker-in-reason",
        &propose.payload.salt.to_string(),
    ] {
        assert!(!leaves.contains(secret), "{secret} stands in a leaf");
    }
    assert!(leaves.contains(&commit(&propose.payload).to_string()));
    assert_eq!(leaf(&ack, 0).parts.len(), 2);
    world.stop().await;
}

/// What the gateway answers to these bytes until it ends the connection.
async fn raw(world: &World, request: String) -> String {
    let port = world.gateway.port();
    let asked = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket
            .set_read_timeout(Some(std::time::Duration::from_secs(10)))
            .unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).unwrap();
        reply
    });
    asked.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_for_this_gateways_pages_only() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let url = world.gateway.url();
    for path in ["/v1/log", "/c/ceremony.js", "/nothing"] {
        let reply = world.http.get(format!("{url}{path}")).send().await.unwrap();
        for (header, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(reply.headers()[header], value, "{path}");
        }
    }
    let page = world.http.get(format!("{url}/c/ceremony.js")).send().await;
    let policy = page.unwrap().headers()["content-security-policy"].clone();
    for rule in ["default-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.to_str().unwrap().contains(rule), "{policy:?}");
    }

    let nonsense = world.http.get(format!("{url}/c/nonsense")).send().await;
    assert_eq!(nonsense.unwrap().status(), 404);

    // A request that names no host at all, and one whose body is not read.
    let too_long = format!(
        "POST /v1/actions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 3000000\r\n\r\n",
        url.trim_start_matches("http://"),
        agent.token
    );
    for (request, status) in [
        ("GET /v1/log HTTP/1.0\r\n\r\n".to_owned(), " 421 "),
        (too_long, " 413 "),
    ] {
        let reply = raw(&world, request).await;
        let (head, _) = reply.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1."), "{head}");
        assert!(head.contains(status), "{head}");
        assert!(
            status == " 421 " || head.contains("connection: close"),
            "{head}"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fills_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let (agent, other) = (world.connect().await, world.connect().await);
    for _ in 0..1000 {
        world.propose(&agent, &["again"]).await;
    }
    let propose = support::proposal(&["again"]);
    let more = world.post("/v1/actions", &agent.token, &propose).await;
    assert_eq!(more.refused(), "too_many_pending");
    // Another agent is not kept out.
    world.propose(&other, &["deploy"]).await;

    let nonce = async |token| world.call(Method::POST, "/v1/nonces", token, None).await;
    for _ in 0..1000 {
        nonce(None).await;
    }
    assert_eq!(nonce(None).await.refused(), "too_many_nonces");
    // Nor is whoever has a session.
    assert_eq!(nonce(Some(world.session.as_str())).await.status, 200);
    world.stop().await;
}
