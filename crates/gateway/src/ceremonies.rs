//! Key prompts on their way: what a page may do, step by step, once.
//!
//! A ceremony is made by a console (an act) or inside this process (the
//! founding); its page gets the id and nothing secret. Each step is taken out
//! before it is tried, so that two pages cannot both take it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use vidimus_protocol::api::{Ack, CeremonyState, CeremonyView, StartCeremony};
use vidimus_protocol::id::CeremonyId;
use webauthn_rs::prelude::{CreationChallengeResponse, PasskeyRegistration};

use crate::enrolment::{Claim, Claimant};
use crate::founding::{FoundingDraft, NewSession};
use crate::keys::{random, random_id};
use crate::problem::Refusal;

/// Life of an act's prompt: its envelope is good for as long.
const ACT_LIFE: Duration = Duration::from_secs(120);
/// Life of a founding.
const FOUNDING_LIFE: Duration = Duration::from_secs(600);
/// How long a result can be fetched.
const KEPT: Duration = Duration::from_secs(60);
/// Most prompts that wait for a key at a time, with a session and without one:
/// whoever has no session cannot keep others from deciding.
const MOST: usize = 32;
/// Most prompts that are remembered, ended ones included.
const MOST_KEPT: usize = 1024;
/// Tries at the founding code.
pub(crate) const TRIES: u32 = 5;

/// The next thing that a page may do.
pub(crate) enum Step {
    /// Type the code that the window shows.
    Code {
        code: String,
        tries: u32,
        name: String,
        session: NewSession,
    },
    /// Register a key.
    Registration {
        state: Box<PasskeyRegistration>,
        /// What the browser is asked.
        options: Box<CreationChallengeResponse>,
        whose: Whose,
    },
    /// Sign the founding.
    Founding(Box<FoundingDraft>),
    /// Sign the enrolment of a further key.
    Claim(Box<Claim>),
    /// Sign an act.
    Act(Box<StartCeremony>),
    /// Nothing more.
    Over,
}

/// Whose key is registered.
#[derive(Clone)]
pub(crate) enum Whose {
    /// The founder's, who is signed in with it.
    Founder { name: String, session: NewSession },
    /// Somebody's to whom the log is open already.
    Claimant(Claimant),
}

/// One key prompt.
pub(crate) struct Ceremony {
    step: Mutex<Step>,
    view: watch::Sender<CeremonyView>,
    ends_at: Instant,
    /// Six random digits that page and console both show.
    code: String,
    /// Whether somebody with a session began it.
    session: bool,
}

impl Ceremony {
    /// Looks at the next step.
    pub(crate) fn step(&self) -> MutexGuard<'_, Step> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next step out: whoever has it is the only one.
    pub(crate) fn take(&self) -> Step {
        std::mem::replace(&mut *self.step(), Step::Over)
    }

    /// Takes the step that a key answers, if it is at that step.
    pub(crate) fn take_assertion(&self) -> Option<Step> {
        let mut step = self.step();
        match *step {
            Step::Founding(_) | Step::Claim(_) | Step::Act(_) => {
                Some(std::mem::replace(&mut *step, Step::Over))
            }
            Step::Code { .. } | Step::Registration { .. } | Step::Over => None,
        }
    }

    /// Six digits to compare.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// How far it is.
    pub(crate) fn view(&self) -> CeremonyView {
        self.view.borrow().clone()
    }

    /// Waits at most `wait` for an end.
    pub(crate) async fn ended(&self, wait: Duration) -> CeremonyView {
        let mut view = self.view.subscribe();
        let end = view.wait_for(|view| view.state != CeremonyState::Waiting);
        if let Ok(Ok(view)) = tokio::time::timeout(wait, end).await {
            return view.clone();
        }
        self.view()
    }

    /// Ends it with what the sequencer said.
    pub(crate) fn end(&self, result: Result<Option<Ack>, Refusal>) {
        let (state, ack, problem) = match result {
            Ok(ack) => (CeremonyState::Done, ack, None),
            Err(refusal) => (CeremonyState::Failed, None, Some(refusal.problem())),
        };
        *self.step() = Step::Over;
        self.view.send_replace(CeremonyView {
            ack,
            problem,
            state,
        });
    }

    /// Ends it without anything having happened.
    pub(crate) fn cancel(&self) {
        if self.view().state == CeremonyState::Waiting && !matches!(self.take(), Step::Over) {
            self.view.send_replace(CeremonyView {
                ack: None,
                problem: None,
                state: CeremonyState::Cancelled,
            });
        }
    }
}

/// Every key prompt on its way.
#[derive(Default)]
pub(crate) struct Ceremonies(Mutex<HashMap<CeremonyId, Arc<Ceremony>>>);

impl Ceremonies {
    /// Begins a prompt: its id, and the digits to compare.
    pub(crate) fn start(&self, step: Step, session: bool) -> Result<(CeremonyId, String), Refusal> {
        let life = match &step {
            Step::Act(_) => ACT_LIFE,
            _ => FOUNDING_LIFE,
        };
        let mut all = self.all();
        let waiting = all
            .values()
            .filter(|open| open.session == session && open.view().state == CeremonyState::Waiting);
        if waiting.count() >= MOST || all.len() >= MOST_KEPT {
            return Err(Refusal::new(
                429,
                "too_many_ceremonies",
                "too many key prompts are open: finish or cancel some, or wait two minutes",
            ));
        }
        let id = CeremonyId::from_random(random_id());
        let code = crate::digits(random());
        let view = CeremonyView {
            ack: None,
            problem: None,
            state: CeremonyState::Waiting,
        };
        let ceremony = Ceremony {
            step: Mutex::new(step),
            view: watch::Sender::new(view),
            ends_at: Instant::now() + life,
            code: code.clone(),
            session,
        };
        all.insert(id, Arc::new(ceremony));
        Ok((id, code))
    }

    pub(crate) fn get(&self, id: CeremonyId) -> Result<Arc<Ceremony>, Refusal> {
        self.all().get(&id).cloned().ok_or_else(|| {
            Refusal::not_found(
                "key prompt: it ended, or the gateway was restarted; start again from the console",
            )
        })
    }

    /// Every prompt, after the ones whose time is over were ended.
    fn all(&self) -> MutexGuard<'_, HashMap<CeremonyId, Arc<Ceremony>>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        for ceremony in all.values().filter(|ceremony| now >= ceremony.ends_at) {
            let untouched = !matches!(&*ceremony.step(), Step::Over);
            if untouched && ceremony.view().state == CeremonyState::Waiting {
                ceremony.end(Err(Refusal::new(
                    410,
                    "ceremony_expired",
                    "the key prompt was open for too long: start again from the console",
                )));
            }
        }
        all.retain(|_, ceremony| now < ceremony.ends_at + KEPT);
        all
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vidimus_protocol::{Digest, Time};

    fn code_step() -> Step {
        let session = NewSession {
            token_hash: Digest([0; 32]),
            expires_at: Time::default(),
        };
        Step::Code {
            code: "123456".into(),
            tries: 0,
            name: "Ada".into(),
            session,
        }
    }

    #[test]
    fn a_step_is_taken_once() {
        let all = Ceremonies::default();
        let ceremony = all.get(all.start(code_step(), true).unwrap().0).unwrap();
        assert!(matches!(ceremony.take(), Step::Code { .. }));
        assert!(matches!(ceremony.take(), Step::Over));
    }

    #[test]
    fn a_cancelled_prompt_stays_cancelled_and_a_finished_one_cannot_be_cancelled() {
        let all = Ceremonies::default();
        let one = all.get(all.start(code_step(), true).unwrap().0).unwrap();
        one.cancel();
        assert_eq!(one.view().state, CeremonyState::Cancelled);
        assert!(matches!(one.take(), Step::Over));
        let two = all.get(all.start(code_step(), true).unwrap().0).unwrap();
        two.end(Ok(None));
        two.cancel();
        assert_eq!(two.view().state, CeremonyState::Done);
    }

    #[test]
    fn there_are_not_too_many() {
        let all = Ceremonies::default();
        for _ in 0..MOST {
            all.start(code_step(), false).unwrap();
        }
        let refused = all.start(code_step(), false).unwrap_err();
        assert_eq!(refused.code, "too_many_ceremonies");
        // Whoever has a session is not kept out, and an end makes room.
        all.start(code_step(), true).unwrap();
        all.all().values().for_each(|open| open.cancel());
        all.start(code_step(), false).unwrap();
        while all.all().len() < MOST_KEPT {
            let (id, _) = all.start(code_step(), false).unwrap();
            all.get(id).unwrap().cancel();
        }
        let refused = all.start(code_step(), true).unwrap_err();
        assert_eq!(refused.code, "too_many_ceremonies");
    }

    #[test]
    fn one_that_is_being_answered_is_not_cancelled() {
        let all = Ceremonies::default();
        let one = all.get(all.start(code_step(), true).unwrap().0).unwrap();
        drop(one.take());
        one.cancel();
        assert_eq!(one.view().state, CeremonyState::Waiting);
    }

    #[test]
    fn an_old_one_ends_and_is_forgotten_later() {
        let all = Ceremonies::default();
        let over_for = |time: Duration| {
            let (id, _) = all.start(code_step(), true).unwrap();
            let mut open = all.0.lock().unwrap();
            let made = Arc::into_inner(open.remove(&id).unwrap()).unwrap();
            let aged = Ceremony {
                ends_at: Instant::now().checked_sub(time).unwrap(),
                ..made
            };
            open.insert(id, Arc::new(aged));
            id
        };
        let late = all.get(over_for(Duration::ZERO)).unwrap().view();
        assert_eq!(late.problem.unwrap().code, "ceremony_expired");
        assert!(all.get(over_for(KEPT)).is_err());
    }
}
