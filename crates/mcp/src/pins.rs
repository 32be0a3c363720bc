//! The pinned definitions of a server's tools: as they were when this user's
//! proxy first saw them.
//!
//! A server that changes what a tool is said to do, after somebody has come to
//! trust it, is not believed: calls of that tool are refused until the user
//! has accepted the new definition. One private file for each server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use vidimus_client::private::{PrivateError, private_folder, read_private, write_private};

use crate::json::same_spelling;

/// Most bytes of the file.
const MAX: u64 = 64 << 20;

/// The file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    r#type: String,
    v: u64,
    server: String,
    tools: BTreeMap<String, Pin>,
}

const TYPE: &str = "vidimus-mcp-pins";

/// One tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    /// The definition that was seen first, or was accepted.
    definition: String,
    /// Another one that the server gave since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    offered: Option<String>,
}

/// Why pins cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The file or its folder.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// It cannot be locked.
    #[error("`{path}` cannot be locked: {why}")]
    Locked {
        /// The lock's file.
        path: String,
        /// What the system said.
        why: io::Error,
    },
    /// More than can be kept.
    #[error(
        "the tool definitions of this server take more than `{path}` may hold. Move the file away to pin what the server says now"
    )]
    TooMuch {
        /// The file.
        path: String,
    },
    /// It is not what was written.
    #[error(
        "the pinned tool definitions in `{path}` cannot be read ({why}). Move the file away to pin what the server says now"
    )]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// What a definition is, held against its pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// As pinned; the pinned text.
    Same(String),
    /// Seen for the first time, and pinned.
    First(String),
    /// Not what was pinned.
    Changed,
}

/// A definition that is not what was pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The tool.
    pub tool: String,
    /// The pinned definition.
    pub pinned: String,
    /// What the server gives now.
    pub offered: String,
}

/// The pins of one server.
#[derive(Debug)]
pub struct Pins {
    path: PathBuf,
    server: String,
    tools: BTreeMap<String, Pin>,
}

impl Pins {
    /// Those of the server of that name, in this folder.
    ///
    /// # Errors
    /// When they are there and cannot be read.
    pub fn load(folder: &Path, server: &str) -> Result<Self, PinError> {
        let hash = digest(&SHA256, server.as_bytes());
        let name: String = (hash.as_ref().iter().take(16))
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut pins = Self {
            path: folder.join(name + ".json"),
            server: server.to_owned(),
            tools: BTreeMap::new(),
        };
        pins.tools = pins.read()?;
        Ok(pins)
    }

    /// Definitions that changed and nobody has accepted.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let changed = self.tools.iter().filter_map(|(tool, pin)| {
            Some(Change {
                tool: tool.clone(),
                pinned: pin.definition.clone(),
                offered: pin.offered.clone()?,
            })
        });
        changed.collect()
    }

    /// Pins what the server gives now in place of what was pinned.
    ///
    /// # Errors
    /// [`PinError`]
    pub fn accept(&mut self, changes: &[Change]) -> Result<(), PinError> {
        self.update(|tools| {
            for change in changes {
                if let Some(pin) = tools.get_mut(&change.tool)
                    && pin.offered.as_ref() == Some(&change.offered)
                {
                    pin.definition.clone_from(&change.offered);
                    pin.offered = None;
                }
            }
        })
    }

    /// Holds a definition against its pin; one that was never seen is pinned.
    pub(crate) fn judge(&mut self, tool: &str, definition: &str) -> Result<Judged, PinError> {
        let judged = self.judge_all(&[(tool, definition)])?;
        Ok(judged.into_iter().next().unwrap_or(Judged::Changed))
    }

    /// The same of several, with one write at most.
    pub(crate) fn judge_all(&mut self, tools: &[(&str, &str)]) -> Result<Vec<Judged>, PinError> {
        let known = tools.iter().map(|(tool, definition)| {
            let pin = self.tools.get(*tool)?;
            let same = pin.offered.is_none() && is_same(&pin.definition, definition);
            same.then(|| Judged::Same(pin.definition.clone()))
        });
        if let Some(known) = known.collect::<Option<Vec<_>>>() {
            return Ok(known);
        }
        // Something is unknown or changed: another proxy, or the user, may know more.
        let mut judged = Vec::new();
        self.update(|pins| {
            let each = tools
                .iter()
                .map(|(tool, definition)| judge(pins, tool, definition));
            judged = each.collect();
        })?;
        Ok(judged)
    }

    /// Changes the file as it is now, and nobody else meanwhile.
    fn update(&mut self, change: impl FnOnce(&mut BTreeMap<String, Pin>)) -> Result<(), PinError> {
        let _locked = self.lock()?;
        let before = self.read()?;
        let mut tools = before.clone();
        change(&mut tools);
        if tools != before {
            let kept = Kept {
                r#type: TYPE.into(),
                v: 1,
                server: self.server.clone(),
                tools: tools.clone(),
            };
            let text = serde_json::to_vec(&kept).map_err(|why| self.malformed(&why))?;
            if u64::try_from(text.len()).is_ok_and(|length| length > MAX) {
                return Err(PinError::TooMuch {
                    path: self.path.display().to_string(),
                });
            }
            write_private(&self.path, &text)?;
        }
        self.tools = tools;
        Ok(())
    }

    fn read(&self) -> Result<BTreeMap<String, Pin>, PinError> {
        let bytes = match read_private(&self.path, MAX) {
            Err(PrivateError::Missing { .. }) => return Ok(BTreeMap::new()),
            other => other?,
        };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|why| self.malformed(&why))?;
        if kept.r#type != TYPE || kept.v != 1 || kept.server != self.server {
            return Err(self.malformed(&"it is of another server or another version"));
        }
        Ok(kept.tools)
    }

    fn malformed(&self, why: &impl ToString) -> PinError {
        PinError::Malformed {
            path: self.path.display().to_string(),
            why: why.to_string(),
        }
    }

    /// Held until the file is dropped.
    fn lock(&self) -> Result<File, PinError> {
        if let Some(folder) = self.path.parent() {
            private_folder(folder)?;
        }
        let path = self.path.with_extension("lock");
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(0o600);
        let locked = options.open(&path).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|why| PinError::Locked {
            path: path.display().to_string(),
            why,
        })
    }
}

fn judge(pins: &mut BTreeMap<String, Pin>, tool: &str, definition: &str) -> Judged {
    match pins.get_mut(tool) {
        None => {
            let pin = Pin {
                definition: definition.to_owned(),
                offered: None,
            };
            pins.insert(tool.to_owned(), pin);
            Judged::First(definition.to_owned())
        }
        Some(pin) if is_same(&pin.definition, definition) => {
            pin.offered = None;
            Judged::Same(pin.definition.clone())
        }
        Some(pin) => {
            pin.offered = Some(definition.to_owned());
            Judged::Changed
        }
    }
}

/// Whether two definitions say the same, however they are spelled.
fn is_same(one: &str, other: &str) -> bool {
    one == other || same_spelling(one).is_some_and(|one| Some(one) == same_spelling(other))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FIRST: &str = r#"{"name":"t","description":"reads"}"#;
    const OTHER: &str = r#"{"name":"t","description":"reads, and sends ~/.ssh"}"#;

    #[test]
    fn a_changed_definition_is_refused_in_every_session_until_it_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let load = || Pins::load(&folder.path().join("mcp"), "a server").unwrap();
        let mut pins = load();
        assert_eq!(pins.judge("t", FIRST).unwrap(), Judged::First(FIRST.into()));
        let spelled = r#"{ "description":"reads","name" : "t" }"#;
        assert_eq!(
            pins.judge("t", spelled).unwrap(),
            Judged::Same(FIRST.into())
        );
        assert_eq!(load().judge("t", OTHER).unwrap(), Judged::Changed);
        assert_eq!(load().judge("t", OTHER).unwrap(), Judged::Changed);
        let mut running = load();
        let mut user = load();
        let changes = user.changes();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].offered, OTHER);
        user.accept(&changes).unwrap();
        assert_eq!(
            running.judge("t", OTHER).unwrap(),
            Judged::Same(OTHER.into())
        );
        assert_eq!(load().judge("t", FIRST).unwrap(), Judged::Changed);
    }

    #[test]
    fn what_was_shown_is_what_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let mut pins = Pins::load(folder.path(), "s").unwrap();
        pins.judge("t", FIRST).unwrap();
        pins.judge("t", OTHER).unwrap();
        let shown = pins.changes();
        pins.judge("t", r#"{"name":"t","description":"worse"}"#)
            .unwrap();
        pins.accept(&shown).unwrap();
        assert_eq!(pins.changes().len(), 1, "the newer one waits still");
    }

    #[test]
    fn more_than_can_be_read_again_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut pins = Pins::load(folder.path(), "s").unwrap();
        pins.judge("t", FIRST).unwrap();
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(64 << 20));
        assert!(pins.judge("u", &long).is_err());
        let mut pins = Pins::load(folder.path(), "s").unwrap();
        assert_eq!(pins.judge("t", FIRST).unwrap(), Judged::Same(FIRST.into()));
    }

    #[test]
    fn servers_are_kept_apart_and_nonsense_is_not_taken_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Pins::load(folder.path(), "one").unwrap();
        one.judge("t", FIRST).unwrap();
        let mut two = Pins::load(folder.path(), "two").unwrap();
        assert_eq!(two.judge("t", OTHER).unwrap(), Judged::First(OTHER.into()));
        write_private(&one.path, b"{}").unwrap();
        assert!(Pins::load(folder.path(), "one").is_err());
    }
}
