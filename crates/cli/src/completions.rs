//! `vidimus completions`: what a shell reads to complete the command line.

use std::io::{ErrorKind, Write as _, stdout};

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::{Cli, CompletedShell, CompletionsArgs};
use crate::stop::Stop;

/// Runs `vidimus completions`. Returns the exit code.
pub(crate) fn run(args: &CompletionsArgs) -> Result<u8, Stop> {
    match stdout().write_all(&script(args.shell)) {
        // Whoever reads has read enough.
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(Stop::internal(why)),
        _ => Ok(0),
    }
}

fn script(shell: CompletedShell) -> Vec<u8> {
    let shell = match shell {
        CompletedShell::Bash => Shell::Bash,
        CompletedShell::Zsh => Shell::Zsh,
        CompletedShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vidimus", &mut script);
    script
}
