//! What scripts build on: the description, `Idempotency-Key`, events.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use support::{Held, World, config, leaf, proposal, serve};
use vidimus_client::feed::{Feed, FeedEvent};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::{Ack, ActionView, FeedMessage, Problem, idempotent_action};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::Verdict;

const COMMITTED: &str = "../../docs/openapi.json";
const SPEC: &str = include_str!("../../../docs/spec/api.md");

/// `VIDIMUS_WRITE_OPENAPI=1` writes it anew.
#[test]
fn the_committed_description_is_that_of_the_routes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
    if std::env::var_os("VIDIMUS_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, vidimus_gateway::openapi()).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == vidimus_gateway::openapi(),
        "docs/openapi.json is out of date: run `VIDIMUS_WRITE_OPENAPI=1 cargo test --package vidimus-gateway --test api` and commit it"
    );
}

/// Words in backticks of a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// `(status, code)` pairs of the table in `docs/spec/api.md`.
fn codes_of_the_spec() -> BTreeSet<(u16, String)> {
    let table = SPEC.split("| Status | Codes |").nth(1).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let status = row.split('|').nth(1).unwrap().trim().parse().unwrap();
        quoted(row).map(move |code| (status, code.to_owned()))
    })
    .collect()
}

/// Every `NUMBER, "code"` of the sources, and what the short constructors say.
fn codes_of_the_sources(folder: &Path, found: &mut BTreeSet<(u16, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes_of_the_sources(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let constructors = [
            ("conflict(", 409),
            ("not_acceptable(", 422),
            ("unavailable(", 503),
            ("forbidden(", 403),
        ];
        for (name, status) in constructors {
            for rest in code.split(name).skip(1) {
                if let Some(word) = literal(rest) {
                    found.insert((status, word.to_owned()));
                }
            }
        }
        for (at, _) in code.match_indices(',') {
            let digits = code[..at].len()
                - code[..at]
                    .trim_end_matches(|c: char| c.is_ascii_digit())
                    .len();
            let number = code[at - digits..at].parse::<u16>();
            if let (Ok(status @ 400..=599), Some(word)) = (number, literal(&code[at + 1..])) {
                found.insert((status, word.to_owned()));
            }
        }
    }
}

fn literal(text: &str) -> Option<&str> {
    let word = text.trim_start().strip_prefix('"')?.split('"').next()?;
    let is_code = word
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_code && !word.is_empty()).then_some(word)
}

#[test]
fn sources_spec_and_description_have_the_same_codes() {
    let spec = codes_of_the_spec();
    let mut sources = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    codes_of_the_sources(&folder, &mut sources);
    // Made from the words of HTTP in `routes.rs`.
    for (status, code) in [(405, "method_not_allowed"), (426, "upgrade_required")] {
        sources.insert((status, code.to_owned()));
    }
    assert_eq!(
        sources.difference(&spec).collect::<Vec<_>>(),
        Vec::<&(u16, String)>::new(),
        "not in the spec"
    );
    assert_eq!(
        spec.difference(&sources).collect::<Vec<_>>(),
        Vec::<&(u16, String)>::new(),
        "only in the spec"
    );

    let document: Value = serde_json::from_str(vidimus_gateway::openapi()).unwrap();
    let mut described = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let codes = &response["content"]["application/problem+json"]["schema"]["properties"]
                    ["code"]["enum"];
                for code in codes.as_array().into_iter().flatten() {
                    described.insert((status.parse().unwrap(), code.as_str().unwrap().to_owned()));
                }
            }
        }
    }
    // For every request (in the description's words), of the key page's own routes and
    // of `/healthz`.
    for (status, code) in [
        (503, "sequencer_gone"),
        (503, "stalled"),
        (403, "cross_origin"),
        (421, "wrong_host"),
        (405, "method_not_allowed"),
        (410, "ceremony_expired"),
        (422, "registration_refused"),
        (503, "webauthn"),
    ] {
        described.insert((status, code.to_owned()));
    }
    assert_eq!(described, spec);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_to_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = serve(config(folder.path()));
    let url = format!("{}/v1/openapi.json", fresh.gateway.url());
    let answer = fresh.http.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.text().await.unwrap(), vidimus_gateway::openapi());
    fresh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_no_route_is_a_problem_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let action = proposal(&["x"]).action;
    for (method, path, token, code) in [
        (
            Method::GET,
            format!("/v1/actions/{action}?wait=soon"),
            &agent.token,
            "malformed",
        ),
        (
            Method::GET,
            format!("/v1/actions/{action}?wait=%2B1"),
            &agent.token,
            "malformed",
        ),
        (
            Method::GET,
            format!("/v1/actions/{action}?wait=9007199254740992"),
            &agent.token,
            "malformed",
        ),
        (
            Method::GET,
            "/v1/actions/%ff".to_owned(),
            &agent.token,
            "malformed",
        ),
        (
            Method::GET,
            "/v1/feed?from=x".to_owned(),
            &world.session,
            "malformed",
        ),
        (
            Method::GET,
            "/v1/parts/+1/payload".to_owned(),
            &world.session,
            "malformed",
        ),
        (
            Method::GET,
            "/v1/nothing".to_owned(),
            &agent.token,
            "not_found",
        ),
        (
            Method::PUT,
            "/v1/actions".to_owned(),
            &agent.token,
            "method_not_allowed",
        ),
        (
            Method::POST,
            "/.well-known/jwks.json".to_owned(),
            &agent.token,
            "method_not_allowed",
        ),
    ] {
        let reply = world.call(method, &path, Some(token), None).await;
        assert_eq!(reply.refused(), code, "{path}");
    }
    let send = |method, path: &str| {
        let request = world
            .http
            .request(method, format!("{}{path}", world.gateway.url()));
        request.bearer_auth(&world.session).send()
    };
    let refused = send(Method::PUT, "/v1/log").await.unwrap();
    assert_eq!(refused.headers()["allow"], "GET,HEAD");
    // Everything of a WebSocket but the wish for one.
    let plain = send(Method::GET, "/v1/feed?from=0").await.unwrap();
    let problem: Problem = plain.json().await.unwrap();
    assert!(
        ["malformed", "upgrade_required"].contains(&problem.code.as_str()),
        "{problem:?}"
    );
    world.stop().await;
}

/// Sends a proposal with that header and returns status and body.
async fn propose(world: &World, agent: &Held, key: &[&str], body: &Value) -> support::Reply {
    let mut request = world
        .http
        .post(format!("{}/v1/actions", world.gateway.url()))
        .bearer_auth(&agent.token)
        .json(body);
    for key in key {
        request = request.header("idempotency-key", *key);
    }
    let response = request.send().await.unwrap();
    support::Reply {
        status: response.status().as_u16(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

fn nameless(argv: &[&str]) -> Value {
    let mut body = serde_json::to_value(proposal(argv)).unwrap();
    body.as_object_mut().unwrap().remove("action");
    body
}

fn action_of(ack: &Ack) -> ActionId {
    match leaf(ack, 0).data {
        Data::ActionProposed(proposed) => proposed.action,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_one_action_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let body = nameless(&["deploy"]);

    let first: Ack = propose(&world, &agent, &[r#""deploy-42""#], &body)
        .await
        .json();
    assert_eq!(
        action_of(&first),
        idempotent_action(agent.agent, "deploy-42")
    );
    // Either spelling, with or without the id that follows from it.
    let again: Ack = propose(&world, &agent, &["deploy-42"], &body).await.json();
    assert_eq!(again.entries[0].leaf, first.entries[0].leaf);
    let mut named = body.clone();
    named["action"] = json!(action_of(&first));
    let again: Ack = propose(&world, &agent, &["deploy-42"], &named).await.json();
    assert_eq!(again.entries[0].index, first.entries[0].index);

    // Another payload, another context, or only another salt.
    let mut salted = body.clone();
    salted["payload"]["salt"] = json!(support::random32());
    let mut silent = body.clone();
    silent.as_object_mut().unwrap().remove("context");
    for other in [nameless(&["destroy"]), salted, silent] {
        let reply = propose(&world, &agent, &["deploy-42"], &other).await;
        assert_eq!(
            (reply.status, reply.refused().as_str()),
            (422, "idempotency_key_reused")
        );
    }
    // An id that the key does not name; the same without a key is another refusal.
    let other = serde_json::to_value(proposal(&["deploy"])).unwrap();
    let reply = propose(&world, &agent, &["deploy-42"], &other).await;
    assert_eq!(
        (reply.status, reply.refused().as_str()),
        (422, "idempotency_key_mismatch")
    );
    let mut named = nameless(&["destroy"]);
    named["action"] = json!(action_of(&first));
    assert_eq!(
        propose(&world, &agent, &[], &named).await.refused(),
        "action_exists"
    );
    // Neither, two, and what is none.
    assert_eq!(
        propose(&world, &agent, &[], &body).await.refused(),
        "malformed"
    );
    for keys in [&["a", "a"][..], &[""], &["a b"], &[r#""a"#]] {
        let reply = propose(&world, &agent, keys, &body).await;
        assert_eq!(
            (reply.status, reply.refused().as_str()),
            (400, "bad_idempotency_key"),
            "{keys:?}"
        );
    }
    // Another agent's key is another key.
    let stranger = world.connect().await;
    let theirs: Ack = propose(&world, &stranger, &["deploy-42"], &body)
        .await
        .json();
    assert_ne!(action_of(&theirs), action_of(&first));

    // Nothing is remembered, so a restart forgets nothing.
    world.stop().await;
    let fresh = serve(config(folder.path()));
    let answer = fresh
        .http
        .post(format!("{}/v1/actions", fresh.gateway.url()))
        .bearer_auth(&agent.token)
        .header("idempotency-key", "deploy-42")
        .json(&body);
    let again: Ack = answer.send().await.unwrap().json().await.unwrap();
    assert_eq!(again.entries[0].leaf, first.entries[0].leaf);
    fresh.stop().await;
}

/// Reads events of one stream.
struct Events {
    response: Response,
    text: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: String,
}

impl Event {
    #[track_caller]
    fn view(&self) -> ActionView {
        assert_eq!(self.name, "action", "{self:?}");
        serde_json::from_str(&self.data).unwrap()
    }

    fn status(&self) -> Value {
        serde_json::to_value(self.view().status).unwrap()
    }
}

impl Events {
    async fn open(
        world: &World,
        action: ActionId,
        token: &str,
        last: Option<&str>,
    ) -> Result<Self, Response> {
        let url = format!("{}/v1/actions/{action}/events", world.gateway.url());
        let mut request = world.http.get(url).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        if response.status() != 200 {
            return Err(response);
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Ok(Self {
            response,
            text: String::new(),
        })
    }

    /// The next event; `None` at the end. Comments are left out.
    async fn next(&mut self) -> Option<Event> {
        let end = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let value = block.lines().find_map(|line| line.strip_prefix(name));
                    value.unwrap_or_default().trim_start().to_owned()
                };
                let event = Event {
                    name: field("event:"),
                    id: field("id:"),
                    data: field("data:"),
                };
                self.text = rest.to_owned();
                if !event.name.is_empty() {
                    return Some(event);
                }
                continue;
            }
            let chunk = tokio::time::timeout_at(end, self.response.chunk());
            let chunk = chunk.await.expect("an event or the end comes");
            // An ended gateway may cut the connection after its two seconds.
            let chunk = chunk.ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_each_status_resume_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world.propose(&agent, &["deploy"]).await;
    let action = propose.action;

    let mut mine = Events::open(&world, action, &agent.token, None)
        .await
        .ok()
        .unwrap();
    let mut theirs = Events::open(&world, action, &world.session, None)
        .await
        .ok()
        .unwrap();
    let pending = mine.next().await.unwrap();
    assert_eq!(pending.status(), "pending");
    assert_eq!(pending.id, ack.entries[0].index.to_string());
    assert_eq!(theirs.next().await.unwrap().status(), "pending");
    // What was told is not told again; what is no id of ours is as none.
    let mut resumed = Events::open(&world, action, &agent.token, Some(&pending.id))
        .await
        .ok()
        .unwrap();
    let mut anew = Events::open(&world, action, &agent.token, Some("x"))
        .await
        .ok()
        .unwrap();
    assert_eq!(anew.next().await.unwrap().status(), "pending");

    world.decide(&ack, Verdict::Deny, "not today").await;
    for events in [&mut mine, &mut theirs, &mut resumed, &mut anew] {
        let denied = events.next().await.unwrap();
        assert_eq!(denied.status(), "denied");
        assert_eq!(denied.view().reason.unwrap().bytes.0, b"not today");
        assert!(
            events.next().await.is_none(),
            "a status that stays ends the stream"
        );
    }
    // Whoever comes late hears it once, and then that there is nothing more.
    let mut late = Events::open(&world, action, &agent.token, None)
        .await
        .ok()
        .unwrap();
    let denied = late.next().await.unwrap();
    assert_eq!(denied.status(), "denied");
    assert!(late.next().await.is_none());
    let over = Events::open(&world, action, &agent.token, Some(&denied.id)).await;
    assert_eq!(over.err().unwrap().status(), 204);

    // Another agent's action is none; nobody without a token listens.
    let stranger = world.connect().await;
    for (token, status) in [(stranger.token.as_str(), 404), ("nonsense", 401)] {
        let refused = Events::open(&world, action, token, None).await;
        assert_eq!(refused.err().unwrap().status(), status);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_listens_is_present_and_a_person_who_looks_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (heard, _) = world.propose(&agent, &["heard"]).await;
    let (seen, _) = world.propose(&agent, &["seen"]).await;
    let gateway = vidimus_client::Gateway::new(&world.gateway.url()).unwrap();
    let gateway = gateway.with_token(&world.session.parse().unwrap());
    let listens = Events::open(&world, heard.action, &agent.token, None)
        .await
        .ok()
        .unwrap();
    let looks = Events::open(&world, seen.action, &world.session, None)
        .await
        .ok()
        .unwrap();
    let mut feed = Feed::new(&gateway, || 0);
    let listed = async {
        loop {
            if let FeedEvent::Message(FeedMessage::Present { actions }) = feed.next().await
                && !actions.is_empty()
            {
                return actions;
            }
        }
    };
    let listed = tokio::time::timeout(Duration::from_secs(60), listed).await;
    assert_eq!(listed.unwrap(), [heard.action]);
    drop((listens, looks));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_with_the_session_and_with_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, _) = world.propose(&agent, &["deploy"]).await;
    let token = world.sign_in().await;
    let mut events = Events::open(&world, propose.action, &token, None)
        .await
        .ok()
        .unwrap();
    assert_eq!(events.next().await.unwrap().status(), "pending");
    let gone = world
        .call(Method::DELETE, "/v1/session", Some(&token), None)
        .await;
    assert_eq!(gone.status, 204);
    let last = events.next().await.unwrap();
    assert_eq!(last.name, "problem");
    let problem: Problem = serde_json::from_str(&last.data).unwrap();
    assert_eq!(problem.code, "unauthorised");
    assert!(events.next().await.is_none());

    // One that is read to the end, and one that nobody reads.
    let mut read = Events::open(&world, propose.action, &agent.token, None)
        .await
        .ok()
        .unwrap();
    let unread = Events::open(&world, propose.action, &agent.token, None)
        .await
        .ok()
        .unwrap();
    assert_eq!(read.next().await.unwrap().status(), "pending");
    world.stop().await;
    assert!(read.next().await.is_none());
    drop(unread);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_listen_while_one_does_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world.propose(&agent, &["deploy"]).await;
    let slow = Events::open(&world, propose.action, &agent.token, None)
        .await
        .ok()
        .unwrap();
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(
            Events::open(&world, propose.action, &agent.token, None)
                .await
                .ok()
                .unwrap(),
        );
    }
    world.decide(&ack, Verdict::Approve, "").await;
    for events in &mut all {
        let mut statuses = Vec::new();
        while statuses.last() != Some(&json!("approved")) {
            statuses.push(events.next().await.unwrap().status());
        }
        assert!(statuses.len() <= 2, "{statuses:?}");
    }
    drop((slow, all));
    world.stop().await;
}
