//! Inputs that are not what the log and the payload say, in every member.

use serde_json::{Value, json};
use vidimus_policy::{Inputs, PolicyText};
use vidimus_protocol::Blob;
use vidimus_protocol::action::Action;
use vidimus_protocol::envelope::Role;
use vidimus_verify::testkit::{sample_action, sample_change, sample_kinds};

use super::super::Team;
use super::{alone, asking, cast};
use crate::Cases;
use crate::acts::change;
use crate::fields::{changes, places, put};
use crate::forge::{blob, read, written};

pub(super) fn write(cases: &mut Cases) {
    let text = asking("");
    let mut team = cast();
    team.by("Ada").change("Ben", super::BOTH, &[]);
    team.by("Ben")
        .change("Ada", super::BOTH, &["builders", "sre"]);
    team.by("Ada").change("Ben", &[Role::Reviewer], &[]);
    team.bring(&text);
    let mut draft = team.story.proposal();
    if let vidimus_protocol::entry::Data::ActionProposed(data) = &mut draft.leaf.data {
        data.run = Some("nightly-42".parse().expect("visible ASCII"));
    }
    let action = proposed(&draft);
    let draft = team
        .story
        .under(draft, &text, &action, |inputs| inputs.wait_s = Some(900));
    team.write(draft);
    mutated(cases, team, "command", "");
    for action in sample_kinds().into_iter().chain([sample_change()]) {
        let mut team = alone();
        team.bring(&text);
        team.proposed_under(&text, &action);
        mutated(cases, team, action.kind().as_str(), "/facts");
    }
    counts(cases, &text);
    changed(cases, &text);
}

fn proposed(draft: &vidimus_verify::testkit::Draft) -> Action {
    let payload = draft.parts.iter().find(|(name, _)| name == "payload");
    let (_, payload) = payload.expect("a proposal has a payload");
    Action::parse(&payload.bytes.0).expect("it was written")
}

/// Every change of every value below that place.
fn mutated(cases: &mut Cases, team: Team, name: &str, below: &str) {
    let forge = team.forge();
    let at = forge
        .content
        .parts
        .iter()
        .position(|part| part["name"] == json!("inputs"));
    let at = at.expect("there are inputs");
    let plain = read(&blob(&forge.content.parts[at]["bytes"]).expect("base64url"));
    let part = plain.pointer(below).expect("it is there");
    let mut all: Vec<(String, Value)> = Vec::new();
    for place in places(part) {
        let place = format!("{below}{place}");
        let value = plain.pointer(&place).expect("it was found there");
        let mut new = changes(value, &[]);
        if let Value::Bool(is) = value {
            new.push(("the other".into(), Some(json!(!is))));
        }
        for (change, new) in new {
            let mut changed = plain.clone();
            put(&mut changed, &place, new);
            all.push((format!("{place} {change}"), changed));
        }
    }
    for (section, facts) in SECTIONS {
        let mut changed = plain.clone();
        changed["facts"][section] = read(facts.as_bytes());
        all.push((format!("with {section}"), changed));
    }
    for (member, value) in [
        ("wait_s", json!(0)),
        ("wait_s", json!(60)),
        ("run", json!("a")),
        ("run", json!("a b")),
    ] {
        let mut changed = plain.clone();
        changed[member] = value.clone();
        all.push((format!("with {member} {value}"), changed));
    }
    for (name_of, changed) in all {
        change(
            cases,
            &forge,
            &format!("inputs of a {name}, {name_of}"),
            |content| {
                content.parts[at]["bytes"] = json!(Blob(written(&changed)).to_string());
            },
        );
    }
}

const SECTIONS: [(&str, &str); 7] = [
    (
        "command",
        r#"{"args":["a"],"cwd":"/","env":["A"],"line":"a","name":"a","program":"/a","root":false,"user":"a"}"#,
    ),
    (
        "file",
        r#"{"creates":true,"path":"/a","root":false,"user":"a"}"#,
    ),
    (
        "git",
        r#"{"deletes":true,"refs":["refs/heads/a"],"remote":"a","rewrites":false}"#,
    ),
    ("json", r#"{"operation":"a","removes":false}"#),
    (
        "sql",
        r#"{"classes":["read","write","delete"],"tables":["a"],"whole_table":false}"#,
    ),
    (
        "terraform",
        r#"{"addresses":[],"creates":0,"deletes":0,"replaces":0,"types":[],"updates":0}"#,
    ),
    ("tool", r#"{"server":"a","tool":"a"}"#),
];

/// Counts on both sides of the hour, of several kinds, with edits between.
fn counts(cases: &mut Cases, text: &PolicyText) {
    for seconds in [
        0, 3_590, 3_594, 3_595, 3_596, 3_597, 3_598, 3_599, 3_600, 3_601, 7_200,
    ] {
        for at_policy in [false, true] {
            let mut team = cast();
            team.by("Ada");
            if at_policy {
                team.bring(text);
                team.proposed_under(text, &sample_action(1));
                team.proposed_under(text, &sample_change());
                let first = team.proposed_under(text, &sample_action(2));
                team.by("Ben").replace_under(text, first, &sample_action(3));
            } else {
                team.propose(1);
                let first = team.propose(1);
                team.by("Ben").replace(first, 3);
                team.by("Ada").bring(text);
            }
            team.story.pass(seconds);
            team.proposed_under(text, &sample_action(4));
            team.proposed_under(text, &sample_change());
            team.told(cases, &format!("counted {seconds} s later, {at_policy}"));
        }
    }
}

/// What the reducer takes and the log does not say.
fn changed(cases: &mut Cases, text: &PolicyText) {
    type Change = fn(&mut Inputs);
    let changes: [(&str, Change); 10] = [
        ("the time", |inputs| {
            inputs.time = inputs.time.plus_seconds(1)
        }),
        ("the quorum", |inputs| inputs.quorum = 2),
        ("the agent", |inputs| inputs.agent.name.push('s')),
        ("the owner's groups", |inputs| {
            inputs.agent.owner.groups.push("sre".into())
        }),
        ("the owner's roles", |inputs| {
            inputs.agent.owner.roles.reverse()
        }),
        ("the owner's name", |inputs| {
            inputs.agent.owner.name.push('s')
        }),
        ("the owner's identity", |inputs| {
            inputs.agent.owner.identity.push('s')
        }),
        ("the last hour", |inputs| inputs.last_hour += 1),
        ("the first", |inputs| {
            inputs.first_of_kind = !inputs.first_of_kind
        }),
        ("nothing", |_| {}),
    ];
    for (name, change) in changes {
        for is_alone in [false, true] {
            let mut team = if is_alone { alone() } else { cast() };
            team.by("Ada").bring(text);
            let draft = team.story.proposal_under(text, &sample_action(1), change);
            team.write(draft);
            team.told(
                cases,
                &format!("inputs with another {name}, alone {is_alone}"),
            );
        }
    }
}
