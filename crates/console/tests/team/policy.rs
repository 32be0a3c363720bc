//! A policy of a team: signed by one administrator, agreed to by another, and
//! what each then sees of what agents ask for.

use vidimus_console::hooks::About;
use vidimus_console::view::{
    CeremonyPurpose, Command, ConsoleView, PolicyStanding, PolicyView, Reply, ReviewView, RoleView,
    VerdictChoice,
};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::ActionStatus as Status;

use crate::seats::{Seat, Team, founded, joined, patiently, status};
use crate::support::Computer;
use crate::texts::{files, plain};

const POLICY: &str = r#"
@id("two-teams")
@why("Both teams look at it.")
@people("1 from sre and 1 from security")
@reason("required")
permit (principal, action == Vidimus::Action::"propose", resource);

@id("never")
@why("The vault stays shut.")
forbid (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.line like "*vault*" };

@id("hello")
@why("Saying hello hurts nobody.")
permit (principal, action == Vidimus::Action::"release", resource)
when { context has command && context.command.line like "*hello*" };

@id("reviewers")
permit (principal, action == Vidimus::Action::"decide", resource)
when { principal.reviewer };

@id("not-cay")
@why("Cay wrote it.")
forbid (principal, action == Vidimus::Action::"decide", resource)
when { principal.name == "Cay" && context has command && context.command.line like "*secret*" };
"#;

const PROVEN: &str = r#"
@id("proven")
@assurance("proven-model")
permit (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.line like "*proven*" };
"#;

/// What the policy says under this label.
fn says(review: &ReviewView, label: &str) -> Option<String> {
    let mut facts = review.policy.iter();
    let fact = facts.find(|fact| fact.label == label)?;
    Some(plain(&fact.value.spans))
}

/// Why one may not approve it, once everything that says so is here.
fn told(review: &ReviewView) -> Option<&str> {
    let blocked = review.approve_blocked.as_ref()?;
    (blocked.code != "not_here_yet").then_some(blocked.code.as_str())
}

fn standing(view: &ConsoleView) -> Option<PolicyStanding> {
    match &view.ceremony.as_ref()?.purpose {
        CeremonyPurpose::Policy { standing, .. } => *standing,
        other => panic!("{other:?}"),
    }
}

fn waiting(view: &ConsoleView) -> Vec<&str> {
    view.inbox.iter().map(|row| row.id.as_str()).collect()
}

impl Seat {
    pub(crate) async fn policy(&self) -> PolicyView {
        match self.ask(Command::Policy).await {
            Reply::Policy(policy) => *policy,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn policy_until(&self, holds: impl Fn(&PolicyView) -> bool) -> PolicyView {
        patiently(async || Some(self.policy().await).filter(&holds)).await
    }

    pub(crate) async fn review(
        &self,
        action: ActionId,
        holds: impl Fn(&ReviewView) -> bool,
    ) -> ReviewView {
        let command = || Command::OpenAction {
            action: action.to_string(),
        };
        let asked = async || match self.front.at(&self.gateway, command()).await {
            Ok(Reply::Review(review)) => Some(*review).filter(&holds),
            // The feed may not have brought it yet.
            _ => None,
        };
        patiently(asked).await
    }

    pub(crate) fn decision(action: ActionId, verdict: VerdictChoice, reason: &str) -> Command {
        Command::Decide {
            action: action.to_string(),
            verdict,
            reason: reason.into(),
        }
    }

    pub(crate) fn was_told_of(&self, action: ActionId) -> bool {
        let told = self.computer.person.notified.lock().unwrap();
        let about = About::Action(action.to_string());
        told.iter().any(|request| request.about == about)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_and_what_each_then_sees() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let both = [RoleView::Administrator, RoleView::Reviewer];
    let ben = joined(&team, &ada, "Ben", &both).await;
    let cay = joined(&team, &ada, "Cay", &[RoleView::Reviewer]).await;
    let people = ada.people().await.people;
    let theirs = people.iter().find(|it| it.name == "Cay").unwrap();
    ada.sign(Command::ChangePerson {
        id: theirs.id.clone(),
        name: theirs.name.clone(),
        identity: theirs.identity.clone(),
        roles: theirs.roles.clone(),
        groups: vec!["security".into()],
    })
    .await;

    // Nothing was signed yet.
    let before = ada.policy().await;
    assert!(before.administrator && before.in_force.is_none() && before.blocked.is_none());
    assert_eq!(before.needed, 2);
    assert!(!before.built_in.is_empty());
    let Reply::PolicyStart(start) = ada.ask(Command::PolicyStart).await else {
        panic!("no starter");
    };
    assert!(start.rules.len() > 5 && start.templates.len() == 7);

    // What is wrong is said while it is typed, and is never signed.
    let wrong = files(&POLICY.replace(
        "permit (principal, action == Vidimus::Action::\"release\"",
        "permti (principal, action == Vidimus::Action::\"release\"",
    ));
    let Reply::PolicyChecked(checked) = ada
        .ask(Command::CheckPolicy {
            files: wrong.clone(),
        })
        .await
    else {
        panic!("no check");
    };
    let line = wrong[0]
        .text
        .lines()
        .position(|line| line.starts_with("permti"))
        .unwrap();
    assert_eq!(checked.problems.len(), 1, "{checked:?}");
    assert_eq!(checked.problems[0].line as usize, line + 1);
    assert_eq!(
        ada.refused(Command::ChangePolicy { files: wrong }).await,
        "bad_policy"
    );
    let change = || Command::ChangePolicy {
        files: files(POLICY),
    };
    assert_eq!(cay.refused(change()).await, "not_allowed");
    assert!(!cay.policy().await.administrator);

    // One word is not enough.
    let Reply::PolicyPreview(preview) = ada
        .ask(Command::PreviewPolicy {
            files: files(POLICY),
        })
        .await
    else {
        panic!("no preview");
    };
    assert!(preview.waits && preview.agreed.is_empty());
    assert_eq!(preview.difference.rules.len(), 5);
    ada.sign(change()).await;
    assert_eq!(standing(&ada.view()), Some(PolicyStanding::Waits));
    let hers = ada.policy_until(|policy| policy.waiting.len() == 1).await;
    let digest = hers.waiting[0].digest.clone();
    assert!(hers.waiting[0].words[0].me);
    assert_eq!(
        hers.waiting[0].blocked.as_ref().unwrap().code,
        "decided_already"
    );
    let agree = || Command::AgreePolicy {
        digest: digest.clone(),
    };
    assert_eq!(ada.refused(agree()).await, "decided_already");
    assert_eq!(ada.view().policies, 0);

    // The other one sees what it changes, and signs the very same.
    ben.until(|view| view.policies == 1).await;
    let his = ben
        .policy_until(|policy| policy.waiting.iter().any(|it| it.difference.is_some()))
        .await;
    let waits = &his.waiting[0];
    assert_eq!((&waits.digest, &*waits.words[0].by), (&digest, "Ada"));
    assert_eq!(waits.difference.as_ref().unwrap().rules.len(), 5);
    let Reply::PolicyPreview(preview) = ben
        .ask(Command::PreviewPolicy {
            files: files(POLICY),
        })
        .await
    else {
        panic!("no preview");
    };
    assert!(!preview.waits);
    assert_eq!(preview.agreed, ["Ada"]);
    ben.sign(agree()).await;
    assert_eq!(standing(&ben.view()), Some(PolicyStanding::InForce));
    let now = ada
        .policy_until(|policy| {
            let text = policy.in_force.as_ref().map(|policy| &policy.text);
            text.is_some_and(|text| text.problem.is_none())
        })
        .await;
    assert_eq!(ada.view().policies_missing, 0);
    let now = now.in_force.unwrap();
    assert_eq!(
        (&now.digest, &*now.signers),
        (&digest, &["Ada".to_owned(), "Ben".to_owned()][..])
    );
    assert_eq!(now.text.files, files(POLICY));
    assert_eq!(
        now.text.rules[0].says,
        "It may be proposed, and waits for 1 from security and 1 from sre, with a reason."
    );
    assert_eq!(ada.refused(change()).await, "unchanged");

    // What it asks for, before and after an approval.
    let agent = ada.connect("deployer", None).await;
    let (action, _) = agent.propose("release").await;
    let review = ben
        .review(action, |review| review.approve_blocked.is_none())
        .await;
    assert!(review.reason_required && !review.released);
    assert_eq!(
        says(&review, "Decision").unwrap(),
        "2 people must approve it: 1 from security and 1 from sre."
    );
    assert!(
        says(&review, "Policy two-teams asks for")
            .unwrap()
            .contains("Both teams look at it.")
    );
    assert_eq!(
        review.still_needed.as_deref(),
        Some("1 from security and 1 from sre")
    );
    let silent = Seat::decision(action, VerdictChoice::Approve, " ");
    assert_eq!(ben.refused(silent).await, "reason_missing");
    ben.sign(Seat::decision(action, VerdictChoice::Approve, "Reviewed."))
        .await;
    let review = ben
        .review(action, |review| review.approved_by == ["Ben"])
        .await;
    assert_eq!(review.still_needed.as_deref(), Some("1 from security"));
    assert_eq!(says(&review, "Approved by").unwrap(), "Ben (sre)");
    cay.review(action, |review| review.approve_blocked.is_none())
        .await;
    cay.sign(Seat::decision(action, VerdictChoice::Approve, "Seen."))
        .await;
    assert_eq!(status(&agent, action).await, Status::Approved);

    // Whom a policy does not let approve it is not called for it, and may deny it.
    let (secret, _) = agent.propose("secret").await;
    let id = secret.to_string();
    ben.until(|view| waiting(view).contains(&id.as_str())).await;
    cay.until(|view| view.waits_for_others.iter().any(|row| row.id == id))
        .await;
    let review = cay.review(secret, |review| told(review).is_some()).await;
    let blocked = review.approve_blocked.unwrap();
    assert_eq!(blocked.code, "not_permitted");
    assert!(blocked.message.contains("Cay wrote it."), "{blocked:?}");
    assert!(review.blocked.is_none());
    let approve = Seat::decision(secret, VerdictChoice::Approve, "Mine.");
    assert_eq!(cay.refused(approve).await, "not_permitted");
    assert!(!waiting(&cay.view()).contains(&id.as_str()));
    assert!(!cay.was_told_of(secret) && cay.was_told_of(action));
    cay.sign(Seat::decision(secret, VerdictChoice::Deny, ""))
        .await;
    assert_eq!(status(&agent, secret).await, Status::Denied);
    let review = ben
        .review(secret, |review| says(review, "Denied by").is_some())
        .await;
    assert_eq!(says(&review, "Denied by").unwrap(), "Cay.");
    assert!(
        says(&review, "Would have been needed")
            .unwrap()
            .contains("1 from security and 1 from sre")
    );

    // Refused and released: by which policy, and what would have been needed.
    let (vault, _) = agent.propose("vault").await;
    assert_eq!(status(&agent, vault).await, Status::Refused);
    let review = ben.review(vault, |_| true).await;
    assert!(
        says(&review, "Would have been needed")
            .unwrap()
            .starts_with("That never had not said no.")
    );
    assert!(
        says(&review, "Because")
            .unwrap()
            .contains("The vault stays shut.")
    );
    let (hello, _) = agent.propose("hello").await;
    assert_eq!(status(&agent, hello).await, Status::Approved);
    let review = ben.review(hello, |_| true).await;
    assert!(review.released);
    assert_eq!(
        says(&review, "Decision").unwrap(),
        "Released by the policy, by hello: nobody was asked."
    );
    assert_eq!(says(&review, "Not as the policy says"), None);

    // Whoever signed a policy does not approve under it for a while, and a key
    // that cannot prove what is asked for approves nothing.
    let stricter = POLICY.replace(
        "@people(\"1 from sre and 1 from security\")",
        "@separate(\"1d\")",
    );
    let stricter = format!("{stricter}{PROVEN}");
    ada.sign(Command::ChangePolicy {
        files: files(&stricter),
    })
    .await;
    ben.until(|view| view.policies == 1).await;
    let his = ben
        .policy_until(|policy| policy.waiting.iter().any(|it| it.difference.is_some()))
        .await;
    let difference = his.waiting[0].difference.as_ref().unwrap();
    assert_eq!(difference.words, "proven comes; two-teams changes.");
    // The very same text, typed anew, is the very same policy.
    ben.sign(Command::ChangePolicy {
        files: files(&stricter),
    })
    .await;
    assert_eq!(standing(&ben.view()), Some(PolicyStanding::InForce));
    let (late, _) = agent.propose("late").await;
    let review = ben.review(late, |review| told(review).is_some()).await;
    assert_eq!(told(&review), Some("own_policy"));
    assert_eq!(
        says(&review, "Decision").unwrap(),
        "One person must approve it."
    );
    cay.review(late, |review| review.approve_blocked.is_none())
        .await;
    let (proven, _) = agent.propose("proven").await;
    let review = cay.review(proven, |review| told(review).is_some()).await;
    assert_eq!(told(&review), Some("assurance_missing"));
    let approve = Seat::decision(proven, VerdictChoice::Approve, "Mine.");
    assert_eq!(cay.refused(approve).await, "assurance_missing");

    for seat in [ada, ben, cay] {
        seat.front.0.stop().await;
    }
    team.stop().await;
}

/// In a log of one's own one's word is enough, and nobody is kept from their
/// own policy.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_ones_own_holds_at_once() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let Ok(Reply::PolicyStart(start)) = front.ask(Command::PolicyStart).await else {
        panic!("no starter");
    };
    let mut files = start.starter;
    let root = start
        .templates
        .iter()
        .find(|it| it.kind == "command")
        .unwrap();
    files[0].text.push_str(&format!("\n{}", root.text));
    front
        .ask(Command::ChangePolicy {
            files: files.clone(),
        })
        .await
        .unwrap();
    let view = front.done().await;
    assert_eq!(standing(&view), Some(PolicyStanding::InForce));
    front.until(|view| view.policies_missing == 0).await;
    let Ok(Reply::Policy(policy)) = front.ask(Command::Policy).await else {
        panic!("no policy");
    };
    assert_eq!(policy.in_force.unwrap().text.files, files);
    assert!(policy.waiting.is_empty());

    // The agent's command runs as root, so that a reason is wanted.
    let (action, _) = agent.propose("release").await;
    front.until(|view| view.inbox.len() == 1).await;
    // The policy and the inputs come as parts of their own.
    let arrived = async || Some(front.open(action).await).filter(|it| it.approve_blocked.is_none());
    assert!(patiently(arrived).await.reason_required);
    let refused = front.decide(action, VerdictChoice::Approve, "").await;
    assert_eq!(refused.unwrap_err().code, "reason_missing");
    front
        .decide(action, VerdictChoice::Approve, "Mine.")
        .await
        .unwrap();
    front.done().await;
    assert_eq!(status(&agent, action).await, Status::Approved);
    front.0.stop().await;
}
