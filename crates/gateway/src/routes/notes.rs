//! What is said about an action beside deciding.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use vidimus_protocol::api::{Ack, WriteAnswer, WriteNote};

use super::Strict;
use super::actions::{acknowledged, id};
use super::auth::{AgentAuth, SessionAuth};
use crate::Gateway;
use crate::problem::Refusal;
use crate::sequencer::Request;

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
