//! What a report says although nothing is wrong: who decided, how the actions
//! ended, and what a reader should know.

use std::collections::BTreeMap;

use vidimus_protocol::entry::{Profile, Resolution};
use vidimus_protocol::envelope::{Finding, Verdict};
use vidimus_protocol::state::{ActionState, Life, VerdictRecord};
use vidimus_protocol::{ReviewerId, State};

use super::report::{Actions, Decider};

/// Counts the actions by where they stand.
pub(super) fn actions(state: &State) -> Actions {
    let mut actions = Actions::default();
    for action in state.actions() {
        actions.proposed += 1;
        *match action.life() {
            Life::Pending => &mut actions.pending,
            Life::Approved | Life::Over(Resolution::Approved | Resolution::Released) => {
                &mut actions.approved
            }
            Life::Over(Resolution::Denied) => &mut actions.denied,
            Life::Over(Resolution::Expired) => &mut actions.expired,
            Life::Over(Resolution::Withdrawn) => &mut actions.withdrawn,
            Life::Over(Resolution::Refused) => &mut actions.refused,
            Life::Over(Resolution::Superseded) => &mut actions.superseded,
            Life::Redeemed => &mut actions.unknown,
            Life::Completed => &mut actions.completed,
        } += 1;
    }
    actions
}

/// Who decided how often. What a standing grant approved nobody decided then.
pub(super) fn deciders(state: &State) -> Vec<Decider> {
    let mut counts: BTreeMap<ReviewerId, Decider> = BTreeMap::new();
    let given = state.actions().flat_map(|action| &action.verdicts);
    for given in given.filter(|given| given.grant.is_none()) {
        let name = state
            .reviewer(&given.reviewer)
            .map(|person| person.name.clone())
            .unwrap_or_default();
        let decider = counts.entry(given.reviewer).or_insert_with(|| Decider {
            reviewer: given.reviewer,
            name,
            approved: 0,
            denied: 0,
        });
        match given.verdict {
            Verdict::Approve | Verdict::BreakGlass => decider.approved += 1,
            Verdict::Deny => decider.denied += 1,
        }
    }
    counts.into_values().collect()
}

/// What a reader should know. The signatures are counted by route.
pub(super) fn remarks(state: &State, [browser, software]: [u64; 2], unknown: u64) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(log) = state.log() {
        match log.opened.profile {
            Profile::Personal => remarks.push(
                "single operator: one person owns the agents, decides and runs the gateway".into(),
            ),
            Profile::Team => {}
        }
    }
    if software > 0 {
        remarks.push(format!(
            "software key: {software} signatures were made by a key without hardware, the lowest assurance"
        ));
    }
    if browser > 0 {
        remarks.push(format!(
            "display trusts the gateway: {browser} signatures were asked for by a page in a browser"
        ));
    }
    let released = state.actions().filter(|action| {
        let resolved = action.resolved.as_ref();
        resolved.is_some_and(|resolved| resolved.resolution == Resolution::Released)
    });
    let released = released.count();
    if released > 0 {
        remarks.push(format!(
            "released by policy: nobody was asked about {released} of the actions"
        ));
    }
    let in_advance = state.actions().filter(|action| {
        let mut given = action.verdicts.iter();
        given.any(|given| given.grant.is_some())
    });
    let in_advance = in_advance.count();
    if in_advance > 0 {
        remarks.push(format!(
            "approved in advance: standing grants were used for {in_advance} of the actions"
        ));
    }
    let escalated = state.actions();
    let escalated = escalated
        .filter(|action| !action.escalated.is_empty())
        .count();
    if escalated > 0 {
        remarks.push(format!(
            "escalated: further groups were told of {escalated} of the actions, since nobody decided"
        ));
    }
    let glass: Vec<_> = state
        .actions()
        .flat_map(ActionState::broken_glass)
        .collect();
    if !glass.is_empty() {
        let found = |finding: Option<Finding>| {
            let like =
                |given: &&VerdictRecord| given.review.map(|review| review.finding) == finding;
            glass.iter().copied().filter(like).count()
        };
        remarks.push(format!(
            "break-glass: one person let {} of the actions run without the others; reviewed as justified: {}, as not: {}, not reviewed: {}",
            glass.len(),
            found(Some(Finding::Justified)),
            found(Some(Finding::Unjustified)),
            found(None),
        ));
    }
    if unknown > 0 {
        remarks.push(format!(
            "outcome unknown: {unknown} actions were started and nobody reported how they ended"
        ));
    }
    remarks
}
