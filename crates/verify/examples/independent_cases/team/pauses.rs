//! What a pause of an agent holds, and who lifts it.

use vidimus_protocol::ActionId;
use vidimus_protocol::entry::{Data, Ref, Resolution};
use vidimus_protocol::envelope::{Role, Verdict};
use vidimus_verify::testkit::Draft;

use super::Team;
use crate::Cases;

/// The run that the action belongs to.
const RUN: &str = "nightly-42";
const BOTH: &[Role] = &[Role::Administrator, Role::Reviewer];

/// What happened to the action before.
type Life = fn(&mut Team, ActionId);
type Course = fn(&mut Team) -> Ref;
type Step = fn(&mut Team, ActionId, Ref) -> Draft;

/// Every pause, at every point of an action's life, before every step.
pub(super) fn write(cases: &mut Cases) {
    for (stage, life) in STAGES {
        for (pause, course) in PAUSES {
            for (step, tell) in STEPS {
                let mut team = Team::of_two();
                team.join("Cleo", &[Role::Administrator]).join("Dora", BOTH);
                let action = team.propose_in(RUN);
                life(&mut team, action);
                let paused = course(&mut team);
                let draft = tell(&mut team, action, paused);
                team.write(draft);
                team.told(cases, &format!("team, {stage}, {pause}, then {step}"));
            }
        }
    }
    names(cases);
}

const STAGES: &[(&str, Life)] = &[
    ("waits", |_, _| {}),
    ("denied by Dora", |team, action| {
        team.by("Dora").decide(action, Verdict::Deny);
    }),
    ("approved by Dora", |team, action| {
        team.by("Dora").approve(action);
    }),
    ("approved", |team, action| {
        team.by("Dora")
            .approve(action)
            .resolve(action, Resolution::Approved);
    }),
    ("with a permit", |team, action| {
        team.by("Dora")
            .approve(action)
            .resolve(action, Resolution::Approved)
            .permit(action);
    }),
    ("redeemed", |team, action| {
        team.by("Dora")
            .approve(action)
            .resolve(action, Resolution::Approved)
            .permit(action);
        team.story.redeem(action);
    }),
];

const PAUSES: &[(&str, Course)] = &[
    ("Ben pauses it", |team| team.by("Ben").pause(None)),
    ("Ben pauses its run", |team| team.by("Ben").pause(Some(RUN))),
    ("Ben pauses another run", |team| {
        team.by("Ben").pause(Some("nightly-43"))
    }),
    ("Ada pauses it", |team| team.by("Ada").pause(None)),
    ("Cleo pauses it", |team| team.by("Cleo").pause(None)),
    ("Ben and Cleo pause it", |team| {
        team.by("Cleo").pause(None);
        team.by("Ben").pause(None)
    }),
    ("Ben pauses and resumes it", |team| {
        let paused = team.by("Ben").pause(None);
        team.resume(paused);
        paused
    }),
    ("Ben pauses it and leaves", |team| {
        let paused = team.by("Ben").pause(None);
        team.by("Ada").remove("Ben");
        paused
    }),
    ("Ben pauses it and it ends", |team| {
        let paused = team.by("Ben").pause(None);
        team.by("Ada").end_agent();
        paused
    }),
];

const STEPS: &[(&str, Step)] = &[
    ("Ada resumes it", |team, _, paused| {
        team.by("Ada").story.resumption(paused)
    }),
    ("Ben resumes it", |team, _, paused| {
        team.by("Ben").story.resumption(paused)
    }),
    ("Cleo resumes it", |team, _, paused| {
        team.by("Cleo").story.resumption(paused)
    }),
    ("Dora resumes it", |team, _, paused| {
        team.by("Dora").story.resumption(paused)
    }),
    ("Ben pauses it", |team, _, _| {
        team.by("Ben").story.pause(None)
    }),
    ("Ada pauses its run", |team, _, _| {
        let run = RUN.parse().ok();
        team.by("Ada").story.pause(run)
    }),
    ("it proposes", |team, _, _| team.story.proposal()),
    ("it proposes in the run", |team, _, _| {
        let mut draft = team.story.proposal();
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            data.run = RUN.parse().ok();
        }
        draft
    }),
    ("Dora approves", |team, action, _| {
        team.by("Dora").story.verdict(action, Verdict::Approve, "")
    }),
    ("it is approved", |team, action, _| {
        team.story.resolution(action, Resolution::Approved)
    }),
    ("it is denied", |team, action, _| {
        team.story.resolution(action, Resolution::Denied)
    }),
    ("it is withdrawn by the pause", |team, action, paused| {
        team.story.withdrawal_by(action, paused)
    }),
    ("the gateway withdraws it", |team, action, paused| {
        let mut draft = team.story.withdrawal_by(action, paused);
        draft.leaf.refs.pop();
        draft
    }),
    ("its agent withdraws it", |team, action, _| {
        team.story.resolution(action, Resolution::Withdrawn)
    }),
    (
        "its agent withdraws it by the pause",
        |team, action, paused| {
            let mut draft = team.story.resolution(action, Resolution::Withdrawn);
            draft.leaf.refs.push(paused);
            draft
        },
    ),
    ("it gets a permit", |team, action, _| {
        // Of what is not approved too: it must say why not.
        team.story.permit(action)
    }),
    ("its permit lapses", |team, action, _| {
        team.story.pass(300);
        lapse(team, action)
    }),
    ("it is redeemed", |team, action, _| redemption(team, action)),
];

/// `permit.lapsed`, or, where there is no permit, that of nothing.
fn lapse(team: &mut Team, action: ActionId) -> Draft {
    if team.story.has_permit(action) {
        team.story.lapse(action)
    } else {
        team.story.permit(action)
    }
}

fn redemption(team: &mut Team, action: ActionId) -> Draft {
    if team.story.has_permit(action) {
        team.story.redemption(action)
    } else {
        team.story.permit(action)
    }
}

/// Both sides of the limits of a run's name. A name that is none cannot be told: the systematic changes write it.
fn names(cases: &mut Cases) {
    for run in ["!", "~", "a\"b\\c", &"r".repeat(128)] {
        let mut team = Team::of_two();
        team.propose_in(run);
        let paused = team.by("Ben").pause(Some(run));
        team.resume(paused);
        team.told(cases, &format!("team, the run {run}"));
    }
}
