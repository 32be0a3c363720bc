//! Goes through an export that was verified, for whoever wants more of it than
//! that it is right: first all entries, then all parts.
//!
//! It judges no signature. That the entries and parts are those that were
//! verified follows from the root.

use std::collections::HashMap;
use std::io::{self, BufRead};

use serde::Deserialize;
use vidimus_ledger::part;
use vidimus_ledger::tree::{MemoryTree, leaf_hash};
use vidimus_protocol::entry::{Entry, MAX_LEAF, Parsed, PartRef};
use vidimus_protocol::{Digest, Leaf, State, strict};

use super::lines::{Lines, ReadError};
use super::{Header, MAX_HEADER, MAX_PART_LINE, PartLine};

/// Why an export cannot be gone through, although it was verified.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not the file that was verified.
    #[error("it has changed since it was verified")]
    Changed,
}

impl From<ReadError> for WalkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Io(error),
            _ => Self::Changed,
        }
    }
}

/// An export whose entries were gone through, and whose parts come next.
pub struct Walked<R> {
    lines: Lines<R>,
    parts: u64,
    state: State,
    wanted: HashMap<(u64, String), Digest>,
}

/// Goes through the entries of the export of which [`super::verify`] found that
/// root. `each` gets an entry with what those before it say, and names the parts
/// of it that are wanted.
///
/// # Errors
/// [`WalkError`].
pub fn walk<R: BufRead + Send>(
    reader: R,
    root: Digest,
    mut each: impl FnMut(&State, &Entry) -> &'static [&'static str],
) -> Result<Walked<R>, WalkError> {
    let mut lines = Lines::new(reader);
    let header: Header =
        strict::parse(&lines.next(MAX_HEADER)?, MAX_HEADER).map_err(|_| WalkError::Changed)?;
    for _ in 0..header.size {
        lines.next(MAX_LEAF)?;
    }
    let mut state = State::new();
    let mut tree = MemoryTree::new();
    let mut wanted = HashMap::new();
    for index in 0..header.size {
        let line = lines.next(MAX_LEAF)?;
        let hash = leaf_hash(&line);
        tree.push(hash);
        let Ok(Parsed::Known(leaf)) = Leaf::parse(&line) else {
            return Err(WalkError::Changed);
        };
        let entry = Entry {
            index,
            leaf_hash: Digest(hash),
            leaf,
        };
        let names = each(&state, &entry);
        state.apply(&entry).map_err(|_| WalkError::Changed)?;
        let named = |part: &PartRef| names.contains(&part.name.as_str());
        let parts = entry.leaf.parts.into_iter().filter(named);
        wanted.extend(parts.map(|part| ((index, part.name), part.commit)));
    }
    if tree.root() != root.0 {
        return Err(WalkError::Changed);
    }
    Ok(Walked {
        lines,
        parts: header.parts,
        state,
        wanted,
    })
}

impl<R: BufRead + Send> Walked<R> {
    /// What all entries say.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Hands out the parts that are wanted, by entry and name.
    ///
    /// # Errors
    /// [`WalkError`].
    pub fn parts(mut self, mut each: impl FnMut(u64, &str, Vec<u8>)) -> Result<State, WalkError> {
        for _ in 0..self.parts {
            let line = self.lines.next(MAX_PART_LINE)?;
            if let Some(part) = self.wanted_part(&line)? {
                each(part.index, &part.name, part.bytes.0);
            }
        }
        if self.wanted.is_empty() {
            Ok(self.state)
        } else {
            Err(WalkError::Changed)
        }
    }

    fn wanted_part(&mut self, line: &[u8]) -> Result<Option<PartLine>, WalkError> {
        /// Where a part belongs: most are not wanted, and need not be decoded.
        #[derive(Deserialize)]
        struct Place {
            index: u64,
            name: String,
        }
        let place: Place = serde_json::from_slice(line).map_err(|_| WalkError::Changed)?;
        let Some(commit) = self.wanted.remove(&(place.index, place.name)) else {
            return Ok(None);
        };
        let part: PartLine =
            strict::parse_ordered(line, MAX_PART_LINE).map_err(|_| WalkError::Changed)?;
        let found = part::commit(&part.salt.0, &part.r#type, &part.bytes.0);
        if found.ok() != Some(commit.0) {
            return Err(WalkError::Changed);
        }
        Ok(Some(part))
    }
}
