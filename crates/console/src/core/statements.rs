//! What is signed about people, keys, rules and agents.

use std::collections::BTreeSet;

use vidimus_protocol::envelope::{
    ActType, AdmissionItem, AgentRevocationItem, RecognitionItem, RemovalItem, ReviewerChangeItem,
    ReviewerItem, Revocation, RevocationItem, Role, RulesItem,
};
use vidimus_protocol::id::{ActionId, AgentId, ReviewerId};
use vidimus_protocol::state::{Agent, Reviewer, Rules, group_is_fit, identity_is_fit, name_is_fit};
use vidimus_protocol::{Digest, State};

use super::people::{key_of, models_of};
use super::{After, Core};
use crate::act::{Extras, item};
use crate::board::FrontId;
use crate::inbox::{agent_name, reviewer_name};
use crate::safe_text;
use crate::view::{CeremonyPurpose, Command, Problem, Reply, RevocationWhy, RoleView, RulesView};

/// What a person is called and may do, as typed.
struct Record {
    name: String,
    identity: String,
    roles: Vec<Role>,
    groups: Vec<String>,
}

impl Core {
    /// Signs one statement.
    pub(super) fn state(&mut self, command: Command, front: &FrontId) -> Result<Reply, Problem> {
        self.may_sign()?;
        let (act, item, words) = match command {
            Command::Register {
                enrolment,
                identity,
                roles,
                groups,
            } => self.register(&enrolment, &identity, &roles, &groups)?,
            Command::Admit { enrolment } => self.admit(&enrolment)?,
            Command::RevokeKey { enrolment, why } => self.revoke_key(&enrolment, why)?,
            Command::ChangePerson {
                id,
                name,
                identity,
                roles,
                groups,
            } => {
                let record = record(&name, &identity, &roles, &groups)?;
                self.change_person(&id, record)?
            }
            Command::RemovePerson { id } => self.remove_person(&id)?,
            Command::ChangeRules { rules } => self.change_rules(&rules)?,
            Command::RevokeAgent { agent } => self.revoke_agent(&agent)?,
            Command::PauseAgent { agent, run } => self.pause_agent(&agent, run.as_deref())?,
            Command::ResumeAgent { agent, pause } => self.resume_agent(&agent, pause)?,
            Command::RevokeGrant { grant } => self.revoke_grant(&grant)?,
            Command::Delegate { to, groups, hours } => self.delegate(&to, &groups, hours)?,
            Command::EndDelegation { delegation } => self.end_delegation(&delegation)?,
            _ => return Err(Problem::stopped()),
        };
        self.sign_statement(act, item, words, front)
    }

    pub(super) fn sign_statement(
        &mut self,
        act: ActType,
        item: String,
        words: String,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        let draft = self.draft(act, vec![item], Extras::Nothing, None)?;
        let purpose = CeremonyPurpose::Statement {
            words: words.clone(),
        };
        self.act(purpose, draft, After::Nothing, &words, front)
    }

    fn register(
        &self,
        enrolment: &str,
        identity: &str,
        roles: &[RoleView],
        groups: &[String],
    ) -> Result<(ActType, String, String), Problem> {
        self.must_administer()?;
        let state = self.base()?.state();
        let (credential, reviewer) = key_of(state, enrolment)?;
        let name = state
            .credential_of(credential)
            .map_or_else(String::new, |key| key.name.clone());
        let Record {
            name,
            identity,
            roles,
            groups,
        } = record(&name, identity, roles, groups)?;
        let words = format!("Take in {} as {}.", safe_text::flat(&name), named(&roles));
        let signed = item(&ReviewerItem {
            credential,
            groups,
            identity,
            name,
            reviewer,
            roles,
        });
        Ok((ActType::ReviewerRegistered, signed, words))
    }

    fn admit(&self, enrolment: &str) -> Result<(ActType, String, String), Problem> {
        let state = self.base()?.state();
        let (credential, reviewer) = key_of(state, enrolment)?;
        let label = self.label_of(credential)?;
        let words = format!(
            "Let the key {label} count for {}.",
            reviewer_name(state, reviewer)
        );
        let signed = item(&AdmissionItem {
            credential,
            reviewer,
        });
        Ok((ActType::CredentialAdmitted, signed, words))
    }

    pub(super) fn revoke_key(
        &self,
        enrolment: &str,
        why: RevocationWhy,
    ) -> Result<(ActType, String, String), Problem> {
        let state = self.base()?.state();
        let (credential, reviewer) = key_of(state, enrolment)?;
        let label = self.label_of(credential)?;
        let (why, said) = match why {
            RevocationWhy::Retired => (Revocation::Retired, "retired"),
            RevocationWhy::Lost => (Revocation::Lost, "lost"),
            RevocationWhy::Stolen => (Revocation::Stolen, "stolen"),
        };
        let whose = reviewer_name(state, reviewer);
        let words = format!("The key {label} of {whose} counts no more: {said}.");
        let signed = item(&RevocationItem { credential, why });
        Ok((ActType::CredentialRevoked, signed, words))
    }

    fn label_of(&self, credential: Digest) -> Result<String, Problem> {
        let key = self.base()?.state().credential_of(credential);
        Ok(key.map_or_else(String::new, |key| safe_text::flat(&key.label)))
    }

    fn change_person(
        &self,
        id: &str,
        record: Record,
    ) -> Result<(ActType, String, String), Problem> {
        self.must_administer()?;
        let person = self.person(id)?;
        let Record {
            name,
            identity,
            roles,
            groups,
        } = record;
        let words = format!(
            "{} is {}{} from now on.",
            safe_text::flat(&person.name),
            if name == person.name {
                String::new()
            } else {
                format!("called {} and is ", safe_text::flat(&name))
            },
            named(&roles)
        );
        let signed = item(&ReviewerChangeItem {
            groups,
            identity,
            name,
            replaces: person.entry.leaf,
            reviewer: person.id,
            roles,
        });
        Ok((ActType::ReviewerChanged, signed, words))
    }

    fn remove_person(&self, id: &str) -> Result<(ActType, String, String), Problem> {
        self.must_administer()?;
        let person = self.person(id)?;
        let words = format!(
            "{} is removed: their keys count no more.",
            safe_text::flat(&person.name)
        );
        let signed = item(&RemovalItem {
            replaces: person.entry.leaf,
            reviewer: person.id,
        });
        Ok((ActType::ReviewerRemoved, signed, words))
    }

    fn change_rules(&self, rules: &RulesView) -> Result<(ActType, String, String), Problem> {
        self.must_administer()?;
        let models = models_of(rules)?;
        let &RulesView {
            quorum,
            device_bound,
            max_age_days,
            ..
        } = rules;
        let state = self.base()?.state();
        let before: &Rules = state.rules().ok_or_else(super::acts::not_synced)?;
        let people = if quorum == 1 {
            "1 person approves".into()
        } else {
            format!("{quorum} people approve")
        };
        let bound = if device_bound {
            "only keys that stay in their device"
        } else {
            "any key"
        };
        let age = match max_age_days {
            0 => "for ever".into(),
            1 => "for 1 day".into(),
            days => format!("for {days} days"),
        };
        // A model may end at several anchors; people count it once.
        let named: BTreeSet<_> = models.iter().map(|model| model.aaguid).collect();
        let of = match named.len() {
            0 => String::new(),
            1 => " of 1 model".into(),
            many => format!(" of {many} models"),
        };
        let signed = item(&RulesItem {
            device_bound,
            max_age_days: max_age_days.into(),
            models,
            quorum: quorum.into(),
            replaces: before.entry.leaf,
        });
        let words = format!("Rules: {people} each action; {bound}{of} counts, {age}.");
        Ok((ActType::RulesChanged, signed, words))
    }

    fn revoke_agent(&self, agent: &str) -> Result<(ActType, String, String), Problem> {
        let state = self.base()?.state();
        let known = known_agent(state, agent)?;
        let signed = item(&AgentRevocationItem {
            agent: known.id,
            registration: known.entry.leaf,
        });
        let words = format!("The agent {} is ended.", agent_name(state, &known.id));
        Ok((ActType::AgentRevoked, signed, words))
    }

    /// Signs that a verdict is one's own.
    pub(super) fn sign_recognition(
        &mut self,
        action: ActionId,
        verdict: Digest,
        words: String,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.may_sign()?;
        let signed = item(&RecognitionItem { action, verdict });
        self.sign_statement(ActType::VerdictRecognised, signed, words, front)
    }

    pub(super) fn person(&self, id: &str) -> Result<&Reviewer, Problem> {
        let id = reviewer_id(id)?;
        self.base()?
            .state()
            .reviewer(&id)
            .ok_or_else(unknown_person)
    }
}

pub(super) fn reviewer_id(text: &str) -> Result<ReviewerId, Problem> {
    text.parse().map_err(|_| unknown_person())
}

/// The agent of that id.
pub(super) fn known_agent<'a>(state: &'a State, agent: &str) -> Result<&'a Agent, Problem> {
    let id = agent.parse::<AgentId>().ok();
    id.and_then(|id| state.agent(&id)).ok_or_else(|| {
        Problem::new(
            "unknown_agent",
            "There is no such agent in this log.",
            "Look at the list again.",
        )
    })
}

fn unknown_person() -> Problem {
    Problem::new(
        "unknown_reviewer",
        "There is no such person in this log.",
        "Look at the list again.",
    )
}

/// What was typed, in the form that is signed.
fn record(
    name: &str,
    identity: &str,
    roles: &[RoleView],
    groups: &[String],
) -> Result<Record, Problem> {
    let wrong =
        |code: &str, message: &str| Err(Problem::new(code, message, "Correct it, then try again."));
    // An identity has one spelling.
    let (name, identity) = (name.trim(), identity.trim().to_lowercase());
    if !name_is_fit(name) {
        return wrong(
            "bad_name",
            "A name has 1 to 80 characters and no control characters.",
        );
    }
    if !identity_is_fit(&identity) {
        return wrong(
            "bad_identity",
            "How a person is known outside, for example an e-mail address, has 1 to 254 characters without blanks.",
        );
    }
    let mut groups: Vec<_> = groups.iter().map(|group| group.trim().to_owned()).collect();
    groups.retain(|group| !group.is_empty());
    groups.sort_unstable();
    groups.dedup();
    if !groups.iter().all(|group| group_is_fit(group)) {
        return wrong(
            "bad_group",
            "A group's name has 1 to 40 letters a to z, digits, `.`, `-` or `_`.",
        );
    }
    let mut roles: Vec<_> = roles
        .iter()
        .map(|role| match role {
            RoleView::Administrator => Role::Administrator,
            RoleView::Reviewer => Role::Reviewer,
        })
        .collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() {
        return wrong("no_role", "A person has at least one role.");
    }
    Ok(Record {
        name: name.to_owned(),
        identity,
        roles,
        groups,
    })
}

fn named(roles: &[Role]) -> String {
    let names: Vec<_> = roles
        .iter()
        .map(|role| match role {
            Role::Administrator => "administrator",
            Role::Reviewer => "reviewer",
        })
        .collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_typed_is_put_in_the_form_that_is_signed() {
        let groups = [" sre", "", "dba", "sre"].map(str::to_owned);
        let roles = [
            RoleView::Reviewer,
            RoleView::Administrator,
            RoleView::Reviewer,
        ];
        let typed = record(" Ben ", "Ben@Example.com", &roles, &groups).unwrap();
        assert_eq!((&*typed.name, &*typed.identity), ("Ben", "ben@example.com"));
        assert_eq!(typed.groups, ["dba", "sre"]);
        assert_eq!(typed.roles, [Role::Administrator, Role::Reviewer]);
    }

    #[test]
    fn what_no_log_takes_is_said_before_a_key_is_asked() {
        let reviewer = [RoleView::Reviewer];
        let code = |name: &str, identity: &str, roles: &[RoleView], group: &str| {
            record(name, identity, roles, &[group.to_owned()])
                .err()
                .map(|problem| problem.code)
        };
        assert_eq!(code("", "", &reviewer, ""), Some("bad_name".into()));
        assert_eq!(
            code("Ben", "a b", &reviewer, ""),
            Some("bad_identity".into())
        );
        assert_eq!(code("Ben", "", &reviewer, ""), Some("bad_identity".into()));
        assert_eq!(code("Ben", "b", &reviewer, "a b"), Some("bad_group".into()));
        assert_eq!(code("Ben", "b", &[], ""), Some("no_role".into()));
        assert_eq!(code("Ben", "b", &reviewer, "sre"), None);
    }
}
