//! Plays first light by itself: a real console, a real browser, a real
//! terminal, in a session and a profile of their own, with a virtual
//! authenticator for a key. Each step leaves a picture in `target/tour/`.
//!
//! `cargo xtask run --tour` builds what this needs and starts it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "it talks to the person who started it, and a step that fails ends it"
)]

mod album;
mod story;
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Instant;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use album::Album;
use support::session::Display;

/// Why a step failed, in the words of what failed.
static WHY: Mutex<String> = Mutex::new(String::new());

/// Plays the tour.
#[derive(Parser)]
struct Args {
    /// Show it in a window on the display that DISPLAY names
    #[arg(long)]
    window: bool,
    /// With the dark colours of the desktop
    #[arg(long)]
    dark: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let display = if args.window {
        Display::Window {
            display: std::env::var("DISPLAY").expect("a window needs DISPLAY"),
            authority: authority(),
        }
    } else {
        Display::Unseen
    };
    let start = Instant::now();
    let mut album = Album::begin(args.dark);
    std::panic::set_hook(Box::new(|info| {
        let words = info.payload_as_str().unwrap_or("it panicked");
        *WHY.lock().expect("it is only set") = words.to_owned();
    }));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    // Its guards end every program that it started, however it ends.
    let played = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            tokio::select! {
                () = story::play(&display, args.dark, &mut album) => None,
                name = interrupted() => Some(name),
            }
        })
    }));
    let _default = std::panic::take_hook();
    album.write_list();
    match played {
        Ok(None) => {}
        Ok(Some(name)) => {
            eprintln!("\nstopped by {name}; {}", album.so_far());
            return ExitCode::FAILURE;
        }
        Err(_) => {
            let why = WHY.lock().expect("it is only set");
            eprintln!("\n{} failed: {why}", album.next_step());
            eprintln!("{}", album.so_far());
            eprintln!(
                "what each program said, and often what the display showed: {}",
                support::kept().join(story::NAME).display()
            );
            return ExitCode::FAILURE;
        }
    }
    report(&album, start)
}

/// Verifies what was exported, in a process that knows nothing of the session.
fn report(album: &Album, start: Instant) -> ExitCode {
    let mut verify = Command::new(support::vidimus());
    verify
        .arg("verify")
        .arg("--trust")
        .arg(album.path("trust.json"))
        .arg(album.path("ledger.vidimus"));
    println!(
        "\n$ vidimus verify --trust {} {}",
        album.path("trust.json").display(),
        album.path("ledger.vidimus").display()
    );
    let verified = verify.status().is_ok_and(|status| status.success());
    if !verified {
        eprintln!("\nthe exported ledger does not verify");
        return ExitCode::FAILURE;
    }
    println!(
        "\n{} in {} s: {}",
        album.so_far(),
        start.elapsed().as_secs(),
        album.path("README.md").display()
    );
    ExitCode::SUCCESS
}

/// Waits for a signal that ends programs.
async fn interrupted() -> &'static str {
    let on = |kind| signal(kind).expect("signals can be waited for");
    let mut interrupt = on(SignalKind::interrupt());
    let mut terminate = on(SignalKind::terminate());
    let mut hangup = on(SignalKind::hangup());
    tokio::select! {
        _ = interrupt.recv() => "Ctrl-C",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    }
}

/// The file that lets programs onto the display, wherever HOME is.
fn authority() -> Option<String> {
    let named = std::env::var("XAUTHORITY").ok();
    let usual = || {
        let file = std::path::PathBuf::from(std::env::var_os("HOME")?).join(".Xauthority");
        file.is_file().then(|| file.display().to_string())
    };
    named.or_else(usual)
}
