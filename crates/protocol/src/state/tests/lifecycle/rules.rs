//! The model's rules: docs/spec/lifecycle.md in the model's words.
//!
//! Written from the page and not from the reducer. A [`Flaw`] leaves one rule
//! out, so that a test sees that its absence is noticed.

use super::world::{
    Action, Answer, End, Grant, Group, Key, LASTS, LENT, Loan, PERMIT, Record, SEPARATE, Scene,
    Scope, Step, USE, WAIT, Who, World, administers, groups,
};

/// A rule left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Counts people whatever their groups.
    GroupsUnread,
    /// Lets one person stand for two groups.
    OneForTwoGroups,
    /// Counts keys in the place of people.
    KeysAreCounted,
    /// Approves what was vetoed.
    VetoSkipped,
    /// Releases what was vetoed.
    VetoSkippedAtRelease,
    /// Approves what nobody is asked about.
    ApprovedUnasked,
    /// Approves what has expired.
    ApprovedLate,
    /// Takes verdicts after the expiry.
    DecidedLate,
    /// Does not count anew when a permit is redeemed.
    NotCountedAnew,
    /// Leaves a permit in force that was redeemed.
    RedeemedTwice,
    /// Redeems a permit that has run out.
    RedeemedLate,
    /// Lets a permit outlive the approval.
    PermitBeyond,
    /// Keeps what was approved by who has lost the role.
    RoleUnread,
    /// Drops what a revoked key signed.
    VerdictLost,
    /// Counts nobody of whose keys one was revoked.
    AllKeysRevoked,
    /// Forgets with a pause what it met.
    PauseForgotten,
    /// Redeems for an agent that has ended.
    EndedAgentRuns,
    /// Lets who edited decide.
    EditorDecides,
    /// Lets the owner decide.
    OwnerDecides,
    /// Lets nothing expire.
    NeverExpires,
    /// Uses a grant that has run out.
    GrantLate,
    /// Uses a grant from before a pause.
    GrantOutlivesPause,
    /// Counts what a grant approved that was ended since.
    GrantOutlivesEnd,
    /// Counts what its signer has denied.
    GrantOverDenial,
    /// Lets glass be broken over a denial.
    GlassOverDenial,
    /// Lets glass stay broken whose key counts no more.
    GlassUncounted,
    /// Escalates before the time.
    EscalatedEarly,
    /// Escalates what has expired.
    EscalatedLate,
    /// Tells a group again.
    EscalatedTwice,
    /// Escalates what is edited or resolved.
    EscalatedOver,
    /// Tells a group that the evaluation does not name.
    EscalatedElsewhere,
    /// Approves what waits out its grace time.
    GraceSkipped,
    /// Lets a grace time be prolonged by another approval.
    GraceProlonged,
    /// Lets expire what waits out its grace time.
    ExpiresInGrace,
    /// Takes no denial after the expiry, in a grace time either.
    StoppedTooLate,
    /// Lets nothing expire that was approved, whoever counts no more.
    GraceOutlivesQuorum,
    /// Keeps whoever approved from denying.
    NotTakenBack,
    /// Counts an approval that was taken back.
    TakenBackCounts,
    /// Takes what was lent for lent when its time is over.
    LoanTimeless,
    /// Counts what was lent and has been ended.
    LoanOutlivesEnd,
    /// Counts a seat for who lent it and for who has it.
    LoanDoubles,
    /// Counts what has been lent to somebody else since.
    LoanInTwoHands,
    /// Lends what its owner no longer has.
    LoanOutlivesOwner,
    /// Lends for what one has edited.
    EditorLends,
}

/// What the log says must come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    Resolve(usize, End),
    Permit(usize),
    Withdraw,
}

/// What time makes due of an action, in the order in which equal ones are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overdue {
    Escalates,
    Expires,
    Lapses,
    /// What has waited out its grace time.
    Starts,
}

/// The rules of a scene.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) scene: &'a Scene,
    pub(super) flaw: Option<Flaw>,
}

impl Rules<'_> {
    fn lacks(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// The world after a step, or nothing when it is refused.
    pub(super) fn step(&self, world: &World, step: Step) -> Option<(World, Next)> {
        let mut after = world.clone();
        let next = match step {
            Step::Tick => {
                after.now += 1;
                Some(Next::Nothing)
            }
            Step::RevokeKey(_)
            | Step::Change(..)
            | Step::Remove(_)
            | Step::EndAgent
            | Step::DeviceBound(_)
            | Step::Pause(..)
            | Step::Resume(_) => self.disturb(&mut after, step),
            _ => self.go_on(&mut after, step),
        }?;
        after.unrest = world.unrest.saturating_sub(step.is_unrest().into());
        Some((after, next))
    }

    /// What concerns people, keys and the agent.
    fn disturb(&self, world: &mut World, step: Step) -> Option<Next> {
        let ada = world.counts(Key::Ada);
        let allowed = match step {
            Step::RevokeKey(key) => ada && !world.revoked[key as usize],
            Step::Change(who, _) => ada && world.here(who),
            Step::Remove(Who::Ada) => world.counts(Key::Cleo) && world.here(Who::Ada),
            Step::Remove(who) => ada && world.here(who),
            Step::EndAgent => ada && !world.agent_ended,
            Step::DeviceBound(_) => ada,
            Step::Pause(who, scope) => {
                let again = world.pauses.contains(&(who, scope));
                world.counts(who.key()) && !world.agent_ended && !again
            }
            Step::Resume(who) => {
                // Ada owns the agent: she lifts her own pauses only.
                let last = world.pauses.last();
                let may = last.is_some_and(|(by, _)| *by == who || who != Who::Ada);
                world.counts(who.key()) && may
            }
            _ => false,
        };
        if !allowed {
            return None;
        }
        match step {
            Step::RevokeKey(key) => {
                world.revoked[key as usize] = true;
                if self.lacks(Flaw::VerdictLost) {
                    for action in &mut world.actions {
                        action.verdicts.retain(|(signed, ..)| *signed != key);
                    }
                }
            }
            Step::Change(who, record) => world.records[who as usize] = record,
            Step::Remove(who) => world.records[who as usize] = Record::Left,
            Step::EndAgent => world.agent_ended = true,
            Step::DeviceBound(wanted) => world.device_bound = wanted,
            Step::Pause(who, scope) => {
                world.pauses.push((who, scope));
                if let (Some(grant), Scope::Agent) = (&mut world.grant, scope) {
                    grant.stopped = true;
                }
                if scope != Scope::OtherRun {
                    world
                        .actions
                        .iter_mut()
                        .for_each(|action| action.met = true);
                }
                return Some(Next::Withdraw);
            }
            Step::Resume(_) => {
                world.pauses.pop();
                if self.lacks(Flaw::PauseForgotten) {
                    world
                        .actions
                        .iter_mut()
                        .for_each(|action| action.met = false);
                }
            }
            _ => {}
        }
        Some(Next::Nothing)
    }

    /// What concerns one action.
    fn go_on(&self, world: &mut World, step: Step) -> Option<Next> {
        match step {
            Step::Propose(number) => {
                let is_new = number == world.actions.len();
                (is_new && self.may_propose(world)).then(|| self.propose(world, number))
            }
            Step::ProposeUnder(number) => {
                let is_new = number == world.actions.len();
                if !is_new || !self.may_propose(world) || !self.may_use_grant(world) {
                    return None;
                }
                Some(self.propose_under(world, number))
            }
            Step::Grant(key) => self.give_grant(world, key),
            Step::EndGrant(who) => {
                let may = world.counts(who.key());
                let grant = world.grant.as_mut().filter(|grant| may && !grant.ended)?;
                grant.ended = true;
                Some(Next::Nothing)
            }
            Step::Lend => {
                let may = self.may_lend(world) && world.reviews(Who::Dan);
                let again = world.loan.is_some();
                (may && !again).then_some(())?;
                world.loan = Some(Loan {
                    given_at: world.now,
                    ended: false,
                    moved: false,
                });
                Some(Next::Nothing)
            }
            Step::LendOn => {
                let may = self.may_lend(world) && world.reviews(Who::Ada);
                let now = world.now;
                let loan = world.loan.as_mut()?;
                // While Dan has it, it is nobody else's.
                let free = loan.ended || now >= loan.given_at + LENT;
                (may && free && !loan.moved).then_some(())?;
                loan.moved = true;
                Some(Next::Nothing)
            }
            Step::EndLoan(who) => {
                let own = matches!(who, Who::Ben | Who::Dan);
                let may = world.counts(who.key()) && (own || administers(world, who));
                let loan = world.loan.as_mut().filter(|loan| may && !loan.ended)?;
                loan.ended = true;
                Some(Next::Nothing)
            }
            Step::Succeed(number) => {
                let old = world.actions.get(number.checked_sub(1)?)?;
                let waits = old.edited && old.end.is_none() && world.actions.len() == number;
                if !waits || !self.may_propose(world) {
                    return None;
                }
                Some(self.propose(world, number))
            }
            Step::Edit(number, key) => self.edit(world, number, key),
            Step::Decide {
                action,
                key,
                approves,
                says_why,
            } => {
                let known = self.pending(world, action)?;
                let may = self.may_decide(world, known, key, approves)
                    && (!approves || self.may_approve(world, key, says_why));
                may.then(|| self.decide(world, action, key, approves))
            }
            Step::Break(number, key) => {
                let known = self.pending(world, number)?;
                let may = self.may_break(world, known, key);
                may.then(|| self.break_glass(world, number, key))
            }
            Step::Escalate(number, group) => self.escalate(world, number, group),
            Step::Resolve(number, end) => self.resolve(world, number, end),
            Step::WithdrawStopped(number) => {
                let known = self.pending(world, number)?;
                if !known.met || self.vetoed(known) || self.expired(world, known) {
                    return None;
                }
                world.actions[number].end = Some(End::Withdrawn);
                Some(Next::Nothing)
            }
            Step::Issue(number) => self.issue(world, number),
            Step::IssueBeyond(number) => {
                let next = self.issue(world, number)?;
                let known = &mut world.actions[number];
                known.permit = Some(known.use_before + 1);
                self.lacks(Flaw::PermitBeyond).then_some(next)
            }
            Step::Lapse(number) => {
                let known = world.actions.get_mut(number)?;
                known.permit.take_if(|end| world.now >= *end)?;
                Some(Next::Nothing)
            }
            Step::Redeem(number) => self.redeem(world, number),
            Step::Complete(number) => {
                let known = world.actions.get_mut(number)?;
                if known.redeemed == 0 || known.completed {
                    return None;
                }
                known.completed = true;
                Some(Next::Nothing)
            }
            // Only the last permit can be in force.
            _ => None,
        }
    }

    fn may_propose(&self, world: &World) -> bool {
        let holds = |(_, scope): &(Who, Scope)| *scope != Scope::OtherRun;
        world.agent_works() && !world.pauses.iter().any(holds)
    }

    fn propose(&self, world: &mut World, number: usize) -> Next {
        let mut editors = Vec::new();
        if let Some(old) = number.checked_sub(1).filter(|_| self.scene.edits) {
            editors.clone_from(&world.actions[old].editors);
        }
        world.actions.push(Action {
            proposed_at: world.now,
            editors,
            ..Action::default()
        });
        match self.scene.asked.answer {
            Answer::Ask => Next::Nothing,
            Answer::Refuse => Next::Resolve(number, End::Refused),
            Answer::Release => Next::Resolve(number, End::Released),
        }
    }

    fn propose_under(&self, world: &mut World, number: usize) -> Next {
        self.propose(world, number);
        if let Some(grant) = &mut world.grant {
            grant.used = true;
            world.actions[number].granted = Some(grant.key);
        }
        if self.is_decided(world, &world.actions[number]) {
            Next::Resolve(number, End::Approved)
        } else {
            Next::Nothing
        }
    }

    fn give_grant(&self, world: &mut World, key: Key) -> Option<Next> {
        let like = world.actions.first()?;
        let who = key.of();
        let may = world.counts(key) && world.reviews(who) && who != Who::Ada;
        let open = world.agent_works() && !like.met && world.grant.is_none();
        if !may || !open || self.scene.asked.answer != Answer::Ask {
            return None;
        }
        world.grant = Some(Grant {
            key,
            given_at: world.now,
            used: false,
            ended: false,
            stopped: false,
        });
        Some(Next::Nothing)
    }

    fn may_use_grant(&self, world: &World) -> bool {
        let Some(grant) = world.grant else {
            return false;
        };
        let late = world.now >= grant.given_at + LASTS && !self.lacks(Flaw::GrantLate);
        let stopped = grant.stopped && !self.lacks(Flaw::GrantOutlivesPause);
        let heard = world.counts(grant.key) && world.reviews(grant.key.of());
        let stands = !(grant.used || late || stopped || grant.ended);
        stands && heard && self.may_approve(world, grant.key, true)
    }

    fn may_lend(&self, world: &World) -> bool {
        let has = groups(Who::Ben, world.record(Who::Ben)).contains(&Group::Sre);
        world.counts(Key::Ben) && world.reviews(Who::Ben) && has
    }

    /// Whether Dan's approval of it counts for sre.
    fn stands_in(&self, world: &World, known: &Action) -> bool {
        let Some(loan) = world.loan.filter(|_| known.stood_in) else {
            return false;
        };
        let owner = self.may_lend(world) || self.lacks(Flaw::LoanOutlivesOwner);
        let goes = world.agent_works() && !known.met;
        let decides = known.verdicts.iter().any(|(key, ..)| key.of() == Who::Ben)
            || known.broken.iter().any(|key| key.of() == Who::Ben);
        let doubles = decides && !self.lacks(Flaw::LoanDoubles);
        // Whoever edits this one is an editor of the next.
        let before = known.editors.len() - usize::from(known.edited);
        let edited = known.editors[..before].contains(&Who::Ben) && !self.lacks(Flaw::EditorLends);
        let ended = loan.ended && !self.lacks(Flaw::LoanOutlivesEnd);
        let moved = loan.moved && !self.lacks(Flaw::LoanInTwoHands);
        owner && goes && !(doubles || edited || ended || moved)
    }

    fn pending<'w>(&self, world: &'w World, number: usize) -> Option<&'w Action> {
        let known = world.actions.get(number)?;
        (known.end.is_none() && !known.edited).then_some(known)
    }

    fn edit(&self, world: &mut World, number: usize, key: Key) -> Option<Next> {
        let known = self.pending(world, number)?;
        let who = key.of();
        let may = world.counts(key) && world.reviews(who) && who != Who::Ada;
        let open = world.agent_works() && !known.met && !self.expired(world, known);
        if !may || !open || world.actions.len() > number + 1 {
            return None;
        }
        let known = &mut world.actions[number];
        known.edited = true;
        // They are the successor's editors; this action is not decided any more.
        known.editors.push(who);
        Some(Next::Nothing)
    }

    pub(super) fn may_decide(
        &self,
        world: &World,
        known: &Action,
        key: Key,
        approves: bool,
    ) -> bool {
        let who = key.of();
        let owns = who == Who::Ada && !self.lacks(Flaw::OwnerDecides);
        let edited = known.editors.contains(&who) && !self.lacks(Flaw::EditorDecides);
        let waits = self.starts_at(world, known).is_some();
        let stops = waits && !approves && !self.lacks(Flaw::StoppedTooLate);
        let too_late = overdue(world, known) && !stops && !self.lacks(Flaw::DecidedLate);
        let prolongs = approves && waits && !self.lacks(Flaw::GraceProlonged);
        let keeps = approves || self.lacks(Flaw::NotTakenBack);
        let decided = known.verdicts.iter().any(|(signed, yes, _)| {
            let stands = !yes || keeps && world.counts(*signed) && world.reviews(who);
            signed.of() == who && stands
        });
        let broken = keeps && self.broke(world, known).any(|signed| signed.of() == who);
        let decided = decided || broken || approves && self.in_advance(world, known) == Some(who);
        self.is_heard(world, known, key) && !(owns || edited || too_late || decided || prolongs)
    }

    /// Until when it waits out its grace time, where its quorum stands.
    pub(super) fn starts_at(&self, world: &World, known: &Action) -> Option<u8> {
        let grace = self.scene.asked.grace;
        let open = known.end.is_none() && !known.edited && !self.vetoed(known);
        let goes = open && world.agent_works() && !known.met;
        if grace == 0 || !goes || !self.has_quorum(world, known) || self.glass(world, known) {
            return None;
        }
        let people = self.approved_by(world, known);
        let counts = |key: Key| world.counts(key) && people.contains(&key.of());
        let given = known
            .verdicts
            .iter()
            .filter(|(key, yes, _)| *yes && counts(*key));
        let given = given.map(|(.., at)| *at);
        let granted = known.granted.filter(|key| counts(*key));
        let granted = granted.map(|_| known.proposed_at);
        Some(given.chain(granted).max()? + grace)
    }

    /// Whether nobody decided in time.
    fn expired(&self, world: &World, known: &Action) -> bool {
        overdue(world, known) && self.starts_at(world, known).is_none()
    }

    /// Whether it has its quorum and nothing to wait for.
    fn is_decided(&self, world: &World, known: &Action) -> bool {
        self.has_quorum(world, known) && self.starts_at(world, known).is_none()
    }

    fn is_heard(&self, world: &World, known: &Action, key: Key) -> bool {
        let who = key.of();
        world.counts(key) && world.reviews(who) && world.agent_works() && !known.met
    }

    /// Whoever might approve it, also once they have.
    fn may_break(&self, world: &World, known: &Action, key: Key) -> bool {
        let stranger = key.of() == Who::Ada || known.editors.contains(&key.of());
        let denied = known.verdicts.iter().any(|(_, approves, _)| !approves);
        let denied = denied && !self.lacks(Flaw::GlassOverDenial);
        let again = self
            .broke(world, known)
            .any(|signed| signed.of() == key.of());
        self.is_heard(world, known, key)
            && self.scene.asked.glass
            && self.may_approve(world, key, true)
            && key != Key::Synced
            && !(stranger || overdue(world, known) || denied || again)
    }

    /// The keys with which glass was broken that count.
    fn broke<'w>(&self, world: &'w World, known: &'w Action) -> impl Iterator<Item = Key> + 'w {
        let all = self.lacks(Flaw::GlassUncounted);
        let broken = known.broken.iter().copied();
        broken.filter(move |key| all || world.counts(*key) && world.reviews(key.of()))
    }

    fn break_glass(&self, world: &mut World, number: usize, key: Key) -> Next {
        world.actions[number].broken.push(key);
        let known = &world.actions[number];
        if self.vetoed(known) {
            Next::Resolve(number, End::Denied)
        } else if self.is_decided(world, known) {
            Next::Resolve(number, End::Approved)
        } else {
            Next::Nothing
        }
    }

    fn may_approve(&self, world: &World, key: Key, says_why: bool) -> bool {
        let author = matches!(key.of(), Who::Ada | Who::Cleo);
        let separate = !author || world.now >= SEPARATE;
        !self.scene.asked.careful || says_why && key != Key::Synced && separate
    }

    fn decide(&self, world: &mut World, number: usize, key: Key, approves: bool) -> Next {
        // Elsewhere worlds that differ in it alone are one.
        let timed = approves && self.scene.asked.grace > 0;
        let at = if timed { world.now } else { 0 };
        let lends = |loan: Loan| {
            let in_time = world.now < loan.given_at + LENT || self.lacks(Flaw::LoanTimeless);
            !loan.ended && in_time
        };
        if key == Key::Dan && approves && world.loan.is_some_and(lends) {
            world.actions[number].stood_in = true;
        }
        let verdicts = &mut world.actions[number].verdicts;
        let place = verdicts.partition_point(|(signed, ..)| signed.of() <= key.of());
        verdicts.insert(place, (key, approves, at));
        let known = &world.actions[number];
        match self.scene.asked.answer {
            _ if self.vetoed(known) => Next::Resolve(number, End::Denied),
            Answer::Release => Next::Resolve(number, End::Released),
            Answer::Ask if self.is_decided(world, known) => Next::Resolve(number, End::Approved),
            Answer::Ask | Answer::Refuse => Next::Nothing,
        }
    }

    fn escalate(&self, world: &mut World, number: usize, group: Group) -> Option<Next> {
        let known = match self.lacks(Flaw::EscalatedOver) {
            true => world.actions.get(number)?,
            false => self.pending(world, number)?,
        };
        let named = group == Group::Sre || self.lacks(Flaw::EscalatedElsewhere);
        let late = overdue(world, known) && !self.lacks(Flaw::EscalatedLate);
        let again = known.escalated > 0 && !self.lacks(Flaw::EscalatedTwice);
        let after = self.scene.asked.escalate?;
        let early = world.now < known.proposed_at + after && !self.lacks(Flaw::EscalatedEarly);
        if !named || late || again || early || known.escalated > 1 {
            return None;
        }
        world.actions[number].escalated += 1;
        Some(Next::Nothing)
    }

    fn resolve(&self, world: &mut World, number: usize, end: End) -> Option<Next> {
        let known = match end {
            End::Superseded => world.actions.get(number)?,
            _ => self.pending(world, number)?,
        };
        let answer = self.scene.asked.answer;
        let (vetoed, late) = (self.vetoed(known), self.expired(world, known));
        let starts_at = self.starts_at(world, known);
        let goes = world.agent_works() && !known.met && (!late || self.lacks(Flaw::ApprovedLate));
        let founded = match end {
            End::Approved => {
                let asked = answer == Answer::Ask || self.lacks(Flaw::ApprovedUnasked);
                let stopped = vetoed && !self.lacks(Flaw::VetoSkipped);
                let waits = starts_at.is_some_and(|at| world.now < at);
                let waits = waits && !self.lacks(Flaw::GraceSkipped);
                goes && asked && !stopped && !waits && self.has_quorum(world, known)
            }
            End::Released => {
                let stopped = vetoed && !self.lacks(Flaw::VetoSkippedAtRelease);
                goes && answer == Answer::Release && !stopped
            }
            End::Denied => vetoed,
            End::Expired => {
                let waits = starts_at.is_some() && !self.lacks(Flaw::ExpiresInGrace);
                let approved = known.verdicts.iter().any(|(_, yes, _)| *yes);
                let waits = waits || approved && self.lacks(Flaw::GraceOutlivesQuorum);
                overdue(world, known) && !waits && !self.lacks(Flaw::NeverExpires)
            }
            End::Withdrawn => !vetoed && !late,
            End::Refused => answer == Answer::Refuse,
            End::Superseded => {
                known.edited && known.end.is_none() && world.actions.len() > number + 1
            }
        };
        if !founded {
            return None;
        }
        let use_before = world.now + USE;
        let known = &mut world.actions[number];
        known.end = Some(end);
        if !end.runs() {
            return Some(Next::Nothing);
        }
        known.use_before = use_before;
        Some(Next::Permit(number))
    }

    fn issue(&self, world: &mut World, number: usize) -> Option<Next> {
        let known = world.actions.get(number)?;
        let approved = known.end.is_some_and(End::runs);
        let free = known.permit.is_none() && known.redeemed == 0;
        let goes = world.agent_works() && !known.met && self.has_quorum(world, known);
        let end = (world.now + PERMIT).min(known.use_before);
        if !approved || !free || !goes || end <= world.now {
            return None;
        }
        let known = &mut world.actions[number];
        known.permits += 1;
        known.permit = Some(end);
        Some(Next::Nothing)
    }

    fn redeem(&self, world: &mut World, number: usize) -> Option<Next> {
        let known = world.actions.get(number)?;
        let end = known.permit?;
        let lives = world.now < end || self.lacks(Flaw::RedeemedLate);
        let works = world.agent_works() || self.lacks(Flaw::EndedAgentRuns);
        let quorum = self.has_quorum(world, known) || self.lacks(Flaw::NotCountedAnew);
        if !lives || !works || !quorum || known.met {
            return None;
        }
        let known = &mut world.actions[number];
        known.permit = known.permit.filter(|_| self.lacks(Flaw::RedeemedTwice));
        known.redeemed += 1;
        Some(Next::Nothing)
    }

    pub(super) fn vetoed(&self, known: &Action) -> bool {
        let denials = known.verdicts.iter().filter(|(_, approves, _)| !approves);
        denials.count() >= self.scene.asked.veto
    }

    /// Who approved it by a standing grant, if that counts.
    fn in_advance(&self, world: &World, known: &Action) -> Option<Who> {
        let key = known.granted?;
        let who = key.of();
        let mut given = known.verdicts.iter();
        let denied = given.any(|(signed, yes, _)| signed.of() == who && !yes);
        let denied = denied && !self.lacks(Flaw::GrantOverDenial);
        let ended = world.grant.is_some_and(|grant| grant.ended);
        let ended = ended && !self.lacks(Flaw::GrantOutlivesEnd);
        (world.counts(key) && world.reviews(who) && !denied && !ended).then_some(who)
    }

    /// Whose approvals count, each person once.
    pub(super) fn approved_by(&self, world: &World, known: &Action) -> Vec<Who> {
        let counts = |key: Key| {
            let role = world.reviews(key.of()) || self.lacks(Flaw::RoleUnread);
            let other = world.revoked[Key::Synced as usize] && key == Key::Ben;
            world.counts(key) && role && !(other && self.lacks(Flaw::AllKeysRevoked))
        };
        let approvals = known.verdicts.iter().filter(|(_, approves, _)| *approves);
        let people = approvals.filter(|(key, ..)| counts(*key));
        let mut people: Vec<Who> = people.map(|(key, ..)| key.of()).collect();
        let denies = |who: &Who| {
            let mut given = known.verdicts.iter();
            given.any(|(key, yes, _)| key.of() == *who && !yes)
        };
        people.retain(|who| !denies(who) || self.lacks(Flaw::TakenBackCounts));
        people.extend(
            known
                .broken
                .iter()
                .filter(|key| counts(**key) && !denies(&key.of()))
                .map(|key| key.of()),
        );
        people.extend(self.in_advance(world, known));
        people.sort_unstable();
        if !self.lacks(Flaw::KeysAreCounted) {
            people.dedup();
        }
        people
    }

    pub(super) fn has_quorum(&self, world: &World, known: &Action) -> bool {
        let asked = &self.scene.asked;
        match asked.answer {
            Answer::Refuse => false,
            Answer::Release => true,
            Answer::Ask => {
                let people = self.approved_by(world, known);
                people.len() >= asked.quorum && self.groups_are_met(world, known, &people)
                    || self.glass(world, known)
            }
        }
    }

    /// Whether somebody broke glass for it and nobody is against it.
    fn glass(&self, world: &World, known: &Action) -> bool {
        let denied = known.verdicts.iter().any(|(_, approves, _)| !approves);
        let denied = denied && !self.lacks(Flaw::GlassOverDenial);
        !denied && self.broke(world, known).next().is_some()
    }

    /// Hall's condition: each set of groups has people enough for it.
    fn groups_are_met(&self, world: &World, known: &Action, people: &[Who]) -> bool {
        let asked = &self.scene.asked;
        let stands_in = self.stands_in(world, known);
        let of = |wanted: &[Group]| {
            let is_in = |who: &&Who| {
                let theirs = groups(**who, world.record(**who));
                let lent = **who == Who::Dan && stands_in && wanted.contains(&Group::Sre);
                lent || wanted.iter().any(|group| theirs.contains(group))
            };
            people.iter().filter(is_in).count()
        };
        let each = of(&[Group::Security]) >= asked.security && of(&[Group::Sre]) >= asked.sre;
        let together = of(&[Group::Security, Group::Sre]) >= asked.security + asked.sre;
        self.lacks(Flaw::GroupsUnread) || each && (together || self.lacks(Flaw::OneForTwoGroups))
    }

    /// What time makes due, the earliest deadline first.
    pub(super) fn due(&self, world: &World) -> Vec<(usize, Overdue)> {
        let mut due: Vec<(u8, usize, Overdue)> = Vec::new();
        for (number, known) in world.actions.iter().enumerate() {
            let pending = self.pending(world, number).is_some();
            match self.starts_at(world, known) {
                Some(at) => due.push((at, number, Overdue::Starts)),
                None if pending => due.push((known.proposed_at + WAIT, number, Overdue::Expires)),
                None => {}
            }
            if pending {
                let step = self.scene.asked.escalate;
                let step = step.filter(|_| known.escalated == 0 && !overdue(world, known));
                due.extend(
                    step.map(|after| (known.proposed_at + after, number, Overdue::Escalates)),
                );
            }
            due.extend(known.permit.map(|end| (end, number, Overdue::Lapses)));
        }
        due.retain(|(at, ..)| *at <= world.now);
        due.sort_unstable();
        due.into_iter()
            .map(|(_, number, what)| (number, what))
            .collect()
    }
}

fn overdue(world: &World, known: &Action) -> bool {
    world.now >= known.proposed_at + WAIT
}
