//! What a run rests on: the entries and parts of its proof bundle.
//! Spec: `docs/spec/permit.md`.

use std::collections::BTreeSet;

use vidimus_protocol::api::PartOfEntry;
use vidimus_protocol::entry::Data;
use vidimus_protocol::id::{ActionId, Actor};
use vidimus_protocol::state::ActionState;
use vidimus_protocol::{State, Violation};

use super::{Refusal, Sequencer};

impl Sequencer {
    /// Everything that a run rests on, from `log.opened` to the resolution.
    pub(super) fn chain(&self, action: &ActionState) -> Result<Vec<u64>, Refusal> {
        let state = self.replay.state();
        let agent = state.agent(&action.agent).ok_or(Violation::UnknownAgent)?;
        let resolved = action.resolved.as_ref().ok_or(Violation::NotApproved)?;
        // A verdict may list them as seen.
        let notes = action
            .notes
            .iter()
            .filter(|note| note.seen_name().is_some())
            .map(|note| note.entry.index);
        let people = action
            .verdicts
            .iter()
            .map(|given| given.reviewer)
            .chain([agent.owner, agent.registrar])
            .filter_map(|id| Some(state.reviewer(&id)?.entry.index));
        let lent = lent_for(state, action);
        // They say which keys count, also after the proposal.
        let rules = state.rules().map(|rules| rules.entry.index);
        let chain = [
            agent.entry.index,
            action.proposal.index,
            resolved.entry.index,
        ];
        let chain = chain
            .into_iter()
            .chain(rules)
            .chain(notes)
            .chain(people)
            .chain(lent);
        self.grounds(chain.collect())
    }

    /// What the approval of an action hangs on beside the action itself, so that
    /// its executor judges it again.
    pub(super) fn grounded_on(&self, action: ActionId) -> Result<Vec<PartOfEntry>, Refusal> {
        let action = self.known(action)?;
        let part = |(index, name): (u64, &str)| {
            let content = self.shared.store().part(index, name)?;
            let content = content.ok_or_else(|| Refusal::not_found("part"))?;
            Ok::<_, Refusal>(PartOfEntry {
                content,
                index,
                name: name.to_owned(),
            })
        };
        let parts = vidimus_verify::bundle::parts_of(self.replay.state(), action);
        parts.into_iter().map(part).collect()
    }

    /// These entries and all that they build on, down to the founder's key.
    fn grounds(&self, mut open: Vec<u64>) -> Result<Vec<u64>, Refusal> {
        let state = self.replay.state();
        let mut grounds = BTreeSet::new();
        while let Some(index) = open.pop() {
            if !grounds.insert(index) {
                continue;
            }
            let leaf = self.leaf(index)?;
            open.extend(leaf.refs.iter().map(|entry| entry.index));
            if let Actor::Reviewer(id) = leaf.actor {
                open.extend(state.reviewer(&id).map(|person| person.entry.index));
            }
            match &leaf.data {
                Data::CredentialEnrolled(data) => {
                    let key = state.credential(&data.signed.item.credential_id);
                    let history = key.into_iter().flat_map(|key| &key.history);
                    open.extend(history.map(|entry| entry.index));
                }
                // How many administrators there are says how many must agree.
                Data::CredentialAdmitted(data)
                    if data.signed.envelope.signer != data.signed.item.reviewer =>
                {
                    open.extend(state.reviewers().map(|person| person.entry.index));
                }
                Data::PolicyChanged(_) => {
                    open.extend(state.reviewers().map(|person| person.entry.index));
                }
                // What its signer saw beside the action that it is over.
                Data::GrantGiven(data) => {
                    let like = state.action(&data.signed.item.action);
                    let notes = like.into_iter().flat_map(|like| &like.notes);
                    let seen = notes.filter(|note| {
                        let name = note.seen_name();
                        let mut parts = data.seen.parts.iter();
                        name.is_some_and(|name| parts.any(|part| part.name == name))
                    });
                    open.extend(seen.map(|note| note.entry.index));
                }
                _ => {}
            }
        }
        Ok(grounds.into_iter().collect())
    }
}

/// The entries of the delegations that an approval of it may count by.
fn lent_for(state: &State, action: &ActionState) -> BTreeSet<u64> {
    let approvals = action.verdicts.iter();
    let approvals = approvals.filter(|given| given.verdict.approves() && given.grant.is_none());
    let lent = approvals.flat_map(|given| {
        state.delegations().filter(move |lent| {
            lent.item.to == given.reviewer
                && lent.entry.index < given.entry.index
                && given.at < lent.item.until
        })
    });
    let entries = lent.flat_map(|lent| [Some(lent.entry), lent.revoked]);
    entries.flatten().map(|entry| entry.index).collect()
}
