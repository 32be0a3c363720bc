//! Commands of which more can be said than their arguments: the artefact that
//! runs stands beside the command that runs it.
//!
//! The command is bound like any other. What stands beside it was computed by
//! the executor before the proposal; that it is what the command does is checked
//! where the bytes show it, and taken from the executor where they do not, as
//! with every file's digest.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Command, broken};
use crate::strict;

/// Most bytes of a JSON text in an action.
pub const MAX_JSON_TEXT: usize = 256 << 10;
/// Most references that one push moves.
pub const MAX_REFS: usize = 100;
/// Most commits that are listed for a reference.
pub const MAX_COMMITS: usize = 200;

/// `git push`, with objects instead of names: what moves is what is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitPush {
    /// What runs.
    pub command: Command,
    /// The references that move. Never empty.
    pub refs: Vec<RefUpdate>,
    /// Where they are, without a password.
    pub remote: String,
}

/// A reference of another repository, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefUpdate {
    /// The commits that it gains, newest first, at most [`MAX_COMMITS`].
    pub commits: Vec<Commit>,
    /// Commits that it loses; more than 0 is a rewrite of history.
    pub lost: u64,
    /// Commits that it gains beyond those listed.
    pub more: u64,
    /// Its full name, e.g. `refs/heads/main`.
    pub name: String,
    /// The object that it will name. Absent when it is deleted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub new: Option<String>,
    /// The object that it names. Absent when it is made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old: Option<String>,
}

/// A commit, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// Who wrote it, as it says.
    pub author: String,
    /// The object.
    pub id: String,
    /// Its first line.
    pub subject: String,
}

/// SQL that `psql` runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// What runs.
    pub command: Command,
    /// The database, as `psql` said it: `user@host:port/name`. Absent when it
    /// could not be reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub database: Option<String>,
    /// The statements, in the order in which they run. Never empty.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What it does.
    pub class: StatementClass,
    /// The database's plan for it, when it could be asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<String>,
    /// The tables that it names, sorted.
    pub tables: Vec<String>,
    /// Its text.
    pub text: String,
    /// Whether it changes or deletes all rows of a table: no `WHERE`.
    pub whole_table: bool,
}

/// What a statement does, the worst that it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementClass {
    /// It reads.
    Read,
    /// It controls a transaction or a setting.
    Session,
    /// It adds or changes rows.
    Write,
    /// It deletes rows, or all of a table.
    Delete,
    /// It makes or changes tables and the like.
    Schema,
    /// It changes who may do what.
    Permission,
    /// Whatever could not be read.
    Unknown,
}

/// `terraform apply` of a saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerraformPlan {
    /// What changes, in the plan's order.
    pub changes: Vec<ResourceChange>,
    /// What runs; the plan is one of its files.
    pub command: Command,
    /// Outputs that change.
    pub outputs: Vec<OutputChange>,
    /// Terraform's own version.
    pub version: String,
}

/// A resource, before and after. Sensitive values stand as
/// `"(sensitive value)"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceChange {
    /// `create`, `update`, `delete`, `read`, `forget`, as the plan lists them;
    /// two of them are a replacement.
    pub actions: Vec<String>,
    /// Its address.
    pub address: String,
    /// JSON text. Absent when it is removed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
    /// JSON text. Absent when it is made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<String>,
    /// Attributes that are known only once it is applied: JSON text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unknown: Option<String>,
}

/// An output, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputChange {
    /// As with a resource.
    pub actions: Vec<String>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
    /// JSON text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<String>,
    /// Its name.
    pub name: String,
}

impl GitPush {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        self.command.check()?;
        let refs = &self.refs;
        let ids = || {
            let named = refs.iter().flat_map(|one| one.old.iter().chain(&one.new));
            let listed = refs.iter().flat_map(|one| &one.commits);
            named.chain(listed.map(|commit| &commit.id))
        };
        broken(&[
            (
                (1..=MAX_REFS).contains(&refs.len()),
                "`refs` needs 1 to 100 references",
            ),
            (
                refs.iter().all(|one| one.name.starts_with("refs/")),
                "a reference is not named in full",
            ),
            (
                refs.iter().all(|one| !one.name.contains(':')) && is_distinct(refs),
                "a name holds `:`, or stands there twice",
            ),
            (
                refs.iter()
                    .all(|one| one.old.is_some() || one.new.is_some()),
                "a reference has neither `old` nor `new`",
            ),
            (
                refs.iter().all(|one| one.commits.len() <= MAX_COMMITS),
                "`commits` lists more than 200",
            ),
            (
                refs.iter()
                    .all(|one| one.more <= strict::MAX_SAFE && one.lost <= strict::MAX_SAFE),
                "a number is above 2^53 - 1",
            ),
            (
                ids().all(|id| is_object_id(id)),
                "an object id is malformed",
            ),
            (self.is_tied(), "`command` pushes something else"),
        ])
    }
}

impl Sql {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        self.command.check()?;
        broken(&[
            (!self.statements.is_empty(), "`statements` is empty"),
            (
                self.statements
                    .iter()
                    .all(|one| one.tables.is_sorted_by(|one, next| one < next)),
                "`tables` is not sorted, each once",
            ),
            (self.is_tied(), "`command` runs something else"),
        ])
    }
}

impl TerraformPlan {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        self.command.check()?;
        let resources = self.changes.iter();
        let of_resources =
            resources.flat_map(|one| one.before.iter().chain(&one.after).chain(&one.unknown));
        let of_outputs = self.outputs.iter();
        let of_outputs = of_outputs.flat_map(|one| one.before.iter().chain(&one.after));
        let mut texts = of_resources.chain(of_outputs);
        let mut actions = (self.changes.iter().map(|one| &one.actions))
            .chain(self.outputs.iter().map(|one| &one.actions));
        broken(&[
            (texts.all(|text| is_json_text(text)), "a value is no JSON"),
            (
                actions.all(|actions| !actions.is_empty()),
                "`actions` is empty",
            ),
            (
                self.is_tied(),
                "`command` does not apply a saved plan that is bound",
            ),
        ])
    }
}

fn is_distinct(refs: &[RefUpdate]) -> bool {
    let names: BTreeSet<_> = refs.iter().map(|one| &one.name).collect();
    names.len() == refs.len()
}

/// Whether a text is JSON that every reader takes for the same: no key twice,
/// nested at most 32 levels. Numbers may be any, since they stay text.
pub(super) fn is_json_text(text: &str) -> bool {
    strict::check_text(text.as_bytes(), MAX_JSON_TEXT).is_ok()
}

/// SHA-1 or SHA-256 in lower-case hexadecimal.
fn is_object_id(id: &str) -> bool {
    matches!(id.len(), 40 | 64) && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
