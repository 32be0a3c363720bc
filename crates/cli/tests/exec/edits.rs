//! What a reviewer makes of a command, and what `vidimus exec` makes of that.

use serde_json::Value;
use vidimus_protocol::ActionId;

use crate::gateway::{Decide, Gateway};
use crate::place::{Ended, Place};

/// A command whose code can be edited.
const ECHO: [&str; 4] = ["--", "sh", "-c", "echo one > mark"];

fn first(gateway: &Gateway) -> ActionId {
    gateway.world().proposals[0].action
}

fn kept(place: &Place) -> usize {
    let folder = place.home.state().join("exec").read_dir();
    folder.map_or(0, Iterator::count)
}

fn mark(place: &Place) -> String {
    std::fs::read_to_string(place.work().join("mark")).unwrap()
}

#[test]
fn an_edited_command_is_said_and_runs_as_it_was_edited() {
    let gateway = Gateway::start(Decide::Edit("one", "two"));
    let place = Place::connected(&gateway);
    let ended = place.exec(&ECHO);
    ended.expect(0, "a reviewer edited it");
    ended.expect(0, "argument 2: 'echo one > mark' becomes 'echo two > mark'");
    ended.expect(0, "approved by Ada");
    assert_eq!(mark(&place), "two\n");
    let world = gateway.world();
    assert_eq!(world.proposals.len(), 1, "the edited one is the gateway's");
    assert_eq!(world.reports.len(), 1);
    assert_eq!(kept(&place), 0, "both are over");
}

#[test]
fn edited_input_is_what_the_command_gets() {
    let gateway = Gateway::start(Decide::Edit("one", "2 and a half"));
    let place = Place::connected(&gateway);
    place.write("input", "zero\none\n");
    let input = std::fs::File::open(place.work().join("input")).unwrap();
    let mut command = place.command(&["--stdin", "--", "cat"]);
    let ended: Ended = command.stdin(input).output().unwrap().into();
    ended.expect(0, "standard input, line 2");
    assert_eq!(ended.stdout, "zero\n2 and a half\n");
    assert_eq!(kept(&place), 0);
}

#[test]
fn without_edits_it_stops_and_withdraws_what_was_made_of_it() {
    let gateway = Gateway::start(Decide::EditAndWait("one", "two"));
    let place = Place::connected(&gateway);
    let ended = place.exec(&[&["--no-edits"][..], &ECHO].concat());
    ended.expect(119, "becomes 'echo two > mark'");
    ended.expect(119, "nothing has run");
    assert!(!place.exists("mark"));
    assert!(gateway.world().withdrawn);
    assert_eq!(kept(&place), 0);
}

#[test]
fn whoever_takes_no_edits_takes_none_after_a_resume() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let ended = place.exec(&[&["--no-edits", "--no-wait"][..], &ECHO].concat());
    ended.expect(115, "is proposed");
    gateway.world().decide = Decide::Edit("one", "two");
    let id = first(&gateway).to_string();
    let ended = place.exec(&["--resume", &id]);
    ended.expect(119, "becomes 'echo two > mark'");
    assert!(!place.exists("mark"));
    assert!(gateway.world().withdrawn);
}

/// The proof is asked of the log, but what to run is never the gateway's to say.
#[test]
fn what_is_no_edit_is_not_followed() {
    let gateway = Gateway::start(Decide::EditAndWait("sh", "bash"));
    let place = Place::connected(&gateway);
    let ended = place.exec(&ECHO);
    ended.expect(118, "what the gateway calls an edit of it is none");
    assert!(!place.exists("mark"));
    assert!(gateway.world().withdrawn);
}

#[test]
fn what_this_computer_makes_otherwise_does_not_run() {
    let gateway = Gateway::start(Decide::EditAndWait("nothing", "data"));
    let place = Place::connected(&gateway);
    // The edited argument names a file here, which would have to be bound.
    place.write("data", "data");
    let ended = place.exec(&["--", "touch", "mark", "nothing"]);
    ended.expect(116, "is not what the reviewer made of it");
    ended.expect(116, "argument 2: `");
    assert!(!place.exists("mark"));
    assert!(gateway.world().withdrawn);
    assert_eq!(kept(&place), 0);
}

#[test]
fn a_resume_of_either_follows_the_edit() {
    for of_the_old in [true, false] {
        let gateway = Gateway::start(Decide::Nothing);
        let place = Place::connected(&gateway);
        let ended = place.exec(&[&["--no-wait"][..], &ECHO].concat());
        ended.expect(115, "is proposed");
        gateway.world().decide = Decide::EditAndWait("one", "two");
        let proposed = first(&gateway);
        let old = proposed.to_string();
        // Without a terminal it waits for a while only: the end of that is cut off here.
        let child = place.start(&["--resume", &old]);
        gateway.wait("edited", |world| world.successor(proposed).is_some());
        let new = gateway.world().successor(proposed).unwrap();
        place.wait_until("both are kept", || place.home.exec_state(new).exists());
        crate::signal(&child, "-KILL");
        let killed = child.wait_with_output().unwrap();
        assert!(!killed.status.success());
        gateway.world().decide = Decide::Edit("one", "two");
        let id = if of_the_old { old } else { new.to_string() };
        place.exec(&["--resume", &id]).expect(0, "approved by Ada");
        assert_eq!(mark(&place), "two\n");
        assert_eq!(kept(&place), 0, "of the old one: {of_the_old}");
    }
}

#[test]
fn a_wait_follows_the_edit_and_programs_are_told() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    place.exec(&[&["--no-wait"][..], &ECHO].concat());
    gateway.world().decide = Decide::Edit("one", "two");
    let proposed = first(&gateway);
    let id = proposed.to_string();
    let json: Ended = place
        .vidimus(&["wait", "--json", &id])
        .output()
        .unwrap()
        .into();
    assert_eq!(json.code, 115, "{json:?}");
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    let new = gateway.world().successor(proposed).unwrap();
    assert_eq!(document["status"], "superseded");
    assert_eq!(document["superseded_by"], new.to_string());
    assert!(document.get("resume").is_none(), "{document}");
    let ended: Ended = place.vidimus(&["wait", &id]).output().unwrap().into();
    ended.expect(0, "takes its place");
    ended.expect(0, "is approved");
    assert!(!place.exists("mark"), "it only waits");
}
