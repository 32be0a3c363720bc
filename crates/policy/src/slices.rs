//! Which policies can apply at all: most name the principal or the resource
//! that they are about, and the others need not be evaluated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy::{Effect, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint};

/// What a policy's scope names, if it names something.
type Key = (Option<EntityUid>, Option<EntityUid>);

/// Most slices that are kept.
const MOST_KEPT: usize = 256;

/// The policies of one question, by what their scopes name.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    policies: HashMap<Key, Vec<Policy>>,
    kept: Mutex<HashMap<Vec<Key>, Arc<Slice>>>,
}

/// Some of the policies of one question.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) policies: PolicySet,
    /// Whether one of them permits.
    pub(crate) permits: bool,
}

impl Slices {
    pub(crate) fn add(&mut self, policy: &Policy) {
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
            PrincipalConstraint::In(uid)
            | PrincipalConstraint::Eq(uid)
            | PrincipalConstraint::IsIn(_, uid) => Some(uid),
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
            ResourceConstraint::In(uid)
            | ResourceConstraint::Eq(uid)
            | ResourceConstraint::IsIn(_, uid) => Some(uid),
        };
        let same = self.policies.entry((principal, resource)).or_default();
        same.push(policy.clone());
    }

    /// Every policy whose scope can hold for one of these principals and one of
    /// these resources: a request's own and what they are in.
    pub(crate) fn slice(&self, principals: &[EntityUid], resources: &[EntityUid]) -> Arc<Slice> {
        fn or_none(uids: &[EntityUid]) -> impl Iterator<Item = Option<&EntityUid>> {
            std::iter::once(None).chain(uids.iter().map(Some))
        }
        let keys: Vec<Key> = or_none(principals)
            .flat_map(|principal| or_none(resources).map(move |resource| (principal, resource)))
            .map(|(principal, resource)| (principal.cloned(), resource.cloned()))
            .filter(|key| self.policies.contains_key(key))
            .collect();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slice) = kept.get(&keys) {
            return Arc::clone(slice);
        }
        let policies = keys.iter().filter_map(|key| self.policies.get(key));
        let mut slice = Slice {
            policies: PolicySet::new(),
            permits: false,
        };
        for policy in policies.flatten() {
            slice.permits |= policy.effect() == Effect::Permit;
            // Ids are distinct in a set, which is all that could be wrong.
            let _distinct = slice.policies.add(policy.clone());
        }
        let slice = Arc::new(slice);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(keys, Arc::clone(&slice));
        slice
    }
}
