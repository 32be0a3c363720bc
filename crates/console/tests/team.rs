//! A team: a gateway elsewhere, two people, a console each.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::time::Duration;

use ::passkey::types::Passkey;
use support::passkey::Page;
use support::{Agent, Computer, Front};
use tokio::sync::oneshot;
use vidimus_client::Gateway as Client;
use vidimus_console::view::{
    CeremonyState, ClaimFor, Colour, Command, Connection, ConsoleView, Event, JoiningView,
    KeyStanding, ModelChoice, PeopleView, Phase, Reply, RevocationWhy, RoleView, RulesView,
    SessionRow, VerdictChoice,
};
use vidimus_console::{FrontId, LOCAL};
use vidimus_gateway::{Config, Entrance, Gateway, Public};
use vidimus_ledger::checkpoint::Checkpoint;
use vidimus_ledger::note::Note;
use vidimus_ledger::tree::leaf_hash;
use vidimus_protocol::action::TEXT_TYPE;
use vidimus_protocol::api::{ActionStatus as Status, Redeem, StartCeremony, VerdictExtras};
use vidimus_protocol::envelope::{
    ActType, Decimal, Envelope, Seen, SeenPart, Verdict, VerdictItem,
};
use vidimus_protocol::{ActionId, Digest, Time, strict};

/// The gateway of a team, tried out on this computer.
struct Team {
    gateway: Gateway,
    id: String,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

impl Team {
    fn start(dir: &Path, port: u16) -> Self {
        let public = Public {
            url: format!("http://localhost:{port}").parse().unwrap(),
            listen: None,
            entrance: Entrance::Loopback,
        };
        let gateway = Gateway::open(Config::team(dir.to_owned(), public)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = gateway.clone().serve(axum::Router::new(), async {
            let _either = stopped.await;
        });
        Self {
            id: format!("localhost:{port}"),
            served: tokio::spawn(async { serving.await.unwrap() }),
            gateway,
            stop,
        }
    }

    fn new(dir: &Path) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        Self::start(dir, port)
    }

    async fn stop(self) {
        let _stopped = self.stop.send(());
        self.served.await.unwrap();
    }
}

struct Proposal {
    leaf: Digest,
    parts: Vec<SeenPart>,
}

/// A person at a console of his own, with his key.
struct Seat {
    computer: Computer,
    front: Front,
    gateway: String,
    key: Option<Passkey>,
}

impl Seat {
    async fn new(team: &Team) -> Self {
        let computer = Computer::new();
        Self {
            front: computer.start().await,
            computer,
            gateway: team.id.clone(),
            key: None,
        }
    }

    async fn ask(&self, command: Command) -> Reply {
        let asked = format!("{command:?}");
        match self.front.at(&self.gateway, command).await {
            Ok(reply) => reply,
            Err(problem) => panic!("{asked}: {problem:?}"),
        }
    }

    async fn refused(&self, command: Command) -> String {
        let reply = self.front.at(&self.gateway, command).await;
        reply.unwrap_err().code
    }

    fn view(&self) -> ConsoleView {
        let mut views = self.front.0.views().into_iter();
        views.find(|view| view.gateway.id == self.gateway).unwrap()
    }

    #[track_caller]
    fn until(&self, holds: impl Fn(&ConsoleView) -> bool) -> impl Future<Output = ConsoleView> {
        let caller = std::panic::Location::caller();
        async move {
            for _ in 0..1500 {
                let views = self.front.0.views();
                let view = views
                    .into_iter()
                    .find(|view| view.gateway.id == self.gateway);
                if let Some(view) = view.filter(&holds) {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("waited in vain at {caller}: {:#?}", self.view());
        }
    }

    /// The page of the key prompt that is open.
    async fn page(&self) -> Page {
        let view = self
            .until(|view| {
                let prompt = view.ceremony.as_ref();
                prompt.is_some_and(|it| it.url.is_some() && it.state == CeremonyState::Waiting)
            })
            .await;
        Page::at(&view.ceremony.unwrap().url.unwrap())
    }

    #[track_caller]
    fn done(&self) -> impl Future<Output = ConsoleView> {
        self.until(|view| match view.ceremony.as_ref().map(|it| &it.state) {
            Some(CeremonyState::Done) => true,
            Some(CeremonyState::Failed { problem }) => panic!("{problem:?}"),
            Some(CeremonyState::Cancelled) => panic!("cancelled"),
            _ => false,
        })
    }

    /// Asks for a key prompt and makes a key there.
    async fn make(&mut self, command: Command) {
        self.ask(command).await;
        self.key = Some(self.page().await.make().await);
        self.done().await;
    }

    /// Asks for a key prompt and touches the key.
    async fn sign(&self, command: Command) {
        self.ask(command).await;
        self.touch().await;
    }

    async fn touch(&self) {
        let page = self.page().await;
        page.sign(self.key.as_ref().unwrap()).await;
        self.done().await;
    }

    async fn people(&self) -> PeopleView {
        match self.ask(Command::People).await {
            Reply::People(people) => *people,
            other => panic!("{other:?}"),
        }
    }

    async fn joining(&self, command: Command) -> JoiningView {
        match self.ask(command).await {
            Reply::Joining(joining) => joining,
            other => panic!("{other:?}"),
        }
    }

    async fn sessions(&self) -> Vec<SessionRow> {
        match self.ask(Command::Sessions).await {
            Reply::Sessions(sessions) => sessions,
            other => panic!("{other:?}"),
        }
    }

    async fn follow(&self, text: &str) {
        let command = Command::Follow {
            text: text.into(),
            name: "Production".into(),
            colour: Colour::Red,
        };
        let reply = self.front.ask(command).await.unwrap();
        let gateway = self.gateway.clone();
        assert_eq!(reply, Reply::Followed { gateway });
    }

    async fn live(&self) -> ConsoleView {
        self.until(|view| view.phase == Phase::Ready && view.gateway.connection == Connection::Live)
            .await
    }

    async fn decide(&self, action: ActionId, verdict: VerdictChoice) {
        self.open(action).await;
        self.sign(Command::Decide {
            action: action.to_string(),
            verdict,
            reason: String::new(),
        })
        .await;
    }

    async fn open(&self, action: ActionId) -> Option<String> {
        self.until(|view| {
            let mut waiting = view.inbox.iter().chain(&view.waits_for_others);
            waiting.any(|row| row.id == action.to_string())
        })
        .await;
        let command = Command::OpenAction {
            action: action.to_string(),
        };
        match self.ask(command).await {
            Reply::Review(review) => review.blocked.map(|problem| problem.code),
            other => panic!("{other:?}"),
        }
    }

    /// The entry that proposed an action, as its parts name it.
    async fn proposal(&self, action: ActionId) -> Proposal {
        let command = Command::OpenAction {
            action: action.to_string(),
        };
        let Reply::Review(review) = self.ask(command).await else {
            panic!("no review");
        };
        let Reply::Entry(entry) = self
            .ask(Command::OpenEntry {
                index: review.entry,
            })
            .await
        else {
            panic!("no entry");
        };
        let part = |part: &vidimus_console::view::PartView| SeenPart {
            commit: part.commit.parse().unwrap(),
            name: part.name.clone(),
        };
        Proposal {
            leaf: entry.leaf_hash.parse().unwrap(),
            parts: entry.parts.iter().map(part).collect(),
        }
    }

    async fn connect(&self, name: &str, owner: Option<String>) -> Agent {
        self.sign(Command::ConnectAgent {
            name: name.into(),
            owner,
        })
        .await;
        self.computer.agent(name)
    }
}

/// Ada has founded the log.
async fn founded(team: &Team) -> Seat {
    let mut ada = Seat::new(team).await;
    let command = Command::FollowNew {
        url: team.gateway.url(),
        authority: None,
        name: "Production".into(),
        colour: Colour::Red,
    };
    ada.front.ask(command).await.unwrap();
    ada.until(|view| view.phase == Phase::Found).await;
    let wrong = Command::Found {
        code: "0000-0000".into(),
        name: "Ada".into(),
    };
    ada.ask(wrong).await;
    ada.until(|view| {
        let prompt = view.ceremony.as_ref();
        prompt.is_some_and(|it| matches!(&it.state, CeremonyState::Failed { problem } if problem.code == "forbidden"))
    })
    .await;
    ada.make(Command::Found {
        code: team.gateway.founding_code().unwrap().into(),
        name: "Ada".into(),
    })
    .await;
    ada.live().await;
    ada
}

/// Invited by Ada, his key made, not taken in yet.
async fn newcomer(team: &Team, ada: &Seat, name: &str) -> Seat {
    let invited = ada
        .joining(Command::Invite {
            name: name.into(),
            reviewer: None,
        })
        .await;
    assert!(invited.expires_at_unix_ms.is_some());
    let mut ben = Seat::new(team).await;
    ben.follow(&invited.text).await;
    let view = ben
        .until(|view| matches!(view.phase, Phase::Enrol { .. }))
        .await;
    let Phase::Enrol { log_fingerprint } = view.phase else {
        panic!();
    };
    // What both read aloud.
    assert_eq!(log_fingerprint, ada.people().await.log_fingerprint);
    ben.make(Command::Enrol {
        label: format!("{name}'s phone"),
    })
    .await;
    ben.until(|view| matches!(view.phase, Phase::Claimed { .. }))
        .await;
    ben
}

async fn take_in(ada: &Seat, ben: &Seat, roles: &[RoleView]) {
    let Phase::Claimed { fingerprint, .. } = ben.view().phase else {
        panic!("{:?}", ben.view().phase);
    };
    let mut claim = None;
    for _ in 0..500 {
        let claims = ada.people().await.claims;
        claim = claims.into_iter().find(|it| it.fingerprint == fingerprint);
        if claim.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let claim = claim.expect("the fingerprint that he reads aloud is in her list");
    assert_eq!(claim.for_whom, ClaimFor::Newcomer);
    ada.sign(Command::Register {
        enrolment: claim.enrolment,
        identity: format!("{}@example.com", claim.name.to_lowercase()),
        roles: roles.to_vec(),
        groups: vec!["sre".into()],
    })
    .await;
}

/// Taken in and signed in.
async fn joined(team: &Team, ada: &Seat, name: &str, roles: &[RoleView]) -> Seat {
    let ben = newcomer(team, ada, name).await;
    take_in(ada, &ben, roles).await;
    ben.sign(Command::SignIn).await;
    ben.live().await;
    ben
}

async fn status(agent: &Agent, action: ActionId) -> Status {
    agent.gateway.action(action, 0, None).await.unwrap().status
}

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
    ben.ask(Command::CancelCeremony).await;
    ben.until(|view| {
        let prompt = view.ceremony.as_ref();
        prompt.is_none_or(|it| it.state != CeremonyState::Waiting)
    })
    .await;
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
    assert_eq!(ben.open(action).await.as_deref(), Some("decided_already"));
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
    let mut claims = Vec::new();
    while claims.is_empty() {
        claims = ada.people().await.claims;
    }
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
    let mut keys = Vec::new();
    while !keys.contains(&KeyStanding::Revoked {
        why: "stolen".into(),
    }) {
        let people = ada.people().await.people;
        keys = people
            .into_iter()
            .flat_map(|it| it.keys)
            .map(|it| it.standing)
            .collect();
    }
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
    let shown = tokio::time::timeout(Duration::from_secs(30), shown).await;
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
    let gone = tokio::time::timeout(Duration::from_secs(30), gone).await;
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
    let false_one = loop {
        match std::net::TcpListener::bind(("127.0.0.1", port)) {
            Ok(free) => {
                drop(free);
                break Team::start(two.path(), port);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
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
