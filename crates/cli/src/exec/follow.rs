//! A reviewer edited the action: what was changed is said, the edited command
//! is built anew from what is here, and the waiting goes on for that one.
//!
//! Nothing of this is believed: only an edit as `docs/spec/action.md` has it is
//! taken, only where this computer makes exactly that of it, and the proof that
//! it was approved is checked like any other's.

use vidimus_client::ClientError;
use vidimus_protocol::ActionId;
use vidimus_protocol::action::{Action, Command, Stdin};
use vidimus_protocol::api::Content;
use vidimus_protocol::diff::Difference;
use vidimus_protocol::edit;

use super::input::Input;
use super::saved::{self, Saved, SavedError};
use super::{Case, Surroundings, diff, plan_from, release};
use crate::out::{detail, quote, say, visible};
use crate::stop::{Stop, code};

impl Surroundings<'_> {
    /// The case of the action that took this one's place.
    pub(super) async fn follow(&self, case: &Case, to: ActionId) -> Result<Case, Stop> {
        let payload = self.edited_payload(case, to).await?;
        let edited = Action::parse(&payload.bytes.0).map_err(Stop::internal)?;
        if let Err(why) = edit::check(&case.approved, &edited) {
            let why = format!("what the gateway calls an edit of it is none: {why}");
            return Err(self.refuse(case, to, code::UNPROVEN, &why).await);
        }
        say(&format!("a reviewer edited it; {to} takes its place:"));
        for difference in vidimus_protocol::diff::of_actions(&case.approved, &edited) {
            detail(&format!("  {}", line(&difference)));
        }
        if self.no_edits {
            return Err(self
                .refuse(case, to, code::EDITED, "edits are not taken here")
                .await);
        }
        match self.rebuilt(case, to, payload, edited) {
            Ok(next) => Ok(next),
            Err(stop) => {
                let why = stop.words.clone();
                Err(self.refuse(case, to, stop.code, &why).await)
            }
        }
    }

    async fn edited_payload(&self, case: &Case, to: ActionId) -> Result<Content, Stop> {
        match case.setup.gateway.payload(to).await {
            Ok(payload) => Ok(payload),
            Err(ClientError::Problem { status: 404, .. }) => Err(Stop::new(
                code::UNPROVEN,
                format!("the gateway says that {to} took its place, and knows no such action"),
            )),
            Err(error) => Err(case.setup.stop(&error)),
        }
    }

    /// What this computer makes of the edited action, if it is just that.
    fn rebuilt(
        &self,
        case: &Case,
        to: ActionId,
        payload: Content,
        edited: Action,
    ) -> Result<Case, Stop> {
        let changed = |why: String| Stop::new(code::CHANGED, why);
        let command = edited
            .command()
            .ok_or_else(|| changed("it is no command".into()))?;
        let input = self.input_of(case, command)?;
        let digest = release::digest(&payload.salt, &payload.bytes.0)?;
        let saved = case.saved.edited(to, payload);
        let plan = plan_from(command, &saved, input)?;
        let differences = diff::differences(&edited, &plan.action());
        if !differences.is_empty() {
            let lines = differences
                .iter()
                .map(|line| format!("\n  - {}", visible(line)));
            return Err(changed(format!(
                "what would run here is not what the reviewer made of it:{}",
                lines.collect::<String>()
            )));
        }
        let path = self.home.exec_state(to);
        let kept = plan.input().to_keep().map_err(Stop::internal)?;
        let written = saved.write(&path, kept.as_deref());
        // An earlier `vidimus exec` may have come as far as this.
        let file = match written {
            Err(SavedError::Io { why, .. }) if why.kind() == std::io::ErrorKind::AlreadyExists => {
                Saved::read(to, &path).map(|(_, file)| file)
            }
            other => other,
        };
        Ok(Case {
            setup: case.setup.clone(),
            saved,
            file: file.map_err(Stop::internal)?,
            approved: edited,
            digest,
            plan: Some(plan),
            followed: true,
        })
    }

    /// Edited input stands in the action; other input was kept.
    fn input_of(&self, case: &Case, command: &Command) -> Result<Input, Stop> {
        let changed = |why: String| Stop::new(code::CHANGED, why);
        let before = case.approved.command().map(|command| &command.stdin);
        match &command.stdin {
            Stdin::Bound(input) if before != Some(&command.stdin) => {
                let text = input.text.clone().unwrap_or_default();
                Input::of(text.into_bytes()).map_err(|why| changed(why.to_string()))
            }
            same => {
                let kept = saved::input_path(&self.home.exec_state(case.saved.action));
                Input::again(same, &kept).map_err(|why| changed(why.to_string()))
            }
        }
    }

    /// Takes the edited action back: nobody here will run it.
    async fn refuse(&self, case: &Case, to: ActionId, code: u8, why: &str) -> Stop {
        let withdrawn = match case.setup.gateway.withdraw(to).await {
            Ok(_) => format!("{to} is withdrawn"),
            Err(_) => format!("{to} could not be withdrawn; nobody runs it, and it expires"),
        };
        Stop::new(code, format!("{why}. {withdrawn}; nothing has run")).over()
    }
}

/// One change in a line.
fn line(difference: &Difference) -> String {
    let side = |text: &Option<String>| text.as_deref().map_or_else(|| "(nothing)".into(), quote);
    format!(
        "{}: {} becomes {}",
        visible(&difference.what),
        side(&difference.before),
        side(&difference.after)
    )
}
