//! What this console asked a key for, and small notes of its own.

use rusqlite::{OptionalExtension as _, params};
use vidimus_protocol::envelope::ActType;
use vidimus_protocol::{Digest, Time};

use crate::{Mirror, StoreError};

impl Mirror {
    /// Notes that a key is about to be asked to sign this challenge. Durable
    /// when it returns: only then may the key be asked.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn journal_write(
        &self,
        challenge: Digest,
        act: ActType,
        time: Time,
    ) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT OR IGNORE INTO journal (challenge, act, time_unix_ms) VALUES (?1, ?2, ?3)",
            params![challenge.0, act.as_str(), time.unix_ms()],
        )?;
        Ok(())
    }

    /// Whether a key was asked for this challenge here.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn journal_has(&self, challenge: Digest) -> Result<bool, StoreError> {
        Ok(self
            .db
            .prepare_cached("SELECT 1 FROM journal WHERE challenge = ?1")?
            .exists(params![challenge.0])?)
    }

    /// A note kept under that name. Never a secret.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn get(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self
            .db
            .query_row(
                "SELECT value FROM notes WHERE name = ?1",
                params![name],
                |row| row.get(0),
            )
            .optional()?)
    }

    /// Keeps a note, durably.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn set(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT INTO notes (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![name, value],
        )?;
        Ok(())
    }
}
