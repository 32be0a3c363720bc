//! A log that falls behind an earlier checkpoint, or left it.

use super::*;

fn held_to<'a>(trust: &'a TrustFile, at_least: &'a AtLeast) -> Given<'a> {
    Given {
        trust: Some(trust),
        at_least: Some(at_least),
    }
}

#[test]
fn an_export_reaches_every_checkpoint_of_its_log() {
    let story = story();
    let trust = story.trust();
    for size in 0..=story.size() {
        let at_least = AtLeast::parse(story.checkpoint_at(size).as_bytes()).unwrap();
        assert_eq!(at_least.size(), size);
        let report = check(&story.export(), held_to(&trust, &at_least));
        assert_eq!(report.conclusion, Conclusion::Verified, "{report:?}");
        let row = report.rows.last().unwrap();
        assert_eq!((row.finding, row.checked), (Finding::Passed, size));
    }
    // An export serves as well as the note in it.
    let export = AtLeast::parse(&story.export()).unwrap();
    let note = AtLeast::parse(story.checkpoint().as_bytes()).unwrap();
    assert_eq!(export, note);
}

#[test]
fn what_does_not_reach_it_is_refused_in_its_own_words() {
    let mut story = story();
    let (trust, short) = (story.trust(), story.export());
    let refused_by = |export: &[u8], note: &[u8], words: &str| {
        let at_least = AtLeast::parse(note).unwrap();
        let wrong = refused(export, held_to(&trust, &at_least));
        assert_eq!(wrong.check, Check::AtLeast);
        assert_eq!((wrong.section, wrong.entry), (Section::AtLeast, None));
        assert!(wrong.why.contains(words), "{}", wrong.why);
    };

    // Truncated, or an older file.
    story.propose();
    let longer = story.checkpoint();
    refused_by(&short, longer.as_bytes(), "the last 1 are missing");

    // Another log.
    let other = Story::new(2, Algorithm::EdDsa).checkpoint();
    refused_by(&short, other.as_bytes(), "another log");

    // The same log with another past.
    let mut fork = Story::new(1, Algorithm::EdDsa);
    let denied = fork.propose();
    fork.deny(denied);
    assert_eq!(fork.log.id, trust.log);
    refused_by(&short, fork.checkpoint().as_bytes(), "two histories");

    // Not signed by this log.
    let note = story.checkpoint_at(3).replacen("\n3\n", "\n4\n", 1);
    refused_by(&short, note.as_bytes(), "signature by the log is wrong");
}

#[test]
fn what_is_no_checkpoint_is_no_verdict() {
    let story = story();
    for (file, words) in [
        (&b""[..], "neither"),
        (b"\xff\n", "neither"),
        (b"{}\n", "neither"),
        (&story.trust().to_bytes(), "neither"),
        (b"a\nb\nc\n\n\xe2\x80\x94 a AAAAAAA=\n", "tree size"),
    ] {
        let error = AtLeast::parse(file).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_log_of_an_unknown_opening_is_held_to_nothing() {
    let story = story();
    let at_least = AtLeast::parse(story.checkpoint().as_bytes()).unwrap();
    let mut changed = lines(&story.export());
    changed[leaf_line(12, 0)] = br#"{"kind":"tea.made","v":1}"#.to_vec();
    rehash(&mut changed, 12);
    let wrong = refused(&seal(&changed), held_to(&story.trust(), &at_least));
    assert_eq!(wrong.check, Check::Checkpoint);
}
