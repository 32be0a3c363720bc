//! Parts against the commitments in the entries.

use std::cmp::Ordering;

use vidimus_ledger::part;
use vidimus_protocol::Digest;
use vidimus_protocol::action::{Action, ActionKind, Context};
use vidimus_protocol::entry::PartRef;
use vidimus_protocol::shape::Shape;
use vidimus_protocol::strict::{self, StrictError};

use super::report::{Bytes, Check, Section, Wrong};
use super::{MAX_PART_LINE, MAX_TRAILER, PartLine, Trailer};
use crate::evaluations::{Claims, Content};

/// A part that an entry commits to.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) index: u64,
    pub(super) part: PartRef,
    /// What sort of action the entry proposes, if it does.
    pub(super) action_kind: Option<ActionKind>,
}

impl Expected {
    /// Says what is wrong with this part, of which the entry is as signed.
    pub(super) fn wrong(&self, what: &str) -> Wrong {
        wrong(self.index, &self.part.name, what)
    }
}

fn wrong(index: u64, name: &str, what: &str) -> Wrong {
    let why = format!("its part `{name}` {what}");
    Wrong {
        part: Some(name.to_owned()),
        ..Wrong::at(Check::Parts, Section::Parts, Bytes::Changed, why).of(index)
    }
}

/// A line where a part may stand.
pub(super) enum PartsLine {
    Part(ReadPart),
    /// The parts are over.
    Trailer,
    Malformed(StrictError),
}

/// A part's line with everything that can be said about it alone.
pub(super) struct ReadPart {
    pub(super) index: u64,
    name: String,
    r#type: String,
    size: u64,
    commit: Option<Digest>,
    /// What sort of action it is, if it is one.
    action_kind: Option<ActionKind>,
    malformed: Option<String>,
    /// What an evaluation hangs on.
    content: Option<Content>,
}

/// Reads a line: any number of them at a time.
pub(super) fn read(line: &[u8], claims: &Claims) -> PartsLine {
    match read_part(line, claims) {
        Ok(part) => PartsLine::Part(part),
        Err(_) if strict::parse_canonical::<Trailer>(line, MAX_TRAILER).is_ok() => {
            PartsLine::Trailer
        }
        Err(error) => PartsLine::Malformed(error),
    }
}

fn read_part(line: &[u8], claims: &Claims) -> Result<ReadPart, StrictError> {
    let part: PartLine = strict::parse_ordered(line, MAX_PART_LINE)?;
    if part.index > strict::MAX_SAFE {
        return Err(StrictError::UnsafeNumber(part.index.to_string()));
    }
    let bytes = &part.bytes.0;
    let commit = part::commit(&part.salt.0, &part.r#type, bytes);
    let mut action = None;
    let mut malformed = match part.name.as_str() {
        "payload" => Action::parse(bytes)
            .map(|read| action = Some(read))
            .err()
            .map(|error| error.to_string()),
        "shape" => Shape::parse(bytes).err().map(|error| error.to_string()),
        "context" => Context::parse(bytes).err().map(|error| error.to_string()),
        // The output is whatever the program printed.
        "output" => None,
        _ => std::str::from_utf8(bytes)
            .err()
            .map(|error| error.to_string()),
    };
    let mut content = None;
    if malformed.is_none() && claims.need(part.index, &part.name) {
        let action = action.as_ref();
        let action = action.map(|action| (action, claims.use_of(part.index)));
        match Content::read(&part.name, bytes, action) {
            Ok(read) => content = Some(read),
            Err(why) => malformed = Some(why),
        }
    }
    Ok(ReadPart {
        index: part.index,
        size: bytes.len().try_into().unwrap_or(u64::MAX),
        name: part.name,
        r#type: part.r#type,
        commit: commit.ok().map(Digest),
        action_kind: action.map(|action| action.kind()),
        malformed,
        content,
    })
}

impl ReadPart {
    /// Says that no entry commits to this part here.
    pub(super) fn surplus(&self) -> Wrong {
        let why = format!("it commits to no part `{}` here", self.name);
        Wrong {
            why,
            ..wrong(self.index, &self.name, "")
        }
    }
}

/// Checks the next line against the next expected part. `surplus` says how many
/// more parts the header announces than the entries commit to: when it is as
/// many, a line that names another part is the expected one with a wrong label.
/// What an evaluation hangs on is handed back.
pub(super) fn check(
    line: PartsLine,
    expected: Option<&Expected>,
    surplus: Ordering,
) -> Result<Option<(u64, Content)>, Wrong> {
    let Some(expected) = expected else {
        return match line {
            PartsLine::Part(part) => Err(part.surplus()),
            PartsLine::Trailer | PartsLine::Malformed(_) => Err(Wrong::at(
                Check::Parts,
                Section::Parts,
                Bytes::Changed,
                "a line behind the last part is none",
            )),
        };
    };
    let part = match line {
        PartsLine::Part(part) => part,
        PartsLine::Trailer => return Err(expected.wrong("is missing")),
        PartsLine::Malformed(why) => {
            return Err(expected.wrong(&format!("stands in a malformed line: {why}")));
        }
    };
    let place = (part.index, part.name.as_str());
    match place.cmp(&(expected.index, expected.part.name.as_str())) {
        Ordering::Equal => {}
        Ordering::Less if surplus == Ordering::Greater => return Err(part.surplus()),
        Ordering::Greater if surplus == Ordering::Less => {
            return Err(expected.wrong("is missing"));
        }
        Ordering::Less | Ordering::Greater => {
            let what = format!(
                "is missing: the line in its place names `{}` of entry {}",
                part.name, part.index
            );
            return Err(expected.wrong(&what));
        }
    }
    if part.commit != Some(expected.part.commit) {
        return Err(expected.wrong("is not the one that it commits to"));
    }
    // The commit covers the type; what the entry says beside it may still lie.
    if part.r#type != expected.part.r#type || part.size != expected.part.size {
        return Err(Wrong {
            bytes: Bytes::AsSigned,
            ..expected.wrong("has another type or size than it says")
        });
    }
    if let Some(why) = &part.malformed {
        return Err(Wrong {
            bytes: Bytes::AsSigned,
            ..expected.wrong(&format!("is malformed: {why}"))
        });
    }
    if part.action_kind.is_some() && part.action_kind != expected.action_kind {
        return Err(Wrong {
            bytes: Bytes::AsSigned,
            ..expected.wrong("is an action of another kind than it says")
        });
    }
    Ok(part.content.map(|content| (part.index, content)))
}
