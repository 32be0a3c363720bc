//! The whole story at the real window: a private desktop session with a real
//! notification daemon and a real keyring, and a real browser with a virtual
//! authenticator where the key is.

#![allow(clippy::unwrap_used)]

mod support;

use support::bus::{Watch, forge_click};
use support::session::{Daemon, Session};
use support::steps::{Person, Screen, Way};
use support::until;
use support::webdriver::{Driver, id};

fn person<'a>(session: &'a Session, window: &'a Driver, browser: &'a Driver) -> Person<'a> {
    Person {
        session,
        console: Screen::window(window),
        key: Screen::window(browser),
        way: Way::Opens,
    }
}

/// Clicks a row of the ledger's facts: set up, connected, held, approved, run,
/// verified.
#[tokio::test]
async fn an_agent_is_held_a_person_signs_it_runs_and_all_of_it_verifies() {
    let session = Session::desktop("story", Daemon::Dunst).await;
    let watch = Watch::start(&session);
    let window = Driver::window(&session, &support::console()).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let person = person(&session, &window, &browser);
    window.see("[data-phase='setup']").await;
    person.set_up("Ada").await;
    person.connect_agent("builder").await;

    // Held: the desktop says so, with three buttons that each open something.
    let mut held = person.exec(
        "exec",
        &[
            "--why",
            "the nightly build",
            "--",
            "/bin/sh",
            "-c",
            "echo it ran; exit 7",
        ],
    );
    let seen = until("a notification", async || watch.notifications().pop()).await;
    let names: Vec<_> = seen.buttons.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["default", "review", "approve", "deny"]);
    assert!(seen.title.contains("builder"), "{seen:?}");
    session.choose_button("Approve…");

    // Approve opened the confirmation, with the whole statement; it decided
    // nothing.
    window.see(&id("confirm")).await;
    window.says(&id("confirm"), "the nightly build").await;
    window.says(&id("confirm"), "echo it ran; exit 7").await;
    assert!(held.ended().is_none(), "{}", held.printed());
    let statement = person.confirm("").await;
    assert!(statement.contains("echo it ran"), "{statement}");

    // Released once, outcome and output reported.
    assert_eq!(held.end().await.code(), Some(7), "{}", held.printed());
    assert!(held.printed().contains("it ran"), "{}", held.printed());
    person.stands("completed").await;
    window.says(&id("review"), "Exit code 7").await;
    window.says(&id("review"), "What it printed last").await;
    window.says(&id("review"), "it ran").await;
    until("the notification to be taken back", async || {
        (watch.withdrawn() > 0).then_some(())
    })
    .await;

    // Every entry is there, and all of it verifies.
    window.click(&id("nav-history")).await;
    for kind in [
        "log.opened",
        "credential.enrolled",
        "agent.registered",
        "action.proposed",
        "verdict.given",
        "action.resolved",
        "permit.issued",
        "permit.redeemed",
        "action.completed",
    ] {
        window.says(&id("history-row"), kind).await;
    }
    window.click(&id("verify")).await;
    window
        .see("[data-testid='verify-result'][data-state='passed']")
        .await;
    window.says(&id("verify-result"), "Single operator").await;

    // Anywhere else, too.
    window.click(&id("export")).await;
    window.see(&id("export-path")).await;
    let export = window.all_text(&id("export-path")).await;
    let mut verify = session.command(support::vidimus());
    let trust = session.path("vidimus/data/trust.json");
    verify
        .arg("verify")
        .arg("--trust")
        .arg(trust)
        .arg(export.trim());
    session.run(verify);
}

#[tokio::test]
async fn a_forged_click_decides_nothing() {
    let session = Session::desktop("forged", Daemon::Dunst).await;
    let watch = Watch::start(&session);
    let window = Driver::window(&session, &support::console()).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let person = person(&session, &window, &browser);
    person.set_up("Ada").await;
    person.connect_agent("builder").await;
    let mut held = person.exec("exec", &["--", "/bin/echo", "forged"]);
    until("a notification", async || watch.notifications().pop()).await;
    let pages = session.opened_pages().len();

    for button in ["approve", "default", "deny", "approve"] {
        forge_click(&session, button);
    }
    // The most that they can do is to open it.
    window.see(&id("confirm")).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(held.ended().is_none(), "{}", held.printed());
    assert_eq!(session.opened_pages().len(), pages, "no key was asked for");
    // One that arrives while another is open comes next: all of them are left.
    until("the confirmations to be left", async || {
        if window.find(&id("confirm-back")).await.is_none() {
            return Some(());
        }
        window.click(&id("confirm-back")).await;
        None
    })
    .await;
    window.click(&id("nav-inbox")).await;
    person.waiting(1).await;
    window.click(&id("nav-history")).await;
    window.says(&id("history-row"), "action.proposed").await;
    let entries = window.all_text(&id("history-row")).await;
    assert!(!entries.contains("verdict.given"), "{entries}");

    // The real button still works after all of that, and *Deny* tells why.
    session.choose_button("Deny…");
    window.see(&id("confirm")).await;
    person.confirm("who asked for this?").await;
    assert_eq!(held.end().await.code(), Some(110), "{}", held.printed());
    assert!(
        held.printed().contains("who asked for this?"),
        "{}",
        held.printed()
    );
    person.stands("denied").await;
}

#[tokio::test]
async fn a_session_outlives_the_window_and_the_history_outlives_the_session() {
    let session = Session::desktop("again", Daemon::None).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let window = Driver::window(&session, &support::console()).await;
    {
        let first = person(&session, &window, &browser);
        first.set_up("Ada").await;
        first.connect_agent("builder").await;
    }
    window.close().await;

    // The session comes out of the keyring: no key is asked for.
    let window = Driver::window(&session, &support::console()).await;
    window
        .see("[data-testid='phase'][data-phase='ready']")
        .await;
    window.see(&id("try-command")).await;
    window.click(&id("sign-out")).await;
    window
        .see("[data-testid='phase'][data-phase='signed_out']")
        .await;
    window.close().await;

    // Signed out, everything can still be read and verified.
    let window = Driver::window(&session, &support::console()).await;
    let third = person(&session, &window, &browser);
    window
        .see("[data-testid='phase'][data-phase='signed_out']")
        .await;
    window.click(&id("nav-history")).await;
    window.says(&id("history-row"), "agent.registered").await;
    window.click(&id("verify")).await;
    window
        .see("[data-testid='verify-result'][data-state='passed']")
        .await;
    third.sign_in().await;
}

#[tokio::test]
async fn a_software_key_lives_behind_the_systems_own_prompt() {
    let session = Session::desktop("software-key", Daemon::Xfce).await;
    let window = Driver::window(&session, &support::console()).await;
    window.write_anew(&id("setup-name"), "Ada").await;
    window.click(&id("setup-software")).await;
    let prompt = session.wait_for_window("choose a passphrase").await;
    session.screenshot("prompt-new-passphrase");
    // The two must be the same, and no prompt of the page knows either.
    session
        .type_into(&prompt, &["correct horse", "Tab", "wrong horse", "Return"])
        .await;
    session
        .type_into(
            &prompt,
            &["correct horse", "Tab", "correct horse", "Return"],
        )
        .await;
    window
        .see("[data-testid='phase'][data-phase='ready']")
        .await;
    window.gone(&id("ceremony")).await;
    window.see(&id("software-mark")).await;

    window
        .write_anew(&id("connect-agent-name"), "builder")
        .await;
    window.click(&id("connect-agent")).await;
    let prompt = session
        .wait_for_window("passphrase of your software key")
        .await;
    session
        .type_into(&prompt, &["correct horse", "Return"])
        .await;
    window.gone(&id("ceremony")).await;
    window.see(&id("try-command")).await;

    // This daemon draws the buttons: the last one is *Deny*.
    let mut command = session.command(support::vidimus());
    command.args(["exec", "--", "/bin/echo", "never"]);
    let mut held = session.start("exec", command);
    let shown = session.wait_for_window("xfce4-notifyd").await;
    tokio::time::sleep(std::time::Duration::from_millis(800)).await;
    session.screenshot("notification-xfce");
    session.click_right_below(&shown);
    window.see(&id("confirm")).await;
    window.says(&id("confirm"), "Deny this action").await;
    assert!(held.ended().is_none(), "{}", held.printed());

    // A wrong passphrase signs nothing; a cancelled prompt neither.
    window.write(&id("confirm-reason"), "not now").await;
    window.click(&id("confirm-ask-key")).await;
    let prompt = session
        .wait_for_window("passphrase of your software key")
        .await;
    session.type_into(&prompt, &["wrong horse", "Return"]).await;
    let prompt = session
        .wait_for_other_window(&prompt, "passphrase of your software key")
        .await;
    session.screenshot("prompt-wrong-passphrase");
    session.type_into(&prompt, &["Escape"]).await;
    window.says(&id("ceremony"), "Nothing happened").await;
    assert!(held.ended().is_none(), "{}", held.printed());
    window.click(&id("ceremony-cancel")).await;
    window.click(&id("confirm-ask-key")).await;
    let prompt = session
        .wait_for_window("passphrase of your software key")
        .await;
    session
        .type_into(&prompt, &["correct horse", "Return"])
        .await;
    assert_eq!(held.end().await.code(), Some(110), "{}", held.printed());
    assert!(held.printed().contains("not now"), "{}", held.printed());
}

#[tokio::test]
async fn without_a_notification_daemon_the_window_says_so() {
    let session = Session::desktop("no-notifications", Daemon::None).await;
    let window = Driver::window(&session, &support::console()).await;
    let browser = Driver::browser(&session).await;
    browser.add_key().await;
    let person = person(&session, &window, &browser);
    person.set_up("Ada").await;
    person.connect_agent("builder").await;
    let held = person.exec("exec", &["--", "/bin/echo", "unheard"]);
    person.waiting(1).await;
    window.says("main", "shows no notifications").await;
    drop(held);
}
