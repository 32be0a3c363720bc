//! The loopback port: chosen once, recorded, and named when it is busy.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

/// Asked for first on a new installation.
pub(crate) const USUAL: u16 = 8478;

/// Why the gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Another program has the recorded port.
    #[error(
        "port {port} is taken by {owner}: stop that program (the port is part of your key's address and cannot change)"
    )]
    Busy {
        /// The recorded port.
        port: u16,
        /// The program, as far as it can be known.
        owner: String,
    },
    /// The system refused.
    #[error("cannot listen on port {port}: {why}")]
    Refused {
        /// The port.
        port: u16,
        /// What the system said.
        why: String,
    },
    /// The record cannot be read or written.
    #[error("`{path}` cannot be used: {why}")]
    Record {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// Sockets on one port of both loopback addresses.
#[derive(Debug)]
pub(crate) struct Loopback {
    /// The port.
    pub(crate) port: u16,
    pub(crate) listeners: Vec<TcpListener>,
}

impl Loopback {
    /// Binds the port recorded in `record`, or chooses one and records it.
    ///
    /// # Errors
    /// [`PortError`] names the program in the way.
    pub(crate) fn bind(record: &Path) -> Result<Self, PortError> {
        let trouble = |why: String| PortError::Record {
            path: record.display().to_string(),
            why,
        };
        match std::fs::read_to_string(record) {
            Ok(text) => {
                let port = text
                    .trim()
                    .parse()
                    .map_err(|_| trouble("it holds no port".to_owned()))?;
                Self::bind_port(port)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let bound = Self::bind_port(USUAL).or_else(|_| Self::bind_port(0))?;
                std::fs::write(record, format!("{}\n", bound.port))
                    .map_err(|error| trouble(error.to_string()))?;
                Ok(bound)
            }
            Err(error) => Err(trouble(error.to_string())),
        }
    }

    /// Binds a port of both addresses.
    pub(crate) fn bind_port(port: u16) -> Result<Self, PortError> {
        let refused = |port: u16, error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AddrInUse => PortError::Busy {
                port,
                owner: owner_of(port),
            },
            _ => PortError::Refused {
                port,
                why: error.to_string(),
            },
        };
        let first = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .map_err(|error| refused(port, error))?;
        let port = first
            .local_addr()
            .map_err(|error| refused(port, error))?
            .port();
        let mut listeners = vec![first];
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            Ok(second) => listeners.push(second),
            // `localhost` may mean ::1 to a browser: nobody else may sit there.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(refused(port, error));
            }
            Err(_no_ipv6) => {}
        }
        for listener in &listeners {
            listener
                .set_nonblocking(true)
                .map_err(|error| refused(port, error))?;
        }
        Ok(Self { port, listeners })
    }
}

/// The program that listens on a port of this machine, in words.
pub(crate) fn owner_of(port: u16) -> String {
    find_owner(port).unwrap_or_else(|| "another program (of another user, perhaps)".to_owned())
}

fn find_owner(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find_map(|process| {
            // `self` and its like are the same processes under other names.
            let id: u32 = process.file_name().to_str()?.parse().ok()?;
            let holds = std::fs::read_dir(process.path().join("fd"))
                .ok()?
                .flatten()
                .any(|fd| {
                    std::fs::read_link(fd.path()).is_ok_and(|link| {
                        inodes
                            .iter()
                            .any(|inode| link.as_os_str() == inode.as_str())
                    })
                });
            let name = std::fs::read_to_string(process.path().join("comm")).ok()?;
            holds.then(|| format!("`{}` (process {})", name.trim(), id))
        })
}

/// Inodes of the listening sockets on `port` in a `/proc/net/tcp` table.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let local = fields.nth(1)?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?;
            (local.ends_with(&wanted) && state == LISTEN).then(|| inode.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn chosen_once_and_its_taker_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("port");
        let first = Loopback::bind(&record).unwrap();
        let port = first.port;
        let me = format!("process {}", std::process::id());
        match Loopback::bind(&record) {
            Err(PortError::Busy { port: busy, owner }) => {
                assert_eq!(busy, port);
                assert!(owner.contains(&me), "{owner}");
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        assert_eq!(Loopback::bind(&record).unwrap().port, port);
        std::fs::write(&record, "many\n").unwrap();
        assert!(matches!(
            Loopback::bind(&record),
            Err(PortError::Record { .. })
        ));
    }

    #[test]
    fn nobody_outside_reaches_it_and_nobody_else_is_localhost() {
        let folder = tempfile::tempdir().unwrap();
        let bound = Loopback::bind(&folder.path().join("port")).unwrap();
        for listener in &bound.listeners {
            assert!(listener.local_addr().unwrap().ip().is_loopback());
        }
        drop(bound);
        let Ok(other) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
            return; // This machine has no IPv6, so `localhost` cannot mean it.
        };
        let port = other.local_addr().unwrap().port();
        assert!(matches!(
            Loopback::bind_port(port),
            Err(PortError::Busy { .. })
        ));
    }
}
