//! Policies in shadow beside a gateway with a person and an agent.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::running::{Person, Running, gateway, proposal};

const POLICY: &str = r#"
@id("ask") permit (principal, action == Vidimus::Action::"propose", resource);
@id("quiet")
permit (principal, action == Vidimus::Action::"release", resource)
when { context has command && context.command.line like "*quiet*" };
@id("i-decide") permit (principal, action == Vidimus::Action::"decide", resource);
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_proposes_is_told_as_it_comes() {
    let home = tempfile::tempdir().unwrap();
    let running = Running::start(home.path(), gateway(home.path())).await;
    let person = Person::set_up(home.path(), &running).await;
    let token = person.connect(&running).await;
    let policy = home.path().join("policy.cedar");
    std::fs::write(&policy, POLICY).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vidimus"))
        .env("VIDIMUS_HOME", home.path())
        .args(["policy", "shadow"])
        .arg(&policy)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(err.next().unwrap().unwrap().contains("watching from entry"));

    let asked = running.propose(&token, &proposal("loud", "as ever")).await;
    asked.unwrap();
    let quiet = proposal("quiet", "to see it pass");
    running.propose(&token, &quiet).await.unwrap();
    let line = out.next().unwrap().unwrap();
    for words in [
        &quiet.action.to_string(),
        "builder",
        "decision: ask 1 person -> release",
        "by quiet",
    ] {
        assert!(line.contains(words), "`{words}` is not in: {line}");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let summary = out.next().unwrap().unwrap();
    assert_eq!(summary, "1 of 2 proposals would be decided otherwise");
    assert_eq!(child.wait().unwrap().code(), Some(0));

    // Nothing came of it: both wait for the person.
    person
        .decide(&running, quiet.action, "approve", "it is mine")
        .await;
    running.stop().await;
}
