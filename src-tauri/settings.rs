//! What was chosen for the desktop, per home: `desktop.json` in its
//! configuration folder, and the window's place in `window.json` in its state
//! folder.
//!
//! A file that cannot be read counts as not there: nothing in it protects
//! anything but the time until the console locks, and the default locks.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vidimus_client::home::Home;
use vidimus_client::private::{PrivateError, read_private, write_private};

/// Most bytes of such a file.
const MOST: u64 = 4096;

/// The console locks after ten minutes unless something else is chosen.
const LOCK_AFTER_S: u32 = 600;
/// Shorter or longer than this would be a mistake.
const LOCK_AFTER: std::ops::RangeInclusive<u32> = 5..=86_400;

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chosen {
    /// Seconds without input after which the console locks.
    pub(crate) lock_after_s: Option<u32>,
    /// It was said that the window only hides.
    pub(crate) told_hidden: bool,
}

impl Default for Chosen {
    fn default() -> Self {
        Self {
            lock_after_s: Some(LOCK_AFTER_S),
            told_hidden: false,
        }
    }
}

/// The settings of a home.
pub(crate) struct Settings {
    path: PathBuf,
    chosen: Mutex<Chosen>,
}

impl Settings {
    pub(crate) fn load(home: &Home) -> Self {
        let path = home.config().join("desktop.json");
        let mut chosen: Chosen = load(&path).unwrap_or_default();
        if chosen
            .lock_after_s
            .is_some_and(|seconds| !LOCK_AFTER.contains(&seconds))
        {
            chosen.lock_after_s = Chosen::default().lock_after_s;
        }
        Self {
            path,
            chosen: Mutex::new(chosen),
        }
    }

    pub(crate) fn chosen(&self) -> Chosen {
        self.chosen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Locks after so many seconds, or never.
    ///
    /// # Errors
    /// Why that could not be kept, in words.
    pub(crate) fn lock_after(&self, seconds: Option<u32>) -> Result<(), String> {
        if seconds.is_some_and(|seconds| !LOCK_AFTER.contains(&seconds)) {
            return Err(format!(
                "from {} to {} seconds can be chosen",
                LOCK_AFTER.start(),
                LOCK_AFTER.end()
            ));
        }
        self.change(|chosen| chosen.lock_after_s = seconds)
    }

    /// True the first time that it is asked in this home.
    pub(crate) fn say_hidden(&self) -> bool {
        if self.chosen().told_hidden {
            return false;
        }
        if let Err(why) = self.change(|chosen| chosen.told_hidden = true) {
            tracing::warn!("it will be said again that the window hides: {why}");
        }
        true
    }

    fn change(&self, change: impl FnOnce(&mut Chosen)) -> Result<(), String> {
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = chosen.clone();
        change(&mut next);
        save(&self.path, &next).map_err(|error| error.to_string())?;
        *chosen = next;
        Ok(())
    }
}

/// Where the window stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) maximised: bool,
}

impl Frame {
    pub(crate) fn load(home: &Home) -> Option<Self> {
        load(&Self::path(home))
    }

    pub(crate) fn save(self, home: &Home) {
        if let Err(error) = save(&Self::path(home), &self) {
            tracing::warn!("the place of the window is not kept: {error}");
        }
    }

    fn path(home: &Home) -> PathBuf {
        home.state().join("window.json")
    }

    /// The same on the screens that are there now, given as `(x, y, width,
    /// height)`: large enough, and whole on one of them.
    pub(crate) fn on(self, screens: &[(i32, i32, i32, i32)], least: (i32, i32)) -> Self {
        let shared = |&(x, y, width, height): &(i32, i32, i32, i32)| {
            let across = overlap((self.x, self.width), (x, width));
            let down = overlap((self.y, self.height), (y, height));
            i64::from(across) * i64::from(down)
        };
        let best = screens.iter().max_by_key(|screen| shared(screen));
        let Some(&screen) = best else { return self };
        // One that is on no screen goes to the first.
        let (x, y, wide, high) = if shared(&screen) > 0 {
            screen
        } else {
            screens[0]
        };
        let width = self.width.min(wide).max(least.0);
        let height = self.height.min(high).max(least.1);
        Self {
            x: self.x.min(x.saturating_add(wide - width)).max(x),
            y: self.y.min(y.saturating_add(high - height)).max(y),
            width,
            height,
            maximised: self.maximised,
        }
    }
}

/// How much of two stretches, each a start and a length, is the same.
fn overlap(one: (i32, i32), other: (i32, i32)) -> i32 {
    let end = one
        .0
        .saturating_add(one.1)
        .min(other.0.saturating_add(other.1));
    end.saturating_sub(one.0.max(other.0)).max(0)
}

fn load<T: DeserializeOwned>(path: &std::path::Path) -> Option<T> {
    let bytes = match read_private(path, MOST) {
        Ok(bytes) => bytes,
        Err(PrivateError::Missing { .. }) => return None,
        Err(error) => {
            tracing::warn!("{error}");
            return None;
        }
    };
    serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!("`{}` is not read: {error}", path.display()))
        .ok()
}

fn save<T: Serialize>(path: &std::path::Path, value: &T) -> Result<(), PrivateError> {
    let bytes = serde_json::to_vec(value).expect("numbers and booleans have a JSON form");
    write_private(path, &bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const LEAST: (i32, i32) = (900, 600);
    const SCREEN: (i32, i32, i32, i32) = (0, 0, 1680, 1050);

    fn frame(x: i32, y: i32, width: i32, height: i32) -> Frame {
        Frame {
            x,
            y,
            width,
            height,
            maximised: false,
        }
    }

    #[test]
    fn a_window_comes_back_whole_on_a_screen_that_is_there() {
        let on = |frame: Frame| frame.on(&[SCREEN, (1680, 0, 1920, 1080)], LEAST);
        assert_eq!(on(frame(40, 30, 1000, 700)), frame(40, 30, 1000, 700));
        assert_eq!(on(frame(2000, 90, 1000, 700)), frame(2000, 90, 1000, 700));
        // Over the edge, too small, too large, on a screen that is gone.
        assert_eq!(on(frame(900, 800, 1000, 700)), frame(680, 350, 1000, 700));
        assert_eq!(on(frame(10, 10, 5, 5)), frame(10, 10, 900, 600));
        assert_eq!(on(frame(0, 0, 9000, 9000)).height, 1080);
        assert_eq!(on(frame(5000, 0, 1000, 700)), frame(680, 0, 1000, 700));
        assert_eq!(on(frame(-4000, -9, 1000, 700)), frame(0, 0, 1000, 700));
        let far = frame(i32::MAX, i32::MIN, i32::MAX, -1);
        assert_eq!(far.on(&[SCREEN], LEAST), frame(0, 0, 1680, 600));
        // No screen is no reason to fail.
        assert_eq!(far.on(&[], LEAST), far);
    }

    #[test]
    fn what_was_chosen_is_kept_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let settings = Settings::load(&home);
        assert_eq!(settings.chosen().lock_after_s, Some(600));
        assert!(settings.say_hidden() && !settings.say_hidden());
        settings.lock_after(Some(60)).unwrap();
        assert!(settings.lock_after(Some(1)).is_err());
        let again = Settings::load(&home);
        assert_eq!(again.chosen().lock_after_s, Some(60));
        assert!(!again.say_hidden());
        again.lock_after(None).unwrap();
        assert_eq!(Settings::load(&home).chosen().lock_after_s, None);
        let mode = std::fs::metadata(&again.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_spoilt_file_does_not_keep_it_from_locking() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let path = home.config().join("desktop.json");
        for spoilt in [
            "",
            "{",
            r#"{"lock_after_s":4000000000}"#,
            r#"{"lock_after_s":0}"#,
            r#"{"lock_after_s":-1}"#,
            "[]",
        ] {
            write_private(&path, spoilt.as_bytes()).unwrap();
            let chosen = Settings::load(&home).chosen();
            assert_eq!(chosen.lock_after_s, Some(600), "{spoilt}");
        }
    }
}
