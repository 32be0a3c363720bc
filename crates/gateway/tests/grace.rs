//! Grace times at a real gateway: what was approved runs later, or not at all.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/people.rs"]
mod people;
#[path = "support/policies.rs"]
mod policies;
mod support;

use std::time::Duration;

use people::{ack, founded, joined};
use policies::{in_force, proves, redeemed, status, verdict_by};
use vidimus_protocol::Time;
use vidimus_protocol::envelope::{Role, Verdict};

const POLICY: &str = r#"
@id("slow") @grace("3s") permit (principal, action == Vidimus::Action::"propose", resource)
unless { context has command && context.command.args.contains("db") };
@id("two") @people("2") @veto("2") @grace("1h")
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.args.contains("db") };
@id("reviewers") permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer };
"#;

#[tokio::test]
async fn what_was_approved_runs_when_its_grace_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (deploy, asked) = world.propose(&agent, &["deploy", "web"]).await;
    let view = world.status(&agent, deploy.action).await;
    assert!(view.get("starts_at").is_none());

    let approved = verdict_by(&mut world, &mut ben, &asked, Verdict::Approve, "").await;
    let approved = ack(&approved);
    world.proven(&approved);
    let given = support::leaf(&approved, 0).time;
    let view = world.status(&agent, deploy.action).await;
    assert_eq!(view["status"], "pending");
    let starts_at: Time = view["starts_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(starts_at, given.plus_seconds(3));
    assert_eq!(
        world.permit(&agent, deploy.action).await.refused(),
        "not_approved"
    );
    // Nobody prolongs it.
    let again = verdict_by(&mut world, &mut cleo, &asked, Verdict::Approve, "").await;
    assert_eq!(again.refused(), "approved_enough");

    let mut waited = 0;
    while status(&world, &agent, &deploy).await == "pending" {
        tokio::time::sleep(Duration::from_millis(200)).await;
        waited += 1;
        assert!(waited < 150, "it starts by itself");
    }
    assert!(support::now() >= starts_at);
    let bundle = redeemed(&world, &agent, &deploy).await;
    let report = proves(&world, &deploy, &bundle).unwrap();
    assert_eq!(report.reviewers.len(), 1);
    assert_eq!(report.reviewers[0].name, "Ben");
    world.stop().await;
}

#[tokio::test]
async fn whoever_approved_it_takes_that_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (deploy, asked) = world.propose(&agent, &["deploy", "web"]).await;
    ack(&verdict_by(&mut world, &mut ben, &asked, Verdict::Approve, "").await);
    let denied = verdict_by(&mut world, &mut ben, &asked, Verdict::Deny, "the wrong tag").await;
    world.proven(&ack(&denied));
    let view = world.status(&agent, deploy.action).await;
    assert_eq!(view["status"], "denied");
    assert!(view.get("starts_at").is_none());

    // Of two that were needed one is left, and it stands for good.
    let (_, asked) = world.propose(&agent, &["migrate", "db"]).await;
    ack(&verdict_by(&mut world, &mut ben, &asked, Verdict::Approve, "").await);
    ack(&verdict_by(&mut world, &mut ben, &asked, Verdict::Deny, "not tonight").await);
    let again = verdict_by(&mut world, &mut ben, &asked, Verdict::Approve, "").await;
    assert_eq!(again.refused(), "decided_already");
    ack(&verdict_by(&mut world, &mut cleo, &asked, Verdict::Approve, "").await);
    world.stop().await;
}

#[tokio::test]
async fn what_waits_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (deploy, asked) = world.propose(&agent, &["deploy", "web"]).await;
    ack(&verdict_by(&mut world, &mut ben, &asked, Verdict::Approve, "").await);
    let world = world.restart(people::team(dir.path())).await;
    let mut waited = 0;
    while status(&world, &agent, &deploy).await == "pending" {
        tokio::time::sleep(Duration::from_millis(200)).await;
        waited += 1;
        assert!(waited < 150, "it starts by itself");
    }
    assert_eq!(status(&world, &agent, &deploy).await, "approved");
    world.stop().await;
}
