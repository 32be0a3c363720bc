//! What `vidimus gateway` says to those who look after it: lines on standard
//! error, and traces to an OpenTelemetry collector when one is named.
//!
//! What the libraries below us would write is cut to warnings: nobody here can
//! vouch that their finer lines hold no header or body of a request.

mod otlp;

use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::stop::{Stop, code};

/// The variable that chooses what is written.
const FILTER: &str = "VIDIMUS_LOG";

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line, for a collector of logs.
    Json,
}

/// Runs until [`Telemetry::stop`].
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Begins to write lines, and to export traces when the environment names a
/// collector. Call it inside a Tokio runtime.
pub(crate) fn start(format: LogFormat) -> Result<Telemetry, Stop> {
    let traces = otlp::from_environment()?;
    let spans = traces.as_ref().map(|provider| {
        let ours = |meta: &tracing::Metadata<'_>| {
            meta.is_span() && meta.target().starts_with("vidimus_gateway")
        };
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("vidimus-gateway"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(ours))
    });
    tracing_subscriber::registry()
        .with(spans)
        .with(lines(format).with_filter(filter(format)?.and(cap())))
        .try_init()
        .map_err(Stop::internal)?;
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends what is left. It waits a few seconds at most.
    pub(crate) async fn stop(self) {
        let Some(traces) = self.traces else { return };
        // The exporter sends on this runtime, so nobody may wait on its thread.
        let sent = tokio::task::spawn_blocking(move || traces.shutdown()).await;
        if let Ok(Err(error)) = sent {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let plain = fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => plain.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => plain
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
    }
}

/// A person at a terminal wants to hear of trouble; a collector wants a line
/// for each request.
fn filter(format: LogFormat) -> Result<EnvFilter, Stop> {
    let usual = match format {
        LogFormat::Text => "warn",
        LogFormat::Json => "info",
    };
    let wanted = match std::env::var(FILTER) {
        Ok(wanted) if !wanted.is_empty() => wanted,
        _ => usual.to_owned(),
    };
    EnvFilter::try_new(wanted)
        .map_err(|error| Stop::new(code::USAGE, format!("`{FILTER}` cannot be used: {error}")))
}

fn cap() -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("vidimus", LevelFilter::TRACE)
}
