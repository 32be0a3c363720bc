//! Numbers for a monitoring system: what `GET /metrics` answers.
//!
//! Counts only. Labels come from closed lists of this program (entry kinds,
//! route templates, codes), never from what a request says, so neither text of
//! an agent nor a secret can stand in them and their number is bounded.
//! The table of names is in `docs/OPERATIONS.md`.

use std::time::Duration;

use prometheus::{
    Counter, Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, Opts, Registry, TextEncoder,
};
use vidimus_protocol::Entry;
use vidimus_protocol::entry::{Data, Outcome, Resolution};
use vidimus_protocol::envelope::Verdict;

/// Seconds of a commit: from a fast disk to one that is about to fail.
const COMMIT_SECONDS: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
/// Entries of a commit.
const COMMIT_ENTRIES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
/// Seconds of a request: long-polls take up to 30.
const REQUEST_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 31.0];

/// What is counted since the gateway started.
pub(crate) struct Metrics {
    registry: Registry,
    entries: IntCounterVec,
    verdicts: IntCounterVec,
    resolutions: IntCounterVec,
    outcomes: IntCounterVec,
    commit_seconds: Histogram,
    commit_entries: Histogram,
    write_failures: IntCounter,
    sequencer_busy: Counter,
    request_seconds: HistogramVec,
    refusals: IntCounterVec,
    feed_clients: IntGauge,
    now: Gauges,
}

/// What is looked at when somebody asks.
pub(crate) struct Sample {
    pub(crate) ready: bool,
    pub(crate) pending: u64,
    pub(crate) unreviewed: u64,
    pub(crate) waiting_clients: u64,
    pub(crate) entries: u64,
    pub(crate) ledger_bytes: u64,
    pub(crate) wal_bytes: u64,
    pub(crate) disk_free_bytes: u64,
    pub(crate) checkpoint_age_seconds: u64,
}

struct Gauges {
    ready: IntGauge,
    pending: IntGauge,
    unreviewed: IntGauge,
    waiting_clients: IntGauge,
    entries: IntGauge,
    ledger_bytes: IntGauge,
    wal_bytes: IntGauge,
    disk_free_bytes: IntGauge,
    checkpoint_age_seconds: IntGauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help).expect(NAMES);
            register(&registry, gauge)
        };
        let counters = |name: &str, help: &str, label: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label]).expect(NAMES);
            register(&registry, counters)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register(&registry, Histogram::with_opts(options).expect(NAMES))
        };
        let build = IntGauge::with_opts(
            Opts::new("vidimus_build_info", "Always 1; the version is a label.")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        );
        register(&registry, build.expect(NAMES)).set(1);
        let write_failures = IntCounter::new(
            "vidimus_ledger_write_failures_total",
            "Commits that the disk refused; nothing of them was acknowledged.",
        );
        let sequencer_busy = Counter::new(
            "vidimus_sequencer_busy_seconds_total",
            "Time that the one writer was at work, the wait for the disk included.",
        );
        let requests = HistogramOpts::new(
            "vidimus_http_request_duration_seconds",
            "Requests by route template and status; waiting is included.",
        )
        .buckets(REQUEST_SECONDS.to_vec());
        let request_seconds = HistogramVec::new(requests, &["method", "route", "status"]);
        Self {
            entries: counters("vidimus_entries_total", "Entries logged, by kind.", "kind"),
            verdicts: counters("vidimus_verdicts_total", "Verdicts logged.", "verdict"),
            resolutions: counters(
                "vidimus_resolutions_total",
                "Actions that were resolved, and how.",
                "resolution",
            ),
            outcomes: counters(
                "vidimus_outcomes_total",
                "Runs that were reported, and how they ended.",
                "outcome",
            ),
            commit_seconds: histogram(
                "vidimus_commit_duration_seconds",
                "Time that a commit took, the wait for the disk included.",
                COMMIT_SECONDS,
            ),
            commit_entries: histogram(
                "vidimus_commit_entries",
                "Entries that were committed together.",
                COMMIT_ENTRIES,
            ),
            write_failures: register(&registry, write_failures.expect(NAMES)),
            sequencer_busy: register(&registry, sequencer_busy.expect(NAMES)),
            request_seconds: register(&registry, request_seconds.expect(NAMES)),
            refusals: counters(
                "vidimus_refusals_total",
                "Requests that were refused, by code.",
                "code",
            ),
            feed_clients: gauge("vidimus_feed_clients", "Consoles that follow the feed."),
            now: Gauges {
                ready: gauge(
                    "vidimus_ready",
                    "1 while the gateway can acknowledge, as /healthz says.",
                ),
                pending: gauge(
                    "vidimus_actions_pending",
                    "Actions that wait for a decision.",
                ),
                unreviewed: gauge(
                    "vidimus_broken_glass_unreviewed",
                    "Broken glasses that wait for a review.",
                ),
                waiting_clients: gauge(
                    "vidimus_waiting_clients",
                    "Requests that wait for a decision or an outcome.",
                ),
                entries: gauge("vidimus_ledger_entries", "Entries of the ledger."),
                ledger_bytes: gauge("vidimus_ledger_size_bytes", "Size of the ledger file."),
                wal_bytes: gauge(
                    "vidimus_ledger_wal_size_bytes",
                    "Size of the ledger's write-ahead log.",
                ),
                disk_free_bytes: gauge(
                    "vidimus_disk_free_bytes",
                    "Free space where the ledger stands.",
                ),
                checkpoint_age_seconds: gauge(
                    "vidimus_checkpoint_age_seconds",
                    "Age of the newest signed checkpoint.",
                ),
            },
            registry,
        }
    }
}

/// Every name is a constant of this file, and the test scrapes all of them.
const NAMES: &str = "metric names are well formed and used once";

fn register<C: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> C {
    registry.register(Box::new(collector.clone())).expect(NAMES);
    collector
}

impl Metrics {
    /// A commit is durable.
    pub(crate) fn committed(&self, entries: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        // A commit of sessions alone has none.
        self.commit_entries
            .observe(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)));
    }

    /// The writer was at work.
    pub(crate) fn worked(&self, took: Duration) {
        self.sequencer_busy.inc_by(took.as_secs_f64());
    }

    /// The disk refused a commit.
    pub(crate) fn write_failed(&self) {
        self.write_failures.inc();
    }

    /// An entry is committed and signed.
    pub(crate) fn logged(&self, entry: &Entry) {
        let data = &entry.leaf.data;
        self.entries
            .with_label_values(&[data.kind().as_str()])
            .inc();
        match data {
            Data::VerdictGiven(given) => {
                let verdict = match given.signed.item.verdict {
                    Verdict::Approve => "approve",
                    Verdict::Deny => "deny",
                    Verdict::BreakGlass => "break_glass",
                };
                self.verdicts.with_label_values(&[verdict]).inc();
            }
            Data::ActionResolved(resolved) => {
                let resolution = match resolved.resolution {
                    Resolution::Approved => "approved",
                    Resolution::Released => "released",
                    Resolution::Denied => "denied",
                    Resolution::Expired => "expired",
                    Resolution::Withdrawn => "withdrawn",
                    Resolution::Refused => "refused",
                    Resolution::Superseded => "superseded",
                };
                self.resolutions.with_label_values(&[resolution]).inc();
            }
            Data::ActionCompleted(completed) => {
                let outcome = match completed.outcome {
                    Outcome::Exited { code: 0 } | Outcome::Succeeded {} => "succeeded",
                    Outcome::Exited { .. } | Outcome::Failed { .. } => "failed",
                    Outcome::Signalled { .. } => "signalled",
                    Outcome::FailedToStart { .. } => "failed_to_start",
                };
                self.outcomes.with_label_values(&[outcome]).inc();
            }
            _ => {}
        }
    }

    /// One more console follows the feed, until this is dropped.
    pub(crate) fn feed_client(&self) -> FeedClient {
        self.feed_clients.inc();
        FeedClient(self.feed_clients.clone())
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.request_seconds
            .with_label_values(&[method, route, &status.to_string()])
            .observe(took.as_secs_f64());
    }

    /// A request was refused.
    pub(crate) fn refused(&self, code: &'static str) {
        self.refusals.with_label_values(&[code]).inc();
    }

    /// Everything, in the Prometheus text format.
    pub(crate) fn scrape(&self, sample: &Sample) -> String {
        let set =
            |gauge: &IntGauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        let now = &self.now;
        set(&now.ready, u64::from(sample.ready));
        set(&now.pending, sample.pending);
        set(&now.unreviewed, sample.unreviewed);
        set(&now.waiting_clients, sample.waiting_clients);
        set(&now.entries, sample.entries);
        set(&now.ledger_bytes, sample.ledger_bytes);
        set(&now.wal_bytes, sample.wal_bytes);
        set(&now.disk_free_bytes, sample.disk_free_bytes);
        set(&now.checkpoint_age_seconds, sample.checkpoint_age_seconds);
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("metrics encode into memory");
        String::from_utf8(text).expect("metrics are text")
    }
}

/// A console that is counted.
pub(crate) struct FeedClient(IntGauge);

impl Drop for FeedClient {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The media type of [`Metrics::scrape`].
pub(crate) const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;
