//! The gateways elsewhere that this console follows: a folder each, with what
//! it is called here, which log it must show, and how far its person is.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vidimus_client::private::{PrivateError, private_folder, read_private, write_private};
use vidimus_client::{BaseUrl, BaseUrlError, ClientError, Gateway, Home};
use vidimus_protocol::Digest;
use vidimus_protocol::id::ReviewerId;
use vidimus_protocol::strict::{self, StrictError};

use crate::joining::Joining;
use crate::view::Colour;

const FILE: &str = "gateway.json";
const AUTHORITY: &str = "authority.pem";
const MIRROR: &str = "mirror.db";
const TRUST: &str = "trust.json";
/// Most bytes of the file.
const MAX: usize = 64 << 10;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    folder: PathBuf,
    pub(crate) url: BaseUrl,
    pub(crate) about: About,
}

/// What the file says beside the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// The log that it must show; `None` until it is founded from here.
    pub(crate) log: Option<Digest>,
    /// Who this console's person is there.
    pub(crate) reviewer: Option<ReviewerId>,
    /// What makes their key; gone once it has.
    pub(crate) invitation: Option<String>,
    /// The enrolment of their key, until it has opened a session.
    pub(crate) claimed: Option<Digest>,
    pub(crate) name: String,
    pub(crate) colour: Colour,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    about: About,
    url: String,
    v: u64,
}

/// Why a gateway cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowedError {
    #[error(transparent)]
    File(#[from] PrivateError),
    #[error(transparent)]
    Folder(#[from] io::Error),
    #[error("`{0}` is damaged: {1}")]
    Damaged(PathBuf, StrictError),
    #[error("`{0}` is of another version: upgrade Vidimus")]
    Newer(PathBuf),
    #[error(transparent)]
    Url(#[from] BaseUrlError),
}

impl Followed {
    /// A gateway at that address, not on the disk yet.
    pub(crate) fn new(home: &Home, url: BaseUrl, about: About) -> Self {
        Self {
            folder: home.followed(&url.authority()),
            url,
            about,
        }
    }

    /// What names it towards fronts.
    pub(crate) fn id(&self) -> String {
        self.url.authority()
    }

    /// Those that are followed, by name of their folder; and why others cannot be.
    pub(crate) fn all(home: &Home) -> (Vec<Self>, Vec<FollowedError>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let mut folders: Vec<_> = match std::fs::read_dir(home.followed_dir()) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return (good, vec![error.into()]),
        };
        folders.sort();
        // One that is followed no longer keeps its evidence and nothing else.
        for folder in folders {
            if !folder.join(FILE).exists() {
                continue;
            }
            match Self::load(folder) {
                Ok(followed) => good.push(followed),
                Err(error) => bad.push(error),
            }
        }
        (good, bad)
    }

    fn load(folder: PathBuf) -> Result<Self, FollowedError> {
        let path = folder.join(FILE);
        let bytes = read_private(&path, u64::try_from(MAX).unwrap_or(u64::MAX))?;
        let text: Text = strict::parse(&bytes, MAX)
            .map_err(|error| FollowedError::Damaged(path.clone(), error))?;
        if text.v != 1 {
            return Err(FollowedError::Newer(path));
        }
        Ok(Self {
            url: text.url.parse()?,
            about: text.about,
            folder,
        })
    }

    /// Writes it down.
    pub(crate) fn save(&self) -> Result<(), FollowedError> {
        private_folder(&self.folder)?;
        let text = Text {
            about: self.about.clone(),
            url: self.url.to_string(),
            v: 1,
        };
        let mut bytes = strict::canonical(&text);
        bytes.push(b'\n');
        Ok(write_private(&self.folder.join(FILE), &bytes)?)
    }

    /// Keeps the certificates of its own authority.
    pub(crate) fn trust_authority(&self, pem: Option<&str>) -> Result<(), FollowedError> {
        let path = self.folder.join(AUTHORITY);
        match pem {
            Some(pem) => Ok(write_private(&path, pem.as_bytes())?),
            None => gone(&path),
        }
    }

    /// The file of those, where there is one.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        Some(self.folder.join(AUTHORITY)).filter(|path| path.exists())
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Result<Gateway, ClientError> {
        Gateway::at(self.url.clone(), self.authority().as_deref())
    }

    /// Deletes what is here of it, but the evidence.
    pub(crate) fn delete(&self) -> Result<(), FollowedError> {
        // The file first: without it the rest is not followed.
        let kept = [FILE, AUTHORITY, TRUST, MIRROR];
        let beside = ["-wal", "-shm", "-lock"].map(|end| format!("{MIRROR}{end}"));
        for name in kept.into_iter().map(str::to_owned).chain(beside) {
            gone(&self.folder.join(name))?;
        }
        // It stays when evidence is in it.
        let _evidence = std::fs::remove_dir(&self.folder);
        Ok(())
    }

    /// What another console of this person needs to follow it as well.
    pub(crate) fn joining(&self, invitation: Option<(String, ReviewerId)>) -> Option<Joining> {
        let authority = self
            .authority()
            .and_then(|path| std::fs::read_to_string(path).ok());
        let (invitation, reviewer) = match invitation {
            Some((invitation, reviewer)) => (Some(invitation), reviewer),
            None => (None, self.about.reviewer?),
        };
        Some(Joining {
            authority,
            invitation,
            log: self.about.log?,
            reviewer,
            url: self.url.clone(),
        })
    }
}

/// Where a console keeps what it has of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// Mirror, evidence, software key.
    pub(crate) folder: PathBuf,
    pub(crate) trust: PathBuf,
}

impl Files {
    /// For the gateway of this computer, or one elsewhere.
    pub(crate) fn of(home: &Home, followed: Option<&Followed>) -> Self {
        match followed {
            None => Self {
                folder: home.console_dir(),
                trust: home.trust_file(),
            },
            Some(followed) => Self {
                folder: followed.folder.clone(),
                trust: followed.folder.join(TRUST),
            },
        }
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        self.folder.join(MIRROR)
    }
}

fn gone(path: &Path) -> Result<(), FollowedError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn followed(home: &Home, url: &str) -> Followed {
        let about = About {
            log: Some(Digest([1; 32])),
            reviewer: Some(ReviewerId::from_random([2; 16])),
            invitation: None,
            claimed: None,
            name: "Production".into(),
            colour: Colour::Red,
        };
        Followed::new(home, url.parse().unwrap(), about)
    }

    #[test]
    fn each_has_a_folder_and_what_is_unreadable_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert!(Followed::all(&home).0.is_empty());
        let (one, next) = (
            followed(&home, "https://a.example"),
            followed(&home, "https://a.example:8443"),
        );
        one.save().unwrap();
        next.save().unwrap();
        next.trust_authority(Some("PEM")).unwrap();
        assert_eq!(one.id(), "a.example");
        assert_eq!(one.authority(), None);
        let (good, bad) = Followed::all(&home);
        assert_eq!((good, bad.len()), (vec![one.clone(), next.clone()], 0));
        let joining = next.joining(None).unwrap();
        assert_eq!(joining.authority.as_deref(), Some("PEM"));
        assert_eq!(joining.to_string().parse::<Joining>().unwrap(), joining);
        std::fs::write(one.folder.join(FILE), "{}").unwrap();
        let (good, bad) = Followed::all(&home);
        assert_eq!((good.len(), bad.len()), (1, 1));
    }

    #[test]
    fn what_is_followed_no_longer_leaves_its_evidence() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let one = followed(&home, "https://a.example");
        one.save().unwrap();
        let evidence = one.folder.join("evidence-1.json");
        std::fs::write(&evidence, "{}").unwrap();
        std::fs::write(one.folder.join(MIRROR), "").unwrap();
        one.delete().unwrap();
        one.delete().unwrap();
        assert!(evidence.exists());
        assert!(!one.folder.join(MIRROR).exists());
        assert!(Followed::all(&home).0.is_empty());
        std::fs::remove_file(evidence).unwrap();
        one.delete().unwrap();
        assert!(!one.folder.exists());
    }
}
