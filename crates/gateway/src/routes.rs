//! HTTP: who may ask what, and the translation to the sequencer.

mod actions;
mod auth;
mod ceremonies;
mod deliveries;
pub(crate) mod feed;
mod notes;
mod page;

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use vidimus_protocol::strict;

use crate::Gateway;
use crate::problem::Refusal;

/// Most bytes of a request body: a payload of 1 MiB in base64, and its frame.
const MAX_BODY: usize = 2 << 20;

pub(crate) fn router(gateway: Gateway, extra: Router) -> Router {
    Router::new()
        .route("/v1/actions", post(actions::propose))
        .route("/v1/actions/{id}", get(actions::view))
        .route("/v1/actions/{id}/withdraw", post(actions::withdraw))
        .route("/v1/actions/{id}/permit", post(actions::permit))
        .route("/v1/actions/{id}/redeem", post(actions::redeem))
        .route("/v1/actions/{id}/outcome", post(actions::report))
        .route("/v1/actions/{id}/take", post(notes::take))
        .route("/v1/actions/{id}/questions", post(notes::ask))
        .route("/v1/actions/{id}/answers", post(notes::answer))
        .route("/v1/actions/{id}/flags", post(notes::flag))
        .route("/v1/actions/{id}/deliveries", get(deliveries::about))
        .route("/v1/agent", get(actions::agent))
        .route("/v1/log", get(feed::log))
        .route("/v1/feed", get(feed::feed))
        .route("/v1/parts/{index}/{name}", get(feed::part))
        .route("/v1/nonces", post(ceremonies::nonce))
        .route(
            "/v1/session",
            get(ceremonies::session).delete(ceremonies::end_session),
        )
        .route("/v1/ceremonies", post(ceremonies::start))
        .route(
            "/v1/ceremonies/{id}",
            get(ceremonies::view).delete(ceremonies::cancel),
        )
        .route("/v1/ceremonies/{id}/page", get(page::page))
        .route("/v1/ceremonies/{id}/code", post(page::code))
        .route("/v1/ceremonies/{id}/registration", post(page::registration))
        .route("/v1/ceremonies/{id}/assertion", post(ceremonies::assertion))
        .route("/.well-known/jwks.json", get(feed::jwks))
        .route("/c/{file}", get(page::document))
        .with_state(gateway.clone())
        .merge(extra)
        .fallback(async || Refusal::not_found("page"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(gateway, guard))
}

/// What holds for every request: it was meant for this gateway, and pages of
/// other origins get nothing.
async fn guard(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    if let Err(refusal) = check_origin(&gateway, request.headers()) {
        return refusal.into_response();
    }
    let api = request.uri().path().starts_with("/v1/");
    let mut response = next.run(request).await;
    if api {
        response = as_problem(response);
    }
    let ends = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
    let headers = response.headers_mut();
    if ends {
        // The rest of the body is not read: nothing can follow it here.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// What the framework refuses by itself (method, query, upgrade) gets the one
/// form of errors too.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_problem = kind.is_some_and(|kind| kind.as_bytes() == b"application/problem+json");
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let words = status
        .canonical_reason()
        .unwrap_or("refused")
        .to_lowercase();
    let detail = format!("the request cannot be answered: {words}. See the API's description");
    Refusal::new(status.as_u16(), "malformed", detail).into_response()
}

fn check_origin(gateway: &Gateway, headers: &HeaderMap) -> Result<(), Refusal> {
    let port = gateway.port();
    let own = &gateway.0.premises.web_origin;
    let hosts = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}"));
    let is_one_of = |name: HeaderName, known: &[String]| {
        headers.get(name).map(|given| {
            known
                .iter()
                .any(|known| known.as_bytes() == given.as_bytes())
        })
    };
    // A name that resolves to loopback must not speak for it (DNS rebinding).
    if is_one_of(header::HOST, &hosts) != Some(true) {
        return Err(Refusal::new(
            421,
            "wrong_host",
            format!("this gateway is {own}"),
        ));
    }
    if is_one_of(header::ORIGIN, std::slice::from_ref(own)) == Some(false) {
        return Err(Refusal::new(
            403,
            "cross_origin",
            format!("only pages of {own} may ask"),
        ));
    }
    Ok(())
}

/// A strictly parsed JSON body.
struct Strict<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> axum::extract::FromRequest<S> for Strict<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok()?.split(';').next())
            .is_some_and(|kind| kind.trim() == "application/json");
        if !json {
            return Err(Refusal::new(
                415,
                "not_json",
                "send `Content-Type: application/json`",
            ));
        }
        let too_long = || {
            Refusal::new(
                413,
                "too_long",
                format!("a body has at most {MAX_BODY} bytes"),
            )
        };
        // One that says how long it is need not be read to be refused.
        if request.body().size_hint().lower() > MAX_BODY as u64 {
            return Err(too_long());
        }
        let body = axum::body::Bytes::from_request(request, state)
            .await
            .map_err(|_| too_long())?;
        strict::parse(&body, MAX_BODY)
            .map(Self)
            .map_err(Refusal::malformed)
    }
}
