//! What will run: found, opened, hashed and held, as the action that is
//! proposed.
//!
//! A [`Plan`] keeps every descriptor that it hashed. [`Plan::now`] reads them
//! again and gives the action that a run would be at this moment; a run is
//! made of the same descriptors ([`Plan::command`]).
//!
//! Out of scope: asking (`ask`), running (`run`).
//! Spec: `docs/spec/action.md`.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use vidimus_protocol::action::{
    Action, ArgFile, Command, Interpreter, MAX_PAYLOAD, Payload, Script, Target,
};

use super::env::Environment;
use super::input::Input;
use super::interpreter::Family;
use super::not_bound;
use super::open::{self, Folder, Held, OpenError, Sealed};
use super::shebang::{self, HEAD, Line, Sort, SortError};
use super::who;

/// Most bytes of a file that an argument names and that is bound by content.
pub(crate) const MAX_ARGUMENT_FILE: u64 = 64 << 20;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Arguments, the program first.
    pub(crate) argv: Vec<String>,
    /// Working directory.
    pub(crate) cwd: PathBuf,
    /// Environment.
    pub(crate) environment: Environment,
    /// Standard input.
    pub(crate) stdin: Input,
    /// Hand a script over by its name instead of as a sealed copy.
    pub(crate) script_by_name: bool,
    /// A file that an adapter has looked at.
    pub(crate) sealed: Option<Handed>,
    /// What an adapter leaves unbound, in words.
    pub(crate) not_bound: Vec<String>,
}

/// A file that an argument names, opened and copied once: what was looked at is
/// what is bound and what the program gets.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) argument: usize,
    pub(crate) copy: Sealed,
    /// Whether it stands in the action as the script, with its text, or as one
    /// of the files.
    pub(crate) is_script: bool,
}

impl Handed {
    /// Opens the file that an argument names, as seen from `cwd`.
    pub(crate) fn open(
        cwd: &Path,
        argv: &[String],
        argument: usize,
        is_script: bool,
    ) -> Result<Self, OpenError> {
        let folder = Folder::open(cwd)?;
        let held = Held::open(folder.as_fd(), Path::new(&argv[argument]))?;
        Ok(Self {
            argument,
            copy: Sealed::copy(&held)?,
            is_script,
        })
    }
}

/// A command, ready to run.
#[derive(Debug)]
pub(crate) struct Plan {
    wanted: Wanted,
    folder: Folder,
    /// What the kernel executes: the program, or its interpreter.
    executable: Held,
    /// The `#!` line's own words, when the program is a script.
    line: Option<Line>,
    script: Option<BoundScript>,
    /// One of the files that is not handed over by name.
    file: Option<Handed>,
    command: Command,
    target: Target,
}

#[derive(Debug)]
struct BoundScript {
    argument: usize,
    /// As the interpreter would be told.
    name: String,
    copy: Sealed,
    by_name: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("no command given: write `vidimus exec -- COMMAND ARGUMENTS`")]
    Empty,
    #[error("`PATH` is not set, so `{0}` cannot be found: set it, or give the program's path")]
    NoPath(String),
    #[error("`{name}` was not found in `PATH` ({search})")]
    NotFound { name: String, search: String },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("`{path}` cannot be run: {why}")]
    Program { path: String, why: SortError },
    #[error(
        "`{0}` is itself a script; only a program can be bound as the interpreter of another. Name that program in the `#!` line"
    )]
    InterpreterIsScript(String),
    #[error(
        "the `#!` line gives `env` more than the name of a program (`{0}`), which cannot be bound. Name the program alone"
    )]
    EnvArguments(String),
    #[error(
        "the command with its script, input and environment is longer than {MAX_PAYLOAD} bytes"
    )]
    TooLong,
    #[error("an argument holds a NUL")]
    Nul,
    #[error(
        "`{0}` is a script here, and what it makes of the file that it is given cannot be known: give the program's own path, or hold it as a plain command with `--plain`"
    )]
    TwoScripts(String),
}

impl Plan {
    /// Finds, opens, hashes and holds everything.
    pub(crate) fn make(mut wanted: Wanted) -> Result<Self, PlanError> {
        let (given, file) = match wanted.sealed.take() {
            Some(handed) if handed.is_script => (Some(handed), None),
            handed => (None, handed),
        };
        let name = wanted.argv.first().ok_or(PlanError::Empty)?;
        if wanted.argv.iter().any(|argument| argument.contains('\0')) {
            return Err(PlanError::Nul);
        }
        let folder = Folder::open(&wanted.cwd)?;
        let path = find(&folder, name, &wanted.environment)?;
        let program = Held::open_program(folder.as_fd(), &path)?;
        let (executable, line, script) = match sort(&program)? {
            Sort::Elf => {
                let script = match given {
                    Some(handed) => Some(BoundScript {
                        argument: handed.argument,
                        name: wanted.argv[handed.argument].clone(),
                        copy: handed.copy,
                        by_name: false,
                    }),
                    None => script_argument(&wanted, &folder, &program)?,
                };
                (program, None, script)
            }
            Sort::Script(_) if given.is_some() => {
                return Err(PlanError::TwoScripts(name.clone()));
            }
            Sort::Script(line) => {
                let (interpreter, line) = interpreter(&folder, line, &wanted.environment)?;
                let family = Family::of(&interpreter.bound.path);
                let script = BoundScript {
                    argument: 0,
                    name: path.to_string_lossy().into_owned(),
                    copy: Sealed::copy(&program)?,
                    by_name: by_name(&wanted, family),
                };
                (interpreter, Some(line), Some(script))
            }
        };
        let (command, target) = describe(
            &wanted,
            &folder,
            &executable,
            line.as_ref(),
            script.as_ref(),
            file.as_ref(),
        )?;
        Ok(Self {
            wanted,
            folder,
            executable,
            line,
            script,
            file,
            command,
            target,
        })
    }

    /// The command and where it runs, as proposed.
    pub(crate) fn stated(&self) -> (&Command, &Target) {
        (&self.command, &self.target)
    }

    /// The program's path.
    pub(crate) fn program(&self) -> &str {
        &self.command.program.path
    }

    /// The program, as the command line names it.
    pub(crate) fn name(&self) -> &str {
        &self.wanted.argv[0]
    }

    /// The command line.
    pub(crate) fn argv(&self) -> &[String] {
        &self.wanted.argv
    }

    /// The file that an adapter has looked at, if it is no script.
    pub(crate) fn handed(&self) -> Option<&Handed> {
        self.file.as_ref()
    }

    /// The folder that it runs in.
    pub(crate) fn cwd(&self) -> &Path {
        &self.wanted.cwd
    }

    /// Its standard input.
    pub(crate) fn input(&self) -> &Input {
        &self.wanted.stdin
    }

    /// Salts and values of the environment.
    pub(crate) fn environment(&self) -> &Environment {
        &self.wanted.environment
    }

    /// A remark for who starts it, when the script seems to ask where it lies
    /// and gets a sealed copy.
    pub(crate) fn script_asks_for_its_place(&self) -> bool {
        const ASKS: [&str; 6] = ["$0", "${0", "BASH_SOURCE", "__file__", "__dir__", "FindBin"];
        self.script.as_ref().is_some_and(|script| {
            let text = script.copy.text.as_deref().unwrap_or_default();
            !script.by_name && ASKS.iter().any(|asks| text.contains(asks))
        })
    }

    /// The command that a run would be at this moment, or what cannot be read
    /// any more, in words.
    pub(crate) fn now(&self) -> Result<(Command, Target), Vec<String>> {
        let mut gone = Vec::new();
        let (mut command, mut target) = (self.command.clone(), self.target.clone());
        match self.executable.again() {
            Ok(file) => match &mut command.interpreter {
                Some(interpreter) => interpreter.file = file,
                None => command.program = file,
            },
            Err(why) => gone.push(format!("`{}`: {why}", self.executable.bound.path)),
        }
        // A sealed copy cannot have changed; a script by name can.
        if let Some(script) = self.script.as_ref().filter(|script| script.by_name) {
            match Held::open(self.folder.as_fd(), Path::new(&script.name)) {
                Ok(held) if held.bound == script.copy.bound => {}
                Ok(held) => gone.push(format!(
                    "script `{}`: another file or content is there now (SHA-256 {})",
                    script.name, held.bound.sha256
                )),
                Err(why) => gone.push(why.to_string()),
            }
        }
        for file in &mut command.files {
            let at = usize::try_from(file.argument).expect("a position in argv");
            if self.file.as_ref().is_some_and(|one| one.argument == at) {
                continue;
            }
            match Held::open(self.folder.as_fd(), Path::new(&self.wanted.argv[at])) {
                Ok(held) => file.file = held.bound,
                Err(why) => gone.push(why.to_string()),
            }
        }
        match self.folder.path_now() {
            Some(path) => {
                target.resource.clone_from(&path);
                command.cwd = path;
            }
            None => gone.push(format!("the folder `{}` was removed", self.folder.path)),
        }
        if gone.is_empty() {
            Ok((command, target))
        } else {
            Err(gone)
        }
    }

    /// The process to start: by descriptor, in the held folder, with exactly
    /// the bound environment. The descriptors must live until it is started.
    pub(crate) fn command(&self) -> io::Result<(std::process::Command, Vec<OwnedFd>)> {
        let mut inherited = Vec::new();
        let mut hand = |copy: &Sealed| {
            let fd = copy.inheritable()?;
            let path = open::fd_path(&fd);
            inherited.push(fd);
            io::Result::Ok(path)
        };
        let mut argv = self.wanted.argv.clone();
        if let Some(script) = &self.script {
            argv[script.argument] = if script.by_name {
                script.name.clone()
            } else {
                hand(&script.copy)?
            };
        }
        if let Some(file) = &self.file {
            argv[file.argument] = hand(&file.copy)?;
        }
        let mut command = std::process::Command::new(self.executable.fd_path());
        match &self.line {
            Some(line) => {
                command.arg0(&line.interpreter);
                command.args(&line.argument).args(&argv);
            }
            None => {
                command.arg0(&self.wanted.argv[0]).args(&argv[1..]);
            }
        }
        command.env_clear().envs(self.wanted.environment.values());
        command.current_dir(self.folder.fd_path());
        command.stdin(self.wanted.stdin.stdio()?);
        Ok((command, inherited))
    }
}

fn find(folder: &Folder, name: &str, environment: &Environment) -> Result<PathBuf, PlanError> {
    let search = environment.path();
    if search.is_none() && !name.contains('/') {
        return Err(PlanError::NoPath(name.into()));
    }
    let search = search.unwrap_or_default();
    open::find(folder.as_fd(), name, search).ok_or_else(|| PlanError::NotFound {
        name: name.into(),
        search: search.into(),
    })
}

fn sort(program: &Held) -> Result<Sort, PlanError> {
    let path = &program.bound.path;
    let head = program.head(HEAD).map_err(|why| OpenError::Read {
        path: path.into(),
        why,
    })?;
    shebang::sort(&head).map_err(|why| PlanError::Program {
        path: path.clone(),
        why,
    })
}

/// Opens the interpreter of a `#!` line. `env NAME` is resolved here, so that
/// what it would find is bound instead of `env`.
fn interpreter(
    folder: &Folder,
    line: Line,
    environment: &Environment,
) -> Result<(Held, Line), PlanError> {
    let is_env = matches!(line.interpreter.as_str(), "/usr/bin/env" | "/bin/env");
    let line = match line.argument {
        Some(name) if is_env => {
            if name.starts_with('-') || name.contains(['=', ' ', '\t']) {
                return Err(PlanError::EnvArguments(name));
            }
            Line {
                interpreter: name,
                argument: None,
            }
        }
        argument => Line { argument, ..line },
    };
    let path = find(folder, &line.interpreter, environment)?;
    let held = Held::open_program(folder.as_fd(), &path)?;
    match sort(&held)? {
        Sort::Elf => Ok((held, line)),
        Sort::Script(_) => Err(PlanError::InterpreterIsScript(held.bound.path)),
    }
}

fn by_name(wanted: &Wanted, family: Option<Family>) -> bool {
    wanted.script_by_name || family.is_some_and(|family| !family.takes_descriptor())
}

/// The script that a known interpreter is given as an argument.
fn script_argument(
    wanted: &Wanted,
    folder: &Folder,
    program: &Held,
) -> Result<Option<BoundScript>, PlanError> {
    let family = Family::of(&program.bound.path).or_else(|| Family::of(&wanted.argv[0]));
    let script = family.and_then(|family| family.script(&wanted.argv));
    let Some(argument) = script else {
        return Ok(None);
    };
    let name = &wanted.argv[argument];
    if open::regular_size(folder.as_fd(), Path::new(name)).is_none() {
        return Ok(None);
    }
    let held = Held::open(folder.as_fd(), Path::new(name))?;
    Ok(Some(BoundScript {
        argument,
        name: name.clone(),
        copy: Sealed::copy(&held)?,
        by_name: by_name(wanted, family),
    }))
}

fn describe(
    wanted: &Wanted,
    folder: &Folder,
    executable: &Held,
    line: Option<&Line>,
    script: Option<&BoundScript>,
    handed: Option<&Handed>,
) -> Result<(Command, Target), PlanError> {
    let mut loose = wanted.not_bound.clone();
    let mut files = Vec::new();
    let mut by_name = false;
    for (position, argument) in wanted.argv.iter().enumerate().skip(1) {
        let path = Path::new(argument);
        if script.is_some_and(|script| script.argument == position) {
            continue;
        }
        let mut bind = |file| {
            let argument = u32::try_from(position).map_err(|_| PlanError::TooLong)?;
            files.push(ArgFile { argument, file });
            Ok::<_, PlanError>(())
        };
        if let Some(handed) = handed.filter(|one| one.argument == position) {
            bind(handed.copy.bound.clone())?;
            continue;
        }
        let Some(size) = open::regular_size(folder.as_fd(), path) else {
            continue;
        };
        if size > MAX_ARGUMENT_FILE {
            loose.push(not_bound::too_long(argument));
            continue;
        }
        match Held::open(folder.as_fd(), path) {
            Ok(held) => {
                bind(held.bound)?;
                by_name = true;
            }
            Err(_) => loose.push(not_bound::unreadable(argument)),
        }
    }
    let executable_name = Family::of(&executable.bound.path)
        .or_else(|| Family::of(&wanted.argv[0]))
        .map(|_| executable.bound.path.as_str());
    let facts = not_bound::Facts {
        loose,
        any_files: by_name,
        interpreter: executable_name,
        named_script: script
            .filter(|script| script.by_name)
            .map(|script| script.name.as_str()),
        inherits_input: matches!(wanted.stdin, Input::Inherited),
    };
    let uid = rustix::process::getuid().as_raw();
    let command = Command {
        argv: wanted.argv.clone(),
        cwd: folder.path.clone(),
        env: wanted.environment.bound(),
        files,
        interpreter: line.map(|line| Interpreter {
            argument: line.argument.clone(),
            file: executable.bound.clone(),
        }),
        not_bound: not_bound::list(&facts),
        program: match (line, script) {
            (Some(_), Some(script)) => script.copy.bound.clone(),
            _ => executable.bound.clone(),
        },
        script: script.map(|script| Script {
            argument: u32::try_from(script.argument).expect("argv has this position"),
            file: script.copy.bound.clone(),
            text: script.copy.text.clone(),
        }),
        stdin: wanted.stdin.stated(),
        uid,
        user: who::user_name(uid),
    };
    let target = Target {
        environment: "local".into(),
        resource: folder.path.clone(),
        system: who::host_name(),
    };
    let action = Action {
        payload: Payload::Command(Box::new(command.clone())),
        target: target.clone(),
    };
    if action.to_bytes().len() > MAX_PAYLOAD {
        return Err(PlanError::TooLong);
    }
    Ok((command, target))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(crate) mod tests;
