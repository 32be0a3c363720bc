//! Whatever fails, the call does not run.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use vidimus_protocol::entry::Outcome;

use crate::gateway::{Decide, Faults, Gateway};
use crate::hooked::{Hooked, answer};

#[test]
fn what_is_no_event_is_blocked() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::new(&gateway, 20);
    let good = hooked.bash("make").to_string();
    for bad in [
        String::new(),
        "{".into(),
        "null".into(),
        good.replace("PreToolUse", "SomethingNew"),
        good.replace("\"tool_name\":\"Bash\",", ""),
        good.replace("{\"command\"", "{\"command\":\"ls\",\"command\""),
        "[".repeat(100_000),
    ] {
        answer(hooked.start(&bad)).blocked("It does not run");
    }
    assert!(gateway.world().proposals.is_empty());
}

#[test]
fn settings_that_cannot_be_used_block_everything() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::new(&gateway, 20);
    let read = hooked
        .event("PreToolUse", "Read", &json!({"file_path": "/x"}))
        .to_string();
    let rules = hooked.rules();
    let good = std::fs::read_to_string(&rules).unwrap();
    for bad in ["", "{}", &good.replace("vidimus-hooks", "x")] {
        std::fs::write(&rules, bad).unwrap();
        answer(hooked.start(&read)).blocked("hooks.json");
    }
    std::fs::write(&rules, &good).unwrap();
    std::fs::set_permissions(&rules, std::fs::Permissions::from_mode(0o666)).unwrap();
    answer(hooked.start(&read)).blocked("chmod 600");
    std::fs::remove_file(&rules).unwrap();
    answer(hooked.start(&read)).blocked("does not exist");
}

#[test]
fn without_a_profile_or_a_gateway_it_is_denied_with_what_to_do() {
    let gateway = Gateway::start(Decide::Approve);
    let hooked = Hooked::new(&gateway, 20);
    let call = hooked.bash("make");
    gateway.world().faults.unknown_token = true;
    hooked.ask(&call).denied("Connect the agent anew");
    let profile = hooked.place.home.agent_profile("coder");
    let text = std::fs::read_to_string(&profile).unwrap();
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nowhere.local_addr().unwrap().port();
    drop(nowhere);
    let dead = text.replace(&format!(":{}", gateway.port), &format!(":{port}"));
    std::fs::write(&profile, dead).unwrap();
    hooked.ask(&call).denied("does not answer");
    std::fs::remove_file(&profile).unwrap();
    hooked.ask(&call).denied("no agent");
    assert!(gateway.world().proposals.is_empty());
}

#[test]
fn a_gateway_that_lies_releases_nothing() {
    let faults = Faults::default();
    for (decide, faults) in [
        (Decide::WithoutVerdict, faults),
        (Decide::OwnKey, faults),
        (
            Decide::Approve,
            Faults {
                log_other_payload: true,
                ..faults
            },
        ),
        (
            Decide::Approve,
            Faults {
                other_bundle: true,
                ..faults
            },
        ),
        (
            Decide::Approve,
            Faults {
                other_permit: true,
                ..faults
            },
        ),
    ] {
        let gateway = Gateway::start(decide);
        gateway.world().faults = faults;
        let hooked = Hooked::new(&gateway, 20);
        hooked.ask(&hooked.bash("make")).denied("");
    }
}

#[test]
fn lost_answers_cost_nothing_and_release_nothing_twice() {
    let gateway = Gateway::start(Decide::Approve);
    gateway.world().faults.lose_proposal = true;
    let hooked = Hooked::new(&gateway, 20);
    hooked.ask(&hooked.bash("make")).allowed("approved by Ada");
    assert_eq!(gateway.world().proposals.len(), 2);

    let gateway = Gateway::start(Decide::Approve);
    gateway.world().faults.lose_redemption = true;
    let hooked = Hooked::new(&gateway, 20);
    hooked
        .ask(&hooked.bash("make"))
        .denied("the permit is used");
    let reports = gateway.world().reports.clone();
    assert!(matches!(reports[0].outcome, Outcome::Failed { .. }));
}

#[test]
fn a_hook_that_is_ended_takes_the_call_back() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 20);
    let child = hooked.start(&hooked.bash("make").to_string());
    gateway.wait("proposed", |world| !world.proposals.is_empty());
    std::thread::sleep(std::time::Duration::from_millis(300));
    let id = child.id().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .unwrap();
    answer(child).denied("withdrawn");
    assert!(gateway.world().withdrawn);
}

#[test]
fn killed_while_it_waits_nothing_runs_and_the_call_is_found_again() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 20);
    let call = hooked.bash("make");
    let mut child = hooked.start(&call.to_string());
    gateway.wait("proposed", |world| !world.proposals.is_empty());
    child.kill().unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"");
    gateway.world().decide = Decide::Approve;
    hooked.ask(&call).allowed("approved by Ada");
    assert_eq!(gateway.world().proposals.len(), 1);
    assert_eq!(gateway.world().redemptions, 1);
}

#[test]
fn killed_after_the_redemption_it_is_never_released_again() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 1);
    let call = hooked.bash("make");
    hooked.ask(&call).denied("not decided yet");
    {
        let mut world = gateway.world();
        let action = world.proposals[0].action;
        world.story.approve(action);
        world.story.redeem(action);
    }
    hooked.ask(&call).denied("its result is unknown");
    assert_eq!(gateway.world().redemptions, 0);
}

#[test]
fn the_environment_of_the_agent_loosens_nothing() {
    let gateway = Gateway::start(Decide::Nothing);
    let hooked = Hooked::new(&gateway, 1);
    let elsewhere = tempfile::tempdir().unwrap();
    let loose = elsewhere.path().join("config/hooks.json");
    std::fs::create_dir_all(loose.parent().unwrap()).unwrap();
    let text = std::fs::read_to_string(hooked.rules()).unwrap();
    std::fs::write(&loose, text.replace("\"Read\"", "\"Read\",\"Bash\"")).unwrap();
    std::fs::set_permissions(&loose, std::fs::Permissions::from_mode(0o600)).unwrap();
    let rules = hooked.rules();
    let mut command = hooked.place.vidimus(&[
        "hook",
        "--client",
        "claude",
        "--config",
        rules.to_str().unwrap(),
    ]);
    let mut child = command
        .env("VIDIMUS_HOME", elsewhere.path())
        .env("HOME", elsewhere.path())
        .env("XDG_CONFIG_HOME", elsewhere.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let event = hooked.bash("make").to_string();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), event.as_bytes()).unwrap();
    answer(child).denied("not decided yet");
}
