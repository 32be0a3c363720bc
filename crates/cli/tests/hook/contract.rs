//! The host's published contract and the events that it really fires, as data.

use serde_json::Value;

use crate::gateway::{Decide, Gateway};
use crate::hooked::{Hooked, answer};

fn data(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn claude() -> (Value, Vec<Value>) {
    let contract = data(include_str!("../hosts/claude/2.1.330/contract.json"));
    let events = data(include_str!("../hosts/claude/2.1.330/events.json"));
    (contract, events.as_array().unwrap().clone())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect()
}

#[test]
fn the_events_are_those_of_the_contract() {
    let (contract, events) = claude();
    for event in &events {
        are_of_the_contract(&contract, event);
    }
}

fn are_of_the_contract(contract: &Value, event: &Value) {
    let name = event["hook_event_name"].as_str().unwrap();
    let members = [&contract["input"]["base"], &contract["input"][name]];
    for (member, kind) in members
        .iter()
        .flat_map(|members| members.as_object().unwrap())
    {
        let value = &event[member];
        assert!(!value.is_null(), "{name}: {member}");
        assert!(kind == "any" || value.is_string(), "{name}: {member}");
    }
}

#[test]
fn each_event_that_the_host_fires_gets_the_answer_that_it_should() {
    let (contract, events) = claude();
    let gateway = Gateway::start(Decide::Deny("no"));
    let hooked = Hooked::new(&gateway, 20);
    let mut decided = 0;
    for event in &events {
        let answer = hooked.ask(event);
        let reads = event["tool_name"] == "Read" || event["tool_name"] == "ToolSearch";
        let held = event["hook_event_name"] == "PreToolUse" && !reads;
        if !held {
            answer.passed();
            continue;
        }
        answer.denied("reason: no");
        decided += 1;
        let said = data(&answer.0.stdout);
        let output = &contract["output"];
        for member in said.as_object().unwrap().keys() {
            assert!(
                names(&output["members"]).contains(&member.as_str()),
                "{member}"
            );
        }
        let specific = said["hookSpecificOutput"].as_object().unwrap();
        for member in specific.keys() {
            assert!(
                names(&output["PreToolUse"]).contains(&member.as_str()),
                "{member}"
            );
        }
        let decision = specific["permissionDecision"].as_str().unwrap();
        assert!(names(&output["permissionDecision"]).contains(&decision));
    }
    assert_eq!(
        decided, 6,
        "Bash three times, Write, Edit and a tool of MCP"
    );
}

#[test]
fn the_settings_are_those_of_the_contract() {
    let (contract, _) = claude();
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 540);
    let settings = data(&std::fs::read_to_string(hooked.settings()).unwrap());
    let known = &contract["settings"];
    for event in ["PreToolUse", "PostToolUse", "PostToolUseFailure"] {
        let group = &settings["hooks"][event][0];
        for member in group.as_object().unwrap().keys() {
            assert!(
                names(&known["group"]).contains(&member.as_str()),
                "{member}"
            );
        }
        for member in group["hooks"][0].as_object().unwrap().keys() {
            assert!(
                names(&known["command"]).contains(&member.as_str()),
                "{member}"
            );
        }
    }
    let hook = &settings["hooks"]["PreToolUse"][0]["hooks"][0];
    assert!(names(&known["onFailure"]).contains(&hook["onFailure"].as_str().unwrap()));
    assert!(hook["timeout"].as_u64().unwrap() <= known["default_timeout_s"].as_u64().unwrap());
}

/// A host whose *no* is an exit code, with its events.
fn by_code(client: &'static str) -> (Hooked, Gateway, Value, Vec<Value>) {
    let [contract, events] = match client {
        "codex" => [
            include_str!("../hosts/codex/0.169.0/contract.json"),
            include_str!("../hosts/codex/0.169.0/events.json"),
        ],
        _ => [
            include_str!("../hosts/copilot/1.0.102/contract.json"),
            include_str!("../hosts/copilot/1.0.102/events.json"),
        ],
    };
    let gateway = Gateway::start(Decide::Deny("no"));
    let hooked = Hooked::of(client, &gateway, 20);
    let events = data(events).as_array().unwrap().clone();
    (hooked, gateway, data(contract), events)
}

fn held(client: &'static str, passing: &[&str]) -> Vec<String> {
    let (hooked, _gateway, contract, events) = by_code(client);
    let mut held = Vec::new();
    for event in &events {
        are_of_the_contract(&contract, event);
        let answer = hooked.ask(event);
        let tool = event["tool_name"].as_str().unwrap();
        if event["hook_event_name"] != "PreToolUse" || passing.contains(&tool) {
            answer.passed();
            continue;
        }
        held.push(tool.to_owned());
        let hidden = event["tool_input"]["shellId"].is_string();
        answer.stopped(if hidden {
            "without `shellId`"
        } else {
            "reason: no"
        });
        assert_eq!(contract["output"]["blocking_exit_code"], 2);
        for member in data_or_empty(&answer.0.stdout).keys() {
            assert!(names(&contract["output"]["members"]).contains(&member.as_str()));
        }
    }
    held
}

fn data_or_empty(text: &str) -> serde_json::Map<String, Value> {
    match text {
        "" => serde_json::Map::new(),
        text => data(text).as_object().unwrap().clone(),
    }
}

#[test]
fn codex_gets_the_answers_that_it_knows() {
    let held = held("codex", &["view_image"]);
    assert_eq!(held, ["Bash", "Bash", "apply_patch", "mcp__docs__Read"]);
    let (hooked, _gateway, contract, events) = by_code("codex");
    let mut reads = events[0].clone();
    reads["tool_input"]["command"] = "ls".into();
    hooked.ask(&reads).passed();
    answer(hooked.start("{")).stopped("It does not run");
    let settings = data(&std::fs::read_to_string(hooked.settings()).unwrap());
    for event in ["PreToolUse", "PostToolUse"] {
        let group = &settings["hooks"][event][0];
        members_are(&contract["settings"]["group"], group);
        members_are(&contract["settings"]["hook"], &group["hooks"][0]);
    }
}

#[test]
fn copilot_gets_the_answers_that_it_knows() {
    let held = held("copilot", &["Agent", "Read"]);
    assert_eq!(
        held,
        [
            "Bash",
            "Bash",
            "Write",
            "Edit",
            "docs-Read",
            "docs-bad",
            "Bash"
        ],
        "the last is a subagent's"
    );
    let (hooked, _gateway, contract, events) = by_code("copilot");
    let mut reads = events[0].clone();
    reads["tool_input"]["command"] = "git status".into();
    hooked.ask(&reads).passed();
    answer(hooked.start("{")).stopped("It does not run");
    let settings = data(&std::fs::read_to_string(hooked.settings()).unwrap());
    members_are(&contract["settings"]["file"], &settings);
    assert_eq!(settings["version"], 1);
    for event in ["PreToolUse", "PostToolUse", "PostToolUseFailure"] {
        members_are(&contract["settings"]["hook"], &settings["hooks"][event][0]);
    }
}

fn members_are(known: &Value, object: &Value) {
    for member in object.as_object().unwrap().keys() {
        assert!(names(known).contains(&member.as_str()), "{member}");
    }
}

#[test]
fn codex_is_told_no_whatever_becomes_of_the_program() {
    let (hooked, _gateway, _, events) = by_code("codex");
    let good = std::fs::read_to_string(hooked.settings()).unwrap();
    for name in ["breaks", "fails", "is-gone"] {
        std::fs::write(hooked.settings(), &good).unwrap();
        hooked.replace_program(&hooked.bad_program(name), 600);
        hooked.ask(&events[0]).stopped("It does not run.");
        let nowhere = [("PATH", "")];
        answer(hooked.start_with(&events[0].to_string(), &nowhere)).stopped("It does not run.");
    }
}
