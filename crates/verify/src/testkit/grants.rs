//! Standing grants, and proposals that they approve.

use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::entry::{Data, GrantGiven, GrantRevoked, GrantUse, Ref};
use vidimus_protocol::envelope::{ActType, GrantItem, GrantRevocationItem};
use vidimus_protocol::shape::{SHAPE_TYPE, Shape};
use vidimus_protocol::{ActionId, GrantId};

use super::{Draft, Story, half};

impl Story {
    /// `grant.given` over an action, 10 times within an hour.
    pub fn grant(&mut self, like: ActionId, shape: &Shape) -> (GrantId, Draft) {
        self.grant_with(like, shape.to_bytes(), |_| {})
    }

    /// The same of any shape, with a change before it is signed.
    ///
    /// # Panics
    /// When the action was not proposed in this story.
    pub fn grant_with(
        &mut self,
        like: ActionId,
        shape: Vec<u8>,
        change: impl FnOnce(&mut GrantItem),
    ) -> (GrantId, Draft) {
        let grant = GrantId::from_random(half(self.draw()));
        let told = self.actions[&like].clone();
        let seen = told.seen();
        let (reason, why) = self.part("reason", TEXT_TYPE, b"every night".to_vec());
        let (shape, covers) = self.part("shape", SHAPE_TYPE, shape);
        let item = GrantItem {
            action: like,
            action_digest: told.payload,
            grant,
            proposal_leaf: told.proposal.leaf,
            reason_commit: why.commit,
            seen: seen.digest(),
            shape: covers.commit,
            until: self.now.plus_seconds(3600),
            uses: 10,
        };
        let signed = self.sign(ActType::GrantGiven, item, |_, item| change(item));
        let refs: Vec<Ref> = [Some(told.proposal), self.credential]
            .into_iter()
            .flatten()
            .collect();
        let data = Data::GrantGiven(Box::new(GrantGiven { seen, signed }));
        let mut draft = self.by_reviewer(&refs, data);
        draft.leaf.parts.extend([why, covers]);
        draft.parts.push(("reason".into(), reason));
        draft.parts.push(("shape".into(), shape));
        (grant, draft)
    }

    /// `grant.revoked`.
    ///
    /// # Panics
    /// When the grant was not given in this story.
    pub fn grant_revocation(&mut self, grant: GrantId) -> Draft {
        let (given, _) = self.grants[&grant];
        let item = GrantRevocationItem {
            given: given.leaf,
            grant,
        };
        let signed = self.sign(ActType::GrantRevoked, item, |_, _| {});
        let data = Data::GrantRevoked(Box::new(GrantRevoked { signed }));
        self.with_key(given, data)
    }

    /// Says in a proposal that a grant approves it, as these policies let its
    /// signer.
    ///
    /// # Panics
    /// When the grant was not given in this story.
    pub fn use_grant(&self, draft: &mut Draft, grant: GrantId, policies: &[&str]) {
        draft.leaf.refs.push(self.grants[&grant].0);
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            data.grants.push(GrantUse {
                grant,
                policies: policies.iter().map(|id| (*id).to_owned()).collect(),
            });
        }
    }
}
