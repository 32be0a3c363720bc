//! Delegation: somebody goes away, a colleague decides, and both see it.

use vidimus_console::view::{Command, DelegationView, RoleView, VerdictChoice};
use vidimus_protocol::api::ActionStatus as Status;

use crate::seats::{Seat, Team, founded, joined, status};
use crate::texts::{files, plain};

/// Ben and Cay join in `sre`; Cay leaves it.
const POLICY: &str = r#"
@id("anything") @people("1 from sre")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("sre") permit (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource);
"#;

impl Seat {
    async fn id_of(&self, name: &str) -> String {
        let here = |people: &vidimus_console::view::PeopleView| {
            let mut people = people.people.iter();
            people
                .find(|one| one.name == name)
                .map(|one| one.id.clone())
        };
        let people = self.people_until(|people| here(people).is_some()).await;
        here(&people).unwrap()
    }

    async fn lent(&self) -> DelegationView {
        let view = self.until(|view| view.delegations.len() == 1).await;
        view.delegations[0].clone()
    }
}

fn lend(to: &str, groups: &[&str], hours: u32) -> Command {
    Command::Delegate {
        to: to.into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        hours,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_decides_while_somebody_is_away_and_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let ben = joined(&team, &ada, "Ben", &[RoleView::Reviewer]).await;
    let cay = joined(&team, &ada, "Cay", &[RoleView::Reviewer]).await;
    let hers = ben.id_of("Cay").await;
    ada.sign(Command::ChangePerson {
        id: hers.clone(),
        name: "Cay".into(),
        identity: "cay@example.com".into(),
        roles: vec![RoleView::Reviewer],
        groups: Vec::new(),
    })
    .await;
    ada.sign(Command::ChangePolicy {
        files: files(POLICY),
    })
    .await;
    let agent = ada.connect("deployer", None).await;
    let (action, _) = agent.propose("release").await;
    let may_not = |review: &vidimus_console::view::ReviewView| {
        let why = review.approve_blocked.as_ref();
        why.is_some_and(|why| why.code == "not_permitted")
    };
    cay.review(action, may_not).await;

    // What cannot be lent asks for no key.
    for wrong in [
        lend(&hers, &["dba"], 24),
        lend(&hers, &[], 24),
        lend(&hers, &["sre"], 0),
        lend(&hers, &["sre"], 24 * 90),
        lend(&ben.id_of("Ben").await, &["sre"], 24),
    ] {
        assert_eq!(ben.refused(wrong).await, "bad_delegation");
    }
    ben.sign(lend(&hers, &["sre"], 24)).await;
    let (mine, theirs) = (ben.lent().await, cay.lent().await);
    assert!(mine.by_me && !mine.to_me && mine.may_end);
    assert!(theirs.to_me && !theirs.by_me && theirs.may_end);
    assert_eq!((&*theirs.by_name, &*theirs.to_name), ("Ben", "Cay"));
    let another = lend(&ben.id_of("Ada").await, &["sre"], 1);
    assert_eq!(ben.refused(another).await, "bad_delegation");
    let people = ada
        .people_until(|people| people.delegations.len() == 1)
        .await;
    // An administrator may end it, and is not bothered with it.
    assert!(people.delegations[0].may_end && ada.view().delegations.is_empty());

    cay.review(action, |review| review.approve_blocked.is_none())
        .await;
    cay.sign(Seat::decision(action, VerdictChoice::Approve, ""))
        .await;
    assert_eq!(status(&agent, action).await, Status::Approved);
    let review = ben
        .review(action, |review| !review.approved_by.is_empty())
        .await;
    let mut facts = review.policy.iter();
    let by = facts.find(|fact| fact.label == "Approved by").unwrap();
    assert_eq!(plain(&by.value.spans), "Cay (sre, lent to them)");

    ben.sign(Command::EndDelegation {
        delegation: mine.id.clone(),
    })
    .await;
    cay.until(|view| view.delegations.is_empty()).await;
    let again = Command::EndDelegation {
        delegation: mine.id,
    };
    assert_eq!(ben.refused(again).await, "overtaken");
    let (later, _) = agent.propose("release").await;
    cay.review(later, may_not).await;
    team.stop().await;
}
