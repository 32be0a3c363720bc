//! What a front shows and what it may ask for: the one surface under the
//! desktop window and the browser page.
//!
//! Everything here is plain data. TypeScript bindings are generated from it
//! into `ui/src/lib/ipc/bindings/` (`cargo test -p vidimus-console
//! export_bindings`). Text that an agent or a file supplied travels as
//! [`SafeText`], in which nothing can hide.
//!
//! Units: times are milliseconds since the Unix epoch (`*_unix_ms`), digests
//! are 64 lower-case hex digits, sizes are bytes.

mod agents;
mod commands;
mod edits;
mod gateways;
mod glass;
mod grants;
mod people;
mod policies;
mod policy_shadow;
mod policy_trials;
mod review;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use vidimus_protocol::envelope::Verdict;

pub use agents::{AgentView, PauseView};
pub use commands::{Command, Event, Reply};
pub use edits::{
    EditedFromView, EditedIntoView, FieldSort, FieldView, FilledView, FilledWord, WordView,
};
pub use gateways::{Colour, JoiningRead, Told};
pub use glass::{BrokenGlassView, GlassOffer, GlassReviewView};
pub use grants::{GrantView, MayBe, OpenPlace, PlaceView};
pub use people::{
    ClaimFor, ClaimView, DelegationView, DoubtView, FailsRuleView, JoiningView, KeyStanding,
    KeyView, ModelChoice, ModelView, OwnedAgentView, PeopleView, PersonView, RevocationWhy,
    RoleView, RulesView, SessionRow,
};
pub use policies::{
    CalendarView, DiffLineView, DiffSort, FileDifferenceView, OccurrenceView, PolicyCheckView,
    PolicyDifferenceView, PolicyFileText, PolicyInForceView, PolicyPreviewView, PolicyProblemView,
    PolicyQuestion, PolicyRuleView, PolicyStanding, PolicyStartView, PolicyTemplateView,
    PolicyTextView, PolicyView, PolicyWaitingView, PolicyWordView, RuleDifferenceView,
};
pub use policy_shadow::{PolicyShadowView, ShadowBeside, ShadowSummaryView};
pub use policy_trials::{
    OutcomeDifferenceView, PolicyDecision, PolicyDecisionView, PolicyReplayView, PolicyTestView,
    PolicyTestsView, ReplayCountView, ReplayProgress, ReplayRowView, ReplaySpan, ReplayStep,
};
pub use review::{
    ArtefactView, ChangeView, CommandView, DeliveriesView, DeliveryState, DeliveryView, Difference,
    EnvView, Fact, FileView, InputView, LikeView, NoteView, OutputView, QuestionView, ReviewView,
    ScriptView, SectionView, TakenView, TimelineItem, ToSeeView, WhatView,
};

/// Where the console is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Front {
    /// The native window: the display is the console's own.
    Desktop,
    /// A page served by the gateway: the display trusts the gateway.
    Browser,
}

/// Everything that is on screen outside an opened action or the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ConsoleView {
    /// Where this is shown.
    pub front: Front,
    /// What the console can do right now.
    pub phase: Phase,
    /// The gateway it follows.
    pub gateway: GatewayView,
    /// Who is set up here, once a log exists.
    pub reviewer: Option<ReviewerView>,
    /// The key prompt in progress or just ended.
    pub ceremony: Option<CeremonyView>,
    /// Actions that wait for this reviewer's verdict, what expires or hurts first on
    /// top.
    pub inbox: Vec<ActionSummary>,
    /// Actions that wait for others: their own agent's, those they have decided, all
    /// when they are no reviewer.
    pub waits_for_others: Vec<ActionSummary>,
    /// How many new keys wait for this reviewer to take them in.
    pub claims: u32,
    /// How many policies wait for this administrator to agree.
    pub policies: u32,
    /// How many broken glasses wait for this administrator's review.
    pub unreviewed: u32,
    /// Delegations that stand, by this reviewer or to them.
    pub delegations: Vec<DelegationView>,
    /// Policies, in force or waiting, whose text is on its way to this computer.
    pub policies_missing: u32,
    /// The newest actions that are no longer waiting, newest first, at most 20.
    pub recent: Vec<ActionSummary>,
    /// Connected agents.
    pub agents: Vec<AgentView>,
    /// A command to copy that holds a harmless action, with absolute paths.
    /// `None` while no agent is connected.
    pub try_command: Option<String>,
    /// Verdicts with this reviewer's key that were not asked for here.
    pub doubts: Vec<DoubtView>,
    /// Things the reviewer should know, most serious first.
    pub notices: Vec<Notice>,
    /// The latest whole-log verification on this computer.
    pub verification: Verification,
    /// The replay of a policy under way.
    pub policy_replay: Option<ReplayProgress>,
    /// The policy in shadow, if there is one.
    pub policy_shadow: Option<ShadowSummaryView>,
    /// The desktop around the window. `None` where there is none.
    pub desktop: Option<DesktopView>,
}

/// The desktop around the window: what was chosen for it, and what it offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DesktopView {
    /// Whether the console starts when the person logs in.
    pub autostart: bool,
    /// Seconds without input after which the console locks; `None` is never.
    pub lock_after_s: Option<u32>,
    /// What the desktop offers, or why not.
    pub services: Vec<ServiceView>,
}

/// Something that the desktop offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ServiceView {
    /// For people, e.g. *Tray*.
    pub name: String,
    /// What it is used for, while it is there.
    pub works: String,
    /// Why it cannot be used, and what to do.
    pub missing: Option<Problem>,
}

/// What the console can do right now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is")]
#[ts(export)]
pub enum Phase {
    /// Opening the store, starting the embedded gateway.
    Starting,
    /// It could not start. The problem says what to do.
    Failed {
        /// What went wrong and what to do.
        problem: Problem,
    },
    /// No log yet: *Set up your key*.
    Setup,
    /// A gateway elsewhere without a log: whoever started it founds it with
    /// the code that it printed.
    Found,
    /// Invited, and no key made yet.
    Enrol {
        /// The log's fingerprint, to compare aloud.
        log_fingerprint: String,
    },
    /// The key is made, and waits for an administrator to take it in.
    Claimed {
        /// The key's fingerprint, to be read aloud to the administrator.
        fingerprint: String,
        /// The log's fingerprint.
        log_fingerprint: String,
    },
    /// A log exists; nobody is signed in. The mirror is still browsable.
    SignedOut,
    /// Nothing is shown and nothing can be asked for until the key has signed
    /// in again.
    Locked {
        /// Actions that wait for a verdict.
        waiting: u32,
        /// Whether new ones are still heard of.
        following: bool,
    },
    /// Signed in.
    Ready,
    /// The gateway showed a fork, a rollback or a forged entry. Nothing can be
    /// decided; both checkpoints are kept as evidence.
    Frozen {
        /// What was seen, in words.
        problem: Problem,
        /// Path of the evidence file on this computer.
        evidence_path: String,
    },
    /// The log has entries this version cannot judge. Decisions are blocked.
    UpgradeNeeded {
        /// The first entry that cannot be judged.
        entry: u64,
    },
}

/// The gateway and how it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct GatewayView {
    /// Names it towards the console: `local`, or its host and port.
    pub id: String,
    /// How it is told apart at a glance.
    pub colour: Colour,
    /// Whether its log is a team's.
    pub team: bool,
    /// Name for people, e.g. *This computer*.
    pub name: String,
    /// e.g. `http://localhost:8443`.
    pub url: String,
    /// Log id, once there is one.
    pub log: Option<String>,
    /// State of the feed.
    pub connection: Connection,
    /// The newest checkpoint that was checked against the pin.
    pub checkpoint: Option<CheckpointView>,
}

/// State of the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is")]
#[ts(export)]
pub enum Connection {
    /// First connection, or catching up.
    Connecting,
    /// Entries arrive as they are logged.
    Live,
    /// Not connected. What is shown is the verified copy on this computer.
    Offline {
        /// When the connection was lost.
        since_unix_ms: u64,
        /// When the next attempt is made.
        retry_at_unix_ms: u64,
        /// Why, in words.
        why: String,
    },
}

/// A verified checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct CheckpointView {
    /// Number of entries.
    pub size: u64,
    /// Root hash.
    pub root: String,
    /// Time the log signed beside it.
    pub time_unix_ms: u64,
}

/// How a credential is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Route {
    /// A passkey or security key, on a page in the system browser.
    Browser,
    /// A software key on this computer: the lowest assurance.
    Software,
}

/// The reviewer whose console this is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ReviewerView {
    /// Reviewer id.
    pub id: String,
    /// What they may do.
    pub roles: Vec<RoleView>,
    /// Name as enrolled.
    pub name: String,
    /// How the key is reached. `Software` is marked everywhere.
    pub route: Route,
}

/// A key prompt: in progress, or just ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct CeremonyView {
    /// What is being signed.
    pub purpose: CeremonyPurpose,
    /// Where the key is asked for.
    pub route: Route,
    /// The page, for `Route::Browser`: shown so that it can be copied when no
    /// browser opens.
    pub url: Option<String>,
    /// A code that the page asks for (setup) or repeats (sign-in).
    pub code: Option<String>,
    /// How far it is.
    pub state: CeremonyState,
}

/// What a key prompt signs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is")]
#[ts(export)]
pub enum CeremonyPurpose {
    /// The first key.
    Setup,
    /// The first key of a team's log.
    Found,
    /// A session.
    SignIn,
    /// `agent.registered`.
    ConnectAgent {
        /// The agent's name.
        name: String,
    },
    /// A further key, or the first one of an invited person.
    NewKey {
        /// The key's name.
        label: String,
    },
    /// Something about people, keys, rules or agents.
    Statement {
        /// What is signed, in words, one sentence.
        words: String,
    },
    /// `policy.changed`.
    Policy {
        /// What is signed, in words, one sentence.
        words: String,
        /// What the signature covers.
        digest: String,
        /// Whether it holds; `None` until it is in the ledger.
        standing: Option<PolicyStanding>,
    },
    /// A verdict.
    Verdict {
        /// Action id.
        action: String,
        /// Approve or deny.
        verdict: VerdictChoice,
    },
}

/// How far a key prompt is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is")]
#[ts(export)]
pub enum CeremonyState {
    /// The person is asked for the key.
    Waiting,
    /// Signed; waiting until its inclusion is proven.
    Proving,
    /// Done and proven.
    Done,
    /// The person or the browser cancelled it. Nothing happened.
    Cancelled,
    /// Refused. Nothing happened.
    Failed {
        /// Why and what to do.
        problem: Problem,
    },
}

/// A person's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum VerdictChoice {
    /// Let it run, once.
    Approve,
    /// It does not run.
    Deny,
    /// Let it run, once, without the others whom the policy asks for.
    BreakGlass,
}

impl VerdictChoice {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Approve => Verdict::Approve,
            Self::Deny => Verdict::Deny,
            Self::BreakGlass => Verdict::BreakGlass,
        }
    }

    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Self::Approve,
            Verdict::Deny => Self::Deny,
            Verdict::BreakGlass => Self::BreakGlass,
        }
    }
}

/// One action in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ActionSummary {
    /// Action id.
    pub id: String,
    /// The agent's name.
    pub agent: String,
    /// The person it acts for.
    pub on_behalf_of: String,
    /// What will run, in one line.
    pub title: SafeText,
    /// Host and folder, in one line.
    pub target: SafeText,
    /// The agent's claim why, if it gave one.
    pub intent: Option<SafeText>,
    /// What it does, as far as anybody can tell; nothing while its content is on its
    /// way.
    pub effects: Vec<EffectView>,
    /// When it was proposed.
    pub proposed_at_unix_ms: u64,
    /// When it expires if nobody decides.
    pub expires_at_unix_ms: u64,
    /// While it waits out its grace time: when it may run, unless somebody denies
    /// it.
    pub starts_at_unix_ms: Option<u64>,
    /// Where it stands.
    pub status: ActionStatus,
    /// The groups that were told since nobody had decided, in order.
    pub escalated: Vec<EscalatedView>,
    /// Who edited what its agent proposed, last, if anybody did.
    pub edited_by: Option<String>,
    /// Whether a program waits for the answer. `None` when no longer pending
    /// or not known (offline).
    pub somebody_waits: Option<bool>,
}

/// What an action does, the worst that can be told of each of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum EffectView {
    /// It takes something away.
    Destructive,
    /// It changes who may do what.
    Permission,
    /// It reads.
    Read,
    /// Nobody can tell.
    Unknown,
    /// It adds or changes something.
    Write,
}

/// A group that was told since nobody had decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct EscalatedView {
    /// When.
    pub at_unix_ms: u64,
    /// Ledger entry.
    pub entry: u64,
    /// The group.
    pub group: String,
}

/// Where an action stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is")]
#[ts(export)]
pub enum ActionStatus {
    /// Waits for a verdict.
    Pending,
    /// The policy let it go without a person; not yet redeemed.
    Released,
    /// Approved, inclusion proven; not yet redeemed.
    Approved,
    /// Approved, and its permit ran out unused. A new one may be issued.
    PermitLapsed,
    /// Redeemed: it may be running.
    Running,
    /// It ended with an exit code or signal.
    Completed {
        /// Exit code of the program, when it exited.
        exit_code: Option<i32>,
        /// Signal name, when it was killed.
        signal: Option<String>,
    },
    /// It could not be started.
    FailedToStart {
        /// Why.
        why: SafeText,
    },
    /// It was done, as its agent reports.
    Succeeded,
    /// It was not done, or not whole, as its agent reports.
    Failed {
        /// Why.
        why: SafeText,
    },
    /// Redeemed, and no outcome was reported. Never retried.
    Unknown,
    /// A person denied it.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// The agent took it back.
    Withdrawn,
    /// A pause of its agent withdrew it, or stopped it after its approval.
    Stopped,
    /// The policy refused it.
    Refused,
    /// A reviewer edited it: another action took its place.
    Superseded,
    /// Approved, but never run before its last moment.
    NotRun,
}

/// Something the reviewer should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Notice {
    /// How serious.
    pub tone: Tone,
    /// What and what to do.
    pub problem: Problem,
}

/// How serious a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Tone {
    /// Good to know.
    Info,
    /// Something is missing; the work goes on.
    Warning,
    /// Something is wrong.
    Danger,
}

/// An error or a notice: what happened, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Problem {
    /// Stable code, `snake_case`.
    pub code: String,
    /// What happened, one sentence.
    pub message: String,
    /// What to do next, one sentence.
    pub hint: String,
}

/// The latest whole-log verification on this computer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is")]
#[ts(export)]
pub enum Verification {
    /// Never asked for in this session.
    NotRun,
    /// Under way.
    Running {
        /// Entries checked.
        done: u64,
        /// Entries in the mirror.
        total: u64,
    },
    /// Every check passed.
    Passed {
        /// Entries checked.
        entries: u64,
        /// Signatures checked.
        signatures: u64,
        /// When.
        at_unix_ms: u64,
        /// Milliseconds it took.
        took_ms: u64,
        /// What holds with reservations, in words (e.g. *single operator*).
        remarks: Vec<String>,
    },
    /// A check failed.
    Failed {
        /// First wrong entry, when it belongs to one.
        entry: Option<u64>,
        /// What is wrong and what to do.
        problem: Problem,
        /// When.
        at_unix_ms: u64,
    },
}

/// Text from an agent, a file or the network in which nothing can hide.
///
/// Controls, bidi controls, zero-width characters, terminal escapes and
/// look-alike letters are cut out into marks. Joining the plain texts and the
/// marks' characters gives the original back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SafeText {
    /// Pieces in order.
    pub spans: Vec<Span>,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is")]
#[ts(export)]
pub enum Span {
    /// Shown as it is.
    Plain {
        /// The text.
        text: String,
    },
    /// Shown as a visible mark.
    Mark {
        /// What stands there, e.g. `U+202E` or `ESC`.
        label: String,
        /// What it is, in words, e.g. *right-to-left override*.
        what: String,
        /// The look-alike letter itself, where it is printable.
        shown: Option<String>,
    },
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct HistoryRow {
    /// Ledger entry.
    pub index: u64,
    /// Entry kind, e.g. `verdict.given`.
    pub kind: String,
    /// Entry time.
    pub time_unix_ms: u64,
    /// What happened, in words.
    pub text: SafeText,
    /// The action it belongs to.
    pub action: Option<String>,
}

/// A page of the history, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct HistoryPage {
    /// Rows, newest first.
    pub rows: Vec<HistoryRow>,
    /// Whether older ones exist.
    pub more: bool,
    /// Entries in the mirror.
    pub total: u64,
}

/// One ledger entry, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct EntryView {
    /// The list view of it.
    pub row: HistoryRow,
    /// Leaf hash.
    pub leaf_hash: String,
    /// The leaf, indented for reading.
    pub leaf_text: SafeText,
    /// Its parts.
    pub parts: Vec<PartView>,
}

/// A part of an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PartView {
    /// Name, e.g. `payload`.
    pub name: String,
    /// Content type.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// Commitment.
    pub commit: String,
    /// The text when it is here and is text.
    pub text: Option<SafeText>,
}
