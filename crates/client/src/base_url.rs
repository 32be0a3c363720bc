//! Where a gateway is: this computer. A token never goes in clear elsewhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use reqwest::Url;

/// `http://localhost:PORT`, or the same by loopback address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    host: Host,
    port: u16,
}

/// The names of this computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Localhost,
    V4,
    V6,
}

/// Why a URL is not taken as a gateway's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Not a URL of a gateway.
    #[error("`{0}` is not the URL of a gateway: expected one like `http://localhost:8478`")]
    NotAUrl(String),
    /// The token and everything else would be readable on the way.
    #[error(
        "`{0}` would send the token in clear to another computer: only `http://localhost:PORT` is taken"
    )]
    InClear(String),
    /// This version speaks to this computer only.
    #[error(
        "`{0}` needs TLS, which this version does not have: only `http://localhost:PORT` is taken"
    )]
    NoTls(String),
}

impl BaseUrl {
    /// The addresses behind it. `localhost` is never looked up: a resolver
    /// that answers with another computer would get the token.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port);
        let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), self.port);
        match self.host {
            Host::Localhost => vec![v4, v6],
            Host::V4 => vec![v4],
            Host::V6 => vec![v6],
        }
    }

    /// Host and port, as in a `Host` header.
    pub(crate) fn authority(&self) -> String {
        let host = match self.host {
            Host::Localhost => "localhost",
            Host::V4 => "127.0.0.1",
            Host::V6 => "[::1]",
        };
        format!("{host}:{}", self.port)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let refused = || BaseUrlError::NotAUrl(text.to_owned());
        let url = Url::parse(text).map_err(|_| refused())?;
        match url.scheme() {
            "http" => {}
            "https" => return Err(BaseUrlError::NoTls(text.to_owned())),
            _ => return Err(refused()),
        }
        let host = match url.host_str() {
            Some("localhost") => Host::Localhost,
            Some("127.0.0.1") => Host::V4,
            Some("[::1]") => Host::V6,
            _ => return Err(BaseUrlError::InClear(text.to_owned())),
        };
        let port = url.port_or_known_default().ok_or_else(refused)?;
        let base = Self { host, port };
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
            assert!(base.addresses().iter().all(|at| at.ip().is_loopback()));
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
    fn without_tls_https_is_refused_by_name() {
        let text = "https://gateway.example.org";
        let refused = text.parse::<BaseUrl>().unwrap_err();
        assert_eq!(refused, BaseUrlError::NoTls(text.to_owned()));
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
        ] {
            assert_eq!(
                text.parse::<BaseUrl>(),
                Err(BaseUrlError::NotAUrl(text.to_owned())),
                "{text}"
            );
        }
    }
}
