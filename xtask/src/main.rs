//! `cargo xtask`: everything that a person or a build machine does with this repository.
//!
//! `run` starts Vidimus from a fresh checkout, `check` judges the code, `test` proves it, `bench` measures it.
//! Out of scope: anything a running Vidimus needs. This crate stays small, since every other task waits for it.

// A task runner talks to the person who started it on the terminal; that is its whole output.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod api;
mod bench;
mod bindings;
mod check;
mod deep;
mod direction;
mod guards;
mod hosts;
mod independent;
mod mcp;
mod mutants;
mod node;
mod opinions;
mod package;
mod packages;
mod python;
mod run;
mod sdk;
mod shell;
mod steps;
mod test;
mod tour;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::shell::Workspace;

/// Tasks of the Vidimus repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing, build, and open the console (without a display: start the personal gateway)
    Run(run::Args),
    /// Format, lints, docs, licences, UI types, bindings and the repository's own rules
    Check(check::Args),
    /// Install what the tests need and run all of them
    Test(test::Args),
    /// Change what must not be wrong, one small thing at a time, and see whether a test fails (takes hours)
    Mutants(mutants::Args),
    /// Build the .deb and the .rpm
    Package(package::Args),
    /// Measure, print the table, write it into docs/BENCHMARKS.md; fails when a goal is missed
    Bench,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = Workspace::find().and_then(|workspace| match cli.task {
        Task::Run(args) => run::run(&workspace, &args),
        Task::Check(args) => check::run(&workspace, &args),
        Task::Test(args) => test::run(&workspace, &args),
        Task::Mutants(args) => mutants::run(&workspace, &args),
        Task::Package(args) => package::run(&workspace, &args),
        Task::Bench => bench::run(&workspace),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_of_every_task_can_be_read() {
        Cli::command().debug_assert();
    }
}
