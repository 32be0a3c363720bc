//! From the first key to the verified outcome, with a software key.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::{Computer, PASSPHRASE, content};
use vidimus_console::hooks::About;
use vidimus_console::view::{
    ActionStatus, CeremonyPurpose, CeremonyState, Command, Connection, NoteView, Phase, Reply,
    Route, Span, Tone, VerdictChoice, Verification,
};
use vidimus_protocol::action::{OUTPUT_TYPE, TEXT_TYPE};
use vidimus_protocol::api::{ActionStatus as GatewayStatus, Redeem, ReportOutcome, WriteAnswer};
use vidimus_protocol::entry::Outcome;
use vidimus_verify::export::{self, Conclusion};

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_held_approved_run_and_verified() {
    let computer = Computer::new();
    let front = computer.set_up().await;
    let view = front.until(|view| view.connection_is_live()).await;
    assert_eq!(view.phase, Phase::Ready);
    assert_eq!(view.reviewer.as_ref().unwrap().route, Route::Software);
    assert!(view.agents.is_empty() && view.try_command.is_none());
    assert!(computer.home().trust_file().exists());
    computer.keyring_has_session(true).await;
    let new = computer.person.asked.lock().unwrap()[0].new;
    assert!(new, "the first passphrase is chosen, not asked for");

    front.connect("builder").await;
    let agent = computer.agent("builder");
    let view = front.view();
    assert_eq!(view.agents[0].name, "builder");
    assert!(view.agents[0].profile_path.is_some());

    let (action, digest) = agent.propose("hello").await;
    let view = front
        .until(|view| {
            view.inbox
                .first()
                .is_some_and(|row| row.title.spans.len() == 1 && row.intent.is_some())
        })
        .await;
    assert_eq!(view.inbox[0].id, action.to_string());
    assert_eq!(view.inbox[0].on_behalf_of, "Ada");
    let notified = computer.person.notified.lock().unwrap().clone();
    assert_eq!(notified.len(), 1);
    assert!(notified[0].body.starts_with("echo hello\nbox:/srv"));

    // Nothing is decided that is not open here.
    let refused = front
        .decide(action, VerdictChoice::Approve, "")
        .await
        .unwrap_err();
    assert_eq!(refused.code, "not_opened");
    let review = front.open(action).await;
    assert_eq!(review.digest, digest.to_string());
    assert_eq!(review.marks, 1, "the hidden character of the intent");
    assert_eq!(review.blocked, None);
    let long = front
        .decide(action, VerdictChoice::Approve, &"x".repeat(4097))
        .await
        .unwrap_err();
    assert_eq!(long.code, "reason_too_long");

    front
        .decide(action, VerdictChoice::Approve, "looks right")
        .await
        .unwrap();
    let view = front.done().await;
    assert_eq!(
        view.ceremony.unwrap().purpose,
        CeremonyPurpose::Verdict {
            action: action.to_string(),
            verdict: VerdictChoice::Approve
        }
    );
    assert!(view.inbox.is_empty());
    assert_eq!(view.recent[0].status, ActionStatus::Approved);
    assert_eq!(
        computer.person.withdrawn.lock().unwrap().as_slice(),
        [About::Action(action.to_string())]
    );
    assert!(
        view.notices
            .iter()
            .all(|notice| notice.tone != Tone::Danger),
        "{:?}",
        view.notices
    );

    let told = agent.gateway.action(action, 0, None).await.unwrap();
    assert_eq!(told.status, GatewayStatus::Approved);
    let permit = agent.gateway.permit(action).await.unwrap().permit;
    let redeem = Redeem {
        action_digest: digest,
        permit,
    };
    agent.gateway.redeem(action, &redeem).await.unwrap();
    front
        .until(|view| view.recent[0].status == ActionStatus::Running)
        .await;
    let report = ReportOutcome {
        duration_ms: 12,
        outcome: Outcome::Exited { code: 3 },
        output: Some(content(OUTPUT_TYPE, b"hello\n\x1b[31mred\n".to_vec())),
        output_omitted: 0,
    };
    agent.gateway.report(action, &report).await.unwrap();
    front
        .until(|view| {
            matches!(
                view.recent[0].status,
                ActionStatus::Completed {
                    exit_code: Some(3),
                    ..
                }
            )
        })
        .await;
    let review = front.open(action).await;
    assert_eq!(review.blocked.unwrap().code, "not_pending");
    let steps: Vec<_> = review
        .timeline
        .iter()
        .map(|step| step.text.as_str())
        .collect();
    assert_eq!(steps[0], "builder proposed it.");
    assert_eq!(steps[1], "Ada approved it.");
    assert_eq!(
        steps.last().copied(),
        Some("It ended with exit code 3 after 0.0 s.")
    );
    assert_eq!(review.timeline[1].words.as_ref().unwrap().marks(), 0);

    verify_and_export(&front).await;
    front.0.stop().await;
}

async fn verify_and_export(front: &support::Front) {
    let Reply::History(page) = front
        .ask(Command::History {
            before: None,
            action: None,
            query: "verdict".into(),
        })
        .await
        .unwrap()
    else {
        panic!("a history")
    };
    assert_eq!(page.rows.len(), 1);
    assert_eq!(page.rows[0].kind, "verdict.given");
    let Reply::Entry(entry) = front
        .ask(Command::OpenEntry {
            index: page.rows[0].index,
        })
        .await
        .unwrap()
    else {
        panic!("an entry")
    };
    assert_eq!(entry.parts[0].name, "reason");

    // Parts arrive after their entries.
    let passed = async {
        loop {
            front.ask(Command::Verify).await.unwrap();
            let view = front
                .until(|view| !matches!(view.verification, Verification::Running { .. }))
                .await;
            if let passed @ Verification::Passed { .. } = view.verification {
                return passed;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let passed = tokio::time::timeout(Duration::from_secs(20), passed)
        .await
        .unwrap();
    let Verification::Passed {
        entries,
        signatures,
        remarks,
        ..
    } = passed
    else {
        panic!("{passed:?}")
    };
    assert_eq!((entries, signatures), (page.total, 3));
    assert!(
        remarks
            .iter()
            .any(|remark| remark.contains("ingle operator")),
        "{remarks:?}"
    );

    let Reply::Exported { path, size } = front.ask(Command::Export).await.unwrap() else {
        panic!("an export")
    };
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), size);
    let report = export::verify(bytes.as_slice(), None, |_| {}).unwrap();
    assert_eq!(report.conclusion, Conclusion::Unanchored, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_its_answer_and_what_came_before_are_on_screen_and_signed() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (first, _) = agent.propose("hello").await;
    front.until(|view| view.inbox.len() == 1).await;
    front.open(first).await;
    front.decide(first, VerdictChoice::Deny, "").await.unwrap();
    front.done().await;
    front.ask(Command::CancelCeremony).await.unwrap();

    let (action, _) = agent.propose("hello").await;
    front.until(|view| view.inbox.len() == 1).await;
    let review = front.open(action).await;
    assert!(review.on_expiry.contains("it does not run"));
    assert_eq!(review.earlier.len(), 1);
    assert_eq!(review.earlier[0].status, ActionStatus::Denied);
    let like = review.like.unwrap();
    assert_eq!(like.summary.id, first.to_string());
    assert!(like.alike.starts_with("in every word"), "{}", like.alike);

    let id = action.to_string();
    let said = |command: Command| front.ask(command);
    said(Command::Take { action: id.clone() }).await.unwrap();
    let blank = Command::Ask {
        action: id.clone(),
        text: " ".into(),
    };
    assert_eq!(said(blank).await.unwrap_err().code, "text_length");
    let question = Command::Ask {
        action: id.clone(),
        text: "why\u{202e} now?".into(),
    };
    said(question).await.unwrap();
    let flag = Command::Flag {
        action: id.clone(),
        text: "look twice".into(),
    };
    said(flag).await.unwrap();
    let asked = agent.gateway.action(action, 0, None).await.unwrap();
    let answer = WriteAnswer {
        question: asked.questions[0].entry,
        text: content(TEXT_TYPE, b"it expires today".to_vec()),
    };
    agent.gateway.answer(action, &answer).await.unwrap();

    let review = loop {
        let review = front.open(action).await;
        let whole = |note: &NoteView| note.text.is_some();
        let answered = review.questions.first().is_some_and(|asked| {
            whole(&asked.question) && asked.answer.as_ref().is_some_and(whole)
        });
        if answered && review.flags.first().is_some_and(whole) {
            break review;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let taken = review.taken.unwrap();
    assert_eq!((taken.by.as_str(), taken.me), ("Ada", true));
    assert_eq!(review.questions[0].question.by, "Ada");
    assert_eq!(review.marks, 2, "the intent's and the question's");

    front
        .decide(action, VerdictChoice::Approve, "")
        .await
        .unwrap();
    front.done().await;
    let entry = review.questions[0].answer.as_ref().unwrap().entry;
    let Reply::History(page) = said(Command::History {
        before: None,
        action: Some(id),
        query: "verdict.given".into(),
    })
    .await
    .unwrap() else {
        panic!("a page of the history");
    };
    let Reply::Entry(given) = said(Command::OpenEntry {
        index: page.rows[0].index,
    })
    .await
    .unwrap() else {
        panic!("an entry");
    };
    let leaf: String = given
        .leaf_text
        .spans
        .iter()
        .map(|span| match span {
            Span::Plain { text } => text.as_str(),
            Span::Mark { .. } => "",
        })
        .collect();
    assert!(leaf.contains(&format!("\"answer.{entry}\"")), "{leaf}");
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_with_a_wrong_passphrase_first_and_a_cancelled_prompt() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("no").await;
    front.until(|view| !view.inbox.is_empty()).await;
    front.open(action).await;
    let (other, _) = agent.propose("unread").await;
    front.until(|view| view.inbox.len() == 2).await;
    let refused = front.decide(other, VerdictChoice::Deny, "").await;
    assert_eq!(refused.unwrap_err().code, "not_opened");
    agent.gateway.withdraw(other).await.unwrap();
    front.until(|view| view.inbox.len() == 1).await;
    *computer.person.passphrases.lock().unwrap() = vec![None];
    front.decide(action, VerdictChoice::Deny, "").await.unwrap();
    front
        .until(|view| {
            view.ceremony
                .as_ref()
                .is_some_and(|ceremony| ceremony.state == CeremonyState::Cancelled)
        })
        .await;
    assert_eq!(front.view().inbox.len(), 1, "cancelling decides nothing");

    *computer.person.passphrases.lock().unwrap() =
        vec![Some("wrong horse".into()), Some(PASSPHRASE.into())];
    front
        .decide(action, VerdictChoice::Deny, "not today")
        .await
        .unwrap();
    let view = front.done().await;
    assert_eq!(view.recent[0].status, ActionStatus::Denied);
    let told = agent.gateway.action(action, 0, None).await.unwrap();
    assert_eq!(told.reason.unwrap().bytes.0, b"not today");
    let asked = computer.person.asked.lock().unwrap().clone();
    let problem = asked.last().unwrap().problem.clone().unwrap();
    assert!(problem.contains("wrong"), "{problem}");
    assert!(asked.last().unwrap().purpose.contains("deny: echo no"));
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_session_and_the_copy_and_a_sign_out_ends_it() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("later").await;
    front.until(|view| view.inbox.len() == 1).await;
    let url = front.view().gateway.url;
    front.0.stop().await;

    let front = computer.start().await;
    let view = front
        .until(|view| view.phase == Phase::Ready && view.connection_is_live())
        .await;
    assert_eq!(
        view.gateway.url, url,
        "the port is part of the key's address"
    );
    assert_eq!(view.inbox[0].id, action.to_string());
    assert!(
        view.notices
            .iter()
            .all(|notice| notice.tone != Tone::Danger)
    );

    front.ask(Command::SignOut).await.unwrap();
    let view = front.until(|view| view.phase == Phase::SignedOut).await;
    assert_eq!(view.inbox.len(), 1, "the copy can still be looked at");
    tokio::time::sleep(Duration::from_millis(200)).await;
    computer.keyring_has_session(false).await;
    front.open(action).await;
    let refused = front
        .decide(action, VerdictChoice::Approve, "")
        .await
        .unwrap_err();
    assert_eq!(refused.code, "sign_in_first");

    front.ask(Command::SignIn).await.unwrap();
    front.done().await;
    front.until(|view| view.connection_is_live()).await;
    front.open(action).await;
    front
        .decide(action, VerdictChoice::Approve, "")
        .await
        .unwrap();
    front.done().await;
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_on_a_notification_shows_and_decides_nothing() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("click").await;
    front.until(|view| view.inbox.len() == 1).await;
    let mut events = front.0.subscribe(vidimus_console::FrontId::Desktop);
    front
        .0
        .notification_clicked(&action.to_string(), Some(VerdictChoice::Approve));
    let shown = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            let told = events.next().await.unwrap();
            if let Some(vidimus_console::view::Event::Show { action, confirm }) = told.event {
                return (action, confirm);
            }
        }
    });
    let (shown, confirm) = shown.await.unwrap();
    assert_eq!(shown, action.to_string());
    assert_eq!(confirm, Some(VerdictChoice::Approve));
    let told = agent.gateway.action(action, 1, None).await.unwrap();
    assert_eq!(told.status, GatewayStatus::Pending);
    front.0.stop().await;
}

trait Live {
    fn connection_is_live(&self) -> bool;
}

impl Live for vidimus_console::view::ConsoleView {
    fn connection_is_live(&self) -> bool {
        self.gateway.connection == Connection::Live
    }
}
