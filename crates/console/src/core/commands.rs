//! What a front may ask for, and who may ask it.

use super::notes::Say;
use super::{Answer, Core};
use crate::console::FrontId;
use crate::view::{CeremonyState, Command, Problem, Reply, Route};

impl Core {
    pub(super) fn command(&mut self, command: Command, front: &FrontId, reply: Answer) {
        if let Err(problem) = self.may(&command, front) {
            return self.answers.push((reply, Err(problem)));
        }
        let result = match command {
            // Answered by the handle; here for completeness.
            Command::View => Ok(Reply::Accepted),
            Command::Retry => self.retry(),
            Command::Setup { name, route } => self.set_up(&name, route, front),
            Command::SignIn => self.sign_in(front),
            Command::SignOut => self.sign_out(),
            Command::ConnectAgent { name } => self.connect_agent(&name, front),
            Command::CancelCeremony => self.cancel_ceremony(),
            Command::ReopenCeremony => self.reopen_ceremony(),
            Command::OpenAction { action } => return self.open_action(&action, front, reply),
            Command::Deliveries { action } => return self.deliveries(&action, reply),
            Command::Decide {
                action,
                verdict,
                reason,
            } => self.decide(&action, verdict, &reason, front),
            Command::Take { action } => return self.say(&action, Say::Take, reply),
            Command::Ask { action, text } => return self.say(&action, Say::Ask(text), reply),
            Command::Flag { action, text } => return self.say(&action, Say::Flag(text), reply),
            Command::History {
                before,
                action,
                query,
            } => self
                .history(before, action.as_deref(), &query)
                .map(Reply::History),
            Command::OpenEntry { index } => {
                self.entry(index).map(|entry| Reply::Entry(Box::new(entry)))
            }
            Command::Verify => self.verify(),
            Command::Export => return self.export(reply),
        };
        self.answers.push((reply, result));
    }

    /// A browser that is not signed in may set up, sign in, and handle the key
    /// prompt that it began itself.
    fn may(&self, command: &Command, front: &FrontId) -> Result<(), Problem> {
        if *front == FrontId::Desktop || self.authorised.contains(front) {
            return Ok(());
        }
        let ours = self
            .ceremony
            .as_ref()
            .is_some_and(|ceremony| ceremony.front == *front);
        match command {
            Command::View | Command::Setup { .. } | Command::SignIn => Ok(()),
            Command::CancelCeremony | Command::ReopenCeremony if ours => Ok(()),
            _ => Err(Problem::new(
                "sign_in_first",
                "This browser is not signed in.",
                "Sign in with your key first.",
            )),
        }
    }

    fn retry(&mut self) -> Result<Reply, Problem> {
        if self.base.is_err() {
            self.open();
        } else if self.session.is_some() && self.frozen.is_none() {
            self.start_feed();
        }
        Ok(Reply::Accepted)
    }

    fn sign_out(&mut self) -> Result<Reply, Problem> {
        let Some(session) = &self.session else {
            return Ok(Reply::Accepted);
        };
        let client = self.base()?.client.with_token(&session.token);
        self.setting.runtime.spawn(async move {
            if let Err(error) = client.end_session().await {
                tracing::warn!(%error, "the gateway did not end the session; it ends by itself");
            }
        });
        self.end_session();
        Ok(Reply::Accepted)
    }

    /// A key prompt can begin when no other is in progress.
    pub(super) fn no_prompt_yet(&self) -> Result<(), Problem> {
        let busy = self.ceremony.as_ref().is_some_and(|ceremony| {
            matches!(
                ceremony.state,
                CeremonyState::Waiting | CeremonyState::Proving
            )
        });
        if busy {
            return Err(Problem::new(
                "prompt_in_progress",
                "Another key prompt is in progress.",
                "Finish or cancel it first.",
            ));
        }
        Ok(())
    }

    /// A software key is unlocked in a native prompt, which a page cannot show.
    pub(super) fn no_software_in_browser(route: Route, front: &FrontId) -> Result<(), Problem> {
        if route == Route::Software && *front != FrontId::Desktop {
            return Err(Problem::new(
                "software_key_needs_window",
                "A software key can be used in the desktop window only: its passphrase is never typed into a page.",
                "Open the Vidimus window on this computer, or use a passkey.",
            ));
        }
        Ok(())
    }
}
