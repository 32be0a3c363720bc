//! Evaluations, made again: of the policy's text, the inputs that the gateway
//! says it looked at, and what the log itself says about these.
//! Spec: `docs/spec/policy.md`, `docs/spec/export.md`.

use std::collections::{BTreeSet, HashMap};

use vidimus_policy::{Facts, Inputs, PersonInput, PolicyText, Set, Situation, set_name};
use vidimus_protocol::action::{Action, Target};
use vidimus_protocol::entry::{Data, Evaluation, Leaf, Profile};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::{State, Time};

/// What the entries say about evaluations.
#[derive(Default)]
pub(crate) struct Claims {
    proposals: HashMap<u64, Proposal>,
    /// Entries that brought a policy in force.
    in_force: BTreeSet<u64>,
}

/// What one entry says about an evaluation.
pub(crate) enum Claim {
    /// A proposal under a policy.
    Proposal(Box<Proposal>),
    /// An approval of the proposal at that position.
    Approval(u64, Box<Approval>),
}

/// A proposal under a policy, and what came of it.
pub(crate) struct Proposal {
    policy: u64,
    known: Situation,
    evaluation: Evaluation,
    approvals: Vec<Approval>,
}

/// An approval, which names the policies that allow it.
pub(crate) struct Approval {
    index: u64,
    person: PersonInput,
    time: Time,
    policies: Vec<String>,
}

impl Claim {
    /// What this leaf says, if it stands at `index` right behind the entries
    /// that made `state`.
    pub(crate) fn of(leaf: &Leaf, index: u64, state: &State) -> Option<Self> {
        match &leaf.data {
            Data::ActionProposed(data) => {
                let policy = state.policy()?.entry.index;
                let known = situation(leaf, state)?;
                Some(Self::Proposal(Box::new(Proposal {
                    policy,
                    known,
                    evaluation: data.evaluation.clone(),
                    approvals: Vec::new(),
                })))
            }
            Data::VerdictGiven(data) if data.signed.item.verdict == Verdict::Approve => {
                let action = state.action(&data.signed.item.action)?;
                action.policy.as_ref()?;
                let person = state.reviewer(&data.signed.envelope.signer)?;
                let approval = Approval {
                    index,
                    person: PersonInput::of(person),
                    time: leaf.time,
                    policies: data.policies.clone(),
                };
                Some(Self::Approval(action.proposal.index, Box::new(approval)))
            }
            _ => None,
        }
    }
}

/// What the log says of a proposal under a policy that stands right behind the
/// entries that made `state`; without the wish of its proposer.
pub(crate) fn situation(leaf: &Leaf, state: &State) -> Option<Situation> {
    let Data::ActionProposed(data) = &leaf.data else {
        return None;
    };
    state.policy()?;
    let (kind, run) = (data.action_kind, data.run.clone());
    Situation::of(state, &data.agent, kind, run, None, leaf.time)
}

impl Claims {
    /// Keeps what an entry says that the state has taken.
    pub(crate) fn keep(&mut self, index: u64, claim: Option<Claim>, state: &State) {
        match claim {
            Some(Claim::Proposal(proposal)) => {
                self.proposals.insert(index, *proposal);
            }
            Some(Claim::Approval(of, approval)) => {
                if let Some(proposal) = self.proposals.get_mut(&of) {
                    proposal.approvals.push(*approval);
                }
            }
            None => {}
        }
        if let Some(policy) = state.policy() {
            self.in_force.insert(policy.entry.index);
        }
    }

    /// Whether the part of that name hangs together with an evaluation.
    pub(crate) fn need(&self, index: u64, name: &str) -> bool {
        match name {
            "policy" => self.in_force.contains(&index),
            "inputs" | "payload" => self.proposals.contains_key(&index),
            _ => false,
        }
    }
}

/// The content of a part that an evaluation hangs on.
pub(crate) enum Content {
    /// Of `policy`.
    Policy(PolicyText),
    /// Of `inputs`.
    Inputs(Box<Inputs>),
    /// Of `payload`.
    Action(Target, Box<Facts>),
}

impl Content {
    /// What an evaluation sees of an action.
    pub(crate) fn of(action: &Action) -> Self {
        Self::Action(action.target.clone(), Box::new(Facts::of(action)))
    }

    /// Reads it. What is wrong with its form is said in words.
    pub(crate) fn read(name: &str, bytes: &[u8], action: Option<&Action>) -> Result<Self, String> {
        match (name, action) {
            ("policy", _) => PolicyText::parse(bytes)
                .map(Self::Policy)
                .map_err(|error| error.to_string()),
            ("payload", Some(action)) => Ok(Self::of(action)),
            _ => Inputs::parse(bytes)
                .map(|inputs| Self::Inputs(Box::new(inputs)))
                .map_err(|error| error.to_string()),
        }
    }
}

/// What is known of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of it.
    Whole,
    /// Some entries: an agent's other proposals are not counted.
    Excerpt,
}

/// Makes the evaluations again while the parts are read, in their order.
pub(crate) struct Evaluations<'a> {
    claims: &'a Claims,
    profile: Profile,
    reach: Reach,
    sets: HashMap<u64, Set>,
    /// The inputs of the proposal whose payload comes next.
    inputs: Option<(u64, Inputs)>,
    /// Evaluations that came out as they are recorded.
    pub(crate) reproduced: u64,
}

impl<'a> Evaluations<'a> {
    pub(crate) fn new(claims: &'a Claims, profile: Profile, reach: Reach) -> Self {
        Self {
            claims,
            profile,
            reach,
            sets: HashMap::new(),
            inputs: None,
            reproduced: 0,
        }
    }

    /// Takes a part that [`Claims::need`] names.
    ///
    /// # Errors
    /// What does not come out as it is recorded, with the entry that says so.
    pub(crate) fn take(&mut self, index: u64, content: Content) -> Result<(), (u64, String)> {
        match content {
            Content::Policy(text) => {
                let set = Set::in_log(&text, self.profile, &set_name(index));
                let set = set.map_err(|problems| {
                    let first = problems.first().map(ToString::to_string);
                    let first = first.unwrap_or_default();
                    (index, format!("its policy cannot be in force: {first}"))
                })?;
                self.sets.insert(index, set);
                Ok(())
            }
            Content::Inputs(inputs) => {
                self.inputs = Some((index, *inputs));
                Ok(())
            }
            Content::Action(target, facts) => self.evaluate(index, &target, &facts),
        }
    }

    fn evaluate(
        &mut self,
        index: u64,
        target: &Target,
        facts: &Facts,
    ) -> Result<(), (u64, String)> {
        let claims = self.claims;
        let wrong = |why: &str| Err((index, why.to_owned()));
        let Some(proposal) = claims.proposals.get(&index) else {
            return wrong("what the log says of it is not known");
        };
        let inputs = self.inputs.take().filter(|(of, _)| *of == index);
        let (Some((_, inputs)), Some(set)) = (inputs, self.sets.get(&proposal.policy)) else {
            return wrong("what it was evaluated with is not there");
        };
        let known = proposal.known.clone().wishing(&inputs);
        let known = match self.reach {
            Reach::Whole => known,
            Reach::Excerpt => known.counted_as(&inputs),
        };
        if inputs.situation() != known {
            return wrong("its inputs are not what the log says of its agent and the time");
        }
        if inputs.target != *target || inputs.facts != *facts {
            return wrong("its inputs are not what its payload says");
        }
        let evaluation = Evaluation {
            // Words may be others in another version.
            reasons: proposal.evaluation.reasons.clone(),
            ..set.evaluate(&inputs)
        };
        if evaluation != proposal.evaluation {
            return wrong("its policy gives another evaluation for its inputs");
        }
        self.reproduced += 1;
        for approval in &proposal.approvals {
            let permitting = set.may_approve(&approval.person, &inputs, approval.time);
            if permitting.as_ref() != Ok(&approval.policies) {
                let why = match permitting {
                    Ok(_) => "other policies let its signer approve it".to_owned(),
                    Err(why) => format!("its signer might not approve it: {why}"),
                };
                return Err((approval.index, why));
            }
            self.reproduced += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::sample_action;

    #[test]
    fn what_nobody_says_anything_of_is_not_right() {
        let claims = Claims::default();
        let mut evaluations = Evaluations::new(&claims, Profile::Team, Reach::Excerpt);
        let taken = evaluations.take(3, Content::of(&sample_action(1)));
        assert_eq!(taken.map_err(|(index, _)| index), Err(3));
        assert_eq!(evaluations.reproduced, 0);
    }
}
