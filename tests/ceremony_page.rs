//! The personal gateway without a window: its pages in a real browser, with a
//! virtual authenticator for a key.

#![allow(clippy::unwrap_used)]

mod support;

use support::process::Process;
use support::session::Session;
use support::steps::{Person, Screen, Way, digits};
use support::until;
use support::webdriver::{Driver, Key, id};

/// Starts the personal gateway and gives its address.
async fn gateway(session: &Session, label: &str) -> (Process, String) {
    let mut command = session.command(support::vidimus());
    command.args(["gateway", "--personal"]);
    let mut process = session.start(label, command);
    let url = until("the gateway's address", async || {
        assert!(process.ended().is_none(), "{}", process.printed());
        let printed = process.printed();
        let at = printed.find("http://localhost:")?;
        let url = printed[at..].split_whitespace().next()?;
        Some(url.trim_end_matches("/console").to_owned())
    })
    .await;
    (process, url)
}

/// The newest code that the gateway printed.
async fn printed_code(gateway: &Process, before: usize) -> String {
    until("the code in the terminal", async || {
        let printed = gateway.printed();
        let codes: Vec<_> = printed
            .lines()
            .filter(|line| line.contains("Code for the first key"))
            .map(digits)
            .collect();
        codes.get(before).cloned()
    })
    .await
}

/// Whether there is a log.
async fn has_log(url: &str) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let reply = client.get(format!("{url}/v1/log")).send().await.unwrap();
    let log: serde_json::Value = reply.json().await.unwrap();
    log.get("log").is_some()
}

/// Two tabs: the console in one, the key in the other. A virtual key belongs to
/// the tab that it was put into.
async fn two_tabs<'a>(session: &'a Session, browser: &'a Driver, url: &str) -> (Person<'a>, Key) {
    let console = browser.this_tab().await;
    browser.go(&format!("{url}/console")).await;
    let keys = browser.open_tab().await;
    browser.switch(&keys).await;
    let key = browser.add_key().await;
    let person = Person {
        session,
        console: Screen::tab(browser, console),
        key: Screen::tab(browser, keys),
        way: Way::Links,
    };
    (person, key)
}

#[tokio::test]
async fn the_first_key_wants_the_code_and_both_prompts() {
    let session = Session::bare("first-key").await;
    let (gateway, url) = gateway(&session, "gateway").await;
    let browser = Driver::browser(&session).await;
    let (person, key) = two_tabs(&session, &browser, &url).await;

    // What the page shows is the gateway's word, and the page says so.
    let console = person.console.look().await;
    console.see("[data-phase='setup']").await;
    console
        .says(&id("display-trust"), "Display trusts the gateway")
        .await;

    // The code is in the terminal, never on the page.
    person.begin_setup("Ada").await;
    let code = printed_code(&gateway, 0).await;
    let console = person.console.look().await;
    assert_eq!(console.count(&id("ceremony-code")).await, 0);

    // A wrong code opens nothing.
    let wrong = if code == "000000" { "000001" } else { "000000" };
    person.type_code(wrong).await;
    let page = person.key.look().await;
    page.see(&id("problem")).await;
    assert_eq!(
        page.count(&format!("{}:not([hidden])", id("use-key")))
            .await,
        0
    );
    page.screenshot("ceremony-wrong-code").await;

    // Half-way through, the key exists and nothing else does.
    person.type_code(&code).await;
    person.make_key().await;
    let page = person.key.look().await;
    assert_eq!(page.credentials(&key).await, 1);
    page.screenshot("ceremony-second-prompt").await;
    page.click(&id("cancel")).await;
    page.says("h1", "Cancelled").await;
    assert!(!has_log(&url).await);
    let console = person.console.look().await;
    console.says(&id("ceremony"), "Cancelled").await;
    console.click(&id("ceremony-cancel")).await;
    console.gone(&id("ceremony")).await;
    console.see("[data-phase='setup']").await;
    // Not after a new start either.
    drop(gateway);
    let (gateway, again) = self::gateway(&session, "gateway-again").await;
    assert_eq!(again, url, "the port is chosen once");
    assert!(!has_log(&url).await);
    console.reload().await;

    // The code of the cancelled try is worth nothing.
    person.begin_setup("Ada").await;
    let new_code = printed_code(&gateway, 0).await;
    if new_code != code {
        person.type_code(&code).await;
        person.key.look().await.see(&id("problem")).await;
    }
    person.type_code(&new_code).await;
    person.make_key().await;
    // Somebody else's touch is not enough.
    let page = person.key.look().await;
    page.verified(&key, false).await;
    page.click(&id("use-key")).await;
    page.see(&id("problem")).await;
    assert!(!has_log(&url).await);
    page.verified(&key, true).await;
    person.sign().await;
    person.settled("ready").await;
    assert!(has_log(&url).await);
}

#[tokio::test]
async fn a_browser_enrols_reviews_and_decides() {
    let session = Session::bare("browser-front").await;
    let (gateway, url) = gateway(&session, "gateway").await;
    let browser = Driver::browser(&session).await;
    let (person, _key) = two_tabs(&session, &browser, &url).await;
    person.begin_setup("Ada").await;
    person.type_code(&printed_code(&gateway, 0).await).await;
    person.make_key().await;
    person.sign().await;
    person.settled("ready").await;

    // Another browser is a stranger here.
    let console = person.console.look().await;
    console
        .says(&id("display-trust"), "Display trusts the gateway")
        .await;
    console.click(&id("sign-out")).await;
    console.see("[data-phase='signed_out']").await;
    assert_eq!(console.count(&id("inbox-row")).await, 0);
    person.sign_in().await;

    person.connect_agent("builder").await;
    let mut held = person.exec(
        "exec",
        &["--why", "the nightly build", "--", "/bin/echo", "it ran"],
    );
    person.waiting(1).await;
    person.open_to("approve").await;
    let console = person.console.look().await;
    console.says(&id("confirm"), "/bin/echo").await;
    console
        .says(&id("confirm"), "Display trusts the gateway")
        .await;
    let statement = person.confirm("").await;
    assert!(statement.contains("/bin/echo"), "{statement}");
    assert_eq!(held.end().await.code(), Some(0), "{}", held.printed());
    assert!(held.printed().contains("it ran"), "{}", held.printed());
    person.stands("completed").await;

    let mut denied = person.exec("exec-denied", &["--", "/bin/echo", "never"]);
    person.console.look().await.click(&id("nav-inbox")).await;
    person.waiting(1).await;
    person.open_to("deny").await;
    person.confirm("not on a Friday").await;
    assert_eq!(denied.end().await.code(), Some(110), "{}", denied.printed());
    assert!(
        denied.printed().contains("not on a Friday"),
        "{}",
        denied.printed()
    );
    person.stands("denied").await;
}
