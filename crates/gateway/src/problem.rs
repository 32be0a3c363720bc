//! Refusals: one type inside, RFC 9457 outside.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use vidimus_protocol::Violation;
use vidimus_protocol::api::Problem;

/// Every code, by status: the table of `docs/spec/api.md`.
pub(crate) const CODES: &[(u16, &[&str])] = &[
    (400, &["malformed", "bad_idempotency_key"]),
    (401, &["unauthorised"]),
    (
        403,
        &[
            "forbidden",
            "cross_origin",
            "not_the_owner",
            "unknown_credential",
            "foreign_credential",
            "own_action",
            "not_allowed",
            "key_revoked",
            "key_not_admitted",
            "key_too_old",
            "key_not_device_bound",
            "key_model_not_allowed",
            "agent_revoked",
            "not_your_pause",
            "own_edit",
            "own_policy",
            "not_permitted",
            "key_not_assured",
            "not_grantable",
            "glass_stays",
        ],
    ),
    (
        404,
        &[
            "not_found",
            "unknown_action",
            "unknown_reviewer",
            "unknown_grant",
            "unknown_delegation",
        ],
    ),
    (405, &["method_not_allowed"]),
    (
        409,
        &[
            "already_set_up",
            "out_of_order",
            "action_exists",
            "not_pending",
            "decided_already",
            "approved_enough",
            "agent_exists",
            "not_approved",
            "permit_exists",
            "permit_not_in_force",
            "not_running",
            "no_such_question",
            "nonce_used",
            "agent_paused",
            "paused_already",
            "reviewer_exists",
            "own_record",
            "last_administrator",
            "overtaken",
            "not_your_verdict",
            "too_many_edits",
            "no_quorum",
            "grant_exists",
            "grant_is_over",
            "too_many_grants",
            "delegation_exists",
            "delegation_is_over",
            "delegated_already",
            "too_many_unreviewed",
            "was_denied",
        ],
    ),
    (408, &["too_slow"]),
    (410, &["too_late", "envelope_expired", "ceremony_expired"]),
    (413, &["too_long"]),
    (415, &["not_json"]),
    (421, &["wrong_host"]),
    (
        422,
        &[
            "bad_payload",
            "bad_edit",
            "bad_policy",
            "bad_grant",
            "bad_delegation",
            "reason_missing",
            "bad_context",
            "bad_text",
            "idempotency_key_reused",
            "idempotency_key_mismatch",
            "wrong_digest",
            "bad_permit",
            "wrong_parts",
            "why_too_long",
            "wrong_outcome",
            "wrong_reason",
            "wrong_seen",
            "not_seen_in_full",
            "wrong_proposal",
            "too_many_actions",
            "wrong_items",
            "bad_name",
            "stale_pin",
            "pin_beyond",
            "other_log",
            "wrong_act_type",
            "clock_skew",
            "item_count",
            "session_too_long",
            "registration_refused",
            "team_only",
            "bad_roles",
            "bad_rules",
            "unverifiable",
            "refused",
        ],
    ),
    (426, &["upgrade_required"]),
    (
        429,
        &[
            "too_many_nonces",
            "too_many_pending",
            "too_many_notes",
            "too_many_ceremonies",
        ],
    ),
    (
        503,
        &[
            "busy",
            "clock",
            "store",
            "disk_full",
            "stalled",
            "sequencer_gone",
            "webauthn",
            "inconsistent",
            "gateway_closed",
            "policy_lost",
        ],
    ),
];

/// Why a request is refused, with words that say what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stable code, `snake_case`.
    pub code: &'static str,
    /// What happened and what to do.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
        }
    }

    pub(crate) fn malformed(detail: impl std::fmt::Display) -> Self {
        Self::new(
            400,
            "malformed",
            format!("the request is malformed: {detail}"),
        )
    }

    pub(crate) fn unauthorised() -> Self {
        Self::new(
            401,
            "unauthorised",
            "the token is missing or not known here: sign in, or connect the agent anew in the console",
        )
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "forbidden", detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("there is no such {what} here"))
    }

    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    pub(crate) fn not_acceptable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(422, code, detail)
    }

    pub(crate) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(503, code, detail)
    }

    /// The body.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem {
            code: self.code.to_owned(),
            detail: self.detail.clone(),
            status: self.status,
            title: self.code.replace('_', " "),
            r#type: format!("urn:vidimus:problem:{}", self.code),
        }
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        use Violation as V;
        let (status, code) = match violation {
            V::UnknownAction => (404, "unknown_action"),
            V::NoSuchQuestion => (409, "no_such_question"),
            V::TooManyNotes => (429, "too_many_notes"),
            V::WrongOutcome => (422, "wrong_outcome"),
            V::TooLate => (410, "too_late"),
            V::EnvelopeExpired => (410, "envelope_expired"),
            V::NotPending => (409, "not_pending"),
            V::ApprovedEnough => (409, "approved_enough"),
            V::DecidedAlready => (409, "decided_already"),
            V::ActionExists => (409, "action_exists"),
            V::AgentExists => (409, "agent_exists"),
            V::PermitExists => (409, "permit_exists"),
            V::NoSuchPermit => (409, "permit_not_in_force"),
            V::NotApproved => (409, "not_approved"),
            V::NotRunning => (409, "not_running"),
            V::NonceReused => (409, "nonce_used"),
            V::NotTheOwner => (403, "not_the_owner"),
            V::OwnEdit => (403, "own_edit"),
            V::OwnPolicy => (403, "own_policy"),
            V::AssuranceMissing => (403, "key_not_assured"),
            V::ReasonMissing => (422, "reason_missing"),
            V::NoQuorum => (409, "no_quorum"),
            V::UnknownGrant => (404, "unknown_grant"),
            V::GrantExists => (409, "grant_exists"),
            V::GrantIsOver => (409, "grant_is_over"),
            V::TooManyGrants => (409, "too_many_grants"),
            V::NotGrantable => (403, "not_grantable"),
            V::WasDenied => (409, "was_denied"),
            V::GlassStays => (403, "glass_stays"),
            V::TooManyUnreviewed => (409, "too_many_unreviewed"),
            V::BadGrant => (422, "bad_grant"),
            V::UnknownDelegation => (404, "unknown_delegation"),
            V::DelegationExists => (409, "delegation_exists"),
            V::DelegationIsOver => (409, "delegation_is_over"),
            V::DelegatedAlready => (409, "delegated_already"),
            V::BadDelegation => (422, "bad_delegation"),
            V::TooManyEdits => (409, "too_many_edits"),
            V::OwnAction => (403, "own_action"),
            V::NotAllowed => (403, "not_allowed"),
            V::KeyRevoked => (403, "key_revoked"),
            V::NotAdmitted => (403, "key_not_admitted"),
            V::KeyTooOld => (403, "key_too_old"),
            V::NotDeviceBound => (403, "key_not_device_bound"),
            V::ModelNotAllowed => (403, "key_model_not_allowed"),
            V::AgentIsRevoked => (403, "agent_revoked"),
            V::AgentIsPaused | V::StoppedByPause => (409, "agent_paused"),
            V::PausedAlready => (409, "paused_already"),
            V::NotTheirPause => (403, "not_your_pause"),
            V::UnknownReviewer => (404, "unknown_reviewer"),
            V::ReviewerExists => (409, "reviewer_exists"),
            V::OwnRecord => (409, "own_record"),
            V::LastAdministrator => (409, "last_administrator"),
            V::WrongStatement => (409, "overtaken"),
            V::NotHisVerdict => (409, "not_your_verdict"),
            V::TeamOnly => (422, "team_only"),
            V::BadRoles => (422, "bad_roles"),
            V::BadRules => (422, "bad_rules"),
            V::UnknownCredential => (403, "unknown_credential"),
            V::ForeignCredential => (403, "foreign_credential"),
            V::StalePin => (422, "stale_pin"),
            V::PinBeyond => (422, "pin_beyond"),
            V::OtherLog => (422, "other_log"),
            V::WrongActType => (422, "wrong_act_type"),
            V::Skew => (422, "clock_skew"),
            V::WrongProposal => (422, "wrong_proposal"),
            V::WrongReason => (422, "wrong_reason"),
            V::WrongSeen => (422, "wrong_seen"),
            V::NotSeenInFull => (422, "not_seen_in_full"),
            V::BadName => (422, "bad_name"),
            V::WrongParts => (422, "wrong_parts"),
            _ => (422, "refused"),
        };
        Self::new(status, code, violation.to_string())
    }
}

/// The code of a refusal, beside its response: for the log and the counts.
#[derive(Clone, Copy)]
pub(crate) struct RefusalCode(pub(crate) &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, body).into_response();
        response.extensions_mut().insert(RefusalCode(self.code));
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
