//! The console as its fronts see it: commands in, views and events out.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use vidimus_client::Home;
use vidimus_protocol::Digest;

use crate::core::{Core, Message, Setting};
use crate::hooks::Hooks;
use crate::secrets::Secrets;
use crate::view::{
    Colour, Command, Connection, ConsoleView, DesktopView, Event, Front, GatewayView, Phase,
    Problem, Reply, VerdictChoice, Verification,
};

/// Events that a slow front may fall behind before it gets a fresh view.
const BACKLOG: usize = 256;

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

/// Where a command comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FrontId {
    /// The native window.
    Desktop,
    /// A browser, known by the hash of its cookie.
    Browser(Digest),
}

impl FrontId {
    fn front(&self) -> Front {
        match self {
            Self::Desktop => Front::Desktop,
            Self::Browser(_) => Front::Browser,
        }
    }
}

/// What everybody may see, and who may see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    /// As the desktop sees it.
    pub(crate) view: ConsoleView,
    /// Who began the key prompt.
    pub(crate) prompted: Option<FrontId>,
    /// Browsers that are signed in.
    pub(crate) authorised: HashSet<FrontId>,
}

/// An event for one front, or for all.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) to: Option<FrontId>,
    pub(crate) event: Event,
}

impl Console {
    /// Starts the console inside a Tokio runtime: its thread, its gateway, its
    /// feed. Whatever keeps it from starting is a phase of the view, not an
    /// error.
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
        let (inbox, mut messages) = mpsc::unbounded_channel();
        let (published, view) = watch::channel(Arc::new(Published::starting()));
        let (sent, _) = broadcast::channel(BACKLOG);
        let handle = Handle {
            inbox: inbox.clone(),
            view,
            sent: sent.clone(),
        };
        let runtime = tokio::runtime::Handle::current();
        runtime.spawn(ticks(inbox.clone()));
        let setting = Setting {
            home,
            hooks,
            secrets,
            web: web.then(|| crate::web::router(handle.clone())),
            runtime,
            inbox,
            published,
            sent,
        };
        std::thread::Builder::new()
            .name("console".into())
            .spawn(move || Core::new(setting).run(&mut messages))
            .expect("the system has a thread left");
        handle
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
pub struct Handle {
    inbox: mpsc::UnboundedSender<Message>,
    view: watch::Receiver<Arc<Published>>,
    sent: broadcast::Sender<Sent>,
}

impl Handle {
    /// Asks the console for something.
    ///
    /// # Errors
    /// A [`Problem`] in words for the person.
    pub async fn command(&self, command: Command, front: &FrontId) -> Result<Reply, Problem> {
        if command == Command::View {
            return Ok(Reply::View(Box::new(self.view(front))));
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::Command {
            command,
            front: front.clone(),
            reply,
        };
        self.inbox.send(message).map_err(|_| Problem::stopped())?;
        answer.await.unwrap_or_else(|_| Err(Problem::stopped()))
    }

    /// The current view of a front.
    #[must_use]
    pub fn view(&self, front: &FrontId) -> ConsoleView {
        self.view.borrow().of(front)
    }

    /// Whether a browser is signed in. The desktop always is as far as this
    /// goes: what it may do depends on the session alone.
    #[must_use]
    pub fn is_authorised(&self, front: &FrontId) -> bool {
        *front == FrontId::Desktop || self.view.borrow().authorised.contains(front)
    }

    /// Everything that is pushed to a front, beginning with the current view.
    #[must_use]
    pub fn subscribe(&self, front: FrontId) -> Subscription {
        let mut view = self.view.clone();
        view.mark_changed();
        Subscription {
            front,
            view,
            sent: self.sent.subscribe(),
            last: None,
        }
    }

    /// A notification was clicked: brings the action up. `choice` presets the
    /// confirmation. Nothing is decided, whoever sent this.
    pub fn notification_clicked(&self, action: &str, choice: Option<VerdictChoice>) {
        // A console that has stopped has nothing to bring up.
        let _stopped = self.inbox.send(Message::Clicked {
            action: action.to_owned(),
            choice,
        });
    }

    /// A link was followed to here: brings up the action that it names, or says
    /// why not. Nothing is decided, whoever made the link.
    pub fn link_followed(&self, link: &str) {
        // A console that has stopped has nothing to bring up.
        let _stopped = self.inbox.send(Message::Link {
            link: link.to_owned(),
        });
    }

    /// A notification could not be shown. The person is told in the window.
    pub fn notification_failed(&self, why: &str) {
        // A console that has stopped has nobody to tell.
        let _stopped = self.inbox.send(Message::NoNotifications {
            why: why.to_owned(),
        });
    }

    /// What the desktop offers, and what was chosen for it, has changed.
    pub fn desktop_changed(&self, desktop: DesktopView) {
        // A console that has stopped shows nothing any more.
        let _stopped = self.inbox.send(Message::Desktop(desktop));
    }

    /// Locks: shows nothing until the key has signed in again.
    pub fn lock(&self) {
        // A console that has stopped shows nothing any more.
        let _stopped = self.inbox.send(Message::Lock);
    }

    /// Stops the console and its gateway, and waits until they have.
    pub async fn stop(&self) {
        // It has stopped already when nobody takes the message.
        let _stopped = self.inbox.send(Message::Stop);
        let mut view = self.view.clone();
        // The publisher goes last.
        while view.changed().await.is_ok() {}
    }
}

/// What is pushed to one front.
pub struct Subscription {
    front: FrontId,
    view: watch::Receiver<Arc<Published>>,
    sent: broadcast::Receiver<Sent>,
    last: Option<ConsoleView>,
}

impl Subscription {
    /// The next event; `None` once the console has stopped.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                changed = self.view.changed() => {
                    changed.ok()?;
                    let view = self.view.borrow_and_update().of(&self.front);
                    if self.last.as_ref() != Some(&view) {
                        self.last = Some(view.clone());
                        return Some(Event::View(Box::new(view)));
                    }
                }
                sent = self.sent.recv() => match sent {
                    Ok(Sent { to, event }) => {
                        let for_all = to.is_none() && self.authorised();
                        if for_all || to.as_ref() == Some(&self.front) {
                            return Some(event);
                        }
                    }
                    // What was missed is in the view, or can be opened again.
                    Err(broadcast::error::RecvError::Lagged(_)) => self.last = None,
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }

    fn authorised(&self) -> bool {
        self.front == FrontId::Desktop || self.view.borrow().authorised.contains(&self.front)
    }
}

impl Published {
    pub(crate) fn starting() -> Self {
        Self {
            view: ConsoleView {
                front: Front::Desktop,
                phase: Phase::Starting,
                gateway: GatewayView {
                    id: "local".into(),
                    colour: Colour::default(),
                    team: false,
                    name: crate::GATEWAY_NAME.into(),
                    url: String::new(),
                    log: None,
                    connection: Connection::Connecting,
                    checkpoint: None,
                },
                reviewer: None,
                ceremony: None,
                inbox: Vec::new(),
                recent: Vec::new(),
                agents: Vec::new(),
                try_command: None,
                doubts: Vec::new(),
                notices: Vec::new(),
                verification: Verification::NotRun,
                desktop: None,
            },
            prompted: None,
            authorised: HashSet::new(),
        }
    }

    /// The view of a front. A browser that is not signed in learns that there
    /// is a gateway and whether it is set up, and sees its own key prompt.
    fn of(&self, front: &FrontId) -> ConsoleView {
        let mut view = self.view.clone();
        view.front = front.front();
        if *front == FrontId::Desktop {
            return view;
        }
        view.desktop = None;
        // The setup code proves that somebody sits at the console. A page that
        // could show it would prove nothing.
        if let Some(ceremony) = &mut view.ceremony
            && ceremony.purpose == crate::view::CeremonyPurpose::Setup
        {
            ceremony.code = None;
        }
        if self.authorised.contains(front) {
            return view;
        }
        let ours = self.prompted.as_ref() == Some(front);
        ConsoleView {
            front: Front::Browser,
            phase: match view.phase {
                phase @ (Phase::Starting | Phase::Setup) => phase,
                Phase::Failed { .. } => Phase::Starting,
                _ => Phase::SignedOut,
            },
            ceremony: view.ceremony.filter(|_| ours),
            gateway: GatewayView {
                connection: Connection::Connecting,
                checkpoint: None,
                ..view.gateway
            },
            reviewer: None,
            inbox: Vec::new(),
            recent: Vec::new(),
            agents: Vec::new(),
            try_command: None,
            doubts: Vec::new(),
            notices: Vec::new(),
            verification: Verification::NotRun,
            desktop: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::view::{
        AgentView, CeremonyPurpose, CeremonyState, CeremonyView, Notice, Route, Tone,
    };

    fn published() -> Published {
        let mut published = Published::starting();
        published.view.phase = Phase::Ready;
        published.view.agents.push(AgentView {
            id: "a".into(),
            name: "builder".into(),
            profile_path: None,
        });
        published.view.try_command = Some("secret path".into());
        published.view.notices.push(Notice {
            tone: Tone::Info,
            problem: Problem::stopped(),
        });
        published.view.ceremony = Some(CeremonyView {
            purpose: CeremonyPurpose::Setup,
            route: Route::Browser,
            url: Some("u".into()),
            code: Some("123 456".into()),
            state: CeremonyState::Waiting,
        });
        published
    }

    #[test]
    fn a_browser_that_is_not_signed_in_learns_nothing() {
        let stranger = FrontId::Browser(Digest([1; 32]));
        let view = published().of(&stranger);
        assert_eq!(view.phase, Phase::SignedOut);
        assert_eq!(view.front, Front::Browser);
        assert!(view.agents.is_empty() && view.notices.is_empty());
        assert!(view.ceremony.is_none() && view.try_command.is_none());
    }

    #[test]
    fn no_browser_is_shown_the_setup_code_not_even_its_own() {
        let browser = FrontId::Browser(Digest([1; 32]));
        let mut published = published();
        published.prompted = Some(browser.clone());
        let ceremony = published.of(&browser).ceremony.unwrap();
        assert_eq!(ceremony.code, None);
        assert_eq!(ceremony.url.as_deref(), Some("u"));
        published.authorised.insert(browser.clone());
        assert_eq!(published.of(&browser).ceremony.unwrap().code, None);
        assert!(!published.of(&browser).agents.is_empty());
        let code = published.of(&FrontId::Desktop).ceremony.unwrap().code;
        assert_eq!(code.as_deref(), Some("123 456"));
    }
}
