//! Why something does not run.

/// The kinds of end before the start. The numbers are exit codes of
/// `vidimus exec`, a promise that `docs/spec/action.md` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Why {
    /// It was asked for in a way that makes no sense.
    Usage = 2,
    /// Nobody's decision and nobody's mistake; also a result that is unknown.
    Internal = 70,
    /// A reviewer said no.
    Denied = 110,
    /// Nobody decided in time, or nobody used the permit in time.
    Expired = 111,
    /// It was taken back.
    Withdrawn = 112,
    /// Policy said no.
    Refused = 113,
    /// The gateway does not answer.
    Unreachable = 114,
    /// It still waits for a decision.
    Pending = 115,
    /// What would run is not what was approved.
    Changed = 116,
    /// A profile, a trust file or a token is missing.
    NotSetUp = 117,
    /// The proof of the approval does not hold.
    Unproven = 118,
    /// A reviewer edited it, and edits are not taken.
    Edited = 119,
}

impl Why {
    /// All of them, by number.
    pub const ALL: [Self; 12] = [
        Self::Usage,
        Self::Internal,
        Self::Denied,
        Self::Expired,
        Self::Withdrawn,
        Self::Refused,
        Self::Unreachable,
        Self::Pending,
        Self::Changed,
        Self::NotSetUp,
        Self::Unproven,
        Self::Edited,
    ];

    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// A word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Internal => "internal",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Pending => "pending",
            Self::Changed => "changed",
            Self::NotSetUp => "not_set_up",
            Self::Unproven => "unproven",
            Self::Edited => "edited",
        }
    }
}

/// An end before the end. Text of others in `words` is made visible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Stop {
    /// The kind.
    pub why: Why,
    /// What happened and what to do.
    pub words: String,
    /// Whether the action is over, so that there is nothing to go on with.
    pub over: bool,
}

impl Stop {
    /// An end of an action that may go on another time.
    pub fn new(why: Why, words: impl Into<String>) -> Self {
        Self {
            why,
            words: words.into(),
            over: false,
        }
    }

    /// The same, and the action is over.
    #[must_use]
    pub fn over(self) -> Self {
        Self { over: true, ..self }
    }

    /// For what is nobody's decision and nobody's mistake.
    pub fn internal(words: impl std::fmt::Display) -> Self {
        Self::new(Why::Internal, words.to_string())
    }

    /// What would run differs from what was approved; a line for each.
    #[must_use]
    pub fn changed(differences: &[String]) -> Self {
        let lines: String = differences
            .iter()
            .map(|line| format!("\n  - {}", crate::text::visible(line)))
            .collect();
        Self::new(
            Why::Changed,
            format!(
                "what would run is not what was approved; nothing has run. Propose it anew. Changed:{lines}"
            ),
        )
    }
}
