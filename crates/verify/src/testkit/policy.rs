//! A policy, and what is proposed and approved under it.

use vidimus_ledger::part;
use vidimus_policy::{Inputs, PersonInput, PolicyText, Set, set_name};
use vidimus_protocol::action::{Action, INPUTS_TYPE, POLICY_TYPE};
use vidimus_protocol::api::Content;
use vidimus_protocol::entry::{Data, Evaluation, PartRef, PolicyChanged, Ref};
use vidimus_protocol::envelope::{ActType, PolicyItem, Verdict};
use vidimus_protocol::{ActionId, Digest};

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
        let (content, part) = self.policy_part(text);
        let words = self.words_for(part.commit);
        let item = PolicyItem {
            policy: part.commit,
            replaces: before.leaf,
        };
        let signed = self.sign(ActType::PolicyChanged, item, |_, _| {});
        let data = Data::PolicyChanged(Box::new(PolicyChanged { signed }));
        let mut draft = self.with_key(before, data);
        draft.leaf.refs.extend(words);
        draft.leaf.parts.push(part);
        draft.parts.push(("policy".into(), content));
        draft
    }

    /// What was told before has the same salt again: it is the same policy.
    fn policy_part(&mut self, text: Vec<u8>) -> (Content, PartRef) {
        let told = |(_, name, content): &&(u64, String, Content)| {
            name == "policy" && content.bytes.0 == text
        };
        let Some((_, _, content)) = self.parts.iter().find(told).cloned() else {
            return self.part("policy", POLICY_TYPE, text);
        };
        let commit = part::commit(&content.salt.0, POLICY_TYPE, &text);
        let part = PartRef {
            commit: Digest(commit.expect("a printable type")),
            name: "policy".into(),
            size: u64::try_from(text.len()).expect("it is in memory"),
            r#type: POLICY_TYPE.into(),
        };
        (content, part)
    }

    fn words_for(&self, policy: Digest) -> Vec<Ref> {
        let Some(replay) = self.replayed() else {
            return Vec::new();
        };
        let words = replay.state().words_for(policy, self.now);
        words.map(|word| word.entry).collect()
    }

    /// What the next `policy.changed` replaces, right behind the last one.
    pub(super) fn policy_in_force(&self, last: Ref) -> Option<Ref> {
        match self.replayed() {
            Some(replay) => replay.state().policy().map(|policy| policy.entry),
            None => Some(last),
        }
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
        let draft = self.proposal_of(action, None);
        self.under(draft, text, action, change)
    }

    /// The draft of a proposal, under the policy in force.
    ///
    /// # Panics
    /// When no such policy is in force.
    pub fn under(
        &mut self,
        mut draft: Draft,
        text: &PolicyText,
        action: &Action,
        change: impl FnOnce(&mut Inputs),
    ) -> Draft {
        let replay = self.replayed().expect("right so far");
        let state = replay.state();
        let policy = state.policy().expect("a policy is in force").entry.index;
        let profile = self.log.opened.profile;
        let set = Set::in_log(text, profile, &set_name(policy)).expect("a right policy");
        let run = match &draft.leaf.data {
            Data::ActionProposed(data) => data.run.clone(),
            _ => None,
        };
        let inputs = Inputs::new(state, &self.agent, action, run, None, self.now);
        let mut inputs = inputs.expect("the agent is registered");
        change(&mut inputs);
        let evaluation = set.evaluate(&inputs);
        self.judged(&mut draft, Some(inputs.to_bytes()), evaluation);
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
        self.judged(&mut draft, inputs, evaluation);
        let Data::ActionProposed(data) = &draft.leaf.data else {
            unreachable!("a proposal proposes");
        };
        (data.action, draft)
    }

    fn judged(&mut self, draft: &mut Draft, inputs: Option<Vec<u8>>, evaluation: Evaluation) {
        if let Some(inputs) = inputs {
            let (content, part) = self.part("inputs", INPUTS_TYPE, inputs);
            // In the order of their names: before the payload.
            let at = draft.leaf.parts.len().saturating_sub(1);
            draft.leaf.parts.insert(at, part);
            draft.parts.insert(at, ("inputs".into(), content));
        }
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            data.expires_at = self.now.plus_seconds(evaluation.ttl_s);
            data.evaluation = evaluation;
        }
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
        self.verdict_under(text, action, inputs, (Verdict::Approve, "looks right"))
    }

    /// The same of any verdict that lets it run, and why.
    pub(super) fn verdict_under(
        &mut self,
        text: &PolicyText,
        action: ActionId,
        inputs: &Inputs,
        (verdict, why): (Verdict, &str),
    ) -> Draft {
        let profile = self.log.opened.profile;
        let set = Set::in_log(text, profile, "any").expect("a right policy");
        let replay = self.replayed().expect("a right log");
        let known = replay.state().action(&action).expect("proposed");
        let person = PersonInput::approving(replay.state(), known, self.reviewer, self.now);
        let permitting = set.may_approve(&person.expect("in the log"), inputs, self.now);
        let mut draft = self.verdict(action, verdict, why);
        if let Data::VerdictGiven(data) = &mut draft.leaf.data {
            data.policies = permitting.expect("they may");
        }
        draft
    }

    /// The inputs of an action that was proposed under a policy.
    ///
    /// # Panics
    /// When it was not.
    #[must_use]
    pub fn inputs_of(&self, action: ActionId) -> Inputs {
        let proposal = self.actions[&action].proposal.index;
        let part = self
            .parts
            .iter()
            .find(|(index, name, _)| *index == proposal && name == "inputs");
        let (_, _, content) = part.expect("there are inputs");
        Inputs::parse(&content.bytes.0).expect("they have the form")
    }

    /// Who signs next, by their record; `None` when the log is wrong or has nobody
    /// of that id.
    #[must_use]
    pub fn person(&self) -> Option<PersonInput> {
        let replay = self.replayed()?;
        let person = replay.state().reviewer(&self.reviewer)?;
        Some(PersonInput::of(person))
    }

    /// The log so far; `None` when it is wrong.
    fn replayed(&self) -> Option<Replay> {
        let mut replay = Replay::new();
        for leaf in &self.leaves {
            replay.push(leaf).ok()?;
        }
        Some(replay)
    }
}
