//! A model by script: a fake of a model's API on this machine, and a host that
//! runs one session with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest that one session may take.
const LONGEST: Duration = Duration::from_secs(60);

/// One API: where it is asked, and how it speaks.
#[derive(Clone, Copy)]
pub struct Api {
    pub path: &'static str,
    /// The results of calls that a request holds.
    pub results: fn(&Value) -> Vec<String>,
    /// Server-sent events: this call with its number, else the end.
    pub events: fn(&Value, Option<&Call>, usize) -> String,
}

/// A call: the tool, and what it gets.
pub type Call = (&'static str, Value);

/// What the model does: it calls each of these tools in turn, then is done.
#[derive(Clone)]
pub struct Model {
    pub port: u16,
    api: Api,
    calls: Arc<Vec<Call>>,
    /// What it was told about each call.
    told: Arc<Mutex<Vec<String>>>,
}

impl Model {
    pub fn start(api: Api, calls: Vec<Call>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let model = Self {
            port: listener.local_addr().unwrap().port(),
            api,
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

    /// Runs the host to its end. Returns what the model was told about each
    /// call.
    pub fn session(&self, host: &mut Command) -> Vec<String> {
        let mut child = host
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
        let told = self.told.lock().unwrap().clone();
        assert_eq!(told.len(), self.calls.len(), "{ended:?}");
        told
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
        let target = first.strip_prefix("POST ").unwrap_or_default();
        let asked = target.split([' ', '?']).next() == Some(self.api.path);
        let answer = if asked {
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

    fn events(&self, body: &Value) -> String {
        let has_tools = body["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty())
            || body["input"][0]["type"] == "additional_tools";
        let results = (self.api.results)(body);
        let step = results.len();
        let next = self.calls.get(step).filter(|_| has_tools);
        if has_tools {
            *self.told.lock().unwrap() = results;
        }
        (self.api.events)(body, next, step)
    }
}

/// The hooks that a Codex knows in this folder.
pub fn ask_app_server(mut server: Command, cwd: &Path) -> Value {
    let mut child = server
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for message in [
        json!({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "test", "version": "1"}}}),
        json!({"method": "initialized"}),
        json!({"id": 2, "method": "hooks/list", "params": {"cwds": [cwd]}}),
    ] {
        writeln!(stdin, "{message}").unwrap();
    }
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answer = lines
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .find(|message| message["id"] == 2)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    answer["result"]["data"][0]["hooks"].clone()
}
