//! Adapters: a command line that says what is wanted becomes the artefact that
//! runs, with what can be said of it beside it.
//!
//! An adapter either knows a command line in full or leaves it alone. What was
//! looked at before the proposal is looked at again at the release: a change
//! means a new review. Spec: `docs/spec/action.md`.

pub(crate) mod push;
pub(crate) mod sql;
pub(crate) mod terraform;

use std::path::Path;

use vidimus_protocol::action::{Action, Command, Payload, Target};

use super::asker::Asker;
use super::plan::{Plan, Wanted};
use super::saved::Made;

/// What an adapter found out about a command.
#[derive(Clone, Debug)]
pub(crate) enum Beside {
    /// A plain command.
    Nothing,
    /// `git push`.
    Push(push::Facts),
    /// `psql`.
    Sql(sql::Facts),
    /// `terraform apply`.
    Terraform(terraform::Facts),
}

/// Makes of a command line what runs, and looks at what it would do. `folder`
/// takes files that it needs; errors are words for who started it.
pub(crate) async fn adapt(wanted: &mut Wanted, folder: &Path) -> Result<Beside, String> {
    let program = wanted.argv.first().map_or("", String::as_str);
    match program.rsplit('/').next().unwrap_or_default() {
        "git" => push::adapt(wanted).await,
        "psql" => sql::adapt(wanted).await,
        "terraform" | "tofu" => terraform::adapt(wanted, folder).await,
        _ => Ok(Beside::Nothing),
    }
}

impl Beside {
    /// What stood beside an approved command.
    pub(crate) fn restore(approved: &Action, made: Option<Made>) -> Self {
        match &approved.payload {
            Payload::GitPush(push) => Self::Push(push::Facts::restore(push)),
            Payload::Sql(sql) => Self::Sql(sql::Facts::restore(sql)),
            Payload::TerraformPlan(plan) => Self::Terraform(terraform::Facts::restore(plan, made)),
            _ => Self::Nothing,
        }
    }

    /// What was made for it and has to go with it.
    pub(crate) fn made(&self) -> Option<&Made> {
        match self {
            Self::Terraform(facts) => facts.made.as_ref(),
            _ => None,
        }
    }

    /// The action of a command with this beside it.
    pub(crate) fn action(&self, command: Command, target: Target) -> Action {
        let payload = match self {
            Self::Nothing => Payload::Command(Box::new(command)),
            Self::Push(facts) => Payload::GitPush(Box::new(facts.with(command))),
            Self::Sql(facts) => Payload::Sql(Box::new(facts.with(command))),
            Self::Terraform(facts) => Payload::TerraformPlan(Box::new(facts.with(command))),
        };
        Action { payload, target }
    }

    /// Looks again: the same as at the proposal unless something has changed
    /// since, or a line for what cannot be looked at any more.
    pub(crate) async fn now(&self, plan: &Plan) -> Result<Self, Vec<String>> {
        let asker = Asker {
            name: plan.name(),
            cwd: plan.cwd(),
            environment: plan.environment(),
        };
        let looked = match self {
            Self::Nothing => Ok(Self::Nothing),
            Self::Push(facts) => facts.now(&asker, plan.argv()).await.map(Self::Push),
            Self::Sql(facts) => facts.now(&asker, plan.argv()).await.map(Self::Sql),
            Self::Terraform(facts) => facts.now(&asker, plan.argv()).await.map(Self::Terraform),
        };
        looked.map_err(|why| vec![why])
    }

    /// What is asked for, in words.
    pub(crate) fn asked(&self) -> Vec<String> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Push(facts) => facts.asked(),
            Self::Sql(facts) => facts.asked(),
            Self::Terraform(facts) => facts.asked(),
        }
    }
}
