//! RFC 6962 tree, signed notes, checkpoints and proofs. Knows bytes, not approvals.
