//! Adapters: a command line that says what is wanted becomes the artefact that
//! runs, with what can be said of it beside it.
//!
//! An adapter either knows a command line in full or leaves it alone. What was
//! looked at before the proposal is looked at again at the release: a change
//! means a new review. Spec: `docs/spec/action.md`.

pub(crate) mod push;
pub(crate) mod sql;
pub(crate) mod terraform;

use std::os::fd::AsFd as _;
use std::path::Path;

use vidimus_protocol::action::{Action, Command, Payload, Target};

use super::asker::Asker;
use super::open::{self, Folder};
use super::plan::{Plan, Wanted};
use super::saved::Made;
use crate::out::visible;

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
///
/// Programs are asked before anybody has decided, so only those of the system's
/// own are, under the path at which they were found.
pub(crate) async fn adapt(wanted: &mut Wanted, folder: &Path) -> Result<Beside, String> {
    let Some(name) = wanted.argv.first().cloned() else {
        return Ok(Beside::Nothing);
    };
    if !matches!(name.as_str(), "git" | "psql" | "terraform" | "tofu") {
        return Ok(Beside::Nothing);
    }
    let Some(path) = of_system(wanted, &name)? else {
        return Ok(Beside::Nothing);
    };
    wanted.argv[0] = path;
    let beside = match name.as_str() {
        "git" => push::adapt(wanted).await,
        "psql" => sql::adapt(wanted).await,
        _ => terraform::adapt(wanted, folder).await,
    }?;
    match beside {
        Beside::Nothing => wanted.argv[0] = name,
        _ => {
            check_name(&wanted.argv[0])?;
            wanted.not_bound = beside.not_bound();
        }
    }
    Ok(beside)
}

/// What is said of a command is tied to its program by name, also behind all
/// links: a link to another program would be refused by every reader.
fn check_name(path: &str) -> Result<(), String> {
    let path = Path::new(path);
    let file = path.canonicalize().map_err(|why| why.to_string())?;
    let known = ["git", "psql", "terraform", "tofu"].map(std::ffi::OsStr::new);
    let of_name = |path: &Path| path.file_name().is_some_and(|name| known.contains(&name));
    match of_name(path) && of_name(&file) {
        true => Ok(()),
        false => Err(format!(
            "`{}` is a link to `{}`, and a program of another name cannot be shown as this one: hold it as a plain command with `--plain`",
            visible(&path.to_string_lossy()),
            visible(&file.to_string_lossy())
        )),
    }
}

fn of_system(wanted: &Wanted, name: &str) -> Result<Option<String>, String> {
    let folder = Folder::open(&wanted.cwd).map_err(|why| why.to_string())?;
    let search = wanted.environment.path().unwrap_or_default();
    let found = open::find(folder.as_fd(), name, search);
    let path = found.and_then(|path| open::of_system(&wanted.cwd.join(path)));
    Ok(path.and_then(|path| path.to_str().map(str::to_owned)))
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

    /// What it leaves unbound, beyond what no command binds.
    pub(crate) fn not_bound(&self) -> Vec<String> {
        match self {
            Self::Push(_) => vec![push::NOT_BOUND.into()],
            Self::Nothing | Self::Sql(_) | Self::Terraform(_) => Vec::new(),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_link_to_a_program_of_another_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(at("psql-15"), "").unwrap();
        std::os::unix::fs::symlink(at("psql-15"), at("psql")).unwrap();
        let why = check_name(&at("psql")).unwrap_err();
        assert!(why.contains("psql-15") && why.contains("--plain"), "{why}");
        std::fs::write(at("tofu"), "").unwrap();
        std::os::unix::fs::symlink(at("tofu"), at("terraform")).unwrap();
        assert_eq!(check_name(&at("terraform")), Ok(()));
    }
}
