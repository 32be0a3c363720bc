//! The first key, and the end of every key prompt.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vidimus_client::{AgentProfile, Token};
use vidimus_gateway::{Gateway, NewSession, Refusal};
use vidimus_protocol::Time;
use vidimus_protocol::api::Ack;
use vidimus_protocol::envelope::token_hash;
use vidimus_protocol::id::CeremonyId;
use vidimus_protocol::state::{Route as KeyRoute, name_is_fit};
use zeroize::Zeroizing;

use super::{After, Ceremony, Core, Message, now};
use crate::act::{self, End, Tools, grouped, sentence, software_problem, token};
use crate::board::FrontId;
use crate::hooks::{Hooks, PassphraseAsk};
use crate::software_key::{MIN_PASSPHRASE, SoftwareKey, SoftwareKeyError};
use crate::view::{CeremonyPurpose, CeremonyState, Problem, Reply, Route, Tone};

/// Length of a session, seconds: the longest that a gateway grants.
pub(super) const SESSION_S: u64 = 12 * 3600;
/// How long a proof may take.
const PROOF_PATIENCE: Duration = Duration::from_secs(15);

impl Core {
    pub(super) fn set_up(
        &mut self,
        name: &str,
        route: Route,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        if self.log().is_some() || self.followed.is_some() {
            return Err(Problem::new(
                "already_set_up",
                "This computer has its first key already.",
                "Sign in with it.",
            ));
        }
        Self::no_software_in_browser(route, front)?;
        self.no_prompt_yet()?;
        if !name_is_fit(name) {
            return Err(Problem::new(
                "bad_name",
                "A name has 1 to 80 characters, no control characters and no blanks at its ends.",
                "Correct the name.",
            ));
        }
        let gateway = self.embedded()?.gateway.clone();
        let session_token = token();
        let expires_at = now().plus_seconds(SESSION_S);
        let session = NewSession {
            token_hash: token_hash(session_token.expose()),
            expires_at,
        };
        let after = After::OpenSession {
            token: session_token,
            expires_at,
        };
        match route {
            Route::Browser => self.set_up_on_page(name, gateway, session, after, front),
            Route::Software => {
                self.set_up_software(name.to_owned(), gateway, session, after, front);
                Ok(())
            }
        }?;
        Ok(Reply::Accepted)
    }

    fn set_up_on_page(
        &mut self,
        name: &str,
        gateway: Gateway,
        session: NewSession,
        after: After,
        front: &FrontId,
    ) -> Result<(), Problem> {
        let founding = gateway
            .found(name, session)
            .map_err(|refusal| refusal_problem(&refusal))?;
        let code = grouped(&founding.code);
        let tools = self.begin(CeremonyPurpose::Setup, KeyRoute::Browser, after, front);
        if let Some(ceremony) = &mut self.ceremony {
            ceremony.id = Some(founding.ceremony);
            ceremony.url = Some(founding.url.clone());
            ceremony.code = Some(code.clone());
        }
        self.setting.hooks.show_code(&code);
        if *front == FrontId::Desktop
            && let Err(why) = self.setting.hooks.open_url(&founding.url)
        {
            self.handle(Message::NoBrowser { why });
        }
        let serial = tools.serial;
        let task = self.spawn(async move {
            let end = act::wait(&tools, founding.ceremony).await;
            Message::CeremonyEnded { serial, end }
        });
        self.carry(task);
        Ok(())
    }

    fn set_up_software(
        &mut self,
        name: String,
        gateway: Gateway,
        session: NewSession,
        after: After,
        front: &FrontId,
    ) {
        let folder = self.setting.files.folder.clone();
        let tools = self.begin(CeremonyPurpose::Setup, KeyRoute::Software, after, front);
        let task = self.spawn(async move {
            let serial = tools.serial;
            let founded = found_software(&name, &gateway, session, &folder, &*tools.hooks).await;
            let end = match founded {
                Ok(ack) => End::Done(Some(Box::new(ack))),
                Err(end) => end,
            };
            Message::CeremonyEnded { serial, end }
        });
        self.carry(task);
    }

    /// Puts a new key prompt on screen.
    pub(super) fn begin(
        &mut self,
        purpose: CeremonyPurpose,
        route: KeyRoute,
        after: After,
        front: &FrontId,
    ) -> Tools {
        self.ceremonies += 1;
        self.notices.remove("no_browser");
        let serial = self.ceremonies;
        self.ceremony = Some(Ceremony {
            serial,
            front: front.clone(),
            purpose,
            route,
            id: None,
            url: None,
            code: None,
            state: CeremonyState::Waiting,
            task: None,
            after,
            unproven: None,
        });
        self.tools(serial)
            .expect("a prompt begins on an open console")
    }

    fn tools(&self, serial: u64) -> Result<Tools, Problem> {
        Ok(Tools {
            gateway: self.client()?,
            hooks: self.setting.hooks.clone(),
            console: self.setting.inbox.clone(),
            serial,
        })
    }

    /// The gateway, asked as whoever is signed in.
    pub(super) fn client(&self) -> Result<vidimus_client::Gateway, Problem> {
        let base = self.base()?;
        Ok(match &self.session {
            Some(session) => base.client.with_token(&session.token),
            None => base.client.clone(),
        })
    }

    pub(super) fn carry(&mut self, task: tokio::task::JoinHandle<()>) {
        if let Some(ceremony) = &mut self.ceremony {
            ceremony.task = Some(task);
        }
    }

    pub(super) fn ceremony_started(
        &mut self,
        serial: u64,
        id: CeremonyId,
        url: Option<String>,
        code: Option<String>,
    ) {
        if let Some(ceremony) = self.current(serial) {
            ceremony.id = Some(id);
            ceremony.url = url;
            ceremony.code = code;
        }
    }

    fn current(&mut self, serial: u64) -> Option<&mut Ceremony> {
        self.ceremony
            .as_mut()
            .filter(|ceremony| ceremony.serial == serial)
    }

    pub(super) fn ceremony_ended(&mut self, serial: u64, end: End) {
        let Some(ceremony) = self.current(serial) else {
            return;
        };
        ceremony.task = None;
        match end {
            End::Cancelled => {
                ceremony.state = CeremonyState::Cancelled;
                self.after_disowning();
            }
            End::Failed(problem) => {
                let signed_out = problem.code == "unauthorised";
                ceremony.state = CeremonyState::Failed { problem };
                if signed_out {
                    self.end_session();
                }
                self.after_disowning();
            }
            End::Done(ack) => {
                ceremony.state = CeremonyState::Proving;
                ceremony.unproven = ack.map(|ack| (ack, Instant::now()));
                self.signed();
            }
        }
    }

    /// The gateway took it. A session opens at once; what is logged is done
    /// only when the mirror proves it.
    fn signed(&mut self) {
        let Some(ceremony) = &mut self.ceremony else {
            return;
        };
        let setup = ceremony.purpose == CeremonyPurpose::Setup;
        let logged = ceremony.unproven.is_some();
        let front = ceremony.front.clone();
        match std::mem::replace(&mut ceremony.after, After::Nothing) {
            After::OpenSession { token, expires_at } => {
                self.signed_in(setup, token, expires_at, front);
            }
            After::Founded {
                name,
                token,
                expires_at,
            } => return self.founded(&name, token, expires_at, front),
            After::Claimed => return self.claimed(),
            // Follows once it is proven.
            after => ceremony.after = after,
        }
        if logged {
            self.prove_ceremony();
        } else {
            self.finish_ceremony();
        }
    }

    pub(super) fn signed_in(
        &mut self,
        setup: bool,
        token: Token,
        expires_at: Time,
        front: FrontId,
    ) {
        let log = self
            .embedded()
            .ok()
            .and_then(|embedded| embedded.gateway.log());
        if setup && let Some(log) = log {
            self.adopt(log, true);
        }
        if front == FrontId::Desktop {
            // The session that only followed the log for a locked console.
            self.end_old_session();
            self.unlock();
        } else {
            self.authorised.insert(front);
        }
        self.joined();
        self.open_session(token, expires_at, true);
        self.look_at_parts();
    }

    /// Holds the acknowledgement against the mirror.
    pub(super) fn prove_ceremony(&mut self) {
        let (Some(ceremony), Ok(base)) = (&self.ceremony, &self.base) else {
            return;
        };
        let Some((ack, _)) = &ceremony.unproven else {
            return;
        };
        match base.mirror.check_ack(ack) {
            Ok(vidimus_mirror::AckState::Proven) => self.finish_ceremony(),
            Ok(vidimus_mirror::AckState::NotYetSynced) => {}
            Err(error) => {
                let what = format!(
                    "The gateway acknowledged something that its own log does not hold: {}",
                    sentence(&error.to_string())
                );
                let seen = crate::act::item(&**ack);
                self.freeze(&what, &[seen]);
                self.fail_ceremony(super::freeze::frozen_problem(&what));
            }
        }
    }

    pub(super) fn finish_ceremony(&mut self) {
        let Some(ceremony) = &mut self.ceremony else {
            return;
        };
        ceremony.unproven = None;
        ceremony.state = CeremonyState::Done;
        if let After::WriteProfile(profile) = std::mem::replace(&mut ceremony.after, After::Nothing)
        {
            self.write_profile(&profile);
        }
        self.after_disowning();
    }

    pub(super) fn fail_ceremony(&mut self, problem: Problem) {
        if let Some(ceremony) = &mut self.ceremony {
            ceremony.unproven = None;
            ceremony.state = CeremonyState::Failed { problem };
        }
        self.after_disowning();
    }

    /// An acknowledgement that does not come in time is said to be missing.
    pub(super) fn ceremony_late(&mut self) {
        let late = self
            .ceremony
            .as_ref()
            .and_then(|ceremony| ceremony.unproven.as_ref())
            .is_some_and(|(_, since)| since.elapsed() >= PROOF_PATIENCE);
        if late {
            self.fail_ceremony(Problem::new(
                "not_acknowledged",
                "Not acknowledged: the gateway said yes, but the entry did not arrive in the log that this console follows.",
                "Do not count on it. Look at the history once the connection is back.",
            ));
        }
    }

    pub(super) fn cancel_ceremony(&mut self) -> Result<Reply, Problem> {
        let Some(ceremony) = &mut self.ceremony else {
            return Ok(Reply::Accepted);
        };
        if ceremony.state != CeremonyState::Waiting {
            // What is being proven stays on screen until it is.
            if ceremony.state != CeremonyState::Proving {
                self.ceremony = None;
            }
            return Ok(Reply::Accepted);
        }
        if let Some(task) = ceremony.task.take() {
            task.abort();
        }
        let (serial, id) = (ceremony.serial, ceremony.id);
        let tools = self.tools(serial)?;
        let task = self.spawn(async move {
            // The key may have answered in the same moment: the gateway knows.
            let end = match id {
                None => End::Cancelled,
                Some(id) => match tools.gateway.cancel_ceremony(id).await {
                    Ok(()) => act::wait(&tools, id).await,
                    Err(error) => act::refused(error),
                },
            };
            Message::CeremonyEnded { serial, end }
        });
        self.carry(task);
        Ok(Reply::Accepted)
    }

    pub(super) fn reopen_ceremony(&mut self) -> Result<Reply, Problem> {
        let url = self
            .ceremony
            .as_ref()
            .filter(|ceremony| ceremony.state == CeremonyState::Waiting)
            .filter(|ceremony| ceremony.front == FrontId::Desktop)
            .and_then(|ceremony| ceremony.url.clone());
        if let Some(url) = url
            && let Err(why) = self.setting.hooks.open_url(&url)
        {
            self.handle(Message::NoBrowser { why });
        }
        Ok(Reply::Accepted)
    }

    pub(super) fn write_profile(&mut self, profile: &AgentProfile) {
        let path = self.setting.home.agent_profile(&profile.name);
        if let Err(error) = profile.save(&path) {
            let problem = Problem::local("The agent's profile could not be written", error);
            self.notice(Tone::Danger, problem);
        }
    }
}

async fn found_software(
    name: &str,
    gateway: &Gateway,
    session: NewSession,
    folder: &Path,
    hooks: &dyn Hooks,
) -> Result<Ack, End> {
    let passphrase = new_passphrase(hooks).await?;
    let path = folder.join(KEY_FILE);
    let made = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || make_key(&path, &passphrase))
    };
    let key = made
        .await
        .map_err(|_| Problem::stopped())?
        .map_err(|error| End::Failed(software_problem(&error)))?;
    match gateway.found_software(name, session, &key).await {
        Ok(ack) => Ok(ack),
        Err(refusal) => {
            // A founding that failed leaves nothing behind.
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(%error, "cannot remove the unused key file");
            }
            Err(End::Failed(refusal_problem(&refusal)))
        }
    }
}

/// File of the software key, in the console's folder.
pub(super) const KEY_FILE: &str = "software-key.pem";

async fn new_passphrase(hooks: &dyn Hooks) -> Result<Zeroizing<String>, End> {
    let mut problem = None;
    loop {
        let ask = PassphraseAsk {
            purpose: "Choose a passphrase for your new software key.".into(),
            new: true,
            problem: problem.take(),
        };
        let passphrase = hooks.ask_passphrase(ask).await.ok_or(End::Cancelled)?;
        if passphrase.chars().count() >= MIN_PASSPHRASE {
            return Ok(passphrase);
        }
        problem = Some(format!(
            "A passphrase has at least {MIN_PASSPHRASE} characters."
        ));
    }
}

fn make_key(path: &Path, passphrase: &str) -> Result<SoftwareKey, SoftwareKeyError> {
    if path.exists() {
        // There is no log, so this key founded nothing here; it is kept in
        // case it belongs to a backup.
        let aside: PathBuf = path.with_extension(format!("pem.{}", now().unix_ms()));
        std::fs::rename(path, &aside).map_err(|source| SoftwareKeyError::File {
            path: aside,
            source,
        })?;
    }
    let (key, unstored) = SoftwareKey::generate()?;
    unstored.store(path, passphrase)?;
    Ok(key)
}

fn refusal_problem(refusal: &Refusal) -> Problem {
    Problem::new(
        refusal.code,
        sentence(&refusal.detail),
        "Nothing was logged. Try again.",
    )
}
