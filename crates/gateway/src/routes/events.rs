//! Following one action as server-sent events, for programs that would
//! otherwise poll. Spec: `docs/spec/api.md`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Interval;
use vidimus_protocol::api::{ActionStatus, ActionView};
use vidimus_protocol::state::Agent;
use vidimus_protocol::{ActionId, AgentId, Violation};

use super::actions::id;
use super::auth::{AgentAuth, SessionAuth};
use super::standing::{look, reason, with_texts};
use crate::Gateway;
use crate::presence::Waiter;
use crate::problem::Refusal;
use crate::store::Session;

/// A comment is sent after this time without an event, so that both ends
/// notice when the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often tokens and deadlines are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Follow an action
///
/// Server-sent events: `action` with the action view, at once and whenever `status` has
/// changed or something was asked or answered; changes that come faster than they are read may be skipped. The stream ends
/// after a status that stays, and when the gateway stops. When the token or session ends,
/// a last event `problem` says so. `Last-Event-ID` leaves out what was told already; when
/// that stays, the answer is 204.
#[utoipa::path(
    get,
    path = "/v1/actions/{action}/events",
    operation_id = "events",
    tag = "agents",
    security(("agent" = []), ("session" = [])),
    params(
        ("action" = ActionId, Path, description = "the action"),
        ("Last-Event-ID" = Option<String>, Header, description = "`id` of the last event that was read"),
    ),
    responses(
        (status = 200, description = "events, each with the JSON of an action view or a problem as `data`", body = String, content_type = "text/event-stream"),
        (status = 204, description = "nothing will follow the last event"),
    ),
    extensions(("x-refusals" = json!(["unknown_action", "store", "gateway_closed"]))),
)]
pub(super) async fn events(
    State(gateway): State<Gateway>,
    viewer: Viewer,
    Path(action): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let action: ActionId = id(&action)?;
    let changes = gateway.0.shared.follow();
    let (view, newest) = look(&gateway, viewer.agent(), action).ok_or(Violation::UnknownAction)?;
    let told = last_event_id(&headers);
    if told == Some(newest) && stays(&gateway, &view) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    // A person who looks is not a program that waits.
    let waiter = viewer
        .agent()
        .map(|_| gateway.0.shared.presence.arrive(vec![action]));
    let follower = Follower {
        gateway,
        viewer,
        action,
        changes,
        tick: tokio::time::interval(TICK),
        told,
        over: false,
        _waiter: waiter,
    };
    // Made when the connection takes it: a slow reader costs no memory.
    let stream = futures_util::stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let mut response = Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Who may look: the action's agent, or anybody with a session.
pub(super) enum Viewer {
    Agent(Box<Agent>),
    Session(Session),
}

impl FromRequestParts<Gateway> for Viewer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        if let Ok(AgentAuth(agent)) = AgentAuth::from_request_parts(parts, gateway).await {
            return Ok(Self::Agent(Box::new(agent)));
        }
        let SessionAuth(session) = SessionAuth::from_request_parts(parts, gateway).await?;
        Ok(Self::Session(session))
    }
}

impl Viewer {
    /// Whose actions it sees; `None` for all.
    fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent(agent) => Some(agent.id),
            Self::Session(_) => None,
        }
    }

    /// Whether its token still counts.
    fn still_may(&self, gateway: &Gateway) -> bool {
        let shared = &gateway.0.shared;
        match self {
            Self::Agent(agent) => shared.agent(agent.token_hash).is_some(),
            Self::Session(session) => {
                let now = gateway.0.clock.wall();
                shared.session(session.token_hash, now).is_some()
            }
        }
    }
}

struct Follower {
    gateway: Gateway,
    viewer: Viewer,
    action: ActionId,
    changes: watch::Receiver<()>,
    tick: Interval,
    /// Position of the entry that was told last.
    told: Option<u64>,
    over: bool,
    _waiter: Option<Waiter>,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        let stopped = self.gateway.stopped();
        tokio::pin!(stopped);
        loop {
            let (view, newest) = match self.look().await {
                Ok(seen) => seen,
                Err(refusal) => {
                    self.over = true;
                    return event("problem", &refusal.problem());
                }
            };
            let stays = stays(&self.gateway, &view);
            if self.told != Some(newest) {
                self.told = Some(newest);
                self.over = stays;
                return event("action", &view).map(|event| event.id(newest.to_string()));
            }
            if stays {
                return None;
            }
            tokio::select! {
                _ = self.changes.changed() => {}
                _ = self.tick.tick() => {}
                () = &mut stopped => return None,
            }
        }
    }

    async fn look(&self) -> Result<(ActionView, u64), Refusal> {
        if !self.viewer.still_may(&self.gateway) {
            return Err(Refusal::unauthorised());
        }
        let (mut view, newest) = look(&self.gateway, self.viewer.agent(), self.action)
            .ok_or(Violation::UnknownAction)?;
        if view.status == ActionStatus::Denied && self.told != Some(newest) {
            view.reason = reason(&self.gateway, self.action).await?;
        }
        if !view.questions.is_empty() && self.told != Some(newest) {
            view.questions = with_texts(self.gateway.clone(), view.questions).await?;
        }
        Ok((view, newest))
    }
}

fn event(name: &str, data: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}

/// Whether nothing can follow.
fn stays(gateway: &Gateway, view: &ActionView) -> bool {
    use ActionStatus as S;
    match view.status {
        S::Pending | S::Redeemed => false,
        S::Approved if view.paused => true,
        S::Approved => view
            .use_before
            .is_some_and(|end| gateway.0.clock.wall() >= end),
        S::Denied | S::Expired | S::Withdrawn | S::Refused | S::Superseded | S::Completed => true,
    }
}

/// What is no id of ours is as none: everything is told anew.
fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}
