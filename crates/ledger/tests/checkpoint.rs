//! Checkpoints: published and golden vectors, and every refusal.

#![allow(clippy::unwrap_used)]

use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;
use vidimus_ledger::{
    checkpoint::{self, Checkpoint, CheckpointError, SignatureKind, SignedCheckpoint},
    note::{Note, SigningKey, VerifierKey},
    tree::empty_root,
};

const SPEC: &str = include_str!("../../../docs/spec/tree.md");

const ORIGIN: &str = "vidimus.example/log";
const VKEY: &str = "vidimus.example/log+ceb161fe+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const PLAIN_LINE: &str = "— vidimus.example/log zrFh/mH50v86ShAu7CEiNinPN/gCmFjJoZ+WyU2CNHHRV8F8tDQMIrUXAFjwQFrwDYG3J3D5r/SjedNN5axGCali0Qo=\n";
const TIMED_LINE: &str = "— vidimus.example/log Tf74iQAAAABqsTuAIoUd3nhP+ZGD/G1BKlNYCo5jPRR89obhdjKr7GVpWRGFt0dzVripcOnzV3B/NQtrZh6lbG15N5KXwORMJvwaAg==\n";
const BODY: &str = "vidimus.example/log\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
const EMPTY_TREE: &str = "vidimus.example/log
0
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=

— vidimus.example/log zrFh/g1j0ouVofN1aPPzRktd6Potwtnxv2NKpNcMpJm9E80oOhAwYDM2pkSg93Ey1XQWR7znKoHB0oByE26g8nJ9Yw0=
— vidimus.example/log Tf74iQAAAAAAAAAAKcn4s9JTSN4BP7xtfzMXOcAtOQF9dg+EBSnglC3jaY4fUoRH7g6a9Ou8JjrURnwg8EWnVdzyVpRkbJ00prssBQ==
";
const TIME_UNIX_S: u64 = 1_790_000_000;

/// The example of a checkpoint with a witness's cosignature in C2SP tlog-cosignature.
const C2SP_CHECKPOINT: &str = "example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
";

fn seed() -> [u8; 32] {
    std::array::from_fn(|i| i as u8)
}

fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &seed()).unwrap()
}

fn golden() -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 8,
        root: const_hex::decode("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
            .unwrap()
            .try_into()
            .unwrap(),
    }
}

fn golden_note() -> String {
    format!("{BODY}\n{PLAIN_LINE}{TIMED_LINE}")
}

fn open(note: &str) -> Result<SignedCheckpoint, CheckpointError> {
    checkpoint::open(note, &VerifierKey::parse(VKEY).unwrap(), ORIGIN)
}

/// A signature line whose decoded bytes are changed by `change`.
fn changed(line: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let (start, base64) = line.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = BASE64_STANDARD.decode(base64).unwrap();
    change(&mut bytes);
    format!("{start} {}\n", BASE64_STANDARD.encode(bytes))
}

#[test]
fn golden_checkpoints() {
    let note = golden_note();
    assert_eq!(checkpoint::sign(&golden(), &key(), TIME_UNIX_S), note);
    let opened = SignedCheckpoint {
        checkpoint: golden(),
        time_unix_s: TIME_UNIX_S,
    };
    assert_eq!(open(&note), Ok(opened));

    let empty = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 0,
        root: empty_root(),
    };
    assert_eq!(checkpoint::sign(&empty, &key(), 0), EMPTY_TREE);
    assert_eq!(open(EMPTY_TREE).unwrap().time_unix_s, 0);
}

#[test]
fn the_specification_holds_the_same_vectors() {
    assert!(SPEC.contains(VKEY));
    assert!(SPEC.contains(&format!("```\n{}```", golden_note())));
    assert!(SPEC.contains(&format!("```\n{EMPTY_TREE}```")));
}

#[test]
fn every_flipped_bit_of_a_checkpoint_is_refused() {
    let note = golden_note().into_bytes();
    for place in 0..note.len() * 8 {
        let mut bad = note.clone();
        bad[place / 8] ^= 1 << (place % 8);
        if let Ok(text) = String::from_utf8(bad) {
            assert!(open(&text).is_err(), "bit {place}: {text}");
        }
    }
}

#[test]
fn every_truncation_of_a_checkpoint_is_refused() {
    let note = golden_note();
    for (end, _) in note.char_indices() {
        assert!(open(&note[..end]).is_err(), "{end} bytes");
    }
    assert!(open(&format!("{note}\n")).is_err());
}

#[test]
fn both_signatures_are_needed_once_each() {
    use SignatureKind::{Plain, Timestamped};
    let missing = |kind| Err(CheckpointError::MissingSignature(kind));
    let twice = |kind| Err(CheckpointError::DuplicateSignature(kind));
    let wrong = |kind| Err(CheckpointError::WrongSignature(kind));
    let with = |lines: &str| open(&format!("{BODY}\n{lines}"));
    assert_eq!(with(TIMED_LINE), missing(Plain));
    assert_eq!(with(PLAIN_LINE), missing(Timestamped));
    assert_eq!(
        with(&format!("{PLAIN_LINE}{PLAIN_LINE}{TIMED_LINE}")),
        twice(Plain)
    );
    assert_eq!(
        with(&format!("{PLAIN_LINE}{TIMED_LINE}{TIMED_LINE}")),
        twice(Timestamped)
    );
    assert!(with(&format!("{TIMED_LINE}{PLAIN_LINE}")).is_ok());

    let spoilt = changed(PLAIN_LINE, |bytes| bytes[20] ^= 1);
    assert_eq!(with(&format!("{spoilt}{TIMED_LINE}")), wrong(Plain));
    let later = changed(TIMED_LINE, |bytes| bytes[11] ^= 1);
    assert_eq!(with(&format!("{PLAIN_LINE}{later}")), wrong(Timestamped));
    for length in [5, 11, 12, 75] {
        let short = changed(TIMED_LINE, |bytes| bytes.truncate(length));
        assert_eq!(with(&format!("{PLAIN_LINE}{short}")), wrong(Timestamped));
    }
    let long = changed(TIMED_LINE, |bytes| bytes.push(0));
    assert_eq!(with(&format!("{PLAIN_LINE}{long}")), wrong(Timestamped));
}

#[test]
fn a_signature_counts_only_for_its_own_body_and_key() {
    let other_size = BODY.replace("\n8\n", "\n9\n");
    assert_eq!(
        open(&format!("{other_size}\n{PLAIN_LINE}{TIMED_LINE}")),
        Err(CheckpointError::WrongSignature(SignatureKind::Plain))
    );
    // A plain signature of the new body does not carry the old time over.
    let fresh = checkpoint::sign(
        &Checkpoint {
            size: 9,
            ..golden()
        },
        &key(),
        TIME_UNIX_S,
    );
    let plain = fresh.lines().nth(4).unwrap();
    assert_eq!(
        open(&format!("{other_size}\n{plain}\n{TIMED_LINE}")),
        Err(CheckpointError::WrongSignature(SignatureKind::Timestamped))
    );
    let stranger = SigningKey::from_seed(ORIGIN, &[9; 32]).unwrap();
    assert_eq!(
        open(&checkpoint::sign(&golden(), &stranger, TIME_UNIX_S)),
        Err(CheckpointError::MissingSignature(SignatureKind::Plain))
    );
    let renamed = SigningKey::from_seed("vidimus.example/other", &seed()).unwrap();
    assert_eq!(
        open(&checkpoint::sign(&golden(), &renamed, TIME_UNIX_S)),
        Err(CheckpointError::MissingSignature(SignatureKind::Plain))
    );
}

#[test]
fn another_logs_checkpoint_is_refused() {
    let other = checkpoint::open(&golden_note(), &key().verifier(), "vidimus.example/other");
    assert_eq!(
        other,
        Err(CheckpointError::OtherOrigin {
            expected: "vidimus.example/other".to_owned(),
            found: ORIGIN.to_owned(),
        })
    );
}

#[test]
fn lines_of_other_keys_are_ignored() {
    let witness = C2SP_CHECKPOINT.lines().last().unwrap();
    let note = format!("{BODY}\n{PLAIN_LINE}{witness}\n{TIMED_LINE}");
    assert_eq!(open(&note), open(&golden_note()));
    // The log's name with an unknown id is an unknown key.
    let unknown = changed(PLAIN_LINE, |bytes| bytes[0] ^= 1);
    let note = format!("{BODY}\n{unknown}{PLAIN_LINE}{TIMED_LINE}");
    assert_eq!(open(&note), open(&golden_note()));
}

#[test]
#[should_panic(expected = "a log's origin is one line, not empty")]
fn an_origin_of_two_lines_is_never_signed() {
    let origin = "a\nb".to_owned();
    let _ = checkpoint::sign(&Checkpoint { origin, ..golden() }, &key(), 0);
}

#[test]
#[should_panic(expected = "a checkpoint's time is below 2^63 seconds")]
fn a_time_beyond_the_format_is_never_signed() {
    let _ = checkpoint::sign(&golden(), &key(), 1 << 63);
}

#[test]
fn the_latest_time_is_kept() {
    let latest = (1 << 63) - 1;
    let note = checkpoint::sign(&golden(), &key(), latest);
    assert_eq!(open(&note).unwrap().time_unix_s, latest);
}

#[test]
fn bodies_have_one_form() {
    let root = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=";
    let size = |text: &str| CheckpointError::Size(text.to_owned());
    assert_eq!(Checkpoint::parse(BODY), Ok(golden()));
    assert_eq!(golden().to_string(), BODY);
    for text in [
        "",
        "o",
        "o\n8\n",
        &format!("o\n8\n{root}"),
        &format!("o\n8\n{root}\n\n"),
        &format!("o\n8\n{root}\nextension\n"),
    ] {
        assert_eq!(
            Checkpoint::parse(text),
            Err(CheckpointError::Lines),
            "{text:?}"
        );
    }
    for origin in ["", "a\tb", "a\u{7f}"] {
        let body = format!("{origin}\n8\n{root}\n");
        assert_eq!(
            Checkpoint::parse(&body),
            Err(CheckpointError::MalformedOrigin)
        );
    }
    for bad in [
        "",
        "08",
        "00",
        "+8",
        "-0",
        " 8",
        "8 ",
        "0x8",
        "٨",
        "18446744073709551616",
    ] {
        let body = format!("o\n{bad}\n{root}\n");
        assert_eq!(Checkpoint::parse(&body), Err(size(bad)));
    }
    let largest = Checkpoint::parse(&format!("o\n18446744073709551615\n{root}\n")).unwrap();
    assert_eq!(largest.size, u64::MAX);
    let unpadded = root.trim_end_matches('=');
    let trailing_bits = root.replace("yg=", "yh=");
    let url_safe = root.replace('+', "-");
    for bad in ["", unpadded, &trailing_bits, &url_safe, "AAAA"] {
        let body = format!("o\n8\n{bad}\n");
        assert_eq!(
            Checkpoint::parse(&body),
            Err(CheckpointError::Root(bad.to_owned()))
        );
    }
}

#[test]
fn a_published_checkpoint_parses() {
    let note = Note::parse(C2SP_CHECKPOINT).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(checkpoint.size, 20_852_163);
    assert_eq!(checkpoint.to_string(), note.text());
    let names: Vec<_> = note.signatures().iter().map(|line| line.name()).collect();
    assert_eq!(
        names,
        ["example.com/behind-the-sofa", "witness.example.com/w1"]
    );
    let cosignature = note.signatures()[1].bytes();
    assert_eq!(cosignature[..8], 1_679_315_147_u64.to_be_bytes());
    assert_eq!(cosignature.len(), 72);
}

proptest! {
    #[test]
    fn what_is_signed_opens(
        origin in "[a-z][a-z0-9./ -]{0,40}",
        size in any::<u64>(),
        root in any::<[u8; 32]>(),
        seed in any::<[u8; 32]>(),
        time_unix_s in 0..=i64::MAX as u64,
    ) {
        let key = SigningKey::from_seed("log.example", &seed).unwrap();
        let checkpoint = Checkpoint { origin: origin.clone(), size, root };
        let note = checkpoint::sign(&checkpoint, &key, time_unix_s);
        let opened = checkpoint::open(&note, &key.verifier(), &origin);
        prop_assert_eq!(opened, Ok(SignedCheckpoint { checkpoint, time_unix_s }));
    }

    #[test]
    fn a_parsed_body_is_written_back_alike(text in "(o|p q|)\n[0-9]{1,3}\n[A-Za-z+/]{42}[A-Z]=\n(x\n)?") {
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
