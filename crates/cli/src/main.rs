//! The `vidimus` command.
//!
//! One module for each subcommand; `args` is the command line, `stop` the exit
//! codes, `out` the one place that prints.

mod answer;
mod args;
mod exec;
mod export;
mod gateway;
mod out;
mod random;
mod stop;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};
use vidimus_client::home::Home;

use args::{Cli, Command};
use stop::Stop;

fn main() -> ExitCode {
    let code = run(Cli::parse()).unwrap_or_else(|stop| {
        out::say(&stop.words);
        stop.code
    });
    ExitCode::from(code)
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
        Command::Answer(args) => {
            let home = home()?;
            runtime(Builder::new_current_thread())?.block_on(answer::run(args, &home))
        }
        Command::Verify(args) => verify::run(&args),
        Command::Export(args) => export::run(&args, &home()?),
        // The only profile that this version serves, so it is said and not asked.
        // The ledger has a thread of its own: one more is enough for requests.
        Command::Gateway(_) => {
            runtime(Builder::new_current_thread())?.block_on(gateway::run(home()?))
        }
    }
}

fn runtime(mut builder: Builder) -> Result<Runtime, Stop> {
    builder.enable_all().build().map_err(Stop::internal)
}
