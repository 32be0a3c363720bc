//! Why the command stops, with its exit code. The codes are a promise:
//! `docs/spec/action.md` lists them.

/// Exit codes of `vidimus` itself. The codes of `vidimus exec` keep clear of
/// those that programs and shells use.
pub(crate) mod code {
    use vidimus_executor::Why;

    pub(crate) const DONE: u8 = 0;
    pub(crate) const USAGE: u8 = Why::Usage as u8;
    pub(crate) const INTERNAL: u8 = Why::Internal as u8;
    pub(crate) const WITHDRAWN: u8 = Why::Withdrawn as u8;
    pub(crate) const UNREACHABLE: u8 = Why::Unreachable as u8;
    pub(crate) const PENDING: u8 = Why::Pending as u8;
    pub(crate) const CHANGED: u8 = Why::Changed as u8;
    pub(crate) const NOT_SET_UP: u8 = Why::NotSetUp as u8;
    pub(crate) const UNPROVEN: u8 = Why::Unproven as u8;
}

/// What exit codes mean, for `--help` and the manual: `(codes, meaning)`.
pub(crate) type Meanings = &'static [(&'static str, &'static str)];

/// The codes of `vidimus exec`.
pub(crate) const OF_EXEC: Meanings = &[
    (
        "the command's own",
        "it ran; 128+N when signal N ended it; 0 for a file that is written",
    ),
    ("2", "wrong usage"),
    ("70", "another failure, or nobody knows how the run ended"),
    ("110", "denied; the reviewer's reason is printed"),
    ("111", "expired: nobody decided in time"),
    (
        "112",
        "withdrawn, by Ctrl-C or a signal, or stopped by a pause of the agent",
    ),
    ("113", "refused by policy"),
    ("114", "the gateway cannot be reached"),
    ("115", "still pending; the printed command goes on waiting"),
    (
        "116",
        "something changed since it was proposed; it did not run",
    ),
    ("117", "not set up; the message names the missing piece"),
    (
        "118",
        "the proof of the approval does not hold; it did not run",
    ),
    (
        "119",
        "a reviewer edited it and --no-edits was given; it did not run",
    ),
];

/// The codes of `vidimus mcp`.
pub(crate) const OF_MCP: Meanings = &[
    ("0", "the client has ended, or the changes are accepted"),
    ("2", "wrong usage, or the server cannot be started"),
    ("70", "the server has ended first, or another failure"),
    ("117", "not set up; the message names the missing piece"),
];

/// The codes of `vidimus wait`.
pub(crate) const OF_WAIT: Meanings = &[
    ("0", "approved; also when it runs or has run already"),
    ("2", "wrong usage, or the agent has no such action"),
    ("70", "it failed; the message says why"),
    ("110", "denied; the reviewer's reason is printed"),
    ("111", "expired: nobody decided in time"),
    ("112", "withdrawn, or stopped by a pause of the agent"),
    ("113", "refused by policy"),
    ("114", "the gateway cannot be reached"),
    ("115", "still pending"),
    ("117", "not set up; the message names the missing piece"),
];

/// The codes of `vidimus verify`.
pub(crate) const OF_VERIFY: Meanings = &[
    ("0", "everything holds and chains to the trust file"),
    ("1", "something is wrong; the first wrong entry is named"),
    ("2", "wrong usage, or no readable file"),
    (
        "3",
        "consistent in itself but anchored by nobody: no trust file given",
    ),
    ("4", "made by a newer Vidimus: upgrade to judge all of it"),
];

/// The codes of `vidimus policy`.
pub(crate) const OF_POLICY: Meanings = &[
    ("0", "done; every test passed"),
    (
        "1",
        "the policies are wrong, a test failed, there are no tests, or the export or copy of the \
         ledger is broken",
    ),
    ("2", "wrong usage, or no readable file"),
    ("70", "it failed; the message says why"),
    ("117", "not set up; the message names the missing piece"),
];

/// The codes of `vidimus answer`.
pub(crate) const OF_ANSWER: Meanings = &[
    ("0", "answered"),
    ("2", "wrong usage, or nobody has an open question about it"),
    ("70", "it failed; the message says why"),
    ("114", "the gateway cannot be reached"),
    ("117", "not set up; the message names the missing piece"),
];

/// The codes of `vidimus webhook`.
pub(crate) const OF_WEBHOOK: Meanings = &[
    ("0", "done"),
    ("1", "the test message did not arrive"),
    ("2", "wrong usage"),
    ("70", "it failed; the message says why"),
    ("117", "not set up; the message names the missing piece"),
];

/// The codes of `vidimus hook`.
pub(crate) const OF_HOOK: Meanings = &[
    ("0", "answered; the answer stands on standard output"),
    (
        "2",
        "blocked: there was no event, or no answer in time; for Codex CLI and Copilot CLI any \
         denial; also wrong usage",
    ),
];

/// The codes of `vidimus doctor`.
pub(crate) const OF_DOCTOR: Meanings = &[
    ("0", "the hook fires and fails closed"),
    ("1", "something is wrong; each line says what to do"),
    ("2", "wrong usage"),
    ("70", "it failed; the message says why"),
];

/// The codes of what only succeeds or fails.
pub(crate) const OF_OTHERS: Meanings = &[
    ("0", "done"),
    ("2", "wrong usage"),
    ("70", "it failed; the message says why"),
    ("117", "not set up; the message names the missing piece"),
];

/// An end before the end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub(crate) struct Stop {
    /// The exit code.
    pub(crate) code: u8,
    /// What happened and what to do.
    pub(crate) words: String,
    /// Whether the action is over, so that there is nothing to resume.
    pub(crate) over: bool,
}

impl Stop {
    pub(crate) fn new(code: u8, words: impl Into<String>) -> Self {
        Self {
            code,
            words: words.into(),
            over: false,
        }
    }

    /// For what is nobody's decision and nobody's mistake.
    pub(crate) fn internal(words: impl std::fmt::Display) -> Self {
        Self::new(code::INTERNAL, words.to_string())
    }
}

impl From<vidimus_executor::Stop> for Stop {
    fn from(stop: vidimus_executor::Stop) -> Self {
        Self {
            code: stop.why.code(),
            words: stop.words,
            over: stop.over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vidimus_executor::Why;

    #[test]
    fn the_documents_list_the_same_codes() {
        let readme = include_str!("../../../README.md");
        let specification = include_str!("../../../docs/spec/action.md");
        let listed = |text: &str, code: u8| text.contains(&format!("\n| {code} | "));
        for number in Why::ALL
            .map(Why::code)
            .into_iter()
            .filter(|code| *code >= 100)
        {
            let meant = OF_EXEC.iter().any(|(code, _)| *code == number.to_string());
            assert!(meant, "{number} in `--help`");
            assert!(listed(readme, number), "{number} in the README");
            assert!(
                listed(specification, number),
                "{number} in the specification"
            );
        }
    }
}
