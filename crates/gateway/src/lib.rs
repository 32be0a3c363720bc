//! The gateway that agents ask.
//!
//! It keeps the ledger, asks the policy, shows pending actions to consoles,
//! checks what people sign, issues permits and redeems them once. The desktop
//! console embeds it; `vidimus gateway` runs it alone.
//!
//! - [`Gateway::open`] binds its port and reads the ledger back: on loopback
//!   for one person, or where [`Public`] says for several.
//! - [`Gateway::serve`] answers HTTP until it is told to stop.
//! - [`Gateway::found`] begins the first key; only this process can.
//!
//! Every entry is made by the one sequencer (`sequencer.rs`). Routes only read
//! what is committed and signed (`shared.rs`). Interface: `docs/spec/api.md`.

mod backup;
mod ceremonies;
mod clock;
mod config;
mod door;
mod edit;
mod enrolment;
mod founding;
mod grants;
mod guard;
mod health;
mod keys;
mod metadata;
mod metrics;
mod policies;
mod port;
mod presence;
mod problem;
mod public;
mod relying_party;
mod routes;
mod sequencer;
mod serving;
mod shared;
mod store;
mod tls;
pub mod webhooks;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use axum::Router;
use tokio::sync::{Semaphore, oneshot};
use vidimus_ledger::note::SigningKey;
use vidimus_ledger::tree::MemoryTree;
use vidimus_protocol::api::{Ack, CeremonyState, CeremonyView, FeedMessage};
use vidimus_protocol::entry::Profile;
use vidimus_protocol::id::CeremonyId;
use vidimus_protocol::state::name_is_fit;
use vidimus_protocol::{Digest, State};
use vidimus_verify::permit::PermitSigner;
use vidimus_verify::replay::Replay;
use webauthn_rs::prelude::CreationChallengeResponse;

pub use backup::{BackupError, Copied, backup};
pub use clock::{BOUND as CLOCK_BOUND, Clock, SystemClock};
pub use config::{Config, OpenError};
pub use door::DoorError;
pub use founding::{NewSession, Registration, SoftwareKey};
pub use guard::GuardError;
pub use keys::KeysError;
pub use metadata::{Metadata, MetadataError};
pub use port::PortError;
pub use problem::Refusal;
pub use public::{Entrance, Public, PublicUrl, PublicUrlError, TlsFiles};
pub use routes::openapi;
pub use store::StoreError;
pub use tls::CertificateError;

use ceremonies::{Ceremonies, Step, Whose};
use clock::Timekeeper;
use door::Door;
use enrolment::{FoundingCode, Invitations};
use founding::{Opening, Premises};
use guard::LastSigned;
use keys::Keys;
use port::Loopback;
use relying_party::RelyingParty;
use routes::feed::off_the_async_threads;
use sequencer::{Answer, Job, Logged, Request, Sequencer};
use shared::{Committed, Shared};
use store::Store;
use webhooks::Webhooks;

/// Most requests that wait for the sequencer at a time.
const MOST_IN_FLIGHT: usize = 4096;

/// A running gateway. Clones are handles to the same one.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    /// `None` only while the last handle is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    sequencer: Option<std::thread::JoinHandle<()>>,
    in_flight: Semaphore,
    ceremonies: Ceremonies,
    relying_party: RelyingParty,
    invitations: Invitations,
    founding_code: FoundingCode,
    premises: Premises,
    clock: Arc<dyn Clock>,
    webhooks: Webhooks,
    port: u16,
    dir: PathBuf,
    /// What `Host` may say.
    hosts: Vec<String>,
    /// Whether browsers are told to come by TLS only.
    strict_transport: bool,
    door: std::sync::Mutex<Option<Door>>,
    stopping: tokio::sync::watch::Sender<bool>,
    /// Held open for its lock.
    _lock: std::fs::File,
}

/// A founding on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// The key prompt.
    pub ceremony: CeremonyId,
    /// The code that its page asks for. Show it in the window only.
    pub code: String,
    /// Its page.
    pub url: String,
}

impl Gateway {
    /// Binds the port, reads the ledger back and starts the sequencer.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way and what to do.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let Config {
            dir,
            clock,
            public,
            metadata,
        } = config;
        let lock = lock_folder(&dir)?;
        let door = match &public {
            Some(public) => Door::open(public, clock.clone())?,
            None => Door::loopback(Loopback::bind(&dir.join("port"))?),
        };
        let port = door.port;
        let profile = match public {
            Some(_) => Profile::Team,
            None => Profile::Personal,
        };
        let url = match public {
            Some(public) => public.url,
            None => PublicUrl::local(port),
        };
        let hosts = url.hosts();
        let ledger = dir.join("gateway.db");
        let keys = Keys::open(&dir.join("keys.json"), ledger.exists())?;
        let store = Store::open(&ledger)?;
        let (replay, state, tree) = read_back(&store)?;
        let guard = dir.join("last-signed");
        LastSigned::check(&guard, &tree)?;
        let origin = keys.origin();
        let log_key = SigningKey::from_seed(&origin, &keys.log_seed.0)
            .expect("the origin is a key name and 32 bytes are a seed");
        let permit_key = PermitSigner::from_seed(&keys.permit_seed.0);
        let web_origin = url.origin();
        let premises = Premises {
            log_key: log_key.verifier().to_string(),
            nonce: keys.nonce,
            origin: origin.clone(),
            profile,
            rp_id: url.rp_id().to_owned(),
            web_origin: web_origin.clone(),
            permit_key: permit_key.key().clone(),
        };
        if let Some(log) = state.log()
            && log.opened.profile != profile
        {
            return Err(OpenError::OtherProfile(match log.opened.profile {
                Profile::Personal => "one person's: start it without `--public-url`",
                Profile::Team => "a team's: start it with its `--public-url`",
            }));
        }
        if let Some(log) = state.log()
            && (log.opened.rp_id != premises.rp_id || !log.opened.origins.contains(&web_origin))
        {
            return Err(OpenError::Moved {
                founded: log.opened.origins.join(", "),
                asked: web_origin,
            });
        }
        let sessions = store
            .sessions()?
            .into_iter()
            .map(|open| (open.token_hash, open))
            .collect();
        let committed = Committed {
            state,
            tree,
            checkpoint: None,
            signed_at: None,
            sessions,
            newest: Arc::default(),
        };
        let reader = Store::open_reader(&ledger)?;
        let shared = Arc::new(Shared::new(committed, reader, log_key, origin));
        let keeper = Timekeeper::new(clock.clone());
        let sequencer = Sequencer::new(replay, store, shared.clone(), keeper, permit_key, guard);
        let (jobs, queue) = mpsc::channel();
        let sequencer = std::thread::Builder::new()
            .name("sequencer".to_owned())
            .spawn(move || sequencer.run(&queue))
            .map_err(|error| OpenError::Folder {
                path: dir.display().to_string(),
                why: error.to_string(),
            })?;
        Ok(Self(Arc::new(Inner {
            shared,
            jobs: Some(jobs),
            sequencer: Some(sequencer),
            in_flight: Semaphore::new(MOST_IN_FLIGHT),
            ceremonies: Ceremonies::default(),
            relying_party: RelyingParty::new(&premises, metadata),
            invitations: Invitations::new(&keys.permit_seed),
            founding_code: FoundingCode::default(),
            premises,
            clock,
            webhooks: Webhooks::new(&dir),
            port,
            dir,
            // Browsers keep it for a host on all its ports: `localhost` belongs
            // to other programs too.
            strict_transport: url.is_https() && url.rp_id() != "localhost",
            hosts,
            door: std::sync::Mutex::new(Some(door)),
            stopping: tokio::sync::watch::Sender::new(false),
            _lock: lock,
        })))
    }

    /// Its address, e.g. `http://localhost:8478` or
    /// `https://gateway.example.com`.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.premises.web_origin.clone()
    }

    /// The port that it listens on, which a proxy's may differ from.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Log id, once the first key is set up.
    #[must_use]
    pub fn log(&self) -> Option<Digest> {
        self.0.shared.read().state.log().map(|log| log.id)
    }

    /// Answers HTTP until `stop` resolves; `extra` is served beside the
    /// gateway's own routes, behind the same host check.
    ///
    /// # Errors
    /// When a socket fails, or a second call is made.
    pub async fn serve(
        self,
        extra: Router,
        stop: impl Future<Output = ()> + Send,
    ) -> std::io::Result<()> {
        let taken = self
            .0
            .door
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        let door = taken.ok_or_else(|| std::io::Error::other("the gateway is served already"))?;
        let router = routes::router(self.clone(), extra);
        let mut servers = tokio::task::JoinSet::new();
        servers.spawn(webhooks::run(self.clone()));
        if let Some(certificate) = door.certificate {
            servers.spawn(certificate.follow(self.stopped()));
        }
        let limits = serving::Limits::default();
        for listener in door.listeners {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            servers.spawn(serving::serve(
                listener,
                door.gate.clone(),
                limits.clone(),
                router.clone(),
                self.0.stopping.subscribe(),
            ));
        }
        stop.await;
        self.0.stopping.send_replace(true);
        // Long-polls and feeds end by themselves on `stopping`; do not wait
        // for a client that does not hang up.
        let graceful = async { while servers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), graceful).await;
        servers.abort_all();
        Ok(())
    }

    /// Begins the first key on a page. The code is for the person in front of
    /// this computer, by window or terminal.
    ///
    /// # Errors
    /// [`Refusal`] when there is a log already, or the name is unfit.
    pub fn found(&self, name: &str, session: NewSession) -> Result<Founding, Refusal> {
        self.may_found(name)?;
        let code = digits(keys::random());
        let step = Step::Code {
            code: code.clone(),
            tries: 0,
            name: name.to_owned(),
            session,
        };
        let (ceremony, _) = self.0.ceremonies.start(step, true)?;
        let url = format!("{}/c/{ceremony}", self.url());
        Ok(Founding {
            ceremony,
            code,
            url,
        })
    }

    /// Sets up a software key as the first key.
    ///
    /// # Errors
    /// [`Refusal`] when there is a log already, or the key's answers are wrong.
    pub async fn found_software(
        &self,
        name: &str,
        session: NewSession,
        key: &(dyn SoftwareKey + Sync),
    ) -> Result<Ack, Refusal> {
        self.may_found(name)?;
        let premises = &self.0.premises;
        let now = self.0.clock.wall();
        let opening = Opening::new(premises, name, key.credential_id(), key.public_key(), now);
        let origin = opening.software_origin();
        let registration = key.register(&premises.rp_id, &origin, opening.log());
        let draft = Box::new(opening.enrol(registration, false, None, session, now));
        let assertion = key.assert(&premises.rp_id, &origin, draft.envelope.challenge());
        match self.ask(Request::Found { draft, assertion }).await? {
            Answer::Logged(logged) => self.acknowledge(logged).await,
            _ => Err(unexpected()),
        }
    }

    /// The code with which the founder of a team's log shows that it is theirs to
    /// found; `None` once there is a log. For the terminal or the journal of
    /// whoever starts the gateway, another each time.
    #[must_use]
    pub fn founding_code(&self) -> Option<&str> {
        let team = self.0.premises.profile == Profile::Team;
        (team && self.log().is_none()).then(|| self.0.founding_code.text())
    }

    /// A browser's part of registering a key.
    fn registration(&self, whose: Whose) -> Result<(CreationChallengeResponse, Step), Refusal> {
        let name = match &whose {
            Whose::Founder { name, .. } => name,
            Whose::Claimant(claimant) => &claimant.name,
        };
        let (options, state) = self.0.relying_party.start(name)?;
        let step = Step::Registration {
            state: Box::new(state),
            options: Box::new(options.clone()),
            whose,
        };
        Ok((options, step))
    }

    /// How far a key prompt is; waits at most `wait` for its end.
    pub async fn ceremony(&self, id: CeremonyId, wait: Duration) -> Option<CeremonyView> {
        let ceremony = self.0.ceremonies.get(id).ok()?;
        Some(ceremony.ended(wait).await)
    }

    /// Cancels a key prompt. Nothing happens when it is over.
    pub fn cancel_ceremony(&self, id: CeremonyId) -> Option<CeremonyState> {
        let ceremony = self.0.ceremonies.get(id).ok()?;
        ceremony.cancel();
        Some(ceremony.view().state)
    }

    /// What the feed would say to a console of this very process that has
    /// `from` entries, before anybody is signed in: a console without a copy
    /// of the log does not know whose key to ask for.
    ///
    /// # Errors
    /// [`Refusal`] when the ledger cannot be read.
    pub async fn batch(&self, from: u64) -> Result<Option<FeedMessage>, Refusal> {
        let (message, _) = routes::feed::next_batch(self.clone(), from).await?;
        Ok(message)
    }

    /// Resolves when the gateway stops.
    fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.0.stopping.subscribe();
        async move {
            // An error means that the gateway is gone: stop as well.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }

    fn may_found(&self, name: &str) -> Result<(), Refusal> {
        if self.log().is_some() {
            return Err(Refusal::conflict(
                "already_set_up",
                "this gateway has its first key already: sign in with it",
            ));
        }
        if !name_is_fit(name) {
            return Err(vidimus_protocol::Violation::BadName.into());
        }
        Ok(())
    }

    /// Proves what the sequencer has logged.
    async fn acknowledge(&self, logged: Logged) -> Result<Ack, Refusal> {
        let at_hand = |index: &u64| logged.leaf(*index).is_some();
        if logged.indexes.iter().all(at_hand) {
            return self.0.shared.acknowledge(&logged);
        }
        let gateway = self.clone();
        off_the_async_threads(move || gateway.0.shared.acknowledge(&logged)).await
    }

    /// Asks the sequencer and waits until its answer is durable.
    async fn ask(&self, request: Request) -> Result<Answer, Refusal> {
        let _permit = self.0.in_flight.try_acquire().map_err(|_| {
            Refusal::unavailable(
                "busy",
                "too many requests wait at the moment: try again in a second",
            )
        })?;
        let (reply, answer) = oneshot::channel();
        let jobs = self.0.jobs.as_ref().ok_or_else(closed)?;
        let span = tracing::Span::current();
        let job = Job {
            request,
            reply,
            span,
        };
        jobs.send(job).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Inner {
    /// The ledger is closed before the folder is free for another gateway.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(sequencer) = self.sequencer.take() {
            // A sequencer that panicked has said so already.
            let _ = sequencer.join();
        }
    }
}

fn closed() -> Refusal {
    Refusal::unavailable(
        "gateway_closed",
        "the gateway is stopping: nothing was done, try again when it runs",
    )
}

fn unexpected() -> Refusal {
    Refusal::unavailable(
        "inconsistent",
        "the sequencer gave another answer than was asked for",
    )
}

/// Six decimal digits out of random bytes.
fn digits(random: Digest) -> String {
    let mut head = [0; 8];
    head.copy_from_slice(&random.0[..8]);
    format!("{:06}", u64::from_be_bytes(head) % 1_000_000)
}

fn lock_folder(dir: &std::path::Path) -> Result<std::fs::File, OpenError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let path = || dir.display().to_string();
    let folder = |error: std::io::Error| OpenError::Folder {
        path: path(),
        why: error.to_string(),
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(folder)?;
    let lock = std::fs::File::create(dir.join("lock")).map_err(folder)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse { path: path() }),
        Err(std::fs::TryLockError::Error(error)) => Err(folder(error)),
    }
}

/// Replays the ledger: every rule and every signature, as the verifier does.
fn rebuild(store: &Store) -> Result<Replay, OpenError> {
    read_back(store).map(|(replay, _, _)| replay)
}

fn read_back(store: &Store) -> Result<(Replay, State, MemoryTree), OpenError> {
    let mut replay = Replay::new();
    store.each_leaf(|leaf| {
        let entry = replay.tree().size();
        replay
            .push(leaf)
            .map(drop)
            .map_err(|error| OpenError::Ledger {
                entry,
                why: error.to_string(),
            })
    })?;
    let (state, tree) = (replay.state().clone(), replay.tree().clone());
    Ok((replay, state, tree))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn it_is_its_owners_and_says_when_it_is_busy() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("a/b");
        let gateway = Gateway::open(Config::personal(dir.clone())).unwrap();
        let mode = std::fs::metadata(&dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let most = u32::try_from(MOST_IN_FLIGHT).unwrap();
        let _all = gateway.0.in_flight.try_acquire_many(most).unwrap();
        let refused = gateway.ask(Request::Nonce { session: true }).await;
        assert_eq!(refused.err().unwrap().code, "busy");
    }
}
