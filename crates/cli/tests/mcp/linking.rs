//! Clients that can point their user to where a call is decided.

use serde_json::{Value, json};

use crate::gateway::{Decide, Gateway};
use crate::place::Place;
use crate::proposed;
use crate::talk::Talk;

/// Begins a session of 2025-11-25 with these capabilities.
fn session(place: &Place, options: &[&str], capabilities: &Value) -> Talk {
    let mut talk = Talk::start(place, options, &[]);
    let id = talk.send(
        "initialize",
        &json!({"protocolVersion": "2025-11-25", "capabilities": capabilities}),
    );
    talk.answer(id);
    talk
}

/// The only action.
fn action(gateway: &Gateway) -> String {
    gateway.wait("a proposal", |world| world.proposals.len() == 1);
    gateway.world().proposals[0].action.to_string()
}

#[test]
fn a_client_of_2025_is_pointed_there_and_its_answer_decides_nothing() {
    for answer in [
        json!({"result": {"action": "accept"}}),
        json!({"result": {"action": "accept", "content": {"verdict": "approve"}}}),
        json!({"result": {"action": "decline"}}),
        json!({"result": {"action": "cancel"}}),
        json!({"error": {"code": -32602, "message": "no"}}),
    ] {
        let gateway = Gateway::start(Decide::Nothing);
        let place = Place::connected(&gateway);
        let takes = json!({"elicitation": {"url": {}}});
        let mut talk = session(&place, &["--link", "page"], &takes);
        let call = talk.call("write", &json!({}));
        let action = action(&gateway);
        let asked = talk.message();
        assert_eq!(asked["method"], "elicitation/create");
        let params = &asked["params"];
        assert_eq!(params["mode"], "url");
        assert_eq!(params["elicitationId"], action);
        let page = format!("http://127.0.0.1:{}/console#/action/{action}", gateway.port);
        assert_eq!(params["url"], page);
        let mut reply = answer;
        reply["jsonrpc"] = json!("2.0");
        reply["id"] = asked["id"].clone();
        talk.write(&reply.to_string());
        let ping = talk.send("ping", &json!({}));
        assert_eq!(talk.message()["id"], ping, "the call waits on");
        assert_eq!(gateway.world().redemptions, 0);
        assert!(!gateway.world().withdrawn);
        gateway.world().decide = Decide::Approve;
        let complete = talk.message();
        assert_eq!(complete["method"], "notifications/elicitation/complete");
        assert_eq!(complete["params"], json!({"elicitationId": action}));
        assert_eq!(talk.answer(call)["result"]["content"][0]["text"], "did {}");
        assert_eq!(talk.calls().len(), 1);
        let got = talk.notes().join("\n");
        assert!(
            !got.contains(&asked["id"].to_string()),
            "the server hears nothing of it: {got}"
        );
    }
}

#[test]
fn a_client_that_cannot_or_shall_not_is_pointed_nowhere() {
    for (options, capabilities) in [
        (
            &["--hold", "3s", "--link", "app"][..],
            json!({"elicitation": {}}),
        ),
        (&["--hold", "3s"][..], json!({"elicitation": {"url": {}}})),
    ] {
        let gateway = Gateway::start(Decide::Nothing);
        let place = Place::connected(&gateway);
        let mut talk = session(&place, options, &capabilities);
        let call = talk.call("write", &json!({}));
        let message = talk.message();
        assert_eq!(message["id"], call, "{message}");
        assert_eq!(message["result"]["_meta"]["vidimus"]["status"], "pending");
    }
}

#[test]
fn a_client_of_2026_makes_the_call_again_and_waits_on() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &["--link", "app", "--hold", "3s"], &[]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
    });
    let mut params = json!({"name": "write", "arguments": {"a": 1}, "_meta": meta});
    let call = talk.send("tools/call", &params);
    let action = action(&gateway);
    let result = talk.answer(call)["result"].clone();
    assert_eq!(result["resultType"], "input_required");
    let asked = &result["inputRequests"]["vidimus"];
    assert_eq!(asked["method"], "elicitation/create");
    assert_eq!(asked["params"]["url"], format!("vidimus://action/{action}"));
    assert_eq!(asked["params"].get("elicitationId"), None);
    // Approved, and the client has not come back: nothing runs.
    gateway.world().decide = Decide::Approve;
    params["requestState"] = result["requestState"].clone();
    params["inputResponses"] = json!({"vidimus": {"action": "decline"}});
    let mut other = params.clone();
    other["arguments"] = json!({"a": 2});
    let id = talk.send("tools/call", &other);
    assert_eq!(talk.status(id), "refused");
    assert_eq!(talk.calls(), [""; 0]);
    let id = talk.send("tools/call", &params);
    let text = talk.answer(id)["result"]["content"][0]["text"].clone();
    assert_eq!(text, "did {\"a\": 1}");
    let calls = talk.calls();
    assert_eq!(calls.len(), 1);
    assert!(!calls[0].contains("requestState") && !calls[0].contains("inputResponses"));
    let id = talk.send("tools/call", &params);
    assert_eq!(talk.status(id), "refused");
    proposed(&gateway);
}

#[test]
fn a_client_of_2026_that_waits_too_long_after_the_link_is_pending() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &["--link", "app", "--hold", "2s"], &[]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
    });
    let mut params = json!({"name": "write", "_meta": meta});
    let call = talk.send("tools/call", &params);
    let result = talk.answer(call)["result"].clone();
    params["requestState"] = result["requestState"].clone();
    params["inputResponses"] = json!({"vidimus": {"action": "accept"}});
    let id = talk.send("tools/call", &params);
    assert_eq!(talk.status(id), "pending");
    assert!(!gateway.world().withdrawn);
    proposed(&gateway);
}
