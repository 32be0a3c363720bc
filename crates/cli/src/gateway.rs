//! `vidimus gateway`: the gateway with the console's page, without a window.

use vidimus_client::home::Home;

use crate::args::GatewayArgs;
use crate::stop::Stop;
use crate::telemetry;

/// Runs `vidimus gateway --personal` until it is interrupted.
pub(crate) async fn run(args: &GatewayArgs, home: Home) -> Result<u8, Stop> {
    let telemetry = telemetry::start(args.log_format)?;
    let ended = vidimus_console::headless::run(home).await;
    telemetry.stop().await;
    ended.map_err(|why| Stop::internal(format!("{why:#}")))?;
    Ok(0)
}
