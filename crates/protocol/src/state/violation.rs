//! Why an entry cannot follow the ones before it.

/// A broken rule of the log. Each has a test that breaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Not the next position.
    #[error("entry {found} stands where entry {expected} belongs")]
    Order {
        /// The next position.
        expected: u64,
        /// The position given.
        found: u64,
    },
    /// Earlier than the entry before it.
    #[error("its time is before the previous entry's")]
    TimeRunsBackwards,
    /// Something before `log.opened`.
    #[error("the log is not opened yet")]
    NotOpened,
    /// A second `log.opened`, or one without its founder.
    #[error("`log.opened` must be entry 0, name one founder, and nothing else may")]
    BadOpening,
    /// Not the actor that this kind demands here.
    #[error("written by somebody who may not write it")]
    WrongActor,
    /// Not exactly the entries that this kind builds on.
    #[error("its references are not the entries that it builds on")]
    WrongReferences,
    /// A part is missing, surplus, too big or of another type.
    #[error("its parts are not those of its kind")]
    WrongParts,
    /// An envelope of one type used as another.
    #[error("the signed envelope is of another type")]
    WrongActType,
    /// An envelope made for another log.
    #[error("the signed envelope belongs to another log")]
    OtherLog,
    /// `issued_at` too far from the entry's time.
    #[error("the signed envelope was issued more than two minutes away from the entry's time")]
    Skew,
    /// Used at or after its `expires_at`.
    #[error("the signed envelope had expired")]
    EnvelopeExpired,
    /// Item number out of bounds.
    #[error("the signed item is not one of 1 to 256")]
    ItemCount,
    /// The pinned checkpoint does not cover what is decided.
    #[error("the signed pin is older than what it decides on")]
    StalePin,
    /// The pinned checkpoint lies in the future.
    #[error("the signed pin is beyond the log")]
    PinBeyond,
    /// A nonce used before.
    #[error("the signed envelope's nonce was used before")]
    NonceReused,
    /// A key that nobody enrolled.
    #[error("signed with a key that is not enrolled")]
    UnknownCredential,
    /// A key of somebody else.
    #[error("signed with another person's key")]
    ForeignCredential,
    /// The first key is not the founder's, or a later one is.
    #[error("the first key must be the founder's key that `log.opened` names, and no other may be")]
    NotTheFoundersKey,
    /// A key that another signs for, that was not attested, or that is there
    /// already.
    #[error("a new key must sign its own enrolment, once")]
    NotItsOwnKey,
    /// A key that nobody admitted.
    #[error("signed with a key that nobody has admitted yet")]
    NotAdmitted,
    /// A key that counts no more.
    #[error("signed with a key that was revoked")]
    KeyRevoked,
    /// A key that the rules give no more time.
    #[error("signed with a key that is older than the rules allow")]
    KeyTooOld,
    /// A key that can be copied, where the rules want none.
    #[error("signed with a key that may leave its device, which the rules do not allow")]
    NotDeviceBound,
    /// A key of a model that the rules do not name, or of none that is proven.
    #[error("signed with a key of a model that the rules do not allow")]
    ModelNotAllowed,
    /// The statement names something that is not there, or not any more.
    #[error("what was signed is not what it stands on")]
    WrongStatement,
    /// Done by somebody whose role is another.
    #[error("signed by a person who may not do this")]
    NotAllowed,
    /// An act that there is in a team's log only.
    #[error("there is no such act in a personal log")]
    TeamOnly,
    /// A person's id or identity used before.
    #[error("a person with this id or identity is registered already")]
    ReviewerExists,
    /// Changed their own record beside other administrators.
    #[error("nobody changes their own record while there is another administrator")]
    OwnRecord,
    /// Nobody would be left to administer the log.
    #[error("the log would be left without an administrator")]
    LastAdministrator,
    /// Roles or groups that cannot be.
    #[error(
        "roles and groups must be sorted, each once, with at least one role and fit group names"
    )]
    BadRoles,
    /// Rules that cannot be, or that shut out whoever makes them.
    #[error(
        "the rules must ask for 1 to 16 people, name at most 256 models, sorted, each once, and \
         let the key count that signs them"
    )]
    BadRules,
    /// An agent that may do nothing more.
    #[error("the agent was revoked")]
    AgentIsRevoked,
    /// Proposed while the agent, or its run, is paused.
    #[error(
        "the agent is paused, or this run of it: nothing can be proposed until somebody resumes it"
    )]
    AgentIsPaused,
    /// Decided or used after a pause met it.
    #[error("stopped by a pause of the agent: propose it anew once somebody has resumed the agent")]
    StoppedByPause,
    /// A second pause of the same by the same person.
    #[error("this person has paused it already")]
    PausedAlready,
    /// Somebody else's pause lifted by whose agent it is, or by who registered
    /// it.
    #[error(
        "nobody lifts another person's pause of their own agent, or of one that they registered"
    )]
    NotTheirPause,
    /// Decided by whose agent it is, or by who registered it.
    #[error("nobody decides on what their own agent, or one that they registered, proposes")]
    OwnAction,
    /// Decided by who edited it.
    #[error("nobody decides on what they edited, or on what came of it")]
    OwnEdit,
    /// The successor of an edit that nobody made, or another than it says.
    #[error("it is not what the edit says that takes the place of the other")]
    UnfoundedEdit,
    /// Escalated to a group that the evaluation does not name, or twice.
    #[error("the action is not to be escalated to that group, or was already")]
    UnfoundedEscalation,
    /// Edited too often.
    #[error("it was edited as often as an action can be")]
    TooManyEdits,
    /// Recognised by somebody else, or twice.
    #[error("only the person whose verdict it is recognises it, once")]
    NotHisVerdict,
    /// An agent's id or token used before.
    #[error("an agent with this id or token is registered already")]
    AgentExists,
    /// An empty or overlong name.
    #[error("a name must have 1 to 80 characters and no control characters")]
    BadName,
    /// An agent that nobody registered.
    #[error("the agent is not registered")]
    UnknownAgent,
    /// An action id used before.
    #[error("an action with this id exists already")]
    ActionExists,
    /// An action that nobody proposed.
    #[error("the action was never proposed")]
    UnknownAction,
    /// The evaluation contradicts itself or the proposal.
    #[error("the evaluation and the proposal do not agree")]
    BadEvaluation,
    /// Approved without the reason that the policy asks for.
    #[error("the policy asks whoever approves it to say why: give a reason")]
    ReasonMissing,
    /// Approved with a key that cannot prove what the policy asks for.
    #[error("the policy asks for another sort of key to approve it")]
    AssuranceMissing,
    /// Approved by who changed the policy not long ago.
    #[error("whoever changed the policy does not approve under it so soon")]
    OwnPolicy,
    /// Glass broken where the policy does not let anybody, or over a denial.
    #[error(
        "nobody breaks glass for it: the policy does not allow that, or somebody has denied it"
    )]
    GlassStays,
    /// Glass broken by who has not answered for it often enough.
    #[error("as many glasses that this person broke wait for a review as may")]
    TooManyUnreviewed,
    /// A grant's id used before.
    #[error("a standing grant with this id exists already")]
    GrantExists,
    /// A grant that nobody gave.
    #[error("there is no such standing grant")]
    UnknownGrant,
    /// Revoked, used up, too old, or met by a pause of its agent.
    #[error("the standing grant is over: revoked, used up, too old, or stopped by a pause")]
    GrantIsOver,
    /// For ever, for nothing, or too often.
    #[error("a standing grant lasts at most 90 days and covers 1 to 1000 proposals")]
    BadGrant,
    /// More grants than an agent has.
    #[error("the agent has as many standing grants as it can have: revoke one")]
    TooManyGrants,
    /// A proposal that wants people who saw it.
    #[error("the policy wants an approval of this very action, not one in advance")]
    NotGrantable,
    /// A grant over what somebody denied.
    #[error("nothing is approved in advance that is like what somebody has denied")]
    WasDenied,
    /// A proposal of another agent or kind.
    #[error("the standing grant covers another agent's proposals, or another kind")]
    NotCovered,
    /// A delegation's id used before.
    #[error("a delegation with this id exists already")]
    DelegationExists,
    /// A delegation that nobody gave.
    #[error("there is no such delegation")]
    UnknownDelegation,
    /// Revoked, or its time is over.
    #[error("the delegation is over: revoked, or its time has passed")]
    DelegationIsOver,
    /// For too long, of nothing, of a group that is not the signer's, or to
    /// themselves.
    #[error(
        "a delegation lends groups of one's own, sorted, each once, to another reviewer for at \
         most 90 days"
    )]
    BadDelegation,
    /// Lent to two people at a time.
    #[error("this person lends to somebody else already: revoke that delegation first")]
    DelegatedAlready,
    /// The verdict is about another proposal, digest or expiry.
    #[error("the signed verdict is not about this proposal")]
    WrongProposal,
    /// The reason kept is not the reason signed.
    #[error("the reason is not the one that was signed")]
    WrongReason,
    /// What was seen is not what was signed, or not enough to approve.
    #[error("what was seen is not what was signed, or does not cover the payload and context")]
    WrongSeen,
    /// Approved without having gone through the whole of it.
    #[error(
        "the policy asks whoever approves it to go through the whole of it: open the full review in a console, see each part to its end, and approve it there"
    )]
    NotSeenInFull,
    /// Decided by somebody who may not.
    #[error("only the agent's owner decides in a personal log")]
    NotTheOwner,
    /// A second verdict by the same person.
    #[error("this person decided already")]
    DecidedAlready,
    /// An approval of what has enough and waits out its grace time.
    #[error("enough people have approved it: until it starts it can only be denied")]
    ApprovedEnough,
    /// Resolved while its grace time stands.
    #[error(
        "enough people have approved it, and its grace time stands: until that is over it can be denied"
    )]
    GraceStands,
    /// At or after the deadline.
    #[error("too late: the action had expired")]
    TooLate,
    /// The action is not waiting (any more).
    #[error("the action is not pending")]
    NotPending,
    /// Resolved as something that did not happen.
    #[error("nothing in the log leads to this resolution")]
    UnfoundedResolution,
    /// Approved or used without the people that the evaluation asked for.
    #[error("the quorum that the evaluation asked for is not met")]
    NoQuorum,
    /// Somebody whom nobody took in, or who has left.
    #[error("there is no such person in this log, or they have left")]
    UnknownReviewer,
    /// More notes than an action takes.
    #[error("the action has as many notes as it can take")]
    TooManyNotes,
    /// Taken again by who has it.
    #[error("this person has taken it already")]
    TakenAlready,
    /// The answer to something that was not asked, or was answered.
    #[error("there is no such open question")]
    NoSuchQuestion,
    /// An outcome that its kind of action cannot have.
    #[error("an action of this kind does not end like that")]
    WrongOutcome,
    /// A permit for an action that is not approved.
    #[error("a permit for an action that is not approved")]
    NotApproved,
    /// A permit while another is in force, or after a redemption.
    #[error("the action has a permit in force or was redeemed already")]
    PermitExists,
    /// Wrong audience, key, lifetime or id.
    #[error("the permit's audience, key, lifetime or id is not allowed")]
    BadPermit,
    /// Not the permit in force.
    #[error("the permit is not in force")]
    NoSuchPermit,
    /// Lapsed or expired before its time.
    #[error("it is not due yet")]
    NotDue,
    /// The outcome of something that is not running.
    #[error("an outcome of an action that was not redeemed, or has one already")]
    NotRunning,
}
