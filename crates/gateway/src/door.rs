//! Where a gateway listens, and whom it lets in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use crate::clock::Clock;
use crate::port::{Loopback, PortError, USUAL, owner_of};
use crate::public::{Entrance, Public};
use crate::serving::Gate;
use crate::tls::{Certificate, CertificateError};

/// Why a public gateway cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Nobody speaks TLS.
    #[error(
        "`{url}` needs TLS: name a certificate and its key (`--tls-certificate`, `--tls-key`), or the proxy that speaks it (`--behind-proxy`)"
    )]
    NeedsTls {
        /// The address.
        url: String,
    },
    /// A certificate for an address in clear.
    #[error("`{url}` is an address without TLS: write `https://`, or name no certificate")]
    NoTls {
        /// The address.
        url: String,
    },
    /// In clear to the whole network.
    #[error(
        "`{listen}` is no loopback address, and `{url}` is for this computer only: leave `--listen` out, or use an `https://` address"
    )]
    NotLoopback {
        /// The address.
        url: String,
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// No proxy is named.
    #[error("no proxy is named, so nobody could come in: name its address with `--behind-proxy`")]
    NoProxy,
    /// The certificate is not used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The port of this computer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Another program listens there.
    #[error("`{listen}` is taken by {owner}: stop that program, or choose another with `--listen`")]
    Busy {
        /// Where it was to listen.
        listen: SocketAddr,
        /// The program, as far as it can be known.
        owner: String,
    },
    /// The system refused.
    #[error(
        "cannot listen on `{listen}`: {why}. Ports below 1024 want the capability `CAP_NET_BIND_SERVICE`"
    )]
    Refused {
        /// Where it was to listen.
        listen: SocketAddr,
        /// What the system said.
        why: String,
    },
}

/// Bound sockets and who may use them.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) port: u16,
    pub(crate) listeners: Vec<TcpListener>,
    pub(crate) gate: Gate,
    /// To be followed while it is served.
    pub(crate) certificate: Option<Arc<Certificate>>,
}

impl Door {
    /// Of this computer only.
    pub(crate) fn loopback(bound: Loopback) -> Self {
        Self {
            port: bound.port,
            listeners: bound.listeners,
            gate: Gate::Open,
            certificate: None,
        }
    }

    /// Over the network.
    pub(crate) fn open(public: &Public, clock: Arc<dyn Clock>) -> Result<Self, DoorError> {
        let url = || public.url.to_string();
        let https = public.url.is_https();
        let mut certificate = None;
        let (gate, usual) = match &public.entrance {
            Entrance::Tls(_) if !https => return Err(DoorError::NoTls { url: url() }),
            Entrance::Tls(files) => {
                let opened = Certificate::open(files, public.url.rp_id(), clock)?;
                let gate = Gate::Tls(opened.server_config());
                certificate = Some(opened);
                (gate, None)
            }
            Entrance::BehindProxy(proxies) if proxies.is_empty() => {
                return Err(DoorError::NoProxy);
            }
            Entrance::BehindProxy(proxies) => {
                let proxies = proxies.iter().map(IpAddr::to_canonical).collect();
                let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL));
                (Gate::Named(proxies), Some(usual))
            }
            Entrance::Loopback if https => return Err(DoorError::NeedsTls { url: url() }),
            Entrance::Loopback => {
                if let Some(listen) = public.listen.filter(|listen| !listen.ip().is_loopback()) {
                    return Err(DoorError::NotLoopback { url: url(), listen });
                }
                if public.listen.is_none() {
                    let bound = Loopback::bind_port(public.url.port())?;
                    return Ok(Self::loopback(bound));
                }
                (Gate::Open, None)
            }
        };
        let listener = match public.listen.or(usual) {
            Some(listen) => bind(listen)?,
            None => everywhere(public.url.port())?,
        };
        let refused = |error: std::io::Error| DoorError::Refused {
            listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, public.url.port())),
            why: error.to_string(),
        };
        listener.set_nonblocking(true).map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        Ok(Self {
            port,
            listeners: vec![listener],
            gate,
            certificate,
        })
    }
}

/// On every address of this computer; IPv6 takes IPv4 in, where it is.
fn everywhere(port: u16) -> Result<TcpListener, DoorError> {
    match bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Err(DoorError::Refused { .. }) => bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        bound => bound,
    }
}

fn bind(listen: SocketAddr) -> Result<TcpListener, DoorError> {
    TcpListener::bind(listen).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => DoorError::Busy {
            listen,
            owner: owner_of(listen.port()),
        },
        _ => DoorError::Refused {
            listen,
            why: error.to_string(),
        },
    })
}
