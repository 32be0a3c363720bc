//! Who was told about an action. The gateway is asked each time and nothing is
//! kept: it is its word, and no part of the verified copy.

use vidimus_client::Gateway;
use vidimus_protocol::ActionId;
use vidimus_protocol::api;

use super::{Answer, Core, answer};
use crate::act::sentence;
use crate::safe_text;
use crate::view::{DeliveriesView, DeliveryState, DeliveryView, Problem, Reply, SafeText};

impl Core {
    pub(super) fn deliveries(&mut self, action: &str, reply: Answer) {
        let (client, action) = match self.may_ask(action) {
            Ok(asked) => asked,
            Err(problem) => return self.answers.push((reply, Err(problem))),
        };
        self.setting.runtime.spawn(async move {
            let told = client.deliveries(action).await;
            let told = told.map(|told| Reply::Deliveries(view(&told)));
            answer(
                reply,
                told.map_err(|error| {
                    Problem::new(
                        "deliveries_unknown",
                        format!("The gateway does not say who was told: {error}."),
                        "It is asked again by itself.",
                    )
                }),
            );
        });
    }

    fn may_ask(&self, action: &str) -> Result<(Gateway, ActionId), Problem> {
        let action = action
            .parse()
            .map_err(|_| super::review::unknown_action())?;
        let session = self.session.as_ref().ok_or_else(|| {
            Problem::new(
                "sign_in_first",
                "The gateway says who was told to whoever is signed in.",
                "Sign in with your key first.",
            )
        })?;
        Ok((self.base()?.client.with_token(&session.token), action))
    }
}

fn view(told: &api::DeliveriesView) -> DeliveriesView {
    DeliveriesView {
        endpoints: told.endpoints,
        problem: told.problem.as_deref().map(words),
        deliveries: told.deliveries.iter().map(delivery).collect(),
    }
}

/// The gateway's words as a sentence.
fn words(text: &str) -> SafeText {
    safe_text::prose(&sentence(text))
}

fn delivery(told: &api::DeliveryView) -> DeliveryView {
    let unix_ms = |time: Option<vidimus_protocol::Time>| time.map(|time| time.unix_ms());
    DeliveryView {
        endpoint: safe_text::line(&told.endpoint),
        host: safe_text::line(&told.host),
        event: safe_text::line(&told.event),
        entry: told.entry,
        state: match told.state {
            api::DeliveryState::Waiting => DeliveryState::Waiting,
            api::DeliveryState::Arrived => DeliveryState::Arrived,
            api::DeliveryState::Failed => DeliveryState::Failed,
            api::DeliveryState::GivenUp => DeliveryState::GivenUp,
        },
        tries: told.tries,
        first_tried_unix_ms: unix_ms(told.first_tried_at),
        last_tried_unix_ms: unix_ms(told.last_tried_at),
        next_try_unix_ms: unix_ms(told.next_try_at),
        why: told.why.as_deref().map(words),
    }
}
