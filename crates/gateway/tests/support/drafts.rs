//! What is sent: proposals, and verdicts that can be forged before they are signed.

use vidimus_ledger::tree::{leaf_hash, root_of};
use vidimus_protocol::action::{Action, Context, PAYLOAD_TYPE, Payload};
use vidimus_protocol::api::{Content, Propose, StartCeremony, VerdictExtras};
use vidimus_protocol::envelope::{Envelope, VerdictItem};
use vidimus_protocol::{ActionId, Blob, Digest, strict};

use super::{random16, random32};

pub fn action(argv: &[&str]) -> Action {
    let mut action = vidimus_verify::testkit::sample_action(0);
    if let Payload::Command(command) = &mut action.payload {
        command.argv = argv.iter().map(|text| (*text).to_owned()).collect();
    }
    action
}

pub fn content(r#type: &str, bytes: &[u8]) -> Content {
    Content {
        bytes: Blob(bytes.to_vec()),
        salt: random32(),
        r#type: r#type.to_owned(),
    }
}

pub fn commit(content: &Content) -> Digest {
    Digest(
        vidimus_ledger::part::commit(&content.salt.0, &content.r#type, &content.bytes.0).unwrap(),
    )
}

pub fn proposal(argv: &[&str]) -> Propose {
    Propose {
        action: ActionId::from_random(random16()),
        context: Some(content(
            vidimus_protocol::action::CONTEXT_TYPE,
            &Context {
                intent: Some("because".into()),
                ..Context::default()
            }
            .to_bytes(),
        )),
        payload: content(PAYLOAD_TYPE, &action(argv).to_bytes()),
        run: None,
        ttl_s: None,
    }
}

/// A verdict on its way: everything that can be forged before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub envelope: Envelope,
    pub item: VerdictItem,
    pub extras: VerdictExtras,
}

impl Draft {
    /// Brings root and commits in line with the rest.
    pub fn seal(mut self) -> Self {
        self.item.reason_commit = commit(&self.extras.reason);
        self.item.seen = self.extras.seen.digest();
        self.root()
    }

    pub fn root(mut self) -> Self {
        self.envelope.items_root = Digest(root_of(&[leaf_hash(&strict::canonical(&self.item))]));
        self
    }

    pub fn start(&self) -> StartCeremony {
        StartCeremony {
            envelope: self.envelope.clone(),
            items: vec![String::from_utf8(strict::canonical(&self.item)).unwrap()],
            edit: None,
            grant: None,
            policy: None,
            review: None,
            verdict: Some(self.extras.clone()),
        }
    }
}
