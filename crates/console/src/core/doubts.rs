//! *Was it you?*: verdicts and standing grants with the key of this console's
//! reviewer that nobody asked for here.

use vidimus_protocol::entry::{Data, Leaf};
use vidimus_protocol::envelope::{ActType, Envelope, Verdict};
use vidimus_protocol::id::ActionId;
use vidimus_protocol::{Blob, Digest, Time};

use super::sync::journal_since;
use super::{Answer, Base, Core, answer, now};
use crate::board::FrontId;
use crate::safe_text;
use crate::view::{DoubtView, Problem, Reply, RevocationWhy, VerdictChoice};

/// One such verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    action: ActionId,
    /// Leaf hash of its entry.
    leaf: Digest,
    verdict: Verdict,
    /// Of a standing grant, which nobody recognises in the log: what its signature
    /// covers.
    grant: Option<Digest>,
    time: Time,
    credential: Blob,
}

impl Core {
    /// Takes in an entry: a verdict of our own reviewer that was not asked for
    /// here, or their word about one.
    pub(super) fn was_it_us(&mut self, index: u64, leaf: &Leaf) {
        match &leaf.data {
            Data::VerdictGiven(data) => {
                let signed = &data.signed;
                let doubt = |hash| Doubt {
                    action: signed.item.action,
                    leaf: hash,
                    verdict: signed.item.verdict,
                    grant: None,
                    time: leaf.time,
                    credential: signed.assertion.credential_id.clone(),
                };
                self.doubt_it(index, leaf.time, &signed.envelope, doubt);
            }
            Data::GrantGiven(data) => {
                let signed = &data.signed;
                let doubt = |hash| Doubt {
                    action: signed.item.action,
                    leaf: hash,
                    verdict: Verdict::Approve,
                    grant: Some(signed.envelope.challenge()),
                    time: leaf.time,
                    credential: signed.assertion.credential_id.clone(),
                };
                self.doubt_it(index, leaf.time, &signed.envelope, doubt);
            }
            Data::VerdictRecognised(data) => {
                let verdict = data.signed.item.verdict;
                self.doubts.retain(|_, doubt| doubt.leaf != verdict);
            }
            _ => {}
        }
    }

    /// What was signed in our reviewer's name, unless it was asked for here.
    fn doubt_it(
        &mut self,
        index: u64,
        time: Time,
        envelope: &Envelope,
        doubt: impl FnOnce(Digest) -> Doubt,
    ) {
        let Ok(base) = &self.base else { return };
        let journalled = journal_since(base).is_some_and(|since| time >= since);
        if Some(envelope.signer) != self.reviewer() || !journalled {
            return;
        }
        // Not readable counts as not ours: it is better to ask once too often.
        if (base.mirror)
            .journal_has(envelope.challenge())
            .unwrap_or(false)
        {
            return;
        }
        let Some(hash) = base.mirror.leaf_hash(index) else {
            return;
        };
        self.doubts.insert(index, doubt(hash));
    }

    pub(super) fn doubt_views(&self, base: &Base) -> Vec<DoubtView> {
        let view = |(entry, doubt): (&u64, &Doubt)| DoubtView {
            entry: *entry,
            action: doubt.action.to_string(),
            title: base
                .headlines
                .get(&doubt.action)
                .map_or_else(Default::default, |headline| {
                    safe_text::line(&headline.title)
                }),
            verdict: VerdictChoice::of(doubt.verdict),
            grant: doubt.grant.is_some(),
            time_unix_ms: doubt.time.unix_ms(),
            key: base
                .state()
                .credential(&doubt.credential)
                .map_or_else(String::new, |key| safe_text::flat(&key.label)),
        };
        self.doubts.iter().map(view).collect()
    }

    /// *It was me.*
    pub(super) fn recognise(&mut self, entry: u64, front: &FrontId) -> Result<Reply, Problem> {
        let doubt = self.doubt(entry)?;
        if let Some(challenge) = doubt.grant {
            // There is no act that says so: it is remembered here.
            let journal = &self.base()?.mirror;
            journal
                .journal_write(challenge, ActType::GrantGiven, now())
                .map_err(|error| Problem::local("The journal cannot be written", error))?;
            self.doubts.remove(&entry);
            return Ok(Reply::Accepted);
        }
        let words = format!(
            "The verdict in entry {entry} is mine: {}.",
            match doubt.verdict {
                Verdict::Approve => "approve",
                Verdict::Deny => "deny",
                Verdict::BreakGlass => "break glass",
            }
        );
        self.sign_recognition(doubt.action, doubt.leaf, words, front)
    }

    /// *It was not me*: exports the evidence; then asks for another key to
    /// revoke that one, when there is another and the gateway is there; then
    /// believes nothing of this gateway any more.
    pub(super) fn disown(&mut self, entry: u64, front: &FrontId, reply: Answer) {
        let doubt = match self.doubt(entry) {
            Ok(doubt) => doubt,
            Err(problem) => return self.answers.push((reply, Err(problem))),
        };
        let (exported, evidence) = tokio::sync::oneshot::channel();
        self.export(exported);
        self.setting.runtime.spawn(async move {
            // The console may stop meanwhile.
            let result = evidence.await.unwrap_or_else(|_| Err(Problem::stopped()));
            answer(reply, result);
        });
        let what = format!(
            "Entry {entry} was signed with your key, and you said that it was not you. Somebody else can use that key."
        );
        let revoking = self.revoke_disowned(&doubt, front);
        match revoking {
            Ok(()) => self.disowned = Some(what),
            Err(problem) => {
                tracing::warn!(code = problem.code, "the key is not revoked from here");
                self.freeze(&what, &[]);
            }
        }
    }

    fn revoke_disowned(&mut self, doubt: &Doubt, front: &FrontId) -> Result<(), Problem> {
        self.may_sign()?;
        let state = self.base()?.state();
        let key = state.credential(&doubt.credential);
        let key = key.filter(|key| state.in_force(key).is_ok());
        let key = key.ok_or_else(|| {
            Problem::new(
                "key_revoked",
                "It was revoked already.",
                "Nothing is left to do.",
            )
        })?;
        let other = state.credentials().any(|other| {
            other.reviewer == key.reviewer && other.id != key.id && state.in_force(other).is_ok()
        });
        if !other {
            return Err(Problem::new(
                "only_key",
                "You have no other key to revoke it with.",
                "Ask an administrator.",
            ));
        }
        let enrolment = key.entry.leaf.to_string();
        let (act, item, words) = self.revoke_key(&enrolment, RevocationWhy::Stolen)?;
        self.sign_statement(act, item, words, front).map(|_| ())
    }

    /// The key prompt that a disowned verdict led to is over, however.
    pub(super) fn after_disowning(&mut self) {
        if let Some(what) = self.disowned.take() {
            self.freeze(&what, &[]);
        }
    }

    fn doubt(&self, entry: u64) -> Result<Doubt, Problem> {
        self.doubts.get(&entry).cloned().ok_or_else(|| {
            Problem::new(
                "no_doubt",
                "Nothing is asked about this entry any more.",
                "Look at the history.",
            )
        })
    }
}
