//! What a gateway hands over: checkpoints, acknowledgements, bundles, exports.

use std::collections::BTreeSet;

use vidimus_ledger::checkpoint::{self, Checkpoint};
use vidimus_ledger::tree::leaf_hash;
use vidimus_protocol::api::{Ack, Content, PartOfEntry, Proven};
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{ActionId, Digest};

use super::Story;
use crate::export;

impl Story {
    /// The trust file.
    #[must_use]
    pub fn trust(&self) -> TrustFile {
        TrustFile::new(self.log.id)
    }

    /// A signed checkpoint over everything so far.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.checkpoint_at(self.size())
    }

    /// A signed checkpoint over the first `size` entries.
    ///
    /// # Panics
    /// When there are fewer entries.
    #[must_use]
    pub fn checkpoint_at(&self, size: u64) -> String {
        let checkpoint = Checkpoint {
            origin: self.log.opened.origin.clone(),
            size,
            root: self.tree.root_at(size).expect("that many entries"),
        };
        checkpoint::sign(&checkpoint, &self.log_key, self.now.unix_ms() / 1000)
    }

    /// The acknowledgement of these entries.
    ///
    /// # Panics
    /// When one of them does not exist.
    #[must_use]
    pub fn ack(&self, indexes: &[u64]) -> Ack {
        let proven = |index: &u64| {
            let path = self.tree.inclusion_proof(*index, self.size());
            let leaf = &self.leaves[usize::try_from(*index).expect("it is in memory")];
            Proven {
                index: *index,
                leaf: String::from_utf8(leaf.clone()).expect("leaves are JSON"),
                proof: path.expect("it exists").into_iter().map(Digest).collect(),
            }
        };
        Ack {
            checkpoint: self.checkpoint(),
            entries: indexes.iter().map(proven).collect(),
            parts: Vec::new(),
        }
    }

    /// The proof bundle of a redeemed action.
    #[must_use]
    pub fn bundle(&self, action: ActionId) -> Ack {
        let told = &self.actions[&action];
        let people = [
            Some(self.opened()),
            self.credential,
            self.registered,
            self.policy,
        ];
        let after = [
            told.resolution,
            told.permit.map(|(entry, _)| entry),
            told.redemption,
        ];
        let mut line = Vec::new();
        let mut edits = told.proposed.edits;
        while let Some(old) = edits.map(|old| &self.actions[&old]) {
            line.extend([Some(old.proposal), old.edit.map(|(entry, _)| entry)]);
            edits = old.proposed.edits;
        }
        let uses = told.proposed.grants.iter();
        let used: Vec<_> = uses.map(|using| self.grants[&using.grant]).collect();
        let likes = used.iter().map(|(_, like)| self.actions[like].proposal);
        let likes: Vec<_> = likes.collect();
        let covers = |index: u64, name: &str| match name {
            "payload" => likes.iter().any(|like| like.index == index),
            "shape" => used.iter().any(|(given, _)| given.index == index),
            _ => false,
        };
        let indexes: BTreeSet<u64> = people
            .into_iter()
            .chain(line)
            .chain([Some(told.proposal)])
            .chain(likes.iter().copied().map(Some))
            .flatten()
            .chain(told.verdicts.iter().copied())
            .chain(after.into_iter().flatten())
            .map(|entry| entry.index)
            .collect();
        let needed = |(index, name, content): &(u64, String, Content)| {
            let part = PartOfEntry {
                content: content.clone(),
                index: *index,
                name: name.clone(),
            };
            let wanted = name == "policy"
                || (*index == told.proposal.index && name == "inputs")
                || covers(*index, name);
            wanted.then_some(part)
        };
        Ack {
            parts: self.parts.iter().filter_map(needed).collect(),
            ..self.ack(&Vec::from_iter(indexes))
        }
    }

    /// The whole log with its parts in one file.
    ///
    /// # Panics
    /// Never: memory takes everything.
    #[must_use]
    pub fn export(&self) -> Vec<u8> {
        let parts = u64::try_from(self.parts.len()).expect("they are in memory");
        let hash = |leaf: &Vec<u8>| Digest(leaf_hash(leaf));
        let hashes: Vec<_> = self.leaves.iter().map(hash).collect();
        let note = self.checkpoint();
        let mut writer = export::Writer::new(Vec::new(), self.log.id, &note, &hashes, parts)
            .expect("memory takes everything");
        for leaf in &self.leaves {
            writer.leaf(leaf).expect("as many as announced");
        }
        for (index, name, content) in &self.parts {
            let written = writer.part(*index, name, content);
            written.expect("as many as announced");
        }
        writer.finish().expect("as many as announced")
    }
}
