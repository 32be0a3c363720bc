//! `vidimus gateway`: for one person with the console's page, or for several
//! people over the network.

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};
use vidimus_client::home::Home;
use vidimus_gateway::{
    Clock as _, Config, Entrance, Gateway, Metadata, Public, PublicUrl, SystemClock, TlsFiles,
};

use crate::args::GatewayArgs;
use crate::out::{answer, visible};
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

/// Runs `vidimus gateway --public-url` until it is interrupted.
pub(crate) async fn run_public(args: &GatewayArgs, url: PublicUrl) -> Result<u8, Stop> {
    let telemetry = telemetry::start(args.log_format)?;
    let ended = serve(args, url).await;
    telemetry.stop().await;
    ended?;
    Ok(0)
}

async fn serve(args: &GatewayArgs, url: PublicUrl) -> Result<(), Stop> {
    let mut terminated = signal(SignalKind::terminate()).map_err(Stop::internal)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Stop::internal)?;
    let gateway = Gateway::open(config(args, url)?)
        .map_err(|why| Stop::internal(visible(&why.to_string())))?;
    answer(&format!(
        "Vidimus answers at {}\nListening on port {}.",
        gateway.url(),
        gateway.port()
    ));
    if let Some(code) = gateway.founding_code() {
        answer(&format!(
            "It has no log yet. Whoever founds it becomes its first administrator and needs this code, good until the gateway stops:\n\n    {code}\n"
        ));
    }
    let stop = async {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    gateway
        .serve(Default::default(), stop)
        .await
        .map_err(Stop::internal)?;
    answer("Stopped.");
    Ok(())
}

fn config(args: &GatewayArgs, url: PublicUrl) -> Result<Config, Stop> {
    let entrance = match (&args.tls_certificate, &args.tls_key) {
        (Some(certificate), Some(key)) => Entrance::Tls(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        _ if !args.behind_proxy.is_empty() => Entrance::BehindProxy(args.behind_proxy.clone()),
        _ => Entrance::Loopback,
    };
    let dir: PathBuf = args.dir.clone().expect("`--public-url` requires `--dir`");
    let public = Public {
        url,
        listen: args.listen,
        entrance,
    };
    let metadata = args.mds.as_deref().map(metadata).transpose()?;
    Ok(Config {
        metadata: metadata.unwrap_or_default(),
        ..Config::team(dir, public)
    })
}

fn metadata(file: &Path) -> Result<Metadata, Stop> {
    let now = SystemClock.wall();
    let metadata =
        Metadata::open(file, now).map_err(|why| Stop::internal(visible(&format!("{why}"))))?;
    if let Some(due) = metadata.overdue(now) {
        tracing::warn!(due, "the FIDO metadata is out of date: get the next one");
    }
    Ok(metadata)
}
