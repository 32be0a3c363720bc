//! Whole-log replay: every entry is hashed, read, judged and, where it holds a
//! signed act, verified. The gateway runs it before it commits, consoles and
//! `vidimus verify` run it over what they got.
//!
//! Out of scope: parts, checkpoints and trust (see [`crate::export`]).
//! Spec: `docs/spec/export.md`.

use std::sync::{Arc, Mutex, PoisonError};

use vidimus_ledger::tree::MemoryTree;
use vidimus_policy::Situation;
use vidimus_protocol::entry::Leaf;
use vidimus_protocol::state::{Effect, Route};
use vidimus_protocol::{Digest, State};

pub use crate::judge::{EnrolmentError, ReplayError};
pub use crate::opening::OpeningError;

use crate::act;
use crate::evaluations::situation;
use crate::judge::{Judge, Judged, Keys, Read};
use crate::parallel;

/// Leaves that one thread works on at a time.
const CHUNK: usize = 64;

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
    /// What the log itself says of a proposal under a policy: its inputs must
    /// say the same.
    pub situation: Option<Box<Situation>>,
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
        let read = self.judge.keys().read(leaf);
        self.take(read)
    }

    /// [`Replay::push`] for a leaf that is about to be made: judges what every
    /// reader will read in its bytes, and returns them.
    ///
    /// # Errors
    /// [`ReplayError`] names the first broken rule.
    pub fn push_new(&mut self, leaf: &Leaf) -> Result<(Vec<u8>, Pushed), ReplayError> {
        let (bytes, parsed) = leaf.written();
        let read = self.judge.keys().check(&bytes, parsed);
        Ok((bytes, self.take(read)?))
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
        each: impl FnMut(Pushed) + Send,
    ) -> Result<(), (u64, ReplayError)> {
        self.push_all_seen(leaves, |_, _, _| {}, each)
    }

    /// [`Replay::push_all`], where `before` sees each leaf that can be judged
    /// in its turn, with what stands in the log before it. It may be wrong yet.
    ///
    /// # Errors
    /// As [`Replay::push_all`].
    pub fn push_all_seen<L: AsRef<[u8]> + Sync>(
        &mut self,
        leaves: &[L],
        mut before: impl FnMut(&State, u64, &Leaf) + Send,
        mut each: impl FnMut(Pushed) + Send,
    ) -> Result<(), (u64, ReplayError)> {
        let mut chunks = leaves.chunks(CHUNK);
        self.push_chunks(
            |chunk: &mut &[L]| {
                *chunk = chunks.next().unwrap_or_default();
                Ok(!chunk.is_empty())
            },
            |chunk, keys| chunk.iter().map(|leaf| keys.read(leaf.as_ref())).collect(),
            |replay, read| {
                let index = replay.tree.size();
                if let (Some(leaf), None) = (read.leaf(), replay.upgrade) {
                    before(replay.state(), index, leaf);
                }
                each(replay.take(read).map_err(|error| (index, error))?);
                Ok(())
            },
        )
    }

    /// [`Replay::push_all`] for leaves that `fill` brings by and by, as for
    /// [`parallel::for_each_in_order`]. What was read is given to `take` with
    /// the replay, which judges it or not.
    pub(crate) fn push_chunks<C: Default, R: Send, E: Send>(
        &mut self,
        fill: impl FnMut(&mut C) -> Result<bool, E> + Send,
        read: impl Fn(&C, &Keys) -> Vec<R> + Sync,
        mut take: impl FnMut(&mut Self, R) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        // What was read before its key was known is verified in its turn.
        let keys = Mutex::new(self.judge.keys());
        let known = || keys.lock().unwrap_or_else(PoisonError::into_inner);
        parallel::for_each_in_order(
            fill,
            |chunk| {
                let keys = Arc::clone(&known());
                read(chunk, &keys)
            },
            |item| {
                take(self, item)?;
                *known() = self.judge.keys();
                Ok(())
            },
        )
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

    /// Judges what was read and takes it, as [`Replay::push`] does.
    pub(crate) fn take(&mut self, read: Read) -> Result<Pushed, ReplayError> {
        let index = self.tree.size();
        let hash = read.leaf_hash;
        let situation = read.leaf().and_then(|leaf| situation(leaf, self.state()));
        let judged = if self.upgrade.is_some() {
            Judged::Unknown
        } else {
            let tree = &self.tree;
            let check_pin = |envelope: &_| act::check_pin(envelope, |size| tree.root_at(size));
            self.judge.judge(index, read, check_pin)?
        };
        self.tree.push(hash);
        let situation = situation.filter(|_| self.upgrade.is_none());
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
            situation: situation.map(Box::new),
        })
    }
}

#[cfg(test)]
mod tests;
