//! Logs and traces of a whole story, and what must not stand in them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};

use super::running::{PATIENCE, Person, Running, content, gateway, proposal};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A collector of traces.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let kept = collector.clone();
        let take = axum::routing::post(async move |body: Bytes| {
            kept.0.lock().unwrap().push(body);
            StatusCode::OK
        });
        let router = axum::Router::new().route("/v1/traces", take);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        (collector, url)
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.0.lock().unwrap();
        let decode = |body: &Bytes| ExportTraceServiceRequest::decode(body.clone()).unwrap();
        bodies
            .iter()
            .flat_map(|body| decode(body).resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key == name)?;
    match found.value.clone()?.value? {
        Attribute::StringValue(text) => Some(text),
        Attribute::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

/// What one story says that nobody may read in logs or traces.
struct Told {
    secrets: Vec<(&'static str, String)>,
    /// In paths, which are not written either.
    action: String,
    agent: String,
}

async fn story(home: &std::path::Path, running: &Running) -> Told {
    let person = Person::set_up(home, running).await;
    let token = person.connect(running).await;
    let propose = proposal("needle-in-the-payload", "needle-in-the-context");
    let body = serde_json::to_value(&propose).unwrap();
    let parent = format!("00-{TRACE}-{CALLER}-00");
    let (status, _) = running
        .ask(&token, "/v1/actions", &body, Some(&parent))
        .await;
    assert_eq!(status, 201);
    person
        .decide(running, propose.action, "approve", "needle-in-the-reason")
        .await;

    let action = propose.action.to_string();
    let at = |verb: &str| format!("/v1/actions/{action}/{verb}");
    let (_, permit) = running.ask(&token, &at("permit"), &Value::Null, None).await;
    let permit = permit["permit"].as_str().unwrap().to_owned();
    let digest = vidimus_ledger::part::commit(
        &propose.payload.salt.0,
        &propose.payload.r#type,
        &propose.payload.bytes.0,
    );
    let digest = vidimus_protocol::Digest(digest.unwrap());
    let redeem = json!({ "permit": permit, "action_digest": digest });
    assert_eq!(
        running.ask(&token, &at("redeem"), &redeem, None).await.0,
        200
    );
    let report = json!({
        "duration_ms": 1, "outcome": { "exited": { "code": 0 } }, "output_omitted": 0,
        "output": content("application/octet-stream", b"needle-in-the-output"),
    });
    assert_eq!(
        running.ask(&token, &at("outcome"), &report, None).await.0,
        200
    );
    // Errors repeat nothing either: a wrong token, a body that is not JSON.
    let wrong = "needle-in-the-token";
    assert_eq!(
        running
            .ask(wrong, "/v1/actions", &body, Some("00-zz-needle-01"))
            .await
            .0,
        401
    );
    let garbage = json!({ "needle-in-the-garbage": true });
    assert_eq!(
        running.ask(&token, "/v1/actions", &garbage, None).await.0,
        400
    );

    let cookie = person.cookie.split_once('=').unwrap().1.to_owned();
    let salt = propose.payload.salt.to_string();
    Told {
        agent: agent(&token, running).await,
        secrets: vec![
            ("the agent's token", token),
            ("the permit", permit),
            ("the browser's cookie", cookie),
            ("the code", person.code),
            ("a salt", salt),
            ("somebody's text", "needle".to_owned()),
        ],
        action,
    }
}

async fn agent(token: &str, running: &Running) -> String {
    let view = running
        .http
        .get(format!("{}/v1/agent", running.url))
        .bearer_auth(token);
    let view: Value = view.send().await.unwrap().json().await.unwrap();
    view["agent"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_traces_tell_the_way_of_an_action_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let (collector, endpoint) = Collector::start().await;
    let mut command = gateway(&home);
    command
        .args(["--log-format", "json"])
        .env("VIDIMUS_LOG", "trace")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let running = Running::start(&home, command).await;
    let told = story(&home, &running).await;
    let stderr = running.stop().await;

    let lines: Vec<Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    logged(&lines, &told);
    traced(&collector, &told);
}

fn logged(lines: &[Value], told: &Told) {
    let proposed: Vec<_> = lines
        .iter()
        .filter(|line| line["route"] == "/v1/actions" && line["status"] == 201)
        .collect();
    let [line] = proposed.as_slice() else {
        panic!("one line for one request: {proposed:?}");
    };
    assert_eq!(line["message"], "answered");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["agent"], told.agent);
    assert_eq!(line["trace_id"], TRACE);
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    let refused = lines.iter().find(|line| line["status"] == 401).unwrap();
    assert_eq!(refused["code"], "unauthorised");

    for line in lines {
        let mut line = line.clone();
        // Six digits of a time could be those of the code.
        for measured in ["timestamp", "duration_ms", "trace_id"] {
            line.as_object_mut().unwrap().remove(measured);
        }
        let line = line.to_string();
        for (what, secret) in &told.secrets {
            assert!(!line.contains(secret.as_str()), "{what} stands in {line}");
        }
        assert!(!line.contains(&told.action), "a path stands in {line}");
    }
}

fn traced(collector: &Collector, told: &Told) {
    let spans = collector.spans();
    let ours: Vec<_> = spans
        .iter()
        .filter(|span| const_hex::encode(&span.trace_id) == TRACE)
        .collect();
    let named = |name: &str| {
        let mut found = ours.iter().filter(|span| span.name == name);
        let span = found
            .next()
            .unwrap_or_else(|| panic!("no `{name}` in {ours:?}"));
        assert!(found.next().is_none(), "`{name}` twice");
        *span
    };
    let request = named("POST /v1/actions");
    assert_eq!(const_hex::encode(&request.parent_span_id), CALLER);
    assert_eq!(attribute(request, "http.route").unwrap(), "/v1/actions");
    assert_eq!(
        attribute(request, "http.response.status_code").unwrap(),
        "201"
    );
    assert_eq!(attribute(request, "vidimus.agent").unwrap(), told.agent);
    for step in ["judge", "commit", "sign"] {
        assert_eq!(named(step).parent_span_id, request.span_id, "{step}");
    }
    // The decision is another trace: the reviewer's.
    let decision = spans
        .iter()
        .rfind(|span| span.name == "POST /v1/ceremonies/{id}/assertion");
    let decision = decision.unwrap();
    assert_ne!(decision.trace_id, request.trace_id);
    let committed = |span: &&Span| span.name == "commit" && span.trace_id == decision.trace_id;
    assert!(spans.iter().any(|span| committed(&span)));

    for body in collector.0.lock().unwrap().iter() {
        let text = String::from_utf8_lossy(body);
        for (what, secret) in &told.secrets {
            assert!(!text.contains(secret.as_str()), "{what} stands in a trace");
        }
        assert!(!text.contains(&told.action), "a path stands in a trace");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_holds_nobody_up_and_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let mut command = gateway(&home);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50");
    let running = Running::start(&home, command).await;
    for _ in 0..10 {
        let log = running.http.get(format!("{}/v1/log", running.url)).send();
        assert_eq!(log.await.unwrap().status(), 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let began = Instant::now();
    let stderr = running.stop().await;
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(
        stderr.matches("traces cannot be exported").count(),
        1,
        "{stderr}"
    );
}

#[test]
fn what_cannot_be_used_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, words) in [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://u:secret@x",
            "must begin with `http://`",
        ),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "localhost:4318",
            "must begin with `http://`",
        ),
        (
            "VIDIMUS_LOG",
            "vidimus=loud",
            "`VIDIMUS_LOG` cannot be used",
        ),
    ] {
        let output = gateway(folder.path()).env(name, value).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(words) && !stderr.contains("secret"),
            "{stderr}"
        );
    }
}
