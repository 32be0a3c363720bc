//! The real Claude Code, offline: a fake of the Messages API scripts its model,
//! and it fires the hook that `vidimus install` wrote. `cargo xtask test`
//! installs it and names it by `VIDIMUS_CLAUDE`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vidimus_protocol::entry::Outcome;

use crate::gateway::{Decide, Gateway};
use crate::hooked::Hooked;

/// Longest that one session may take.
const LONGEST: Duration = Duration::from_secs(60);

/// What the model does: it calls each of these tools in turn, then is done.
#[derive(Clone)]
struct Model {
    port: u16,
    calls: Arc<Vec<(&'static str, Value)>>,
    /// What it was told about each call.
    told: Arc<Mutex<Vec<String>>>,
}

impl Model {
    fn start(calls: Vec<(&'static str, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let model = Self {
            port: listener.local_addr().unwrap().port(),
            calls: Arc::new(calls),
            told: Arc::default(),
        };
        let served = model.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                std::thread::spawn(move || served.serve(stream));
            }
        });
        model
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut first = String::new();
        reader.read_line(&mut first).ok()?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let answer = if first.starts_with("POST /v1/messages?")
            || first.starts_with("POST /v1/messages ")
        {
            let body: Value = serde_json::from_slice(&body).ok()?;
            let events = self.events(&body);
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{events}"
            )
        } else {
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into()
        };
        stream.write_all(answer.as_bytes()).ok()
    }

    /// The next message, as server-sent events of the Messages API.
    fn events(&self, body: &Value) -> String {
        let messages = body["messages"].as_array().unwrap();
        let contents = messages
            .iter()
            .filter_map(|message| message["content"].as_array());
        let results: Vec<String> = contents
            .flatten()
            .filter(|block| block["type"] == "tool_result")
            .map(|block| block["content"].to_string())
            .collect();
        let step = results.len();
        let has_tools = body["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty());
        let next = self.calls.get(step).filter(|_| has_tools);
        if has_tools {
            *self.told.lock().unwrap() = results;
        }
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
}

/// One session in which the model makes these calls. Returns what it was told
/// about each.
fn session(hooked: &Hooked, calls: Vec<(&'static str, Value)>) -> Vec<String> {
    let claude = std::env::var_os("VIDIMUS_CLAUDE").expect("`cargo xtask test` names Claude Code");
    let count = calls.len();
    let model = Model::start(calls);
    let host = hooked.settings();
    let config = host.parent().unwrap();
    let mut child = Command::new(claude)
        // Its own rules let everything through: only the hook stands between.
        .args(["-p", "go", "--allowed-tools", "Bash,Write,Edit"])
        .current_dir(hooked.place.work())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", hooked.place.work())
        .env("CLAUDE_CONFIG_DIR", config)
        .env(
            "ANTHROPIC_BASE_URL",
            format!("http://127.0.0.1:{}", model.port),
        )
        .env("ANTHROPIC_API_KEY", "none")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > LONGEST {
            child.kill().unwrap();
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = child.wait_with_output().unwrap();
    let told = model.told.lock().unwrap().clone();
    assert_eq!(told.len(), count, "{ended:?}");
    told
}

fn bash(command: &str) -> (&'static str, Value) {
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
    hooked.place.write("hangs", "#!/bin/sh\nexec sleep 60\n");
    hooked.place.write("breaks", "#!/bin/sh\nkill -SEGV $$\n");
    hooked
        .place
        .write("babbles", "#!/bin/sh\necho '{\"hookSpecificOutput\": 7}'\n");
    hooked.place.write("fails", "#!/bin/sh\nexit 1\n");
    let work = hooked.place.work();
    for name in ["hangs", "breaks", "babbles", "fails", "is-gone"] {
        let program = work.join(name).display().to_string();
        let bad = good.replace(env!("CARGO_BIN_EXE_vidimus"), &program);
        std::fs::write(
            hooked.settings(),
            bad.replace("\"timeout\": 600", "\"timeout\": 1"),
        )
        .unwrap();
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
