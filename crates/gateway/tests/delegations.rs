//! Delegations at a real gateway: whose approval counts for what, and what an
//! executor is shown of it.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/people.rs"]
mod people;
#[path = "support/policies.rs"]
mod policies;
mod support;

use people::{Person, ack, act, founded, hash, joined, outsider, swap};
use policies::{in_force, proves, redeemed, redemption, status, verdict_by};
use support::{Reply, World, now};
use vidimus_protocol::DelegationId;
use vidimus_protocol::api::Ack;
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::{
    ActType, DelegationItem, DelegationRevocationItem, Role, Verdict,
};
use vidimus_verify::bundle::BundleError;

/// Everybody who joins is in `sre`, but for outsiders.
const POLICY: &str = r#"
@id("anything") @people("1 from sre")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("sre") permit (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource);
"#;

fn to(person: &Person, number: u8, groups: &[&str]) -> DelegationItem {
    DelegationItem {
        delegation: DelegationId::from_random([number; 16]),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        to: person.reviewer,
        until: now().plus_seconds(3600),
    }
}

async fn lend(world: &mut World, by: &mut Person, item: &DelegationItem) -> Ack {
    swap(world, by);
    let ack = ack(&act(world, ActType::DelegationGiven, item).await);
    world.proven(&ack);
    swap(world, by);
    ack
}

async fn revoke(world: &World, lent: &Ack) -> Reply {
    let Data::DelegationGiven(data) = support::leaf(lent, 0).data else {
        panic!("no delegation");
    };
    let item = DelegationRevocationItem {
        delegation: data.signed.item.delegation,
        given: hash(lent, 0),
    };
    act(world, ActType::DelegationRevoked, &item).await
}

#[tokio::test]
async fn who_was_lent_a_group_decides_with_it_and_the_executor_sees_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = outsider(&mut world, "Cleo").await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;

    let (propose, proposed) = world.propose(&agent, &["deploy"]).await;
    let yes = Verdict::Approve;
    let refused = verdict_by(&mut world, &mut cleo, &proposed, yes, "").await;
    assert_eq!(refused.refused(), "not_permitted");
    let lent = lend(&mut world, &mut ben, &to(&cleo, 1, &["sre"])).await;
    verdict_by(&mut world, &mut cleo, &proposed, yes, "").await;
    assert_eq!(status(&world, &agent, &propose).await, "approved");
    let bundle = redeemed(&world, &agent, &propose).await;
    let report = proves(&world, &propose, &bundle).unwrap();
    assert_eq!(report.reviewers[0].name, "Cleo");
    // Whoever leaves the delegation out proves nothing.
    let mut less = bundle.clone();
    less.entries
        .retain(|entry| entry.index != lent.entries[0].index);
    assert_eq!(less.entries.len(), bundle.entries.len() - 1);
    let error = proves(&world, &propose, &less).unwrap_err();
    assert!(!matches!(error, BundleError::Checkpoint(_)), "{error}");

    // Approved and not started: whoever is back takes that back too.
    let (waits, proposed) = world.propose(&agent, &["deploy", "again"]).await;
    verdict_by(&mut world, &mut cleo, &proposed, yes, "").await;
    assert_eq!(status(&world, &agent, &waits).await, "approved");
    swap(&mut world, &mut ben);
    world.proven(&ack(&revoke(&world, &lent).await));
    swap(&mut world, &mut ben);
    let refused = redemption(&world, &agent, &waits).await;
    assert_eq!(refused.refused(), "no_quorum");
    let (_, proposed) = world.propose(&agent, &["deploy", "later"]).await;
    let refused = verdict_by(&mut world, &mut cleo, &proposed, yes, "").await;
    assert_eq!(refused.refused(), "not_permitted");
    world.stop().await;
}

/// What Cleo did with a group of her own is proven with it too, when the loan of
/// another was over before the permit was used.
#[tokio::test]
async fn what_was_lent_and_has_been_revoked_is_proven_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    let policy = format!(
        "{POLICY}\n@id(\"named\") permit (principal, action == Vidimus::Action::\"decide\", resource) \
         when {{ principal.name == \"Cleo\" }};"
    );
    in_force(&world, &policy).await;
    let agent = world.connect().await;
    let lent = lend(&mut world, &mut ben, &to(&cleo, 1, &["sre"])).await;
    let (propose, proposed) = world.propose(&agent, &["deploy"]).await;
    verdict_by(&mut world, &mut cleo, &proposed, Verdict::Approve, "").await;
    // By an administrator.
    let revoked = ack(&revoke(&world, &lent).await);
    let bundle = redeemed(&world, &agent, &propose).await;
    let has = |index: u64| bundle.entries.iter().any(|entry| entry.index == index);
    assert!(has(lent.entries[0].index) && has(revoked.entries[0].index));
    proves(&world, &propose, &bundle).unwrap();
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_ones_own_is_lent_by_nobody_and_strangers_end_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let cleo = outsider(&mut world, "Cleo").await;
    let mut dan = outsider(&mut world, "Dan").await;
    swap(&mut world, &mut ben);
    for (item, code) in [
        (to(&cleo, 1, &["dba"]), "bad_delegation"),
        (to(&cleo, 1, &[]), "bad_delegation"),
        (
            DelegationItem {
                until: now(),
                ..to(&cleo, 1, &["sre"])
            },
            "bad_delegation",
        ),
    ] {
        let start = world.one(ActType::DelegationGiven, &item).await;
        let refused = world.begin(Some(&world.session), &start).await.unwrap_err();
        assert_eq!(refused.refused(), code, "{item:?}");
    }
    swap(&mut world, &mut ben);
    let lent = lend(&mut world, &mut ben, &to(&cleo, 1, &["sre"])).await;
    swap(&mut world, &mut ben);
    let twice = to(&dan, 2, &["sre"]);
    let start = world.one(ActType::DelegationGiven, &twice).await;
    let refused = world.begin(Some(&world.session), &start).await.unwrap_err();
    assert_eq!(refused.refused(), "delegated_already");
    swap(&mut world, &mut ben);
    swap(&mut world, &mut dan);
    assert_eq!(revoke(&world, &lent).await.refused(), "not_allowed");
    swap(&mut world, &mut dan);
    // The founder administers.
    world.proven(&ack(&revoke(&world, &lent).await));
    assert_eq!(revoke(&world, &lent).await.refused(), "delegation_is_over");
    world.stop().await;
}
