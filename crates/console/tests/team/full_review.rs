//! A full review: nobody approves what they have not gone through, at any console.

use std::time::Duration;

use vidimus_console::FrontId;
use vidimus_console::view::{Command, Event, ReviewView, RoleView, VerdictChoice};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::ActionStatus as Status;

use crate::seats::{Seat, Team, founded, joined, joined_bound, patiently, status};
use crate::texts::{files, plain};

const POLICY: &str = r#"
@id("whole") @review("full")
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.line like "*release*" };
@id("urgent") @review("full") @people("2") @break_glass("allowed")
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.line like "*urgent*" };
@id("advance") @standing("allowed")
permit (principal, action == Vidimus::Action::"propose", resource)
unless { context has command && context.command.line like "*urgent*" };
@id("reviewers") permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer };
"#;

impl Seat {
    async fn saw(&self, action: ActionId, sections: &[String]) {
        self.ask(Command::Saw {
            action: action.to_string(),
            sections: sections.to_vec(),
        })
        .await;
    }

    /// What the notification's *Approve* brings up.
    async fn approve_on_notification(&self, action: ActionId) -> Option<VerdictChoice> {
        let mut events = self.front.0.subscribe(FrontId::Desktop);
        let approve = Some(VerdictChoice::Approve);
        self.front
            .0
            .notification_clicked(&action.to_string(), approve);
        let shown = async {
            loop {
                match events.next().await.unwrap().event {
                    Some(Event::Show {
                        action: it,
                        confirm,
                    }) if it == action.to_string() => {
                        return confirm;
                    }
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), shown)
            .await
            .unwrap()
    }
}

fn unseen(review: &ReviewView) -> Vec<String> {
    let left = review.to_see.iter().filter(|one| !one.seen);
    left.map(|one| one.section.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_went_through_the_whole_of_it_approves_it() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let ben = joined(&team, &ada, "Ben", &[RoleView::Reviewer]).await;
    let cay = joined(&team, &ada, "Cay", &[RoleView::Reviewer]).await;
    let files = files(POLICY);
    ada.sign(Command::ChangePolicy { files }).await;
    let agent = ada.connect("deployer", None).await;

    // What no policy wants reviewed in full is confirmed at once.
    let (usual, _) = agent.propose("usual").await;
    let review = ben
        .review(usual, |review| review.grant_blocked.is_none())
        .await;
    assert!(review.to_see.is_empty());
    let confirmed = ben.approve_on_notification(usual).await;
    assert_eq!(confirmed, Some(VerdictChoice::Approve));

    let (action, _) = agent.propose("release").await;
    let review = ben
        .review(action, |review| review.approve_blocked.is_none())
        .await;
    let says = |fact: &vidimus_console::view::Fact| {
        fact.label == "Review" && plain(&fact.value.spans).contains("the whole of it")
    };
    assert!(review.policy.iter().any(says));
    assert_eq!(review.grant_blocked.as_ref().unwrap().code, "not_grantable");
    let sections: Vec<_> = review.to_see.iter().map(|one| &*one.section).collect();
    let usual = [
        "arguments",
        "program",
        "folder",
        "environment",
        "not-bound",
        "claims",
    ];
    assert_eq!(sections, usual);
    assert_eq!(ben.approve_on_notification(action).await, None);

    let approve = || Seat::decision(action, VerdictChoice::Approve, "");
    assert_eq!(ben.refused(approve()).await, "not_seen_in_full");
    let left = unseen(&review);
    ben.saw(action, &left[1..]).await;
    ben.saw(action, &["something else".into()]).await;
    assert_eq!(ben.refused(approve()).await, "not_seen_in_full");
    let review = ben.review(action, |_| true).await;
    assert_eq!(
        unseen(&review),
        ["arguments"],
        "kept when it is opened again"
    );
    ben.saw(action, &left[..1]).await;

    // What is asked meanwhile is not seen yet.
    cay.review(action, |_| true).await;
    cay.ask(Command::Ask {
        action: action.to_string(),
        text: "Which release?".into(),
    })
    .await;
    let asked = || async {
        let review = ben.review(action, |_| true).await;
        (!unseen(&review).is_empty()).then(|| unseen(&review))
    };
    let talk = patiently(asked).await;
    assert_eq!(talk, ["talk@1"]);
    assert_eq!(ben.refused(approve()).await, "not_seen_in_full");
    ben.saw(action, &talk).await;
    ben.sign(approve()).await;
    assert_eq!(status(&agent, action).await, Status::Approved);
    let review = cay.review(action, |review| review.timeline.len() > 3).await;
    let told = review.timeline.iter().map(|step| step.text.as_str());
    let told: Vec<_> = told.collect();
    let whole = "Ben approved it, having seen the whole of it.";
    assert!(told.contains(&whole), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_breaks_glass_went_through_the_whole_of_it_and_anybody_denies() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let ben = joined_bound(&team, &ada, "Ben", &[RoleView::Reviewer]).await;
    let files = files(POLICY);
    ada.sign(Command::ChangePolicy { files }).await;
    let agent = ada.connect("deployer", None).await;
    let (action, _) = agent.propose("urgent").await;
    let review = ben
        .review(action, |review| {
            (review.glass.as_ref()).is_some_and(|glass| glass.blocked.is_none())
        })
        .await;
    let why = "Checkout is down, and nobody else answers.";
    let broken = || Seat::decision(action, VerdictChoice::BreakGlass, why);
    assert_eq!(ben.refused(broken()).await, "not_seen_in_full");
    ben.saw(action, &unseen(&review)).await;
    ben.sign(broken()).await;
    assert_eq!(status(&agent, action).await, Status::Approved);

    let (other, _) = agent.propose("release").await;
    let review = ben.review(other, |review| review.blocked.is_none()).await;
    assert_eq!(unseen(&review).len(), review.to_see.len(), "another action");
    ben.sign(Seat::decision(other, VerdictChoice::Deny, ""))
        .await;
    assert_eq!(status(&agent, other).await, Status::Denied);
}
