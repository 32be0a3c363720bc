//! The lifecycle, model-checked: every order of events within stated bounds.
//!
//! [`world`] and [`rules`] are a small model of docs/spec/lifecycle.md that was
//! written from that page; [`promises`] says what must hold of every step of it;
//! [`explore`] goes everywhere. [`tie`] tries each step on the reducer too, the
//! refused ones as well, so what is checked is the code that runs. The bounds
//! are those of [`SCENES`].
//!
//! One story of the reducer stands for all that lead to the same world. The
//! random walks at the end merge nothing.

mod explore;
mod promises;
mod rules;
mod tie;
mod world;

use std::collections::HashMap;
use std::mem::discriminant;
use std::thread;

use explore::{Companion, Explored, Failure, explore};
use promises::CAUGHT;
use proptest::prelude::*;
use rules::{Flaw, Rules};
use tie::Tied;
use world::{Answer, Asked, End, Key, ONE, Scene, Step, World};

const SCENE: Scene = Scene {
    name: "one person",
    asked: ONE,
    policy: false,
    dan: false,
    actions: 1,
    edits: false,
    grants: false,
    lends: false,
    unrest: 1,
    verdicts: 4,
};

/// Ada, Ben with two keys and Cleo; time up to the last deadline. Each scene
/// takes so many changes beside the actions as `unrest` says, in every order.
const SCENES: [Scene; 23] = [
    SCENE,
    Scene {
        name: "sre",
        asked: Asked { sre: 1, ..ONE },
        policy: true,
        ..SCENE
    },
    Scene {
        name: "two people",
        asked: Asked { quorum: 2, ..ONE },
        policy: true,
        ..SCENE
    },
    Scene {
        name: "two groups",
        asked: Asked {
            quorum: 2,
            security: 1,
            sre: 1,
            ..ONE
        },
        policy: true,
        dan: true,
        ..SCENE
    },
    Scene {
        name: "two vetoes",
        verdicts: 3,
        asked: Asked {
            quorum: 2,
            veto: 2,
            ..ONE
        },
        policy: true,
        dan: true,
        ..SCENE
    },
    Scene {
        name: "careful",
        asked: Asked {
            careful: true,
            ..ONE
        },
        policy: true,
        ..SCENE
    },
    Scene {
        name: "released",
        asked: Asked {
            answer: Answer::Release,
            quorum: 0,
            ..ONE
        },
        policy: true,
        ..SCENE
    },
    Scene {
        name: "refused",
        asked: Asked {
            answer: Answer::Refuse,
            quorum: 0,
            ..ONE
        },
        policy: true,
        ..SCENE
    },
    Scene {
        name: "an edit",
        actions: 2,
        edits: true,
        unrest: 0,
        verdicts: 2,
        ..SCENE
    },
    Scene {
        name: "two actions",
        actions: 2,
        unrest: 0,
        verdicts: 1,
        ..SCENE
    },
    Scene {
        name: "an edit meanwhile",
        actions: 2,
        edits: true,
        verdicts: 0,
        ..SCENE
    },
    Scene {
        name: "two actions meanwhile",
        actions: 2,
        verdicts: 0,
        ..SCENE
    },
    Scene {
        name: "a grant",
        actions: 2,
        grants: true,
        unrest: 0,
        verdicts: 0,
        ..SCENE
    },
    Scene {
        name: "a grant and a denial",
        asked: Asked { veto: 2, ..ONE },
        policy: true,
        actions: 2,
        grants: true,
        unrest: 0,
        verdicts: 1,
        ..SCENE
    },
    Scene {
        name: "broken glass",
        asked: Asked {
            quorum: 2,
            sre: 2,
            veto: 2,
            glass: true,
            ..ONE
        },
        policy: true,
        verdicts: 2,
        ..SCENE
    },
    Scene {
        name: "an escalation",
        asked: Asked {
            escalate: Some(1),
            ..ONE
        },
        policy: true,
        actions: 2,
        edits: true,
        verdicts: 1,
        unrest: 0,
        ..SCENE
    },
    Scene {
        name: "a grace time",
        asked: Asked {
            grace: 2,
            glass: true,
            ..ONE
        },
        policy: true,
        verdicts: 2,
        ..SCENE
    },
    Scene {
        name: "a grace time of two",
        asked: Asked {
            quorum: 2,
            veto: 2,
            grace: 1,
            ..ONE
        },
        policy: true,
        verdicts: 3,
        unrest: 0,
        ..SCENE
    },
    Scene {
        name: "a grace time of a grant",
        asked: Asked { grace: 2, ..ONE },
        policy: true,
        actions: 2,
        grants: true,
        unrest: 0,
        verdicts: 1,
        ..SCENE
    },
    Scene {
        name: "taking back",
        asked: Asked {
            quorum: 2,
            veto: 2,
            ..ONE
        },
        policy: true,
        unrest: 0,
        verdicts: 4,
        ..SCENE
    },
    Scene {
        name: "a loan",
        asked: Asked { sre: 1, ..ONE },
        policy: true,
        dan: true,
        lends: true,
        verdicts: 1,
        ..SCENE
    },
    Scene {
        name: "a loan of one of two",
        asked: Asked {
            quorum: 2,
            sre: 2,
            veto: 2,
            ..ONE
        },
        policy: true,
        dan: true,
        lends: true,
        unrest: 0,
        verdicts: 3,
        ..SCENE
    },
    Scene {
        name: "a loan and an edit",
        asked: Asked { sre: 1, ..ONE },
        policy: true,
        dan: true,
        actions: 2,
        edits: true,
        lends: true,
        unrest: 0,
        verdicts: 1,
        ..SCENE
    },
];

/// Explores scenes with the reducer beside them, each in a thread.
fn tied(scenes: &[Scene]) -> Vec<Explored> {
    let follow = |scene| match explore(&Rules { scene, flaw: None }, Tied::first(scene)) {
        Ok(explored) => explored,
        Err(failure) => panic!("{}: {failure}", scene.name),
    };
    thread::scope(|threads| {
        let running: Vec<_> = scenes
            .iter()
            .map(|scene| threads.spawn(move || follow(scene)))
            .collect();
        let done = running.into_iter().map(|thread| thread.join());
        done.map(|explored| explored.expect("see above")).collect()
    })
}

#[test]
fn the_reducer_does_what_the_model_does() {
    let explored = tied(&SCENES);
    // What never happens would be checked in vain.
    let mut ends: Vec<&str> = explored
        .iter()
        .flat_map(|seen| seen.ends.keys())
        .map(String::as_str)
        .collect();
    ends.sort_unstable();
    ends.dedup();
    let all = [
        "Approved",
        "Completed",
        "Denied",
        "Expired",
        "Pending",
        "Redeemed",
        "Refused",
        "Released",
        "Superseded",
        "Withdrawn",
    ];
    assert_eq!(ends, all);
    let mut steps: HashMap<_, (Step, usize, usize)> = HashMap::new();
    for (step, taken, refused) in explored.iter().flat_map(|seen| &seen.steps) {
        let count = steps.entry(discriminant(step)).or_insert((*step, 0, 0));
        count.1 += taken;
        count.2 += refused;
    }
    assert_eq!(steps.len(), 28);
    for (step, taken, refused) in steps.into_values() {
        let never_taken = matches!(step, Step::IssueBeyond(_) | Step::RedeemFirst(_));
        let never_refused = step == Step::Tick;
        assert_eq!(taken == 0, never_taken, "{step:?}");
        assert_eq!(refused == 0, never_refused, "{step:?}");
    }
    // So many say docs/ARCHITECTURE.md.
    let worlds: usize = explored.iter().map(|seen| seen.worlds).sum();
    assert_eq!(worlds, 343_032);
}

#[test]
#[ignore = "deep: minutes; `cargo xtask test --deep`"]
fn deep_the_reducer_does_what_the_model_does() {
    for scene in &SCENES {
        let mut scene = scene.clone();
        (scene.unrest, scene.verdicts) = match (scene.actions, scene.unrest) {
            (1, _) => (2, scene.verdicts),
            (_, 0) => (1, 1),
            // Part of the one before.
            _ => continue,
        };
        tied(&[scene]);
    }
    let further = |name, change: &dyn Fn(&mut Scene)| {
        let mut scene = named(name);
        change(&mut scene);
        tied(&[scene]);
    };
    // An edit of an edit, and two actions that are both approved.
    further("an edit", &|scene| scene.actions = 3);
    further("two actions", &|scene| scene.verdicts = 2);
}

fn named(name: &str) -> Scene {
    let mut scenes = SCENES.iter();
    scenes
        .find(|scene| scene.name == name)
        .expect("a scene")
        .clone()
}

/// The first failure as more and more may change.
fn fails<C: Companion>(name: &str, flaw: Flaw, companion: impl Fn(&Scene) -> C) -> Option<Failure> {
    (0..=2).find_map(|unrest| {
        let scene = &Scene {
            unrest,
            ..named(name)
        };
        let rules = Rules {
            scene,
            flaw: Some(flaw),
        };
        explore(&rules, companion(scene)).err()
    })
}

#[test]
fn a_rule_left_out_breaks_a_promise() {
    for (flaw, name, broken) in CAUGHT {
        let failure = fails(name, flaw, |_| ());
        assert_eq!(
            failure.map(|failure| failure.what).as_deref(),
            Some(broken),
            "{flaw:?}"
        );
    }
}

#[test]
fn a_rule_left_out_is_not_what_the_reducer_does() {
    for (flaw, name, _) in CAUGHT {
        let failure = fails(name, flaw, Tied::first);
        let failure = failure.map(|failure| failure.what).unwrap_or_default();
        assert!(failure.contains("the reducer"), "{flaw:?}: {failure}");
    }
}

/// Two changes are the deep test's; this way there is known.
#[test]
fn a_person_whose_two_keys_approved_is_one_person() {
    let scene = &Scene {
        unrest: 2,
        ..named("two people")
    };
    let rules = Rules { scene, flaw: None };
    let approve = |key| Step::Decide {
        action: 0,
        key,
        approves: true,
        says_why: true,
    };
    let way = [
        Step::Propose(0),
        approve(Key::Synced),
        Step::DeviceBound(true),
        approve(Key::Ben),
        Step::DeviceBound(false),
    ];
    let (mut world, mut tied) = (World::first(scene), Tied::first(scene));
    for step in way {
        let (after, next) = rules.step(&world, step).expect("allowed");
        tied = tied.take(step, &after, next, &rules).expect("the same");
        world = after;
    }
    let approved = Step::Resolve(0, End::Approved);
    assert!(rules.step(&world, approved).is_none());
    tied.refuse(&[approved]).expect("refused");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// As far as anybody walks, with as much change as there is.
    #[test]
    fn the_reducer_follows_wherever_the_model_goes(
        scene in 0..SCENES.len(),
        choices in prop::collection::vec(any::<u16>(), 1..60),
    ) {
        let scene = &Scene { unrest: 8, verdicts: 12, ..SCENES[scene].clone() };
        let rules = Rules { scene, flaw: None };
        let (mut world, mut tied) = (World::first(scene), Tied::first(scene));
        for choice in choices {
            let mut refused = Vec::new();
            let mut open = Vec::new();
            for step in world.tries(scene) {
                match rules.step(&world, step) {
                    Some(_) if world.is_beyond(scene, step) => {}
                    Some((after, next)) => open.push((step, after, next)),
                    None => refused.push(step),
                }
            }
            tied.refuse(&refused).map_err(TestCaseError::fail)?;
            // Else people would come and go and nothing be decided.
            let calm = open.iter().any(|(step, ..)| !step.is_unrest());
            if calm && choice % 4 > 0 {
                open.retain(|(step, ..)| !step.is_unrest());
            }
            if open.is_empty() {
                break;
            }
            let (step, after, next) = open.swap_remove(usize::from(choice / 4) % open.len());
            tied = tied.take(step, &after, next, &rules).map_err(TestCaseError::fail)?;
            let kept = promises::kept(scene, &world, step, &after);
            kept.map_err(TestCaseError::fail)?;
            world = after;
        }
    }
}
