//! The feed: prove, store, judge, show. In this order.

use std::sync::atomic::Ordering;
use std::time::Duration;

use vidimus_client::ClientError;
use vidimus_gateway::Refusal;
use vidimus_mirror::SyncError;
use vidimus_protocol::action::{Action, Context};
use vidimus_protocol::api::{Content, FeedMessage};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::ActType;
use vidimus_protocol::id::{ActionId, ReviewerId};
use vidimus_protocol::{Digest, Time};
use vidimus_verify::replay::Pushed;

use super::freeze::evidence_of;
use super::{Base, Core, Message, now};
use crate::act::sentence;
use crate::inbox::Headline;
use crate::safe_text;
use crate::view::{Connection, Problem, Tone};

/// Parts that are fetched at a time.
const MOST_FETCHES: usize = 32;
/// Actions that are remembered as recent.
const MOST_RECENT: usize = 64;

/// What the feed brings.
pub(crate) enum Fed {
    /// Connected.
    Open,
    /// Entries and a checkpoint.
    Batch {
        checkpoint: String,
        consistency: Vec<Digest>,
        from: u64,
        leaves: Vec<String>,
    },
    /// Who is at the other end.
    Present(Vec<ActionId>),
    /// Not connected.
    Lost {
        why: ClientError,
        retry_in: Duration,
    },
}

impl Core {
    pub(super) fn fed(&mut self, generation: u64, fed: Fed) {
        // What an aborted feed still said is said again by the next.
        let current = self.feed.as_ref().map(|(current, _)| *current);
        if current != Some(generation) || self.frozen.is_some() {
            return;
        }
        match fed {
            // Live is what follows the first checkpoint.
            Fed::Open => self.connection = Connection::Connecting,
            Fed::Batch {
                checkpoint,
                consistency,
                from,
                leaves,
            } => {
                if self.batch(&checkpoint, &consistency, from, &leaves) {
                    self.connection = Connection::Live;
                    self.settle();
                }
            }
            Fed::Present(actions) => {
                let now = now();
                for action in &actions {
                    self.last_present.insert(*action, now);
                }
                self.present = Some(actions.into_iter().collect());
            }
            Fed::Lost { why, retry_in } => self.lost(&why, retry_in),
        }
    }

    fn lost(&mut self, why: &ClientError, retry_in: Duration) {
        self.present = None;
        if matches!(why, ClientError::Problem { status: 401, .. }) {
            return self.end_session();
        }
        self.offline(why, retry_in);
    }

    /// Not connected since now, or still.
    pub(super) fn offline(&mut self, why: &ClientError, retry_in: Duration) {
        let now = now().unix_ms();
        let since_unix_ms = match self.connection {
            Connection::Offline { since_unix_ms, .. } => since_unix_ms,
            _ => now,
        };
        self.connection = Connection::Offline {
            since_unix_ms,
            retry_at_unix_ms: now + u64::try_from(retry_in.as_millis()).unwrap_or(0),
            why: sentence(&safe_text::flat(&why.to_string())),
        };
    }

    /// The gateway of this process filled an empty copy.
    pub(super) fn copied(&mut self, result: Result<Option<FeedMessage>, Refusal>) {
        match result {
            Ok(Some(FeedMessage::Batch {
                checkpoint,
                consistency,
                from,
                leaves,
            })) => {
                // A feed may have been faster.
                let empty = self.base.as_ref().is_ok_and(|base| base.mirror.size() == 0);
                if empty {
                    self.batch(&checkpoint, &consistency, from, &leaves);
                }
            }
            Ok(_) => {}
            Err(refusal) => {
                let problem = Problem::local("The gateway's log cannot be read", refusal);
                self.notice(Tone::Danger, problem);
            }
        }
    }

    /// Proves, stores and judges. Whether all of it held.
    fn batch(&mut self, note: &str, consistency: &[Digest], from: u64, leaves: &[String]) -> bool {
        let Ok(base) = &mut self.base else {
            return false;
        };
        match base.mirror.apply(from, leaves, note, consistency) {
            Ok(_) => {}
            Err(SyncError::Store(error)) => {
                // Our own disk, not the gateway's doing: nothing is shown as
                // decided, and nothing is held against the gateway.
                let problem =
                    Problem::local("The console's copy of the ledger cannot be written", error);
                self.notice(Tone::Danger, problem);
                return false;
            }
            Err(SyncError::Gap { .. } | SyncError::NotAdopted) => {
                self.start_feed();
                return false;
            }
            Err(error) => {
                let evidence = evidence_of(&error, note);
                self.freeze(&sentence(&error.to_string()), &evidence);
                return false;
            }
        }
        let known = base.replay.tree().size();
        match base.mirror.leaves(known..base.mirror.size()) {
            Ok(fresh) => self.judge(&fresh),
            Err(error) => {
                let problem =
                    Problem::local("The console's copy of the ledger cannot be read", error);
                self.notice(Tone::Danger, problem);
                false
            }
        }
    }

    /// What follows from entries that are proven and judged.
    fn settle(&mut self) {
        self.check_keyring_pin(true);
        self.look_at_parts();
        self.evaluate_in_shadow();
        self.prove_ceremony();
        self.refresh_opened();
        self.notify();
    }

    /// Judges the next leaves of the mirror. `false` when one is forged.
    pub(super) fn judge(&mut self, leaves: &[Vec<u8>]) -> bool {
        let Ok(base) = &mut self.base else {
            return false;
        };
        let mut pushed = Vec::with_capacity(leaves.len());
        let mut shadow = self.policy_shadow.as_mut();
        let judged = base.replay.push_all_seen(
            leaves,
            |state, index, leaf| {
                if let Some(shadow) = &mut shadow {
                    shadow.take(state, index, leaf);
                }
            },
            |one| pushed.push(one),
        );
        base.size.store(base.mirror.size(), Ordering::Release);
        for one in pushed {
            self.take_in(one);
        }
        if let Err((entry, error)) = judged {
            let forged = leaves
                .get(usize::try_from(entry.saturating_sub(self.judged_before(leaves))).unwrap_or(0))
                .map(|leaf| String::from_utf8_lossy(leaf).into_owned());
            let message = format!(
                "Entry {entry} of the ledger breaks a rule: {}",
                sentence(&error.to_string())
            );
            self.freeze(&message, &forged.into_iter().collect::<Vec<_>>());
            return false;
        }
        true
    }

    /// Position of the first of these leaves.
    fn judged_before(&self, leaves: &[Vec<u8>]) -> u64 {
        let Ok(base) = &self.base else { return 0 };
        let count = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        base.mirror.size().saturating_sub(count)
    }

    fn take_in(&mut self, pushed: Pushed) {
        let Ok(base) = &mut self.base else { return };
        let Some(leaf) = pushed.leaf else {
            base.actions.push(None);
            return;
        };
        let action = leaf.data.action();
        base.actions.push(action);
        match (&leaf.data, pushed.situation) {
            (Data::ActionProposed(data), Some(situation)) => {
                base.situations.insert(data.action, *situation);
            }
            (Data::ActionResolved(data), _) => {
                base.situations.remove(&data.action);
            }
            // The policy may let further people decide from now on.
            (Data::ActionEscalated(data), _) => {
                base.given.borrow_mut().remove(&data.action);
            }
            _ => {}
        }
        if let Some(action) = action {
            base.recent.retain(|known| *known != action);
            base.recent.push_front(action);
            base.recent.truncate(MOST_RECENT);
        }
        if let (Data::CredentialEnrolled(data), Some(route)) = (&leaf.data, pushed.route) {
            base.routes
                .insert(data.signed.item.credential_id.clone(), route);
        }
        self.was_it_us(pushed.index, &leaf);
    }

    /// Whose console this is: known from the invitation elsewhere, the founder
    /// on this computer.
    pub(super) fn reviewer(&self) -> Option<ReviewerId> {
        if let Some(followed) = &self.followed {
            return followed.about.reviewer;
        }
        let log = self.base.as_ref().ok()?.state().log()?;
        log.opened.founders.first().map(|founder| founder.reviewer)
    }

    /// Journals an envelope before anybody is asked for a key.
    pub(super) fn journal(&mut self, challenge: Digest, r#type: ActType) -> Result<(), Problem> {
        let Ok(base) = &mut self.base else {
            return Err(Problem::stopped());
        };
        base.mirror
            .journal_write(challenge, r#type, now())
            .map_err(|error| Problem::local("The journal cannot be written", error))
    }

    /// Reads the parts that are here, and fetches those that are not.
    pub(super) fn look_at_parts(&mut self) {
        self.read_headlines();
        let Some(session) = &self.session else { return };
        let Ok(base) = &mut self.base else { return };
        let missing = match base.mirror.missing_parts(MOST_FETCHES) {
            Ok(missing) => missing,
            Err(error) => {
                let problem =
                    Problem::local("The console's copy of the ledger cannot be read", error);
                return self.notice(Tone::Danger, problem);
            }
        };
        let client = base.client.with_token(&session.token);
        let wanted: Vec<_> = missing
            .into_iter()
            .map(|(index, part)| (index, part.name))
            .filter(|part| base.fetching.insert(part.clone()))
            .collect();
        for (index, name) in wanted {
            let client = client.clone();
            self.spawn(async move {
                let result = client.part(index, &name).await;
                Message::Part {
                    index,
                    name,
                    result,
                }
            });
        }
    }

    pub(super) fn part_arrived(
        &mut self,
        index: u64,
        name: String,
        result: Result<Content, ClientError>,
    ) {
        let Ok(base) = &mut self.base else { return };
        base.fetching.remove(&(index, name.clone()));
        let content = match result {
            Ok(content) => content,
            // Asked for again with the next batch; the feed says whether the
            // gateway can be reached at all.
            Err(error) => return tracing::warn!(index, name, %error, "a part did not come"),
        };
        if let Err(error) = base.mirror.put_part(index, &name, &content) {
            let problem = Problem::new(
                "part_refused",
                format!(
                    "The {name} of entry {index} is refused: {}",
                    sentence(&error.to_string())
                ),
                "It cannot be decided. Keep an export as evidence.",
            );
            return self.notice(Tone::Danger, problem);
        }
        self.arrived_in_shadow(index);
        self.look_at_parts();
        self.answer_waiting();
        self.refresh_opened();
        self.notify();
    }

    /// Headlines of the actions on the lists.
    fn read_headlines(&mut self) {
        let Ok(base) = &mut self.base else { return };
        let listed: Vec<_> = base
            .state()
            .waiting()
            .map(|action| action.id)
            .chain(base.recent.iter().copied())
            .collect();
        for id in listed {
            base.read_headline(id);
        }
    }
}

impl Base {
    /// Every act of this console since then is journalled. A copy that was lost
    /// and starts anew knows nothing of what was decided here before.
    pub(super) fn start_journal(&mut self, since: Time) {
        if let Err(error) = self.mirror.set(JOURNAL_SINCE, &since.to_string()) {
            tracing::error!(%error, "cannot keep since when there is a journal");
        }
    }

    /// Reads an action's headline from its parts, if they are here.
    pub(super) fn read_headline(&mut self, id: ActionId) {
        if self.headlines.contains_key(&id) {
            return;
        }
        let Some(proposal) = self.state().action(&id).map(|action| action.proposal) else {
            return;
        };
        let has_context = self
            .state()
            .action(&id)
            .is_some_and(|action| action.context.is_some());
        let part = |name| self.mirror.part(proposal.index, name).ok().flatten();
        let (payload, context) = (part("payload"), part("context"));
        if has_context && context.is_none() {
            return;
        }
        let Some(action) = payload.and_then(|part| Action::parse(&part.bytes.0).ok()) else {
            return;
        };
        let context = context.and_then(|part| Context::parse(&part.bytes.0).ok());
        self.headlines
            .insert(id, Headline::new(&action, context.as_ref()));
    }
}

/// Where the mirror keeps since when there is a journal.
const JOURNAL_SINCE: &str = "journal_since";

pub(super) fn journal_since(base: &Base) -> Option<Time> {
    base.mirror.get(JOURNAL_SINCE).ok().flatten()?.parse().ok()
}
