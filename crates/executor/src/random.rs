//! Randomness for ids and salts.

use vidimus_protocol::{ActionId, Digest};

use crate::stop::Stop;

fn fill<const N: usize>() -> Result<[u8; N], Stop> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Stop::internal("the system gives no randomness"))?;
    Ok(bytes)
}

/// 32 random bytes.
///
/// # Errors
/// When the system gives none.
pub fn digest() -> Result<Digest, Stop> {
    fill().map(Digest)
}

/// A new action id.
///
/// # Errors
/// When the system gives no randomness.
pub fn action() -> Result<ActionId, Stop> {
    fill().map(ActionId::from_random)
}
