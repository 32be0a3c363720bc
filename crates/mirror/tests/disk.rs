//! Crashes, two programs at once, and a disk that does not keep what it got.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt;

use support::{Log, Place, apply};
use vidimus_mirror::{LookError, Mirror, OpenError, StoreError, SyncError};

/// The pin is there and the entries come again.
#[test]
fn the_pin_stays_when_the_entries_find_no_room() {
    let log = Log::new(1, 9);
    for start in [0, 4] {
        let place = Place::new();
        let mut mirror = place.open();
        mirror.adopt(log.id()).unwrap();
        if start > 0 {
            apply(&mut mirror, &log.batch(0, start)).unwrap();
        }
        place
            .database()
            .execute_batch(
                "CREATE TRIGGER crash BEFORE INSERT ON leaves WHEN NEW.idx = 6
                 BEGIN SELECT RAISE(ABORT, 'crash'); END",
            )
            .unwrap();
        assert!(matches!(
            apply(&mut mirror, &log.batch(start, 9)),
            Err(SyncError::Store(StoreError::Database(_)))
        ));
        assert_eq!(mirror.size(), start);
        assert_eq!(mirror.pin().unwrap().checkpoint.size, 9);
        drop(mirror);

        place
            .database()
            .execute_batch("DROP TRIGGER crash")
            .unwrap();
        let mut mirror = place.open();
        assert_eq!(mirror.size(), start);
        assert_eq!(mirror.pin_note(), Some(log.note(9).as_str()));
        // A log that takes back what was pinned is found out.
        let mut other = Log::new(1, 9);
        other.leaves[8].push(b'!');
        assert!(matches!(
            apply(&mut mirror, &other.batch(start, 9)),
            Err(SyncError::Fork { .. })
        ));
        other.grow_to(12);
        assert!(matches!(
            apply(&mut mirror, &other.batch(start, 12)),
            Err(SyncError::Fork { .. })
        ));
        assert!(matches!(
            apply(&mut mirror, &log.batch(start, 8)),
            Err(SyncError::Rollback { .. })
        ));
        assert_eq!(
            apply(&mut mirror, &log.batch(start, 9)).unwrap().new,
            start..9
        );
        drop(mirror);
        assert_eq!(place.open().leaves(0..9).unwrap(), log.leaves);
    }
}

#[test]
fn what_cannot_be_pinned_is_not_stored() {
    let (log, place) = (Log::new(1, 9), Place::new());
    let mut mirror = place.synced(&log, 4);
    place
        .database()
        .execute_batch(
            "CREATE TRIGGER crash BEFORE UPDATE ON pins WHEN NEW.role = 'newest'
             BEGIN SELECT RAISE(ABORT, 'crash'); END",
        )
        .unwrap();
    assert!(matches!(
        apply(&mut mirror, &log.batch(4, 9)),
        Err(SyncError::Store(_))
    ));
    assert_eq!(mirror.size(), 4);
    assert_eq!(mirror.pin_note(), Some(log.note(4).as_str()));
    let rows: u64 = place
        .database()
        .query_row("SELECT count(*) FROM leaves", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 4);
}

/// Changes the stored mirror and opens it again.
fn changed(sql: &str) -> Result<Mirror, OpenError> {
    let (log, place) = (Log::new(1, 9), Place::new());
    let mut mirror = place.synced(&log, 4);
    apply(&mut mirror, &log.batch(4, 9)).unwrap();
    drop(mirror);
    let changes = place.database().execute(sql, []).unwrap();
    assert!(changes > 0, "{sql}");
    let read_only = Mirror::open_read_only(&place.path()).map(|_| ());
    let opened = Mirror::open(&place.path());
    assert_eq!(read_only.is_ok(), opened.is_ok());
    opened
}

#[test]
fn a_changed_copy_is_not_opened() {
    for sql in [
        "UPDATE hashes SET hash = zeroblob(32) WHERE idx = 5",
        "DELETE FROM hashes WHERE idx = 5",
        "DELETE FROM hashes WHERE idx = 8",
        "DELETE FROM hashes",
        "UPDATE leaves SET leaf = x'00' WHERE idx = 0",
        "UPDATE pins SET note = replace(note, '9', '8') WHERE role = 'newest'",
        "UPDATE pins SET note = replace(note, '9', '8') WHERE role = 'covered'",
        "DELETE FROM pins WHERE role = 'newest'",
        "DELETE FROM pins WHERE role = 'covered'",
        "UPDATE identity SET log = zeroblob(32)",
        "UPDATE identity SET key = NULL",
        "UPDATE identity SET key = NULL, origin = NULL",
        "DELETE FROM identity",
    ] {
        assert!(
            matches!(changed(sql), Err(OpenError::Changed { .. })),
            "{sql}"
        );
    }
}

#[test]
fn an_older_pin_is_not_taken_for_the_newest() {
    let (log, place) = (Log::new(1, 9), Place::new());
    drop(place.synced(&log, 9));
    place
        .database()
        .execute(
            "UPDATE pins SET note = ?1 WHERE role = 'newest'",
            [log.note(4)],
        )
        .unwrap();
    assert!(matches!(
        Mirror::open(&place.path()),
        Err(OpenError::Changed { .. })
    ));
}

#[test]
fn a_changed_entry_is_not_read() {
    for sql in [
        "UPDATE leaves SET leaf = x'00' WHERE idx = 5",
        "DELETE FROM leaves WHERE idx = 5",
    ] {
        let (log, place) = (Log::new(1, 9), Place::new());
        let mirror = place.synced(&log, 9);
        place.database().execute(sql, []).unwrap();
        assert!(
            matches!(mirror.leaf(5), Err(StoreError::Changed(5))),
            "{sql}"
        );
        for range in [0..9, 5..6, 3..6] {
            assert!(
                matches!(mirror.leaves(range), Err(StoreError::Changed(5))),
                "{sql}"
            );
        }
        assert_eq!(mirror.leaves(6..9).unwrap(), log.leaves[6..9]);
    }
    let (log, place) = (Log::new(1, 9), Place::new());
    let mirror = place.synced(&log, 9);
    place
        .database()
        .execute("DELETE FROM leaves WHERE idx = 8", [])
        .unwrap();
    assert!(matches!(mirror.leaves(7..9), Err(StoreError::Changed(8))));
}

#[test]
fn one_writes_and_others_look() {
    let (log, place) = (Log::new(1, 9), Place::new());
    assert!(matches!(
        Mirror::open_read_only(&place.path()),
        Err(OpenError::Missing(_))
    ));
    let mut mirror = place.synced(&log, 4);
    assert!(matches!(
        Mirror::open(&place.path()),
        Err(OpenError::InUse(_))
    ));
    let mut looking = Mirror::open_read_only(&place.path()).unwrap();
    apply(&mut mirror, &log.batch(4, 9)).unwrap();
    assert_eq!(looking.leaves(0..9).unwrap(), log.leaves[..4]);
    assert!(matches!(
        apply(&mut looking, &log.batch(4, 9)),
        Err(SyncError::Store(_))
    ));
    drop(looking);
    drop(mirror);
    // Also while nobody writes.
    let looking = Mirror::open_read_only(&place.path()).unwrap();
    assert_eq!(looking.size(), 9);
    drop(looking);
    place.open();
}

#[test]
fn whoever_looks_sees_what_came_when_they_look_again() {
    let (log, place) = (Log::new(1, 12), Place::new());
    let mut mirror = place.open();
    let mut early = Mirror::open_read_only(&place.path()).unwrap();
    assert!(!early.look_again().unwrap());
    mirror.adopt(log.id()).unwrap();
    apply(&mut mirror, &log.batch(0, 4)).unwrap();
    let mut looking = Mirror::open_read_only(&place.path()).unwrap();
    assert!(early.look_again().unwrap());
    assert!(!looking.look_again().unwrap());
    apply(&mut mirror, &log.batch(4, 9)).unwrap();
    for mirror in [&mut early, &mut looking] {
        assert!(mirror.look_again().unwrap());
        assert_eq!((mirror.size(), mirror.log()), (9, Some(log.id())));
        assert_eq!(mirror.leaves(0..9).unwrap(), log.leaves[..9]);
        assert_eq!(mirror.pin().unwrap().checkpoint.size, 9);
        assert!(!mirror.look_again().unwrap());
    }
    // What was not signed for is not taken in.
    place
        .database()
        .execute_batch(
            "INSERT INTO hashes SELECT 9, hash FROM hashes WHERE idx = 3;
             INSERT INTO leaves SELECT 9, known, leaf FROM leaves WHERE idx = 3;",
        )
        .unwrap();
    assert!(matches!(looking.look_again(), Err(LookError::Changed(_))));
    assert_eq!(looking.size(), 9);
    assert!(looking.leaf(9).unwrap().is_none());
}

#[test]
fn the_files_are_private() {
    let (log, place) = (Log::new(1, 4), Place::new());
    std::fs::write(place.path(), b"").unwrap();
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o644)).unwrap();
    let _mirror = place.synced(&log, 4);
    let folder = place.path().parent().unwrap().to_owned();
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        seen += 1;
    }
    assert_eq!(seen, 4, "database, write-ahead log, its index, lock");
}

#[test]
fn other_files_are_left_alone() {
    let place = Place::new();
    place
        .database()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    let before = std::fs::read(place.path()).unwrap();
    assert!(matches!(
        Mirror::open(&place.path()),
        Err(OpenError::NotAMirror(_))
    ));
    assert_eq!(std::fs::read(place.path()).unwrap(), before);

    let place = Place::new();
    std::fs::write(place.path(), "no database at all ".repeat(100)).unwrap();
    for opened in [
        Mirror::open(&place.path()),
        Mirror::open_read_only(&place.path()),
    ] {
        assert!(matches!(opened, Err(OpenError::NotAMirror(_))));
    }

    let place = Place::new();
    drop(place.open());
    place
        .database()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    assert!(matches!(
        Mirror::open(&place.path()),
        Err(OpenError::Newer { found: 2, .. })
    ));
}
