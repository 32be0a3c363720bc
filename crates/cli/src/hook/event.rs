//! What a host tells a hook: a tool is about to be called, or was.
//!
//! Hosts add members from version to version, so unknown ones are let be;
//! those that are read must be there and of their type. The documents that
//! this follows stand in `crates/cli/tests/hosts`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use vidimus_protocol::strict;

use crate::hosts::Host;

/// What the input of a tool is called that takes plain text.
pub(crate) const TEXT: &str = "input";
/// Most bytes of an event.
pub(crate) const MAX: usize = 8 << 20;

/// One call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// The host's session.
    pub(crate) session: String,
    /// The working directory.
    pub(crate) cwd: PathBuf,
    /// The tool, by the host's name for it.
    pub(crate) tool: String,
    /// The host's name for this call, if it has one.
    pub(crate) call: Option<String>,
    /// What the tool gets.
    pub(crate) input: Map<String, Value>,
    pub(crate) moment: Moment,
}

/// When.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Moment {
    /// Before it runs.
    Before,
    /// It has run.
    After { response: Value, took: Duration },
    /// It has failed.
    Failed { why: String, took: Duration },
}

#[derive(Deserialize)]
struct Wire {
    session_id: String,
    cwd: PathBuf,
    hook_event_name: String,
    tool_name: String,
    tool_input: Value,
    tool_use_id: Option<String>,
    #[serde(default, alias = "tool_result")]
    tool_response: Value,
    #[serde(default)]
    error: String,
    #[serde(default)]
    duration_ms: f64,
}

impl Event {
    /// Reads what the host writes on standard input.
    pub(crate) fn parse(bytes: &[u8], host: &Host) -> Result<Self, String> {
        strict::check_text(bytes, MAX).map_err(|why| why.to_string())?;
        let wire: Wire = serde_json::from_slice(bytes).map_err(|why| why.to_string())?;
        let took = Duration::try_from_secs_f64(wire.duration_ms / 1000.0).unwrap_or_default();
        let moment = match &*wire.hook_event_name {
            "PreToolUse" => Moment::Before,
            "PostToolUse" => Moment::After {
                response: wire.tool_response,
                took,
            },
            "PostToolUseFailure" => Moment::Failed {
                why: wire.error,
                took,
            },
            other => return Err(format!("the event `{other}` is not known")),
        };
        if !wire.cwd.is_absolute() {
            return Err("`cwd` is not absolute".into());
        }
        let call = wire.tool_use_id;
        if wire.tool_name.is_empty() || wire.session_id.is_empty() || call.as_deref() == Some("") {
            return Err("a name or an id is empty".into());
        }
        if host.names_calls && call.is_none() {
            return Err("the call has no `tool_use_id`".into());
        }
        let input = match wire.tool_input {
            Value::Object(members) => members,
            // A tool that takes plain text, such as a patch.
            Value::String(text) => Map::from_iter([(TEXT.to_owned(), text.into())]),
            _ => return Err("`tool_input` is neither an object nor a text".into()),
        };
        Ok(Self {
            session: wire.session_id,
            cwd: wire.cwd,
            tool: wire.tool_name,
            call,
            input,
            moment,
        })
    }

    /// A text of the input.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.input.get(key)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::args::HookClient;

    const GOOD: &str = r#"{"session_id":"s","transcript_path":"/t","cwd":"/w","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls","timeout":1.5},"tool_use_id":"u"}"#;

    #[test]
    fn an_event_is_read_and_what_is_none_is_refused() {
        let claude = HookClient::Claude.host();
        let event = Event::parse(GOOD.as_bytes(), claude).unwrap();
        assert_eq!(event.moment, Moment::Before);
        assert_eq!(event.text("command"), Some("ls"));
        for (from, to) in [
            ("PreToolUse", "Stop"),
            ("\"/w\"", "\"w\""),
            ("\"session_id\":\"s\",", ""),
            ("\"s\"", "\"\""),
            ("{\"command\":\"ls\",\"timeout\":1.5}", "[]"),
            (
                "\"command\":\"ls\"",
                "\"command\":\"ls\",\"command\":\"rm\"",
            ),
            ("\"tool_name\":\"Bash\"", "\"tool_name\":7"),
            (",\"tool_use_id\":\"u\"", ""),
            ("\"u\"", "\"\""),
            ("}", ""),
        ] {
            assert!(GOOD.contains(from), "{from}");
            assert!(
                Event::parse(GOOD.replacen(from, to, 1).as_bytes(), claude).is_err(),
                "{to}"
            );
        }
    }
}
