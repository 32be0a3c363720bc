//! The stop button: who may press it, who may lift it, and what it holds.

use super::super::story::{ada, ben, cleo, run};
use super::people::in_a_team;
use super::*;
use crate::envelope::Role;
use crate::state::Effect;

/// A team in which the steps to that kind were made and Ben paused the agent.
fn stopped(story: &mut Story, steps: &[Kind]) {
    *story = Story::team_at_work();
    for kind in steps {
        story.next(*kind);
    }
    story.person = ben();
    let pause = story.paused(None);
    story.take(pause);
}

/// Lifts the last pause, by who made it.
fn lifted(story: &mut Story) {
    story.person = ben();
    let resumed = story.resumed();
    story.take(resumed);
}

/// Puts the lifting of Ben's pause by that person in the entry's place.
fn lifted_by(story: &mut Story, entry: &mut Entry, person: super::super::story::Person) {
    story.person = person;
    let leaf = story.resumed();
    instead(story, entry, leaf);
}

const APPROVED: &[Kind] = &[
    Kind::ActionProposed,
    Kind::VerdictGiven,
    Kind::ActionResolved,
];

cases! { PAUSES:
    UnknownAgent, "of nothing", AgentPaused, |_, entry| {
        data!(entry, AgentPaused).signed.item.agent = AgentId::from_random([9; 16]);
    };
    UnknownAgent, "of nothing", AgentResumed, |_, entry| {
        data!(entry, AgentResumed).signed.item.agent = AgentId::from_random([9; 16]);
    };
    AgentIsRevoked, "of an agent that does nothing more", AgentPaused, |story, entry| {
        story.next(Kind::AgentRevoked);
        story.person = ben();
        let leaf = story.paused(None);
        instead(story, entry, leaf);
    };
    WrongStatement, "another registration", AgentPaused, |_, entry| {
        data!(entry, AgentPaused).signed.item.registration = Digest([0xcc; 32]);
    };
    PausedAlready, "the same run again", AgentPaused, |story, entry| {
        let same = entry.leaf.clone();
        story.take(same);
        let leaf = story.paused(Some(run()));
        instead(story, entry, leaf);
    };
    StalePin, "does not cover the registration", AgentPaused, |story, entry| {
        let registered = story.state.agent(&agent()).expect("registered").entry.index;
        data!(entry, AgentPaused).signed.envelope.pinned_size = Decimal(registered);
    };
    UnknownReviewer, "by a person who has left", AgentPaused, |story, entry| {
        in_a_team(story, entry, |story| {
            story.person = ada();
            let left = story.person_removed(ben());
            story.take(left);
            story.person = ben();
            story.paused(None)
        });
    };
    WrongStatement, "no such pause", AgentResumed, |_, entry| {
        data!(entry, AgentResumed).signed.item.pause = Digest([0xcc; 32]);
    };
    WrongStatement, "lifted already", AgentResumed, |story, entry| {
        let same = entry.leaf.clone();
        first(story, entry, same);
    };
    StalePin, "does not cover the pause", AgentResumed, |story, entry| {
        let paused = story.state.agent(&agent()).expect("registered").pauses[0].entry.index;
        data!(entry, AgentResumed).signed.envelope.pinned_size = Decimal(paused);
    };
    NotTheirPause, "by its owner", AgentResumed, |story, entry| lifted_by(story, entry, ada());
    NotTheirPause, "by who registered it and is no administrator", AgentResumed, |story, entry| {
        *story = Story::team_at_work();
        story.joins(cleo(), &[Role::Administrator, Role::Reviewer]);
        let agent = AgentId::from_random([0x22; 16]);
        story.person = cleo();
        let registered = story.registered_as(agent);
        story.take(registered);
        story.person = ada();
        let mut changed = story.person_changed(cleo());
        if let Data::ReviewerChanged(data) = &mut changed.data {
            data.signed.item.roles = vec![Role::Reviewer];
        }
        story.take(changed);
        story.person = ben();
        let paused = story.paused_agent(agent, None);
        story.take(paused);
        story.person = cleo();
        let leaf = story.resumed_agent(agent);
        instead(story, entry, leaf);
    };
    AgentIsPaused, "proposes", ActionProposed, |story, entry| {
        stopped(story, &[]);
        let leaf = story.proposed(action(0));
        instead(story, entry, leaf);
    };
    AgentIsPaused, "proposes in a run that is paused", ActionProposed, |story, entry| {
        in_a_team(story, entry, |story| {
            story.person = ben();
            let pause = story.paused(Some(run()));
            story.take(pause);
            story.proposed(action(0))
        });
    };
    AgentIsPaused, "proposes while a second person's pause stands", ActionProposed, |story, entry| {
        stopped(story, &[]);
        story.person = ada();
        let second = story.paused(None);
        story.take(second);
        let own = story.resumed();
        story.take(own);
        let leaf = story.proposed(action(0));
        instead(story, entry, leaf);
    };
    StoppedByPause, "is decided on", VerdictGiven, |story, entry| {
        stopped(story, &[Kind::ActionProposed]);
        let leaf = story.approved_by(ben());
        instead(story, entry, leaf);
    };
    StoppedByPause, "is approved", ActionResolved, |story, entry| {
        stopped(story, &[Kind::ActionProposed, Kind::VerdictGiven]);
        let leaf = story.resolved(action(0), Resolution::Approved);
        instead(story, entry, leaf);
    };
    StoppedByPause, "gets a permit", PermitIssued, |story, entry| {
        stopped(story, APPROVED);
        let leaf = story.issued(action(0), permit(0));
        instead(story, entry, leaf);
    };
    StoppedByPause, "gets a permit once it is lifted", PermitIssued, |story, entry| {
        stopped(story, APPROVED);
        lifted(story);
        let leaf = story.issued(action(0), permit(0));
        instead(story, entry, leaf);
    };
    StoppedByPause, "is redeemed", PermitRedeemed, |story, entry| {
        stopped(story, &[APPROVED, &[Kind::PermitIssued]].concat());
        let leaf = story.redeemed(action(0));
        instead(story, entry, leaf);
    };
    StoppedByPause, "is redeemed once it is lifted", PermitRedeemed, |story, entry| {
        stopped(story, &[APPROVED, &[Kind::PermitIssued]].concat());
        lifted(story);
        let leaf = story.redeemed(action(0));
        instead(story, entry, leaf);
    };
    WrongActor, "withdrawn by the gateway, and nobody paused it", ActionResolved, |story, entry| {
        story.person = ada();
        let leaf = story.withdrawn_by_pause(action(0));
        instead(story, entry, leaf);
    };
    WrongActor, "withdrawn by the pause of another run", ActionResolved, |story, entry| {
        in_a_team(story, entry, |story| {
            story.next(Kind::ActionProposed);
            story.person = ben();
            let other = story.paused("another".parse().ok());
            story.take(other);
            story.withdrawn_by_pause(action(0))
        });
    };
    WrongReferences, "withdrawn by a later pause than the first", ActionResolved, |story, entry| {
        stopped(story, &[Kind::ActionProposed]);
        story.person = ada();
        let second = story.paused(None);
        story.take(second);
        let mut leaf = story.withdrawn_by_pause(action(0));
        let later = story.state.agent(&agent()).expect("registered").pauses[1].entry;
        leaf.refs.pop();
        leaf.refs.push(later);
        instead(story, entry, leaf);
    };
    WrongReferences, "withdrawn by the agent, in a pause's name", ActionResolved, |story, entry| {
        stopped(story, &[Kind::ActionProposed]);
        let mut leaf = story.withdrawn_by_pause(action(0));
        leaf.actor = Actor::Agent(agent());
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "withdrawn by a pause when denied", ActionResolved, |story, entry| {
        *story = Story::team_at_work();
        story.next(Kind::ActionProposed);
        story.person = ben();
        let denial = story.verdict(action(0), Verdict::Deny);
        story.take(denial);
        let pause = story.paused(None);
        story.take(pause);
        let leaf = story.withdrawn_by_pause(action(0));
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "withdrawn by a pause too late", ActionResolved, |story, entry| {
        stopped(story, &[Kind::ActionProposed]);
        story.later(TTL_S);
        let leaf = story.withdrawn_by_pause(action(0));
        instead(story, entry, leaf);
    };
}

#[test]
fn a_pause_withdraws_what_waits_and_nothing_else() {
    let mut story = Story::team_at_work();
    for number in 0..4 {
        let mut leaf = story.proposed(action(number));
        let Data::ActionProposed(data) = &mut leaf.data else {
            panic!("another kind");
        };
        data.run =
            [Some(run()), "other".parse().ok(), None, Some(run())][usize::from(number)].clone();
        story.take(leaf);
    }
    story.person = ben();
    let denial = story.verdict(action(3), Verdict::Deny);
    story.take(denial);
    let pause = story.paused(Some(run()));
    assert_eq!(story.take(pause), Some(Effect::Withdraw(agent())));
    let waits = |story: &Story| story.state.to_withdraw(agent(), story.now);
    assert_eq!(waits(&story), [action(0)]);
    let withdrawn = story.withdrawn_by_pause(action(0));
    story.take(withdrawn);
    assert!(waits(&story).is_empty());
    let whole = story.paused(None);
    story.take(whole);
    assert_eq!(waits(&story), [action(1), action(2)]);
    story.later(TTL_S);
    assert!(waits(&story).is_empty(), "what is due expires");
}

#[test]
fn who_paused_it_an_administrator_and_who_decides_resume_it() {
    let roles: [(_, &[Role]); 2] = [
        (cleo(), &[Role::Administrator]),
        (cleo(), &[Role::Reviewer]),
    ];
    for (person, roles) in roles {
        let mut story = Story::team_at_work();
        story.joins(person, roles);
        story.person = ben();
        let pause = story.paused(None);
        story.take(pause);
        story.person = person;
        let resumed = story.resumed();
        story.take(resumed);
        story.next(Kind::ActionProposed);
    }
    // Its owner lifts her own pause, and who pauses it may be of any role.
    let mut story = Story::team_at_work();
    story.person = ada();
    let pause = story.paused(None);
    story.take(pause);
    let resumed = story.resumed();
    story.take(resumed);
    // What it proposes after a pause was lifted runs like anything else.
    for kind in [APPROVED, &[Kind::PermitIssued, Kind::PermitRedeemed]].concat() {
        story.next(kind);
    }
}

#[test]
fn a_run_holds_what_says_that_it_belongs_to_it() {
    let mut story = Story::team_at_work();
    story.person = ben();
    let pause = story.paused(Some(run()));
    story.take(pause);
    for (number, other) in [(1, None), (2, "other".parse().ok())] {
        let mut leaf = story.proposed(action(number));
        if let Data::ActionProposed(data) = &mut leaf.data {
            data.run = other;
        }
        story.take(leaf);
    }
}
