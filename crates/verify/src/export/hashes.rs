//! The leaf hashes that stand before the leaves, so that a changed leaf can be
//! told from its neighbours. Nothing is believed because it stands here: either
//! they lead to the root that the log signed, or they prove nothing.

use std::io::BufRead;

use vidimus_ledger::tree::{Hash, MemoryTree};

use super::lines::{Lines, ReadError};

/// A hash line: two quotation marks, 64 digits and the line end.
const WIDTH: usize = 67;

/// Hash lines as they stand in the file.
#[derive(Default)]
pub(super) struct Hashes {
    block: Vec<u8>,
}

impl Hashes {
    /// Reads `count` lines. After an error, those before the wrong one are here.
    pub(super) fn read(
        &mut self,
        lines: &mut Lines<impl BufRead>,
        count: u64,
    ) -> Result<(), ReadError> {
        let is_line = |line: &[u8]| line[0] == b'"' && line[WIDTH - 2..] == *b"\"\n";
        lines.block(WIDTH, count, is_line, &mut self.block)
    }

    /// How many lines are here.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.block.len() / WIDTH).unwrap_or(u64::MAX)
    }

    /// Whether the line at `index` is this hash.
    pub(super) fn holds(&self, index: u64, hash: &Hash) -> bool {
        let mut digits = const_hex::Buffer::<32>::new();
        self.digits(index) == Some(digits.format(hash).as_bytes())
    }

    /// The tree over them, or the position of a line that is no hash.
    pub(super) fn tree(&self) -> Result<MemoryTree, u64> {
        let mut tree = MemoryTree::new();
        for index in 0..self.count() {
            tree.push(self.hash(index).ok_or(index)?);
        }
        Ok(tree)
    }

    fn hash(&self, index: u64) -> Option<Hash> {
        let digits = self.digits(index)?;
        let hash = const_hex::decode_to_array(digits).ok()?;
        // Capital letters are another spelling.
        self.holds(index, &hash).then_some(hash)
    }

    fn digits(&self, index: u64) -> Option<&[u8]> {
        let start = usize::try_from(index).ok()?.checked_mul(WIDTH)?;
        self.block.get(start + 1..start + WIDTH - 2)
    }
}
