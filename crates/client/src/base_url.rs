//! Where a gateway is: on this computer, or elsewhere by TLS. A token never
//! goes in clear to another computer.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use reqwest::Url;
use tokio::net::TcpStream;

/// `https://NAME[:PORT]`; or `http://localhost:PORT`, or the same by loopback
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    host: Host,
    port: u16,
    tls: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// This computer, by its names.
    Localhost,
    V4,
    V6,
    /// Any, by the name that its certificate is for.
    Named(String),
}

/// Why a URL is not taken as a gateway's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Not a URL of a gateway.
    #[error(
        "`{0}` is not the URL of a gateway: expected one like `https://gateway.example.com` or `http://localhost:8478`"
    )]
    NotAUrl(String),
    /// The token and everything else would be readable on the way.
    #[error(
        "`{0}` would send the token in clear to another computer: use `https://`; `http://` is for `localhost` only"
    )]
    InClear(String),
    /// Keys are bound to a name, and an address is none.
    #[error("`{0}` is an address: use the gateway's name, as in `https://gateway.example.com`")]
    NoName(String),
}

impl BaseUrl {
    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The addresses behind a name of this computer. `localhost` is never
    /// looked up: a resolver that answers with another computer would get the
    /// token.
    pub(crate) fn own_addresses(&self) -> Vec<SocketAddr> {
        let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port);
        let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), self.port);
        match self.host {
            Host::Localhost => vec![v4, v6],
            Host::V4 => vec![v4],
            Host::V6 => vec![v6],
            Host::Named(_) => Vec::new(),
        }
    }

    /// A connection, before TLS.
    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        let stream = match &self.host {
            Host::Named(name) => TcpStream::connect((name.as_str(), self.port)).await?,
            _ => TcpStream::connect(self.own_addresses().as_slice()).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The host alone, as a certificate names it: the RP ID of its keys.
    #[must_use]
    pub fn host(&self) -> &str {
        match &self.host {
            Host::Localhost => "localhost",
            Host::V4 => "127.0.0.1",
            Host::V6 => "[::1]",
            Host::Named(name) => name,
        }
    }

    /// Host and port, as in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = self.host();
        if self.tls && self.port == 443 {
            host.to_owned()
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let refused = || BaseUrlError::NotAUrl(text.to_owned());
        let url = Url::parse(text).map_err(|_| refused())?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(refused()),
        };
        let host = match (url.host_str(), tls) {
            (Some("localhost"), _) => Host::Localhost,
            (Some("127.0.0.1"), false) => Host::V4,
            (Some("[::1]"), false) => Host::V6,
            (_, false) => return Err(BaseUrlError::InClear(text.to_owned())),
            (Some(name), true) if url.domain() == Some(name) => {
                // The final dot would be another name to certificate and key.
                if name.ends_with('.') {
                    return Err(refused());
                }
                Host::Named(name.to_owned())
            }
            (_, true) => return Err(BaseUrlError::NoName(text.to_owned())),
        };
        let port = url
            .port_or_known_default()
            .filter(|port| *port != 0)
            .ok_or_else(refused)?;
        let base = Self { host, port, tls };
        let plain = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if plain { Ok(base) } else { Err(refused()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn this_computer_is_taken() {
        for (text, shown) in [
            ("http://localhost:8478", "http://localhost:8478"),
            ("http://localhost:8478/", "http://localhost:8478"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1"),
            ("http://[::1]:65535", "http://[::1]:65535"),
            ("http://localhost", "http://localhost:80"),
        ] {
            let base: BaseUrl = text.parse().unwrap();
            assert_eq!(base.to_string(), shown);
            assert!(base.own_addresses().iter().all(|at| at.ip().is_loopback()));
        }
    }

    #[test]
    fn a_token_never_goes_in_clear_to_another_computer() {
        for text in [
            "http://example.org:8478",
            "http://localhost.example.org:8478",
            "http://localhost@example.org:8478",
            "http://127.0.0.2:8478",
            "http://10.0.0.1:8478",
            "http://0.0.0.0:8478",
        ] {
            assert_eq!(
                text.parse::<BaseUrl>(),
                Err(BaseUrlError::InClear(text.to_owned()))
            );
        }
    }

    #[test]
    fn elsewhere_is_taken_by_name_with_tls() {
        for (text, shown, authority) in [
            (
                "https://gate.example.org",
                "https://gate.example.org",
                "gate.example.org",
            ),
            (
                "https://GATE.example.org:443/",
                "https://gate.example.org",
                "gate.example.org",
            ),
            (
                "https://gate.example.org:8443",
                "https://gate.example.org:8443",
                "gate.example.org:8443",
            ),
            (
                "https://localhost:8443",
                "https://localhost:8443",
                "localhost:8443",
            ),
        ] {
            let base: BaseUrl = text.parse().unwrap();
            assert!(base.is_tls());
            assert_eq!(
                (base.to_string().as_str(), base.authority().as_str()),
                (shown, authority)
            );
        }
        for text in [
            "https://127.0.0.1:8443",
            "https://[::1]",
            "https://10.0.0.1",
            "https://0x7f.1",
        ] {
            assert_eq!(
                text.parse::<BaseUrl>(),
                Err(BaseUrlError::NoName(text.to_owned()))
            );
        }
    }

    #[test]
    fn what_is_no_plain_base_is_refused() {
        for text in [
            "",
            "localhost:8478",
            "ftp://localhost:8478",
            "http://localhost:8478/v1",
            "http://localhost:8478/?a",
            "http://localhost:8478/#a",
            "http://user@localhost:8478",
            "http://:secret@localhost:8478",
            "http://localhost:84780",
            "http://localhost:0",
            "https://gate.example.org.",
            "https://gate.example.org/v1",
            "https://user@gate.example.org",
            "https://:secret@gate.example.org",
            "https://gate.example.org/?a",
            "wss://gate.example.org",
        ] {
            assert_eq!(
                text.parse::<BaseUrl>(),
                Err(BaseUrlError::NotAUrl(text.to_owned())),
                "{text}"
            );
        }
    }
}
