//! `vidimus mcp` against a gateway of a few lines, with real verification.
#![allow(clippy::unwrap_used, unreachable_pub, dead_code)]

#[path = "../exec/gateway.rs"]
mod gateway;
mod hostile;
mod linking;
mod lying;
mod old_tasks;
#[path = "../exec/place.rs"]
mod place;
mod remote;
mod talk;
mod waiting;

use gateway::{Decide, Gateway};
use place::Place;
use serde_json::json;
use talk::Talk;
use vidimus_protocol::action::{Action, Payload, ToolCall};
use vidimus_protocol::entry::Outcome;

/// What the only proposal shows.
pub fn proposed(gateway: &Gateway) -> ToolCall {
    let world = gateway.world();
    let [proposal] = world.proposals.as_slice() else {
        panic!("{} proposals", world.proposals.len());
    };
    match Action::parse(&proposal.payload.bytes.0).unwrap().payload {
        Payload::McpToolCall(call) => *call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_approved_call_is_sent_once_as_it_stood_and_its_outcome_reported() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &["--ttl", "15m"], &[]);
    let arguments = r#"{"n":1.50e1, "s":"\u00e9","big":9007199254740993}"#;
    talk.write(&format!(
        r#"{{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{{"_meta":{{"progressToken":7,"vendor/x":1}},"arguments":{arguments},"name":"write"}}}}"#
    ));
    let answer = talk.message();
    assert_eq!(answer["id"], "x");
    assert!(
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("did "),
        "{answer}"
    );
    let call = proposed(&gateway);
    assert_eq!(call.tool, "write");
    assert_eq!(call.arguments, arguments);
    assert!(
        call.definition.contains("\"writes\""),
        "{}",
        call.definition
    );
    assert!(call.server.starts_with("python3 -B "), "{}", call.server);
    let [sent] = <[String; 1]>::try_from(talk.calls()).unwrap();
    assert!(
        sent.contains(&format!(r#""arguments":{arguments}"#)),
        "{sent}"
    );
    assert!(sent.contains(r#""_meta":{"progressToken":7}}"#), "{sent}");
    assert!(talk.said().contains("`vendor/x` in `_meta`"));
    gateway.wait("a report", |world| world.reports.len() == 1);
    let world = gateway.world();
    assert_eq!(world.proposals[0].ttl_s, Some(900));
    assert_eq!(world.reports[0].outcome, Outcome::Succeeded {});
    let output = world.reports[0].output.as_ref().unwrap();
    assert!(output.bytes.0.starts_with(b"did "));
    drop(world);
    assert_eq!(talk.end(), 0);
}

#[test]
fn each_refusal_is_told_apart_and_no_tool_runs() {
    for (decide, status, words) in [
        (Decide::Deny("too late"), "denied", "reason: too late"),
        (Decide::Expire, "expired", "nobody decided"),
        (Decide::Refuse, "refused", "the rule of the house"),
        (Decide::WithoutVerdict, "unproven", "proof does not hold"),
        (Decide::OwnKey, "unproven", "proof does not hold"),
    ] {
        let gateway = Gateway::start(decide);
        let place = Place::connected(&gateway);
        let mut talk = Talk::start(&place, &[], &[]);
        let id = talk.call("write", &json!({}));
        let answer = talk.answer(id);
        let result = &answer["result"];
        assert_eq!(result["structuredContent"]["vidimus"]["status"], status);
        assert_eq!(result["isError"], true);
        let said = result["content"][0]["text"].as_str().unwrap();
        assert!(said.contains(words), "{said}");
        assert_eq!(talk.calls(), [""; 0]);
    }
}

#[test]
fn a_pause_stops_a_call_and_says_that_asking_again_is_useless() {
    for decide in [Decide::Pause, Decide::ApproveAndPause] {
        let gateway = Gateway::start(decide);
        let place = Place::connected(&gateway);
        let mut talk = Talk::start(&place, &[], &[]);
        let id = talk.call("write", &json!({}));
        let answer = talk.answer(id);
        let result = &answer["result"];
        let about = &result["structuredContent"]["vidimus"];
        assert_eq!(about["status"], "withdrawn");
        let said = result["content"][0]["text"].as_str().unwrap();
        assert!(said.contains("pause") && said.contains("useless"), "{said}");
        let id = talk.call("write", &json!({}));
        assert_eq!(talk.status(id), "withdrawn", "it is still paused");
        assert_eq!(talk.calls(), [""; 0]);
    }
}

#[test]
fn a_pause_after_the_permit_stops_a_call_too() {
    let gateway = Gateway::start(Decide::Approve);
    gateway.world().faults.pause_after_permit = true;
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let id = talk.call("write", &json!({}));
    assert_eq!(talk.status(id), "withdrawn");
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn another_action_in_its_place_is_withdrawn_and_not_run() {
    let gateway = Gateway::start(Decide::Edit("one", "two"));
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let id = talk.call("write", &json!({"path": "one"}));
    let answer = talk.answer(id);
    let result = &answer["result"];
    assert_eq!(result["structuredContent"]["vidimus"]["status"], "edited");
    let said = result["content"][0]["text"].as_str().unwrap();
    assert!(said.contains("something else"), "{said}");
    assert!(gateway.world().withdrawn, "what came of it is withdrawn");
    assert_eq!(gateway.world().redemptions, 0);
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn what_is_not_governed_passes_as_it_stands_also_without_a_gateway() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let trust = gateway.world().story.trust();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut gone = gateway.clone();
    gone.port = nobody.local_addr().unwrap().port();
    drop(nobody);
    place.connect("coder", &gone, &trust);
    let mut talk = Talk::start(&place, &["--allow", "re*"], &[]);
    let lines = [
        r#"{"jsonrpc":"2.0", "id":1, "method":"initialize","params":{"x":1.0e0,"protocolVersion":"2025-11-25"}}"#,
        r#"{"id":2,"method":"unknown/method","jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":"s","result":{"action":"accept"}}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"read","arguments":{"a":1.0}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/ask"}"#,
    ];
    for line in lines {
        talk.write(line);
    }
    for id in 1..=3 {
        let answer = talk.message();
        assert_eq!(answer["id"], id, "in order");
        assert!(answer["result"].is_object());
    }
    assert_eq!(
        talk.line(),
        r#"{"jsonrpc": "2.0", "id": "s", "method": "elicitation/create", "params": {"x": 1}}"#
    );
    assert_eq!(talk.notes(), lines);
    // What is governed does not, and says why.
    let id = talk.call("write", &json!({}));
    assert_eq!(talk.status(id), "unreachable");
    assert_eq!(talk.calls().len(), 1, "the one that is allowed");
}

#[test]
fn without_an_agent_governed_calls_fail_in_words_and_others_pass() {
    let place = Place::empty();
    let mut talk = Talk::start(&place, &["--allow", "read"], &[]);
    let id = talk.call("write", &json!({}));
    assert_eq!(talk.status(id), "not_set_up");
    let id = talk.call("read", &json!({}));
    assert_eq!(talk.answer(id)["result"]["isError"], false);
    assert!(talk.said().contains("no agent is connected here"));
}

#[test]
fn what_a_tool_says_of_itself_loosens_nothing_and_an_unknown_one_is_governed() {
    let gateway = Gateway::start(Decide::Deny("no"));
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    for tool in ["read", "nobody_knows"] {
        let id = talk.call(tool, &json!({}));
        assert_eq!(talk.status(id), "denied", "{tool}");
    }
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn a_tool_that_fails_is_reported_as_failed() {
    for (tool, mode, why) in [("write", "fail", "did {}"), ("error", "", "no such tool")] {
        let gateway = Gateway::start(Decide::Approve);
        let place = Place::connected(&gateway);
        let mut talk = Talk::start(&place, &[], &[mode]);
        let id = talk.call(tool, &json!({}));
        talk.answer(id);
        gateway.wait("a report", |world| world.reports.len() == 1);
        let failed = Outcome::Failed { why: why.into() };
        assert_eq!(gateway.world().reports[0].outcome, failed);
    }
}

#[test]
fn a_secret_is_bound_not_shown_and_passed_on() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &["--secret", "write:/auth/password"], &[]);
    talk.write(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write","arguments":{"n":1.0,"auth":{"password":"hunter2"}}}}"#,
    );
    talk.answer(1);
    let call = proposed(&gateway);
    assert_eq!(
        call.arguments,
        r#"{"n":1.0,"auth":{"password":"(bound, not shown)"}}"#
    );
    assert_eq!(call.secrets[0].pointer, "/auth/password");
    assert!(talk.calls()[0].contains(r#"{"n":1.0,"auth":{"password":"hunter2"}}"#));
    gateway.wait("a report", |world| world.reports.len() == 1);
    let world = gateway.world();
    let output = &world.reports[0].output.as_ref().unwrap().bytes.0;
    let output = String::from_utf8(output.clone()).unwrap();
    assert!(!output.contains("hunter2"), "{output}");
    assert!(!talk.said().contains("hunter2"));
}

#[test]
fn a_changed_definition_is_refused_until_the_user_accepts_it() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let pin = |options: &[&str]| {
        let words = [&["--name", "files", "--allow", "read"], options].concat();
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let start = |mode: &str| {
        let words = pin(&[]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Talk::start(&place, &words, &[mode])
    };
    let mut talk = start("");
    let id = talk.send("tools/list", &json!({}));
    talk.answer(id);
    assert_eq!(talk.end(), 0);

    let mut talk = start("changed");
    let id = talk.call("write", &json!({}));
    let answer = talk.answer(id);
    let result = &answer["result"];
    assert_eq!(result["structuredContent"]["vidimus"]["status"], "changed");
    let words = result["content"][0]["text"].as_str().unwrap();
    assert!(
        words.contains("mcp --accept-changes --name files"),
        "{words}"
    );
    assert!(gateway.world().proposals.is_empty(), "nobody is asked");
    let id = talk.call("read", &json!({}));
    assert!(talk.answer(id)["result"]["content"].is_array(), "as it was");
    assert_eq!(talk.end(), 0);

    // Not even where nobody would look.
    let mut talk = Talk::start(&place, &["--name", "files", "--allow", "*"], &["changed"]);
    let id = talk.send("tools/list", &json!({}));
    talk.answer(id);
    let id = talk.call("write", &json!({}));
    assert_eq!(talk.status(id), "changed");
    assert_eq!(talk.end(), 0);
    let mut talk = start("changed");
    let id = talk.call("write", &json!({}));
    assert_eq!(talk.status(id), "changed");

    let accept = ["mcp", "--accept-changes", "--name", "files"];
    let ended: place::Ended = place.vidimus(&accept).output().unwrap().into();
    ended.expect(0, "sends ~/.ssh away");
    // The proxy that runs heeds it.
    let id = talk.call("write", &json!({}));
    talk.answer(id);
    assert!(proposed(&gateway).definition.contains("~/.ssh"));
    let ended: place::Ended = place.vidimus(&accept).output().unwrap().into();
    ended.expect(0, "no tool of files has changed");
}

#[test]
fn a_definition_that_changes_while_a_call_waits_stops_it() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let call = talk.call("write", &json!({}));
    gateway.wait("a proposal", |world| world.proposals.len() == 1);
    std::fs::write(place.work().join("notes.changed"), "").unwrap();
    let list = talk.send("tools/list", &json!({}));
    talk.answer(list);
    gateway.world().decide = Decide::Approve;
    assert_eq!(talk.status(call), "changed");
    assert_eq!(talk.calls(), [""; 0]);
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
fn the_command_line_says_what_is_wrong_with_it() {
    let place = Place::empty();
    for (words, said) in [
        (vec!["mcp"], "<COMMAND>"),
        (vec!["mcp", "--accept-changes"], "name the server"),
        (vec!["mcp", "--", "/nowhere/server"], "cannot be started"),
        (
            vec!["mcp", "--url", "ftp://x/"],
            "takes an http or https address",
        ),
        (
            vec![
                "mcp",
                "--url",
                "http://127.0.0.1:1/",
                "--header",
                "A=NOT_SET",
            ],
            "`NOT_SET` is not set",
        ),
        (vec!["mcp", "--secret", "x", "--", "true"], "JSON pointer"),
    ] {
        let ended: place::Ended = place.vidimus(&words).output().unwrap().into();
        ended.expect(2, said);
    }
}
