//! Verified local copy of a log: pin, sync, store.
