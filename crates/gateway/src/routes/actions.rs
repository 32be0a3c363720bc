//! What agents ask for.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use vidimus_protocol::api::{
    Ack, ActionStatus, ActionView, AgentView, Content, MAX_WAIT_S, PermitReply, Question, Redeem,
    ReportOutcome,
};
use vidimus_protocol::entry::Resolution;
use vidimus_protocol::envelope::Decimal;
use vidimus_protocol::state::{ActionState, Life, NoteKind};
use vidimus_protocol::{ActionId, AgentId, Blob, Digest, Violation};

use super::Strict;
use super::auth::AgentAuth;
use crate::problem::Refusal;
use crate::sequencer::{Answer, Request};
use crate::{Gateway, unexpected};

/// `?wait=SECONDS`
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    /// Longest wait in seconds; more than 30 counts as 30.
    #[serde(default, deserialize_with = "size")]
    #[param(required = false, default = 0, example = 0)]
    wait: u64,
}

/// `?wait=SECONDS&questions=NUMBER`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Look {
    /// Longest wait in seconds; more than 30 counts as 30.
    #[serde(default, deserialize_with = "size")]
    #[param(required = false, default = 0, example = 0)]
    wait: u64,
    /// How many questions are known already: more end the wait.
    #[serde(default, deserialize_with = "some_size")]
    questions: Option<u64>,
}

fn some_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    size(deserializer).map(Some)
}

/// A number in a query, as strict as one in a body.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Decimal>()
        .map(|number| number.0)
        .map_err(D::Error::custom)
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
    extensions(("x-refusals" = json!(["unknown_action", "not_approved", "permit_exists", "permit_not_in_force", "agent_paused", "too_late", "refused", "unverifiable", "sequencer"]))),
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
    extensions(("x-refusals" = json!(["unknown_action", "wrong_digest", "bad_permit", "permit_not_in_force", "not_approved", "permit_exists", "agent_paused", "too_late", "refused", "unverifiable", "sequencer"]))),
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

/// Look at an action, or wait
///
/// Answers at once, or, while it is `pending` or `redeemed`, when that changes, when a
/// reviewer asks something, or when the wait is over. Whoever waits here is shown as *present*.
#[utoipa::path(
    get,
    path = "/v1/actions/{action}",
    operation_id = "view",
    tag = "agents",
    security(("agent" = [])),
    params(("action" = ActionId, Path, description = "the action"), Look),
    responses((status = 200, description = "where it stands", body = ActionView, example = json!(super::openapi::example_view()))),
    extensions(("x-refusals" = json!(["unknown_action", "store", "gateway_closed"]))),
)]
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
    let look = || look(&gateway, Some(agent.id), action).map(|(seen, _)| seen);
    let mut seen = look()?;
    let first = seen.status;
    let count = |seen: &ActionView| u64::try_from(seen.questions.len()).unwrap_or(u64::MAX);
    let known = asked.questions.unwrap_or(count(&seen));
    let is_news = |seen: &ActionView| seen.status != first || count(seen) > known;
    let lives = matches!(first, ActionStatus::Pending | ActionStatus::Redeemed);
    if lives && !wait.duration().is_zero() {
        let _waiter = gateway.0.presence.arrive(action);
        let over = tokio::time::sleep(wait.duration());
        tokio::pin!(over);
        while !is_news(&seen) {
            tokio::select! {
                _ = changes.changed() => seen = look()?,
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

/// The questions with what they ask.
pub(super) async fn with_texts(
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

/// Where an action of this agent, or anybody's, stands, and the position of the
/// last entry that says so or asks something. The texts of questions are left to
/// [`with_texts`].
pub(super) fn look(
    gateway: &Gateway,
    agent: Option<AgentId>,
    id: ActionId,
) -> Result<(ActionView, u64), Refusal> {
    let committed = gateway.0.shared.read();
    let action = committed
        .state
        .action(&id)
        .filter(|action| agent.is_none_or(|agent| action.agent == agent))
        .ok_or(Violation::UnknownAction)?;
    let resolved = action.resolved.as_ref();
    let completed = action.completed.as_ref();
    let entry = completed
        .map(|(entry, _)| entry.index)
        .or(action.redeemed.as_ref().map(|(entry, _)| entry.index))
        .or(resolved.map(|resolved| resolved.entry.index))
        .unwrap_or(action.proposal.index);
    let talk = action
        .notes
        .iter()
        .filter(|note| matches!(note.kind, NoteKind::Asked | NoteKind::Answered(_)))
        .map(|note| note.entry.index);
    let entry = talk.fold(entry, u64::max);
    // A pause changes where what was approved stands.
    let stopped = committed.state.stopped_by(action);
    let stopped = stopped.filter(|_| action.life() == Life::Approved);
    let entry = stopped.map_or(entry, |pause| entry.max(pause.entry.index));
    let view = ActionView {
        action: id,
        edits: action.edits,
        expires_at: action.expires_at,
        outcome: completed.map(|(_, completed)| completed.outcome.clone()),
        paused: stopped.is_some() || resolved.is_some_and(|resolved| resolved.pause.is_some()),
        policy: action.evaluation.reasons.clone(),
        questions: action
            .questions()
            .map(|(asked, answer)| Question {
                answered: answer.is_some(),
                asked_at: asked.at,
                entry: asked.entry.index,
                text: NO_TEXT,
            })
            .collect(),
        reason: None,
        status: status(action),
        superseded_by: action
            .edit
            .as_ref()
            .filter(|_| resolved.is_some())
            .map(|edit| edit.to),
        use_before: resolved.and_then(|resolved| resolved.use_before),
    };
    Ok((view, entry))
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
        Life::Over(Resolution::Superseded) => ActionStatus::Superseded,
        Life::Over(Resolution::Refused | Resolution::Approved) => ActionStatus::Refused,
    }
}

/// The reason of the last verdict.
pub(super) async fn reason(
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
