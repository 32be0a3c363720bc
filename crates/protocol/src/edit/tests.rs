#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::action::{ArgFile, EnvVar, File, FileChange, FileState, Input, Script, Target};
use crate::bytes::Digest;
use crate::diff::{self, Difference};
use serde_json::json;

fn file(path: &str) -> File {
    File {
        path: path.into(),
        sha256: Digest([1; 32]),
        size: 9,
    }
}

/// `bash -e x.sh data.csv --force`, with the script and the data bound.
fn sample() -> Action {
    let text = "one\ntwo\n";
    Action {
        payload: Payload::Command(Box::new(Command {
            argv: ["bash", "-e", "x.sh", "data.csv", "--force"]
                .map(String::from)
                .to_vec(),
            cwd: "/srv".into(),
            env: vec![
                EnvVar {
                    commit: None,
                    name: "REGION".into(),
                    value: Some("eu".into()),
                },
                EnvVar {
                    commit: Some(Digest([7; 32])),
                    name: "TOKEN".into(),
                    value: None,
                },
            ],
            files: vec![ArgFile {
                argument: 3,
                file: file("/srv/data.csv"),
            }],
            interpreter: None,
            not_bound: vec!["the network".into()],
            program: file("/bin/bash"),
            script: Some(Script {
                argument: 2,
                file: file("/srv/x.sh"),
                text: None,
            }),
            stdin: Stdin::Bound(Box::new(Input {
                sha256: sha256(&[text.as_bytes()]),
                size: 8,
                text: Some(text.into()),
            })),
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

fn change(after: Option<Value>) -> Action {
    Action {
        payload: Payload::Json(Box::new(Change {
            after,
            before: Some(json!({"size": 2})),
            operation: "resize".into(),
        })),
        target: sample().target,
    }
}

fn text(id: &str, text: &str) -> Filled {
    Filled {
        id: id.into(),
        content: NewContent::Text(text.into()),
    }
}

/// Words as they would come back: old ones by their position.
fn words(words: &[(Option<usize>, &str)]) -> Filled {
    let words = words.iter().map(|(from, text)| NewWord {
        from: *from,
        text: (*text).into(),
    });
    Filled {
        id: "arguments".into(),
        content: NewContent::Words(words.collect()),
    }
}

fn said(before: &Action, after: &Action) -> Vec<(String, Option<String>, Option<String>)> {
    let found = diff::of_actions(before, after).into_iter();
    found
        .map(
            |Difference {
                 what,
                 before,
                 after,
             }| (what, before, after),
        )
        .collect()
}

fn row(what: &str, before: &str, after: &str) -> (String, Option<String>, Option<String>) {
    let side = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (what.into(), side(before), side(after))
}

#[test]
fn what_may_be_changed_is_listed_with_what_stays() {
    let all = fields(&sample());
    let ids: Vec<_> = all.iter().map(|field| field.id.as_str()).collect();
    assert_eq!(ids, ["arguments", "input", "env.REGION"]);
    let Content::Words(words) = &all[0].content else {
        panic!("a list");
    };
    let fixed: Vec<_> = words.iter().map(|word| word.fixed.is_some()).collect();
    assert_eq!(fixed, [true, false, true, true, false]);
    assert_eq!(
        fields(&change(None))[0].content,
        Content::Json(String::new())
    );
}

#[test]
fn what_cannot_be_edited_differs_as_a_whole() {
    let whole = said(&sample(), &change(None));
    assert_eq!(whole, [row("the whole action", "command", "json")]);
    let state = |text: &str| FileState {
        mode: "0644".into(),
        sha256: crate::sha256(&[text.as_bytes()]),
        size: 1,
        text: None,
    };
    let file = |text: &str| Action {
        payload: Payload::FileChange(Box::new(FileChange {
            after: state(text),
            before: None,
            path: "/x".into(),
            uid: 0,
            user: "root".into(),
        })),
        target: sample().target,
    };
    assert_eq!(said(&file("a"), &file("a")), []);
    let whole = said(&file("a"), &file("b"));
    assert_eq!(
        whole,
        [row("the whole action", "file.change", "file.change")]
    );
}

#[test]
fn arguments_are_changed_added_and_removed_and_files_follow() {
    let filled = words(&[
        (Some(0), "bash"),
        (None, "-x"),
        (Some(1), "-u"),
        (Some(2), "x.sh"),
        (Some(3), "data.csv"),
    ]);
    let edited = apply(&sample(), &[filled]).unwrap();
    let command = edited.command().unwrap();
    assert_eq!(command.argv, ["bash", "-x", "-u", "x.sh", "data.csv"]);
    assert_eq!(command.script.as_ref().unwrap().argument, 3);
    assert_eq!(command.files[0].argument, 4);
    assert_eq!(check(&sample(), &edited), Ok(()));
    assert_eq!(
        said(&sample(), &edited),
        [
            row("argument 1", "-e", "-x"),
            row("argument 2", "x.sh", "-u"),
            row("argument 3", "data.csv", "x.sh"),
            row("argument 4", "--force", "data.csv"),
        ]
    );
}

#[test]
fn input_variables_and_what_will_be_there_are_changed() {
    let filled = [text("input", "one\n2\ntwo\n"), text("env.REGION", "us")];
    let edited = apply(&sample(), &filled).unwrap();
    let Stdin::Bound(input) = &edited.command().unwrap().stdin else {
        panic!("bound");
    };
    assert_eq!(
        (input.size, input.sha256),
        (10, sha256(&[b"one\n2\ntwo\n"]))
    );
    assert_eq!(
        said(&sample(), &edited),
        [
            row("standard input, line 2", "", "2\n"),
            row("variable REGION", "eu", "us"),
        ]
    );
    let before = change(Some(json!({"size": 8, "class": "a"})));
    let edited = apply(&before, &[text("after", r#"{"class": "a", "size": 4}"#)]).unwrap();
    assert_eq!(edited, change(Some(json!({"size": 4, "class": "a"}))));
    assert_eq!(said(&before, &edited), [row("after: size", "8", "4")]);
    let removed = apply(&before, &[text("after", " ")]).unwrap();
    assert_eq!(removed, change(None));
}

#[test]
fn what_is_no_edit_is_refused() {
    let long = "x".repeat(MAX_INPUT + 1);
    let fixed = |why| EditError::Fixed(why);
    let unknown = |id: &str| EditError::UnknownField(id.into());
    let whole = [
        (Some(0), "bash"),
        (Some(1), "-e"),
        (Some(2), "x.sh"),
        (Some(3), "data.csv"),
    ];
    let with = |at: usize, word| {
        let mut words = whole;
        words[at] = word;
        words
    };
    let cases = [
        (vec![], EditError::Unchanged),
        (vec![text("env.REGION", "eu")], EditError::Unchanged),
        (vec![words(&[])], fixed(PROGRAM_STAYS)),
        (vec![words(&with(0, (Some(0), "sh")))], fixed(PROGRAM_STAYS)),
        (vec![words(&with(0, (None, "bash")))], fixed(PROGRAM_STAYS)),
        (vec![words(&with(2, (Some(2), "y.sh")))], fixed(FILE_STAYS)),
        (vec![words(&with(3, (None, "data.csv")))], fixed(FILE_STAYS)),
        (vec![words(&whole[..3])], fixed(FILE_STAYS)),
        (
            vec![words(&[whole[0], whole[3], whole[1], whole[2]])],
            fixed(FILE_STAYS),
        ),
        (vec![text("env.TOKEN", "clear")], unknown("env.TOKEN")),
        (vec![text("env.PATH", "/bin")], unknown("env.PATH")),
        (vec![text("cwd", "/")], unknown("cwd")),
        (vec![text("arguments", "x")], unknown("arguments")),
        (
            vec![text("input", &long)],
            EditError::InputTooLong(MAX_INPUT + 1),
        ),
    ];
    for (filled, why) in cases {
        assert_eq!(apply(&sample(), &filled), Err(why), "{filled:?}");
    }
    let nul = apply(&sample(), &[text("env.REGION", "a\0")]);
    assert!(matches!(nul, Err(EditError::Action(_))), "{nul:?}");
    for bad in ["{", "null", "1.5", r#"{"a":1,"a":2}"#] {
        let refused = apply(&change(Some(json!(1))), &[text("after", bad)]);
        assert!(
            matches!(refused, Err(EditError::Json(_))),
            "{bad}: {refused:?}"
        );
    }
    // A change of nothing to nothing is no change.
    let mut nothing = change(Some(json!(1)));
    if let Payload::Json(change) = &mut nothing.payload {
        change.before = None;
    }
    let refused = apply(&nothing, &[text("after", "")]);
    assert!(matches!(refused, Err(EditError::Action(_))), "{refused:?}");
}

/// Whatever else differs makes it no edit, however it came about.
#[test]
fn everything_else_stays() {
    type Change = fn(&mut Command, &mut Target);
    let changes: [(&str, Change); 13] = [
        ("cwd", |c, _| c.cwd = "/".into()),
        ("program", |c, _| c.program.sha256 = Digest([2; 32])),
        ("script", |c, _| c.script = None),
        ("script's place", |c, _| {
            c.script.as_mut().unwrap().argument = 1
        }),
        ("file", |c, _| c.files[0].file.path = "/etc/shadow".into()),
        ("file's place", |c, _| c.files[0].argument = 4),
        ("no file", |c, _| c.files.clear()),
        ("another variable", |c, _| c.env[0].name = "A".into()),
        ("no variable", |c, _| drop(c.env.remove(0))),
        ("secret", |c, _| c.env[1].commit = Some(Digest([8; 32]))),
        ("input", |c, _| c.stdin = Stdin::Inherited),
        ("user", |c, _| c.uid = 7),
        ("system", |_, target| target.system = "other".into()),
    ];
    for (what, change) in changes {
        let mut edited = sample();
        let Payload::Command(command) = &mut edited.payload else {
            panic!("a command");
        };
        change(command, &mut edited.target);
        let refused = check(&sample(), &edited);
        assert!(
            matches!(refused, Err(EditError::Fixed(_))),
            "{what}: {refused:?}"
        );
    }
    let other = check(&sample(), &change(Some(json!(1))));
    assert_eq!(other, Err(EditError::Fixed(REST_STAYS)));
    let mut other = change(Some(json!(1)));
    if let Payload::Json(change) = &mut other.payload {
        change.operation = "drop".into();
    }
    assert_eq!(
        check(&change(Some(json!(1))), &other),
        Err(EditError::Fixed(REST_STAYS))
    );
}
