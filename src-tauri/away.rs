//! Whether the person is away: no input in the window for a while, the login
//! session locked, or the computer about to sleep (logind).
//!
//! Whoever can forge one of these can make the console lock, which is all that
//! comes of it: only the key opens it again.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use zbus::zvariant::OwnedObjectPath;
use zbus::{Connection, Proxy};

const LOGIND: &str = "org.freedesktop.login1";
const MANAGER: &str = "/org/freedesktop/login1";
const SESSION: &str = "org.freedesktop.login1.Session";

/// A bus that takes longer to answer is as good as none.
const PATIENCE: Duration = Duration::from_secs(10);

/// When the window was last used.
#[derive(Debug)]
pub(crate) struct Idle(Mutex<Instant>);

impl Idle {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// A key, a click, a movement.
    pub(crate) fn used(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether nobody has used it for so long.
    pub(crate) fn since(&self, long: Duration) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
            >= long
    }
}

/// Calls `away` whenever logind says that the session is locked or that the
/// computer goes to sleep. Ends only when that cannot be heard of (any more).
///
/// # Errors
/// Why, in words.
pub(crate) async fn follow_logind(ready: impl FnOnce(), away: impl Fn()) -> Result<(), String> {
    let work = async {
        let bus = Connection::system().await?;
        let manager = Proxy::new(&bus, LOGIND, MANAGER, "org.freedesktop.login1.Manager").await?;
        let session = session(&manager).await?;
        let session = Proxy::new(&bus, LOGIND, session, SESSION).await?;
        let lock = session.receive_signal("Lock").await?;
        let hints = session.receive_property_changed::<bool>("LockedHint").await;
        let sleep = manager.receive_signal("PrepareForSleep").await?;
        zbus::Result::Ok((lock, hints, sleep))
    };
    let (mut lock, mut hints, mut sleep) = tokio::time::timeout(PATIENCE, work)
        .await
        .map_err(|_| "logind does not answer".to_owned())?
        .map_err(|error| error.to_string())?;
    ready();
    loop {
        let is_away = tokio::select! {
            locked = lock.next() => match locked {
                Some(_) => true,
                None => return Err("the system bus is gone".into()),
            },
            Some(hint) = hints.next() => hint.get().await.unwrap_or(false),
            Some(message) = sleep.next() => {
                message.body().deserialize::<bool>().unwrap_or(false)
            }
        };
        if is_away {
            away();
        }
    }
}

/// The login session of this program, or of the person's desktop.
async fn session(manager: &Proxy<'_>) -> zbus::Result<OwnedObjectPath> {
    if let Ok(id) = std::env::var("XDG_SESSION_ID")
        && let Ok(path) = manager.call("GetSession", &(id.as_str(),)).await
    {
        return Ok(path);
    }
    // `auto` is the caller's own session, else the one of its user's display.
    manager.call("GetSession", &("auto",)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_puts_it_off() {
        let idle = Idle::new();
        let short = Duration::from_millis(30);
        std::thread::sleep(short);
        assert!(idle.since(short));
        idle.used();
        assert!(!idle.since(Duration::from_secs(60)));
    }
}
