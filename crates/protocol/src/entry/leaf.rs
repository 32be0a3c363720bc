//! The frame around every kind: time, actor, references, parts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::kinds::{Data, Kind};
use crate::bytes::Digest;
use crate::envelope::Signed;
use crate::id::Actor;
use crate::strict::{self, StrictError};
use crate::time::Time;

/// Most bytes of a leaf.
pub const MAX_LEAF: usize = 65_535;

/// One fact of a known kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Never before the previous entry's.
    pub time: Time,
    /// Who wrote it.
    pub actor: Actor,
    /// Entries it builds on.
    pub refs: Vec<Ref>,
    /// What it says.
    pub data: Data,
    /// Content that is committed to here and kept elsewhere, sorted by name.
    pub parts: Vec<PartRef>,
}

/// Names an earlier entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ref {
    /// Its position.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Digest,
}

/// Commits to a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRef {
    /// `SHA-256("vidimus/part/v1\0" ‖ salt ‖ u64 length ‖ type ‖ \0 ‖ bytes)`.
    pub commit: Digest,
    /// Its name in this entry.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Content type.
    pub r#type: String,
}

/// A leaf as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Of a kind that this version can judge.
    Known(Leaf),
    /// Well-formed, of a version or kind that this program does not know. It
    /// is hashed, proven and mirrored, and nothing after it can be judged.
    Unknown {
        /// Its format version.
        v: u64,
        /// Its kind.
        kind: String,
    },
}

/// Why bytes are no leaf.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Not strict canonical JSON, or a known kind with a wrong field.
    #[error(transparent)]
    Strict(#[from] StrictError),
    /// No `v` or no `kind`.
    #[error("no ledger entry: `v` and `kind` are missing")]
    NoEntry,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame<'a, D> {
    actor: Actor,
    data: D,
    kind: &'a str,
    parts: std::borrow::Cow<'a, [PartRef]>,
    refs: std::borrow::Cow<'a, [Ref]>,
    time: Time,
    v: u64,
}

impl Leaf {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.data.kind()
    }

    /// The part of that name.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&PartRef> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The canonical bytes, without a line end.
    ///
    /// # Panics
    /// Never: a leaf holds only what JSON can write.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        strict::ordered(&self.frame())
    }

    fn frame(&self) -> Frame<'_, &Data> {
        Frame {
            actor: self.actor,
            data: &self.data,
            kind: self.kind().as_str(),
            parts: (&self.parts).into(),
            refs: (&self.refs).into(),
            time: self.time,
            v: 1,
        }
    }

    /// Reads a leaf.
    ///
    /// # Errors
    /// [`LeafError`] unless the bytes are the canonical form of a leaf.
    pub fn parse(bytes: &[u8]) -> Result<Parsed, LeafError> {
        Self::parse_if(bytes, |leaf| strict::is_ordered(&leaf.frame(), bytes))
    }

    /// The canonical bytes, and what [`Leaf::parse`] reads in them.
    pub fn written(&self) -> (Vec<u8>, Result<Parsed, LeafError>) {
        let bytes = self.to_bytes();
        // What is read back as the same leaf would be written the same again.
        let parsed = Self::parse_if(&bytes, |leaf| leaf == self);
        (bytes, parsed)
    }

    fn parse_if(bytes: &[u8], comes_back: impl FnOnce(&Self) -> bool) -> Result<Parsed, LeafError> {
        if bytes.len() > MAX_LEAF {
            return Err(StrictError::TooLong {
                size: bytes.len(),
                limit: MAX_LEAF,
            }
            .into());
        }
        // Equal bytes after a typed round trip leave no room for duplicate
        // keys, other spellings or unknown fields. Whatever differs is read
        // again slowly, to say why.
        if let Some(leaf) = Self::parse_known(bytes)
            && leaf.numbers_are_safe()
            && comes_back(&leaf)
        {
            return Ok(Parsed::Known(leaf));
        }
        Self::parse_slowly(bytes)
    }

    fn parse_known(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let frame: Frame<'_, &RawValue> = serde_json::from_str(text).ok()?;
        let kind = Kind::from_text(frame.kind).filter(|_| frame.v == 1)?;
        let data = Data::parse(kind, frame.data.get()).ok()?;
        Some(Self {
            time: frame.time,
            actor: frame.actor,
            refs: frame.refs.into_owned(),
            data,
            parts: frame.parts.into_owned(),
        })
    }

    /// Numbers that are no positions of the log itself stay below 2^53 here;
    /// positions are bounded by the log's size, which the reducer checks.
    fn numbers_are_safe(&self) -> bool {
        fn act<I>(signed: &Signed<I>) -> [u64; 5] {
            [signed.count, signed.index, 0, 0, 0]
        }
        let (groups, escalate) = match &self.data {
            Data::ActionProposed(data) => {
                let asked = &data.evaluation;
                (asked.groups.as_slice(), asked.escalate.as_slice())
            }
            _ => Default::default(),
        };
        let data = match &self.data {
            Data::ActionProposed(data) => {
                let asked = &data.evaluation;
                let veto = asked.veto.unwrap_or_default();
                [
                    asked.quorum,
                    asked.ttl_s,
                    asked.use_s,
                    asked.separate_s.max(asked.grace_s),
                    veto,
                ]
            }
            Data::ActionCompleted(data) => [data.duration_ms, data.output_omitted, 0, 0, 0],
            Data::RulesChanged(data) => {
                let [count, index, ..] = act(&data.signed);
                let rules = &data.signed.item;
                [count, index, rules.max_age_days, rules.quorum, 0]
            }
            Data::PolicyChanged(data) => act(&data.signed),
            Data::VerdictGiven(data) => act(&data.signed),
            Data::VerdictRecognised(data) => act(&data.signed),
            Data::VerdictReviewed(data) => act(&data.signed),
            Data::GrantGiven(data) => {
                let [count, index, ..] = act(&data.signed);
                [count, index, data.signed.item.uses, 0, 0]
            }
            Data::GrantRevoked(data) => act(&data.signed),
            Data::DelegationGiven(data) => act(&data.signed),
            Data::DelegationRevoked(data) => act(&data.signed),
            Data::AgentRegistered(data) => act(&data.signed),
            Data::AgentRevoked(data) => act(&data.signed),
            Data::AgentPaused(data) => act(&data.signed),
            Data::ActionEdited(data) => act(&data.signed),
            Data::AgentResumed(data) => act(&data.signed),
            Data::CredentialEnrolled(data) => act(&data.signed),
            Data::CredentialAdmitted(data) => act(&data.signed),
            Data::CredentialRevoked(data) => act(&data.signed),
            Data::ReviewerRegistered(data) => act(&data.signed),
            Data::ReviewerChanged(data) => act(&data.signed),
            Data::ReviewerRemoved(data) => act(&data.signed),
            Data::LogOpened(_)
            | Data::ActionTaken(_)
            | Data::ActionAsked(_)
            | Data::ActionAnswered(_)
            | Data::ActionFlagged(_)
            | Data::ActionEscalated(_)
            | Data::ActionResolved(_)
            | Data::PermitIssued(_)
            | Data::PermitLapsed(_)
            | Data::PermitRedeemed(_) => [0; 5],
        };
        data.into_iter()
            .chain(self.parts.iter().map(|part| part.size))
            .chain(self.refs.iter().map(|known| known.index))
            .chain(groups.iter().map(|group| group.people))
            .chain(escalate.iter().map(|step| step.after_s))
            .all(|number| number <= strict::MAX_SAFE)
    }

    fn parse_slowly(bytes: &[u8]) -> Result<Parsed, LeafError> {
        let value: serde_json::Value = strict::parse_canonical(bytes, MAX_LEAF)?;
        let (Some(v), Some(kind)) = (
            value.get("v").and_then(|v| v.as_u64()),
            value.get("kind").and_then(|kind| kind.as_str()),
        ) else {
            return Err(LeafError::NoEntry);
        };
        let Some(known) = Kind::from_text(kind).filter(|_| v == 1) else {
            return Ok(Parsed::Unknown {
                v,
                kind: kind.to_owned(),
            });
        };
        let shape = |error: serde_json::Error| StrictError::Shape(error.to_string());
        let frame: Frame<'_, &RawValue> = serde_json::from_slice(bytes).map_err(shape)?;
        Data::parse(known, frame.data.get()).map_err(shape)?;
        // Typed well, canonical as JSON, and yet another spelling inside (an
        // explicit null for an absent field).
        Err(StrictError::NotCanonical.into())
    }
}
