//! What routes may read: only what is committed and signed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;
use vidimus_ledger::checkpoint::{self, Checkpoint};
use vidimus_ledger::note::SigningKey;
use vidimus_ledger::tree::MemoryTree;
use vidimus_protocol::api::{Ack, Proven};
use vidimus_protocol::id::ReviewerId;
use vidimus_protocol::state::Agent;
use vidimus_protocol::{Digest, Entry, State, Time};

use crate::health::Health;
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::problem::Refusal;
use crate::routes::feed::NewestMessage;
use crate::sequencer::Logged;
use crate::store::{Leaves, Session, Store, StoreError};

/// The committed log in memory.
pub(crate) struct Committed {
    pub(crate) state: State,
    pub(crate) tree: MemoryTree,
    /// The newest signed checkpoint; `None` before the log is opened.
    pub(crate) checkpoint: Option<String>,
    /// When that was signed.
    pub(crate) signed_at: Option<Time>,
    pub(crate) sessions: HashMap<Digest, Session>,
    /// What was committed last: most consoles lack just that.
    pub(crate) newest: Arc<Leaves>,
}

/// Shared between the sequencer, which writes, and the routes, which read.
pub(crate) struct Shared {
    committed: RwLock<Committed>,
    changed: watch::Sender<()>,
    reader: Mutex<Store>,
    key: SigningKey,
    origin: String,
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    pub(crate) presence: Presence,
    /// What consoles that follow the feed share.
    pub(crate) newest_message: NewestMessage,
}

/// One commit's news.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) entries: Vec<Entry>,
    pub(crate) leaves: Arc<Leaves>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) ended_sessions: Vec<Digest>,
}

impl Shared {
    pub(crate) fn new(
        committed: Committed,
        reader: Store,
        key: SigningKey,
        origin: String,
    ) -> Self {
        Self {
            committed: RwLock::new(committed),
            changed: watch::Sender::new(()),
            reader: Mutex::new(reader),
            key,
            origin,
            health: Health::default(),
            metrics: Metrics::default(),
            presence: Presence::default(),
            newest_message: NewestMessage::default(),
        }
    }

    /// The committed log. Hold it briefly and never across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Committed> {
        self.committed
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows commits and new checkpoints.
    pub(crate) fn follow(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Stored leaves and parts. Blocking: call it off the async threads.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a commit visible and signs it.
    pub(crate) fn publish(&self, news: News, now: Time) -> Result<Option<Checkpoint>, Refusal> {
        let mut committed = self
            .committed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for entry in &news.entries {
            committed.state.apply(entry).map_err(|violation| {
                Refusal::unavailable(
                    "inconsistent",
                    format!("the committed log contradicts itself: {violation}"),
                )
            })?;
            committed.tree.push(entry.leaf_hash.0);
            self.metrics.logged(entry);
        }
        if !news.leaves.is_empty() {
            committed.newest = news.leaves;
        }
        for session in news.sessions {
            committed.sessions.insert(session.token_hash, session);
        }
        for token_hash in news.ended_sessions {
            committed.sessions.remove(&token_hash);
        }
        let signed = (committed.tree.size() > 0).then(|| Checkpoint {
            origin: self.origin.clone(),
            size: committed.tree.size(),
            root: committed.tree.root(),
        });
        committed.checkpoint = signed
            .as_ref()
            .map(|signed| checkpoint::sign(signed, &self.key, now.unix_ms() / 1000));
        committed.signed_at = signed.as_ref().map(|_| now);
        drop(committed);
        self.changed.send_replace(());
        self.presence.tell(&news.entries);
        Ok(signed)
    }

    /// A signed checkpoint of an earlier size, for a feed that catches up.
    pub(crate) fn checkpoint_at(&self, size: u64, now: Time) -> Option<String> {
        let root = self.read().tree.root_at(size)?;
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        };
        Some(checkpoint::sign(
            &checkpoint,
            &self.key,
            now.unix_ms() / 1000,
        ))
    }

    /// Proves committed entries. Blocking where leaves are read back.
    pub(crate) fn acknowledge(&self, logged: &Logged) -> Result<Ack, Refusal> {
        let indexes = &logged.indexes;
        let gone = || Refusal::unavailable("inconsistent", "the committed log cannot be read back");
        let (checkpoint, proofs) = {
            let committed = self.read();
            let size = committed.tree.size();
            let prove = |index: &u64| committed.tree.inclusion_proof(*index, size);
            let proofs: Result<Vec<_>, _> = indexes.iter().map(prove).collect();
            (
                committed.checkpoint.clone().ok_or_else(gone)?,
                proofs.map_err(|_| gone())?,
            )
        };
        let leaf = |index: u64| match logged.leaf(index) {
            Some(leaf) => String::from_utf8(leaf.to_vec()).map_err(|_| gone()),
            None => self.store().leaf(index)?.ok_or_else(gone),
        };
        let entries = indexes
            .iter()
            .zip(proofs)
            .map(|(index, proof)| {
                let proof = proof.into_iter().map(Digest).collect();
                Ok(Proven {
                    index: *index,
                    leaf: leaf(*index)?,
                    proof,
                })
            })
            .collect::<Result<_, Refusal>>()?;
        Ok(Ack {
            parts: logged.parts.clone(),
            checkpoint,
            entries,
        })
    }

    /// The agent with that token.
    pub(crate) fn agent(&self, token_hash: Digest) -> Option<Agent> {
        self.read()
            .state
            .agents()
            .find(|agent| agent.token_hash == token_hash && !agent.revoked)
            .cloned()
    }

    /// Sessions whose time is over.
    pub(crate) fn sessions_over(&self, now: Time) -> Vec<Digest> {
        let committed = self.read();
        let over = committed
            .sessions
            .values()
            .filter(|session| now >= session.expires_at);
        over.map(|session| session.token_hash).collect()
    }

    /// The sessions of a person that are in force.
    pub(crate) fn sessions_of(&self, reviewer: ReviewerId, now: Time) -> Vec<Session> {
        let committed = self.read();
        let theirs = committed
            .sessions
            .values()
            .filter(|session| session.reviewer == reviewer && committed.holds(session, now));
        theirs.cloned().collect()
    }

    /// The session with that token, unless it ended.
    pub(crate) fn session(&self, token_hash: Digest, now: Time) -> Option<Session> {
        let committed = self.read();
        committed
            .sessions
            .get(&token_hash)
            .filter(|session| committed.holds(session, now))
            .cloned()
    }
}

impl Committed {
    /// The leaves from `from` on, as the store would cut them, when they were
    /// committed just now.
    pub(crate) fn newest_from(&self, from: u64, most: usize, bytes: usize) -> Option<Vec<String>> {
        let (first, _) = self.newest.first()?;
        let skip = usize::try_from(from.checked_sub(*first)?).ok()?;
        let mut total = 0;
        let mut leaves = Vec::new();
        for (_, leaf) in self.newest.get(skip..)?.iter().take(most) {
            leaves.push(String::from_utf8(leaf.clone()).ok()?);
            total += leaf.len();
            if total > bytes {
                break;
            }
        }
        Some(leaves)
    }

    /// Whether a session is in force: so long as the key is that opened it.
    fn holds(&self, session: &Session, now: Time) -> bool {
        let key = self.state.credential(&session.credential_id);
        now < session.expires_at && key.is_some_and(|key| self.state.in_force(key).is_ok())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store cannot be read");
        Self::unavailable(
            "store",
            "the ledger cannot be read: see the gateway's log, mend the disk, then try again",
        )
    }
}
