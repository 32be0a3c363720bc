//! What can be asked of the sequencer, and what it answers.

use std::sync::Arc;

use tokio::sync::oneshot;
use vidimus_policy::Set;
use vidimus_protocol::Digest;
use vidimus_protocol::api::{
    Content, NonceReply, PartOfEntry, Redeem, ReportOutcome, StartCeremony, WriteAnswer,
};
use vidimus_protocol::envelope::Assertion;
use vidimus_protocol::id::{ActionId, AgentId, ReviewerId};

use super::ReadProposal;
use crate::enrolment::Claim;
use crate::founding::FoundingDraft;
use crate::problem::Refusal;
use crate::store::Leaves;

/// What can be asked of the sequencer.
pub(crate) enum Request {
    Found {
        draft: Box<FoundingDraft>,
        assertion: Assertion,
    },
    Enrol {
        claim: Box<Claim>,
        assertion: Assertion,
    },
    Propose {
        agent: AgentId,
        read: Box<ReadProposal>,
    },
    Withdraw {
        agent: AgentId,
        action: ActionId,
    },
    Permit {
        agent: AgentId,
        action: ActionId,
    },
    Redeem {
        agent: AgentId,
        action: ActionId,
        redeem: Box<Redeem>,
    },
    Report {
        agent: AgentId,
        action: ActionId,
        report: Box<ReportOutcome>,
    },
    Take {
        reviewer: ReviewerId,
        action: ActionId,
    },
    Ask {
        reviewer: ReviewerId,
        action: ActionId,
        text: Box<Content>,
    },
    Answer {
        agent: AgentId,
        action: ActionId,
        answer: Box<WriteAnswer>,
    },
    Flag {
        reviewer: ReviewerId,
        action: ActionId,
        text: Box<Content>,
    },
    Act {
        start: Box<StartCeremony>,
        /// The policy that it brings, read.
        set: Option<Box<Set>>,
        assertion: Assertion,
    },
    EndSession(Digest),
    /// A nonce; sessions have a share of their own.
    Nonce {
        session: bool,
    },
}

/// What it answers, after the commit.
pub(crate) enum Answer {
    /// Entries that are durable.
    Logged(Logged),
    /// A permit in force.
    Permit(String),
    /// A nonce.
    Nonce(NonceReply),
    /// Done; nothing was logged.
    Done,
}

/// Entries that are durable. Proofs of them are made beside the one writer,
/// for which everybody waits.
pub(crate) struct Logged {
    pub(crate) indexes: Vec<u64>,
    /// What was committed with them, sorted by position.
    pub(crate) fresh: Arc<Leaves>,
    /// What the answer brings beside them.
    pub(crate) parts: Vec<PartOfEntry>,
}

impl Logged {
    pub(super) fn new(indexes: Vec<u64>, fresh: &Arc<Leaves>) -> Self {
        Self {
            indexes,
            fresh: Arc::clone(fresh),
            parts: Vec::new(),
        }
    }

    /// The leaf at `index`, when it need not be read back.
    pub(crate) fn leaf(&self, index: u64) -> Option<&[u8]> {
        let at = self.fresh.binary_search_by_key(&index, |(at, _)| *at);
        Some(&self.fresh[at.ok()?].1)
    }
}

/// A request and where its answer goes.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) reply: oneshot::Sender<Result<Answer, Refusal>>,
    /// The request that it came with, for traces.
    pub(crate) span: tracing::Span,
}
