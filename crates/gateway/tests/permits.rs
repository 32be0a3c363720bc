//! A permit releases one thing, once, to its agent.
#![allow(clippy::unwrap_used)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{World, commit, content, random32};
use vidimus_protocol::api::{Ack, Propose};
use vidimus_protocol::envelope::Verdict;

async fn approved(world: &World, agent: &support::Held) -> (Propose, Value) {
    let (propose, ack) = world.propose(agent, &["deploy"]).await;
    world.decide(&ack, Verdict::Approve, "").await;
    let permit: Value = world.permit(agent, propose.action).await.json();
    (propose, permit["permit"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_runs_one_thing_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, permit) = approved(&world, &agent).await;
    let (other, other_permit) = approved(&world, &agent).await;
    let redeem = |propose: &Propose, permit: &Value| {
        (
            format!("/v1/actions/{}/redeem", propose.action),
            json!({ "permit": permit, "action_digest": commit(&propose.payload) }),
        )
    };
    // While a permit is in force, asking again gives the same one.
    let same: Value = world.permit(&agent, propose.action).await.json();
    assert_eq!(same["permit"], permit);

    let (path, good) = redeem(&propose, &permit);
    let refused = [
        (
            "other bytes",
            json!({ "permit": permit, "action_digest": random32() }),
            "wrong_digest",
        ),
        (
            "another action's permit",
            json!({ "permit": other_permit, "action_digest": good["action_digest"] }),
            "bad_permit",
        ),
        (
            "a torn permit",
            json!({ "permit": &permit.as_str().unwrap()[..40], "action_digest": good["action_digest"] }),
            "bad_permit",
        ),
        (
            "a changed signature",
            json!({ "permit": format!("{}AAAA", &permit.as_str().unwrap()[..permit.as_str().unwrap().len() - 4]), "action_digest": good["action_digest"] }),
            "bad_permit",
        ),
    ];
    for (what, body, code) in refused {
        assert_eq!(
            world.post(&path, &agent.token, &body).await.refused(),
            code,
            "{what}"
        );
    }
    // Another agent's token does not even see the action.
    let stranger = world.connect().await;
    let outcome =
        json!({ "outcome": { "exited": { "code": 0 } }, "duration_ms": 1, "output_omitted": 0 });
    let nothing = json!({});
    for (verb, body) in [
        ("redeem", &good),
        ("permit", &nothing),
        ("withdraw", &nothing),
        ("outcome", &outcome),
    ] {
        let path = format!("/v1/actions/{}/{verb}", propose.action);
        let refused = world.post(&path, &stranger.token, body).await.refused();
        assert_eq!(refused, "unknown_action", "{verb}");
    }
    let path_of_view = format!("/v1/actions/{}", propose.action);
    assert_eq!(
        world.get(&path_of_view, &stranger.token).await.refused(),
        "unknown_action"
    );

    let bundle: Ack = world.post(&path, &agent.token, &good).await.json();
    assert_eq!(bundle.entries.len(), 8);
    assert_eq!(
        world.post(&path, &agent.token, &good).await.refused(),
        "permit_not_in_force"
    );
    assert_eq!(
        world.permit(&agent, propose.action).await.refused(),
        "permit_exists"
    );
    let withdraw = format!("/v1/actions/{}/withdraw", propose.action);
    assert_eq!(
        world
            .call(Method::POST, &withdraw, Some(&agent.token), None)
            .await
            .refused(),
        "not_pending"
    );

    // An outcome needs a redemption, and is told once.
    let report =
        json!({ "duration_ms": 1, "outcome": { "exited": { "code": 0 } }, "output_omitted": 0 });
    let early = format!("/v1/actions/{}/outcome", other.action);
    assert_eq!(
        world.post(&early, &agent.token, &report).await.refused(),
        "not_running"
    );
    let path = format!("/v1/actions/{}/outcome", propose.action);
    let long = json!({ "failed_to_start": { "why": "x".repeat(501) } });
    let typed = content("text/html", b"<b>done</b>");
    for (what, field, value, code) in [
        ("a long why", "outcome", long, "why_too_long"),
        (
            "output of another type",
            "output",
            serde_json::to_value(typed).unwrap(),
            "wrong_parts",
        ),
    ] {
        let mut wrong = report.clone();
        wrong[field] = value;
        let refused = world.post(&path, &agent.token, &wrong).await.refused();
        assert_eq!(refused, code, "{what}");
    }
    let _: Ack = world.post(&path, &agent.token, &report).await.json();
    let changed =
        json!({ "duration_ms": 1, "outcome": { "exited": { "code": 1 } }, "output_omitted": 0 });
    let mut slower = report.clone();
    slower["duration_ms"] = json!(2);
    assert_eq!(
        world.post(&path, &agent.token, &slower).await.refused(),
        "not_running"
    );
    assert_eq!(
        world.post(&path, &agent.token, &changed).await.refused(),
        "not_running"
    );
    world.stop().await;
}
