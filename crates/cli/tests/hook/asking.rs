//! What passes, what is asked, and that an approval is used once.

use serde_json::json;
use vidimus_protocol::action::{Action, Context, Payload, TEXT_TYPE};
use vidimus_protocol::api::{Content, Question};
use vidimus_protocol::entry::Outcome;
use vidimus_protocol::{Blob, Digest, Time};

use crate::gateway::{Decide, Gateway};
use crate::hooked::{Hooked, answer};

#[test]
fn reads_pass_and_nobody_is_asked() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 2);
    let read = json!({"file_path": "/etc/hostname"});
    hooked
        .ask(&hooked.event("PreToolUse", "Read", &read))
        .passed();
    hooked.ask(&hooked.bash("ls -la")).passed();
    assert!(gateway.world().proposals.is_empty());
}

#[test]
fn what_a_person_approves_is_allowed_once_and_reported() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::new(&gateway, 20);
    let call = hooked.bash("make > out");
    hooked.ask(&call).allowed("approved by Ada");
    let proposal = gateway.world().proposals[0].clone();
    let action = Action::parse(&proposal.payload.bytes.0).unwrap();
    let Payload::Json(change) = &action.payload else {
        panic!("{action:?}");
    };
    assert_eq!(change.operation, "Bash");
    assert_eq!(
        change.after,
        Some(json!({"input": {"command": "make > out"}}))
    );
    assert_eq!(
        action.target.resource,
        hooked.place.work().to_str().unwrap()
    );
    let context = Context::parse(&proposal.context.unwrap().bytes.0).unwrap();
    assert_eq!(context.intent.as_deref(), Some("to see"));
    assert_eq!(proposal.run.unwrap().as_str(), "session-1");
    assert_eq!(gateway.world().redemptions, 1);
    assert!(gateway.world().reports.is_empty(), "nobody knows yet");

    let mut ran = call.clone();
    ran["hook_event_name"] = "PostToolUse".into();
    ran["tool_response"] = json!({"stdout": "done\n", "stderr": "", "interrupted": false});
    ran["duration_ms"] = 1500.into();
    hooked.ask(&ran).passed();
    hooked.ask(&ran).passed();
    let reports = gateway.world().reports.clone();
    let [report] = reports.as_slice() else {
        panic!("once: {reports:?}");
    };
    assert_eq!(report.outcome, Outcome::Succeeded {});
    assert_eq!(report.duration_ms, 1500);
    assert_eq!(report.output.as_ref().unwrap().bytes.0, b"done\n");

    gateway.world().decide = Decide::Nothing;
    hooked.edit_rules(|rules| rules["wait_s"] = 1.into());
    hooked.ask(&call).denied("not decided yet");
    let proposals = &gateway.world().proposals;
    assert_eq!(proposals.len(), 2, "the approval is used up");
    assert_ne!(proposals[0].action, proposals[1].action);
}

#[test]
fn the_same_call_goes_on_waiting_for_the_same_decision() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 1);
    let call = hooked.bash("make");
    hooked.ask(&call).denied("Make the same call again");
    hooked.ask(&call).denied("Make the same call again");
    assert_eq!(gateway.world().proposals.len(), 1);
    let mut other = call.clone();
    other["tool_input"]["timeout"] = 5.into();
    hooked.ask(&other).denied("not decided yet");
    assert_eq!(gateway.world().proposals.len(), 2, "another call asks anew");
    gateway.world().decide = Decide::Approve;
    let mut again = call;
    again["tool_use_id"] = "toolu_2".into();
    again["tool_input"]["description"] = "said otherwise".into();
    hooked.ask(&again).allowed("approved by Ada");
    assert_eq!(gateway.world().redemptions, 1);
    assert_eq!(gateway.world().proposals.len(), 2);
}

#[test]
fn each_refusal_is_told_and_the_next_call_asks_anew() {
    for (decide, words) in [
        (
            Decide::Deny("too\u{1b}[2J late"),
            r"reason: too\u{1b}[2J late",
        ),
        (Decide::Expire, "nobody decided"),
        (Decide::Refuse, "refused by policy"),
    ] {
        let gateway = Gateway::start(decide);
        let hooked = Hooked::new(&gateway, 20);
        let call = hooked.bash("make");
        hooked.ask(&call).denied(words);
        assert_eq!(gateway.world().redemptions, 0);
        let kept = std::fs::read_dir(hooked.place.home.hook_state()).unwrap();
        assert_eq!(kept.count(), 0, "it is over");
        if decide == Decide::Expire || decide == Decide::Refuse {
            // The story's log takes nothing more: it lies about the clock and
            // the rules.
            continue;
        }
        gateway.world().decide = Decide::Nothing;
        hooked.edit_rules(|rules| rules["wait_s"] = 1.into());
        hooked.ask(&call).denied("not decided yet");
        assert_eq!(gateway.world().proposals.len(), 2);
    }
}

#[test]
fn a_decision_that_came_meanwhile_is_told() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 1);
    let call = hooked.bash("make");
    hooked.ask(&call).denied("not decided yet");
    gateway.world().decide = Decide::Deny("no");
    hooked.ask(&call).denied("reason: no");
    assert_eq!(gateway.world().proposals.len(), 1);
}

#[test]
fn two_of_the_same_at_once_need_two_approvals() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 20);
    let call = hooked.bash("make");
    let first = hooked.start(&call.to_string());
    gateway.wait("proposed", |world| !world.proposals.is_empty());
    let mut second = call.clone();
    second["tool_use_id"] = "toolu_2".into();
    hooked.ask(&second).denied("is being decided right now");
    gateway.world().decide = Decide::Approve;
    answer(first).allowed("approved by Ada");
    assert_eq!(gateway.world().redemptions, 1);
    assert_eq!(gateway.world().proposals.len(), 1);
}

#[test]
fn a_question_of_the_reviewer_reaches_the_agent_once() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 1);
    gateway.world().questions.push(Question {
        answered: false,
        asked_at: Time::default(),
        entry: 7,
        text: Content {
            bytes: Blob(b"which branch?".to_vec()),
            salt: Digest([0; 32]),
            r#type: TEXT_TYPE.into(),
        },
    });
    let call = hooked.bash("make");
    let asked = hooked.ask(&call);
    asked.denied("the reviewer asks: which branch?");
    asked.denied(&format!(
        "--home {} answer --agent coder act_",
        hooked.place.home.root().unwrap().display()
    ));
    hooked.ask(&call).denied("waits for a person");
}

#[test]
fn a_file_that_changes_meanwhile_is_looked_at_again() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 1);
    hooked.place.write("a.txt", "one\n");
    let path = hooked.place.work().join("a.txt");
    let input = json!({"file_path": path, "content": "two\n"});
    let call = hooked.event("PreToolUse", "Write", &input);
    hooked.ask(&call).denied("not decided yet");
    hooked.place.write("a.txt", "else\n");
    gateway.world().decide = Decide::Approve;
    gateway.world().decide = Decide::Nothing;
    hooked.ask(&call).denied("not decided yet");
    let world = gateway.world();
    assert!(
        world.withdrawn,
        "nobody approves what is not there any more"
    );
    let shown = |at: usize| {
        let bytes = &world.proposals[at].payload.bytes.0;
        String::from_utf8(bytes.clone()).unwrap()
    };
    assert!(
        shown(0).contains(r#""before":{"text":"one\n"}"#),
        "{}",
        shown(0)
    );
    assert!(
        shown(1).contains(r#""before":{"text":"else\n"}"#),
        "{}",
        shown(1)
    );
}

#[test]
fn a_file_that_changes_while_it_is_decided_is_not_written() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 20);
    hooked.place.write("a.txt", "one\n");
    let path = hooked.place.work().join("a.txt");
    let input = json!({"file_path": path, "old_string": "one", "new_string": "two"});
    let call = hooked.event("PreToolUse", "Edit", &input);
    let asked = hooked.start(&call.to_string());
    gateway.wait("proposed", |world| !world.proposals.is_empty());
    hooked.place.write("a.txt", "one one\n");
    gateway.world().decide = Decide::Approve;
    answer(asked).denied("what would run is not what was approved");
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
fn how_it_ended_is_what_the_host_says() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::new(&gateway, 20);
    let mut number = 0;
    let mut released = |command: &str| {
        gateway.world().redemptions = 0;
        number += 1;
        let mut call = hooked.bash(command);
        call["tool_use_id"] = format!("toolu_{number}").into();
        hooked.ask(&call).allowed("approved");
        call
    };
    let mut failed = released("make one");
    failed["hook_event_name"] = "PostToolUseFailure".into();
    failed["error"] = "Exit code 3".into();
    hooked.ask(&failed).passed();
    let mut changed = released("make two");
    changed["hook_event_name"] = "PostToolUse".into();
    changed["tool_input"]["command"] = "rm -rf /".into();
    hooked.ask(&changed).passed();
    let mut background = released("make three");
    background["hook_event_name"] = "PostToolUse".into();
    background["tool_response"] = json!({"stdout": "", "backgroundTaskId": "b"});
    hooked.ask(&background).passed();
    let reports = gateway.world().reports.clone();
    let why = |at: usize| match &reports[at].outcome {
        Outcome::Failed { why } => why.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(why(0), "Exit code 3");
    assert!(
        why(1).contains("something else than was approved"),
        "{}",
        why(1)
    );
    assert_eq!(
        reports.len(),
        2,
        "what runs in the background stays unknown"
    );
}

#[test]
fn our_own_exec_needs_no_second_approval_where_it_finds_the_same_folders() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 1);
    let home = hooked.place.home.root().unwrap();
    let vidimus = env!("CARGO_BIN_EXE_vidimus");
    let same = &[("VIDIMUS_HOME", home.to_str().unwrap())][..];
    let exec = hooked
        .bash(&format!("{vidimus} exec --why 'to see' -- make"))
        .to_string();
    answer(hooked.start_with(&exec, same)).allowed("`vidimus exec` asks by itself");
    assert!(gateway.world().proposals.is_empty());
    let elsewhere = hooked
        .bash(&format!("{vidimus} exec --home /tmp/x -- make"))
        .to_string();
    answer(hooked.start_with(&elsewhere, same)).denied("not decided yet");
    answer(hooked.start(&exec)).denied("not decided yet");
}

#[test]
fn a_command_that_the_environment_steers_is_asked_about() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 1);
    let list = hooked.bash("ls").to_string();
    answer(hooked.start(&list)).passed();
    answer(hooked.start_with(&list, &[("BASH_ENV", "./x")])).denied("not decided yet");
}

#[test]
fn what_a_reviewer_edited_is_told_and_does_not_run() {
    let gateway = Gateway::start(Decide::Edit("one", "two"));
    let hooked = Hooked::new(&gateway, 20);
    let ended = hooked.ask(&hooked.bash("rm one"));
    ended.denied("They changed:");
    ended.denied("two");
    ended.denied("is withdrawn; nothing has run");
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
fn a_pause_ends_what_waits_and_nobody_is_told_to_ask_again() {
    for decide in [Decide::Pause, Decide::ApproveAndPause] {
        let gateway = Gateway::start(decide);
        let hooked = Hooked::new(&gateway, 20);
        let ended = hooked.ask(&hooked.bash("make"));
        ended.denied("Asking again is useless until somebody resumes");
        assert!(!ended.0.stdout.contains("asks anew"), "{ended:?}");
        assert_eq!(gateway.world().redemptions, 0);
    }
}
