//! The policy: what is in force, what waits for another administrator, and
//! what somebody writes.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{PolicyTestsView, Problem, SafeText};

/// The policy of a log, as the copy of it on this computer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyView {
    /// Whether the person at this console is an administrator.
    pub administrator: bool,
    /// Why it cannot be changed here now, if so.
    pub blocked: Option<Problem>,
    /// How many administrators must agree to a change.
    pub needed: u32,
    /// The policy in force; `None`: the built-in rules hold.
    pub in_force: Option<PolicyInForceView>,
    /// What holds where no policy is in force, a sentence each.
    pub built_in: Vec<String>,
    /// Policies that wait for another administrator, oldest first.
    pub waiting: Vec<PolicyWaitingView>,
}

/// The policy in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyInForceView {
    /// Ledger entry that brought it in force.
    pub entry: u64,
    /// What the signatures cover.
    pub digest: String,
    /// Since when.
    pub since_unix_ms: u64,
    /// Who signed it.
    pub signers: Vec<String>,
    /// What it says, or why that cannot be shown.
    pub text: PolicyTextView,
}

/// A policy that one administrator or more gave their word for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyWaitingView {
    /// What the signatures cover: names it in commands.
    pub digest: String,
    /// Whose words count, in order.
    pub words: Vec<PolicyWordView>,
    /// What it says, or why that cannot be shown.
    pub text: PolicyTextView,
    /// What it changes of what is in force; `None` while its text is not here.
    pub difference: Option<PolicyDifferenceView>,
    /// What its tests say of it; `None` while its text is not here.
    pub tests: Option<PolicyTestsView>,
    /// What a replay of this very text found, if there was one.
    pub replay: Option<String>,
    /// What was found while this very text is in shadow.
    pub shadow: Option<String>,
    /// Why one cannot agree to it here now, if so.
    pub blocked: Option<Problem>,
}

/// An administrator's word for a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyWordView {
    /// The person.
    pub by: String,
    /// Whether that is the person at this console.
    pub me: bool,
    /// Ledger entry.
    pub entry: u64,
    /// When.
    pub at_unix_ms: u64,
}

/// A policy's files, and what they say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyTextView {
    /// Its files, by name.
    pub files: Vec<PolicyFileText>,
    /// Its policies, by file and line.
    pub rules: Vec<PolicyRuleView>,
    /// Its calendars, by name.
    pub calendars: Vec<CalendarView>,
    /// Why it cannot be shown, if so.
    pub problem: Option<Problem>,
    /// Hidden or misleading characters in it.
    pub marks: u32,
}

/// A calendar that policies can ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct CalendarView {
    /// How policies call it.
    pub name: String,
    /// How many events it has, each of which may happen many times.
    pub events: u32,
    /// The first that are not over.
    pub next: Vec<OccurrenceView>,
}

/// An event at one of its times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct OccurrenceView {
    /// When it begins.
    pub from_unix_ms: u64,
    /// When it is over.
    pub until_unix_ms: u64,
    /// Who takes part: people of the log by name, others as it calls them.
    pub people: Vec<SafeText>,
}

/// A file of a policy, as it stands there or as it was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct PolicyFileText {
    /// `NAME.cedar`, `NAME.ics` or `NAME.json`.
    pub name: String,
    /// The text, byte for byte: whoever shows it makes visible what hides in it.
    pub text: String,
}

/// What a policy answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum PolicyQuestion {
    /// May this agent propose it?
    Propose,
    /// May it run without a person?
    Release,
    /// May this person approve it?
    Decide,
}

/// One policy, in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyRuleView {
    /// Its id.
    pub id: String,
    /// The file that holds it.
    pub file: String,
    /// Its first line there, from 1.
    pub line: u32,
    /// Whether it permits; else it forbids.
    pub permits: bool,
    /// What it answers.
    pub questions: Vec<PolicyQuestion>,
    /// What it does where it holds, one sentence.
    pub says: String,
    /// Why, in its author's words.
    pub why: Option<SafeText>,
    /// Its lines in Cedar, complete.
    pub text: Vec<SafeText>,
}

/// Something wrong with what was typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyProblemView {
    /// The file; empty when it is about all of them.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters from 1.
    pub column: u32,
    /// The policy's id, where it is known.
    pub policy: Option<String>,
    /// What is wrong, and what to do.
    pub message: SafeText,
}

/// What was typed: its policies in words, or what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyCheckView {
    /// Its policies, by file and line; none when something is wrong.
    pub rules: Vec<PolicyRuleView>,
    /// Its calendars, by name; likewise.
    pub calendars: Vec<CalendarView>,
    /// What is wrong, by file and line.
    pub problems: Vec<PolicyProblemView>,
    /// What came of its tests.
    pub tests: PolicyTestsView,
}

/// What a change would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyPreviewView {
    /// What differs from what is in force.
    pub difference: PolicyDifferenceView,
    /// What came of its tests.
    pub tests: PolicyTestsView,
    /// What a replay of this very text found, if there was one.
    pub replay: Option<String>,
    /// What was found while this very text is in shadow.
    pub shadow: Option<String>,
    /// Whether it waits for another administrator once it is signed.
    pub waits: bool,
    /// Who gave their word for the very same text already.
    pub agreed: Vec<String>,
}

/// What differs between two policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyDifferenceView {
    /// In one sentence.
    pub words: String,
    /// By policy, in the order of their ids.
    pub rules: Vec<RuleDifferenceView>,
    /// By file, line by line.
    pub files: Vec<FileDifferenceView>,
    /// Hidden or misleading characters in its lines.
    pub marks: u32,
}

/// A policy that comes, goes or changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct RuleDifferenceView {
    /// Its id.
    pub id: String,
    /// As it is in force; `None`: it comes.
    pub before: Option<PolicyRuleView>,
    /// As it would be; `None`: it goes.
    pub after: Option<PolicyRuleView>,
}

/// The lines of a file that differ, with three around them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FileDifferenceView {
    /// The file.
    pub name: String,
    /// Its lines.
    pub lines: Vec<DiffLineView>,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum DiffSort {
    /// It stays.
    Same,
    /// It goes.
    Gone,
    /// It comes.
    New,
    /// Lines that stay are left out here.
    Skipped,
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DiffLineView {
    /// What becomes of it.
    pub sort: DiffSort,
    /// Its number in what is in force.
    pub before: Option<u32>,
    /// Its number in what would be.
    pub after: Option<u32>,
    /// The line; for those left out, how many.
    pub text: SafeText,
}

/// Something to begin with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyStartView {
    /// A whole policy.
    pub starter: Vec<PolicyFileText>,
    /// What the starter says.
    pub rules: Vec<PolicyRuleView>,
    /// Single policies, by kind of action.
    pub templates: Vec<PolicyTemplateView>,
}

/// A policy to begin with, for one kind of action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PolicyTemplateView {
    /// The kind of action, e.g. `git.push`.
    pub kind: String,
    /// What that is, for people.
    pub title: String,
    /// What the policies below do, in plain words.
    pub means: String,
    /// The policies.
    pub text: String,
}

/// Whether a policy that was signed holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum PolicyStanding {
    /// From now on.
    InForce,
    /// Once another administrator agrees.
    Waits,
}
