//! Both sides of every limit of a team's log: its address, names, roles, rules, pins and ages.

use serde_json::{Value, json};
use vidimus_protocol::envelope::Role;
use vidimus_protocol::{Blob, Time, sha256};
use vidimus_verify::testkit::FLAGS;

use super::Team;
use crate::Cases;
use crate::acts::change;
use crate::fields::put;
use crate::forge::{Forge, blob};

const HOST: &str = "gate.example.com";
const AT: &str = "https://gate.example.com";
const DAY_MS: u64 = 86_400_000;

pub(super) fn write(cases: &mut Cases) {
    openings(cases);
    moved(cases);
    values(cases);
    pins(cases);
    ages(cases);
}

// -- Addresses

fn openings(cases: &mut Cases) {
    let mut forge = Team::new().forge();
    forge.content.leaves.truncate(1);
    let mut places: Vec<(String, Value)> = Vec::new();
    let long_label = "a".repeat(63);
    let longest = format!("{0}.{0}.{0}.{1}", long_label, "b".repeat(61));
    for host in [
        HOST,
        "localhost",
        "example.com",
        "a.b",
        "a-b.c-d",
        "xn--bcher-kva.example",
        "1.example",
        "a.b1",
        "a.xn--p1ai",
        "a.1b",
        "a.0x1",
        "127.0.0.1",
        "0x7f.1",
        "1.2",
        "[::1]",
        "::1",
        "gate",
        "localhost.",
        "a.localhost",
        "LOCALHOST",
        "Gate.example.com",
        "gate.example.com.",
        ".gate.example.com",
        "gate..example.com",
        "-gate.example.com",
        "gate-.example.com",
        "gate.example.com-",
        "gate_1.example.com",
        "gäte.example.com",
        "gate.example.com:443",
        "gate.example.com/",
        "gate.example.com\n",
        "gate example.com",
        "ada@example.com",
        "*.example.com",
        "",
        ".",
        "a.٤a",
        "a.bé",
        "ａ.example",
        &format!("{long_label}.example"),
        &format!("{long_label}a.example"),
        &longest,
        &format!("{longest}c"),
    ] {
        let lists = [
            json!([format!("https://{host}")]),
            json!(["http://localhost:7411"]),
        ];
        places.extend(lists.map(|origins| (host.to_owned(), origins)));
    }
    for origin in [
        "https://gate.example.com:1",
        "https://gate.example.com:442",
        "https://gate.example.com:443",
        "https://gate.example.com:0443",
        "https://gate.example.com:4430",
        "https://gate.example.com:8443",
        "https://gate.example.com:65535",
        "https://gate.example.com:65536",
        "https://gate.example.com:0",
        "https://gate.example.com:",
        "https://gate.example.com:80",
        "https://gate.example.com:٤",
        "https://gate.example.com:+1",
        "https://gate.example.com:1/",
        "https://gate.example.com/",
        "https://gate.example.com.",
        "https://Gate.example.com",
        "HTTPS://gate.example.com",
        "http://gate.example.com",
        "http://gate.example.com:80",
        "http://localhost:7411",
        "https://console.gate.example.com",
        "https://example.com",
        "https://gate.example.comm",
        "https://ada@gate.example.com",
        "https://127.0.0.1",
        "https://gate.example.com?",
        " https://gate.example.com",
        "gate.example.com",
        "",
    ] {
        places.push((HOST.into(), json!([origin])));
        places.push((HOST.into(), json!([AT, origin])));
    }
    for origin in [
        "http://localhost",
        "http://localhost:1",
        "http://localhost:80",
        "http://localhost:443",
        "http://localhost:65536",
        "http://localhost:07411",
        "https://localhost",
        "https://localhost:7411",
        "http://Localhost:7411",
        "http://127.0.0.1:7411",
    ] {
        places.push(("localhost".into(), json!([origin])));
    }
    places.push((HOST.into(), json!([])));
    for profile in ["team", "personal"] {
        for (host, origins) in &places {
            let name = format!("a {profile} log of `{}` at {origins}", host.escape_debug());
            change(cases, &forge, &name, |content| {
                let data = &mut content.leaves[0]["data"];
                data["profile"] = json!(profile);
                data["rp_id"] = json!(host);
                data["origins"] = origins.clone();
            });
        }
    }
}

/// A whole log at another address than the story's.
fn moved(cases: &mut Cases) {
    for (host, origin) in [
        (HOST, "https://gate.example.com:8443"),
        ("gate.example.org", "https://gate.example.org"),
        ("localhost", "http://localhost:7411"),
    ] {
        let mut team = Team::of_two();
        let action = team.propose(1);
        team.by("Ben").approve(action).run(action);
        let forge = team.forge();
        for listed in [origin, AT] {
            let name = format!("a team at {origin}, where {listed} is listed");
            change(cases, &forge, &name, |content| {
                let data = &mut content.leaves[0]["data"];
                data["rp_id"] = json!(host);
                data["origins"] = json!([listed]);
                for leaf in &mut content.leaves {
                    move_act(leaf, host, origin);
                }
            });
        }
    }
}

/// Everything that an authenticator and a browser would have said elsewhere.
fn move_act(leaf: &mut Value, host: &str, origin: &str) {
    let hashes = [HOST, host].map(|name| sha256(&[name.as_bytes()]).0.to_vec());
    let texts = [AT, origin].map(|text| format!("\"origin\":\"{text}\"").into_bytes());
    for (place, [old, new]) in [
        ("/data/attestation_object", &hashes),
        ("/data/signed/assertion/authenticator_data", &hashes),
        ("/data/client_data_json", &texts),
        ("/data/signed/assertion/client_data_json", &texts),
    ] {
        let Some(bytes) = leaf.pointer(place).and_then(blob) else {
            continue;
        };
        let at = bytes.windows(old.len()).position(|part| part == old);
        let at = at.expect("it stands there");
        let new = [&bytes[..at], new, &bytes[at + old.len()..]].concat();
        put(leaf, place, Some(json!(Blob(new).to_string())));
    }
}

// -- Values of items

fn values(cases: &mut Cases) {
    // Entries: 2 enrolment of Ben, 3 his registration, 5 change, 6 rules.
    let mut team = Team::of_two();
    team.change("Ben", &[Role::Reviewer], &["sre"])
        .rules(false, 0, 1);
    let forge = team.forge();
    let mut changes: Vec<(usize, &str, Value)> = Vec::new();
    let long = |count| "x".repeat(count);
    for identity in [
        "b",
        "ben",
        "Ben",
        "ben@Example.com",
        "b en",
        " ben",
        "ben ",
        "b\u{a0}",
        "b\u{3000}n",
        "b\u{200b}",
        "b\u{ad}",
        "b\u{85}",
        "b\u{0}",
        "b\n",
        "bÉn",
        "bén",
        "bß",
        "bẞ",
        "bǅ",
        "bΣ",
        "bσ",
        "bⅣ",
        "bⓐ",
        "bⒶ",
        "bª",
        "b𝐀",
        "b🅐",
        "İ",
        "ı",
        "",
        "Ada",
        "ada",
        "\u{202e}b",
        "日本",
    ] {
        changes.extend([3, 5].map(|at| (at, "identity", json!(identity))));
    }
    for identity in [
        long(253),
        long(254),
        long(255),
        "é".repeat(254),
        "é".repeat(255),
    ] {
        changes.extend([3, 5].map(|at| (at, "identity", json!(identity))));
    }
    for name in [
        "", "x", " x", "x ", "a b", "x\u{0}", "Ben", "ben", "\u{ad}x", "é",
    ] {
        changes.extend([2, 3, 5].map(|at| (at, "name", json!(name))));
        changes.push((2, "label", json!(name)));
    }
    for name in [long(80), long(81), "😀".repeat(80)] {
        changes.push((5, "name", json!(name)));
        changes.push((2, "label", json!(name)));
    }
    for roles in [
        json!([]),
        json!(["reviewer"]),
        json!(["administrator"]),
        json!(["administrator", "reviewer"]),
        json!(["reviewer", "administrator"]),
        json!(["reviewer", "reviewer"]),
        json!(["Reviewer"]),
        json!(["auditor"]),
        json!([null]),
    ] {
        changes.extend([3, 5].map(|at| (at, "roles", roles.clone())));
    }
    let numbered =
        |count: usize| -> Vec<String> { (0..count).map(|n| format!("g{n:02}")).collect() };
    for groups in [
        json!([]),
        json!(["a"]),
        json!(["a", "a"]),
        json!(["a", "b"]),
        json!(["b", "a"]),
        json!(["a-1", "a.1", "a_1"]),
        json!(["a_1", "a-1"]),
        json!(["-"]),
        json!(["."]),
        json!(["0"]),
        json!([""]),
        json!(["SRE"]),
        json!(["s re"]),
        json!(["é"]),
        json!(["٤"]),
        json!(["a\n"]),
        json!(["a/b"]),
        json!([long(40)]),
        json!([long(41)]),
        json!(numbered(32)),
        json!(numbered(33)),
    ] {
        changes.extend([3, 5].map(|at| (at, "groups", groups.clone())));
    }
    for number in [0, 1, 2, 15, 16, 17, (1_u64 << 53) - 1] {
        changes.push((6, "quorum", json!(number)));
        changes.push((6, "max_age_days", json!(number)));
    }
    for (at, member, value) in changes {
        let name = format!("team, entry {at}, its {member} as {value}");
        change(cases, &forge, &name, |content| {
            put(
                &mut content.leaves[at],
                &format!("/data/signed/item/{member}"),
                Some(value),
            );
        });
    }
    taken_identities(cases);
    quorums(cases);
}

fn taken_identities(cases: &mut Cases) {
    // Entries: 3 Ben, 6 Cleo, 7 Cleo's change, 8 Ben leaves.
    for leaves in [false, true] {
        let mut team = Team::of_two();
        team.join("Cleo", &[Role::Administrator]);
        if leaves {
            team.remove("Ben");
        }
        team.join("Dora", &[Role::Administrator]);
        let forge = team.forge();
        for at in 3..forge.content.leaves.len() {
            for identity in ["ben@example.com", "cleo@example.com", "dora@example.com"] {
                let place = "/data/signed/item/identity";
                if forge.content.leaves[at].pointer(place).is_some() {
                    let name = format!("team, Ben left: {leaves}, entry {at} with {identity}");
                    change(cases, &forge, &name, |content| {
                        put(&mut content.leaves[at], place, Some(json!(identity)));
                    });
                }
            }
        }
    }
}

fn quorums(cases: &mut Cases) {
    for ruled in [1, 2, 16] {
        for asked in [0, 1, 2, 15, 16, 17] {
            for decision in ["ask", "refuse"] {
                let mut team = Team::of_two();
                team.rules(false, 0, ruled).propose(asked);
                let name = format!("team, rules of {ruled}, {decision} {asked}");
                change(cases, &team.forge(), &name, |content| {
                    content.leaves[6]["data"]["evaluation"]["decision"] = json!(decision);
                });
            }
        }
    }
}

// -- Pins

/// Each act of every sort, pinned at every size with the root of that size.
fn pins(cases: &mut Cases) {
    let mut team = Team::of_two();
    team.change("Ben", &[Role::Reviewer], &[])
        .rules(false, 0, 1)
        .rules(false, 0, 1);
    team.claim_for("Ben's second", "Ben", FLAGS);
    let action = team.propose(1);
    team.by("Ben")
        .approve(action)
        .recognise(action)
        .admit("Ben's second");
    team.revoke("Ben's second", vidimus_protocol::envelope::Revocation::Lost);
    team.by("Ada").end_agent().remove("Ben");
    let forge = team.forge();
    every_pin(cases, "team", &forge);
    every_pin(
        cases,
        "a person with two keys",
        &super::with_two_keys().forge(),
    );
    // The owner's record is newer than the key that registers his agent.
    let mut team = Team::new();
    team.join("Ben", &[Role::Administrator]);
    let mut draft = team.story.registration();
    draft = {
        let owner = team.about("Ben");
        let vidimus_protocol::entry::Data::AgentRegistered(data) = draft.leaf.data else {
            unreachable!("it registers");
        };
        let mut item = data.signed.item;
        item.owner = owner.reviewer;
        team.story.registration_with(item, |_, _| {})
    };
    team.write(draft);
    every_pin(cases, "an agent of another's", &team.forge());
}

fn every_pin(cases: &mut Cases, what: &str, forge: &Forge) {
    for (at, leaf) in forge.content.leaves.iter().enumerate() {
        if leaf.pointer("/data/signed").is_none() {
            continue;
        }
        for size in 0..=(at + 1).min(forge.content.leaves.len()) {
            let name = format!("{what}, entry {at} pinned at {size}");
            change(cases, forge, &name, |content| {
                let envelope = &mut content.leaves[at]["data"]["signed"]["envelope"];
                envelope["pinned_size"] = json!(size.to_string());
                envelope["pinned_root"] = json!(forge.root_at(size));
            });
        }
    }
}

// -- Ages

/// A key on its last day, and rules that shut out the key that signs them.
fn ages(cases: &mut Cases) {
    for days in [1, 2, 1 << 52, (1_u64 << 53) - 1] {
        for ms in [-1_i64, 0, 1] {
            let mut team = Team::new();
            let enrolled = team.story.now;
            team.join("Ben", &[Role::Reviewer])
                .agent()
                .rules(false, days, 1);
            let last = enrolled.unix_ms().saturating_add(days.min(2) * DAY_MS);
            team.story.now = Time::from_unix_ms(last - 2_000);
            let action = team.propose(1);
            team.story.now = Time::from_unix_ms(last.saturating_add_signed(ms));
            team.by("Ben").approve(action);
            team.told(cases, &format!("team, a key {ms} ms from {days} days"));
        }
    }
    for days in [0, 1, 2] {
        for ms in [-1_i64, 0, 1] {
            let mut team = Team::of_two();
            // The founder's key was enrolled in the second entry.
            let leaf: Value =
                serde_json::from_slice(&team.story.leaves()[1]).expect("the testkit writes JSON");
            let enrolled: Time =
                serde_json::from_value(leaf["time"].clone()).expect("a time stands there");
            let first_day = enrolled.unix_ms() + DAY_MS;
            team.story.now = Time::from_unix_ms(first_day.saturating_add_signed(ms));
            team.rules(false, days, 1);
            team.told(
                cases,
                &format!("team, rules of {days} days by a key {ms} ms from a day"),
            );
        }
    }
}
