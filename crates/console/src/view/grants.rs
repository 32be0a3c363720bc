//! Standing grants: what may differ, what is in force, what was used.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::SafeText;

/// A place of an action that may be left open in a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PlaceView {
    /// Names it.
    pub at: String,
    /// What it is.
    pub label: SafeText,
    /// What stands there.
    pub text: SafeText,
}

/// A place that is left open, as a person chose it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export)]
pub struct OpenPlace {
    /// The place.
    pub at: String,
    /// What else may stand there.
    pub may: MayBe,
}

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is", content = "value")]
#[ts(export)]
pub enum MayBe {
    /// One of these.
    OneOf(Vec<String>),
    /// A word of letters, digits, `.`, `_` and `-`, of at most that many bytes.
    Word(u32),
}

/// A standing grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct GrantView {
    /// Grant id.
    pub id: String,
    /// Ledger entry.
    pub entry: u64,
    /// Who gave it.
    pub by: String,
    /// Whether that is the person at this console.
    pub me: bool,
    /// Since when.
    pub at_unix_ms: u64,
    /// The agent's name.
    pub agent: String,
    /// The action that others must be like.
    pub action: String,
    /// What that does.
    pub title: SafeText,
    /// Where it runs.
    pub target: SafeText,
    /// What may differ, in words; none: nothing. `None` while it is on its way.
    pub places: Option<Vec<SafeText>>,
    /// Why it was given. `None` while that is on its way.
    pub reason: Option<SafeText>,
    /// How many proposals it covers.
    pub uses: u32,
    /// How many more.
    pub left: u32,
    /// Until when.
    pub until_unix_ms: u64,
    /// Why it covers nothing more, if so.
    pub over: Option<String>,
    /// The actions that it approved, newest first.
    pub used: Vec<String>,
}
