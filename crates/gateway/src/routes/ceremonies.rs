//! Key prompts: nonces, acts to be signed, assertions, sessions.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;
use vidimus_ledger::tree;
use vidimus_policy::Set;
use vidimus_protocol::api::{
    CeremonyStarted, CeremonyView, Content, NonceReply, OpenSession, SessionView, Sessions,
    StartCeremony, SubmitAssertion,
};
use vidimus_protocol::envelope::{
    ActType, AdmissionItem, AgentItem, AgentRevocationItem, DelegationRevocationItem, EditItem,
    GrantItem, GrantRevocationItem, PauseItem, PolicyItem, RecognitionItem, RemovalItem,
    ResumptionItem, ReviewItem, ReviewerChangeItem, ReviewerItem, RevocationItem, Role, RulesItem,
    Seen, SessionItem, VerdictItem,
};
use vidimus_protocol::id::CeremonyId;
use vidimus_protocol::state::{ActionState, check_envelope};
use vidimus_protocol::{Digest, State as Log, Violation, strict};

use super::Strict;
use super::actions::id;
use super::auth::{NoAgent, SessionAuth};
use super::feed::off_the_async_threads;
use super::standing::Wait;
use crate::ceremonies::Step;
use crate::edit::{EditedAction, no_edit};
use crate::grants::{self, Covered};
use crate::policies;
use crate::problem::Refusal;
use crate::sequencer::{Answer, Request, no_review};
use crate::store::Session;
use crate::{Gateway, unexpected};

/// Most bytes of one item: rules that name every model that they may.
const MAX_ITEM: usize = 40 << 10;

/// A nonce for one envelope
#[utoipa::path(
    post,
    path = "/v1/nonces",
    operation_id = "nonce",
    tag = "key prompts",
    security((), ("session" = [])),
    responses((status = 200, description = "a nonce, good for 300 seconds", body = NonceReply)),
    extensions(("x-refusals" = json!(["forbidden", "too_many_nonces", "sequencer"]))),
)]
pub(super) async fn nonce(
    State(gateway): State<Gateway>,
    session: Result<SessionAuth, Refusal>,
) -> Result<Json<NonceReply>, Refusal> {
    let session = match session {
        Ok(_) => true,
        Err(refusal) if refusal.status == 401 => false,
        Err(refusal) => return Err(refusal),
    };
    match gateway.ask(Request::Nonce { session }).await? {
        Answer::Nonce(nonce) => Ok(Json(nonce)),
        _ => Err(unexpected()),
    }
}

/// Who is signed in
#[utoipa::path(
    get,
    path = "/v1/session",
    operation_id = "session",
    tag = "consoles",
    security(("session" = [])),
    responses((status = 200, description = "the session", body = SessionView)),
)]
pub(super) async fn session(SessionAuth(session): SessionAuth) -> Json<SessionView> {
    Json(SessionView {
        expires_at: session.expires_at,
        reviewer: session.reviewer,
    })
}

/// Sign out
#[utoipa::path(
    delete,
    path = "/v1/session",
    operation_id = "end_session",
    tag = "consoles",
    security(("session" = [])),
    responses((status = 204, description = "the session is over")),
    extensions(("x-refusals" = json!(["sequencer"]))),
)]
pub(super) async fn end_session(
    State(gateway): State<Gateway>,
    SessionAuth(session): SessionAuth,
) -> Result<StatusCode, Refusal> {
    gateway.ask(Request::EndSession(session.token_hash)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Your sessions
#[utoipa::path(
    get,
    path = "/v1/sessions",
    operation_id = "sessions",
    tag = "consoles",
    security(("session" = [])),
    responses((status = 200, description = "every session of the same person", body = Sessions)),
)]
pub(super) async fn sessions(
    State(gateway): State<Gateway>,
    SessionAuth(own): SessionAuth,
) -> Json<Sessions> {
    let shared = &gateway.0.shared;
    let open = shared.sessions_of(own.reviewer, gateway.0.clock.wall());
    let label = |session: &Session| {
        let committed = shared.read();
        let key = committed.state.credential(&session.credential_id);
        key.map(|key| key.label.clone()).unwrap_or_default()
    };
    let mut sessions: Vec<_> = open
        .iter()
        .map(|session| OpenSession {
            current: session.token_hash == own.token_hash,
            expires_at: session.expires_at,
            id: session.token_hash,
            key: label(session),
            opened_at: session.opened_at,
        })
        .collect();
    sessions.sort_by_key(|session| std::cmp::Reverse(session.opened_at));
    Json(Sessions { sessions })
}

/// End one of your sessions
#[utoipa::path(
    delete,
    path = "/v1/sessions/{id}",
    operation_id = "end_one_session",
    tag = "consoles",
    security(("session" = [])),
    params(("id" = Digest, Path, description = "the session, as `/v1/sessions` names it")),
    responses((status = 204, description = "the session is over")),
    extensions(("x-refusals" = json!(["not_found", "sequencer"]))),
)]
pub(super) async fn end_one_session(
    State(gateway): State<Gateway>,
    SessionAuth(own): SessionAuth,
    Path(session): Path<String>,
) -> Result<StatusCode, Refusal> {
    let id: Digest = id(&session)?;
    let open = gateway
        .0
        .shared
        .sessions_of(own.reviewer, gateway.0.clock.wall());
    if !open.iter().any(|session| session.token_hash == id) {
        return Err(Refusal::not_found("session"));
    }
    gateway.ask(Request::EndSession(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a key
///
/// Needs the signer's session, except to open one. The page is `/c/{id}`.
#[utoipa::path(
    post,
    path = "/v1/ceremonies",
    operation_id = "start_ceremony",
    tag = "key prompts",
    security((), ("session" = [])),
    request_body = StartCeremony,
    responses((status = 201, description = "the key prompt is open", body = CeremonyStarted)),
    extensions(("x-refusals" = json!([
        "unauthorised", "forbidden", "foreign_credential", "not_allowed", "unknown_action", "not_pending", "envelope_expired",
        "too_many_ceremonies", "item_count", "wrong_items", "wrong_proposal", "wrong_reason", "wrong_seen",
        "wrong_parts", "other_log", "wrong_act_type", "clock_skew", "refused", "bad_edit", "wrong_digest", "not_found", "store", "bad_policy", "bad_grant", "not_grantable", "own_action", "own_edit", "not_the_owner", "agent_revoked", "agent_paused", "unknown_reviewer", "too_many_grants", "was_denied", "overtaken",
        "team_only", "bad_delegation", "delegated_already"
    ]))),
)]
pub(super) async fn start(
    State(gateway): State<Gateway>,
    session: Result<SessionAuth, Refusal>,
    Strict(start): Strict<StartCeremony>,
) -> Result<(StatusCode, Json<CeremonyStarted>), Refusal> {
    let has_session = session.is_ok();
    match (start.envelope.r#type, session) {
        (ActType::CredentialEnrolled, _) => {
            return Err(Refusal::forbidden(
                "a key is enrolled on the gateway's own page",
            ));
        }
        // Opening a session is how one comes to have one. Agents stay out.
        (ActType::SessionOpened, Err(refusal)) if refusal.status != 401 => return Err(refusal),
        (ActType::SessionOpened, _) => {}
        (_, session) => {
            let SessionAuth(session) = session?;
            if session.reviewer != start.envelope.signer {
                return Err(Violation::ForeignCredential.into());
            }
        }
    }
    check(
        &gateway.0.shared.read().state,
        &start,
        gateway.0.clock.wall(),
    )?;
    if start.envelope.r#type == ActType::ActionEdited {
        read_edit(gateway.clone(), start.clone()).await?;
    }
    if start.envelope.r#type == ActType::GrantGiven {
        read_grant(gateway.clone(), start.clone()).await?;
    }
    if start.envelope.r#type == ActType::PolicyChanged {
        read_policy(gateway.clone(), start.clone()).await?;
    }
    let step = Step::Act(Box::new(start));
    let (ceremony, code) = gateway.0.ceremonies.start(step, has_session)?;
    Ok((
        StatusCode::CREATED,
        Json(CeremonyStarted { code, ceremony }),
    ))
}

/// A policy is right before anybody is asked for a key.
pub(super) async fn read_policy(
    gateway: Gateway,
    start: StartCeremony,
) -> Result<Box<Set>, Refusal> {
    off_the_async_threads(move || {
        let text = start.items.first().map(String::as_str).unwrap_or_default();
        let item: PolicyItem = item(text)?;
        let profile = {
            let state = &gateway.0.shared.read().state;
            state.log().ok_or(Violation::NotOpened)?.opened.profile
        };
        policies::read(start.policy.as_ref(), &item, profile).map(Box::new)
    })
    .await
}

/// What a standing grant covers.
pub(super) async fn read_grant(gateway: Gateway, start: StartCeremony) -> Result<Covered, Refusal> {
    off_the_async_threads(move || {
        let text = start.items.first().map(String::as_str).unwrap_or_default();
        let item: GrantItem = item(text)?;
        let extras = start.grant.ok_or_else(grants::no_grant)?;
        let shared = &gateway.0.shared;
        let proposal = {
            let committed = shared.read();
            let action = committed.state.action(&item.action);
            action.ok_or(Violation::UnknownAction)?.proposal.index
        };
        Covered::read(shared, proposal, &item, &extras)
    })
    .await
}

/// Both ends of an edit.
pub(super) async fn read_edit(
    gateway: Gateway,
    start: StartCeremony,
) -> Result<EditedAction, Refusal> {
    off_the_async_threads(move || {
        let text = start.items.first().map(String::as_str).unwrap_or_default();
        let item: EditItem = item(text)?;
        let payload = start.edit.ok_or_else(no_edit)?.payload;
        let shared = &gateway.0.shared;
        let proposal = {
            let committed = shared.read();
            let action = committed.state.action(&item.action);
            action.ok_or(Violation::UnknownAction)?.proposal.index
        };
        EditedAction::read(shared, proposal, &item, &payload)
    })
    .await
}

/// What is shown on the page must be what is signed. The sequencer judges all
/// of it again when the key has answered.
fn check(state: &Log, start: &StartCeremony, now: vidimus_protocol::Time) -> Result<(), Refusal> {
    let StartCeremony {
        envelope,
        items,
        verdict,
        edit,
        grant,
        policy,
        review,
    } = start;
    let log = state.log().ok_or(Violation::NotOpened)?;
    check_envelope(envelope, envelope.r#type, log.id, now)?;
    let [text] = items.as_slice() else {
        return Err(Refusal::not_acceptable(
            "item_count",
            format!("one item can be signed at a time, not {}", items.len()),
        ));
    };
    match envelope.r#type {
        ActType::VerdictGiven => {
            let item: VerdictItem = item(text)?;
            let extras = verdict
                .as_ref()
                .ok_or_else(|| Refusal::malformed("a verdict needs `verdict`"))?;
            let action = state.action(&item.action).ok_or(Violation::UnknownAction)?;
            if action.resolved.is_some() {
                return Err(Violation::NotPending.into());
            }
            if item.expires_at != action.expires_at {
                return Err(Violation::WrongProposal.into());
            }
            is_about(action, item.action_digest, item.proposal_leaf)?;
            is_reason(&extras.reason, item.reason_commit)?;
            is_seen(&extras.seen, item.seen)?;
        }
        ActType::VerdictReviewed => {
            let item: ReviewItem = item(text)?;
            let extras = review.as_ref().ok_or_else(no_review)?;
            let action = state.action(&item.action).ok_or(Violation::UnknownAction)?;
            let broken = action.waits_for_review(item.verdict)?;
            state.may_review(action, broken, envelope.signer)?;
            is_reason(&extras.reason, item.reason_commit)?;
        }
        ActType::ActionEdited => {
            let item: EditItem = item(text)?;
            edit.as_ref().ok_or_else(no_edit)?;
            let action = state.action(&item.action).ok_or(Violation::UnknownAction)?;
            if action.resolved.is_some() {
                return Err(Violation::NotPending.into());
            }
        }
        ActType::GrantGiven => {
            let item: GrantItem = item(text)?;
            let extras = grant.as_ref().ok_or_else(grants::no_grant)?;
            let action = state.action(&item.action).ok_or(Violation::UnknownAction)?;
            is_about(action, item.action_digest, item.proposal_leaf)?;
            is_reason(&extras.reason, item.reason_commit)?;
            is_seen(&extras.seen, item.seen)?;
            state.may_grant(action, &item, envelope.signer, now)?;
        }
        ActType::GrantRevoked => is::<GrantRevocationItem>(text)?,
        ActType::DelegationGiven => {
            state.may_delegate(&item(text)?, envelope.signer, now)?;
        }
        ActType::DelegationRevoked => is::<DelegationRevocationItem>(text)?,
        ActType::PolicyChanged => {
            policy.as_ref().ok_or_else(policies::no_policy)?;
            is::<PolicyItem>(text)?;
            // Nobody else's text is read: it takes a while.
            let signer = state.reviewer(&envelope.signer);
            if !signer.is_some_and(|person| person.is(Role::Administrator)) {
                return Err(Violation::NotAllowed.into());
            }
        }
        ActType::AgentRegistered => is::<AgentItem>(text)?,
        ActType::AgentRevoked => is::<AgentRevocationItem>(text)?,
        ActType::AgentPaused => is::<PauseItem>(text)?,
        ActType::AgentResumed => is::<ResumptionItem>(text)?,
        ActType::CredentialAdmitted => is::<AdmissionItem>(text)?,
        ActType::CredentialRevoked => is::<RevocationItem>(text)?,
        ActType::ReviewerRegistered => is::<ReviewerItem>(text)?,
        ActType::ReviewerChanged => is::<ReviewerChangeItem>(text)?,
        ActType::ReviewerRemoved => is::<RemovalItem>(text)?,
        ActType::RulesChanged => is::<RulesItem>(text)?,
        ActType::VerdictRecognised => is::<RecognitionItem>(text)?,
        ActType::SessionOpened => is::<SessionItem>(text)?,
        ActType::CredentialEnrolled => return Err(Violation::WrongActType.into()),
    }
    if Digest(tree::leaf_hash(text.as_bytes())) != envelope.items_root {
        return Err(Refusal::not_acceptable(
            "wrong_items",
            "the envelope's root is not that of its items",
        ));
    }
    Ok(())
}

fn is_about(action: &ActionState, digest: Digest, leaf: Digest) -> Result<(), Violation> {
    let about = digest == action.digest && leaf == action.proposal.leaf;
    about.then_some(()).ok_or(Violation::WrongProposal)
}

fn is_reason(reason: &Content, signed: Digest) -> Result<(), Refusal> {
    let commit = crate::sequencer::part_ref("reason", reason)?.commit;
    (commit == signed)
        .then_some(())
        .ok_or_else(|| Violation::WrongReason.into())
}

fn is_seen(seen: &Seen, signed: Digest) -> Result<(), Violation> {
    (seen.digest() == signed)
        .then_some(())
        .ok_or(Violation::WrongSeen)
}

fn is<I: DeserializeOwned + serde::Serialize>(text: &str) -> Result<(), Refusal> {
    item::<I>(text).map(|_| ())
}

pub(super) fn item<I: DeserializeOwned + serde::Serialize>(text: &str) -> Result<I, Refusal> {
    strict::parse_canonical(text.as_bytes(), MAX_ITEM)
        .map_err(|error| Refusal::malformed(format!("an item: {error}")))
}

/// Look at a key prompt, or wait
///
/// It waits while `waiting`.
#[utoipa::path(
    get,
    path = "/v1/ceremonies/{id}",
    operation_id = "ceremony",
    tag = "key prompts",
    params(("id" = CeremonyId, Path, description = "the key prompt"), Wait),
    responses((status = 200, description = "how far it is", body = CeremonyView)),
    extensions(("x-refusals" = json!(["forbidden", "not_found"]))),
)]
pub(super) async fn view(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<CeremonyView>, Refusal> {
    let ceremony = gateway.0.ceremonies.get(id(&ceremony)?)?;
    Ok(Json(ceremony.ended(wait.duration()).await))
}

/// Cancel a key prompt
///
/// Nothing happens when it is over.
#[utoipa::path(
    delete,
    path = "/v1/ceremonies/{id}",
    operation_id = "cancel_ceremony",
    tag = "key prompts",
    params(("id" = CeremonyId, Path, description = "the key prompt")),
    responses((status = 204, description = "it is over")),
    extensions(("x-refusals" = json!(["forbidden", "not_found"]))),
)]
pub(super) async fn cancel(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
) -> Result<StatusCode, Refusal> {
    gateway.0.ceremonies.get(id(&ceremony)?)?.cancel();
    Ok(StatusCode::NO_CONTENT)
}

/// Hand in what the key signed
///
/// An envelope has one try: refused, the key prompt has failed.
#[utoipa::path(
    post,
    path = "/v1/ceremonies/{id}/assertion",
    operation_id = "assertion",
    tag = "key prompts",
    params(("id" = CeremonyId, Path, description = "the key prompt")),
    request_body = SubmitAssertion,
    responses((status = 200, description = "it is done", body = CeremonyView)),
    extensions(("x-refusals" = json!([
        "forbidden", "not_the_owner", "unknown_credential", "foreign_credential", "not_found", "unknown_action",
        "out_of_order", "already_set_up", "not_pending", "decided_already", "approved_enough", "agent_exists", "nonce_used",
        "too_late", "envelope_expired", "wrong_parts", "wrong_reason", "wrong_seen", "not_seen_in_full", "wrong_proposal",
        "bad_name", "stale_pin", "pin_beyond", "other_log", "wrong_act_type", "clock_skew", "item_count",
        "session_too_long", "unverifiable", "refused", "sequencer", "own_action", "not_allowed", "key_revoked",
        "key_not_admitted", "key_too_old", "key_not_device_bound", "key_model_not_allowed", "agent_revoked",
        "unknown_reviewer", "reviewer_exists", "own_record", "last_administrator", "overtaken", "not_your_verdict", "team_only",
        "bad_roles", "bad_rules", "agent_paused", "paused_already", "not_your_pause", "own_edit", "bad_edit", "wrong_digest", "too_many_edits",
        "action_exists", "store", "bad_policy", "policy_lost", "own_policy", "not_permitted", "key_not_assured", "reason_missing",
        "bad_grant", "unknown_grant", "grant_exists", "grant_is_over", "too_many_grants", "not_grantable", "glass_stays", "too_many_unreviewed", "was_denied",
        "bad_delegation", "unknown_delegation", "delegation_exists", "delegation_is_over", "delegated_already"
    ]))),
)]
pub(super) async fn assertion(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
    Strict(SubmitAssertion { assertion }): Strict<SubmitAssertion>,
) -> Result<Json<CeremonyView>, Refusal> {
    let ceremony = gateway.0.ceremonies.get(id(&ceremony)?)?;
    let request = match ceremony.take_assertion() {
        Some(Step::Founding(draft)) => Request::Found { draft, assertion },
        Some(Step::Claim(claim)) => Request::Enrol { claim, assertion },
        Some(Step::Act(start)) => Request::Act {
            start,
            set: None,
            assertion,
        },
        _ => return Err(out_of_order()),
    };
    // A page that goes away does not take the result with it.
    let carrying = async move {
        let asked = async {
            let request = with_policy(&gateway, request).await?;
            gateway.ask(request).await
        };
        let result = match asked.await {
            Ok(Answer::Logged(logged)) => gateway.acknowledge(logged).await.map(Some),
            Ok(_) => Ok(None),
            Err(refusal) => Err(refusal),
        };
        ceremony.end(result.clone());
        result.map(|_| Json(ceremony.view()))
    };
    let carried = tokio::spawn(carrying.in_current_span());
    carried.await.unwrap_or_else(|_| Err(unexpected()))
}

/// Reads a policy before the one writer gets it, for whom everybody waits.
async fn with_policy(gateway: &Gateway, request: Request) -> Result<Request, Refusal> {
    match request {
        Request::Act {
            start, assertion, ..
        } if start.envelope.r#type == ActType::PolicyChanged => {
            let set = read_policy(gateway.clone(), StartCeremony::clone(&start)).await?;
            Ok(Request::Act {
                start,
                set: Some(set),
                assertion,
            })
        }
        request => Ok(request),
    }
}

pub(super) fn out_of_order() -> Refusal {
    Refusal::conflict(
        "out_of_order",
        "this key prompt is at another step: reload the page",
    )
}
