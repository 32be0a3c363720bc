//! Under a policy the executor makes the evaluation again: a gateway that
//! releases, or asks too few, on its own account proves nothing.

use vidimus_policy::{Inputs, PolicyFile, PolicyText};
use vidimus_protocol::entry::{Data, Decision, Resolution};

use super::*;
use crate::testkit::Draft;

const POLICY: &str = r#"
@id("anything") permit (principal, action == Vidimus::Action::"propose", resource);
@id("why") @reason("required") permit (principal, action == Vidimus::Action::"propose", resource);
@id("units") permit (principal, action == Vidimus::Action::"release", resource)
when { context has command && context.command.args.contains("unit-7") };
@id("you") permit (principal, action == Vidimus::Action::"decide", resource);
"#;

fn text() -> PolicyText {
    PolicyText::new(vec![PolicyFile {
        name: "policy.cedar".into(),
        text: POLICY.into(),
    }])
    .unwrap()
}

/// A run under the policy, after a change of its proposal and of its approval.
fn run(
    content: &Action,
    inputs: impl FnOnce(&mut Inputs),
    proposal: impl FnOnce(&mut Draft),
    approval: impl FnOnce(&mut Draft),
) -> Case {
    let mut story = Story::new(1, Algorithm::Es256);
    let policy = story.policy(&text());
    story.write(policy);
    let mut draft = story.proposal_under(&text(), content, inputs);
    proposal(&mut draft);
    let (_, looked_at) = &draft.parts[0];
    let looked_at = Inputs::parse(&looked_at.bytes.0).unwrap();
    let Data::ActionProposed(data) = &draft.leaf.data else {
        panic!("a proposal");
    };
    let (action, decision) = (data.action, data.evaluation.decision);
    story.write(draft);
    let resolution = if decision == Decision::Ask {
        let mut draft = story.approval_under(&text(), action, &looked_at);
        approval(&mut draft);
        story.write(draft);
        Resolution::Approved
    } else {
        Resolution::Released
    };
    let resolved = story.resolution(action, resolution);
    story.write(resolved);
    let permit = story.permit(action);
    story.write(permit);
    story.redeem(action);
    Case { story, action }
}

fn judged(case: &Case, content: &Action) -> Result<BundleReport, BundleError> {
    let wanted = Wanted {
        content,
        ..case.wanted()
    };
    check(
        &case.story.bundle(case.action),
        &case.story.trust(),
        &wanted,
    )
}

fn misjudged(case: &Case, content: &Action, words: &str) {
    match judged(case, content) {
        Err(BundleError::Misjudged { why, .. }) => assert!(why.contains(words), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_policy_gives_is_proven() {
    let asked = sample_action(1);
    let case = run(&asked, |_| {}, |_| {}, |_| {});
    assert_eq!(judged(&case, &asked).unwrap().reviewers.len(), 1);
    let released = sample_action(7);
    let case = run(&released, |_| {}, |_| {}, |_| {});
    assert_eq!(judged(&case, &released).unwrap().reviewers, []);
}

#[test]
fn a_release_that_the_policy_does_not_give_is_refused() {
    let content = sample_action(1);
    let release = |draft: &mut Draft| {
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            let asked = &mut data.evaluation;
            asked.decision = Decision::Release;
            asked.quorum = 0;
            asked.reason_required = false;
            asked.policies = vec!["units".into()];
        }
    };
    let case = run(&content, |_| {}, release, |_| {});
    misjudged(&case, &content, "gives another evaluation");
    // Nor with inputs that would give it.
    let lie = |inputs: &mut Inputs| {
        if let Some(command) = &mut inputs.facts.command {
            command.args.insert("unit-7".into());
        }
    };
    let case = run(&content, lie, |_| {}, |_| {});
    misjudged(&case, &content, "what its payload says");
}

#[test]
fn what_it_was_evaluated_with_must_be_there_as_committed_to() {
    let content = sample_action(7);
    let case = run(&content, |_| {}, |_| {}, |_| {});
    let wanted = Wanted {
        content: &content,
        ..case.wanted()
    };
    let good = case.story.bundle(case.action);
    for at in 0..2 {
        let mut bundle = good.clone();
        bundle.parts.remove(at);
        let found = check(&bundle, &case.story.trust(), &wanted);
        assert!(matches!(found, Err(BundleError::Part { .. })), "{found:?}");
        let mut bundle = good.clone();
        bundle.parts[at].content.bytes.0.push(b' ');
        let found = check(&bundle, &case.story.trust(), &wanted);
        assert!(matches!(found, Err(BundleError::Part { .. })), "{found:?}");
    }
}

#[test]
fn an_approval_that_names_other_policies_is_refused() {
    let content = sample_action(1);
    let other = |draft: &mut Draft| {
        if let Data::VerdictGiven(data) = &mut draft.leaf.data {
            data.policies = vec!["anything".into()];
        }
    };
    let case = run(&content, |_| {}, |_| {}, other);
    misjudged(&case, &content, "other policies let");
}

#[test]
fn an_agent_of_another_name_is_refused() {
    let content = sample_action(1);
    let case = run(
        &content,
        |inputs| inputs.agent.name = "another".into(),
        |_| {},
        |_| {},
    );
    misjudged(&case, &content, "what the log says");
}
