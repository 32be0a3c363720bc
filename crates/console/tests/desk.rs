//! What comes from the desktop around the console: links, and the lock.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::Computer;
use vidimus_console::FrontId;
use vidimus_console::hooks::{About, Offers};
use vidimus_console::view::{
    Command, ConsoleView, DesktopView, Event, Phase, Problem, ServiceView, VerdictChoice,
};

fn has(view: &ConsoleView, code: &str) -> bool {
    view.notices
        .iter()
        .any(|notice| notice.problem.code == code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_brings_up_a_known_action_and_nothing_else() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (action, _) = agent.propose("linked").await;
    front.until(|view| view.inbox.len() == 1).await;
    let mut events = front.0.subscribe(FrontId::Desktop);
    let shown = |shown: &Event| matches!(shown, Event::Show { .. });

    front
        .0
        .link_followed(&format!("vidimus://action/{action}?verdict=approve"));
    let view = front.until(|view| has(view, "bad_link")).await;
    assert!(!format!("{:?}", view.notices).contains("verdict=approve"));
    let unknown = vidimus_protocol::ActionId::from_random([9; 16]);
    front
        .0
        .link_followed(&format!("vidimus://action/{unknown}"));
    front
        .until(|view| has(view, "unknown_link") && !has(view, "bad_link"))
        .await;

    front.0.link_followed(&format!("vidimus://action/{action}"));
    front.until(|view| !has(view, "unknown_link")).await;
    // The first thing that was brought up is the one good link.
    let first = async {
        loop {
            let told = events.next().await.unwrap();
            if let Some(event) = told.event.filter(shown) {
                return event;
            }
        }
    };
    let first = tokio::time::timeout(Duration::from_secs(30), first).await;
    assert_eq!(
        first.unwrap(),
        Event::Show {
            action: action.to_string(),
            confirm: None
        }
    );
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_console_shows_a_count_and_takes_a_key_only() {
    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (first, _) = agent.propose("secret").await;
    front.until(|view| view.inbox.len() == 1).await;
    front.open(first).await;
    computer.keyring_has_session(true).await;

    front.0.lock();
    let view = front
        .until(|view| matches!(view.phase, Phase::Locked { .. }))
        .await;
    let nothing = |view: &ConsoleView| {
        let text = serde_json::to_string(view).unwrap();
        for content in ["secret", "builder", "Ada", "/srv", "to see it"] {
            assert!(!text.contains(content), "{content}: {text}");
        }
    };
    nothing(&view);
    let locked = |waiting| Phase::Locked {
        waiting,
        following: true,
    };
    assert_eq!(view.phase, locked(1));
    let about = About::Action(first.to_string());
    assert!(computer.person.withdrawn.lock().unwrap().contains(&about));

    // Everything is refused, an opened action among it.
    for command in [
        Command::OpenAction {
            action: first.to_string(),
        },
        Command::Decide {
            action: first.to_string(),
            verdict: VerdictChoice::Approve,
            reason: String::new(),
        },
        Command::History {
            before: None,
            action: None,
            query: String::new(),
        },
        Command::OpenEntry { index: 0 },
        Command::ConnectAgent {
            name: "other".into(),
            owner: None,
        },
        Command::Export,
        Command::Verify,
        Command::SignOut,
        Command::SetLockAfter { seconds: None },
        Command::SetAutostart { on: true },
    ] {
        let refused = front.ask(command.clone()).await.unwrap_err();
        assert_eq!(refused.code, "locked", "{command:?}");
    }

    // What comes meanwhile is counted, and told without a word about it.
    let (second, _) = agent.propose("whisper").await;
    let view = front.until(|view| view.phase == locked(2)).await;
    nothing(&view);
    let last = computer.person.notified.lock().unwrap().last().cloned();
    let last = last.unwrap();
    assert_eq!(
        (last.about, last.offers),
        (About::Lock("local".into()), Offers::Opening)
    );
    assert_eq!(last.body, "2 actions wait for you.");
    // A link waits until anything is shown again.
    let mut events = front.0.subscribe(FrontId::Desktop);
    front.0.link_followed(&format!("vidimus://action/{second}"));

    front.ask(Command::Lock).await.unwrap();
    let early = async {
        loop {
            if let Some(Event::Show { .. }) = events.next().await.unwrap().event {
                return;
            }
        }
    };
    let early = tokio::time::timeout(Duration::from_millis(300), early).await;
    assert!(early.is_err(), "a locked console brings nothing up");
    // What the keyring holds opens nothing.
    computer.keyring_has_session(false).await;
    front.ask(Command::SignIn).await.unwrap();
    front.done().await;
    let view = front.until(|view| view.inbox.len() == 2).await;
    assert_eq!(view.phase, Phase::Ready);
    let shown = async {
        loop {
            let told = events.next().await.unwrap();
            if let Some(Event::Show { action, confirm }) = told.event {
                return (action, confirm);
            }
        }
    };
    let shown = tokio::time::timeout(Duration::from_secs(30), shown).await;
    assert_eq!(shown.unwrap(), (second.to_string(), None));
    computer.keyring_has_session(true).await;
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_start_does_not_open_a_locked_console() {
    let computer = Computer::new();
    let front = computer.set_up().await;
    computer.keyring_has_session(true).await;
    front.0.lock();
    front
        .until(|view| matches!(view.phase, Phase::Locked { .. }))
        .await;
    computer.keyring_has_session(false).await;
    front.0.stop().await;
    drop(front);

    let front = computer.start().await;
    let locked = |view: &ConsoleView| matches!(view.phase, Phase::Locked { .. });
    assert!(locked(&front.view()), "{:?}", front.view().phase);
    // A cancelled sign-in does not either.
    computer.person.passphrases.lock().unwrap().push(None);
    front.ask(Command::SignIn).await.unwrap();
    front
        .until(|view| {
            view.ceremony.as_ref().is_some_and(|ceremony| {
                ceremony.state == vidimus_console::view::CeremonyState::Cancelled
            })
        })
        .await;
    assert!(locked(&front.view()));
    front.ask(Command::SignIn).await.unwrap();
    front.done().await;
    front.until(|view| view.phase == Phase::Ready).await;
    computer.keyring_has_session(true).await;
    front.0.stop().await;

    let front = computer.start().await;
    front.until(|view| view.phase == Phase::Ready).await;
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_lock_without_a_key_to_open_it() {
    let computer = Computer::new();
    let front = computer.start().await;
    front.ask(Command::Lock).await.unwrap();
    assert_eq!(front.view().phase, Phase::Setup);
    front.0.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_desktop_lacks_is_said_until_it_comes() {
    let computer = Computer::new();
    let front = computer.set_up().await;
    let desktop = |codes: &[&str]| DesktopView {
        autostart: false,
        lock_after_s: Some(600),
        services: codes
            .iter()
            .map(|code| ServiceView {
                name: "Something".into(),
                works: "works".into(),
                missing: Some(Problem {
                    code: (*code).into(),
                    message: "It is not there.".into(),
                    hint: "Start it.".into(),
                }),
            })
            .collect(),
    };
    front
        .0
        .desktop_changed(desktop(&["no_notifications", "no_keyring", "no_tray"]));
    let view = front.until(|view| has(view, "no_notifications")).await;
    assert!(has(&view, "no_keyring"));
    assert!(!has(&view, "no_tray"), "closing the window says that");
    assert_eq!(view.desktop.unwrap().services.len(), 3);
    computer.keyring.clear();
    front.0.desktop_changed(desktop(&[]));
    front
        .until(|view| !has(view, "no_notifications") && !has(view, "no_keyring"))
        .await;
    // A keyring that has come is given the session to keep.
    computer.keyring_has_session(true).await;
    front.0.stop().await;
}
