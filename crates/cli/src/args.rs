//! The command line.

mod hosts;
mod notes;
mod policy;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vidimus_gateway::PublicUrl;
use vidimus_mcp::SecretPlace;
use vidimus_protocol::{ActionId, RunId};

use crate::stop::{self, Meanings};
use crate::telemetry::LogFormat;
pub(crate) use hosts::{
    DoctorArgs, HOOK_NOTES, HookArgs, HookClient, HostArgs, INSTALL_NOTES, InstallArgs,
    UninstallArgs,
};
use notes::COMPLETIONS_HELP;
pub(crate) use notes::{
    BACKUP_NOTES, EXEC_NOTES, GATEWAY_NOTES, MCP_NOTES, VERIFY_NOTES, WAIT_NOTES, WEBHOOK_NOTES,
};
pub(crate) use policy::{
    CheckArgs, DiffArgs, ExplainArgs, POLICY_NOTES, PolicyCommand, ReplayArgs, ShadowArgs,
    StarterArgs, TestArgs,
};

/// Hold a command until a person has seen exactly what will run and signed it.
#[derive(Debug, Parser)]
#[command(
    name = "vidimus",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "Start with `vidimus-console`, or without a display with `vidimus gateway --personal`:\n\
                  it sets up your key and connects an agent.\n\
                  Then put `vidimus exec --` in front of a command."
)]
pub(crate) struct Cli {
    /// Folder that holds everything of Vidimus, instead of the usual places (or `VIDIMUS_HOME`).
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Command {
    /// Whether its whole answer is to be one JSON document.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Verify(args) => args.json,
            Self::Export(args) => args.json,
            Self::Exec(args) => args.json,
            Self::Wait(args) => args.json,
            Self::Policy { command } => command.json(),
            Self::Answer(_)
            | Self::Backup(_)
            | Self::Completions(_)
            | Self::Doctor(_)
            | Self::Hook(_)
            | Self::Install(_)
            | Self::Manual(_)
            | Self::Gateway(_)
            | Self::Uninstall(_)
            | Self::Mcp(_)
            | Self::Webhook { .. } => false,
        }
    }
}

/// The same of words that are no command line: wrong usage is answered in JSON
/// too.
pub(crate) fn asks_for_json(words: impl Iterator<Item = OsString>) -> bool {
    let words: Vec<_> = words.take_while(|word| word != "--").collect();
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    has("--json")
        && ["exec", "wait", "verify", "export", "policy"]
            .into_iter()
            .any(has)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask for approval of a command, wait, and run exactly what was approved.
    #[command(
        override_usage = "vidimus exec [OPTIONS] -- COMMAND...\n       vidimus exec --resume ID",
        after_long_help = long_help(EXEC_NOTES, stop::OF_EXEC)
    )]
    Exec(ExecArgs),
    /// Put a person in front of the tools of an MCP server.
    #[command(
        override_usage = "vidimus mcp [OPTIONS] -- SERVER COMMAND...\n       vidimus mcp [OPTIONS] --url URL",
        after_long_help = long_help(MCP_NOTES, stop::OF_MCP)
    )]
    Mcp(McpArgs),
    /// Wait until an action is decided. Runs nothing.
    #[command(after_long_help = long_help(WAIT_NOTES, stop::OF_WAIT))]
    Wait(WaitArgs),
    /// Answer a reviewer's question about a waiting action.
    #[command(after_long_help = long_help(&[], stop::OF_ANSWER))]
    Answer(AnswerArgs),
    /// Put a person in front of a coding agent: have it call `vidimus hook`.
    #[command(after_long_help = long_help(INSTALL_NOTES, stop::OF_OTHERS))]
    Install(InstallArgs),
    /// Take `vidimus hook` out of a coding agent's settings again.
    #[command(after_long_help = long_help(&[], stop::OF_OTHERS))]
    Uninstall(UninstallArgs),
    /// Check that a coding agent's hook fires and says no when something fails.
    #[command(after_long_help = long_help(&[], stop::OF_DOCTOR))]
    Doctor(DoctorArgs),
    /// Decide a call of a coding agent's tool: started by the agent, not by people.
    #[command(after_long_help = long_help(HOOK_NOTES, stop::OF_HOOK))]
    Hook(HookArgs),
    /// Check an export of the ledger, without trusting whoever made it.
    #[command(after_long_help = long_help(VERIFY_NOTES, stop::OF_VERIFY))]
    Verify(VerifyArgs),
    /// Write the console's copy of the ledger into one file that anybody can check.
    #[command(after_long_help = long_help(&[], stop::OF_OTHERS))]
    Export(ExportArgs),
    /// Write, check and test policies; see what a change of them would do.
    #[command(after_long_help = long_help(POLICY_NOTES, stop::OF_POLICY))]
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Copy the gateway's ledger and keys into a new folder, while it runs.
    #[command(after_long_help = long_help(BACKUP_NOTES, stop::OF_OTHERS))]
    Backup(BackupArgs),
    /// Serve agents and people: on this computer with the console's page, or a team over the network.
    #[command(after_long_help = long_help(GATEWAY_NOTES, stop::OF_OTHERS))]
    Gateway(GatewayArgs),
    /// Tell others what happens: signed messages over HTTPS.
    #[command(after_long_help = long_help(WEBHOOK_NOTES, stop::OF_WEBHOOK))]
    Webhook {
        #[command(subcommand)]
        command: WebhookCommand,
    },
    /// Print what makes a shell complete this command when Tab is pressed.
    #[command(after_long_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Write the manual pages: for whoever packages this.
    #[command(hide = true)]
    Manual(ManualArgs),
}

fn long_help(notes: &[&str], codes: Meanings) -> String {
    let widest = codes.iter().map(|(code, _)| code.len()).max().unwrap_or(0);
    let rows = codes
        .iter()
        .map(|(code, meaning)| format!("  {code:widest$}  {meaning}"));
    let table = std::iter::once("Exit codes:".to_owned()).chain(rows);
    let table: Vec<String> = table.collect();
    let mut paragraphs: Vec<String> = notes.iter().map(ToString::to_string).collect();
    paragraphs.push(table.join("\n"));
    paragraphs.join("\n\n")
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Add an endpoint and show its secret, once.
    Add {
        /// A name for people: letters, digits, `-` and `_`.
        #[arg(value_name = "NAME")]
        name: String,
        /// Where messages go: `https`, or `http` to this computer.
        #[arg(long, value_name = "URL")]
        url: String,
        /// Only these events, such as `action.proposed,action.resolved`.
        #[arg(long, value_name = "EVENTS", value_delimiter = ',')]
        events: Vec<String>,
    },
    /// List the endpoints. Paths of URLs and secrets are not shown.
    List,
    /// Remove an endpoint; what waits for it is given up.
    Remove {
        /// Its name.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Send a test message and print what came back.
    Test {
        /// The endpoint's name.
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// Which agent asks, when several are connected.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Why, in words for the reviewer.
    #[arg(long, value_name = "TEXT", conflicts_with = "resume")]
    pub(crate) why: Option<String>,
    /// The run that this belongs to, which people can pause. Not private.
    #[arg(long, value_name = "ID", conflicts_with = "resume")]
    pub(crate) run: Option<RunId>,
    /// Pass this environment variable too; its value is shown.
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    pub(crate) env: Vec<String>,
    /// Pass this environment variable too; its value is bound, not shown.
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    pub(crate) secret: Vec<String>,
    /// Give the command standard input: read to its end first, shown and bound
    /// (the default), or passed on as it comes, unseen and not bound.
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "bound",
        conflicts_with = "resume"
    )]
    pub(crate) stdin: Option<StdinMode>,
    /// Hand a script over by its name instead of as a sealed copy, so that it
    /// finds its own folder. It is checked again just before the start.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) script_by_name: bool,
    /// Hold it as a plain command. Otherwise more is made of `git push`, `psql`,
    /// `terraform apply`, and of `tee` and `cp` to one file: see below.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) plain: bool,
    /// Longest wait for a decision, such as `90s`, `15m` or `2h`.
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with = "resume")]
    pub(crate) ttl: Option<u64>,
    /// Trust these certificate authorities too (PEM), instead of those that the
    /// agent's profile names (or `VIDIMUS_TLS_CA`).
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Propose it and return at once, with exit code 115. `vidimus wait` waits, `--resume`
    /// runs it.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) no_wait: bool,
    /// Print one JSON document about the action, errors too.
    #[arg(long, requires = "no_wait")]
    pub(crate) json: bool,
    /// Stop when a reviewer edits it, with exit code 119, and withdraw what they
    /// made of it.
    #[arg(long)]
    pub(crate) no_edits: bool,
    /// Go on with an action that is pending or approved.
    #[arg(long, value_name = "ID", conflicts_with_all = ["command", "agent"])]
    pub(crate) resume: Option<ActionId>,
    /// The command and its arguments.
    #[arg(
        last = true,
        required_unless_present = "resume",
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Which agent asks, when several are connected.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Let calls of this tool pass without approval: an exact name, or the
    /// beginning of names and `*`. Can be repeated.
    #[arg(long, value_name = "TOOL")]
    pub(crate) allow: Vec<String>,
    /// Bind this argument and do not show it, such as `login:/password`. Can be
    /// repeated.
    #[arg(long, value_name = "TOOL:/POINTER")]
    pub(crate) secret: Vec<SecretPlace>,
    /// Longest time that a call is held before the answer is *pending*. Without
    /// it: 45s, and as long as it takes for a client that asks for progress.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) hold: Option<u64>,
    /// Longest wait for a decision, such as `90s`, `15m` or `2h`.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) ttl: Option<u64>,
    /// Point the user of a client that can do so (URL elicitation) to where a
    /// call is decided. What they answer there decides nothing.
    #[arg(long, value_name = "WHERE")]
    pub(crate) link: Option<McpLink>,
    /// What the server is called for the reviewer, instead of its command line
    /// or address, which may hold what nobody else should read.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Reach the server at this address, over streamable HTTP.
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub(crate) url: Option<String>,
    /// Send a header with each request to `--url`; its value is that of the
    /// environment variable VARIABLE. Can be repeated.
    #[arg(long, value_name = "HEADER=VARIABLE", requires = "url")]
    pub(crate) header: Vec<String>,
    /// Show definitions of tools that changed since they were pinned, pin them
    /// as they are now, and end.
    #[arg(long)]
    pub(crate) accept_changes: bool,
    /// Trust these certificate authorities too (PEM) for the gateway, instead of
    /// those that the agent's profile names (or `VIDIMUS_TLS_CA`).
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The server's command and its arguments. The `--` in front may be left
    /// out: some clients take it away.
    #[arg(
        trailing_var_arg = true,
        required_unless_present_any = ["url", "accept_changes"],
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

/// Where `vidimus mcp --link` leads.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum McpLink {
    /// The console's page, at the gateway's address
    Page,
    /// The console's window on the client's computer
    App,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Which agent's action, when several are connected.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Longest time to wait, such as `90s`, `15m` or `2h`; `0s` only looks.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<u64>,
    /// Print one JSON document about the action, errors too.
    #[arg(long)]
    pub(crate) json: bool,
    /// Trust these certificate authorities too (PEM), instead of those that the
    /// agent's profile names (or `VIDIMUS_TLS_CA`).
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The action.
    #[arg(value_name = "ID")]
    pub(crate) action: ActionId,
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// Which agent answers, when several are connected.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Ledger entry of the question, when several are open. The oldest otherwise.
    #[arg(long, value_name = "ENTRY")]
    pub(crate) question: Option<u64>,
    /// Trust these certificate authorities too (PEM), instead of those that the
    /// agent's profile names (or `VIDIMUS_TLS_CA`).
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The action.
    #[arg(value_name = "ID")]
    pub(crate) action: ActionId,
    /// The answer. The reviewer sees it as a claim of yours.
    #[arg(value_name = "TEXT")]
    pub(crate) text: String,
}

/// What happens to standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StdinMode {
    /// Read to its end before anything is proposed, shown and bound.
    Bound,
    /// Passed on while the command runs; not bound.
    Inherited,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The trust file that the ledger must chain to.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// An earlier checkpoint, or an earlier export: nothing up to there may be
    /// missing or other than it was.
    #[arg(long, value_name = "CHECKPOINT")]
    pub(crate) at_least: Option<PathBuf>,
    /// Print one JSON document instead, errors too.
    #[arg(long)]
    pub(crate) json: bool,
    /// The export.
    #[arg(value_name = "EXPORT")]
    pub(crate) export: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The copy of a gateway elsewhere that the console follows, by host and
    /// port as in its address; else that of this computer.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) gateway: Option<String>,
    /// Where to write, instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the checkpoint into a file of its own too. Keep it for
    /// `vidimus verify --at-least`.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint_out: Option<PathBuf>,
    /// Print one JSON document about what was written, errors too.
    #[arg(long, requires = "out")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    /// For one person, who decides on what their own agents propose.
    #[arg(long, required_unless_present = "public_url")]
    pub(crate) personal: bool,
    /// For several people, at this address, such as `https://gateway.example.com`.
    /// Keys are bound to it: it cannot change once the log is opened.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "personal",
        requires = "dir"
    )]
    pub(crate) public_url: Option<PublicUrl>,
    /// The folder of its ledger and keys, made when missing.
    #[arg(
        long,
        value_name = "FOLDER",
        requires = "public_url",
        conflicts_with = "personal"
    )]
    pub(crate) dir: Option<PathBuf>,
    /// Where to listen, instead of all addresses at the port of `--public-url`
    /// (behind a proxy: 127.0.0.1:8478).
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        requires = "public_url",
        conflicts_with = "personal"
    )]
    pub(crate) listen: Option<SocketAddr>,
    /// Its certificate and those between it and an authority (PEM). Read again
    /// when it changes.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        requires = "public_url",
        conflicts_with = "personal"
    )]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The key of the certificate (PEM), not readable by everybody.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_certificate",
        conflicts_with = "personal"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// Answer in clear, and only connections from these addresses: of a proxy
    /// that speaks TLS.
    #[arg(
        long,
        value_name = "IP",
        value_delimiter = ',',
        requires = "public_url",
        conflicts_with_all = ["tls_certificate", "tls_key", "personal"]
    )]
    pub(crate) behind_proxy: Vec<IpAddr>,
    /// The BLOB of the FIDO Metadata Service, so that keys are enrolled with their
    /// model where the attestation proves it. Read at the start.
    #[arg(
        long,
        value_name = "FILE",
        requires = "public_url",
        conflicts_with = "personal"
    )]
    pub(crate) mds: Option<PathBuf>,
    /// How the lines on standard error look.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The folder to write, which must not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// The folder of the gateway, as it was started with.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: CompletedShell,
}

/// Shells that completions are made for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CompletedShell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Args)]
pub(crate) struct ManualArgs {
    /// The folder to write them into.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

fn seconds(text: &str) -> Result<u64, String> {
    let seconds = time(text)?;
    if seconds == 0 {
        return Err("expected at least one second".to_owned());
    }
    Ok(seconds)
}

fn time(text: &str) -> Result<u64, String> {
    let wanted = || "expected a time such as `90s`, `15m` or `2h`".to_owned();
    let unit = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3600,
        _ => return Err(wanted()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wanted());
    }
    let number: u64 = digits.parse().map_err(|_| wanted())?;
    number
        .checked_mul(unit)
        .filter(|seconds| *seconds <= 31_536_000)
        .ok_or_else(|| "expected at most a year".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn times() {
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds("2h"), Ok(7200));
        for bad in [
            "",
            "15",
            "m",
            "-1m",
            "1.5h",
            "0s",
            "9999h",
            "15é",
            "99999999999999999999s",
        ] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_servers_options_are_its_own_with_and_without_the_dashes() {
        for line in [
            "vidimus mcp --name x -- npx -y files -- --name y",
            "vidimus mcp --name x npx -y files -- --name y",
        ] {
            let Command::Mcp(args) = Cli::try_parse_from(line.split(' ')).unwrap().command else {
                panic!("another command");
            };
            assert_eq!(args.name.as_deref(), Some("x"));
            assert_eq!(args.command, ["npx", "-y", "files", "--", "--name", "y"]);
        }
        assert!(Cli::try_parse_from(["vidimus", "mcp"]).is_err());
        assert!(Cli::try_parse_from(["vidimus", "mcp", "--nmae", "x", "--", "true"]).is_err());
    }

    #[test]
    fn a_command_needs_the_dashes_and_resume_needs_none() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("vidimus exec -- ls -l").is_ok());
        assert!(parse("vidimus exec ls").is_err());
        assert!(parse("vidimus exec").is_err());
        let id = ActionId::from_random([1; 16]);
        assert!(parse(&format!("vidimus exec --resume {id}")).is_ok());
        assert!(parse(&format!("vidimus exec --resume {id} -- ls")).is_err());
        assert!(parse(&format!("vidimus exec --resume {id} --why x")).is_err());
    }
}
