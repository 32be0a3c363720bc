//! Leaves byte for byte, and leaves of versions and kinds that nobody knows.

use serde_json::{Value, json};

use crate::Cases;
use crate::acts::{change, replaced};
use crate::fields::raw_json;
use crate::forge::{ChangeBytes, Forge, RAW, written};

pub(crate) fn write(cases: &mut Cases, forge: &Forge) {
    spellings(cases, forge);
    unknown(cases, forge);
}

fn spellings(cases: &mut Cases, forge: &Forge) {
    let all: [(&str, ChangeBytes); 16] = [
        ("with a space before", |leaf| {
            [b" ", leaf.as_slice()].concat()
        }),
        ("with a space after", |leaf| {
            [leaf.as_slice(), b" "].concat()
        }),
        ("with a carriage return", |leaf| {
            [leaf.as_slice(), b"\r"].concat()
        }),
        ("with a BOM", |leaf| ["\u{feff}".as_bytes(), &leaf].concat()),
        ("with a space inside", |leaf| {
            replaced(&leaf, b",\"", b", \"")
        }),
        ("with an escaped letter", |leaf| {
            replaced(&leaf, b"gateway", b"gatewa\\u0079")
        }),
        ("with a key twice", |leaf| {
            replaced(&leaf, b"\"v\":1", b"\"v\":1,\"v\":1")
        }),
        ("with keys out of order", |leaf| {
            replaced(
                &replaced(&leaf, b",\"v\":1", b""),
                b"{\"actor\"",
                b"{\"v\":1,\"actor\"",
            )
        }),
        ("with a fraction", |leaf| {
            replaced(&leaf, b"\"v\":1", b"\"v\":1.0")
        }),
        ("with an exponent", |leaf| {
            replaced(&leaf, b"\"v\":1", b"\"v\":1e0")
        }),
        ("twice in a line", |leaf| [leaf.clone(), leaf].concat()),
        ("in an array", |leaf| [b"[", leaf.as_slice(), b"]"].concat()),
        ("empty", |_| Vec::new()),
        ("with a byte that is not UTF-8", |leaf| {
            replaced(&leaf, b"gateway", b"gatewa\xff")
        }),
        ("without its last byte", |leaf| {
            leaf[..leaf.len() - 1].to_vec()
        }),
        ("with a slash escaped", |leaf| replaced(&leaf, b"/", b"\\/")),
    ];
    for entry in [0, 3, 5, 8] {
        for (name, change_bytes) in all {
            change(cases, forge, &format!("entry {entry} {name}"), |content| {
                content.bytes = Some((entry, change_bytes));
            });
        }
    }
}

fn unknown(cases: &mut Cases, forge: &Forge) {
    let deep = |levels: usize| format!("{RAW}{}{}{RAW}", "[".repeat(levels), "]".repeat(levels));
    let mut unknown: Vec<(String, Value)> = vec![
        (
            "of an unknown kind".into(),
            json!({"kind": "tea.made", "v": 1}),
        ),
        (
            "of an unknown version".into(),
            json!({"kind": "log.opened", "v": 2}),
        ),
        ("of version 0".into(), json!({"kind": "log.opened", "v": 0})),
        ("of an empty kind".into(), json!({"kind": "", "v": 1})),
        ("without a kind".into(), json!({"v": 1})),
        ("without a version".into(), json!({"kind": "tea.made"})),
        (
            "of a version as text".into(),
            json!({"kind": "tea.made", "v": "2"}),
        ),
        ("of a kind as number".into(), json!({"kind": 1, "v": 2})),
        (
            "with null".into(),
            json!({"kind": "tea.made", "v": 1, "x": null}),
        ),
        (
            "of an unknown kind with true".into(),
            json!({"kind": "tea.made", "v": 1, "x": true}),
        ),
        (
            "of an unknown kind with a fraction".into(),
            json!({"kind": "tea.made", "v": 1, "x": raw_json("1.5")}),
        ),
        (
            "of an unknown kind with a big number".into(),
            json!({"kind": "tea.made", "v": 1, "x": raw_json("9007199254740992")}),
        ),
        (
            "of an unknown kind with the biggest number".into(),
            json!({"kind": "tea.made", "v": 1, "x": raw_json("9007199254740991")}),
        ),
        (
            "of an unknown kind with a negative number".into(),
            json!({"kind": "tea.made", "v": 1, "x": raw_json("-1")}),
        ),
        (
            "of an unknown kind with half a pair".into(),
            json!({"kind": "tea.made", "v": 1, "x": raw_json("\"\\ud800\"")}),
        ),
        (
            "of an unknown kind with a key twice".into(),
            json!({"kind": "tea.made", "v": 1, "x": raw_json("{\"a\":1,\"a\":1}")}),
        ),
        (
            "of an unknown kind with keys beyond U+FFFF".into(),
            json!({"kind": "tea.made", "v": 1, "x": {"\u{fb33}": 1, "\u{1f600}": 2}}),
        ),
        (
            "of an unknown kind with those keys in another order".into(),
            json!({"kind": "tea.made", "v": 1, "x": raw_json("{\"\u{fb33}\":1,\"\u{1f600}\":2}")}),
        ),
        (
            "of an unknown kind with control characters".into(),
            json!({"kind": "tea.made", "v": 1, "x": "\u{0}\u{1f}\u{7f}\u{80}\u{2028}\n\t\u{8}\u{c}\r\"\\/"}),
        ),
        ("an array".into(), json!([])),
        ("a number".into(), json!(1)),
        ("null".into(), Value::Null),
        ("text".into(), json!("tea")),
    ];
    for levels in [29, 30, 31, 32, 33, 127, 128, 5_000] {
        unknown.push((
            format!("of an unknown kind with {levels} levels inside"),
            json!({"kind": "tea.made", "v": 1, "x": deep(levels)}),
        ));
        unknown.push((
            format!("of a known kind with {levels} levels inside"),
            json!({"kind": "log.opened", "v": 1, "x": deep(levels)}),
        ));
    }
    for length in [65_534, 65_535, 65_536] {
        let fill = length - written(&json!({"kind": "tea.made", "v": 1, "x": ""})).len();
        unknown.push((
            format!("of an unknown kind of {length} bytes"),
            json!({"kind": "tea.made", "v": 1, "x": "y".repeat(fill)}),
        ));
        let mut proposal = forge.content.leaves[3].clone();
        proposal["data"]["evaluation"]["policy"] = json!("");
        let fill = length - written(&proposal).len();
        proposal["data"]["evaluation"]["policy"] = json!("y".repeat(fill));
        unknown.push((format!("of a known kind of {length} bytes"), proposal));
    }
    for (name, leaf) in unknown {
        for entry in [0, 3, 9] {
            let mut content = forge.content.clone();
            content
                .leaves
                .truncate(entry.max(content.leaves.len() * usize::from(entry < 9)));
            if entry < content.leaves.len() {
                content.leaves[entry] = leaf.clone();
            } else {
                content.leaves.push(leaf.clone());
            }
            content
                .parts
                .retain(|part| entry != 3 || part["index"] != json!(3));
            cases.sealed(&format!("entry {entry}: one {name}"), &forge.seal(&content));
        }
        change(
            cases,
            forge,
            &format!("entry 3: one {name}, with parts"),
            |content| content.leaves[3] = leaf.clone(),
        );
        change(
            cases,
            forge,
            &format!("after an unknown one, one {name}"),
            |content| {
                content.leaves[3] = json!({"kind": "tea.made", "v": 1});
                content.leaves[5] = leaf;
            },
        );
    }
    change(
        cases,
        forge,
        "parts of unknown entries in any order",
        |content| {
            content.leaves[4] = json!({"kind": "tea.made", "v": 1});
            let last = content.parts.len() - 1;
            content.parts.swap(last - 1, last);
        },
    );
    change(
        cases,
        forge,
        "an unknown entry after a broken rule",
        |content| {
            content.leaves[4]["time"] = content.leaves[0]["time"].clone();
            content.leaves.push(json!({"kind": "tea.made", "v": 1}));
        },
    );
}
