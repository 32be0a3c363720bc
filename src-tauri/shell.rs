//! The desktop around the console: its window, notifications, native prompt
//! and browser.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use vidimus_client::home::Home;
use vidimus_console::hooks::{Hooks, NotificationRequest, PassphraseAsk};
use vidimus_console::secrets::SystemKeyring;
use vidimus_console::view::VerdictChoice;
use vidimus_console::{Config, Console, Handle};
use zeroize::Zeroizing;

use crate::instance::Errand;
use crate::notify::{Listener, Notifier};
use crate::{browser, passphrase};

const WINDOW: &str = "console";
const SIZE: (f64, f64) = (1100.0, 700.0);
const LEAST_SIZE: (f64, f64) = (900.0, 600.0);

/// The gateway gets this long to finish what it is writing.
const PATIENCE: Duration = Duration::from_secs(5);

/// What runs behind the window.
pub(crate) struct Desk {
    /// The console.
    pub(crate) console: Handle,
    notifier: Notifier,
    listening: Mutex<Option<AbortHandle>>,
    link: Mutex<Link>,
}

/// A page that does not listen yet would miss what is brought up.
enum Link {
    /// The page does not listen yet. What it is to show once it does.
    Waits(Option<String>),
    /// The page listens.
    Passes,
}

impl Desk {
    /// Starts the console and everything around it. Needs a Tokio runtime.
    pub(crate) fn start(app: &AppHandle, home: Home) -> Self {
        let notifier = Notifier::start(Arc::new(Clicks(app.clone())));
        let console = Console::start(Config {
            home,
            hooks: Arc::new(Desktop {
                app: app.clone(),
                notifier: notifier.clone(),
            }),
            secrets: Arc::new(SystemKeyring),
            web: false,
        });
        Self {
            console,
            notifier,
            listening: Mutex::new(None),
            link: Mutex::new(Link::Waits(None)),
        }
    }

    /// Runs the pump of events to the page, in place of the one before: a page
    /// that was loaded anew has a channel of its own.
    pub(crate) fn listens(&self, pump: impl Future<Output = ()> + Send + 'static) {
        let pump = tauri::async_runtime::spawn(pump);
        let before = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(pump.inner().abort_handle());
        if let Some(before) = before {
            before.abort();
        }
    }

    /// Follows a link, now or as soon as the page can show where it leads.
    pub(crate) fn follow(&self, link: String) {
        match &mut *self.link.lock().unwrap_or_else(PoisonError::into_inner) {
            Link::Waits(waiting) => *waiting = Some(link),
            Link::Passes => self.console.link_followed(&link),
        }
    }

    /// The page listens from now on.
    pub(crate) fn page_listens(&self) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Link::Waits(Some(link)) = std::mem::replace(&mut *link, Link::Passes) {
            self.console.link_followed(&link);
        }
    }

    /// Takes notifications back and stops the gateway.
    pub(crate) async fn stop(&self) {
        let work = async { tokio::join!(self.notifier.withdraw_all(), self.console.stop()) };
        if tokio::time::timeout(PATIENCE, work).await.is_err() {
            tracing::warn!("not everything stopped in time; what was acknowledged is on disk");
        }
    }
}

/// Opens the window.
///
/// # Errors
/// When the system gives none.
pub(crate) fn open_window(app: &AppHandle) -> tauri::Result<WebviewWindow> {
    WebviewWindowBuilder::new(app, WINDOW, WebviewUrl::default())
        .title("Vidimus")
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(LEAST_SIZE.0, LEAST_SIZE.1)
        .disable_drag_drop_handler()
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()
}

/// The window shows the page that was built into it, and nothing else ever.
fn is_ours(url: &Url) -> bool {
    url.scheme() == "tauri" && url.host_str() == Some("localhost")
}

/// Does what a second start was started for.
pub(crate) fn run_errand(app: &AppHandle, errand: Errand) {
    match errand {
        Errand::Nothing => {}
        Errand::Raise => raise(app),
        Errand::Open(link) => {
            raise(app);
            if let Some(desk) = app.try_state::<Desk>() {
                desk.follow(link);
            }
        }
    }
}

/// Brings the window in front.
fn raise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(WINDOW) else {
        return;
    };
    let raised = window
        .unminimize()
        .and_then(|()| window.show())
        .and_then(|()| window.set_focus());
    if let Err(error) = raised {
        tracing::warn!("the window does not come to the front: {error}");
    }
}

/// Where clicks on notifications go.
struct Clicks(AppHandle);

impl Listener for Clicks {
    fn clicked(&self, action: &str, choice: Option<VerdictChoice>) {
        let Some(desk) = self.0.try_state::<Desk>() else {
            return;
        };
        raise(&self.0);
        desk.console.notification_clicked(action, choice);
    }

    fn failed(&self, why: String) {
        tracing::warn!("no notification: {why}");
        if let Some(desk) = self.0.try_state::<Desk>() {
            desk.console.notification_failed(&why);
        }
    }
}

/// What the console asks of this desktop.
struct Desktop {
    app: AppHandle,
    notifier: Notifier,
}

#[async_trait]
impl Hooks for Desktop {
    fn open_url(&self, url: &str) -> Result<(), String> {
        browser::open(url)
    }

    async fn ask_passphrase(&self, ask: PassphraseAsk) -> Option<Zeroizing<String>> {
        let (answer, typed) = oneshot::channel();
        // Dropped with this future: a cancelled key prompt takes its dialog along.
        let (_here, asker) = oneshot::channel();
        let app = self.app.clone();
        let opened = self.app.run_on_main_thread(move || {
            let parent = app
                .get_webview_window(WINDOW)
                .and_then(|window| window.gtk_window().ok());
            passphrase::open(parent.as_ref(), &ask, answer, asker);
        });
        if let Err(error) = opened {
            tracing::warn!("no passphrase prompt: {error}");
            return None;
        }
        // The channel closes without an answer when the program ends.
        typed.await.ok().flatten()
    }

    fn notify(&self, request: NotificationRequest) {
        self.notifier.show(request);
    }

    fn withdraw(&self, action: &str) {
        self.notifier.withdraw(action);
    }

    /// The window shows it by itself.
    fn show_code(&self, _code: &str) {}
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
