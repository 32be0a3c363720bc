//! WebAuthn assertion check, whole-log replay, exports and reports. No async, no network.
