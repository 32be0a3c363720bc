//! A call of a tool as an action: what the reviewer sees and what is released.
//!
//! The host runs the tool by itself, so the action is the call: the tool, all
//! of its input, the folder or file, and for a file what stands in it now. It
//! is built twice, before it is proposed and before it is released.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Number, Value, json};
use vidimus_executor::Subject;
use vidimus_protocol::action::{Action, Change, Context, Payload, Target};
use vidimus_protocol::strict::{self, MAX_SAFE};
use vidimus_protocol::{Digest, RunId};

use super::event::{Event, TEXT};
use crate::hosts::Host;

/// Longest file whose text is shown.
const MAX_TEXT: u64 = 256 << 10;
/// Longest file that is read.
const MAX_FILE: u64 = 64 << 20;
/// Most bytes of the agent's words.
const MAX_INTENT: usize = 4 << 10;

/// A call that somebody has to decide.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) event: Event,
    pub(crate) host: &'static Host,
    /// Name of this machine.
    pub(crate) machine: String,
}

impl Call {
    /// What this call is: asked again with the same, it is the same. What the
    /// agent says about it does not count.
    pub(crate) fn key(&self) -> Digest {
        let Event {
            session, cwd, tool, ..
        } = &self.event;
        digest(&strict::canonical(&json!([
            self.host.word,
            session,
            cwd,
            tool,
            self.input()
        ])))
    }

    /// The host's name for this call; where it has none, what the call is.
    pub(crate) fn name(&self) -> Digest {
        match &self.event.call {
            Some(call) => digest(json!([self.event.session, call]).to_string().as_bytes()),
            None => self.key(),
        }
    }

    /// Digest of what the tool gets.
    pub(crate) fn input_digest(&self) -> Digest {
        digest(&strict::canonical(&self.input()))
    }

    /// The agent's own words about it, which run nothing.
    pub(crate) fn context(&self) -> Option<Context> {
        let said = self.event.text("description").filter(|_| self.is_command());
        said.map(|said| Context {
            intent: Some(vidimus_executor::shorten(said, MAX_INTENT)),
            on_behalf_of: None,
        })
    }

    /// The session, which people can pause.
    pub(crate) fn run(&self) -> Option<RunId> {
        self.event.session.parse().ok()
    }

    /// The action at this moment.
    pub(crate) fn action(&self) -> Result<Action, String> {
        if let Some(member) = self.host.hides_folder
            && self.is_command()
            && self.event.input.contains_key(member)
        {
            return Err(format!(
                "the host does not say in which folder it would run. Make the call without `{member}`"
            ));
        }
        let Input { mut input, numbers } = self.input();
        let mut after = Map::new();
        let mut before = None;
        let mut resource = self.event.cwd.clone();
        if let Some(path) = self.path()? {
            let there = There::at(&path)?;
            let becomes = self.becomes(&there)?;
            before = there.shown();
            if self.event.tool == "Write"
                && let Some(input) = input.as_object_mut()
            {
                // It stands there once, as the file's text.
                input.remove(self.host.files.text);
            }
            if let Some(text) = becomes {
                after.insert("text".into(), text.into());
            }
            resource = path;
        }
        after.insert("input".into(), input);
        if !numbers.is_empty() {
            after.insert("numbers".into(), numbers.into());
        }
        let action = Action {
            payload: Payload::Json(Box::new(Change {
                after: Some(Value::Object(after)),
                before,
                operation: self.event.tool.clone(),
            })),
            target: Target {
                environment: "local".into(),
                resource: text_of(&resource)?,
                system: self.machine.clone(),
            },
        };
        // The rules of the format are those of whoever reads it.
        Action::parse(&action.to_bytes()).map_err(|why| why.to_string())
    }

    pub(crate) fn is_command(&self) -> bool {
        self.event.tool == "Bash"
    }

    /// The input without the agent's words about it, as the format takes it.
    fn input(&self) -> Input {
        let mut input = self.event.input.clone();
        if self.is_command() {
            input.remove("description");
        }
        let mut input = Value::Object(input);
        let mut numbers = Vec::new();
        write_out(&mut input, &mut String::new(), &mut numbers);
        Input { input, numbers }
    }

    /// The file that the tool writes, behind all links.
    fn path(&self) -> Result<Option<PathBuf>, String> {
        let mut tools = self.host.files.tools.iter();
        let Some((_, key)) = tools.find(|(tool, _)| *tool == self.event.tool) else {
            return Ok(None);
        };
        let Some(named) = self.event.text(key) else {
            // A patch, in a form of its own.
            let patch = self.event.input.contains_key(TEXT);
            return patch.then_some(None).ok_or(format!("`{key}` is missing"));
        };
        // A host may take this for the home folder, whose place it knows.
        if named.starts_with('~') {
            return Err(format!("`{key}` begins with `~`: name the file in full"));
        }
        let path = self.event.cwd.join(named);
        behind_links(&path).map(Some)
    }

    /// The text that the file will have, as far as it can be told: a host has
    /// ways of its own to match text that stands there a little differently.
    fn becomes(&self, there: &There) -> Result<Option<String>, String> {
        let edits = match &*self.event.tool {
            "Write" => {
                let key = self.host.files.text;
                let content = self.event.text(key);
                let content = content.ok_or_else(|| format!("`{key}` is missing"))?;
                return Ok(Some(content.to_owned()));
            }
            "Edit" => vec![&self.event.input],
            "MultiEdit" => {
                let edits = self.event.input.get("edits").and_then(Value::as_array);
                let edits = edits.ok_or("`edits` is missing")?;
                edits.iter().filter_map(Value::as_object).collect()
            }
            _ => return Ok(None),
        };
        let mut text = match there {
            There::Text(text) => text.clone(),
            There::Nothing => String::new(),
            There::Bytes { .. } => return Ok(None),
        };
        for edit in edits {
            match edited(&text, edit, self.host.files.edit) {
                Some(next) => text = next,
                None => return Ok(None),
            }
        }
        Ok((text.len() as u64 <= MAX_TEXT).then_some(text))
    }
}

/// What a tool gets, and which of it are numbers written as text.
#[derive(Serialize)]
struct Input {
    input: Value,
    numbers: Vec<String>,
}

impl Subject for Call {
    fn now(&self) -> impl Future<Output = Result<Action, Vec<String>>> + Send {
        std::future::ready(self.action().map_err(|why| vec![why]))
    }

    fn differences(&self, approved: &Action, now: &Action) -> Vec<String> {
        let before = |action: &Action| match &action.payload {
            Payload::Json(change) => change.before.clone(),
            _ => None,
        };
        if before(approved) != before(now) {
            return vec![format!("the content of `{}`", now.target.resource)];
        }
        vec!["the call".into()]
    }
}

/// What stands in a file.
enum There {
    Nothing,
    Text(String),
    Bytes { sha256: Digest, size: usize },
}

impl There {
    fn at(path: &Path) -> Result<Self, String> {
        let words = |why: &dyn std::fmt::Display| format!("`{}`: {why}", path.display());
        let file = match File::open(path) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Self::Nothing),
            other => other.map_err(|why| words(&why))?,
        };
        let metadata = file.metadata().map_err(|why| words(&why))?;
        if !metadata.is_file() || metadata.len() > MAX_FILE {
            return Err(words(&"it is no file of at most 64 MiB"));
        }
        let mut bytes = Vec::new();
        let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
        read.map_err(|why| words(&why))?;
        let (sha256, size) = (digest(&bytes), bytes.len());
        if size as u64 <= MAX_TEXT
            && let Ok(text) = String::from_utf8(bytes)
        {
            return Ok(Self::Text(text));
        }
        Ok(Self::Bytes { sha256, size })
    }

    fn shown(&self) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(json!({"text": text})),
            Self::Bytes { sha256, size } => {
                Some(json!({"sha256": sha256.to_string(), "size": size}))
            }
        }
    }
}

/// One replacement; `None` when it is not plain what it replaces.
fn edited(text: &str, edit: &Map<String, Value>, names: (&str, &str)) -> Option<String> {
    let piece = |key: &str| edit.get(key)?.as_str();
    let (old, new) = (piece(names.0)?, piece(names.1)?);
    let all = edit.get("replace_all").and_then(Value::as_bool) == Some(true);
    if old.is_empty() {
        return text.is_empty().then(|| new.to_owned());
    }
    match text.matches(old).count() {
        0 => None,
        1 => Some(text.replacen(old, new, 1)),
        _ => all.then(|| text.replace(old, new)),
    }
}

/// The path that is really written: that of the file, or of its folder when
/// there is no such file.
fn behind_links(path: &Path) -> Result<PathBuf, String> {
    let words = |why: &dyn std::fmt::Display| format!("`{}`: {why}", path.display());
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            if path.symlink_metadata().is_ok() {
                return Err(words(&"it is a link that leads nowhere"));
            }
            // A host makes missing folders.
            let above = path.ancestors().skip(1).find(|folder| folder.exists());
            let above = above.ok_or_else(|| words(&why))?;
            let rest = path.strip_prefix(above).map_err(|why| words(&why))?;
            if rest
                .components()
                .any(|part| part == std::path::Component::ParentDir)
            {
                return Err(words(&"it leads through a folder that is not there"));
            }
            let above = above.canonicalize().map_err(|why| words(&why))?;
            Ok(above.join(rest))
        }
        Err(why) => Err(words(&why)),
    }
}

/// Numbers that canonical JSON does not take are written as text; their places
/// are listed, so that no two inputs look alike.
fn write_out(value: &mut Value, pointer: &mut String, numbers: &mut Vec<String>) {
    let mut inside = |name: &str, value: &mut Value| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        write_out(value, pointer, numbers);
        pointer.truncate(length);
    };
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                inside(&at.to_string(), item);
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                inside(name, member);
            }
        }
        Value::Number(number) if !is_safe(number) => {
            numbers.push(pointer.clone());
            *value = Value::String(number.to_string());
        }
        _ => {}
    }
}

fn is_safe(number: &Number) -> bool {
    number.as_u64().is_some_and(|number| number <= MAX_SAFE)
}

fn text_of(path: &Path) -> Result<String, String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| format!("`{}` is not UTF-8", path.display()))
}

/// SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest.as_ref());
    Digest(sha256)
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
