//! A reviewer edited an action: another one takes its place.

use vidimus_client::ClientError;
use vidimus_protocol::ActionId;
use vidimus_protocol::action::Action;
use vidimus_protocol::api::Content;
use vidimus_protocol::{diff, edit};

use crate::request::Request;
use crate::setup::Executor;
use crate::stop::{Stop, Why};
use crate::text::{quote, visible};

impl Executor {
    /// What the reviewer made of it, as the gateway says.
    ///
    /// # Errors
    /// A [`Stop`] when there is no such action, or nobody answers.
    pub async fn edited(&self, to: ActionId) -> Result<Content, Stop> {
        match self.gateway.payload(to).await {
            Ok(payload) => Ok(payload),
            Err(ClientError::Problem { status: 404, .. }) => Err(Stop::new(
                Why::Unproven,
                format!("the gateway says that {to} took its place, and knows no such action"),
            )),
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// Takes the edited action back: nobody here will run it. `words` say why.
    pub async fn refuse_edit(&self, to: ActionId, why: Why, words: &str) -> Stop {
        let withdrawn = match self.gateway.withdraw(to).await {
            Ok(_) => format!("{to} is withdrawn"),
            Err(_) => format!("{to} could not be withdrawn; nobody runs it, and it expires"),
        };
        Stop::new(why, format!("{words}. {withdrawn}; nothing has run")).over()
    }

    /// For whoever runs only what was asked for: the agent is told what the
    /// reviewer changed, and may ask for that itself.
    pub async fn decline_edit(&self, request: &Request, to: ActionId) -> Stop {
        let edited = self
            .edited(to)
            .await
            .and_then(|payload| Action::parse(&payload.bytes.0).map_err(Stop::internal));
        let edited = match edited {
            Ok(edited) => edited,
            Err(stop) => return self.refuse_edit(to, stop.why, &stop.words).await,
        };
        let words = if edit::check(&request.action, &edited).is_err() {
            // Of a sort that nobody can edit.
            "a reviewer would approve something else; ask them what".into()
        } else {
            let changes = changes(&request.action, &edited);
            let lines: String = changes.iter().map(|line| format!("\n  - {line}")).collect();
            format!(
                "a reviewer would approve it otherwise; ask for that if it serves. They changed:{lines}"
            )
        };
        self.refuse_edit(to, Why::Edited, &words).await
    }
}

/// What an edit changes, a line for each.
#[must_use]
pub fn changes(before: &Action, after: &Action) -> Vec<String> {
    let side = |text: &Option<String>| text.as_deref().map_or_else(|| "(nothing)".into(), quote);
    diff::of_actions(before, after)
        .iter()
        .map(|difference| {
            format!(
                "{}: {} becomes {}",
                visible(&difference.what),
                side(&difference.before),
                side(&difference.after)
            )
        })
        .collect()
}
