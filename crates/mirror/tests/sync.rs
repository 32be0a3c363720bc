//! What a gateway may bring, and what it may not.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Batch, Log, Place, apply};
use vidimus_ledger::checkpoint::CheckpointError;
use vidimus_ledger::note::SigningKey;
use vidimus_mirror::{AckError, AckState, AdoptError, Mirror, SyncError};
use vidimus_protocol::Digest;

/// Everything that is seen of a mirror from outside.
fn state(mirror: &Mirror) -> (u64, Option<Digest>, Option<String>, Vec<Vec<u8>>) {
    (
        mirror.size(),
        mirror.root_at(mirror.size()),
        mirror.pin_note().map(str::to_owned),
        mirror.leaves(0..u64::MAX).unwrap(),
    )
}

/// A refused batch leaves nothing behind, neither here nor on the disk.
fn refused(place: &Place, mut mirror: Mirror, batch: &Batch) -> SyncError {
    let before = state(&mirror);
    let error = apply(&mut mirror, batch).unwrap_err();
    assert_eq!(state(&mirror), before);
    drop(mirror);
    assert_eq!(state(&place.open()), before);
    error
}

#[test]
fn follows_a_log_in_batches_of_every_size() {
    let log = Log::new(1, 40);
    for step in 1..=40 {
        let place = Place::new();
        let mut mirror = place.open();
        mirror.adopt(log.id()).unwrap();
        let mut at = 0;
        while at < log.size() {
            let end = log.size().min(at + step);
            let applied = apply(&mut mirror, &log.batch(at, end)).unwrap();
            assert_eq!(applied.new, at..end);
            assert_eq!(applied.checkpoint.checkpoint.size, end);
            at = end;
        }
        assert_eq!(mirror.leaves(0..99).unwrap(), log.leaves);
        assert_eq!(mirror.root_at(17), log.tree().root_at(17).map(Digest));
        drop(mirror);
        let again = place.open();
        assert_eq!(again.leaves(3..9).unwrap(), log.leaves[3..9]);
        assert_eq!(again.pin().unwrap().checkpoint.size, 40);
        assert_eq!(again.log(), Some(log.id()));
    }
}

#[test]
fn a_checkpoint_signed_anew_moves_the_pins_time_only_forward() {
    let (mut log, place) = (Log::new(1, 5), Place::new());
    let mut mirror = place.synced(&log, 5);
    log.time_unix_s = 1030;
    assert!(apply(&mut mirror, &log.batch(5, 5)).unwrap().new.is_empty());
    assert_eq!(mirror.pin().unwrap().time_unix_s, 1030);
    log.time_unix_s = 1010;
    apply(&mut mirror, &log.batch(5, 5)).unwrap();
    assert_eq!(mirror.pin().unwrap().time_unix_s, 1030);
    drop(mirror);
    assert_eq!(place.open().pin().unwrap().time_unix_s, 1030);
}

#[test]
fn entries_that_are_here_already_are_compared() {
    let (log, place) = (Log::new(1, 9), Place::new());
    let mut mirror = place.synced(&log, 5);
    assert_eq!(apply(&mut mirror, &log.batch(2, 9)).unwrap().new, 5..9);
    assert_eq!(apply(&mut mirror, &log.batch(0, 9)).unwrap().new, 9..9);
    assert_eq!(mirror.leaves(0..9).unwrap(), log.leaves);
}

#[test]
fn without_a_log_nothing_is_taken() {
    let (log, place) = (Log::new(1, 1), Place::new());
    assert!(matches!(
        refused(&place, place.open(), &log.batch(0, 1)),
        SyncError::NotAdopted
    ));
}

#[test]
fn a_log_is_adopted_once() {
    let (log, other) = (Log::new(1, 1), Log::new(2, 1));
    let place = Place::new();
    let mut mirror = place.open();
    mirror.adopt(log.id()).unwrap();
    mirror.adopt(log.id()).unwrap();
    for _ in 0..2 {
        assert!(matches!(
            mirror.adopt(other.id()),
            Err(AdoptError::OtherLog { ours, theirs }) if ours == log.id() && theirs == other.id()
        ));
        drop(mirror);
        mirror = place.open();
    }
}

#[test]
fn another_log_is_refused() {
    let (log, other) = (Log::new(1, 3), Log::new(2, 3));
    let place = Place::new();
    let mut empty = place.open();
    empty.adopt(log.id()).unwrap();
    assert!(matches!(
        refused(&place, empty, &other.batch(0, 3)),
        SyncError::OtherLog { expected, found } if expected == log.id() && found == other.id()
    ));
    let synced = place.synced(&log, 3);
    assert!(matches!(
        refused(&place, synced, &other.batch(3, 3)),
        SyncError::Checkpoint(CheckpointError::MissingSignature(_))
    ));
}

#[test]
fn a_log_begins_with_its_opening() {
    let place = Place::new();
    let mut log = Log::new(1, 1);
    log.leaves[0] = b"entry 0".to_vec();
    let mut mirror = place.open();
    mirror.adopt(log.id()).unwrap();
    assert!(matches!(
        apply(&mut mirror, &log.batch(0, 1)),
        Err(SyncError::NoOpening(_))
    ));
    assert!(matches!(
        refused(&place, mirror, &log.batch(0, 0)),
        SyncError::NoOpening(_)
    ));
}

#[test]
fn another_key_and_a_wrong_signature_are_refused() {
    let (log, place) = (Log::new(1, 6), Place::new());
    let same_name = SigningKey::from_seed(&log.origin, &[9; 32]).unwrap();
    let by_another = Batch {
        note: log.note_by(&same_name, 6),
        ..log.batch(3, 6)
    };
    assert!(matches!(
        refused(&place, place.synced(&log, 3), &by_another),
        SyncError::Checkpoint(CheckpointError::MissingSignature(_))
    ));
    // The signature of the third checkpoint under the sixth.
    let (body, _) = by_another.note.split_once("\n\n").unwrap();
    let third = log.note(3);
    let (_, lines) = third.split_once("\n\n").unwrap();
    let by_nobody = Batch {
        note: format!("{body}\n\n{lines}"),
        ..log.batch(3, 6)
    };
    assert!(matches!(
        refused(&place, place.open(), &by_nobody),
        SyncError::Checkpoint(CheckpointError::WrongSignature(_))
    ));
}

#[test]
fn a_gap_is_refused() {
    let (log, place) = (Log::new(1, 9), Place::new());
    assert!(matches!(
        refused(&place, place.synced(&log, 3), &log.batch(4, 9)),
        SyncError::Gap { from: 4, size: 3 }
    ));
}

#[test]
fn entries_end_where_the_checkpoint_does() {
    let (log, place) = (Log::new(1, 9), Place::new());
    drop(place.synced(&log, 3));
    for end in [5, 8, 9] {
        let batch = Batch {
            leaves: log.leaves[3..end].to_vec(),
            ..log.batch(3, 7)
        };
        assert!(matches!(
            refused(&place, place.open(), &batch),
            SyncError::Uneven { size: 7, .. }
        ));
    }
}

#[test]
fn other_entries_than_those_signed_for_are_refused() {
    let (log, place) = (Log::new(1, 9), Place::new());
    drop(place.synced(&log, 4));
    let mut batch = log.batch(4, 9);
    batch.leaves[2][0] ^= 1;
    assert!(matches!(
        refused(&place, place.open(), &batch),
        SyncError::WrongLeaves
    ));
    let mut first = log.batch(0, 9);
    first.leaves[2][0] ^= 1;
    let place = Place::new();
    let mut empty = place.open();
    empty.adopt(log.id()).unwrap();
    assert!(matches!(
        refused(&place, empty, &first),
        SyncError::WrongLeaves
    ));
}

#[test]
fn a_wrong_consistency_proof_is_refused() {
    let (log, place) = (Log::new(1, 9), Place::new());
    drop(place.synced(&log, 5));
    let good = log.batch(5, 9);
    let mut changed = good.clone();
    changed.consistency[0].0[0] ^= 1;
    let mut short = good.clone();
    short.consistency.pop();
    let mut long = good.clone();
    long.consistency.push(Digest([0; 32]));
    let mut none = good;
    none.consistency.clear();
    for batch in [changed, short, long, none] {
        assert!(matches!(
            refused(&place, place.open(), &batch),
            SyncError::Consistency(_)
        ));
    }
    let mut surplus = log.batch(0, 9);
    surplus.consistency.push(Digest([0; 32]));
    assert!(matches!(
        refused(&place, place.open(), &surplus),
        SyncError::Consistency(_)
    ));
}

#[test]
fn a_rollback_is_proven_by_two_notes() {
    let (mut log, place) = (Log::new(1, 9), Place::new());
    let mirror = place.synced(&log, 9);
    let first = log.note(9);
    log.time_unix_s = 2000;
    let shown = log.note(8);
    // As a gateway answers a console that knows more than it does.
    let batch = Batch {
        from: 9,
        leaves: Vec::new(),
        note: shown.clone(),
        consistency: Vec::new(),
    };
    match refused(&place, mirror, &batch) {
        SyncError::Rollback { pinned, shown: now } => {
            assert_eq!((pinned, now), (first, shown));
        }
        other => panic!("{other}"),
    }
}

/// The same log key signs another history from entry 4 on.
fn forked(size: u64) -> Log {
    let mut log = Log::new(1, size);
    for leaf in &mut log.leaves[4..] {
        leaf.push(b'!');
    }
    log
}

#[test]
fn a_fork_is_proven_by_two_notes() {
    let (log, place) = (Log::new(1, 6), Place::new());
    drop(place.synced(&log, 6));
    let fork = forked(9);
    // At the same size, grown, and retold from before the fork or the start.
    for (from, end) in [(6, 6), (6, 9), (4, 9), (0, 9), (0, 6)] {
        match refused(&place, place.open(), &fork.batch(from, end)) {
            SyncError::Fork { pinned, shown } => {
                assert_eq!((pinned, shown), (log.note(6), fork.note(end)));
            }
            other => panic!("{from}..{end}: {other}"),
        }
    }
}

/// Two notes of one size are enough, whatever comes with them.
#[test]
fn a_fork_at_the_pins_size_needs_no_leaves() {
    let (log, place) = (Log::new(1, 6), Place::new());
    drop(place.synced(&log, 6));
    let fork = forked(6);
    let mut longer = fork.batch(6, 6);
    longer.leaves.push(b"more".to_vec());
    let mut garbled = fork.batch(0, 6);
    garbled.leaves[5].push(b'?');
    for batch in [longer, garbled] {
        assert!(matches!(
            refused(&place, place.open(), &batch),
            SyncError::Fork { .. }
        ));
    }
}

#[test]
fn an_acknowledgement_is_held_against_the_log() {
    let (log, place) = (Log::new(1, 9), Place::new());
    let mut mirror = place.open();
    mirror.adopt(log.id()).unwrap();
    let ack = log.ack(&[4, 5], 7);
    assert_eq!(mirror.check_ack(&ack).unwrap(), AckState::NotYetSynced);
    for (size, state) in [
        (3, AckState::NotYetSynced),
        (6, AckState::NotYetSynced),
        (7, AckState::Proven),
        (9, AckState::Proven),
    ] {
        let batch = log.batch(mirror.size(), size);
        apply(&mut mirror, &batch).unwrap();
        assert_eq!(mirror.check_ack(&ack).unwrap(), state);
    }
}

#[test]
fn an_acknowledgement_of_something_else_is_refused() {
    let (log, place) = (Log::new(1, 9), Place::new());
    let mirror = place.synced(&log, 6);
    let fork = forked(9);
    // Entry 4 is here and differs, then only the root does, then nothing that
    // is here.
    for (index, size) in [(4, 9), (3, 6)] {
        match mirror.check_ack(&fork.ack(&[index], size)) {
            Err(AckError::Fork { pinned, shown }) => {
                assert_eq!((pinned, shown), (log.note(6), fork.note(size)));
            }
            other => panic!("{other:?}"),
        }
    }
    let later = fork.ack(&[7], 9);
    assert_eq!(mirror.check_ack(&later).unwrap(), AckState::NotYetSynced);

    let mut moved = log.ack(&[3, 4], 6);
    moved.entries[1].index = 5;
    assert!(matches!(
        mirror.check_ack(&moved),
        Err(AckError::NotIncluded { index: 5, .. })
    ));
    let mut nothing = log.ack(&[], 6);
    assert!(matches!(mirror.check_ack(&nothing), Err(AckError::Empty)));
    nothing = log.ack(&[1], 6);
    nothing.checkpoint = Log::new(2, 6).note(6);
    assert!(matches!(
        mirror.check_ack(&nothing),
        Err(AckError::Checkpoint(_))
    ));
}

#[test]
fn paths_lead_to_the_root() {
    let (log, place) = (Log::new(1, 9), Place::new());
    let mirror = place.synced(&log, 9);
    assert_eq!(mirror.path(9), None);
    assert_eq!(mirror.leaf(9).unwrap(), None);
    for index in 0..9 {
        let path: Vec<_> = mirror
            .path(index)
            .unwrap()
            .iter()
            .map(|node| node.0)
            .collect();
        let (leaf, root) = (mirror.leaf_hash(index).unwrap(), mirror.root_at(9).unwrap());
        vidimus_ledger::proof::verify_inclusion(&leaf.0, index, 9, &path, &root.0).unwrap();
    }
}
