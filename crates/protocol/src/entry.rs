//! Ledger entries: one line of RFC 8785 JSON each, hashed verbatim as an
//! RFC 6962 leaf.
//!
//! Fields stand in alphabetical order in every type that reaches a leaf, so
//! that plain serialisation is canonical; the tests hold it against the
//! canonicaliser. Spec: `docs/spec/entry.md`.

mod kinds;
mod leaf;

pub use kinds::{
    AgentPaused, AgentRegistered, AgentResumed, AgentRevoked, Answered, Asked, Assurance,
    Completed, CredentialAdmitted, CredentialEnrolled, CredentialRevoked, Data, Decision,
    DelegationGiven, DelegationRevoked, Edited, Escalated, Escalation, Evaluation, Flagged,
    Founder, FromGroup, GrantGiven, GrantRevoked, GrantUse, Kind, LogOpened, MAX_WHY, Outcome,
    PermitIssued, PermitKey, PermitLapsed, PermitRedeemed, PolicyChanged, Profile, Proposed,
    Resolution, Resolved, ReviewerChanged, ReviewerRegistered, ReviewerRemoved, RulesChanged,
    Taken, VerdictGiven, VerdictRecognised, VerdictReviewed,
};
pub use leaf::{Leaf, LeafError, MAX_LEAF, Parsed, PartRef, Ref};

use crate::bytes::Digest;

/// A leaf at its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position, from 0.
    pub index: u64,
    /// RFC 6962 leaf hash of the leaf's bytes.
    pub leaf_hash: Digest,
    /// What it says.
    pub leaf: Leaf,
}

impl Entry {
    /// A reference to this entry.
    #[must_use]
    pub fn reference(&self) -> Ref {
        Ref {
            index: self.index,
            leaf: self.leaf_hash,
        }
    }
}

#[cfg(test)]
mod tests;
