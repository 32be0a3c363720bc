//! Checks an export, in one pass over the file.

use std::cmp::Ordering;
use std::io::{self, BufRead};

use vidimus_ledger::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use vidimus_ledger::note::Note;
use vidimus_ledger::tree::leaf_hash;
use vidimus_protocol::entry::{Data, LogOpened, MAX_LEAF, Parsed, Profile};
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Digest, Leaf, strict};

use super::at_least::AtLeast;
use super::hashes::Hashes;
use super::leaves::{Claim, Leaves, open};
use super::lines::{Lines, ReadError, Window};
use super::parts::{self, PartsLine};
use super::report::{Bytes, Check, Conclusion, Finding, Report, Row, Section, Wrong};
use super::{Header, MAX_HEADER, MAX_PART_LINE, MAX_TRAILER, TYPE, Trailer, VERSION, facts};
use crate::evaluations::{Claims, Evaluations, Reach};
use crate::{opening, parallel};

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Entries judged.
    pub entries: u64,
    /// Entries announced.
    pub of: u64,
}

/// What an export is held against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Which log it must be.
    pub trust: Option<&'a TrustFile>,
    /// What it must have at least.
    pub at_least: Option<&'a AtLeast>,
}

impl<'a> From<Option<&'a TrustFile>> for Given<'a> {
    fn from(trust: Option<&'a TrustFile>) -> Self {
        Self {
            trust,
            at_least: None,
        }
    }
}

/// Checks a whole export: the file, every entry, every signature, the
/// checkpoint, every part and what it is held against.
///
/// # Errors
/// Only when the file cannot be read. What is wrong with it stands in the
/// report.
pub fn verify<'a, R: BufRead + Send>(
    reader: R,
    given: impl Into<Given<'a>>,
    mut progress: impl FnMut(Progress) + Send,
) -> io::Result<Report> {
    let mut run = Run::new(Lines::new(reader), given.into());
    let stop = match run.all(&mut progress) {
        Ok(()) => None,
        Err(Stop::Io(error)) => return Err(error),
        Err(stop) => Some(stop),
    };
    Ok(run.report(stop))
}

/// Why a verification ends early.
enum Stop {
    Io(io::Error),
    Wrong(Wrong),
    Upgrade(String),
}

impl From<Wrong> for Stop {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl Stop {
    /// What is wrong when a line cannot be read, if it can be told at all.
    fn read(error: ReadError, wrong: impl FnOnce(String) -> Wrong) -> Self {
        match error {
            ReadError::Io(error) => Self::Io(error),
            error => Self::Wrong(wrong(error.to_string())),
        }
    }
}

fn header_wrong(bytes: Bytes, why: impl ToString) -> Wrong {
    Wrong::at(Check::File, Section::Header, bytes, why)
}

fn checkpoint_wrong(bytes: Bytes, why: impl ToString) -> Wrong {
    Wrong::at(Check::Checkpoint, Section::Checkpoint, bytes, why)
}

fn trailer_wrong(why: impl ToString) -> Wrong {
    Wrong::at(Check::File, Section::Trailer, Bytes::Changed, why)
}

struct Run<'a, R> {
    lines: Lines<R>,
    given: Given<'a>,
    leaves: Leaves,
    passed: Vec<Check>,
    parts: u64,
    evaluations: u64,
    checkpoint: Option<SignedCheckpoint>,
    /// Whether the digest alone covers some lines.
    unjudged: bool,
}

impl<'a, R: BufRead + Send> Run<'a, R> {
    fn new(lines: Lines<R>, given: Given<'a>) -> Self {
        Self {
            lines,
            given,
            leaves: Leaves::default(),
            passed: Vec::new(),
            parts: 0,
            evaluations: 0,
            checkpoint: None,
            unjudged: false,
        }
    }

    fn all(&mut self, progress: &mut (impl FnMut(Progress) + Send)) -> Result<(), Stop> {
        let header = self.header()?;
        let claimed = self.claimed(&header)?;
        let claim = Claim {
            note: &header.checkpoint,
            checkpoint: &claimed,
        };
        let hashes = self.hashes(&header)?;
        let (lines, leaves) = (&mut self.lines, &mut self.leaves);
        leaves
            .read(lines, &hashes, header.size, progress)
            .map_err(Stop::Io)?;
        if let Some(wrong) = leaves.locate(&hashes, &claim, self.given.trust) {
            return Err(wrong.into());
        }
        self.passed.extend([Check::Entries, Check::Signatures]);
        self.check_checkpoint(&header, &claimed)?;
        self.check_parts(&header)?;
        self.trailer()?;
        self.anchor()?;
        self.at_least()
    }

    fn header(&mut self) -> Result<Header, Stop> {
        #[derive(serde::Deserialize)]
        struct Kind {
            r#type: String,
            v: u64,
        }
        let not =
            |why: String| header_wrong(Bytes::Changed, format!("this is no Vidimus export: {why}"));
        let line = self.lines.next(MAX_HEADER);
        let line = line.map_err(|error| Stop::read(error, not))?;
        let malformed = |why: strict::StrictError| not(why.to_string());
        let kind: Kind = strict::parse(&line, MAX_HEADER).map_err(malformed)?;
        if kind.r#type != TYPE {
            return Err(not(format!("its type is `{}`", kind.r#type)).into());
        }
        if kind.v != VERSION {
            let version = kind.v;
            return Err(Stop::Upgrade(format!(
                "the header says format version {version}, this program reads {VERSION}"
            )));
        }
        let header: Header = strict::parse_canonical(&line, MAX_HEADER).map_err(malformed)?;
        Ok(header)
    }

    /// What the checkpoint says, signed or not, after it and the header agree
    /// on the size: where the leaves stand hangs on that.
    fn claimed(&mut self, header: &Header) -> Result<Checkpoint, Stop> {
        let wrong = |why: &dyn ToString| checkpoint_wrong(Bytes::Unproven, why.to_string());
        let note = Note::parse(&header.checkpoint)
            .map_err(|error| wrong(&CheckpointError::Note(error)))?;
        let claimed = Checkpoint::parse(note.text()).map_err(|error| wrong(&error))?;
        // The log's two signatures cover everything but the lines of others.
        self.unjudged = note.signatures().len() > 2;
        if claimed.size != header.size {
            return Err(self.sizes(header, claimed.size)?.into());
        }
        if header.size == 0 {
            return Err(header_wrong(Bytes::Unproven, "the export holds no entries").into());
        }
        Ok(claimed)
    }

    /// Which of two different sizes was changed. The first leaf, behind the
    /// hash lines, names the key that knows.
    fn sizes(&mut self, header: &Header, covered: u64) -> Result<Wrong, Stop> {
        let why = format!(
            "the header announces {} entries, its checkpoint covers {covered}",
            header.size
        );
        let leaf = loop {
            match self.lines.next(MAX_LEAF) {
                Ok(line) if line.starts_with(b"\"") => {}
                Ok(line) => break line,
                Err(ReadError::Io(error)) => return Err(Stop::Io(error)),
                Err(_) => return Ok(header_wrong(Bytes::Unproven, why)),
            }
        };
        let opened = (Digest(leaf_hash(&leaf)) == header.log)
            .then(|| opening_of(&leaf))
            .flatten();
        Ok(
            match opened.map(|opened| open(&header.checkpoint, &opened)) {
                Some(Ok(_)) => header_wrong(Bytes::Changed, why),
                Some(Err(error)) => {
                    checkpoint_wrong(Bytes::Unproven, format!("{error}, and {why}"))
                }
                None => header_wrong(Bytes::Unproven, why),
            },
        )
    }

    fn hashes(&mut self, header: &Header) -> Result<Hashes, Stop> {
        let mut hashes = Hashes::default();
        let read = hashes.read(&mut self.lines, header.size);
        read.map_err(|error| {
            Stop::read(error, |why| {
                Wrong::at(Check::File, Section::Hashes, Bytes::Changed, why).of(hashes.count())
            })
        })?;
        Ok(hashes)
    }

    fn check_checkpoint(&mut self, header: &Header, claimed: &Checkpoint) -> Result<(), Stop> {
        let replay = &self.leaves.replay;
        let led = replay.tree().root() == claimed.root;
        // Only a log whose very first entry is unknown has no key here.
        if let Some(log) = replay.state().log() {
            let signed = open(&header.checkpoint, &log.opened)
                .map_err(|error| checkpoint_wrong(Bytes::Unproven, error))?;
            self.checkpoint = Some(signed);
        }
        if !led {
            self.checkpoint = None;
            return Err(self.astray().into());
        }
        if self.log_id() != Some(header.log) {
            let why = "it names another log than the first entry opens";
            return Err(header_wrong(Bytes::Changed, why).into());
        }
        if self.checkpoint.is_some() {
            self.passed.push(Check::Checkpoint);
        }
        Ok(())
    }

    /// The leaves agree with their hashes, and both lead to another root than
    /// the checkpoint's: they were changed together. People's keys sign roots
    /// too, which leaves fewer entries to suspect.
    fn astray(&self) -> Wrong {
        let (from, last) = (self.leaves.pinned, self.leaves.replay.tree().size() - 1);
        let why = format!(
            "one or more of the entries {from} to {last} were changed together with their hashes: they do not lead to the root that the log signed. Which ones, this file cannot tell; compare it with another copy"
        );
        Wrong::at(Check::Checkpoint, Section::Entries, Bytes::Changed, why)
    }

    fn check_parts(&mut self, header: &Header) -> Result<(), Stop> {
        let expected = std::mem::take(&mut self.leaves.expected);
        let committed = u64::try_from(expected.len()).unwrap_or(u64::MAX);
        let first_unknown = self.leaves.replay.upgrade();
        // How many there are, the entries say. The header says it for those
        // that commit to what cannot be read.
        let mut left = match first_unknown {
            Some(_) => header.parts,
            None => committed,
        };
        let surplus = header.parts.cmp(&committed);
        let claims = std::mem::take(&mut self.leaves.claims);
        let log = self.leaves.replay.state().log();
        let profile = log.map_or(Profile::Personal, |log| log.opened.profile);
        let mut evaluations = Evaluations::new(&claims, profile, Reach::Whole);
        let (lines, checked) = (&mut self.lines, &mut self.parts);
        let mut expecting = expected.iter();
        let mut unjudged = false;
        let read = parallel::for_each_in_order(
            |window: &mut Window| {
                lines
                    .fill(window, &mut left, MAX_PART_LINE)
                    .map_err(End::Read)
            },
            |window| {
                let read = |line| parts::read(line, &claims);
                window.lines().map(read).collect()
            },
            |line| {
                match (&line, first_unknown) {
                    (PartsLine::Part(part), Some(first)) if part.index >= first => {
                        unjudged = true;
                        return Ok(());
                    }
                    _ => {}
                }
                let needed = parts::check(line, expecting.next(), surplus).map_err(End::Wrong)?;
                *checked += 1;
                let Some((index, content)) = needed else {
                    return Ok(());
                };
                let taken = evaluations.take(index, content);
                taken.map_err(|(entry, why)| End::Wrong(misjudged(entry, why)))
            },
        );
        self.unjudged |= unjudged;
        self.evaluations = evaluations.reproduced;
        match (read, expecting.next()) {
            (Err(End::Wrong(wrong)), _) => return Err(wrong.into()),
            (Err(End::Read(error)), next) => {
                return Err(Stop::read(error, |why| match next {
                    Some(next) => next.wrong(&format!("cannot be read: {why}")),
                    None => Wrong::at(Check::Parts, Section::Parts, Bytes::Changed, why),
                }));
            }
            (Ok(()), Some(missing)) => return Err(missing.wrong("is missing").into()),
            (Ok(()), None) => {}
        }
        if first_unknown.is_none() && surplus != Ordering::Equal {
            return Err(self.miscounted(header, committed)?.into());
        }
        self.passed.extend([Check::Parts, Check::Policy]);
        Ok(())
    }

    /// Every part is here: either the header counts wrong or there is another
    /// one behind them.
    fn miscounted(&mut self, header: &Header, committed: u64) -> Result<Wrong, Stop> {
        let line = self.lines.next(MAX_PART_LINE);
        let line = line.map_err(|error| Stop::read(error, trailer_wrong))?;
        if let PartsLine::Part(part) = parts::read(&line, &Claims::default()) {
            return Ok(part.surplus());
        }
        let why = format!(
            "it announces {} parts; the entries commit to {committed}, which are all here",
            header.parts
        );
        Ok(header_wrong(Bytes::Changed, why))
    }

    fn trailer(&mut self) -> Result<(), Stop> {
        let sha256 = self.lines.digest();
        let line = self.lines.next(MAX_TRAILER);
        let line = line.map_err(|error| Stop::read(error, trailer_wrong))?;
        let trailer: Trailer = strict::parse_canonical(&line, MAX_TRAILER)
            .map_err(|error| trailer_wrong(format!("the last line is malformed: {error}")))?;
        if trailer.sha256 != sha256 {
            let why = if self.unjudged {
                "its digest is another than the file's: it was changed, or a line that this program does not judge"
            } else {
                "its digest was changed: every line before it is as it must be"
            };
            return Err(trailer_wrong(why).into());
        }
        let end = self.lines.expect_end();
        end.map_err(|error| Stop::read(error, trailer_wrong))?;
        self.passed.push(Check::File);
        Ok(())
    }

    fn anchor(&mut self) -> Result<(), Stop> {
        let Some(trust) = self.given.trust else {
            return Ok(());
        };
        if self.log_id() != Some(trust.log) {
            let why = format!("it names another log, `{}`", trust.log);
            return Err(Wrong::at(Check::Anchor, Section::Trust, Bytes::Unproven, why).into());
        }
        self.passed.push(Check::Anchor);
        Ok(())
    }

    fn at_least(&mut self) -> Result<(), Stop> {
        let replay = &self.leaves.replay;
        let Some(at_least) = self.given.at_least else {
            return Ok(());
        };
        let wrong = |why| Wrong::at(Check::AtLeast, Section::AtLeast, Bytes::Unproven, why);
        let Some(log) = replay.state().log() else {
            // Without a key nothing is proven, but a contradiction shows.
            return Ok(at_least.check_root(replay.tree()).map_err(wrong)?);
        };
        at_least.check(&log.opened, replay.tree()).map_err(wrong)?;
        self.passed.push(Check::AtLeast);
        Ok(())
    }

    fn log_id(&self) -> Option<Digest> {
        self.leaves.replay.tree().leaf(0).map(Digest)
    }

    fn report(self, stop: Option<Stop>) -> Report {
        let (wrong, mut upgrade) = match stop {
            Some(Stop::Wrong(wrong)) => (Some(wrong), None),
            Some(Stop::Upgrade(why)) => (None, Some(why)),
            Some(Stop::Io(_)) | None => (None, None),
        };
        let replay = &self.leaves.replay;
        if let Some(first) = replay.upgrade() {
            upgrade.get_or_insert(format!("cannot judge beyond entry {first}"));
        }
        let conclusion = match (&wrong, &upgrade, self.given.trust) {
            (Some(_), ..) => Conclusion::Violated,
            (None, Some(_), _) => Conclusion::UpgradeNeeded,
            (None, None, Some(_)) => Conclusion::Verified,
            (None, None, None) => Conclusion::Unanchored,
        };
        let state = replay.state();
        let actions = facts::actions(state);
        let signed = self.checkpoint.as_ref();
        Report {
            conclusion,
            log: self.log_id(),
            entries: replay.tree().size(),
            root: signed.map(|signed| Digest(signed.checkpoint.root)),
            checkpoint_time_unix_s: signed.map(|signed| signed.time_unix_s),
            times: self.leaves.times,
            rows: self.rows(wrong.as_ref()),
            actions,
            deciders: facts::deciders(state),
            remarks: facts::remarks(state, self.leaves.routes, actions.unknown),
            wrong,
            upgrade,
        }
    }

    fn rows(&self, wrong: Option<&Wrong>) -> Vec<Row> {
        let once = |check| u64::from(self.passed.contains(&check));
        let replay = &self.leaves.replay;
        let covered = match self.given.at_least {
            Some(at_least) => once(Check::AtLeast) * at_least.size(),
            None => 0,
        };
        let counts = [
            (Check::File, self.lines.count()),
            (Check::Entries, replay.state().size()),
            (Check::Signatures, replay.signatures()),
            (Check::Checkpoint, once(Check::Checkpoint)),
            (Check::Parts, self.parts),
            (Check::Policy, self.evaluations),
            (Check::Anchor, once(Check::Anchor)),
            (Check::AtLeast, covered),
        ];
        let row = |(check, checked)| {
            let (finding, note) = match wrong.filter(|wrong| wrong.check == check) {
                Some(wrong) => (Finding::Failed, Some(wrong.to_string())),
                None if self.passed.contains(&check) => (Finding::Passed, None),
                None => (Finding::NotChecked, self.not_given(check)),
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

    fn not_given(&self, check: Check) -> Option<String> {
        let what = match check {
            Check::Anchor if self.given.trust.is_none() => "no trust file was given",
            Check::AtLeast if self.given.at_least.is_none() => "no earlier checkpoint was given",
            _ => return None,
        };
        Some(what.to_owned())
    }
}

/// The gateway said something else than its policy says.
fn misjudged(entry: u64, why: String) -> Wrong {
    Wrong::at(Check::Policy, Section::Parts, Bytes::AsSigned, why).of(entry)
}

/// Why the parts end early.
enum End {
    Read(ReadError),
    Wrong(Wrong),
}

/// What a leaf says that opens a log as a log is opened.
fn opening_of(leaf: &[u8]) -> Option<LogOpened> {
    match Leaf::parse(leaf).ok()? {
        Parsed::Known(Leaf {
            data: Data::LogOpened(opened),
            ..
        }) => opening::check(&opened).is_ok().then_some(*opened),
        _ => None,
    }
}
