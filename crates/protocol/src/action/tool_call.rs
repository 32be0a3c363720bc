//! A call of an MCP tool, as the proxy passes it on.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::adapted::is_json_text;
use super::broken;
use crate::bytes::Digest;

/// What stands in `arguments` in place of a secret.
pub const SECRET_ARGUMENT: &str = "(bound, not shown)";

/// Most values of one call that are not shown.
pub const MAX_SECRETS: usize = 100;

/// One `tools/call`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The arguments: the text of a JSON object, passed on as it stands but for
    /// the secrets.
    pub arguments: String,
    /// The tool's definition, as the server gave it when it was pinned: JSON
    /// text.
    pub definition: String,
    /// Values in the arguments that are bound and not shown, sorted by pointer.
    pub secrets: Vec<SecretArgument>,
    /// The server: the command line or the URL that the proxy was given.
    pub server: String,
    /// The tool's name.
    pub tool: String,
}

/// A value that is bound, not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretArgument {
    /// Commitment to the value's JSON text ([`super::SECRET_TYPE`]); its salt
    /// stays with the executor.
    pub commit: Digest,
    /// Where it stands: a JSON pointer (RFC 6901). The text says
    /// [`SECRET_ARGUMENT`] there.
    pub pointer: String,
}

impl ToolCall {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let object = |text: &str| is_json_text(text) && text.starts_with('{');
        let arguments = serde_json::from_str::<Value>(&self.arguments).unwrap_or_default();
        let hides = |secret: &SecretArgument| {
            let value = arguments.pointer(&secret.pointer);
            value.and_then(Value::as_str) == Some(SECRET_ARGUMENT)
        };
        broken(&[
            (object(&self.arguments), "`arguments` is no JSON object"),
            (object(&self.definition), "`definition` is no JSON object"),
            (!self.tool.is_empty(), "`tool` is empty"),
            (
                self.secrets.len() <= MAX_SECRETS,
                "`secrets` names more than 100 values",
            ),
            (
                (self.secrets).is_sorted_by(|one, next| one.pointer < next.pointer),
                "`secrets` is not sorted by pointer, each once",
            ),
            (
                self.secrets.iter().all(hides),
                "`secrets` names a value that is not hidden",
            ),
        ])
    }
}
