//! `vidimus policy`: policies are written, tested and looked at before anybody
//! signs them. It reads files, exports and the console's copy of a log, and
//! changes nothing but the files that `starter` writes.
//!
//! What a policy says is `vidimus-policy`'s; here is how it is read and shown.

mod check;
mod decisions;
mod diff;
mod explain;
mod explain_action;
mod files;
mod log;
mod replay;
mod shadow;
mod starter;
mod test;

use serde::Serialize;
use vidimus_client::home::Home;
use vidimus_policy::Problem;
use vidimus_protocol::entry::Profile;

use crate::args::PolicyCommand;
use crate::out::{self, answer, visible};
use crate::stop::Stop;

/// The policies are wrong, a test failed, or an export is broken.
pub(crate) const WRONG: u8 = 1;

/// Runs `vidimus policy`. Returns the exit code.
pub(crate) fn run(
    command: &PolicyCommand,
    home: impl FnOnce() -> Result<Home, Stop>,
) -> Result<u8, Stop> {
    match command {
        PolicyCommand::Starter(args) => starter::run(args),
        PolicyCommand::Check(args) => check::run(args),
        PolicyCommand::Test(args) => test::run(args),
        PolicyCommand::Explain(args) => explain::run(args),
        PolicyCommand::Diff(args) => diff::run(args),
        PolicyCommand::Replay(args) => replay::run(args),
        PolicyCommand::Shadow(args) => shadow::run(args, &home()?),
    }
}

fn profile(personal: bool) -> Profile {
    if personal {
        Profile::Personal
    } else {
        Profile::Team
    }
}

/// A mistake, for programs.
#[derive(Serialize)]
struct ProblemDocument<'a> {
    column: usize,
    file: &'a str,
    line: usize,
    message: &'a str,
    policy: Option<&'a str>,
}

impl<'a> ProblemDocument<'a> {
    fn new(problem: &'a Problem) -> Self {
        Self {
            column: problem.column,
            file: &problem.file,
            line: problem.line,
            message: &problem.message,
            policy: problem.policy.as_deref(),
        }
    }
}

/// What is said where the policies cannot be read: every problem.
#[derive(Serialize)]
struct Wrong<'a> {
    exit_code: u8,
    problems: Vec<ProblemDocument<'a>>,
    r#type: &'static str,
    v: u64,
}

/// Names every problem, and gives the exit code.
fn refuse(problems: &[Problem], json: bool) -> u8 {
    if json {
        out::document(&Wrong {
            exit_code: WRONG,
            problems: problems.iter().map(ProblemDocument::new).collect(),
            r#type: "vidimus-policy-problems",
            v: 1,
        });
        return WRONG;
    }
    for problem in problems {
        answer(&line(&problem.to_string()));
    }
    answer(&count(problems.len(), "problem", "problems"));
    WRONG
}

/// Text of others, in one line.
fn line(text: &str) -> String {
    visible(&text.replace('\n', " "))
}

fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}
