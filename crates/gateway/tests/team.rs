//! A team's gateway: invitations, keys, roles, and who may decide.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../client/tests/support/authority.rs"]
mod authority;
#[path = "support/people.rs"]
mod people;
mod support;

use authority::Authority;
use people::{Person, ack, act, claim, enrol, founded, hash, invited, joined, swap, take_in, team};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Forgery, assert_with};
use support::{Held, World, config, now, registered, serve, token};
use vidimus_gateway::{Config, Entrance, Public, TlsFiles};
use vidimus_protocol::action::{Action, PAYLOAD_TYPE};
use vidimus_protocol::api::{Ack, Bundle, CeremonyStarted, Propose, Sessions};
use vidimus_protocol::entry::{Data, Leaf, Parsed, Profile};
use vidimus_protocol::envelope::{
    ActType, AdmissionItem, AgentItem, PauseItem, RecognitionItem, RemovalItem, ResumptionItem,
    Revocation, RevocationItem, Role, RulesItem, SessionItem, Verdict, token_hash,
};
use vidimus_protocol::id::{AgentId, ExecutorId, ReviewerId};
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Blob, Digest};
use vidimus_verify::bundle::{self, Wanted};
use vidimus_verify::replay::Replay;

async fn try_to_sign_in(world: &World) -> support::Reply {
    let item = SessionItem {
        expires_at: now().plus_seconds(3600),
        token_hash: token_hash(&token()),
    };
    let start = world.one(ActType::SessionOpened, &item).await;
    world.act(None, &start, &Forgery::default()).await
}

async fn rules(world: &World, quorum: u64) -> support::Reply {
    let item = RulesItem {
        device_bound: false,
        max_age_days: 0,
        models: Vec::new(),
        quorum,
        replaces: world.log,
    };
    act(world, ActType::RulesChanged, &item).await
}

/// The whole log, as the verifier judges it.
async fn replayed(world: World, dir: &std::path::Path) -> Replay {
    world.stop().await;
    let mut replay = Replay::new();
    for leaf in World::leaves(dir) {
        replay.push(leaf.as_bytes()).unwrap();
    }
    replay
}

#[tokio::test(flavor = "multi_thread")]
async fn the_founder_shows_the_code() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = serve(team(dir.path()));
    for code in ["", "0000-0000-0000-0000-0000-0000-0000-0000"] {
        let found = json!({
            "code": code, "name": "Eve", "session_expires_at": now().plus_seconds(60),
            "token_hash": token_hash(&token()),
        });
        let refused = fresh.call(Method::POST, "/v1/founding", Some(&found)).await;
        assert_eq!(refused.refused(), "forbidden");
    }
    let world = fresh.found_team(now()).await;
    assert_eq!(world.gateway.founding_code(), None);
    let replay = replayed(world, dir.path()).await;
    let log = replay.state().log().unwrap();
    assert_eq!(log.opened.profile, Profile::Team);
    assert_eq!(log.opened.founders[0].name, "Ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_gateway_is_founded_in_its_window_only() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = serve(config(dir.path()));
    assert_eq!(fresh.gateway.founding_code(), None);
    let found = json!({
        "code": "", "name": "Eve", "session_expires_at": now().plus_seconds(60),
        "token_hash": token_hash(&token()),
    });
    let refused = fresh.call(Method::POST, "/v1/founding", Some(&found)).await;
    assert_eq!(refused.refused(), "forbidden");
    fresh.stop().await;
}

/// Four eyes: Ada's agent proposes, Ada may not decide, Ben does.
#[tokio::test(flavor = "multi_thread")]
async fn another_person_decides() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let agent = world.connect().await;
    let (propose, proposed) = world.propose(&agent, &["deploy"]).await;

    let draft = world.draft(&proposed, Verdict::Approve, "mine").await;
    let own = world
        .act(Some(&world.session), &draft.start(), &Forgery::default())
        .await;
    assert_eq!(own.refused(), "own_action");

    swap(&mut world, &mut ben);
    let approved = world
        .decide(&proposed, Verdict::Approve, "looks right")
        .await;
    assert_eq!(approved.entries.len(), 3);
    let report = redeemed(&world, &agent, &propose).await;
    assert_eq!(report.reviewers[0].name, "Ben");
    assert!(!report.single_operator);

    // Was it you?
    let item = RecognitionItem {
        action: propose.action,
        verdict: hash(&approved, 0),
    };
    act(&world, ActType::VerdictRecognised, &item)
        .await
        .json::<Value>();
    let again = act(&world, ActType::VerdictRecognised, &item).await;
    assert_eq!(again.refused(), "not_your_verdict");
    replayed(world, dir.path()).await;
}

/// The same over TLS of the gateway's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_team_works_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost").write(dir.path());
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let store = dir.path().join("gateway");
    let public = Public {
        url: format!("https://localhost:{port}").parse().unwrap(),
        listen: None,
        entrance: Entrance::Tls(TlsFiles { certificate, key }),
    };
    let mut fresh = serve(Config::team(store.clone(), public));
    let ca = std::fs::read(authority.file(dir.path())).unwrap();
    fresh.http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .build()
        .unwrap();
    let mut world = fresh.found_team(now()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let agent = world.connect().await;
    let (propose, proposed) = world.propose(&agent, &["deploy"]).await;
    swap(&mut world, &mut ben);
    world
        .decide(&proposed, Verdict::Approve, "looks right")
        .await;
    let report = redeemed(&world, &agent, &propose).await;
    assert_eq!(report.reviewers[0].name, "Ben");
    let replay = replayed(world, &store).await;
    let opened = &replay.state().log().unwrap().opened;
    assert_eq!(opened.origins, [format!("https://localhost:{port}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_are_asked_and_one_denies() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    rules(&world, 2).await.json::<Value>();
    assert_eq!(rules(&world, 1).await.refused(), "overtaken");
    let agent = world.connect().await;
    for (second, expected) in [(Verdict::Approve, "approved"), (Verdict::Deny, "denied")] {
        let (propose, proposed) = world.propose(&agent, &["deploy"]).await;
        swap(&mut world, &mut ben);
        let first = world.decide(&proposed, Verdict::Approve, "").await;
        assert_eq!(first.entries.len(), 1);
        swap(&mut world, &mut ben);
        assert_eq!(
            world.status(&agent, propose.action).await["status"],
            "pending"
        );
        swap(&mut world, &mut cleo);
        world.decide(&proposed, second, "").await;
        swap(&mut world, &mut cleo);
        assert_eq!(
            world.status(&agent, propose.action).await["status"],
            expected
        );
    }
    replayed(world, dir.path()).await;
}

/// Redeems what was approved, and checks its bundle as an executor does.
async fn redeemed(world: &World, agent: &Held, propose: &Propose) -> bundle::BundleReport {
    let issued: Value = world.permit(agent, propose.action).await.json();
    let action_digest = support::commit(&propose.payload);
    let bundle: Bundle = world
        .post(
            &format!("/v1/actions/{}/redeem", propose.action),
            &agent.token,
            &json!({ "action_digest": action_digest, "permit": issued["permit"] }),
        )
        .await
        .json();
    let permit = bundle
        .entries
        .iter()
        .find_map(|entry| match Leaf::parse(entry.leaf.as_bytes()) {
            Ok(Parsed::Known(leaf)) => match leaf.data {
                Data::PermitRedeemed(data) => Some(data.permit),
                _ => None,
            },
            _ => None,
        })
        .unwrap();
    let content = Action::parse(&propose.payload.bytes.0).unwrap();
    let wanted = Wanted {
        action: propose.action,
        action_digest,
        content: &content,
        permit,
        newest: None,
    };
    bundle::check(&bundle, &TrustFile::new(world.log), &wanted).unwrap()
}

/// A bundle shows why a person's second approval counts and the first does not.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_anew_with_another_key_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let mut cleo = joined(&mut world, "Cleo", &[Role::Reviewer]).await;
    rules(&world, 2).await.json::<Value>();
    let agent = world.connect().await;
    let (propose, proposed) = world.propose(&agent, &["deploy"]).await;
    let question = json!({ "text": support::content("text/plain;charset=utf-8", b"why now?") });
    let path = format!("/v1/actions/{}/questions", propose.action);
    world
        .post(&path, &world.session, &question)
        .await
        .json::<Value>();

    swap(&mut world, &mut ben);
    world.decide(&proposed, Verdict::Approve, "").await;
    let started = enrol(&world, Some(&world.session), &json!({ "label": "New" })).await;
    let (key, made) = claim(&world, started).await;
    let item = AdmissionItem {
        credential: hash(&made, 0),
        reviewer: world.reviewer,
    };
    act(&world, ActType::CredentialAdmitted, &item)
        .await
        .json::<Value>();
    let item = RevocationItem {
        credential: ben.enrolment,
        why: Revocation::Stolen,
    };
    act(&world, ActType::CredentialRevoked, &item)
        .await
        .json::<Value>();
    world.key = key;
    world.session = world.sign_in().await;
    world
        .decide(&proposed, Verdict::Approve, "still right")
        .await;
    swap(&mut world, &mut ben);
    swap(&mut world, &mut cleo);
    world.decide(&proposed, Verdict::Approve, "").await;
    swap(&mut world, &mut cleo);
    let report = redeemed(&world, &agent, &propose).await;
    assert_eq!(report.reviewers.len(), 2);
    replayed(world, dir.path()).await;
}

/// What an invitation is good for, and what not.
/// Whoever found an invitation begins with it at the same time as the invited
/// person: one key comes of it, and the administrator compares which.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_race_for_an_invitation_one_has_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let world = founded(dir.path()).await;
    let ben = invited(&world, "Ben").await;
    let body = json!({ "invitation": ben.invitation, "label": "Phone" });
    let (first, second) = (
        enrol(&world, None, &body).await,
        enrol(&world, None, &body).await,
    );
    let CeremonyStarted { ceremony, .. } = second.json();
    let late = format!("/v1/ceremonies/{ceremony}");
    let url = world.gateway.url();
    let (key, request) = registered(&world.http, &url, &late).await;
    claim(&world, first).await;
    let challenge: Blob = serde_json::from_value(request["challenge"].clone()).unwrap();
    let challenge = Digest(challenge.0.try_into().unwrap());
    let assertion = assert_with(&key, &url, challenge, &Forgery::default()).await;
    let body = json!({ "assertion": assertion });
    let refused = world
        .call(
            Method::POST,
            &format!("{late}/assertion"),
            None,
            Some(&body),
        )
        .await;
    assert_eq!(refused.refused(), "forbidden");
    let replay = replayed(world, dir.path()).await;
    let keys = replay.state().credentials();
    assert_eq!(keys.filter(|key| key.reviewer == ben.reviewer).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_for_one_key_of_one_person() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let other = founded(elsewhere.path()).await;
    let ben = invited(&world, "Ben").await;
    let body = |text: &str| json!({ "invitation": text, "label": "Phone" });
    let mut changed = ben.invitation.clone().into_bytes();
    changed[3] ^= 1;
    let foreign = invited(&other, "Ben").await.invitation;
    for wrong in ["", "x.y", &String::from_utf8(changed).unwrap(), &foreign] {
        let refused = enrol(&world, None, &body(wrong)).await;
        assert_eq!(refused.refused(), "forbidden", "{wrong}");
    }
    assert_eq!(
        enrol(&world, None, &json!({ "label": "Phone" }))
            .await
            .refused(),
        "unauthorised"
    );
    let (key, made) = claim(&world, enrol(&world, None, &body(&ben.invitation)).await).await;
    let again = enrol(&world, None, &body(&ben.invitation)).await;
    assert_eq!(again.refused(), "forbidden", "it was used");

    // The key says whose it is, and opens nothing.
    let mut person = Person {
        key,
        reviewer: ben.reviewer,
        session: String::new(),
        enrolment: hash(&made, 0),
    };
    swap(&mut world, &mut person);
    assert_eq!(try_to_sign_in(&world).await.refused(), "key_not_admitted");
    swap(&mut world, &mut person);
    take_in(&world, &person, "Ben", &[Role::Reviewer]).await;
    swap(&mut world, &mut person);
    world.session = world.sign_in().await;

    // A reviewer invites nobody and takes nobody in.
    let invites = world
        .post("/v1/invitations", &world.session, &json!({ "name": "Eve" }))
        .await;
    assert_eq!(invites.refused(), "not_allowed");
    assert_eq!(rules(&world, 1).await.refused(), "not_allowed");
    other.stop().await;
    replayed(world, dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_key_is_admitted_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    swap(&mut world, &mut ben);
    let body = json!({ "label": "Security key" });
    let started = enrol(&world, Some(&world.session), &body).await;
    let (key, made) = claim(&world, started).await;
    let item = AdmissionItem {
        credential: hash(&made, 0),
        reviewer: world.reviewer,
    };
    act(&world, ActType::CredentialAdmitted, &item)
        .await
        .json::<Value>();
    let old_key = std::mem::replace(&mut world.key, key);
    let new_session = world.sign_in().await;
    let old_session = std::mem::replace(&mut world.session, new_session);

    // The old one is lost: revoked with the new one, and what it opened ends.
    let item = RevocationItem {
        credential: ben.enrolment,
        why: Revocation::Lost,
    };
    act(&world, ActType::CredentialRevoked, &item)
        .await
        .json::<Value>();
    let refused = world.get("/v1/session", &old_session).await;
    assert_eq!(refused.refused(), "unauthorised");
    let open: Sessions = world.get("/v1/sessions", &world.session).await.json();
    let [own] = open.sessions.as_slice() else {
        panic!("{open:?}");
    };
    assert!(own.current);
    assert_eq!(own.key, "Security key");
    let new_key = std::mem::replace(&mut world.key, old_key);
    assert_eq!(try_to_sign_in(&world).await.refused(), "key_revoked");
    world.key = new_key;

    // Another session is ended from this one; not one that is nobody's.
    let elsewhere = world.sign_in().await;
    for (id, status) in [(token_hash("nobody's"), 404), (token_hash(&elsewhere), 204)] {
        let path = format!("/v1/sessions/{id}");
        let ended = world
            .call(Method::DELETE, &path, Some(&world.session), None)
            .await;
        assert_eq!(ended.status, status);
    }
    let refused = world.get("/v1/session", &elsewhere).await;
    assert_eq!(refused.refused(), "unauthorised");
    replayed(world, dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_is_out_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let agent = bens_agent(&world, ben.reviewer).await;
    let record = {
        let leaves = World::leaves(dir.path());
        let registered = leaves
            .iter()
            .find(|leaf| leaf.contains("reviewer.registered"));
        Digest(vidimus_ledger::tree::leaf_hash(
            registered.unwrap().as_bytes(),
        ))
    };
    let item = RemovalItem {
        replaces: record,
        reviewer: ben.reviewer,
    };
    act(&world, ActType::ReviewerRemoved, &item)
        .await
        .json::<Value>();
    assert_eq!(
        world.get("/v1/session", &ben.session).await.refused(),
        "unauthorised"
    );
    swap(&mut world, &mut ben);
    assert_eq!(try_to_sign_in(&world).await.refused(), "unknown_reviewer");
    swap(&mut world, &mut ben);
    // Nobody answers for his agent any more.
    let propose = support::proposal(&["deploy"]);
    let refused = world.post("/v1/actions", &agent.token, &propose).await;
    assert_eq!(refused.refused(), "unknown_reviewer");
    replayed(world, dir.path()).await;
}

async fn bens_agent(world: &World, owner: ReviewerId) -> Held {
    let token = token();
    let item = AgentItem {
        agent: AgentId::from_random(support::random16()),
        executor: ExecutorId::from_random(support::random16()),
        name: "builder".into(),
        owner,
        token_hash: token_hash(&token),
    };
    act(world, ActType::AgentRegistered, &item)
        .await
        .json::<Value>();
    Held {
        agent: item.agent,
        executor: item.executor,
        token,
    }
}

/// Ben edits what Ada's agent proposes, and does not decide on what came of it;
/// Ben pauses that agent, and Ada does not lift it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_on_their_edit_or_lifts_anothers_pause_of_their_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = founded(dir.path()).await;
    let mut ben = joined(&mut world, "Ben", &[Role::Reviewer]).await;
    let agent = world.connect().await;
    let registration = World::leaves(dir.path()).pop().unwrap();
    let (_, proposed) = world.propose(&agent, &["deploy", "--force"]).await;

    swap(&mut world, &mut ben);
    let payload = support::action(&["deploy", "--dry-run"]).to_bytes();
    let payload = support::content(PAYLOAD_TYPE, &payload);
    let edit = world.edit(&proposed, payload).await;
    let edited = ack(&world
        .act(Some(&world.session), &edit, &Forgery::default())
        .await);
    let successor = Ack {
        parts: Vec::new(),
        checkpoint: edited.checkpoint,
        entries: vec![edited.entries[1].clone()],
    };
    let own = world.draft(&successor, Verdict::Approve, "mine").await;
    let own = world
        .act(Some(&world.session), &own.start(), &Forgery::default())
        .await;
    assert_eq!(own.refused(), "own_edit");

    let pause = PauseItem {
        agent: agent.agent,
        registration: Digest(vidimus_ledger::tree::leaf_hash(registration.as_bytes())),
        run: None,
    };
    let paused = ack(&act(&world, ActType::AgentPaused, &pause).await);
    let resume = ResumptionItem {
        agent: agent.agent,
        pause: hash(&paused, 0),
    };
    swap(&mut world, &mut ben);
    let lifted = act(&world, ActType::AgentResumed, &resume).await;
    assert_eq!(lifted.refused(), "not_your_pause");
    swap(&mut world, &mut ben);
    ack(&act(&world, ActType::AgentResumed, &resume).await);
    replayed(world, dir.path()).await;
}
