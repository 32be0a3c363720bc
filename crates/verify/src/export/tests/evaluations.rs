//! Evaluations are made again: one that is not what its policy gives is found.

use vidimus_policy::{Inputs, PolicyFile, PolicyText};
use vidimus_protocol::entry::Data;
use vidimus_protocol::id::ActionId;

use super::*;
use crate::testkit::{Draft, sample_action};

const POLICY: &str = r#"
@id("anything") permit (principal, action == Vidimus::Action::"propose", resource);
@id("few") @reason("required") @ttl("5m")
permit (principal, action == Vidimus::Action::"propose", resource) when { context.last_hour < 3 };
@id("units") permit (principal, action == Vidimus::Action::"release", resource)
when { context has command && context.command.args.contains("unit-7") };
@id("you") permit (principal, action == Vidimus::Action::"decide", resource);
@id("unsound") permit (principal, action == Vidimus::Action::"decide", resource)
when { context.weekday < 7 };
"#;

fn text() -> PolicyText {
    PolicyText::new(vec![PolicyFile {
        name: "policy.cedar".into(),
        text: POLICY.into(),
    }])
    .unwrap()
}

/// A story under the policy.
fn under_policy() -> Story {
    let mut story = story();
    let draft = story.policy(&text());
    story.write(draft);
    story
}

fn id_of(draft: &Draft) -> ActionId {
    match &draft.leaf.data {
        Data::ActionProposed(data) => data.action,
        other => panic!("{other:?}"),
    }
}

fn inputs_of(draft: &Draft) -> Inputs {
    let (_, inputs) = &draft.parts[0];
    Inputs::parse(&inputs.bytes.0).unwrap()
}

/// Proposes, after a change of what the policy looked at.
fn proposed(story: &mut Story, change: impl FnOnce(&mut Inputs)) -> Draft {
    story.proposal_under(&text(), &sample_action(1), change)
}

fn misjudged(story: &Story, words: &str) {
    let wrong = refused(&story.export(), None);
    assert_eq!(wrong.check, Check::Policy, "{wrong}");
    assert_eq!(wrong.bytes, Bytes::AsSigned);
    assert!(wrong.why.contains(words), "{wrong}");
}

#[test]
fn what_a_policy_gives_is_reproduced() {
    let mut story = under_policy();
    let draft = proposed(&mut story, |_| {});
    let (action, inputs) = (id_of(&draft), inputs_of(&draft));
    story.write(draft);
    let approval = story.approval_under(&text(), action, &inputs);
    story.write(approval);
    let resolution = story.resolution(action, Resolution::Approved);
    story.write(resolution);
    let released = story.proposal_under(&text(), &sample_action(7), |_| {});
    let action = id_of(&released);
    story.write(released);
    let resolution = story.resolution(action, Resolution::Released);
    story.write(resolution);
    let report = check(&story.export(), None);
    assert_eq!(report.conclusion, Conclusion::Unanchored, "{report:?}");
    let row = report.rows.iter().find(|row| row.check == Check::Policy);
    let row = row.unwrap();
    assert_eq!((row.finding, row.checked), (Finding::Passed, 3));
    let released = "released by policy: nobody was asked about 1 of the actions";
    assert!(report.remarks.iter().any(|remark| remark == released));
}

#[test]
fn another_evaluation_is_found() {
    let mut story = under_policy();
    let mut draft = proposed(&mut story, |_| {});
    if let Data::ActionProposed(data) = &mut draft.leaf.data {
        data.evaluation.reason_required = false;
    }
    story.write(draft);
    misjudged(&story, "gives another evaluation");
}

#[test]
fn inputs_that_are_not_the_log_s_are_found() {
    type Change = fn(&mut Inputs);
    let changes: [Change; 6] = [
        |inputs| inputs.last_hour = 3,
        |inputs| inputs.last_hour_of_kind = 3,
        |inputs| inputs.first_of_kind = !inputs.first_of_kind,
        |inputs| inputs.agent.name = "another".into(),
        |inputs| inputs.agent.owner.groups.push("sre".into()),
        |inputs| inputs.time = inputs.time.plus_seconds(1),
    ];
    for change in changes {
        let mut story = under_policy();
        let draft = proposed(&mut story, change);
        story.write(draft);
        misjudged(&story, "what the log says");
    }
}

#[test]
fn inputs_that_are_not_the_payload_s_are_found() {
    type Change = fn(&mut Inputs);
    let changes: [Change; 2] = [
        |inputs| inputs.target.environment = "staging".into(),
        |inputs| {
            if let Some(command) = &mut inputs.facts.command {
                command.args.insert("unit-7".into());
            }
        },
    ];
    for change in changes {
        let mut story = under_policy();
        let mut draft = proposed(&mut story, change);
        // So that the reducer takes it.
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            data.expires_at = draft.leaf.time.plus_seconds(data.evaluation.ttl_s);
        }
        story.write(draft);
        misjudged(&story, "what its payload says");
    }
}

#[test]
fn an_approval_by_whom_nothing_lets_is_found() {
    let mut story = under_policy();
    let draft = proposed(&mut story, |_| {});
    let (action, inputs) = (id_of(&draft), inputs_of(&draft));
    story.write(draft);
    let mut approval = story.approval_under(&text(), action, &inputs);
    if let Data::VerdictGiven(data) = &mut approval.leaf.data {
        data.policies = vec!["anything".into()];
    }
    story.write(approval);
    misjudged(&story, "other policies let its signer");
}

#[test]
fn a_policy_that_cannot_be_in_force_is_found() {
    let mut story = story();
    let broken = PolicyText::new(vec![PolicyFile {
        name: "policy.cedar".into(),
        text: "permit (principal, action, resource);".into(),
    }]);
    let draft = story.policy(&broken.unwrap());
    story.write(draft);
    misjudged(&story, "cannot be in force");
    // What is no policy text at all is a malformed part.
    let mut story = super::story();
    let draft = story.policy_of(b"{}".to_vec());
    story.write(draft);
    let wrong = refused(&story.export(), None);
    assert_eq!(wrong.check, Check::Parts, "{wrong}");
}
