//! Edits: a changed action in a pending one's place, in one commit.

use std::time::Duration;

use vidimus_protocol::api::StartCeremony;
use vidimus_protocol::entry::{Data, Edited, Ref, Resolution};
use vidimus_protocol::envelope::{Assertion, EditItem};
use vidimus_protocol::id::{ActionId, Actor};
use vidimus_protocol::{State, Violation};

use super::actions::ReadProposal;
use super::acts::{only, signed_items};
use super::{Part, Refusal, Sequencer, Wanted};
use crate::edit::{EditedAction, no_edit};

impl Sequencer {
    /// Logs the edit, the proposal of the new action, and the end of the old one.
    pub(super) fn edit(
        &mut self,
        start: StartCeremony,
        assertion: &Assertion,
    ) -> Result<Wanted, Refusal> {
        let signed = only(signed_items::<EditItem>(&start, assertion)?)?;
        let item = signed.item.clone();
        let payload = start.edit.ok_or_else(no_edit)?.payload;
        let proposed = self.known(item.action)?.proposal.index;
        let edited = EditedAction::read(&self.shared, proposed, &item, &payload)?;
        let context = self.claims(item.action)?;
        let key = self
            .replay
            .state()
            .credential(&assertion.credential_id)
            .ok_or(Violation::UnknownCredential)?
            .entry;
        let old = self.known(item.action)?;
        let wait = Duration::from_millis(old.expires_at.distance_ms(old.proposed_at));
        let (proposal, agent, run) = (old.proposal, old.agent, old.run.clone());
        let actor = Actor::Reviewer(signed.envelope.signer);
        let successor = ReadProposal {
            id: item.edited,
            action: edited.after,
            payload: Part::new("payload", payload)?,
            context,
            run,
            wait: Some(wait),
        };
        let successor = self.judge_proposal(agent, successor, Some(item.action))?;
        self.check_successor(&successor, item.action)?;

        let data = Data::ActionEdited(Box::new(Edited { signed }));
        let (edit, _) = self.write(actor, vec![proposal, key], data, Vec::new())?;
        let of = Some((item.action, edit));
        let (_, effect) = self.write_proposal(successor, of)?;
        self.resolve(item.action, Resolution::Superseded, Actor::Gateway)?;
        self.follow(effect)?;
        // All of it is one commit.
        Ok(Wanted::Entries(
            (edit.index..self.replay.state().size()).collect(),
        ))
    }

    /// The agent's claims about an action, which its successor takes over.
    fn claims(&self, action: ActionId) -> Result<Option<Part>, Refusal> {
        let known = self.known(action)?;
        if known.context.is_none() {
            return Ok(None);
        }
        let store = self.shared.store();
        let content = store.part(known.proposal.index, "context")?;
        let content = content.ok_or_else(|| Refusal::not_found("part"))?;
        Ok(Some(Part::new("context", content)?))
    }
}

/// The proposal that took an edited action's place.
pub(super) fn successor(state: &State, action: ActionId) -> Option<Ref> {
    let edit = state.action(&action)?.edit.as_ref()?;
    Some(state.action(&edit.to)?.proposal)
}
