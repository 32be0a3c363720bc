//! `vidimus hook`: a host asks before each call of a tool, and is told *no*
//! unless the call only reads or a person approved exactly it.
//!
//! Whatever goes wrong here is a *no*: hosts let a call through when a hook
//! fails in a way that they do not know. So everything runs in a thread of its
//! own, and one place answers: with what the thread found, or with *no* when
//! it breaks or takes too long.
//!
//! A hook is a tripwire: the host runs the tool, and whoever can change the
//! host's settings can remove it. Spec: `docs/HOOKS.md`.

pub(crate) mod answer;
mod ask;
mod call;
pub(crate) mod event;
mod kept;
mod outcome;
mod read_only;
pub(crate) mod rules;
pub(crate) mod settings;
pub(crate) mod shell;

use std::io::{Read as _, Write as _, stderr, stdin, stdout};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tokio::runtime::Builder;
use vidimus_client::home::Home;

use crate::args::HookArgs;
use crate::hosts::Host;
use crate::out;
use crate::stop::code;
use answer::Answer;
use call::Call;
use event::{Event, Moment};
use rules::{Around, Ruling};
use settings::{RELEASE_S, Settings};

/// Runs `vidimus hook`. Returns the exit code.
pub(crate) fn run(args: &HookArgs, home: Option<&Path>) -> u8 {
    let host = args.client.host();
    let settings = match load(args, home) {
        Ok(settings) => settings,
        Err(why) => return say(host, &Answer::Block(why)),
    };
    if let Some(line) = &args.explain {
        return explain(line, host, &settings);
    }
    let longest = Duration::from_secs(settings.wait_s + RELEASE_S);
    say(host, &in_time(longest, move || judge(host, &settings)))
}

/// The settings that `vidimus install` wrote, else the usual ones.
fn load(args: &HookArgs, home: Option<&Path>) -> Result<Settings, String> {
    if let Some(path) = &args.config {
        return Settings::load(path)
            .map_err(|why| format!("{why}. Nothing runs. Write it anew with `vidimus install`"));
    }
    let home = Home::find(home).map_err(|why| why.to_string())?;
    let host = args.client.host();
    let path = home.hooks_file(host.word);
    if path.exists() {
        Settings::load(&path).map_err(|why| why.to_string())
    } else {
        Ok(Settings::new(&home, None, host))
    }
}

/// The answer of a thread, or *no* when it breaks or does not come in time.
fn in_time(longest: Duration, judge: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let (send, answer) = channel();
    std::thread::spawn(move || send.send(judge()));
    match answer.recv_timeout(longest) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Answer::Block(
            "no answer in time, so it does not run. Make the same call again to go on".into(),
        ),
        Err(RecvTimeoutError::Disconnected) => Answer::Block(
            "the hook broke, so it does not run. What it said stands in the host's log; `vidimus doctor` looks for the cause".into(),
        ),
    }
}

fn judge(host: &'static Host, settings: &Settings) -> Answer {
    let mut bytes = Vec::new();
    let limit = event::MAX as u64 + 1;
    if let Err(why) = stdin().lock().take(limit).read_to_end(&mut bytes) {
        return Answer::Block(format!(
            "the call could not be read: {why}. It does not run"
        ));
    }
    let event = match Event::parse(&bytes, host) {
        Ok(event) => event,
        Err(why) => {
            return Answer::Block(format!(
                "the call could not be read: {}. It does not run",
                out::visible(&why)
            ));
        }
    };
    let call = Call {
        event,
        host,
        machine: crate::exec::host_name(),
    };
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => return Answer::Block(format!("{why}. It does not run")),
    };
    if call.event.moment != Moment::Before {
        return runtime.block_on(outcome::report(&call, settings));
    }
    match ruling(&call.event, host, settings) {
        Ruling::Pass(_) => Answer::Pass,
        Ruling::Ours(why) => Answer::Allow(why),
        Ruling::Ask(_) => runtime.block_on(ask::ask(&call, settings)),
    }
}

fn ruling(event: &Event, host: &Host, settings: &Settings) -> Ruling {
    match Around::of(&settings.home(), host, event) {
        Ok(around) => settings.never_ask.ruling(event, &around),
        Err(why) => Ruling::Ask(format!("the own program cannot be found: {why}")),
    }
}

/// Says what would become of a command line.
fn explain(line: &str, host: &Host, settings: &Settings) -> u8 {
    let input = serde_json::json!({"command": line});
    let event = Event {
        session: "explain".into(),
        cwd: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        tool: "Bash".into(),
        call: None,
        input: input.as_object().cloned().unwrap_or_default(),
        moment: Moment::Before,
    };
    let (word, why) = match ruling(&event, host, settings) {
        Ruling::Pass(why) => ("passes", why),
        Ruling::Ours(why) => ("allowed", why),
        Ruling::Ask(why) => ("asks", why),
    };
    out::answer(&format!("{word}: {}", out::visible(&why)));
    0
}

/// The one place that answers. An answer that cannot be written blocks.
fn say(host: &Host, answer: &Answer) -> u8 {
    let output = (host.answer)(answer);
    let written = stdout()
        .write_all(output.stdout.as_bytes())
        .and_then(|()| stdout().flush())
        .and_then(|()| stderr().write_all(output.stderr.as_bytes()));
    match written {
        Ok(()) => output.code,
        Err(_) => code::USAGE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(answer: &Answer, words: &str) {
        assert!(
            matches!(answer, Answer::Block(why) if why.contains(words)),
            "{answer:?}"
        );
    }

    #[test]
    fn what_breaks_or_takes_too_long_is_a_no() {
        let second = Duration::from_secs(1);
        blocked(&in_time(second, || panic!("it breaks")), "broke");
        let slow = || {
            std::thread::sleep(Duration::from_secs(20));
            Answer::Pass
        };
        blocked(&in_time(Duration::from_millis(20), slow), "in time");
        assert_eq!(in_time(second, || Answer::Pass), Answer::Pass);
    }
}
