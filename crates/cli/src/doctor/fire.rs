//! Runs the hook's line as the host does, with events that no agent sent.
//! None of them reaches the gateway.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vidimus_client::home::Home;

use super::Found;
use crate::hook::settings::Settings;
use crate::out::visible;

/// How long a hook that asks nobody may take.
const LONGEST: Duration = Duration::from_secs(20);

/// The line of the settings.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) program: PathBuf,
    arguments: Vec<String>,
}

/// What a run left.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Line {
    /// Out of a group of hooks.
    pub(super) fn of(group: &Value) -> Option<Self> {
        let hook = group["hooks"].as_array()?.first()?;
        let arguments = hook["args"].as_array()?.iter();
        Some(Self {
            program: hook["command"].as_str()?.into(),
            arguments: arguments
                .map(|word| word.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
        })
    }

    /// What it goes by.
    pub(super) fn config(&self) -> Option<PathBuf> {
        let at = self.arguments.iter().position(|word| word == "--config")?;
        self.arguments.get(at + 1).map(PathBuf::from)
    }

    /// A read is none of our business.
    pub(super) fn lets_reads_pass(&self) -> Found {
        let event = event("Read", &json!({"file_path": "/etc/hostname"}));
        match self.run(&event.to_string()) {
            Ok(ran) if ran.code == Some(0) && ran.stdout.is_empty() => {
                Found::Ok("a read is left to the host's own rules".into())
            }
            Ok(ran) if ran.code == Some(0) => {
                Found::Note(format!("`Read` asks a person: {}", visible(&ran.stdout)))
            }
            other => wrong("a read", other),
        }
    }

    /// What is no event is blocked.
    pub(super) fn blocks_nonsense(&self) -> Found {
        match self.run("{\"hook_event_name\":") {
            Ok(ran) if ran.code == Some(2) && !ran.stderr.is_empty() => {
                Found::Ok("an event that cannot be read is blocked".into())
            }
            other => wrong("an event that cannot be read", other),
        }
    }

    /// A call is denied where nobody can be asked.
    pub(super) fn denies_without_a_gateway(&self, settings: &Settings) -> Found {
        let folder = match tempfile::tempdir() {
            Ok(folder) => folder,
            Err(why) => return Found::Wrong(format!("no temporary folder: {why}")),
        };
        let home = Home::at(folder.path());
        let path = home.hooks_file();
        if let Err(why) = settings.at(&home).save(&path) {
            return Found::Wrong(why.to_string());
        }
        let there = path.display().to_string();
        let config = self.config().map(|path| path.display().to_string());
        let arguments = self.arguments.iter().map(|word| {
            if Some(word) == config.as_ref() {
                there.clone()
            } else {
                word.clone()
            }
        });
        let line = Self {
            program: self.program.clone(),
            arguments: arguments.collect(),
        };
        let event = event("VidimusDoctor", &json!({"command": "true"}));
        match line.run(&event.to_string()) {
            Ok(ran) if ran.code == Some(0) && denies(&ran.stdout) => {
                Found::Ok("a call that nobody can be asked about is denied".into())
            }
            other => wrong("a call that nobody can be asked about", other),
        }
    }

    fn run(&self, input: &str) -> Result<Ran, String> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| why.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read says so by what it answers.
            stdin.write_all(input.as_bytes()).ok();
        }
        let begun = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|why| why.to_string())? {
                Some(status) => break status,
                None if begun.elapsed() > LONGEST => {
                    child.kill().ok();
                    child.wait().ok();
                    return Err(format!("no answer after {} s", LONGEST.as_secs()));
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        Ok(Ran {
            code: status.code(),
            stdout: read(child.stdout.take()),
            stderr: read(child.stderr.take()),
        })
    }
}

fn read(pipe: Option<impl std::io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(65_536).read_to_end(&mut bytes).ok();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether the answer is the host's form of a *no*.
fn denies(stdout: &str) -> bool {
    let answer: Value = serde_json::from_str(stdout).unwrap_or_default();
    answer["hookSpecificOutput"]["permissionDecision"] == "deny"
}

fn event(tool: &str, input: &Value) -> Value {
    json!({
        "session_id": "vidimus-doctor",
        "transcript_path": "/dev/null",
        "cwd": "/",
        "hook_event_name": "PreToolUse",
        "tool_name": tool,
        "tool_input": input,
        "tool_use_id": "vidimus-doctor",
    })
}

fn wrong(what: &str, ran: Result<Ran, String>) -> Found {
    Found::Wrong(match ran {
        Err(why) => format!("the hook does not answer {what}: {why}"),
        Ok(ran) => format!(
            "the hook answers {what} with exit code {}: {} {}",
            ran.code.map_or("none".into(), |code| code.to_string()),
            visible(&ran.stdout),
            visible(&ran.stderr)
        ),
    })
}
