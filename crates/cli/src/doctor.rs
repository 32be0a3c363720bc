//! `vidimus doctor`: whether a coding agent's hook fires, and says no when
//! something fails. It runs the very line that stands in the settings.

mod fire;
mod trust;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::runtime::Builder;
use vidimus_executor::{Executor, random};

use crate::args::{DoctorArgs, HostArgs};
use crate::hook::settings::Settings;
use crate::host::HostSettings;
use crate::hosts::{Entry, Host, When};
use crate::install::place;
use crate::out::{self, Colour, paint, quote, visible};
use crate::stop::Stop;
use fire::Line;

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
    let host = args.host.client.host();
    report.add("host", version(host));
    if let Some(words) = host.fails_open {
        report.add(
            "fails open",
            Note(format!("{} lets through: {words}", host.name)),
        );
    }
    let settings = HostSettings::load(&args.host)?;
    if let Some(entry) = entry(&mut report, &args.host, &settings)? {
        let line = Line::of(host, &entry);
        if host.trust.is_some() {
            report.add("trust", trust::found(host, &settings.path, &entry));
        }
        program(&mut report, &line);
        let hooks = line.config().map(|path| Settings::load(&path));
        match hooks {
            Some(Ok(hooks)) => {
                report.add("rules", rules(&hooks));
                report.add("timeout", timeout(&entry, &hooks, &args.host));
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
        let but = match host.fails_open {
            Some(_) => ", but for what stands under `fails open`",
            None => "",
        };
        out::say(&format!(
            "the hook fires and fails closed{but}. It is a tripwire: who may change {}'s settings can remove it",
            host.name
        ));
        return Ok(0);
    }
    Ok(1)
}

/// The command that writes the entry anew.
fn again(host: &HostArgs) -> String {
    format!("vidimus install {}{}", host.client.host().word, place(host))
}

fn version(host: &Host) -> Found {
    let (program, since) = (host.program, dotted(host.since));
    let asked = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let said = match asked {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => {
            return Note(format!(
                "`{program}` is not in PATH, so its version is not known; it must be {since} or newer"
            ));
        }
    };
    match numbers(&said) {
        Some(version) if version >= host.since => Fine(visible(&said)),
        _ => Wrong(format!(
            "`{program} --version` says `{}`: before {since} {}. Update it",
            visible(&said),
            host.older
        )),
    }
}

/// The first version that a line names.
fn numbers(said: &str) -> Option<[u64; 3]> {
    said.lines().next()?.split_whitespace().find_map(|word| {
        let word = word.trim_end_matches('.').split('.');
        let numbers: Vec<u64> = word.map(str::parse).collect::<Result<_, _>>().ok()?;
        numbers.try_into().ok()
    })
}

fn dotted(version: [u64; 3]) -> String {
    version.map(|number| number.to_string()).join(".")
}

/// Our entry before a call as it stands in the settings.
fn entry(
    report: &mut Report,
    args: &HostArgs,
    settings: &HostSettings,
) -> Result<Option<Entry>, Stop> {
    let host = settings.host;
    let path = quote(&settings.path.display().to_string());
    let wrong = |words: &str| Wrong(format!("{path} {words}: {}", again(args)));
    let (before, after) = (host.events[0], &host.events[1..]);
    let entries = settings.entries()?;
    let of = |event: &str| {
        let found = entries.iter().filter(|(name, _)| *name == event);
        found.map(|(_, value)| value).collect::<Vec<_>>()
    };
    let value = match of(before)[..] {
        [value] => value,
        [] => {
            report.add("settings", wrong("has no hook of Vidimus"));
            return Ok(None);
        }
        _ => {
            report.add("settings", wrong("has the hook twice"));
            return Ok(None);
        }
    };
    let Some(entry) = host.ours(value) else {
        return Ok(None);
    };
    let found = if (host.entry)(&entry, When::Before) != *value {
        wrong("has the hook otherwise than it was installed, so it may not hold each call")
    } else if after.iter().any(|event| of(event).len() != 1) {
        wrong("has no hook that reports outcomes")
    } else {
        Fine(path.clone())
    };
    report.add("settings", found);
    let value = settings.value()?;
    let others = value["hooks"][before]
        .as_array()
        .map_or(0, Vec::len)
        .saturating_sub(1);
    if others > 0 {
        report.add("other hooks", Note(format!("{others} beside ours: one that changes a call may do so after the approval, which is reported as a failure")));
    }
    Ok(Some(entry))
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

fn timeout(entry: &Entry, hooks: &Settings, args: &HostArgs) -> Found {
    let (given, wanted) = (entry.timeout_s, hooks.host_timeout_s());
    if given >= wanted {
        Fine(format!(
            "the hook answers after {} s at the latest, the host waits {given} s",
            hooks.wait_s
        ))
    } else {
        Wrong(format!(
            "the host waits less than {wanted} s: {}",
            again(args)
        ))
    }
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
    let host = settings.host;
    let here = std::env::current_dir().unwrap_or_default();
    let user = host.config_folder().ok();
    let place = |name: &&str| match name.strip_prefix("./") {
        Some(name) => Some(here.join(name)),
        None => Some(user.as_ref()?.join(name)),
    };
    let mut files: Vec<_> = host.switches.iter().filter_map(place).collect();
    files.push(settings.path.clone());
    files.sort();
    files.dedup();
    let off = |path: PathBuf| {
        let words = match HostSettings::read(host, &path).and_then(|file| file.value()) {
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
        assert_eq!(numbers("codex-cli 0.169.0"), Some([0, 169, 0]));
        assert_eq!(numbers("GitHub Copilot CLI 1.0.102.\nx"), Some([1, 0, 102]));
        for other in ["", "claude", "2.1", "2.1.x"] {
            assert_eq!(numbers(other), None, "{other}");
        }
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
