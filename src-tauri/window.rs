//! The one window: how it opens, comes to the front, and where it stood.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gtk::prelude::*;
use gtk::{gdk, glib};
use tauri::webview::NewWindowResponse;
use tauri::{
    AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};
use vidimus_client::home::Home;

use crate::away::Idle;
use crate::settings::Frame;

const WINDOW: &str = "console";
const SIZE: (i32, i32) = (1100, 700);
const LEAST_SIZE: (i32, i32) = (900, 600);

/// The frame that the desktop draws around it takes no more.
const FRAME: i32 = 40;

/// A window that is being moved is written down once it rests.
const REST: Duration = Duration::from_millis(400);

/// Opens the window where it stood last. On the main thread only.
///
/// # Errors
/// When the system gives none.
pub(crate) fn open(
    app: &AppHandle,
    home: &Home,
    idle: Arc<Idle>,
    hidden: bool,
    closed: impl Fn() + Send + 'static,
) -> tauri::Result<()> {
    let frame = Frame::load(home).map(|frame| frame.on(&screens(), LEAST_SIZE));
    let (width, height) = frame.map_or(SIZE, |frame| (frame.width, frame.height));
    let mut builder = WebviewWindowBuilder::new(app, WINDOW, WebviewUrl::default())
        .title("Vidimus")
        .inner_size(f64::from(width), f64::from(height))
        .min_inner_size(f64::from(LEAST_SIZE.0), f64::from(LEAST_SIZE.1))
        .visible(!hidden)
        .disable_drag_drop_handler()
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny);
    if let Some(frame) = frame {
        builder = builder
            .position(f64::from(frame.x), f64::from(frame.y))
            .maximized(frame.maximised);
    }
    let window = builder.build()?;
    notice_input(&window, idle)?;
    let (home, app) = (home.clone(), app.clone());
    let pending = Arc::new(AtomicBool::new(false));
    window.on_window_event(move |event| match event {
        WindowEvent::Resized(_) | WindowEvent::Moved(_) => {
            if pending.swap(true, Ordering::Relaxed) {
                return;
            }
            let (home, app, pending) = (home.clone(), app.clone(), pending.clone());
            // This is the main thread, on which its timers run.
            glib::timeout_add_local_once(REST, move || {
                pending.store(false, Ordering::Relaxed);
                remember(&app, &home);
            });
        }
        WindowEvent::CloseRequested { api, .. } => {
            api.prevent_close();
            remember(&app, &home);
            closed();
        }
        _ => {}
    });
    Ok(())
}

/// The window shows the page that was built into it, and nothing else ever.
fn is_ours(url: &Url) -> bool {
    url.scheme() == "tauri" && url.host_str() == Some("localhost")
}

/// The toolkit's window, for dialogs over it.
pub(crate) fn native(app: &AppHandle) -> Option<gtk::ApplicationWindow> {
    app.get_webview_window(WINDOW)?.gtk_window().ok()
}

/// Brings the window in front.
pub(crate) fn raise(app: &AppHandle) {
    with(app, "does not come to the front", |window| {
        window.unminimize()?;
        window.show()?;
        window.set_focus()
    });
}

/// Takes it off the screen: only the tray brings it back.
pub(crate) fn hide(app: &AppHandle) {
    with(app, "does not hide", WebviewWindow::hide);
}

/// Leaves it among the other windows, out of the way.
pub(crate) fn minimise(app: &AppHandle) {
    with(app, "is not minimised", |window| {
        window.minimize()?;
        window.show()
    });
}

fn with(app: &AppHandle, failure: &str, work: impl FnOnce(&WebviewWindow) -> tauri::Result<()>) {
    if let Some(window) = app.get_webview_window(WINDOW)
        && let Err(error) = work(&window)
    {
        tracing::warn!("the window {failure}: {error}");
    }
}

/// Writes down where the window stands. On the main thread only.
fn remember(app: &AppHandle, home: &Home) {
    let Some(window) = native(app).filter(|window| window.is_visible()) else {
        return;
    };
    let minimised = window
        .window()
        .is_some_and(|window| window.state().contains(gdk::WindowState::ICONIFIED));
    if minimised {
        return;
    }
    let before = Frame::load(home);
    let now = if window.is_maximized() {
        // What it goes back to stays what it was.
        let (width, height) = SIZE;
        let usual = Frame {
            x: 0,
            y: 0,
            width,
            height,
            maximised: true,
        };
        Frame {
            maximised: true,
            ..before.unwrap_or(usual)
        }
    } else {
        let ((x, y), (width, height)) = (window.position(), window.size());
        Frame {
            x,
            y,
            width,
            height,
            maximised: false,
        }
    };
    if before != Some(now) {
        now.save(home);
    }
}

/// What of each screen no panel takes, less the window's frame.
fn screens() -> Vec<(i32, i32, i32, i32)> {
    let Some(display) = gdk::Display::default() else {
        return Vec::new();
    };
    (0..display.n_monitors())
        .filter_map(|at| display.monitor(at))
        .map(|monitor| {
            let area = monitor.workarea();
            (area.x(), area.y(), area.width(), area.height() - FRAME)
        })
        .collect()
}

/// Has every key, click and movement in the window noticed, before the page
/// gets it.
fn notice_input(window: &WebviewWindow, idle: Arc<Idle>) -> tauri::Result<()> {
    window.with_webview(move |webview| {
        webview.inner().connect_event(move |_, event| {
            use gdk::EventType as Is;
            if matches!(
                event.event_type(),
                Is::KeyPress
                    | Is::ButtonPress
                    | Is::MotionNotify
                    | Is::Scroll
                    | Is::TouchBegin
                    | Is::TouchUpdate
            ) {
                idle.used();
            }
            glib::Propagation::Proceed
        });
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_window_goes_nowhere_else() {
        let ours = |url: &str| is_ours(&Url::parse(url).unwrap());
        assert!(ours("tauri://localhost/"));
        assert!(ours("tauri://localhost/index.html#/history"));
        for url in [
            "http://localhost:8478/c/1",
            "https://example.org/",
            "tauri://elsewhere/",
            "file:///etc/passwd",
            "data:text/html,x",
        ] {
            assert!(!ours(url), "{url}");
        }
    }
}
