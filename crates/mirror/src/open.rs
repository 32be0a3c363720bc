//! The file: made, locked, read back and held against its own pin.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use vidimus_ledger::MemoryTree;
use vidimus_ledger::checkpoint;
use vidimus_ledger::tree::Hash;
use vidimus_protocol::Digest;

use crate::{LogKey, Mirror, Pin, StoreError, log_opened};

/// Marks the file as a mirror: `Vdmr`.
const APPLICATION: i32 = 0x5664_6d72;
/// Version of the tables.
const VERSION: i32 = 1;
/// How long a writer waits for a reader's lock, or the other way round.
const BUSY: Duration = Duration::from_secs(5);

/// `hashes` stands apart so that opening reads no leaf. `known` is 0 for a leaf
/// whose parts this version could not read. `covered` is the checkpoint that
/// the stored leaves end at, `newest` the pin.
const TABLES: &str = "
    CREATE TABLE identity (
        one INTEGER PRIMARY KEY CHECK (one = 1), log BLOB NOT NULL, key TEXT, origin TEXT
    ) STRICT;
    CREATE TABLE pins (
        role TEXT PRIMARY KEY CHECK (role IN ('newest', 'covered')), note TEXT NOT NULL
    ) STRICT;
    CREATE TABLE leaves (idx INTEGER PRIMARY KEY, known INTEGER NOT NULL, leaf BLOB NOT NULL) STRICT;
    CREATE INDEX leaves_unknown ON leaves (idx) WHERE known = 0;
    CREATE TABLE hashes (idx INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
    CREATE TABLE parts (
        idx INTEGER NOT NULL, name TEXT NOT NULL, salt BLOB, bytes BLOB, PRIMARY KEY (idx, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX parts_missing ON parts (idx, name) WHERE salt IS NULL;
    CREATE TABLE journal (
        challenge BLOB PRIMARY KEY, act TEXT NOT NULL, time_unix_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Why a mirror cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder.
    #[error("`{path}` cannot be used: {why}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// Nothing to look at.
    #[error("`{0}` does not exist")]
    Missing(String),
    /// Another program writes to it.
    #[error("`{0}` is in use by another console")]
    InUse(String),
    /// Some other database.
    #[error("`{0}` is not a copy of a log")]
    NotAMirror(String),
    /// Written by a newer version.
    #[error("`{path}` has format {found}, this version knows {VERSION}: upgrade Vidimus")]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: i32,
    },
    /// What is in the file is not what was stored: the disk or somebody
    /// changed it. The log itself may be well.
    #[error("the copy of the log in `{path}` was changed on this disk: {why}")]
    Changed {
        /// The file.
        path: String,
        /// What does not fit.
        why: String,
    },
    /// The database refused.
    #[error("`{path}` cannot be read: {why}")]
    Database {
        /// The file.
        path: String,
        /// What SQLite said.
        why: rusqlite::Error,
    },
}

impl Mirror {
    /// Opens a mirror for the one program that writes to it, or makes one
    /// (0600) in a folder that exists.
    ///
    /// # Errors
    /// [`OpenError`], also when the stored entries do not give the root that
    /// was pinned.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        private_file(path)?;
        let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if !is_new(&db).map_err(|why| database(path, why))? {
            check_format(&db, path)?;
        }
        prepare(&db).map_err(|why| database(path, why))?;
        let mut mirror = load(db, path)?;
        mirror._lock = Some(lock);
        mirror.read_unknown_leaves().map_err(|error| match error {
            StoreError::Database(why) => database(path, why),
            StoreError::Changed(_) => changed(path, &error),
        })?;
        Ok(mirror)
    }

    /// Opens a mirror to look at, also while a console writes to it. What
    /// comes later is seen once it is asked for: [`Mirror::look_again`].
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        if !path.exists() {
            return Err(OpenError::Missing(path.display().to_string()));
        }
        let db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        check_format(&db, path)?;
        load(db, path)
    }
}

/// Why what another program wrote since is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The database refused.
    #[error("the copy of the log cannot be read: {0}")]
    Database(rusqlite::Error),
    /// It is not what was signed for, or does not go on where this copy ended.
    #[error("the copy of the log was changed on this disk: {0}")]
    Changed(String),
}

impl From<Unfit> for LookError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Database(why) => Self::Database(why),
            Unfit::Changed(why) => Self::Changed(why),
        }
    }
}

impl Mirror {
    /// Takes in what a console has written since to a mirror that was opened
    /// to look at. Only new entries are read; they are held against the
    /// checkpoint that covers them. Whether any came.
    ///
    /// # Errors
    /// [`LookError`]; the mirror then stays as it was.
    pub fn look_again(&mut self) -> Result<bool, LookError> {
        let moment = self.db.unchecked_transaction().map_err(Unfit::from)?;
        let Some(key) = &self.key else {
            let found = read(&moment)?;
            drop(moment);
            let came = found.tree.size() > 0;
            (self.tree, self.log) = (found.tree, found.log);
            (self.key, self.pin) = (found.key, found.pin);
            return Ok(came);
        };
        let newest = pin(&moment, "newest", Some(key))?;
        let covered = pin(&moment, "covered", Some(key))?;
        let size = self.tree.size();
        let fresh = hashes_from(&moment, size).map_err(Unfit::from)?;
        drop(moment);
        let came = !fresh.is_empty();
        self.tree.extend(fresh);
        let fits = match &covered {
            Some(covered) => {
                let checkpoint = &covered.signed.checkpoint;
                (self.tree.size(), self.tree.root()) == (checkpoint.size, checkpoint.root)
            }
            None => self.tree.size() == 0,
        };
        if !fits {
            self.tree.truncate(size);
            let why = "the entries do not give the root that was pinned";
            return Err(LookError::Changed(why.to_owned()));
        }
        self.pin = newest;
        Ok(came)
    }
}

fn database(path: &Path, why: rusqlite::Error) -> OpenError {
    let path = path.display().to_string();
    match why.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotAMirror(path),
        _ => OpenError::Database { path, why },
    }
}

fn changed(path: &Path, why: &dyn std::fmt::Display) -> OpenError {
    OpenError::Changed {
        path: path.display().to_string(),
        why: why.to_string(),
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::File {
        path: path.display().to_string(),
        why: error.to_string(),
    }
}

/// One writer at a time: two would pin against each other.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let beside = PathBuf::from(name);
    let failed = |error: &std::io::Error| file_error(&beside, error);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&beside)
        .map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

/// SQLite gives its side files the mode of the database.
fn private_file(path: &Path) -> Result<(), OpenError> {
    let make = || {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))
    };
    make().map_err(|error: std::io::Error| file_error(path, &error))
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, OpenError> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let open = || {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "trusted_schema", false)?;
        Ok(db)
    };
    open().map_err(|why| database(path, why))
}

fn is_new(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

/// Every commit is on the disk when it returns. Makes the tables of a new file.
fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    if !is_new(db)? {
        return Ok(());
    }
    let new = db.unchecked_transaction()?;
    new.execute_batch(TABLES)?;
    new.pragma_update(None, "application_id", APPLICATION)?;
    new.pragma_update(None, "user_version", VERSION)?;
    new.commit()
}

fn check_format(db: &Connection, path: &Path) -> Result<(), OpenError> {
    let read = |name| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = read("application_id").map_err(|why| database(path, why))?;
    let found = read("user_version").map_err(|why| database(path, why))?;
    if application != APPLICATION {
        return Err(OpenError::NotAMirror(path.display().to_string()));
    }
    if found != VERSION {
        return Err(OpenError::Newer {
            path: path.display().to_string(),
            found,
        });
    }
    Ok(())
}

/// Reads everything but the leaves, as of one moment, and checks that it fits.
fn load(db: Connection, path: &Path) -> Result<Mirror, OpenError> {
    let moment = db
        .unchecked_transaction()
        .map_err(|why| database(path, why))?;
    let found = read(&moment).map_err(|error| match error {
        Unfit::Database(why) => database(path, why),
        Unfit::Changed(why) => changed(path, &why),
    })?;
    drop(moment);
    let Found {
        tree,
        log,
        key,
        pin,
    } = found;
    Ok(Mirror {
        db,
        tree,
        log,
        key,
        pin,
        _lock: None,
    })
}

struct Found {
    tree: MemoryTree,
    log: Option<Digest>,
    key: Option<LogKey>,
    pin: Option<Pin>,
}

enum Unfit {
    Database(rusqlite::Error),
    Changed(String),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn read(db: &Connection) -> Result<Found, Unfit> {
    let unfit = |why: &str| Unfit::Changed(why.to_owned());
    let identity = db
        .query_row("SELECT log, key, origin FROM identity", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let (log, key): (Option<[u8; 32]>, Option<LogKey>) = match identity {
        None => (None, None),
        Some((log, None, None)) => (Some(log), None),
        Some((log, Some(key), Some(origin))) => {
            let key: String = key;
            (
                Some(log),
                Some(LogKey::parse(&key, origin).map_err(Unfit::Changed)?),
            )
        }
        Some(_) => return Err(unfit("the log's key is not whole")),
    };
    let newest = pin(db, "newest", key.as_ref())?;
    let covered = pin(db, "covered", key.as_ref())?;
    let tree = tree(db)?;
    let (size, root) = covered
        .as_ref()
        .map(|pin| (pin.signed.checkpoint.size, pin.signed.checkpoint.root))
        .unwrap_or((0, MemoryTree::new().root()));
    if tree.size() != size || tree.root() != root {
        return Err(unfit("the entries do not give the root that was pinned"));
    }
    let pinned = newest.as_ref().map_or(0, |pin| pin.signed.checkpoint.size);
    if pinned < size {
        return Err(unfit("the newest pin does not cover the entries"));
    }
    if size > 0 {
        let opened: Vec<u8> = db.query_row("SELECT leaf FROM leaves WHERE idx = 0", [], |row| {
            row.get(0)
        })?;
        let hash = vidimus_ledger::tree::leaf_hash(&opened);
        let named = log_opened(&opened).and_then(|opened| LogKey::of(&opened));
        if tree.leaf(0) != Some(hash) || log != Some(hash) || named.ok() != key {
            return Err(unfit("the first entry is not that of this log"));
        }
    }
    Ok(Found {
        tree,
        log: log.map(Digest),
        key,
        pin: newest,
    })
}

fn pin(db: &Connection, role: &str, key: Option<&LogKey>) -> Result<Option<Pin>, Unfit> {
    let note: Option<String> = db
        .query_row(
            "SELECT note FROM pins WHERE role = ?1",
            params![role],
            |row| row.get(0),
        )
        .optional()?;
    let Some(note) = note else {
        return Ok(None);
    };
    let key = key.ok_or_else(|| Unfit::Changed("a pin has no key".to_owned()))?;
    let signed = checkpoint::open(&note, &key.key, &key.origin)
        .map_err(|error| Unfit::Changed(format!("the {role} pin: {error}")))?;
    Ok(Some(Pin { note, signed }))
}

fn tree(db: &Connection) -> rusqlite::Result<MemoryTree> {
    let mut tree = MemoryTree::new();
    tree.extend(hashes_from(db, 0)?);
    Ok(tree)
}

/// That no hash is missing or out of place is seen by the root.
fn hashes_from(db: &Connection, size: u64) -> rusqlite::Result<Vec<Hash>> {
    let mut statement = db.prepare("SELECT hash FROM hashes WHERE idx >= ?1 ORDER BY idx")?;
    let rows = statement.query_map(params![size], |row| row.get(0))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Only this connection knows how far it writes.
    #[test]
    fn commits_are_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&folder.path().join("mirror.db")).unwrap();
        let read = |name| {
            mirror
                .db
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .unwrap()
        };
        assert_eq!(read("journal_mode"), "wal".to_owned().into());
        assert_eq!(read("synchronous"), 2.into());
        // Content that can be fetched again does not wait; what follows does.
        mirror
            .without_waiting(|db| db.pragma_query_value(None, "synchronous", |row| row.get(0)))
            .map(|level: i32| assert_eq!(level, 1))
            .unwrap();
        assert_eq!(read("synchronous"), 2.into());
        mirror
            .without_waiting(|_| Err::<(), _>(rusqlite::Error::InvalidQuery))
            .unwrap_err();
        assert_eq!(read("synchronous"), 2.into());
    }
}
