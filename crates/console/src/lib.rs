//! The approval console without a window: controller, views, ceremonies and
//! the software key. The desktop shell and the browser page are thin fronts
//! over it.

pub mod view;
