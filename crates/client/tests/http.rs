//! What the client sends, and what it takes for an answer.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use vidimus_client::gateway::MAX_REPLY;
use vidimus_client::{ClientError, Gateway, Token};
use vidimus_protocol::api::{ActionStatus, Redeem};
use vidimus_protocol::{ActionId, Blob, Digest};

struct Seen {
    line: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A gateway that gives every request the same answer.
async fn answering(status: u16, body: impl Into<Vec<u8>>) -> (Gateway, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (kept, body) = (seen.clone(), body.into());
    let app = Router::new().fallback(move |request: Request| {
        let (kept, body) = (kept.clone(), body.clone());
        async move {
            let (parts, sent) = request.into_parts();
            let body_sent = to_bytes(sent, 1 << 20).await.unwrap().to_vec();
            kept.lock().unwrap().push(Seen {
                line: format!("{} {}", parts.method, parts.uri),
                headers: parts.headers,
                body: body_sent,
            });
            Response::builder()
                .status(status)
                .header("location", "/v1/elsewhere")
                .body(Body::from(body))
                .unwrap()
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (Gateway::new(&url).unwrap(), seen)
}

fn token() -> Token {
    Blob(vec![7; 32]).to_string().parse().unwrap()
}

const ACTION: [u8; 16] = [1; 16];

#[tokio::test]
async fn a_request_has_its_route_token_and_body() {
    let (gateway, seen) = answering(200, r#"{"checkpoint":"","entries":[]}"#).await;
    let action = ActionId::from_random(ACTION);
    let redeem = Redeem {
        action_digest: Digest([2; 32]),
        permit: "permit".into(),
    };
    let gateway = gateway.with_token(&token());
    gateway.redeem(action, &redeem).await.unwrap();
    gateway.withdraw(action).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].line, format!("POST /v1/actions/{action}/redeem"));
    assert_eq!(
        seen[0].headers["authorization"],
        format!("Bearer {}", token().expose())
    );
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert_eq!(
        seen[0].body,
        format!(
            r#"{{"action_digest":"{}","permit":"permit"}}"#,
            redeem.action_digest
        )
        .as_bytes()
    );
    assert_eq!(seen[1].line, format!("POST /v1/actions/{action}/withdraw"));
    assert!(seen[1].body.is_empty());
}

#[tokio::test]
async fn without_a_token_none_is_sent() {
    let (gateway, seen) = answering(204, "").await;
    gateway.end_session().await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].line, "DELETE /v1/session");
    assert!(!seen[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_long_poll_says_how_long_it_waits() {
    let action = ActionId::from_random(ACTION);
    let view = format!(
        r#"{{"action":"{action}","expires_at":"2026-11-21T09:30:00.000Z","policy":[],"status":"pending"}}"#
    );
    let (gateway, seen) = answering(200, view).await;
    let view = gateway.action(action, 25, None).await.unwrap();
    assert_eq!(view.status, ActionStatus::Pending);
    assert_eq!(
        seen.lock().unwrap()[0].line,
        format!("GET /v1/actions/{action}?wait=25")
    );
}

/// The name stands in a leaf, which the gateway wrote.
#[tokio::test]
async fn a_parts_name_is_one_segment_whatever_it_holds() {
    let (gateway, seen) = answering(404, "").await;
    for name in ["payload", "a/../../b", "?x#y", "a b"] {
        gateway.part(7, name).await.unwrap_err();
    }
    let lines: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|seen| seen.line.clone())
        .collect();
    assert_eq!(
        lines,
        [
            "GET /v1/parts/7/payload",
            "GET /v1/parts/7/a%2F..%2F..%2Fb",
            "GET /v1/parts/7/%3Fx%23y",
            "GET /v1/parts/7/a%20b",
        ]
    );
}

#[tokio::test]
async fn a_refusal_is_the_gateways_own() {
    let body = r#"{"code":"too_late","detail":"it is over","status":410,"title":"too late","type":"urn:vidimus:problem:too_late"}"#;
    let (gateway, _) = answering(410, body).await;
    let error = gateway.agent().await.unwrap_err();
    assert_eq!(error.to_string(), "it is over");
    assert!(matches!(
        error,
        ClientError::Problem { problem, status: 410 } if problem.code == "too_late"
    ));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 307, 308] {
        let (gateway, seen) = answering(status, "").await;
        let error = gateway.with_token(&token()).agent().await.unwrap_err();
        assert!(matches!(error, ClientError::Malformed { .. }), "{error}");
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_refused() {
    for body in [
        "",
        "hello",
        r#"{"log":null,"log":null}"#,
        r#"{"more":1}"#,
        r#"{"log":"00"}"#,
    ] {
        let (gateway, _) = answering(200, body).await;
        let error = gateway.log().await.unwrap_err();
        assert!(matches!(error, ClientError::Malformed { .. }), "{body}");
    }
    let (gateway, _) = answering(500, "<html>").await;
    let error = gateway.log().await.unwrap_err();
    assert!(error.to_string().contains("500"), "{error}");
}

#[tokio::test]
async fn a_reply_has_its_limit() {
    let fits = format!("{}{{}}", " ".repeat(MAX_REPLY - 2));
    for (body, taken) in [(fits.clone(), true), (format!(" {fits}"), false)] {
        for status in [200, 400] {
            let (gateway, _) = answering(status, body.clone()).await;
            let result = gateway.log().await;
            assert_eq!(result.is_ok(), taken && status == 200);
            if !taken {
                let error = result.unwrap_err().to_string();
                assert!(error.contains("more than"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_gateway_that_is_not_there_got_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let gateway = Gateway::new(&format!("http://127.0.0.1:{port}")).unwrap();
    let error = gateway.log().await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(matches!(
        error,
        ClientError::Unreachable { sent: false, .. }
    ));
}

#[tokio::test]
async fn a_gateway_that_hangs_up_may_have_got_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            drop(stream);
        }
    });
    let gateway = Gateway::new(&url).unwrap();
    let error = gateway.log().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { sent: true, .. }),
        "{error:?}"
    );
}
