//! The `vidimus` command.
//!
//! One module for each subcommand; `args` is the command line, `stop` the exit
//! codes, `out` the one place that prints.

mod answer;
mod args;
mod backup;
mod completions;
mod doctor;
mod exec;
mod export;
mod gateway;
mod hook;
mod host;
mod hosts;
mod install;
mod manual;
mod mcp;
mod out;
mod policy;
mod standing;
mod stop;
mod telemetry;
mod verify;
mod wait;
mod webhook;

use std::process::ExitCode;

use clap::Parser as _;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use vidimus_client::home::Home;

use args::{Cli, Command, asks_for_json};
use stop::Stop;

/// What the gateway's async threads allocate its writer frees. In glibc's
/// allocator they waited for each other's locks a third of the time. Without
/// huge pages (`no_thp`), of which an idle gateway would hold 10 MiB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && asks_for_json(std::env::args_os().skip(1)) => {
            let words = error.render().to_string();
            return refuse(&Stop::new(stop::code::USAGE, words.trim_end()), true);
        }
        Err(error) => error.exit(),
    };
    let json = cli.command.json();
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(stop) => refuse(&stop, json),
    }
}

/// Says why there is no answer.
fn refuse(stop: &Stop, json: bool) -> ExitCode {
    if json {
        out::document(&Refusal {
            error: &stop.words,
            exit_code: stop.code,
            r#type: "vidimus-error",
            v: 1,
        });
    } else {
        out::say(&stop.words);
    }
    ExitCode::from(stop.code)
}

/// What `--json` says instead of an answer. Spec: `docs/spec/export.md`.
#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a str,
    exit_code: u8,
    r#type: &'static str,
    v: u64,
}

fn run(cli: Cli) -> Result<u8, Stop> {
    let home = || {
        Home::find(cli.home.as_deref())
            .map_err(|why| Stop::new(stop::code::NOT_SET_UP, why.to_string()))
    };
    match cli.command {
        Command::Exec(args) => {
            let home = home()?;
            runtime(Builder::new_multi_thread())?.block_on(exec::run(args, &home))
        }
        Command::Wait(args) => {
            let home = home()?;
            runtime(Builder::new_current_thread())?.block_on(wait::run(args, &home))
        }
        Command::Mcp(args) => {
            let home = home()?;
            runtime(Builder::new_multi_thread())?.block_on(mcp::run(args, &home))
        }
        Command::Answer(args) => {
            let home = home()?;
            runtime(Builder::new_current_thread())?.block_on(answer::run(args, &home))
        }
        Command::Verify(args) => verify::run(&args),
        Command::Export(args) => export::run(&args, &home()?),
        Command::Policy { command } => policy::run(&command, home),
        Command::Backup(args) => backup::run(&args, &home()?),
        // The ledger has a thread of its own. For one person one more is enough
        // for requests; a team's wait for each other's handshakes otherwise.
        Command::Gateway(args) => match &args.public_url {
            Some(url) => {
                let serving = gateway::run_public(&args, url.clone());
                runtime(Builder::new_multi_thread())?.block_on(serving)
            }
            None => runtime(Builder::new_current_thread())?.block_on(gateway::run(&args, home()?)),
        },
        Command::Webhook { command } => {
            runtime(Builder::new_current_thread())?.block_on(webhook::run(command, &home()?))
        }
        Command::Install(args) => install::install(&args, &home()?),
        Command::Uninstall(args) => install::uninstall(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Hook(args) => Ok(hook::run(&args, cli.home.as_deref())),
        Command::Completions(args) => completions::run(&args),
        Command::Manual(args) => manual::run(&args),
    }
}

fn runtime(mut builder: Builder) -> Result<Runtime, Stop> {
    builder.enable_all().build().map_err(Stop::internal)
}
