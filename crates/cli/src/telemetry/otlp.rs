//! Traces to an OpenTelemetry collector, as the standard variables say
//! (`OTEL_EXPORTER_OTLP_ENDPOINT` and its like).
//!
//! OTLP over HTTP with protobuf, without TLS: a collector on this computer or
//! network takes it from here. Out of scope: metrics and logs by OTLP.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::stop::{Stop, code};

const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// The exporter, when the environment names a collector.
pub(super) fn from_environment() -> Result<Option<SdkTracerProvider>, Stop> {
    let is_off = set("OTEL_SDK_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true"));
    let named = ENDPOINTS.iter().find_map(|name| Some((name, set(name)?)));
    let Some((name, endpoint)) = named.filter(|_| !is_off) else {
        return Ok(None);
    };
    if !endpoint.starts_with("http://") {
        // It is not repeated: people put passwords into addresses.
        return Err(Stop::new(
            code::USAGE,
            format!(
                "`{name}` must begin with `http://`: name a collector on this computer or network, such as `http://localhost:4318`"
            ),
        ));
    }
    let unusable = |error: &dyn std::fmt::Display| {
        Stop::new(code::USAGE, format!("traces cannot be exported: {error}"))
    };
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(vidimus_client::tls::nobody())
        .build()
        .map_err(|error| unusable(&error))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client {
            http,
            runtime: Handle::current(),
            failing: AtomicBool::new(false),
        })
        .build()
        .map_err(|error| unusable(&error))?;
    let mut resource = Resource::builder();
    if set("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("vidimus-gateway");
    }
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let mut provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.with_attribute(version).build());
    if set("OTEL_TRACES_SAMPLER").is_none() {
        // By default the caller's flag would decide, and callers are agents:
        // none of them may keep its requests out of the traces.
        provider = provider.with_sampler(Sampler::AlwaysOn);
    }
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(Some(provider.build()))
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Sends on the gateway's own runtime: the exporter's thread has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
    failing: AtomicBool,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sending = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await?;
            let status = answer.status();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            Ok::<_, HttpError>(response)
        });
        let sent = sending.await?;
        let trouble = match &sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        // Said when it begins and when it ends, not for each batch.
        let was_failing = self.failing.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(why) if !was_failing => {
                tracing::warn!(target: "vidimus::telemetry", why, "traces cannot be exported");
            }
            None if was_failing => {
                tracing::warn!(target: "vidimus::telemetry", "traces are exported again");
            }
            _ => {}
        }
        sent
    }
}
