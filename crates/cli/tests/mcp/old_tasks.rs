//! Tasks of 2025-11-25, on both sides of the proxy.

use serde_json::{Value, json};
use vidimus_protocol::entry::Outcome;

use crate::gateway::{Decide, Gateway};
use crate::place::Place;
use crate::talk::Talk;

fn begin(place: &Place, options: &[&str], modes: &[&str]) -> Talk {
    let mut talk = Talk::start(place, options, modes);
    let id = talk.send("initialize", &json!({"protocolVersion": "2025-11-25"}));
    let result = talk.answer(id)["result"].clone();
    let tasks = json!({"cancel": {}, "requests": {"tools": {"call": {}}}});
    assert_eq!(result["capabilities"]["tasks"], tasks);
    talk
}

fn task(talk: &mut Talk, tool: &str) -> Value {
    let params = json!({"name": tool, "arguments": {"a": 1}, "task": {"ttl": 1}});
    let call = talk.send("tools/call", &params);
    let task = talk.answer(call)["result"]["task"].clone();
    assert_eq!(task["status"], "working", "{task}");
    task["taskId"].clone()
}

fn ask(talk: &mut Talk, method: &str, task: &Value) -> Value {
    let id = talk.send(method, &json!({"taskId": task}));
    talk.answer(id)
}

#[test]
fn a_call_is_a_task_and_its_result_is_waited_for() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = begin(&place, &["--allow", "read"], &[]);
    let list = talk.send("tools/list", &json!({}));
    let tools = talk.answer(list)["result"]["tools"].clone();
    let support: Vec<_> = (tools.as_array().unwrap().iter())
        .map(|tool| tool["execution"]["taskSupport"].clone())
        .collect();
    assert_eq!(
        support,
        [
            json!("optional"),
            json!(null),
            json!("optional"),
            json!("required"),
            json!(null)
        ]
    );
    let id = task(&mut talk, "write");
    let told = ask(&mut talk, "tasks/get", &id)["result"].clone();
    assert_eq!(told["status"], "working");
    assert_eq!(told["ttl"], json!(null));
    let result = talk.send("tasks/result", &json!({"taskId": id}));
    let ping = talk.send("ping", &json!({}));
    assert_eq!(talk.message()["id"], ping, "the result is not there yet");
    gateway.world().decide = Decide::Approve;
    let answer = talk.answer(result)["result"].clone();
    assert_eq!(answer["content"][0]["text"], "did {\"a\": 1}");
    let related = &answer["_meta"]["io.modelcontextprotocol/related-task"];
    assert_eq!(related["taskId"], id);
    assert_eq!(
        ask(&mut talk, "tasks/get", &id)["result"]["status"],
        "completed"
    );
    let again = ask(&mut talk, "tasks/result", &id)["result"].clone();
    assert_eq!(again, answer);
    let late = ask(&mut talk, "tasks/cancel", &id);
    assert_eq!(late["error"]["code"], -32602);
    let calls = talk.calls();
    assert_eq!(calls.len(), 1);
    assert!(!calls[0].contains("task"), "{}", calls[0]);
    let nobody = ask(&mut talk, "tasks/result", &json!("vidimus:nonsense"));
    assert_eq!(nobody["error"]["code"], -32602);
}

#[test]
fn a_task_that_is_denied_has_failed_and_says_why() {
    let gateway = Gateway::start(Decide::Deny("too late"));
    let place = Place::connected(&gateway);
    let mut talk = begin(&place, &[], &[]);
    let id = task(&mut talk, "write");
    let result = ask(&mut talk, "tasks/result", &id)["result"].clone();
    assert_eq!(result["_meta"]["vidimus"]["status"], "denied");
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/related-task"]["taskId"],
        id
    );
    assert_eq!(
        ask(&mut talk, "tasks/get", &id)["result"]["status"],
        "failed"
    );
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn a_task_that_is_cancelled_is_withdrawn_and_stays_so() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = begin(&place, &[], &[]);
    let id = task(&mut talk, "write");
    gateway.wait("a proposal", |world| world.proposals.len() == 1);
    let told = ask(&mut talk, "tasks/cancel", &id)["result"].clone();
    assert_eq!(told["status"], "cancelled");
    let again = ask(&mut talk, "tasks/cancel", &id);
    assert_eq!(again["error"]["code"], -32602);
    let result = ask(&mut talk, "tasks/result", &id)["result"].clone();
    assert_eq!(result["_meta"]["vidimus"]["status"], "withdrawn");
    assert_eq!(
        ask(&mut talk, "tasks/get", &id)["result"]["status"],
        "cancelled"
    );
    assert!(gateway.world().withdrawn);
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn a_tool_that_wants_tasks_alone_gets_one_and_its_result_is_the_outcome() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = begin(&place, &[], &[]);
    // Whether its client has tasks or not.
    let call = talk.call("slow", &json!({}));
    let text = talk.answer(call)["result"]["content"][0]["text"].clone();
    assert_eq!(text, "did the task t1");
    let id = task(&mut talk, "slow");
    let result = ask(&mut talk, "tasks/result", &id);
    assert_eq!(result["result"]["content"][0]["text"], "did the task t1");
    gateway.wait("the reports", |world| world.reports.len() == 2);
    for report in &gateway.world().reports {
        assert_eq!(report.outcome, Outcome::Succeeded {});
    }
    assert_eq!(talk.calls().len(), 2);
}

#[test]
fn a_task_of_the_servers_whose_result_does_not_come_is_unknown() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = begin(&place, &[], &["lost"]);
    let call = talk.call("slow", &json!({}));
    while !talk
        .notes()
        .iter()
        .any(|line| line.contains("tasks/result"))
    {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    talk.write(r#"{"jsonrpc":"2.0","method":"quit"}"#);
    assert_eq!(talk.status(call), "unknown");
    assert_eq!(talk.calls().len(), 1);
}

#[test]
fn a_task_of_the_servers_is_cancelled_with_its_call() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = begin(&place, &[], &["lost"]);
    let id = task(&mut talk, "slow");
    let got = |talk: &Talk, method: &str| talk.notes().iter().any(|line| line.contains(method));
    while !got(&talk, "tasks/result") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let told = ask(&mut talk, "tasks/cancel", &id)["result"].clone();
    assert_eq!(told["status"], "cancelled");
    let result = ask(&mut talk, "tasks/result", &id)["result"].clone();
    assert_eq!(result["_meta"]["vidimus"]["status"], "unknown");
    let notes = talk.notes();
    let cancel = notes.iter().find(|line| line.contains("tasks/cancel"));
    assert!(cancel.unwrap().contains(r#"{"taskId":"t1"}"#));
}
