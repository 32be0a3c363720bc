//! Closing the window and quitting. Agents are held by this program, so what
//! becomes of them is said before it goes, in a window of the toolkit.

use gtk::prelude::*;

/// What a person wants to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It goes on holding agents.
    Keep,
    Quit,
}

/// Why it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The window was closed, and there is no tray to hide in.
    NoTray,
    /// Somebody chose to quit while something waits.
    Waiting,
}

const QUIT: &str = "If you quit, nothing runs: what waits stays held until it expires, and an agent \
                    that asks is told that Vidimus cannot be reached.";
const MINIMISE: &str = "This desktop shows no tray icons, so Vidimus cannot hide in one. If you keep \
                        it, its window is minimised, and agents can go on asking. To get it back, \
                        choose it among your windows or start Vidimus again.";

/// Asks, and gives the answer. No answer at all, when it is dismissed, changes
/// nothing. On the main thread only.
pub(crate) fn ask(
    parent: Option<&gtk::ApplicationWindow>,
    why: Why,
    waiting: usize,
    answer: impl Fn(Option<Answer>) + 'static,
) {
    let (question, explained) = words(why, waiting);
    let dialog = gtk::MessageDialog::new(
        parent,
        gtk::DialogFlags::MODAL | gtk::DialogFlags::DESTROY_WITH_PARENT,
        gtk::MessageType::Question,
        gtk::ButtonsType::None,
        &question,
    );
    dialog.set_title("Vidimus: quit?");
    dialog.set_secondary_text(Some(&explained));
    dialog.add_button("Quit", gtk::ResponseType::Reject);
    dialog.add_button("Keep holding agents", gtk::ResponseType::Accept);
    dialog.set_default_response(gtk::ResponseType::Accept);
    dialog.connect_response(move |dialog, response| {
        answer(match response {
            gtk::ResponseType::Accept => Some(Answer::Keep),
            gtk::ResponseType::Reject => Some(Answer::Quit),
            _ => None,
        });
        if response != gtk::ResponseType::DeleteEvent {
            dialog.close();
        }
    });
    dialog.show_all();
    dialog.present();
}

fn words(why: Why, waiting: usize) -> (String, String) {
    let wait = match waiting {
        0 => None,
        1 => Some("1 action waits".to_owned()),
        more => Some(format!("{more} actions wait")),
    };
    match (why, wait) {
        (Why::NoTray, wait) => {
            let wait = wait.map_or_else(String::new, |wait| format!("{wait} for your verdict. "));
            (
                "Keep holding agents, or quit?".into(),
                format!("{wait}{MINIMISE}\n\n{QUIT}"),
            )
        }
        (Why::Waiting, wait) => (
            format!(
                "Quit while {}?",
                wait.as_deref().unwrap_or("agents are held")
            ),
            QUIT.into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_agents_is_always_said() {
        for (why, waiting) in [(Why::NoTray, 0), (Why::NoTray, 2), (Why::Waiting, 1)] {
            let (question, explained) = words(why, waiting);
            assert!(question.ends_with('?'));
            assert!(explained.contains("nothing runs"), "{explained}");
        }
        assert_eq!(words(Why::Waiting, 2).0, "Quit while 2 actions wait?");
        assert!(words(Why::NoTray, 1).1.starts_with("1 action waits for"));
        assert!(words(Why::NoTray, 0).1.contains("minimised"));
    }
}
