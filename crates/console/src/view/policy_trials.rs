//! A policy tried out before it is signed: its tests, and what was proposed
//! lately, decided anew.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{PolicyProblemView, SafeText};

/// What came of the tests that stand beside the policies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyTestsView {
    /// In one sentence.
    pub words: String,
    /// Whether it should be known before anybody signs.
    pub alarm: bool,
    /// Each test, by file and line; none while they could not be run.
    pub cases: Vec<PolicyTestView>,
    /// How many failed.
    pub failed: u32,
    /// Mistakes in the files that hold the tests.
    pub problems: Vec<PolicyProblemView>,
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyTestView {
    /// What it is about.
    pub name: SafeText,
    /// The file that holds it.
    pub file: String,
    /// Its first line there, from 1.
    pub line: u32,
    /// What came other than was expected; none: it passed.
    pub differences: Vec<OutcomeDifferenceView>,
    /// Why, where it failed.
    pub reasons: Vec<SafeText>,
}

/// Something that is not as it was, or not as it was expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct OutcomeDifferenceView {
    /// What.
    pub what: String,
    /// What it was, or was expected to be.
    pub before: String,
    /// What it would be, or what came.
    pub after: String,
}

/// How far back a replay looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ReplaySpan {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

/// What a replay does right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ReplayStep {
    /// It reads the entries of the log.
    Reading,
    /// It evaluates what was proposed.
    Evaluating,
}

/// A replay under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ReplayProgress {
    /// What it does.
    pub step: ReplayStep,
    /// Entries or proposals that are done with.
    pub done: u64,
    /// Of how many.
    pub total: u64,
}

/// What was decided, and what would have been under the policy that was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyReplayView {
    /// In one sentence.
    pub words: String,
    /// How far back it looked.
    pub span: ReplaySpan,
    /// Entries that it read.
    pub entries: u64,
    /// Proposals that were evaluated.
    pub proposals: u64,
    /// How many of them would be decided otherwise.
    pub differing: u64,
    /// How many could not be evaluated.
    pub unjudged: u64,
    /// What came of them, and what would have come of them.
    pub counts: Vec<ReplayCountView>,
    /// The newest proposals, newest first: of those that differ or cannot be
    /// evaluated, and of the others.
    pub rows: Vec<ReplayRowView>,
}

/// How often something came of a proposal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ReplayCountView {
    /// What.
    pub decision: PolicyDecision,
    /// How often it came.
    pub before: u64,
    /// How often it would have come.
    pub after: u64,
}

/// What a policy answers to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum PolicyDecision {
    /// People are asked.
    Ask,
    /// It runs without a person.
    Release,
    /// It is refused.
    Refuse,
}

/// A decision in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyDecisionView {
    /// Which.
    pub decision: PolicyDecision,
    /// With whom it waits for.
    pub words: String,
}

/// One proposal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ReplayRowView {
    /// The action.
    pub action: String,
    /// Its agent.
    pub agent: String,
    /// Sort of action, e.g. `git.push`.
    pub kind: String,
    /// What it is; `None`: its content cannot be read here.
    pub title: Option<SafeText>,
    /// Where it was to run.
    pub target: Option<SafeText>,
    /// When it was proposed.
    pub time_unix_ms: u64,
    /// What came of it.
    pub before: PolicyDecisionView,
    /// What would have come of it; `None`: that cannot be told.
    pub after: Option<PolicyDecisionView>,
    /// Whether anybody would notice.
    pub differs: bool,
    /// What of its conditions differs, where people are asked both times.
    pub differences: Vec<OutcomeDifferenceView>,
    /// The policies that would ask for it, by id.
    pub policies: Vec<String>,
    /// Why, in sentences.
    pub why: Vec<SafeText>,
}
