//! The page, from a browser that may be anybody's.
#![allow(clippy::unwrap_used)]

mod support;

use futures_util::StreamExt as _;
use reqwest::header::{COOKIE, ORIGIN};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::Computer;
use support::browser::Browser;
use support::passkey::Page;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use vidimus_console::view::{ActionStatus, Command, Phase, Route, VerdictChoice};

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_sees_nothing_and_decides_nothing() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("page").await;
    front.until(|view| view.inbox.len() == 1).await;
    front.open(action).await;

    let browser = Browser::open(&front).await;
    let (status, view) = browser.ask(json!({"do": "view"})).await;
    assert_eq!(status, StatusCode::OK);
    let view = &view["value"];
    assert_eq!(view["phase"]["is"], "signed_out");
    assert_eq!(view["front"], "browser");
    assert_eq!(view["inbox"], json!([]));
    assert_eq!(view["agents"], json!([]));
    let commands = [
        json!({"do": "open_action", "action": action.to_string()}),
        json!({"do": "decide", "action": action.to_string(), "verdict": "approve", "reason": ""}),
        json!({"do": "connect_agent", "name": "mine"}),
        json!({"do": "people"}),
        json!({"do": "sessions"}),
        json!({"do": "enrol", "label": "mine"}),
        json!({"do": "recognise", "entry": 3}),
        json!({"do": "disown", "entry": 3}),
        json!({"do": "history", "before": null, "action": null, "query": ""}),
        json!({"do": "open_entry", "index": 0}),
        json!({"do": "export"}),
        json!({"do": "verify"}),
        json!({"do": "sign_out"}),
        json!({"do": "retry"}),
        json!({"do": "cancel_ceremony"}),
    ];
    for command in commands {
        let (status, problem) = browser.ask(command.clone()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{command}");
        assert_eq!(problem["code"], "sign_in_first", "{command}");
    }
    // The software key's passphrase is never typed into a page.
    let (status, problem) = browser.ask(json!({"do": "sign_in"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["code"], "software_key_needs_window");
    assert_eq!(front.view().phase, Phase::Ready);
    assert_eq!(front.view().inbox.len(), 1);
    // The desktop goes on as before.
    front.decide(action, VerdictChoice::Deny, "").await.unwrap();
    front.done().await;
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_page_itself_may_ask() {
    let computer = Computer::new();
    let front = computer.start().await;
    let browser = Browser::open(&front).await;
    let view = json!({"do": "view"});
    let (status, _) = browser.ask(view.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let send = |request: RequestBuilder| async { request.send().await.unwrap().status() };
    let bare = |url: &str| browser.http.post(url.to_owned()).body(view.to_string());
    let url = format!("{}/console/command", browser.url);
    let unmarked = bare(&url)
        .header(ORIGIN, &browser.url)
        .header(COOKIE, &browser.cookie)
        .header("content-type", "application/json");
    assert_eq!(send(unmarked).await, StatusCode::FORBIDDEN);
    let no_origin = bare(&url)
        .header("x-vidimus-console", "1")
        .header(COOKIE, &browser.cookie)
        .header("content-type", "application/json");
    assert_eq!(send(no_origin).await, StatusCode::FORBIDDEN);
    let elsewhere = bare(&url)
        .header("x-vidimus-console", "1")
        .header(ORIGIN, "http://localhost:1")
        .header(COOKIE, &browser.cookie)
        .header("content-type", "application/json");
    assert_eq!(send(elsewhere).await, StatusCode::FORBIDDEN);
    let no_cookie = bare(&url)
        .header("x-vidimus-console", "1")
        .header(ORIGIN, &browser.url)
        .header("content-type", "application/json");
    assert_eq!(send(no_cookie).await, StatusCode::UNAUTHORIZED);
    let doubled = browser.post(&view).body(r#"{"do":"view","do":"view"}"#);
    assert_eq!(send(doubled).await, StatusCode::BAD_REQUEST);
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_from_a_page_shows_its_code_only_at_the_console() {
    let computer = Computer::new();
    let front = computer.start().await;
    let browser = Browser::open(&front).await;
    let setup = json!({"do": "setup", "name": "Ada", "route": "browser"});
    let (status, _) = browser.ask(setup.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let (_, view) = browser.ask(json!({"do": "view"})).await;
    let ceremony = &view["value"]["ceremony"];
    assert!(ceremony["url"].as_str().unwrap().contains("/c/cer_"));
    assert_eq!(ceremony["code"], Value::Null);
    let shown = front.view().ceremony.unwrap().code.unwrap();
    assert_eq!(computer.person.codes.lock().unwrap()[0], shown);
    assert!(computer.person.opened.lock().unwrap().is_empty());

    let other = Browser::open(&front).await;
    let (_, view) = other.ask(json!({"do": "view"})).await;
    assert_eq!(view["value"]["ceremony"], Value::Null);
    let (status, problem) = other.ask(setup).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["code"], "prompt_in_progress");
    let (status, _) = other.ask(json!({"do": "cancel_ceremony"})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _) = browser.ask(json!({"do": "cancel_ceremony"})).await;
    assert_eq!(status, StatusCode::OK);
    front
        .until(|view| {
            view.ceremony.as_ref().is_some_and(|ceremony| {
                ceremony.state == vidimus_console::view::CeremonyState::Cancelled
            })
        })
        .await;
    let software = json!({"do": "setup", "name": "Ada", "route": "software"});
    let (_, problem) = browser.ask(software).await;
    assert_eq!(problem["code"], "software_key_needs_window");
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_to_the_page_alone() {
    let computer = Computer::new();
    let front = computer.start().await;
    let browser = Browser::open(&front).await;
    let request = |origin: &str, cookie: bool| {
        let url = format!("{}/console/events", browser.url).replace("http:", "ws:");
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        if cookie {
            request
                .headers_mut()
                .insert("cookie", browser.cookie.parse().unwrap());
        }
        request
    };
    let (mut socket, _) = tokio_tungstenite::connect_async(request(&browser.url, true))
        .await
        .unwrap();
    let first = socket.next().await.unwrap().unwrap().into_text().unwrap();
    let told: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(told["gateway"], "local");
    assert_eq!(told["event"]["is"], "view");
    assert_eq!(told["event"]["value"]["front"], "browser");
    socket.close(None).await.unwrap();
    for request in [
        request("http://localhost:1", true),
        request(&browser.url, false),
    ] {
        assert!(tokio_tungstenite::connect_async(request).await.is_err());
    }
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_decides_once_its_own_prompt_was_answered_with_the_key() {
    let computer = Computer::new();
    let front = computer.start().await;
    front
        .ask(Command::Setup {
            name: "Ada".into(),
            route: Route::Browser,
        })
        .await
        .unwrap();
    let prompt = front.view().ceremony.unwrap();
    let url = prompt.url.unwrap();
    assert_eq!(computer.person.opened.lock().unwrap()[0], url);
    let key = Page::at(&url).set_up(&prompt.code.unwrap()).await;
    let view = front.done().await;
    assert_eq!(view.phase, Phase::Ready);
    front
        .until(|view| {
            view.reviewer
                .as_ref()
                .is_some_and(|it| it.route == Route::Browser)
        })
        .await;

    front
        .ask(Command::ConnectAgent {
            name: "builder".into(),
            owner: None,
        })
        .await
        .unwrap();
    let prompt = front.until(has_page).await.ceremony.unwrap();
    let page = Page::at(&prompt.url.unwrap());
    let code = page.shown().await["code"]
        .as_str()
        .unwrap()
        .replace(' ', "");
    assert_eq!(prompt.code.unwrap().replace(' ', ""), code);
    page.sign(&key).await;
    front.done().await;
    let (action, _) = computer.agent("builder").propose("page").await;
    front.until(|view| view.inbox.len() == 1).await;

    let browser = Browser::open(&front).await;
    let other = Browser::open(&front).await;
    let (status, problem) = browser.ask(json!({"do": "sign_in"})).await;
    assert_eq!(status, StatusCode::OK, "{problem}");
    assert_eq!(
        browser.view().await["inbox"],
        json!([]),
        "not before the key"
    );
    assert_eq!(other.view().await["ceremony"], Value::Null);
    front.until(has_page).await;
    let url = browser.view().await["ceremony"]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    Page::at(&url).sign(&key).await;
    front.done().await;
    front
        .until(|view| view.gateway.connection == vidimus_console::view::Connection::Live)
        .await;
    assert_eq!(browser.view().await["inbox"][0]["id"], action.to_string());
    assert_eq!(other.view().await["inbox"], json!([]));

    let decide =
        json!({"do": "decide", "action": action.to_string(), "verdict": "approve", "reason": "ok"});
    let (status, problem) = browser.ask(decide.clone()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["code"], "not_opened");
    let open = json!({"do": "open_action", "action": action.to_string()});
    let (status, _) = browser.ask(open).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = other.ask(decide.clone()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, problem) = browser.ask(decide).await;
    assert_eq!(status, StatusCode::OK, "{problem}");
    let url = front.until(has_page).await.ceremony.unwrap().url.unwrap();
    Page::at(&url).sign(&key).await;
    let view = front.done().await;
    assert_eq!(view.recent[0].status, ActionStatus::Approved);
    let (status, _) = browser.ask(json!({"do": "sign_out"})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(browser.view().await["recent"], json!([]));
    front.0.stop().await;
}

fn has_page(view: &vidimus_console::view::ConsoleView) -> bool {
    use vidimus_console::view::CeremonyState::Waiting;
    view.ceremony
        .as_ref()
        .is_some_and(|it| it.state == Waiting && it.url.is_some())
}
