#![allow(clippy::unwrap_used)]
use super::super::env::Environment;
use super::super::plan::tests::Place;
use super::super::plan::{Plan, Wanted};
use super::super::signals::Stops;
use super::*;
use std::path::Path;

fn nowhere() -> [OwnedFd; 2] {
    let open = || std::fs::File::options().write(true).open("/dev/null");
    [open().unwrap().into(), open().unwrap().into()]
}

async fn run(plan: &Plan) -> Ran {
    let mut stops = Stops::listen().unwrap();
    let mut signals = Forwarded::listen(&mut stops).unwrap();
    start(plan, nowhere())
        .unwrap()
        .finish(&mut signals)
        .await
        .unwrap()
}

async fn printed(plan: &Plan) -> String {
    String::from_utf8(run(plan).await.output).unwrap()
}

#[tokio::test]
async fn a_program_gets_its_name_arguments_folder_and_environment() {
    let place = Place::new();
    place.copy("dash", "bin/myshell");
    let code = "echo \"$0\" \"$1\"; pwd; env | sort; cat; readlink /proc/$$/exe; tr '\\0' ' ' < /proc/$$/cmdline | cut -d' ' -f1";
    let output = printed(&place.plan(&["myshell", "-c", code, "zero", "one"])).await;
    let path = place.path().display().to_string();
    assert_eq!(
        output,
        format!(
            "zero one\n{path}\nPATH={path}/bin:/usr/bin:/bin\nPWD={path}\n{path}/bin/myshell\nmyshell\n"
        )
    );
}

#[tokio::test]
async fn a_swapped_program_never_runs() {
    let place = Place::new();
    place.copy("echo", "tool");
    let plan = place.plan(&["./tool", "approved"]);
    place.swap("tool", b"#!/bin/sh\necho evil\n");
    assert_eq!(printed(&plan).await, "approved\n");
}

#[tokio::test]
async fn a_swapped_script_never_runs() {
    let place = Place::new();
    place.write("x.sh", b"#!/bin/sh\necho approved $1\n");
    let plans = [
        place.plan(&["./x.sh", "a"]),
        place.plan(&["sh", "x.sh", "a"]),
        place.plan(&["sh", "-e", "x.sh", "a"]),
    ];
    place.write("x.sh", b"#!/bin/sh\necho evil\n");
    for plan in &plans {
        assert_eq!(plan.now().as_ref(), Ok(&plan.proposed()));
        assert_eq!(printed(plan).await, "approved a\n");
    }
    place.swap("x.sh", b"#!/bin/sh\necho evil\n");
    for plan in &plans {
        assert_eq!(printed(plan).await, "approved a\n");
    }
}

#[tokio::test]
async fn a_swapped_interpreter_never_runs() {
    let place = Place::new();
    place.copy("dash", "bin/myshell");
    place.write("x", b"#!/usr/bin/env myshell\necho approved\n");
    let plan = place.plan(&["./x"]);
    place.swap("bin/myshell", b"#!/bin/sh\necho evil\n");
    assert_eq!(printed(&plan).await, "approved\n");
}

#[tokio::test]
async fn a_turned_link_and_a_new_folder_in_path_change_nothing() {
    let place = Place::new();
    place.copy("echo", "real");
    place.write("evil", b"#!/bin/sh\necho evil\n");
    let link = place.path().join("link");
    std::os::unix::fs::symlink("real", &link).unwrap();
    let plan = place.plan(&["./link", "approved"]);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("evil", &link).unwrap();
    assert_eq!(printed(&plan).await, "approved\n");

    let plan = place.plan(&["echo", "approved"]);
    place.write("bin/echo", b"#!/bin/sh\necho evil\n");
    assert_eq!(printed(&plan).await, "approved\n");
}

#[tokio::test]
async fn a_swapped_folder_is_not_entered() {
    let place = Place::new();
    place.write("work/data", b"approved");
    place.write("evil/data", b"evil");
    let mut wanted: Wanted = place.wanted(&["sh", "-c", "cat data"]);
    wanted.cwd = place.path().join("work");
    let plan = Plan::make(wanted).unwrap();
    std::fs::rename(place.path().join("work"), place.path().join("old")).unwrap();
    std::fs::rename(place.path().join("evil"), place.path().join("work")).unwrap();
    assert_ne!(plan.now().as_ref(), Ok(&plan.proposed()));
    assert_eq!(printed(&plan).await, "approved");
}

#[tokio::test]
async fn a_preload_of_the_caller_does_not_reach_the_command() {
    let place = Place::new();
    let mut wanted = place.wanted(&["env"]);
    let read = |name: &str| match name {
        "LD_PRELOAD" => Some("/tmp/evil.so".into()),
        "PATH" => Some("/usr/bin:/bin".into()),
        _ => None,
    };
    wanted.environment = Environment::pick(&[], &[], read, || None).unwrap();
    assert_eq!(
        printed(&Plan::make(wanted).unwrap()).await,
        "PATH=/usr/bin:/bin\n"
    );
}

#[tokio::test]
async fn a_script_by_name_knows_its_place() {
    let place = Place::new();
    place.write("x.sh", b"#!/bin/sh\necho $0\n");
    let mut wanted = place.wanted(&["./x.sh"]);
    wanted.script_by_name = true;
    assert_eq!(printed(&Plan::make(wanted).unwrap()).await, "./x.sh\n");
}

#[tokio::test]
async fn ends_are_told_apart() {
    let place = Place::new();
    let ran = run(&place.plan(&["sh", "-c", "echo out; echo err >&2; exit 7"])).await;
    assert_eq!(ran.outcome, Outcome::Exited { code: 7 });
    assert_eq!((ran.exit_code, ran.output_omitted), (7, 0));
    assert_eq!(ran.output.len(), 8, "both streams");
    let ran = run(&place.plan(&["sh", "-c", "kill -9 $$"])).await;
    assert_eq!(ran.outcome, Outcome::Signalled { signal: 9 });
    assert_eq!(ran.exit_code, 137);
}

#[tokio::test]
async fn long_output_is_kept_from_its_end() {
    let place = Place::new();
    let ran = run(&place.plan(&["sh", "-c", "yes | head -c 200000; echo end"])).await;
    assert_eq!(ran.output.len(), super::super::tail::MOST);
    assert!(ran.output.ends_with(b"end\n"));
    assert_eq!(ran.output_omitted, 200_004 - 65_536);
}

#[tokio::test]
async fn a_silent_descendant_does_not_hold_the_end_up() {
    let place = Place::new();
    let begun = Instant::now();
    let ran = run(&place.plan(&["sh", "-c", "sleep 20 & echo done"])).await;
    assert_eq!(ran.output, b"done\n");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_program_that_vanished_for_the_kernel_fails_to_start() {
    let place = Place::new();
    let path = place.copy("echo", "tool");
    let plan = place.plan(&["./tool"]);
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(start(&plan, nowhere()).is_err());
    assert!(Path::new(&path).exists());
}

#[tokio::test]
async fn a_slow_reader_gets_everything() {
    use std::io::Read as _;
    let place = Place::new();
    let plan = place.plan(&["head", "-c", "200000", "/dev/zero"]);
    let (mut reader, writer) = io::pipe().unwrap();
    let [_, errors] = nowhere();
    let slow = std::thread::spawn(move || {
        std::thread::sleep(SILENCE * 3);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        all.len()
    });
    let mut stops = Stops::listen().unwrap();
    let mut signals = Forwarded::listen(&mut stops).unwrap();
    let running = start(&plan, [writer.into(), errors]).unwrap();
    let ran = running.finish(&mut signals).await.unwrap();
    assert_eq!(ran.outcome, Outcome::Exited { code: 0 });
    assert_eq!(slow.join().unwrap(), 200_000);
}

#[tokio::test]
async fn a_talking_descendant_does_not_hold_the_end_up_for_ever() {
    let place = Place::new();
    let begun = Instant::now();
    let code = "(while :; do echo x; sleep 0.05; done) & echo done";
    let ran = run(&place.plan(&["sh", "-c", code])).await;
    assert!(ran.duration < CHATTER, "the command itself ended at once");
    assert!((CHATTER..CHATTER * 4).contains(&begun.elapsed()));
}
