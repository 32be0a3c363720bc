//! What a hook answers, in the host's own form.

use serde_json::json;

use crate::args::HookClient;
use crate::stop::code;

/// The answer to a call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: the host's own rules count.
    Pass,
    /// It runs, for this reason.
    Allow(String),
    /// It does not run, for this reason.
    Deny(String),
    /// The event itself makes no sense: the host's sign for *blocked*, which
    /// needs no event.
    Block(String),
    /// It has run; something is to be said to the person.
    Say(String),
}

/// What the process leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: u8,
}

impl Answer {
    /// As the host reads it.
    pub(crate) fn output(&self, client: HookClient) -> Output {
        match client {
            HookClient::Claude => self.to_claude(),
        }
    }

    fn to_claude(&self) -> Output {
        let decision = |decision: &str, reason: &str| {
            json!({"hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": decision,
                "permissionDecisionReason": format!("Vidimus: {reason}"),
            }})
            .to_string()
        };
        let (stdout, stderr) = match self {
            Self::Pass => (String::new(), String::new()),
            Self::Allow(reason) => (decision("allow", reason), String::new()),
            Self::Deny(reason) => (decision("deny", reason), String::new()),
            Self::Block(reason) => (String::new(), format!("Vidimus: {reason}")),
            Self::Say(words) => {
                let words = format!("Vidimus: {words}");
                (json!({ "systemMessage": words }).to_string(), String::new())
            }
        };
        let code = if matches!(self, Self::Block(_)) {
            code::USAGE
        } else {
            0
        };
        Output {
            stdout,
            stderr,
            code,
        }
    }
}
