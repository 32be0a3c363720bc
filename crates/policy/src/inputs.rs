//! Everything that a policy looks at, as it stands in the `inputs` part of a
//! proposal.

use serde::{Deserialize, Serialize};
use vidimus_protocol::action::{Action, ActionKind, MAX_INPUTS, Target};
use vidimus_protocol::envelope::Role;
use vidimus_protocol::id::{AgentId, ReviewerId, RunId};
use vidimus_protocol::state::{ActionState, Reviewer};
use vidimus_protocol::strict::{self, StrictError};
use vidimus_protocol::{State, Time};

use crate::facts::Facts;

/// What a policy looks at when an action is proposed: RFC 8785 JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Who proposes.
    pub agent: AgentInput,
    /// What can be told of the action.
    pub facts: Facts,
    /// Whether this agent has never proposed one of this kind.
    pub first_of_kind: bool,
    /// Sort of action.
    pub kind: ActionKind,
    /// Proposals of this agent in the hour before, this one not.
    pub last_hour: u64,
    /// Those of this kind.
    pub last_hour_of_kind: u64,
    /// People whom the log's rules ask for, at least.
    pub quorum: u64,
    /// The run that it belongs to, as the agent says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunId>,
    /// Where it runs.
    pub target: Target,
    /// When it was proposed.
    pub time: Time,
    /// How long the agent would wait, seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wait_s: Option<u64>,
}

/// An agent, as a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentInput {
    /// The agent.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// Whom it acts for.
    pub owner: PersonInput,
}

/// A person, as a policy sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonInput {
    /// Their groups, sorted.
    pub groups: Vec<String>,
    /// The person.
    pub id: ReviewerId,
    /// How they are known outside.
    pub identity: String,
    /// Their name.
    pub name: String,
    /// What they may do, sorted.
    pub roles: Vec<Role>,
}

/// Inputs without what only the action itself tells, for whoever has the
/// entries first and the payloads later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    agent: AgentInput,
    first_of_kind: bool,
    kind: ActionKind,
    last_hour: u64,
    last_hour_of_kind: u64,
    quorum: u64,
    run: Option<RunId>,
    time: Time,
    wait_s: Option<u64>,
}

impl Situation {
    /// As [`Inputs::new`].
    #[must_use]
    pub fn of(
        state: &State,
        agent: &AgentId,
        kind: ActionKind,
        run: Option<RunId>,
        wait_s: Option<u64>,
        time: Time,
    ) -> Option<Self> {
        let agent = state.agent(agent)?;
        Some(Self {
            agent: AgentInput {
                id: agent.id,
                name: agent.name.clone(),
                owner: PersonInput::of(state.reviewer(&agent.owner)?),
            },
            first_of_kind: !agent.recent.knows(kind),
            kind,
            last_hour: agent.recent.in_the_hour_before(time, None),
            last_hour_of_kind: agent.recent.in_the_hour_before(time, Some(kind)),
            quorum: state.rules()?.quorum,
            run,
            time,
            wait_s,
        })
    }

    /// The same with the wish of these inputs, which only its proposer knows.
    #[must_use]
    pub fn wishing(self, inputs: &Inputs) -> Self {
        Self {
            wait_s: inputs.wait_s,
            ..self
        }
    }

    /// The same with the counts of these inputs: for whoever does not have all
    /// proposals of the agent.
    #[must_use]
    pub fn counted_as(self, inputs: &Inputs) -> Self {
        Self {
            first_of_kind: inputs.first_of_kind,
            last_hour: inputs.last_hour,
            last_hour_of_kind: inputs.last_hour_of_kind,
            ..self
        }
    }

    /// The inputs, now that the action is there.
    #[must_use]
    pub fn with(self, action: &Action) -> Inputs {
        Inputs {
            agent: self.agent,
            facts: Facts::of(action),
            first_of_kind: self.first_of_kind,
            kind: self.kind,
            last_hour: self.last_hour,
            last_hour_of_kind: self.last_hour_of_kind,
            quorum: self.quorum,
            run: self.run,
            target: action.target.clone(),
            time: self.time,
            wait_s: self.wait_s,
        }
    }
}

impl PersonInput {
    /// That person, as the log has them.
    #[must_use]
    pub fn of(person: &Reviewer) -> Self {
        Self {
            groups: person.groups.clone(),
            id: person.id,
            identity: person.identity.clone(),
            name: person.name.clone(),
            roles: person.roles.clone(),
        }
    }

    /// Who approves an action at `now`: in their own groups, and in those that are
    /// lent to them for it. `None` when nobody has that id.
    #[must_use]
    pub fn approving(
        state: &State,
        action: &ActionState,
        person: ReviewerId,
        now: Time,
    ) -> Option<Self> {
        Some(Self {
            groups: state.groups_for(action, person, now),
            ..Self::of(state.reviewer(&person)?)
        })
    }
}

impl Inputs {
    /// What a policy sees of a proposal by `agent` at `time`, right after the
    /// entries that made `state`. `None` when the log does not know the agent.
    #[must_use]
    pub fn new(
        state: &State,
        agent: &AgentId,
        action: &Action,
        run: Option<RunId>,
        wait_s: Option<u64>,
        time: Time,
    ) -> Option<Self> {
        let situation = Situation::of(state, agent, action.kind(), run, wait_s, time)?;
        Some(situation.with(action))
    }

    /// All of it but what follows from the action.
    #[must_use]
    pub fn situation(&self) -> Situation {
        Situation {
            agent: self.agent.clone(),
            first_of_kind: self.first_of_kind,
            kind: self.kind,
            last_hour: self.last_hour,
            last_hour_of_kind: self.last_hour_of_kind,
            quorum: self.quorum,
            run: self.run.clone(),
            time: self.time,
            wait_s: self.wait_s,
        }
    }

    /// Reads the content of an `inputs` part.
    ///
    /// # Errors
    /// [`StrictError`] unless it is canonical and of this form.
    pub fn parse(bytes: &[u8]) -> Result<Self, StrictError> {
        strict::parse_canonical(bytes, MAX_INPUTS)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        strict::canonical(self)
    }
}
