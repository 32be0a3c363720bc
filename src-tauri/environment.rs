//! The environment in which the window may be opened.
//!
//! Some variables turn the web view into something that another program can
//! drive, and an agent may have set them. They are read by libraries, so they
//! have to be gone before the first library call. Changing them in place is
//! unsafe in a program with threads; instead the program starts itself again,
//! in the same process, with what it should have had.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// With these another program clicks and types in the web view.
const DRIVES_THE_WINDOW: &[&str] = &[
    "TAURI_WEBVIEW_AUTOMATION",
    "WEBKIT_INSPECTOR_SERVER",
    "WEBKIT_INSPECTOR_HTTP_SERVER",
];

/// Some drivers show an empty window with this renderer.
const RENDERER: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Builds for the tests keep the door open that they come in by.
const MAY_BE_DRIVEN: bool = cfg!(feature = "webdriver");

/// A change to one variable.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Remove(&'static str),
    Set(&'static str, &'static str),
}

/// Makes the environment right. Returns when it is; starts the program again
/// when it is not.
///
/// # Errors
/// When the program cannot be started again.
pub(crate) fn settle() -> std::io::Result<()> {
    let changes = changes(MAY_BE_DRIVEN, |name| env::var_os(name));
    if changes.is_empty() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let name = arguments
        .next()
        .unwrap_or_else(|| OsString::from("vidimus-console"));
    let mut again = Command::new(env::current_exe()?);
    again.arg0(name).args(arguments);
    for change in changes {
        match change {
            Change::Remove(name) => again.env_remove(name),
            Change::Set(name, value) => again.env(name, value),
        };
    }
    // Comes back only when it failed. The second start finds nothing to
    // change, so this cannot go in circles.
    Err(again.exec())
}

fn changes(may_be_driven: bool, value: impl Fn(&str) -> Option<OsString>) -> Vec<Change> {
    let mut changes = Vec::new();
    if !may_be_driven {
        let set = DRIVES_THE_WINDOW
            .iter()
            .filter(|name| value(name).is_some());
        changes.extend(set.map(|name| Change::Remove(name)));
    }
    if value(RENDERER).as_deref().is_none_or(OsStr::is_empty) {
        changes.push(Change::Set(RENDERER, "1"));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes_with(may_be_driven: bool, set: &[(&str, &str)]) -> Vec<Change> {
        changes(may_be_driven, |name| {
            set.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn what_drives_the_window_is_removed_whatever_its_value() {
        let renderer = (RENDERER, "0");
        for name in DRIVES_THE_WINDOW {
            for value in ["true", "false", ""] {
                assert_eq!(
                    changes_with(false, &[(name, value), renderer]),
                    [Change::Remove(name)]
                );
                assert_eq!(changes_with(true, &[(name, value), renderer]), []);
            }
        }
    }

    #[test]
    fn a_chosen_renderer_stays() {
        assert_eq!(changes_with(false, &[]), [Change::Set(RENDERER, "1")]);
        assert_eq!(changes_with(false, &[(RENDERER, "0")]), []);
    }

    #[test]
    fn the_second_start_changes_nothing() {
        assert_eq!(changes_with(false, &[(RENDERER, "1")]), []);
    }
}
