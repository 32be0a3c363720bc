//! A real console with its real gateway, driven like a front drives it.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

pub mod browser;
#[path = "../../../gateway/tests/support/passkey.rs"]
mod key;
pub mod passkey;
#[path = "../../../gateway/tests/support/port.rs"]
mod port;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use vidimus_client::{AgentProfile, Gateway, Home};
use vidimus_console::hooks::{About, Hooks, NotificationRequest, PassphraseAsk};
use vidimus_console::secrets::Secrets;
use vidimus_console::view::{
    CeremonyState, Command, ConsoleView, Phase, Problem, Reply, Route, VerdictChoice,
};
use vidimus_console::{Config, Console, FrontId, Handle, LOCAL};
use vidimus_ledger::part;
use vidimus_protocol::action::{
    Action, CONTEXT_TYPE, Command as Run, Context, File, PAYLOAD_TYPE, Payload, Stdin, Target,
};
use vidimus_protocol::api::{Content, Propose};
use vidimus_protocol::{ActionId, Blob, Digest};
use zeroize::Zeroizing;

pub const PASSPHRASE: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_secs(30);

/// A person who types what he is told to, and remembers what he saw.
#[derive(Default)]
pub struct Person {
    pub passphrases: Mutex<Vec<Option<String>>>,
    pub asked: Mutex<Vec<PassphraseAsk>>,
    pub notified: Mutex<Vec<NotificationRequest>>,
    pub withdrawn: Mutex<Vec<About>>,
    pub opened: Mutex<Vec<String>>,
    pub codes: Mutex<Vec<String>>,
}

#[async_trait]
impl Hooks for Person {
    fn open_url(&self, url: &str) -> Result<(), String> {
        self.opened.lock().unwrap().push(url.to_owned());
        Ok(())
    }

    async fn ask_passphrase(&self, ask: PassphraseAsk) -> Option<Zeroizing<String>> {
        self.asked.lock().unwrap().push(ask);
        let mut typed = self.passphrases.lock().unwrap();
        let next = if typed.is_empty() {
            Some(PASSPHRASE.to_owned())
        } else {
            typed.remove(0)
        };
        next.map(Zeroizing::new)
    }

    fn notify(&self, request: NotificationRequest) {
        self.notified.lock().unwrap().push(request);
    }

    fn withdraw(&self, about: &About) {
        self.withdrawn.lock().unwrap().push(about.clone());
    }

    fn show_code(&self, code: &str) {
        self.codes.lock().unwrap().push(code.to_owned());
    }
}

/// A keyring that outlives the console.
#[derive(Default)]
pub struct Keyring(Mutex<HashMap<String, String>>);

impl Secrets for Keyring {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, String> {
        Ok(self
            .0
            .lock()
            .unwrap()
            .get(name)
            .cloned()
            .map(Zeroizing::new))
    }

    fn write(&self, name: &str, secret: Option<&str>) -> Result<(), String> {
        let mut all = self.0.lock().unwrap();
        match secret {
            Some(secret) => all.insert(name.to_owned(), secret.to_owned()),
            None => all.remove(name),
        };
        Ok(())
    }
}

impl Keyring {
    /// The token of the session that is open.
    pub fn session(&self) -> String {
        let all = self.0.lock().unwrap();
        let mut sessions = all.iter().filter(|(name, _)| name.starts_with("session:"));
        sessions.next().unwrap().1.clone()
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub fn has(&self, prefix: &str) -> bool {
        self.0
            .lock()
            .unwrap()
            .keys()
            .any(|name| name.starts_with(prefix))
    }
}

/// One computer.
pub struct Computer {
    pub folder: tempfile::TempDir,
    pub person: Arc<Person>,
    pub keyring: Arc<Keyring>,
}

impl Computer {
    /// Waits until the keyring has a session's token, or has none: it is told in
    /// the background.
    pub async fn keyring_has_session(&self, has: bool) {
        let wait = async {
            while self.keyring.has("session:") != has {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
        waited.expect("the keyring follows the session");
    }

    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        port::reserve(&Home::at(folder.path()).gateway_dir());
        Self {
            folder,
            person: Arc::default(),
            keyring: Arc::default(),
        }
    }

    pub fn home(&self) -> Home {
        Home::at(self.folder.path())
    }

    pub async fn start(&self) -> Front {
        let handle = Console::start(Config {
            home: self.home(),
            hooks: self.person.clone(),
            secrets: self.keyring.clone(),
            web: true,
        });
        let front = Front(handle);
        front.until(|view| view.phase != Phase::Starting).await;
        front
    }

    /// A computer that is set up with a software key.
    pub async fn set_up(&self) -> Front {
        let front = self.start().await;
        assert_eq!(front.view().phase, Phase::Setup);
        front
            .ask(Command::Setup {
                name: "Ada".into(),
                route: Route::Software,
            })
            .await
            .unwrap();
        front.done().await;
        front
    }

    /// ... and has an agent.
    pub async fn with_agent(&self) -> (Front, Agent) {
        let front = self.set_up().await;
        front.connect("builder").await;
        let agent = self.agent("builder");
        (front, agent)
    }

    pub fn agent(&self, name: &str) -> Agent {
        let profile = AgentProfile::load(&self.home().agent_profile(name)).unwrap();
        let gateway = profile.gateway(None).unwrap();
        Agent { profile, gateway }
    }
}

pub struct Front(pub Handle);

impl Front {
    pub fn view(&self) -> ConsoleView {
        self.0.view(&FrontId::Desktop)
    }

    pub async fn ask(&self, command: Command) -> Result<Reply, Problem> {
        self.at(LOCAL, command).await
    }

    pub async fn at(&self, gateway: &str, command: Command) -> Result<Reply, Problem> {
        self.0.command(gateway, command, &FrontId::Desktop).await
    }

    #[track_caller]
    pub fn until(&self, holds: impl Fn(&ConsoleView) -> bool) -> impl Future<Output = ConsoleView> {
        let caller = std::panic::Location::caller();
        let handle = self.0.clone();
        async move {
            let mut events = handle.subscribe(FrontId::Desktop);
            let found = tokio::time::timeout(PATIENCE, async {
                loop {
                    let view = handle.view(&FrontId::Desktop);
                    if holds(&view) {
                        return view;
                    }
                    let _next = events.next().await;
                }
            });
            match found.await {
                Ok(view) => view,
                Err(_) => panic!(
                    "waited in vain at {caller}: {:#?}",
                    handle.view(&FrontId::Desktop)
                ),
            }
        }
    }

    /// The key prompt ended well.
    #[track_caller]
    pub fn done(&self) -> impl Future<Output = ConsoleView> {
        self.until(|view| match view.ceremony.as_ref().map(|it| &it.state) {
            Some(CeremonyState::Done) => true,
            Some(CeremonyState::Failed { problem }) => panic!("{problem:?}"),
            Some(CeremonyState::Cancelled) => panic!("cancelled"),
            _ => false,
        })
    }

    pub async fn connect(&self, name: &str) {
        self.ask(Command::ConnectAgent {
            name: name.into(),
            owner: None,
        })
        .await
        .unwrap();
        self.done().await;
    }

    pub async fn decide(
        &self,
        action: ActionId,
        verdict: VerdictChoice,
        reason: &str,
    ) -> Result<Reply, Problem> {
        self.ask(Command::Decide {
            action: action.to_string(),
            verdict,
            reason: reason.into(),
        })
        .await
    }

    pub async fn open(&self, action: ActionId) -> vidimus_console::view::ReviewView {
        let command = Command::OpenAction {
            action: action.to_string(),
        };
        match self.ask(command).await.unwrap() {
            Reply::Review(review) => *review,
            other => panic!("{other:?}"),
        }
    }
}

pub struct Agent {
    pub profile: AgentProfile,
    pub gateway: Gateway,
}

impl Agent {
    /// Proposes `/bin/echo WORD`; gives the action and its digest.
    pub async fn propose(&self, word: &str) -> (ActionId, Digest) {
        self.propose_in(word, None).await.unwrap()
    }

    /// The same in a run of the agent.
    pub async fn propose_in(
        &self,
        word: &str,
        run: Option<&str>,
    ) -> Result<(ActionId, Digest), vidimus_client::ClientError> {
        let action = ActionId::from_random(random());
        let payload = content(PAYLOAD_TYPE, echo(word).to_bytes());
        let digest = commit(&payload);
        let context = Context {
            intent: Some("to see it\u{202e} work".into()),
            ..Context::default()
        };
        self.gateway
            .propose(&Propose {
                action,
                context: Some(content(CONTEXT_TYPE, context.to_bytes())),
                payload,
                run: run.map(|run| run.parse().unwrap()),
                ttl_s: None,
            })
            .await?;
        Ok((action, digest))
    }
}

pub fn echo(word: &str) -> Action {
    let program = File {
        path: "/bin/echo".into(),
        sha256: Digest([1; 32]),
        size: 1,
    };
    Action {
        payload: Payload::Command(Box::new(Run {
            argv: vec!["echo".into(), word.into()],
            cwd: "/srv".into(),
            env: vec![],
            files: vec![],
            interpreter: None,
            not_bound: vec!["the network".into()],
            program,
            script: None,
            stdin: Stdin::Null,
            uid: 0,
            user: "root".into(),
        })),
        target: Target {
            environment: "local".into(),
            resource: "/srv".into(),
            system: "box".into(),
        },
    }
}

pub fn content(content_type: &str, bytes: Vec<u8>) -> Content {
    Content {
        bytes: Blob(bytes),
        salt: Digest(random()),
        r#type: content_type.into(),
    }
}

pub fn commit(content: &Content) -> Digest {
    Digest(part::commit(&content.salt.0, &content.r#type, &content.bytes.0).unwrap())
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy_folder(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).unwrap();
        }
    }
}

impl Keyring {
    /// Whether the pin that is kept covers that many entries.
    pub fn pin_has_size(&self, size: u64) -> bool {
        let all = self.0.lock().unwrap();
        all.iter()
            .filter(|(name, _)| name.starts_with("pin:"))
            .any(|(_, note)| note.lines().nth(1) == Some(&size.to_string()))
    }
}

impl Front {
    pub async fn connect_when_live(&self) {
        self.until(|view| view.gateway.connection == vidimus_console::view::Connection::Live)
            .await;
        self.connect("builder").await;
    }
}
