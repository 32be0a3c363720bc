//! A reviewer edited the action: what was changed is said, the edited command
//! is built anew from what is here, and the waiting goes on for that one.
//!
//! Nothing of this is believed: only an edit as `docs/spec/action.md` has it is
//! taken, only where this computer makes exactly that of it, and the proof that
//! it was approved is checked like any other's.

use vidimus_executor::{Request, Stop as Held, Subject as _, Why, changes};
use vidimus_protocol::ActionId;
use vidimus_protocol::action::Action;
use vidimus_protocol::api::Content;
use vidimus_protocol::edit;

use super::saved::{self, Saved, SavedError};
use super::work::Work;
use super::{Case, Surroundings, diff};
use crate::out::{detail, say, visible};
use crate::stop::Stop;

impl Surroundings<'_> {
    /// The case of the action that took this one's place.
    pub(super) async fn follow(&self, case: &Case, to: ActionId) -> Result<Case, Stop> {
        let executor = &case.executor;
        let approved = &case.request.action;
        let payload = executor.edited(to).await?;
        let edited = Action::parse(&payload.bytes.0).map_err(Stop::internal)?;
        if let Err(why) = edit::check(approved, &edited) {
            let why = format!("what the gateway calls an edit of it is none: {why}");
            return Err(executor.refuse_edit(to, Why::Unproven, &why).await.into());
        }
        say(&format!("a reviewer edited it; {to} takes its place:"));
        for line in changes(approved, &edited) {
            detail(&format!("  {line}"));
        }
        if self.no_edits || case.saved.no_edits {
            let why = "edits are not taken here";
            return Err(executor.refuse_edit(to, Why::Edited, why).await.into());
        }
        match self.rebuilt(case, to, payload, &edited).await {
            Ok(next) => Ok(next),
            Err(stop) => Err(executor.refuse_edit(to, stop.why, &stop.words).await.into()),
        }
    }

    /// What this computer makes of the edited action, if it is just that.
    async fn rebuilt(
        &self,
        case: &Case,
        to: ActionId,
        payload: Content,
        edited: &Action,
    ) -> Result<Case, Held> {
        let changed = |why: String| Held::new(Why::Changed, why);
        let saved = case.saved.edited(to, payload);
        let request = Request::again(saved.propose())?;
        let kept = saved::input_path(&self.home.exec_state(case.request.id()));
        let work = Work::of_edited(&case.request.action, edited, &saved, &kept).map_err(changed)?;
        let now = work.now().await.map_err(|gone| Held::changed(&gone))?;
        let differences = diff::differences(edited, &now);
        if !differences.is_empty() {
            let lines = differences.iter();
            let lines = lines.map(|line| format!("\n  - {}", visible(line)));
            return Err(changed(format!(
                "what would run here is not what the reviewer made of it:{}",
                lines.collect::<String>()
            )));
        }
        let path = self.home.exec_state(to);
        let input = work.to_keep().map_err(Held::internal)?;
        let written = saved.write(&path, input.as_deref());
        // An earlier `vidimus exec` may have come as far as this.
        let file = match written {
            Err(SavedError::Io { why, .. }) if why.kind() == std::io::ErrorKind::AlreadyExists => {
                Saved::read(to, &path).map(|(_, file)| file)
            }
            other => other,
        };
        Ok(Case {
            executor: case.executor.clone(),
            request,
            saved,
            file: file.map_err(Held::internal)?,
            work: Some(work),
            followed: true,
        })
    }
}
