//! Where an agent's actions stand, and waiting until they stand elsewhere.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use vidimus_protocol::api::{
    ActionStatus, ActionView, Content, Known, MAX_WAIT_S, MAX_WAITED, Question, WaitFor, WaitNews,
};
use vidimus_protocol::entry::Resolution;
use vidimus_protocol::state::{ActionState, Life, NoteKind};
use vidimus_protocol::{ActionId, AgentId, Blob, Digest, Violation};

use super::Strict;
use super::actions::{id, size};
use super::auth::AgentAuth;
use super::feed::off_the_async_threads;
use crate::Gateway;
use crate::problem::Refusal;

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

impl Wait {
    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs(self.wait.min(MAX_WAIT_S))
    }
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
    let look = || {
        let seen = look(&gateway, Some(agent.id), action);
        seen.map(|(seen, _)| seen).ok_or(Violation::UnknownAction)
    };
    let mut seen = look()?;
    let known = Known {
        action,
        questions: asked.questions.unwrap_or(count(&seen.questions)),
        status: seen.status,
    };
    if lives(known.status) && !wait.duration().is_zero() {
        let waiter = gateway.0.shared.presence.arrive(vec![action]);
        let over = over(&gateway, wait.duration());
        tokio::pin!(over);
        loop {
            seen = look()?;
            if is_news(&known, &seen) {
                break;
            }
            tokio::select! {
                () = waiter.news() => {}
                () = &mut over => break,
            }
        }
    }
    Ok(Json(whole(&gateway, seen).await?))
}

/// Wait for several actions
///
/// Answers at once when one of them is not as it is known, is neither `pending` nor
/// `redeemed`, or is none of this agent's; otherwise when that changes or the wait is over.
/// What is not waited for any more is left out of the next request. Whoever waits here is
/// shown as *present*.
#[utoipa::path(
    post,
    path = "/v1/actions/wait",
    operation_id = "wait",
    tag = "agents",
    security(("agent" = [])),
    request_body = WaitFor,
    responses((status = 200, description = "what is not as it was known", body = WaitNews)),
    extensions(("x-refusals" = json!(["too_many_actions", "store", "gateway_closed"]))),
)]
pub(super) async fn wait(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    Strict(asked): Strict<WaitFor>,
) -> Result<Json<WaitNews>, Refusal> {
    if asked.actions.len() > MAX_WAITED {
        return Err(Refusal::new(
            422,
            "too_many_actions",
            format!("at most {MAX_WAITED} actions are waited for by one request"),
        ));
    }
    let wait = Wait { wait: asked.wait_s };
    let news = || news(&gateway, agent.id, &asked.actions);
    let mut seen = news();
    let waits = !asked.actions.is_empty() && !wait.duration().is_zero();
    if is_nothing(&seen) && waits {
        let actions = asked.actions.iter().map(|known| known.action).collect();
        let waiter = gateway.0.shared.presence.arrive(actions);
        let over = over(&gateway, wait.duration());
        tokio::pin!(over);
        loop {
            seen = news();
            if !is_nothing(&seen) {
                break;
            }
            tokio::select! {
                () = waiter.news() => {}
                () = &mut over => break,
            }
        }
    }
    let mut actions = Vec::with_capacity(seen.actions.len());
    let mut bytes = 0;
    for view in seen.actions {
        let view = whole(&gateway, view).await?;
        let texts = view.questions.iter().map(|question| &question.text);
        let texts = texts.chain(&view.reason);
        bytes += texts.map(|text| text.bytes.0.len()).sum::<usize>();
        actions.push(view);
        if bytes > MAX_TEXTS {
            break;
        }
    }
    Ok(Json(WaitNews { actions, ..seen }))
}

/// Returns when the time is over or the gateway stops.
async fn over(gateway: &Gateway, wait: Duration) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = gateway.stopped() => {}
    }
}

/// Bytes of texts after which no further action is told of.
const MAX_TEXTS: usize = 1 << 20;

fn is_nothing(news: &WaitNews) -> bool {
    news.actions.is_empty() && news.unknown.is_empty()
}

fn news(gateway: &Gateway, agent: AgentId, known: &[Known]) -> WaitNews {
    let mut news = WaitNews {
        actions: Vec::new(),
        unknown: Vec::new(),
    };
    for known in known {
        match look(gateway, Some(agent), known.action) {
            Some((seen, _)) if is_news(known, &seen) => news.actions.push(seen),
            Some(_) => {}
            None => news.unknown.push(known.action),
        }
    }
    news
}

/// Whether something may still happen to it by itself.
fn lives(status: ActionStatus) -> bool {
    matches!(status, ActionStatus::Pending | ActionStatus::Redeemed)
}

fn is_news(known: &Known, seen: &ActionView) -> bool {
    seen.status != known.status || count(&seen.questions) > known.questions || !lives(seen.status)
}

fn count(questions: &[Question]) -> u64 {
    u64::try_from(questions.len()).unwrap_or(u64::MAX)
}

/// A view with the texts that belong to it.
async fn whole(gateway: &Gateway, mut view: ActionView) -> Result<ActionView, Refusal> {
    if view.status == ActionStatus::Denied {
        view.reason = reason(gateway, view.action).await?;
    }
    if !view.questions.is_empty() {
        view.questions = with_texts(gateway.clone(), view.questions).await?;
    }
    Ok(view)
}

/// The questions with what they ask.
pub(super) async fn with_texts(
    gateway: Gateway,
    mut questions: Vec<Question>,
) -> Result<Vec<Question>, Refusal> {
    off_the_async_threads(move || {
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
) -> Option<(ActionView, u64)> {
    let committed = gateway.0.shared.read();
    let action = (committed.state.action(&id))
        .filter(|action| agent.is_none_or(|agent| action.agent == agent))?;
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
        starts_at: committed.state.starts_at(action, gateway.0.clock.wall()),
        status: status(action),
        superseded_by: action
            .edit
            .as_ref()
            .filter(|_| resolved.is_some())
            .map(|edit| edit.to),
        use_before: resolved.and_then(|resolved| resolved.use_before),
    };
    Some((view, entry))
}

const NO_TEXT: Content = Content {
    bytes: Blob(Vec::new()),
    salt: Digest([0; 32]),
    r#type: String::new(),
};

pub(crate) fn status(action: &ActionState) -> ActionStatus {
    match action.life() {
        Life::Pending => ActionStatus::Pending,
        Life::Approved => ActionStatus::Approved,
        Life::Redeemed => ActionStatus::Redeemed,
        Life::Completed => ActionStatus::Completed,
        Life::Over(Resolution::Denied) => ActionStatus::Denied,
        Life::Over(Resolution::Expired) => ActionStatus::Expired,
        Life::Over(Resolution::Withdrawn) => ActionStatus::Withdrawn,
        Life::Over(Resolution::Superseded) => ActionStatus::Superseded,
        Life::Over(Resolution::Refused | Resolution::Approved | Resolution::Released) => {
            ActionStatus::Refused
        }
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
            .and_then(|action| action.verdicts.iter().rfind(|given| given.grant.is_none()));
        given.map(|given| given.entry.index)
    };
    let Some(index) = verdict else {
        return Ok(None);
    };
    let gateway = gateway.clone();
    off_the_async_threads(move || Ok(gateway.0.shared.store().part(index, "reason")?)).await
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
