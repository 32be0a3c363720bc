//! Why the command stops, with its exit code. The codes are a promise:
//! `docs/spec/action.md` lists them.

/// Exit codes of `vidimus` itself. The codes of `vidimus exec` keep clear of
/// those that programs and shells use.
pub(crate) mod code {
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const INTERNAL: u8 = 70;
    pub(crate) const DENIED: u8 = 110;
    pub(crate) const EXPIRED: u8 = 111;
    pub(crate) const WITHDRAWN: u8 = 112;
    pub(crate) const REFUSED: u8 = 113;
    pub(crate) const UNREACHABLE: u8 = 114;
    pub(crate) const PENDING: u8 = 115;
    pub(crate) const CHANGED: u8 = 116;
    pub(crate) const NOT_SET_UP: u8 = 117;
    pub(crate) const UNPROVEN: u8 = 118;
}

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

    /// The same, and the action is over.
    pub(crate) fn over(self) -> Self {
        Self { over: true, ..self }
    }

    /// For what is nobody's decision and nobody's mistake.
    pub(crate) fn internal(words: impl std::fmt::Display) -> Self {
        Self::new(code::INTERNAL, words.to_string())
    }
}
