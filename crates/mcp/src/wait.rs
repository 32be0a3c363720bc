//! The tool that the proxy adds: it waits for a call that was answered with
//! *pending*, and gives its result. It knows this proxy's own actions alone.

use std::sync::Arc;

use vidimus_client::ClientError;
use vidimus_executor::{Stop, Why, random};
use vidimus_protocol::action::{MAX_TEXT, TEXT_TYPE};
use vidimus_protocol::api::{Content, WriteAnswer};
use vidimus_protocol::{ActionId, Blob};

use crate::attend::Waiter;
use crate::call::Call;
use crate::held::{Held, Stage};
use crate::json::Object;
use crate::proxy::Proxy;

impl Proxy {
    /// A call of the tool that waits.
    pub(crate) async fn wait(self: Arc<Self>, call: Call, waiter: Waiter) {
        match self.waited_for(&call).await {
            Ok((held, heard)) => {
                let waiter = Waiter {
                    // Who stops waiting has not taken anything back.
                    takes_back: false,
                    heard,
                    has_schema: false,
                    ..waiter
                };
                self.attend(&held, waiter).await;
            }
            Err(stop) => self.refuse(&call.tool, &waiter, &stop).await,
        }
    }

    /// The call that is meant, and how many questions the agent knows of.
    async fn waited_for(&self, call: &Call) -> Result<(Arc<Held>, usize), Stop> {
        let usage = |words: &str| Stop::new(Why::Usage, words);
        let arguments = Object::read(&call.arguments).map_err(Stop::internal)?;
        let action: ActionId = (arguments.string("action"))
            .and_then(|action| action.parse().ok())
            .ok_or_else(|| usage("`action` is the id that the pending answer named"))?;
        let held = self.state().held.find(action).ok_or_else(|| {
            usage("no call waits here under this id: its result was given already, or another session asked for it")
        })?;
        if let Some(input) = &call.input
            && !held.go_on(input)
        {
            return Err(usage("this call does not wait for `inputResponses`"));
        }
        if let Some(answer) = arguments.string("answer").filter(|text| !text.is_empty()) {
            self.answer_question(&held, answer).await?;
        }
        let heard = match &*held.stage.borrow() {
            Stage::Waiting { questions } => questions.len(),
            _ => 0,
        };
        Ok((held, heard))
    }

    /// Answers the reviewer's oldest open question.
    async fn answer_question(&self, held: &Held, text: String) -> Result<(), Stop> {
        if text.trim().is_empty() || text.len() > MAX_TEXT {
            let words = format!("an answer has 1 to {MAX_TEXT} bytes and is not blank");
            return Err(Stop::new(Why::Usage, words));
        }
        let executor = self.executor()?;
        let view = executor.look(held.action).await?;
        let Some(question) = view.questions.iter().find(|question| !question.answered) else {
            return Err(Stop::new(
                Why::Usage,
                "nobody has an open question about it",
            ));
        };
        let answer = WriteAnswer {
            question: question.entry,
            text: Content {
                bytes: Blob(text.into_bytes()),
                salt: random::digest()?,
                r#type: TEXT_TYPE.into(),
            },
        };
        // The same text and salt are the same answer.
        let mut sent = executor.gateway.answer(held.action, &answer).await;
        if let Err(ClientError::Unreachable { sent: true, .. }) = sent {
            sent = executor.gateway.answer(held.action, &answer).await;
        }
        sent.map_err(|error| executor.stop(&error))?;
        held.stage.send_modify(|stage| {
            if let Stage::Waiting { questions } = stage
                && !questions.is_empty()
            {
                questions.remove(0);
            }
        });
        Ok(())
    }
}
