//! Edit then approve: fields are filled in, Rust makes the new action of them,
//! shows what changed, and the key signs that it takes the old one's place.

use vidimus_ledger::part;
use vidimus_protocol::action::{Action, PAYLOAD_TYPE};
use vidimus_protocol::api::{Content, EditExtras};
use vidimus_protocol::edit::{self, EditError, Field, Filled, NewContent, NewWord, Word};
use vidimus_protocol::envelope::{ActType, EditItem};
use vidimus_protocol::id::{ActionId, ReviewerId};
use vidimus_protocol::state::{ActionState, Life};
use vidimus_protocol::{Blob, Digest, State, diff};

use super::review::unknown_action;
use super::{After, Base, Core, now};
use crate::act::{Extras, item, random, sentence};
use crate::board::FrontId;
use crate::inbox::{agent_name, reviewer_name};
use crate::safe_text;
use crate::view::{
    CeremonyPurpose, Difference, EditedFromView, EditedIntoView, FieldSort, FieldView, FilledView,
    Problem, Reply, SafeText, WordView,
};

/// Why a text that misleads the eye stays as it is.
const HIDDEN: &str =
    "It holds hidden or misleading characters, so it cannot be edited here. Deny it instead.";

impl Core {
    pub(super) fn edit_fields(&self, action: &str) -> Result<Reply, Problem> {
        let (_, before) = self.editable(action)?;
        let fields = edit::fields(&before).iter().map(field_view).collect();
        Ok(Reply::EditFields(fields))
    }

    pub(super) fn preview_edit(
        &self,
        action: &str,
        filled: &[FilledView],
    ) -> Result<Reply, Problem> {
        let (_, before) = self.editable(action)?;
        let after = edited(&before, filled)?;
        Ok(Reply::EditPreview(differences(&before, &after)))
    }

    /// Asks for the key over what was filled in.
    pub(super) fn edit(
        &mut self,
        action: &str,
        filled: &[FilledView],
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.may_sign()?;
        let (state, before) = self.editable(action)?;
        let after = edited(&before, filled)?;
        let (bytes, salt) = (after.to_bytes(), random());
        let commit = part::commit(&salt, PAYLOAD_TYPE, &bytes)
            .map_err(|error| Problem::local("The edited action cannot be committed to", error))?;
        let items = vec![item(&EditItem {
            action: state.id,
            action_digest: state.digest,
            edited: ActionId::from_random(random()),
            edited_digest: Digest(commit),
            proposal_leaf: state.proposal.leaf,
        })];
        let payload = Content {
            bytes: Blob(bytes),
            salt: Digest(salt),
            r#type: PAYLOAD_TYPE.to_owned(),
        };
        let count = diff::of_actions(&before, &after).len();
        let changes = if count == 1 {
            "1 change".into()
        } else {
            format!("{count} changes")
        };
        let words = format!(
            "Edit what {} asks for ({changes}): the edited action takes its place and is decided anew.",
            agent_name(self.base()?.state(), &state.agent)
        );
        let extras = Extras::Edit(EditExtras { payload });
        let not_after = Some(self.base()?.last_moment(state));
        let draft = self.draft(ActType::ActionEdited, items, extras, not_after)?;
        let purpose = CeremonyPurpose::Statement {
            words: words.clone(),
        };
        self.act(purpose, draft, After::Nothing, &words, front)
    }

    /// A pending action that this reviewer may edit, read from the bytes that
    /// its digest covers.
    fn editable(&self, action: &str) -> Result<(&ActionState, Action), Problem> {
        let id: ActionId = action.parse().map_err(|_| unknown_action())?;
        let base = self.base()?;
        let state = base.state().action(&id).ok_or_else(unknown_action)?;
        if let Some(problem) = self.edit_blocked(state) {
            return Err(problem);
        }
        let (payload, _) =
            base.checked_part(state.proposal.index, "payload", PAYLOAD_TYPE, state.digest)?;
        let before = Action::parse(&payload).map_err(|why| refused(&why.to_string()))?;
        Ok((state, before))
    }

    /// Why it cannot be edited here now, if so.
    pub(super) fn edit_blocked(&self, action: &ActionState) -> Option<Problem> {
        let state = self.base().ok()?.state();
        if action.life() != Life::Pending || state.has_expired(action, now()) {
            return Some(Problem::new(
                "not_pending",
                "It does not wait for a verdict any more.",
                "There is nothing to edit.",
            ));
        }
        if state.may_edit(action, self.reviewer()?).is_err() {
            return self.not_ours_to_decide(action);
        }
        self.unable()
    }
}

impl Base {
    /// What it was edited from.
    pub(super) fn edited_from(
        &self,
        action: &ActionState,
        me: Option<ReviewerId>,
    ) -> Option<EditedFromView> {
        let old = self.state().action(&action.edits?)?;
        let edit = old.edit.as_ref()?;
        let read = |action: &ActionState| {
            let index = action.proposal.index;
            let part = self.checked_part(index, "payload", PAYLOAD_TYPE, action.digest);
            Action::parse(&part.ok()?.0).ok()
        };
        let first = old.edits.and_then(|first| self.state().action(&first));
        let author = match first.and_then(|first| first.edit.as_ref()) {
            Some(earlier) => reviewer_name(self.state(), earlier.by),
            None => agent_name(self.state(), &old.agent),
        };
        let both = read(old).zip(read(action));
        Some(EditedFromView {
            action: old.id.to_string(),
            by: reviewer_name(self.state(), edit.by),
            me: Some(edit.by) == me,
            author,
            wrong: both
                .as_ref()
                .and_then(|(before, after)| no_edit(before, after)),
            differences: both.map(|(before, after)| differences(&before, &after)),
        })
    }
}

/// What took an action's place.
pub(super) fn edited_into(
    state: &State,
    action: &ActionState,
    me: Option<ReviewerId>,
) -> Option<EditedIntoView> {
    let edit = action.edit.as_ref()?;
    Some(EditedIntoView {
        action: edit.to.to_string(),
        by: reviewer_name(state, edit.by),
        me: Some(edit.by) == me,
    })
}

/// Why one is no edit of the other, if so: neither the gateway nor whoever
/// edited is to be believed.
fn no_edit(before: &Action, after: &Action) -> Option<String> {
    let why = edit::check(before, after).err()?;
    Some(sentence(&why.to_string()))
}

/// What differs, as it is shown.
fn differences(before: &Action, after: &Action) -> Vec<Difference> {
    let side = |text: Option<String>| text.map(|text| safe_text::code(&text));
    diff::of_actions(before, after)
        .into_iter()
        .map(|difference| Difference {
            path: safe_text::code(&difference.what),
            before: side(difference.before),
            after: side(difference.after),
        })
        .collect()
}

fn field_view(field: &Field) -> FieldView {
    let one = |text: &str| vec![word_view(text, None)];
    let (sort, words) = match &field.content {
        edit::Content::Line(text) => (FieldSort::Line, one(text)),
        edit::Content::Text(text) => (FieldSort::Text, one(text)),
        edit::Content::Json(text) => (FieldSort::Json, one(text)),
        edit::Content::Words(words) => {
            let words = words.iter();
            let views = words.map(|Word { text, fixed }| word_view(text, *fixed));
            (FieldSort::Words, views.collect())
        }
    };
    FieldView {
        id: field.id.clone(),
        label: safe_text::line(&field.label),
        sort,
        words,
    }
}

/// Only what shows all that is in it stands in a box to be edited.
fn word_view(text: &str, fixed: Option<&str>) -> WordView {
    let shown = safe_text::code(text);
    let misleads = safe_text::lines(text)
        .iter()
        .map(SafeText::marks)
        .sum::<u32>()
        > 0;
    let fixed = fixed.or(misleads.then_some(HIDDEN)).map(sentence);
    WordView {
        text: fixed.is_none().then(|| text.to_owned()),
        shown,
        fixed,
    }
}

/// The action that comes of what was filled in.
fn edited(before: &Action, filled: &[FilledView]) -> Result<Action, Problem> {
    let fields = edit::fields(before);
    let filled: Vec<_> = filled
        .iter()
        .map(|view| read(&fields, view))
        .collect::<Result<_, _>>()?;
    edit::apply(before, &filled).map_err(|why| match why {
        EditError::Unchanged => Problem::new(
            "unchanged",
            "Nothing was changed.",
            "Change something, or leave it.",
        ),
        why => refused(&why.to_string()),
    })
}

/// What a front filled in; what stays is taken from what was there.
fn read(fields: &[Field], view: &FilledView) -> Result<Filled, Problem> {
    let unknown = || refused("there is no such field");
    let field = fields
        .iter()
        .find(|field| field.id == view.id)
        .ok_or_else(unknown)?;
    let old: Vec<&str> = match &field.content {
        edit::Content::Line(text) | edit::Content::Text(text) | edit::Content::Json(text) => {
            vec![text]
        }
        edit::Content::Words(words) => words.iter().map(|word| word.text.as_str()).collect(),
    };
    let words: Vec<NewWord> = view
        .words
        .iter()
        .map(|word| {
            let from = word.from.and_then(|from| usize::try_from(from).ok());
            let kept = from.and_then(|from| old.get(from)).copied();
            let text = word.text.as_deref().or(kept).ok_or_else(unknown)?;
            Ok(NewWord {
                from,
                text: text.to_owned(),
            })
        })
        .collect::<Result<_, Problem>>()?;
    let content = match &field.content {
        edit::Content::Words(_) => NewContent::Words(words),
        _ => {
            let [word] = <[NewWord; 1]>::try_from(words).map_err(|_| unknown())?;
            NewContent::Text(word.text)
        }
    };
    Ok(Filled {
        id: view.id.clone(),
        content,
    })
}

fn refused(why: &str) -> Problem {
    Problem::new("bad_edit", sentence(why), "Correct it, then try again.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_protocol::action::Payload;
    use vidimus_verify::testkit::sample_action;

    #[test]
    fn what_differs_in_more_than_may_be_edited_is_no_edit() {
        let before = sample_action(1);
        let mut after = before.clone();
        let Payload::Command(command) = &mut after.payload else {
            unreachable!("the sample is a command");
        };
        command.argv.push("--dry-run".into());
        assert_eq!(no_edit(&before, &after), None);
        after.target.environment = "production".into();
        let why = no_edit(&before, &after).unwrap();
        assert!(why.ends_with("and nothing else."), "{why}");
        assert_eq!(differences(&before, &after).len(), 1, "it is not listed");
    }
}
