//! A team's gateway: its key pages in a real browser, with virtual
//! authenticators for the keys of two people.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::session::Session;
use support::team::TeamGateway;
use support::webdriver::{Driver, id};
use vidimus_protocol::envelope::{ActType, Decimal, Envelope, ReviewerItem, Role, token_hash};
use vidimus_protocol::{Blob, Digest, ReviewerId, Time, sha256, strict};

/// The gateway, asked by programs.
struct Gateway {
    url: String,
    http: reqwest::Client,
    code: String,
    _running: TeamGateway,
}

impl Gateway {
    async fn start(session: &Session) -> Self {
        let running = TeamGateway::start(session).await;
        Self {
            url: running.url.clone(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            code: running.code.clone(),
            _running: running,
        }
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Value {
        let mut request = self.http.post(format!("{}{path}", self.url)).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let reply = request.send().await.unwrap();
        let status = reply.status();
        let body: Value = reply.json().await.unwrap();
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.http.get(format!("{}{path}", self.url)).send().await;
        reply.unwrap().json().await.unwrap()
    }

    /// The log, and its newest size and root.
    async fn log(&self) -> (Digest, u64, Digest) {
        let log = self.get("/v1/log").await;
        let note = log["checkpoint"].as_str().unwrap();
        let mut lines = note.lines().skip(1);
        let size = lines.next().unwrap().parse().unwrap();
        let root = STANDARD.decode(lines.next().unwrap()).unwrap();
        (
            log["log"].as_str().unwrap().parse().unwrap(),
            size,
            Digest(root.try_into().unwrap()),
        )
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    let mut source = std::fs::File::open("/dev/urandom").unwrap();
    source.read_exact(&mut bytes).unwrap();
    bytes
}

fn now() -> Time {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Time::from_unix_ms(since.as_millis().try_into().unwrap())
}

/// Goes to a key prompt's page and makes a key there.
async fn makes_a_key(browser: &Driver, gateway: &Gateway, started: &Value) -> String {
    let ceremony = started["ceremony"].as_str().unwrap();
    browser.go(&format!("{}/c/{ceremony}", gateway.url)).await;
    browser.says("h1", "Set up your key").await;
    browser.click(&id("use-key")).await;
    browser.says("h1", "Now sign with it once").await;
    browser.click(&id("use-key")).await;
    ceremony.to_owned()
}

#[tokio::test]
async fn a_person_is_invited_and_taken_in() {
    let session = Session::bare("team-page").await;
    let gateway = Gateway::start(&session).await;
    let browser = Driver::browser(&session).await;
    let adas_tab = browser.this_tab().await;
    browser.go(&gateway.url).await;
    browser.add_key().await;

    // Ada founds the log with the code.
    let token = Blob(random().to_vec()).to_string();
    let found = json!({
        "code": gateway.code, "name": "Ada", "session_expires_at": now().plus_seconds(3600),
        "token_hash": token_hash(&token),
    });
    let started = gateway.post("/v1/founding", None, &found).await;
    let began = started["code"].as_str().unwrap();
    browser
        .go(&format!(
            "{}/c/{}",
            gateway.url,
            started["ceremony"].as_str().unwrap()
        ))
        .await;
    browser
        .says("output", &format!("{} {}", &began[..3], &began[3..]))
        .await;
    makes_a_key(&browser, &gateway, &started).await;
    browser.says("h1", "Done").await;

    // Ben enrols his key with her invitation.
    let invite = json!({ "name": "Ben" });
    let invited = gateway.post("/v1/invitations", Some(&token), &invite).await;
    let bens_tab = browser.open_tab().await;
    browser.switch(&bens_tab).await;
    browser.go(&gateway.url).await;
    browser.add_key().await;
    let (log, ..) = gateway.log().await;
    let joining = strict::canonical(&json!({
        "invitation": invited["invitation"], "log": log, "reviewer": invited["reviewer"],
        "url": gateway.url, "v": 1,
    }));
    browser.go(&format!("{}/join", gateway.url)).await;
    browser.write(&id("joining"), "vidimus-joining:AAAA").await;
    browser.write(&id("label"), "Ben's phone").await;
    browser.click(&id("join")).await;
    browser.says("body", "The text is not whole.").await;
    let text = format!("vidimus-joining:{}", Blob(joining));
    browser.reload().await;
    browser.write(&id("joining"), &text).await;
    browser.write(&id("label"), "Ben's phone").await;
    browser.says("body", &log.read_aloud()).await;
    browser.screenshot("team-join").await;
    browser.click(&id("join")).await;
    browser.says("h1", "Set up your key").await;
    browser.screenshot("team-join-key").await;
    let address = browser.address().await;
    let ceremony = address.rsplit('/').next().unwrap().replace("#join", "");
    assert_eq!(browser.count("#compare:not([hidden])").await, 0);
    browser.click(&id("use-key")).await;
    browser.says("h1", "Now sign with it once").await;
    browser.click(&id("use-key")).await;
    browser.says("h1", "Your key is enrolled").await;
    browser.screenshot("team-enrolled").await;
    let view = gateway.get(&format!("/v1/ceremonies/{ceremony}")).await;
    let leaf = view["ack"]["entries"][0]["leaf"].as_str().unwrap();
    let enrolment = sha256(&[&[0], leaf.as_bytes()]);
    let aloud = enrolment.read_aloud();
    browser.says("body", &aloud).await;

    // Ada compares, and signs that he is the one.
    let (log, size, root) = gateway.log().await;
    let reviewer: ReviewerId = invited["reviewer"].as_str().unwrap().parse().unwrap();
    let item = strict::canonical(&ReviewerItem {
        credential: enrolment,
        groups: vec!["sre".into()],
        identity: "ben@example.com".into(),
        name: "Ben".into(),
        reviewer,
        roles: vec![Role::Reviewer],
    });
    let nonce = gateway.post("/v1/nonces", Some(&token), &json!(null)).await;
    let session_view: Value = gateway
        .http
        .get(format!("{}/v1/session", gateway.url))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let envelope = Envelope {
        expires_at: now().plus_seconds(120),
        issued_at: now(),
        items_root: sha256(&[&[0], &item]),
        log,
        nonce: nonce["nonce"].as_str().unwrap().parse().unwrap(),
        pinned_root: root,
        pinned_size: Decimal(size),
        signer: session_view["reviewer"].as_str().unwrap().parse().unwrap(),
        r#type: ActType::ReviewerRegistered,
    };
    let start = json!({ "envelope": envelope, "items": [String::from_utf8(item).unwrap()] });
    let started = gateway.post("/v1/ceremonies", Some(&token), &start).await;
    browser.switch(&adas_tab).await;
    let ceremony = started["ceremony"].as_str().unwrap();
    browser.go(&format!("{}/c/{ceremony}", gateway.url)).await;
    browser.says("h1", "Take a person in").await;
    for words in [
        "Ben",
        "ben@example.com",
        "reviewer",
        "sre",
        "Ben's phone",
        &aloud,
    ] {
        browser.says("body", words).await;
    }
    browser.screenshot("team-take-in").await;
    browser.click(&id("use-key")).await;
    browser.says("h1", "Done").await;
}
