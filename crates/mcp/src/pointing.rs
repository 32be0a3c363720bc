//! Points the client's user to where an action is decided, if whoever set the
//! proxy up wants that: URL elicitation.
//!
//! The link is an address and the action's id. What is answered decides
//! nothing: to accept is not to approve, and who declines or cancels has but
//! not followed the link. The call waits on as it would have without.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use vidimus_executor::text::visible;
use vidimus_protocol::ActionId;

use crate::attend::Waiter;
use crate::call::{Call, Meta};
use crate::held::Held;
use crate::message::{answer, notification, request};
use crate::options::LinkTo;
use crate::proxy::Proxy;

/// How long nobody is pointed anywhere: what policy decides alone is decided
/// by then.
const AFTER: Duration = Duration::from_secs(1);
/// The name of our request among those of an `input_required`.
const KEY: &str = "vidimus";
const CREATE: &str = "elicitation/create";

impl Proxy {
    /// When the client of a request that waits is pointed to the decision.
    pub(crate) fn point_at(&self, meta: &Meta) -> Option<Instant> {
        let takes = meta.takes_links || (!meta.is_stateless && self.state().takes_links);
        (takes && self.options.link.is_some()).then(|| Instant::now() + AFTER)
    }

    /// Points it there. Whether that is the request's answer: so it is since
    /// 2026-07-28, and the call is made again.
    pub(crate) async fn point(&self, held: &Held, waiter: &Waiter) -> bool {
        let (Some(link), Ok(executor)) = (self.options.link, self.executor()) else {
            return false;
        };
        let mut params = json!({
            "message": format!(
                "A person has to approve this call of `{}` before it runs. Open where that is decided? Your answer here decides nothing.",
                visible(&held.call.tool)
            ),
            "mode": "url",
            "url": address(link, &executor.profile.url, held.action),
        });
        if !waiter.meta.is_stateless {
            params["elicitationId"] = held.action.to_string().into();
            let asked = request(&self.link.own_id(), CREATE, Some(&params.to_string()));
            self.to_client(asked).await;
            return false;
        }
        let result = json!({
            "inputRequests": {KEY: {"method": CREATE, "params": params}},
            "requestState": held.action.to_string(),
            "resultType": "input_required",
        });
        self.landed(&waiter.id);
        self.to_client(answer(&waiter.id, "result", &result.to_string()))
            .await;
        true
    }

    /// It is decided: nobody has to look at it any more.
    pub(crate) async fn pointed(&self, action: ActionId) {
        let params = json!({"elicitationId": action.to_string()});
        self.to_client(notification("notifications/elicitation/complete", &params))
            .await;
    }
}

/// The action that a call is made again for, after its client was pointed to
/// it. What is answered is not looked at.
pub(crate) fn pointed_to(call: &Call) -> Option<ActionId> {
    let state: Value = serde_json::from_str(call.input.as_ref()?.state.as_ref()?).ok()?;
    state.as_str()?.parse().ok()
}

fn address(link: LinkTo, gateway: &impl std::fmt::Display, action: ActionId) -> String {
    match link {
        LinkTo::App => format!("vidimus://action/{action}"),
        LinkTo::Page => format!("{gateway}/console#/action/{action}"),
    }
}
