//! One signed act on its way: nonce, envelope, journal, key, result.
//!
//! The order is that of the design: the envelope's digest stands in the journal
//! before anybody is asked for a key, so that a verdict which this console did
//! not ask for can be told apart.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use vidimus_client::{ClientError, Gateway, Token};
use vidimus_ledger::checkpoint::Checkpoint;
use vidimus_ledger::note::Note;
use vidimus_ledger::{part, tree};
use vidimus_protocol::api::{
    Ack, CeremonyStarted, CeremonyState, Content, EditExtras, GrantExtras, PolicyExtras,
    ReviewExtras, StartCeremony, SubmitAssertion, VerdictExtras,
};
use vidimus_protocol::envelope::{ActType, Decimal, Envelope};
use vidimus_protocol::id::{CeremonyId, ReviewerId};
use vidimus_protocol::state::software_origin;
use vidimus_protocol::{Blob, Digest, Time};

use crate::core::Message;
use crate::hooks::{Hooks, PassphraseAsk};
use crate::software_key::{SoftwareKey, SoftwareKeyError};
use crate::view::Problem;

/// Life of an envelope, seconds: as long as the gateway would take it.
const LIFE_S: u64 = 120;
/// Tries at a passphrase.
const TRIES: u32 = 5;
/// Length of one long-poll, seconds.
pub(crate) const POLL_S: u64 = 25;

/// What is signed, but for nonce and time.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) r#type: ActType,
    pub(crate) signer: ReviewerId,
    pub(crate) log: Digest,
    pub(crate) rp_id: String,
    /// The log as it was verified here; `None` for a sign-in elsewhere.
    pub(crate) pinned: Option<Pinned>,
    /// Canonical JSON text of each item.
    pub(crate) items: Vec<String>,
    pub(crate) extras: Extras,
    /// The envelope ends here at the latest.
    pub(crate) not_after: Option<Time>,
}

/// What an act brings beside its items.
#[derive(Clone, Debug)]
pub(crate) enum Extras {
    Nothing,
    Verdict(VerdictExtras),
    Edit(EditExtras),
    Policy(PolicyExtras),
    Grant(GrantExtras),
    Review(ReviewExtras),
}

/// A size of the log and its root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinned {
    pub(crate) size: u64,
    pub(crate) root: Digest,
}

impl Draft {
    pub(crate) fn envelope(&self, pinned: Pinned, nonce: Digest, now: Time) -> Envelope {
        let leaves: Vec<_> = self
            .items
            .iter()
            .map(|item| tree::leaf_hash(item.as_bytes()))
            .collect();
        let expires_at = now.plus_seconds(LIFE_S);
        Envelope {
            expires_at: self
                .not_after
                .map_or(expires_at, |last| last.min(expires_at)),
            issued_at: now,
            items_root: Digest(tree::root_of(&leaves)),
            log: self.log,
            nonce,
            pinned_root: pinned.root,
            pinned_size: Decimal(pinned.size),
            signer: self.signer,
            r#type: self.r#type,
        }
    }
}

/// How the key is reached.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    /// On the gateway's page. `open` asks this computer's browser.
    Page { open: bool },
    /// The encrypted file; the purpose stands in the prompt.
    File { path: PathBuf, purpose: String },
}

/// How an act ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Taken by the gateway; acknowledged where it is logged.
    Done(Option<Box<Ack>>),
    /// Nothing happened.
    Cancelled,
    /// Refused; nothing happened.
    Failed(Problem),
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

/// What a task needs to do its work and to tell the console.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) gateway: Gateway,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) console: mpsc::UnboundedSender<Message>,
    /// The ceremony that the messages are about.
    pub(crate) serial: u64,
}

/// Carries one act to its end.
pub(crate) async fn run(draft: Draft, key: Key, tools: Tools) -> End {
    match carry(draft, key, &tools).await {
        Ok(end) | Err(end) => end,
    }
}

async fn carry(draft: Draft, key: Key, tools: &Tools) -> Result<End, End> {
    // A passphrase takes its time; an envelope has two minutes.
    let software = match &key {
        Key::Page { .. } => None,
        Key::File { path, purpose } => Some(unlock(tools, path, purpose).await?),
    };
    let nonce = tools.gateway.nonce().await.map_err(refused)?.nonce;
    let pinned = match draft.pinned {
        Some(pinned) => pinned,
        None => claimed_pin(tools).await?,
    };
    let envelope = draft.envelope(pinned, nonce, crate::core::now());
    let challenge = envelope.challenge();
    journal(tools, challenge, draft.r#type).await?;
    let mut start = StartCeremony {
        edit: None,
        envelope,
        grant: None,
        items: draft.items,
        policy: None,
        review: None,
        verdict: None,
    };
    match draft.extras {
        Extras::Nothing => {}
        Extras::Verdict(verdict) => start.verdict = Some(verdict),
        Extras::Edit(edit) => start.edit = Some(edit),
        Extras::Policy(policy) => start.policy = Some(policy),
        Extras::Grant(grant) => start.grant = Some(grant),
        Extras::Review(review) => start.review = Some(review),
    }
    let started = tools
        .gateway
        .start_ceremony(&start)
        .await
        .map_err(refused)?;
    let ceremony = started.ceremony;
    match (software, key) {
        (Some(key), _) => {
            tools.tell(Message::CeremonyStarted {
                serial: tools.serial,
                ceremony,
                url: None,
                code: None,
            });
            let assertion = key.assert(&draft.rp_id, &software_origin(draft.log), &challenge);
            tools
                .gateway
                .submit_assertion(ceremony, &SubmitAssertion { assertion })
                .await
                .map_err(refused)?;
        }
        (None, Key::Page { open }) => tools.show(&started, open),
        (None, Key::File { .. }) => {}
    }
    Ok(wait(tools, ceremony).await)
}

/// Waits until the gateway says how it ended.
pub(crate) async fn wait(tools: &Tools, ceremony: CeremonyId) -> End {
    loop {
        let view = match tools.gateway.ceremony(ceremony, POLL_S).await {
            Ok(view) => view,
            Err(error) => return refused(error),
        };
        return match view.state {
            CeremonyState::Waiting => continue,
            CeremonyState::Done => End::Done(view.ack.map(Box::new)),
            CeremonyState::Cancelled => End::Cancelled,
            CeremonyState::Failed => End::Failed(view.problem.map_or_else(
                || {
                    Problem::new(
                        "refused",
                        "The gateway refused the key's answer.",
                        "Try again.",
                    )
                },
                |problem| from_gateway(&problem),
            )),
        };
    }
}

/// Carries a prompt for a new key, which the gateway began, to its end.
pub(crate) async fn new_key(
    begun: Result<CeremonyStarted, ClientError>,
    open: bool,
    tools: Tools,
) -> End {
    let started = match begun {
        Ok(started) => started,
        Err(error) => return refused(error),
    };
    tools.show(&started, open);
    wait(&tools, started.ceremony).await
}

/// The newest checkpoint in the gateway's words, for a sign-in at a log whose
/// copy here may be old, or not there yet. It vouches for nothing: what the
/// session then brings is judged against the copy, or from the first entry on.
async fn claimed_pin(tools: &Tools) -> Result<Pinned, End> {
    let log = tools.gateway.log().await.map_err(refused)?;
    let note = log.checkpoint.and_then(|note| Note::parse(&note).ok());
    let claimed = note.and_then(|note| Checkpoint::parse(note.text()).ok());
    claimed
        .map(|checkpoint| Pinned {
            size: checkpoint.size,
            root: Digest(checkpoint.root),
        })
        .ok_or_else(|| {
            End::Failed(Problem::new(
                "no_checkpoint",
                "The gateway shows no checkpoint of its log.",
                "Try again in a moment. If it stays, ask whoever runs the gateway.",
            ))
        })
}

async fn journal(tools: &Tools, challenge: Digest, r#type: ActType) -> Result<(), End> {
    let (reply, written) = oneshot::channel();
    tools.tell(Message::Journal {
        challenge,
        r#type,
        reply,
    });
    written
        .await
        .unwrap_or_else(|_| Err(Problem::stopped()))
        .map_err(End::Failed)
}

/// Asks for the passphrase until it is right or the person gives up.
async fn unlock(tools: &Tools, path: &std::path::Path, purpose: &str) -> Result<SoftwareKey, End> {
    let mut problem = None;
    for _ in 0..TRIES {
        let ask = PassphraseAsk {
            purpose: purpose.to_owned(),
            new: false,
            problem: problem.take(),
        };
        let passphrase = tools
            .hooks
            .ask_passphrase(ask)
            .await
            .ok_or(End::Cancelled)?;
        let path = path.to_owned();
        let loaded = tokio::task::spawn_blocking(move || SoftwareKey::load(&path, &passphrase))
            .await
            .map_err(|_| Problem::stopped())?;
        match loaded {
            Ok(key) => return Ok(key),
            Err(SoftwareKeyError::WrongPassphrase) => {
                problem = Some("The passphrase is wrong.".to_owned());
            }
            Err(error) => return Err(End::Failed(software_problem(&error))),
        }
    }
    Err(End::Failed(Problem::new(
        "wrong_passphrase",
        format!("The passphrase was wrong {TRIES} times."),
        "Try again when you have it at hand.",
    )))
}

pub(crate) fn software_problem(error: &SoftwareKeyError) -> Problem {
    let (code, hint) = match error {
        SoftwareKeyError::Missing(_) => (
            "software_key_missing",
            "Put the key file back from your copy. Without it nobody can decide in this log.",
        ),
        SoftwareKeyError::Exposed { .. } => (
            "software_key_exposed",
            "Take the file's other readers away, then try again.",
        ),
        SoftwareKeyError::ShortPassphrase => ("short_passphrase", "Choose a longer passphrase."),
        _ => (
            "software_key_unusable",
            "Put the key file back from your copy, then try again.",
        ),
    };
    Problem::new(code, sentence(&error.to_string()), hint)
}

/// First letter upper case, full stop at the end.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().to_string());
    let stop = if text.ends_with(['.', '?', '!']) {
        ""
    } else {
        "."
    };
    format!("{first}{}{stop}", letters.as_str())
}

/// `123 456`.
pub(crate) fn grouped(code: &str) -> String {
    match code.split_at_checked(3) {
        Some((front, back)) => format!("{front} {back}"),
        None => code.to_owned(),
    }
}

pub(crate) fn refused(error: ClientError) -> End {
    End::Failed(gateway_problem(&error))
}

/// A client's error in words.
pub(crate) fn gateway_problem(error: &ClientError) -> Problem {
    match error {
        ClientError::Problem { problem, .. } => from_gateway(problem),
        ClientError::Unreachable { .. } => Problem::new(
            "gateway_unreachable",
            sentence(&error.to_string()),
            "Try again in a moment.",
        ),
        _ => Problem::new(
            "gateway_malformed",
            sentence(&error.to_string()),
            "Check that the program at this address is a Vidimus gateway of this version.",
        ),
    }
}

fn from_gateway(problem: &vidimus_protocol::api::Problem) -> Problem {
    let hint = match problem.code.as_str() {
        "unauthorised" => "Sign in again.",
        _ => "Nothing was logged. Try again.",
    };
    // The words come from the gateway: whatever hides in them is made visible.
    let detail = crate::safe_text::flat(&problem.detail);
    Problem::new(
        &crate::safe_text::flat(&problem.code),
        sentence(&detail),
        hint,
    )
}

impl Tools {
    /// Puts the page of a key prompt on screen, in this computer's browser when
    /// `open`.
    fn show(&self, started: &CeremonyStarted, open: bool) {
        let page = format!("{}/c/{}", self.gateway.base_url(), started.ceremony);
        self.tell(Message::CeremonyStarted {
            serial: self.serial,
            ceremony: started.ceremony,
            url: Some(page.clone()),
            code: Some(grouped(&started.code)),
        });
        if open && let Err(why) = self.hooks.open_url(&page) {
            self.tell(Message::NoBrowser { why });
        }
    }

    /// The console may have stopped; then nobody needs to know.
    fn tell(&self, message: Message) {
        let _stopped = self.console.send(message);
    }
}

/// A value's canonical JSON text.
pub(crate) fn item<T: serde::Serialize>(value: &T) -> String {
    String::from_utf8(vidimus_protocol::strict::canonical(value)).expect("JSON is UTF-8")
}

/// A part of an entry that is to be signed, under a salt of its own, and its
/// commit.
pub(crate) fn content(r#type: &str, bytes: Vec<u8>) -> Result<(Content, Digest), Problem> {
    let salt = random();
    let commit = part::commit(&salt, r#type, &bytes)
        .map_err(|error| Problem::local("What is signed cannot be committed to", error))?;
    let content = Content {
        bytes: Blob(bytes),
        salt: Digest(salt),
        r#type: r#type.to_owned(),
    };
    Ok((content, Digest(commit)))
}

/// A new token.
pub(crate) fn token() -> Token {
    let text = zeroize::Zeroizing::new(Blob(random::<32>().to_vec()).to_string());
    text.parse().expect("32 bytes in base64url are a token")
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn draft() -> Draft {
        Draft {
            r#type: ActType::VerdictGiven,
            signer: ReviewerId::from_random([1; 16]),
            log: Digest([2; 32]),
            rp_id: "localhost".into(),
            pinned: None,
            items: vec!["{}".into()],
            extras: Extras::Nothing,
            not_after: None,
        }
    }

    #[test]
    fn an_envelope_never_outlives_what_it_decides() {
        let now = Time::from_unix_ms(1_000_000);
        let nonce = Digest([9; 32]);
        let pinned = Pinned {
            size: 7,
            root: Digest([3; 32]),
        };
        assert_eq!(
            draft().envelope(pinned, nonce, now).expires_at,
            now.plus_seconds(LIFE_S)
        );
        let soon = Draft {
            not_after: Some(now.plus_seconds(5)),
            ..draft()
        };
        assert_eq!(
            soon.envelope(pinned, nonce, now).expires_at,
            now.plus_seconds(5)
        );
        assert_eq!(
            draft().envelope(pinned, nonce, now).items_root.0,
            tree::leaf_hash(b"{}")
        );
    }

    #[test]
    fn words_become_sentences() {
        assert_eq!(sentence("it is late"), "It is late.");
        assert_eq!(sentence("Late?"), "Late?");
        assert_eq!(sentence(""), ".");
        assert_eq!(grouped("123456"), "123 456");
    }
}
