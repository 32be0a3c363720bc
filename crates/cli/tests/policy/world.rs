//! Folders with policies, and a team's log with proposals under one.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use vidimus_policy::{Inputs, PolicyFile, PolicyText, Set, set_name};
use vidimus_protocol::action::{Action, Payload, Target};
use vidimus_protocol::entry::{Data, Decision, Evaluation, Profile, Resolution};
use vidimus_protocol::envelope::{Revocation, Role, Verdict};
use vidimus_protocol::{ActionId, State};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::replay::Replay;
use vidimus_verify::testkit::{Draft, Member, Story, sample_action, sample_change};

/// What a run of the program came to.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The one JSON document that it printed.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }

    /// Holds it to a code and to words of its answer.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        let said = [squeezed(&self.out), squeezed(&self.err)];
        for words in words {
            let words = squeezed(words);
            let there = said.iter().any(|said| said.contains(&words));
            assert!(there, "`{words}` is not in:\n{}{}", self.out, self.err);
        }
        self
    }
}

/// How wide a column is hangs on what else stands in it.
fn squeezed(text: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

pub(crate) struct Files {
    pub(crate) folder: tempfile::TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Runs `vidimus policy` in the folder, where each word is one.
    pub(crate) fn policy(&self, words: &str) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vidimus"));
        command.current_dir(self.folder.path()).arg("policy");
        let Output {
            status,
            stdout,
            stderr,
        } = command.args(words.split_whitespace()).output().unwrap();
        Run {
            code: status.code().unwrap(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }
}

/// A team's policy in which production wants two.
pub(crate) const POLICY: &str = r#"
@id("anything")
@why("Everything waits for a person.")
permit (principal, action == Vidimus::Action::"propose", resource);

@id("production")
@why("Two pairs of eyes in production.")
@people("1 from operations and 1 from security")
@reason("required")
permit (principal, action == Vidimus::Action::"propose", resource in Vidimus::Environment::"production");

@id("no-root")
@why("Root stays out.")
forbid (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.root };

@id("reviewers-decide")
@why("Every reviewer may approve.")
permit (principal, action == Vidimus::Action::"decide", resource) when { principal.reviewer };
"#;

/// A team's log: Ada founded it and owns the agent, Ben (operations) signs
/// next, Cleo (security) stands by.
pub(crate) struct Log {
    pub(crate) story: Story,
    ada: Member,
    cleo: Member,
    set: Option<Set>,
}

impl Log {
    pub(crate) fn new() -> Self {
        let (mut story, mut ada) = Story::team(1, Algorithm::EdDsa);
        // Ada's key is in hand where people are taken in; `ada` is Ben then.
        story.swap(&mut ada);
        let mut cleo = story.newcomer("Cleo", Algorithm::EdDsa);
        story.join(&mut cleo);
        for (member, group) in [(&ada, "operations"), (&cleo, "security")] {
            let draft = story.reviewer_change(member, &[Role::Reviewer], &[group]);
            story.write(draft);
        }
        story.swap(&mut ada);
        Self {
            story,
            ada,
            cleo,
            set: None,
        }
    }

    /// Ada signs a policy.
    pub(crate) fn bring_in_force(&mut self, policies: &str) {
        let text = PolicyText::new(vec![PolicyFile {
            name: "policy.cedar".into(),
            text: policies.into(),
        }])
        .unwrap();
        self.story.swap(&mut self.ada);
        let draft = self.story.policy(&text);
        let entry = self.story.write(draft);
        self.story.swap(&mut self.ada);
        let set = Set::parse(&text, Profile::Team, &set_name(entry.index));
        self.set = Some(set.unwrap());
    }

    /// Proposes it under what is in force.
    pub(crate) fn propose(&mut self, action: &Action) -> ActionId {
        self.propose_as(action, |_| {})
    }

    fn propose_as(&mut self, action: &Action, change: impl FnOnce(&mut Evaluation)) -> ActionId {
        let Some(set) = &self.set else {
            let evaluation = Evaluation {
                decision: Decision::Ask,
                quorum: 1,
                reasons: vec!["Everything waits for a reviewer.".into()],
                ttl_s: 600,
                use_s: 900,
                ..Evaluation::refusing("builtin/team/1")
            };
            let (id, draft) = self.story.proposal_judged(action, None, evaluation);
            self.story.write(draft);
            return id;
        };
        let mut replay = Replay::new();
        replay.push_all(self.story.leaves(), |_| {}).unwrap();
        let state: &State = replay.state();
        let now = self.story.now;
        let inputs = Inputs::new(state, &self.story.agent, action, None, None, now).unwrap();
        let mut evaluation = set.evaluate(&inputs);
        change(&mut evaluation);
        let decision = evaluation.decision;
        let bytes = Some(inputs.to_bytes());
        let (id, draft) = self.story.proposal_judged(action, bytes, evaluation);
        self.story.write(draft);
        if decision == Decision::Refuse {
            let draft = self.story.resolution(id, Resolution::Refused);
            self.story.write(draft);
        }
        id
    }

    /// Logs a proposal that asks for that many people, whatever the policy says.
    pub(crate) fn lie(&mut self, action: &Action, quorum: u64) -> ActionId {
        self.propose_as(action, |evaluation| evaluation.quorum = quorum)
    }

    /// Ben decides.
    pub(crate) fn decide(&mut self, id: ActionId, verdict: Verdict, reason: &str) {
        let mut draft: Draft = self.story.verdict(id, verdict, reason);
        if let Data::VerdictGiven(data) = &mut draft.leaf.data
            && self.set.is_some()
            && verdict == Verdict::Approve
        {
            data.policies = vec!["reviewers-decide".into()];
        }
        self.story.write(draft);
    }

    /// Cleo decides.
    pub(crate) fn cleo_decides(&mut self, id: ActionId, verdict: Verdict, reason: &str) {
        self.story.swap(&mut self.cleo);
        self.decide(id, verdict, reason);
        self.story.swap(&mut self.cleo);
    }

    /// Ada revokes Ben's key.
    pub(crate) fn revoke_ben(&mut self) {
        self.story.swap(&mut self.ada);
        let draft = self.story.revocation(&self.ada, Revocation::Lost);
        self.story.write(draft);
        self.story.swap(&mut self.ada);
    }

    pub(crate) fn resolve(&mut self, id: ActionId, resolution: Resolution) {
        let draft = self.story.resolution(id, resolution);
        self.story.write(draft);
    }

    /// Files with an export of it.
    pub(crate) fn files(&self) -> Files {
        let files = Files::new();
        files.write("log", self.story.export());
        files.write("trust", self.story.trust().to_bytes());
        files
    }
}

/// A change in production.
pub(crate) fn in_production() -> Action {
    Action {
        target: Target {
            environment: "production".into(),
            ..sample_change().target
        },
        ..sample_change()
    }
}

/// A command as root, with what would make a terminal misbehave.
pub(crate) fn as_root() -> Action {
    let mut action = sample_action(1);
    if let Payload::Command(command) = &mut action.payload {
        command.uid = 0;
        command.argv = vec!["systemctl".into(), "\u{1b}[2Jgone".into()];
    }
    action
}
