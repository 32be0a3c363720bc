//! Changes of the policy, what an evaluation under one may ask, and who may
//! approve then.

use super::super::story::{ada, ben, cleo};
use super::people::in_a_team;
use super::*;
use crate::entry::{Assurance, Evaluation, FromGroup};
use crate::envelope::Role;

/// A team at work under a policy that Ada brought in force.
pub(crate) fn under_policy() -> Story {
    let mut story = Story::team_at_work();
    story.person = ada();
    let policy = story.policy_changed("permit");
    story.take(policy);
    story
}

/// A proposal under a policy, with another evaluation.
fn evaluated(story: &mut Story, entry: &mut Entry, change: impl FnOnce(&mut Evaluation)) {
    *story = under_policy();
    let mut leaf = story.proposed(action(0));
    if let Data::ActionProposed(data) = &mut leaf.data {
        change(&mut data.evaluation);
    }
    instead(story, entry, leaf);
}

/// Ben's approval of what was evaluated like that.
fn approved(story: &mut Story, entry: &mut Entry, change: impl FnOnce(&mut Evaluation)) {
    evaluated(story, entry, change);
    story.take(entry.leaf.clone());
    let leaf = story.approved_by(ben());
    instead(story, entry, leaf);
}

fn from(group: &str, people: u64) -> FromGroup {
    FromGroup {
        group: group.into(),
        people,
    }
}

cases! { POLICIES:
    NotAllowed, "by a reviewer", PolicyChanged, |story, entry| {
        in_a_team(story, entry, |story| {
            story.person = ben();
            story.policy_changed("permit")
        });
    };
    WrongStatement, "replaces something else", PolicyChanged, |_, entry| {
        data!(entry, PolicyChanged).signed.item.replaces = Digest([0xcc; 32]);
    };
    WrongStatement, "names another policy", PolicyChanged, |_, entry| {
        data!(entry, PolicyChanged).signed.item.policy = Digest([0xcc; 32]);
    };
    WrongStatement, "replaces what was replaced", PolicyChanged, |story, entry| {
        let opening = data!(entry, PolicyChanged).signed.item.replaces;
        let policy = story.policy_changed("another");
        story.take(policy);
        let mut leaf = story.policy_changed("permit");
        if let Data::PolicyChanged(data) = &mut leaf.data {
            data.signed.item.replaces = opening;
        }
        instead(story, entry, leaf);
    };
    DecidedAlready, "a second word of the same administrator", PolicyChanged, |story, entry| {
        in_a_team(story, entry, |story| {
            story.joins(cleo(), &[Role::Administrator]);
            story.person = ada();
            let first = story.policy_changed("permit");
            story.take(first);
            story.policy_changed("permit")
        });
    };
    WrongReferences, "does not refer to the word before", PolicyChanged, |story, entry| {
        in_a_team(story, entry, |story| {
            story.joins(cleo(), &[Role::Administrator]);
            story.person = ada();
            let first = story.policy_changed("permit");
            story.take(first);
            story.person = cleo();
            let mut leaf = story.policy_changed("permit");
            leaf.refs.pop();
            leaf
        });
    };
    StalePin, "does not cover the word before", PolicyChanged, |story, entry| {
        in_a_team(story, entry, |story| {
            story.joins(cleo(), &[Role::Administrator]);
            story.person = ada();
            let first = story.policy_changed("permit");
            story.take(first);
            story.person = cleo();
            let size = story.state.size();
            let mut leaf = story.policy_changed("permit");
            if let Data::PolicyChanged(data) = &mut leaf.data {
                data.signed.envelope.pinned_size = Decimal(size - 1);
            }
            leaf
        });
    };
}

cases! { EVALUATIONS:
    WrongReferences, "does not refer to the policy", ActionProposed, |story, entry| {
        evaluated(story, entry, |_| {});
        entry.leaf.refs.pop();
    };
    WrongParts, "without its inputs", ActionProposed, |story, entry| {
        evaluated(story, entry, |_| {});
        entry.leaf.parts.remove(1);
    };
    WrongParts, "inputs without a policy", ActionProposed, |story, entry| {
        evaluated(story, entry, |_| {});
        let inputs = entry.leaf.parts[1].clone();
        in_a_team(story, entry, |story| story.proposed(action(0)));
        entry.leaf.parts.insert(1, inputs);
    };
    BadEvaluation, "names no policy", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.policies.clear());
    };
    BadEvaluation, "names policies out of order", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.policies = vec!["b".into(), "a".into()]);
    };
    BadEvaluation, "names a policy where none is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.policies = vec!["a".into()];
    };
    BadEvaluation, "wants a reason where none is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.reason_required = true;
    };
    BadEvaluation, "wants other keys where none is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.assurance = vec![Assurance::DeviceBound];
    };
    BadEvaluation, "separates where none is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.separate_s = 1;
    };
    BadEvaluation, "wants a full review where none is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.full_review = true;
    };
    BadEvaluation, "wants a full review and lets it be approved in advance", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| {
            asked.full_review = true;
            asked.standing = true;
        });
    };
    BadEvaluation, "wants a full review and releases", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| {
            asked.decision = Decision::Release;
            asked.quorum = 0;
            asked.full_review = true;
        });
    };
    BadEvaluation, "wants two denials where none is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.veto = Some(2);
    };
    BadEvaluation, "wants a group where none is in force", ActionProposed, |story, entry| {
        in_a_team(story, entry, |story| story.proposed(action(0)));
        data!(entry, ActionProposed).evaluation.groups = vec![from("sre", 1)];
    };
    BadEvaluation, "releases where none is in force", ActionProposed, |_, entry| {
        let asked = &mut data!(entry, ActionProposed).evaluation;
        asked.decision = Decision::Release;
        asked.quorum = 0;
    };
    BadEvaluation, "releases and asks people", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.decision = Decision::Release);
    };
    BadEvaluation, "releases and asks a group", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| {
            asked.decision = Decision::Release;
            asked.quorum = 0;
            asked.groups = vec![from("sre", 1)];
        });
    };
    BadEvaluation, "asks nobody", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.quorum = 0);
    };
    BadEvaluation, "asks more of groups than people", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.groups = vec![from("a", 1), from("b", 1)]);
    };
    BadEvaluation, "groups out of order", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| {
            asked.quorum = 2;
            asked.groups = vec![from("b", 1), from("a", 1)];
        });
    };
    BadEvaluation, "a group twice", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| {
            asked.quorum = 2;
            asked.groups = vec![from("a", 1), from("a", 1)];
        });
    };
    BadEvaluation, "nobody from a group", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.groups = vec![from("a", 0)]);
    };
    BadEvaluation, "no group's name", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.groups = vec![from("A b", 1)]);
    };
    BadEvaluation, "people that add up beyond 2^64", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| {
            asked.groups = vec![from("a", u64::MAX), from("b", 2)];
        });
    };
    BadEvaluation, "assurances out of order", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| {
            asked.assurance = vec![Assurance::ProvenModel, Assurance::DeviceBound];
        });
    };
    BadEvaluation, "a veto of one, which is the usual", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.veto = Some(1));
    };
    BadEvaluation, "a veto of seventeen", ActionProposed, |story, entry| {
        evaluated(story, entry, |asked| asked.veto = Some(17));
    };
    BadEvaluation, "a group in a personal log", ActionProposed, |story, entry| {
        let policy = {
            story.person = ada();
            story.policy_changed("permit")
        };
        story.take(policy);
        let leaf = story.proposed(action(0));
        instead(story, entry, leaf);
        data!(entry, ActionProposed).evaluation.groups = vec![from("sre", 1)];
    };
}

cases! { APPROVALS:
    BadEvaluation, "names no policy that lets them", VerdictGiven, |story, entry| {
        approved(story, entry, |_| {});
        data!(entry, VerdictGiven).policies.clear();
    };
    BadEvaluation, "names policies out of order", VerdictGiven, |story, entry| {
        approved(story, entry, |_| {});
        data!(entry, VerdictGiven).policies = vec!["b".into(), "a".into()];
    };
    BadEvaluation, "names a policy where none is in force", VerdictGiven, |_, entry| {
        data!(entry, VerdictGiven).policies = vec!["a".into()];
    };
    BadEvaluation, "names a policy and denies", VerdictGiven, |story, entry| {
        approved(story, entry, |_| {});
        story.person = ben();
        let mut leaf = story.verdict(action(0), Verdict::Deny);
        if let Data::VerdictGiven(data) = &mut leaf.data {
            data.policies = vec!["a".into()];
        }
        instead(story, entry, leaf);
    };
    ReasonMissing, "says nothing", VerdictGiven, |story, entry| {
        approved(story, entry, |asked| asked.reason_required = true);
        entry.leaf.parts[0].size = 0;
    };
    NotSeenInFull, "seen, and not the whole of it", VerdictGiven, |story, entry| {
        approved(story, entry, |asked| asked.full_review = true);
        proposals::resee(entry, |seen| seen.full = false);
    };
    AssuranceMissing, "with a key of no proven model", VerdictGiven, |story, entry| {
        approved(story, entry, |asked| asked.assurance = vec![Assurance::ProvenModel]);
    };
    AssuranceMissing, "with a key that may leave its device", VerdictGiven, |story, entry| {
        approved(story, entry, |asked| asked.assurance = vec![Assurance::DeviceBound]);
        let leaf = story.approved_by(super::super::story::ben_again());
        instead(story, entry, leaf);
    };
    OwnPolicy, "by who changed the policy just now", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            story.joins(cleo(), &[Role::Administrator, Role::Reviewer]);
            story.person = ada();
            let first = story.policy_changed("permit");
            story.take(first);
            story.person = cleo();
            let second = story.policy_changed("permit");
            story.take(second);
            story.person = ada();
            let mut leaf = story.proposed(action(0));
            if let Data::ActionProposed(data) = &mut leaf.data {
                data.evaluation.separate_s = 1;
            }
            story.take(leaf);
            story.approved_by(cleo())
        });
    };
}
