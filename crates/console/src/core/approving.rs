//! What the policy has to do with one action: whether this person may approve
//! it, which approvals it still needs, and why it was refused.
//!
//! The answer hangs on the policy and the inputs in the copy of the log here,
//! so it is there before any key prompt, and does not hang on the gateway.

use vidimus_policy::{Facts, Inputs, PersonInput, Set, Situation};
use vidimus_protocol::action::{Action, INPUTS_TYPE, PAYLOAD_TYPE};
use vidimus_protocol::entry::{Decision, Evaluation, Profile, Resolution};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::id::ReviewerId;
use vidimus_protocol::state::{ActionState, Credential, Life};
use vidimus_protocol::{Digest, Time};

use super::delegations::seat;
use super::{Base, Core, now};
use crate::act::sentence;
use crate::inbox::reviewer_name;
use crate::render::{self, time_words};
use crate::safe_text;
use crate::view::{Fact, Problem};

/// How long an answer for the lists is good, unless the person's record or
/// groups change: a policy may ask for the time of day.
const GOOD_FOR_MS: u64 = 10_000;
/// Policies that one line names.
const MOST_NAMED: usize = 5;

/// Whoever may not approve may still do this.
const ELSE: &str = "You can deny it, or leave it to others.";

/// Whether a person may approve something, as far as the policy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByPolicy {
    May,
    MayNot,
    /// What the answer hangs on is on its way.
    NotKnown,
}

/// An answer that was given for the lists.
#[derive(Clone)]
pub(super) struct Given {
    at: Time,
    person: Digest,
    groups: Vec<String>,
    answer: ByPolicy,
}

impl Core {
    /// Why this person may not approve it now, though they may deny it, if so.
    pub(super) fn approve_blocked(&self, base: &Base, action: &ActionState) -> Option<Problem> {
        if action.life() != Life::Pending || action.evaluation.decision != Decision::Ask {
            return None;
        }
        let me = self.reviewer()?;
        let state = base.state();
        if state.approved_by(action, now()).contains(&me) {
            let mut given = action.verdicts.iter();
            let seen = given.any(|given| given.reviewer == me && given.grant.is_none());
            return Some(match seen {
                true => Problem::new(
                    "decided_already",
                    "You have approved it already.",
                    "You can take that back as long as it waits.",
                ),
                false => Problem::new(
                    "approved_in_advance",
                    "A standing grant of yours approves it already.",
                    "You can deny it, or end the grant.",
                ),
            });
        }
        if state.starts_at(action, now()).is_some() {
            return Some(Problem::new(
                "approved_enough",
                "Enough people have approved it.",
                "You can deny it until it starts.",
            ));
        }
        self.approval_blocked(base, action)
    }

    /// Why no approval of theirs, of whatever sort, is right for it, if so.
    pub(super) fn approval_blocked(&self, base: &Base, action: &ActionState) -> Option<Problem> {
        let me = self.reviewer()?;
        let misjudged = || match base.misjudged(action) {
            Ok(None) => None,
            Ok(Some(why)) => Some(Problem::new(
                "misjudged",
                why,
                "Keep an export as evidence. You can deny it.",
            )),
            // What cannot be checked is not right for that.
            Err(problem) => Some(problem),
        };
        base.approve_blocked(action, me, now()).or_else(misjudged)
    }

    /// The same for the lists, which ask it of every action at every change.
    pub(super) fn by_policy(&self, base: &Base, action: &ActionState) -> ByPolicy {
        if action.policy.is_none() {
            return ByPolicy::May;
        }
        let Some(me) = self.reviewer().and_then(|me| base.state().reviewer(&me)) else {
            return ByPolicy::May;
        };
        let (now, person) = (now(), me.entry.leaf);
        let groups = base.state().groups_for(action, me.id, now);
        if let Some(given) = base.given.borrow().get(&action.id)
            && given.person == person
            && given.groups == groups
            && now.unix_ms().abs_diff(given.at.unix_ms()) < GOOD_FOR_MS
        {
            return given.answer;
        }
        let blocked = base.approve_blocked(action, me.id, now);
        let answer = match &blocked {
            None => ByPolicy::May,
            // Asked for again when it has come.
            Some(problem) if problem.code == super::review::NOT_HERE => return ByPolicy::NotKnown,
            Some(_) => ByPolicy::MayNot,
        };
        let given = Given {
            at: now,
            person,
            groups,
            answer,
        };
        base.given.borrow_mut().insert(action.id, given);
        answer
    }

    /// What the policy says of it, in the order in which people ask.
    pub(super) fn policy_facts(&self, base: &Base, action: &ActionState) -> Vec<Fact> {
        let mut facts = render::policy(&action.evaluation);
        // After the decision itself; what was refused says why first.
        let refused = action.evaluation.decision == Decision::Refuse;
        let at = if refused { facts.len() - 1 } else { 1 };
        facts.splice(at..at, base.progress(action));
        if let Ok(Some(wrong)) = base.misjudged(action) {
            facts.insert(0, render::said("Not as the policy says", wrong));
        }
        facts
    }
}

impl Base {
    fn approve_blocked(&self, action: &ActionState, me: ReviewerId, now: Time) -> Option<Problem> {
        self.own_policy(action, me, now)
            .or_else(|| self.unassured(action, me, now))
            .or_else(|| self.not_permitted(action, me, now))
    }

    /// Who signed the policy does not approve under it, for as long as that policy
    /// says.
    fn own_policy(&self, action: &ActionState, me: ReviewerId, now: Time) -> Option<Problem> {
        let team = self.state().log()?.opened.profile == Profile::Team;
        let policy = action.policy.as_ref()?;
        let until = policy.since.plus_seconds(action.evaluation.separate_s);
        (team && policy.signers.contains(&me) && now < until).then(|| {
            Problem::new(
                "own_policy",
                format!(
                    "You signed the policy under which it was proposed. Until {} others approve under it.",
                    time_words(until)
                ),
                ELSE,
            )
        })
    }

    fn unassured(&self, action: &ActionState, me: ReviewerId, now: Time) -> Option<Problem> {
        let wanted = &action.evaluation.assurance;
        if wanted.is_empty() || self.keys_of(me, now).any(|key| key.assures(wanted)) {
            return None;
        }
        Some(Problem::new(
            "assurance_missing",
            format!(
                "The policy counts {} for it, and you have none.",
                render::assurance(wanted)
            ),
            "You can deny it, leave it to others, or add such a key first.",
        ))
    }

    fn not_permitted(&self, action: &ActionState, me: ReviewerId, now: Time) -> Option<Problem> {
        let (set, inputs) = match self.judged_by(action)? {
            Ok(judged) => judged,
            Err(problem) => return Some(problem),
        };
        let person = PersonInput::approving(self.state(), action, me, now)?;
        let why = set.may_approve(&person, &inputs, now).err()?;
        Some(Problem::new(
            "not_permitted",
            safe_text::flat(&sentence(&why.to_string())),
            ELSE,
        ))
    }

    /// The set that governs an action and the inputs that it was judged by;
    /// none where no policy does.
    fn judged_by(
        &self,
        action: &ActionState,
    ) -> Option<Result<(std::sync::Arc<Set>, Inputs), Problem>> {
        let policy = action.policy.as_ref()?;
        let read = || {
            let set = self.policy_at(policy.entry.index, policy.digest)?.set;
            Ok((set, self.inputs(action)?))
        };
        Some(read())
    }

    fn inputs(&self, action: &ActionState) -> Result<Inputs, Problem> {
        let index = action.proposal.index;
        let leaf = self.leaf(index).ok_or_else(super::review::not_here)?;
        let part = leaf.part("inputs").ok_or_else(super::review::not_here)?;
        let (bytes, _) = self.checked_part(index, "inputs", INPUTS_TYPE, part.commit)?;
        Inputs::parse(&bytes).map_err(|error| super::review::unreadable("inputs", error))
    }

    /// The keys of a person that count.
    pub(super) fn keys_of(
        &self,
        person: ReviewerId,
        now: Time,
    ) -> impl Iterator<Item = &Credential> {
        let state = self.state();
        let theirs = state
            .credentials()
            .filter(move |key| key.reviewer == person);
        theirs.filter(move |key| state.counts(key, now).is_ok())
    }

    /// Which approvals there are, and what is, was or would have been needed.
    fn progress(&self, action: &ActionState) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut say = |label: &str, text: &str| facts.push(render::said(label, text));
        let asked = &action.evaluation;
        if asked.decision == Decision::Ask && action.policy.is_some() {
            let approved = self.approved(action);
            if !approved.is_empty() {
                say("Approved by", &approved.join(", "));
            }
        }
        match action.resolved.as_ref().map(|resolved| resolved.resolution) {
            None => {
                if let Some(still) = self.still_needed(action) {
                    say("Still needed", &format!("{still}."));
                }
            }
            Some(Resolution::Expired) => {
                if let Some(still) = self.still_needed(action) {
                    say("Was missing", &format!("{still}."));
                }
            }
            Some(Resolution::Denied) => {
                let denied = self.people(action, Verdict::Deny);
                say("Denied by", &format!("{}.", denied.join(", ")));
                let needed = render::people(asked);
                say(
                    "Would have been needed",
                    &format!(
                        "Approval by {needed}, and fewer than {} against it.",
                        denials(asked.veto)
                    ),
                );
            }
            Some(Resolution::Refused) => {
                if let Some(needed) = self.would_have_needed(action) {
                    say("Would have been needed", &needed);
                }
            }
            _ => {}
        }
        facts
    }

    /// Whose approvals count, with the groups that are asked for.
    fn approved(&self, action: &ActionState) -> Vec<String> {
        let state = self.state();
        let seats = state.seats(action, now());
        let seats = seats.iter().map(|given| seat(state, action, given));
        let mut people: Vec<String> = seats.collect();
        people.sort_unstable();
        people
    }

    fn people(&self, action: &ActionState, verdict: Verdict) -> Vec<String> {
        let given = action.verdicts.iter();
        let mut names: Vec<String> = given
            .filter(|given| given.verdict == verdict)
            .map(|given| {
                let name = reviewer_name(self.state(), given.reviewer);
                match given.grant {
                    Some(_) => format!("{name} (in advance)"),
                    None => name,
                }
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Who is needed beside those who approved, in words.
    pub(super) fn still_needed(&self, action: &ActionState) -> Option<String> {
        let state = self.state();
        let asked = &action.evaluation;
        let seats = state.seats(action, now());
        let groups: Vec<&[String]> = seats.iter().map(|(_, groups)| groups.as_slice()).collect();
        vidimus_policy::missing(asked, &groups)
    }

    /// For what was refused: what would have had to be otherwise.
    fn would_have_needed(&self, action: &ActionState) -> Option<String> {
        action.policy.as_ref()?;
        let asked = &action.evaluation;
        let after = "An administrator can change the policy; then its agent proposes it anew.";
        if !asked.policies.is_empty() {
            return Some(format!(
                "That {} had not said no. {after}",
                some(asked.policies.iter().map(String::as_str))
            ));
        }
        let (set, _) = self.judged_by(action)?.ok()?;
        let permits = set.rules().filter(|rule| {
            rule.permits && rule.questions.contains(&vidimus_policy::Question::Propose)
        });
        Some(format!(
            "A policy that lets this agent propose it. Those that let agents propose anything do not hold for it: {}. {after}",
            some(permits.map(|rule| rule.id.as_str()))
        ))
    }

    /// What is wrong with an evaluation: its inputs are not what this console
    /// sees in the log and in the action, or it is not what the policy gives for
    /// them. The gateway is not believed: it may ask for less than the policy.
    ///
    /// # Errors
    /// Why it cannot be checked here.
    fn misjudged(&self, action: &ActionState) -> Result<Option<&'static str>, Problem> {
        let index = action.proposal.index;
        let (payload, _) = self.checked_part(index, "payload", PAYLOAD_TYPE, action.digest)?;
        let what =
            Action::parse(&payload).map_err(|error| super::review::unreadable("payload", error))?;
        if let Some(why) = self.uncovered(action, &what)? {
            return Ok(Some(why));
        }
        let Some(judged) = self.judged_by(action) else {
            return Ok(None);
        };
        let (set, inputs) = judged?;
        // It is kept while somebody can still decide.
        let known = self.situations.get(&action.id);
        if known.is_none() && action.resolved.is_none() {
            return Err(unchecked());
        }
        let evaluation = &action.evaluation;
        Ok(misjudged(&set, &inputs, &what, known, evaluation))
    }
}

fn unchecked() -> Problem {
    Problem::new(
        "unchecked",
        "It cannot be checked on this computer what it was judged by.",
        "Do not approve it here. You can deny it, or leave it to others.",
    )
}

const OTHERWISE: &str = "The gateway judged something else than what stands here.";

/// What is wrong with an evaluation, seen from the action, the policy, and what
/// the log says of its agent and the time.
fn misjudged(
    set: &Set,
    inputs: &Inputs,
    what: &Action,
    known: Option<&Situation>,
    evaluation: &Evaluation,
) -> Option<&'static str> {
    let as_known = known.is_none_or(|known| inputs.situation() == known.clone().wishing(inputs));
    let of_it = as_known
        && inputs.kind == what.kind()
        && inputs.target == what.target
        && inputs.facts == Facts::of(what);
    if !of_it {
        return Some(OTHERWISE);
    }
    // Words may change from version to version; what is asked for may not.
    let asked = Evaluation {
        reasons: evaluation.reasons.clone(),
        ..set.evaluate(inputs)
    };
    (asked != *evaluation)
        .then_some("The gateway asks for something else than the policy in the ledger does.")
}

fn denials(veto: Option<u64>) -> u64 {
    veto.unwrap_or(1)
}

/// Some of these, and how many more there are.
fn some<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<&str> = ids.collect();
    let named = ids.iter().take(MOST_NAMED).copied();
    let mut words = named.collect::<Vec<_>>().join(", ");
    if let more @ 1.. = ids.len().saturating_sub(MOST_NAMED) {
        words.push_str(&format!(" and {more} more"));
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_policy::{AgentInput, PolicyText, starter};
    use vidimus_protocol::envelope::Role;
    use vidimus_protocol::id::AgentId;
    use vidimus_verify::testkit::sample_action;

    fn inputs(what: &Action) -> Inputs {
        let owner = PersonInput {
            groups: Vec::new(),
            id: ReviewerId::from_random([1; 16]),
            identity: "ada".into(),
            name: "Ada".into(),
            roles: vec![Role::Reviewer],
        };
        Inputs {
            agent: AgentInput {
                id: AgentId::from_random([2; 16]),
                name: "builder".into(),
                owner,
            },
            facts: Facts::of(what),
            first_of_kind: true,
            kind: what.kind(),
            last_hour: 0,
            last_hour_of_kind: 0,
            quorum: 1,
            run: None,
            target: what.target.clone(),
            time: Time::from_unix_ms(1_795_253_400_000),
            wait_s: None,
        }
    }

    #[test]
    fn a_gateway_that_asks_for_less_than_the_policy_is_noticed() {
        let text = PolicyText::new(starter(Profile::Team)).unwrap();
        let set = Set::parse(&text, Profile::Team, "policy/7").unwrap();
        let mut what = sample_action(1);
        what.target.environment = "production".into();
        let inputs = inputs(&what);
        let right = set.evaluate(&inputs);
        assert_eq!(right.quorum, 2);
        let known = inputs.situation();
        let judge = |inputs: &Inputs, what: &Action, evaluation: &Evaluation| {
            misjudged(&set, inputs, what, Some(&known), evaluation)
        };
        assert_eq!(judge(&inputs, &what, &right), None);
        let said_otherwise = Evaluation {
            reasons: vec!["In other words.".into()],
            ..right.clone()
        };
        assert_eq!(judge(&inputs, &what, &said_otherwise), None);
        let fewer = Evaluation {
            quorum: 1,
            ..right.clone()
        };
        let found = judge(&inputs, &what, &fewer);
        assert!(found.unwrap().contains("something else than the policy"));
        let mut elsewhere = what.clone();
        elsewhere.target.environment = "staging".into();
        assert_eq!(judge(&inputs, &elsewhere, &right), Some(OTHERWISE));
        // What the log knows beside the action is not the gateway's to say.
        type Forge = fn(&mut Inputs);
        let forgeries: [Forge; 8] = [
            |inputs| inputs.last_hour = 9,
            |inputs| inputs.last_hour_of_kind = 9,
            |inputs| inputs.first_of_kind = false,
            |inputs| inputs.quorum = 2,
            |inputs| inputs.agent.name = "other".into(),
            |inputs| inputs.agent.owner.groups = vec!["sre".into()],
            |inputs| inputs.agent.owner.roles = Vec::new(),
            |inputs| inputs.run = "other".parse().ok(),
        ];
        for (at, forge) in forgeries.into_iter().enumerate() {
            let mut forged = inputs.clone();
            forge(&mut forged);
            assert_ne!(forged, inputs, "{at}");
            let evaluation = set.evaluate(&forged);
            assert_eq!(judge(&forged, &what, &evaluation), Some(OTHERWISE), "{at}");
        }
        // How long it would wait only its agent knows.
        let mut patient = inputs.clone();
        patient.wait_s = Some(60);
        assert_eq!(judge(&patient, &what, &set.evaluate(&patient)), None);
    }
}
