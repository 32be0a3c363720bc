//! What differs between the coding agents whose hooks we answer. Everything
//! else goes one way for all of them.
//!
//! Each follows a contract that stands with its version and source in
//! `crates/cli/tests/hosts`. What that means for people: `docs/HOOKS.md`.

mod claude;
mod codex;
mod copilot;

use std::path::PathBuf;

use serde_json::Value;

use crate::args::HookClient;
use crate::hook::answer::{Answer, Output};
use crate::stop::{Stop, code};

/// One coding agent.
#[derive(Debug)]
pub(crate) struct Host {
    /// As on the command line.
    pub(crate) word: &'static str,
    /// For people.
    pub(crate) name: &'static str,
    /// Its program, the first version that will do, and what is wrong with
    /// older ones.
    pub(crate) program: &'static str,
    pub(crate) since: [u64; 3],
    pub(crate) older: &'static str,
    /// Where it keeps the user's settings: a variable, else a folder below `HOME`.
    pub(crate) folder: (&'static str, &'static str),
    /// The settings with our hooks: below that folder, and in a project.
    pub(crate) settings: (&'static str, &'static str),
    /// The version of its form, where the host wants one.
    pub(crate) version: Option<u8>,
    /// Settings that can switch hooks off: below that folder, in a project
    /// (`./`), and of the system.
    pub(crate) switches: &'static [&'static str],
    /// The event before a call; then those after it.
    pub(crate) events: &'static [&'static str],
    /// How an entry of the settings stands there.
    pub(crate) entry: fn(&Entry, When) -> Value,
    pub(crate) entry_of: fn(&Value) -> Option<Entry>,
    /// Whether a shell reads the entry's line.
    pub(crate) in_shell: bool,
    /// What the hook says in the host's form.
    pub(crate) answer: fn(&Answer) -> Output,
    /// Tools that read, or that only arrange the agent's own work. What such a
    /// tool starts comes by as a call of its own.
    pub(crate) reads: &'static [&'static str],
    pub(crate) files: Files,
    /// Whether each call has an id.
    pub(crate) names_calls: bool,
    /// The member of a command's input with which an event does not tell the
    /// folder in which it runs.
    pub(crate) hides_folder: Option<&'static str>,
    /// Whether an agent can type into a command that runs, unasked.
    pub(crate) types: bool,
    /// Whether an event after a command means that it succeeded.
    pub(crate) tells_exit: bool,
    /// Where it lets a call through although the hook said nothing.
    pub(crate) fails_open: Option<&'static str>,
    /// What a person does in the host before it runs the hook.
    pub(crate) trust: Option<&'static str>,
}

/// Tools that write one file, and what their input is called.
#[derive(Debug)]
pub(crate) struct Files {
    /// The tools, each with the member that names the file.
    pub(crate) tools: &'static [(&'static str, &'static str)],
    /// The text of a file that is written whole, by `Write`.
    pub(crate) text: &'static str,
    /// What an edit replaces, and by what.
    pub(crate) edit: (&'static str, &'static str),
}

/// Whether an entry is for the event before a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// Our entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
    /// Seconds until the host ends the hook.
    pub(crate) timeout_s: u64,
}

impl HookClient {
    pub(crate) fn host(self) -> &'static Host {
        match self {
            Self::Claude => &claude::HOST,
            Self::Codex => &codex::HOST,
            Self::Copilot => &copilot::HOST,
        }
    }
}

impl Host {
    /// Where it keeps the user's settings.
    pub(crate) fn config_folder(&self) -> Result<PathBuf, Stop> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let (variable, folder) = self.folder;
        set(variable)
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(set("HOME")?).join(folder)))
            .ok_or_else(|| Stop::new(code::NOT_SET_UP, "`HOME` is not set"))
    }

    /// Our entry, when this is one.
    pub(crate) fn ours(&self, value: &Value) -> Option<Entry> {
        let entry = (self.entry_of)(value)?;
        let ours = match &entry.words[..] {
            [_, hook, option, word, ..] => {
                hook == "hook" && option == "--client" && word == self.word
            }
            _ => false,
        };
        ours.then_some(entry)
    }
}

/// The entries of hosts that keep them in groups: the only hook of one.
fn only_hook(group: &Value) -> Option<&Value> {
    match &group["hooks"].as_array()?[..] {
        [hook] => Some(hook),
        _ => None,
    }
}

/// A program and its arguments, from two members.
fn words(hook: &Value, program: &str) -> Option<Vec<String>> {
    let arguments = hook["args"].as_array()?.iter();
    std::iter::once(&hook[program])
        .chain(arguments)
        .map(|word| word.as_str().map(str::to_owned))
        .collect()
}
