//! Standing grants: a signed approval, in advance, of what the same agent
//! proposes that is like an action that was seen. Narrow, counted, limited in
//! time, and over when anybody in the log says so.
//!
//! Whether an action is like another stands in parts, which the reducer does not
//! see: gateway, executor and verifier compare them ([`crate::shape`]).

use super::verdicts::REASON;
use super::{
    ActionState, Effect, PartRule, State, VerdictRecord, Violation, expect_parts, expect_refs,
};
use crate::action::ActionKind;
use crate::bytes::Blob;
use crate::entry::{Decision, Entry, Evaluation, GrantGiven, GrantRevoked, GrantUse, Ref};
use crate::envelope::{ActType, GrantItem, Role, Verdict};
use crate::id::{AgentId, GrantId, ReviewerId};
use crate::shape::{MAX_SHAPE, SHAPE_TYPE};
use crate::time::Time;

/// Most proposals that one grant covers.
pub const MAX_USES: u64 = 1000;
/// Longest time that one lasts, seconds: 90 days.
pub const LONGEST_GRANT_S: u64 = 90 * 24 * 3600;
/// Most grants over one agent that may count at a time.
pub const MAX_GRANTS: usize = 64;

const SHAPE: PartRule = PartRule {
    name: "shape",
    content_type: SHAPE_TYPE,
    most: MAX_SHAPE,
    required: true,
};

/// A standing grant and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What was signed.
    pub item: GrantItem,
    /// Who gave it.
    pub by: ReviewerId,
    /// With which key.
    pub credential_id: Blob,
    /// Its `grant.given`.
    pub entry: Ref,
    /// When it was given.
    pub since: Time,
    /// Whose proposals it covers.
    pub agent: AgentId,
    /// Of which kind.
    pub kind: ActionKind,
    /// The proposal that others must be like.
    pub like: Ref,
    /// Whether it says why.
    pub says_why: bool,
    /// The proposals that it covered, in order.
    pub used: Vec<Ref>,
    /// Its `grant.revoked`.
    pub revoked: Option<Ref>,
}

impl Grant {
    /// How many more proposals it covers.
    #[must_use]
    pub fn left(&self) -> u64 {
        let used = u64::try_from(self.used.len()).unwrap_or(u64::MAX);
        self.item.uses.saturating_sub(used)
    }
}

impl State {
    /// The grant with that id.
    #[must_use]
    pub fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.get(id)
    }

    /// Every grant, also those that are over, in no order.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values()
    }

    /// The grants over an agent that may count at `now`, in the order in which
    /// they were given.
    #[must_use]
    pub fn standing_grants(&self, agent: &AgentId, now: Time) -> Vec<&Grant> {
        let given = self.grants.values();
        let mut standing: Vec<&Grant> = given
            .filter(|grant| grant.agent == *agent && self.stands(grant, now).is_ok())
            .collect();
        standing.sort_unstable_by_key(|grant| grant.entry.index);
        standing
    }

    /// Whether a grant still covers anything.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn stands(&self, grant: &Grant, now: Time) -> Result<(), Violation> {
        if grant.revoked.is_some() || now >= grant.item.until || grant.left() == 0 {
            return Err(Violation::GrantIsOver);
        }
        // Whoever stops an agent stops what was granted to it before.
        let agent = self.working_agent(&grant.agent)?;
        let stops =
            |pause: &super::Pause| pause.run.is_none() && pause.entry.index > grant.entry.index;
        if agent.pauses.iter().any(stops) {
            return Err(Violation::GrantIsOver);
        }
        if !self.person(grant.by)?.is(Role::Reviewer) {
            return Err(Violation::NotAllowed);
        }
        let key = self.credentials.get(&grant.credential_id);
        self.counts(key.ok_or(Violation::UnknownCredential)?, now)
    }

    /// Whether this person may give such a grant over an action now, but for what
    /// stands in parts.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn may_grant(
        &self,
        like: &ActionState,
        item: &GrantItem,
        person: ReviewerId,
        now: Time,
    ) -> Result<(), Violation> {
        self.may_decide(like, person)?;
        let latest = now.plus_seconds(LONGEST_GRANT_S);
        let lasts = item.until > now && item.until <= latest;
        if !lasts || !(1..=MAX_USES).contains(&item.uses) {
            return Err(Violation::BadGrant);
        }
        if !like.evaluation.may_be_granted(like.policy.is_some()) {
            return Err(Violation::NotGrantable);
        }
        // Nobody goes round a denial by having the same proposed again.
        if like.verdicts.iter().any(|given| !given.verdict.approves()) {
            return Err(Violation::WasDenied);
        }
        if self.standing_grants(&like.agent, now).len() >= MAX_GRANTS {
            return Err(Violation::TooManyGrants);
        }
        Ok(())
    }

    pub(super) fn give_grant(
        &mut self,
        entry: &Entry,
        data: &GrantGiven,
    ) -> Result<Option<Effect>, Violation> {
        let (leaf, signed) = (&entry.leaf, &data.signed);
        let item = &signed.item;
        let like = self.known(item.action)?;
        let key = self.signing_key(entry, signed)?;
        let covered = like.proposal.index.max(key.entry.index) + 1;
        self.check_act(entry, signed, ActType::GrantGiven, covered)?;
        expect_refs(leaf, &[like.proposal, key.entry])?;
        expect_parts(&leaf.parts, &[REASON, SHAPE])?;
        if self.grants.contains_key(&item.grant) {
            return Err(Violation::GrantExists);
        }
        if item.proposal_leaf != like.proposal.leaf || item.action_digest != like.digest {
            return Err(Violation::WrongProposal);
        }
        let commit = |rule: &PartRule| leaf.part(rule.name).map(|part| part.commit);
        if commit(&REASON) != Some(item.reason_commit) {
            return Err(Violation::WrongReason);
        }
        if commit(&SHAPE) != Some(item.shape) {
            return Err(Violation::WrongStatement);
        }
        like.was_seen(&data.seen, item.seen, Verdict::Approve)?;
        self.may_grant(like, item, key.reviewer, leaf.time)?;
        let grant = Grant {
            item: item.clone(),
            by: key.reviewer,
            credential_id: key.id.clone(),
            entry: entry.reference(),
            since: leaf.time,
            agent: like.agent,
            kind: like.kind,
            like: like.proposal,
            says_why: leaf.part(REASON.name).is_some_and(|part| part.size > 0),
            used: Vec::new(),
            revoked: None,
        };
        self.use_key(entry, signed);
        self.grants.insert(grant.item.grant, grant);
        Ok(None)
    }

    /// `grant.revoked`: anybody in the log may end one.
    pub(super) fn revoke_grant(
        &mut self,
        entry: &Entry,
        data: &GrantRevoked,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.signing_key(entry, signed)?;
        let grant = self.grant(&item.grant).ok_or(Violation::UnknownGrant)?;
        let covered = key.entry.index.max(grant.entry.index) + 1;
        self.check_act(entry, signed, ActType::GrantRevoked, covered)?;
        expect_refs(&entry.leaf, &[key.entry, grant.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if item.given != grant.entry.leaf {
            return Err(Violation::WrongStatement);
        }
        if grant.revoked.is_some() {
            return Err(Violation::GrantIsOver);
        }
        self.use_key(entry, signed);
        if let Some(grant) = self.grants.get_mut(&item.grant) {
            grant.revoked = Some(entry.reference());
        }
        Ok(None)
    }

    /// The grants that a proposal says approve it, before anything is known of
    /// it.
    pub(super) fn grants_of(&self, uses: &[GrantUse]) -> Result<Vec<&Grant>, Violation> {
        let given = uses.iter().map(|using| self.grant(&using.grant));
        let given: Option<Vec<&Grant>> = given.collect();
        given.ok_or(Violation::UnknownGrant)
    }

    /// Whether that grant approves this proposal, as far as entries tell.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn grant_counts(
        &self,
        grant: &Grant,
        action: &ActionState,
        now: Time,
    ) -> Result<(), Violation> {
        self.stands(grant, now)?;
        if grant.agent != action.agent || grant.kind != action.kind {
            return Err(Violation::NotCovered);
        }
        // What a person changed, people see. And whoever was one of two is not
        // enough alone because fewer are asked now.
        let like = self.known(grant.item.action)?;
        let fewer = action.evaluation.quorum < like.evaluation.quorum;
        let may = action.evaluation.may_be_granted(action.policy.is_some());
        if action.edits.is_some() || fewer || !may {
            return Err(Violation::NotGrantable);
        }
        self.may_decide(action, grant.by)?;
        let key = self.credentials.get(&grant.credential_id);
        let key = key.ok_or(Violation::UnknownCredential)?;
        self.may_approve(action, key, grant.says_why, now)
    }

    /// The approvals that a proposal has from the beginning.
    pub(super) fn approved_in_advance(
        &self,
        action: &ActionState,
        uses: &[GrantUse],
    ) -> Result<Vec<VerdictRecord>, Violation> {
        let grants = self.grants_of(uses)?;
        let in_order = grants.is_sorted_by_key(|one| one.entry.index);
        let people = grants.iter().enumerate();
        let mut again = people.filter(|(at, one)| grants[..*at].iter().any(|by| by.by == one.by));
        if !in_order || again.next().is_some() {
            return Err(Violation::DecidedAlready);
        }
        let approve = |(grant, using): (&Grant, &GrantUse)| {
            self.grant_counts(grant, action, action.proposed_at)?;
            super::verdicts::names_policies(action, &using.policies)?;
            Ok(VerdictRecord {
                reviewer: grant.by,
                credential_id: grant.credential_id.clone(),
                at: action.proposed_at,
                verdict: Verdict::Approve,
                entry: grant.entry,
                grant: Some(grant.item.grant),
                recognised: None,
                review: None,
            })
        };
        grants.into_iter().zip(uses).map(approve).collect()
    }

    /// Counts what a proposal used.
    pub(super) fn use_grants(&mut self, uses: &[GrantUse], proposal: Ref) {
        for using in uses {
            if let Some(grant) = self.grants.get_mut(&using.grant) {
                grant.used.push(proposal);
            }
        }
    }
}

impl Evaluation {
    /// Whether standing grants may approve what was evaluated like that, under a
    /// policy or without one.
    #[must_use]
    pub fn may_be_granted(&self, under_policy: bool) -> bool {
        self.decision == Decision::Ask && (self.standing || !under_policy)
    }
}
