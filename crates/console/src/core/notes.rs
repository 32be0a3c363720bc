//! Taking, asking and flagging: said in the session, without the key, and
//! deciding nothing.

use vidimus_client::ClientError;
use vidimus_protocol::action::{MAX_TEXT, TEXT_TYPE};
use vidimus_protocol::api::{Ack, Content, WriteNote};
use vidimus_protocol::envelope::SeenPart;
use vidimus_protocol::id::{ActionId, Actor};
use vidimus_protocol::state::{ActionState, Note, NoteKind};
use vidimus_protocol::{Blob, Digest};

use super::{Answer, Base, Core, Message};
use crate::act::random;
use crate::inbox::{agent_name, reviewer_name};
use crate::safe_text;
use crate::view::{NoteView, Problem, QuestionView, Reply, TakenView};

/// What a person says.
pub(super) enum Say {
    Take,
    Ask(String),
    Flag(String),
}

/// The notes of an action, as they are shown.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) questions: Vec<QuestionView>,
    pub(super) flags: Vec<NoteView>,
    /// The texts among them that are here.
    pub(super) seen: Vec<SeenPart>,
}

impl Core {
    /// Says it to the gateway; it is on screen once it comes back in the log.
    pub(super) fn say(&mut self, action: &str, what: Say, reply: Answer) {
        let prepared = self.prepare(action, &what);
        let (client, id) = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => return self.answers.push((reply, Err(problem))),
        };
        self.spawn(async move {
            let result = match what {
                Say::Take => client.take(id).await,
                Say::Ask(text) => client.ask_agent(id, &note(&text)).await,
                Say::Flag(text) => client.flag(id, &note(&text)).await,
            };
            Message::Said { reply, result }
        });
    }

    fn prepare(
        &self,
        action: &str,
        what: &Say,
    ) -> Result<(vidimus_client::Gateway, ActionId), Problem> {
        if let Some(problem) = self.unable() {
            return Err(problem);
        }
        let base = self.base()?;
        let id: ActionId = action
            .parse()
            .ok()
            .filter(|id| base.state().action(id).is_some())
            .ok_or_else(super::review::unknown_action)?;
        if let Say::Ask(text) | Say::Flag(text) = what
            && (text.trim().is_empty() || text.len() > MAX_TEXT)
        {
            return Err(Problem::new(
                "text_length",
                format!("It needs 1 to {MAX_TEXT} bytes; this has {}.", text.len()),
                "Write a sentence.",
            ));
        }
        let session = self.session.as_ref().ok_or_else(Problem::stopped)?;
        Ok((base.client.with_token(&session.token), id))
    }

    pub(super) fn said(&mut self, reply: Answer, result: Result<Ack, ClientError>) {
        let result = match result {
            Ok(_) => Ok(Reply::Accepted),
            Err(ClientError::Problem { problem, .. }) => Err(Problem::new(
                &problem.code,
                crate::act::sentence(&safe_text::flat(&problem.detail)),
                "Nothing was logged.",
            )),
            Err(error) => Err(Problem::new(
                "not_said",
                crate::act::sentence(&error.to_string()),
                "Look whether it stands under *What happened* before you try again.",
            )),
        };
        self.answers.push((reply, result));
    }

    /// Who looks after it.
    pub(super) fn taken(&self, base: &Base, action: &ActionState) -> Option<TakenView> {
        let taken = action.taken_by()?;
        Some(TakenView {
            by: base.name_of(taken.by),
            me: self.reviewer().map(Actor::Reviewer) == Some(taken.by),
            at_unix_ms: taken.at.unix_ms(),
        })
    }
}

impl Notes {
    /// Marks in what is shown of them.
    pub(super) fn marks(&self) -> u32 {
        let answers = self
            .questions
            .iter()
            .filter_map(|asked| asked.answer.as_ref());
        self.questions
            .iter()
            .map(|asked| &asked.question)
            .chain(answers)
            .chain(&self.flags)
            .filter_map(|note| note.text.as_ref())
            .map(crate::view::SafeText::marks)
            .fold(0, u32::saturating_add)
    }
}

impl Base {
    /// The notes of an action, each text held against its commit.
    pub(super) fn notes(&self, action: &ActionState) -> Notes {
        let mut notes = Notes::default();
        let mut view = |note: &Note, part: &str| {
            let text = note.text.and_then(|commit| {
                self.checked_part(note.entry.index, part, TEXT_TYPE, commit)
                    .ok()
            });
            let text = text.map(|(bytes, commit)| {
                notes
                    .seen
                    .extend(note.seen_name().map(|name| SeenPart { commit, name }));
                safe_text::prose(&String::from_utf8_lossy(&bytes))
            });
            NoteView {
                entry: note.entry.index,
                by: self.name_of(note.by),
                at_unix_ms: note.at.unix_ms(),
                text,
            }
        };
        let questions = action
            .questions()
            .map(|(question, answer)| QuestionView {
                question: view(question, "question"),
                answer: answer.map(|answer| view(answer, "answer")),
            })
            .collect();
        let flags = action
            .notes
            .iter()
            .filter(|note| note.kind == NoteKind::Flagged)
            .map(|note| view(note, "remark"))
            .collect();
        (notes.questions, notes.flags) = (questions, flags);
        notes
    }

    fn name_of(&self, actor: Actor) -> String {
        match actor {
            Actor::Gateway => "the gateway".into(),
            Actor::Agent(agent) => agent_name(self.state(), &agent),
            Actor::Reviewer(reviewer) => reviewer_name(self.state(), reviewer),
        }
    }
}

fn note(text: &str) -> WriteNote {
    WriteNote {
        text: Content {
            bytes: Blob(text.trim().as_bytes().to_vec()),
            salt: Digest(random()),
            r#type: TEXT_TYPE.to_owned(),
        },
    }
}
