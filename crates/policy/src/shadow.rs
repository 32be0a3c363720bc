//! A set in shadow: what is proposed from now on, evaluated beside the set in
//! force, with no effect on anything.
//!
//! It is a replay that goes on ([`crate::LogReplay`] is one that ends): entries
//! come in one by one, the parts that they commit to later, and each proposal
//! is evaluated once both are there, and again when an approval is given or
//! taken back. What is over is counted and let go. Out of scope: where entries
//! and parts come from, and that they are right.

use std::collections::{BTreeSet, HashMap, HashSet};

use vidimus_protocol::State;
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::{Data, Leaf};

use crate::inputs::Inputs;
use crate::replay::{Replayed, replay};
use crate::replay_log::{Proposals, Row, Tally};
use crate::set::Set;

/// What is proposed, evaluated under another set as it comes.
#[derive(Debug)]
pub struct Shadow<T> {
    set: Set,
    about: fn(&Action) -> T,
    /// On which people may still decide, or which are not evaluated yet.
    proposals: Proposals,
    /// To be evaluated, or anew.
    due: BTreeSet<u64>,
    /// Of which a part is not there.
    awaited: BTreeSet<u64>,
    /// Nobody decides on them any more.
    over: HashSet<u64>,
    /// What came of those that are kept.
    judged: HashMap<u64, Replayed>,
    tally: Tally,
}

impl<T> Shadow<T> {
    /// Of these proposals, under `set`. `about` is what is kept of each action.
    #[must_use]
    pub fn new(set: Set, proposals: Proposals, about: fn(&Action) -> T) -> Self {
        Self {
            set,
            about,
            proposals,
            due: BTreeSet::new(),
            awaited: BTreeSet::new(),
            over: HashSet::new(),
            judged: HashMap::new(),
            tally: Tally::default(),
        }
    }

    /// Takes the leaf of the entry at `index`, with what those before it say.
    pub fn take(&mut self, before: &State, index: u64, leaf: &Leaf) {
        self.proposals.take(before, index, leaf);
        let Some(entry) = leaf
            .data
            .action()
            .and_then(|id| self.proposals.entry_of(&id))
        else {
            return;
        };
        match &leaf.data {
            Data::ActionProposed(_) | Data::VerdictGiven(_) => {
                self.due.insert(entry);
            }
            Data::ActionResolved(_) if self.is_pending(entry) => {
                self.over.insert(entry);
            }
            Data::ActionResolved(_) => self.let_go(entry),
            _ => {}
        }
    }

    /// The first entry whose proposal is to be evaluated.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.due.first().copied()
    }

    /// A part of that entry has come.
    pub fn arrived(&mut self, entry: u64) {
        if self.awaited.remove(&entry) {
            self.due.insert(entry);
        }
    }

    /// Entries that wait for a part.
    pub fn awaited(&self) -> impl ExactSizeIterator<Item = u64> {
        self.awaited.iter().copied()
    }

    /// How many are to be evaluated and were not looked at yet.
    #[must_use]
    pub fn behind(&self) -> usize {
        let new = |entry: &&u64| !self.judged.contains_key(entry);
        self.due.iter().filter(new).count()
    }

    /// What came of all of them.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Evaluates the proposal of an entry that is due, with its parts as far as
    /// they are here. `None`: nothing new came of it, or a part has yet to come.
    pub fn judge(
        &mut self,
        entry: u64,
        inputs: Option<&[u8]>,
        payload: Option<&[u8]>,
    ) -> Option<Row<T>> {
        if !self.due.remove(&entry) {
            return None;
        }
        self.awaited.remove(&entry);
        let mut proposal = self.proposals.by_entry.get(&entry)?.clone();
        let Some(payload) = payload.filter(|_| inputs.is_some() || !proposal.has_inputs) else {
            self.awaited.insert(entry);
            return None;
        };
        proposal.inputs = inputs.and_then(|bytes| Inputs::parse(bytes).ok());
        let (about, result) = match proposal.read(payload, self.about) {
            Ok((about, inputs)) => {
                let (before, approvals) = (&proposal.before, &proposal.approvals);
                let replayed = replay(&self.set, &inputs, before, approvals);
                (Some(about), Ok(replayed))
            }
            Err((about, why)) => (about, Err(why)),
        };
        let new = match &result {
            Ok(replayed) => match self.judged.insert(entry, replayed.clone()) {
                None => {
                    self.tally.note(&proposal, replayed);
                    true
                }
                Some(last) => {
                    self.tally.amend(&last, replayed);
                    last != *replayed
                }
            },
            Err(_) => {
                self.tally.unjudged += 1;
                true
            }
        };
        // What cannot be read now can never be read.
        if self.over.remove(&entry) || result.is_err() {
            self.let_go(entry);
        }
        new.then_some(Row {
            about,
            proposal,
            result,
        })
    }

    fn is_pending(&self, entry: u64) -> bool {
        self.due.contains(&entry) || self.awaited.contains(&entry)
    }

    fn let_go(&mut self, entry: u64) {
        self.proposals.forget(entry);
        self.judged.remove(&entry);
    }
}
