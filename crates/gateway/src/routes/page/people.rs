//! What people sign about each other, in words.

use vidimus_protocol::envelope::{
    ActType, AdmissionItem, AgentItem, AgentRevocationItem, DelegationItem,
    DelegationRevocationItem, GrantRevocationItem, PauseItem, PolicyItem, RecognitionItem,
    RemovalItem, ResumptionItem, ReviewerChangeItem, ReviewerItem, Revocation, RevocationItem,
    Role, RulesItem, SessionItem,
};
use vidimus_protocol::state::Credential;
use vidimus_protocol::{Digest, ReviewerId, RunId, State, Violation};

use super::Line;
use crate::problem::Refusal;
use crate::routes::ceremonies::item;

/// The lines of an act that hangs on nothing but the state.
pub(super) fn lines(state: &State, act: ActType, text: &str) -> Result<Vec<Line>, Refusal> {
    Ok(match act {
        ActType::SessionOpened => {
            let item: SessionItem = item(text)?;
            vec![Line::new("Until", &item.expires_at.to_string())]
        }
        ActType::AgentRegistered => {
            let item: AgentItem = item(text)?;
            vec![
                Line::new("Agent", &item.name),
                Line::new("Owner", &name(state, item.owner)),
            ]
        }
        ActType::AgentRevoked => {
            let item: AgentRevocationItem = item(text)?;
            let agent = state.agent(&item.agent).ok_or(Violation::UnknownAgent)?;
            vec![Line::new("End the agent", &agent.name)]
        }
        ActType::AgentPaused => {
            let item: PauseItem = item(text)?;
            let agent = state.agent(&item.agent).ok_or(Violation::UnknownAgent)?;
            vec![
                Line::new("Pause the agent", &agent.name),
                Line::new("What of it", &scope(item.run.as_ref())),
            ]
        }
        ActType::AgentResumed => {
            let item: ResumptionItem = item(text)?;
            let agent = state.agent(&item.agent).ok_or(Violation::UnknownAgent)?;
            let mut pauses = agent.standing_pauses();
            let pause = pauses
                .find(|pause| pause.entry.leaf == item.pause)
                .ok_or(Violation::WrongStatement)?;
            vec![
                Line::new("Resume the agent", &agent.name),
                Line::new("What of it", &scope(pause.run.as_ref())),
                Line::new("Paused by", &name(state, pause.by)),
            ]
        }
        ActType::CredentialAdmitted => {
            let item: AdmissionItem = item(text)?;
            let mut lines = vec![Line::new("Admit a key of", &name(state, item.reviewer))];
            lines.extend(key(state, item.credential)?);
            lines
        }
        ActType::CredentialRevoked => {
            let item: RevocationItem = item(text)?;
            let revoked = credential(state, item.credential)?;
            let why = match item.why {
                Revocation::Retired => "not in use any more",
                Revocation::Lost => "lost",
                Revocation::Stolen => "somebody else may have it",
            };
            vec![
                Line::new("Revoke a key of", &name(state, revoked.reviewer)),
                Line::new("Key", &revoked.label),
                Line::new("Because", why),
            ]
        }
        ActType::ReviewerRegistered => {
            let item: ReviewerItem = item(text)?;
            let mut lines = vec![Line::new("Take in", &item.name)];
            lines.extend(record(&item.identity, &item.roles, &item.groups));
            lines.extend(key(state, item.credential)?);
            lines
        }
        ActType::ReviewerChanged => {
            let item: ReviewerChangeItem = item(text)?;
            let before = name(state, item.reviewer);
            let mut lines = vec![Line::new("Change", &before)];
            if before != item.name {
                lines.push(Line::new("Name", &item.name));
            }
            lines.extend(record(&item.identity, &item.roles, &item.groups));
            lines
        }
        ActType::ReviewerRemoved => {
            let item: RemovalItem = item(text)?;
            vec![Line::new("Remove", &name(state, item.reviewer))]
        }
        ActType::RulesChanged => {
            let item: RulesItem = item(text)?;
            let age = match item.max_age_days {
                0 => "for ever".to_owned(),
                days => format!("for {days} days"),
            };
            let bound = if item.device_bound {
                "only those that cannot leave their device"
            } else {
                "all"
            };
            let mut lines = vec![
                Line::new("Approvals that an action needs", &item.quorum.to_string()),
                Line::new("Keys that count", bound),
                Line::new("A key counts", &age),
            ];
            let models = item.models.iter();
            lines.extend(models.map(|model| {
                let text = format!("{}, proven by {}", model.aaguid, model.anchor);
                Line::new("Only keys of the model", &text)
            }));
            lines
        }
        ActType::PolicyChanged => {
            let item: PolicyItem = item(text)?;
            let now = state.last_time();
            let words = state.words_for(item.policy, now);
            let mut lines = vec![Line::new("Change the policy to", &item.policy.to_string())];
            lines.extend(words.map(|word| Line::new("Already for it", &name(state, word.by))));
            lines
        }
        ActType::VerdictRecognised => {
            let item: RecognitionItem = item(text)?;
            vec![
                Line::new("It was me", &item.action.to_string()),
                Line::new("Verdict", &item.verdict.to_string()),
            ]
        }
        ActType::GrantRevoked => {
            let item: GrantRevocationItem = item(text)?;
            let grant = state.grant(&item.grant).ok_or(Violation::UnknownGrant)?;
            vec![
                Line::new("End the standing grant", &item.grant.to_string()),
                Line::new("Given by", &name(state, grant.by)),
            ]
        }
        ActType::DelegationGiven => {
            let item: DelegationItem = item(text)?;
            vec![
                Line::new("Lend the groups", &item.groups.join(", ")),
                Line::new("To", &name(state, item.to)),
                Line::new("Until", &item.until.to_string()),
            ]
        }
        ActType::DelegationRevoked => {
            let item: DelegationRevocationItem = item(text)?;
            let lent = state.delegation(&item.delegation);
            let lent = lent.ok_or(Violation::UnknownDelegation)?;
            vec![
                Line::new("End the delegation of", &name(state, lent.by)),
                Line::new("To", &name(state, lent.item.to)),
                Line::new("Groups", &lent.item.groups.join(", ")),
            ]
        }
        ActType::VerdictGiven
        | ActType::VerdictReviewed
        | ActType::GrantGiven
        | ActType::ActionEdited
        | ActType::CredentialEnrolled => {
            return Err(Violation::WrongActType.into());
        }
    })
}

fn scope(run: Option<&RunId>) -> String {
    run.map_or_else(
        || "the whole agent".to_owned(),
        |run| format!("the run {run}"),
    )
}

fn record(identity: &str, roles: &[Role], groups: &[String]) -> [Line; 3] {
    let roles: Vec<_> = roles
        .iter()
        .map(|role| match role {
            Role::Administrator => "administrator",
            Role::Reviewer => "reviewer",
        })
        .collect();
    [
        Line::new("Known as", identity),
        Line::new("May act as", &roles.join(", ")),
        Line::new("Groups", &groups.join(", ")),
    ]
}

/// The key's own name, and what both ends read aloud.
fn key(state: &State, enrolment: Digest) -> Result<[Line; 2], Refusal> {
    let key = credential(state, enrolment)?;
    Ok([
        Line::new("Key", &key.label),
        Line::new("Fingerprint", &enrolment.read_aloud()),
    ])
}

fn credential(state: &State, enrolment: Digest) -> Result<&Credential, Violation> {
    state
        .credential_of(enrolment)
        .ok_or(Violation::UnknownCredential)
}

pub(super) fn name(state: &State, person: ReviewerId) -> String {
    state
        .reviewer(&person)
        .map_or_else(|| person.to_string(), |person| person.name.clone())
}
