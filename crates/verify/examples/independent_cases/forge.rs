//! A log whose author holds every key: any leaf or part may be changed, and everything that hangs on it is
//! made anew, so that only the check of the change itself can refuse it.

use std::collections::HashMap;

use serde_json::{Value, json};
use vidimus_ledger::checkpoint::{self, Checkpoint};
use vidimus_ledger::note::SigningKey;
use vidimus_ledger::part;
use vidimus_ledger::tree::{MemoryTree, leaf_hash, node_hash};
use vidimus_protocol::{Blob, Digest, sha256, strict};
use vidimus_verify::testkit::{Member, SoftKey, Story};

/// In a string, what stands between two of these is written as it is, without quotes.
pub(crate) const RAW: &str = "@raw@";

const CREDENTIAL_ID: &str = "/data/signed/assertion/credential_id";

/// What is done to the bytes of a leaf.
pub(crate) type ChangeBytes = fn(Vec<u8>) -> Vec<u8>;

/// Leaves and part lines as JSON.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) leaves: Vec<Value>,
    pub(crate) parts: Vec<Value>,
    /// What is done to the bytes of one leaf before it is hashed.
    pub(crate) bytes: Option<(usize, ChangeBytes)>,
}

/// A log with its keys.
pub(crate) struct Forge {
    pub(crate) content: Content,
    /// Of each leaf its hash, and the root from there on.
    hashes: Vec<([u8; 32], [u8; 32])>,
    key: SoftKey,
    /// Further keys by credential id.
    keys: HashMap<String, SoftKey>,
    log_key: SigningKey,
}

/// A log as one file, line by line and without trailer.
pub(crate) struct Sealed {
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) log: Digest,
    /// Number of its entries.
    pub(crate) size: usize,
}

impl Forge {
    /// Takes a story over, under a log key of our own.
    pub(crate) fn new(story: Story) -> Self {
        Self::with_keys(story, Vec::new())
    }

    /// Takes a story over in which these keys sign too.
    pub(crate) fn with_keys(story: Story, members: Vec<Member>) -> Self {
        let mut leaves: Vec<Value> = story.leaves().iter().map(|leaf| read(leaf)).collect();
        let parts = story.parts().iter().map(|(index, name, content)| {
            json!({
                "bytes": content.bytes.to_string(),
                "index": index,
                "name": name,
                "salt": content.salt.to_string(),
                "type": content.r#type,
            })
        });
        let parts = parts.collect();
        let origin = text(&leaves[0], "/data/origin");
        let log_key = SigningKey::from_seed(&origin, &[9; 32]).expect("the origin is a name");
        let old = Content {
            leaves: leaves.clone(),
            parts,
            bytes: None,
        };
        leaves[0]["data"]["log_key"] = json!(log_key.verifier().to_string());
        let new = Content {
            leaves,
            ..old.clone()
        };
        let mut forge = Self {
            hashes: hashes(&old),
            content: old,
            key: story.key,
            keys: members
                .into_iter()
                .map(|member| (member.credential_id.to_string(), member.key))
                .collect(),
            log_key,
        };
        forge.take_on(&new);
        forge
    }

    /// The same log after a change, signed anew.
    pub(crate) fn changed(mut self, how: impl FnOnce(&mut Content)) -> Self {
        let mut content = self.content.clone();
        how(&mut content);
        self.take_on(&content);
        self
    }

    fn take_on(&mut self, changed: &Content) {
        self.content = self.follow(changed).0;
        self.hashes = hashes(&self.content);
    }

    /// The file of this log.
    pub(crate) fn sealed(&self) -> Sealed {
        self.seal(&self.content)
    }

    /// The file of a changed log, signed anew wherever the change did not touch a signature itself.
    pub(crate) fn seal(&self, changed: &Content) -> Sealed {
        let (content, leaves) = self.follow(changed);
        self.lines(&content, leaves)
    }

    /// The file of a changed log in which only tree and checkpoint follow the change.
    pub(crate) fn seal_tree(&self, changed: &Content) -> Sealed {
        let leaves = changed.leaves.iter().map(written).collect();
        self.lines(changed, leaves)
    }

    /// The root over the first entries.
    pub(crate) fn root_at(&self, size: usize) -> String {
        hex(match size {
            0 => MemoryTree::new().root(),
            _ => self.hashes[size - 1].1,
        })
    }

    /// A checkpoint of this log's key.
    pub(crate) fn checkpoint(&self, origin: &str, size: u64, root: [u8; 32]) -> String {
        let checkpoint = Checkpoint {
            origin: origin.into(),
            size,
            root,
        };
        checkpoint::sign(&checkpoint, &self.log_key, 1_795_260_000)
    }

    fn lines(&self, content: &Content, leaves: Vec<Vec<u8>>) -> Sealed {
        let mut tree = MemoryTree::new();
        for leaf in &leaves {
            tree.push(leaf_hash(leaf));
        }
        let log = Digest(leaf_hash(&leaves[0]));
        let origin = self.log_key.verifier().name().to_owned();
        let header = json!({
            "checkpoint": self.checkpoint(&origin, tree.size(), tree.root()),
            "log": log.to_string(),
            "parts": content.parts.len(),
            "size": leaves.len(),
            "type": "vidimus-export",
            "v": 1,
        });
        let size = leaves.len();
        let mut lines = vec![written(&header)];
        lines.extend(leaves.iter().map(|leaf| hash_line(leaf)));
        lines.extend(leaves);
        lines.extend(content.parts.iter().map(written));
        Sealed { lines, log, size }
    }

    /// Carries a change on: hashes, commits, roots, challenges, signatures. A value that the change itself
    /// replaced stays as it is.
    fn follow(&self, changed: &Content) -> (Content, Vec<Vec<u8>>) {
        let mut new = changed.clone();
        let mut follows = HashMap::new();
        let mut new_tree = MemoryTree::new();
        self.follow_parts(&mut new, &mut follows);
        let mut bytes = Vec::new();
        for (index, leaf) in new.leaves.iter_mut().enumerate() {
            let old = self.content.leaves.get(index);
            // Up to the change, every signature stays as it is.
            if !follows.is_empty() || old != Some(leaf) {
                replace(leaf, &follows);
                if let Some(old) = old {
                    self.follow_act(old, leaf, &follows);
                }
            }
            let mut written = written(leaf);
            if let Some((_, change)) = changed.bytes.filter(|(at, _)| *at == index) {
                written = change(written);
            }
            new_tree.push(leaf_hash(&written));
            if let Some((hash, root)) = self.hashes.get(index) {
                let pairs = [(*hash, leaf_hash(&written)), (*root, new_tree.root())];
                let others = pairs.into_iter().filter(|(old, new)| old != new);
                follows.extend(others.map(|(old, new)| (hex(old), hex(new))));
            }
            bytes.push(written);
        }
        (new, bytes)
    }

    fn follow_parts(&self, new: &mut Content, follows: &mut HashMap<String, String>) {
        for part in &new.parts {
            let same = |other: &&Value| ["index", "name"].iter().all(|key| other[key] == part[key]);
            let Some(old) = self.content.parts.iter().find(same) else {
                continue;
            };
            let (Some(old_commit), Some(new_commit)) = (commit(old), commit(part)) else {
                continue;
            };
            if old_commit == new_commit {
                continue;
            }
            let index = part["index"]
                .as_u64()
                .and_then(|at| usize::try_from(at).ok());
            let leaf = index.and_then(|at| new.leaves.get_mut(at));
            let listed = leaf.and_then(|leaf| leaf["parts"].as_array_mut());
            for listed in listed.into_iter().flatten() {
                if listed["commit"] == json!(old_commit) {
                    listed["size"] = json!(blob(&part["bytes"]).map_or(0, |bytes| bytes.len()));
                    listed["type"] = part["type"].clone();
                }
            }
            follows.insert(old_commit, new_commit);
        }
    }

    /// Digests inside of one leaf, then its signature.
    fn follow_act(&self, old: &Value, new: &mut Value, follows: &HashMap<String, String>) {
        let mut inside = HashMap::new();
        for digest in [seen, attestation] {
            if let (Some(old), Some(new)) = (digest(old), digest(new)) {
                inside.insert(old, new);
            }
        }
        if let Some(item) = new.pointer_mut("/data/signed/item") {
            replace(item, &inside);
        }
        let roots = items_root(old).zip(items_root(new));
        if let Some(envelope) = new.pointer_mut("/data/signed/envelope") {
            replace(envelope, &roots.into_iter().collect());
        }
        // Log id and challenge stand inside of the client data, which is text inside of text.
        let mut texts = follows.clone();
        if let (Some(old), Some(new)) = (challenge(old), challenge(new)) {
            texts.insert(old, new);
        }
        for place in [
            "/data/client_data_json",
            "/data/signed/assertion/client_data_json",
        ] {
            if let Some(value) = new.pointer_mut(place) {
                rewrite(value, &texts);
            }
        }
        let signature = "/data/signed/assertion/signature";
        if old.pointer(signature) != new.pointer(signature) {
            return;
        }
        let [data, client_data] = ["authenticator_data", "client_data_json"]
            .map(|name| blob(new.pointer(&format!("/data/signed/assertion/{name}"))?));
        let claimed = new.pointer(CREDENTIAL_ID).cloned().unwrap_or_default();
        if let (Some(mut message), Some(client_data), Some(signature)) =
            (data, client_data, new.pointer_mut(signature))
        {
            message.extend(sha256(&[&client_data]).0);
            *signature = json!(self.key_of(old, &claimed).sign(&message).to_string());
        }
    }

    /// The key that an assertion names, or that it named before the change.
    fn key_of(&self, old: &Value, claimed: &Value) -> &SoftKey {
        let names = [Some(claimed), old.pointer(CREDENTIAL_ID)];
        let mut known = names
            .into_iter()
            .filter_map(|name| self.keys.get(name?.as_str()?));
        known.next().unwrap_or(&self.key)
    }
}

impl Sealed {
    /// Where the line with the hash of an entry stands.
    pub(crate) fn hash_at(&self, entry: usize) -> usize {
        1 + entry
    }

    /// Where the leaf of an entry stands.
    pub(crate) fn leaf_at(&self, entry: usize) -> usize {
        1 + self.size + entry
    }

    /// Where the parts begin.
    pub(crate) fn parts_at(&self) -> usize {
        1 + 2 * self.size
    }

    /// The file, under a right trailer.
    pub(crate) fn file(&self) -> Vec<u8> {
        finished(&self.lines)
    }
}

/// Puts a right trailer under any lines.
pub(crate) fn finished(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for line in lines {
        file.extend(line);
        file.push(b'\n');
    }
    let trailer = json!({"sha256": sha256(&[&file]).to_string()});
    file.extend(written(&trailer));
    file.push(b'\n');
    file
}

/// The line that names a leaf's hash.
pub(crate) fn hash_line(leaf: &[u8]) -> Vec<u8> {
    written(&json!(hex(leaf_hash(leaf))))
}

/// Canonical bytes, except where a string asks for others.
pub(crate) fn written(value: &Value) -> Vec<u8> {
    let text = String::from_utf8(strict::canonical(value)).expect("JSON is UTF-8");
    let (open, close) = (format!("\"{RAW}"), format!("{RAW}\""));
    text.replace(&open, "").replace(&close, "").into_bytes()
}

pub(crate) fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("the testkit writes JSON")
}

pub(crate) fn text(value: &Value, place: &str) -> String {
    value
        .pointer(place)
        .and_then(Value::as_str)
        .expect("a string stands there")
        .to_owned()
}

/// Bytes that stand in base64url.
pub(crate) fn blob(value: &Value) -> Option<Vec<u8>> {
    serde_json::from_value::<Blob>(value.clone())
        .ok()
        .map(|blob| blob.0)
}

fn hashes(content: &Content) -> Vec<([u8; 32], [u8; 32])> {
    let mut tree = MemoryTree::new();
    let leaves = content.leaves.iter().map(|leaf| leaf_hash(&written(leaf)));
    leaves
        .map(|hash| {
            tree.push(hash);
            (hash, tree.root())
        })
        .collect()
}

fn hex(hash: [u8; 32]) -> String {
    Digest(hash).to_string()
}

fn replace(value: &mut Value, follows: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(new) = follows.get(text) {
                text.clone_from(new);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, follows)),
        Value::Object(members) => members.values_mut().for_each(|item| replace(item, follows)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn rewrite(value: &mut Value, texts: &HashMap<String, String>) {
    let Some(Ok(mut text)) = blob(value).map(String::from_utf8) else {
        return;
    };
    for (old, new) in texts {
        text = text.replace(old, new);
    }
    *value = json!(Blob(text.into_bytes()).to_string());
}

fn commit(part: &Value) -> Option<String> {
    let salt: Digest = serde_json::from_value(part["salt"].clone()).ok()?;
    let content = blob(&part["bytes"])?;
    part::commit(&salt.0, part["type"].as_str()?, &content)
        .ok()
        .map(hex)
}

fn seen(leaf: &Value) -> Option<String> {
    let seen = leaf.pointer("/data/seen")?;
    Some(sha256(&[b"vidimus/seen/v1\0", &written(seen)]).to_string())
}

fn attestation(leaf: &Value) -> Option<String> {
    let object = blob(leaf.pointer("/data/attestation_object")?)?;
    Some(sha256(&[&object]).to_string())
}

/// The root over the one or two items of an act.
fn items_root(leaf: &Value) -> Option<String> {
    let signed = leaf.pointer("/data/signed")?;
    let item = leaf_hash(&written(signed.get("item")?));
    let path = signed["path"].as_array()?;
    let Some(sibling) = path.first() else {
        return Some(hex(item));
    };
    let sibling: Digest = serde_json::from_value(sibling.clone()).ok()?;
    Some(hex(match signed["index"].as_u64()? {
        0 => node_hash(&item, &sibling.0),
        _ => node_hash(&sibling.0, &item),
    }))
}

fn challenge(leaf: &Value) -> Option<String> {
    let envelope = leaf.pointer("/data/signed/envelope")?;
    let tag = format!("vidimus/{}/v1\0", envelope["type"].as_str()?);
    let challenge = sha256(&[tag.as_bytes(), &written(envelope)]);
    Some(Blob(challenge.0.to_vec()).to_string())
}
