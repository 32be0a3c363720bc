//! What is held back: a program that is started, or a file that is written.

use std::io::{self, Read as _};
use std::path::Path;

use vidimus_executor::Subject;
use vidimus_protocol::action::{Action, Command, Payload, Stdin};
use vidimus_protocol::{ActionId, Digest};

use super::adapter::{self, Beside};
use super::env::Environment;
use super::input::Input;
use super::open::OpenError;
use super::plan::{Handed, Plan, Wanted};
use super::writing::{self, Writing};
use super::{diff, saved, words};

/// One of the two.
#[derive(Debug)]
pub(crate) enum Work {
    Program { plan: Box<Plan>, beside: Beside },
    Writing(Box<Writing>),
}

impl Work {
    /// Finds out what would run. `plain`: as a plain command, whatever it is.
    /// `folder` takes files that an adapter needs.
    pub(crate) async fn make(
        mut wanted: Wanted,
        plain: bool,
        folder: &Path,
    ) -> Result<Self, String> {
        let mut beside = Beside::Nothing;
        if !plain {
            if let Some(writing) = writing::adapt(&wanted)? {
                return Self::Writing(Box::new(writing)).checked();
            }
            beside = adapter::adapt(&mut wanted, folder).await?;
        }
        let plan = Plan::make(wanted).map_err(|why| why.to_string())?;
        Self::Program {
            plan: Box::new(plan),
            beside,
        }
        .checked()
    }

    /// What is proposed has the form that its readers demand.
    fn checked(self) -> Result<Self, String> {
        match Action::parse(&self.action().to_bytes()) {
            Ok(_) => Ok(self),
            Err(why) => Err(format!(
                "it cannot be proposed as what it is ({why}): hold it as a plain command with `--plain`"
            )),
        }
    }

    /// What is proposed.
    pub(crate) fn action(&self) -> Action {
        match self {
            Self::Program { plan, beside } => {
                let (command, target) = plan.stated();
                beside.action(command.clone(), target.clone())
            }
            Self::Writing(writing) => writing.action(),
        }
    }

    /// What is asked for, in words.
    pub(crate) fn asked(&self, id: ActionId, digest: Digest) -> Vec<String> {
        let mut lines = match self {
            Self::Program { plan, beside } => {
                let (command, target) = plan.stated();
                let mut lines = beside.asked();
                lines.extend(words::asked(command, target));
                lines
            }
            Self::Writing(writing) => writing.asked(),
        };
        lines.push(format!("  action       {id}"));
        lines.push(format!("  digest       {digest}"));
        lines
    }

    /// The bytes to keep for a resume.
    pub(crate) fn to_keep(&self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Program { plan, .. } => plan.input().to_keep(),
            Self::Writing(writing) => writing.to_keep().map(Some),
        }
    }

    /// Writes down what was made for it, for a resume: not before the action
    /// itself is kept, so that the one never stays without the other.
    pub(crate) fn keep_made(&self) -> io::Result<()> {
        let Self::Program { plan, beside } = self else {
            return Ok(());
        };
        let (Some(made), Some(handed)) = (beside.made(), plan.handed()) else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        handed.copy.reader()?.read_to_end(&mut bytes)?;
        made.write(&bytes)
    }

    /// What was approved, as it can run now.
    pub(crate) fn again(
        approved: &Action,
        saved: &saved::Saved,
        kept: &Path,
    ) -> Result<Self, String> {
        if let Payload::FileChange(change) = &approved.payload {
            let writing = writing::restore(change, kept)?;
            return Ok(Self::Writing(Box::new(writing)));
        }
        let command = approved.command().ok_or("It is no command.")?;
        let stdin = Input::again(&command.stdin, kept).map_err(|why| why.to_string())?;
        Self::of_command(approved, command, saved, stdin)
    }

    /// What a reviewer made of it. Edited input stands in the action; other
    /// input was kept.
    pub(crate) fn of_edited(
        before: &Action,
        edited: &Action,
        saved: &saved::Saved,
        kept: &Path,
    ) -> Result<Self, String> {
        let command = edited.command().ok_or("it is no command")?;
        let same = before.command().map(|command| &command.stdin) == Some(&command.stdin);
        let stdin = match &command.stdin {
            Stdin::Bound(input) if !same => {
                Input::of(input.text.clone().unwrap_or_default().into_bytes())
            }
            stdin => Input::again(stdin, kept),
        };
        let stdin = stdin.map_err(|why| why.to_string())?;
        Self::of_command(edited, command, saved, stdin)
    }

    fn of_command(
        approved: &Action,
        command: &Command,
        saved: &saved::Saved,
        stdin: Input,
    ) -> Result<Self, String> {
        let read = |name: &str| std::env::var_os(name);
        let environment = Environment::restore(command, &saved.secrets, read);
        let sealed = sealed(approved, command).map_err(|why| why.to_string())?;
        let beside = Beside::restore(approved, saved.made.clone());
        let wanted = Wanted {
            argv: command.argv.clone(),
            cwd: command.cwd.clone().into(),
            environment: environment.map_err(|why| why.to_string())?,
            stdin,
            script_by_name: saved.script_by_name,
            sealed,
            not_bound: beside.not_bound(),
        };
        let plan = Plan::make(wanted).map_err(|why| why.to_string())?;
        Ok(Self::Program {
            plan: Box::new(plan),
            beside,
        })
    }
}

/// What an adapter had looked at, opened anew.
fn sealed(approved: &Action, command: &Command) -> Result<Option<Handed>, OpenError> {
    let (argument, is_script) = match &approved.payload {
        Payload::Sql(sql) => match &sql.command.script {
            Some(script) => (usize::try_from(script.argument).unwrap_or(usize::MAX), true),
            None => return Ok(None),
        },
        Payload::TerraformPlan(_) => (command.argv.len() - 1, false),
        _ => return Ok(None),
    };
    Handed::open(command.cwd.as_ref(), &command.argv, argument, is_script).map(Some)
}

impl Subject for Work {
    async fn now(&self) -> Result<Action, Vec<String>> {
        match self {
            Self::Program { plan, beside } => {
                let (command, target) = plan.now()?;
                let beside = beside.now(plan).await?;
                Ok(beside.action(command, target))
            }
            Self::Writing(writing) => writing.now(),
        }
    }

    fn differences(&self, approved: &Action, now: &Action) -> Vec<String> {
        diff::differences(approved, now)
    }
}
