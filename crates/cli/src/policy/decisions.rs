//! Decisions that would differ under other policies, as `replay` and `shadow`
//! tell of them.

use serde::Serialize;
use vidimus_policy::{Proposal, Replayed, Row, Tally, WhyNot};
use vidimus_protocol::entry::{Decision, Evaluation};
use vidimus_protocol::{ActionId, Time};

use super::count;
use crate::out::{Colour, answer};

/// A decision, and what it would be.
#[derive(Serialize)]
pub(super) struct Differing {
    pub(super) action: ActionId,
    pub(super) agent: String,
    pub(super) before: Evaluation,
    #[serde(skip)]
    pub(super) entry: u64,
    #[serde(flatten)]
    pub(super) replayed: Replayed,
    pub(super) time: Time,
    pub(super) title: String,
}

impl Differing {
    /// `None`: it could not be evaluated.
    pub(super) fn of(row: Row<String>) -> Option<Self> {
        let Row {
            about,
            proposal,
            result,
        } = row;
        Some(Self {
            action: proposal.action,
            agent: proposal.agent,
            before: proposal.before,
            entry: proposal.entry,
            replayed: result.ok()?,
            time: proposal.time,
            title: about.unwrap_or_default(),
        })
    }
}

/// What could not be evaluated, with why.
#[derive(Serialize)]
pub(super) struct Unjudged {
    pub(super) action: ActionId,
    pub(super) why: &'static str,
}

impl Unjudged {
    pub(super) fn of(proposal: &Proposal, why: WhyNot) -> Self {
        Self {
            action: proposal.action,
            why: match why {
                WhyNot::PayloadMissing => "its payload is not in the export",
                WhyNot::PayloadUnreadable => "its payload cannot be read",
                WhyNot::InputsUnreadable => "its inputs cannot be read",
            },
        }
    }
}

/// How a decision is painted.
pub(super) fn colour(decision: Decision) -> Colour {
    match decision {
        Decision::Ask => Colour::Yellow,
        Decision::Refuse => Colour::Red,
        Decision::Release => Colour::Green,
    }
}

/// What came of all of them, in a sentence and a table.
pub(super) fn print_tally(tally: &Tally, nothing: &str) {
    answer(&summary(tally, nothing));
    let (before, after) = (tally.before, tally.after);
    let counts = [
        ("asked people", before.asked, after.asked),
        ("released", before.released, after.released),
        ("refused", before.refused, after.refused),
    ];
    answer(&format!("{:14}{:>9}{:>9}", "", "was", "would be"));
    for (what, before, after) in counts {
        answer(&format!("  {what:12}{before:>9}{after:>9}"));
    }
}

fn summary(tally: &Tally, nothing: &str) -> String {
    if tally.proposals == 0 && tally.unjudged == 0 {
        return nothing.to_owned();
    }
    let short = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let lost = match tally.not_permitted {
        0 => String::new(),
        some => format!(
            "; {} would not have been permitted",
            count(short(some), "approval", "approvals")
        ),
    };
    let unjudged = match tally.unjudged {
        0 => String::new(),
        some => format!("; {some} could not be evaluated"),
    };
    format!(
        "{} of {} would be decided otherwise{lost}{unjudged}",
        tally.differing,
        count(short(tally.proposals), "proposal", "proposals"),
    )
}
