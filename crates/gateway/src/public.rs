//! Where several people reach a gateway: one address for ever, and the way in.
//!
//! Keys are bound to the address: its host is the RP ID, its origin the only
//! web origin, and both stand in `log.opened`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use webauthn_rs::prelude::Url;

/// `https://NAME[:PORT]`, or `http://localhost[:PORT]` for trying it out. As a
/// browser writes an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    host: String,
    port: u16,
    https: bool,
}

/// Why a URL cannot be a gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// Not such a URL.
    #[error(
        "expected an address such as `https://gateway.example.com` or `https://gateway.example.com:8443`, without a path, a query or a user"
    )]
    NotAnAddress,
    /// In clear.
    #[error(
        "people sign in there and tokens go there, so it must begin with `https://`; `http://localhost[:PORT]` is for trying it out"
    )]
    InClear,
    /// An IP address, to which no key can be bound.
    #[error("keys are bound to a host name, and an IP address is none: use a name")]
    NoName,
}

impl PublicUrl {
    /// What keys are bound to.
    #[must_use]
    pub fn rp_id(&self) -> &str {
        &self.host
    }

    /// Its origin, e.g. `https://gateway.example.com`.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// Whether browsers reach it by TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Its port: 443, or 80 on this computer, when none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Of a gateway that only this computer reaches.
    pub(crate) fn local(port: u16) -> Self {
        Self {
            host: "localhost".to_owned(),
            port,
            https: false,
        }
    }

    /// What `Host` may say.
    pub(crate) fn hosts(&self) -> Vec<String> {
        // Some clients write the usual port too.
        let mut hosts = vec![self.authority(), format!("{}:{}", self.host, self.port)];
        if !self.https {
            hosts.extend(["127.0.0.1", "[::1]"].map(|name| format!("{name}:{}", self.port)));
        }
        hosts
    }

    fn authority(&self) -> String {
        if self.port == if self.https { 443 } else { 80 } {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        use PublicUrlError::{InClear, NoName, NotAnAddress};
        let url = Url::parse(text).map_err(|_| NotAnAddress)?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(NotAnAddress),
        };
        let host = url.host_str().ok_or(NotAnAddress)?;
        if url.domain().is_none() {
            return Err(NoName);
        }
        if !https && host != "localhost" {
            return Err(InClear);
        }
        let plain = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let port = url.port_or_known_default().filter(|port| *port != 0);
        match port {
            Some(port) if plain && is_host_name(host) => Ok(Self {
                host: host.to_owned(),
                port,
                https,
            }),
            _ => Err(NotAnAddress),
        }
    }
}

/// RFC 1123: what certificates and keys can be made for. URLs allow more.
fn is_host_name(host: &str) -> bool {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.len() <= 253 && host.split('.').all(fits)
}

/// A gateway for several people, over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// Its address, fixed once its log is opened.
    pub url: PublicUrl,
    /// Where it listens. Else: with TLS on all addresses of this computer at
    /// the URL's port, behind a proxy on 127.0.0.1:8478, and without either on
    /// loopback at the URL's port.
    pub listen: Option<SocketAddr>,
    /// The way in.
    pub entrance: Entrance,
}

/// How requests come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// By TLS of its own.
    Tls(TlsFiles),
    /// In clear, from these addresses and no others: a proxy that speaks TLS.
    BehindProxy(Vec<IpAddr>),
    /// In clear, from this computer only; for `http://localhost`.
    Loopback,
}

/// The files of its TLS, PEM. Read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those between it and an authority.
    pub certificate: PathBuf,
    /// Its key, not readable by everybody.
    pub key: PathBuf,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_as_a_browser_writes_it() {
        for (text, origin, rp_id) in [
            (
                "https://gate.example.com",
                "https://gate.example.com",
                "gate.example.com",
            ),
            (
                "https://GATE.example.com:443/",
                "https://gate.example.com",
                "gate.example.com",
            ),
            (
                "https://gate.example.com:8443",
                "https://gate.example.com:8443",
                "gate.example.com",
            ),
            (
                "https://bücher.example",
                "https://xn--bcher-kva.example",
                "xn--bcher-kva.example",
            ),
            ("http://localhost", "http://localhost", "localhost"),
            (
                "http://localhost:8478",
                "http://localhost:8478",
                "localhost",
            ),
            (
                "https://localhost:8478",
                "https://localhost:8478",
                "localhost",
            ),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!((url.origin().as_str(), url.rp_id()), (origin, rp_id));
            assert_eq!(url.origin().parse(), Ok(url));
        }
        let usual: PublicUrl = "https://gate.example.com".parse().unwrap();
        assert_eq!(usual.hosts(), ["gate.example.com", "gate.example.com:443"]);
    }

    #[test]
    fn what_keys_cannot_be_bound_to_is_refused() {
        use PublicUrlError::{InClear, NoName, NotAnAddress};
        for (text, why) in [
            ("gate.example.com", NotAnAddress),
            ("ftp://gate.example.com", NotAnAddress),
            ("https://gate.example.com/v1", NotAnAddress),
            ("https://gate.example.com/?a", NotAnAddress),
            ("https://gate.example.com/#a", NotAnAddress),
            ("https://ada@gate.example.com", NotAnAddress),
            ("https://:secret@gate.example.com", NotAnAddress),
            ("https://gate.example.com.", NotAnAddress),
            ("https://gate_way.example.com", NotAnAddress),
            ("https://-gate.example.com", NotAnAddress),
            ("https://gate.example.com:0", NotAnAddress),
            ("https://*.example.com", NotAnAddress),
            ("http://gate.example.com", InClear),
            ("http://localhost.example.com", InClear),
            ("https://192.0.2.1", NoName),
            ("https://[2001:db8::1]:8443", NoName),
            ("https://0xc0000201", NoName),
            ("http://127.0.0.1:8478", NoName),
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(why), "{text}");
        }
    }
}
