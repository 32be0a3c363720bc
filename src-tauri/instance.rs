//! One console per home: a second start hands its errand to the first and ends.
//!
//! Who holds the lock of `console.lock` in the home's state folder is the
//! first, and answers on the socket `console.sock` beside it. A name on the
//! session bus would be one per program instead, and two homes may run side by
//! side; any program could own that name, and without a bus there would be
//! none. The socket is 0600, and whoever is at its other end must be the same
//! user.
//!
//! An errand raises the window or opens an action for review. Nothing that
//! comes this way decides.
//!
//! Out of scope: the gateway, which has a lock of its own.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use vidimus_client::home::Home;
use vidimus_client::private::{PrivateError, private_folder};

const LOCK: &str = "console.lock";
const SOCKET: &str = "console.sock";

/// A first console that takes longer to answer is stuck.
const PATIENCE: Duration = Duration::from_secs(8);
/// An errand comes in one piece.
const READING: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Most bytes of an errand.
const MOST: usize = 512;
const TAKEN: &str = "taken";

/// Why a program was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// By a person: the window comes to the front.
    Raise,
    /// With a link, which is still to be judged.
    Open(String),
    /// At login: one that runs already is enough.
    Nothing,
}

/// What a start found.
pub(crate) enum Claim {
    /// No other console has this home.
    First(First),
    /// Another one took the errand.
    Handed,
}

/// The console of a home, for as long as this lives.
pub(crate) struct First {
    _lock: File,
    listener: UnixListener,
}

/// Why neither is so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error(transparent)]
    Folder(#[from] PrivateError),
    #[error("`{path}` cannot be used: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(
        "another Vidimus has this home and does not answer: end it (its lock is `{path}`), then start again"
    )]
    Stuck { path: PathBuf },
}

/// Takes the home, or hands the errand to who has it.
pub(crate) fn claim(home: &Home, errand: &Errand) -> Result<Claim, ClaimError> {
    let folder = home.state();
    private_folder(folder)?;
    let path = folder.join(LOCK);
    let failed = |source| ClaimError::File {
        path: path.clone(),
        source,
    };
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    let place = Place::of(home).map_err(failed)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => {
                let listener = place.listen().map_err(failed)?;
                return Ok(Claim::First(First {
                    _lock: lock,
                    listener,
                }));
            }
            Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        let words = match errand {
            Errand::Nothing => return Ok(Claim::Handed),
            Errand::Raise => "raise".to_owned(),
            Errand::Open(link) => format!("open {}", one_line(link)),
        };
        // It may just be starting or ending: then the next try succeeds.
        if place.hand(&words).is_ok() {
            return Ok(Claim::Handed);
        }
        if Instant::now() >= deadline {
            return Err(ClaimError::Stuck { path });
        }
        std::thread::sleep(PAUSE);
    }
}

/// A link as one line of bounded length. What this changes was no link.
fn one_line(link: &str) -> String {
    link.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(MOST / 8)
        .collect()
}

impl First {
    /// Takes errands until the program ends. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub(crate) fn serve(self, take: impl Fn(Errand) + Send + Sync + 'static) -> io::Result<()> {
        self.listener.set_nonblocking(true)?;
        let listener = tokio::net::UnixListener::from_std(self.listener)?;
        let lock = self._lock;
        tokio::spawn(async move {
            let _held = lock;
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => match answer(stream).await {
                        Ok(Some(errand)) => take(errand),
                        Ok(None) => tracing::warn!("what came in as an errand was none"),
                        Err(error) => tracing::warn!("an errand did not arrive: {error}"),
                    },
                    Err(error) => {
                        tracing::warn!("no errand can be taken: {error}");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        });
        Ok(())
    }
}

/// Reads an errand and says that it was taken.
async fn answer(mut stream: tokio::net::UnixStream) -> io::Result<Option<Errand>> {
    // The mode of the socket keeps others out; this holds where it does not.
    if stream.peer_cred()?.uid() != rustix::process::getuid().as_raw() {
        return Ok(None);
    }
    let work = async {
        let (reader, mut writer) = stream.split();
        let mut line = String::new();
        let mut reader = tokio::io::BufReader::new(reader.take(MOST as u64));
        reader.read_line(&mut line).await?;
        let errand = parse(&line);
        if errand.is_some() {
            writer.write_all(format!("{TAKEN}\n").as_bytes()).await?;
        }
        Ok(errand)
    };
    tokio::time::timeout(READING, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn parse(line: &str) -> Option<Errand> {
    let line = line.strip_suffix('\n')?;
    match line.split_once(' ') {
        None if line == "raise" => Some(Errand::Raise),
        Some(("open", link)) => Some(Errand::Open(link.to_owned())),
        _ => None,
    }
}

/// The folder of the socket, held open: its path through `/proc` fits into the
/// 108 bytes of a socket's address however deep the home lies.
struct Place(std::os::fd::OwnedFd);

impl Place {
    fn of(home: &Home) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(home.state(), flags, Mode::empty())?))
    }

    fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", self.0.as_raw_fd()))
    }

    /// Only who holds the lock may: whatever stands there is a dead one's.
    fn listen(&self) -> io::Result<UnixListener> {
        let socket = self.socket();
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    fn hand(&self, words: &str) -> io::Result<()> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(READING))?;
        stream.set_write_timeout(Some(READING))?;
        let peer = rustix::net::sockopt::socket_peercred(&stream)?;
        if peer.uid != rustix::process::getuid() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.write_all(format!("{words}\n").as_bytes())?;
        let mut said = String::new();
        BufReader::new(stream).read_line(&mut said)?;
        if said.trim_end() == TAKEN {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::Path;
    use std::sync::mpsc;

    fn first(home: &Home) -> First {
        match claim(home, &Errand::Raise).unwrap() {
            Claim::First(first) => first,
            Claim::Handed => panic!("nobody else is here"),
        }
    }

    async fn second(home: &Home, errand: Errand) -> Result<Claim, ClaimError> {
        let home = home.clone();
        tokio::task::spawn_blocking(move || claim(&home, &errand))
            .await
            .unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_second_start_hands_its_errand_to_the_first() {
        let folder = tempfile::tempdir().unwrap();
        // Deeper than the address of a socket is long.
        let home = Home::at(&folder.path().join("deep".repeat(40)));
        let (taken, errands) = mpsc::channel();
        first(&home)
            .serve(move |errand| taken.send(errand).unwrap())
            .unwrap();
        for errand in [Errand::Raise, Errand::Open("vidimus://action/x y".into())] {
            let claim = second(&home, errand.clone()).await.unwrap();
            assert!(matches!(claim, Claim::Handed));
            let next = tokio::task::block_in_place(|| errands.recv_timeout(PATIENCE));
            assert_eq!(next.unwrap(), errand);
        }
        // Another home is another console.
        let other = Home::at(&folder.path().join("other"));
        drop(first(&other));
        drop(first(&other));
    }

    #[tokio::test]
    async fn a_start_at_login_leaves_the_first_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let _first = first(&home);
        let claim = second(&home, Errand::Nothing).await.unwrap();
        assert!(matches!(claim, Claim::Handed));
    }

    #[tokio::test]
    async fn what_a_dead_console_left_behind_is_no_console() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        drop(first(&home));
        assert!(home.state().join(SOCKET).exists());
        drop(first(&home));
    }

    #[tokio::test]
    async fn one_that_has_the_home_and_does_not_answer_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        // It has the lock and the socket, and nobody listens.
        let stuck = first(&home);
        let told = second(&home, Errand::Raise).await.err().unwrap();
        assert!(told.to_string().contains("does not answer"), "{told}");
        drop(stuck);
    }

    #[test]
    fn socket_and_lock_are_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let _first = first(&home);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&home.state().join(SOCKET)), 0o600);
        assert_eq!(mode(&home.state().join(LOCK)), 0o600);
        assert_eq!(mode(home.state()), 0o700);
    }

    #[test]
    fn an_errand_is_one_line_of_two_kinds() {
        assert_eq!(parse("raise\n"), Some(Errand::Raise));
        assert_eq!(parse("open x\n"), Some(Errand::Open("x".into())));
        for none in ["raise", "raise now\n", "decide x\n", "open\n", "\n", ""] {
            assert_eq!(parse(none), None, "{none:?}");
        }
        let hostile = "vidimus://action/\nopen x".to_owned() + &"x".repeat(9000);
        assert!(!one_line(&hostile).contains('\n'));
        assert!(one_line(&hostile).len() < MOST);
    }
}
