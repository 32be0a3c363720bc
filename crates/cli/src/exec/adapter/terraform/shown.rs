//! `terraform show -json` of a saved plan, with sensitive values hidden.
//!
//! Format: <https://developer.hashicorp.com/terraform/internals/json-format>.

use serde::Deserialize;
use serde_json::{Map, Value};
use vidimus_protocol::action::{MAX_JSON_TEXT, OutputChange, ResourceChange};

use super::Facts;

/// What stands in place of a sensitive value.
const HIDDEN: &str = "(sensitive value)";
/// The same after, where it is another than before.
const HIDDEN_CHANGED: &str = "(sensitive value, changed)";

#[derive(Deserialize)]
struct Plan {
    format_version: String,
    terraform_version: String,
    #[serde(default)]
    resource_changes: Vec<Resource>,
    #[serde(default)]
    output_changes: Map<String, Value>,
    #[serde(default)]
    errored: bool,
}

#[derive(Deserialize)]
struct Resource {
    address: String,
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    after_unknown: Value,
    #[serde(default)]
    before_sensitive: Value,
    #[serde(default)]
    after_sensitive: Value,
}

/// Reads it.
pub(super) fn read(json: &str) -> Result<Facts, String> {
    let plan: Plan = serde_json::from_str(json)
        .map_err(|why| format!("what `terraform show -json` prints is not understood: {why}"))?;
    if !plan.format_version.starts_with("1.") {
        return Err(format!(
            "what `terraform show -json` prints has the format {}, and 1.x is understood",
            plan.format_version
        ));
    }
    if plan.errored {
        return Err("the plan is not whole: planning failed".into());
    }
    let changing =
        |one: &Resource| !matches!(one.change.actions.as_slice(), [only] if only == "no-op");
    let changes = plan.resource_changes.into_iter().filter(changing);
    let mut outputs = Vec::new();
    for (name, change) in plan.output_changes {
        let change: Change = serde_json::from_value(change)
            .map_err(|why| format!("the output `{name}` of the plan is not understood: {why}"))?;
        if change.actions != ["no-op"] {
            let sides = change.sides()?;
            outputs.push(OutputChange {
                actions: change.actions,
                after: sides.after,
                before: sides.before,
                name,
            });
        }
    }
    Ok(Facts {
        changes: changes.map(resource).collect::<Result<_, _>>()?,
        outputs,
        version: plan.terraform_version,
        made: None,
    })
}

fn resource(resource: Resource) -> Result<ResourceChange, String> {
    let Sides {
        before,
        after,
        unknown,
    } = resource.change.sides()?;
    Ok(ResourceChange {
        actions: resource.change.actions,
        address: resource.address,
        after,
        before,
        unknown,
    })
}

struct Sides {
    before: Option<String>,
    after: Option<String>,
    unknown: Option<String>,
}

impl Change {
    fn sides(&self) -> Result<Sides, String> {
        let before = hide(&self.before, &self.before_sensitive, None);
        let after = hide(&self.after, &self.after_sensitive, Some(&self.before));
        let unknown = unknown(&self.after_unknown);
        Ok(Sides {
            before: text(before)?,
            after: text(after)?,
            unknown: text(unknown)?,
        })
    }
}

/// `None` for what is not there.
fn text(value: Value) -> Result<Option<String>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value.to_string();
    if text.len() > MAX_JSON_TEXT {
        return Err("a resource of the plan is longer than 256 KiB, too long to be shown: plan a part of it with `-target`".into());
    }
    Ok(Some(text))
}

/// A value without what is sensitive in it: `sensitive` is `true` in its place.
/// Whatever has another shape than it should is hidden whole.
fn hide(value: &Value, sensitive: &Value, before: Option<&Value>) -> Value {
    match (value, sensitive) {
        (Value::Null, _) => Value::Null,
        (value, Value::Null | Value::Bool(false)) => value.clone(),
        (Value::Object(members), Value::Object(marks)) => members
            .iter()
            .map(|(name, value)| {
                let mark = marks.get(name).unwrap_or(&Value::Null);
                let before = before.map(|before| before.get(name).unwrap_or(&Value::Null));
                (name.clone(), hide(value, mark, before))
            })
            .collect(),
        (Value::Array(members), Value::Array(marks)) => members
            .iter()
            .enumerate()
            .map(|(at, value)| {
                let mark = marks.get(at).unwrap_or(&Value::Null);
                let before = before.map(|before| before.get(at).unwrap_or(&Value::Null));
                hide(value, mark, before)
            })
            .collect(),
        (value, _) => {
            let changed = before.is_some_and(|before| !before.is_null() && before != value);
            Value::from(if changed { HIDDEN_CHANGED } else { HIDDEN })
        }
    }
}

/// What is known only later; `null` where everything is known.
fn unknown(value: &Value) -> Value {
    match value {
        Value::Bool(true) => Value::Bool(true),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), unknown(value)));
            let members: Map<_, _> = members.filter(|(_, value)| !value.is_null()).collect();
            if members.is_empty() {
                Value::Null
            } else {
                Value::Object(members)
            }
        }
        Value::Array(members) => {
            let members: Vec<_> = members.iter().map(unknown).collect();
            if members.iter().all(Value::is_null) {
                Value::Null
            } else {
                Value::Array(members)
            }
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_sensitive_is_hidden_however_deep() {
        let change: Change = serde_json::from_value(json!({
            "actions": ["update"],
            "before": {"a": "old", "list": [1, "s"], "same": "s", "plain": 1, "odd": "x"},
            "after": {"a": "new", "list": [1, "s"], "same": "s", "plain": 2, "odd": "x"},
            "before_sensitive": {"a": true, "list": [false, true], "same": true, "odd": {"x": true}},
            "after_sensitive": {"a": true, "list": [false, true], "same": true, "odd": {"x": true}},
            "after_unknown": {"id": true, "b": {}, "c": [false, true]},
        }))
        .unwrap();
        let sides = change.sides().unwrap();
        let parse =
            |text: &Option<String>| serde_json::from_str::<Value>(text.as_ref().unwrap()).unwrap();
        assert_eq!(
            parse(&sides.before),
            json!({"a": HIDDEN, "list": [1, HIDDEN], "same": HIDDEN, "plain": 1, "odd": HIDDEN})
        );
        assert_eq!(
            parse(&sides.after),
            json!({"a": HIDDEN_CHANGED, "list": [1, HIDDEN], "same": HIDDEN, "plain": 2, "odd": HIDDEN})
        );
        assert_eq!(
            parse(&sides.unknown),
            json!({"id": true, "c": [null, true]})
        );
    }

    #[test]
    fn what_does_not_change_is_left_out_and_what_is_not_whole_is_refused() {
        let plan = |members: Value| {
            let mut plan = json!({"format_version": "1.2", "terraform_version": "1.11.4"});
            plan.as_object_mut()
                .unwrap()
                .extend(members.as_object().unwrap().clone());
            read(&plan.to_string())
        };
        let facts = plan(json!({
            "resource_changes": [
                {"address": "a", "change": {"actions": ["no-op"], "before": {}, "after": {}}},
                {"address": "b", "change": {"actions": ["create"], "before": null, "after": {"x": 1}}},
            ],
            "output_changes": {
                "o": {"actions": ["create"], "before": null, "after": "secret", "after_sensitive": true},
                "p": {"actions": ["no-op"]},
            },
        }))
        .unwrap();
        assert_eq!(facts.changes.len(), 1);
        assert_eq!(facts.changes[0].before, None);
        assert_eq!(
            facts.outputs[0].after.as_deref(),
            Some("\"(sensitive value)\"")
        );
        assert_eq!(facts.outputs.len(), 1);
        assert!(plan(json!({"errored": true})).is_err());
        assert!(plan(json!({"format_version": "2.0"})).is_err());
    }
}
