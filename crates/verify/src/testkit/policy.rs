//! A policy, and what is proposed and approved under it.

use vidimus_policy::{Inputs, PersonInput, PolicyText, Set, set_name};
use vidimus_protocol::ActionId;
use vidimus_protocol::action::{Action, INPUTS_TYPE, POLICY_TYPE};
use vidimus_protocol::entry::{Data, Evaluation, PolicyChanged};
use vidimus_protocol::envelope::{ActType, PolicyItem, Verdict};

use super::{Draft, Story};
use crate::replay::Replay;

impl Story {
    /// `policy.changed`, by the only administrator.
    pub fn policy(&mut self, text: &PolicyText) -> Draft {
        self.policy_of(text.to_bytes())
    }

    /// The same, of any bytes.
    pub fn policy_of(&mut self, text: Vec<u8>) -> Draft {
        let before = self.policy.unwrap_or_else(|| self.opened());
        let (content, part) = self.part("policy", POLICY_TYPE, text);
        let item = PolicyItem {
            policy: part.commit,
            replaces: before.leaf,
        };
        let signed = self.sign(ActType::PolicyChanged, item, |_, _| {});
        let data = Data::PolicyChanged(Box::new(PolicyChanged { signed }));
        let mut draft = self.with_key(before, data);
        draft.leaf.parts.push(part);
        draft.parts.push(("policy".into(), content));
        draft
    }

    /// `action.proposed` under the policy in force, which has that text, with a
    /// change of its inputs before they are evaluated.
    ///
    /// # Panics
    /// When no such policy is in force.
    pub fn proposal_under(
        &mut self,
        text: &PolicyText,
        action: &Action,
        change: impl FnOnce(&mut Inputs),
    ) -> Draft {
        let replay = self.replayed();
        let state = replay.state();
        let policy = state.policy().expect("a policy is in force").entry.index;
        let profile = self.log.opened.profile;
        let set = Set::parse(text, profile, &set_name(policy)).expect("a right policy");
        let inputs = Inputs::new(state, &self.agent, action, None, None, self.now);
        let mut inputs = inputs.expect("the agent is registered");
        change(&mut inputs);
        let evaluation = set.evaluate(&inputs);
        let (_, draft) = self.proposal_judged(action, Some(inputs.to_bytes()), evaluation);
        draft
    }

    /// `action.proposed` of any action, with what a policy is said to have given
    /// for these inputs.
    ///
    /// # Panics
    /// Never: a proposal proposes.
    pub fn proposal_judged(
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
            let (content, part) = self.part("inputs", INPUTS_TYPE, inputs);
            // In the order of their names.
            draft.leaf.parts.insert(0, part);
            draft.parts.insert(0, ("inputs".into(), content));
        }
        (id, draft)
    }

    /// `verdict.given` of who approves, naming what lets them.
    ///
    /// # Panics
    /// When that policy is not right or does not let them.
    pub fn approval_under(
        &mut self,
        text: &PolicyText,
        action: ActionId,
        inputs: &Inputs,
    ) -> Draft {
        let replay = self.replayed();
        let state = replay.state();
        let profile = self.log.opened.profile;
        let set = Set::parse(text, profile, "any").expect("a right policy");
        let person = state.reviewer(&self.reviewer).expect("in the log");
        let person = PersonInput::of(person);
        let permitting = set.may_approve(&person, inputs, self.now);
        let mut draft = self.verdict(action, Verdict::Approve, "looks right");
        if let Data::VerdictGiven(data) = &mut draft.leaf.data {
            data.policies = permitting.expect("they may");
        }
        draft
    }

    fn replayed(&self) -> Replay {
        let mut replay = Replay::new();
        for leaf in &self.leaves {
            replay.push(leaf).expect("right so far");
        }
        replay
    }
}
