//! What came before an action: what else its agent did, and the last like it.

use vidimus_protocol::id::ActionId;
use vidimus_protocol::state::ActionState;

use super::{Base, Core};
use crate::unusual::{Earlier, unusual};
use crate::view::{ActionSummary, LikeView};

/// How many earlier actions are looked at.
const LOOK_BACK: usize = 200;
/// How many of its agent are listed.
const MOST_OF_AGENT: usize = 10;

impl Core {
    /// The agent's actions before it, newest first.
    pub(super) fn earlier(&self, base: &Base, action: &ActionState) -> Vec<ActionSummary> {
        base.before(action)
            .filter(|earlier| earlier.agent == action.agent)
            .take(MOST_OF_AGENT)
            .map(|earlier| self.summary(base, earlier))
            .collect()
    }

    /// What is unusual in it, by all that its agent proposed before.
    pub(super) fn unusual(base: &Base, action: &ActionState) -> Vec<String> {
        let earlier = |one: &ActionState| Earlier {
            kind: one.kind,
            time: one.proposed_at,
            target: (base.headlines.get(&one.id)).map(|headline| headline.target.as_str()),
        };
        let before = base
            .state()
            .actions()
            .filter(|one| one.agent == action.agent && one.proposal.index < action.proposal.index);
        let before: Vec<Earlier<'_>> = before.map(earlier).collect();
        let agent = base.state().agent(&action.agent);
        let agent = agent.map_or("its agent", |agent| agent.name.as_str());
        unusual(&earlier(action), agent, &before)
    }

    /// The last action like it, of any agent.
    pub(super) fn like(&self, base: &Base, action: &ActionState) -> Option<LikeView> {
        let this = base.headlines.get(&action.id)?;
        let (like, that) = base
            .before(action)
            .filter_map(|earlier| Some((earlier, base.headlines.get(&earlier.id)?)))
            .find(|(_, that)| that.likeness == this.likeness)?;
        let same = (&that.title, &that.target) == (&this.title, &this.target);
        let alike = if same {
            "in every word; files and environment may differ"
        } else if like.kind.runs_a_program() {
            "in program and first word; the rest differs"
        } else {
            "in operation and resource; the rest may differ"
        };
        Some(LikeView {
            summary: self.summary(base, like),
            alike: alike.into(),
        })
    }
}

impl Base {
    /// Reads the headlines of what came before.
    pub(super) fn read_back(&mut self, id: ActionId) {
        let Some(action) = self.state().action(&id) else {
            return;
        };
        let before: Vec<_> = self.before(action).map(|earlier| earlier.id).collect();
        for id in before.into_iter().chain([id]) {
            self.read_headline(id);
        }
    }

    /// Actions that were proposed before it, newest first, as far as is looked.
    fn before(&self, action: &ActionState) -> impl Iterator<Item = &ActionState> {
        let end = usize::try_from(action.proposal.index).unwrap_or(usize::MAX);
        let entries = self.actions.get(..end).unwrap_or_default();
        entries
            .iter()
            .enumerate()
            .rev()
            .filter_map(|(index, id)| {
                let earlier = self.state().action(id.as_ref()?)?;
                let proposed = usize::try_from(earlier.proposal.index) == Ok(index);
                proposed.then_some(earlier)
            })
            .take(LOOK_BACK)
    }
}
