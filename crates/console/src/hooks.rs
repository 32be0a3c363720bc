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

    /// Shows a notification, or replaces the one about the same action. A click
    /// goes to `Handle::notification_clicked`
    /// and decides nothing.
    fn notify(&self, request: NotificationRequest);

    /// Takes the notification about this action back.
    fn withdraw(&self, action: &str);

    /// A code to be shown where only the person at this machine sees it. The
    /// window shows it by itself.
    fn show_code(&self, code: &str);
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

/// A notification about an action that waits for a verdict. The texts are safe
/// to show as plain text; they are not markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRequest {
    /// The action.
    pub action: String,
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
    /// It expires within two minutes.
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

    fn withdraw(&self, _action: &str) {}

    fn show_code(&self, _code: &str) {}
}
