//! What a reviewer may change in an action, and the action that comes of it.
//!
//! People fill in fields; [`apply`] makes a checked action of them, or says why
//! not. A new sort of action joins with its fields in [`fields`], what they
//! mean in `fill`, and what stays in [`check`]. Spec: `docs/spec/action.md`.

use serde_json::Value;

use crate::action::{Action, ActionError, Change, Command, Payload, Stdin};
use crate::sha256;
use crate::strict;

/// Most bytes of an edited standard input: more would not be shown.
pub const MAX_INPUT: usize = 256 << 10;

/// One thing that may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Names it in [`Filled`].
    pub id: String,
    /// For people.
    pub label: String,
    /// What stands there now.
    pub content: Content,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One line, or whatever the value is.
    Line(String),
    /// Several lines of text.
    Text(String),
    /// JSON, indented for reading; empty when there is none.
    Json(String),
    /// Words in order, to which others may be added.
    Words(Vec<Word>),
}

/// A word of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// It.
    pub text: String,
    /// Why it stays as it is, if it does.
    pub fixed: Option<&'static str>,
}

/// A field with what a person put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The field.
    pub id: String,
    /// What.
    pub content: NewContent,
}

/// What a person put in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewContent {
    /// Of a line, a text or JSON.
    Text(String),
    /// Of a list of words.
    Words(Vec<NewWord>),
}

/// A word of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWord {
    /// Which of the old words it is, counted from 0; none for a new one.
    pub from: Option<usize>,
    /// It.
    pub text: String,
}

/// Why an edit makes no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Nothing of it is different.
    #[error("nothing was changed")]
    Unchanged,
    /// No such field, or its content is of another sort.
    #[error("there is no field `{0}` to fill in like that")]
    UnknownField(String),
    /// Something that stays was changed, left out or moved.
    #[error("{0}")]
    Fixed(&'static str),
    /// No JSON that an action can hold.
    #[error("`after` is not JSON that an action can hold: {0}")]
    Json(String),
    /// Too long to be shown.
    #[error("standard input has {0} bytes: at most 262,144 can be edited")]
    InputTooLong(usize),
    /// A rule of actions is broken.
    #[error(transparent)]
    Action(#[from] ActionError),
}

const ARGUMENTS: &str = "arguments";
const INPUT: &str = "input";
const AFTER: &str = "after";
const VARIABLE: &str = "env.";
const PROGRAM_STAYS: &str = "the program's name stays as it is: another program is another action";
const FILE_STAYS: &str =
    "an argument that names the script or a bound file stays as it is, and in its order";
const REST_STAYS: &str = "an edit changes arguments, clear variables and bound input of a command, and `after` of a change, and nothing else";

/// What may be changed in it; nothing where that is nothing.
#[must_use]
pub fn fields(action: &Action) -> Vec<Field> {
    match &action.payload {
        Payload::Command(command) => fields_of_command(command),
        Payload::Json(change) => vec![Field {
            id: AFTER.into(),
            label: "After".into(),
            content: Content::Json(
                change
                    .after
                    .as_ref()
                    .map_or_else(String::new, |after| format!("{after:#}")),
            ),
        }],
        // What runs there follows from more than a person could fill in.
        Payload::FileChange(_)
        | Payload::GitPush(_)
        | Payload::McpToolCall(_)
        | Payload::Sql(_)
        | Payload::TerraformPlan(_) => Vec::new(),
    }
}

fn fields_of_command(command: &Command) -> Vec<Field> {
    let words = command.argv.iter().enumerate().map(|(at, text)| Word {
        text: text.clone(),
        fixed: match at {
            0 => Some(PROGRAM_STAYS),
            _ => fixed_positions(command).contains(&at).then_some(FILE_STAYS),
        },
    });
    let mut fields = vec![Field {
        id: ARGUMENTS.into(),
        label: "Arguments".into(),
        content: Content::Words(words.collect()),
    }];
    if let Stdin::Bound(input) = &command.stdin
        && let Some(text) = &input.text
    {
        fields.push(Field {
            id: INPUT.into(),
            label: "Standard input".into(),
            content: Content::Text(text.clone()),
        });
    }
    let clear = command.env.iter().filter_map(|var| {
        Some(Field {
            id: format!("{VARIABLE}{}", var.name),
            label: var.name.clone(),
            content: Content::Line(var.value.clone()?),
        })
    });
    fields.extend(clear);
    fields
}

/// Arguments that name what is bound by content.
fn fixed_positions(command: &Command) -> Vec<usize> {
    let files = command.files.iter().map(|file| file.argument);
    let script = command.script.iter().map(|script| script.argument);
    let fixed = files
        .chain(script)
        .filter_map(|at| usize::try_from(at).ok());
    let mut fixed: Vec<_> = fixed.filter(|at| *at > 0).collect();
    fixed.sort_unstable();
    fixed.dedup();
    fixed
}

/// The action with these fields filled in, checked; what is not filled in
/// stays.
///
/// # Errors
/// [`EditError`] says why there is none.
pub fn apply(action: &Action, filled: &[Filled]) -> Result<Action, EditError> {
    let mut edited = action.clone();
    for Filled { id, content } in filled {
        fill(&mut edited, id, content)?;
    }
    let edited = Action::parse(&edited.to_bytes())?;
    check(action, &edited)?;
    Ok(edited)
}

fn fill(action: &mut Action, id: &str, content: &NewContent) -> Result<(), EditError> {
    let unknown = || EditError::UnknownField(id.to_owned());
    match (&mut action.payload, content) {
        (Payload::Command(command), NewContent::Words(words)) if id == ARGUMENTS => {
            fill_arguments(command, words)
        }
        (Payload::Command(command), NewContent::Text(text)) if id == INPUT => {
            let Stdin::Bound(input) = &mut command.stdin else {
                return Err(unknown());
            };
            if input.text.is_none() {
                return Err(unknown());
            }
            if text.len() > MAX_INPUT {
                return Err(EditError::InputTooLong(text.len()));
            }
            input.sha256 = sha256(&[text.as_bytes()]);
            input.size = u64::try_from(text.len()).unwrap_or(u64::MAX);
            input.text = Some(text.clone());
            Ok(())
        }
        (Payload::Command(command), NewContent::Text(text)) => {
            let name = id.strip_prefix(VARIABLE).ok_or_else(unknown)?;
            let mut vars = command.env.iter_mut();
            let value = vars
                .find(|var| var.name == name)
                .and_then(|var| var.value.as_mut())
                .ok_or_else(unknown)?;
            value.clone_from(text);
            Ok(())
        }
        (Payload::Json(change), NewContent::Text(text)) if id == AFTER => {
            change.after = read_json(text)?;
            Ok(())
        }
        _ => Err(unknown()),
    }
}

/// Empty is none: something is removed.
fn read_json(text: &str) -> Result<Option<Value>, EditError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let limit = crate::action::MAX_PAYLOAD;
    match strict::parse(text.as_bytes(), limit) {
        Ok(Value::Null) => Err(EditError::Json("leave it empty for nothing".into())),
        Ok(value) => Ok(Some(value)),
        Err(why) => Err(EditError::Json(why.to_string())),
    }
}

/// Bound files follow the arguments that name them.
fn fill_arguments(command: &mut Command, words: &[NewWord]) -> Result<(), EditError> {
    let stays = |word: &&NewWord| {
        word.from
            .is_some_and(|from| command.argv.get(from) == Some(&word.text))
    };
    let to = |old: usize| {
        let same = |word: &NewWord| word.from == Some(old);
        words
            .iter()
            .position(same)
            .filter(|at| stays(&&words[*at]))
            .and_then(|at| u32::try_from(at).ok())
            .ok_or(EditError::Fixed(FILE_STAYS))
    };
    if words.first().filter(stays).and_then(|word| word.from) != Some(0) {
        return Err(EditError::Fixed(PROGRAM_STAYS));
    }
    let moved = |at: u32| usize::try_from(at).map_or(Err(EditError::Fixed(FILE_STAYS)), to);
    let files: Vec<u32> = command
        .files
        .iter()
        .map(|file| moved(file.argument))
        .collect::<Result<_, _>>()?;
    let script = command
        .script
        .as_ref()
        .map(|script| moved(script.argument))
        .transpose()?;
    for (file, at) in command.files.iter_mut().zip(files) {
        file.argument = at;
    }
    if let (Some(script), Some(at)) = (&mut command.script, script) {
        script.argument = at;
    }
    command.argv = words.iter().map(|word| word.text.clone()).collect();
    Ok(())
}

/// Whether one is an edit of the other: of the same kind, for the same target,
/// and different in nothing but what may be changed.
///
/// # Errors
/// [`EditError`] says why not.
pub fn check(before: &Action, after: &Action) -> Result<(), EditError> {
    if before == after {
        return Err(EditError::Unchanged);
    }
    let same = match (&before.payload, &after.payload) {
        (Payload::Command(was), Payload::Command(is)) => {
            check_bound(was, is)?;
            rest_of_command(was) == rest_of_command(is)
        }
        (Payload::Json(was), Payload::Json(is)) => rest_of_change(was) == rest_of_change(is),
        _ => false,
    };
    if same && before.target == after.target {
        Ok(())
    } else {
        Err(EditError::Fixed(REST_STAYS))
    }
}

/// What names a program or something that is bound is the same, in its order.
fn check_bound(was: &Command, is: &Command) -> Result<(), EditError> {
    if was.argv.first() != is.argv.first() {
        return Err(EditError::Fixed(PROGRAM_STAYS));
    }
    let bound = |command: &Command| -> Vec<_> {
        let positions = fixed_positions(command);
        let words = positions.iter().map(|at| command.argv.get(*at).cloned());
        words.collect()
    };
    if bound(was) == bound(is) {
        Ok(())
    } else {
        Err(EditError::Fixed(FILE_STAYS))
    }
}

/// The command without what may be changed.
fn rest_of_command(command: &Command) -> Command {
    let mut rest = command.clone();
    rest.argv.truncate(1);
    // Which of the words that stay each names, whatever stands between them.
    let positions = fixed_positions(command);
    let rank = |at: u32| {
        let found = positions
            .iter()
            .position(|fixed| u32::try_from(*fixed) == Ok(at));
        found.map_or(0, |rank| u32::try_from(rank + 1).unwrap_or(u32::MAX))
    };
    for file in &mut rest.files {
        file.argument = rank(file.argument);
    }
    if let Some(script) = &mut rest.script {
        script.argument = rank(script.argument);
    }
    for var in &mut rest.env {
        if let Some(value) = &mut var.value {
            value.clear();
        }
    }
    if let Stdin::Bound(input) = &mut rest.stdin
        && let Some(text) = &mut input.text
    {
        text.clear();
        input.size = 0;
        input.sha256 = sha256(&[]);
    }
    rest
}

fn rest_of_change(change: &Change) -> Change {
    Change {
        after: None,
        ..change.clone()
    }
}

#[cfg(test)]
mod tests;
