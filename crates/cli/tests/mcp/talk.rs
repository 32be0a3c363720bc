//! `vidimus mcp` with a client of a few lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::place::Place;

/// How long a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Talk {
    pub child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    pub stderr: PathBuf,
    /// What the server got.
    notes: PathBuf,
    next: u64,
}

impl Talk {
    /// With the server of a few lines behind it.
    pub fn start(place: &Place, options: &[&str], modes: &[&str]) -> Self {
        let notes = place.work().join("notes");
        let notes = notes.display().to_string();
        let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp/server.py");
        let mut words = options.to_vec();
        words.extend(["--", "python3", "-B", server, &notes]);
        words.extend(modes);
        Self::with(place, &words)
    }

    /// With whatever server these words name.
    pub fn with(place: &Place, options: &[&str]) -> Self {
        let notes = place.work().join("notes");
        let mut words = vec!["mcp"];
        words.extend(options);
        let stderr = place.work().join("stderr");
        let mut child = place
            .vidimus(&words)
            .stdin(Stdio::piped())
            .stderr(std::fs::File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            lines,
            stderr,
            notes,
            next: 0,
        }
    }

    pub fn write(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        // It may be gone already.
        writeln!(input, "{text}").ok();
    }

    /// Sends a request; returns its id.
    pub fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.write(
            &json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string(),
        );
        id
    }

    pub fn call(&mut self, tool: &str, arguments: &Value) -> u64 {
        self.send("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// The next line.
    pub fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let said = std::fs::read_to_string(&self.stderr).unwrap_or_default();
            panic!("nothing came; it said: {said}")
        })
    }

    /// The next message.
    pub fn message(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// The answer to a request; what comes before it is dropped.
    pub fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.message();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// The status of an answer that the proxy gave itself.
    pub fn status(&mut self, id: u64) -> String {
        let answer = self.answer(id);
        let status = answer["result"]["_meta"]["vidimus"]["status"].as_str();
        status.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Lines that the server got.
    pub fn notes(&self) -> Vec<String> {
        let notes = std::fs::read_to_string(&self.notes).unwrap_or_default();
        notes.lines().map(str::to_owned).collect()
    }

    /// Calls that the server got.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.notes().into_iter();
        calls
            .filter(|line| line.contains("\"tools/call\""))
            .collect()
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    /// Closes the proxy's standard input; returns its exit code.
    pub fn end(&mut self) -> i32 {
        self.input = None;
        self.ended()
    }

    pub fn ended(&mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not end: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
