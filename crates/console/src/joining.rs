//! The text that makes a console follow a gateway, handed over privately: where
//! it is, which log it must show, and who the person there is.
//!
//! Specification: `docs/spec/joining.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use vidimus_client::{BaseUrl, BaseUrlError};
use vidimus_protocol::id::ReviewerId;
use vidimus_protocol::strict::{self, StrictError};
use vidimus_protocol::{Blob, Digest};

/// What the text begins with.
const PREFIX: &str = "vidimus-joining:";
/// Most bytes of what is in it.
const MAX: usize = 32 << 10;
/// The format.
const VERSION: u64 = 1;

/// What stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joining {
    /// Certificates (PEM) of an own authority.
    pub(crate) authority: Option<String>,
    /// A bearer secret that makes a key; without it the person has one.
    pub(crate) invitation: Option<String>,
    /// Log id.
    pub(crate) log: Digest,
    /// Who the person is in that log.
    pub(crate) reviewer: ReviewerId,
    pub(crate) url: BaseUrl,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invitation: Option<String>,
    log: Digest,
    reviewer: ReviewerId,
    url: String,
    v: u64,
}

/// Why a text is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoiningError {
    #[error("it does not begin with `{PREFIX}`")]
    Prefix,
    #[error("it is not whole: copy all of it")]
    NotWhole,
    #[error("it is damaged: {0}")]
    Damaged(#[from] StrictError),
    #[error("it is of another version: upgrade Vidimus")]
    Newer,
    #[error(transparent)]
    Url(#[from] BaseUrlError),
}

impl fmt::Display for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Text {
            authority: self.authority.clone(),
            invitation: self.invitation.clone(),
            log: self.log,
            reviewer: self.reviewer,
            url: self.url.to_string(),
            v: VERSION,
        };
        write!(f, "{PREFIX}{}", Blob(strict::canonical(&text)))
    }
}

impl FromStr for Joining {
    type Err = JoiningError;

    /// Blanks and line ends that a mail has put in are passed over.
    fn from_str(text: &str) -> Result<Self, JoiningError> {
        if text.len() > 2 * MAX {
            return Err(JoiningError::NotWhole);
        }
        let text: String = text.split_whitespace().collect();
        let encoded = text.strip_prefix(PREFIX).ok_or(JoiningError::Prefix)?;
        let bytes: Blob = encoded.parse().map_err(|_| JoiningError::NotWhole)?;
        #[derive(Deserialize)]
        struct Version {
            v: u64,
        }
        if let Ok(Version { v }) = serde_json::from_slice(&bytes.0)
            && v != VERSION
        {
            return Err(JoiningError::Newer);
        }
        let text: Text = strict::parse_canonical(&bytes.0, MAX)?;
        Ok(Self {
            authority: text.authority,
            invitation: text.invitation,
            log: text.log,
            reviewer: text.reviewer,
            url: text.url.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn joining() -> Joining {
        Joining {
            authority: None,
            invitation: Some("secret".into()),
            log: Digest([7; 32]),
            reviewer: ReviewerId::from_random([1; 16]),
            url: "https://gate.example".parse().unwrap(),
        }
    }

    fn encoded(json: &str) -> String {
        format!("{PREFIX}{}", Blob(json.as_bytes().to_vec()))
    }

    #[test]
    fn it_comes_back_however_a_mail_wrapped_it() {
        for joining in [
            joining(),
            Joining {
                authority: Some("-----BEGIN CERTIFICATE-----\n".into()),
                invitation: None,
                ..joining()
            },
        ] {
            let text = joining.to_string();
            assert_eq!(text.parse::<Joining>().unwrap(), joining);
            let (front, back) = text.split_at(30);
            let wrapped = format!("  {front}\r\n{back}\n");
            assert_eq!(wrapped.parse::<Joining>().unwrap(), joining);
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let good = joining().to_string();
        let json = String::from_utf8(good[PREFIX.len()..].parse::<Blob>().unwrap().0).unwrap();
        let refused = |text: &str| text.parse::<Joining>().unwrap_err();
        assert!(matches!(refused(""), JoiningError::Prefix));
        assert!(matches!(
            refused("https://gate.example"),
            JoiningError::Prefix
        ));
        assert!(matches!(
            refused(&good[..good.len() - 1]),
            JoiningError::NotWhole | JoiningError::Damaged(_)
        ));
        assert!(matches!(
            refused(&encoded(&json.replace("\"v\":1", "\"v\":2,\"w\":1"))),
            JoiningError::Newer
        ));
        assert!(matches!(
            refused(&encoded(&json.replace("\"v\":1", "\"v\":1,\"w\":1"))),
            JoiningError::Damaged(_)
        ));
        // A token would go there in clear.
        assert!(matches!(
            refused(&encoded(&json.replace("https://", "http://"))),
            JoiningError::Url(_)
        ));
        assert!(matches!(
            refused(&"x".repeat(3 * MAX)),
            JoiningError::NotWhole
        ));
    }
}
