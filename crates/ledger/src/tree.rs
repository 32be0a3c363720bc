//! The RFC 6962 Merkle tree: leaf and node hashes, and a tree that keeps every level.
//!
//! Out of scope: proofs (see [`crate::proof`]) and storage. Anything that can answer for complete
//! subtrees by implementing [`Nodes`] gets roots and proofs.
//!
//! Specification: `docs/spec/tree.md`, RFC 6962 section 2.1.

use aws_lc_rs::digest;

use crate::proof::{self, ProofError};

/// A SHA-256 digest: a leaf hash, an interior node or a root.
pub type Hash = [u8; 32];

/// Read access to the hashes of complete subtrees.
pub trait Nodes {
    /// The root of the complete subtree over leaves `index * 2^level` up to, not including,
    /// `(index + 1) * 2^level`; none when any of these leaves is absent.
    fn node(&self, level: u8, index: u64) -> Option<Hash>;
}

/// A tree held in memory with the complete subtrees of every level.
///
/// Appending costs one interior hash on average; roots of any earlier size and all proofs cost a
/// logarithmic number.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    /// `levels[l][i]` is node `(l, i)` of [`Nodes`].
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// A tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf hash and returns its index.
    pub fn push(&mut self, leaf: Hash) -> u64 {
        let index = self.size();
        let mut hash = leaf;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            match nodes.as_slice() {
                [.., left, right] if nodes.len().is_multiple_of(2) => {
                    hash = node_hash(left, right);
                }
                _ => break,
            }
        }
        index
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Drops the leaves from index `size` on; a tree that is not larger stays as it is.
    pub fn truncate(&mut self, size: u64) {
        let mut keep = usize::try_from(size).unwrap_or(usize::MAX);
        for nodes in &mut self.levels {
            nodes.truncate(keep);
            keep >>= 1;
        }
    }

    /// The leaf hash at `index`.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.node(0, index)
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root_at(self.size())
            .expect("a tree holds the nodes of its own size")
    }

    /// The root over the first `size` leaves; none when the tree is smaller.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        root_at(self, size).ok()
    }

    /// The inclusion proof of leaf `index` in the tree of the first `size` leaves.
    ///
    /// # Errors
    /// [`ProofError`] when `index` is not below `size`, or the tree is smaller than `size`.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
        proof::inclusion_proof(self, index, size)
    }

    /// The consistency proof from the first `old` leaves to the first `new`.
    ///
    /// # Errors
    /// [`ProofError`] when `old` is above `new`, or the tree is smaller than `new`.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, ProofError> {
        proof::consistency_proof(self, old, new)
    }
}

impl Nodes for MemoryTree {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let index = usize::try_from(index).ok()?;
        self.levels.get(usize::from(level))?.get(index).copied()
    }
}

impl Extend<Hash> for MemoryTree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}

impl FromIterator<Hash> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

/// The hash of one leaf: SHA-256 over `0x00` and the leaf's bytes.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf])
}

/// The hash of an interior node: SHA-256 over `0x01` and both children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    // A node is small: filling one buffer costs less than a streaming context.
    let mut input = [1; 65];
    input[1..33].copy_from_slice(left);
    input[33..].copy_from_slice(right);
    to_hash(digest::digest(&digest::SHA256, &input))
}

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    to_hash(digest::digest(&digest::SHA256, &[]))
}

/// The root over the first `size` leaves of `nodes`.
///
/// # Errors
/// [`ProofError::MissingNode`] when `nodes` lacks a subtree.
pub fn root_at<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Result<Hash, ProofError> {
    subtree_root(nodes, 0, size)
}

/// The root over a short list of leaf hashes.
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    leaves.iter().copied().collect::<MemoryTree>().root()
}

/// The inclusion proof of leaf `index` in the tree over a short list of leaf hashes; none when
/// there is no such leaf.
#[must_use]
pub fn path_of(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    let tree: MemoryTree = leaves.iter().copied().collect();
    tree.inclusion_proof(index, tree.size()).ok()
}

/// The root over leaves `start` up to, not including, `end`.
///
/// `start` must be a multiple of a power of two that is no less than `end - start`, as it is for
/// every range that the RFC's recursion reaches. Then the set bits of the length name the complete
/// subtrees in it, the lowest bit the rightmost.
pub(crate) fn subtree_root<N: Nodes + ?Sized>(
    nodes: &N,
    start: u64,
    end: u64,
) -> Result<Hash, ProofError> {
    let length = end - start;
    let mut root = None;
    let mut rest = length;
    while rest != 0 {
        let level = rest.trailing_zeros();
        rest &= rest - 1;
        let index = (start >> level) + (length >> level) - 1;
        let level = u8::try_from(level).expect("a 64-bit number has at most 63 trailing zeros");
        let left = nodes
            .node(level, index)
            .ok_or(ProofError::MissingNode { level, index })?;
        root = Some(match root {
            None => left,
            Some(right) => node_hash(&left, &right),
        });
    }
    Ok(root.unwrap_or_else(empty_root))
}

/// SHA-256 over the concatenation of `pieces`, without joining them in memory.
pub(crate) fn sha256(pieces: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for piece in pieces {
        context.update(piece);
    }
    to_hash(context.finish())
}

fn to_hash(digest: digest::Digest) -> Hash {
    digest
        .as_ref()
        .try_into()
        .expect("a SHA-256 digest has 32 bytes")
}
