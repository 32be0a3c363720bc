//! What the console asks of the front that carries it: opening a browser,
//! asking for a passphrase, raising notifications.
//!
//! The desktop shell implements this with the system's own means; a machine
//! without a display with [`NoDesktop`].

use async_trait::async_trait;
use zeroize::Zeroizing;

/// The way out to the person's desktop.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Opens a page in the system's browser.
    ///
    /// # Errors
    /// Why no browser opened, in words.
    fn open_url(&self, url: &str) -> Result<(), String>;

    /// Asks for the software key's passphrase in a native prompt, never in a
    /// webview. `None` when the person cancels.
    async fn ask_passphrase(&self, ask: PassphraseAsk) -> Option<Zeroizing<String>>;

    /// Shows a notification, or replaces the one about the same. A click on
    /// one about an action goes to `Handle::notification_clicked` and decides
    /// nothing.
    fn notify(&self, request: NotificationRequest);

    /// Takes the notification about this back.
    fn withdraw(&self, about: &About);

    /// A code to be shown where only the person at this machine sees it. The
    /// window shows it by itself.
    fn show_code(&self, code: &str);

    /// Starts the console at login, or no longer.
    ///
    /// # Errors
    /// Why that cannot be set, in words.
    fn set_autostart(&self, _on: bool) -> Result<(), String> {
        Err("there is no desktop here".into())
    }

    /// Locks after so many seconds without input; `None` is never.
    ///
    /// # Errors
    /// Why that cannot be set, in words.
    fn set_lock_after(&self, _seconds: Option<u32>) -> Result<(), String> {
        Err("there is no desktop here".into())
    }
}

/// What a passphrase is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassphraseAsk {
    /// What the key will sign, one sentence.
    pub purpose: String,
    /// A new passphrase is chosen: ask twice.
    pub new: bool,
    /// Why the last one was not taken.
    pub problem: Option<String>,
}

/// What a notification is about. There is one at a time about each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// An action that waits for a verdict, by its id.
    Action(String),
    /// What waits behind the lock at the gateway of that id.
    Lock(String),
    /// The console itself.
    Console,
}

/// What a notification offers to do. Nothing of it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offers {
    /// To review, and to open the confirmation of either verdict.
    Deciding,
    /// To bring the window up.
    Opening,
}

/// A notification. The texts are safe to show as plain text; they are not
/// markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRequest {
    /// What it is about.
    pub about: About,
    /// What it offers.
    pub offers: Offers,
    /// One line.
    pub title: String,
    /// A few lines.
    pub body: String,
    /// How much it presses.
    pub urgency: Urgency,
}

/// How much a notification presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// There is time.
    Normal,
    /// It expires within two minutes, or somebody has to see to it now.
    Critical,
}

/// No desktop: nothing opens, nothing notifies, and there is no prompt that a
/// passphrase could be typed into.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDesktop;

#[async_trait]
impl Hooks for NoDesktop {
    fn open_url(&self, _url: &str) -> Result<(), String> {
        Err("there is no display here".into())
    }

    async fn ask_passphrase(&self, _ask: PassphraseAsk) -> Option<Zeroizing<String>> {
        None
    }

    fn notify(&self, _request: NotificationRequest) {}

    fn withdraw(&self, _about: &About) {}

    fn show_code(&self, _code: &str) {}
}
