//! Content that entries commit to: which is missing, and putting it in.

use rusqlite::{Connection, OptionalExtension as _, params};
use vidimus_ledger::part;
use vidimus_protocol::api::Content;
use vidimus_protocol::entry::{Leaf, Parsed, PartRef};
use vidimus_protocol::{Blob, Digest};

use crate::{Mirror, StoreError};

/// Why content is refused.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// No entry commits to a part of that name.
    #[error("entry {index} has no part `{name}`")]
    Unknown {
        /// The entry.
        index: u64,
        /// The name.
        name: String,
    },
    /// Not what the entry commits to.
    #[error("the content is not what entry {index} commits to as its part `{name}`")]
    Wrong {
        /// The entry.
        index: u64,
        /// The name.
        name: String,
    },
    /// The copy itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Mirror {
    /// Parts that entries commit to and that are not here, first entries
    /// first. Parts of entries that this version cannot read are not known.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn missing_parts(&self, limit: usize) -> Result<Vec<(u64, PartRef)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.db.prepare_cached(
            "SELECT idx, name FROM parts WHERE salt IS NULL ORDER BY idx, name LIMIT ?1",
        )?;
        let rows = statement.query_map(params![limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let named: Vec<(u64, String)> = rows.collect::<Result<_, _>>()?;
        named
            .into_iter()
            .map(|(index, name)| {
                let part = self.part_ref(index, &name)?;
                Ok((index, part.ok_or(StoreError::Changed(index))?))
            })
            .collect()
    }

    /// Stores the content of a part. The same content again changes nothing.
    ///
    /// # Errors
    /// [`PartError`], when it is not what the entry commits to.
    pub fn put_part(&self, index: u64, name: &str, content: &Content) -> Result<(), PartError> {
        let known = self.part_ref(index, name)?;
        let known = known.ok_or_else(|| PartError::Unknown {
            index,
            name: name.to_owned(),
        })?;
        if !is_committed(&known, content) {
            return Err(PartError::Wrong {
                index,
                name: name.to_owned(),
            });
        }
        self.without_waiting(|db| {
            db.prepare_cached(
                "INSERT INTO parts (idx, name, salt, bytes) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (idx, name) DO UPDATE SET salt = excluded.salt, bytes = excluded.bytes",
            )?
            .execute(params![index, name, content.salt.0, content.bytes.0])
        })
        .map_err(StoreError::from)?;
        Ok(())
    }

    /// Writes without waiting for the disk. For what can be fetched again: a
    /// power cut may lose it, and spoils nothing.
    pub(crate) fn without_waiting<T>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        let written = write(&self.db);
        self.db.pragma_update(None, "synchronous", "FULL")?;
        written
    }

    /// The content of a part, when it is here.
    ///
    /// # Errors
    /// [`StoreError`], also when it is no longer what was stored.
    pub fn part(&self, index: u64, name: &str) -> Result<Option<Content>, StoreError> {
        let Some(known) = self.part_ref(index, name)? else {
            return Ok(None);
        };
        let row = self
            .db
            .prepare_cached("SELECT salt, bytes FROM parts WHERE idx = ?1 AND name = ?2")?
            .query_row(params![index, name], |row| {
                Ok((
                    row.get::<_, Option<[u8; 32]>>(0)?,
                    row.get::<_, Option<Vec<u8>>>(1)?,
                ))
            })
            .optional()?;
        let (salt, bytes) = match row {
            Some((Some(salt), Some(bytes))) => (salt, bytes),
            Some((None, None)) => return Ok(None),
            _ => return Err(StoreError::Changed(index)),
        };
        let content = Content {
            bytes: Blob(bytes),
            salt: Digest(salt),
            r#type: known.r#type.clone(),
        };
        if is_committed(&known, &content) {
            Ok(Some(content))
        } else {
            Err(StoreError::Changed(index))
        }
    }

    /// What the entry commits to under that name.
    fn part_ref(&self, index: u64, name: &str) -> Result<Option<PartRef>, StoreError> {
        let leaf = self.leaf(index)?;
        Ok(leaf
            .and_then(|leaf| parts_of(&leaf))
            .and_then(|parts| parts.into_iter().find(|part| part.name == name)))
    }

    /// Looks again at leaves that an earlier version could not read: this one
    /// may know their parts.
    pub(crate) fn read_unknown_leaves(&self) -> Result<(), StoreError> {
        let indexes: Vec<u64> = self
            .db
            .prepare("SELECT idx FROM leaves WHERE known = 0 ORDER BY idx")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let change = self.db.unchecked_transaction()?;
        for index in indexes {
            let leaf = self.leaf(index)?.ok_or(StoreError::Changed(index))?;
            if expect_parts(&change, index, &leaf)? {
                change.execute("UPDATE leaves SET known = 1 WHERE idx = ?1", params![index])?;
            }
        }
        Ok(change.commit()?)
    }
}

/// Notes the parts of a leaf as missing; `false` when it cannot be read.
pub(crate) fn expect_parts(
    db: &Connection,
    index: u64,
    leaf: &[u8],
) -> Result<bool, rusqlite::Error> {
    let Some(parts) = parts_of(leaf) else {
        return Ok(false);
    };
    for part in parts {
        db.prepare_cached("INSERT OR IGNORE INTO parts (idx, name) VALUES (?1, ?2)")?
            .execute(params![index, part.name])?;
    }
    Ok(true)
}

fn parts_of(leaf: &[u8]) -> Option<Vec<PartRef>> {
    match Leaf::parse(leaf) {
        Ok(Parsed::Known(leaf)) => Some(leaf.parts),
        _ => None,
    }
}

/// The commit binds type, salt and bytes; the size is a claim beside it.
fn is_committed(known: &PartRef, content: &Content) -> bool {
    let commit = part::commit(&content.salt.0, &content.r#type, &content.bytes.0);
    u64::try_from(content.bytes.0.len()) == Ok(known.size) && commit == Ok(known.commit.0)
}
