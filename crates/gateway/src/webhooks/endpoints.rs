//! Who is told: `webhooks.json` in the gateway's folder (0600), written by the
//! operator's command line and by nobody else. No route reads it out.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use http::Uri;
use serde::{Deserialize, Serialize};
use vidimus_protocol::{Kind, Time, strict};

use super::event::EVENTS;
use super::signature::Secret;

/// Most endpoints.
const MOST: usize = 16;
/// Longest name and URL.
const MAX_NAME: usize = 40;
const MAX_URL: usize = 2000;
/// Most bytes of the file.
const MAX_FILE: u64 = 128 << 10;

/// The endpoints, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    endpoints: Vec<Endpoint>,
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Entries from this time on are told to it.
    added_at: Time,
    events: Vec<String>,
    name: String,
    secret: Secret,
    url: String,
}

/// Why the endpoints cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsError {
    /// Other users can read it, or write to it.
    #[error(
        "other users can get at `{path}`: run `chmod 600 {path}` and consider its secrets known"
    )]
    Exposed {
        /// The file.
        path: String,
    },
    /// It cannot be read or written.
    #[error("`{path}` cannot be used: {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// An unfit name.
    #[error("`{0}` cannot be a name: use 1 to {MAX_NAME} letters, digits, `-` and `_`")]
    Name(String),
    /// It is there.
    #[error("there is an endpoint `{0}` already: remove it first, or choose another name")]
    Exists(String),
    /// It is not there.
    #[error("there is no endpoint `{0}`: `vidimus webhook list` shows all")]
    Unknown(String),
    /// Not an event.
    #[error("`{given}` is not an event: choose among {}", event_names().join(", "))]
    Event {
        /// What was given.
        given: String,
    },
    /// Not a URL that messages are sent to.
    #[error("the URL cannot be used: {0}")]
    Url(&'static str),
    /// There are enough.
    #[error("there are {MOST} endpoints already: remove one first")]
    TooMany,
}

/// Names of all events.
#[must_use]
pub fn event_names() -> Vec<&'static str> {
    EVENTS.map(Kind::as_str).to_vec()
}

impl Endpoints {
    /// Where they stand in a gateway's folder.
    #[must_use]
    pub fn file(dir: &Path) -> PathBuf {
        dir.join("webhooks.json")
    }

    /// Reads them; none when there is no file.
    ///
    /// # Errors
    /// [`EndpointsError`]
    pub fn read(dir: &Path) -> Result<Self, EndpointsError> {
        let path = Self::file(dir);
        let shown = || path.display().to_string();
        let unusable = |why: &dyn std::fmt::Display| EndpointsError::File {
            path: shown(),
            why: why.to_string(),
        };
        let file = std::fs::OpenOptions::new()
            .read(true)
            // A pipe in its place must not block the gateway.
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(&path);
        let file = match file {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(unusable(&error)),
        };
        let metadata = file.metadata().map_err(|error| unusable(&error))?;
        if !metadata.is_file() || metadata.len() > MAX_FILE {
            return Err(unusable(&"it is not a plain file of a sensible size"));
        }
        let owner = rustix::process::geteuid().as_raw();
        if metadata.mode() & 0o077 != 0 || metadata.uid() != owner {
            return Err(EndpointsError::Exposed { path: shown() });
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE)
            .read_to_end(&mut bytes)
            .map_err(|error| unusable(&error))?;
        let read: Self = strict::parse(&bytes, bytes.len())
            .map_err(|error| unusable(&without_values(&error)))?;
        read.check().map_err(|error| unusable(&error))?;
        Ok(read)
    }

    /// Writes them (0600), whole or not at all.
    ///
    /// # Errors
    /// [`EndpointsError`]
    pub fn write(&self, dir: &Path) -> Result<(), EndpointsError> {
        let path = Self::file(dir);
        crate::keys::write_private(&path, &strict::canonical(self)).map_err(|error| {
            EndpointsError::File {
                path: path.display().to_string(),
                why: error.to_string(),
            }
        })
    }

    /// Adds one; it is told of entries from `now` on. Without `events`, of all.
    ///
    /// # Errors
    /// [`EndpointsError`]
    pub fn add(
        &mut self,
        name: &str,
        url: &str,
        events: &[String],
        now: Time,
    ) -> Result<&Endpoint, EndpointsError> {
        let mut events = events.to_vec();
        if events.is_empty() {
            events = event_names().into_iter().map(str::to_owned).collect();
        }
        events.sort_unstable();
        events.dedup();
        self.endpoints.push(Endpoint {
            added_at: now,
            events,
            name: name.to_owned(),
            secret: Secret::generate(),
            url: url.to_owned(),
        });
        self.check()?;
        Ok(self.endpoints.last().expect("one was added"))
    }

    /// Removes one.
    ///
    /// # Errors
    /// [`EndpointsError::Unknown`]
    pub fn remove(&mut self, name: &str) -> Result<(), EndpointsError> {
        self.named(name)?;
        self.endpoints.retain(|endpoint| endpoint.name != name);
        Ok(())
    }

    /// The one of that name.
    ///
    /// # Errors
    /// [`EndpointsError::Unknown`]
    pub fn named(&self, name: &str) -> Result<&Endpoint, EndpointsError> {
        self.iter()
            .find(|endpoint| endpoint.name == name)
            .ok_or_else(|| EndpointsError::Unknown(name.to_owned()))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter()
    }

    fn check(&self) -> Result<(), EndpointsError> {
        for (at, endpoint) in self.endpoints.iter().enumerate() {
            let name = &endpoint.name;
            if !name_is_fit(name) {
                return Err(EndpointsError::Name(name.clone()));
            }
            if self.endpoints[..at].iter().any(|other| other.name == *name) {
                return Err(EndpointsError::Exists(name.clone()));
            }
            let known = event_names();
            if let Some(given) = endpoint
                .events
                .iter()
                .find(|event| !known.contains(&event.as_str()))
            {
                return Err(EndpointsError::Event {
                    given: given.clone(),
                });
            }
            check_url(&endpoint.url)?;
        }
        if self.endpoints.len() > MOST {
            return Err(EndpointsError::TooMany);
        }
        Ok(())
    }
}

impl Endpoint {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Scheme and host of its URL. The rest may be a secret of its own.
    #[must_use]
    pub fn place(&self) -> String {
        let uri = self.uri();
        format!("{}://{}", uri.scheme_str().unwrap_or_default(), self.host())
    }

    /// What it is told of.
    #[must_use]
    pub fn events(&self) -> &[String] {
        &self.events
    }

    /// What it shares with the gateway.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// When it was added.
    #[must_use]
    pub fn added_at(&self) -> Time {
        self.added_at
    }

    /// Host and port, as in its URL.
    pub(super) fn host(&self) -> String {
        let uri = self.uri();
        uri.authority()
            .map_or_else(String::new, ToString::to_string)
    }

    pub(super) fn uri(&self) -> Uri {
        self.url.parse().expect("it was checked when it was read")
    }

    pub(super) fn wants(&self, kind: Kind, at: Time) -> bool {
        at >= self.added_at && self.events.iter().any(|event| event == kind.as_str())
    }
}

fn name_is_fit(name: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fit)
}

fn check_url(url: &str) -> Result<(), EndpointsError> {
    let refused = |why| Err(EndpointsError::Url(why));
    if url.len() > MAX_URL || url.contains('#') {
        return refused("it is too long, or has a fragment");
    }
    let Ok(uri) = url.parse::<Uri>() else {
        return refused("it is not one");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return refused("expected one like `https://example.org/hook`");
    };
    if authority.as_str().contains('@') {
        return refused("it names a user: a password would be sent and shown");
    }
    match scheme {
        "https" => Ok(()),
        "http" if super::courier::is_this_computer(authority.host()) => Ok(()),
        "http" => refused(
            "`http` is for this computer only (`localhost`, `127.0.0.1`, `[::1]`): use `https`",
        ),
        _ => refused("use `https`"),
    }
}

/// What is wrong, without quoting the file: a secret may stand there.
fn without_values(error: &strict::StrictError) -> &'static str {
    match error {
        strict::StrictError::Shape(_) => {
            "it is not of the expected shape: write it with `vidimus webhook`"
        }
        _ => "it is not plain JSON: write it with `vidimus webhook`",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const NOW: u64 = 1_795_000_000_000;

    fn add(url: &str) -> Result<Endpoints, EndpointsError> {
        let mut endpoints = Endpoints::default();
        endpoints.add("ops", url, &[], Time::from_unix_ms(NOW))?;
        Ok(endpoints)
    }

    #[test]
    fn https_anywhere_and_http_on_this_computer_only() {
        for good in [
            "https://example.org/hook?a=b",
            "https://10.0.0.1:8443",
            "http://localhost:9000/hook",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/",
        ] {
            assert!(add(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.org/hook",
            "http://localhost.example.org/",
            "http://127.0.0.2/",
            "http://localhost@example.org/",
            "https://user:password@example.org/",
            "https://example.org/#fragment",
            "ftp://localhost/",
            "/hook",
            "example.org",
            "https://",
            "",
        ] {
            assert!(matches!(add(bad), Err(EndpointsError::Url(_))), "{bad}");
        }
        assert_eq!(
            add("https://example.org:8443/services/T0/secret")
                .unwrap()
                .endpoints[0]
                .place(),
            "https://example.org:8443",
        );
    }

    #[test]
    fn names_and_events_are_known_ones() {
        let mut endpoints = add("https://example.org").unwrap();
        let now = Time::from_unix_ms(NOW);
        let refused = |name: &str, events: &[&str]| {
            let events: Vec<_> = events.iter().map(|event| (*event).to_owned()).collect();
            let mut trial = endpoints.clone();
            trial
                .add(name, "https://example.org", &events, now)
                .err()
                .unwrap()
                .to_string()
        };
        assert!(refused("ops", &[]).contains("already"));
        assert!(refused("a.b", &[]).contains("cannot be a name"));
        assert!(refused("", &[]).contains("cannot be a name"));
        assert!(refused(&"x".repeat(41), &[]).contains("cannot be a name"));
        assert!(refused("b", &["action.eaten"]).contains("action.proposed, action.escalated"));
        assert!(matches!(
            endpoints.remove("b"),
            Err(EndpointsError::Unknown(_))
        ));
        endpoints.remove("ops").unwrap();
        for number in 0..MOST {
            endpoints
                .add(&number.to_string(), "https://example.org", &[], now)
                .unwrap();
        }
        assert!(matches!(
            endpoints.add("more", "https://example.org", &[], now),
            Err(EndpointsError::TooMany)
        ));
    }

    #[test]
    fn an_endpoint_is_told_of_what_it_chose_since_it_was_added() {
        let mut endpoints = Endpoints::default();
        let events = ["action.resolved".to_owned()];
        let now = Time::from_unix_ms(NOW);
        let endpoint = endpoints
            .add("ops", "https://example.org", &events, now)
            .unwrap();
        assert!(endpoint.wants(Kind::ActionResolved, now));
        assert!(!endpoint.wants(Kind::ActionResolved, Time::from_unix_ms(NOW - 1)));
        assert!(!endpoint.wants(Kind::ActionProposed, now));
    }

    #[test]
    fn the_file_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            Endpoints::read(folder.path()).unwrap(),
            Endpoints::default()
        );
        let endpoints = add("https://example.org").unwrap();
        endpoints.write(folder.path()).unwrap();
        let path = Endpoints::file(folder.path());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Endpoints::read(folder.path()).unwrap(), endpoints);
        for mode in [0o640, 0o620, 0o604, 0o602] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).unwrap();
            assert!(
                matches!(
                    Endpoints::read(folder.path()),
                    Err(EndpointsError::Exposed { .. })
                ),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn what_was_written_by_hand_is_checked_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let written = |text: &str| {
            crate::keys::write_private(&Endpoints::file(folder.path()), text.as_bytes()).unwrap();
            Endpoints::read(folder.path()).err().unwrap().to_string()
        };
        let file = |url: &str, secret: &str| {
            format!(
                r#"{{"endpoints":[{{"added_at":"2026-11-21T09:30:00.000Z","events":[],"name":"a","secret":"{secret}","url":"{url}"}}]}}"#
            )
        };
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert!(written(&file("http://example.org", good)).contains("this computer only"));
        let short = "whsec_dG9vIHNob3J0";
        let words = written(&file("https://example.org", short));
        assert!(
            words.contains("expected shape") && !words.contains("dG9v"),
            "{words}"
        );
        assert!(written("{").contains("not plain JSON"));
    }
}
