//! The policies of the log, ready to be evaluated.

use std::collections::BTreeMap;
use std::sync::Arc;

use vidimus_policy::{PolicyText, Problem, Set};
use vidimus_protocol::api::PolicyExtras;
use vidimus_protocol::entry::Profile;

use crate::problem::Refusal;
use crate::sequencer::part_ref;
use crate::shared::Shared;
use vidimus_protocol::envelope::PolicyItem;

/// Most problems of a policy that a refusal names.
const MOST_NAMED: usize = 5;

/// Most sets that are kept: that in force, and those of actions that wait from
/// before. Any other is read again.
const MOST_KEPT: usize = 8;

/// Sets that were read, by the entry that brought each in force.
#[derive(Default)]
pub(crate) struct Policies {
    sets: BTreeMap<u64, Arc<Set>>,
}

impl Policies {
    /// The set that this entry brought in force.
    pub(crate) fn get(
        &mut self,
        entry: u64,
        profile: Profile,
        shared: &Shared,
    ) -> Result<Arc<Set>, Refusal> {
        if let Some(set) = self.sets.get(&entry) {
            return Ok(Arc::clone(set));
        }
        let stored = shared.store().part(entry, "policy")?;
        let stored = stored.ok_or_else(|| lost("its text is gone"))?;
        let text = PolicyText::parse(&stored.bytes.0).map_err(|why| lost(&why.to_string()))?;
        let set = Set::in_log(&text, profile, &vidimus_policy::set_name(entry));
        let set = set.map_err(|problems| lost(&in_words(&problems)))?;
        Ok(self.keep(entry, set))
    }

    /// Keeps the set of that entry, which gives it its name.
    pub(crate) fn keep(&mut self, entry: u64, set: Set) -> Arc<Set> {
        let set = Arc::new(set.named(&vidimus_policy::set_name(entry)));
        if self.sets.len() >= MOST_KEPT {
            self.sets.pop_first();
        }
        self.sets.insert(entry, Arc::clone(&set));
        set
    }

    /// Positions may be given anew after a refused commit.
    pub(crate) fn forget(&mut self) {
        self.sets.clear();
    }
}

/// Reads what a change of the policy brings. It takes a while, so nobody who
/// writes the log waits for it.
pub(crate) fn read(
    extras: Option<&PolicyExtras>,
    item: &PolicyItem,
    profile: Profile,
) -> Result<Set, Refusal> {
    let content = &extras.ok_or_else(no_policy)?.policy;
    if part_ref("policy", content)?.commit != item.policy {
        return Err(Refusal::not_acceptable(
            "wrong_digest",
            "the policy is not the one that the statement names: propose it anew",
        ));
    }
    let bad = |why: String| {
        Refusal::not_acceptable("bad_policy", format!("the policy is refused: {why}"))
    };
    let text = PolicyText::parse(&content.bytes.0).map_err(|why| bad(why.to_string()))?;
    Set::parse(&text, profile, "draft").map_err(|problems| bad(in_words(&problems)))
}

pub(crate) fn no_policy() -> Refusal {
    Refusal::malformed("a change of the policy needs `policy`")
}

fn in_words(problems: &[Problem]) -> String {
    let mut words: Vec<String> = problems
        .iter()
        .take(MOST_NAMED)
        .map(ToString::to_string)
        .collect();
    if let more @ 1.. = problems.len().saturating_sub(MOST_NAMED) {
        words.push(format!("and {more} more"));
    }
    words.join("; ")
}

/// Fail closed: without its policy nothing is proposed or approved.
fn lost(why: &str) -> Refusal {
    Refusal::unavailable(
        "policy_lost",
        format!("the policy in force cannot be read: {why}. Restore the newest backup"),
    )
}
