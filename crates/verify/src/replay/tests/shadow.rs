//! A set in shadow of a log that goes on.

use vidimus_policy::{PolicyFile, PolicyText, Proposals, Row, Set, Shadow, WhyNot};
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::Profile;

use super::*;
use crate::testkit::{Member, sample_action};

const IN_FORCE: &str = r#"
@id("anything") @people("2") @veto("2")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("reviewers")
permit (principal, action == Vidimus::Action::"decide", resource) when { principal.reviewer };
"#;

fn text(cedar: &str) -> PolicyText {
    let file = PolicyFile {
        name: "policy.cedar".into(),
        text: cedar.into(),
    };
    PolicyText::new(vec![file]).unwrap()
}

/// Ben signs next, Ada owns the agent and the policy.
struct Bench {
    story: Story,
    ada: Member,
    replay: Replay,
    shadow: Shadow<String>,
}

impl Bench {
    /// In shadow only security decides.
    fn new() -> Self {
        let (mut story, mut ada) = Story::team(1, Algorithm::EdDsa);
        story.swap(&mut ada);
        let draft = story.policy(&text(IN_FORCE));
        story.write(draft);
        story.swap(&mut ada);
        let other = IN_FORCE.replace(
            "principal.reviewer",
            "principal in Vidimus::Group::\"security\"",
        );
        let set = Set::parse(&text(&other), Profile::Team, "shadow").unwrap();
        let size = u64::try_from(story.leaves().len()).unwrap();
        let about = |action: &Action| action.kind().as_str().to_owned();
        let mut bench = Self {
            story,
            ada,
            replay: Replay::new(),
            shadow: Shadow::new(set, Proposals::from_entry(size), about),
        };
        bench.follow();
        bench
    }

    /// Judges what was written since.
    fn follow(&mut self) {
        let known = usize::try_from(self.replay.tree().size()).unwrap();
        let shadow = &mut self.shadow;
        let fresh = &self.story.leaves()[known..];
        let take = |state: &State, index, leaf: &Leaf| shadow.take(state, index, leaf);
        self.replay.push_all_seen(fresh, take, |_| {}).unwrap();
    }

    fn propose(&mut self) -> ActionId {
        let action = sample_action(1);
        let draft = self.story.proposal_under(&text(IN_FORCE), &action, |_| {});
        let id = draft.leaf.data.action().unwrap();
        self.story.write(draft);
        self.follow();
        id
    }

    fn approve(&mut self, id: ActionId) {
        let inputs = self.story.inputs_of(id);
        let draft = self.story.approval_under(&text(IN_FORCE), id, &inputs);
        self.story.write(draft);
        self.follow();
    }

    /// The content of the next one that is due.
    fn part(&self, name: &str) -> Option<Vec<u8>> {
        let entry = self.shadow.due()?;
        let mut parts = self.story.parts().iter();
        let found = parts.find(|(index, part, _)| *index == entry && part == name);
        found.map(|(_, _, content)| content.bytes.0.clone())
    }

    /// Evaluates the next one that is due.
    fn judge(&mut self) -> Option<Row<String>> {
        let (inputs, payload) = (self.part("inputs"), self.part("payload"));
        let entry = self.shadow.due().unwrap();
        self.shadow
            .judge(entry, inputs.as_deref(), payload.as_deref())
    }

    fn counts(&self) -> (u64, u64, u64, u64) {
        let tally = self.shadow.tally();
        (
            tally.proposals,
            tally.differing,
            tally.not_permitted,
            tally.unjudged,
        )
    }
}

#[test]
fn a_proposal_is_evaluated_once_its_parts_are_there() {
    let mut bench = Bench::new();
    assert_eq!(bench.shadow.due(), None);
    bench.propose();
    let (inputs, payload) = (bench.part("inputs"), bench.part("payload"));
    let entry = bench.shadow.due().unwrap();
    assert_eq!(bench.shadow.behind(), 1);
    for (inputs, payload) in [(None, None), (inputs, None), (None, payload)] {
        bench.shadow.arrived(entry);
        let row = bench
            .shadow
            .judge(entry, inputs.as_deref(), payload.as_deref());
        assert!(row.is_none());
        assert_eq!(bench.shadow.awaited().collect::<Vec<_>>(), [entry]);
        assert_eq!((bench.shadow.due(), bench.shadow.behind()), (None, 0));
    }
    assert_eq!(bench.counts(), (0, 0, 0, 0));
    bench.shadow.arrived(entry);
    let row = bench.judge().unwrap();
    assert_eq!(
        (row.about.as_deref(), row.stands_out()),
        (Some("command"), false)
    );
    assert_eq!(
        (bench.shadow.awaited().len(), bench.counts()),
        (0, (1, 0, 0, 0))
    );
    // It is evaluated once.
    bench.shadow.arrived(entry);
    assert_eq!(bench.shadow.due(), None);
}

#[test]
fn content_that_came_unnoticed_is_found_with_the_next_verdict() {
    let mut bench = Bench::new();
    let id = bench.propose();
    let entry = bench.shadow.due().unwrap();
    bench.shadow.judge(entry, None, None);
    bench.approve(id);
    assert!(bench.judge().unwrap().stands_out());
    assert_eq!(
        (bench.shadow.awaited().len(), bench.counts()),
        (0, (1, 1, 1, 0))
    );
}

/// Where no policy was in force, what one would have looked at follows from the
/// log before the proposal, which does not count itself.
#[test]
fn a_proposal_is_evaluated_by_what_stood_before_it() {
    let mut story = Story::new(1, Algorithm::EdDsa);
    story.propose();
    story.propose();
    let second = r#"
@id("any") permit (principal, action == Vidimus::Action::"propose", resource);
@id("not-the-second") forbid (principal, action == Vidimus::Action::"propose", resource)
when { context.last_hour == 1 };
@id("mine") permit (principal, action == Vidimus::Action::"decide", resource);
"#;
    let set = Set::parse(&text(second), Profile::Personal, "shadow").unwrap();
    let mut shadow = Shadow::new(set, Proposals::from_entry(0), |_| ());
    let take = |state: &State, index, leaf: &Leaf| shadow.take(state, index, leaf);
    Replay::new()
        .push_all_seen(story.leaves(), take, |_| {})
        .unwrap();
    let mut refused = Vec::new();
    while let Some(entry) = shadow.due() {
        let mut parts = story.parts().iter();
        let payload = parts.find(|(index, name, _)| *index == entry && name == "payload");
        let payload = payload.map(|(_, _, content)| content.bytes.0.as_slice());
        let row = shadow.judge(entry, None, payload).unwrap();
        let after = row.result.unwrap().after;
        refused.push(after.decision == vidimus_protocol::entry::Decision::Refuse);
    }
    assert_eq!(refused, [false, true]);
}

#[test]
fn an_approval_that_would_not_count_differs_until_it_is_taken_back() {
    let mut bench = Bench::new();
    let id = bench.propose();
    bench.judge();
    bench.approve(id);
    let row = bench.judge().unwrap();
    let name = &row.result.as_ref().unwrap().not_permitted[0].name;
    assert_eq!((name.as_str(), row.stands_out()), ("Ben", true));
    assert_eq!((bench.counts(), bench.shadow.behind()), ((1, 1, 1, 0), 0));
    let draft = bench.story.verdict(id, Verdict::Deny, "not today");
    bench.story.write(draft);
    bench.follow();
    assert!(!bench.judge().unwrap().stands_out());
    assert_eq!(bench.counts(), (1, 0, 0, 0));
}

/// Who approved counts as their record was then, also when it changed in the
/// very batch that brought the approval.
#[test]
fn an_approval_counts_for_what_its_giver_was_then() {
    let mut bench = Bench::new();
    let id = bench.propose();
    bench.judge();
    let inputs = bench.story.inputs_of(id);
    let draft = bench.story.approval_under(&text(IN_FORCE), id, &inputs);
    bench.story.write(draft);
    bench.story.swap(&mut bench.ada);
    let roles = [vidimus_protocol::envelope::Role::Reviewer];
    let draft = bench
        .story
        .reviewer_change(&bench.ada, &roles, &["security"]);
    bench.story.write(draft);
    bench.story.swap(&mut bench.ada);
    bench.follow();
    assert!(bench.judge().unwrap().stands_out());
}

#[test]
fn what_is_over_is_counted_and_let_go() {
    let mut bench = Bench::new();
    let [judged, awaited] = [bench.propose(), bench.propose()];
    bench.judge();
    let entry = bench.shadow.due().unwrap();
    bench.shadow.judge(entry, None, None);
    bench.story.pass(86_400);
    for id in [judged, awaited] {
        let draft = bench.story.resolution(id, Resolution::Expired);
        bench.story.write(draft);
    }
    bench.follow();
    let keeps =
        |bench: &Bench, id: ActionId| format!("{:?}", bench.shadow).contains(&format!("{id:?}"));
    assert!(!keeps(&bench, judged) && keeps(&bench, awaited));
    bench.shadow.arrived(entry);
    assert!(bench.judge().is_some());
    assert!(!keeps(&bench, awaited));
    assert_eq!(bench.counts(), (2, 0, 0, 0));
}

#[test]
fn what_cannot_be_read_is_counted_once() {
    let mut bench = Bench::new();
    let id = bench.propose();
    let (entry, inputs) = (bench.shadow.due().unwrap(), bench.part("inputs"));
    let row = bench.shadow.judge(entry, inputs.as_deref(), Some(b"{}"));
    assert_eq!(row.unwrap().result, Err(WhyNot::PayloadUnreadable));
    bench.approve(id);
    assert_eq!((bench.shadow.due(), bench.counts()), (None, (0, 0, 0, 1)));
    bench.propose();
    let (entry, payload) = (bench.shadow.due().unwrap(), bench.part("payload"));
    let row = bench.shadow.judge(entry, Some(b"{}"), payload.as_deref());
    assert_eq!(row.unwrap().result, Err(WhyNot::InputsUnreadable));
    assert_eq!(bench.counts(), (0, 0, 0, 2));
}
