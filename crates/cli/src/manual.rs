//! The manual pages, made from the definition of the command line, so that
//! the two cannot differ. `cargo xtask package` calls this.

use std::fs;
use std::io;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{
    BACKUP_NOTES, Cli, EXEC_NOTES, HOOK_NOTES, INSTALL_NOTES, MCP_NOTES, ManualArgs, POLICY_NOTES,
    WAIT_NOTES, WEBHOOK_NOTES,
};
use crate::stop::{self, Meanings, Stop};

/// What a page has beyond the options.
struct Extra {
    notes: &'static [&'static str],
    examples: &'static [(&'static str, &'static str)],
    codes: Meanings,
    files: &'static [(&'static str, &'static str)],
    see_also: &'static [&'static str],
}

const NOTHING: Extra = Extra {
    notes: &[],
    examples: &[],
    codes: &[],
    files: &[],
    see_also: &["vidimus"],
};

const PAGES: &[(&str, Extra)] = &[
    (
        "vidimus",
        Extra {
            notes: &[
                "Vidimus holds what an AI agent wants to run until a person has seen exactly that \
                 and signed it with a key. It releases the command once, and keeps evidence that \
                 anybody can check offline.",
                "Start with `vidimus-console`, or without a display with `vidimus gateway --personal`. \
                 It sets up your key and connects an agent. Then put `vidimus exec --` in front of a \
                 command.",
            ],
            files: &[
                (
                    "$XDG_DATA_HOME/vidimus/",
                    "The ledger, the console's copy of it, keys, and `trust.json`, the trust file. \
                     Usually `~/.local/share/vidimus/`.",
                ),
                (
                    "$XDG_CONFIG_HOME/vidimus/agents/",
                    "A profile for each connected agent, with its token. Usually `~/.config/vidimus/agents/`.",
                ),
                (
                    "$XDG_CONFIG_HOME/vidimus/hooks.json",
                    "What the hooks of Claude Code go by. Those of Codex CLI and Copilot CLI: \
                     `hooks-codex.json`, `hooks-copilot.json`.",
                ),
                (
                    "$XDG_STATE_HOME/vidimus/exec/",
                    "What a waiting `vidimus exec` needs to go on. Usually `~/.local/state/vidimus/exec/`.",
                ),
            ],
            see_also: &[
                "vidimus-console",
                "vidimus-answer",
                "vidimus-backup",
                "vidimus-doctor",
                "vidimus-exec",
                "vidimus-export",
                "vidimus-gateway",
                "vidimus-hook",
                "vidimus-install",
                "vidimus-uninstall",
                "vidimus-mcp",
                "vidimus-policy",
                "vidimus-verify",
                "vidimus-wait",
                "vidimus-webhook",
            ],
            ..NOTHING
        },
    ),
    (
        "exec",
        Extra {
            notes: EXEC_NOTES,
            examples: &[
                (
                    "Ask, wait, run:",
                    "vidimus exec --why \"rotate the staging key\" -- ./rotate.sh staging",
                ),
                (
                    "Pass a variable whose value the reviewer does not see:",
                    "vidimus exec --secret DATABASE_URL -- ./migrate.sh",
                ),
            ],
            codes: stop::OF_EXEC,
            see_also: &["vidimus", "vidimus-console"],
            ..NOTHING
        },
    ),
    (
        "mcp",
        Extra {
            notes: MCP_NOTES,
            examples: &[
                (
                    "In the configuration of an MCP client, in place of `npx …`:",
                    "vidimus mcp --allow 'read_*' -- npx -y @modelcontextprotocol/server-filesystem /srv",
                ),
                (
                    "A server elsewhere, with a token from the environment:",
                    "vidimus mcp --url https://mcp.example/mcp --header Authorization=MCP_AUTHORIZATION",
                ),
            ],
            codes: stop::OF_MCP,
            files: &[(
                "$XDG_STATE_HOME/vidimus/mcp/",
                "The pinned definitions of each server's tools. Usually `~/.local/state/vidimus/mcp/`.",
            )],
            see_also: &["vidimus", "vidimus-exec"],
        },
    ),
    (
        "wait",
        Extra {
            notes: WAIT_NOTES,
            examples: &[
                (
                    "Propose now, run when it is approved:",
                    "vidimus exec --no-wait -- ./rotate.sh staging",
                ),
                (
                    "",
                    "vidimus wait --timeout 10m act_2081040g2081040g2081040g20 && vidimus exec --resume act_2081040g2081040g2081040g20",
                ),
            ],
            codes: stop::OF_WAIT,
            see_also: &["vidimus", "vidimus-exec"],
            ..NOTHING
        },
    ),
    (
        "answer",
        Extra {
            notes: &[
                "A waiting `vidimus exec` prints what the reviewer asks. The answer is logged, is shown \
                 as a claim of the agent's, and decides nothing.",
            ],
            examples: &[(
                "",
                "vidimus answer act_2081040g2081040g2081040g20 \"it expires today\"",
            )],
            codes: stop::OF_ANSWER,
            see_also: &["vidimus", "vidimus-exec"],
            ..NOTHING
        },
    ),
    (
        "install",
        Extra {
            notes: INSTALL_NOTES,
            examples: &[
                (
                    "For everything that you do with Claude Code:",
                    "vidimus install claude",
                ),
                ("See whether it works:", "vidimus doctor claude"),
                (
                    "See first what would change:",
                    "vidimus install claude --dry-run",
                ),
                (
                    "For Codex CLI; trust it there with /hooks:",
                    "vidimus install codex",
                ),
            ],
            codes: stop::OF_OTHERS,
            files: &[
                (
                    "~/.claude/settings.json",
                    "The user's settings of Claude Code.",
                ),
                ("~/.codex/hooks.json", "The user's hooks of Codex CLI."),
                (
                    "~/.copilot/hooks/vidimus.json",
                    "The user's hooks of Copilot CLI that are ours.",
                ),
                (
                    "$XDG_CONFIG_HOME/vidimus/hooks.json",
                    "What passes without asking, how long a hook waits, and as which agent it asks.",
                ),
            ],
            see_also: &[
                "vidimus",
                "vidimus-doctor",
                "vidimus-hook",
                "vidimus-uninstall",
            ],
        },
    ),
    (
        "uninstall",
        Extra {
            examples: &[("", "vidimus uninstall claude")],
            codes: stop::OF_OTHERS,
            see_also: &["vidimus", "vidimus-install"],
            ..NOTHING
        },
    ),
    (
        "doctor",
        Extra {
            notes: &[
                "It runs the hook as the settings have it: with a read, which must pass, with what is no \
                 event, and where nobody can be asked, which must both be blocked. It proposes nothing. \
                 It asks Codex CLI whether it knows and trusts the hook.",
            ],
            examples: &[("", "vidimus doctor claude")],
            codes: stop::OF_DOCTOR,
            see_also: &["vidimus", "vidimus-hook", "vidimus-install"],
            ..NOTHING
        },
    ),
    (
        "hook",
        Extra {
            notes: HOOK_NOTES,
            examples: &[(
                "Ask what would become of a command line, and why:",
                "vidimus hook --client claude --explain 'git status'",
            )],
            codes: stop::OF_HOOK,
            see_also: &["vidimus", "vidimus-doctor", "vidimus-install"],
            ..NOTHING
        },
    ),
    (
        "backup",
        Extra {
            notes: BACKUP_NOTES,
            examples: &[("", "vidimus backup --to /mnt/backup/vidimus-2026-11-21")],
            codes: stop::OF_OTHERS,
            see_also: &["vidimus", "vidimus-gateway"],
            ..NOTHING
        },
    ),
    (
        "webhook",
        Extra {
            notes: WEBHOOK_NOTES,
            examples: &[
                (
                    "Add an endpoint; its secret is shown once:",
                    "vidimus webhook add ops --url https://ops.example/vidimus",
                ),
                (
                    "See whether it takes a message:",
                    "vidimus webhook test ops",
                ),
            ],
            codes: stop::OF_WEBHOOK,
            see_also: &["vidimus", "vidimus-gateway"],
            ..NOTHING
        },
    ),
    (
        "policy",
        Extra {
            notes: POLICY_NOTES,
            examples: &[
                (
                    "Begin with policies that are known to work:",
                    "vidimus policy starter policy && vidimus policy test policy",
                ),
                (
                    "After a change, see mistakes and what is asked for:",
                    "vidimus policy check policy",
                ),
                (
                    "See what it changes, and what it would have changed in the last week:",
                    "vidimus export --out audit.vidimus",
                ),
                ("", "vidimus policy diff --log audit.vidimus policy"),
                (
                    "",
                    "vidimus policy replay policy --log audit.vidimus --last 7d",
                ),
                (
                    "See what it would change of what is proposed in the next day:",
                    "vidimus policy shadow policy --for 1d",
                ),
                (
                    "Ask why an action waits, or was refused:",
                    "vidimus policy explain --log audit.vidimus act_2081040g2081040g2081040g20",
                ),
            ],
            codes: stop::OF_POLICY,
            see_also: &["vidimus", "vidimus-export", "vidimus-verify"],
            ..NOTHING
        },
    ),
    (
        "verify",
        Extra {
            notes: &[
                "It needs neither the network nor the gateway. The trust file names the log that the \
                 export must chain to: get it by another way than the export.",
            ],
            examples: &[(
                "Check an export against a trust file:",
                "vidimus verify --trust trust.json audit.vidimus",
            )],
            codes: stop::OF_VERIFY,
            see_also: &["vidimus", "vidimus-export"],
            ..NOTHING
        },
    ),
    (
        "export",
        Extra {
            notes: &["The path of the trust file, which the check needs, is printed at the end."],
            examples: &[("", "vidimus export --out audit.vidimus")],
            codes: stop::OF_OTHERS,
            see_also: &["vidimus", "vidimus-verify"],
            ..NOTHING
        },
    ),
    (
        "gateway",
        Extra {
            notes: &[
                "For one person it prints its address and, when there is no key yet, the code that the page asks for. \
                 From elsewhere the page is reached through `ssh -L`, as printed. What the page displays \
                 comes from this gateway: the display trusts the gateway.",
                "The console carries a gateway of its own: only one of both runs at a time.",
                "The package has a unit that starts it with your session, not enabled by itself. The code \
                 for the first key stands in its journal.",
            ],
            examples: &[
                (
                    "Start it now and with each session:",
                    "systemctl --user enable --now vidimus-gateway",
                ),
                (
                    "Read what it says:",
                    "journalctl --user --unit vidimus-gateway",
                ),
                (
                    "Keep it while nobody is signed in:",
                    "loginctl enable-linger",
                ),
            ],
            codes: stop::OF_OTHERS,
            files: &[
                (
                    "/usr/lib/systemd/user/vidimus-gateway.service",
                    "The unit for one person.",
                ),
                (
                    "/usr/lib/systemd/system/vidimus-gateway@.service",
                    "The unit for a team; the instance is the host name.",
                ),
            ],
            see_also: &["vidimus", "vidimus-console", "systemctl"],
        },
    ),
    (
        "completions",
        Extra {
            examples: &[(
                "For the running bash:",
                "source <(vidimus completions bash)",
            )],
            ..NOTHING
        },
    ),
];

/// Runs `vidimus manual`. Returns the exit code.
pub(crate) fn run(args: &ManualArgs) -> Result<u8, Stop> {
    let folder = &args.folder;
    fs::create_dir_all(folder)
        .and_then(|()| {
            pages()?
                .into_iter()
                .try_for_each(|(name, page)| fs::write(folder.join(name), page))
        })
        .map_err(|why| Stop::internal(format!("cannot write to `{}`: {why}", folder.display())))?;
    Ok(0)
}

/// File names and their content.
fn pages() -> io::Result<Vec<(String, String)>> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    for command in std::iter::once(&root).chain(parts(&root)) {
        let (_, extra) = PAGES
            .iter()
            .find(|(name, _)| *name == command.get_name())
            .expect("a test looks that each command has its entry");
        pages.push(page(command, extra, extra.see_also)?);
        // Those of `vidimus` itself come by themselves.
        if command.get_name() == root.get_name() {
            continue;
        }
        // Its codes are those of its parts.
        let of_parts = Extra {
            codes: extra.codes,
            ..NOTHING
        };
        let name = format!("vidimus-{}", command.get_name());
        for part in parts(command) {
            pages.push(page(part, &of_parts, &["vidimus", &name])?);
        }
    }
    Ok(pages)
}

/// The commands below one that people are told of.
fn parts(command: &Command) -> impl Iterator<Item = &Command> {
    let parts = command.get_subcommands();
    parts.filter(|part| !part.is_hide_set() && part.get_name() != "help")
}

/// File name and content.
fn page(command: &Command, extra: &Extra, see_also: &[&str]) -> io::Result<(String, String)> {
    // As `--help` has it: with the words that options want.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        .source(concat!("Vidimus ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    if let Some(about) = command.get_about() {
        roff.text([roman(format!("{about}."))]);
    }
    for note in extra.notes {
        roff.control("PP", []).text([roman(*note)]);
    }
    roff.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    sections(extra, see_also).to_writer(&mut page)?;
    let page = String::from_utf8(page).expect("it was made of strings");
    Ok((man.get_filename(), emphasised(&page)))
}

fn sections(extra: &Extra, see_also: &[&str]) -> Roff {
    let mut roff = Roff::new();
    let mut terms = |heading: &str, rows: &[(&str, &str)]| {
        if rows.is_empty() {
            return;
        }
        roff.control("SH", [heading]);
        for (term, words) in rows {
            roff.control("TP", [])
                .text([bold(*term)])
                .text([roman(*words)]);
        }
    };
    terms("EXIT STATUS", extra.codes);
    terms(
        "ENVIRONMENT",
        &[(
            "VIDIMUS_HOME",
            "Folder that holds everything of Vidimus, instead of the usual places. `--home` comes first.",
        )],
    );
    terms("FILES", extra.files);
    if !extra.examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        for (words, line) in extra.examples {
            roff.control("PP", []).text([roman(*words)]);
            roff.control("RS", ["4"])
                .text([bold(*line)])
                .control("RE", []);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    let last = see_also.len() - 1;
    for (position, name) in see_also.iter().enumerate() {
        let after = if position == last { "(1)" } else { "(1)," };
        roff.text([bold(*name), roman(after)]);
    }
    roff
}

/// Help marks code with backticks; a manual has a font for it.
fn emphasised(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for line in page.split_inclusive('\n') {
        let paired = line.matches('`').count() % 2 == 0;
        for (position, piece) in line.split('`').enumerate() {
            text.push_str(match (position, paired) {
                (0, _) => "",
                (_, false) => "`",
                (odd, true) if odd % 2 == 1 => "\\fB",
                (_, true) => "\\fR",
            });
            text.push_str(piece);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_its_page_and_each_page_its_command() {
        let names: Vec<String> = pages()
            .expect("writing into memory does not fail")
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "vidimus.1",
                "vidimus-exec.1",
                "vidimus-mcp.1",
                "vidimus-wait.1",
                "vidimus-answer.1",
                "vidimus-install.1",
                "vidimus-uninstall.1",
                "vidimus-doctor.1",
                "vidimus-hook.1",
                "vidimus-verify.1",
                "vidimus-export.1",
                "vidimus-policy.1",
                "vidimus-policy-starter.1",
                "vidimus-policy-check.1",
                "vidimus-policy-test.1",
                "vidimus-policy-explain.1",
                "vidimus-policy-diff.1",
                "vidimus-policy-replay.1",
                "vidimus-policy-shadow.1",
                "vidimus-backup.1",
                "vidimus-gateway.1",
                "vidimus-webhook.1",
                "vidimus-webhook-add.1",
                "vidimus-webhook-list.1",
                "vidimus-webhook-remove.1",
                "vidimus-webhook-test.1",
                "vidimus-completions.1"
            ]
        );
        let own = names.iter().filter(|name| name.matches('-').count() < 2);
        assert_eq!(own.count(), PAGES.len());
    }

    #[test]
    fn each_page_that_another_names_is_there() {
        let pages = pages().expect("writing into memory does not fail");
        for (name, page) in &pages {
            let named = page
                .replace("\\-", "-")
                .replace("\\fR", "")
                .replace("\\fB", "");
            let named = named.split(|c: char| c.is_whitespace() || c == ',');
            for other in named.filter_map(|word| word.strip_suffix("(1)")) {
                let ours = other.strip_prefix("vidimus").is_some_and(|rest| {
                    rest != "-console" && (rest.is_empty() || rest.starts_with('-'))
                });
                let file = format!("{other}.1");
                let there = pages.iter().any(|(name, _)| *name == file);
                assert!(!ours || there, "{name} names {other}");
            }
        }
    }

    #[test]
    fn a_page_has_each_option_and_each_code() {
        let pages = pages().expect("writing into memory does not fail");
        let (_, exec) = pages
            .iter()
            .find(|(name, _)| name == "vidimus-exec.1")
            .expect("it is there");
        for option in [
            "agent", "why", "env", "secret", "stdin", "ttl", "resume", "home",
        ] {
            assert!(
                exec.contains(&format!("\\fB\\-\\-{option}\\fR")),
                "{option}: {exec}"
            );
        }
        for (code, meaning) in stop::OF_EXEC {
            assert!(
                exec.contains(&format!(
                    "\n{}\n",
                    meaning.replace('-', "\\-").replace('\'', "\\*(Aq")
                )),
                "{code}: {exec}"
            );
        }
        assert!(!exec.contains('`'), "{exec}");
    }

    #[test]
    fn code_becomes_bold() {
        assert_eq!(emphasised("a `b` c `d`\n"), "a \\fBb\\fR c \\fBd\\fR\n");
        assert_eq!(emphasised("isn`t\n`x`\n"), "isn`t\n\\fBx\\fR\n");
    }
}
