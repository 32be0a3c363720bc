//! `vidimus gateway`: the gateway with the console's page, without a window.

use std::io;

use tracing_subscriber::EnvFilter;
use vidimus_client::home::Home;

use crate::stop::Stop;

/// Runs `vidimus gateway --personal` until it is interrupted.
pub(crate) async fn run(home: Home) -> Result<u8, Stop> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    vidimus_console::headless::run(home)
        .await
        .map_err(|why| Stop::internal(format!("{why:#}")))?;
    Ok(0)
}
