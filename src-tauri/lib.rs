//! The Vidimus desktop approval console: a window over `vidimus-console`.
//!
//! This package is the shell and nothing more: it opens the window, shows
//! notifications, asks for a passphrase in a native prompt, opens the browser.
//! Everything that is decided, verified or stored is in the crates.
//!
//! Out of scope: systems other than Linux (the native prompt is GTK's).

mod browser;
mod environment;
mod notify;
mod passphrase;

use anyhow::{Context as _, Result};

/// Runs the console until its window is closed.
///
/// # Errors
/// What keeps the window from opening, with what to do about it.
pub fn run() -> Result<()> {
    environment::settle().context("starting again without variables that drive the window")
}
