//! A signed act: the envelope's items, its challenge and its assertion.
//!
//! Out of scope: whether the signer may do it, and whether the nonce is fresh:
//! that is the reducer's and the gateway's. Spec: `docs/spec/envelope.md`.

use serde::Serialize;
use vidimus_ledger::proof::{self, ProofError};
use vidimus_ledger::tree::{Hash, leaf_hash};
use vidimus_protocol::envelope::{Envelope, MAX_ITEMS, Signed};
use vidimus_protocol::state::{Log, Route};
use vidimus_protocol::{Blob, Digest, strict};

use crate::assertion::{self, AssertionError, Expected};
use crate::cose::{CoseError, CoseKey};

/// Why a signed act does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// More or fewer items than an envelope may have.
    #[error("the signed item is not one of 1 to {MAX_ITEMS}")]
    ItemCount,
    /// The item is not among the signed ones.
    #[error("the item is not one of those that were signed: {0}")]
    Item(ProofError),
    /// The credential's key cannot be read.
    #[error(transparent)]
    Key(#[from] CoseError),
    /// The key's answer is wrong.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// The pinned checkpoint lies in the future.
    #[error("the signed pin is beyond the log")]
    PinBeyond,
    /// The pinned checkpoint is not of this log's history.
    #[error("the signed pin is not the root that the log had at that size")]
    WrongPin,
}

/// Checks that `public_key` signed this very item: the item's hash leads to
/// the envelope's root, the envelope's challenge was asked, the assertion holds.
///
/// # Errors
/// [`ActError`] names the first broken rule.
pub fn check<I: Serialize>(
    signed: &Signed<I>,
    log: &Log,
    public_key: &Blob,
) -> Result<Route, ActError> {
    check_with(signed, log, &CoseKey::parse(&public_key.0)?)
}

/// [`check`] with a key that was read before.
pub(crate) fn check_with<I: Serialize>(
    signed: &Signed<I>,
    log: &Log,
    key: &CoseKey,
) -> Result<Route, ActError> {
    check_item(signed)?;
    let software_origin = log.software_origin();
    let expected = Expected {
        challenge: &signed.envelope.challenge(),
        rp_id: &log.opened.rp_id,
        origins: &log.opened.origins,
        software_origin: software_origin.as_deref(),
        public_key: key,
    };
    Ok(assertion::check(&signed.assertion, &expected)?)
}

fn check_item<I: Serialize>(signed: &Signed<I>) -> Result<(), ActError> {
    if !(1..=MAX_ITEMS).contains(&signed.count) {
        return Err(ActError::ItemCount);
    }
    let item = leaf_hash(&strict::ordered(&signed.item));
    let path: Vec<Hash> = signed.path.iter().map(|node| node.0).collect();
    let root = &signed.envelope.items_root.0;
    proof::verify_inclusion(&item, signed.index, signed.count, &path, root).map_err(ActError::Item)
}

/// Checks the envelope's pin: `root_at` answers for the log as it was before
/// the act, and says `None` beyond its end.
///
/// # Errors
/// [`ActError::PinBeyond`] or [`ActError::WrongPin`].
pub fn check_pin(
    envelope: &Envelope,
    root_at: impl Fn(u64) -> Option<Hash>,
) -> Result<(), ActError> {
    let root = root_at(envelope.pinned_size.0).ok_or(ActError::PinBeyond)?;
    if Digest(root) == envelope.pinned_root {
        Ok(())
    } else {
        Err(ActError::WrongPin)
    }
}
