//! The log itself, its people and its rules.

use super::{
    Credential, Effect, Pause, Recent, Standing, State, Violation, expect_actor, expect_parts,
    expect_refs,
};
use crate::bytes::Digest;
use crate::entry::{
    AgentRegistered, AgentRevoked, Entry, LogOpened, Profile, Ref, ReviewerChanged,
    ReviewerRegistered, ReviewerRemoved, RulesChanged,
};
use crate::envelope::{ActType, Role, Signed};
use crate::id::{Actor, AgentId, ExecutorId, ReviewerId};
use crate::model::Model;

/// An opened log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Log id: leaf hash of `log.opened`.
    pub id: Digest,
    /// What `log.opened` says.
    pub opened: LogOpened,
}

impl Log {
    /// The origin that a software key of this log writes. A team takes none.
    #[must_use]
    pub fn software_origin(&self) -> Option<String> {
        match self.opened.profile {
            Profile::Personal => Some(software_origin(self.id)),
            Profile::Team => None,
        }
    }
}

/// `vidimus-software:<log id>`: no browser page can produce it.
#[must_use]
pub fn software_origin(log: Digest) -> String {
    format!("vidimus-software:{log}")
}

/// How a key is reached, as its assertions prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By a page in a browser.
    Browser,
    /// A software key: the lowest assurance.
    Software,
}

/// A registered agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The agent.
    pub id: AgentId,
    /// Name for people.
    pub name: String,
    /// Audience of its permits.
    pub executor: ExecutorId,
    /// Whose agent it is.
    pub owner: ReviewerId,
    /// Who registered it, and so had its token in their hands.
    pub registrar: ReviewerId,
    /// Hash of its token.
    pub token_hash: Digest,
    /// Its `agent.registered`.
    pub entry: Ref,
    /// Whether it may do nothing more.
    pub revoked: bool,
    /// What it has proposed lately.
    pub recent: Recent,
    /// When it, or a run of it, was paused, in order, also what was lifted.
    pub pauses: Vec<Pause>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewer {
    /// The person.
    pub id: ReviewerId,
    /// Name for people.
    pub name: String,
    /// How they are known outside. The founder's is their name until it is changed.
    pub identity: String,
    /// What they may do, sorted.
    pub roles: Vec<Role>,
    /// Their groups, sorted.
    pub groups: Vec<String>,
    /// The entry that says so.
    pub entry: Ref,
    /// Whether they have left.
    pub removed: bool,
}

impl Reviewer {
    /// Whether they may do that.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        !self.removed && self.roles.contains(&role)
    }

    /// Whether they are in that group by their record.
    #[must_use]
    pub fn has(&self, group: &str) -> bool {
        !self.removed && self.groups.iter().any(|one| one == group)
    }
}

/// What keys and approvals must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Only keys count that cannot leave the device that made them.
    pub device_bound: bool,
    /// Days for which a key counts from its enrolment on; 0 for ever.
    pub max_age_days: u64,
    /// Only keys of these models count, sorted; none: of any.
    pub models: Vec<Model>,
    /// Distinct people who must approve an action, at least.
    pub quorum: u64,
    /// Its `rules.changed`, or `log.opened`.
    pub entry: Ref,
}

/// Most groups of a person.
pub const MAX_GROUPS: usize = 32;
/// Most people that rules may ask for.
pub const MAX_QUORUM: u64 = 16;
/// Most models that rules may name.
pub const MAX_MODELS: usize = 256;

/// Whether it names a group: 1 to 40 of `a` to `z`, `0` to `9`, `-`, `_`, `.`.
#[must_use]
pub fn group_is_fit(group: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=40).contains(&group.len()) && group.bytes().all(allowed)
}

/// Whether it says how a person is known outside: 1 to 254 characters without
/// control characters, white space and capitals, so that it has one spelling.
#[must_use]
pub fn identity_is_fit(identity: &str) -> bool {
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || c.is_uppercase();
    (1..=254).contains(&identity.chars().count()) && !identity.chars().any(forbidden)
}

/// Whether a name can stand on a screen.
#[must_use]
pub fn name_is_fit(name: &str) -> bool {
    let length = name.chars().count();
    (1..=80).contains(&length) && !name.chars().any(char::is_control) && name.trim() == name
}

impl State {
    pub(super) fn open(
        &mut self,
        entry: &Entry,
        data: &LogOpened,
    ) -> Result<Option<Effect>, Violation> {
        expect_actor(&entry.leaf, Actor::Gateway)?;
        expect_refs(&entry.leaf, &[])?;
        expect_parts(&entry.leaf.parts, &[])?;
        let one_founder = data.founders.len() == 1;
        if entry.index != 0 || !one_founder || data.permit_keys.is_empty() {
            return Err(Violation::BadOpening);
        }
        if !data
            .founders
            .iter()
            .all(|founder| name_is_fit(&founder.name))
        {
            return Err(Violation::BadName);
        }
        self.log = Some(Log {
            id: entry.leaf_hash,
            opened: data.clone(),
        });
        self.rules = Some(Rules {
            device_bound: false,
            max_age_days: 0,
            models: Vec::new(),
            quorum: 1,
            entry: entry.reference(),
        });
        Ok(None)
    }

    /// The founder is the first person, from their key's enrolment on.
    pub(super) fn first_person(&mut self, id: ReviewerId, name: &str, entry: Ref) {
        let founder = Reviewer {
            id,
            name: name.to_owned(),
            identity: name.to_owned(),
            roles: vec![Role::Administrator, Role::Reviewer],
            groups: Vec::new(),
            entry,
            removed: false,
        };
        self.reviewers.insert(id, founder);
    }

    pub(super) fn register_reviewer(
        &mut self,
        entry: &Entry,
        data: &ReviewerRegistered,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.administers(entry, signed)?;
        let claim = self.claimed(item.credential)?;
        self.check_act(
            entry,
            signed,
            ActType::ReviewerRegistered,
            key.entry.index.max(claim.entry.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry, claim.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if claim.reviewer != item.reviewer || claim.name != item.name {
            return Err(Violation::WrongStatement);
        }
        if self.reviewers.contains_key(&item.reviewer) {
            return Err(Violation::ReviewerExists);
        }
        self.check_record(item.reviewer, &item.name, &item.identity)?;
        check_roles(&item.roles, &item.groups)?;
        let reviewer = Reviewer {
            id: item.reviewer,
            name: item.name.clone(),
            identity: item.identity.clone(),
            roles: item.roles.clone(),
            groups: item.groups.clone(),
            entry: entry.reference(),
            removed: false,
        };
        let credential = claim.id.clone();
        self.use_key(entry, signed);
        if let Some(claim) = self.credentials.get_mut(&credential) {
            claim.standing = Standing::InForce;
            claim.history.push(entry.reference());
        }
        self.reviewers.insert(item.reviewer, reviewer);
        Ok(None)
    }

    pub(super) fn change_reviewer(
        &mut self,
        entry: &Entry,
        data: &ReviewerChanged,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.administers(entry, signed)?;
        let before = self.person(item.reviewer)?;
        self.check_act(
            entry,
            signed,
            ActType::ReviewerChanged,
            key.entry.index.max(before.entry.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry, before.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if item.replaces != before.entry.leaf {
            return Err(Violation::WrongStatement);
        }
        let alone = self.administrators().all(|admin| admin.id == item.reviewer);
        if item.reviewer == signed.envelope.signer && !alone {
            return Err(Violation::OwnRecord);
        }
        if alone && !item.roles.contains(&Role::Administrator) {
            return Err(Violation::LastAdministrator);
        }
        self.check_record(item.reviewer, &item.name, &item.identity)?;
        check_roles(&item.roles, &item.groups)?;
        let changed = Reviewer {
            id: item.reviewer,
            name: item.name.clone(),
            identity: item.identity.clone(),
            roles: item.roles.clone(),
            groups: item.groups.clone(),
            entry: entry.reference(),
            removed: false,
        };
        self.use_key(entry, signed);
        self.reviewers.insert(item.reviewer, changed);
        Ok(None)
    }

    pub(super) fn remove_reviewer(
        &mut self,
        entry: &Entry,
        data: &ReviewerRemoved,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.administers(entry, signed)?;
        let before = self.person(item.reviewer)?;
        self.check_act(
            entry,
            signed,
            ActType::ReviewerRemoved,
            key.entry.index.max(before.entry.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry, before.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if item.replaces != before.entry.leaf {
            return Err(Violation::WrongStatement);
        }
        // An administrator always stays: the one who signs.
        if item.reviewer == signed.envelope.signer {
            return Err(Violation::OwnRecord);
        }
        self.use_key(entry, signed);
        if let Some(reviewer) = self.reviewers.get_mut(&item.reviewer) {
            reviewer.removed = true;
            reviewer.entry = entry.reference();
        }
        Ok(None)
    }

    pub(super) fn change_rules(
        &mut self,
        entry: &Entry,
        data: &RulesChanged,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.administers(entry, signed)?;
        let before = self.rules.as_ref().ok_or(Violation::NotOpened)?.entry;
        self.check_act(
            entry,
            signed,
            ActType::RulesChanged,
            key.entry.index.max(before.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry, before])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if item.replaces != before.leaf {
            return Err(Violation::WrongStatement);
        }
        let each_once = item.models.is_sorted_by(|one, next| one < next);
        if !each_once || item.models.len() > MAX_MODELS {
            return Err(Violation::BadRules);
        }
        if !(1..=MAX_QUORUM).contains(&item.quorum) {
            return Err(Violation::BadRules);
        }
        let rules = Rules {
            device_bound: item.device_bound,
            max_age_days: item.max_age_days,
            models: item.models.clone(),
            quorum: item.quorum,
            entry: entry.reference(),
        };
        // Whoever makes rules can still change them afterwards.
        key.keeps(&rules, entry.leaf.time)
            .map_err(|_| Violation::BadRules)?;
        self.use_key(entry, signed);
        self.rules = Some(rules);
        Ok(None)
    }

    pub(super) fn register(
        &mut self,
        entry: &Entry,
        data: &AgentRegistered,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let signer = signed.envelope.signer;
        let key = match self.opened()?.opened.profile {
            Profile::Personal => self.signing_key(entry, signed)?,
            Profile::Team => self.administers(entry, signed)?,
        };
        let owner = self.person(item.owner)?;
        self.check_act(
            entry,
            signed,
            ActType::AgentRegistered,
            key.entry.index.max(owner.entry.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        // A token names one agent.
        let known = |agent: &Agent| agent.id == item.agent || agent.token_hash == item.token_hash;
        if self.agents.values().any(known) {
            return Err(Violation::AgentExists);
        }
        if !name_is_fit(&item.name) {
            return Err(Violation::BadName);
        }
        let agent = Agent {
            id: item.agent,
            name: item.name.clone(),
            executor: item.executor,
            owner: item.owner,
            registrar: signer,
            token_hash: item.token_hash,
            entry: entry.reference(),
            revoked: false,
            recent: Recent::default(),
            pauses: Vec::new(),
        };
        self.use_key(entry, signed);
        self.agents.insert(item.agent, agent);
        Ok(None)
    }

    pub(super) fn revoke_agent(
        &mut self,
        entry: &Entry,
        data: &AgentRevoked,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let act = ActType::AgentRevoked;
        let (_, agent) = self.about_agent(entry, signed, act, item.agent, item.registration)?;
        let signer = self.person(signed.envelope.signer)?;
        if agent.owner != signer.id && !signer.is(Role::Administrator) {
            return Err(Violation::NotAllowed);
        }
        self.use_key(entry, signed);
        if let Some(agent) = self.agents.get_mut(&item.agent) {
            agent.revoked = true;
        }
        Ok(None)
    }

    /// A statement about an agent that is not revoked, as it was registered: the
    /// key that signed it, and the agent.
    pub(super) fn about_agent<I>(
        &self,
        entry: &Entry,
        signed: &Signed<I>,
        act: ActType,
        agent: AgentId,
        registration: Digest,
    ) -> Result<(&Credential, &Agent), Violation> {
        let key = self.signing_key(entry, signed)?;
        let agent = self.agents.get(&agent).ok_or(Violation::UnknownAgent)?;
        // Also when its owner has left: somebody has to be able to end it.
        if agent.revoked {
            return Err(Violation::AgentIsRevoked);
        }
        let pinned_at_least = key.entry.index.max(agent.entry.index) + 1;
        self.check_act(entry, signed, act, pinned_at_least)?;
        expect_refs(&entry.leaf, &[key.entry, agent.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if registration != agent.entry.leaf {
            return Err(Violation::WrongStatement);
        }
        Ok((key, agent))
    }

    /// An agent that may still do something.
    pub(super) fn working_agent(&self, id: &AgentId) -> Result<&Agent, Violation> {
        let agent = self.agents.get(id).ok_or(Violation::UnknownAgent)?;
        if agent.revoked {
            return Err(Violation::AgentIsRevoked);
        }
        // Somebody must answer for it.
        self.person(agent.owner)?;
        Ok(agent)
    }

    /// A person who has not left.
    pub(super) fn person(&self, id: ReviewerId) -> Result<&Reviewer, Violation> {
        self.reviewers
            .get(&id)
            .filter(|reviewer| !reviewer.removed)
            .ok_or(Violation::UnknownReviewer)
    }

    /// The key of a signed act that only administrators of a team's log do.
    fn administers<I>(&self, entry: &Entry, signed: &Signed<I>) -> Result<&Credential, Violation> {
        if self.opened()?.opened.profile != Profile::Team {
            return Err(Violation::TeamOnly);
        }
        let key = self.signing_key(entry, signed)?;
        if self.person(key.reviewer)?.is(Role::Administrator) {
            Ok(key)
        } else {
            Err(Violation::NotAllowed)
        }
    }

    /// Administrators who have not left, in no order.
    pub fn administrators(&self) -> impl Iterator<Item = &Reviewer> {
        self.reviewers
            .values()
            .filter(|reviewer| reviewer.is(Role::Administrator))
    }

    /// A name that can stand on a screen, and an identity that is nobody
    /// else's.
    fn check_record(&self, id: ReviewerId, name: &str, identity: &str) -> Result<(), Violation> {
        if !name_is_fit(name) || !identity_is_fit(identity) {
            return Err(Violation::BadName);
        }
        let taken = self
            .reviewers
            .values()
            .any(|other| other.id != id && !other.removed && other.identity == identity);
        if taken {
            return Err(Violation::ReviewerExists);
        }
        Ok(())
    }
}

fn check_roles(roles: &[Role], groups: &[String]) -> Result<(), Violation> {
    let each_once =
        roles.is_sorted_by(|one, next| one < next) && groups.is_sorted_by(|one, next| one < next);
    let fit = groups.iter().all(|group| group_is_fit(group)) && groups.len() <= MAX_GROUPS;
    if each_once && fit && !roles.is_empty() {
        Ok(())
    } else {
        Err(Violation::BadRoles)
    }
}
