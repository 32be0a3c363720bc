//! The stop button and edit then approve, with a software key.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use support::Computer;
use vidimus_console::view::{
    ActionStatus, Command, FieldSort, FilledView, FilledWord, Reply, Span, VerdictChoice,
};
use vidimus_protocol::api::ActionStatus as GatewayStatus;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_and_its_runs_are_paused_and_resumed() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let id = front.view().agents[0].id.clone();
    let (of_run, _) = agent.propose_in("one", Some("nightly-42")).await.unwrap();
    let (other, _) = agent.propose("two").await;
    front.until(|view| view.inbox.len() == 2).await;
    let review = front.open(of_run).await;
    assert_eq!(
        (&review.agent, review.run.as_deref()),
        (&id, Some("nightly-42"))
    );
    let run = review.claims.iter().find(|fact| fact.label == "Run");
    assert!(run.is_some(), "{:?}", review.claims);

    let pause = |run: Option<&str>| Command::PauseAgent {
        agent: id.clone(),
        run: run.map(str::to_owned),
    };
    let bad = front.ask(pause(Some("a b"))).await.unwrap_err();
    assert_eq!(bad.code, "bad_run");
    front.ask(pause(Some("nightly-42"))).await.unwrap();
    front.done().await;
    let view = front.until(|view| view.inbox.len() == 1).await;
    let pauses = &view.agents[0].pauses;
    assert_eq!(pauses[0].run.as_deref(), Some("nightly-42"));
    assert!(pauses[0].me && pauses[0].blocked.is_none());
    assert_eq!(view.recent[0].status, ActionStatus::Stopped);
    let told = agent.gateway.action(of_run, 0, None).await.unwrap();
    assert_eq!((told.status, told.paused), (GatewayStatus::Withdrawn, true));
    let again = front.ask(pause(Some("nightly-42"))).await.unwrap_err();
    assert_eq!(again.code, "paused_already");
    assert!(agent.propose_in("three", Some("nightly-42")).await.is_err());

    // The whole of it: what was approved never runs.
    front.open(other).await;
    front
        .decide(other, VerdictChoice::Approve, "")
        .await
        .unwrap();
    front.done().await;
    front.ask(pause(None)).await.unwrap();
    front.done().await;
    let view = front.until(|view| view.agents[0].pauses.len() == 2).await;
    assert!(agent.gateway.permit(other).await.is_err());
    let row = view.recent.iter().find(|row| row.id == other.to_string());
    assert_eq!(row.unwrap().status, ActionStatus::Stopped);
    assert!(agent.propose_in("four", None).await.is_err());

    for pause in view.agents[0].pauses.clone() {
        let resume = Command::ResumeAgent {
            agent: id.clone(),
            pause: pause.entry,
        };
        front.ask(resume.clone()).await.unwrap();
        front.done().await;
        front
            .until(|view| {
                view.agents[0]
                    .pauses
                    .iter()
                    .all(|left| left.entry != pause.entry)
            })
            .await;
        let lifted = front.ask(resume).await.unwrap_err();
        assert_eq!(lifted.code, "overtaken");
    }
    agent.propose_in("five", Some("nightly-42")).await.unwrap();
    // What it stopped stays stopped, and the history says all of it.
    assert!(agent.gateway.permit(other).await.is_err());
    for words in [
        "Ada paused the run nightly-42 of the agent builder.",
        "Ada paused the agent builder.",
        "Ada resumed the agent builder.",
        "Withdrawn by a pause of the agent. It does not run.",
    ] {
        assert!(said(&front, words).await, "{words}");
    }
}

/// Whether a line of the history begins with these words.
async fn said(front: &support::Front, words: &str) -> bool {
    let history = Command::History {
        before: None,
        action: None,
        query: words.into(),
    };
    match front.ask(history).await.unwrap() {
        Reply::History(page) => !page.rows.is_empty(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_edited_and_what_came_of_it_is_approved() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("hello").await;
    front.until(|view| !view.inbox.is_empty()).await;
    let review = front.open(action).await;
    assert_eq!(review.edit_blocked, None);
    let fields = Command::EditFields {
        action: action.to_string(),
    };
    let Reply::EditFields(fields) = front.ask(fields).await.unwrap() else {
        panic!("no fields");
    };
    let arguments = &fields[0];
    assert_eq!(arguments.sort, FieldSort::Words);
    assert_eq!(arguments.words[0].text, None, "the program stays");
    assert_eq!(arguments.words[1].text.as_deref(), Some("hello"));

    let filled = |words: &[(Option<u32>, Option<&str>)]| {
        let words = words.iter().map(|(from, text)| FilledWord {
            from: *from,
            text: text.map(str::to_owned),
        });
        vec![FilledView {
            id: arguments.id.clone(),
            words: words.collect(),
        }]
    };
    let preview = |filled| Command::PreviewEdit {
        action: action.to_string(),
        filled,
    };
    let edit = |filled| Command::Edit {
        action: action.to_string(),
        filled,
    };
    for (words, code) in [
        (filled(&[(Some(0), None), (Some(1), None)]), "unchanged"),
        (filled(&[(Some(1), None)]), "bad_edit"),
        (
            filled(&[(Some(0), Some("rm")), (Some(1), None)]),
            "bad_edit",
        ),
        (filled(&[(None, None)]), "bad_edit"),
        (
            filled(&[(Some(0), None), (Some(1), Some("a\0"))]),
            "bad_edit",
        ),
    ] {
        let refused = front.ask(preview(words.clone())).await.unwrap_err();
        assert_eq!(refused.code, code, "{words:?}");
        assert_eq!(front.ask(edit(words)).await.unwrap_err().code, code);
    }
    let better = filled(&[
        (Some(0), None),
        (Some(1), Some("hello,")),
        (None, Some("world")),
    ]);
    let Reply::EditPreview(changes) = front.ask(preview(better.clone())).await.unwrap() else {
        panic!("no preview");
    };
    let text = |text: &vidimus_console::view::SafeText| match text.spans.as_slice() {
        [Span::Plain { text }] => text.clone(),
        other => panic!("{other:?}"),
    };
    let rows: Vec<_> = changes
        .iter()
        .map(|row| {
            (
                text(&row.path),
                row.before.as_ref().map(text),
                row.after.as_ref().map(text),
            )
        })
        .collect();
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(
        rows,
        [
            ("argument 1".to_owned(), own("hello"), own("hello,")),
            ("argument 2".to_owned(), None, own("world")),
        ]
    );

    front.ask(edit(better)).await.unwrap();
    front.done().await;
    let told = agent.gateway.action(action, 0, None).await.unwrap();
    assert_eq!(told.status, GatewayStatus::Superseded);
    let to = told.superseded_by.unwrap();
    let view = front
        .until(|view| view.inbox.iter().any(|row| row.id == to.to_string()))
        .await;
    assert_eq!(view.inbox.len(), 1);
    assert_eq!(view.inbox[0].edited_by.as_deref(), Some("Ada"));
    assert_eq!(view.recent[0].status, ActionStatus::Superseded);
    let old = front.open(action).await;
    let into = old.edited_into.unwrap();
    assert_eq!(
        (into.action, into.by, into.me),
        (to.to_string(), "Ada".into(), true)
    );
    assert_eq!(old.edit_blocked.unwrap().code, "not_pending");

    let new = front.open(to).await;
    let from = new.edited_from.clone().unwrap();
    assert_eq!(from.action, action.to_string());
    assert_eq!(from.differences, Some(changes));
    let payload = agent.gateway.payload(to).await.unwrap();
    assert_eq!(support::commit(&payload).to_string(), new.digest);
    front.decide(to, VerdictChoice::Approve, "").await.unwrap();
    front.done().await;
    let told = agent.gateway.action(to, 0, None).await.unwrap();
    assert_eq!(
        (told.status, told.edits),
        (GatewayStatus::Approved, Some(action))
    );
    for words in [
        "Ada edited it: another action takes its place.",
        "builder, edited by Ada, proposed:",
        "Replaced by what was edited. It does not run.",
    ] {
        assert!(said(&front, words).await, "{words}");
    }
}
