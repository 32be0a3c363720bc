//! What a message says: ids, times and statuses of one committed entry. What
//! an agent or a person wrote is never in it. Format: `docs/spec/webhooks.md`.

use serde::Serialize;
use vidimus_protocol::api::ActionStatus;
use vidimus_protocol::entry::{Data, Resolution};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::{ActionId, Digest, Kind, Leaf, ReviewerId, State, Time, sha256};

use crate::routes::status;

/// Kinds of entry that endpoints can be told of.
pub(super) const EVENTS: [Kind; 9] = [
    Kind::ActionProposed,
    Kind::ActionEscalated,
    Kind::VerdictGiven,
    Kind::VerdictReviewed,
    Kind::ActionResolved,
    Kind::PermitIssued,
    Kind::PermitLapsed,
    Kind::PermitRedeemed,
    Kind::ActionCompleted,
];

/// One entry that can be told.
pub(super) struct Event {
    pub(super) action: ActionId,
    pub(super) entry: u64,
    pub(super) kind: Kind,
    pub(super) at: Time,
    /// The bytes that are sent, the same at every try.
    pub(super) body: String,
    log: Digest,
}

/// Every message.
#[derive(Serialize)]
struct Body<T> {
    r#type: &'static str,
    timestamp: Time,
    data: T,
}

#[derive(Serialize)]
struct Told {
    log: Digest,
    action: ActionId,
    agent: vidimus_protocol::AgentId,
    kind: vidimus_protocol::action::ActionKind,
    status: ActionStatus,
    expires_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// Who is in the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<Vec<ReviewerId>>,
    entry: u64,
    leaf_hash: Digest,
    link: String,
    page: String,
}

impl Event {
    /// What there is to tell of the entry at `entry`, if anything. `state`
    /// knows it already.
    pub(super) fn of(
        leaf: &Leaf,
        entry: u64,
        leaf_hash: Digest,
        state: &State,
        gateway: &str,
    ) -> Option<Self> {
        let kind = leaf.data.kind();
        if !EVENTS.contains(&kind) {
            return None;
        }
        let action = leaf.data.action()?;
        let log = state.log()?.id;
        let known = state.action(&action)?;
        let status = stands(&leaf.data).unwrap_or_else(|| status(known));
        let group = match &leaf.data {
            Data::ActionEscalated(data) => Some(data.group.clone()),
            _ => None,
        };
        let told = Told {
            log,
            action,
            agent: known.agent,
            kind: known.kind,
            status,
            expires_at: known.expires_at,
            verdict: match &leaf.data {
                Data::VerdictGiven(given) => Some(given.signed.item.verdict),
                _ => None,
            },
            people: group.as_ref().map(|group| members(state, group, leaf.time)),
            group,
            entry,
            leaf_hash,
            link: format!("vidimus://action/{action}"),
            page: format!("{gateway}/console#/action/{action}"),
        };
        Some(Self {
            action,
            entry,
            kind,
            at: leaf.time,
            body: body(kind.as_str(), leaf.time, &told),
            log,
        })
    }

    /// The `webhook-id` for an endpoint: the same at every try, and after a
    /// restart.
    pub(super) fn id(&self, endpoint: &str) -> String {
        let text = format!("vidimus/webhook/v1\0{}/{}/{endpoint}", self.log, self.entry);
        format!("msg_{}", &sha256(&[text.as_bytes()]).to_string()[..32])
    }
}

/// Who is in a group: by their records, and those to whom it is lent then.
fn members(state: &State, group: &str, now: Time) -> Vec<ReviewerId> {
    let people = state.reviewers();
    let people = people.filter(|person| state.told_as(person.id, group, now));
    let mut people: Vec<ReviewerId> = people.map(|person| person.id).collect();
    people.sort_unstable();
    people
}

/// The body of a test message to an endpoint.
pub(super) fn ping(endpoint: &str, now: Time) -> String {
    #[derive(Serialize)]
    struct Ping<'a> {
        endpoint: &'a str,
    }
    body("vidimus.ping", now, &Ping { endpoint })
}

fn body<T: Serialize>(r#type: &'static str, timestamp: Time, data: T) -> String {
    let body = Body {
        r#type,
        timestamp,
        data,
    };
    serde_json::to_string(&body).expect("plain data is JSON")
}

/// Where an action stands after an entry that says so.
fn stands(data: &Data) -> Option<ActionStatus> {
    Some(match data {
        Data::ActionProposed(_) | Data::ActionEscalated(_) | Data::VerdictGiven(_) => {
            ActionStatus::Pending
        }
        Data::ActionResolved(resolved) => match resolved.resolution {
            Resolution::Approved | Resolution::Released => ActionStatus::Approved,
            Resolution::Denied => ActionStatus::Denied,
            Resolution::Expired => ActionStatus::Expired,
            Resolution::Withdrawn => ActionStatus::Withdrawn,
            Resolution::Refused => ActionStatus::Refused,
            Resolution::Superseded => ActionStatus::Superseded,
        },
        Data::PermitIssued(_) | Data::PermitLapsed(_) => ActionStatus::Approved,
        Data::PermitRedeemed(_) => ActionStatus::Redeemed,
        Data::ActionCompleted(_) => ActionStatus::Completed,
        _ => return None,
    })
}
