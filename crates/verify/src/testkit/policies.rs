//! Policies, and what is proposed and approved under them.

use vidimus_protocol::ActionId;
use vidimus_protocol::action::{Action, INPUTS_TYPE, POLICY_TYPE};
use vidimus_protocol::entry::{Data, Evaluation, PolicyChanged, Ref};
use vidimus_protocol::envelope::{ActType, PolicyItem};

use super::{Draft, Story};

impl Story {
    /// `policy.changed` by whose key signs next: enough where there is one
    /// administrator.
    pub fn policy_change(&mut self, text: &[u8]) -> Draft {
        let (content, part) = self.part("policy", POLICY_TYPE, text.to_vec());
        let before = self.policy.unwrap_or_else(|| self.opened());
        let item = PolicyItem {
            policy: part.commit,
            replaces: before.leaf,
        };
        let signed = self.sign(ActType::PolicyChanged, item, |_, _| {});
        let refs: Vec<Ref> = self.credential.into_iter().chain([before]).collect();
        let data = Data::PolicyChanged(Box::new(PolicyChanged { signed }));
        let mut draft = self.by_reviewer(&refs, data);
        draft.leaf.parts.push(part);
        draft.parts.push(("policy".into(), content));
        draft
    }

    /// `action.proposed` of any action, with what the policy in force said.
    ///
    /// # Panics
    /// Never: a proposal proposes.
    pub fn proposal_under(
        &mut self,
        action: &Action,
        inputs: Option<Vec<u8>>,
        evaluation: Evaluation,
    ) -> (ActionId, Draft) {
        let mut draft = self.proposal_of(action, None);
        let Data::ActionProposed(data) = &mut draft.leaf.data else {
            unreachable!("a proposal proposes");
        };
        data.expires_at = self.now.plus_seconds(evaluation.ttl_s);
        data.evaluation = evaluation;
        let id = data.action;
        if let Some(inputs) = inputs {
            self.add_part(&mut draft, "inputs", INPUTS_TYPE, inputs);
            draft
                .leaf
                .parts
                .sort_by(|one, next| one.name.cmp(&next.name));
            draft.parts.sort_by(|one, next| one.0.cmp(&next.0));
        }
        (id, draft)
    }
}
