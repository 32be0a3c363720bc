//! What the model knows of a log, and what may be tried next.
//!
//! Time is a number of ticks, a person's record one of four, an evaluation what
//! it asks for. Nothing of the reducer is used here.

/// How long a proposal waits, in ticks.
pub(super) const WAIT: u8 = 2;
/// How long after its approval it may start.
pub(super) const USE: u8 = 3;
/// How long a permit lives when nothing ends before.
pub(super) const PERMIT: u8 = 2;
/// How long whoever changed the policy does not approve, where that is asked.
pub(super) const SEPARATE: u8 = 1;

/// How long a standing grant lasts.
pub(super) const LASTS: u8 = 2;
/// How long something is lent.
pub(super) const LENT: u8 = 1;

/// The people. Ada founds, owns and registers the agent; Cleo administers too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Who {
    Ada,
    Ben,
    Cleo,
    Dan,
}

/// Their keys: Ben has a second one, which may leave its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    Ada,
    Ben,
    Synced,
    Cleo,
    Dan,
}

impl Key {
    pub(super) fn of(self) -> Who {
        match self {
            Self::Ada => Who::Ada,
            Self::Ben | Self::Synced => Who::Ben,
            Self::Cleo => Who::Cleo,
            Self::Dan => Who::Dan,
        }
    }
}

impl Who {
    pub(super) fn key(self) -> Key {
        match self {
            Self::Ada => Key::Ada,
            Self::Ben => Key::Ben,
            Self::Cleo => Key::Cleo,
            Self::Dan => Key::Dan,
        }
    }
}

/// What is written of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Record {
    /// As they joined.
    First,
    /// In other groups.
    Moved,
    /// An administrator and no reviewer.
    NoReviewer,
    Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    Security,
    Sre,
}

/// Whether they administer the log.
pub(super) fn administers(world: &World, who: Who) -> bool {
    let founds = matches!(who, Who::Ada | Who::Cleo);
    world.here(who) && (founds || world.record(who) == Record::NoReviewer)
}

/// The groups of a person by their record.
pub(super) fn groups(who: Who, record: Record) -> &'static [Group] {
    match (who, record) {
        (_, Record::Left) | (Who::Ada, _) | (Who::Dan, Record::First | Record::NoReviewer) => &[],
        (Who::Ben, Record::Moved) => &[Group::Sre],
        (Who::Ben, _) => &[Group::Security, Group::Sre],
        (_, Record::Moved) => &[Group::Security],
        (Who::Cleo, _) => &[Group::Sre],
    }
}

/// The policy's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Ask,
    Refuse,
    Release,
}

/// An evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) answer: Answer,
    pub(super) quorum: usize,
    pub(super) security: usize,
    pub(super) sre: usize,
    pub(super) veto: usize,
    /// Wants a reason, a key that cannot leave its device, and nobody who
    /// changed the policy a moment ago.
    pub(super) careful: bool,
    /// Lets one person alone approve it.
    pub(super) glass: bool,
    /// After how many ticks sre is told.
    pub(super) escalate: Option<u8>,
    /// How long what has its quorum waits.
    pub(super) grace: u8,
}

/// One approval by anybody.
pub(super) const ONE: Asked = Asked {
    answer: Answer::Ask,
    quorum: 1,
    security: 0,
    sre: 0,
    veto: 1,
    careful: false,
    glass: false,
    escalate: None,
    grace: 0,
};

/// What is explored, and how far. Beyond that, steps are still tried that must
/// be refused.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) asked: Asked,
    /// Whether a policy is in force; Ada and Cleo brought it there at tick 0.
    pub(super) policy: bool,
    /// Whether Dan is there.
    pub(super) dan: bool,
    /// How many actions there can be.
    pub(super) actions: usize,
    /// Whether the others come of edits, or are proposed beside the first.
    pub(super) edits: bool,
    /// Whether one standing grant can be given over the first action, good for
    /// one other.
    pub(super) grants: bool,
    /// Whether Ben can lend sre to Dan once, and end it.
    pub(super) lends: bool,
    /// How often keys, people, rules and the agent change, and pauses begin,
    /// until all actions are over.
    pub(super) unrest: u8,
    /// How many verdicts there can be.
    pub(super) verdicts: usize,
}

/// How waiting ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum End {
    Approved,
    Released,
    Denied,
    Expired,
    Withdrawn,
    Refused,
    Superseded,
}

impl End {
    pub(super) fn runs(self) -> bool {
        matches!(self, Self::Approved | Self::Released)
    }
}

/// What a pause holds. The proposals belong to one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Agent,
    Run,
    OtherRun,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Action {
    pub(super) proposed_at: u8,
    /// Key, whether it approves, and when, where that matters: sorted by person,
    /// theirs in order.
    pub(super) verdicts: Vec<(Key, bool, u8)>,
    /// The keys with which somebody broke glass for it, in order.
    pub(super) broken: Vec<Key>,
    /// The key of the standing grant that approves it.
    pub(super) granted: Option<Key>,
    /// Whether Dan approved it while sre was lent to him.
    pub(super) stood_in: bool,
    /// Whether a pause met it.
    pub(super) met: bool,
    /// Whether it was edited and waits for its successor.
    pub(super) edited: bool,
    /// Who edited what it came of.
    pub(super) editors: Vec<Who>,
    /// How often sre was told of it: once, if all is well.
    pub(super) escalated: u8,
    pub(super) end: Option<End>,
    pub(super) use_before: u8,
    /// How many permits it had.
    pub(super) permits: u8,
    /// The end of the one in force.
    pub(super) permit: Option<u8>,
    /// At most one, if all is well.
    pub(super) redeemed: u8,
    pub(super) completed: bool,
}

/// A standing grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Grant {
    pub(super) key: Key,
    pub(super) given_at: u8,
    pub(super) used: bool,
    pub(super) ended: bool,
    /// Whether the whole agent was paused since.
    pub(super) stopped: bool,
}

/// What Ben lends Dan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Loan {
    pub(super) given_at: u8,
    pub(super) ended: bool,
    /// Whether Ben has lent it to Ada since, whose agent it is.
    pub(super) moved: bool,
}

/// A log, as the model sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: u8,
    /// How much may still change beside the actions.
    pub(super) unrest: u8,
    pub(super) records: [Record; 4],
    pub(super) revoked: [bool; 5],
    /// Whether the rules shut out keys that may leave their device.
    pub(super) device_bound: bool,
    pub(super) agent_ended: bool,
    /// Those that stand, in order.
    pub(super) pauses: Vec<(Who, Scope)>,
    pub(super) grant: Option<Grant>,
    pub(super) loan: Option<Loan>,
    pub(super) actions: Vec<Action>,
}

/// What somebody tries. A number is that of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Tick,
    Propose(usize),
    /// One that the standing grant is said to approve.
    ProposeUnder(usize),
    /// Over the first action.
    Grant(Key),
    EndGrant(Who),
    /// Ben lends sre to Dan.
    Lend,
    /// Ben lends it to Ada.
    LendOn,
    EndLoan(Who),
    /// The successor of an edited action, which has the number before.
    Succeed(usize),
    Edit(usize, Key),
    Decide {
        action: usize,
        key: Key,
        approves: bool,
        says_why: bool,
    },
    /// Breaks glass.
    Break(usize, Key),
    Escalate(usize, Group),
    Resolve(usize, End),
    /// The gateway withdraws what a pause met.
    WithdrawStopped(usize),
    Issue(usize),
    /// A permit that outlives the approval.
    IssueBeyond(usize),
    Lapse(usize),
    Redeem(usize),
    /// The first of several permits.
    RedeemFirst(usize),
    Complete(usize),
    RevokeKey(Key),
    Change(Who, Record),
    /// By Ada; she herself by Cleo.
    Remove(Who),
    EndAgent,
    DeviceBound(bool),
    Pause(Who, Scope),
    /// Lifts the last pause.
    Resume(Who),
}

impl Step {
    /// Whether it changes something beside the actions.
    pub(super) fn is_unrest(self) -> bool {
        matches!(
            self,
            Self::RevokeKey(_)
                | Self::Change(..)
                | Self::Remove(_)
                | Self::EndAgent
                | Self::DeviceBound(_)
                | Self::Pause(..)
        )
    }
}

impl World {
    pub(super) fn first(scene: &Scene) -> Self {
        Self {
            now: 0,
            unrest: scene.unrest,
            records: [Record::First; 4],
            revoked: [false; 5],
            device_bound: false,
            agent_ended: false,
            pauses: Vec::new(),
            grant: None,
            loan: None,
            actions: Vec::new(),
        }
    }

    pub(super) fn record(&self, who: Who) -> Record {
        self.records[who as usize]
    }

    pub(super) fn here(&self, who: Who) -> bool {
        self.record(who) != Record::Left
    }

    pub(super) fn reviews(&self, who: Who) -> bool {
        matches!(self.record(who), Record::First | Record::Moved)
    }

    /// Whether what this key signs counts now.
    pub(super) fn counts(&self, key: Key) -> bool {
        let kept = !self.device_bound || key != Key::Synced;
        !self.revoked[key as usize] && kept && self.here(key.of())
    }

    pub(super) fn agent_works(&self) -> bool {
        !self.agent_ended && self.here(Who::Ada)
    }

    /// A deadline that lies ahead: what time still matters for.
    fn deadline_ahead(&self, grace: u8) -> bool {
        let lasts = |grant: Grant| !grant.used && !grant.ended && self.now < grant.given_at + LASTS;
        let stands = |loan: Loan| !loan.ended && self.now < loan.given_at + LENT;
        self.grant.is_some_and(lasts)
            || self.loan.is_some_and(stands)
            || self.actions.iter().any(|action| {
                let pending = action.end.is_none() && self.now < action.proposed_at + WAIT;
                let usable = action.end.is_some_and(End::runs) && action.redeemed == 0;
                let permit = action.permit.is_some_and(|end| self.now < end);
                let newest = action.verdicts.iter().map(|(.., at)| *at).max();
                let newest = newest.unwrap_or(action.proposed_at);
                let waits = action.end.is_none() && grace > 0 && self.now < newest + grace;
                pending || waits || usable && self.now < action.use_before || permit
            })
    }

    /// Whether nothing can run any more and no outcome is awaited.
    pub(super) fn is_over(&self, action: &Action) -> bool {
        match action.end {
            None => false,
            Some(end) if !end.runs() || action.completed => true,
            Some(_) => {
                action.redeemed == 0 && action.permit.is_none() && self.now >= action.use_before
            }
        }
    }

    /// Everything that is tried in this world, also what must be refused.
    pub(super) fn tries(&self, scene: &Scene) -> Vec<Step> {
        let mut tries = Vec::new();
        if self.deadline_ahead(scene.asked.grace) {
            tries.push(Step::Tick);
        }
        for action in 0..scene.actions.min(self.actions.len() + 1) {
            self.tries_of(action, scene, &mut tries);
        }
        if scene.grants {
            tries.extend(keys(scene).map(Step::Grant));
            tries.extend([Who::Ada, Who::Cleo].map(Step::EndGrant));
            tries.push(Step::ProposeUnder(
                self.actions.len().min(scene.actions - 1),
            ));
        }
        if scene.lends {
            tries.push(Step::Lend);
            tries.extend(self.loan.is_some().then_some(Step::LendOn));
            tries.extend([Who::Ben, Who::Cleo, Who::Dan].map(Step::EndLoan));
        }
        let mut people = vec![Who::Ben, Who::Cleo];
        people.extend(scene.dan.then_some(Who::Dan));
        tries.extend([Who::Ada, Who::Ben, Who::Cleo].map(Step::Resume));
        tries.extend(keys(scene).skip(1).map(Step::RevokeKey));
        for who in people {
            let records = [Record::First, Record::Moved, Record::NoReviewer];
            let others = records.into_iter().filter(|new| *new != self.record(who));
            tries.extend(others.map(|record| Step::Change(who, record)));
            tries.push(Step::Remove(who));
        }
        tries.extend([
            Step::Remove(Who::Ada),
            Step::EndAgent,
            Step::DeviceBound(!self.device_bound),
            Step::Pause(Who::Ben, Scope::Agent),
            Step::Pause(Who::Ada, Scope::Run),
            Step::Pause(Who::Ben, Scope::OtherRun),
        ]);
        tries
    }

    /// Whether the scene ends before a step that could be taken.
    pub(super) fn is_beyond(&self, scene: &Scene, step: Step) -> bool {
        let given = self.actions.iter();
        let given = given.map(|known| known.verdicts.len() + known.broken.len());
        let all = scene.edits || self.actions.len() == scene.actions;
        let over = all && self.actions.iter().all(|known| self.is_over(known));
        match step {
            Step::Decide { .. } | Step::Break(..) => given.sum::<usize>() >= scene.verdicts,
            Step::Grant(_) => over,
            Step::EndGrant(_) | Step::LendOn | Step::EndLoan(_) => over && !self.actions.is_empty(),
            Step::Lend => over || self.actions.is_empty(),
            step => step.is_unrest() && (self.unrest == 0 || over && !self.actions.is_empty()),
        }
    }

    fn tries_of(&self, action: usize, scene: &Scene, tries: &mut Vec<Step>) {
        let ends = [
            End::Approved,
            End::Released,
            End::Denied,
            End::Expired,
            End::Withdrawn,
            End::Refused,
            End::Superseded,
        ];
        // What a grant is over only waits: its own life is that of other scenes.
        if scene.grants && action == 0 {
            tries.extend([Step::Propose(action), Step::Resolve(action, End::Expired)]);
            return;
        }
        if scene.edits && action > 0 {
            tries.push(Step::Succeed(action));
        } else {
            tries.push(Step::Propose(action));
        }
        for key in keys(scene) {
            for (approves, says_why) in [(true, true), (false, true), (true, false)] {
                if says_why || scene.asked.careful {
                    tries.push(Step::Decide {
                        action,
                        key,
                        approves,
                        says_why,
                    });
                }
            }
            if scene.edits && action + 1 < scene.actions {
                tries.push(Step::Edit(action, key));
            }
            if scene.asked.glass {
                tries.push(Step::Break(action, key));
            }
        }
        if scene.asked.escalate.is_some() {
            tries.extend([Group::Security, Group::Sre].map(|group| Step::Escalate(action, group)));
        }
        tries.extend(ends.map(|end| Step::Resolve(action, end)));
        tries.extend([
            Step::WithdrawStopped(action),
            Step::Issue(action),
            Step::IssueBeyond(action),
            Step::Lapse(action),
            Step::Redeem(action),
            Step::Complete(action),
        ]);
        let known = self.actions.get(action);
        if known.is_some_and(|known| known.permits > 1) {
            tries.push(Step::RedeemFirst(action));
        }
    }
}

/// The keys in a scene, Ada's first. Where Ben lends something, the others would
/// do what they do elsewhere.
pub(super) fn keys(scene: &Scene) -> impl Iterator<Item = Key> {
    let (least, others) = ([Key::Ada, Key::Ben], [Key::Synced, Key::Cleo]);
    let others = others.into_iter().filter(|_| !scene.lends);
    let keys = least.into_iter().chain(others);
    keys.chain(scene.dan.then_some(Key::Dan))
}
