//! A gateway with a person, two agents and a session, for programs that know it
//! only from outside: `api_lab PROGRAM [ARGUMENT]…` runs the program against it
//! and ends with its exit code.
//!
//! The program finds `VIDIMUS_URL`, `VIDIMUS_TOKEN` (an agent whose proposals
//! a person with a software passkey approves as soon as they come, unless their
//! `argv` or arguments hold `wait`), `VIDIMUS_OTHER_TOKEN` (an agent that nobody
//! answers), `VIDIMUS_SESSION`, and `VIDIMUS_HOME` with the profile of the first.
#![allow(clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use support::{Held, World};
use vidimus_client::private::write_private;
use vidimus_client::{AgentProfile, Home};
use vidimus_protocol::action::Payload;
use vidimus_protocol::api::{Ack, Proven};
use vidimus_protocol::entry::{Data, Parsed};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{AgentId, Leaf};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments
        .next()
        .expect("usage: api_lab PROGRAM [ARGUMENT]…");
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let answered = world.connect().await;
    let other = world.connect().await;
    let home = folder.path().join("home");
    connect(&home, &world, &answered);
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env("VIDIMUS_URL", world.gateway.url())
        .env("VIDIMUS_TOKEN", &answered.token)
        .env("VIDIMUS_OTHER_TOKEN", &other.token)
        .env("VIDIMUS_SESSION", &world.session)
        .env("VIDIMUS_HOME", &home)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut decided = 0;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        let leaves = World::leaves(folder.path());
        for (index, leaf) in leaves.iter().enumerate().skip(decided) {
            approve(&world, answered.agent, index, leaf).await;
        }
        decided = leaves.len();
    };
    world.stop().await;
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

/// Lets programs of Vidimus ask as this agent.
fn connect(home: &Path, world: &World, agent: &Held) {
    let home = Home::at(home);
    let trust = home.data().join("trust.json");
    write_private(&trust, &TrustFile::new(world.log).to_bytes()).unwrap();
    let profile = AgentProfile {
        agent: agent.agent,
        executor: agent.executor,
        log: world.log,
        name: "lab".into(),
        tls_ca: None,
        token: agent.token.parse().unwrap(),
        trust,
        url: world.gateway.url().to_string().parse().unwrap(),
    };
    profile.save(&home.agent_profile("lab")).unwrap();
}

/// Answers a proposal of that agent, unless it is over already.
async fn approve(world: &World, agent: AgentId, index: usize, leaf: &str) {
    let Parsed::Known(Leaf {
        data: Data::ActionProposed(proposed),
        ..
    }) = Leaf::parse(leaf.as_bytes()).unwrap()
    else {
        return;
    };
    if proposed.agent != agent {
        return;
    }
    let part = world
        .get(&format!("/v1/parts/{index}/payload"), &world.session)
        .await;
    let payload: vidimus_protocol::api::Content = part.json();
    let action = vidimus_protocol::action::Action::parse(&payload.bytes.0).unwrap();
    let waits = match &action.payload {
        Payload::McpToolCall(call) => call.arguments.contains("\"wait\""),
        _ => action
            .command()
            .is_some_and(|command| command.argv.iter().any(|argument| argument == "wait")),
    };
    if waits {
        return;
    }
    let ack = Ack {
        parts: Vec::new(),
        checkpoint: String::new(),
        entries: vec![Proven {
            index: index.try_into().unwrap(),
            leaf: leaf.to_owned(),
            proof: Vec::new(),
        }],
    };
    let draft = world.draft(&ack, Verdict::Approve, "as asked").await;
    let begun = world.begin(Some(&world.session), &draft.start()).await;
    // It may have been withdrawn in between.
    if let Ok(prompt) = begun {
        let answer = world
            .answer(&world.key, &draft.start(), &support::Forgery::default())
            .await;
        let path = format!("{prompt}/assertion");
        world
            .call(reqwest::Method::POST, &path, None, Some(&answer))
            .await;
    }
}
