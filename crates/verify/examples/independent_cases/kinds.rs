//! Actions of each kind beside `command` and `json`: what may stand in one, and how it may end.

use serde_json::{Value, json};
use vidimus_protocol::Blob;
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::Data;
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{Story, sample_kinds};

use crate::Cases;
use crate::acts::change;
use crate::fields::{changes, places, put};
use crate::forge::{Forge, blob, read, written};

/// Its outcome.
const COMPLETED: usize = 8;

/// Good logs of such actions.
pub(crate) fn good() -> Vec<(String, Forge)> {
    let named = |action: Action| (format!("a {} action", action.kind().as_str()), run(&action));
    sample_kinds().into_iter().map(named).collect()
}

fn run(action: &Action) -> Forge {
    let mut story = Story::new(1, Algorithm::EdDsa);
    let draft = story.proposal_of(action, None);
    let Data::ActionProposed(data) = &draft.leaf.data else {
        unreachable!("a proposal proposes");
    };
    let action = data.action;
    story.write(draft);
    story.approve(action);
    story.redeem(action);
    let draft = story.completion(action);
    story.write(draft);
    Forge::new(story)
}

pub(crate) fn write(cases: &mut Cases) {
    for action in sample_kinds() {
        let forge = run(&action);
        let kind = action.kind().as_str();
        let payload = forge
            .content
            .parts
            .iter()
            .position(|part| part["name"] == json!("payload"));
        let payload = payload.expect("a proposal has a payload");
        let plain = read(&blob(&forge.content.parts[payload]["bytes"]).expect("base64url"));
        for (name, changed) in actions(&plain) {
            change(cases, &forge, &format!("{kind}: {name}"), |content| {
                content.parts[payload]["bytes"] = json!(Blob(written(&changed)).to_string());
            });
        }
        for other in [
            "command",
            "json",
            "sql",
            "git.push",
            "git_push",
            "terraform.plan",
        ] {
            change(
                cases,
                &forge,
                &format!("{kind} proposed as `{other}`"),
                |content| {
                    content.leaves[3]["data"]["action_kind"] = json!(other);
                },
            );
        }
        for outcome in [
            json!({"exited": {"code": 0}}),
            json!({"failed_to_start": {"why": "gone"}}),
            json!({"succeeded": {}}),
            json!({"failed": {"why": "x"}}),
        ] {
            let name = format!("{kind} that ends as {outcome}");
            change(cases, &forge, &name, |content| {
                content.leaves[COMPLETED]["data"]["outcome"] = outcome.clone();
            });
        }
    }
}

/// What the command holds is another module's matter, and would be said four times.
fn actions(plain: &Value) -> Vec<(String, Value)> {
    let mut actions = Vec::new();
    let mut set = |place: &str, name: &str, new: Option<Value>| {
        let mut action = plain.clone();
        put(&mut action, place, new);
        actions.push((format!("{place} {name}"), action));
    };
    for place in places(plain) {
        if place.starts_with("/payload/command/") {
            continue;
        }
        let old = plain.pointer(&place).expect("found there");
        for (name, new) in changes(old, &[]) {
            set(&place, &name, new);
        }
        if old.is_string() {
            for text in TEXTS {
                set(&place, &format!("is `{text}`"), Some(json!(text)));
            }
        }
    }
    for (place, texts) in [("/payload/changes/0/after", 33), ("/payload/arguments", 33)] {
        if plain.pointer(place).is_some() {
            for levels in 31..=texts {
                let deep = format!("{}{}", "{\"a\":".repeat(levels), "1");
                set(
                    place,
                    &format!("{levels} levels"),
                    Some(json!(deep + &"}".repeat(levels))),
                );
            }
            for size in [262_143, 262_144, 262_145] {
                let long = format!("{{\"a\":\"{}\"}}", "y".repeat(size - 8));
                set(place, &format!("{size} bytes"), Some(json!(long)));
            }
        }
    }
    if plain["kind"] == json!("git.push") {
        let one = plain["payload"]["refs"][0].clone();
        for number in [0, 100, 101] {
            set(
                "/payload/refs",
                &format!("{number}"),
                Some(json!(vec![one.clone(); number])),
            );
        }
        let commit = one["commits"][0].clone();
        for number in [0, 200, 201] {
            let many = json!(vec![commit.clone(); number]);
            set("/payload/refs/0/commits", &format!("{number}"), Some(many));
        }
        for missing in [&["old"][..], &["new"], &["old", "new"]] {
            let mut one = one.clone();
            for name in missing {
                one.as_object_mut().expect("a reference").remove(*name);
            }
            set(
                "/payload/refs/0",
                &format!("without {missing:?}"),
                Some(one),
            );
        }
    }
    if plain["kind"] == json!("mcp.tool_call") {
        let secret = |pointer: &str| json!({"commit": "09".repeat(32), "pointer": pointer});
        let hidden = "(bound, not shown)";
        let arguments = json!({"": hidden, "a/b": [0, hidden], "c~d": {"01": hidden}, "e": hidden});
        for pointers in [
            &["/"][..],
            &["/a~1b/1"],
            &["/a~1b/01"],
            &["/a~1b/+1"],
            &["/a~1b/-"],
            &["/a~1b/0"],
            &["/a/b/1"],
            &["/c~0d/01"],
            &["/c~d/01"],
            &["e"],
            &["/e/"],
            &[""],
            &["/e", "/e"],
            &["/e", "/c~0d/01"],
            &["/c~0d/01", "/e"],
        ] {
            let secrets: Vec<_> = pointers.iter().map(|pointer| secret(pointer)).collect();
            let mut payload = plain["payload"].clone();
            payload["arguments"] = json!(arguments.to_string());
            payload["secrets"] = json!(secrets);
            set("/payload", &format!("secrets {pointers:?}"), Some(payload));
        }
    }
    if plain["kind"] == json!("sql") {
        for tables in [
            &["a", "a"][..],
            &["b", "a"],
            &["\u{1f600}", "\u{fb33}"],
            &["\u{fb33}", "\u{1f600}"],
        ] {
            set(
                "/payload/statements/0/tables",
                &format!("{tables:?}"),
                Some(json!(tables)),
            );
        }
        set("/payload/statements", "none", Some(json!([])));
    }
    actions
}

/// What may stand in one string and not in another.
const TEXTS: &[&str] = &[
    "",
    "/",
    "/a\u{0}",
    "refs/",
    "0777",
    "0800",
    "644",
    "00644",
    "delete",
    "unknown",
    "{}",
    " {}",
    "[]",
    "{\"a\":1,\"a\":1}",
    "{\"a\":1,\"\\u0061\":1}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":-1.5e3}",
    "{\"a\":1e400}",
    "{\"a\":-1e400}",
    "{\"a\":1e-400}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":01}",
    "{\"a\":1.}",
    "{\"a\":18446744073709551616}",
    "{\"a\":1} x",
    "nul",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
