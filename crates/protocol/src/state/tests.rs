//! Tests of the reducer: each rule broken once, then random stories.

mod delegations;
mod escalations;
mod glass;
mod grace;
mod grants;
mod lifecycle;
mod policy;
mod random;
pub(crate) mod story;
mod violations;
