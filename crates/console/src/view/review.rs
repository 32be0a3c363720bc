//! One action, opened for review.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    ActionSummary, BrokenGlassView, EditedFromView, EditedIntoView, GlassOffer, PauseView, Problem,
    SafeText,
};

/// An action opened for review. Opening it is what "seen" records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ReviewView {
    /// The list view of it.
    pub summary: ActionSummary,
    /// What will run, computed by Vidimus from the bytes that are signed.
    pub what: WhatView,
    /// What the agent says about it. Never trusted.
    pub claims: Vec<Fact>,
    /// What Vidimus computed.
    pub computed: Vec<Fact>,
    /// What the policy says.
    pub policy: Vec<Fact>,
    /// Number of hidden or misleading characters that were made visible.
    pub marks: u32,
    /// The agent's id.
    pub agent: String,
    /// The run of the agent that it belongs to, as the agent says.
    pub run: Option<String>,
    /// Pauses that hold what the agent proposes in this run, in order.
    pub pauses: Vec<PauseView>,
    /// Why it cannot be edited here now, if so.
    pub edit_blocked: Option<Problem>,
    /// Why nothing like it can be approved in advance here now, if so.
    pub grant_blocked: Option<Problem>,
    /// What the policy offers in an emergency, if it does.
    pub glass: Option<GlassOffer>,
    /// The last who broke glass for it, if somebody did.
    pub broken_glass: Option<BrokenGlassView>,
    /// What it was edited from, if it was.
    pub edited_from: Option<EditedFromView>,
    /// What took its place, if something did.
    pub edited_into: Option<EditedIntoView>,
    /// Action digest.
    pub digest: String,
    /// Ledger entry of the proposal.
    pub entry: u64,
    /// Why it cannot be decided here now, if so.
    pub blocked: Option<Problem>,
    /// Why it cannot be approved here now, though it can be denied, if so.
    pub approve_blocked: Option<Problem>,
    /// Whether an approval must say why.
    pub reason_required: bool,
    /// What has to be seen here before it is approved, in reading order; empty
    /// unless the policy asks for a full review.
    pub to_see: Vec<ToSeeView>,
    /// Whether the policy released it: nobody was asked.
    pub released: bool,
    /// What is still needed beside who approved; `None` when nothing is.
    pub still_needed: Option<String>,
    /// What happens if nobody decides.
    pub on_expiry: String,
    /// Who has approved it so far, with a key that counts.
    pub approved_by: Vec<String>,
    /// Whether this person approved it and may take that back by a denial.
    pub takes_back: bool,
    /// How many distinct people must.
    pub quorum: u32,
    /// Who looks after it, in the gateway's words.
    pub taken: Option<TakenView>,
    /// What reviewers asked, oldest first.
    pub questions: Vec<QuestionView>,
    /// What reviewers flagged, oldest first.
    pub flags: Vec<NoteView>,
    /// What is unusual in it, by what its agent proposed before, one sentence each.
    pub unusual: Vec<String>,
    /// The last action like it, of any agent.
    pub like: Option<LikeView>,
    /// The agent's actions before it, newest first.
    pub earlier: Vec<ActionSummary>,
    /// What happened to it so far, oldest first.
    pub timeline: Vec<TimelineItem>,
    /// What it printed last, once reported.
    pub output: Option<OutputView>,
}

/// A section of a review that has to be seen whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ToSeeView {
    /// How the front calls it.
    pub section: String,
    /// What it is, in words.
    pub words: String,
    /// Whether it was seen here, to its end.
    pub seen: bool,
}

/// Who looks after an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct TakenView {
    /// The person.
    pub by: String,
    /// Whether that is the person at this console.
    pub me: bool,
    /// Since when.
    pub at_unix_ms: u64,
}

/// What a reviewer wrote. The gateway's word that it was this person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct NoteView {
    /// Ledger entry.
    pub entry: u64,
    /// The person.
    pub by: String,
    /// When.
    pub at_unix_ms: u64,
    /// The words; `None` while they are on their way.
    pub text: Option<SafeText>,
}

/// A question to the agent, with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct QuestionView {
    /// The question.
    pub question: NoteView,
    /// The agent's answer: a claim.
    pub answer: Option<NoteView>,
}

/// An earlier action that is like this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct LikeView {
    /// The action.
    pub summary: ActionSummary,
    /// In what it is like this one, in words.
    pub alike: String,
}

/// What will run, by kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is", content = "value")]
#[ts(export)]
pub enum WhatView {
    /// A program with its arguments.
    Command(Box<CommandView>),
    /// A change in the proposer's own words.
    Change(Box<ChangeView>),
    /// Something of which more can be said than a command line.
    Artefact(Box<ArtefactView>),
}

/// Sections of text, and the command that runs, if a program of its own does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ArtefactView {
    /// What it is, in the order in which it is read.
    pub sections: Vec<SectionView>,
    /// What runs.
    pub command: Option<CommandView>,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SectionView {
    /// Its title; what hides in names stands in square brackets.
    pub title: String,
    /// What is bad about it.
    pub warning: Option<String>,
    /// Its lines, complete.
    pub lines: Vec<SafeText>,
}

/// A change in the proposer's own words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ChangeView {
    /// What is done.
    pub operation: SafeText,
    /// Where: the machine or service.
    pub system: SafeText,
    /// Where: what is acted on.
    pub resource: SafeText,
    /// Where: e.g. production.
    pub environment: SafeText,
    /// Key paths that differ, in order; at most 200.
    pub differences: Vec<Difference>,
    /// Key paths that differ beyond those.
    pub more_differences: u32,
    /// The whole of what the agent says is there now, indented for reading.
    pub before: Option<Vec<SafeText>>,
    /// The whole of what will be there.
    pub after: Option<Vec<SafeText>>,
}

/// One key path that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Difference {
    /// The path, e.g. `rules[2].port`; empty for the whole.
    pub path: SafeText,
    /// What is there now; `None` when nothing is.
    pub before: Option<SafeText>,
    /// What will be there; `None` when nothing will.
    pub after: Option<SafeText>,
}

/// What will run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct CommandView {
    /// The program that is executed.
    pub program: FileView,
    /// The interpreter that a `#!` line names, executed in the program's place.
    pub interpreter: Option<FileView>,
    /// The script handed to the program, with its text.
    pub script: Option<ScriptView>,
    /// Arguments as an array, `argv[0]` first.
    pub argv: Vec<SafeText>,
    /// Working directory.
    pub cwd: SafeText,
    /// Environment, sorted by name; everything else is cleared.
    pub env: Vec<EnvView>,
    /// Standard input, when it is bound.
    pub input: Option<InputView>,
    /// Files named by arguments whose content is bound.
    pub files: Vec<FileView>,
    /// What is not bound, in words.
    pub not_bound: Vec<String>,
}

/// A file whose content is bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FileView {
    /// Absolute path when it was opened.
    pub path: SafeText,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: String,
}

/// A script with its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ScriptView {
    /// The file.
    pub file: FileView,
    /// Its lines, complete, or `None` when the text is not part of the
    /// proposal (then `omitted` says why).
    pub lines: Option<Vec<SafeText>>,
    /// Why the text is missing.
    pub omitted: Option<String>,
}

/// Standard input with its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct InputView {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: String,
    /// Its lines, complete, or `None` when `omitted` says why.
    pub lines: Option<Vec<SafeText>>,
    /// Why the text is missing.
    pub omitted: Option<String>,
}

/// One environment variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct EnvView {
    /// Name.
    pub name: SafeText,
    /// Value; `None` means *value bound, not shown*.
    pub value: Option<SafeText>,
}

/// A labelled fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Fact {
    /// Label.
    pub label: String,
    /// Value.
    pub value: SafeText,
    /// Whether the value is code-like (digest, path, id).
    pub mono: bool,
}

/// One step in an action's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct TimelineItem {
    /// Ledger entry.
    pub entry: u64,
    /// Entry time.
    pub time_unix_ms: u64,
    /// What happened, in words.
    pub text: String,
    /// What was written with it: a verdict's reason, a question, an answer, a
    /// remark.
    pub words: Option<SafeText>,
}

/// Who was told about an action: the gateway's word, not evidence of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DeliveriesView {
    /// Endpoints that the gateway tells of events now.
    pub endpoints: u64,
    /// Why it tells nobody at the moment, if so.
    pub problem: Option<SafeText>,
    /// In log order.
    pub deliveries: Vec<DeliveryView>,
}

/// One message to one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DeliveryView {
    /// The endpoint's name.
    pub endpoint: SafeText,
    /// Host that it goes to.
    pub host: SafeText,
    /// Kind of the entry that it tells of.
    pub event: SafeText,
    /// That entry.
    pub entry: u64,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u64,
    /// First try.
    pub first_tried_unix_ms: Option<u64>,
    /// Last try.
    pub last_tried_unix_ms: Option<u64>,
    /// Next try, while there will be one.
    pub next_try_unix_ms: Option<u64>,
    /// Why it has not arrived.
    pub why: Option<SafeText>,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum DeliveryState {
    /// Not tried yet.
    Waiting,
    /// The endpoint took it.
    Arrived,
    /// The last try failed; there will be another.
    Failed,
    /// It failed for good.
    GivenUp,
}

/// The tail of what it printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct OutputView {
    /// The last lines of standard output and standard error, interleaved.
    pub lines: Vec<SafeText>,
    /// Bytes before the tail that are not shown.
    pub omitted_bytes: u64,
}
