//! `vidimus exec` against a gateway of a few lines, honest or not.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod adapters;
mod edits;
mod gateway;
mod place;
mod plans;
mod postgres;
mod pushes;
mod queries;
mod waiting;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;
use std::time::{Duration, Instant};

use gateway::{Decide, Gateway};
use place::{Ended, Place};
use vidimus_client::AgentProfile;
use vidimus_protocol::action::{Action, Context, Stdin};
use vidimus_protocol::entry::Outcome;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{AgentId, Digest, ExecutorId};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::Story;

/// The command of most tests: it leaves a mark when it runs.
const TOUCH: [&str; 5] = ["--", "sh", "-c", "echo ran > mark; echo done", "sh"];

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args([name, &id])
        .status();
    assert!(sent.unwrap().success());
}

fn end(child: Child) -> Ended {
    child.wait_with_output().unwrap().into()
}

fn failed_to_start(gateway: &Gateway) -> String {
    let world = gateway.world();
    match &world.reports.as_slice() {
        [report] => match &report.outcome {
            Outcome::FailedToStart { why } => why.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_approved_command_runs_and_its_outcome_is_reported() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let words = [
        "--why", "to see", "--run", "r1", "--ttl", "15m", "--", "sh", "-c",
    ];
    let code = "echo out; echo err >&2; exit 7";
    let ended = place.exec(&[&words[..], &[code]].concat());
    ended.expect(7, "approved by Ada");
    assert_eq!(ended.stdout, "out\n");
    assert!(ended.stderr.ends_with("err\n"));
    assert!(ended.stderr.contains("environment  PATH=/usr/bin:/bin"));
    let world = gateway.world();
    let [proposal] = world.proposals.as_slice() else {
        panic!("one proposal");
    };
    assert_eq!(proposal.ttl_s, Some(900));
    let action = Action::parse(&proposal.payload.bytes.0).unwrap();
    assert_eq!(action.command().unwrap().argv, ["sh", "-c", code]);
    let context = Context::parse(&proposal.context.as_ref().unwrap().bytes.0).unwrap();
    assert_eq!(context.intent.as_deref(), Some("to see"));
    assert_eq!(proposal.run.as_ref().unwrap().as_str(), "r1");
    let [report] = world.reports.as_slice() else {
        panic!("one report");
    };
    assert_eq!(report.outcome, Outcome::Exited { code: 7 });
    assert_eq!(report.output.as_ref().unwrap().bytes.0.len(), 8);
    let state = place.home.exec_state(proposal.action);
    assert!(!state.exists(), "nothing is left to resume");
}

#[test]
fn bound_input_is_read_before_it_is_proposed_and_is_what_the_command_gets() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    place.write("input", "yes\nno\n");
    let input = std::fs::File::open(place.work().join("input")).unwrap();
    let mut command = place.command(&["--stdin", "--", "cat"]);
    let ended: Ended = command.stdin(input).output().unwrap().into();
    ended.expect(0, "input        7 bytes  sha256:");
    assert_eq!(ended.stdout, "yes\nno\n");
    let world = gateway.world();
    let bytes = &world.proposals[0].payload.bytes.0;
    let action = Action::parse(bytes).unwrap();
    let Stdin::Bound(stated) = &action.command().unwrap().stdin else {
        panic!("it is bound");
    };
    assert_eq!(stated.text.as_deref(), Some("yes\nno\n"));
    let state = place.home.exec_state(world.proposals[0].action);
    assert!(!state.with_extension("stdin").exists(), "nothing is left");
}

#[test]
fn each_refusal_has_its_own_answer() {
    for (decide, code, words) in [
        (
            Decide::Deny("too\u{1b}[2J late"),
            110,
            r"reason: too\u{1b}[2J late",
        ),
        (Decide::Deny(""), 110, "without a reason"),
        (Decide::Expire, 111, "nobody decided"),
        (Decide::Refuse, 113, "the rule of the house"),
    ] {
        let gateway = Gateway::start(decide);
        let place = Place::connected(&gateway);
        place.exec(&TOUCH).expect(code, words);
        assert!(!place.exists("mark"));
        let action = gateway.world().proposals[0].action;
        assert!(!place.home.exec_state(action).exists());
    }
}

#[test]
fn a_pause_of_the_agent_stops_it_at_each_step() {
    // While it waits; after the approval; after the permit.
    for (decide, after_permit) in [
        (Decide::Pause, false),
        (Decide::ApproveAndPause, false),
        (Decide::Approve, true),
    ] {
        let gateway = Gateway::start(decide);
        gateway.world().faults.pause_after_permit = after_permit;
        let place = Place::connected(&gateway);
        let ended = place.exec(&TOUCH);
        ended.expect(112, "nothing has run");
        ended.expect(112, "useless until somebody resumes");
        assert!(!place.exists("mark"), "{decide:?}");
        let world = gateway.world();
        assert_eq!(world.redemptions, u32::from(after_permit));
        let action = world.proposals[0].action;
        drop(world);
        assert!(!place.home.exec_state(action).exists(), "it is over");
        // And it is not taken again.
        let ended = place.exec(&TOUCH);
        ended.expect(112, "somebody paused the agent");
        assert_eq!(gateway.world().proposals.len(), 1);
        let kept = place.home.state().join("exec").read_dir().unwrap().count();
        assert_eq!(kept, 0, "what was refused needs no resume");
    }
}

#[test]
fn a_gateway_that_is_not_there_is_named() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let mut gone = gateway;
    gone.port = port;
    let trust = gone.world().story.trust();
    place.connect("coder", &gone, &trust);
    place.exec(&TOUCH).expect(114, "open `vidimus-console`");
    assert!(!place.exists("mark"));
    let kept = place.home.state().join("exec").read_dir().unwrap().count();
    assert_eq!(kept, 0, "what never arrived needs no resume");
}

#[test]
fn a_lost_acknowledgement_is_asked_for_again() {
    let gateway = Gateway::start(Decide::Approve);
    gateway.world().faults.lose_proposal = true;
    let place = Place::connected(&gateway);
    place.exec(&TOUCH).expect(0, "approved by Ada");
    let world = gateway.world();
    assert_eq!(world.proposals.len(), 2);
    assert_eq!(world.proposals[0], world.proposals[1], "the same bytes");
}

#[test]
fn an_outcome_waits_for_a_disk_that_is_full() {
    let gateway = Gateway::start(Decide::Approve);
    gateway.world().faults.full_disk = true;
    let place = Place::connected(&gateway);
    let ended = place.exec(&TOUCH);
    ended.expect(0, "approved by Ada");
    assert!(!ended.stderr.contains("could not be reported"));
    assert_eq!(gateway.world().reports.len(), 1);
}

#[test]
fn another_logged_payload_is_caught_at_once() {
    let gateway = Gateway::start(Decide::Approve);
    gateway.world().faults.log_other_payload = true;
    let place = Place::connected(&gateway);
    place
        .exec(&TOUCH)
        .expect(118, "something else than what was proposed");
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
fn a_lost_redemption_runs_nothing_and_is_not_tried_again() {
    let gateway = Gateway::start(Decide::Approve);
    gateway.world().faults.lose_redemption = true;
    let place = Place::connected(&gateway);
    place.exec(&TOUCH).expect(70, "the permit is used");
    assert!(!place.exists("mark"));
    assert!(failed_to_start(&gateway).contains("was lost"));
}

#[test]
fn a_lying_gateway_releases_nothing() {
    for (decide, words) in [
        (Decide::WithoutVerdict, "entry 4"),
        (Decide::OwnKey, "signature"),
    ] {
        let gateway = Gateway::start(decide);
        let place = Place::connected(&gateway);
        let ended = place.exec(&TOUCH);
        ended.expect(118, words);
        ended.expect(118, "Nothing has run");
        assert!(!place.exists("mark"));
        assert!(failed_to_start(&gateway).contains("proof does not hold"));
    }
    for fault in 0..2 {
        let gateway = Gateway::start(Decide::Approve);
        gateway.world().faults.other_bundle = fault == 0;
        gateway.world().faults.other_permit = fault == 1;
        let place = Place::connected(&gateway);
        place.exec(&TOUCH).expect(118, "another action");
        assert!(!place.exists("mark"));
        let action = gateway.world().proposals[0].action;
        assert!(!place.home.exec_state(action).exists(), "it is used up");
    }
}

#[test]
fn a_log_of_somebody_else_releases_nothing() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    // The same agent, executor and address, but the gateway keeps another log.
    let mut other = Story::open(2, Algorithm::Es256);
    {
        let world = gateway.world();
        other.agent = world.story.agent;
        other.executor = world.story.executor;
    }
    let draft = other.enrolment();
    other.write(draft);
    let draft = other.registration();
    other.write(draft);
    gateway.world().story = other;
    place.exec(&TOUCH).expect(118, "of another log");
    assert!(!place.exists("mark"));
}

#[test]
fn an_approval_of_another_agents_action_releases_nothing() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let path = place.home.agent_profile("coder");
    let profile = AgentProfile::load(&path).unwrap();
    let other = AgentProfile {
        agent: AgentId::from_random([9; 16]),
        ..profile.clone()
    };
    other.save(&path).unwrap();
    place.exec(&TOUCH).expect(118, "for another agent");
    let gateway = Gateway::start(Decide::Approve);
    let other = AgentProfile {
        executor: ExecutorId::from_random([9; 16]),
        url: format!("http://127.0.0.1:{}", gateway.port)
            .parse()
            .unwrap(),
        ..profile
    };
    other.save(&path).unwrap();
    place
        .exec(&TOUCH)
        .expect(118, "the permit is for the executor");
    assert!(!place.exists("mark"));
}

#[test]
fn a_log_that_goes_back_releases_nothing() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    place.exec(&TOUCH).expect(0, "approved");
    gateway.world().redemptions = 0;
    place.exec(&TOUCH).expect(0, "approved");
    let mut world = gateway.world();
    world.story = Story::new(1, Algorithm::Es256);
    world.redemptions = 0;
    drop(world);
    std::fs::remove_file(place.work().join("mark")).unwrap();
    place.exec(&TOUCH).expect(118, "went back");
    assert!(!place.exists("mark"));
}

#[test]
fn a_signal_withdraws() {
    for name in ["-TERM", "-INT", "-HUP"] {
        let gateway = Gateway::start(Decide::Nothing);
        let place = Place::connected(&gateway);
        let child = place.start(&TOUCH);
        gateway.wait("proposed", |world| !world.proposals.is_empty());
        signal(&child, name);
        end(child).expect(112, "withdrawn; nothing has run");
        assert!(gateway.world().withdrawn, "{name}");
    }
}

#[test]
fn a_signal_reaches_the_command() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let code = "trap 'echo one >&2' USR1; trap 'echo caught; exit 5' TERM
        echo > ready; while :; do sleep 0.05; done";
    let child = place.start(&["--", "sh", "-c", code]);
    place.wait_for("ready");
    signal(&child, "-USR1");
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "-TERM");
    let ended = end(child);
    assert!(ended.stderr.contains("one\n"), "{}", ended.stderr);
    ended.expect(5, "");
    assert_eq!(ended.stdout, "caught\n");
    assert_eq!(
        gateway.world().reports[0].outcome,
        Outcome::Exited { code: 5 }
    );
}

/// Starts a script that waits for a decision, changes something, then lets the
/// decision come.
fn changed_meanwhile(change: impl FnOnce(&Place)) -> (Gateway, Place, Ended) {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    place.write("x.sh", "#!/bin/sh\necho approved > mark\ncat data\n");
    place.write("data", "data");
    std::fs::copy("/bin/cat", place.work().join("tool")).unwrap();
    let child = place.start(&["--", "./x.sh", "data"]);
    gateway.wait("proposed", |world| !world.proposals.is_empty());
    change(&place);
    gateway.world().decide = Decide::Approve;
    let ended = end(child);
    (gateway, place, ended)
}

#[test]
fn what_was_swapped_while_waiting_does_not_run() {
    let (_, place, ended) = changed_meanwhile(|place| {
        place.write("new", "#!/bin/sh\necho evil > mark\n");
        std::fs::rename(place.work().join("new"), place.work().join("x.sh")).unwrap();
    });
    ended.expect(0, "approved by");
    assert_eq!(
        std::fs::read(place.work().join("mark")).unwrap(),
        b"approved\n"
    );

    let (_, place, ended) =
        changed_meanwhile(|place| place.write("x.sh", "#!/bin/sh\necho evil > mark\n"));
    ended.expect(0, "approved by");
    assert_eq!(
        std::fs::read(place.work().join("mark")).unwrap(),
        b"approved\n"
    );

    let (gateway, place, ended) = changed_meanwhile(|place| place.write("data", "evil"));
    ended.expect(116, "argument 1: the content of");
    assert_eq!(
        gateway.world().redemptions,
        0,
        "the approval is not used up"
    );
    assert!(!place.exists("mark"));
}

#[test]
fn a_killed_exec_is_resumed() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let mut command = place.command(&["--secret", "TOKEN", "--", "sh", "-c", "echo $TOKEN > mark"]);
    let mut child = command.env("TOKEN", "s3cret").spawn().unwrap();
    gateway.wait("proposed", |world| !world.proposals.is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let action = gateway.world().proposals[0].action;
    let state = std::fs::read_to_string(place.home.exec_state(action)).unwrap();
    let payload = String::from_utf8(gateway.world().proposals[0].payload.bytes.0.clone()).unwrap();
    assert!(!state.contains("s3cret") && !payload.contains("s3cret"));
    gateway.world().decide = Decide::Approve;

    let id = action.to_string();
    let resume = ["--resume", id.as_str()];
    place.exec(&resume).expect(116, "`TOKEN` is not set");
    let resumed = |value: &str| -> Ended {
        let output = place.command(&resume).env("TOKEN", value).output().unwrap();
        output.into()
    };
    resumed("other").expect(116, "the secret `TOKEN` has another value");
    assert_eq!(gateway.world().redemptions, 0);
    let ended = resumed("s3cret");
    ended.expect(0, "approved by Ada");
    assert_eq!(
        std::fs::read(place.work().join("mark")).unwrap(),
        b"s3cret\n"
    );
    assert!(!format!("{ended:?}").contains("s3cret"));
    place.exec(&resume).expect(2, "nothing is kept here");
}

#[test]
fn a_changed_program_is_named_at_a_resume() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    place.write("x.sh", "#!/bin/sh\necho approved > mark\n");
    let mut child = place.start(&["--", "./x.sh"]);
    gateway.wait("proposed", |world| !world.proposals.is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    gateway.world().decide = Decide::Approve;
    place.write("x.sh", "#!/bin/sh\necho evil > mark\n");
    let id = gateway.world().proposals[0].action.to_string();
    let ended = place.exec(&["--resume", &id]);
    ended.expect(116, "program: the content of");
    assert!(!place.exists("mark"));
    place.write("x.sh", "#!/bin/sh\necho approved > mark\n");
    place.exec(&["--resume", &id]).expect(0, "approved by");
    assert!(place.exists("mark"));
}

#[test]
fn a_redeemed_action_is_unknown_and_never_run_again() {
    let gateway = Gateway::start(Decide::Approve);
    let place = Place::connected(&gateway);
    let mut child = place.start(&["--", "sh", "-c", "echo x >> mark; sleep 60"]);
    gateway.wait("redeemed", |world| world.redemptions > 0);
    place.wait_for("mark");
    child.kill().unwrap();
    child.wait().unwrap();
    let id = gateway.world().proposals[0].action.to_string();
    place
        .exec(&["--resume", &id])
        .expect(70, "its result is unknown");
    assert_eq!(std::fs::read(place.work().join("mark")).unwrap(), b"x\n");
}

#[test]
fn without_a_terminal_it_returns_pending_with_the_way_on() {
    let gateway = Gateway::start(Decide::Nothing);
    let place = Place::connected(&gateway);
    let begun = Instant::now();
    let ended = place.exec(&TOUCH);
    assert!(begun.elapsed() < Duration::from_secs(45));
    let id = gateway.world().proposals[0].action.to_string();
    ended.expect(115, &id);
    let line = ended.stderr.lines().last().unwrap().trim().to_owned();
    assert!(!gateway.world().withdrawn);
    gateway.world().decide = Decide::Approve;
    // The line can be pasted into a shell as it stands, anywhere.
    let output = std::process::Command::new("sh")
        .args(["-c", &line])
        .output();
    Ended::from(output.unwrap()).expect(0, "approved by");
    assert!(place.exists("mark"));
}

#[test]
fn each_missing_piece_is_named() {
    let gateway = Gateway::start(Decide::Approve);
    Place::empty()
        .exec(&TOUCH)
        .expect(117, "open `vidimus-console`");

    let place = Place::connected(&gateway);
    let trust = gateway.world().story.trust();
    place.connect("second one", &gateway, &trust);
    place
        .exec(&TOUCH)
        .expect(117, "--agent NAME` with one of: coder, 'second one'");
    place
        .exec(&[&["--agent", "x"], &TOUCH[..]].concat())
        .expect(117, "no agent `x`");
    place
        .exec(&[&["--agent", "coder"], &TOUCH[..]].concat())
        .expect(0, "approved");

    let place = Place::connected(&gateway);
    let profile = place.home.agent_profile("coder");
    std::fs::set_permissions(&profile, std::fs::Permissions::from_mode(0o644)).unwrap();
    place.exec(&TOUCH).expect(117, "chmod 600");

    let place = Place::connected(&gateway);
    place.connect("coder", &gateway, &TrustFile::new(Digest([7; 32])));
    place.exec(&TOUCH).expect(118, "is for the log 0707");
    std::fs::remove_file(
        place
            .home
            .root()
            .unwrap()
            .parent()
            .unwrap()
            .join("trust.json"),
    )
    .unwrap();
    place.exec(&TOUCH).expect(117, "trust file");

    let place = Place::connected(&gateway);
    gateway.world().faults.unknown_token = true;
    place.exec(&TOUCH).expect(117, "Connect the agent anew");

    place
        .exec(&["--", "no-such-program"])
        .expect(2, "was not found in `PATH`");
    place
        .exec(&["--env", "NONE", "--", "true"])
        .expect(2, "`NONE` is not set");
}
