//! Notifications of the desktop.
//!
//! Any program of the session can send the signal by which a desktop reports a
//! click, and the agent may be one of them. So a click opens something and
//! never decides; `default`, the click on the notification itself, means
//! *Review*.
//!
//! The signal is awaited on the very connection that sent the notification:
//! some desktops send it nowhere else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use notify_rust::{Notification, NotificationHandle, NotificationResponse, Timeout};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use vidimus_console::hooks::{About, NotificationRequest, Offers, Urgency};
use vidimus_console::view::VerdictChoice;

/// A desktop that takes longer to answer is as good as none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clicks that one notification listens to. A forged one must not use up the
/// real one; thousands of forged ones need not be followed.
const MOST_CLICKS: usize = 16;

/// What becomes of notifications. Called from any thread.
pub(crate) trait Listener: Send + Sync + 'static {
    /// One was clicked. The choice presets a confirmation.
    fn clicked(&self, about: &About, choice: Option<VerdictChoice>);

    /// One could not be shown.
    fn failed(&self, why: String);
}

/// Shows, replaces and withdraws notifications.
#[derive(Clone)]
pub(crate) struct Notifier(mpsc::UnboundedSender<Order>);

enum Order {
    Show(NotificationRequest),
    Withdraw(About),
    WithdrawAll(oneshot::Sender<()>),
}

impl Notifier {
    /// Starts the task that owns them. Needs a Tokio runtime.
    pub(crate) fn start(listener: Arc<dyn Listener>) -> Self {
        let (orders, queue) = mpsc::unbounded_channel();
        tokio::spawn(keep(queue, listener));
        Self(orders)
    }

    /// Shows a notification, or replaces the one about the same.
    pub(crate) fn show(&self, request: NotificationRequest) {
        self.order(Order::Show(request));
    }

    /// Takes the one about this action back.
    pub(crate) fn withdraw(&self, about: &About) {
        self.order(Order::Withdraw(about.clone()));
    }

    /// Takes all of them back, and waits until that is done.
    pub(crate) async fn withdraw_all(&self) {
        let (done, gone) = oneshot::channel();
        self.order(Order::WithdrawAll(done));
        // An error means that the task is gone, and so are its notifications.
        let _ = gone.await;
    }

    fn order(&self, order: Order) {
        // The task ends with the runtime only: then nobody looks any more.
        let _ended = self.0.send(order);
    }
}

/// A notification on the screen.
struct Shown {
    handle: Arc<NotificationHandle>,
    waiter: AbortHandle,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.waiter.abort();
    }
}

impl Shown {
    async fn withdraw(self) {
        self.waiter.abort();
        // A desktop that is gone has withdrawn it in its own way.
        let _late = tokio::time::timeout(PATIENCE, self.handle.close_async()).await;
    }
}

async fn keep(mut orders: mpsc::UnboundedReceiver<Order>, listener: Arc<dyn Listener>) {
    let mut shown: HashMap<About, Shown> = HashMap::new();
    while let Some(order) = orders.recv().await {
        match order {
            Order::Show(request) => {
                let before = shown.remove(&request.about).map(|old| old.handle.id());
                match show(&request, before).await {
                    Ok(handle) => {
                        let handle = Arc::new(handle);
                        let waiting = wait(handle.clone(), request.about.clone(), listener.clone());
                        let waiter = tokio::spawn(waiting).abort_handle();
                        shown.insert(request.about, Shown { handle, waiter });
                    }
                    Err(why) => listener.failed(why),
                }
            }
            Order::Withdraw(about) => {
                if let Some(shown) = shown.remove(&about) {
                    shown.withdraw().await;
                }
            }
            Order::WithdrawAll(done) => {
                for (_, shown) in shown.drain() {
                    shown.withdraw().await;
                }
                // Who asked may have stopped waiting.
                let _gone = done.send(());
            }
        }
    }
}

async fn show(
    request: &NotificationRequest,
    before: Option<u32>,
) -> Result<NotificationHandle, String> {
    let habits = tokio::task::spawn_blocking(Habits::ask);
    let work = async {
        let habits = habits
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let mut notification = notification(request, &habits);
        if let Some(id) = before {
            notification.id(id);
        }
        let shown = notification.show_async().await;
        shown.map_err(|error| error.to_string())
    };
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err("the desktop did not answer".into()))
}

/// How a desktop shows notifications.
#[derive(Debug, Default)]
struct Habits {
    /// It reads the body as markup.
    markup: bool,
    /// It draws the default action as a button like the others.
    draws_default: bool,
}

impl Habits {
    /// Asks the desktop. Blocks.
    fn ask() -> Result<Self, notify_rust::error::Error> {
        let capabilities = notify_rust::get_capabilities()?;
        let program = notify_rust::get_server_information()?;
        Ok(Self {
            markup: capabilities.iter().any(|one| one == "body-markup"),
            draws_default: program.name.starts_with("Xfce"),
        })
    }
}

fn notification(request: &NotificationRequest, habits: &Habits) -> Notification {
    let body = if habits.markup {
        escaped(&request.body)
    } else {
        request.body.clone()
    };
    let mut notification = Notification::new();
    notification
        .appname("Vidimus")
        .icon("dialog-password")
        .summary(&request.title)
        .body(&body)
        .action("default", opens(request.offers));
    if !habits.draws_default {
        notification.action("review", opens(request.offers));
    }
    if request.offers == Offers::Deciding {
        notification
            .action("approve", "Approve…")
            .action("deny", "Deny…");
    }
    notification
        .timeout(match request.about {
            // News, and no more than that.
            About::Console => Timeout::Default,
            // Withdrawn when nobody needs to decide any more, not before.
            About::Action(_) | About::Lock(_) => Timeout::Never,
        })
        .urgency(match request.urgency {
            Urgency::Normal => notify_rust::Urgency::Normal,
            Urgency::Critical => notify_rust::Urgency::Critical,
        });
    notification
}

/// What a click on it is called.
fn opens(offers: Offers) -> &'static str {
    match offers {
        Offers::Deciding => "Review",
        Offers::Opening => "Open Vidimus",
    }
}

/// Text that says the same where a desktop reads markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Passes clicks on until the notification is gone.
async fn wait(handle: Arc<NotificationHandle>, about: About, listener: Arc<dyn Listener>) {
    for _ in 0..MOST_CLICKS {
        let mut response = None;
        handle
            .wait_for_action_async(|heard: &NotificationResponse| response = Some(heard.clone()))
            .await;
        match response.as_ref().map(meaning) {
            Some(Meaning::Show(choice)) => listener.clicked(&about, choice),
            Some(Meaning::Nothing) => {}
            Some(Meaning::Gone) | None => return,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Show(Option<VerdictChoice>),
    Nothing,
    Gone,
}

fn meaning(response: &NotificationResponse) -> Meaning {
    match response {
        NotificationResponse::Default => Meaning::Show(None),
        NotificationResponse::Action(name) => match name.as_str() {
            "review" => Meaning::Show(None),
            "approve" => Meaning::Show(Some(VerdictChoice::Approve)),
            "deny" => Meaning::Show(Some(VerdictChoice::Deny)),
            _ => Meaning::Nothing,
        },
        NotificationResponse::Reply(_) => Meaning::Nothing,
        NotificationResponse::Closed(_) => Meaning::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify_rust::CloseReason;

    fn request() -> NotificationRequest {
        NotificationRequest {
            about: About::Action("a".into()),
            offers: Offers::Deciding,
            title: "builder wants to run make".into(),
            body: "<b>make</b> && echo".into(),
            urgency: Urgency::Critical,
        }
    }

    #[test]
    fn a_click_on_the_notification_itself_means_review() {
        let action = |name: &str| meaning(&NotificationResponse::Action(name.into()));
        assert_eq!(meaning(&NotificationResponse::Default), Meaning::Show(None));
        assert_eq!(action("review"), Meaning::Show(None));
        assert_eq!(
            action("approve"),
            Meaning::Show(Some(VerdictChoice::Approve))
        );
        assert_eq!(action("deny"), Meaning::Show(Some(VerdictChoice::Deny)));
        assert_eq!(action("decide"), Meaning::Nothing);
        assert_eq!(
            meaning(&NotificationResponse::Closed(CloseReason::Dismissed)),
            Meaning::Gone
        );
    }

    #[test]
    fn every_button_has_a_meaning() {
        let notification = notification(&request(), &Habits::default());
        let names: Vec<_> = notification.actions.iter().step_by(2).collect();
        assert_eq!(names, ["default", "review", "approve", "deny"]);
        for name in names.into_iter().skip(1) {
            let heard = NotificationResponse::Action(name.clone());
            assert!(matches!(meaning(&heard), Meaning::Show(_)), "{name}");
        }
    }

    #[test]
    fn what_is_about_no_action_offers_no_verdict() {
        let request = NotificationRequest {
            about: About::Lock("local".into()),
            offers: Offers::Opening,
            ..request()
        };
        let notification = notification(&request, &Habits::default());
        let names: Vec<_> = notification.actions.iter().step_by(2).collect();
        assert_eq!(names, ["default", "review"]);
    }

    #[test]
    fn no_button_stands_there_twice() {
        let habits = Habits {
            draws_default: true,
            ..Habits::default()
        };
        let labels = notification(&request(), &habits).actions;
        let labels: Vec<_> = labels.iter().skip(1).step_by(2).collect();
        assert_eq!(labels, ["Review", "Approve…", "Deny…"]);
    }

    #[test]
    fn text_stays_text_where_the_desktop_reads_markup() {
        let body = |markup| {
            let habits = Habits {
                markup,
                ..Habits::default()
            };
            notification(&request(), &habits).body
        };
        assert_eq!(body(false), "<b>make</b> && echo");
        assert_eq!(body(true), "&lt;b&gt;make&lt;/b&gt; &amp;&amp; echo");
    }
}
