//! Break-glass: one person lets an action run without the others whom the policy
//! asks for, where it allows that, and an administrator looks at it afterwards.

use super::verdicts::REASON;
use super::{ActionState, Credential, Effect, Reviewer, State, VerdictRecord, Violation};
use super::{expect_parts, expect_refs};
use crate::bytes::Digest;
use crate::entry::{Assurance, Entry, Ref, VerdictReviewed};
use crate::envelope::{ActType, Finding, Role, Verdict};
use crate::id::{ActionId, ReviewerId};
use crate::time::Time;

/// Shortest reason for breaking glass, bytes.
pub const MIN_URGENT_REASON: u64 = 20;
/// Most broken glasses of one person that wait for their review.
pub const MAX_UNREVIEWED: usize = 3;

/// What an administrator found, afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Review {
    /// Who looked at it.
    pub by: ReviewerId,
    /// What they found.
    pub finding: Finding,
    /// Its `verdict.reviewed`.
    pub entry: Ref,
    /// When.
    pub time: Time,
}

impl State {
    /// The verdicts with which somebody broke glass and that nobody has reviewed, in
    /// order, each with its action.
    pub fn unreviewed(&self) -> impl Iterator<Item = (&ActionState, &VerdictRecord)> {
        self.unreviewed.iter().filter_map(|(index, id)| {
            let action = self.action(id)?;
            let mut broken = action.broken_glass();
            Some((action, broken.find(|given| given.entry.index == *index)?))
        })
    }

    /// Whether this person may break glass for it, with that key, if they say why.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn may_break_glass(&self, action: &ActionState, key: &Credential) -> Result<(), Violation> {
        let denied = |given: &VerdictRecord| !given.verdict.approves();
        if !action.evaluation.break_glass || action.verdicts.iter().any(denied) {
            return Err(Violation::GlassStays);
        }
        if !key.assures(&[Assurance::DeviceBound]) {
            return Err(Violation::AssuranceMissing);
        }
        let open = self.unreviewed();
        let theirs = open.filter(|(_, given)| given.reviewer == key.reviewer);
        if theirs.count() >= MAX_UNREVIEWED {
            return Err(Violation::TooManyUnreviewed);
        }
        Ok(())
    }

    /// Whether somebody broke glass for it, as things stand.
    pub(super) fn glass_is_broken(&self, action: &ActionState, now: Time) -> bool {
        let mut given = action.verdicts.iter();
        action.evaluation.break_glass
            && given.all(|given| given.verdict.approves())
            && action
                .broken_glass()
                .any(|given| self.still_counts(given, now))
    }

    /// Who may say what is to be thought of a glass that this person breaks for an
    /// action: the other administrators, and the agent's owner only if there is
    /// nobody else.
    #[must_use]
    pub fn who_reviews(&self, action: &ActionState, breaker: ReviewerId) -> Vec<&Reviewer> {
        let others = self.administrators().filter(|admin| admin.id != breaker);
        let (owner, others): (Vec<_>, Vec<_>) = others.partition(|admin| {
            let agent = self.agent(&action.agent);
            agent.is_some_and(|agent| agent.owner == admin.id)
        });
        if others.is_empty() { owner } else { others }
    }

    /// Whether this person may say what is to be thought of a verdict with which
    /// somebody broke glass.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn may_review(
        &self,
        action: &ActionState,
        broken: &VerdictRecord,
        person: ReviewerId,
    ) -> Result<(), Violation> {
        if !self.person(person)?.is(Role::Administrator) {
            return Err(Violation::NotAllowed);
        }
        let reviewers = self.who_reviews(action, broken.reviewer);
        if reviewers.iter().any(|reviewer| reviewer.id == person) {
            Ok(())
        } else {
            Err(Violation::OwnAction)
        }
    }

    /// `verdict.reviewed`.
    pub(super) fn review(
        &mut self,
        entry: &Entry,
        data: &VerdictReviewed,
    ) -> Result<Option<Effect>, Violation> {
        let leaf = &entry.leaf;
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.signing_key(entry, signed)?;
        let action = self.known(item.action)?;
        let broken = action.waits_for_review(item.verdict)?;
        let verdict = broken.entry;
        self.check_act(
            entry,
            signed,
            ActType::VerdictReviewed,
            key.entry.index.max(verdict.index) + 1,
        )?;
        expect_refs(leaf, &[key.entry, verdict])?;
        expect_parts(&leaf.parts, &[REASON])?;
        let reason = leaf.part(REASON.name).ok_or(Violation::WrongParts)?;
        if reason.commit != item.reason_commit {
            return Err(Violation::WrongReason);
        }
        if reason.size == 0 {
            return Err(Violation::ReasonMissing);
        }
        self.may_review(action, broken, key.reviewer)?;
        let review = Review {
            by: key.reviewer,
            finding: item.finding,
            entry: entry.reference(),
            time: leaf.time,
        };
        self.use_key(entry, signed);
        self.unreviewed.remove(&verdict.index);
        self.change(item.action, |action| {
            let mut given = action.verdicts.iter_mut();
            if let Some(given) = given.find(|given| given.entry == verdict) {
                given.review = Some(review);
            }
        });
        Ok(None)
    }

    /// Keeps in mind that somebody has to look at what was just decided.
    pub(super) fn wants_review(&mut self, action: ActionId, given: &VerdictRecord) {
        if given.verdict == Verdict::BreakGlass {
            self.unreviewed.insert(given.entry.index, action);
        }
    }
}

impl ActionState {
    /// The verdicts with which somebody broke glass for it: one, unless the key of
    /// one counted no more before it was resolved.
    pub fn broken_glass(&self) -> impl Iterator<Item = &VerdictRecord> {
        let given = self.verdicts.iter();
        given.filter(|given| given.verdict == Verdict::BreakGlass)
    }

    /// The one with that leaf hash, if nobody has reviewed it.
    ///
    /// # Errors
    /// [`Violation::WrongStatement`] when there is none.
    pub fn waits_for_review(&self, verdict: Digest) -> Result<&VerdictRecord, Violation> {
        self.broken_glass()
            .find(|given| given.entry.leaf == verdict && given.review.is_none())
            .ok_or(Violation::WrongStatement)
    }
}
