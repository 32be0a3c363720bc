//! Contents of parts: actions of every form, and any bytes.

use serde_json::{Value, json};
use vidimus_protocol::{Blob, sha256};

use crate::Cases;
use crate::acts::change;
use crate::fields::{changes, places, put, raw_json};
use crate::forge::{Forge, blob, read, written};

pub(crate) fn write(cases: &mut Cases, forge: &Forge) {
    actions(cases, forge);
    contents(cases, forge);
}

fn actions(cases: &mut Cases, forge: &Forge) {
    let payload = forge
        .content
        .parts
        .iter()
        .position(|part| part["name"] == json!("payload"));
    let payload = payload.expect("a run has a payload");
    let plain = read(&blob(&forge.content.parts[payload]["bytes"]).expect("base64url"));
    let file = json!({"path": "/bin/x", "sha256": "ab".repeat(32), "size": 3});
    let command = |changes: &[(&str, Value)]| {
        let mut action = plain.clone();
        for (place, value) in changes {
            put(
                &mut action,
                &format!("/payload/{place}"),
                Some(value.clone()),
            );
        }
        action
    };
    let program = plain["payload"]["program"].clone();
    let text = "echo";
    let content = json!({"path": "/bin/x", "sha256": sha256(&[text.as_bytes()]).to_string(), "size": text.len()});
    let mut rich = command(&[
        (
            "env",
            json!([{"name": "A", "value": ""}, {"commit": "cd".repeat(32), "name": "B"}]),
        ),
        ("files", json!([{"argument": 1, "file": file}])),
        ("interpreter", json!({"argument": "-e", "file": file})),
        ("program", content.clone()),
        (
            "script",
            json!({"argument": 0, "file": content, "text": text}),
        ),
        ("stdin", bound(text)),
    ]);
    let script = |argument: Value| json!({"argument": argument, "file": file});
    let mut actions: Vec<(String, Value)> = vec![
        ("plain".into(), plain.clone()),
        ("rich".into(), rich.clone()),
        (
            "an interpreter without a script".into(),
            command(&[("interpreter", json!({"file": file}))]),
        ),
        (
            "an interpreter of a named script".into(),
            command(&[
                ("interpreter", json!({"file": file})),
                ("script", script(json!(1))),
            ]),
        ),
        (
            "an interpreter of another file than the program".into(),
            command(&[
                ("interpreter", json!({"file": file})),
                ("script", script(json!(0))),
            ]),
        ),
        (
            "an interpreter of the program".into(),
            command(&[
                ("interpreter", json!({"file": file})),
                ("script", json!({"argument": 0, "file": program})),
            ]),
        ),
        (
            "a file of a relative path".into(),
            command(&[(
                "files",
                json!([{"argument": 2, "file": {"path": "x", "sha256": "ab".repeat(32), "size": 3}}]),
            )]),
        ),
        (
            "a script of a relative path".into(),
            command(&[(
                "script",
                json!({"argument": 2, "file": {"path": "x", "sha256": "ab".repeat(32), "size": 3}}),
            )]),
        ),
        (
            "a script that is the program, without an interpreter".into(),
            command(&[("script", script(json!(0)))]),
        ),
        (
            "a named script".into(),
            command(&[("script", script(json!(2)))]),
        ),
        (
            "a script beyond the arguments".into(),
            command(&[("script", script(json!(3)))]),
        ),
        (
            "a script and an interpreter of null".into(),
            command(&[("script", Value::Null), ("interpreter", Value::Null)]),
        ),
    ];
    for (place, values) in [
        (
            "argv",
            vec![
                json!([]),
                json!([""]),
                json!(["a\u{0}"]),
                json!(["a\nb"]),
                json!(["x", 1]),
            ],
        ),
        (
            "cwd",
            vec![
                json!("srv"),
                json!(""),
                json!("/"),
                json!("/a/../b"),
                json!("/a\u{0}b"),
                json!("//"),
                json!("/other"),
            ],
        ),
        (
            "env",
            vec![
                json!([{"name": "B", "value": ""}, {"name": "A", "value": ""}]),
                json!([{"name": "A", "value": ""}, {"name": "A", "value": ""}]),
                json!([{"name": "", "value": ""}]),
                json!([{"name": "A=B", "value": ""}]),
                json!([{"name": "A"}]),
                json!([{"commit": "cd".repeat(32), "name": "A", "value": ""}]),
                json!([{"commit": "cd", "name": "A"}]),
                json!([{"name": "A\u{0}", "value": ""}]),
                json!([{"name": "A", "value": "a\u{0}b"}]),
                json!([{"name": "A", "value": null}]),
                json!([{"commit": null, "name": "A", "value": "x"}]),
                json!([{"name": "\u{fb33}", "value": ""}, {"name": "\u{1f600}", "value": ""}]),
                json!([{"name": "\u{1f600}", "value": ""}, {"name": "\u{fb33}", "value": ""}]),
                json!([{"name": " A", "value": ""}]),
                json!([{"name": "a\nb", "value": "\u{1b}[0m"}]),
            ],
        ),
        (
            "files",
            vec![
                json!([{"argument": 0, "file": file}]),
                json!([{"argument": 3, "file": file}]),
                json!([{"argument": 2, "file": file}, {"argument": 1, "file": file}]),
                json!([{"argument": 1, "file": file}, {"argument": 1, "file": file}]),
                json!([{"argument": 1, "file": {"path": "/a\u{0}", "sha256": "ab".repeat(32), "size": 3}}]),
                json!([{"argument": 1, "file": {"path": "/a", "sha256": "AB".repeat(32), "size": 3}}]),
                json!([{"argument": 1, "file": {"path": "/a", "sha256": "ab".repeat(32), "size": raw_json("-3")}}]),
            ],
        ),
        (
            "interpreter",
            vec![
                json!({"argument": 1, "file": file}),
                json!({"argument": null, "file": file}),
                json!({}),
            ],
        ),
        (
            "not_bound",
            vec![
                json!([]),
                json!([""]),
                json!(["b", "a"]),
                json!(["a", "a"]),
                json!([1]),
                Value::Null,
            ],
        ),
        (
            "program",
            vec![
                json!({"path": "x", "sha256": "ab".repeat(32), "size": 3}),
                json!({"path": "", "sha256": "ab".repeat(32), "size": 3}),
                Value::Null,
            ],
        ),
        (
            "script",
            vec![
                json!({"argument": 1, "file": file, "text": null}),
                json!({"argument": 1, "file": file, "text": ""}),
                long_script(256 * 1024),
                long_script(256 * 1024 + 1),
            ],
        ),
        (
            "stdin",
            vec![
                Value::Null,
                json!("null"),
                json!("inherited"),
                json!("closed"),
                json!(""),
                json!("bound"),
                json!({}),
                json!({"null": {}}),
                json!({"bound": null}),
                json!({"bound": "x"}),
                json!({"bound": {"sha256": "ab".repeat(32), "size": 3}}),
                json!({"bound": {"sha256": "ab".repeat(32), "size": 3, "text": null}}),
                json!({"bound": {"sha256": "ab".repeat(32), "size": 3, "text": "abc"}}),
                json!({"bound": {"sha256": "AB".repeat(32), "size": 3}}),
                json!({"bound": {"sha256": "ab".repeat(32), "size": raw_json("-3")}}),
                json!({"bound": {"size": 3}}),
                json!({"bound": {"sha256": "ab".repeat(32), "size": 3}, "null": {}}),
                bound(""),
                bound("\u{0}é😀"),
            ],
        ),
        (
            "uid",
            vec![
                json!(0),
                json!(4_294_967_295_u64),
                json!(4_294_967_296_u64),
                raw_json("-1"),
                json!("0"),
            ],
        ),
        (
            "user",
            vec![
                json!(""),
                json!("a\u{0}"),
                json!("\u{202e}"),
                json!("x".repeat(1_000)),
                Value::Null,
            ],
        ),
    ] {
        actions.extend(values.into_iter().map(|value| {
            (
                format!("{place} {:.60}", value.to_string()),
                command(&[(place, value)]),
            )
        }));
    }
    for (place, value) in [
        ("/kind", json!("json")),
        ("/kind", json!("sql")),
        ("/kind", json!("")),
        ("/target/environment", json!("staging")),
        ("/target/environment", json!("")),
        ("/target/resource", json!("/elsewhere")),
        ("/target/resource", json!("")),
        ("/target/system", json!("")),
        ("/target/region", json!("x")),
        ("/more", json!(1)),
    ] {
        let mut action = plain.clone();
        put(&mut action, place, Some(value.clone()));
        actions.push((format!("{place} {value}"), action));
    }
    let mut of_rich = Vec::new();
    for place in places(&rich) {
        for (name, new) in changes(rich.pointer(&place).expect("found there"), &[]) {
            let mut action = rich.clone();
            put(&mut action, &place, new);
            of_rich.push((format!("{place} {name}"), action));
        }
    }
    actions.extend(of_rich);
    let text = "\u{1b}[2J\u{0}é";
    let of_text = json!({"path": "/bin/x", "sha256": sha256(&[text.as_bytes()]).to_string(), "size": text.len()});
    put(&mut rich, "/payload/program", Some(of_text.clone()));
    put(
        &mut rich,
        "/payload/script",
        Some(json!({"argument": 0, "file": of_text, "text": text})),
    );
    actions.push(("a script with control characters".into(), rich));
    for (name, action) in actions {
        change(cases, forge, &format!("an action: {name}"), |content| {
            content.parts[payload]["bytes"] = json!(Blob(written(&action)).to_string());
        });
    }
}

/// Standard input of this content.
fn bound(text: &str) -> Value {
    let sha256 = sha256(&[text.as_bytes()]).to_string();
    json!({"bound": {"sha256": sha256, "size": text.len(), "text": text}})
}

fn long_script(length: usize) -> Value {
    let text = "x".repeat(length);
    let file =
        json!({"path": "/bin/x", "sha256": sha256(&[text.as_bytes()]).to_string(), "size": length});
    json!({"argument": 1, "file": file, "text": text})
}

/// Each part's content, byte for byte.
fn contents(cases: &mut Cases, forge: &Forge) {
    let deep = |levels: usize| {
        ["[".repeat(levels), "]".repeat(levels)]
            .concat()
            .into_bytes()
    };
    let some: Vec<Vec<u8>> = [
        "",
        "{}",
        " {}",
        "{}\n",
        "null",
        "[]",
        "text",
        r#"{"intent":""}"#,
        r#"{"intent":null}"#,
        r#"{"intent":1}"#,
        r#"{"run":"a","intent":"b"}"#,
        r#"{"intent":"b","on_behalf_of":"c","run":"a"}"#,
        r#"{"more":"b"}"#,
        r#"{"intent":"a","intent":"b"}"#,
        r#"{"intent":"\u0061"}"#,
        r#"{"intent":"\u001b"}"#,
        r#"{"intent":"\u001B"}"#,
        r#"{"intent":"\ud800"}"#,
        "\u{feff}",
        "\u{0}",
        "\u{202e}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([
        vec![0xff],
        vec![0xed, 0xa0, 0x80],
        b"a\xc3".to_vec(),
        deep(40),
        deep(200),
        vec![b'x'; 4_096],
        vec![b'x'; 4_097],
        vec![b'x'; 262_144],
        vec![b'x'; 262_145],
        [
            br#"{"intent":""#.as_slice(),
            &vec![b'x'; 65_536 - 13],
            b"\"}",
        ]
        .concat(),
        [
            br#"{"intent":""#.as_slice(),
            &vec![b'x'; 65_537 - 13],
            b"\"}",
        ]
        .concat(),
    ])
    .collect();
    for index in 0..forge.content.parts.len() {
        for (at, bytes) in some.iter().enumerate() {
            let part = &forge.content.parts[index];
            let name = format!(
                "part {} with content {at}, {} bytes",
                part["name"],
                bytes.len()
            );
            change(cases, forge, &name, |content| {
                content.parts[index]["bytes"] = json!(Blob(bytes.clone()).to_string());
            });
            let name = format!("{name}, of which the entry does not know");
            let mut content = forge.content.clone();
            content.parts[index]["bytes"] = json!(Blob(bytes.clone()).to_string());
            if bytes.len() < 5_000 {
                cases.sealed(&name, &forge.seal_tree(&content));
            }
        }
    }
}
