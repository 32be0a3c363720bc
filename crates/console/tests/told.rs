//! Who was told about an action, as a front sees it.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use support::{Computer, Front};
use vidimus_console::view::{Command, DeliveriesView, DeliveryState, Reply};
use vidimus_gateway::webhooks::Endpoints;
use vidimus_protocol::{ActionId, Time};

async fn told(front: &Front, action: ActionId) -> DeliveriesView {
    let action = action.to_string();
    match front.ask(Command::Deliveries { action }).await.unwrap() {
        Reply::Deliveries(told) => told,
        other => panic!("{other:?}"),
    }
}

fn now() -> Time {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Time::from_unix_ms(since.as_millis().try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_stands_beside_the_action_for_whoever_is_signed_in() {
    let app = Router::new().route("/", post(async || StatusCode::IM_A_TEAPOT));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });

    let computer = Computer::new();
    let (front, agent) = computer.with_agent().await;
    let (before, _) = agent.propose("before").await;
    let nobody = told(&front, before).await;
    assert_eq!((nobody.endpoints, nobody.problem), (0, None));
    assert!(nobody.deliveries.is_empty());

    let dir = computer.home().gateway_dir();
    let mut endpoints = Endpoints::default();
    let url = format!("http://{host}/");
    let events = ["action.proposed".to_owned()];
    endpoints.add("ops", &url, &events, now()).unwrap();
    endpoints.write(&dir).unwrap();
    let (action, _) = agent.propose("after").await;
    let mut last = told(&front, action).await;
    for _ in 0..600 {
        if last.deliveries.iter().any(|one| one.tries == 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        last = told(&front, action).await;
    }
    let one = &last.deliveries[0];
    assert_eq!(
        (one.state, one.tries),
        (DeliveryState::Failed, 1),
        "{last:#?}"
    );
    let plain = |text: &vidimus_console::view::SafeText| format!("{:?}", text.spans);
    assert!(plain(&one.host).contains(&host));
    assert!(plain(one.why.as_ref().unwrap()).contains("It answered 418."));
    assert!(one.first_tried_unix_ms.is_some() && one.next_try_unix_ms > one.last_tried_unix_ms);

    let nonsense = Command::Deliveries { action: "x".into() };
    assert_eq!(
        front.ask(nonsense).await.unwrap_err().code,
        "unknown_action"
    );
    let unknown = ActionId::from_random([9; 16]).to_string();
    let refused = front
        .ask(Command::Deliveries { action: unknown })
        .await
        .unwrap_err();
    assert_eq!(refused.code, "deliveries_unknown");
    front.ask(Command::SignOut).await.unwrap();
    let action = action.to_string();
    let refused = front.ask(Command::Deliveries { action }).await.unwrap_err();
    assert_eq!(refused.code, "sign_in_first");
    front.0.stop().await;
}
