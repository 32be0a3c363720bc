//! Proposing, and the `Idempotency-Key` that may stand for the action's id.
//! Spec: `docs/spec/api.md`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use vidimus_protocol::api::{Ack, Content, Propose, idempotent_action};
use vidimus_protocol::{ActionId, RunId};

use super::Strict;
use super::actions::acknowledged;
use super::auth::AgentAuth;
use crate::Gateway;
use crate::problem::Refusal;
use crate::sequencer::{ReadProposal, Request};

/// Most characters of a key.
const MAX_KEY: usize = 255;

/// What an agent proposes. `action` may be left out beside an `Idempotency-Key`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proposal {
    /// Chosen by the proposer. The same proposal again gets the same answer.
    #[serde(default)]
    action: Option<ActionId>,
    /// The agent's claims.
    #[serde(default)]
    context: Option<Content>,
    /// What will run.
    payload: Content,
    /// The run of the agent that it belongs to. Not private.
    #[serde(default)]
    run: Option<RunId>,
    /// Longest wait for a decision, seconds; the policy may shorten it.
    #[serde(default)]
    ttl_s: Option<u64>,
}

/// Propose an action
///
/// Name it by `action`, or by an `Idempotency-Key`, from which its id follows. The same
/// name with the same payload and context (bytes, salts and types) is the same proposal,
/// also after a restart.
#[utoipa::path(
    post,
    path = "/v1/actions",
    operation_id = "propose",
    tag = "agents",
    security(("agent" = [])),
    params((
        "Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible ASCII characters, as a structured-field string or bare",
        pattern = r#"^("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-+\--:<-\[\]-~]{1,255})$"#,
    )),
    request_body(content = Proposal, example = json!(super::openapi::example_proposal())),
    responses((
        status = 201, description = "`action.proposed` is logged", body = Ack,
        links(
            ("view" = (operation_id = "view", parameters(("action" = "$request.body#/action")))),
            ("withdraw" = (operation_id = "withdraw", parameters(("action" = "$request.body#/action")))),
        ),
    )),
    extensions(("x-refusals" = json!([
        "bad_idempotency_key", "action_exists", "bad_payload", "bad_context", "wrong_parts",
        "idempotency_key_reused", "idempotency_key_mismatch", "too_many_pending", "agent_paused", "refused",
        "unverifiable", "sequencer"
    ]))),
)]
pub(super) async fn propose(
    State(gateway): State<Gateway>,
    AgentAuth(agent): AgentAuth,
    headers: HeaderMap,
    Strict(proposal): Strict<Proposal>,
) -> Result<(StatusCode, Json<Ack>), Refusal> {
    let key = idempotency_key(&headers)?;
    let named = key.as_deref().map(|key| idempotent_action(agent.id, key));
    let action = match (proposal.action, named) {
        (Some(action), Some(named)) if action != named => {
            return Err(Refusal::not_acceptable(
                "idempotency_key_mismatch",
                format!("the `Idempotency-Key` names {named}, the body {action}: leave one out"),
            ));
        }
        (Some(action), _) | (None, Some(action)) => action,
        (None, None) => {
            return Err(Refusal::malformed(
                "send `action` in the body, or an `Idempotency-Key`",
            ));
        }
    };
    let propose = Propose {
        action,
        context: proposal.context,
        payload: proposal.payload,
        run: proposal.run,
        ttl_s: proposal.ttl_s,
    };
    let request = Request::Propose {
        agent: agent.id,
        read: Box::new(ReadProposal::new(propose)?),
    };
    let ack = acknowledged(&gateway, request).await.map_err(|refusal| {
        if key.is_some() && refusal.code == "action_exists" {
            Refusal::not_acceptable(
                "idempotency_key_reused",
                "this `Idempotency-Key` was used for another payload or context (bytes, salts and types count): repeat the very same body, or take a new key",
            )
        } else {
            refusal
        }
    })?;
    Ok((StatusCode::CREATED, Json(ack)))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| given.next().is_none());
    let key = text.and_then(parse_key).ok_or_else(|| {
        Refusal::new(
            400,
            "bad_idempotency_key",
            format!(
                "send one `Idempotency-Key: \"KEY\"` with 1 to {MAX_KEY} visible ASCII characters"
            ),
        )
    })?;
    Ok(Some(key))
}

/// A string of RFC 9651, or, as many clients send it, the key without quotes.
/// Both spell the same key.
fn parse_key(text: &str) -> Option<String> {
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None if text.contains(['"', '\\', ',', ';']) => return None,
        None => text.to_owned(),
    };
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=MAX_KEY).contains(&key.len())).then_some(key)
}

fn unquote(quoted: &str) -> Option<String> {
    let mut key = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(key),
            '\\' => key.push(rest.next().filter(|next| matches!(next, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_two_spellings_and_its_bounds() {
        let longest = "k".repeat(MAX_KEY);
        for (text, key) in [
            (r#""8e03978e-40d5""#, "8e03978e-40d5"),
            ("8e03978e-40d5", "8e03978e-40d5"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#""a,b;c""#, "a,b;c"),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(parse_key(text).as_deref(), Some(key), "{text}");
        }
        let long = "k".repeat(MAX_KEY + 1);
        for text in [
            "",
            r#""""#,
            "a b",
            r#""a b""#,
            r#""a"#,
            r#"a""#,
            r#""a";b"#,
            r#""a\b""#,
            "a,b",
            "a;b",
            r"a\b",
            "é",
            long.as_str(),
        ] {
            assert_eq!(parse_key(text), None, "{text}");
        }
    }
}
