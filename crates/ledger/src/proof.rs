//! Inclusion and consistency proofs: making them from a tree's nodes, and checking them.
//!
//! Proofs are as in RFC 6962 sections 2.1.1 and 2.1.2; the checks are the algorithms of RFC 9162
//! sections 2.1.3.2 and 2.1.4.2, and refuse any surplus or missing node.
//!
//! Specification: `docs/spec/tree.md`.

use thiserror::Error;

use crate::tree::{Hash, Nodes, empty_root, node_hash, subtree_root};

/// Why a proof could not be made, or does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The leaf is not in a tree of this size.
    #[error("leaf {index} is outside a tree of {size} leaves")]
    IndexOutOfRange {
        /// The leaf asked for.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The older tree is the larger one.
    #[error("the old tree size {old_size} is above the new size {new_size}")]
    SizesReversed {
        /// The older tree's size.
        old_size: u64,
        /// The newer tree's size.
        new_size: u64,
    },
    /// The tree lacks the hash of a complete subtree that the proof needs.
    #[error("the tree lacks node {index} of level {level}")]
    MissingNode {
        /// The level, 0 for leaves.
        level: u8,
        /// The place within the level.
        index: u64,
    },
    /// The proof has fewer nodes than the sizes demand.
    #[error("the proof has too few nodes")]
    TooShort,
    /// The proof has more nodes than the sizes demand.
    #[error("the proof has surplus nodes")]
    TooLong,
    /// The proof leads to another root than the given one.
    #[error("the proof does not lead to the root")]
    RootMismatch,
    /// The consistency proof leads to another old root than the given one.
    #[error("the proof does not lead to the old root")]
    OldRootMismatch,
}

/// The inclusion proof of leaf `index` in the tree of the first `size` leaves of `nodes`, from the
/// leaf's sibling upwards (RFC 6962 section 2.1.1).
///
/// # Errors
/// [`ProofError::IndexOutOfRange`] or [`ProofError::MissingNode`].
pub fn inclusion_proof<N: Nodes + ?Sized>(
    nodes: &N,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutOfRange { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(subtree_root(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(subtree_root(nodes, start, middle)?);
            start = middle;
        }
    }
    // A proof alone does not name the leaf; a tree that lacks it must not prove it.
    subtree_root(nodes, start, end)?;
    path.reverse();
    Ok(path)
}

/// The consistency proof from the first `old_size` leaves of `nodes` to the first `new_size`
/// (RFC 6962 section 2.1.2). Empty when the sizes are equal or the old tree is empty.
///
/// # Errors
/// [`ProofError::SizesReversed`] or [`ProofError::MissingNode`].
pub fn consistency_proof<N: Nodes + ?Sized>(
    nodes: &N,
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, ProofError> {
    if old_size > new_size {
        return Err(ProofError::SizesReversed { old_size, new_size });
    }
    // Ask for the newer root first, so that a tree which is too small never answers, not even
    // with the empty proof.
    subtree_root(nodes, 0, new_size)?;
    if old_size == 0 {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new_size);
    let mut path = Vec::new();
    while old_size != end {
        let middle = start + split(end - start);
        if old_size <= middle {
            path.push(subtree_root(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(subtree_root(nodes, start, middle)?);
            start = middle;
        }
    }
    if start != 0 {
        path.push(subtree_root(nodes, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that `leaf` is leaf `index` of the tree with `size` leaves and root `root`.
///
/// # Errors
/// [`ProofError`] when it is not proven.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutOfRange { index, size });
    }
    // RFC 9162 section 2.1.3.2: `node` is its fn, `last` its sn, `hash` its r.
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A right edge without a sibling climbs until it is a right child.
            let climb = node.trailing_zeros();
            node >>= climb;
            last >>= climb;
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::TooShort);
    }
    if hash != *root {
        return Err(ProofError::RootMismatch);
    }
    Ok(())
}

/// Checks that the tree with `old_size` leaves and root `old_root` is a prefix of the tree with
/// `new_size` leaves and root `new_root`.
///
/// An empty old tree is a prefix of every tree: its root must be the empty root and `path` empty.
/// Equal sizes need equal roots and an empty `path`.
///
/// # Errors
/// [`ProofError`] when it is not proven.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::SizesReversed { old_size, new_size });
    }
    if old_size == 0 && *old_root != empty_root() {
        return Err(ProofError::OldRootMismatch);
    }
    if old_size == 0 || old_size == new_size {
        return match path {
            [_, ..] => Err(ProofError::TooLong),
            [] if old_size == new_size && old_root != new_root => Err(ProofError::RootMismatch),
            [] => Ok(()),
        };
    }
    // RFC 9162 section 2.1.4.2: `node` is its fn, `last` its sn, `old` its fr, `new` its sr.
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    let climb = node.trailing_ones();
    node >>= climb;
    last >>= climb;
    // A complete old tree is itself the first node, so the proof leaves it out.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, path)
    } else {
        path.split_first().ok_or(ProofError::TooShort)?
    };
    let (mut old, mut new) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if node & 1 == 1 || node == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            let climb = node.trailing_zeros();
            node >>= climb;
            last >>= climb;
        } else {
            new = node_hash(&new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::TooShort);
    }
    if old != *old_root {
        return Err(ProofError::OldRootMismatch);
    }
    if new != *new_root {
        return Err(ProofError::RootMismatch);
    }
    Ok(())
}

/// The largest power of two below `length`, which is at least two.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}
