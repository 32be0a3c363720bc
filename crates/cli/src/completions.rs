//! `vidimus completions`: what a shell reads to complete the command line.

use std::io::{ErrorKind, Write as _, stdout};

use clap::{Command, CommandFactory as _};
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
    clap_complete::generate(shell, &mut offered(), "vidimus", &mut script);
    script
}

/// The command line without what is hidden, which clap would offer as well.
fn offered() -> Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|one| !one.is_hide_set());
    Command::new("vidimus")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .args(whole.get_arguments())
        .subcommands(shown.cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_is_offered_what_the_help_shows() {
        for shell in [
            CompletedShell::Bash,
            CompletedShell::Zsh,
            CompletedShell::Fish,
        ] {
            let script = String::from_utf8(script(shell)).expect("a script is text");
            for shown in ["exec", "verify", "export", "gateway", "script-by-name"] {
                assert!(script.contains(shown), "{shell:?}: {shown}");
            }
            assert!(!script.contains("manual"), "{shell:?}: it is hidden");
        }
    }
}
