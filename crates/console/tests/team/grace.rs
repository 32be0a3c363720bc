//! Grace times and approvals that are taken back, each at their console.

use vidimus_console::view::{Command, RoleView, VerdictChoice};
use vidimus_protocol::api::ActionStatus as Status;

use crate::seats::{Seat, Team, founded, joined, status};
use crate::texts::files;

const POLICY: &str = r#"
@id("slow") @people("2") @grace("1h")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("reviewers") permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer };
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_counts_down_and_whoever_approved_takes_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let ben = joined(&team, &ada, "Ben", &[RoleView::Reviewer]).await;
    let cay = joined(&team, &ada, "Cay", &[RoleView::Reviewer]).await;
    let dan = joined(&team, &ada, "Dan", &[RoleView::Reviewer]).await;
    ada.sign(Command::ChangePolicy {
        files: files(POLICY),
    })
    .await;
    let agent = ada.connect("deployer", None).await;
    let (action, _) = agent.propose("release").await;
    for (seat, others) in [(&ben, &cay), (&cay, &ben)] {
        let review = seat
            .review(action, |review| review.approve_blocked.is_none())
            .await;
        assert!(!review.takes_back && review.summary.starts_at_unix_ms.is_none());
        assert!(review.policy.iter().any(|fact| fact.label == "Grace time"));
        seat.sign(Seat::decision(action, VerdictChoice::Approve, ""))
            .await;
        others
            .until(|view| !view.inbox.is_empty() || !view.waits_for_others.is_empty())
            .await;
    }
    assert_eq!(status(&agent, action).await, Status::Pending);

    // It calls nobody any more, and whoever may decide can stop it.
    dan.until(|view| {
        let waits = view.waits_for_others.iter();
        view.inbox.is_empty() && waits.filter(|row| row.starts_at_unix_ms.is_some()).count() == 1
    })
    .await;
    let review = dan
        .review(action, |review| review.summary.starts_at_unix_ms.is_some())
        .await;
    assert_eq!(review.approved_by, ["Ben", "Cay"]);
    assert!(review.blocked.is_none() && !review.takes_back);
    assert!(review.on_expiry.contains("unless somebody denies it"));
    assert_eq!(review.approve_blocked.unwrap().code, "approved_enough");
    let again = Seat::decision(action, VerdictChoice::Approve, "");
    assert_eq!(dan.refused(again).await, "approved_enough");

    let review = ben.review(action, |review| review.takes_back).await;
    assert!(review.blocked.is_none());
    assert_eq!(review.approve_blocked.unwrap().code, "decided_already");
    ben.sign(Seat::decision(action, VerdictChoice::Deny, "the wrong tag"))
        .await;
    assert_eq!(status(&agent, action).await, Status::Denied);
    let review = dan
        .review(action, |review| review.summary.starts_at_unix_ms.is_none())
        .await;
    let said = |item: &vidimus_console::view::TimelineItem| {
        item.text
            .contains("Ben took their approval back and denied it")
    };
    assert!(review.timeline.iter().any(said), "{:?}", review.timeline);
    for seat in [ada, ben, cay, dan] {
        seat.front.0.stop().await;
    }
    team.stop().await;
}
