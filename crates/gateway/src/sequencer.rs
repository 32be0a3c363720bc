//! The one writer: every entry of the log is made here, in one thread.
//!
//! Requests that arrive together are committed together: each is judged, its
//! entries pass the very checks that the verifier runs, one SQLite transaction
//! writes them all, the checkpoint is signed, and only then is anybody
//! answered. A request that is refused changes nothing.

mod actions;
mod acts;
mod edits;
mod grounds;
mod notes;
mod part;
mod request;

pub(crate) use actions::ReadProposal;
pub(crate) use acts::{check_text, may_last, no_review};
pub(crate) use part::{Part, part_ref};
pub(crate) use request::{Answer, Job, Logged, Request};

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use vidimus_ledger::checkpoint::Checkpoint;
use vidimus_protocol::api::NonceReply;
use vidimus_protocol::entry::{Data, Entry, Leaf, Ref};
use vidimus_protocol::id::{ActionId, Actor};
use vidimus_protocol::state::{Due, Effect};
use vidimus_protocol::{Digest, Time, entry};
use vidimus_verify::permit::PermitSigner;
use vidimus_verify::replay::{Replay, ReplayError};

use crate::clock::{ClockFault, Timekeeper};
use crate::grants::Grants;
use crate::keys::random;
use crate::policies::Policies;
use crate::problem::Refusal;
use crate::shared::{News, Shared};
use crate::store::{Batch, Leaves, Store, StoreError, StoredPart};

/// Most requests in one commit.
const GROUP: usize = 256;
/// So many requests at a time are a crowd.
const SEVERAL: usize = 8;
/// How long the rest of a crowd is waited for, at a time and in all.
const PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(4);
/// A checkpoint is signed anew before it is 30 s old.
const SIGN_AGAIN_MS: u64 = 25_000;
/// How often deadlines and the clock are looked at.
const TICK: Duration = Duration::from_millis(500);
/// How often a disk that refused a write is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Life of a nonce, seconds.
const NONCE_LIFE_S: u64 = 300;
/// Most nonces at a time, with a session and without one.
const MOST_NONCES: usize = 1000;

/// What a judged request wants to hear once it is durable.
enum Wanted {
    Entries(Vec<u64>),
    /// Everything that the run of this action rests on.
    Bundle(ActionId, Vec<u64>),
    Permit(ActionId),
    Nonce(NonceReply),
    Nothing,
}

/// A nonce that nobody used yet.
struct Nonce {
    expires_at: Time,
    session: bool,
}

/// The writer's own state: ahead of what is committed while a group is judged.
pub(crate) struct Sequencer {
    replay: Replay,
    store: Store,
    shared: Arc<Shared>,
    keeper: Timekeeper,
    policies: Policies,
    grants: Grants,
    permit_key: PermitSigner,
    nonces: HashMap<Digest, Nonce>,
    batch: Batch,
    entries: Vec<Entry>,
    guard: PathBuf,
    signed_at: Time,
    /// What the guard does not know yet.
    signed: Option<Checkpoint>,
    /// Entry time of what is being judged.
    time: Option<Time>,
    /// Why the disk takes nothing, and when it was last tried.
    trouble: Option<(Refusal, Instant)>,
    /// Whether it was said that the write-ahead log cannot be shortened.
    untidy: bool,
}

/// The sequencer ends: fail closed.
struct Stop;

impl Sequencer {
    pub(crate) fn new(
        replay: Replay,
        store: Store,
        shared: Arc<Shared>,
        keeper: Timekeeper,
        permit_key: PermitSigner,
        guard: PathBuf,
    ) -> Self {
        Self {
            replay,
            store,
            shared,
            keeper,
            policies: Policies::default(),
            grants: Grants::default(),
            permit_key,
            nonces: HashMap::new(),
            batch: Batch::default(),
            entries: Vec::new(),
            guard,
            signed_at: Time::default(),
            signed: None,
            time: None,
            trouble: None,
            untidy: false,
        }
    }

    /// Runs until every sender is gone, or until memory and disk cannot be
    /// brought in line: then nothing more is logged until a restart.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let first = match jobs.recv_timeout(TICK) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let group = gather(first, jobs);
            let began = Instant::now();
            if let Err(Stop) = self.group(group) {
                return;
            }
            self.shared.metrics.worked(began.elapsed());
        }
    }

    fn group(&mut self, jobs: Vec<Job>) -> Result<(), Stop> {
        let nobody_waits = jobs.is_empty();
        if let Err(refusal) = self.writable() {
            return self.refuse(jobs, &refusal);
        }
        let mut whole = self.judge_whole(Self::log_what_is_due);
        if let Err(refusal) = &whole.0 {
            tracing::warn!(%refusal, "what is due cannot be logged");
        }
        let mut judged = Vec::with_capacity(jobs.len());
        let mut spans = Vec::with_capacity(jobs.len());
        for Job {
            request,
            reply,
            span,
        } in jobs
        {
            let judging = tracing::info_span!(parent: &span, "judge");
            let (result, is_whole) =
                judging.in_scope(|| self.judge_whole(|sequencer| sequencer.judge(request)));
            whole.1 &= is_whole;
            judged.push((reply, result));
            spans.push(span);
        }
        let committed = if whole.1 {
            self.commit(&spans)
        } else {
            self.start_over().map(|()| Err(inconsistent()))
        };
        let Ok(committed) = committed else {
            return Err(Stop);
        };
        self.feel();
        for (reply, wanted) in judged {
            let answer = match (&committed, wanted) {
                (_, Err(refusal)) => Err(refusal),
                (Err(refusal), Ok(_)) => Err(refusal.clone()),
                (Ok(fresh), Ok(wanted)) => self.answer(wanted, fresh),
            };
            // A requester that went away has nothing to be told.
            let _ = reply.send(answer);
        }
        if let Some(signed) = self.signed.take() {
            self.note_guard(&signed);
        }
        let tidied = self.store.tidy(nobody_waits);
        if let Err(error) = &tidied
            && !self.untidy
        {
            tracing::warn!(%error, "the write-ahead log cannot be shortened");
        }
        self.untidy = tidied.is_err();
        Ok(())
    }

    /// Whether the disk takes writes. After it refused one nothing is judged
    /// until it takes some again: every refused commit would cost a replay.
    fn writable(&mut self) -> Result<(), Refusal> {
        let Some((refusal, tried)) = &mut self.trouble else {
            return Ok(());
        };
        if tried.elapsed() >= TRY_AGAIN {
            *tried = Instant::now();
            match self.store.has_room() {
                Ok(()) => {
                    tracing::info!("the disk takes writes again");
                    self.trouble = None;
                    return Ok(());
                }
                Err(error) => *refusal = disk(&error),
            }
        }
        Err(refusal.clone())
    }

    /// Answers everybody with the same refusal. A checkpoint is still signed:
    /// it says that the log has not grown.
    fn refuse(&mut self, jobs: Vec<Job>, refusal: &Refusal) -> Result<(), Stop> {
        for job in jobs {
            // A requester that went away has nothing to be told.
            let _ = job.reply.send(Err(refusal.clone()));
        }
        // Its refusal is the clock's, which `feel` says.
        let _signed = self.commit(&[])?;
        self.feel();
        Ok(())
    }

    /// Says how the sequencer is.
    fn feel(&mut self) {
        let disk = self.trouble.as_ref().map(|(refusal, _)| refusal.clone());
        let clock = || {
            let fault = self.keeper.entry_time(self.replay.state().last_time());
            fault.err().map(clock)
        };
        self.shared.health.beat(disk.or_else(clock));
    }

    /// Judges one thing at one time. Whether it is whole: a refusal after its
    /// first entry was made would leave half of it behind.
    fn judge_whole<T>(
        &mut self,
        judge: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> (Result<T, Refusal>, bool) {
        let before = self.batch.leaves.len();
        self.time = None;
        let result = judge(self);
        self.time = None;
        let whole = result.is_ok() || self.batch.leaves.len() == before;
        (result, whole)
    }

    fn judge(&mut self, request: Request) -> Result<Wanted, Refusal> {
        match request {
            Request::Found { draft, assertion } => self.found(*draft, assertion),
            Request::Enrol { claim, assertion } => self.enrol(*claim, assertion),
            Request::Propose { agent, read } => self.propose(agent, *read),
            Request::Withdraw { agent, action } => self.withdraw(agent, action),
            Request::Permit { agent, action } => self.permit(agent, action),
            Request::Redeem {
                agent,
                action,
                redeem,
            } => self.redeem(agent, action, &redeem),
            Request::Report {
                agent,
                action,
                report,
            } => self.report(agent, action, *report),
            Request::Take { reviewer, action } => self.take(reviewer, action),
            Request::Ask {
                reviewer,
                action,
                text,
            } => self.question(reviewer, action, *text),
            Request::Answer {
                agent,
                action,
                answer,
            } => self.answer_question(agent, action, answer.question, answer.text),
            Request::Flag {
                reviewer,
                action,
                text,
            } => self.flag(reviewer, action, *text),
            Request::Act {
                start,
                set,
                assertion,
            } => self.act(*start, set, assertion),
            Request::EndSession(token_hash) => {
                self.batch.ended_sessions.push(token_hash);
                Ok(Wanted::Nothing)
            }
            Request::Nonce { session } => self.nonce(session),
        }
    }

    fn answer(&self, wanted: Wanted, fresh: &Arc<Leaves>) -> Result<Answer, Refusal> {
        match wanted {
            Wanted::Entries(indexes) => Ok(Answer::Logged(Logged::new(indexes, fresh))),
            Wanted::Bundle(action, indexes) => Ok(Answer::Logged(Logged {
                parts: self.grounded_on(action)?,
                ..Logged::new(indexes, fresh)
            })),
            Wanted::Permit(action) => self.signed_permit(action).map(Answer::Permit),
            Wanted::Nonce(nonce) => Ok(Answer::Nonce(nonce)),
            Wanted::Nothing => Ok(Answer::Done),
        }
    }

    fn nonce(&mut self, session: bool) -> Result<Wanted, Refusal> {
        let now = self.keeper.wall();
        self.nonces.retain(|_, nonce| now < nonce.expires_at);
        let alike = self
            .nonces
            .values()
            .filter(|nonce| nonce.session == session);
        if alike.count() >= MOST_NONCES {
            return Err(Refusal::new(
                429,
                "too_many_nonces",
                "too many key prompts were begun: try again in a few minutes",
            ));
        }
        let nonce = random();
        let expires_at = now.plus_seconds(NONCE_LIFE_S);
        self.nonces.insert(
            nonce,
            Nonce {
                expires_at,
                session,
            },
        );
        Ok(Wanted::Nonce(NonceReply { expires_at, nonce }))
    }

    fn log_what_is_due(&mut self) -> Result<(), Refusal> {
        let wall = self.keeper.wall();
        match self.replay.state().next_due(wall) {
            Some(next) if wall >= next => {}
            _ => return Ok(()),
        }
        let now = self.now()?;
        for due in self.replay.state().due(now) {
            match due {
                Due::Escalate(action, group) => {
                    self.escalate(action, group)?;
                }
                Due::Approve(action) => {
                    self.resolve(action, entry::Resolution::Approved, Actor::Gateway)?;
                }
                Due::Expire(action) => {
                    self.resolve(action, entry::Resolution::Expired, Actor::Gateway)?;
                }
                Due::Lapse(action, permit) => {
                    self.lapse(action, permit)?;
                }
            }
        }
        Ok(())
    }

    /// The entry time of what is being judged: one time for all its entries.
    fn now(&mut self) -> Result<Time, Refusal> {
        if let Some(time) = self.time {
            return Ok(time);
        }
        let time = self
            .keeper
            .entry_time(self.replay.state().last_time())
            .map_err(clock)?;
        self.time = Some(time);
        Ok(time)
    }

    /// The choke point: no entry is made anywhere else.
    fn write(
        &mut self,
        actor: Actor,
        refs: Vec<Ref>,
        data: Data,
        parts: Vec<Part>,
    ) -> Result<(Ref, Option<Effect>), Refusal> {
        let time = self.now()?;
        let leaf = Leaf {
            time,
            actor,
            refs,
            data,
            parts: parts.iter().map(|part| part.reference.clone()).collect(),
        };
        self.append(&leaf, parts)
    }

    fn append(&mut self, leaf: &Leaf, parts: Vec<Part>) -> Result<(Ref, Option<Effect>), Refusal> {
        let (bytes, pushed) = self.replay.push_new(leaf).map_err(refused)?;
        let Some(leaf) = pushed.leaf else {
            return Err(Refusal::unavailable(
                "inconsistent",
                "an entry of an unknown kind was made",
            ));
        };
        let made = Entry {
            index: pushed.index,
            leaf_hash: pushed.leaf_hash,
            leaf,
        };
        let reference = made.reference();
        self.batch.leaves.push((made.index, bytes));
        self.batch
            .parts
            .extend(parts.into_iter().map(|part| StoredPart {
                index: reference.index,
                name: part.reference.name,
                content: part.content,
            }));
        self.entries.push(made);
        Ok((reference, pushed.effect))
    }

    /// Writes what was judged, signs it, makes it visible. Returns the leaves.
    fn commit(&mut self, spans: &[tracing::Span]) -> Result<Result<Arc<Leaves>, Refusal>, Stop> {
        let now = self.keeper.wall();
        let batch = std::mem::take(&mut self.batch);
        let aged =
            now.distance_ms(self.signed_at) >= SIGN_AGAIN_MS && self.replay.tree().size() > 0;
        if batch.is_empty() && !aged {
            return Ok(Ok(Arc::default()));
        }
        let parent = spans.first().and_then(tracing::Span::id);
        if batch.is_empty() {
            // Signed only while the clocks agree: a stale checkpoint says so by itself.
            if let Err(refusal) = self.now() {
                return Ok(Err(refusal));
            }
        } else {
            let entries = batch.leaves.len();
            let span = tracing::info_span!(parent: parent.clone(), "commit", entries);
            // One commit serves all that wait: it stands in the trace of the
            // first and is linked from it to the others.
            for other in spans.iter().skip(1) {
                span.follows_from(other);
            }
            let began = Instant::now();
            if let Err(error) = span.in_scope(|| self.store.commit(&batch)) {
                tracing::error!(%error, "nothing of this group was written");
                self.shared.metrics.write_failed();
                let refusal = disk(&error);
                self.trouble = Some((refusal.clone(), Instant::now()));
                self.start_over()?;
                return Ok(Err(refusal));
            }
            self.shared.metrics.committed(entries, began.elapsed());
        }
        let leaves = Arc::new(batch.leaves);
        let news = News {
            entries: std::mem::take(&mut self.entries),
            leaves: leaves.clone(),
            sessions: batch.sessions,
            ended_sessions: batch.ended_sessions,
        };
        let signing = tracing::info_span!(parent: parent, "sign");
        match signing.in_scope(|| self.shared.publish(news, now)) {
            Ok(Some(signed)) => {
                self.signed_at = now;
                self.signed = Some(signed);
            }
            Ok(None) => {}
            Err(refusal) => {
                tracing::error!(%refusal, "stopping: what is committed cannot be shown");
                return Err(Stop);
            }
        }
        Ok(Ok(leaves))
    }

    /// Forgets what was judged and reads the log back: what is on disk counts.
    fn start_over(&mut self) -> Result<(), Stop> {
        self.batch = Batch::default();
        self.entries.clear();
        self.policies.forget();
        self.grants.forget();
        match crate::rebuild(&self.store) {
            Ok(replay) => {
                self.replay = replay;
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "stopping: the ledger cannot be read back");
                Err(Stop)
            }
        }
    }

    /// The guard may lag behind the ledger and never leads it, so nobody waits
    /// for it and it needs no sync of its own.
    fn note_guard(&self, signed: &Checkpoint) {
        let guard = crate::guard::LastSigned {
            root: Digest(signed.root),
            size: signed.size,
        };
        if let Err(error) = guard.write(&self.guard) {
            tracing::warn!(%error, "the last-signed guard could not be written");
        }
    }
}

/// What is committed together. A commit costs few about as much as many, and
/// where several come at a time, more are on their way: they are let come. One
/// that comes alone never waits.
fn gather(first: Option<Job>, jobs: &Receiver<Job>) -> Vec<Job> {
    let began = Instant::now();
    let mut group: Vec<Job> = first.into_iter().collect();
    loop {
        let before = group.len();
        group.extend(jobs.try_iter().take(GROUP - before));
        let crowd = group.len() - before >= SEVERAL;
        if !crowd || group.len() >= GROUP / 2 || began.elapsed() >= LONGEST_PAUSE {
            return group;
        }
        std::thread::sleep(PAUSE);
    }
}

/// What to say when the disk refused a write.
fn disk(error: &StoreError) -> Refusal {
    if error.is_full() {
        return Refusal::unavailable(
            "disk_full",
            "nothing was logged: the disk is full. Free space on it; the gateway goes on by itself",
        );
    }
    Refusal::unavailable(
        "store",
        "nothing was logged: the disk refuses writes (broken, read-only, or a quota or size limit is reached). Mend it; the gateway goes on by itself",
    )
}

fn clock(fault: ClockFault) -> Refusal {
    Refusal::unavailable("clock", fault.to_string())
}

fn inconsistent() -> Refusal {
    Refusal::unavailable(
        "inconsistent",
        "half of a request could not be logged, so nothing was: try again",
    )
}

/// What the verifier says about an entry that is about to be made.
fn refused(error: ReplayError) -> Refusal {
    match error {
        ReplayError::Violation(violation) => violation.into(),
        error => Refusal::not_acceptable("unverifiable", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_crowd_is_let_come_and_groups_stay_small_enough() {
        let (jobs, queue) = std::sync::mpsc::channel();
        let come = |how_many: usize| {
            for _ in 0..how_many {
                let job = Job {
                    request: Request::Nonce { session: false },
                    reply: tokio::sync::oneshot::channel().0,
                    span: tracing::Span::none(),
                };
                jobs.send(job).unwrap();
            }
        };
        assert!(gather(None, &queue).is_empty());
        let groups = [(1, 1), (SEVERAL, SEVERAL), (GROUP + 1, GROUP), (0, 1)];
        for (more, together) in groups {
            come(more);
            assert_eq!(gather(None, &queue).len(), together);
        }
        std::thread::scope(|scope| {
            come(SEVERAL);
            let gathering = scope.spawn(move || (gather(None, &queue), queue));
            while !gathering.is_finished() {
                come(1);
            }
            assert!(gathering.join().unwrap().0.len() > SEVERAL);
        });
    }
}
