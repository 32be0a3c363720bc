//! What a front asks of the console, what it is answered, and what it is told.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    BrokenGlassView, Colour, ConsoleView, DeliveriesView, Difference, EntryView, FailsRuleView,
    FieldView, FilledView, GrantView, HistoryPage, JoiningRead, JoiningView, ModelView, OpenPlace,
    PeopleView, PlaceView, PolicyCheckView, PolicyFileText, PolicyPreviewView, PolicyReplayView,
    PolicyShadowView, PolicyStartView, PolicyView, ReplaySpan, ReviewView, RevocationWhy, RoleView,
    Route, RulesView, SessionRow, VerdictChoice,
};

/// What a front may ask the console to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
#[ts(export)]
pub enum Command {
    /// The current view.
    View,
    /// Try again after `Phase::Failed` or an offline gateway.
    Retry,
    /// Set up the first key.
    Setup {
        /// The person's name.
        name: String,
        /// Which key.
        route: Route,
    },
    /// Open a session with the enrolled key.
    SignIn,
    /// End the session.
    SignOut,
    /// Hide everything until the key signs in again.
    Lock,
    /// Start at login, or no longer.
    SetAutostart {
        /// Whether to.
        on: bool,
    },
    /// When to lock by itself.
    SetLockAfter {
        /// Seconds without input; `None` is never.
        seconds: Option<u32>,
    },
    /// Register an agent with one touch and write its profile.
    ConnectAgent {
        /// Letters, digits, `-` and `_`, at most 40.
        name: String,
        /// Whom it acts for, a reviewer id; `None` is oneself.
        owner: Option<String>,
    },
    /// Found the log of a gateway elsewhere.
    Found {
        /// The code that the gateway printed.
        code: String,
        /// The founder's name.
        name: String,
    },
    /// Make a key: with the invitation, or a further one of one's own.
    Enrol {
        /// Name of the key.
        label: String,
    },
    /// Who is in the log.
    People,
    /// One's open sessions.
    Sessions,
    /// End one of them.
    EndSession {
        /// Its id.
        id: String,
    },
    /// Invite a person, or one who lost their keys.
    Invite {
        /// Name of a new person; ignored beside `reviewer`.
        name: String,
        /// Somebody who is here.
        reviewer: Option<String>,
    },
    /// What one's own other console needs to follow this gateway.
    Joining,
    /// Take a new person in, with their key.
    Register {
        /// The claim.
        enrolment: String,
        /// How they are known outside. May be empty.
        identity: String,
        /// What they may do, at least one.
        roles: Vec<RoleView>,
        /// Their groups.
        groups: Vec<String>,
    },
    /// Let a key of a known person count.
    Admit {
        /// The claim.
        enrolment: String,
    },
    /// Let a key count no more.
    RevokeKey {
        /// The key.
        enrolment: String,
        /// Why.
        why: RevocationWhy,
    },
    /// Change what a person is called or may do.
    ChangePerson {
        /// Reviewer id.
        id: String,
        /// Name.
        name: String,
        /// How they are known outside.
        identity: String,
        /// What they may do, at least one.
        roles: Vec<RoleView>,
        /// Their groups.
        groups: Vec<String>,
    },
    /// End what a person may do.
    RemovePerson {
        /// Reviewer id.
        id: String,
    },
    /// Which models of authenticators the gateway knows.
    Models,
    /// Who would fail these rules. Changes nothing.
    TryRules {
        /// The rules.
        rules: RulesView,
    },
    /// Put rules in force.
    ChangeRules {
        /// The rules.
        rules: RulesView,
    },
    /// The policy in force, and what waits.
    Policy,
    /// Something to begin a policy with.
    PolicyStart,
    /// What is wrong with these files, or what they say. Changes nothing.
    CheckPolicy {
        /// The files.
        files: Vec<PolicyFileText>,
    },
    /// What these files would change. Changes nothing.
    PreviewPolicy {
        /// The files.
        files: Vec<PolicyFileText>,
    },
    /// Decide anew, under these files, what was proposed lately. Changes
    /// nothing.
    ReplayPolicy {
        /// The files.
        files: Vec<PolicyFileText>,
        /// How far back.
        span: ReplaySpan,
    },
    /// Stop the replay under way.
    CancelReplay,
    /// Evaluate what is proposed from now on under these files too, in the place
    /// of what was in shadow before. Nothing hangs on the answer.
    ShadowPolicy {
        /// The files.
        files: Vec<PolicyFileText>,
    },
    /// End the shadow, and forget it.
    StopShadow,
    /// What came of the policy in shadow.
    PolicyShadow,
    /// Ask for the key to put these files in the place of the policy in force.
    ChangePolicy {
        /// The files.
        files: Vec<PolicyFileText>,
    },
    /// Ask for the key to agree to a policy that waits.
    AgreePolicy {
        /// What its signatures cover.
        digest: String,
    },
    /// End what an agent may do.
    RevokeAgent {
        /// Agent id.
        agent: String,
    },
    /// Stop an agent, or one of its runs: what waits is withdrawn, nothing of it
    /// is released.
    PauseAgent {
        /// Agent id.
        agent: String,
        /// The run; `None` is the whole agent.
        run: Option<String>,
    },
    /// Lift a pause.
    ResumeAgent {
        /// Agent id.
        agent: String,
        /// Ledger entry of the pause.
        pause: u64,
    },
    /// *It was me*: signs that a verdict is one's own.
    Recognise {
        /// Ledger entry of the verdict.
        entry: u64,
    },
    /// *It was not me*: exports the evidence, revokes the key, believes
    /// nothing any more.
    Disown {
        /// Ledger entry of the verdict.
        entry: u64,
    },
    /// What stands in a text that was handed over. Changes nothing.
    ReadJoining {
        /// The text.
        text: String,
    },
    /// Follow a gateway elsewhere.
    Follow {
        /// The text that was handed over.
        text: String,
        /// Name for it, for oneself.
        name: String,
        /// How it is told apart.
        colour: Colour,
    },
    /// Follow a gateway elsewhere that has no log yet, to found it.
    FollowNew {
        /// Its address.
        url: String,
        /// Certificates of an own authority, PEM, where it has one.
        authority: Option<String>,
        /// Name for it, for oneself.
        name: String,
        /// How it is told apart.
        colour: Colour,
    },
    /// Call this gateway otherwise.
    Rename {
        /// Name for it, for oneself.
        name: String,
        /// How it is told apart.
        colour: Colour,
    },
    /// Follow this gateway no longer, and delete the copy of its log here.
    Unfollow,
    /// Cancel the key prompt in progress, or dismiss one that ended.
    CancelCeremony,
    /// Open the page of the key prompt in the browser again.
    ReopenCeremony,
    /// Open an action: fetches and verifies its parts.
    OpenAction {
        /// Action id.
        action: String,
    },
    /// Say that sections of an opened action were on screen to their end, with
    /// nothing folded away.
    Saw {
        /// Action id.
        action: String,
        /// The sections, as the review names them.
        sections: Vec<String>,
    },
    /// Ask the gateway who was told about an action.
    Deliveries {
        /// Action id.
        action: String,
    },
    /// Ask for the key to decide an opened action.
    Decide {
        /// Action id.
        action: String,
        /// The choice.
        verdict: VerdictChoice,
        /// The reason, told to the agent. May be empty.
        reason: String,
    },
    /// What of an action may be edited.
    EditFields {
        /// Action id.
        action: String,
    },
    /// What an edit would change. Changes nothing.
    PreviewEdit {
        /// Action id.
        action: String,
        /// What was filled in.
        filled: Vec<FilledView>,
    },
    /// Ask for the key to put an edited action in a pending one's place.
    Edit {
        /// Action id.
        action: String,
        /// What was filled in.
        filled: Vec<FilledView>,
    },
    /// What may differ from an opened action in a standing grant.
    GrantPlaces {
        /// Action id.
        action: String,
    },
    /// Ask for the key to approve, in advance, what is like an opened action.
    Grant {
        /// Action id.
        action: String,
        /// Where others may differ from it.
        open: Vec<OpenPlace>,
        /// How many proposals it covers.
        uses: u32,
        /// How long.
        hours: u32,
        /// Why.
        reason: String,
    },
    /// Every glass that was broken.
    BrokenGlass,
    /// Ask for the key to say what is to be thought of one.
    ReviewGlass {
        /// Ledger entry of the verdict.
        entry: u64,
        /// Whether it could not wait.
        justified: bool,
        /// What was found.
        reason: String,
    },
    /// Every standing grant.
    Grants,
    /// Ask for the key to end one.
    RevokeGrant {
        /// Grant id.
        grant: String,
    },
    /// Ask for the key to lend groups of one's own to another reviewer.
    Delegate {
        /// Reviewer id of who gets them.
        to: String,
        /// The groups.
        groups: Vec<String>,
        /// How long.
        hours: u32,
    },
    /// Ask for the key to end a delegation.
    EndDelegation {
        /// Delegation id.
        delegation: String,
    },
    /// Say that one looks after an action.
    Take {
        /// Action id.
        action: String,
    },
    /// Ask its agent something. Decides nothing.
    Ask {
        /// Action id.
        action: String,
        /// The question.
        text: String,
    },
    /// Remark that something is wrong with it. Decides nothing.
    Flag {
        /// Action id.
        action: String,
        /// What.
        text: String,
    },
    /// A page of the history.
    History {
        /// Only entries before this index.
        before: Option<u64>,
        /// Only this action's entries.
        action: Option<String>,
        /// Only entries whose words or kind contain this text.
        query: String,
    },
    /// One entry, whole.
    OpenEntry {
        /// Ledger entry.
        index: u64,
    },
    /// Verify the whole mirror now.
    Verify,
    /// Write the mirror to one file.
    Export,
}

/// The answer to a [`Command`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is", content = "value")]
#[ts(export)]
pub enum Reply {
    /// Accepted; what changes arrives as a new [`ConsoleView`].
    Accepted,
    /// To `View`.
    View(Box<ConsoleView>),
    /// To `OpenAction`.
    Review(Box<ReviewView>),
    /// To `Deliveries`.
    Deliveries(DeliveriesView),
    /// To `EditFields`.
    EditFields(Vec<FieldView>),
    /// To `PreviewEdit`.
    EditPreview(Vec<Difference>),
    /// To `GrantPlaces`.
    GrantPlaces(Vec<PlaceView>),
    /// To `BrokenGlass`: what waits for a review, then the others.
    BrokenGlass(Vec<BrokenGlassView>),
    /// To `Grants`: what holds, then what is over.
    Grants(Vec<GrantView>),
    /// To `History`.
    History(HistoryPage),
    /// To `OpenEntry`.
    Entry(Box<EntryView>),
    /// To `People`.
    People(Box<PeopleView>),
    /// To `Sessions`.
    Sessions(Vec<SessionRow>),
    /// To `Invite` and `Joining`.
    Joining(JoiningView),
    /// To `ReadJoining`.
    JoiningRead(JoiningRead),
    /// To `Models`, by description.
    Models(Vec<ModelView>),
    /// To `TryRules`: the keys that would not count.
    FailsRules(Vec<FailsRuleView>),
    /// To `Policy`.
    Policy(Box<PolicyView>),
    /// To `PolicyStart`.
    PolicyStart(Box<PolicyStartView>),
    /// To `CheckPolicy`.
    PolicyChecked(PolicyCheckView),
    /// To `PreviewPolicy`.
    PolicyPreview(Box<PolicyPreviewView>),
    /// To `ReplayPolicy`; `None`: it was cancelled.
    PolicyReplayed(Option<Box<PolicyReplayView>>),
    /// To `PolicyShadow`; `None`: nothing is in shadow.
    PolicyShadow(Option<Box<PolicyShadowView>>),
    /// To `Follow` and `FollowNew`: the gateway's id.
    Followed {
        /// Id of the gateway.
        gateway: String,
    },
    /// To `Export` and `Disown`: where the file is.
    Exported {
        /// Absolute path.
        path: String,
        /// Bytes.
        size: u64,
    },
}

/// What the console pushes to a front, about one gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is", content = "value")]
#[ts(export)]
pub enum Event {
    /// Something changed: the whole new view.
    View(Box<ConsoleView>),
    /// The opened action changed (its status, timeline or output).
    Review(Box<ReviewView>),
    /// Bring this action up for review (a notification was clicked). `confirm`
    /// opens the compact confirmation with this choice preset; it decides
    /// nothing. An approval that the policy wants to be of the whole of it is
    /// never preset.
    Show {
        /// Action id.
        action: String,
        /// The preset choice.
        confirm: Option<VerdictChoice>,
    },
}
