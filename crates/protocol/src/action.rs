//! What will run, precisely, and nothing else.
//!
//! The RFC 8785 bytes of an [`Action`] are the content of the proposal's
//! `payload` part, and that part's salted commit is the action digest. One
//! salt, one formula. Spec: `docs/spec/action.md`.

mod adapted;
mod file_change;
mod tied;
mod tool_call;

pub use adapted::{
    Commit, GitPush, MAX_COMMITS, MAX_JSON_TEXT, MAX_REFS, OutputChange, RefUpdate, ResourceChange,
    Sql, Statement, StatementClass, TerraformPlan,
};
pub use file_change::{FileChange, FileState};
pub use tied::{PUSH_OPTIONS, SqlRun, push_words};
pub use tool_call::{MAX_SECRETS, SECRET_ARGUMENT, SecretArgument, ToolCall};

use serde::de::Error as _;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::bytes::Digest;
use crate::strict::{self, StrictError};

/// Content type of the `payload` part.
pub const PAYLOAD_TYPE: &str = "application/vidimus-action+json";
/// Content type of the `context` part.
pub const CONTEXT_TYPE: &str = "application/vidimus-context+json";
/// Content type of what people and agents write: `reason`, `question`,
/// `answer`, `remark`.
pub const TEXT_TYPE: &str = "text/plain;charset=utf-8";
/// Content type of a `policy` part.
pub const POLICY_TYPE: &str = "application/vidimus-policy+json";
/// Content type of an `inputs` part: what the policy looked at.
pub const INPUTS_TYPE: &str = "application/vidimus-inputs+json";
/// Content type of an `output` part.
pub const OUTPUT_TYPE: &str = "application/octet-stream";
/// Content type under which a secret value is committed to.
pub const SECRET_TYPE: &str = "application/vidimus-secret";

/// Most bytes of a `payload` part.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Most bytes of a `context` part.
pub const MAX_CONTEXT: usize = 64 << 10;
/// Most bytes of such a text.
pub const MAX_TEXT: usize = 4 << 10;
/// Most bytes of a `policy` part.
pub const MAX_POLICY: usize = 1 << 20;
/// Most bytes of an `inputs` part, which holds the arguments of a payload twice
/// and repeats the target of each.
pub const MAX_INPUTS: usize = 4 << 20;
/// Most bytes of an `output` part.
pub const MAX_OUTPUT: usize = 256 << 10;

/// One action: `{"kind", "payload", "target"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What runs.
    pub payload: Payload,
    /// Where it runs.
    pub target: Target,
}

/// What runs, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Payload {
    /// A program with its arguments.
    Command(Box<Command>),
    /// A file that is written.
    FileChange(Box<FileChange>),
    /// References of another repository that move.
    GitPush(Box<GitPush>),
    /// A change in words of its own.
    Json(Box<Change>),
    /// A call of an MCP tool.
    McpToolCall(Box<ToolCall>),
    /// Statements for a database.
    Sql(Box<Sql>),
    /// A saved plan that is applied.
    TerraformPlan(Box<TerraformPlan>),
}

/// Sorts of action; says how `payload` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ActionKind {
    /// A program with its arguments.
    #[serde(rename = "command")]
    Command,
    /// A file that is written.
    #[serde(rename = "file.change")]
    FileChange,
    /// References of another repository that move.
    #[serde(rename = "git.push")]
    GitPush,
    /// A change in words of its own.
    #[serde(rename = "json")]
    Json,
    /// A call of an MCP tool.
    #[serde(rename = "mcp.tool_call")]
    McpToolCall,
    /// Statements for a database.
    #[serde(rename = "sql")]
    Sql,
    /// A saved plan that is applied.
    #[serde(rename = "terraform.plan")]
    TerraformPlan,
}

impl ActionKind {
    /// Its text in an action and in a leaf.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::FileChange => "file.change",
            Self::GitPush => "git.push",
            Self::Json => "json",
            Self::McpToolCall => "mcp.tool_call",
            Self::Sql => "sql",
            Self::TerraformPlan => "terraform.plan",
        }
    }

    /// Whether a program of its own runs, which ends with an exit code or a
    /// signal. The others succeed or fail.
    #[must_use]
    pub fn runs_a_program(self) -> bool {
        match self {
            Self::Command | Self::GitPush | Self::Sql | Self::TerraformPlan => true,
            Self::FileChange | Self::Json | Self::McpToolCall => false,
        }
    }
}

/// Where an action runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// e.g. `local`.
    pub environment: String,
    /// What is acted on; for a command its working directory.
    pub resource: String,
    /// The machine or service; for a command its host name.
    pub system: String,
}

/// A program run: every byte that `vidimus exec` hands to the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Arguments, `argv[0]` first. Never empty.
    pub argv: Vec<String>,
    /// Working directory, absolute.
    pub cwd: String,
    /// The whole environment, sorted by name. Everything else is cleared.
    pub env: Vec<EnvVar>,
    /// Files that arguments name, bound by content.
    pub files: Vec<ArgFile>,
    /// The interpreter that the program's `#!` line names. It is what the
    /// kernel executes then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interpreter: Option<Interpreter>,
    /// What this proposal does not bind, in words, complete.
    pub not_bound: Vec<String>,
    /// The file that `argv[0]` resolved to.
    pub program: File,
    /// The script that runs, with its text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub script: Option<Script>,
    /// Where standard input comes from.
    pub stdin: Stdin,
    /// User id that it runs under.
    pub uid: u32,
    /// Name of that user.
    pub user: String,
}

/// A file, bound by content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Absolute path under which it was opened.
    pub path: String,
    /// SHA-256 of its content.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

/// The program behind a `#!` line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interpreter {
    /// The one argument that the line may give.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub argument: Option<String>,
    /// The program.
    pub file: File,
}

/// A script that is handed to a program: the file itself when it starts with
/// `#!`, or an argument of a known interpreter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Its position in `argv`; 0 when the program itself is the script.
    pub argument: u32,
    /// The file.
    pub file: File,
    /// Its text, when it is UTF-8 and at most 256 KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

/// A file that an argument names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgFile {
    /// Position in `argv`.
    pub argument: u32,
    /// The file.
    pub file: File,
}

/// One environment variable: a value in clear, or a commitment to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// Commitment to the value ([`SECRET_TYPE`]); its salt stays with the
    /// executor. *Value bound, not shown.*
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<Digest>,
    /// Name.
    pub name: String,
    /// Value in clear. Exactly one of `commit` and `value` is there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
}

/// Where standard input comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// Empty.
    Null,
    /// Whatever `vidimus exec` has; its content is not bound.
    Inherited,
    /// Bytes that were read to their end before the proposal.
    Bound(Box<Input>),
}

/// Standard input, bound by content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// SHA-256 of the bytes.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// The bytes, when they are UTF-8 and at most 256 KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

/// A change that the proposer describes in JSON of its own and carries out
/// itself. It has something before, something after, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What will be there. Absent when it is removed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<serde_json::Value>,
    /// What is there now. Absent when it is made, or nothing is replaced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<serde_json::Value>,
    /// What is done, in a word or a line, e.g. `rotate_key`.
    pub operation: String,
}

/// Most bytes of a [`Change`]'s operation.
pub const MAX_OPERATION: usize = 200;

/// What the agent says about its action. Claims, never facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Why, in the agent's own words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub intent: Option<String>,
    /// For whom, in the agent's own words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on_behalf_of: Option<String>,
}

/// Why a payload is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Not strict canonical JSON of this shape.
    #[error(transparent)]
    Strict(#[from] StrictError),
    /// A rule of `docs/spec/action.md` does not hold.
    #[error("{0}")]
    Rule(&'static str),
}

impl Action {
    /// Reads the content of a `payload` part.
    ///
    /// # Errors
    /// [`ActionError`] when the bytes are not canonical or a rule is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, ActionError> {
        let action: Self = strict::parse_ordered(bytes, MAX_PAYLOAD)?;
        match &action.payload {
            Payload::Command(command) => command.check(),
            Payload::FileChange(change) => change.check(),
            Payload::GitPush(push) => push.check(),
            Payload::McpToolCall(call) => call.check(),
            Payload::Sql(sql) => sql.check(),
            Payload::TerraformPlan(plan) => plan.check(),
            Payload::Json(change) => {
                // Keys and numbers of the proposer's own are not ours to order.
                strict::parse_canonical::<Self>(bytes, MAX_PAYLOAD)?;
                change.check()
            }
        }
        .map_err(ActionError::Rule)?;
        Ok(action)
    }

    /// The program that runs, if one of its own does.
    #[must_use]
    pub fn command(&self) -> Option<&Command> {
        match &self.payload {
            Payload::Command(command) => Some(command),
            Payload::GitPush(push) => Some(&push.command),
            Payload::Sql(sql) => Some(&sql.command),
            Payload::TerraformPlan(plan) => Some(&plan.command),
            Payload::FileChange(_) | Payload::Json(_) | Payload::McpToolCall(_) => None,
        }
    }

    /// What sort of action.
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        match self.payload {
            Payload::Command(_) => ActionKind::Command,
            Payload::FileChange(_) => ActionKind::FileChange,
            Payload::GitPush(_) => ActionKind::GitPush,
            Payload::Json(_) => ActionKind::Json,
            Payload::McpToolCall(_) => ActionKind::McpToolCall,
            Payload::Sql(_) => ActionKind::Sql,
            Payload::TerraformPlan(_) => ActionKind::TerraformPlan,
        }
    }

    /// The canonical bytes: the content of the `payload` part.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        strict::canonical(self)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut action = serializer.serialize_struct("Action", 3)?;
        action.serialize_field("kind", &self.kind())?;
        action.serialize_field("payload", &self.payload)?;
        action.serialize_field("target", &self.target)?;
        action.end()
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            kind: ActionKind,
            payload: Box<RawValue>,
            target: Target,
        }
        let raw = Raw::deserialize(deserializer)?;
        let payload = raw.payload.get();
        let payload = match raw.kind {
            ActionKind::Command => serde_json::from_str(payload).map(Payload::Command),
            ActionKind::FileChange => serde_json::from_str(payload).map(Payload::FileChange),
            ActionKind::GitPush => serde_json::from_str(payload).map(Payload::GitPush),
            ActionKind::Json => serde_json::from_str(payload).map(Payload::Json),
            ActionKind::McpToolCall => serde_json::from_str(payload).map(Payload::McpToolCall),
            ActionKind::Sql => serde_json::from_str(payload).map(Payload::Sql),
            ActionKind::TerraformPlan => serde_json::from_str(payload).map(Payload::TerraformPlan),
        }
        .map_err(D::Error::custom)?;
        Ok(Self {
            payload,
            target: raw.target,
        })
    }
}

impl Change {
    fn check(&self) -> Result<(), &'static str> {
        let rules = [
            (
                self.before.is_some() || self.after.is_some(),
                "neither `before` nor `after` is there",
            ),
            (
                !self.operation.trim().is_empty() && self.operation.len() <= MAX_OPERATION,
                "`operation` needs 1 to 200 bytes",
            ),
            (
                !self.operation.contains(char::is_control),
                "`operation` holds a control character",
            ),
        ];
        broken(&rules)
    }
}

impl Command {
    fn check(&self) -> Result<(), &'static str> {
        let command = self;
        let arguments = command.argv.len();
        let names = |position: u32| usize::try_from(position).is_ok_and(|at| at < arguments);
        let absolute = |file: &File| file.path.starts_with('/');
        let files = std::iter::once(&command.program)
            .chain(command.interpreter.iter().map(|found| &found.file))
            .chain(command.script.iter().map(|script| &script.file))
            .chain(command.files.iter().map(|named| &named.file));
        let input = match &command.stdin {
            Stdin::Bound(input) => Some(input),
            Stdin::Null | Stdin::Inherited => None,
        };
        let mut sizes = files
            .map(|file| file.size)
            .chain(input.iter().map(|input| input.size));
        let rules = [
            (
                sizes.all(|size| size <= strict::MAX_SAFE),
                "a size is above 2^53 - 1",
            ),
            (arguments > 0, "`argv` is empty"),
            (
                command.argv.iter().all(|text| !text.contains('\0')),
                "`argv` holds a NUL",
            ),
            (command.cwd.starts_with('/'), "`cwd` is not absolute"),
            (absolute(&command.program), "`program` is not absolute"),
            (
                command
                    .interpreter
                    .iter()
                    .all(|found| absolute(&found.file)),
                "`interpreter` is not absolute",
            ),
            (
                command.script.iter().all(|script| absolute(&script.file)),
                "`script` is not absolute",
            ),
            (
                command.files.iter().all(|named| absolute(&named.file)),
                "`files` holds a path that is not absolute",
            ),
            (
                command.script.iter().all(|script| names(script.argument)),
                "`script` names no argument",
            ),
            (
                command.files.iter().all(|file| names(file.argument)),
                "`files` names no argument",
            ),
            (
                command.env.is_sorted_by(|one, next| one.name < next.name),
                "`env` is not sorted by name, each name once",
            ),
            (
                command
                    .env
                    .iter()
                    .all(|var| var.commit.is_some() != var.value.is_some()),
                "an `env` member needs either `value` or `commit`",
            ),
            (
                command
                    .env
                    .iter()
                    .all(|var| !var.name.is_empty() && !var.name.contains(['=', '\0'])),
                "an `env` name is empty or holds `=`",
            ),
            (
                command
                    .env
                    .iter()
                    .all(|var| var.value.iter().all(|value| !value.contains('\0'))),
                "an `env` value holds a NUL",
            ),
            (
                command.interpreter.is_none()
                    || command.script.as_ref().is_some_and(|script| {
                        script.argument == 0 && script.file == command.program
                    }),
                "an `interpreter` needs the program as its `script`",
            ),
            (
                command.script.as_ref().is_none_or(|script| {
                    script
                        .text
                        .as_ref()
                        .is_none_or(|text| is_text_of(text, script.file.sha256, script.file.size))
                }),
                "the text of `script` is not the file's content",
            ),
            (
                input.is_none_or(|input| {
                    input
                        .text
                        .as_ref()
                        .is_none_or(|text| is_text_of(text, input.sha256, input.size))
                }),
                "the text of `stdin` is not its content",
            ),
        ];
        broken(&rules)
    }
}

/// The first rule that does not hold.
fn broken(rules: &[(bool, &'static str)]) -> Result<(), &'static str> {
    rules
        .iter()
        .find(|(holds, _)| !holds)
        .map_or(Ok(()), |(_, why)| Err(*why))
}

fn is_text_of(text: &str, sha256: Digest, size: u64) -> bool {
    crate::sha256(&[text.as_bytes()]) == sha256 && u64::try_from(text.len()) == Ok(size)
}

impl Context {
    /// Reads the content of a `context` part.
    ///
    /// # Errors
    /// [`StrictError`] when the bytes are not canonical.
    pub fn parse(bytes: &[u8]) -> Result<Self, StrictError> {
        strict::parse_ordered(bytes, MAX_CONTEXT)
    }

    /// The canonical bytes: the content of the `context` part.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        strict::canonical(self)
    }
}

#[cfg(test)]
mod tests;
