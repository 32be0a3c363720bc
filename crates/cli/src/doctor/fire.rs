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
use crate::hosts::{Entry, Host, When};
use crate::out::visible;

/// How long a hook that asks nobody may take.
const LONGEST: Duration = Duration::from_secs(20);

/// The line of the settings.
#[derive(Clone, Debug)]
pub(super) struct Line {
    host: &'static Host,
    entry: Entry,
    pub(super) program: PathBuf,
}

/// What a run left.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Line {
    pub(super) fn of(host: &'static Host, entry: &Entry) -> Self {
        Self {
            host,
            entry: entry.clone(),
            program: entry.words.first().map(PathBuf::from).unwrap_or_default(),
        }
    }

    /// What it goes by.
    pub(super) fn config(&self) -> Option<PathBuf> {
        let words = &self.entry.words;
        let at = words.iter().position(|word| word == "--config")?;
        words.get(at + 1).map(PathBuf::from)
    }

    /// A read is none of our business.
    pub(super) fn lets_reads_pass(&self) -> Found {
        let tool = self.host.reads[0];
        let event = event(tool, &json!({"file_path": "/etc/hostname"}));
        match self.run(&event.to_string()) {
            Ok(ran) if ran.code == Some(0) && ran.stdout.is_empty() => {
                Found::Ok("a read is left to the host's own rules".into())
            }
            Ok(ran) if ran.code == Some(0) => Found::Note(format!(
                "`{tool}` does not pass in silence: {}",
                visible(&ran.stdout)
            )),
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
        let path = home.hooks_file(self.host.word);
        if let Err(why) = settings.at(&home).save(&path) {
            return Found::Wrong(why.to_string());
        }
        let mut line = self.clone();
        let at = line.entry.words.iter().position(|word| word == "--config");
        if let Some(word) = at.and_then(|at| line.entry.words.get_mut(at + 1)) {
            *word = path.display().to_string();
        }
        let event = event("VidimusDoctor", &json!({"command": "true"}));
        match line.run(&event.to_string()) {
            Ok(ran) if denies(&ran) => {
                Found::Ok("a call that nobody can be asked about is denied".into())
            }
            other => wrong("a call that nobody can be asked about", other),
        }
    }

    /// As the host starts it.
    fn command(&self) -> Command {
        if self.host.in_shell {
            let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
            let entry = (self.host.entry)(&self.entry, When::Before);
            let line = entry["hooks"][0]["command"].as_str().unwrap_or_default();
            let mut command = Command::new(shell);
            command.args(["-lc", line]);
            return command;
        }
        let mut command = Command::new(&self.program);
        command.args(self.entry.words.iter().skip(1));
        command
    }

    fn run(&self, input: &str) -> Result<Ran, String> {
        let mut child = self
            .command()
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

/// Whether it is the host's form of a *no*.
fn denies(ran: &Ran) -> bool {
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    let said = answer["hookSpecificOutput"]["permissionDecision"] == "deny";
    match ran.code {
        Some(0) => said,
        Some(2) => !ran.stderr.is_empty(),
        _ => false,
    }
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
