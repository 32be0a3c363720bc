//! Checks an export, in one pass over the file.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use vidimus_ledger::checkpoint::{self, SignedCheckpoint};
use vidimus_ledger::note::VerifierKey;
use vidimus_protocol::entry::{Data, MAX_LEAF, PartRef, Profile};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::state::{Life, Route};
use vidimus_protocol::strict;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Digest, ReviewerId, State};

use super::lines::{Lines, ReadError, Window};
use super::parts::{self, Expected};
use super::report::{Check, Conclusion, Decider, Finding, Report, Row, Wrong};
use super::{Header, MAX_HEADER, MAX_PART_LINE, MAX_TRAILER, TYPE, Trailer, VERSION};
use crate::parallel;
use crate::replay::{Pushed, Replay, ReplayError};

/// Entries from one [`Progress`] to the next.
const PROGRESS: u64 = 1024;

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Entries judged.
    pub entries: u64,
    /// Entries announced.
    pub of: u64,
}

/// Checks a whole export: the file, every entry, every signature, the
/// checkpoint, every part and, with a trust file, the anchor.
///
/// # Errors
/// Only when the file cannot be read. What is wrong with it stands in the
/// report.
pub fn verify<R: BufRead + Send>(
    reader: R,
    trust: Option<&TrustFile>,
    mut progress: impl FnMut(Progress) + Send,
) -> io::Result<Report> {
    let mut run = Run::new(Lines::new(reader), trust);
    let stop = match run.all(&mut progress) {
        Ok(()) => None,
        Err(Stop::Io(error)) => return Err(error),
        Err(Stop::At(stopped)) => Some(stopped),
    };
    Ok(run.report(stop))
}

/// Why a verification ends early.
enum Stop {
    Io(io::Error),
    At(Stopped),
}

enum Stopped {
    Wrong(Wrong),
    Upgrade(String),
}

impl Stop {
    fn wrong(check: Check, entry: Option<u64>, why: impl ToString) -> Self {
        Self::At(Stopped::Wrong(Wrong {
            check,
            entry,
            why: why.to_string(),
        }))
    }

    fn file(why: impl ToString) -> Self {
        Self::wrong(Check::File, None, why)
    }
}

impl From<(u64, ReplayError)> for Stop {
    fn from((index, why): (u64, ReplayError)) -> Self {
        Self::wrong(check_of(&why), Some(index), why)
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Io(error),
            error => Self::file(error),
        }
    }
}

struct Run<'a, R> {
    lines: Lines<R>,
    trust: Option<&'a TrustFile>,
    replay: Replay,
    /// Parts that the entries commit to, in the order of the export.
    expected: Vec<Expected>,
    routes: [u64; 2],
    passed: Vec<Check>,
    parts: u64,
    checkpoint: Option<SignedCheckpoint>,
}

impl<'a, R: BufRead + Send> Run<'a, R> {
    fn new(lines: Lines<R>, trust: Option<&'a TrustFile>) -> Self {
        Self {
            lines,
            trust,
            replay: Replay::new(),
            expected: Vec::new(),
            routes: [0; 2],
            passed: Vec::new(),
            parts: 0,
            checkpoint: None,
        }
    }

    fn all(&mut self, progress: &mut (impl FnMut(Progress) + Send)) -> Result<(), Stop> {
        let header = self.header()?;
        self.leaves(&header, progress)?;
        self.check_checkpoint(&header)?;
        self.check_parts(&header)?;
        self.trailer()?;
        self.anchor()
    }

    fn header(&mut self) -> Result<Header, Stop> {
        #[derive(serde::Deserialize)]
        struct Kind {
            r#type: String,
            v: u64,
        }
        let line = self.lines.next(MAX_HEADER)?;
        let not = |why| Stop::file(format!("not a Vidimus export: {why}"));
        let kind: Kind = strict::parse(&line, MAX_HEADER).map_err(not)?;
        if kind.r#type != TYPE {
            return Err(Stop::file("not a Vidimus export"));
        }
        if kind.v != VERSION {
            let version = kind.v;
            let why =
                format!("the export has format version {version}, this program reads {VERSION}");
            return Err(Stop::At(Stopped::Upgrade(why)));
        }
        let header: Header = strict::parse_canonical(&line, MAX_HEADER).map_err(not)?;
        if header.size == 0 {
            return Err(Stop::file("the export holds no entries"));
        }
        Ok(header)
    }

    fn leaves(
        &mut self,
        header: &Header,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<(), Stop> {
        let (lines, expected, routes) = (&mut self.lines, &mut self.expected, &mut self.routes);
        let of = header.size;
        let mut left = of;
        // What was read before the file broke off is judged first: the first
        // wrong entry is the better answer.
        self.replay.push_chunks(
            |window| Ok::<_, Stop>(lines.fill(window, &mut left, MAX_LEAF)?),
            |window: &Window, keys| window.lines().map(|leaf| keys.read(leaf)).collect(),
            |pushed| {
                let entries = pushed.index + 1;
                note(pushed, expected, routes);
                if entries.is_multiple_of(PROGRESS) || entries == of {
                    progress(Progress { entries, of });
                }
            },
        )?;
        self.passed.extend([Check::Entries, Check::Signatures]);
        if self.log_id() == Some(header.log) {
            Ok(())
        } else {
            Err(Stop::file(
                "the header names another log than the first entry opens",
            ))
        }
    }

    fn check_checkpoint(&mut self, header: &Header) -> Result<(), Stop> {
        // Only a log whose very first entry is unknown has no key here.
        let Some(log) = self.replay.state().log() else {
            return Ok(());
        };
        let wrong = |why: &dyn ToString| Stop::wrong(Check::Checkpoint, None, why.to_string());
        let key = VerifierKey::parse(&log.opened.log_key).map_err(|error| wrong(&error))?;
        let signed = checkpoint::open(&header.checkpoint, &key, &log.opened.origin)
            .map_err(|error| wrong(&error))?;
        if signed.checkpoint.size != header.size {
            return Err(wrong(&format!(
                "the checkpoint covers {} entries, the export holds {}",
                signed.checkpoint.size, header.size
            )));
        }
        if signed.checkpoint.root != self.replay.tree().root() {
            return Err(wrong(
                &"the entries do not lead to the root that the log signed",
            ));
        }
        self.checkpoint = Some(signed);
        self.passed.push(Check::Checkpoint);
        Ok(())
    }

    fn check_parts(&mut self, header: &Header) -> Result<(), Stop> {
        let wrong = |(entry, why): (u64, String)| Stop::wrong(Check::Parts, Some(entry), why);
        let mut expected = std::mem::take(&mut self.expected).into_iter();
        let first_unknown = self.replay.upgrade();
        let (lines, checked) = (&mut self.lines, &mut self.parts);
        let mut left = header.parts;
        parallel::for_each_in_order(
            |window| Ok::<_, Stop>(lines.fill(window, &mut left, MAX_PART_LINE)?),
            |window: &Window| window.lines().map(parts::read).collect(),
            |part| {
                let part = part
                    .map_err(|error| Stop::file(format!("a part's line is malformed: {error}")))?;
                // What an entry commits to that cannot be read cannot be checked.
                if first_unknown.is_none_or(|first| part.index < first) {
                    parts::check(&part, expected.next().as_ref()).map_err(wrong)?;
                    *checked += 1;
                }
                Ok(())
            },
        )?;
        match expected.next() {
            Some(missing) => Err(wrong(missing.missing())),
            None => {
                self.passed.push(Check::Parts);
                Ok(())
            }
        }
    }

    fn trailer(&mut self) -> Result<(), Stop> {
        let sha256 = self.lines.digest();
        let line = self.lines.next(MAX_TRAILER)?;
        let trailer: Trailer = strict::parse_canonical(&line, MAX_TRAILER)
            .map_err(|error| Stop::file(format!("the last line is malformed: {error}")))?;
        if trailer.sha256 != sha256 {
            return Err(Stop::file("the file was changed: its digest is another"));
        }
        self.lines.expect_end()?;
        self.passed.push(Check::File);
        Ok(())
    }

    fn anchor(&mut self) -> Result<(), Stop> {
        match self.trust {
            Some(trust) if self.log_id() != Some(trust.log) => Err(Stop::wrong(
                Check::Anchor,
                Some(0),
                format!("the trust file names another log, `{}`", trust.log),
            )),
            Some(_) => {
                self.passed.push(Check::Anchor);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn log_id(&self) -> Option<Digest> {
        self.replay.tree().leaf(0).map(Digest)
    }

    fn report(self, stopped: Option<Stopped>) -> Report {
        let (wrong, mut upgrade) = match stopped {
            Some(Stopped::Wrong(wrong)) => (Some(wrong), None),
            Some(Stopped::Upgrade(why)) => (None, Some(why)),
            None => (None, None),
        };
        if let Some(first) = self.replay.upgrade() {
            upgrade.get_or_insert(format!("cannot judge beyond entry {first}"));
        }
        let conclusion = match (&wrong, &upgrade, self.trust) {
            (Some(_), ..) => Conclusion::Violated,
            (None, Some(_), _) => Conclusion::UpgradeNeeded,
            (None, None, Some(_)) => Conclusion::Verified,
            (None, None, None) => Conclusion::Unanchored,
        };
        let state = self.replay.state();
        Report {
            conclusion,
            log: self.log_id(),
            entries: self.replay.tree().size(),
            checkpoint_time_unix_s: self.checkpoint.as_ref().map(|signed| signed.time_unix_s),
            rows: self.rows(wrong.as_ref()),
            deciders: deciders(state),
            remarks: remarks(state, self.routes),
            wrong,
            upgrade,
        }
    }

    fn rows(&self, wrong: Option<&Wrong>) -> Vec<Row> {
        let once = |check| u64::from(self.passed.contains(&check));
        let counts = [
            (Check::File, self.lines.count()),
            (Check::Entries, self.replay.state().size()),
            (Check::Signatures, self.replay.signatures()),
            (Check::Checkpoint, once(Check::Checkpoint)),
            (Check::Parts, self.parts),
            (Check::Anchor, once(Check::Anchor)),
        ];
        let row = |(check, checked)| {
            let failed = wrong.filter(|wrong| wrong.check == check);
            let (finding, note) = match failed {
                Some(wrong) => (Finding::Failed, Some(wrong.to_string())),
                None if self.passed.contains(&check) => (Finding::Passed, None),
                None if check == Check::Anchor && self.trust.is_none() => (
                    Finding::NotChecked,
                    Some("no trust file was given".to_owned()),
                ),
                None => (Finding::NotChecked, None),
            };
            Row {
                check,
                checked,
                finding,
                note,
            }
        };
        counts.into_iter().map(row).collect()
    }
}

fn note(pushed: Pushed, expected: &mut Vec<Expected>, routes: &mut [u64; 2]) {
    match pushed.route {
        Some(Route::Browser) => routes[0] += 1,
        Some(Route::Software) => routes[1] += 1,
        None => {}
    }
    let Some(leaf) = pushed.leaf else { return };
    let action_kind = match leaf.data {
        Data::ActionProposed(data) => Some(data.action_kind),
        _ => None,
    };
    let parts = leaf.parts;
    let expect = |part: PartRef| Expected {
        index: pushed.index,
        part,
        action_kind,
    };
    expected.extend(parts.into_iter().map(expect));
}

fn check_of(error: &ReplayError) -> Check {
    match error {
        ReplayError::Act(_) | ReplayError::Enrolment(_) => Check::Signatures,
        ReplayError::Leaf(_) | ReplayError::Opening(_) | ReplayError::Violation(_) => {
            Check::Entries
        }
    }
}

fn deciders(state: &State) -> Vec<Decider> {
    let mut counts: BTreeMap<ReviewerId, Decider> = BTreeMap::new();
    for given in state.actions().flat_map(|action| &action.verdicts) {
        let name = state
            .credential(&given.credential_id)
            .map(|key| key.name.clone())
            .unwrap_or_default();
        let decider = counts.entry(given.reviewer).or_insert_with(|| Decider {
            reviewer: given.reviewer,
            name,
            approved: 0,
            denied: 0,
        });
        match given.verdict {
            Verdict::Approve => decider.approved += 1,
            Verdict::Deny => decider.denied += 1,
        }
    }
    counts.into_values().collect()
}

fn remarks(state: &State, [browser, software]: [u64; 2]) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(log) = state.log() {
        match log.opened.profile {
            Profile::Personal => remarks.push(
                "single operator: one person owns the agents, decides and runs the gateway".into(),
            ),
        }
    }
    if software > 0 {
        remarks.push(format!(
            "software key: {software} signatures were made by a key without hardware, the lowest assurance"
        ));
    }
    if browser > 0 {
        remarks.push(format!(
            "display trusts the gateway: {browser} signatures were asked for by a page in a browser"
        ));
    }
    let unknown = state
        .actions()
        .filter(|action| action.life() == Life::Redeemed)
        .count();
    if unknown > 0 {
        remarks.push(format!(
            "outcome unknown: {unknown} actions were started and nobody reported how they ended"
        ));
    }
    remarks
}
