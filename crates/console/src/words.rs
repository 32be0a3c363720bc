//! Ledger entries in words.

use vidimus_protocol::State;
use vidimus_protocol::entry::{Data, Leaf, Outcome, Proposed, Resolution};
use vidimus_protocol::envelope::{Finding, Signed, Verdict, VerdictItem};
use vidimus_protocol::id::{Actor, AgentId, RunId};

use crate::inbox::{Headlines, agent_name, reviewer_name, signal_name};
use crate::render::{duration_words, time_words};
use crate::safe_text;
use crate::view::SafeText;

/// One step of an action's life, without saying which action.
pub(crate) fn step(leaf: &Leaf, state: &State) -> String {
    match &leaf.data {
        Data::LogOpened(data) => {
            let founders: Vec<_> = data
                .founders
                .iter()
                .map(|founder| safe_text::flat(&founder.name))
                .collect();
            format!("The log was opened for {}.", founders.join(", "))
        }
        Data::CredentialEnrolled(data) => {
            format!(
                "{} enrolled a key.",
                safe_text::flat(&data.signed.item.name)
            )
        }
        Data::AgentRegistered(data) => format!(
            "{} connected the agent {}.",
            reviewer_name(state, data.signed.item.owner),
            safe_text::flat(&data.signed.item.name)
        ),
        Data::AgentRevoked(data) => format!(
            "{} ended the agent {}.",
            actor_name(state, leaf),
            agent_name(state, &data.signed.item.agent)
        ),
        Data::AgentPaused(data) => format!(
            "{} paused {}.",
            actor_name(state, leaf),
            scope(
                state,
                &data.signed.item.agent,
                data.signed.item.run.as_ref()
            )
        ),
        Data::AgentResumed(data) => {
            let item = &data.signed.item;
            let pauses = state
                .agent(&item.agent)
                .map(|agent| agent.pauses.as_slice());
            let mut pauses = pauses.unwrap_or_default().iter();
            let pause = pauses.find(|pause| pause.entry.leaf == item.pause);
            let run = pause.and_then(|pause| pause.run.as_ref());
            format!(
                "{} resumed {}.",
                actor_name(state, leaf),
                scope(state, &item.agent, run)
            )
        }
        Data::CredentialAdmitted(data) => format!(
            "{} admitted a key of {}.",
            actor_name(state, leaf),
            reviewer_name(state, data.signed.item.reviewer)
        ),
        Data::CredentialRevoked(data) => {
            let revoked = state.credential_of(data.signed.item.credential);
            let whose = revoked.map_or_else(String::new, |key| {
                format!(" of {}", reviewer_name(state, key.reviewer))
            });
            format!("{} revoked a key{whose}.", actor_name(state, leaf))
        }
        Data::ReviewerRegistered(data) => format!(
            "{} took {} in.",
            actor_name(state, leaf),
            safe_text::flat(&data.signed.item.name)
        ),
        Data::ReviewerChanged(data) => format!(
            "{} changed what {} may do.",
            actor_name(state, leaf),
            safe_text::flat(&data.signed.item.name)
        ),
        Data::ReviewerRemoved(data) => format!(
            "{} removed {}.",
            actor_name(state, leaf),
            reviewer_name(state, data.signed.item.reviewer)
        ),
        Data::RulesChanged(data) => format!(
            "{} changed the rules: approvals that an action needs: {}.",
            actor_name(state, leaf),
            data.signed.item.quorum
        ),
        Data::PolicyChanged(data) => {
            let who = actor_name(state, leaf);
            let policy = data.signed.item.policy;
            match state.policy() {
                Some(now) if now.digest == policy => format!("{who} signed the policy in force."),
                _ => format!("{who} signed another policy."),
            }
        }
        Data::ActionProposed(data) => match editor(state, data) {
            Some(editor) => format!("It took the place of an action that {editor} edited."),
            None => {
                let agent = agent_name(state, &data.agent);
                let grants = data
                    .grants
                    .iter()
                    .filter_map(|using| state.grant(&using.grant));
                let by: Vec<_> = grants.map(|grant| reviewer_name(state, grant.by)).collect();
                match by.as_slice() {
                    [] => format!("{agent} proposed it."),
                    by => format!(
                        "{agent} proposed it. Approved in advance by {}.",
                        by.join(" and ")
                    ),
                }
            }
        },
        Data::GrantGiven(data) => format!(
            "{} approved {} more like it in advance, until {}.",
            actor_name(state, leaf),
            data.signed.item.uses,
            time_words(data.signed.item.until)
        ),
        Data::GrantRevoked(data) => {
            let grant = state.grant(&data.signed.item.grant);
            let whose = grant.map_or_else(String::new, |grant| {
                format!(" of {}", reviewer_name(state, grant.by))
            });
            format!("{} ended a standing grant{whose}.", actor_name(state, leaf))
        }
        Data::DelegationGiven(data) => {
            let item = &data.signed.item;
            format!(
                "{} lent {} to {}, until {}.",
                actor_name(state, leaf),
                safe_text::flat(&item.groups.join(", ")),
                reviewer_name(state, item.to),
                time_words(item.until)
            )
        }
        Data::DelegationRevoked(data) => {
            let lent = state.delegation(&data.signed.item.delegation);
            let whose = lent.map_or_else(String::new, |lent| {
                let (by, to) = (lent.by, lent.item.to);
                format!(
                    " of {} to {}",
                    reviewer_name(state, by),
                    reviewer_name(state, to)
                )
            });
            format!("{} ended a delegation{whose}.", actor_name(state, leaf))
        }
        Data::ActionEdited(_) => format!(
            "{} edited it: another action takes its place.",
            actor_name(state, leaf)
        ),
        Data::ActionEscalated(data) => format!(
            "Nobody had decided in time: escalated to {}.",
            safe_text::flat(&data.group)
        ),
        Data::ActionTaken(_) => format!("{} took it.", actor_name(state, leaf)),
        Data::ActionAsked(_) => format!("{} asked the agent.", actor_name(state, leaf)),
        Data::ActionAnswered(_) => format!("{} answered.", actor_name(state, leaf)),
        Data::ActionFlagged(_) => format!("{} flagged it.", actor_name(state, leaf)),
        Data::VerdictGiven(data) => format!(
            "{} {} it{}.",
            reviewer_name(state, data.signed.envelope.signer),
            match data.signed.item.verdict {
                Verdict::Approve => "approved",
                Verdict::Deny if takes_back(state, &data.signed) =>
                    "took their approval back and denied",
                Verdict::Deny => "denied",
                Verdict::BreakGlass => "broke glass for",
            },
            if data.seen.full {
                ", having seen the whole of it"
            } else {
                ""
            }
        ),
        Data::VerdictReviewed(data) => format!(
            "{} reviewed the broken glass: {}.",
            actor_name(state, leaf),
            match data.signed.item.finding {
                Finding::Justified => "it could not wait",
                Finding::Unjustified => "it should have waited",
            }
        ),
        Data::VerdictRecognised(_) => {
            format!(
                "{} says that the verdict is theirs.",
                actor_name(state, leaf)
            )
        }
        Data::ActionResolved(data) => match (data.resolution, data.use_before) {
            (Resolution::Approved, Some(last)) => {
                format!("Approved. It may start until {}.", time_words(last))
            }
            (Resolution::Approved, None) => "Approved.".into(),
            (Resolution::Released, _) => "Released by the policy: nobody was asked.".into(),
            (Resolution::Denied, _) => "Denied. It does not run.".into(),
            (Resolution::Expired, _) => "Expired: nobody decided in time.".into(),
            (Resolution::Withdrawn, _) if leaf.actor == Actor::Gateway => {
                "Withdrawn by a pause of the agent. It does not run.".into()
            }
            (Resolution::Withdrawn, _) => "The agent took it back.".into(),
            (Resolution::Refused, _) => "Refused by the policy.".into(),
            (Resolution::Superseded, _) => "Replaced by what was edited. It does not run.".into(),
        },
        Data::PermitIssued(data) => format!(
            "A permit for one run was issued, good until {}.",
            time_words(data.expires_at)
        ),
        Data::PermitLapsed(_) => "The permit ran out unused.".into(),
        Data::PermitRedeemed(_) => "The permit was used: the run may begin.".into(),
        Data::ActionCompleted(data) => {
            let took = match data.duration_ms {
                ms @ 0..=9_999 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
                ms => duration_words(ms / 1000),
            };
            match &data.outcome {
                Outcome::Exited { code } => format!("It ended with exit code {code} after {took}."),
                Outcome::Signalled { signal } => {
                    format!("It was ended by {} after {took}.", signal_name(*signal))
                }
                Outcome::FailedToStart { why } => {
                    format!("It could not be started: {}.", safe_text::flat(why))
                }
                Outcome::Succeeded {} => format!("It was done after {took}, says the agent."),
                Outcome::Failed { why } => {
                    format!("It failed after {took}: {}.", safe_text::flat(why))
                }
            }
        }
    }
}

fn actor_name(state: &State, leaf: &Leaf) -> String {
    match leaf.actor {
        Actor::Gateway => "The gateway".into(),
        Actor::Agent(agent) => agent_name(state, &agent),
        Actor::Reviewer(reviewer) => reviewer_name(state, reviewer),
    }
}

/// Who made a proposal by editing another action.
fn editor(state: &State, proposed: &Proposed) -> Option<String> {
    let edit = state.action(&proposed.edits?)?.edit.as_ref()?;
    Some(reviewer_name(state, edit.by))
}

/// What a pause is of.
pub(crate) fn scope(state: &State, agent: &AgentId, run: Option<&RunId>) -> String {
    let agent = agent_name(state, agent);
    run.map_or_else(
        || format!("the agent {agent}"),
        |run| {
            format!(
                "the run {} of the agent {agent}",
                safe_text::flat(run.as_str())
            )
        },
    )
}

/// One line of the history: the step, and the action's title where there is one.
pub(crate) fn row(leaf: &Leaf, state: &State, headlines: &Headlines) -> SafeText {
    let step = step(leaf, state);
    let title = leaf.data.action().and_then(|action| headlines.get(&action));
    match (title, &leaf.data) {
        (Some(headline), Data::ActionProposed(data)) => {
            let agent = agent_name(state, &data.agent);
            let who = match editor(state, data) {
                Some(editor) => format!("{agent}, edited by {editor}, proposed"),
                None => format!("{agent} proposed"),
            };
            safe_text::line(&format!("{who}: {}", headline.title))
        }
        (Some(headline), _) => safe_text::line(&format!("{step} · {}", headline.title)),
        (None, _) => safe_text::line(&step),
    }
}

/// Whether whoever denies approved it before.
fn takes_back(state: &State, denial: &Signed<VerdictItem>) -> bool {
    let action = state.action(&denial.item.action);
    let mut given = action.into_iter().flat_map(|action| &action.verdicts);
    given.any(|given| given.reviewer == denial.envelope.signer && given.verdict.approves())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::inbox::Headline;
    use vidimus_protocol::ActionId;
    use vidimus_protocol::Time;
    use vidimus_protocol::entry::{Completed, Escalated, Resolved};

    fn leaf(data: Data) -> Leaf {
        Leaf {
            time: Time::from_unix_ms(1_795_253_400_000),
            actor: Actor::Gateway,
            refs: vec![],
            data,
            parts: vec![],
        }
    }

    fn completed(duration_ms: u64, outcome: Outcome) -> Leaf {
        leaf(Data::ActionCompleted(Box::new(Completed {
            action: ActionId::from_random([1; 16]),
            duration_ms,
            outcome,
            output_omitted: 0,
        })))
    }

    #[test]
    fn steps_read_like_sentences() {
        let state = State::new();
        assert_eq!(
            step(&completed(1_250, Outcome::Exited { code: 3 }), &state),
            "It ended with exit code 3 after 1.2 s."
        );
        assert_eq!(
            step(
                &completed(65_000, Outcome::Signalled { signal: 15 }),
                &state
            ),
            "It was ended by SIGTERM after 1 min 5 s."
        );
        let why = Outcome::FailedToStart {
            why: "no\u{202e}pe".into(),
        };
        assert_eq!(
            step(&completed(0, why), &state),
            "It could not be started: no[U+202E]pe."
        );
        let approved = leaf(Data::ActionResolved(Box::new(Resolved {
            action: ActionId::from_random([1; 16]),
            resolution: Resolution::Approved,
            use_before: Some(Time::from_unix_ms(1_795_253_400_000)),
        })));
        assert_eq!(
            step(&approved, &state),
            "Approved. It may start until 2026-11-21 09:30:00 UTC."
        );
        let mut withdrawn = leaf(Data::ActionResolved(Box::new(Resolved {
            action: ActionId::from_random([1; 16]),
            resolution: Resolution::Withdrawn,
            use_before: None,
        })));
        assert_eq!(
            step(&withdrawn, &state),
            "Withdrawn by a pause of the agent. It does not run."
        );
        withdrawn.actor = Actor::Agent(AgentId::from_random([2; 16]));
        assert_eq!(step(&withdrawn, &state), "The agent took it back.");
        let (agent, run) = (AgentId::from_random([2; 16]), "nightly-42".parse().unwrap());
        assert_eq!(
            scope(&state, &agent, Some(&run)),
            format!("the run nightly-42 of the agent {agent}")
        );
    }

    #[test]
    fn an_escalation_reads_like_a_sentence() {
        let escalated = leaf(Data::ActionEscalated(Box::new(Escalated {
            action: ActionId::from_random([1; 16]),
            group: "managers".into(),
        })));
        assert_eq!(
            step(&escalated, &State::new()),
            "Nobody had decided in time: escalated to managers."
        );
    }

    #[test]
    fn a_row_names_its_action_and_hides_nothing() {
        let state = State::new();
        let mut headlines = Headlines::new();
        let done = completed(0, Outcome::Exited { code: 0 });
        let plain = row(&done, &state, &headlines);
        assert_eq!(plain.marks(), 0);
        headlines.insert(
            done.data.action().unwrap(),
            Headline {
                title: "rm \u{202e}x".into(),
                ..Headline::default()
            },
        );
        assert_eq!(row(&done, &state, &headlines).marks(), 1);
    }
}
