//! For whoever looks after the gateway: `GET /healthz` and `GET /metrics`.
//!
//! Anybody who reaches the gateway may ask: there are states and counts, and
//! nothing of what agents and people say.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::metrics::{CONTENT_TYPE, Sample};
use crate::problem::Refusal;
use crate::{Gateway, closed};

/// 200 while an entry can be acknowledged, else the reason why not.
pub(super) async fn healthz(State(gateway): State<Gateway>) -> Result<Json<Value>, Refusal> {
    readiness(&gateway).map(|()| Json(json!({ "status": "ok" })))
}

fn readiness(gateway: &Gateway) -> Result<(), Refusal> {
    if *gateway.0.stopping.borrow() {
        return Err(closed());
    }
    if gateway
        .0
        .sequencer
        .as_ref()
        .is_none_or(|thread| thread.is_finished())
    {
        return Err(Refusal::unavailable(
            "sequencer_gone",
            "the gateway stopped logging, because memory and disk could not be brought in line: see its log, then restart it",
        ));
    }
    gateway.0.shared.health.judge(Instant::now())
}

pub(super) async fn metrics(State(gateway): State<Gateway>) -> impl IntoResponse {
    let text = gateway.0.shared.metrics.scrape(&sample(&gateway));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text)
}

fn sample(gateway: &Gateway) -> Sample {
    let inner = &gateway.0;
    let size = |name: &str| {
        // A file that is not there has no bytes.
        std::fs::metadata(inner.dir.join(name)).map_or(0, |file| file.len())
    };
    let (pending, unreviewed, entries, signed_at) = {
        let committed = inner.shared.read();
        let waiting = committed.state.waiting();
        let pending = waiting.filter(|action| action.resolved.is_none()).count();
        let unreviewed = committed.state.unreviewed().count();
        (
            pending,
            unreviewed,
            committed.tree.size(),
            committed.signed_at,
        )
    };
    let age_ms = signed_at.map_or(0, |signed_at| {
        inner
            .clock
            .wall()
            .unix_ms()
            .saturating_sub(signed_at.unix_ms())
    });
    Sample {
        ready: readiness(gateway).is_ok(),
        pending: count(pending),
        unreviewed: count(unreviewed),
        waiting_clients: count(inner.shared.presence.here()),
        entries,
        ledger_bytes: size("gateway.db"),
        wal_bytes: size("gateway.db-wal"),
        disk_free_bytes: rustix::fs::statvfs(&inner.dir)
            .map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        checkpoint_age_seconds: age_ms / 1000,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
