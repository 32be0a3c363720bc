//! `vidimus exec --no-wait` and `vidimus wait`.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{Content, Question};
use vidimus_protocol::{ActionId, Blob, Digest, Time};

use crate::TOUCH;
use crate::gateway::{Decide, Gateway};
use crate::place::{Ended, Place};

/// `vidimus wait` for that action.
fn wait(place: &Place, action: ActionId, words: &[&str]) -> Ended {
    let id = action.to_string();
    let mut command = place.vidimus(&[&["wait"], words, &[&id]].concat());
    command.output().unwrap().into()
}

fn document(ended: &Ended) -> Value {
    assert!(ended.stdout.ends_with('\n'), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn what_nobody_waits_for_is_waited_for_later_and_run_once() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let ended = place.exec(&[&["--no-wait"][..], &TOUCH].concat());
    ended.expect(115, "is proposed. Nothing has run");
    assert_eq!(ended.stdout, "");
    let action = gateway.world().proposals[0].action;
    for line in [
        format!("wait --agent coder {action}"),
        format!("exec --resume {action}"),
    ] {
        assert!(ended.stderr.contains(&line), "{}", ended.stderr);
    }
    wait(&place, action, &["--timeout", "0s"]).expect(115, "still waits");

    let id = action.to_string();
    let waiting = place.vidimus(&["wait", &id]).spawn().unwrap();
    gateway.world().decide = Decide::Approve;
    let ended: Ended = waiting.wait_with_output().unwrap().into();
    ended.expect(0, "is approved. Run it with:");
    assert!(!place.exists("mark"), "it only waits");
    place.exec(&["--resume", &id]).expect(0, "approved by Ada");
    assert!(place.exists("mark"));
    wait(&place, action, &[]).expect(0, "has run");
    place
        .exec(&["--resume", &id])
        .expect(2, "nothing is kept here");
}

#[test]
fn it_is_one_document_where_programs_read_it() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let ended = place.exec(&[&["--no-wait", "--json"][..], &TOUCH].concat());
    assert_eq!(ended.code, 115, "{ended:?}");
    let proposed = document(&ended);
    let action = gateway.world().proposals[0].action;
    assert_eq!(proposed["type"], "vidimus-action");
    assert_eq!(proposed["action"], action.to_string());
    assert_eq!(proposed["status"], "pending");
    assert_eq!(proposed["exit_code"], 115);
    let resume = proposed["resume"].as_str().unwrap();
    assert!(resume.ends_with(&format!("exec --resume {action}")));

    gateway.world().decide = Decide::Deny("too\u{1b} late");
    let ended = wait(&place, action, &["--json"]);
    assert_eq!(ended.code, 110, "{ended:?}");
    let denied = document(&ended);
    assert_eq!(
        (&denied["status"], &denied["exit_code"]),
        (&"denied".into(), &110.into())
    );
    assert_eq!(denied["reason"], "too\u{1b} late");
    assert!(denied.get("resume").is_none(), "{denied}");

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut gone = gateway.clone();
    gone.port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let trust = gone.world().story.trust();
    place.connect("coder", &gone, &trust);
    let ended = wait(&place, action, &["--json"]);
    assert_eq!(ended.code, 114, "{ended:?}");
    assert_eq!(document(&ended)["exit_code"], 114);
}

#[test]
fn a_question_ends_the_waiting_of_a_program_and_of_nobody_else() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    place.exec(&[&["--no-wait"][..], &TOUCH].concat());
    let action = gateway.world().proposals[0].action;
    gateway.world().questions.push(Question {
        answered: false,
        asked_at: Time::default(),
        entry: 9,
        text: Content {
            bytes: Blob(b"since when?".to_vec()),
            salt: Digest([0; 32]),
            r#type: TEXT_TYPE.into(),
        },
    });
    let begun = Instant::now();
    let ended = wait(&place, action, &["--json"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "at once");
    assert_eq!(ended.code, 115, "{ended:?}");
    let asked = document(&ended);
    assert_eq!(asked["questions"][0]["text"], "since when?");
    let answer = asked["questions"][0]["answer"].as_str().unwrap();
    assert!(answer.ends_with(&format!("answer --agent coder {action} TEXT")));

    let begun = Instant::now();
    let ended = wait(&place, action, &["--timeout", "2s"]);
    ended.expect(115, "the reviewer asks: since when?");
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "it goes on waiting"
    );

    // Answered, it keeps no program from waiting.
    gateway.world().questions[0].answered = true;
    let begun = Instant::now();
    let ended = wait(&place, action, &["--json", "--timeout", "2s"]);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{ended:?}");
    assert_eq!(document(&ended)["questions"], Value::Array(vec![]));
}

#[test]
fn an_action_of_somebody_else_is_not_there() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let other = ActionId::from_random([7; 16]);
    let ended = wait(&place, other, &["--json"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert_eq!(document(&ended)["type"], "vidimus-error");
}

#[test]
fn what_is_refused_at_once_leaves_nothing_and_never_ends_with_zero() {
    let gateway = Gateway::start(Decide::Refuse);
    let place = Place::connected(&gateway);
    place
        .exec(&[&["--no-wait"][..], &TOUCH].concat())
        .expect(113, "the rule of the house");
    let action = gateway.world().proposals[0].action;
    assert!(!place.home.exec_state(action).exists());

    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    place
        .exec(&[&["--no-wait"][..], &TOUCH].concat())
        .expect(115, "Nothing has run");
    let action = gateway.world().proposals[0].action;
    assert!(place.home.exec_state(action).exists());
    assert!(!place.exists("mark"));
}
