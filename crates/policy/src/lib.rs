//! Action in, evaluation out.
//!
//! The [`Policy`] interface stands between the gateway and the rules, so that
//! a policy engine can fill it. Today there is one built-in rule set for the
//! personal profile: everything waits for its agent's owner.
//!
//! Out of scope: who exactly decided (the reducer in `vidimus-protocol`).

use std::time::Duration;

use vidimus_protocol::action::Action;
use vidimus_protocol::entry::{Decision, Evaluation};

/// Longest time that an action may wait for a decision.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);
/// Waiting time when the proposer names none.
pub const USUAL_WAIT: Duration = Duration::from_mins(15);
/// How long after its approval an action may start.
pub const USE_WITHIN: Duration = Duration::from_mins(15);

/// What a proposal looks like to the policy.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// What would run.
    pub action: &'a Action,
    /// How long the proposer would wait.
    pub wait: Option<Duration>,
    /// People whom the log's rules ask for, at least.
    pub quorum: u64,
}

/// Says what a proposal needs.
pub trait Policy: Send + Sync {
    /// Judges one proposal. Must be a pure function of its argument.
    fn evaluate(&self, proposal: &Proposal<'_>) -> Evaluation;
}

/// The rules of the personal profile: the owner is asked about everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Personal;

impl Personal {
    /// Name and version, as it stands in each evaluation.
    pub const NAME: &'static str = "builtin/personal/1";
}

impl Policy for Personal {
    fn evaluate(&self, proposal: &Proposal<'_>) -> Evaluation {
        ask(
            Self::NAME,
            1,
            "Everything waits for its agent's owner",
            proposal,
        )
    }
}

/// The rules of the team profile: reviewers are asked about everything, as
/// many as the log's rules say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Team;

impl Team {
    /// Name and version, as it stands in each evaluation.
    pub const NAME: &'static str = "builtin/team/1";
}

impl Policy for Team {
    fn evaluate(&self, proposal: &Proposal<'_>) -> Evaluation {
        let whom = match proposal.quorum {
            1 => "Everything waits for a reviewer".to_owned(),
            several => format!("Everything waits for {several} reviewers"),
        };
        ask(Self::NAME, proposal.quorum, &whom, proposal)
    }
}

fn ask(policy: &str, quorum: u64, whom: &str, proposal: &Proposal<'_>) -> Evaluation {
    let wait = proposal.wait.unwrap_or(USUAL_WAIT).min(LONGEST_WAIT);
    let as_root = proposal
        .action
        .command()
        .is_some_and(|command| command.uid == 0);
    let refusal = wait.is_zero().then_some("It leaves no time to decide.");
    let (decision, quorum, reason) = match refusal {
        Some(why) => (Decision::Refuse, 0, why.to_owned()),
        None if as_root => (Decision::Ask, quorum, format!("{whom}; this runs as root.")),
        None => (Decision::Ask, quorum, format!("{whom}.")),
    };
    Evaluation {
        decision,
        policy: policy.to_owned(),
        quorum,
        reasons: vec![reason],
        ttl_s: wait.as_secs().max(1),
        use_s: USE_WITHIN.as_secs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vidimus_protocol::Digest;
    use vidimus_protocol::action::{Change, Command, File, Payload, Stdin, Target};

    fn target() -> Target {
        Target {
            environment: "local".into(),
            resource: "/".into(),
            system: "host".into(),
        }
    }

    fn evaluate(uid: u32, wait: Option<Duration>) -> Evaluation {
        let file = File {
            path: "/bin/true".into(),
            sha256: Digest([0; 32]),
            size: 1,
        };
        let action = Action {
            payload: Payload::Command(Box::new(Command {
                argv: vec!["true".into()],
                cwd: "/".into(),
                env: vec![],
                files: vec![],
                interpreter: None,
                not_bound: vec![],
                program: file,
                script: None,
                stdin: Stdin::Null,
                uid,
                user: "somebody".into(),
            })),
            target: target(),
        };
        Personal.evaluate(&Proposal {
            action: &action,
            wait,
            quorum: 1,
        })
    }

    #[test]
    fn a_team_is_asked_as_its_rules_say() {
        let action = Action {
            payload: Payload::Json(Box::new(Change {
                after: None,
                before: Some(1.into()),
                operation: "delete".into(),
            })),
            target: target(),
        };
        for (quorum, whom) in [(1, "a reviewer."), (3, "3 reviewers.")] {
            let evaluation = Team.evaluate(&Proposal {
                action: &action,
                wait: None,
                quorum,
            });
            assert_eq!(
                (evaluation.decision, evaluation.quorum),
                (Decision::Ask, quorum)
            );
            assert!(evaluation.reasons[0].ends_with(whom), "{evaluation:?}");
        }
    }

    #[test]
    fn asks_the_owner_about_everything() {
        for uid in [0, 1000] {
            let evaluation = evaluate(uid, None);
            assert_eq!((evaluation.decision, evaluation.quorum), (Decision::Ask, 1));
            assert_eq!(evaluation.ttl_s, 900);
        }
        assert!(evaluate(0, None).reasons[0].contains("root"));
    }

    #[test]
    fn a_change_asks_too() {
        let action = Action {
            payload: Payload::Json(Box::new(Change {
                after: Some(true.into()),
                before: None,
                operation: "enable".into(),
            })),
            target: target(),
        };
        let evaluation = Personal.evaluate(&Proposal {
            action: &action,
            wait: None,
            quorum: 1,
        });
        assert_eq!((evaluation.decision, evaluation.quorum), (Decision::Ask, 1));
    }

    #[test]
    fn bounds_the_wait() {
        assert_eq!(evaluate(1, Some(Duration::from_hours(48))).ttl_s, 86_400);
        assert_eq!(evaluate(1, Some(Duration::from_secs(7))).ttl_s, 7);
        assert_eq!(evaluate(1, Some(Duration::ZERO)).decision, Decision::Refuse);
    }
}
