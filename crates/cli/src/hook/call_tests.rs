#![allow(clippy::unwrap_used)]
use super::*;
use crate::args::HookClient;
use crate::hook::event::Moment;

fn call(cwd: &Path, tool: &str, input: Value) -> Call {
    of(HookClient::Claude, cwd, tool, input)
}

fn of(client: HookClient, cwd: &Path, tool: &str, input: Value) -> Call {
    Call {
        event: Event {
            session: "s".into(),
            cwd: cwd.into(),
            tool: tool.into(),
            call: Some("u".into()),
            input: input.as_object().unwrap().clone(),
            moment: Moment::Before,
        },
        host: client.host(),
        machine: "here".into(),
    }
}

fn change(call: &Call) -> (Change, Target) {
    let action = call.action().unwrap();
    let Payload::Json(change) = action.payload else {
        panic!("it is a change");
    };
    (*change, action.target)
}

#[test]
fn a_command_is_all_that_runs_and_not_what_is_said_about_it() {
    let cwd = Path::new("/srv");
    let input = json!({"command": "make", "timeout": 5, "description": "Build it"});
    let one = call(cwd, "Bash", input);
    let (shown, target) = change(&one);
    assert_eq!(shown.operation, "Bash");
    assert_eq!(
        shown.after,
        Some(json!({"input": {"command": "make", "timeout": 5}}))
    );
    assert_eq!((shown.before, &*target.resource), (None, "/srv"));
    assert_eq!(one.context().unwrap().intent.as_deref(), Some("Build it"));
    let same = call(
        cwd,
        "Bash",
        json!({"timeout": 5, "command": "make", "description": "x"}),
    );
    assert_eq!(one.key(), same.key());
    for other in [
        call(cwd, "Bash", json!({"command": "make"})),
        call(cwd, "Bash", json!({"command": "make", "timeout": 6})),
        call(
            Path::new("/"),
            "Bash",
            json!({"command": "make", "timeout": 5}),
        ),
        call(cwd, "Bash2", json!({"command": "make", "timeout": 5})),
    ] {
        assert_ne!(one.key(), other.key());
        assert_ne!(one.action(), other.action());
    }
    let codex = Call {
        host: HookClient::Codex.host(),
        ..one.clone()
    };
    assert_ne!(one.key(), codex.key());
}

#[test]
fn a_file_is_shown_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let cwd = folder.path().canonicalize().unwrap();
    let path = cwd.join("a");
    let file = path.to_str().unwrap();
    let write = call(
        &cwd,
        "Write",
        json!({"file_path": file, "content": "two\n"}),
    );
    let (shown, target) = change(&write);
    assert_eq!(shown.before, None);
    let after = json!({"input": {"file_path": file}, "text": "two\n"});
    assert_eq!(shown.after.as_ref(), Some(&after));
    assert_eq!(target.resource, file);
    let approved = write.action().unwrap();
    std::fs::write(&path, "one\n").unwrap();
    let now = write.action().unwrap();
    assert_eq!(change(&write).0.before, Some(json!({"text": "one\n"})));
    let differs = write.differences(&approved, &now).join("");
    assert!(differs.contains("content of"), "{differs}");
    let input =
        json!({"file_path": file, "old_string": "one", "new_string": "1", "replace_all": false});
    let (shown, _) = change(&call(&cwd, "Edit", input.clone()));
    assert_eq!(shown.after, Some(json!({"input": input, "text": "1\n"})));
    let edits =
        json!([{"old_string": "one", "new_string": "1"}, {"old_string": "1", "new_string": "3"}]);
    let (shown, _) = change(&call(
        &cwd,
        "MultiEdit",
        json!({"file_path": file, "edits": edits}),
    ));
    assert_eq!(shown.after.unwrap()["text"], "3\n");
    let unclear = json!({"file_path": file, "old_string": "none", "new_string": "1"});
    let (shown, _) = change(&call(&cwd, "Edit", unclear.clone()));
    assert_eq!(shown.after, Some(json!({"input": unclear})));
    std::fs::write(&path, [0xff; 3]).unwrap();
    assert_eq!(change(&write).0.before.unwrap()["size"], 3);
}

#[test]
fn a_link_shows_what_is_really_written() {
    let folder = tempfile::tempdir().unwrap();
    let cwd = folder.path().canonicalize().unwrap();
    std::fs::write(cwd.join("keys"), "").unwrap();
    std::os::unix::fs::symlink(cwd.join("keys"), cwd.join("notes")).unwrap();
    std::os::unix::fs::symlink(cwd.join("gone"), cwd.join("dangling")).unwrap();
    let write = |name: &str| {
        let path = cwd.join(name);
        call(&cwd, "Write", json!({"file_path": path, "content": ""}))
    };
    let resource = |name: &str| write(name).action().unwrap().target.resource;
    assert!(resource("notes").ends_with("/keys"));
    assert!(resource("new/deep/file").ends_with("/new/deep/file"));
    assert!(write("dangling").action().is_err());
    assert!(write("new/../../x").action().is_err());
    assert!(write("").action().is_err(), "a folder");
    assert!(
        call(&cwd, "Write", json!({"content": ""}))
            .action()
            .is_err()
    );
}

#[test]
fn a_file_is_named_as_the_host_does() {
    let folder = tempfile::tempdir().unwrap();
    let cwd = folder.path().canonicalize().unwrap();
    let file = cwd.join("a");
    std::fs::write(&file, "one\n").unwrap();
    let copilot = |tool, input| change(&of(HookClient::Copilot, &cwd, tool, input));
    let edit = json!({"path": file, "old_str": "one", "new_str": "two"});
    let (shown, target) = copilot("Edit", edit.clone());
    assert_eq!(shown.before, Some(json!({"text": "one\n"})));
    assert_eq!(shown.after, Some(json!({"input": edit, "text": "two\n"})));
    assert_eq!(target.resource, file.to_str().unwrap());
    let (shown, _) = copilot("Write", json!({"path": file, "file_text": "three"}));
    assert_eq!(
        shown.after,
        Some(json!({"input": {"path": file}, "text": "three"}))
    );
    let patch = json!({"input": "*** Begin Patch"});
    let (shown, _) = copilot("Edit", patch.clone());
    assert_eq!(shown.after, Some(json!({"input": patch})));
    let home = json!({"file_path": "~/a", "content": ""});
    assert!(call(&cwd, "Write", home).action().is_err());
}

#[test]
fn a_command_whose_folder_nobody_tells_does_not_run() {
    let again = json!({"command": "make", "shellId": "1"});
    let copilot = of(HookClient::Copilot, Path::new("/"), "Bash", again.clone());
    assert!(copilot.action().unwrap_err().contains("without `shellId`"));
    assert!(call(Path::new("/"), "Bash", again).action().is_ok());
}

#[test]
fn numbers_that_the_format_does_not_take_are_text_and_listed() {
    let cwd = Path::new("/");
    let tool = |input| call(cwd, "mcp__x__y", input);
    let (shown, _) = change(&tool(
        json!({"a/b": [1.5, -1, 7], "c": 18_446_744_073_709_551_615_u64}),
    ));
    let after = json!({
        "input": {"a/b": ["1.5", "-1", 7], "c": "18446744073709551615"},
        "numbers": ["/a~1b/0", "/a~1b/1", "/c"],
    });
    assert_eq!(shown.after, Some(after));
    assert_ne!(
        tool(json!({"a": 1.5})).action(),
        tool(json!({"a": "1.5"})).action()
    );
}

#[test]
fn what_cannot_be_shown_is_refused_in_words() {
    let cwd = Path::new("/");
    let mut deep = json!({});
    for _ in 0..strict::MAX_DEPTH {
        deep = json!({ "x": deep });
    }
    for (tool, input) in [
        ("mcp__x__y", deep),
        ("mcp__x__y", json!({"a": "x".repeat(2 << 20)})),
        (" ", json!({})),
        ("a\nb", json!({})),
    ] {
        assert!(call(cwd, tool, input).action().is_err(), "{tool}");
    }
}
