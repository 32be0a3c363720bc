//! Standing grants at a real gateway: what they approve, and what they do not.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/people.rs"]
mod people;
#[path = "support/policies.rs"]
mod policies;
mod support;

use people::{ack, founded, joined, swap};
use policies::{in_force, proves, redeemed, redemption, sign, status};
use support::{Held, World, commit, content};
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{Ack, Propose, StartCeremony, WriteNote};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::{ActType, GrantRevocationItem, Role, SeenPart, Verdict};
use vidimus_protocol::shape::{May, Place, SHAPE_TYPE, Shape};
use vidimus_verify::bundle::Consent;

const DEPLOY: &[&str] = &["deploy", "web", "v1"];

/// The third argument may be any short word.
fn any_version() -> Shape {
    Shape {
        free: vec![Place {
            at: "/payload/argv/2".into(),
            may: May::Word(8),
        }],
    }
}

async fn given(world: &World, like: &Ack, shape: &Shape, uses: u64) -> Ack {
    let start = world.grant(like, &shape.to_bytes(), uses).await;
    let ack = ack(&sign(world, &start).await);
    world.proven(&ack);
    ack
}

async fn proposed(world: &World, agent: &Held, argv: &[&str]) -> (Propose, Ack) {
    let propose = support::proposal(argv);
    let reply = world.post("/v1/actions", &agent.token, &propose).await;
    let ack: Ack = reply.json();
    world.proven(&ack);
    (propose, ack)
}

fn approved_by(ack: &Ack) -> usize {
    match support::leaf(ack, 0).data {
        Data::ActionProposed(data) => data.grants.len(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_grant_approves_what_it_covers_until_it_is_used_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let agent = world.connect().await;
    let (_, like) = proposed(&world, &agent, DEPLOY).await;
    swap(&mut world, &mut ben);
    given(&world, &like, &any_version(), 2).await;
    swap(&mut world, &mut ben);

    let (other, ack) = proposed(&world, &agent, &["deploy", "db", "v2"]).await;
    assert_eq!(approved_by(&ack), 0);
    assert_eq!(status(&world, &agent, &other).await, "pending");
    let (second, ack) = proposed(&world, &agent, &["deploy", "web", "v2"]).await;
    assert_eq!(approved_by(&ack), 1);
    assert_eq!(status(&world, &agent, &second).await, "approved");
    // An executor with a trust file sees why, and without the parts runs nothing.
    let bundle = redeemed(&world, &agent, &second).await;
    let report = proves(&world, &second, &bundle).unwrap();
    assert_eq!(report.reviewers[0].name, "Ben");
    for at in 0..bundle.parts.len() {
        let mut less = bundle.clone();
        less.parts.remove(at);
        proves(&world, &second, &less).unwrap_err();
    }
    assert_eq!(bundle.parts.len(), 2);

    // The last use, the same proposal again, and one too many.
    let (third, ack) = proposed(&world, &agent, &["deploy", "web", "v3"]).await;
    assert_eq!(approved_by(&ack), 1);
    let again: Ack = world.post("/v1/actions", &agent.token, &third).await.json();
    assert_eq!(again.entries[0].index, ack.entries[0].index);
    let (fourth, ack) = proposed(&world, &agent, &["deploy", "web", "v4"]).await;
    assert_eq!(approved_by(&ack), 0);
    assert_eq!(status(&world, &agent, &fourth).await, "pending");
    world.stop().await;
}

#[tokio::test]
async fn a_grant_of_who_saw_more_than_the_action_is_proven_with_that() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let agent = world.connect().await;
    let (seen, like) = proposed(&world, &agent, DEPLOY).await;
    swap(&mut world, &mut ben);
    let text = content(TEXT_TYPE, b"Why so late?");
    let path = format!("/v1/actions/{}/questions", seen.action);
    let note = WriteNote { text: text.clone() };
    let asked: Ack = world.post(&path, &world.session, &note).await.json();
    let note = SeenPart {
        commit: commit(&text),
        name: format!("question.{}", asked.entries[0].index),
    };
    let shape = Shape::default().to_bytes();
    let start = world.grant_beside(&like, &shape, 1, vec![note]).await;
    ack(&sign(&world, &start).await);
    swap(&mut world, &mut ben);
    let (second, _) = proposed(&world, &agent, DEPLOY).await;
    let bundle = redeemed(&world, &agent, &second).await;
    let report = proves(&world, &second, &bundle).unwrap();
    assert_eq!(report.reviewers[0].consent, Consent::InAdvance);
    world.stop().await;
}

#[tokio::test]
async fn a_grant_outlives_a_restart_and_ends_with_the_first_word_against_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let agent = world.connect().await;
    let (_, like) = proposed(&world, &agent, DEPLOY).await;
    swap(&mut world, &mut ben);
    let grant = given(&world, &like, &Shape::default(), 5).await;
    swap(&mut world, &mut ben);
    let world = world.restart(people::team(dir.path())).await;
    let (_, ack) = proposed(&world, &agent, DEPLOY).await;
    assert_eq!(approved_by(&ack), 1);
    // Approved and not started: whoever ends the grant stops that too.
    let (waits, _) = proposed(&world, &agent, DEPLOY).await;
    let Data::GrantGiven(data) = support::leaf(&grant, 0).data else {
        panic!("no grant");
    };
    let item = GrantRevocationItem {
        given: people::hash(&grant, 0),
        grant: data.signed.item.grant,
    };
    // By an administrator who did not give it.
    let revoked = people::act(&world, ActType::GrantRevoked, &item).await;
    world.proven(&people::ack(&revoked));
    let twice = people::act(&world, ActType::GrantRevoked, &item).await;
    assert_eq!(twice.refused(), "grant_is_over");
    let refused = redemption(&world, &agent, &waits).await;
    assert_eq!(refused.refused(), "no_quorum");
    let (_, ack) = proposed(&world, &agent, DEPLOY).await;
    assert_eq!(approved_by(&ack), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_grant_that_is_wrong_gets_no_key_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let agent = world.connect().await;
    let (_, like) = proposed(&world, &agent, DEPLOY).await;
    swap(&mut world, &mut ben);
    let program = Shape {
        free: vec![Place {
            at: "/payload/argv/0".into(),
            may: May::Word(8),
        }],
    };
    for shape in [program.to_bytes(), b"{}".to_vec(), b"anything".to_vec()] {
        let wrong = world.grant(&like, &shape, 1).await;
        let refused = world.begin(Some(&world.session), &wrong).await.unwrap_err();
        assert_eq!(refused.refused(), "bad_grant");
    }
    let none = StartCeremony {
        grant: None,
        ..world.grant(&like, &Shape::default().to_bytes(), 1).await
    };
    let refused = world.begin(Some(&world.session), &none).await.unwrap_err();
    assert_eq!(refused.refused(), "malformed");
    let mut other = world.grant(&like, &Shape::default().to_bytes(), 1).await;
    other.grant.as_mut().unwrap().shape = content(SHAPE_TYPE, &any_version().to_bytes());
    let refused = world.begin(Some(&world.session), &other).await.unwrap_err();
    assert_eq!(refused.refused(), "wrong_digest");
    let often = world.grant(&like, &Shape::default().to_bytes(), 1001).await;
    let refused = world.begin(Some(&world.session), &often).await.unwrap_err();
    assert_eq!(refused.refused(), "bad_grant");
    swap(&mut world, &mut ben);
    // The founder owns the agent.
    let own = world.grant(&like, &Shape::default().to_bytes(), 1).await;
    let refused = world.begin(Some(&world.session), &own).await.unwrap_err();
    assert_eq!(refused.refused(), "own_action");
    world.stop().await;
}

const POLICY: &str = r#"
@id("two") @people("2") @standing("allowed")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("seen") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.args.contains("db") };
@id("reviewers") permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer && principal.name != "Cleo" };
"#;

#[tokio::test]
async fn a_policy_says_whether_grants_count_and_whose() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    let mut dan = joined(&mut world, "Dan", &[Role::Reviewer]).await;
    in_force(&world, POLICY).await;
    let agent = world.connect().await;

    let (_, seen) = proposed(&world, &agent, &["deploy", "db"]).await;
    swap(&mut world, &mut ben);
    let never = world.grant(&seen, &Shape::default().to_bytes(), 1).await;
    let refused = world.begin(Some(&world.session), &never).await.unwrap_err();
    assert_eq!(refused.refused(), "not_grantable");
    let (_, like) = proposed(&world, &agent, DEPLOY).await;
    given(&world, &like, &any_version(), 9).await;
    swap(&mut world, &mut ben);
    // Cleo may give one; the policy does not let her approve.
    swap(&mut world, &mut cleo);
    given(&world, &like, &any_version(), 9).await;
    swap(&mut world, &mut cleo);

    let (second, ack) = proposed(&world, &agent, &["deploy", "web", "v2"]).await;
    assert_eq!(approved_by(&ack), 1);
    assert_eq!(status(&world, &agent, &second).await, "pending");
    swap(&mut world, &mut dan);
    world.decide(&ack, Verdict::Approve, "looked at it").await;
    swap(&mut world, &mut dan);
    assert_eq!(status(&world, &agent, &second).await, "approved");
    let bundle = redeemed(&world, &agent, &second).await;
    let report = proves(&world, &second, &bundle).unwrap();
    let mut names: Vec<_> = report.reviewers.into_iter().map(|who| who.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["Ben", "Dan"]);
    let parts = bundle.parts.iter().map(|part| part.name.as_str());
    let mut parts: Vec<_> = parts.collect();
    parts.sort_unstable();
    assert_eq!(parts, ["inputs", "payload", "policy", "shape"]);

    // Whoever gave it may still deny.
    let (third, ack) = proposed(&world, &agent, &["deploy", "web", "v3"]).await;
    swap(&mut world, &mut ben);
    world.decide(&ack, Verdict::Deny, "not now").await;
    swap(&mut world, &mut ben);
    assert_eq!(status(&world, &agent, &third).await, "denied");
    world.stop().await;
}
