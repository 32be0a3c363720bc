#![allow(clippy::unwrap_used)]
use super::*;
use vidimus_protocol::action::{EnvVar, File, Input, Script, Target};
use vidimus_protocol::{Digest, sha256};

/// `bash deploy.sh prod` in `/srv`.
pub(crate) fn sample(script: &str) -> Action {
    Action {
        payload: Payload::Command(Box::new(Command {
            argv: vec!["bash".into(), "deploy.sh".into(), "prod".into()],
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
                file: File {
                    path: "/srv/deploy.sh".into(),
                    sha256: sha256(&[script.as_bytes()]),
                    size: script.len() as u64,
                },
                text: Some(script.into()),
            }),
            stdin: Stdin::Null,
            uid: 0,
            user: "root".into(),
        })),
        target: Target {
            environment: "local".into(),
            resource: "/srv".into(),
            system: "box".into(),
        },
    }
}

fn command_of(action: &mut Action) -> &mut Command {
    match &mut action.payload {
        Payload::Command(command) => command,
        _ => panic!("the sample is a command"),
    }
}

fn shown(action: &Action) -> CommandView {
    match what(action) {
        WhatView::Command(view) => *view,
        _ => panic!("the sample is a command"),
    }
}

fn known() -> Known {
    Known {
        agent: "builder".into(),
        agent_id: "agt_x".into(),
        owner: "Ada".into(),
        proposed_at: Time::from_unix_ms(1_795_253_400_000),
        payload_size: 7,
    }
}

pub(crate) fn plain(text: &SafeText) -> String {
    text.spans
        .iter()
        .map(|span| match span {
            crate::view::Span::Plain { text } => text.clone(),
            crate::view::Span::Mark { label, .. } => format!("<{label}>"),
        })
        .collect()
}

#[test]
fn the_title_names_what_is_executed() {
    let mut action = sample("echo\n");
    assert_eq!(title(&action), "bash deploy.sh prod");
    command_of(&mut action).argv = vec![
        "ls".into(),
        "a b".into(),
        "it's".into(),
        "".into(),
        "$(x)".into(),
    ];
    assert_eq!(title(&action), r"/bin/bash 'a b' 'it'\''s' '' '$(x)'");
    let facts = computed(&action, &known());
    assert_eq!(facts[0].label, "Called as");
    assert_eq!(plain(&facts[0].value), "ls");
}

#[test]
fn everything_bound_is_shown_and_secrets_are_not() {
    let view = shown(&sample("a\n\tb\n"));
    let script = view.script.unwrap();
    assert_eq!(
        script.lines.unwrap().iter().map(plain).collect::<Vec<_>>(),
        ["a", "\tb"]
    );
    assert_eq!(script.file.sha256, sha256(&[b"a\n\tb\n"]).to_string());
    assert_eq!(view.env[1].value, None);
    assert_eq!(view.not_bound, ["the network"]);
    assert_eq!(view.argv.len(), 3);
}

#[test]
fn bound_input_is_shown_and_its_marks_count() {
    let mut action = sample("x");
    let text = "yes\u{200b}\n";
    command_of(&mut action).stdin = Stdin::Bound(Box::new(Input {
        sha256: sha256(&[text.as_bytes()]),
        size: 7,
        text: Some(text.into()),
    }));
    let input = shown(&action).input.unwrap();
    assert_eq!(input.lines.unwrap().len(), 1);
    assert_eq!(marks(&what(&action), &[]), 1);
    let Stdin::Bound(input) = &mut command_of(&mut action).stdin else {
        panic!("it is bound");
    };
    input.text = None;
    assert!(shown(&action).input.unwrap().omitted.is_some());
}

#[test]
fn a_change_has_a_title_and_a_place() {
    let change = action::Change {
        after: Some(1.into()),
        before: None,
        operation: "rotate_key".into(),
    };
    let action = Action {
        payload: Payload::Json(Box::new(change)),
        target: sample("x").target,
    };
    assert_eq!(title(&action), "rotate_key");
    assert_eq!(target_line(&action), "box · /srv · local");
    let labels: Vec<_> = computed(&action, &known())
        .into_iter()
        .map(|fact| fact.label)
        .collect();
    assert_eq!(labels, ["Agent", "Acts for", "Proposed", "Signed bytes"]);
}

#[test]
fn a_script_without_text_says_why() {
    let mut action = sample("x");
    command_of(&mut action).script.as_mut().unwrap().text = None;
    let script = shown(&action).script.unwrap();
    assert!(script.lines.is_none() && script.omitted.is_some());
}

#[test]
fn a_resource_that_is_not_the_folder_is_pointed_out() {
    let mut action = sample("x");
    assert!(
        computed(&action, &known())
            .iter()
            .all(|fact| fact.label != "Says it acts on")
    );
    action.target.resource = "staging".into();
    assert_eq!(computed(&action, &known())[0].label, "Says it acts on");
    assert_eq!(target_line(&action), "box:/srv");
}

#[test]
fn marks_are_counted_everywhere() {
    let mut action = sample("ok\n\u{202e}evil\u{200b}\n");
    command_of(&mut action).argv[2] = "pr\u{43e}d".into();
    command_of(&mut action).env[0].value = Some("/root ".into());
    command_of(&mut action).cwd = "/s\u{ad}rv".into();
    let context = Context {
        intent: Some("trust\u{200d} me".into()),
        ..Context::default()
    };
    let facts = claims(Some(&context), None);
    assert_eq!(marks(&what(&action), &[&facts]), 6);
    assert_eq!(marks(&what(&sample("ok")), &[]), 0);
}

#[test]
fn words_for_times_and_durations() {
    assert_eq!(
        time_words(Time::from_unix_ms(1_795_253_400_000)),
        "2026-11-21 09:30:00 UTC"
    );
    assert_eq!(duration_words(0), "0 s");
    assert_eq!(duration_words(900), "15 min");
    assert_eq!(duration_words(3_905), "1 h 5 min 5 s");
}

#[test]
fn the_policy_speaks_in_sentences() {
    let evaluation = Evaluation {
        decision: Decision::Ask,
        quorum: 1,
        reasons: vec!["Every action is asked for.".into()],
        ttl_s: 900,
        use_s: 600,
        ..Evaluation::refusing("builtin/personal@1")
    };
    let facts = policy(&evaluation);
    assert_eq!(plain(&facts[0].value), "One person must approve it.");
    assert_eq!(plain(&facts[1].value), "Every action is asked for.");
    let refused = Evaluation {
        decision: Decision::Refuse,
        ..evaluation
    };
    assert_eq!(plain(&policy(&refused)[0].value), "It may not run.");
}
