//! A place with a connected agent whose hook is set up, and events for it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::place::{Ended, Place};

pub struct Hooked {
    pub place: Place,
    /// The host, as on the command line.
    pub client: &'static str,
}

impl Hooked {
    /// With the agent of the gateway's story, whose hook waits `wait_s` seconds.
    pub fn new(gateway: &Gateway, wait_s: u64) -> Self {
        Self::of("claude", gateway, wait_s)
    }

    /// The same of any host.
    pub fn of(client: &'static str, gateway: &Gateway, wait_s: u64) -> Self {
        let hooked = Self {
            place: Place::connected(gateway),
            client,
        };
        let words = format!("vidimus doctor {client}");
        hooked.install(&[]).expect(0, &words);
        hooked.edit_rules(|rules| rules["wait_s"] = wait_s.into());
        hooked
    }

    /// The host's settings.
    pub fn settings(&self) -> PathBuf {
        self.place.work().join(match self.client {
            "codex" => "host/hooks.json",
            "copilot" => "host/hooks/vidimus.json",
            _ => "host/settings.json",
        })
    }

    pub fn rules(&self) -> PathBuf {
        self.place.home.hooks_file(self.client)
    }

    pub fn edit_rules(&self, edit: impl FnOnce(&mut Value)) {
        let mut rules = serde_json::from_slice(&std::fs::read(self.rules()).unwrap()).unwrap();
        edit(&mut rules);
        std::fs::write(self.rules(), rules.to_string()).unwrap();
    }

    pub fn install(&self, words: &[&str]) -> Ended {
        self.about_settings("install", words)
    }

    /// `vidimus install`, `doctor` or `uninstall` for the host's settings.
    pub fn about_settings(&self, command: &str, words: &[&str]) -> Ended {
        let settings = self.settings();
        let settings = ["--settings", settings.to_str().unwrap()];
        let words = [&[command, self.client][..], &settings, words].concat();
        self.place.vidimus(&words).output().unwrap().into()
    }

    /// The hook, as the settings have it, asked about this.
    pub fn start(&self, event: &str) -> Child {
        self.start_with(event, &[])
    }

    /// The same, with more in the environment.
    pub fn start_with(&self, event: &str, variables: &[(&str, &str)]) -> Child {
        let settings: Value =
            serde_json::from_slice(&std::fs::read(self.settings()).unwrap()).unwrap();
        let entry = &settings["hooks"]["PreToolUse"][0];
        let hook = &entry["hooks"][0];
        let (program, words) = match self.client {
            "claude" => (&hook["command"], words(&hook["args"])),
            "codex" => (
                &json!("/bin/sh"),
                vec!["-lc", hook["command"].as_str().unwrap()],
            ),
            _ => (&entry["exec"], words(&entry["args"])),
        };
        let mut child = std::process::Command::new(program.as_str().unwrap())
            .args(words)
            .current_dir(self.place.work())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A hook that refuses early reads nothing.
        child.stdin.take().unwrap().write_all(event.as_bytes()).ok();
        child
    }

    /// A program that is no hook: it hangs, breaks, babbles, fails or is gone.
    pub fn bad_program(&self, name: &str) -> String {
        let script = match name {
            "hangs" => "#!/bin/sh\nexec sleep 60\n",
            "breaks" => "#!/bin/sh\nkill -SEGV $$\n",
            "babbles" => "#!/bin/sh\necho '{\"hookSpecificOutput\": 7}'\n",
            "fails" => "#!/bin/sh\nexit 1\n",
            _ => return self.place.work().join(name).display().to_string(),
        };
        self.place.write(name, script);
        self.place.work().join(name).display().to_string()
    }

    /// Has another program stand in the settings, with this timeout.
    pub fn replace_program(&self, program: &str, timeout_s: u64) {
        let good = std::fs::read_to_string(self.settings()).unwrap();
        let timeout = format!(": {timeout_s}");
        let bad = good
            .replace(env!("CARGO_BIN_EXE_vidimus"), program)
            .replace(": 600", &timeout)
            .replace(": 90", &timeout);
        std::fs::write(self.settings(), bad).unwrap();
    }

    pub fn ask(&self, event: &Value) -> Answer {
        answer(self.start(&event.to_string()))
    }

    /// An event about a command.
    pub fn bash(&self, command: &str) -> Value {
        self.event(
            "PreToolUse",
            "Bash",
            &json!({"command": command, "description": "to see"}),
        )
    }

    pub fn event(&self, name: &str, tool: &str, input: &Value) -> Value {
        json!({
            "session_id": "session-1",
            "transcript_path": "/dev/null",
            "cwd": self.place.work(),
            "permission_mode": "default",
            "hook_event_name": name,
            "tool_name": tool,
            "tool_input": input,
            "tool_use_id": "toolu_1",
        })
    }
}

fn words(list: &Value) -> Vec<&str> {
    let words = list.as_array().unwrap().iter();
    words.map(|word| word.as_str().unwrap()).collect()
}

pub fn answer(child: Child) -> Answer {
    Answer(child.wait_with_output().unwrap().into())
}

#[derive(Debug)]
pub struct Answer(pub Ended);

impl Answer {
    fn decision(&self) -> Value {
        serde_json::from_str(&self.0.stdout).unwrap_or_default()
    }

    fn expect(&self, decision: &str, words: &str) {
        assert_eq!(self.0.code, 0, "{self:?}");
        let answer = &self.decision()["hookSpecificOutput"];
        assert_eq!(answer["hookEventName"], "PreToolUse", "{self:?}");
        assert_eq!(answer["permissionDecision"], decision, "{self:?}");
        let reason = answer["permissionDecisionReason"].as_str().unwrap();
        assert!(reason.starts_with("Vidimus: "), "{reason}");
        assert!(reason.contains(words), "`{words}` in {reason}");
    }

    pub fn allowed(&self, words: &str) {
        self.expect("allow", words);
    }

    pub fn denied(&self, words: &str) {
        self.expect("deny", words);
    }

    /// Denied by the exit code, with the reason on standard error.
    pub fn stopped(&self, words: &str) {
        assert_eq!(self.0.code, 2, "{self:?}");
        assert!(self.0.stderr.contains(words), "`{words}` in {self:?}");
    }

    /// Blocked by the sign that needs no event.
    pub fn blocked(&self, words: &str) {
        assert_eq!(self.0.code, 2, "{self:?}");
        assert_eq!(self.0.stdout, "", "{self:?}");
        assert!(self.0.stderr.contains(words), "`{words}` in {self:?}");
    }

    /// Nothing to say.
    pub fn passed(&self) {
        assert_eq!((self.0.code, &*self.0.stdout), (0, ""), "{self:?}");
    }
}
