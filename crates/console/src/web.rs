//! The console as a page that the gateway serves.
//!
//! The page displays what the gateway sends: its display trusts the gateway,
//! and says so. A browser is known by a cookie. It may look at nothing and ask
//! for nothing but a key prompt until a prompt that it began itself has ended
//! well.
//!
//! Out of scope: host and origin of every request, which the gateway checks
//! before this is reached; both are checked here again where something is asked
//! for, so that this module does not depend on where it is mounted.

mod cookie;
mod files;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use vidimus_protocol::strict;

use crate::board::FrontId;
use crate::console::Handle;
use crate::view::{Command, Event, Problem};

use cookie::Visitor;

/// Most bytes of a command: the longest reason, escaped, and its frame.
const MAX_COMMAND: usize = 64 << 10;

/// The routes of the page.
pub(crate) fn router(console: Handle) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/console") }))
        .route("/console", get(page))
        .route("/console/command", post(command))
        .route("/console/events", get(events))
        .route("/assets/{*path}", get(asset))
        .route("/icon.svg", get(|| async { files::answer("icon.svg") }))
        .layer(DefaultBodyLimit::max(MAX_COMMAND))
        .with_state(console)
}

async fn page(headers: HeaderMap) -> Response {
    let visitor = Visitor::of(&headers);
    let mut response = files::answer("index.html");
    if visitor.is_none() {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, cookie::fresh());
    }
    response
}

async fn asset(Path(path): Path<String>) -> Response {
    files::answer(&format!("assets/{path}"))
}

async fn command(State(console): State<Handle>, headers: HeaderMap, body: Bytes) -> Response {
    let front = match asker(&headers) {
        Ok(front) => front,
        Err(refusal) => return refusal.into_response(),
    };
    let command: Command = match strict::parse(&body, MAX_COMMAND) {
        Ok(command) => command,
        Err(error) => {
            return Refusal(
                StatusCode::BAD_REQUEST,
                Problem::new(
                    "malformed_command",
                    format!("The page sent something else than a command: {error}."),
                    "Reload the page.",
                ),
            )
            .into_response();
        }
    };
    match console.command(crate::LOCAL, command, &front).await {
        Ok(reply) => Json(reply).into_response(),
        Err(problem) if problem.code == "sign_in_first" && !console.is_authorised(&front) => {
            Refusal(StatusCode::UNAUTHORIZED, problem).into_response()
        }
        Err(problem) => Refusal(StatusCode::UNPROCESSABLE_ENTITY, problem).into_response(),
    }
}

/// Who asks: a page of this origin with its cookie, and nobody else.
fn asker(headers: &HeaderMap) -> Result<FrontId, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // A form or an image of another site can send neither of the two.
    let marked = text("x-vidimus-console") == Some("1");
    let json = text("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if !marked || !json || !same_origin(headers) {
        return Err(cross_origin());
    }
    visitor(headers)
}

fn visitor(headers: &HeaderMap) -> Result<FrontId, Refusal> {
    Visitor::of(headers).map(Visitor::front).ok_or_else(|| {
        Refusal(
            StatusCode::UNAUTHORIZED,
            Problem::new(
                "no_cookie",
                "This browser sent no cookie.",
                "Allow cookies for this page, then reload it.",
            ),
        )
    })
}

/// The origin is the very host that was asked.
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => {
            host.starts_with("localhost:") && origin == format!("http://{host}")
        }
        _ => false,
    }
}

async fn events(
    State(console): State<Handle>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !same_origin(&headers) {
        return cross_origin().into_response();
    }
    let front = match visitor(&headers) {
        Ok(front) => front,
        Err(refusal) => return refusal.into_response(),
    };
    upgrade
        .max_message_size(4096)
        .on_upgrade(move |socket| push(console, front, socket))
}

async fn push(console: Handle, front: FrontId, mut socket: WebSocket) {
    let mut events = console.subscribe(front.clone());
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { return };
                // Sessions end while a page is open.
                if !console.is_authorised(&front) && !matches!(event.event, Some(Event::View(_))) {
                    continue;
                }
                let text = serde_json::to_string(&event).expect("events hold only what JSON can write");
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return,
            },
        }
    }
}

fn cross_origin() -> Refusal {
    Refusal(
        StatusCode::FORBIDDEN,
        Problem::new(
            "cross_origin",
            "Only the console's own page may ask.",
            "Open the console at its own address, http://localhost with its port.",
        ),
    )
}

/// A problem with its status.
struct Refusal(StatusCode, Problem);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_page_of_the_very_host_that_is_asked_is_of_this_origin() {
        let origin = |origin: Option<&str>, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            same_origin(&headers)
        };
        assert!(origin(Some("http://localhost:8478"), "localhost:8478"));
        for (page, host) in [
            (None, "localhost:8478"),
            (Some("null"), "localhost:8478"),
            (Some("http://localhost:8479"), "localhost:8478"),
            (Some("https://localhost:8478"), "localhost:8478"),
            (Some("http://localhost:8478.evil.example"), "localhost:8478"),
            // A name that resolves to loopback speaks for itself only.
            (Some("http://evil.example:8478"), "evil.example:8478"),
        ] {
            assert!(!origin(page, host), "{page:?} {host}");
        }
    }
}
