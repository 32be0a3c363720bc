//! Parts against the commitments in the entries.

use vidimus_ledger::part;
use vidimus_protocol::Digest;
use vidimus_protocol::action::{Action, Context};
use vidimus_protocol::entry::PartRef;

use super::PartLine;

/// A part that an entry commits to.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) index: u64,
    pub(super) part: PartRef,
}

impl Expected {
    /// Names this part as missing.
    pub(super) fn missing(&self) -> (u64, String) {
        let why = format!("its part `{}` is missing", self.part.name);
        (self.index, why)
    }
}

/// Checks the next part line against the next expected part. An error names
/// the entry and what is wrong.
pub(super) fn check(part: &PartLine, expected: Option<&Expected>) -> Result<(), (u64, String)> {
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
    let size = u64::try_from(part.bytes.0.len());
    if part.r#type != expected.part.r#type || size != Ok(expected.part.size) {
        return Err(wrong("has another type or size than it says"));
    }
    let commit = part::commit(&part.salt.0, &part.r#type, &part.bytes.0).map(Digest);
    if commit != Ok(expected.part.commit) {
        return Err(wrong("is not the one that it commits to"));
    }
    let bytes = &part.bytes.0;
    let refused = match part.name.as_str() {
        "payload" => Action::parse(bytes).err().map(|error| error.to_string()),
        "context" => Context::parse(bytes).err().map(|error| error.to_string()),
        "reason" => std::str::from_utf8(bytes)
            .err()
            .map(|error| error.to_string()),
        // The output is whatever the program printed.
        _ => None,
    };
    refused.map_or(Ok(()), |why| Err(wrong(&format!("is malformed: {why}"))))
}
