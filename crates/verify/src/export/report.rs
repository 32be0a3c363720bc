//! What a verification found, for people and for programs.

use std::fmt;

use serde::{Deserialize, Serialize};
use vidimus_protocol::{Digest, ReviewerId, Time};

/// The whole result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The result in one word.
    pub conclusion: Conclusion,
    /// Log id, as the first leaf gives it.
    pub log: Option<Digest>,
    /// Entries that were read.
    pub entries: u64,
    /// Root over all entries, when the log signed it.
    pub root: Option<Digest>,
    /// When the checkpoint was signed, by the log's clock.
    pub checkpoint_time_unix_s: Option<u64>,
    /// From the first judged entry to the last one.
    pub times: Option<TimeRange>,
    /// One row for each check, in order.
    pub rows: Vec<Row>,
    /// The first thing that is wrong.
    pub wrong: Option<Wrong>,
    /// What this version cannot judge, in words.
    pub upgrade: Option<String>,
    /// How many actions ended how.
    pub actions: Actions,
    /// Who decided how often.
    pub deciders: Vec<Decider>,
    /// What a reader should know although nothing is wrong.
    pub remarks: Vec<String>,
}

/// The result in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Everything holds, and the trust file anchors it.
    Verified,
    /// Something is wrong.
    Violated,
    /// Internally consistent, anchored by nobody.
    Unanchored,
    /// It holds entries or a format that this version cannot judge.
    UpgradeNeeded,
}

impl Conclusion {
    /// Exit code of `vidimus verify`.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Violated => 1,
            Self::Unanchored => 3,
            Self::UpgradeNeeded => 4,
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified",
            Self::Violated => "violated",
            Self::Unanchored => "internally consistent, anchored by nobody",
            Self::UpgradeNeeded => "upgrade needed",
        })
    }
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Lines, counts and the digest over the file.
    File,
    /// Each entry follows from the ones before it.
    Entries,
    /// Each signed act was signed by a key that chains to the founder.
    Signatures,
    /// The entries lead to the checkpoint that the log signed.
    Checkpoint,
    /// Each part is there and is the one committed to.
    Parts,
    /// Each evaluation is what its policy gives for what the log says.
    Policy,
    /// The log is the trusted one.
    Anchor,
    /// The log is that of an earlier checkpoint and lost nothing since.
    AtLeast,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::File => "file",
            Self::Entries => "entries",
            Self::Signatures => "signatures",
            Self::Checkpoint => "checkpoint",
            Self::Parts => "parts",
            Self::Policy => "policy",
            Self::Anchor => "anchor",
            Self::AtLeast => "at least",
        })
    }
}

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Something before it failed, or there was nothing to check it against.
    NotChecked,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotChecked => "not checked",
        })
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub check: Check,
    /// How many things it looked at: lines, entries, signatures, parts.
    pub checked: u64,
    /// How it ended.
    pub finding: Finding,
    /// Why it failed or was not made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<11} {:<12} {:>9}",
            self.check, self.finding, self.checked
        )?;
        match &self.note {
            Some(note) => write!(f, "  {note}"),
            None => Ok(()),
        }
    }
}

/// A place in an export, or what it is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// The first line.
    Header,
    /// The signed note in the first line.
    Checkpoint,
    /// A leaf hash before the leaves.
    Hashes,
    /// A leaf.
    Entries,
    /// A part.
    Parts,
    /// The last line, or something behind it.
    Trailer,
    /// The trust file.
    Trust,
    /// The earlier checkpoint.
    AtLeast,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Checkpoint => "checkpoint",
            Self::Hashes => "hashes",
            Self::Entries => "entries",
            Self::Parts => "parts",
            Self::Trailer => "trailer",
            Self::Trust => "trust file",
            Self::AtLeast => "earlier checkpoint",
        })
    }
}

/// Where the wrong bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    /// They are not those that the log signed.
    Changed,
    /// The log signed them: it is wrong itself.
    AsSigned,
    /// This file does not prove either.
    Unproven,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// The check that failed.
    pub check: Check,
    /// Where.
    pub section: Section,
    /// The entry that it belongs to, when one can be named.
    pub entry: Option<u64>,
    /// The name of the part, when it is one.
    pub part: Option<String>,
    /// Where the bytes there come from.
    pub bytes: Bytes,
    /// Why.
    pub why: String,
}

impl Wrong {
    /// Something wrong in a place that belongs to no entry.
    pub(super) fn at(check: Check, section: Section, bytes: Bytes, why: impl ToString) -> Self {
        Self {
            check,
            section,
            entry: None,
            part: None,
            bytes,
            why: why.to_string(),
        }
    }

    /// The same, in a place that belongs to `entry`.
    pub(super) fn of(self, entry: u64) -> Self {
        Self {
            entry: Some(entry),
            ..self
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.entry, self.section) {
            (Some(entry), Section::Hashes) => write!(f, "hash of entry {entry}: ")?,
            (Some(entry), _) => write!(f, "entry {entry}: ")?,
            (None, section) => write!(f, "{section}: ")?,
        }
        f.write_str(&self.why)?;
        match self.bytes {
            Bytes::AsSigned => f.write_str(" (the log itself signed it like this)"),
            Bytes::Changed | Bytes::Unproven => Ok(()),
        }
    }
}

/// The times of the first judged entry and of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// Of entry 0.
    pub first: Time,
    /// Of the last one that could be judged.
    pub last: Time,
}

/// How many actions stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actions {
    /// All of them.
    pub proposed: u64,
    /// Nobody decided yet.
    pub pending: u64,
    /// Approved and not started.
    pub approved: u64,
    /// Denied by a person.
    pub denied: u64,
    /// Nobody decided in time.
    pub expired: u64,
    /// Taken back by the agent.
    pub withdrawn: u64,
    /// Refused by the policy.
    pub refused: u64,
    /// Edited by a reviewer: another took its place.
    pub superseded: u64,
    /// Started, and nobody reported how it ended.
    pub unknown: u64,
    /// Started, with an outcome.
    pub completed: u64,
}

/// Somebody who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decider {
    /// The person.
    pub reviewer: ReviewerId,
    /// Their name.
    pub name: String,
    /// Approvals.
    pub approved: u64,
    /// Denials.
    pub denied: u64,
}

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            approved,
            denied,
            ..
        } = self;
        write!(f, "{name}: {approved} approved, {denied} denied")
    }
}
