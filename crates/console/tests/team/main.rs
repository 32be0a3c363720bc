//! A team: a gateway elsewhere, two people, a console each.
#![allow(clippy::unwrap_used, clippy::panic)]

mod delegation;
mod escalation;
mod full_review;
mod glass;
mod grace;
mod policy;
mod seats;
mod shadow;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod trials;

use seats::{PATIENCE, Seat, Team, founded, joined, newcomer, patiently, status, take_in};
use support::Agent;
use support::passkey::Page;
use vidimus_client::Gateway as Client;
use vidimus_console::view::{
    CeremonyState, ClaimFor, Colour, Command, Event, KeyStanding, ModelChoice, PeopleView, Phase,
    Reply, RevocationWhy, RoleView, RulesView, VerdictChoice,
};
use vidimus_console::{FrontId, LOCAL};
use vidimus_ledger::checkpoint::Checkpoint;
use vidimus_ledger::note::Note;
use vidimus_ledger::tree::leaf_hash;
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{ActionStatus as Status, Redeem, StartCeremony, VerdictExtras};
use vidimus_protocol::envelope::{ActType, Decimal, Envelope, Seen, Verdict, VerdictItem};
use vidimus_protocol::{ActionId, Digest, Time, strict};

/// Four eyes: nobody decides on what his own agent proposes, whoever he is.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_at_two_consoles() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let ben = newcomer(&team, &ada, "Ben").await;
    // Before somebody signs for it his key opens nothing.
    ben.ask(Command::SignIn).await;
    let shown = ben.page().await.shown().await;
    assert!(shown.get("request").is_some(), "{shown}");
    ben.cancel().await;
    take_in(&ada, &ben, &[RoleView::Reviewer]).await;
    ben.sign(Command::SignIn).await;
    let view = ben.live().await;
    assert!(view.gateway.team);
    assert_eq!(
        (&*view.gateway.name, view.gateway.colour),
        ("Production", Colour::Red)
    );
    assert_eq!(view.reviewer.unwrap().name, "Ben");
    assert_eq!(ada.view().reviewer.unwrap().name, "Ada");

    let agent = ada.connect("deployer", None).await;
    let (action, digest) = agent.propose("release").await;
    assert_eq!(ada.open(action).await.as_deref(), Some("own_action"));
    let own = Command::Decide {
        action: action.to_string(),
        verdict: VerdictChoice::Approve,
        reason: String::new(),
    };
    assert_eq!(ada.refused(own).await, "own_action");
    assert_eq!(ben.open(action).await, None);
    ben.decide(action, VerdictChoice::Approve).await;
    assert_eq!(status(&agent, action).await, Status::Approved);
    let permit = agent.gateway.permit(action).await.unwrap();
    let redeem = Redeem {
        action_digest: digest,
        permit: permit.permit,
    };
    agent.gateway.redeem(action, &redeem).await.unwrap();

    // Whoever is no administrator connects no agent and changes nobody.
    let people = ben.people().await;
    assert!(!people.administrator && people.team);
    let own = Command::ConnectAgent {
        name: "own".into(),
        owner: None,
    };
    assert_eq!(ben.refused(own).await, "not_allowed");

    // An agent that Ada registers for Ben is for neither of them to decide.
    let bens = people.people.iter().find(|it| it.me).unwrap().id.clone();
    let bens_agent = ada.connect("for-ben", Some(bens)).await;
    let (second, _) = bens_agent.propose("second").await;
    assert_eq!(ada.open(second).await.as_deref(), Some("own_action"));
    assert_eq!(ben.open(second).await.as_deref(), Some("own_action"));

    // Both copies verify, and say the same.
    for seat in [&ada, &ben] {
        seat.ask(Command::Verify).await;
        seat.until(|view| {
            matches!(
                view.verification,
                vidimus_console::view::Verification::Passed { .. }
            )
        })
        .await;
    }
    // After a restart it goes on without another touch.
    ben.front.0.stop().await;
    let front = ben.computer.start().await;
    let ben = Seat { front, ..ben };
    ben.live().await;
    ada.front.0.stop().await;
    ben.front.0.stop().await;
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_a_veto_and_who_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let ben = joined(&team, &ada, "Ben", &[RoleView::Reviewer]).await;
    let cay = joined(&team, &ada, "Cay", &[RoleView::Reviewer]).await;
    let rules = RulesView {
        quorum: 2,
        device_bound: false,
        max_age_days: 0,
        models: Vec::new(),
    };
    ada.sign(Command::ChangeRules { rules }).await;
    let agent = ada.connect("deployer", None).await;
    let (action, _) = agent.propose("both").await;
    ben.decide(action, VerdictChoice::Approve).await;
    // They may take that back.
    assert_eq!(ben.open(action).await, None);
    let again = Command::Decide {
        action: action.to_string(),
        verdict: VerdictChoice::Approve,
        reason: String::new(),
    };
    assert_eq!(ben.refused(again).await, "decided_already");
    ben.until(|view| view.inbox.is_empty() && view.waits_for_others.len() == 1)
        .await;
    cay.until(|view| view.inbox.len() == 1).await;
    assert!(ada.view().inbox.is_empty());
    assert_eq!(status(&agent, action).await, Status::Pending);
    cay.decide(action, VerdictChoice::Approve).await;
    assert_eq!(status(&agent, action).await, Status::Approved);

    let (vetoed, _) = agent.propose("veto").await;
    ben.decide(vetoed, VerdictChoice::Approve).await;
    cay.decide(vetoed, VerdictChoice::Deny).await;
    assert_eq!(status(&agent, vetoed).await, Status::Denied);

    // Ben leaves while his word is on its way: it counts no more.
    let (counted, _) = agent.propose("recounted").await;
    ben.decide(counted, VerdictChoice::Approve).await;
    let people = ada.people().await;
    let bens = people.people.iter().find(|it| it.name == "Ben").unwrap();
    ada.sign(Command::RemovePerson {
        id: bens.id.clone(),
    })
    .await;
    cay.decide(counted, VerdictChoice::Approve).await;
    assert_eq!(status(&agent, counted).await, Status::Pending);
    // His session ended with his key.
    ben.until(|view| view.phase == Phase::SignedOut).await;
    let people = cay.people().await;
    let gone = people.people.iter().find(|it| it.name == "Ben").unwrap();
    assert!(gone.removed);
    assert!(matches!(gone.keys[0].standing, KeyStanding::Revoked { .. }));
    for seat in [ada, ben, cay] {
        seat.front.0.stop().await;
    }
    team.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_are_lost_and_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let mut ben = joined(&team, &ada, "Ben", &[RoleView::Reviewer]).await;

    // A further key is admitted by the one that is there.
    let first = ben.key.clone();
    ben.make(Command::Enrol {
        label: "Spare".into(),
    })
    .await;
    let spare = std::mem::replace(&mut ben.key, first);
    let people = ben.people().await;
    let claim = &people.claims[0];
    assert_eq!((claim.for_whom, claim.needed), (ClaimFor::Myself, 1));
    let admit = Command::Admit {
        enrolment: claim.enrolment.clone(),
    };
    ben.sign(admit).await;
    ben.ask(Command::SignOut).await;
    ben.key = spare;
    ben.sign(Command::SignIn).await;
    ben.live().await;
    let mine = |people: &PeopleView| people.people.iter().find(|it| it.me).unwrap().clone();
    let keys = mine(&ben.people().await).keys;
    let labels: Vec<_> = keys.iter().map(|key| key.label.as_str()).collect();
    assert_eq!(labels, ["Ben's phone", "Spare"]);

    // Sessions are listed by the key that opened them.
    let sessions = ben.sessions().await;
    let current: Vec<_> = sessions.iter().filter(|it| it.current).collect();
    assert_eq!(current[0].key, "Spare");

    // The lost one is revoked with the other.
    ben.sign(Command::RevokeKey {
        enrolment: keys[0].enrolment.clone(),
        why: RevocationWhy::Lost,
    })
    .await;
    let keys = mine(&ben.people().await).keys;
    assert_eq!(
        keys[0].standing,
        KeyStanding::Revoked { why: "lost".into() }
    );

    // Both are lost: Ada invites him again, on the same computer.
    let id = mine(&ben.people().await).id;
    let again = ada
        .joining(Command::Invite {
            name: String::new(),
            reviewer: Some(id),
        })
        .await;
    ben.follow(&again.text).await;
    ben.until(|view| matches!(view.phase, Phase::Enrol { .. }))
        .await;
    ben.make(Command::Enrol {
        label: "New".into(),
    })
    .await;
    let claims = ada.people_until(|it| !it.claims.is_empty()).await.claims;
    assert_eq!((claims[0].for_whom, claims[0].needed), (ClaimFor::Known, 1));
    ada.sign(Command::Admit {
        enrolment: claims[0].enrolment.clone(),
    })
    .await;
    ben.sign(Command::SignIn).await;
    ben.live().await;
    let keys = mine(&ben.people().await).keys;
    assert_eq!(keys.len(), 3);

    // A rule is tried before it is made: passkeys of this test may be copied.
    let rules = RulesView {
        quorum: 1,
        device_bound: true,
        max_age_days: 0,
        models: Vec::new(),
    };
    let named = RulesView {
        device_bound: false,
        models: vec![ModelChoice {
            aaguid: "2fc0579f-8113-47ea-b116-bb5a8db9202a".into(),
            anchor: Digest([7; 32]).to_string(),
        }],
        ..rules.clone()
    };
    let Reply::FailsRules(fails) = ada.ask(Command::TryRules { rules }).await else {
        panic!();
    };
    let counting: Vec<_> = ada
        .people()
        .await
        .people
        .into_iter()
        .flat_map(|it| it.keys)
        .filter(|key| key.standing == KeyStanding::InForce && !key.device_bound)
        .collect();
    assert_eq!(fails.len(), counting.len());
    // No key of this test has a proven model, and this gateway knows none.
    let Reply::FailsRules(fails) = ada.ask(Command::TryRules { rules: named }).await else {
        panic!();
    };
    assert!(fails.len() >= counting.len() && fails.iter().any(|key| key.last));
    assert_eq!(ada.ask(Command::Models).await, Reply::Models(Vec::new()));
    ada.front.0.stop().await;
    ben.front.0.stop().await;
    team.stop().await;
}

/// The page is the gateway's: it can have the key sign something else than the
/// console asked for. The verdict that comes of it stands in no journal, so the
/// person is asked; *no* revokes the key with another and ends all belief.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_has_something_else_signed_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let ada = founded(&team).await;
    let mut ben = joined(&team, &ada, "Ben", &[RoleView::Reviewer]).await;
    let phone = ben.key.clone();
    ben.make(Command::Enrol {
        label: "Spare".into(),
    })
    .await;
    let spare = std::mem::replace(&mut ben.key, phone);
    let enrolment = ben.people().await.claims[0].enrolment.clone();
    ben.sign(Command::Admit { enrolment }).await;

    let agent = ada.connect("deployer", None).await;
    let (wanted, _) = agent.propose("wanted").await;
    let (slipped, digest) = agent.propose("slipped in").await;
    ben.until(|view| view.inbox.len() == 2).await;
    ben.open(wanted).await;
    ben.ask(Command::Decide {
        action: wanted.to_string(),
        verdict: VerdictChoice::Approve,
        reason: String::new(),
    })
    .await;
    let honest = ben.page().await;
    // The gateway prepares another envelope, and shows that to his key.
    let lie = lie(&team, &ben, &agent, slipped, digest).await;
    lie.sign(ben.key.as_ref().unwrap()).await;
    let view = ben.until(|view| !view.doubts.is_empty()).await;
    let doubt = &view.doubts[0];
    assert_eq!(doubt.action, slipped.to_string());
    assert_eq!(
        (&*doubt.key, doubt.verdict),
        ("Ben's phone", VerdictChoice::Approve)
    );
    // What he asked for is decided all the same, and is no doubt.
    honest.sign(ben.key.as_ref().unwrap()).await;
    ben.done().await;
    ben.until(|view| view.doubts.len() == 1).await;

    let entry = doubt.entry;
    let Reply::Exported { path, .. } = ben.ask(Command::Disown { entry }).await else {
        panic!("no export");
    };
    let page = ben.page().await;
    page.sign(spare.as_ref().unwrap()).await;
    ben.until(|view| matches!(view.phase, Phase::Frozen { .. }))
        .await;
    std::fs::remove_file(path).unwrap();
    // Ada sees which key counts no more; nothing runs on its word.
    let stolen = KeyStanding::Revoked {
        why: "stolen".into(),
    };
    ada.people_until(|view| {
        let mut keys = view.people.iter().flat_map(|person| &person.keys);
        keys.any(|key| key.standing == stolen)
    })
    .await;
    let permit = agent.gateway.permit(slipped).await.unwrap().permit;
    let redeem = Redeem {
        action_digest: digest,
        permit,
    };
    assert!(agent.gateway.redeem(slipped, &redeem).await.is_err());
    ada.front.0.stop().await;
    ben.front.0.stop().await;
    team.stop().await;
}

/// A prompt that the gateway begins by itself for Ben's approval of an action.
async fn lie(team: &Team, ben: &Seat, agent: &Agent, action: ActionId, digest: Digest) -> Page {
    let token = ben.computer.keyring.session().parse().unwrap();
    let gateway = Client::new(&team.gateway.url()).unwrap().with_token(&token);
    let note = gateway.log().await.unwrap().checkpoint.unwrap();
    let checkpoint = Checkpoint::parse(Note::parse(&note).unwrap().text()).unwrap();
    let state = agent.gateway.action(action, 0, None).await.unwrap();
    let proposal = ben.proposal(action).await;
    let reason = support::content(TEXT_TYPE, Vec::new());
    let seen = Seen {
        full: false,
        parts: proposal.parts,
        renderer: "lie/1".into(),
    };
    let item = strict::canonical(&VerdictItem {
        action,
        action_digest: digest,
        expires_at: state.expires_at,
        proposal_leaf: proposal.leaf,
        reason_commit: support::commit(&reason),
        seen: seen.digest(),
        verdict: Verdict::Approve,
    });
    let now = Time::from_unix_ms(
        u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap(),
    );
    let start = StartCeremony {
        envelope: Envelope {
            expires_at: now.plus_seconds(60),
            issued_at: now,
            items_root: Digest(leaf_hash(&item)),
            log: team.gateway.log().unwrap(),
            nonce: gateway.nonce().await.unwrap().nonce,
            pinned_root: Digest(checkpoint.root),
            pinned_size: Decimal(checkpoint.size),
            signer: ben.view().reviewer.unwrap().id.parse().unwrap(),
            r#type: ActType::VerdictGiven,
        },
        items: vec![String::from_utf8(item).unwrap()],
        edit: None,
        grant: None,
        policy: None,
        review: None,
        verdict: Some(VerdictExtras { reason, seen }),
    };
    let started = gateway.start_ceremony(&start).await.unwrap();
    Page::at(&format!("{}/c/{}", team.gateway.url(), started.ceremony))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_console_follows_several_gateways_and_mixes_nothing() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (staging, production) = (Team::new(one.path()), Team::new(two.path()));
    let ada = founded(&production).await;
    let elsewhere = founded(&staging).await;
    // Ada's text for her own other computer makes the other console follow.
    let text = ada.joining(Command::Joining).await.text;
    let read = elsewhere
        .front
        .ask(Command::ReadJoining { text: text.clone() })
        .await;
    let Reply::JoiningRead(read) = read.unwrap() else {
        panic!()
    };
    assert!(!read.invites && !read.known);
    assert_eq!(read.url, production.gateway.url());
    let mut events = elsewhere.front.0.subscribe(FrontId::Desktop);
    let elsewheres_key = elsewhere.key.clone();
    let mut other = Seat {
        gateway: production.id.clone(),
        key: ada.key.clone(),
        ..elsewhere
    };
    other.follow(&text).await;
    other.sign(Command::SignIn).await;
    other.live().await;
    let listed: Vec<_> = other
        .front
        .0
        .views()
        .into_iter()
        .map(|it| it.gateway.id)
        .collect();
    assert_eq!(
        listed,
        [LOCAL.to_owned(), staging.id.clone(), production.id.clone()]
    );

    // What waits at one is in no other's inbox, and a click finds it.
    let agent = ada.connect("deployer", None).await;
    let (action, _) = agent.propose("where").await;
    other.until(|view| view.waits_for_others.len() == 1).await;
    other.gateway = staging.id.clone();
    assert!(other.view().waits_for_others.is_empty());
    let misplaced = Command::OpenAction {
        action: action.to_string(),
    };
    assert_eq!(other.refused(misplaced).await, "unknown_action");
    other
        .front
        .0
        .link_followed(&format!("vidimus://action/{action}"));
    let shown = async {
        loop {
            let told = events.next().await.unwrap();
            if let Some(Event::Show { .. }) = told.event {
                return told.gateway;
            }
        }
    };
    let shown = tokio::time::timeout(PATIENCE, shown).await;
    assert_eq!(shown.unwrap(), production.id);

    // One is given up; the other goes on. Following it again starts anew.
    other.gateway = production.id.clone();
    other.ask(Command::Unfollow).await;
    assert_eq!(other.refused(Command::People).await, "not_followed");
    let gone = async {
        loop {
            let told = events.next().await.unwrap();
            if told.event.is_none() {
                return told.gateway;
            }
        }
    };
    let gone = tokio::time::timeout(PATIENCE, gone).await;
    assert_eq!(gone.unwrap(), production.id);
    other.gateway = staging.id.clone();
    other.live().await;
    other.gateway = production.id.clone();
    other.follow(&text).await;
    other.sign(Command::SignIn).await;
    other.live().await;
    // Locked, none is taken on or given up.
    other.front.0.lock();
    other
        .until(|view| matches!(view.phase, Phase::Locked { .. }))
        .await;
    assert_eq!(other.refused(Command::Unfollow).await, "locked");
    let read = Command::ReadJoining { text: text.clone() };
    assert_eq!(other.refused(read).await, "locked");
    other.sign(Command::SignIn).await;
    other.live().await;
    other.gateway = staging.id.clone();
    other.key = elsewheres_key;
    other.sign(Command::SignIn).await;
    other.live().await;
    // It is followed already, and no other log is taken at its address.
    let known = other
        .front
        .ask(Command::ReadJoining { text })
        .await
        .unwrap();
    assert!(matches!(known, Reply::JoiningRead(read) if read.known));
    ada.front.0.stop().await;
    other.front.0.stop().await;
    staging.stop().await;
    production.stop().await;
}

/// Another log at the address than the one whose digits were read aloud.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_shows_another_log_is_not_believed() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let real = Team::new(one.path());
    let ada = founded(&real).await;
    let text = ada.joining(Command::Joining).await.text;
    ada.front.0.stop().await;
    let port = real.gateway.port();
    real.stop().await;
    // Somebody else's gateway at the same address, with a log of its own.
    patiently(async || std::net::TcpListener::bind(("127.0.0.1", port)).ok()).await;
    let false_one = Team::start(two.path(), port);
    let eve = founded(&false_one).await;
    let mut other = Seat::new(&false_one).await;
    other.key = eve.key.clone();
    other.follow(&text).await;
    other.ask(Command::SignIn).await;
    other
        .until(|view| {
            let prompt = view.ceremony.as_ref();
            prompt.is_some_and(|it| matches!(&it.state, CeremonyState::Failed { problem } if problem.code == "other_log"))
        })
        .await;
    assert_eq!(other.view().gateway.checkpoint, None);
    eve.front.0.stop().await;
    other.front.0.stop().await;
    false_one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_came_too_late_to_found_a_log_is_invited_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let team = Team::new(dir.path());
    let mut ben = Seat::new(&team).await;
    ben.follow_new(&team).await;
    let code = team.gateway.founding_code().unwrap().into();
    let name = "Ben".into();
    ben.ask(Command::Found { code, name }).await;
    ben.page().await;
    let ada = founded(&team).await;
    let invite = Command::Invite {
        name: "Ben".into(),
        reviewer: None,
    };
    let text = ada.joining(invite).await.text;
    // Not under a prompt that may found it still.
    let follow = Command::Follow {
        text: text.clone(),
        name: "Production".into(),
        colour: Colour::Red,
    };
    let refused = ben.front.ask(follow).await.unwrap_err();
    assert_eq!(refused.code, "prompt_in_progress");
    ben.cancel().await;
    ben.follow(&text).await;
    ben.invited_to(&ada).await;
    ben.make(Command::Enrol {
        label: "Ben's phone".into(),
    })
    .await;
    take_in(&ada, &ben, &[RoleView::Reviewer]).await;
    ben.sign(Command::SignIn).await;
    ben.live().await;
    ada.front.0.stop().await;
    ben.front.0.stop().await;
    team.stop().await;
}
