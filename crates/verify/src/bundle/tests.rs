//! A good bundle proves its run; each lie is refused by name.
#![allow(clippy::unwrap_used)]

use vidimus_protocol::Violation;
use vidimus_protocol::entry::Resolution;

mod grants;
mod policy;

use std::sync::LazyLock;

use super::*;
use crate::cose::Algorithm;
use crate::testkit::{SoftKey, Story, sample_action};

/// What is about to run. Nobody looks at it where no policy was evaluated.
static CONTENT: LazyLock<Action> = LazyLock::new(|| sample_action(1));

struct Case {
    story: Story,
    action: ActionId,
}

fn case() -> Case {
    let mut story = Story::new(1, Algorithm::Es256);
    story.run();
    let action = story.propose();
    // Other entries stand between those of this run.
    story.propose();
    story.approve(action);
    story.propose();
    story.redeem(action);
    story.propose();
    Case { story, action }
}

impl Case {
    fn wanted(&self) -> Wanted<'static> {
        let (_, permit) = self.story.last_permit(self.action);
        Wanted {
            action: self.action,
            action_digest: self.story.digest(self.action),
            content: &CONTENT,
            permit,
            newest: None,
        }
    }

    fn bundle(&self) -> Bundle {
        self.story.bundle(self.action)
    }

    fn check(&self, bundle: &Bundle) -> Result<BundleReport, BundleError> {
        check(bundle, &self.story.trust(), &self.wanted())
    }
}

fn entry_error(error: BundleError) -> ReplayError {
    match error {
        BundleError::Entry { why, .. } => why,
        other => panic!("{other}"),
    }
}

#[test]
fn a_good_bundle_names_who_approved() {
    let case = case();
    let report = case.check(&case.bundle()).unwrap();
    assert_eq!(report.agent, case.story.agent);
    assert_eq!(report.executor, case.story.executor);
    assert!(report.single_operator);
    assert_eq!(
        report.reviewers,
        [Approver {
            reviewer: case.story.reviewer,
            name: "Ada".into(),
            consent: Consent::Seen,
            route: Route::Software,
        }]
    );
    assert_eq!(report.checkpoint.checkpoint.size, case.story.size());
}

#[test]
fn each_missing_entry_refuses() {
    let case = case();
    let bundle = case.bundle();
    assert_eq!(bundle.entries.len(), 8);
    for left_out in 0..bundle.entries.len() {
        let mut shorter = bundle.clone();
        shorter.entries.remove(left_out);
        let error = case.check(&shorter).unwrap_err();
        let by_name = match left_out {
            0 => matches!(error, BundleError::OtherLog { .. }),
            7 => error == BundleError::NotRedeemed,
            _ => matches!(error, BundleError::Entry { .. }),
        };
        assert!(by_name, "without {left_out}: {error}");
    }
    let empty = Bundle {
        entries: Vec::new(),
        ..bundle
    };
    assert_eq!(case.check(&empty), Err(BundleError::Count(0)));
}

#[test]
fn a_permit_without_a_verdict_refuses() {
    let mut story = Story::new(1, Algorithm::Es256);
    let action = story.propose();
    let approved = story.resolution(action, Resolution::Approved);
    story.write(approved);
    let permit = story.permit(action);
    story.write(permit);
    story.redeem(action);
    let case = Case { story, action };
    let error = entry_error(case.check(&case.bundle()).unwrap_err());
    assert_eq!(error, ReplayError::Violation(Violation::NoQuorum));
}

#[test]
fn a_key_that_the_gateway_invented_refuses() {
    let mut story = Story::new(1, Algorithm::Es256);
    let own = std::mem::replace(
        &mut story.key,
        SoftKey::from_seed(Algorithm::Es256, &[9; 32]),
    );
    // Signed by the invented key under the founder's credential.
    let action = story.propose();
    story.approve(action);
    story.redeem(action);
    story.key = own;
    let case = Case { story, action };
    let error = entry_error(case.check(&case.bundle()).unwrap_err());
    assert!(matches!(error, ReplayError::Act(_)), "{error}");
}

#[test]
fn another_founder_is_another_log() {
    let case = case();
    let other = Story::new(2, Algorithm::Es256);
    let error = check(&case.bundle(), &other.trust(), &case.wanted()).unwrap_err();
    assert_eq!(
        error,
        BundleError::OtherLog {
            trusted: other.log.id,
            found: case.story.log.id,
        }
    );
}

#[test]
fn another_action_digest_or_permit_refuses() {
    let case = case();
    let (bundle, trust) = (case.bundle(), case.story.trust());
    let wanted = case.wanted();
    let refused = |wanted: &Wanted<'_>| check(&bundle, &trust, wanted).unwrap_err();
    let action = ActionId::from_random([1; 16]);
    assert_eq!(
        refused(&Wanted { action, ..wanted }),
        BundleError::OtherAction
    );
    let action_digest = Digest([1; 32]);
    assert_eq!(
        refused(&Wanted {
            action_digest,
            ..wanted
        }),
        BundleError::OtherDigest(wanted.action_digest)
    );
    let permit = PermitId::from_random([1; 16]);
    assert_eq!(
        refused(&Wanted { permit, ..wanted }),
        BundleError::NotRedeemed
    );
}

#[test]
fn the_proof_of_an_earlier_run_refuses() {
    let mut case = case();
    let completed = case.story.complete(case.action);
    let mut bundle = case.bundle();
    bundle
        .entries
        .extend(case.story.ack(&[completed.index]).entries);
    assert_eq!(case.check(&bundle), Err(BundleError::NotRedeemed));
}

#[test]
fn each_entry_must_be_in_the_signed_log_at_its_place() {
    let case = case();
    let bundle = case.bundle();
    for at in 0..bundle.entries.len() {
        let mut other = bundle.clone();
        other.entries[at].proof[0].0[0] ^= 1;
        assert!(
            matches!(case.check(&other), Err(BundleError::NotIncluded { .. })),
            "{at}"
        );
    }
    let mut swapped = bundle.clone();
    swapped.entries.swap(2, 3);
    assert!(case.check(&swapped).is_err());
    let mut twice = bundle.clone();
    twice.entries.insert(1, bundle.entries[0].clone());
    assert_eq!(case.check(&twice), Err(BundleError::Order(0)));
    let mut moved = bundle.clone();
    let last = moved.entries.last_mut().unwrap();
    last.index += 1;
    assert!(matches!(
        case.check(&moved),
        Err(BundleError::NotIncluded { .. })
    ));
    let mut many = bundle.clone();
    many.entries = vec![bundle.entries[0].clone(); MAX_ENTRIES + 1];
    assert_eq!(case.check(&many), Err(BundleError::Count(MAX_ENTRIES + 1)));
    let mut unknown = bundle;
    unknown.entries[3].leaf = r#"{"kind":"x.y","v":1}"#.into();
    let index = unknown.entries[3].index;
    assert_eq!(case.check(&unknown), Err(BundleError::Upgrade(index)));
}

#[test]
fn the_checkpoint_must_be_the_logs_and_cover_the_entries() {
    let case = case();
    let bundle = case.bundle();
    let (redemption, _) = case.story.last_permit(case.action);
    let with = |checkpoint: String| Bundle {
        checkpoint,
        ..bundle.clone()
    };
    let early = with(case.story.checkpoint_at(redemption.index));
    assert!(matches!(
        case.check(&early),
        Err(BundleError::NotIncluded { .. })
    ));
    let foreign = Story::new(2, Algorithm::Es256).checkpoint();
    assert!(matches!(
        case.check(&with(foreign)),
        Err(BundleError::Checkpoint(_))
    ));
    let unsigned = bundle
        .checkpoint
        .replacen("\n\n", "\n\n\u{2014} x AAAAAAAA\n", 1);
    assert!(
        case.check(&with(unsigned)).is_ok(),
        "other lines are ignored"
    );
    let signed = bundle.checkpoint.replacen('\n', "\n1", 1);
    assert!(matches!(
        case.check(&with(signed)),
        Err(BundleError::Checkpoint(_))
    ));
}

#[test]
fn the_log_never_goes_back_or_sideways() {
    let case = case();
    let (bundle, trust) = (case.bundle(), case.story.trust());
    let now = case.check(&bundle).unwrap().checkpoint.checkpoint;
    let seen = |newest: &Checkpoint| {
        let wanted = Wanted {
            newest: Some(newest),
            ..case.wanted()
        };
        check(&bundle, &trust, &wanted).err()
    };
    assert_eq!(seen(&now), None);
    let smaller = Checkpoint {
        size: now.size - 1,
        root: [1; 32],
        ..now.clone()
    };
    assert_eq!(seen(&smaller), None);
    let larger = Checkpoint {
        size: now.size + 1,
        ..now.clone()
    };
    assert_eq!(
        seen(&larger),
        Some(BundleError::Rollback {
            seen: now.size + 1,
            found: now.size,
        })
    );
    let other = Checkpoint {
        root: [1; 32],
        ..now.clone()
    };
    assert_eq!(seen(&other), Some(BundleError::Fork(now.size)));
}
