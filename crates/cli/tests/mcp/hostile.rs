//! A client that wants a tool to run without anybody's approval.

use serde_json::json;

use crate::gateway::{Decide, Gateway};
use crate::place::Place;
use crate::talk::Talk;

/// Sends these lines, and returns what the server got of them.
fn got(options: &[&str], lines: &[&str]) -> Vec<String> {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, options, &[]);
    for line in lines {
        talk.write(line);
    }
    let ping = talk.send("ping", &json!({}));
    talk.answer(ping);
    let mut notes = talk.notes();
    assert!(notes.pop().unwrap().contains("\"ping\""));
    assert!(gateway.world().proposals.is_empty());
    notes
}

#[test]
fn a_call_cannot_pass_as_something_else() {
    let lines = [
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"write"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"write"}}"#,
        r#"[{"jsonrpc":"2.0","id":91,"method":"tools/call","params":{"name":"write"}}]"#,
        r#"{"jsonrpc":"2.0","id":92,"method":"ping","Method":"tools/call","params":{"name":"write"}}"#,
        r#"{"jsonrpc":"2.0","id":93,"method":"ping","method":"tools/call","params":{"name":"write"}}"#,
        r#"{"jsonrpc":"2.0","id":94,"method":"tools/call","params":{"name":"read","Name":"write"}}"#,
        r#"{"jsonrpc":"2.0","id":95,"method":"tools/call","params":{"name":"read","name":"write"}}"#,
        r#"{"jsonrpc":"2.0","id":98,"method":"Tools/Call","params":{"name":"write"}}"#,
        r#"{"jsonrpc":"2.0","id":99,"method":"tools/call\u0000","params":{"name":"write"}}"#,
        r#"{"jsonrpc":"2.0","id":96,"method":"ping"}{"jsonrpc":"2.0","id":97,"method":"tools/call","params":{"name":"write"}}"#,
        "nonsense",
    ];
    assert_eq!(got(&["--allow", "read"], &lines), [""; 0]);
}

#[test]
fn a_line_break_within_a_message_makes_no_second_message() {
    let line = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":\r{\"jsonrpc\":\"2.0\",\"id\":91,\"method\":\"tools/call\",\"params\":{\"name\":\"write\"}}\r}";
    let got = got(&[], &[line]);
    assert_eq!(got, [line.replace('\r', " ")], "as one line");
}

#[test]
fn what_only_some_readers_take_for_a_line_break_makes_no_second_message() {
    let call = r#"{"jsonrpc":"2.0","id":91,"method":"tools/call","params":{"name":"write"}}"#;
    for end in ["\u{2028}", "\u{2029}", "\u{85}"] {
        let text = format!("{end}{}{end}", call.replace('"', "'"));
        let message = json!({"jsonrpc": "2.0", "method": "notifications/x", "params": text});
        let [line] = <[String; 1]>::try_from(got(&[], &[&message.to_string()])).unwrap();
        assert!(!line.contains(end), "{line}");
        let same: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(same, message);
    }
}

#[test]
fn an_id_that_waits_is_not_given_twice() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &["--allow", "read"], &[]);
    let call = talk.call("write", &json!({}));
    gateway.wait("a proposal", |world| world.proposals.len() == 1);
    talk.write(
        &json!({"jsonrpc": "2.0", "id": call, "method": "tools/call", "params": {"name": "read"}})
            .to_string(),
    );
    let answer = talk.message();
    assert_eq!(answer["id"], json!(null));
    assert_eq!(answer["error"]["code"], -32600);
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn the_tool_that_waits_knows_its_own_actions_alone() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    for action in ["act_2081040g2081040g2081040g20", "nonsense"] {
        let call = talk.call("vidimus_wait", &json!({"action": action}));
        assert_eq!(talk.status(call), "usage");
    }
    assert!(gateway.world().proposals.is_empty());
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn a_call_that_nobody_can_be_shown_is_not_made() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let call = talk.call("write", &json!({"long": "x".repeat(300_000)}));
    assert_eq!(talk.status(call), "usage");
    talk.write(r#"{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"write","arguments":{"a":{"b":1,"b":2}}}}"#);
    assert_eq!(talk.status(77), "usage");
    assert!(gateway.world().proposals.is_empty());
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn a_task_of_the_older_sort_has_its_place() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &[]);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    for params in [
        json!({"name": "vidimus_wait", "task": {}}),
        json!({"name": "write", "task": {}, "_meta": meta}),
    ] {
        let call = talk.send("tools/call", &params);
        let answer = talk.answer(call);
        assert_eq!(answer["error"]["code"], -32601);
    }
    assert!(gateway.world().proposals.is_empty());
    assert_eq!(talk.calls(), [""; 0]);
}
