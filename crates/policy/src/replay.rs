//! What would have come of a proposal under another set.

use serde::Serialize;
use vidimus_protocol::Time;
use vidimus_protocol::entry::{Decision, Evaluation};

use crate::compare::{Difference, differences};
use crate::inputs::{Inputs, PersonInput};
use crate::set::Set;

/// An approval that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Whose, as their record said then, in the groups that it counted for.
    pub person: PersonInput,
    /// When.
    pub time: Time,
}

/// What would have come of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// What the set says.
    pub after: Evaluation,
    /// What that differs in from what was.
    pub differences: Vec<Difference>,
    /// Approvals that the set would not have permitted.
    pub not_permitted: Vec<Refused>,
}

/// An approval that a set does not permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Whose.
    pub name: String,
    /// Why not.
    pub why: String,
}

impl Replayed {
    /// Whether anybody would notice.
    #[must_use]
    pub fn differs(&self) -> bool {
        !self.differences.is_empty() || !self.not_permitted.is_empty()
    }
}

/// How often what came of a proposal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// People were asked.
    pub asked: u64,
    /// It was refused.
    pub refused: u64,
    /// It ran without a person.
    pub released: u64,
}

impl Counts {
    /// One more.
    pub fn add(&mut self, evaluation: &Evaluation) {
        *match evaluation.decision {
            Decision::Ask => &mut self.asked,
            Decision::Refuse => &mut self.refused,
            Decision::Release => &mut self.released,
        } += 1;
    }
}

/// Evaluates what was proposed with these inputs under `set`, and compares with
/// what came of it.
#[must_use]
pub fn replay(set: &Set, inputs: &Inputs, before: &Evaluation, approvals: &[Approval]) -> Replayed {
    let after = set.evaluate(inputs);
    // Where nobody is asked, nobody's approval is missed.
    let asked = after.decision == Decision::Ask;
    let not_permitted = approvals
        .iter()
        .filter(|_| asked)
        .filter_map(|given| {
            let why = set.may_approve(&given.person, inputs, given.time).err()?;
            Some(Refused {
                name: given.person.name.clone(),
                why: why.to_string(),
            })
        })
        .collect();
    Replayed {
        differences: differences(before, &after),
        after,
        not_permitted,
    }
}
