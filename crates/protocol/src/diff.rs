//! What differs between two actions, and between two JSON values.

use serde_json::Value;

use crate::action::{Action, Command, Payload, Stdin};

/// A difference between two actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs, for people.
    pub what: String,
    /// What stood there; `None` when nothing did.
    pub before: Option<String>,
    /// What stands there now; `None` when nothing does.
    pub after: Option<String>,
}

/// What an edit changed, in order.
#[must_use]
pub fn of_actions(before: &Action, after: &Action) -> Vec<Difference> {
    match (&before.payload, &after.payload) {
        (Payload::Command(was), Payload::Command(is)) => of_commands(was, is),
        (Payload::Json(was), Payload::Json(is)) => {
            let found = of_json(was.after.as_ref(), is.after.as_ref()).into_iter();
            let found = found.map(|(path, old, new)| Difference {
                what: if path.is_empty() {
                    "after".into()
                } else {
                    format!("after: {path}")
                },
                before: old.map(ToString::to_string),
                after: new.map(ToString::to_string),
            });
            found.collect()
        }
        // Of these nothing can be edited, so that any difference is a new action.
        (
            Payload::Command(_)
            | Payload::FileChange(_)
            | Payload::GitPush(_)
            | Payload::Json(_)
            | Payload::McpToolCall(_)
            | Payload::Sql(_)
            | Payload::TerraformPlan(_),
            _,
        ) => {
            let whole = (before.payload != after.payload).then(|| Difference {
                what: "the whole action".into(),
                before: Some(before.kind().as_str().into()),
                after: Some(after.kind().as_str().into()),
            });
            whole.into_iter().collect()
        }
    }
}

fn of_commands(was: &Command, is: &Command) -> Vec<Difference> {
    fn words(command: &Command) -> Vec<&str> {
        command.argv.iter().map(String::as_str).collect()
    }
    fn lines(command: &Command) -> Vec<&str> {
        match &command.stdin {
            Stdin::Bound(input) => {
                let text = input.text.as_deref().unwrap_or_default();
                text.split_inclusive('\n').collect()
            }
            Stdin::Null | Stdin::Inherited => Vec::new(),
        }
    }
    let mut found = of_lists("argument", 0, &words(was), &words(is));
    found.extend(of_lists("standard input, line", 1, &lines(was), &lines(is)));
    for (old, new) in was.env.iter().zip(&is.env) {
        if old.value != new.value {
            found.push(Difference {
                what: format!("variable {}", old.name),
                before: old.value.clone(),
                after: new.value.clone(),
            });
        }
    }
    found
}

/// What stands between the beginning and the end that two lists share.
fn of_lists(what: &str, first: usize, was: &[&str], is: &[&str]) -> Vec<Difference> {
    let shared = was
        .iter()
        .zip(is)
        .take_while(|(old, new)| old == new)
        .count();
    let (was, is) = (&was[shared..], &is[shared..]);
    let ends = was.iter().rev().zip(is.iter().rev());
    let tail = ends.take_while(|(old, new)| old == new).count();
    let (was, is) = (&was[..was.len() - tail], &is[..is.len() - tail]);
    let own = |text: &&str| (*text).to_owned();
    (0..was.len().max(is.len()))
        .map(|at| Difference {
            what: format!("{what} {}", first + shared + at),
            before: was.get(at).map(own),
            after: is.get(at).map(own),
        })
        .collect()
}

/// A key path, such as `rules[2].port`, with what stands there on either side.
pub type JsonDifference<'a> = (String, Option<&'a Value>, Option<&'a Value>);

/// The key paths that differ, in order.
#[must_use]
pub fn of_json<'a>(before: Option<&'a Value>, after: Option<&'a Value>) -> Vec<JsonDifference<'a>> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

/// Nesting is bounded by the strict reader.
fn compare<'a>(
    path: &str,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    found: &mut Vec<JsonDifference<'a>>,
) {
    match (before, after) {
        (None, None) => {}
        (Some(was), Some(is)) if was == is => {}
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            let mut keys: Vec<_> = was.keys().chain(is.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                compare(&member(path, key), was.get(key), is.get(key), found);
            }
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) => {
            for at in 0..was.len().max(is.len()) {
                compare(&format!("{path}[{at}]"), was.get(at), is.get(at), found);
            }
        }
        _ => found.push((path.to_owned(), before, after)),
    }
}

/// A key that could be read as something else is quoted.
fn member(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let key = if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}
