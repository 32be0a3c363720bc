//! Standing grants: a use of one that does not cover it is found.

use vidimus_policy::{PolicyFile, PolicyText};
use vidimus_protocol::GrantId;
use vidimus_protocol::action::{Action, Payload};
use vidimus_protocol::entry::Data;
use vidimus_protocol::id::ActionId;
use vidimus_protocol::shape::{May, Place, Shape};

use super::*;
use crate::testkit::{Draft, sample_action, sample_change};

/// The unit may be another.
fn any_unit() -> Shape {
    Shape {
        free: vec![Place {
            at: "/payload/argv/2".into(),
            may: May::Word(8),
        }],
    }
}

fn id_of(draft: &Draft) -> ActionId {
    match &draft.leaf.data {
        Data::ActionProposed(data) => data.action,
        other => panic!("{other:?}"),
    }
}

/// A story with a grant over a command.
fn granted(shape: &Shape) -> (Story, GrantId) {
    let mut story = story();
    let draft = story.proposal_of(&sample_action(1), None);
    let like = id_of(&draft);
    story.write(draft);
    let (grant, draft) = story.grant(like, shape);
    story.write(draft);
    (story, grant)
}

/// Proposes something that the grant is said to approve.
fn uses(story: &mut Story, grant: GrantId, action: &Action) {
    let mut draft = story.proposal_of(action, None);
    story.use_grant(&mut draft, grant, &[]);
    let id = id_of(&draft);
    story.write(draft);
    let resolution = story.resolution(id, Resolution::Approved);
    story.write(resolution);
}

fn misjudged(story: &Story, words: &str) {
    let wrong = refused(&story.export(), None);
    assert_eq!(wrong.check, Check::Policy, "{wrong}");
    assert_eq!(wrong.bytes, Bytes::AsSigned);
    assert!(wrong.why.contains(words), "{wrong}");
}

#[test]
fn uses_that_a_grant_covers_are_reproduced() {
    let (mut story, grant) = granted(&any_unit());
    let story_so_far = story.export();
    uses(&mut story, grant, &sample_action(1));
    uses(&mut story, grant, &sample_action(2));
    let report = check(&story.export(), None);
    assert_eq!(report.conclusion, Conclusion::Unanchored, "{report:?}");
    let remark = "approved in advance: standing grants were used for 2 of the actions";
    assert!(
        report.remarks.iter().any(|told| told == remark),
        "{report:?}"
    );
    // Nobody decided on these: it was others that somebody denied and approved.
    assert_eq!(report.deciders, check(&story_so_far, None).deciders);
    let row = report.rows.iter().find(|row| row.check == Check::Policy);
    assert_eq!(
        row.map(|row| (row.finding, row.checked)),
        Some((Finding::Passed, 2))
    );
}

#[test]
fn a_use_that_a_grant_does_not_cover_is_found() {
    let (mut story, grant) = granted(&Shape::default());
    uses(&mut story, grant, &sample_action(2));
    misjudged(&story, "does not cover it");
    let (mut story, grant) = granted(&any_unit());
    let mut other = sample_action(2);
    if let Payload::Command(command) = &mut other.payload {
        command.argv[1] = "stop".into();
    }
    uses(&mut story, grant, &other);
    misjudged(&story, "does not cover it");
}

#[test]
fn a_shape_that_does_not_fit_what_it_is_over_is_found() {
    let program = Shape {
        free: vec![Place {
            at: "/payload/argv/0".into(),
            may: May::Word(8),
        }],
    };
    let (story, _) = granted(&program);
    misjudged(&story, "no place that may differ");
    // What is no shape at all is a malformed part.
    let mut story = super::story();
    let draft = story.proposal_of(&sample_change(), None);
    let like = id_of(&draft);
    story.write(draft);
    let (_, draft) = story.grant_with(like, b"{}".to_vec(), |_| {});
    story.write(draft);
    let wrong = refused(&story.export(), None);
    assert_eq!(wrong.check, Check::Parts, "{wrong}");
}

const POLICY: &str = r#"
@id("anything") @standing("allowed")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("you") permit (principal, action == Vidimus::Action::"decide", resource)
when { context.kind == "command" };
"#;

#[test]
fn a_use_names_the_policies_that_let_its_signer() {
    for (named, right) in [("you", true), ("anything", false)] {
        let text = PolicyText::new(vec![PolicyFile {
            name: "policy.cedar".into(),
            text: POLICY.into(),
        }])
        .unwrap();
        let mut story = story();
        let draft = story.policy(&text);
        story.write(draft);
        let draft = story.proposal_under(&text, &sample_action(1), |_| {});
        let like = id_of(&draft);
        story.write(draft);
        let (grant, draft) = story.grant(like, &any_unit());
        story.write(draft);
        let mut draft = story.proposal_under(&text, &sample_action(2), |_| {});
        story.use_grant(&mut draft, grant, &[named]);
        story.write(draft);
        if right {
            let report = check(&story.export(), None);
            assert_eq!(report.conclusion, Conclusion::Unanchored, "{report:?}");
        } else {
            misjudged(&story, "other policies let its signer");
        }
    }
}
