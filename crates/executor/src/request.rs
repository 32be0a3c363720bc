//! One action with the exact bytes and the salt that were proposed.

use vidimus_protocol::action::{Action, CONTEXT_TYPE, Context, PAYLOAD_TYPE};
use vidimus_protocol::api::{Content, Propose};
use vidimus_protocol::{ActionId, Blob, Digest, RunId};

use crate::random;
use crate::stop::Stop;

/// An action to be asked for. The same request again is the same proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What was, or will be, approved.
    pub action: Action,
    /// The body of the proposal.
    pub propose: Propose,
    /// The action digest.
    pub digest: Digest,
}

impl Request {
    /// A new one, with an id and salts of its own. `run`: what people can pause.
    /// `ttl_s`: the longest wait asked for, seconds.
    ///
    /// # Errors
    /// When the system gives no randomness, or the action is too long.
    pub fn new(
        action: Action,
        context: Option<&Context>,
        run: Option<RunId>,
        ttl_s: Option<u64>,
    ) -> Result<Self, Stop> {
        let content = |r#type: &str, bytes| {
            Ok::<_, Stop>(Content {
                bytes: Blob(bytes),
                salt: random::digest()?,
                r#type: r#type.into(),
            })
        };
        let context = context.map(|context| content(CONTEXT_TYPE, context.to_bytes()));
        let propose = Propose {
            action: random::action()?,
            context: context.transpose()?,
            payload: content(PAYLOAD_TYPE, action.to_bytes())?,
            run,
            ttl_s,
        };
        Self::again(propose)
    }

    /// One that was proposed before.
    ///
    /// # Errors
    /// When its payload is no action.
    pub fn again(propose: Propose) -> Result<Self, Stop> {
        let action = Action::parse(&propose.payload.bytes.0).map_err(Stop::internal)?;
        let digest = digest(&propose.payload.salt, &propose.payload.bytes.0)?;
        Ok(Self {
            action,
            propose,
            digest,
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ActionId {
        self.propose.action
    }

    /// The digest of another action under this one's salt.
    pub(crate) fn digest_of(&self, action: &Action) -> Result<Digest, Stop> {
        digest(&self.propose.payload.salt, &action.to_bytes())
    }
}

/// The action digest: the payload part's commit.
///
/// # Errors
/// When the payload is longer than a part can be.
pub fn digest(salt: &Digest, payload: &[u8]) -> Result<Digest, Stop> {
    vidimus_ledger::part::commit(&salt.0, PAYLOAD_TYPE, payload)
        .map(Digest)
        .map_err(Stop::internal)
}
