//! The stop button: what a pause withdraws, what it refuses, and who lifts it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Forgery, Held, World, commit, leaf, proposal};
use vidimus_protocol::api::{Ack, Propose};
use vidimus_protocol::entry::{Data, Resolution};
use vidimus_protocol::envelope::{ActType, PauseItem, ResumptionItem, Verdict};
use vidimus_protocol::{ActionId, Actor, Digest, RunId};
use vidimus_verify::replay::Replay;

/// Leaf hash of the agent's registration.
fn registration(dir: &std::path::Path, agent: &Held) -> Digest {
    let id = agent.agent.to_string();
    let registered = |leaf: &String| leaf.contains("agent.registered") && leaf.contains(&id);
    let leaves = World::leaves(dir);
    let leaf = leaves.iter().find(|leaf| registered(leaf)).unwrap();
    Digest(vidimus_ledger::tree::leaf_hash(leaf.as_bytes()))
}

async fn pause(
    world: &World,
    dir: &std::path::Path,
    agent: &Held,
    run: Option<&str>,
) -> support::Reply {
    let item = PauseItem {
        agent: agent.agent,
        registration: registration(dir, agent),
        run: run.map(|run| run.parse().unwrap()),
    };
    let start = world.one(ActType::AgentPaused, &item).await;
    world
        .act(Some(&world.session), &start, &Forgery::default())
        .await
}

fn ack(reply: &support::Reply) -> Ack {
    let view: Value = reply.json();
    assert_eq!(view["state"], "done");
    serde_json::from_value(view["ack"].clone()).unwrap()
}

async fn resume(world: &World, agent: &Held, paused: &Ack) -> support::Reply {
    let item = ResumptionItem {
        agent: agent.agent,
        pause: Digest(vidimus_ledger::tree::leaf_hash(
            paused.entries[0].leaf.as_bytes(),
        )),
    };
    let start = world.one(ActType::AgentResumed, &item).await;
    world
        .act(Some(&world.session), &start, &Forgery::default())
        .await
}

async fn propose_in(world: &World, agent: &Held, run: &str) -> support::Reply {
    let propose = Propose {
        run: run.parse().ok(),
        ..proposal(&["deploy"])
    };
    world.post("/v1/actions", &agent.token, &propose).await
}

/// Every check of the verifier, over the whole log.
async fn replayed(world: World, dir: &std::path::Path) -> Replay {
    world.stop().await;
    let mut replay = Replay::new();
    for leaf in World::leaves(dir) {
        replay.push(leaf.as_bytes()).unwrap();
    }
    replay
}

fn action_of(ack: &Ack) -> ActionId {
    match leaf(ack, 0).data {
        Data::ActionProposed(data) => data.action,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_withdraws_all_that_waits_in_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    let other = world.connect().await;
    let (first, _) = world.propose(&agent, &["one"]).await;
    let (second, _) = world.propose(&agent, &["two"]).await;
    let (others, _) = world.propose(&other, &["three"]).await;
    let before = World::leaves(dir.path()).len();
    let paused = ack(&pause(&world, dir.path(), &agent, None).await);
    world.proven(&paused);
    let leaves = World::leaves(dir.path());
    // The pause and two resolutions, of one time.
    assert_eq!(leaves.len(), before + 3);
    let time = leaf(&paused, 0).time.to_string();
    assert!(leaves[before..].iter().all(|leaf| leaf.contains(&time)));
    for action in [first.action, second.action] {
        let view = world.status(&agent, action).await;
        assert_eq!(
            (&view["status"], &view["paused"]),
            (&"withdrawn".into(), &true.into())
        );
    }
    let view = world.status(&other, others.action).await;
    assert_eq!(view["status"], "pending");
    assert!(view.get("paused").is_none());

    // Nothing is taken until it is resumed, and a repetition still gets its answer.
    let refused = world
        .post("/v1/actions", &agent.token, &proposal(&["four"]))
        .await;
    assert_eq!(
        (refused.status, refused.refused()),
        (409, "agent_paused".into())
    );
    let again: Ack = world.post("/v1/actions", &agent.token, &first).await.json();
    assert_eq!(action_of(&again), first.action);
    let twice = pause(&world, dir.path(), &agent, None).await;
    assert_eq!(twice.refused(), "paused_already");

    world.proven(&ack(&resume(&world, &agent, &paused).await));
    assert_eq!(resume(&world, &agent, &paused).await.refused(), "overtaken");
    world.propose(&agent, &["five"]).await;
    let state = replayed(world, dir.path()).await;
    let state = state.state();
    let withdrawn = state.action(&first.action).unwrap();
    let resolved = withdrawn.resolved.as_ref().unwrap();
    assert_eq!(resolved.resolution, Resolution::Withdrawn);
    assert_eq!(resolved.pause.unwrap().index, before as u64);
    assert!(
        state
            .agent(&agent.agent)
            .unwrap()
            .standing_pauses()
            .next()
            .is_none()
    );
}

/// Between approval and permit, and between permit and redemption.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_is_not_released_after_a_pause() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    let (propose, proposed) = world.propose(&agent, &["deploy"]).await;
    world.decide(&proposed, Verdict::Approve, "").await;
    let permit: Value = world.permit(&agent, propose.action).await.json();
    let paused = ack(&pause(&world, dir.path(), &agent, None).await);
    let redeem = json!({ "permit": permit["permit"], "action_digest": commit(&propose.payload) });
    let path = format!("/v1/actions/{}/redeem", propose.action);
    let refused = world.post(&path, &agent.token, &redeem).await;
    assert_eq!(refused.refused(), "agent_paused");
    // Nor is the permit in force handed out again.
    let refused = world.permit(&agent, propose.action).await;
    assert_eq!(refused.refused(), "agent_paused");
    let view = world.status(&agent, propose.action).await;
    assert_eq!(
        (&view["status"], &view["paused"]),
        (&"approved".into(), &true.into())
    );
    // Resumed, it stays stopped: the agent asks anew.
    ack(&resume(&world, &agent, &paused).await);
    let refused = world.post(&path, &agent.token, &redeem).await;
    assert_eq!(refused.refused(), "agent_paused");
    let (anew, proposed) = world.propose(&agent, &["deploy"]).await;
    world.decide(&proposed, Verdict::Approve, "").await;
    let permit: Value = world.permit(&agent, anew.action).await.json();
    let redeem = json!({ "permit": permit["permit"], "action_digest": commit(&anew.payload) });
    let path = format!("/v1/actions/{}/redeem", anew.action);
    let _: Ack = world.post(&path, &agent.token, &redeem).await.json();
    // What runs is not stopped, and says how it ended.
    ack(&pause(&world, dir.path(), &agent, None).await);
    let report =
        json!({ "duration_ms": 1, "outcome": { "exited": { "code": 0 } }, "output_omitted": 0 });
    let path = format!("/v1/actions/{}/outcome", anew.action);
    let _: Ack = world.post(&path, &agent.token, &report).await.json();
    let view = world.status(&agent, anew.action).await;
    assert_eq!(view["status"], "completed");
    assert!(view.get("paused").is_none());
    replayed(world, dir.path()).await;
}

/// The verdict was begun before the pause and comes after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_comes_after_the_pause_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    let (_, proposed) = world.propose(&agent, &["deploy"]).await;
    let draft = world.draft(&proposed, Verdict::Approve, "").await;
    let prompt = world
        .begin(Some(&world.session), &draft.start())
        .await
        .unwrap_or_else(|refused| panic!("{}", refused.refused()));
    ack(&pause(&world, dir.path(), &agent, None).await);
    let answer = world
        .answer(&world.key, &draft.start(), &Forgery::default())
        .await;
    let late = world
        .call(
            reqwest::Method::POST,
            &format!("{prompt}/assertion"),
            None,
            Some(&answer),
        )
        .await;
    assert_eq!(late.refused(), "not_pending");
    replayed(world, dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_paused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    let of_it: Ack = propose_in(&world, &agent, "nightly-42").await.json();
    let of_another: Ack = propose_in(&world, &agent, "nightly-43").await.json();
    let (of_none, _) = world.propose(&agent, &["deploy"]).await;
    let paused = ack(&pause(&world, dir.path(), &agent, Some("nightly-42")).await);
    let status = async |ack: &Ack| world.status(&agent, action_of(ack)).await["status"].clone();
    assert_eq!(status(&of_it).await, "withdrawn");
    assert_eq!(status(&of_another).await, "pending");
    assert_eq!(
        world.status(&agent, of_none.action).await["status"],
        "pending"
    );
    let refused = propose_in(&world, &agent, "nightly-42").await;
    assert_eq!(refused.refused(), "agent_paused");
    let _: Ack = propose_in(&world, &agent, "nightly-44").await.json();
    // No name of a run that could not stand in the log.
    for run in ["", "a b", "é"] {
        let mut body = serde_json::to_value(proposal(&["x"])).unwrap();
        body["run"] = run.into();
        let refused = world.post("/v1/actions", &agent.token, &body).await;
        assert_eq!(refused.refused(), "malformed", "{run:?}");
    }
    ack(&resume(&world, &agent, &paused).await);
    let again: Ack = propose_in(&world, &agent, "nightly-42").await.json();
    let state = replayed(world, dir.path()).await;
    let known = state.state().action(&action_of(&again)).unwrap();
    assert_eq!(known.run.as_ref().map(RunId::as_str), Some("nightly-42"));
}

/// The gateway writes it, the agent has not asked for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_is_paused() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    let item = PauseItem {
        agent: agent.agent,
        registration: registration(dir.path(), &agent),
        run: "nightly-42".parse().ok(),
    };
    let start = world.one(ActType::AgentPaused, &item).await;
    let prompt = world
        .begin(Some(&world.session), &start)
        .await
        .unwrap_or_else(|refused| panic!("{}", refused.refused()));
    let page: Value = world
        .call(reqwest::Method::GET, &format!("{prompt}/page"), None, None)
        .await
        .json();
    assert_eq!(page["heading"]["title"], "Pause an agent");
    let lines = page["statement"].as_array().unwrap();
    let said: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["label"].as_str().unwrap(),
                line["value"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("Pause the agent", "builder"),
            ("What of it", "the run nightly-42")
        ]
    );
    let (_, proposed) = world.propose(&agent, &["deploy"]).await;
    ack(&pause(&world, dir.path(), &agent, None).await);
    let state = replayed(world, dir.path()).await;
    let withdrawn = World::leaves(dir.path());
    let last = match vidimus_protocol::Leaf::parse(withdrawn.last().unwrap().as_bytes()) {
        Ok(vidimus_protocol::entry::Parsed::Known(leaf)) => leaf,
        other => panic!("{other:?}"),
    };
    assert_eq!(last.actor, Actor::Gateway);
    assert!(state.state().action(&action_of(&proposed)).is_some());
}
