//! Claude Code. It blocks when our hook fails: `onFailure`.

use serde_json::{Value, json};

use super::{Entry, Files, Host, When, only_hook, words};
use crate::hook::answer::{Answer, Output};
use crate::stop::code;

pub(super) const HOST: Host = Host {
    word: "claude",
    name: "Claude Code",
    program: "claude",
    since: [2, 1, 295],
    older: "a hook that cannot start lets the call through",
    folder: ("CLAUDE_CONFIG_DIR", ".claude"),
    settings: ("settings.json", ".claude/settings.json"),
    version: None,
    switches: &[
        "settings.json",
        "settings.local.json",
        "./.claude/settings.json",
        "./.claude/settings.local.json",
        "/etc/claude-code/managed-settings.json",
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
        "BashOutput",
        "EnterPlanMode",
        "ExitPlanMode",
        "Glob",
        "Grep",
        "LS",
        "LSP",
        "ListAgents",
        "ListMcpResourcesTool",
        "NotebookRead",
        "Task",
        "TaskCreate",
        "TaskGet",
        "TaskList",
        "TaskOutput",
        "TaskUpdate",
        "TodoRead",
        "TodoWrite",
        "ToolSearch",
        "WaitForMcpServers",
    ],
    files: Files {
        tools: &[
            ("Edit", "file_path"),
            ("MultiEdit", "file_path"),
            ("NotebookEdit", "notebook_path"),
            ("Write", "file_path"),
        ],
        text: "content",
        edit: ("old_string", "new_string"),
    },
    names_calls: true,
    hides_folder: None,
    types: false,
    tells_exit: true,
    fails_open: None,
    trust: None,
};

fn entry(entry: &Entry, moment: When) -> Value {
    let mut hook = json!({
        "type": "command",
        "command": entry.words.first(),
        "args": entry.words.get(1..),
        "timeout": entry.timeout_s,
    });
    if moment == When::Before {
        hook["onFailure"] = "block".into();
        hook["statusMessage"] = "Vidimus: a person decides".into();
    }
    json!({"matcher": "*", "hooks": [hook]})
}

fn entry_of(group: &Value) -> Option<Entry> {
    let hook = only_hook(group)?;
    Some(Entry {
        words: words(hook, "command")?,
        timeout_s: hook["timeout"].as_u64().unwrap_or_default(),
    })
}

fn answer(answer: &Answer) -> Output {
    let decision = |decision: &str, reason: &str| {
        json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": decision,
            "permissionDecisionReason": format!("Vidimus: {reason}"),
        }})
        .to_string()
    };
    match answer {
        Answer::Pass => Output::default(),
        Answer::Allow(reason) => Output::stdout(decision("allow", reason)),
        Answer::Deny(reason) => Output::stdout(decision("deny", reason)),
        Answer::Block(reason) => Output {
            stderr: format!("Vidimus: {reason}"),
            code: code::USAGE,
            ..Output::default()
        },
        Answer::Say(words) => {
            Output::stdout(json!({"systemMessage": format!("Vidimus: {words}")}).to_string())
        }
    }
}
