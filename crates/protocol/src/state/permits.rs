//! From the permit to the outcome.

use super::actions::OUTPUT;
use super::{
    Effect, PermitRecord, PermitStatus, Resolved, State, Violation, expect_actor, expect_parts,
    expect_refs,
};
use crate::entry::{Completed, Entry, MAX_WHY, PermitIssued, PermitLapsed, PermitRedeemed};
use crate::id::{ActionId, Actor, PermitId};
use crate::permit::MAX_LIFE_S;

impl State {
    pub(super) fn issue(
        &mut self,
        entry: &Entry,
        data: &PermitIssued,
    ) -> Result<Option<Effect>, Violation> {
        let leaf = &entry.leaf;
        expect_actor(leaf, Actor::Gateway)?;
        expect_parts(&leaf.parts, &[])?;
        let action = self.known(data.action)?;
        let (resolution, use_before) = match &action.resolved {
            Some(Resolved {
                entry,
                use_before: Some(use_before),
                ..
            }) => (*entry, *use_before),
            _ => return Err(Violation::NotApproved),
        };
        self.unstopped(action)?;
        if !self.has_quorum(action, leaf.time) {
            return Err(Violation::NoQuorum);
        }
        if action.live_permit().is_some() || action.redeemed.is_some() {
            return Err(Violation::PermitExists);
        }
        expect_refs(leaf, &[resolution])?;
        let audience = self.working_agent(&action.agent)?.executor;
        let known_key = self
            .opened()?
            .opened
            .permit_keys
            .iter()
            .any(|key| key.kid == data.kid);
        let lives = data.expires_at > leaf.time
            && data.expires_at <= leaf.time.plus_seconds(MAX_LIFE_S).min(use_before);
        if data.audience != audience || !known_key || !lives || self.permits.contains(&data.permit)
        {
            return Err(Violation::BadPermit);
        }
        let record = PermitRecord {
            id: data.permit,
            entry: entry.reference(),
            audience,
            kid: data.kid.clone(),
            issued_at: leaf.time,
            expires_at: data.expires_at,
            status: PermitStatus::InForce,
        };
        self.permits.insert(data.permit);
        self.change(data.action, |action| action.permits.push(record));
        Ok(None)
    }

    pub(super) fn lapse(
        &mut self,
        entry: &Entry,
        data: &PermitLapsed,
    ) -> Result<Option<Effect>, Violation> {
        expect_actor(&entry.leaf, Actor::Gateway)?;
        expect_parts(&entry.leaf.parts, &[])?;
        let permit = self.live(data.action, data.permit)?;
        expect_refs(&entry.leaf, &[permit.entry])?;
        if entry.leaf.time < permit.expires_at {
            return Err(Violation::NotDue);
        }
        self.change(data.action, |action| {
            action.mark_permit(PermitStatus::Lapsed)
        });
        Ok(None)
    }

    pub(super) fn redeem(
        &mut self,
        entry: &Entry,
        data: &PermitRedeemed,
    ) -> Result<Option<Effect>, Violation> {
        let permit = self.live(data.action, data.permit)?;
        let action = self.known(data.action)?;
        expect_actor(&entry.leaf, Actor::Agent(action.agent))?;
        expect_refs(&entry.leaf, &[permit.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        if entry.leaf.time >= permit.expires_at {
            return Err(Violation::TooLate);
        }
        self.working_agent(&action.agent)?;
        self.unstopped(action)?;
        if !self.has_quorum(action, entry.leaf.time) {
            return Err(Violation::NoQuorum);
        }
        let redeemed = (entry.reference(), entry.leaf.time);
        self.change(data.action, |action| {
            action.mark_permit(PermitStatus::Redeemed);
            action.redeemed = Some(redeemed);
        });
        Ok(None)
    }

    pub(super) fn complete(
        &mut self,
        entry: &Entry,
        data: &Completed,
    ) -> Result<Option<Effect>, Violation> {
        let action = self.known(data.action)?;
        expect_actor(&entry.leaf, Actor::Agent(action.agent))?;
        let redemption = match (&action.redeemed, &action.completed) {
            (Some((redemption, _)), None) => *redemption,
            _ => return Err(Violation::NotRunning),
        };
        expect_refs(&entry.leaf, &[redemption])?;
        expect_parts(&entry.leaf.parts, &[OUTPUT])?;
        if data.outcome.why().is_some_and(|why| why.len() > MAX_WHY) {
            return Err(Violation::WrongParts);
        }
        if !data.outcome.fits(action.kind) {
            return Err(Violation::WrongOutcome);
        }
        let completed = (entry.reference(), data.clone());
        self.change(data.action, |action| action.completed = Some(completed));
        Ok(None)
    }

    fn live(&self, action: ActionId, permit: PermitId) -> Result<&PermitRecord, Violation> {
        self.known(action)?
            .live_permit()
            .filter(|live| live.id == permit)
            .ok_or(Violation::NoSuchPermit)
    }
}
