//! What a front may ask for, and who may ask it.

use super::notes::Say;
use super::{Answer, Core};
use crate::act::sentence;
use crate::board::FrontId;
use crate::hooks::Hooks;
use crate::view::{CeremonyState, Command, DesktopView, Problem, Reply, Route, Tone};

/// Codes of what the desktop may lack.
pub(super) const NO_NOTIFICATIONS: &str = "no_notifications";
pub(super) const NO_KEYRING: &str = "no_keyring";

impl Core {
    pub(super) fn command(&mut self, command: Command, front: &FrontId, reply: Answer) {
        let may = self.may(&command, front);
        if let Err(problem) = may.and_then(|()| self.may_while_locked(&command)) {
            return self.answers.push((reply, Err(problem)));
        }
        let result = match command {
            // Answered by the handle; here for completeness.
            Command::View
            | Command::ReadJoining { .. }
            | Command::Follow { .. }
            | Command::FollowNew { .. }
            | Command::Unfollow => Ok(Reply::Accepted),
            Command::Retry => self.retry(),
            Command::Setup { name, route } => self.set_up(&name, route, front),
            Command::SignIn => self.sign_in(front),
            Command::SignOut => self.sign_out(),
            Command::Lock => {
                self.lock();
                Ok(Reply::Accepted)
            }
            Command::SetAutostart { on } => {
                self.set_on_desktop(front, "start at login", |hooks| hooks.set_autostart(on))
            }
            Command::SetLockAfter { seconds } => {
                self.set_on_desktop(front, "lock by itself", |hooks| {
                    hooks.set_lock_after(seconds)
                })
            }
            Command::ConnectAgent { name, owner } => {
                self.connect_agent(&name, owner.as_deref(), front)
            }
            Command::Found { code, name } => self.found(&code, &name, front),
            Command::Enrol { label } => self.enrol(&label, front),
            Command::People => self.people(),
            Command::Models => return self.models(reply),
            Command::TryRules { rules } => self.try_rules(&rules),
            Command::Sessions => return self.sessions(reply),
            Command::EndSession { id } => return self.end_one_session(&id, reply),
            Command::Invite { name, reviewer } => {
                return self.invite(&name, reviewer.as_deref(), reply);
            }
            Command::Joining => self.joining(),
            Command::Rename { name, colour } => self.rename(&name, colour),
            Command::Recognise { entry } => self.recognise(entry, front),
            Command::Disown { entry } => return self.disown(entry, front, reply),
            command @ (Command::Register { .. }
            | Command::Admit { .. }
            | Command::RevokeKey { .. }
            | Command::ChangePerson { .. }
            | Command::RemovePerson { .. }
            | Command::ChangeRules { .. }
            | Command::RevokeAgent { .. }
            | Command::PauseAgent { .. }
            | Command::ResumeAgent { .. }
            | Command::RevokeGrant { .. }
            | Command::Delegate { .. }
            | Command::EndDelegation { .. }) => self.state(command, front),
            Command::Policy => self.policy(),
            Command::PolicyStart => self.policy_start(),
            Command::CheckPolicy { files } => return self.check_policy(files, reply),
            Command::PreviewPolicy { files } => self.preview_policy(files),
            Command::ReplayPolicy { files, span } => {
                return self.replay_policy(files, span, reply);
            }
            Command::CancelReplay => {
                self.stop_replay();
                Ok(Reply::Accepted)
            }
            Command::ShadowPolicy { files } => self.shadow_policy(files),
            Command::StopShadow => self.stop_shadow(),
            Command::PolicyShadow => self.policy_shadow(),
            Command::ChangePolicy { files } => self.change_policy(files, front),
            Command::AgreePolicy { digest } => self.agree_policy(&digest, front),
            Command::CancelCeremony => self.cancel_ceremony(),
            Command::ReopenCeremony => self.reopen_ceremony(),
            Command::OpenAction { action } => return self.open_action(&action, front, reply),
            Command::Saw { action, sections } => self.saw(&action, sections, front),
            Command::Deliveries { action } => return self.deliveries(&action, reply),
            Command::Decide {
                action,
                verdict,
                reason,
            } => self.decide(&action, verdict, &reason, front),
            Command::EditFields { action } => self.edit_fields(&action),
            Command::PreviewEdit { action, filled } => self.preview_edit(&action, &filled),
            Command::Edit { action, filled } => self.edit(&action, &filled, front),
            Command::GrantPlaces { action } => self.grant_places(&action, front),
            Command::Grant {
                action,
                open,
                uses,
                hours,
                reason,
            } => self.give_grant(&action, &open, (uses, hours), &reason, front),
            Command::BrokenGlass => self.broken_glass(),
            Command::ReviewGlass {
                entry,
                justified,
                reason,
            } => self.review_glass(entry, justified, &reason, front),
            Command::Grants => self.grants(),
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
        } else if self.frozen.is_none() {
            match self.session {
                Some(_) => self.start_feed(),
                None => self.ask_keyring(),
            }
        }
        Ok(Reply::Accepted)
    }

    fn sign_out(&mut self) -> Result<Reply, Problem> {
        if self.session.is_some() {
            self.end_old_session();
            self.end_session();
        }
        Ok(Reply::Accepted)
    }

    /// Has the gateway end the session whose token is here.
    pub(super) fn end_old_session(&self) {
        let (Some(session), Ok(base)) = (&self.session, &self.base) else {
            return;
        };
        let client = base.client.with_token(&session.token);
        self.setting.runtime.spawn(async move {
            if let Err(error) = client.end_session().await {
                tracing::warn!(%error, "the gateway did not end the session; it ends by itself");
            }
        });
    }

    /// What is chosen for the desktop is chosen at the desktop.
    fn set_on_desktop(
        &self,
        front: &FrontId,
        what: &str,
        set: impl FnOnce(&dyn Hooks) -> Result<(), String>,
    ) -> Result<Reply, Problem> {
        if *front != FrontId::Desktop {
            return Err(Problem::new(
                "needs_window",
                "This is chosen in the desktop window only.",
                "Open the Vidimus window on this computer.",
            ));
        }
        set(&*self.setting.hooks).map_err(|why| {
            Problem::new(
                "not_set",
                format!("Whether to {what} could not be set: {}", sentence(&why)),
                "Nothing was changed. Mend that, then try again.",
            )
        })?;
        Ok(Reply::Accepted)
    }

    /// The desktop offers more or less than before, or something else was
    /// chosen.
    pub(super) fn desktop_changed(&mut self, desktop: DesktopView) {
        match missing(&desktop, NO_NOTIFICATIONS) {
            Some(problem) => self.notice(Tone::Warning, problem),
            None => drop(self.notices.remove(NO_NOTIFICATIONS)),
        }
        let lacked = self.lacks(NO_KEYRING);
        match missing(&desktop, NO_KEYRING) {
            Some(problem) => self.notice(Tone::Warning, problem),
            // One that has come is given what it should have kept.
            None if lacked => {
                self.notices.remove(NO_KEYRING);
                self.keep_token();
            }
            None => {}
        }
        self.desktop = Some(desktop);
    }

    /// Whether the desktop said that it has no such thing.
    pub(super) fn lacks(&self, code: &str) -> bool {
        let desktop = self.desktop.as_ref();
        desktop.is_some_and(|desktop| missing(desktop, code).is_some())
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

fn missing(desktop: &DesktopView, code: &str) -> Option<Problem> {
    let mut missing = desktop
        .services
        .iter()
        .filter_map(|service| service.missing.as_ref());
    missing.find(|problem| problem.code == code).cloned()
}
