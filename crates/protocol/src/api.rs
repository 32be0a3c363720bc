//! Bodies of the gateway's HTTP and WebSocket interface, shared by both ends.
//! Spec: `docs/spec/api.md`.
//!
//! All bodies are JSON. Times are RFC 3339 in UTC with milliseconds, digests
//! 64 hex digits, other bytes base64url. Errors are RFC 9457 [`Problem`]s.

mod deliveries;

pub use deliveries::{DeliveriesView, DeliveryState, DeliveryView};

use serde::{Deserialize, Serialize};

use crate::bytes::{Blob, Digest, sha256};
use crate::entry::Outcome;
use crate::envelope::{Assertion, Envelope, Seen};
use crate::id::{ActionId, AgentId, CeremonyId, ExecutorId, ReviewerId, RunId};
use crate::model::Aaguid;
use crate::time::Time;

/// Longest long-poll, seconds.
pub const MAX_WAIT_S: u64 = 30;
/// Most actions that one request waits for.
pub const MAX_WAITED: usize = 256;

/// Content with its salt, on its way to the gateway or back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The bytes.
    pub bytes: Blob,
    /// Salt of the commit.
    pub salt: Digest,
    /// Content type.
    pub r#type: String,
}

/// `POST /v1/actions` (agent).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// Chosen by the proposer. The same proposal again gets the same answer.
    pub action: ActionId,
    /// The agent's claims.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context: Option<Content>,
    /// What will run.
    pub payload: Content,
    /// The run of the agent that it belongs to. Not private.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunId>,
    /// Longest wait for a decision, seconds; the policy may shorten it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ttl_s: Option<u64>,
}

/// The action that an `Idempotency-Key` names: one agent's key, one action,
/// without anything being remembered.
#[must_use]
pub fn idempotent_action(agent: AgentId, key: &str) -> ActionId {
    let agent = agent.to_string();
    let digest = sha256(&[
        b"vidimus/idempotency/v1\0",
        agent.as_bytes(),
        b"\0",
        key.as_bytes(),
    ]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest.0[..16]);
    ActionId::from_random(id)
}

/// An entry with the proof that it is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// Its position.
    pub index: u64,
    /// The leaf, verbatim.
    pub leaf: String,
    /// Inclusion path in the checkpoint beside it.
    pub proof: Vec<Digest>,
}

/// The acknowledgement of everything that is logged: entries, durable, with
/// their inclusion in a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// A signed note.
    pub checkpoint: String,
    /// The entries, in order.
    pub entries: Vec<Proven>,
    /// Of a redemption: what the evaluation hangs on, where a policy was
    /// evaluated.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parts: Vec<PartOfEntry>,
}

/// A part of an entry, with its salt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PartOfEntry {
    /// Content and salt.
    pub content: Content,
    /// Position of the entry.
    pub index: u64,
    /// Name of the part.
    pub name: String,
}

/// `GET /v1/actions/{id}?wait=SECONDS` (its agent, or a session).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ActionView {
    /// The action.
    pub action: ActionId,
    /// The action that a reviewer edited to make this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub edits: Option<ActionId>,
    /// When it expires if nobody decides.
    pub expires_at: Time,
    /// The outcome, when it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// The policy's words.
    pub policy: Vec<String>,
    /// Whether a pause of the agent, or of its run, withdrew it, or stopped it
    /// after its approval. The same action never runs then.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub paused: bool,
    /// What reviewers asked, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub questions: Vec<Question>,
    /// The reviewer's reason, with its salt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Content>,
    /// While it waits out its grace time: when it is approved, unless somebody
    /// denies it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub starts_at: Option<Time>,
    /// Where it stands.
    pub status: ActionStatus,
    /// The action that took its place, when a reviewer edited it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub superseded_by: Option<ActionId>,
    /// Last moment to redeem, when approved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub use_before: Option<Time>,
}

/// `POST /v1/actions/wait` (their agent): several actions at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    /// At most [`MAX_WAITED`].
    pub actions: Vec<Known>,
    /// Longest wait in seconds; more than [`MAX_WAIT_S`] counts as that.
    pub wait_s: u64,
}

/// What is known of an action that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The action.
    pub action: ActionId,
    /// How many questions are known.
    pub questions: u64,
    /// Where it stood.
    pub status: ActionStatus,
}

/// The answer: what is not as it was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WaitNews {
    /// Where those stand; perhaps not all of them, the next request gets more.
    pub actions: Vec<ActionView>,
    /// Those that the agent does not have.
    pub unknown: Vec<ActionId>,
}

/// A reviewer's question about an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Whether the agent has answered it.
    pub answered: bool,
    /// When it was asked.
    pub asked_at: Time,
    /// Ledger entry of the question.
    pub entry: u64,
    /// The question.
    pub text: Content,
}

/// `POST /v1/actions/{id}/questions` and `…/flags` (session). The same text
/// with the same salt again gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WriteNote {
    /// What to say.
    pub text: Content,
}

/// `POST /v1/actions/{id}/answers` (its agent).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WriteAnswer {
    /// Ledger entry of the question.
    pub question: u64,
    /// The answer.
    pub text: Content,
}

/// Where an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActionStatus {
    /// Waits for people.
    Pending,
    /// Approved, not redeemed.
    Approved,
    /// Denied by a person.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// Taken back.
    Withdrawn,
    /// Refused by policy.
    Refused,
    /// Edited by a reviewer: another action took its place.
    Superseded,
    /// The permit was used; no outcome yet.
    Redeemed,
    /// It has an outcome.
    Completed,
}

/// `POST /v1/actions/{id}/permit` (its agent): a permit in force, a new one
/// when the last one lapsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PermitReply {
    /// A compact JWS.
    pub permit: String,
}

/// `POST /v1/actions/{id}/redeem` (its agent).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// Digest of what is about to run, computed by the executor.
    pub action_digest: Digest,
    /// The permit, a compact JWS.
    pub permit: String,
}

/// The answer to [`Redeem`]: everything from `log.opened` to
/// `permit.redeemed` that this run rests on, in log order, all proven in one
/// checkpoint. It is an [`Ack`] that can be checked with a trust file alone.
pub type Bundle = Ack;

/// `POST /v1/actions/{id}/outcome` (its agent).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReportOutcome {
    /// How long it ran, milliseconds.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The tail of what it printed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<Content>,
    /// Bytes before that tail.
    pub output_omitted: u64,
}

/// `POST /v1/nonces` (no authority needed): a nonce for one envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NonceReply {
    /// End of its life.
    pub expires_at: Time,
    /// The nonce.
    pub nonce: Digest,
}

/// `POST /v1/ceremonies`: asks for a key over an envelope that the console
/// wrote. Needs a session, except to open one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StartCeremony {
    /// What the new action of an edit is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub edit: Option<EditExtras>,
    /// The envelope.
    pub envelope: Envelope,
    /// What else the entry of a standing grant holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grant: Option<GrantExtras>,
    /// The items, as the canonical JSON text of each.
    pub items: Vec<String>,
    /// The policy that a change of it brings.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy: Option<PolicyExtras>,
    /// What else the entry of a review holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub review: Option<ReviewExtras>,
    /// What else the entry of a verdict holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<VerdictExtras>,
}

/// What a `policy.changed` brings: the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PolicyExtras {
    /// Its text.
    pub policy: Content,
}

/// What a `grant.given` holds beside its signed item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantExtras {
    /// The reason.
    pub reason: Content,
    /// What was on screen.
    pub seen: Seen,
    /// Where another action may differ.
    pub shape: Content,
}

/// What a `verdict.reviewed` holds beside its signed item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReviewExtras {
    /// The reason.
    pub reason: Content,
}

/// What an `action.edited` brings: the payload of the new action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EditExtras {
    /// What will run.
    pub payload: Content,
}

/// What a `verdict.given` holds beside its signed item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VerdictExtras {
    /// The reason.
    pub reason: Content,
    /// What was on screen.
    pub seen: Seen,
}

/// `POST /v1/founding`: begins the first key of a team's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The code that the gateway told whoever started it.
    pub code: String,
    /// Name of the founder.
    pub name: String,
    /// End of the first session.
    pub session_expires_at: Time,
    /// [`token_hash`](crate::envelope::token_hash) of the first session's token.
    pub token_hash: Digest,
}

/// `POST /v1/invitations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Name of the person. Ignored for one who is here already.
    pub name: String,
    /// A person who is here already and has lost their keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reviewer: Option<ReviewerId>,
}

/// The answer to [`Invite`]: for the invited person alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Invited {
    /// When it is over.
    pub expires_at: Time,
    /// What the invited person gives back, once.
    pub invitation: String,
    /// Who they will be.
    pub reviewer: ReviewerId,
}

/// `POST /v1/enrolments`: begins a key after the first. With an invitation, or
/// with a session for a further key of its own person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The invitation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invitation: Option<String>,
    /// Name of the key.
    pub label: String,
}

/// The answer to [`StartCeremony`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CeremonyStarted {
    /// Six random digits that the page shows too, for people to compare.
    pub code: String,
    /// The ceremony; its page is `/c/{id}`.
    pub ceremony: CeremonyId,
}

/// `GET /v1/ceremonies/{id}?wait=SECONDS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CeremonyView {
    /// The result, once there is one; for acts that are logged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ack: Option<Ack>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<Problem>,
    /// How far it is.
    pub state: CeremonyState,
}

/// How far a ceremony is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CeremonyState {
    /// The key is asked for.
    Waiting,
    /// It is done and, where it is logged, acknowledged.
    Done,
    /// Cancelled; nothing happened.
    Cancelled,
    /// Refused; nothing happened.
    Failed,
}

/// `POST /v1/ceremonies/{id}/assertion`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SubmitAssertion {
    /// The key's answer.
    pub assertion: Assertion,
}

/// `GET /v1/session` (session): who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionView {
    /// End of the session.
    pub expires_at: Time,
    /// The person.
    pub reviewer: ReviewerId,
}

/// `GET /v1/sessions` (session): those of its own person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// The newest first.
    pub sessions: Vec<OpenSession>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// Whether it is the one that asks.
    pub current: bool,
    /// Its end.
    pub expires_at: Time,
    /// Hash of its token: names it, and opens nothing.
    pub id: Digest,
    /// Name of the key that opened it.
    pub key: String,
    /// When it was opened.
    pub opened_at: Time,
}

/// `GET /v1/models` (session): what rules may name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Models {
    /// By AAGUID, then by anchor. None without FIDO metadata.
    pub models: Vec<KnownModel>,
}

/// A model of authenticators that the gateway knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KnownModel {
    /// What the authenticator calls itself.
    pub aaguid: Aaguid,
    /// SHA-256 of a certificate, DER, at which its attestations end.
    pub anchor: Digest,
    /// What the vendor calls it, as the FIDO metadata says.
    pub description: String,
}

/// `GET /v1/agent` (agent): who the token belongs to, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AgentView {
    /// The agent.
    pub agent: AgentId,
    /// Audience of its permits.
    pub executor: ExecutorId,
    /// Log id.
    pub log: Digest,
    /// Its name.
    pub name: String,
    /// Its owner's name.
    pub owner: String,
}

/// `GET /v1/log` (anybody): which log this gateway keeps, if any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LogView {
    /// The newest checkpoint, a signed note.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkpoint: Option<String>,
    /// Log id; absent before the first key is set up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log: Option<Digest>,
}

/// What the feed (`GET /v1/feed?from=SIZE`, WebSocket, session) sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum FeedMessage {
    /// New entries, in order, ending exactly at the checkpoint; also sent with
    /// no entries when the checkpoint is signed anew.
    Batch {
        /// The checkpoint that covers them, a signed note.
        checkpoint: String,
        /// Consistency path from `from` to the checkpoint's size; empty when
        /// `from` is 0.
        consistency: Vec<Digest>,
        /// Position of the first leaf.
        from: u64,
        /// The leaves, verbatim.
        leaves: Vec<String>,
    },
    /// Actions for which a program waits (pending) or that still run
    /// (redeemed). A hint for the screen, never evidence.
    Present {
        /// The actions.
        actions: Vec<ActionId>,
    },
}

/// An error body (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Stable code, `snake_case`: the last segment of `type`.
    pub code: String,
    /// What happened and what to do.
    pub detail: String,
    /// HTTP status.
    pub status: u16,
    /// The code in words.
    pub title: String,
    /// `urn:vidimus:problem:<code>`.
    pub r#type: String,
}
