//! Asks the host itself whether it would run our hook: Codex runs none that
//! nobody trusted, and only it knows. Its app server says so (`hooks/list`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Found;
use crate::hosts::{Entry, Host, When};
use crate::out::visible;

/// How long the host may take to say so.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether each of our hooks of this file is on and trusted.
pub(super) fn found(host: &Host, settings: &Path, entry: &Entry) -> Found {
    let wrong = |why: &str| Found::Wrong(format!("{why}. {}", host.trust.unwrap_or_default()));
    let listed = match listed(host) {
        Ok(listed) => listed,
        Err(why) => {
            return wrong(&format!(
                "{} does not say whether it runs the hook: {why}",
                host.name
            ));
        }
    };
    let ours = |when| {
        let line = (host.entry)(entry, when)["hooks"][0]["command"].clone();
        listed.iter().find(|hook| {
            hook["command"] == line && hook["sourcePath"].as_str().map(Path::new) == Some(settings)
        })
    };
    for when in [When::Before, When::After] {
        let Some(hook) = ours(when) else {
            return wrong(&format!("{} does not know the hook", host.name));
        };
        if hook["enabled"] != true {
            return wrong(&format!("the hook is switched off in {}", host.name));
        }
        let trust = hook["trustStatus"].as_str().unwrap_or_default();
        if trust != "trusted" && trust != "managed" {
            return wrong(&format!(
                "the hook is `{}` to {}",
                visible(trust),
                host.name
            ));
        }
    }
    Found::Ok(format!("{} runs the hook in this folder", host.name))
}

/// The hooks that it knows in this folder.
fn listed(host: &Host) -> Result<Vec<Value>, String> {
    let cwd = std::env::current_dir().map_err(|why| why.to_string())?;
    let mut child = Command::new(host.program)
        .arg("app-server")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|why| format!("`{}`: {why}", host.program))?;
    let said = ask(&mut child, &cwd);
    child.kill().ok();
    child.wait().ok();
    let said = said?;
    let hooks = said["data"][0]["hooks"].as_array().cloned();
    hooks.ok_or_else(|| "it answers something else".into())
}

fn ask(child: &mut Child, cwd: &Path) -> Result<Value, String> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("it has no pipes".into());
    };
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    for message in [
        json!({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "vidimus", "version": env!("CARGO_PKG_VERSION")}}}),
        json!({"method": "initialized"}),
        json!({"id": 2, "method": "hooks/list", "params": {"cwds": [cwd]}}),
    ] {
        writeln!(stdin, "{message}").map_err(|why| why.to_string())?;
    }
    let until = Instant::now() + LONGEST;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let line = lines.recv_timeout(left).map_err(|_| "it does not answer")?;
        let message: Value = serde_json::from_str(&line).unwrap_or_default();
        if message["id"] == 2 {
            return Ok(message["result"].clone());
        }
    }
}
