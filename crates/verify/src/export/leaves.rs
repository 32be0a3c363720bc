//! The leaves of an export, each held against its hash line and then against
//! the entries before it; and which bytes are wrong when one of them fails.

use std::io::{self, BufRead};

use vidimus_ledger::checkpoint::{self, Checkpoint, CheckpointError, SignedCheckpoint};
use vidimus_ledger::note::VerifierKey;
use vidimus_ledger::tree::MemoryTree;
use vidimus_protocol::entry::{Data, LogOpened, MAX_LEAF};
use vidimus_protocol::state::Route;
use vidimus_protocol::trust::TrustFile;

use super::hashes::Hashes;
use super::lines::{Lines, ReadError, Window};
use super::parts::Expected;
use super::report::{Bytes, Check, Section, TimeRange, Wrong};
use super::verify::Progress;
use crate::evaluations::{Claim as Evaluated, Claims};
use crate::judge::{Read, envelope_of};
use crate::replay::{Pushed, Replay, ReplayError};

/// Entries from one [`Progress`] to the next.
const PROGRESS: u64 = 1024;

/// What the leaves said until the first that is wrong.
#[derive(Default)]
pub(super) struct Leaves {
    pub(super) replay: Replay,
    /// What the entries say about evaluations.
    pub(super) claims: Claims,
    /// Parts that the entries commit to, in the order of the export.
    pub(super) expected: Vec<Expected>,
    pub(super) routes: [u64; 2],
    pub(super) times: Option<TimeRange>,
    /// How many entries a signed act pins.
    pub(super) pinned: u64,
    trouble: Option<Trouble>,
}

/// The first leaf that is wrong, and what is known of all of them.
struct Trouble {
    index: u64,
    kind: Kind,
    /// Over the leaves as they stand in the file, until that cannot be read.
    tree: MemoryTree,
    whole: bool,
    /// What a first leaf says that is not its hash line's.
    opened: Option<LogOpened>,
}

enum Kind {
    Differs,
    Breaks(ReplayError),
    Unreadable(ReadError),
}

/// What the header says that the log signed.
pub(super) struct Claim<'a> {
    pub(super) note: &'a str,
    pub(super) checkpoint: &'a Checkpoint,
}

#[derive(Default)]
struct Batch {
    first: u64,
    window: Window,
}

impl Leaves {
    /// Reads them all. What is wrong with one is for [`Leaves::locate`].
    pub(super) fn read(
        &mut self,
        lines: &mut Lines<impl BufRead + Send>,
        hashes: &Hashes,
        of: u64,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> io::Result<()> {
        let mut replay = std::mem::take(&mut self.replay);
        let mut left = of;
        let read = replay.push_chunks(
            |batch: &mut Batch| {
                batch.first = of - left;
                lines.fill(&mut batch.window, &mut left, MAX_LEAF)
            },
            |batch, keys| {
                let fits = |(index, leaf)| {
                    let read = keys.read(leaf);
                    (hashes.holds(index, &read.leaf_hash), read)
                };
                (batch.first..)
                    .zip(batch.window.lines())
                    .map(fits)
                    .collect()
            },
            |replay, (fits, read): (bool, Read)| {
                if let Some(pushed) = self.take(replay, fits, read) {
                    let entries = pushed.index + 1;
                    self.note(pushed);
                    if entries.is_multiple_of(PROGRESS) || entries == of {
                        progress(Progress { entries, of });
                    }
                }
                Ok(())
            },
        );
        match (read, &mut self.trouble) {
            (Ok(()), _) => {}
            (Err(ReadError::Io(error)), _) => return Err(error),
            (Err(_), Some(trouble)) => trouble.whole = false,
            (Err(error), None) => {
                self.trouble = Some(Trouble {
                    whole: false,
                    ..Trouble::new(&replay, Kind::Unreadable(error))
                });
            }
        }
        self.replay = replay;
        Ok(())
    }

    /// After the first wrong leaf the others are only hashed.
    fn take(&mut self, replay: &mut Replay, fits: bool, read: Read) -> Option<Pushed> {
        let hash = read.leaf_hash;
        if let Some(trouble) = &mut self.trouble {
            trouble.tree.push(hash);
            return None;
        }
        let mut trouble = if fits {
            let (index, state) = (replay.tree().size(), replay.state());
            let claim = read
                .leaf()
                .and_then(|leaf| Evaluated::of(leaf, index, state));
            match replay.take(read) {
                Ok(pushed) => {
                    if pushed.leaf.is_some() {
                        self.claims.keep(index, claim, replay.state());
                    }
                    return Some(pushed);
                }
                Err(error) => Trouble::new(replay, Kind::Breaks(error)),
            }
        } else {
            Trouble {
                opened: opened(replay, read),
                ..Trouble::new(replay, Kind::Differs)
            }
        };
        trouble.tree.push(hash);
        self.trouble = Some(trouble);
        None
    }

    fn note(&mut self, pushed: Pushed) {
        match pushed.route {
            Some(Route::Browser) => self.routes[0] += 1,
            Some(Route::Software) => self.routes[1] += 1,
            None => {}
        }
        let Some(leaf) = pushed.leaf else { return };
        let first = self.times.map_or(leaf.time, |times| times.first);
        self.times = Some(TimeRange {
            first,
            last: leaf.time,
        });
        if let Some(envelope) = envelope_of(&leaf.data) {
            self.pinned = self.pinned.max(envelope.pinned_size.0);
        }
        let action_kind = match leaf.data {
            Data::ActionProposed(data) => Some(data.action_kind),
            _ => None,
        };
        let expect = |part| Expected {
            index: pushed.index,
            part,
            action_kind,
        };
        self.expected.extend(leaf.parts.into_iter().map(expect));
    }

    /// Names the first wrong leaf, or the hash line or checkpoint that makes it
    /// look like one.
    pub(super) fn locate(
        &self,
        hashes: &Hashes,
        claim: &Claim,
        trust: Option<&TrustFile>,
    ) -> Option<Wrong> {
        let trouble = self.trouble.as_ref()?;
        let log = self.replay.state().log().map(|log| &log.opened);
        let signed = log
            .or(trouble.opened.as_ref())
            .map(|opened| open(claim.note, opened).is_ok());
        let listed = hashes.tree();
        let root = claim.checkpoint.root;
        let evidence = Evidence {
            signed,
            listed: listed.as_ref().is_ok_and(|tree| tree.root() == root),
            led: trouble.whole && trouble.tree.root() == root,
            anchored: trust.is_some_and(|trust| {
                trouble.index == 0 && hashes.holds(0, &trust.log.0) && signed.is_none()
            }),
            malformed: listed.err() == Some(trouble.index),
        };
        Some(trouble.locate(&evidence))
    }
}

/// What can be said about a wrong leaf's surroundings.
struct Evidence {
    /// Whether the log's key signed the checkpoint, where the key is known.
    signed: Option<bool>,
    /// The hash lines lead to the checkpoint's root.
    listed: bool,
    /// The leaves do.
    led: bool,
    /// The trust file names the hash line of the first leaf.
    anchored: bool,
    /// The leaf's hash line is none.
    malformed: bool,
}

impl Trouble {
    fn new(replay: &Replay, kind: Kind) -> Self {
        Self {
            index: replay.tree().size(),
            kind,
            tree: replay.tree().clone(),
            whole: true,
            opened: None,
        }
    }

    fn locate(&self, evidence: &Evidence) -> Wrong {
        let signed = evidence.signed == Some(true);
        let place = |check, section, bytes, why: &dyn ToString| {
            Wrong::at(check, section, bytes, why.to_string()).of(self.index)
        };
        match &self.kind {
            Kind::Breaks(error) => {
                let check = check_of(error);
                if signed && (evidence.listed || evidence.led) {
                    place(check, Section::Entries, Bytes::AsSigned, error)
                } else if signed {
                    let why = format!(
                        "{error}; entries were changed together with their hashes, this one or one before it"
                    );
                    place(check, Section::Entries, Bytes::Unproven, &why)
                } else {
                    place(check, Section::Entries, Bytes::Unproven, error)
                }
            }
            Kind::Unreadable(error) => {
                let bytes = match signed && evidence.listed {
                    true => Bytes::Changed,
                    false => Bytes::Unproven,
                };
                place(Check::File, Section::Entries, bytes, error)
            }
            Kind::Differs => self.differs(evidence),
        }
    }

    /// Either the leaf or its hash line was changed.
    fn differs(&self, evidence: &Evidence) -> Wrong {
        let place = |section, bytes, why: &str| {
            Wrong::at(Check::Entries, section, bytes, why).of(self.index)
        };
        let signed = evidence.signed == Some(true);
        if evidence.malformed {
            return place(
                Section::Hashes,
                Bytes::Changed,
                "its line among the leaf hashes is no hash",
            );
        }
        if evidence.listed && (signed || evidence.anchored) {
            return place(
                Section::Entries,
                Bytes::Changed,
                "its bytes were changed: the log signed another entry here",
            );
        }
        if evidence.listed && (self.index == 0 || evidence.signed.is_none()) {
            return place(
                Section::Entries,
                Bytes::Unproven,
                "its bytes are not those that the checkpoint covers",
            );
        }
        if signed && evidence.led {
            return place(
                Section::Hashes,
                Bytes::Changed,
                "its line among the leaf hashes was changed: the entries themselves are those that the log signed",
            );
        }
        if signed || self.index == 0 {
            return place(
                Section::Entries,
                Bytes::Unproven,
                "it or its hash was changed, and something else too: neither the entries nor the hashes are those of the checkpoint",
            );
        }
        let why = format!(
            "it is not signed by the log's key, and entry {} is not what its hash says",
            self.index
        );
        Wrong::at(Check::Checkpoint, Section::Checkpoint, Bytes::Unproven, why)
    }
}

/// Opens a checkpoint with the key that `log.opened` names.
pub(super) fn open(note: &str, opened: &LogOpened) -> Result<SignedCheckpoint, CheckpointError> {
    let key = VerifierKey::parse(&opened.log_key).expect("a log is opened with a key");
    checkpoint::open(note, &key, &opened.origin)
}

/// What a first leaf says although it is not the one of its hash line: if that
/// line is what was changed, the log's key is needed all the same.
fn opened(replay: &Replay, read: Read) -> Option<LogOpened> {
    if replay.tree().size() > 0 {
        return None;
    }
    let mut alone = Replay::new();
    alone.take(read).ok()?;
    alone.state().log().map(|log| log.opened.clone())
}

fn check_of(error: &ReplayError) -> Check {
    match error {
        ReplayError::Act(_) | ReplayError::Enrolment(_) => Check::Signatures,
        ReplayError::Leaf(_) | ReplayError::Opening(_) | ReplayError::Violation(_) => {
            Check::Entries
        }
    }
}
