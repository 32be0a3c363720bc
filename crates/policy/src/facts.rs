//! What Vidimus can tell of an action, for policies to look at. Computed from
//! the action alone, with what stands beside its command there: what of that
//! the executor says and nobody can check is in `docs/spec/policy.md`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vidimus_protocol::action::{
    Action, Change, Command, FileChange, GitPush, Payload, Sql, StatementClass, TerraformPlan,
    ToolCall,
};

use crate::sql::Floor;

/// What an action does, the worst that can be told of each of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It takes something away: rows, tables, references, resources. That a file
    /// is overwritten counts as writing.
    Destructive,
    /// It changes who may do what.
    Permission,
    /// It reads.
    Read,
    /// Nobody can tell.
    Unknown,
    /// It adds or changes something.
    Write,
}

impl Effect {
    /// Its word in a policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Destructive => "destructive",
            Self::Permission => "permission",
            Self::Read => "read",
            Self::Unknown => "unknown",
            Self::Write => "write",
        }
    }
}

/// Everything that policies see of an action beside kind and target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The program that runs, if one does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<CommandFacts>,
    /// What it does.
    pub effects: BTreeSet<Effect>,
    /// Of a `file.change`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<FileFacts>,
    /// Of a `git.push`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub git: Option<GitFacts>,
    /// Of a `json`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub json: Option<JsonFacts>,
    /// Of an `sql`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sql: Option<SqlFacts>,
    /// Of a `terraform.plan`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub terraform: Option<TerraformFacts>,
    /// Of an `mcp.tool_call`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tool: Option<ToolFacts>,
}

/// A program that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandFacts {
    /// Its arguments, `argv[0]` too.
    pub args: BTreeSet<String>,
    /// Working directory.
    pub cwd: String,
    /// Names in its environment beyond [`USUAL_ENV`].
    pub env: BTreeSet<String>,
    /// All arguments, with a blank between each two.
    pub line: String,
    /// File name of `argv[0]`.
    pub name: String,
    /// Path of the file, behind all links.
    pub program: String,
    /// Whether it runs as uid 0.
    pub root: bool,
    /// Name of the user.
    pub user: String,
}

/// A file that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// Whether it is not there yet.
    pub creates: bool,
    /// Its path.
    pub path: String,
    /// Whether it is written as uid 0.
    pub root: bool,
    /// Name of the user.
    pub user: String,
}

/// References that move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitFacts {
    /// Whether one is deleted.
    pub deletes: bool,
    /// Their full names.
    pub refs: BTreeSet<String>,
    /// Where they are.
    pub remote: String,
    /// Whether one loses commits.
    pub rewrites: bool,
}

/// A change in words of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonFacts {
    /// What is done.
    pub operation: String,
    /// Whether there is nothing after.
    pub removes: bool,
}

/// Statements for a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlFacts {
    /// What they do.
    pub classes: BTreeSet<StatementClass>,
    /// The database, when it could be reached.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub database: Option<String>,
    /// The tables that they name.
    pub tables: BTreeSet<String>,
    /// Whether one changes or deletes all rows of a table.
    pub whole_table: bool,
}

/// A plan that is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerraformFacts {
    /// The resources that change.
    pub addresses: BTreeSet<String>,
    /// How many are made.
    pub creates: u64,
    /// How many are deleted or forgotten.
    pub deletes: u64,
    /// How many are deleted and made anew.
    pub replaces: u64,
    /// Their types, such as `aws_iam_role`.
    pub types: BTreeSet<String>,
    /// How many are changed in place.
    pub updates: u64,
}

/// A call of an MCP tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolFacts {
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
}

/// What stands in the environment of every command of `vidimus exec`.
pub const USUAL_ENV: [&str; 6] = ["HOME", "LANG", "PATH", "TERM", "TZ", "USER"];
/// What else may stand there while SQL only reads: where `psql` connects, and
/// as whom.
const HARMLESS_ENV: [&str; 10] = [
    "PGAPPNAME",
    "PGCONNECT_TIMEOUT",
    "PGDATABASE",
    "PGHOST",
    "PGHOSTADDR",
    "PGPASSWORD",
    "PGPORT",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGUSER",
];
/// What a plan does with a resource that changes nothing but what it says.
const PLANNED: [&str; 7] = [
    "create", "delete", "forget", "import", "move", "no-op", "update",
];

impl Facts {
    /// What can be told of this action.
    #[must_use]
    pub fn of(action: &Action) -> Self {
        let mut facts = Self {
            command: action.command().map(CommandFacts::of),
            effects: BTreeSet::new(),
            file: None,
            git: None,
            json: None,
            sql: None,
            terraform: None,
            tool: None,
        };
        let effects = match &action.payload {
            Payload::Command(_) => BTreeSet::from([Effect::Unknown]),
            Payload::FileChange(change) => {
                facts.file = Some(FileFacts::of(change));
                BTreeSet::from([Effect::Write])
            }
            Payload::GitPush(push) => {
                let git = GitFacts::of(push);
                let effects = git.effects();
                facts.git = Some(git);
                effects
            }
            Payload::Json(change) => {
                facts.json = Some(JsonFacts::of(change));
                BTreeSet::from([Effect::Unknown])
            }
            Payload::McpToolCall(call) => {
                facts.tool = Some(ToolFacts::of(call));
                BTreeSet::from([Effect::Unknown])
            }
            Payload::Sql(sql) => {
                let sql = SqlFacts::of(sql);
                let effects = sql.effects(facts.command.as_ref());
                facts.sql = Some(sql);
                effects
            }
            Payload::TerraformPlan(plan) => {
                let terraform = TerraformFacts::of(plan);
                let effects = terraform.effects(plan);
                facts.terraform = Some(terraform);
                effects
            }
        };
        Self { effects, ..facts }
    }
}

impl CommandFacts {
    fn of(command: &Command) -> Self {
        Self {
            args: command.argv.iter().cloned().collect(),
            cwd: command.cwd.clone(),
            env: (command.env.iter().map(|var| var.name.clone()))
                .filter(|name| !USUAL_ENV.contains(&name.as_str()))
                .collect(),
            line: command.argv.join(" "),
            name: command.name().to_owned(),
            program: command.program.path.clone(),
            root: command.uid == 0,
            user: command.user.clone(),
        }
    }
}

impl FileFacts {
    fn of(change: &FileChange) -> Self {
        Self {
            creates: change.before.is_none(),
            path: change.path.clone(),
            root: change.uid == 0,
            user: change.user.clone(),
        }
    }
}

impl GitFacts {
    fn of(push: &GitPush) -> Self {
        Self {
            deletes: push.refs.iter().any(|one| one.new.is_none()),
            refs: push.refs.iter().map(|one| one.name.clone()).collect(),
            remote: push.remote.clone(),
            rewrites: push.refs.iter().any(|one| one.lost > 0),
        }
    }

    pub(crate) fn effects(&self) -> BTreeSet<Effect> {
        let worse = (self.deletes || self.rewrites).then_some(Effect::Destructive);
        std::iter::once(Effect::Write).chain(worse).collect()
    }
}

impl JsonFacts {
    fn of(change: &Change) -> Self {
        Self {
            operation: change.operation.clone(),
            removes: change.after.is_none(),
        }
    }
}

impl SqlFacts {
    /// What the statements say, and what their text does at least.
    fn of(sql: &Sql) -> Self {
        let floor = Floor::of(sql);
        let statements = || sql.statements.iter();
        Self {
            classes: statements()
                .map(|one| one.class)
                .chain(floor.classes)
                .collect(),
            database: sql.database.clone(),
            tables: statements()
                .flat_map(|one| one.tables.iter().cloned())
                .collect(),
            whole_table: floor.whole_table || statements().any(|one| one.whole_table),
        }
    }

    pub(crate) fn effects(&self, command: Option<&CommandFacts>) -> BTreeSet<Effect> {
        let harmless = |name: &String| HARMLESS_ENV.contains(&name.as_str());
        let steered = command.is_none_or(|command| !command.env.iter().all(harmless));
        let of_class = |class: &StatementClass| match class {
            StatementClass::Read if steered => Effect::Unknown,
            StatementClass::Read => Effect::Read,
            // A setting can change what the next statement means.
            StatementClass::Session | StatementClass::Write => Effect::Write,
            StatementClass::Delete | StatementClass::Schema => Effect::Destructive,
            StatementClass::Permission => Effect::Permission,
            StatementClass::Unknown => Effect::Unknown,
        };
        let all_rows = self.whole_table.then_some(Effect::Destructive);
        self.classes.iter().map(of_class).chain(all_rows).collect()
    }
}

impl TerraformFacts {
    fn of(plan: &TerraformPlan) -> Self {
        let mut facts = Self {
            addresses: BTreeSet::new(),
            creates: 0,
            deletes: 0,
            replaces: 0,
            types: BTreeSet::new(),
            updates: 0,
        };
        for change in &plan.changes {
            facts.addresses.insert(change.address.clone());
            facts.types.insert(type_of(&change.address).to_owned());
            let does = |action: &str| change.actions.iter().any(|one| one == action);
            let takes = does("delete") || does("forget");
            let count = match (takes, does("create"), does("update")) {
                (true, true, _) => &mut facts.replaces,
                (true, false, _) => &mut facts.deletes,
                (false, true, _) => &mut facts.creates,
                (false, false, true) => &mut facts.updates,
                (false, false, false) => continue,
            };
            *count += 1;
        }
        facts
    }

    /// Data sources that are read when it is applied may run programs, so a
    /// plan never only reads.
    fn effects(&self, plan: &TerraformPlan) -> BTreeSet<Effect> {
        let actions = || plan.changes.iter().flat_map(|change| &change.actions);
        let planned = |action: &String| PLANNED.contains(&action.as_str());
        let writes =
            !plan.outputs.is_empty() || actions().any(|one| planned(one) && one != "no-op");
        let takes = self.deletes + self.replaces > 0;
        let effects = [
            (writes, Effect::Write),
            (takes, Effect::Destructive),
            (!writes || !actions().all(planned), Effect::Unknown),
        ];
        let effects = effects.into_iter().filter(|(is, _)| *is);
        effects.map(|(_, effect)| effect).collect()
    }
}

impl ToolFacts {
    fn of(call: &ToolCall) -> Self {
        Self {
            server: call.server.clone(),
            tool: call.tool.clone(),
        }
    }
}

/// `aws_iam_role` of `module.a["x.y"].aws_iam_role.b[0]`: the word before the
/// last full stop outside brackets and quotes.
fn type_of(address: &str) -> &str {
    let (mut depth, mut quoted) = (0_u32, false);
    let mut dots = Vec::new();
    let mut characters = address.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            // It takes the next one along.
            '\\' if quoted => drop(characters.next()),
            _ if quoted => {}
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '.' if depth == 0 => dots.push(at),
            _ => {}
        }
    }
    let Some(end) = dots.pop() else {
        return address;
    };
    let start = dots.pop().map_or(0, |dot| dot + 1);
    &address[start..end]
}

#[cfg(test)]
mod tests;
