//! Every kind of entry as a draft.

use vidimus_protocol::action::{Action, Context, OUTPUT_TYPE, PAYLOAD_TYPE, TEXT_TYPE};
use vidimus_protocol::entry::{
    AgentRegistered, Answered, Asked, Completed, CredentialEnrolled, Data, Decision, Escalated,
    Evaluation, Flagged, Outcome, PermitIssued, PermitLapsed, PermitRedeemed, Proposed, Ref,
    Resolution, Resolved, Taken, VerdictGiven,
};
use vidimus_protocol::envelope::{
    ActType, AgentItem, EnrolmentItem, Envelope, Verdict, VerdictItem, token_hash,
};
use vidimus_protocol::{ActionId, Actor, Blob, PermitId, sha256};

use super::{
    AGENT_TOKEN, Draft, FLAGS, Story, Vendor, attestation_object, client_data, half,
    registration_data, sample_action,
};

impl Story {
    /// `credential.enrolled` of the key that signs next.
    pub fn enrolment(&mut self) -> Draft {
        self.enrolment_of(None)
    }

    /// The same, of a key in an authenticator of that vendor.
    pub fn attested_enrolment(&mut self, vendor: &Vendor) -> Draft {
        self.enrolment_of(Some(vendor))
    }

    fn enrolment_of(&mut self, vendor: Option<&Vendor>) -> Draft {
        let public_key = self.key.public_key();
        let rp_id = self.log.opened.rp_id.clone();
        let mut data = registration_data(&rp_id, FLAGS, &self.credential_id.0, &public_key);
        let client_data = client_data("webauthn.create", &self.draw(), &self.origin);
        let attestation_object = match vendor {
            Some(vendor) => {
                vendor.mark(&mut data);
                vendor.attest(&data, &client_data)
            }
            None => attestation_object(&data),
        };
        let item = EnrolmentItem {
            attestation: sha256(&[&attestation_object.0]),
            backup_eligible: false,
            credential_id: self.credential_id.clone(),
            label: "first key".into(),
            model: vendor.map(Vendor::model),
            name: self.name.clone(),
            public_key,
            reviewer: self.reviewer,
        };
        let signed = self.sign(ActType::CredentialEnrolled, item, |_, _| {});
        let refs = [self.opened()];
        let data = CredentialEnrolled {
            anchor: vendor.map(|vendor| Blob(vendor.anchor.clone())),
            attestation_object,
            client_data_json: Blob(client_data),
            signed,
        };
        self.by_reviewer(&refs, Data::CredentialEnrolled(Box::new(data)))
    }

    /// `agent.registered` of the story's agent.
    pub fn registration(&mut self) -> Draft {
        let item = AgentItem {
            agent: self.agent,
            executor: self.executor,
            name: "coder".into(),
            owner: self.reviewer,
            token_hash: token_hash(AGENT_TOKEN),
        };
        self.registration_with(item, |_, _| {})
    }

    /// `agent.registered` of any agent, with a change before it is signed.
    pub fn registration_with(
        &mut self,
        item: AgentItem,
        change: impl FnOnce(&mut Envelope, &mut AgentItem),
    ) -> Draft {
        let signed = self.sign(ActType::AgentRegistered, item, change);
        let refs: Vec<Ref> = self.credential.into_iter().collect();
        let data = AgentRegistered { signed };
        self.by_reviewer(&refs, Data::AgentRegistered(Box::new(data)))
    }

    /// `action.proposed` of a small command, with the agent's intent.
    pub fn proposal(&mut self) -> Draft {
        let action = sample_action(self.drawn);
        let context = Context {
            intent: Some("bring the service back".into()),
            ..Context::default()
        };
        self.proposal_of(&action, Some(&context))
    }

    /// `action.proposed` of any action.
    pub fn proposal_of(&mut self, action: &Action, context: Option<&Context>) -> Draft {
        let data = Proposed {
            action: ActionId::from_random(half(self.draw())),
            action_kind: action.kind(),
            agent: self.agent,
            edits: None,
            evaluation: Evaluation {
                decision: Decision::Ask,
                quorum: 1,
                reasons: vec!["every command waits for its owner".into()],
                ttl_s: 900,
                use_s: 900,
                ..Evaluation::refusing("builtin/personal/1")
            },
            expires_at: self.now.plus_seconds(900),
            grants: Vec::new(),
            run: None,
        };
        let before = self.registered.into_iter().chain(self.rules);
        let refs: Vec<Ref> = before.chain(self.policy).collect();
        let mut draft = self.by_agent(&refs, Data::ActionProposed(Box::new(data)));
        if let Some(context) = context {
            let context_type = vidimus_protocol::action::CONTEXT_TYPE;
            self.add_part(&mut draft, "context", context_type, context.to_bytes());
        }
        self.add_part(&mut draft, "payload", PAYLOAD_TYPE, action.to_bytes());
        draft
    }

    /// `action.taken`.
    #[must_use]
    pub fn take(&self, action: ActionId) -> Draft {
        let data = Data::ActionTaken(Box::new(Taken { action }));
        self.by_reviewer(&[self.actions[&action].proposal], data)
    }

    /// `action.asked`.
    pub fn question(&mut self, action: ActionId, text: &str) -> Draft {
        let data = Data::ActionAsked(Box::new(Asked { action }));
        let mut draft = self.by_reviewer(&[self.actions[&action].proposal], data);
        self.add_part(&mut draft, "question", TEXT_TYPE, text.into());
        draft
    }

    /// `action.answered`, to the last question.
    pub fn answer(&mut self, action: ActionId, text: &str) -> Draft {
        let refs: Vec<Ref> = self.actions[&action].question.into_iter().collect();
        let data = Data::ActionAnswered(Box::new(Answered { action }));
        let mut draft = self.by_agent(&refs, data);
        self.add_part(&mut draft, "answer", TEXT_TYPE, text.into());
        draft
    }

    /// `action.flagged`.
    pub fn flag(&mut self, action: ActionId, text: &str) -> Draft {
        let data = Data::ActionFlagged(Box::new(Flagged { action }));
        let mut draft = self.by_reviewer(&[self.actions[&action].proposal], data);
        self.add_part(&mut draft, "remark", TEXT_TYPE, text.into());
        draft
    }

    /// `verdict.given` about an action.
    pub fn verdict(&mut self, action: ActionId, verdict: Verdict, reason: &str) -> Draft {
        self.verdict_with(action, verdict, reason, |_, _| {})
    }

    /// `verdict.given`, with a change before it is signed.
    ///
    /// # Panics
    /// When the action was not proposed in this story.
    pub fn verdict_with(
        &mut self,
        action: ActionId,
        verdict: Verdict,
        reason: &str,
        change: impl FnOnce(&mut Envelope, &mut VerdictItem),
    ) -> Draft {
        let told = self.actions[&action].clone();
        let seen = told.seen();
        let (content, part) = self.part("reason", TEXT_TYPE, reason.as_bytes().to_vec());
        let item = VerdictItem {
            action,
            action_digest: told.payload,
            expires_at: told.proposed.expires_at,
            proposal_leaf: told.proposal.leaf,
            reason_commit: part.commit,
            seen: seen.digest(),
            verdict,
        };
        let signed = self.sign(ActType::VerdictGiven, item, change);
        let refs: Vec<Ref> = [Some(told.proposal), self.credential]
            .into_iter()
            .flatten()
            .collect();
        let data = VerdictGiven {
            policies: Vec::new(),
            seen,
            signed,
        };
        let mut draft = self.by_reviewer(&refs, Data::VerdictGiven(Box::new(data)));
        draft.leaf.parts.push(part);
        draft.parts.push(("reason".into(), content));
        draft
    }

    /// `action.resolved`.
    #[must_use]
    pub fn resolution(&self, action: ActionId, resolution: Resolution) -> Draft {
        let told = &self.actions[&action];
        let refs: Vec<Ref> = std::iter::once(told.proposal)
            .chain(told.verdicts.iter().copied())
            .collect();
        let data = Resolved {
            action,
            resolution,
            use_before: resolution
                .runs()
                .then(|| self.now.plus_seconds(told.proposed.evaluation.use_s)),
        };
        let actor = match resolution {
            Resolution::Withdrawn => Actor::Agent(self.agent),
            _ => Actor::Gateway,
        };
        self.draft(actor, &refs, Data::ActionResolved(Box::new(data)))
    }

    /// `permit.issued`.
    pub fn permit(&mut self, action: ActionId) -> Draft {
        let refs: Vec<Ref> = self.actions[&action].resolution.into_iter().collect();
        let data = PermitIssued {
            action,
            audience: self.executor,
            expires_at: self.now.plus_seconds(300),
            kid: self.permit_signer.key().kid.clone(),
            permit: PermitId::from_random(half(self.draw())),
        };
        self.draft(Actor::Gateway, &refs, Data::PermitIssued(Box::new(data)))
    }

    /// `action.escalated` to that group.
    #[must_use]
    pub fn escalation(&self, action: ActionId, group: &str) -> Draft {
        let refs = [self.actions[&action].proposal];
        let data = Escalated {
            action,
            group: group.to_owned(),
        };
        self.draft(Actor::Gateway, &refs, Data::ActionEscalated(Box::new(data)))
    }

    /// `permit.lapsed` of the last permit.
    #[must_use]
    pub fn lapse(&self, action: ActionId) -> Draft {
        let (entry, permit) = self.last_permit(action);
        let data = PermitLapsed { action, permit };
        self.draft(Actor::Gateway, &[entry], Data::PermitLapsed(Box::new(data)))
    }

    /// `permit.redeemed` of the last permit.
    #[must_use]
    pub fn redemption(&self, action: ActionId) -> Draft {
        let (entry, permit) = self.last_permit(action);
        let data = PermitRedeemed { action, permit };
        self.by_agent(&[entry], Data::PermitRedeemed(Box::new(data)))
    }

    /// `action.completed` with exit code 0 or as succeeded, and some output.
    pub fn completion(&mut self, action: ActionId) -> Draft {
        let outcome = match self.actions[&action].proposed.action_kind {
            kind if kind.runs_a_program() => Outcome::Exited { code: 0 },
            _ => Outcome::Succeeded {},
        };
        let refs: Vec<Ref> = self.actions[&action].redemption.into_iter().collect();
        let data = Completed {
            action,
            duration_ms: 120,
            outcome,
            output_omitted: 0,
        };
        let mut draft = self.by_agent(&refs, Data::ActionCompleted(Box::new(data)));
        self.add_part(&mut draft, "output", OUTPUT_TYPE, b"done\n".to_vec());
        draft
    }
}
