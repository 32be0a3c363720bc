//! Delegation: a reviewer who is away lends groups of theirs to another, until a
//! set time. Nobody gets a second seat by it: whoever lends is in the place of one
//! person at a time, and lends for an action only if they might decide on it and
//! have not. Spec: `docs/spec/delegation.md`.

use super::{ActionState, Effect, State, VerdictRecord, Violation, expect_parts, expect_refs};
use crate::bytes::Blob;
use crate::entry::{DelegationGiven, DelegationRevoked, Entry, Profile, Ref};
use crate::envelope::{ActType, DelegationItem, Role};
use crate::id::{DelegationId, ReviewerId};
use crate::time::Time;

/// Longest time that one lasts, seconds: 90 days.
pub const LONGEST_DELEGATION_S: u64 = 90 * 24 * 3600;

/// A delegation and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// What was signed.
    pub item: DelegationItem,
    /// Who lends.
    pub by: ReviewerId,
    /// With which key.
    pub credential_id: Blob,
    /// Its `delegation.given`.
    pub entry: Ref,
    /// When it was given.
    pub since: Time,
    /// Its `delegation.revoked`.
    pub revoked: Option<Ref>,
}

impl State {
    /// The delegation with that id.
    #[must_use]
    pub fn delegation(&self, id: &DelegationId) -> Option<&Delegation> {
        self.delegations.get(id)
    }

    /// Every delegation, also those that are over, in no order.
    pub fn delegations(&self) -> impl Iterator<Item = &Delegation> {
        self.delegations.values()
    }

    /// Whether it still lends anything.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn lends(&self, lent: &Delegation, now: Time) -> Result<(), Violation> {
        if now >= lent.item.until {
            return Err(Violation::DelegationIsOver);
        }
        self.is_lender(lent, now)
    }

    /// Whether a delegation, whatever its time, is still its signer's word.
    fn is_lender(&self, lent: &Delegation, now: Time) -> Result<(), Violation> {
        if lent.revoked.is_some() {
            return Err(Violation::DelegationIsOver);
        }
        if !self.person(lent.by)?.is(Role::Reviewer) {
            return Err(Violation::NotAllowed);
        }
        let key = self.credentials.get(&lent.credential_id);
        self.counts(key.ok_or(Violation::UnknownCredential)?, now)
    }

    /// Whether this person may lend that now.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn may_delegate(
        &self,
        item: &DelegationItem,
        person: ReviewerId,
        now: Time,
    ) -> Result<(), Violation> {
        if self.opened()?.opened.profile != Profile::Team {
            return Err(Violation::TeamOnly);
        }
        let lender = self.person(person)?;
        let to = self.person(item.to)?;
        if !lender.is(Role::Reviewer) {
            return Err(Violation::NotAllowed);
        }
        let latest = now.plus_seconds(LONGEST_DELEGATION_S);
        let lasts = item.until > now && item.until <= latest;
        let each_once = item.groups.is_sorted_by(|one, next| one < next);
        let own = item.groups.iter().all(|group| lender.has(group));
        let fit = each_once && own && !item.groups.is_empty();
        let other = item.to != person && to.is(Role::Reviewer);
        if !lasts || !fit || !other {
            return Err(Violation::BadDelegation);
        }
        let other = |lent: &Delegation| {
            lent.by == person && lent.item.to != item.to && self.lends(lent, now).is_ok()
        };
        if self.delegations().any(other) {
            return Err(Violation::DelegatedAlready);
        }
        Ok(())
    }

    /// `delegation.given`.
    pub(super) fn delegate(
        &mut self,
        entry: &Entry,
        data: &DelegationGiven,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.signing_key(entry, signed)?;
        let to = self.person(item.to)?;
        let lender = self.person(key.reviewer)?;
        let covered = [key.entry, to.entry, lender.entry];
        let covered = covered.iter().map(|entry| entry.index).max();
        let covered = covered.unwrap_or_default() + 1;
        self.check_act(entry, signed, ActType::DelegationGiven, covered)?;
        expect_refs(&entry.leaf, &[key.entry, to.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if self.delegations.contains_key(&item.delegation) {
            return Err(Violation::DelegationExists);
        }
        self.may_delegate(item, key.reviewer, entry.leaf.time)?;
        let lent = Delegation {
            item: item.clone(),
            by: key.reviewer,
            credential_id: key.id.clone(),
            entry: entry.reference(),
            since: entry.leaf.time,
            revoked: None,
        };
        self.use_key(entry, signed);
        self.delegations.insert(lent.item.delegation, lent);
        Ok(None)
    }

    /// `delegation.revoked`: by either of the two, or an administrator.
    pub(super) fn revoke_delegation(
        &mut self,
        entry: &Entry,
        data: &DelegationRevoked,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.signing_key(entry, signed)?;
        let lent = self
            .delegation(&item.delegation)
            .ok_or(Violation::UnknownDelegation)?;
        let covered = key.entry.index.max(lent.entry.index) + 1;
        self.check_act(entry, signed, ActType::DelegationRevoked, covered)?;
        expect_refs(&entry.leaf, &[key.entry, lent.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if item.given != lent.entry.leaf {
            return Err(Violation::WrongStatement);
        }
        if lent.revoked.is_some() {
            return Err(Violation::DelegationIsOver);
        }
        self.may_revoke_delegation(lent, key.reviewer)?;
        self.use_key(entry, signed);
        if let Some(lent) = self.delegations.get_mut(&item.delegation) {
            lent.revoked = Some(entry.reference());
        }
        Ok(None)
    }

    /// Whether this person may end it.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn may_revoke_delegation(
        &self,
        lent: &Delegation,
        person: ReviewerId,
    ) -> Result<(), Violation> {
        let concerned = person == lent.by || person == lent.item.to;
        if concerned || self.person(person)?.is(Role::Administrator) {
            Ok(())
        } else {
            Err(Violation::NotAllowed)
        }
    }

    /// The groups that a person counts for who approves it now: their own, and
    /// those that others lend them for it. Sorted.
    #[must_use]
    pub fn groups_for(&self, action: &ActionState, person: ReviewerId, now: Time) -> Vec<String> {
        self.groups_at(action, person, self.size, (now, now))
    }

    /// Whether what a group is told is for this person: they are in it, or somebody
    /// who is has lent it to them.
    #[must_use]
    pub fn told_as(&self, person: ReviewerId, group: &str, now: Time) -> bool {
        let own = self.person(person).is_ok_and(|person| person.has(group));
        let lent = |lent: &Delegation| {
            let named = lent.item.groups.iter().any(|one| one == group);
            let theirs = self.person(lent.by).is_ok_and(|lender| lender.has(group));
            lent.item.to == person && named && theirs && self.lends(lent, now).is_ok()
        };
        own || self.person(person).is_ok() && self.delegations().any(lent)
    }

    /// Whose approvals count as things stand, each with the groups that they count
    /// for, by id.
    #[must_use]
    pub fn seats(&self, action: &ActionState, now: Time) -> Vec<(ReviewerId, Vec<String>)> {
        let mut people: Vec<ReviewerId> = self.approved_by(action, now).into_iter().collect();
        people.sort_unstable();
        let groups = |person: ReviewerId| {
            let given = self.approvals(action, now);
            let given = given.filter(|given| given.reviewer == person);
            let groups = given.flat_map(|given| self.groups_of(action, given, now));
            let mut groups: Vec<String> = groups.collect();
            groups.sort_unstable();
            groups.dedup();
            (person, groups)
        };
        people.into_iter().map(groups).collect()
    }

    /// The groups that one approval counts for: a standing grant is lent none.
    fn groups_of(&self, action: &ActionState, given: &VerdictRecord, now: Time) -> Vec<String> {
        match given.grant {
            Some(_) => {
                let person = self.person(given.reviewer);
                person.map_or_else(|_| Vec::new(), |person| person.groups.clone())
            }
            None => self.groups_at(action, given.reviewer, given.entry.index, (given.at, now)),
        }
    }

    /// The groups of a person as things stand, with those that were lent to them
    /// when they decided, at that position and time.
    fn groups_at(
        &self,
        action: &ActionState,
        person: ReviewerId,
        position: u64,
        (decided, now): (Time, Time),
    ) -> Vec<String> {
        let mut groups = match self.person(person) {
            Ok(person) => person.groups.clone(),
            Err(_) => return Vec::new(),
        };
        let lent = self.delegations().filter(|lent| {
            lent.item.to == person
                && lent.entry.index < position
                && decided < lent.item.until
                && self.is_lender(lent, now).is_ok()
                && self.is_newest(lent)
                && self.could_lend(action, lent.by, decided)
        });
        for lent in lent {
            let lender = self.person(lent.by);
            let theirs = lent.item.groups.iter();
            let theirs = theirs.filter(|group| lender.is_ok_and(|lender| lender.has(group)));
            groups.extend(theirs.cloned());
        }
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Whether this person might approve it themselves, and has neither approved
    /// nor denied it.
    fn could_lend(&self, action: &ActionState, person: ReviewerId, decided: Time) -> bool {
        let separated = self.is_separated(action, person, decided);
        let mut given = action.verdicts.iter();
        self.may_decide(action, person).is_ok()
            && separated.is_ok_and(|separated| !separated)
            && !given.any(|given| given.reviewer == person)
    }

    /// Whether its signer has lent nothing to somebody else since: their seat is in
    /// one hand, and an approval that is older loses it.
    fn is_newest(&self, lent: &Delegation) -> bool {
        !self.delegations().any(|other| {
            other.by == lent.by
                && other.item.to != lent.item.to
                && other.entry.index > lent.entry.index
        })
    }
}
