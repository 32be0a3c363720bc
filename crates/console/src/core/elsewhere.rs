//! A gateway elsewhere: founding its log, making one's key there, and letting
//! another console follow it.

use vidimus_client::Token;
use vidimus_ledger::tree;
use vidimus_protocol::api::{Ack, Enrol, Found, Invite};
use vidimus_protocol::entry::{Data, Leaf, Parsed, Profile};
use vidimus_protocol::envelope::token_hash;
use vidimus_protocol::id::{Actor, ReviewerId};
use vidimus_protocol::state::{Route as KeyRoute, name_is_fit};
use vidimus_protocol::{Digest, Time};

use super::open::pin_name;
use super::setup::SESSION_S;
use super::{After, Answer, Core, Embedded, Message, answer, now};
use crate::act::{self, gateway_problem, sentence, token};
use crate::board::FrontId;
use crate::console::fit_name;
use crate::joining::Joining;
use crate::view::{CeremonyPurpose, Colour, JoiningView, Phase, Problem, Reply, Tone};

impl Core {
    /// The gateway of this computer.
    pub(super) fn embedded(&self) -> Result<&Embedded, Problem> {
        self.base()?.embedded.as_ref().ok_or_else(|| {
            Problem::new(
                "elsewhere",
                "This gateway does not run in this program.",
                "Do it where it runs.",
            )
        })
    }

    /// What a console elsewhere shows until it is signed in for the first time.
    pub(super) fn phase_elsewhere(&self) -> Option<Phase> {
        let about = &self.followed.as_ref()?.about;
        let Some(log) = about.log else {
            return Some(Phase::Found);
        };
        if self.session.is_some() {
            return None;
        }
        let log_fingerprint = log.read_aloud();
        if about.invitation.is_some() {
            return Some(Phase::Enrol { log_fingerprint });
        }
        about.claimed.map(|enrolment| Phase::Claimed {
            fingerprint: enrolment.read_aloud(),
            log_fingerprint,
        })
    }

    /// Founds the log, with the code that the gateway told whoever started it.
    pub(super) fn found(
        &mut self,
        code: &str,
        name: &str,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.no_prompt_yet()?;
        if self.phase() != Phase::Found {
            return Err(Problem::new(
                "already_set_up",
                "This gateway has its first key already.",
                "Sign in with your key, or ask an administrator to invite you.",
            ));
        }
        let name = fit(name)?;
        let session = token();
        let expires_at = now().plus_seconds(SESSION_S);
        let found = Found {
            code: code.trim().to_lowercase(),
            name: name.clone(),
            session_expires_at: expires_at,
            token_hash: token_hash(session.expose()),
        };
        let after = After::Founded {
            name,
            token: session,
            expires_at,
        };
        let tools = self.begin(CeremonyPurpose::Found, KeyRoute::Browser, after, front);
        let serial = tools.serial;
        let task = self.spawn(async move {
            let begun = tools.gateway.found(&found).await;
            let end = act::new_key(begun, true, tools).await;
            Message::CeremonyEnded { serial, end }
        });
        self.carry(task);
        Ok(Reply::Accepted)
    }

    /// The gateway says that the log is founded. It is ours when it opens with
    /// what we asked for, at the address that we asked.
    pub(super) fn founded(&mut self, name: &str, token: Token, expires_at: Time, front: FrontId) {
        let ack = self.ceremony.as_ref();
        let ack = ack.and_then(|ceremony| Some(&ceremony.unproven.as_ref()?.0));
        let founded = ack.and_then(|ack| self.opening_of(ack, name));
        let Some((log, reviewer)) = founded else {
            return self.fail_ceremony(Problem::new(
                "other_log",
                "The gateway opened another log than the one that was asked for.",
                "Do not use it. Ask whoever runs the gateway.",
            ));
        };
        self.adopt(log, true);
        if let Some(followed) = &mut self.followed {
            followed.about.log = Some(log);
            followed.about.reviewer = Some(reviewer);
        }
        self.keep_followed();
        self.signed_in(false, token, expires_at, front);
        self.prove_ceremony();
    }

    fn opening_of(&self, ack: &Ack, name: &str) -> Option<(Digest, ReviewerId)> {
        let first = ack.entries.iter().find(|entry| entry.index == 0)?;
        let Ok(Parsed::Known(leaf)) = Leaf::parse(first.leaf.as_bytes()) else {
            return None;
        };
        let Data::LogOpened(opened) = &leaf.data else {
            return None;
        };
        let founder = opened.founders.first()?;
        let url = self.followed.as_ref()?.url.to_string();
        let ours =
            opened.profile == Profile::Team && founder.name == name && opened.origins == [url];
        ours.then(|| {
            let log = Digest(tree::leaf_hash(first.leaf.as_bytes()));
            (log, founder.reviewer)
        })
    }

    /// Makes a key: with the invitation, or a further one of whoever is signed in.
    pub(super) fn enrol(&mut self, label: &str, front: &FrontId) -> Result<Reply, Problem> {
        self.no_prompt_yet()?;
        let label = fit(label)?;
        let invitation = match self.phase() {
            Phase::Enrol { .. } => {
                let followed = self.followed.as_ref();
                followed.and_then(|followed| followed.about.invitation.clone())
            }
            _ => None,
        };
        let after = if invitation.is_some() {
            After::Claimed
        } else {
            if let Some(problem) = self.unable() {
                return Err(problem);
            }
            After::Nothing
        };
        let enrol = Enrol {
            invitation,
            label: label.clone(),
        };
        let purpose = CeremonyPurpose::NewKey { label };
        let tools = self.begin(purpose, KeyRoute::Browser, after, front);
        let (serial, open) = (tools.serial, *front == FrontId::Desktop);
        let task = self.spawn(async move {
            let begun = tools.gateway.enrol(&enrol).await;
            let end = act::new_key(begun, open, tools).await;
            Message::CeremonyEnded { serial, end }
        });
        self.carry(task);
        Ok(Reply::Accepted)
    }

    /// The invited person's key is made. Its enrolment cannot be proven before
    /// there is a session; its fingerprint is of the very bytes, and whoever
    /// compares it aloud sees that of the entry in the log.
    pub(super) fn claimed(&mut self) {
        let ack = self.ceremony.as_ref();
        let ack = ack.and_then(|ceremony| Some(&ceremony.unproven.as_ref()?.0));
        let ours = self.followed.as_ref().and_then(|it| it.about.reviewer);
        let enrolment = ack
            .and_then(|ack| ack.entries.first())
            .filter(|entry| enrols(&entry.leaf).is_some_and(|who| Some(who) == ours))
            .map(|entry| Digest(tree::leaf_hash(entry.leaf.as_bytes())));
        let Some(enrolment) = enrolment else {
            return self.fail_ceremony(Problem::new(
                "other_key",
                "The gateway enrolled something else than your key.",
                "Do not use it. Ask whoever runs the gateway.",
            ));
        };
        if let Some(followed) = &mut self.followed {
            followed.about.invitation = None;
            followed.about.claimed = Some(enrolment);
        }
        self.keep_followed();
        self.finish_ceremony();
    }

    /// The key has opened a session: nothing is waited for any more.
    pub(super) fn joined(&mut self) {
        if let Some(followed) = &mut self.followed
            && followed.about.claimed.take().is_some()
        {
            self.keep_followed();
        }
    }

    /// A text for this gateway: its person lost all keys, or somebody else
    /// founded what was to be founded here.
    pub(super) fn invited(&mut self, joining: Joining) -> Result<(), Problem> {
        self.no_prompt_yet()?;
        if self.phase() == Phase::Found {
            self.adopt(joining.log, false);
            if let Some(followed) = &mut self.followed {
                followed.about.log = Some(joining.log);
            }
        }
        let Some(followed) = &mut self.followed else {
            return Err(Problem::stopped());
        };
        if followed.about.log != Some(joining.log) {
            return Err(Problem::new(
                "other_log",
                "This console follows another log at that gateway.",
                "Compare both fingerprints with whoever runs it. One of the two is not the gateway's.",
            ));
        }
        if followed
            .about
            .reviewer
            .is_some_and(|known| known != joining.reviewer)
        {
            return Err(Problem::new(
                "other_person",
                "This console follows that gateway as another person.",
                "Follow it no longer first, then use this text.",
            ));
        }
        followed.about.reviewer = Some(joining.reviewer);
        followed.about.invitation = joining.invitation;
        let invited = followed.about.invitation.is_some();
        self.keep_followed();
        if invited {
            // Whoever makes a new key signs in with that.
            self.end_old_session();
            self.end_session();
        }
        Ok(())
    }

    /// Asks the gateway to invite somebody, and makes the text for them.
    pub(super) fn invite(&mut self, name: &str, reviewer: Option<&str>, reply: Answer) {
        let invite = self.invitation_of(name, reviewer);
        let client = self.client();
        let (invite, client, followed) = match (invite, client, self.followed.clone()) {
            (Ok(invite), Ok(client), Some(followed)) => (invite, client, followed),
            (Err(problem), _, _) | (_, Err(problem), _) => {
                return self.answers.push((reply, Err(problem)));
            }
            (_, _, None) => return self.answers.push((reply, Err(for_one_person()))),
        };
        self.setting.runtime.spawn(async move {
            let result = match client.invite(&invite).await {
                Ok(invited) => {
                    let for_him = Some((invited.invitation, invited.reviewer));
                    handed_over(followed.joining(for_him), Some(invited.expires_at))
                }
                Err(error) => Err(gateway_problem(&error)),
            };
            answer(reply, result);
        });
    }

    fn invitation_of(&self, name: &str, reviewer: Option<&str>) -> Result<Invite, Problem> {
        if let Some(problem) = self.unable() {
            return Err(problem);
        }
        self.must_administer()?;
        let reviewer = reviewer.map(super::statements::reviewer_id).transpose()?;
        Ok(Invite {
            name: match reviewer {
                Some(_) => String::new(),
                None => fit(name)?,
            },
            reviewer,
        })
    }

    /// What one's own other console needs.
    pub(super) fn joining(&self) -> Result<Reply, Problem> {
        let followed = self.followed.as_ref().ok_or_else(for_one_person)?;
        handed_over(followed.joining(None), None)
    }

    pub(super) fn rename(&mut self, name: &str, colour: Colour) -> Result<Reply, Problem> {
        let name = fit_name(name)?;
        let Some(followed) = &mut self.followed else {
            return Err(Problem::new(
                "own_gateway",
                "The gateway of this computer keeps its name.",
                "Name the others, so that none is taken for it.",
            ));
        };
        followed.about.name = name;
        followed.about.colour = colour;
        self.keep_followed();
        Ok(Reply::Accepted)
    }

    fn keep_followed(&mut self) {
        let kept = self.followed.as_ref().map(|followed| followed.save());
        if let Some(Err(error)) = kept {
            let why = sentence(&error.to_string());
            self.notice(
                Tone::Danger,
                Problem::local("What is known of this gateway cannot be kept", why),
            );
        }
    }

    /// Ends the session and deletes what is here of the log, but the evidence.
    pub(super) fn unfollow(&mut self) -> Result<(), Problem> {
        self.end_old_session();
        if let Some(log) = self.log() {
            self.keeper.keep(self.session_name(log), None);
            self.keeper.keep(pin_name(log), None);
        }
        self.close();
        match &self.followed {
            Some(followed) => followed
                .delete()
                .map_err(|error| Problem::local("Not all of it could be deleted", error)),
            None => Ok(()),
        }
    }
}

fn handed_over(joining: Option<Joining>, expires_at: Option<Time>) -> Result<Reply, Problem> {
    let joining = joining.ok_or_else(|| {
        Problem::new(
            "not_joined",
            "You are not part of this gateway's log yet.",
            "Set up your key there first.",
        )
    })?;
    Ok(Reply::Joining(JoiningView {
        text: joining.to_string(),
        expires_at_unix_ms: expires_at.map(Time::unix_ms),
        log_fingerprint: joining.log.read_aloud(),
    }))
}

fn for_one_person() -> Problem {
    Problem::new(
        "team_only",
        "The gateway of this computer is for one person.",
        "For several people, run `vidimus gateway --public-url` and follow that one here.",
    )
}

/// A name of a person or a key.
fn fit(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name_is_fit(name) {
        return Ok(name.to_owned());
    }
    Err(Problem::new(
        "bad_name",
        "A name has 1 to 80 characters and no control characters.",
        "Correct the name.",
    ))
}

/// Whose key this leaf enrols.
fn enrols(leaf: &str) -> Option<ReviewerId> {
    match Leaf::parse(leaf.as_bytes()) {
        Ok(Parsed::Known(leaf)) => match (&leaf.data, leaf.actor) {
            (Data::CredentialEnrolled(data), Actor::Reviewer(actor)) => {
                (data.signed.item.reviewer == actor).then_some(actor)
            }
            _ => None,
        },
        _ => None,
    }
}
