//! Content, the journal and notes.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Log, Place, content};
use vidimus_mirror::{Mirror, PartError, StoreError};
use vidimus_protocol::api::Content;
use vidimus_protocol::envelope::ActType;
use vidimus_protocol::{Blob, Digest, Time};

/// A mirror of a log whose entries 1 and 2 have a part each.
fn mirror(place: &Place) -> Mirror {
    let mut log = Log::new(1, 1);
    log.push_with_part("payload", &content("one"));
    log.push_with_part("output", &content("two"));
    place.synced(&log, 3)
}

fn missing(mirror: &Mirror) -> Vec<(u64, String)> {
    let missing = mirror.missing_parts(10).unwrap();
    missing
        .into_iter()
        .map(|(index, part)| (index, part.name))
        .collect()
}

#[test]
fn parts_are_missing_until_they_come() {
    let place = Place::new();
    let mirror = mirror(&place);
    assert_eq!(
        missing(&mirror),
        [(1, "payload".into()), (2, "output".into())]
    );
    assert_eq!(mirror.missing_parts(1).unwrap().len(), 1);
    assert_eq!(mirror.missing_parts(1).unwrap()[0].1.size, 3);
    assert_eq!(mirror.part(1, "payload").unwrap(), None);
    for _ in 0..2 {
        mirror.put_part(1, "payload", &content("one")).unwrap();
    }
    assert_eq!(missing(&mirror), [(2, "output".into())]);
    drop(mirror);
    let mirror = place.open();
    assert_eq!(mirror.part(1, "payload").unwrap(), Some(content("one")));
    assert_eq!(missing(&mirror), [(2, "output".into())]);
}

#[test]
fn what_is_not_committed_to_is_refused() {
    let place = Place::new();
    let mirror = mirror(&place);
    let good = content("one");
    for wrong in [
        content("two"),
        content("one "),
        Content {
            salt: Digest([6; 32]),
            ..good.clone()
        },
        Content {
            r#type: "text/html".into(),
            ..good.clone()
        },
        Content {
            r#type: "täxt".into(),
            ..good.clone()
        },
        Content {
            bytes: Blob(Vec::new()),
            ..good.clone()
        },
    ] {
        assert!(matches!(
            mirror.put_part(1, "payload", &wrong),
            Err(PartError::Wrong { index: 1, .. })
        ));
    }
    for (index, name) in [
        (1, "output"),
        (0, "payload"),
        (3, "payload"),
        (u64::MAX, "x"),
    ] {
        assert!(matches!(
            mirror.put_part(index, name, &good),
            Err(PartError::Unknown { .. })
        ));
        assert_eq!(mirror.part(index, name).unwrap(), None);
    }
    assert_eq!(missing(&mirror).len(), 2);
}

#[test]
fn a_size_that_is_not_the_contents_is_refused() {
    let place = Place::new();
    let mut log = Log::new(1, 1);
    log.push_with_part_of_size("payload", &content("one"), 4);
    let mirror = place.synced(&log, 2);
    assert!(matches!(
        mirror.put_part(1, "payload", &content("one")),
        Err(PartError::Wrong { index: 1, .. })
    ));
}

#[test]
fn content_that_was_changed_on_the_disk_is_not_read() {
    for sql in [
        "UPDATE parts SET bytes = x'00' WHERE idx = 1",
        "UPDATE parts SET salt = zeroblob(32) WHERE idx = 1",
        "UPDATE parts SET name = 'other' WHERE idx = 1",
    ] {
        let place = Place::new();
        let mirror = mirror(&place);
        mirror.put_part(1, "payload", &content("one")).unwrap();
        place.database().execute(sql, []).unwrap();
        let changed = ["payload", "other"].map(|name| mirror.part(1, name));
        assert!(
            changed
                .iter()
                .any(|read| matches!(read, Err(StoreError::Changed(1)))),
            "{sql}"
        );
    }
}

#[test]
fn parts_of_a_kind_learnt_later_are_found() {
    let place = Place::new();
    drop(mirror(&place));
    // As an earlier version, which did not know the kind, would have left it.
    place
        .database()
        .execute_batch("DELETE FROM parts WHERE idx = 2; UPDATE leaves SET known = 0 WHERE idx = 2")
        .unwrap();
    assert_eq!(
        missing(&place.open()),
        [(1, "payload".into()), (2, "output".into())]
    );
}

#[test]
fn the_journal_remembers_what_was_asked_here() {
    let place = Place::new();
    let mirror = mirror(&place);
    let (ours, other) = (Digest([1; 32]), Digest([2; 32]));
    assert!(!mirror.journal_has(ours).unwrap());
    for _ in 0..2 {
        mirror
            .journal_write(ours, ActType::VerdictGiven, Time::from_unix_ms(5))
            .unwrap();
    }
    drop(mirror);
    let mirror = place.open();
    assert!(mirror.journal_has(ours).unwrap());
    assert!(!mirror.journal_has(other).unwrap());
}

#[test]
fn notes_are_kept() {
    let place = Place::new();
    let mirror = mirror(&place);
    assert_eq!(mirror.get("a").unwrap(), None);
    mirror.set("a", "1").unwrap();
    mirror.set("a", "2").unwrap();
    drop(mirror);
    assert_eq!(place.open().get("a").unwrap().as_deref(), Some("2"));
}
