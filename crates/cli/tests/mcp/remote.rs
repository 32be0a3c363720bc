//! A server over HTTP that does not answer as it should.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};
use vidimus_protocol::entry::Outcome;

use crate::gateway::{Decide, Gateway};
use crate::place::Place;
use crate::talk::Talk;

/// Serves until a call of a tool was answered: with this body, or not at all.
/// `None` ends it before the call comes.
fn serve(listener: TcpListener, to_call: Option<&'static str>) {
    for stream in listener.incoming().flatten() {
        let Some(message) = read(&stream) else {
            continue;
        };
        let id = message["id"].clone();
        if message["method"] == "tools/call" {
            match to_call {
                Some("") | None => {}
                Some(body) => answer(&stream, 200, body),
            }
            return;
        }
        let tools = json!([{"name": "write", "inputSchema": {"type": "object"}}]);
        let result = json!({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}});
        answer(&stream, 200, &result.to_string());
        if to_call.is_none() {
            return;
        }
    }
}

fn read(stream: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn answer(mut stream: &TcpStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).unwrap();
}

#[test]
fn a_call_that_is_not_answered_is_unknown_and_one_that_is_not_sent_is_not_called() {
    for (to_call, status, why) in [
        (Some(""), "unknown", "nobody knows what the tool did"),
        (
            Some(r#"{"jsonrpc":"2.0","id":"another","result":{"content":[]}}"#),
            "unknown",
            "its answer is none to this",
        ),
        (Some("nonsense"), "unknown", "its answer is none to this"),
        (None, "unreachable", "the tool was not called"),
    ] {
        let gateway = Gateway::start(Decide::Nothing);
        let place = Place::connected(&gateway);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || serve(listener, to_call));
        let mut talk = Talk::with(&place, &["--url", &url]);
        let call = talk.call("write", &json!({}));
        gateway.wait("a proposal", |world| world.proposals.len() == 1);
        if to_call.is_none() {
            serving.join().unwrap();
        }
        gateway.world().decide = Decide::Approve;
        assert_eq!(talk.status(call), status, "{to_call:?}");
        gateway.wait("a report", |world| world.reports.len() == 1);
        let world = gateway.world();
        let (Outcome::Failed { why: told } | Outcome::FailedToStart { why: told }) =
            &world.reports[0].outcome
        else {
            panic!("{:?}", world.reports[0].outcome);
        };
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn what_identifies_whoever_asks_is_told_to_nobody() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let Some(message) = read(&stream) else {
                continue;
            };
            let tools = json!([{"name": "write", "description": number}]);
            let result = json!({"jsonrpc": "2.0", "id": message["id"], "result": {"tools": tools}});
            answer(&stream, 200, &result.to_string());
        }
    });
    let url = format!("http://user:s3cret@{address}/mcp?key=s3cret");
    let mut talk = Talk::with(&place, &["--url", &url]);
    for _ in 0..2 {
        let list = talk.send("tools/list", &json!({}));
        talk.answer(list);
    }
    let call = talk.call("write", &json!({}));
    let answer = talk.answer(call);
    let about = &answer["result"]["structuredContent"]["vidimus"];
    assert_eq!(about["status"], "changed");
    assert!(!answer.to_string().contains("s3cret"), "{answer}");
    assert!(!talk.said().contains("s3cret"), "{}", talk.said());
    assert!(
        answer
            .to_string()
            .contains(&format!("--url http://{address}/mcp"))
    );
}
