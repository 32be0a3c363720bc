//! Tree and proofs against published vectors, the RFC's recursive definition, and every small tree.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use vidimus_ledger::{
    Hash, MemoryTree, ProofError,
    proof::{self, verify_consistency, verify_inclusion},
    tree::{self, Nodes, empty_root, leaf_hash, node_hash, path_of, root_of},
};

const SPEC: &str = include_str!("../../../docs/spec/tree.md");

/// The leaves of Certificate Transparency's reference test data.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// The roots over the first 0, 1, … 8 of them.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// `(index, size, path)` and `(old, new, path)` of the same data.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        3,
        &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    ),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];
const CONSISTENCY: [(u64, u64, &[&str]); 5] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

const MAX_LEAVES: u64 = 100;

fn hash(text: &str) -> Hash {
    const_hex::decode(text).unwrap().try_into().unwrap()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

fn published() -> MemoryTree {
    LEAVES
        .iter()
        .map(|leaf| leaf_hash(&const_hex::decode(leaf).unwrap()))
        .collect()
}

fn numbered(size: u64) -> Vec<Hash> {
    (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// RFC 6962 section 2.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// RFC 6962 section 2.1.1, word for word.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (naive_path(index, left), naive_root(right))
    } else {
        (naive_path(index - k, right), naive_root(left))
    };
    path.push(sibling);
    path
}

/// RFC 6962 section 2.1.2, word for word.
fn naive_subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![naive_root(leaves)]
        };
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if old <= k {
        (naive_subproof(old, left, whole), naive_root(right))
    } else {
        (naive_subproof(old - k, right, false), naive_root(left))
    };
    path.push(sibling);
    path
}

fn naive_split(length: usize) -> usize {
    let mut k = 1;
    while k * 2 < length {
        k *= 2;
    }
    k
}

/// Every path that differs from `path` by one flipped bit in one node, one node left out, or one
/// node put in.
fn spoilt(path: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for place in 0..path.len() {
        let mut flipped = path.to_vec();
        flipped[place][place % 32] ^= 1 << (place % 8);
        all.push(flipped);
        let mut shorter = path.to_vec();
        shorter.remove(place);
        all.push(shorter);
    }
    for place in 0..=path.len() {
        let node = path.get(place).copied().unwrap_or([7; 32]);
        let mut longer = path.to_vec();
        longer.insert(place, node);
        all.push(longer);
    }
    all
}

#[test]
fn published_roots_and_proofs() {
    let tree = published();
    for (size, root) in (0..).zip(ROOTS) {
        assert_eq!(tree.root_at(size), Some(hash(root)), "size {size}");
    }
    assert_eq!(tree.root(), hash(ROOTS[8]));
    for (index, size, path) in INCLUSION {
        let path = hashes(path);
        assert_eq!(tree.inclusion_proof(index, size), Ok(path.clone()));
        let root = tree.root_at(size).unwrap();
        let leaf = tree.leaf(index).unwrap();
        assert_eq!(verify_inclusion(&leaf, index, size, &path, &root), Ok(()));
    }
    for (old, new, path) in CONSISTENCY {
        let path = hashes(path);
        assert_eq!(tree.consistency_proof(old, new), Ok(path.clone()));
        let (old_root, new_root) = (tree.root_at(old).unwrap(), tree.root_at(new).unwrap());
        assert_eq!(
            verify_consistency(old, &old_root, new, &new_root, &path),
            Ok(())
        );
    }
}

#[test]
fn the_specification_holds_the_same_vectors() {
    for root in ROOTS {
        assert!(SPEC.contains(root), "{root}");
    }
    for path in [INCLUSION[2].2, CONSISTENCY[2].2] {
        assert!(SPEC.contains(&path.join("\n")), "{path:?}");
    }
}

#[test]
fn every_inclusion_proof_of_small_trees() {
    let leaves = numbered(MAX_LEAVES);
    let tree: MemoryTree = leaves.iter().copied().collect();
    for size in 1..=MAX_LEAVES {
        let first = &leaves[..size as usize];
        let root = tree.root_at(size).unwrap();
        assert_eq!(root, naive_root(first));
        assert_eq!(root, root_of(first));
        for index in 0..size {
            let path = tree.inclusion_proof(index, size).unwrap();
            assert_eq!(path, naive_path(index as usize, first), "{index} in {size}");
            let leaf = leaves[index as usize];
            let verify = |leaf: &Hash, index, path: &[Hash], root: &Hash| {
                verify_inclusion(leaf, index, size, path, root)
            };
            assert_eq!(verify(&leaf, index, &path, &root), Ok(()));
            for bad in spoilt(&path) {
                assert!(
                    verify(&leaf, index, &bad, &root).is_err(),
                    "{index} in {size}"
                );
            }
            let mut other = leaf;
            other[31] ^= 1;
            assert_eq!(
                verify(&other, index, &path, &root),
                Err(ProofError::RootMismatch)
            );
            let mut other = root;
            other[0] ^= 0x80;
            assert_eq!(
                verify(&leaf, index, &path, &other),
                Err(ProofError::RootMismatch)
            );
            for wrong in (0..size).filter(|wrong| *wrong != index) {
                assert!(verify(&leaf, wrong, &path, &root).is_err());
            }
            assert_eq!(
                verify(&leaf, size + index, &path, &root),
                Err(ProofError::IndexOutOfRange {
                    index: size + index,
                    size
                })
            );
        }
    }
}

#[test]
fn every_consistency_proof_of_small_trees() {
    let leaves = numbered(MAX_LEAVES);
    let tree: MemoryTree = leaves.iter().copied().collect();
    for new in 1..=MAX_LEAVES {
        let new_root = tree.root_at(new).unwrap();
        for old in 1..=new {
            let old_root = tree.root_at(old).unwrap();
            let path = tree.consistency_proof(old, new).unwrap();
            let naive = naive_subproof(old as usize, &leaves[..new as usize], true);
            assert_eq!(path, naive, "{old} to {new}");
            let verify = |old_root: &Hash, new_root: &Hash, path: &[Hash]| {
                verify_consistency(old, old_root, new, new_root, path)
            };
            assert_eq!(verify(&old_root, &new_root, &path), Ok(()));
            for bad in spoilt(&path) {
                assert!(
                    verify(&old_root, &new_root, &bad).is_err(),
                    "{old} to {new}"
                );
            }
            let (mut other_old, mut other_new) = (old_root, new_root);
            other_old[5] ^= 4;
            other_new[5] ^= 4;
            assert!(verify(&other_old, &new_root, &path).is_err());
            assert!(verify(&old_root, &other_new, &path).is_err());
        }
    }
}

#[test]
fn surplus_and_missing_nodes_are_named() {
    let tree: MemoryTree = numbered(7).into_iter().collect();
    let root = tree.root();
    let leaf = tree.leaf(6).unwrap();
    let path = tree.inclusion_proof(6, 7).unwrap();
    let longer = [path.as_slice(), &[root]].concat();
    let verify = |path: &[Hash]| verify_inclusion(&leaf, 6, 7, path, &root);
    assert_eq!(verify(&longer), Err(ProofError::TooLong));
    assert_eq!(verify(&path[..1]), Err(ProofError::TooShort));

    let old_root = tree.root_at(6).unwrap();
    let path = tree.consistency_proof(6, 7).unwrap();
    let longer = [path.as_slice(), &[root]].concat();
    let verify = |path: &[Hash]| verify_consistency(6, &old_root, 7, &root, path);
    assert_eq!(verify(&longer), Err(ProofError::TooLong));
    assert_eq!(verify(&path[..2]), Err(ProofError::TooShort));
    assert_eq!(verify(&[]), Err(ProofError::TooShort));
}

#[test]
fn the_edges_of_consistency() {
    let tree: MemoryTree = numbered(3).into_iter().collect();
    let (empty, root, node) = (empty_root(), tree.root(), [1; 32]);
    assert_eq!(verify_consistency(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &empty, 3, &root, &[]), Ok(()));
    assert_eq!(
        verify_consistency(0, &root, 3, &root, &[]),
        Err(ProofError::OldRootMismatch)
    );
    assert_eq!(
        verify_consistency(0, &empty, 0, &root, &[]),
        Err(ProofError::RootMismatch)
    );
    assert_eq!(
        verify_consistency(0, &empty, 3, &root, &[node]),
        Err(ProofError::TooLong)
    );
    assert_eq!(
        verify_consistency(3, &root, 3, &root, &[node]),
        Err(ProofError::TooLong)
    );
    assert_eq!(
        verify_consistency(3, &root, 3, &empty, &[]),
        Err(ProofError::RootMismatch)
    );
    let reversed = ProofError::SizesReversed {
        old_size: 3,
        new_size: 2,
    };
    assert_eq!(verify_consistency(3, &root, 2, &root, &[]), Err(reversed));
    assert_eq!(tree.consistency_proof(3, 2), Err(reversed));
    assert_eq!(tree.consistency_proof(0, 3), Ok(Vec::new()));
}

#[test]
fn the_largest_sizes_do_not_overflow() {
    let huge = u64::MAX;
    let root = [0; 32];
    assert!(verify_inclusion(&root, huge - 1, huge, &[[0; 32]; 64], &root).is_err());
    assert!(verify_inclusion(&root, 0, huge, &[[0; 32]; 64], &root).is_err());
    assert!(verify_consistency(huge - 1, &root, huge, &root, &[[0; 32]; 65]).is_err());
    assert!(verify_consistency(1 << 63, &root, huge, &root, &[[0; 32]; 65]).is_err());
    assert!(proof::inclusion_proof(&MemoryTree::new(), huge - 1, huge).is_err());
    assert!(proof::consistency_proof(&MemoryTree::new(), huge - 1, huge).is_err());
}

#[test]
fn a_tree_proves_nothing_beyond_its_leaves() {
    let tree: MemoryTree = numbered(4).into_iter().collect();
    let missing = |level, index| ProofError::MissingNode { level, index };
    assert_eq!(tree.root_at(5), None);
    assert_eq!(tree.inclusion_proof(4, 5), Err(missing(0, 4)));
    assert_eq!(tree.inclusion_proof(0, 5), Err(missing(0, 4)));
    assert_eq!(tree.consistency_proof(5, 5), Err(missing(0, 4)));
    assert_eq!(tree.consistency_proof(0, 8), Err(missing(3, 0)));
    let outside = ProofError::IndexOutOfRange { index: 4, size: 4 };
    assert_eq!(tree.inclusion_proof(4, 4), Err(outside));
    assert_eq!(MemoryTree::new().inclusion_proof(0, 1), Err(missing(0, 0)));
    assert_eq!(MemoryTree::new().root(), empty_root());
    assert_eq!(path_of(&numbered(4), 4), None);
    assert_eq!(path_of(&[], 0), None);
}

#[test]
fn truncating_forgets_and_allows_another_end() {
    let leaves = numbered(MAX_LEAVES);
    for size in 0..=MAX_LEAVES {
        let mut tree: MemoryTree = leaves.iter().copied().collect();
        tree.truncate(size);
        let fresh: MemoryTree = leaves[..size as usize].iter().copied().collect();
        assert_eq!(tree.size(), size);
        assert_eq!(tree.root(), fresh.root());
        for level in 0..8 {
            let end = size >> level;
            assert_eq!(tree.node(level, end), None, "level {level} of {size}");
        }
        assert_eq!(tree.push([9; 32]), size);
        let other = [&leaves[..size as usize], &[[9; 32]]].concat();
        assert_eq!(tree.root(), naive_root(&other));
    }
    let mut tree: MemoryTree = leaves.iter().copied().collect();
    tree.truncate(u64::MAX);
    assert_eq!(tree.root(), naive_root(&leaves));
}

/// Answers for complete subtrees by the naive definition.
struct NaiveNodes(Vec<Hash>);

impl Nodes for NaiveNodes {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        let width = 1 << level;
        let start = index as usize * width;
        self.0.get(start..start + width).map(naive_root)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn larger_trees_agree_with_the_definition(
        leaves in prop::collection::vec(any::<Hash>(), 1..1200),
        places in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let tree: MemoryTree = leaves.iter().copied().collect();
        let size = leaves.len() as u64;
        prop_assert_eq!(tree.root(), naive_root(&leaves));
        let index = places.0.index(leaves.len());
        let path = path_of(&leaves, index as u64).unwrap();
        prop_assert_eq!(&path, &naive_path(index, &leaves));
        prop_assert_eq!(
            verify_inclusion(&leaves[index], index as u64, size, &path, &tree.root()),
            Ok(())
        );
        let old = places.1.index(leaves.len()) + 1;
        let path = tree.consistency_proof(old as u64, size).unwrap();
        prop_assert_eq!(&path, &naive_subproof(old, &leaves, true));
        let old_root = naive_root(&leaves[..old]);
        prop_assert_eq!(
            verify_consistency(old as u64, &old_root, size, &tree.root(), &path),
            Ok(())
        );
    }

    #[test]
    fn any_source_of_nodes_gives_the_same_proofs(
        size in 1_u64..70,
        place in any::<prop::sample::Index>(),
    ) {
        let leaves = numbered(size);
        let tree: MemoryTree = leaves.iter().copied().collect();
        let nodes = NaiveNodes(leaves);
        let index = place.index(size as usize) as u64;
        prop_assert_eq!(tree::root_at(&nodes, size), Ok(tree.root()));
        prop_assert_eq!(
            proof::inclusion_proof(&nodes, index, size),
            tree.inclusion_proof(index, size)
        );
        prop_assert_eq!(
            proof::consistency_proof(&nodes, index, size),
            tree.consistency_proof(index, size)
        );
    }

    #[test]
    fn arbitrary_proofs_are_refused_without_a_panic(
        sizes in any::<(u64, u64)>(),
        path in prop::collection::vec(any::<Hash>(), 0..70),
    ) {
        let (a, b) = sizes;
        prop_assert!(verify_inclusion(&[1; 32], a, b, &path, &[2; 32]).is_err());
        prop_assert!(verify_consistency(a, &[1; 32], b, &[2; 32], &path).is_err());
    }
}

#[test]
fn hashes_are_separated_by_domain() {
    let (left, right) = ([3; 32], [4; 32]);
    let joined = [left, right].concat();
    assert_ne!(node_hash(&left, &right), leaf_hash(&joined));
    let with_prefix = [&[0x01], joined.as_slice()].concat();
    assert_ne!(node_hash(&left, &right), leaf_hash(&with_prefix));
    assert_eq!(leaf_hash(b""), hash(ROOTS[1]));
    assert_eq!(empty_root(), hash(ROOTS[0]));
}
