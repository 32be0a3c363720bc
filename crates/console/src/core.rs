//! The owner of everything: one thread, one message at a time.
//!
//! [`Core`] holds the mirror, the replay of the log, the session and whatever
//! is on screen. Everything slow (network, key prompts, keyring) runs in tasks
//! that send a [`Message`] back; nothing else writes here. After each message
//! the view is built anew and, when it differs, published.

mod acts;
mod approving;
mod commands;
mod delegations;
mod deliveries;
mod doubts;
mod edits;
mod elsewhere;
mod feed;
mod freeze;
mod glass;
mod grants;
mod history;
mod lock;
mod look_back;
mod notes;
mod notify;
mod open;
mod pauses;
mod people;
mod policies;
mod policy_replays;
mod policy_shadows;
mod review;
mod sessions;
mod setup;
mod statements;
mod sync;
mod verification;
mod views;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use vidimus_client::{AgentProfile, ClientError, Home, Token};
use vidimus_mirror::Mirror;
use vidimus_policy::Situation;
use vidimus_protocol::api::{Ack, Content, FeedMessage, SessionView};
use vidimus_protocol::envelope::ActType;
use vidimus_protocol::id::{ActionId, CeremonyId};
use vidimus_protocol::state::Route;
use vidimus_protocol::{Blob, Digest, Time};
use vidimus_verify::replay::Replay;
use zeroize::Zeroizing;

use crate::act::End;
use crate::board::{Board, FrontId};
use crate::followed::{Files, Followed};
use crate::hooks::Hooks;
use crate::inbox::Headlines;
use crate::joining::Joining;
use crate::secrets::{Keeper, Secrets};
use crate::view::{
    CeremonyPurpose, CeremonyState, Command, Connection, DesktopView, Notice, Problem, Reply,
    VerdictChoice, Verification,
};

pub(crate) use lock::locked as locked_problem;

/// Everything that can happen.
pub(crate) enum Message {
    /// A front asks for something.
    Command {
        command: Command,
        front: FrontId,
        reply: Answer,
    },
    /// A notification was clicked. It may open something, never decide.
    Clicked {
        action: String,
        choice: Option<VerdictChoice>,
    },
    /// Whether this action is in the log.
    Knows {
        action: ActionId,
        reply: oneshot::Sender<bool>,
    },
    /// A link was followed. It may open an action, never decide.
    Link { link: String },
    /// The keyring answered.
    Keyring {
        token: Result<Option<Zeroizing<String>>, String>,
        pin: Result<Option<Zeroizing<String>>, String>,
    },
    /// The keyring could not keep something.
    KeyringFailed { why: String },
    /// The gateway said whether a token from the keyring still opens anything.
    Session {
        token: Token,
        result: Result<SessionView, ClientError>,
    },
    /// The feed of that number.
    Feed {
        generation: u64,
        fed: sync::Fed,
        /// Makes room for the next one when this is handled.
        _room: tokio::sync::OwnedSemaphorePermit,
    },
    /// The gateway of this process said what stands in its log.
    Copied(Result<Option<FeedMessage>, vidimus_gateway::Refusal>),
    /// A part was fetched.
    Part {
        index: u64,
        name: String,
        result: Result<Content, ClientError>,
    },
    /// An act's envelope is about to be shown to a key.
    Journal {
        challenge: Digest,
        r#type: ActType,
        reply: oneshot::Sender<Result<(), Problem>>,
    },
    /// A key prompt is open.
    CeremonyStarted {
        serial: u64,
        ceremony: CeremonyId,
        url: Option<String>,
        code: Option<String>,
    },
    /// A key prompt ended.
    CeremonyEnded { serial: u64, end: End },
    /// No browser opened.
    NoBrowser { why: String },
    /// The gateway answered to something said beside deciding.
    Said {
        reply: Answer,
        result: Result<Ack, ClientError>,
    },
    /// A gateway elsewhere is not followed, for what is on the disk.
    NotFollowed { why: String },
    /// An invitation to this very gateway.
    Invited {
        joining: Box<Joining>,
        reply: oneshot::Sender<Result<(), Problem>>,
    },
    /// Follow this gateway no longer.
    Unfollow {
        reply: oneshot::Sender<Result<(), Problem>>,
    },
    /// The desktop shows no notifications.
    NoNotifications { why: String },
    /// The desktop around the window.
    Desktop(DesktopView),
    /// The person is away.
    Lock,
    /// The whole-log verification goes on or is over.
    Verified(verification::Progress),
    /// The replay of that number goes on or is over.
    PolicyReplay {
        serial: u64,
        told: policy_replays::Told,
    },
    /// Proposals wait to be evaluated under the policy in shadow.
    PolicyShadow,
    /// The gateway's server ended.
    Served { why: String },
    /// A second has passed.
    Tick,
    /// The end.
    Stop,
}

/// Where the answer to a command goes.
pub(crate) type Answer = oneshot::Sender<Result<Reply, Problem>>;

fn answer(reply: Answer, result: Result<Reply, Problem>) {
    // The front may be gone.
    let _gone = reply.send(result);
}

/// What the console is started with.
pub(crate) struct Setting {
    /// Which gateway it is, towards fronts.
    pub(crate) id: String,
    pub(crate) home: Home,
    pub(crate) files: Files,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) web: Option<axum::Router>,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) inbox: mpsc::UnboundedSender<Message>,
    pub(crate) board: Board,
}

/// The state.
pub(crate) struct Core {
    setting: Setting,
    /// The gateway, when it is not that of this computer.
    followed: Option<Followed>,
    keeper: Keeper,
    /// Started gateway and opened mirror; `None` until they are, or why not.
    base: Result<Base, Option<Problem>>,
    session: Option<Session>,
    /// Asks whether a token of the keyring still opens one.
    session_asked: Option<JoinHandle<()>>,
    /// What was wrong, and where the evidence is.
    frozen: Option<(Problem, PathBuf)>,
    connection: Connection,
    /// The task that follows the feed, and its number.
    feed: Option<(u64, JoinHandle<()>)>,
    feeds: u64,
    ceremony: Option<Ceremony>,
    ceremonies: u64,
    /// Browsers whose key prompt ended well in this session.
    authorised: HashSet<FrontId>,
    /// What each front has open, with what it was shown.
    opened: HashMap<FrontId, review::Opened>,
    /// Answers that go out once the view that they speak of is published.
    answers: Vec<(Answer, Result<Reply, Problem>)>,
    /// Reviews that wait for their parts.
    waiting: Vec<review::Waiting>,
    /// Actions with a program at the other end; `None` while not connected.
    present: Option<HashSet<ActionId>>,
    /// When an action was last present.
    last_present: HashMap<ActionId, Time>,
    notified: HashSet<ActionId>,
    /// Actions of whose escalation a notification told, with the group.
    told_of_escalation: HashMap<ActionId, String>,
    /// Broken glasses that a notification tells of.
    told_of_glass: HashSet<ActionId>,
    /// Verdicts that nobody asked for here, by entry.
    doubts: BTreeMap<u64, doubts::Doubt>,
    /// What a verdict that was disowned leads to, once the key prompt ends.
    disowned: Option<String>,
    /// By code, so that each stands there once.
    notices: BTreeMap<String, Notice>,
    verification: Verification,
    /// The replay of a policy under way, and how many there were.
    policy_replay: Option<policy_replays::Running>,
    policy_replays: u64,
    /// What the last one found.
    replayed: Option<policy_replays::Found>,
    /// The policy in shadow.
    policy_shadow: Option<policy_shadows::Shadowed>,
    /// A pin from the keyring that the log has yet to honour.
    keyring_pin: Option<String>,
    /// Where the `vidimus` command is.
    vidimus: Option<PathBuf>,
    desktop: Option<DesktopView>,
    /// Stays until the key has signed in again, even when the program ends.
    locked: bool,
    /// Brought up while nothing is shown.
    called: Option<(ActionId, Option<VerdictChoice>)>,
    /// How many were said to wait while locked.
    told_waiting: usize,
    /// When the pin was last copied to the keyring, and what it was.
    copied_pin: Option<(Instant, u64)>,
}

/// What exists once the console has opened.
pub(crate) struct Base {
    /// The gateway of this computer, when it is that.
    embedded: Option<Embedded>,
    client: vidimus_client::Gateway,
    mirror: Mirror,
    replay: Replay,
    /// Size up to which the mirror is filled; the feed resumes there.
    size: Arc<AtomicU64>,
    headlines: Headlines,
    /// Which action each entry belongs to.
    actions: Vec<Option<ActionId>>,
    /// Actions in the order of their latest entry, newest first.
    recent: VecDeque<ActionId>,
    /// What the log says of each action that waits under a policy.
    situations: HashMap<ActionId, Situation>,
    /// How each credential was reached at its enrolment.
    routes: HashMap<Blob, Route>,
    fetching: HashSet<(u64, String)>,
    /// Policies that were read, by the entry that brought each.
    policies: RefCell<HashMap<u64, policies::Read>>,
    /// Whether one may approve what waits, as it was said last.
    given: RefCell<HashMap<ActionId, approving::Given>>,
}

/// The gateway that runs in this process, and its server.
struct Embedded {
    gateway: vidimus_gateway::Gateway,
    stop_serving: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// An open session.
struct Session {
    token: Token,
    expires_at: Time,
}

/// The key prompt in progress, or the last one.
struct Ceremony {
    serial: u64,
    front: FrontId,
    purpose: CeremonyPurpose,
    route: Route,
    id: Option<CeremonyId>,
    url: Option<String>,
    code: Option<String>,
    state: CeremonyState,
    task: Option<JoinHandle<()>>,
    after: After,
    /// Waits for the mirror to prove it, until then.
    unproven: Option<(Box<Ack>, Instant)>,
}

/// What follows when a key prompt is done.
enum After {
    /// A session opens with this token.
    OpenSession { token: Token, expires_at: Time },
    /// An agent's profile is written.
    WriteProfile(Box<AgentProfile>),
    /// The log of a gateway elsewhere is founded, by somebody of this name.
    Founded {
        name: String,
        token: Token,
        expires_at: Time,
    },
    /// The key of an invited person is made.
    Claimed,
    /// Nothing more: the ledger says it.
    Nothing,
}

impl Core {
    pub(crate) fn new(setting: Setting, followed: Option<Followed>) -> Self {
        let inbox = setting.inbox.clone();
        let failed = move |why| {
            // The console may have stopped meanwhile.
            let _stopped = inbox.send(Message::KeyringFailed { why });
        };
        let keeper = Keeper::new(&setting.runtime, setting.secrets.clone(), failed);
        Self {
            setting,
            followed,
            keeper,
            base: Err(None),
            session: None,
            session_asked: None,
            frozen: None,
            connection: Connection::Connecting,
            feed: None,
            feeds: 0,
            ceremony: None,
            ceremonies: 0,
            authorised: HashSet::new(),
            opened: HashMap::new(),
            answers: Vec::new(),
            waiting: Vec::new(),
            present: None,
            last_present: HashMap::new(),
            notified: HashSet::new(),
            told_of_escalation: HashMap::new(),
            told_of_glass: HashSet::new(),
            doubts: BTreeMap::new(),
            disowned: None,
            notices: BTreeMap::new(),
            verification: Verification::NotRun,
            policy_replay: None,
            policy_replays: 0,
            replayed: None,
            policy_shadow: None,
            keyring_pin: None,
            vidimus: None,
            desktop: None,
            locked: false,
            called: None,
            told_waiting: 0,
            copied_pin: None,
        }
    }

    /// Handles messages until it is told to stop.
    pub(crate) fn run(mut self, inbox: &mut mpsc::UnboundedReceiver<Message>) {
        self.look_for_command();
        self.publish();
        self.open();
        self.publish();
        while let Some(message) = inbox.blocking_recv() {
            match message {
                Message::Stop => break,
                Message::Unfollow { reply } => {
                    // The front may be gone.
                    let _gone = reply.send(self.unfollow());
                    return;
                }
                message => self.handle(message),
            }
            self.publish();
            for (reply, result) in self.answers.drain(..) {
                answer(reply, result);
            }
        }
        self.close();
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Command {
                command,
                front,
                reply,
            } => self.command(command, &front, reply),
            Message::Clicked { action, choice } => self.clicked(&action, choice),
            Message::Knows { action, reply } => {
                // Whoever asked may have stopped.
                let _stopped = reply.send(self.knows(action));
            }
            Message::Link { link } => self.link_followed(&link),
            Message::Keyring { token, pin } => self.keyring_answered(token, pin),
            Message::KeyringFailed { why } => self.no_keyring(&why),
            Message::Session { token, result } => self.session_answered(token, result),
            Message::Feed {
                generation, fed, ..
            } => self.fed(generation, fed),
            Message::Copied(result) => self.copied(result),
            Message::Part {
                index,
                name,
                result,
            } => self.part_arrived(index, name, result),
            Message::Journal {
                challenge,
                r#type,
                reply,
            } => {
                // The task may have been cancelled while it asked.
                let _cancelled = reply.send(self.journal(challenge, r#type));
            }
            Message::CeremonyStarted {
                serial,
                ceremony,
                url,
                code,
            } => self.ceremony_started(serial, ceremony, url, code),
            Message::CeremonyEnded { serial, end } => self.ceremony_ended(serial, end),
            Message::NoBrowser { why } => self.notice(
                crate::view::Tone::Warning,
                Problem::new(
                    "no_browser",
                    format!("No browser opened: {why}."),
                    "Copy the address of the page into a browser on this computer.",
                ),
            ),
            Message::Said { reply, result } => self.said(reply, result),
            Message::NotFollowed { why } => self.notice(
                crate::view::Tone::Danger,
                Problem::new(
                    "not_followed",
                    format!("A gateway that this console followed cannot be opened: {why}"),
                    "Put its file back from your copy, or follow it anew.",
                ),
            ),
            Message::Invited { joining, reply } => {
                // The front may be gone.
                let _gone = reply.send(self.invited(*joining));
            }
            // What the desktop lacks is said in better words already.
            Message::NoNotifications { .. } if self.lacks(commands::NO_NOTIFICATIONS) => {}
            Message::NoNotifications { why } => self.notice(
                crate::view::Tone::Warning,
                Problem::new(
                    commands::NO_NOTIFICATIONS,
                    format!("This desktop shows no notifications: {why}."),
                    "Watch the inbox, or start a notification daemon.",
                ),
            ),
            Message::Desktop(desktop) => self.desktop_changed(desktop),
            Message::Lock => self.lock(),
            Message::Verified(progress) => self.verified(progress),
            Message::PolicyReplay { serial, told } => self.replay_told(serial, told),
            Message::PolicyShadow => self.go_on_in_shadow(),
            Message::Served { why } => self.served(why),
            Message::Tick => self.tick(),
            // They end the loop.
            Message::Stop | Message::Unfollow { .. } => {}
        }
    }

    fn tick(&mut self) {
        self.ceremony_late();
        self.notice_founding();
        self.give_up_waiting();
        self.session_over();
        self.copy_pin();
    }

    /// Sends a message to itself from a task.
    fn spawn<F>(&self, work: F) -> JoinHandle<()>
    where
        F: Future<Output = Message> + Send + 'static,
    {
        let inbox = self.setting.inbox.clone();
        self.setting.runtime.spawn(async move {
            // The console may have stopped meanwhile.
            let _stopped = inbox.send(work.await);
        })
    }

    fn notice(&mut self, tone: crate::view::Tone, problem: Problem) {
        self.notices
            .insert(problem.code.clone(), Notice { tone, problem });
    }

    fn base(&self) -> Result<&Base, Problem> {
        self.base.as_ref().map_err(|problem| {
            problem.clone().unwrap_or_else(|| {
                Problem::new(
                    "starting",
                    "The console is still starting.",
                    "Try again in a moment.",
                )
            })
        })
    }
}

impl Base {
    fn state(&self) -> &vidimus_protocol::State {
        self.replay.state()
    }
}

/// The clock.
pub(crate) fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
