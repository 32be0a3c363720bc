//! A small W3C WebDriver client, for the window (WebKitWebDriver) and for the
//! browser (chromedriver with virtual authenticators).

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::process::Process;
use super::session::{Session, shot};
use super::{until, within};

/// Name of an element in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Longest that one command may take: starting a browser is the longest.
const COMMAND: Duration = Duration::from_secs(60);

/// A driver and the window or browser that it drives.
pub struct Driver {
    http: reqwest::Client,
    url: String,
    _process: Process,
}

/// An element on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element(String);

/// Why a command was refused: WebDriver's code and words.
#[derive(Debug)]
pub struct Refused {
    pub code: String,
    pub words: String,
}

impl Driver {
    /// Starts the real window.
    pub async fn window(session: &Session, console: &Path) -> Self {
        Self::window_with(session, console, &[]).await
    }

    /// The same, started with arguments.
    pub async fn window_with(session: &Session, console: &Path, arguments: &[&str]) -> Self {
        let driver = Self::webkit_with(session, console, arguments, "console", COMMAND).await;
        driver.unwrap_or_else(|why| panic!("the window did not open: {why:?}"))
    }

    /// Tries to start the window of a build, as any program could.
    pub async fn webkit(
        session: &Session,
        console: &Path,
        label: &str,
        patience: Duration,
    ) -> Result<Self, Refused> {
        Self::webkit_with(session, console, &[], label, patience).await
    }

    async fn webkit_with(
        session: &Session,
        console: &Path,
        arguments: &[&str],
        label: &str,
        patience: Duration,
    ) -> Result<Self, Refused> {
        let port = free_port();
        let mut command = session.command("WebKitWebDriver");
        command
            .arg(format!("--port={port}"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true");
        let process = session.start(label, command);
        let capabilities = json!({ "webkitgtk:browserOptions": {
            "binary": console.display().to_string(),
            "args": arguments,
        }});
        Self::connect(process, port, capabilities, patience).await
    }

    /// Starts a real browser with a profile of its own.
    pub async fn browser(session: &Session) -> Self {
        Self::chromium(session, &["--headless=new", "--window-size=1100,800"], &[]).await
    }

    /// The same with a window on the session's display.
    pub async fn shown_browser(session: &Session, size: (u32, u32)) -> Self {
        let size = format!("--window-size={},{}", size.0, size.1);
        // Both keep bars about being driven off the page.
        Self::chromium(session, &[&size, "--test-type"], &["enable-automation"]).await
    }

    async fn chromium(session: &Session, arguments: &[&str], without: &[&str]) -> Self {
        let port = free_port();
        let mut command = session.command("chromedriver");
        command.arg(format!("--port={port}"));
        let process = session.start("chromedriver", command);
        let profile = session.path("chromium").display().to_string();
        let profile = format!("--user-data-dir={profile}");
        let always = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            profile.as_str(),
        ];
        let arguments = [always.as_slice(), arguments].concat();
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments, "excludeSwitches": without },
            "webauthn:virtualAuthenticators": true,
        });
        let driver = Self::connect(process, port, capabilities, COMMAND).await;
        driver.unwrap_or_else(|why| panic!("the browser did not start: {why:?}"))
    }

    async fn connect(
        process: Process,
        port: u16,
        capabilities: Value,
        patience: Duration,
    ) -> Result<Self, Refused> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(COMMAND)
            .build()
            .unwrap();
        let base = format!("http://127.0.0.1:{port}");
        within(Duration::from_secs(10), "the driver", async || {
            http.get(format!("{base}/status")).send().await.ok()
        })
        .await;
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let request = http.post(format!("{base}/session")).json(&body);
        let asked = tokio::time::timeout(patience, ask(request)).await;
        let session = asked.unwrap_or_else(|_| {
            Err(Refused {
                code: "no answer".into(),
                words: format!("no session within {} s", patience.as_secs()),
            })
        })?;
        let id = session["sessionId"].as_str().expect("a session has an id");
        Ok(Self {
            url: format!("{base}/session/{id}"),
            http,
            _process: process,
        })
    }

    async fn try_post(&self, path: &str, body: Value) -> Result<Value, Refused> {
        ask(self.http.post(format!("{}{path}", self.url)).json(&body)).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.try_post(path, body.clone()).await;
        answer.unwrap_or_else(|why| panic!("{path} {body}: {why:?}"))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Refused> {
        ask(self.http.get(format!("{}{path}", self.url))).await
    }

    /// Ends the browser or closes the window.
    pub async fn close(self) {
        // A window that is closed takes its session along: no answer is fine.
        let request = self.http.delete(&self.url).timeout(Duration::from_secs(10));
        let _gone = request.send().await;
    }

    pub async fn go(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    pub async fn address(&self) -> String {
        text_of(self.get("/url").await.unwrap())
    }

    pub async fn reload(&self) {
        self.post("/refresh", json!({})).await;
    }

    /// Runs a script in the page; its `return` is the answer.
    pub async fn script(&self, script: &str, arguments: Value) -> Value {
        self.post(
            "/execute/sync",
            json!({ "script": script, "args": arguments }),
        )
        .await
    }

    /// Waits until what the page holds now has been drawn.
    pub async fn drawn(&self) {
        let script = "const done = arguments[arguments.length - 1]; \
                      requestAnimationFrame(() => requestAnimationFrame(() => done(null)))";
        self.post("/execute/async", json!({ "script": script, "args": [] }))
            .await;
    }

    /// The first element, if there is one now.
    pub async fn find(&self, css: &str) -> Option<Element> {
        let query = json!({ "using": "css selector", "value": css });
        let found = self.try_post("/element", query).await.ok()?;
        Some(Element(found[ELEMENT].as_str()?.to_owned()))
    }

    pub async fn count(&self, css: &str) -> usize {
        let query = json!({ "using": "css selector", "value": css });
        self.post("/elements", query)
            .await
            .as_array()
            .map_or(0, Vec::len)
    }

    /// Waits for an element that a person can see.
    pub async fn see(&self, css: &str) -> Element {
        until(css, async || {
            let element = self.find(css).await?;
            let shown = self.script(
                "return arguments[0].checkVisibility()",
                json!([element.json()]),
            );
            shown.await.as_bool()?.then_some(element)
        })
        .await
    }

    /// Waits until there is no such element that a person can see.
    pub async fn gone(&self, css: &str) {
        until(&format!("{css} to go"), async || {
            let script = "return [...document.querySelectorAll(arguments[0])].some((e) => e.checkVisibility())";
            let shown = self.script(script, json!([css])).await;
            (shown == json!(false)).then_some(())
        })
        .await;
    }

    /// Waits until an element says this.
    pub async fn says(&self, css: &str, words: &str) {
        until(&format!("`{words}` in {css}"), async || {
            self.all_text(css).await.contains(words).then_some(())
        })
        .await;
    }

    /// The visible text of all such elements.
    pub async fn all_text(&self, css: &str) -> String {
        let script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText).join('\\n')";
        text_of(self.script(script, json!([css])).await)
    }

    pub async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        let script =
            "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null";
        let value = self.script(script, json!([css, name])).await;
        value.as_str().map(str::to_owned)
    }

    /// Clicks it, once it is there and enabled.
    pub async fn click(&self, css: &str) {
        until(&format!("{css} to be clicked"), async || {
            let element = self.find(css).await?;
            let script = "return arguments[0].checkVisibility() && !arguments[0].disabled";
            // It may be replaced between two commands.
            let query = json!({ "script": script, "args": [element.json()] });
            let ready = self.try_post("/execute/sync", query).await.ok()?;
            if ready != json!(true) {
                return None;
            }
            let path = format!("/element/{}/click", element.0);
            self.try_post(&path, json!({})).await.ok()
        })
        .await;
    }

    /// Types into a field.
    pub async fn write(&self, css: &str, text: &str) {
        let field = self.see(css).await;
        let path = format!("/element/{}/value", field.0);
        self.post(&path, json!({ "text": text })).await;
    }

    /// Chooses what says this, in a list that drops down.
    pub async fn choose(&self, css: &str, words: &str) {
        self.see(css).await;
        let choose = "const list = document.querySelector(arguments[0]); \
                      list.value = [...list.options].find((one) => one.text.includes(arguments[1])).value; \
                      list.dispatchEvent(new Event('change', { bubbles: true }))";
        self.script(choose, json!([css, words])).await;
    }

    /// Presses keys, whatever has the focus.
    pub async fn press(&self, keys: &str) {
        let mut held = None;
        let mut actions = Vec::new();
        for key in keys.chars() {
            let key = if key == '\n' { ENTER } else { key };
            let up = |key: char| json!({ "type": "keyUp", "value": key });
            if key == RELEASE {
                actions.extend(held.take().map(up));
                continue;
            }
            actions.push(json!({ "type": "keyDown", "value": key }));
            match key {
                CONTROL => held = Some(key),
                _ => actions.push(up(key)),
            }
        }
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("/actions", json!({ "actions": [keyboard] }))
            .await;
    }

    /// Keeps what the page shows as `target/e2e/NAME.png`.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let image = text_of(self.get("/screenshot").await.unwrap());
        let path = shot(name);
        std::fs::write(&path, STANDARD.decode(image).unwrap()).unwrap();
        path
    }

    /// Puts a key into the browser: one that is part of the computer, whose
    /// owner is always there and always says yes.
    pub async fn add_key(&self) -> Key {
        let authenticator = json!({
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserVerified": true,
            "isUserConsenting": true,
        });
        Key(text_of(
            self.post("/webauthn/authenticator", authenticator).await,
        ))
    }

    /// Takes a key out.
    pub async fn remove_key(&self, key: &Key) {
        let url = format!("{}/webauthn/authenticator/{}", self.url, key.0);
        ask(self.http.delete(url)).await.unwrap();
    }

    /// Whether the key's owner can be told from anybody else.
    pub async fn verified(&self, key: &Key, verified: bool) {
        let path = format!("/webauthn/authenticator/{}/uv", key.0);
        self.post(&path, json!({ "isUserVerified": verified }))
            .await;
    }

    /// Credentials on a key.
    pub async fn credentials(&self, key: &Key) -> usize {
        let path = format!("/webauthn/authenticator/{}/credentials", key.0);
        self.get(&path)
            .await
            .unwrap()
            .as_array()
            .map_or(0, Vec::len)
    }
}

/// A key in the browser.
pub struct Key(String);

impl Element {
    fn json(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

async fn ask(request: reqwest::RequestBuilder) -> Result<Value, Refused> {
    let broken = |error: reqwest::Error| Refused {
        code: "no answer".into(),
        words: error.to_string(),
    };
    let response = request.send().await.map_err(broken)?;
    let succeeded = response.status().is_success();
    let mut body: Value = response.json().await.map_err(broken)?;
    let value = body["value"].take();
    if succeeded {
        return Ok(value);
    }
    let words = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Err(Refused {
        code: words("error"),
        words: words("message"),
    })
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => panic!("a text was expected, not {other}"),
    }
}

/// A port that nobody uses at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub const CONTROL: char = '\u{e009}';
const ENTER: char = '\u{e007}';
/// Lets go of what is held.
pub const RELEASE: char = '\u{e000}';

/// A selector by the name that the page gives its parts for tests.
pub fn id(name: &str) -> String {
    format!("[data-testid='{name}']")
}
