//! The approval console without a window: controller, views, ceremonies and
//! the software key. The desktop shell and the browser page are thin fronts
//! over it.
//!
//! For each gateway that is followed there is a core of its own: its own copy
//! of the log, pin, session and thread. Nothing is shared between them but the
//! desktop.
//!
//! - [`Console::start`] starts it; everything else goes through its [`Handle`].
//! - [`view`] is what a front shows and may ask for.
//! - [`hooks`] is what the console asks of the desktop.
//! - [`headless`] runs it where there is no desktop.
//!
//! One way: gateway feed → mirror (pinned and proven first) → replay (judged)
//! → view. A person's act goes out as a command and comes back through the
//! feed: nothing counts as approved before the mirror proves it.

mod act;
mod board;
mod console;
mod core;
mod followed;
pub mod headless;
pub mod hooks;
mod inbox;
mod joining;
mod link;
mod policy_replay;
mod policy_templates;
mod policy_tests;
mod policy_words;
mod problem;
pub mod render;
pub mod safe_text;
pub mod secrets;
pub mod software_key;
mod unusual;
pub mod view;
mod web;
mod words;

pub use board::FrontId;
pub use console::{Config, Console, Handle, Subscription};

/// Id of the embedded gateway: the one that a console always has.
pub const LOCAL: &str = "local";

/// Its name, for people.
pub const GATEWAY_NAME: &str = "This computer";
