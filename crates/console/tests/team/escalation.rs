//! Escalation: whoever is in the second group is told, and sees it.

use vidimus_console::hooks::{About, Urgency};
use vidimus_console::view::{Command, RoleView, VerdictChoice};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::ActionStatus as Status;

use crate::seats::{Seat, Team, founded, joined, status};
use crate::texts::files;

/// Ben is in `sre`; nobody may decide before it was told.
const POLICY: &str = r#"
@id("anything") @ttl("10m") @escalate("sre after 3s")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("later") permit (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource)
when { context.time.durationSince(context.proposed) >= duration("3s") };
"#;

impl Seat {
    /// Titles of what was said of it, and whether they pressed.
    fn said_of(&self, action: ActionId) -> Vec<(String, bool)> {
        let told = self.computer.person.notified.lock().unwrap();
        let about = About::Action(action.to_string());
        let of_it = told.iter().filter(|request| request.about == about);
        of_it
            .map(|told| (told.title.clone(), told.urgency == Urgency::Critical))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_hears_of_it_at_once_and_may_decide() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let ben = joined(&team, &ada, "Ben", &[RoleView::Reviewer]).await;
    ada.sign(Command::ChangePolicy {
        files: files(POLICY),
    })
    .await;
    let agent = ada.connect("deployer", None).await;
    let (action, _) = agent.propose("release").await;

    let review = ben
        .review(action, |review| !review.summary.escalated.is_empty())
        .await;
    assert_eq!(review.summary.escalated[0].group, "sre");
    let told = review.timeline.last().unwrap();
    assert_eq!(told.entry, review.summary.escalated[0].entry);
    assert_eq!(told.text, "Nobody had decided in time: escalated to sre.");
    let says = |fact: &vidimus_console::view::Fact| fact.label == "Escalated to";
    assert!(review.policy.iter().any(says));
    ben.until(|view| view.inbox.len() == 1).await;
    let said = ben.said_of(action);
    let last = said.last().unwrap();
    assert!(
        last.0.contains("Escalated to sre: deployer asks"),
        "{said:?}"
    );
    assert!(last.1, "it does not press: {said:?}");
    // Ada is in no group.
    assert_eq!(ada.said_of(action), []);
    ben.sign(Seat::decision(action, VerdictChoice::Approve, ""))
        .await;
    assert_eq!(status(&agent, action).await, Status::Approved);
}
