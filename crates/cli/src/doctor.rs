//! `vidimus doctor`: whether a coding agent's hook fires, and says no when
//! something fails. It runs the very line that stands in the settings.

mod fire;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::runtime::Builder;
use vidimus_executor::{Executor, random};

use crate::args::{DoctorArgs, HookClient, HostArgs};
use crate::hook::settings::Settings;
use crate::host::{self, AFTER, BEFORE, HostSettings};
use crate::install::{name, place};
use crate::out::{self, Colour, paint, quote, visible};
use crate::stop::Stop;
use fire::Line;

/// The first Claude Code that knows `onFailure`, without which a hook that
/// cannot start lets the call through.
const FAILS_CLOSED_SINCE: [u64; 3] = [2, 1, 295];

/// How one check ended.
enum Found {
    Ok(String),
    /// It holds, but there is something to know.
    Note(String),
    Wrong(String),
}
use Found::{Note, Ok as Fine, Wrong};

/// What is looked at, and what was found.
#[derive(Default)]
struct Report {
    lines: Vec<(&'static str, Found)>,
}

impl Report {
    fn add(&mut self, what: &'static str, found: Found) {
        self.lines.push((what, found));
    }

    /// Prints the table. Returns whether all holds.
    fn print(&self) -> bool {
        for (what, found) in &self.lines {
            let (word, colour, words) = match found {
                Fine(words) => ("ok", Colour::Green, words),
                Note(words) => ("note", Colour::Yellow, words),
                Wrong(words) => ("wrong", Colour::Red, words),
            };
            out::answer(&format!(
                "{}  {what:<16}  {words}",
                paint(&format!("{word:<5}"), colour)
            ));
        }
        !self
            .lines
            .iter()
            .any(|(_, found)| matches!(found, Wrong(_)))
    }
}

/// Runs `vidimus doctor`. Returns the exit code.
pub(crate) fn run(args: &DoctorArgs) -> Result<u8, Stop> {
    let mut report = Report::default();
    report.add("host", version(args.host.client));
    let settings = HostSettings::load(&args.host)?;
    if let Some(line) = entry(&mut report, &args.host, &settings)? {
        program(&mut report, &line);
        let hooks = line.config().map(|path| Settings::load(&path));
        match hooks {
            Some(Ok(hooks)) => {
                report.add("rules", rules(&hooks));
                report.add("timeout", timeout(&settings, &hooks, &args.host)?);
                report.add("gateway", gateway(&hooks)?);
                report.add("reads pass", line.lets_reads_pass());
                report.add("nonsense", line.blocks_nonsense());
                report.add("no gateway", line.denies_without_a_gateway(&hooks));
            }
            Some(Err(why)) => report.add(
                "rules",
                Wrong(format!("{why}. Write it anew: {}", again(&args.host))),
            ),
            None => report.add(
                "rules",
                Wrong(format!(
                    "the hook names no `--config`: {}",
                    again(&args.host)
                )),
            ),
        }
    }
    for (path, words) in switches(&settings) {
        let path = quote(&path.display().to_string());
        report.add("switches", Wrong(format!("{path}: {words}")));
    }
    if report.print() {
        out::say(&format!(
            "the hook fires and fails closed. It is a tripwire: who may change {}'s settings can remove it",
            name(args.host.client)
        ));
        return Ok(0);
    }
    Ok(1)
}

/// The command that writes the entry anew.
fn again(host: &HostArgs) -> String {
    format!("vidimus install {}{}", host.client.as_str(), place(host))
}

fn version(client: HookClient) -> Found {
    let program = match client {
        HookClient::Claude => "claude",
    };
    let asked = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let said = match asked {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => {
            return Note(format!(
                "`{program}` is not in PATH, so its version is not known; it must be {} or newer",
                dotted(FAILS_CLOSED_SINCE)
            ));
        }
    };
    match numbers(&said) {
        Some(version) if version >= FAILS_CLOSED_SINCE => Fine(visible(&said)),
        _ => Wrong(format!(
            "`{program} --version` says `{}`: before {} a hook that cannot start lets the call through. Update it",
            visible(&said),
            dotted(FAILS_CLOSED_SINCE)
        )),
    }
}

fn numbers(said: &str) -> Option<[u64; 3]> {
    let first = said.split_whitespace().next()?;
    let numbers: Vec<u64> = first
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    numbers.try_into().ok()
}

fn dotted(version: [u64; 3]) -> String {
    version.map(|number| number.to_string()).join(".")
}

/// The hook's line as it stands in the settings.
fn entry(
    report: &mut Report,
    host: &HostArgs,
    settings: &HostSettings,
) -> Result<Option<Line>, Stop> {
    let path = quote(&settings.path.display().to_string());
    let entries = settings.entries()?;
    let of = |event: &str| {
        entries
            .iter()
            .filter(|(name, _)| name == event)
            .collect::<Vec<_>>()
    };
    let line = match of(BEFORE)[..] {
        [(_, group)] => Line::of(group),
        [] => None,
        _ => {
            report.add(
                "settings",
                Wrong(format!("{path} has the hook twice: {}", again(host))),
            );
            return Ok(None);
        }
    };
    let Some(line) = line else {
        report.add(
            "settings",
            Wrong(format!("{path} has no hook of Vidimus: {}", again(host))),
        );
        return Ok(None);
    };
    let (_, group) = of(BEFORE)[0];
    let hook = &group["hooks"][0];
    let switched = |name: &str| hook[name].as_bool() == Some(true);
    if group["matcher"] != "*" || hook["onFailure"] != "block" {
        report.add(
            "settings",
            Wrong(format!(
                "{path}: the hook does not hold every tool, or does not block when it fails: {}",
                again(host)
            )),
        );
    } else if switched("async")
        || switched("asyncRewake")
        || switched("once")
        || !hook["if"].is_null()
    {
        report.add(
            "settings",
            Wrong(format!(
                "{path}: the hook does not hold each call until it answers: {}",
                again(host)
            )),
        );
    } else if AFTER.iter().any(|event| of(event).len() != 1) {
        report.add(
            "settings",
            Wrong(format!(
                "{path}: outcomes are not reported: {}",
                again(host)
            )),
        );
    } else {
        report.add("settings", Fine(path));
    }
    let value = settings.value()?;
    let others = value["hooks"][BEFORE]
        .as_array()
        .map_or(0, Vec::len)
        .saturating_sub(1);
    if others > 0 {
        report.add("other hooks", Note(format!("{others} beside ours: one that changes a call may do so after the approval, which is reported as a failure")));
    }
    Ok(Some(line))
}

fn program(report: &mut Report, line: &Line) {
    let here = std::env::current_exe().and_then(|path| path.canonicalize());
    let shown = quote(&line.program.display().to_string());
    report.add(
        "program",
        match (line.program.canonicalize(), here) {
            (Ok(there), Ok(here)) if there == here => Fine(shown),
            (Ok(_), _) => Note(format!("{shown} is another file than this one")),
            (Err(why), _) => Wrong(format!("{shown}: {why}")),
        },
    );
}

fn rules(hooks: &Settings) -> Found {
    let rules = &hooks.never_ask;
    let reads = if rules.read_only_commands {
        "commands that only read, "
    } else {
        ""
    };
    Fine(format!(
        "pass without asking: {} tools, {reads}{} command lines of yours",
        rules.tools.len(),
        rules.commands.len()
    ))
}

fn timeout(settings: &HostSettings, hooks: &Settings, host: &HostArgs) -> Result<Found, Stop> {
    let wanted = hooks.host_timeout_s();
    let entries = settings.entries()?;
    let given = entries
        .iter()
        .find(|(event, _)| event == BEFORE)
        .and_then(|(_, group)| group["hooks"][0]["timeout"].as_u64());
    Ok(match given {
        Some(given) if given >= wanted => Fine(format!(
            "the hook answers after {} s at the latest, the host waits {given} s",
            hooks.wait_s
        )),
        _ => Wrong(format!(
            "the host waits less than {wanted} s: {}",
            again(host)
        )),
    })
}

/// Asks after an action that nobody proposed.
fn gateway(hooks: &Settings) -> Result<Found, Stop> {
    let executor = match Executor::load(&hooks.home(), hooks.agent.as_deref(), None) {
        Ok(executor) => executor,
        Err(stop) => return Ok(Wrong(stop.words)),
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Stop::internal)?;
    let nobody = random::action()?;
    let agent = visible(&executor.profile.name);
    Ok(match runtime.block_on(executor.find(nobody)) {
        Ok(_) => Fine(format!(
            "answers the agent `{agent}` at {}",
            executor.profile.url
        )),
        Err(stop) => Wrong(stop.words),
    })
}

/// What switches hooks off, wherever the host would read it.
fn switches(settings: &HostSettings) -> Vec<(PathBuf, String)> {
    let here = std::env::current_dir().unwrap_or_default().join(".claude");
    let user = host::config_folder(HookClient::Claude).ok();
    let folders = [Some(here), user].into_iter().flatten();
    let mut files: Vec<_> = folders
        .flat_map(|folder| ["settings.json", "settings.local.json"].map(|name| folder.join(name)))
        .collect();
    files.push(settings.path.clone());
    files.push(Path::new("/etc/claude-code/managed-settings.json").into());
    files.sort();
    files.dedup();
    let off = |path: PathBuf| {
        let words = match HostSettings::read(&path).and_then(|file| file.value()) {
            Ok(value) => switched_off(&value, path == settings.path)?,
            Err(stop) => stop.words,
        };
        Some((path, words))
    };
    files.into_iter().filter_map(off).collect()
}

fn switched_off(value: &Value, ours: bool) -> Option<String> {
    if value["disableAllHooks"] == true {
        return Some("`disableAllHooks` switches every hook off. Remove it".into());
    }
    (value["allowManagedHooksOnly"] == true && !ours).then(|| {
        "`allowManagedHooksOnly` lets only hooks of managed settings run. Install it there".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(numbers("2.1.330 (Claude Code)"), Some([2, 1, 330]));
        for other in ["", "claude", "2.1", "2.1.x"] {
            assert_eq!(numbers(other), None, "{other}");
        }
        assert!([2, 1, 1000] > FAILS_CLOSED_SINCE && [2, 1, 294] < FAILS_CLOSED_SINCE);
    }

    #[test]
    fn what_switches_hooks_off_is_found() {
        let off = |text: &str, ours| switched_off(&serde_json::from_str(text).expect("JSON"), ours);
        assert!(off(r#"{"disableAllHooks":true}"#, true).is_some());
        assert!(off(r#"{"allowManagedHooksOnly":true}"#, false).is_some());
        assert!(off(r#"{"allowManagedHooksOnly":true}"#, true).is_none());
        assert!(off(r#"{"disableAllHooks":false}"#, false).is_none());
    }
}
