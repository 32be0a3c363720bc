//! Actions as list rows: what each is, and where it stands.

use std::collections::{BTreeSet, HashMap};

use vidimus_policy::{Effect, Facts};
use vidimus_protocol::action::{Action, Context, Payload};
use vidimus_protocol::entry::{Decision, Outcome, Resolution};
use vidimus_protocol::id::{ActionId, AgentId, ReviewerId};
use vidimus_protocol::state::{ActionState, Escalated, Life, PermitStatus};
use vidimus_protocol::{State, Time};

use crate::render;
use crate::safe_text;
use crate::view::{ActionStatus, ActionSummary, EffectView, EscalatedView, SafeText};

/// How long a run may be without a sign of life before nobody knows.
pub(crate) const GRACE_MS: u64 = 60_000;
/// How much longer than a read something may wait whose effect nobody can tell, and
/// still stand before it.
const AHEAD_UNKNOWN_MS: u64 = 5 * 60_000;

/// What the lists show of an action's parts, once they are here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headline {
    pub(crate) title: String,
    pub(crate) target: String,
    pub(crate) intent: Option<String>,
    /// What it does, as policies see it.
    pub(crate) effects: BTreeSet<Effect>,
    /// The same for actions that do the same to the same thing.
    pub(crate) likeness: [String; 4],
}

impl Headline {
    pub(crate) fn new(action: &Action, context: Option<&Context>) -> Self {
        Self {
            title: render::title(action),
            target: render::target_line(action),
            intent: context.and_then(|context| context.intent.clone()),
            effects: Facts::of(action).effects,
            likeness: likeness(action),
        }
    }
}

/// For a command: host, program and its first word that is no option. For
/// others: where, and what is done.
fn likeness(action: &Action) -> [String; 4] {
    let target = &action.target;
    let (what, how, rest) = match (&action.payload, action.command()) {
        (Payload::GitPush(push), _) => {
            let first = push.refs.first().map_or("", |one| one.name.as_str());
            (push.remote.as_str(), "push", first)
        }
        (Payload::FileChange(change), _) => (target.system.as_str(), "write", change.path.as_str()),
        (Payload::McpToolCall(call), _) => (call.server.as_str(), "call", call.tool.as_str()),
        (Payload::Json(change), _) => (
            target.system.as_str(),
            target.resource.as_str(),
            change.operation.as_str(),
        ),
        (_, Some(command)) => (
            target.system.as_str(),
            command.program.path.as_str(),
            command
                .argv
                .iter()
                .skip(1)
                .find(|word| !word.starts_with('-'))
                .map_or("", String::as_str),
        ),
        (_, None) => (target.system.as_str(), target.resource.as_str(), ""),
    };
    [action.kind().as_str(), what, how, rest].map(str::to_owned)
}

/// Headlines by action.
pub(crate) type Headlines = HashMap<ActionId, Headline>;

/// What is known beside the ledger, right now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hints {
    pub(crate) now: Time,
    /// Whether a program waits for it or runs it; `None` while that is unknown.
    pub(crate) present: Option<bool>,
    /// Since when nothing was heard of its run.
    pub(crate) silent_since: Option<Time>,
}

pub(crate) fn agent_name(state: &State, id: &AgentId) -> String {
    state
        .agent(id)
        .map_or_else(|| id.to_string(), |agent| safe_text::flat(&agent.name))
}

pub(crate) fn reviewer_name(state: &State, id: ReviewerId) -> String {
    state
        .reviewer(&id)
        .map_or_else(|| id.to_string(), |person| safe_text::flat(&person.name))
}

/// The row of one action.
pub(crate) fn summary(
    state: &State,
    action: &ActionState,
    headline: Option<&Headline>,
    hints: Hints,
) -> ActionSummary {
    let owner = state.agent(&action.agent).map(|agent| agent.owner);
    let pending = action.life() == Life::Pending;
    let missing = || SafeText {
        spans: vec![crate::view::Span::Plain {
            text: "(its content is on its way)".into(),
        }],
    };
    ActionSummary {
        id: action.id.to_string(),
        agent: agent_name(state, &action.agent),
        on_behalf_of: owner.map_or_else(String::new, |owner| reviewer_name(state, owner)),
        title: headline.map_or_else(missing, |headline| safe_text::line(&headline.title)),
        target: headline.map_or_else(SafeText::default, |headline| {
            safe_text::line(&headline.target)
        }),
        intent: headline
            .and_then(|headline| headline.intent.as_deref())
            .map(safe_text::prose),
        effects: headline.map_or_else(Vec::new, |headline| {
            headline.effects.iter().copied().map(effect_view).collect()
        }),
        proposed_at_unix_ms: action.proposed_at.unix_ms(),
        expires_at_unix_ms: action.expires_at.unix_ms(),
        starts_at_unix_ms: state.starts_at(action, hints.now).map(Time::unix_ms),
        status: status(state, action, hints),
        escalated: action.escalated.iter().map(escalated).collect(),
        edited_by: action.editors.last().map(|by| reviewer_name(state, *by)),
        somebody_waits: hints.present.filter(|_| pending),
    }
}

fn effect_view(effect: Effect) -> EffectView {
    match effect {
        Effect::Destructive => EffectView::Destructive,
        Effect::Permission => EffectView::Permission,
        Effect::Read => EffectView::Read,
        Effect::Unknown => EffectView::Unknown,
        Effect::Write => EffectView::Write,
    }
}

/// Where a waiting action stands in the inbox: what expires first, and before it
/// what does worse and expires a little later. It changes for no action while one
/// looks, so that nothing moves under the hand.
pub(crate) fn turn(action: &ActionState, headline: Option<&Headline>) -> (u64, ActionId) {
    let ahead = headline.map_or(AHEAD_UNKNOWN_MS, |headline| {
        let effects = headline.effects.iter();
        effects.map(|effect| ahead_ms(*effect)).max().unwrap_or(0)
    });
    let expires = action.expires_at.unix_ms();
    (expires.saturating_sub(ahead), action.id)
}

/// By how much an action stands before those that only read.
fn ahead_ms(effect: Effect) -> u64 {
    match effect {
        Effect::Read => 0,
        Effect::Unknown | Effect::Write => AHEAD_UNKNOWN_MS,
        Effect::Destructive | Effect::Permission => 2 * AHEAD_UNKNOWN_MS,
    }
}

fn escalated(told: &Escalated) -> EscalatedView {
    EscalatedView {
        at_unix_ms: told.at.unix_ms(),
        entry: told.entry.index,
        group: safe_text::flat(&told.group),
    }
}

/// Where an action stands.
pub(crate) fn status(state: &State, action: &ActionState, hints: Hints) -> ActionStatus {
    match action.life() {
        Life::Pending => ActionStatus::Pending,
        Life::Approved if state.stopped_by(action).is_some() => ActionStatus::Stopped,
        Life::Approved => {
            let use_before = action
                .resolved
                .as_ref()
                .and_then(|resolved| resolved.use_before);
            if use_before.is_none_or(|last| hints.now >= last) {
                ActionStatus::NotRun
            } else if action
                .permits
                .last()
                .is_some_and(|permit| permit.status == PermitStatus::Lapsed)
            {
                ActionStatus::PermitLapsed
            } else if action.evaluation.decision == Decision::Release {
                ActionStatus::Released
            } else {
                ActionStatus::Approved
            }
        }
        Life::Over(Resolution::Denied) => ActionStatus::Denied,
        Life::Over(Resolution::Expired) => ActionStatus::Expired,
        Life::Over(Resolution::Withdrawn) => match &action.resolved {
            Some(resolved) if resolved.pause.is_some() => ActionStatus::Stopped,
            _ => ActionStatus::Withdrawn,
        },
        Life::Over(Resolution::Superseded) => ActionStatus::Superseded,
        Life::Over(Resolution::Refused | Resolution::Approved | Resolution::Released) => {
            ActionStatus::Refused
        }
        Life::Redeemed => {
            let redeemed_at = action.redeemed.map_or(Time::default(), |(_, time)| time);
            let silent_since = hints.silent_since.unwrap_or(redeemed_at).max(redeemed_at);
            let silent_ms = hints.now.unix_ms().saturating_sub(silent_since.unix_ms());
            if hints.present == Some(true) || silent_ms < GRACE_MS {
                ActionStatus::Running
            } else {
                ActionStatus::Unknown
            }
        }
        Life::Completed => match action.completed.as_ref().map(|(_, done)| &done.outcome) {
            Some(Outcome::Exited { code }) => ActionStatus::Completed {
                exit_code: Some((*code).into()),
                signal: None,
            },
            Some(Outcome::Signalled { signal }) => ActionStatus::Completed {
                exit_code: None,
                signal: Some(signal_name(*signal)),
            },
            Some(Outcome::FailedToStart { why }) => ActionStatus::FailedToStart {
                why: safe_text::prose(why),
            },
            Some(Outcome::Succeeded {}) => ActionStatus::Succeeded,
            Some(Outcome::Failed { why }) => ActionStatus::Failed {
                why: safe_text::prose(why),
            },
            None => ActionStatus::Unknown,
        },
    }
}

/// `SIGKILL`; `signal 40` where there is no name.
pub(crate) fn signal_name(number: u8) -> String {
    const NAMES: [&str; 32] = [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
        "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
        "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    match NAMES.get(usize::from(number)) {
        Some(name) if !name.is_empty() => format!("SIG{name}"),
        _ => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_protocol::Digest;
    use vidimus_protocol::action::ActionKind;
    use vidimus_protocol::entry::{Completed, Decision, Evaluation, Ref};
    use vidimus_protocol::id::{ExecutorId, PermitId};
    use vidimus_protocol::state::{PermitRecord, Resolved};

    const REF: Ref = Ref {
        index: 5,
        leaf: Digest([0; 32]),
    };

    fn at(seconds: u64) -> Time {
        Time::from_unix_ms(seconds * 1000)
    }

    fn action() -> ActionState {
        ActionState {
            id: ActionId::from_random([1; 16]),
            kind: ActionKind::Command,
            agent: AgentId::from_random([2; 16]),
            run: None,
            digest: Digest([0; 32]),
            context: None,
            proposal: REF,
            proposed_at: at(100),
            expires_at: at(1000),
            evaluation: Evaluation {
                decision: Decision::Ask,
                quorum: 1,
                ttl_s: 900,
                use_s: 600,
                ..Evaluation::refusing("p")
            },
            policy: None,
            escalated: vec![],
            notes: vec![],
            edits: None,
            editors: vec![],
            edit: None,
            verdicts: vec![],
            resolved: None,
            permits: vec![],
            redeemed: None,
            completed: None,
        }
    }

    fn approved() -> ActionState {
        let permit = PermitRecord {
            id: PermitId::from_random([3; 16]),
            entry: REF,
            audience: ExecutorId::from_random([4; 16]),
            kid: "k".into(),
            issued_at: at(200),
            expires_at: at(500),
            status: PermitStatus::InForce,
        };
        ActionState {
            resolved: Some(Resolved {
                resolution: Resolution::Approved,
                entry: REF,
                pause: None,
                use_before: Some(at(800)),
            }),
            permits: vec![permit],
            ..action()
        }
    }

    fn hints(now: u64, present: Option<bool>) -> Hints {
        Hints {
            now: at(now),
            present,
            silent_since: None,
        }
    }

    #[test]
    fn approved_ends_with_its_last_moment() {
        assert_eq!(
            status(&State::new(), &approved(), hints(300, None)),
            ActionStatus::Approved
        );
        assert_eq!(
            status(&State::new(), &approved(), hints(800, None)),
            ActionStatus::NotRun
        );
        let mut lapsed = approved();
        lapsed.permits[0].status = PermitStatus::Lapsed;
        assert_eq!(
            status(&State::new(), &lapsed, hints(600, None)),
            ActionStatus::PermitLapsed
        );
        assert_eq!(
            status(&State::new(), &lapsed, hints(900, None)),
            ActionStatus::NotRun
        );
    }

    #[test]
    fn what_a_pause_withdrew_is_told_from_what_its_agent_did() {
        let withdrawn = |pause| ActionState {
            resolved: Some(Resolved {
                resolution: Resolution::Withdrawn,
                entry: REF,
                pause,
                use_before: None,
            }),
            ..action()
        };
        let stands = |action| status(&State::new(), &action, hints(300, None));
        assert_eq!(stands(withdrawn(None)), ActionStatus::Withdrawn);
        assert_eq!(stands(withdrawn(Some(REF))), ActionStatus::Stopped);
    }

    #[test]
    fn a_silent_run_becomes_unknown_after_a_minute() {
        let running = ActionState {
            redeemed: Some((REF, at(300))),
            ..approved()
        };
        assert_eq!(
            status(&State::new(), &running, hints(359, None)),
            ActionStatus::Running
        );
        assert_eq!(
            status(&State::new(), &running, hints(360, None)),
            ActionStatus::Unknown
        );
        assert_eq!(
            status(&State::new(), &running, hints(9000, Some(true))),
            ActionStatus::Running
        );
        let heard = Hints {
            silent_since: Some(at(8950)),
            ..hints(9000, Some(false))
        };
        assert_eq!(
            status(&State::new(), &running, heard),
            ActionStatus::Running
        );
    }

    #[test]
    fn outcomes_are_told_apart() {
        let ended = |outcome| ActionState {
            redeemed: Some((REF, at(300))),
            completed: Some((
                REF,
                Completed {
                    action: action().id,
                    duration_ms: 1,
                    outcome,
                    output_omitted: 0,
                },
            )),
            ..approved()
        };
        assert_eq!(
            status(
                &State::new(),
                &ended(Outcome::Exited { code: 3 }),
                hints(9000, None)
            ),
            ActionStatus::Completed {
                exit_code: Some(3),
                signal: None
            }
        );
        assert_eq!(
            status(
                &State::new(),
                &ended(Outcome::Signalled { signal: 9 }),
                hints(9000, None)
            ),
            ActionStatus::Completed {
                exit_code: None,
                signal: Some("SIGKILL".into())
            }
        );
        assert_eq!(signal_name(0), "signal 0");
        assert_eq!(signal_name(31), "SIGSYS");
        assert_eq!(signal_name(40), "signal 40");
    }

    #[test]
    fn only_a_pending_action_says_who_waits() {
        let state = State::new();
        let row = summary(&state, &action(), None, hints(300, Some(false)));
        assert_eq!(row.somebody_waits, Some(false));
        let row = summary(&state, &approved(), None, hints(300, Some(true)));
        assert_eq!(row.somebody_waits, None);
    }

    #[test]
    fn what_does_worse_comes_before_what_expires_a_little_sooner() {
        let waits = |name: u8, expires: u64, effect: Effect| {
            let mut waits = action();
            waits.id = ActionId::from_random([name; 16]);
            waits.expires_at = at(expires);
            let headline = Headline {
                effects: BTreeSet::from([Effect::Read, effect]),
                ..Headline::default()
            };
            turn(&waits, Some(&headline))
        };
        let reads = waits(1, 1000, Effect::Read);
        assert!(reads < waits(2, 1000, Effect::Read));
        for (effect, ahead) in [
            (Effect::Unknown, 300),
            (Effect::Write, 300),
            (Effect::Permission, 600),
            (Effect::Destructive, 600),
        ] {
            assert!(waits(0, 1000 + ahead, effect) < reads, "{effect:?}");
            assert!(waits(2, 1000 + ahead, effect) > reads, "{effect:?}");
        }
        // Whose content is on its way may be anything that nobody can tell.
        let mut unread = action();
        unread.id = ActionId::from_random([0; 16]);
        unread.expires_at = at(1300);
        assert!(turn(&unread, None) < reads);
    }
}
