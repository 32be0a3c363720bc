//! What the desktop offers, in words: what each thing is good for, or why it is
//! missing and what to do.

use vidimus_console::view::{Problem, ServiceView};

use crate::services::Offered;

/// One line for each thing. `unheard` is why it is not known when the screen is
/// locked.
pub(crate) fn of(offered: Offered, unheard: Option<&str>) -> Vec<ServiceView> {
    let because = |why: &str| {
        if offered.bus {
            why.to_owned()
        } else {
            "there is no session bus (D-Bus)".to_owned()
        }
    };
    vec![
        line(
            "Tray icon",
            "Shows how many actions wait. Closing the window hides it there.",
            offered.tray,
            || Problem {
                code: "no_tray".into(),
                message: format!(
                    "This desktop shows no tray icons: {}.",
                    because("nothing shows them (org.kde.StatusNotifierWatcher)")
                ),
                hint: "Closing the window asks what to do. GNOME shows them with the AppIndicator \
                       extension."
                    .into(),
            },
        ),
        line(
            "Notifications",
            "Announce each action that waits.",
            offered.notifications,
            || Problem {
                code: "no_notifications".into(),
                message: format!(
                    "This desktop shows no notifications: {}.",
                    because("no program offers them (org.freedesktop.Notifications)")
                ),
                hint: "Watch the inbox, or start a notification daemon.".into(),
            },
        ),
        line(
            "Keyring",
            "Keeps you signed in when Vidimus ends.",
            offered.keyring,
            || Problem {
                code: "no_keyring".into(),
                message: format!(
                    "The keyring of this computer cannot be used: {}.",
                    because("no program offers one (org.freedesktop.secrets)")
                ),
                hint: "You stay signed in only until the console is closed. Unlock or install a \
                       keyring (Secret Service) to change that."
                    .into(),
            },
        ),
        line(
            "Screen lock",
            "Vidimus locks with the screen, and before the computer sleeps.",
            unheard.is_none(),
            || Problem {
                code: "no_screen_lock".into(),
                message: "Vidimus is not told when the session is locked: logind cannot be heard."
                    .into(),
                hint: format!(
                    "It locks when it is not used, and by hand. ({})",
                    unheard.unwrap_or_default()
                ),
            },
        ),
    ]
}

fn line(name: &str, works: &str, there: bool, missing: impl FnOnce() -> Problem) -> ServiceView {
    ServiceView {
        name: name.into(),
        works: works.into(),
        missing: (!there).then(missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_missing_says_what_to_do() {
        let none = of(Offered::default(), Some("no bus"));
        assert_eq!(none.len(), 4);
        for service in none {
            let problem = service.missing.expect("nothing is there");
            assert!(problem.message.ends_with('.') && problem.hint.len() > 20);
        }
        let all = Offered {
            asked: true,
            bus: true,
            tray: true,
            notifications: true,
            keyring: true,
        };
        assert!(
            of(all, None)
                .iter()
                .all(|service| service.missing.is_none())
        );
    }
}
