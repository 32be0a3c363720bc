//! What a hook answers. Each host has a form of its own for it.

/// The answer to a call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: the host's own rules count.
    Pass,
    /// It runs, for this reason.
    Allow(String),
    /// It does not run, for this reason.
    Deny(String),
    /// The event itself makes no sense: the host's sign for *blocked*, which
    /// needs no event.
    Block(String),
    /// It has run; something is to be said to the person.
    Say(String),
}

/// What the process leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: u8,
}

impl Output {
    pub(crate) fn stdout(stdout: String) -> Self {
        Self {
            stdout,
            ..Self::default()
        }
    }
}
