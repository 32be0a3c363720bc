//! `vidimus gateway` as a process, and the person and the agent in front of it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ::passkey::types::Passkey;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use vidimus_client::{AgentProfile, Home};
use vidimus_protocol::action::{CONTEXT_TYPE, Context, PAYLOAD_TYPE, Payload};
use vidimus_protocol::api::{Ack, Content, Propose};
use vidimus_protocol::{ActionId, Blob, Digest};

use super::passkey::Page;
use super::port;

pub const PATIENCE: Duration = Duration::from_secs(90);

/// A gateway's process.
pub struct Running {
    pub child: Child,
    pub url: String,
    pub http: reqwest::Client,
    out: Arc<Mutex<String>>,
    err: JoinHandle<String>,
}

/// A command line for the gateway of `home`.
pub fn gateway(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
    command
        .args(["gateway", "--personal"])
        .env("VIDIMUS_HOME", home);
    command
}

impl Running {
    /// Starts it and waits until it is ready.
    pub async fn start(home: &Path, mut command: Command) -> Self {
        let dir = Home::at(home).gateway_dir();
        port::reserve(&dir);
        let port = std::fs::read_to_string(dir.join("port")).unwrap();
        // No session bus: the keyring of whoever runs the tests is not touched.
        command
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env("XDG_RUNTIME_DIR", home)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = Arc::new(Mutex::new(String::new()));
        let (stdout, kept) = (child.stdout.take().unwrap(), out.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let err = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let running = Self {
            child,
            url: format!("http://localhost:{}", port.trim()),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            out,
            err,
        };
        running.health(200).await;
        running
    }

    /// Waits until `/healthz` has that status; returns its body.
    pub async fn health(&self, status: u16) -> Value {
        let began = Instant::now();
        loop {
            if let Ok(answer) = self.http.get(format!("{}/healthz", self.url)).send().await
                && answer.status().as_u16() == status
            {
                return answer.json().await.unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "no {status}: {}", self.out());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it printed until now.
    pub fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Stops it as a service manager does. Returns what it said on standard error.
    pub async fn stop(mut self) -> String {
        kill_process(self.pid(), Signal::TERM).unwrap();
        tokio::task::spawn_blocking(move || {
            assert!(self.child.wait().unwrap().success());
            self.err.join().unwrap()
        })
        .await
        .unwrap()
    }

    pub async fn metrics(&self) -> String {
        let answer = self.http.get(format!("{}/metrics", self.url)).send().await;
        answer.unwrap().text().await.unwrap()
    }

    /// Asks as an agent: status and body.
    pub async fn ask(
        &self,
        token: &str,
        path: &str,
        body: &Value,
        traceparent: Option<&str>,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.url);
        let mut request = self.http.post(url).bearer_auth(token).json(body);
        if let Some(traceparent) = traceparent {
            request = request
                .header("traceparent", traceparent)
                .header("tracestate", "needle=needle-in-the-tracestate");
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    pub async fn propose(&self, token: &str, propose: &Propose) -> Result<Ack, Value> {
        let body = serde_json::to_value(propose).unwrap();
        match self.ask(token, "/v1/actions", &body, None).await {
            (201, ack) => Ok(serde_json::from_value(ack).unwrap()),
            (_, problem) => Err(problem),
        }
    }
}

/// A person at a browser, with a passkey.
pub struct Person {
    pub cookie: String,
    pub code: String,
    key: Passkey,
    home: PathBuf,
}

impl Person {
    /// Sets up the first key.
    pub async fn set_up(home: &Path, running: &Running) -> Self {
        let page = running.http.get(format!("{}/console", running.url));
        let page = page.send().await.unwrap();
        let cookie = page.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let ask = json!({ "do": "setup", "name": "Ada", "route": "browser" });
        command(running, &cookie, ask).await;
        let prompt = until(running, &cookie, |view| view["ceremony"]["url"].is_string()).await;
        let url = prompt["ceremony"]["url"].as_str().unwrap().to_owned();
        let code = code(running).await;
        let key = Page::at(&url).set_up(&code).await;
        let ready = |view: &Value| view["phase"]["is"] == "ready" && is_settled(view);
        until(running, &cookie, ready).await;
        Self {
            cookie,
            code,
            key,
            home: home.to_owned(),
        }
    }

    /// Gives a command to the console and touches the key.
    async fn touch(&self, running: &Running, ask: Value) {
        command(running, &self.cookie, ask).await;
        let waits = |view: &Value| {
            view["ceremony"]["state"]["is"] == "waiting" && view["ceremony"]["url"].is_string()
        };
        let view = until(running, &self.cookie, waits).await;
        let url = view["ceremony"]["url"].as_str().unwrap().to_owned();
        Page::at(&url).sign(&self.key).await;
        until(running, &self.cookie, is_settled).await;
        let dismiss = json!({ "do": "cancel_ceremony" });
        command(running, &self.cookie, dismiss).await;
    }

    /// Connects an agent: its token.
    pub async fn connect(&self, running: &Running) -> String {
        let ask = json!({ "do": "connect_agent", "name": "builder" });
        self.touch(running, ask).await;
        let path = Home::at(&self.home).agent_profile("builder");
        let began = Instant::now();
        while !path.exists() {
            assert!(began.elapsed() < PATIENCE, "no profile");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let profile: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        AgentProfile::load(&path).unwrap();
        profile["token"].as_str().unwrap().to_owned()
    }

    pub async fn decide(&self, running: &Running, action: ActionId, verdict: &str, reason: &str) {
        let listed = |view: &Value| {
            view["inbox"]
                .as_array()
                .is_some_and(|list| !list.is_empty())
        };
        until(running, &self.cookie, listed).await;
        let open = json!({ "do": "open_action", "action": action.to_string() });
        command(running, &self.cookie, open).await;
        let ask = json!({
            "do": "decide", "action": action.to_string(), "verdict": verdict, "reason": reason,
        });
        self.touch(running, ask).await;
    }
}

/// No key prompt is in progress.
fn is_settled(view: &Value) -> bool {
    view["ceremony"].is_null() || view["ceremony"]["state"]["is"] == "done"
}

async fn command(running: &Running, cookie: &str, ask: Value) -> Value {
    let request = running
        .http
        .post(format!("{}/console/command", running.url))
        .header("x-vidimus-console", "1")
        .header(ORIGIN, &running.url)
        .header(COOKIE, cookie)
        .json(&ask);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{ask}: {body}");
    body
}

async fn until(running: &Running, cookie: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let view = command(running, cookie, json!({ "do": "view" })).await["value"].clone();
        if wanted(&view) {
            return view;
        }
        assert!(began.elapsed() < PATIENCE, "{view:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn code(running: &Running) -> String {
    let began = Instant::now();
    loop {
        let shown = running.out();
        if let Some((_, code)) = shown.split_once("Code for the first key: ") {
            let digits = code.lines().next().unwrap().chars();
            return digits.filter(char::is_ascii_digit).collect();
        }
        assert!(began.elapsed() < PATIENCE, "no code: {shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn content(r#type: &str, bytes: &[u8]) -> Content {
    Content {
        bytes: Blob(bytes.to_vec()),
        salt: Digest(random()),
        r#type: r#type.to_owned(),
    }
}

/// A proposal with that much to say.
pub fn proposal(argument: &str, intent: &str) -> Propose {
    let mut action = vidimus_verify::testkit::sample_action(0);
    if let Payload::Command(command) = &mut action.payload {
        command.argv = vec!["true".to_owned(), argument.to_owned()];
    }
    let context = Context {
        intent: Some(intent.to_owned()),
        ..Context::default()
    };
    Propose {
        action: ActionId::from_random(random()),
        context: Some(content(CONTEXT_TYPE, &context.to_bytes())),
        payload: content(PAYLOAD_TYPE, &action.to_bytes()),
        run: None,
        ttl_s: None,
    }
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}
