//! The real Codex CLI, offline: a fake of the Responses API scripts its model,
//! and it fires the hook that `vidimus install` wrote. `cargo xtask test --deep`
//! installs it and names it by `VIDIMUS_CODEX`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use vidimus_protocol::entry::Outcome;

use crate::gateway::{Decide, Gateway};
use crate::hooked::Hooked;
use crate::model::{Api, Call, Model};
use crate::place::Ended;

const RESPONSES: Api = Api {
    path: "/v1/responses",
    results,
    events,
};

fn results(body: &Value) -> Vec<String> {
    let input = body["input"].as_array().unwrap().iter();
    input
        .filter(|item| item["type"].as_str().unwrap().ends_with("call_output"))
        .map(|item| item["output"].to_string())
        .collect()
}

fn events(_: &Value, next: Option<&Call>, step: usize) -> String {
    let id = format!("call_{step}");
    let item = match next {
        Some((tool, Value::String(text))) => {
            json!({"type": "custom_tool_call", "call_id": id, "name": tool, "input": text})
        }
        Some((tool, input)) => {
            json!({"type": "function_call", "call_id": id, "name": tool, "arguments": input.to_string()})
        }
        None => json!({"type": "message", "role": "assistant", "id": "m",
            "content": [{"type": "output_text", "text": "done"}]}),
    };
    let response = format!("r_{step}");
    [
        json!({"type": "response.created", "response": {"id": response}}),
        json!({"type": "response.output_item.done", "item": item}),
        json!({"type": "response.completed", "response": {"id": response, "usage": {
            "input_tokens": 1, "input_tokens_details": null, "output_tokens": 1,
            "output_tokens_details": null, "total_tokens": 2}}}),
    ]
    .iter()
    .map(|event| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        )
    })
    .collect()
}

fn folder(hooked: &Hooked) -> PathBuf {
    hooked.settings().parent().unwrap().to_owned()
}

fn codex() -> PathBuf {
    let codex = std::env::var_os("VIDIMUS_CODEX").expect("`cargo xtask test --deep` names Codex");
    codex.into()
}

/// One session in which the model makes these calls. Returns what it was told
/// about each.
fn session(hooked: &Hooked, calls: Vec<Call>) -> Vec<String> {
    session_of("gpt-5.5", hooked, calls)
}

/// The same with a model of this name, by which Codex chooses its tools.
fn session_of(name: &str, hooked: &Hooked, calls: Vec<Call>) -> Vec<String> {
    let model = Model::start(RESPONSES, calls);
    let provider = format!(
        "model_providers.fake={{name=\"fake\",base_url=\"http://127.0.0.1:{}/v1\",wire_api=\"responses\",env_key=\"NO_KEY\"}}",
        model.port
    );
    model.session(
        Command::new(codex())
            // Its own rules let everything through: only the hook stands between.
            .args(["exec", "--skip-git-repo-check", "-s", "danger-full-access"])
            .args(["-m", name, "-c", "model_provider=\"fake\"", "-c", &provider])
            .arg("go")
            .current_dir(hooked.place.work())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", hooked.place.work())
            .env("CODEX_HOME", folder(hooked))
            .env("NO_KEY", "none"),
    )
}

/// What the doctor says, with this Codex in PATH.
fn doctor(hooked: &Hooked) -> Ended {
    let bin = codex().parent().unwrap().display().to_string();
    let settings = hooked.settings();
    let words = ["doctor", "codex", "--settings", settings.to_str().unwrap()];
    let mut line = hooked.place.vidimus(&words);
    line.env("PATH", format!("{bin}:/usr/bin:/bin"))
        .env("HOME", hooked.place.work())
        .env("CODEX_HOME", folder(hooked))
        .current_dir(hooked.place.work());
    line.output().unwrap().into()
}

/// Trusts the hooks as a person does in `/hooks`: by the sums that Codex shows.
fn trust(hooked: &Hooked) {
    let mut server = Command::new(codex());
    server
        .arg("app-server")
        .current_dir(hooked.place.work())
        .env("HOME", hooked.place.work())
        .env("CODEX_HOME", folder(hooked));
    let hooks = crate::model::ask_app_server(server, &hooked.place.work());
    let hooks = hooks.as_array().unwrap();
    assert_eq!(hooks.len(), 2, "{hooks:?}");
    let state: String = hooks
        .iter()
        .map(|hook| {
            let (key, hash) = (&hook["key"], &hook["currentHash"]);
            format!("[hooks.state.{key}]\ntrusted_hash = {hash}\n")
        })
        .collect();
    std::fs::write(folder(hooked).join("config.toml"), state).unwrap();
}

fn exec(command: &str) -> Call {
    ("exec_command", json!({"cmd": command}))
}

const PATCH: &str = "*** Begin Patch\n*** Add File: written\n+hello\n*** End Patch\n";

#[test]
#[ignore = "deep: fired by `cargo xtask test --deep`, which installs Codex"]
fn deep_codex_runs_what_was_approved_once() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::of("codex", &gateway, 540);
    let ended = doctor(&hooked);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("`untrusted`"), "{ended:?}");
    trust(&hooked);
    doctor(&hooked).expect(0, "fires and fails closed");
    let told = session(
        &hooked,
        vec![
            exec("touch mark; echo done"),
            exec("ls"),
            ("apply_patch", PATCH.into()),
        ],
    );
    assert!(told[0].contains("done"), "{told:?}");
    assert!(told[1].contains("mark"), "{told:?}");
    assert!(hooked.place.exists("mark") && hooked.place.exists("written"));
    let world = gateway.world();
    assert_eq!(
        (world.proposals.len(), world.redemptions),
        (2, 2),
        "`ls` reads"
    );
    // How a command ended is not told.
    let [report] = world.reports.as_slice() else {
        panic!("one report");
    };
    assert_eq!(report.outcome, Outcome::Succeeded {});
}

#[test]
#[ignore = "deep: fired by `cargo xtask test --deep`, which installs Codex"]
fn deep_codex_runs_nothing_that_was_not_approved() {
    let gateway = Gateway::start(Decide::Deny("not today"));
    let hooked = Hooked::of("codex", &gateway, 540);
    trust(&hooked);
    let calls = vec![exec("touch mark"), ("apply_patch", PATCH.into())];
    for told in &session(&hooked, calls) {
        assert!(told.contains("not today"), "{told}");
    }
    let script = r#"text(JSON.stringify(await tools.exec_command({cmd: "touch mark"})))"#;
    let told = session_of("gpt-6.1-sol", &hooked, vec![("exec", script.into())]);
    assert!(told[0].contains("not today"), "{told:?}");
    std::fs::remove_file(hooked.place.home.agent_profile("coder")).unwrap();
    let told = session(&hooked, vec![exec("touch mark")]);
    assert!(told[0].contains("no agent"), "{told:?}");
    assert!(!hooked.place.exists("mark") && !hooked.place.exists("written"));
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
#[ignore = "deep: fired by `cargo xtask test --deep`, which installs Codex"]
fn deep_codex_runs_nothing_when_the_hook_breaks_or_is_gone() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::of("codex", &gateway, 540);
    let good = std::fs::read_to_string(hooked.settings()).unwrap();
    for name in ["breaks", "fails", "is-gone"] {
        std::fs::write(hooked.settings(), &good).unwrap();
        hooked.replace_program(&hooked.bad_program(name), 600);
        trust(&hooked);
        let told = session(&hooked, vec![exec("touch mark")]);
        assert!(told[0].contains("It does not run"), "{name}: {told:?}");
        assert!(!hooked.place.exists("mark"), "{name}: {told:?}");
    }
}

/// What `docs/HOOKS.md` warns of.
#[test]
#[ignore = "deep: fired by `cargo xtask test --deep`, which installs Codex"]
fn deep_codex_lets_through_what_nobody_trusted_or_what_hangs() {
    let gateway = Gateway::start(Decide::Deny("no"));
    let hooked = Hooked::of("codex", &gateway, 540);
    session(&hooked, vec![exec("touch untrusted")]);
    assert!(hooked.place.exists("untrusted"));
    hooked.replace_program(&hooked.bad_program("hangs"), 1);
    trust(&hooked);
    session(&hooked, vec![exec("touch hung")]);
    assert!(hooked.place.exists("hung"));
}
