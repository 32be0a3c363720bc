//! Agents and what holds them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Problem;

/// A connected agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct AgentView {
    /// Agent id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Profile file on this computer, if it is here.
    pub profile_path: Option<String>,
    /// Whether it was ended.
    pub revoked: bool,
    /// Its pauses that stand, in order.
    pub pauses: Vec<PauseView>,
}

/// A pause of an agent, or of one of its runs, that stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PauseView {
    /// Ledger entry: names it.
    pub entry: u64,
    /// The run; `None` is the whole agent.
    pub run: Option<String>,
    /// Who paused it.
    pub by: String,
    /// Whether that is the person at this console.
    pub me: bool,
    /// Since when.
    pub at_unix_ms: u64,
    /// Why this console's reviewer cannot lift it, if so.
    pub blocked: Option<Problem>,
}
