//! The operating system's keyring: the session token, and a copy of the pin.
//!
//! Any program of the session can read what is in it, so nothing in it decides
//! anything. A keyring may be absent, locked (it then asks, for as long as the
//! person likes) or broken: every call runs on a thread of its own and is given
//! up after five seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

const SERVICE: &str = "vidimus";
const PATIENCE: Duration = Duration::from_secs(5);

/// A place for small secrets, by name.
pub trait Secrets: Send + Sync {
    /// The secret of that name, if there is one.
    ///
    /// # Errors
    /// Why the place cannot be used, in words.
    fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, String>;

    /// Keeps a secret, or forgets it.
    ///
    /// # Errors
    /// Why the place cannot be used, in words.
    fn write(&self, name: &str, secret: Option<&str>) -> Result<(), String>;
}

/// The operating system's keyring.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemKeyring;

#[cfg(target_os = "linux")]
fn entry(name: &str) -> Result<keyring_core::Entry, keyring_core::Error> {
    use keyring_core::api::CredentialStoreApi as _;
    // A new connection each time: a keyring that starts later is found.
    zbus_secret_service_keyring_store::Store::new()?.build(SERVICE, name, None)
}

#[cfg(not(target_os = "linux"))]
fn entry(name: &str) -> Result<keyring::Entry, keyring::Error> {
    keyring::Entry::new(SERVICE, name)
}

#[cfg(not(target_os = "linux"))]
use keyring::Error as KeyringError;
#[cfg(target_os = "linux")]
use keyring_core::Error as KeyringError;

impl Secrets for SystemKeyring {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, String> {
        match entry(name).and_then(|entry| entry.get_password()) {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(KeyringError::NoEntry) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn write(&self, name: &str, secret: Option<&str>) -> Result<(), String> {
        let entry = entry(name).map_err(|error| error.to_string())?;
        let done = match secret {
            Some(secret) => entry.set_password(secret),
            None => entry.delete_credential(),
        };
        match done {
            Ok(()) | Err(KeyringError::NoEntry) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// No keyring: what it should keep lives in memory only.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeyring;

impl Secrets for NoKeyring {
    fn read(&self, _name: &str) -> Result<Option<Zeroizing<String>>, String> {
        Err("this computer has no keyring".into())
    }

    fn write(&self, _name: &str, _secret: Option<&str>) -> Result<(), String> {
        Err("this computer has no keyring".into())
    }
}

/// Reads off the async threads, with patience.
pub(crate) async fn read(
    secrets: Arc<dyn Secrets>,
    name: String,
) -> Result<Option<Zeroizing<String>>, String> {
    patiently(PATIENCE, move || secrets.read(&name)).await
}

/// Writes off the async threads, with patience, one after the other: what was
/// asked for last is what stays.
pub(crate) struct Keeper(mpsc::UnboundedSender<(String, Option<Zeroizing<String>>)>);

impl Keeper {
    /// Tells `failed` why something could not be kept.
    pub(crate) fn new(
        runtime: &Handle,
        secrets: Arc<dyn Secrets>,
        failed: impl Fn(String) + Send + 'static,
    ) -> Self {
        let (asked, mut next) = mpsc::unbounded_channel::<(String, Option<Zeroizing<String>>)>();
        runtime.spawn(async move {
            while let Some((name, secret)) = next.recv().await {
                let secrets = secrets.clone();
                let write = move || secrets.write(&name, secret.as_deref().map(String::as_str));
                if let Err(why) = patiently(PATIENCE, write).await {
                    failed(why);
                }
            }
        });
        Self(asked)
    }

    /// Keeps a secret, or forgets it.
    pub(crate) fn keep(&self, name: String, secret: Option<Zeroizing<String>>) {
        // The runtime ends after the console.
        let _ended = self.0.send((name, secret));
    }
}

async fn patiently<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (done, result) = oneshot::channel();
    // Not the runtime's pool: a prompt that nobody answers must not hold up
    // the end of the program.
    std::thread::Builder::new()
        .name("keyring".into())
        .spawn(move || {
            // Nobody listens any more once the patience has run out.
            let _late = done.send(work());
        })
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(patience, result).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err("the keyring's library failed".into()),
        Err(_) => Err("the keyring did not answer within five seconds: is it locked?".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The earlier a write, the longer it takes.
    #[derive(Default)]
    struct Slow(std::sync::Mutex<Vec<Option<String>>>);

    impl Secrets for Slow {
        fn read(&self, _name: &str) -> Result<Option<Zeroizing<String>>, String> {
            Ok(None)
        }

        fn write(&self, _name: &str, secret: Option<&str>) -> Result<(), String> {
            let before = self.0.lock().unwrap().len() as u64;
            std::thread::sleep(Duration::from_millis(60 - 20 * before.min(3)));
            self.0.lock().unwrap().push(secret.map(str::to_owned));
            Err("slow".into())
        }
    }

    #[tokio::test]
    async fn what_was_asked_for_last_is_what_stays() {
        let slow = Arc::new(Slow::default());
        let (failed, mut failures) = mpsc::unbounded_channel();
        let keeper = Keeper::new(&Handle::current(), slow.clone(), move |why| {
            failed.send(why).unwrap();
        });
        let secret = |text: &str| Some(Zeroizing::new(text.to_owned()));
        for next in [secret("a"), None, secret("b")] {
            keeper.keep("name".into(), next);
        }
        for _ in 0..3 {
            assert_eq!(failures.recv().await.unwrap(), "slow");
        }
        let written = slow.0.lock().unwrap().clone();
        assert_eq!(written, [Some("a".into()), None, Some("b".into())]);
    }

    #[tokio::test]
    async fn a_keyring_that_does_not_answer_is_given_up() {
        let stuck = patiently(Duration::from_millis(20), || {
            std::thread::sleep(Duration::from_secs(30));
            Ok(())
        });
        assert!(stuck.await.unwrap_err().contains("locked"));
        assert_eq!(patiently(PATIENCE, || Ok(7)).await, Ok(7));
        assert!(read(Arc::new(NoKeyring), "x".into()).await.is_err());
    }
}
