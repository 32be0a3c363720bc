//! The envelope: what a key signs.
//!
//! Every human act is one envelope of one type; the WebAuthn challenge is
//! `SHA-256("vidimus/" ‖ type ‖ "/v1\0" ‖ JCS(envelope))`. What the act says
//! stands in its items, of which the envelope carries the RFC 6962 root.
//! Spec: `docs/spec/envelope.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes::{Blob, Digest, FromStrVisitor, sha256};
use crate::id::{ActionId, AgentId, DelegationId, ExecutorId, GrantId, ReviewerId, RunId};
use crate::model::Model;
use crate::strict;
use crate::time::Time;

/// Most items signed with one touch.
pub const MAX_ITEMS: u64 = 256;
/// Greatest distance between `issued_at` and the entry's time, milliseconds.
pub const MAX_SKEW_MS: u64 = 120_000;

/// The signed text. In JSON all values are strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// No entry may be made from it at or after this time.
    pub expires_at: Time,
    /// When the signer's console wrote it.
    pub issued_at: Time,
    /// RFC 6962 root over the items' canonical bytes.
    pub items_root: Digest,
    /// Log id.
    pub log: Digest,
    /// From the gateway, taken once.
    pub nonce: Digest,
    /// Root of the log at `pinned_size`, as the console verified it.
    pub pinned_root: Digest,
    /// Size of the log that the console verified.
    pub pinned_size: Decimal,
    /// Who signs.
    pub signer: ReviewerId,
    /// The sort of act.
    pub r#type: ActType,
}

impl Envelope {
    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        strict::ordered(self)
    }

    /// The WebAuthn challenge.
    #[must_use]
    pub fn challenge(&self) -> Digest {
        sha256(&[
            b"vidimus/",
            self.r#type.as_str().as_bytes(),
            b"/v1\0",
            &self.to_bytes(),
        ])
    }
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Sorts of act; each has its own domain tag.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum ActType {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl ActType {
            /// Every sort.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The text in the envelope and in the challenge.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

acts! {
    /// Enrols a key. The first key's envelope also opens the first session.
    CredentialEnrolled = "credential.enrolled",
    /// Lets a key count.
    CredentialAdmitted = "credential.admitted",
    /// Lets a key count no more.
    CredentialRevoked = "credential.revoked",
    /// Takes a person in.
    ReviewerRegistered = "reviewer.registered",
    /// Changes what a person is called or may do.
    ReviewerChanged = "reviewer.changed",
    /// Ends what a person may do.
    ReviewerRemoved = "reviewer.removed",
    /// Changes what keys and approvals must be like.
    RulesChanged = "rules.changed",
    /// Changes the policy.
    PolicyChanged = "policy.changed",
    /// Opens a session.
    SessionOpened = "session.opened",
    /// Registers an agent.
    AgentRegistered = "agent.registered",
    /// Ends what an agent may do.
    AgentRevoked = "agent.revoked",
    /// Stops an agent, or one of its runs.
    AgentPaused = "agent.paused",
    /// Ends a pause.
    AgentResumed = "agent.resumed",
    /// Proposes a changed action in a pending one's place.
    ActionEdited = "action.edited",
    /// Decides actions.
    VerdictGiven = "verdict.given",
    /// Says that a verdict is the signer's own.
    VerdictRecognised = "verdict.recognised",
    /// Says what is to be thought of a broken glass.
    VerdictReviewed = "verdict.reviewed",
    /// Approves what is like an action, a number of times, in advance.
    GrantGiven = "grant.given",
    /// Ends a standing grant.
    GrantRevoked = "grant.revoked",
    /// Lends groups to another reviewer.
    DelegationGiven = "delegation.given",
    /// Ends a delegation.
    DelegationRevoked = "delegation.revoked",
}

/// An integer below 2^53, written as a decimal string without leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(pub u64);

/// Not a decimal string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a decimal number below 2^53 without leading zeros")]
pub struct DecimalError;

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || (text.len() > 1 && text.starts_with('0')) {
            return Err(DecimalError);
        }
        let number = text.parse().map_err(|_| DecimalError)?;
        if number > strict::MAX_SAFE {
            Err(DecimalError)
        } else {
            Ok(Self(number))
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("a decimal number as a string"))
    }
}

/// A WebAuthn assertion, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// Authenticator data.
    pub authenticator_data: Blob,
    /// The exact `clientDataJSON` bytes.
    pub client_data_json: Blob,
    /// Which key.
    pub credential_id: Blob,
    /// Signature over `authenticator_data ‖ SHA-256(client_data_json)`.
    pub signature: Blob,
}

/// A signed item as an entry holds it: provable alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<I> {
    /// The key's answer to the envelope's challenge.
    pub assertion: Assertion,
    /// Number of items in the envelope.
    pub count: u64,
    /// The envelope.
    pub envelope: Envelope,
    /// Position of this item.
    pub index: u64,
    /// This item.
    pub item: I,
    /// RFC 6962 inclusion path from the item to `items_root`.
    pub path: Vec<Digest>,
}

/// Decides one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictItem {
    /// The action.
    pub action: ActionId,
    /// Commit of the `payload` part: what will run.
    pub action_digest: Digest,
    /// When the proposal expires, as shown.
    pub expires_at: Time,
    /// Leaf hash of the proposal.
    pub proposal_leaf: Digest,
    /// Commit of the `reason` part, which is always there and may be empty.
    pub reason_commit: Digest,
    /// [`Seen::digest`] of what the console showed.
    pub seen: Digest,
    /// The decision.
    pub verdict: Verdict,
}

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let it run, once.
    Approve,
    /// It does not run.
    Deny,
    /// Let it run, once, without the others whom the policy asks for.
    BreakGlass,
}

impl Verdict {
    /// Whether it is for letting it run.
    #[must_use]
    pub fn approves(self) -> bool {
        match self {
            Self::Approve | Self::BreakGlass => true,
            Self::Deny => false,
        }
    }
}

/// What a console opened, verified and showed before it asked for the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Whether the whole of each part was shown, to its end and with nothing
    /// folded away.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub full: bool,
    /// The parts, sorted by name, each name once.
    pub parts: Vec<SeenPart>,
    /// Program and version that showed them, e.g. `vidimus-console/0.1.0`.
    pub renderer: String,
}

/// One part that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SeenPart {
    /// Its commit.
    pub commit: Digest,
    /// Its name.
    pub name: String,
}

impl Seen {
    /// `SHA-256("vidimus/seen/v1\0" ‖ JCS(seen))`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        sha256(&[b"vidimus/seen/v1\0", &strict::ordered(self)])
    }
}

/// Enrols one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentItem {
    /// SHA-256 of the raw attestation object.
    pub attestation: Digest,
    /// Whether it may leave the device that made it (BE), as it was registered.
    pub backup_eligible: bool,
    /// The key's id.
    pub credential_id: Blob,
    /// Name of the key, for its person.
    pub label: String,
    /// Its authenticator's model, when the attestation proves it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<Model>,
    /// The person's name.
    pub name: String,
    /// COSE key, as it stands in the attestation object.
    pub public_key: Blob,
    /// The person.
    pub reviewer: ReviewerId,
}

/// Lets one key count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionItem {
    /// Leaf hash of its `credential.enrolled`.
    pub credential: Digest,
    /// Whose it is.
    pub reviewer: ReviewerId,
}

/// Lets one key count no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationItem {
    /// Leaf hash of its `credential.enrolled`.
    pub credential: Digest,
    /// Why.
    pub why: Revocation,
}

/// Why a key counts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// Not in use any more.
    Retired,
    /// It cannot be found.
    Lost,
    /// Somebody else may have it, or has used it.
    Stolen,
}

/// Takes one person in, with their first key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewerItem {
    /// Leaf hash of the `credential.enrolled` of their first key.
    pub credential: Digest,
    /// Their groups, sorted, each once.
    pub groups: Vec<String>,
    /// How they are known outside, e.g. an e-mail address.
    pub identity: String,
    /// Their name.
    pub name: String,
    /// The person.
    pub reviewer: ReviewerId,
    /// What they may do, sorted, each once, at least one.
    pub roles: Vec<Role>,
}

/// Changes what one person is called or may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewerChangeItem {
    /// Their groups, sorted, each once.
    pub groups: Vec<String>,
    /// How they are known outside.
    pub identity: String,
    /// Their name.
    pub name: String,
    /// Leaf hash of the entry that says what held until now.
    pub replaces: Digest,
    /// The person.
    pub reviewer: ReviewerId,
    /// What they may do, sorted, each once, at least one.
    pub roles: Vec<Role>,
}

/// Ends what one person may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovalItem {
    /// Leaf hash of the entry that says what held until now.
    pub replaces: Digest,
    /// The person.
    pub reviewer: ReviewerId,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Says who may do what, and what keys must be like.
    Administrator,
    /// Decides on actions.
    Reviewer,
}

/// What keys and approvals of a team's log must be like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesItem {
    /// Only keys count that cannot leave the device that made them.
    pub device_bound: bool,
    /// Days for which a key counts from its enrolment on; 0 for ever.
    pub max_age_days: u64,
    /// Only keys of these models count, sorted, each once; none: of any.
    pub models: Vec<Model>,
    /// Distinct people who must approve an action, at least.
    pub quorum: u64,
    /// Leaf hash of the `rules.changed` that held until now, or of
    /// `log.opened`.
    pub replaces: Digest,
}

/// Puts another policy in the place of the one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyItem {
    /// Commit of the entry's `policy` part.
    pub policy: Digest,
    /// Leaf hash of the `policy.changed` that brought the present one in force,
    /// or of `log.opened`.
    pub replaces: Digest,
}

/// Ends what one agent may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRevocationItem {
    /// The agent.
    pub agent: AgentId,
    /// Leaf hash of its `agent.registered`.
    pub registration: Digest,
}

/// Stops one agent, or one of its runs, until somebody resumes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseItem {
    /// The agent.
    pub agent: AgentId,
    /// Leaf hash of its `agent.registered`.
    pub registration: Digest,
    /// The run; the whole agent when there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunId>,
}

/// Ends one pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumptionItem {
    /// The agent.
    pub agent: AgentId,
    /// Leaf hash of the `agent.paused`.
    pub pause: Digest,
}

/// Puts a changed action in the place of a pending one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditItem {
    /// The pending action.
    pub action: ActionId,
    /// Its digest: what was edited.
    pub action_digest: Digest,
    /// The new action.
    pub edited: ActionId,
    /// Its digest: commit of its `payload` part.
    pub edited_digest: Digest,
    /// Leaf hash of the pending action's proposal.
    pub proposal_leaf: Digest,
}

/// Says that one verdict is the signer's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecognitionItem {
    /// The action that it decided.
    pub action: ActionId,
    /// Leaf hash of the `verdict.given`.
    pub verdict: Digest,
}

/// Says what is to be thought of one verdict with which somebody broke glass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewItem {
    /// The action that it decided.
    pub action: ActionId,
    /// What the signer found.
    pub finding: Finding,
    /// Commit of the `reason` part.
    pub reason_commit: Digest,
    /// Leaf hash of the `verdict.given`.
    pub verdict: Digest,
}

/// What an administrator finds of a broken glass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It could not wait.
    Justified,
    /// It should have waited.
    Unjustified,
}

/// Approves, in advance, what the same agent proposes that is like one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantItem {
    /// The action that others must be like.
    pub action: ActionId,
    /// Its digest: what was seen.
    pub action_digest: Digest,
    /// The grant.
    pub grant: GrantId,
    /// Leaf hash of its proposal.
    pub proposal_leaf: Digest,
    /// Commit of the `reason` part, which is always there and may be empty.
    pub reason_commit: Digest,
    /// [`Seen::digest`] of what the console showed.
    pub seen: Digest,
    /// Commit of the `shape` part: where another may differ.
    pub shape: Digest,
    /// Nothing that is proposed then or later is covered.
    pub until: Time,
    /// How many proposals it covers.
    pub uses: u64,
}

/// Ends one standing grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRevocationItem {
    /// Leaf hash of its `grant.given`.
    pub given: Digest,
    /// The grant.
    pub grant: GrantId,
}

/// Lends groups of the signer's to another reviewer, until a set time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationItem {
    /// The delegation.
    pub delegation: DelegationId,
    /// The groups, sorted, each once.
    pub groups: Vec<String>,
    /// Who may decide with them.
    pub to: ReviewerId,
    /// Nothing that is decided then or later counts for these groups.
    pub until: Time,
}

/// Ends one delegation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationRevocationItem {
    /// The delegation.
    pub delegation: DelegationId,
    /// Leaf hash of its `delegation.given`.
    pub given: Digest,
}

/// Registers one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentItem {
    /// The agent.
    pub agent: AgentId,
    /// Audience of the permits for its actions.
    pub executor: ExecutorId,
    /// Name for people.
    pub name: String,
    /// Whose agent it is: it acts for this person.
    pub owner: ReviewerId,
    /// [`token_hash`] of its token.
    pub token_hash: Digest,
}

/// Opens one session. It is not logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionItem {
    /// End of the session.
    pub expires_at: Time,
    /// [`token_hash`] of its token.
    pub token_hash: Digest,
}

/// How a token is stored and signed: `SHA-256("vidimus/token/v1\0" ‖ token)`.
/// Tokens are 32 random bytes in base64url, hashed as that text.
#[must_use]
pub fn token_hash(token: &str) -> Digest {
    sha256(&[b"vidimus/token/v1\0", token.as_bytes()])
}

#[cfg(test)]
mod tests;
