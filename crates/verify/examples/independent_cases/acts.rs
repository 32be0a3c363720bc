//! Signed acts: odd client data and several items under one signature. Keys, authenticator data and the
//! contents of parts have files of their own.

use serde_json::{Value, json};
use vidimus_ledger::tree::{leaf_hash, node_hash};
use vidimus_protocol::envelope::AgentItem;
use vidimus_protocol::{AgentId, Blob, Digest};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{ORIGIN, Story};

use crate::fields::put;
use crate::forge::{Content, Forge, blob, read, text, written};
use crate::{Cases, authenticator, contents, keys, leaves};

pub(crate) const ASSERTION_DATA: &str = "/data/signed/assertion/authenticator_data";
const ASSERTION_CLIENT: &str = "/data/signed/assertion/client_data_json";
pub(crate) const ATTESTATION: &str = "/data/attestation_object";
const REGISTRATION_CLIENT: &str = "/data/client_data_json";

pub(crate) fn write(cases: &mut Cases) {
    let mut story = Story::new(1, Algorithm::EdDsa);
    story.run();
    let forge = Forge::new(story);
    client_data(cases, &forge);
    items(cases, &forge);
    authenticator::write(cases, &forge);
    contents::write(cases, &forge);
    keys::write(cases);
    leaves::write(cases, &forge);
}

pub(crate) fn change(cases: &mut Cases, forge: &Forge, name: &str, how: impl FnOnce(&mut Content)) {
    let mut content = forge.content.clone();
    how(&mut content);
    cases.sealed(name, &forge.seal(&content));
}

pub(crate) fn set_bytes(content: &mut Content, entry: usize, place: &str, bytes: Vec<u8>) {
    put(
        &mut content.leaves[entry],
        place,
        Some(json!(Blob(bytes).to_string())),
    );
}

pub(crate) fn bytes_at(content: &Content, entry: usize, place: &str) -> Vec<u8> {
    let value = content.leaves[entry]
        .pointer(place)
        .expect("bytes stand there");
    blob(value).expect("they are base64url")
}

// -- Client data

fn client_data(cases: &mut Cases, forge: &Forge) {
    let software = bytes_at(&forge.content, 2, ASSERTION_CLIENT);
    let software: Value = read(&software);
    let origin = text(&software, "/origin");
    let good = format!(r#""type":"TYPE","challenge":"CHALLENGE","origin":"{origin}""#);
    let browser = format!(r#""type":"TYPE","challenge":"CHALLENGE","origin":"{ORIGIN}""#);
    let with = |more: &str| format!("{{{good},{more}}}").into_bytes();
    let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
    for more in [
        r#""crossOrigin":true"#,
        r#""crossOrigin":false"#,
        r#""crossOrigin":null"#,
        r#""crossOrigin":0"#,
        r#""crossOrigin":"false""#,
        r#""topOrigin":null"#,
        r#""topOrigin":"http://localhost:7411""#,
        r#""topOrigin":false"#,
        r#""x":1.5"#,
        r#""x":-1"#,
        r#""x":-0"#,
        r#""x":1e300"#,
        r#""x":1e400"#,
        r#""x":-1e400"#,
        r#""x":1e-400"#,
        r#""x":NaN"#,
        r#""x":Infinity"#,
        r#""x":01"#,
        r#""x":1."#,
        r#""x":.5"#,
        r#""x":+1"#,
        r#""x":1e"#,
        r#""x":9007199254740993"#,
        r#""x":123456789012345678901234567890"#,
        r#""x":null"#,
        r#""x":[]"#,
        r#""x":{"a":1,"b":1}"#,
        r#""x":{"a":1,"a":1}"#,
        r#""x":[{"a":1,"\u0061":2}]"#,
        r#""type":"TYPE""#,
        r#""\u0074ype":"TYPE""#,
        r#""x":"\ud800""#,
        r#""x":"\ud83d\ude00""#,
        r#""x":"\udc00\ud800""#,
        r#""\ud800":1"#,
        r#""x":"\x""#,
        r#""x":"\u12""#,
        r#""x":"\/""#,
        "\"x\":\"a\tb\"",
        "\"x\":\"a\u{7f}b\"",
        r#""x":'a'"#,
        r#""x":1,"#,
        r#""x":tru"#,
        r#""x":True"#,
        r#""x":"😀""#,
        r#""":1"#,
        r#""tokenBinding":{"status":"supported"}"#,
        r#""other_keys_can_be_added_here":"do not compare clientDataJSON against a template. See https://goo.gl/yabPex""#,
    ] {
        texts.push((format!("more: {more}"), with(more)));
    }
    for levels in [1, 30, 31, 32, 33, 128, 1_000] {
        let deep = format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels));
        texts.push((format!("nested {levels} levels"), with(&deep)));
        let deep = format!("\"x\":{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        texts.push((format!("nested {levels} levels of objects"), with(&deep)));
    }
    let short = with(r#""x":"""#).len();
    for length in [4_095, 4_096, 4_097] {
        // The challenge is longer than its placeholder, the type too.
        let fill =
            length - short - (43 - "CHALLENGE".len()) - ("webauthn.get".len() - "TYPE".len());
        texts.push((
            format!("of {length} bytes"),
            with(&format!("\"x\":\"{}\"", "y".repeat(fill))),
        ));
    }
    let mut invalid = with(r#""x":"Z""#);
    let at = invalid.len() - 3;
    for byte in [0xff, 0x80, 0xc3] {
        invalid[at] = byte;
        texts.push((format!("with the byte {byte:#x}"), invalid.clone()));
    }
    for (name, text) in [
        ("plain", format!("{{{good}}}")),
        ("browser route", format!("{{{browser}}}")),
        ("with spaces", format!(" {{ {good} }}\n")),
        ("with a vertical tab", format!("\u{b}{{{good}}}")),
        ("with a BOM", format!("\u{feff}{{{good}}}")),
        ("with something after it", format!("{{{good}}}x")),
        ("twice", format!("{{{good}}}{{{good}}}")),
        ("in an array", format!("[{{{good}}}]")),
        ("as an array", r#"["TYPE","CHALLENGE","origin"]"#.into()),
        ("empty", String::new()),
        ("null", "null".into()),
        ("with a comment", format!("{{{good}/**/}}")),
        (
            "with an escaped type",
            format!("{{{good}}}").replace("TYPE", "\\u0054YPE"),
        ),
        (
            "without a type",
            format!("{{{good}}}").replace("\"type\":\"TYPE\",", ""),
        ),
        (
            "with a number as type",
            format!("{{{good}}}").replace("\"TYPE\"", "1"),
        ),
        (
            "without a challenge",
            format!("{{{good}}}").replace("\"challenge\":\"CHALLENGE\",", ""),
        ),
        (
            "with a padded challenge",
            format!("{{{good}}}").replace("CHALLENGE", "CHALLENGE="),
        ),
        (
            "with the origin in capitals",
            format!("{{{browser}}}").replace("localhost", "LOCALHOST"),
        ),
        (
            "with a slash after the origin",
            format!("{{{browser}}}").replace(ORIGIN, &format!("{ORIGIN}/")),
        ),
        (
            "with another port",
            format!("{{{browser}}}").replace(ORIGIN, "http://localhost:7412"),
        ),
        (
            "without a port",
            format!("{{{browser}}}").replace(ORIGIN, "http://localhost"),
        ),
        (
            "of another software",
            format!("{{{good}}}").replace(&origin, "vidimus-software:"),
        ),
        (
            "of the origin null",
            format!("{{{good}}}").replace(&origin, "null"),
        ),
        (
            "with an escaped origin",
            format!("{{{browser}}}").replace("http:", "http\\u003a"),
        ),
        (
            "with an escaped slash in the origin",
            format!("{{{browser}}}").replace("//", "\\/\\/"),
        ),
    ] {
        texts.push((name.into(), text.into_bytes()));
    }
    let fill = |text: &[u8], r#type: &str, challenge: &str| {
        let text = replaced(text, b"TYPE", r#type.as_bytes());
        replaced(&text, b"CHALLENGE", challenge.as_bytes())
    };
    for (name, text_of) in texts {
        for (entry, place, r#type) in [
            (2, ASSERTION_CLIENT, "webauthn.get"),
            (1, REGISTRATION_CLIENT, "webauthn.create"),
        ] {
            let old: Value = read(&bytes_at(&forge.content, entry, place));
            let data = fill(&text_of, r#type, &text(&old, "/challenge"));
            let name = format!("client data of entry {entry} {name}");
            change(cases, forge, &name, |content| {
                set_bytes(content, entry, place, data)
            });
        }
    }
    for swapped in [
        "webauthn.create",
        "webauthn.get",
        "webauthn.Get",
        "payment.get",
        "",
    ] {
        for (entry, place) in [(2, ASSERTION_CLIENT), (1, REGISTRATION_CLIENT)] {
            let mut old: Value = read(&bytes_at(&forge.content, entry, place));
            old["type"] = json!(swapped);
            let data = written(&old);
            let name = format!("client data of entry {entry} of type `{swapped}`");
            change(cases, forge, &name, |content| {
                set_bytes(content, entry, place, data)
            });
        }
    }
    change(cases, forge, "enrolled by the browser route", |content| {
        for place in [ASSERTION_CLIENT, REGISTRATION_CLIENT] {
            let mut old: Value = read(&bytes_at(content, 1, place));
            old["origin"] = json!(ORIGIN);
            set_bytes(content, 1, place, written(&old));
        }
    });
}

pub(crate) fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let found = bytes.windows(old.len()).position(|window| window == old);
    match found {
        Some(at) => [&bytes[..at], new, &bytes[at + old.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

// -- Several items under one signature

fn items(cases: &mut Cases, forge: &Forge) {
    let mut story = Story::new(1, Algorithm::EdDsa);
    for _ in 0..2 {
        let item = AgentItem {
            agent: AgentId::from_random(story_id(&mut story)),
            executor: story.executor,
            name: "second".into(),
            owner: story.reviewer,
            token_hash: story.draw(),
        };
        let draft = story.registration_with(item, |_, _| {});
        story.write(draft);
    }
    let pair = Forge::new(story);
    let item = |entry: usize| pair.content.leaves[entry]["data"]["signed"]["item"].clone();
    let hash = |entry: usize| Digest(leaf_hash(&written(&item(entry)))).to_string();
    let both = |indexes: [u64; 2], counts: [u64; 2]| {
        let mut content = pair.content.clone();
        let [first, second] = [3, 4].map(|entry| leaf_hash(&written(&item(entry))));
        let root = match indexes {
            [0, _] => node_hash(&first, &second),
            _ => node_hash(&second, &first),
        };
        let mut envelope = content.leaves[3]["data"]["signed"]["envelope"].clone();
        envelope["items_root"] = json!(Digest(root).to_string());
        for (at, entry) in [3, 4].into_iter().enumerate() {
            let signed = &mut content.leaves[entry]["data"]["signed"];
            signed["envelope"] = envelope.clone();
            signed["index"] = json!(indexes[at]);
            signed["count"] = json!(counts[at]);
            signed["path"] = json!([hash(7 - entry)]);
        }
        content
    };
    for first in 0..3 {
        for second in 0..3 {
            for counts in [[2, 2], [2, 3], [3, 2], [1, 2], [2, 1], [3, 3]] {
                let name = format!("two items at {first} and {second} of {counts:?}");
                cases.sealed(&name, &pair.seal(&both([first, second], counts)));
            }
        }
    }
    change(cases, &pair, "a nonce for two envelopes", |content| {
        let nonce = content.leaves[3]["data"]["signed"]["envelope"]["nonce"].clone();
        content.leaves[4]["data"]["signed"]["envelope"]["nonce"] = nonce;
    });
    for count in [0, 1, 2, 3, 255, 256, 257] {
        for index in [0, 1, 2, 255, 256] {
            for nodes in 0..10 {
                if nodes > 2 && count < 255 {
                    continue;
                }
                let path = vec!["11".repeat(32); nodes];
                let root = root(
                    index,
                    count,
                    leaf_hash(&written(&forge.content.leaves[2]["data"]["signed"]["item"])),
                    nodes,
                );
                change(
                    cases,
                    forge,
                    &format!("item {index} of {count} with a path of {nodes}"),
                    |content| {
                        let signed = &mut content.leaves[2]["data"]["signed"];
                        signed["count"] = json!(count);
                        signed["index"] = json!(index);
                        signed["path"] = json!(path);
                        if let Some(root) = root {
                            signed["envelope"]["items_root"] = json!(Digest(root).to_string());
                        }
                    },
                );
            }
        }
    }
}

fn story_id(story: &mut Story) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&story.draw().0[..16]);
    id
}

/// The root of a tree in which every sibling of this leaf is `11…`.
fn root(index: u64, count: u64, leaf: [u8; 32], nodes: usize) -> Option<[u8; 32]> {
    if index >= count {
        return None;
    }
    let (mut index, mut last, mut node) = (index, count - 1, leaf);
    for _ in 0..nodes {
        while index == last && index % 2 == 0 && last > 0 {
            (index, last) = (index / 2, last / 2);
        }
        node = match index % 2 {
            1 => node_hash(&[0x11; 32], &node),
            _ => node_hash(&node, &[0x11; 32]),
        };
        (index, last) = (index / 2, last / 2);
    }
    Some(node)
}
