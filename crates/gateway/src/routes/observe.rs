//! Every request is measured, traced and written as one line of the log.
//!
//! What stands there is the route's template, the method, the status, the code
//! of a refusal and the id of the agent: never a path, a token or a body.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TraceContextExt as _;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use vidimus_protocol::AgentId;

use crate::Gateway;
use crate::problem::RefusalCode;

/// The agent that a request turned out to come from.
#[derive(Clone, Default)]
struct Asker(Arc<OnceLock<AgentId>>);

/// Notes which agent asks.
pub(super) fn asks(parts: &Parts, agent: AgentId) {
    if let Some(Asker(asker)) = parts.extensions.get() {
        // A request has one token, so a second note says the same.
        let _same = asker.set(agent);
    }
}

/// The outermost layer.
pub(super) async fn observe(
    State(gateway): State<Gateway>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let asker = Asker::default();
    request.extensions_mut().insert(asker.clone());
    let method = known(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    // Asked for every few seconds, by programs: no trace, no line.
    let is_quiet = matches!(route, "/healthz" | "/metrics");
    let span = if is_quiet {
        tracing::Span::none()
    } else {
        tracing::info_span!(
            "request",
            otel.name = format!("{method} {route}"),
            otel.kind = "server",
            http.request.method = method,
            http.route = route,
            http.response.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
            vidimus.agent = tracing::field::Empty,
        )
    };
    follow(&span, request.headers());
    let response = next.run(request).instrument(span.clone()).await;

    let took = began.elapsed();
    let status = response.status().as_u16();
    let code = response.extensions().get().map(|RefusalCode(code)| *code);
    let agent = asker.0.get().map(ToString::to_string);
    let metrics = &gateway.0.shared.metrics;
    metrics.answered(method, route, status, took);
    if let Some(code) = code {
        metrics.refused(code);
        span.record("error.type", code);
    }
    span.record("http.response.status_code", status);
    if let Some(agent) = &agent {
        span.record("vidimus.agent", agent);
    }
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    let trace_id = (trace != opentelemetry::TraceId::INVALID).then(|| trace.to_string());
    let duration_us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
    let duration_ms = f64::from(duration_us) / 1000.0;
    if is_quiet {
        tracing::debug!(
            method,
            route,
            status,
            duration_ms,
            code,
            agent,
            trace_id,
            "answered"
        );
    } else {
        tracing::info!(
            method,
            route,
            status,
            duration_ms,
            code,
            agent,
            trace_id,
            "answered"
        );
    }
    response
}

/// Goes on with the caller's trace. Only `traceparent` is looked at: it is 55
/// characters of fixed form, while `tracestate` and baggage are free text.
fn follow(span: &tracing::Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    let caller = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&TraceParent(headers))
    });
    if caller.span().span_context().is_valid() {
        // Nothing to be done where nothing is exported.
        let _not_exported = span.set_parent(caller);
    }
}

struct TraceParent<'a>(&'a HeaderMap);

impl Extractor for TraceParent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACE_PARENT)
            .then(|| self.0.get(TRACE_PARENT)?.to_str().ok())
            .flatten()
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACE_PARENT]
    }
}

const TRACE_PARENT: &str = "traceparent";

/// A method of HTTP by its name; what a caller invents has none.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
