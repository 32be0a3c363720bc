//! What agents ask for.

use axum::Json;
use axum::extract::{Path, State};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use vidimus_protocol::api::{Ack, AgentView, Content, PermitReply, Redeem, ReportOutcome};
use vidimus_protocol::envelope::Decimal;
use vidimus_protocol::{ActionId, Violation};

use super::Strict;
use super::auth::AgentAuth;
use crate::problem::Refusal;
use crate::sequencer::{Answer, Request};
use crate::{Gateway, unexpected};

/// A number in a query, as strict as one in a body.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Decimal>()
        .map(|number| number.0)
        .map_err(D::Error::custom)
}

/// An id in the path.
pub(super) fn id<T: std::str::FromStr>(text: &str) -> Result<T, Refusal>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(Refusal::malformed)
}

pub(super) async fn acknowledged(gateway: &Gateway, request: Request) -> Result<Ack, Refusal> {
    match gateway.ask(request).await? {
        Answer::Logged(logged) => gateway.acknowledge(logged).await,
        _ => Err(unexpected()),
    }
}

/// Withdraw
///
/// While it is pending. Nobody can approve it afterwards.
#[utoipa::path(
    post,
    path = "/v1/actions/{action}/withdraw",
    operation_id = "withdraw",
    tag = "agents",
    security(("agent" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    responses((status = 200, description = "`action.resolved` is logged", body = Ack)),
    extensions(("x-refusals" = json!(["unknown_action", "not_pending", "too_late", "refused", "unverifiable", "sequencer"]))),
)]
pub(super) async fn withdraw(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Path(action): Path<String>,
) -> Result<Json<Ack>, Refusal> {
    let request = Request::Withdraw {
        agent: agent.id,
        action: id(&action)?,
    };
    Ok(Json(acknowledged(&gateway, request).await?))
}

/// Fetch the permit
///
/// The permit in force, or a new one when the last one lapsed.
#[utoipa::path(
    post,
    path = "/v1/actions/{action}/permit",
    operation_id = "permit",
    tag = "agents",
    security(("agent" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    responses((status = 200, description = "a permit in force", body = PermitReply)),
    extensions(("x-refusals" = json!(["unknown_action", "not_approved", "no_quorum", "permit_exists", "permit_not_in_force", "agent_paused", "too_late", "refused", "unverifiable", "sequencer"]))),
)]
pub(super) async fn permit(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Path(action): Path<String>,
) -> Result<Json<PermitReply>, Refusal> {
    match gateway
        .ask(Request::Permit {
            agent: agent.id,
            action: id(&action)?,
        })
        .await?
    {
        Answer::Permit(permit) => Ok(Json(PermitReply { permit })),
        _ => Err(unexpected()),
    }
}

/// Redeem the permit
///
/// Once, before the action runs. Only a 200 lets it run: whoever lost the answer does not run.
#[utoipa::path(
    post,
    path = "/v1/actions/{action}/redeem",
    operation_id = "redeem",
    tag = "agents",
    security(("agent" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    request_body = Redeem,
    responses((status = 200, description = "the proof bundle: the action may run now, once", body = Ack)),
    extensions(("x-refusals" = json!(["unknown_action", "wrong_digest", "bad_permit", "permit_not_in_force", "not_approved", "no_quorum", "permit_exists", "agent_paused", "too_late", "refused", "unverifiable", "sequencer"]))),
)]
pub(super) async fn redeem(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Path(action): Path<String>,
    Strict(redeem): Strict<Redeem>,
) -> Result<Json<Ack>, Refusal> {
    let request = Request::Redeem {
        agent: agent.id,
        action: id(&action)?,
        redeem: Box::new(redeem),
    };
    Ok(Json(acknowledged(&gateway, request).await?))
}

/// Report the outcome
///
/// The same `outcome` and `duration_ms` again get the same entry.
#[utoipa::path(
    post,
    path = "/v1/actions/{action}/outcome",
    operation_id = "report",
    tag = "agents",
    security(("agent" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    request_body = ReportOutcome,
    responses((status = 200, description = "`action.completed` is logged", body = Ack)),
    extensions(("x-refusals" = json!(["unknown_action", "not_running", "wrong_parts", "why_too_long", "wrong_outcome", "refused", "unverifiable", "sequencer"]))),
)]
pub(super) async fn report(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Path(action): Path<String>,
    Strict(report): Strict<ReportOutcome>,
) -> Result<Json<Ack>, Refusal> {
    let request = Request::Report {
        agent: agent.id,
        action: id(&action)?,
        report: Box::new(report),
    };
    Ok(Json(acknowledged(&gateway, request).await?))
}

/// Who the token belongs to
#[utoipa::path(
    get,
    path = "/v1/agent",
    operation_id = "agent",
    tag = "agents",
    security(("agent" = [])),
    responses((status = 200, description = "the agent", body = AgentView)),
    extensions(("x-refusals" = json!(["inconsistent"]))),
)]
pub(super) async fn agent(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
) -> Result<Json<AgentView>, Refusal> {
    let committed = gateway.0.shared.read();
    let log = committed.state.log().ok_or_else(unexpected)?;
    let owner = log
        .opened
        .founders
        .iter()
        .find(|founder| founder.reviewer == agent.owner);
    Ok(Json(AgentView {
        agent: agent.id,
        executor: agent.executor,
        log: log.id,
        name: agent.name,
        owner: owner.ok_or_else(unexpected)?.name.clone(),
    }))
}

/// What an action is
///
/// The payload with its salt, as it was proposed: an edited action is not what its agent proposed.
#[utoipa::path(
    get,
    path = "/v1/actions/{action}/payload",
    operation_id = "payload",
    tag = "agents",
    security(("agent" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    responses((status = 200, description = "the content of its `payload` part", body = Content)),
    extensions(("x-refusals" = json!(["unknown_action", "not_found", "store"]))),
)]
pub(super) async fn payload(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Path(action): Path<String>,
) -> Result<Json<Content>, Refusal> {
    let id: ActionId = id(&action)?;
    let index = {
        let committed = gateway.0.shared.read();
        let action = committed.state.action(&id);
        let own = action.filter(|action| action.agent == agent.id);
        own.ok_or(Violation::UnknownAction)?.proposal.index
    };
    let part = super::feed::off_the_async_threads(move || {
        Ok(gateway.0.shared.store().part(index, "payload")?)
    });
    let part = part.await?;
    Ok(Json(part.ok_or_else(|| Refusal::not_found("part"))?))
}
