//! What people do, in the words of the story.

use super::session::Session;
use super::webdriver::{Driver, id};

/// A page on which a key is used.
pub struct CeremonyPage<'a>(pub &'a Driver);

impl CeremonyPage<'_> {
    /// Types the code that the console shows.
    pub async fn type_code(&self, code: &str) {
        let field = id("typed-code");
        self.0.see(&field).await;
        self.0
            .script(
                "document.querySelector(arguments[0]).value = ''",
                serde_json::json!([field]),
            )
            .await;
        self.0.write(&field, code).await;
        self.0.click(&id("submit-code")).await;
    }

    /// Makes the first key: the first of two prompts.
    pub async fn make_key(&self) {
        self.0.says(&id("use-key"), "Make a key").await;
        self.0.click(&id("use-key")).await;
        self.0.says(&id("use-key"), "Sign with the new key").await;
    }

    /// The key signs: the second prompt of the first key, or the only one.
    pub async fn sign(&self) {
        self.0.click(&id("use-key")).await;
        self.0.says("h1", "Done").await;
    }

    /// The code that the page shows for comparison.
    pub async fn code(&self) -> String {
        let shown = self.0.see(&id("ceremony-code")).await;
        drop(shown);
        digits(&self.0.all_text(&id("ceremony-code")).await)
    }
}

/// The digits of a code, however they are grouped.
pub fn digits(code: &str) -> String {
    code.chars().filter(char::is_ascii_digit).collect()
}

/// Uses the key on the next page that the console opens, after comparing codes.
pub async fn use_key(session: &Session, window: &Driver, browser: &Driver, pages_before: usize) {
    let page = session.next_page(pages_before).await;
    browser.go(&page).await;
    let shown = window.see(&id("ceremony-code")).await;
    drop(shown);
    let expected = digits(&window.all_text(&id("ceremony-code")).await);
    let page = CeremonyPage(browser);
    assert_eq!(
        page.code().await,
        expected,
        "window and page show the same code"
    );
    page.sign().await;
}

/// Sets up the first key with the browser.
pub async fn set_up(session: &Session, window: &Driver, browser: &Driver, name: &str) {
    window.write(&id("setup-name"), name).await;
    let pages = session.opened_pages().len();
    window.click(&id("setup-browser")).await;
    let page = session.next_page(pages).await;
    browser.go(&page).await;
    let shown = window.see(&id("ceremony-code")).await;
    drop(shown);
    let code = digits(&window.all_text(&id("ceremony-code")).await);
    let page = CeremonyPage(browser);
    page.type_code(&code).await;
    page.make_key().await;
    page.sign().await;
    window
        .see("[data-testid='phase'][data-phase='ready']")
        .await;
    window.gone(&id("ceremony")).await;
}

/// Connects an agent with one touch.
pub async fn connect_agent(session: &Session, window: &Driver, browser: &Driver, agent: &str) {
    let name = id("connect-agent-name");
    window.see(&name).await;
    window
        .script(
            "document.querySelector(arguments[0]).value = ''",
            serde_json::json!([name]),
        )
        .await;
    window.write(&name, agent).await;
    let pages = session.opened_pages().len();
    window.click(&id("connect-agent")).await;
    use_key(session, window, browser, pages).await;
    window.gone(&id("ceremony")).await;
}
