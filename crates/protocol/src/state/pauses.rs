//! The stop button: an agent, or one of its runs, is paused until somebody
//! resumes it. What a pause meets never runs: what waits is withdrawn, what was
//! approved gets no permit and redeems none, also after the agent was resumed.

use super::{ActionState, Agent, Effect, Life, State, Violation, expect_parts, expect_refs};
use crate::entry::{AgentPaused, AgentResumed, Entry, Ref};
use crate::envelope::{ActType, Role};
use crate::id::{ActionId, AgentId, ReviewerId, RunId};
use crate::time::Time;

/// One pause of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Who paused it.
    pub by: ReviewerId,
    /// The run; the whole agent when there is none.
    pub run: Option<RunId>,
    /// When.
    pub at: Time,
    /// Its `agent.paused`.
    pub entry: Ref,
    /// Its `agent.resumed`.
    pub lifted: Option<Ref>,
}

impl Pause {
    /// Whether it holds what belongs to that run.
    fn covers(&self, run: Option<&RunId>) -> bool {
        self.run.is_none() || self.run.as_ref() == run
    }
}

impl Agent {
    /// Its pauses that nobody has lifted, in order.
    pub fn standing_pauses(&self) -> impl Iterator<Item = &Pause> {
        self.pauses.iter().filter(|pause| pause.lifted.is_none())
    }

    /// The pauses that keep it from proposing something under that run.
    pub fn paused(&self, run: Option<&RunId>) -> impl Iterator<Item = &Pause> {
        self.standing_pauses()
            .filter(move |pause| pause.covers(run))
    }
}

impl State {
    pub(super) fn pause(
        &mut self,
        entry: &Entry,
        data: &AgentPaused,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let act = ActType::AgentPaused;
        let (key, agent) = self.about_agent(entry, signed, act, item.agent, item.registration)?;
        // Another person's stands by itself: nobody lifts two with one touch.
        let again = |pause: &Pause| pause.by == key.reviewer && pause.run == item.run;
        if agent.standing_pauses().any(again) {
            return Err(Violation::PausedAlready);
        }
        let pause = Pause {
            by: key.reviewer,
            run: item.run.clone(),
            at: entry.leaf.time,
            entry: entry.reference(),
            lifted: None,
        };
        self.use_key(entry, signed);
        if let Some(agent) = self.agents.get_mut(&item.agent) {
            agent.pauses.push(pause);
        }
        Ok(Some(Effect::Withdraw(item.agent)))
    }

    pub(super) fn resume(
        &mut self,
        entry: &Entry,
        data: &AgentResumed,
    ) -> Result<Option<Effect>, Violation> {
        let signed = &data.signed;
        let item = &signed.item;
        let key = self.signing_key(entry, signed)?;
        let agent = self.agent(&item.agent).ok_or(Violation::UnknownAgent)?;
        let pause = agent
            .standing_pauses()
            .find(|pause| pause.entry.leaf == item.pause)
            .ok_or(Violation::WrongStatement)?;
        self.check_act(
            entry,
            signed,
            ActType::AgentResumed,
            key.entry.index.max(pause.entry.index) + 1,
        )?;
        expect_refs(&entry.leaf, &[key.entry, pause.entry])?;
        expect_parts(&entry.leaf.parts, &[])?;
        self.may_resume(agent, pause, key.reviewer)?;
        let at = pause.entry;
        self.use_key(entry, signed);
        let agent = self.agents.get_mut(&item.agent);
        let pauses = agent.into_iter().flat_map(|agent| &mut agent.pauses);
        for pause in pauses.filter(|pause| pause.entry == at) {
            pause.lifted = Some(entry.reference());
        }
        Ok(None)
    }

    /// Whether this person may lift that pause: who paused it; otherwise
    /// nobody whose agent it is, nor who registered it and administers nothing.
    ///
    /// # Errors
    /// [`Violation`] says why not.
    pub fn may_resume(
        &self,
        agent: &Agent,
        pause: &Pause,
        person: ReviewerId,
    ) -> Result<(), Violation> {
        let administers = self.person(person)?.is(Role::Administrator);
        let stands_behind_it = agent.owner == person || (agent.registrar == person && !administers);
        if pause.by != person && stands_behind_it {
            return Err(Violation::NotTheirPause);
        }
        Ok(())
    }

    /// The first pause that met this action, also one that was lifted since.
    #[must_use]
    pub fn stopped_by(&self, action: &ActionState) -> Option<&Pause> {
        let met = |pause: &&Pause| {
            pause.entry.index > action.proposal.index && pause.covers(action.run.as_ref())
        };
        self.agents.get(&action.agent)?.pauses.iter().find(met)
    }

    pub(super) fn unstopped(&self, action: &ActionState) -> Result<(), Violation> {
        match self.stopped_by(action) {
            Some(_) => Err(Violation::StoppedByPause),
            None => Ok(()),
        }
    }

    /// What a pause of that agent withdraws at `now`, what ends first on top.
    #[must_use]
    pub fn to_withdraw(&self, agent: AgentId, now: Time) -> Vec<ActionId> {
        self.waiting()
            .filter(|action| action.agent == agent && action.life() == Life::Pending)
            .filter(|action| !self.has_expired(action, now) && !action.vetoed())
            .filter(|action| self.stopped_by(action).is_some())
            .map(|action| action.id)
            .collect()
    }
}
