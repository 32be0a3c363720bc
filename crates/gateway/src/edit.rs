//! An edit before it is logged: the new payload must be one of the pending
//! action's. Spec: `docs/spec/action.md`.

use vidimus_protocol::Violation;
use vidimus_protocol::action::{Action, PAYLOAD_TYPE};
use vidimus_protocol::api::Content;
use vidimus_protocol::edit;
use vidimus_protocol::envelope::EditItem;

use crate::problem::Refusal;
use crate::sequencer::part_ref;
use crate::shared::Shared;

/// What was and what takes its place, read from their bytes.
pub(crate) struct EditedAction {
    pub(crate) before: Action,
    pub(crate) after: Action,
}

impl EditedAction {
    /// Reads both and holds them against each other; the old one is the payload
    /// of the entry `proposal`.
    pub(crate) fn read(
        shared: &Shared,
        proposal: u64,
        item: &EditItem,
        payload: &Content,
    ) -> Result<Self, Refusal> {
        if part_ref("payload", payload)?.commit != item.edited_digest {
            return Err(Refusal::not_acceptable(
                "wrong_digest",
                "the new payload is not the one that the edit names: edit it anew",
            ));
        }
        if payload.r#type != PAYLOAD_TYPE {
            return Err(Violation::WrongParts.into());
        }
        let stored = shared.store().part(proposal, "payload")?;
        let stored = stored.ok_or_else(|| Refusal::not_found("part"))?;
        let before = Action::parse(&stored.bytes.0).map_err(|_| crate::unexpected())?;
        let after = Action::parse(&payload.bytes.0).map_err(|why| bad_edit(&why))?;
        edit::check(&before, &after).map_err(|why| bad_edit(&why))?;
        Ok(Self { before, after })
    }
}

fn bad_edit(why: &impl std::fmt::Display) -> Refusal {
    Refusal::not_acceptable("bad_edit", format!("the edit is refused: {why}"))
}

pub(crate) fn no_edit() -> Refusal {
    Refusal::malformed("an edit needs `edit`")
}
