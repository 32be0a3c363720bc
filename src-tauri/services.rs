//! What the person's desktop offers, watched as it comes and goes: a tray that
//! shows icons, notifications, a keyring, and the news that its screen is
//! locked.
//!
//! All of it is asked of the session bus. Without one nothing is there, and the
//! window says so; nothing here ends the program.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;
use zbus::fdo::DBusProxy;
use zbus::zvariant::OwnedValue;
use zbus::{Connection, MatchRule, MessageStream, Proxy};

const TRAY: &str = "org.kde.StatusNotifierWatcher";
const TRAY_PATH: &str = "/StatusNotifierWatcher";
const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const KEYRING: &str = "org.freedesktop.secrets";

/// Screen savers that say when they hide the screen.
const SCREEN_SAVERS: [&str; 2] = ["org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver"];

/// A bus that takes longer to answer is as good as none.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offered {
    /// The bus was asked: before that nothing is known.
    pub(crate) asked: bool,
    /// There is a bus to ask.
    pub(crate) bus: bool,
    /// A host shows icons: a hidden window can be found again.
    pub(crate) tray: bool,
    /// Somebody shows notifications, or can be started to.
    pub(crate) notifications: bool,
    /// Somebody keeps secrets, or can be started to.
    pub(crate) keyring: bool,
}

/// Watches until the program ends. Needs a Tokio runtime. `hidden` is called
/// whenever a screen saver hides the screen.
pub(crate) fn watch(hidden: Arc<dyn Fn() + Send + Sync>) -> watch::Receiver<Offered> {
    let (say, told) = watch::channel(Offered::default());
    tokio::spawn(async move {
        if let Err(error) = follow(&say, hidden).await {
            tracing::warn!("the session bus cannot be watched: {error}");
        }
        // What was there may be gone, and nobody would tell.
        say.send_replace(Offered {
            asked: true,
            ..Offered::default()
        });
    });
    told
}

async fn follow(
    say: &watch::Sender<Offered>,
    hidden: Arc<dyn Fn() + Send + Sync>,
) -> zbus::Result<()> {
    let connect = tokio::time::timeout(PATIENCE, Connection::session());
    let bus = connect
        .await
        .unwrap_or_else(|_| Err(zbus::Error::Failure("it does not answer".into())))?;
    let names = DBusProxy::new(&bus).await?;
    let host = Proxy::new(&bus, TRAY, TRAY_PATH, TRAY).await?;
    let mut owners = names.receive_name_owner_changed().await?;
    let mut come = host.receive_signal("StatusNotifierHostRegistered").await?;
    let mut gone = host
        .receive_signal("StatusNotifierHostUnregistered")
        .await?;
    let mut savers = futures_util::stream::SelectAll::new();
    for name in SCREEN_SAVERS {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface(name)?
            .member("ActiveChanged")?
            .build();
        savers.push(MessageStream::for_match_rule(rule, &bus, None).await?);
    }
    loop {
        say.send_replace(ask(&bus, &names).await);
        // Waits for something that may have changed the answer.
        loop {
            tokio::select! {
                changed = owners.next() => {
                    let Some(changed) = changed else { return Ok(()) };
                    let args = changed.args()?;
                    if [TRAY, NOTIFICATIONS, KEYRING].contains(&args.name().as_str()) {
                        break;
                    }
                }
                Some(_) = come.next() => break,
                Some(_) = gone.next() => break,
                Some(Ok(message)) = savers.next() => {
                    // Any program can send this: the worst is a locked console.
                    if message.body().deserialize::<bool>().unwrap_or(false) {
                        hidden();
                    }
                }
            }
        }
    }
}

async fn ask(bus: &Connection, names: &DBusProxy<'_>) -> Offered {
    let startable = names.list_activatable_names().await.unwrap_or_default();
    let owned = async |name: &'static str| {
        let name = zbus::names::BusName::from_static_str(name).expect("it is a name of a bus");
        names.name_has_owner(name).await.unwrap_or(false)
    };
    let there = async |name: &'static str| {
        owned(name).await || startable.iter().any(|startable| startable.as_str() == name)
    };
    Offered {
        asked: true,
        bus: true,
        // One that nobody has started shows nothing.
        tray: owned(TRAY).await && has_host(bus).await,
        notifications: there(NOTIFICATIONS).await,
        keyring: there(KEYRING).await,
    }
}

/// Whether the watcher of icons knows somebody who shows them. Asked anew each
/// time: not every watcher says when that changes.
async fn has_host(bus: &Connection) -> bool {
    let asked = bus.call_method(
        Some(TRAY),
        TRAY_PATH,
        Some("org.freedesktop.DBus.Properties"),
        "Get",
        &(TRAY, "IsStatusNotifierHostRegistered"),
    );
    let answer = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => answer,
        _ => return false,
    };
    let value: Result<OwnedValue, _> = answer.body().deserialize();
    value.is_ok_and(|value| bool::try_from(value).unwrap_or(false))
}
