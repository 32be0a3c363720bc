//! Break-glass: one person at their console, and every administrator at theirs.

use vidimus_console::hooks::{About, Urgency};
use vidimus_console::view::{BrokenGlassView, Command, Reply, RoleView, VerdictChoice};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::ActionStatus as Status;

use crate::seats::{Seat, Team, founded, joined, joined_bound, patiently, status};
use crate::texts::{files, plain};

const POLICY: &str = r#"
@id("two") @people("2") @break_glass("allowed")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("never") permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.line like "*vault*" };
@id("reviewers") permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer };
"#;

const WHY: &str = "Checkout is down, and nobody else answers.";

impl Seat {
    async fn broken_glass(&self) -> Vec<BrokenGlassView> {
        match self.ask(Command::BrokenGlass).await {
            Reply::BrokenGlass(views) => views,
            other => panic!("{other:?}"),
        }
    }

    /// Once the reason of the only one is here.
    async fn the_glass(&self) -> BrokenGlassView {
        let asked = async || match &self.broken_glass().await[..] {
            [glass] if glass.reason.is_some() => Some(glass.clone()),
            _ => None,
        };
        patiently(asked).await
    }

    fn was_alarmed(&self, action: ActionId) -> bool {
        let told = self.computer.person.notified.lock().unwrap();
        let about = About::Action(action.to_string());
        let alarm = |title: &str| title.ends_with("Ben broke glass");
        told.iter().any(|request| {
            request.about == about && request.urgency == Urgency::Critical && alarm(&request.title)
        })
    }
}

fn break_it(action: ActionId, reason: &str) -> Command {
    Seat::decision(action, VerdictChoice::BreakGlass, reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_breaks_glass_and_administrators_hear_of_it_until_it_is_reviewed() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let ben = joined_bound(&team, &ada, "Ben", &[RoleView::Reviewer]).await;
    let cay = joined(&team, &ada, "Cay", &[RoleView::Reviewer]).await;
    ada.sign(Command::ChangePolicy {
        files: files(POLICY),
    })
    .await;
    let agent = ada.connect("deployer", None).await;

    // Where the policy does not say so, it is not offered and not done.
    let (vault, _) = agent.propose("vault").await;
    let review = ben.review(vault, |_| true).await;
    assert!(review.glass.is_none());
    assert_eq!(ben.refused(break_it(vault, WHY)).await, "glass_stays");

    let (action, _) = agent.propose("release").await;
    let review = ben
        .review(action, |review| review.approve_blocked.is_none())
        .await;
    let says = |fact: &vidimus_console::view::Fact| fact.label == "In an emergency";
    assert!(review.policy.iter().any(says) && review.broken_glass.is_none());
    let offered = review.glass.unwrap();
    assert!(offered.blocked.is_none(), "{offered:?}");
    assert_eq!(offered.reviewers, ["Ada"]);
    // Cay's key may leave its device, and Ada owns the agent.
    for (seat, code) in [(&cay, "assurance_missing"), (&ada, "own_action")] {
        let blocked = |review: &vidimus_console::view::ReviewView| {
            let glass = review.glass.as_ref()?.blocked.as_ref()?;
            (glass.code != "not_here_yet").then(|| glass.code.clone())
        };
        let review = seat
            .review(action, |review| blocked(review).is_some())
            .await;
        assert_eq!(blocked(&review).as_deref(), Some(code));
        assert_eq!(seat.refused(break_it(action, WHY)).await, code);
    }
    // One of two approves, and nobody else comes.
    ben.sign(Seat::decision(action, VerdictChoice::Approve, ""))
        .await;
    ben.review(action, |review| review.takes_back).await;
    let short = break_it(action, "it is urgent        ");
    assert_eq!(ben.refused(short).await, "reason_missing");
    ben.sign(break_it(action, WHY)).await;
    assert_eq!(status(&agent, action).await, Status::Approved);

    // The administrator hears of it, and is the only one who does.
    ada.until(|view| view.unreviewed == 1).await;
    let glass = ada.the_glass().await;
    let review = ada
        .review(action, |review| review.broken_glass.is_some())
        .await;
    assert_eq!(review.broken_glass.unwrap().entry, glass.entry);
    assert!(ada.was_alarmed(action) && !ben.was_alarmed(action) && !cay.was_alarmed(action));
    assert_eq!(
        (&*glass.by, &*glass.asked, glass.approved_by.len()),
        ("Ben", "2 people", 0)
    );
    assert_eq!(plain(&glass.reason.unwrap().spans), WHY);
    assert!(glass.blocked.is_none() && glass.review.is_none());
    let own = ben.the_glass().await;
    assert_eq!(own.blocked.unwrap().code, "not_allowed");
    assert_eq!(ben.view().unreviewed, 0);

    let review = |justified, reason: &str| Command::ReviewGlass {
        entry: glass.entry,
        justified,
        reason: reason.into(),
    };
    assert_eq!(ben.refused(review(true, "Mine.")).await, "not_allowed");
    assert_eq!(ada.refused(review(true, " ")).await, "reason_missing");
    ada.sign(review(false, "It could have waited for Cay."))
        .await;
    ada.until(|view| view.unreviewed == 0).await;
    let found = ada.the_glass().await.review.unwrap();
    assert!(!found.justified && found.by == "Ada");
    assert_eq!(ada.refused(review(true, "Again.")).await, "overtaken");
    let withdrawn = ada.computer.person.withdrawn.lock().unwrap().clone();
    assert!(withdrawn.contains(&About::Action(action.to_string())));
}
