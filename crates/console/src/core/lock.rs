//! The lock: while it is on, no front is told anything but how many actions
//! wait, and nothing is done but the key's sign-in that ends it.
//!
//! It guards the screen of a person who is away. It is no guard against
//! programs of the same user: the copy of the log lies on the disk as before.
//! The feed goes on, so that what is proposed meanwhile is counted and told;
//! the token that it uses stays in memory and is taken out of the keyring, and
//! the sign-in that unlocks opens another session.
//!
//! A console that is frozen, or that cannot judge its log, does not lock: no
//! key can sign in there, and its evidence must be seen.

use super::{Core, now};
use crate::board::Published;
use crate::hooks::{About, NotificationRequest, Offers, Urgency};
use crate::view::{CeremonyPurpose, CeremonyState, Command, ConsoleView, Phase, Problem};

/// Under this name the lock outlives the program.
const LOCKED: &str = "locked";
const YES: &str = "yes";

impl Core {
    /// Locks, where there is something to hide and a key to open it with.
    pub(super) fn lock(&mut self) {
        if !matches!(self.phase(), Phase::Ready | Phase::SignedOut) {
            return;
        }
        self.locked = true;
        self.keep_lock();
        match self.ceremony.as_ref().map(|ceremony| &ceremony.state) {
            Some(CeremonyState::Waiting) => {
                if let Err(problem) = self.cancel_ceremony() {
                    tracing::warn!(code = problem.code, "the key prompt stays open");
                }
            }
            // What is signed is proven in the background.
            Some(CeremonyState::Proving) | None => {}
            Some(_) => self.ceremony = None,
        }
        self.stop_replay();
        self.opened.clear();
        for waiting in std::mem::take(&mut self.waiting) {
            self.answers.push((waiting.reply, Err(locked())));
        }
        self.authorised.clear();
        self.forget_token();
        self.notify();
    }

    /// The key has signed in at the window.
    pub(super) fn unlock(&mut self) {
        if !self.locked {
            return;
        }
        self.locked = false;
        self.keep_lock();
        self.setting
            .hooks
            .withdraw(&About::Lock(self.setting.id.clone()));
        self.told_waiting = 0;
        // Whoever unlocks looks at the inbox: nothing there is news.
        if let Ok(base) = &self.base {
            let waiting = base.state().waiting();
            self.notified.extend(waiting.map(|action| action.id));
            let told = base.state().waiting();
            let told = told.filter_map(|action| Some((action.id, self.escalated_to_us(action)?)));
            self.told_of_escalation = told.collect();
        }
        if let Some((action, confirm)) = self.called.take() {
            self.bring_up(action, confirm);
        }
    }

    /// Reads whether the console was locked when it ended.
    pub(super) fn read_lock(&mut self) {
        let Ok(base) = &self.base else { return };
        self.locked = match base.mirror.get(LOCKED) {
            Ok(kept) => kept.as_deref() == Some(YES),
            Err(error) => {
                tracing::warn!(%error, "it is not known whether the console was locked");
                true
            }
        };
    }

    fn keep_lock(&self) {
        let Ok(base) = &self.base else { return };
        let value = if self.locked { YES } else { "" };
        if let Err(error) = base.mirror.set(LOCKED, value) {
            tracing::warn!(%error, "the lock is not kept beyond this run");
        }
    }

    pub(super) fn is_locked(&self) -> bool {
        matches!(self.phase(), Phase::Locked { .. })
    }

    /// How the phase says it.
    pub(super) fn locked_phase(&self) -> Phase {
        Phase::Locked {
            waiting: u32::try_from(self.waiting_now()).unwrap_or(u32::MAX),
            following: self.session.is_some(),
        }
    }

    fn waiting_now(&self) -> usize {
        self.base.as_ref().map_or(0, |base| {
            base.state()
                .waiting()
                .filter(|action| now() < action.expires_at && self.waits_for_us(action))
                .count()
        })
    }

    /// Refuses everything but the way out.
    pub(super) fn may_while_locked(&self, command: &Command) -> Result<(), Problem> {
        match command {
            Command::View
            | Command::Lock
            | Command::SignIn
            | Command::CancelCeremony
            | Command::ReopenCeremony => Ok(()),
            _ if self.is_locked() => Err(locked()),
            _ => Ok(()),
        }
    }

    /// Takes out of a view what a locked console shows nobody.
    pub(super) fn veil(&self, view: ConsoleView) -> ConsoleView {
        if !matches!(view.phase, Phase::Locked { .. }) {
            return view;
        }
        let mut gateway = view.gateway;
        gateway.checkpoint = None;
        ConsoleView {
            front: view.front,
            phase: view.phase,
            ceremony: view
                .ceremony
                .filter(|ceremony| ceremony.purpose == CeremonyPurpose::SignIn),
            desktop: view.desktop,
            ..Published::starting(gateway).view
        }
    }

    /// Says how many wait, and nothing about them.
    pub(super) fn notify_locked(&mut self) {
        for id in std::mem::take(&mut self.notified) {
            self.setting.hooks.withdraw(&About::Action(id.to_string()));
        }
        let waiting = self.waiting_now();
        if waiting > self.told_waiting {
            let body = match waiting {
                1 => "1 action waits for you.".to_owned(),
                more => format!("{more} actions wait for you."),
            };
            self.setting.hooks.notify(NotificationRequest {
                about: About::Lock(self.setting.id.clone()),
                title: format!("{}Vidimus is locked", self.named()),
                body,
                urgency: Urgency::Normal,
                offers: Offers::Opening,
            });
        } else if waiting == 0 {
            self.setting
                .hooks
                .withdraw(&About::Lock(self.setting.id.clone()));
        }
        self.told_waiting = waiting;
    }
}

/// Why nothing is done.
pub(crate) fn locked() -> Problem {
    Problem::new(
        "locked",
        "The console is locked.",
        "Unlock it with your key first.",
    )
}
