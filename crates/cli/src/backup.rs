//! `vidimus backup`: copies the ledger and its keys while the gateway runs.

use vidimus_client::home::Home;

use crate::args::BackupArgs;
use crate::out::{answer, say};
use crate::stop::{Stop, code};

/// Runs `vidimus backup`. Returns the exit code.
pub(crate) fn run(args: &BackupArgs, home: &Home) -> Result<u8, Stop> {
    let from = args.dir.clone().unwrap_or_else(|| home.gateway_dir());
    let copied = vidimus_gateway::backup(&from, &args.to).map_err(|why| match &why {
        vidimus_gateway::BackupError::Missing { .. } => {
            Stop::new(code::NOT_SET_UP, why.to_string())
        }
        _ => Stop::internal(why),
    })?;
    answer(&format!(
        "{} entries copied to `{}`, read back and found whole",
        copied.entries,
        args.to.display()
    ));
    say("the copy holds the gateway's keys: keep it as safe as this computer");
    Ok(0)
}
