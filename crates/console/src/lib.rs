//! The approval console without a window: controller, views, ceremonies and
//! the software key. The desktop shell and the browser page are thin fronts
//! over it.

pub mod hooks;
mod inbox;
mod problem;
pub mod render;
pub mod safe_text;
pub mod secrets;
pub mod software_key;
pub mod view;
mod words;
