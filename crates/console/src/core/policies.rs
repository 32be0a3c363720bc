//! The policy: seen, written, signed by one administrator and agreed to by
//! another.
//!
//! What is shown comes from the copy of the log on this computer, held against
//! the commits that were signed. Whoever agrees signs the very same content
//! with the very same salt, so that both words are for one commit.

use std::sync::{Arc, OnceLock};

use vidimus_ledger::part;
use vidimus_policy::{PolicyFile, PolicyText, Set, set_name, starter};
use vidimus_protocol::action::POLICY_TYPE;
use vidimus_protocol::api::{Content, PolicyExtras};
use vidimus_protocol::entry::Profile;
use vidimus_protocol::envelope::{ActType, PolicyItem};
use vidimus_protocol::state::PolicyWord;
use vidimus_protocol::{Blob, Digest, State};

use super::people::administers;
use super::{After, Answer, Base, Core, answer, now};
use crate::act::{Extras, item, random, sentence};
use crate::board::FrontId;
use crate::inbox::reviewer_name;
use crate::policy_templates::templates;
use crate::policy_tests;
use crate::policy_words::{self as words, Names};
use crate::view::{
    CeremonyPurpose, PolicyCheckView, PolicyFileText, PolicyInForceView, PolicyPreviewView,
    PolicyProblemView, PolicyStanding, PolicyStartView, PolicyTestsView, PolicyTextView,
    PolicyView, PolicyWaitingView, PolicyWordView, Problem, Reply,
};

/// A policy that was read: its text, and what it says.
#[derive(Clone)]
pub(super) struct Read {
    pub(super) text: Arc<PolicyText>,
    pub(super) set: Arc<Set>,
    /// What came of its tests, run when somebody first looks.
    tests: Arc<OnceLock<PolicyTestsView>>,
}

impl Read {
    fn new(text: PolicyText, set: Set) -> Self {
        Self {
            text: Arc::new(text),
            set: Arc::new(set),
            tests: Arc::default(),
        }
    }

    fn tests(&self) -> &PolicyTestsView {
        let run = || policy_tests::run(&self.text, Some(&self.set));
        self.tests.get_or_init(run)
    }
}

impl Core {
    pub(super) fn policy(&self) -> Result<Reply, Problem> {
        let base = self.base()?;
        let state = base.state();
        let me = self.reviewer();
        let in_force = state.policy().map(|policy| PolicyInForceView {
            entry: policy.entry.index,
            digest: policy.digest.to_string(),
            since_unix_ms: policy.since.unix_ms(),
            signers: (policy.signers.iter())
                .map(|id| reviewer_name(state, *id))
                .collect(),
            text: text_view(state, base.policy_at(policy.entry.index, policy.digest)),
        });
        let waiting = self.policies_waiting(base);
        Ok(Reply::Policy(Box::new(PolicyView {
            administrator: me.is_some_and(|me| administers(state, me)),
            blocked: self.policy_blocked(),
            needed: count(state.policy_quorum()),
            in_force,
            built_in: built_in(self.profile()?),
            waiting: (waiting.into_iter())
                .map(|digest| self.waiting_view(base, digest))
                .collect(),
        })))
    }

    pub(super) fn policy_start(&self) -> Result<Reply, Problem> {
        let profile = self.profile()?;
        let files = starter(profile);
        let view = PolicyStartView {
            starter: files.iter().map(words::file).collect(),
            rules: PolicyText::new(files)
                .ok()
                .and_then(|text| Set::parse(&text, profile, "starter").ok())
                .map_or_else(Vec::new, |set| words::rules(&set)),
            templates: templates(profile),
        };
        Ok(Reply::PolicyStart(Box::new(view)))
    }

    /// Answers from a task of its own: a large set takes a while to validate,
    /// and somebody is typing.
    pub(super) fn check_policy(&mut self, files: Vec<PolicyFileText>, reply: Answer) {
        let profile = match self.profile() {
            Ok(profile) => profile,
            Err(problem) => return self.answers.push((reply, Err(problem))),
        };
        let names = self.base().map(|base| words::names(base.state()));
        let names = names.unwrap_or_default();
        self.setting.runtime.spawn_blocking(move || {
            let checked = check(files, profile, &names);
            answer(reply, Ok(Reply::PolicyChecked(checked)));
        });
    }

    pub(super) fn preview_policy(&self, files: Vec<PolicyFileText>) -> Result<Reply, Problem> {
        let base = self.base()?;
        let read = self.typed(files)?;
        let waiting = self.same_waiting(base, &read.text);
        let agreed: Vec<&PolicyWord> = match waiting {
            Some(digest) => base.state().words_for(digest, now()).collect(),
            None => Vec::new(),
        };
        Ok(Reply::PolicyPreview(Box::new(PolicyPreviewView {
            difference: self.difference(base, &read)?,
            tests: read.tests().clone(),
            replay: self.replayed_words(&read.text),
            shadow: self.shadow_words(&read.text),
            waits: self.would_wait(base, waiting),
            agreed: (agreed.into_iter())
                .filter(|word| Some(word.by) != self.reviewer())
                .map(|word| reviewer_name(base.state(), word.by))
                .collect(),
        })))
    }

    /// Asks for the key over these files. Where others gave their word for the
    /// very same text, theirs is signed: another salt would be another policy.
    pub(super) fn change_policy(
        &mut self,
        files: Vec<PolicyFileText>,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        self.may_sign()?;
        self.must_administer()?;
        let base = self.base()?;
        let read = self.typed(files)?;
        if let Some(digest) = self.same_waiting(base, &read.text) {
            return self.agree_policy(&digest.to_string(), front);
        }
        let difference = self.difference(base, &read)?;
        if difference.files.is_empty() {
            return Err(Problem::new(
                "unchanged",
                "It is what is in force already.",
                "Change something, or leave it.",
            ));
        }
        let content = Content {
            bytes: Blob(read.text.to_bytes()),
            salt: Digest(random()),
            r#type: POLICY_TYPE.to_owned(),
        };
        let digest = commit_of(&content)?;
        self.sign_policy(
            content,
            digest,
            &with_tests(&difference.words, &read),
            front,
        )
    }

    /// Asks for the key over a policy that waits.
    pub(super) fn agree_policy(&mut self, digest: &str, front: &FrontId) -> Result<Reply, Problem> {
        self.may_sign()?;
        self.must_administer()?;
        let base = self.base()?;
        let digest = digest
            .parse()
            .ok()
            .filter(|digest| self.policies_waiting(base).contains(digest))
            .ok_or_else(|| {
                Problem::new(
                    "unknown_policy",
                    "No such policy waits in this log.",
                    "Look at the list again.",
                )
            })?;
        if let Some(problem) = self.agreed_already(base, digest) {
            return Err(problem);
        }
        let entry = first_word(base, digest).ok_or_else(super::acts::not_synced)?;
        // Signed only when it can be read here, and says what it was shown to say.
        let read = base.policy_at(entry, digest)?;
        let content = base
            .mirror
            .part(entry, "policy")
            .map_err(|error| {
                Problem::local("The console's copy of the ledger cannot be read", error)
            })?
            .filter(|content| commit_of(content).is_ok_and(|found| found == digest))
            .ok_or_else(super::acts::not_synced)?;
        let words = with_tests(&self.difference(base, &read)?.words, &read);
        self.sign_policy(content, digest, &words, front)
    }

    fn sign_policy(
        &mut self,
        content: Content,
        digest: Digest,
        difference: &str,
        front: &FrontId,
    ) -> Result<Reply, Problem> {
        let base = self.base()?;
        let replaces = base.state().policy_base();
        let replaces = replaces.ok_or_else(super::acts::not_synced)?.leaf;
        let then = if self.would_wait(base, Some(digest)) {
            "It holds once another administrator agrees."
        } else {
            "It holds at once, for what is proposed from then on."
        };
        let words = format!("Policy: {difference} {then}");
        let items = vec![item(&PolicyItem {
            policy: digest,
            replaces,
        })];
        let extras = Extras::Policy(PolicyExtras { policy: content });
        let draft = self.draft(ActType::PolicyChanged, items, extras, None)?;
        let purpose = CeremonyPurpose::Policy {
            words: words.clone(),
            digest: digest.to_string(),
            standing: None,
        };
        self.act(purpose, draft, After::Nothing, &words, front)
    }

    /// What came of a policy that was signed here, as the log says by now.
    pub(super) fn policy_standing(&self, digest: &str) -> Option<PolicyStanding> {
        let state = self.base().ok()?.state();
        let digest: Digest = digest.parse().ok()?;
        if state.policy().is_some_and(|policy| policy.digest == digest) {
            return Some(PolicyStanding::InForce);
        }
        let mut words = state.policy_words().iter();
        let waits = words.any(|word| word.policy == digest && Some(word.by) == self.reviewer());
        waits.then_some(PolicyStanding::Waits)
    }

    /// How many policies wait for this administrator.
    pub(super) fn policies_for_us(&self, base: &Base) -> u32 {
        let ours = self
            .reviewer()
            .is_some_and(|me| administers(base.state(), me));
        let waiting = self.policies_waiting(base).into_iter();
        let waiting = waiting.filter(|digest| self.agreed_already(base, *digest).is_none());
        if ours { count(waiting.count()) } else { 0 }
    }

    /// Policies that are shown, and whose text has not come yet.
    pub(super) fn policies_missing(&self, base: &Base) -> u32 {
        let in_force = base.state().policy().map(|policy| policy.entry.index);
        let waiting = self.policies_waiting(base).into_iter();
        let waiting = waiting.filter_map(|digest| first_word(base, digest));
        let missing = in_force.into_iter().chain(waiting).filter(|entry| {
            let known = base.policies.borrow().contains_key(entry);
            !known
                && base
                    .mirror
                    .part(*entry, "policy")
                    .is_ok_and(|part| part.is_none())
        });
        count(missing.count())
    }

    fn policy_blocked(&self) -> Option<Problem> {
        self.must_administer().err().or_else(|| self.unable())
    }

    pub(super) fn profile(&self) -> Result<Profile, Problem> {
        let log = self.base()?.state().log();
        let log = log.ok_or_else(super::acts::not_synced)?;
        Ok(log.opened.profile)
    }

    /// Policies that somebody's word counts for, in order.
    fn policies_waiting(&self, base: &Base) -> Vec<Digest> {
        let state = base.state();
        let mut waiting: Vec<Digest> = Vec::new();
        for word in state.policy_words() {
            let counts = state.words_for(word.policy, now()).next().is_some();
            if counts && !waiting.contains(&word.policy) {
                waiting.push(word.policy);
            }
        }
        waiting
    }

    fn waiting_view(&self, base: &Base, digest: Digest) -> PolicyWaitingView {
        let state = base.state();
        let words = state.words_for(digest, now()).map(|word| PolicyWordView {
            by: reviewer_name(state, word.by),
            me: Some(word.by) == self.reviewer(),
            entry: word.entry.index,
            at_unix_ms: base
                .leaf(word.entry.index)
                .map_or(0, |leaf| leaf.time.unix_ms()),
        });
        let entry = first_word(base, digest).unwrap_or_default();
        let read = base.policy_at(entry, digest);
        PolicyWaitingView {
            digest: digest.to_string(),
            words: words.collect(),
            difference: (read.as_ref().ok()).and_then(|read| self.difference(base, read).ok()),
            tests: read.as_ref().ok().map(|read| read.tests().clone()),
            replay: (read.as_ref().ok()).and_then(|read| self.replayed_words(&read.text)),
            shadow: (read.as_ref().ok()).and_then(|read| self.shadow_words(&read.text)),
            blocked: self
                .policy_blocked()
                .or_else(|| self.agreed_already(base, digest))
                .or_else(|| read.as_ref().err().cloned()),
            text: text_view(base.state(), read),
        }
    }

    /// Others may have left since: then a second word of one's own is enough.
    fn agreed_already(&self, base: &Base, digest: Digest) -> Option<Problem> {
        let words: Vec<_> = base.state().words_for(digest, now()).collect();
        let mine = words.iter().any(|word| Some(word.by) == self.reviewer());
        (mine && words.len() < base.state().policy_quorum()).then(|| {
            Problem::new(
                "decided_already",
                "You have signed it already.",
                "Another administrator has to agree as well.",
            )
        })
    }

    /// Whether more people are needed once this one has signed.
    fn would_wait(&self, base: &Base, digest: Option<Digest>) -> bool {
        let others = digest.map_or(0, |digest| {
            let words = base.state().words_for(digest, now());
            words
                .filter(|word| Some(word.by) != self.reviewer())
                .count()
        });
        others + 1 < base.state().policy_quorum()
    }

    /// A policy that waits with this very text, told from others by its commit.
    fn same_waiting(&self, base: &Base, text: &PolicyText) -> Option<Digest> {
        let mut waiting = self.policies_waiting(base).into_iter();
        waiting.find(|digest| {
            let entry = first_word(base, *digest).unwrap_or_default();
            let read = base.policy_at(entry, *digest);
            read.is_ok_and(|read| *read.text == *text)
        })
    }

    /// What was typed, once nothing is wrong with it.
    fn typed(&self, files: Vec<PolicyFileText>) -> Result<Read, Problem> {
        let (text, set) = read_typed(files, self.profile()?)?;
        Ok(Read::new(text, set))
    }

    /// What differs from what is in force. Nothing is compared with a policy
    /// that cannot be read.
    fn difference(
        &self,
        base: &Base,
        after: &Read,
    ) -> Result<crate::view::PolicyDifferenceView, Problem> {
        let before = base
            .state()
            .policy()
            .map(|policy| base.policy_at(policy.entry.index, policy.digest))
            .transpose()?;
        let before = before.as_ref();
        Ok(words::difference(
            (
                before.map(|read| &*read.text),
                before.map(|read| &*read.set),
            ),
            (Some(&after.text), Some(&after.set)),
        ))
    }
}

impl Base {
    /// The policy that an entry brought, read once.
    pub(super) fn policy_at(&self, entry: u64, digest: Digest) -> Result<Read, Problem> {
        if let Some(read) = self.policies.borrow().get(&entry) {
            return Ok(read.clone());
        }
        let (bytes, _) = self.checked_part(entry, "policy", POLICY_TYPE, digest)?;
        let log = self.state().log().ok_or_else(super::acts::not_synced)?;
        let unreadable = |why: String| {
            Problem::new(
                "unreadable_policy",
                format!(
                    "The policy of entry {entry} cannot be read: {}",
                    sentence(&why)
                ),
                "Do not approve anything under it. Install a newer Vidimus, or keep an export as evidence.",
            )
        };
        let text = PolicyText::parse(&bytes).map_err(|error| unreadable(error.to_string()))?;
        let set = Set::in_log(&text, log.opened.profile, &set_name(entry)).map_err(|problems| {
            let first = problems.first().map(ToString::to_string);
            unreadable(crate::safe_text::flat(&first.unwrap_or_default()))
        })?;
        let read = Read::new(text, set);
        self.policies.borrow_mut().insert(entry, read.clone());
        Ok(read)
    }
}

/// The entry of a policy's first word that counts.
fn first_word(base: &Base, digest: Digest) -> Option<u64> {
    let mut words = base.state().words_for(digest, now());
    words.next().map(|word| word.entry.index)
}

fn commit_of(content: &Content) -> Result<Digest, Problem> {
    part::commit(&content.salt.0, &content.r#type, &content.bytes.0)
        .map(Digest)
        .map_err(|error| Problem::local("The policy cannot be committed to", error))
}

fn text_view(state: &State, read: Result<Read, Problem>) -> PolicyTextView {
    match read {
        Ok(read) => PolicyTextView {
            files: words::files(&read.text),
            rules: words::rules(&read.set),
            calendars: words::calendars(&read.set, &words::names(state), now()),
            problem: None,
            marks: words::marks(&read.text),
        },
        Err(problem) => PolicyTextView {
            problem: Some(problem),
            ..PolicyTextView::default()
        },
    }
}

/// The text of what was typed and its set, once nothing is wrong with it.
pub(super) fn read_typed(
    files: Vec<PolicyFileText>,
    profile: Profile,
) -> Result<(PolicyText, Set), Problem> {
    let wrong = |why: String| {
        Problem::new(
            "bad_policy",
            why,
            "Correct what the list names, then try again.",
        )
    };
    let text = text_of(files).map_err(|error| wrong(sentence(&error.to_string())))?;
    let set = Set::parse(&text, profile, "typed").map_err(|problems| {
        let first = problems.first().map(ToString::to_string);
        wrong(sentence(&crate::safe_text::flat(
            &first.unwrap_or_default(),
        )))
    })?;
    Ok((text, set))
}

/// What is signed, and what its tests say of it where that is no good news.
fn with_tests(difference: &str, read: &Read) -> String {
    let tests = read.tests();
    match tests.alarm {
        true => format!("{difference} {}", tests.words),
        false => difference.to_owned(),
    }
}

pub(super) fn text_of(files: Vec<PolicyFileText>) -> Result<PolicyText, vidimus_policy::TextError> {
    let files = files.into_iter().map(|file| PolicyFile {
        name: file.name,
        text: file.text,
    });
    PolicyText::new(files.collect())
}

/// What is wrong with these files, or what they say.
fn check(files: Vec<PolicyFileText>, profile: Profile, names: &Names) -> PolicyCheckView {
    let text = match text_of(files) {
        Ok(text) => text,
        Err(error) => {
            return PolicyCheckView {
                problems: vec![PolicyProblemView {
                    file: String::new(),
                    line: 1,
                    column: 1,
                    policy: None,
                    message: crate::safe_text::prose(&sentence(&error.to_string())),
                }],
                ..PolicyCheckView::default()
            };
        }
    };
    let set = Set::parse(&text, profile, "typed");
    let tests = policy_tests::run(&text, set.as_ref().ok());
    match set {
        Ok(set) => PolicyCheckView {
            rules: words::rules(&set),
            calendars: words::calendars(&set, names, now()),
            tests,
            ..PolicyCheckView::default()
        },
        Err(found) => PolicyCheckView {
            problems: found.iter().map(words::problem).collect(),
            tests,
            ..PolicyCheckView::default()
        },
    }
}

/// What holds where no policy is in force.
fn built_in(profile: Profile) -> Vec<String> {
    let who = match profile {
        Profile::Personal => "Every action waits for its agent's owner: you.",
        Profile::Team => {
            "Every action waits for as many reviewers as the log's rules say. Nobody approves what their own agent asks for."
        }
    };
    [
        who,
        "It waits as long as its agent wishes, 15 minutes where it wishes nothing, 24 hours at most.",
        "Once approved, it may start within 15 minutes.",
        "Nothing runs without a person, and one denial ends it.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::plain;

    fn file(name: &str, text: &str) -> PolicyFileText {
        PolicyFileText {
            name: name.into(),
            text: text.into(),
        }
    }

    #[test]
    fn what_is_typed_is_checked_with_its_place() {
        let starter = starter(Profile::Team).remove(0);
        let check = |files, profile| check(files, profile, &Names::new());
        let good = check(vec![file("policy.cedar", &starter.text)], Profile::Team);
        assert!(good.problems.is_empty() && good.rules.len() > 5, "{good:?}");
        let bad = check(
            vec![file("policy.cedar", &format!("{}\npermit (", starter.text))],
            Profile::Team,
        );
        let lines = u32::try_from(starter.text.lines().count()).unwrap_or_default();
        assert_eq!(bad.problems.len(), 1, "{bad:?}");
        assert!(bad.rules.is_empty());
        assert!(bad.problems[0].line > lines, "{bad:?}");
        let nameless = check(vec![file("Policy.txt", "")], Profile::Team);
        assert_eq!(nameless.problems[0].file, "");
        assert!(check(Vec::new(), Profile::Team).problems.len() == 1);
    }

    #[test]
    fn a_calendar_tells_who_is_on_duty() {
        let starter = starter(Profile::Team).remove(0);
        let calendar = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20260101T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY\nATTENDEE:mailto:Ada@example.org\nATTENDEE:mailto:bob@example.org\nEND:VEVENT\nEND:VCALENDAR\n";
        let files = vec![
            file("on-call.ics", calendar),
            file("policy.cedar", &starter.text),
        ];
        let names = Names::from([("ada@example.org".into(), "Ada".into())]);
        let found = check(files, Profile::Team, &names);
        let [calendar] = found.calendars.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((calendar.name.as_str(), calendar.events), ("on-call", 1));
        let people: Vec<String> = calendar.next[0].people.iter().map(plain).collect();
        assert_eq!(people, ["Ada", "bob@example.org"]);
    }
}
