//! The gateways that a console follows, beside what each of them shows.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Event;

/// How a gateway is told apart at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Colour {
    /// The usual one of this computer.
    #[default]
    Slate,
    /// Blue.
    Blue,
    /// Green.
    Green,
    /// Violet.
    Violet,
    /// Amber.
    Amber,
    /// Red: for what hurts most.
    Red,
}

/// What stands in a text that makes a console follow a gateway. Nothing of it
/// has been checked but its form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct JoiningRead {
    /// Address of the gateway.
    pub url: String,
    /// Fingerprint of the log that it must show, to compare aloud.
    pub log_fingerprint: String,
    /// Whether it invites somebody to make a key. Else its person has one.
    pub invites: bool,
    /// Whether this console follows that gateway already.
    pub known: bool,
}

/// An event and the gateway that it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Told {
    /// Id of the gateway.
    pub gateway: String,
    /// What happened there; `None` when it is followed no longer.
    pub event: Option<Event>,
}
