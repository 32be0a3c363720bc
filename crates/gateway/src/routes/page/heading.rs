//! What the page of a key prompt is headed with.

use serde::Serialize;
use vidimus_protocol::envelope::ActType;

#[derive(Serialize)]
pub(super) struct Heading {
    title: &'static str,
    lead: &'static str,
}

impl Heading {
    /// For a key that signs this.
    pub(super) fn of(act: ActType) -> Self {
        let (title, lead) = match act {
            ActType::SessionOpened => ("Sign in", "Your key opens the session of the console."),
            ActType::CredentialEnrolled => (
                "Set up your key",
                "The new key signs its own enrolment. Until then nothing is stored.",
            ),
            ActType::CredentialAdmitted => (
                "Admit a key",
                "Compare the fingerprint with the person whose key it is, then use your key.",
            ),
            ActType::CredentialRevoked => (
                "Revoke a key",
                "What it signs counts no more, and sessions of its person end.",
            ),
            ActType::ReviewerRegistered => (
                "Take a person in",
                "Compare the fingerprint with that person, then use your key.",
            ),
            ActType::ReviewerChanged => (
                "Change what a person may do",
                "Compare this with the console, then use your key.",
            ),
            ActType::ReviewerRemoved => (
                "Remove a person",
                "That person decides nothing more, and every session of theirs ends.",
            ),
            ActType::RulesChanged => (
                "Change the rules",
                "They hold for what is proposed from now on.",
            ),
            ActType::PolicyChanged => (
                "Sign the policy",
                "Compare this with the console, then use your key. It holds for what is proposed from then on.",
            ),
            ActType::AgentRegistered => (
                "Connect an agent",
                "Your key lets this agent propose actions. It still decides nothing.",
            ),
            ActType::AgentRevoked => ("End an agent", "It proposes and runs nothing more."),
            ActType::AgentPaused => (
                "Pause an agent",
                "It proposes nothing, and what has not started does not start, until somebody resumes it.",
            ),
            ActType::AgentResumed => (
                "Resume an agent",
                "It may propose again. What the pause stopped stays stopped.",
            ),
            ActType::ActionEdited => (
                "Sign your edit",
                "Compare this with the console, then use your key. It is decided anew, as you have changed it.",
            ),
            ActType::VerdictGiven => (
                "Sign your decision",
                "Compare this with the console, then use your key.",
            ),
            ActType::VerdictRecognised => ("It was me", "You say that this decision is yours."),
            ActType::VerdictReviewed => (
                "Review a broken glass",
                "Your finding stands in the ledger for good. Compare this with the console, then use your key.",
            ),
            ActType::GrantGiven => (
                "Approve in advance",
                "What is like this runs without asking you again, so often and so long. Compare this with the console, then use your key.",
            ),
            ActType::GrantRevoked => (
                "End a standing grant",
                "Nothing more is approved by it, and what it approved and has not started has to be approved anew.",
            ),
            ActType::DelegationGiven => (
                "Lend your groups",
                "Somebody else decides for them while you are away. Compare this with the console, then use your key.",
            ),
            ActType::DelegationRevoked => (
                "End a delegation",
                "What was approved with it and has not started has to be approved anew.",
            ),
        };
        Self { title, lead }
    }
}
