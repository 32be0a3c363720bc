//! Escalations that nothing leads to.

use super::super::story::ESCALATED_S;
use super::*;
use crate::entry::Escalation;

/// Changes what is asked for in a proposal under a policy.
macro_rules! asked {
    ($entry:expr) => {
        data!($entry, ActionProposed).evaluation
    };
}

fn to(group: &str) -> Escalation {
    Escalation {
        after_s: ESCALATED_S,
        group: group.into(),
    }
}

/// In the place of the entry: an urgent proposal under the policy, changed.
fn proposed(story: &mut Story, entry: &mut Entry, escalate: Vec<Escalation>) {
    *story = super::policy::under_policy();
    let mut leaf = story.proposed(action(0));
    if let Data::ActionProposed(data) = &mut leaf.data {
        data.evaluation.escalate = escalate;
    }
    instead(story, entry, leaf);
}

cases! { ESCALATIONS:
    UnknownAction, "of nothing", ActionEscalated, |_, entry| {
        data!(entry, ActionEscalated).action = action(9);
    };
    UnfoundedEscalation, "to a group that is not named", ActionEscalated, |_, entry| {
        data!(entry, ActionEscalated).group = "security".into();
    };
    UnfoundedEscalation, "a second time", ActionEscalated, |story, entry| {
        story.next(Kind::ActionEscalated);
        let leaf = story.escalated(action(4), "sre");
        instead(story, entry, leaf);
    };
    NotDue, "a millisecond early", ActionEscalated, |_, entry| {
        entry.leaf.time = before(entry.leaf.time, 1);
    };
    TooLate, "when it expires", ActionEscalated, |_, entry| {
        later(entry, TTL_S - ESCALATED_S);
    };
    NotPending, "of what is denied", ActionEscalated, |story, entry| {
        story.person = super::super::story::ben();
        let denial = story.verdict(action(4), Verdict::Deny);
        story.take(denial);
        let resolved = story.resolved(action(4), Resolution::Denied);
        story.take(resolved);
        let leaf = story.escalated(action(4), "sre");
        instead(story, entry, leaf);
    };
    NotPending, "of what was edited", ActionEscalated, |story, entry| {
        story.person = super::super::story::ben();
        let edited = story.edited(action(4), action(5));
        story.take(edited);
        let leaf = story.escalated(action(4), "sre");
        instead(story, entry, leaf);
    };
}

cases! { EVALUATIONS:
    BadEvaluation, "where no policy is in force", ActionProposed, |_, entry| {
        asked!(entry).escalate = vec![to("sre")];
    };
    BadEvaluation, "after no time", ActionProposed, |story, entry| {
        proposed(story, entry, vec![Escalation { after_s: 0, ..to("sre") }]);
    };
    BadEvaluation, "to no group", ActionProposed, |story, entry| {
        proposed(story, entry, vec![to("SRE")]);
    };
    BadEvaluation, "to a group twice", ActionProposed, |story, entry| {
        proposed(story, entry, vec![to("sre"), to("sre")]);
    };
    BadEvaluation, "not sorted", ActionProposed, |story, entry| {
        proposed(story, entry, vec![to("sre"), to("security")]);
    };
    BadEvaluation, "to seventeen groups", ActionProposed, |story, entry| {
        let group = |number: usize| to(&format!("g{number:02}"));
        proposed(story, entry, (0..17).map(group).collect());
    };
    BadEvaluation, "where it is refused", ActionProposed, |story, entry| {
        proposed(story, entry, vec![to("sre")]);
        asked!(entry).decision = Decision::Refuse;
    };
    BadEvaluation, "where it is released", ActionProposed, |story, entry| {
        proposed(story, entry, vec![to("sre")]);
        asked!(entry).decision = Decision::Release;
        asked!(entry).quorum = 0;
    };
    BadEvaluation, "in a personal log", ActionProposed, |story, entry| {
        story.person = super::super::story::ada();
        let policy = story.policy_changed("permit");
        story.take(policy);
        let leaf = story.proposed(action(0));
        instead(story, entry, leaf);
        asked!(entry).escalate = vec![to("sre")];
    };
}
