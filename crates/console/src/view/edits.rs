//! Editing an action: what may be changed, and what came of it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Difference, SafeText};

/// One thing that may be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FieldView {
    /// Names it.
    pub id: String,
    /// What it is.
    pub label: SafeText,
    /// How it is edited.
    pub sort: FieldSort,
    /// What stands there: one, but in a list.
    pub words: Vec<WordView>,
}

/// How a field is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FieldSort {
    /// One line.
    Line,
    /// Several lines.
    Text,
    /// JSON; empty for nothing.
    Json,
    /// Words in order: changed, left out, and others put between them.
    Words,
}

/// What stands in a field, or one word of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct WordView {
    /// It, to be edited; `None` when it stays as it is.
    pub text: Option<String>,
    /// It, as it is shown.
    pub shown: SafeText,
    /// Why it stays, if it does.
    pub fixed: Option<String>,
}

/// A field with what a person put there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export)]
pub struct FilledView {
    /// The field.
    pub id: String,
    /// What.
    pub words: Vec<FilledWord>,
}

/// What a person put in a field, or one word of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export)]
pub struct FilledWord {
    /// Which of the words before it is, counted from 0; `None` for a new one.
    pub from: Option<u32>,
    /// It; `None` when it stays as it was.
    pub text: Option<String>,
}

/// What an action was edited from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct EditedFromView {
    /// The action whose place it took.
    pub action: String,
    /// Who edited that.
    pub by: String,
    /// Whether it was the person at this console.
    pub me: bool,
    /// Who made that: its agent, or who had edited it before.
    pub author: String,
    /// What was changed; `None` while that one's content is on its way.
    pub differences: Option<Vec<Difference>>,
    /// Why it is no edit of that one at all, if so: then more differs than is shown.
    pub wrong: Option<String>,
}

/// What took an action's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct EditedIntoView {
    /// The action.
    pub action: String,
    /// Who made it by editing.
    pub by: String,
    /// Whether it was the person at this console.
    pub me: bool,
}
