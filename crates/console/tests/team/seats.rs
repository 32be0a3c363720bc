//! The gateway of a team, and people at consoles of their own.

use std::path::Path;
use std::time::Duration;

use crate::support::passkey::Page;
use crate::support::{Agent, Computer, Front};
use ::passkey::types::Passkey;
use tokio::sync::oneshot;
use vidimus_console::view::{
    CeremonyState, ClaimFor, Colour, Command, Connection, ConsoleView, JoiningView, PeopleView,
    Phase, Reply, RoleView, SessionRow, VerdictChoice,
};
use vidimus_gateway::{Config, Entrance, Gateway, Public};
use vidimus_protocol::api::ActionStatus as Status;
use vidimus_protocol::envelope::SeenPart;
use vidimus_protocol::{ActionId, Digest};

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The gateway of a team, tried out on this computer.
pub(crate) struct Team {
    pub(crate) gateway: Gateway,
    pub(crate) id: String,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) served: tokio::task::JoinHandle<()>,
}

impl Team {
    pub(crate) fn start(dir: &Path, port: u16) -> Self {
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

    pub(crate) fn new(dir: &Path) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        Self::start(dir, port)
    }

    pub(crate) async fn stop(self) {
        let _stopped = self.stop.send(());
        self.served.await.unwrap();
    }
}

pub(crate) struct Proposal {
    pub(crate) leaf: Digest,
    pub(crate) parts: Vec<SeenPart>,
}

/// A person at a console of his own, with his key.
pub(crate) struct Seat {
    pub(crate) computer: Computer,
    pub(crate) front: Front,
    pub(crate) gateway: String,
    pub(crate) key: Option<Passkey>,
}

/// What is asked for until it is there.
pub(crate) async fn patiently<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap()
}

impl Seat {
    pub(crate) async fn new(team: &Team) -> Self {
        let computer = Computer::new();
        Self {
            front: computer.start().await,
            computer,
            gateway: team.id.clone(),
            key: None,
        }
    }

    pub(crate) async fn ask(&self, command: Command) -> Reply {
        let asked = format!("{command:?}");
        match self.front.at(&self.gateway, command).await {
            Ok(reply) => reply,
            Err(problem) => panic!("{asked}: {problem:?}"),
        }
    }

    pub(crate) async fn refused(&self, command: Command) -> String {
        let reply = self.front.at(&self.gateway, command).await;
        reply.unwrap_err().code
    }

    pub(crate) fn view(&self) -> ConsoleView {
        let mut views = self.front.0.views().into_iter();
        views.find(|view| view.gateway.id == self.gateway).unwrap()
    }

    #[track_caller]
    pub(crate) fn until(
        &self,
        holds: impl Fn(&ConsoleView) -> bool,
    ) -> impl Future<Output = ConsoleView> {
        let caller = std::panic::Location::caller();
        async move {
            let end = tokio::time::Instant::now() + PATIENCE;
            while tokio::time::Instant::now() < end {
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
    pub(crate) async fn page(&self) -> Page {
        let view = self
            .until(|view| {
                let prompt = view.ceremony.as_ref();
                prompt.is_some_and(|it| it.url.is_some() && it.state == CeremonyState::Waiting)
            })
            .await;
        Page::at(&view.ceremony.unwrap().url.unwrap())
    }

    #[track_caller]
    pub(crate) fn done(&self) -> impl Future<Output = ConsoleView> {
        self.until(|view| match view.ceremony.as_ref().map(|it| &it.state) {
            Some(CeremonyState::Done) => true,
            Some(CeremonyState::Failed { problem }) => panic!("{problem:?}"),
            Some(CeremonyState::Cancelled) => panic!("cancelled"),
            _ => false,
        })
    }

    /// Asks for a key prompt and makes a key there.
    pub(crate) async fn make(&mut self, command: Command) {
        self.ask(command).await;
        self.key = Some(self.page().await.make().await);
        self.done().await;
    }

    /// Asks for a key prompt and touches the key.
    pub(crate) async fn sign(&self, command: Command) {
        self.ask(command).await;
        self.touch().await;
    }

    pub(crate) async fn touch(&self) {
        let page = self.page().await;
        page.sign(self.key.as_ref().unwrap()).await;
        self.done().await;
    }

    pub(crate) async fn people(&self) -> PeopleView {
        match self.ask(Command::People).await {
            Reply::People(people) => *people,
            other => panic!("{other:?}"),
        }
    }

    /// What people, keys and claims are, once that holds.
    pub(crate) async fn people_until(&self, holds: impl Fn(&PeopleView) -> bool) -> PeopleView {
        patiently(async || Some(self.people().await).filter(&holds)).await
    }

    pub(crate) async fn joining(&self, command: Command) -> JoiningView {
        match self.ask(command).await {
            Reply::Joining(joining) => joining,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn sessions(&self) -> Vec<SessionRow> {
        match self.ask(Command::Sessions).await {
            Reply::Sessions(sessions) => sessions,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn follow(&self, text: &str) {
        let command = Command::Follow {
            text: text.into(),
            name: "Production".into(),
            colour: Colour::Red,
        };
        let reply = self.front.ask(command).await.unwrap();
        let gateway = self.gateway.clone();
        assert_eq!(reply, Reply::Followed { gateway });
    }

    pub(crate) async fn cancel(&self) {
        self.ask(Command::CancelCeremony).await;
        self.until(|view| {
            let prompt = view.ceremony.as_ref();
            prompt.is_none_or(|it| it.state != CeremonyState::Waiting)
        })
        .await;
    }

    /// Is to make a key, at the log that the other one follows.
    pub(crate) async fn invited_to(&self, other: &Seat) {
        let view = self
            .until(|view| matches!(view.phase, Phase::Enrol { .. }))
            .await;
        let Phase::Enrol { log_fingerprint } = view.phase else {
            panic!();
        };
        // What both read aloud.
        assert_eq!(log_fingerprint, other.people().await.log_fingerprint);
    }

    /// Follows a gateway that has no log yet.
    pub(crate) async fn follow_new(&self, team: &Team) {
        let command = Command::FollowNew {
            url: team.gateway.url(),
            authority: None,
            name: "Production".into(),
            colour: Colour::Red,
        };
        self.front.ask(command).await.unwrap();
        self.until(|view| view.phase == Phase::Found).await;
    }

    pub(crate) async fn live(&self) -> ConsoleView {
        self.until(|view| view.phase == Phase::Ready && view.gateway.connection == Connection::Live)
            .await
    }

    async fn claimed(self) -> Self {
        self.until(|view| matches!(view.phase, Phase::Claimed { .. }))
            .await;
        self
    }

    async fn taken_in(self, ada: &Self, roles: &[RoleView]) -> Self {
        take_in(ada, &self, roles).await;
        self.sign(Command::SignIn).await;
        self.live().await;
        self
    }

    pub(crate) async fn decide(&self, action: ActionId, verdict: VerdictChoice) {
        self.open(action).await;
        self.sign(Command::Decide {
            action: action.to_string(),
            verdict,
            reason: String::new(),
        })
        .await;
    }

    pub(crate) async fn open(&self, action: ActionId) -> Option<String> {
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
    pub(crate) async fn proposal(&self, action: ActionId) -> Proposal {
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

    pub(crate) async fn connect(&self, name: &str, owner: Option<String>) -> Agent {
        self.sign(Command::ConnectAgent {
            name: name.into(),
            owner,
        })
        .await;
        self.computer.agent(name)
    }
}

/// Ada has founded the log.
pub(crate) async fn founded(team: &Team) -> Seat {
    let mut ada = Seat::new(team).await;
    ada.follow_new(team).await;
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
pub(crate) async fn newcomer(team: &Team, ada: &Seat, name: &str) -> Seat {
    let mut ben = invited(team, ada, name).await;
    ben.make(enrol(name)).await;
    ben.claimed().await
}

/// Taken in and signed in, with a key that cannot leave its device.
pub(crate) async fn joined_bound(team: &Team, ada: &Seat, name: &str, roles: &[RoleView]) -> Seat {
    let mut ben = invited(team, ada, name).await;
    ben.ask(enrol(name)).await;
    ben.key = Some(ben.page().await.make_bound().await);
    ben.done().await;
    ben.claimed().await.taken_in(ada, roles).await
}

fn enrol(name: &str) -> Command {
    Command::Enrol {
        label: format!("{name}'s phone"),
    }
}

async fn invited(team: &Team, ada: &Seat, name: &str) -> Seat {
    let invited = ada
        .joining(Command::Invite {
            name: name.into(),
            reviewer: None,
        })
        .await;
    assert!(invited.expires_at_unix_ms.is_some());
    let ben = Seat::new(team).await;
    ben.follow(&invited.text).await;
    ben.invited_to(ada).await;
    ben
}

pub(crate) async fn take_in(ada: &Seat, ben: &Seat, roles: &[RoleView]) {
    let Phase::Claimed { fingerprint, .. } = ben.view().phase else {
        panic!("{:?}", ben.view().phase);
    };
    // What he reads aloud is in her list.
    let his = |people: &PeopleView| {
        let mut claims = people.claims.iter();
        claims.find(|it| it.fingerprint == fingerprint).cloned()
    };
    let people = ada.people_until(|people| his(people).is_some()).await;
    let claim = his(&people).unwrap();
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
pub(crate) async fn joined(team: &Team, ada: &Seat, name: &str, roles: &[RoleView]) -> Seat {
    newcomer(team, ada, name).await.taken_in(ada, roles).await
}

pub(crate) async fn status(agent: &Agent, action: ActionId) -> Status {
    agent.gateway.action(action, 0, None).await.unwrap().status
}
