//! What happens while a decision is waited for, and when something dies.

use serde_json::json;
use vidimus_protocol::entry::Outcome;

use crate::gateway::{Decide, Gateway};
use crate::place::Place;
use crate::proposed;
use crate::talk::Talk;

fn kill(talk: &Talk, signal: &str) {
    let id = talk.child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args([signal, &id])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_call_that_waits_too_long_is_pending_and_is_run_once_by_the_tool_that_waits() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &["--hold", "1s"], &[]);
    let list = talk.send("tools/list", &json!({}));
    let tools = talk.answer(list)["result"]["tools"].clone();
    assert_eq!(
        tools.as_array().unwrap().last().unwrap()["name"],
        "vidimus_wait"
    );
    let call = talk.call("write", &json!({"a": 1}));
    let answer = talk.answer(call);
    let about = &answer["result"]["structuredContent"]["vidimus"];
    assert_eq!(about["status"], "pending");
    assert_eq!(about["wait_tool"], "vidimus_wait");
    assert_eq!(answer["result"]["isError"], false);
    let action = json!({"action": about["action"]});
    let wait = talk.call("vidimus_wait", &action);
    assert_eq!(talk.status(wait), "pending");
    // Approved, but nobody waits for the result: nothing runs.
    gateway.world().decide = Decide::Approve;
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(talk.calls(), [""; 0]);
    let both = [
        talk.call("vidimus_wait", &action),
        talk.call("vidimus_wait", &action),
    ];
    let answers = [talk.message(), talk.message()];
    for id in both {
        let answer = answers.iter().find(|answer| answer["id"] == id).unwrap();
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(
            text == "did {\"a\": 1}" || text.contains("no call waits here"),
            "{text}"
        );
    }
    assert!(
        answers
            .iter()
            .any(|answer| answer["result"]["content"][0]["text"] == "did {\"a\": 1}")
    );
    assert_eq!(talk.calls().len(), 1);
    let again = talk.call("vidimus_wait", &action);
    assert_eq!(talk.status(again), "usage");
    assert_eq!(gateway.world().redemptions, 1);
    proposed(&gateway);
}

#[test]
fn a_result_that_clients_hold_to_a_schema_has_no_structure_of_ours() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &["--hold", "1s"], &[]);
    let call = talk.call("typed", &json!({}));
    let answer = talk.answer(call);
    assert_eq!(answer["result"]["_meta"]["vidimus"]["status"], "pending");
    assert_eq!(answer["result"].get("structuredContent"), None);
    assert_eq!(answer["result"]["isError"], true);
}

#[test]
fn a_servers_own_tool_of_that_name_is_left_alone() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &["--hold", "1s"], &["collide"]);
    let call = talk.call("vidimus_wait", &json!({"action": "mine"}));
    // Nobody has listed the tools yet, so the name is still the proxy's.
    assert_eq!(talk.status(call), "usage");
    let list = talk.send("tools/list", &json!({}));
    let tools = talk.answer(list)["result"]["tools"].clone();
    assert_eq!(
        tools.as_array().unwrap().last().unwrap()["name"],
        "vidimus_wait_2"
    );
    let call = talk.call("vidimus_wait", &json!({}));
    let answer = talk.answer(call);
    let about = &answer["result"]["structuredContent"]["vidimus"];
    assert_eq!(about["status"], "pending", "it is a tool like others");
    assert_eq!(about["wait_tool"], "vidimus_wait_2");
    assert_eq!(proposed(&gateway).tool, "vidimus_wait");
}

#[test]
fn what_the_client_cancels_is_withdrawn_and_not_answered() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let call = talk.call("write", &json!({}));
    gateway.wait("a proposal", |world| world.proposals.len() == 1);
    talk.write(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call}}).to_string());
    gateway.wait("a withdrawal", |world| world.withdrawn);
    let ping = talk.send("ping", &json!({}));
    assert_eq!(talk.message()["id"], ping, "nothing but this is answered");
    assert!(!talk.notes().iter().any(|line| line.contains("cancelled")));
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn what_the_client_cancelled_is_forgotten() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    for attempt in 0..5 {
        let call = talk.call("write", &json!({}));
        gateway.wait("a proposal", |world| world.proposals.len() == attempt + 1);
        gateway.world().withdrawn = false;
        talk.write(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call}}).to_string());
        gateway.wait("a withdrawal", |world| world.withdrawn);
        // The answer to the withdrawal is on its way.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let action = gateway.world().proposals[attempt].action.to_string();
        let wait = talk.call("vidimus_wait", &json!({"action": action}));
        if talk.status(wait) == "usage" {
            return;
        }
    }
    panic!("it is still there");
}

#[test]
fn when_the_client_goes_what_waits_is_withdrawn() {
    for signal in [None, Some("-TERM"), Some("-INT")] {
        let gateway = Gateway::start(Decide::Nothing);
        let place = Place::connected(&gateway);
        let mut talk = Talk::start(&place, &[], &[]);
        talk.call("write", &json!({}));
        gateway.wait("a proposal", |world| world.proposals.len() == 1);
        let code = match signal {
            None => talk.end(),
            Some(signal) => {
                kill(&talk, signal);
                talk.ended()
            }
        };
        assert_eq!(code, 0, "{}", talk.said());
        assert!(gateway.world().withdrawn);
        assert_eq!(talk.calls(), [""; 0]);
    }
}

#[test]
fn when_the_server_goes_what_waits_is_withdrawn() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let call = talk.call("write", &json!({}));
    gateway.wait("a proposal", |world| world.proposals.len() == 1);
    talk.write(r#"{"jsonrpc":"2.0","method":"quit"}"#);
    assert_eq!(talk.status(call), "withdrawn");
    assert_eq!(talk.ended(), 70);
    assert!(
        talk.said().contains("has ended (exit status: 3)"),
        "{}",
        talk.said()
    );
    assert!(gateway.world().withdrawn);
}

#[test]
fn a_server_that_dies_during_a_call_leaves_it_unknown_and_it_is_not_sent_again() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &["die"]);
    let call = talk.call("write", &json!({}));
    assert_eq!(talk.status(call), "unknown");
    assert_eq!(talk.ended(), 70);
    assert_eq!(talk.calls().len(), 1);
    let world = gateway.world();
    let [report] = world.reports.as_slice() else {
        panic!("one report");
    };
    let Outcome::Failed { why } = &report.outcome else {
        panic!("{:?}", report.outcome);
    };
    assert!(why.contains("nobody knows"), "{why}");
}

#[test]
fn a_proxy_that_is_killed_leaves_nothing_that_runs() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    talk.call("write", &json!({}));
    gateway.wait("a proposal", |world| world.proposals.len() == 1);
    kill(&talk, "-KILL");
    talk.ended();
    gateway.world().decide = Decide::Approve;
    let mut talk = Talk::start(&place, &[], &[]);
    let ping = talk.send("ping", &json!({}));
    talk.answer(ping);
    assert_eq!(talk.calls(), [""; 0]);
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
fn a_redemption_whose_answer_is_lost_runs_nothing() {
    let gateway = Gateway::start(Decide::Approve);
    gateway.world().faults.lose_redemption = true;
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let call = talk.call("write", &json!({}));
    let answer = talk.answer(call);
    assert_eq!(answer["result"]["isError"], true);
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn a_cancelled_call_that_runs_already_is_reported_as_unknown() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &["never"]);
    let call = talk.call("write", &json!({}));
    gateway.wait("a redemption", |world| world.redemptions == 1);
    while talk.calls().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    talk.write(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call}}).to_string());
    gateway.wait("a report", |world| world.reports.len() == 1);
    let Outcome::Failed { why } = gateway.world().reports[0].outcome.clone() else {
        panic!("it is not done");
    };
    assert!(why.contains("nobody knows"), "{why}");
    let told = talk
        .notes()
        .into_iter()
        .find(|line| line.contains("cancelled"));
    assert!(told.unwrap().contains("\"requestId\":\"vidimus-"));
}

#[test]
fn many_calls_wait_at_once() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let calls: Vec<u64> = (0..20)
        .map(|n| talk.call("write", &json!({"n": n})))
        .collect();
    gateway.wait("the proposals", |world| world.proposals.len() == 20);
    let ping = talk.send("ping", &json!({}));
    assert_eq!(talk.message()["id"], ping, "nobody waits behind them");
    gateway.world().decide = Decide::Deny("all of you");
    let mut denied: Vec<u64> = (0..20)
        .map(|_| talk.message()["id"].as_u64().unwrap())
        .collect();
    denied.sort_unstable();
    assert_eq!(denied, calls);
}

#[test]
fn a_client_that_takes_tasks_gets_one() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    });
    let call = talk.send(
        "tools/call",
        &json!({"name": "write", "arguments": {"a": 1}, "_meta": meta}),
    );
    let task = talk.answer(call)["result"].clone();
    assert_eq!(task["resultType"], "task");
    assert_eq!(task["status"], "working");
    let about = json!({"taskId": task["taskId"], "_meta": meta});
    let get = |talk: &mut Talk| {
        let id = talk.send("tasks/get", &about);
        talk.answer(id)["result"].clone()
    };
    assert_eq!(get(&mut talk)["status"], "working");
    gateway.world().decide = Decide::Approve;
    let mut task = get(&mut talk);
    while task["status"] == "working" {
        std::thread::sleep(std::time::Duration::from_millis(20));
        task = get(&mut talk);
    }
    assert_eq!(task["status"], "completed");
    assert_eq!(task["result"]["content"][0]["text"], "did {\"a\": 1}");
    assert!(!talk.calls()[0].contains("modelcontextprotocol/tasks"));
    assert!(task["ttlMs"].as_u64().unwrap() >= 3_600_000);
    let id = talk.send("tasks/cancel", &about);
    assert_eq!(talk.answer(id)["result"]["resultType"], "complete");
}

#[test]
fn a_task_that_is_cancelled_in_time_is_withdrawn_and_says_so() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    });
    let call = talk.send("tools/call", &json!({"name": "write", "_meta": meta}));
    let id = talk.answer(call)["result"]["taskId"].clone();
    gateway.wait("a proposal", |world| world.proposals.len() == 1);
    let about = json!({"taskId": id, "_meta": meta});
    let cancel = talk.send("tasks/cancel", &about);
    talk.answer(cancel);
    gateway.wait("a withdrawal", |world| world.withdrawn);
    let mut status = json!("working");
    while status == "working" {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let get = talk.send("tasks/get", &about);
        status = talk.answer(get)["result"]["status"].clone();
    }
    assert_eq!(status, "cancelled");
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn a_server_that_asks_in_between_is_answered_within_the_same_release() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &["ask"]);
    let call = talk.call("write", &json!({"a": 1}));
    assert_eq!(talk.answer(call)["result"]["resultType"], "input_required");
    for (arguments, state) in [(json!({"a": 2}), "s1"), (json!({"a": 1}), "s2")] {
        let other = json!({"name": "write", "arguments": arguments, "inputResponses": {"q": {}}, "requestState": state});
        let id = talk.send("tools/call", &other);
        assert_eq!(talk.status(id), "refused");
    }
    let again = json!({"name": "write", "arguments": {"a": 1}, "inputResponses": {"q": {}}, "requestState": "s1"});
    let id = talk.send("tools/call", &again);
    assert_eq!(
        talk.answer(id)["result"]["content"][0]["text"],
        "did {\"a\": 1}"
    );
    let id = talk.send("tools/call", &again);
    assert_eq!(talk.status(id), "refused");
    assert_eq!(talk.calls().len(), 2);
    proposed(&gateway);
}
