//! The shape of what a standing grant covers: an action that was seen, with the
//! places at which another may differ from it.
//!
//! Nothing is free by itself: a place names a string of the action, and what
//! may stand there. Programs, files, environment and target are never free.
//! Spec: `docs/spec/grants.md`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{Action, ActionKind, Payload};
use crate::strict::{self, StrictError};

/// Content type of a `shape` part.
pub const SHAPE_TYPE: &str = "application/vidimus-shape+json";
/// Most bytes of a `shape` part.
pub const MAX_SHAPE: usize = 16 << 10;
/// Most places that may differ.
pub const MAX_PLACES: usize = 16;
/// Most values that one place may have.
pub const MAX_VALUES: usize = 64;
/// Longest word that a place may take, in bytes.
pub const MAX_WORD: u64 = 64;

/// What may differ: RFC 8785 JSON. Without a place: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// The places, sorted, each once.
    pub free: Vec<Place>,
}

/// One string of the action that may differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Where it stands: an RFC 6901 pointer into the action.
    pub at: String,
    /// What may stand there.
    pub may: May,
}

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum May {
    /// One of these, sorted, each once.
    OneOf(Vec<String>),
    /// A word of letters, digits, `.`, `_` and `-` that begins with a letter or
    /// digit, of at most that many bytes.
    Word(u64),
}

/// Why a shape is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Not strict canonical JSON of this form.
    #[error(transparent)]
    Strict(#[from] StrictError),
    /// Too many places or values, or not sorted.
    #[error("the places that may differ are at most {MAX_PLACES}, sorted, each once")]
    Places,
    /// What may stand at a place cannot be.
    #[error(
        "`{0}` may be one of 1 to {MAX_VALUES} values, sorted, each once, or a word of 1 to {MAX_WORD} bytes"
    )]
    Values(String),
    /// An action that binds secrets: their commitments are others each time.
    #[error("it binds a secret that is not shown: no two proposals of it are alike")]
    Secret,
    /// A place that is never free, or that the action has no string at.
    #[error("`{0}` is no place that may differ: an argument of the action that is text")]
    NotFree(String),
}

impl Shape {
    /// Reads the content of a `shape` part.
    ///
    /// # Errors
    /// [`ShapeError`], whatever action it is for.
    pub fn parse(bytes: &[u8]) -> Result<Self, ShapeError> {
        let shape: Self = strict::parse_canonical(bytes, MAX_SHAPE)?;
        let sorted = shape.free.is_sorted_by(|one, next| one.at < next.at);
        if shape.free.len() > MAX_PLACES || !sorted {
            return Err(ShapeError::Places);
        }
        for Place { at, may } in &shape.free {
            let fit = match may {
                May::OneOf(values) => {
                    (1..=MAX_VALUES).contains(&values.len())
                        && values.is_sorted_by(|one, next| one < next)
                }
                May::Word(most) => (1..=MAX_WORD).contains(most),
            };
            if !fit {
                return Err(ShapeError::Values(at.clone()));
            }
        }
        Ok(shape)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        strict::canonical(self)
    }

    /// Whether a grant over `like` can have this shape.
    ///
    /// # Errors
    /// [`ShapeError::NotFree`] names the first place that cannot differ;
    /// [`ShapeError::Secret`] when no other action can be like this one.
    pub fn check(&self, like: &Action) -> Result<(), ShapeError> {
        if binds_secrets(like) {
            return Err(ShapeError::Secret);
        }
        let value = value_of(like, !self.free.is_empty());
        for Place { at, .. } in &self.free {
            let text = value.as_ref().and_then(|value| value.pointer(at));
            if !may_be_free(like, at) || !text.is_some_and(Value::is_string) {
                return Err(ShapeError::NotFree(at.clone()));
            }
        }
        Ok(())
    }

    /// The places of an action that may differ, each with what stands there, in
    /// order; at most `most` of them.
    #[must_use]
    pub fn places_of(like: &Action, most: usize) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let value = value_of(like, true).filter(|_| !binds_secrets(like));
        let mut open = vec![(String::new(), value.as_ref())];
        while let Some((at, value)) = open.pop() {
            match value {
                _ if found.len() >= most => break,
                Some(Value::String(text)) if may_be_free(like, &at) => {
                    found.push((at, text.clone()));
                }
                Some(Value::Array(values)) => {
                    let values = values.iter().enumerate().rev();
                    open.extend(
                        values.map(|(index, value)| (format!("{at}/{index}"), Some(value))),
                    );
                }
                Some(Value::Object(members)) => {
                    let members = members.iter().rev();
                    open.extend(members.map(|(name, value)| {
                        let name = name.replace('~', "~0").replace('/', "~1");
                        (format!("{at}/{name}"), Some(value))
                    }));
                }
                _ => {}
            }
        }
        found
    }

    /// Whether a grant over `like` covers `action`: the same but for what stands
    /// at the places that may differ, and there only what may.
    #[must_use]
    pub fn covers(&self, like: &Action, action: &Action) -> bool {
        if self.check(like).is_err() {
            return false;
        }
        let opened = !self.free.is_empty();
        let (Some(like), Some(mut value)) = (value_of(like, opened), value_of(action, opened))
        else {
            return false;
        };
        for Place { at, may } in &self.free {
            let (Some(seen), Some(found)) = (like.pointer(at), value.pointer_mut(at)) else {
                return false;
            };
            if found != seen && !found.as_str().is_some_and(|text| may.be(text)) {
                return false;
            }
            *found = seen.clone();
        }
        value == like
    }
}

/// An action as JSON. `opened`, since places may differ, the arguments of a tool
/// are no longer text; `None` where two readers might read other numbers in it.
fn value_of(action: &Action, opened: bool) -> Option<Value> {
    let mut value = serde_json::to_value(action).ok()?;
    if let Payload::McpToolCall(call) = &action.payload
        && opened
    {
        let arguments = call.arguments.as_bytes();
        let read = strict::parse::<Value>(arguments, arguments.len()).ok()?;
        *value.pointer_mut("/payload/arguments")? = read;
    }
    Some(value)
}

impl Place {
    /// What may stand there, in words.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{}: {}", self.at, self.may.words())
    }
}

impl May {
    /// What may stand there, in words; the values between quotes, as JSON.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::OneOf(values) => {
                let quoted = values.iter().map(|value| Value::from(value.as_str()));
                let quoted: Vec<_> = quoted.map(|value| value.to_string()).collect();
                format!("as it was, or one of {}", quoted.join(", "))
            }
            Self::Word(most) => {
                format!("as it was, or any word of at most {most} letters, digits, . _ -")
            }
        }
    }

    fn be(&self, text: &str) -> bool {
        match self {
            Self::OneOf(values) => values.iter().any(|value| value == text),
            Self::Word(most) => {
                let short = u64::try_from(text.len()).is_ok_and(|length| length <= *most);
                let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                short
                    && text
                        .as_bytes()
                        .first()
                        .is_some_and(u8::is_ascii_alphanumeric)
                    && text.bytes().all(inner)
            }
        }
    }
}

/// Where an action may differ at all: arguments, but never the program itself or
/// a file that is bound by its content, and what a `json` action says of the
/// change. A pointer is as RFC 6901 writes it: two never lead to one place.
fn may_be_free(action: &Action, at: &str) -> bool {
    let mut tildes = at.split('~').skip(1);
    if !tildes.all(|rest| rest.starts_with(['0', '1'])) {
        return false;
    }
    let names_a_file = |position: &str| {
        action.command().is_some_and(|command| {
            let files = command.files.iter().map(|file| file.argument);
            let script = command.script.iter().map(|script| script.argument);
            files.chain(script).any(|at| at.to_string() == position)
        })
    };
    match action.kind() {
        ActionKind::Command => at.strip_prefix("/payload/argv/").is_some_and(|position| {
            position != "0" && !position.contains('/') && !names_a_file(position)
        }),
        ActionKind::Json => ["/payload/after/", "/payload/before/"]
            .iter()
            .any(|member| at.starts_with(member)),
        ActionKind::McpToolCall => at.starts_with("/payload/arguments/"),
        ActionKind::FileChange
        | ActionKind::GitPush
        | ActionKind::Sql
        | ActionKind::TerraformPlan => false,
    }
}

fn binds_secrets(action: &Action) -> bool {
    let in_arguments = match &action.payload {
        Payload::McpToolCall(call) => !call.secrets.is_empty(),
        _ => false,
    };
    let mut env = action
        .command()
        .into_iter()
        .flat_map(|command| &command.env);
    in_arguments || env.any(|var| var.commit.is_some())
}

#[cfg(test)]
mod tests;
