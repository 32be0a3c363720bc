//! Action in, evaluation out.
//!
//! A [`Set`] of Cedar policies answers three questions: may an agent *propose*
//! an action, may the action be *released* without a person, may a person
//! *decide* on it. Annotations say what the answer costs: people, of which
//! groups, how soon. Where no set is in force, [`builtin`] asks people about
//! everything.
//!
//! Everything that a policy looks at stands in [`Inputs`], which follows from
//! the log, the action and the time alone: whoever has these evaluates again.
//!
//! Out of scope: who exactly decided, and whether that is enough (the reducer
//! in `vidimus-protocol`). Spec: `docs/spec/policy.md`.

mod bounds;
pub mod builtin;
mod calendar;
mod compare;
mod demands;
mod diff;
mod evaluate;
mod facts;
pub mod fixtures;
mod inputs;
mod missing;
mod replay;
mod replay_log;
mod request;
mod set;
mod shadow;
mod slices;
mod sql;
mod starter;
mod text;

pub use bounds::{MAX_NESTING, MAX_OPERATORS};
pub use calendar::{Calendar, MAX_EVENTS, Now, Occurrence};
pub use compare::{Difference, decision_words, demand_rows, differences};
pub use demands::{Demands, People};
pub use diff::{Change, FileChange, diff, diff_tests};
pub use evaluate::{MAX_ANSWERING, NotPermitted, Question};
pub use facts::{
    CommandFacts, Effect, Facts, FileFacts, GitFacts, JsonFacts, SqlFacts, TerraformFacts,
    ToolFacts, USUAL_ENV,
};
pub use inputs::{AgentInput, Inputs, PersonInput, Situation};
pub use missing::missing;
pub use replay::{Approval, Counts, Refused, Replayed, replay};
pub use replay_log::{LogReplay, Proposal, Proposals, Row, Tally, WhyNot};
pub use request::MAX_SEEN;
pub use set::{MAX_POLICIES, Problem, Rule, Set};
pub use shadow::Shadow;
pub use sql::HARMLESS_FUNCTIONS;
pub use starter::starter;
pub use text::{MAX_FILES, PolicyFile, PolicyText, TextError};

/// How evaluations call the set that the entry at this position brought in
/// force.
#[must_use]
pub fn set_name(entry: u64) -> String {
    format!("policy/{entry}")
}

/// The schema that policies are validated against, in Cedar's own syntax.
pub const SCHEMA: &str = include_str!("schema.cedarschema");
