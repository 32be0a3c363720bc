//! The description of this interface (OpenAPI 3.1), made from the routes
//! themselves: a route that is served is described, but for the key page's own.
//!
//! Each handler says what it takes, answers and refuses by itself
//! (`x-refusals`, codes); what follows from the rest (a body, a token, the
//! sequencer) is added here. Spec: `docs/spec/api.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use vidimus_protocol::Blob;
use vidimus_protocol::strict::MAX_SAFE;

use crate::problem::CODES;

/// What a handler says that it refuses, by code.
const REFUSALS: &str = "x-refusals";
/// Codes of whatever is written by the sequencer.
const SEQUENCER: [&str; 6] = [
    "busy",
    "clock",
    "disk_full",
    "gateway_closed",
    "inconsistent",
    "store",
];

static TEXT: LazyLock<String> = LazyLock::new(|| text(super::described().into_openapi()));

/// The description, as `GET /v1/openapi.json` answers it.
#[must_use]
pub fn openapi() -> &'static str {
    &TEXT
}

/// This description
///
/// OpenAPI 3.1, made from the running gateway's own routes.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    operation_id = "openapi",
    tag = "consoles",
    responses((status = 200, description = "an OpenAPI 3.1 document", body = utoipa::openapi::Object, content_type = "application/json")),
)]
pub(super) async fn serve() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi())
}

/// The top of the document, in the order in which people read it.
#[derive(Serialize)]
struct Document {
    openapi: Value,
    info: Value,
    servers: Value,
    tags: Value,
    paths: Value,
    components: Value,
}

fn text(described: OpenApi) -> String {
    let mut made = serde_json::to_value(described).expect("a description is JSON");
    bound_integers(&mut made);
    let mut paths = made["paths"].take();
    for item in members(&mut paths) {
        for operation in members(item) {
            describe_refusals(operation);
        }
    }
    let mut components = made["components"].take();
    components["securitySchemes"] = json!({
        "agent": {"type": "http", "scheme": "bearer", "description": "The token of a registered agent."},
        "session": {"type": "http", "scheme": "bearer", "description": "The token of a session that has not ended."},
    });
    close(&mut components["schemas"]["Outcome"]);
    components["schemas"]["Problem"]["examples"] = json!([{
        "code": "not_approved",
        "detail": "a permit for an action that is not approved",
        "title": "not approved",
        "type": "urn:vidimus:problem:not_approved",
        "status": 409,
    }]);
    let document = Document {
        openapi: made["openapi"].take(),
        info: json!({
            "title": "Vidimus gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "What agents, executors and consoles ask the gateway. Only on loopback. Every answer with a status of 400 or more is a problem (RFC 9457): programs go by `code`. Any request may be refused with 403 `cross_origin` and 421 `wrong_host`, a path that is not here with 404 `not_found`, a method that is not here with 405 `method_not_allowed`.",
        }),
        servers: json!([{
            "url": "http://localhost:{port}",
            "variables": {"port": {"default": "8478", "description": "Chosen once, when the gateway first starts."}},
        }]),
        tags: json!([
            {"name": "agents", "description": "Propose, wait, run, report."},
            {"name": "consoles", "description": "Read the log."},
            {"name": "key prompts", "description": "Ask a person's key."},
        ]),
        paths: sorted(paths),
        components: sorted(components),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("a document is JSON");
    text.push('\n');
    text
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value
        .as_object_mut()
        .into_iter()
        .flat_map(|map| map.iter_mut().map(|(_, member)| member))
}

/// The same whatever order `serde_json` was built to keep.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let members: BTreeMap<_, _> = map.into_iter().collect();
            let members = members
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(members.collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// No number of this interface is above 2^53 − 1.
fn bound_integers(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("format") == Some(&json!("int64")) {
                map.entry("maximum").or_insert(json!(MAX_SAFE));
            }
            map.values_mut().for_each(bound_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        _ => {}
    }
}

/// Serde knows that the variants of an enum take no other member, the derive of
/// their schema does not.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            if map.get("type") == Some(&json!("object")) {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// One response for each status under which something is refused.
fn describe_refusals(operation: &mut Value) {
    let own = operation
        .as_object_mut()
        .and_then(|members| members.remove(REFUSALS))
        .unwrap_or_default();
    let mut codes: BTreeSet<&str> = own
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if operation["requestBody"].is_object() {
        codes.extend(["malformed", "not_json", "too_long", "too_slow"]);
    }
    if operation["parameters"].is_array() {
        codes.insert("malformed");
    }
    let schemes = operation["security"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if !schemes.is_empty() {
        codes.insert("unauthorised");
    }
    if !schemes.is_empty() && schemes.iter().all(|scheme| scheme["session"].is_array()) {
        codes.insert("forbidden");
    }
    if codes.remove("sequencer") {
        codes.extend(SEQUENCER);
    }
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in codes {
        let status = status_of(code).unwrap_or_else(|| panic!("`{code}` has its status in CODES"));
        by_status.entry(status).or_default().push(code);
    }
    let responses = by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), problem(status, &codes)));
    let responses: Map<String, Value> = responses.collect();
    if let Some(all) = operation["responses"].as_object_mut() {
        all.extend(responses);
    }
}

fn status_of(code: &str) -> Option<u16> {
    let found = CODES.iter().find(|(_, codes)| codes.contains(&code));
    found.map(|(status, _)| *status)
}

fn problem(status: u16, codes: &[&str]) -> Value {
    let words: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    let mut response = json!({
        "description": words.join(", "),
        "content": {"application/problem+json": {"schema": {
            "allOf": [{"$ref": "#/components/schemas/Problem"}],
            "properties": {"code": {"enum": codes}, "status": {"const": status}},
        }}},
    });
    if status == 401 {
        response["headers"] = json!({"WWW-Authenticate": {
            "description": "`Bearer`", "required": true, "schema": {"const": "Bearer"},
        }});
    }
    response
}

/// A proposal that the gateway takes.
pub(super) fn example_proposal() -> Value {
    let action = r#"{"kind":"command","payload":{"argv":["/usr/bin/true"],"cwd":"/srv","env":[],"files":[],"not_bound":["the network"],"program":{"path":"/usr/bin/true","sha256":"0707070707070707070707070707070707070707070707070707070707070707","size":1234},"stdin":"null","uid":1000,"user":"ada"},"target":{"environment":"local","resource":"/srv","system":"workstation"}}"#;
    json!({
        "action": "act_2081040g2081040g2081040g20",
        "payload": {
            "bytes": Blob(action.into()),
            "salt": "0707070707070707070707070707070707070707070707070707070707070707",
            "type": vidimus_protocol::action::PAYLOAD_TYPE,
        },
        "ttl_s": 600,
    })
}

/// What becomes of it.
pub(super) fn example_view() -> Value {
    json!({
        "action": "act_2081040g2081040g2081040g20",
        "expires_at": "2026-11-21T09:40:00.000Z",
        "policy": ["Everything waits for its agent's owner."],
        "status": "pending",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_example_is_a_good_proposal() {
        let bytes = example_proposal()["payload"]["bytes"]
            .as_str()
            .unwrap()
            .parse::<Blob>()
            .unwrap();
        vidimus_protocol::action::Action::parse(&bytes.0).unwrap();
    }
}
