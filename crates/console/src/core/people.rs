//! Who is in the log, with which keys, under which rules: as the copy of the
//! log on this computer says it.

use std::collections::BTreeSet;

use vidimus_protocol::entry::Profile;
use vidimus_protocol::envelope::{Revocation, Role};
use vidimus_protocol::id::ReviewerId;
use vidimus_protocol::state::{Credential, MAX_MODELS, Reviewer, Rules, Standing};
use vidimus_protocol::{Digest, Model, State, Time, Violation};

use super::views::route_view;
use super::{Base, Core, now, pauses};
use crate::act::sentence;
use crate::inbox::reviewer_name;
use crate::safe_text;
use crate::view::{
    ClaimFor, ClaimView, FailsRuleView, KeyStanding, KeyView, ModelChoice, OwnedAgentView,
    PeopleView, PersonView, Problem, Reply, RoleView, RulesView,
};

impl Core {
    pub(super) fn people(&self) -> Result<Reply, Problem> {
        let base = self.base()?;
        let log = base.state().log().ok_or_else(super::acts::not_synced)?;
        let seen = Seen {
            base,
            state: base.state(),
            me: self.reviewer(),
            now: now(),
        };
        Ok(Reply::People(Box::new(PeopleView {
            team: log.opened.profile == Profile::Team,
            log_fingerprint: log.id.read_aloud(),
            administrator: seen.i_administer(),
            people: seen.people(),
            delegations: super::delegations::standing(seen.state, seen.me),
            claims: seen.claims(),
            rules: rules_view(seen.state.rules()),
            agents: seen.agents(),
        })))
    }

    /// Which keys these rules would set aside.
    pub(super) fn try_rules(&self, rules: &RulesView) -> Result<Reply, Problem> {
        let state = self.base()?.state();
        let current = state.rules().ok_or_else(super::acts::not_synced)?;
        let rules = Rules {
            device_bound: rules.device_bound,
            max_age_days: rules.max_age_days.into(),
            models: models_of(rules)?,
            quorum: rules.quorum.into(),
            entry: current.entry,
        };
        let now = now();
        let counting: Vec<_> = state
            .credentials()
            .filter(|key| state.in_force(key).is_ok())
            .collect();
        let keeps = |key: &Credential| key.keeps(&rules, now).is_ok();
        let mut fails: Vec<_> = counting
            .iter()
            .filter_map(|key| {
                let why = key.keeps(&rules, now).err()?;
                let mut theirs = counting
                    .iter()
                    .filter(|other| other.reviewer == key.reviewer);
                Some(FailsRuleView {
                    name: reviewer_name(state, key.reviewer),
                    label: safe_text::flat(&key.label),
                    why: in_words(why),
                    last: !theirs.any(|other| keeps(other)),
                })
            })
            .collect();
        fails.sort_by(|one, next| (&one.name, &one.label).cmp(&(&next.name, &next.label)));
        Ok(Reply::FailsRules(fails))
    }
}

impl Core {
    /// How many claims wait for this reviewer.
    pub(super) fn claims_for_us(&self, base: &Base) -> u32 {
        let seen = Seen {
            base,
            state: base.state(),
            me: self.reviewer(),
            now: now(),
        };
        let ours = seen
            .claims()
            .into_iter()
            .filter(|claim| claim.blocked.is_none());
        u32::try_from(ours.count()).unwrap_or(u32::MAX)
    }

    /// Whoever is no administrator is told so before a key is asked for. In a
    /// personal log its founder is one.
    pub(super) fn must_administer(&self) -> Result<(), Problem> {
        let me = self.reviewer().ok_or_else(super::acts::not_synced)?;
        if administers(self.base()?.state(), me) {
            return Ok(());
        }
        Err(Problem::new(
            "not_allowed",
            "Only an administrator of this log does this.",
            "Ask one of them.",
        ))
    }
}

/// The log as this console's reviewer sees it.
struct Seen<'a> {
    base: &'a Base,
    state: &'a State,
    me: Option<ReviewerId>,
    now: Time,
}

impl Seen<'_> {
    fn i_administer(&self) -> bool {
        self.me.is_some_and(|me| administers(self.state, me))
    }

    fn people(&self) -> Vec<PersonView> {
        let mut people: Vec<_> = self.state.reviewers().collect();
        people.sort_by_key(|person| (person.removed, person.entry.index));
        people
            .into_iter()
            .map(|person| self.person(person))
            .collect()
    }

    fn person(&self, person: &Reviewer) -> PersonView {
        let mut keys: Vec<_> = self
            .state
            .credentials()
            .filter(|key| key.reviewer == person.id)
            .filter(|key| !matches!(key.standing, Standing::Claimed(_)))
            .collect();
        keys.sort_by_key(|key| key.entry.index);
        PersonView {
            id: person.id.to_string(),
            name: safe_text::flat(&person.name),
            identity: safe_text::flat(&person.identity),
            roles: person.roles.iter().copied().map(role_view).collect(),
            groups: person
                .groups
                .iter()
                .map(|group| safe_text::flat(group))
                .collect(),
            me: self.me == Some(person.id),
            removed: person.removed,
            keys: keys.into_iter().map(|key| self.key(key)).collect(),
        }
    }

    fn key(&self, key: &Credential) -> KeyView {
        let in_force = self.state.in_force(key);
        let standing = match (in_force, self.state.counts(key, self.now)) {
            (Ok(()), Ok(())) => KeyStanding::InForce,
            (Ok(()), Err(why)) => KeyStanding::Outdated { why: in_words(why) },
            (Err(_), _) => KeyStanding::Revoked {
                why: match key.standing {
                    Standing::Revoked(Revocation::Retired) => "retired",
                    Standing::Revoked(Revocation::Lost) => "lost",
                    Standing::Revoked(Revocation::Stolen) => "stolen",
                    _ => "its person was removed",
                }
                .into(),
            },
        };
        KeyView {
            enrolment: key.entry.leaf.to_string(),
            label: safe_text::flat(&key.label),
            route: self
                .base
                .routes
                .get(&key.id)
                .copied()
                .map_or(crate::view::Route::Browser, route_view),
            device_bound: !key.backup_eligible,
            model: key.model.map(|model| model.aaguid.to_string()),
            enrolled_at_unix_ms: key.enrolled_at.unix_ms(),
            last_used_at_unix_ms: key.last_used.unix_ms(),
            may_revoke: in_force.is_ok() && (self.me == Some(key.reviewer) || self.i_administer()),
            standing,
        }
    }

    fn claims(&self) -> Vec<ClaimView> {
        let mut claims: Vec<_> = self
            .state
            .credentials()
            .filter(|key| matches!(key.standing, Standing::Claimed(_)))
            // Of somebody who has left nothing is taken in any more.
            .filter(|key| {
                let person = self.state.reviewer(&key.reviewer);
                person.is_none_or(|person| !person.removed)
            })
            .collect();
        claims.sort_by_key(|key| key.entry.index);
        claims.into_iter().map(|key| self.claim(key)).collect()
    }

    fn claim(&self, key: &Credential) -> ClaimView {
        let known = self.state.reviewer(&key.reviewer).is_some();
        let for_whom = match (known, self.me == Some(key.reviewer)) {
            (false, _) => ClaimFor::Newcomer,
            (true, true) => ClaimFor::Myself,
            (true, false) => ClaimFor::Known,
        };
        let mut agreed: Vec<_> = match &key.standing {
            Standing::Claimed(by) => by
                .iter()
                .filter_map(|id| self.state.credential(id))
                .map(|given| given.reviewer)
                .collect(),
            _ => Vec::new(),
        };
        agreed.sort_unstable();
        agreed.dedup();
        let needed = match for_whom {
            ClaimFor::Newcomer | ClaimFor::Myself => 1,
            ClaimFor::Known => self.state.recovery_quorum(key.reviewer),
        };
        let blocked = match for_whom {
            ClaimFor::Myself => None,
            _ if !self.i_administer() => Some(Problem::new(
                "not_allowed",
                "Only an administrator takes it in.",
                "Ask one of them.",
            )),
            ClaimFor::Known if self.me.is_some_and(|me| agreed.contains(&me)) => {
                Some(Problem::new(
                    "decided_already",
                    "You have agreed already.",
                    "Another administrator has to agree as well.",
                ))
            }
            _ => None,
        };
        ClaimView {
            enrolment: key.entry.leaf.to_string(),
            fingerprint: key.entry.leaf.read_aloud(),
            name: safe_text::flat(&key.name),
            label: safe_text::flat(&key.label),
            device_bound: !key.backup_eligible,
            model: key.model.map(|model| model.aaguid.to_string()),
            enrolled_at_unix_ms: key.enrolled_at.unix_ms(),
            for_whom,
            agreed: agreed
                .into_iter()
                .map(|id| reviewer_name(self.state, id))
                .collect(),
            needed: u32::try_from(needed).unwrap_or(u32::MAX),
            blocked,
        }
    }

    fn agents(&self) -> Vec<OwnedAgentView> {
        let mut agents: Vec<_> = self.state.agents().collect();
        agents.sort_by_key(|agent| (agent.revoked, std::cmp::Reverse(agent.entry.index)));
        agents
            .into_iter()
            .map(|agent| OwnedAgentView {
                id: agent.id.to_string(),
                name: safe_text::flat(&agent.name),
                owner: reviewer_name(self.state, agent.owner),
                registrar: reviewer_name(self.state, agent.registrar),
                revoked: agent.revoked,
                may_revoke: !agent.revoked && (self.me == Some(agent.owner) || self.i_administer()),
                pauses: pauses::views(self.state, agent, agent.standing_pauses(), self.me),
            })
            .collect()
    }
}

pub(super) fn administers(state: &State, id: ReviewerId) -> bool {
    state.administrators().any(|admin| admin.id == id)
}

pub(super) fn role_view(role: Role) -> RoleView {
    match role {
        Role::Administrator => RoleView::Administrator,
        Role::Reviewer => RoleView::Reviewer,
    }
}

fn rules_view(rules: Option<&Rules>) -> RulesView {
    let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    rules.map_or(
        RulesView {
            quorum: 1,
            device_bound: false,
            max_age_days: 0,
            models: Vec::new(),
        },
        |rules| RulesView {
            quorum: short(rules.quorum),
            device_bound: rules.device_bound,
            max_age_days: short(rules.max_age_days),
            models: rules
                .models
                .iter()
                .map(|model| ModelChoice {
                    aaguid: model.aaguid.to_string(),
                    anchor: model.anchor.to_string(),
                })
                .collect(),
        },
    )
}

/// The models that rules name, in the order in which they are signed.
pub(super) fn models_of(rules: &RulesView) -> Result<Vec<Model>, Problem> {
    let read = |choice: &ModelChoice| {
        let aaguid = choice.aaguid.parse().ok()?;
        let anchor = choice.anchor.parse().ok()?;
        Some(Model { aaguid, anchor })
    };
    let models: Option<BTreeSet<_>> = rules.models.iter().map(read).collect();
    let models = models.filter(|models| models.len() <= MAX_MODELS);
    models
        .map(|models| models.into_iter().collect())
        .ok_or_else(|| {
            Problem::new(
                "bad_models",
                format!("Rules name at most {MAX_MODELS} models, each by its AAGUID and anchor."),
                "Choose fewer.",
            )
        })
}

/// Which rule a key breaks.
fn in_words(why: Violation) -> String {
    match why {
        Violation::KeyTooOld => "It is older than the rules allow.".into(),
        Violation::NotDeviceBound => "It may leave its device.".into(),
        Violation::ModelNotAllowed => "It is of no model that the rules allow.".into(),
        other => sentence(&other.to_string()),
    }
}

/// The key of this enrolment.
pub(super) fn key_of(state: &State, enrolment: &str) -> Result<(Digest, ReviewerId), Problem> {
    enrolment
        .parse::<Digest>()
        .ok()
        .and_then(|enrolment| state.credential_of(enrolment))
        .map(|key| (key.entry.leaf, key.reviewer))
        .ok_or_else(|| {
            Problem::new(
                "unknown_credential",
                "There is no such key in this log.",
                "Look at the list again.",
            )
        })
}
