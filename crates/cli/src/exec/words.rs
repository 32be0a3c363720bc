//! What `vidimus exec` says, where it takes more than a line.

use std::path::{Path, PathBuf};

use vidimus_client::home::Home;
use vidimus_protocol::Time;
use vidimus_protocol::action::{Command, File, Stdin, Target};

use crate::out::{quote, quote_all, visible};

/// What is asked for, before anything is waited for. The environment stands
/// there whole.
pub(crate) fn asked(command: &Command, target: &Target) -> Vec<String> {
    let mut lines = vec![
        format!("  command      {}", quoted(&command.argv)),
        format!("  program      {}", file(&command.program)),
    ];
    if let Some(interpreter) = &command.interpreter {
        lines.push(format!("  interpreter  {}", file(&interpreter.file)));
    }
    if let Some(script) = command.script.as_ref().filter(|script| script.argument > 0) {
        lines.push(format!("  script       {}", file(&script.file)));
    }
    for argument in &command.files {
        let name = format!("argument {}", argument.argument);
        lines.push(format!("  {name:<12} {}", file(&argument.file)));
    }
    if let Stdin::Bound(input) = &command.stdin {
        lines.push(format!(
            "  input        {} bytes  sha256:{}",
            input.size, input.sha256
        ));
    }
    lines.push(format!("  folder       {}", quote(&command.cwd)));
    lines.push(format!(
        "  as           {} on {}",
        visible(&command.user),
        visible(&target.system)
    ));
    for (number, var) in command.env.iter().enumerate() {
        let head = if number == 0 { "environment" } else { "" };
        let value = var
            .value
            .as_ref()
            .map_or_else(|| "(bound, not shown)".into(), |value| quote(value));
        lines.push(format!("  {head:<11}  {}={value}", visible(&var.name)));
    }
    lines.push(format!(
        "  not bound    {} points, which the reviewer sees listed",
        command.not_bound.len()
    ));
    lines
}

fn quoted(argv: &[String]) -> String {
    quote_all(argv.iter().map(String::as_str))
}

fn file(file: &File) -> String {
    format!("{}  sha256:{}", quote(&file.path), file.sha256)
}

/// A span such as `2 h 05 min`, `4 min 07 s` or `9 s`.
pub(crate) fn span(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {:02} s", seconds % 60),
        _ => format!("{hours} h {minutes:02} min"),
    }
}

/// Seconds from `now` until `then`; 0 when it is over.
pub(crate) fn seconds_until(then: Time, now: Time) -> u64 {
    then.unix_ms().saturating_sub(now.unix_ms()).div_ceil(1000)
}

/// What is said of what has its quorum and waits out its grace time.
pub(crate) fn starts(at: Time, now: Time) -> String {
    let left = span(seconds_until(at, now));
    format!("approved; starts in {left} unless somebody denies")
}

/// A command line of our own: with the very program, home folder and
/// authorities of this run. The first word is the subcommand.
pub(crate) fn line(home: &Home, tls_ca: Option<&Path>, words: &[&str]) -> String {
    let program = std::env::args_os().next().map(PathBuf::from);
    let program = program
        .filter(|path| path.components().count() > 1)
        .and_then(|path| std::path::absolute(path).ok())
        .map_or_else(|| "vidimus".into(), |path| path.display().to_string());
    let home = home.root().map(|path| path.display().to_string());
    let ca = tls_ca.map(|path| path.display().to_string());
    let ca = ca.as_deref().map(|ca| ["--tls-ca", ca]);
    let mut words = words.to_vec();
    // Behind the subcommand, whose option it is.
    words.splice(1..1, ca.into_iter().flatten());
    own_line(&program, home.as_deref(), &words)
}

fn own_line(program: &str, home: Option<&str>, words: &[&str]) -> String {
    let home = home.map(|home| ["--home", home]);
    let head = std::iter::once(program).chain(home.into_iter().flatten());
    quote_all(head.chain(words.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vidimus_protocol::Digest;
    use vidimus_protocol::action::{self, EnvVar};

    #[test]
    fn what_can_still_be_stopped_says_until_when() {
        let now = Time::from_unix_ms(10_000);
        let words = "approved; starts in 25 s unless somebody denies";
        assert_eq!(starts(now.plus_seconds(25), now), words);
    }

    #[test]
    fn everything_that_is_asked_is_said_and_secrets_are_not() {
        let file = File {
            path: "/bin/rm".into(),
            sha256: Digest([1; 32]),
            size: 1,
        };
        let (command, target) = (
            Command {
                argv: vec!["rm".into(), "a b".into(), "\u{1b}[2J".into()],
                cwd: "/srv".into(),
                env: vec![
                    EnvVar {
                        commit: None,
                        name: "PATH".into(),
                        value: Some("/bin".into()),
                    },
                    EnvVar {
                        commit: Some(Digest([2; 32])),
                        name: "TOKEN".into(),
                        value: None,
                    },
                ],
                files: vec![],
                interpreter: None,
                not_bound: vec!["the network".into()],
                program: file,
                script: None,
                stdin: Stdin::Bound(Box::new(action::Input {
                    sha256: Digest([4; 32]),
                    size: 7,
                    text: None,
                })),
                uid: 0,
                user: "root".into(),
            },
            Target {
                environment: "local".into(),
                resource: "/srv".into(),
                system: "host".into(),
            },
        );
        let text = asked(&command, &target).join("\n");
        for wanted in [
            r"rm 'a b' $'\x1b[2J'",
            "/bin/rm  sha256:0101",
            "environment  PATH=/bin",
            "TOKEN=(bound, not shown)",
            "folder       /srv",
            "input        7 bytes  sha256:0404",
            "root on host",
        ] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn spans() {
        assert_eq!(span(9), "9 s");
        assert_eq!(span(247), "4 min 07 s");
        assert_eq!(span(7500), "2 h 05 min");
        let then = Time::from_unix_ms(10_001);
        assert_eq!(seconds_until(then, Time::from_unix_ms(9_000)), 2);
        assert_eq!(seconds_until(then, Time::from_unix_ms(99_000)), 0);
    }

    #[test]
    fn a_line_of_our_own_can_be_copied() {
        let words = ["exec", "--resume", "act_0"];
        assert_eq!(
            own_line("/opt/my tools/vidimus", Some("/tmp/h"), &words),
            "'/opt/my tools/vidimus' --home /tmp/h exec --resume act_0"
        );
        assert_eq!(
            own_line("vidimus", None, &words),
            "vidimus exec --resume act_0"
        );
    }
}
