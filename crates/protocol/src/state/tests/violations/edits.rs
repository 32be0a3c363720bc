//! Edits: who may edit, what takes the place of what, and who decides then.

use super::super::story::{Person, ada, ben, cleo, edited_payload};
use super::people::in_a_team;
use super::*;
use crate::envelope::Role;
use crate::state::{Due, MAX_EDITS};

/// A team with Cleo, in which Ben edited action 0, of which 1 takes the place.
fn edited(story: &mut Story) {
    *story = Story::team_at_work();
    story.joins(cleo(), &[Role::Reviewer]);
    story.next(Kind::ActionProposed);
    story.person = ben();
    let edit = story.edited(action(0), action(1));
    story.take(edit);
}

/// The same once action 1 was proposed and took its place.
fn replaced(story: &mut Story) {
    edited(story);
    let successor = story.successor(action(0));
    story.take(successor);
    let superseded = story.superseded(action(0));
    story.take(superseded);
}

/// The successor of Ben's edit, changed.
fn successor(story: &mut Story, entry: &mut Entry, change: impl FnOnce(&mut Leaf)) {
    edited(story);
    let mut leaf = story.successor(action(0));
    change(&mut leaf);
    instead(story, entry, leaf);
}

macro_rules! proposed {
    ($leaf:expr) => {
        match &mut $leaf.data {
            Data::ActionProposed(data) => data,
            other => panic!("another kind: {other:?}"),
        }
    };
}

/// That person edits the action of a team at work.
fn edited_by(story: &mut Story, entry: &mut Entry, person: Person) {
    in_a_team(story, entry, |story| {
        story.next(Kind::ActionProposed);
        story.person = person;
        story.edited(action(0), action(1))
    });
}

cases! { EDITS:
    UnknownAction, "of nothing", ActionEdited, |_, entry| {
        data!(entry, ActionEdited).signed.item.action = action(9);
    };
    NotPending, "of what is resolved", ActionEdited, |story, entry| {
        let leaf = story.edited(action(0), action(3));
        instead(story, entry, leaf);
    };
    NotPending, "edited twice", ActionEdited, |story, entry| {
        let same = entry.leaf.clone();
        story.take(same);
        let again = story.edited(action(1), action(3));
        instead(story, entry, again);
    };
    ActionExists, "into an action that is there", ActionEdited, |story, entry| {
        let leaf = story.edited(action(1), action(0));
        instead(story, entry, leaf);
    };
    WrongProposal, "another proposal", ActionEdited, |_, entry| {
        data!(entry, ActionEdited).signed.item.proposal_leaf = Digest([1; 32]);
    };
    WrongProposal, "another digest", ActionEdited, |_, entry| {
        data!(entry, ActionEdited).signed.item.action_digest = Digest([1; 32]);
    };
    TooLate, "at its deadline", ActionEdited, |_, entry| later(entry, TTL_S);
    StalePin, "does not cover the proposal", ActionEdited, |story, entry| {
        let proposal = story.state.action(&action(1)).expect("proposed").proposal;
        data!(entry, ActionEdited).signed.envelope.pinned_size = Decimal(proposal.index);
    };
    OwnAction, "by whose agent it is", ActionEdited, |story, entry| edited_by(story, entry, ada());
    NotTheOwner, "by a stranger in a personal log", ActionEdited, |story, entry| {
        *story = Story::before(Kind::VerdictGiven);
        // No entry of a personal log brings a second person.
        let agent = story.state.agents.get_mut(&agent()).expect("registered");
        agent.owner = stranger();
        let owner = story.state.reviewers[&ada().id].clone();
        story.state.reviewers.insert(stranger(), owner);
        let leaf = story.edited(action(0), action(1));
        instead(story, entry, leaf);
    };
    NotAllowed, "by an administrator who is no reviewer", ActionEdited, |story, entry| {
        in_a_team(story, entry, |story| {
            story.joins(cleo(), &[Role::Administrator]);
            story.next(Kind::ActionProposed);
            story.person = cleo();
            story.edited(action(0), action(1))
        });
    };
    StoppedByPause, "after a pause", ActionEdited, |story, entry| {
        in_a_team(story, entry, |story| {
            story.next(Kind::ActionProposed);
            story.person = ben();
            let pause = story.paused(None);
            story.take(pause);
            story.edited(action(0), action(1))
        });
    };
    TooManyEdits, "once more than that", ActionEdited, |story, entry| {
        let known = story.state.actions.get_mut(&action(1)).expect("proposed");
        known.editors = vec![ben().id; MAX_EDITS];
        let leaf = story.edited(action(1), action(3));
        instead(story, entry, leaf);
    };
    OwnEdit, "decided by who edited it", VerdictGiven, |story, entry| {
        replaced(story);
        story.person = ben();
        let leaf = story.verdict(action(1), Verdict::Approve);
        instead(story, entry, leaf);
    };
    OwnEdit, "decided by who edited what it came from", VerdictGiven, |story, entry| {
        replaced(story);
        story.person = cleo();
        let edit = story.edited(action(1), action(2));
        story.take(edit);
        let successor = story.successor(action(1));
        story.take(successor);
        story.person = ben();
        let leaf = story.verdict(action(2), Verdict::Deny);
        instead(story, entry, leaf);
    };
    NotPending, "decided after the edit", VerdictGiven, |story, entry| {
        edited(story);
        story.person = cleo();
        let leaf = story.verdict(action(0), Verdict::Approve);
        instead(story, entry, leaf);
    };
    NotPending, "approved after the edit", ActionResolved, |story, entry| {
        edited(story);
        let leaf = story.resolved(action(0), Resolution::Approved);
        instead(story, entry, leaf);
    };
    NotPending, "expired after the edit", ActionResolved, |story, entry| {
        edited(story);
        story.later(TTL_S);
        let leaf = story.resolved(action(0), Resolution::Expired);
        instead(story, entry, leaf);
    };
    NotPending, "withdrawn after the edit", ActionResolved, |story, entry| {
        edited(story);
        let leaf = story.resolved(action(0), Resolution::Withdrawn);
        instead(story, entry, leaf);
    };
    NotPending, "superseded twice", ActionResolved, |story, entry| {
        replaced(story);
        let leaf = story.superseded(action(0));
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "superseded, and nobody edited it", ActionResolved, |story, entry| {
        let leaf = story.superseded(action(0));
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "superseded before its successor", ActionResolved, |story, entry| {
        edited(story);
        let leaf = story.superseded(action(0));
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "superseded by the agent's own proposal", ActionResolved, |story, entry| {
        edited(story);
        let own = story.proposed(action(1));
        story.take(own);
        let leaf = story.superseded(action(0));
        instead(story, entry, leaf);
    };
    WrongReferences, "superseded without its successor", ActionResolved, |story, entry| {
        edited(story);
        let successor = story.successor(action(0));
        story.take(successor);
        let leaf = story.resolved(action(0), Resolution::Superseded);
        instead(story, entry, leaf);
    };
    BadEvaluation, "superseded and usable", ActionResolved, |story, entry| {
        edited(story);
        let successor = story.successor(action(0));
        story.take(successor);
        let mut leaf = story.superseded(action(0));
        if let Data::ActionResolved(data) = &mut leaf.data {
            data.use_before = Some(story.now.plus_seconds(USE_S));
        }
        instead(story, entry, leaf);
    };
    UnknownAction, "an edit of nothing", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| proposed!(leaf).edits = Some(action(9)));
    };
    UnfoundedEdit, "an edit that nobody made", ActionProposed, |story, entry| {
        *story = Story::team_at_work();
        story.next(Kind::ActionProposed);
        let mut leaf = story.successor(action(0));
        proposed!(leaf).action = action(1);
        instead(story, entry, leaf);
    };
    UnfoundedEdit, "another action than was signed", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| proposed!(leaf).action = action(2));
    };
    UnfoundedEdit, "another payload than was signed", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| leaf.parts[1] = part("payload", PAYLOAD_TYPE, "other"));
    };
    UnfoundedEdit, "other claims than the agent's", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| leaf.parts[0] = part("context", CONTEXT_TYPE, "other"));
    };
    UnfoundedEdit, "without the agent's claims", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| drop(leaf.parts.remove(0)));
    };
    UnfoundedEdit, "of another kind", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| proposed!(leaf).action_kind = ActionKind::Json);
    };
    UnfoundedEdit, "of another run", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| proposed!(leaf).run = None);
    };
    UnfoundedEdit, "of another agent", ActionProposed, |story, entry| {
        edited(story);
        let other = AgentId::from_random([0x22; 16]);
        story.person = ada();
        let registered = story.registered_as(other);
        story.take(registered);
        let mut leaf = story.successor(action(0));
        proposed!(leaf).agent = other;
        leaf.refs[0] = story.state.agent(&other).expect("registered").entry;
        instead(story, entry, leaf);
    };
    UnfoundedEdit, "a second successor", ActionProposed, |story, entry| {
        replaced(story);
        let mut leaf = story.successor(action(0));
        proposed!(leaf).action = action(2);
        instead(story, entry, leaf);
    };
    WrongActor, "proposed by the agent", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| leaf.actor = Actor::Agent(agent()));
    };
    WrongActor, "proposed by the gateway, and an edit of nothing", ActionProposed, |_, entry| {
        entry.leaf.actor = Actor::Gateway;
    };
    WrongReferences, "without the edit", ActionProposed, |story, entry| {
        successor(story, entry, |leaf| leaf.refs.truncate(2));
    };
    BadEvaluation, "of fewer people than the rules ask for", ActionProposed, |story, entry| {
        *story = Story::team_at_work();
        story.next(Kind::ActionProposed);
        story.person = ada();
        let rules = story.ruled(2);
        story.take(rules);
        story.person = ben();
        let edit = story.edited(action(0), action(1));
        story.take(edit);
        let leaf = story.successor(action(0));
        instead(story, entry, leaf);
    };
}

#[test]
fn what_was_edited_is_decided_anew_by_others() {
    let mut story = Story::team_at_work();
    replaced(&mut story);
    let old = story.state.action(&action(0)).expect("proposed");
    assert_eq!(
        old.resolved.as_ref().map(|end| end.resolution),
        Some(Resolution::Superseded)
    );
    let new = story.state.action(&action(1)).expect("proposed");
    assert_eq!(new.edits, Some(action(0)));
    assert_eq!(new.editors, [ben().id]);
    assert_eq!(new.digest, edited_payload().commit);
    assert_eq!(story.state.pending_of(&agent()), 1);
    // Who edited it edits it again, and still does not decide.
    story.person = ben();
    let edit = story.edited(action(1), action(2));
    story.take(edit);
    let successor = story.successor(action(1));
    story.take(successor);
    story.person = cleo();
    let verdict = story.verdict(action(2), Verdict::Approve);
    story.take(verdict);
    for leaf in [
        story.resolved(action(2), Resolution::Approved),
        story.superseded(action(1)),
    ] {
        story.take(leaf);
    }
}

/// In a personal log there is nobody else.
#[test]
fn the_owner_decides_on_what_he_edited_in_a_personal_log() {
    let mut story = Story::before(Kind::VerdictGiven);
    let edit = story.edited(action(0), action(1));
    story.take(edit);
    assert!(story.state.due(story.now.plus_seconds(TTL_S)).is_empty());
    let successor = story.successor(action(0));
    story.take(successor);
    let superseded = story.superseded(action(0));
    story.take(superseded);
    let verdict = story.verdict(action(1), Verdict::Approve);
    story.take(verdict);
    let end = story.now.plus_seconds(TTL_S);
    assert_eq!(story.state.due(end), [Due::Expire(action(1))]);
}
