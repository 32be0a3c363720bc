//! The envelope of a message: who it is for and which one it answers.
//!
//! It is read strictly. Two readers of one text must not see two messages, or
//! a client's call could pass as something else, and a server's tools could be
//! others for the client than for the proxy: no key twice, no member that
//! JSON-RPC 2.0 does not have, nothing that is half a request and half an
//! answer, no batch.

use vidimus_executor::text::visible;

use crate::json::{Object, quoted};

/// The method that is governed.
pub(crate) const CALL: &str = "tools/call";

/// The id of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    /// An integer, as it is written.
    Number(String),
    /// A string.
    Text(String),
}

impl Id {
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.starts_with('"') {
            return serde_json::from_str(text).ok().map(Self::Text);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty()
            && digits.len() <= 20
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| Self::Number(text.to_owned()))
    }

    /// The id that an answer of the server's names: some write `1.0` for 1.
    fn of_answer(text: &str) -> Option<Self> {
        let whole = text
            .split_once('.')
            .filter(|(_, rest)| !rest.is_empty() && rest.bytes().all(|byte| byte == b'0'));
        match whole {
            Some((whole, _)) if !text.starts_with('"') => Self::read(whole),
            _ => Self::read(text),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Number(text) => text.clone(),
            Self::Text(text) => quoted(text),
        }
    }
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request {
        id: Id,
        method: String,
    },
    Notification {
        method: String,
    },
    Answer {
        id: Id,
    },
    /// An error without an id, from the server.
    Complaint,
}

/// A message: what it is, and its members.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: Kind,
    pub(crate) members: Object<'a>,
}

/// JSON-RPC's own codes of errors.
pub(crate) mod code {
    pub(crate) const NOT_JSON: i32 = -32_700;
    pub(crate) const NO_REQUEST: i32 = -32_600;
    pub(crate) const NO_METHOD: i32 = -32_601;
    pub(crate) const BAD_PARAMS: i32 = -32_602;
    pub(crate) const INTERNAL: i32 = -32_603;
    /// The server cannot be reached, or does not answer.
    pub(crate) const UNREACHABLE: i32 = -32_000;
}

/// Why a message of the client is not passed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub(crate) struct Refused {
    pub(crate) code: i32,
    pub(crate) words: String,
}

impl Refused {
    pub(crate) fn new(code: i32, words: impl Into<String>) -> Self {
        Self {
            code,
            words: words.into(),
        }
    }
}

impl<'a> Message<'a> {
    /// Reads what a client wrote.
    pub(crate) fn of_client(text: &'a str) -> Result<Self, Refused> {
        let no_request = |words: &str| Refused::new(code::NO_REQUEST, words);
        if text.trim_start().starts_with('[') {
            return Err(no_request(
                "Vidimus passes no batches on: send each message by itself",
            ));
        }
        let members = envelope(text)?;
        if members.get("id").is_some_and(|id| Id::read(id).is_none()) {
            return Err(no_request("an `id` is a string or an integer"));
        }
        let id = members.get("id").and_then(Id::read);
        let kind = kind(&members, id)
            .ok_or_else(|| no_request("a message has a `method`, or an `id` and a `result`"))?;
        if let Kind::Request { method, .. } | Kind::Notification { method } = &kind
            && is_near_call(method)
        {
            let words = format!(
                "Vidimus does not pass the method {} on: a server could take it for `tools/call`",
                quoted(method)
            );
            return Err(no_request(&words));
        }
        Ok(Self { kind, members })
    }

    /// Reads what a server wrote.
    pub(crate) fn of_server(text: &'a str) -> Result<Self, Refused> {
        let members = envelope(text)?;
        let is_answer = members.get("method").is_none();
        let read = if is_answer { Id::of_answer } else { Id::read };
        let id = members.get("id").and_then(read);
        let kind = match kind(&members, id) {
            Some(kind) => kind,
            // About a message that the server could not read.
            None if members.get("error").is_some() => Kind::Complaint,
            None => {
                let words = "it is neither a request nor an answer";
                return Err(Refused::new(code::NO_REQUEST, words));
            }
        };
        Ok(Self { kind, members })
    }

    pub(crate) fn params(&self) -> Option<&str> {
        self.members.get("params")
    }
}

/// The members of a message, if no reader can see others in it.
fn envelope(text: &str) -> Result<Object<'_>, Refused> {
    let no_request = |words: &str| Refused::new(code::NO_REQUEST, words);
    let members = Object::read(text).map_err(|why| {
        let why = visible(&why.to_string());
        Refused::new(
            code::NOT_JSON,
            format!("Vidimus cannot read this message: {why}"),
        )
    })?;
    let known = ["jsonrpc", "id", "method", "params", "result", "error"];
    if let Some(key) = members.keys().find(|key| !known.contains(key)) {
        let words = format!("JSON-RPC 2.0 has no member {}", visible(&quoted(key)));
        return Err(no_request(&words));
    }
    if members.string("jsonrpc").as_deref() != Some("2.0") {
        return Err(no_request("this is no message of JSON-RPC 2.0"));
    }
    let [method, result, error] =
        ["method", "result", "error"].map(|key| usize::from(members.get(key).is_some()));
    if method + result + error > 1 {
        return Err(no_request(
            "a message has one of `method`, `result` and `error`",
        ));
    }
    Ok(members)
}

fn kind(members: &Object<'_>, id: Option<Id>) -> Option<Kind> {
    match (members.get("method"), id) {
        (Some(_), Some(id)) => Some(Kind::Request {
            id,
            method: members.string("method")?,
        }),
        (Some(_), None) => Some(Kind::Notification {
            method: members.string("method")?,
        }),
        (None, Some(id)) => Some(Kind::Answer { id }),
        (None, None) => None,
    }
}

/// Whether a lenient server could read `tools/call` where this is another
/// method: in capitals, with blanks around it, or cut at a control character.
fn is_near_call(method: &str) -> bool {
    let letters = method.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    method != CALL && (letters == "toolscall" || method.contains(char::is_control))
}

/// A request.
pub(crate) fn request(id: &Id, method: &str, params: Option<&str>) -> String {
    let mut members = Object::default();
    members.set("jsonrpc", quoted("2.0"));
    members.set("id", id.to_text());
    members.set("method", quoted(method));
    if let Some(params) = params {
        members.set("params", params);
    }
    members.to_text()
}

/// A notification.
pub(crate) fn notification(method: &str, params: &serde_json::Value) -> String {
    serde_json::json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

/// The answer to a request: `member` is `result` or `error`.
pub(crate) fn answer(id: &Id, member: &str, value: &str) -> String {
    let mut members = Object::default();
    members.set("jsonrpc", quoted("2.0"));
    members.set("id", id.to_text());
    members.set(member, value);
    members.to_text()
}

/// An error; without an id when the request's own cannot be used.
pub(crate) fn error(id: Option<&Id>, refused: &Refused) -> String {
    let id = id.map_or_else(|| "null".to_owned(), Id::to_text);
    let error = serde_json::json!({"code": refused.code, "message": refused.words});
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_sort_of_message_is_told_apart() {
        let kind = |text| Message::of_client(text).unwrap().kind;
        assert_eq!(
            kind(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}"#),
            Kind::Request {
                id: Id::Number("7".into()),
                method: "tools/call".into()
            }
        );
        assert_eq!(
            kind(r#"{"jsonrpc":"2.0","method":"tools\/call"}"#),
            Kind::Notification {
                method: "tools/call".into()
            }
        );
        assert_eq!(
            kind(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#),
            Kind::Answer {
                id: Id::Text("a".into())
            }
        );
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for (text, words) in [
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, "batch"),
            (
                r#"{"jsonrpc":"2.0","method":"ping","method":"tools/call"}"#,
                "twice",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
                "no member",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{},"method":"tools/call"}"#,
                "one of",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call"}"#,
                "could take it",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":" tools/call"}"#,
                "could take it",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call\u0000x"}"#,
                "could take it",
            ),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"tools/call"}"#,
                "`id`",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1.0,"method":"tools/call"}"#,
                "`id`",
            ),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, "2.0"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":["tools/call"]}"#,
                "`method`",
            ),
            (
                r#"{"jsonrpc":"2.0","method":"ping"} {"method":"tools/call"}"#,
                "cannot read",
            ),
            (
                "\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}",
                "cannot read",
            ),
            ("nonsense", "cannot read"),
        ] {
            let refused = Message::of_client(text).unwrap_err();
            assert!(refused.words.contains(words), "{text}: {refused}");
        }
    }

    #[test]
    fn a_server_is_read_as_strictly() {
        let answer = r#"{"jsonrpc":"2.0","id":7.0,"result":{"x":1.0}}"#;
        let message = Message::of_server(answer).unwrap();
        let id = Id::Number("7".into());
        assert_eq!(message.kind, Kind::Answer { id });
        let complaint = r#"{"jsonrpc":"2.0","id":null,"error":{"code":1}}"#;
        assert_eq!(Message::of_server(complaint).unwrap().kind, Kind::Complaint);
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"Result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"ID":2,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
            r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#,
        ] {
            assert!(Message::of_server(text).is_err(), "{text}");
        }
    }
}
