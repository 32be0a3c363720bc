//! One or two places of a file changed under a right digest: what is wrong has to be found in the same order, and
//! named alike.

use serde_json::{Value, json};

use crate::Cases;
use crate::forge::{Sealed, finished, hash_line, read, text, written};
use crate::life;

type Lines = Vec<Vec<u8>>;
type Edit<'a> = (String, Box<dyn Fn(&mut Lines) + 'a>);

pub(crate) fn write(cases: &mut Cases) {
    for (name, forge) in life::good() {
        if !["new log", "with notes that were seen"].contains(&name.as_str()) {
            continue;
        }
        let sealed = forge.sealed();
        let edits = edits(&sealed);
        for (at, (first, edit)) in edits.iter().enumerate() {
            let mut lines = sealed.lines.clone();
            edit(&mut lines);
            case(cases, &sealed, &format!("{name}, {first}"), &lines);
            for (second, edit) in &edits[at + 1..] {
                let mut lines = lines.clone();
                edit(&mut lines);
                let name = format!("{name}, {first}, and {second}");
                cases.pair(&name, &finished(&lines), sealed.log);
            }
        }
        let mut unknown = forge.content.clone();
        unknown.parts.clear();
        for entry in [0, 2] {
            unknown.leaves[entry] = json!({"kind": "tea.made", "v": 1});
            let sealed = forge.seal_tree(&unknown);
            for (edited, edit) in self::edits(&sealed) {
                let mut lines = sealed.lines.clone();
                edit(&mut lines);
                case(
                    cases,
                    &sealed,
                    &format!("{name}, entry {entry} unknown, {edited}"),
                    &lines,
                );
            }
        }
    }
}

/// Under the right trust file, under none, and under another.
fn case(cases: &mut Cases, sealed: &Sealed, name: &str, lines: &[Vec<u8>]) {
    let file = finished(lines);
    let mut other = sealed.log;
    other.0[0] ^= 1;
    for (trust, log) in [
        ("", Some(sealed.log)),
        (", without trust", None),
        (", trust in another", Some(other)),
    ] {
        cases.file(&format!("{name}{trust}"), &file, log);
    }
}

/// Changes of one place. Those that take lines away or add some come last, so that two can be done in turn.
fn edits(sealed: &Sealed) -> Vec<Edit<'_>> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut add = |name: String, edit: Box<dyn Fn(&mut Lines)>| edits.push((name, edit));
    for entry in [0, 1, sealed.size - 1] {
        let [hash, leaf] = [sealed.hash_at(entry), sealed.leaf_at(entry)];
        add(
            format!("another hash {entry}"),
            Box::new(move |lines| lines[hash] = hash_line(b"another")),
        );
        add(
            format!("hash {entry} in capitals"),
            Box::new(move |lines| lines[hash].make_ascii_uppercase()),
        );
        add(
            format!("another time in leaf {entry}"),
            Box::new(move |lines| other_time(&mut lines[leaf])),
        );
        add(
            format!("another byte in leaf {entry}"),
            Box::new(move |lines| lines[leaf][20] ^= 4),
        );
        add(
            format!("another time in leaf {entry} with its hash"),
            Box::new(move |lines| {
                other_time(&mut lines[leaf]);
                lines[hash] = hash_line(&lines[leaf]);
            }),
        );
        add(
            format!("an unknown leaf {entry} with its hash"),
            Box::new(move |lines| {
                lines[leaf] = written(&json!({"kind": "tea.made", "v": 1}));
                lines[hash] = hash_line(&lines[leaf]);
            }),
        );
        add(
            format!("leaf {entry} too long"),
            Box::new(move |lines| lines[leaf] = vec![b'x'; 65_536]),
        );
    }
    for (name, change) in notes() {
        add(
            format!("a checkpoint {name}"),
            Box::new(move |lines| {
                let mut header = read(&lines[0]);
                let note = change(&text(&header, "/checkpoint"));
                header["checkpoint"] = json!(note);
                lines[0] = written(&header);
            }),
        );
    }
    for (member, by) in [
        ("size", 1),
        ("size", -1),
        ("size", 1_000),
        ("parts", 1),
        ("parts", -1),
        ("parts", 1_000),
    ] {
        add(
            format!("{member} {by:+}"),
            Box::new(move |lines| {
                let mut header = read(&lines[0]);
                let number = header[member].as_u64().unwrap_or(0).checked_add_signed(by);
                header[member] = json!(number.unwrap_or(0));
                lines[0] = written(&header);
            }),
        );
    }
    add(
        "another log".into(),
        Box::new(|lines| {
            let mut header = read(&lines[0]);
            header["log"] = json!("11".repeat(32));
            lines[0] = written(&header);
        }),
    );
    let (parts, last) = (sealed.parts_at(), sealed.lines.len() - 1);
    if parts <= last {
        for at in [parts, last] {
            for (name, change) in part_lines() {
                let name = format!("part {} {name}", at - parts);
                add(name, Box::new(move |lines| change(&mut lines[at])));
            }
        }
        for (name, at) in [("the first", parts), ("the last", last)] {
            add(
                format!("{name} part twice"),
                Box::new(move |lines| {
                    lines.insert(at.min(lines.len()), lines[at.min(lines.len() - 1)].clone())
                }),
            );
            add(
                format!("{name} part left out"),
                Box::new(move |lines| drop(lines.remove(at.min(lines.len() - 1)))),
            );
            add(
                format!("{name} part left out and not counted"),
                Box::new(move |lines| {
                    lines.remove(at.min(lines.len() - 1));
                    count(lines, -1);
                }),
            );
        }
    }
    for entry in [0, 4, 1_000] {
        let part = written(
            &json!({"bytes": "", "index": entry, "name": "zzz", "salt": "00".repeat(32), "type": "x"}),
        );
        let counted = part.clone();
        add(
            format!("a part of entry {entry} at the end"),
            Box::new(move |lines| lines.push(part.clone())),
        );
        add(
            format!("a part of entry {entry} at the end, counted"),
            Box::new(move |lines| {
                lines.push(counted.clone());
                count(lines, 1);
            }),
        );
    }
    for garbage in ["", "x", "{}", "\"x\""] {
        add(
            format!("`{garbage}` at the end, counted"),
            Box::new(move |lines| {
                lines.push(garbage.into());
                count(lines, 1);
            }),
        );
    }
    for (name, at) in [
        ("the first hash", 1),
        ("the last hash", sealed.size),
        ("the first leaf", sealed.leaf_at(0)),
        ("the last leaf", sealed.leaf_at(sealed.size - 1)),
    ] {
        add(
            format!("{name} left out"),
            Box::new(move |lines| drop(lines.remove(at.min(lines.len() - 1)))),
        );
        add(
            format!("{name} twice"),
            Box::new(move |lines| {
                lines.insert(at.min(lines.len()), lines[at.min(lines.len() - 1)].clone())
            }),
        );
        add(
            format!("nothing from {name} on"),
            Box::new(move |lines| lines.truncate(at)),
        );
    }
    edits
}

type ChangeNote = fn(&str) -> String;
type ChangeLine = fn(&mut Vec<u8>);

fn notes() -> [(&'static str, ChangeNote); 6] {
    [
        ("with another signature", |note| {
            let at = note.find('—').expect("it is signed") + 60;
            swapped(note, at)
        }),
        ("with another time", |note| swapped(note, note.len() - 60)),
        ("of another size", |note| line(note, 1, "7")),
        ("of another root", |note| {
            line(note, 2, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
        }),
        ("of another origin", |note| line(note, 0, "vidimus/other")),
        ("that is none", |note| line(note, 2, "root")),
    ]
}

/// Another character of base64.
fn swapped(note: &str, at: usize) -> String {
    let mut bytes = note.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("signatures are ASCII")
}

fn line(note: &str, at: usize, with: &str) -> String {
    let mut lines: Vec<&str> = note.split('\n').collect();
    lines[at] = with;
    lines.join("\n")
}

fn part_lines() -> [(&'static str, ChangeLine); 8] {
    fn set(line: &mut Vec<u8>, member: &str, value: Value) {
        if let Ok(mut part) = serde_json::from_slice::<Value>(line)
            && part.is_object()
        {
            part[member] = value;
            *line = written(&part);
        }
    }
    [
        ("with another salt", |line| {
            set(line, "salt", json!("00".repeat(32)))
        }),
        ("with other bytes", |line| set(line, "bytes", json!("AAAA"))),
        ("of another type", |line| {
            set(line, "type", json!("text/plain"))
        }),
        ("of no type", |line| set(line, "type", json!(""))),
        ("of a type in Greek", |line| set(line, "type", json!("αβγ"))),
        ("of another entry", |line| set(line, "index", json!(1))),
        ("of another name", |line| set(line, "name", json!("other"))),
        ("with a space", |line| line.push(b' ')),
    ]
}

fn count(lines: &mut Lines, by: i64) {
    let mut header = read(&lines[0]);
    let number = header["parts"].as_u64().unwrap_or(0).checked_add_signed(by);
    header["parts"] = json!(number.unwrap_or(0));
    lines[0] = written(&header);
}

fn other_time(leaf: &mut Vec<u8>) {
    let Ok(mut other) = serde_json::from_slice::<Value>(leaf) else {
        return;
    };
    if other.is_object() {
        other["time"] = json!("2026-11-21T09:30:59.001Z");
        *leaf = written(&other);
    }
}
