//! A good export verifies; every changed byte, line and part is refused.
#![allow(clippy::unwrap_used)]

use std::io;

use vidimus_ledger::tree::leaf_hash;
use vidimus_protocol::api::Content;
use vidimus_protocol::entry::Resolution;
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Blob, Digest, sha256, strict};

mod at_least;
mod evaluations;
mod glass;
mod grants;
mod places;
mod walk;

use super::*;
use crate::cose::Algorithm;
use crate::testkit::{SoftKey, Story};

fn story() -> Story {
    let mut story = Story::new(1, Algorithm::EdDsa);
    story.run();
    let denied = story.propose();
    story.deny(denied);
    story
}

fn check<'a>(export: &[u8], given: impl Into<Given<'a>>) -> Report {
    verify(export, given, |_| {}).unwrap()
}

fn refused<'a>(export: &[u8], given: impl Into<Given<'a>>) -> Wrong {
    let report = check(export, given);
    assert_eq!(report.conclusion, Conclusion::Violated, "{report:?}");
    assert_ne!(report.conclusion.exit_code(), 0);
    let wrong = report.wrong.unwrap();
    let failed = |row: &&Row| row.finding == Finding::Failed;
    let row = report.rows.iter().find(failed).unwrap();
    assert_eq!(row.check, wrong.check);
    wrong
}

/// Lines of an export, without the trailer.
fn lines(export: &[u8]) -> Vec<Vec<u8>> {
    let text = export.strip_suffix(b"\n").unwrap();
    let mut lines: Vec<_> = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    lines.pop();
    lines
}

/// Puts a right trailer under any lines, as a forger would.
fn seal(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut export = lines.join(&b'\n');
    export.push(b'\n');
    let trailer = Trailer {
        sha256: sha256(&[&export]),
    };
    export.extend(strict::canonical(&trailer));
    export.push(b'\n');
    export
}

/// Number of the line that holds a leaf of an export of `size` entries.
fn leaf_line(size: usize, index: usize) -> usize {
    1 + size + index
}

/// Puts right hash lines above changed leaves, as a forger would.
fn rehash(lines: &mut [Vec<u8>], size: usize) {
    for index in 0..size {
        let hash = leaf_hash(&lines[leaf_line(size, index)]);
        lines[1 + index] = strict::canonical(&Digest(hash));
    }
}

fn change_header(export: &[u8], change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut lines = lines(export);
    let mut header: Header = strict::parse_canonical(&lines[0], MAX_HEADER).unwrap();
    change(&mut header);
    lines[0] = strict::canonical(&header);
    seal(&lines)
}

fn change_part(export: &[u8], at: usize, change: impl FnOnce(&mut PartLine)) -> Vec<u8> {
    let mut lines = lines(export);
    let mut part: PartLine = strict::parse_canonical(&lines[at], MAX_PART_LINE).unwrap();
    change(&mut part);
    lines[at] = strict::canonical(&part);
    seal(&lines)
}

#[test]
fn a_good_export_verifies_and_says_who_anchors_it() {
    let story = story();
    let export = story.export();
    assert_eq!(
        seal(&lines(&export)),
        export,
        "the tests' own trailer is right"
    );
    let report = check(&export, Some(&story.trust()));
    assert_eq!(report.conclusion, Conclusion::Verified);
    assert_eq!(report.conclusion.exit_code(), 0);
    assert_eq!(report.entries, 12);
    assert_eq!(report.log, Some(story.log.id));
    let (last, asked) = report.rows.split_last().unwrap();
    assert!(asked.iter().all(|row| row.finding == Finding::Passed));
    assert_eq!(last.finding, Finding::NotChecked, "no earlier checkpoint");
    let counts: Vec<u64> = report.rows.iter().map(|row| row.checked).collect();
    assert_eq!(counts, [12 + 12 + 7 + 2, 12, 4, 1, 7, 0, 1, 0]);
    assert_eq!(report.deciders.len(), 1);
    assert_eq!(report.deciders[0].to_string(), "Ada: 1 approved, 1 denied");
    let remarked = |what: &str| report.remarks.iter().any(|remark| remark.starts_with(what));
    assert!(remarked("single operator"));
    assert!(remarked("software key: 4"));
    assert!(!remarked("outcome unknown"));

    let report = check(&export, None);
    assert_eq!(report.conclusion, Conclusion::Unanchored);
    assert_eq!(report.conclusion.exit_code(), 3);
    assert_eq!(report.rows[6].finding, Finding::NotChecked);

    let mut running = Story::new(1, Algorithm::EdDsa);
    let action = running.propose();
    running.approve(action);
    running.redeem(action);
    let report = check(&running.export(), None);
    assert!(
        report
            .remarks
            .iter()
            .any(|remark| remark.starts_with("outcome unknown: 1"))
    );
}

#[test]
fn another_trust_file_refuses() {
    let other = Story::new(2, Algorithm::EdDsa);
    let wrong = refused(&story().export(), Some(&other.trust()));
    assert_eq!(
        (wrong.check, wrong.section),
        (Check::Anchor, Section::Trust)
    );
}

fn is_refused(export: &[u8]) -> bool {
    let report = check(export, None);
    match report.conclusion {
        Conclusion::Violated => report.wrong.is_some(),
        // The number of a version or the name of a kind was changed.
        Conclusion::UpgradeNeeded => report.upgrade.is_some(),
        Conclusion::Verified | Conclusion::Unanchored => false,
    }
}

#[test]
fn every_missing_or_surplus_byte_refuses() {
    let mut story = Story::new(1, Algorithm::EdDsa);
    story.propose();
    let export = story.export();
    for at in 0..export.len() {
        let mut shorter = export.clone();
        shorter.remove(at);
        let mut longer = export.clone();
        longer.insert(at, export[at]);
        let mut spaced = export.clone();
        spaced.insert(at, b' ');
        let truncated = &export[..at];
        for changed in [&shorter, &longer, &spaced, truncated] {
            assert!(is_refused(changed), "{at}");
        }
    }
    for more in [&b"\n"[..], b" ", b"{}\n"] {
        let longer = [export.as_slice(), more].concat();
        assert_eq!(refused(&longer, None).check, Check::File);
    }
}

#[test]
fn another_digest_or_something_after_it_refuses() {
    let export = story().export();
    let mut other = export.clone();
    let digit = export.len() - 5;
    other[digit] = if other[digit] == b'0' { b'1' } else { b'0' };
    let wrong = refused(&other, None);
    assert_eq!(wrong.check, Check::File);
    assert!(
        wrong.why.contains("its digest was changed"),
        "{}",
        wrong.why
    );
    let longer = [export.as_slice(), b"\n"].concat();
    let wrong = refused(&longer, None);
    assert!(wrong.why.contains("after the last line"), "{}", wrong.why);
}

/// The digest over the file is no protection against who makes a new one.
#[test]
fn each_missing_doubled_or_moved_line_refuses_under_a_right_digest() {
    let export = story().export();
    let good = lines(&export);
    for at in 0..good.len() {
        let mut shorter = good.clone();
        shorter.remove(at);
        refused(&seal(&shorter), None);
        let mut longer = good.clone();
        longer.insert(at, good[at].clone());
        refused(&seal(&longer), None);
        if at + 1 < good.len() {
            let mut swapped = good.clone();
            swapped.swap(at, at + 1);
            refused(&seal(&swapped), None);
        }
    }
}

#[test]
fn each_wrong_header_refuses_under_a_right_digest() {
    let story = story();
    let export = story.export();
    let check_of = |change: fn(&mut Header)| refused(&change_header(&export, change), None).check;
    assert_eq!(check_of(|header| header.log.0[0] ^= 1), Check::File);
    assert_eq!(check_of(|header| header.size -= 1), Check::File);
    assert_eq!(check_of(|header| header.size = 0), Check::File);
    assert_eq!(check_of(|header| header.size += 1), Check::File);
    assert_eq!(check_of(|header| header.parts -= 1), Check::File);
    assert_eq!(check_of(|header| header.parts += 1), Check::File);
    assert_eq!(check_of(|header| header.r#type = "x".into()), Check::File);
    let newer = change_header(&export, |header| header.v = 2);
    let report = check(&newer, None);
    assert_eq!(report.conclusion, Conclusion::UpgradeNeeded);
    assert_eq!(report.conclusion.exit_code(), 4);
    let earlier = story.checkpoint_at(story.size() - 1);
    let with_earlier = change_header(&export, |header| header.checkpoint = earlier);
    let wrong = refused(&with_earlier, None);
    assert_eq!(wrong.section, Section::Header, "the checkpoint is signed");
    assert!(wrong.why.contains("covers 11"), "{}", wrong.why);
    let foreign = Story::new(2, Algorithm::EdDsa).checkpoint();
    let with_foreign = change_header(&export, |header| header.checkpoint = foreign);
    assert_eq!(refused(&with_foreign, None).check, Check::Checkpoint);
}

/// A fact that nobody signed shows in the checkpoint.
#[test]
fn another_outcome_contradicts_the_checkpoint() {
    let mut story = Story::new(1, Algorithm::EdDsa);
    story.run();
    let mut changed = lines(&story.export());
    let outcome = leaf_line(9, 8);
    let text = String::from_utf8(changed[outcome].clone()).unwrap();
    assert!(text.contains(r#""code":0"#));
    changed[outcome] = text.replace(r#""code":0"#, r#""code":1"#).into_bytes();
    let wrong = refused(&seal(&changed), None);
    assert_eq!((wrong.check, wrong.entry), (Check::Entries, Some(8)));
    assert_eq!(wrong.bytes, Bytes::Changed);

    rehash(&mut changed, 9);
    let wrong = refused(&seal(&changed), None);
    assert_eq!((wrong.section, wrong.entry), (Section::Entries, None));
    assert_eq!(wrong.check, Check::Checkpoint);
    // The verdict pins the four entries before it.
    assert!(wrong.why.contains("entries 4 to 8"), "{}", wrong.why);
}

#[test]
fn each_wrong_part_refuses_and_names_its_entry() {
    let export = story().export();
    let all = lines(&export);
    let first = all.len() - 7;
    for (at, change) in [
        (first, (|part| part.bytes.0[5] ^= 1) as fn(&mut PartLine)),
        (first, |part| part.salt.0[0] ^= 1),
        (first, |part| part.r#type = "text/plain".into()),
        (first + 1, |part| part.bytes.0.push(b' ')),
        (first + 2, |part| part.bytes.0.clear()),
    ] {
        let entry = strict::parse::<PartLine>(&all[at], MAX_PART_LINE)
            .unwrap()
            .index;
        let wrong = refused(&change_part(&export, at, change), None);
        assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(entry)));
    }
    let renamed = change_part(&export, first, |part| part.name = "zzz".into());
    let wrong = refused(&renamed, None);
    assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(3)));
    assert!(wrong.why.contains("`context` is missing"), "{}", wrong.why);
    let moved = change_part(&export, first, |part| part.index = 0);
    let wrong = refused(&moved, None);
    assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(3)));
    let mut doubled = all.clone();
    doubled.insert(first, all[first].clone());
    let doubled = change_header(&seal(&doubled), |header| header.parts += 1);
    let wrong = refused(&doubled, None);
    assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(3)));
    assert!(wrong.why.contains("no part `context`"), "{}", wrong.why);
    let mut one_more = all.clone();
    one_more.push(all.last().unwrap().clone());
    let one_more = change_header(&seal(&one_more), |header| header.parts += 1);
    let wrong = refused(&one_more, None);
    assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(10)));
    assert!(wrong.why.contains("no part"), "{}", wrong.why);
    let mut without = all.clone();
    without.remove(first + 1);
    let without = change_header(&seal(&without), |header| header.parts -= 1);
    let wrong = refused(&without, None);
    assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(3)));
    assert!(wrong.why.contains("`payload` is missing"), "{}", wrong.why);
    let mut without_last = all;
    without_last.pop();
    let without_last = change_header(&seal(&without_last), |header| header.parts -= 1);
    let wrong = refused(&without_last, None);
    assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(10)));
}

/// The commitment does not bind the size that stands beside it.
#[test]
fn a_part_of_another_size_than_its_entry_says_refuses() {
    let mut story = Story::new(1, Algorithm::EdDsa);
    let mut draft = story.proposal();
    draft.leaf.parts[1].size += 1;
    story.write(draft);
    let wrong = refused(&story.export(), None);
    assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(3)));
    assert!(wrong.why.contains("type or size"), "{}", wrong.why);
}

/// Parts that are what was committed to and still make no sense.
#[test]
fn each_malformed_part_refuses() {
    for (name, kind, bytes) in [
        (
            "payload",
            vidimus_protocol::action::PAYLOAD_TYPE,
            &b"{}"[..],
        ),
        ("context", vidimus_protocol::action::CONTEXT_TYPE, b"{ }"),
    ] {
        let mut story = Story::new(1, Algorithm::EdDsa);
        let mut draft = story.proposal();
        let (content, part) = story.part(name, kind, bytes.to_vec());
        let at = draft
            .leaf
            .parts
            .iter()
            .position(|part| part.name == name)
            .unwrap();
        draft.leaf.parts[at] = part;
        draft.parts[at].1 = content;
        story.write(draft);
        let wrong = refused(&story.export(), None);
        assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(3)));
        assert!(wrong.why.contains("malformed"), "{}", wrong.why);
    }
    let mut story = Story::new(1, Algorithm::EdDsa);
    let action = story.propose();
    let reason = vidimus_protocol::action::TEXT_TYPE;
    let (content, part) = story.part("reason", reason, vec![0xff]);
    let commit = part.commit;
    let mut draft = story.verdict_with(action, Verdict::Deny, "", |_, item| {
        item.reason_commit = commit;
    });
    draft.leaf.parts[0] = part;
    draft.parts[0].1 = content;
    story.write(draft);
    let wrong = refused(&story.export(), None);
    assert_eq!((wrong.check, wrong.entry), (Check::Parts, Some(4)));
}

#[test]
fn a_forging_gateway_is_caught_with_and_without_a_trust_file() {
    // A permit without a verdict.
    let mut story = Story::new(1, Algorithm::EdDsa);
    let action = story.propose();
    let approved = story.resolution(action, Resolution::Approved);
    story.write(approved);
    let permit = story.permit(action);
    story.write(permit);
    let wrong = refused(&story.export(), Some(&story.trust()));
    assert_eq!((wrong.check, wrong.entry), (Check::Entries, Some(4)));

    // A key of its own: it may say whose it is, and counts for nothing.
    let mut story = Story::new(1, Algorithm::EdDsa);
    let mut key = story.further_key(Algorithm::EdDsa);
    story.enrol(&mut key);
    story.swap(&mut key);
    let draft = story.admission_of_own();
    story.write(draft);
    let wrong = refused(&story.export(), Some(&story.trust()));
    assert_eq!((wrong.check, wrong.entry), (Check::Entries, Some(4)));

    // A verdict that the founder never signed.
    let mut story = Story::new(1, Algorithm::EdDsa);
    let action = story.propose();
    story.key = SoftKey::from_seed(Algorithm::EdDsa, &[9; 32]);
    story.approve(action);
    let wrong = refused(&story.export(), Some(&story.trust()));
    assert_eq!((wrong.check, wrong.entry), (Check::Signatures, Some(4)));

    // A whole log of its own, founder included: only the trust file tells.
    let real = Story::new(1, Algorithm::EdDsa);
    let mut fake = Story::new(2, Algorithm::EdDsa);
    fake.run();
    assert_eq!(
        check(&fake.export(), None).conclusion,
        Conclusion::Unanchored
    );
    let wrong = refused(&fake.export(), Some(&real.trust()));
    assert_eq!(wrong.check, Check::Anchor);
}

#[test]
fn an_unknown_kind_asks_for_an_upgrade_and_hides_no_wrong_root() {
    let mut newer = story();
    newer.write_unknown();
    newer.propose();
    let report = check(&newer.export(), Some(&newer.trust()));
    assert_eq!(report.conclusion, Conclusion::UpgradeNeeded);
    assert_eq!(
        report.upgrade.as_deref(),
        Some("cannot judge beyond entry 12")
    );
    assert_eq!(report.entries, 14);
    assert_eq!(
        report.rows[4].checked, 7,
        "the last two parts are not looked at"
    );
    let wrong = refused(
        &newer.export(),
        Some(&Story::new(2, Algorithm::EdDsa).trust()),
    );
    assert_eq!(wrong.check, Check::Anchor);

    let story = story();
    let mut lines = lines(&story.export());
    lines[leaf_line(12, 11)] = br#"{"kind":"part.redacted","v":1}"#.to_vec();
    let wrong = refused(&seal(&lines), None);
    assert_eq!((wrong.check, wrong.entry), (Check::Entries, Some(11)));
    rehash(&mut lines, 12);
    let wrong = refused(&seal(&lines), None);
    assert_eq!(wrong.check, Check::Checkpoint);
}

#[test]
fn a_file_that_breaks_off_names_a_wrong_entry_first() {
    let mut lines = lines(&story().export());
    lines.truncate(leaf_line(12, 7));
    lines[leaf_line(12, 4)].pop();
    let mut broken = lines.join(&b'\n');
    broken.push(b'\n');
    let wrong = refused(&broken, None);
    assert_eq!((wrong.check, wrong.entry), (Check::Entries, Some(4)));
}

#[test]
fn long_lines_end_early() {
    let mut export = vec![b'['; MAX_HEADER + 2];
    export.push(b'\n');
    let wrong = refused(&export, None);
    assert!(wrong.why.contains("longer than"), "{}", wrong.why);
}

#[test]
fn a_file_that_cannot_be_read_is_no_verdict() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken disk"))
        }
    }
    assert!(verify(io::BufReader::new(Broken), Given::default(), |_| {}).is_err());
}

#[test]
fn progress_counts_to_the_end() {
    let story = story();
    let mut seen = Vec::new();
    verify(story.export().as_slice(), Given::default(), |progress| {
        seen.push(progress)
    })
    .unwrap();
    assert_eq!(
        seen,
        [Progress {
            entries: 12,
            of: 12
        }]
    );
}

#[test]
fn the_writer_takes_what_was_announced_and_nothing_else() {
    let new = || Writer::new(Vec::new(), Digest([1; 32]), "note", &[Digest([3; 32])], 1).unwrap();
    let content = Content {
        bytes: Blob(vec![1]),
        salt: Digest([2; 32]),
        r#type: "x".into(),
    };
    let lines =
        |result: Result<(), WriteError>| matches!(result, Err(WriteError::Lines { announced: 2 }));
    let mut writer = new();
    assert!(lines(writer.part(0, "x", &content)), "parts after leaves");
    assert!(writer.leaf(b"{}").is_ok());
    assert!(lines(writer.leaf(b"{}")));
    assert!(writer.part(0, "x", &content).is_ok());
    assert!(lines(writer.part(0, "y", &content)));
    assert!(writer.finish().is_ok());
    assert!(lines(new().finish().map(|_| ())));
}

#[test]
fn reports_are_readable_and_survive_json() {
    let report = check(&story().export(), None);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    assert_eq!(
        report.rows[1].to_string(),
        "entries     passed              12"
    );
    assert_eq!(
        report.rows[6].to_string(),
        "anchor      not checked          0  no trust file was given"
    );
}
