//! Words of administrators for a policy: how many, whose, in place of what.

use vidimus_protocol::entry::{Data, Ref};
use vidimus_protocol::envelope::{Revocation, Role};
use vidimus_verify::testkit::FLAGS;

use super::super::{BACKUP_ELIGIBLE, Team};
use super::{BOTH, asking, cast, policy};
use crate::Cases;
use crate::acts::change;

/// One policy, and another.
const X: &str = "@ttl(\"1m\")";
const Y: &str = "@ttl(\"2m\")";

type Step = fn(&mut Team);

fn say(team: &mut Team, who: &'static str, what: &str) {
    let draft = team.by(who).story.policy(&asking(what));
    team.write(draft);
}

pub(super) fn write(cases: &mut Cases) {
    let courses: [(&str, &[Step]); 15] = [
        (
            "both agree",
            &[|team| say(team, "Ada", X), |team| say(team, "Ben", X)],
        ),
        (
            "one says it twice",
            &[|team| say(team, "Ada", X), |team| say(team, "Ada", X)],
        ),
        (
            "they differ",
            &[
                |team| say(team, "Ada", X),
                |team| say(team, "Ben", Y),
                |team| say(team, "Cleo", Y),
                |team| say(team, "Dora", X),
            ],
        ),
        (
            "the other's word is void",
            &[
                |team| say(team, "Ada", Y),
                |team| say(team, "Ben", X),
                |team| say(team, "Cleo", X),
                |team| say(team, "Dora", Y),
                |team| say(team, "Ada", Y),
            ],
        ),
        (
            "the same again",
            &[
                |team| say(team, "Ada", X),
                |team| say(team, "Ben", X),
                |team| say(team, "Ben", X),
                |team| say(team, "Ada", X),
            ],
        ),
        (
            "who spoke has left",
            &[
                |team| say(team, "Ben", X),
                |team| {
                    team.by("Ada").remove("Ben");
                },
                |team| say(team, "Ada", X),
                |team| say(team, "Cleo", X),
            ],
        ),
        (
            "who spoke is none any more",
            &[
                |team| say(team, "Ben", X),
                |team| {
                    team.by("Ada").change("Ben", &[Role::Reviewer], &[]);
                },
                |team| say(team, "Cleo", X),
                |team| {
                    team.by("Ada").change("Ben", BOTH, &[]);
                },
                |team| say(team, "Ada", X),
            ],
        ),
        (
            "the key was revoked",
            &[
                |team| say(team, "Ben", X),
                |team| {
                    team.by("Ada").revoke("Ben", Revocation::Stolen);
                },
                |team| say(team, "Cleo", X),
                |team| say(team, "Dora", X),
            ],
        ),
        (
            "others leave, so that one is enough",
            &[
                |team| say(team, "Ada", X),
                |team| {
                    for who in ["Ben", "Cleo", "Dora"] {
                        team.by("Ada").remove(who);
                    }
                },
                |team| say(team, "Ada", X),
                |team| say(team, "Ada", Y),
            ],
        ),
        (
            "others come",
            &[
                |team| {
                    for who in ["Cleo", "Dora", "Ben"] {
                        team.by("Ada").change(who, &[Role::Reviewer], &[]);
                    }
                },
                |team| say(team, "Ada", X),
                |team| {
                    team.by("Ada").change("Ben", BOTH, &[]);
                },
                |team| say(team, "Ben", Y),
                |team| say(team, "Ada", Y),
            ],
        ),
        (
            "one word with two keys",
            &[
                |team| {
                    team.claim_for("Ben's second", "Ben", FLAGS);
                    team.by("Ben").admit("Ben's second");
                },
                |team| say(team, "Ben", X),
                |team| say(team, "Ben's second", X),
            ],
        ),
        (
            "two words of one person that both count in the end",
            &[
                |team| {
                    team.claim_for("Ben's second", "Ben", FLAGS | BACKUP_ELIGIBLE);
                    team.by("Ben").admit("Ben's second");
                },
                |team| say(team, "Ben's second", X),
                |team| {
                    team.by("Ada").rules(true, 0, 1);
                },
                |team| say(team, "Ben", X),
                |team| {
                    team.by("Ada").rules(false, 0, 1);
                },
                |team| say(team, "Ben", X),
            ],
        ),
        (
            "two words of one person, and another's",
            &[
                |team| {
                    team.claim_for("Ben's second", "Ben", FLAGS | BACKUP_ELIGIBLE);
                    team.by("Ben").admit("Ben's second");
                },
                |team| say(team, "Ben's second", X),
                |team| {
                    team.by("Ada").rules(true, 0, 1);
                },
                |team| say(team, "Ben", X),
                |team| {
                    team.by("Ada").rules(false, 0, 1);
                },
                |team| say(team, "Cleo", X),
            ],
        ),
        (
            "no administrator",
            &[
                |team| {
                    team.by("Ada").change("Ben", &[Role::Reviewer], &[]);
                },
                |team| say(team, "Ben", X),
            ],
        ),
        (
            "not even a policy",
            &[
                |team| {
                    let draft = team.by("Ada").story.policy_of(b"{}".to_vec());
                    team.write(draft);
                },
                |team| {
                    let draft = team.by("Ben").story.policy_of(vec![0xff]);
                    team.write(draft);
                },
            ],
        ),
    ];
    for (name, steps) in courses {
        let mut team = administrators();
        for (at, step) in steps.iter().enumerate() {
            step(&mut team);
            team.told(cases, &format!("words: {name}, step {at}"));
        }
        // What is proposed then is judged by what is in force, if anything is.
        let draft = team.story.proposal();
        team.write(draft);
        team.told(cases, &format!("words: {name}, then a proposal"));
    }
    statements(cases);
    references(cases);
    alone(cases);
}

fn administrators() -> Team {
    let mut team = cast();
    for who in ["Ben", "Cleo", "Dora"] {
        team.by("Ada").change(who, BOTH, &[]);
    }
    team
}

/// What it says it replaces, and which policy it is for.
fn statements(cases: &mut Cases) {
    let mut team = administrators();
    say(&mut team, "Ada", X);
    say(&mut team, "Ben", X);
    say(&mut team, "Cleo", Y);
    say(&mut team, "Ben", Y);
    let forge = team.forge();
    let leaves = forge.content.leaves.len();
    for entry in leaves - 4..leaves {
        for other in 0..leaves {
            let name = format!("words: entry {entry} replaces entry {other}");
            let hash = forge.content.leaves.iter().find_map(|leaf| {
                let mut refs = leaf["refs"].as_array()?.iter();
                let found = refs.find(|found| found["index"] == serde_json::json!(other))?;
                Some(found["leaf"].clone())
            });
            let Some(hash) = hash else { continue };
            change(cases, &forge, &name, |content| {
                content.leaves[entry]["data"]["signed"]["item"]["replaces"] = hash;
            });
        }
        change(
            cases,
            &forge,
            &format!("words: entry {entry} of another policy"),
            |content| {
                let commit = content.leaves[leaves - 5]["refs"][0]["leaf"].clone();
                content.leaves[entry]["data"]["signed"]["item"]["policy"] = commit;
            },
        );
        for pin in 1..=leaves {
            let root = forge.root_at(pin);
            change(
                cases,
                &forge,
                &format!("words: entry {entry} pinned at {pin}"),
                |content| {
                    let envelope = &mut content.leaves[entry]["data"]["signed"]["envelope"];
                    envelope["pinned_size"] = serde_json::json!(pin.to_string());
                    envelope["pinned_root"] = serde_json::json!(root);
                },
            );
        }
    }
}

fn references(cases: &mut Cases) {
    type Change = fn(&mut Vec<Ref>);
    let changes: [(&str, Change); 6] = [
        ("as they are", |_| {}),
        ("without the word", |refs| {
            refs.pop();
        }),
        ("with the word twice", |refs| {
            refs.push(refs[refs.len() - 1])
        }),
        ("backwards", |refs| refs.reverse()),
        ("without the base", |refs| {
            refs.remove(1);
        }),
        ("without the key", |refs| {
            refs.remove(0);
        }),
    ];
    for before in 0..=1 {
        for (name, change) in changes {
            let mut team = administrators();
            if before > 0 {
                say(&mut team, "Ada", Y);
                say(&mut team, "Ben", Y);
            }
            say(&mut team, "Ada", X);
            let mut draft = team.by("Cleo").story.policy(&asking(X));
            change(&mut draft.leaf.refs);
            team.write(draft);
            team.told(cases, &format!("words: references {name}, {before} before"));
            let mut team = administrators();
            say(&mut team, "Ada", X);
            say(&mut team, "Ben", X);
            let mut draft = team.story.proposal_under(
                &asking(X),
                &vidimus_verify::testkit::sample_action(1),
                |_| {},
            );
            change(&mut draft.leaf.refs);
            team.write(draft);
            team.told(
                cases,
                &format!("a proposal's references {name}, {before} before"),
            );
        }
    }
}

/// In a personal log, and where another than the person or the kind is named.
fn alone(cases: &mut Cases) {
    let mut team = super::alone();
    for what in [X, Y, X] {
        say(&mut team, "Ada", what);
        team.told(cases, &format!("alone, {what}"));
    }
    let text = policy(super::ASKS);
    for name in ["payload", "inputs", "context"] {
        for is_there in [false, true] {
            let mut team = cast();
            if is_there {
                team.by("Ada").bring(&text);
            }
            let mut draft = if is_there {
                team.story
                    .proposal_under(&text, &vidimus_verify::testkit::sample_action(1), |_| {})
            } else {
                team.story.proposal()
            };
            let (content, part) = team.story.part(
                name,
                &format!("application/vidimus-{name}+json"),
                b"{}".to_vec(),
            );
            if let Data::ActionProposed(_) = &draft.leaf.data {
                let at = draft
                    .leaf
                    .parts
                    .iter()
                    .position(|part| part.name.as_str() >= name);
                let at = at.unwrap_or(draft.leaf.parts.len());
                if draft
                    .leaf
                    .parts
                    .get(at)
                    .is_some_and(|part| part.name == name)
                {
                    draft.leaf.parts.remove(at);
                    draft.parts.remove(at);
                } else {
                    draft.leaf.parts.insert(at, part);
                    draft.parts.insert(at, (name.into(), content));
                }
            }
            team.write(draft);
            team.told(
                cases,
                &format!("policy {is_there}, the other way with `{name}`"),
            );
        }
    }
}
