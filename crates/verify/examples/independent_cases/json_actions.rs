//! Actions that a proposer describes in JSON of its own: what may stand in one, and how it may end.

use serde_json::{Value, json};
use vidimus_protocol::Blob;
use vidimus_protocol::entry::{Data, Outcome};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{Story, sample_change};

use crate::Cases;
use crate::acts::change;
use crate::fields::{changes, places, put, raw_json};
use crate::forge::{Forge, blob, read, written};

/// Its outcome.
const COMPLETED: usize = 8;

/// Good logs of such actions.
pub(crate) fn good() -> Vec<(String, Forge)> {
    vec![
        ("a json action".into(), run(None)),
        (
            "a json action that failed".into(),
            run(Some("the disk is full")),
        ),
    ]
}

fn run(failed: Option<&str>) -> Forge {
    let mut story = Story::new(1, Algorithm::EdDsa);
    let draft = story.proposal_of(&sample_change(), None);
    let Data::ActionProposed(data) = &draft.leaf.data else {
        unreachable!("a proposal proposes");
    };
    let action = data.action;
    story.write(draft);
    story.approve(action);
    story.redeem(action);
    let mut draft = story.completion(action);
    if let (Data::ActionCompleted(data), Some(why)) = (&mut draft.leaf.data, failed) {
        data.outcome = Outcome::Failed { why: why.into() };
    }
    story.write(draft);
    Forge::new(story)
}

pub(crate) fn write(cases: &mut Cases) {
    let forge = run(None);
    let payload = forge
        .content
        .parts
        .iter()
        .position(|part| part["name"] == json!("payload"));
    let payload = payload.expect("a proposal has a payload");
    let plain = read(&blob(&forge.content.parts[payload]["bytes"]).expect("base64url"));
    for (name, action) in actions(&plain) {
        change(
            cases,
            &forge,
            &format!("a json action: {name}"),
            |content| {
                content.parts[payload]["bytes"] = json!(Blob(written(&action)).to_string());
            },
        );
    }
    for (name, bytes) in texts() {
        change(
            cases,
            &forge,
            &format!("a json action: {name}"),
            |content| {
                content.parts[payload]["bytes"] = json!(Blob(bytes).to_string());
            },
        );
    }
    for kind in ["command", "json", "sql"] {
        change(
            cases,
            &forge,
            &format!("a json action proposed as `{kind}`"),
            |content| {
                content.leaves[3]["data"]["action_kind"] = json!(kind);
            },
        );
    }
    for outcome in [
        json!({"exited": {"code": 0}}),
        json!({"signalled": {"signal": 9}}),
        json!({"failed_to_start": {"why": "gone"}}),
        json!({"succeeded": {"why": "x"}}),
        json!({"succeeded": []}),
        json!({"succeeded": {}, "failed": {"why": ""}}),
        json!({"failed": {}}),
        json!({"failed": {"why": ""}}),
        json!({"failed": {"why": "x".repeat(500)}}),
        json!({"failed": {"why": "x".repeat(501)}}),
        json!({"failed": {"why": "é".repeat(251)}}),
        json!("succeeded"),
    ] {
        let name = format!("a json action that ends as {:.60}", outcome.to_string());
        change(cases, &forge, &name, |content| {
            content.leaves[COMPLETED]["data"]["outcome"] = outcome;
        });
    }
}

fn actions(plain: &Value) -> Vec<(String, Value)> {
    let mut actions = Vec::new();
    for place in places(plain) {
        for (name, new) in changes(plain.pointer(&place).expect("found there"), &[]) {
            let mut action = plain.clone();
            put(&mut action, &place, new);
            actions.push((format!("{place} {name}"), action));
        }
    }
    let with = |members: Value| {
        let mut action = plain.clone();
        action["payload"] = members;
        action
    };
    let long = "x".repeat(200);
    for operation in [
        "",
        " ",
        "  \u{a0}",
        "\u{3000}",
        "\u{200b}",
        "x ",
        " x",
        "a\nb",
        "a\tb",
        "a\u{7f}b",
        "a\u{85}b",
        "\u{ad}",
        "\u{202e}x",
        "\u{feff}",
        &long,
        &format!("{long}x"),
        &"é".repeat(100),
        &"é".repeat(101),
        "x\u{0}",
        "\u{2028}",
    ] {
        let action = with(json!({"after": 1, "operation": operation}));
        actions.push((
            format!("operation `{}`", operation.escape_unicode()),
            action,
        ));
    }
    for members in [
        json!({"operation": "x"}),
        json!({"after": null, "operation": "x"}),
        json!({"before": null, "operation": "x"}),
        json!({"after": 1, "before": null, "operation": "x"}),
        json!({"after": null, "before": null, "operation": "x"}),
        json!({"after": 1, "before": 1, "operation": "x"}),
        json!({"after": [null], "operation": "x"}),
        json!({"after": {"a": null}, "operation": "x"}),
        json!({"after": false, "operation": "x"}),
        json!({"after": "", "operation": "x"}),
        json!({"after": {}, "operation": "x"}),
        json!({"after": [], "operation": "x"}),
        json!({"after": 0, "before": [], "more": 1, "operation": "x"}),
        json!({"after": {"": {"": 1}}, "operation": "x"}),
        json!({"after": {"\u{fb33}": 1, "\u{1f600}": 2, "a": 3, "B": 4, "é": 5}, "operation": "x"}),
        json!({"after": "\u{0}\u{1f}\u{7f}\u{80}\u{2028}\n\t\u{8}\u{c}\r\"\\/", "operation": "x"}),
        json!({"after": "\u{10ffff}", "operation": "x"}),
    ] {
        actions.push((format!("{members}"), with(members.clone())));
    }
    for raw in [
        "0",
        "-0",
        "-1",
        "1.0",
        "1.5",
        "1e3",
        "1E3",
        "01",
        "9007199254740991",
        "9007199254740992",
        "18446744073709551615",
        "1e400",
        "true",
        "NaN",
        "\"\\u0061\"",
        "\"\\ud800\"",
        "\"\\u001B\"",
        "\"\\u001b\"",
        "\"\\/\"",
        "{\"a\":1,\"a\":1}",
        "{\"b\":1,\"a\":1}",
        "[1, 2]",
        "{\"\u{fb33}\":1,\"\u{1f600}\":2}",
        "{\"\u{1f600}\":2,\"\u{fb33}\":1}",
    ] {
        for place in ["after", "before"] {
            let mut action = with(json!({"after": 1, "before": 1, "operation": "x"}));
            action["payload"][place] = raw_json(raw);
            actions.push((format!("{place} {raw}"), action));
        }
    }
    for levels in [28, 29, 30, 31, 32, 126, 127, 128, 4_000] {
        for (open, inside, close) in [
            ("[", "", "]"),
            ("[", "1", "]"),
            ("{\"a\":", "1", "}"),
            ("{\"a\":", "{}", "}"),
        ] {
            let deep = format!("{}{inside}{}", open.repeat(levels), close.repeat(levels));
            let mut action = with(json!({"after": 1, "operation": "x"}));
            action["payload"]["after"] = raw_json(&deep);
            actions.push((format!("{levels} levels of {open}{inside}{close}"), action));
        }
    }
    for target in [
        json!({}),
        json!({"environment": "", "resource": "", "system": ""}),
        json!(null),
    ] {
        let mut action = plain.clone();
        action["target"] = target.clone();
        actions.push((format!("target {target}"), action));
    }
    actions
}

/// Bytes around a payload at its longest.
fn texts() -> Vec<(String, Vec<u8>)> {
    let action = |fill: usize| {
        let after = "y".repeat(fill);
        written(&json!({
            "kind": "json",
            "payload": {"after": after, "operation": "x"},
            "target": {"environment": "", "resource": "", "system": ""},
        }))
    };
    let empty = action(0).len();
    [1_048_575, 1_048_576, 1_048_577]
        .map(|length| (format!("of {length} bytes"), action(length - empty)))
        .into()
}
