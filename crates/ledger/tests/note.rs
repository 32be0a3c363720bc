//! Signed notes and verifier keys: published examples, one form each, and every refusal.

#![allow(clippy::unwrap_used)]

use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;
use vidimus_ledger::note::{
    KeyError, MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, SigningKey, VerifierKey,
};

const ORIGIN: &str = "vidimus.example/log";
const VKEY: &str = "vidimus.example/log+ceb161fe+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

#[test]
fn an_empty_line_within_the_text_belongs_to_it() {
    // The first example of C2SP signed-note.
    let poem = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    let note = Note::parse(poem).unwrap();
    assert!(note.text().ends_with(":\n\ned è subito sera.\n"));
    let line = &note.signatures()[0];
    assert_eq!(line.key_id(), 0x367b_a04b);
    assert_eq!(format!("{}\n{line}\n", note.text()), poem);
}

#[test]
fn malformed_notes_are_refused() {
    let line = "— name AAAAAAA=";
    assert_eq!(Note::parse(""), Err(NoteError::NoSignatures));
    assert_eq!(Note::parse("text\n"), Err(NoteError::NoSignatures));
    assert_eq!(Note::parse("text\n\n"), Err(NoteError::NoSignatures));
    assert_eq!(
        Note::parse(&format!("text\n{line}\n")),
        Err(NoteError::NoSignatures)
    );
    assert_eq!(
        Note::parse(&format!("text\n\n{line}")),
        Err(NoteError::NoFinalNewline)
    );
    for control in ["\0", "\t", "\r", "\u{1f}"] {
        let note = format!("te{control}xt\n\n{line}\n");
        assert_eq!(Note::parse(&note), Err(NoteError::ControlCharacter));
    }
    for bad in [
        "no signature",
        "— name",
        "— name ",
        "—name AAAAAAA=",
        "- name AAAAAAA=",
        "—  AAAAAAA=",
        "— na+me AAAAAAA=",
        "— na\u{a0}me AAAAAAA=",
        "— name AAAAAAA",
        "— name AAAAAAB=",
        "— name AAAA-AA=",
        "— name AAAAAAA= ",
        "— name AAAAAA==",
        "— name AAAA",
    ] {
        let refused = Err(NoteError::Line(bad.to_owned()));
        assert_eq!(Note::parse(&format!("text\n\n{bad}\n")), refused, "{bad}");
    }
    assert!(Note::parse("text\n\n— name AAAAAAA=\n").is_ok());
}

#[test]
fn notes_have_limits() {
    let lines = |count| format!("text\n\n{}", "— name AAAAAAA=\n".repeat(count));
    assert_eq!(
        Note::parse(&lines(MAX_SIGNATURES))
            .unwrap()
            .signatures()
            .len(),
        MAX_SIGNATURES
    );
    assert_eq!(
        Note::parse(&lines(MAX_SIGNATURES + 1)),
        Err(NoteError::TooManySignatures)
    );
    let rest = "\n\n— name AAAAAAA=\n";
    let largest = "x".repeat(MAX_NOTE_BYTES - rest.len()) + rest;
    assert!(Note::parse(&largest).is_ok());
    assert_eq!(
        Note::parse(&format!("x{largest}")),
        Err(NoteError::TooLarge(MAX_NOTE_BYTES + 1))
    );
}

#[test]
fn golden_keys() {
    let key = SigningKey::from_seed(ORIGIN, &std::array::from_fn(|i| i as u8)).unwrap();
    assert_eq!(key.verifier().to_string(), VKEY);
    let parsed = VerifierKey::parse(VKEY).unwrap();
    assert_eq!(parsed, key.verifier());
    assert_eq!(parsed.name(), ORIGIN);
    assert_eq!(
        const_hex::encode(parsed.public_key()),
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    );
}

#[test]
fn malformed_verifier_keys_are_refused() {
    let good = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert_eq!(VerifierKey::parse(good).unwrap().to_string(), good);
    let key = good.rsplit_once('+').unwrap().1;
    let name = "example.com/foo".to_owned();
    for bad in [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
    ] {
        let refused = Err(KeyError::Malformed(bad.to_owned()));
        assert_eq!(VerifierKey::parse(bad), refused, "{bad}");
    }
    for id in ["530d903b", "530D903A", "0530d903a", "30d903a", ""] {
        let vkey = format!("{name}+{id}+{key}");
        assert_eq!(VerifierKey::parse(&vkey), Err(KeyError::Id(name.clone())));
    }
    let mut bytes = BASE64_STANDARD.decode(key).unwrap();
    let other_type = |bytes: &[u8]| format!("{name}+530d903a+{}", BASE64_STANDARD.encode(bytes));
    assert_eq!(
        VerifierKey::parse(&other_type(&bytes[..32])),
        Err(KeyError::Type(name.clone()))
    );
    assert_eq!(
        VerifierKey::parse(&other_type(&[])),
        Err(KeyError::Type(name.clone()))
    );
    bytes[0] = 4;
    assert_eq!(
        VerifierKey::parse(&other_type(&bytes)),
        Err(KeyError::Type(name))
    );
    let renamed = good.replace("foo", "bar");
    assert_eq!(
        VerifierKey::parse(&renamed),
        Err(KeyError::Id("example.com/bar".to_owned()))
    );
}

#[test]
fn key_names_have_no_spaces_plus_or_control_characters() {
    let long = "n".repeat(256);
    for bad in [
        "",
        "a b",
        "a\u{2003}b",
        "a+b",
        "a\nb",
        "a\0b",
        "a\u{7f}",
        &long,
    ] {
        let refused = Some(KeyError::Name(bad.to_owned()));
        assert_eq!(
            SigningKey::from_seed(bad, &[1; 32]).err(),
            refused,
            "{bad:?}"
        );
    }
    assert!(SigningKey::from_seed(&long[1..], &[1; 32]).is_ok());
    let nameless = "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert_eq!(
        VerifierKey::parse(nameless),
        Err(KeyError::Name(String::new()))
    );
}

#[test]
fn a_signing_key_does_not_show_its_seed() {
    let shown = format!("{:?}", SigningKey::from_seed(ORIGIN, &[0xab; 32]).unwrap());
    assert!(shown.contains(ORIGIN));
    assert!(!shown.contains("171, 171") && !shown.contains("abab"));
}

proptest! {
    #[test]
    fn parsers_do_not_panic_and_keep_one_form(text in "(.|\n|— |\n\n){0,60}") {
        if let Ok(note) = Note::parse(&text) {
            let mut again = format!("{}\n", note.text());
            for line in note.signatures() {
                again += &format!("{line}\n");
            }
            prop_assert_eq!(again, text.clone());
        }
        if let Ok(key) = VerifierKey::parse(&text) {
            prop_assert_eq!(key.to_string(), text);
        }
    }
}
