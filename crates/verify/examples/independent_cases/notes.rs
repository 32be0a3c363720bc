//! Notes about an action: taken, asked, answered, flagged; and what a verdict may list of them as seen.

use serde_json::{Value, json};
use vidimus_protocol::{ActionId, ReviewerId};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::Story;

use crate::Cases;
use crate::acts::change;
use crate::forge::{Content, Forge};

/// Entries of the log with notes.
const TAKEN: usize = 4;
const ASKED: usize = 5;
const ANSWERED: usize = 6;
const ASKED_AGAIN: usize = 7;
const FLAGGED: usize = 8;
const VERDICT: usize = 9;
/// A flag after the end.
const REMARKED: usize = 14;

/// Good logs with notes.
pub(crate) fn good() -> Vec<(String, Forge)> {
    let noted = with_notes();
    let of_notes = noted_parts(&noted.content);
    let seen = with_notes().changed(|content| {
        list(content).extend(of_notes);
        sort(content);
    });
    vec![
        ("with notes".into(), noted),
        ("with notes that were seen".into(), seen),
    ]
}

/// An action with every sort of note, not decided yet.
fn noted_action() -> (Story, ActionId) {
    let mut story = Story::new(1, Algorithm::EdDsa);
    let action = story.propose();
    let draft = story.take(action);
    story.write(draft);
    let draft = story.question(action, "why now?");
    story.write(draft);
    let draft = story.answer(action, "it is down, since 9:20");
    story.write(draft);
    let draft = story.question(action, "");
    story.write(draft);
    let draft = story.flag(action, "the unit's name is odd");
    story.write(draft);
    (story, action)
}

fn with_notes() -> Forge {
    let (mut story, action) = noted_action();
    story.approve(action);
    story.redeem(action);
    story.complete(action);
    let draft = story.flag(action, "it came back, é");
    story.write(draft);
    Forge::new(story)
}

fn denied_with_notes() -> Forge {
    let (mut story, action) = noted_action();
    story.deny(action);
    Forge::new(story)
}

/// The texts of the notes before the verdict, as `seen` lists them.
fn noted_parts(content: &Content) -> Vec<Value> {
    let texts = [ASKED, ANSWERED, ASKED_AGAIN, FLAGGED];
    texts.map(|entry| noted(content, entry)).into()
}

fn noted(content: &Content, entry: usize) -> Value {
    let part = &content.leaves[entry]["parts"][0];
    let name = part["name"].as_str().expect("a note has a text");
    json!({"commit": part["commit"], "name": format!("{name}.{entry}")})
}

fn list(content: &mut Content) -> &mut Vec<Value> {
    let seen = content.leaves[VERDICT].pointer_mut("/data/seen/parts");
    seen.and_then(Value::as_array_mut)
        .expect("a verdict lists what was seen")
}

fn sort(content: &mut Content) {
    list(content).sort_by_key(|part| part["name"].as_str().map(str::to_owned));
}

pub(crate) fn write(cases: &mut Cases) {
    seen(cases);
    actors(cases);
    references(cases);
    counts(cases);
    twice(cases);
}

fn seen(cases: &mut Cases) {
    let forge = with_notes();
    let answer = noted(&forge.content, ANSWERED);
    let logs = [("approve", with_notes()), ("deny", denied_with_notes())];
    let commit = answer["commit"].clone();
    let later = noted(&forge.content, REMARKED);
    let named = |name: &str| json!({"commit": commit, "name": name});
    let mut lists: Vec<(String, Vec<Value>)> = vec![
        ("the answer".into(), vec![answer.clone()]),
        ("the answer twice".into(), vec![answer.clone(), answer]),
        ("a note after it".into(), vec![later]),
    ];
    for name in [
        "answer",
        "answer.06",
        "answer.5",
        "answer.7",
        "answer.9007199254740991",
        "answer.",
        "answer.6.6",
        "Answer.6",
        "question.6",
        "remark.6",
        "taken.4",
        "payload.3",
        "context.3",
        "reason",
        "reason.9",
        "output.13",
        "",
        ".6",
        "nothing",
    ] {
        lists.push((format!("`{name}`"), vec![named(name)]));
    }
    for (name, more) in lists {
        for (verdict, whole) in &logs {
            change(
                cases,
                whole,
                &format!("seen, to {verdict}: {name}"),
                |content| {
                    list(content).extend(more.clone());
                    sort(content);
                },
            );
            let name = format!("seen, to {verdict}, alone: {name}");
            change(cases, whole, &name, |content| {
                list(content).clone_from(&more);
            });
        }
    }
    let parts = noted_parts(&forge.content);
    for (verdict, whole) in &logs {
        change(
            cases,
            whole,
            &format!("seen, to {verdict}: notes without order"),
            |content| {
                list(content).extend(parts.clone());
            },
        );
        for left_out in ["context", "payload"] {
            let name = format!("seen, to {verdict}: without the {left_out}");
            change(cases, whole, &name, |content| {
                list(content).retain(|part| part["name"] != json!(left_out));
            });
        }
    }
    // A note of another action that waits beside it.
    let mut story = Story::new(1, Algorithm::EdDsa);
    let [first, second] = [(); 2].map(|()| story.propose());
    for action in [first, second] {
        let draft = story.flag(action, "odd");
        story.write(draft);
    }
    for _ in 0..2 {
        let draft = story.flag(second, "odd");
        story.write(draft);
    }
    story.deny(second);
    let forge = Forge::new(story);
    for entry in 5..VERDICT {
        let part = noted(&forge.content, entry);
        change(
            cases,
            &forge,
            &format!("seen: the note {entry} of two actions"),
            |content| {
                list(content).push(part);
            },
        );
    }
}

fn actors(cases: &mut Cases) {
    let forge = with_notes();
    let [person, agent] =
        [TAKEN, ANSWERED].map(|entry| forge.content.leaves[entry]["actor"].clone());
    let stranger = json!(ReviewerId::from_random([9; 16]).to_string());
    let actors = [
        json!("gateway"),
        person,
        agent,
        stranger,
        json!("agt_00000000000000000000000000"),
    ];
    for entry in [TAKEN, ASKED, ANSWERED, ASKED_AGAIN, FLAGGED, REMARKED] {
        for actor in &actors {
            change(
                cases,
                &forge,
                &format!("note {entry} by {actor}"),
                |content| {
                    content.leaves[entry]["actor"] = actor.clone();
                },
            );
        }
    }

    let mut story = Story::new(1, Algorithm::EdDsa);
    let action = story.propose();
    let draft = story.flag(action, "odd");
    story.write(draft);
    let forge = Forge::new(story);
    let known = json!("act_00000000000000000000000000");
    change(cases, &forge, "a note about no action", |content| {
        content.leaves[4]["data"]["action"] = known;
    });
}

fn references(cases: &mut Cases) {
    let forge = with_notes();
    for entry in [TAKEN, ASKED, ANSWERED, ASKED_AGAIN, FLAGGED, REMARKED] {
        for other in 0..forge.content.leaves.len() {
            if other == entry {
                continue;
            }
            let refs = forge
                .content
                .leaves
                .iter()
                .flat_map(|leaf| leaf["refs"].as_array().into_iter().flatten());
            let found = refs
                .clone()
                .find(|found| found["index"] == json!(other))
                .cloned();
            let Some(found) = found else { continue };
            for (what, refs) in [
                ("alone", vec![found.clone()]),
                (
                    "too",
                    vec![forge.content.leaves[entry]["refs"][0].clone(), found],
                ),
            ] {
                let name = format!("note {entry} that refers to {other} {what}");
                change(cases, &forge, &name, |content| {
                    content.leaves[entry]["refs"] = json!(refs);
                });
            }
        }
    }
    // Answers to questions of another action, and in another order.
    for (name, questions, answers) in [
        ("in order", [0, 1], [0, 1]),
        ("backwards", [0, 1], [1, 0]),
        ("the first twice", [0, 1], [0, 0]),
        ("the last twice", [0, 1], [1, 1]),
        ("of one action", [0, 0], [0, 1]),
        ("of one action, backwards", [0, 0], [1, 0]),
    ] {
        let mut story = Story::new(1, Algorithm::EdDsa);
        let actions = [(); 2].map(|()| story.propose());
        let asked = questions.map(|which| {
            let draft = story.question(actions[which], "why?");
            story.write(draft)
        });
        for (action, question) in [(0, answers[0]), (questions[1], answers[1])] {
            let mut draft = story.answer(actions[action], "so");
            draft.leaf.refs = vec![asked[question]];
            story.write(draft);
        }
        cases.sealed(
            &format!("two questions answered {name}"),
            &Forge::new(story).sealed(),
        );
    }
}

/// Both sides of the number of notes.
fn counts(cases: &mut Cases) {
    for before in [62, 63, 64] {
        for last in [
            "taken",
            "asked",
            "answered",
            "flagged",
            "flagged after the end",
        ] {
            let mut story = Story::new(1, Algorithm::EdDsa);
            let action = story.propose();
            let asked = usize::from(last == "answered");
            for number in 0..before {
                let draft = match (number % 3, number < asked) {
                    (_, true) | (1, _) => story.question(action, "why?"),
                    (2, _) if last != "answered" => story.answer(action, "so"),
                    _ => story.flag(action, "odd"),
                };
                story.write(draft);
            }
            let draft = match last {
                "taken" => story.take(action),
                "asked" => story.question(action, "why?"),
                "answered" => story.answer(action, "so"),
                _ => {
                    if last != "flagged" {
                        story.deny(action);
                    }
                    story.flag(action, "odd")
                }
            };
            story.write(draft);
            let name = format!("{last} after {before} notes");
            cases.sealed(&name, &Forge::new(story).sealed());
        }
    }
    // The limit is each action's own, and a verdict is none.
    let mut story = Story::new(1, Algorithm::EdDsa);
    let actions = [(); 2].map(|()| story.propose());
    for number in 0..128 {
        let draft = story.flag(actions[number % 2], "odd");
        story.write(draft);
    }
    story.approve(actions[0]);
    cases.sealed("64 notes for each of two", &Forge::new(story).sealed());
}

fn twice(cases: &mut Cases) {
    type Between = fn(&mut Story, ActionId);
    let between: [(&str, Between); 4] = [
        ("at once", |_, _| {}),
        ("after a question", |story, action| {
            let draft = story.question(action, "why?");
            story.write(draft);
        }),
        ("after another action", |story, _| {
            let other = story.propose();
            let draft = story.take(other);
            story.write(draft);
        }),
        ("after its end", |story, action| story.deny(action)),
    ];
    for (name, between) in between {
        let mut story = Story::new(1, Algorithm::EdDsa);
        let action = story.propose();
        for _ in 0..2 {
            let draft = story.take(action);
            story.write(draft);
            between(&mut story, action);
        }
        cases.sealed(&format!("taken twice, {name}"), &Forge::new(story).sealed());
    }
}
