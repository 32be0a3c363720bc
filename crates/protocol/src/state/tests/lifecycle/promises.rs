//! What is promised of every step, told from the world before and after it.
//!
//! Written without the model's rules, so that a rule that is missing there is
//! missed here.

use super::rules::{Flaw, Rules};
use super::world::{
    Action, Answer, Asked, End, Grant, Group, Key, LASTS, LENT, Loan, Scene, Scope, Step, WAIT,
    Who, World, groups, keys,
};

/// What a broken promise is called.
pub(super) type Broken = &'static str;

pub(super) const NO_QUORUM: Broken = "approved or used without the people that are demanded";
pub(super) const UNASKED: Broken = "approved where nobody was asked, or released where people were";
pub(super) const VETOED: Broken = "approved, released or used after a veto";
pub(super) const LATE: Broken = "decided or approved after it expired";
pub(super) const TWICE: Broken = "redeemed twice";
pub(super) const BEYOND: Broken = "redeemed past its permit or its approval";
pub(super) const LOST: Broken = "a verdict is lost";
pub(super) const UNCOUNTED: Broken = "an approval that counts is not counted";
pub(super) const FOREIGN: Broken = "decided by somebody who may not";
pub(super) const STOPPED: Broken = "a pause met it and it runs, or the pause is forgotten";
pub(super) const ENDED: Broken = "used for an agent that does not work";
pub(super) const GRANTED: Broken = "a grant approves more than was granted";
pub(super) const ESCALATED: Broken = "escalated out of time, twice, or to whom nobody named";
pub(super) const EARLY: Broken = "approved before its grace time was over";
pub(super) const PROLONGED: Broken = "approved again while its grace time stood";
pub(super) const CUT_SHORT: Broken = "expired while its grace time stood";
pub(super) const UNSTOPPABLE: Broken = "waits, and somebody who may decide cannot deny it";
pub(super) const NOT_LENT: Broken = "counts for a group that was not lent then";
pub(super) const REVIVED: Broken = "changed after its end";
pub(super) const STUCK: Broken = "waits for ever";
pub(super) const UNEXPLAINED: Broken = "can still run, and nothing says why";

/// Checks one step.
pub(super) fn kept(scene: &Scene, before: &World, step: Step, after: &World) -> Result<(), Broken> {
    let holds = |kept: bool, broken| if kept { Ok(()) } else { Err(broken) };
    if let Step::Escalate(action, group) = step {
        let (old, new) = (&before.actions[action], &after.actions[action]);
        let after = scene.asked.escalate.ok_or(ESCALATED)?;
        let due = old.proposed_at + after..old.proposed_at + WAIT;
        let waits = old.end.is_none() && !old.edited && due.contains(&before.now);
        let new_to_it = group == Group::Sre && old.escalated == 0;
        let nothing_else = Action {
            escalated: new.escalated,
            ..old.clone()
        };
        let told = new.escalated == 1 && nothing_else == *new;
        holds(waits && new_to_it && told, ESCALATED)?;
    }
    for (number, old) in before.actions.iter().enumerate() {
        let new = after.actions.get(number).ok_or(REVIVED)?;
        holds(
            keeps_verdicts(old, new)
                && new.broken.starts_with(&old.broken)
                && new.escalated >= old.escalated,
            LOST,
        )?;
        holds(!old.met || new.met, STOPPED)?;
        let over = old.end.is_some_and(|end| !end.runs()) || old.completed;
        let same = Action {
            met: old.met,
            ..new.clone()
        } == *old;
        holds(!over || same, REVIVED)?;
        if new.end != old.end && new.end.is_some_and(End::runs) {
            let asked = scene.asked.answer == Answer::Ask;
            holds(asked == (new.end == Some(End::Approved)), UNASKED)?;
            let grace = grace_until(scene, before, old);
            holds(before.now < old.proposed_at + WAIT || grace.is_some(), LATE)?;
            may_run_now(scene, before, old)?;
            holds(grace.is_none_or(|end| before.now >= end), EARLY)?;
        }
        if new.end != old.end && new.end == Some(End::Expired) {
            holds(grace_until(scene, before, old).is_none(), CUT_SHORT)?;
        }
        if new.redeemed > old.redeemed {
            holds(new.redeemed == 1, TWICE)?;
            let in_time = old.permit.is_some_and(|end| before.now < end);
            holds(in_time && before.now < old.use_before, BEYOND)?;
            may_run_now(scene, before, old)?;
        }
        if let Step::Pause(_, Scope::Agent | Scope::Run) = step {
            holds(new.met, STOPPED)?;
        }
    }
    if let Step::ProposeUnder(_) = step {
        let grant = before.grant.ok_or(GRANTED)?;
        let open = before.now < grant.given_at + LASTS && !grant.stopped && !grant.ended;
        let heard = is_heard(before, grant.key) && grant.key.of() != Who::Ada;
        holds(open && heard && !grant.used, GRANTED)?;
    }
    if let (Some(old), Some(new)) = (before.grant, after.grant) {
        let forgets = |old: Grant, new: Grant| old.used && !new.used || old.ended && !new.ended;
        holds(!forgets(old, new) && old.key == new.key, GRANTED)?;
        let paused = matches!(step, Step::Pause(_, Scope::Agent));
        holds(new.stopped == (old.stopped || paused), STOPPED)?;
    }
    if let Step::Decide {
        action,
        key,
        approves,
        ..
    } = step
    {
        let (old, new) = (&before.actions[action], &after.actions[action]);
        let stranger = key.of() == Who::Ada || old.editors.contains(&key.of());
        holds(!stranger && is_heard(before, key), FOREIGN)?;
        let grace = grace_until(scene, before, old).is_some();
        holds(!(grace && approves), PROLONGED)?;
        holds(before.now < old.proposed_at + WAIT || grace, LATE)?;
        holds(new.verdicts.len() == old.verdicts.len() + 1, LOST)?;
    }
    if let Step::Decide { action, key, .. } = step {
        // It is lent to who decides while it is.
        let open = |loan: Loan| !loan.ended && before.now < loan.given_at + LENT;
        let (old, new) = (&before.actions[action], &after.actions[action]);
        let lent = key == Key::Dan && before.loan.is_some_and(open);
        holds(!new.stood_in || old.stood_in || lent, NOT_LENT)?;
    }
    if let Step::Break(action, key) = step {
        let (old, new) = (&before.actions[action], &after.actions[action]);
        let stranger = key.of() == Who::Ada || old.editors.contains(&key.of());
        let bound = key != Key::Synced && scene.asked.glass;
        holds(!stranger && is_heard(before, key) && bound, FOREIGN)?;
        holds(denials(old) == 0, VETOED)?;
        holds(before.now < old.proposed_at + WAIT, LATE)?;
        holds(new.broken.len() == old.broken.len() + 1, LOST)?;
    }
    Ok(())
}

/// What must be so when an action is approved, released or used.
fn may_run_now(scene: &Scene, world: &World, known: &Action) -> Result<(), Broken> {
    let works = !world.agent_ended && world.here(Who::Ada);
    if denials(known) >= scene.asked.veto {
        Err(VETOED)
    } else if known.met {
        Err(STOPPED)
    } else if !works {
        Err(ENDED)
    } else if !is_demanded(&scene.asked, world, known) {
        Err(NO_QUORUM)
    } else {
        Ok(())
    }
}

fn keeps_verdicts(old: &Action, new: &Action) -> bool {
    let count = |of: &Action, given| of.verdicts.iter().filter(|one| **one == given).count();
    let mut given = old.verdicts.iter();
    given.all(|given| count(new, *given) >= count(old, *given))
}

fn denials(known: &Action) -> usize {
    let deny = |who| {
        known
            .verdicts
            .iter()
            .any(|(key, yes, _)| key.of() == who && !yes)
    };
    PEOPLE.into_iter().filter(|who| deny(*who)).count()
}

/// Whether what this key says of an action counts now.
fn is_heard(world: &World, key: Key) -> bool {
    world.counts(key) && world.reviews(key.of())
}

/// Whether that person approved it in advance and has not taken that back.
fn granted_by(world: &World, known: &Action, who: Who) -> bool {
    let by = known.granted.filter(|key| key.of() == who);
    let ended = world.grant.is_none_or(|grant| grant.ended);
    let mut theirs = known.verdicts.iter().filter(|(key, ..)| key.of() == who);
    by.is_some_and(|key| is_heard(world, key)) && !ended && theirs.all(|(_, yes, _)| *yes)
}

/// Whether that person broke glass for it, with a key that counts.
fn broken_by(world: &World, known: &Action, who: Who) -> bool {
    let mut broken = known.broken.iter();
    broken.any(|key| key.of() == who && is_heard(world, *key))
}

const PEOPLE: [Who; 4] = [Who::Ada, Who::Ben, Who::Cleo, Who::Dan];

/// Whether as many people as are demanded approve it now: by trying every two
/// sets of them that have nobody in common.
fn is_demanded(asked: &Asked, world: &World, known: &Action) -> bool {
    if asked.answer != Answer::Ask {
        return asked.answer == Answer::Release;
    }
    let approves = |who: &Who| {
        let theirs = || {
            known
                .verdicts
                .iter()
                .filter(move |(key, ..)| key.of() == *who)
        };
        let back = theirs().any(|(_, yes, _)| !yes);
        let given = theirs().any(|(key, yes, _)| *yes && is_heard(world, *key));
        !back && (given || broken_by(world, known, *who) || granted_by(world, known, *who))
    };
    let glass = PEOPLE.into_iter().any(|who| broken_by(world, known, who));
    if asked.glass && glass && denials(known) == 0 {
        return true;
    }
    let people: Vec<Who> = PEOPLE.into_iter().filter(approves).collect();
    let all_in = |set: u8, group: Group, wanted: usize| {
        let chosen = people
            .iter()
            .enumerate()
            .filter(|(at, _)| set >> at & 1 == 1);
        let mut chosen = chosen.map(|(_, who)| *who);
        let is_in = |who: Who| {
            let lent = who == Who::Dan && group == Group::Sre && is_lent(world, known);
            lent || groups(who, world.record(who)).contains(&group)
        };
        set.count_ones() as usize == wanted && chosen.all(is_in)
    };
    let sets = 0..1_u8 << people.len();
    let assigned = sets.clone().any(|one| {
        let mut others = sets.clone();
        all_in(one, Group::Security, asked.security)
            && others.any(|other| one & other == 0 && all_in(other, Group::Sre, asked.sre))
    });
    people.len() >= asked.quorum && assigned
}

/// Whether Ben's seat in sre is Dan's for this action: it is his still, and
/// nobody else has it.
fn is_lent(world: &World, known: &Action) -> bool {
    let has = groups(Who::Ben, world.record(Who::Ben)).contains(&Group::Sre);
    let takes_it = known.verdicts.iter().any(|(key, ..)| key.of() == Who::Ben)
        || known.broken.iter().any(|key| key.of() == Who::Ben);
    // Of an action that waits for its successor nobody asks any more.
    let edited = known.editors.contains(&Who::Ben) && !known.edited;
    let in_hand = world.loan.is_some_and(|loan| !loan.ended && !loan.moved);
    let runs = !world.agent_ended && world.here(Who::Ada) && !known.met;
    known.stood_in && in_hand && has && is_heard(world, Key::Ben) && !takes_it && !edited && runs
}

/// The end of the grace time that stands: after the newest approval that counts.
fn grace_until(scene: &Scene, world: &World, known: &Action) -> Option<u8> {
    let waits = known.end.is_none() && !known.edited && scene.asked.grace > 0;
    let glass = PEOPLE.into_iter().any(|who| broken_by(world, known, who));
    let urgent = glass && denials(known) == 0;
    if !waits || urgent || may_run_now(scene, world, known).is_err() {
        return None;
    }
    let of = |who: Who| {
        let theirs = || {
            known
                .verdicts
                .iter()
                .filter(move |(key, ..)| key.of() == who)
        };
        let back = theirs().any(|(_, yes, _)| !yes);
        let given = theirs().filter(|(key, ..)| is_heard(world, *key));
        let newest = given.map(|(.., at)| *at).max();
        let granted = granted_by(world, known, who).then_some(known.proposed_at);
        newest.max(granted).filter(|_| !back)
    };
    let newest = PEOPLE.into_iter().filter_map(of).max()?;
    Some(newest + scene.asked.grace)
}

/// Whether an action can still run, for all that its history says. What can be
/// redeemed later must be explained by this now.
pub(super) fn may_still_run(scene: &Scene, world: &World, known: &Action) -> bool {
    let works = !world.agent_ended && world.here(Who::Ada);
    let vetoed = denials(known) >= scene.asked.veto;
    let in_time = match known.end {
        None => {
            // A quorum that was lost may come back, and its grace time with it.
            let approved = known.granted.is_some() || known.verdicts.iter().any(|(_, yes, _)| *yes);
            let grace = scene.asked.grace > 0 && approved;
            (world.now < known.proposed_at + WAIT || grace) && !known.edited
        }
        Some(end) => end.runs() && world.now < known.use_before,
    };
    let refused = scene.asked.answer == Answer::Refuse;
    works && in_time && !vetoed && !known.met && known.redeemed == 0 && !refused
}

/// Whether each action has come to an end. An edit whose successor is missing
/// is excused: the gateway writes both in one commit.
pub(super) fn is_at_rest(world: &World) -> bool {
    let mut actions = world.actions.iter().enumerate();
    actions.all(|(number, known)| {
        let half_done = known.edited && world.actions.len() == number + 1;
        half_done || world.is_over(known)
    })
}

/// Which promise catches each flaw, and in which scene.
pub(super) const CAUGHT: [(Flaw, &str, Broken); 44] = [
    (Flaw::GroupsUnread, "sre", NO_QUORUM),
    (Flaw::OneForTwoGroups, "two groups", NO_QUORUM),
    (Flaw::KeysAreCounted, "two people", NO_QUORUM),
    (Flaw::VetoSkipped, "one person", VETOED),
    (Flaw::VetoSkippedAtRelease, "released", VETOED),
    (Flaw::ApprovedUnasked, "released", UNASKED),
    (Flaw::ApprovedLate, "one person", LATE),
    (Flaw::DecidedLate, "one person", LATE),
    (Flaw::NotCountedAnew, "one person", NO_QUORUM),
    (Flaw::RedeemedTwice, "one person", TWICE),
    (Flaw::RedeemedLate, "one person", BEYOND),
    (Flaw::PermitBeyond, "one person", BEYOND),
    (Flaw::RoleUnread, "one person", NO_QUORUM),
    (Flaw::VerdictLost, "one person", LOST),
    (Flaw::AllKeysRevoked, "one person", UNCOUNTED),
    (Flaw::PauseForgotten, "one person", STOPPED),
    (Flaw::EndedAgentRuns, "one person", ENDED),
    (Flaw::EditorDecides, "an edit", FOREIGN),
    (Flaw::OwnerDecides, "one person", FOREIGN),
    (Flaw::NeverExpires, "one person", STUCK),
    (Flaw::GrantLate, "a grant", GRANTED),
    (Flaw::GrantOutlivesPause, "a grant", GRANTED),
    (Flaw::GrantOutlivesEnd, "a grant", NO_QUORUM),
    (Flaw::GrantOverDenial, "a grant and a denial", NO_QUORUM),
    (Flaw::GlassOverDenial, "broken glass", VETOED),
    (Flaw::GlassUncounted, "broken glass", NO_QUORUM),
    (Flaw::EscalatedEarly, "an escalation", ESCALATED),
    (Flaw::EscalatedLate, "an escalation", ESCALATED),
    (Flaw::EscalatedTwice, "an escalation", ESCALATED),
    (Flaw::EscalatedOver, "an escalation", ESCALATED),
    (Flaw::EscalatedElsewhere, "an escalation", ESCALATED),
    (Flaw::GraceSkipped, "a grace time", EARLY),
    (Flaw::GraceProlonged, "a grace time", PROLONGED),
    (Flaw::ExpiresInGrace, "a grace time", CUT_SHORT),
    (Flaw::StoppedTooLate, "a grace time", UNSTOPPABLE),
    (Flaw::GraceOutlivesQuorum, "a grace time", STUCK),
    (Flaw::NotTakenBack, "two people", UNSTOPPABLE),
    (Flaw::TakenBackCounts, "taking back", NO_QUORUM),
    (Flaw::LoanTimeless, "a loan", NOT_LENT),
    (Flaw::LoanOutlivesEnd, "a loan", NO_QUORUM),
    (Flaw::LoanDoubles, "a loan of one of two", NO_QUORUM),
    (Flaw::LoanInTwoHands, "a loan", NO_QUORUM),
    (Flaw::LoanOutlivesOwner, "a loan", NO_QUORUM),
    (Flaw::EditorLends, "a loan and an edit", NO_QUORUM),
];

/// Whether an approval counts for as long as its key and its person's role do.
pub(super) fn all_count(rules: &Rules<'_>, world: &World) -> Result<(), Broken> {
    let overlooks = |known: &Action| {
        let demanded = is_demanded(&rules.scene.asked, world, known);
        demanded && !rules.has_quorum(world, known)
    };
    if world.actions.iter().any(overlooks) {
        return Err(UNCOUNTED);
    }
    Ok(())
}

/// Whether each who may decide on what waits can deny it, unless they have.
pub(super) fn can_stop(rules: &Rules<'_>, world: &World) -> Result<(), Broken> {
    let unstoppable = |known: &Action| {
        let grace = grace_until(rules.scene, world, known).is_some();
        let open = known.end.is_none() && !known.edited && !known.met;
        let works = !world.agent_ended && world.here(Who::Ada);
        let waits = open && works && (world.now < known.proposed_at + WAIT || grace);
        let denied = |who: Who| {
            let mut given = known.verdicts.iter();
            given.any(|(key, yes, _)| key.of() == who && !yes)
        };
        let may = |key: &Key| {
            let stranger = key.of() == Who::Ada || known.editors.contains(&key.of());
            is_heard(world, *key) && !stranger && !denied(key.of())
        };
        let mut people = keys(rules.scene).filter(may);
        waits && people.any(|key| !rules.may_decide(world, known, key, false))
    };
    if world.actions.iter().any(unstoppable) {
        return Err(UNSTOPPABLE);
    }
    Ok(())
}
