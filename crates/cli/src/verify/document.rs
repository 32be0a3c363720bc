//! The JSON document that `vidimus verify --json` prints. Its names are a
//! promise. Spec: `docs/spec/export.md`.

use serde::Serialize;
use vidimus_protocol::{Digest, Time};
use vidimus_verify::export::{Actions, Check, Conclusion, Decider, Finding, Report, Row, Wrong};

/// A whole report.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    actions: Actions,
    anchored: bool,
    checkpoint_time: Option<Time>,
    checks: Vec<Checked<'a>>,
    exit_code: u8,
    first_time: Option<Time>,
    last_time: Option<Time>,
    log: Option<Digest>,
    people: &'a [Decider],
    remarks: &'a [String],
    root: Option<Digest>,
    size: u64,
    r#type: &'static str,
    upgrade: Option<&'a str>,
    v: u64,
    verdict: Conclusion,
    wrong: Option<&'a Wrong>,
}

#[derive(Serialize)]
struct Checked<'a> {
    check: Check,
    checked: u64,
    note: Option<&'a str>,
    result: Finding,
}

impl<'a> Document<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        let anchored = |row: &Row| row.check == Check::Anchor && row.finding == Finding::Passed;
        let signed_at = |seconds: u64| Time::from_unix_ms(seconds.saturating_mul(1000));
        Self {
            actions: report.actions,
            anchored: report.rows.iter().any(anchored),
            checkpoint_time: report.checkpoint_time_unix_s.map(signed_at),
            checks: report.rows.iter().map(Checked::new).collect(),
            exit_code: report.conclusion.exit_code(),
            first_time: report.times.map(|times| times.first),
            last_time: report.times.map(|times| times.last),
            log: report.log,
            people: &report.deciders,
            remarks: &report.remarks,
            root: report.root,
            size: report.entries,
            r#type: "vidimus-verification",
            upgrade: report.upgrade.as_deref(),
            v: 1,
            verdict: report.conclusion,
            wrong: report.wrong.as_ref(),
        }
    }
}

impl<'a> Checked<'a> {
    fn new(row: &'a Row) -> Self {
        Self {
            check: row.check,
            checked: row.checked,
            note: row.note.as_deref(),
            result: row.finding,
        }
    }
}
