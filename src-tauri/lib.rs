//! The Vidimus desktop approval console: a window over `vidimus-console`.
//!
//! This package is the shell and nothing more: it opens the window, shows the
//! tray icon and notifications, notices that nobody is there, asks for a
//! passphrase in a native prompt, opens the browser.
//! Everything that is decided, verified or stored is in the crates.
//!
//! Out of scope: systems other than Linux (the native prompt is GTK's).

mod autostart;
mod away;
mod browser;
mod commands;
mod environment;
mod instance;
mod leave;
mod manual;
mod notify;
mod passphrase;
mod services;
mod services_view;
mod settings;
mod shell;
mod tray;
mod window;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use tauri::{Manager as _, RunEvent};
use tracing_subscriber::EnvFilter;
use vidimus_client::home::Home;

use crate::instance::{Claim, Errand, First};
use crate::shell::Desk;

/// Vidimus: see exactly what an agent wants to run, and sign exactly that.
#[derive(Parser)]
#[command(name = "vidimus-console", version)]
struct Arguments {
    /// Keep everything below this folder (default: the folders of your desktop)
    #[arg(long, value_name = "FOLDER")]
    home: Option<PathBuf>,

    /// Start out of sight, in the tray or minimised: for starting at login
    #[arg(long)]
    hidden: bool,

    /// Open the action that this link names: vidimus://action/ID
    #[arg(value_name = "LINK")]
    link: Option<String>,

    /// Print the manual page: for whoever packages this
    #[arg(long, hide = true)]
    manual: bool,
}

/// Runs the console until its window is closed.
///
/// # Errors
/// What keeps the window from opening, with what to do about it.
pub fn run() -> Result<()> {
    environment::settle().context("starting again without variables that drive the window")?;
    let arguments = Arguments::parse();
    if arguments.manual {
        return manual::print().context("printing the manual page");
    }
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let home = Home::find(arguments.home.as_deref()).context("finding the folder for its files")?;
    let link = arguments.link;
    let errand = match &link {
        Some(link) => Errand::Open(link.clone()),
        None if arguments.hidden => Errand::Nothing,
        None => Errand::Raise,
    };
    let first = match instance::claim(&home, &errand).context("looking for a running Vidimus")? {
        Claim::First(first) => first,
        Claim::Handed => {
            tracing::warn!("Vidimus runs already in this home: it was handed what to do");
            return Ok(());
        }
    };
    gtk::init().map_err(|_| {
        anyhow!(
            "there is no display here, so no window opens. \
             To decide in a browser on another computer, run: vidimus gateway --personal"
        )
    })?;
    open(home, first, link, arguments.hidden)
}

fn open(home: Home, first: First, link: Option<String>, hidden: bool) -> Result<()> {
    let hidden = hidden && link.is_none();
    let app = tauri::Builder::default()
        .invoke_handler(tauri::generate_handler![
            commands::console_command,
            commands::console_events
        ])
        .setup(move |app| {
            let handle = app.handle().clone();
            // Before anything is open: nothing of it ends the hard way.
            let ending = handle.clone();
            tauri::async_runtime::spawn(async move {
                stop_signal().await;
                ending.exit(0);
            });
            let desk = tauri::async_runtime::block_on(async { Desk::start(&handle, home.clone()) });
            let idle = desk.idle.clone();
            if let Some(link) = link {
                desk.follow(link);
            }
            app.manage(desk);
            let closing = handle.clone();
            window::open(&handle, &home, idle, hidden, move || {
                shell::window_closed(&closing);
            })?;
            tauri::async_runtime::spawn(shell::attend(handle.clone()));
            tauri::async_runtime::spawn(shell::attend_login_session(handle.clone()));
            if hidden {
                tauri::async_runtime::spawn(shell::stay_hidden(handle.clone()));
            }
            let asked = handle.clone();
            tauri::async_runtime::block_on(async {
                first.serve(move |errand| shell::run_errand(&asked, errand))
            })
            .context("listening for a second start")?;
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("opening the window")?;
    app.run(|app, event| {
        // The window was closed, or somebody asked it to end.
        if let RunEvent::Exit = event {
            tauri::async_runtime::block_on(app.state::<Desk>().stop());
        }
    });
    Ok(())
}

/// Resolves when the session or a person at the terminal ends the program.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};

    let wait = async |kind| match signal(kind) {
        Ok(mut stream) => {
            stream.recv().await;
        }
        Err(error) => {
            tracing::warn!("this signal ends the program the hard way: {error}");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}
