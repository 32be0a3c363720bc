//! What holds an action back until it may run.
//!
//! An [`Executor`] asks as one agent. It proposes a [`Request`], waits for the
//! decision, and releases the action once:
//!
//! ```text
//! propose ──▶ decision ──▶ permit ──▶ redeem, prove ──▶ (the caller runs it) ──▶ report
//! ```
//!
//! Whoever runs something says with [`Subject`] what it would be at this
//! moment: before the permit is asked for, and again between redemption and
//! start. Unless that is what was approved, bit for bit, nothing runs. After
//! the redemption every way out reports an outcome, and nothing runs twice.
//!
//! Out of scope: what is run and how (`vidimus exec`, the MCP proxy); the
//! decision, which is a person's. Spec: `docs/spec/action.md`.

mod ask;
pub mod clock;
mod edited;
mod newest;
pub mod random;
mod release;
mod report;
mod request;
mod setup;
mod stop;
pub mod text;
mod waits;

pub use ask::{Decided, News, decided, ended};
pub use edited::changes;
pub use release::{Permit, Released, Subject};
pub use report::{Report, shorten};
pub use request::{Request, digest};
pub use setup::Executor;
pub use stop::{Stop, Why};
