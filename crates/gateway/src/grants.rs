//! Standing grants: what one must be like before it is logged, and which of
//! them approve a proposal. Spec: `docs/spec/grants.md`.

use std::collections::HashMap;

use vidimus_protocol::action::Action;
use vidimus_protocol::api::GrantExtras;
use vidimus_protocol::envelope::GrantItem;
use vidimus_protocol::shape::Shape;
use vidimus_protocol::state::Grant;
use vidimus_protocol::{GrantId, State, Time};

use crate::problem::Refusal;
use crate::sequencer::{check_text, part_ref};
use crate::shared::Shared;

/// What a grant covers: an action, and where others may differ from it.
pub(crate) struct Covered {
    pub(crate) like: Action,
    pub(crate) shape: Shape,
}

impl Covered {
    /// Reads what somebody is about to sign, over the payload of the entry
    /// `proposal`.
    pub(crate) fn read(
        shared: &Shared,
        proposal: u64,
        item: &GrantItem,
        extras: &GrantExtras,
    ) -> Result<Self, Refusal> {
        if part_ref("shape", &extras.shape)?.commit != item.shape {
            return Err(Refusal::not_acceptable(
                "wrong_digest",
                "the shape is not the one that the grant names: make it anew",
            ));
        }
        check_text(&extras.reason)?;
        let stored = shared.store().part(proposal, "payload")?;
        let stored = stored.ok_or_else(|| Refusal::not_found("part"))?;
        let like = Action::parse(&stored.bytes.0).map_err(|_| crate::unexpected())?;
        let bad = |why: vidimus_protocol::shape::ShapeError| {
            Refusal::not_acceptable("bad_grant", format!("the grant is refused: {why}"))
        };
        let shape = Shape::parse(&extras.shape.bytes.0).map_err(bad)?;
        shape.check(&like).map_err(bad)?;
        Ok(Self { like, shape })
    }

    /// What a grant covers that is committed. `None` when that was erased: then
    /// nothing.
    fn of(grant: &Grant, shared: &Shared) -> Result<Option<Self>, Refusal> {
        let store = shared.store();
        let like = store.part(grant.like.index, "payload")?;
        let shape = store.part(grant.entry.index, "shape")?;
        let (Some(like), Some(shape)) = (like, shape) else {
            return Ok(None);
        };
        let like = Action::parse(&like.bytes.0).map_err(|_| crate::unexpected())?;
        let shape = Shape::parse(&shape.bytes.0).map_err(|_| crate::unexpected())?;
        Ok(Some(Self { like, shape }))
    }
}

/// What grants cover, read once.
#[derive(Default)]
pub(crate) struct Grants {
    covered: HashMap<GrantId, Covered>,
}

impl Grants {
    /// Whether a grant that stands covers this action.
    pub(crate) fn covers(
        &mut self,
        grant: &Grant,
        action: &Action,
        shared: &Shared,
    ) -> Result<bool, Refusal> {
        let id = grant.item.grant;
        if !self.covered.contains_key(&id) {
            let Some(covered) = Covered::of(grant, shared)? else {
                return Ok(false);
            };
            self.keep(id, covered);
        }
        let covered = self.covered.get(&id);
        Ok(covered.is_some_and(|covered| covered.shape.covers(&covered.like, action)))
    }

    /// Knows what a grant covers before it is committed: the next proposal may
    /// be.
    pub(crate) fn keep(&mut self, id: GrantId, covered: Covered) {
        self.covered.insert(id, covered);
    }

    /// Lets go of what stands no more.
    pub(crate) fn keep_standing(&mut self, state: &State, now: Time) {
        let stands = |id: &GrantId| {
            let grant = state.grant(id);
            grant.is_some_and(|grant| state.stands(grant, now).is_ok())
        };
        self.covered.retain(|id, _| stands(id));
    }

    /// Entries may be others after a refused commit.
    pub(crate) fn forget(&mut self) {
        self.covered.clear();
    }
}

pub(crate) fn no_grant() -> Refusal {
    Refusal::malformed("a standing grant needs `grant`")
}
