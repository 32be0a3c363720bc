//! Names what differs between the action that was approved and the one that
//! would run.

use vidimus_protocol::action::{Action, Command, EnvVar, File, FileState, Payload};

/// One line for each difference; empty when both are the same.
pub(crate) fn differences(approved: &Action, now: &Action) -> Vec<String> {
    if approved == now {
        return Vec::new();
    }
    let mut lines = beside(&approved.payload, &now.payload);
    if let (Some(was), Some(is)) = (approved.command(), now.command()) {
        commands(&mut lines, was, is);
    }
    let [was, is] = [approved, now].map(|action| &action.target.system);
    text(&mut lines, "machine", was, is);
    if lines.is_empty() {
        lines.push("the action".into());
    }
    lines
}

/// What differs in what stands beside a command, or in place of one: how
/// things stand has changed since they were looked at.
fn beside(was: &Payload, is: &Payload) -> Vec<String> {
    let mut lines = Vec::new();
    match (was, is) {
        (Payload::GitPush(was), Payload::GitPush(is)) => {
            let end = |id: &Option<String>| id.clone().unwrap_or_else(|| "not there".into());
            for (was, is) in was.refs.iter().zip(&is.refs) {
                if was.old != is.old {
                    lines.push(format!(
                        "`{}` of the remote: now {}, approved {}",
                        was.name,
                        end(&is.old),
                        end(&was.old)
                    ));
                }
            }
        }
        (Payload::Sql(was), Payload::Sql(is)) => {
            let unreachable = "not reachable".to_owned();
            let name = |database: &Option<String>| database.clone().unwrap_or(unreachable.clone());
            text(
                &mut lines,
                "database",
                &name(&was.database),
                &name(&is.database),
            );
            if was.statements != is.statements {
                lines.push("the statements".into());
            }
        }
        (Payload::TerraformPlan(was), Payload::TerraformPlan(is)) => {
            for (was, is) in pairs(&was.changes, &is.changes, |one| &one.address) {
                if was != is {
                    let name = was.or(is).map_or("", |one| one.address.as_str());
                    lines.push(format!("`{name}` would change otherwise than approved"));
                }
            }
            for (was, is) in pairs(&was.outputs, &is.outputs, |one| &one.name) {
                if was != is {
                    let name = was.or(is).map_or("", |one| one.name.as_str());
                    lines.push(format!(
                        "the output `{name}` would be another than approved"
                    ));
                }
            }
            text(&mut lines, "Terraform's version", &was.version, &is.version);
        }
        (Payload::FileChange(was), Payload::FileChange(is)) => {
            let state = |state: &Option<FileState>| {
                let words =
                    |state: &FileState| format!("mode {}, SHA-256 {}", state.mode, state.sha256);
                state.as_ref().map_or_else(|| "not there".into(), words)
            };
            let what = format!("`{}` before it is written", was.path);
            text(&mut lines, &what, &state(&was.before), &state(&is.before));
            text(
                &mut lines,
                "what is written",
                &state(&Some(was.after.clone())),
                &state(&Some(is.after.clone())),
            );
        }
        _ if was != is && std::mem::discriminant(was) != std::mem::discriminant(is) => {
            lines.push("the kind of action".into());
        }
        _ => {}
    }
    lines
}

/// Those of the same name together.
fn pairs<'a, T>(
    was: &'a [T],
    is: &'a [T],
    name: impl Fn(&T) -> &String,
) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let find = |among: &'a [T], wanted: &T| among.iter().find(|one| name(one) == name(wanted));
    let known = was.iter().map(|one| (Some(one), find(is, one)));
    let new = is.iter().filter(|one| find(was, one).is_none());
    known.chain(new.map(|one| (None, Some(one)))).collect()
}

fn commands(lines: &mut Vec<String>, was: &Command, is: &Command) {
    if was.argv != is.argv {
        lines.push(format!("arguments: {:?}, approved {:?}", is.argv, was.argv));
    }
    text(lines, "working directory", &was.cwd, &is.cwd);
    environment(lines, &was.env, &is.env);
    file(lines, "program", Some(&was.program), Some(&is.program));
    let interpreters = [was, is].map(|command| command.interpreter.as_ref());
    let files = interpreters.map(|found| found.map(|one| &one.file));
    file(lines, "interpreter", files[0], files[1]);
    let arguments = interpreters.map(|found| found.and_then(|one| one.argument.as_ref()));
    if arguments[0] != arguments[1] {
        lines.push("the argument in the `#!` line".into());
    }
    let scripts = [was, is].map(|command| command.script.as_ref());
    let files = scripts.map(|found| found.map(|one| &one.file));
    file(lines, "script", files[0], files[1]);
    let positions = was.files.iter().chain(&is.files).map(|file| file.argument);
    let mut positions: Vec<_> = positions.collect();
    positions.sort_unstable();
    positions.dedup();
    for position in positions {
        let [old, new] = [was, is].map(|command| {
            let found = command.files.iter().find(|one| one.argument == position);
            found.map(|one| &one.file)
        });
        file(lines, &format!("argument {position}"), old, new);
    }
    if was.stdin != is.stdin {
        lines.push("standard input".into());
    }
    if (was.uid, &was.user) != (is.uid, &is.user) {
        lines.push(format!(
            "user: `{}` ({}), approved `{}` ({})",
            is.user, is.uid, was.user, was.uid
        ));
    }
    if was.not_bound != is.not_bound {
        lines.push("the list of what is not bound".into());
    }
}

fn text(lines: &mut Vec<String>, what: &str, was: &str, is: &str) {
    if was != is {
        lines.push(format!("{what}: `{is}`, approved `{was}`"));
    }
}

fn file(lines: &mut Vec<String>, what: &str, was: Option<&File>, is: Option<&File>) {
    match (was, is) {
        (None, None) => {}
        (Some(was), Some(is)) if was == is => {}
        (Some(was), Some(is)) if was.path == is.path => lines.push(format!(
            "{what}: the content of `{}` is another (SHA-256 {}, approved {})",
            is.path, is.sha256, was.sha256
        )),
        (Some(was), Some(is)) => {
            lines.push(format!("{what}: `{}`, approved `{}`", is.path, was.path));
        }
        (Some(was), None) => lines.push(format!("{what}: `{}` is not there", was.path)),
        (None, Some(is)) => lines.push(format!("{what}: `{}` was not there", is.path)),
    }
}

fn environment(lines: &mut Vec<String>, was: &[EnvVar], is: &[EnvVar]) {
    let mut names: Vec<_> = was.iter().chain(is).map(|var| &var.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let [old, new] = [was, is].map(|vars| vars.iter().find(|var| var.name == *name));
        if old == new {
            continue;
        }
        let secret = [old, new]
            .iter()
            .any(|var| var.is_some_and(|var| var.commit.is_some()));
        if secret {
            lines.push(format!(
                "environment: the secret `{name}` has another value"
            ));
        } else {
            lines.push(format!("environment: `{name}` differs"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_protocol::Digest;
    use vidimus_protocol::action::{ArgFile, Interpreter, Script, Stdin, Target};

    /// What a case changes, and how.
    type Case = (&'static str, fn(&mut Command, &mut Target));

    fn sample() -> Action {
        let file = |path: &str| File {
            path: path.into(),
            sha256: Digest([1; 32]),
            size: 1,
        };
        Action {
            payload: Payload::Command(Box::new(Command {
                argv: vec!["./x".into(), "a.txt".into()],
                cwd: "/srv".into(),
                env: vec![EnvVar {
                    commit: None,
                    name: "PATH".into(),
                    value: Some("/bin".into()),
                }],
                files: vec![ArgFile {
                    argument: 1,
                    file: file("/srv/a.txt"),
                }],
                interpreter: Some(Interpreter {
                    argument: None,
                    file: file("/bin/sh"),
                }),
                not_bound: vec!["the network".into()],
                program: file("/srv/x"),
                script: Some(Script {
                    argument: 0,
                    file: file("/srv/x"),
                    text: None,
                }),
                stdin: Stdin::Null,
                uid: 0,
                user: "root".into(),
            })),
            target: Target {
                environment: "local".into(),
                resource: "/srv".into(),
                system: "host".into(),
            },
        }
    }

    #[test]
    fn each_field_is_named() {
        assert_eq!(differences(&sample(), &sample()), Vec::<String>::new());
        let cases: [Case; 14] = [
            ("arguments", |c, _| c.argv.push("-f".into())),
            ("working directory", |c, _| c.cwd = "/tmp".into()),
            ("`PATH` differs", |c, _| {
                c.env[0].value = Some("/tmp".into());
            }),
            ("environment: `LD_PRELOAD`", |c, _| {
                c.env[0].name = "LD_PRELOAD".into();
            }),
            ("secret `PATH`", |c, _| {
                c.env[0].value = None;
                c.env[0].commit = Some(Digest([2; 32]));
            }),
            ("program: the content", |c, _| {
                c.program.sha256 = Digest([2; 32]);
            }),
            ("interpreter: `/bin/evil`", |c, _| {
                c.interpreter.as_mut().unwrap().file.path = "/bin/evil".into();
            }),
            ("`#!` line", |c, _| {
                c.interpreter.as_mut().unwrap().argument = Some("-x".into());
            }),
            ("script: `/srv/x` is not there", |c, _| c.script = None),
            ("argument 1", |c, _| c.files[0].file.size = 2),
            ("standard input", |c, _| c.stdin = Stdin::Inherited),
            ("user: `ada` (7)", |c, _| {
                c.uid = 7;
                c.user = "ada".into();
            }),
            ("not bound", |c, _| c.not_bound.clear()),
            ("machine: `other`", |_, t| t.system = "other".into()),
        ];
        for (wanted, change) in cases {
            let mut now = sample();
            let Payload::Command(command) = &mut now.payload else {
                panic!("the sample is a command");
            };
            change(command, &mut now.target);
            let lines = differences(&sample(), &now);
            assert!(
                lines.iter().any(|line| line.contains(wanted)),
                "{wanted}: {lines:?}"
            );
        }
        let mut now = sample();
        now.target.environment = "elsewhere".into();
        assert_eq!(differences(&sample(), &now), ["the action"]);
    }
}
