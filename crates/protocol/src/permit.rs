//! The permit: a compact JWS (EdDSA) that names one action and one executor.
//!
//! A valid signature alone never authorises a run: redemption is mandatory.
//! Signing lives in the gateway, checking in `vidimus-verify`.
//! Spec: `docs/spec/permit.md`.

use serde::{Deserialize, Serialize};

use crate::action::ActionKind;
use crate::bytes::Digest;
use crate::id::{ActionId, AgentId, ExecutorId, PermitId, ReviewerId};

/// Longest life of a permit, seconds.
pub const MAX_LIFE_S: u64 = 300;

/// JOSE header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `EdDSA`.
    pub alg: String,
    /// Key id: names one of the permit keys in `log.opened`.
    pub kid: String,
    /// `vidimus-permit+jwt`.
    pub typ: String,
}

/// Value of [`Header::alg`].
pub const ALG: &str = "EdDSA";
/// Value of [`Header::typ`].
pub const TYP: &str = "vidimus-permit+jwt";
/// Value of [`AuthorizationDetail::type`].
pub const DETAIL_TYPE: &str = "vidimus_action";

/// Claims. Times are seconds since the Unix epoch (RFC 7519).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// For whom the agent acts (RFC 8693).
    pub act: Act,
    /// How it came to be.
    pub approval: Approval,
    /// The executor that may redeem it.
    pub aud: ExecutorId,
    /// What it allows (RFC 9396), exactly one.
    pub authorization_details: [AuthorizationDetail; 1],
    /// End of its life.
    pub exp: u64,
    /// When it was issued.
    pub iat: u64,
    /// The log's checkpoint origin.
    pub iss: String,
    /// The permit.
    pub jti: PermitId,
    /// Start of its life.
    pub nbf: u64,
    /// The agent.
    pub sub: AgentId,
}

/// The person behind the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// The agent's owner.
    pub sub: ReviewerId,
}

/// The decision behind the permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The action.
    pub id: ActionId,
    /// Entry index of `action.resolved`.
    pub log_index: u64,
    /// The policy that asked.
    pub policy: String,
    /// Who approved.
    pub reviewers: Vec<ReviewerId>,
}

/// What the permit allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationDetail {
    /// Sort of action.
    pub action_kind: ActionKind,
    /// Action digest.
    pub digest: Digest,
    /// `vidimus_action`.
    pub r#type: String,
}
