//! How the proxy is to behave.

use std::path::PathBuf;
use std::time::Duration;

use crate::secrets::SecretPlace;

/// Where a client's user is pointed to while a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTo {
    /// The page of the console, at the gateway's address.
    Page,
    /// The app on their computer.
    App,
}

/// What the user chose.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server, as the reviewer sees it.
    pub server: String,
    /// Tools whose calls pass: exact names, or the beginning of names and `*`.
    pub free: Vec<String>,
    /// Arguments that are bound and not shown.
    pub secrets: Vec<SecretPlace>,
    /// The longest time that a call is held before it is answered with
    /// *pending*.
    pub hold: Option<Duration>,
    /// Whether clients are pointed to the decision, and where.
    pub link: Option<LinkTo>,
    /// The longest wait for a decision, seconds.
    pub ttl_s: Option<u64>,
    /// Where pinned definitions are kept.
    pub pins: PathBuf,
    /// The command line that accepts changed definitions.
    pub accept: String,
}

impl Options {
    pub(crate) fn is_free(&self, tool: &str) -> bool {
        self.free.iter().any(|pattern| {
            pattern
                .strip_suffix('*')
                .map_or(pattern == tool, |beginning| tool.starts_with(beginning))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_pass_by_name_or_by_the_beginning_of_it() {
        let free = ["read_*", "list"].map(str::to_owned).to_vec();
        let options = Options {
            server: String::new(),
            free,
            secrets: vec![],
            hold: None,
            link: None,
            ttl_s: None,
            pins: PathBuf::new(),
            accept: String::new(),
        };
        assert!(
            options.is_free("read_file") && options.is_free("read_") && options.is_free("list")
        );
        assert!(
            !options.is_free("listing") && !options.is_free("write") && !options.is_free("READ_x")
        );
    }
}
