//! What `log.opened` must say beyond its shape, so that nothing after it is
//! checked against a name that means nothing.

use std::collections::HashSet;

use vidimus_ledger::note::{KeyError, VerifierKey};
use vidimus_protocol::entry::{LogOpened, PermitKey, Profile};

use crate::cose::{CoseError, CoseKey};
use crate::permit;

const RP_ID: &str = "localhost";

/// Why a log cannot be opened like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// The log key is no verifier key.
    #[error("the log key cannot be read: {0}")]
    LogKey(#[from] KeyError),
    /// The checkpoint origin or the key's name is not made from the nonce.
    #[error(
        "the origin `{0}` and the log key's name must be `vidimus/` and the nonce's first 16 digits"
    )]
    Origin(String),
    /// Not the RP ID of a personal log.
    #[error("the RP ID `{0}` is not `localhost`")]
    RpId(String),
    /// Not web origins of a personal log.
    #[error("the web origins must be `http://localhost:PORT`, at least one, each once")]
    WebOrigins,
    /// A permit key whose id is not its thumbprint, or twice.
    #[error("the permit key `{0}` is not an Ed25519 key under its own thumbprint, once")]
    PermitKey(String),
    /// A founder's key that cannot be verified with.
    #[error("a founder's key cannot be used: {0}")]
    FounderKey(#[from] CoseError),
}

/// Checks `log.opened`; who may stand in it is the reducer's.
pub(crate) fn check(opened: &LogOpened) -> Result<(), OpeningError> {
    let log_key = VerifierKey::parse(&opened.log_key)?;
    let nonce = opened.nonce.to_string();
    if opened.origin != format!("vidimus/{}", &nonce[..16]) || log_key.name() != opened.origin {
        return Err(OpeningError::Origin(opened.origin.clone()));
    }
    match opened.profile {
        Profile::Personal => check_places(opened)?,
    }
    let mut kids = HashSet::new();
    for key in &opened.permit_keys {
        if !names_itself(key) || !kids.insert(&key.kid) {
            return Err(OpeningError::PermitKey(key.kid.clone()));
        }
    }
    for founder in &opened.founders {
        CoseKey::parse(&founder.public_key.0)?;
    }
    Ok(())
}

fn check_places(opened: &LogOpened) -> Result<(), OpeningError> {
    if opened.rp_id != RP_ID {
        return Err(OpeningError::RpId(opened.rp_id.clone()));
    }
    let distinct: HashSet<_> = opened.origins.iter().collect();
    let local = opened.origins.iter().all(|origin| is_local(origin));
    if !local || opened.origins.is_empty() || distinct.len() != opened.origins.len() {
        return Err(OpeningError::WebOrigins);
    }
    Ok(())
}

/// `http://localhost:PORT` as a browser writes it.
fn is_local(origin: &str) -> bool {
    origin
        .strip_prefix("http://localhost:")
        .is_some_and(|port| {
            port.parse::<u16>()
                .is_ok_and(|number| number != 0 && number.to_string() == port)
        })
}

fn names_itself(key: &PermitKey) -> bool {
    <&[u8; 32]>::try_from(key.x.0.as_slice()).is_ok_and(|x| permit::thumbprint(x) == key.kid)
}
