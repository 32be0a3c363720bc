//! Taken, asked, answered, flagged: what is said beside deciding.

use vidimus_protocol::Violation;
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::Content;
use vidimus_protocol::entry::{Answered, Asked, Data, Flagged, Taken};
use vidimus_protocol::id::{ActionId, Actor, AgentId, ReviewerId};
use vidimus_protocol::state::NoteKind;

use super::{Part, Refusal, Sequencer, Wanted};

impl Sequencer {
    pub(super) fn take(
        &mut self,
        reviewer: ReviewerId,
        action: ActionId,
    ) -> Result<Wanted, Refusal> {
        let known = self.known(action)?;
        let by = Actor::Reviewer(reviewer);
        if let Some(taken) = known.taken_by().filter(|taken| taken.by == by) {
            return Ok(Wanted::Entries(vec![taken.entry.index]));
        }
        let refs = vec![known.proposal];
        let data = Data::ActionTaken(Box::new(Taken { action }));
        let (entry, _) = self.write(by, refs, data, Vec::new())?;
        Ok(Wanted::Entries(vec![entry.index]))
    }

    pub(super) fn question(
        &mut self,
        reviewer: ReviewerId,
        action: ActionId,
        text: Content,
    ) -> Result<Wanted, Refusal> {
        let data = Data::ActionAsked(Box::new(Asked { action }));
        self.remark(reviewer, action, NoteKind::Asked, ("question", text), data)
    }

    pub(super) fn answer_question(
        &mut self,
        agent: AgentId,
        action: ActionId,
        question: u64,
        text: Content,
    ) -> Result<Wanted, Refusal> {
        let text = readable("answer", text)?;
        let known = self.own(agent, action)?;
        let asked = known
            .questions()
            .find(|(asked, _)| asked.entry.index == question)
            .map(|(asked, _)| asked.entry)
            .ok_or(Violation::NoSuchQuestion)?;
        if let Some(same) = self.said_already(action, NoteKind::Answered(question), &text)? {
            return Ok(same);
        }
        let data = Data::ActionAnswered(Box::new(Answered { action }));
        let (entry, _) = self.write(Actor::Agent(agent), vec![asked], data, vec![text])?;
        Ok(Wanted::Entries(vec![entry.index]))
    }

    pub(super) fn flag(
        &mut self,
        reviewer: ReviewerId,
        action: ActionId,
        text: Content,
    ) -> Result<Wanted, Refusal> {
        let data = Data::ActionFlagged(Box::new(Flagged { action }));
        self.remark(reviewer, action, NoteKind::Flagged, ("remark", text), data)
    }

    /// What a reviewer writes about a proposal.
    fn remark(
        &mut self,
        reviewer: ReviewerId,
        action: ActionId,
        kind: NoteKind,
        (part, text): (&'static str, Content),
        data: Data,
    ) -> Result<Wanted, Refusal> {
        let text = readable(part, text)?;
        if let Some(same) = self.said_already(action, kind, &text)? {
            return Ok(same);
        }
        let refs = vec![self.known(action)?.proposal];
        let (entry, _) = self.write(Actor::Reviewer(reviewer), refs, data, vec![text])?;
        Ok(Wanted::Entries(vec![entry.index]))
    }

    /// The same text with the same salt again is the same note.
    fn said_already(
        &self,
        action: ActionId,
        kind: NoteKind,
        text: &Part,
    ) -> Result<Option<Wanted>, Refusal> {
        let same = self
            .known(action)?
            .notes
            .iter()
            .find(|note| note.kind == kind && note.text == Some(text.commit()));
        Ok(same.map(|note| Wanted::Entries(vec![note.entry.index])))
    }
}

/// A text that people can read.
fn readable(name: &str, text: Content) -> Result<Part, Refusal> {
    let readable = std::str::from_utf8(&text.bytes.0).is_ok_and(|text| !text.trim().is_empty());
    if text.r#type != TEXT_TYPE || !readable {
        return Err(Refusal::not_acceptable(
            "bad_text",
            format!("send UTF-8 text that is not blank, of type `{TEXT_TYPE}`"),
        ));
    }
    Part::new(name, text)
}
