//! Codex CLI. A shell reads the hook's line, so a *no* is an exit code: what
//! the person's profile prints cannot spoil it. It lets a call through when a
//! hook ends in any other way; so the line ends with 2 whatever becomes of the
//! program. Only a hook that hangs is beyond that.
//!
//! Before 0.169 its events leave out in which folder a command runs
//! (openai/codex#32360).

use serde_json::{Value, json};

use super::{Entry, Files, Host, When, only_hook};
use crate::hook::answer::{Answer, Output};
use crate::hook::shell;
use crate::stop::code;

pub(super) const HOST: Host = Host {
    word: "codex",
    name: "Codex CLI",
    program: "codex",
    since: [0, 169, 0],
    older: "its events do not tell in which folder a command runs",
    folder: ("CODEX_HOME", ".codex"),
    settings: ("hooks.json", ".codex/hooks.json"),
    version: None,
    switches: &[],
    events: &["PreToolUse", "PostToolUse"],
    entry,
    entry_of,
    in_shell: true,
    answer,
    reads: &[
        "view_image",
        "create_goal",
        "get_goal",
        "list_mcp_resource_templates",
        "list_mcp_resources",
        "update_goal",
        "update_plan",
    ],
    files: Files {
        tools: &[],
        text: "",
        edit: ("", ""),
    },
    names_calls: true,
    hides_folder: None,
    types: true,
    tells_exit: false,
    fails_open: Some(
        "a hook that has not answered when its time is up; what is typed into a command that runs is not asked about",
    ),
    trust: Some(
        "Codex runs no hook that nobody trusted, and says so only there: start `codex`, type /hooks and trust those of Vidimus. Each change of them asks for that again; only those in /etc/codex/hooks.json need it not",
    ),
};

/// What stands behind our own words: for whatever becomes of them.
const OR_BLOCK: &str = " || /bin/sh -c 'echo It does not run. >&2; exit 2'";

fn entry(entry: &Entry, moment: When) -> Value {
    let words: Vec<_> = entry.words.iter().map(|word| format!("'{word}'")).collect();
    let mut hook = json!({
        "type": "command",
        "command": words.join(" "),
        "timeout": entry.timeout_s,
    });
    if moment == When::Before {
        hook["command"] = (words.join(" ") + OR_BLOCK).into();
        hook["statusMessage"] = "Vidimus: a person decides".into();
    }
    json!({"matcher": "*", "hooks": [hook]})
}

fn entry_of(group: &Value) -> Option<Entry> {
    let hook = only_hook(group)?;
    let line = hook["command"].as_str()?;
    Some(Entry {
        words: shell::words(line.split(" || ").next()?).ok()?,
        timeout_s: hook["timeout"].as_u64().unwrap_or_default(),
    })
}

fn answer(answer: &Answer) -> Output {
    match answer {
        // *Allow* without a changed input is an error to Codex.
        Answer::Pass | Answer::Allow(_) => Output::default(),
        Answer::Deny(reason) | Answer::Block(reason) => Output {
            stderr: format!("Vidimus: {reason}\n"),
            code: code::USAGE,
            ..Output::default()
        },
        Answer::Say(words) => {
            Output::stdout(json!({"systemMessage": format!("Vidimus: {words}")}).to_string())
        }
    }
}
