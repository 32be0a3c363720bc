//! The cores that run, one for each gateway that is followed, and what each
//! has published last.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};
use vidimus_protocol::Digest;

use crate::LOCAL;
use crate::core::Message;
use crate::view::{
    CeremonyPurpose, Colour, Connection, ConsoleView, Event, Front, GatewayView, Phase,
    Verification,
};

/// Events that a slow front may fall behind before it gets a fresh view.
const BACKLOG: usize = 256;

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

/// What everybody may see of one gateway, and who may see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    /// As the desktop sees it.
    pub(crate) view: ConsoleView,
    /// Who began the key prompt.
    pub(crate) prompted: Option<FrontId>,
    /// Browsers that are signed in.
    pub(crate) authorised: HashSet<FrontId>,
}

/// An event about one gateway, for one front or for all.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) gateway: String,
    pub(crate) to: Option<FrontId>,
    pub(crate) event: Event,
}

/// One core.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) id: String,
    pub(crate) inbox: mpsc::UnboundedSender<Message>,
    pub(crate) published: Arc<Published>,
}

/// All of them, that of this computer first. Clones share it.
#[derive(Clone)]
pub(crate) struct Board {
    seats: watch::Sender<Seats>,
    sent: broadcast::Sender<Sent>,
}

#[derive(Clone, Default)]
pub(crate) struct Seats {
    pub(crate) all: Vec<Seat>,
    /// The console is stopping: what goes now is no news.
    pub(crate) stopping: bool,
}

impl Seats {
    pub(crate) fn of(&self, id: &str) -> Option<&Seat> {
        self.all.iter().find(|seat| seat.id == id)
    }
}

/// A core's place on the board, until it is dropped.
pub(crate) struct Place {
    board: Board,
    id: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let seats = &self.board.seats;
        seats.send_modify(|seats| seats.all.retain(|seat| seat.id != self.id));
    }
}

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            seats: watch::Sender::new(Seats::default()),
            sent: broadcast::channel(BACKLOG).0,
        }
    }

    pub(crate) fn take(&self, seat: Seat) {
        self.seats.send_modify(|seats| seats.all.push(seat));
    }

    /// Whatever ends a core, its place is left with this.
    pub(crate) fn place(&self, id: String) -> Place {
        Place {
            board: self.clone(),
            id,
        }
    }

    /// Nothing is taken as news any more.
    pub(crate) fn stopping(&self) {
        self.seats.send_modify(|seats| seats.stopping = true);
    }

    /// Publishes a view when it has changed.
    pub(crate) fn publish(&self, id: &str, published: Published) {
        self.seats.send_if_modified(|seats| {
            let seat = seats.all.iter_mut().find(|seat| seat.id == id);
            let Some(seat) = seat.filter(|seat| *seat.published != published) else {
                return false;
            };
            seat.published = Arc::new(published);
            true
        });
    }

    /// Sends an event to a front, or to all.
    pub(crate) fn send(&self, sent: Sent) {
        // Nobody may be looking.
        let _nobody = self.sent.send(sent);
    }

    pub(crate) fn seats(&self) -> watch::Ref<'_, Seats> {
        self.seats.borrow()
    }

    pub(crate) fn follow(&self) -> (watch::Receiver<Seats>, broadcast::Receiver<Sent>) {
        let mut seats = self.seats.subscribe();
        seats.mark_changed();
        (seats, self.sent.subscribe())
    }

    pub(crate) fn is_authorised(&self, id: &str, front: &FrontId) -> bool {
        let seats = self.seats();
        let seat = seats.of(id);
        seat.is_some_and(|seat| seat.published.is_for(id, front))
    }
}

impl Published {
    pub(crate) fn starting(gateway: GatewayView) -> Self {
        Self {
            view: ConsoleView {
                front: Front::Desktop,
                phase: Phase::Starting,
                gateway,
                reviewer: None,
                ceremony: None,
                inbox: Vec::new(),
                waits_for_others: Vec::new(),
                claims: 0,
                policies: 0,
                unreviewed: 0,
                delegations: Vec::new(),
                policies_missing: 0,
                recent: Vec::new(),
                agents: Vec::new(),
                try_command: None,
                doubts: Vec::new(),
                notices: Vec::new(),
                verification: Verification::NotRun,
                policy_replay: None,
                policy_shadow: None,
                desktop: None,
            },
            prompted: None,
            authorised: HashSet::new(),
        }
    }

    /// Whether a front sees all of it. The desktop always does as far as this
    /// goes: what it may do depends on the session alone. A page belongs to the
    /// gateway of this computer, which serves it.
    fn is_for(&self, id: &str, front: &FrontId) -> bool {
        *front == FrontId::Desktop || (id == LOCAL && self.authorised.contains(front))
    }

    /// The view of a front. A browser that is not signed in learns that there
    /// is a gateway and whether it is set up, and sees its own key prompt.
    pub(crate) fn of(&self, front: &FrontId) -> ConsoleView {
        let mut view = self.view.clone();
        view.front = front.front();
        if *front == FrontId::Desktop {
            return view;
        }
        view.desktop = None;
        // The setup code proves that somebody sits at the console. A page that
        // could show it would prove nothing.
        if let Some(ceremony) = &mut view.ceremony
            && ceremony.purpose == CeremonyPurpose::Setup
        {
            ceremony.code = None;
        }
        if self.authorised.contains(front) {
            return view;
        }
        let ours = self.prompted.as_ref() == Some(front);
        let phase = match view.phase {
            phase @ (Phase::Starting | Phase::Setup) => phase,
            Phase::Failed { .. } => Phase::Starting,
            _ => Phase::SignedOut,
        };
        let gateway = GatewayView {
            connection: Connection::Connecting,
            checkpoint: None,
            ..view.gateway
        };
        ConsoleView {
            front: Front::Browser,
            phase,
            ceremony: view.ceremony.filter(|_| ours),
            ..Self::starting(gateway).view
        }
    }
}

/// The gateway of this computer, before anything is known of it.
pub(crate) fn unknown_gateway(id: &str, name: &str, colour: Colour) -> GatewayView {
    GatewayView {
        id: id.into(),
        colour,
        team: false,
        name: name.into(),
        url: String::new(),
        log: None,
        connection: Connection::Connecting,
        checkpoint: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::view::{AgentView, CeremonyState, CeremonyView, Notice, Problem, Route, Tone};

    fn published() -> Published {
        let gateway = unknown_gateway(LOCAL, crate::GATEWAY_NAME, Colour::Slate);
        let mut published = Published::starting(gateway);
        published.view.phase = Phase::Ready;
        published.view.agents.push(AgentView {
            id: "a".into(),
            name: "builder".into(),
            profile_path: None,
            revoked: false,
            pauses: Vec::new(),
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

    #[test]
    fn a_page_sees_the_gateway_that_serves_it_and_no_other() {
        let browser = FrontId::Browser(Digest([1; 32]));
        let mut published = published();
        published.authorised.insert(browser.clone());
        assert!(published.is_for(LOCAL, &browser));
        assert!(!published.is_for("gate.example", &browser));
        assert!(published.is_for("gate.example", &FrontId::Desktop));
    }
}
