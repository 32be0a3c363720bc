//! What a person does, in the words of the story: at the console, and on the
//! page where the key is.

use serde_json::json;

use super::process::Process;
use super::session::Session;
use super::until;
use super::webdriver::{Driver, id};

/// A page or window that a person looks at.
#[derive(Clone)]
pub struct Screen<'a> {
    driver: &'a Driver,
    /// Its tab, where the driver has several.
    tab: Option<String>,
}

impl<'a> Screen<'a> {
    pub fn window(driver: &'a Driver) -> Self {
        Self { driver, tab: None }
    }

    pub fn tab(driver: &'a Driver, tab: String) -> Self {
        Self {
            driver,
            tab: Some(tab),
        }
    }

    /// Looks at it.
    pub async fn look(&self) -> &'a Driver {
        if let Some(tab) = &self.tab {
            self.driver.switch(tab).await;
        }
        self.driver
    }
}

/// How the person gets from the console to the page with the key.
#[derive(Clone, Copy)]
pub enum Way {
    /// The console opens the system's browser.
    Opens,
    /// The console is a page itself and shows a link.
    Links,
}

/// A person with a console and a key.
pub struct Person<'a> {
    pub session: &'a Session,
    pub console: Screen<'a>,
    pub key: Screen<'a>,
    pub way: Way,
}

impl Person<'_> {
    /// Presses what asks for the key; gives the address of the page.
    pub async fn ask_for_key(&self, button: &str) -> String {
        let pages = self.session.opened_pages().len();
        let console = self.console.look().await;
        console.click(button).await;
        match self.way {
            Way::Opens => self.session.next_page(pages).await,
            Way::Links => {
                let link = id("ceremony-open");
                console.see(&link).await;
                console.attribute(&link, "href").await.unwrap()
            }
        }
    }

    /// The code that the console shows.
    pub async fn shown_code(&self) -> String {
        let console = self.console.look().await;
        console.see(&id("ceremony-code")).await;
        digits(&console.all_text(&id("ceremony-code")).await)
    }

    /// Compares the codes on the page and in the console, then uses the key.
    /// Gives what the page stated.
    pub async fn use_key(&self, page: &str) -> String {
        let code = self.shown_code().await;
        let key = self.key.look().await;
        key.go(page).await;
        key.see(&id("use-key")).await;
        let shown = digits(&key.all_text(&id("ceremony-code")).await);
        assert_eq!(shown, code, "both show the same code");
        let statement = key.all_text("#statement").await;
        self.sign().await;
        statement
    }

    /// Uses the key on the page that is open.
    pub async fn sign(&self) {
        let key = self.key.look().await;
        key.click(&id("use-key")).await;
        key.says("h1", "Done").await;
    }

    /// Types the code of the first key.
    pub async fn type_code(&self, code: &str) {
        let key = self.key.look().await;
        key.write_anew(&id("typed-code"), code).await;
        key.click(&id("submit-code")).await;
    }

    /// Makes the first key: the first of its two prompts.
    pub async fn make_key(&self) {
        let key = self.key.look().await;
        key.says(&id("use-key"), "Make a key").await;
        key.click(&id("use-key")).await;
        key.says(&id("use-key"), "Sign with the new key").await;
    }

    /// Begins the first key under a name.
    pub async fn begin_setup(&self, name: &str) -> String {
        let console = self.console.look().await;
        console.write_anew(&id("setup-name"), name).await;
        let page = self.ask_for_key(&id("setup-browser")).await;
        self.key.look().await.go(&page).await;
        page
    }

    /// Sets up the first key; the code is in the window.
    pub async fn set_up(&self, name: &str) {
        self.begin_setup(name).await;
        let code = self.shown_code().await;
        self.type_code(&code).await;
        self.make_key().await;
        self.sign().await;
        self.settled("ready").await;
    }

    pub async fn sign_in(&self) {
        let page = self.ask_for_key(&id("sign-in")).await;
        self.use_key(&page).await;
        self.settled("ready").await;
    }

    /// Connects an agent with one touch.
    pub async fn connect_agent(&self, name: &str) {
        let console = self.console.look().await;
        console.write_anew(&id("connect-agent-name"), name).await;
        let page = self.ask_for_key(&id("connect-agent")).await;
        let statement = self.use_key(&page).await;
        assert!(statement.contains(name), "{statement}");
        self.settled("ready").await;
        self.console.look().await.see(&id("try-command")).await;
    }

    /// Decides on the action whose confirmation is open.
    pub async fn confirm(&self, reason: &str) -> String {
        if !reason.is_empty() {
            let console = self.console.look().await;
            console.write(&id("confirm-reason"), reason).await;
        }
        let page = self.ask_for_key(&id("confirm-ask-key")).await;
        let statement = self.use_key(&page).await;
        self.settled("ready").await;
        statement
    }

    /// Opens the newest waiting action and its confirmation.
    pub async fn open_to(&self, verdict: &str) {
        let console = self.console.look().await;
        console.click(&id("nav-inbox")).await;
        console.click(".pending[data-testid='inbox-row']").await;
        console.click(&id(&format!("review-{verdict}"))).await;
        console.see(&id("confirm")).await;
    }

    /// Waits until the key prompt is over and the console is in a phase.
    pub async fn settled(&self, phase: &str) {
        let console = self.console.look().await;
        console.gone(&id("ceremony")).await;
        console
            .see(&format!("[data-testid='phase'][data-phase='{phase}']"))
            .await;
    }

    /// Waits until the opened action stands like this.
    pub async fn stands(&self, status: &str) {
        let console = self.console.look().await;
        let badge = format!("[data-testid='review'] [data-status='{status}']");
        console.see(&badge).await;
    }

    /// The agent asks for a command.
    pub fn exec(&self, label: &str, arguments: &[&str]) -> Process {
        let mut command = self.session.command(super::vidimus());
        command.arg("exec").args(arguments);
        self.session.start(label, command)
    }

    /// Waits for a number of actions in the inbox.
    pub async fn waiting(&self, number: usize) {
        let console = self.console.look().await;
        until(&format!("{number} waiting actions"), async || {
            let rows = console.count(".pending[data-testid='inbox-row']").await;
            (rows == number).then_some(())
        })
        .await;
    }
}

/// The digits of a code, however they are grouped.
pub fn digits(code: &str) -> String {
    code.chars().filter(char::is_ascii_digit).collect()
}

impl Driver {
    /// Types into a field in place of what it holds.
    pub async fn write_anew(&self, css: &str, text: &str) {
        self.see(css).await;
        let empty = "const field = document.querySelector(arguments[0]); field.value = ''; \
                     field.dispatchEvent(new Event('input', { bubbles: true }))";
        self.script(empty, json!([css])).await;
        self.write(css, text).await;
    }

    /// Opens a new tab and gives its handle; the old one stays in front.
    pub async fn open_tab(&self) -> String {
        let made = self.post("/window/new", json!({ "type": "tab" })).await;
        made["handle"].as_str().unwrap().to_owned()
    }

    /// The handle of the tab in front.
    pub async fn this_tab(&self) -> String {
        let handle = self.get("/window").await.unwrap();
        handle.as_str().unwrap().to_owned()
    }

    pub async fn switch(&self, tab: &str) {
        self.post("/window", json!({ "handle": tab })).await;
    }
}
