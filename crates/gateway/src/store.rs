//! The gateway's SQLite file: leaves, parts, sessions.
//!
//! One writer (the sequencer), one reader connection for routes. WAL with
//! `synchronous=FULL`: a commit that returned survives a power cut.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use vidimus_protocol::api::Content;
use vidimus_protocol::{Blob, Digest, ReviewerId, Time};

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("the ledger file cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file was written by another version.
    #[error(
        "the ledger file has layout {found}, this version reads {LAYOUT}: use the version that wrote it"
    )]
    Layout {
        /// Layout of the file.
        found: i64,
    },
    /// What stands there cannot have been written by a gateway.
    #[error("the ledger file is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    /// Whether the disk has no more room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }
}

const LAYOUT: i64 = 3;

/// Leaves and parts only ever grow at their end, so that a commit writes few
/// pages: the ids of parts follow from their entry ([`first_part_id`]).
const SCHEMA: &str = "
    CREATE TABLE leaves (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;
    CREATE TABLE parts (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
        salt BLOB NOT NULL, bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE sessions (
        token_hash BLOB PRIMARY KEY, reviewer TEXT NOT NULL, credential BLOB NOT NULL,
        opened_at TEXT NOT NULL, expires_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE filler (bytes BLOB NOT NULL) STRICT;
    INSERT INTO filler VALUES (x'');
    PRAGMA user_version = 3;
";

/// Pages that the write-ahead log has room for: beyond them it grows.
const WAL_PAGES: usize = 1024;
const PAGE: usize = 4096;
/// Room for the parts of an entry; the reducer takes two at most.
const MOST_PARTS: i64 = 8;

/// A part on its way into the store.
#[derive(Clone, Debug)]
pub(crate) struct StoredPart {
    pub(crate) index: u64,
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) token_hash: Digest,
    pub(crate) reviewer: ReviewerId,
    /// The key that opened it: it lasts no longer than that counts.
    pub(crate) credential_id: Blob,
    pub(crate) opened_at: Time,
    pub(crate) expires_at: Time,
}

/// Leaves with their positions, in order.
pub(crate) type Leaves = Vec<(u64, Vec<u8>)>;

/// Everything that one group commit writes.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) leaves: Leaves,
    pub(crate) parts: Vec<StoredPart>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) ended_sessions: Vec<Digest>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.leaves.is_empty() && self.sessions.is_empty() && self.ended_sessions.is_empty()
    }

    /// About how many pages its commit writes.
    fn pages(&self) -> usize {
        let leaves = self.leaves.iter().map(|(_, leaf)| leaf.len());
        let parts = self.parts.iter().map(|part| part.content.bytes.0.len());
        4 + leaves.chain(parts).sum::<usize>() / PAGE
    }
}

/// A connection to the file.
pub(crate) struct Store {
    connection: Connection,
    /// About how many pages the write-ahead log has, since it last began.
    wal_pages: usize,
}

impl Store {
    /// Opens the file for writing, creating it (0600) when it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        create(path)?;
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match found {
            0 => connection.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?,
            LAYOUT => {}
            found => return Err(StoreError::Layout { found }),
        }
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let mut store = Self {
            connection,
            wal_pages: 0,
        };
        store.fill_wal()?;
        Ok(store)
    }

    /// Writes the log once to its full length. A commit then overwrites,
    /// which takes a disk half as long as making a file longer.
    fn fill_wal(&mut self) -> Result<(), StoreError> {
        let bytes = WAL_PAGES * PAGE;
        self.connection
            .execute(&format!("UPDATE filler SET bytes = zeroblob({bytes})"), [])?;
        self.wal_pages += WAL_PAGES;
        self.restart_wal()
    }

    /// Whether the disk takes writes again after it refused one: as much as a
    /// full write-ahead log, into the file and into the log.
    pub(crate) fn has_room(&mut self) -> Result<(), StoreError> {
        self.restart_wal()?;
        self.fill_wal()
    }

    /// Lets the write-ahead log begin again at its start, when it is full or,
    /// while nobody waits, worth it. Commits leave it to this call.
    pub(crate) fn tidy(&mut self, nobody_waits: bool) -> Result<(), StoreError> {
        let most = if nobody_waits {
            WAL_PAGES / 8
        } else {
            WAL_PAGES
        };
        if self.wal_pages > most {
            self.restart_wal()?;
        }
        Ok(())
    }

    /// Copies what was committed from the write-ahead log into the file.
    fn restart_wal(&mut self) -> Result<(), StoreError> {
        // Where a reader is in the way, the next time does the rest.
        self.connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        self.wal_pages = 0;
        Ok(())
    }

    /// Opens a second connection that only reads.
    pub(crate) fn open_reader(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(
            path,
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(Self {
            connection,
            wal_pages: 0,
        })
    }

    /// Writes everything but sessions, as of now, into a new file (0600).
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        create(path)?;
        let name = path
            .to_str()
            .ok_or_else(|| StoreError::Damaged("the copy's name is not UTF-8".to_owned()))?;
        self.connection.execute("VACUUM INTO ?1", [name])?;
        let copy = Connection::open(path)?;
        copy.execute_batch("PRAGMA secure_delete = ON; DELETE FROM sessions; VACUUM;")?;
        Ok(())
    }

    /// Writes a batch durably, or nothing of it.
    pub(crate) fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        {
            let mut leaf = transaction.prepare_cached("INSERT INTO leaves VALUES (?1, ?2)")?;
            for (index, bytes) in &batch.leaves {
                leaf.execute(params![sql(*index), bytes])?;
            }
            let mut part =
                transaction.prepare_cached("INSERT INTO parts VALUES (?1, ?2, ?3, ?4, ?5)")?;
            let mut id = 0;
            for StoredPart {
                index,
                name,
                content,
            } in &batch.parts
            {
                id = (id + 1).max(first_part_id(*index));
                let Content {
                    bytes,
                    salt,
                    r#type,
                } = content;
                part.execute(params![id, name, r#type, salt.0, bytes.0])?;
            }
            let mut session = transaction
                .prepare_cached("INSERT OR REPLACE INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for open in &batch.sessions {
                session.execute(params![
                    open.token_hash.0,
                    open.reviewer.to_string(),
                    open.credential_id.0,
                    open.opened_at.to_string(),
                    open.expires_at.to_string()
                ])?;
            }
            let mut ended =
                transaction.prepare_cached("DELETE FROM sessions WHERE token_hash = ?1")?;
            for token_hash in &batch.ended_sessions {
                ended.execute(params![token_hash.0])?;
            }
        }
        transaction.commit()?;
        self.wal_pages += batch.pages();
        Ok(())
    }

    /// Calls `each` with every leaf in order.
    pub(crate) fn each_leaf<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = |error: rusqlite::Error| E::from(StoreError::from(error));
        let mut statement = self
            .connection
            .prepare("SELECT leaf FROM leaves ORDER BY idx")
            .map_err(sqlite)?;
        let mut rows = statement.query([]).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            each(
                row.get_ref(0)
                    .and_then(|cell| Ok(cell.as_blob()?))
                    .map_err(sqlite)?,
            )?;
        }
        Ok(())
    }

    /// Leaves from `from` on: at most `most`, and no more once `bytes` are
    /// exceeded.
    pub(crate) fn leaves(
        &self,
        from: u64,
        most: u64,
        bytes: usize,
    ) -> Result<Vec<String>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT leaf FROM leaves WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?;
        let mut rows = statement.query(params![sql(from), sql(most)])?;
        let mut leaves = Vec::new();
        let mut total = 0;
        while let Some(row) = rows.next()? {
            let leaf = String::from_utf8(row.get(0)?)
                .map_err(|_| StoreError::Damaged("a leaf is not UTF-8".to_owned()))?;
            total += leaf.len();
            leaves.push(leaf);
            if total > bytes {
                break;
            }
        }
        Ok(leaves)
    }

    /// One leaf.
    pub(crate) fn leaf(&self, index: u64) -> Result<Option<String>, StoreError> {
        Ok(self.leaves(index, 1, 0)?.pop())
    }

    /// One part.
    pub(crate) fn part(&self, index: u64, name: &str) -> Result<Option<Content>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT type, salt, bytes FROM parts WHERE id >= ?1 AND id < ?2 AND name = ?3",
        )?;
        let first = first_part_id(index);
        let content = statement
            .query_row(params![first, first + MOST_PARTS, name], |row| {
                Ok(Content {
                    r#type: row.get(0)?,
                    salt: Digest(row.get(1)?),
                    bytes: Blob(row.get(2)?),
                })
            })
            .optional()?;
        Ok(content)
    }

    /// Every open session.
    pub(crate) fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT token_hash, reviewer, credential, opened_at, expires_at FROM sessions",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, [u8; 32]>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Vec<u8>>(2)?,
                row.get::<_, String>(3)?,
                row.get::<_, String>(4)?,
            ))
        })?;
        rows.map(|row| {
            let (token_hash, reviewer, credential_id, opened_at, expires_at) = row?;
            let damaged = || StoreError::Damaged("a session cannot be read".to_owned());
            Ok(Session {
                token_hash: Digest(token_hash),
                reviewer: reviewer.parse().map_err(|_| damaged())?,
                credential_id: Blob(credential_id),
                opened_at: opened_at.parse().map_err(|_| damaged())?,
                expires_at: expires_at.parse().map_err(|_| damaged())?,
            })
        })
        .collect()
    }
}

/// Makes the file (0600) unless it is there.
fn create(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::Damaged(error.to_string()))
}

/// The parts of an entry have the ids from this one on, [`MOST_PARTS`] at most.
fn first_part_id(index: u64) -> i64 {
    sql(index).saturating_mul(MOST_PARTS)
}

/// Positions stay below 2^53, so they fit SQLite's integers.
fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(index: u64) -> Batch {
        let part = |name: &str| StoredPart {
            index,
            name: name.to_owned(),
            content: Content {
                bytes: Blob(format!("{name} of {index}").into_bytes()),
                salt: Digest([7; 32]),
                r#type: "text/plain".to_owned(),
            },
        };
        Batch {
            leaves: vec![(index, vec![b'x'; 500])],
            parts: vec![part("context"), part("payload")],
            ..Batch::default()
        }
    }

    #[test]
    fn the_write_ahead_log_begins_again_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let wal = folder.path().join("ledger.db-wal");
        let mut store = Store::open(&path).unwrap();
        let full = std::fs::metadata(&wal).unwrap().len();
        assert!(full > u64::try_from(WAL_PAGES * PAGE).unwrap());
        // First under load, then with pauses.
        for index in 0..400 {
            store.commit(&entry(index)).unwrap();
            store.tidy(index > 300).unwrap();
        }
        assert_eq!(std::fs::metadata(&wal).unwrap().len(), full);

        let check = |store: &Store| {
            assert_eq!(store.leaves(0, 2000, usize::MAX).unwrap().len(), 400);
            for index in [0, 1, 399] {
                let part = store.part(index, "payload").unwrap().unwrap();
                assert_eq!(part.bytes.0, format!("payload of {index}").into_bytes());
                assert_eq!(store.part(index, "reason").unwrap(), None);
            }
        };
        check(&store);
        check(&Store::open_reader(&path).unwrap());
        drop(store);
        check(&Store::open(&path).unwrap());
    }

    #[test]
    fn a_full_disk_is_told_from_other_trouble_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut store = Store::open(&path).unwrap();
        let limit = |store: &Store, more: i64| {
            let connection = &store.connection;
            let pages: i64 = connection
                .pragma_query_value(None, "page_count", |row| row.get(0))
                .unwrap();
            connection
                .pragma_update_and_check(None, "max_page_count", pages + more, |_| Ok(()))
                .unwrap();
        };
        limit(&store, 4);
        let mut written = 0;
        let refused = loop {
            match store.commit(&entry(written)) {
                Ok(()) => written += 1,
                Err(refused) => break refused,
            }
        };
        assert!(refused.is_full(), "{refused}");
        assert!(!StoreError::Damaged("other".to_owned()).is_full());
        limit(&store, 1000);
        store.has_room().unwrap();
        store.commit(&entry(written)).unwrap();
        let leaves = store.leaves(0, 2000, usize::MAX).unwrap().len();
        assert_eq!(u64::try_from(leaves).unwrap(), written + 1);
    }

    #[test]
    fn a_ledger_is_its_owners_and_of_this_layout() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let store = Store::open(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        store
            .connection
            .pragma_update(None, "user_version", LAYOUT + 1)
            .unwrap();
        drop(store);
        assert!(matches!(
            Store::open(&path).err(),
            Some(StoreError::Layout { found }) if found == LAYOUT + 1
        ));
    }
}
