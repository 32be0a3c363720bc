//! Edits: at every point of an action's life, by everybody, and what may follow.

use vidimus_protocol::ActionId;
use vidimus_protocol::action::ActionKind;
use vidimus_protocol::entry::{Data, Resolution};
use vidimus_protocol::envelope::{Role, Verdict};
use vidimus_verify::testkit::{Draft, Successor, sample_action};

use super::Team;
use crate::Cases;

const BOTH: &[Role] = &[Role::Administrator, Role::Reviewer];
/// More edits than an action can have.
const TOO_MANY: u64 = 17;

/// What happened to the action before.
type Life = fn(&mut Team, ActionId);
type Step = fn(&mut Team, ActionId, &Successor) -> Draft;

pub(super) fn write(cases: &mut Cases) {
    who_and_when(cases);
    what_follows(cases);
    let mut team = cast();
    let mut action = team.propose(1);
    for number in 0..TOO_MANY {
        action = team.by("Ben").replace(action, 100 + number);
        team.told(cases, &format!("team, edited {} times", number + 1));
    }
    alone(cases);
}

/// Ada, who owns the agent; Ben and Dora, who review; Cleo, who is an administrator alone.
fn cast() -> Team {
    let mut team = Team::of_two();
    team.join("Cleo", &[Role::Administrator]).join("Dora", BOTH);
    team
}

fn who_and_when(cases: &mut Cases) {
    let stages: [(&str, Life); 8] = [
        ("waits", |_, _| {}),
        ("was approved by Dora", |team, action| {
            team.by("Dora").approve(action);
        }),
        ("was denied by Dora", |team, action| {
            team.by("Dora").decide(action, Verdict::Deny);
        }),
        ("is approved", |team, action| {
            team.by("Dora")
                .approve(action)
                .resolve(action, Resolution::Approved);
        }),
        ("is over", |team, action| {
            team.resolve(action, Resolution::Withdrawn);
        }),
        ("is due", |team, _| team.story.pass(900)),
        ("was edited", |team, action| {
            let (draft, _) = team.by("Dora").story.edit(action, &sample_action(5));
            team.write(draft);
        }),
        ("was paused", |team, _| {
            team.by("Dora").pause(None);
        }),
    ];
    for (stage, life) in stages {
        for who in ["Ada", "Ben", "Cleo", "Dora"] {
            let mut team = cast();
            let action = team.propose(1);
            life(&mut team, action);
            team.by(who).replace(action, 7);
            team.told(cases, &format!("team, what {stage} is edited by {who}"));
        }
    }
}

fn what_follows(cases: &mut Cases) {
    // After the edit; after its successor; after the resolution.
    for written in 1..=3 {
        for (name, step) in STEPS {
            let mut team = cast();
            let action = team.propose_in("nightly-42");
            let (draft, successor) = team.by("Ben").story.edit(action, &sample_action(7));
            team.write(draft);
            if written > 1 {
                let draft = team.story.succession(action, &successor);
                team.write(draft);
            }
            if written > 2 {
                let draft = team.story.supersession(action);
                team.write(draft);
            }
            let draft = step(&mut team, action, &successor);
            team.write(draft);
            team.told(
                cases,
                &format!("team, {written} entries of an edit, then {name}"),
            );
        }
    }
}

macro_rules! proposed {
    ($draft:expr) => {
        match &mut $draft.leaf.data {
            Data::ActionProposed(data) => data,
            _ => unreachable!("a proposal proposes"),
        }
    };
}

const STEPS: &[(&str, Step)] = &[
    ("its successor", |team, action, to| {
        team.story.succession(action, to)
    }),
    ("its successor by the agent", |team, action, to| {
        let mut draft = team.story.succession(action, to);
        draft.leaf.actor = vidimus_protocol::Actor::Agent(team.story.agent);
        draft
    }),
    ("its successor, an edit of nothing", |team, action, to| {
        let mut draft = team.story.succession(action, to);
        proposed!(draft).edits = None;
        draft
    }),
    ("its successor of another run", |team, action, to| {
        let mut draft = team.story.succession(action, to);
        proposed!(draft).run = "other".parse().ok();
        draft
    }),
    ("its successor of another kind", |team, action, to| {
        let mut draft = team.story.succession(action, to);
        proposed!(draft).action_kind = ActionKind::Json;
        draft
    }),
    ("its successor under another id", |team, action, to| {
        let mut draft = team.story.succession(action, to);
        proposed!(draft).action = ActionId::from_random([7; 16]);
        draft
    }),
    ("its successor without the edit", |team, action, to| {
        let mut draft = team.story.succession(action, to);
        draft.leaf.refs.pop();
        draft
    }),
    ("its successor without claims", |team, action, to| {
        let mut draft = team.story.succession(action, to);
        draft.leaf.parts.remove(0);
        draft.parts.remove(0);
        draft
    }),
    ("a successor with another payload", |team, action, to| {
        let (_, mut other) = team.story.edit(action, &sample_action(8));
        other.action = to.action;
        team.story.succession(action, &other)
    }),
    ("it is superseded", |team, action, to| {
        if team.story.knows(to.action) {
            team.story.supersession(action)
        } else {
            team.story.resolution(action, Resolution::Superseded)
        }
    }),
    ("it is superseded by nothing", |team, action, _| {
        team.story.resolution(action, Resolution::Superseded)
    }),
    ("it is withdrawn", |team, action, _| {
        team.story.resolution(action, Resolution::Withdrawn)
    }),
    ("it expires", |team, action, _| {
        team.story.pass(900);
        team.story.resolution(action, Resolution::Expired)
    }),
    ("Dora approves it", |team, action, _| {
        team.by("Dora").story.verdict(action, Verdict::Approve, "")
    }),
    ("Ben edits it again", |team, action, _| {
        team.story.edit(action, &sample_action(9)).0
    }),
    ("Dora takes it", |team, action, _| {
        team.by("Dora").story.take(action)
    }),
    ("Dora flags it", |team, action, _| {
        team.by("Dora").story.flag(action, "hm")
    }),
    ("Ben approves what came of it", |team, _, to| {
        on_successor(team, to, "Ben", Verdict::Approve)
    }),
    ("Ben denies what came of it", |team, _, to| {
        on_successor(team, to, "Ben", Verdict::Deny)
    }),
    ("Dora approves what came of it", |team, _, to| {
        on_successor(team, to, "Dora", Verdict::Approve)
    }),
    ("Dora pauses it", |team, _, _| {
        team.by("Dora").story.pause(None)
    }),
];

fn on_successor(team: &mut Team, to: &Successor, who: &'static str, verdict: Verdict) -> Draft {
    if team.story.knows(to.action) {
        team.by(who).story.verdict(to.action, verdict, "")
    } else {
        team.story.proposal()
    }
}

/// In a personal log who edits it decides on it.
fn alone(cases: &mut Cases) {
    let mut team = super::with_two_keys_at_work();
    let action = team.propose(1);
    let edited = team.replace(action, 7);
    team.approve(edited).run(edited);
    team.told(cases, "a person edits what his agent proposes, and decides");
}
