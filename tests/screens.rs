//! Every screen of the real window, at its usual size and on a large one:
//! nothing runs out of it sideways. The pictures are in `target/e2e/`.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};

use support::session::{Daemon, Session};
use support::steps::{Person, Screen, Way};
use support::until;
use support::webdriver::{Driver, id};

const SIZES: [(u32, u32); 2] = [(1100, 700), (1600, 1000)];

/// Gives the window a size, as a person does with its frame.
async fn resize(session: &Session, window: &Driver, (width, height): (u32, u32)) -> String {
    let frame = session.wait_for_window("^(\\(\\d+\\) )?Vidimus$").await;
    let mut command = session.command("xdotool");
    command.args([
        "windowsize",
        &frame,
        &width.to_string(),
        &height.to_string(),
    ]);
    session.run(command);
    until("the page to fill the window", async || {
        let size = window.script("return [innerWidth, innerHeight]", json!([]));
        (size.await == json!([width, height])).then_some(())
    })
    .await;
    frame
}

/// Keeps a picture of what is shown, at both sizes.
async fn picture(session: &Session, window: &Driver, name: &str) {
    for (width, height) in SIZES {
        let frame = resize(session, window, (width, height)).await;
        let overflow = "const page = document.documentElement; \
                        return page.scrollWidth - page.clientWidth";
        let overflow: Value = window.script(overflow, json!([])).await;
        assert_eq!(overflow, json!(0), "{name} at {width}×{height}");
        // The page has been laid out; the picture is of what was drawn.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        session.picture_of(&frame, &format!("screen-{name}-{width}x{height}"));
    }
    resize(session, window, SIZES[0]).await;
}

#[tokio::test]
async fn nothing_runs_out_of_the_window() {
    let session = Session::desktop("screens", Daemon::Dunst).await;
    let window = Driver::window(&session, &support::console()).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let person = Person {
        session: &session,
        console: Screen::window(&window),
        key: Screen::window(&browser),
        way: Way::Opens,
    };
    window.see("[data-phase='setup']").await;
    picture(&session, &window, "setup").await;

    person.begin_setup("Ada Lovelace").await;
    picture(&session, &window, "setup-code").await;
    browser.screenshot("page-code").await;
    person.type_code(&person.shown_code().await).await;
    person.make_key().await;
    browser.screenshot("page-second-prompt").await;
    person.sign().await;
    person.settled("ready").await;
    picture(&session, &window, "inbox-first").await;

    person.connect_agent("claude-code").await;
    picture(&session, &window, "inbox-empty").await;

    let script = session.path("work/deploy.sh");
    let lines = "#!/bin/sh\nset -eu\necho \"deploying to $1\"\nprintf 'done\\n'\n";
    std::fs::write(&script, lines).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let why = "Deploy the fix for the checkout page that was merged this morning.";
    let mut deploy = person.exec("deploy", &["--why", why, "--", "./deploy.sh", "production"]);
    // The older one stands first.
    person.waiting(1).await;
    let odd = "echo \u{202e}gnp.txt \u{200b}&& rm -rf /tmp/caf\u{0435}";
    let _odd = person.exec("odd", &["--", "/bin/sh", "-c", odd]);
    person.waiting(2).await;
    picture(&session, &window, "inbox-waiting").await;
    session.screenshot("screen-desktop-with-notifications");
    // They would lie on the large window.
    let mut close = session.command("dunstctl");
    close.arg("close-all");
    session.run(close);

    window.click(".pending[data-testid='inbox-row']").await;
    window.see(&id("review-approve")).await;
    picture(&session, &window, "review").await;
    window.click(&id("review-approve")).await;
    window.see(&id("confirm")).await;
    picture(&session, &window, "confirm").await;
    let page = person.ask_for_key(&id("confirm-ask-key")).await;
    browser.go(&page).await;
    browser.see(&id("use-key")).await;
    picture(&session, &window, "ask-key").await;
    browser.screenshot("page-verdict").await;
    person.use_key(&page).await;
    person.settled("ready").await;
    let mut ended = deploy.end().await.code();
    if ended == Some(115) {
        // The pictures took longer than a command without a terminal waits.
        let printed = deploy.printed();
        let action = printed
            .split_whitespace()
            .find(|word| word.starts_with("act_"));
        let action = action
            .expect("a pending answer names the action")
            .to_owned();
        deploy = person.exec("deploy-resumed", &["--resume", &action]);
        ended = deploy.end().await.code();
    }
    assert_eq!(ended, Some(0), "{}", deploy.printed());
    person.stands("completed").await;
    picture(&session, &window, "review-completed").await;

    window.click(&id("nav-inbox")).await;
    window.click(".pending[data-testid='inbox-row']").await;
    window.see(&id("marks")).await;
    picture(&session, &window, "review-marks").await;

    window.click(&id("nav-history")).await;
    window.click(&id("verify")).await;
    window
        .see("[data-testid='verify-result'][data-state='passed']")
        .await;
    picture(&session, &window, "history").await;
    window
        .click("[data-testid='history-row'][data-index='3']")
        .await;
    window.see(&id("entry")).await;
    picture(&session, &window, "history-entry").await;
    window.click(&id("nav-help")).await;
    picture(&session, &window, "help").await;
}
