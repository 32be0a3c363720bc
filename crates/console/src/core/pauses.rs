//! The stop button: pausing an agent or one of its runs, and resuming it.

use vidimus_protocol::State;
use vidimus_protocol::envelope::{ActType, PauseItem, ResumptionItem};
use vidimus_protocol::id::{ReviewerId, RunId};
use vidimus_protocol::state::{Agent, Pause};

use super::Core;
use super::statements::known_agent;
use crate::act::item;
use crate::inbox::reviewer_name;
use crate::view::{PauseView, Problem};
use crate::words;

impl Core {
    pub(super) fn pause_agent(
        &self,
        agent: &str,
        run: Option<&str>,
    ) -> Result<(ActType, String, String), Problem> {
        let state = self.base()?.state();
        let agent = known_agent(state, agent)?;
        let run = run.map(str::parse::<RunId>).transpose().map_err(|why| {
            Problem::new(
                "bad_run",
                format!("That is no run: {why}."),
                "Choose a run of an action, or the whole agent.",
            )
        })?;
        let me = self.reviewer();
        let mut standing = agent.standing_pauses();
        if standing.any(|pause| Some(pause.by) == me && pause.run == run) {
            return Err(Problem::new(
                "paused_already",
                "You have paused it already.",
                "It stays paused until somebody resumes it.",
            ));
        }
        let words = format!(
            "Pause {}: what waits is withdrawn, and nothing more of it runs.",
            words::scope(state, &agent.id, run.as_ref())
        );
        let signed = item(&PauseItem {
            agent: agent.id,
            registration: agent.entry.leaf,
            run,
        });
        Ok((ActType::AgentPaused, signed, words))
    }

    pub(super) fn resume_agent(
        &self,
        agent: &str,
        pause: u64,
    ) -> Result<(ActType, String, String), Problem> {
        let state = self.base()?.state();
        let agent = known_agent(state, agent)?;
        let mut standing = agent.standing_pauses();
        let pause = standing.find(|standing| standing.entry.index == pause);
        let pause = pause.ok_or_else(|| {
            Problem::new(
                "overtaken",
                "This pause was lifted already.",
                "Look at the list again.",
            )
        })?;
        if let Some(problem) = blocked(state, agent, pause, self.reviewer()) {
            return Err(problem);
        }
        let words = format!(
            "Resume {}: it may propose again. What was stopped stays stopped.",
            words::scope(state, &agent.id, pause.run.as_ref())
        );
        let signed = item(&ResumptionItem {
            agent: agent.id,
            pause: pause.entry.leaf,
        });
        Ok((ActType::AgentResumed, signed, words))
    }
}

/// These pauses as a screen shows them to that person.
pub(super) fn views<'a>(
    state: &State,
    agent: &'a Agent,
    pauses: impl Iterator<Item = &'a Pause>,
    me: Option<ReviewerId>,
) -> Vec<PauseView> {
    pauses
        .map(|pause| PauseView {
            entry: pause.entry.index,
            run: pause.run.as_ref().map(ToString::to_string),
            by: reviewer_name(state, pause.by),
            me: Some(pause.by) == me,
            at_unix_ms: pause.at.unix_ms(),
            blocked: blocked(state, agent, pause, me),
        })
        .collect()
}

fn blocked(state: &State, agent: &Agent, pause: &Pause, me: Option<ReviewerId>) -> Option<Problem> {
    state.may_resume(agent, pause, me?).err()?;
    Some(Problem::new(
        "not_your_pause",
        "Somebody else paused it, and it is your own agent, or one that you registered.",
        "They resume it, or an administrator, or another reviewer.",
    ))
}
