//! Good logs of every course that an action may take, the limits of every rule, and gateways that write what
//! the log does not lead to.

use serde_json::{Value, json};
use vidimus_protocol::entry::{Data, Decision, Outcome, Resolution};
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::{ActionId, Time};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{Draft, ORIGIN, Story};

use crate::Cases;
use crate::forge::Forge;

/// Good logs by name.
pub(crate) fn good() -> Vec<(String, Forge)> {
    type Course = fn(&mut Story);
    let courses: [(&str, Course); 10] = [
        ("new log", |_| {}),
        ("run", |story| {
            story.run();
        }),
        ("denied", |story| {
            let action = story.propose();
            story.deny(action);
        }),
        ("expired", |story| {
            let action = story.propose();
            story.pass(900);
            resolve(story, action, Resolution::Expired);
        }),
        ("withdrawn", |story| {
            let action = story.propose();
            resolve(story, action, Resolution::Withdrawn);
        }),
        ("refused", |story| {
            let action = propose(story, |data| {
                data.evaluation.decision = Decision::Refuse;
                data.evaluation.quorum = 0;
            });
            resolve(story, action, Resolution::Refused);
        }),
        ("lapsed and issued again", |story| {
            let action = story.propose();
            story.approve(action);
            story.pass(300);
            let lapse = story.lapse(action);
            story.write(lapse);
            let permit = story.permit(action);
            story.write(permit);
            story.redeem(action);
        }),
        ("failed to start, without parts", |story| {
            let action = story.propose();
            story.approve(action);
            story.redeem(action);
            let mut outcome = story.completion(action);
            outcome.parts.clear();
            outcome.leaf.parts.clear();
            if let Data::ActionCompleted(data) = &mut outcome.leaf.data {
                data.outcome = Outcome::FailedToStart {
                    why: "it is gone".into(),
                };
            }
            story.write(outcome);
        }),
        ("approved and left", |story| {
            let action = story.propose();
            story.approve(action);
        }),
        ("three at once", |story| {
            let [first, second, third] = [(); 3].map(|()| story.propose());
            story.approve(second);
            story.deny(first);
            story.redeem(second);
            story.approve(third);
            story.complete(second);
            story.redeem(third);
        }),
    ];
    let told = courses.map(|(name, course)| {
        let mut story = Story::new(1, Algorithm::EdDsa);
        course(&mut story);
        (name.to_owned(), Forge::new(story))
    });
    let mut good: Vec<(String, Forge)> = told.into();
    good.extend(crate::notes::good());
    good.extend(crate::json_actions::good());
    good.extend(crate::kinds::good());
    good.extend(crate::team::good());
    good
}

pub(crate) fn write(cases: &mut Cases) {
    for (name, forge) in good() {
        let sealed = forge.sealed();
        cases.sealed(&name, &sealed);
        cases.file(&format!("{name}, without trust"), &sealed.file(), None);
    }
    let empty = Story::open(1, Algorithm::EdDsa);
    cases.sealed("only opened", &Forge::new(empty).sealed());
    for (name, algorithm) in [("ES256", Algorithm::Es256), ("RS256", Algorithm::Rs256)] {
        let mut story = Story::new(2, algorithm);
        story.run();
        cases.sealed(name, &Forge::new(story).sealed());
    }
    forged(cases);
    limits(cases);
}

/// What a gateway may write after a course that does not lead there.
fn forged(cases: &mut Cases) {
    type Course = fn(&mut Story, ActionId);
    let courses: [(&str, Course); 13] = [
        ("proposed", |_, _| {}),
        ("approved", |story, action| {
            verdict(story, action, Verdict::Approve)
        }),
        ("denied", |story, action| {
            verdict(story, action, Verdict::Deny)
        }),
        ("resolved as approved", |story, action| {
            verdict(story, action, Verdict::Approve);
            resolve(story, action, Resolution::Approved);
        }),
        ("resolved as denied", |story, action| story.deny(action)),
        ("with a permit", |story, action| story.approve(action)),
        ("lapsed", |story, action| {
            story.approve(action);
            story.pass(300);
            let lapse = story.lapse(action);
            story.write(lapse);
        }),
        ("redeemed", |story, action| {
            story.approve(action);
            story.redeem(action);
        }),
        ("completed", |story, action| {
            story.approve(action);
            story.redeem(action);
            story.complete(action);
        }),
        ("taken", taken),
        ("asked", asked),
        ("answered", |story, action| {
            asked(story, action);
            answered(story, action);
        }),
        ("flagged", flagged),
    ];
    let steps: [(&str, Course); 16] = [
        ("a taking", taken),
        ("a question", asked),
        ("an answer", answered),
        ("a flag", flagged),
        ("approving", |story, action| {
            verdict(story, action, Verdict::Approve)
        }),
        ("denying", |story, action| {
            verdict(story, action, Verdict::Deny)
        }),
        ("approved", |story, action| {
            resolve(story, action, Resolution::Approved)
        }),
        ("denied", |story, action| {
            resolve(story, action, Resolution::Denied)
        }),
        ("expired", |story, action| {
            resolve(story, action, Resolution::Expired)
        }),
        ("withdrawn", |story, action| {
            resolve(story, action, Resolution::Withdrawn)
        }),
        ("refused", |story, action| {
            resolve(story, action, Resolution::Refused)
        }),
        ("a permit", |story, action| {
            let permit = story.permit(action);
            story.write(permit);
        }),
        ("a lapse", |story, action| {
            if has_permit(story) {
                let lapse = story.lapse(action);
                story.write(lapse);
            }
        }),
        ("a redemption", |story, action| {
            if has_permit(story) {
                story.redeem(action);
            }
        }),
        ("an outcome", |story, action| {
            story.complete(action);
        }),
        ("a second opening, enrolment and agent", |story, _| {
            let first = Story::open(1, Algorithm::EdDsa);
            let mut opening = story.proposal();
            opening.parts.clear();
            opening.leaf.parts.clear();
            opening.leaf.refs.clear();
            opening.leaf.actor = vidimus_protocol::Actor::Gateway;
            opening.leaf.data = Data::LogOpened(Box::new(first.log.opened));
            story.write(opening);
        }),
    ];
    for (course_name, course) in courses {
        for (step_name, step) in steps {
            for seconds in [0, 299, 300, 900] {
                let mut story = Story::new(1, Algorithm::EdDsa);
                let action = story.propose();
                course(&mut story, action);
                story.pass(seconds);
                step(&mut story, action);
                let name = format!("{course_name}, then {step_name} after {seconds} s");
                cases.sealed(&name, &Forge::new(story).sealed());
            }
        }
    }
    for (name, step) in [
        (
            "a second enrolment",
            Story::enrolment as fn(&mut Story) -> Draft,
        ),
        ("a second registration", Story::registration),
    ] {
        let mut story = Story::new(1, Algorithm::EdDsa);
        let draft = step(&mut story);
        story.write(draft);
        cases.sealed(name, &Forge::new(story).sealed());
    }
}

/// Both sides of every limit. Entries of the log: 3 proposal, 4 verdict, 5 resolution, 6 permit,
/// 7 redemption, 8 outcome.
fn limits(cases: &mut Cases) {
    let mut story = Story::new(1, Algorithm::EdDsa);
    let action = story.propose();
    story.approve(action);
    story.redeem(action);
    story.complete(action);
    let forge = Forge::new(story);
    let time = |entry: usize, ms: i64| moved(&forge.content.leaves[entry]["time"], ms);
    let envelope = |member: &str| format!("/data/signed/envelope/{member}");
    let name_of = |text: &str| vec![(2, "/data/signed/item/name".to_owned(), json!(text))];
    let founder = |text: &str| {
        let places = [(0, "/data/founders/0/name"), (1, "/data/signed/item/name")];
        places
            .map(|(entry, place)| (entry, place.to_owned(), json!(text)))
            .to_vec()
    };
    let origins = |list: Value| vec![(0, "/data/origins".to_owned(), list)];
    let outcome = |value: Value| vec![(8, "/data/outcome".to_owned(), value)];
    type Places = Vec<(usize, String, Value)>;
    let mut limits: Vec<(String, Places)> = Vec::new();
    for ms in [-120_001, -120_000, -119_999, 119_999, 120_000, 120_001] {
        for entry in [1, 2, 4] {
            let places = vec![
                (entry, envelope("issued_at"), time(entry, ms)),
                (entry, envelope("expires_at"), time(entry, 500_000)),
            ];
            limits.push((format!("entry {entry} issued {ms} ms away"), places));
        }
    }
    for ms in [-1, 0, 1] {
        for entry in [1, 2, 4] {
            let places = vec![(entry, envelope("expires_at"), time(entry, ms))];
            limits.push((
                format!("entry {entry}'s envelope expires {ms} ms later"),
                places,
            ));
        }
        let expiry = |entry: usize, ms: i64| {
            let both = [(3, "/data/expires_at"), (4, "/data/signed/item/expires_at")];
            both.map(|(at, place)| (at, place.to_owned(), time(entry, ms)))
                .to_vec()
        };
        limits.push((format!("expires {ms} ms after the proposal"), expiry(3, ms)));
        limits.push((
            format!("expires {ms} ms after the longest wait"),
            expiry(3, 900_000 + ms),
        ));
        limits.push((format!("expires {ms} ms after the verdict"), expiry(4, ms)));
        limits.push((
            format!("expires {ms} ms after the resolution"),
            expiry(5, ms),
        ));
        for (name, entry, after) in [
            ("issue", 6, 0),
            ("longest life", 6, 300_000),
            ("redemption", 7, 0),
        ] {
            let places = vec![(6, "/data/expires_at".to_owned(), time(entry, after + ms))];
            limits.push((
                format!("a permit that ends {ms} ms after its {name}"),
                places,
            ));
        }
        for use_s in [0, 1, 2, 301] {
            let places = vec![
                (3, "/data/evaluation/use_s".to_owned(), json!(use_s)),
                (5, "/data/use_before".to_owned(), time(5, use_s * 1_000)),
                (
                    6,
                    "/data/expires_at".to_owned(),
                    time(5, use_s * 1_000 + ms),
                ),
            ];
            limits.push((
                format!("a permit that ends {ms} ms after its {use_s} s to start"),
                places,
            ));
        }
        let early = vec![(8, "/time".to_owned(), time(7, ms))];
        limits.push((format!("an outcome {ms} ms after the redemption"), early));
    }
    for size in 0..12 {
        for entry in [1, 2, 4] {
            let root = match size {
                0 => json!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
                _ => {
                    forge.content.leaves[entry]["data"]["signed"]["envelope"]["pinned_root"].clone()
                }
            };
            let places = vec![
                (entry, envelope("pinned_size"), json!(size.to_string())),
                (entry, envelope("pinned_root"), root),
            ];
            limits.push((format!("entry {entry} pinned at {size}"), places));
        }
    }
    for text in [
        "9007199254740991",
        "9007199254740992",
        "00",
        "04",
        "+4",
        "-1",
        "4.0",
        " 4",
        "",
        "٤",
    ] {
        limits.push((
            format!("pinned at `{text}`"),
            vec![(4, envelope("pinned_size"), json!(text))],
        ));
    }
    for name in names() {
        limits.push((
            format!("an agent `{}`", name.escape_unicode()),
            name_of(&name),
        ));
        limits.push((
            format!("a founder `{}`", name.escape_unicode()),
            founder(&name),
        ));
    }
    for list in [
        json!(["http://localhost:1"]),
        json!(["http://localhost:0"]),
        json!(["http://localhost:80"]),
        json!(["http://localhost:65535"]),
        json!(["http://localhost:65536"]),
        json!(["http://localhost:080"]),
        json!(["http://localhost:7411/"]),
        json!(["https://localhost:7411"]),
        json!(["http://localhost"]),
        json!(["http://127.0.0.1:7411"]),
        json!(["http://localhost:+1"]),
        json!(["http://localhost:٤"]),
        json!([ORIGIN, ORIGIN]),
        json!([ORIGIN, "http://localhost:7412"]),
        json!(["http://localhost:7412", ORIGIN]),
        json!([]),
        json!(["http://localhost:"]),
    ] {
        limits.push((format!("origins {list}"), origins(list.clone())));
    }
    for (words, value) in [
        (
            "500 bytes",
            json!({"failed_to_start": {"why": "x".repeat(500)}}),
        ),
        (
            "501 bytes",
            json!({"failed_to_start": {"why": "x".repeat(501)}}),
        ),
        (
            "501 bytes of 251 characters",
            json!({"failed_to_start": {"why": "é".repeat(250) + "x"}}),
        ),
        (
            "500 bytes of 250 characters",
            json!({"failed_to_start": {"why": "é".repeat(250)}}),
        ),
        ("no words", json!({"failed_to_start": {"why": ""}})),
        ("code 255", json!({"exited": {"code": 255}})),
        ("code 256", json!({"exited": {"code": 256}})),
        ("signal 0", json!({"signalled": {"signal": 0}})),
        ("signal 256", json!({"signalled": {"signal": 256}})),
        (
            "two",
            json!({"exited": {"code": 0}, "signalled": {"signal": 1}}),
        ),
        ("none", json!({})),
        ("its name alone", json!("exited")),
        ("another kind, succeeded", json!({"succeeded": {}})),
        ("another kind, failed", json!({"failed": {"why": "no"}})),
    ] {
        limits.push((format!("an outcome of {words}"), outcome(value)));
    }
    for (decision, quorum) in [
        ("ask", 0),
        ("ask", 2),
        ("refuse", 0),
        ("refuse", 1),
        ("refuse", 2),
    ] {
        let places = vec![
            (3, "/data/evaluation/decision".to_owned(), json!(decision)),
            (3, "/data/evaluation/quorum".to_owned(), json!(quorum)),
        ];
        limits.push((format!("{decision} with a quorum of {quorum}"), places));
    }
    for (field, values) in [
        (
            "/data/action_kind",
            vec![json!("json"), json!("sql"), json!("Command")],
        ),
        (
            "/data/evaluation/ttl_s",
            vec![json!(9_007_199_254_740_991_u64), json!(899), json!(0)],
        ),
        (
            "/data/evaluation/use_s",
            vec![json!(9_007_199_254_740_991_u64)],
        ),
        (
            "/data/evaluation/reasons",
            vec![json!([]), json!([""]), json!(["a\u{0}b"])],
        ),
        (
            "/data/evaluation/policy",
            vec![json!(""), json!("\u{202e}")],
        ),
    ] {
        limits.extend(values.into_iter().map(|value| {
            (
                format!("{field} {value}"),
                vec![(3, field.to_owned(), value)],
            )
        }));
    }
    for (field, value) in [
        ("/data/profile", json!("team")),
        ("/data/rp_id", json!("example.org")),
        ("/v", json!(2)),
        ("/v", json!(0)),
        ("/v", json!("1")),
        ("/kind", json!("log.closed")),
    ] {
        for entry in [0, 3, 5, 8] {
            if entry == 0 || !field.starts_with("/data") {
                limits.push((
                    format!("entry {entry}, {field} {value}"),
                    vec![(entry, field.into(), value.clone())],
                ));
            }
        }
    }
    for (name, places) in limits {
        let mut content = forge.content.clone();
        for (entry, place, value) in places {
            crate::fields::put(&mut content.leaves[entry], &place, Some(value));
        }
        cases.sealed(&name, &forge.seal(&content));
    }
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "",
        "x",
        "é",
        "\u{202e}x",
        "a b",
        "a\u{a0}b",
        "x\u{1f}",
        "x\u{7f}y",
        "x\u{85}y",
        "x\u{9f}y",
        "\u{ad}x",
        "x\u{0}",
        "e\u{301}",
        "😀",
    ]
    .map(String::from)
    .into();
    names.extend([79, 80, 81].map(|length| "x".repeat(length)));
    names.extend([80, 81].map(|length| "😀".repeat(length)));
    for space in [
        ' ', '\u{a0}', '\u{1680}', '\u{180e}', '\u{2000}', '\u{200b}', '\u{2028}', '\u{2029}',
        '\u{202f}', '\u{205f}', '\u{3000}', '\u{feff}', '\u{1c}', '\u{85}', '\t',
    ] {
        names.extend([format!("{space}x"), format!("x{space}")]);
    }
    names
}

fn moved(time: &Value, ms: i64) -> Value {
    let time: Time = serde_json::from_value(time.clone()).expect("a time stands there");
    json!(Time::from_unix_ms(time.unix_ms().saturating_add_signed(ms)).to_string())
}

fn taken(story: &mut Story, action: ActionId) {
    let draft = story.take(action);
    story.write(draft);
}

fn asked(story: &mut Story, action: ActionId) {
    let draft = story.question(action, "why now?");
    story.write(draft);
}

fn answered(story: &mut Story, action: ActionId) {
    let draft = story.answer(action, "it is down");
    story.write(draft);
}

fn flagged(story: &mut Story, action: ActionId) {
    let draft = story.flag(action, "odd");
    story.write(draft);
}

fn propose(
    story: &mut Story,
    change: impl FnOnce(&mut vidimus_protocol::entry::Proposed),
) -> ActionId {
    let mut draft = story.proposal();
    let Data::ActionProposed(data) = &mut draft.leaf.data else {
        unreachable!("a proposal proposes");
    };
    change(data);
    let action = data.action;
    story.write(draft);
    action
}

fn verdict(story: &mut Story, action: ActionId, verdict: Verdict) {
    let draft = story.verdict(action, verdict, "looks right");
    story.write(draft);
}

fn resolve(story: &mut Story, action: ActionId, resolution: Resolution) {
    let draft = story.resolution(action, resolution);
    story.write(draft);
}

fn has_permit(story: &Story) -> bool {
    let issued = |leaf: &Vec<u8>| leaf.windows(13).any(|word| word == b"permit.issued");
    story.leaves().iter().any(issued)
}
