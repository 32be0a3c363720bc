//! The command lines about coding agents.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What `vidimus hook --help` says beyond the options.
pub(crate) const HOOK_NOTES: &[&str] = &[
    "It reads an event of the host from standard input and answers in the host's \
     form. Reads pass to the host's own rules; what a person approved is allowed, once; \
     everything else is denied, also when anything fails.",
    "A hook is a tripwire: the agent's host runs the tool, and whoever may change the \
     host's settings can remove it. What holds: docs/HOOKS.md.",
];

/// What `vidimus install --help` says beyond the options.
pub(crate) const INSTALL_NOTES: &[&str] = &[
    "It adds to the settings and changes nothing else in them; what was there stands in a \
     copy beside them. Done twice, nothing changes. Then run `vidimus doctor`.",
    "What passes without asking stands in `$XDG_CONFIG_HOME/vidimus/hooks.json`; for other \
     agents than Claude Code in `hooks-codex.json` and `hooks-copilot.json`.",
];

#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    /// Which agent starts it.
    #[arg(long, value_enum, value_name = "CLIENT")]
    pub(crate) client: HookClient,
    /// What to go by, instead of the usual file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say what would become of this command line, and why. Asks nobody.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) explain: Option<String>,
}

/// Coding agents whose hooks are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HookClient {
    /// Claude Code.
    Claude,
    /// Codex CLI.
    Codex,
    /// Copilot CLI.
    Copilot,
}

/// Which settings of a coding agent.
#[derive(Clone, Debug, Args)]
pub(crate) struct HostArgs {
    /// Which agent.
    #[arg(value_enum, value_name = "CLIENT")]
    pub(crate) client: HookClient,
    /// The settings of the project in this folder, instead of the user's.
    #[arg(long, conflicts_with = "settings")]
    pub(crate) project: bool,
    /// These settings, such as `/etc/claude-code/managed-settings.json`.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) host: HostArgs,
    /// Which agent of Vidimus asks, when several are connected.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    #[command(flatten)]
    pub(crate) host: HostArgs,
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) host: HostArgs,
}
