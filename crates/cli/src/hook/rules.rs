//! Which calls pass without a person: reads, commands that are known to only
//! read, and what the settings name. Everything else is asked for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use vidimus_client::home::Home;

use super::event::Event;
use super::{read_only, shell};
use crate::exec::of_system;
use crate::hosts::Host;
use crate::out::visible;

/// Commands of ours that hold by themselves what they run, or run nothing.
const OURS: &[&str] = &["answer", "exec", "wait"];
/// Variables that have any program do more than it says.
const STEERING: &[&str] = &["BASH_ENV", "ENV", "GCONV_PATH", "PROMPT_COMMAND", "ZDOTDIR"];
/// Beginnings of others: the linker's, and functions that bash takes over, which
/// may have the program's name.
const STEERING_PREFIXES: &[&str] = &["BASH_FUNC_", "LD_"];
/// Variables of git that a command that only reads does not heed.
const HARMLESS: &[&str] = &[
    "GIT_ASKPASS",
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_EDITOR",
    "GIT_OPTIONAL_LOCKS",
    "GIT_PAGER",
    "GIT_SSL_",
    "GIT_TERMINAL_PROMPT",
];
/// Most entries of a list.
const MAX_ENTRIES: usize = 500;

/// What is passed without asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// Command lines, exactly; ` *` at the end stands for any further words.
    pub(crate) commands: Vec<String>,
    /// Whether commands pass that are known to only read.
    pub(crate) read_only_commands: bool,
    /// Tools, by name; `*` at the end stands for anything.
    pub(crate) tools: Vec<String>,
}

/// What becomes of a call, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Vidimus has nothing to say about it: the host's own rules count.
    Pass(String),
    /// A command of ours, which asks by itself.
    Ours(String),
    /// A person decides.
    Ask(String),
}

/// What a command of the agent would find around it.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    /// The file of our own program.
    pub(crate) program: PathBuf,
    /// Whether it would find the folders that the hook works with.
    pub(crate) same_home: bool,
    /// The one folder that `--home` would have to name for that.
    pub(crate) root: Option<PathBuf>,
    /// Where a bare name is looked up.
    pub(crate) path: OsString,
    /// Names of the variables that are set.
    pub(crate) variables: Vec<String>,
    /// Whether it would run in the folder that the host tells.
    pub(crate) knows_folder: bool,
    /// Whether the agent could type into it, unasked.
    pub(crate) types: bool,
}

impl Rules {
    /// The usual ones.
    pub(crate) fn of(host: &Host) -> Self {
        Self {
            commands: Vec::new(),
            read_only_commands: true,
            tools: host.reads.iter().map(ToString::to_string).collect(),
        }
    }

    /// What is wrong with them.
    pub(crate) fn check(&self) -> Result<(), String> {
        for list in [&self.commands, &self.tools] {
            if list.len() > MAX_ENTRIES {
                return Err(format!("`never_ask` has a list of more than {MAX_ENTRIES}"));
            }
            if list
                .iter()
                .any(|entry| entry.trim_end_matches('*').trim().is_empty())
            {
                return Err("`never_ask` has an entry that is empty or names everything".into());
            }
        }
        for entry in &self.commands {
            let line = entry.strip_suffix(" *").unwrap_or(entry);
            shell::words(line).map_err(|why| {
                format!(
                    "`never_ask` has the command `{}`, but {why}",
                    visible(entry)
                )
            })?;
        }
        Ok(())
    }

    /// What becomes of a call.
    pub(crate) fn ruling(&self, event: &Event, around: &Around) -> Ruling {
        let tool = visible(&event.tool);
        if self.tools.iter().any(|entry| names(entry, &event.tool)) {
            return Ruling::Pass(format!("the tool `{tool}` never asks"));
        }
        match (event.tool.as_str(), event.text("command")) {
            ("Bash", Some(line)) => self.command(line, event, around),
            _ => Ruling::Ask(format!("the tool `{tool}` may change something")),
        }
    }

    fn command(&self, line: &str, event: &Event, around: &Around) -> Ruling {
        let words = match shell::words(line) {
            Ok(words) => words,
            Err(why) => return Ruling::Ask(format!("the line is not one simple command: {why}")),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Some(command) = around.command(&words, &event.cwd) {
            return Ruling::Ours(format!("`vidimus {command}` asks by itself"));
        }
        let listed = |entry: &&String| {
            let (line, more) = match entry.strip_suffix(" *") {
                Some(line) => (line, true),
                None => (entry.as_str(), false),
            };
            shell::words(line).is_ok_and(|listed| {
                words.starts_with(&listed.iter().map(String::as_str).collect::<Vec<_>>())
                    && (more || words.len() == listed.len())
            })
        };
        if let Some(entry) = self.commands.iter().find(listed) {
            return Ruling::Pass(format!("your rule `{}`", visible(entry)));
        }
        if !self.read_only_commands {
            return Ruling::Ask("commands that only read are switched off".into());
        }
        if words[0] == "git" && !around.knows_folder {
            return Ruling::Ask("the host does not say in which folder git would run".into());
        }
        if words[0] == "git" && around.types && words.get(1) != Some(&"--no-pager") {
            let why =
                "git may start a pager, into which the agent can type; `git --no-pager` does not";
            return Ruling::Ask(why.into());
        }
        let reads = read_only::check(&words, &event.cwd).and_then(|()| around.is_plain(words[0]));
        match reads {
            Ok(()) => Ruling::Pass("the command only reads".into()),
            Err(why) => Ruling::Ask(why),
        }
    }
}

/// Whether a variable has this program do more than it says.
fn steers(variable: &str, program: &str) -> bool {
    let harmless = |known: &&str| variable.starts_with(known);
    match program {
        _ if STEERING_PREFIXES
            .iter()
            .any(|known| variable.starts_with(known)) =>
        {
            true
        }
        _ if STEERING.contains(&variable) => true,
        "git" => variable.starts_with("GIT_") && !HARMLESS.iter().any(harmless),
        "rg" => variable == "RIPGREP_CONFIG_PATH",
        _ => false,
    }
}

/// Whether an entry of the settings names this.
fn names(entry: &str, name: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == entry,
    }
}

impl Around {
    /// From this process, whose environment is the agent's.
    pub(crate) fn of(home: &Home, host: &Host, event: &Event) -> std::io::Result<Self> {
        let found = Home::find(None).ok();
        let same = |found: Home| {
            (found.config(), found.data(), found.state())
                == (home.config(), home.data(), home.state())
        };
        Ok(Self {
            program: std::env::current_exe()?.canonicalize()?,
            same_home: found.is_some_and(same),
            root: home.root().map(Path::to_owned),
            path: std::env::var_os("PATH").unwrap_or_default(),
            variables: std::env::vars_os()
                .map(|(name, _)| name.to_string_lossy().into_owned())
                .collect(),
            knows_folder: host
                .hides_folder
                .is_none_or(|member| !event.input.contains_key(member)),
            types: host.types,
        })
    }

    /// Whether a program that only reads is the system's, with nothing that
    /// steers it elsewhere.
    fn is_plain(&self, name: &str) -> Result<(), String> {
        let steering = self
            .variables
            .iter()
            .find(|variable| steers(variable, name));
        if let Some(variable) = steering {
            return Err(format!(
                "the variable `{}` could change what runs",
                visible(variable)
            ));
        }
        let systems = self.find(name).and_then(|path| of_system(&path));
        if systems.is_some() {
            Ok(())
        } else {
            Err(format!("`{name}` is not the system's own"))
        }
    }

    /// The file of a bare name; none behind a folder that depends on where the
    /// command runs.
    fn find(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path)
            .take_while(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|path| path.exists())
    }

    /// The subcommand, when the words run this very program, with the folders
    /// of the hook, as something that holds what it runs.
    fn command<'w>(&self, words: &[&'w str], cwd: &Path) -> Option<&'w str> {
        let (program, rest) = words.split_first()?;
        let (same_home, rest) = match rest {
            ["--home", home, rest @ ..] if Some(Path::new(home)) == self.root.as_deref() => {
                (true, rest)
            }
            rest => (self.same_home, rest),
        };
        let command = *rest.first()?;
        let before_dashes = rest.iter().take_while(|word| **word != "--");
        let elsewhere = before_dashes.clone().any(|word| {
            // `--home`, and what clap would take for it.
            word.starts_with("--h") || word.starts_with("--tls-ca")
        });
        let ours = OURS.contains(&command) && same_home && !elsewhere;
        (ours && self.is(program, cwd)).then_some(command)
    }

    fn is(&self, program: &str, cwd: &Path) -> bool {
        let same = |path: &Path| path.canonicalize().is_ok_and(|path| path == self.program);
        if program.contains('/') {
            let known = self.knows_folder || program.starts_with('/');
            return known && same(&cwd.join(program));
        }
        program == "vidimus" && self.find(program).is_some_and(|path| same(&path))
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
