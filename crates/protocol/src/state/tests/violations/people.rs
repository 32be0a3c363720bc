//! Keys, people and rules; and who may decide in a team.

use super::super::story::{ada, ben, ben_again, cleo, model, other_model};
use super::*;
use crate::envelope::Role;

/// The signed item of an entry.
macro_rules! item {
    ($entry:expr, $kind:ident) => {
        data!($entry, $kind).signed.item
    };
}

/// Nothing that was logged has this hash.
const NO_LEAF: Digest = Digest([0xcc; 32]);

/// Puts a leaf of a team at work in the entry's place.
pub(super) fn in_a_team(
    story: &mut Story,
    entry: &mut Entry,
    write: impl FnOnce(&mut Story) -> Leaf,
) {
    *story = Story::team_at_work();
    let leaf = write(story);
    instead(story, entry, leaf);
}

/// Ben's verdict on what Ada's agent proposed, after `change`.
fn decided(story: &mut Story, entry: &mut Entry, change: impl FnOnce(&mut Story)) {
    in_a_team(story, entry, |story| {
        story.next(Kind::ActionProposed);
        change(story);
        story.approved_by(ben())
    });
}

cases! { KEYS:
    UnknownCredential, "nobody enrolled it", CredentialAdmitted, |_, entry| {
        item!(entry, CredentialAdmitted).credential = NO_LEAF;
    };
    UnknownCredential, "it counts already", CredentialAdmitted, |story, entry| {
        let again = story.admitted(ben());
        instead(story, entry, again);
    };
    WrongStatement, "of another person", CredentialAdmitted, |_, entry| {
        item!(entry, CredentialAdmitted).reviewer = ada().id;
    };
    UnknownReviewer, "of a person whom nobody took in", CredentialAdmitted, |story, entry| {
        let claim = story.enrolled_by(cleo());
        story.take(claim);
        story.person = ada();
        let leaf = story.admitted(cleo());
        instead(story, entry, leaf);
    };
    NotAllowed, "by another reviewer", CredentialAdmitted, |story, entry| {
        story.joins(cleo(), &[Role::Reviewer]);
        story.person = cleo();
        let leaf = story.admitted(ben_again());
        instead(story, entry, leaf);
    };
    DecidedAlready, "twice by one administrator", CredentialAdmitted, |story, entry| {
        story.joins(cleo(), &[Role::Administrator]);
        story.person = ada();
        let once = story.admitted(ben_again());
        story.take(once);
        let leaf = story.admitted(ben_again());
        instead(story, entry, leaf);
    };
    NotAdmitted, "a key that only says whose it is", CredentialAdmitted, |story, entry| {
        story.person = ben_again();
        let leaf = story.admitted(ben_again());
        instead(story, entry, leaf);
    };
    NotAdmitted, "with one of two administrators", CredentialAdmitted, |story, entry| {
        story.joins(cleo(), &[Role::Administrator]);
        story.person = ada();
        let once = story.admitted(ben_again());
        story.take(once);
        story.person = ben_again();
        let leaf = story.revoked(ben());
        instead(story, entry, leaf);
    };
    WrongStatement, "a key under another name", CredentialAdmitted, |story, entry| {
        let mut other = ben();
        (other.name, other.key) = ("Bob", "another key");
        let leaf = story.enrolled_by(other);
        instead(story, entry, leaf);
    };
    WrongStatement, "a claim under the name before", CredentialAdmitted, |story, entry| {
        story.person = ada();
        let mut renamed = story.person_changed(ben());
        if let Data::ReviewerChanged(data) = &mut renamed.data {
            data.signed.item.name = "Benjamin".into();
        }
        story.take(renamed);
        story.person = ben();
        let leaf = story.admitted(ben_again());
        instead(story, entry, leaf);
    };
    KeyTooOld, "an administrator's word with a key that is too old", CredentialAdmitted, |story, entry| {
        story.joins(cleo(), &[Role::Administrator]);
        story.later(365 * 86_400);
        story.person = cleo();
        let leaf = story.admitted(ben_again());
        instead(story, entry, leaf);
    };
    WrongStatement, "a key of a person who left", CredentialAdmitted, |story, entry| {
        story.person = ada();
        let left = story.person_removed(ben());
        story.take(left);
        let mut other = ben();
        other.key = "another key";
        let leaf = story.enrolled_by(other);
        instead(story, entry, leaf);
    };
    TeamOnly, "another person in a personal log", AgentRegistered, |story, entry| {
        let leaf = story.enrolled_by(ben());
        instead(story, entry, leaf);
    };
    UnknownCredential, "nobody enrolled it", CredentialRevoked, |_, entry| {
        item!(entry, CredentialRevoked).credential = NO_LEAF;
    };
    UnknownCredential, "revoked already", CredentialRevoked, |story, entry| {
        let once = story.revoked(ben_again());
        story.take(once);
        let leaf = story.revoked(ben_again());
        instead(story, entry, leaf);
    };
    NotAllowed, "the key of another", CredentialRevoked, |story, entry| {
        let leaf = story.revoked(ada());
        instead(story, entry, leaf);
    };
    LastAdministrator, "the last key of the last", CredentialRevoked, |story, entry| {
        story.person = ada();
        let leaf = story.revoked(ada());
        instead(story, entry, leaf);
    };
    KeyRevoked, "by a revoked key", CredentialRevoked, |story, entry| {
        let once = story.revoked(ben_again());
        story.take(once);
        story.person = ben_again();
        let leaf = story.revoked(ben());
        instead(story, entry, leaf);
    };
    StalePin, "does not cover the key", CredentialAdmitted, |story, entry| {
        let claim = story.state.credential(&ben_again().key_id()).expect("enrolled").entry;
        data!(entry, CredentialAdmitted).signed.envelope.pinned_size = Decimal(claim.index);
    };
    StalePin, "does not cover the key", CredentialRevoked, |story, entry| {
        let key = story.state.credential(&ben_again().key_id()).expect("enrolled").entry;
        data!(entry, CredentialRevoked).signed.envelope.pinned_size = Decimal(key.index);
    };
}

cases! { PEOPLE:
    TeamOnly, "in a personal log", ReviewerRegistered, |story, entry| {
        *story = Story::before(Kind::AgentRegistered);
        let leaf = story.person_registered(ada());
        instead(story, entry, leaf);
    };
    NotAllowed, "by a reviewer", RulesChanged, |story, entry| {
        story.person = ben();
        let leaf = story.ruled(1);
        instead(story, entry, leaf);
    };
    UnknownCredential, "without a key", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).credential = NO_LEAF;
    };
    WrongStatement, "with another's key", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).reviewer = cleo().id;
    };
    WrongStatement, "under another name", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).name = "Eve".into();
    };
    ReviewerExists, "twice", CredentialAdmitted, |story, entry| {
        story.person = ada();
        let leaf = story.person_registered(ben_again());
        instead(story, entry, leaf);
    };
    ReviewerExists, "with an identity that is taken", RulesChanged, |story, entry| {
        let claim = story.enrolled_by(cleo());
        story.take(claim);
        story.person = ada();
        let mut leaf = story.person_registered(cleo());
        if let Data::ReviewerRegistered(data) = &mut leaf.data {
            data.signed.item.identity = "ben@example.com".into();
        }
        instead(story, entry, leaf);
    };
    BadName, "an identity with a capital", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).identity = "Ben@example.com".into();
    };
    BadName, "an identity with a space", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).identity = "a b".into();
    };
    BadName, "no identity", ReviewerChanged, |_, entry| {
        item!(entry, ReviewerChanged).identity.clear();
    };
    BadRoles, "no role", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).roles.clear();
    };
    BadRoles, "unsorted", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).roles = vec![Role::Reviewer, Role::Administrator];
    };
    BadRoles, "twice", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).roles = vec![Role::Reviewer, Role::Reviewer];
    };
    BadRoles, "a group in capitals", ReviewerRegistered, |_, entry| {
        item!(entry, ReviewerRegistered).groups = vec!["SRE".into()];
    };
    BadRoles, "a group twice", ReviewerChanged, |_, entry| {
        item!(entry, ReviewerChanged).groups = vec!["sre".into(), "sre".into()];
    };
    BadRoles, "too many groups", ReviewerChanged, |_, entry| {
        item!(entry, ReviewerChanged).groups =
            (0..33).map(|number| format!("group-{number:02}")).collect();
    };
    WrongStatement, "replaces something else", ReviewerChanged, |_, entry| {
        item!(entry, ReviewerChanged).replaces = NO_LEAF;
    };
    UnknownReviewer, "nobody", ReviewerChanged, |_, entry| {
        item!(entry, ReviewerChanged).reviewer = stranger();
    };
    UnknownReviewer, "who has left", ReviewerChanged, |story, entry| {
        let left = story.person_removed(ben());
        story.take(left);
        let leaf = story.person_changed(ben());
        instead(story, entry, leaf);
    };
    OwnRecord, "beside another administrator", ReviewerChanged, |story, entry| {
        story.joins(cleo(), &[Role::Administrator]);
        story.person = ada();
        let mut leaf = story.person_changed(ada());
        if let Data::ReviewerChanged(data) = &mut leaf.data {
            data.signed.item.roles = vec![Role::Administrator];
        }
        instead(story, entry, leaf);
    };
    LastAdministrator, "the last is one no more", ReviewerChanged, |story, entry| {
        story.person = ada();
        let leaf = story.person_changed(ada());
        instead(story, entry, leaf);
    };
    WrongStatement, "replaces something else", ReviewerRemoved, |_, entry| {
        item!(entry, ReviewerRemoved).replaces = NO_LEAF;
    };
    OwnRecord, "himself", ReviewerRemoved, |story, entry| {
        story.person = ada();
        let leaf = story.person_removed(ada());
        instead(story, entry, leaf);
    };
    WrongStatement, "replaces something else", RulesChanged, |_, entry| {
        item!(entry, RulesChanged).replaces = NO_LEAF;
    };
    BadRules, "asks nobody", RulesChanged, |_, entry| {
        item!(entry, RulesChanged).quorum = 0;
    };
    BadRules, "asks seventeen", RulesChanged, |_, entry| {
        item!(entry, RulesChanged).quorum = 17;
    };
    BadRules, "shuts out the key that signs them", RulesChanged, |story, entry| {
        later(entry, 86_400);
        story.later(86_400);
        let mut leaf = story.ruled(1);
        if let Data::RulesChanged(data) = &mut leaf.data {
            data.signed.item.max_age_days = 1;
        }
        instead(story, entry, leaf);
    };
    BadRules, "shuts out the model that signs them", RulesChanged, |_, entry| {
        item!(entry, RulesChanged).models = vec![other_model(1)];
    };
    BadRules, "names a model twice", RulesChanged, |_, entry| {
        item!(entry, RulesChanged).models = vec![model(); 2];
    };
    BadRules, "names models out of order", RulesChanged, |_, entry| {
        item!(entry, RulesChanged).models = vec![model(), other_model(1)];
    };
    BadRules, "names too many models", RulesChanged, |_, entry| {
        let others = (0..=255).map(other_model);
        item!(entry, RulesChanged).models = others.chain([model()]).collect();
    };
    StalePin, "does not cover the person", ReviewerRegistered, |story, entry| {
        let claim = story.state.credential(&ben().key_id()).expect("enrolled").entry;
        data!(entry, ReviewerRegistered).signed.envelope.pinned_size = Decimal(claim.index);
    };
    StalePin, "does not cover the person", ReviewerChanged, |story, entry| {
        let record = story.state.reviewer(&ben().id).expect("registered").entry;
        data!(entry, ReviewerChanged).signed.envelope.pinned_size = Decimal(record.index);
    };
    StalePin, "does not cover the person", ReviewerRemoved, |story, entry| {
        let record = story.state.reviewer(&ben().id).expect("registered").entry;
        data!(entry, ReviewerRemoved).signed.envelope.pinned_size = Decimal(record.index);
    };
    StalePin, "does not cover the rules", RulesChanged, |story, entry| {
        story.next(Kind::RulesChanged);
        let before = story.state.rules().expect("ruled").entry;
        let mut leaf = story.ruled(2);
        if let Data::RulesChanged(data) = &mut leaf.data {
            data.signed.envelope.pinned_size = Decimal(before.index);
        }
        instead(story, entry, leaf);
    };
}

cases! { TEAM:
    NotAllowed, "an agent registered by a reviewer", AgentRegistered, |story, entry| {
        in_a_team(story, entry, |story| {
            story.person = ben();
            story.registered_as(AgentId::from_random([0x22; 16]))
        });
    };
    AgentIsRevoked, "revoked twice", AgentRevoked, |story, entry| {
        story.next(Kind::AgentRevoked);
        let again = story.agent_revoked();
        instead(story, entry, again);
    };
    WrongStatement, "another registration", AgentRevoked, |_, entry| {
        item!(entry, AgentRevoked).registration = NO_LEAF;
    };
    NotAllowed, "by neither owner nor administrator", AgentRevoked, |story, entry| {
        story.person = ben();
        let leaf = story.agent_revoked();
        instead(story, entry, leaf);
    };
    StalePin, "does not cover the agent", AgentRevoked, |story, entry| {
        let agent = story.state.agent(&agent()).expect("registered").entry;
        data!(entry, AgentRevoked).signed.envelope.pinned_size = Decimal(agent.index);
    };
    AgentIsRevoked, "proposes", ActionProposed, |story, entry| {
        in_a_team(story, entry, |story| {
            story.next(Kind::AgentRevoked);
            story.proposed(action(1))
        });
    };
    AgentIsRevoked, "is decided on", VerdictGiven, |story, entry| {
        decided(story, entry, |story| drop(story.next(Kind::AgentRevoked)));
    };
    AgentIsRevoked, "is approved", ActionResolved, |story, entry| {
        decided(story, entry, |_| {});
        let approval = entry.leaf.clone();
        story.take(approval);
        story.person = ada();
        let revoked = story.agent_revoked();
        story.take(revoked);
        let leaf = story.resolved(action(0), Resolution::Approved);
        instead(story, entry, leaf);
    };
    UnknownReviewer, "redeems after its owner has left", PermitRedeemed, |story, entry| {
        in_a_team(story, entry, |story| {
            story.joins(cleo(), &[Role::Administrator]);
            for kind in [Kind::ActionProposed, Kind::VerdictGiven, Kind::ActionResolved, Kind::PermitIssued] {
                story.next(kind);
            }
            story.person = cleo();
            let left = story.person_removed(ada());
            story.take(left);
            story.redeemed(action(0))
        });
    };
    AgentIsRevoked, "redeems", PermitRedeemed, |story, entry| {
        let revoked = story.agent_revoked();
        story.take(revoked);
        let leaf = story.redeemed(action(0));
        instead(story, entry, leaf);
    };
    UnknownReviewer, "its owner has left", ActionProposed, |story, entry| {
        in_a_team(story, entry, |story| {
            story.joins(cleo(), &[Role::Administrator]);
            story.person = cleo();
            let left = story.person_removed(ada());
            story.take(left);
            story.proposed(action(1))
        });
    };
    BadEvaluation, "fewer people than the rules ask for", ActionProposed, |story, entry| {
        in_a_team(story, entry, |story| {
            let rules = story.ruled(2);
            story.take(rules);
            story.proposed(action(1))
        });
    };
    WrongReferences, "without the rules", ActionProposed, |story, entry| {
        in_a_team(story, entry, |story| {
            let mut leaf = story.proposed(action(1));
            leaf.refs.pop();
            leaf
        });
    };
    OwnAction, "by the owner", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            story.next(Kind::ActionProposed);
            story.approved_by(ada())
        });
    };
    OwnAction, "by the administrator who registered the agent", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            let mut leaf = story.registered_as(AgentId::from_random([0x22; 16]));
            if let Data::AgentRegistered(data) = &mut leaf.data {
                data.signed.item.owner = ben().id;
            }
            let registered = story.entry(leaf.clone()).reference();
            story.take(leaf);
            let mut leaf = story.proposed(action(0));
            leaf.refs[0] = registered;
            leaf.actor = Actor::Agent(AgentId::from_random([0x22; 16]));
            if let Data::ActionProposed(data) = &mut leaf.data {
                data.agent = AgentId::from_random([0x22; 16]);
            }
            story.take(leaf);
            story.approved_by(ada())
        });
    };
    NotAllowed, "by an administrator who reviews nothing", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            story.joins(cleo(), &[Role::Administrator]);
            story.next(Kind::ActionProposed);
            story.approved_by(cleo())
        });
    };
    UnknownReviewer, "by a person who has left", VerdictGiven, |story, entry| {
        decided(story, entry, |story| {
            story.person = ada();
            let left = story.person_removed(ben());
            story.take(left);
        });
    };
    KeyTooOld, "a key of the day before", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            story.later(365 * 86_400);
            story.person = ada();
            story.ruled(1)
        });
    };
    NotDeviceBound, "a key that may be copied", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            let mut rules = story.ruled(1);
            if let Data::RulesChanged(data) = &mut rules.data {
                data.signed.item.device_bound = true;
            }
            story.take(rules);
            story.next(Kind::ActionProposed);
            story.approved_by(ben_again())
        });
    };
    ModelNotAllowed, "a key of which no model is proven", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            let rules = story.ruled_for(vec![model()]);
            story.take(rules);
            story.next(Kind::ActionProposed);
            story.approved_by(ben())
        });
    };
    NoQuorum, "approved with a key that was revoked since", ActionResolved, |story, entry| {
        decided(story, entry, |_| {});
        let approval = entry.leaf.clone();
        story.take(approval);
        story.person = ada();
        let revoked = story.revoked(ben());
        story.take(revoked);
        let leaf = story.resolved(action(0), Resolution::Approved);
        instead(story, entry, leaf);
    };
    NoQuorum, "one approval where two are asked for", ActionResolved, |story, entry| {
        in_a_team(story, entry, |story| {
            let rules = story.ruled(2);
            story.take(rules);
            let mut proposal = story.proposed(action(0));
            if let Data::ActionProposed(data) = &mut proposal.data {
                data.evaluation.quorum = 2;
            }
            story.take(proposal);
            let approval = story.approved_by(ben());
            story.take(approval);
            story.resolved(action(0), Resolution::Approved)
        });
    };
    DecidedAlready, "again with another key", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            story.next(Kind::ActionProposed);
            let approval = story.approved_by(ben());
            story.take(approval);
            story.approved_by(ben_again())
        });
    };
    DecidedAlready, "a denial stays, whatever becomes of its key", VerdictGiven, |story, entry| {
        in_a_team(story, entry, |story| {
            story.next(Kind::ActionProposed);
            story.person = ben();
            let denial = story.verdict(action(0), Verdict::Deny);
            story.take(denial);
            story.person = ada();
            let revoked = story.revoked(ben());
            story.take(revoked);
            story.approved_by(ben_again())
        });
    };
    NotHisVerdict, "recognised by another", VerdictRecognised, |story, entry| {
        story.person = ada();
        let leaf = story.recognised(action(0));
        instead(story, entry, leaf);
    };
    NotHisVerdict, "recognised twice", VerdictRecognised, |story, entry| {
        story.next(Kind::VerdictRecognised);
        let again = story.recognised(action(0));
        instead(story, entry, again);
    };
    WrongStatement, "no such verdict", VerdictRecognised, |_, entry| {
        item!(entry, VerdictRecognised).verdict = NO_LEAF;
    };
    UnknownAction, "no such action", VerdictRecognised, |_, entry| {
        item!(entry, VerdictRecognised).action = action(9);
    };
    StalePin, "does not cover the verdict", VerdictRecognised, |story, entry| {
        let known = story.state.action(&action(0)).expect("proposed");
        let verdict = known.verdicts[0].entry.index;
        data!(entry, VerdictRecognised).signed.envelope.pinned_size = Decimal(verdict);
    };
    UnknownReviewer, "a note by a person who has left", ActionTaken, |story, entry| {
        in_a_team(story, entry, |story| {
            story.next(Kind::ActionProposed);
            story.person = ada();
            let left = story.person_removed(ben());
            story.take(left);
            story.person = ben();
            story.taken(action(0))
        });
    };
}

#[test]
fn more_than_half_of_the_other_administrators_recover_a_lost_key() {
    let mut story = Story::team_before(Kind::CredentialAdmitted);
    story.joins(cleo(), &[Role::Administrator]);
    assert_eq!(story.state.recovery_quorum(ben().id), 2);
    assert_eq!(story.state.recovery_quorum(ada().id), 1);
    for (admin, done) in [(ada(), false), (cleo(), true)] {
        story.person = admin;
        let leaf = story.admitted(ben_again());
        story.take(leaf);
        let key = story
            .state
            .credential(&ben_again().key_id())
            .expect("enrolled");
        assert_eq!(story.state.counts(key, story.now).is_ok(), done);
    }
}

/// A key that is too old for the rules still opens the way to its successor.
#[test]
fn whose_key_is_too_old_gets_a_new_one_with_it() {
    let mut story = Story::team_before(Kind::CredentialAdmitted);
    story.later(366 * 86_400);
    story.person = ben();
    let leaf = story.admitted(ben_again());
    story.take(leaf);
    let leaf = story.revoked(ben());
    story.take(leaf);
}

/// A word counts as long as its key does, and again when others have left.
#[test]
fn what_administrators_agreed_on_is_counted_anew() {
    let mut story = Story::team_before(Kind::CredentialAdmitted);
    let mut dora = cleo();
    (dora.id, dora.name, dora.key) = (stranger(), "Dora", "key of Dora");
    for admin in [cleo(), dora] {
        story.joins(admin, &[Role::Administrator]);
    }
    assert_eq!(story.state.recovery_quorum(ben().id), 2);
    story.person = dora;
    let word = story.admitted(ben_again());
    story.take(word);
    story.person = ada();
    let stolen = story.revoked(dora);
    story.take(stolen);
    story.person = cleo();
    let word = story.admitted(ben_again());
    story.take(word);
    let counts = |story: &Story| {
        let key = story
            .state
            .credential(&ben_again().key_id())
            .expect("enrolled");
        story.state.counts(key, story.now).is_ok()
    };
    assert!(!counts(&story), "one word went with its key");
    story.person = ada();
    let left = story.person_removed(dora);
    story.take(left);
    assert_eq!(story.state.recovery_quorum(ben().id), 2);
    let left = story.person_removed(cleo());
    story.take(left);
    let word = story.admitted(ben_again());
    story.take(word);
    assert!(counts(&story));
}

#[test]
fn an_approval_that_fell_out_can_be_given_again() {
    let mut story = Story::team_at_work();
    let rules = story.ruled(2);
    story.take(rules);
    story.joins(cleo(), &[Role::Administrator, Role::Reviewer]);
    let mut proposal = story.proposed(action(0));
    if let Data::ActionProposed(data) = &mut proposal.data {
        data.evaluation.quorum = 2;
    }
    story.take(proposal);
    let approval = story.approved_by(ben());
    assert_eq!(story.take(approval), None);
    story.person = ada();
    let revoked = story.revoked(ben());
    story.take(revoked);
    // One approval was lost with its key: a second person is not enough.
    let approval = story.approved_by(cleo());
    assert_eq!(story.take(approval), None);
    let approval = story.approved_by(ben_again());
    let effect = crate::state::Effect::Resolve(action(0), Resolution::Approved);
    assert_eq!(story.take(approval), Some(effect));
}
