//! One `tools/call`: what a person approves of it, and what the server gets.
//!
//! Approved are the tool and the text of the arguments. Beside them the server
//! gets the members of `_meta` that the protocol itself needs, and what the
//! client answers when the server asks in between.

use crate::json::{Object, quoted};
use crate::message::{Refused, code};

/// Members of `_meta` that are passed on with a governed call: those of the
/// protocol (2026-07-28) and of trace context (W3C). Others are dropped, since
/// a server could heed what nobody approved.
const META: &[&str] = &[
    "progressToken",
    VERSION,
    "io.modelcontextprotocol/clientInfo",
    CAPABILITIES,
    "io.modelcontextprotocol/logLevel",
    "traceparent",
    "tracestate",
    "baggage",
];
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The extension by which a call is answered as a task.
pub(crate) const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A call as the client made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The tool's name.
    pub(crate) tool: String,
    /// The text of the arguments: an object.
    pub(crate) arguments: String,
    pub(crate) meta: Meta,
    /// Whether it is made anew with what the server asked for (2026-07-28).
    pub(crate) input: Option<Input>,
    /// Whether it asks to be a task of 2025-11-25.
    pub(crate) is_old_task: bool,
}

/// What a client adds when it makes a call anew because the server asked for
/// something: texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) responses: Option<String>,
    pub(crate) state: Option<String>,
}

impl Call {
    /// Reads the `params` of a `tools/call`.
    pub(crate) fn read(params: Option<&str>) -> Result<Self, Refused> {
        let bad = |words: String| Refused::new(code::BAD_PARAMS, words);
        let params = Object::read(params.unwrap_or("{}"))
            .map_err(|why| bad(format!("the params of `tools/call` cannot be read: {why}")))?;
        let known = [
            "name",
            "arguments",
            "_meta",
            "task",
            "inputResponses",
            "requestState",
        ];
        if let Some(key) = params.keys().find(|key| !known.contains(key)) {
            return Err(bad(format!(
                "`tools/call` has no parameter {}",
                quoted(key)
            )));
        }
        let tool =
            (params.string("name")).ok_or_else(|| bad("`name` is missing or no string".into()))?;
        let arguments = params.get("arguments").unwrap_or("{}");
        Object::read(arguments)
            .map_err(|why| bad(format!("`arguments` is no object that can be read: {why}")))?;
        let own = |key| params.get(key).map(str::to_owned);
        let (responses, state) = (own("inputResponses"), own("requestState"));
        let again = responses.is_some() || state.is_some();
        Ok(Self {
            tool,
            arguments: arguments.to_owned(),
            meta: Meta::read(params.get("_meta")).map_err(bad)?,
            input: again.then_some(Input { responses, state }),
            is_old_task: params.get("task").is_some(),
        })
    }

    /// The `params` for the server.
    pub(crate) fn to_params(&self, meta: &Meta, input: Option<&Input>, as_task: bool) -> String {
        let mut params = Object::default();
        params.set("name", quoted(&self.tool));
        params.set("arguments", self.arguments.as_str());
        if let Some(meta) = meta.for_call() {
            params.set("_meta", meta);
        }
        let input = input.cloned().unwrap_or_default();
        if let Some(responses) = input.responses {
            params.set("inputResponses", responses);
        }
        if let Some(state) = input.state {
            params.set("requestState", state);
        }
        if as_task {
            params.set("task", "{}");
        }
        params.to_text()
    }
}

/// What stands in `_meta` and concerns the protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    text: Option<String>,
    /// The text of `progressToken`.
    pub(crate) progress: Option<String>,
    /// Whether the request speaks for itself, without a session: since
    /// 2026-07-28 each has its version in `_meta`.
    pub(crate) is_stateless: bool,
    /// Whether the client takes a task for an answer.
    pub(crate) takes_tasks: bool,
    /// Whether the client can point its user to an address.
    pub(crate) takes_links: bool,
}

/// Whether a client of these capabilities can point its user to an address.
pub(crate) fn takes_links(capabilities: &Object<'_>) -> bool {
    let elicitation = capabilities.object("elicitation");
    elicitation.is_some_and(|elicitation| elicitation.object("url").is_some())
}

impl Meta {
    pub(crate) fn read(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        let meta = Object::read(text).map_err(|why| format!("`_meta` cannot be read: {why}"))?;
        let extensions = |capabilities: Object<'_>| {
            let extensions = capabilities.object("extensions")?;
            extensions.object(TASKS).map(drop)
        };
        Ok(Self {
            progress: meta.get("progressToken").map(str::to_owned),
            is_stateless: meta.get(VERSION).is_some(),
            takes_tasks: meta.object(CAPABILITIES).and_then(extensions).is_some(),
            takes_links: meta.object(CAPABILITIES).as_ref().is_some_and(takes_links),
            text: Some(text.to_owned()),
        })
    }

    /// What the server gets with a call. It is not told that the client takes
    /// tasks, so that its answer is the outcome.
    fn for_call(&self) -> Option<String> {
        let mut meta = self.known()?;
        if let Some(mut capabilities) = meta.object(CAPABILITIES)
            && let Some(mut extensions) = capabilities.object("extensions")
            && extensions.get(TASKS).is_some()
        {
            extensions.retain(|key| key != TASKS);
            let extensions = extensions.to_text();
            capabilities.set("extensions", extensions);
            let capabilities = capabilities.to_text();
            meta.set(CAPABILITIES, capabilities);
        }
        (!meta.is_empty()).then(|| meta.to_text())
    }

    /// What a request of the proxy's own takes from it.
    pub(crate) fn for_own_request(&self) -> Option<String> {
        let mut meta = self.known().filter(|_| self.is_stateless)?;
        meta.retain(|key| key != "progressToken");
        Some(meta.to_text())
    }

    fn known(&self) -> Option<Object<'static>> {
        let text = self.text.as_deref()?;
        let meta = Object::read(text).ok()?;
        let mut kept = Object::default();
        for key in META {
            if let Some(value) = meta.get(key) {
                kept.set(key, value.to_owned());
            }
        }
        Some(kept)
    }

    /// Names of members that are not passed on.
    pub(crate) fn dropped(&self) -> Vec<String> {
        let Some(meta) = self
            .text
            .as_deref()
            .and_then(|text| Object::read(text).ok())
        else {
            return Vec::new();
        };
        let dropped = meta.keys().filter(|key| !META.contains(key));
        dropped.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_arguments_are_passed_on_as_they_stand() {
        let arguments = r#"{"n":1.50e1,"s":"\u00e9" , "big":9007199254740993}"#;
        let params = format!(
            r#"{{"name":"t","arguments":{arguments},"_meta":{{"progressToken":7,"vendor/x":1}}}}"#
        );
        let call = Call::read(Some(&params)).unwrap();
        assert_eq!(call.arguments, arguments);
        assert_eq!(
            call.to_params(&call.meta, None, false),
            format!(r#"{{"name":"t","arguments":{arguments},"_meta":{{"progressToken":7}}}}"#)
        );
        assert_eq!(call.meta.dropped(), ["vendor/x"]);
        let bare = Call::read(Some(r#"{"name":"t"}"#)).unwrap();
        assert_eq!(
            bare.to_params(&bare.meta, None, false),
            r#"{"name":"t","arguments":{}}"#
        );
    }

    #[test]
    fn a_server_is_not_told_of_tasks() {
        let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{},"x/y":{}}}}"#;
        let meta = Meta::read(Some(meta)).unwrap();
        assert!(meta.takes_tasks && meta.is_stateless);
        assert_eq!(
            meta.for_call().unwrap(),
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{},"extensions":{"x/y":{}}}}"#
        );
    }

    #[test]
    fn a_call_that_could_be_read_in_two_ways_is_refused() {
        for (params, words) in [
            (r#"{"name":"read","Name":"write"}"#, "no parameter"),
            (r#"{"name":"read","name":"write"}"#, "twice"),
            (r#"{"name":"t","arguments":{"a":1,"a":2}}"#, "twice"),
            (r#"{"name":"t","arguments":[1]}"#, "no object"),
            (r#"{"name":1}"#, "`name`"),
            (r#"["t"]"#, "cannot be read"),
        ] {
            let refused = Call::read(Some(params)).unwrap_err();
            assert!(refused.words.contains(words), "{params}: {refused}");
        }
    }
}
