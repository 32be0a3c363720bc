//! Evaluations, made again: of the policy's text, the inputs that the gateway
//! says it looked at, and what the log itself says about these. And the uses of
//! standing grants: whether each is of an action that the grant covers.
//! Spec: `docs/spec/policy.md`, `docs/spec/grants.md`, `docs/spec/export.md`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vidimus_policy::{Facts, Inputs, PersonInput, PolicyText, Set, Situation, set_name};
use vidimus_protocol::action::{Action, Target};
use vidimus_protocol::entry::{Data, Evaluation, GrantUse, Leaf, Profile};
use vidimus_protocol::shape::Shape;
use vidimus_protocol::state::Grant;
use vidimus_protocol::{State, Time};

/// What the entries say about evaluations.
#[derive(Default)]
pub(crate) struct Claims {
    proposals: HashMap<u64, Proposal>,
    /// Entries that brought a policy in force.
    in_force: BTreeSet<u64>,
    /// By each `grant.given`, the proposal that it is over.
    grants: BTreeMap<u64, u64>,
    /// Proposals that grants are over.
    likes: BTreeSet<u64>,
    /// By each proposal that grants approve, these.
    uses: BTreeMap<u64, Vec<u64>>,
}

/// What one entry says about an evaluation.
pub(crate) enum Claim {
    /// A proposal under a policy.
    Proposal(Box<Proposal>),
    /// An approval of the proposal at that position.
    Approval(u64, Box<Approval>),
    /// A standing grant over the proposal at that position.
    Grant(u64),
    /// A proposal without a policy that these grants approve.
    Uses(Vec<u64>),
}

/// A proposal under a policy, and what came of it.
pub(crate) struct Proposal {
    policy: u64,
    known: Situation,
    evaluation: Evaluation,
    approvals: Vec<Approval>,
    uses: Vec<u64>,
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
                let grants = data.grants.iter();
                let grants = grants.map(|using| Some((using, state.grant(&using.grant)?)));
                let grants: Vec<(&GrantUse, &Grant)> = grants.collect::<Option<_>>()?;
                let uses = grants.iter().map(|(_, grant)| grant.entry.index).collect();
                let Some(policy) = state.policy() else {
                    return Some(Self::Uses(uses));
                };
                let approval = |(using, grant): (&GrantUse, &Grant)| {
                    Some(Approval {
                        index,
                        person: PersonInput::of(state.reviewer(&grant.by)?),
                        time: leaf.time,
                        policies: using.policies.clone(),
                    })
                };
                let approvals = grants.into_iter().map(approval).collect::<Option<_>>()?;
                let policy = policy.entry.index;
                let known = situation(leaf, state)?;
                Some(Self::Proposal(Box::new(Proposal {
                    policy,
                    known,
                    evaluation: data.evaluation.clone(),
                    approvals,
                    uses,
                })))
            }
            Data::GrantGiven(data) => {
                let like = state.action(&data.signed.item.action)?;
                Some(Self::Grant(like.proposal.index))
            }
            Data::VerdictGiven(data) if data.signed.item.verdict.approves() => {
                let action = state.action(&data.signed.item.action)?;
                action.policy.as_ref()?;
                let signer = data.signed.envelope.signer;
                let approval = Approval {
                    index,
                    person: PersonInput::approving(state, action, signer, leaf.time)?,
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
                self.keep_uses(index, &proposal.uses);
                self.proposals.insert(index, *proposal);
            }
            Some(Claim::Uses(uses)) => self.keep_uses(index, &uses),
            Some(Claim::Grant(like)) => {
                self.grants.insert(index, like);
                self.likes.insert(like);
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

    fn keep_uses(&mut self, index: u64, uses: &[u64]) {
        if !uses.is_empty() {
            self.uses.insert(index, uses.to_vec());
        }
    }

    /// Whether the part of that name hangs together with an evaluation or a grant.
    pub(crate) fn need(&self, index: u64, name: &str) -> bool {
        match name {
            "policy" => self.in_force.contains(&index),
            "inputs" => self.proposals.contains_key(&index),
            "payload" => self.use_of(index).is_needed(),
            "shape" => self.grants.contains_key(&index),
            _ => false,
        }
    }

    /// What the payload of that proposal is needed for.
    pub(crate) fn use_of(&self, index: u64) -> PayloadUse {
        PayloadUse {
            judged: self.proposals.contains_key(&index),
            compared: self.likes.contains(&index) || self.uses.contains_key(&index),
        }
    }
}

/// What a payload is needed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PayloadUse {
    /// It was proposed under a policy.
    pub(crate) judged: bool,
    /// A grant is over it, or approves it.
    pub(crate) compared: bool,
}

impl PayloadUse {
    fn is_needed(self) -> bool {
        self.judged || self.compared
    }
}

/// The content of a part that an evaluation hangs on.
pub(crate) enum Content {
    /// Of `policy`.
    Policy(PolicyText),
    /// Of `inputs`.
    Inputs(Box<Inputs>),
    /// Of `payload`: what an evaluation sees of it, where one was made, and all of
    /// it where it is held against another.
    Action(Option<(Target, Box<Facts>)>, Option<Box<Action>>),
    /// Of the `payload` that a grant is over, where its own evaluation is not in
    /// question.
    Like(Box<Action>),
    /// Of `shape`.
    Shape(Shape),
}

impl Content {
    /// What is needed of an action.
    pub(crate) fn of(action: &Action, needed: PayloadUse) -> Self {
        let seen = || (action.target.clone(), Box::new(Facts::of(action)));
        let whole = || Box::new(action.clone());
        Self::Action(needed.judged.then(seen), needed.compared.then(whole))
    }

    /// Reads it. What is wrong with its form is said in words.
    pub(crate) fn read(
        name: &str,
        bytes: &[u8],
        action: Option<(&Action, PayloadUse)>,
    ) -> Result<Self, String> {
        match (name, action) {
            ("policy", _) => PolicyText::parse(bytes)
                .map(Self::Policy)
                .map_err(|error| error.to_string()),
            ("payload", Some((action, needed))) => Ok(Self::of(action, needed)),
            ("payload", None) => Action::parse(bytes)
                .map(|action| Self::Like(Box::new(action)))
                .map_err(|error| error.to_string()),
            ("shape", _) => Shape::parse(bytes)
                .map(Self::Shape)
                .map_err(|error| error.to_string()),
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
    /// Actions that grants are over, by their proposals.
    likes: HashMap<u64, Box<Action>>,
    /// Shapes of grants, by their entries.
    shapes: HashMap<u64, Shape>,
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
            likes: HashMap::new(),
            shapes: HashMap::new(),
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
            Content::Like(action) => {
                self.likes.insert(index, action);
                Ok(())
            }
            Content::Shape(shape) => {
                let like = self.claims.grants.get(&index);
                let like = like.and_then(|like| self.likes.get(like));
                let like = like.ok_or_else(|| (index, "what it is over is not there".into()))?;
                shape.check(like).map_err(|why| (index, why.to_string()))?;
                self.shapes.insert(index, shape);
                Ok(())
            }
            Content::Action(seen, action) => {
                if let Some((target, facts)) = seen {
                    self.evaluate(index, &target, &facts)?;
                }
                let Some(action) = action else {
                    return Ok(());
                };
                self.hold_against_grants(index, &action)?;
                if self.claims.likes.contains(&index) {
                    self.likes.insert(index, action);
                }
                Ok(())
            }
        }
    }

    /// Whether each grant that approves a proposal covers what it says.
    fn hold_against_grants(&mut self, index: u64, action: &Action) -> Result<(), (u64, String)> {
        for grant in self.claims.uses.get(&index).into_iter().flatten() {
            let like = self.claims.grants.get(grant);
            let like = like.and_then(|like| self.likes.get(like));
            let (shape, like) = (self.shapes.get(grant), like.map(Box::as_ref));
            let covers = |(shape, like): (&Shape, &Action)| shape.covers(like, action);
            if !shape.zip(like).is_some_and(covers) {
                let why = format!("the standing grant of entry {grant} does not cover it");
                return Err((index, why));
            }
            self.reproduced += 1;
        }
        Ok(())
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
        let judged = PayloadUse {
            judged: true,
            compared: false,
        };
        let taken = evaluations.take(3, Content::of(&sample_action(1), judged));
        assert_eq!(taken.map_err(|(index, _)| index), Err(3));
        assert_eq!(evaluations.reproduced, 0);
    }
}
