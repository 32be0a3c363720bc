//! The gateway that agents ask: sequencer, store, relying party, routes, feed.
