//! What agents ask for.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use vidimus_protocol::api::{
    Ack, ActionStatus, ActionView, AgentView, Content, MAX_WAIT_S, PermitReply, Propose, Question,
    Redeem, ReportOutcome,
};
use vidimus_protocol::entry::Resolution;
use vidimus_protocol::state::{ActionState, Agent, Life};
use vidimus_protocol::{ActionId, Blob, Digest};

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

/// `?wait=SECONDS&questions=NUMBER`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Look {
    #[serde(default)]
    wait: u64,
    /// How many questions are known to who asks.
    questions: Option<usize>,
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

pub(super) async fn acknowledged(gateway: &Gateway, request: Request) -> Result<Ack, Refusal> {
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
    Query(asked): Query<Look>,
) -> Result<Json<ActionView>, Refusal> {
    let action: ActionId = id(&action)?;
    let wait = Wait { wait: asked.wait };
    let mut changes = gateway.0.shared.follow();
    let stopped = gateway.stopped();
    tokio::pin!(stopped);
    let mut seen = look(&gateway, &agent, action)?;
    let first = seen.status;
    let known = asked.questions.unwrap_or(seen.questions.len());
    let is_news = |seen: &ActionView| seen.status != first || seen.questions.len() > known;
    let lives = matches!(first, ActionStatus::Pending | ActionStatus::Redeemed);
    if lives && !wait.duration().is_zero() {
        let _waiter = gateway.0.presence.arrive(action);
        let over = tokio::time::sleep(wait.duration());
        tokio::pin!(over);
        while !is_news(&seen) {
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
    if !seen.questions.is_empty() {
        seen.questions = with_texts(gateway, seen.questions).await?;
    }
    Ok(Json(seen))
}

/// The questions with what they ask.
async fn with_texts(
    gateway: Gateway,
    mut questions: Vec<Question>,
) -> Result<Vec<Question>, Refusal> {
    super::feed::off_the_async_threads(move || {
        let store = gateway.0.shared.store();
        for question in &mut questions {
            question.text = store
                .part(question.entry, "question")?
                .ok_or_else(|| Refusal::not_found("part"))?;
        }
        Ok(questions)
    })
    .await
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
        questions: action
            .questions()
            .map(|(asked, answer)| Question {
                answered: answer.is_some(),
                asked_at: asked.at,
                entry: asked.entry.index,
                // Filled in from the store by who needs it.
                text: NO_TEXT,
            })
            .collect(),
        reason: None,
        status: status(action),
        use_before: action
            .resolved
            .as_ref()
            .and_then(|resolved| resolved.use_before),
    })
}

const NO_TEXT: Content = Content {
    bytes: Blob(Vec::new()),
    salt: Digest([0; 32]),
    r#type: String::new(),
};

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
