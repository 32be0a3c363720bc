//! A team: several people and what they do about each other.

use vidimus_protocol::entry::{
    AgentPaused, AgentResumed, AgentRevoked, CredentialAdmitted, CredentialRevoked, Data, Profile,
    Ref, Resolution, ReviewerChanged, ReviewerRegistered, ReviewerRemoved, RulesChanged,
    VerdictRecognised,
};
use vidimus_protocol::envelope::{
    ActType, AdmissionItem, AgentRevocationItem, PauseItem, RecognitionItem, RemovalItem,
    ResumptionItem, ReviewerChangeItem, ReviewerItem, Revocation, RevocationItem, Role, RulesItem,
};
use vidimus_protocol::{ActionId, Actor, Blob, Model, ReviewerId, RunId};

use super::{Draft, SoftKey, Story, half};
use crate::cose::Algorithm;

/// A person and one of his keys.
#[derive(Debug)]
pub struct Member {
    /// The key.
    pub key: SoftKey,
    /// Its id.
    pub credential_id: Blob,
    /// Whose it is.
    pub reviewer: ReviewerId,
    /// His name.
    pub name: String,
    /// Its `credential.enrolled`.
    pub credential: Option<Ref>,
}

impl Story {
    /// A team at work (5 entries): Ada founded it and owns the agent, Ben is a
    /// reviewer, and his is the key that signs next. Ada's is returned.
    #[must_use]
    pub fn team(seed: u64, algorithm: Algorithm) -> (Self, Member) {
        let mut story = Self::team_of_one(seed, algorithm);
        let mut ben = story.newcomer("Ben", algorithm);
        story.join(&mut ben);
        let draft = story.registration();
        story.write(draft);
        story.swap(&mut ben);
        (story, ben)
    }

    /// A team's log with its founder (2 entries).
    #[must_use]
    pub fn team_of_one(seed: u64, algorithm: Algorithm) -> Self {
        let mut story = Self::open_as(seed, algorithm, Profile::Team);
        let draft = story.enrolment();
        let founded = story.write(draft);
        story.records.insert(story.reviewer, founded);
        story
    }

    /// Somebody whom nobody knows yet.
    pub fn newcomer(&mut self, name: &str, algorithm: Algorithm) -> Member {
        Member {
            key: SoftKey::from_seed(algorithm, &self.draw().0),
            credential_id: Blob(self.draw().0.to_vec()),
            reviewer: ReviewerId::from_random(half(self.draw())),
            name: name.into(),
            credential: None,
        }
    }

    /// Another key of the person who signs next.
    pub fn further_key(&mut self, algorithm: Algorithm) -> Member {
        let (reviewer, name) = (self.reviewer, self.name.clone());
        Member {
            reviewer,
            ..self.newcomer(&name, algorithm)
        }
    }

    /// Puts another key in the hand that signs next, and takes the old one.
    pub fn swap(&mut self, member: &mut Member) {
        std::mem::swap(&mut self.key, &mut member.key);
        std::mem::swap(&mut self.credential_id, &mut member.credential_id);
        std::mem::swap(&mut self.reviewer, &mut member.reviewer);
        std::mem::swap(&mut self.name, &mut member.name);
        std::mem::swap(&mut self.credential, &mut member.credential);
    }

    /// Writes the enrolment of a member's key.
    pub fn enrol(&mut self, member: &mut Member) {
        self.swap(member);
        let draft = self.enrolment();
        self.write(draft);
        self.swap(member);
    }

    /// Enrols a newcomer and takes him in as a reviewer, signed by whose key
    /// signs next.
    pub fn join(&mut self, member: &mut Member) {
        self.enrol(member);
        let draft = self.reviewer_registration(member);
        self.write(draft);
    }

    /// `reviewer.registered`.
    ///
    /// # Panics
    /// When the member's key was not enrolled.
    pub fn reviewer_registration(&mut self, member: &Member) -> Draft {
        self.reviewer_registration_with(member, |_| {})
    }

    /// `reviewer.registered`, with a change before it is signed.
    ///
    /// # Panics
    /// When the member's key was not enrolled.
    pub fn reviewer_registration_with(
        &mut self,
        member: &Member,
        change: impl FnOnce(&mut ReviewerItem),
    ) -> Draft {
        let claim = member.credential.expect("enrolled");
        let item = ReviewerItem {
            credential: claim.leaf,
            groups: Vec::new(),
            identity: format!("{}@example.com", member.name.to_lowercase()),
            name: member.name.clone(),
            reviewer: member.reviewer,
            roles: vec![Role::Reviewer],
        };
        let signed = self.sign(ActType::ReviewerRegistered, item, |_, item| change(item));
        let data = ReviewerRegistered { signed };
        self.with_key(claim, Data::ReviewerRegistered(Box::new(data)))
    }

    /// `reviewer.changed`: other roles and groups.
    ///
    /// # Panics
    /// When nobody took the person in.
    pub fn reviewer_change(&mut self, member: &Member, roles: &[Role], groups: &[&str]) -> Draft {
        let record = self.records[&member.reviewer];
        let item = ReviewerChangeItem {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            identity: format!("{}@example.com", member.name.to_lowercase()),
            name: member.name.clone(),
            replaces: record.leaf,
            reviewer: member.reviewer,
            roles: roles.to_vec(),
        };
        let signed = self.sign(ActType::ReviewerChanged, item, |_, _| {});
        let data = ReviewerChanged { signed };
        self.with_key(record, Data::ReviewerChanged(Box::new(data)))
    }

    /// `reviewer.removed`.
    ///
    /// # Panics
    /// When nobody took the person in.
    pub fn removal(&mut self, member: &Member) -> Draft {
        let record = self.records[&member.reviewer];
        let item = RemovalItem {
            replaces: record.leaf,
            reviewer: member.reviewer,
        };
        let signed = self.sign(ActType::ReviewerRemoved, item, |_, _| {});
        let data = ReviewerRemoved { signed };
        self.with_key(record, Data::ReviewerRemoved(Box::new(data)))
    }

    /// `rules.changed`.
    pub fn rules(&mut self, device_bound: bool, max_age_days: u64, quorum: u64) -> Draft {
        self.rules_with(device_bound, max_age_days, quorum, Vec::new())
    }

    /// `rules.changed` that let only these models count.
    pub fn rules_with(
        &mut self,
        device_bound: bool,
        max_age_days: u64,
        quorum: u64,
        models: Vec<Model>,
    ) -> Draft {
        let before = self.rules.unwrap_or_else(|| self.opened());
        let item = RulesItem {
            device_bound,
            max_age_days,
            models,
            quorum,
            replaces: before.leaf,
        };
        let signed = self.sign(ActType::RulesChanged, item, |_, _| {});
        let data = RulesChanged { signed };
        self.with_key(before, Data::RulesChanged(Box::new(data)))
    }

    /// `credential.admitted`.
    ///
    /// # Panics
    /// When the member's key was not enrolled.
    pub fn admission(&mut self, member: &Member) -> Draft {
        let claim = member.credential.expect("enrolled");
        let item = AdmissionItem {
            credential: claim.leaf,
            reviewer: member.reviewer,
        };
        let signed = self.sign(ActType::CredentialAdmitted, item, |_, _| {});
        let data = CredentialAdmitted { signed };
        self.with_key(claim, Data::CredentialAdmitted(Box::new(data)))
    }

    /// `credential.admitted` of the very key that signs it.
    ///
    /// # Panics
    /// When it was not enrolled.
    pub fn admission_of_own(&mut self) -> Draft {
        let claim = self.credential.expect("enrolled");
        let item = AdmissionItem {
            credential: claim.leaf,
            reviewer: self.reviewer,
        };
        let signed = self.sign(ActType::CredentialAdmitted, item, |_, _| {});
        let data = CredentialAdmitted { signed };
        self.with_key(claim, Data::CredentialAdmitted(Box::new(data)))
    }

    /// `credential.revoked`.
    ///
    /// # Panics
    /// When the member's key was not enrolled.
    pub fn revocation(&mut self, member: &Member, why: Revocation) -> Draft {
        let enrolment = member.credential.expect("enrolled");
        let item = RevocationItem {
            credential: enrolment.leaf,
            why,
        };
        let signed = self.sign(ActType::CredentialRevoked, item, |_, _| {});
        let data = CredentialRevoked { signed };
        self.with_key(enrolment, Data::CredentialRevoked(Box::new(data)))
    }

    /// `agent.revoked` of the story's agent.
    ///
    /// # Panics
    /// When it was not registered.
    pub fn agent_revocation(&mut self) -> Draft {
        let registration = self.registered.expect("registered");
        let item = AgentRevocationItem {
            agent: self.agent,
            registration: registration.leaf,
        };
        let signed = self.sign(ActType::AgentRevoked, item, |_, _| {});
        let data = AgentRevoked { signed };
        self.with_key(registration, Data::AgentRevoked(Box::new(data)))
    }

    /// `agent.paused` of the story's agent, or of one run of it.
    ///
    /// # Panics
    /// When it was not registered.
    pub fn pause(&mut self, run: Option<RunId>) -> Draft {
        let registration = self.registered.expect("registered");
        let item = PauseItem {
            agent: self.agent,
            registration: registration.leaf,
            run,
        };
        let signed = self.sign(ActType::AgentPaused, item, |_, _| {});
        let data = AgentPaused { signed };
        self.with_key(registration, Data::AgentPaused(Box::new(data)))
    }

    /// `agent.resumed`: ends that `agent.paused`.
    pub fn resumption(&mut self, pause: Ref) -> Draft {
        let item = ResumptionItem {
            agent: self.agent,
            pause: pause.leaf,
        };
        let signed = self.sign(ActType::AgentResumed, item, |_, _| {});
        let data = AgentResumed { signed };
        self.with_key(pause, Data::AgentResumed(Box::new(data)))
    }

    /// `action.resolved` by the gateway, withdrawn by that pause.
    pub fn withdrawal_by(&mut self, action: ActionId, pause: Ref) -> Draft {
        let mut draft = self.resolution(action, Resolution::Withdrawn);
        draft.leaf.actor = Actor::Gateway;
        draft.leaf.refs.push(pause);
        draft
    }

    /// `verdict.recognised` of an action's last verdict.
    ///
    /// # Panics
    /// When it has none.
    pub fn recognition(&mut self, action: ActionId) -> Draft {
        let verdict = *self.actions[&action].verdicts.last().expect("decided");
        let item = RecognitionItem {
            action,
            verdict: verdict.leaf,
        };
        let signed = self.sign(ActType::VerdictRecognised, item, |_, _| {});
        let data = VerdictRecognised { signed };
        self.with_key(verdict, Data::VerdictRecognised(Box::new(data)))
    }

    /// An act refers to the key that signs it and to what it is about.
    pub(super) fn with_key(&self, about: Ref, data: Data) -> Draft {
        let refs: Vec<Ref> = self.credential.into_iter().chain([about]).collect();
        self.by_reviewer(&refs, data)
    }
}
