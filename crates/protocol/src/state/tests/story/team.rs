//! The story of a team: who signs what.

use super::{Story, action, agent, part};
use crate::action::{PAYLOAD_TYPE, POLICY_TYPE};
use crate::bytes::{Blob, Digest, sha256};
use crate::entry::{
    AgentPaused, AgentResumed, AgentRevoked, CredentialAdmitted, CredentialRevoked, Data,
    DelegationGiven, DelegationRevoked, Edited, Escalated, Escalation, GrantGiven, GrantRevoked,
    GrantUse, Kind, Leaf, PartRef, PolicyChanged, Profile, Ref, Resolution, ReviewerChanged,
    ReviewerRegistered, ReviewerRemoved, RulesChanged, VerdictRecognised, VerdictReviewed,
};
use crate::envelope::{
    ActType, AdmissionItem, AgentRevocationItem, DelegationItem, DelegationRevocationItem,
    EditItem, Finding, GrantItem, GrantRevocationItem, PauseItem, PolicyItem, RecognitionItem,
    RemovalItem, ResumptionItem, ReviewItem, ReviewerChangeItem, ReviewerItem, Revocation,
    RevocationItem, Role, RulesItem,
};
use crate::id::{ActionId, Actor, AgentId, DelegationId, GrantId, ReviewerId, RunId};
use crate::model::{Aaguid, Model};
use crate::shape::SHAPE_TYPE;
use crate::state::{LONGEST_DELEGATION_S, MAX_USES};

/// The happy path of a team: every kind that there is nowhere else.
pub(super) const PATH: [Kind; 35] = [
    Kind::LogOpened,
    Kind::CredentialEnrolled,
    Kind::CredentialEnrolled,
    Kind::ReviewerRegistered,
    Kind::RulesChanged,
    Kind::CredentialEnrolled,
    Kind::CredentialAdmitted,
    Kind::ReviewerChanged,
    Kind::AgentRegistered,
    Kind::ActionProposed,
    Kind::VerdictGiven,
    Kind::VerdictRecognised,
    Kind::ActionResolved,
    Kind::PermitIssued,
    Kind::PermitRedeemed,
    Kind::ActionCompleted,
    Kind::GrantGiven,
    Kind::GrantRevoked,
    Kind::AgentPaused,
    Kind::AgentResumed,
    Kind::ActionProposed,
    Kind::ActionEdited,
    Kind::ActionProposed,
    Kind::ActionResolved,
    Kind::PolicyChanged,
    Kind::ActionProposed,
    Kind::VerdictGiven,
    Kind::VerdictReviewed,
    Kind::ActionProposed,
    Kind::ActionEscalated,
    Kind::DelegationGiven,
    Kind::DelegationRevoked,
    Kind::AgentRevoked,
    Kind::CredentialRevoked,
    Kind::ReviewerRemoved,
];

/// When sre is told of what escalates.
pub(crate) const ESCALATED_S: u64 = 20;

/// What a reviewer makes of a proposal.
pub(crate) fn edited_payload() -> PartRef {
    part("payload", PAYLOAD_TYPE, "edited")
}

/// A person and the key in his hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: ReviewerId,
    pub(crate) name: &'static str,
    pub(crate) key: &'static str,
}

impl Person {
    pub(crate) fn key_id(self) -> Blob {
        Blob(self.key.as_bytes().to_vec())
    }
}

fn person(number: u8, name: &'static str, key: &'static str) -> Person {
    Person {
        id: ReviewerId::from_random([number; 16]),
        name,
        key,
    }
}

/// The founder.
pub(crate) fn ada() -> Person {
    person(1, "Ada", "key of the founder")
}

/// A reviewer.
pub(crate) fn ben() -> Person {
    person(11, "Ben", "key of Ben")
}

/// The same with his second key.
pub(crate) fn ben_again() -> Person {
    person(11, "Ben", "synced key of Ben")
}

/// Somebody who comes later.
pub(crate) fn cleo() -> Person {
    person(12, "Cleo", "key of Cleo")
}

/// A fourth.
pub(crate) fn dan() -> Person {
    person(13, "Dan", "key of Dan")
}

/// What proves the model of Ada's key, the only one that has one.
pub(super) const ANCHOR: &[u8] = b"certificate";

/// The model of Ada's key.
pub(crate) fn model() -> Model {
    Model {
        aaguid: Aaguid([0x99; 16]),
        anchor: sha256(&[ANCHOR]),
    }
}

/// Another one, which sorts before it.
pub(crate) fn other_model(number: u8) -> Model {
    Model {
        aaguid: Aaguid([0; 16]),
        anchor: Digest([number; 32]),
    }
}

impl Story {
    /// A team's log, not opened yet.
    pub(crate) fn team() -> Self {
        Self {
            profile: Profile::Team,
            ..Self::new()
        }
    }

    /// Right before the first entry of that kind on a team's happy path.
    pub(crate) fn team_before(kind: Kind) -> Self {
        let mut story = Self::team();
        for step in PATH {
            if step == kind {
                break;
            }
            story.next(step);
        }
        story
    }

    /// Ada, Ben and their agent, with nothing proposed.
    pub(crate) fn team_at_work() -> Self {
        Self::team_before(Kind::ActionProposed)
    }

    /// Ada founds, Ben decides on what is hers.
    pub(super) fn who_signs(&self, kind: Kind) -> Person {
        let known = |person: Person| self.state.credential(&person.key_id()).is_some();
        match kind {
            Kind::CredentialEnrolled if !known(ada()) => ada(),
            Kind::CredentialEnrolled if !known(ben()) => ben(),
            Kind::CredentialEnrolled => ben_again(),
            Kind::CredentialAdmitted
            | Kind::CredentialRevoked
            | Kind::ActionEdited
            | Kind::AgentPaused
            | Kind::AgentResumed
            | Kind::GrantGiven
            | Kind::DelegationGiven
            | Kind::DelegationRevoked
            | Kind::VerdictGiven
            | Kind::VerdictRecognised => ben(),
            _ => ada(),
        }
    }

    /// That person enrols the key in his hand.
    pub(crate) fn enrolled_by(&mut self, person: Person) -> Leaf {
        self.person = person;
        self.enrolled()
    }

    /// Takes in a person whom Ada registers.
    pub(crate) fn joins(&mut self, person: Person, roles: &[Role]) {
        let claim = self.enrolled_by(person);
        self.take(claim);
        self.person = ada();
        let mut leaf = self.person_registered(person);
        if let Data::ReviewerRegistered(data) = &mut leaf.data {
            data.signed.item.roles = roles.to_vec();
        }
        self.take(leaf);
    }

    pub(crate) fn person_registered(&mut self, person: Person) -> Leaf {
        let claim = self.enrolment_of(person);
        let item = ReviewerItem {
            credential: claim.leaf,
            groups: Vec::new(),
            identity: format!("{}@example.com", person.name.to_lowercase()),
            name: person.name.into(),
            reviewer: person.id,
            roles: vec![Role::Reviewer],
        };
        let signed = self.signed(ActType::ReviewerRegistered, item);
        let data = Data::ReviewerRegistered(Box::new(ReviewerRegistered { signed }));
        self.by_person(vec![self.key_entry(), claim], data)
    }

    pub(crate) fn person_changed(&mut self, person: Person) -> Leaf {
        let record = self.record_of(person);
        let item = ReviewerChangeItem {
            groups: vec!["security".into(), "sre".into()],
            identity: format!("{}@example.com", person.name.to_lowercase()),
            name: person.name.into(),
            replaces: record.leaf,
            reviewer: person.id,
            roles: vec![Role::Reviewer],
        };
        let signed = self.signed(ActType::ReviewerChanged, item);
        let data = Data::ReviewerChanged(Box::new(ReviewerChanged { signed }));
        self.by_person(vec![self.key_entry(), record], data)
    }

    pub(crate) fn person_removed(&mut self, person: Person) -> Leaf {
        let record = self.record_of(person);
        let item = RemovalItem {
            replaces: record.leaf,
            reviewer: person.id,
        };
        let signed = self.signed(ActType::ReviewerRemoved, item);
        let data = Data::ReviewerRemoved(Box::new(ReviewerRemoved { signed }));
        self.by_person(vec![self.key_entry(), record], data)
    }

    /// Rules that let only these models count.
    pub(crate) fn ruled_for(&mut self, models: Vec<Model>) -> Leaf {
        let mut leaf = self.ruled(1);
        if let Data::RulesChanged(data) = &mut leaf.data {
            data.signed.item.models = models;
        }
        leaf
    }

    pub(crate) fn ruled(&mut self, quorum: u64) -> Leaf {
        let before = self
            .state
            .rules()
            .map_or(super::NOWHERE, |rules| rules.entry);
        let item = RulesItem {
            device_bound: false,
            max_age_days: 365,
            models: Vec::new(),
            quorum,
            replaces: before.leaf,
        };
        let signed = self.signed(ActType::RulesChanged, item);
        let data = Data::RulesChanged(Box::new(RulesChanged { signed }));
        self.by_person(vec![self.key_entry(), before], data)
    }

    /// A policy with that text; the first words for it are referred to.
    pub(crate) fn policy_changed(&mut self, text: &str) -> Leaf {
        let before = self.state.policy_base().unwrap_or(super::NOWHERE);
        let policy = part("policy", POLICY_TYPE, text);
        let item = PolicyItem {
            policy: policy.commit,
            replaces: before.leaf,
        };
        let words = self.state.words_for(policy.commit, self.now);
        let words: Vec<Ref> = words.map(|word| word.entry).collect();
        let signed = self.signed(ActType::PolicyChanged, item);
        let data = Data::PolicyChanged(Box::new(PolicyChanged { signed }));
        let refs = [self.key_entry(), before].into_iter().chain(words);
        let mut leaf = self.by_person(refs.collect(), data);
        leaf.parts = vec![policy];
        leaf
    }

    pub(crate) fn admitted(&mut self, person: Person) -> Leaf {
        let claim = self.enrolment_of(person);
        let item = AdmissionItem {
            credential: claim.leaf,
            reviewer: person.id,
        };
        let signed = self.signed(ActType::CredentialAdmitted, item);
        let data = Data::CredentialAdmitted(Box::new(CredentialAdmitted { signed }));
        self.by_person(vec![self.key_entry(), claim], data)
    }

    pub(crate) fn revoked(&mut self, person: Person) -> Leaf {
        let enrolment = self.enrolment_of(person);
        let item = RevocationItem {
            credential: enrolment.leaf,
            why: Revocation::Lost,
        };
        let signed = self.signed(ActType::CredentialRevoked, item);
        let data = Data::CredentialRevoked(Box::new(CredentialRevoked { signed }));
        self.by_person(vec![self.key_entry(), enrolment], data)
    }

    pub(crate) fn agent_revoked(&mut self) -> Leaf {
        let known = self.state.agent(&agent());
        let registration = known.map_or(super::NOWHERE, |known| known.entry);
        let item = AgentRevocationItem {
            agent: agent(),
            registration: registration.leaf,
        };
        let signed = self.signed(ActType::AgentRevoked, item);
        let data = Data::AgentRevoked(Box::new(AgentRevoked { signed }));
        self.by_person(vec![self.key_entry(), registration], data)
    }

    /// Edits an action, of which another takes the place.
    pub(crate) fn edited(&mut self, id: ActionId, to: ActionId) -> Leaf {
        let known = self.state.action(&id);
        let (digest, proposal) = known.map_or((Digest([0; 32]), super::NOWHERE), |known| {
            (known.digest, known.proposal)
        });
        let item = EditItem {
            action: id,
            action_digest: digest,
            edited: to,
            edited_digest: edited_payload().commit,
            proposal_leaf: proposal.leaf,
        };
        let signed = self.signed(ActType::ActionEdited, item);
        let data = Data::ActionEdited(Box::new(Edited { signed }));
        self.by_person(vec![proposal, self.key_entry()], data)
    }

    /// The proposal that takes the place of an edited action.
    pub(crate) fn successor(&self, id: ActionId) -> Leaf {
        let known = self.state.action(&id);
        let edit = known.and_then(|known| known.edit.as_ref());
        let (to, entry) = edit.map_or((action(9), super::NOWHERE), |edit| (edit.to, edit.entry));
        let mut leaf = self.proposed(to);
        leaf.actor = Actor::Gateway;
        leaf.refs.push(entry);
        if let Some(payload) = leaf.parts.iter_mut().find(|part| part.name == "payload") {
            *payload = edited_payload();
        }
        if let Data::ActionProposed(data) = &mut leaf.data {
            data.edits = Some(id);
        }
        leaf
    }

    /// Resolved since another action took its place.
    pub(crate) fn superseded(&self, id: ActionId) -> Leaf {
        let mut leaf = self.resolved(id, Resolution::Superseded);
        let known = self.state.action(&id);
        let edit = known.and_then(|known| known.edit.as_ref());
        let to = edit.and_then(|edit| self.state.action(&edit.to));
        leaf.refs.push(to.map_or(super::NOWHERE, |to| to.proposal));
        leaf
    }

    /// Pauses the agent, or one run of it.
    pub(crate) fn paused(&mut self, run: Option<RunId>) -> Leaf {
        self.paused_agent(agent(), run)
    }

    pub(crate) fn paused_agent(&mut self, agent: AgentId, run: Option<RunId>) -> Leaf {
        let known = self.state.agent(&agent);
        let registration = known.map_or(super::NOWHERE, |known| known.entry);
        let item = PauseItem {
            agent,
            registration: registration.leaf,
            run,
        };
        let signed = self.signed(ActType::AgentPaused, item);
        let data = Data::AgentPaused(Box::new(AgentPaused { signed }));
        self.by_person(vec![self.key_entry(), registration], data)
    }

    /// Lifts the last pause of the agent.
    pub(crate) fn resumed(&mut self) -> Leaf {
        self.resumed_agent(agent())
    }

    pub(crate) fn resumed_agent(&mut self, agent: AgentId) -> Leaf {
        let known = self.state.agent(&agent);
        let pause = known.and_then(|known| known.standing_pauses().last());
        let pause = pause.map_or(super::NOWHERE, |pause| pause.entry);
        let item = ResumptionItem {
            agent,
            pause: pause.leaf,
        };
        let signed = self.signed(ActType::AgentResumed, item);
        let data = Data::AgentResumed(Box::new(AgentResumed { signed }));
        self.by_person(vec![self.key_entry(), pause], data)
    }

    pub(crate) fn recognised(&mut self, id: ActionId) -> Leaf {
        let known = self
            .state
            .action(&id)
            .and_then(|known| known.verdicts.last());
        let verdict = known.map_or(super::NOWHERE, |given| given.entry);
        let item = RecognitionItem {
            action: id,
            verdict: verdict.leaf,
        };
        let signed = self.signed(ActType::VerdictRecognised, item);
        let data = Data::VerdictRecognised(Box::new(VerdictRecognised { signed }));
        self.by_person(vec![self.key_entry(), verdict], data)
    }

    /// A proposal under a policy that asks two people who see the whole of it, and
    /// in an emergency one.
    pub(crate) fn proposed_urgent(&self, id: ActionId) -> Leaf {
        let mut leaf = self.proposed(id);
        if let Data::ActionProposed(data) = &mut leaf.data {
            data.evaluation.break_glass = true;
            data.evaluation.full_review = true;
            data.evaluation.quorum = 2;
        }
        leaf
    }

    /// A proposal of which sre is told when nobody has decided.
    pub(crate) fn proposed_escalating(&self, id: ActionId) -> Leaf {
        let mut leaf = self.proposed(id);
        if let Data::ActionProposed(data) = &mut leaf.data {
            data.evaluation.escalate = vec![Escalation {
                after_s: ESCALATED_S,
                group: "sre".into(),
            }];
        }
        leaf
    }

    /// That group is told.
    pub(crate) fn escalated(&self, id: ActionId, group: &str) -> Leaf {
        let known = self.state.action(&id);
        let proposal = known.map_or(super::NOWHERE, |known| known.proposal);
        let data = Escalated {
            action: id,
            group: group.to_owned(),
        };
        let data = Data::ActionEscalated(Box::new(data));
        self.by(Actor::Gateway, vec![proposal], data)
    }

    pub(crate) fn reviewed(&mut self, id: ActionId, finding: Finding) -> Leaf {
        let known = self.state.action(&id);
        let broken = known.and_then(|known| known.broken_glass().last());
        let verdict = broken.map_or(super::NOWHERE, |given| given.entry);
        let reason = part("reason", super::TEXT_TYPE, "The pager was right.");
        let item = ReviewItem {
            action: id,
            finding,
            reason_commit: reason.commit,
            verdict: verdict.leaf,
        };
        let signed = self.signed(ActType::VerdictReviewed, item);
        let data = Data::VerdictReviewed(Box::new(VerdictReviewed { signed }));
        let mut leaf = self.by_person(vec![self.key_entry(), verdict], data);
        leaf.parts = vec![reason];
        leaf
    }

    /// A grant over an action, as long and as often as one may be.
    pub(crate) fn granted(&mut self, grant: GrantId, like: ActionId) -> Leaf {
        let known = self.state.action(&like);
        let (digest, context, proposal) = known
            .map_or((Digest([0; 32]), None, super::NOWHERE), |known| {
                (known.digest, known.context, known.proposal)
            });
        let seen = super::seen(digest, context);
        let reason = part("reason", super::TEXT_TYPE, "every night");
        let shape = part("shape", SHAPE_TYPE, "as it is");
        let item = GrantItem {
            action: like,
            action_digest: digest,
            grant,
            proposal_leaf: proposal.leaf,
            reason_commit: reason.commit,
            seen: seen.digest(),
            shape: shape.commit,
            until: self.now.plus_seconds(90 * 24 * 3600),
            uses: MAX_USES,
        };
        let signed = self.signed(ActType::GrantGiven, item);
        let data = Data::GrantGiven(Box::new(GrantGiven { seen, signed }));
        let mut leaf = self.by_person(vec![proposal, self.key_entry()], data);
        leaf.parts = vec![reason, shape];
        leaf
    }

    pub(crate) fn grant_revoked(&mut self, grant: GrantId) -> Leaf {
        let known = self.state.grant(&grant);
        let given = known.map_or(super::NOWHERE, |known| known.entry);
        let item = GrantRevocationItem {
            given: given.leaf,
            grant,
        };
        let signed = self.signed(ActType::GrantRevoked, item);
        let data = Data::GrantRevoked(Box::new(GrantRevoked { signed }));
        self.by_person(vec![self.key_entry(), given], data)
    }

    /// A delegation to that person, for as long as one may last.
    pub(crate) fn delegated(&mut self, id: DelegationId, to: Person, groups: &[&str]) -> Leaf {
        let record = self.record_of(to);
        let item = DelegationItem {
            delegation: id,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            to: to.id,
            until: self.now.plus_seconds(LONGEST_DELEGATION_S),
        };
        let signed = self.signed(ActType::DelegationGiven, item);
        let data = Data::DelegationGiven(Box::new(DelegationGiven { signed }));
        self.by_person(vec![self.key_entry(), record], data)
    }

    pub(crate) fn delegation_revoked(&mut self, id: DelegationId) -> Leaf {
        let known = self.state.delegation(&id);
        let given = known.map_or(super::NOWHERE, |known| known.entry);
        let item = DelegationRevocationItem {
            delegation: id,
            given: given.leaf,
        };
        let signed = self.signed(ActType::DelegationRevoked, item);
        let data = Data::DelegationRevoked(Box::new(DelegationRevoked { signed }));
        self.by_person(vec![self.key_entry(), given], data)
    }

    /// A proposal that these grants approve.
    pub(crate) fn proposed_under(&self, id: ActionId, grants: &[GrantId]) -> Leaf {
        let mut leaf = self.proposed(id);
        let given = grants.iter().map(|grant| self.state.grant(grant));
        let given = given.map(|known| known.map_or(super::NOWHERE, |known| known.entry));
        leaf.refs.extend(given);
        if let Data::ActionProposed(data) = &mut leaf.data {
            let policies = data.evaluation.policies.clone();
            data.grants = grants
                .iter()
                .map(|grant| GrantUse {
                    grant: *grant,
                    policies: policies.clone(),
                })
                .collect();
        }
        leaf
    }

    /// Ben approves the action of the happy path.
    pub(crate) fn approved_by(&mut self, person: Person) -> Leaf {
        self.person = person;
        self.verdict(action(0), crate::envelope::Verdict::Approve)
    }

    fn record_of(&self, person: Person) -> Ref {
        let known = self.state.reviewer(&person.id);
        known.map_or(super::NOWHERE, |known| known.entry)
    }
}
