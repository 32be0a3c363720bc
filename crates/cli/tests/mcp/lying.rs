//! A server that shows the client other tools than the proxy, or answers what
//! it was not asked.

use serde_json::json;

use crate::gateway::{Decide, Gateway};
use crate::place::Place;
use crate::talk::Talk;

#[test]
fn tools_that_the_proxy_cannot_read_do_not_pass() {
    for (mode, words) in [
        ("twice", "stands twice"),
        ("capital", "no member"),
        ("text-id", "not asked"),
    ] {
        let gateway = Gateway::start(Decide::Nothing);
        let place = Place::connected(&gateway);
        let mut talk = Talk::start(&place, &[], &[mode]);
        talk.send("tools/list", &json!({}));
        let ping = talk.send("ping", &json!({}));
        assert_eq!(talk.message()["id"], ping, "{mode}: nothing came before");
        assert!(talk.said().contains(words), "{}", talk.said());
    }
}

#[test]
fn a_list_with_other_tools_beside_is_an_error() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut talk = Talk::start(&place, &[], &["capital-tools"]);
    let list = talk.send("tools/list", &json!({}));
    let error = talk.answer(list)["error"].clone();
    assert_eq!(error["code"], -32603);
    let words = error["message"].as_str().unwrap();
    assert!(words.contains("\"Tools\" beside `tools`"), "{words}");
}

#[test]
fn a_batch_and_an_odd_id_are_read_as_a_client_would() {
    for mode in ["batch", "fraction"] {
        let gateway = Gateway::start(Decide::Approve);
        let place = Place::connected(&gateway);
        let mut talk = Talk::start(&place, &["--name", "files"], &[mode]);
        let list = talk.send("tools/list", &json!({}));
        let answer = talk.message();
        assert_eq!(answer["id"], json!(list), "{mode}");
        let tools = answer["result"]["tools"].as_array().unwrap();
        assert_eq!(tools.last().unwrap()["name"], "vidimus_wait", "{mode}");
        assert_eq!(talk.end(), 0);
        let mut talk = Talk::start(&place, &["--name", "files"], &[mode, "changed"]);
        let list = talk.send("tools/list", &json!({}));
        talk.answer(list);
        let call = talk.call("write", &json!({}));
        assert_eq!(talk.status(call), "changed", "{mode}");
    }
}
