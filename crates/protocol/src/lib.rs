//! Ids, actions, ledger entries, canonical bytes, digests and the lifecycle reducer. Pure: no I/O, no clock.
