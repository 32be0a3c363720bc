#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use vidimus_protocol::{Blob, Digest};

use super::*;
use crate::token::Token;

/// A gateway that says what the test tells it to, one list per connection.
#[derive(Clone, Default)]
struct Script {
    says: Arc<Mutex<Vec<Vec<Say>>>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

enum Say {
    Frame(Frame),
    /// Waits for any frame from the client.
    Hear,
    Nothing,
}

impl Script {
    /// Without a list the connection is closed at once.
    async fn serve(says: Vec<Vec<Say>>) -> (Self, Gateway) {
        let script = Self {
            says: Arc::new(Mutex::new(says)),
            ..Self::default()
        };
        let app = Router::new()
            .route("/v1/feed", get(feed))
            .with_state(script.clone());
        (script, serve(app).await)
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(query, _)| query.clone()).collect()
    }
}

async fn serve(app: Router) -> Gateway {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Gateway::new(&url).unwrap()
}

async fn feed(
    State(script): State<Script>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let token = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap().to_owned());
    let asked = (query.unwrap(), token.unwrap_or_default());
    script.asked.lock().unwrap().push(asked);
    let says = {
        let mut says = script.says.lock().unwrap();
        if says.is_empty() {
            Vec::new()
        } else {
            says.remove(0)
        }
    };
    upgrade.on_upgrade(|socket| speak(socket, says))
}

async fn speak(mut socket: WebSocket, says: Vec<Say>) {
    for say in says {
        match say {
            Say::Frame(frame) => socket.send(frame).await.unwrap(),
            Say::Hear => {
                socket.recv().await.unwrap().unwrap();
            }
            Say::Nothing => std::future::pending().await,
        }
    }
}

fn batch(from: u64, count: u64) -> FeedMessage {
    FeedMessage::Batch {
        checkpoint: "note".into(),
        consistency: vec![Digest([1; 32])],
        from,
        leaves: (from..from + count).map(|at| at.to_string()).collect(),
    }
}

fn say(message: &FeedMessage) -> Say {
    Say::Frame(Frame::text(serde_json::to_string(message).unwrap()))
}

fn disconnected(event: FeedEvent) -> ClientError {
    match event {
        FeedEvent::Disconnected { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

async fn first_refusal(says: Vec<Say>) -> ClientError {
    let (_, gateway) = Script::serve(vec![says]).await;
    let mut feed = Feed::new(&gateway, || 0);
    assert!(matches!(feed.next().await, FeedEvent::Connected));
    disconnected(feed.next().await)
}

#[tokio::test]
async fn resumes_where_the_caller_is() {
    let (script, gateway) = Script::serve(vec![
        vec![say(&batch(3, 2)), say(&batch(5, 0))],
        vec![say(&batch(5, 4))],
    ])
    .await;
    let token: Token = Blob(vec![7; 32]).to_string().parse().unwrap();
    let size = Arc::new(AtomicU64::new(3));
    let sizes = size.clone();
    let from = move || sizes.load(Ordering::SeqCst);
    let mut feed = Feed::new(&gateway.with_token(&token), from);
    let mut messages = Vec::new();
    while messages.len() < 3 {
        if let FeedEvent::Message(message) = feed.next().await {
            if let FeedMessage::Batch { from, leaves, .. } = &message {
                size.store(from + leaves.len() as u64, Ordering::SeqCst);
            }
            messages.push(message);
            assert_eq!(feed.failures, 0, "a message ends the row of failures");
        }
    }
    assert_eq!(messages, [batch(3, 2), batch(5, 0), batch(5, 4)]);
    let bearer = format!("Bearer {}", token.expose());
    let expected = ["from=3", "from=5"].map(|query| (query.to_owned(), bearer.clone()));
    assert_eq!(*script.asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn what_was_delivered_is_applied_before_the_feed_resumes() {
    let (script, gateway) = Script::serve(vec![vec![say(&batch(0, 5))]]).await;
    let size = Arc::new(AtomicU64::new(0));
    let sizes = size.clone();
    let feed = Feed::new(&gateway, move || sizes.load(Ordering::SeqCst));
    let (sink, mut events) = mpsc::channel(8);
    let running = tokio::spawn(feed.run(sink));
    while !matches!(events.recv().await.unwrap(), FeedEvent::Disconnected { .. }) {}
    // Long enough for the next attempt, were it not for the batch.
    sleep(SHORTEST * 3).await;
    assert_eq!(script.asked(), ["from=0"]);
    size.store(5, Ordering::SeqCst);
    assert!(matches!(events.recv().await, Some(FeedEvent::Connected)));
    assert_eq!(script.asked(), ["from=0", "from=5"]);
    drop(events);
    running.await.unwrap();
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let (_, gateway) =
        Script::serve(vec![vec![say(&batch(0, 1)), Say::Hear, say(&batch(1, 1))]]).await;
    let mut feed = Feed::new(&gateway, || 0);
    let mut messages = Vec::new();
    while messages.len() < 2 {
        let wait = timeout(Duration::from_micros(300), feed.next());
        match wait.await {
            Ok(FeedEvent::Message(message)) => {
                messages.push(message);
                if let Some(socket) = &mut feed.socket {
                    use futures_util::SinkExt as _;
                    socket.send(Message::text("go on")).await.unwrap();
                }
            }
            Ok(FeedEvent::Disconnected { why, .. }) => panic!("{why}"),
            Ok(FeedEvent::Connected) | Err(_) => {}
        }
    }
    assert_eq!(messages, [batch(0, 1), batch(1, 1)]);
}

#[tokio::test]
async fn pings_are_answered() {
    let present = FeedMessage::Present {
        actions: Vec::new(),
    };
    let ping = Say::Frame(Frame::Ping("?".into()));
    let (_, gateway) =
        Script::serve(vec![vec![ping, Say::Hear, say(&present), Say::Nothing]]).await;
    let mut feed = Feed::new(&gateway, || 0);
    assert!(matches!(feed.next().await, FeedEvent::Connected));
    match feed.next().await {
        FeedEvent::Message(message) => assert_eq!(message, present),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_silent_gateway_is_given_up() {
    let (_, gateway) = Script::serve(vec![vec![Say::Nothing]]).await;
    let mut feed = Feed::new(&gateway, || 0);
    feed.idle = Duration::from_millis(100);
    assert!(matches!(feed.next().await, FeedEvent::Connected));
    let waited = timeout(IDLE / 4, feed.next()).await;
    let why = disconnected(waited.unwrap());
    assert!(why.to_string().contains("silent"), "{why}");
}

#[tokio::test]
async fn what_is_no_feed_message_is_refused() {
    for frame in [
        Frame::text(r#"{"is":"present","actions":[],"more":1}"#),
        Frame::text(r#"{"is":"present","actions":[],"actions":[]}"#),
        Frame::text(r#"{"is":"absent","actions":[]}"#),
        Frame::text(r#"{"is":"batch","checkpoint":"","consistency":[],"from":-1,"leaves":[]}"#),
        Frame::text("hello"),
        Frame::binary(serde_json::to_vec(&batch(0, 0)).unwrap()),
    ] {
        let why = first_refusal(vec![Say::Frame(frame), Say::Nothing]).await;
        assert!(matches!(why, ClientError::Malformed { .. }), "{why:?}");
    }
}

/// It ends with the frame's head: the rest is never held in memory.
#[tokio::test]
async fn a_message_has_its_limit() {
    let long = Frame::text(" ".repeat(MAX_MESSAGE + 1));
    let why = first_refusal(vec![Say::Frame(long), Say::Nothing]).await;
    let text = format!("a message has more than {MAX_MESSAGE} bytes");
    assert!(why.to_string().ends_with(&text), "{why}");
}

#[tokio::test]
async fn the_gateways_reason_for_the_end_is_told() {
    let close = Frame::Close(Some(CloseFrame {
        code: 1008,
        reason: "unauthorised".into(),
    }));
    let why = first_refusal(vec![Say::Frame(close)]).await;
    assert!(why.to_string().contains("unauthorised"), "{why}");
}

#[tokio::test]
async fn a_refused_feed_says_why() {
    let problem = r#"{"code":"unauthorised","detail":"sign in","status":401,"title":"","type":""}"#;
    let app = Router::new().fallback(move || async move {
        (
            axum::http::StatusCode::UNAUTHORIZED,
            [("content-type", "application/problem+json")],
            problem,
        )
    });
    let gateway = serve(app).await;
    match disconnected(Feed::new(&gateway, || 0).next().await) {
        ClientError::Problem { problem, status } => {
            assert_eq!((problem.code.as_str(), status), ("unauthorised", 401));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_a_gateway_it_tries_again_later_and_later() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let gateway = Gateway::new(&format!("http://127.0.0.1:{port}")).unwrap();
    let mut feed = Feed::new(&gateway, || 0);
    let begun = Instant::now();
    for failures in 1..=2 {
        match feed.next().await {
            FeedEvent::Disconnected {
                why: ClientError::Unreachable { sent: false, .. },
                retry_in,
            } => assert!(retry_in >= SHORTEST),
            other => panic!("{other:?}"),
        }
        assert_eq!(feed.failures, failures);
    }
    assert!(begun.elapsed() >= SHORTEST);
}

#[test]
fn the_pause_doubles_up_to_its_bound_and_is_spread() {
    let ms = |failures, chance| pause(failures, chance).as_millis();
    assert_eq!([0, 1, 2, 6].map(|n| ms(n, 1.0)), [250, 500, 1000, 16_000]);
    assert_eq!([7, 31, 32, u32::MAX].map(|n| ms(n, 1.0)), [30_000; 4]);
    assert_eq!([0, 1, 2, 9].map(|n| ms(n, 0.0)), [250, 250, 500, 15_000]);
}
