//! A policy in shadow: what is proposed is evaluated under it too, and nothing
//! hangs on the answer.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{PolicyFileText, Problem, ReplayCountView, ReplayRowView};

/// How a shadow stands, for every screen. It changes with what
/// [`PolicyShadowView`] lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ShadowSummaryView {
    /// Since when.
    pub since_unix_ms: u64,
    /// Proposals that were evaluated.
    pub proposals: u64,
    /// How many of them would be decided otherwise.
    pub differing: u64,
    /// Approvals that would not have been permitted.
    pub not_permitted: u64,
    /// How many cannot be evaluated.
    pub unjudged: u64,
    /// How many wait for content that is not on this computer yet.
    pub awaited: u64,
    /// How many were not looked at yet.
    pub behind: u64,
}

/// What was decided since a shadow began, and what would have been under it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyShadowView {
    /// In one sentence.
    pub words: String,
    /// How it stands.
    pub summary: ShadowSummaryView,
    /// Entries that the log had when it began.
    pub from: u64,
    /// What is in force beside it.
    pub beside: ShadowBeside,
    /// Why nothing is evaluated, where nothing is.
    pub problem: Option<Problem>,
    /// Its files.
    pub files: Vec<PolicyFileText>,
    /// What came of what was evaluated, and what would have come of it.
    pub counts: Vec<ReplayCountView>,
    /// The newest proposals that differ or cannot be evaluated, newest first.
    pub rows: Vec<ReplayRowView>,
}

/// What is in force beside a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ShadowBeside {
    /// The same as when it began.
    Same,
    /// Another policy came in force since.
    Changed,
    /// The very policy that is in shadow.
    Itself,
}
