//! Parts against the commitments in the entries.

use vidimus_ledger::part;
use vidimus_protocol::Digest;
use vidimus_protocol::action::{Action, ActionKind, Context};
use vidimus_protocol::entry::PartRef;
use vidimus_protocol::strict::{self, StrictError};

use super::{MAX_PART_LINE, PartLine};

/// A part that an entry commits to.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) index: u64,
    pub(super) part: PartRef,
    /// What sort of action the entry proposes, if it does.
    pub(super) action_kind: Option<ActionKind>,
}

impl Expected {
    /// Names this part as missing.
    pub(super) fn missing(&self) -> (u64, String) {
        let why = format!("its part `{}` is missing", self.part.name);
        (self.index, why)
    }
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
}

/// Reads a line: any number of them at a time.
pub(super) fn read(line: &[u8]) -> Result<ReadPart, StrictError> {
    let part: PartLine = strict::parse_ordered(line, MAX_PART_LINE)?;
    if part.index > strict::MAX_SAFE {
        return Err(StrictError::UnsafeNumber(part.index.to_string()));
    }
    let bytes = &part.bytes.0;
    let commit = part::commit(&part.salt.0, &part.r#type, bytes);
    let mut action_kind = None;
    let malformed = match part.name.as_str() {
        "payload" => Action::parse(bytes)
            .map(|action| action_kind = Some(action.kind()))
            .err()
            .map(|error| error.to_string()),
        "context" => Context::parse(bytes).err().map(|error| error.to_string()),
        // The output is whatever the program printed.
        "output" => None,
        _ => std::str::from_utf8(bytes)
            .err()
            .map(|error| error.to_string()),
    };
    Ok(ReadPart {
        index: part.index,
        size: bytes.len().try_into().unwrap_or(u64::MAX),
        name: part.name,
        r#type: part.r#type,
        commit: commit.ok().map(Digest),
        action_kind,
        malformed,
    })
}

/// Checks the next part against the next expected one. An error names the
/// entry and what is wrong.
pub(super) fn check(part: &ReadPart, expected: Option<&Expected>) -> Result<(), (u64, String)> {
    let place = (part.index, part.name.as_str());
    let surplus = || {
        let why = format!("it commits to no part `{}` here", part.name);
        (part.index, why)
    };
    let expected = expected.ok_or_else(surplus)?;
    let wanted = (expected.index, expected.part.name.as_str());
    if place > wanted {
        return Err(expected.missing());
    }
    if place < wanted {
        return Err(surplus());
    }
    let wrong = |what: &str| (part.index, format!("its part `{}` {what}", part.name));
    if part.r#type != expected.part.r#type || part.size != expected.part.size {
        return Err(wrong("has another type or size than it says"));
    }
    if part.commit != Some(expected.part.commit) {
        return Err(wrong("is not the one that it commits to"));
    }
    if let Some(why) = &part.malformed {
        return Err(wrong(&format!("is malformed: {why}")));
    }
    if part.action_kind.is_some() && part.action_kind != expected.action_kind {
        return Err(wrong("is an action of another kind than it says"));
    }
    Ok(())
}
