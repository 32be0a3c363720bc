//! The envelope of a message: who it is for and which one it answers.
//!
//! From the client it is read strictly. Two readers of one text must not see
//! two messages, or a call could pass as something else: no key twice, no
//! member that JSON-RPC 2.0 does not have, nothing that is half a request and
//! half an answer, no batch.

use crate::json::{Object, quoted};

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
    Request { id: Id, method: String },
    Notification { method: String },
    Answer { id: Id },
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
        let members = Object::read(text).map_err(|why| {
            Refused::new(
                code::NOT_JSON,
                format!("Vidimus cannot read this message: {why}"),
            )
        })?;
        let known = ["jsonrpc", "id", "method", "params", "result", "error"];
        if let Some(key) = members.keys().find(|key| !known.contains(key)) {
            let words = format!("JSON-RPC 2.0 has no member {}", quoted(key));
            return Err(no_request(&words));
        }
        if members.string("jsonrpc").as_deref() != Some("2.0") {
            return Err(no_request("this is no message of JSON-RPC 2.0"));
        }
        let answers = members.get("result").is_some() || members.get("error").is_some();
        if members.get("method").is_some() && answers {
            return Err(no_request("a message cannot both ask and answer"));
        }
        if members.get("id").is_some_and(|id| Id::read(id).is_none()) {
            return Err(no_request("an `id` is a string or an integer"));
        }
        let kind = Self::kind(&members)
            .ok_or_else(|| no_request("a message has a `method`, or an `id` and a `result`"))?;
        Ok(Self { kind, members })
    }

    /// Reads what a server wrote; `None` for what concerns nobody here.
    pub(crate) fn of_server(text: &'a str) -> Option<Self> {
        let members = Object::read(text).ok()?;
        let kind = Self::kind(&members)?;
        Some(Self { kind, members })
    }

    fn kind(members: &Object<'_>) -> Option<Kind> {
        let id = members.get("id").and_then(Id::read);
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

    pub(crate) fn params(&self) -> Option<&str> {
        self.members.get("params")
    }
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
                "both",
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
}
