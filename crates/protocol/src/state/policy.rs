//! The policy in force, who brought it there, and what an evaluation may ask.

use std::sync::Arc;

use super::{
    Effect, LONGEST_GRACE_S, MAX_ESCALATIONS, MAX_QUORUM, PartRule, State, Violation, expect_parts,
    expect_refs, group_is_fit,
};
use crate::action::{MAX_POLICY, POLICY_TYPE};
use crate::bytes::{Blob, Digest};
use crate::entry::{Assurance, Decision, Entry, Evaluation, PolicyChanged, Profile, Ref};
use crate::envelope::{ActType, Role};
use crate::id::ReviewerId;
use crate::time::Time;

use super::{Credential, Rules};

const POLICY: PartRule = PartRule {
    name: "policy",
    content_type: POLICY_TYPE,
    most: MAX_POLICY,
    required: true,
};

/// Most groups that one evaluation names.
pub const MAX_DEMANDS: usize = 16;

/// The policy in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivePolicy {
    /// Commit of its `policy` part.
    pub digest: Digest,
    /// The `policy.changed` that brought it in force.
    pub entry: Ref,
    /// Since when it is in force.
    pub since: Time,
    /// Who gave their word for it, in order.
    pub signers: Vec<ReviewerId>,
}

/// An administrator's word for a policy that is not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWord {
    /// Commit of its `policy` part.
    pub policy: Digest,
    /// Whose word it is.
    pub by: ReviewerId,
    /// The key that signed it.
    pub credential: Blob,
    /// Its `policy.changed`.
    pub entry: Ref,
}

impl State {
    /// The policy in force; none: the built-in rules of the log's profile.
    #[must_use]
    pub fn policy(&self) -> Option<&ActivePolicy> {
        self.policy.as_deref()
    }

    /// Words for policies that would take the place of the one in force, in
    /// order, also those that count no more.
    #[must_use]
    pub fn policy_words(&self) -> &[PolicyWord] {
        &self.policy_words
    }

    /// The words for this policy that count, in order.
    pub fn words_for(&self, policy: Digest, now: Time) -> impl Iterator<Item = &PolicyWord> {
        self.policy_words
            .iter()
            .filter(move |word| word.policy == policy && self.word_counts(word, now))
    }

    /// How many administrators must agree to a change of the policy.
    #[must_use]
    pub fn policy_quorum(&self) -> usize {
        self.administrators().take(2).count()
    }

    /// What a `policy.changed` replaces: the one that brought the present policy
    /// in force, or `log.opened`.
    #[must_use]
    pub fn policy_base(&self) -> Option<Ref> {
        let opening = self.log.as_ref().map(|log| Ref {
            index: 0,
            leaf: log.id,
        });
        self.policy().map(|policy| policy.entry).or(opening)
    }

    pub(super) fn change_policy(
        &mut self,
        entry: &Entry,
        data: &PolicyChanged,
    ) -> Result<Option<Effect>, Violation> {
        let (leaf, signed) = (&entry.leaf, &data.signed);
        let item = &signed.item;
        let key = self.signing_key(entry, signed)?;
        if !self.person(key.reviewer)?.is(Role::Administrator) {
            return Err(Violation::NotAllowed);
        }
        let base = self.policy_base().ok_or(Violation::NotOpened)?;
        let standing: Vec<&PolicyWord> = self.words_for(item.policy, leaf.time).collect();
        let words = standing.iter().map(|word| word.entry);
        let newest = words.clone().map(|word| word.index).max();
        let covered = key
            .entry
            .index
            .max(base.index)
            .max(newest.unwrap_or_default());
        self.check_act(entry, signed, ActType::PolicyChanged, covered + 1)?;
        let refs: Vec<Ref> = [key.entry, base].into_iter().chain(words).collect();
        expect_refs(leaf, &refs)?;
        expect_parts(&leaf.parts, &[POLICY])?;
        if item.replaces != base.leaf {
            return Err(Violation::WrongStatement);
        }
        if leaf.part(POLICY.name).map(|part| part.commit) != Some(item.policy) {
            return Err(Violation::WrongStatement);
        }
        // Whose key counts again may stand here twice.
        let mut signers: Vec<ReviewerId> = Vec::new();
        for word in &standing {
            if !signers.contains(&word.by) {
                signers.push(word.by);
            }
        }
        let is_new = !signers.contains(&key.reviewer);
        if is_new {
            signers.push(key.reviewer);
        }
        let enough = signers.len() >= self.policy_quorum();
        // Others may have left since their first word: then their second is enough.
        if !is_new && !enough {
            return Err(Violation::DecidedAlready);
        }
        let word = PolicyWord {
            policy: item.policy,
            by: key.reviewer,
            credential: key.id.clone(),
            entry: entry.reference(),
        };
        self.use_key(entry, signed);
        if enough {
            self.policy_words.clear();
            self.policy = Some(Arc::new(ActivePolicy {
                digest: item.policy,
                entry: entry.reference(),
                since: leaf.time,
                signers,
            }));
        } else {
            self.policy_words.push(word);
        }
        Ok(None)
    }

    fn word_counts(&self, word: &PolicyWord, now: Time) -> bool {
        let administers = |id| {
            self.person(id)
                .is_ok_and(|person| person.is(Role::Administrator))
        };
        let key = self.credentials.get(&word.credential);
        administers(word.by) && key.is_some_and(|key| self.counts(key, now).is_ok())
    }

    /// Whether an evaluation can stand in this log: it asks for people who may
    /// be found, and for nothing that only a policy asks for where none is in
    /// force.
    pub(super) fn check_evaluation(
        &self,
        asked: &Evaluation,
        rules: &Rules,
    ) -> Result<(), Violation> {
        let profile = self.opened()?.opened.profile;
        // In a personal log there is one person to ask.
        let people = match profile {
            Profile::Personal => 1..=1,
            Profile::Team => rules.quorum..=MAX_QUORUM,
        };
        let enough = match asked.decision {
            Decision::Ask => people.contains(&asked.quorum),
            Decision::Refuse => true,
            Decision::Release => asked.quorum == 0 && asked.groups.is_empty(),
        };
        let by_policy = !asked.policies.is_empty();
        let plain = asked.decision != Decision::Release
            && !by_policy
            && asked.assurance.is_empty()
            && asked.escalate.is_empty()
            && asked.groups.is_empty()
            && !asked.reason_required
            && !asked.full_review
            && asked.grace_s == 0
            && asked.separate_s == 0
            && !asked.standing
            && !asked.break_glass
            && asked.veto.is_none();
        let founded = match self.policy {
            Some(_) => by_policy || asked.decision == Decision::Refuse,
            None => plain,
        };
        let mut of_groups = asked.groups.iter().map(|demand| demand.people);
        let of_groups = of_groups.try_fold(0_u64, u64::checked_add);
        let groups_fit = asked.groups.len() <= MAX_DEMANDS
            && (asked.groups).is_sorted_by(|one, next| one.group < next.group)
            && asked
                .groups
                .iter()
                .all(|demand| demand.people > 0 && group_is_fit(&demand.group))
            && of_groups.is_some_and(|people| people <= asked.quorum)
            && (profile == Profile::Team || asked.groups.is_empty() && !asked.break_glass);
        let grace_fits = asked.grace_s == 0
            || asked.grace_s <= LONGEST_GRACE_S && asked.decision == Decision::Ask;
        // An approval in advance is never of the whole of it.
        let review_fits = !asked.full_review || asked.decision == Decision::Ask && !asked.standing;
        let escalates = profile == Profile::Team && asked.decision == Decision::Ask;
        let escalations_fit = asked.escalate.len() <= MAX_ESCALATIONS
            && (asked.escalate).is_sorted_by(|one, next| one.group < next.group)
            && (asked.escalate.iter()).all(|step| step.after_s > 0 && group_is_fit(&step.group))
            && (escalates || asked.escalate.is_empty());
        let fit = groups_fit
            && grace_fits
            && review_fits
            && escalations_fit
            && asked.assurance.is_sorted_by(|one, next| one < next)
            && asked.policies.is_sorted_by(|one, next| one < next)
            && asked
                .veto
                .is_none_or(|veto| (2..=MAX_QUORUM).contains(&veto));
        if enough && founded && fit {
            Ok(())
        } else {
            Err(Violation::BadEvaluation)
        }
    }
}

/// Whether these people can be told apart into what each group must give.
pub(super) fn groups_are_met(asked: &Evaluation, seats: &[(ReviewerId, Vec<String>)]) -> bool {
    let people: Vec<&[String]> = seats.iter().map(|(_, groups)| groups.as_slice()).collect();
    let slots: Vec<&str> = asked
        .groups
        .iter()
        .flat_map(|demand| (0..demand.people).map(|_| demand.group.as_str()))
        .collect();
    // Kuhn's algorithm: whoever stands in the way moves to another slot.
    let mut seat_of: Vec<Option<usize>> = vec![None; people.len()];
    (0..slots.len()).all(|slot| {
        let mut asked = vec![false; people.len()];
        seat(slot, &slots, &people, &mut seat_of, &mut asked)
    })
}

fn seat(
    slot: usize,
    slots: &[&str],
    people: &[&[String]],
    seat_of: &mut [Option<usize>],
    asked: &mut [bool],
) -> bool {
    for person in 0..people.len() {
        let fits = people[person].iter().any(|group| group == slots[slot]);
        if !fits || std::mem::replace(&mut asked[person], true) {
            continue;
        }
        let moves = match seat_of[person] {
            Some(other) => seat(other, slots, people, seat_of, asked),
            None => true,
        };
        if moves {
            seat_of[person] = Some(slot);
            return true;
        }
    }
    false
}

impl Credential {
    /// Whether it can prove all of that.
    #[must_use]
    pub fn assures(&self, wanted: &[Assurance]) -> bool {
        wanted.iter().all(|assurance| match assurance {
            Assurance::DeviceBound => !self.backup_eligible,
            Assurance::ProvenModel => self.model.is_some(),
        })
    }
}
