//! Broken glass: judged by the policy like an approval, and told to the reader.

use vidimus_policy::{PolicyFile, PolicyText};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::Finding as Found;
use vidimus_protocol::id::ActionId;

use super::*;
use crate::cose::Algorithm;
use crate::testkit::sample_action;

const POLICY: &str = r#"
@id("two") @people("2") @break_glass("allowed")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("you") permit (principal, action == Vidimus::Action::"decide", resource);
"#;

/// A team's log in which Ben let something run alone, by these policies.
fn broken(policies: &[&str]) -> (Story, ActionId) {
    let (mut story, mut other) = Story::team(1, Algorithm::EdDsa);
    story.swap(&mut other);
    let file = PolicyFile {
        name: "policy.cedar".into(),
        text: POLICY.into(),
    };
    let text = PolicyText::new(vec![file]).unwrap();
    let policy = story.policy(&text);
    story.write(policy);
    let draft = story.proposal_under(&text, &sample_action(1), |_| {});
    let Data::ActionProposed(proposed) = &draft.leaf.data else {
        panic!("it proposes");
    };
    let action = proposed.action;
    story.write(draft);
    let inputs = story.inputs_of(action);
    story.swap(&mut other);
    let mut glass = story.glass_under(&text, action, &inputs);
    if let Data::VerdictGiven(data) = &mut glass.leaf.data {
        data.policies = policies.iter().map(ToString::to_string).collect();
    }
    story.write(glass);
    story.swap(&mut other);
    let resolution = story.resolution(action, Resolution::Approved);
    story.write(resolution);
    (story, action)
}

fn remark(story: &Story) -> String {
    let report = check(&story.export(), None);
    assert_eq!(report.conclusion, Conclusion::Unanchored, "{report:?}");
    let mut remarks = report.remarks.into_iter();
    let found = remarks.find(|remark| remark.starts_with("break-glass"));
    found.expect("it is told")
}

#[test]
fn the_report_tells_of_broken_glass_and_of_its_review() {
    let (mut story, action) = broken(&["you"]);
    let told = remark(&story);
    assert!(
        told.contains("let 1 of the actions run") && told.ends_with("not reviewed: 1"),
        "{told}"
    );
    let review = story.glass_review(action, Found::Unjustified);
    story.write(review);
    let told = remark(&story);
    assert!(told.ends_with("as not: 1, not reviewed: 0"), "{told}");
}

#[test]
fn who_broke_glass_was_let_by_the_policy() {
    let (story, _) = broken(&["somebody"]);
    let wrong = refused(&story.export(), None);
    assert_eq!(wrong.check, Check::Policy, "{wrong}");
}
