//! Arguments that are bound and not shown.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value;
use vidimus_executor::{Stop, random};
use vidimus_protocol::Digest;
use vidimus_protocol::action::{SECRET_ARGUMENT, SECRET_TYPE, SecretArgument};

use crate::json::{find, quoted};

/// Shorter values are not looked for in what a tool says: they would stand
/// everywhere.
const SHORTEST: usize = 4;

/// Where a secret stands: `TOOL:/json/pointer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlace {
    tool: String,
    pointer: String,
}

impl FromStr for SecretPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A tool's name may hold a colon, and a pointer begins with a slash.
        match text.find(":/") {
            Some(at) if at > 0 => Ok(Self {
                tool: text[..at].to_owned(),
                pointer: text[at + 1..].to_owned(),
            }),
            _ => Err("expected a tool and a JSON pointer, such as `login:/password`".into()),
        }
    }
}

/// Salts of the secrets of one call, by pointer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Salts(BTreeMap<String, Digest>);

/// The arguments as they are shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) arguments: String,
    pub(crate) secrets: Vec<SecretArgument>,
}

impl Salts {
    /// Salts for what is secret in a call of this tool.
    pub(crate) fn new(places: &[SecretPlace], tool: &str) -> Result<Self, Stop> {
        let mut salts = BTreeMap::new();
        for place in places.iter().filter(|place| place.tool == tool) {
            salts.insert(place.pointer.clone(), random::digest()?);
        }
        Ok(Self(salts))
    }

    /// Hides the secrets. Everything else stays byte for byte.
    pub(crate) fn hide(&self, arguments: &str) -> Result<Shown, Stop> {
        let mut shown = arguments.to_owned();
        let mut secrets = Vec::new();
        for (pointer, salt) in &self.0 {
            let Some(range) = find(&shown, pointer) else {
                continue;
            };
            let value = &shown.as_bytes()[range.clone()];
            let commit = vidimus_ledger::part::commit(&salt.0, SECRET_TYPE, value)
                .map(Digest)
                .map_err(Stop::internal)?;
            secrets.push(SecretArgument {
                commit,
                pointer: pointer.clone(),
            });
            shown.replace_range(range, &quoted(SECRET_ARGUMENT));
        }
        Ok(Shown {
            arguments: shown,
            secrets,
        })
    }

    /// The secrets of these arguments, as a tool could say them again.
    pub(crate) fn values(&self, arguments: &str) -> Vec<String> {
        let mut values = Vec::new();
        for pointer in self.0.keys() {
            let Some(range) = find(arguments, pointer) else {
                continue;
            };
            let text = &arguments[range];
            values.push(text.to_owned());
            if let Ok(value) = serde_json::from_str(text) {
                spellings(&value, &mut values);
            }
        }
        values.retain(|value| value.len() >= SHORTEST);
        values.sort_unstable_by(|one, next| next.len().cmp(&one.len()).then(one.cmp(next)));
        values.dedup();
        values
    }
}

/// How a tool could say a value: as it is, or in JSON, as some write it with
/// nothing but ASCII. Of an array or an object: each value in it.
fn spellings(value: &Value, said: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let json = quoted(text);
            let json = json[1..json.len() - 1].to_owned();
            let mut ascii = String::new();
            for character in json.chars() {
                if character.is_ascii() {
                    ascii.push(character);
                } else {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        ascii += &format!("\\u{unit:04x}");
                    }
                }
            }
            said.extend([text.clone(), json, ascii]);
        }
        Value::Array(values) => values.iter().for_each(|value| spellings(value, said)),
        Value::Object(members) => members.values().for_each(|value| spellings(value, said)),
        Value::Number(number) => said.push(number.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}

/// A text without these values.
pub(crate) fn masked(text: &str, values: &[String]) -> String {
    values.iter().fold(text.to_owned(), |text, value| {
        text.replace(value.as_str(), SECRET_ARGUMENT)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn salts(places: &[&str], tool: &str) -> Salts {
        let places: Vec<_> = places.iter().map(|place| place.parse().unwrap()).collect();
        Salts::new(&places, tool).unwrap()
    }

    #[test]
    fn a_secret_is_bound_and_everything_else_stays() {
        let arguments = r#"{"n":1.0e1, "auth":{"password" : "h\u00fcnter2","user":"ada"}}"#;
        let salts = salts(&["login:/auth/password", "login:/no", "other:/n"], "login");
        let shown = salts.hide(arguments).unwrap();
        assert_eq!(
            shown.arguments,
            r#"{"n":1.0e1, "auth":{"password" : "(bound, not shown)","user":"ada"}}"#
        );
        let [secret] = shown.secrets.as_slice() else {
            panic!("one secret");
        };
        assert_eq!(secret.pointer, "/auth/password");
        let salt = salts.0["/auth/password"];
        let commit =
            vidimus_ledger::part::commit(&salt.0, SECRET_TYPE, br#""h\u00fcnter2""#).unwrap();
        assert_eq!(secret.commit.0, commit);
        let said = masked("it was hünter2", &salts.values(arguments));
        assert_eq!(said, "it was (bound, not shown)");
    }

    #[test]
    fn what_a_tool_says_of_a_secret_is_hidden_however_it_is_spelled() {
        let arguments = r#"{"s":"a\"b\u00fc\ud83d\ude00","o":{"user":"ada1","n":[12345]}}"#;
        let values = salts(&["t:/s", "t:/o"], "t").values(arguments);
        for said in [
            "a\"b\u{fc}\u{1f600}",
            "a\\\"b\u{fc}\u{1f600}",
            r#"a\"b\u00fc\ud83d\ude00"#,
            "ada1",
            "12345",
        ] {
            assert_eq!(masked(said, &values), SECRET_ARGUMENT, "{said}");
        }
    }

    #[test]
    fn one_secret_inside_another_is_hidden_with_it() {
        let shown = salts(&["t:/a/b", "t:/a"], "t").hide(r#"{"a":{"b":1}}"#);
        let shown = shown.unwrap();
        assert_eq!(shown.arguments, r#"{"a":"(bound, not shown)"}"#);
        assert_eq!(shown.secrets.len(), 1);
    }

    #[test]
    fn places() {
        let place: SecretPlace = "ns:tool:/a/b".parse().unwrap();
        assert_eq!((&*place.tool, &*place.pointer), ("ns:tool", "/a/b"));
        for wrong in ["tool", "tool:", ":/a", "tool:a"] {
            assert!(wrong.parse::<SecretPlace>().is_err(), "{wrong}");
        }
    }
}
