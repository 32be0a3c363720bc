//! Delegations, and approvals that are one short without them.

use super::super::story::{Person, ada, ben, cleo, dan, delegation, grant};
use super::*;
use crate::entry::FromGroup;
use crate::envelope::{DelegationItem, Role};
use crate::state::LONGEST_DELEGATION_S;

macro_rules! item {
    ($entry:expr) => {
        data!($entry, DelegationGiven).signed.item
    };
}

/// Ben, who is in security and sre, has lent sre to Cleo; Dan is there too, and
/// Cleo decides next.
pub(in super::super) fn lent() -> Story {
    lent_with(|_| {})
}

pub(in super::super) fn lent_with(change: impl FnOnce(&mut DelegationItem)) -> Story {
    let mut story = Story::team_at_work();
    story.joins(cleo(), &[Role::Reviewer]);
    story.joins(dan(), &[Role::Reviewer]);
    story.person = ada();
    let policy = story.policy_changed("permit");
    story.take(policy);
    story.person = ben();
    let mut leaf = story.delegated(delegation(0), cleo(), &["sre"]);
    if let Data::DelegationGiven(data) = &mut leaf.data {
        change(&mut data.signed.item);
    }
    story.take(leaf);
    story.person = cleo();
    story
}

/// When what is soon over is over.
pub(in super::super) const SOON_S: u64 = 5;

pub(in super::super) fn soon_over(item: &mut DelegationItem) {
    let since = item.until.unix_ms() - LONGEST_DELEGATION_S * 1000;
    item.until = Time::from_unix_ms(since).plus_seconds(SOON_S);
}

/// Their record with other roles, in the same groups.
pub(in super::super) fn changed(story: &mut Story, person: Person, roles: &[Role]) -> Leaf {
    let mut leaf = story.person_changed(person);
    if let Data::ReviewerChanged(data) = &mut leaf.data {
        data.signed.item.roles = roles.to_vec();
    }
    leaf
}

/// What wants one person of sre.
pub(in super::super) fn wants_sre(story: &Story, id: ActionId) -> Leaf {
    let mut leaf = story.proposed(id);
    if let Data::ActionProposed(data) = &mut leaf.data {
        data.evaluation.groups = vec![FromGroup {
            group: "sre".into(),
            people: 1,
        }];
    }
    leaf
}

/// Something else is signed by somebody.
pub(in super::super) fn by(
    story: &mut Story,
    person: Person,
    leaf: impl FnOnce(&mut Story) -> Leaf,
) {
    story.person = person;
    let leaf = leaf(story);
    story.take(leaf);
}

/// The resolution of what Cleo approved for sre, in the entry's place.
fn resolved(story: &Story, entry: &mut Entry) {
    let leaf = story.resolved(action(0), Resolution::Approved);
    instead(story, entry, leaf);
}

/// The same where something has happened since.
fn since(story: &mut Story, entry: &mut Entry, then: impl FnOnce(&mut Story)) {
    *story = lent();
    let proposal = wants_sre(story, action(0));
    story.take(proposal);
    by(story, cleo(), |story| {
        story.verdict(action(0), Verdict::Approve)
    });
    then(story);
    resolved(story, entry);
}

cases! { DELEGATIONS:
    TeamOnly, "in a personal log", DelegationGiven, |story, entry| {
        *story = Story::before(Kind::ActionProposed);
        let leaf = story.delegated(delegation(0), ada(), &["sre"]);
        instead(story, entry, leaf);
    };
    UnknownReviewer, "to who has left", DelegationGiven, |story, entry| {
        *story = lent();
        by(story, ada(), |story| story.person_removed(dan()));
        story.person = ben();
        let leaf = story.delegated(delegation(1), dan(), &["security"]);
        instead(story, entry, leaf);
    };
    NotAllowed, "by who reviews no more", DelegationGiven, |story, entry| {
        *story = lent();
        by(story, ada(), |story| changed(story, ben(), &[Role::Administrator]));
        story.person = ben();
        let leaf = story.delegated(delegation(1), cleo(), &["security"]);
        instead(story, entry, leaf);
    };
    BadDelegation, "to who is no reviewer", DelegationGiven, |story, entry| {
        *story = lent();
        by(story, ada(), |story| changed(story, dan(), &[Role::Administrator]));
        story.person = ben();
        let leaf = story.delegated(delegation(1), dan(), &["security"]);
        instead(story, entry, leaf);
    };
    BadDelegation, "to oneself", DelegationGiven, |story, entry| {
        let leaf = story.delegated(delegation(0), ben(), &["sre"]);
        instead(story, entry, leaf);
    };
    BadDelegation, "of nothing", DelegationGiven, |_, entry| item!(entry).groups.clear();
    BadDelegation, "of a group that is not theirs", DelegationGiven, |_, entry| {
        item!(entry).groups = vec!["dba".into()];
    };
    BadDelegation, "of groups out of order", DelegationGiven, |_, entry| {
        item!(entry).groups = vec!["sre".into(), "security".into()];
    };
    BadDelegation, "of one group twice", DelegationGiven, |_, entry| {
        item!(entry).groups = vec!["sre".into(), "sre".into()];
    };
    BadDelegation, "of what was lent to them", DelegationGiven, |story, entry| {
        *story = lent();
        let leaf = story.delegated(delegation(1), dan(), &["sre"]);
        instead(story, entry, leaf);
    };
    BadDelegation, "over at once", DelegationGiven, |_, entry| {
        item!(entry).until = entry.leaf.time;
    };
    BadDelegation, "too long", DelegationGiven, |_, entry| {
        let most = entry.leaf.time.plus_seconds(LONGEST_DELEGATION_S);
        item!(entry).until = Time::from_unix_ms(most.unix_ms() + 1);
    };
    DelegationExists, "again", DelegationGiven, |story, entry| {
        *story = lent();
        story.person = ben();
        let leaf = story.delegated(delegation(0), cleo(), &["security"]);
        instead(story, entry, leaf);
    };
    DelegatedAlready, "to a second person", DelegationGiven, |story, entry| {
        *story = lent();
        story.person = ben();
        let leaf = story.delegated(delegation(1), dan(), &["security"]);
        instead(story, entry, leaf);
    };
    StalePin, "does not cover who gets it", DelegationGiven, |story, entry| {
        *story = Story::team_at_work();
        let size = story.state.size();
        story.joins(cleo(), &[Role::Reviewer]);
        story.person = ben();
        let mut leaf = story.delegated(delegation(0), cleo(), &["sre"]);
        if let Data::DelegationGiven(data) = &mut leaf.data {
            data.signed.envelope.pinned_size = Decimal(size);
        }
        instead(story, entry, leaf);
    };
    StalePin, "does not cover one's own record", DelegationGiven, |story, entry| {
        *story = Story::team_at_work();
        story.joins(cleo(), &[Role::Reviewer]);
        let size = story.state.size();
        by(story, ada(), |story| story.person_changed(ben()));
        story.person = ben();
        let mut leaf = story.delegated(delegation(0), cleo(), &["sre"]);
        if let Data::DelegationGiven(data) = &mut leaf.data {
            data.signed.envelope.pinned_size = Decimal(size);
        }
        instead(story, entry, leaf);
    };
    UnknownDelegation, "that nobody gave", DelegationRevoked, |_, entry| {
        data!(entry, DelegationRevoked).signed.item.delegation = delegation(7);
    };
    WrongStatement, "given by another entry", DelegationRevoked, |_, entry| {
        data!(entry, DelegationRevoked).signed.item.given = Digest([1; 32]);
    };
    DelegationIsOver, "revoked twice", DelegationRevoked, |story, entry| {
        *story = lent();
        by(story, ben(), |story| story.delegation_revoked(delegation(0)));
        let leaf = story.delegation_revoked(delegation(0));
        instead(story, entry, leaf);
    };
    NotAllowed, "by a third", DelegationRevoked, |story, entry| {
        *story = lent();
        story.person = dan();
        let leaf = story.delegation_revoked(delegation(0));
        instead(story, entry, leaf);
    };
    StalePin, "does not cover what it ends", DelegationRevoked, |story, entry| {
        let given = story.state.delegation(&delegation(0)).expect("given").entry;
        data!(entry, DelegationRevoked).signed.envelope.pinned_size = Decimal(given.index);
    };
}

cases! { SEATS:
    NoQuorum, "approved before it was lent", ActionResolved, |story, entry| {
        *story = lent();
        by(story, ben(), |story| story.delegation_revoked(delegation(0)));
        let proposal = wants_sre(story, action(0));
        story.take(proposal);
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        by(story, ben(), |story| story.delegated(delegation(1), cleo(), &["sre"]));
        resolved(story, entry);
    };
    NoQuorum, "approved when its time was over", ActionResolved, |story, entry| {
        *story = lent_with(soon_over);
        let proposal = wants_sre(story, action(0));
        story.take(proposal);
        story.later(SOON_S);
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        resolved(story, entry);
    };
    NoQuorum, "of another group", ActionResolved, |story, entry| {
        *story = lent_with(|item| item.groups = vec!["security".into()]);
        let proposal = wants_sre(story, action(0));
        story.take(proposal);
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        resolved(story, entry);
    };
    NoQuorum, "by somebody else", ActionResolved, |story, entry| {
        *story = lent();
        let proposal = wants_sre(story, action(0));
        story.take(proposal);
        by(story, dan(), |story| story.verdict(action(0), Verdict::Approve));
        resolved(story, entry);
    };
    NoQuorum, "revoked since", ActionResolved, |story, entry| {
        since(story, entry, |story| {
            by(story, cleo(), |story| story.delegation_revoked(delegation(0)));
        });
    };
    NoQuorum, "lent by who has left since", ActionResolved, |story, entry| {
        since(story, entry, |story| by(story, ada(), |story| story.person_removed(ben())));
    };
    NoQuorum, "lent with a key that was revoked since", ActionResolved, |story, entry| {
        since(story, entry, |story| by(story, ada(), |story| story.revoked(ben())));
    };
    NoQuorum, "lent by who is no longer in it", ActionResolved, |story, entry| {
        since(story, entry, |story| {
            by(story, ada(), |story| {
                let mut leaf = story.person_changed(ben());
                if let Data::ReviewerChanged(data) = &mut leaf.data {
                    data.signed.item.groups = vec!["security".into()];
                }
                leaf
            });
        });
    };
    NoQuorum, "lent to another since", ActionResolved, |story, entry| {
        *story = lent_with(soon_over);
        let proposal = wants_sre(story, action(0));
        story.take(proposal);
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        story.later(SOON_S);
        by(story, ben(), |story| story.delegated(delegation(1), dan(), &["security"]));
        resolved(story, entry);
    };
    NoQuorum, "lent by whose agent it is", ActionResolved, |story, entry| {
        *story = lent();
        by(story, ben(), |story| story.delegation_revoked(delegation(0)));
        // Ada, who owns the agent, is in sre, and lends it.
        by(story, ada(), |story| changed(story, ada(), &[Role::Administrator, Role::Reviewer]));
        by(story, ada(), |story| story.delegated(delegation(1), cleo(), &["sre"]));
        let proposal = wants_sre(story, action(0));
        story.take(proposal);
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        resolved(story, entry);
    };
    NoQuorum, "lent by who edited it", ActionResolved, |story, entry| {
        *story = lent();
        let proposal = wants_sre(story, action(1));
        story.take(proposal);
        by(story, ben(), |story| story.edited(action(1), action(0)));
        let mut leaf = story.successor(action(1));
        if let (Data::ActionProposed(data), Data::ActionProposed(old)) =
            (&mut leaf.data, &wants_sre(story, action(0)).data)
        {
            data.evaluation.groups.clone_from(&old.evaluation.groups);
        }
        story.take(leaf);
        let leaf = story.superseded(action(1));
        story.take(leaf);
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        resolved(story, entry);
    };
    NoQuorum, "lent by who changed the policy", ActionResolved, |story, entry| {
        *story = lent();
        by(story, ben(), |story| story.delegation_revoked(delegation(0)));
        by(story, ada(), |story| changed(story, ben(), &[Role::Administrator, Role::Reviewer]));
        by(story, ada(), |story| story.policy_changed("another"));
        by(story, ben(), |story| story.policy_changed("another"));
        by(story, ben(), |story| story.delegated(delegation(1), cleo(), &["sre"]));
        let mut proposal = wants_sre(story, action(0));
        if let Data::ActionProposed(data) = &mut proposal.data {
            data.evaluation.separate_s = 3600;
        }
        story.take(proposal);
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        resolved(story, entry);
    };
    NoQuorum, "beside their own approval, a second seat", ActionResolved, |story, entry| {
        *story = lent();
        let mut proposal = wants_sre(story, action(0));
        if let Data::ActionProposed(data) = &mut proposal.data {
            data.evaluation.quorum = 2;
            data.evaluation.groups[0].people = 2;
        }
        story.take(proposal);
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        by(story, ben(), |story| story.verdict(action(0), Verdict::Approve));
        resolved(story, entry);
    };
    NoQuorum, "over the lender's denial", ActionResolved, |story, entry| {
        *story = lent();
        let mut proposal = wants_sre(story, action(0));
        if let Data::ActionProposed(data) = &mut proposal.data {
            data.evaluation.veto = Some(2);
        }
        story.take(proposal);
        by(story, ben(), |story| story.verdict(action(0), Verdict::Deny));
        by(story, cleo(), |story| story.verdict(action(0), Verdict::Approve));
        resolved(story, entry);
    };
    NoQuorum, "of a grant, which is lent nothing", ActionResolved, |story, entry| {
        *story = lent();
        let mut like = wants_sre(story, action(1));
        if let Data::ActionProposed(data) = &mut like.data {
            data.evaluation.standing = true;
        }
        story.take(like);
        by(story, cleo(), |story| story.granted(grant(0), action(1)));
        let mut leaf = story.proposed_under(action(0), &[grant(0)]);
        if let (Data::ActionProposed(data), Data::ActionProposed(old)) =
            (&mut leaf.data, &wants_sre(story, action(0)).data)
        {
            data.evaluation.groups.clone_from(&old.evaluation.groups);
            data.evaluation.standing = true;
        }
        story.take(leaf);
        resolved(story, entry);
    };
}
