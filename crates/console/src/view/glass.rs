//! Break-glass: whether it can be done, and what was done.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Problem, SafeText};

/// What the policy offers in an emergency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct GlassOffer {
    /// Why this person cannot break glass here now, if so.
    pub blocked: Option<Problem>,
    /// The shortest reason, bytes.
    pub shortest_reason: u32,
    /// Who reviews it afterwards; nobody while this person is the only
    /// administrator.
    pub reviewers: Vec<String>,
}

/// A verdict with which somebody broke glass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BrokenGlassView {
    /// Ledger entry of the verdict.
    pub entry: u64,
    /// Who broke it.
    pub by: String,
    /// Whether that is the person at this console.
    pub me: bool,
    /// When.
    pub at_unix_ms: u64,
    /// Why. `None` while that is on its way.
    pub reason: Option<SafeText>,
    /// The action.
    pub action: String,
    /// What it does.
    pub title: SafeText,
    /// Where it runs.
    pub target: SafeText,
    /// The agent's name.
    pub agent: String,
    /// Whom the policy had asked for.
    pub asked: String,
    /// Who else had approved it.
    pub approved_by: Vec<String>,
    /// What an administrator found, once one has.
    pub review: Option<GlassReviewView>,
    /// Why this person cannot review it here now, if so.
    pub blocked: Option<Problem>,
}

/// What an administrator found of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct GlassReviewView {
    /// Ledger entry.
    pub entry: u64,
    /// Who.
    pub by: String,
    /// When.
    pub at_unix_ms: u64,
    /// Whether it could not wait.
    pub justified: bool,
    /// In their words. `None` while they are on their way.
    pub reason: Option<SafeText>,
}
