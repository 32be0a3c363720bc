//! `terraform apply`: makes the plan, shows what is in it, and applies that
//! very file.
//!
//! Sensitive values are hidden before anything is stored. At the release the
//! plan is made once more: where it would do something else by now, nothing is
//! applied.

mod line;
mod shown;

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use vidimus_client::private::private_folder;
use vidimus_executor::random;
use vidimus_protocol::action::{Command, OutputChange, ResourceChange, TerraformPlan};

use super::Beside;
use crate::exec::asker::Asker;
use crate::exec::open::{Folder, Held, MAX_SCRIPT, Sealed, fd_path};
use crate::exec::plan::{Handed, Wanted};
use crate::exec::saved::Made;
use crate::out::{say, visible};
use line::Line;

/// A plan asks many services how things stand.
const PATIENCE: Duration = Duration::from_mins(30);
/// Neither prompts nor news of versions.
const QUIET: &[(&str, &str)] = &[
    ("TF_INPUT", "0"),
    ("TF_IN_AUTOMATION", "1"),
    ("CHECKPOINT_DISABLE", "1"),
];

/// What is in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    changes: Vec<ResourceChange>,
    outputs: Vec<OutputChange>,
    version: String,
    /// The file and its options, if it was made here.
    pub(crate) made: Option<Made>,
}

/// Replaces the command line by one that applies a saved plan: that which is
/// shown, from a sealed copy.
pub(crate) async fn adapt(wanted: &mut Wanted, folder: &Path) -> Result<Beside, String> {
    let Some(line) = Line::read(&wanted.argv)? else {
        return Ok(Beside::Nothing);
    };
    if wanted
        .environment
        .values()
        .any(|(name, _)| name.starts_with("TF_CLI_ARGS"))
    {
        return Err("`TF_CLI_ARGS` adds to every command line of Terraform, and what that does cannot be shown: give the options in the command".into());
    }
    let terraform = Terraform {
        asker: Asker::of(wanted),
        global: &line.global,
    };
    let (copy, made) = match &line.plan {
        Some(file) => {
            let folder =
                Folder::open(&wanted.cwd.join(line.folder())).map_err(|why| why.to_string())?;
            let held =
                Held::open(folder.as_fd(), Path::new(file)).map_err(|why| why.to_string())?;
            (Sealed::copy(&held).map_err(|why| why.to_string())?, None)
        }
        None => {
            private_folder(folder).map_err(|why| why.to_string())?;
            let folder = folder.canonicalize().map_err(|why| why.to_string())?;
            let name = random::digest().map_err(|stop| stop.words)?;
            let file = folder.join(format!("{name}.tfplan"));
            say("making the plan that will be applied");
            let bytes = terraform.plan(&line.planning).await?;
            let path = file.to_str().ok_or("the state folder's path is no UTF-8")?;
            let copy = Sealed::new(path.to_owned(), bytes).map_err(|why| why.to_string())?;
            let options = line.planning.clone();
            (copy, Some(Made { file, options }))
        }
    };
    let facts = Facts {
        made,
        ..terraform.show(&copy).await?
    };
    if facts.changes.is_empty() && facts.outputs.is_empty() {
        return Err("the plan changes nothing: there is nothing to apply".into());
    }
    wanted.argv = line.exact(&wanted.argv[0], &copy.bound.path);
    wanted.sealed = Some(Handed {
        argument: wanted.argv.len() - 1,
        copy,
        is_script: false,
    });
    Ok(Beside::Terraform(facts))
}

impl Facts {
    pub(crate) fn restore(plan: &TerraformPlan, made: Option<Made>) -> Self {
        Self {
            changes: plan.changes.clone(),
            outputs: plan.outputs.clone(),
            version: plan.version.clone(),
            made,
        }
    }

    pub(crate) fn with(&self, command: Command) -> TerraformPlan {
        TerraformPlan {
            changes: self.changes.clone(),
            command,
            outputs: self.outputs.clone(),
            version: self.version.clone(),
        }
    }

    /// What a plan made now would do. One that somebody else made cannot be
    /// made again; Terraform itself refuses it once the state has moved on.
    pub(crate) async fn now(&self, asker: &Asker<'_>, argv: &[String]) -> Result<Self, String> {
        let Some(made) = &self.made else {
            return Ok(self.clone());
        };
        let line = Line::read(argv)?.ok_or("it applies no plan")?;
        let terraform = Terraform {
            asker: *asker,
            global: &line.global,
        };
        say("making the plan once more, to see whether anything has changed");
        let bytes = terraform.plan(&made.options).await?;
        let copy = Sealed::new(String::new(), bytes).map_err(|why| why.to_string())?;
        Ok(Self {
            made: self.made.clone(),
            ..terraform.show(&copy).await?
        })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        let change = |one: &ResourceChange| {
            format!(
                "  resource     {}: {}",
                visible(&one.address),
                visible(&one.actions.join(", "))
            )
        };
        let output = |one: &OutputChange| {
            format!(
                "  output       {}: {}",
                visible(&one.name),
                visible(&one.actions.join(", "))
            )
        };
        let changes = self.changes.iter().map(change);
        changes.chain(self.outputs.iter().map(output)).collect()
    }
}

struct Terraform<'a> {
    asker: Asker<'a>,
    global: &'a [String],
}

impl Terraform<'_> {
    async fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let global = self.global.iter().map(String::as_str);
        let all: Vec<_> = global.chain(arguments.iter().copied()).collect();
        self.asker.ask(&all, QUIET, PATIENCE).await
    }

    /// Makes a plan, in memory only: it holds secrets.
    async fn plan(&self, options: &[String]) -> Result<Vec<u8>, String> {
        let memory = memfd_create("vidimus-plan", MemfdFlags::empty());
        let memory = File::from(memory.map_err(|why| why.to_string())?);
        let out = format!("-out={}", fd_path(&memory));
        let mut arguments = vec!["plan", "-input=false", "-no-color", &out];
        arguments.extend(options.iter().map(String::as_str));
        self.ask(&arguments).await?;
        let mut bytes = Vec::new();
        let read = memory.take(MAX_SCRIPT + 1).read_to_end(&mut bytes);
        if read.map_err(|why| why.to_string())? as u64 > MAX_SCRIPT {
            return Err(
                "the plan is longer than 64 MiB: hold it as a plain command with `--plain`".into(),
            );
        }
        Ok(bytes)
    }

    async fn show(&self, plan: &Sealed) -> Result<Facts, String> {
        let inherited = plan.inheritable().map_err(|why| why.to_string())?;
        let json = self
            .ask(&["show", "-json", "-no-color", &fd_path(&inherited)])
            .await?;
        shown::read(&json)
    }
}
