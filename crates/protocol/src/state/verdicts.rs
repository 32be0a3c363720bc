//! Verdicts: who may give one, what it must hold, and when enough approve.

use std::collections::HashSet;

use super::policy::groups_are_met;
use super::{
    ActionState, Credential, Effect, MIN_URGENT_REASON, PartRule, Reviewer, State, VerdictRecord,
    Violation, expect_parts, expect_refs,
};
use crate::action;
use crate::bytes::Digest;
use crate::entry::{Decision, Entry, Profile, Resolution, VerdictGiven, VerdictRecognised};
use crate::envelope::{ActType, Role, Seen, Verdict};
use crate::id::ReviewerId;
use crate::time::Time;

pub(super) const REASON: PartRule = PartRule {
    name: "reason",
    content_type: action::TEXT_TYPE,
    most: action::MAX_TEXT,
    required: true,
};

impl State {
    pub(super) fn decide(
        &mut self,
        entry: &Entry,
        data: &VerdictGiven,
    ) -> Result<Option<Effect>, Violation> {
        let leaf = &entry.leaf;
        let signed = &data.signed;
        let item = &signed.item;
        let reviewer = signed.envelope.signer;
        let action = self.pending(item.action)?;
        let key = self.signing_key(entry, signed)?;
        self.check_act(
            entry,
            signed,
            ActType::VerdictGiven,
            action.proposal.index + 1,
        )?;
        expect_refs(leaf, &[action.proposal, key.entry])?;
        expect_parts(&leaf.parts, &[REASON])?;
        // Its grace time can end behind its expiry, and until then it is denied.
        let late = match item.verdict {
            Verdict::Approve | Verdict::BreakGlass => leaf.time >= action.expires_at,
            Verdict::Deny => self.has_expired(action, leaf.time),
        };
        if late {
            return Err(Violation::TooLate);
        }
        let about_this = item.proposal_leaf == action.proposal.leaf
            && item.action_digest == action.digest
            && item.expires_at == action.expires_at;
        if !about_this {
            return Err(Violation::WrongProposal);
        }
        if leaf.part("reason").map(|part| part.commit) != Some(item.reason_commit) {
            return Err(Violation::WrongReason);
        }
        action.was_seen(&data.seen, item.seen, item.verdict)?;
        self.may_decide(action, reviewer)?;
        self.keeps_policy(action, entry, data, key)?;
        // An approval with a key that counts no more is none, and whoever gave one
        // may take it back by a denial, or break glass while they wait for others.
        let given = |given: &&VerdictRecord| given.reviewer == reviewer;
        let stands = |given: &VerdictRecord| {
            given.verdict == Verdict::Deny
                || self.still_counts(given, leaf.time)
                    && match item.verdict {
                        Verdict::Approve => true,
                        Verdict::Deny => false,
                        Verdict::BreakGlass => given.verdict == Verdict::BreakGlass,
                    }
        };
        if action.verdicts.iter().filter(given).any(stands) {
            return Err(Violation::DecidedAlready);
        }
        // Another approval would prolong the grace time.
        if item.verdict == Verdict::Approve && self.starts_at(action, leaf.time).is_some() {
            return Err(Violation::ApprovedEnough);
        }
        let record = VerdictRecord {
            reviewer,
            credential_id: signed.assertion.credential_id.clone(),
            at: leaf.time,
            verdict: item.verdict,
            entry: entry.reference(),
            grant: None,
            recognised: None,
            review: None,
        };
        self.use_key(entry, signed);
        self.wants_review(item.action, &record);
        self.change(item.action, |action| action.verdicts.push(record));
        let action = &self.actions[&item.action];
        Ok(if action.vetoed() {
            Some(Effect::Resolve(item.action, Resolution::Denied))
        } else if self.is_decided(action, leaf.time) {
            let resolution = match action.evaluation.decision {
                Decision::Release => Resolution::Released,
                Decision::Ask | Decision::Refuse => Resolution::Approved,
            };
            Some(Effect::Resolve(item.action, resolution))
        } else {
            None
        })
    }

    /// What the policy asks of an approval, beside how many there are.
    fn keeps_policy(
        &self,
        action: &ActionState,
        entry: &Entry,
        data: &VerdictGiven,
        key: &Credential,
    ) -> Result<(), Violation> {
        let leaf = &entry.leaf;
        match data.signed.item.verdict {
            Verdict::Deny if data.policies.is_empty() => return Ok(()),
            Verdict::Deny => return Err(Violation::BadEvaluation),
            Verdict::Approve | Verdict::BreakGlass => names_policies(action, &data.policies)?,
        }
        let reason = leaf.part(REASON.name).map_or(0, |part| part.size);
        if data.signed.item.verdict == Verdict::BreakGlass {
            self.may_break_glass(action, key)?;
            if reason < MIN_URGENT_REASON {
                return Err(Violation::ReasonMissing);
            }
        }
        let says_why = reason > 0;
        self.may_approve(action, key, says_why, leaf.time)
    }

    /// What the policy asks of an approval with this key, then or in advance.
    pub(super) fn may_approve(
        &self,
        action: &ActionState,
        key: &Credential,
        says_why: bool,
        now: Time,
    ) -> Result<(), Violation> {
        let asked = &action.evaluation;
        if asked.reason_required && !says_why {
            return Err(Violation::ReasonMissing);
        }
        if !key.assures(&asked.assurance) {
            return Err(Violation::AssuranceMissing);
        }
        if self.is_separated(action, key.reviewer, now)? {
            return Err(Violation::OwnPolicy);
        }
        Ok(())
    }

    /// Whether this person changed the policy so lately that they do not approve it
    /// yet.
    pub(super) fn is_separated(
        &self,
        action: &ActionState,
        person: ReviewerId,
        now: Time,
    ) -> Result<bool, Violation> {
        let team = self.opened()?.opened.profile == Profile::Team;
        let apart = action.evaluation.separate_s;
        let too_soon = action.policy.as_ref().is_some_and(|policy| {
            policy.signers.contains(&person) && now < policy.since.plus_seconds(apart)
        });
        Ok(team && too_soon)
    }

    /// Whether this person might approve it now, saying why, with one of their
    /// keys.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn could_approve(
        &self,
        action: &ActionState,
        person: ReviewerId,
        now: Time,
    ) -> Result<(), Violation> {
        self.may_decide(action, person)?;
        let theirs = self.credentials.values();
        let theirs = theirs.filter(|key| key.reviewer == person);
        // Whoever has no key that counts may enrol another.
        let mut why = Ok(());
        for key in theirs.filter(|key| self.counts(key, now).is_ok()) {
            match self.may_approve(action, key, true, now) {
                Ok(()) => return Ok(()),
                // Another key may be of the right sort, and not help either.
                Err(_) if why == Err(Violation::OwnPolicy) => {}
                Err(error) => why = Err(error),
            }
        }
        why
    }

    /// Whether this person may decide on it: who may edit it, but in a team's
    /// log nobody who did.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn may_decide(&self, action: &ActionState, person: ReviewerId) -> Result<(), Violation> {
        self.may_edit(action, person)?;
        let team = self.opened()?.opened.profile == Profile::Team;
        if team && action.editors.contains(&person) {
            return Err(Violation::OwnEdit);
        }
        Ok(())
    }

    /// Whether this person may propose a change of it: in a personal log its
    /// agent's owner, in a team's a reviewer who neither owns nor registered the
    /// agent.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn may_edit(&self, action: &ActionState, person: ReviewerId) -> Result<(), Violation> {
        let agent = self.working_agent(&action.agent)?;
        self.unstopped(action)?;
        let is_his = agent.owner == person;
        match self.opened()?.opened.profile {
            Profile::Personal if is_his => Ok(()),
            Profile::Personal => Err(Violation::NotTheOwner),
            Profile::Team if !self.person(person)?.is(Role::Reviewer) => Err(Violation::NotAllowed),
            Profile::Team if is_his || agent.registrar == person => Err(Violation::OwnAction),
            Profile::Team => Ok(()),
        }
    }

    /// `verdict.recognised`: *was it you?*, *yes*.
    pub(super) fn recognise(
        &mut self,
        entry: &Entry,
        data: &VerdictRecognised,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.signing_key(entry, signed)?;
        let verdict = self
            .known(item.action)?
            .verdicts
            .iter()
            .find(|given| given.entry.leaf == item.verdict && given.grant.is_none())
            .ok_or(Violation::WrongStatement)?;
        self.check_act(
            entry,
            signed,
            ActType::VerdictRecognised,
            key.entry.index.max(verdict.entry.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry, verdict.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if verdict.reviewer != key.reviewer || verdict.recognised.is_some() {
            return Err(Violation::NotHisVerdict);
        }
        let (recognised, at) = (entry.reference(), verdict.entry);
        self.use_key(entry, signed);
        self.change(item.action, |action| {
            let verdict = action.verdicts.iter_mut().find(|given| given.entry == at);
            if let Some(verdict) = verdict {
                verdict.recognised = Some(recognised);
            }
        });
        Ok(None)
    }

    /// Whether enough distinct people approved who may decide on it, with keys
    /// that count, and enough of each group that is asked; or whether one of them
    /// broke glass. Counted anew at
    /// resolution, permit and redemption.
    pub(super) fn has_quorum(&self, action: &ActionState, now: Time) -> bool {
        let asked = &action.evaluation;
        match asked.decision {
            Decision::Refuse => false,
            Decision::Release => true,
            Decision::Ask => {
                let seats = self.seats(action, now);
                let enough = u64::try_from(seats.len()).is_ok_and(|people| people >= asked.quorum);
                enough && groups_are_met(asked, &seats) || self.glass_is_broken(action, now)
            }
        }
    }

    /// Whether it has its quorum and no grace time to wait out.
    pub(super) fn is_decided(&self, action: &ActionState, now: Time) -> bool {
        self.has_quorum(action, now) && self.starts_at(action, now).is_none()
    }

    /// Whose approvals count as things stand.
    #[must_use]
    pub fn approved_by(&self, action: &ActionState, now: Time) -> HashSet<ReviewerId> {
        let given = self.approvals(action, now);
        given.map(|given| given.reviewer).collect()
    }

    /// The approvals that count as things stand, in order.
    pub(super) fn approvals<'a>(
        &'a self,
        action: &'a ActionState,
        now: Time,
    ) -> impl Iterator<Item = &'a VerdictRecord> {
        action.verdicts.iter().filter(move |given| {
            given.verdict.approves()
                && self.still_counts(given, now)
                && !action.denied_by(given.reviewer)
        })
    }

    pub(super) fn still_counts(&self, given: &VerdictRecord, now: Time) -> bool {
        let role = |person: &Reviewer| person.is(Role::Reviewer);
        let key = self.credentials.get(&given.credential_id);
        let grant = given.grant.and_then(|grant| self.grant(&grant));
        key.is_some_and(|key| self.counts(key, now).is_ok())
            && self.person(given.reviewer).is_ok_and(role)
            && grant.is_none_or(|grant| grant.revoked.is_none())
    }
}

impl ActionState {
    /// Whether what was shown is what was signed, and enough for that verdict.
    pub(super) fn was_seen(
        &self,
        seen: &Seen,
        signed: Digest,
        verdict: Verdict,
    ) -> Result<(), Violation> {
        let shown = &seen.parts;
        let saw = |name: &str| shown.iter().any(|part| part.name == name);
        let saw_all = saw("payload") && (self.context.is_none() || saw("context"));
        let each_once = shown.is_sorted_by(|one, next| one.name < next.name);
        let there = shown
            .iter()
            .all(|part| self.part(&part.name) == Some(part.commit));
        let enough = !verdict.approves() || saw_all;
        if !(seen.digest() == signed && each_once && there && enough) {
            return Err(Violation::WrongSeen);
        }
        if verdict.approves() && self.evaluation.full_review && !seen.full {
            return Err(Violation::NotSeenInFull);
        }
        Ok(())
    }

    /// Whether that person denied it.
    #[must_use]
    pub fn denied_by(&self, person: ReviewerId) -> bool {
        let mut given = self.verdicts.iter();
        given.any(|given| given.reviewer == person && given.verdict == Verdict::Deny)
    }
}

/// An approval names the policies that allow it, where there are any.
pub(super) fn names_policies(action: &ActionState, policies: &[String]) -> Result<(), Violation> {
    let in_order = policies.is_sorted_by(|one, next| one < next);
    if policies.is_empty() == action.policy.is_none() && in_order {
        Ok(())
    } else {
        Err(Violation::BadEvaluation)
    }
}
