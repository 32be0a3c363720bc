//! The rules where no policy is in force: people are asked about everything.

use std::time::Duration;

use vidimus_protocol::action::Action;
use vidimus_protocol::entry::{Decision, Evaluation, Profile};

/// Longest time that an action may wait for a decision.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);
/// Waiting time when the proposer names none.
pub const USUAL_WAIT: Duration = Duration::from_mins(15);
/// How long after its approval an action may start.
pub const USE_WITHIN: Duration = Duration::from_mins(15);

/// What every evaluation begins with: no.
pub(crate) fn plain(policy: &str) -> Evaluation {
    Evaluation {
        use_s: USE_WITHIN.as_secs(),
        ..Evaluation::refusing(policy)
    }
}

/// How long an action waits whose proposer wished for that; `None` when it
/// leaves no time to decide.
pub(crate) fn wait_of(wished: Option<Duration>) -> Option<Duration> {
    let wait = wished.unwrap_or(USUAL_WAIT).min(LONGEST_WAIT);
    (!wait.is_zero()).then_some(wait)
}

/// Judges one proposal: in a personal log its agent's owner is asked, in a
/// team's as many reviewers as the log's rules say.
#[must_use]
pub fn evaluate(
    profile: Profile,
    action: &Action,
    wait: Option<Duration>,
    quorum: u64,
) -> Evaluation {
    let (name, whom) = match (profile, quorum) {
        (Profile::Personal, _) => (
            "builtin/personal/1",
            "Everything waits for its agent's owner".to_owned(),
        ),
        (Profile::Team, 1) => ("builtin/team/1", "Everything waits for a reviewer".into()),
        (Profile::Team, several) => (
            "builtin/team/1",
            format!("Everything waits for {several} reviewers"),
        ),
    };
    let refused = plain(name);
    let Some(wait) = wait_of(wait) else {
        return Evaluation {
            reasons: vec!["It leaves no time to decide.".to_owned()],
            ..refused
        };
    };
    let as_root = action.command().is_some_and(|command| command.uid == 0);
    let also = if as_root { "; this runs as root" } else { "" };
    Evaluation {
        decision: Decision::Ask,
        quorum,
        reasons: vec![format!("{whom}{also}.")],
        ttl_s: wait.as_secs().max(1),
        ..refused
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

    fn change() -> Action {
        Action {
            payload: Payload::Json(Box::new(Change {
                after: None,
                before: Some(1.into()),
                operation: "delete".into(),
            })),
            target: target(),
        }
    }

    fn personal(uid: u32, wait: Option<Duration>) -> Evaluation {
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
        evaluate(Profile::Personal, &action, wait, 1)
    }

    #[test]
    fn a_team_is_asked_as_its_rules_say() {
        for (quorum, whom) in [(1, "a reviewer."), (3, "3 reviewers.")] {
            let evaluation = evaluate(Profile::Team, &change(), None, quorum);
            assert_eq!(
                (evaluation.decision, evaluation.quorum),
                (Decision::Ask, quorum)
            );
            assert!(evaluation.reasons[0].ends_with(whom), "{evaluation:?}");
        }
    }

    #[test]
    fn asks_the_owner_about_everything() {
        for evaluation in [
            personal(0, None),
            personal(1000, None),
            evaluate(Profile::Personal, &change(), None, 1),
        ] {
            assert_eq!((evaluation.decision, evaluation.quorum), (Decision::Ask, 1));
            assert_eq!(evaluation.ttl_s, 900);
        }
        assert!(personal(0, None).reasons[0].contains("root"));
    }

    #[test]
    fn bounds_the_wait() {
        assert_eq!(personal(1, Some(Duration::from_hours(48))).ttl_s, 86_400);
        assert_eq!(personal(1, Some(Duration::from_secs(7))).ttl_s, 7);
        assert_eq!(personal(1, Some(Duration::ZERO)).decision, Decision::Refuse);
    }
}
