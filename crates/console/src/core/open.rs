//! Opening and closing: mirror, gateway, keyring, session.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::oneshot;
use vidimus_client::private::{private_folder, write_private};
use vidimus_client::{ClientError, Token};
use vidimus_gateway::{Config as GatewayConfig, Gateway, OpenError, PortError};
use vidimus_mirror::Mirror;
use vidimus_protocol::api::SessionView;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Digest, Time};
use vidimus_verify::replay::Replay;
use zeroize::Zeroizing;

use super::freeze::FROZEN;
use super::{Base, Core, Embedded, Message, Session, now};
use crate::act::sentence;
use crate::secrets;
use crate::view::{CeremonyState, Problem, Tone};

/// Leaves that are replayed at a time.
const STRIDE: u64 = 4096;
/// Until the gateway is asked again whether a token still opens a session.
const SESSION_RETRY: Duration = Duration::from_secs(2);

impl Core {
    /// Opens everything, or says why not.
    pub(super) fn open(&mut self) {
        match self.try_open() {
            Ok(base) => {
                self.base = Ok(base);
                self.opened_base();
            }
            Err(problem) => self.base = Err(Some(problem)),
        }
    }

    fn try_open(&self) -> Result<Base, Problem> {
        let files = &self.setting.files;
        private_folder(&files.folder)
            .map_err(|error| Problem::local("The console's folder cannot be used", error))?;
        let mirror = Mirror::open(&files.mirror()).map_err(|error| cannot_open(&error))?;
        let embedded = match &self.followed {
            Some(_) => None,
            None => Some(self.embed()?),
        };
        let client = match (&embedded, &self.followed) {
            (Some(embedded), _) => vidimus_client::Gateway::new(&embedded.gateway.url()),
            (None, Some(followed)) => followed.client(),
            (None, None) => return Err(Problem::stopped()),
        };
        let client = client
            .map_err(|error| Problem::local("The gateway's address cannot be used", error))?;
        Ok(Base {
            embedded,
            client,
            mirror,
            replay: Replay::new(),
            size: Arc::new(AtomicU64::new(0)),
            headlines: HashMap::new(),
            actions: Vec::new(),
            recent: VecDeque::new(),
            situations: HashMap::new(),
            routes: HashMap::new(),
            fetching: HashSet::new(),
            policies: RefCell::default(),
            given: RefCell::default(),
        })
    }

    /// Starts the gateway of this computer.
    fn embed(&self) -> Result<Embedded, Problem> {
        let folder = self.setting.home.gateway_dir();
        let gateway =
            Gateway::open(GatewayConfig::personal(folder)).map_err(|error| cannot_start(&error))?;
        let (stop_serving, stopped) = oneshot::channel::<()>();
        let served = gateway.clone();
        let extra = self.setting.web.clone().unwrap_or_default();
        let inbox = self.setting.inbox.clone();
        let server = self.setting.runtime.spawn(async move {
            let stop = async {
                // Dropped or sent: both mean stop.
                let _either = stopped.await;
            };
            if let Err(error) = served.serve(extra, stop).await {
                // The console may have stopped at the same time.
                let _stopped = inbox.send(Message::Served {
                    why: error.to_string(),
                });
            }
        });
        Ok(Embedded {
            gateway,
            stop_serving,
            server,
        })
    }

    fn opened_base(&mut self) {
        let Ok(base) = &self.base else { return };
        if let Some(kept) = base.mirror.get(FROZEN).ok().flatten()
            && let Some((path, text)) = kept.split_once('\n')
        {
            let problem = super::freeze::frozen_problem(text);
            self.frozen = Some((problem, path.into()));
        }
        let theirs = match (&base.embedded, &self.followed) {
            (Some(embedded), _) => embedded.gateway.log(),
            // What was handed over says which log it must be.
            (None, Some(followed)) => followed.about.log,
            (None, None) => None,
        };
        match (theirs, base.mirror.log()) {
            (None, None) => {}
            (Some(log), None) => self.adopt(log, false),
            (Some(theirs), Some(ours)) if theirs == ours => {}
            (theirs, Some(ours)) => {
                let found =
                    theirs.map_or_else(|| "no log at all".into(), |log| format!("log {log}"));
                self.freeze(
                    &format!(
                        "This console follows log {ours}, but its gateway is now said to keep {found}."
                    ),
                    &[],
                );
            }
        }
        self.read_lock();
        self.read_shadow();
        self.replay_mirror();
        self.copy_without_session();
        self.ask_keyring();
    }

    /// A log without a copy of it: founded by a prompt that was given up in the
    /// same moment.
    pub(super) fn notice_founding(&mut self) {
        let prompting = self.ceremony.as_ref().is_some_and(|ceremony| {
            matches!(
                ceremony.state,
                CeremonyState::Waiting | CeremonyState::Proving
            )
        });
        let Ok(base) = &self.base else { return };
        let Some(embedded) = &base.embedded else {
            return;
        };
        if let (None, Some(log), false) = (base.mirror.log(), embedded.gateway.log(), prompting) {
            self.adopt(log, true);
            self.copy_without_session();
        }
    }

    /// An empty copy is filled from the gateway of this process: who may sign
    /// in stands in it. What comes is proven and judged like any batch.
    fn copy_without_session(&mut self) {
        let Ok(base) = &self.base else { return };
        if base.mirror.log().is_none() || base.mirror.size() > 0 || self.frozen.is_some() {
            return;
        }
        let Some(embedded) = &base.embedded else {
            return;
        };
        let gateway = embedded.gateway.clone();
        self.spawn(async move {
            // A gateway signs its first checkpoint moments after its start.
            let mut result = gateway.batch(0).await;
            for _ in 0..COPY_TRIES {
                if !matches!(result, Ok(None)) {
                    break;
                }
                tokio::time::sleep(COPY_PAUSE).await;
                result = gateway.batch(0).await;
            }
            Message::Copied(result)
        });
    }

    /// Takes a log as the one that this console follows: on the word of the
    /// gateway in this very process, of whoever handed its id over, or of the
    /// entry that our own key founded it with.
    pub(super) fn adopt(&mut self, log: Digest, founded_here: bool) {
        let trust = self.setting.files.trust.clone();
        let Ok(base) = &mut self.base else { return };
        let adopted = base.mirror.adopt(log).map_err(|error| error.to_string());
        base.start_journal(if founded_here { Time::default() } else { now() });
        let written = adopted.and_then(|()| {
            write_private(&trust, &TrustFile::new(log).to_bytes())
                .map_err(|error| error.to_string())
        });
        if let Err(why) = written {
            self.notice(
                Tone::Danger,
                Problem::local("The trust file could not be written", why),
            );
        }
    }

    /// Judges what is in the mirror, from its first entry.
    fn replay_mirror(&mut self) {
        loop {
            let Ok(base) = &self.base else { return };
            let (from, size) = (base.replay.tree().size(), base.mirror.size());
            if from >= size {
                break;
            }
            let until = size.min(from + STRIDE);
            let leaves = match base.mirror.leaves(from..until) {
                Ok(leaves) => leaves,
                Err(error) => {
                    // Not the log's doing, and nothing here can be shown.
                    let problem = damaged(sentence(&error.to_string()));
                    self.close();
                    self.base = Err(Some(problem));
                    return;
                }
            };
            if !self.judge(&leaves) {
                return;
            }
        }
        self.look_at_parts();
        self.evaluate_in_shadow();
    }

    /// Asks the keyring for the session token and the pin.
    pub(super) fn ask_keyring(&self) {
        let Some(log) = self.log() else { return };
        let session = self.session_name(log);
        let secrets = self.setting.secrets.clone();
        self.spawn(async move {
            let token = secrets::read(secrets.clone(), session).await;
            let pin = secrets::read(secrets, pin_name(log)).await;
            Message::Keyring { token, pin }
        });
    }

    pub(super) fn keyring_answered(
        &mut self,
        token: Result<Option<Zeroizing<String>>, String>,
        pin: Result<Option<Zeroizing<String>>, String>,
    ) {
        match pin {
            Ok(pin) => self.keyring_pin = pin.map(|pin| pin.to_string()),
            Err(why) => self.no_keyring(&why),
        }
        self.check_keyring_pin(false);
        let token = token
            .ok()
            .flatten()
            .and_then(|text| text.parse::<Token>().ok());
        if let Some(token) = token
            && self.session.is_none()
        {
            self.ask_session(token, Duration::ZERO);
        }
    }

    /// Asks the gateway whether a token still opens a session. One question at
    /// a time.
    fn ask_session(&mut self, token: Token, wait: Duration) {
        let Ok(base) = &self.base else { return };
        let client = base.client.with_token(&token);
        let asked = self.spawn(async move {
            tokio::time::sleep(wait).await;
            let result = client.session().await;
            Message::Session { token, result }
        });
        if let Some(before) = self.session_asked.replace(asked) {
            before.abort();
        }
    }

    pub(super) fn no_keyring(&mut self, why: &str) {
        self.notice(
            Tone::Warning,
            Problem::new(
                super::commands::NO_KEYRING,
                format!("The keyring of this computer cannot be used: {}", sentence(why)),
                "You stay signed in only until the console is closed. Unlock or install a keyring (Secret Service) to change that.",
            ),
        );
    }

    pub(super) fn session_answered(
        &mut self,
        token: Token,
        result: Result<SessionView, ClientError>,
    ) {
        // A sign-in may have been faster.
        if self.session.is_some() {
            return;
        }
        match result {
            Ok(view) => self.open_session(token, view.expires_at, false),
            Err(ClientError::Problem { status: 401, .. }) => self.forget_token(),
            Err(error) => {
                self.offline(&error, SESSION_RETRY);
                self.ask_session(token, SESSION_RETRY);
            }
        }
    }

    /// Signs in: keeps the token and starts the feed.
    pub(super) fn open_session(&mut self, token: Token, expires_at: Time, fresh: bool) {
        self.session = Some(Session { token, expires_at });
        if fresh {
            self.keep_token();
        }
        self.start_feed();
    }

    /// Gives the session's token to the keyring. That of a locked console is
    /// nobody's to find.
    pub(super) fn keep_token(&self) {
        if let (Some(log), Some(session), false) = (self.log(), &self.session, self.locked) {
            let text = Zeroizing::new(session.token.expose().to_owned());
            self.keeper.keep(self.session_name(log), Some(text));
        }
    }

    /// The session's time is over.
    pub(super) fn session_over(&mut self) {
        let over = self
            .session
            .as_ref()
            .is_some_and(|session| now() >= session.expires_at);
        if over {
            self.end_session();
        }
    }

    /// Forgets the session here, in the keyring and in every browser.
    pub(super) fn end_session(&mut self) {
        self.session = None;
        self.authorised.clear();
        self.opened
            .retain(|front, _| *front == crate::FrontId::Desktop);
        self.present = None;
        self.stop_feed();
        self.forget_token();
    }

    pub(super) fn forget_token(&mut self) {
        if let Some(log) = self.log() {
            self.keeper.keep(self.session_name(log), None);
        }
    }

    /// The gateway's server ended by itself.
    pub(super) fn served(&mut self, why: String) {
        self.close();
        self.base = Err(Some(Problem::new(
            "gateway_stopped",
            format!("The gateway stopped: {}", sentence(&why)),
            "Try again. If it stays, start Vidimus anew.",
        )));
    }

    /// Stops feed, key prompt and gateway.
    pub(super) fn close(&mut self) {
        self.stop_feed();
        self.stop_replay();
        if let Some(task) = self.ceremony.take().and_then(|ceremony| ceremony.task) {
            task.abort();
        }
        if let Ok(base) = std::mem::replace(&mut self.base, Err(None)) {
            let Some(embedded) = base.embedded else {
                return;
            };
            // It may have stopped already.
            let _stopped = embedded.stop_serving.send(());
            // The next start needs the port and the folder. A server that does
            // not end by then ends with the program.
            // A timer is made inside the runtime only.
            let end = async { tokio::time::timeout(SERVER_PATIENCE, embedded.server).await };
            let _late = self.setting.runtime.block_on(end);
        }
    }

    /// Under which name the keyring has the session: two people of one computer
    /// may follow one log.
    pub(super) fn session_name(&self, log: Digest) -> String {
        let followed = self.followed.as_ref();
        match followed.and_then(|followed| followed.about.reviewer) {
            Some(reviewer) => format!("session:{log}:{reviewer}"),
            None => format!("session:{log}"),
        }
    }

    /// The log that this console follows.
    pub(super) fn log(&self) -> Option<Digest> {
        self.base.as_ref().ok()?.mirror.log()
    }
}

pub(super) fn pin_name(log: Digest) -> String {
    format!("pin:{log}")
}

fn cannot_open(error: &vidimus_mirror::OpenError) -> Problem {
    use vidimus_mirror::OpenError as Mirror;
    let message = sentence(&error.to_string());
    match error {
        Mirror::InUse(_) => in_use(message),
        Mirror::Newer { .. } => Problem::new("upgrade_needed", message, "Install a newer Vidimus."),
        Mirror::Changed { .. } | Mirror::NotAMirror(_) => damaged(message),
        _ => Problem::new(
            "copy_unusable",
            message,
            "Check free disk space and file permissions, then try again.",
        ),
    }
}

fn damaged(message: String) -> Problem {
    Problem::new(
        "copy_damaged",
        message,
        "Keep the file mirror.db as evidence, put your backup in its place, then try again.",
    )
}

fn in_use(message: String) -> Problem {
    Problem::new(
        "in_use",
        message,
        "Use the Vidimus that runs already, or stop it and try again.",
    )
}

fn cannot_start(error: &OpenError) -> Problem {
    let message = sentence(&error.to_string());
    match error {
        OpenError::Port(PortError::Busy { port, owner }) => Problem::new(
            "port_busy",
            format!("Port {port} of this computer is taken by {owner}."),
            "Stop that program, then try again. The port is part of your key's address and cannot change.",
        ),
        OpenError::InUse { .. } => in_use(message),
        OpenError::Moved { .. } => Problem::new(
            "gateway_moved",
            message,
            "Write the old port into the file `port` of the gateway's folder, then try again.",
        ),
        OpenError::Ledger { .. } | OpenError::Guard(_) => Problem::new(
            "ledger_damaged",
            message,
            "Restore the newest copy of the gateway's folder, then try again.",
        ),
        _ => Problem::new(
            "gateway_failed",
            message,
            "Check free disk space and file permissions, then try again.",
        ),
    }
}

/// How often, and after what pause, the gateway's own log is asked for.
const COPY_TRIES: u32 = 50;
const COPY_PAUSE: Duration = Duration::from_millis(200);
/// How long the server may take to stop.
const SERVER_PATIENCE: Duration = Duration::from_secs(5);
/// How long a command may wait for a part that is on its way.
pub(super) const PART_PATIENCE: Duration = Duration::from_secs(10);
