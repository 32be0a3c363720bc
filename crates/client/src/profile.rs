//! What an agent needs to ask for approval: whom it asks, as whom, and which
//! log it trusts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vidimus_protocol::strict::{self, StrictError};
use vidimus_protocol::{AgentId, Digest, ExecutorId};
use zeroize::{Zeroize as _, Zeroizing};

use crate::base_url::{BaseUrl, BaseUrlError};
use crate::gateway::{ClientError, Gateway};
use crate::private::{PrivateError, read_private, write_private};
use crate::token::Token;

/// Most bytes of a profile.
const MAX_PROFILE: usize = 65_536;

/// One agent's profile, a file of its own (0600).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentProfile {
    /// The agent.
    pub agent: AgentId,
    /// Audience of its permits.
    pub executor: ExecutorId,
    /// Log id.
    pub log: Digest,
    /// Its name.
    pub name: String,
    /// Certificate authorities (PEM) that the gateway's may be one of, beside
    /// the platform's.
    pub tls_ca: Option<PathBuf>,
    /// Its token.
    pub token: Token,
    /// The trust file that anchors its checks.
    pub trust: PathBuf,
    /// The gateway.
    pub url: BaseUrl,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// Not a profile.
    #[error("`{path}` is not an agent's profile: {why}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Written by a newer version.
    #[error("`{path}` is a profile of another version: upgrade Vidimus")]
    Newer {
        /// The file.
        path: String,
    },
    /// The gateway's URL.
    #[error(transparent)]
    Url(#[from] BaseUrlError),
    /// The trust file's path cannot be written in JSON.
    #[error("the trust file's path `{0}` is not absolute or not UTF-8")]
    TrustPath(String),
    /// The path of the authorities' file cannot be written in JSON.
    #[error("the path `{0}` of the file with certificate authorities is not absolute or not UTF-8")]
    CaPath(String),
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    agent: AgentId,
    executor: ExecutorId,
    log: Digest,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls_ca: Option<String>,
    token: String,
    trust: String,
    r#type: Mark,
    url: String,
    v: u64,
}

#[derive(Serialize, Deserialize)]
enum Mark {
    #[serde(rename = "vidimus-agent")]
    Agent,
}

impl Drop for Text {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

impl AgentProfile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`ProfileError`], also when other users can read the file.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let shown = || path.display().to_string();
        let malformed = |why: String| ProfileError::Malformed { path: shown(), why };
        let bytes = Zeroizing::new(read_private(path, MAX_PROFILE as u64)?);
        let json = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let text: Text = strict::parse_canonical(json, MAX_PROFILE)
            .map_err(|error: StrictError| malformed(error.to_string()))?;
        if text.v != 1 {
            return Err(ProfileError::Newer { path: shown() });
        }
        let trust = PathBuf::from(&text.trust);
        if !trust.is_absolute() {
            return Err(ProfileError::TrustPath(text.trust.clone()));
        }
        let tls_ca = text.tls_ca.as_ref().map(PathBuf::from);
        if let Some(path) = tls_ca.as_ref().filter(|path| !path.is_absolute()) {
            return Err(ProfileError::CaPath(path.display().to_string()));
        }
        Ok(Self {
            agent: text.agent,
            executor: text.executor,
            log: text.log,
            name: text.name.clone(),
            tls_ca,
            token: text
                .token
                .parse()
                .map_err(|error: crate::TokenError| malformed(error.to_string()))?,
            trust,
            url: text.url.parse()?,
        })
    }

    /// Writes the profile in place of any that stands there.
    ///
    /// # Errors
    /// [`ProfileError`]
    pub fn save(&self, path: &Path) -> Result<(), ProfileError> {
        let trust = text_of(&self.trust).map_err(ProfileError::TrustPath)?;
        let tls_ca = match &self.tls_ca {
            Some(path) => Some(text_of(path).map_err(ProfileError::CaPath)?.to_owned()),
            None => None,
        };
        let text = Text {
            agent: self.agent,
            executor: self.executor,
            log: self.log,
            name: self.name.clone(),
            tls_ca,
            token: self.token.expose().to_owned(),
            trust: trust.to_owned(),
            r#type: Mark::Agent,
            url: self.url.to_string(),
            v: 1,
        };
        let mut bytes = Zeroizing::new(strict::canonical(&text));
        bytes.push(b'\n');
        Ok(write_private(path, &bytes)?)
    }

    /// The way to the gateway, asked by the agent's token. Authorities in `ca`
    /// count instead of those that the profile names.
    ///
    /// # Errors
    /// [`ClientError::Tls`]
    pub fn gateway(&self, ca: Option<&Path>) -> Result<Gateway, ClientError> {
        let ca = ca.or(self.tls_ca.as_deref());
        Ok(Gateway::at(self.url.clone(), ca)?.with_token(&self.token))
    }
}

/// An absolute path as text, or how it looks.
fn text_of(path: &Path) -> Result<&str, String> {
    path.to_str()
        .filter(|_| path.is_absolute())
        .ok_or_else(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use vidimus_protocol::Blob;

    fn profile() -> AgentProfile {
        AgentProfile {
            agent: AgentId::from_random([1; 16]),
            executor: ExecutorId::from_random([2; 16]),
            log: Digest([3; 32]),
            name: "Claude Code".into(),
            tls_ca: None,
            token: Blob(vec![4; 32]).to_string().parse().unwrap(),
            trust: "/home/ada/trust.json".into(),
            url: "http://localhost:8478".parse().unwrap(),
        }
    }

    /// Saves the profile with one piece of its text changed, and loads it.
    fn loaded_with(from: &str, to: &str) -> Result<AgentProfile, ProfileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agents/a.json");
        profile().save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        write_private(&path, text.replace(from, to).as_bytes()).unwrap();
        AgentProfile::load(&path)
    }

    #[test]
    fn round_trip() {
        assert_eq!(loaded_with("\"v\":1", "\"v\":1").unwrap(), profile());
    }

    #[test]
    fn a_gateway_elsewhere_may_have_an_authority_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let mut remote = AgentProfile {
            tls_ca: Some("/etc/ssl/team.pem".into()),
            url: "https://gate.example.org:8443".parse().unwrap(),
            ..profile()
        };
        remote.save(&path).unwrap();
        assert_eq!(AgentProfile::load(&path).unwrap(), remote);
        remote.tls_ca = Some("team.pem".into());
        assert!(matches!(remote.save(&path), Err(ProfileError::CaPath(_))));
        assert!(matches!(
            loaded_with("\"token\"", "\"tls_ca\":\"team.pem\",\"token\""),
            Err(ProfileError::CaPath(_))
        ));
    }

    #[test]
    fn a_profile_that_others_can_read_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        profile().save(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = AgentProfile::load(&path).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn what_is_no_profile_of_this_version_is_refused() {
        assert!(matches!(
            loaded_with("\"v\":1", "\"v\":2"),
            Err(ProfileError::Newer { .. })
        ));
        for (from, to) in [
            ("\"v\":1", "\"v\":1,\"x\":1"),
            ("vidimus-agent", "vidimus-trust"),
            ("\"token\":\"BAQE", "\"token\":\""),
            ("\"v\":1", "\"v\": 1"),
        ] {
            assert!(
                matches!(loaded_with(from, to), Err(ProfileError::Malformed { .. })),
                "{to}"
            );
        }
        assert!(matches!(
            loaded_with("http://localhost", "http://example.org"),
            Err(ProfileError::Url(BaseUrlError::InClear(_)))
        ));
        assert!(matches!(
            loaded_with("/home/ada", "ada"),
            Err(ProfileError::TrustPath(_))
        ));
    }
}
