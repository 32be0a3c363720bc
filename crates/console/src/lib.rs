//! The approval console without a window: controller, views, ceremonies and
//! the software key. The desktop shell and the browser page are thin fronts
//! over it.
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
mod console;
mod core;
pub mod headless;
pub mod hooks;
mod inbox;
mod link;
mod problem;
pub mod render;
pub mod safe_text;
pub mod secrets;
pub mod software_key;
pub mod view;
mod web;
mod words;

pub use console::{Config, Console, FrontId, Handle, Subscription};

/// Name of the embedded gateway, for people.
pub const GATEWAY_NAME: &str = "This computer";
