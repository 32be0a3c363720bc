//! Under a standing grant the executor sees for itself that it covers what is
//! about to run.

use vidimus_protocol::entry::{Data, Resolution};
use vidimus_protocol::shape::{May, Place, Shape};

use super::*;

/// A run of one action under a grant over another, of which a unit may differ.
fn run(like: &Action, content: &Action) -> Case {
    let mut story = Story::new(1, Algorithm::Es256);
    let shape = Shape {
        free: vec![Place {
            at: "/payload/argv/2".into(),
            may: May::OneOf(vec!["unit-7".into()]),
        }],
    };
    let id = |draft: &crate::testkit::Draft| match &draft.leaf.data {
        Data::ActionProposed(data) => data.action,
        other => panic!("{other:?}"),
    };
    let seen = story.proposal_of(like, None);
    let over = id(&seen);
    story.write(seen);
    let (grant, given) = story.grant(over, &shape);
    story.write(given);
    let mut draft = story.proposal_of(content, None);
    story.use_grant(&mut draft, grant, &[]);
    let action = id(&draft);
    story.write(draft);
    let resolution = story.resolution(action, Resolution::Approved);
    story.write(resolution);
    let permit = story.permit(action);
    story.write(permit);
    story.redeem(action);
    Case { story, action }
}

fn judged(case: &Case, content: &Action, bundle: &Bundle) -> Result<BundleReport, BundleError> {
    let wanted = Wanted {
        content,
        ..case.wanted()
    };
    check(bundle, &case.story.trust(), &wanted)
}

#[test]
fn what_a_grant_covers_is_proven_with_what_it_is_over() {
    let content = sample_action(7);
    let case = run(&sample_action(1), &content);
    let good = case.bundle();
    assert_eq!(judged(&case, &content, &good).unwrap().reviewers.len(), 1);
    let names: Vec<&str> = good.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["payload", "shape"]);
    for at in 0..2 {
        let mut bundle = good.clone();
        bundle.parts.remove(at);
        let found = judged(&case, &content, &bundle);
        assert!(matches!(found, Err(BundleError::Part { .. })), "{found:?}");
    }
}

#[test]
fn what_a_grant_does_not_cover_is_refused() {
    let content = sample_action(8);
    let case = run(&sample_action(1), &content);
    match judged(&case, &content, &case.bundle()) {
        Err(BundleError::Misjudged { why, .. }) => assert!(why.contains("does not cover"), "{why}"),
        other => panic!("{other:?}"),
    }
}
