//! What `log.opened` must say beyond its shape, so that nothing after it is
//! checked against a name that means nothing.

use std::collections::HashSet;

use vidimus_ledger::note::{KeyError, VerifierKey};
use vidimus_protocol::entry::{LogOpened, PermitKey, Profile};

use crate::cose::{CoseError, CoseKey};
use crate::permit;

const LOCALHOST: &str = "localhost";

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
    /// Neither `localhost` nor, in a team's log, the name of a host.
    #[error("the RP ID `{0}` is neither `localhost` nor, in a team's log, the name of a host")]
    RpId(String),
    /// Not web origins of that host.
    #[error(
        "the web origins must be `http://localhost:PORT`, or `https://` with the RP ID and perhaps a port: at least one, each once"
    )]
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
    check_places(opened)?;
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

/// A team may try everything out on one computer, as a personal log does.
fn check_places(opened: &LogOpened) -> Result<(), OpeningError> {
    let rp_id = opened.rp_id.as_str();
    let local = rp_id == LOCALHOST;
    if !local && (opened.profile == Profile::Personal || !is_host(rp_id)) {
        return Err(OpeningError::RpId(rp_id.to_owned()));
    }
    let distinct: HashSet<_> = opened.origins.iter().collect();
    let team = opened.profile == Profile::Team;
    let fit = opened
        .origins
        .iter()
        .all(|origin| (local && is_local(origin)) || (team && is_at(rp_id, origin)));
    if !fit || opened.origins.is_empty() || distinct.len() != opened.origins.len() {
        return Err(OpeningError::WebOrigins);
    }
    Ok(())
}

/// A name of at least two labels that is no address: `gate.example.com`.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last_is_a_name = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()));
    name.len() <= 253 && name.contains('.') && name.split('.').all(label) && last_is_a_name
}

/// `https://HOST` or `https://HOST:PORT` as a browser writes it.
fn is_at(host: &str, origin: &str) -> bool {
    let port = origin
        .strip_prefix("https://")
        .and_then(|rest| rest.strip_prefix(host));
    match port {
        Some("") => true,
        // A browser leaves out the port that goes without saying.
        Some(port) => port
            .strip_prefix(':')
            .is_some_and(|port| is_port(port) && port != "443"),
        None => false,
    }
}

/// `http://localhost:PORT` as a browser writes it.
fn is_local(origin: &str) -> bool {
    origin
        .strip_prefix("http://localhost:")
        .is_some_and(is_port)
}

fn is_port(port: &str) -> bool {
    port.parse::<u16>()
        .is_ok_and(|number| number != 0 && number.to_string() == port)
}

fn names_itself(key: &PermitKey) -> bool {
    <&[u8; 32]>::try_from(key.x.0.as_slice()).is_ok_and(|x| permit::thumbprint(x) == key.kid)
}
