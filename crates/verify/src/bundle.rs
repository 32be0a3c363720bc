//! Proof bundles: everything that one run rests on, checked with a trust file
//! alone, by the executor that is about to run it.
//!
//! A bundle is an excerpt of the log. It proves who approved what, not that
//! nothing else happened: a nonce used twice, a second redemption or a pin
//! that is not of this log's history show in the whole log only.
//! Spec: `docs/spec/permit.md`.

use std::collections::HashSet;

use vidimus_ledger::checkpoint::{self, Checkpoint, CheckpointError, SignedCheckpoint};
use vidimus_ledger::note::{KeyError, VerifierKey};
use vidimus_ledger::proof::{self, ProofError};
use vidimus_ledger::tree::Hash;
use vidimus_protocol::action::Action;
use vidimus_protocol::api::{Bundle, Proven};
use vidimus_protocol::entry::{Leaf, Parsed, Profile};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::state::{ActionState, Life, PermitStatus, Route};
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{ActionId, AgentId, Digest, ExecutorId, PermitId, ReviewerId, State};

use crate::evaluations::{Claim, Claims, Content, Evaluations, PayloadUse, Reach};
use crate::judge::{Judge, Judged, ReplayError};

/// Most entries of a bundle.
pub const MAX_ENTRIES: usize = 1024;

/// What a bundle must prove.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The action.
    pub action: ActionId,
    /// Digest of what is about to run, computed by the executor.
    pub action_digest: Digest,
    /// The action itself.
    pub content: &'a Action,
    /// The permit that was redeemed.
    pub permit: PermitId,
    /// The newest checkpoint of this log that the executor has seen.
    pub newest: Option<&'a Checkpoint>,
}

/// What a bundle proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleReport {
    /// The checkpoint that covers it.
    pub checkpoint: SignedCheckpoint,
    /// The agent.
    pub agent: AgentId,
    /// The executor that may run it.
    pub executor: ExecutorId,
    /// Who approved.
    pub reviewers: Vec<Approver>,
    /// Whether one person owns the agent, decides and runs the gateway.
    pub single_operator: bool,
}

/// Somebody who approved, and whose approval counted at the redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// The person.
    pub reviewer: ReviewerId,
    /// Their name.
    pub name: String,
    /// How they approved it.
    pub consent: Consent,
    /// How their key was reached.
    pub route: Route,
}

/// How somebody approved an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// With the action before their eyes.
    Seen,
    /// By a standing grant.
    InAdvance,
    /// By breaking glass.
    BrokenGlass,
}

/// Why a bundle proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No entries, or more than one run rests on.
    #[error("the proof bundle has {0} entries, not 1 to {MAX_ENTRIES}")]
    Count(usize),
    /// Its first entry does not open the trusted log.
    #[error("the proof bundle is of another log: `{found}`, trusted is `{trusted}`")]
    OtherLog {
        /// Log id in the trust file.
        trusted: Digest,
        /// Hash of the bundle's first entry.
        found: Digest,
    },
    /// The entries are not in log order.
    #[error("entry {0} of the proof bundle is out of order")]
    Order(u64),
    /// An entry breaks a rule: an unproven key, a permit without a verdict.
    #[error("entry {index}: {why}")]
    Entry {
        /// Its position.
        index: u64,
        /// The broken rule.
        why: ReplayError,
    },
    /// An entry that this version cannot judge.
    #[error("entry {0} is of a kind that this version cannot judge: upgrade Vidimus")]
    Upgrade(u64),
    /// `log.opened` names no usable log key.
    #[error("the log key cannot be read: {0}")]
    LogKey(#[from] KeyError),
    /// The checkpoint is not the log's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An entry is not in the signed log.
    #[error("entry {index} is not in the signed log: {why}")]
    NotIncluded {
        /// Its position.
        index: u64,
        /// What the proof lacks.
        why: ProofError,
    },
    /// The checkpoint is older than one seen before.
    #[error("the log went back from {seen} entries to {found}")]
    Rollback {
        /// Size seen before.
        seen: u64,
        /// Size now.
        found: u64,
    },
    /// Another log of the same size was seen before.
    #[error("the log shows two different histories of {0} entries")]
    Fork(u64),
    /// The action is not in the bundle.
    #[error("the proof bundle is about another action")]
    OtherAction,
    /// A part is not what its entry commits to, or is not there.
    #[error("entry {index}: the part `{name}` is not the one that it commits to, or is missing")]
    Part {
        /// Position of the entry.
        index: u64,
        /// Name of the part.
        name: String,
    },
    /// The policy gives another evaluation, or lets somebody else approve.
    #[error("entry {index}: {why}")]
    Misjudged {
        /// Position of the entry that says so.
        index: u64,
        /// What is wrong.
        why: String,
    },
    /// Something else was approved.
    #[error("another digest was approved: `{0}`")]
    OtherDigest(Digest),
    /// This permit is not the redeemed one.
    #[error("the proof bundle does not show that this permit was redeemed")]
    NotRedeemed,
}

/// Checks that the trusted log holds an approval of exactly this action by
/// somebody whose key chains to the founder, and the redemption of this
/// permit.
///
/// # Errors
/// [`BundleError`] names the first thing that is not proven.
pub fn check(
    bundle: &Bundle,
    trust: &TrustFile,
    wanted: &Wanted<'_>,
) -> Result<BundleReport, BundleError> {
    if bundle.entries.is_empty() || bundle.entries.len() > MAX_ENTRIES {
        return Err(BundleError::Count(bundle.entries.len()));
    }
    let mut excerpt = Excerpt::default();
    for proven in &bundle.entries {
        excerpt.push(proven, trust)?;
    }
    let checkpoint = excerpt.check_inclusion(bundle)?;
    if let Some(newest) = wanted.newest {
        expect_no_step_back(&checkpoint.checkpoint, newest)?;
    }
    let state = &excerpt.judge.state;
    let action = redeemed_action(state, wanted)?;
    let agent = state.agent(&action.agent).ok_or(BundleError::OtherAction)?;
    excerpt.check_evaluation(action, bundle, wanted.content)?;
    let personal = |opened: Profile| match opened {
        Profile::Personal => true,
        Profile::Team => false,
    };
    Ok(BundleReport {
        checkpoint,
        agent: agent.id,
        executor: agent.executor,
        reviewers: excerpt.approvers(action),
        single_operator: state.log().is_some_and(|log| personal(log.opened.profile)),
    })
}

fn redeemed_action<'a>(
    state: &'a State,
    wanted: &Wanted<'_>,
) -> Result<&'a ActionState, BundleError> {
    let action = state
        .action(&wanted.action)
        .ok_or(BundleError::OtherAction)?;
    if action.digest != wanted.action_digest {
        return Err(BundleError::OtherDigest(action.digest));
    }
    let used = action.permits.last().is_some_and(|permit| {
        permit.id == wanted.permit && permit.status == PermitStatus::Redeemed
    });
    // One with an outcome is the proof of an earlier run.
    if !used || action.life() != Life::Redeemed {
        return Err(BundleError::NotRedeemed);
    }
    Ok(action)
}

/// Without a consistency proof, this much can be told.
fn expect_no_step_back(found: &Checkpoint, seen: &Checkpoint) -> Result<(), BundleError> {
    if found.size < seen.size {
        return Err(BundleError::Rollback {
            seen: seen.size,
            found: found.size,
        });
    }
    if found.size == seen.size && found.root != seen.root {
        return Err(BundleError::Fork(found.size));
    }
    Ok(())
}

/// Entries judged in log order, with gaps between them.
#[derive(Default)]
struct Excerpt {
    judge: Judge,
    /// Position, leaf hash and route of each entry.
    entries: Vec<(u64, Hash, Option<Route>)>,
    claims: Claims,
}

impl Excerpt {
    fn push(&mut self, proven: &Proven, trust: &TrustFile) -> Result<(), BundleError> {
        let index = proven.index;
        let read = self.judge.keys().read(proven.leaf.as_bytes());
        let leaf_hash = read.leaf_hash;
        match self.entries.last() {
            None if Digest(leaf_hash) != trust.log => {
                return Err(BundleError::OtherLog {
                    trusted: trust.log,
                    found: Digest(leaf_hash),
                });
            }
            Some((last, ..)) if index <= *last => return Err(BundleError::Order(index)),
            _ => {}
        }
        self.judge.state.skip_to(index);
        let claim = read
            .leaf()
            .and_then(|leaf| Claim::of(leaf, index, &self.judge.state));
        let judged = self
            .judge
            .judge(index, read, |_| Ok(()))
            .map_err(|why| BundleError::Entry { index, why })?;
        let Judged::Known { route, .. } = judged else {
            return Err(BundleError::Upgrade(index));
        };
        self.entries.push((index, leaf_hash, route));
        self.claims.keep(index, claim, &self.judge.state);
        Ok(())
    }

    /// Where a policy was evaluated: its text and the inputs give this very
    /// evaluation for what is about to run. Where standing grants approve it:
    /// they cover it.
    fn check_evaluation(
        &self,
        action: &ActionState,
        bundle: &Bundle,
        content: &Action,
    ) -> Result<(), BundleError> {
        let log = self.judge.state.log().ok_or(BundleError::OtherAction)?;
        let profile = log.opened.profile;
        let mut evaluations = Evaluations::new(&self.claims, profile, Reach::Excerpt);
        for (index, name) in parts_of(&self.judge.state, action) {
            let missing = || BundleError::Part {
                index,
                name: name.to_owned(),
            };
            let bytes = part(bundle, index, name).ok_or_else(missing)?;
            let read = Content::read(name, bytes, None);
            let read = read.map_err(|why| BundleError::Misjudged { index, why })?;
            evaluations.take(index, read).map_err(misjudged)?;
        }
        let needed = PayloadUse {
            judged: action.policy.is_some(),
            compared: true,
        };
        let facts = Content::of(content, needed);
        evaluations
            .take(action.proposal.index, facts)
            .map_err(misjudged)
    }

    fn check_inclusion(&self, bundle: &Bundle) -> Result<SignedCheckpoint, BundleError> {
        let log = self.judge.state.log().ok_or(BundleError::OtherAction)?;
        let key = VerifierKey::parse(&log.opened.log_key)?;
        let signed = checkpoint::open(&bundle.checkpoint, &key, &log.opened.origin)?;
        for ((index, leaf_hash, _), proven) in self.entries.iter().zip(&bundle.entries) {
            let path: Vec<Hash> = proven.proof.iter().map(|node| node.0).collect();
            let Checkpoint { size, root, .. } = &signed.checkpoint;
            proof::verify_inclusion(leaf_hash, *index, *size, &path, root)
                .map_err(|why| BundleError::NotIncluded { index: *index, why })?;
        }
        Ok(signed)
    }

    /// Whose approvals counted when it was redeemed, in the order in which they were
    /// given last.
    fn approvers(&self, action: &ActionState) -> Vec<Approver> {
        let state = &self.judge.state;
        let redeemed = action.redeemed.map_or(state.last_time(), |(_, time)| time);
        let counted = state.approved_by(action, redeemed);
        let given = action.verdicts.iter().rev();
        let mut seen = HashSet::new();
        // Who approved anew, or broke glass after that, did so once.
        let given =
            given.filter(|given| given.verdict.approves() && counted.contains(&given.reviewer));
        let mut approvers: Vec<Approver> = given
            .filter(|given| seen.insert(given.reviewer))
            .filter_map(|given| {
                let person = state.reviewer(&given.reviewer)?;
                let mut entries = self.entries.iter();
                let (.., route) = entries.find(|(index, ..)| *index == given.entry.index)?;
                Some(Approver {
                    reviewer: given.reviewer,
                    name: person.name.clone(),
                    consent: match (given.grant, given.verdict) {
                        (Some(_), _) => Consent::InAdvance,
                        (None, Verdict::BreakGlass) => Consent::BrokenGlass,
                        (None, _) => Consent::Seen,
                    },
                    route: (*route)?,
                })
            })
            .collect();
        approvers.reverse();
        approvers
    }
}

/// The parts that an action's approval hangs on beside its own payload, by entry
/// and name, in the order of the log: what it is held against before it runs.
#[must_use]
pub fn parts_of(state: &State, action: &ActionState) -> Vec<(u64, &'static str)> {
    let mut parts = Vec::new();
    if let Some(policy) = &action.policy {
        parts.extend([
            (policy.entry.index, "policy"),
            (action.proposal.index, "inputs"),
        ]);
    }
    let used = action.verdicts.iter().filter_map(|given| given.grant);
    for grant in used.filter_map(|id| state.grant(&id)) {
        parts.extend([(grant.like.index, "payload"), (grant.entry.index, "shape")]);
    }
    parts.sort_unstable();
    parts.dedup();
    parts
}

fn misjudged((index, why): (u64, String)) -> BundleError {
    BundleError::Misjudged { index, why }
}

/// The bytes of a part, if they are those that the bundle's entry commits to.
fn part<'a>(bundle: &'a Bundle, index: u64, name: &str) -> Option<&'a [u8]> {
    let content = bundle
        .parts
        .iter()
        .find(|part| part.index == index && part.name == name)
        .map(|part| &part.content)?;
    let proven = bundle.entries.iter().find(|proven| proven.index == index)?;
    let Ok(Parsed::Known(leaf)) = Leaf::parse(proven.leaf.as_bytes()) else {
        return None;
    };
    let told = leaf.part(name)?;
    let bytes = &content.bytes.0;
    let commit = vidimus_ledger::part::commit(&content.salt.0, &content.r#type, bytes).ok()?;
    (Digest(commit) == told.commit && content.r#type == told.r#type).then_some(bytes)
}

#[cfg(test)]
mod tests;
