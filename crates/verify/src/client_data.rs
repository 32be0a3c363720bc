//! Client data: what the browser says was asked (WebAuthn Level 3, section
//! 5.8.1). Members that this version does not know are allowed, since browsers
//! add some; a key that stands twice is not.

use serde::Deserialize;
use serde::de::IgnoredAny;
use vidimus_protocol::entry::LogOpened;
use vidimus_protocol::state::Route;
use vidimus_protocol::strict::{self, StrictError};

/// Most bytes of client data.
const MAX_CLIENT_DATA: usize = 4096;

/// Why client data is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientDataError {
    /// Not strict JSON with the members it must have.
    #[error("the client data is malformed: {0}")]
    Text(#[from] StrictError),
    /// Made for another challenge.
    #[error("the client data holds another challenge")]
    Challenge,
    /// Made by another kind of ceremony.
    #[error("the client data is of type `{0}`")]
    Type(String),
    /// Made on another page.
    #[error("the client data comes from the origin `{0}`, which does not count")]
    Origin(String),
    /// Made in a frame of another site.
    #[error("the client data was made in a frame of another origin")]
    CrossOrigin,
}

#[derive(Deserialize)]
pub(crate) struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
    #[serde(rename = "topOrigin", default, deserialize_with = "is_there")]
    has_top_origin: bool,
}

/// A member that is there, whatever its value: `null` too.
fn is_there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl ClientData {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ClientDataError> {
        Ok(strict::parse(bytes, MAX_CLIENT_DATA)?)
    }

    pub(crate) fn expect_challenge(&self, challenge: &str) -> Result<(), ClientDataError> {
        if self.challenge == challenge {
            Ok(())
        } else {
            Err(ClientDataError::Challenge)
        }
    }

    pub(crate) fn expect_type(&self, expected: &str) -> Result<(), ClientDataError> {
        if self.r#type == expected {
            Ok(())
        } else {
            Err(ClientDataError::Type(self.r#type.clone()))
        }
    }

    /// Which of the exact origins it comes from.
    pub(crate) fn route(
        &self,
        origins: &[String],
        software_origin: Option<&str>,
    ) -> Result<Route, ClientDataError> {
        let route = if Some(self.origin.as_str()) == software_origin {
            Route::Software
        } else if origins.contains(&self.origin) {
            Route::Browser
        } else {
            return Err(ClientDataError::Origin(self.origin.clone()));
        };
        if self.cross_origin || self.has_top_origin {
            return Err(ClientDataError::CrossOrigin);
        }
        Ok(route)
    }
}

/// Checks the client data of a registration. Its challenge is the gateway's
/// own and binds nothing; what the key says about itself does.
pub(crate) fn check_registration(
    bytes: &[u8],
    opened: &LogOpened,
    software_origin: Option<&str>,
) -> Result<Route, ClientDataError> {
    let client_data = ClientData::parse(bytes)?;
    client_data.expect_type("webauthn.create")?;
    client_data.route(&opened.origins, software_origin)
}
