//! What is to be told and what came of it: `deliveries.db`, beside the ledger
//! and never in it, so that a commit waits for nothing here.
//!
//! Messages and the position up to which the log was read are one transaction.
//! What a power cut takes from here is read from the log again, or sent again
//! with the same `webhook-id`; so a commit here need not wait for the disk.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use vidimus_protocol::api::{DeliveryState, DeliveryView};
use vidimus_protocol::{ActionId, Time};

const LAYOUT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE deliveries (
        id TEXT PRIMARY KEY, action TEXT NOT NULL, endpoint TEXT NOT NULL, host TEXT NOT NULL,
        event TEXT NOT NULL, entry INTEGER NOT NULL, event_at INTEGER NOT NULL,
        body TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
        first_at INTEGER, last_at INTEGER, next_at INTEGER, status INTEGER, why TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX of_action ON deliveries (action, entry, endpoint);
    CREATE INDEX open ON deliveries (endpoint, next_at) WHERE next_at IS NOT NULL;
    CREATE TABLE position (next INTEGER NOT NULL) STRICT;
    CREATE TABLE disabled (endpoint TEXT PRIMARY KEY, added_at INTEGER NOT NULL) STRICT;
    PRAGMA user_version = 1;
";

/// How long it is kept what came of a message.
pub(super) const KEPT_MS: u64 = 30 * 86_400_000;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueueError {
    #[error("`deliveries.db` cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("`deliveries.db` has layout {0}, this version reads {LAYOUT}")]
    Layout(i64),
    #[error("`deliveries.db` cannot be used: {0}")]
    File(#[from] std::io::Error),
}

/// The file.
pub(super) struct Queue(Connection);

/// A message to be written.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) action: ActionId,
    pub(super) endpoint: String,
    pub(super) host: String,
    pub(super) event: &'static str,
    pub(super) entry: u64,
    pub(super) event_at: Time,
    pub(super) body: String,
    /// Why it will not be tried.
    pub(super) never: Option<&'static str>,
}

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) id: String,
    pub(super) event_at: Time,
    pub(super) body: String,
    /// Tries that failed before.
    pub(super) tries: u64,
}

/// What a try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) at: Time,
    pub(super) state: DeliveryState,
    pub(super) next_at: Option<Time>,
    pub(super) status: Option<u16>,
    pub(super) why: Option<String>,
}

impl Queue {
    /// Opens the file, making it (0600) when it is missing.
    pub(super) fn open(path: &Path) -> Result<Self, QueueError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        match connection.pragma_query_value(None, "user_version", |row| row.get(0))? {
            0 => connection.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?,
            LAYOUT => {}
            found => return Err(QueueError::Layout(found)),
        }
        Ok(Self(connection))
    }

    /// Position of the first entry that was not read; `None` before the first
    /// reading.
    pub(super) fn position(&self) -> Result<Option<u64>, QueueError> {
        let mut statement = self.0.prepare_cached("SELECT next FROM position")?;
        Ok(statement
            .query_row([], |row| row.get::<_, i64>(0))
            .optional()?
            .map(unsigned))
    }

    /// Writes messages and how far the log was read.
    pub(super) fn take_in(&mut self, messages: &[Message], next: u64) -> Result<(), QueueError> {
        let transaction = self.0.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO deliveries
                 (id, action, endpoint, host, event, entry, event_at, body, state, next_at, why)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?;
            for message in messages {
                let (state, next_at) = match message.never {
                    None => (DeliveryState::Waiting, Some(0)),
                    Some(_) => (DeliveryState::GivenUp, None),
                };
                insert.execute(params![
                    message.id,
                    message.action.to_string(),
                    message.endpoint,
                    message.host,
                    message.event,
                    signed(message.entry),
                    signed(message.event_at.unix_ms()),
                    message.body,
                    word(state),
                    next_at,
                    message.never,
                ])?;
            }
        }
        transaction.execute("DELETE FROM position", [])?;
        transaction.execute("INSERT INTO position VALUES (?1)", [signed(next)])?;
        Ok(transaction.commit()?)
    }

    /// An endpoint's messages that are due, longest due first.
    pub(super) fn due(
        &self,
        endpoint: &str,
        now: Time,
        most: usize,
    ) -> Result<Vec<Due>, QueueError> {
        let mut statement = self.0.prepare_cached(
            "SELECT id, event_at, body, tries FROM deliveries
             WHERE endpoint = ?1 AND next_at IS NOT NULL AND next_at <= ?2
             ORDER BY next_at, entry LIMIT ?3",
        )?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![endpoint, signed(now.unix_ms()), most], |row| {
            Ok(Due {
                id: row.get(0)?,
                event_at: Time::from_unix_ms(unsigned(row.get(1)?)),
                body: row.get(2)?,
                tries: unsigned(row.get(3)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the next message is due that is not due yet.
    pub(super) fn next_at(&self, now: Time) -> Result<Option<Time>, QueueError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT min(next_at) FROM deliveries WHERE next_at > ?1")?;
        let next: Option<i64> = statement.query_row([signed(now.unix_ms())], |row| row.get(0))?;
        Ok(next.map(|ms| Time::from_unix_ms(unsigned(ms))))
    }

    /// Names of the endpoints that messages still wait for.
    pub(super) fn awaited(&self) -> Result<Vec<String>, QueueError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT DISTINCT endpoint FROM deliveries WHERE next_at IS NOT NULL")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes down what a try came to.
    pub(super) fn tried(&self, id: &str, tried: &Tried) -> Result<(), QueueError> {
        let at = signed(tried.at.unix_ms());
        self.0.execute(
            "UPDATE deliveries SET tries = tries + 1, first_at = coalesce(first_at, ?2),
             last_at = ?2, next_at = ?3, state = ?4, status = ?5, why = ?6 WHERE id = ?1",
            params![
                id,
                at,
                tried.next_at.map(|next| signed(next.unix_ms())),
                word(tried.state),
                tried.status,
                tried.why,
            ],
        )?;
        Ok(())
    }

    /// Gives up what waits for an endpoint and is of before `until`.
    pub(super) fn give_up(
        &self,
        endpoint: &str,
        until: Option<Time>,
        why: &str,
    ) -> Result<usize, QueueError> {
        let until = until.map_or(i64::MAX, |until| signed(until.unix_ms()));
        Ok(self.0.execute(
            "UPDATE deliveries SET next_at = NULL, state = 'given_up', why = ?3
             WHERE endpoint = ?1 AND next_at IS NOT NULL AND event_at < ?2",
            params![endpoint, until, why],
        )?)
    }

    /// Remembers that an endpoint wants no more, until it is added anew.
    pub(super) fn disable(&self, endpoint: &str, added_at: Time) -> Result<(), QueueError> {
        self.0.execute(
            "INSERT OR REPLACE INTO disabled VALUES (?1, ?2)",
            params![endpoint, signed(added_at.unix_ms())],
        )?;
        Ok(())
    }

    /// Whether an endpoint, added then, wants no more.
    pub(super) fn is_disabled(&self, endpoint: &str, added_at: Time) -> Result<bool, QueueError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT 1 FROM disabled WHERE endpoint = ?1 AND added_at = ?2")?;
        Ok(statement.exists(params![endpoint, signed(added_at.unix_ms())])?)
    }

    /// Forgets what is over and old.
    pub(super) fn prune(&self, now: Time) -> Result<usize, QueueError> {
        let before = signed(now.unix_ms().saturating_sub(KEPT_MS));
        Ok(self.0.execute(
            "DELETE FROM deliveries WHERE next_at IS NULL AND coalesce(last_at, event_at) < ?1",
            [before],
        )?)
    }

    /// Everything about an action, in log order.
    pub(super) fn of(&self, action: ActionId) -> Result<Vec<DeliveryView>, QueueError> {
        let mut statement = self.0.prepare_cached(
            "SELECT endpoint, entry, event, first_at, host, id, last_at, next_at, state, status,
             tries, why FROM deliveries WHERE action = ?1 ORDER BY entry, endpoint",
        )?;
        let rows = statement.query_map([action.to_string()], view)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<DeliveryView> {
    let time = |at: usize| -> rusqlite::Result<Option<Time>> {
        let ms: Option<i64> = row.get(at)?;
        Ok(ms.map(|ms| Time::from_unix_ms(unsigned(ms))))
    };
    let state = state(row.get_ref(8)?.as_str()?);
    Ok(DeliveryView {
        endpoint: row.get(0)?,
        entry: unsigned(row.get(1)?),
        event: row.get(2)?,
        first_tried_at: time(3)?,
        host: row.get(4)?,
        id: row.get(5)?,
        last_tried_at: time(6)?,
        // One that waits for its first try has no time of a next one.
        next_try_at: time(7)?.filter(|_| state == DeliveryState::Failed),
        state,
        status: row.get(9)?,
        tries: unsigned(row.get(10)?),
        why: row.get(11)?,
    })
}

fn word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Arrived => "arrived",
        DeliveryState::Failed => "failed",
        DeliveryState::GivenUp => "given_up",
    }
}

fn state(word: &str) -> DeliveryState {
    match word {
        "waiting" => DeliveryState::Waiting,
        "arrived" => DeliveryState::Arrived,
        "failed" => DeliveryState::Failed,
        _ => DeliveryState::GivenUp,
    }
}

/// Positions and times stay below 2^53, so they fit SQLite's integers.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn start() -> Time {
        Time::from_unix_ms(1_795_000_000_000)
    }

    fn message(id: &str, endpoint: &str) -> Message {
        Message {
            id: id.to_owned(),
            action: action(),
            endpoint: endpoint.to_owned(),
            host: "example.org".to_owned(),
            event: "action.proposed",
            entry: 3,
            event_at: start(),
            body: "{}".to_owned(),
            never: None,
        }
    }

    fn action() -> ActionId {
        ActionId::from_random([1; 16])
    }

    fn failed(next_at: Option<Time>) -> Tried {
        Tried {
            at: start(),
            state: DeliveryState::Failed,
            next_at,
            status: Some(500),
            why: Some("it answered 500".to_owned()),
        }
    }

    #[test]
    fn messages_wait_for_their_time_and_are_taken_in_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deliveries.db");
        let mut queue = Queue::open(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(queue.position().unwrap(), None);
        queue
            .take_in(&[message("msg_a", "ops"), message("msg_b", "chat")], 4)
            .unwrap();
        queue.take_in(&[message("msg_a", "ops")], 4).unwrap();
        assert_eq!(queue.position().unwrap(), Some(4));
        assert_eq!(queue.due("ops", start(), 9).unwrap().len(), 1);
        assert_eq!(queue.of(action()).unwrap()[1].next_try_at, None);

        let later = start().plus_seconds(5);
        queue.tried("msg_a", &failed(Some(later))).unwrap();
        drop(queue);
        let queue = Queue::open(&path).unwrap();
        assert_eq!(queue.due("ops", start().plus_seconds(4), 9).unwrap(), []);
        assert_eq!(queue.due("ops", later, 9).unwrap()[0].tries, 1);
        assert_eq!(queue.next_at(start()).unwrap(), Some(later));
        assert_eq!(queue.next_at(later).unwrap(), None);
        let told = queue.of(action()).unwrap();
        assert_eq!(told[1].first_tried_at, Some(start()));
        assert_eq!(
            (told[1].status, told[1].next_try_at),
            (Some(500), Some(later))
        );
        assert_eq!(queue.awaited().unwrap(), ["chat", "ops"]);
    }

    #[test]
    fn who_is_gone_is_not_told_until_added_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = Queue::open(&folder.path().join("deliveries.db")).unwrap();
        queue.take_in(&[message("msg_a", "ops")], 4).unwrap();
        assert_eq!(queue.give_up("ops", Some(start()), "replaced").unwrap(), 0);
        assert_eq!(queue.give_up("ops", None, "gone").unwrap(), 1);
        assert_eq!(queue.due("ops", start(), 9).unwrap(), []);
        assert_eq!(queue.of(action()).unwrap()[0].state, DeliveryState::GivenUp);
        queue.disable("ops", start()).unwrap();
        assert!(queue.is_disabled("ops", start()).unwrap());
        assert!(!queue.is_disabled("ops", start().plus_seconds(1)).unwrap());
        assert!(!queue.is_disabled("chat", start()).unwrap());
    }

    #[test]
    fn what_is_over_is_forgotten_after_a_month_and_what_waits_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = Queue::open(&folder.path().join("deliveries.db")).unwrap();
        queue
            .take_in(&[message("msg_a", "ops"), message("msg_b", "chat")], 4)
            .unwrap();
        queue.tried("msg_a", &failed(None)).unwrap();
        let month = Time::from_unix_ms(start().unix_ms() + KEPT_MS);
        assert_eq!(queue.prune(month).unwrap(), 0);
        assert_eq!(queue.prune(month.plus_seconds(1)).unwrap(), 1);
        assert_eq!(queue.of(action()).unwrap()[0].id, "msg_b");
    }

    #[test]
    fn another_layout_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deliveries.db");
        let queue = Queue::open(&path).unwrap();
        queue.0.pragma_update(None, "user_version", 2).unwrap();
        drop(queue);
        assert!(matches!(Queue::open(&path), Err(QueueError::Layout(2))));
    }
}
