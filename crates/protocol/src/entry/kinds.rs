//! What each kind of entry says.

use serde::{Deserialize, Serialize};

use crate::action::ActionKind;
use crate::bytes::{Blob, Digest};
use crate::envelope::{
    AdmissionItem, AgentItem, AgentRevocationItem, DelegationItem, DelegationRevocationItem,
    EditItem, EnrolmentItem, GrantItem, GrantRevocationItem, PauseItem, PolicyItem,
    RecognitionItem, RemovalItem, ResumptionItem, ReviewItem, ReviewerChangeItem, ReviewerItem,
    RevocationItem, RulesItem, Seen, Signed, VerdictItem,
};
use crate::id::{ActionId, AgentId, ExecutorId, GrantId, PermitId, ReviewerId, RunId};
use crate::time::Time;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident($data:ty) = $text:literal,)*) => {
        /// The kinds of entry that this version can judge.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        /// The `data` of an entry, by kind.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Data {
            $($(#[$doc])* $name(Box<$data>),)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its text in a leaf.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The kind of that text, if this version knows it.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }

        impl Data {
            /// The kind it belongs to.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self { $(Self::$name(_) => Kind::$name,)* }
            }

            pub(super) fn parse(kind: Kind, json: &str) -> serde_json::Result<Self> {
                Ok(match kind { $(Kind::$name => Self::$name(serde_json::from_str(json)?),)* })
            }
        }
    };
}

kinds! {
    /// Opens the log; entry 0 and nowhere else.
    LogOpened(LogOpened) = "log.opened",
    /// A person's key.
    CredentialEnrolled(CredentialEnrolled) = "credential.enrolled",
    /// A key that may count from now on.
    CredentialAdmitted(CredentialAdmitted) = "credential.admitted",
    /// A key that counts no more.
    CredentialRevoked(CredentialRevoked) = "credential.revoked",
    /// A person, with their first key.
    ReviewerRegistered(ReviewerRegistered) = "reviewer.registered",
    /// Another name, other roles or groups of a person.
    ReviewerChanged(ReviewerChanged) = "reviewer.changed",
    /// A person who has left.
    ReviewerRemoved(ReviewerRemoved) = "reviewer.removed",
    /// What keys and approvals must be like.
    RulesChanged(RulesChanged) = "rules.changed",
    /// Another policy, or an administrator's word for one.
    PolicyChanged(PolicyChanged) = "policy.changed",
    /// An agent, signed for by its owner or by an administrator.
    AgentRegistered(AgentRegistered) = "agent.registered",
    /// An agent that may do nothing more.
    AgentRevoked(AgentRevoked) = "agent.revoked",
    /// An agent, or one of its runs, of which nothing more runs for now.
    AgentPaused(AgentPaused) = "agent.paused",
    /// The end of a pause.
    AgentResumed(AgentResumed) = "agent.resumed",
    /// An action, with the policy's evaluation.
    ActionProposed(Proposed) = "action.proposed",
    /// A person looks after it.
    ActionTaken(Taken) = "action.taken",
    /// A person's question to the agent.
    ActionAsked(Asked) = "action.asked",
    /// The agent's answer.
    ActionAnswered(Answered) = "action.answered",
    /// A person's remark that something is wrong with it.
    ActionFlagged(Flagged) = "action.flagged",
    /// A changed action in a pending one's place.
    ActionEdited(Edited) = "action.edited",
    /// A group that is told since nobody decided meanwhile.
    ActionEscalated(Escalated) = "action.escalated",
    /// A person's signed decision.
    VerdictGiven(VerdictGiven) = "verdict.given",
    /// A person says that a verdict with their key is theirs.
    VerdictRecognised(VerdictRecognised) = "verdict.recognised",
    /// What an administrator finds of a broken glass.
    VerdictReviewed(VerdictReviewed) = "verdict.reviewed",
    /// A person's approval of what is like an action, in advance.
    GrantGiven(GrantGiven) = "grant.given",
    /// A standing grant that covers nothing more.
    GrantRevoked(GrantRevoked) = "grant.revoked",
    /// Groups that a person lends another while they are away.
    DelegationGiven(DelegationGiven) = "delegation.given",
    /// A delegation that lends nothing more.
    DelegationRevoked(DelegationRevoked) = "delegation.revoked",
    /// The end of waiting.
    ActionResolved(Resolved) = "action.resolved",
    /// A permit to run it once.
    PermitIssued(PermitIssued) = "permit.issued",
    /// A permit that ran out unused.
    PermitLapsed(PermitLapsed) = "permit.lapsed",
    /// The permit was used: it may be running.
    PermitRedeemed(PermitRedeemed) = "permit.redeemed",
    /// What came of it.
    ActionCompleted(Completed) = "action.completed",
}

impl Data {
    /// The action that an entry is about; `None` when it is about people, keys
    /// or agents.
    #[must_use]
    pub fn action(&self) -> Option<ActionId> {
        match self {
            Self::LogOpened(_)
            | Self::CredentialEnrolled(_)
            | Self::CredentialAdmitted(_)
            | Self::CredentialRevoked(_)
            | Self::ReviewerRegistered(_)
            | Self::ReviewerChanged(_)
            | Self::ReviewerRemoved(_)
            | Self::RulesChanged(_)
            | Self::PolicyChanged(_)
            | Self::AgentRegistered(_)
            | Self::AgentRevoked(_)
            | Self::AgentPaused(_)
            | Self::AgentResumed(_)
            | Self::GrantRevoked(_)
            | Self::DelegationGiven(_)
            | Self::DelegationRevoked(_) => None,
            Self::ActionProposed(data) => Some(data.action),
            Self::ActionEdited(data) => Some(data.signed.item.action),
            Self::ActionEscalated(data) => Some(data.action),
            Self::ActionTaken(data) => Some(data.action),
            Self::ActionAsked(data) => Some(data.action),
            Self::ActionAnswered(data) => Some(data.action),
            Self::ActionFlagged(data) => Some(data.action),
            Self::VerdictGiven(data) => Some(data.signed.item.action),
            Self::VerdictRecognised(data) => Some(data.signed.item.action),
            Self::VerdictReviewed(data) => Some(data.signed.item.action),
            Self::GrantGiven(data) => Some(data.signed.item.action),
            Self::ActionResolved(data) => Some(data.action),
            Self::PermitIssued(data) => Some(data.action),
            Self::PermitLapsed(data) => Some(data.action),
            Self::PermitRedeemed(data) => Some(data.action),
            Self::ActionCompleted(data) => Some(data.action),
        }
    }
}

/// `log.opened`: everything else chains to this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOpened {
    /// The first person, by their key: the owner of a personal log, the first
    /// administrator of a team's.
    pub founders: Vec<Founder>,
    /// Verifier key of the log's signed notes.
    pub log_key: String,
    /// 32 random bytes: no two logs have the same id.
    pub nonce: Digest,
    /// Origin line of the log's checkpoints.
    pub origin: String,
    /// Exact web origins whose assertions count.
    pub origins: Vec<String>,
    /// Keys that sign permits.
    pub permit_keys: Vec<PermitKey>,
    /// The rules of who may decide. Never changes.
    pub profile: Profile,
    /// WebAuthn RP ID.
    pub rp_id: String,
}

/// A founding administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Founder {
    /// The key's id.
    pub credential_id: Blob,
    /// Name for people.
    pub name: String,
    /// COSE key.
    pub public_key: Blob,
    /// The person.
    pub reviewer: ReviewerId,
}

/// A key that signs permits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitKey {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// Ed25519 public key, 32 bytes.
    pub x: Blob,
}

/// The rules of who may decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// A single operator decides on what their own agents propose.
    Personal,
    /// Several people, of whom nobody decides on their own actions.
    Team,
}

/// `credential.enrolled`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialEnrolled {
    /// The certificate, DER, at which the attestation ends, when it proves the
    /// model that the item names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub anchor: Option<Blob>,
    /// The raw attestation object of the registration.
    pub attestation_object: Blob,
    /// The exact client data of the registration.
    pub client_data_json: Blob,
    /// The statement, signed by the new key itself. It counts when `log.opened`
    /// names the key, and else once somebody admitted it.
    pub signed: Signed<EnrolmentItem>,
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident($item:ty);)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                /// The signed statement.
                pub signed: Signed<$item>,
            }
        )*
    };
}

acts! {
    /// `credential.admitted`: by another key of the same person, or by
    /// administrators, of whom more than half are needed.
    CredentialAdmitted(AdmissionItem);
    /// `credential.revoked`: by the person or an administrator.
    CredentialRevoked(RevocationItem);
    /// `reviewer.registered`: by an administrator, who vouches for the key.
    ReviewerRegistered(ReviewerItem);
    /// `reviewer.changed`: by an administrator.
    ReviewerChanged(ReviewerChangeItem);
    /// `reviewer.removed`: by an administrator.
    ReviewerRemoved(RemovalItem);
    /// `rules.changed`: by an administrator.
    RulesChanged(RulesItem);
    /// `policy.changed`: by administrators, of whom two are needed where there
    /// are several. Part: `policy`.
    PolicyChanged(PolicyItem);
    /// `agent.registered`: by its owner in a personal log, by an administrator
    /// in a team's.
    AgentRegistered(AgentItem);
    /// `agent.revoked`: by its owner or an administrator.
    AgentRevoked(AgentRevocationItem);
    /// `agent.paused`: by anybody in the log.
    AgentPaused(PauseItem);
    /// `agent.resumed`: by who paused it, an administrator, or who may decide
    /// on what the agent proposes.
    AgentResumed(ResumptionItem);
    /// `action.edited`: by who may decide on the pending action, editors
    /// included.
    Edited(EditItem);
    /// `verdict.recognised`: by whom the verdict names.
    VerdictRecognised(RecognitionItem);
    /// `verdict.reviewed`: by an administrator who did not give that verdict.
    /// Part: `reason`.
    VerdictReviewed(ReviewItem);
    /// `grant.revoked`: by anybody in the log.
    GrantRevoked(GrantRevocationItem);
    /// `delegation.given`: by a reviewer of a team's log.
    DelegationGiven(DelegationItem);
    /// `delegation.revoked`: by either of the two, or an administrator.
    DelegationRevoked(DelegationRevocationItem);
}

/// `action.proposed`. Parts: `payload`, `context` when the agent gave one, and
/// `inputs` when a policy was evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// The action.
    pub action: ActionId,
    /// Sort of action.
    pub action_kind: ActionKind,
    /// The agent that proposes.
    pub agent: AgentId,
    /// The action that it is an edit of, and takes the place of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub edits: Option<ActionId>,
    /// What the policy asks for.
    pub evaluation: Evaluation,
    /// When it expires if nobody decides.
    pub expires_at: Time,
    /// The standing grants that approve it, in the order in which they were
    /// given.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub grants: Vec<GrantUse>,
    /// The run of the agent that it belongs to, as the agent says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<RunId>,
}

/// One use of a standing grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantUse {
    /// The grant.
    pub grant: GrantId,
    /// The policies that let its signer approve it, as in [`VerdictGiven`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub policies: Vec<String>,
}

/// What the policy asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// What the keys must be like that approve it, sorted, each once.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub assurance: Vec<Assurance>,
    /// Whether one person alone may let it run and answer for that afterwards.
    #[serde(skip_serializing_if = "is_default", default)]
    pub break_glass: bool,
    /// The answer.
    pub decision: Decision,
    /// Which groups are told when nobody has decided for that long, sorted by
    /// group, each once.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub escalate: Vec<Escalation>,
    /// Whether whoever approves it must have gone through the whole of it.
    #[serde(skip_serializing_if = "is_default", default)]
    pub full_review: bool,
    /// How long what has its quorum waits before it is approved, so that somebody
    /// can still deny it, seconds.
    #[serde(skip_serializing_if = "is_default", default)]
    pub grace_s: u64,
    /// Of which groups some of those who approve must be, sorted by group.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<FromGroup>,
    /// The policies that asked for this, by id, sorted, each once.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub policies: Vec<String>,
    /// The rules that were evaluated, by name and version.
    pub policy: String,
    /// Distinct reviewers that must approve.
    pub quorum: u64,
    /// Whether an approval must say why.
    #[serde(skip_serializing_if = "is_default", default)]
    pub reason_required: bool,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// For how many seconds from then on those who changed the policy do not
    /// approve under it.
    #[serde(skip_serializing_if = "is_default", default)]
    pub separate_s: u64,
    /// Whether standing grants may approve it. Says nothing where no policy is
    /// in force: then they may.
    #[serde(skip_serializing_if = "is_default", default)]
    pub standing: bool,
    /// Longest wait for a decision, seconds.
    pub ttl_s: u64,
    /// How long after the approval it may start, seconds.
    pub use_s: u64,
    /// How many people must deny it to end it. Absent: one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub veto: Option<u64>,
}

impl Evaluation {
    /// One that refuses and asks for nothing: what the others begin with.
    #[must_use]
    pub fn refusing(policy: impl Into<String>) -> Self {
        Self {
            assurance: Vec::new(),
            break_glass: false,
            decision: Decision::Refuse,
            escalate: Vec::new(),
            full_review: false,
            grace_s: 0,
            groups: Vec::new(),
            policies: Vec::new(),
            policy: policy.into(),
            quorum: 0,
            reason_required: false,
            reasons: Vec::new(),
            separate_s: 0,
            standing: false,
            ttl_s: 1,
            use_s: 1,
            veto: None,
        }
    }
}

/// A group that is told when nobody has decided for a while.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// How long after the proposal, seconds.
    pub after_s: u64,
    /// The group.
    pub group: String,
}

/// People of one group who must be among those who approve.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromGroup {
    /// The group.
    pub group: String,
    /// How many of it.
    pub people: u64,
}

/// What a key can prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// It cannot leave the device that made it.
    DeviceBound,
    /// An attestation proved its authenticator's model.
    ProvenModel,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The policy's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// People decide.
    Ask,
    /// It may not run.
    Refuse,
    /// It may run without a person.
    Release,
}

/// `action.taken`: a person says that they look after it. Not signed by them and
/// decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The action.
    pub action: ActionId,
}

/// `action.asked`. Part: `question`. Not signed and decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The action.
    pub action: ActionId,
}

/// `action.answered`. Part: `answer`. Refers to the question; a claim of the
/// agent's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// The action.
    pub action: ActionId,
}

/// `action.flagged`. Part: `remark`. Not signed and decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flagged {
    /// The action.
    pub action: ActionId,
}

/// `action.escalated`: nobody decided in the time that the evaluation names, so
/// this group is told. It changes nothing of who may decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalated {
    /// The action.
    pub action: ActionId,
    /// The group.
    pub group: String,
}

/// `verdict.given`. Part: `reason`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictGiven {
    /// The policies that let this person approve it, by id, sorted, each once.
    /// None for a denial, and where none but the built-in rules hold.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub policies: Vec<String>,
    /// What was on screen.
    pub seen: Seen,
    /// The decision, signed by the reviewer.
    pub signed: Signed<VerdictItem>,
}

/// `grant.given`. Parts: `reason`, `shape`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantGiven {
    /// What was on screen.
    pub seen: Seen,
    /// The grant, signed by the reviewer.
    pub signed: Signed<GrantItem>,
}

/// `action.resolved`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// The action.
    pub action: ActionId,
    /// How.
    pub resolution: Resolution,
    /// Last moment to redeem a permit; there when approved or released.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub use_before: Option<Time>,
}

/// How the waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The quorum approved.
    Approved,
    /// A reviewer denied it.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// The agent took it back, or a pause of the agent did.
    Withdrawn,
    /// The policy refused it.
    Refused,
    /// A reviewer edited it: another action took its place.
    Superseded,
    /// The policy released it: nobody was asked.
    Released,
}

impl Resolution {
    /// Whether the action may run.
    #[must_use]
    pub fn runs(self) -> bool {
        matches!(self, Self::Approved | Self::Released)
    }
}

/// `permit.issued`. Its claims follow from this entry and those it refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitIssued {
    /// The action.
    pub action: ActionId,
    /// The executor that may redeem it.
    pub audience: ExecutorId,
    /// End of its life.
    pub expires_at: Time,
    /// The key that signs it.
    pub kid: String,
    /// The permit.
    pub permit: PermitId,
}

/// `permit.lapsed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitLapsed {
    /// The action.
    pub action: ActionId,
    /// The permit.
    pub permit: PermitId,
}

/// `permit.redeemed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitRedeemed {
    /// The action.
    pub action: ActionId,
    /// The permit.
    pub permit: PermitId,
}

/// `action.completed`. Part: `output`, when there was any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completed {
    /// The action.
    pub action: ActionId,
    /// How long it ran, milliseconds.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes of output before the tail that the part holds.
    pub output_omitted: u64,
}

/// How a run ended. The first three are a command's, the others everything
/// else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It exited.
    Exited {
        /// Exit code.
        #[cfg_attr(feature = "openapi", schema(maximum = 255))]
        code: u8,
    },
    /// A signal ended it.
    Signalled {
        /// Number of the signal.
        #[cfg_attr(feature = "openapi", schema(maximum = 255))]
        signal: u8,
    },
    /// It never started.
    FailedToStart {
        /// Why, at most [`MAX_WHY`] bytes.
        why: String,
    },
    /// It was done.
    Succeeded {},
    /// It was not done, or not whole.
    Failed {
        /// Why, at most [`MAX_WHY`] bytes.
        why: String,
    },
}

/// Most bytes of the words in an outcome.
pub const MAX_WHY: usize = 500;

impl Outcome {
    /// Whether an action of that kind can end like this.
    #[must_use]
    pub fn fits(&self, kind: ActionKind) -> bool {
        let of_a_command = match self {
            Self::Exited { .. } | Self::Signalled { .. } | Self::FailedToStart { .. } => true,
            Self::Succeeded {} | Self::Failed { .. } => false,
        };
        of_a_command == kind.runs_a_program()
    }

    /// Its words, where it has some.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::FailedToStart { why } | Self::Failed { why } => Some(why),
            Self::Exited { .. } | Self::Signalled { .. } | Self::Succeeded {} => None,
        }
    }
}
