//! `vidimus install` and `vidimus uninstall`: our entry in the settings of a
//! coding agent, with a copy of what was there.

use std::path::Path;

use similar::TextDiff;
use vidimus_client::home::Home;
use vidimus_executor::Executor;

use crate::args::{HookClient, InstallArgs, UninstallArgs};
use crate::hook::settings::Settings;
use crate::host::{Entry, HostSettings};
use crate::out::{self, quote};
use crate::stop::Stop;

/// Runs `vidimus install`. Returns the exit code.
pub(crate) fn install(args: &InstallArgs, home: &Home) -> Result<u8, Stop> {
    let executor = Executor::load(home, args.agent.as_deref(), None)?;
    let file = home.hooks_file();
    let settings = go_by(&file, home, &executor.profile.name, args)?;
    let entry = Entry {
        program: std::env::current_exe()
            .and_then(|path| path.canonicalize())
            .map_err(Stop::internal)?,
        arguments: arguments(args.host.client, &file)?,
        timeout_s: settings.host_timeout_s(),
    };
    let host = HostSettings::load(&args.host)?;
    let text = host.with(&entry)?;
    // Before the host is told: without them the hook blocks every call.
    if !args.dry_run && Settings::load(&file).ok().as_ref() != Some(&settings) {
        settings.save(&file).map_err(Stop::internal)?;
        out::say(&format!(
            "wrote {}: what passes without asking",
            quote_path(&file)
        ));
    }
    let changed = change(&host, &text, args.dry_run)?;
    if args.dry_run {
        return Ok(0);
    }
    if changed {
        out::say(&format!(
            "from its next session on, {} asks a person before it changes something, as the agent `{}`",
            name(args.host.client),
            out::visible(&executor.profile.name)
        ));
    }
    out::say(&format!(
        "see whether it works with: vidimus doctor {}{}",
        args.host.client.as_str(),
        place(&args.host)
    ));
    Ok(0)
}

/// Runs `vidimus uninstall`. Returns the exit code.
pub(crate) fn uninstall(args: &UninstallArgs) -> Result<u8, Stop> {
    let host = HostSettings::load(&args.host)?;
    let text = host.without()?;
    if change(&host, &text, args.dry_run)? && !args.dry_run {
        out::say(&format!(
            "from its next session on, {} asks nobody",
            name(args.host.client)
        ));
    }
    Ok(0)
}

/// What the hooks go by: what stands there, with the agent that is wanted now.
fn go_by(file: &Path, home: &Home, agent: &str, args: &InstallArgs) -> Result<Settings, Stop> {
    if !file.exists() {
        return Ok(Settings::new(home, Some(agent)));
    }
    let mut settings = Settings::load(file).map_err(Stop::internal)?.at(home);
    if args.agent.is_some() || settings.agent.is_none() {
        settings.agent = Some(agent.to_owned());
    }
    Ok(settings)
}

fn arguments(client: HookClient, file: &Path) -> Result<Vec<String>, Stop> {
    let file = file
        .to_str()
        .ok_or_else(|| Stop::internal(format!("the path `{}` is not UTF-8", file.display())))?;
    let words = ["hook", "--client", client.as_str(), "--config", file];
    Ok(words.map(str::to_owned).to_vec())
}

/// Shows the change and makes it. Returns whether there was one.
fn change(host: &HostSettings, text: &str, dry_run: bool) -> Result<bool, Stop> {
    let path = quote_path(&host.path);
    let old = host.text.as_deref().unwrap_or_default();
    if host.text.as_deref() == Some(text) || (host.text.is_none() && text.is_empty()) {
        out::say(&format!("{path} is as it should be; nothing was changed"));
        return Ok(false);
    }
    let diff = TextDiff::from_lines(old, text);
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        for line in hunk.iter_changes() {
            let shown = out::visible(line.value().trim_end_matches('\n'));
            out::answer(&format!("{}{shown}", line.tag()));
        }
    }
    if dry_run {
        out::say(&format!(
            "{path} would change as shown; nothing was changed"
        ));
        return Ok(true);
    }
    match host.replace(text)? {
        Some(kept) => out::say(&format!("changed {path}; as it was: {}", quote_path(&kept))),
        None => out::say(&format!("made {path}")),
    }
    Ok(true)
}

/// The host's name for people.
pub(crate) fn name(client: HookClient) -> &'static str {
    match client {
        HookClient::Claude => "Claude Code",
    }
}

/// The words that lead to the same settings again.
pub(crate) fn place(host: &crate::args::HostArgs) -> String {
    match (&host.settings, host.project) {
        (Some(path), _) => format!(" --settings {}", quote_path(path)),
        (None, true) => " --project".into(),
        (None, false) => String::new(),
    }
}

fn quote_path(path: &Path) -> String {
    quote(&path.display().to_string())
}
