//! The policies of the log, ready to be evaluated.

use std::collections::HashMap;
use std::sync::Arc;

use vidimus_policy::{PolicyText, Problem, Set};
use vidimus_protocol::api::{Content, PolicyExtras};
use vidimus_protocol::entry::Profile;

use crate::problem::Refusal;
use crate::sequencer::part_ref;
use crate::shared::Shared;
use vidimus_protocol::envelope::PolicyItem;

/// Most problems of a policy that a refusal names.
const MOST_NAMED: usize = 5;

/// Sets that were read, by the entry that brought each in force.
#[derive(Default)]
pub(crate) struct Policies {
    sets: HashMap<u64, Arc<Set>>,
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
        let set = parse(&stored, profile, entry).map_err(|why| lost(&why.detail))?;
        self.keep(entry, Arc::clone(&set));
        Ok(set)
    }

    pub(crate) fn keep(&mut self, entry: u64, set: Arc<Set>) {
        self.sets.insert(entry, set);
    }

    /// Positions may be given anew after a refused commit.
    pub(crate) fn forget(&mut self) {
        self.sets.clear();
    }
}

/// Reads what a change of the policy brings, as the entry at that position
/// would. Whoever asks for a key prompt is refused here already.
pub(crate) fn read(
    extras: Option<&PolicyExtras>,
    item: &PolicyItem,
    profile: Profile,
    entry: u64,
) -> Result<Arc<Set>, Refusal> {
    let content = &extras.ok_or_else(no_policy)?.policy;
    if part_ref("policy", content)?.commit != item.policy {
        return Err(Refusal::not_acceptable(
            "wrong_digest",
            "the policy is not the one that the statement names: propose it anew",
        ));
    }
    parse(content, profile, entry)
}

/// How evaluations call the set that an entry brought in force.
pub(crate) fn parse(content: &Content, profile: Profile, entry: u64) -> Result<Arc<Set>, Refusal> {
    let bad = |why: String| Refusal::not_acceptable("bad_policy", why);
    let text = PolicyText::parse(&content.bytes.0)
        .map_err(|why| bad(format!("the policy is refused: {why}")))?;
    let set = Set::parse(&text, profile, &vidimus_policy::set_name(entry));
    let set = set.map_err(|problems| bad(in_words(&problems)))?;
    Ok(Arc::new(set))
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
    format!("the policy is refused: {}", words.join("; "))
}

/// Fail closed: without its policy nothing is proposed or approved.
fn lost(why: &str) -> Refusal {
    Refusal::unavailable(
        "policy_lost",
        format!("the policy in force cannot be read: {why}. Restore the newest backup"),
    )
}
