//! What is said beside deciding, and actions in the proposer's own words.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Held, World, commit, content, leaf};
use vidimus_protocol::ActionId;
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{Ack, Content, Propose};
use vidimus_protocol::entry::Kind;
use vidimus_protocol::envelope::Verdict;
use vidimus_verify::replay::Replay;
use vidimus_verify::testkit::sample_change;

fn words(text: &str) -> Content {
    content(TEXT_TYPE, text.as_bytes())
}

fn path(action: ActionId, what: &str) -> String {
    format!("/v1/actions/{action}/{what}")
}

async fn asked(world: &World, action: ActionId, text: &str) -> u64 {
    let body = json!({ "text": words(text) });
    let reply = world
        .post(&path(action, "questions"), &world.session, &body)
        .await;
    let ack: Ack = reply.json();
    world.proven(&ack);
    assert_eq!(leaf(&ack, 0).kind(), Kind::ActionAsked);
    ack.entries[0].index
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_reaches_the_agent_and_its_answer_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world.propose(&agent, &["deploy"]).await;
    let action = propose.action;

    // Who waits hears of it at once.
    let wait = format!("/v1/actions/{action}?wait=30");
    let (waited, question) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(20), world.get(&wait, &agent.token)),
        async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            asked(&world, action, "why now?").await
        }
    );
    let view: Value = waited.expect("the question ends the wait").json();
    assert_eq!(view["status"], "pending");
    assert_eq!(view["questions"][0]["entry"], question);
    assert_eq!(view["questions"][0]["answered"], false);
    let text: Content = serde_json::from_value(view["questions"][0]["text"].clone()).unwrap();
    assert_eq!(text.bytes.0, b"why now?");
    // One that is known does not end a wait; an unknown one does before it begins.
    let known = format!("/v1/actions/{action}?wait=1&questions=1");
    let _: Value = world.get(&known, &agent.token).await.json();
    let unknown = format!("/v1/actions/{action}?wait=30&questions=0");
    let at_once = world.get(&unknown, &agent.token);
    let at_once = tokio::time::timeout(Duration::from_secs(20), at_once).await;
    assert!(at_once.is_ok(), "it was asked already");

    let answer = json!({ "question": question, "text": words("it expires today") });
    let answers = path(action, "answers");
    let first: Ack = world.post(&answers, &agent.token, &answer).await.json();
    world.proven(&first);
    let again: Ack = world.post(&answers, &agent.token, &answer).await.json();
    assert_eq!(
        again.entries[0].index, first.entries[0].index,
        "the same answer"
    );
    let other = json!({ "question": question, "text": words("or tomorrow") });
    let refused = world.post(&answers, &agent.token, &other).await;
    assert_eq!(refused.refused(), "no_such_question");
    let nothing = json!({ "question": question + 1, "text": words("x") });
    let refused = world.post(&answers, &agent.token, &nothing).await;
    assert_eq!(refused.refused(), "no_such_question");
    let view: Value = world.status(&agent, action).await;
    assert_eq!(view["questions"][0]["answered"], true);

    // Nothing of it decided anything, and the whole log holds.
    assert_eq!(view["status"], "pending");
    world.decide(&ack, Verdict::Deny, "not today").await;
    let late = json!({ "text": words("too late?") });
    let refused = world
        .post(&path(action, "questions"), &world.session, &late)
        .await;
    assert_eq!(refused.refused(), "not_pending");
    replays(world, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_and_flagging_are_people_s_and_words_are_words() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world.propose(&agent, &["deploy"]).await;
    let action = propose.action;
    let nothing = json!({});

    let taken: Ack = world
        .post(&path(action, "take"), &world.session, &nothing)
        .await
        .json();
    assert_eq!(leaf(&taken, 0).kind(), Kind::ActionTaken);
    let again: Ack = world
        .post(&path(action, "take"), &world.session, &nothing)
        .await
        .json();
    assert_eq!(again.entries[0].index, taken.entries[0].index, "once");

    let remark = json!({ "text": words("look at the region") });
    for what in ["take", "questions", "flags"] {
        let refused = world.post(&path(action, what), &agent.token, &remark).await;
        assert_eq!(refused.refused(), "forbidden", "{what} by an agent");
    }
    let answers = path(action, "answers");
    let answer = json!({ "question": 0, "text": words("x") });
    let refused = world.post(&answers, &world.session, &answer).await;
    assert_eq!(refused.refused(), "unauthorised", "an answer by a person");
    let stranger = world.connect().await;
    let refused = world.post(&answers, &stranger.token, &answer).await;
    assert_eq!(refused.refused(), "unknown_action", "another agent's");

    for (what, text) in [
        ("blank", words(" \n")),
        ("no text", content(TEXT_TYPE, &[0xff])),
        ("another type", content("text/html", b"<b>x</b>")),
    ] {
        let refused = world
            .post(
                &path(action, "flags"),
                &world.session,
                &json!({ "text": text }),
            )
            .await;
        assert_eq!(refused.refused(), "bad_text", "{what}");
    }
    let long = json!({ "text": words(&"x".repeat(4097)) });
    let refused = world
        .post(&path(action, "flags"), &world.session, &long)
        .await;
    assert_eq!(refused.refused(), "wrong_parts");

    world.decide(&ack, Verdict::Approve, "").await;
    let flagged: Ack = world
        .post(&path(action, "flags"), &world.session, &remark)
        .await
        .json();
    assert_eq!(leaf(&flagged, 0).kind(), Kind::ActionFlagged);
    replays(world, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_takes_so_many_notes() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, _) = world.propose(&agent, &["deploy"]).await;
    let flags = path(propose.action, "flags");
    for number in 0..64 {
        let remark = json!({ "text": words(&format!("remark {number}")) });
        let _: Ack = world.post(&flags, &world.session, &remark).await.json();
    }
    let remark = json!({ "text": words("one more") });
    let refused = world.post(&flags, &world.session, &remark).await;
    assert_eq!(refused.refused(), "too_many_notes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_approved_redeemed_and_reported_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let propose = Propose {
        action: ActionId::from_random(support::random16()),
        context: None,
        payload: content(
            vidimus_protocol::action::PAYLOAD_TYPE,
            &sample_change().to_bytes(),
        ),
        run: None,
        ttl_s: None,
    };
    let ack: Ack = world
        .post("/v1/actions", &agent.token, &propose)
        .await
        .json();
    world.decide(&ack, Verdict::Approve, "").await;
    redeem(&world, &agent, &propose).await;
    let report =
        |outcome: Value| json!({ "outcome": outcome, "duration_ms": 5, "output_omitted": 0 });
    let outcome = path(propose.action, "outcome");
    let exited = report(json!({ "exited": { "code": 0 } }));
    let refused = world.post(&outcome, &agent.token, &exited).await;
    assert_eq!(refused.refused(), "wrong_outcome");
    let why = report(json!({ "failed": { "why": "x".repeat(501) } }));
    let refused = world.post(&outcome, &agent.token, &why).await;
    assert_eq!(refused.refused(), "why_too_long");
    let done: Ack = world
        .post(&outcome, &agent.token, &report(json!({ "succeeded": {} })))
        .await
        .json();
    world.proven(&done);
    assert_eq!(
        world.status(&agent, propose.action).await["status"],
        "completed"
    );
    replays(world, folder.path()).await;
}

async fn redeem(world: &World, agent: &Held, propose: &Propose) {
    let permit: Value = world.permit(agent, propose.action).await.json();
    let body = json!({ "permit": permit["permit"], "action_digest": commit(&propose.payload) });
    let bundle: Ack = world
        .post(&path(propose.action, "redeem"), &agent.token, &body)
        .await
        .json();
    world.proven(&bundle);
}

/// The verifier's own rules over everything that was logged.
async fn replays(world: World, folder: &std::path::Path) {
    world.stop().await;
    let mut replay = Replay::new();
    for leaf in World::leaves(folder) {
        replay.push(leaf.as_bytes()).unwrap();
    }
}
