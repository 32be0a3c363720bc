//! The real Copilot CLI, offline: a fake of the Chat Completions API scripts its
//! model, and it fires the hook that `vidimus install` wrote. `cargo xtask test
//! --deep` installs it and names it by `VIDIMUS_COPILOT`.

use std::process::Command;

use serde_json::{Value, json};

use crate::gateway::{Decide, Gateway};
use crate::hooked::Hooked;
use crate::model::{Api, Call, Model};

const COMPLETIONS: Api = Api {
    path: "/v1/chat/completions",
    results,
    events,
};

fn results(body: &Value) -> Vec<String> {
    let messages = body["messages"].as_array().unwrap().iter();
    messages
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].to_string())
        .collect()
}

fn events(body: &Value, next: Option<&Call>, step: usize) -> String {
    let (delta, reason) = match next {
        Some((tool, input)) => (
            json!({"role": "assistant", "content": null, "tool_calls": [{
                "index": 0, "id": format!("call_{step}"), "type": "function",
                "function": {"name": tool, "arguments": input.to_string()},
            }]}),
            "tool_calls",
        ),
        None => (json!({"role": "assistant", "content": "done"}), "stop"),
    };
    let chunk = |delta: Value, reason: Value| {
        let chunk = json!({
            "id": format!("c_{step}"), "object": "chat.completion.chunk", "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        });
        format!("data: {chunk}\n\n")
    };
    [
        chunk(delta, Value::Null),
        chunk(json!({}), reason.into()),
        "data: [DONE]\n\n".into(),
    ]
    .concat()
}

/// One session in which the model makes these calls. Returns what it was told
/// about each.
fn session(hooked: &Hooked, calls: Vec<Call>) -> Vec<String> {
    let copilot =
        std::env::var_os("VIDIMUS_COPILOT").expect("`cargo xtask test --deep` names Copilot");
    let model = Model::start(COMPLETIONS, calls);
    let settings = hooked.settings();
    let home = settings.parent().unwrap().parent().unwrap();
    model.session(
        Command::new(copilot)
            // Its own rules let everything through: only the hook stands between.
            .args(["-p", "go", "--allow-all-tools"])
            .current_dir(hooked.place.work())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", hooked.place.work())
            .env("COPILOT_HOME", home)
            .env("COPILOT_OFFLINE", "true")
            .env("COPILOT_AUTO_UPDATE", "false")
            .env("COPILOT_MODEL", "gpt-4.1")
            .env(
                "COPILOT_PROVIDER_BASE_URL",
                format!("http://127.0.0.1:{}/v1", model.port),
            ),
    )
}

fn bash(command: &str) -> Call {
    ("bash", json!({"command": command, "description": "to see"}))
}

fn create(hooked: &Hooked) -> Call {
    let path = hooked.place.work().join("written");
    ("create", json!({"path": path, "file_text": "hello\n"}))
}

#[test]
#[ignore = "deep: fired by `cargo xtask test --deep`, which installs Copilot"]
fn deep_copilot_runs_what_was_approved_once() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::of("copilot", &gateway, 540);
    let calls = vec![
        bash("touch mark; echo done"),
        bash("ls"),
        ("view", json!({"path": hooked.settings()})),
        create(&hooked),
    ];
    let told = session(&hooked, calls);
    assert!(told[0].contains("done"), "{told:?}");
    assert!(told[1].contains("mark"), "{told:?}");
    assert!(hooked.place.exists("mark") && hooked.place.exists("written"));
    let world = gateway.world();
    assert_eq!(
        (world.proposals.len(), world.redemptions),
        (2, 2),
        "the rest reads"
    );
    // How a command ended is not told.
    assert_eq!(world.reports.len(), 1);
}

#[test]
#[ignore = "deep: fired by `cargo xtask test --deep`, which installs Copilot"]
fn deep_copilot_runs_nothing_that_was_not_approved() {
    let gateway = Gateway::start(Decide::Deny("not today"));
    let hooked = Hooked::of("copilot", &gateway, 540);
    for told in &session(&hooked, vec![bash("touch mark"), create(&hooked)]) {
        assert!(told.contains("not today"), "{told}");
    }
    std::fs::remove_file(hooked.place.home.agent_profile("coder")).unwrap();
    let told = session(&hooked, vec![bash("touch mark")]);
    assert!(told[0].contains("no agent"), "{told:?}");
    assert!(!hooked.place.exists("mark") && !hooked.place.exists("written"));
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
#[ignore = "deep: fired by `cargo xtask test --deep`, which installs Copilot"]
fn deep_copilot_runs_nothing_when_the_hook_breaks_or_is_gone() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::of("copilot", &gateway, 540);
    let good = std::fs::read_to_string(hooked.settings()).unwrap();
    for name in ["breaks", "fails", "is-gone"] {
        std::fs::write(hooked.settings(), &good).unwrap();
        hooked.replace_program(&hooked.bad_program(name), 600);
        let told = session(&hooked, vec![bash("touch mark")]);
        assert!(!hooked.place.exists("mark"), "{name}: {told:?}");
    }
}

/// What `docs/HOOKS.md` warns of.
#[test]
#[ignore = "deep: fired by `cargo xtask test --deep`, which installs Copilot"]
fn deep_copilot_lets_through_what_hangs_or_nobody_trusted() {
    let gateway = Gateway::start(Decide::Deny("no"));
    let hooked = Hooked::of("copilot", &gateway, 540);
    hooked.replace_program(&hooked.bad_program("hangs"), 1);
    session(&hooked, vec![bash("touch hung")]);
    assert!(hooked.place.exists("hung"));
    // A project's, in a folder that nobody trusted.
    let hooked = Hooked::of("copilot", &gateway, 540);
    let project = hooked.place.work().join(".github/hooks");
    std::fs::create_dir_all(&project).unwrap();
    std::fs::create_dir(hooked.place.work().join(".git")).unwrap();
    std::fs::rename(hooked.settings(), project.join("vidimus.json")).unwrap();
    session(&hooked, vec![bash("touch untrusted")]);
    assert!(hooked.place.exists("untrusted"));
}
