//! `terraform apply`: makes the plan, shows what is in it, and applies that
//! very file.
//!
//! Sensitive values are hidden before anything is stored. At the release the
//! plan is made once more: where it would do something else by now, nothing is
//! applied.

mod line;
mod shown;

use std::path::Path;
use std::time::Duration;

use vidimus_client::private::private_folder;
use vidimus_executor::random;
use vidimus_protocol::action::{Command, OutputChange, ResourceChange, TerraformPlan};

use super::Beside;
use crate::exec::asker::Asker;
use crate::exec::plan::Wanted;
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

/// Replaces the command line by one that applies a saved plan.
pub(crate) async fn adapt(wanted: &mut Wanted, folder: &Path) -> Result<Beside, String> {
    let Some(line) = Line::read(&wanted.argv)? else {
        return Ok(Beside::Nothing);
    };
    let terraform = Terraform {
        asker: Asker {
            name: &wanted.argv[0],
            cwd: &wanted.cwd,
            environment: &wanted.environment,
        },
        global: &line.global,
    };
    let (facts, file) = match &line.plan {
        Some(file) => (terraform.show(file).await?, file.clone()),
        None => {
            private_folder(folder).map_err(|why| why.to_string())?;
            let name = random::digest().map_err(|stop| stop.words)?;
            let file = folder.join(format!("{name}.tfplan"));
            let file = file.to_str().ok_or("the state folder's path is no UTF-8")?;
            say("making the plan that will be applied");
            terraform.plan(&line.planning, file).await?;
            let facts = terraform.show(file).await;
            let facts = facts.inspect_err(|_| drop(std::fs::remove_file(file)))?;
            let made = Some(Made {
                file: file.into(),
                options: line.planning.clone(),
            });
            (Facts { made, ..facts }, file.to_owned())
        }
    };
    if facts.changes.is_empty() && facts.outputs.is_empty() {
        return Err("the plan changes nothing: there is nothing to apply".into());
    }
    wanted.argv = line.exact(&wanted.argv[0], &file);
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
        let approved = line.plan.as_deref().ok_or("it applies no saved plan")?;
        let terraform = Terraform {
            asker: *asker,
            global: &line.global,
        };
        let file = format!("{approved}.now");
        say("making the plan once more, to see whether anything has changed");
        let planned = terraform.plan(&made.options, &file).await;
        let facts = match planned {
            Ok(()) => terraform.show(&file).await,
            Err(why) => Err(why),
        };
        // It holds secrets; one that never was is no failure.
        std::fs::remove_file(&file).ok();
        Ok(Self {
            made: self.made.clone(),
            ..facts?
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

    async fn plan(&self, options: &[String], file: &str) -> Result<(), String> {
        let out = format!("-out={file}");
        let mut arguments = vec!["plan", "-input=false", "-no-color", &out];
        arguments.extend(options.iter().map(String::as_str));
        self.ask(&arguments).await.map(drop)
    }

    async fn show(&self, file: &str) -> Result<Facts, String> {
        let json = self.ask(&["show", "-json", "-no-color", file]).await?;
        shown::read(&json)
    }
}
