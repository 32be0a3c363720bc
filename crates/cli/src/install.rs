//! `vidimus install` and `vidimus uninstall`: our entry in the settings of a
//! coding agent, with a copy of what was there.

use std::path::Path;

use similar::TextDiff;
use vidimus_client::home::Home;
use vidimus_executor::Executor;

use crate::args::{InstallArgs, UninstallArgs};
use crate::hook::settings::Settings;
use crate::host::HostSettings;
use crate::hosts::{Entry, Host};
use crate::out::{self, quote};
use crate::stop::Stop;

/// Runs `vidimus install`. Returns the exit code.
pub(crate) fn install(args: &InstallArgs, home: &Home) -> Result<u8, Stop> {
    let executor = Executor::load(home, args.agent.as_deref(), None)?;
    let host = args.host.client.host();
    let file = home.hooks_file(host.word);
    let settings = go_by(&file, home, &executor.profile.name, args)?;
    let entry = Entry {
        words: words(host, &file)?,
        timeout_s: settings.host_timeout_s(),
    };
    let there = HostSettings::load(&args.host)?;
    let text = there.with(&entry)?;
    // Before the host is told: without them the hook blocks every call.
    if !args.dry_run && Settings::load(&file).ok().as_ref() != Some(&settings) {
        settings.save(&file).map_err(Stop::internal)?;
        out::say(&format!(
            "wrote {}: what passes without asking",
            quote_path(&file)
        ));
    }
    let changed = change(&there, &text, args.dry_run)?;
    if args.dry_run {
        return Ok(0);
    }
    if changed {
        out::say(&format!(
            "from its next session on, {} asks a person before it changes something, as the agent `{}`",
            host.name,
            out::visible(&executor.profile.name)
        ));
        if let Some(words) = host.trust {
            out::say(words);
        }
    }
    out::say(&format!(
        "see whether it works with: vidimus doctor {}{}",
        host.word,
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
            host.host.name
        ));
    }
    Ok(0)
}

/// What the hooks go by: what stands there, with the agent that is wanted now.
fn go_by(file: &Path, home: &Home, agent: &str, args: &InstallArgs) -> Result<Settings, Stop> {
    if !file.exists() {
        return Ok(Settings::new(home, Some(agent), args.host.client.host()));
    }
    let mut settings = Settings::load(file).map_err(Stop::internal)?.at(home);
    if args.agent.is_some() || settings.agent.is_none() {
        settings.agent = Some(agent.to_owned());
    }
    Ok(settings)
}

/// The hook's line.
fn words(host: &Host, file: &Path) -> Result<Vec<String>, Stop> {
    let program = std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .map_err(Stop::internal)?;
    let (Some(program), Some(file)) = (program.to_str(), file.to_str()) else {
        return Err(Stop::internal(
            "the path of this program or of its folder is not UTF-8",
        ));
    };
    let words = [program, "hook", "--client", host.word, "--config", file];
    let special = |word: &&&str| word.contains(['\'', '"']) || word.chars().any(char::is_control);
    if let Some(word) = words.iter().find(special).filter(|_| host.in_shell) {
        return Err(Stop::internal(format!(
            "{} reads the line with a shell, and the path {} has a quote in it. Move it",
            host.name,
            quote(word)
        )));
    }
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
