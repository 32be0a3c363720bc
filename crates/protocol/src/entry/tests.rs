//! Leaves: one spelling each, and nothing else is read.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value;

use super::{Data, Kind, Leaf, LeafError, MAX_LEAF, Outcome, Parsed};
use crate::entry::Resolution;
use crate::envelope::Verdict;
use crate::state::tests::story::{Story, action, leaf_hash};
use crate::strict::{self, StrictError};

/// The happy path, and the shapes of each kind that it leaves out.
fn samples() -> Vec<Leaf> {
    let mut story = Story::before(Kind::VerdictGiven);
    let mut samples = Story::whole();
    samples.push(story.verdict(action(0), Verdict::Deny));
    for resolution in [
        Resolution::Denied,
        Resolution::Expired,
        Resolution::Withdrawn,
        Resolution::Refused,
    ] {
        samples.push(story.resolved(action(0), resolution));
    }
    let why = || "no such file: \"\u{1}\\\"".into();
    for outcome in [
        Outcome::Signalled { signal: 9 },
        Outcome::FailedToStart { why: why() },
        Outcome::Succeeded {},
        Outcome::Failed { why: why() },
    ] {
        let mut leaf = story.completed(action(0));
        leaf.parts.clear();
        if let Data::ActionCompleted(data) = &mut leaf.data {
            data.outcome = outcome;
        }
        samples.push(leaf);
    }
    samples
}

fn sample(kind: Kind) -> Leaf {
    Story::before(kind).leaf(kind)
}

fn text(leaf: &Leaf) -> String {
    String::from_utf8(leaf.to_bytes()).unwrap()
}

#[track_caller]
fn refused(text: &str) -> StrictError {
    match Leaf::parse(text.as_bytes()) {
        Err(LeafError::Strict(error)) => error,
        other => panic!("{text}: {other:?}"),
    }
}

/// Replaces the one occurrence of `old`.
#[track_caller]
fn with(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "`{old}` in {text}");
    text.replace(old, new)
}

fn is_canonical(bytes: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    serde_json_canonicalizer::to_vec(&value).unwrap() == bytes
}

#[test]
fn every_kind_is_canonical_and_comes_back() {
    let samples = samples();
    for kind in Kind::ALL {
        assert!(samples.iter().any(|leaf| leaf.kind() == *kind));
        assert_eq!(Kind::from_text(kind.as_str()), Some(*kind));
    }
    for leaf in samples {
        let bytes = leaf.to_bytes();
        assert!(is_canonical(&bytes), "{}", text(&leaf));
        let read = Ok(Parsed::Known(leaf.clone()));
        assert_eq!(Leaf::parse(&bytes), read);
        assert_eq!(leaf.written(), (bytes, read));
    }
}

#[test]
fn what_nobody_may_read_is_refused_when_it_is_written() {
    let mut numbers = sample(Kind::ActionProposed);
    let mut length = numbers.clone();
    if let (Data::ActionProposed(numbers), Data::ActionProposed(length)) =
        (&mut numbers.data, &mut length.data)
    {
        numbers.evaluation.quorum = strict::MAX_SAFE + 1;
        length.evaluation.reasons[0] = "x".repeat(MAX_LEAF);
    }
    for leaf in [numbers, length] {
        let (bytes, read) = leaf.written();
        assert!(read.is_err());
        assert_eq!(read, Leaf::parse(&bytes));
    }
}

#[test]
fn every_changed_byte_is_refused_or_another_leaf() {
    for leaf in Story::whole() {
        let bytes = leaf.to_bytes();
        for at in 0..bytes.len() {
            for bit in [0, 5, at % 8] {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                match Leaf::parse(&changed) {
                    Err(_) => {}
                    Ok(Parsed::Known(other)) => {
                        assert_ne!(other, leaf);
                        assert_eq!(other.to_bytes(), changed);
                    }
                    Ok(Parsed::Unknown { v, kind }) => {
                        assert!(v != 1 || Kind::from_text(&kind).is_none());
                        assert!(is_canonical(&changed));
                    }
                }
            }
        }
    }
}

#[test]
fn refuses_every_other_spelling() {
    let proposed = text(&sample(Kind::ActionProposed));
    let canonical: [(&str, &str); 7] = [
        (r#"{"actor""#, r#"{ "actor""#),
        (r#","v":1}"#, r#","v":1} "#),
        (r#","v":1}"#, ",\"v\":1}\n"),
        (r#""quorum":1"#, r#""quorum": 1"#),
        (r#""decision":"ask""#, r#""decision":"\u0061sk""#),
        (
            r#""kind":"action.proposed""#,
            r#""kind":"\u0061ction.proposed""#,
        ),
        (
            r#""quorum":1,"reasons":["every command waits for its owner"]"#,
            r#""reasons":["every command waits for its owner"],"quorum":1"#,
        ),
    ];
    for (old, new) in canonical {
        assert_eq!(
            refused(&with(&proposed, old, new)),
            StrictError::NotCanonical,
            "{new}"
        );
    }
    let moved = format!(r#"{{"v":1,{}}}"#, &with(&proposed, r#","v":1}"#, "")[1..]);
    assert_eq!(
        refused(&moved),
        StrictError::NotCanonical,
        "order of the frame"
    );
    let withdrawn =
        text(&Story::before(Kind::VerdictGiven).resolved(action(0), Resolution::Withdrawn));
    let null = with(
        &withdrawn,
        r#""resolution":"withdrawn""#,
        r#""resolution":"withdrawn","use_before":null"#,
    );
    assert_eq!(
        refused(&null),
        StrictError::NotCanonical,
        "null for an absent member"
    );
    let verdict = text(&sample(Kind::VerdictGiven));
    for (leaf, old, new) in [
        (
            &proposed,
            r#""decision":"ask","#,
            r#""decision":"ask","full_review":false,"#,
        ),
        (&verdict, r#""seen":{"#, r#""seen":{"full":false,"#),
    ] {
        assert_eq!(
            refused(&with(leaf, old, new)),
            StrictError::NotCanonical,
            "{new}"
        );
    }
}

#[test]
fn refuses_duplicate_keys_and_unknown_members() {
    let proposed = text(&sample(Kind::ActionProposed));
    let twice = with(&proposed, r#""quorum":1"#, r#""quorum":1,"quorum":1"#);
    assert_eq!(refused(&twice), StrictError::DuplicateKey("quorum".into()));
    let twice = with(&proposed, r#","v":1}"#, r#","v":1,"v":1}"#);
    assert_eq!(refused(&twice), StrictError::DuplicateKey("v".into()));
    for (old, new) in [
        (r#","v":1}"#, r#","v":1,"w":1}"#),
        (r#""quorum":1"#, r#""quorum":1,"quota":1"#),
        (r#""use_s":900}"#, r#""use_s":900,"zeal":1}"#),
        (r#""decision":"ask""#, r#""decision":"allow""#),
        (r#""quorum":1"#, r#""quorum":"1""#),
        (r#""quorum":1,"#, ""),
    ] {
        let changed = with(&proposed, old, new);
        assert!(matches!(refused(&changed), StrictError::Shape(_)), "{new}");
    }
}

#[test]
fn refuses_times_in_another_spelling() {
    let proposed = sample(Kind::ActionProposed);
    let time = proposed.time.to_string();
    for other in [
        time.replace(".000Z", "Z"),
        time.replace(".000Z", ".000000Z"),
        time.replace('Z', "+00:00"),
        time.replace('T', " "),
        time.replace('T', "t"),
    ] {
        let changed = text(&proposed).replacen(
            &format!(r#""time":"{time}""#),
            &format!(r#""time":"{other}""#),
            1,
        );
        assert!(
            matches!(refused(&changed), StrictError::Shape(_)),
            "{other}"
        );
    }
}

#[test]
fn refuses_every_number_beyond_2_53() {
    let cases = [
        (Kind::CredentialEnrolled, r#""count":1"#),
        (Kind::CredentialEnrolled, r#""index":0,"item""#),
        (Kind::AgentRegistered, r#""count":1"#),
        (Kind::AgentRegistered, r#""index":0,"item""#),
        (Kind::AgentRegistered, r#"[{"index":1,"leaf""#),
        (Kind::ActionProposed, r#""quorum":1"#),
        (Kind::ActionProposed, r#""ttl_s":60"#),
        (Kind::ActionProposed, r#""use_s":900"#),
        (Kind::ActionProposed, r#""size":4"#),
        (Kind::VerdictGiven, r#""count":1"#),
        (Kind::VerdictGiven, r#""index":0,"item""#),
        (Kind::ActionCompleted, r#""duration_ms":12"#),
        (Kind::ActionCompleted, r#""output_omitted":0"#),
    ];
    for (kind, old) in cases {
        let leaf = text(&sample(kind));
        let digits: String = old.chars().filter(char::is_ascii_digit).collect();
        let put = |number: u64| with(&leaf, old, &old.replace(&digits, &number.to_string()));
        assert!(
            Leaf::parse(put(strict::MAX_SAFE).as_bytes()).is_ok(),
            "{old}"
        );
        for number in [strict::MAX_SAFE + 1, u64::MAX] {
            let expected = StrictError::UnsafeNumber(number.to_string());
            assert_eq!(refused(&put(number)), expected, "{old}");
        }
    }
    let proposed = text(&sample(Kind::ActionProposed));
    for number in ["-1", "1.0", "1e0", "-0"] {
        let changed = with(&proposed, r#""quorum":1"#, &format!(r#""quorum":{number}"#));
        assert!(
            matches!(refused(&changed), StrictError::UnsafeNumber(_)),
            "{number}"
        );
    }
}

#[test]
fn refuses_more_than_65_535_bytes() {
    let sized = |size: usize| {
        let mut leaf = sample(Kind::ActionProposed);
        let missing = size - leaf.to_bytes().len();
        if let Data::ActionProposed(data) = &mut leaf.data {
            data.evaluation.reasons[0].push_str(&"x".repeat(missing));
        }
        text(&leaf)
    };
    assert!(matches!(
        Leaf::parse(sized(MAX_LEAF).as_bytes()),
        Ok(Parsed::Known(_))
    ));
    let expected = StrictError::TooLong {
        size: MAX_LEAF + 1,
        limit: MAX_LEAF,
    };
    assert_eq!(refused(&sized(MAX_LEAF + 1)), expected);
    let unknown = format!(r#"{{"kind":"{}","v":1}}"#, "x".repeat(MAX_LEAF));
    assert!(matches!(refused(&unknown), StrictError::TooLong { .. }));
}

#[test]
fn what_it_does_not_know_is_canonical_json_all_the_same() {
    let leaf = text(&sample(Kind::PermitLapsed));
    let unknown = |v: u64, kind: &str| {
        Ok(Parsed::Unknown {
            v,
            kind: kind.into(),
        })
    };
    let newer = with(&leaf, r#","v":1}"#, r#","v":2}"#);
    assert_eq!(Leaf::parse(newer.as_bytes()), unknown(2, "permit.lapsed"));
    let other = with(&leaf, "permit.lapsed", "permit.revoked");
    assert_eq!(Leaf::parse(other.as_bytes()), unknown(1, "permit.revoked"));
    let bare = r#"{"kind":"x","v":1}"#;
    assert_eq!(Leaf::parse(bare.as_bytes()), unknown(1, "x"));
    for (text, error) in [
        (r#"{"v":1,"kind":"x"}"#, StrictError::NotCanonical),
        (r#"{"kind":"x","v": 1}"#, StrictError::NotCanonical),
        (
            r#"{"kind":"x","kind":"x","v":1}"#,
            StrictError::DuplicateKey("kind".into()),
        ),
        (
            r#"{"kind":"x","n":9007199254740992,"v":1}"#,
            StrictError::UnsafeNumber("9007199254740992".into()),
        ),
    ] {
        assert_eq!(refused(text), error, "{text}");
    }
    for text in [
        "{}",
        "[]",
        "1",
        r#"{"v":1}"#,
        r#"{"kind":"x"}"#,
        r#"{"kind":1,"v":1}"#,
    ] {
        assert_eq!(
            Leaf::parse(text.as_bytes()),
            Err(LeafError::NoEntry),
            "{text}"
        );
    }
}

/// The leaves that `docs/spec/entry.md` shows, each with its hash.
#[test]
fn golden_vectors_of_the_specification() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/entry.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, vectors) = page.split_once("\n## Golden vectors\n").unwrap();
    let expected: String = Story::whole()
        .iter()
        .zip(0..)
        .map(|(leaf, index)| {
            format!(
                "\nEntry {index}, `{}`, leaf hash `{}`:\n\n```json\n{}\n```\n",
                leaf.kind().as_str(),
                leaf_hash(leaf),
                text(leaf)
            )
        })
        .collect();
    assert!(
        vectors.ends_with(&expected),
        "the page should end with:\n{expected}"
    );
    for leaf in vectors.lines().filter(|line| line.starts_with('{')) {
        assert!(matches!(Leaf::parse(leaf.as_bytes()), Ok(Parsed::Known(_))));
    }
}

proptest! {
    #[test]
    fn any_text_is_written_canonically(name: String, why: String, renderer in ".*") {
        let mut opened = sample(Kind::LogOpened);
        if let Data::LogOpened(data) = &mut opened.data {
            data.founders[0].name = name;
        }
        let mut completed = sample(Kind::ActionCompleted);
        if let Data::ActionCompleted(data) = &mut completed.data {
            data.outcome = Outcome::FailedToStart { why };
        }
        let mut given = sample(Kind::VerdictGiven);
        if let Data::VerdictGiven(data) = &mut given.data {
            data.seen.renderer = renderer;
        }
        for leaf in [opened, completed, given] {
            let bytes = leaf.to_bytes();
            prop_assert!(is_canonical(&bytes));
            prop_assert_eq!(Leaf::parse(&bytes), Ok(Parsed::Known(leaf)));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, at in 0..400_usize, cut in 0..40_usize) {
        let _ = Leaf::parse(&bytes);
        let mut leaf = sample(Kind::AgentRegistered).to_bytes();
        let start = at.min(leaf.len());
        let end = (start + cut).min(leaf.len());
        leaf.splice(start..end, bytes);
        if let Ok(Parsed::Known(read)) = Leaf::parse(&leaf) {
            prop_assert_eq!(read.to_bytes(), leaf);
        }
    }
}
