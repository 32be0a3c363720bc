//! Edit then approve: a changed action takes a pending one's place.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Forgery, Held, World, action, commit, content, leaf, proposal};
use vidimus_protocol::ActionId;
use vidimus_protocol::action::{Action, PAYLOAD_TYPE};
use vidimus_protocol::api::{Ack, Content, EditExtras, Propose, StartCeremony};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::trust::TrustFile;
use vidimus_verify::bundle::{self, Wanted};
use vidimus_verify::replay::Replay;

async fn sign(world: &World, start: &StartCeremony) -> support::Reply {
    world
        .act(Some(&world.session), start, &Forgery::default())
        .await
}

fn payload(argv: &[&str]) -> Content {
    content(PAYLOAD_TYPE, &action(argv).to_bytes())
}

/// The ack of an edit, of which the proposal is the second entry.
fn edited(reply: &support::Reply) -> (Ack, ActionId) {
    let view: Value = reply.json();
    assert_eq!(view["state"], "done");
    let ack: Ack = serde_json::from_value(view["ack"].clone()).unwrap();
    let Data::ActionProposed(data) = leaf(&ack, 1).data else {
        panic!("no proposal");
    };
    (ack, data.action)
}

/// The part of an ack that proposes.
fn proposal_of(ack: &Ack) -> Ack {
    Ack {
        parts: Vec::new(),
        checkpoint: ack.checkpoint.clone(),
        entries: vec![ack.entries[1].clone()],
    }
}

async fn payload_of(world: &World, agent: &Held, action: ActionId) -> support::Reply {
    let path = format!("/v1/actions/{action}/payload");
    world.get(&path, &agent.token).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_action_takes_the_place_and_runs_with_its_proof() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    let propose = Propose {
        run: "nightly-42".parse().ok(),
        ttl_s: Some(600),
        ..proposal(&["deploy", "--force"])
    };
    let proposed: Ack = world
        .post("/v1/actions", &agent.token, &propose)
        .await
        .json();
    let new = payload(&["deploy", "--dry-run"]);
    let before = World::leaves(dir.path()).len();
    let (ack, to) = edited(&sign(&world, &world.edit(&proposed, new.clone()).await).await);
    world.proven(&ack);
    // The edit, the new proposal and the old one's end: one commit.
    assert_eq!(ack.entries.len(), 3);
    assert_eq!(World::leaves(dir.path()).len(), before + 3);
    let times = [0, 1, 2].map(|at| leaf(&ack, at).time);
    assert!(times.iter().all(|time| *time == times[0]));

    let old = world.status(&agent, propose.action).await;
    assert_eq!(old["status"], "superseded");
    assert_eq!(old["superseded_by"], to.to_string());
    let view = world.status(&agent, to).await;
    assert_eq!(view["status"], "pending");
    assert_eq!(view["edits"], propose.action.to_string());
    let Data::ActionProposed(data) = leaf(&ack, 1).data else {
        panic!("no proposal");
    };
    assert_eq!(data.run, propose.run);
    assert_eq!(data.evaluation.ttl_s, 600);

    // Its agent reads what it is to do, and nobody else's agent does.
    let read: Content = payload_of(&world, &agent, to).await.json();
    assert_eq!(read, new);
    let own: Content = payload_of(&world, &agent, propose.action).await.json();
    assert_eq!(own, propose.payload);
    let stranger = world.connect().await;
    let refused = payload_of(&world, &stranger, to).await;
    assert_eq!(refused.refused(), "unknown_action");
    let path = format!("/v1/actions/{to}/payload");
    assert_eq!(world.get(&path, &world.session).await.status, 401);

    // The old one is not approved any more; the new one is, by its own digest.
    let late = world.draft(&proposed, Verdict::Approve, "").await;
    let late = world
        .act(Some(&world.session), &late.start(), &Forgery::default())
        .await;
    assert_eq!(late.refused(), "not_pending");
    world.decide(&proposal_of(&ack), Verdict::Approve, "").await;
    let permit: Value = world.permit(&agent, to).await.json();
    let redeem =
        |payload: &Content| json!({ "permit": permit["permit"], "action_digest": commit(payload) });
    let path = format!("/v1/actions/{to}/redeem");
    let refused = world
        .post(&path, &agent.token, &redeem(&propose.payload))
        .await;
    assert_eq!(refused.refused(), "wrong_digest");
    let bundle: Ack = world.post(&path, &agent.token, &redeem(&new)).await.json();
    let released = leaf(&bundle, bundle.entries.len() - 1);
    let Data::PermitRedeemed(redeemed) = released.data else {
        panic!("no redemption");
    };
    let content = Action::parse(&new.bytes.0).unwrap();
    let wanted = Wanted {
        action: to,
        action_digest: commit(&new),
        content: &content,
        permit: redeemed.permit,
        newest: None,
    };
    bundle::check(&bundle, &TrustFile::new(world.log), &wanted).unwrap();

    world.stop().await;
    let mut replay = Replay::new();
    for leaf in World::leaves(dir.path()) {
        replay.push(leaf.as_bytes()).unwrap();
    }
}

/// The edit was begun while a verdict was being signed, and the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_a_verdict_exclude_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    for edit_first in [true, false] {
        let (_, proposed) = world.propose(&agent, &["deploy", "--force"]).await;
        let edit = world.edit(&proposed, payload(&["deploy"])).await;
        let verdict = world.draft(&proposed, Verdict::Approve, "").await.start();
        let [first, second] = if edit_first {
            [&edit, &verdict]
        } else {
            [&verdict, &edit]
        };
        let mut prompts = Vec::new();
        for start in [first, second] {
            let prompt = world.begin(Some(&world.session), start).await;
            prompts.push(prompt.unwrap_or_else(|refused| panic!("{}", refused.refused())));
        }
        let mut answers = Vec::new();
        for (prompt, start) in prompts.iter().zip([first, second]) {
            let answer = world.answer(&world.key, start, &Forgery::default()).await;
            let path = format!("{prompt}/assertion");
            answers.push(world.call(Method::POST, &path, None, Some(&answer)).await);
        }
        answers[0].json::<Value>();
        assert_eq!(
            answers[1].refused(),
            "not_pending",
            "edit first: {edit_first}"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_edit_is_refused_before_the_key_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    let (propose, proposed) = world.propose(&agent, &["deploy", "--force"]).await;
    let mut elsewhere = action(&["deploy"]);
    elsewhere.target.system = "other".into();
    let cases = [
        ("nothing changed", propose.payload.clone()),
        ("another program", payload(&["rm", "--force"])),
        ("no action", content(PAYLOAD_TYPE, b"{}")),
        ("elsewhere", content(PAYLOAD_TYPE, &elsewhere.to_bytes())),
        (
            "another kind",
            content(
                PAYLOAD_TYPE,
                &vidimus_verify::testkit::sample_change().to_bytes(),
            ),
        ),
    ];
    for (what, payload) in cases {
        let start = world.edit(&proposed, payload.clone()).await;
        assert_eq!(sign(&world, &start).await.refused(), "bad_edit", "{what}");
    }
    let mut other = world.edit(&proposed, payload(&["deploy"])).await;
    other.edit = Some(EditExtras {
        payload: payload(&["deploy", "--now"]),
    });
    assert_eq!(sign(&world, &other).await.refused(), "wrong_digest");
    other.edit = None;
    assert_eq!(sign(&world, &other).await.refused(), "malformed");
    // Its commit is right, and no proposal could hold it.
    let bytes = action(&["deploy"]).to_bytes();
    let typeless = content("application/octet-stream", &bytes);
    let start = world.edit(&proposed, typeless).await;
    let refused = world.begin(Some(&world.session), &start).await;
    assert_eq!(refused.unwrap_err().refused(), "wrong_parts");
    // Nothing of it was logged, and it still waits.
    let view = world.status(&agent, propose.action).await;
    assert_eq!(view["status"], "pending");

    // The page says what is changed.
    let start = world
        .edit(&proposed, payload(&["deploy", "--dry-run"]))
        .await;
    let prompt = world
        .begin(Some(&world.session), &start)
        .await
        .unwrap_or_else(|refused| panic!("{}", refused.refused()));
    let page: Value = world
        .call(Method::GET, &format!("{prompt}/page"), None, None)
        .await
        .json();
    let text = page["statement"].to_string();
    for words in ["argument 1", "--force", "--dry-run", "decided anew"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_withdraws_what_it_does_not_want() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let agent = world.connect().await;
    let (propose, proposed) = world.propose(&agent, &["deploy", "--force"]).await;
    let start = world.edit(&proposed, payload(&["deploy"])).await;
    let (_, to) = edited(&sign(&world, &start).await);
    for (action, code) in [(propose.action, Some("not_pending")), (to, None)] {
        let path = format!("/v1/actions/{action}/withdraw");
        let reply = world
            .call(Method::POST, &path, Some(&agent.token), None)
            .await;
        match code {
            Some(code) => assert_eq!(reply.refused(), code),
            None => drop(reply.json::<Ack>()),
        }
    }
    assert_eq!(world.status(&agent, to).await["status"], "withdrawn");
    world.stop().await;
}
