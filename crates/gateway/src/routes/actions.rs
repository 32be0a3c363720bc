//! What agents ask for.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use vidimus_protocol::ActionId;
use vidimus_protocol::api::{
    Ack, ActionStatus, ActionView, AgentView, MAX_WAIT_S, PermitReply, Propose, Redeem,
    ReportOutcome,
};
use vidimus_protocol::entry::Resolution;
use vidimus_protocol::state::{ActionState, Agent, Life};

use super::Strict;
use super::auth::AgentAuth;
use crate::problem::Refusal;
use crate::sequencer::{Answer, Request};
use crate::{Gateway, unexpected};

/// `?wait=SECONDS`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    wait: u64,
}

impl Wait {
    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs(self.wait.min(MAX_WAIT_S))
    }
}

/// An id in the path.
pub(super) fn id<T: std::str::FromStr>(text: &str) -> Result<T, Refusal>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(Refusal::malformed)
}

async fn acknowledged(gateway: &Gateway, request: Request) -> Result<Ack, Refusal> {
    match gateway.ask(request).await? {
        Answer::Ack(ack) => Ok(ack),
        _ => Err(unexpected()),
    }
}

pub(super) async fn propose(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Strict(propose): Strict<Propose>,
) -> Result<(StatusCode, Json<Ack>), Refusal> {
    let request = Request::Propose {
        agent: agent.id,
        propose: Box::new(propose),
    };
    Ok((
        StatusCode::CREATED,
        Json(acknowledged(&gateway, request).await?),
    ))
}

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

/// Answers at once, or, while the action waits or runs, when that changes or
/// the wait is over. Whoever waits here is the *somebody* of the screen.
pub(super) async fn view(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Path(action): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<ActionView>, Refusal> {
    let action: ActionId = id(&action)?;
    let mut changes = gateway.0.shared.follow();
    let stopped = gateway.stopped();
    tokio::pin!(stopped);
    let mut seen = look(&gateway, &agent, action)?;
    let first = seen.status;
    let lives = matches!(first, ActionStatus::Pending | ActionStatus::Redeemed);
    if lives && !wait.duration().is_zero() {
        let _waiter = gateway.0.presence.arrive(action);
        let over = tokio::time::sleep(wait.duration());
        tokio::pin!(over);
        while seen.status == first {
            tokio::select! {
                _ = changes.changed() => seen = look(&gateway, &agent, action)?,
                () = &mut stopped => break,
                () = &mut over => break,
            }
        }
    }
    if seen.status == ActionStatus::Denied {
        seen.reason = reason(&gateway, action).await?;
    }
    Ok(Json(seen))
}

fn look(gateway: &Gateway, agent: &Agent, id: ActionId) -> Result<ActionView, Refusal> {
    let committed = gateway.0.shared.read();
    let action = committed
        .state
        .action(&id)
        .filter(|action| action.agent == agent.id)
        .ok_or(vidimus_protocol::Violation::UnknownAction)?;
    Ok(ActionView {
        action: id,
        expires_at: action.expires_at,
        outcome: action
            .completed
            .as_ref()
            .map(|(_, completed)| completed.outcome.clone()),
        policy: action.evaluation.reasons.clone(),
        reason: None,
        status: status(action),
        use_before: action
            .resolved
            .as_ref()
            .and_then(|resolved| resolved.use_before),
    })
}

fn status(action: &ActionState) -> ActionStatus {
    match action.life() {
        Life::Pending => ActionStatus::Pending,
        Life::Approved => ActionStatus::Approved,
        Life::Redeemed => ActionStatus::Redeemed,
        Life::Completed => ActionStatus::Completed,
        Life::Over(Resolution::Denied) => ActionStatus::Denied,
        Life::Over(Resolution::Expired) => ActionStatus::Expired,
        Life::Over(Resolution::Withdrawn) => ActionStatus::Withdrawn,
        Life::Over(Resolution::Refused | Resolution::Approved) => ActionStatus::Refused,
    }
}

/// The reason of the last verdict.
async fn reason(
    gateway: &Gateway,
    action: ActionId,
) -> Result<Option<vidimus_protocol::api::Content>, Refusal> {
    let verdict = {
        let committed = gateway.0.shared.read();
        let given = committed
            .state
            .action(&action)
            .and_then(|action| action.verdicts.last());
        given.map(|given| given.entry.index)
    };
    let Some(index) = verdict else {
        return Ok(None);
    };
    let gateway = gateway.clone();
    super::feed::off_the_async_threads(move || {
        Ok(gateway.0.shared.store().part(index, "reason")?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_longer_than_that() {
        let long = Wait { wait: u64::MAX };
        assert_eq!(long.duration(), Duration::from_secs(MAX_WAIT_S));
    }
}
