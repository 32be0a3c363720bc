//! The host's published contract and the events that it really fires, as data.

use serde_json::Value;

use crate::gateway::{Decide, Gateway};
use crate::hooked::Hooked;

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
