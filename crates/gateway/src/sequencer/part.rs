//! Parts of entries, and what an entry says of them.

use vidimus_protocol::Digest;
use vidimus_protocol::api::Content;
use vidimus_protocol::entry::PartRef;

use super::Refusal;

/// A part of an entry that is about to be made.
pub(crate) struct Part {
    pub(super) reference: PartRef,
    pub(super) content: Content,
}

impl Part {
    pub(crate) fn new(name: &str, content: Content) -> Result<Self, Refusal> {
        let reference = part_ref(name, &content)?;
        Ok(Self { reference, content })
    }

    pub(super) fn commit(&self) -> Digest {
        self.reference.commit
    }
}

pub(crate) fn part_ref(name: &str, content: &Content) -> Result<PartRef, Refusal> {
    let commit = vidimus_ledger::part::commit(&content.salt.0, &content.r#type, &content.bytes.0)
        .map_err(|error| {
        Refusal::not_acceptable("wrong_parts", format!("part `{name}`: {error}"))
    })?;
    Ok(PartRef {
        commit: Digest(commit),
        name: name.to_owned(),
        size: u64::try_from(content.bytes.0.len()).unwrap_or(u64::MAX),
        r#type: content.r#type.clone(),
    })
}
