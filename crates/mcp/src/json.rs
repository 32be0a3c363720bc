//! JSON that keeps its text: an object is read one level deep, and what
//! nobody changes is written as it stood.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object: its members in order, each with the text of its value. A key
/// that stands twice is an error, since readers differ in which they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Object<'a>(Vec<(String, Cow<'a, str>)>);

impl<'a> Object<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The text of a member's value.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_ref())
    }

    /// A member that is a string.
    pub(crate) fn string(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.get(key)?).ok()
    }

    /// A member that is an object.
    pub(crate) fn object(&self, key: &str) -> Option<Object<'_>> {
        Object::read(self.get(key)?).ok()
    }

    /// Sets a member: in its place, or at the end.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Cow<'a, str>>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(key, _)| keep(key));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from("{");
        for (position, (key, value)) in self.0.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            text.push_str(&quoted(key));
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        text
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, Cow<'de, str>)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if members.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(format!("the key `{key}` stands twice")));
                    }
                    members.push((key, Cow::Borrowed(value.get())));
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A string as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The elements of an array, each as its text.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    let raw: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(raw.into_iter().map(RawValue::get).collect())
}

/// What some reader takes for the end of a line: Python's universal newlines
/// and `splitlines`, the `readline` of Node.
const ENDS: [char; 5] = ['\r', '\n', '\u{85}', '\u{2028}', '\u{2029}'];

/// The same message without anything that ends a line: a reader that splits
/// there would see messages that the proxy did not. Between tokens, where a
/// valid JSON text can have but the first two, they become blanks; within
/// strings, where it can have but the others, they are escaped.
pub(crate) fn one_line(text: String) -> String {
    if !text.contains(ENDS) {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\r' | '\n' => line.push(' '),
            '\u{85}' => line.push_str("\\u0085"),
            '\u{2028}' => line.push_str("\\u2028"),
            '\u{2029}' => line.push_str("\\u2029"),
            _ => line.push(character),
        }
    }
    line
}

/// Levels of a value that is compared.
const MAX_DEPTH: usize = 64;

/// The same value in one spelling: keys sorted, no blanks, numbers as they
/// stand. Two texts that say the same have the same. `None` for what is too
/// deep.
pub(crate) fn same_spelling(text: &str) -> Option<String> {
    spelling(text, MAX_DEPTH)
}

fn spelling(text: &str, depth: usize) -> Option<String> {
    let below = depth.checked_sub(1)?;
    let text = text.trim();
    match text.as_bytes().first()? {
        b'{' => {
            let mut members = Object::read(text).ok()?.0;
            members.sort_unstable_by(|(one, _), (next, _)| one.cmp(next));
            for (_, value) in &mut members {
                *value = Cow::Owned(spelling(value, below)?);
            }
            Some(Object(members).to_text())
        }
        b'[' => {
            let elements = elements(text)?;
            let each: Option<Vec<_>> = (elements.into_iter())
                .map(|element| spelling(element, below))
                .collect();
            Some(format!("[{}]", each?.join(",")))
        }
        b'"' => Some(quoted(&serde_json::from_str::<String>(text).ok()?)),
        _ => Some(text.to_owned()),
    }
}

/// Where the value stands that a JSON pointer (RFC 6901) leads to.
pub(crate) fn find(text: &str, pointer: &str) -> Option<Range<usize>> {
    let mut current = text;
    for token in pointer.strip_prefix('/')?.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        current = if current.trim_start().starts_with('[') {
            let plain = token == "0" || !token.starts_with(['0', '+']);
            let index: usize = token.parse().ok().filter(|_| plain)?;
            *elements(current)?.get(index)?
        } else {
            let members = Object::read(current).ok()?.0;
            let (_, value) = members.into_iter().find(|(key, _)| *key == token)?;
            match value {
                Cow::Borrowed(value) => value,
                Cow::Owned(_) => return None,
            }
        };
    }
    // What was read is a slice of what was given.
    let start = current.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    Some(start..start + current.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_nobody_changes_keeps_its_text() {
        let text = r#"{"b":1.0e+2,"a":{"x" : [1 ,2]},"é":"\u00e9"}"#;
        let mut object = Object::read(text).unwrap();
        assert_eq!(object.to_text(), text);
        object.set("a", "0");
        object.set("new", "[]");
        assert_eq!(
            object.to_text(),
            r#"{"b":1.0e+2,"a":0,"é":"\u00e9","new":[]}"#
        );
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_however_it_is_written() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(Object::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spelling_does_not_matter_and_everything_else_does() {
        let spelled = |text| same_spelling(text).unwrap();
        let one = r#"{ "b": [1, {"d":"\u00e9","c":null}], "a": 1.0 }"#;
        assert_eq!(spelled(one), r#"{"a":1.0,"b":[1,{"c":null,"d":"é"}]}"#);
        assert_ne!(spelled("9007199254740993"), spelled("9007199254740992"));
        assert_ne!(spelled("[1,2]"), spelled("[2,1]"));
    }

    #[test]
    fn what_is_too_deep_is_not_compared() {
        let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(same_spelling(&deep(MAX_DEPTH)).is_some());
        assert_eq!(same_spelling(&deep(MAX_DEPTH + 1)), None);
        assert_eq!(same_spelling(&deep(100_000)), None);
    }

    #[test]
    fn pointers_lead_to_the_very_bytes() {
        let text = r#"{"a": {"b/c": [10, "x~y" ]}, "": 1 }"#;
        let at = |pointer| find(text, pointer).map(|range| &text[range]);
        assert_eq!(at("/a/b~1c/1"), Some(r#""x~y""#));
        assert_eq!(at("/a/b~1c/0"), Some("10"));
        assert_eq!(at("/"), Some("1"));
        for wrong in ["a", "", "/b", "/a/b~1c/2", "/a/b~1c/01", "/a/b~1c/-"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_message_is_one_line_for_every_reader() {
        let text = "{\"a\":\r{\"b\":1}\n}".to_owned();
        assert_eq!(one_line(text), "{\"a\": {\"b\":1} }");
        let text = "{\"a\":\"1\u{2028}2\u{2029}3\u{85}4\"}".to_owned();
        assert_eq!(one_line(text), r#"{"a":"1\u20282\u20293\u00854"}"#);
    }
}
