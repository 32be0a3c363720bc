//! Tokens: agents propose and run, sessions read and begin key prompts.
//!
//! No token decides anything: decisions need a key. An agent's token is
//! refused by name wherever a person is meant.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use vidimus_protocol::envelope::token_hash;
use vidimus_protocol::state::Agent;

use crate::Gateway;
use crate::problem::Refusal;
use crate::store::Session;

/// The agent that a request comes from.
pub(super) struct AgentAuth(pub(super) Agent);

/// The session that a request comes from.
pub(super) struct SessionAuth(pub(super) Session);

/// Anybody but an agent: steps of a key prompt, whose authority is the key.
pub(super) struct NoAgent;

fn bearer(parts: &Parts) -> Option<&str> {
    parts
        .headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

impl FromRequestParts<Gateway> for AgentAuth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        let token = bearer(parts).ok_or_else(Refusal::unauthorised)?;
        let agent = gateway
            .0
            .shared
            .agent(token_hash(token))
            .ok_or_else(Refusal::unauthorised)?;
        super::observe::asks(parts, agent.id);
        Ok(Self(agent))
    }
}

impl FromRequestParts<Gateway> for SessionAuth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        NoAgent::from_request_parts(parts, gateway).await?;
        let token = bearer(parts).ok_or_else(Refusal::unauthorised)?;
        let now = gateway.0.clock.wall();
        gateway
            .0
            .shared
            .session(token_hash(token), now)
            .map(Self)
            .ok_or_else(Refusal::unauthorised)
    }
}

impl FromRequestParts<Gateway> for NoAgent {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        let is_agent =
            bearer(parts).is_some_and(|token| gateway.0.shared.agent(token_hash(token)).is_some());
        if is_agent {
            return Err(Refusal::forbidden("an agent's token decides nothing"));
        }
        Ok(Self)
    }
}
