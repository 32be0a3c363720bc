//! Policies at a real gateway: who brings one in force, what it then asks for.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/people.rs"]
mod people;
#[path = "support/policies.rs"]
mod policies;
mod support;

use people::{ack, founded, joined, swap};
use policies::{change, change_to, in_force, proves, redeemed, sign, status, text, verdict_by};
use support::{Held, World, content};
use vidimus_protocol::action::{Action, Change, PAYLOAD_TYPE, POLICY_TYPE, Payload, Target};
use vidimus_protocol::api::{Ack, PolicyExtras, Propose, StartCeremony};
use vidimus_protocol::entry::{Data, Decision, Evaluation};
use vidimus_protocol::envelope::{Role, Verdict};
use vidimus_protocol::id::ActionId;

const BOTH: &[Role] = &[Role::Administrator, Role::Reviewer];

const POLICY: &str = r#"
@id("anything") permit (principal, action == Vidimus::Action::"propose", resource);
@id("production") @people("1 from sre") @reason("required") @ttl("5m")
permit (principal, action == Vidimus::Action::"propose", resource in Vidimus::Environment::"production");
@id("reads") @why("Reading hurts nobody.")
permit (principal, action == Vidimus::Action::"release", resource)
when { context has json && context.json.operation == "read" };
@id("never") @why("The vault stays shut.")
forbid (principal, action == Vidimus::Action::"propose", resource in Vidimus::System::"vault");
@id("reviewers") permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer && principal.name != "Cleo" };
"#;

/// A change in JSON that an agent proposes.
async fn proposed(
    world: &World,
    agent: &Held,
    operation: &str,
    target: [&str; 2],
) -> (Propose, Ack) {
    let action = Action {
        payload: Payload::Json(Box::new(Change {
            after: Some(true.into()),
            before: None,
            operation: operation.into(),
        })),
        target: Target {
            environment: target[0].into(),
            resource: "r".into(),
            system: target[1].into(),
        },
    };
    let propose = Propose {
        action: ActionId::from_random(support::random16()),
        context: None,
        payload: content(PAYLOAD_TYPE, &action.to_bytes()),
        run: None,
        ttl_s: None,
    };
    let reply = world.post("/v1/actions", &agent.token, &propose).await;
    let ack: Ack = reply.json();
    world.proven(&ack);
    (propose, ack)
}

fn evaluation(ack: &Ack) -> Evaluation {
    match support::leaf(ack, 0).data {
        Data::ActionProposed(data) => data.evaluation,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_policy_says_what_each_action_needs() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;

    let (vault, refused) = proposed(&world, &agent, "open", ["production", "vault"]).await;
    let said = evaluation(&refused);
    assert_eq!(said.decision, Decision::Refuse);
    assert!(
        said.reasons[0].contains("The vault stays shut."),
        "{said:?}"
    );
    assert_eq!(status(&world, &agent, &vault).await, "refused");

    let (read, released) = proposed(&world, &agent, "read", ["production", "db"]).await;
    assert_eq!(evaluation(&released).decision, Decision::Release);
    assert_eq!(status(&world, &agent, &read).await, "approved");
    let bundle = redeemed(&world, &agent, &read).await;
    let proven = proves(&world, &read, &bundle);
    assert!(proven.unwrap().reviewers.is_empty());
    let bare = Ack {
        parts: Vec::new(),
        ..bundle
    };
    assert!(proves(&world, &read, &bare).is_err());

    let (write, asked) = proposed(&world, &agent, "write", ["production", "db"]).await;
    let said = evaluation(&asked);
    assert_eq!(
        (said.decision, said.quorum, said.ttl_s),
        (Decision::Ask, 1, 300)
    );
    assert_eq!(said.groups[0].group, "sre");
    assert!(said.policy.starts_with("policy/"), "{said:?}");
    let nobody = verdict_by(&mut world, &mut cleo, &asked, Verdict::Approve, "because").await;
    assert_eq!(nobody.refused(), "not_permitted");
    assert_eq!(
        verdict_by(&mut world, &mut ben, &asked, Verdict::Approve, "")
            .await
            .refused(),
        "reason_missing"
    );
    let approved = verdict_by(&mut world, &mut ben, &asked, Verdict::Approve, "because").await;
    let approved = ack(&approved);
    match support::leaf(&approved, 0).data {
        Data::VerdictGiven(data) => assert_eq!(data.policies, ["reviewers"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(status(&world, &agent, &write).await, "approved");
    let bundle = redeemed(&world, &agent, &write).await;
    let proven = proves(&world, &write, &bundle).unwrap();
    assert_eq!(proven.reviewers[0].name, "Ben");
    world.stop().await;
}

#[tokio::test]
async fn whoever_may_not_approve_may_deny() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (write, asked) = proposed(&world, &agent, "write", ["staging", "db"]).await;
    swap(&mut world, &mut cleo);
    world.decide(&asked, Verdict::Deny, "no").await;
    assert_eq!(status(&world, &agent, &write).await, "denied");
    world.stop().await;
}

#[tokio::test]
async fn two_administrators_bring_a_policy_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", BOTH).await;
    let first = change(&world, POLICY, world.log).await;
    let extras = first.policy.clone().unwrap();
    ack(&sign(&world, &first).await);
    let agent = world.connect().await;
    let (_, asked) = proposed(&world, &agent, "read", ["a", "b"]).await;
    assert_eq!(evaluation(&asked).policy, "builtin/team/1");
    let again = change_to(&world, extras.clone(), world.log).await;
    assert_eq!(sign(&world, &again).await.refused(), "decided_already");
    swap(&mut world, &mut ben);
    let second = change_to(&world, extras, world.log).await;
    let active = ack(&sign(&world, &second).await);
    swap(&mut world, &mut ben);
    let (_, asked) = proposed(&world, &agent, "read", ["a", "b"]).await;
    let said = evaluation(&asked);
    assert_eq!(said.policy, format!("policy/{}", active.entries[0].index));
    // What it replaced is no base any more.
    let stale = change(&world, POLICY, world.log).await;
    assert_eq!(sign(&world, &stale).await.refused(), "overtaken");
    world.stop().await;
}

#[tokio::test]
async fn a_policy_that_is_wrong_gets_no_key_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let wrong = change(&world, "permit (principal, action, resource);", world.log).await;
    let refused = world.begin(Some(&world.session), &wrong).await.unwrap_err();
    assert_eq!(refused.refused(), "bad_policy");
    let said = String::from_utf8(refused.body).unwrap();
    assert!(said.contains("policy.cedar:1:1"), "{said}");
    // Cedar would end the whole process over it.
    let (open, close) = ("(".repeat(20_000), ")".repeat(20_000));
    let deep = POLICY.replace(
        "principal.reviewer",
        &format!("{open}principal.reviewer{close}"),
    );
    let deep = change(&world, &deep, world.log).await;
    let refused = world.begin(Some(&world.session), &deep).await.unwrap_err();
    assert_eq!(refused.refused(), "bad_policy");
    let said = String::from_utf8(refused.body).unwrap();
    assert!(said.contains("split the policy"), "{said}");
    let mut other = change(&world, POLICY, world.log).await;
    other.policy = Some(PolicyExtras {
        policy: content(POLICY_TYPE, &text("// nothing").to_bytes()),
    });
    let refused = world.begin(Some(&world.session), &other).await.unwrap_err();
    assert_eq!(refused.refused(), "wrong_digest");
    let none = StartCeremony {
        policy: None,
        ..change(&world, POLICY, world.log).await
    };
    let refused = world.begin(Some(&world.session), &none).await.unwrap_err();
    assert_eq!(refused.refused(), "malformed");
    swap(&mut world, &mut ben);
    let not_his = change(&world, POLICY, world.log).await;
    assert_eq!(sign(&world, &not_his).await.refused(), "not_allowed");
    // Nor is it read.
    let refused = world.begin(Some(&world.session), &wrong).await;
    assert_ne!(refused.unwrap_err().refused(), "bad_policy");
    let not_his = change(&world, "permit (principal, action, resource);", world.log).await;
    let refused = world.begin(Some(&world.session), &not_his).await;
    assert_eq!(refused.unwrap_err().refused(), "not_allowed");
    world.stop().await;
}

#[tokio::test]
async fn what_the_engine_cannot_ask_for_is_a_refusal_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let group = |at| {
        format!(
            r#"@id("g{at}") @people("3 from g{at}") permit (principal, action == Vidimus::Action::"propose", resource);"#
        )
    };
    let groups: String = (0..6).map(group).collect();
    in_force(&world, &format!("{POLICY}{groups}")).await;
    let agent = world.connect().await;
    let (_, many) = proposed(&world, &agent, "write", ["staging", "db"]).await;
    assert_eq!(evaluation(&many).decision, Decision::Refuse);
    let why = &evaluation(&many).reasons[0];
    assert!(why.contains("18 people"), "{why}");
    let long = "x".repeat(600_000);
    let (_, long) = world.propose(&agent, &["echo", &long]).await;
    assert_eq!(evaluation(&long).decision, Decision::Refuse);
    let why = &evaluation(&long).reasons[0];
    assert!(why.contains("too long for the policy"), "{why}");
    world.stop().await;
}

#[tokio::test]
async fn a_policy_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (_, before) = proposed(&world, &agent, "write", ["production", "db"]).await;
    let mut world = world.restart(people::team(dir.path())).await;
    let (_, after) = proposed(&world, &agent, "write", ["production", "db"]).await;
    assert_eq!(evaluation(&before), evaluation(&after));
    // Its inputs were stored with it.
    ack(&verdict_by(&mut world, &mut ben, &before, Verdict::Approve, "because").await);
    world.stop().await;
}
