//! Delegations.

use vidimus_protocol::entry::{Data, DelegationGiven, DelegationRevoked, Ref};
use vidimus_protocol::envelope::{ActType, DelegationItem, DelegationRevocationItem};
use vidimus_protocol::{DelegationId, ReviewerId};

use super::{Draft, Story, half};

impl Story {
    /// `delegation.given` of these groups to somebody, for an hour.
    ///
    /// # Panics
    /// Before anybody has a key.
    pub fn delegation(&mut self, to: ReviewerId, groups: &[&str]) -> (DelegationId, Draft) {
        self.delegation_with(to, groups, |_| {})
    }

    /// The same with a change before it is signed.
    ///
    /// # Panics
    /// Before anybody has a key.
    pub fn delegation_with(
        &mut self,
        to: ReviewerId,
        groups: &[&str],
        change: impl FnOnce(&mut DelegationItem),
    ) -> (DelegationId, Draft) {
        let delegation = DelegationId::from_random(half(self.draw()));
        let item = DelegationItem {
            delegation,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            to,
            until: self.now.plus_seconds(3600),
        };
        let signed = self.sign(ActType::DelegationGiven, item, |_, item| change(item));
        // In a personal log the founder's is their enrolment.
        let record: Option<Ref> = self.records.get(&to).copied().or(self.credential);
        let data = Data::DelegationGiven(Box::new(DelegationGiven { signed }));
        let record = record.expect("somebody has a key");
        (delegation, self.with_key(record, data))
    }

    /// `delegation.revoked`.
    ///
    /// # Panics
    /// When the delegation was not given in this story.
    pub fn delegation_revocation(&mut self, delegation: DelegationId) -> Draft {
        let given = self.delegations[&delegation];
        let item = DelegationRevocationItem {
            delegation,
            given: given.leaf,
        };
        let signed = self.sign(ActType::DelegationRevoked, item, |_, _| {});
        let data = Data::DelegationRevoked(Box::new(DelegationRevoked { signed }));
        self.with_key(given, data)
    }
}
