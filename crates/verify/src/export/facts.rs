//! What a report says although nothing is wrong: who decided, how the actions
//! ended, and what a reader should know.

use std::collections::BTreeMap;

use vidimus_protocol::entry::{Profile, Resolution};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::state::Life;
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

/// Who decided how often.
pub(super) fn deciders(state: &State) -> Vec<Decider> {
    let mut counts: BTreeMap<ReviewerId, Decider> = BTreeMap::new();
    for given in state.actions().flat_map(|action| &action.verdicts) {
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
            Verdict::Approve => decider.approved += 1,
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
    if unknown > 0 {
        remarks.push(format!(
            "outcome unknown: {unknown} actions were started and nobody reported how they ended"
        ));
    }
    remarks
}
