//! Edit then approve: a reviewer puts a changed action in the place of a
//! pending one. The new one has a digest of its own and waits for people anew.

use super::{ActionState, Effect, State, Violation, expect_parts, expect_refs};
use crate::bytes::Digest;
use crate::entry::{Edited, Entry, Proposed, Ref, Resolution, Resolved};
use crate::envelope::ActType;
use crate::id::{ActionId, ReviewerId};

/// Most edits in a line, from the action that the agent proposed on.
pub const MAX_EDITS: usize = 16;

/// An edit of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Who edited it.
    pub by: ReviewerId,
    /// The action that takes its place.
    pub to: ActionId,
    /// That one's digest.
    pub digest: Digest,
    /// Its `action.edited`.
    pub entry: Ref,
}

impl State {
    pub(super) fn edit(
        &mut self,
        entry: &Entry,
        data: &Edited,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let action = self.pending(item.action)?;
        let key = self.signing_key(entry, signed)?;
        self.check_act(
            entry,
            signed,
            ActType::ActionEdited,
            action.proposal.index + 1,
        )?;
        expect_refs(&entry.leaf, &[action.proposal, key.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if self.has_expired(action, entry.leaf.time) {
            return Err(Violation::TooLate);
        }
        if item.proposal_leaf != action.proposal.leaf || item.action_digest != action.digest {
            return Err(Violation::WrongProposal);
        }
        self.may_edit(action, key.reviewer)?;
        if action.editors.len() >= MAX_EDITS {
            return Err(Violation::TooManyEdits);
        }
        if self.actions.contains_key(&item.edited) {
            return Err(Violation::ActionExists);
        }
        let edit = Edit {
            by: key.reviewer,
            to: item.edited,
            digest: item.edited_digest,
            entry: entry.reference(),
        };
        self.use_key(entry, signed);
        self.change(item.action, |action| action.edit = Some(edit));
        Ok(None)
    }

    /// What a proposal is an edit of, when it says that it is one: an action
    /// of the same agent that waits for this very successor.
    pub(super) fn edited(
        &self,
        data: &Proposed,
    ) -> Result<Option<(&ActionState, &Edit)>, Violation> {
        let Some(old) = data.edits else {
            return Ok(None);
        };
        let old = self.known(old)?;
        let waits = old.resolved.is_none() && old.agent == data.agent;
        let edit = old.edit.as_ref().filter(|edit| edit.to == data.action);
        match edit.filter(|_| waits) {
            Some(edit) => Ok(Some((old, edit))),
            None => Err(Violation::UnfoundedEdit),
        }
    }

    /// The proposal that took the place of what is resolved as superseded.
    pub(super) fn successor(&self, data: &Resolved) -> Result<Option<Ref>, Violation> {
        if data.resolution != Resolution::Superseded {
            return Ok(None);
        }
        let old = self.known(data.action)?;
        if old.resolved.is_some() {
            return Err(Violation::NotPending);
        }
        let to = old.edit.as_ref().and_then(|edit| self.action(&edit.to));
        to.filter(|to| to.edits == Some(old.id))
            .map(|to| Some(to.proposal))
            .ok_or(Violation::UnfoundedResolution)
    }
}
