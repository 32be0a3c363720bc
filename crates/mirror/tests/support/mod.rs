//! A log that signs whatever a test wants.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;
use vidimus_ledger::MemoryTree;
use vidimus_ledger::checkpoint::{self, Checkpoint};
use vidimus_ledger::note::SigningKey;
use vidimus_ledger::part;
use vidimus_ledger::tree::leaf_hash;
use vidimus_mirror::{Applied, Mirror, SyncError};
use vidimus_protocol::api::{Ack, Content, Proven};
use vidimus_protocol::entry::{
    Data, Founder, Leaf, LogOpened, PartRef, PermitKey, PermitLapsed, Profile,
};
use vidimus_protocol::{ActionId, Actor, Blob, Digest, PermitId, ReviewerId, Time};

pub struct Log {
    pub key: SigningKey,
    pub origin: String,
    pub leaves: Vec<Vec<u8>>,
    pub time_unix_s: u64,
}

#[derive(Clone)]
pub struct Batch {
    pub from: u64,
    pub leaves: Vec<Vec<u8>>,
    pub note: String,
    pub consistency: Vec<Digest>,
}

impl Log {
    /// A log of `size` entries; another `seed` gives another log.
    pub fn new(seed: u8, size: u64) -> Self {
        let origin = format!("vidimus/{seed:016x}");
        let key = SigningKey::from_seed(&origin, &[seed; 32]).unwrap();
        let opened = LogOpened {
            founders: vec![Founder {
                credential_id: Blob(vec![1]),
                name: "Ada".into(),
                public_key: Blob(vec![2]),
                reviewer: ReviewerId::from_random([3; 16]),
            }],
            log_key: key.verifier().to_string(),
            nonce: Digest([seed; 32]),
            origin: origin.clone(),
            origins: vec!["http://localhost:1".into()],
            permit_keys: vec![PermitKey {
                kid: "kid".into(),
                x: Blob(vec![4; 32]),
            }],
            profile: Profile::Personal,
            rp_id: "localhost".into(),
        };
        let mut log = Self {
            key,
            origin,
            leaves: vec![leaf(Data::LogOpened(Box::new(opened)), Vec::new())],
            time_unix_s: 1000,
        };
        log.grow_to(size);
        log
    }

    /// What the mirror does not understand it keeps all the same.
    pub fn grow_to(&mut self, size: u64) {
        for index in self.size()..size {
            self.leaves.push(format!("entry {index}").into_bytes());
        }
    }

    pub fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub fn id(&self) -> Digest {
        Digest(leaf_hash(&self.leaves[0]))
    }

    pub fn tree(&self) -> MemoryTree {
        self.leaves.iter().map(|leaf| leaf_hash(leaf)).collect()
    }

    pub fn note_by(&self, key: &SigningKey, size: u64) -> String {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size,
            root: self.tree().root_at(size).unwrap(),
        };
        checkpoint::sign(&checkpoint, key, self.time_unix_s)
    }

    pub fn note(&self, size: u64) -> String {
        self.note_by(&self.key, size)
    }

    pub fn batch(&self, from: u64, end: u64) -> Batch {
        let consistency = self.tree().consistency_proof(from, end).unwrap_or_default();
        Batch {
            from,
            leaves: self.leaves[from as usize..end as usize].to_vec(),
            note: self.note(end),
            consistency: consistency.into_iter().map(Digest).collect(),
        }
    }

    pub fn ack(&self, indexes: &[u64], size: u64) -> Ack {
        let entries = indexes
            .iter()
            .map(|index| Proven {
                index: *index,
                leaf: String::from_utf8(self.leaves[*index as usize].clone()).unwrap(),
                proof: self
                    .tree()
                    .inclusion_proof(*index, size)
                    .unwrap()
                    .into_iter()
                    .map(Digest)
                    .collect(),
            })
            .collect();
        Ack {
            parts: Vec::new(),
            checkpoint: self.note(size),
            entries,
        }
    }

    /// Appends an entry with a part; returns its position.
    pub fn push_with_part(&mut self, name: &str, content: &Content) -> u64 {
        self.push_with_part_of_size(name, content, content.bytes.0.len() as u64)
    }

    pub fn push_with_part_of_size(&mut self, name: &str, content: &Content, size: u64) -> u64 {
        let commit = part::commit(&content.salt.0, &content.r#type, &content.bytes.0).unwrap();
        let part = PartRef {
            commit: Digest(commit),
            name: name.into(),
            size,
            r#type: content.r#type.clone(),
        };
        let data = PermitLapsed {
            action: ActionId::from_random([1; 16]),
            permit: PermitId::from_random([2; 16]),
        };
        self.leaves
            .push(leaf(Data::PermitLapsed(Box::new(data)), vec![part]));
        self.size() - 1
    }
}

fn leaf(data: Data, parts: Vec<PartRef>) -> Vec<u8> {
    Leaf {
        time: Time::from_unix_ms(0),
        actor: Actor::Gateway,
        refs: Vec::new(),
        data,
        parts,
    }
    .to_bytes()
}

pub fn content(text: &str) -> Content {
    Content {
        bytes: Blob(text.into()),
        salt: Digest([5; 32]),
        r#type: "text/plain".into(),
    }
}

/// A folder with a mirror in it.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mirror.db")
    }

    pub fn open(&self) -> Mirror {
        Mirror::open(&self.path()).unwrap()
    }

    /// A mirror of the first `size` entries.
    pub fn synced(&self, log: &Log, size: u64) -> Mirror {
        let mut mirror = self.open();
        mirror.adopt(log.id()).unwrap();
        apply(&mut mirror, &log.batch(0, size)).unwrap();
        mirror
    }

    /// The database, by the back door.
    pub fn database(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

pub fn apply(mirror: &mut Mirror, batch: &Batch) -> Result<Applied, SyncError> {
    mirror.apply(batch.from, &batch.leaves, &batch.note, &batch.consistency)
}
