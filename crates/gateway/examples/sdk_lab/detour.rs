//! A forwarder before the gateway: what a broken network or a lying gateway does to an answer.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

/// What happens to the next answer to a path that ends so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    path: String,
    how: How,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    /// The gateway gets the request, and its answer is lost.
    Lose,
    /// Another answer comes in its place.
    Replace { status: u16, body: Value },
    /// Members of the answer are replaced.
    Merge(serde_json::Map<String, Value>),
}

#[derive(Clone)]
pub(crate) struct Detour {
    gateway: String,
    http: reqwest::Client,
    port: u16,
    faults: Arc<Mutex<Vec<Fault>>>,
}

impl Detour {
    pub(crate) async fn start(gateway: String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let detour = Self {
            gateway,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            port: listener.local_addr().unwrap().port(),
            faults: Arc::default(),
        };
        let routes = Router::new().fallback(forward).with_state(detour.clone());
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        detour
    }

    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(crate) fn push(&self, fault: Fault) {
        self.faults.lock().unwrap().push(fault);
    }

    fn take(&self, path: &str) -> Option<How> {
        let mut faults = self.faults.lock().unwrap();
        let at = faults
            .iter()
            .position(|fault| path.ends_with(&fault.path))?;
        Some(faults.remove(at).how)
    }
}

async fn forward(State(detour): State<Detour>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().unwrap().as_str();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut onward = detour
        .http
        .request(parts.method, format!("{}{target}", detour.gateway))
        .body(body);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = parts.headers.get(&name) {
            onward = onward.header(name, value);
        }
    }
    let answer = onward.send().await.unwrap();
    let status = answer.status();
    let body = answer.bytes().await.unwrap();
    match detour.take(parts.uri.path()) {
        None => respond(status, body.into()),
        Some(How::Lose) => respond(status, lost()),
        Some(How::Replace { status, body }) => respond(
            StatusCode::from_u16(status).unwrap(),
            body.to_string().into(),
        ),
        Some(How::Merge(members)) => respond(status, merged(&body, members)),
    }
}

fn respond(status: StatusCode, body: Body) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap()
}

/// The connection breaks before the answer is whole.
fn lost() -> Body {
    let pieces = [
        Ok(Bytes::from_static(b"{")),
        Err(std::io::Error::other("lost")),
    ];
    Body::from_stream(futures_util::stream::iter(pieces))
}

fn merged(body: &[u8], members: serde_json::Map<String, Value>) -> Body {
    let mut answer: serde_json::Map<String, Value> = serde_json::from_slice(body).unwrap();
    answer.extend(members);
    Value::Object(answer).to_string().into()
}
