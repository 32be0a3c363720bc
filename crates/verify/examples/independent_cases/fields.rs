//! Systematic changes: every field of a leaf or a part line, dropped, added to and replaced by what a
//! reader might take by mistake.

use serde_json::{Value, json};
use vidimus_protocol::{Blob, Time};

use crate::forge::{RAW, blob};

/// A change of one value: its name, and the value after it; `None` drops it.
pub(crate) type Change = (String, Option<Value>);

/// JSON pointers to every value below `value`, itself first.
pub(crate) fn places(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let below: Vec<(String, &Value)> = match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, item)| (name.clone(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (name, item) in below {
        found.extend(places(item).iter().map(|place| format!("/{name}{place}")));
    }
    found
}

/// Puts a value at a place, or drops what stands there.
pub(crate) fn put(value: &mut Value, place: &str, new: Option<Value>) {
    let Some((parent, name)) = place.rsplit_once('/') else {
        *value = new.unwrap_or(Value::Null);
        return;
    };
    match (value.pointer_mut(parent), new) {
        (Some(Value::Array(items)), new) => {
            let at: usize = name.parse().expect("a place in an array is a number");
            items.splice(at..=at, new);
        }
        (Some(Value::Object(members)), Some(new)) => {
            members.insert(name.into(), new);
        }
        (Some(Value::Object(members)), None) => {
            members.remove(name);
        }
        _ => unreachable!("a place has a parent"),
    }
}

/// Every change of one value. `others` are strings of the same log, which may stand here by mistake.
pub(crate) fn changes(value: &Value, others: &[String]) -> Vec<Change> {
    let mut found = vec![
        ("dropped".into(), None),
        ("null".into(), Some(Value::Null)),
        ("of another type".into(), Some(other_type(value))),
    ];
    let mut add = |name: &str, new: Value| found.push((name.into(), Some(new)));
    match value {
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("surplus".into(), json!(1));
            add("with a surplus member", Value::Object(more));
        }
        Value::Array(items) => {
            add(
                "with null in it",
                json!([items.as_slice(), &[Value::Null]].concat()),
            );
            if let Some(last) = items.last() {
                add(
                    "with its last twice",
                    json!([items.as_slice(), std::slice::from_ref(last)].concat()),
                );
                add("without its last", json!(items[..items.len() - 1]));
            }
            if items.len() > 1 {
                add("backwards", json!(items.iter().rev().collect::<Vec<_>>()));
            }
        }
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or(0);
            for other in [0, number + 1, number.saturating_sub(1), (1 << 53) - 1] {
                add(&format!("as {other}"), json!(other));
            }
            for raw in [
                "9007199254740992",
                "-1",
                "-0",
                "1.0",
                "1e0",
                "18446744073709551616",
            ] {
                add(&format!("as {raw}"), raw_json(raw));
            }
        }
        Value::String(text) => {
            for (name, new) in strings(text, others) {
                add(&name, json!(new));
            }
        }
        Value::Bool(_) | Value::Null => {}
    }
    found.retain(|(_, new)| new.as_ref() != Some(value));
    found
}

/// A value that is written without quotes.
pub(crate) fn raw_json(raw: &str) -> Value {
    json!(format!("{RAW}{raw}{RAW}"))
}

fn other_type(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(7),
        Value::Number(number) => json!(number.to_string()),
        Value::Array(_) => json!({}),
        _ => json!([]),
    }
}

fn strings(text: &str, others: &[String]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = vec![
        ("empty".into(), String::new()),
        ("longer".into(), format!("{text}0")),
        ("with a space".into(), format!("{text} ")),
        ("with a line feed".into(), format!("{text}\n")),
        ("in capitals".into(), text.to_uppercase()),
        ("without its end".into(), text.chars().skip(1).collect()),
    ];
    for at in [0, text.len().saturating_sub(1)] {
        if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
            let old = text.as_bytes().get(at).copied().unwrap_or(b'0');
            let new = if old == b'1' { '2' } else { '1' };
            let (before, after) = (&text[..at], text.get(at + 1..).unwrap_or(""));
            found.push((
                format!("with another character at {at}"),
                format!("{before}{new}{after}"),
            ));
        }
    }
    if let Ok(time) = text.parse::<Time>() {
        let moved =
            |ms: i64| Time::from_unix_ms(time.unix_ms().saturating_add_signed(ms)).to_string();
        for ms in [-3_600_000, -1_000, -1, 1, 1_000, 3_600_000] {
            found.push((format!("{ms} ms away"), moved(ms)));
        }
        for odd in [
            "2026-02-30T00:00:00.000Z",
            "2026-11-21T23:59:60.000Z",
            "1969-12-31T23:59:59.999Z",
        ] {
            found.push((format!("as {odd}"), odd.into()));
        }
    }
    if let Some(bytes) = blob(&json!(text)).filter(|bytes| bytes.len() > 12) {
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            found.push((
                format!("with another bit in byte {at}"),
                Blob(bytes).to_string(),
            ));
        }
        let mut longer = bytes;
        longer.push(0);
        found.push(("with a byte more".into(), Blob(longer).to_string()));
    }
    let same_form = |other: &&String| {
        let (other, text) = (other.as_bytes(), text.as_bytes());
        other.len() == text.len() && other.get(..4) == text.get(..4)
            || other.len() == 64 && text.len() == 64
    };
    let others = others.iter().filter(same_form).take(3);
    found.extend(others.map(|other| (format!("as {other}"), other.clone())));
    found
}
