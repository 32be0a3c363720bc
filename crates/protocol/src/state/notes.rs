//! What people and the agent say about an action beside deciding: taken, asked,
//! answered, flagged. None of it is signed by a person, and none decides.

use super::{Effect, PartRule, State, Violation, expect_actor, expect_parts, expect_refs};
use crate::action;
use crate::bytes::Digest;
use crate::entry::{Entry, Ref};
use crate::id::{ActionId, Actor};
use crate::state::ActionState;
use crate::time::Time;

/// Most notes of one action.
pub const MAX_NOTES: usize = 64;

const QUESTION: PartRule = text("question");
const ANSWER: PartRule = text("answer");
const REMARK: PartRule = text("remark");

const fn text(name: &'static str) -> PartRule {
    PartRule {
        name,
        content_type: action::TEXT_TYPE,
        most: action::MAX_TEXT,
        required: true,
    }
}

/// One note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What sort.
    pub kind: NoteKind,
    /// Who wrote it.
    pub by: Actor,
    /// When.
    pub at: Time,
    /// Its entry.
    pub entry: Ref,
    /// Commit of its text.
    pub text: Option<Digest>,
}

/// Sorts of note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A person looks after it.
    Taken,
    /// A question to the agent.
    Asked,
    /// The agent's answer to the question at that position.
    Answered(u64),
    /// A remark that something is wrong.
    Flagged,
}

impl Note {
    /// The name under which a verdict lists its text as seen.
    #[must_use]
    pub fn seen_name(&self) -> Option<String> {
        let part = match self.kind {
            NoteKind::Taken => return None,
            NoteKind::Asked => QUESTION.name,
            NoteKind::Answered(_) => ANSWER.name,
            NoteKind::Flagged => REMARK.name,
        };
        Some(format!("{part}.{}", self.entry.index))
    }
}

impl ActionState {
    /// Who looks after it: the last who took it.
    #[must_use]
    pub fn taken_by(&self) -> Option<&Note> {
        self.notes
            .iter()
            .rev()
            .find(|note| note.kind == NoteKind::Taken)
    }

    /// Its questions, in order, with their answers.
    pub fn questions(&self) -> impl Iterator<Item = (&Note, Option<&Note>)> {
        self.notes
            .iter()
            .filter(|note| note.kind == NoteKind::Asked)
            .map(|question| {
                let answered = NoteKind::Answered(question.entry.index);
                (
                    question,
                    self.notes.iter().find(|note| note.kind == answered),
                )
            })
    }
}

impl State {
    pub(super) fn take(
        &mut self,
        entry: &Entry,
        id: ActionId,
    ) -> Result<Option<Effect>, Violation> {
        let action = self.pending(id)?;
        self.by_a_reviewer(entry, action.proposal)?;
        expect_parts(&entry.leaf.parts, &[])?;
        if action.taken_by().map(|note| note.by) == Some(entry.leaf.actor) {
            return Err(Violation::TakenAlready);
        }
        self.note(entry, id, NoteKind::Taken)
    }

    pub(super) fn ask(&mut self, entry: &Entry, id: ActionId) -> Result<Option<Effect>, Violation> {
        let action = self.pending(id)?;
        self.by_a_reviewer(entry, action.proposal)?;
        expect_parts(&entry.leaf.parts, &[QUESTION])?;
        self.note(entry, id, NoteKind::Asked)
    }

    pub(super) fn answer(
        &mut self,
        entry: &Entry,
        id: ActionId,
    ) -> Result<Option<Effect>, Violation> {
        let leaf = &entry.leaf;
        let action = self.pending(id)?;
        expect_actor(leaf, Actor::Agent(action.agent))?;
        expect_parts(&leaf.parts, &[ANSWER])?;
        let &[question] = leaf.refs.as_slice() else {
            return Err(Violation::WrongReferences);
        };
        let open = action
            .questions()
            .any(|(asked, answer)| asked.entry == question && answer.is_none());
        if !open {
            return Err(Violation::NoSuchQuestion);
        }
        self.note(entry, id, NoteKind::Answered(question.index))
    }

    /// At any time: what is wrong may show only after the run.
    pub(super) fn flag(
        &mut self,
        entry: &Entry,
        id: ActionId,
    ) -> Result<Option<Effect>, Violation> {
        let action = self.known(id)?;
        self.by_a_reviewer(entry, action.proposal)?;
        expect_parts(&entry.leaf.parts, &[REMARK])?;
        self.note(entry, id, NoteKind::Flagged)
    }

    fn by_a_reviewer(&self, entry: &Entry, proposal: Ref) -> Result<(), Violation> {
        let Actor::Reviewer(reviewer) = entry.leaf.actor else {
            return Err(Violation::WrongActor);
        };
        self.person(reviewer)?;
        expect_refs(&entry.leaf, &[proposal])
    }

    fn note(
        &mut self,
        entry: &Entry,
        id: ActionId,
        kind: NoteKind,
    ) -> Result<Option<Effect>, Violation> {
        if self.known(id)?.notes.len() >= MAX_NOTES {
            return Err(Violation::TooManyNotes);
        }
        let note = Note {
            kind,
            by: entry.leaf.actor,
            at: entry.leaf.time,
            entry: entry.reference(),
            text: entry.leaf.parts.first().map(|part| part.commit),
        };
        self.change(id, |action| action.notes.push(note));
        Ok(None)
    }
}
