//! The real Claude Code, offline: a fake of the Messages API scripts its model,
//! and it fires the hook that `vidimus install` wrote. `cargo xtask test`
//! installs it and names it by `VIDIMUS_CLAUDE`.

use std::process::Command;

use serde_json::{Value, json};
use vidimus_protocol::entry::Outcome;

use crate::gateway::{Decide, Gateway};
use crate::hooked::Hooked;
use crate::model::{Api, Call, Model};

const MESSAGES: Api = Api {
    path: "/v1/messages",
    results,
    events,
};

fn results(body: &Value) -> Vec<String> {
    let messages = body["messages"].as_array().unwrap();
    let contents = messages
        .iter()
        .filter_map(|message| message["content"].as_array());
    contents
        .flatten()
        .filter(|block| block["type"] == "tool_result")
        .map(|block| block["content"].to_string())
        .collect()
}

fn events(body: &Value, next: Option<&Call>, step: usize) -> String {
    let (block, delta, reason) = match next {
        Some((tool, input)) => (
            json!({"type": "tool_use", "id": format!("toolu_{step}"), "name": tool, "input": {}}),
            json!({"type": "input_json_delta", "partial_json": input.to_string()}),
            "tool_use",
        ),
        None => (
            json!({"type": "text", "text": ""}),
            json!({"type": "text_delta", "text": "done"}),
            "end_turn",
        ),
    };
    let message = json!({
        "id": format!("msg_{step}"), "type": "message", "role": "assistant", "model": body["model"],
        "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    });
    [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]
    .iter()
    .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
    .collect()
}

/// One session in which the model makes these calls. Returns what it was told
/// about each.
fn session(hooked: &Hooked, calls: Vec<Call>) -> Vec<String> {
    let claude = std::env::var_os("VIDIMUS_CLAUDE").expect("`cargo xtask test` names Claude Code");
    let model = Model::start(MESSAGES, calls);
    let host = hooked.settings();
    model.session(
        Command::new(claude)
            // Its own rules let everything through: only the hook stands between.
            .args(["-p", "go", "--allowed-tools", "Bash,Write,Edit"])
            .current_dir(hooked.place.work())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", hooked.place.work())
            .env("CLAUDE_CONFIG_DIR", host.parent().unwrap())
            .env(
                "ANTHROPIC_BASE_URL",
                format!("http://127.0.0.1:{}", model.port),
            )
            .env("ANTHROPIC_API_KEY", "none")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1"),
    )
}

fn bash(command: &str) -> Call {
    ("Bash", json!({"command": command, "description": "to see"}))
}

#[test]
#[ignore = "fired by `cargo xtask test`, which installs Claude Code"]
fn claude_code_runs_what_was_approved_once() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::new(&gateway, 20);
    let told = session(
        &hooked,
        vec![
            bash("touch mark; echo done"),
            bash("ls"),
            ("Read", json!({"file_path": hooked.settings()})),
        ],
    );
    assert!(told[0].contains("done"), "{told:?}");
    assert!(told[1].contains("mark"), "{told:?}");
    assert!(hooked.place.exists("mark"));
    let world = gateway.world();
    assert_eq!(
        (world.proposals.len(), world.redemptions),
        (1, 1),
        "the rest reads"
    );
    let [report] = world.reports.as_slice() else {
        panic!("one report");
    };
    assert_eq!(report.outcome, Outcome::Succeeded {});
    assert_eq!(report.output.as_ref().unwrap().bytes.0, b"done");
}

#[test]
#[ignore = "fired by `cargo xtask test`, which installs Claude Code"]
fn claude_code_runs_nothing_that_was_not_approved() {
    let gateway = Gateway::start(Decide::Deny("not today"));
    let hooked = Hooked::new(&gateway, 2);
    let path = hooked.place.work().join("written");
    let write = ("Write", json!({"file_path": path, "content": "x"}));
    let told = session(&hooked, vec![bash("touch mark"), write]);
    for told in &told {
        assert!(told.contains("not today"), "{told}");
    }
    gateway.world().decide = Decide::Nothing;
    let told = session(&hooked, vec![bash("touch mark")]);
    assert!(told[0].contains("Make the same call again"), "{told:?}");
    std::fs::remove_file(hooked.place.home.agent_profile("coder")).unwrap();
    let told = session(&hooked, vec![bash("touch mark")]);
    assert!(told[0].contains("no agent"), "{told:?}");
    assert!(!hooked.place.exists("mark") && !path.exists());
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
#[ignore = "fired by `cargo xtask test`, which installs Claude Code"]
fn claude_code_runs_nothing_when_the_hook_breaks_hangs_or_is_gone() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::new(&gateway, 20);
    let good = std::fs::read_to_string(hooked.settings()).unwrap();
    for name in ["hangs", "breaks", "babbles", "fails", "is-gone"] {
        std::fs::write(hooked.settings(), &good).unwrap();
        hooked.replace_program(&hooked.bad_program(name), 1);
        let told = session(&hooked, vec![bash("touch mark")]);
        assert!(!hooked.place.exists("mark"), "{name}: {told:?}");
    }
    std::fs::write(hooked.settings(), &good).unwrap();
    std::fs::write(hooked.rules(), "{").unwrap();
    let told = session(&hooked, vec![bash("touch mark")]);
    assert!(told[0].contains("hooks.json"), "{told:?}");
    assert!(!hooked.place.exists("mark"));
    assert_eq!(gateway.world().redemptions, 0);
}
