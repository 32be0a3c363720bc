use serde_json::json;

use super::*;

fn action(value: &Value) -> Action {
    let bytes = strict::canonical(value);
    Action::parse(&bytes).expect("an action")
}

fn command(argv: &[&str]) -> Action {
    action(&json!({
        "kind": "command",
        "payload": {
            "argv": argv, "cwd": "/srv", "env": [], "files": [], "not_bound": [],
            "program": {"path": "/usr/bin/deploy", "sha256": "00".repeat(32), "size": 1},
            "stdin": "null", "uid": 1000, "user": "ci",
        },
        "target": {"environment": "local", "resource": "/srv", "system": "host"},
    }))
}

fn call(arguments: &str) -> Action {
    action(&json!({
        "kind": "mcp.tool_call",
        "payload": {
            "arguments": arguments, "definition": "{}", "secrets": [],
            "server": "files", "tool": "read",
        },
        "target": {"environment": "mcp", "resource": "read", "system": "files"},
    }))
}

fn change(after: &Value) -> Action {
    action(&json!({
        "kind": "json",
        "payload": {"after": after, "operation": "scale"},
        "target": {"environment": "local", "resource": "web", "system": "cluster"},
    }))
}

fn shape(free: &Value) -> Shape {
    Shape::parse(&strict::canonical(&json!({ "free": free }))).expect("a shape")
}

fn word(at: &str) -> Shape {
    shape(&json!([{"at": at, "may": {"word": 12}}]))
}

#[test]
fn without_places_it_is_the_very_action() {
    let exact = Shape::default();
    let like = command(&["deploy", "web", "v1"]);
    assert!(exact.covers(&like, &like));
    assert!(!exact.covers(&like, &command(&["deploy", "web", "v2"])));
    let text = call(r#"{"path":"a"}"#);
    assert!(exact.covers(&text, &text));
    // Another spelling of the same is another text.
    assert!(!exact.covers(&text, &call(r#"{ "path":"a"}"#)));
}

#[test]
fn a_place_takes_what_it_may_and_nothing_else() {
    let like = command(&["deploy", "web", "v1"]);
    let version = word("/payload/argv/2");
    for (argument, covered) in [
        ("v1", true),
        ("v1.2.3-rc_4", true),
        ("V", true),
        ("7", true),
        ("", false),
        ("-v", false),
        (".v", false),
        ("_v", false),
        ("v/1", false),
        ("v 1", false),
        ("v1;id", false),
        ("vé", false),
        ("v123456789012", false),
        ("v12345678901", true),
    ] {
        let found = command(&["deploy", "web", argument]);
        assert_eq!(version.covers(&like, &found), covered, "{argument}");
    }
    let one = shape(&json!([{"at": "/payload/argv/2", "may": {"one_of": ["-f", "v2"]}}]));
    for (argument, covered) in [("v1", true), ("v2", true), ("-f", true), ("v3", false)] {
        let found = command(&["deploy", "web", argument]);
        assert_eq!(one.covers(&like, &found), covered, "{argument}");
    }
}

#[test]
fn everything_else_is_as_it_was() {
    let like = command(&["deploy", "web", "v1"]);
    let version = word("/payload/argv/2");
    assert!(!version.covers(&like, &command(&["deploy", "db", "v2"])));
    assert!(!version.covers(&like, &command(&["deploy", "web", "v2", "--force"])));
    assert!(!version.covers(&like, &command(&["deploy", "web"])));
    let mut elsewhere = command(&["deploy", "web", "v2"]);
    elsewhere.target.system = "other".into();
    assert!(!version.covers(&like, &elsewhere));
    assert!(!version.covers(&like, &change(&json!({"replicas": "3"}))));
}

#[test]
fn what_runs_is_never_free() {
    let like = command(&["deploy", "web"]);
    for at in [
        "/payload/argv/0",
        "/payload/argv/00",
        "/payload/argv/01",
        "/payload/argv/2",
        "/payload/argv/-",
        "/payload/argv",
        "/payload/argv/1/",
        "/payload/program/path",
        "/payload/user",
        "/payload/cwd",
        "/target/system",
        "/kind",
        "",
        "payload/argv/1",
    ] {
        let free = word(at);
        assert_eq!(free.check(&like), Err(ShapeError::NotFree(at.into())));
        assert!(!free.covers(&like, &like), "{at}");
    }
    assert_eq!(word("/payload/argv/1").check(&like), Ok(()));
}

#[test]
fn an_argument_that_names_a_bound_file_is_never_free() {
    let file = json!({"path": "/srv/app.conf", "sha256": "00".repeat(32), "size": 1});
    let mut value = json!({
        "kind": "command",
        "payload": {
            "argv": ["deploy", "run.sh", "app.conf", "v1"], "cwd": "/srv", "env": [],
            "files": [{"argument": 2, "file": file.clone()}], "not_bound": [],
            "program": {"path": "/bin/sh", "sha256": "00".repeat(32), "size": 1},
            "script": {"argument": 1, "file": file},
            "stdin": "null", "uid": 1000, "user": "ci",
        },
        "target": {"environment": "local", "resource": "/srv", "system": "host"},
    });
    let like = action(&value);
    let listed = Shape::places_of(&like, 10);
    assert_eq!(listed, [("/payload/argv/3".into(), "v1".into())]);
    for (position, free) in [(1, false), (2, false), (3, true)] {
        let at = format!("/payload/argv/{position}");
        assert_eq!(word(&at).check(&like).is_ok(), free, "{at}");
    }
    value["payload"]["argv"][3] = json!("v2");
    assert!(word("/payload/argv/3").covers(&like, &action(&value)));
    value["payload"]["argv"][2] = json!("evil.conf");
    assert!(!word("/payload/argv/3").covers(&like, &action(&value)));
}

#[test]
fn a_pointer_is_written_in_one_way() {
    let like = change(&json!({"~b": "x", "a/b": "y"}));
    assert_eq!(word("/payload/after/~0b").check(&like), Ok(()));
    assert_eq!(word("/payload/after/a~1b").check(&like), Ok(()));
    for at in [
        "/payload/after/~b",
        "/payload/after/~2b",
        "/payload/after/~",
    ] {
        assert_eq!(word(at).check(&like), Err(ShapeError::NotFree(at.into())));
    }
    let listed: Vec<_> = Shape::places_of(&like, 10);
    let places: Vec<_> = listed.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places, ["/payload/after/a~1b", "/payload/after/~0b"]);
    assert_eq!(Shape::places_of(&like, 1).len(), 1);
}

#[test]
fn words_tell_values_apart() {
    let one = May::OneOf(vec!["a, b".into()]).words();
    let two = May::OneOf(vec!["a".into(), "b".into()]).words();
    assert_eq!(one, "as it was, or one of \"a, b\"");
    assert_eq!(two, "as it was, or one of \"a\", \"b\"");
}

#[test]
fn arguments_of_a_tool_are_compared_as_json() {
    let like = call(r#"{"path":"a","times":3}"#);
    let path = word("/payload/arguments/path");
    assert!(path.covers(&like, &call(r#"{"path":"b","times":3}"#)));
    assert!(path.covers(&like, &call(r#"{"times":3, "path":"b"}"#)));
    assert!(!path.covers(&like, &call(r#"{"path":"b","times":4}"#)));
    assert!(!path.covers(&like, &call(r#"{"path":["b"],"times":3}"#)));
    assert!(!path.covers(&like, &call(r#"{"path":"b","times":3,"also":1}"#)));
    // Two readers may read two numbers in it.
    let vast = call(r#"{"path":"a","times":100000000000000000001}"#);
    assert!(!path.covers(
        &vast,
        &call(r#"{"path":"b","times":100000000000000000002}"#)
    ));
    assert!(!path.covers(&vast, &vast));
    assert!(word("/payload/tool").check(&like).is_err());
}

#[test]
fn a_change_is_free_in_what_it_says_and_not_in_what_it_does() {
    let like = change(&json!({"image": {"tag": "v1"}, "replicas": 3}));
    let tag = word("/payload/after/image/tag");
    let found = change(&json!({"image": {"tag": "v2"}, "replicas": 3}));
    assert!(tag.covers(&like, &found));
    let more = change(&json!({"image": {"tag": "v2"}, "replicas": 4}));
    assert!(!tag.covers(&like, &more));
    assert!(word("/payload/operation").check(&like).is_err());
    // Only text: a number has no bound that a word could give it.
    assert!(word("/payload/after/replicas").check(&like).is_err());
}

#[test]
fn shapes_that_cannot_be_are_refused() {
    let place = |at: &str| json!({"at": at, "may": {"word": 1}});
    let many: Vec<_> = (0..=MAX_PLACES)
        .map(|number| place(&format!("/{number:02}")))
        .collect();
    for (free, what) in [
        (json!(many), "too many"),
        (json!([place("/b"), place("/a")]), "out of order"),
        (json!([place("/a"), place("/a")]), "twice"),
        (json!([{"at": "/a", "may": {"word": 0}}]), "no word"),
        (json!([{"at": "/a", "may": {"word": 65}}]), "a long word"),
        (json!([{"at": "/a", "may": {"one_of": []}}]), "none of them"),
        (
            json!([{"at": "/a", "may": {"one_of": ["b", "a"]}}]),
            "values out of order",
        ),
        (
            json!([{"at": "/a", "may": {"one_of": ["a", "a"]}}]),
            "a value twice",
        ),
        (json!([{"at": "/a", "may": "anything"}]), "anything"),
        (json!([{"at": "/a"}]), "nothing said"),
    ] {
        let bytes = strict::canonical(&json!({ "free": free }));
        assert!(Shape::parse(&bytes).is_err(), "{what}");
    }
    assert!(Shape::parse(br#"{ "free":[]}"#).is_err(), "not canonical");
    assert_eq!(Shape::parse(br#"{"free":[]}"#), Ok(Shape::default()));
}
