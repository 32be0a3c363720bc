//! Standing grants, and proposals that say that one approves them.

use super::super::story::{ada, ben, cleo, grant};
use super::policy::under_policy;
use super::*;
use crate::entry::Assurance;
use crate::envelope::Role;
use crate::state::{LONGEST_GRANT_S, MAX_GRANTS, MAX_USES};

/// Ada, Ben, Cleo and a grant of Ben's over their agent's first action.
pub(crate) fn granted() -> Story {
    let mut story = Story::team_at_work();
    story.joins(cleo(), &[Role::Reviewer]);
    grant_it(&mut story);
    story
}

fn grant_it(story: &mut Story) {
    let proposal = story.proposed(action(0));
    story.take(proposal);
    story.person = ben();
    let given = story.granted(grant(0), action(0));
    story.take(given);
}

/// A proposal that Ben's grant approves, in the entry's place.
fn used(story: &mut Story, entry: &mut Entry) {
    *story = granted();
    let leaf = story.proposed_under(action(1), &[grant(0)]);
    instead(story, entry, leaf);
}

/// The same under a policy, which lets grants approve.
fn used_under(
    story: &mut Story,
    entry: &mut Entry,
    change: impl Fn(&mut crate::entry::Evaluation),
) {
    *story = under_policy();
    let mut like = story.proposed(action(0));
    data_of(&mut like).evaluation.standing = true;
    story.take(like);
    story.person = ben();
    let given = story.granted(grant(0), action(0));
    story.take(given);
    let mut leaf = story.proposed_under(action(1), &[grant(0)]);
    data_of(&mut leaf).evaluation.standing = true;
    change(&mut data_of(&mut leaf).evaluation);
    instead(story, entry, leaf);
}

fn data_of(leaf: &mut Leaf) -> &mut crate::entry::Proposed {
    match &mut leaf.data {
        Data::ActionProposed(data) => data,
        other => panic!("another kind: {other:?}"),
    }
}

/// Something happened between the grant and its use.
fn after(story: &mut Story, entry: &mut Entry, leaf: impl FnOnce(&mut Story) -> Leaf) {
    *story = granted();
    let leaf = leaf(story);
    story.take(leaf);
    let leaf = story.proposed_under(action(1), &[grant(0)]);
    instead(story, entry, leaf);
}

macro_rules! item {
    ($entry:expr) => {
        data!($entry, GrantGiven).signed.item
    };
}

cases! { GRANTS:
    UnknownAction, "over nothing", GrantGiven, |_, entry| item!(entry).action = action(7);
    WrongProposal, "over another proposal", GrantGiven, |_, entry| {
        item!(entry).proposal_leaf = Digest([1; 32]);
    };
    WrongProposal, "over another digest", GrantGiven, |_, entry| {
        item!(entry).action_digest = Digest([1; 32]);
    };
    WrongReason, "for another reason", GrantGiven, |_, entry| {
        item!(entry).reason_commit = Digest([1; 32]);
    };
    WrongStatement, "of another shape", GrantGiven, |_, entry| {
        item!(entry).shape = Digest([1; 32]);
    };
    WrongParts, "without a shape", GrantGiven, |_, entry| entry.leaf.parts.truncate(1);
    WrongSeen, "not seen", GrantGiven, |_, entry| {
        let data = data!(entry, GrantGiven);
        data.seen.parts.clear();
        data.signed.item.seen = data.seen.digest();
    };
    WrongSeen, "saw something else than signed", GrantGiven, |_, entry| {
        item!(entry).seen = Digest([1; 32]);
    };
    OwnAction, "by whose agent it is", GrantGiven, |story, entry| {
        story.person = ada();
        let leaf = story.granted(grant(0), action(0));
        instead(story, entry, leaf);
    };
    BadGrant, "for nothing", GrantGiven, |_, entry| item!(entry).uses = 0;
    BadGrant, "too often", GrantGiven, |_, entry| item!(entry).uses = MAX_USES + 1;
    BadGrant, "over at once", GrantGiven, |_, entry| item!(entry).until = entry.leaf.time;
    BadGrant, "too long", GrantGiven, |_, entry| {
        let most = entry.leaf.time.plus_seconds(LONGEST_GRANT_S);
        item!(entry).until = Time::from_unix_ms(most.unix_ms() + 1);
    };
    NotGrantable, "where the policy wants people", GrantGiven, |story, entry| {
        *story = under_policy();
        let like = story.proposed(action(0));
        story.take(like);
        story.person = ben();
        let leaf = story.granted(grant(0), action(0));
        instead(story, entry, leaf);
    };
    NotGrantable, "over what was refused", GrantGiven, |story, entry| {
        *story = Story::team_at_work();
        let like = story.proposed_as(action(0), Decision::Refuse);
        story.take(like);
        story.person = ben();
        let leaf = story.granted(grant(0), action(0));
        instead(story, entry, leaf);
    };
    WasDenied, "over what somebody denied", GrantGiven, |story, entry| {
        *story = Story::team_at_work();
        story.joins(cleo(), &[Role::Reviewer]);
        let like = story.proposed(action(0));
        story.take(like);
        story.person = ben();
        let denial = story.verdict(action(0), Verdict::Deny);
        story.take(denial);
        story.person = cleo();
        let leaf = story.granted(grant(0), action(0));
        instead(story, entry, leaf);
    };
    StalePin, "does not cover the proposal", GrantGiven, |story, entry| {
        *story = Story::team_at_work();
        let size = story.state.size();
        let like = story.proposed(action(0));
        story.take(like);
        story.person = ben();
        let mut leaf = story.granted(grant(0), action(0));
        if let Data::GrantGiven(data) = &mut leaf.data {
            data.signed.envelope.pinned_size = Decimal(size);
        }
        instead(story, entry, leaf);
    };
    GrantExists, "again", GrantGiven, |story, entry| {
        *story = granted();
        let leaf = story.granted(grant(0), action(0));
        instead(story, entry, leaf);
    };
    TooManyGrants, "beside as many as an agent has", GrantGiven, |story, entry| {
        *story = granted();
        for number in 1..MAX_GRANTS {
            let number = u8::try_from(number).expect("few");
            let id = crate::id::GrantId::from_random([number; 16]);
            let leaf = story.granted(id, action(0));
            story.take(leaf);
        }
        let leaf = story.granted(grant(1), action(0));
        instead(story, entry, leaf);
    };
    StoppedByPause, "over what a pause met", GrantGiven, |story, entry| {
        *story = Story::team_at_work();
        let like = story.proposed(action(0));
        story.take(like);
        story.person = ben();
        let pause = story.paused(None);
        story.take(pause);
        let leaf = story.granted(grant(0), action(0));
        instead(story, entry, leaf);
    };
    UnknownGrant, "that nobody gave", GrantRevoked, |_, entry| {
        data!(entry, GrantRevoked).signed.item.grant = grant(7);
    };
    WrongStatement, "given by another entry", GrantRevoked, |_, entry| {
        data!(entry, GrantRevoked).signed.item.given = Digest([1; 32]);
    };
    StalePin, "does not cover the grant", GrantRevoked, |story, entry| {
        let given = story.state.grant(&grant(0)).expect("given").entry;
        data!(entry, GrantRevoked).signed.envelope.pinned_size = Decimal(given.index);
    };
    GrantIsOver, "revoked twice", GrantRevoked, |story, entry| {
        let leaf = entry.leaf.clone();
        story.take(leaf);
        let leaf = story.grant_revoked(grant(0));
        instead(story, entry, leaf);
    };
}

cases! { USES:
    WrongReferences, "does not refer to the grant", ActionProposed, |story, entry| {
        used(story, entry);
        entry.leaf.refs.pop();
    };
    UnknownGrant, "a grant that nobody gave", ActionProposed, |story, entry| {
        used(story, entry);
        data!(entry, ActionProposed).grants[0].grant = grant(7);
    };
    DecidedAlready, "the same grant twice", ActionProposed, |story, entry| {
        *story = granted();
        let leaf = story.proposed_under(action(1), &[grant(0), grant(0)]);
        instead(story, entry, leaf);
    };
    DecidedAlready, "two grants of one person", ActionProposed, |story, entry| {
        *story = granted();
        let again = story.granted(grant(1), action(0));
        story.take(again);
        let leaf = story.proposed_under(action(1), &[grant(0), grant(1)]);
        instead(story, entry, leaf);
    };
    DecidedAlready, "grants out of order", ActionProposed, |story, entry| {
        *story = granted();
        story.person = cleo();
        let hers = story.granted(grant(1), action(0));
        story.take(hers);
        let leaf = story.proposed_under(action(1), &[grant(1), grant(0)]);
        instead(story, entry, leaf);
    };
    GrantIsOver, "a grant that was revoked", ActionProposed, |story, entry| {
        after(story, entry, |story| {
            story.person = cleo();
            story.grant_revoked(grant(0))
        });
    };
    GrantIsOver, "a grant that has run out", ActionProposed, |story, entry| {
        *story = granted();
        story.later(LONGEST_GRANT_S);
        let leaf = story.proposed_under(action(1), &[grant(0)]);
        instead(story, entry, leaf);
    };
    GrantIsOver, "a grant that was used up", ActionProposed, |story, entry| {
        *story = granted();
        let mut once = story.granted(grant(1), action(0));
        if let Data::GrantGiven(data) = &mut once.data {
            data.signed.item.uses = 1;
        }
        story.take(once);
        let using = story.proposed_under(action(1), &[grant(1)]);
        story.take(using);
        let leaf = story.proposed_under(action(2), &[grant(1)]);
        instead(story, entry, leaf);
    };
    GrantIsOver, "a grant from before a pause", ActionProposed, |story, entry| {
        after(story, entry, |story| {
            story.person = cleo();
            let pause = story.paused(None);
            story.take(pause);
            story.resumed()
        });
    };
    KeyRevoked, "given with a key that was revoked", ActionProposed, |story, entry| {
        after(story, entry, |story| {
            story.person = ada();
            story.revoked(ben())
        });
    };
    UnknownReviewer, "given by somebody who has left", ActionProposed, |story, entry| {
        after(story, entry, |story| {
            story.person = ada();
            story.person_removed(ben())
        });
    };
    NotAllowed, "given by who reviews no more", ActionProposed, |story, entry| {
        after(story, entry, |story| {
            story.person = ada();
            let mut leaf = story.person_changed(ben());
            if let Data::ReviewerChanged(data) = &mut leaf.data {
                data.signed.item.roles = vec![Role::Administrator];
            }
            leaf
        });
    };
    NotGrantable, "of fewer people than were asked then", ActionProposed, |story, entry| {
        *story = Story::team_at_work();
        let mut like = story.proposed(action(0));
        data_of(&mut like).evaluation.quorum = 2;
        story.take(like);
        story.person = ben();
        let given = story.granted(grant(0), action(0));
        story.take(given);
        let leaf = story.proposed_under(action(1), &[grant(0)]);
        instead(story, entry, leaf);
    };
    NotGrantable, "what a person edited", ActionProposed, |story, entry| {
        *story = granted();
        let proposal = story.proposed(action(1));
        story.take(proposal);
        story.person = ben();
        let edit = story.edited(action(1), action(2));
        story.take(edit);
        let uses = story.proposed_under(action(2), &[grant(0)]);
        let given = uses.refs.last().copied();
        let mut leaf = story.successor(action(1));
        leaf.refs.extend(given);
        data_of(&mut leaf).grants = data_of(&mut uses.clone()).grants.clone();
        instead(story, entry, leaf);
    };
    NotCovered, "of another agent", ActionProposed, |story, entry| {
        *story = granted();
        story.person = ada();
        let other = AgentId::from_random([0x22; 16]);
        let mut second = story.registered();
        if let Data::AgentRegistered(data) = &mut second.data {
            data.signed.item.agent = other;
            data.signed.item.token_hash = Digest([0x22; 32]);
        }
        story.take(second);
        let registered = story.state.agent(&other).expect("registered").entry;
        let mut leaf = story.proposed_under(action(1), &[grant(0)]);
        leaf.actor = Actor::Agent(other);
        leaf.refs[0] = registered;
        data_of(&mut leaf).agent = other;
        instead(story, entry, leaf);
    };
    NotCovered, "of another kind", ActionProposed, |story, entry| {
        used(story, entry);
        data!(entry, ActionProposed).action_kind = ActionKind::Json;
    };
    NotGrantable, "that the policy refused", ActionProposed, |story, entry| {
        used(story, entry);
        data!(entry, ActionProposed).evaluation.decision = Decision::Refuse;
    };
    NotGrantable, "where the policy wants people", ActionProposed, |story, entry| {
        used_under(story, entry, |asked| asked.standing = false);
    };
    ReasonMissing, "where a reason is wanted", ActionProposed, |story, entry| {
        *story = under_policy();
        let mut like = story.proposed(action(0));
        data_of(&mut like).evaluation.standing = true;
        story.take(like);
        story.person = ben();
        let mut given = story.granted(grant(0), action(0));
        given.parts[0].size = 0;
        story.take(given);
        let mut leaf = story.proposed_under(action(1), &[grant(0)]);
        data_of(&mut leaf).evaluation.standing = true;
        data_of(&mut leaf).evaluation.reason_required = true;
        instead(story, entry, leaf);
    };
    AssuranceMissing, "where another key is wanted", ActionProposed, |story, entry| {
        used_under(story, entry, |asked| asked.assurance = vec![Assurance::ProvenModel]);
    };
    BadEvaluation, "names no policy that lets its signer", ActionProposed, |story, entry| {
        used_under(story, entry, |_| {});
        data!(entry, ActionProposed).grants[0].policies.clear();
    };
    BadEvaluation, "stands where no policy is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.standing = true;
    };
}
