#![allow(clippy::unwrap_used)]
use super::*;
use serde_json::{Value, json};

mod kinds;

fn sample() -> Action {
    let script = File {
        path: "/srv/x.sh".into(),
        sha256: crate::sha256(&[b"echo\n"]),
        size: 5,
    };
    Action {
        payload: Payload::Command(Box::new(Command {
            argv: vec!["bash".into(), "x.sh".into(), "été".into()],
            cwd: "/srv".into(),
            env: vec![
                EnvVar {
                    name: "HOME".into(),
                    value: Some("/root".into()),
                    commit: None,
                },
                EnvVar {
                    name: "TOKEN".into(),
                    value: None,
                    commit: Some(Digest([7; 32])),
                },
            ],
            files: vec![],
            interpreter: None,
            not_bound: vec!["the network".into()],
            program: File {
                path: "/bin/bash".into(),
                sha256: Digest([1; 32]),
                size: 9,
            },
            script: Some(Script {
                argument: 1,
                file: script,
                text: Some("echo\n".into()),
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

fn command(action: &mut Action) -> &mut Command {
    match &mut action.payload {
        Payload::Command(command) => command,
        _ => panic!("the sample is a command"),
    }
}

fn change(operation: &str, before: Option<Value>, after: Option<Value>) -> Action {
    Action {
        payload: Payload::Json(Box::new(Change {
            after,
            before,
            operation: operation.into(),
        })),
        target: sample().target,
    }
}

#[test]
fn round_trip() {
    let mut bound = sample();
    command(&mut bound).stdin = Stdin::Bound(Box::new(Input {
        sha256: crate::sha256(&[b"y\n"]),
        size: 2,
        text: Some("y\n".into()),
    }));
    let removed = change("remove", Some(json!({"b": [1, null], "a": "x"})), None);
    let made = change("make", None, Some(json!(0)));
    for action in [sample(), bound, removed, made] {
        assert_eq!(Action::parse(&action.to_bytes()), Ok(action));
    }
}

#[test]
fn the_proposers_own_json_has_one_spelling_too() {
    let action = |after: &str| {
        let target = r#"{"environment":"e","resource":"r","system":"s"}"#;
        format!(
            r#"{{"kind":"json","payload":{{"after":{after},"operation":"set"}},"target":{target}}}"#
        )
    };
    let parse = |after: &str| Action::parse(action(after).as_bytes());
    // RFC 8785 orders keys by UTF-16 units, not by code points.
    assert!(parse("{\"\u{1f600}\":1,\"\u{e000}\":2}").is_ok());
    for (what, after) in [
        ("code points", "{\"\u{e000}\":2,\"\u{1f600}\":1}"),
        ("order", r#"{"b":1,"a":1}"#),
        ("twice", r#"{"a":1,"a":1}"#),
        ("fraction", r#"{"a":1.5}"#),
        ("negative", r#"{"a":-1}"#),
        ("too great", r#"{"a":9007199254740993}"#),
        ("null", "null"),
        ("space", "[1, 2]"),
        ("escape", r#""\u0061""#),
    ] {
        assert!(
            matches!(parse(after), Err(ActionError::Strict(_))),
            "{what}: {after}"
        );
    }
    let as_command = action("1").replace("json", "command");
    assert!(Action::parse(as_command.as_bytes()).is_err());
}

#[test]
fn a_change_says_what_changes() {
    let rule = |action: Action| match Action::parse(&action.to_bytes()) {
        Err(ActionError::Rule(why)) => why,
        other => panic!("{other:?}"),
    };
    let one = || Some(json!(1));
    assert!(rule(change("set", None, None)).contains("neither"));
    assert!(rule(change(" ", None, one())).contains("1 to 200"));
    assert!(rule(change(&"x".repeat(201), None, one())).contains("1 to 200"));
    assert!(rule(change("a\nb", None, one())).contains("control"));
}

#[test]
fn fields_stand_in_order_and_other_spellings_are_refused() {
    let mut action = sample();
    let program = command(&mut action).program.clone();
    command(&mut action).files.push(ArgFile {
        argument: 2,
        file: program,
    });
    let bytes = action.to_bytes();
    assert_eq!(serde_json::to_vec(&action).unwrap(), bytes);
    let text = String::from_utf8(bytes).unwrap();
    for (what, other) in [
        ("space", text.replacen(':', ": ", 1)),
        ("twice", text.replacen('{', r#"{"kind":"command","#, 1)),
        ("escape", text.replacen("bash", r"b\u0061sh", 1)),
        (
            "null",
            text.replacen(r#""files""#, r#""interpreter":null,"files""#, 1),
        ),
        ("unknown", text.replacen('{', r#"{"a":1,"#, 1)),
    ] {
        assert!(
            matches!(Action::parse(other.as_bytes()), Err(ActionError::Strict(_))),
            "{what}"
        );
    }
    command(&mut action).program.size = strict::MAX_SAFE + 1;
    let bytes = serde_json::to_vec(&action).unwrap();
    assert!(Action::parse(&bytes).is_err());
    let context = Context {
        intent: Some("é".into()),
        on_behalf_of: Some("a".into()),
    };
    assert_eq!(serde_json::to_vec(&context).unwrap(), context.to_bytes());
}

#[test]
fn each_rule_refuses() {
    type Case = (&'static str, fn(&mut Command));
    let cases: [Case; 16] = [
        ("argv is empty", |c| {
            c.argv.clear();
            c.script = None;
        }),
        ("argv NUL", |c| c.argv[2] = "a\0b".into()),
        ("relative cwd", |c| c.cwd = "srv".into()),
        ("relative program", |c| c.program.path = "bash".into()),
        ("relative script", |c| {
            c.script.as_mut().unwrap().file.path = "x.sh".into()
        }),
        ("relative file", |c| {
            let mut file = c.program.clone();
            file.path = String::new();
            c.files.push(ArgFile { argument: 1, file });
        }),
        ("script position", |c| {
            c.script.as_mut().unwrap().argument = 3
        }),
        ("file position", |c| {
            c.files.push(ArgFile {
                argument: 9,
                file: c.program.clone(),
            })
        }),
        ("unsorted", |c| c.env.reverse()),
        ("twice", |c| c.env[1].name = "HOME".into()),
        ("neither", |c| c.env[0].value = None),
        ("name", |c| c.env[0].name = "A=B".into()),
        ("interpreter without its script", |c| {
            c.interpreter = Some(Interpreter {
                argument: None,
                file: c.program.clone(),
            });
        }),
        ("text differs", |c| {
            c.script.as_mut().unwrap().text = Some("evil\n".into())
        }),
        ("input differs", |c| {
            c.stdin = Stdin::Bound(Box::new(Input {
                sha256: crate::sha256(&[b"y"]),
                size: 1,
                text: Some("n".into()),
            }));
        }),
        ("input of another size", |c| {
            c.stdin = Stdin::Bound(Box::new(Input {
                sha256: crate::sha256(&[b"y"]),
                size: 2,
                text: Some("y".into()),
            }));
        }),
    ];
    for (what, break_it) in cases {
        let mut action = sample();
        break_it(command(&mut action));
        assert!(
            matches!(Action::parse(&action.to_bytes()), Err(ActionError::Rule(_))),
            "{what}"
        );
    }
}
