//! People, keys, rules and sessions, as one screen shows them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{PauseView, Problem, Route, SafeText, VerdictChoice};

/// Who is in the log, with which keys, under which rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PeopleView {
    /// Whether this is a team's log. A log for one person has one row.
    pub team: bool,
    /// The log's fingerprint: 20 digits in five groups, to read aloud.
    pub log_fingerprint: String,
    /// Whether the reviewer of this console administers the log.
    pub administrator: bool,
    /// Everybody, those who left last.
    pub people: Vec<PersonView>,
    /// The delegations that stand, oldest first.
    pub delegations: Vec<DelegationView>,
    /// Keys that say whose they are and do not count yet, oldest first.
    pub claims: Vec<ClaimView>,
    /// What keys and approvals must be like.
    pub rules: RulesView,
    /// Agents and whose they are, the newest first.
    pub agents: Vec<OwnedAgentView>,
}

/// One person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PersonView {
    /// Reviewer id.
    pub id: String,
    /// Name as registered.
    pub name: String,
    /// How they are known outside, e.g. an e-mail address. May be empty.
    pub identity: String,
    /// What they may do.
    pub roles: Vec<RoleView>,
    /// Their groups.
    pub groups: Vec<String>,
    /// Whether it is the reviewer of this console.
    pub me: bool,
    /// Whether they were removed.
    pub removed: bool,
    /// Their keys, the oldest first.
    pub keys: Vec<KeyView>,
}

/// Groups that a person has lent another while they are away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DelegationView {
    /// Delegation id.
    pub id: String,
    /// Reviewer id of who lent them.
    pub by: String,
    /// Their name.
    pub by_name: String,
    /// Whether that is the person at this console.
    pub by_me: bool,
    /// Reviewer id of who decides with them.
    pub to: String,
    /// Their name.
    pub to_name: String,
    /// Whether that is the person at this console.
    pub to_me: bool,
    /// The groups, sorted.
    pub groups: Vec<String>,
    /// Until when.
    pub until_unix_ms: u64,
    /// Whether it may be ended from here.
    pub may_end: bool,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RoleView {
    /// Says who may do what.
    Administrator,
    /// Decides on actions.
    Reviewer,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct KeyView {
    /// Leaf hash of its enrolment: names it.
    pub enrolment: String,
    /// Its name, for its person.
    pub label: String,
    /// How it is reached.
    pub route: Route,
    /// Whether it cannot leave the device that made it, as it was registered.
    pub device_bound: bool,
    /// The AAGUID of its authenticator, when the attestation proves it.
    pub model: Option<String>,
    /// When it was enrolled.
    pub enrolled_at_unix_ms: u64,
    /// When it last signed something that is logged. Sign-ins are not.
    pub last_used_at_unix_ms: u64,
    /// Where it stands.
    pub standing: KeyStanding,
    /// Whether it may be revoked from here.
    pub may_revoke: bool,
}

/// Where a key stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "is")]
#[ts(export)]
pub enum KeyStanding {
    /// It counts.
    InForce,
    /// It opens sessions and admits its successor; for all else the rules want
    /// another.
    Outdated {
        /// Which rule it breaks, one sentence.
        why: String,
    },
    /// It was revoked, or its person removed.
    Revoked {
        /// Why, in a few words.
        why: String,
    },
}

/// A key that does not count yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ClaimView {
    /// Leaf hash of its enrolment: names it.
    pub enrolment: String,
    /// What its person reads aloud: 20 digits in five groups.
    pub fingerprint: String,
    /// Name of the person that it says it belongs to.
    pub name: String,
    /// Name of the key.
    pub label: String,
    /// Whether it cannot leave the device that made it, as it was registered.
    pub device_bound: bool,
    /// The AAGUID of its authenticator, when the attestation proves it.
    pub model: Option<String>,
    /// When it was enrolled.
    pub enrolled_at_unix_ms: u64,
    /// What taking it in means.
    pub for_whom: ClaimFor,
    /// Administrators who have agreed already.
    pub agreed: Vec<String>,
    /// How many words it needs in all.
    pub needed: u32,
    /// Why this console's reviewer cannot take it in, if so.
    pub blocked: Option<Problem>,
}

/// For whom a claimed key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ClaimFor {
    /// A new person: an administrator registers them with it.
    Newcomer,
    /// A further key of this console's own reviewer: their other key admits it.
    Myself,
    /// A person who is here: administrators admit it when they have lost their
    /// keys, else their own other key does.
    Known,
}

/// A model of authenticators, as rules name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export)]
pub struct ModelChoice {
    /// AAGUID, a lower-case UUID.
    pub aaguid: String,
    /// SHA-256 of the certificate at which its attestation ends.
    pub anchor: String,
}

/// A model of authenticators that the gateway knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ModelView {
    /// AAGUID, a lower-case UUID.
    pub aaguid: String,
    /// What its vendor calls it, in the gateway's words.
    pub description: String,
    /// The certificates at which its attestations end.
    pub anchors: Vec<String>,
}

/// What keys and approvals must be like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export)]
pub struct RulesView {
    /// Distinct people who must approve an action, 1 to 16.
    pub quorum: u32,
    /// Only keys count that cannot leave their device.
    pub device_bound: bool,
    /// Days for which a key counts; 0 for ever.
    pub max_age_days: u32,
    /// Only keys of these models count; none: of any.
    pub models: Vec<ModelChoice>,
}

/// A key that a rule would set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FailsRuleView {
    /// Its person.
    pub name: String,
    /// Its name.
    pub label: String,
    /// Why, in words.
    pub why: String,
    /// Whether the person has no other key that would count.
    pub last: bool,
}

/// An agent and its people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct OwnedAgentView {
    /// Agent id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Whom it acts for: they do not decide on its actions.
    pub owner: String,
    /// Who registered it: they do not decide either.
    pub registrar: String,
    /// Whether it was ended.
    pub revoked: bool,
    /// Whether it may be ended from here.
    pub may_revoke: bool,
    /// Its pauses that stand, in order.
    pub pauses: Vec<PauseView>,
}

/// Why a key counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RevocationWhy {
    /// Not in use any more.
    Retired,
    /// It cannot be found.
    Lost,
    /// Somebody else may have it.
    Stolen,
}

/// One session of this console's reviewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SessionRow {
    /// Names it and opens nothing.
    pub id: String,
    /// Name of the key that opened it.
    pub key: String,
    /// When.
    pub opened_at_unix_ms: u64,
    /// When it ends by itself.
    pub expires_at_unix_ms: u64,
    /// Whether it is this console's own.
    pub current: bool,
}

/// What is handed to a person, privately, so that their console can follow this
/// gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct JoiningView {
    /// One line of text to paste into the other console.
    pub text: String,
    /// When the invitation in it is over; `None` when there is none in it.
    pub expires_at_unix_ms: Option<u64>,
    /// The log's fingerprint, to be read aloud by both.
    pub log_fingerprint: String,
}

/// A verdict with the key of this console's reviewer that was not asked for
/// here: *was it you?*
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DoubtView {
    /// Ledger entry of what was signed.
    pub entry: u64,
    /// Whether it is a standing grant over the action, which approves others in
    /// advance.
    pub grant: bool,
    /// Action id.
    pub action: String,
    /// What it was, in one line.
    pub title: SafeText,
    /// What was decided.
    pub verdict: VerdictChoice,
    /// When.
    pub time_unix_ms: u64,
    /// Name of the key that signed it.
    pub key: String,
}
