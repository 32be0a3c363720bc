//! What happens at the gateway of a few lines: its log, and what people decide.

use std::time::{SystemTime, UNIX_EPOCH};

use vidimus_protocol::action::{Action, Payload, Stdin};
use vidimus_protocol::api::{
    Ack, ActionStatus, ActionView, Content, Propose, Question, ReportOutcome,
};
use vidimus_protocol::entry::{Data, PartRef, Ref, Resolution};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::state::Life;
use vidimus_protocol::{ActionId, Blob, Digest, Time};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::permit;
use vidimus_verify::replay::Replay;
use vidimus_verify::testkit::{SoftKey, Story};

/// What people decide, and whether the gateway is honest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decide {
    /// Nobody decides.
    Nothing,
    Approve,
    Deny(&'static str),
    Expire,
    Refuse,
    /// A permit without a verdict.
    WithoutVerdict,
    /// A verdict by a key of the gateway's own.
    OwnKey,
    /// The agent is paused while it waits.
    Pause,
    /// Approved, and paused before the permit is fetched.
    ApproveAndPause,
    /// One text becomes another, and what comes of it is approved.
    Edit(&'static str, &'static str),
    /// The same, and nobody decides on what came of it.
    EditAndWait(&'static str, &'static str),
}

/// Answers that go wrong, once each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The acknowledgement of the proposal gets lost.
    pub lose_proposal: bool,
    /// The answer to the redemption gets lost.
    pub lose_redemption: bool,
    /// The disk is full when the outcome is reported.
    pub full_disk: bool,
    /// Another payload is logged than was proposed.
    pub log_other_payload: bool,
    /// The proof bundle is of another action.
    pub other_bundle: bool,
    /// The permit names another digest than the log.
    pub other_permit: bool,
    /// The token is not known.
    pub unknown_token: bool,
    /// The agent is paused once its permit was fetched.
    pub pause_after_permit: bool,
}

/// What happened.
pub struct World {
    pub story: Story,
    pub decide: Decide,
    pub faults: Faults,
    pub proposals: Vec<Propose>,
    pub redemptions: u32,
    pub reports: Vec<ReportOutcome>,
    pub withdrawn: bool,
    /// What reviewers asked, about whichever action.
    pub questions: Vec<Question>,
    /// What happens on the computer just before the next redemption.
    pub meanwhile: Option<Box<dyn FnOnce() + Send>>,
}

impl World {
    /// Logs a proposal with the proposer's own id, bytes and salts.
    pub(super) fn log(&mut self, propose: &Propose) {
        self.catch_up();
        let mut draft = self.story.proposal();
        let Data::ActionProposed(data) = &mut draft.leaf.data else {
            unreachable!("a proposal proposes");
        };
        data.action = propose.action;
        data.action_kind = Action::parse(&propose.payload.bytes.0).unwrap().kind();
        data.run = propose.run.clone();
        if !self.faults.log_other_payload {
            let mut parts = vec![("payload", propose.payload.clone())];
            parts.extend(propose.context.clone().map(|context| ("context", context)));
            parts.sort_by_key(|(name, _)| *name);
            draft.leaf.parts = parts
                .iter()
                .map(|(name, part)| commit(name, part))
                .collect();
            draft.parts = parts
                .into_iter()
                .map(|(name, part)| (name.to_owned(), part))
                .collect();
        }
        self.story.write(draft);
    }

    pub(super) fn proposal(&self, action: ActionId) -> Ack {
        let state = self.replay();
        let index = state.state().action(&action).unwrap().proposal.index;
        self.story.ack(&[index])
    }

    pub(super) fn decide(&mut self, action: ActionId) {
        self.catch_up();
        match self.decide {
            Decide::Nothing => {}
            Decide::Approve => self.story.approve(action),
            Decide::Edit(..) | Decide::EditAndWait(..) if self.is_edit(action) => {
                if matches!(self.decide, Decide::Edit(..)) {
                    self.story.approve(action);
                }
            }
            Decide::Edit(old, new) | Decide::EditAndWait(old, new) => {
                let edited = self.edited(action, old, new);
                self.story.replace(action, &edited);
            }
            Decide::Pause => {
                let pause = self.pause();
                let draft = self.story.withdrawal_by(action, pause);
                self.story.write(draft);
            }
            Decide::ApproveAndPause => {
                self.story.approve(action);
                self.pause();
            }
            Decide::Deny(reason) => {
                let draft = self.story.verdict(action, Verdict::Deny, reason);
                self.story.write(draft);
                self.resolve(action, Resolution::Denied);
            }
            Decide::Expire => {
                self.story.pass(900);
                self.resolve(action, Resolution::Expired);
            }
            Decide::Refuse => self.resolve(action, Resolution::Refused),
            Decide::WithoutVerdict => {
                self.resolve(action, Resolution::Approved);
                let draft = self.story.permit(action);
                self.story.write(draft);
            }
            Decide::OwnKey => {
                self.story.key = SoftKey::from_seed(Algorithm::Es256, &[9; 32]);
                self.story.approve(action);
            }
        }
    }

    /// Its owner paused the agent.
    pub fn pause(&mut self) -> Ref {
        self.catch_up();
        let draft = self.story.pause(None);
        self.story.write(draft)
    }

    pub(super) fn is_edit(&self, action: ActionId) -> bool {
        let replay = self.replay();
        let known = replay.state().action(&action);
        known.is_some_and(|known| known.edits.is_some())
    }

    /// What takes the action's place.
    pub fn successor(&self, action: ActionId) -> Option<ActionId> {
        let replay = self.replay();
        let edit = replay.state().action(&action)?.edit.as_ref()?;
        Some(edit.to)
    }

    /// The payload that was logged for an action.
    pub(super) fn payload(&self, action: ActionId) -> Option<Content> {
        let replay = self.replay();
        let index = replay.state().action(&action)?.proposal.index;
        let mut parts = self.story.parts().iter();
        let found = parts.find(|(at, name, _)| *at == index && name == "payload");
        found.map(|(_, _, content)| content.clone())
    }

    /// The action with one text for another: in its arguments and its input, or
    /// in what comes after a change.
    pub(super) fn edited(&self, action: ActionId, old: &str, new: &str) -> Action {
        let mut edited = Action::parse(&self.payload(action).unwrap().bytes.0).unwrap();
        let command = match &mut edited.payload {
            Payload::Command(command) => command,
            Payload::Json(change) => {
                let after = change.after.as_ref().unwrap().to_string();
                change.after = serde_json::from_str(&after.replace(old, new)).unwrap();
                return edited;
            }
            // No gateway does; a lying one could.
            Payload::McpToolCall(call) => {
                call.arguments = call.arguments.replace(old, new);
                return edited;
            }
            other => panic!("nobody asks for {other:?}"),
        };
        for word in &mut command.argv {
            *word = word.replace(old, new);
        }
        if let Stdin::Bound(input) = &mut command.stdin {
            let text = input.text.as_ref().unwrap().replace(old, new);
            input.sha256 = vidimus_protocol::sha256(&[text.as_bytes()]);
            input.size = u64::try_from(text.len()).unwrap();
            input.text = Some(text);
        }
        edited
    }

    /// Whether a pause of the agent met the action.
    pub(super) fn is_stopped(&self, action: ActionId) -> bool {
        let replay = self.replay();
        let state = replay.state();
        let known = state.action(&action);
        known.is_some_and(|known| state.stopped_by(known).is_some())
    }

    pub(super) fn is_paused(&self) -> bool {
        let replay = self.replay();
        let agent = replay.state().agent(&self.story.agent);
        agent.is_some_and(|agent| agent.standing_pauses().next().is_some())
    }

    pub(super) fn resolve(&mut self, action: ActionId, resolution: Resolution) {
        let draft = self.story.resolution(action, resolution);
        self.story.write(draft);
    }

    /// Permits are checked against the real clock, so the story follows it.
    pub(super) fn catch_up(&mut self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Time::from_unix_ms(u64::try_from(since.as_millis()).unwrap());
        // Entries are written at once, a second apart each: some time is kept for them.
        let now = Time::from_unix_ms(now.unix_ms() - 60_000);
        self.story.now = self.story.now.max(now);
    }

    pub(super) fn replay(&self) -> Replay {
        let mut replay = Replay::new();
        for leaf in self.story.leaves() {
            // A log that lies is judged as far as it is right.
            if replay.push(leaf).is_err() {
                break;
            }
        }
        replay
    }

    /// From what was written, right or wrong.
    pub(super) fn life(&self, action: ActionId) -> Option<(Life, Time)> {
        let mut found = None;
        for leaf in self.story.leaves() {
            let Ok(vidimus_protocol::entry::Parsed::Known(leaf)) =
                vidimus_protocol::Leaf::parse(leaf)
            else {
                unreachable!("the story knows what it writes");
            };
            let expires_at = found.map(|(_, at)| at);
            found = match (&leaf.data, expires_at) {
                (Data::ActionProposed(data), _) if data.action == action => {
                    Some((Life::Pending, data.expires_at))
                }
                (Data::ActionResolved(data), Some(at)) if data.action == action => {
                    let life = match data.resolution {
                        Resolution::Approved => Life::Approved,
                        over => Life::Over(over),
                    };
                    Some((life, at))
                }
                (Data::PermitRedeemed(data), Some(at)) if data.action == action => {
                    Some((Life::Redeemed, at))
                }
                (Data::ActionCompleted(data), Some(at)) if data.action == action => {
                    Some((Life::Completed, at))
                }
                _ => found,
            };
        }
        found
    }

    pub(super) fn view(&self, action: ActionId, life: Life, expires_at: Time) -> ActionView {
        let status = match life {
            Life::Pending => ActionStatus::Pending,
            Life::Approved => ActionStatus::Approved,
            Life::Redeemed => ActionStatus::Redeemed,
            Life::Completed => ActionStatus::Completed,
            Life::Over(Resolution::Denied) => ActionStatus::Denied,
            Life::Over(Resolution::Expired) => ActionStatus::Expired,
            Life::Over(Resolution::Withdrawn) => ActionStatus::Withdrawn,
            Life::Over(Resolution::Superseded) => ActionStatus::Superseded,
            Life::Over(Resolution::Refused | Resolution::Approved | Resolution::Released) => {
                ActionStatus::Refused
            }
        };
        let reason = match self.decide {
            Decide::Deny(reason) => Some(Content {
                bytes: Blob(reason.as_bytes().to_vec()),
                salt: Digest([0; 32]),
                r#type: vidimus_protocol::action::TEXT_TYPE.into(),
            }),
            _ => None,
        };
        ActionView {
            action,
            edits: None,
            expires_at,
            outcome: None,
            paused: self.is_stopped(action) && life != Life::Redeemed,
            policy: vec!["the rule of the house".into()],
            questions: self.questions.clone(),
            reason,
            starts_at: None,
            status,
            superseded_by: self.successor(action),
            use_before: None,
        }
    }

    /// The permit, by an honest reading of the log or, where that ends in a
    /// lie, with claims made up.
    pub(super) fn permit(&self, action: ActionId) -> String {
        let (_, id) = self.story.last_permit(action);
        let replay = self.replay();
        let state = replay.state();
        let known = state.action(&action).unwrap();
        let record = known.permits.iter().find(|permit| permit.id == id);
        let claims = record.and_then(|record| permit::claims(state, known, record));
        let claims = claims.unwrap_or_else(|| {
            let seconds = self.story.now.unix_ms() / 1000 - 10;
            vidimus_protocol::permit::Claims {
                act: vidimus_protocol::permit::Act {
                    sub: self.story.reviewer,
                },
                approval: vidimus_protocol::permit::Approval {
                    id: action,
                    log_index: 4,
                    policy: "builtin/personal/1".into(),
                    reviewers: vec![self.story.reviewer],
                },
                aud: self.story.executor,
                authorization_details: [vidimus_protocol::permit::AuthorizationDetail {
                    action_kind: vidimus_protocol::action::ActionKind::Command,
                    digest: self.story.digest(action),
                    r#type: vidimus_protocol::permit::DETAIL_TYPE.into(),
                }],
                exp: seconds + 300,
                iat: seconds,
                iss: self.story.log.opened.origin.clone(),
                jti: id,
                nbf: seconds,
                sub: self.story.agent,
            }
        });
        let mut claims = claims;
        if self.faults.other_permit {
            claims.authorization_details[0].digest = Digest([1; 32]);
        }
        self.story.permit_signer().sign(&claims)
    }
}

fn commit(name: &str, content: &Content) -> PartRef {
    let Content {
        bytes,
        salt,
        r#type,
    } = content;
    let commit = vidimus_ledger::part::commit(&salt.0, r#type, &bytes.0).unwrap();
    PartRef {
        commit: Digest(commit),
        name: name.into(),
        size: u64::try_from(bytes.0.len()).unwrap(),
        r#type: r#type.clone(),
    }
}
