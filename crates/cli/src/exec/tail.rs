//! The last bytes of what a command printed.

use std::collections::VecDeque;

/// Most bytes that are kept for the outcome.
pub(crate) const MOST: usize = 64 << 10;

/// Both streams in the order in which they arrived, the last [`MOST`] bytes.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    kept: VecDeque<u8>,
    omitted: u64,
}

impl Tail {
    /// Takes what arrived.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let start = bytes.len().saturating_sub(MOST);
        let spill = (self.kept.len() + bytes.len() - start).saturating_sub(MOST);
        self.kept.drain(..spill);
        self.kept.extend(&bytes[start..]);
        self.omitted += u64::try_from(start + spill).expect("sizes of memory fit");
    }

    /// The bytes, and how many came before them.
    pub(crate) fn finish(self) -> (Vec<u8>, u64) {
        (self.kept.into(), self.omitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_end_and_counts_the_rest() {
        let mut whole = Vec::new();
        let mut tail = Tail::default();
        for (number, size) in [10, MOST - 10, 1, 3 * MOST + 7, 100, 0]
            .into_iter()
            .enumerate()
        {
            let piece = vec![u8::try_from(number).expect("few pieces"); size];
            tail.push(&piece);
            whole.extend(piece);
            let (kept, omitted) = Tail {
                kept: tail.kept.clone(),
                omitted: tail.omitted,
            }
            .finish();
            let start = whole.len().saturating_sub(MOST);
            assert_eq!(kept, whole[start..]);
            assert_eq!(omitted, u64::try_from(start).expect("small"));
        }
    }
}
