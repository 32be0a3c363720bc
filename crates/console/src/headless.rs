//! `vidimus gateway --personal`: the console without a window, its page in
//! whatever browser reaches this computer's loopback.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use vidimus_client::Home;
use zeroize::Zeroizing;

use crate::board::FrontId;
use crate::console::{Config, Console, Handle};
use crate::hooks::{About, Hooks, NoDesktop, NotificationRequest, PassphraseAsk};
use crate::secrets::SystemKeyring;
use crate::view::Phase;

/// Runs until it is interrupted.
///
/// # Errors
/// Why it could not start, and what to do.
pub async fn run(home: Home) -> anyhow::Result<()> {
    let console = Console::start(Config {
        home,
        hooks: Arc::new(Terminal),
        secrets: Arc::new(SystemKeyring),
        web: true,
    });
    let url = started(&console).await?;
    say(&greeting(&url));
    interrupted().await?;
    console.stop().await;
    say("Stopped.");
    Ok(())
}

/// Waits until the console has started, and says where.
async fn started(console: &Handle) -> anyhow::Result<String> {
    let mut events = console.subscribe(FrontId::Desktop);
    loop {
        let view = console.view(&FrontId::Desktop);
        match view.phase {
            Phase::Starting => {
                if events.next().await.is_none() {
                    bail!("the console stopped while it started");
                }
            }
            Phase::Failed { problem } => {
                console.stop().await;
                bail!("{} {}", problem.message, problem.hint);
            }
            Phase::Frozen {
                problem,
                evidence_path,
            } => {
                say(&format!(
                    "FROZEN: {} {}\nEvidence: {evidence_path}",
                    problem.message, problem.hint
                ));
                return Ok(view.gateway.url);
            }
            _ => return Ok(view.gateway.url),
        }
    }
}

fn greeting(url: &str) -> String {
    let port = url.rsplit(':').next().unwrap_or_default();
    let user = std::env::var("USER").unwrap_or_else(|_| "USER".to_owned());
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!(
        "Vidimus runs on this computer, for one person.\n\
         \n\
         Open:           {url}/console\n\
         From elsewhere: ssh -L {port}:localhost:{port} {user}@{host}\n\
         and open the same address there. The port must be the same: it is part of your key's address.\n\
         \n\
         The first key wants a code. It will be shown here, in this terminal.\n\
         What the page displays comes from this gateway: the display trusts the gateway.\n\
         Press Ctrl-C to stop."
    )
}

async fn interrupted() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("cannot listen for Ctrl-C"),
        _ = terminated.recv() => Ok(()),
    }
}

fn say(text: &str) {
    // A closed terminal is no reason to stop a gateway that agents wait for.
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
}

/// A terminal: it shows the code, and nothing else.
struct Terminal;

#[async_trait]
impl Hooks for Terminal {
    fn open_url(&self, url: &str) -> Result<(), String> {
        NoDesktop.open_url(url)
    }

    async fn ask_passphrase(&self, ask: PassphraseAsk) -> Option<Zeroizing<String>> {
        NoDesktop.ask_passphrase(ask).await
    }

    fn notify(&self, request: NotificationRequest) {
        say(&format!(
            "{}: {}",
            request.title,
            request.body.replace('\n', " in ")
        ));
    }

    fn withdraw(&self, about: &About) {
        NoDesktop.withdraw(about);
    }

    fn show_code(&self, code: &str) {
        say(&format!("\nCode for the first key: {code}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_names_the_same_port_on_both_ends() {
        let text = greeting("http://localhost:8478");
        assert!(text.contains("ssh -L 8478:localhost:8478 "));
        assert!(text.contains("http://localhost:8478/console"));
        assert!(text.contains("in this terminal"));
    }
}
