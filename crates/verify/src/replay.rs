//! Whole-log replay: every entry is hashed, read, judged and, where it holds a
//! signed act, verified. The gateway runs it before it commits, consoles and
//! `vidimus verify` run it over what they got.
//!
//! Out of scope: parts, checkpoints and trust (see [`crate::export`]).
//! Spec: `docs/spec/export.md`.

use std::thread;

use vidimus_ledger::tree::{Hash, MemoryTree};
use vidimus_protocol::entry::Leaf;
use vidimus_protocol::state::{Effect, Route};
use vidimus_protocol::{Digest, State};

pub use crate::judge::{EnrolmentError, ReplayError};
pub use crate::opening::OpeningError;

use crate::act;
use crate::judge::{Judge, Judged, Read};

/// Leaves that are read ahead by several threads. The first window is small,
/// so that the keys which the log starts with are known after it.
const FIRST_WINDOW: usize = 16;
const WINDOW: usize = 4096;
/// Fewer leaves than this are not worth another thread.
const WORTH_A_THREAD: usize = 64;

/// A log, replayed up to some entry.
#[derive(Debug, Default)]
pub struct Replay {
    judge: Judge,
    tree: MemoryTree,
    upgrade: Option<u64>,
}

/// What one entry turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Its position.
    pub index: u64,
    /// RFC 6962 leaf hash.
    pub leaf_hash: Digest,
    /// What it says. `None` from the first entry on that this version cannot
    /// judge ([`Replay::upgrade`]).
    pub leaf: Option<Leaf>,
    /// What the gateway has to do next.
    pub effect: Option<Effect>,
    /// How the key was reached that signed it, if one did.
    pub route: Option<Route>,
}

impl Replay {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges and takes the next leaf. A refused leaf changes nothing, and the
    /// replay stays usable: the gateway refuses one act and goes on, a
    /// verifier stops at the first error.
    ///
    /// # Errors
    /// [`ReplayError`] names the first broken rule.
    pub fn push(&mut self, leaf: &[u8]) -> Result<Pushed, ReplayError> {
        let read = self.read(leaf);
        self.take(read)
    }

    /// Takes many leaves, with the signatures verified by all processors, and
    /// hands each to `each`. The result is that of one [`Replay::push`] after
    /// another.
    ///
    /// # Errors
    /// The position of the first wrong entry, with the rule that it breaks.
    pub fn push_all<L: AsRef<[u8]> + Sync>(
        &mut self,
        leaves: &[L],
        mut each: impl FnMut(Pushed),
    ) -> Result<(), (u64, ReplayError)> {
        let mut rest = leaves;
        while !rest.is_empty() {
            let window = if self.tree.size() < FIRST_WINDOW as u64 {
                FIRST_WINDOW
            } else {
                WINDOW
            };
            let (now, later) = rest.split_at(window.min(rest.len()));
            for read in self.read_all(now) {
                let index = self.tree.size();
                each(self.take(read).map_err(|error| (index, error))?);
            }
            rest = later;
        }
        Ok(())
    }

    /// What the entries say, up to the first that cannot be judged.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.judge.state
    }

    /// The tree over all entries.
    #[must_use]
    pub fn tree(&self) -> &MemoryTree {
        &self.tree
    }

    /// How many signed acts were verified.
    #[must_use]
    pub fn signatures(&self) -> u64 {
        self.judge.signatures
    }

    /// The first entry of a version or kind that this program does not know.
    /// It and what follows is hashed and not judged.
    #[must_use]
    pub fn upgrade(&self) -> Option<u64> {
        self.upgrade
    }

    fn read(&self, leaf: &[u8]) -> Work {
        if self.upgrade.is_some() {
            Work::Hash(vidimus_ledger::tree::leaf_hash(leaf))
        } else {
            Work::Judge(Box::new(self.judge.read(leaf)))
        }
    }

    fn read_all<L: AsRef<[u8]> + Sync>(&self, leaves: &[L]) -> Vec<Work> {
        let read = |leaves: &[L]| -> Vec<Work> {
            leaves.iter().map(|leaf| self.read(leaf.as_ref())).collect()
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let share = leaves.len().div_ceil(processors).max(WORTH_A_THREAD);
        let mut shares = leaves.chunks(share);
        let own = shares.next().unwrap_or_default();
        thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|leaves| scope.spawn(move || read(leaves)))
                .collect();
            let mut all = read(own);
            for other in others {
                all.extend(other.join().expect("reading a leaf does not panic"));
            }
            all
        })
    }

    fn take(&mut self, work: Work) -> Result<Pushed, ReplayError> {
        let index = self.tree.size();
        let (hash, judged) = match work {
            Work::Judge(read) if self.upgrade.is_none() => {
                let hash = read.leaf_hash;
                let tree = &self.tree;
                let check_pin = |envelope: &_| act::check_pin(envelope, |size| tree.root_at(size));
                (hash, self.judge.judge(index, *read, check_pin)?)
            }
            Work::Judge(read) => (read.leaf_hash, Judged::Unknown),
            Work::Hash(hash) => (hash, Judged::Unknown),
        };
        self.tree.push(hash);
        let (leaf, effect, route) = match judged {
            Judged::Known {
                leaf,
                effect,
                route,
            } => (Some(leaf), effect, route),
            Judged::Unknown => {
                self.upgrade.get_or_insert(index);
                (None, None, None)
            }
        };
        Ok(Pushed {
            index,
            leaf_hash: Digest(hash),
            leaf,
            effect,
            route,
        })
    }
}

/// A leaf that was read ahead.
enum Work {
    Judge(Box<Read>),
    Hash(Hash),
}

#[cfg(test)]
mod tests;
