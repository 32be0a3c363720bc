//! Waiting for several actions with one request, as the executor does.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Held, World, content};
use vidimus_client::home::Home;
use vidimus_client::profile::AgentProfile;
use vidimus_executor::{Decided, Executor, Why};
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{MAX_WAITED, WaitNews};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{ActionId, Time};

const PATIENCE: Duration = Duration::from_secs(60);

fn known(action: ActionId, status: &str, questions: u64) -> Value {
    json!({ "action": action, "questions": questions, "status": status })
}

async fn wait(world: &World, agent: &Held, actions: Vec<Value>, wait_s: u64) -> WaitNews {
    let body = json!({ "actions": actions, "wait_s": wait_s });
    let asked = world.post("/v1/actions/wait", &agent.token, &body);
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.expect("the wait ends").json()
}

fn ids(news: &WaitNews) -> Vec<ActionId> {
    news.actions.iter().map(|view| view.action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_it_was_known_is_told_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (first, ack) = world.propose(&agent, &["one"]).await;
    let (second, _) = world.propose(&agent, &["two"]).await;
    let (first, second) = (first.action, second.action);
    let both = || vec![known(first, "pending", 0), known(second, "pending", 0)];

    // Nothing happens: an empty answer when the time is over. Both are waited for meanwhile.
    let waited = wait(&world, &agent, both(), 1).await;
    assert_eq!((ids(&waited), waited.unknown), (vec![], vec![]));
    // A verdict on one ends the wait of both and names one.
    let (news, ()) = tokio::join!(wait(&world, &agent, both(), 30), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.decide(&ack, Verdict::Deny, "not today").await;
    });
    assert_eq!(ids(&news), [first]);
    let reason = news.actions[0].reason.as_ref().unwrap();
    assert_eq!(reason.bytes.0, b"not today");
    // It is news until it is left out, also to whoever knows that it is over.
    let again = wait(&world, &agent, both(), 30).await;
    assert_eq!(ids(&again), [first]);
    let over = vec![known(first, "denied", 0), known(second, "pending", 0)];
    assert_eq!(ids(&wait(&world, &agent, over, 30).await), [first]);
    // Known to be further than it is: news as well.
    let further = vec![known(second, "redeemed", 0)];
    assert_eq!(ids(&wait(&world, &agent, further, 30).await), [second]);

    // A question, unless it is known.
    let question = json!({ "text": content(TEXT_TYPE, b"why now?") });
    let path = format!("/v1/actions/{second}/questions");
    let asked = world.post(&path, &world.session, &question).await;
    let _: Value = asked.json();
    let unheard = vec![known(second, "pending", 0)];
    let news = wait(&world, &agent, unheard, 30).await;
    assert_eq!(news.actions[0].questions[0].text.bytes.0, b"why now?");
    let heard = vec![known(second, "pending", 1)];
    assert_eq!(ids(&wait(&world, &agent, heard, 1).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_hears_of_its_own_and_waits_for_no_more_than_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (mine, _) = world.propose(&agent, &["one"]).await;
    let nobodys = ActionId::from_random([9; 16]);
    let actions = vec![
        known(mine.action, "pending", 0),
        known(nobodys, "pending", 0),
    ];
    let news = wait(&world, &agent, actions, 30).await;
    assert_eq!((ids(&news), news.unknown), (vec![], vec![nobodys]));

    let other = world.connect().await;
    let news = wait(&world, &other, vec![known(mine.action, "pending", 0)], 30).await;
    assert_eq!(news.unknown, [mine.action], "it is another agent's");

    let none = wait(&world, &agent, vec![], 30);
    let none = tokio::time::timeout(Duration::from_secs(20), none).await;
    assert!(none.is_ok(), "there is nothing to wait for");

    let many = vec![known(mine.action, "pending", 0); MAX_WAITED + 1];
    let body = json!({ "actions": many, "wait_s": 0 });
    let refused = world.post("/v1/actions/wait", &agent.token, &body).await;
    assert_eq!(refused.refused(), "too_many_actions");
    let refused = world.post("/v1/actions/wait", &world.session, &body).await;
    assert_eq!(refused.refused(), "unauthorised");
}

/// More than two requests' worth, by one executor.
const MANY: usize = 600;

#[tokio::test(flavor = "multi_thread")]
async fn many_wait_over_few_connections_and_each_hears_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(&folder.path().join("home"));
    let world = World::new(&home.gateway_dir()).await;
    let agent = world.connect().await;
    let executor = executor(&world, &agent, &home);
    let mut acks = Vec::new();
    for turn in 0..MANY {
        let (propose, ack) = world.propose(&agent, &["turn", &turn.to_string()]).await;
        acks.push((propose.action, ack));
    }
    let waiting = async {
        let wait = async |action: ActionId| {
            let expires_at = Time::from_unix_ms(u64::MAX >> 12);
            let decided = executor.approval(action, expires_at, &mut 0, |_| {}).await;
            (action, decided)
        };
        join_all(acks.iter().map(|(action, _)| wait(*action))).await
    };
    let deciding = async {
        let waits = format!("\nvidimus_waiting_clients {MANY}\n");
        let metrics = async || world.get("/metrics", &world.session).await.body;
        while !String::from_utf8(metrics().await).unwrap().contains(&waits) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let open = connections_to(world.gateway.port());
        assert!(open <= 40, "{open} connections for {MANY} waits");
        let [(denied, ack), .., (approved, last)] = acks.as_slice() else {
            unreachable!("there are many");
        };
        world.decide(ack, Verdict::Deny, "no").await;
        world.decide(last, Verdict::Approve, "").await;
        for (action, _) in &acks[1..acks.len() - 1] {
            let path = format!("/v1/actions/{action}/withdraw");
            let withdrawn = world.call(Method::POST, &path, Some(&agent.token), None);
            let _: Value = withdrawn.await.json();
        }
        (*denied, *approved)
    };
    let both = async { tokio::join!(waiting, deciding) };
    let (decided, (denied, approved)) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    for (action, decided) in decided {
        match decided {
            Ok(Decided::Approved) => assert_eq!(action, approved),
            Err(stop) if stop.why == Why::Denied => assert_eq!(action, denied),
            Err(stop) => assert_eq!(stop.why, Why::Withdrawn, "{stop}"),
            other => panic!("{other:?}"),
        }
    }
    world.stop().await;
}

fn executor(world: &World, agent: &Held, home: &Home) -> Executor {
    let trust = home.trust_file();
    std::fs::create_dir_all(trust.parent().unwrap()).unwrap();
    std::fs::write(&trust, TrustFile::new(world.log).to_bytes()).unwrap();
    let profile = AgentProfile {
        agent: agent.agent,
        executor: agent.executor,
        log: world.log,
        name: "builder".into(),
        tls_ca: None,
        token: agent.token.parse().unwrap(),
        trust,
        url: world.gateway.url().parse().unwrap(),
    };
    profile.save(&home.agent_profile("builder")).unwrap();
    Executor::load(home, None, None).unwrap()
}

/// Connections that a port of this computer has.
fn connections_to(port: u16) -> usize {
    let ends =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| std::fs::read_to_string(file).unwrap());
    let port = format!(":{port:04X}");
    let lines = ends.iter().flat_map(|text| text.lines().skip(1));
    let established = lines.filter(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let own = fields.next().is_some_and(|own| own.ends_with(&port));
        own && fields.nth(1) == Some("01")
    });
    established.count()
}
