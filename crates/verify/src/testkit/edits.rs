//! Edits: a changed action in a pending one's place.

use vidimus_protocol::action::{Action, PAYLOAD_TYPE};
use vidimus_protocol::api::Content;
use vidimus_protocol::entry::{Data, Edited, PartRef, Ref, Resolution};
use vidimus_protocol::envelope::{ActType, EditItem};
use vidimus_protocol::{ActionId, Actor};

use super::{Draft, Story, half};

/// The action that takes another's place, before it is proposed.
#[derive(Clone, Debug)]
pub struct Successor {
    /// The action.
    pub action: ActionId,
    /// Its payload.
    pub payload: Content,
    part: PartRef,
}

impl Story {
    /// `action.edited`, and what takes the action's place.
    pub fn edit(&mut self, action: ActionId, new: &Action) -> (Draft, Successor) {
        let (payload, part) = self.part("payload", PAYLOAD_TYPE, new.to_bytes());
        let successor = Successor {
            action: ActionId::from_random(half(self.draw())),
            payload,
            part,
        };
        let told = self.actions[&action].clone();
        let item = EditItem {
            action,
            action_digest: told.payload,
            edited: successor.action,
            edited_digest: successor.part.commit,
            proposal_leaf: told.proposal.leaf,
        };
        let signed = self.sign(ActType::ActionEdited, item, |_, _| {});
        let refs: Vec<Ref> = std::iter::once(told.proposal)
            .chain(self.credential)
            .collect();
        let data = Data::ActionEdited(Box::new(Edited { signed }));
        (self.by_reviewer(&refs, data), successor)
    }

    /// `action.proposed` of what takes an edited action's place.
    ///
    /// # Panics
    /// When that was not edited.
    pub fn succession(&mut self, action: ActionId, successor: &Successor) -> Draft {
        let told = self.actions[&action].clone();
        let (edit, _) = told.edit.expect("edited");
        let mut draft = self.proposal();
        draft.leaf.actor = Actor::Gateway;
        draft.leaf.refs.push(edit);
        let Data::ActionProposed(data) = &mut draft.leaf.data else {
            unreachable!("a proposal proposes");
        };
        data.action = successor.action;
        data.action_kind = told.proposed.action_kind;
        data.edits = Some(action);
        data.evaluation = told.proposed.evaluation;
        data.run = told.proposed.run;
        draft.leaf.parts.clear();
        draft.parts.clear();
        let claims = self
            .parts
            .iter()
            .find(|(index, name, _)| *index == told.proposal.index && name == "context");
        if let (Some((_, name, content)), Some(commit)) = (claims, told.context) {
            draft.leaf.parts.push(PartRef {
                commit,
                name: name.clone(),
                size: u64::try_from(content.bytes.0.len()).expect("it is in memory"),
                r#type: content.r#type.clone(),
            });
            draft.parts.push((name.clone(), content.clone()));
        }
        draft.leaf.parts.push(successor.part.clone());
        draft
            .parts
            .push(("payload".into(), successor.payload.clone()));
        draft
    }

    /// `action.resolved` of an action whose place another has taken.
    ///
    /// # Panics
    /// When none has.
    #[must_use]
    pub fn supersession(&self, action: ActionId) -> Draft {
        let (_, to) = self.actions[&action].edit.expect("edited");
        let mut draft = self.resolution(action, Resolution::Superseded);
        draft.leaf.refs.push(self.actions[&to].proposal);
        draft
    }

    /// Writes all three; gives the new action.
    pub fn replace(&mut self, action: ActionId, new: &Action) -> ActionId {
        let (draft, successor) = self.edit(action, new);
        self.write(draft);
        let draft = self.succession(action, &successor);
        self.write(draft);
        let draft = self.supersession(action);
        self.write(draft);
        successor.action
    }
}
