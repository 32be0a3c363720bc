//! Identifiers: a prefix that says what it names, then 128 random bits in 26
//! characters of lower-case Crockford base 32.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bytes::{FromStrVisitor, ascii};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Not an identifier of the expected sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an identifier like {prefix}00000000000000000000000000")]
pub struct IdError {
    prefix: &'static str,
}

fn encode(bytes: [u8; 16]) -> [u8; 26] {
    let mut value = u128::from_be_bytes(bytes);
    let mut out = [0; 26];
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[usize::try_from(value & 31).expect("five bits")];
        value >>= 5;
    }
    out
}

/// The alphabet the other way round; what is not in it is above 31.
const DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        digits[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    digits
};

fn decode(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    // 26 characters carry 130 bits: the first may use three of its five.
    if text.len() != 26 || text[0] > b'7' {
        return None;
    }
    let mut value: u128 = 0;
    for character in text {
        let digit = DIGITS[usize::from(*character)];
        if digit > 31 {
            return None;
        }
        value = value << 5 | u128::from(digit);
    }
    Some(value.to_be_bytes())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The prefix of its text form.
            pub const PREFIX: &'static str = $prefix;

            /// From 128 random bits.
            #[must_use]
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            fn text(self) -> [u8; 30] {
                let mut text = [0; 30];
                text[..4].copy_from_slice($prefix.as_bytes());
                text[4..].copy_from_slice(&encode(self.0));
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(ascii(&self.text()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .and_then(decode)
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(ascii(&self.text()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(FromStrVisitor::new(concat!("an id that starts with ", $prefix)))
            }
        }
    };
}

id!(
    /// One proposed action. Chosen by the proposer, so that a repeated proposal
    /// is the same proposal.
    ActionId, "act_"
);
id!(
    /// A person who decides.
    ReviewerId, "rev_"
);
id!(
    /// A program that proposes.
    AgentId, "agt_"
);
id!(
    /// What redeems permits: the audience a permit names.
    ExecutorId, "exe_"
);
id!(
    /// One permit: the `jti` of its token.
    PermitId, "prm_"
);
id!(
    /// One standing grant.
    GrantId, "gra_"
);
id!(
    /// One delegation.
    DelegationId, "del_"
);
id!(
    /// One key prompt on its way.
    CeremonyId, "cer_"
);

/// The run of an agent, in its own words: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// Most characters of a [`RunId`].
pub const MAX_RUN: usize = 128;

/// Not the name of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a run: 1 to 128 visible ASCII characters, without spaces")]
pub struct RunIdError;

impl RunId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=MAX_RUN).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RunIdError)
        }
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new("1 to 128 visible ASCII characters"))
    }
}

/// Who wrote an entry's fact: `gateway`, an agent or a reviewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The gateway itself (expiry, resolution, permits).
    Gateway,
    /// An agent, known by its token.
    Agent(AgentId),
    /// A reviewer, known by a signature.
    Reviewer(ReviewerId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("gateway"),
            Self::Agent(id) => id.fmt(f),
            Self::Reviewer(id) => id.fmt(f),
        }
    }
}

/// Not an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `gateway`, an agent id or a reviewer id")]
pub struct ActorError;

impl FromStr for Actor {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        if text == "gateway" {
            return Ok(Self::Gateway);
        }
        if let Ok(agent) = text.parse() {
            return Ok(Self::Agent(agent));
        }
        text.parse().map(Self::Reviewer).map_err(|_| ActorError)
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Gateway => serializer.serialize_str("gateway"),
            Self::Agent(id) => id.serialize(serializer),
            Self::Reviewer(id) => id.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromStrVisitor::new(
            "`gateway`, an agent id or a reviewer id",
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_no_id() {
        let good = ActionId::from_random([0xff; 16]).to_string();
        assert_eq!(good, "act_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        for bad in [
            "act_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "act_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "agt_7zzzzzzzzzzzzzzzzzzzzzzzzz",
            "act_7",
            "",
            "act_7zzzzzzzzzzzzzzzzzzzzzzzzi",
        ] {
            assert!(bad.parse::<ActionId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_run_is_named_in_visible_ascii() {
        let longest = "r".repeat(MAX_RUN);
        for good in ["1", "nightly-42", r#"a"\b/{}~!"#, &longest] {
            let json = serde_json::to_string(good).unwrap();
            let read: RunId = serde_json::from_str(&json).unwrap();
            assert_eq!(read.as_str(), good);
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        for bad in ["", "a b", "a\n", "\u{7f}", "é", &"r".repeat(MAX_RUN + 1)] {
            assert_eq!(bad.parse::<RunId>(), Err(RunIdError), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(bytes: [u8; 16]) {
            let id = AgentId::from_random(bytes);
            prop_assert_eq!(id.to_string().parse::<AgentId>(), Ok(id));
            prop_assert_eq!(id.to_string().parse::<Actor>(), Ok(Actor::Agent(id)));
        }
    }
}
