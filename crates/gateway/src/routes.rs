//! HTTP: who may ask what, and the translation to the sequencer.

mod actions;
mod auth;
mod ceremonies;
mod deliveries;
mod enrolment;
mod events;
pub(crate) mod feed;
mod health;
mod notes;
mod observe;
mod openapi;
mod page;
mod propose;
mod standing;

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vidimus_protocol::strict;

pub(crate) use self::standing::status;

use crate::Gateway;
use crate::problem::Refusal;

/// Most bytes of a request body: a payload of 1 MiB in base64, and its frame.
const MAX_BODY: usize = 2 << 20;
/// Time until it is there.
const BODY: std::time::Duration = std::time::Duration::from_secs(60);

pub use openapi::openapi;

pub(crate) fn router(gateway: Gateway, extra: Router) -> Router {
    let (described, _) = described().split_for_parts();
    described
        // The key page's own, which may change with it.
        .route("/v1/ceremonies/{id}/page", get(page::page))
        .route("/v1/ceremonies/{id}/code", post(page::code))
        .route("/v1/ceremonies/{id}/registration", post(page::registration))
        .route("/c/{file}", get(page::document))
        .route("/join", get(page::join))
        // Monitoring's, in forms of its own: docs/OPERATIONS.md.
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .with_state(gateway.clone())
        // Not over `extra`, whose answers have a form of their own.
        .layer(middleware::map_response(async |response: Response| {
            as_problem(response)
        }))
        .merge(extra)
        .fallback(async || Refusal::not_found("page"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(gateway.clone(), guard))
        .layer(middleware::from_fn_with_state(gateway, observe::observe))
}

/// What programs may count on: each route with its description.
fn described() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(propose::propose))
        .routes(routes!(standing::view))
        .routes(routes!(standing::wait))
        .routes(routes!(actions::payload))
        .routes(routes!(events::events))
        .routes(routes!(actions::withdraw))
        .routes(routes!(actions::permit))
        .routes(routes!(actions::redeem))
        .routes(routes!(actions::report))
        .routes(routes!(notes::take))
        .routes(routes!(notes::ask))
        .routes(routes!(notes::answer))
        .routes(routes!(notes::flag))
        .routes(routes!(deliveries::about))
        .routes(routes!(actions::agent))
        .routes(routes!(feed::log))
        .routes(routes!(feed::feed))
        .routes(routes!(feed::part))
        .routes(routes!(feed::jwks))
        .routes(routes!(openapi::serve))
        .routes(routes!(ceremonies::nonce))
        .routes(routes!(ceremonies::session, ceremonies::end_session))
        .routes(routes!(ceremonies::sessions))
        .routes(routes!(ceremonies::end_one_session))
        .routes(routes!(ceremonies::start))
        .routes(routes!(enrolment::found))
        .routes(routes!(enrolment::invite))
        .routes(routes!(enrolment::enrol))
        .routes(routes!(enrolment::models))
        .routes(routes!(ceremonies::view, ceremonies::cancel))
        .routes(routes!(ceremonies::assertion))
}

/// What holds for every request: it was meant for this gateway, and pages of
/// other origins get nothing.
async fn guard(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    if let Err(refusal) = check_origin(&gateway, &request) {
        return refusal.into_response();
    }
    let mut response = next.run(request).await;
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
    if gateway.0.strict_transport {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
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
    let (code, detail) = match status {
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "this method is not offered here: `Allow` says which are".to_owned(),
        ),
        StatusCode::UPGRADE_REQUIRED => (
            "upgrade_required",
            "this is a WebSocket: send `Connection: upgrade` and `Upgrade: websocket`".to_owned(),
        ),
        _ => {
            let words = status.canonical_reason().unwrap_or("refused");
            let words = words.to_lowercase();
            (
                "malformed",
                format!("the request cannot be answered ({words}): see `/v1/openapi.json`"),
            )
        }
    };
    let mut problem = Refusal::new(status.as_u16(), code, detail).into_response();
    for name in [header::ALLOW, header::UPGRADE] {
        if let Some(value) = response.headers().get(&name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

fn check_origin(gateway: &Gateway, request: &Request) -> Result<(), Refusal> {
    let own = &gateway.0.premises.web_origin;
    let hosts = &gateway.0.hosts;
    let is_own = |host: &[u8]| hosts.iter().any(|known| known.as_bytes() == host);
    let mut named = request.headers().get_all(header::HOST).iter();
    // A name that resolves to this computer must not speak for it (DNS
    // rebinding), nor another site of a proxy.
    let one = matches!((named.next(), named.next()), (Some(host), None) if is_own(host.as_bytes()));
    let target = request.uri().authority();
    if !one || target.is_some_and(|host| !is_own(host.as_str().as_bytes())) {
        return Err(Refusal::new(
            421,
            "wrong_host",
            format!("this gateway is {own}"),
        ));
    }
    let origins = request.headers().get_all(header::ORIGIN);
    if origins.iter().any(|origin| origin != own.as_str()) {
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
        let body = axum::body::Bytes::from_request(request, state);
        let body = in_time(BODY, body).await?.map_err(|_| too_long())?;
        strict::parse(&body, MAX_BODY)
            .map(Self)
            .map_err(Refusal::malformed)
    }
}

/// What comes within `limit`.
async fn in_time<T>(
    limit: std::time::Duration,
    coming: impl Future<Output = T>,
) -> Result<T, Refusal> {
    tokio::time::timeout(limit, coming).await.map_err(|_| {
        Refusal::new(
            408,
            "too_slow",
            format!("a body comes within {} seconds: try again", BODY.as_secs()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = std::future::pending::<()>();
        let refused = in_time(std::time::Duration::from_millis(10), never).await;
        assert_eq!(refused.err().map(|refusal| refusal.code), Some("too_slow"));
        let there = in_time(BODY, std::future::ready(7)).await;
        assert_eq!(there.ok(), Some(7));
    }
}
