//! Looking at the session's bus, and forging what is sent on it.

use super::process::Process;
use super::session::Session;

/// Sees every message on the bus.
pub struct Watch(Process);

/// A notification that a program asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub title: String,
    pub body: String,
    /// Name and label of each button.
    pub buttons: Vec<(String, String)>,
}

impl Watch {
    pub fn start(session: &Session) -> Self {
        let mut command = session.command("dbus-monitor");
        command.arg("--session");
        Self(session.start("bus-watch", command))
    }

    /// Notifications so far, oldest first.
    pub fn notifications(&self) -> Vec<Seen> {
        self.0
            .printed()
            .split("member=Notify\n")
            .skip(1)
            .filter_map(seen)
            .collect()
    }

    /// How often a notification was taken back.
    pub fn withdrawn(&self) -> usize {
        self.0
            .printed()
            .matches("member=CloseNotification\n")
            .count()
    }
}

fn seen(call: &str) -> Option<Seen> {
    // Strings stand in quotes, one an argument, and may hold line ends.
    let mut rest = call;
    let mut string = || {
        let start = rest.find("string \"")? + "string \"".len();
        let end = start + rest[start..].find("\"\n   ")?;
        let text = rest[start..end].to_owned();
        rest = &rest[end + 1..];
        Some(text)
    };
    let (_program, _icon, title, body) = (string()?, string()?, string()?, string()?);
    let actions = rest.split_once("array [")?.1.split_once(']')?.0;
    let mut names = actions.lines().filter_map(|line| {
        line.trim()
            .strip_prefix("string \"")?
            .strip_suffix('"')
            .map(str::to_owned)
    });
    let mut buttons = Vec::new();
    while let (Some(name), Some(label)) = (names.next(), names.next()) {
        buttons.push((name, label));
    }
    Some(Seen {
        title,
        body,
        buttons,
    })
}

/// Claims that buttons of notifications were pressed, as any program of the
/// session can: every notification that there may be, one button.
pub fn forge_click(session: &Session, button: &str) {
    for id in 1..=24 {
        let mut command = session.command("dbus-send");
        command
            .args([
                "--session",
                "--type=signal",
                "/org/freedesktop/Notifications",
            ])
            .arg("org.freedesktop.Notifications.ActionInvoked")
            .args([format!("uint32:{id}"), format!("string:{button}")]);
        session.run(command);
    }
}
