//! Random stories: whatever is tried, what was accepted keeps the rules.
//!
//! The invariants are counted anew from the accepted entries, not from the
//! reducer's own books.

use proptest::prelude::*;

use super::story::{PERMIT_S, Story, TTL_S, USE_S, action, agent, founder, permit, run};
use crate::entry::{Data, Decision, Entry, Kind, Leaf, PermitIssued, Resolution};
use crate::envelope::Verdict;
use crate::id::{ActionId, Actor, PermitId};
use crate::state::{Due, Life, PermitStatus, State};
use crate::time::Time;

const ACTIONS: u8 = 3;

/// What somebody tries next.
#[derive(Clone, Copy, Debug)]
enum Try {
    Propose(u8, Decision),
    Decide(u8, Verdict),
    Resolve(u8, Resolution),
    Issue(u8, u8),
    Lapse(u8),
    Redeem(u8),
    Complete(u8),
    Note(u8, u8),
    Register(u8),
    Pause(bool),
    Resume,
    /// The next step of its life, so that stories get somewhere.
    GoOn(u8),
    Wait(u64),
}

/// What is wrong with the entry, if anything.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    Actor,
    References,
    Parts,
    Earlier,
    Nonce,
    OtherAction(u8),
}

fn tries() -> impl Strategy<Value = Try> {
    let actions = 0..ACTIONS;
    let decision = prop_oneof![4 => Just(Decision::Ask), 1 => Just(Decision::Refuse)];
    let verdict = prop_oneof![3 => Just(Verdict::Approve), 1 => Just(Verdict::Deny)];
    let resolution = prop_oneof![
        6 => Just(Resolution::Approved),
        2 => Just(Resolution::Denied),
        2 => Just(Resolution::Expired),
        1 => Just(Resolution::Withdrawn),
        1 => Just(Resolution::Refused),
    ];
    // Deadlines, one millisecond around them, and longer than everything.
    let wait = prop_oneof![
        Just(1),
        Just(TTL_S * 1000 - 1),
        Just(TTL_S * 1000),
        Just(PERMIT_S * 1000 - 1),
        Just(PERMIT_S * 1000),
        Just(USE_S * 1000),
        0..2_000_000_u64,
    ];
    prop_oneof![
        3 => (actions.clone(), decision).prop_map(|(id, decision)| Try::Propose(id, decision)),
        4 => (actions.clone(), verdict).prop_map(|(id, verdict)| Try::Decide(id, verdict)),
        4 => (actions.clone(), resolution).prop_map(|(id, how)| Try::Resolve(id, how)),
        4 => (actions.clone(), 0..20_u8).prop_map(|(id, permit)| Try::Issue(id, permit)),
        2 => actions.clone().prop_map(Try::Lapse),
        4 => actions.clone().prop_map(Try::Redeem),
        2 => actions.clone().prop_map(Try::Complete),
        3 => (actions, 0..4_u8).prop_map(|(id, sort)| Try::Note(id, sort)),
        1 => (0..2_u8).prop_map(Try::Register),
        1 => any::<bool>().prop_map(Try::Pause),
        2 => Just(Try::Resume),
        12 => (0..ACTIONS).prop_map(Try::GoOn),
        2 => wait.prop_map(Try::Wait),
    ]
}

fn flaws() -> impl Strategy<Value = Option<Flaw>> {
    prop_oneof![
        8 => Just(None),
        1 => prop_oneof![
            Just(Flaw::Actor),
            Just(Flaw::References),
            Just(Flaw::Parts),
            Just(Flaw::Earlier),
            Just(Flaw::Nonce),
            (0..ACTIONS).prop_map(Flaw::OtherAction),
        ].prop_map(Some),
    ]
}

fn write(story: &mut Story, what: Try) -> Option<Leaf> {
    Some(match what {
        Try::Propose(id, decision) => story.proposed_as(action(id), decision),
        Try::Decide(id, verdict) => story.verdict(action(id), verdict),
        Try::Resolve(id, resolution) => story.resolved(action(id), resolution),
        Try::Issue(id, number) => story.issued(action(id), permit(number)),
        Try::Lapse(id) => story.lapsed(action(id)),
        Try::Redeem(id) => story.redeemed(action(id)),
        Try::Complete(id) => story.completed(action(id)),
        Try::Note(id, 0) => story.taken(action(id)),
        Try::Note(id, 1) => story.asked(action(id)),
        Try::Note(id, 2) => story.answered(action(id)),
        Try::Note(id, _) => story.flagged(action(id)),
        Try::GoOn(id) => go_on(story, action(id)),
        Try::Pause(whole) => story.paused((!whole).then(run)),
        Try::Resume => story.resumed(),
        Try::Register(0) => story.registered(),
        Try::Register(_) => story.enrolled(),
        Try::Wait(ms) => {
            story.now = Time::from_unix_ms(story.now.unix_ms() + ms);
            return None;
        }
    })
}

fn go_on(story: &mut Story, id: ActionId) -> Leaf {
    let Some(known) = story.state.action(&id) else {
        return story.proposed(id);
    };
    match known.life() {
        Life::Pending if known.evaluation.decision == Decision::Refuse => {
            story.resolved(id, Resolution::Refused)
        }
        Life::Pending if known.verdicts.is_empty() => story.verdict(id, Verdict::Approve),
        Life::Pending => story.resolved(id, Resolution::Approved),
        Life::Approved if known.live_permit().is_none() => {
            let number = 0x20 + story.state.size() % 0x40;
            story.issued(id, permit(u8::try_from(number).expect("below 96")))
        }
        Life::Approved => story.redeemed(id),
        Life::Redeemed | Life::Completed | Life::Over(_) => story.completed(id),
    }
}

fn spoil(leaf: &mut Leaf, flaw: Flaw, past: &[Entry]) {
    match flaw {
        Flaw::Actor => {
            leaf.actor = match leaf.actor {
                Actor::Gateway => Actor::Agent(agent()),
                _ => Actor::Gateway,
            };
        }
        Flaw::References => leaf.refs.reverse(),
        Flaw::Parts => drop(leaf.parts.pop()),
        Flaw::Earlier => leaf.time = Time::from_unix_ms(leaf.time.unix_ms() - TTL_S * 1000),
        Flaw::Nonce => {
            let used = past.iter().rev().find_map(|entry| match &entry.leaf.data {
                Data::VerdictGiven(data) => Some(data.signed.envelope.clone()),
                _ => None,
            });
            if let (Data::VerdictGiven(data), Some(used)) = (&mut leaf.data, used) {
                data.signed.envelope.nonce = used.nonce;
            }
        }
        Flaw::OtherAction(other) => {
            if let Some(subject) = subject(&mut leaf.data) {
                *subject = action(other);
            }
        }
    }
}

fn subject(data: &mut Data) -> Option<&mut ActionId> {
    Some(match data {
        Data::ActionProposed(data) => &mut data.action,
        Data::ActionTaken(data) => &mut data.action,
        Data::ActionAsked(data) => &mut data.action,
        Data::ActionAnswered(data) => &mut data.action,
        Data::ActionFlagged(data) => &mut data.action,
        Data::ActionEscalated(data) => &mut data.action,
        Data::VerdictGiven(data) => &mut data.signed.item.action,
        Data::ActionResolved(data) => &mut data.action,
        Data::PermitIssued(data) => &mut data.action,
        Data::PermitLapsed(data) => &mut data.action,
        Data::PermitRedeemed(data) => &mut data.action,
        Data::ActionCompleted(data) => &mut data.action,
        Data::VerdictRecognised(data) => &mut data.signed.item.action,
        Data::VerdictReviewed(data) => &mut data.signed.item.action,
        Data::ActionEdited(data) => &mut data.signed.item.action,
        Data::GrantGiven(data) => &mut data.signed.item.action,
        Data::AgentRegistered(_)
        | Data::AgentPaused(_)
        | Data::AgentResumed(_)
        | Data::AgentRevoked(_)
        | Data::CredentialAdmitted(_)
        | Data::CredentialEnrolled(_)
        | Data::CredentialRevoked(_)
        | Data::GrantRevoked(_)
        | Data::DelegationGiven(_)
        | Data::DelegationRevoked(_)
        | Data::LogOpened(_)
        | Data::ReviewerChanged(_)
        | Data::ReviewerRegistered(_)
        | Data::ReviewerRemoved(_)
        | Data::RulesChanged(_)
        | Data::PolicyChanged(_) => return None,
    })
}

/// Everything that the log of this version promises, told from its entries.
fn check(log: &[Entry]) -> Result<(), TestCaseError> {
    let times: Vec<_> = log.iter().map(|entry| entry.leaf.time).collect();
    prop_assert!(times.is_sorted(), "time runs backwards");
    for number in 0..ACTIONS {
        check_action(log, action(number))?;
    }
    let mut permits: Vec<_> = all(log, issued).collect();
    permits.sort_by_key(|(_, data)| data.permit);
    permits.dedup_by_key(|(_, data)| data.permit);
    prop_assert_eq!(permits.len(), all(log, issued).count(), "a permit id twice");
    let nonces = all(log, |data| match data {
        Data::VerdictGiven(data) => Some(data.signed.envelope.nonce),
        _ => None,
    });
    let mut nonces: Vec<_> = nonces.map(|(_, nonce)| nonce).collect();
    let count = nonces.len();
    nonces.sort_unstable();
    nonces.dedup();
    prop_assert_eq!(nonces.len(), count, "a nonce twice");
    Ok(())
}

fn all<'a, T>(
    log: &'a [Entry],
    find: impl Fn(&'a Data) -> Option<T>,
) -> impl Iterator<Item = (&'a Entry, T)> {
    log.iter()
        .filter_map(move |entry| Some((entry, find(&entry.leaf.data)?)))
}

fn issued(data: &Data) -> Option<&PermitIssued> {
    match data {
        Data::PermitIssued(data) => Some(data),
        _ => None,
    }
}

fn check_action(log: &[Entry], id: ActionId) -> Result<(), TestCaseError> {
    let one = |what: &str, found: Vec<u64>| {
        prop_assert!(found.len() < 2, "{} at {:?}", what, found);
        Ok(found.first().copied())
    };
    let indexes = |find: &dyn Fn(&Data) -> bool| -> Vec<u64> {
        log.iter()
            .filter(|entry| find(&entry.leaf.data))
            .map(|entry| entry.index)
            .collect()
    };
    let proposed = indexes(&|data| matches!(data, Data::ActionProposed(data) if data.action == id));
    let resolved = indexes(&|data| matches!(data, Data::ActionResolved(data) if data.action == id));
    let redeemed = indexes(&|data| matches!(data, Data::PermitRedeemed(data) if data.action == id));
    let completed =
        indexes(&|data| matches!(data, Data::ActionCompleted(data) if data.action == id));
    let proposed = one("proposed", proposed)?;
    let resolved = one("resolved", resolved)?;
    let redeemed = one("redeemed", redeemed)?;
    let completed = one("completed", completed)?;
    prop_assert!(resolved.is_none() || resolved > proposed);
    prop_assert!(redeemed.is_none() || redeemed > resolved);
    prop_assert!(completed.is_none() || (redeemed.is_some() && completed > redeemed));
    let Some(proposed) = proposed else {
        return Ok(());
    };
    let at = |index: u64| &log[usize::try_from(index).expect("small")];
    let Data::ActionProposed(proposal) = &at(proposed).leaf.data else {
        return Err(TestCaseError::fail("another kind"));
    };

    let verdicts: Vec<_> = all(log, |data| match data {
        Data::VerdictGiven(data) if data.signed.item.action == id => Some(&data.signed),
        _ => None,
    })
    .collect();
    for (entry, signed) in &verdicts {
        prop_assert!(entry.leaf.time < proposal.expires_at, "a late verdict");
        prop_assert!(
            resolved.is_none_or(|end| entry.index < end),
            "after the end"
        );
        prop_assert_eq!(signed.envelope.signer, founder(), "not the owner");
        prop_assert_eq!(signed.item.proposal_leaf, at(proposed).leaf_hash);
    }
    // One person approves once, and takes it back once.
    let given: Vec<_> = verdicts
        .iter()
        .map(|(_, signed)| signed.item.verdict)
        .collect();
    let may_be = [
        &[][..],
        &[Verdict::Approve],
        &[Verdict::Deny],
        &[Verdict::Approve, Verdict::Deny],
    ];
    prop_assert!(may_be.contains(&given.as_slice()), "{:?}", given);
    let denied_at = |index: u64| {
        let mut denials = verdicts
            .iter()
            .filter(|(_, signed)| signed.item.verdict == Verdict::Deny);
        denials.any(|(entry, _)| entry.index < index)
    };
    let approved_at = |index: u64| {
        let approvals = verdicts.iter().filter(|(entry, signed)| {
            entry.index < index && signed.item.verdict == Verdict::Approve
        });
        proposal.evaluation.decision == Decision::Ask && approvals.count() == 1 && !denied_at(index)
    };

    let mut stopped = false;
    let mut in_force: Option<(PermitId, Time)> = None;
    for entry in &log[usize::try_from(proposed).expect("small")..] {
        match &entry.leaf.data {
            // Here nothing belongs to a run.
            Data::AgentPaused(data) => stopped |= data.signed.item.run.is_none(),
            Data::PermitIssued(data) if data.action == id => {
                prop_assert!(!stopped, "a permit after a pause");
                let Some(Data::ActionResolved(end)) = resolved.map(|end| &at(end).leaf.data) else {
                    return Err(TestCaseError::fail("a permit before the end"));
                };
                prop_assert_eq!(end.resolution, Resolution::Approved);
                prop_assert!(approved_at(entry.index), "a permit without a quorum");
                prop_assert!(
                    Some(data.expires_at) <= end.use_before,
                    "beyond the approval"
                );
                prop_assert!(
                    redeemed.is_none_or(|used| entry.index < used),
                    "after its use"
                );
                prop_assert_eq!(in_force, None, "two permits at a time");
                in_force = Some((data.permit, data.expires_at));
            }
            Data::PermitLapsed(data) if data.action == id => {
                let (permit, end) = in_force.expect("lapses what is in force");
                prop_assert!(permit == data.permit && entry.leaf.time >= end);
                in_force = None;
            }
            Data::PermitRedeemed(data) if data.action == id => {
                let (permit, end) = in_force.expect("uses what is in force");
                prop_assert!(permit == data.permit && entry.leaf.time < end);
                prop_assert!(approved_at(entry.index), "used without a quorum");
                prop_assert!(!stopped, "used after a pause");
                in_force = None;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Deadlines, told from the actions one by one.
fn naive_due(state: &State, now: Time) -> Vec<Due> {
    let mut due: Vec<_> = state
        .actions()
        .filter_map(|action| match action.life() {
            Life::Pending => Some((action.expires_at, action.id, Due::Expire(action.id))),
            Life::Approved => action
                .permits
                .iter()
                .find(|permit| permit.status == PermitStatus::InForce)
                .map(|permit| {
                    (
                        permit.expires_at,
                        action.id,
                        Due::Lapse(action.id, permit.id),
                    )
                }),
            Life::Over(_) | Life::Redeemed | Life::Completed => None,
        })
        .filter(|(at, ..)| *at <= now)
        .collect();
    due.sort_by_key(|(at, id, _)| (*at, *id));
    due.into_iter().map(|(.., what)| what).collect()
}

fn check_due(story: &Story) -> Result<(), TestCaseError> {
    let end = Time::from_unix_ms(u64::MAX);
    let deadlines = naive_due(&story.state, end);
    prop_assert_eq!(story.state.due(end), deadlines.clone());
    prop_assert_eq!(story.state.waiting().count(), deadlines.len());
    for agent in story.state.agents() {
        let unresolved = story
            .state
            .actions()
            .filter(|action| action.agent == agent.id && action.resolved.is_none());
        prop_assert_eq!(story.state.pending_of(&agent.id), unresolved.count());
    }
    let next = story.state.next_due(end);
    prop_assert_eq!(next.is_some(), !deadlines.is_empty());
    if let Some(next) = next {
        let first = naive_due(&story.state, next);
        prop_assert_eq!(first.first(), deadlines.first());
        prop_assert!(naive_due(&story.state, Time::from_unix_ms(next.unix_ms() - 1)).is_empty());
    }
    let due = story.state.due(story.now);
    prop_assert_eq!(&due, &naive_due(&story.state, story.now));
    // Exactly what is due can be written now.
    for number in 0..ACTIONS {
        let id = action(number);
        let expires = story
            .clone()
            .try_take(story.resolved(id, Resolution::Expired));
        prop_assert_eq!(expires.is_ok(), due.contains(&Due::Expire(id)));
        let live = story
            .state
            .action(&id)
            .and_then(|known| known.live_permit());
        let lapses = story.clone().try_take(story.lapsed(id)).is_ok();
        let expected = live.is_some_and(|live| due.contains(&Due::Lapse(id, live.id)));
        prop_assert_eq!(lapses, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_accepted_keeps_the_rules(
        steps in prop::collection::vec((tries(), flaws()), 1..60),
    ) {
        let mut story = Story::new();
        let mut log = Vec::new();
        for kind in [Kind::LogOpened, Kind::CredentialEnrolled, Kind::AgentRegistered] {
            let leaf = story.leaf(kind);
            log.push(story.entry(leaf.clone()));
            story.take(leaf);
        }
        for (what, flaw) in steps {
            if let Some(mut leaf) = write(&mut story, what) {
                if let Some(flaw) = flaw {
                    spoil(&mut leaf, flaw, &log);
                }
                let entry = story.entry(leaf);
                let before = story.state.clone();
                match story.state.apply(&entry) {
                    Ok(_) => {
                        prop_assert_eq!(story.state.size(), before.size() + 1);
                        prop_assert_eq!(story.state.last_time(), entry.leaf.time);
                        log.push(entry);
                        check(&log)?;
                    }
                    Err(_) => prop_assert_eq!(&story.state, &before),
                }
            }
            check_due(&story)?;
        }
    }
}

#[test]
fn random_stories_reach_every_end() {
    // A property over stories in which nothing happens would prove nothing.
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(tries(), 1..60);
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..300 {
        let mut story = Story::before(Kind::ActionProposed);
        for what in steps.new_tree(&mut runner).expect("a story").current() {
            if let Some(leaf) = write(&mut story, what)
                && story.try_take(leaf).is_ok()
            {
                for known in story.state.actions() {
                    reached.insert(format!("{:?}", known.life()));
                    let permits = known.permits.iter();
                    reached.extend(permits.map(|permit| format!("{:?}", permit.status)));
                }
            }
        }
    }
    let ends = [
        "Approved",
        "Completed",
        "InForce",
        "Lapsed",
        "Over(Denied)",
        "Over(Expired)",
        "Over(Refused)",
        "Over(Withdrawn)",
        "Pending",
        "Redeemed",
    ];
    assert_eq!(reached.iter().map(String::as_str).collect::<Vec<_>>(), ends);
}
