//! `vidimus hook`, `install`, `doctor` and `uninstall` against a gateway of a
//! few lines, with the events and documents of the hosts.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod asking;
mod claude;
mod codex;
mod contract;
mod copilot;
mod failing;
#[allow(dead_code)]
#[path = "../exec/gateway.rs"]
mod gateway;
mod hooked;
mod installing;
mod model;
#[allow(dead_code)]
#[path = "../exec/place.rs"]
mod place;
