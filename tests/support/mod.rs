//! What the end-to-end tests share: a private desktop session, WebDriver, and
//! the steps that people take.
//!
//! The programs are built by `cargo xtask`, which also says where they are. Logs and screenshots are kept in `target/e2e/`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its part of it"
)]

pub mod around;
pub mod bus;
pub mod package;
pub mod process;
pub mod root;
pub mod session;
pub mod steps;
pub mod team;
pub mod terminal;
pub mod webdriver;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest that anything on a screen may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A built program.
pub fn program(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`"));
    assert!(
        path.is_file(),
        "{variable} names `{}`, which is not there: run `cargo xtask test`",
        path.display()
    );
    path
}

/// The command-line program.
pub fn vidimus() -> PathBuf {
    program("VIDIMUS_BIN")
}

/// The console, built for WebDriver.
pub fn console() -> PathBuf {
    program("VIDIMUS_CONSOLE_BIN")
}

/// Where what happened is kept.
pub fn kept() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/e2e");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Asks again until there is an answer.
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask).await
}

/// The same with a patience of its own.
pub async fn within<T>(
    patience: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        if Instant::now() >= deadline {
            session::keep_evidence();
            panic!("waited {} s in vain for {what}", patience.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
