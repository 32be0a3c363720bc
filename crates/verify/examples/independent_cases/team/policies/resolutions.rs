//! What may become of an action under a policy.

use vidimus_protocol::ActionId;
use vidimus_protocol::entry::{Data, Resolution};
use vidimus_protocol::envelope::{Role, Verdict};
use vidimus_verify::testkit::sample_action;

use super::super::Team;
use super::{ASKS, asking, cast, policy};
use crate::Cases;

pub(super) fn write(cases: &mut Cases) {
    let all = [
        Resolution::Approved,
        Resolution::Denied,
        Resolution::Expired,
        Resolution::Withdrawn,
        Resolution::Refused,
        Resolution::Superseded,
        Resolution::Released,
    ];
    type Life = fn(&mut Team, ActionId);
    let lives: [(&str, Life); 7] = [
        ("at once", |_, _| {}),
        ("approved", |team, action| {
            team.by("Ben")
                .decide_naming(action, Verdict::Approve, "so", &["you"]);
        }),
        ("denied", |team, action| {
            team.by("Ben").decide(action, Verdict::Deny);
        }),
        ("due", |team, _| team.story.pass(900)),
        ("paused", |team, _| {
            team.by("Ben").pause(None);
        }),
        ("without its agent", |team, _| {
            team.by("Ada").end_agent();
        }),
        ("without its policy", |team, _| {
            team.by("Ada").bring(&asking("@ttl(\"1m\")"));
        }),
    ];
    let text = policy(ASKS);
    for number in [1, 7, 9] {
        for (life, live) in lives {
            for resolution in all {
                let begun = || {
                    let mut team = cast();
                    team.by("Ada").bring(&text);
                    let action = team.proposed_under(&text, &sample_action(number));
                    live(&mut team, action);
                    (team, action)
                };
                if resolution == Resolution::Superseded {
                    continue;
                }
                let (mut team, action) = begun();
                team.resolve(action, resolution);
                let name = format!("policy, unit {number}, {life}, {resolution:?}");
                team.told(cases, &name);
                team.permit(action);
                team.story.redeem(action);
                team.told(cases, &format!("{name}, runs"));
                if !resolution.runs() {
                    continue;
                }
                for seconds in [0, 1] {
                    let (mut team, action) = begun();
                    let mut draft = team.story.resolution(action, resolution);
                    if let Data::ActionResolved(data) = &mut draft.leaf.data {
                        data.use_before =
                            (seconds > 0).then(|| draft.leaf.time.plus_seconds(seconds));
                    }
                    team.write(draft);
                    team.told(cases, &format!("{name} to be used within {seconds}"));
                }
            }
        }
    }
    vetoes(cases);
    afterwards(cases);
}

/// Denials, fewer and as many as it takes.
fn vetoes(cases: &mut Cases) {
    for veto in [1, 2, 3] {
        for denials in 0..=3 {
            for resolution in [
                Resolution::Denied,
                Resolution::Approved,
                Resolution::Withdrawn,
            ] {
                let text = asking(&format!("@veto(\"{veto}\")"));
                let mut team = cast();
                team.by("Ada").join("Emil", &[Role::Reviewer]);
                team.bring(&text);
                let action = team.proposed_under(&text, &sample_action(1));
                team.by("Emil").approve_under(&text, action);
                for who in ["Ben", "Cleo", "Dora"].into_iter().take(denials) {
                    team.by(who).decide(action, Verdict::Deny);
                }
                team.resolve(action, resolution);
                team.told(
                    cases,
                    &format!("policy, {denials} of {veto} denials, {resolution:?}"),
                );
            }
        }
    }
}

/// What was released runs as what was approved does.
fn afterwards(cases: &mut Cases) {
    type Step = fn(&mut Team, ActionId);
    let steps: [(&str, Step); 6] = [
        ("paused", |team, _| {
            team.by("Ben").pause(None);
        }),
        ("without its agent", |team, _| {
            team.by("Ada").end_agent();
        }),
        ("later", |team, _| team.story.pass(895)),
        ("too late", |team, _| team.story.pass(900)),
        ("under another policy", |team, _| {
            team.by("Ada").bring(&asking(""));
        }),
        ("denied by Ben", |team, action| {
            team.by("Ben").decide(action, Verdict::Deny);
        }),
    ];
    let text = policy(ASKS);
    for (name, step) in steps {
        for at in 0..3 {
            let mut team = cast();
            team.by("Ada").bring(&text);
            let action = team.proposed_under(&text, &sample_action(7));
            for now in 0..3 {
                if now == at {
                    step(&mut team, action);
                }
                match now {
                    0 => {
                        team.resolve(action, Resolution::Released);
                    }
                    1 => {
                        team.permit(action);
                    }
                    _ => {
                        team.story.redeem(action);
                    }
                }
            }
            team.told(cases, &format!("policy, released, {name} before step {at}"));
        }
    }
}
