//! Copilot CLI. It denies when a hook crashes, cannot start or ends with any
//! code but 0, and lets the call through when the hook's time is up.
//!
//! The names of events decide the form: with these it writes the events of VS
//! Code, with the tools' names of Claude Code. Its calls have no ids.

use serde_json::{Value, json};

use super::{Entry, Files, Host, When, words};
use crate::hook::answer::{Answer, Output};
use crate::stop::code;

pub(super) const HOST: Host = Host {
    word: "copilot",
    name: "Copilot CLI",
    program: "copilot",
    since: [1, 0, 102],
    older: "its hooks were not tried",
    folder: ("COPILOT_HOME", ".copilot"),
    settings: ("hooks/vidimus.json", ".github/hooks/vidimus.json"),
    version: Some(1),
    switches: &[
        "settings.json",
        "./.github/copilot/settings.json",
        "./.github/copilot/settings.local.json",
    ],
    events: &["PreToolUse", "PostToolUse", "PostToolUseFailure"],
    entry,
    entry_of,
    in_shell: false,
    answer,
    reads: &[
        "Read",
        "Agent",
        "AskUserQuestion",
        "Glob",
        "Grep",
        "TodoWrite",
        "list_agents",
        "list_bash",
        "read_agent",
        "read_bash",
    ],
    files: Files {
        tools: &[("Edit", "path"), ("Write", "path")],
        text: "file_text",
        edit: ("old_str", "new_str"),
    },
    names_calls: false,
    // A shell that is used again stays where it was made.
    hides_folder: Some("shellId"),
    types: false,
    tells_exit: false,
    fails_open: Some(
        "a hook that has not answered when its time is up; and where nobody trusted the folder, hooks of a project (`--project`) do not run at all",
    ),
    trust: None,
};

fn entry(entry: &Entry, _: When) -> Value {
    json!({
        "type": "command",
        "exec": entry.words.first(),
        "args": entry.words.get(1..),
        "timeoutSec": entry.timeout_s,
    })
}

fn entry_of(hook: &Value) -> Option<Entry> {
    Some(Entry {
        words: words(hook, "exec")?,
        timeout_s: hook["timeoutSec"].as_u64().unwrap_or_default(),
    })
}

fn answer(answer: &Answer) -> Output {
    let decision = |decision: &str, reason: &str| {
        json!({
            "permissionDecision": decision,
            "permissionDecisionReason": format!("Vidimus: {reason}"),
        })
        .to_string()
    };
    match answer {
        Answer::Pass => Output::default(),
        Answer::Allow(reason) => Output::stdout(decision("allow", reason)),
        // The code alone denies; the words are for the agent.
        Answer::Deny(reason) | Answer::Block(reason) => Output {
            stdout: decision("deny", reason),
            stderr: format!("Vidimus: {reason}\n"),
            code: code::USAGE,
        },
        Answer::Say(words) => Output {
            stderr: format!("Vidimus: {words}\n"),
            code: code::USAGE,
            ..Output::default()
        },
    }
}
