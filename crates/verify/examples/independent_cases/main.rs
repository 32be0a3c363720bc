//! Writes good and bad exports, and beside them what this crate's verifier says to each: the questions that a
//! second verifier, written from docs/spec alone, has to answer the same way. `tests/independent/agree.py`
//! asks them.
//!
//! `cargo run -p vidimus-verify --features testkit --example independent_cases -- FOLDER`; `cargo xtask test`
//! runs it as one of its steps.

mod acts;
mod authenticator;
mod contents;
mod earlier;
mod fields;
mod files;
mod forge;
mod json_actions;
mod keys;
mod kinds;
mod leaves;
mod life;
mod notes;
mod places;
mod team;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Digest, sha256};
use vidimus_verify::export::{self, AtLeast, Given};

use crate::forge::{Content, Forge, Sealed};

/// Where cases are written. They are answered beside, while the next ones are made.
pub(crate) struct Cases {
    written: BTreeSet<Digest>,
    queue: SyncSender<Case>,
    answering: JoinHandle<io::Result<()>>,
}

/// A question without its answer.
struct Case {
    line: Value,
    name: String,
    file: Vec<u8>,
    trust: Option<Vec<u8>>,
    earlier: Option<String>,
}

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let Some(folder) = folder else {
        return Err(io::Error::other("name the folder to write the cases to"));
    };
    let mut cases = Cases::create(&folder)?;
    life::write(&mut cases);
    systematic(&mut cases);
    acts::write(&mut cases);
    notes::write(&mut cases);
    json_actions::write(&mut cases);
    kinds::write(&mut cases);
    files::write(&mut cases);
    places::write(&mut cases);
    earlier::write(&mut cases);
    team::write(&mut cases);
    cases.finish()
}

impl Cases {
    fn create(folder: &Path) -> io::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let mut list = fs::File::create(folder.join("cases.jsonl"))?;
        let folder = folder.to_owned();
        let (queue, cases) = sync_channel::<Case>(64);
        let answering = thread::spawn(move || {
            for case in cases {
                fs::write(folder.join(&case.name), &case.file)?;
                writeln!(list, "{}", case.answered())?;
            }
            Ok(())
        });
        Ok(Self {
            written: BTreeSet::new(),
            queue,
            answering,
        })
    }

    fn finish(self) -> io::Result<()> {
        drop(self.queue);
        self.answering.join().expect("every case has an answer")
    }

    /// A log under a right digest, judged with a trust file that names it.
    pub(crate) fn sealed(&mut self, name: &str, sealed: &Sealed) {
        self.file(name, &sealed.file(), Some(sealed.log));
    }

    /// Any file, judged with a trust file that names this log.
    pub(crate) fn file(&mut self, name: &str, file: &[u8], trust: Option<Digest>) {
        let trust = trust.map(|log| TrustFile::new(log).to_bytes());
        self.judged(name, file, trust.as_deref(), None);
    }

    /// A file that was changed in two places, of which either may be named.
    pub(crate) fn pair(&mut self, name: &str, file: &[u8], trust: Digest) {
        let trust = TrustFile::new(trust).to_bytes();
        self.add(name, file, Some(&trust), None, 2);
    }

    /// Any file, any trust file and any earlier checkpoint; the same bytes are written once.
    pub(crate) fn judged(
        &mut self,
        name: &str,
        file: &[u8],
        trust: Option<&[u8]>,
        earlier: Option<&str>,
    ) {
        self.add(name, file, trust, earlier, 1);
    }

    fn add(
        &mut self,
        name: &str,
        file: &[u8],
        trust: Option<&[u8]>,
        earlier: Option<&str>,
        places: u8,
    ) {
        let beside = [trust, earlier.map(str::as_bytes)].map(Option::unwrap_or_default);
        let id = sha256(&[file, b"\0", beside[0], b"\0", beside[1]]);
        if !self.written.insert(id) {
            return;
        }
        let text = trust.map(String::from_utf8_lossy);
        let stored = format!("{}.vidimus", &id.to_string()[..16]);
        let case = Case {
            line: json!({
                "name": name,
                "file": stored,
                "trust": text,
                "at_least": earlier,
                "places": places,
            }),
            name: stored,
            file: file.to_vec(),
            trust: trust.map(<[u8]>::to_vec),
            earlier: earlier.map(str::to_owned),
        };
        let queued = self.queue.send(case);
        queued.expect("the folder can be written to");
    }
}

impl Case {
    fn answered(self) -> Value {
        let answer = answer(&self.file, self.trust.as_deref(), self.earlier.as_deref())
            .unwrap_or_else(|why| json!({"code": 2, "wrong": null, "why": why}));
        let mut line = self.line;
        if let (Some(line), Value::Object(answer)) = (line.as_object_mut(), answer) {
            line.extend(answer);
        }
        line
    }
}

/// What `vidimus verify` says; an error when it cannot take what is given beside the export.
fn answer(file: &[u8], trust: Option<&[u8]>, earlier: Option<&str>) -> Result<Value, String> {
    let trust = trust.map(TrustFile::parse).transpose();
    let trust = trust.map_err(|why| why.to_string())?;
    let earlier = earlier.map(|text| AtLeast::parse(text.as_bytes()));
    let earlier = earlier.transpose().map_err(|why| why.to_string())?;
    let given = Given {
        trust: trust.as_ref(),
        at_least: earlier.as_ref(),
    };
    let report = export::verify(file, given, |_| {}).expect("memory can be read");
    let why = report.wrong.as_ref().map(|wrong| wrong.why.clone());
    Ok(json!({
        "code": report.conclusion.exit_code(),
        "wrong": report.wrong,
        "why": why.or(report.upgrade),
    }))
}

/// Every field of every kind of entry, every part line, and the order of entries.
fn systematic(cases: &mut Cases) {
    let (mut seen_kinds, mut seen_parts) = (BTreeSet::new(), BTreeSet::new());
    for (name, forge) in life::good() {
        let others = strings(&forge.content);
        for index in 0..forge.content.leaves.len() {
            let leaf = &forge.content.leaves[index];
            // One entry of each kind and of each outcome is enough.
            let sort = [
                "/kind",
                "/data/resolution",
                "/data/edits",
                "/data/run",
                "/data/signed/item/run",
                "/data/evaluation/decision",
                "/data/signed/item/verdict",
                "/data/seen/parts/2/name",
                "/data/action_kind",
                "/data/outcome/succeeded",
                "/data/outcome/failed",
                "/data/outcome/failed_to_start",
                "/data/evaluation/assurance/0",
                "/data/policies/0",
            ]
            .map(|place| leaf.pointer(place).cloned().unwrap_or_default().to_string());
            if seen_kinds.insert(sort) {
                every_field(
                    cases,
                    &forge,
                    &format!("{name}, entry {index}"),
                    &others,
                    |content| &mut content.leaves[index],
                );
            }
            order(cases, &forge, &name, index);
        }
        // One part of each name is enough.
        for index in 0..forge.content.parts.len() {
            if !seen_parts.insert(forge.content.parts[index]["name"].to_string()) {
                continue;
            }
            every_field(
                cases,
                &forge,
                &format!("{name}, part {index}"),
                &others,
                |content| &mut content.parts[index],
            );
        }
    }
}

fn every_field(
    cases: &mut Cases,
    forge: &Forge,
    name: &str,
    others: &[String],
    whose: impl Fn(&mut Content) -> &mut Value,
) {
    let original = whose(&mut forge.content.clone()).clone();
    for place in fields::places(&original) {
        let value = original.pointer(&place).expect("it was found there");
        for (change, new) in fields::changes(value, others) {
            let mut content = forge.content.clone();
            fields::put(whose(&mut content), &place, new);
            let name = format!("{name}, {place} {change}");
            cases.sealed(&name, &forge.seal(&content));
            if change == "longer" {
                cases.sealed(
                    &format!("{name}, the rest as it was"),
                    &forge.seal_tree(&content),
                );
            }
        }
    }
}

/// The entry left out, twice, swapped with the next, and moved to the end.
fn order(cases: &mut Cases, forge: &Forge, name: &str, index: usize) {
    type Move = fn(&mut Vec<usize>, usize);
    let moves: [(&str, Move); 4] = [
        ("left out", |order, at| {
            order.remove(at);
        }),
        ("twice", |order, at| order.insert(at, at)),
        ("again at the end", |order, at| order.push(at)),
        ("swapped with the next", |order, at| {
            let next = (at + 1) % order.len();
            order.swap(at, next);
        }),
    ];
    for (what, change) in moves {
        let mut order: Vec<usize> = (0..forge.content.leaves.len()).collect();
        change(&mut order, index);
        if !order.is_empty() {
            let name = format!("{name}, entry {index} {what}");
            cases.sealed(&name, &forge.seal_tree(&reordered(&forge.content, &order)));
        }
    }
}

/// The entries in another order; times stay where they are, references and parts go with their entry.
fn reordered(content: &Content, order: &[usize]) -> Content {
    let mut new = content.clone();
    let place = |old: &Value| {
        let old = old.as_u64().and_then(|at| usize::try_from(at).ok());
        order.iter().position(|at| Some(*at) == old)
    };
    new.leaves = order.iter().map(|at| content.leaves[*at].clone()).collect();
    for (at, leaf) in new.leaves.iter_mut().enumerate() {
        let clock = content.leaves.get(at).or(content.leaves.last());
        leaf["time"] = clock.expect("a log has entries")["time"].clone();
        for reference in leaf["refs"].as_array_mut().into_iter().flatten() {
            reference["index"] = json!(place(&reference["index"]).unwrap_or(0));
        }
    }
    new.parts.retain_mut(|part| {
        let at = place(&part["index"]);
        part["index"] = json!(at);
        at.is_some()
    });
    new.parts.sort_by_key(|part| part["index"].as_u64());
    new
}

/// Every string of the log, to be put where it does not belong.
fn strings(content: &Content) -> Vec<String> {
    let all = content.leaves.iter().flat_map(|leaf| {
        let places = fields::places(leaf).into_iter();
        places.filter_map(|place| leaf.pointer(&place)?.as_str().map(str::to_owned))
    });
    all.collect::<BTreeSet<_>>().into_iter().collect()
}
