//! What a verification found, for people and for programs.

use std::fmt;

use serde::{Deserialize, Serialize};
use vidimus_protocol::{Digest, ReviewerId};

/// The whole result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The result in one word.
    pub conclusion: Conclusion,
    /// Log id, as the first leaf gives it.
    pub log: Option<Digest>,
    /// Entries that were read.
    pub entries: u64,
    /// When the checkpoint was signed, by the log's clock.
    pub checkpoint_time_unix_s: Option<u64>,
    /// One row for each check, in order.
    pub rows: Vec<Row>,
    /// The first thing that is wrong.
    pub wrong: Option<Wrong>,
    /// What this version cannot judge, in words.
    pub upgrade: Option<String>,
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
    /// The log is the trusted one.
    Anchor,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::File => "file",
            Self::Entries => "entries",
            Self::Signatures => "signatures",
            Self::Checkpoint => "checkpoint",
            Self::Parts => "parts",
            Self::Anchor => "anchor",
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

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// The check that failed.
    pub check: Check,
    /// The entry that is wrong, when one can be named.
    pub entry: Option<u64>,
    /// Why.
    pub why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry}: {}", self.why),
            None => write!(f, "{}: {}", self.check, self.why),
        }
    }
}

/// Somebody who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decider {
    /// The person.
    pub reviewer: ReviewerId,
    /// His name.
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
