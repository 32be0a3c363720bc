//! Problems in words: what happened, and what to do next.

use vidimus_protocol::action::MAX_TEXT;

use crate::view::Problem;

impl Problem {
    /// A problem with a stable code.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Something that should not happen on a sound computer (disk full, file
    /// not readable).
    pub(crate) fn local(what: &str, why: impl std::fmt::Display) -> Self {
        Self::new(
            "local_failure",
            format!("{what}: {why}."),
            "Check free disk space and file permissions, then try again.",
        )
    }

    /// A reason of that many bytes.
    pub(crate) fn reason_too_long(bytes: usize) -> Self {
        Self::new(
            "reason_too_long",
            format!("A reason has at most {MAX_TEXT} bytes; this one has {bytes}."),
            "Shorten it.",
        )
    }

    /// The console has stopped.
    pub(crate) fn stopped() -> Self {
        Self::new(
            "console_stopped",
            "The console has stopped.",
            "Start Vidimus again.",
        )
    }
}
