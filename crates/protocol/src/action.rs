//! What will run, precisely, and nothing else.
//!
//! The RFC 8785 bytes of an [`Action`] are the content of the proposal's
//! `payload` part, and that part's salted commit is the action digest. One
//! salt, one formula. Spec: `docs/spec/action.md`.

use serde::{Deserialize, Serialize};

use crate::bytes::Digest;
use crate::strict::{self, StrictError};

/// Content type of the `payload` part.
pub const PAYLOAD_TYPE: &str = "application/vidimus-action+json";
/// Content type of the `context` part.
pub const CONTEXT_TYPE: &str = "application/vidimus-context+json";
/// Content type of a `reason` part.
pub const REASON_TYPE: &str = "text/plain;charset=utf-8";
/// Content type of an `output` part.
pub const OUTPUT_TYPE: &str = "application/octet-stream";
/// Content type under which a secret value is committed to.
pub const SECRET_TYPE: &str = "application/vidimus-secret";

/// Most bytes of a `payload` part.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Most bytes of a `context` part.
pub const MAX_CONTEXT: usize = 64 << 10;
/// Most bytes of a `reason` part.
pub const MAX_REASON: usize = 4 << 10;
/// Most bytes of an `output` part.
pub const MAX_OUTPUT: usize = 256 << 10;

/// One action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What sort of action; says how `payload` is read.
    pub kind: ActionKind,
    /// What runs.
    pub payload: Command,
    /// Where it runs.
    pub target: Target,
}

/// Sorts of action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// A program with its arguments.
    Command,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// Empty.
    Null,
    /// Whatever `vidimus exec` has; its content is not bound.
    Inherited,
}

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
    /// The run or trace it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<String>,
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
        action.check().map_err(ActionError::Rule)?;
        Ok(action)
    }

    /// The canonical bytes: the content of the `payload` part.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        strict::canonical(self)
    }

    fn check(&self) -> Result<(), &'static str> {
        let command = &self.payload;
        let arguments = command.argv.len();
        let names = |position: u32| usize::try_from(position).is_ok_and(|at| at < arguments);
        let absolute = |file: &File| file.path.starts_with('/');
        let files = std::iter::once(&command.program)
            .chain(command.interpreter.iter().map(|found| &found.file))
            .chain(command.script.iter().map(|script| &script.file))
            .chain(command.files.iter().map(|named| &named.file));
        let mut sizes = files.map(|file| file.size);
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
                    script.text.as_ref().is_none_or(|text| {
                        crate::sha256(&[text.as_bytes()]) == script.file.sha256
                            && u64::try_from(text.len()) == Ok(script.file.size)
                    })
                }),
                "the text of `script` is not the file's content",
            ),
        ];
        rules
            .iter()
            .find(|(holds, _)| !holds)
            .map_or(Ok(()), |(_, why)| Err(*why))
    }
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sample() -> Action {
        let script = File {
            path: "/srv/x.sh".into(),
            sha256: crate::sha256(&[b"echo\n"]),
            size: 5,
        };
        Action {
            kind: ActionKind::Command,
            payload: Command {
                argv: vec!["bash".into(), "x.sh".into(), "été".into()],
                cwd: "/srv".into(),
                env: vec![
                    EnvVar {
                        name: "HOME".into(),
                        value: Some("/root".into()),
                        commit: None,
                    },
                    EnvVar {
                        name: "TOKEN".into(),
                        value: None,
                        commit: Some(Digest([7; 32])),
                    },
                ],
                files: vec![],
                interpreter: None,
                not_bound: vec!["the network".into()],
                program: File {
                    path: "/bin/bash".into(),
                    sha256: Digest([1; 32]),
                    size: 9,
                },
                script: Some(Script {
                    argument: 1,
                    file: script,
                    text: Some("echo\n".into()),
                }),
                stdin: Stdin::Null,
                uid: 0,
                user: "root".into(),
            },
            target: Target {
                environment: "local".into(),
                resource: "/srv".into(),
                system: "host".into(),
            },
        }
    }

    #[test]
    fn round_trip() {
        assert_eq!(Action::parse(&sample().to_bytes()), Ok(sample()));
    }

    #[test]
    fn fields_stand_in_order_and_other_spellings_are_refused() {
        let mut action = sample();
        let program = action.payload.program.clone();
        action.payload.files.push(ArgFile {
            argument: 2,
            file: program,
        });
        let bytes = action.to_bytes();
        assert_eq!(serde_json::to_vec(&action).unwrap(), bytes);
        let text = String::from_utf8(bytes).unwrap();
        for (what, other) in [
            ("space", text.replacen(':', ": ", 1)),
            ("twice", text.replacen('{', r#"{"kind":"command","#, 1)),
            ("escape", text.replacen("bash", r"b\u0061sh", 1)),
            (
                "null",
                text.replacen(r#""files""#, r#""interpreter":null,"files""#, 1),
            ),
            ("unknown", text.replacen('{', r#"{"a":1,"#, 1)),
        ] {
            assert!(
                matches!(Action::parse(other.as_bytes()), Err(ActionError::Strict(_))),
                "{what}"
            );
        }
        action.payload.program.size = strict::MAX_SAFE + 1;
        let bytes = serde_json::to_vec(&action).unwrap();
        assert!(Action::parse(&bytes).is_err());
        let context = Context {
            intent: Some("é".into()),
            on_behalf_of: Some("a".into()),
            run: Some("r".into()),
        };
        assert_eq!(serde_json::to_vec(&context).unwrap(), context.to_bytes());
    }

    #[test]
    fn each_rule_refuses() {
        type Case = (&'static str, fn(&mut Command));
        let cases: [Case; 12] = [
            ("argv is empty", |c| {
                c.argv.clear();
                c.script = None;
            }),
            ("argv NUL", |c| c.argv[2] = "a\0b".into()),
            ("relative cwd", |c| c.cwd = "srv".into()),
            ("relative program", |c| c.program.path = "bash".into()),
            ("script position", |c| {
                c.script.as_mut().unwrap().argument = 3
            }),
            ("file position", |c| {
                c.files.push(ArgFile {
                    argument: 9,
                    file: c.program.clone(),
                })
            }),
            ("unsorted", |c| c.env.reverse()),
            ("twice", |c| c.env[1].name = "HOME".into()),
            ("neither", |c| c.env[0].value = None),
            ("name", |c| c.env[0].name = "A=B".into()),
            ("interpreter without its script", |c| {
                c.interpreter = Some(Interpreter {
                    argument: None,
                    file: c.program.clone(),
                });
            }),
            ("text differs", |c| {
                c.script.as_mut().unwrap().text = Some("evil\n".into())
            }),
        ];
        for (what, break_it) in cases {
            let mut action = sample();
            break_it(&mut action.payload);
            assert!(
                matches!(Action::parse(&action.to_bytes()), Err(ActionError::Rule(_))),
                "{what}"
            );
        }
    }
}
