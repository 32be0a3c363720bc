//! Every field of every entry, changed.

use super::*;

/// Facts that nobody signed and no rule fixes: a change shows at the next
/// entry that names this one, or in the checkpoint.
const FREE: &[(&str, &[&str])] = &[
    (
        "log.opened",
        &[
            "data.founders.0.credential_id",
            "data.founders.0.name",
            "data.founders.0.public_key",
            "data.founders.0.reviewer",
            "data.nonce",
            "data.origins.0",
            "time",
        ],
    ),
    ("credential.enrolled", &["data.client_data_json", "time"]),
    ("credential.admitted", &["time"]),
    ("credential.revoked", &["time"]),
    ("reviewer.registered", &["time"]),
    ("reviewer.changed", &["time"]),
    ("reviewer.removed", &["time"]),
    ("rules.changed", &["time"]),
    ("agent.registered", &["time"]),
    ("agent.revoked", &["time"]),
    ("agent.paused", &["time"]),
    ("agent.resumed", &["time"]),
    ("action.edited", &["time"]),
    ("verdict.recognised", &["time"]),
    (
        "action.proposed",
        &[
            "data.action",
            "data.evaluation",
            "data.expires_at",
            "parts",
            "time",
        ],
    ),
    ("verdict.given", &["time", "parts.0.size"]),
    ("action.resolved", &["time"]),
    ("permit.issued", &["data.expires_at", "data.permit", "time"]),
    ("permit.lapsed", &["time"]),
    ("permit.redeemed", &["time"]),
    (
        "action.completed",
        &[
            "data.duration_ms",
            "data.outcome",
            "data.output_omitted",
            "parts",
            "time",
        ],
    ),
];

/// Every string and number of every entry is changed, one at a time.
#[test]
fn each_changed_field_is_refused_and_its_entry_named() {
    let changes = changed_fields(&story()) + changed_fields(&team::story());
    assert!(changes > 1000, "{changes}");
}

fn changed_fields(story: &Story) -> u64 {
    let mut changes = 0;
    for (at, leaf) in story.leaves().iter().enumerate() {
        let value: Value = serde_json::from_slice(leaf).unwrap();
        let kind = value["kind"].as_str().unwrap().to_owned();
        let (_, free) = FREE.iter().find(|(known, _)| *known == kind).unwrap();
        let mut paths = Vec::new();
        scalars(&value, &mut Vec::new(), &mut paths);
        for path in paths {
            for other in others(at_path(&value, &path)) {
                let mut changed = value.clone();
                *path
                    .iter()
                    .fold(&mut changed, |value, step| step_mut(value, step)) = other;
                let mut leaves = story.leaves().to_vec();
                leaves[at] = strict::canonical(&changed);
                changes += 1;
                let path = path.join(".");
                let may_pass = free.iter().any(|free| path.starts_with(free));
                match replay(&leaves) {
                    Err((index, _)) if index == at as u64 => {}
                    Err((index, _)) if index > at as u64 && may_pass => {}
                    Ok(other) if may_pass && other.upgrade().is_none() => {
                        assert_ne!(other.tree().root(), story.tree().root());
                    }
                    Ok(other) if ["kind", "v"].contains(&path.as_str()) => {
                        assert_eq!(other.upgrade(), Some(at as u64));
                    }
                    other => panic!("{kind} {path}: {:?}", other.map(|_| "accepted")),
                }
            }
        }
    }
    changes
}

fn scalars(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let steps: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => return found.push(path.clone()),
    };
    for (step, value) in steps {
        path.push(step);
        scalars(value, path, found);
        path.pop();
    }
}

fn step_mut<'a>(value: &'a mut Value, step: &str) -> &'a mut Value {
    match value {
        Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
        other => &mut other[step],
    }
}

fn at_path<'a>(value: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(value, |value, step| match value {
        Value::Array(items) => &items[step.parse::<usize>().unwrap()],
        other => &other[step.as_str()],
    })
}

/// Other values of the same shape, where there is one.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(number) => vec![(number.as_u64().unwrap() + 1).into()],
        Value::Bool(value) => vec![(!value).into()],
        Value::String(text) if text.is_empty() => vec!["x".into()],
        Value::String(text) => [text.len() / 2, text.len().saturating_sub(2)]
            .into_iter()
            .filter_map(|at| {
                let mut bytes = text.clone().into_bytes();
                let byte = bytes.get_mut(at)?;
                *byte = if *byte == b'1' { b'2' } else { b'1' };
                Some(String::from_utf8(bytes).ok()?.into())
            })
            .collect(),
        other => panic!("no scalar: {other}"),
    }
}
