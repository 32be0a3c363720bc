//! The console as its fronts see it: commands in, views and events out, for
//! each gateway that is followed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle as Runtime;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use vidimus_client::Home;

use crate::LOCAL;
use crate::act::sentence;
use crate::board::{Board, FrontId, Published, Seat, Seats, Sent, unknown_gateway};
use crate::core::{Core, Message, Setting, locked_problem};
use crate::followed::{About, Files, Followed};
use crate::hooks::Hooks;
use crate::joining::Joining;
use crate::secrets::Secrets;
use crate::view::{
    Colour, Command, ConsoleView, DesktopView, Event, JoiningRead, Phase, Problem, Reply, Told,
    VerdictChoice,
};

/// Longest name of a gateway, in characters.
const MAX_NAME: usize = 40;

/// How a console is started.
pub struct Config {
    /// Where its files are.
    pub home: Home,
    /// The way out to the desktop.
    pub hooks: Arc<dyn Hooks>,
    /// The keyring.
    pub secrets: Arc<dyn Secrets>,
    /// Whether the gateway also serves the console as a page.
    pub web: bool,
}

/// The console. [`Console::start`] is all there is to it; the rest goes
/// through its [`Handle`].
#[derive(Debug)]
pub struct Console;

impl Console {
    /// Starts the console inside a Tokio runtime: for the gateway of this
    /// computer, and for each that is followed elsewhere, a thread and a feed.
    /// Whatever keeps one from starting is a phase of its view, not an error.
    ///
    /// # Panics
    /// Outside a Tokio runtime, or when the system gives no thread.
    #[must_use]
    pub fn start(config: Config) -> Handle {
        let Config {
            home,
            hooks,
            secrets,
            web,
        } = config;
        let (followed, unreadable) = Followed::all(&home);
        let handle = Handle(Arc::new(Shared {
            home,
            hooks,
            secrets,
            runtime: Runtime::current(),
            board: Board::new(),
            desktop: Mutex::new(None),
            following: tokio::sync::Mutex::new(()),
        }));
        let web = web.then(|| crate::web::router(handle.clone()));
        handle.0.seat(None, web);
        for followed in followed {
            handle.0.seat(Some(followed), None);
        }
        for error in unreadable {
            let why = sentence(&error.to_string());
            handle.tell(LOCAL, Message::NotFollowed { why });
        }
        handle
    }
}

/// What all clones of a handle share.
struct Shared {
    home: Home,
    hooks: Arc<dyn Hooks>,
    secrets: Arc<dyn Secrets>,
    runtime: Runtime,
    board: Board,
    /// The desktop as it is, for those who come later.
    desktop: Mutex<Option<DesktopView>>,
    /// Held while a gateway is taken on or given up.
    following: tokio::sync::Mutex<()>,
}

impl Shared {
    /// Starts the core of one gateway.
    fn seat(&self, followed: Option<Followed>, web: Option<axum::Router>) {
        let (id, name, colour) = match &followed {
            None => (
                LOCAL.to_owned(),
                crate::GATEWAY_NAME.to_owned(),
                Colour::default(),
            ),
            Some(followed) => (
                followed.id(),
                followed.about.name.clone(),
                followed.about.colour,
            ),
        };
        let (inbox, mut messages) = mpsc::unbounded_channel();
        self.board.take(Seat {
            id: id.clone(),
            inbox: inbox.clone(),
            published: Arc::new(Published::starting(unknown_gateway(&id, &name, colour))),
        });
        self.runtime.spawn(ticks(inbox.clone()));
        if let Some(desktop) = self.desktop().clone() {
            // It has not stopped before it starts.
            let _listens = inbox.send(Message::Desktop(desktop));
        }
        let setting = Setting {
            files: Files::of(&self.home, followed.as_ref()),
            id: id.clone(),
            home: self.home.clone(),
            hooks: self.hooks.clone(),
            secrets: self.secrets.clone(),
            web,
            runtime: self.runtime.clone(),
            inbox,
            board: self.board.clone(),
        };
        let place = self.board.place(id);
        std::thread::Builder::new()
            .name("console".into())
            .spawn(move || {
                let _place = place;
                Core::new(setting, followed).run(&mut messages);
            })
            .expect("the system has a thread left");
    }

    fn desktop(&self) -> MutexGuard<'_, Option<DesktopView>> {
        self.desktop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ticks(inbox: mpsc::UnboundedSender<Message>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        if inbox.send(Message::Tick).is_err() {
            return;
        }
    }
}

/// A way to talk to the console. Clones talk to the same one.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// Asks the console for something, about the gateway of that id.
    ///
    /// # Errors
    /// A [`Problem`] in words for the person.
    pub async fn command(
        &self,
        gateway: &str,
        command: Command,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        // A page belongs to the gateway that serves it.
        if *front != FrontId::Desktop && gateway != LOCAL {
            return Err(not_followed());
        }
        match command {
            Command::View => self
                .view_of(gateway, front)
                .map(|view| Reply::View(Box::new(view)))
                .ok_or_else(not_followed),
            Command::ReadJoining { .. }
            | Command::Follow { .. }
            | Command::FollowNew { .. }
            | Command::Unfollow => {
                if *front != FrontId::Desktop {
                    return Err(needs_window());
                }
                let locked = |view: &ConsoleView| matches!(view.phase, Phase::Locked { .. });
                if self.views().iter().any(locked) {
                    return Err(locked_problem());
                }
                self.gateways(gateway, command).await
            }
            // Whoever leaves leaves all of them.
            Command::Lock if *front == FrontId::Desktop => {
                self.lock();
                Ok(Reply::Accepted)
            }
            command => {
                let (reply, answer) = oneshot::channel();
                let message = Message::Command {
                    command,
                    front: front.clone(),
                    reply,
                };
                if !self.tell(gateway, message) {
                    return Err(not_followed());
                }
                answer.await.unwrap_or_else(|_| Err(Problem::stopped()))
            }
        }
    }

    /// Takes gateways on, and gives them up.
    async fn gateways(&self, gateway: &str, command: Command) -> Result<Reply, Problem> {
        match command {
            Command::ReadJoining { text } => self.read(&text).map(Reply::JoiningRead),
            Command::Follow { text, name, colour } => {
                let joining: Joining = text.parse().map_err(no_joining)?;
                let about = About {
                    log: Some(joining.log),
                    reviewer: Some(joining.reviewer),
                    invitation: joining.invitation.clone(),
                    claimed: None,
                    name: fit_name(&name)?,
                    colour,
                };
                let followed = Followed::new(&self.0.home, joining.url.clone(), about);
                self.follow(followed, joining.authority.clone(), Some(joining))
                    .await
            }
            Command::FollowNew {
                url,
                authority,
                name,
                colour,
            } => {
                let about = About {
                    log: None,
                    reviewer: None,
                    invitation: None,
                    claimed: None,
                    name: fit_name(&name)?,
                    colour,
                };
                let url = url.trim().parse().map_err(|error| {
                    Problem::new(
                        "bad_address",
                        sentence(&format!("{error}")),
                        "Correct the address.",
                    )
                })?;
                let followed = Followed::new(&self.0.home, url, about);
                self.follow(followed, authority, None).await
            }
            _ => self.unfollow(gateway).await,
        }
    }

    fn read(&self, text: &str) -> Result<JoiningRead, Problem> {
        let joining: Joining = text.parse().map_err(no_joining)?;
        Ok(JoiningRead {
            url: joining.url.to_string(),
            log_fingerprint: joining.log.read_aloud(),
            invites: joining.invitation.is_some(),
            known: self.0.board.seats().of(&joining.url.authority()).is_some(),
        })
    }

    async fn follow(
        &self,
        followed: Followed,
        authority: Option<String>,
        joining: Option<Joining>,
    ) -> Result<Reply, Problem> {
        let _one_at_a_time = self.0.following.lock().await;
        let id = followed.id();
        let known = self.0.board.seats().of(&id).cloned();
        if let Some(seat) = known {
            // Somebody who is here already and gets a new key.
            let Some(joining) = joining else {
                return Err(already_followed());
            };
            let (reply, answer) = oneshot::channel();
            let message = Message::Invited {
                joining: Box::new(joining),
                reply,
            };
            seat.inbox.send(message).map_err(|_| Problem::stopped())?;
            answer.await.unwrap_or_else(|_| Err(Problem::stopped()))?;
            return Ok(Reply::Followed { gateway: id });
        }
        let cannot = |error| Problem::local("The gateway cannot be kept", error);
        followed
            .trust_authority(authority.as_deref())
            .map_err(cannot)?;
        if let Err(error) = followed.client() {
            followed.delete().map_err(cannot)?;
            return Err(Problem::new(
                "bad_authority",
                sentence(&error.to_string()),
                "Paste the certificate of its authority in PEM form.",
            ));
        }
        followed.save().map_err(cannot)?;
        self.0.seat(Some(followed), None);
        Ok(Reply::Followed { gateway: id })
    }

    async fn unfollow(&self, gateway: &str) -> Result<Reply, Problem> {
        let _one_at_a_time = self.0.following.lock().await;
        if gateway == LOCAL {
            return Err(Problem::new(
                "own_gateway",
                "The gateway of this computer is part of the console.",
                "There is nothing to give up.",
            ));
        }
        let (reply, answer) = oneshot::channel();
        if !self.tell(gateway, Message::Unfollow { reply }) {
            return Err(not_followed());
        }
        let deleted = answer.await.map_err(|_| Problem::stopped())?;
        let (mut seats, _) = self.0.board.follow();
        // It cannot close: this handle holds the sender.
        let _gone = seats.wait_for(|seats| seats.of(gateway).is_none()).await;
        deleted.map(|()| Reply::Accepted)
    }

    /// The current view of this computer's gateway.
    #[must_use]
    pub fn view(&self, front: &FrontId) -> ConsoleView {
        self.view_of(LOCAL, front).unwrap_or_else(|| {
            let gateway = unknown_gateway(LOCAL, crate::GATEWAY_NAME, Colour::default());
            Published::starting(gateway).of(front)
        })
    }

    fn view_of(&self, gateway: &str, front: &FrontId) -> Option<ConsoleView> {
        let published = self.0.board.seats().of(gateway)?.published.clone();
        Some(published.of(front))
    }

    /// The current views, as the desktop sees them.
    #[must_use]
    pub fn views(&self) -> Vec<ConsoleView> {
        let seats = self.0.board.seats();
        let views = seats.all.iter().map(|seat| seat.published.view.clone());
        views.collect()
    }

    /// Whether a browser is signed in. The desktop always is as far as this
    /// goes: what it may do depends on the session alone.
    #[must_use]
    pub fn is_authorised(&self, front: &FrontId) -> bool {
        *front == FrontId::Desktop || self.0.board.is_authorised(LOCAL, front)
    }

    /// Everything that is pushed to a front, beginning with the current views.
    #[must_use]
    pub fn subscribe(&self, front: FrontId) -> Subscription {
        let (seats, sent) = self.0.board.follow();
        Subscription {
            front,
            board: self.0.board.clone(),
            seats,
            sent,
            told: HashMap::new(),
            next: VecDeque::new(),
        }
    }

    /// A notification was clicked: brings the action up. `choice` presets the
    /// confirmation. Nothing is decided, whoever sent this.
    pub fn notification_clicked(&self, action: &str, choice: Option<VerdictChoice>) {
        // Those who do not know the action do nothing.
        self.tell_all(|| Message::Clicked {
            action: action.to_owned(),
            choice,
        });
    }

    /// A link was followed to here: brings up the action that it names, or says
    /// why not. Nothing is decided, whoever made the link.
    pub fn link_followed(&self, link: &str) {
        let (handle, link) = (self.clone(), link.to_owned());
        self.0.runtime.spawn(async move {
            let mut whose = LOCAL.to_owned();
            if let Some(action) = crate::link::parse(&link) {
                let seats = handle.0.board.seats().all.clone();
                for seat in seats {
                    let (reply, answer) = oneshot::channel();
                    let asked = seat.inbox.send(Message::Knows { action, reply });
                    if asked.is_ok() && answer.await == Ok(true) {
                        whose = seat.id;
                        break;
                    }
                }
            }
            handle.tell(&whose, Message::Link { link });
        });
    }

    /// A notification could not be shown. The person is told in the window.
    pub fn notification_failed(&self, why: &str) {
        self.tell(
            LOCAL,
            Message::NoNotifications {
                why: why.to_owned(),
            },
        );
    }

    /// What the desktop offers, and what was chosen for it, has changed.
    pub fn desktop_changed(&self, desktop: DesktopView) {
        *self.0.desktop() = Some(desktop.clone());
        self.tell_all(|| Message::Desktop(desktop.clone()));
    }

    /// Locks: shows nothing until the key has signed in again.
    pub fn lock(&self) {
        self.tell_all(|| Message::Lock);
    }

    /// Stops the console and its gateway, and waits until they have.
    pub async fn stop(&self) {
        let _nothing_begins = self.0.following.lock().await;
        self.0.board.stopping();
        self.tell_all(|| Message::Stop);
        let (mut seats, _) = self.0.board.follow();
        // It cannot close: this handle holds the sender.
        let _all_gone = seats.wait_for(|seats| seats.all.is_empty()).await;
    }

    /// Tells one core something. `false` when there is none, or it has stopped.
    fn tell(&self, gateway: &str, message: Message) -> bool {
        let seats = self.0.board.seats();
        seats
            .of(gateway)
            .is_some_and(|seat| seat.inbox.send(message).is_ok())
    }

    fn tell_all(&self, message: impl Fn() -> Message) {
        for seat in &self.0.board.seats().all {
            // One that has stopped has nothing to do with it.
            let _stopped = seat.inbox.send(message());
        }
    }
}

/// What is pushed to one front.
pub struct Subscription {
    front: FrontId,
    board: Board,
    seats: watch::Receiver<Seats>,
    sent: broadcast::Receiver<Sent>,
    /// What the front was told last, by gateway.
    told: HashMap<String, ConsoleView>,
    next: VecDeque<Told>,
}

impl Subscription {
    /// The next event; `None` once the console has stopped.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.next.pop_front() {
                return Some(told);
            }
            tokio::select! {
                // What was published before an event is told before it.
                biased;
                changed = self.seats.changed() => {
                    changed.ok()?;
                    if !self.look() {
                        return None;
                    }
                }
                sent = self.sent.recv() => match sent {
                    Ok(sent) => {
                        if self.is_for_us(&sent) {
                            return Some(Told { gateway: sent.gateway, event: Some(sent.event) });
                        }
                    }
                    // What was missed is in the views, or can be opened again.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.told.clear();
                        self.seats.mark_changed();
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }

    /// Collects what has changed. `false` when the console is stopping.
    fn look(&mut self) -> bool {
        let seats = self.seats.borrow_and_update();
        if seats.stopping {
            return false;
        }
        let desktop = self.front == FrontId::Desktop;
        let ours: Vec<_> = seats
            .all
            .iter()
            .filter(|seat| desktop || seat.id == LOCAL)
            .collect();
        self.told.retain(|id, _| {
            let stays = ours.iter().any(|seat| seat.id == *id);
            if !stays {
                self.next.push_back(Told {
                    gateway: id.clone(),
                    event: None,
                });
            }
            stays
        });
        for seat in ours {
            let view = seat.published.of(&self.front);
            if self.told.get(&seat.id) != Some(&view) {
                self.told.insert(seat.id.clone(), view.clone());
                self.next.push_back(Told {
                    gateway: seat.id.clone(),
                    event: Some(Event::View(Box::new(view))),
                });
            }
        }
        true
    }

    fn is_for_us(&self, sent: &Sent) -> bool {
        match &sent.to {
            Some(front) => *front == self.front,
            None => self.board.is_authorised(&sent.gateway, &self.front),
        }
    }
}

/// A name for a gateway, for its person.
pub(crate) fn fit_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Problem::new(
        "bad_gateway_name",
        format!("A gateway's name has 1 to {MAX_NAME} characters on one line."),
        "Correct the name.",
    ))
}

fn no_joining(error: impl std::fmt::Display) -> Problem {
    Problem::new(
        "bad_joining",
        format!("This is not a text that a console handed over: {error}."),
        "Copy the whole text again, from `vidimus-joining:` to its end.",
    )
}

fn already_followed() -> Problem {
    Problem::new(
        "already_followed",
        "This console follows that gateway already.",
        "Choose it in the list of gateways.",
    )
}

fn not_followed() -> Problem {
    Problem::new(
        "not_followed",
        "This console does not follow that gateway.",
        "Choose another one in the list of gateways.",
    )
}

fn needs_window() -> Problem {
    Problem::new(
        "needs_window",
        "Gateways are chosen in the desktop window only.",
        "Open the Vidimus window on this computer.",
    )
}
