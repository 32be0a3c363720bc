//! Break-glass at a real gateway: one person lets it run, and others are told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/people.rs"]
mod people;
#[path = "support/policies.rs"]
mod policies;
mod support;

use people::{Person, ack, founded, joined, joined_bound, swap};
use policies::{in_force, proves, redeemed, sign, status, verdict_by};
use support::{Reply, World, commit, content};
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{Ack, ReviewExtras, StartCeremony};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::{ActType, Finding, ReviewItem, Role, Verdict};

const POLICY: &str = r#"
@id("two") @people("2") @break_glass("allowed")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("never") @people("2") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.args.contains("db") };
@id("reviewers") permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer && principal.name != "Cleo" };
"#;

const WHY: &str = "Checkout is down, and nobody else answers.";

/// Whoever is here says what is to be thought of the verdict in `broken`.
async fn review(world: &World, broken: &Ack, reason: &str) -> StartCeremony {
    let Data::VerdictGiven(given) = support::leaf(broken, 0).data else {
        panic!("no verdict");
    };
    let reason = content(TEXT_TYPE, reason.as_bytes());
    let item = ReviewItem {
        action: given.signed.item.action,
        finding: Finding::Justified,
        reason_commit: commit(&reason),
        verdict: people::hash(broken, 0),
    };
    StartCeremony {
        review: Some(ReviewExtras { reason }),
        ..world.one(ActType::VerdictReviewed, &item).await
    }
}

async fn reviewed(world: &World, broken: &Ack, reason: &str) -> Reply {
    sign(world, &review(world, broken, reason).await).await
}

/// Before anybody was asked for a key.
async fn stopped(world: &World, start: &StartCeremony) -> String {
    let reply = world.begin(Some(&world.session), start).await.unwrap_err();
    reply.refused()
}

async fn broken(world: &mut World, person: &mut Person, ack: &Ack, why: &str) -> Reply {
    verdict_by(world, person, ack, Verdict::BreakGlass, why).await
}

async fn metric(world: &World, name: &str) -> String {
    let url = format!("{}/metrics", world.gateway.url());
    let text = world.http.get(url).send().await.unwrap();
    let text = text.text().await.unwrap();
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with(name)).unwrap();
    line.rsplit_once(' ').unwrap().1.to_owned()
}

#[tokio::test]
async fn one_person_lets_it_run_and_an_administrator_reviews_that() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined_bound(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (deploy, asked) = world.propose(&agent, &["deploy", "web"]).await;

    // Who may not approve it does not break glass for it either.
    let refused = broken(&mut world, &mut cleo, &asked, WHY).await;
    assert_eq!(refused.refused(), "not_permitted");
    // Dan's key may leave its device.
    let mut dan = joined(&mut world, "Dan", &[Role::Reviewer]).await;
    let refused = broken(&mut world, &mut dan, &asked, WHY).await;
    assert_eq!(refused.refused(), "key_not_assured");
    let refused = broken(&mut world, &mut ben, &asked, "it is urgent").await;
    assert_eq!(refused.refused(), "reason_missing");
    // One of two had approved it.
    ack(&verdict_by(&mut world, &mut ben, &asked, Verdict::Approve, "").await);
    assert_eq!(status(&world, &agent, &deploy).await, "pending");
    let glass = broken(&mut world, &mut ben, &asked, WHY).await;
    let glass = ack(&glass);
    world.proven(&glass);
    assert_eq!(status(&world, &agent, &deploy).await, "approved");
    // An executor with a trust file takes it, by the policy's word alone.
    let bundle = redeemed(&world, &agent, &deploy).await;
    let report = proves(&world, &deploy, &bundle).unwrap();
    assert_eq!(report.reviewers.len(), 1);
    assert_eq!(report.reviewers[0].name, "Ben");
    let less = Ack {
        parts: Vec::new(),
        ..bundle
    };
    proves(&world, &deploy, &less).unwrap_err();

    // Open until somebody else has looked at it, also after a restart.
    let mut world = world.restart(people::team(dir.path())).await;
    assert_eq!(metric(&world, "vidimus_broken_glass_unreviewed").await, "1");
    swap(&mut world, &mut ben);
    let own = review(&world, &glass, "It was me.").await;
    assert_eq!(stopped(&world, &own).await, "not_allowed");
    swap(&mut world, &mut ben);
    let silent = reviewed(&world, &glass, "").await;
    assert_eq!(silent.refused(), "reason_missing");
    world.proven(&ack(&reviewed(&world, &glass, "The pager was right.").await));
    assert_eq!(metric(&world, "vidimus_broken_glass_unreviewed").await, "0");
    let twice = review(&world, &glass, "Once more.").await;
    assert_eq!(stopped(&world, &twice).await, "overtaken");
    world.stop().await;
}

#[tokio::test]
async fn glass_stays_where_the_policy_does_not_let_anybody() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined_bound(&mut world, "Ben", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (database, asked) = world.propose(&agent, &["deploy", "db"]).await;
    let refused = broken(&mut world, &mut ben, &asked, WHY).await;
    assert_eq!(refused.refused(), "glass_stays");
    assert_eq!(status(&world, &agent, &database).await, "pending");
    for number in 0..3 {
        let (_, asked) = world
            .propose(&agent, &["deploy", &number.to_string()])
            .await;
        ack(&broken(&mut world, &mut ben, &asked, WHY).await);
    }
    let (_, fourth) = world.propose(&agent, &["deploy", "web"]).await;
    let refused = broken(&mut world, &mut ben, &fourth, WHY).await;
    assert_eq!(refused.refused(), "too_many_unreviewed");
    world.stop().await;
}

#[tokio::test]
async fn what_is_reviewed_in_full_is_approved_by_who_saw_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined_bound(&mut world, "Ben", &[Role::Reviewer]).await;
    let policy = POLICY.replace("@id(\"two\")", "@id(\"two\") @review(\"full\")");
    in_force(&world, &policy).await;
    let agent = world.connect().await;
    let (deploy, asked) = world.propose(&agent, &["deploy", "web"]).await;
    for verdict in [Verdict::Approve, Verdict::BreakGlass] {
        let refused = verdict_by(&mut world, &mut ben, &asked, verdict, WHY).await;
        assert_eq!(refused.refused(), "not_seen_in_full");
    }
    swap(&mut world, &mut ben);
    let mut draft = world.draft(&asked, Verdict::BreakGlass, WHY).await;
    draft.extras.seen.full = true;
    world.proven(&ack(&sign(&world, &draft.seal().start()).await));
    swap(&mut world, &mut ben);
    assert_eq!(status(&world, &agent, &deploy).await, "approved");
    world.stop().await;
}

#[tokio::test]
async fn a_review_that_is_wrong_gets_no_key_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined_bound(&mut world, "Ben", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;
    let (_, asked) = world.propose(&agent, &["deploy", "web"]).await;
    let glass = ack(&broken(&mut world, &mut ben, &asked, WHY).await);
    let good = review(&world, &glass, "The pager was right.").await;
    let none = StartCeremony {
        review: None,
        ..good.clone()
    };
    assert_eq!(stopped(&world, &none).await, "malformed");
    let other = StartCeremony {
        review: Some(ReviewExtras {
            reason: content(TEXT_TYPE, b"Something else."),
        }),
        ..good
    };
    assert_eq!(stopped(&world, &other).await, "wrong_reason");
    world.stop().await;
}
