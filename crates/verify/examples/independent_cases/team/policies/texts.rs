//! Texts of policies: right ones, and each way to be wrong.

use serde_json::{Value, json};
use vidimus_protocol::Blob;

use super::super::Team;
use super::sources::RIGHT;
use super::{ASKS, STRICT, alone, cast, policy};
use crate::Cases;
use crate::acts::change;
use crate::fields::{changes, places, put};
use crate::forge::{blob, read, written};

const PROPOSE: &str = "permit (principal, action == Vidimus::Action::\"propose\", resource)";
const RELEASE: &str = "permit (principal, action == Vidimus::Action::\"release\", resource)";
const DECIDE: &str = "permit (principal, action == Vidimus::Action::\"decide\", resource)";

pub(super) fn write(cases: &mut Cases) {
    let text = |source: &str| policy(source).to_bytes();
    for (name, source) in sources() {
        told(cases, &format!("policy text: {name}"), &text(&source));
    }
    for (name, source) in RIGHT {
        told(cases, &format!("policy text: {name}"), &text(source));
    }
    for (at, annotation) in ANNOTATIONS.iter().enumerate() {
        let right = format!("@id(\"d\") {DECIDE};");
        for (question, on) in [
            ("propose", PROPOSE),
            ("release", RELEASE),
            ("decide", DECIDE),
        ] {
            // What cannot be read can nowhere; elsewhere a few are enough.
            if question != "propose" && at % 8 != 0 {
                continue;
            }
            let more = if question == "propose" {
                String::new()
            } else {
                format!("@id(\"p\") {PROPOSE};")
            };
            let source = format!("{right}{more}@id(\"a\") {annotation} {on};");
            told(
                cases,
                &format!("policy text: {annotation} on {question}"),
                &text(&source),
            );
        }
    }
    form(cases);
}

/// In a team's log and in a personal one.
fn told(cases: &mut Cases, name: &str, text: &[u8]) {
    for mut team in [cast(), alone()] {
        let draft = team.by("Ada").story.policy_of(text.to_vec());
        team.write(draft);
        let profile = team.story.log.opened.profile;
        team.told(cases, &format!("{name}, {profile:?}"));
    }
}

const ANNOTATIONS: &[&str] = &[
    "",
    "@id(\"b\")",
    "@why(\"\")",
    "@why",
    "@why(\"é\")",
    "@why(\"a\\nb\")",
    "@why(\"a\\u{85}b\")",
    "@why(\"a\\u{2028}b\")",
    "@why(\"a\\u{202e}b\")",
    "@Why(\"x\")",
    "@note(\"x\")",
    "@note",
    "@people",
    "@people(\"\")",
    "@people(\"0\")",
    "@people(\"1\")",
    "@people(\"01\")",
    "@people(\"+1\")",
    "@people(\" 1\")",
    "@people(\"1 \")",
    "@people(\"2\")",
    "@people(\"16\")",
    "@people(\"17\")",
    "@people(\"999999999999999999999\")",
    "@people(\"one\")",
    "@people(\"1 from sre\")",
    "@people(\"1 from SRE\")",
    "@people(\"1  from sre\")",
    "@people(\"1 from  sre\")",
    "@people(\"1 from sre and\")",
    "@people(\"1 from sre and \")",
    "@people(\"and 1 from sre\")",
    "@people(\"1 and 1\")",
    "@people(\"1 from sre and 1\")",
    "@people(\"1 from sre and 1 from sre\")",
    "@people(\"1 from a and 2 from b and 3\")",
    "@people(\"8 from a and 8 from b\")",
    "@people(\"8 from a and 8 from b and 1\")",
    "@people(\"1 from and\")",
    "@people(\"1 from and and 1\")",
    "@people(\"1 from from\")",
    "@people(\"1 from a from b\")",
    "@people(\"1, 1\")",
    "@people(\"\u{661}\")",
    "@people(\"1 from \u{e9}\")",
    "@people(\"1 from aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\")",
    "@people(\"1 from aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\")",
    "@reason",
    "@reason(\"required\")",
    "@reason(\"Required\")",
    "@reason(\"\")",
    "@reason(\"no\")",
    "@assurance",
    "@assurance(\"device-bound\")",
    "@assurance(\"device_bound\")",
    "@assurance(\"proven-model\")",
    "@assurance(\"device-bound,proven-model\")",
    "@assurance(\" proven-model ,\\tdevice-bound\\u{a0}\")",
    "@assurance(\"device-bound,device-bound\")",
    "@assurance(\"device-bound,\")",
    "@assurance(\",\")",
    "@assurance(\"device-bound proven-model\")",
    "@assurance(\"\\u{200b}device-bound\")",
    "@assurance(\"\\u{3000}device-bound\")",
    "@assurance(\"\\u{1c}device-bound\")",
    "@ttl",
    "@ttl(\"1s\")",
    "@ttl(\"0s\")",
    "@ttl(\"90s\")",
    "@ttl(\"05m\")",
    "@ttl(\"1.5h\")",
    "@ttl(\"24h\")",
    "@ttl(\"1d\")",
    "@ttl(\"25h\")",
    "@ttl(\"86400s\")",
    "@ttl(\"86401s\")",
    "@ttl(\"1440m\")",
    "@ttl(\"2d\")",
    "@ttl(\"1w\")",
    "@ttl(\"1\")",
    "@ttl(\"m\")",
    "@ttl(\"-1m\")",
    "@ttl(\"+1m\")",
    "@ttl(\"1 m\")",
    "@ttl(\"1M\")",
    "@ttl(\"1m \")",
    "@ttl(\"\u{661}m\")",
    "@ttl(\"1\u{e9}\")",
    "@ttl(\"99999999999999999999d\")",
    "@use(\"1s\")",
    "@use(\"1d\")",
    "@use(\"2d\")",
    "@use(\"00h\")",
    "@use",
    "@use(\"007s\")",
    "@grace(\"1h\")",
    "@grace(\"61m\")",
    "@grace(\"0s\")",
    "@grace",
    "@separate(\"365d\")",
    "@separate(\"366d\")",
    "@separate(\"8760h\")",
    "@separate(\"8761h\")",
    "@separate(\"0d\")",
    "@separate(\"1d\")",
    "@separate",
    "@separate(\"010d\")",
    "@veto",
    "@veto(\"0\")",
    "@veto(\"1\")",
    "@veto(\"2\")",
    "@veto(\"16\")",
    "@veto(\"17\")",
    "@veto(\"02\")",
    "@reason(\"required\") @reason(\"required\")",
    "@people(\"1\") @veto(\"1\")",
];

fn sources() -> Vec<(String, String)> {
    let decide = format!("@id(\"d\") {DECIDE};\n");
    let with = |rest: &str| format!("{decide}{rest}");
    let mut found: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, source: String| found.push((name.into(), source));
    add("asks", ASKS.into());
    add("strict", STRICT.into());
    add("empty", String::new());
    add("only a comment", "// nothing".into());
    add("nothing decides", format!("@id(\"p\") {PROPOSE};"));
    add("nothing proposes", decide.clone());
    add(
        "one is forbidden to propose",
        with(&format!(
            "@id(\"p\") {};",
            PROPOSE.replace("permit", "forbid")
        )),
    );
    add("without an id", with(&format!("{PROPOSE};")));
    for id in ["", "a", "A", "a b", "a/b", "\u{e9}", "-", ".", "_", "0"] {
        add(
            &format!("id `{id}`"),
            with(&format!("@id(\"{id}\") {PROPOSE};")),
        );
    }
    for length in [64, 65] {
        add(
            &format!("id of {length}"),
            with(&format!("@id(\"{}\") {PROPOSE};", "a".repeat(length))),
        );
    }
    for length in [300, 301] {
        let why = "\u{e9}".repeat(length);
        add(
            &format!("why of {length}"),
            with(&format!("@id(\"p\") @why(\"{why}\") {PROPOSE};")),
        );
    }
    add("an id twice", with(&format!("@id(\"d\") {PROPOSE};")));
    add(
        "an id twice in one",
        with(&format!("@id(\"a\") @id(\"b\") {PROPOSE};")),
    );
    for scope in [
        "principal, action, resource",
        "principal, action in Vidimus::Action::\"propose\", resource",
        "principal, action in [Vidimus::Action::\"propose\"], resource",
        "principal, action in [Vidimus::Action::\"propose\", Vidimus::Action::\"release\"], resource",
        "principal, action in [], resource",
        "principal, action == Vidimus::Action::\"approve\", resource",
        "principal, action == Vidimus::Agent::\"propose\", resource",
        "principal, action == Action::\"propose\", resource",
        "principal, action in [Vidimus::Action::\"propose\", Vidimus::Action::\"approve\"], resource",
        "principal == ?principal, action == Vidimus::Action::\"propose\", resource",
        "principal, action == Vidimus::Action::\"propose\", resource in ?resource",
        "principal is Vidimus::Agent, action == Vidimus::Action::\"propose\", resource",
        "principal is Vidimus::Person, action == Vidimus::Action::\"propose\", resource",
        "principal is Vidimus::Agent in Vidimus::Group::\"sre\", action == Vidimus::Action::\"propose\", resource is Vidimus::Target",
        "principal == Vidimus::Person::\"x\", action == Vidimus::Action::\"propose\", resource",
        "principal in Vidimus::Group::\"x\", action == Vidimus::Action::\"propose\", resource == Vidimus::Target::\"a/b/c\"",
        "principal in Vidimus::Environment::\"x\", action == Vidimus::Action::\"propose\", resource",
        "principal, action == Vidimus::Action::\"propose\", resource in Vidimus::Environment::\"x\"",
        "principal, action == Vidimus::Action::\"propose\", resource in Vidimus::Group::\"x\"",
        "principal, action == Vidimus::Action::\"propose\"",
    ] {
        for effect in ["permit", "forbid"] {
            let source = format!("@id(\"p\") {PROPOSE};@id(\"x\") {effect} ({scope});");
            add(&format!("{effect} ({scope})"), with(&source));
        }
    }
    for condition in CONDITIONS {
        for effect in ["permit", "forbid"] {
            let on = PROPOSE.replace("permit", effect);
            let source = format!("@id(\"p\") {PROPOSE};@id(\"x\") {on} {condition};");
            add(&format!("{effect} {condition}"), with(&source));
        }
    }
    add(
        "many",
        with(
            &(0..300)
                .map(|at| format!("@id(\"p{at}\") {PROPOSE};"))
                .collect::<String>(),
        ),
    );
    for count in [30, 31, 32] {
        let (open, close) = ("(".repeat(count), ")".repeat(count));
        let source =
            format!("@id(\"p\") {PROPOSE};@id(\"x\") {PROPOSE} when {{ {open}true{close} }};");
        add(&format!("{count} brackets in a bracket"), with(&source));
        let source = format!(
            "@id(\"p\") {PROPOSE};@id(\"x\") {PROPOSE} when {{ {open}\"{open}\"{close} == \"\" }};//{open}"
        );
        add(
            &format!("{count} brackets, and some in a text"),
            with(&source),
        );
    }
    // One beside the other: what is deep, cedarpy does not take through JSON.
    for count in [20, 331, 332, 333, 334, 1000] {
        let clauses = " when { 1 > 0 }".repeat(count);
        let source = format!("@id(\"p\") {PROPOSE};@id(\"x\") {PROPOSE}{clauses};");
        add(&format!("{count} clauses"), with(&source));
    }
    add("no end", with(&format!("@id(\"p\") {PROPOSE}")));
    add("a zero", with(&format!("@id(\"p\") {PROPOSE};\0")));
    add(
        "a byte order mark",
        format!("\u{feff}{decide}@id(\"p\") {PROPOSE};"),
    );
    add(
        "a comment of bidi",
        with(&format!("// \u{202e}\n@id(\"p\") {PROPOSE};")),
    );
    found
}

const CONDITIONS: &[&str] = &[
    "when { true }",
    "when { false }",
    "unless { true }",
    "unless { false }",
    "when { context.kind == \"sql\" }",
    "when { context.kind == 1 }",
    "when { context.kind }",
    "when { context.nothing }",
    "when { context has nothing }",
    "when { context has run }",
    "when { context.run == \"a\" }",
    "when { context has run && context.run == \"a\" }",
    "when { context has sql.database && context.sql.database like \"*shop*\" }",
    "when { context.sql.tables.contains(\"a\") }",
    "when { context has sql && context.sql.tables.contains(1) }",
    "when { context has sql && context.sql.tables.containsAny([\"a\", \"b\"]) }",
    "when { context has sql && context.sql.tables.containsAny([]) }",
    "when { context has sql && context.sql.tables.isEmpty() }",
    "when { [\"a\", \"b\"].contains(context.kind) }",
    "when { [\"a\", 1].contains(context.kind) }",
    "when { context.last_hour * 2 + 1 - 1 > -3 }",
    "when { context.last_hour > 9223372036854775807 }",
    "when { context.last_hour > 9223372036854775808 }",
    "when { context.time > datetime(\"2026-01-01\") }",
    "when { context.time > datetime(\"2026-13-01\") }",
    "when { context.time.toTime() > duration(\"8h\") }",
    "when { context.time.toTime() > duration(\"8x\") }",
    "when { context.time.offset(duration(\"1d\")).toDate() == datetime(\"2026-11-22\") }",
    "when { context.time.durationSince(datetime(\"2026-01-01\")).toDays() > 3 }",
    "when { context.time.durationSince(datetime(\"2026-01-01\")).toHours() > 3 }",
    "when { ip(\"10.0.0.1\").isLoopback() }",
    "when { ip(\"10.0.0.1\") == ip(\"10.0.0.2\") }",
    "when { decimal(\"1.0\") == decimal(\"1.1\") }",
    "when { decimal(\"1.0\").lessThan(decimal(\"1.1\")) }",
    "when { unknown(\"a\") }",
    "when { nothing(\"a\") }",
    "when { {a: 1, ip: 2}.ip == 2 }",
    "when { {a: 1}.b == 2 }",
    "when { {\"decimal\": [1]}.decimal.contains(1) }",
    "when { principal.owner.reviewer }",
    "when { principal.owner.owner }",
    "when { principal.owner in Vidimus::Group::\"a\" }",
    "when { principal in [Vidimus::Group::\"a\", Vidimus::Group::\"b\"] }",
    "when { principal has name }",
    "when { principal == context.agent }",
    "when { principal == resource }",
    "when { principal is Vidimus::Person }",
    "when { principal is Vidimus::Agent in Vidimus::Group::\"a\" }",
    "when { resource.environment == \"prod\" }",
    "when { resource in Vidimus::System::\"db\" }",
    "when { resource has tag }",
    "when { principal.hasTag(\"a\") }",
    "when { if context.first_of_kind then true else context.weekday > 5 }",
    "when { if context.first_of_kind then 1 else \"a\" }",
    "when { context.first_of_kind || context.kind == 1 }",
    "when { true || context.kind == 1 }",
    "when { false && context.kind == 1 }",
    "when { context.kind == \"a\" && context.kind == 1 }",
    "when { !context.first_of_kind && !(!(context.first_of_kind)) }",
    "when { ---context.weekday < 3 }",
    "when { context.kind == \"a\u{202e}b\" }",
    "when { context.kind == \"a\u{200f}b\" }",
    "when { context.kind == \"\u{6f22}\u{5b57}\" }",
    "when { context.kind == \"\u{43f}\u{440}\u{43e}\" }",
    "when { context.kind like \"a\u{202e}*\" }",
    "when { resource == Vidimus::Target::\"a\u{202e}/b/c\" }",
    "when { resource in Vidimus::Environment::\"a\u{2066}\" }",
    "when { context.kind == \"a\\u{202e}b\" }",
    "when { context.kind == \"a\\nb\\0\\x41\\'\\\"\" }",
    "when { context.kind == 'a' }",
    "when { context[\"kind\"] == \"a\" }",
    "when { context has \"kind\" }",
    "when { context.kind.contains(\"a\") }",
    "when { context.effects.contains(\"read\") } unless { context.first_of_kind }",
    "when { true } when { false }",
    "when { context.first_of_kind } unless { context.first_of_kind }",
    "when { principal.name == principal[\"name\"] }",
    "when {}",
    "when",
    "where { true }",
    "when { __cedar::datetime(\"a\") }",
    "when { context.time == context.time }",
    "when { 1 == 1 }",
    "when { 1 == 2 }",
    "when { \"a\" like \"a\" }",
    "when { resource.resource like \"\\*\" }",
    "advice { \"a\" }",
];

/// The members of a text, and what a file may be called.
fn form(cases: &mut Cases) {
    let mut team: Team = alone();
    let text = policy(ASKS);
    team.bring(&text);
    let forge = team.forge();
    let at = forge
        .content
        .parts
        .iter()
        .position(|part| part["name"] == json!("policy"));
    let at = at.expect("a policy");
    let plain = read(&blob(&forge.content.parts[at]["bytes"]).expect("base64url"));
    let mut all: Vec<(String, Value)> = Vec::new();
    for place in places(&plain) {
        let value = plain.pointer(&place).expect("it was found there");
        for (change, new) in changes(value, &[]) {
            let mut changed = plain.clone();
            put(&mut changed, &place, new);
            all.push((format!("{place} {change}"), changed));
        }
    }
    for name in [
        "a.cedar",
        "a.json",
        ".cedar",
        "..cedar",
        "a..cedar",
        "-.cedar",
        "_.cedar",
        "a/b.cedar",
        "A.cedar",
        "a.txt",
        "a",
        "a.cedar.json",
        "a.json.cedar",
        "\u{e9}.cedar",
        "a.CEDAR",
        "cedar",
        "json",
        "0.json",
    ] {
        let mut changed = plain.clone();
        changed["files"][0]["name"] = json!(name);
        all.push((format!("a file `{name}`"), changed));
    }
    for length in [80, 81] {
        let mut changed = plain.clone();
        changed["files"][0]["name"] = json!(format!("{}.cedar", "a".repeat(length - 6)));
        all.push((format!("a name of {length}"), changed));
    }
    for files in [
        vec![("a.json", "{"), ("policy.cedar", ASKS)],
        vec![("policy.cedar", ASKS), ("a.json", "{}")],
        vec![("policy.cedar", ASKS), ("policy.cedar", "")],
        vec![("policy.cedar", ASKS), ("q.cedar", "")],
        vec![
            ("policy.cedar", ASKS),
            (
                "q.cedar",
                "@id(\"more\") forbid (principal, action, resource);",
            ),
        ],
        vec![
            ("policy.cedar", ASKS),
            (
                "q.cedar",
                "@id(\"you\") forbid (principal, action, resource);",
            ),
        ],
        vec![("a.json", "")],
        vec![
            ("a.cedar", "@id(\"a\") permit (principal,"),
            (
                "b.cedar",
                "action == Vidimus::Action::\"propose\", resource);",
            ),
        ],
    ] {
        let mut changed = plain.clone();
        let listed = files
            .iter()
            .map(|(name, text)| json!({"name": name, "text": text}));
        changed["files"] = listed.collect();
        all.push((
            format!(
                "files {:?}",
                files.iter().map(|file| file.0).collect::<Vec<_>>()
            ),
            changed,
        ));
    }
    for count in [199, 200, 201] {
        let mut changed = plain.clone();
        let file = |at: usize| json!({"name": format!("z{at:03}.json"), "text": ""});
        let more = std::iter::once(plain["files"][0].clone()).chain((1..count).map(file));
        changed["files"] = more.collect();
        all.push((format!("{count} files"), changed));
    }
    for (name, changed) in all {
        change(cases, &forge, &format!("policy text, {name}"), |content| {
            content.parts[at]["bytes"] = json!(Blob(written(&changed)).to_string());
        });
    }
}
