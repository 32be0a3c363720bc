//! The command line of `vidimus policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use vidimus_protocol::{ActionId, Time};

/// What `vidimus policy --help` and its manual page say beyond the options.
pub(crate) const POLICY_NOTES: &[&str] = &[
    "A policy is a folder with `.cedar` files, and `.json` files with tests of them. These \
     commands read files, exports and the console's copy of the ledger and change nothing: a policy comes in force when \
     administrators sign it in the console.",
    "A change is looked at like this: `vidimus policy check DIR`, `vidimus policy test DIR`, \
     `vidimus policy diff --log EXPORT DIR`, `vidimus policy replay DIR --log EXPORT --last 7d`. \
     EXPORT is what `vidimus export --out EXPORT` writes. Then `vidimus policy shadow DIR` \
     says what it would change of what is proposed from now on.",
];

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Write policies to begin with, and tests of them, as files to change.
    #[command(after_help = "\
Example:
  vidimus policy starter policy && vidimus policy test policy")]
    Starter(StarterArgs),
    /// Name every mistake with its place; say in words what the policies ask for.
    #[command(after_help = "\
Example:
  vidimus policy check policy")]
    Check(CheckArgs),
    /// Run the tests that stand beside the policies.
    #[command(after_help = "\
A test file is NAME.json beside the policies:
  {\"cases\": [{
    \"name\": \"deleting in production wants two people\",
    \"propose\": {\"kind\": \"sql\", \"target\": \"production/db1/shop\", \"effects\": [\"destructive\"]},
    \"expect\": {\"decision\": \"ask\", \"people\": \"2\"},
    \"may_not_approve\": [{\"name\": \"Adam\", \"roles\": [\"administrator\"]}]
  }]}
Everything that it may say: docs/spec/policy.md#tests

Example:
  vidimus policy test policy")]
    Test(TestArgs),
    /// Say which policies ask for what about one action, and who is missing.
    #[command(
        override_usage = "vidimus policy explain [OPTIONS] PATH... --inputs FILE\n       vidimus policy explain [OPTIONS] --log EXPORT ACTION",
        after_help = "\
FILE holds what is proposed: as in a test's `propose`, or the content of an `inputs` part.

Examples:
  echo '{\"kind\": \"sql\", \"effects\": [\"destructive\"]}' > inputs.json
  vidimus policy explain policy --inputs inputs.json
  vidimus policy explain --log audit.vidimus act_2081040g2081040g2081040g20"
    )]
    Explain(ExplainArgs),
    /// Show what changes from one set of policies to another.
    #[command(
        override_usage = "vidimus policy diff [OPTIONS] OLD NEW\n       vidimus policy diff [OPTIONS] --log EXPORT NEW",
        after_help = "\
Examples:
  vidimus policy diff policy.old policy
  vidimus policy diff --log audit.vidimus policy     # against the one in force"
    )]
    Diff(DiffArgs),
    /// Evaluate what was proposed anew, and list every decision that would differ.
    #[command(after_help = "\
What was proposed where no policy was in force is evaluated as the log knew it then; how long \
the agent would have waited follows from what it was given.

Example:
  vidimus export --out audit.vidimus && vidimus policy replay policy --log audit.vidimus --last 7d")]
    Replay(ReplayArgs),
    /// Evaluate what is proposed from now on too, and say as it comes what would differ.
    #[command(after_help = "\
It follows the console's verified copy of the ledger on this computer, which grows while a \
console is signed in, and has no effect on anything. It ends with Ctrl-C or after --for, and then \
says what came of all.

Examples:
  vidimus policy shadow policy
  vidimus policy shadow policy --gateway gateway.example.com --last 1d --for 8h")]
    Shadow(ShadowArgs),
}

impl PolicyCommand {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Starter(_) => false,
            Self::Check(args) => args.json,
            Self::Test(args) => args.json,
            Self::Explain(args) => args.json,
            Self::Diff(args) => args.json,
            Self::Replay(args) => args.json,
            Self::Shadow(args) => args.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct StarterArgs {
    /// For a log of your own, instead of a team's.
    #[arg(long)]
    pub(crate) personal: bool,
    /// The folder to write into, made when missing.
    #[arg(value_name = "DIR", default_value = "policy")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// For a log of your own, instead of a team's.
    #[arg(long)]
    pub(crate) personal: bool,
    /// Print one JSON document instead, errors too.
    #[arg(long)]
    pub(crate) json: bool,
    /// A folder with `.cedar`, `.ics` and `.json` files, or such files.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// For a log of your own, instead of a team's.
    #[arg(long)]
    pub(crate) personal: bool,
    /// Print one JSON document instead, errors too.
    #[arg(long)]
    pub(crate) json: bool,
    /// A folder with `.cedar` and `.json` files, or such files.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// What is proposed.
    #[arg(long, value_name = "FILE", required_unless_present = "log")]
    pub(crate) inputs: Option<PathBuf>,
    /// An export that holds the action.
    #[arg(
        long,
        value_name = "EXPORT",
        conflicts_with_all = ["inputs", "personal"]
    )]
    pub(crate) log: Option<PathBuf>,
    /// The trust file that the export must chain to.
    #[arg(long, value_name = "FILE", requires = "log")]
    pub(crate) trust: Option<PathBuf>,
    /// For a log of your own, instead of a team's.
    #[arg(long)]
    pub(crate) personal: bool,
    /// Print one JSON document instead, errors too.
    #[arg(long)]
    pub(crate) json: bool,
    /// A folder with `.cedar` and `.ics` files, or such files; with `--log` the action.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

impl ExplainArgs {
    /// The action, where one of a log is to be explained.
    pub(crate) fn action(&self) -> Result<ActionId, String> {
        match self.paths.as_slice() {
            [path] => {
                let text = path.to_string_lossy();
                text.parse().map_err(|_| {
                    format!("`{text}` is no action: they look like act_2081040g2081040g2081040g20")
                })
            }
            _ => Err("name one action of the log".to_owned()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Compare with the policy in force at the end of this export.
    #[arg(long, value_name = "EXPORT", conflicts_with = "personal")]
    pub(crate) log: Option<PathBuf>,
    /// The trust file that the export must chain to.
    #[arg(long, value_name = "FILE", requires = "log")]
    pub(crate) trust: Option<PathBuf>,
    /// For a log of your own, instead of a team's.
    #[arg(long)]
    pub(crate) personal: bool,
    /// Print one JSON document instead, errors too.
    #[arg(long)]
    pub(crate) json: bool,
    /// The old folder or file, unless `--log` has it, and the new one.
    #[arg(value_name = "OLD NEW", required = true, num_args = 1..=2)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The export that holds what was proposed.
    #[arg(long, value_name = "EXPORT")]
    pub(crate) log: PathBuf,
    /// The trust file that the export must chain to.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Only what was proposed from then on, such as `2026-11-21` or
    /// `2026-11-21T09:30:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "last")]
    pub(crate) since: Option<Time>,
    /// Only what was proposed in the last `7d`, `12h` or `30m` before the
    /// export's last entry.
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    pub(crate) last: Option<u64>,
    /// Print one JSON document instead, errors too.
    #[arg(long)]
    pub(crate) json: bool,
    /// A folder with `.cedar` files, or such files.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ShadowArgs {
    /// The copy of a gateway elsewhere that the console follows, by host and
    /// port as in its address; else that of this computer.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) gateway: Option<String>,
    /// Begin with what was proposed from then on, such as `2026-11-21` or
    /// `2026-11-21T09:30:00Z`, instead of now.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "last")]
    pub(crate) since: Option<Time>,
    /// Begin with what was proposed in the last `7d`, `12h` or `30m`.
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    pub(crate) last: Option<u64>,
    /// End after that long, such as `8h`; else with Ctrl-C.
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    pub(crate) r#for: Option<u64>,
    /// Print one JSON document for each decision and one in the end, errors too.
    #[arg(long)]
    pub(crate) json: bool,
    /// A folder with `.cedar` files, or such files.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

fn moment(text: &str) -> Result<Time, String> {
    let whole = match text.strip_suffix('Z') {
        Some(start) if !start.contains('.') => format!("{start}.000Z"),
        Some(_) => text.to_owned(),
        None => format!("{text}T00:00:00.000Z"),
    };
    whole.parse().map_err(|_| {
        "expected a UTC time such as `2026-11-21` or `2026-11-21T09:30:00Z`".to_owned()
    })
}

fn period(text: &str) -> Result<u64, String> {
    let days = text.strip_suffix('d');
    let seconds = match days.map(|days| days.parse::<u64>()) {
        Some(days) => days.ok().and_then(|days| days.checked_mul(86_400)),
        None => super::seconds(text).ok(),
    };
    seconds
        .filter(|seconds| *seconds > 0 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .ok_or_else(|| "expected a time such as `7d`, `12h` or `30m`".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn moments_and_periods() {
        for (text, expected) in [
            ("2026-11-21", "2026-11-21T00:00:00.000Z"),
            ("2026-11-21T09:30:00Z", "2026-11-21T09:30:00.000Z"),
            ("2026-11-21T09:30:00.250Z", "2026-11-21T09:30:00.250Z"),
        ] {
            assert_eq!(moment(text).unwrap().to_string(), expected);
        }
        for bad in ["", "yesterday", "2026-11-21T09:30", "2026-02-30"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
        assert_eq!(period("7d"), Ok(604_800));
        assert_eq!(period("12h"), Ok(43_200));
        for bad in [
            "",
            "d",
            "0d",
            "7",
            "-1d",
            "+1d",
            "1.5d",
            "99999999999999999999d",
        ] {
            assert!(period(bad).is_err(), "{bad}");
        }
    }
}
