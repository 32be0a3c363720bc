//! `terraform show -json` of a saved plan, with sensitive values hidden.
//!
//! Format: <https://developer.hashicorp.com/terraform/internals/json-format>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use vidimus_protocol::action::{MAX_JSON_TEXT, OutputChange, ResourceChange};

use super::Facts;
use crate::out::visible;

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
    complete: Option<bool>,
    #[serde(default)]
    deferred_changes: Vec<Value>,
    #[serde(default)]
    action_invocations: Vec<Value>,
    #[serde(default)]
    deferred_action_invocations: Vec<Value>,
    #[serde(default)]
    configuration: Configuration,
}

#[derive(Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    root_module: Module,
}

#[derive(Default, Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Configured>,
    #[serde(default)]
    module_calls: BTreeMap<String, Call>,
}

#[derive(Deserialize)]
struct Configured {
    #[serde(default)]
    address: String,
    #[serde(default)]
    provisioners: Vec<Value>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    module: Module,
}

#[derive(Deserialize)]
struct Resource {
    address: String,
    previous_address: Option<String>,
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
    importing: Option<Value>,
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
    if plan.errored || plan.complete == Some(false) || !plan.deferred_changes.is_empty() {
        return Err("the plan is not whole: planning failed, or it leaves changes out (`-target`, or deferred ones)".into());
    }
    let runs = |what: &str| {
        Err(format!(
            "{what} what it does is not in the plan, so it cannot be shown: hold it as a plain command with `--plain`"
        ))
    };
    if !plan.action_invocations.is_empty() || !plan.deferred_action_invocations.is_empty() {
        return runs("the plan invokes actions, and");
    }
    if let Some(address) = plan.configuration.root_module.provisioned() {
        return runs(&format!("`{}` has a provisioner, and", visible(address)));
    }
    let changes = plan.resource_changes.into_iter().filter(Resource::changes);
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

impl Module {
    /// A resource that runs programs beside what the plan says of it.
    fn provisioned(&self) -> Option<&str> {
        let mut own = self.resources.iter();
        let own = own.find(|one| !one.provisioners.is_empty());
        own.map(|one| one.address.as_str()).or_else(|| {
            let mut calls = self.module_calls.values();
            calls.find_map(|call| call.module.provisioned())
        })
    }
}

impl Resource {
    fn moved(&self) -> bool {
        self.previous_address
            .as_ref()
            .is_some_and(|previous| *previous != self.address)
    }

    fn changes(&self) -> bool {
        self.change.actions != ["no-op"] || self.change.importing.is_some() || self.moved()
    }

    /// What the plan does with it. That it becomes another's, or was nobody's,
    /// stands in the plan beside its actions.
    fn actions(&self) -> Vec<String> {
        let beside = [
            (self.change.importing.is_some(), "import"),
            (self.moved(), "move"),
        ];
        let beside = beside
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| (*name).to_owned());
        let actions = self.change.actions.iter().filter(|one| *one != "no-op");
        beside.chain(actions.cloned()).collect()
    }
}

fn resource(resource: Resource) -> Result<ResourceChange, String> {
    let actions = resource.actions();
    let Sides {
        before,
        after,
        unknown,
    } = resource.change.sides()?;
    Ok(ResourceChange {
        actions,
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
        // What is sensitive on one side shows on neither.
        let marks = [&self.before_sensitive, &self.after_sensitive];
        let before = hide(&self.before, &self.after, marks, HIDDEN);
        let after = hide(&self.after, &self.before, marks, HIDDEN_CHANGED);
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
        return Err("a resource of the plan is longer than 256 KiB, too long to be shown: hold it as a plain command with `--plain`".into());
    }
    Ok(Some(text))
}

/// A value without what is sensitive in it: a mark is `true` in its place.
/// Whatever has another shape than it should is hidden whole. `changed` stands
/// for a value that is another one on the other side.
fn hide(value: &Value, other: &Value, marks: [&Value; 2], changed: &str) -> Value {
    let [one, two] = marks.map(|mark| Some(mark).filter(|mark| is_set(mark)));
    let shaped = |shape: fn(&Value) -> bool| one.into_iter().chain(two).all(shape);
    match value {
        Value::Null => Value::Null,
        value if one.or(two).is_none() => value.clone(),
        Value::Object(members) if shaped(Value::is_object) => {
            let hidden = |(name, value): (&String, &Value)| {
                let marks = [one, two].map(|mark| &mark.unwrap_or(&Value::Null)[name]);
                (name.clone(), hide(value, &other[name], marks, changed))
            };
            members.iter().map(hidden).collect()
        }
        // Members that move along a list would leave their marks behind.
        Value::Array(members)
            if shaped(Value::is_array)
                && other
                    .as_array()
                    .is_none_or(|other| other.len() == members.len()) =>
        {
            let hidden = |(at, value): (usize, &Value)| {
                let marks = [one, two].map(|mark| &mark.unwrap_or(&Value::Null)[at]);
                hide(value, &other[at], marks, changed)
            };
            members.iter().enumerate().map(hidden).collect()
        }
        value if other.is_null() || other == value => Value::from(HIDDEN),
        _ => Value::from(changed),
    }
}

fn is_set(mark: &Value) -> bool {
    match mark {
        Value::Null | Value::Bool(false) => false,
        Value::Object(marks) => marks.values().any(is_set),
        Value::Array(marks) => marks.iter().any(is_set),
        _ => true,
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
    fn what_is_sensitive_on_one_side_shows_on_neither() {
        let sides = |before: Value, after: Value, was: Value, is: Value| {
            let change: Change = serde_json::from_value(json!({
                "actions": ["update"], "before": before, "after": after,
                "before_sensitive": was, "after_sensitive": is,
            }))
            .unwrap();
            let Sides { before, after, .. } = change.sides().unwrap();
            let parse =
                |text: Option<String>| serde_json::from_str::<Value>(&text.unwrap()).unwrap();
            [parse(before), parse(after)]
        };
        let hidden = json!({"a": HIDDEN});
        let value = json!({"a": "hunter2"});
        for (was, is) in [
            (json!({}), json!({"a": true})),
            (json!({"a": true}), json!(false)),
            (json!(false), json!({"a": true})),
        ] {
            let sides = sides(value.clone(), value.clone(), was, is);
            assert_eq!(sides, [hidden.clone(), hidden.clone()]);
        }
        // `s` moves along, and its mark with it.
        let moved = sides(
            json!(["s"]),
            json!(["x", "s"]),
            json!([]),
            json!([false, true]),
        );
        assert!(!json!(moved).to_string().contains("\"s\""), "{moved:?}");
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
                {"address": "m", "previous_address": "n", "change": {"actions": ["no-op"]}},
                {"address": "i", "change": {"actions": ["update"], "importing": {"id": "7"}}},
                {"address": "b", "change": {"actions": ["create"], "before": null, "after": {"x": 1}}},
            ],
            "output_changes": {
                "o": {"actions": ["create"], "before": null, "after": "secret", "after_sensitive": true},
                "p": {"actions": ["no-op"]},
            },
        }))
        .unwrap();
        let changes: Vec<_> = facts
            .changes
            .iter()
            .map(|one| one.actions.join(" "))
            .collect();
        assert_eq!(changes, ["move", "import update", "create"]);
        assert_eq!(facts.changes[2].before, None);
        assert_eq!(
            facts.outputs[0].after.as_deref(),
            Some("\"(sensitive value)\"")
        );
        assert_eq!(facts.outputs.len(), 1);
        let provisioned = json!({"resources": [
            {"address": "p.q"},
            {"address": "r.s", "provisioners": [{"type": "local-exec"}]},
        ]});
        for (members, words) in [
            (json!({"errored": true}), "not whole"),
            (json!({"complete": false}), "not whole"),
            (json!({"deferred_changes": [{}]}), "not whole"),
            (json!({"action_invocations": [{}]}), "--plain"),
            (json!({"deferred_action_invocations": [{}]}), "--plain"),
            (
                json!({"configuration": {"root_module": provisioned.clone()}}),
                "`r.s` has",
            ),
            (
                json!({"configuration": {"root_module": {"module_calls": {"m": {"module": provisioned}}}}}),
                "`r.s` has",
            ),
            (json!({"format_version": "2.0"}), "2.0"),
        ] {
            let why = plan(members).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
        assert!(plan(json!({"complete": true})).is_ok());
    }
}
