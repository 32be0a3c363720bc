//! A released console cannot be driven by another program.
//!
//! The web view opens itself to WebDriver when a variable asks for it, and an
//! agent may set that variable. Released programs remove it before anything
//! reads it.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::session::{Daemon, Session};
use support::webdriver::Driver;
use support::{program, within};

/// The test build is driven within two or three seconds.
const LONG_ENOUGH: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_released_console_is_not_drivable() {
    let console = program("VIDIMUS_RELEASE_CONSOLE_BIN");
    let session = Session::desktop("release", Daemon::None).await;
    let refused = Driver::webkit(&session, &console, "driver", LONG_ENOUGH).await;
    let refused = refused.err().expect("no session with a released console");
    assert!(
        ["no answer", "session not created"].contains(&refused.code.as_str()),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_drives_the_window_is_gone_from_its_environment() {
    let console = program("VIDIMUS_RELEASE_CONSOLE_BIN");
    let session = Session::desktop("release-environment", Daemon::None).await;
    let mut command = session.command(console);
    command
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .env("WEBKIT_INSPECTOR_SERVER", "127.0.0.1:9222");
    let process = session.start("console", command);
    // The window is there: the program runs as it should, in the same process.
    within(support::PATIENCE, "the window", async || {
        let mut search = session.command("xdotool");
        search.args(["search", "--onlyvisible", "--name", "^Vidimus$"]);
        search.output().unwrap().status.success().then_some(())
    })
    .await;
    let environment = std::fs::read(format!("/proc/{}/environ", process.id())).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("WEBKIT_DISABLE_DMABUF_RENDERER=1"));
    assert!(
        !environment.contains("TAURI_WEBVIEW_AUTOMATION"),
        "{environment}"
    );
    assert!(
        !environment.contains("WEBKIT_INSPECTOR_SERVER"),
        "{environment}"
    );
}

#[tokio::test]
async fn without_a_display_it_says_what_to_do() {
    let console = program("VIDIMUS_RELEASE_CONSOLE_BIN");
    let session = Session::bare("no-display").await;
    let output = session.command(console).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("no display"), "{words}");
    assert!(words.contains("vidimus gateway --personal"), "{words}");
    assert!(!words.contains("panicked"), "{words}");
}
