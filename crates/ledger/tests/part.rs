//! Part commitments: golden vectors and what they bind.

#![allow(clippy::unwrap_used)]

use vidimus_ledger::part::{self, PartError};

const SPEC: &str = include_str!("../../../docs/spec/tree.md");

#[test]
fn golden_part_commitments() {
    let commit =
        |salt: &[u8; 32], kind, bytes| const_hex::encode(part::commit(salt, kind, bytes).unwrap());
    let hello = "2b62988d6668e4c97a6c8f8670363b8374d8357d3fdd0756095c3d91591f0aae";
    let nothing = "9e13b8773ef9d56ee21e715098a05867cb15f0627829920525b408d09bef33c0";
    assert_eq!(
        commit(&std::array::from_fn(|i| i as u8), "text/plain", b"hello"),
        hello
    );
    assert_eq!(commit(&[0; 32], "application/json", b""), nothing);
    assert!(SPEC.contains(hello) && SPEC.contains(nothing));
}

#[test]
fn a_part_type_is_printable_ascii() {
    for bad in ["", "text/plain\0", "text\n", "tëxt", "\u{7f}", "\u{1f}"] {
        let refused = PartError::ContentType(bad.to_owned());
        assert_eq!(part::commit(&[0; 32], bad, b""), Err(refused), "{bad:?}");
    }
    assert!(part::commit(&[0; 32], " ~", b"").is_ok());
}

#[test]
fn a_part_commitment_binds_every_input() {
    let base = part::commit(&[0; 32], "a", b"bc").unwrap();
    let others = [
        part::commit(&[1; 32], "a", b"bc"),
        part::commit(&[0; 32], "ab", b"c"),
        part::commit(&[0; 32], "a", b"bd"),
        part::commit(&[0; 32], "a", b"bc\0"),
    ];
    for other in others {
        assert_ne!(other.unwrap(), base);
    }
}
