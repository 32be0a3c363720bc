//! What is said about an action beside deciding.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use vidimus_protocol::ActionId;
use vidimus_protocol::api::{Ack, WriteAnswer, WriteNote};

use super::Strict;
use super::actions::{acknowledged, id};
use super::auth::{AgentAuth, SessionAuth};
use crate::Gateway;
use crate::problem::Refusal;
use crate::sequencer::Request;

/// Take an action
///
/// Says that this reviewer looks after it. Decides nothing.
#[utoipa::path(
    post,
    path = "/v1/actions/{action}/take",
    operation_id = "take",
    tag = "consoles",
    security(("session" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    responses((status = 200, description = "`action.taken` is logged", body = Ack)),
    extensions(("x-refusals" = json!(["unknown_action", "not_pending", "too_many_notes", "refused", "unverifiable", "sequencer"]))),
)]
pub(super) async fn take(
    State(gateway): State<Gateway>,
    SessionAuth(session): SessionAuth,
    Path(action): Path<String>,
) -> Result<Json<Ack>, Refusal> {
    let request = Request::Take {
        reviewer: session.reviewer,
        action: id(&action)?,
    };
    Ok(Json(acknowledged(&gateway, request).await?))
}

/// Ask the agent
///
/// Decides nothing. The same text with the same salt again is the same question.
#[utoipa::path(
    post,
    path = "/v1/actions/{action}/questions",
    operation_id = "ask",
    tag = "consoles",
    security(("session" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    request_body = WriteNote,
    responses((status = 201, description = "`action.asked` is logged", body = Ack)),
    extensions(("x-refusals" = json!(["unknown_action", "not_pending", "bad_text", "wrong_parts", "too_many_notes", "refused", "unverifiable", "sequencer"]))),
)]
pub(super) async fn ask(
    State(gateway): State<Gateway>,
    SessionAuth(session): SessionAuth,
    Path(action): Path<String>,
    Strict(note): Strict<WriteNote>,
) -> Result<(StatusCode, Json<Ack>), Refusal> {
    let request = Request::Ask {
        reviewer: session.reviewer,
        action: id(&action)?,
        text: Box::new(note.text),
    };
    created(&gateway, request).await
}

/// Answer a question
///
/// The answer is a claim. The same text with the same salt again is the same answer.
#[utoipa::path(
    post,
    path = "/v1/actions/{action}/answers",
    operation_id = "answer",
    tag = "agents",
    security(("agent" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    request_body = WriteAnswer,
    responses((status = 201, description = "`action.answered` is logged", body = Ack)),
    extensions(("x-refusals" = json!(["unknown_action", "not_pending", "no_such_question", "bad_text", "wrong_parts", "too_many_notes", "refused", "unverifiable", "sequencer"]))),
)]
pub(super) async fn answer(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Path(action): Path<String>,
    Strict(answer): Strict<WriteAnswer>,
) -> Result<(StatusCode, Json<Ack>), Refusal> {
    let request = Request::Answer {
        agent: agent.id,
        action: id(&action)?,
        answer: Box::new(answer),
    };
    created(&gateway, request).await
}

/// Flag an action
///
/// Says that something seems wrong with it. Decides nothing, and may come after its end.
#[utoipa::path(
    post,
    path = "/v1/actions/{action}/flags",
    operation_id = "flag",
    tag = "consoles",
    security(("session" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    request_body = WriteNote,
    responses((status = 201, description = "`action.flagged` is logged", body = Ack)),
    extensions(("x-refusals" = json!(["unknown_action", "bad_text", "wrong_parts", "too_many_notes", "refused", "unverifiable", "sequencer"]))),
)]
pub(super) async fn flag(
    State(gateway): State<Gateway>,
    SessionAuth(session): SessionAuth,
    Path(action): Path<String>,
    Strict(note): Strict<WriteNote>,
) -> Result<(StatusCode, Json<Ack>), Refusal> {
    let request = Request::Flag {
        reviewer: session.reviewer,
        action: id(&action)?,
        text: Box::new(note.text),
    };
    created(&gateway, request).await
}

async fn created(gateway: &Gateway, request: Request) -> Result<(StatusCode, Json<Ack>), Refusal> {
    let ack = acknowledged(gateway, request).await?;
    Ok((StatusCode::CREATED, Json(ack)))
}
