//! Who was told about an action: the gateway's word, no evidence of the log.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// `GET /v1/actions/{id}/deliveries` (session).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeliveriesView {
    /// One for each event and endpoint, in log order.
    pub deliveries: Vec<DeliveryView>,
    /// How many endpoints are told of events now.
    pub endpoints: u64,
    /// Why nobody is told at the moment, when something is in the way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
}

/// One message to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeliveryView {
    /// Name of the endpoint.
    pub endpoint: String,
    /// Position of the entry that it tells of.
    pub entry: u64,
    /// The event: the kind of that entry.
    pub event: String,
    /// First try.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_tried_at: Option<Time>,
    /// Host (and port) that it goes to.
    pub host: String,
    /// Its `webhook-id`.
    pub id: String,
    /// Last try.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_tried_at: Option<Time>,
    /// Next try, while there will be one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_try_at: Option<Time>,
    /// How far it is.
    pub state: DeliveryState,
    /// HTTP status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// How often it was tried.
    pub tries: u64,
    /// Why it has not arrived, in the gateway's words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not tried yet.
    Waiting,
    /// The endpoint answered 2xx.
    Arrived,
    /// The last try failed; there will be another.
    Failed,
    /// It failed for good.
    GivenUp,
}
