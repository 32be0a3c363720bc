//! Each changed byte is named by its place.

use super::*;
use vidimus_ledger::note::Note;

/// What a report may say of a byte.
#[derive(Debug, PartialEq)]
struct Place {
    section: Section,
    entry: Option<u64>,
    part: Option<String>,
}

impl Place {
    fn of(section: Section) -> Self {
        Self {
            section,
            entry: None,
            part: None,
        }
    }

    fn named(wrong: &Wrong) -> Self {
        Self {
            section: wrong.section,
            entry: wrong.entry,
            part: wrong.part.clone(),
        }
    }
}

/// The place of each line but the first, with its number and line end.
fn place_of_line(export: &[u8], number: usize, line: &[u8]) -> Place {
    let header: Header = strict::parse(&lines(export)[0], MAX_HEADER).unwrap();
    let size = usize::try_from(header.size).unwrap();
    let entry = |line: usize| Some(u64::try_from(line).unwrap());
    if number <= size {
        return Place {
            entry: entry(number - 1),
            ..Place::of(Section::Hashes)
        };
    }
    if number <= 2 * size {
        return Place {
            entry: entry(number - size - 1),
            ..Place::of(Section::Entries)
        };
    }
    match strict::parse::<PartLine>(line, MAX_PART_LINE) {
        Ok(part) => Place {
            section: Section::Parts,
            entry: Some(part.index),
            part: Some(part.name),
        },
        Err(_) => Place::of(Section::Trailer),
    }
}

/// Where the checkpoint stands in the first line.
fn checkpoint_of(export: &[u8]) -> std::ops::Range<usize> {
    let start = br#"{"checkpoint":""#.len();
    let end = export.windows(9).position(|piece| piece == br#"","log":""#);
    start..end.unwrap()
}

fn sample() -> (Story, Vec<u8>) {
    let mut story = Story::new(1, Algorithm::EdDsa);
    let action = story.propose();
    story.deny(action);
    let export = story.export();
    (story, export)
}

/// The ways in which a byte is changed.
const PATTERNS: [fn(u8) -> u8; 4] = [
    |byte| byte ^ 0x01,
    |byte| byte ^ 0x20,
    |byte| if byte == b'\n' { b' ' } else { b'\n' },
    |byte| byte ^ 0x80,
];

/// Two patterns for each byte, in turn; all four take minutes where two are
/// one. Four threads, since each check is short.
#[test]
fn each_changed_byte_is_named_by_its_place() {
    let (story, export) = sample();
    let trust = story.trust();
    let checkpoint = checkpoint_of(&export);
    let mut places = Vec::new();
    for (number, line) in export.split_inclusive(|byte| *byte == b'\n').enumerate() {
        for _ in line {
            let place = (number > 0).then(|| place_of_line(&export, number, line));
            places.push(place);
        }
    }
    assert_eq!(places.len(), export.len());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (export, places, trust, checkpoint) = (&export, &places, &trust, &checkpoint);
            scope.spawn(move || {
                for at in (thread..export.len()).step_by(4) {
                    for pattern in [PATTERNS[at / 4 % 4], PATTERNS[(at / 4 + 1) % 4]] {
                        let mut changed = export.clone();
                        changed[at] = pattern(export[at]);
                        // Who has no trust file gets the same place.
                        let trust = at.is_multiple_of(3).then_some(trust);
                        let in_note = checkpoint.contains(&at);
                        expect_place(&changed, trust, places[at].as_ref(), in_note, at);
                    }
                }
            });
        }
    });
}

fn expect_place(
    changed: &[u8],
    trust: Option<&TrustFile>,
    place: Option<&Place>,
    in_note: bool,
    at: usize,
) {
    let report = check(changed, trust);
    let what = format!("byte {at} is now {:#04x}: {report:?}", changed[at]);
    let Some(wrong) = &report.wrong else {
        let upgrade = report.upgrade.as_ref().expect(&what);
        assert!(
            place.is_none() && upgrade.starts_with("the header says"),
            "{what}"
        );
        return;
    };
    let first = changed.split(|byte| *byte == b'\n').next().unwrap();
    let in_header = match strict::parse::<Header>(first, MAX_HEADER) {
        Ok(_) if in_note => Place::of(Section::Checkpoint),
        _ => Place::of(Section::Header),
    };
    assert_eq!(Place::named(wrong), *place.unwrap_or(&in_header), "{what}");
}

/// What was changed after the log signed it is told from what it signed.
#[test]
fn a_changed_entry_is_told_from_a_wrong_log() {
    let (_, export) = sample();
    let mut changed = lines(&export);
    let leaf = leaf_line(6, 2);
    changed[leaf].pop();
    let wrong = refused(&seal(&changed), None);
    assert_eq!((wrong.entry, wrong.bytes), (Some(2), Bytes::Changed));

    let mut story = Story::new(1, Algorithm::EdDsa);
    let action = story.propose();
    let permit = story.permit(action);
    story.write(permit);
    let wrong = refused(&story.export(), None);
    assert_eq!((wrong.entry, wrong.bytes), (Some(4), Bytes::AsSigned));
    assert!(wrong.to_string().ends_with("signed it like this)"));
    // The same log with a changed hash line behind it.
    let mut changed = lines(&story.export());
    changed[1 + 4] = strict::canonical(&Digest([7; 32]));
    let wrong = refused(&seal(&changed), None);
    assert_eq!((wrong.section, wrong.entry), (Section::Hashes, Some(4)));
}

/// A forger who writes hashes, digest and header anew leaves fewer traces; none
/// that is wrong is named.
#[test]
fn what_was_changed_together_is_not_blamed_on_one_place() {
    let (story, export) = sample();
    let good = lines(&export);

    // An entry and its hash: the entries after it refer to another one.
    let mut changed = good.clone();
    let leaf = leaf_line(6, 3);
    let text = String::from_utf8(changed[leaf].clone()).unwrap();
    let (before, after) = text.rsplit_once("00Z").unwrap();
    changed[leaf] = format!("{before}01Z{after}").into_bytes();
    assert_ne!(changed[leaf], good[leaf]);
    rehash(&mut changed, 6);
    let wrong = refused(&seal(&changed), Some(&story.trust()));
    assert_eq!((wrong.section, wrong.entry), (Section::Entries, Some(4)));
    assert_eq!(wrong.bytes, Bytes::Unproven);
    assert!(wrong.why.contains("or one before it"), "{}", wrong.why);

    // An entry, and another one's hash.
    let mut changed = good.clone();
    changed[leaf_line(6, 4)].pop();
    changed[1 + 2] = strict::canonical(&Digest([7; 32]));
    let wrong = refused(&seal(&changed), None);
    assert_eq!((wrong.section, wrong.entry), (Section::Entries, Some(2)));
    assert_eq!(wrong.bytes, Bytes::Unproven);
    assert!(wrong.why.contains("something else"), "{}", wrong.why);

    // A hash, and the checkpoint.
    let mut changed = good.clone();
    changed[1 + 2] = strict::canonical(&Digest([7; 32]));
    let changed = change_header(&seal(&changed), |header| {
        header.checkpoint = header.checkpoint.replacen("AAAA", "AAAB", 1);
    });
    let wrong = refused(&changed, None);
    assert_eq!((wrong.section, wrong.entry), (Section::Checkpoint, None));
    assert!(wrong.why.contains("entry 2 is not"), "{}", wrong.why);

    // The first entry and its hash: another key would have to sign.
    let mut changed = good;
    let leaf = leaf_line(6, 0);
    let text = String::from_utf8(changed[leaf].clone()).unwrap();
    changed[leaf] = text.replace("Ada", "Eve").into_bytes();
    rehash(&mut changed, 6);
    let wrong = refused(&seal(&changed), Some(&story.trust()));
    assert_ne!(wrong.bytes, Bytes::Changed);
}

/// Another key's line in the note is covered by the digest alone.
#[test]
fn a_digest_that_may_be_right_is_not_blamed() {
    let (story, export) = sample();
    let blame = |export: &[u8]| {
        let wrong = refused(export, None);
        assert_eq!(wrong.section, Section::Trailer);
        wrong.why
    };
    let last = export.len() - 5;
    let flip = |export: &[u8]| {
        let mut changed = export.to_vec();
        changed[last + export.len() - sample().1.len()] ^= 1;
        changed
    };
    assert!(blame(&flip(&export)).contains("was changed: every line"));
    let more = format!("{}\u{2014} witness AAAAAAA=\n", story.checkpoint());
    assert_eq!(Note::parse(&more).unwrap().signatures().len(), 3);
    let witnessed = change_header(&export, |header| header.checkpoint = more);
    assert_eq!(check(&witnessed, None).conclusion, Conclusion::Unanchored);
    assert!(blame(&flip(&witnessed)).contains("does not judge"));
}

/// The size stands in two places, one of which is signed.
#[test]
fn two_sizes_are_told_apart() {
    let (story, export) = sample();
    for size in [0, 1, 5, 7, 1 << 40] {
        let other = change_header(&export, |header| header.size = size);
        let wrong = refused(&other, Some(&story.trust()));
        assert_eq!(
            (wrong.section, wrong.bytes),
            (Section::Header, Bytes::Changed)
        );
        let note = change_header(&export, |header| {
            let body = format!("\n{size}\n");
            header.checkpoint = header.checkpoint.replacen("\n6\n", &body, 1);
        });
        let wrong = refused(&note, None);
        assert_eq!(wrong.section, Section::Checkpoint);
        // Both: the file has other lines than both say.
        let both = change_header(&export, |header| {
            let body = format!("\n{size}\n");
            header.checkpoint = header.checkpoint.replacen("\n6\n", &body, 1);
            header.size = size;
        });
        refused(&both, None);
    }
    let bare = &export[..export.iter().position(|byte| *byte == b'\n').unwrap() + 1];
    let bare = String::from_utf8(bare.to_vec()).unwrap();
    let bare = bare.replace(r#""size":6"#, r#""size":5"#);
    let wrong = refused(bare.as_bytes(), None);
    assert_eq!(
        (wrong.section, wrong.bytes),
        (Section::Header, Bytes::Unproven)
    );
}
