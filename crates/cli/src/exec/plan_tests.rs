#![allow(clippy::unwrap_used)]
use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};

/// Programs to copy, since a busybox-style `/bin` may be links.
fn real(name: &str) -> PathBuf {
    Path::new("/bin").join(name).canonicalize().unwrap()
}

pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Puts another file in the place of one.
    pub(crate) fn swap(&self, name: &str, content: &[u8]) {
        let new = self.write("swapped-in", content);
        std::fs::rename(new, self.path().join(name)).unwrap();
    }

    pub(crate) fn copy(&self, program: &str, name: &str) -> PathBuf {
        self.write(name, &std::fs::read(real(program)).unwrap())
    }

    pub(crate) fn wanted(&self, argv: &[&str]) -> Wanted {
        let search = format!("{}/bin:/usr/bin:/bin", self.path().display());
        let read = move |name: &str| (name == "PATH").then(|| search.clone().into());
        Wanted {
            argv: argv.iter().map(|text| (*text).into()).collect(),
            cwd: self.path(),
            environment: Environment::pick(&[], &[], read, || None).unwrap(),
            stdin: Input::Null,
            script_by_name: false,
            sealed: None,
            not_bound: Vec::new(),
        }
    }

    pub(crate) fn plan(&self, argv: &[&str]) -> Plan {
        Plan::make(self.wanted(argv)).unwrap()
    }
}

impl Plan {
    /// As [`Plan::now`] gives it while nothing changes.
    pub(crate) fn proposed(&self) -> (Command, Target) {
        let (command, target) = self.stated();
        (command.clone(), target.clone())
    }
}

fn action((command, target): (Command, Target)) -> Action {
    Action {
        payload: Payload::Command(Box::new(command)),
        target,
    }
}

fn refused(place: &Place, argv: &[&str]) -> String {
    Plan::make(place.wanted(argv)).unwrap_err().to_string()
}

#[test]
fn a_program_is_found_by_path_or_in_path() {
    let place = Place::new();
    let tool = place.copy("echo", "bin/tool");
    for name in ["tool", "./bin/tool", tool.to_str().unwrap()] {
        let plan = place.plan(&[name, "hello"]);
        let command = &plan.command;
        assert_eq!(command.program.path, tool.to_str().unwrap());
        assert_eq!(command.argv, [name, "hello"]);
        assert_eq!(command.cwd, place.path().to_str().unwrap());
        assert_eq!(plan.target.resource, command.cwd);
        assert_eq!((&command.interpreter, &command.script), (&None, &None));
        assert_eq!(
            Action::parse(&action(plan.proposed()).to_bytes()),
            Ok(action(plan.proposed()))
        );
        assert_eq!(plan.now().as_ref(), Ok(&plan.proposed()));
    }
    assert!(refused(&place, &["no-such-tool"]).contains("was not found in `PATH`"));
    assert!(refused(&place, &[]).contains("no command"));
    assert!(refused(&place, &["tool", "a\0b"]).contains("NUL"));
    let mut wanted = place.wanted(&["tool"]);
    wanted.environment = Environment::default();
    assert!(matches!(Plan::make(wanted), Err(PlanError::NoPath(_))));
}

#[test]
fn a_script_brings_its_interpreter_and_its_text() {
    let place = Place::new();
    let text = "#!/bin/sh -e\necho hello\n";
    let path = place.write("x.sh", text.as_bytes());
    let plan = place.plan(&["./x.sh", "a"]);
    let command = &plan.command;
    assert_eq!(command.program.path, path.to_str().unwrap());
    let script = command.script.as_ref().unwrap();
    assert_eq!((script.argument, &script.file), (0, &command.program));
    assert_eq!(script.text.as_deref(), Some(text));
    let interpreter = command.interpreter.as_ref().unwrap();
    assert_eq!(interpreter.argument.as_deref(), Some("-e"));
    assert_eq!(interpreter.file.path, real("sh").to_str().unwrap());
    assert!(Action::parse(&action(plan.proposed()).to_bytes()).is_ok());
}

#[test]
fn env_in_a_script_line_is_resolved_before() {
    let place = Place::new();
    place.copy("dash", "bin/myshell");
    place.write("x", b"#!/usr/bin/env myshell\necho hello\n");
    let plan = place.plan(&["./x"]);
    let interpreter = plan.command.interpreter.clone().unwrap();
    let own = place.path().join("bin/myshell");
    assert_eq!(interpreter.file.path, own.to_str().unwrap());
    assert_eq!(interpreter.argument, None);
    place.write("split", b"#!/usr/bin/env -S sh -e\n");
    assert!(refused(&place, &["./split"]).contains("`-S sh -e`"));
    place.write("two", b"#!/usr/bin/env sh x\n");
    assert!(refused(&place, &["./two"]).contains("more than the name"));
    place.write("assign", b"#!/usr/bin/env A=b\n");
    assert!(refused(&place, &["./assign"]).contains("more than the name"));
    place.write("none", b"#!/usr/bin/env no-such-shell\n");
    assert!(refused(&place, &["./none"]).contains("`no-such-shell` was not found"));
}

#[test]
fn what_nobody_knows_how_to_run_is_refused() {
    let place = Place::new();
    place.write("inner", b"#!/bin/sh\n");
    let line = format!("#!{}/inner\n", place.path().display());
    place.write("outer", line.as_bytes());
    assert!(refused(&place, &["./outer"]).contains("is itself a script"));
    place.write("plain", b"echo a shell would guess\n");
    assert!(refused(&place, &["./plain"]).contains("neither a program"));
    let path = place.copy("echo", "setuid");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o4755)).unwrap();
    assert!(refused(&place, &["./setuid"]).contains("set-user-ID"));
}

#[test]
fn a_script_argument_is_bound_with_its_text() {
    let place = Place::new();
    let path = place.write("x.sh", b"echo hello\n");
    let plan = place.plan(&["sh", "-e", "x.sh", "x.sh"]);
    let command = &plan.command;
    let script = command.script.as_ref().unwrap();
    assert_eq!(script.argument, 2);
    assert_eq!(script.file.path, path.to_str().unwrap());
    assert_eq!(script.text.as_deref(), Some("echo hello\n"));
    assert_eq!(command.interpreter, None);
    assert_eq!(command.files.len(), 1);
    assert_eq!(command.files[0].argument, 3);
    assert!(
        command
            .not_bound
            .iter()
            .any(|line| line.contains("start-up files"))
    );
    assert!(Action::parse(&action(plan.proposed()).to_bytes()).is_ok());
}

#[test]
fn files_that_arguments_name_are_bound_by_content() {
    let place = Place::new();
    place.write("data.txt", b"one");
    let huge = std::fs::File::create(place.path().join("huge")).unwrap();
    huge.set_len(MAX_ARGUMENT_FILE + 1).unwrap();
    symlink("data.txt", place.path().join("link")).unwrap();
    let plan = place.plan(&["cat", "data.txt", "huge", "link", "-n", "none"]);
    let command = &plan.command;
    let bound: Vec<_> = command
        .files
        .iter()
        .map(|file| (file.argument, file.file.path.as_str()))
        .collect();
    let real = place.path().join("data.txt");
    assert_eq!(
        bound,
        [(1, real.to_str().unwrap()), (3, real.to_str().unwrap())]
    );
    assert!(command.not_bound[0].contains("`huge`"));
    place.write("data.txt", b"two");
    assert_ne!(plan.now().as_ref(), Ok(&plan.proposed()));
    std::fs::remove_file(real).unwrap();
    assert!(plan.now().is_err());
}

#[test]
fn changes_in_place_show() {
    let place = Place::new();
    place.copy("echo", "tool");
    let plan = place.plan(&["./tool", "hello"]);
    place.copy("cat", "tool");
    assert_ne!(plan.now().as_ref(), Ok(&plan.proposed()));

    place.copy("dash", "bin/myshell");
    place.write("x", b"#!/usr/bin/env myshell\necho hello\n");
    let plan = place.plan(&["./x"]);
    place.copy("cat", "bin/myshell");
    assert_ne!(plan.now().as_ref(), Ok(&plan.proposed()));
}

#[test]
fn a_moved_folder_shows() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("work")).unwrap();
    let mut wanted = place.wanted(&["pwd"]);
    wanted.cwd = place.path().join("work");
    let plan = Plan::make(wanted).unwrap();
    std::fs::rename(place.path().join("work"), place.path().join("old")).unwrap();
    assert_ne!(
        plan.now().as_ref(),
        Ok(&plan.proposed()),
        "nothing is there"
    );
    let lines =
        super::super::diff::differences(&action(plan.proposed()), &action(plan.now().unwrap()));
    assert!(lines[0].starts_with("working directory"), "{lines:?}");
    std::fs::create_dir(place.path().join("work")).unwrap();
    assert_ne!(
        plan.now().as_ref(),
        Ok(&plan.proposed()),
        "another one is there"
    );
}

#[test]
fn a_script_by_name_is_said_to_be_loose_and_checked_again() {
    let place = Place::new();
    place.write("x.sh", b"#!/bin/sh\necho $0\n");
    assert!(place.plan(&["./x.sh"]).script_asks_for_its_place());
    let mut wanted = place.wanted(&["./x.sh"]);
    wanted.script_by_name = true;
    let plan = Plan::make(wanted).unwrap();
    assert!(!plan.script_asks_for_its_place());
    assert!(plan.command.not_bound[0].contains("`./x.sh`"));
    assert_eq!(plan.now().as_ref(), Ok(&plan.proposed()));
    place.swap("x.sh", b"#!/bin/sh\necho evil\n");
    assert!(plan.now().is_err());
}

#[test]
fn too_long_a_command_is_refused() {
    let place = Place::new();
    let long = "x".repeat(MAX_PAYLOAD);
    assert!(refused(&place, &["echo", &long]).contains("longer than"));
}

#[test]
fn what_an_adapter_has_read_is_what_is_bound_and_given() {
    let place = Place::new();
    place.write("wrapper", b"#!/bin/sh\ncat $1\n");
    place.copy("cat", "bin/tool");
    place.write("data", b"shown\n");
    let plan = |program: &str, is_script: bool| {
        let mut wanted = place.wanted(&[program, "data"]);
        let handed = Handed::open(&wanted.cwd, &wanted.argv, 1, is_script);
        wanted.sealed = Some(handed.unwrap());
        Plan::make(wanted)
    };
    // Beside a script of the program's own, as a file and as a script.
    for (program, is_script) in [("./wrapper", false), ("tool", false), ("tool", true)] {
        let plan = plan(program, is_script).unwrap();
        place.swap("data", b"evil\n");
        assert_eq!(plan.now().as_ref(), Ok(&plan.proposed()));
        let (command, _) = plan.proposed();
        let script = command
            .script
            .filter(|_| is_script)
            .map(|script| script.file);
        let file = command.files.first().map(|one| one.file.clone());
        let bound = script.or(file).unwrap();
        assert_eq!(bound.sha256, vidimus_protocol::sha256(&[b"shown\n"]));
        assert!(
            !command
                .not_bound
                .iter()
                .any(|line| line.contains("by name"))
        );
        let (mut command, _inherited) = plan.command().unwrap();
        assert_eq!(command.output().unwrap().stdout, b"shown\n", "{program}");
        place.swap("data", b"shown\n");
    }
    let why = plan("./wrapper", true).unwrap_err().to_string();
    assert!(why.contains("`./wrapper` is a script here"), "{why}");
}
