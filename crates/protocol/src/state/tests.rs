//! Tests of the reducer: each rule broken once, then random stories.

mod glass;
mod grants;
mod lifecycle;
mod policy;
mod random;
pub(crate) mod story;
mod violations;
